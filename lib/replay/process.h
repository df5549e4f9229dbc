/*
 * process - whose process an event is of, in streams of several.
 *
 * A goroutine is (process, g, incarnation). Most streams are of one process and tell
 * none; some tell pids, and some threads only.
 */
#ifndef GOLEAK_REPLAY_PROCESS_H
#define GOLEAK_REPLAY_PROCESS_H

#include "base/compiler.h"
#include "replay/replay.h"

/* The key of the event's own goroutine: see goroutine.h. */
static inline uint64_t goleak_event_key_of(const struct goleak_event *event, uint32_t has)
{
    return has & GOLEAK_HAS_G ? event->g : event->goid | GOLEAK_KEY_GOID;
}

static inline uint64_t goleak_event_key(const struct goleak_event *event)
{
    return goleak_event_key_of(event, event->has);
}

/* Events that tell no process are of this one, if no goroutine is known yet. */
void goleak_process_claim(struct goleak_replay *replay, uint32_t pid);
enum goleak_status goleak_process_by_pid(struct goleak_replay *replay, uint32_t pid);
enum goleak_status goleak_process_by_thread(struct goleak_replay *replay, const struct goleak_event *event);

/* Sets replay->process. */
ALWAYS_INLINE enum goleak_status goleak_process_find(struct goleak_replay *replay, const struct goleak_event *event,
                                                     uint32_t has)
{
    if (LIKELY((has & (GOLEAK_HAS_PID | GOLEAK_HAS_TID)) == 0))
        return GOLEAK_OK;
    if ((has & GOLEAK_HAS_PID) == 0) {
        const struct goleak_thread *thread = &replay->threads[event->tid % GOLEAK_THREADS];
        if (UNLIKELY(thread->tid != event->tid) || event->kind == GOLEAK_EVENT_CREATE) /* a process may begin */
            return goleak_process_by_thread(replay, event);
        replay->process = thread->process;
        return GOLEAK_OK;
    }
    if (LIKELY(replay->processes[replay->process].pid == event->pid))
        return GOLEAK_OK;
    return goleak_process_by_pid(replay, event->pid);
}

#endif
