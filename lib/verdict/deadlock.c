/*
 * deadlock - what who holds a lock says of those who wait for it. See ladder.c, holders.h.
 *
 *      the arrows lead in a circle          certain, if the recording has every call, and it is not one
 *                                           goroutine while others wait for no lock; else for a leak
 *      its holder has ended                 for
 *      its holder has had many chances      for
 *      its holder is stuck, and leaks       for
 *      its holder acts, or may be woken     against
 */
#include "verdict/rules.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- why the lock is not given back ---- */

/* One that has ended comes before all others. As index + 1; 0: they all go on. */
static uint32_t find_kept(const struct goleak_verdict_input *input, const struct goleak_lock *lock)
{
    uint32_t kept = 0;
    for (uint32_t i = lock->first; i < lock->first + lock->count; i++) {
        const struct goleak_holder *holder = &input->holders.holders[i];
        if (holder->record == 0)
            return i + 1;
        if (kept == 0 && !goleak_hope_unlocks(&input->hope, input->waits, input->store, input->limits, holder))
            kept = i + 1;
    }
    return kept;
}

static uint32_t find_next(const struct goleak_verdict_input *input, const struct goleak_lock *lock)
{
    for (uint32_t i = lock->first; i < lock->first + lock->count; i++) {
        const struct goleak_holder *holder = &input->holders.holders[i];
        const struct goleak_lock *next = goleak_holders_lock(&input->holders, holder->record);
        if (next != NULL && next->dead && !holder->maybe)
            return i + 1;
    }
    return 0;
}

void goleak_locks_settle(struct goleak_verdict_input *input)
{
    for (size_t l = 0; l < input->holders.lock_count; l++) {
        struct goleak_lock *lock = &input->holders.locks[l];
        lock->kept = find_kept(input, lock);
        lock->next = lock->dead ? find_next(input, lock) : 0;
    }
}

static const struct goleak_holder *holder_at(const struct goleak_verdict_input *input, uint32_t place)
{
    return place != 0 ? &input->holders.holders[place - 1] : NULL;
}

/* Chains are no longer in programs; a longer one is not looked through. */
#define CHAIN_MOST 64

struct goleak_lock_root goleak_lock_root(const struct goleak_verdict_input *input, uint32_t index)
{
    struct goleak_lock_root root = { .end = GOLEAK_WAY_UNKNOWN };
    const struct goleak_lock *lock = goleak_holders_lock(&input->holders, index);
    if (lock == NULL)
        return root;
    if (lock->dead)
        root.end = GOLEAK_WAY_DEAD;
    else if (goleak_hope_of(&input->hope, index) == GOLEAK_HOPE_HOLDER)
        root.end = GOLEAK_WAY_GOES_ON;
    root.holder = root.end != GOLEAK_WAY_UNKNOWN ? holder_at(input, lock->first + 1) : NULL;
    for (unsigned steps = 0; lock != NULL && root.end == GOLEAK_WAY_UNKNOWN && steps < CHAIN_MOST; steps++) {
        const struct goleak_holder *holder = holder_at(input, lock->kept);
        if (holder == NULL)
            break;
        root.holder = holder;
        root.steps = steps;
        lock = holder->record != 0 ? goleak_holders_lock(&input->holders, holder->record) : NULL;
        if (holder->record == 0)
            root.end = GOLEAK_WAY_GONE;
        else if (goleak_hope_of(&input->hope, holder->record) != GOLEAK_HOPE_NONE)
            root.end = GOLEAK_WAY_KEPT;
        else if (lock == NULL)
            root.end = GOLEAK_WAY_STUCK;
    }
    return root;
}

bool goleak_is_locked_out(const struct goleak_case *c)
{
    enum goleak_way_end end = c->root.end;
    if (c->input->holders.handed_on && c->hope != GOLEAK_HOPE_NONE)
        return false;
    return end == GOLEAK_WAY_DEAD || end == GOLEAK_WAY_GONE || end == GOLEAK_WAY_KEPT ||
           (end == GOLEAK_WAY_STUCK && c->root_leaks);
}

/* ---- deadlocks ---- */

/* Of a lock in a deadlock: a holder that waits for another one. */
static const struct goleak_holder *next_dead(const struct goleak_verdict_input *input, const struct goleak_lock *lock)
{
    return holder_at(input, lock->next);
}

/* A longer circle is told as one that leads there. */
#define CIRCLE_MOST 1000

/* How many goroutines the circle has that leads back to this one; 0: it only leads to one. */
static uint32_t circle_of(const struct goleak_case *c)
{
    const struct goleak_lock *lock = c->lock;
    for (uint32_t steps = 1; steps < CIRCLE_MOST; steps++) {
        const struct goleak_holder *holder = next_dead(c->input, lock);
        if (holder == NULL || holder->record == c->index)
            return holder != NULL ? steps : 0;
        lock = goleak_holders_lock(&c->input->holders, holder->record);
    }
    return 0;
}

/* The circle, or the one that the way leads to, is one goroutine that locks twice. */
static bool is_of_one(const struct goleak_case *c)
{
    const struct goleak_lock *lock = c->lock;
    for (uint32_t steps = 0; steps < CIRCLE_MOST; steps++) {
        const struct goleak_holder *holder = next_dead(c->input, lock);
        const struct goleak_lock *next =
            holder != NULL ? goleak_holders_lock(&c->input->holders, holder->record) : NULL;
        if (next == NULL || next == lock)
            return holder != NULL && next == lock && !holder->shared;
        lock = next;
    }
    return false;
}

/* Why a deadlock is no proof; NULL: it is one. */
static const char *doubt(const struct goleak_case *c)
{
    const struct goleak_verdict_input *input = c->input;
    if (input->hope.others && is_of_one(c))
        return "; not proven: a Mutex may be a gate, which another goroutine unlocks";
    if (!input->locks->every)
        return "; not proven: the recording does not say that it has every call";
    if (input->locks->handed_on != 0)
        return "; not proven: here goroutines unlock what others have locked";
    if (!goleak_health_complete(input->health))
        return "; not proven: the recording is not whole";
    return input->holders.complete ? NULL : "; not proven: calls of locks are missing in the recording, or there twice";
}

static void say_deadlock(const struct goleak_case *c, const char *end, struct goleak_saying *out)
{
    const struct goleak_holder *holder = out->mute ? NULL : next_dead(c->input, c->lock);
    if (holder == NULL)
        return;
    uint32_t circle = circle_of(c);
    const struct goleak_lock *other = goleak_holders_lock(&c->input->holders, holder->record);
    struct goleak_span who = goleak_who(c->input, holder->record);
    if (circle == 1 && holder->shared)
        goleak_say(out, "has read under the lock %" PRIx64 " for %s, and waits for it once more, behind a writer%s",
                   c->lock->lock, goleak_span_of(c->input, c->input->last - holder->since).text, end);
    else if (circle == 1)
        goleak_say(out, "waits for the lock %" PRIx64 ", which it has taken itself %s before%s", c->lock->lock,
                   goleak_span_of(c->input, c->record->since - holder->since).text, end);
    else if (circle == 2)
        goleak_say(out, "waits for the lock %" PRIx64 " that %s holds, which waits for the lock %" PRIx64
                        " that this one holds%s", c->lock->lock, who.text, other->lock, end);
    else if (circle != 0)
        goleak_say(out, "waits for the lock %" PRIx64 " that %s holds; the way from lock to holder leads over %" PRIu32
                        " goroutines back to this one%s", c->lock->lock, who.text, circle, end);
    else
        goleak_say(out, "waits for the lock %" PRIx64 " that %s holds, and that one for a lock that a deadlock never "
                        "gives back%s", c->lock->lock, who.text, end);
    goleak_say_number(out, "circle", circle);
    goleak_say_goid(out, "holder_goid", goleak_store_at(c->input->store, holder->record)->goid);
    goleak_say_number(out, "waiters", c->lock->waiters);
}

GOLEAK_RULE(lock_cycle)
{
    if (c->lock == NULL || !c->lock->dead || doubt(c) != NULL)
        return false;
    out->verdict = GOLEAK_VERDICT_CERTAIN;
    say_deadlock(c, "", out);
    return true;
}

/* ---- its last holder ---- */

static void say_gone(const struct goleak_case *c, struct goleak_saying *out)
{
    const struct goleak_holder *holder = c->root.holder;
    struct goleak_span ago = goleak_span_of(c->input, c->input->last - holder->ended);
    char who[48] = "another goroutine";
    if (holder->goid != 0)
        snprintf(who, sizeof who, "goroutine %" PRIu64, holder->goid);
    goleak_say(out, "%s %" PRIx64 " was taken last by %s, which ended %s ago and did not unlock it",
               c->root.steps == 0 ? "the lock" : "its lock's holder waits for another:", holder->lock, who, ago.text);
    goleak_say_goid(out, "holder_goid", holder->goid);
    goleak_say_number(out, c->input->has_time ? "ended_ns" : "ended_events", c->input->last - holder->ended);
}

static const char *state_of(const struct goleak_record *record)
{
    const char *reason = goleak_reason_name((enum goleak_reason)record->reason);
    return record->state == GOLEAK_STATE_WAITING && reason != NULL ? reason : "run";
}

static void say_held(const struct goleak_case *c, struct goleak_saying *out, const char *does)
{
    const struct goleak_holder *holder = c->root.holder;
    int64_t held = c->input->last - holder->since;
    goleak_say(out, "%s has held the lock %" PRIx64 " for %s, and %s", goleak_who(c->input, holder->record).text,
               holder->lock, goleak_span_of(c->input, held).text, does);
    goleak_say_goid(out, "holder_goid", goleak_store_at(c->input->store, holder->record)->goid);
    goleak_say_number(out, c->input->has_time ? "held_ns" : "held_events", held);
}

GOLEAK_RULE(lock_kept)
{
    char does[96];
    if (c->lock == NULL || !goleak_is_locked_out(c))
        return false;
    if (c->root.end == GOLEAK_WAY_DEAD) {
        const char *why = doubt(c);
        say_deadlock(c, why != NULL ? why : "", out);
        return true;
    }
    if (c->root.end == GOLEAK_WAY_GONE) {
        say_gone(c, out);
        return true;
    }
    const struct goleak_record *holder = goleak_store_at(c->input->store, c->root.holder->record);
    if (c->root.end == GOLEAK_WAY_STUCK)
        snprintf(does, sizeof does, "is stuck itself, on \"%s\"", state_of(holder));
    else
        snprintf(does, sizeof does, "did not unlock it in %" PRIu32 " times that it was woken since",
                 goleak_hope_chances(c->input->waits, holder, c->root.holder));
    say_held(c, out, does);
    return true;
}

static const char *doing(const struct goleak_case *c, const struct goleak_record *holder)
{
    return c->root.end == GOLEAK_WAY_STUCK               ? "waits itself, as such do"
           : holder->state != GOLEAK_STATE_WAITING        ? "runs: it may unlock it"
           : holder->reason == GOLEAK_REASON_SLEEP        ? "sleeps: it may unlock it"
           : (holder->flags & GOLEAK_REC_BLOCKED) == 0    ? "waits on something outside: it may unlock it"
                                                          : "may be woken: it may unlock it then";
}

GOLEAK_RULE(holder)
{
    if (goleak_holders_is_free(&c->input->holders, c->index)) {
        goleak_say(out, "nobody holds the lock that it waits for: it is about to get it");
        return true;
    }
    bool goes_on = c->lock != NULL && (c->root.end == GOLEAK_WAY_GOES_ON ||
                                       (c->root.end == GOLEAK_WAY_STUCK && !c->root_leaks));
    if (!goes_on || c->root.holder == NULL || c->root.holder->record == 0)
        return false;
    say_held(c, out, doing(c, goleak_store_at(c->input->store, c->root.holder->record)));
    return true;
}
