/*
 * gotrace_v2_out - events of a trace v2 on their way out: built where they will be read, in
 * the batch. What is frequent is inlined into the rules of gotrace_v2_rules.h, which say what
 * has happened.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V2_OUT_H
#define GOLEAK_FORMAT_GOTRACE_V2_OUT_H

#include "format/generation.h"
#include "format/tickclock.h"

#define GOLEAK_TRACE_ARGUMENTS 5

/* Event types, and their arguments without the time (internal/trace/tracev2/events.go). */
#define GOLEAK_TRACE_EVENTS(X)                                                                               \
    X(9, 2, ProcsChange) X(10, 2, ProcStart) X(11, 0, ProcStop) X(12, 3, ProcSteal) X(13, 2, ProcStatus)     \
    X(14, 3, GoCreate) X(15, 1, GoCreateSyscall) X(16, 2, GoStart) X(17, 0, GoDestroy)                       \
    X(18, 0, GoDestroySyscall) X(19, 2, GoStop) X(20, 2, GoBlock) X(21, 3, GoUnblock) X(22, 2, GoSyscallBegin) \
    X(23, 0, GoSyscallEnd) X(24, 0, GoSyscallEndBlocked) X(25, 3, GoStatus) X(26, 2, STWBegin) X(27, 0, STWEnd) \
    X(28, 1, GCActive) X(29, 2, GCBegin) X(30, 1, GCEnd) X(31, 1, GCSweepActive) X(32, 1, GCSweepBegin)      \
    X(33, 2, GCSweepEnd) X(34, 1, GCMarkAssistActive) X(35, 1, GCMarkAssistBegin) X(36, 0, GCMarkAssistEnd)  \
    X(37, 1, HeapAlloc) X(38, 1, HeapGoal) X(39, 1, GoLabel) X(40, 4, UserTaskBegin) X(41, 2, UserTaskEnd)   \
    X(42, 3, UserRegionBegin) X(43, 3, UserRegionEnd) X(44, 4, UserLog) X(45, 2, GoSwitch)                   \
    X(46, 2, GoSwitchDestroy) X(47, 3, GoCreateBlocked) X(48, 4, GoStatusStack) X(128, 3, Span)              \
    X(129, 3, SpanAlloc) X(130, 1, SpanFree) X(131, 2, HeapObject) X(132, 2, HeapObjectAlloc)                \
    X(133, 1, HeapObjectFree) X(134, 2, GoroutineStack) X(135, 2, GoroutineStackAlloc) X(136, 1, GoroutineStackFree)

enum {
#define X(id, arguments, name) GOLEAK_TRACE_##name = id,
    GOLEAK_TRACE_EVENTS(X)
#undef X
};

const char *goleak_trace_event_name(uint8_t type);

/* What an event has of when and where. */
struct goleak_v2_when {
    uint64_t ticks;
    uint64_t position; /* in the trace */
};

struct goleak_v2_out {
    struct goleak_generation *generation;
    struct goleak_trace_gs *gs;
    struct goleak_batch *batch;
    /* In the batch: where the next event goes, and where it has no room. What is left untold takes its place all the
     * same: complaints are told between batches, and where that is must not depend on who asks. */
    struct goleak_event *next, *full;
    uint64_t pushed; /* events, in batches before this one */
    uint64_t untold, untold_pushed; /* events that are not told; of these, before this batch */
    int64_t untold_ns;              /* the last one's time */
    uint64_t told_beside;           /* events that stand for none of the trace's */
    struct goleak_tickclock clock;
    bool late;     /* it stands still, and that is said */
    size_t sample; /* the next one */
    uint64_t due;  /* its ticks; UINT64_MAX: there is none */
    uint32_t names[256]; /* strings: of event types */
    /* Of this generation, what was mentioned lately: by the low bits of the ids. */
    struct goleak_v2_stack {
        uint32_t id, stack;
        uint32_t has;   /* 0, or GOLEAK_HAS_STACK */
        uint32_t start; /* the string of its outermost function */
    } stacks[257]; /* the last: of an id of more than 32 bits */
    struct goleak_v2_reason {
        uint64_t id;
        uint32_t string;
        uint8_t reason;
    } reasons[33]; /* the last: of what is missing */
};

/* False: memory. */
bool goleak_v2_out_init(struct goleak_v2_out *out, struct goleak_generation *generation, struct goleak_trace_gs *gs);
void goleak_v2_out_release(struct goleak_v2_out *out);
/* A generation is loaded, whose clock has this frequency. */
void goleak_v2_out_begin(struct goleak_v2_out *out, uint64_t frequency);

/* The most events that are made of one, samples aside. */
#define GOLEAK_V2_ROOM 4
static inline bool goleak_v2_is_full(const struct goleak_v2_out *out)
{
    return out->next >= out->full;
}
static inline uint64_t goleak_v2_events(const struct goleak_v2_out *out)
{
    return out->pushed + (uint64_t)(out->next - out->batch->events) + out->untold - out->told_beside;
}
/* Who tells events without the clock leaves it behind: the last event has its last time. */
static inline void goleak_v2_set_clock(struct goleak_v2_out *out)
{
    if (out->next != out->batch->events)
        out->clock.last_ns = out->next[-1].time_ns;
    if (out->untold_ns > out->clock.last_ns)
        out->clock.last_ns = out->untold_ns;
}
enum goleak_status goleak_v2_push(struct goleak_v2_out *out);
/* What had not been told of a goroutine: in which state it is, and since when. Leaves room. */
enum goleak_status goleak_v2_tell_state(struct goleak_v2_out *out, uint32_t slot,
                                        const struct goleak_trace_since *since);
/* … and when the last of what is untold was. */
/* All that live have been told of: to whoever has other recordings of them. */
enum goleak_status goleak_v2_tell_all_told(struct goleak_v2_out *out);
enum goleak_status goleak_v2_tell_end(struct goleak_v2_out *out);
/* CPU samples up to this time; leaves room. */
enum goleak_status goleak_v2_samples(struct goleak_v2_out *out, uint64_t until);

/* Of a goroutine that shows itself for the first time. */
void goleak_v2_status(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot, uint64_t stack);
/* What is none of a goroutine's life; p: of the thread; NO_ID: it has none. */
void goleak_v2_runtime(struct goleak_v2_out *out, struct goleak_v2_when when, uint8_t type,
                       const uint64_t argument[GOLEAK_TRACE_ARGUMENTS], uint64_t thread, uint64_t p, uint32_t current);
/* What is not among the last ones; the same until the next call. */
const struct goleak_v2_stack *goleak_v2_find_stack(struct goleak_v2_out *out, uint64_t id);
const struct goleak_v2_reason *goleak_v2_find_reason(struct goleak_v2_out *out, uint64_t id);
/* It waits for a text that is no reason. */
void goleak_v2_bad_reason(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t string);
/* The goroutine's id is none. */
void goleak_v2_bad_goid(struct goleak_v2_out *out, struct goleak_v2_when when, uint64_t goid);

/* ---- the frequent ones ---- */

static inline const struct goleak_v2_stack *goleak_v2_stack(struct goleak_v2_out *out, uint64_t id)
{
    const struct goleak_v2_stack *stack = &out->stacks[id & 255];
    return stack->id == id ? stack : goleak_v2_find_stack(out, id);
}

static inline const struct goleak_v2_reason *goleak_v2_reason(struct goleak_v2_out *out, uint64_t id)
{
    const struct goleak_v2_reason *reason = &out->reasons[id & 31];
    return reason->id == id ? reason : goleak_v2_find_reason(out, id);
}

/* The next event of the batch; there is room. Threads' clocks are advice: the order is
 * right, so time does not go back. */
static inline struct goleak_event *goleak_v2_add(struct goleak_v2_out *out, struct goleak_v2_when when,
                                                 enum goleak_event_kind kind, unsigned flags, uint32_t has)
{
    struct goleak_event *event = out->next++;
    event->kind = (uint8_t)kind;
    event->flags = (uint8_t)flags;
    event->has = GOLEAK_HAS_TIME | has;
    event->time_ns = goleak_tickclock_ns(&out->clock, when.ticks);
    event->position = when.position;
    return event;
}

/* GOLEAK_HAS_GOID (or OTHER_GOID), if it is a goid: below 2^63. */
static inline uint32_t goleak_v2_has_goid(uint64_t goid, uint32_t has)
{
    return (int64_t)goid >= 0 ? has : 0;
}

static inline struct goleak_event *goleak_v2_of(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot,
                                                enum goleak_event_kind kind, unsigned flags, uint32_t has)
{
    uint64_t goid = out->gs->gs[slot].goid;
    out->gs->gs[slot].untold = false;
    struct goleak_event *event =
        goleak_v2_add(out, when, kind, flags, has | GOLEAK_HAS_G | goleak_v2_has_goid(goid, GOLEAK_HAS_GOID));
    event->g = GOLEAK_G_SLOT | slot;
    event->goid = goid;
    return event;
}

/* The start function of the goroutine; goroutine 1's is runtime.main, whose frame traces cut
 * off. */
void goleak_v2_put_start(struct goleak_v2_out *out, struct goleak_event *event, uint32_t slot, uint32_t start);
/* The same of one whose status had no stack: by its first stack. */
void goleak_v2_learn_start(struct goleak_v2_out *out, struct goleak_event *event, uint32_t slot, uint32_t start);

static inline void goleak_v2_with_stack(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot,
                                        enum goleak_event_kind kind, uint64_t id)
{
    const struct goleak_v2_stack *stack = goleak_v2_stack(out, id);
    struct goleak_event *event = goleak_v2_of(out, when, slot, kind, 0, stack->has);
    event->stack = stack->stack;
    if (!out->gs->gs[slot].started_told)
        goleak_v2_learn_start(out, event, slot, stack->start);
}

static inline void goleak_v2_run(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot)
{
    goleak_v2_of(out, when, slot, GOLEAK_EVENT_RUN, 0, 0);
}

static inline void goleak_v2_end(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot)
{
    goleak_v2_of(out, when, slot, GOLEAK_EVENT_END, 0, 0);
}

/* stacks: of the new one's entry, and of its creator; 0: none. */
static inline void goleak_v2_create(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot,
                                    uint32_t creator, uint64_t entry, uint64_t by)
{
    uint32_t start = goleak_v2_stack(out, entry)->start;
    const struct goleak_v2_stack *stack = goleak_v2_stack(out, by);
    struct goleak_event *event =
        goleak_v2_of(out, when, slot, GOLEAK_EVENT_CREATE, 0, stack->has);
    event->stack = stack->stack;
    goleak_trace_by(event, out->gs, creator);
    goleak_v2_put_start(out, event, slot, start);
    if ((int64_t)event->goid < 0)
        goleak_v2_bad_goid(out, when, event->goid);
}

static inline void goleak_v2_block(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot,
                                   uint64_t reason, uint64_t id)
{
    const struct goleak_v2_reason why = *goleak_v2_reason(out, reason);
    const struct goleak_v2_stack *stack = goleak_v2_stack(out, id);
    if (why.reason == GOLEAK_REASON_UNKNOWN && why.string != 0) /* else it is missing, which is counted already */
        goleak_v2_bad_reason(out, when, why.string);
    struct goleak_event *event = goleak_v2_of(out, when, slot, GOLEAK_EVENT_PARK, GOLEAK_FLAG_REASON,
                                              GOLEAK_HAS_REASON | stack->has);
    event->reason = why.reason;
    event->stack = stack->stack;
    if (!out->gs->gs[slot].started_told)
        goleak_v2_learn_start(out, event, slot, stack->start);
}

/* It waits for another one to switch to it: the tracer has no reason for it, the runtime a word. */
static inline void goleak_v2_block_coroutine(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot)
{
    struct goleak_event *event = goleak_v2_of(out, when, slot, GOLEAK_EVENT_PARK, GOLEAK_FLAG_REASON,
                                              GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT);
    event->reason = GOLEAK_REASON_GENERIC;
    event->wait_reason = GOLEAK_WAIT_COROUTINE;
    out->gs->gs[slot].unplaced = true;
}

static inline void goleak_v2_unblock(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot,
                                     uint32_t waker, uint64_t id)
{
    const struct goleak_v2_stack *stack = goleak_v2_stack(out, id);
    uint64_t by = out->gs->gs[waker].goid;
    uint32_t has = waker != 0 ? GOLEAK_HAS_OTHER | goleak_v2_has_goid(by, GOLEAK_HAS_OTHER_GOID) : 0;
    struct goleak_event *event =
        goleak_v2_of(out, when, slot, GOLEAK_EVENT_READY, 0, has | stack->has);
    event->other_g = waker != 0 ? GOLEAK_G_SLOT | waker : 0;
    event->other_goid = by;
    event->stack = stack->stack;
}

static inline void goleak_v2_stop(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot,
                                  uint64_t reason, uint64_t id)
{
    uint32_t why = goleak_v2_reason(out, reason)->string;
    struct goleak_event *event = out->next;
    goleak_v2_with_stack(out, when, slot, GOLEAK_EVENT_YIELD, id);
    event->name = event->has & GOLEAK_HAS_START ? event->name : why;
}

static inline void goleak_v2_sysreturn(struct goleak_v2_out *out, struct goleak_v2_when when, uint32_t slot,
                                       enum goleak_trace_status status)
{
    goleak_v2_of(out, when, slot, GOLEAK_EVENT_SYSRETURN, 0, GOLEAK_HAS_STATUS)->status = (uint8_t)status;
}

#endif
