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
    bool lost;             /* nothing can be found any more behind some damage */
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
    bool blocked = from->type == GOLEAK_TRACE_GoCreateBlocked;
    event = event_of(reader, blocked ? GOLEAK_EVENT_PARK : GOLEAK_EVENT_SYSCALL, from->subject);
    if (blocked) { /* a coroutine: its creator switches to it */
        event.reason = GOLEAK_REASON_GENERIC;
        event.flags = GOLEAK_FLAG_REASON;
        event.has |= GOLEAK_HAS_REASON;
    }
    return add(reader, &event, from->at, from->time);
}

static enum goleak_status add_block(struct goleak_reader *reader, const struct goleak_trace_event *from, uint32_t slot)
{
    struct goleak_event event = event_of(reader, GOLEAK_EVENT_PARK, slot);
    event.flags = GOLEAK_FLAG_REASON;
    event.has |= GOLEAK_HAS_REASON;
    event.reason = GOLEAK_REASON_GENERIC;
    if (from->type == GOLEAK_TRACE_GoBlock) {
        event.reason = reason_of(reader, from->argument[0]);
        put_own_stack(reader, &event, slot, from->argument[1]);
    }
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

/* The bytes [0, parsed) are a generation. */
static enum goleak_status run_generation(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    enum goleak_status status = goleak_generation_load(generation);
    if (status != GOLEAK_OK)
        return status;
    if (generation->frequency != 0)
        reader->frequency = generation->frequency;
    else if (generation->batch_count != 0)
        goleak_generation_damage(generation, 0, "found no frequency in generation %" PRIu64 ", expected one; that of %s "
                                 "is used", generation->number, reader->frequency != 0 ? "the one before" : "Linux");
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
    uint64_t gen, m, time;
    size_t at, end; /* of the payload */
    bool experimental;
};

enum found { WHOLE, CUT, MORE, BROKEN };

static enum found read_head(struct goleak_reader *reader, bool last, struct batch_head *head)
{
    struct goleak_generation *generation = &reader->generation;
    const uint8_t *start = (const uint8_t *)generation->bytes.data, *at = start + reader->parsed;
    const uint8_t *end = start + generation->bytes.size;
    uint64_t size = 0, *const fields[] = { &head->gen, &head->m, &head->time, &size };
    if (end - at < BATCH_HEADER_MAX && !last)
        return MORE;
    head->experimental = *at++ == GOLEAK_TRACE_EXPERIMENTAL_BATCH;
    at += head->experimental && at < end;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const uint8_t *next = goleak_varint(at, end, fields[i]);
        if (next == NULL && end - at < 10)
            return MORE;
        if (next == NULL) {
            goleak_generation_damage(generation, reader->parsed,
                                     "found a batch header with a number of more than 64 bits");
            return BROKEN;
        }
        at = next;
    }
    if (head->gen == 0 || size > BATCH_MAX) {
        goleak_generation_damage(generation, reader->parsed,
                                 "found a batch of generation %" PRIu64 " with %" PRIu64
                                 " bytes, expected a generation from 1 and at most %d bytes",
                                 head->gen, size, BATCH_MAX);
        return BROKEN;
    }
    head->at = (size_t)(at - start);
    head->end = head->at + (size_t)size;
    return head->end <= generation->bytes.size ? WHOLE : last ? CUT : MORE;
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
    while (status == GOLEAK_OK && reader->parsed < generation->bytes.size && !reader->lost) {
        uint8_t kind = (uint8_t)generation->bytes.data[reader->parsed];
        struct batch_head head;
        if (kind == GOLEAK_TRACE_END_OF_GENERATION && reader->version >= 26) {
            reader->parsed++;
            if (generation->number != 0)
                status = run_generation(reader);
            drop(reader);
            reader->last_generation = generation->number;
            generation->number = 0;
            continue;
        }
        bool batch = kind == GOLEAK_TRACE_BATCH || (kind == GOLEAK_TRACE_EXPERIMENTAL_BATCH && reader->version >= 23);
        if (!batch)
            goleak_generation_damage(generation, reader->parsed,
                                     "found the byte 0x%02x, expected a batch; what follows cannot be read", kind);
        enum found found = batch ? read_head(reader, last, &head) : BROKEN;
        if (found == MORE)
            return GOLEAK_OK;
        reader->lost = found == BROKEN;
        if (reader->lost)
            break;
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
