/*
 * gotrace_v2_out - events of a trace v2 on their way out: built where they will be read, in
 * the batch. What scheduler.c (who knows what happened) says to gotrace_v2_out.c.
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

struct goleak_v2_out {
    struct goleak_generation *generation;
    struct goleak_trace_gs *gs;
    struct goleak_batch *batch;
    uint64_t pushed; /* events, in batches before this one */
    struct goleak_tickclock clock;
    int64_t last_ns;
    uint64_t ticks, at; /* of the event that is being told: its time, and in the generation's bytes */
    size_t sample;      /* the next one */
    uint64_t due;       /* its ticks; UINT64_MAX: there is none */
    uint32_t names[256]; /* strings: of event types */
    /* Of this generation, what was mentioned lately: by the low bits of the ids. */
    struct {
        uint64_t id;
        uint32_t stack;
    } stacks[256];
    struct {
        uint64_t id;
        uint8_t reason;
    } reasons[32];
};

/* False: memory. */
bool goleak_v2_out_init(struct goleak_v2_out *out, struct goleak_generation *generation, struct goleak_trace_gs *gs);
void goleak_v2_out_release(struct goleak_v2_out *out);
/* A generation is loaded, whose clock has this frequency. */
void goleak_v2_out_begin(struct goleak_v2_out *out, uint64_t frequency);

/* The most events that are made of one, samples aside. */
#define GOLEAK_V2_ROOM 4
static inline bool goleak_v2_out_is_full(const struct goleak_v2_out *out)
{
    return out->batch->count > GOLEAK_BATCH_EVENTS - GOLEAK_V2_ROOM;
}
enum goleak_status goleak_v2_push(struct goleak_v2_out *out);
/* CPU samples up to this time; leaves room. */
enum goleak_status goleak_v2_samples(struct goleak_v2_out *out, uint64_t until);

/* Of a goroutine that shows itself for the first time. */
void goleak_v2_status(struct goleak_v2_out *out, uint32_t slot, uint64_t stack);
/* stacks: of the new one's entry, and of its creator; 0: none. */
void goleak_v2_create(struct goleak_v2_out *out, uint32_t slot, uint32_t creator, uint64_t entry, uint64_t stack);
/* What is none of a goroutine's life; p: of the thread; NO_ID: it has none. */
void goleak_v2_runtime(struct goleak_v2_out *out, uint8_t type, const uint64_t argument[GOLEAK_TRACE_ARGUMENTS],
                       uint64_t thread, uint64_t p, uint32_t current);
/* The goroutine's own stack, where its start function is not told yet. */
void goleak_v2_learn_start(struct goleak_v2_out *out, struct goleak_event *event, uint32_t slot);
/* Not among the last ones. */
uint32_t goleak_v2_find_stack(struct goleak_v2_out *out, uint64_t id);
uint8_t goleak_v2_find_reason(struct goleak_v2_out *out, uint64_t id);

/* ---- the frequent ones ---- */

static inline uint32_t goleak_v2_stack(struct goleak_v2_out *out, uint64_t id)
{
    return out->stacks[id & 255].id == id ? out->stacks[id & 255].stack : goleak_v2_find_stack(out, id);
}

/* The next event of the batch; there is room. */
static inline struct goleak_event *goleak_v2_add(struct goleak_v2_out *out, enum goleak_event_kind kind)
{
    struct goleak_event *event = &out->batch->events[out->batch->count++];
    int64_t time_ns = goleak_tickclock_ns(&out->clock, out->ticks);
    /* Threads' clocks are advice: the order is right, so time does not go back. */
    out->last_ns = time_ns > out->last_ns ? time_ns : out->last_ns;
    event->kind = (uint8_t)kind;
    event->flags = 0;
    event->has = GOLEAK_HAS_TIME;
    event->time_ns = out->last_ns;
    event->position = out->generation->offset + out->at;
    return event;
}

static inline struct goleak_event *goleak_v2_of(struct goleak_v2_out *out, enum goleak_event_kind kind, uint32_t slot)
{
    struct goleak_event *event = goleak_v2_add(out, kind);
    goleak_trace_whose(event, out->gs, slot);
    return event;
}

static inline void goleak_v2_put_stack(struct goleak_v2_out *out, struct goleak_event *event, uint64_t id)
{
    event->stack = goleak_v2_stack(out, id);
    event->has |= event->stack != 0 ? GOLEAK_HAS_STACK : 0;
}

/* Of a goroutine whose status had no stack, the first stack tells where it started. */
static inline void goleak_v2_put_own_stack(struct goleak_v2_out *out, struct goleak_event *event, uint32_t slot,
                                           uint64_t id)
{
    goleak_v2_put_stack(out, event, id);
    if (!out->gs->gs[slot].started_told)
        goleak_v2_learn_start(out, event, slot);
}

static inline void goleak_v2_block(struct goleak_v2_out *out, uint32_t slot, uint64_t reason, uint64_t stack)
{
    struct goleak_event *event = goleak_v2_of(out, GOLEAK_EVENT_PARK, slot);
    event->flags = GOLEAK_FLAG_REASON;
    event->has |= GOLEAK_HAS_REASON;
    event->reason = out->reasons[reason & 31].id == reason ? out->reasons[reason & 31].reason
                                                           : goleak_v2_find_reason(out, reason);
    goleak_v2_put_own_stack(out, event, slot, stack);
}

/* It waits for another one to switch to it: the tracer has no reason for it, the runtime a word. */
static inline void goleak_v2_block_coroutine(struct goleak_v2_out *out, uint32_t slot)
{
    struct goleak_event *event = goleak_v2_of(out, GOLEAK_EVENT_PARK, slot);
    event->flags = GOLEAK_FLAG_REASON;
    event->reason = GOLEAK_REASON_GENERIC;
    event->wait_reason = GOLEAK_WAIT_COROUTINE;
    event->has |= GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT;
}

static inline void goleak_v2_unblock(struct goleak_v2_out *out, uint32_t slot, uint32_t waker, uint64_t stack)
{
    struct goleak_event *event = goleak_v2_of(out, GOLEAK_EVENT_READY, slot);
    goleak_trace_by(event, out->gs, waker);
    goleak_v2_put_stack(out, event, stack);
}

static inline void goleak_v2_stop(struct goleak_v2_out *out, uint32_t slot, uint64_t reason, uint64_t stack)
{
    struct goleak_event *event = goleak_v2_of(out, GOLEAK_EVENT_YIELD, slot);
    event->name = goleak_generation_string(out->generation, reason);
    goleak_v2_put_own_stack(out, event, slot, stack);
}

static inline void goleak_v2_syscall(struct goleak_v2_out *out, uint32_t slot, uint64_t stack)
{
    goleak_v2_put_own_stack(out, goleak_v2_of(out, GOLEAK_EVENT_SYSCALL, slot), slot, stack);
}

static inline void goleak_v2_sysreturn(struct goleak_v2_out *out, uint32_t slot, enum goleak_trace_status status)
{
    struct goleak_event *event = goleak_v2_of(out, GOLEAK_EVENT_SYSRETURN, slot);
    event->status = (uint8_t)status;
    event->has |= GOLEAK_HAS_STATUS;
}

#endif
