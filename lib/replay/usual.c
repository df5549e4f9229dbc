/* usual - see usual.h. Here: the plans. */
#include "replay/usual.h"

/* What usual events may tell. */
#define USUAL                                                                                                          \
    (GOLEAK_HAS_G | GOLEAK_HAS_GOID | GOLEAK_HAS_TIME | GOLEAK_HAS_CPU | GOLEAK_HAS_TID | GOLEAK_HAS_PID |             \
     GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT | GOLEAK_HAS_STACK)
#define USUAL_PARK                                                                                                     \
    (USUAL | GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT | GOLEAK_HAS_BLOCKED | GOLEAK_TELLS_OBJECT | GOLEAK_HAS_UNTIL)
#define USUAL_READY (USUAL | GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID | GOLEAK_HAS_STATUS)
#define USUAL_CREATE                                                                                                   \
    (USUAL_READY | GOLEAK_TELLS_SITE | GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT | GOLEAK_HAS_BLOCKED |                      \
     GOLEAK_HAS_WAITSINCE)

/* False: every park of this sort has to be looked at. */
static bool plan_park(const struct goleak_replay *replay, const struct goleak_event *event, struct goleak_act *act)
{
    const struct goleak_reasons *reasons = replay->reasons;
    const bool tells_wait = (event->has & GOLEAK_HAS_WAIT) != 0, named = (event->flags & GOLEAK_FLAG_REASON) != 0;
    const int wait = tells_wait ? event->wait_reason : -1;
    if ((event->has & GOLEAK_HAS_REASON) == 0 || (event->flags & GOLEAK_FLAG_INFERRED) != 0 ||
        replay->candidates != reasons->candidates || (!named && !goleak_reasons_has_seen(reasons, event->reason, wait)))
        return false;
    enum goleak_reason reason =
        named ? (enum goleak_reason)event->reason : goleak_reasons_decode(reasons, event->reason, wait);
    act->reason = (uint8_t)reason;
    act->raw_reason = named ? GOLEAK_REASON_NONE : event->reason;
    act->wait = tells_wait ? event->wait_reason : GOLEAK_NO_WAIT;
    act->blocks = goleak_reason_blocks(reason);
    return reason != GOLEAK_REASON_SYSTEM_GOROUTINE && !(tells_wait && reason == GOLEAK_REASON_FOREVER);
}

/* Has no `sort` where that is not for ever. */
static struct goleak_plan make_plan(const struct goleak_replay *replay, const struct goleak_event *event)
{
    static const struct {
        uint32_t may;
        uint8_t way, state;
    } kinds[GOLEAK_EVENT_KIND_COUNT] = {
        [GOLEAK_EVENT_PARK] = { USUAL_PARK, GOLEAK_WAY_PARK, GOLEAK_STATE_WAITING },
        [GOLEAK_EVENT_END] = { USUAL, GOLEAK_WAY_END, GOLEAK_STATE_ENDED },
        [GOLEAK_EVENT_RUN] = { USUAL, GOLEAK_WAY_STATE, GOLEAK_STATE_RUNNING },
        [GOLEAK_EVENT_READY] = { USUAL_READY, GOLEAK_WAY_READY, GOLEAK_STATE_RUNNABLE },
        [GOLEAK_EVENT_YIELD] = { USUAL, GOLEAK_WAY_STATE, GOLEAK_STATE_RUNNABLE },
        [GOLEAK_EVENT_SYSCALL] = { USUAL, GOLEAK_WAY_STATE, GOLEAK_STATE_SYSCALL },
        [GOLEAK_EVENT_SYSRETURN] = { USUAL | GOLEAK_HAS_STATUS, GOLEAK_WAY_STATE, GOLEAK_STATE_RUNNING },
        [GOLEAK_EVENT_CREATE] = { USUAL_CREATE, GOLEAK_WAY_CREATE, GOLEAK_STATE_RUNNABLE },
    };
    const uint32_t has = event->has, whose = GOLEAK_HAS_G | GOLEAK_HAS_GOID;
    const bool other = (has & GOLEAK_HAS_OTHER) != 0, other_goid = (has & GOLEAK_HAS_OTHER_GOID) != 0;
    struct goleak_plan plan = { .sort = sort_of(event),
                                .act.way = kinds[event->kind].way,
                                .act.state = kinds[event->kind].state,
                                .act.tells_live = has & GOLEAK_HAS_COUNT ? -1 : 0,
                                .act.tells_blocked = has & GOLEAK_HAS_BLOCKED_COUNT ? -1 : 0 };
    if ((has & whose) == 0 || (has & ~kinds[event->kind].may) != 0 ||
        (plan.act.way == GOLEAK_WAY_READY && !other && other_goid) ||
        (plan.act.way == GOLEAK_WAY_CREATE && (!other || (has & GOLEAK_HAS_G) == 0)) ||
        (other && (event->flags & GOLEAK_FLAG_NAMED)) ||
        (plan.act.way == GOLEAK_WAY_END && (event->flags & GOLEAK_FLAG_INFERRED)))
        plan.act.way = GOLEAK_WAY_LONG;
    /* This may pass. */
    if (((has & GOLEAK_HAS_TIME) && replay->first_ns == GOLEAK_NONE) ||
        (plan.act.way == GOLEAK_WAY_PARK && !plan_park(replay, event, &plan.act))) {
        plan.act.way = GOLEAK_WAY_LONG;
        plan.sort = 0;
    }
    return plan;
}

/* So often another factor is tried where two sorts have one place. */
#define FACTORS 64

const struct goleak_plan *goleak_new_plan(struct goleak_replay *replay, const struct goleak_event *event)
{
    const struct goleak_plan plan = make_plan(replay, event);
    const bool is_nobody = (event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) == 0;
    replay->stream.has_stacks |= !is_nobody && (event->has & GOLEAK_HAS_STACK) != 0;
    replay->stream.has_goids |= (event->has & (GOLEAK_HAS_GOID | GOLEAK_HAS_OTHER_GOID)) != 0;
    if (plan.act.way == GOLEAK_WAY_PARK)
        goleak_note_reason(replay, (enum goleak_reason)plan.act.reason);
    struct goleak_plan *place = &replay->plans[goleak_plan_place(replay, sort_of(event))];
    if (place->sort != 0 && plan.sort != 0 && replay->plan_factors < FACTORS) {
        replay->plan_factors++;
        replay->plan_factor *= 0xd6e8feb86659fd93u;
        memset(replay->plans, 0, sizeof replay->plans);
        place = &replay->plans[goleak_plan_place(replay, plan.sort)];
    }
    *place = plan;
    return place;
}

void goleak_renew_plans(struct goleak_replay *replay)
{
    if (LIKELY(replay->planned_for == replay->reasons->candidates))
        return;
    memset(replay->plans, 0, sizeof replay->plans);
    replay->planned_for = replay->reasons->candidates;
}
