/* states - rules that decide by a goroutine's state alone. See ladder.c. */
#include "verdict/rules.h"

#include <inttypes.h>
#include <string.h>

GOLEAK_RULE(alive_only)
{
    if (c->input->blocking_told)
        return false;
    out->verdict = GOLEAK_VERDICT_SUSPECT;
    goleak_say(out, "alive at the end; no gopark is in this recording, so nothing tells whether it is blocked: "
                    "collect gopark events to tell");
    return true;
}

GOLEAK_RULE(main)
{
    if ((c->record->flags & GOLEAK_REC_MAIN) == 0 || c->record->state != GOLEAK_STATE_WAITING)
        return false;
    out->verdict = GOLEAK_VERDICT_WAITING;
    goleak_say(out, "the main goroutine: its end is the program's end, so it does not leak");
    return true;
}

GOLEAK_RULE(system)
{
    if ((c->record->flags & GOLEAK_REC_SYSTEM) == 0 || c->record->state != GOLEAK_STATE_WAITING)
        return false;
    out->verdict = GOLEAK_VERDICT_WAITING;
    goleak_say(out, "one of the runtime's own goroutines: it waits for work as long as the program runs");
    return true;
}

GOLEAK_RULE(panic)
{
    if (c->record->state != GOLEAK_STATE_WAITING || (c->record->flags & GOLEAK_REC_PANIC) == 0)
        return false;
    out->verdict = GOLEAK_VERDICT_WAITING;
    goleak_say(out, "parked because the process was panicking");
    return true;
}

/* How long it has waited, in words of the recording's own clock. */
static void say_wait(const struct goleak_case *c, struct goleak_saying *out)
{
    goleak_say_text(out, "reason", goleak_reason_name((enum goleak_reason)c->record->reason));
    if (c->record->since != GOLEAK_NO_MOMENT)
        goleak_say_number(out, c->input->has_time ? "wait_ns" : "wait_events", c->waited);
}

/* Whose reason nothing printed. */
static const char *how_known(const struct goleak_case *c)
{
    return (c->record->flags & GOLEAK_REC_FOUND) == 0        ? ""
           : goleak_waits_before(c->record, c->input->first) ? "; since before the recording began, read off its stack"
                                                             : "; read off its stack";
}

/* 16 is that up to Go 1.20, and a synctest bubble from 1.24 on. */
static bool may_be_else(const struct goleak_case *c)
{
    const struct goleak_record *record = c->record;
    int wait = record->wait != GOLEAK_NO_WAIT ? record->wait : -1;
    return record->raw_reason != GOLEAK_REASON_NONE &&
           goleak_reasons_is_open(c->input->reasons, record->raw_reason, wait);
}

GOLEAK_RULE(forever)
{
    if (!c->blocked || c->record->reason != GOLEAK_REASON_FOREVER)
        return false;
    const char *doubt = (c->record->flags & GOLEAK_REC_NOT_MAIN) == 0
                            ? "; it may be the main goroutine, which is then no leak"
                        : may_be_else(c) ? "; with the Go version not known it may be a synctest bubble's instead"
                                         : "";
    out->verdict = doubt[0] == '\0' ? GOLEAK_VERDICT_CERTAIN : GOLEAK_VERDICT_LIKELY;
    goleak_say(out, "blocked forever (a nil channel or an empty select%s): nothing can wake it%s", how_known(c), doubt);
    say_wait(c, out);
    return true;
}

/* How long it has waited; GOLEAK_NONE where the recording tells no time. */
static int64_t wait_ns(const struct goleak_case *c)
{
    const struct goleak_verdict_input *input = c->input;
    if (input->has_time)
        return c->waited;
    int64_t since = goleak_ticks_ns(input->ticks, c->record->since), last = goleak_ticks_ns(input->ticks, input->last);
    return since == GOLEAK_NONE || last == GOLEAK_NONE ? GOLEAK_NONE : last - since;
}

GOLEAK_RULE(young)
{
    if (c->input->min_age_ns == 0 || !c->blocked || goleak_waits_longer(c->record))
        return false; /* how old a wait is that was there before, nothing tells */
    int64_t waited_ns = wait_ns(c);
    if (waited_ns == GOLEAK_NONE || waited_ns >= c->input->min_age_ns)
        return false;
    out->verdict = GOLEAK_VERDICT_WAITING;
    if (c->input->has_time)
        goleak_say(out, "waited for %s, less than the minimum age", goleak_span_of(c->input, waited_ns).text);
    else
        goleak_say(out, "waited for about %" PRId64 " ns, less than the minimum age", waited_ns);
    goleak_say_number(out, "wait_ns", waited_ns);
    goleak_say_number(out, "min_age_ns", c->input->min_age_ns);
    return true;
}

/* A Go trace tells when it was switched to: it has come back as often as ever. */
static bool is_in_use(const struct goleak_case *c)
{
    const struct goleak_record *record = c->record;
    uint32_t waits = goleak_waits_naps(c->input->waits, record);
    if (record->wait != GOLEAK_WAIT_COROUTINE || waits == 0 || waits < c->input->limits->habit_waits ||
        record->since < record->created)
        return false;
    uint64_t apart = ((uint64_t)record->since - (uint64_t)record->created) / waits;
    return (uint64_t)(c->waited / c->input->limits->patience) <= apart;
}

/* Its creator lives and is not stuck, has not turned to others since, and is still in the function that asked for it: there it may go on
 * with it, or stop it. */
static bool is_at_hand(const struct goleak_case *c, int64_t age)
{
    const struct goleak_symbols *symbols = c->input->symbols;
    if (c->record->parent == 0)
        return false;
    const struct goleak_node *node = goleak_lineage_at(c->input->lineage, c->record->parent);
    const struct goleak_record *creator = node->alive ? goleak_node_record(c->input->store, node) : NULL;
    const uint32_t *frames;
    const uint32_t stack = goleak_store_detail(c->input->store, c->record)->created_stack;
    size_t count = goleak_symbols_stack_frames(symbols, stack, &frames);
    size_t i = 0;
    while (i < count && goleak_is_standard(goleak_symbols_frame_function(symbols, frames[i])))
        i++;
    if (creator == NULL || i == count ||
        goleak_between(c->record->created, node->last) > age / c->input->limits->together)
        return false;
    if (goleak_is_blocked(creator) && goleak_hope_of(&c->input->hope, creator->index) == GOLEAK_HOPE_NONE)
        return false; /* it is stuck itself */
    const uint32_t function = symbols->frame_info[frames[i] - 1].function;
    if (function == 0 || goleak_name_is_lost(goleak_symbols_text(symbols, function)))
        return false; /* any may have this name */
    return goleak_is_start(symbols, c->input->sites->sites[creator->site].start, function, stack) ||
           goleak_symbols_stands_in(symbols, creator->block_stack, function);
}

/* The runtime switches to a coroutine without any of the functions that are probed: only Go
 * traces tell whether it is in use. One that was left behind is old, or nobody can ask it. */
GOLEAK_RULE(coroutine)
{
    if (!c->input->sites->sites[c->record->site].coroutines || c->blocked || c->record->created == GOLEAK_NO_MOMENT)
        return false;
    bool deserted = goleak_is_left(c);
    int64_t age = c->input->last - c->record->created;
    bool old = age > (c->input->last - c->input->first) / 2;
    if (!deserted && is_in_use(c)) {
        out->verdict = GOLEAK_VERDICT_WAITING;
        goleak_say(out,
                   "a coroutine (iter.Pull) that is in use: it was switched to again and again, the last time %s ago",
                   goleak_span_of(c->input, c->waited).text);
        return true;
    }
    out->verdict = deserted || (old && !is_at_hand(c, age)) ? GOLEAK_VERDICT_LIKELY : GOLEAK_VERDICT_SUSPECT;
    goleak_say(
        out, "a coroutine (iter.Pull) that was created %s before the end and never ended%s: its stop was not called%s",
        goleak_span_of(c->input, age).text, deserted ? ", though its creator has" : "",
        out->verdict != GOLEAK_VERDICT_SUSPECT     ? ""
        : c->record->wait == GOLEAK_WAIT_COROUTINE ? ", or not yet"
                                                   : ", or not yet; a Go trace tells whether it is in use");
    goleak_say_number(out, c->input->has_time ? "age_ns" : "age_events", age);
    return true;
}

GOLEAK_RULE(article)
{
    if (!c->blocked || !c->bare)
        return false;
    out->verdict = GOLEAK_VERDICT_LIKELY;
    goleak_say(out,
               "blocked on \"%s\" at the end; the recording does not tell who could wake it, so the article's rule "
               "decides: collect ready and execute events, and stacks, to tell",
               goleak_reason_name((enum goleak_reason)c->record->reason));
    say_wait(c, out);
    return true;
}

GOLEAK_RULE(waits)
{
    if (c->record->state != GOLEAK_STATE_WAITING)
        return false;
    if (c->blocked) {
        const char *waiter = goleak_runtime_waiter(c->input->symbols, c->record);
        if (waiter == NULL)
            return false;
        out->verdict = GOLEAK_VERDICT_WAITING;
        goleak_say(out, "parked in %.160s, for a semaphore that the runtime gives back", waiter);
        return true;
    }
    if (c->record->reason == GOLEAK_REASON_UNKNOWN) {
        if (goleak_is_forcegc_helper(c->record)) {
            out->verdict = GOLEAK_VERDICT_WAITING;
            goleak_say(out, "goroutine 2, of which nothing more is told: the runtime's own, runtime.forcegchelper");
            return true;
        }
        out->verdict = GOLEAK_VERDICT_UNKNOWN;
        if ((c->record->flags & GOLEAK_REC_PREEXISTING) && c->record->raw_reason == GOLEAK_REASON_NONE)
            goleak_say(out,
                       "parked since before the recording, which does not tell on what: collect from the program's "
                       "start to tell");
        else if (c->record->raw_reason != GOLEAK_REASON_NONE)
            goleak_say(out,
                       "parked for a reason that this Go version does not have: the version is another one, or the "
                       "number is damaged");
        else
            goleak_say(
                out, "parked, but for a reason that is not told or has no name: collect the reason of gopark events to "
                     "tell");
        return true;
    }
    out->verdict = GOLEAK_VERDICT_WAITING;
    const char *name = goleak_reason_name((enum goleak_reason)c->record->reason);
    const char *wait =
        c->record->wait != GOLEAK_NO_WAIT ? goleak_reasons_wait_text(c->input->reasons, c->record->wait) : NULL;
    if (wait != NULL && strcmp(wait, "coroutine") == 0)
        goleak_say(out, "switched to a coroutine (iter.Pull), or is one: it goes on when that one switches back");
    else
        goleak_say(out, "parked on \"%s\", which something outside ends", name);
    goleak_say_text(out, "reason", name);
    return true;
}

static bool is_awake(const struct goleak_case *c)
{
    return (c->input->blocking_told || c->input->wakeups_told) &&
           (c->record->state == GOLEAK_STATE_RUNNABLE || c->record->state == GOLEAK_STATE_RUNNING ||
            c->record->state == GOLEAK_STATE_SYSCALL);
}

/* Main lives as long as its process does. */
GOLEAK_RULE(unseen)
{
    const bool asked = c->input->gaps.any && is_awake(c) && (c->record->flags & GOLEAK_REC_MAIN) == 0;
    const struct goleak_gap *gap = asked ? goleak_gaps_first(&c->input->gaps, c->record) : NULL;
    if (gap == NULL)
        return false;
    const int64_t gap_ns = goleak_between(gap->from, gap->until);
    out->verdict = GOLEAK_VERDICT_UNKNOWN;
    goleak_say(out, "awake when %s for %s: nothing tells that it still is",
               goleak_gaps_is_silence(&c->input->gaps, gap) ? "its process fell silent" : "nobody recorded",
               goleak_span_of(c->input, gap_ns).text);
    goleak_say_number(out, "gap_ns", gap_ns);
    return true;
}

GOLEAK_RULE(runs)
{
    if (!is_awake(c))
        return false;
    out->verdict = GOLEAK_VERDICT_RUNNING;
    return true;
}
