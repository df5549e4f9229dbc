/* signals - what speaks for a leak, of a goroutine that is blocked. See ladder.c. */
#include "verdict/rules.h"

#include "verdict/statistics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the waker's side ---- */

bool goleak_is_deserted(const struct goleak_case *c)
{
    const struct goleak_habit *habit = c->habit;
    if (habit == NULL || habit->wakers[0] == 0 || habit->nobody != 0 || c->hope != GOLEAK_HOPE_NONE)
        return false;
    const bool at_lock = c->record->reason == GOLEAK_REASON_SYNC && c->lock == NULL; /* one of many would have hope */
    if (habit->others && !at_lock && !goleak_is_collector(habit, c->site) &&
        !goleak_is_in_circle(c->record, c->site, c->input->limits, c->waited))
        return false;
    for (int i = 0; i < 2; i++) {
        uint32_t waker = goleak_hope_waker(c->input->store, habit, i);
        if (waker != 0 && goleak_hope_of(&c->input->hope, waker) != GOLEAK_HOPE_NONE)
            return false;
    }
    return true;
}

/* What has become of a waker: "ended 61 s before the end"; who it was, if that is known still; "has ended". */
struct fate {
    char text[96];
    uint64_t goid; /* 0: not told, or it has been used for another one */
};

static struct fate fate_of(const struct goleak_case *c, int which)
{
    const struct goleak_record *waker = goleak_hope_waker_record(c->input->store, c->habit, which);
    struct fate fate = { .goid = waker != NULL ? waker->goid : 0 };
    if (waker == NULL)
        snprintf(fate.text, sizeof fate.text, "has ended");
    else if (waker->state != GOLEAK_STATE_ENDED)
        snprintf(fate.text, sizeof fate.text, "is blocked itself");
    else
        snprintf(fate.text, sizeof fate.text, "ended %s before the end",
                 goleak_span_of(c->input, goleak_between(waker->since, c->input->last)).text);
    return fate;
}

/* "goroutine 17", "one", "the other" */
static struct goleak_span named(const struct fate *fate, const char *else_named)
{
    struct goleak_span name;
    if (fate->goid != 0)
        snprintf(name.text, sizeof name.text, "goroutine %" PRIu64, fate->goid);
    else
        snprintf(name.text, sizeof name.text, "%s", else_named);
    return name;
}

static void say_two(const struct goleak_case *c, struct goleak_saying *out)
{
    if (out->mute)
        return;
    const struct fate one = fate_of(c, 0), other = fate_of(c, 1);
    goleak_say(out, "only two goroutines ever woke it here: %s %s, %s %s", named(&one, "one").text, one.text,
               named(&other, "the other").text, other.text);
}

static void say_one(const struct goleak_case *c, struct goleak_saying *out)
{
    if (out->mute)
        return;
    const struct fate one = fate_of(c, 0);
    const uint32_t ended = c->habit->ended;
    goleak_say(out, "only %s ever woke it here (%" PRIu32 " time%s)%s %s", named(&one, "one goroutine").text, ended,
               ended == 1 ? "" : "s", one.goid != 0 ? "; it" : ", and", one.text);
    goleak_say_goid(out, "waker_goid", one.goid);
}

GOLEAK_RULE(waker_gone)
{
    if (!goleak_is_deserted(c))
        return false;
    const struct goleak_habit *habit = c->habit;
    uint32_t alive = goleak_hope_waker(c->input->store, habit, 0);
    if (habit->others && !goleak_is_collector(habit, c->site) && c->whom != 0)
        goleak_say(out,
                   "woken here %" PRIu32 " times before, by many; but %s, which may have this lock, is stuck itself",
                   habit->ended, goleak_who(c->input, c->whom).text);
    else if (habit->others && !goleak_is_collector(habit, c->site) && c->record->reason != GOLEAK_REASON_SYNC)
        goleak_say(out,
                   "woken here %" PRIu32 " times before, by many, all of its own place: of these, all that live are "
                   "blocked themselves",
                   habit->ended);
    else if (habit->others && !goleak_is_collector(habit, c->site))
        goleak_say(out, "woken here %" PRIu32 " times before, by many: nobody is left who is not blocked, but main",
                   habit->ended);
    else if (habit->others)
        goleak_say(out, "all who ever woke it here were started by it, and have ended or are blocked themselves");
    else if (habit->wakers[1] != 0)
        say_two(c, out);
    else if (alive != 0)
        goleak_say(out, "only %s ever woke it here, and is blocked itself", goleak_who(c->input, alive).text);
    else
        say_one(c, out);
    goleak_say_number(out, "waits_ended", habit->ended);
    return true;
}

/* All who wait for the object that it waits for, itself too; empty where objects are not told. */
static struct goleak_run crowd_of(const struct goleak_case *c)
{
    return goleak_relation_of(&c->input->hope.crowds, goleak_waits_place(c->input->waits, c->record));
}

GOLEAK_RULE(never_woken)
{
    if (!c->input->wakeups_told && c->record->reason == GOLEAK_REASON_FOREVER)
        return false;
    if (!c->input->wakeups_told) {
        goleak_say(out,
                   "blocked on \"%s\" at the end; the recording does not tell wake-ups, so the article's rule decides: "
                   "collect ready and execute events to tell",
                   goleak_reason_name((enum goleak_reason)c->record->reason));
        return c->habit == NULL;
    }
    if (c->habit != NULL && c->habit->ended >= c->input->limits->habit_waits)
        return false;
    if (c->habit == NULL && c->site != NULL && goleak_waits_forgot(c->input->waits, c->record))
        return false; /* it may have been, as others like it */
    if (c->habit != NULL) {
        goleak_say(out, "woken here once only, and waiting again for %s", goleak_waited_for(c).text);
        goleak_say_number(out, c->input->has_time ? "wait_ns" : "wait_events", c->waited);
        return true;
    }
    if (out->mute)
        return true;
    struct goleak_run crowd = crowd_of(c);
    struct goleak_span span = goleak_waited_for(c);
    char unseen[64] = "";
    const int64_t gaps = goleak_gaps_since(&c->input->gaps, c->record->since);
    if (gaps != 0)
        snprintf(unseen, sizeof unseen, ", for %s of which nobody recorded", goleak_span_of(c->input, gaps).text);
    /* What one waited for that was awake before the recording, or was woken from a wait of that time, is not told. */
    const char *since = goleak_waits_before(c->record, c->input->first) ? "not woken since the recording began"
                        : goleak_waits_longer(c->record)                ? "not woken since it was found there"
                        : c->older                                      ? "not woken here since it was first seen awake"
                                                                        : NULL;
    if (crowd.count > 1)
        goleak_say(out, "waiting for %s%s, and %s; %zu wait on the same object, %s", span.text, unseen,
                   since != NULL ? since : "never woken here", crowd.count,
                   crowd.all[0].marked ? "some of which were woken before" : "none of which was ever woken on it");
    else
        goleak_say(out, "waiting for %s%s, and %s", span.text, unseen,
                   since != NULL ? since : "never woken here before");
    goleak_say_number(out, c->input->has_time ? "wait_ns" : "wait_events", c->waited);
    if (crowd.count != 0)
        goleak_say_number(out, "waiters", (int64_t)crowd.count);
    return true;
}

/* Receivers idle, senders do not. */
GOLEAK_RULE(sender)
{
    if (c->habit == NULL || c->habit->ended < c->input->limits->habit_waits ||
        goleak_is_habit(c->input->waits, c->habit, c->input->limits, c->record, c->waited))
        return false;
    goleak_say(out, "a sender that was received from %" PRIu32 " times here, each within %s, and now waits for %s",
               c->habit->ended, goleak_span_of(c->input, c->habit->longest).text, goleak_waited_for(c).text);
    goleak_say_number(out, "waits_ended", c->habit->ended);
    goleak_say_number(out, c->input->has_time ? "longest_ns" : "longest_events", c->habit->longest);
    return true;
}

/* What is asked of others is worked out from this. */
static struct goleak_hope_input input_of(const struct goleak_case *c)
{
    return (struct goleak_hope_input){
        .store = c->input->store, .waits = c->input->waits, .limits = c->input->limits, .last = c->input->last
    };
}

bool goleak_is_left_out(const struct goleak_case *c)
{
    const struct goleak_hope_input known = input_of(c);
    return goleak_left_out(&known, &c->input->hope, c->record, c->habit, c->waited);
}

bool goleak_is_dropped(const struct goleak_case *c)
{
    const struct goleak_hope_input known = input_of(c);
    return c->cohort != NULL && goleak_dropped(&known, &c->input->hope, c->record, c->habit, c->cohort->count);
}

GOLEAK_RULE(left_out)
{
    if (goleak_hope_is_replaced(&c->input->hope, c->index)) {
        const bool has_object = goleak_place_is_object(goleak_waits_place(c->input->waits, c->record));
        goleak_say(
            out, "whoever woke %s has turned to others%s, which were started since and wait in the same function",
            has_object ? "those on its channel" : "it and its fellows", has_object ? " on another one" : ", in turn");
        return true;
    }
    const bool dropped = goleak_is_dropped(c);
    if (!dropped && !goleak_is_left_out(c))
        return false;
    const uint32_t since = goleak_woken_since(c->input->waits, c->habit);
    if (dropped)
        goleak_say(out,
                   "woken here %" PRIu32 " times, in turn with others like it by one goroutine, which has gone round "
                   "without it since: it woke these %" PRIu32 " times",
                   c->habit->ended, since);
    else if (c->habit->gap == 1)
        goleak_say(out,
                   "woken here %" PRIu32
                   " times, with no wake-up of others like it in between; since the last of these there were %" PRIu32,
                   c->habit->ended, since);
    else
        goleak_say(out,
                   "woken here %" PRIu32 " times, with at most %" PRIu32
                   " wake-up%s of others like it in between; since the last of these there were %" PRIu32,
                   c->habit->ended, c->habit->gap - 1, c->habit->gap == 2 ? "" : "s", since);
    goleak_say_number(out, "waits_ended", c->habit->ended);
    goleak_say_number(out, "waits_ended_between", c->habit->gap - 1);
    goleak_say_number(out, "waits_ended_since", since);
    return true;
}

GOLEAK_RULE(unread)
{
    if (!c->unread)
        return false;
    goleak_say(out, "more connections wait for the end of an HTTP answer than there are goroutines left that asked for "
                    "one: its body was neither read to the end nor closed");
    return true;
}

/* ---- the site's side ---- */

/* Others make the number of its place rise: all who wait like it were there when the recording was a tenth old, and a third
 * of the place and more does not. */
static bool was_there_first(const struct goleak_case *c)
{
    const struct goleak_verdict_input *input = c->input;
    return c->cohort != NULL && 3 * c->cohort->alike <= 2 * c->rise->alive &&
           goleak_between(input->first, c->cohort->last_born) <= (input->last - input->first) / input->limits->together;
}

bool goleak_is_rising(const struct goleak_case *c)
{
    const struct goleak_limits *limits = c->input->limits;
    return !was_there_first(c) && c->record->site != 0 && c->rise->created >= limits->rise_created &&
           c->rise->trend >= limits->rise_trend && c->rise->rising * limits->rise_share >= c->rise->parts &&
           c->rise->parts > 4;
}

GOLEAK_RULE(rises)
{
    if (!goleak_is_rising(c))
        return false;
    goleak_say(out, "of this place's goroutines more and more are alive: %" PRIu64 " at the end; their number rose in "
                    "%zu of %zu parts of the recording, by about %.1f each", c->rise->alive, c->rise->rising,
               c->rise->parts, c->rise->slope);
    goleak_say_number(out, "alive", (int64_t)c->rise->alive);
    goleak_say_number(out, "rising_parts", (int64_t)c->rise->rising);
    goleak_say_number(out, "parts", (int64_t)c->rise->parts);
    return true;
}

GOLEAK_RULE(never_ends)
{
    if (c->record->site == 0 || c->rise->ended != 0 || c->rise->created < 2)
        return false;
    /* The rule of three: with none of n ended, the rate of ends is below 3/n at 95 %. */
    goleak_say(out, "created %" PRIu64 " here, ended 0", c->rise->created);
    goleak_say_number(out, "created", (int64_t)c->rise->created);
    goleak_say_number(out, "ended", 0);
    return true;
}

/* Those that go on are censored, not dropped; this one's own wait is not evidence for
 * itself. */
static double part_that_takes_longer(const struct goleak_case *c)
{
    uint64_t ended[GOLEAK_WAIT_BUCKETS];
    for (size_t b = 0; b < GOLEAK_WAIT_BUCKETS; b++)
        ended[b] = c->site->buckets[b];
    return goleak_survival(ended, c->cohort->going_on, GOLEAK_WAIT_BUCKETS, goleak_wait_bucket(c->site->longest));
}

/* A duration that 99.9 % of the waits that ended were not above: a bucket's end. */
static int64_t most_took(const struct goleak_wait_site *site)
{
    uint64_t left = site->ended / 1000;
    for (size_t b = GOLEAK_WAIT_BUCKETS; b-- != 0; ) {
        if (site->buckets[b] > left)
            return goleak_wait_least((unsigned)b + 1) < site->longest ? goleak_wait_least((unsigned)b + 1) : site->longest;
        left -= site->buckets[b];
    }
    return site->longest;
}

GOLEAK_RULE(beyond)
{
    if (c->site == NULL || c->cohort == NULL || c->site->ended < 3 || c->waited / 2 <= c->site->longest)
        return false;
    struct goleak_span span = goleak_waited_for(c);
    bool many = c->site->ended >= 1000;
    if (out->mute)
        return true;
    char longest[80] = "", part[48] = "";
    const double percent = part_that_takes_longer(c) * 100;
    if (percent <= 50) /* else those who go on are most of all: it would read as if that were usual */
        snprintf(part, sizeof part, percent < 1 ? " (%.2g %% of all take longer)" : " (%.0f %% of all take longer)",
                 percent);
    if (many)
        snprintf(longest, sizeof longest, ", the longest %s", goleak_span_of(c->input, c->site->longest).text);
    goleak_say(out, "waiting for %s; %s of the %" PRIu64 " waits like it that ended took at most %s%s%s", span.text,
               many ? "99.9 %" : "each", c->site->ended,
               goleak_span_of(c->input, many ? most_took(c->site) : c->site->longest).text, longest, part);
    goleak_say_number(out, c->input->has_time ? "wait_ns" : "wait_events", c->waited);
    goleak_say_number(out, "waits_ended", (int64_t)c->site->ended);
    goleak_say_number(out, c->input->has_time ? "longest_ns" : "longest_events", c->site->longest);
    return true;
}

/* ---- the spawner's side ---- */

bool goleak_is_left(const struct goleak_case *c)
{
    return c->record->parent != 0 && !goleak_lineage_at(c->input->lineage, c->record->parent)->alive;
}

bool goleak_is_orphan(const struct goleak_case *c)
{
    return c->tie.orphaned != 0 && (c->hope == GOLEAK_HOPE_NONE || c->hope == GOLEAK_HOPE_WAKER ||
                                    c->hope == GOLEAK_HOPE_MANY || c->hope == GOLEAK_HOPE_PEER);
}

GOLEAK_RULE(orphan)
{
    if (!goleak_is_orphan(c))
        return false;
    goleak_say(out,
               "%" PRIu32 " of the %" PRIu32
               " of this place that have ended did so right after the one that had started "
               "them; this one's has ended %s ago",
               c->tie.tied, c->tie.ended, goleak_span_of(c->input, c->tie.orphaned).text);
    goleak_say_number(out, "tied", c->tie.tied);
    goleak_say_number(out, "ended", c->tie.ended);
    goleak_say_number(out, c->input->has_time ? "orphaned_ns" : "orphaned_events", c->tie.orphaned);
    return true;
}

GOLEAK_RULE(spawner_gone)
{
    if (!goleak_is_left(c))
        return false;
    const struct goleak_node *parent = goleak_lineage_at(c->input->lineage, c->record->parent);
    if (parent->goid != 0)
        goleak_say(out, "goroutine %" PRIu64 ", which started it, has ended", parent->goid);
    else
        goleak_say(out, "the goroutine that started it has ended");
    goleak_say_goid(out, "spawner_goid", parent->goid);
    return true;
}

GOLEAK_RULE(alike)
{
    if (c->leak_alike == 0)
        return false;
    goleak_say(out, "%" PRIu64 " that wait%s in the same place%s, and %s started since the recording began",
               c->leak_alike, c->leak_alike == 1 ? "s" : "", c->leak_alike == 1 ? " leaks" : " leak",
               c->leak_alike == 1 ? "was" : "were");
    goleak_say_number(out, "leaks", (int64_t)c->leak_alike);
    return true;
}

/* Where several processes are recorded, those of all of them are counted together. */
GOLEAK_RULE(nobody)
{
    const size_t loose = c->input->hope.loose;
    if (!c->input->waits->tells_wakers || c->habit != NULL || c->hope != GOLEAK_HOPE_NONE ||
        c->input->hope.count == 0 || c->input->processes > 1 || c->record->reason == GOLEAK_REASON_FOREVER)
        return false;
    if (loose == 0)
        goleak_say(out, "no other goroutine is seen that is not stuck itself");
    else if (loose == 1)
        goleak_say(out,
                   "only one other goroutine is seen that is not stuck, and nothing tells that it may wake this one");
    else
        goleak_say(out, "of the %zu other goroutines that are seen not to be stuck, none is known that may wake it",
                   loose);
    goleak_say_number(out, "not_stuck", (int64_t)loose);
    return true;
}

static bool waits_in(const struct goleak_case *c, const char *part)
{
    return goleak_waits_in(c->input->symbols, c->input->reasons, c->record, part);
}

/* Else they may send again once they are let go: it is they who leak. */
static bool are_wakers_ended(const struct goleak_case *c)
{
    return goleak_hope_waker(c->input->store, c->habit, 0) == 0 && goleak_hope_waker(c->input->store, c->habit, 1) == 0;
}

/* The classic ones. */
static const char *shape_of(const struct goleak_case *c)
{
    switch (c->record->reason) {
    case GOLEAK_REASON_CHAN_SEND:
        return goleak_is_left(c)  ? "a sender whose starter has ended, as after an early return, or a timeout"
               : c->habit == NULL ? "a sender from which nobody receives any more"
                                  : NULL;
    case GOLEAK_REASON_CHAN_RECV:
        return goleak_is_deserted(c) && are_wakers_ended(c)
                   ? "a receiver whose channel was not closed by its last sender"
                   : NULL;
    case GOLEAK_REASON_COND_WAIT:
        return c->habit == NULL ? "a waiter that no Signal or Broadcast has reached" : NULL;
    case GOLEAK_REASON_SYNC:
        return waits_in(c, "WaitGroup") ? "a Wait without enough calls of Done, or for some that are stuck themselves"
               : waits_in(c, "Mutex")   ? "a lock that was not given back"
               : waits_in(c, "semacquire")
                   ? "a lock that was not given back, or a Wait without enough calls of Done: collect the stacks of "
                     "gopark events to tell"
                   : NULL;
    default:
        return NULL;
    }
}

GOLEAK_RULE(shape)
{
    const char *shape = shape_of(c);
    if (shape == NULL)
        return false;
    goleak_say(out, "the shape of a known leak: %s", shape);
    return true;
}
