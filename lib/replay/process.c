/* process - see process.h. */
#include "replay/process.h"

#include <inttypes.h>

#define PROCESSES 1024

/* No goroutine is of the first one, and no event has told its pid. */
static bool is_open(const struct goleak_replay *replay)
{
    return replay->process_count == 1 && (replay->processes[0].pid == 0 || replay->pid_claimed) &&
           replay->store.count == 0;
}

void goleak_process_claim(struct goleak_replay *replay, uint32_t pid)
{
    if (!is_open(replay))
        return;
    replay->processes[0].pid = pid;
    replay->pid_claimed = true;
}

enum goleak_status goleak_process_by_pid(struct goleak_replay *replay, uint32_t pid)
{
    for (size_t i = 0; i < replay->process_count; i++)
        if (replay->processes[i].pid == pid) {
            replay->process = (uint16_t)i;
            return GOLEAK_OK;
        }
    if (is_open(replay)) {
        replay->processes[0].pid = pid;
        replay->pid_claimed = false;
        replay->process = 0;
        return GOLEAK_OK;
    }
    if (replay->process_count >= PROCESSES) { /* more than we tell apart: they share the last */
        goleak_health_note(replay->health, GOLEAK_HEALTH_mixed_processes, 1, 0, 0, 0,
                           "there are more than %d processes: the others count as one", PROCESSES);
        replay->process = PROCESSES - 1;
        return GOLEAK_OK;
    }
    if (!goleak_grow(replay->alloc, &replay->processes, &replay->process_capacity, replay->process_count + 1,
                     sizeof *replay->processes))
        return goleak_alloc_failure(replay->alloc);
    replay->processes[replay->process_count] = (struct goleak_process){ .pid = pid };
    replay->process = (uint16_t)replay->process_count++;
    return GOLEAK_OK;
}

/* Can an event of this kind follow in this state, where the stream tells all of them? */
static bool follows(const struct goleak_record *record, uint8_t kind)
{
    switch (kind) {
    case GOLEAK_EVENT_RUN: return record->state == GOLEAK_STATE_RUNNABLE;
    case GOLEAK_EVENT_READY: return record->state == GOLEAK_STATE_WAITING;
    case GOLEAK_EVENT_PARK:
    case GOLEAK_EVENT_END: return record->state == GOLEAK_STATE_RUNNING;
    default: return true;
    }
}

/* The one process that knows this goroutine as a living one, or of several the only one
 * in which the event can follow; -1: none, or several. */
static int owner_of(const struct goleak_replay *replay, uint64_t key, uint64_t goid, uint8_t kind)
{
    int owner = -1, fitting = -1;
    size_t owners = 0, fit = 0;
    for (size_t i = 0; i < replay->process_count; i++) {
        uint16_t process = (uint16_t)i;
        uint32_t index =
            goleak_store_get(&replay->store, key, process);
        const struct goleak_record *record = index != 0 ? goleak_store_at(&replay->store, index) : NULL;
        if (record == NULL || record->state == GOLEAK_STATE_ENDED || (goid != 0 && record->goid != goid))
            continue;
        owners++;
        owner = (int)i;
        if (follows(record, kind)) {
            fit++;
            fitting = (int)i;
        }
    }
    return owners == 1 ? owner : fit == 1 ? fitting : -1;
}

/* Several processes in a stream that tells threads only (perf script's default): a
 * process begins with the creation of goroutine 1, on the thread that has its id; its
 * other threads show whose they are by the goroutines that they run. */
enum goleak_status goleak_process_by_thread(struct goleak_replay *replay, const struct goleak_event *event)
{
    struct goleak_thread *thread = &replay->threads[event->tid % GOLEAK_THREADS];
    bool is_main = event->kind == GOLEAK_EVENT_CREATE && (event->has & GOLEAK_HAS_GOID) && event->goid == 1;
    enum goleak_status status = GOLEAK_OK;
    if (UNLIKELY(is_main && replay->processes[replay->process].has_main)) {
        struct goleak_process *first = &replay->processes[0];
        if (first->pid == 0)
            first->pid = first->main_tid;
        status = goleak_process_by_pid(replay, event->tid);
    } else if (thread->tid == event->tid) { /* of other events than creations this was asked before */
        replay->process = thread->process;
    } else if (UNLIKELY(replay->process_count > 1)) {
        uint64_t goid = event->has & GOLEAK_HAS_GOID ? event->goid : 0;
        int owner =
            event->kind == GOLEAK_EVENT_CREATE ? -1 : owner_of(replay, goleak_event_key(event), goid, event->kind);
        if (owner < 0 && (event->has & GOLEAK_HAS_OTHER))
            owner = owner_of(replay, event->other_g, event->has & GOLEAK_HAS_OTHER_GOID ? event->other_goid : 0,
                             GOLEAK_EVENT_PARK);
        if (owner < 0) {
            /* Nothing tells. It is not remembered: the next event may. */
            goleak_health_note_at(replay->health, GOLEAK_HEALTH_mixed_processes, 1, event->position,
                                  "thread %" PRIu32 " may be of any of %zu processes", event->tid,
                                  replay->process_count);
            return GOLEAK_OK;
        }
        replay->process = (uint16_t)owner;
    }
    *thread = (struct goleak_thread){ event->tid, replay->process };
    return status;
}
