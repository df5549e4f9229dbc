/*
 * usual - the short way of an event.
 *
 * Nearly all events are of a goroutine that is known, or is just created, and bring nothing
 * but the next step of its life. These go without the questions of the long way. What follows
 * from the sort of an event (its kind, flags, reasons, and what it tells) is worked out once
 * for each sort; what is left depends on the goroutine. Where anything is unusual, the answer
 * is "no", and nothing has been done.
 */
#ifndef GOLEAK_REPLAY_USUAL_H
#define GOLEAK_REPLAY_USUAL_H

#include "replay/life.h"

#include <stddef.h>
#include <string.h>

enum goleak_way {
    GOLEAK_WAY_LONG,
    GOLEAK_WAY_PARK,
    GOLEAK_WAY_END,
    GOLEAK_WAY_STATE,
    GOLEAK_WAY_READY,
    GOLEAK_WAY_CREATE
};

/* The first of an event's bytes say what sort it is. */
static inline uint64_t sort_of(const struct goleak_event *event)
{
    _Static_assert(offsetof(struct goleak_event, g) == 8, "kind to has are eight bytes");
    uint64_t sort;
    memcpy(&sort, event, sizeof sort);
    return sort;
}

/* Makes the plan of an event whose sort has none. */
const struct goleak_plan *goleak_new_plan(struct goleak_replay *replay, const struct goleak_event *event);
/* Before each row, and behind each event that took the long way: the plans were made for what
 * is known of the Go version. */
void goleak_renew_plans(struct goleak_replay *replay);

static inline size_t goleak_plan_place(const struct goleak_replay *replay, uint64_t sort)
{
    return (size_t)(sort * replay->plan_factor >> (64 - GOLEAK_PLANS_LOG2));
}

/* What events of this sort do. */
static inline const struct goleak_plan *goleak_plan_of(struct goleak_replay *replay, const struct goleak_event *event)
{
    uint64_t sort = sort_of(event);
    const struct goleak_plan *plan = &replay->plans[goleak_plan_place(replay, sort)];
    return LIKELY(plan->sort == sort) ? plan : goleak_new_plan(replay, event);
}

/* What all events of a row tell, and what none of them does: a row is replayed by code that was compiled for it, which
 * need not ask. Any row has one of which nothing is known. */
struct goleak_tells {
    uint32_t every, none;
    bool numbered; /* goroutines may be numbered by the reader */
};

ALWAYS_INLINE uint32_t goleak_has(const struct goleak_event *event, struct goleak_tells tells)
{
    return (event->has & ~tells.none) | tells.every;
}

/* As goleak_take_moment: no first time has a plan. */
ALWAYS_INLINE int64_t usual_moment(struct goleak_replay *replay, const struct goleak_event *event, uint32_t has)
{
    replay->event_count++;
    if ((has & GOLEAK_HAS_TIME) == 0)
        return replay->stream.has_time ? replay->last_ns : (int64_t)replay->event_count;
    replay->last_ns = event->time_ns > replay->last_ns ? event->time_ns : replay->last_ns;
    return event->time_ns;
}

/* One that is known, lives, and is who the event says. */
ALWAYS_INLINE bool is_known(const struct goleak_event *event, uint32_t has, const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_SEEN) != 0 && record->state != GOLEAK_STATE_ENDED &&
           ((has & GOLEAK_HAS_GOID) == 0 || event->goid == record->goid);
}

/* Its stack ends in its start function, of which nothing was known yet. Rarely asked. */
static inline bool tells_start(const struct goleak_replay *replay, const struct goleak_event *event,
                               const struct goleak_record *record)
{
    return goleak_symbols_started_by(replay->symbols, event->stack) != 0 &&
           (record->site != 0 || (record->flags & (GOLEAK_REC_SYSTEM | GOLEAK_REC_USER)) == 0);
}

ALWAYS_INLINE bool usual_park(struct goleak_replay *replay, const struct goleak_event *event, uint32_t has,
                              const struct goleak_act *act, struct goleak_record *record)
{
    if (UNLIKELY(!is_known(event, has, record) ||
                 (replay->stream.has_wakeups && record->state == GOLEAK_STATE_WAITING) ||
                 ((has & GOLEAK_HAS_STACK) && replay->sites.sites[record->site].unnamed &&
                  tells_start(replay, event, record))))
        return false;
    int64_t moment = usual_moment(replay, event, has);
    goleak_waits_end(&replay->waits, record, moment);
    record->reason = act->reason;
    goleak_tell_wait(replay, record, moment, act->blocks);
    record->flags = (uint16_t)((record->flags & ~GOLEAK_REC_OF_WAIT) | GOLEAK_REC_BLOCKED * (unsigned)act->blocks);
    record->state = GOLEAK_STATE_WAITING;
    record->since = moment;
    record->raw_reason = act->raw_reason;
    record->wait = act->wait;
    const uint32_t before = record->block_stack;
    record->block_stack = has & GOLEAK_HAS_STACK ? event->stack : 0;
    replay->stream.tells_blocking = true;
    goleak_note_until(replay, event, has, record);
    goleak_begin_wait(replay, event, has, record, before);
    return true;
}

ALWAYS_INLINE bool usual_end(struct goleak_replay *replay, const struct goleak_event *event, uint32_t has,
                             struct goleak_record *record)
{
    if (UNLIKELY(!is_known(event, has, record)))
        return false;
    int64_t moment = usual_moment(replay, event, has);
    goleak_tell_end(replay, record, moment);
    goleak_leave_park(replay, record, moment);
    record->state = GOLEAK_STATE_ENDED;
    replay->script_live -= (record->flags & GOLEAK_REC_PREEXISTING) == 0;
    if ((record->flags & GOLEAK_REC_SPAWNED) || record->parent != 0)
        goleak_end_lineage(replay, record, moment);
    goleak_waits_forget(&replay->waits, record);
    goleak_locks_end(&replay->locks, record, moment);
    record->since = moment;
    return true;
}

/* It runs, or could. */
ALWAYS_INLINE bool usual_state(struct goleak_replay *replay, const struct goleak_event *event, uint32_t has,
                               const struct goleak_act *act, struct goleak_record *record)
{
    if (UNLIKELY(!is_known(event, has, record)))
        return false;
    int64_t moment = usual_moment(replay, event, has);
    if (record->state == GOLEAK_STATE_WAITING) /* mostly it was woken before */
        goleak_end_park(replay, record, moment);
    record->state = act->state;
    record->since = moment;
    if (event->kind == GOLEAK_EVENT_RUN) {
        replay->stream.has_wakeups = true;
        goleak_store_start(record, moment);
    } else if (event->kind == GOLEAK_EVENT_SYSRETURN && goleak_returns_runnable(event)) {
        record->state = GOLEAK_STATE_RUNNABLE;
    }
    return true;
}

/* Woken by somebody who is known, or whom nobody tells. */
ALWAYS_INLINE bool usual_ready(struct goleak_replay *replay, const struct goleak_event *event, uint32_t has,
                               struct goleak_record *record, struct goleak_record *waker)
{
    bool told = (has & GOLEAK_HAS_OTHER) != 0;
    if (UNLIKELY(!is_known(event, has, record) ||
                 (told && (event->other_g == 0 || waker->g != event->other_g || waker->process != record->process ||
                           ((has & GOLEAK_HAS_OTHER_GOID) && waker->goid == 0)))))
        return false;
    int64_t moment = usual_moment(replay, event, has);
    goleak_tell_wait(replay, record, moment, false);
    goleak_waits_end_by(&replay->waits, record, moment, told ? waker : NULL);
    goleak_clear_park(replay, record, moment);
    record->state = GOLEAK_STATE_RUNNABLE;
    record->since = moment;
    replay->stream.has_wakeups = true;
    if (told && waker->state == GOLEAK_STATE_WAITING)
        goleak_set_state(replay, waker, GOLEAK_STATE_RUNNING, moment);
    return true;
}

/* A g that was recycled, or was never seen, which has nothing to be ended; its spawner is known, and runs from now
 * on. */
ALWAYS_INLINE bool usual_create(struct goleak_replay *replay, const struct goleak_event *event, uint32_t has,
                                struct goleak_record *record, struct goleak_record *spawner)
{
    const bool recycled = (record->flags & (GOLEAK_REC_SEEN | GOLEAK_REC_SPAWNED)) == GOLEAK_REC_SEEN &&
                          record->state == GOLEAK_STATE_ENDED;
    if ((!recycled && record->serial != 0) || record->parent != 0 || record->g == 0 ||
        ((has & GOLEAK_HAS_GOID) &&
         (event->goid <= 1 || replay->store.has_goids || replay->store.goids.slots != NULL)) ||
        !replay->processes[record->process].created_any ||
        event->other_g == 0 || spawner->g != event->other_g || spawner->process != record->process ||
        spawner == record || ((has & GOLEAK_HAS_OTHER_GOID) && spawner->goid == 0) ||
        !goleak_spawns_others(spawner, record->g))
        return false;
    uint32_t node = goleak_lineage_of(&replay->lineage, spawner, goleak_detail_of(replay, spawner));
    if (node == 0)
        return false; /* the long way meets the end of memory as well */
    int64_t moment = usual_moment(replay, event, has);
    goleak_begin_life(replay, record, moment);
    record->goid = has & GOLEAK_HAS_GOID ? event->goid : 0;
    record->flags |= GOLEAK_REC_NOT_MAIN;
    record->parent = node;
    goleak_lineage_at(&replay->lineage, node)->references++;
    if ((has & (GOLEAK_HAS_STACK | GOLEAK_TELLS_SITE)) != 0 && goleak_set_site(replay, record, event) != GOLEAK_OK)
        replay->failed = true; /* it lives already: the long way would begin another life */
    if (spawner->state == GOLEAK_STATE_WAITING)
        goleak_set_state(replay, spawner, GOLEAK_STATE_RUNNING, moment);
    replay->script_live++;
    uint8_t proof = replay->sites.sites[record->site].proof;
    goleak_note_birth(replay, record, moment);
    record->flags |= proof;
    replay->system_count += (proof & GOLEAK_REC_SYSTEM) != 0;
    if (goleak_is_told(replay, record))
        goleak_tell(replay, record, GOLEAK_T_CREATED, moment, moment);
    return true;
}

/* What the hash of a goroutine's key says, mostly the right record, and the same of the one that
 * the event names, if it names one; the store's first where there is none. And what the event does:
 * known before its turn, or whoever jumps to it has to wait for that as well. */
struct goleak_found {
    struct goleak_record *record, *other;
    struct goleak_act act;
};

ALWAYS_INLINE struct goleak_record *goleak_guess(const struct goleak_replay *replay, uint64_t key, bool numbered)
{
    return goleak_store_at(&replay->store, goleak_store_guess(&replay->store, key, replay->process, numbered));
}

ALWAYS_INLINE bool goleak_step_usual(struct goleak_replay *replay, const struct goleak_event *event,
                                     struct goleak_tells tells, const struct goleak_act *act,
                                     struct goleak_record *record, struct goleak_record *other,
                                     struct goleak_counted *counted)
{
    const uint32_t has = goleak_has(event, tells);
    bool taken = false;
    switch ((enum goleak_way)act->way) {
    case GOLEAK_WAY_PARK: taken = usual_park(replay, event, has, act, record); break;
    case GOLEAK_WAY_END: taken = usual_end(replay, event, has, record); break;
    case GOLEAK_WAY_STATE: taken = usual_state(replay, event, has, act, record); break;
    case GOLEAK_WAY_READY: taken = usual_ready(replay, event, has, record, other); break;
    case GOLEAK_WAY_CREATE: taken = usual_create(replay, event, has, record, other); break;
    case GOLEAK_WAY_LONG: break;
    }
    if (!taken || (has & (GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT)) == 0)
        return taken;
    /* No branch asks which of them it tells. */
    const int64_t live = (event->count - replay->script_live) & act->tells_live,
                  blocked = (event->blocked_count - replay->script_blocked) & act->tells_blocked;
    if (UNLIKELY((live | blocked) != 0))
        goleak_counters_differ(replay, event, counted);
    return true;
}

#endif
