/*
 * gotrace_v1 - Go execution traces of Go 1.11 to 1.21.
 *
 *      gotrace_v1_read      what lies where in the file
 *      gotrace_v1_order     its events, one after the other
 *      this                 what they say of goroutines, in our terms
 *      gotrace_v1_turn      … both in one, for what most traces consist of
 *      gotrace_v1_runtime   … and of the runtime
 *
 * A trace begins with the creation of every goroutine that there is (and who of them waits
 * or is in a system call), until the first Gomaxprocs: those are states, no creations. Why
 * they wait is not recorded.
 *
 * A system call that did not block has no end: it is the runtime's event "GoSysCall", and
 * its goroutine goes on running.
 */
#include "format/gotrace_v1.h"

#include "format/gotrace_v1_turn.h"

#include <inttypes.h>
#include <string.h>

/* ---- events of goroutines ---- */

/* What most events are: nothing but a change of their goroutine. */
struct plain {
    uint8_t kind, flags;
    uint8_t value; /* PARK: reason; YIELD: index of its name */
    uint8_t stack; /* its argument, from 1; 0: none */
    uint32_t has;
};

#define PARK(why)                                                                                                      \
    {                                                                                                                  \
        GOLEAK_EVENT_PARK, GOLEAK_FLAG_REASON, GOLEAK_REASON_##why, 1, GOLEAK_HAS_REASON                               \
    }
/* Kind 0 is CREATE, which is not plain. */
static const struct plain plains[GOLEAK_V1_TYPES] = {
    [GOLEAK_V1_GoStart] = { GOLEAK_EVENT_RUN, 0, 0, 0, 0 },
    [GOLEAK_V1_GoStartLocal] = { GOLEAK_EVENT_RUN, 0, 0, 0, 0 },
    [GOLEAK_V1_GoStartLabel] = { GOLEAK_EVENT_RUN, 0, 0, 0, 0 },
    [GOLEAK_V1_GoEnd] = { GOLEAK_EVENT_END, 0, 0, 0, 0 },
    [GOLEAK_V1_GoSched] = { GOLEAK_EVENT_YIELD, 0, 0, 1, 0 },
    [GOLEAK_V1_GoPreempt] = { GOLEAK_EVENT_YIELD, 0, 1, 1, 0 },
    [GOLEAK_V1_GoStop] = PARK(FOREVER),
    [GOLEAK_V1_GoSleep] = PARK(SLEEP),
    [GOLEAK_V1_GoBlock] = PARK(GENERIC),
    [GOLEAK_V1_GoBlockSend] = PARK(CHAN_SEND),
    [GOLEAK_V1_GoBlockRecv] = PARK(CHAN_RECV),
    [GOLEAK_V1_GoBlockSelect] = PARK(SELECT),
    [GOLEAK_V1_GoBlockSync] = PARK(SYNC),
    [GOLEAK_V1_GoBlockCond] = PARK(COND_WAIT),
    [GOLEAK_V1_GoBlockNet] = PARK(NET),
    [GOLEAK_V1_GoBlockGC] = PARK(GC_MARK_ASSIST),
    [GOLEAK_V1_GoUnblock] = { GOLEAK_EVENT_READY, 0, 0, 3, 0 },
    [GOLEAK_V1_GoUnblockLocal] = { GOLEAK_EVENT_READY, 0, 0, 2, 0 },
    [GOLEAK_V1_GoSysCall] = { GOLEAK_EVENT_SYSCALL, 0, 0, 1, 0 },
    [GOLEAK_V1_GoSysBlock] = { GOLEAK_EVENT_SYSCALL, 0, 0, 0, 0 },
    [GOLEAK_V1_GoSysExit] = { GOLEAK_EVENT_SYSRETURN, 0, 0, 0, GOLEAK_HAS_STATUS },
    [GOLEAK_V1_GoSysExitLocal] = { GOLEAK_EVENT_SYSRETURN, 0, 0, 0, GOLEAK_HAS_STATUS },
};

static enum goleak_status add_plain(struct goleak_reader *reader, const struct goleak_v1_event *from)
{
    const struct plain *plain = &plains[from->from->type];
    if (from->subject == 0)
        return GOLEAK_OK;
    reader->order.gs.gs[from->subject].untold = false;
    struct goleak_event *event = goleak_v1_add(&reader->out, from->from, (enum goleak_event_kind)plain->kind,
                                               plain->flags, plain->value, plain->has);
    goleak_v1_whose(event, from->subject, from->goid);
    event->status = GOLEAK_TRACE_RUNNABLE; /* SYSRETURN */
    event->name = reader->yields[plain->value & 1];
    if (plain->kind == GOLEAK_EVENT_READY)
        goleak_v1_by(event, from->current, from->current_goid);
    if (plain->stack != 0 && !goleak_v1_put_stack(&reader->out, event, from->from->arguments[plain->stack - 1]))
        return goleak_v1_failure(&reader->out);
    return GOLEAK_OK;
}

/* Older than the trace, and `told`. The creation may be told already, as runnable. */
static enum goleak_status add_status(struct goleak_reader *reader, const struct goleak_v1_event *from, uint8_t told)
{
    struct goleak_batch *batch = reader->out.batch;
    struct goleak_event *event = batch->count != 0 ? &batch->events[batch->count - 1] : NULL;
    if (from->subject == 0)
        return GOLEAK_OK;
    if (event == NULL || event->kind != GOLEAK_EVENT_STATUS || event->g != (GOLEAK_G_SLOT | from->subject) ||
        event->status != GOLEAK_TRACE_RUNNABLE) {
        event = goleak_v1_add(&reader->out, from->from, GOLEAK_EVENT_STATUS, 0, 0, GOLEAK_HAS_STATUS);
        goleak_v1_whose(event, from->subject, from->goid);
    }
    event->status = told;
    return GOLEAK_OK;
}

static enum goleak_status add_create(struct goleak_reader *reader, const struct goleak_v1_event *from)
{
    const uint64_t *arguments = from->from->arguments;
    struct goleak_v1_out *out = &reader->out;
    const struct goleak_v1_recent *own = goleak_v1_find_stack(out, arguments[1]);
    if (own == NULL)
        return goleak_v1_failure(out);
    struct goleak_event *event = reader->out.prologue
                                     ? goleak_v1_add(out, from->from, GOLEAK_EVENT_STATUS, 0, 0, GOLEAK_HAS_STATUS)
                                     : goleak_v1_add(out, from->from, GOLEAK_EVENT_CREATE, 0, 0, 0);
    event->name = own->start;
    event->has |= own->start != 0 ? GOLEAK_HAS_START : 0;
    event->status = GOLEAK_TRACE_RUNNABLE;
    goleak_v1_whose(event, from->subject, from->goid);
    if (reader->out.prologue)
        return GOLEAK_OK;
    goleak_v1_by(event, from->current, from->current_goid);
    return goleak_v1_put_stack(out, event, arguments[2]) ? GOLEAK_OK : goleak_v1_failure(out);
}

static enum goleak_status take(struct goleak_reader *reader, const struct goleak_v1_event *from)
{
    struct goleak_v1_out *out = &reader->out;
    enum goleak_status status = GOLEAK_OK;
    bool told;
    switch (from->from->type) {
    case GOLEAK_V1_GoCreate: return add_create(reader, from);
    case GOLEAK_V1_GoWaiting: return add_status(reader, from, GOLEAK_TRACE_WAITING);
    case GOLEAK_V1_GoInSyscall: return add_status(reader, from, GOLEAK_TRACE_SYSCALL);
    case GOLEAK_V1_GoStartLabel:
        status = add_plain(reader, from);
        return status == GOLEAK_OK ? goleak_v1_runtime(out, from) : status;
    case GOLEAK_V1_GoSysCall:
        from->from->block_told = goleak_v1_type_behind(&reader->order, from) == GOLEAK_V1_GoSysBlock;
        return from->from->block_told ? add_plain(reader, from) : goleak_v1_runtime(out, from);
    case GOLEAK_V1_GoSysBlock:
        told = from->from->block_told;
        from->from->block_told = false;
        return told ? GOLEAK_OK : add_plain(reader, from);
    case GOLEAK_V1_Gomaxprocs: reader->out.prologue = false; return goleak_v1_runtime(out, from);
    default: return plains[from->from->type].kind != 0 ? add_plain(reader, from) : goleak_v1_runtime(out, from);
    }
}

/* ---- all of them ---- */

static void begin_batch(struct goleak_v1_out *out)
{
    out->full = out->batch->events + GOLEAK_BATCH_EVENTS;
}

enum goleak_status goleak_v1_push(struct goleak_v1_out *out)
{
    if (out->batch->count == 0) { /* all of them are untold */
        begin_batch(out);
        return GOLEAK_OK;
    }
    out->events += out->batch->count;
    out->batch->in_order = out->has_time != 0;
    out->batch->untold = (int64_t)(out->untold - out->untold_pushed);
    out->untold_pushed = out->untold;
    out->late = out->late || goleak_trace_note_late(out->file->env.health, out->batch);
    enum goleak_status status = out->file->env.sink.push(out->file->env.sink.context, &out->batch);
    begin_batch(out);
    return status;
}

/* Something that was left untold, now that the trace has ended: whoever is told of it knows the trace up to here. NULL:
 * `status` tells why. */
static struct goleak_event *tell_late(struct goleak_v1_out *out, enum goleak_event_kind kind, uint32_t has,
                                      enum goleak_status *status)
{
    static const struct goleak_v1_cursor nowhere;
    *status = goleak_v1_is_full(out) ? goleak_v1_push(out) : GOLEAK_OK;
    if (*status != GOLEAK_OK)
        return NULL;
    struct goleak_event *event = goleak_v1_add(out, &nowhere, kind, 0, 0, has);
    event->time_ns = out->clock.last_ns;
    out->untold--;
    return event;
}

static enum goleak_status tell_state(struct goleak_reader *reader, uint32_t slot,
                                     const struct goleak_trace_since *since)
{
    enum goleak_status status;
    struct goleak_trace_g *g = &reader->order.gs.gs[slot];
    struct goleak_event *event =
        tell_late(&reader->out, GOLEAK_EVENT_STATUS, GOLEAK_HAS_STATUS | GOLEAK_HAS_UNTIL, &status);
    if (event == NULL)
        return status;
    goleak_v1_whose(event, slot, g->goid);
    event->position = goleak_trace_since_position(since);
    event->status = goleak_trace_since_status(since);
    event->until_ns = since->ns;
    g->untold = false;
    return GOLEAK_OK;
}

/* Who runs or could, and since when. */
static enum goleak_status tell_untold(struct goleak_reader *reader)
{
    struct goleak_trace_gs *gs = &reader->order.gs;
    enum goleak_status status = GOLEAK_OK;
    for (size_t i = 0; i < reader->order.p_count && status == GOLEAK_OK; i++) {
        const struct goleak_v1_cursor *cursor = &reader->order.cursors[i];
        if (cursor->current != 0 && gs->gs[cursor->current].untold)
            status = tell_state(reader, cursor->current, &cursor->since);
    }
    for (uint32_t slot = 1; slot < gs->count && status == GOLEAK_OK; slot++)
        if (goleak_trace_gs_untold(gs, slot) != NULL)
            status = tell_state(reader, slot, goleak_trace_gs_untold(gs, slot));
    return status;
}

/* Who is forced may be in another state than is told: from here on nothing is left untold. */
static enum goleak_status tell_all(void *context)
{
    struct goleak_reader *reader = context;
    if (!reader->out.waits_only)
        return GOLEAK_OK;
    reader->out.waits_only = false;
    enum goleak_status status = tell_untold(reader);
    goleak_trace_gs_speak(&reader->order.gs);
    return status;
}

/* When the last of all was. */
static enum goleak_status tell_end(struct goleak_reader *reader)
{
    enum goleak_status status = tell_untold(reader);
    if (status == GOLEAK_OK && reader->out.untold != 0)
        tell_late(&reader->out, GOLEAK_EVENT_OTHER, 0, &status);
    return status;
}

/* Time counts from the first event. */
static void begin_time(struct goleak_reader *reader)
{
    const struct goleak_v1_stamps *samples = &reader->file.samples;
    const struct goleak_v1_cursor *turn = reader->order.turn;
    bool sample = samples->count != 0 && (turn->type == 0 || samples->items[0].ticks < turn->ticks);
    goleak_tickclock_init(&reader->out.clock, reader->file.frequency, sample ? samples->items[0].ticks : turn->ticks);
}

static void begin_turns(struct goleak_reader *reader)
{
    goleak_v1_turns_init(reader);
    for (unsigned type = 0; type < GOLEAK_V1_TYPES; type++) {
        struct goleak_v1_simple *simple = &reader->out.simple[type];
        simple->reason = plains[type].kind == GOLEAK_EVENT_PARK ? plains[type].value : 0;
        simple->name = plains[type].kind == GOLEAK_EVENT_YIELD ? reader->yields[plains[type].value] : 0;
    }
}

static bool begin(struct goleak_reader *reader)
{
    struct goleak_symbols *symbols = reader->file.env.symbols;
    reader->yields[0] = goleak_symbols_string(symbols, "runtime.Gosched", 15);
    reader->yields[1] = goleak_symbols_string(symbols, "preempted", 9);
    if (reader->yields[0] == 0 || reader->yields[1] == 0 || !goleak_v1_out_init(&reader->out) ||
        !goleak_v1_order_init(&reader->order, &reader->file))
        return false;
    begin_time(reader);
    begin_turns(reader);
    begin_batch(&reader->out);
    reader->order.before_force = tell_all;
    reader->order.context = reader;
    reader->out.waits_only = reader->file.env.waits_only && reader->out.has_time != 0;
    return true;
}

static enum goleak_status run(struct goleak_reader *reader)
{
    struct goleak_v1_out *out = &reader->out;
    enum goleak_status status = begin(reader) ? GOLEAK_OK : goleak_v1_failure(out);
    while (status == GOLEAK_OK) {
        struct goleak_v1_event event;
        goleak_v1_turns(reader);
        if (goleak_v1_is_full(out)) {
            status = goleak_v1_push(out);
        } else if ((status = goleak_v1_order_next(&reader->order, &event)) == GOLEAK_OK) {
            status = take(reader, &event);
            goleak_v1_order_go_on(&reader->order, &event);
        }
    }
    if (status == GOLEAK_END)
        status = reader->file.failure;
    if (status == GOLEAK_OK)
        status = tell_end(reader);
    return status == GOLEAK_OK && out->batch->count != 0 ? goleak_v1_push(out) : status;
}

/* ---- the reader ---- */

static enum goleak_sniff sniff(const char *bytes, size_t size, bool whole)
{
    static const char start[] = "go 1.";
    if (size < GOLEAK_TRACE_HEADER)
        return !whole && memcmp(bytes, start, size < 5 ? size : 5) == 0 ? GOLEAK_SNIFF_MAYBE : GOLEAK_SNIFF_NO;
    return goleak_v1_version(bytes, size) != 0 ? GOLEAK_SNIFF_YES : GOLEAK_SNIFF_NO;
}

static void close_reader(struct goleak_reader *reader)
{
    struct goleak_alloc *alloc = reader->file.env.alloc;
    goleak_v1_order_release(&reader->order);
    goleak_v1_file_release(&reader->file);
    goleak_batch_free(alloc, reader->out.batch);
    goleak_v1_out_release(&reader->out);
    goleak_free(alloc, reader, sizeof *reader);
}

static struct goleak_reader *open_reader(const struct goleak_reader_env *env)
{
    struct goleak_reader *reader = goleak_alloc_zeroed(env->alloc, sizeof *reader);
    if (reader == NULL)
        return NULL;
    goleak_v1_file_init(&reader->file, env);
    reader->out.prologue = true;
    reader->out.file = &reader->file;
    reader->out.batch = goleak_batch_new(env->alloc);
    if (reader->out.batch == NULL) {
        close_reader(reader);
        return NULL;
    }
    return reader;
}

static enum goleak_status feed(struct goleak_reader *reader, const char *bytes, size_t size)
{
    return goleak_v1_file_feed(&reader->file, bytes, size);
}

/* A cut trace lacks its tables, which are its end; in others they are complete, unless they are damaged. */
static void note_unknown_ids(const struct goleak_v1_file *file)
{
    bool cut = file->cut || file->env.health->entries[GOLEAK_HEALTH_damaged_records].count == 0;
    if (file->unknown_ids != 0)
        goleak_health_note(file->env.health, cut ? GOLEAK_HEALTH_truncated : GOLEAK_HEALTH_damaged_records,
                           cut ? 1 : file->unknown_ids, 0, 0, goleak_v1_offset(file, file->bytes.size),
                           "found %" PRIu64 " mentions of strings and stacks that the trace does not have%s",
                           file->unknown_ids, cut && !file->cut ? ": it was cut between two of them" : "");
}

static enum goleak_status finish(struct goleak_reader *reader)
{
    enum goleak_status status = goleak_v1_file_finish(&reader->file);
    if (status == GOLEAK_OK && reader->file.version != 0)
        status = run(reader);
    if (status == GOLEAK_OK)
        note_unknown_ids(&reader->file);
    return status;
}

static void facts(const struct goleak_reader *reader, struct goleak_reader_facts *out)
{
    *out = (struct goleak_reader_facts) { .events = reader->out.events + reader->out.untold,
                                          .form = "v1",
                                          .relative_time = true };
    if (reader->file.refused)
        out->advice = "found no header of a Go execution trace, expected \"go 1.11 trace\", \"go 1.19 trace\" or "
                      "\"go 1.21 trace\"";
    else if (reader->out.events == 0)
        out->guess = "found a Go execution trace without one event, expected some";
}

const struct goleak_format goleak_format_gotrace_v1 = {
    .name = "gotrace-v1",
    .title = "Go execution trace",
    .offsets = true,
    .sniff = sniff,
    .open = open_reader,
    .feed = feed,
    .finish = finish,
    .facts = facts,
    .close = close_reader,
};
