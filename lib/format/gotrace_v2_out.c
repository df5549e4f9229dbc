/* gotrace_v2_out - see gotrace_v2_out.h. Here: what is not frequent. */
#include "format/gotrace_v2_out.h"

#include "model/reasons.h"

#include <inttypes.h>
#include <string.h>

static void begin_batch(struct goleak_v2_out *out)
{
    out->next = out->batch->events;
    out->full = out->batch->events + GOLEAK_BATCH_EVENTS - GOLEAK_V2_ROOM + 1;
}

bool goleak_v2_out_init(struct goleak_v2_out *out, struct goleak_generation *generation, struct goleak_trace_gs *gs)
{
    *out = (struct goleak_v2_out){ .generation = generation, .gs = gs };
    out->batch = goleak_batch_new(generation->env.alloc);
    if (out->batch == NULL)
        return false;
    begin_batch(out);
    return true;
}

void goleak_v2_out_release(struct goleak_v2_out *out)
{
    if (out->generation != NULL)
        goleak_batch_free(out->generation->env.alloc, out->batch);
}

static void find_due(struct goleak_v2_out *out)
{
    const struct goleak_generation *generation = out->generation;
    out->due = out->sample < generation->sample_count ? generation->samples[out->sample].time : UINT64_MAX;
}

void goleak_v2_out_begin(struct goleak_v2_out *out, uint64_t frequency)
{
    if (out->clock.frequency != frequency) { /* since the machine's start */
        int64_t last_ns = out->clock.last_ns;
        goleak_tickclock_init(&out->clock, frequency, 0);
        out->clock.last_ns = last_ns;
    }
    for (size_t i = 0; i < sizeof out->stacks / sizeof *out->stacks; i++)
        out->stacks[i] = (struct goleak_v2_stack){ 0 };
    for (size_t i = 0; i < sizeof out->reasons / sizeof *out->reasons; i++)
        out->reasons[i] = (struct goleak_v2_reason){ .reason = GOLEAK_REASON_UNKNOWN };
    out->sample = 0;
    find_due(out);
}

enum goleak_status goleak_v2_push(struct goleak_v2_out *out)
{
    const struct goleak_event_sink *sink = &out->generation->env.sink;
    size_t count = (size_t)(out->next - out->batch->events);
    if (out->generation->failure != GOLEAK_OK || count == 0) {
        begin_batch(out);
        return out->generation->failure;
    }
    out->pushed += count;
    out->batch->count = count;
    out->batch->untold = (int64_t)(out->untold - out->untold_pushed);
    out->untold_pushed = out->untold;
    out->batch->in_order = true;
    out->late = out->late || goleak_trace_note_late(out->generation->env.health, out->batch);
    enum goleak_status status = sink->push(sink->context, &out->batch);
    begin_batch(out);
    return status;
}

/* ---- ids ---- */

const struct goleak_v2_stack *goleak_v2_find_stack(struct goleak_v2_out *out, uint64_t id)
{
    static const struct goleak_v2_stack none;
    struct goleak_v2_stack *place = &out->stacks[id <= UINT32_MAX ? id & 255 : 256];
    uint32_t stack = goleak_generation_stack(out->generation, id);
    if (stack == 0)
        return &none;
    *place = (struct goleak_v2_stack){ (uint32_t)id, stack, GOLEAK_HAS_STACK,
                                       goleak_trace_start_of(&out->generation->frames, stack) };
    return place;
}

/* The runtime registers its reasons first, so their ids are the same in all recordings
 * seen: good enough where the table is missing, or a part of it (5 + the number of the reason). */
#define FIRST_REASON 5

const struct goleak_v2_reason *goleak_v2_find_reason(struct goleak_v2_out *out, uint64_t id)
{
    size_t size;
    struct goleak_generation *generation = out->generation;
    uint32_t string = goleak_generation_string(generation, id);
    const char *text = goleak_intern_get(&generation->env.symbols->strings, string, &size);
    bool known = id >= FIRST_REASON && id < FIRST_REASON + GOLEAK_REASON_COUNT;
    struct goleak_v2_reason *place = &out->reasons[string != 0 ? id & 31 : 32]; /* missing: asked again, and counted */
    place->id = id;
    place->string = string;
    place->reason = (uint8_t)(string != 0 ? goleak_trace_reason(text, size)
                              : known     ? id - FIRST_REASON
                                          : GOLEAK_REASON_UNKNOWN);
    return place;
}

void goleak_v2_bad_reason(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t string)
{
    struct goleak_generation *generation = out->generation;
    goleak_health_note(generation->env.health, GOLEAK_HEALTH_impossible_reasons, 1, 0, 0, when.position,
                       "found the block reason \"%.100s\", expected one of Go 1.22 to 1.%d",
                       goleak_symbols_text(generation->env.symbols, string), GOLEAK_GO_NEWEST);
}

void goleak_v2_put_start(struct goleak_v2_out *out, struct goleak_event *event, uint32_t slot, uint32_t start)
{
    struct goleak_symbols *symbols = out->generation->env.symbols;
    if (event->goid == 1)
        start = goleak_symbols_string(symbols, "runtime.main", 12);
    if (start == 0)
        return;
    event->name = start;
    event->has |= GOLEAK_HAS_START;
    out->gs->gs[slot].started_told = true;
}

/* A stack of bgsweep was seen whose outermost frame has no name. */
void goleak_v2_learn_start(struct goleak_v2_out *out, struct goleak_event *event, uint32_t slot, uint32_t start)
{
    if (start != 0 && !goleak_name_is_lost(goleak_symbols_text(out->generation->env.symbols, start)))
        goleak_v2_put_start(out, event, slot, start);
}

/* A goid is a positive int64 (runtime2.go: goid uint64, but counted up from 1). */
void goleak_v2_bad_goid(struct goleak_v2_out *out, struct goleak_v2_when when, uint64_t goid)
{
    goleak_generation_damage(out->generation, when.position,
                             "found goroutine id %" PRIu64
                             ", expected one below 2^63; its goroutine is shown without it", goid);
}

/* ---- statuses ---- */

static void infer_reason(struct goleak_v2_out *out, struct goleak_event *event)
{
    struct goleak_generation *generation = out->generation;
    if (!goleak_trace_infer_reason(&generation->frames, event->stack, &event->reason))
        generation->failure = goleak_alloc_failure(generation->env.alloc);
    if (event->reason == GOLEAK_REASON_NONE)
        return;
    event->has |= GOLEAK_HAS_REASON;
    event->flags |= GOLEAK_FLAG_REASON | GOLEAK_FLAG_INFERRED;
    if (event->reason != GOLEAK_REASON_GENERIC)
        return;
    event->wait_reason = GOLEAK_WAIT_COROUTINE;
    event->has |= GOLEAK_HAS_WAIT;
}

void goleak_v2_status(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot, uint64_t id)
{
    const struct goleak_v2_stack *stack = goleak_v2_stack(out, id);
    struct goleak_event *event = goleak_v2_of(out, when, slot, GOLEAK_EVENT_STATUS, 0,
                                              GOLEAK_HAS_STATUS | stack->has);
    event->status = out->gs->gs[slot].status;
    event->stack = stack->stack;
    goleak_v2_put_start(out, event, slot, stack->start);
    if (event->goid > INT64_MAX)
        goleak_v2_bad_goid(out, when, event->goid);
    if (event->status == GOLEAK_TRACE_WAITING && stack->stack != 0)
        infer_reason(out, event);
}

enum goleak_status goleak_v2_tell_state(struct goleak_v2_out *out, uint32_t slot,
                                        const struct goleak_trace_since *since)
{
    const struct goleak_v2_when when = { 0, goleak_trace_since_position(since) };
    goleak_v2_set_clock(out);
    struct goleak_event *event =
        goleak_v2_of(out, when, slot, GOLEAK_EVENT_STATUS, 0, GOLEAK_HAS_STATUS | GOLEAK_HAS_UNTIL);
    event->time_ns = out->clock.last_ns; /* whoever is told of it knows the trace up to here */
    event->status = goleak_trace_since_status(since);
    event->until_ns = since->ns;
    out->untold--;
    return goleak_v2_is_full(out) ? goleak_v2_push(out) : GOLEAK_OK;
}

enum goleak_status goleak_v2_tell_all_told(struct goleak_v2_out *out)
{
    static const char name[] = GOLEAK_TRACE_ALL_TOLD;
    const uint32_t text = goleak_symbols_string(out->generation->env.symbols, name, sizeof name - 1);
    if (text == 0)
        return goleak_alloc_failure(out->generation->env.alloc);
    goleak_v2_set_clock(out);
    const struct goleak_v2_when when = { 0, out->generation->offset };
    struct goleak_event *event = goleak_v2_add(out, when, GOLEAK_EVENT_OTHER, 0, 0);
    event->time_ns = out->clock.last_ns;
    event->name = text;
    out->told_beside++;
    return goleak_v2_is_full(out) ? goleak_v2_push(out) : GOLEAK_OK;
}

enum goleak_status goleak_v2_tell_end(struct goleak_v2_out *out)
{
    if (out->untold == 0)
        return GOLEAK_OK;
    goleak_v2_set_clock(out);
    const struct goleak_v2_when when = { 0, out->generation->offset };
    goleak_v2_add(out, when, GOLEAK_EVENT_OTHER, 0, 0)->time_ns = out->clock.last_ns;
    out->untold--;
    return goleak_v2_is_full(out) ? goleak_v2_push(out) : GOLEAK_OK;
}

/* ---- the runtime's own ---- */

/* Where the values of an event come from: its arguments, their texts, its thread and P. */
enum from { NOTHING, FIRST, SECOND, THIRD, TEXT_FIRST, TEXT_SECOND, TEXT_THIRD, THREAD, P };

struct runtime {
    uint8_t values[3]; /* enum from */
    uint8_t stack;     /* 0: none; else its argument, from 1 */
};

/* As v1's are told, see gotrace_v1_runtime.c; what has no line here has its arguments. */
static struct runtime runtime_of(uint8_t type)
{
    switch (type) {
    case GOLEAK_TRACE_ProcsChange: return (struct runtime){ { FIRST }, 2 };
    case GOLEAK_TRACE_ProcStart: return (struct runtime){ { FIRST, THREAD }, 0 };
    case GOLEAK_TRACE_ProcStop: return (struct runtime){ { P, THREAD }, 0 };
    case GOLEAK_TRACE_ProcSteal: return (struct runtime){ { FIRST, THIRD, THREAD }, 0 };
    case GOLEAK_TRACE_ProcStatus: return (struct runtime){ { FIRST, SECOND, THREAD }, 0 };
    case GOLEAK_TRACE_STWBegin: return (struct runtime){ { TEXT_FIRST }, 2 };
    case GOLEAK_TRACE_GCBegin: return (struct runtime){ { FIRST }, 2 };
    case GOLEAK_TRACE_GCSweepBegin:
    case GOLEAK_TRACE_GCMarkAssistBegin: return (struct runtime){ { NOTHING }, 1 };
    case GOLEAK_TRACE_GoLabel: return (struct runtime){ { TEXT_FIRST }, 0 };
    case GOLEAK_TRACE_UserTaskBegin: return (struct runtime){ { FIRST, SECOND, TEXT_THIRD }, 4 };
    case GOLEAK_TRACE_UserTaskEnd: return (struct runtime){ { FIRST }, 2 };
    case GOLEAK_TRACE_UserRegionBegin:
    case GOLEAK_TRACE_UserRegionEnd: return (struct runtime){ { FIRST, TEXT_SECOND }, 3 };
    case GOLEAK_TRACE_UserLog: return (struct runtime){ { FIRST, TEXT_SECOND, TEXT_THIRD }, 4 };
    case GOLEAK_TRACE_STWEnd:
    case GOLEAK_TRACE_GCMarkAssistEnd: return (struct runtime){ { NOTHING }, 0 };
    case GOLEAK_TRACE_GCSweepEnd:
    case GOLEAK_TRACE_HeapObject:
    case GOLEAK_TRACE_HeapObjectAlloc:
    case GOLEAK_TRACE_GoroutineStack:
    case GOLEAK_TRACE_GoroutineStackAlloc: return (struct runtime){ { FIRST, SECOND }, 0 };
    case GOLEAK_TRACE_Span:
    case GOLEAK_TRACE_SpanAlloc: return (struct runtime){ { FIRST, SECOND, THIRD }, 0 };
    default: return (struct runtime){ { FIRST }, 0 };
    }
}

static uint32_t name_of(struct goleak_v2_out *out, const char *text, uint32_t *name)
{
    struct goleak_generation *generation = out->generation;
    if (*name == 0 && (*name = goleak_symbols_string(generation->env.symbols, text, strlen(text))) == 0)
        generation->failure = goleak_alloc_failure(generation->env.alloc);
    return *name;
}

/* It mentions no text that is to be looked for, and may be missing. */
static bool tells_numbers(const struct runtime *runtime)
{
    bool texts = false;
    for (size_t i = 0; i < sizeof runtime->values; i++)
        texts = texts || (runtime->values[i] >= TEXT_FIRST && runtime->values[i] <= TEXT_THIRD);
    return !texts;
}

void goleak_v2_runtime(struct goleak_v2_out *out, struct goleak_v2_when when, uint8_t type,
                       const uint64_t argument[GOLEAK_TRACE_ARGUMENTS], uint64_t thread, uint64_t p, uint32_t current)
{
    struct runtime runtime = runtime_of(type);
    const struct goleak_v2_stack *stack = goleak_v2_stack(out, runtime.stack != 0 ? argument[runtime.stack - 1] : 0);
    if (out->generation->env.waits_only && out->names[type] != 0 && tells_numbers(&runtime)) {
        out->untold_ns = goleak_tickclock_ns(&out->clock, when.ticks);
        out->untold++;
        out->full--;
        return;
    }
    struct goleak_event *event = goleak_v2_add(out, when, GOLEAK_EVENT_RUNTIME, 0, stack->has);
    uint64_t *const values[3] = { &event->lock, &event->chan, &event->elem };
    event->stack = stack->stack;
    event->name = name_of(out, goleak_trace_event_name(type), &out->names[type]);
    for (int i = 0; i < 3; i++) {
        enum from from = (enum from)runtime.values[i];
        event->has |= from != NOTHING ? GOLEAK_HAS_LOCK << i : 0;
        *values[i] = from == THREAD       ? thread
                     : from == P          ? p
                     : from >= TEXT_FIRST ? goleak_generation_string(out->generation, argument[from - TEXT_FIRST])
                     : from != NOTHING    ? argument[from - FIRST]
                                          : 0;
    }
    goleak_trace_by(event, out->gs, current);
}

enum goleak_status goleak_v2_samples(struct goleak_v2_out *out, uint64_t until)
{
    const struct goleak_generation *generation = out->generation;
    uint32_t *name = &out->names[GOLEAK_TRACE_SAMPLE];
    enum goleak_status status = GOLEAK_OK;
    for (; status == GOLEAK_OK && out->sample < generation->sample_count && out->due <= until; find_due(out)) {
        const struct goleak_trace_sample *sample = &generation->samples[out->sample++];
        struct goleak_v2_when when = { sample->time, generation->offset };
        uint32_t has = GOLEAK_HAS_LOCK | GOLEAK_HAS_CHAN | GOLEAK_HAS_ELEM;
        struct goleak_event *event =
            goleak_v2_add(out, when, GOLEAK_EVENT_RUNTIME, 0, sample->stack != 0 ? has | GOLEAK_HAS_STACK : has);
        event->name = name_of(out, "CPUSample", name);
        event->lock = sample->g;
        event->chan = sample->p;
        event->elem = sample->m;
        event->stack = sample->stack;
        if (goleak_v2_is_full(out))
            status = goleak_v2_push(out);
    }
    return status;
}
