/* counter - what speaks against a leak, of a goroutine that is blocked. See ladder.c. */
#include "verdict/rules.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- it was woken before ---- */

GOLEAK_RULE(serves)
{
    const struct goleak_habit *habit = c->habit;
    if (!goleak_is_habit(c->input->waits, habit, c->input->limits, c->record, c->waited) || goleak_is_deserted(c) ||
        c->unread)
        return false;
    if (c->hope == GOLEAK_HOPE_WAKER)
        goleak_say(out, "woken here %" PRIu32 " times before, and %s, which did so, is not stuck", habit->ended,
                   goleak_who(c->input, c->whom).text);
    else if (habit->others)
        goleak_say(out, "woken here %" PRIu32 " times before, by many: others may come", habit->ended);
    else if (habit->wakers[0] == 0 && (habit->nobody == 0 || !c->input->waits->tells_wakers))
        goleak_say(out, "woken here %" PRIu32 " times before; the recording does not tell by whom", habit->ended);
    else
        return false;
    goleak_say_number(out, "waits_ended", habit->ended);
    return true;
}

GOLEAK_RULE(timed)
{
    if (!goleak_hope_is_timed(c->input->store, c->input->limits, c->record, c->input->last))
        return false;
    int64_t left = goleak_between(c->input->last, goleak_store_until(c->input->store, c->record));
    goleak_say(out, "one of the channels that it waits for is a timer's, which is set to fire %s after the end",
               goleak_span_of(c->input, left).text);
    goleak_say_number(out, "left_ns", left);
    return true;
}

GOLEAK_RULE(timer)
{
    if (c->habit == NULL) { /* the hope is that of its kind, or of a timer that is told (timed) */
        if (c->hope != GOLEAK_HOPE_TIMER || c->input->timers_told)
            return false;
        goleak_say(out,
                   "all of the %" PRIu64 " waits like it that ended were ended by no goroutine but a timer, the "
                   "longest after %s",
                   c->site->ended, goleak_span_of(c->input, c->site->longest).text);
        goleak_say_number(out, "waits_ended", (int64_t)c->site->ended);
        return true;
    }
    if (!goleak_hope_timer(c->input->waits, c->input->limits, c->habit, c->waited))
        return false;
    bool once = c->habit->nobody == 1;
    goleak_say(out, "%" PRIu32 " wait%s here %s ended by no goroutine but a timer, %s after %s", c->habit->nobody,
               once ? "" : "s", once ? "was" : "were", once ? "that" : "the longest",
               goleak_span_of(c->input, c->habit->longest).text);
    goleak_say_number(out, "waits_ended", c->habit->nobody);
    return true;
}

GOLEAK_RULE(shared)
{
    if (c->hope != GOLEAK_HOPE_PEER && c->hope != GOLEAK_HOPE_FELLOW)
        return false;
    const enum goleak_hope_kind its = goleak_hope_of(&c->input->hope, c->whom);
    const bool was_woken = its == GOLEAK_HOPE_WAKER || its == GOLEAK_HOPE_MANY;
    goleak_say(out, "%s waits on the same object, and %s", goleak_who(c->input, c->whom).text,
               c->hope == GOLEAK_HOPE_FELLOW ? "has started one that is not stuck and may close it for all"
               : was_woken                   ? "was woken on it before by one that is not stuck"
                                             : "is not stuck itself: what lets it through may do so for all");
    return true;
}

/* Where objects are told, those on the same one are known (shared), and only most of a
 * place's goroutines speak for one on another. */
GOLEAK_RULE(pool)
{
    uint64_t least = c->input->objects_told && c->cohort != NULL ? c->cohort->count / 2 + 1 : 1;
    if (c->cohort == NULL || c->cohort->count < 2 || c->cohort->served < least || c->unread)
        return false;
    if (goleak_is_deserted(c) && goleak_hope_had_its_own(&c->input->hope, c->input->limits, c->record, c->habit))
        return false; /* others are served by others */
    goleak_say(out,
               "%" PRIu64 " of the %" PRIu64 " that wait like it %s woken here again and again, by some who may do so "
               "once more: an idle pool",
               c->cohort->served, c->cohort->count, c->cohort->served == 1 ? "was" : "were");
    goleak_say_number(out, "served", (int64_t)c->cohort->served);
    goleak_say_number(out, "waiting", (int64_t)c->cohort->count);
    return true;
}

/* ---- somebody may come to wake it ---- */

static const char *doing(const struct goleak_case *c, uint32_t index)
{
    const struct goleak_record *record = goleak_store_at(c->input->store, index);
    return goleak_hope_of(&c->input->hope, index) == GOLEAK_HOPE_TIMER ? "waits for a timer"
           : record->state != GOLEAK_STATE_WAITING                     ? "is running"
           : record->reason == GOLEAK_REASON_SLEEP                     ? "sleeps"
           : record->reason == GOLEAK_REASON_NET                       ? "waits for the network"
           : (record->flags & GOLEAK_REC_BLOCKED) == 0                 ? "waits on something outside"
                                                                       : "waits itself, and may be woken";
}

GOLEAK_RULE(beside)
{
    if (c->hope != GOLEAK_HOPE_BESIDE)
        return false;
    bool together = goleak_lineage_at(c->input->lineage, c->record->parent)->alive;
    goleak_say(out, "%s, which %s, %s: it may be the one to wake it", goleak_who(c->input, c->whom).text,
               together ? "the same call started beside it" : "was started by the same one, which has ended",
               doing(c, c->whom));
    return true;
}

GOLEAK_RULE(child)
{
    if (c->hope != GOLEAK_HOPE_CHILD)
        return false;
    const bool own = goleak_has_started(c->input->store, c->record, goleak_store_at(c->input->store, c->whom));
    goleak_say(out, "%s, which %s, %s: it may be the one to wake it", goleak_who(c->input, c->whom).text,
               own ? "it started" : "descends from it", doing(c, c->whom));
    return true;
}

GOLEAK_RULE(passed)
{
    if (c->hope != GOLEAK_HOPE_PASSED)
        return false;
    const bool leads = c->record->reason == GOLEAK_REASON_COND_WAIT;
    goleak_say(out, "%s, of the same place, %s and %s%s: it may let the next one through",
               goleak_who(c->input, c->whom).text, leads ? "was woken there last" : "has passed there",
               doing(c, c->whom), leads ? "" : " further on");
    return true;
}

bool goleak_is_patience_gone(const struct goleak_case *c)
{
    const struct goleak_record *holder = goleak_store_at(c->input->store, c->whom);
    return goleak_waits_naps(c->input->waits, holder) >= c->input->limits->chances;
}

GOLEAK_RULE(inside)
{
    if (c->hope != GOLEAK_HOPE_INSIDE)
        return false;
    const struct goleak_record *holder = goleak_store_at(c->input->store, c->whom);
    goleak_say(out, "%s %s, and came there just before the first who waits here, within %s",
               goleak_who(c->input, c->whom).text, doing(c, c->whom),
               goleak_is_in_wait_group(c->input->symbols, c->input->reasons, c->record)
                   ? "the same function: it may do what they wait for"
                   : "the same once.Do or a method of the same type: it may hold the lock");
    goleak_say_goid(out, "holder_goid", holder->goid);
    return true;
}

GOLEAK_RULE(reader)
{
    if (c->hope != GOLEAK_HOPE_READER)
        return false;
    if (c->whom != 0 && goleak_waits_in(c->input->symbols, c->input->reasons, goleak_store_at(c->input->store, c->whom),
                                        "bodyEOFSignal).Read"))
        goleak_say(out, "%s, which got this connection's answer, reads it: the connection waits for its end",
                   goleak_who(c->input, c->whom).text);
    else if (c->whom != 0)
        goleak_say(out, "%s, which got this connection's answer, is still where it asked for it: it may read on",
                   goleak_who(c->input, c->whom).text);
    else
        goleak_say(out, "the connection waits for the end of its answer, and all answers are read");
    return true;
}

GOLEAK_RULE(taker)
{
    if (c->hope != GOLEAK_HOPE_TAKER)
        return false;
    goleak_say(out,
               "%s has received from its channel again and again, and rests since before it had to wait: it may come "
               "again",
               goleak_who(c->input, c->whom).text);
    return true;
}

GOLEAK_RULE(scope)
{
    if (c->hope != GOLEAK_HOPE_SCOPE)
        return false;
    const struct goleak_node *spawner = goleak_lineage_at(c->input->lineage, c->record->parent);
    const struct goleak_site *site = goleak_sites_at(c->input->sites, c->record->site);
    const char *function = goleak_symbols_frame_function(c->input->symbols, site->created_at);
    const size_t outer = goleak_symbols_outer_size(function);
    const bool closure = outer != 0 && function[outer] != '\0';
    const char *within = closure ? ", or in the function around it" : "";
    if (function[0] == '\0' && c->whom == 0) {
        goleak_say(out, "its spawner is still in a call that led to its start: what it waits on may be within reach");
        return true;
    }
    if (c->whom != 0) {
        goleak_say(out, "%s still uses the library %s%s started it: what it waits on may be within reach",
                   goleak_who(c->input, c->whom).text, function[0] != '\0' ? "whose " : "that", function);
        return true;
    }
    if (spawner->goid == 0) {
        goleak_say(out, "its spawner is still in %s, which started it%s: what it waits on may be within reach",
                   function, within);
        return true;
    }
    goleak_say(out, "goroutine %" PRIu64 " is still in %s, which started it%s: what it waits on may be within reach",
               spawner->goid, function, within);
    goleak_say_goid(out, "spawner_goid", spawner->goid);
    return true;
}

GOLEAK_RULE(tied)
{
    const struct goleak_tie *tie = &c->tie;
    if (tie->whom == 0)
        return false;
    const struct goleak_span who = goleak_who(c->input, tie->whom);
    const uint32_t tied = tie->tied < tie->ended ? tie->tied : tie->ended;
    if (tie->twin)
        goleak_say(out,
                   "%" PRIu32 " of the %" PRIu32 " of this place that have ended did so together with another one "
                   "that their spawner had started, and %s, which this one's has, %s",
                   tied, tie->ended, who.text, doing(c, tie->whom));
    else
        goleak_say(out,
                   "%" PRIu32 " of the %" PRIu32 " of this place that have ended did so right after the one that had "
                   "started them, and %s, which started it, is not stuck",
                   tied, tie->ended, who.text);
    goleak_say_number(out, "tied", tied);
    goleak_say_number(out, "ended", tie->ended);
    return true;
}

/* By one that is kept: that is its hope. */
static bool was_woken_by(const struct goleak_case *c, uint32_t whom)
{
    return c->habit != NULL && c->habit->ended >= c->input->limits->habit_waits &&
           goleak_hope_of(&c->input->hope, whom) == GOLEAK_HOPE_STARTUP &&
           goleak_hope_is_waker(c->input->store, c->habit, whom);
}

/* Its only hope is that nothing is known of it. */
static bool is_hope_untold(const struct goleak_case *c, uint32_t whom)
{
    return (goleak_store_at(c->input->store, whom)->flags & GOLEAK_REC_PREEXISTING) != 0 &&
           c->input->hope.whom[whom] == 0;
}

GOLEAK_RULE(startup)
{
    if (c->hope != GOLEAK_HOPE_STARTUP || (c->whom == 0 && c->older))
        return false;
    const struct goleak_site *site = goleak_sites_at(c->input->sites, c->record->site);
    if (c->whom != 0 && is_hope_untold(c, c->whom) && was_woken_by(c, c->whom))
        goleak_say(out, "woken here %" PRIu32 " times before, and %s, which did so, waits for what no event tells",
                   c->habit->ended, goleak_who(c->input, c->whom).text);
    else if (c->whom == 0)
        goleak_say(out, "started by the init of a package: what it waits on may be the package's own");
    else if (was_woken_by(c, c->whom))
        goleak_say(out,
                   "woken here %" PRIu32 " times before, and %s, which did so, may be a worker that the program keeps",
                   c->habit->ended, goleak_who(c->input, c->whom).text);
    else
        goleak_say(out, "%s has started none for %s, and %s, %s, %s: a worker that the program keeps looks the same",
                   c->input->lasts != NULL && c->input->lasts[site->place] > site->last ? "its caller" : "this place",
                   goleak_span_of(c->input, c->input->last - site->last).text, goleak_who(c->input, c->whom).text,
                   goleak_lineage_at(c->input->lineage, c->record->parent)->alive
                       ? "which did"
                       : "the nearest one alive from which it descends",
                   goleak_store_at(c->input->store, c->whom)->state == GOLEAK_STATE_WAITING ? "waits itself"
                                                                                            : "did so until just now");
    return true;
}

/* Whoever was served had begun to wait before all that still do, and that goes on. Where some are forgotten,
 * others that came after them are served. Tickers of one period look so, and nobody serves them. */
bool goleak_is_queued(const struct goleak_case *c)
{
    const struct goleak_limits *limits = c->input->limits;
    if (c->hope == GOLEAK_HOPE_TIMER || c->site == NULL || c->cohort == NULL || c->site->ended < limits->queue_least)
        return false;
    int64_t idle = c->input->last - c->site->last_ended, oldest = c->input->last - c->cohort->longest;
    return c->site->last_begun <= oldest && idle <= c->cohort->longest / limits->queue_idle;
}

GOLEAK_RULE(queue)
{
    if (!goleak_is_queued(c))
        return false;
    goleak_say(out, "waits like it end in the order in which they began: %" PRIu64 " did, the last one %s ago, and its "
                    "turn has not come",
               c->site->ended, goleak_span_of(c->input, c->input->last - c->site->last_ended).text);
    goleak_say_number(out, "waits_ended", (int64_t)c->site->ended);
    return true;
}

/* ---- it has not waited long ---- */

/* "waiting for 80 ms" */
static struct goleak_span waiting(const struct goleak_case *c)
{
    struct goleak_span span;
    if (c->waited == 0)
        snprintf(span.text, sizeof span.text, "waiting since the last event");
    else
        snprintf(span.text, sizeof span.text, "waiting for %.19s", goleak_waited_for(c).text);
    return span;
}

/* What takes longer than a wait that has lasted so long begins here. */
static unsigned longer_from(int64_t waited)
{
    return goleak_wait_bucket(waited) + 1;
}

/* "3.2 ms or more" */
static struct goleak_span longer_than(const struct goleak_case *c)
{
    struct goleak_span span;
    if (c->waited == 0)
        snprintf(span.text, sizeof span.text, "longer");
    else
        snprintf(span.text, sizeof span.text, "%.19s or more",
                 goleak_span_of(c->input, goleak_wait_least(longer_from(c->waited))).text);
    return span;
}

static void say_longer(const struct goleak_case *c, struct goleak_saying *out, uint64_t count, uint64_t ended)
{
    goleak_say_number(out, "longer", (int64_t)count);
    goleak_say_number(out, "waits_ended", (int64_t)ended);
    goleak_say_number(out, c->input->has_time ? "least_ns" : "least_events",
                      goleak_wait_least(longer_from(c->waited)));
}

/* So many that wait like it go on for longer, by a step, than any such wait that ended took. */
static uint64_t count_far_beyond(const struct goleak_case *c)
{
    uint64_t count = 0;
    for (unsigned b = longer_from(c->site->longest); c->cohort != NULL && b < GOLEAK_WAIT_BUCKETS; b++)
        count += c->cohort->going_on[b];
    return count;
}

/* Too few are known for their number: half of them took as long. Or those that took longest are among them, of which
 * half took longer, as far as is known. By buckets, and that edge: all of a bunch get one answer. */
static bool is_like_most(const struct goleak_case *c, uint64_t longer, uint64_t alike, uint64_t known,
                         struct goleak_saying *out)
{
    const struct goleak_limits *limits = c->input->limits;
    uint64_t half = c->waited <= c->site->longest ? (longer + alike) / 2 : 0;
    bool most = alike * 2 > c->site->ended + count_far_beyond(c);
    if (!most && (half < limits->usual_longer || (half + 1) * limits->usual_part <= known + 2))
        return false;
    goleak_say(out,
               "%s; %" PRIu64 " of the %" PRIu64 " waits like it that ended took about as long, or longer: up to %s",
               waiting(c).text, alike, c->site->ended, goleak_span_of(c->input, c->site->longest).text);
    goleak_say_number(out, "alike", (int64_t)alike);
    goleak_say_number(out, "waits_ended", (int64_t)c->site->ended);
    return true;
}

/* Of the waits like it enough took longer; or, where few go on, more than go on. */
GOLEAK_RULE(usual)
{
    const struct goleak_limits *limits = c->input->limits;
    uint64_t longer = 0;
    /* Without the stack, a lock that is held for long hides one that is never given back. */
    if (c->site == NULL || c->record->block_stack == 0)
        return false;
    for (unsigned b = longer_from(c->waited); b < GOLEAK_WAIT_BUCKETS; b++)
        longer += c->site->buckets[b];
    uint64_t alike = longer + c->site->buckets[goleak_wait_bucket(c->waited)];
    if (alike < limits->usual_longer) /* nor are there so many that took longer: most are answered here */
        return false;
    /* Those who outlast all that ended are no example of a wait that ends, and one that has waited as long as those did
     * is like them, too. */
    uint64_t known = c->site->ended + (c->cohort != NULL ? c->cohort->outlasting : 0);
    bool share = (longer + 1) * limits->usual_part > known + 2;
    bool few = c->cohort != NULL && longer > 2 * c->cohort->count;
    if (longer < limits->usual_longer || (!share && !few))
        return is_like_most(c, longer, alike, known, out);
    goleak_say(out, "%s; %" PRIu64 " of the %" PRIu64 " waits like it that ended took %s", waiting(c).text, longer,
               c->site->ended, longer_than(c).text);
    say_longer(c, out, longer, c->site->ended);
    return true;
}

/* It has waited here for as long before, and somebody came. */
GOLEAK_RULE(own)
{
    if (c->habit == NULL || c->waited > c->habit->longest || goleak_is_deserted(c))
        return false;
    goleak_say(out, "%s; it was woken here after %s before", waiting(c).text,
               goleak_span_of(c->input, c->habit->longest).text);
    goleak_say_number(out, c->input->has_time ? "longest_ns" : "longest_events", c->habit->longest);
    return true;
}

/* Of all that wait like it: the youngest of many leaks is one of them. */
GOLEAK_RULE(early)
{
    const struct goleak_limits *limits = c->input->limits;
    int64_t share = (c->input->last - c->input->first) / (int64_t)limits->early_share;
    if (c->record->reason >= GOLEAK_REASON_COUNT || c->cohort == NULL || c->cohort->longest > share)
        return false;
    const struct goleak_pool *pool = &c->input->cohorts.pools[c->record->reason];
    uint64_t longer = 0;
    for (unsigned b = longer_from(c->waited); b < GOLEAK_WAIT_BUCKETS; b++)
        longer += pool->buckets[b];
    if (pool->ended < limits->early_least || longer * limits->early_part < pool->ended)
        return false;
    goleak_say(out, "%s%s; of the waits for this reason that ended, %" PRIu64 " of %" PRIu64 " took %s",
               waiting(c).text, c->waited != 0 ? " only" : "", longer, pool->ended, longer_than(c).text);
    say_longer(c, out, longer, pool->ended);
    return true;
}

/* ---- it is known to idle ---- */

/* Whose counterpart has gone, or is stuck, where all end together, or waits for the end of an answer that nobody reads,
 * idles no more. */
bool goleak_is_idler(const struct goleak_case *c)
{
    return c->cohort != NULL && c->cohort->idler != 0 && !(c->tie.is_rule && c->tie.whom == 0) && !c->unread;
}

GOLEAK_RULE(idler)
{
    if (!goleak_is_idler(c))
        return false;
    const struct goleak_idler *idler = &goleak_idlers[c->cohort->idler];
    goleak_say(out, "%s %s", idler->function, idler->why);
    return true;
}

/* Of one that is older than the recording nobody knows who started it, when it began to
 * wait, or what it has been woken by. */
GOLEAK_RULE(older)
{
    if (!c->older)
        return false;
    goleak_say(out,
               "older than the recording%s%s: collect from the program's start to tell who started it and "
               "who wakes it",
               c->input->gaps.any ? ", or started while nobody recorded" : "",
               c->habit != NULL                                  ? ""
               : goleak_waits_before(c->record, c->input->first) ? ", and never woken in it"
                                                                 : ", and not seen to wait for the same before");
    return true;
}
