/*
 * gotrace_v1 - Go execution traces of Go 1.11 to 1.21.
 *
 *      gotrace_v1_read    what lies where in the file
 *      gotrace_v1_order   its events, one after the other
 *      this               what they say, in our terms
 *
 * A trace begins with the creation of every goroutine that there is (and who of them waits
 * or is in a system call), until the first Gomaxprocs: those are states, no creations. Why
 * they wait is not recorded.
 *
 * A system call that did not block has no end: it is the runtime's event "GoSysCall", and
 * its goroutine goes on running.
 *
 * What no goroutine's life consists of goes out as RUNTIME events, under the names and with
 * the arguments that newer traces have for the same (so that one reading serves both); who
 * did it is in `other`. Texts are string ids.
 *
 *      ProcsChange procs           ProcStart p, thread      ProcStop p
 *      GCBegin seq    GCEnd        STWBegin kind    STWEnd  GCSweepBegin
 *      GCSweepEnd swept, reclaimed GCMarkAssistBegin, End   HeapAlloc, HeapGoal bytes
 *      UserTaskBegin task, parent, name                     UserTaskEnd task
 *      UserRegionBegin, End task, name                      UserLog task, key, value
 *      GoLabel label               FutileWakeup             GoSysCall
 *      CPUSample g, p
 */
#include "format/gotrace_v1.h"

#include "format/gotrace_v1_order.h"

#include <inttypes.h>
#include <string.h>

struct goleak_reader {
    struct goleak_v1_file file;
    struct goleak_v1_order order;
    struct goleak_batch *batch;
    bool prologue;        /* before the first Gomaxprocs */
    uint32_t open_status; /* slot whose STATUS is the batch's last event; 0: it is another */
    uint64_t events;
    uint32_t names[2 * GOLEAK_V1_TYPES]; /* strings: of RUNTIME events by type; the ends of regions */
    uint32_t gosched, preempted, unknown_stw, stw[17];
    /* The clock: ticks to nanoseconds, from a base that follows the events. */
    bool began;
    uint64_t last_ticks, base_ticks, base_rest, factor, reach;
    int64_t base_ns, last_ns;
};

/* ---- time ---- */

static void clock_start(struct goleak_reader *reader, uint64_t ticks)
{
    uint64_t frequency = reader->file.frequency;
    reader->began = true;
    reader->last_ticks = reader->base_ticks = ticks;
    if (frequency == 0)
        return;
    reader->factor = (UINT64_C(1000000000) << 32) / frequency;
    uint64_t reach = UINT64_MAX / (reader->factor + 1);
    reader->reach = reach < (1u << 24) ? reach : 1u << 24;
}

/* Exactly (ticks - first) * 10^9 / frequency. Near the base one multiplication does, whose
 * result is at most a little too small. */
static int64_t clock_ns(struct goleak_reader *reader, uint64_t ticks)
{
    uint64_t frequency = reader->file.frequency, delta = ticks - reader->base_ticks;
    if (delta >= reader->reach) {
        uint64_t seconds = delta / frequency, rest = delta % frequency;
        if (seconds > UINT64_C(9000000000)) /* 285 years */
            return INT64_MAX;
        rest = rest * 1000000000 + reader->base_rest; /* frequency is at most 10^10 */
        int64_t more = (int64_t)(seconds * 1000000000 + rest / frequency);
        if (more > INT64_MAX - reader->base_ns)
            return INT64_MAX;
        reader->base_ns += more;
        reader->base_rest = rest % frequency;
        reader->base_ticks = ticks;
        return reader->base_ns;
    }
    uint64_t whole = delta * reader->factor >> 32;
    uint64_t rest = delta * 1000000000 + reader->base_rest - whole * frequency;
    for (; rest >= frequency; rest -= frequency)
        whole++;
    return reader->base_ns + (int64_t)whole;
}

/* ---- events out ---- */

static enum goleak_status failure(const struct goleak_reader *reader)
{
    return goleak_alloc_failure(reader->file.env.alloc);
}

static enum goleak_status push(struct goleak_reader *reader)
{
    reader->batch->in_order = reader->file.frequency != 0;
    return reader->file.env.sink.push(reader->file.env.sink.context, &reader->batch);
}

/* The next event of the batch, with its kind, place and time. NULL: *status. */
static struct goleak_event *add(struct goleak_reader *reader, const struct goleak_v1_event *from,
                                enum goleak_event_kind kind, enum goleak_status *status)
{
    *status = GOLEAK_OK;
    if (reader->batch->count == GOLEAK_BATCH_EVENTS) {
        *status = push(reader);
        if (*status != GOLEAK_OK)
            return NULL;
    }
    struct goleak_event *event = &reader->batch->events[reader->batch->count++];
    event->kind = (uint8_t)kind;
    event->flags = 0;
    event->has = 0;
    event->position = (size_t)(from->from->at - (const uint8_t *)reader->file.bytes.data);
    if (reader->file.frequency != 0) {
        event->time_ns = reader->last_ns;
        event->has = GOLEAK_HAS_TIME;
    }
    reader->open_status = 0;
    reader->events++;
    return event;
}

static void put_whose(const struct goleak_reader *reader, struct goleak_event *event, uint32_t slot)
{
    goleak_trace_whose(event, &reader->order.gs, slot);
}

static void put_other(const struct goleak_reader *reader, struct goleak_event *event, uint32_t slot)
{
    if (slot == 0)
        return;
    event->other_g = GOLEAK_G_SLOT | slot;
    event->other_goid = reader->order.gs.gs[slot].goid;
    event->has |= GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID;
}

static enum goleak_status put_stack(struct goleak_reader *reader, struct goleak_event *event, uint64_t id)
{
    uint32_t start;
    if (!goleak_v1_stack(&reader->file, id, &event->stack, &start))
        return failure(reader);
    event->has |= event->stack != 0 ? GOLEAK_HAS_STACK : 0;
    return GOLEAK_OK;
}

static enum goleak_status add_plain(struct goleak_reader *reader, const struct goleak_v1_event *from,
                                    enum goleak_event_kind kind, uint32_t slot)
{
    enum goleak_status status = GOLEAK_OK;
    struct goleak_event *event = slot != 0 ? add(reader, from, kind, &status) : NULL;
    if (event != NULL)
        put_whose(reader, event, slot);
    return status;
}

static enum goleak_status add_with_stack(struct goleak_reader *reader, const struct goleak_v1_event *from,
                                         enum goleak_event_kind kind, uint32_t slot, uint64_t stack,
                                         struct goleak_event **out)
{
    enum goleak_status status = add_plain(reader, from, kind, slot);
    *out = NULL;
    if (slot == 0 || status != GOLEAK_OK)
        return status;
    *out = &reader->batch->events[reader->batch->count - 1];
    return put_stack(reader, *out, stack);
}

static enum goleak_status add_status(struct goleak_reader *reader, const struct goleak_v1_event *from, uint8_t told)
{
    if (reader->open_status == from->subject && from->subject != 0) {
        reader->batch->events[reader->batch->count - 1].status = told;
        reader->open_status = 0;
        return GOLEAK_OK;
    }
    enum goleak_status status = add_plain(reader, from, GOLEAK_EVENT_STATUS, from->subject);
    if (status != GOLEAK_OK || from->subject == 0)
        return status;
    struct goleak_event *event = &reader->batch->events[reader->batch->count - 1];
    event->status = told;
    event->has |= GOLEAK_HAS_STATUS;
    return GOLEAK_OK;
}

static enum goleak_status add_create(struct goleak_reader *reader, const struct goleak_v1_event *from)
{
    uint32_t stack, start;
    if (!goleak_v1_stack(&reader->file, from->from->arguments[1], &stack, &start))
        return failure(reader);
    enum goleak_status status = reader->prologue ? add_status(reader, from, GOLEAK_TRACE_RUNNABLE)
                                                 : add_plain(reader, from, GOLEAK_EVENT_CREATE, from->subject);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_event *event = &reader->batch->events[reader->batch->count - 1];
    event->name = start;
    event->has |= start != 0 ? GOLEAK_HAS_START : 0;
    if (reader->prologue) {
        reader->open_status = from->subject; /* a GoWaiting may follow */
        return GOLEAK_OK;
    }
    put_other(reader, event, from->current);
    return put_stack(reader, event, from->from->arguments[2]);
}

static enum goleak_status add_park(struct goleak_reader *reader, const struct goleak_v1_event *from,
                                   enum goleak_reason reason)
{
    struct goleak_event *event;
    enum goleak_status status =
        add_with_stack(reader, from, GOLEAK_EVENT_PARK, from->subject, from->from->arguments[0], &event);
    if (event != NULL) {
        event->reason = (uint8_t)reason;
        event->flags = GOLEAK_FLAG_REASON;
        event->has |= GOLEAK_HAS_REASON;
    }
    return status;
}

static enum goleak_status add_yield(struct goleak_reader *reader, const struct goleak_v1_event *from, uint32_t *name,
                                    const char *text)
{
    struct goleak_event *event;
    if (*name == 0 && (*name = goleak_symbols_string(reader->file.env.symbols, text, strlen(text))) == 0)
        return failure(reader);
    enum goleak_status status =
        add_with_stack(reader, from, GOLEAK_EVENT_YIELD, from->subject, from->from->arguments[0], &event);
    if (event != NULL)
        event->name = *name;
    return status;
}

static enum goleak_status add_ready(struct goleak_reader *reader, const struct goleak_v1_event *from, uint64_t stack)
{
    struct goleak_event *event;
    enum goleak_status status = add_with_stack(reader, from, GOLEAK_EVENT_READY, from->subject, stack, &event);
    if (event != NULL)
        put_other(reader, event, from->current);
    return status;
}

static enum goleak_status add_return(struct goleak_reader *reader, const struct goleak_v1_event *from)
{
    enum goleak_status status = add_plain(reader, from, GOLEAK_EVENT_SYSRETURN, from->subject);
    if (status != GOLEAK_OK || from->subject == 0)
        return status;
    struct goleak_event *event = &reader->batch->events[reader->batch->count - 1];
    event->status = GOLEAK_TRACE_RUNNABLE;
    event->has |= GOLEAK_HAS_STATUS;
    return GOLEAK_OK;
}

/* ---- the runtime's own events ---- */

/* Where an argument comes from. */
enum from { NOTHING, FIRST, SECOND, THIRD, P, STRING_FIRST, STRING_SECOND, STRING_THIRD, STW_KIND, TEXT };

struct runtime {
    const char *name;
    uint8_t values[3]; /* enum from */
    uint8_t stack;     /* 0: none; else its argument, from 1 */
};

static const struct runtime runtimes[GOLEAK_V1_TYPES] = {
    [GOLEAK_V1_Gomaxprocs] = { "ProcsChange", { FIRST }, 2 },
    [GOLEAK_V1_ProcStart] = { "ProcStart", { P, FIRST }, 0 },
    [GOLEAK_V1_ProcStop] = { "ProcStop", { P }, 0 },
    [GOLEAK_V1_GCStart] = { "GCBegin", { FIRST }, 2 },
    [GOLEAK_V1_GCDone] = { "GCEnd", { NOTHING }, 0 },
    [GOLEAK_V1_STWStart] = { "STWBegin", { STW_KIND }, 0 },
    [GOLEAK_V1_STWDone] = { "STWEnd", { NOTHING }, 0 },
    [GOLEAK_V1_GCSweepStart] = { "GCSweepBegin", { NOTHING }, 1 },
    [GOLEAK_V1_GCSweepDone] = { "GCSweepEnd", { FIRST, SECOND }, 0 },
    [GOLEAK_V1_GoSysCall] = { "GoSysCall", { NOTHING }, 1 },
    [GOLEAK_V1_HeapAlloc] = { "HeapAlloc", { FIRST }, 0 },
    [GOLEAK_V1_HeapGoal] = { "HeapGoal", { FIRST }, 0 },
    [GOLEAK_V1_FutileWakeup] = { "FutileWakeup", { NOTHING }, 0 },
    [GOLEAK_V1_GoStartLabel] = { "GoLabel", { STRING_THIRD }, 0 },
    [GOLEAK_V1_GCMarkAssistStart] = { "GCMarkAssistBegin", { NOTHING }, 1 },
    [GOLEAK_V1_GCMarkAssistDone] = { "GCMarkAssistEnd", { NOTHING }, 0 },
    [GOLEAK_V1_UserTaskCreate] = { "UserTaskBegin", { FIRST, SECOND, STRING_THIRD }, 4 },
    [GOLEAK_V1_UserTaskEnd] = { "UserTaskEnd", { FIRST }, 2 },
    [GOLEAK_V1_UserRegion] = { "UserRegionBegin", { FIRST, STRING_THIRD }, 4 },
    [GOLEAK_V1_UserLog] = { "UserLog", { FIRST, STRING_SECOND, TEXT }, 3 },
    [GOLEAK_V1_CPUSample] = { "CPUSample", { THIRD, SECOND }, 4 },
};

/* Why the world stops, by the numbers of Go 1.21; before, there were two (0: mark, 1: sweep). */
static bool stw_kind(struct goleak_reader *reader, uint64_t kind, uint64_t *string)
{
    static const char *const texts[] = {
        "unknown", "GC mark termination", "GC sweep termination", "write heap dump", "goroutine profile",
        "goroutine profile cleanup", "all goroutines stack trace", "read mem stats", "AllThreadsSyscall",
        "GOMAXPROCS", "start trace", "stop trace", "CountPagesInUse (test)", "ReadMetricsSlow (test)",
        "ReadMemStatsSlow (test)", "PageCachePagesLeaked (test)", "ResetDebugLog (test)",
    };
    if (reader->file.version < 21)
        kind = kind < 2 ? kind + 1 : 0;
    if (kind >= sizeof texts / sizeof *texts)
        kind = 0;
    uint32_t *own = &reader->stw[kind];
    if (*own == 0)
        *own = goleak_symbols_string(reader->file.env.symbols, texts[kind], strlen(texts[kind]));
    *string = *own;
    return *own != 0;
}

static bool value_of(struct goleak_reader *reader, const struct goleak_v1_event *from, enum from source, uint64_t *value)
{
    uint32_t string = 0;
    bool good = true;
    switch (source) {
    case NOTHING: *value = 0; return true;
    case FIRST:
    case SECOND:
    case THIRD: *value = from->from->arguments[source - FIRST]; return true;
    case P: *value = from->from->p; return true;
    case STRING_FIRST:
    case STRING_SECOND:
    case STRING_THIRD:
        good = goleak_v1_string(&reader->file, from->from->arguments[source - STRING_FIRST], &string);
        break;
    case STW_KIND: return stw_kind(reader, from->from->arguments[0], value);
    case TEXT: good = goleak_v1_text(&reader->file, from->from->text, &string); break;
    }
    *value = string;
    return good;
}

static enum goleak_status add_runtime(struct goleak_reader *reader, const struct goleak_v1_event *from)
{
    const struct runtime *runtime = &runtimes[from->from->type];
    bool end = from->from->type == GOLEAK_V1_UserRegion && from->from->arguments[1] != 0;
    const char *text = end ? "UserRegionEnd" : runtime->name;
    uint32_t *name = &reader->names[from->from->type + (end ? GOLEAK_V1_TYPES : 0)];
    if (*name == 0 && (*name = goleak_symbols_string(reader->file.env.symbols, text, strlen(text))) == 0)
        return failure(reader);
    enum goleak_status status;
    struct goleak_event *event = add(reader, from, GOLEAK_EVENT_RUNTIME, &status);
    if (event == NULL)
        return status;
    event->name = *name;
    uint64_t *const values[3] = { &event->lock, &event->chan, &event->elem };
    for (int i = 0; i < 3; i++) {
        if (!value_of(reader, from, (enum from)runtime->values[i], values[i]))
            return failure(reader);
        event->has |= runtime->values[i] != NOTHING ? GOLEAK_HAS_LOCK << i : 0;
    }
    put_other(reader, event, from->current);
    return runtime->stack != 0 ? put_stack(reader, event, from->from->arguments[runtime->stack - 1]) : GOLEAK_OK;
}

/* ---- what an event means ---- */

static enum goleak_status take(struct goleak_reader *reader, const struct goleak_v1_event *from)
{
    struct goleak_event *event;
    enum goleak_status status;
    switch (from->from->type) {
    case GOLEAK_V1_GoCreate: return add_create(reader, from);
    case GOLEAK_V1_GoWaiting: return add_status(reader, from, GOLEAK_TRACE_WAITING);
    case GOLEAK_V1_GoInSyscall: return add_status(reader, from, GOLEAK_TRACE_SYSCALL);
    case GOLEAK_V1_GoStart:
    case GOLEAK_V1_GoStartLocal: return add_plain(reader, from, GOLEAK_EVENT_RUN, from->subject);
    case GOLEAK_V1_GoStartLabel:
        status = add_plain(reader, from, GOLEAK_EVENT_RUN, from->subject);
        return status == GOLEAK_OK ? add_runtime(reader, from) : status;
    case GOLEAK_V1_GoEnd: return add_plain(reader, from, GOLEAK_EVENT_END, from->subject);
    case GOLEAK_V1_GoSched: return add_yield(reader, from, &reader->gosched, "runtime.Gosched");
    case GOLEAK_V1_GoPreempt: return add_yield(reader, from, &reader->preempted, "preempted");
    case GOLEAK_V1_GoStop: return add_park(reader, from, GOLEAK_REASON_FOREVER);
    case GOLEAK_V1_GoSleep: return add_park(reader, from, GOLEAK_REASON_SLEEP);
    case GOLEAK_V1_GoBlock: return add_park(reader, from, GOLEAK_REASON_GENERIC);
    case GOLEAK_V1_GoBlockSend: return add_park(reader, from, GOLEAK_REASON_CHAN_SEND);
    case GOLEAK_V1_GoBlockRecv: return add_park(reader, from, GOLEAK_REASON_CHAN_RECV);
    case GOLEAK_V1_GoBlockSelect: return add_park(reader, from, GOLEAK_REASON_SELECT);
    case GOLEAK_V1_GoBlockSync: return add_park(reader, from, GOLEAK_REASON_SYNC);
    case GOLEAK_V1_GoBlockCond: return add_park(reader, from, GOLEAK_REASON_COND_WAIT);
    case GOLEAK_V1_GoBlockNet: return add_park(reader, from, GOLEAK_REASON_NET);
    case GOLEAK_V1_GoBlockGC: return add_park(reader, from, GOLEAK_REASON_GC_MARK_ASSIST);
    case GOLEAK_V1_GoUnblock: return add_ready(reader, from, from->from->arguments[2]);
    case GOLEAK_V1_GoUnblockLocal: return add_ready(reader, from, from->from->arguments[1]);
    case GOLEAK_V1_GoSysCall:
        if (goleak_v1_type_behind(&reader->order, from) == GOLEAK_V1_GoSysBlock)
            return add_with_stack(reader, from, GOLEAK_EVENT_SYSCALL, from->subject, from->from->arguments[0], &event);
        return add_runtime(reader, from);
    case GOLEAK_V1_GoSysBlock:
        if (from->from->type_before == GOLEAK_V1_GoSysCall) /* which told it */
            return GOLEAK_OK;
        return add_plain(reader, from, GOLEAK_EVENT_SYSCALL, from->subject);
    case GOLEAK_V1_GoSysExit:
    case GOLEAK_V1_GoSysExitLocal: return add_return(reader, from);
    case GOLEAK_V1_Gomaxprocs: reader->prologue = false; return add_runtime(reader, from);
    default: return add_runtime(reader, from);
    }
}

static enum goleak_status run(struct goleak_reader *reader)
{
    struct goleak_v1_event event;
    enum goleak_status status;
    if (!goleak_v1_order_init(&reader->order, &reader->file))
        return failure(reader);
    while ((status = goleak_v1_order_next(&reader->order, &event)) == GOLEAK_OK) {
        if (!reader->began)
            clock_start(reader, event.from->ticks);
        uint64_t ticks = event.from->ticks;
        if (ticks > reader->last_ticks && reader->file.frequency != 0) {
            reader->last_ticks = ticks;
            reader->last_ns = clock_ns(reader, ticks);
        }
        if ((status = take(reader, &event)) != GOLEAK_OK)
            return status;
    }
    if (status == GOLEAK_END && reader->batch->count != 0)
        status = push(reader);
    return status == GOLEAK_END ? GOLEAK_OK : status;
}

/* ---- the reader ---- */

static enum goleak_sniff sniff(const char *bytes, size_t size, bool whole)
{
    static const char start[] = "go 1.";
    if (size < 16)
        return !whole && memcmp(bytes, start, size < 5 ? size : 5) == 0 ? GOLEAK_SNIFF_MAYBE : GOLEAK_SNIFF_NO;
    return goleak_v1_header(bytes) != 0 ? GOLEAK_SNIFF_YES : GOLEAK_SNIFF_NO;
}

static void close_reader(struct goleak_reader *reader)
{
    struct goleak_alloc *alloc = reader->file.env.alloc;
    goleak_v1_order_release(&reader->order);
    goleak_v1_file_release(&reader->file);
    goleak_batch_free(alloc, reader->batch);
    goleak_free(alloc, reader, sizeof *reader);
}

static struct goleak_reader *open_reader(const struct goleak_reader_env *env)
{
    struct goleak_reader *reader = goleak_alloc_zeroed(env->alloc, sizeof *reader);
    if (reader == NULL)
        return NULL;
    goleak_v1_file_init(&reader->file, env);
    reader->prologue = true;
    reader->batch = goleak_batch_new(env->alloc);
    if (reader->batch == NULL) {
        close_reader(reader);
        return NULL;
    }
    return reader;
}

static enum goleak_status feed(struct goleak_reader *reader, const char *bytes, size_t size)
{
    return goleak_v1_file_feed(&reader->file, bytes, size);
}

static enum goleak_status finish(struct goleak_reader *reader)
{
    enum goleak_status status = goleak_v1_file_finish(&reader->file);
    if (status == GOLEAK_OK && reader->file.version != 0)
        status = run(reader);
    if (status == GOLEAK_OK && reader->file.unknown_ids != 0)
        goleak_health_note(reader->file.env.health,
                           reader->file.frequency != 0 ? GOLEAK_HEALTH_damaged_records : GOLEAK_HEALTH_truncated,
                           reader->file.frequency != 0 ? reader->file.unknown_ids : 1, 0, 0, reader->file.bytes.size,
                           "found %" PRIu64 " mentions of strings and stacks that the trace does not have",
                           reader->file.unknown_ids);
    return status;
}

static void facts(const struct goleak_reader *reader, struct goleak_reader_facts *out)
{
    *out = (struct goleak_reader_facts){ .events = reader->events, .form = "v1", .relative_time = true };
    if (reader->file.refused)
        out->advice = "found no header of a Go execution trace, expected \"go 1.11 trace\", \"go 1.19 trace\" or "
                      "\"go 1.21 trace\"";
    else if (reader->events == 0)
        out->advice = "found a Go execution trace without one event, expected some";
}

const struct goleak_format goleak_format_gotrace_v1 = {
    .name = "gotrace-v1",
    .title = "Go execution trace (Go 1.11 to 1.21)",
    .sniff = sniff,
    .open = open_reader,
    .feed = feed,
    .finish = finish,
    .facts = facts,
    .close = close_reader,
};
