/*
 * gotrace_v2_step - what the rules of gotrace_v2_rules.h are made of: the event of a thread,
 * its arguments, and the threads, Ps and goroutines that it is about. Inlined into them.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V2_STEP_H
#define GOLEAK_FORMAT_GOTRACE_V2_STEP_H

#include "base/compiler.h"
#include "format/scheduler.h"
#include "format/varint.h"

#include <string.h>

enum { PROC_NONE, PROC_RUNNING, PROC_IDLE, PROC_SYSCALL, PROC_ABANDONED };
enum verdict { READY, NOT_YET, NEVER, DAMAGED, FAILED };

/* 0: no event; else the number of its arguments, + 1. */
static const uint8_t argument_counts[256] = {
    [0] = 0,
#define X(id, arguments, name) [id] = arguments + 1,
    GOLEAK_TRACE_EVENTS(X)
#undef X
};

struct step {
    struct goleak_scheduler *scheduler;
    struct goleak_trace_thread *thread;
    const uint8_t *behind; /* what was read of the event */
    uint64_t argument[GOLEAK_TRACE_ARGUMENTS];
    uint64_t latest;     /* it is told to be no later than this */
    bool force;          /* take it, whatever the rules say */
    const char *problem; /* NEVER: what is wrong */
};

/* ---- threads, Ps and goroutines ---- */

/* Index + 1; 0: memory. May move the threads. */
static uint32_t thread_of(struct goleak_scheduler *scheduler, uint64_t id)
{
    struct goleak_alloc *alloc = scheduler->generation->env.alloc;
    uint32_t index = goleak_idmap_get(&scheduler->thread_index, id);
    if (index != 0)
        return index;
    if (!goleak_grow(alloc, &scheduler->threads, &scheduler->thread_capacity, scheduler->thread_count + 1,
                     sizeof *scheduler->threads) ||
        !goleak_idmap_put(&scheduler->thread_index, id, (uint32_t)scheduler->thread_count + 1))
        return 0;
    scheduler->threads[scheduler->thread_count++] = (struct goleak_trace_thread){ .id = id };
    return (uint32_t)scheduler->thread_count;
}

static struct goleak_trace_proc *find_proc(const struct goleak_scheduler *scheduler, uint64_t id)
{
    uint32_t index = goleak_idmap_get(&scheduler->proc_index, id);
    return index != 0 ? &scheduler->procs[index - 1] : NULL;
}

static struct goleak_trace_proc *add_proc(struct goleak_scheduler *scheduler, uint64_t id)
{
    struct goleak_alloc *alloc = scheduler->generation->env.alloc;
    if (!goleak_grow(alloc, &scheduler->procs, &scheduler->proc_capacity, scheduler->proc_count + 1,
                     sizeof *scheduler->procs) ||
        !goleak_idmap_put(&scheduler->proc_index, id, (uint32_t)scheduler->proc_count + 1))
        return NULL;
    scheduler->procs[scheduler->proc_count] = (struct goleak_trace_proc){ .id = id };
    return &scheduler->procs[scheduler->proc_count++];
}

static uint32_t index_of(const struct goleak_scheduler *scheduler, const struct goleak_trace_proc *proc)
{
    return (uint32_t)(proc - scheduler->procs) + 1;
}

/* The P of the thread; NULL: it has none. */
static struct goleak_trace_proc *own_proc(const struct step *step)
{
    return step->thread->p != 0 ? &step->scheduler->procs[step->thread->p - 1] : NULL;
}

static struct goleak_trace_g *g_at(const struct step *step, uint32_t slot)
{
    return &step->scheduler->gs.gs[slot];
}

/* Who was not named lately. */
NOINLINE static uint32_t find_again(struct goleak_scheduler *scheduler, uint64_t goid)
{
    return scheduler->recent[goid & 255] = goleak_trace_gs_find(&scheduler->gs, goid);
}

ALWAYS_INLINE uint32_t find_g(struct goleak_scheduler *scheduler, uint64_t goid)
{
    uint32_t slot = scheduler->recent[goid & 255];
    /* A slot that is free has no goid, nor has what is damaged: it would be found. */
    return LIKELY(scheduler->gs.gs[slot].goid == goid) && LIKELY(goid != 0) ? slot : find_again(scheduler, goid);
}

/* A new goroutine; 0: memory. */
static uint32_t add_g(struct goleak_scheduler *scheduler, uint64_t goid, enum goleak_trace_status status)
{
    uint32_t slot = goleak_trace_gs_add(&scheduler->gs, goid);
    if (slot == 0)
        return 0;
    scheduler->recent[goid & 255] = slot;
    scheduler->gs.gs[slot].status = (uint8_t)status;
    scheduler->gs.gs[slot].gen = scheduler->gen;
    return slot;
}

/* ---- what rules are made of ---- */

/* Numbers that are none go on here: see goleak_varint_ahead. */
static const uint8_t wrong[10 * GOLEAK_TRACE_ARGUMENTS];

/* 2^64-1, which most statuses have for a thread: they have none. */
static const uint8_t no_id[10] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 };

static inline const uint8_t *read_number(const uint8_t *at, uint64_t *out)
{
    if (*at != no_id[0] || memcmp(at, no_id, sizeof no_id) != 0)
        return goleak_varint_ahead(at, wrong, out);
    *out = GOLEAK_TRACE_NO_ID;
    return at + sizeof no_id;
}

/* Behind type and time of an event. */
static inline const uint8_t *arguments_of(const uint8_t *event)
{
    while (*++event >= 0x80)
        ;
    return event + 1;
}

/* At most five; none that is not there, such as the stack of a status, is left from before.
 * False: the batch ends within them. */
static bool read_arguments(struct step *step, unsigned count)
{
    const struct goleak_trace_thread *thread = step->thread;
    const uint8_t *at = arguments_of(thread->event);
    for (unsigned i = 0; i < GOLEAK_TRACE_ARGUMENTS; i++) {
        step->argument[i] = 0;
        if (i < count)
            at = read_number(at, &step->argument[i]);
    }
    step->behind = at;
    return (uintptr_t)at - (uintptr_t)thread->event <= (uintptr_t)thread->end - (uintptr_t)thread->event;
}

static enum verdict never(struct step *step, const char *problem)
{
    step->problem = problem;
    return step->force ? READY : NEVER;
}

static bool is_next(const struct step *step, uint64_t gen, uint64_t seq, uint64_t told)
{
    return gen == step->scheduler->gen && seq + 1 == told;
}

static bool is_running(const struct step *step)
{
    return g_at(step, step->thread->g)->status == GOLEAK_TRACE_RUNNING; /* nobody does not */
}

static bool in_syscall(const struct step *step)
{
    return g_at(step, step->thread->g)->status == GOLEAK_TRACE_SYSCALL;
}

/* The goroutine that is named and counted, in the state that the event wants it in; else
 * NOT_YET. By force one that is not there is made up. */
static enum verdict named(struct step *step, enum goleak_trace_status wanted, uint32_t *slot)
{
    uint64_t goid = step->argument[0], seq = step->argument[1];
    *slot = find_g(step->scheduler, goid);
    struct goleak_trace_g *g = g_at(step, *slot);
    if (LIKELY(g->status == wanted && g->gen == step->scheduler->gen && (uint32_t)seq == g->seq + 1))
        return READY;
    if (!step->force)
        return NOT_YET;
    if (*slot == 0 && goid != 0 && (*slot = add_g(step->scheduler, goid, wanted)) == 0)
        return FAILED;
    return READY;
}

/* It is taken, in this state. */
static void set_named(struct step *step, uint32_t slot, enum goleak_trace_status status)
{
    struct goleak_trace_g *g = g_at(step, slot);
    g->status = (uint8_t)status;
    g->gen = step->scheduler->gen;
    g->seq = (uint32_t)step->argument[1];
}

static struct goleak_v2_when when_of(const struct step *step)
{
    const struct goleak_trace_thread *thread = step->thread;
    return (struct goleak_v2_when){ thread->time < step->latest ? thread->time : step->latest,
                                    goleak_trace_position(thread, thread->event) };
}

/* What is not of a goroutine's life. */
static void tell_runtime(struct step *step, uint32_t current)
{
    const struct goleak_trace_proc *proc = own_proc(step);
    goleak_v2_runtime(&step->scheduler->out, when_of(step), *step->thread->event, step->argument, step->thread->id,
                      proc != NULL ? proc->id : GOLEAK_TRACE_NO_ID, current);
}

#endif
