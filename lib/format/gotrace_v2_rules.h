/*
 * gotrace_v2_rules - when each kind of event can be, what it changes, and what is told of it.
 * A part of scheduler.c, which calls step() for each event.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V2_RULES_H
#define GOLEAK_FORMAT_GOTRACE_V2_RULES_H

#include "format/gotrace_v2_step.h"

/* ---- statuses ---- */

/* Threads are thought to have what is somewhere else, or idle: something was lost. Not for ever, where nearly all is. */
static void take_from_threads(struct goleak_scheduler *scheduler, uint32_t slot, uint32_t p)
{
    if (scheduler->effort < scheduler->thread_count)
        return;
    scheduler->effort -= scheduler->thread_count;
    for (size_t i = 0; i < scheduler->thread_count; i++) {
        struct goleak_trace_thread *thread = &scheduler->threads[i];
        if (slot != 0 && thread->g == slot)
            thread->g = 0;
        if (p != 0 && thread->p == p)
            thread->p = 0;
    }
}

static enum verdict go_status(struct step *step)
{
    struct goleak_scheduler *scheduler = step->scheduler;
    uint64_t goid = step->argument[0], m = step->argument[1], status = step->argument[2];
    if (goid == 0 || status < GOLEAK_TRACE_RUNNABLE || status > GOLEAK_TRACE_WAITING)
        return never(step, "a status of 1 to 4 of a goroutine");
    uint32_t slot = goleak_trace_gs_find(&scheduler->gs, goid);
    const bool fresh = slot == 0, is_other = !fresh && g_at(step, slot)->status != status;
    if (fresh) {
        if (!scheduler->first_generation) {
            if (never(step, "a goroutine that is known from the generation before") == NEVER)
                return NEVER;
            scheduler->misfits = true; /* its goid may be another one's */
        }
        if ((slot = add_g(step->scheduler, goid, (enum goleak_trace_status)status)) == 0)
            return FAILED;
    } else if (is_other) {
        if (never(step, "the status that the goroutine has") == NEVER)
            return NEVER;
        take_from_threads(scheduler, slot, 0);
    }
    struct goleak_trace_g *g = g_at(step, slot);
    g->status = (uint8_t)status;
    g->gen = scheduler->gen;
    g->seq = 0;
    scheduler->next_status = slot + 1;
    if (status == GOLEAK_TRACE_RUNNING) {
        step->thread->g = slot;
    } else if (status == GOLEAK_TRACE_SYSCALL) {
        uint32_t own = (uint32_t)(step->thread - scheduler->threads) + 1;
        uint32_t thread = m == GOLEAK_TRACE_NO_ID || m == step->thread->id ? own : thread_of(scheduler, m);
        if (thread == 0)
            return FAILED;
        step->thread = &scheduler->threads[own - 1]; /* adding one may have moved them */
        scheduler->threads[thread - 1].g = slot;
    }
    const bool places = g->unplaced && status == GOLEAK_TRACE_WAITING && step->argument[3] != 0;
    g->unplaced = g->unplaced && !places;
    if (fresh || places || is_other) /* as it comes: it knows better */
        goleak_v2_status(&scheduler->out, when_of(step), slot, step->argument[3]);
    return READY;
}

static enum verdict proc_status(struct step *step)
{
    const uint64_t told = step->argument[1];
    uint64_t status = told;
    if (status < PROC_RUNNING || status > PROC_ABANDONED)
        return never(step, "a status of 1 to 4 of a P");
    struct goleak_trace_proc *proc = find_proc(step->scheduler, step->argument[0]);
    if (proc == NULL) {
        if ((proc = add_proc(step->scheduler, step->argument[0])) == NULL)
            return FAILED;
        proc->status = (uint8_t)status;
    } else if (status == PROC_ABANDONED && proc->status == PROC_SYSCALL) {
        status = PROC_SYSCALL;
    } else if (proc->status != status) {
        if (never(step, "the status that the P has") == NEVER)
            return NEVER;
        take_from_threads(step->scheduler, 0, index_of(step->scheduler, proc));
    }
    proc->status = (uint8_t)status;
    proc->gen = step->scheduler->gen;
    proc->seq = 0;
    /* One that is abandoned is told by whoever is about to steal it: the thread that has it is another one. */
    if (told == PROC_RUNNING || told == PROC_SYSCALL)
        step->thread->p = index_of(step->scheduler, proc);
    return READY;
}

/* ---- Ps ---- */

static enum verdict proc_start(struct step *step)
{
    struct goleak_trace_proc *proc = find_proc(step->scheduler, step->argument[0]);
    bool ready = proc != NULL && proc->status == PROC_IDLE && step->thread->p == 0 &&
                 is_next(step, proc->gen, proc->seq, step->argument[1]);
    if (!ready && !step->force)
        return NOT_YET;
    if (proc == NULL && (proc = add_proc(step->scheduler, step->argument[0])) == NULL)
        return FAILED;
    proc->status = PROC_RUNNING;
    proc->gen = step->scheduler->gen;
    proc->seq = step->argument[1];
    step->thread->p = index_of(step->scheduler, proc);
    return READY;
}

static enum verdict proc_steal(struct step *step)
{
    struct goleak_scheduler *scheduler = step->scheduler;
    struct goleak_trace_proc *proc = find_proc(scheduler, step->argument[0]);
    bool ready = proc != NULL && (proc->status == PROC_SYSCALL || proc->status == PROC_ABANDONED) &&
                 is_next(step, proc->gen, proc->seq, step->argument[1]);
    if (!ready && !step->force)
        return NOT_YET;
    if (proc == NULL)
        return READY;
    if (proc->status == PROC_SYSCALL) {
        uint32_t thread = goleak_idmap_get(&scheduler->thread_index, step->argument[2]);
        struct goleak_trace_thread *from = thread != 0 ? &scheduler->threads[thread - 1] : NULL;
        if ((from == NULL || from->p != index_of(scheduler, proc)) &&
            never(step, "the thread that has the P") == NEVER)
            return NEVER;
        if (from != NULL && from->p == index_of(scheduler, proc))
            from->p = 0;
    }
    proc->status = PROC_IDLE;
    proc->gen = scheduler->gen;
    proc->seq = step->argument[1];
    return READY;
}

static enum verdict proc_stop(struct step *step)
{
    struct goleak_trace_proc *proc = own_proc(step);
    bool ready = proc != NULL && (proc->status == PROC_RUNNING || proc->status == PROC_SYSCALL);
    if (!ready && never(step, "a thread that has a P") == NEVER)
        return NEVER;
    tell_runtime(step, step->thread->g); /* of the P that it has */
    if (!ready)
        return READY;
    proc->status = PROC_IDLE;
    step->thread->p = 0;
    return READY;
}

/* ---- goroutines come and go ---- */

static enum verdict go_create(struct step *step, enum goleak_trace_status status)
{
    struct goleak_v2_out *out = &step->scheduler->out;
    uint64_t goid = step->argument[0];
    uint32_t current = step->thread->g;
    bool context = step->thread->p != 0 && (current == 0 || is_running(step));
    if (!context && never(step, "a thread that has a P") == NEVER)
        return NEVER;
    if (goid == 0)
        return never(step, "the id of a new goroutine");
    uint32_t slot = goleak_trace_gs_find(&step->scheduler->gs, goid);
    if (slot != 0 && never(step, "the id of a new goroutine") == NEVER)
        return NEVER;
    if (slot == 0 && (slot = add_g(step->scheduler, goid, status)) == 0)
        return FAILED;
    goleak_v2_create(out, when_of(step), slot, current, step->argument[1], step->argument[2]);
    if (status == GOLEAK_TRACE_WAITING)
        goleak_v2_block_coroutine(out, when_of(step), slot);
    return READY;
}

static enum verdict go_create_syscall(struct step *step)
{
    struct goleak_v2_out *out = &step->scheduler->out;
    uint64_t goid = step->argument[0];
    uint32_t current = step->thread->g;
    if (current != 0 || goid == 0 || goleak_trace_gs_find(&step->scheduler->gs, goid) != 0)
        return never(step, "a new goroutine on a thread without one");
    uint32_t slot = add_g(step->scheduler, goid, GOLEAK_TRACE_SYSCALL);
    if (slot == 0)
        return FAILED;
    step->thread->g = slot;
    goleak_v2_create(out, when_of(step), slot, 0, 0, 0);
    goleak_v2_of(out, when_of(step), slot, GOLEAK_EVENT_SYSCALL, 0, 0);
    return READY;
}

/* The goroutine of the thread is no more. */
static void end_current(struct step *step)
{
    uint32_t slot = step->thread->g;
    step->thread->g = 0;
    if (slot == 0 || g_at(step, slot)->goid == 0) /* another one, which is an error, has ended it */
        return;
    goleak_v2_end(&step->scheduler->out, when_of(step), slot);
    goleak_trace_gs_remove(&step->scheduler->gs, slot);
}

static enum verdict go_destroy(struct step *step)
{
    if (!is_running(step) && never(step, "a thread that runs a goroutine") == NEVER)
        return NEVER;
    end_current(step);
    return READY;
}

static enum verdict destroy_syscall(struct step *step)
{
    struct goleak_trace_proc *proc = own_proc(step);
    if ((!in_syscall(step) || (proc != NULL && proc->status != PROC_SYSCALL)) &&
        never(step, "a goroutine in a system call") == NEVER)
        return NEVER;
    end_current(step);
    if (proc != NULL)
        proc->status = PROC_ABANDONED;
    step->thread->p = 0;
    return READY;
}

/* ---- goroutines run and wait ---- */

static enum verdict go_start(struct step *step)
{
    uint32_t slot;
    enum verdict verdict = named(step, GOLEAK_TRACE_RUNNABLE, &slot);
    if (verdict != READY)
        return verdict;
    if (slot == 0)
        return never(step, "a goroutine");
    if (UNLIKELY(step->thread->p == 0 || step->thread->g != 0) &&
        never(step, "a thread with a P and without a goroutine") == NEVER)
        return NEVER;
    set_named(step, slot, GOLEAK_TRACE_RUNNING);
    step->thread->g = slot;
    goleak_v2_run(&step->scheduler->out, when_of(step), slot);
    return READY;
}

static enum verdict go_unblock(struct step *step)
{
    uint32_t slot;
    enum verdict verdict = named(step, GOLEAK_TRACE_WAITING, &slot);
    if (verdict != READY)
        return verdict;
    if (slot == 0)
        return never(step, "a goroutine");
    set_named(step, slot, GOLEAK_TRACE_RUNNABLE);
    goleak_v2_unblock(&step->scheduler->out, when_of(step), slot, step->thread->g, step->argument[2]);
    return READY;
}

/* The current goroutine leaves the thread. */
static enum verdict go_leave(struct step *step, enum goleak_trace_status status)
{
    struct goleak_v2_out *out = &step->scheduler->out;
    uint32_t slot = step->thread->g;
    if (UNLIKELY(!is_running(step)) && never(step, "a thread that runs a goroutine") == NEVER)
        return NEVER;
    step->thread->g = 0;
    if (slot == 0)
        return READY;
    g_at(step, slot)->status = (uint8_t)status;
    if (status == GOLEAK_TRACE_WAITING)
        goleak_v2_block(out, when_of(step), slot, step->argument[0], step->argument[1]);
    else
        goleak_v2_stop(out, when_of(step), slot, step->argument[0], step->argument[1]);
    return READY;
}

/* The target is woken, the current one waits or ends, the target runs. */
static enum verdict go_switch(struct step *step, bool destroy)
{
    struct goleak_v2_out *out = &step->scheduler->out;
    uint32_t slot, current = step->thread->g;
    if (!is_running(step) && never(step, "a thread that runs a goroutine") == NEVER)
        return NEVER;
    enum verdict verdict = named(step, GOLEAK_TRACE_WAITING, &slot);
    if (verdict != READY)
        return verdict;
    if (slot == 0)
        return never(step, "a goroutine");
    if (!destroy && current != 0)
        g_at(step, current)->status = GOLEAK_TRACE_WAITING;
    set_named(step, slot, GOLEAK_TRACE_RUNNING);
    goleak_v2_unblock(out, when_of(step), slot, current, 0);
    if (destroy && current != slot) /* which would be an error */
        end_current(step);
    else if (!destroy && current != 0)
        goleak_v2_block_coroutine(out, when_of(step), current);
    goleak_v2_run(out, when_of(step), slot);
    step->thread->g = slot;
    return READY;
}

/* ---- system calls ---- */

static enum verdict syscall_begin(struct step *step)
{
    struct goleak_trace_proc *proc = own_proc(step);
    uint32_t slot = step->thread->g;
    uint64_t seq = step->argument[0];
    bool ready = is_running(step) && proc != NULL && proc->status == PROC_RUNNING &&
                 is_next(step, proc->gen, proc->seq, seq);
    if (UNLIKELY(!ready) && never(step, "a goroutine that runs on a P, which is at the step before") == NEVER)
        return NEVER;
    if (proc != NULL) {
        proc->status = PROC_SYSCALL;
        proc->gen = step->scheduler->gen;
        proc->seq = seq;
    }
    if (slot != 0) {
        g_at(step, slot)->status = GOLEAK_TRACE_SYSCALL;
        goleak_v2_with_stack(&step->scheduler->out, when_of(step), slot, GOLEAK_EVENT_SYSCALL, step->argument[1]);
    }
    return READY;
}

static enum verdict syscall_end(struct step *step)
{
    struct goleak_trace_proc *proc = own_proc(step);
    uint32_t slot = step->thread->g;
    bool ready = in_syscall(step) && proc != NULL && proc->status == PROC_SYSCALL;
    if (UNLIKELY(!ready) && never(step, "a goroutine in a system call, on a thread that kept its P") == NEVER)
        return NEVER;
    if (proc != NULL)
        proc->status = PROC_RUNNING;
    if (slot != 0) {
        g_at(step, slot)->status = GOLEAK_TRACE_RUNNING;
        goleak_v2_sysreturn(&step->scheduler->out, when_of(step), slot, GOLEAK_TRACE_RUNNING);
    }
    return READY;
}

static enum verdict syscall_end_blocked(struct step *step)
{
    const struct goleak_trace_proc *proc = own_proc(step);
    uint32_t slot = step->thread->g;
    if (proc != NULL && proc->status == PROC_SYSCALL && !step->force)
        return NOT_YET;
    if (!in_syscall(step) && never(step, "a goroutine in a system call") == NEVER)
        return NEVER;
    step->thread->g = 0;
    if (slot != 0) {
        g_at(step, slot)->status = GOLEAK_TRACE_RUNNABLE;
        goleak_v2_sysreturn(&step->scheduler->out, when_of(step), slot, GOLEAK_TRACE_RUNNABLE);
    }
    return READY;
}

/* ---- all of them ---- */

/* The thread's event, if it can be. */
static enum verdict take_step(struct step *step)
{
    uint8_t type = *step->thread->event;
    uint32_t current = step->thread->g;
    enum verdict verdict = READY;
    if (!read_arguments(step, argument_counts[type] - 1u))
        return DAMAGED;
    switch (type) {
    case GOLEAK_TRACE_GoStart: return go_start(step);
    case GOLEAK_TRACE_GoBlock: return go_leave(step, GOLEAK_TRACE_WAITING);
    case GOLEAK_TRACE_GoUnblock: return go_unblock(step);
    case GOLEAK_TRACE_GoStop: return go_leave(step, GOLEAK_TRACE_RUNNABLE);
    case GOLEAK_TRACE_GoCreate: return go_create(step, GOLEAK_TRACE_RUNNABLE);
    case GOLEAK_TRACE_GoCreateBlocked: return go_create(step, GOLEAK_TRACE_WAITING);
    case GOLEAK_TRACE_GoDestroy: return go_destroy(step);
    case GOLEAK_TRACE_GoSyscallBegin: return syscall_begin(step);
    case GOLEAK_TRACE_GoSyscallEnd: return syscall_end(step);
    case GOLEAK_TRACE_GoStatus:
    case GOLEAK_TRACE_GoStatusStack: return go_status(step);
    case GOLEAK_TRACE_GoCreateSyscall: return go_create_syscall(step);
    case GOLEAK_TRACE_GoSwitch: return go_switch(step, false);
    case GOLEAK_TRACE_GoSwitchDestroy: return go_switch(step, true);
    case GOLEAK_TRACE_GoSyscallEndBlocked: return syscall_end_blocked(step);
    case GOLEAK_TRACE_GoDestroySyscall: return destroy_syscall(step);
    case GOLEAK_TRACE_ProcStop: return proc_stop(step);
    case GOLEAK_TRACE_ProcStatus: verdict = proc_status(step); break;
    case GOLEAK_TRACE_ProcStart: verdict = proc_start(step); break;
    case GOLEAK_TRACE_ProcSteal: verdict = proc_steal(step); break;
    default: break; /* the others bind nobody's order */
    }
    if (verdict == READY)
        tell_runtime(step, current);
    return verdict;
}

#endif
