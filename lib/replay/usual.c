/* usual - see usual.h. Here: the plans. */
#include "replay/usual.h"

/* What usual events may tell. */
#define USUAL                                                                                                          \
    (GOLEAK_HAS_G | GOLEAK_HAS_GOID | GOLEAK_HAS_TIME | GOLEAK_HAS_CPU | GOLEAK_HAS_TID | GOLEAK_HAS_PID |             \
     GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT | GOLEAK_HAS_STACK)
#define USUAL_PARK (USUAL | GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT | GOLEAK_HAS_BLOCKED | GOLEAK_TELLS_OBJECT)
#define USUAL_READY (USUAL | GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID)
#define USUAL_CREATE                                                                                                   \
    (USUAL_READY | GOLEAK_TELLS_SITE | GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT | GOLEAK_HAS_BLOCKED |                      \
     GOLEAK_HAS_WAITSINCE | GOLEAK_HAS_STATUS)

/* False: every park of this sort has to be looked at. */
static bool plan_park(const struct goleak_replay *replay, const struct goleak_event *event, struct goleak_plan *plan)
{
    const struct goleak_reasons *reasons = replay->reasons;
    const bool tells_wait = (event->has & GOLEAK_HAS_WAIT) != 0, named = (event->flags & GOLEAK_FLAG_REASON) != 0;
    const int wait = tells_wait ? event->wait_reason : -1;
    if ((event->has & GOLEAK_HAS_REASON) == 0 || (event->flags & GOLEAK_FLAG_INFERRED) != 0 ||
        replay->candidates != reasons->candidates || (!named && !goleak_reasons_has_seen(reasons, event->reason, wait)))
        return false;
    enum goleak_reason reason =
        named ? (enum goleak_reason)event->reason : goleak_reasons_decode(reasons, event->reason, wait);
    plan->reason = (uint8_t)reason;
    plan->raw_reason = named ? GOLEAK_REASON_NONE : event->reason;
    plan->wait = tells_wait ? event->wait_reason : GOLEAK_NO_WAIT;
    plan->blocks = goleak_reason_blocks(reason);
    return reason != GOLEAK_REASON_SYSTEM_GOROUTINE && !(tells_wait && reason == GOLEAK_REASON_FOREVER);
}

struct goleak_plan goleak_make_plan(const struct goleak_replay *replay, const struct goleak_event *event)
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
    struct goleak_plan plan = { .way = kinds[event->kind].way, .state = kinds[event->kind].state };
    if (plan.way == GOLEAK_WAY_LONG || (has & whose) == 0 || (has & ~kinds[event->kind].may) != 0 ||
        ((has & GOLEAK_HAS_TIME) && replay->first_ns == GOLEAK_NONE) ||
        (plan.way == GOLEAK_WAY_PARK && !plan_park(replay, event, &plan)) ||
        (plan.way == GOLEAK_WAY_READY && (has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID)) == GOLEAK_HAS_OTHER_GOID) ||
        ((has & GOLEAK_HAS_OTHER) && (event->flags & GOLEAK_FLAG_NAMED)) ||
        (plan.way == GOLEAK_WAY_CREATE && (has & GOLEAK_HAS_OTHER) == 0))
        plan.way = GOLEAK_WAY_LONG;
    else
        plan.sort = sort_of(event);
    return plan;
}

void goleak_renew_plans(struct goleak_replay *replay)
{
    if (LIKELY(replay->planned_for == replay->reasons->candidates))
        return;
    memset(replay->plans, 0, sizeof replay->plans);
    replay->planned_for = replay->reasons->candidates;
}
