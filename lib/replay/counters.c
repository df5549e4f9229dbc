/*
 * counters - order by the counters that the article's script prints.
 *
 *      newproc1 … count=c     was c - 1 before
 *      godestroy … count=c    was c + 1 before
 *      any line … blocked_count=b
 *                             was at least b before, or b - 1 if this line is a
 *                             park with blocked=1; `ready` takes from it in silence
 *
 * A line for which that does not hold cannot follow the one before it: one is
 * missing that is printed later. It waits, with what comes behind it, until the
 * line comes that the counters demand; then they go in the order of printing.
 *
 * Over more than a few lines that is no proof: walks of a counter cross, and the
 * script's counters are global variables without a lock, so that two CPUs can
 * lose an update. So patience is short, and a stream whose counters are wrong
 * again and again is believed in its order of printing. What lies farther apart
 * is for lives.c.
 */
#include "replay/order.h"

#include <inttypes.h>
#include <string.h>

/* May a line with these counters be the next? */
static inline bool allows(const struct goleak_counters *now, const struct goleak_event *event)
{
    if ((event->has & GOLEAK_HAS_COUNT) &&
        (int64_t)event->count != (int64_t)now->count + goleak_event_count_step(event))
        return false;
    return (event->has & GOLEAK_HAS_BLOCKED_COUNT) == 0 ||
           (int64_t)event->blocked_count <= (int64_t)now->blocked + goleak_event_raises_blocked(event);
}

/* May it be the next, and hardly any other? */
static bool demands(const struct goleak_counters *now, const struct goleak_event *event)
{
    if (!goleak_event_is_counted(event) || !allows(now, event))
        return false;
    return (event->has & GOLEAK_HAS_COUNT) != 0 ||
           (goleak_event_raises_blocked(event) && (int64_t)event->blocked_count == (int64_t)now->blocked + 1);
}

static inline void follow(struct goleak_counters *now, const struct goleak_event *event)
{
    if (!goleak_event_is_counted(event))
        return;
    if (event->has & GOLEAK_HAS_COUNT)
        now->count = event->count;
    if (event->has & GOLEAK_HAS_BLOCKED_COUNT)
        now->blocked = event->blocked_count;
}

/* How many can follow each other: `allows` and `follow` for each, without a branch on
 * their kinds, which cannot be foreseen. */
static size_t follow_all(struct goleak_counters *now, const struct goleak_event *events, size_t count)
{
    static const struct {
        uint32_t has;
        int16_t step;   /* of the living */
        uint16_t rises; /* the flag of those by whom the blocked may rise */
    } rules[GOLEAK_EVENT_KIND_COUNT] = {
        [GOLEAK_EVENT_CREATE] = { GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT, 1, 0 },
        [GOLEAK_EVENT_END] = { GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT, -1, 0 },
        [GOLEAK_EVENT_PARK] = { GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT, 0, GOLEAK_FLAG_BLOCKED },
    };
    _Static_assert(GOLEAK_FLAG_BLOCKED == 1, "it is counted as it is");
    int64_t live = now->count, blocked = now->blocked;
    size_t taken = 0;
    for (; taken < count; taken++) {
        const struct goleak_event *event = &events[taken];
        const uint32_t has = event->has & rules[event->kind].has;
        const int64_t tells_live = -(int64_t)(has / GOLEAK_HAS_COUNT & 1), /* all bits, or none */
            tells_blocked = -(int64_t)(has / GOLEAK_HAS_BLOCKED_COUNT & 1);
        const int64_t born = (event->count - live) & tells_live,
                      more = (event->blocked_count - blocked) & tells_blocked;
        const bool wrong = born != (rules[event->kind].step & tells_live);
        if (wrong || more > (event->flags & rules[event->kind].rises))
            break;
        live += born;
        blocked += more;
    }
    now->count = (int32_t)live;
    now->blocked = (int32_t)blocked;
    return taken;
}

/* Takes `count` lines from the front of those that wait. */
static enum goleak_status release(struct goleak_order *order, size_t count)
{
    struct goleak_counter_gate *gate = &order->gate;
    for (size_t i = 0; i < count; i++)
        follow(&gate->now, &gate->held[i]);
    enum goleak_status status = goleak_lives_push(order, gate->held, count);
    gate->held_count -= count;
    memmove(gate->held, gate->held + count, gate->held_count * sizeof *gate->held);
    return status;
}

/* Lets those go that the counters allow now. */
static enum goleak_status release_allowed(struct goleak_order *order)
{
    const struct goleak_counter_gate *gate = &order->gate;
    struct goleak_counters now = gate->now;
    size_t count = 0;
    while (count < gate->held_count &&
           (!goleak_event_is_counted(&gate->held[count]) || allows(&now, &gate->held[count])))
        follow(&now, &gate->held[count++]);
    return release(order, count);
}

static bool concerns(const struct goleak_event *event, uint64_t g)
{
    return event->g == g || ((event->has & GOLEAK_HAS_OTHER) && event->other_g == g);
}

/* Lines of one goroutine keep their order; who is named as a spawner runs there. */
static bool overtakes_itself(const struct goleak_counter_gate *gate, const struct goleak_event *event)
{
    for (size_t i = 0; i < gate->held_count; i++) {
        const struct goleak_event *held = &gate->held[i];
        if (held->kind == GOLEAK_EVENT_COUNTERS || held->kind == GOLEAK_EVENT_TICK)
            continue;
        if (concerns(held, event->g) || ((event->has & GOLEAK_HAS_OTHER) && held->g == event->other_g))
            return true;
    }
    return false;
}

/* Something waits already. */
static enum goleak_status wait_or_go(struct goleak_order *order, const struct goleak_event *event)
{
    struct goleak_counter_gate *gate = &order->gate;
    enum goleak_status status;
    if (demands(&gate->now, event) && !overtakes_itself(gate, event)) {
        const struct goleak_event *first = &gate->held[0];
        char who[GOLEAK_GOROUTINE_TEXT];
        goleak_health_note_at(order->health, GOLEAK_HEALTH_reordered, 1, event->position,
                              "the %s of %s is printed behind line %" PRIu64 ", whose counters come after it",
                              goleak_event_kind_name((enum goleak_event_kind)event->kind),
                              goleak_event_who(order->health, GOLEAK_HEALTH_reordered, event, who), first->position);
        follow(&gate->now, event);
        status = goleak_lives_push(order, event, 1);
        return status == GOLEAK_OK ? release_allowed(order) : status;
    }
    if (gate->held_count < GOLEAK_GATE_LINES) {
        gate->held[gate->held_count++] = *event;
        return GOLEAK_OK;
    }
    /* What the first waits for does not come: it goes as it was printed. */
    gate->trust--;
    status = release(order, 1);
    if (status == GOLEAK_OK)
        status = release_allowed(order);
    if (status != GOLEAK_OK)
        return status;
    if (gate->held_count == 0)
        return goleak_gate_push(order, event, 1);
    gate->held[gate->held_count++] = *event;
    return GOLEAK_OK;
}

bool goleak_gate_pass(struct goleak_order *order, const struct goleak_batch *batch)
{
    struct goleak_counter_gate *gate = &order->gate;
    if (!batch->counted || gate->held_count != 0 || gate->trust <= 0 || batch->before.count != gate->now.count ||
        batch->before.blocked != gate->now.blocked)
        return false;
    gate->now = batch->after;
    return true;
}

enum goleak_status goleak_gate_push(struct goleak_order *order, const struct goleak_event *events, size_t count)
{
    struct goleak_counter_gate *gate = &order->gate;
    enum goleak_status status = GOLEAK_OK;
    if (gate->trust <= 0) {
        status = release(order, gate->held_count);
        return status == GOLEAK_OK ? goleak_lives_push(order, events, count) : status;
    }
    for (size_t i = 0; i < count && status == GOLEAK_OK;) {
        if (gate->held_count != 0) {
            status = wait_or_go(order, &events[i++]);
            continue;
        }
        /* Nothing waits: all that is in order goes at once. */
        size_t end = i + follow_all(&gate->now, events + i, count - i);
        status = goleak_lives_push(order, events + i, end - i);
        if (end < count)
            gate->held[gate->held_count++] = events[end++];
        i = end;
    }
    return status;
}

enum goleak_status goleak_gate_flush(struct goleak_order *order)
{
    enum goleak_status status = release_allowed(order);
    return status == GOLEAK_OK ? release(order, order->gate.held_count) : status;
}
