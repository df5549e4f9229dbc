/*
 * gotrace_v2 - Go execution traces of Go 1.22 and later.
 *
 *      "go 1.26 trace\0\0\0"
 *      0x01 gen m time size payload        a batch: events of thread m, or strings, stacks, …
 *      0x31 exp gen m time size payload    an experimental batch (from 1.23 on), stepped over
 *      0x34                                the end of a generation (from 1.26 on)
 *
 * The trace comes in generations of about a second, each with tables of its own, which
 * stand at its end: so a generation is kept until it is whole (generation.h), put in order
 * (scheduler.h), and let go. What a cut trace has of its last one is used as far as it
 * goes: states need no tables, only names and stacks do.
 *
 * Layout and event types: the runtime's traceevent.go and internal/trace, as the fact sheet
 * on execution traces tells them.
 */
#include "format/gotrace_v2.h"

#include "format/scheduler.h"
#include "format/varint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEADER_BYTES 16
#define BATCH_MAX 65536
#define BATCH_HEADER_MAX (2 + 4 * 10)

struct goleak_reader {
    struct goleak_reader_env env;
    struct goleak_generation generation;
    struct goleak_scheduler scheduler;
    struct goleak_batch *batch;
    unsigned version;      /* minor, of the header; 0: not read yet */
    size_t parsed;         /* of the generation's bytes, in whole batches */
    uint64_t last_generation; /* its number; 0: none */
    bool ended;            /* the generation has its end mark, or the next one has begun */
    bool searching;        /* behind some damage, for a batch */
    size_t damaged_at, searched; /* in the generation's bytes */
    char damage[192];      /* what was found there, and what was expected */
    bool lost;             /* there is none */
    uint64_t frequency;    /* of the last generation that told it */
    int64_t last_ns;
    size_t sample;         /* the next of the generation's samples */
    uint64_t events, unknown_stacks;
    uint32_t names[256];   /* strings: names of event types */
    struct {
        uint32_t string;
        uint8_t reason;
    } reasons[64];         /* the last of its place, by string */
};

/* ---- events out ---- */

static int64_t to_ns(const struct goleak_reader *reader, uint64_t ticks)
{
    uint64_t frequency = reader->frequency;
    uint64_t seconds = ticks / frequency, rest = ticks % frequency;
    if (seconds >= (uint64_t)INT64_MAX / 1000000000)
        return INT64_MAX;
    return (int64_t)(seconds * 1000000000 + rest * 1000000000 / frequency); /* frequency < 2^32 */
}

static enum goleak_status add(struct goleak_reader *reader, struct goleak_event *event, size_t at, uint64_t ticks)
{
    int64_t time_ns = to_ns(reader, ticks);
    /* Threads' clocks are advice: the order is right, so time does not go back. */
    reader->last_ns = time_ns > reader->last_ns ? time_ns : reader->last_ns;
    event->time_ns = reader->last_ns;
    event->has |= GOLEAK_HAS_TIME;
    event->position = reader->generation.offset + at;
    reader->batch->in_order = true;
    reader->batch->events[reader->batch->count++] = *event;
    reader->events++;
    if (reader->batch->count < GOLEAK_BATCH_EVENTS)
        return GOLEAK_OK;
    return reader->env.sink.push(reader->env.sink.context, &reader->batch);
}

static void put_stack(struct goleak_reader *reader, struct goleak_event *event, uint64_t id)
{
    uint32_t stack = goleak_generation_stack(&reader->generation, id);
    if (stack != 0) {
        event->stack = stack;
        event->has |= GOLEAK_HAS_STACK;
    } else if (id != 0) {
        reader->unknown_stacks++;
    }
}

/* The runtime registers its reasons first, so their ids are the same in all recordings
 * seen: good enough where the table is missing (5 + the number of the reason). */
#define FIRST_REASON 5

static uint8_t reason_of(struct goleak_reader *reader, uint64_t id)
{
    size_t size;
    uint32_t string = goleak_generation_string(&reader->generation, id);
    if (string != 0) {
        size_t place = string % (sizeof reader->reasons / sizeof *reader->reasons);
        if (reader->reasons[place].string != string) {
            const char *text = goleak_intern_get(&reader->env.symbols->strings, string, &size);
            reader->reasons[place].string = string;
            reader->reasons[place].reason = (uint8_t)goleak_trace_reason(text, size);
        }
        return reader->reasons[place].reason;
    }
    if (!reader->generation.has_strings && id >= FIRST_REASON && id < FIRST_REASON + GOLEAK_REASON_COUNT)
        return (uint8_t)(id - FIRST_REASON);
    return GOLEAK_REASON_UNKNOWN;
}

static struct goleak_event event_of(const struct goleak_reader *reader, enum goleak_event_kind kind, uint32_t slot)
{
    struct goleak_event event = { .kind = (uint8_t)kind };
    if (slot != 0)
        goleak_trace_whose(&event, &reader->scheduler.gs, slot);
    return event;
}

static void put_start(struct goleak_reader *reader, struct goleak_event *event, uint32_t slot, uint32_t stack)
{
    uint32_t start = goleak_trace_start_of(&reader->generation.frames, stack);
    if (event->goid == 1)
        start = goleak_symbols_string(reader->env.symbols, "runtime.main", 12);
    if (start == 0)
        return;
    event->name = start;
    event->has |= GOLEAK_HAS_START;
    reader->scheduler.gs.gs[slot].started_told = true;
}

/* Of a goroutine whose status had no stack, the first stack tells where it started (but
 * a stack of bgsweep was seen whose outermost frame has no name). */
static void put_own_stack(struct goleak_reader *reader, struct goleak_event *event, uint32_t slot, uint64_t id)
{
    put_stack(reader, event, id);
    if ((event->has & GOLEAK_HAS_STACK) == 0 || reader->scheduler.gs.gs[slot].started_told)
        return;
    uint32_t start = goleak_trace_start_of(&reader->generation.frames, event->stack);
    if (strcmp(goleak_symbols_text(reader->env.symbols, start), "?") != 0)
        put_start(reader, event, slot, event->stack);
}

/* A goid is a positive int64 (runtime2.go: goid uint64, but counted up from 1). */
static void check_goid(struct goleak_reader *reader, const struct goleak_trace_event *from)
{
    uint64_t goid = reader->scheduler.gs.gs[from->subject].goid;
    if (goid > INT64_MAX)
        goleak_generation_damage(&reader->generation, from->at, "found goroutine id %" PRIu64
                                 ", expected one below 2^63; its goroutine is shown without it", goid);
}

/* The tracer has no reason for it, the runtime has a word. */
static void put_coroutine(struct goleak_event *event)
{
    event->wait_reason = GOLEAK_WAIT_COROUTINE;
    event->has |= GOLEAK_HAS_WAIT;
}

/* A goroutine that is older than the trace shows itself. */
static enum goleak_status add_status(struct goleak_reader *reader, const struct goleak_trace_event *from)
{
    struct goleak_event event = event_of(reader, GOLEAK_EVENT_STATUS, from->subject);
    event.status = reader->scheduler.gs.gs[from->subject].status;
    event.has |= GOLEAK_HAS_STATUS;
    check_goid(reader, from);
    if (from->type == GOLEAK_TRACE_GoStatusStack)
        put_stack(reader, &event, from->argument[3]);
    put_start(reader, &event, from->subject, event.has & GOLEAK_HAS_STACK ? event.stack : 0);
    if (event.status == GOLEAK_TRACE_WAITING && (event.has & GOLEAK_HAS_STACK)) {
        if (!goleak_trace_infer_reason(&reader->generation.frames, event.stack, &event.reason))
            return goleak_alloc_failure(reader->env.alloc);
        if (event.reason != GOLEAK_REASON_NONE) {
            event.has |= GOLEAK_HAS_REASON;
            event.flags |= GOLEAK_FLAG_REASON | GOLEAK_FLAG_INFERRED;
        }
        if (event.reason == GOLEAK_REASON_GENERIC)
            put_coroutine(&event);
    }
    return add(reader, &event, from->at, from->time);
}

static enum goleak_status add_block(struct goleak_reader *reader, const struct goleak_trace_event *from, uint32_t slot)
{
    struct goleak_event event = event_of(reader, GOLEAK_EVENT_PARK, slot);
    event.flags = GOLEAK_FLAG_REASON;
    event.has |= GOLEAK_HAS_REASON;
    if (from->type == GOLEAK_TRACE_GoBlock) {
        event.reason = reason_of(reader, from->argument[0]);
        put_own_stack(reader, &event, slot, from->argument[1]);
    } else { /* it waits for another one to switch to it */
        event.reason = GOLEAK_REASON_GENERIC;
        put_coroutine(&event);
    }
    return add(reader, &event, from->at, from->time);
}

static enum goleak_status add_create(struct goleak_reader *reader, const struct goleak_trace_event *from)
{
    struct goleak_event event = event_of(reader, GOLEAK_EVENT_CREATE, from->subject);
    check_goid(reader, from);
    goleak_trace_by(&event, &reader->scheduler.gs, from->current);
    if (from->type != GOLEAK_TRACE_GoCreateSyscall) {
        put_start(reader, &event, from->subject, goleak_generation_stack(&reader->generation, from->argument[1]));
        put_stack(reader, &event, from->argument[2]);
    }
    enum goleak_status status = add(reader, &event, from->at, from->time);
    if (status != GOLEAK_OK || from->type == GOLEAK_TRACE_GoCreate)
        return status;
    if (from->type == GOLEAK_TRACE_GoCreateBlocked)
        return add_block(reader, from, from->subject);
    event = event_of(reader, GOLEAK_EVENT_SYSCALL, from->subject);
    return add(reader, &event, from->at, from->time);
}
static enum goleak_status add_unblock(struct goleak_reader *reader, const struct goleak_trace_event *from)
{
    struct goleak_event event = event_of(reader, GOLEAK_EVENT_READY, from->subject);
    goleak_trace_by(&event, &reader->scheduler.gs, from->current);
    if (from->type == GOLEAK_TRACE_GoUnblock)
        put_stack(reader, &event, from->argument[2]);
    return add(reader, &event, from->at, from->time);
}

static enum goleak_status add_plain(struct goleak_reader *reader, const struct goleak_trace_event *from,
                                    enum goleak_event_kind kind, uint32_t slot)
{
    struct goleak_event event = event_of(reader, kind, slot);
    return slot != 0 ? add(reader, &event, from->at, from->time) : GOLEAK_OK;
}

static enum goleak_status add_stop(struct goleak_reader *reader, const struct goleak_trace_event *from)
{
    struct goleak_event event = event_of(reader, GOLEAK_EVENT_YIELD, from->current);
    put_own_stack(reader, &event, from->current, from->argument[1]);
    return add(reader, &event, from->at, from->time);
}

/* GoSwitch: the target is woken, the current one waits or ends, the target runs. */
static enum goleak_status add_switch(struct goleak_reader *reader, const struct goleak_trace_event *from)
{
    enum goleak_status status = add_unblock(reader, from);
    if (status == GOLEAK_OK && from->current != 0)
        status = from->type == GOLEAK_TRACE_GoSwitch ? add_block(reader, from, from->current)
                                                     : add_plain(reader, from, GOLEAK_EVENT_END, from->current);
    return status == GOLEAK_OK ? add_plain(reader, from, GOLEAK_EVENT_RUN, from->subject) : status;
}

static enum goleak_status add_syscall(struct goleak_reader *reader, const struct goleak_trace_event *from)
{
    struct goleak_event event = event_of(reader, GOLEAK_EVENT_SYSCALL, from->current);
    if (from->current == 0)
        return GOLEAK_OK;
    if (from->type == GOLEAK_TRACE_GoSyscallBegin) {
        put_own_stack(reader, &event, from->current, from->argument[1]);
    } else {
        event.kind = GOLEAK_EVENT_SYSRETURN;
        event.status = from->type == GOLEAK_TRACE_GoSyscallEnd ? GOLEAK_TRACE_RUNNING : GOLEAK_TRACE_RUNNABLE;
        event.has |= GOLEAK_HAS_STATUS;
    }
    return add(reader, &event, from->at, from->time);
}

/* Which arguments are texts, by event type: bits. */
static unsigned texts_of(uint8_t type)
{
    switch (type) {
    case GOLEAK_TRACE_STWBegin:
    case GOLEAK_TRACE_GoLabel: return 1u;
    case GOLEAK_TRACE_UserTaskBegin: return 4u;
    case GOLEAK_TRACE_UserRegionBegin:
    case GOLEAK_TRACE_UserRegionEnd: return 2u;
    case GOLEAK_TRACE_UserLog: return 6u;
    default: return 0;
    }
}

/* The runtime's own events: arguments in lock, chan, elem; a text as its string. */
static enum goleak_status add_runtime(struct goleak_reader *reader, const struct goleak_trace_event *from)
{
    struct goleak_event event = { .kind = GOLEAK_EVENT_RUNTIME };
    uint32_t *name = &reader->names[from->type];
    if (*name == 0) {
        const char *text = goleak_trace_event_name(from->type);
        *name = goleak_symbols_string(reader->env.symbols, text, strlen(text));
    }
    if (*name == 0)
        return goleak_alloc_failure(reader->env.alloc);
    event.name = *name;
    uint64_t values[3];
    unsigned texts = texts_of(from->type);
    for (unsigned i = 0; i < 3; i++)
        values[i] = texts >> i & 1 ? goleak_generation_string(&reader->generation, from->argument[i]) : from->argument[i];
    event.lock = values[0];
    event.chan = values[1];
    event.elem = values[2];
    event.has = GOLEAK_HAS_LOCK | GOLEAK_HAS_CHAN | GOLEAK_HAS_ELEM;
    goleak_trace_by(&event, &reader->scheduler.gs, from->current);
    return add(reader, &event, from->at, from->time);
}

static enum goleak_status add_samples(struct goleak_reader *reader, uint64_t until)
{
    const struct goleak_generation *generation = &reader->generation;
    enum goleak_status status = GOLEAK_OK;
    while (status == GOLEAK_OK && reader->sample < generation->sample_count &&
           generation->samples[reader->sample].time <= until) {
        const struct goleak_trace_sample *sample = &generation->samples[reader->sample++];
        struct goleak_event event = { .kind = GOLEAK_EVENT_RUNTIME };
        event.name = goleak_symbols_string(reader->env.symbols, "CPUSample", 9);
        event.lock = sample->g;
        event.chan = sample->p;
        event.elem = sample->m;
        event.has = GOLEAK_HAS_LOCK | GOLEAK_HAS_CHAN | GOLEAK_HAS_ELEM;
        if (sample->stack != 0) {
            event.stack = sample->stack;
            event.has |= GOLEAK_HAS_STACK;
        }
        status = event.name != 0 ? add(reader, &event, 0, sample->time) : goleak_alloc_failure(reader->env.alloc);
    }
    return status;
}

static enum goleak_status take(void *context, const struct goleak_trace_event *event)
{
    struct goleak_reader *reader = context;
    enum goleak_status status = GOLEAK_OK;
    if (reader->sample < reader->generation.sample_count)
        status = add_samples(reader, event->time);
    if (status != GOLEAK_OK)
        return status;
    switch (event->type) {
    case GOLEAK_TRACE_GoStatus:
    case GOLEAK_TRACE_GoStatusStack:
        /* Repeated in every generation: of those that are known it is no news. */
        return event->fresh ? add_status(reader, event) : GOLEAK_OK;
    case GOLEAK_TRACE_GoCreate:
    case GOLEAK_TRACE_GoCreateBlocked:
    case GOLEAK_TRACE_GoCreateSyscall: return event->subject != 0 ? add_create(reader, event) : GOLEAK_OK;
    case GOLEAK_TRACE_GoStart: return add_plain(reader, event, GOLEAK_EVENT_RUN, event->subject);
    case GOLEAK_TRACE_GoStop: return event->current != 0 ? add_stop(reader, event) : GOLEAK_OK;
    case GOLEAK_TRACE_GoBlock: return event->current != 0 ? add_block(reader, event, event->current) : GOLEAK_OK;
    case GOLEAK_TRACE_GoUnblock: return event->subject != 0 ? add_unblock(reader, event) : GOLEAK_OK;
    case GOLEAK_TRACE_GoDestroy:
    case GOLEAK_TRACE_GoDestroySyscall: return add_plain(reader, event, GOLEAK_EVENT_END, event->current);
    case GOLEAK_TRACE_GoSwitch:
    case GOLEAK_TRACE_GoSwitchDestroy: return event->subject != 0 ? add_switch(reader, event) : GOLEAK_OK;
    case GOLEAK_TRACE_GoSyscallBegin:
    case GOLEAK_TRACE_GoSyscallEnd:
    case GOLEAK_TRACE_GoSyscallEndBlocked: return add_syscall(reader, event);
    default: return add_runtime(reader, event);
    }
}

/* ---- generations ---- */

static void note_truncated(struct goleak_reader *reader, uint64_t offset, const char *sentence)
{
    goleak_health_note(reader->env.health, GOLEAK_HEALTH_truncated, 1, 0, 0, offset, "%s", sentence);
}

/* What the events mention and the tables do not have. */
static void note_missing(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    uint64_t stacks = reader->unknown_stacks, strings = generation->unknown_strings;
    uint64_t end = generation->offset + reader->parsed;
    if (stacks != 0 && (!generation->has_stacks || generation->is_cut))
        note_truncated(reader, end,
                       "the last generation lacks its tables of stacks and strings, which come at its end: states are "
                       "right, names and stacks are missing");
    else if (strings != 0 && (!generation->has_strings || generation->is_cut))
        note_truncated(reader, end,
                       "the last generation lacks its table of strings, which comes at its end: states are right, "
                       "names are missing");
    else if (stacks != 0 && strings != 0)
        goleak_generation_damage(generation, 0, "found %" PRIu64 " events with stack ids that generation %" PRIu64
                                 " does not have, and %" PRIu64 " string ids that it does not have",
                                 stacks, generation->number, strings);
    else if (stacks != 0)
        goleak_generation_damage(generation, 0, "found %" PRIu64 " events with stack ids that generation %" PRIu64
                                 " does not have", stacks, generation->number);
    else if (strings != 0)
        goleak_generation_damage(generation, 0, "found %" PRIu64 " string ids that generation %" PRIu64
                                 " does not have", strings, generation->number);
}

/* Each generation has a frequency, and from Go 1.25 on what the clock showed at its begin. */
static void check_clock(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    const char *snapshot = reader->version >= 25 && !generation->has_snapshot ? "no clock snapshot" : NULL;
    if (generation->batch_count == 0)
        return;
    if (generation->frequency == 0)
        goleak_generation_damage(generation, 0, "found no frequency%s%s in generation %" PRIu64
                                 ", expected one%s; that of %s is used", snapshot != NULL ? " and " : "",
                                 snapshot != NULL ? snapshot : "", generation->number,
                                 snapshot != NULL ? " of each" : "",
                                 reader->frequency != 0 ? "the generation before" : "Linux");
    else if (snapshot != NULL)
        goleak_generation_damage(generation, 0, "found %s in generation %" PRIu64 ", expected one", snapshot,
                                 generation->number);
}

/* The bytes [0, parsed) are a generation. */
static enum goleak_status run_generation(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    enum goleak_status status = goleak_generation_load(generation);
    if (status != GOLEAK_OK)
        return status;
    check_clock(reader);
    if (generation->frequency != 0)
        reader->frequency = generation->frequency;
    if (reader->frequency == 0)
        reader->frequency = 15625000;
    reader->sample = 0;
    reader->unknown_stacks = 0;
    status = goleak_scheduler_run(&reader->scheduler);
    if (status == GOLEAK_OK)
        status = add_samples(reader, UINT64_MAX);
    note_missing(reader);
    return status;
}

/* Lets go of what was run. */
static void drop(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    goleak_generation_clear(generation);
    memmove(generation->bytes.data, generation->bytes.data + reader->parsed, generation->bytes.size - reader->parsed);
    generation->bytes.size -= reader->parsed;
    generation->offset += reader->parsed;
    reader->parsed = 0;
}

/* ---- batches ---- */

struct batch_head {
    uint64_t gen, m, time, size;
    size_t at, end; /* of the payload */
    bool experimental;
    bool too_long; /* a number has more than 64 bits */
};

enum found { WHOLE, CUT, MORE, BROKEN };

/* MORE: of bytes, is needed to tell. */
static enum found read_head(const struct goleak_reader *reader, size_t from, bool last, struct batch_head *head)
{
    const struct goleak_generation *generation = &reader->generation;
    const uint8_t *start = (const uint8_t *)generation->bytes.data, *at = start + from;
    const uint8_t *end = start + generation->bytes.size;
    uint64_t *const fields[] = { &head->gen, &head->m, &head->time, &head->size };
    *head = (struct batch_head){ .experimental = *at == GOLEAK_TRACE_EXPERIMENTAL_BATCH };
    if (end - at < BATCH_HEADER_MAX && !last)
        return MORE;
    at += at + head->experimental < end ? 1 + head->experimental : 1;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const uint8_t *next = goleak_varint(at, end, fields[i]);
        head->too_long = next == NULL && end - at >= 10;
        if (next == NULL)
            return head->too_long ? BROKEN : MORE;
        at = next;
    }
    if (head->gen == 0 || head->size > BATCH_MAX)
        return BROKEN;
    head->at = (size_t)(at - start);
    head->end = head->at + (size_t)head->size;
    return head->end <= generation->bytes.size ? WHOLE : last ? CUT : MORE;
}

static bool is_batch(const struct goleak_reader *reader, size_t at)
{
    uint8_t kind = (uint8_t)reader->generation.bytes.data[at];
    return kind == GOLEAK_TRACE_BATCH || (kind == GOLEAK_TRACE_EXPERIMENTAL_BATCH && reader->version >= 23);
}

static bool is_end_mark(const struct goleak_reader *reader, size_t at)
{
    return reader->version >= 26 && (uint8_t)reader->generation.bytes.data[at] == GOLEAK_TRACE_END_OF_GENERATION;
}

/* ---- finding the way again ---- */

/* A damaged length is of 65536 at most or told at once, so the next batch is not far. */
#define SEARCH_BYTES ((size_t)1 << 20)

/* What follows the damage is looked for, and then it is said. */
static void search(struct goleak_reader *reader, const struct batch_head *head)
{
    reader->searching = true;
    reader->damaged_at = reader->searched = reader->parsed;
    if (head == NULL)
        snprintf(reader->damage, sizeof reader->damage, "found the byte 0x%02x, expected a batch",
                 (unsigned char)reader->generation.bytes.data[reader->parsed]);
    else if (head->too_long)
        snprintf(reader->damage, sizeof reader->damage, "found a batch header with a number of more than 64 bits");
    else
        snprintf(reader->damage, sizeof reader->damage,
                 "found a batch of generation %" PRIu64 " with %" PRIu64
                 " bytes, expected a generation from 1 and at most %d bytes",
                 head->gen, head->size, BATCH_MAX);
}

/* A batch of generation `gen` or the next one, whose payload begins with what is known. */
static enum found read_likely(const struct goleak_reader *reader, size_t at, uint64_t gen, bool last,
                              struct batch_head *head)
{
    enum found found = is_batch(reader, at) ? read_head(reader, at, last, head) : BROKEN;
    if (found == MORE && last)
        return BROKEN;
    if (found != WHOLE)
        return found;
    bool likely = (gen == 0 ? head->gen <= UINT32_MAX : head->gen == gen || head->gen == gen + 1) && head->size != 0 &&
                  (head->experimental ||
                   goleak_trace_begins_payload((uint8_t)reader->generation.bytes.data[head->at]));
    return likely ? WHOLE : BROKEN;
}

/* The end of the generation, if the next one or the end of the trace is behind it. */
static enum found is_end(const struct goleak_reader *reader, size_t at, uint64_t gen, bool last)
{
    struct batch_head head;
    if (at + 1 == reader->generation.bytes.size)
        return last ? WHOLE : MORE;
    enum found found = read_likely(reader, at + 1, gen, last, &head);
    return found == WHOLE && head.gen != gen + 1 ? BROKEN : found;
}

/* A batch with another one behind it, the end of the generation, or that of the trace. One
 * alone could be chance. */
static enum found is_way(const struct goleak_reader *reader, size_t at, bool last)
{
    uint64_t number = reader->generation.number, after = reader->last_generation;
    struct batch_head head, next;
    if (is_end_mark(reader, at) && number != 0)
        return is_end(reader, at, number, last);
    enum found found = read_likely(reader, at, number != 0 ? number : after != 0 ? after + 1 : 0, last, &head);
    if (found != WHOLE)
        return found;
    if (head.end == reader->generation.bytes.size)
        return last ? WHOLE : MORE;
    return is_end_mark(reader, head.end) ? is_end(reader, head.end, head.gen, last)
                                         : read_likely(reader, head.end, head.gen, last, &next);
}

/* False: more bytes are needed, or the search is over in vain. */
static bool find_way(struct goleak_reader *reader, bool last)
{
    struct goleak_generation *generation = &reader->generation;
    for (size_t at = reader->searched + 1; at - reader->damaged_at <= SEARCH_BYTES; at++) {
        enum found found = at < generation->bytes.size ? is_way(reader, at, last) : last ? CUT : MORE;
        if (found == MORE)
            return false;
        if (found == WHOLE) {
            goleak_generation_damage(generation, reader->damaged_at, "%s; %zu bytes were left out", reader->damage,
                                     at - reader->damaged_at);
            reader->parsed = at;
            reader->searching = false;
            return true;
        }
        if (at >= generation->bytes.size)
            break;
        reader->searched = at;
    }
    goleak_generation_damage(generation, reader->damaged_at, "%s; what follows cannot be read", reader->damage);
    reader->lost = true;
    return false;
}

static void note_skipped(struct goleak_reader *reader, uint64_t found, uint64_t last)
{
    goleak_generation_damage(&reader->generation, reader->parsed,
                             "found generation %" PRIu64 " behind %" PRIu64 ", expected the next one", found, last);
}

/* Whole batches go into their generation; a whole generation is run. */
static enum goleak_status take_batches(struct goleak_reader *reader, bool last)
{
    struct goleak_generation *generation = &reader->generation;
    enum goleak_status status = GOLEAK_OK;
    while (status == GOLEAK_OK && reader->parsed < generation->bytes.size) {
        struct batch_head head;
        if (reader->searching && !find_way(reader, last))
            return GOLEAK_OK;
        if (is_end_mark(reader, reader->parsed)) {
            reader->parsed++;
            if (generation->number != 0)
                status = run_generation(reader);
            drop(reader);
            reader->last_generation = generation->number;
            generation->number = 0;
            continue;
        }
        if (!is_batch(reader, reader->parsed)) {
            search(reader, NULL);
            continue;
        }
        enum found found = read_head(reader, reader->parsed, last, &head);
        if (found == MORE)
            return GOLEAK_OK;
        if (found == BROKEN) {
            search(reader, &head);
            continue;
        }
        if (found == CUT) { /* what there is of it is used */
            generation->is_cut = true;
            generation->cut_at = head.at;
            head.end = generation->bytes.size;
        }
        if (generation->number == 0) {
            if (reader->last_generation != 0 && head.gen != reader->last_generation + 1)
                note_skipped(reader, head.gen, reader->last_generation);
            generation->number = head.gen;
        } else if (head.gen != generation->number) {
            if (head.gen != generation->number + 1)
                note_skipped(reader, head.gen, generation->number);
            else if (reader->version >= 26)
                note_truncated(reader, generation->offset + reader->parsed,
                               "a generation does not end before the next one begins");
            status = run_generation(reader);
            drop(reader);
            generation->number = head.gen;
            continue;
        }
        if (!head.experimental && !goleak_generation_add(generation, head.m, head.time, head.at, head.end))
            return goleak_alloc_failure(reader->env.alloc);
        reader->parsed = head.end;
    }
    return status;
}

/* ---- the reader ---- */

static void close_reader(struct goleak_reader *reader)
{
    if (reader == NULL)
        return;
    struct goleak_alloc *alloc = reader->env.alloc;
    goleak_scheduler_release(&reader->scheduler);
    goleak_generation_release(&reader->generation);
    goleak_batch_free(alloc, reader->batch);
    goleak_free(alloc, reader, sizeof *reader);
}

static struct goleak_reader *open_reader(const struct goleak_reader_env *env)
{
    struct goleak_reader *reader = goleak_alloc_zeroed(env->alloc, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->env = *env;
    reader->last_ns = INT64_MIN;
    goleak_generation_init(&reader->generation, env);
    goleak_scheduler_init(&reader->scheduler, &reader->generation, take, reader);
    reader->batch = goleak_batch_new(env->alloc);
    if (reader->batch == NULL) {
        close_reader(reader);
        return NULL;
    }
    return reader;
}

/* "go 1.NN trace" and three NULs: NN; 0: it is none. */
static unsigned header_version(const char *bytes, size_t size)
{
    static const char front[] = "go 1.", back[] = " trace\0\0\0";
    if (size < HEADER_BYTES || memcmp(bytes, front, 5) != 0 || memcmp(bytes + 7, back, 9) != 0 || bytes[5] < '0' ||
        bytes[5] > '9' || bytes[6] < '0' || bytes[6] > '9')
        return 0;
    return (unsigned)(bytes[5] - '0') * 10 + (unsigned)(bytes[6] - '0');
}

static void read_header(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    reader->version = header_version(generation->bytes.data, generation->bytes.size);
    if (reader->version == 0) { /* --input-format insisted */
        goleak_generation_damage(generation, 0, "found no header of a Go execution trace, expected \"go 1.26 trace\"");
        reader->lost = true;
        return;
    }
    /* Go 1.24 writes 1.23's header, and 1.27 that of 1.26. */
    unsigned high = reader->version == 23 ? 24 : reader->version == 26 ? 27 : reader->version;
    goleak_reasons_set_range(reader->env.reasons, reader->version, high);
    reader->parsed = HEADER_BYTES;
    drop(reader);
}

static enum goleak_status feed(struct goleak_reader *reader, const char *bytes, size_t size)
{
    struct goleak_buf *buf = &reader->generation.bytes;
    if (reader->lost)
        return GOLEAK_OK;
    goleak_buf_append(buf, bytes, size);
    if (buf->failed)
        return goleak_alloc_failure(reader->env.alloc);
    if (reader->version == 0 && buf->size >= HEADER_BYTES)
        read_header(reader);
    return reader->version != 0 ? take_batches(reader, false) : GOLEAK_OK;
}

static enum goleak_status finish(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    enum goleak_status status = reader->version != 0 && !reader->lost ? take_batches(reader, true) : GOLEAK_OK;
    if (status != GOLEAK_OK)
        return status;
    if (generation->is_cut || (reader->parsed < generation->bytes.size && !reader->lost))
        note_truncated(reader, generation->offset + reader->parsed, "the trace ends in the middle of a batch");
    else if (reader->version >= 26 && generation->number != 0)
        note_truncated(reader, generation->offset + reader->parsed, "the trace ends before its last generation does");
    if (generation->number != 0)
        status = run_generation(reader);
    return status == GOLEAK_OK && reader->batch->count != 0
               ? reader->env.sink.push(reader->env.sink.context, &reader->batch)
               : status;
}

static void facts(const struct goleak_reader *reader, struct goleak_reader_facts *out)
{
    *out = (struct goleak_reader_facts){ .events = reader->events, .form = "v2" };
    if (reader->events == 0)
        out->advice = "found a Go execution trace without one event, expected some: was it cut, or stopped at once?";
}

static enum goleak_sniff sniff(const char *bytes, size_t size, bool whole)
{
    (void)whole;
    switch (header_version(bytes, size)) {
    case 22:
    case 23:
    case 25:
    case 26: return GOLEAK_SNIFF_YES;
    default: return GOLEAK_SNIFF_NO;
    }
}

const struct goleak_format goleak_format_gotrace_v2 = {
    .name = "gotrace",
    .title = "Go execution trace",
    .sniff = sniff,
    .open = open_reader,
    .feed = feed,
    .finish = finish,
    .facts = facts,
    .close = close_reader,
};
