/*
 * gotrace_v2_usual - the few types that most of a trace consists of, while nothing about them
 * is unusual: read, checked, applied and told in one go, with what is known of the thread in
 * registers. A part of scheduler.c.
 *
 * An event that is not as usual in any way (its batch ends soon, its goroutine is not ready,
 * its stack was not mentioned before) is left as it was found, for the rules of
 * gotrace_v2_rules.h, which say what each type means. This says the same of what passes all
 * of their tests.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V2_USUAL_H
#define GOLEAK_FORMAT_GOTRACE_V2_USUAL_H

#include "format/gotrace_v2_step.h"

/* So many bytes are there at least: type, time and three arguments, of ten bytes each. */
#define USUAL_BYTES 41

/* No more ticks are between two events of a thread: see read_short. */
#define USUAL_DELTA_MAX (((uint64_t)1 << 21) - 1)

struct usual {
    struct goleak_scheduler *scheduler;
    struct goleak_trace_thread *thread;
    const uint8_t *at;         /* what is read next of the event */
    struct goleak_event *told; /* where it goes: time and position are there */
    uint64_t untold;           /* so many were not, */
    int64_t untold_ns;         /* the last one at this time */
};

/* ---- reading; false: it is as long as few are ---- */

ALWAYS_INLINE bool read_short(struct usual *usual, uint32_t *out)
{
    const uint8_t *at = usual->at;
    if (at[0] < 0x80) {
        *out = at[0];
        usual->at = at + 1;
        return true;
    }
    if (LIKELY(at[1] < 0x80)) {
        *out = (at[0] & 0x7fu) | (uint32_t)at[1] << 7;
        usual->at = at + 2;
        return true;
    }
    *out = (at[0] & 0x7fu) | (at[1] & 0x7fu) << 7 | (uint32_t)at[2] << 14;
    usual->at = at + 3;
    return LIKELY(at[2] < 0x80);
}

/* Of less than 2^63. */
NOINLINE static const uint8_t *read_far(const uint8_t *at, uint64_t *out)
{
    at = goleak_varint(at, at + 10, out);
    return at != NULL && (int64_t)*out >= 0 ? at : NULL;
}

ALWAYS_INLINE uint64_t word_at(const uint8_t *at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
           (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

/* The first three bytes. */
ALWAYS_INLINE uint64_t goid_of(uint64_t word)
{
    return (word & 0x7f) | (word >> 1 & 0x3f80) | (word >> 2 & 0x1fc000);
}

/* Most have three bytes. */
ALWAYS_INLINE bool read_goid(struct usual *usual, uint64_t *out)
{
    uint64_t word = word_at(usual->at), goid;
    if ((word & 0x808080) == 0x8080) {
        *out = goid_of(word);
        usual->at += 3;
        return true;
    }
    if ((word & 0x80) == 0) {
        *out = word & 0x7f;
        usual->at++;
        return true;
    }
    if ((word & 0x8000) == 0) {
        *out = (word & 0x7f) | (word >> 1 & 0x3f80);
        usual->at += 2;
        return true;
    }
    usual->at = read_far(usual->at, &goid);
    *out = goid;
    return LIKELY(usual->at != NULL);
}

/* … and a sequence number, of one byte or two. */
ALWAYS_INLINE bool read_named(struct usual *usual, uint64_t *goid, uint32_t *seq)
{
    uint64_t word = word_at(usual->at);
    if (LIKELY((word & 0x8080808080) == 0x80008080)) {
        *goid = goid_of(word);
        *seq = (uint32_t)((word >> 24 & 0x7f) | (word >> 25 & 0x3f80));
        usual->at += 5;
        return true;
    }
    return read_goid(usual, goid) && read_short(usual, seq);
}

/* ---- who and what it is about ---- */

ALWAYS_INLINE struct goleak_trace_g *usual_g(const struct usual *usual, uint32_t slot)
{
    return &usual->scheduler->gs.gs[slot];
}

/* The event that is named and counted can be the goroutine's next one; slot 0 is in no state. */
ALWAYS_INLINE bool is_next_of(const struct usual *usual, const struct goleak_trace_g *g, uint32_t seq,
                              enum goleak_trace_status wanted)
{
    return LIKELY(g->status == wanted) && LIKELY(g->gen == usual->scheduler->gen) && LIKELY(g->seq + 1 == seq);
}

/* The stack that is read next, if it was mentioned in this generation; else NULL. */
ALWAYS_INLINE const struct goleak_v2_stack *usual_stack(struct usual *usual)
{
    uint32_t id;
    if (!read_short(usual, &id))
        return NULL;
    const struct goleak_v2_stack *stack = &usual->scheduler->out.stacks[id & 255];
    return LIKELY(stack->id == id) ? stack : NULL;
}

/* ---- telling ---- */

/* Its place in the batch has time and position. */
ALWAYS_INLINE struct goleak_event *tell(struct usual *usual, uint32_t slot, uint64_t goid, enum goleak_event_kind kind,
                                        unsigned flags, unsigned reason, uint32_t has)
{
    struct goleak_event *event = usual->told++;
    event->kind = (uint8_t)kind;
    event->flags = (uint8_t)flags;
    event->reason = (uint8_t)reason;
    event->wait_reason = 0;
    event->has = GOLEAK_HAS_TIME | GOLEAK_HAS_G | GOLEAK_HAS_GOID | has;
    event->g = GOLEAK_G_SLOT | slot;
    event->goid = goid;
    return event;
}

/* … or not: it goes on to run, or is in a system call, as it was before, or could run. */
ALWAYS_INLINE void leave_untold(struct usual *usual, struct goleak_trace_g *g, struct goleak_trace_since *since,
                                enum goleak_trace_status status)
{
    usual->untold_ns = usual->told->time_ns;
    goleak_trace_since_set(since, usual->untold_ns, usual->told->position, status);
    g->untold = true;
    usual->untold++;
}

/* False: it has to be told, for there is no memory to remember it. */
ALWAYS_INLINE bool leave_runnable_untold(struct usual *usual, struct goleak_trace_g *g, uint32_t slot)
{
    struct goleak_trace_gs *gs = &usual->scheduler->gs;
    if (UNLIKELY(slot >= gs->since_capacity) && !goleak_trace_gs_remember(gs))
        return false;
    leave_untold(usual, g, &gs->since[slot], GOLEAK_TRACE_RUNNABLE);
    return true;
}

/* ---- the types; false: it is not as usual ---- */

ALWAYS_INLINE bool usual_start(struct usual *usual)
{
    uint64_t goid;
    uint32_t seq, slot;
    struct goleak_trace_thread *thread = usual->thread;
    if (!read_named(usual, &goid, &seq) || UNLIKELY(thread->p == 0) || UNLIKELY(thread->g != 0))
        return false;
    struct goleak_trace_g *g = usual_g(usual, slot = find_g(usual->scheduler, goid));
    if (!is_next_of(usual, g, seq, GOLEAK_TRACE_RUNNABLE))
        return false;
    g->status = GOLEAK_TRACE_RUNNING;
    g->seq = seq;
    thread->g = slot;
    if (LIKELY(g->quiet)) {
        leave_untold(usual, g, &thread->since, GOLEAK_TRACE_RUNNING);
        return true;
    }
    g->quiet = usual->scheduler->generation->env.waits_only;
    tell(usual, slot, goid, GOLEAK_EVENT_RUN, 0, 0, 0);
    return true;
}

ALWAYS_INLINE bool usual_unblock(struct usual *usual)
{
    uint64_t goid;
    uint32_t seq, slot, waker = usual->thread->g;
    if (!read_named(usual, &goid, &seq))
        return false;
    const struct goleak_v2_stack *stack = usual_stack(usual);
    if (stack == NULL)
        return false;
    struct goleak_trace_g *g = usual_g(usual, slot = find_g(usual->scheduler, goid));
    uint64_t by = usual_g(usual, waker)->goid;
    if (!is_next_of(usual, g, seq, GOLEAK_TRACE_WAITING) || UNLIKELY((int64_t)by < 0))
        return false;
    g->status = GOLEAK_TRACE_RUNNABLE;
    g->seq = seq;
    struct goleak_event *event = tell(usual, slot, goid, GOLEAK_EVENT_READY, 0, 0, stack->has);
    event->stack = stack->stack;
    event->other_goid = by;
    event->other_g = 0;
    if (LIKELY(waker != 0)) {
        event->has |= GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID;
        event->other_g = GOLEAK_G_SLOT | waker;
    }
    return true;
}

/* The current goroutine waits, or stays runnable. */
ALWAYS_INLINE bool usual_leave(struct usual *usual, enum goleak_trace_status status)
{
    uint32_t why, slot = usual->thread->g;
    if (!read_short(usual, &why))
        return false;
    const struct goleak_v2_stack *stack = usual_stack(usual);
    const struct goleak_v2_reason *reason = &usual->scheduler->out.reasons[why & 31];
    struct goleak_trace_g *g = usual_g(usual, slot);
    uint64_t goid = g->goid;
    bool waits = status == GOLEAK_TRACE_WAITING;
    if (stack == NULL || UNLIKELY(reason->id != why) || UNLIKELY(waits && reason->reason == GOLEAK_REASON_UNKNOWN) ||
        UNLIKELY(g->status != GOLEAK_TRACE_RUNNING) || UNLIKELY(!g->started_told) || UNLIKELY((int64_t)goid < 0))
        return false;
    usual->thread->g = 0;
    g->status = (uint8_t)status;
    g->untold = false;
    if (!waits && LIKELY(g->quiet) && leave_runnable_untold(usual, g, slot))
        return true;
    struct goleak_event *event =
        tell(usual, slot, goid, waits ? GOLEAK_EVENT_PARK : GOLEAK_EVENT_YIELD, waits ? GOLEAK_FLAG_REASON : 0,
             waits ? reason->reason : 0, (waits ? GOLEAK_HAS_REASON : 0) | stack->has);
    event->stack = stack->stack;
    if (!waits)
        event->name = reason->string;
    return true;
}

ALWAYS_INLINE bool usual_create(struct usual *usual)
{
    struct goleak_scheduler *scheduler = usual->scheduler;
    uint64_t goid;
    uint32_t current = usual->thread->g;
    if (!read_goid(usual, &goid))
        return false;
    const struct goleak_v2_stack *entry = usual_stack(usual), *stack = entry != NULL ? usual_stack(usual) : NULL;
    if (stack == NULL || UNLIKELY(usual->thread->p == 0) || UNLIKELY(goid == 0) ||
        UNLIKELY(current != 0 && usual_g(usual, current)->status != GOLEAK_TRACE_RUNNING) ||
        UNLIKELY(goleak_trace_gs_find(&scheduler->gs, goid) != 0))
        return false;
    uint32_t slot = add_g(scheduler, goid, GOLEAK_TRACE_RUNNABLE);
    if (UNLIKELY(slot == 0))
        return false;
    struct goleak_event *event = tell(usual, slot, goid, GOLEAK_EVENT_CREATE, 0, 0, stack->has);
    event->stack = stack->stack;
    goleak_trace_by(event, &scheduler->gs, current);
    goleak_v2_put_start(&scheduler->out, event, slot, entry->start);
    return true;
}

ALWAYS_INLINE bool usual_end(struct usual *usual)
{
    uint32_t slot = usual->thread->g;
    const struct goleak_trace_g *g = usual_g(usual, slot);
    if (UNLIKELY(g->status != GOLEAK_TRACE_RUNNING) || UNLIKELY((int64_t)g->goid < 0))
        return false;
    usual->thread->g = 0;
    tell(usual, slot, g->goid, GOLEAK_EVENT_END, 0, 0, 0);
    goleak_trace_gs_remove(&usual->scheduler->gs, slot);
    return true;
}

ALWAYS_INLINE bool usual_syscall(struct usual *usual)
{
    uint32_t seq, slot = usual->thread->g, p = usual->thread->p;
    if (!read_short(usual, &seq) || UNLIKELY(p == 0))
        return false;
    const struct goleak_v2_stack *stack = usual_stack(usual);
    struct goleak_trace_g *g = usual_g(usual, slot);
    struct goleak_trace_proc *proc = &usual->scheduler->procs[p - 1];
    if (stack == NULL || UNLIKELY(g->status != GOLEAK_TRACE_RUNNING) || UNLIKELY(!g->started_told) ||
        UNLIKELY((int64_t)g->goid < 0) || UNLIKELY(proc->status != PROC_RUNNING) ||
        UNLIKELY(proc->gen != usual->scheduler->gen) || UNLIKELY(proc->seq + 1 != seq))
        return false;
    proc->status = PROC_SYSCALL;
    proc->seq = seq;
    g->status = GOLEAK_TRACE_SYSCALL;
    if (g->quiet)
        leave_untold(usual, g, &usual->thread->since, GOLEAK_TRACE_SYSCALL);
    else
        tell(usual, slot, g->goid, GOLEAK_EVENT_SYSCALL, 0, 0, stack->has)->stack = stack->stack;
    return true;
}

ALWAYS_INLINE bool usual_return(struct usual *usual)
{
    uint32_t slot = usual->thread->g, p = usual->thread->p;
    if (UNLIKELY(p == 0))
        return false;
    struct goleak_trace_g *g = usual_g(usual, slot);
    struct goleak_trace_proc *proc = &usual->scheduler->procs[p - 1];
    if (UNLIKELY(g->status != GOLEAK_TRACE_SYSCALL) || UNLIKELY((int64_t)g->goid < 0) ||
        UNLIKELY(proc->status != PROC_SYSCALL))
        return false;
    proc->status = PROC_RUNNING;
    g->status = GOLEAK_TRACE_RUNNING;
    if (g->quiet)
        leave_untold(usual, g, &usual->thread->since, GOLEAK_TRACE_RUNNING);
    else
        tell(usual, slot, g->goid, GOLEAK_EVENT_SYSRETURN, 0, 0, GOLEAK_HAS_STATUS)->status = GOLEAK_TRACE_RUNNING;
    return true;
}

/* Repeated in every generation: of a goroutine that is known and does nothing it is no news. */
ALWAYS_INLINE bool usual_status(struct usual *usual, bool has_stack)
{
    struct goleak_scheduler *scheduler = usual->scheduler;
    uint64_t goid;
    uint32_t id, slot = scheduler->next_status;
    if (!read_goid(usual, &goid) || UNLIKELY(slot >= scheduler->gs.count) ||
        UNLIKELY(memcmp(usual->at, no_id, sizeof no_id) != 0))
        return false;
    uint8_t status = usual->at[sizeof no_id];
    struct goleak_trace_g *g = usual_g(usual, slot);
    usual->at += sizeof no_id + 1;
    if (UNLIKELY(g->goid != goid) || UNLIKELY(g->status != status) || UNLIKELY(g->unplaced) ||
        UNLIKELY(status != GOLEAK_TRACE_WAITING && status != GOLEAK_TRACE_RUNNABLE) ||
        (has_stack && !read_short(usual, &id)))
        return false;
    g->gen = scheduler->gen;
    g->seq = 0;
    scheduler->next_status = slot + 1;
    return true;
}

ALWAYS_INLINE bool take_usual(struct usual *usual, uint8_t type)
{
    switch (type) {
    case GOLEAK_TRACE_GoStart: return usual_start(usual);
    case GOLEAK_TRACE_GoBlock: return usual_leave(usual, GOLEAK_TRACE_WAITING);
    case GOLEAK_TRACE_GoUnblock: return usual_unblock(usual);
    case GOLEAK_TRACE_GoStop: return usual_leave(usual, GOLEAK_TRACE_RUNNABLE);
    case GOLEAK_TRACE_GoCreate: return usual_create(usual);
    case GOLEAK_TRACE_GoDestroy: return usual_end(usual);
    case GOLEAK_TRACE_GoSyscallBegin: return usual_syscall(usual);
    case GOLEAK_TRACE_GoSyscallEnd: return usual_return(usual);
    case GOLEAK_TRACE_GoStatus: return usual_status(usual, false);
    case GOLEAK_TRACE_GoStatusStack: return usual_status(usual, true);
    default: return false;
    }
}

/* ---- a run of them ---- */

/* What has gone out, and what was left out. */
ALWAYS_INLINE void put_out(const struct usual *usual)
{
    struct goleak_v2_out *out = &usual->scheduler->out;
    out->next = usual->told;
    out->full -= usual->untold;
    out->untold += usual->untold;
    out->untold_ns = usual->untold_ns;
}

/* Takes what is usual of a thread's events up to this time, which is calm, and not before the
 * first one's. NULL: the thread's event is not taken. Else its last one was, and the next one,
 * which begins there, is to be read with care. */
ALWAYS_INLINE const uint8_t *run_usual(struct goleak_scheduler *scheduler, struct goleak_trace_thread *thread,
                                       uint64_t until)
{
    struct goleak_v2_out *out = &scheduler->out;
    struct usual usual = { .scheduler = scheduler, .thread = thread, .told = out->next, .untold_ns = out->untold_ns };
    const uint8_t *event = thread->event;
    uintptr_t last = (uintptr_t)thread->end - USUAL_BYTES;
    uint64_t ticks = thread->time - out->clock.base, end = until - out->clock.base;
    if (UNLIKELY((uintptr_t)event > last))
        return NULL;
    usual.at = event + 2;
    if (UNLIKELY(event[1] >= 0x80))
        usual.at = arguments_of(event);
    while (LIKELY(usual.told + usual.untold < out->full) && ticks <= end) {
        uint32_t delta;
        usual.told->time_ns = goleak_tickclock_near(&out->clock, ticks);
        usual.told->position = goleak_trace_position(thread, event);
        if (UNLIKELY(!take_usual(&usual, *event)))
            break;
        const uint8_t *next = usual.at;
        usual.at = next + 1;
        if (UNLIKELY((uintptr_t)next > last) || !read_short(&usual, &delta)) {
            thread->time = out->clock.base + ticks;
            put_out(&usual);
            return next;
        }
        event = next;
        ticks += delta;
    }
    thread->time = out->clock.base + ticks;
    put_out(&usual);
    if (UNLIKELY(argument_counts[*event] == 0)) /* ends its batch, whatever the time */
        return event;
    thread->event = event;
    return NULL;
}

#endif
