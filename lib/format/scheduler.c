/* scheduler - see scheduler.h. */
#include "format/scheduler.h"

#include "format/varint.h"

#include <inttypes.h>
#include <string.h>

/* So many threads may be asked in vain in a generation, by its bytes: far more than any needs
 * that a program has written. */
#define EFFORT_AT_LEAST 65536
#define EFFORT_PER_BYTE 2

enum { PROC_NONE, PROC_RUNNING, PROC_IDLE, PROC_SYSCALL, PROC_ABANDONED };
enum verdict { READY, NOT_YET, NEVER, FAILED };

static const int8_t argument_counts[256] = {
    [0] = 0,
#define X(id, arguments, name) [id] = arguments + 1,
    GOLEAK_TRACE_EVENTS(X)
#undef X
};

void goleak_scheduler_init(struct goleak_scheduler *scheduler, struct goleak_generation *generation,
                           goleak_trace_event_fn *take, void *context)
{
    struct goleak_alloc *alloc = generation->env.alloc;
    *scheduler = (struct goleak_scheduler){
        .generation = generation, .first_generation = true, .take = take, .context = context
    };
    goleak_trace_gs_init(&scheduler->gs, alloc);
    goleak_idmap_init(&scheduler->proc_index, alloc);
    goleak_idmap_init(&scheduler->thread_index, alloc);
}

void goleak_scheduler_release(struct goleak_scheduler *scheduler)
{
    if (scheduler->generation == NULL)
        return;
    struct goleak_alloc *alloc = scheduler->generation->env.alloc;
    goleak_trace_gs_release(&scheduler->gs);
    goleak_idmap_release(&scheduler->proc_index);
    goleak_idmap_release(&scheduler->thread_index);
    goleak_free(alloc, scheduler->procs, scheduler->proc_capacity * sizeof *scheduler->procs);
    goleak_free(alloc, scheduler->threads, scheduler->thread_capacity * sizeof *scheduler->threads);
    goleak_free(alloc, scheduler->places, scheduler->place_capacity * sizeof *scheduler->places);
    goleak_free(alloc, scheduler->heap, scheduler->heap_capacity * sizeof *scheduler->heap);
}

/* ---- threads and Ps ---- */

/* Index + 1; 0: memory. */
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
    scheduler->procs[scheduler->proc_count] = (struct goleak_trace_proc){ 0 };
    return &scheduler->procs[scheduler->proc_count++];
}

static uint32_t index_of(const struct goleak_scheduler *scheduler, const struct goleak_trace_proc *proc)
{
    return (uint32_t)(proc - scheduler->procs) + 1;
}

static bool is_next(uint64_t gen, uint64_t seq, uint64_t number, uint64_t told)
{
    return gen == number && seq + 1 == told;
}

/* ---- reading a thread's next event ---- */

enum decoded { EVENT, BATCH_ENDS };

static enum decoded decode(struct goleak_scheduler *scheduler, struct goleak_trace_thread *thread)
{
    struct goleak_generation *generation = scheduler->generation;
    const uint8_t *start = (const uint8_t *)generation->bytes.data, *at = thread->next;
    struct goleak_trace_event *event = &thread->event;
    if (at == thread->end)
        return BATCH_ENDS;
    size_t offset = (size_t)(at - start);
    int count = argument_counts[*at] - 1;
    event->type = *at++;
    event->at = offset;
    thread->next = thread->end;
    if (count < 0) {
        goleak_generation_damage(generation, offset,
                                 "found the event type %u, which is not known; the rest of its batch was left out",
                                 event->type);
        return BATCH_ENDS;
    }
    uint64_t delta;
    if ((at = goleak_varint(at, thread->end, &delta)) == NULL)
        goto cut;
    for (int i = 0; i < count; i++)
        if ((at = goleak_varint(at, thread->end, &event->argument[i])) == NULL)
            goto cut;
    thread->batch_time += delta;
    event->time = thread->batch_time;
    thread->next = at;
    return EVENT;
cut:
    goleak_generation_damage(generation, offset,
                             "found an event that is cut by the end of its batch, or a number of more than 64 bits; the "
                             "rest of the batch was left out");
    return BATCH_ENDS;
}

/* False: the thread has no more events in this generation. */
static bool next_event(struct goleak_scheduler *scheduler, struct goleak_trace_thread *thread)
{
    const uint8_t *start = (const uint8_t *)scheduler->generation->bytes.data;
    while (decode(scheduler, thread) == BATCH_ENDS) {
        if (thread->first == 0)
            return false;
        const struct goleak_trace_batch *batch = &scheduler->generation->batches[thread->first - 1];
        thread->first = batch->next;
        thread->next = start + batch->at;
        thread->end = start + batch->end;
        thread->batch_time = batch->time;
    }
    return true;
}

/* ---- the rules ---- */

struct step {
    struct goleak_scheduler *scheduler;
    struct goleak_trace_thread *thread;
    struct goleak_trace_event *event;
    bool force; /* take it, whatever the rules say */
    const char *problem; /* NEVER: what is wrong */
};

static struct goleak_trace_g *g_at(const struct step *step, uint32_t slot)
{
    return &step->scheduler->gs.gs[slot];
}

static enum verdict never(struct step *step, const char *problem)
{
    step->problem = problem;
    return step->force ? READY : NEVER;
}

static bool is_running(const struct step *step)
{
    uint32_t g = step->thread->g;
    return g != 0 && g_at(step, g)->status == GOLEAK_TRACE_RUNNING;
}

static enum verdict add_goroutine(struct step *step, uint64_t goid, uint8_t status)
{
    uint32_t slot = goleak_trace_gs_add(&step->scheduler->gs, goid);
    if (slot == 0)
        return FAILED;
    struct goleak_trace_g *g = g_at(step, slot);
    g->status = status;
    g->gen = step->scheduler->generation->number;
    step->event->subject = slot;
    step->event->fresh = true;
    return READY;
}

static enum verdict go_status(struct step *step)
{
    struct goleak_scheduler *scheduler = step->scheduler;
    const uint64_t *argument = step->event->argument;
    uint64_t goid = argument[0], m = argument[1], status = argument[2];
    if (goid == 0 || status < GOLEAK_TRACE_RUNNABLE || status > GOLEAK_TRACE_WAITING)
        return never(step, "a status of 1 to 4 of a goroutine");
    uint32_t slot = goleak_trace_gs_find(&scheduler->gs, goid);
    if (slot == 0) {
        if (!scheduler->first_generation && never(step, "a goroutine that is known from the generation before") == NEVER)
            return NEVER;
        enum verdict verdict = add_goroutine(step, goid, (uint8_t)status);
        if (verdict != READY)
            return verdict;
        slot = step->event->subject;
    } else if (g_at(step, slot)->status != status && never(step, "the status that the goroutine has") == NEVER) {
        return NEVER;
    }
    struct goleak_trace_g *g = g_at(step, slot);
    g->status = (uint8_t)status;
    g->gen = scheduler->generation->number;
    g->seq = 0;
    step->event->subject = slot;
    if (status == GOLEAK_TRACE_RUNNING) {
        step->thread->g = slot;
    } else if (status == GOLEAK_TRACE_SYSCALL) {
        uint32_t own = (uint32_t)(step->thread - scheduler->threads) + 1;
        uint32_t thread = m == GOLEAK_TRACE_NO_ID || m == step->thread->id ? own : thread_of(scheduler, m);
        if (thread == 0)
            return FAILED;
        step->thread = &scheduler->threads[own - 1]; /* adding one may have moved them */
        step->event = &step->thread->event;
        scheduler->threads[thread - 1].g = slot;
    }
    return READY;
}

static enum verdict proc_status(struct step *step)
{
    const uint64_t *argument = step->event->argument;
    uint64_t status = argument[1];
    if (status < PROC_RUNNING || status > PROC_ABANDONED)
        return never(step, "a status of 1 to 4 of a P");
    struct goleak_trace_proc *proc = find_proc(step->scheduler, argument[0]);
    if (proc == NULL) {
        if ((proc = add_proc(step->scheduler, argument[0])) == NULL)
            return FAILED;
        proc->status = (uint8_t)status;
    } else if (status == PROC_ABANDONED && proc->status == PROC_SYSCALL) {
        status = PROC_SYSCALL;
    } else if (proc->status != status && never(step, "the status that the P has") == NEVER) {
        return NEVER;
    }
    proc->status = (uint8_t)status;
    proc->gen = step->scheduler->generation->number;
    proc->seq = 0;
    if (status == PROC_RUNNING || status == PROC_SYSCALL)
        step->thread->p = index_of(step->scheduler, proc);
    return READY;
}

static enum verdict proc_start(struct step *step)
{
    const uint64_t *argument = step->event->argument;
    struct goleak_trace_proc *proc = find_proc(step->scheduler, argument[0]);
    bool ready = proc != NULL && proc->status == PROC_IDLE && step->thread->p == 0 &&
                 is_next(proc->gen, proc->seq, step->scheduler->generation->number, argument[1]);
    if (!ready && !step->force)
        return NOT_YET;
    if (proc == NULL && (proc = add_proc(step->scheduler, argument[0])) == NULL)
        return FAILED;
    proc->status = PROC_RUNNING;
    proc->gen = step->scheduler->generation->number;
    proc->seq = argument[1];
    step->thread->p = index_of(step->scheduler, proc);
    return READY;
}

static enum verdict proc_stop(struct step *step)
{
    struct goleak_trace_proc *proc = step->thread->p != 0 ? &step->scheduler->procs[step->thread->p - 1] : NULL;
    if (proc == NULL || (proc->status != PROC_RUNNING && proc->status != PROC_SYSCALL))
        return never(step, "a thread that has a P");
    proc->status = PROC_IDLE;
    step->thread->p = 0;
    return READY;
}

static enum verdict proc_steal(struct step *step)
{
    const uint64_t *argument = step->event->argument;
    struct goleak_scheduler *scheduler = step->scheduler;
    struct goleak_trace_proc *proc = find_proc(scheduler, argument[0]);
    bool ready = proc != NULL && (proc->status == PROC_SYSCALL || proc->status == PROC_ABANDONED) &&
                 is_next(proc->gen, proc->seq, scheduler->generation->number, argument[1]);
    if (!ready && !step->force)
        return NOT_YET;
    if (proc == NULL)
        return READY;
    if (proc->status == PROC_SYSCALL) {
        uint32_t thread = goleak_idmap_get(&scheduler->thread_index, argument[2]);
        struct goleak_trace_thread *from = thread != 0 ? &scheduler->threads[thread - 1] : NULL;
        if ((from == NULL || from->p != index_of(scheduler, proc)) &&
            never(step, "the thread that has the P") == NEVER)
            return NEVER;
        if (from != NULL && from->p == index_of(scheduler, proc))
            from->p = 0;
    }
    proc->status = PROC_IDLE;
    proc->gen = scheduler->generation->number;
    proc->seq = argument[1];
    return READY;
}

static enum verdict go_create(struct step *step, uint8_t status)
{
    uint64_t goid = step->event->argument[0];
    uint32_t g = step->thread->g;
    bool context = step->thread->p != 0 && (g == 0 || g_at(step, g)->status == GOLEAK_TRACE_RUNNING);
    if (!context && never(step, "a thread that has a P") == NEVER)
        return NEVER;
    if (goid == 0)
        return never(step, "the id of a new goroutine");
    if (goleak_trace_gs_find(&step->scheduler->gs, goid) == 0)
        return add_goroutine(step, goid, status);
    if (never(step, "the id of a new goroutine") == NEVER)
        return NEVER;
    step->event->subject = goleak_trace_gs_find(&step->scheduler->gs, goid);
    return READY;
}

static enum verdict go_create_syscall(struct step *step)
{
    uint64_t goid = step->event->argument[0];
    if ((step->thread->g != 0 || goid == 0 || goleak_trace_gs_find(&step->scheduler->gs, goid) != 0))
        return never(step, "a new goroutine on a thread without one");
    enum verdict verdict = add_goroutine(step, goid, GOLEAK_TRACE_SYSCALL);
    if (verdict == READY)
        step->thread->g = step->event->subject;
    return verdict;
}

/* The goroutine that is named and counted, in the state that the event wants it in; else
 * NOT_YET. By force one that is not there is made up. */
static enum verdict named(struct step *step, uint64_t goid, uint64_t seq, uint8_t wanted, uint32_t *slot)
{
    *slot = goleak_trace_gs_find(&step->scheduler->gs, goid);
    struct goleak_trace_g *g = *slot != 0 ? g_at(step, *slot) : NULL;
    bool ready = g != NULL && g->status == wanted && is_next(g->gen, g->seq, step->scheduler->generation->number, seq);
    if (!ready && !step->force)
        return NOT_YET;
    if (g == NULL) {
        if (goid == 0 || add_goroutine(step, goid, wanted) != READY)
            return goid == 0 ? never(step, "a goroutine") : FAILED;
        *slot = step->event->subject;
        g = g_at(step, *slot);
    }
    g->gen = step->scheduler->generation->number;
    g->seq = seq;
    step->event->subject = *slot;
    return READY;
}

static enum verdict go_start(struct step *step)
{
    uint32_t slot;
    enum verdict verdict = named(step, step->event->argument[0], step->event->argument[1], GOLEAK_TRACE_RUNNABLE, &slot);
    if (verdict != READY || slot == 0)
        return verdict;
    if ((step->thread->p == 0 || step->thread->g != 0) && never(step, "a thread with a P and without a goroutine") == NEVER) {
        g_at(step, slot)->seq--; /* it was not this one's turn after all */
        return NEVER;
    }
    g_at(step, slot)->status = GOLEAK_TRACE_RUNNING;
    step->thread->g = slot;
    return READY;
}

static enum verdict go_unblock(struct step *step)
{
    uint32_t slot;
    enum verdict verdict = named(step, step->event->argument[0], step->event->argument[1], GOLEAK_TRACE_WAITING, &slot);
    if (verdict == READY && slot != 0)
        g_at(step, slot)->status = GOLEAK_TRACE_RUNNABLE;
    return verdict;
}

/* The current goroutine leaves the thread. */
static enum verdict go_leave(struct step *step, uint8_t status)
{
    if (!is_running(step) && never(step, "a thread that runs a goroutine") == NEVER)
        return NEVER;
    if (step->thread->g != 0)
        g_at(step, step->thread->g)->status = status;
    step->thread->g = 0;
    return READY;
}

static enum verdict go_switch(struct step *step, bool destroy)
{
    uint32_t slot;
    if (!is_running(step) && never(step, "a thread that runs a goroutine") == NEVER)
        return NEVER;
    enum verdict verdict = named(step, step->event->argument[0], step->event->argument[1], GOLEAK_TRACE_WAITING, &slot);
    if (verdict != READY || slot == 0)
        return verdict;
    if (step->thread->g != 0)
        g_at(step, step->thread->g)->status = destroy ? GOLEAK_TRACE_NONE : GOLEAK_TRACE_WAITING;
    g_at(step, slot)->status = GOLEAK_TRACE_RUNNING;
    step->thread->g = slot;
    return READY;
}

static enum verdict syscall_begin(struct step *step)
{
    struct goleak_scheduler *scheduler = step->scheduler;
    struct goleak_trace_proc *proc = step->thread->p != 0 ? &scheduler->procs[step->thread->p - 1] : NULL;
    uint64_t seq = step->event->argument[0];
    bool ready = is_running(step) && proc != NULL && proc->status == PROC_RUNNING &&
                 is_next(proc->gen, proc->seq, scheduler->generation->number, seq);
    if (!ready && never(step, "a goroutine that runs on a P, which is at the step before") == NEVER)
        return NEVER;
    if (step->thread->g != 0)
        g_at(step, step->thread->g)->status = GOLEAK_TRACE_SYSCALL;
    if (proc != NULL) {
        proc->status = PROC_SYSCALL;
        proc->gen = scheduler->generation->number;
        proc->seq = seq;
    }
    return READY;
}

static bool in_syscall(const struct step *step)
{
    return step->thread->g != 0 && g_at(step, step->thread->g)->status == GOLEAK_TRACE_SYSCALL;
}

static enum verdict syscall_end(struct step *step)
{
    struct goleak_trace_proc *proc = step->thread->p != 0 ? &step->scheduler->procs[step->thread->p - 1] : NULL;
    bool ready = in_syscall(step) && proc != NULL && proc->status == PROC_SYSCALL;
    if (!ready && never(step, "a goroutine in a system call, on a thread that kept its P") == NEVER)
        return NEVER;
    if (step->thread->g != 0)
        g_at(step, step->thread->g)->status = GOLEAK_TRACE_RUNNING;
    if (proc != NULL)
        proc->status = PROC_RUNNING;
    return READY;
}

static enum verdict syscall_end_blocked(struct step *step)
{
    const struct goleak_trace_proc *proc = step->thread->p != 0 ? &step->scheduler->procs[step->thread->p - 1] : NULL;
    if (proc != NULL && proc->status == PROC_SYSCALL && !step->force)
        return NOT_YET;
    if (!in_syscall(step) && never(step, "a goroutine in a system call") == NEVER)
        return NEVER;
    if (step->thread->g != 0)
        g_at(step, step->thread->g)->status = GOLEAK_TRACE_RUNNABLE;
    step->thread->g = 0;
    return READY;
}

static enum verdict destroy_syscall(struct step *step)
{
    struct goleak_trace_proc *proc = step->thread->p != 0 ? &step->scheduler->procs[step->thread->p - 1] : NULL;
    if ((!in_syscall(step) || (proc != NULL && proc->status != PROC_SYSCALL)) &&
        never(step, "a goroutine in a system call") == NEVER)
        return NEVER;
    if (step->thread->g != 0)
        g_at(step, step->thread->g)->status = GOLEAK_TRACE_NONE;
    step->thread->g = 0;
    if (proc != NULL)
        proc->status = PROC_ABANDONED;
    step->thread->p = 0;
    return READY;
}

static enum verdict advance(struct step *step)
{
    step->event->current = step->thread->g;
    step->event->subject = 0;
    step->event->fresh = false;
    step->problem = NULL;
    switch (step->event->type) {
    case GOLEAK_TRACE_GoStatus:
    case GOLEAK_TRACE_GoStatusStack: return go_status(step);
    case GOLEAK_TRACE_ProcStatus: return proc_status(step);
    case GOLEAK_TRACE_ProcStart: return proc_start(step);
    case GOLEAK_TRACE_ProcStop: return proc_stop(step);
    case GOLEAK_TRACE_ProcSteal: return proc_steal(step);
    case GOLEAK_TRACE_GoCreate: return go_create(step, GOLEAK_TRACE_RUNNABLE);
    case GOLEAK_TRACE_GoCreateBlocked: return go_create(step, GOLEAK_TRACE_WAITING);
    case GOLEAK_TRACE_GoCreateSyscall: return go_create_syscall(step);
    case GOLEAK_TRACE_GoStart: return go_start(step);
    case GOLEAK_TRACE_GoStop: return go_leave(step, GOLEAK_TRACE_RUNNABLE);
    case GOLEAK_TRACE_GoBlock: return go_leave(step, GOLEAK_TRACE_WAITING);
    case GOLEAK_TRACE_GoDestroy: return go_leave(step, GOLEAK_TRACE_NONE);
    case GOLEAK_TRACE_GoUnblock: return go_unblock(step);
    case GOLEAK_TRACE_GoSwitch: return go_switch(step, false);
    case GOLEAK_TRACE_GoSwitchDestroy: return go_switch(step, true);
    case GOLEAK_TRACE_GoSyscallBegin: return syscall_begin(step);
    case GOLEAK_TRACE_GoSyscallEnd: return syscall_end(step);
    case GOLEAK_TRACE_GoSyscallEndBlocked: return syscall_end_blocked(step);
    case GOLEAK_TRACE_GoDestroySyscall: return destroy_syscall(step);
    default: return READY; /* the others bind nobody's order */
    }
}

/* ---- the heap of threads ---- */

static uint64_t time_at(const struct goleak_scheduler *scheduler, size_t place)
{
    return scheduler->threads[scheduler->heap[place]].event.time;
}

static void swap(struct goleak_scheduler *scheduler, size_t a, size_t b)
{
    uint32_t thread = scheduler->heap[a];
    scheduler->heap[a] = scheduler->heap[b];
    scheduler->heap[b] = thread;
}

static void sift_down(struct goleak_scheduler *scheduler, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = at * 2 + 1; child <= at * 2 + 2 && child < scheduler->heap_count; child++)
            if (time_at(scheduler, child) < time_at(scheduler, least))
                least = child;
        if (least == at)
            return;
        swap(scheduler, at, least);
        at = least;
    }
}

static void sift_up(struct goleak_scheduler *scheduler, size_t at)
{
    for (; at > 0 && time_at(scheduler, at) < time_at(scheduler, (at - 1) / 2); at = (at - 1) / 2)
        swap(scheduler, at, (at - 1) / 2);
}

/* ---- the run ---- */

/* Chains each thread's batches, in the order of the file. */
static bool collect(struct goleak_scheduler *scheduler)
{
    struct goleak_generation *generation = scheduler->generation;
    for (size_t i = 0; i < scheduler->thread_count; i++) {
        struct goleak_trace_thread *thread = &scheduler->threads[i];
        thread->first = thread->last = 0;
        thread->next = thread->end = NULL;
    }
    for (size_t i = 0; i < generation->batch_count; i++) {
        struct goleak_trace_batch *batch = &generation->batches[i];
        batch->next = 0;
        if (batch->at == batch->end)
            continue;
        uint32_t index = thread_of(scheduler, batch->m);
        if (index == 0)
            return false;
        struct goleak_trace_thread *thread = &scheduler->threads[index - 1];
        if (thread->last != 0)
            generation->batches[thread->last - 1].next = (uint32_t)i + 1;
        else
            thread->first = (uint32_t)i + 1;
        thread->last = (uint32_t)i + 1;
    }
    scheduler->heap_count = 0;
    for (size_t i = 0; i < scheduler->thread_count; i++) {
        struct goleak_trace_thread *thread = &scheduler->threads[i];
        if (thread->first == 0 || !next_event(scheduler, thread))
            continue;
        if (!goleak_grow(generation->env.alloc, &scheduler->heap, &scheduler->heap_capacity, scheduler->heap_count + 1,
                         sizeof *scheduler->heap))
            return false;
        scheduler->heap[scheduler->heap_count++] = (uint32_t)i;
        sift_up(scheduler, scheduler->heap_count - 1);
    }
    return true;
}

const char *goleak_trace_event_name(uint8_t type)
{
    switch (type) {
#define X(id, arguments, name) \
    case id: return #name;
        GOLEAK_TRACE_EVENTS(X)
#undef X
    default: return "event";
    }
}

bool goleak_trace_begins_payload(uint8_t first)
{
    return argument_counts[first] != 0 || first == GOLEAK_TRACE_STACKS || first == GOLEAK_TRACE_STRINGS ||
           first == GOLEAK_TRACE_SAMPLES || first == GOLEAK_TRACE_FREQUENCY || first == GOLEAK_TRACE_SYNC;
}

/* Nothing can be next: the earliest one goes, whatever the rules say. */
static enum verdict force(struct step *step)
{
    struct goleak_scheduler *scheduler = step->scheduler;
    const struct goleak_trace_event *event = step->event;
    const char *expected = step->problem != NULL     ? step->problem
                           : scheduler->effort == 0 ? "what must happen before it, after so much that is out of order"
                                                    : "what must happen before it in some other thread";
    goleak_health_note(scheduler->generation->env.health, GOLEAK_HEALTH_broken_order, 1, 0, 0,
                       scheduler->generation->offset + event->at,
                       "found %s on thread %" PRIu64 " with %" PRIu64 ", expected %s", goleak_trace_event_name(event->type),
                       step->thread->id, event->argument[0], expected);
    step->force = true;
    return advance(step);
}

/* Hands the event out; a goroutine that has ended leaves its slot. */
static enum goleak_status hand_out(struct goleak_scheduler *scheduler, const struct goleak_trace_event *event)
{
    enum goleak_status status = scheduler->take(scheduler->context, event);
    if (event->current != 0 && scheduler->gs.gs[event->current].status == GOLEAK_TRACE_NONE &&
        scheduler->gs.gs[event->current].goid != 0)
        goleak_trace_gs_remove(&scheduler->gs, event->current);
    return status;
}

/* The places of the heap that are asked next, the earliest first: a heap of their own. */
static bool is_before(const struct goleak_scheduler *scheduler, uint32_t a, uint32_t b)
{
    uint64_t x = time_at(scheduler, a), y = time_at(scheduler, b);
    return x != y ? x < y : a < b;
}

static void put_place(struct goleak_scheduler *scheduler, size_t *count, uint32_t place)
{
    uint32_t *places = scheduler->places;
    size_t at = (*count)++;
    for (size_t parent; at > 0 && is_before(scheduler, place, places[parent = (at - 1) / 2]); at = parent)
        places[at] = places[parent];
    places[at] = place;
}

static uint32_t take_place(struct goleak_scheduler *scheduler, size_t *count)
{
    uint32_t *places = scheduler->places, first = places[0], last = places[--*count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < *count; at = child) {
        child += child + 1 < *count && is_before(scheduler, places[child + 1], places[child]);
        if (!is_before(scheduler, places[child], last))
            break;
        places[at] = places[child];
    }
    places[at] = last;
    return first;
}

static void begin_step(struct goleak_scheduler *scheduler, struct step *step, size_t place)
{
    struct goleak_trace_thread *thread = &scheduler->threads[scheduler->heap[place]];
    *step = (struct step){ .scheduler = scheduler, .thread = thread, .event = &thread->event };
}

/* The first thread behind the earliest one, by time, whose event can be; its place in the
 * heap. Where nobody can go, the earliest one is to be forced. */
static enum verdict choose(struct goleak_scheduler *scheduler, struct step *step, size_t *place)
{
    size_t count = 0;
    if (!goleak_grow(scheduler->generation->env.alloc, &scheduler->places, &scheduler->place_capacity,
                     scheduler->heap_count + 1, sizeof *scheduler->places))
        return FAILED;
    put_place(scheduler, &count, 0);
    while (count != 0) {
        *place = take_place(scheduler, &count);
        for (size_t child = 2 * *place + 1; child <= 2 * *place + 2 && child < scheduler->heap_count; child++)
            put_place(scheduler, &count, (uint32_t)child);
        if (*place == 0) /* it was asked already */
            continue;
        if (scheduler->effort == 0)
            break;
        scheduler->effort--;
        begin_step(scheduler, step, *place);
        enum verdict verdict = advance(step);
        if (verdict != NOT_YET)
            return verdict;
    }
    *place = 0;
    begin_step(scheduler, step, 0);
    return NOT_YET;
}

enum goleak_status goleak_scheduler_run(struct goleak_scheduler *scheduler)
{
    struct goleak_alloc *alloc = scheduler->generation->env.alloc;
    if (!collect(scheduler))
        return goleak_alloc_failure(alloc);
    scheduler->effort = (scheduler->generation->bytes.size + EFFORT_AT_LEAST) * EFFORT_PER_BYTE;
    while (scheduler->heap_count != 0) {
        struct step step;
        size_t place = 0;
        begin_step(scheduler, &step, place);
        enum verdict verdict = advance(&step);
        if (verdict == NOT_YET)
            verdict = choose(scheduler, &step, &place);
        if (verdict == NOT_YET || verdict == NEVER)
            verdict = force(&step);
        if (verdict == FAILED)
            return goleak_alloc_failure(alloc);
        enum goleak_status status = hand_out(scheduler, step.event);
        if (status != GOLEAK_OK)
            return status;
        if (!next_event(scheduler, step.thread))
            scheduler->heap[place] = scheduler->heap[--scheduler->heap_count];
        if (place < scheduler->heap_count) { /* up, too: a damaged thread's time may go back */
            sift_up(scheduler, place);
            sift_down(scheduler, place);
        }
    }
    scheduler->first_generation = false;
    return GOLEAK_OK;
}
