/*
 * test_merge - recordings of the same time become one stream.
 *
 * Mostly through goleak_input_open: inputs that are opened before any of them is fed
 * have a lane each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "replay/merge.h"
#include "support/bytes.h"
#include "support/fail_alloc.h"
#include "support/load.h"

#define A 0xc000102000
#define B 0xc000102380
#define INPUTS 4

/* ---- inputs that are open together ------------------------------------------- */

/* How the inputs are fed. */
struct feeding {
    size_t order[INPUTS]; /* who is fed first */
    size_t piece;         /* bytes in turn; 0: each input whole, and finished before the next */
    bool one_by_one;      /* opened, fed and finished before the next is opened */
};

static enum goleak_status feed_some(struct goleak_input *input, const struct bytes *text, size_t *at, size_t piece,
                                    struct goleak_error *error)
{
    size_t part = text->size - *at;
    if (piece != 0 && part > piece)
        part = piece;
    enum goleak_status status = goleak_input_feed(input, text->data + *at, part, error);
    *at += part;
    return status;
}

static enum goleak_status feed_all(struct goleak_trace *trace, const struct bytes *texts, size_t count,
                                   const struct feeding *how, struct goleak_error *error)
{
    static const char *const names[INPUTS] = { "a.txt", "b.txt", "c.txt", "d.txt" };
    struct goleak_input *inputs[INPUTS] = { NULL };
    size_t at[INPUTS] = { 0 }, left = count;
    enum goleak_status status = GOLEAK_OK;
    for (size_t i = 0; i < count && status == GOLEAK_OK; i++) {
        status = goleak_input_open(&inputs[i], trace, names[i], error);
        if (status == GOLEAK_OK && how->one_by_one)
            status = feed_some(inputs[i], &texts[i], &at[i], 0, error);
        if (status == GOLEAK_OK && how->one_by_one)
            status = goleak_input_finish(inputs[i], error);
    }
    while (left != 0 && status == GOLEAK_OK && !how->one_by_one)
        for (size_t k = 0; k < count && status == GOLEAK_OK; k++) {
            size_t i = how->order[k];
            if (inputs[i] == NULL)
                continue;
            status = feed_some(inputs[i], &texts[i], &at[i], how->piece, error);
            if (status != GOLEAK_OK || at[i] != texts[i].size)
                continue;
            status = goleak_input_finish(inputs[i], error);
            inputs[i] = NULL;
            left--;
        }
    return status == GOLEAK_OK ? goleak_trace_finish(trace, error) : status;
}

static struct goleak_trace *merge(const struct bytes *texts, size_t count, const struct feeding *how)
{
    const struct feeding usual = { .order = { 0, 1, 2, 3 } };
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_trace *trace;
    struct goleak_error error = { 0 };
    options.retain_ended = true;
    assert_int_equal(goleak_trace_new(&trace, &options, &error), GOLEAK_OK);
    enum goleak_status status = feed_all(trace, texts, count, how != NULL ? how : &usual, &error);
    if (status != GOLEAK_OK)
        fail_msg("status %d: %s", (int)status, error.message);
    return trace;
}

static struct goleak_trace *merge_two(const char *one, const char *two)
{
    struct bytes texts[2] = { { 0 } };
    bytes_text(&texts[0], one);
    bytes_text(&texts[1], two);
    struct goleak_trace *trace = merge(texts, 2, NULL);
    bytes_free(&texts[0]);
    bytes_free(&texts[1]);
    return trace;
}

static bool collect(void *context, const void *data, size_t size)
{
    bytes_add(context, data, size);
    return true;
}

/* Every goroutine's life. What was complained of first is of the input that was fed first. */
static void report(struct bytes *out, const struct goleak_trace *trace)
{
    struct goleak_error error;
    bytes_clear(out);
    assert_int_equal(goleak_report_write(&trace, 1, "ndjson", NULL, collect, out, &error), GOLEAK_OK);
}

/* ---- the same event twice ------------------------------------------------------ */

static void what_two_have_seen_counts_once(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("newproc1: goroutine=c000102000 goid=7 ts=1000000\n"
                                           "gopark: goroutine=c000102000 goid=7 reason=6 ts=3000000\n",
                                           "newproc1: goroutine=c000102000 goid=7 ts=1080000\n"
                                           "gopark: goroutine=c000102000 goid=7 reason=6 ts=3000100\n");
    struct goleak_health health = load_health(trace, "seen_twice");
    assert_int_equal(load_summary(trace).created, 1);
    assert_int_equal(load_summary(trace).live_at_end, 1);
    assert_int_equal(load_summary(trace).blocked_at_end, 1);
    assert_int_equal(load_capture(trace).events, 2);
    assert_int_equal(load_goroutine(trace, A).created_ns, 1000000);
    assert_int_equal(health.count, 2);
    assert_string_equal(health.input, "b.txt");
    assert_int_equal(health.line, 1);
    assert_string_equal(health.detail, "an event (create) was recorded 80000 ns before in another input");
    assert_false(health.hurts);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    goleak_trace_free(trace);
}

static void farther_apart_they_are_two(void **state)
{
    static const struct {
        unsigned apart_ns;
        uint64_t twice;
    } cases[] = { { 0, 1 }, { 1, 1 }, { 499999, 1 }, { 500000, 1 }, { 500001, 0 }, { 5000000, 0 } };
    char two[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(two, sizeof two, "gopark: goroutine=c000102000 goid=7 reason=6 ts=%u\n", 3000000 + cases[i].apart_ns);
        struct goleak_trace *trace = merge_two("newproc1: goroutine=c000102000 goid=7 ts=1000000\n"
                                               "gopark: goroutine=c000102000 goid=7 reason=6 ts=3000000\n",
                                               two);
        assert_int_equal(load_count(trace, "seen_twice"), cases[i].twice);
        assert_int_equal(load_capture(trace).events, 3 - cases[i].twice);
        goleak_trace_free(trace);
    }
}

/* A goroutine's events that follow each other fast stay as many as one recorder saw. */
static void one_recorders_own_events_are_never_the_same(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("execute: goroutine=c000102000 goid=7 ts=1000000\n"
                                           "execute: goroutine=c000102000 goid=7 ts=1000100\n"
                                           "execute: goroutine=c000102000 goid=7 ts=1000200\n",
                                           "execute: goroutine=c000102000 goid=7 ts=1000050\n"
                                           "execute: goroutine=c000102000 goid=7 ts=1000150\n");
    assert_int_equal(load_capture(trace).events, 3);
    assert_int_equal(load_count(trace, "seen_twice"), 2);
    goleak_trace_free(trace);
}

static void another_kind_or_another_goroutine_is_another_event(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("execute: goroutine=c000102000 goid=7 ts=1000000\n"
                                           "newproc1: goroutine=c000102700 goid=9 ts=1000000\n",
                                           "ready: goroutine=c000102000 goid=7 ts=1000000\n"
                                           "execute: goroutine=c000102380 goid=8 ts=1000000\n");
    assert_int_equal(load_capture(trace).events, 4);
    assert_int_equal(load_count(trace, "seen_twice"), 0);
    goleak_trace_free(trace);
}

/* With the time: nothing else tells two calls of one function apart. */
static void what_is_nobodys_is_the_same_where_all_of_it_is(void **state)
{
    static const struct {
        const char *two;
        uint64_t twice;
    } cases[] = {
        { "profile-1s: count=1 ts=2000000\n", 1 },
        { "profile-1s: count=1 ts=2000001\n", 0 },
        { "profile-1s: count=2 ts=2000000\n", 0 },
        { "profile-1s: count=1 ts=2000000\nprofile-1s: count=1 ts=2000000\n", 1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct goleak_trace *trace = merge_two("newproc1: goroutine=c000102000 goid=7 ts=1000000\n"
                                               "profile-1s: count=1 ts=2000000\n",
                                               cases[i].two);
        assert_int_equal(load_count(trace, "seen_twice"), cases[i].twice);
        assert_int_equal(load_capture(trace).ticks, 2 + i / 3 - cases[i].twice);
        goleak_trace_free(trace);
    }
}

/* What differs in anything that both tell is two events, near as they are. */
static void what_differs_is_another_event(void **state)
{
    static const struct {
        const char *one, *two;
        uint64_t twice;
    } cases[] = {
        { "gopark: goroutine=c000102000 goid=7 reason=14 ts=1200000\n",
          "gopark: goroutine=c000102000 goid=7 reason=7 ts=1600000\n", 0 },
        { "gopark: goroutine=c000102000 goid=7 reason=7 wait=14 ts=1200000\n",
          "gopark: goroutine=c000102000 goid=7 reason=7 wait=9 ts=1200010\n", 0 },
        { "gopark: goroutine=c000102000 goid=7 reason=7 ts=1200000\n",
          "gopark: goroutine=c000102000 goid=7 wait=14 ts=1200010\n", 1 },
        { "newproc1: goroutine=c000102000 goid=7 ts=1200000\n", "newproc1: goroutine=c000102000 goid=8 ts=1200010\n",
          0 },
        { "newproc1: goroutine=c000102000 gopc=45a6a5 ts=1200000\n",
          "newproc1: goroutine=c000102000 gopc=45b000 ts=1200010\n", 0 },
        { "newproc1: goroutine=c000102000 startpc=45a6a5 ts=1200000\n",
          "newproc1: goroutine=c000102000 startpc=45b000 ts=1200010\n", 0 },
        { "ready: goroutine=c000102000 by=c000002380 ts=1200000\n",
          "ready: goroutine=c000102000 by=c000002700 ts=1200010\n", 0 },
        { "ready: goroutine=c000102000 by=c000002380 ts=1200000\n", "ready: goroutine=c000102000 ts=1200010\n", 1 },
        { "execute: goroutine=c000102000 tid=100 ts=1200000\n", "execute: goroutine=c000102000 tid=101 ts=1200010\n",
          0 },
        { "execute: goroutine=c000102000 cpu=0 ts=1200000\n", "execute: goroutine=c000102000 cpu=1 ts=1200010\n", 1 },
        { "gopark: goroutine=c000102000 chan=c000200000 ts=1200000\n",
          "gopark: goroutine=c000102000 chan=c000200060 ts=1200010\n", 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct goleak_trace *trace = merge_two(cases[i].one, cases[i].two);
        if (load_count(trace, "seen_twice") != cases[i].twice || load_capture(trace).events != 2 - cases[i].twice)
            fail_msg("%s%s", cases[i].one, cases[i].two);
        goleak_trace_free(trace);
    }
}

/* An address is used again at once: one saw the goroutine that went, one the next. */
static void two_lives_of_an_address_stay_two(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("newproc1: goroutine=c000102000 goid=6 ts=1100000\n"
                                           "gdestroy: goroutine=c000102000 goid=6 ts=1150000\n",
                                           "newproc1: goroutine=c000102000 goid=7 ts=1300000\n"
                                           "gopark: goroutine=c000102000 goid=7 reason=7 ts=1310000\n");
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(load_summary(trace).ended, 1);
    assert_int_equal(load_goroutine(trace, A).goid, 7);
    assert_int_equal(load_goroutine(trace, A).state, GOLEAK_STATE_WAITING);
    goleak_trace_free(trace);
}

/* What one has lost is not taken for what came before it. */
static void pairs_do_not_cross(void **state)
{
    (void)state;
    /* b lost the first run and the park, a the second run. */
    struct goleak_trace *trace = merge_two("execute: goroutine=c000102000 goid=7 ts=1000000\n"
                                           "gopark: goroutine=c000102000 goid=7 reason=6 ts=1010000\n",
                                           "execute: goroutine=c000102000 goid=7 ts=1200000\n");
    assert_int_equal(load_capture(trace).events, 3);
    assert_int_equal(load_goroutine(trace, A).state, GOLEAK_STATE_RUNNING);
    goleak_trace_free(trace);
    /* b lost the first park; the run that it saw comes behind that. */
    trace = merge_two("gopark: goroutine=c000102000 goid=7 reason=6 ts=1000000\n"
                      "execute: goroutine=c000102000 goid=7 ts=1010000\n",
                      "execute: goroutine=c000102000 goid=7 ts=1010300\n"
                      "gopark: goroutine=c000102000 goid=7 reason=6 ts=1020000\n");
    assert_int_equal(load_capture(trace).events, 3);
    assert_int_equal(load_goroutine(trace, A).blocked_since_ns, 1020000);
    goleak_trace_free(trace);
}

/* Who alone has seen a creation, or a last run, may be late with it. */
static void a_life_begins_with_its_creation_and_ends_with_its_end(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("newproc1: goroutine=c000102000 goid=6 ts=900000\n"
                                           "gdestroy: goroutine=c000102000 goid=6 ts=998000\n"
                                           "execute: goroutine=c000102000 goid=7 ts=1000000\n"
                                           "gopark: goroutine=c000102000 goid=7 reason=6 ts=1001000\n"
                                           "gdestroy: goroutine=c000102000 goid=7 ts=1010000\n",
                                           "newproc1: goroutine=c000102000 goid=7 ts=1002500\n"
                                           "execute: goroutine=c000102000 goid=7 ts=1003000\n"
                                           "gopark: goroutine=c000102000 goid=7 reason=6 ts=1004000\n"
                                           "execute: goroutine=c000102000 goid=7 ts=1012000\n"
                                           "gdestroy: goroutine=c000102000 goid=7 ts=1013000\n");
    assert_int_equal(load_capture(trace).events, 7);
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(load_summary(trace).ended, 2);
    assert_int_equal(load_summary(trace).live_at_end, 0);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    assert_int_equal(load_count(trace, "unbalanced_ends"), 0);
    assert_int_equal(load_count(trace, "impossible_transitions"), 0);
    assert_int_equal(load_goroutine(trace, A).created_ns, 1000000);
    goleak_trace_free(trace);
}

/* One of them tells no g: the goid is the name that both know. */
static void goids_alone_are_names_enough(void **state)
{
    static const char by_goid[] = "newproc1: goid=7 startpc=45a6a5 ts=1000000\n"
                                  "gopark: goid=7 reason=7 ts=2000000\n"
                                  "gopark: goid=8 reason=7 ts=4000000\n"
                                  "newproc1: goid=9 ts=5000000\n";
    static const char by_g[] = "newproc1: goroutine=c000102000 goid=7 startpc=45a6a5 ts=1000100\n"
                               "gopark: goroutine=c000102000 goid=7 reason=7 ts=2000100\n"
                               "newproc1: goroutine=c000102380 goid=8 ts=3000000\n"
                               "gopark: goroutine=c000102700 goid=9 reason=6 ts=6000000\n";
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct goleak_trace *trace = i == 0 ? merge_two(by_goid, by_g) : merge_two(by_g, by_goid);
        assert_int_equal(load_summary(trace).created, 3);
        assert_int_equal(load_summary(trace).live_at_end, 3);
        assert_int_equal(load_summary(trace).blocked_at_end, 3);
        assert_int_equal(load_count(trace, "seen_twice"), 2);
        assert_int_equal(load_goroutine(trace, A).goid, 7);
        assert_int_equal(load_goroutine(trace, B).reason, GOLEAK_REASON_CHAN_RECV);
        goleak_trace_free(trace);
    }
}

/* A third that tells g alone still knows it by what the first has learnt. */
static void names_are_learnt_from_each_other(void **state)
{
    struct bytes texts[3] = { { 0 } };
    (void)state;
    bytes_text(&texts[0], "gopark: goroutine=c000102000 reason=6 ts=1000000\n");
    bytes_text(&texts[1], "gopark: goroutine=c000102000 goid=7 reason=6 ts=1000100\n");
    bytes_text(&texts[2], "gopark: goid=7 reason=6 ts=1000200\n");
    struct goleak_trace *trace = merge(texts, 3, NULL);
    assert_int_equal(load_capture(trace).events, 1);
    assert_int_equal(load_count(trace, "seen_twice"), 2);
    assert_int_equal(load_goroutine(trace, A).goid, 7);
    goleak_trace_free(trace);
    for (size_t i = 0; i < 3; i++)
        bytes_free(&texts[i]);
}

static void the_last_moment_of_all_is_none_too_late(void **state)
{
    (void)state;
    struct goleak_trace *trace =
        merge_two("newproc1: goroutine=c000102000 goid=7 ts=9223372036854775758\n"
                  "gopark: goroutine=c000102000 goid=7 reason=6 ts=9223372036854775807\n",
                  "newproc1: goroutine=c000102000 goid=7 ts=9223372036854775758\n"
                  "gopark: goroutine=c000102000 goid=7 reason=6 ts=9223372036854775807\n");
    assert_int_equal(load_capture(trace).events, 2);
    assert_int_equal(load_goroutine(trace, A).state, GOLEAK_STATE_WAITING);
    goleak_trace_free(trace);
}

/* ---- what only one of them tells ----------------------------------------------- */

static void the_first_is_completed_from_the_second(void **state)
{
    (void)state;
    struct goleak_trace *trace =
        merge_two("newproc1: goroutine=c000102000 ts=1000000\n"
                  "gopark: goroutine=c000102000 ts=3000000\n"
                  "ready: goroutine=c000102000 ts=4000000\n"
                  "gopark: goroutine=c000102000 ts=5000000\n",
                  "newproc1: goroutine=c000102000 goid=7 parent=c000002380 parentgoid=1 fn=main.work ts=1000010\n"
                  "\n        runtime.newproc1+0\n        runtime.newproc+63\n        main.f+26\n\n"
                  "gopark: goroutine=c000102000 goid=7 reason=3 wait=9 ts=3000010\n"
                  "ready: goroutine=c000102000 goid=7 by=c000002380 ts=4000010\n"
                  "gopark: goroutine=c000102000 goid=7 reason=6 wait=20 lock=c000200000 ts=5000010\n"
                  "\n        runtime.gopark+0\n        main.work+8\n\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    assert_int_equal(load_capture(trace).events, 4);
    assert_int_equal(load_count(trace, "seen_twice"), 4);
    assert_int_equal(g.goid, 7);
    assert_int_equal(g.parent_g, 0xc000002380);
    assert_int_equal(g.parent_goid, 1);
    assert_int_equal(g.created_ns, 1000000);
    assert_string_equal(g.start_function, "main.work");
    assert_string_equal(g.created_at, "main.f+0x1a");
    assert_string_equal(g.blocked_at, "main.work+0x8");
    assert_int_equal(g.reason, GOLEAK_REASON_CHAN_SEND);
    assert_int_equal(g.blocked_since_ns, 5000000);
    goleak_trace_free(trace);
}

static void what_the_first_tells_is_not_overwritten(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("newproc1: goroutine=c000102000 goid=7 fn=main.one ts=1000000\n"
                                           "gopark: goroutine=c000102000 goid=7 reason=6 ts=3000000\n",
                                           "newproc1: goroutine=c000102000 goid=7 fn=main.two ts=1000010\n");
    assert_string_equal(load_goroutine(trace, A).start_function, "main.one");
    goleak_trace_free(trace);
}

/* A thread was stopped between two probes of a creation: the second telling adds to what is known. It is
 * no event of anybody's life, and tells of no state. */
static void a_creation_that_is_told_late_tells_more(void **state)
{
    (void)state;
    struct goleak_trace *trace =
        merge_two("newproc1: goid=7 parentgoid=1 ts=1000000\n"
                  "newproc1: goroutine=c000102380 goid=8 ts=60000000\n",
                  "newproc1: goroutine=c000102000 goid=7 parentgoid=1 fn=main.work ts=50000000\n"
                  "\n        runtime.newproc+63\n        main.f+26\n\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    assert_int_equal(load_count(trace, "seen_twice"), 1);
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(g.created_ns, 1000000);
    assert_int_equal(g.state, GOLEAK_STATE_UNKNOWN);
    assert_int_equal(g.verdict, GOLEAK_VERDICT_SUSPECT);
    assert_string_equal(g.evidence[0].rule, "alive-only");
    assert_string_equal(g.start_function, "main.work");
    assert_null(g.blocked_at);
    goleak_trace_free(trace);
}

static void each_may_have_what_the_other_lacks(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("newproc1: goroutine=c000102000 goid=7 ts=1000000\n"
                                           "gdestroy: goroutine=c000102000 goid=7 ts=5000000\n"
                                           "newproc1: goroutine=c000102000 goid=9 ts=6000000\n",
                                           "gopark: goroutine=c000102000 goid=7 reason=6 ts=2000000\n"
                                           "ready: goroutine=c000102000 goid=7 ts=3000000\n"
                                           "gopark: goroutine=c000102000 goid=9 reason=7 ts=7000000\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(load_summary(trace).ended, 1);
    assert_int_equal(g.goid, 9);
    assert_int_equal(g.reason, GOLEAK_REASON_CHAN_RECV);
    assert_int_equal(load_count(trace, "impossible_transitions"), 0);
    assert_int_equal(load_count(trace, "late_events"), 0);
    goleak_trace_free(trace);
}

/* ---- lanes that end early, or have nothing --------------------------------------- */

static void a_lane_that_ends_early_holds_nobody_up(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("newproc1: goroutine=c000102000 goid=7 ts=1000000\n",
                                           "newproc1: goroutine=c000102000 goid=7 ts=1000100\n"
                                           "gopark: goroutine=c000102000 goid=7 reason=6 ts=9000000000\n"
                                           "newproc1: goroutine=c000102380 goid=8 ts=9000000100\n");
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(load_summary(trace).blocked_at_end, 1);
    assert_int_equal(load_count(trace, "seen_twice"), 1);
    goleak_trace_free(trace);
}

static void a_lane_without_events_holds_nobody_up(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("Attaching 8 probes...\nLost 12 events\n",
                                           "newproc1: goroutine=c000102000 goid=7 ts=1000000\n"
                                           "gopark: goroutine=c000102000 goid=7 reason=6 ts=2000000\n");
    assert_int_equal(load_summary(trace).blocked_at_end, 1);
    assert_int_equal(load_count(trace, "lost_events"), 12);
    assert_string_equal(load_health(trace, "lost_events").input, "a.txt");
    goleak_trace_free(trace);
}

static void a_lane_that_is_empty_fails_with_its_name(void **state)
{
    struct bytes texts[2] = { { 0 } };
    const struct feeding how = { .order = { 0, 1 } };
    struct goleak_trace *trace;
    struct goleak_error error = { 0 };
    (void)state;
    bytes_text(&texts[0], "newproc1: goroutine=c000102000 goid=7 ts=1000000\n");
    bytes_text(&texts[1], "");
    assert_int_equal(goleak_trace_new(&trace, NULL, &error), GOLEAK_OK);
    assert_int_equal(feed_all(trace, texts, 2, &how, &error), GOLEAK_E_EMPTY);
    assert_int_equal(error.status, GOLEAK_E_EMPTY);
    assert_string_equal(error.path, "b.txt");
    /* It sticks. */
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_E_EMPTY);
    goleak_trace_free(trace);
    bytes_free(&texts[0]);
    bytes_free(&texts[1]);
}

static void complaints_name_the_input_that_they_are_of(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("newproc1: goroutine=c000102000 goid=7 ts=1000000\n"
                                           "newproc1: goroutine=c000102000 goid=8 ts=9000000\n",
                                           "execute: goroutine=c000102380 goid=9 ts=1000000\n"
                                           "gdestroy: goroutine=c000102700 goid=9 ts=2000000\n"
                                           "hello\n");
    assert_string_equal(load_health(trace, "implicit_ends").input, "a.txt");
    assert_int_equal(load_health(trace, "implicit_ends").line, 2);
    assert_string_equal(load_health(trace, "unbalanced_ends").input, "b.txt");
    assert_int_equal(load_health(trace, "unbalanced_ends").line, 2);
    assert_string_equal(load_health(trace, "unknown_lines").input, "b.txt");
    assert_int_equal(load_health(trace, "unknown_lines").line, 3);
    goleak_trace_free(trace);
}

/* ---- many, and in any order of feeding --------------------------------------------- */

static uint32_t seed;

static uint32_t pick(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

#define SLOTS 60

/* How far apart a goroutine's events are at least, and who sees one later, by how much. */
struct spread {
    unsigned apart_us, late_ns;
};
static const struct spread wide = { 2000, 80000 }, narrow = { 60, 3000 };

/* Lives on SLOTS addresses. Every event goes to at least one of the lanes. */
static uint64_t make_lanes(struct bytes *truth, struct bytes *lanes, size_t lane_count, size_t events,
                           struct spread spread)
{
    enum { GONE, READY, RUNS, WAITS } states[SLOTS] = { GONE };
    uint64_t now_us = 1000000, twice = 0, goid[SLOTS] = { 0 }, next_goid = 2;
    uint64_t last_us[SLOTS] = { 0 };
    for (size_t i = 0; i < events; i++) {
        size_t slot = pick(SLOTS);
        char what[128];
        now_us += spread.apart_us < 1000 ? 1 : 50 + pick(50);
        if (now_us - last_us[slot] < spread.apart_us)
            continue;
        last_us[slot] = now_us;
        if (states[slot] == GONE)
            goid[slot] = next_goid++;
        bool ends = states[slot] == RUNS && pick(3) == 0;
        snprintf(what, sizeof what, "%s: goroutine=%" PRIx64 " goid=%" PRIu64 "%s",
                 states[slot] == GONE    ? "newproc1"
                 : states[slot] == READY ? "execute"
                 : states[slot] == WAITS ? "ready"
                 : ends                  ? "gdestroy"
                                         : "gopark",
                 (uint64_t)0xc000000000 + slot * 0x380, goid[slot], states[slot] == RUNS && !ends ? " reason=6" : "");
        states[slot] = states[slot] == GONE    ? READY
                       : states[slot] == READY ? RUNS
                       : states[slot] == WAITS ? READY
                       : ends                  ? GONE
                                               : WAITS;
        bytes_format(truth, "%s ts=%" PRIu64 "000\n", what, now_us);
        size_t first = pick((uint32_t)lane_count);
        for (size_t lane = 0; lane < lane_count; lane++) {
            if (lane != first && pick(2) == 0)
                continue;
            twice += lane != first;
            bytes_format(&lanes[lane], "%s ts=%" PRIu64 "\n", what,
                         now_us * 1000 + (lane == first ? 0 : 1 + pick(spread.late_ns)));
        }
    }
    return twice;
}

static void expect_same_lives(const struct goleak_trace *trace, const struct goleak_trace *right)
{
    struct goleak_summary a = load_summary(trace), b = load_summary(right);
    assert_int_equal(a.created, b.created);
    assert_int_equal(a.ended, b.ended);
    assert_int_equal(a.preexisting, b.preexisting);
    assert_int_equal(a.live_at_end, b.live_at_end);
    assert_int_equal(a.blocked_at_end, b.blocked_at_end);
    assert_int_equal(load_capture(trace).events, load_capture(right).events);
    static const char *const nothing[] = { "late_events", "implicit_ends", "impossible_transitions",
                                           "unbalanced_ends", "double_parks" };
    for (size_t i = 0; i < COUNT(nothing); i++)
        assert_int_equal(load_count(trace, nothing[i]), 0);
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine g;
    while (goleak_goroutine_next(right, &iter, &g) == GOLEAK_OK) {
        if (g.state == GOLEAK_STATE_ENDED)
            continue;
        struct goleak_goroutine same = load_goroutine(trace, g.g);
        if (same.goid != g.goid || same.state != g.state || same.created_ns != g.created_ns ||
            same.blocked_since_ns != g.blocked_since_ns || same.incarnation != g.incarnation)
            fail_msg("goroutine %" PRIx64 " differs", g.g);
    }
}

/* Where they differ; static storage. */
static const char *difference(const struct bytes *a, const struct bytes *b)
{
    static char message[512];
    size_t at = 0;
    while (at < a->size && at < b->size && a->data[at] == b->data[at])
        at++;
    size_t from = at < 80 ? 0 : at - 80;
    snprintf(message, sizeof message, "at byte %zu\n  %.200s\n  %.200s", at, a->data + from, b->data + from);
    return message;
}

static void check_lanes(size_t lane_count, size_t events, struct spread spread)
{
    struct bytes truth = { 0 }, lanes[INPUTS] = { { 0 } }, first = { 0 }, other = { 0 };
    seed = (uint32_t)(lane_count * 1000 + events);
    uint64_t twice = make_lanes(&truth, lanes, lane_count, events, spread);
    struct goleak_trace *right = merge(&truth, 1, NULL);
    static const struct feeding ways[] = {
        { .order = { 0, 1, 2 } },
        { .order = { 2, 1, 0 } },
        { .order = { 1, 2, 0 } },
        { .order = { 0, 1, 2 }, .piece = 100 },
        { .order = { 2, 0, 1 }, .piece = 4096 },
        { .order = { 1, 0, 2 }, .piece = 100000 },
    };
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct feeding how = ways[i];
        size_t used = 0;
        for (size_t k = 0; k < 3; k++) /* only lanes that there are */
            if (ways[i].order[k] < lane_count)
                how.order[used++] = ways[i].order[k];
        struct goleak_trace *trace = merge(lanes, lane_count, &how);
        expect_same_lives(trace, right);
        assert_int_equal(load_count(trace, "seen_twice"), twice);
        report(i == 0 ? &first : &other, trace);
        if (i != 0 && !bytes_equal(&first, &other))
            fail_msg("way %zu of feeding makes another report: %s", i, difference(&first, &other));
        goleak_trace_free(trace);
    }
    goleak_trace_free(right);
    bytes_free(&truth);
    bytes_free(&first);
    bytes_free(&other);
    for (size_t i = 0; i < INPUTS; i++)
        bytes_free(&lanes[i]);
}

static void two_lanes_make_the_whole_in_any_order_of_feeding(void **state)
{
    (void)state;
    check_lanes(2, 300, wide);
    check_lanes(2, 40000, wide);
    check_lanes(2, 40000, narrow);
}

static void three_lanes_make_the_whole_in_any_order_of_feeding(void **state)
{
    (void)state;
    check_lanes(3, 300, wide);
    check_lanes(3, 40000, wide);
}

/* Thousands of events within the tolerance: what is held grows. */
static void a_burst_is_held_and_let_go(void **state)
{
    struct bytes lanes[2] = { { 0 } };
    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        for (size_t lane = 0; lane < 2; lane++)
            bytes_format(&lanes[lane], "newproc1: goroutine=%" PRIx64 " goid=%u ts=%zu\n",
                         (uint64_t)0xc000000000 + i * 0x380, i + 2, (size_t)1000000 + i * 10 + lane * 5);
    struct goleak_trace *trace = merge(lanes, 2, NULL);
    assert_int_equal(load_summary(trace).created, 5000);
    assert_int_equal(load_count(trace, "seen_twice"), 5000);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    goleak_trace_free(trace);
    bytes_free(&lanes[0]);
    bytes_free(&lanes[1]);
}

/* A goroutine's events at one time: each is looked for among few. */
static void a_burst_of_one_goroutine_takes_no_time(void **state)
{
    struct bytes lanes[2] = { { 0 } };
    (void)state;
    for (unsigned i = 0; i < 60000; i++)
        bytes_text(&lanes[0], "ready: goroutine=c000102000 goid=7 ts=1000000\n");
    bytes_add(&lanes[1], lanes[0].data, lanes[0].size);
    struct goleak_trace *trace = merge(lanes, 2, NULL);
    assert_int_equal(load_capture(trace).events, 60000);
    assert_int_equal(load_count(trace, "seen_twice"), 60000);
    goleak_trace_free(trace);
    /* And where none is like another. */
    bytes_clear(&lanes[1]);
    for (unsigned i = 0; i < 60000; i++)
        bytes_text(&lanes[1], "gopark: goroutine=c000102000 goid=7 reason=6 ts=1000001\n");
    trace = merge(lanes, 2, NULL);
    assert_int_equal(load_capture(trace).events, 120000);
    goleak_trace_free(trace);
    bytes_free(&lanes[0]);
    bytes_free(&lanes[1]);
}

/* Creations behind all of another lane's events: each goes back past few of them. */
static void a_burst_of_creations_takes_no_time(void **state)
{
    struct bytes lanes[2] = { { 0 } };
    (void)state;
    for (unsigned i = 0; i < 30000; i++) {
        bytes_text(&lanes[0], "gopark: goroutine=c000102000 goid=7 reason=6 ts=1000000\n");
        bytes_text(&lanes[1], "newproc1: goroutine=c000102000 goid=7 ts=1000001\n");
    }
    struct goleak_trace *trace = merge(lanes, 2, NULL);
    assert_int_equal(load_capture(trace).events, 60000);
    goleak_trace_free(trace);
    bytes_free(&lanes[0]);
    bytes_free(&lanes[1]);
}

/* The last one first: each stands behind all that were known before. */
static void a_burst_of_late_names_takes_no_time(void **state)
{
    struct bytes lanes[2] = { { 0 } };
    (void)state;
    for (unsigned i = 0; i < 30000; i++) {
        bytes_format(&lanes[0], "gopark: goroutine=%" PRIx64 " reason=6 ts=1000000\n", (uint64_t)A + i * 0x380);
        bytes_format(&lanes[1], "gopark: goroutine=%" PRIx64 " goid=7 reason=6 ts=1000001\n",
                     (uint64_t)A + (29999 - i) * 0x380);
    }
    struct goleak_trace *trace = merge(lanes, 2, NULL);
    assert_int_equal(load_count(trace, "seen_twice"), 30000);
    goleak_trace_free(trace);
    bytes_free(&lanes[0]);
    bytes_free(&lanes[1]);
}

/* ---- together or one after the other -------------------------------------------------- */

static void inputs_one_after_the_other_are_parts_of_one_recording(void **state)
{
    struct bytes texts[2] = { { 0 } };
    const struct feeding one_by_one = { .one_by_one = true };
    (void)state;
    bytes_text(&texts[0], "newproc1: goroutine=c000102000 goid=7 ts=1000000\n"
                          "gopark: goroutine=c000102000 goid=7 reason=6 ts=2000000\n");
    bytes_text(&texts[1], "ready: goroutine=c000102000 goid=7 ts=3000000\n"
                          "newproc1: goroutine=c000102380 goid=8 ts=4000000\n");
    struct goleak_trace *trace = merge(texts, 2, &one_by_one);
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(load_summary(trace).blocked_at_end, 0);
    assert_int_equal(load_count(trace, "seen_twice"), 0);
    goleak_trace_free(trace);
    /* And nothing is looked for twice: here the second creation is one. */
    bytes_clear(&texts[1]);
    bytes_text(&texts[1], "newproc1: goroutine=c000102000 goid=7 ts=1000010\n");
    trace = merge(texts, 2, &one_by_one);
    assert_int_equal(load_capture(trace).events, 3);
    assert_int_equal(load_count(trace, "seen_twice"), 0);
    goleak_trace_free(trace);
    trace = merge(texts, 2, NULL);
    assert_int_equal(load_capture(trace).events, 2);
    assert_int_equal(load_count(trace, "seen_twice"), 1);
    goleak_trace_free(trace);
    bytes_free(&texts[0]);
    bytes_free(&texts[1]);
}

static void two_formats_are_merged_all_the_same(void **state)
{
    (void)state;
    struct goleak_trace *trace =
        merge_two("app 7 [000] 1.000000: p:newproc1: (45a700 <- 45a6a5) g=0xc000102000 goid=7\n"
                  "app 7 [000] 1.002000: p:gopark: (45a700) g=0xc000102000 goid=7 reason=6\n",
                  "newproc1: goroutine=c000102000 goid=7 fn=main.work ts=1000000100\n"
                  "gopark: goroutine=c000102000 goid=7 ts=1002000100\n");
    struct goleak_input_info info;
    assert_int_equal(load_capture(trace).events, 2);
    assert_int_equal(load_count(trace, "seen_twice"), 2);
    assert_string_equal(load_goroutine(trace, A).start_function, "main.work");
    assert_int_equal(goleak_trace_input(trace, 0, &info), GOLEAK_OK);
    assert_string_equal(info.format, "perf");
    assert_int_equal(info.events, 2);
    assert_int_equal(goleak_trace_input(trace, 1, &info), GOLEAK_OK);
    assert_string_equal(info.path, "b.txt");
    assert_int_equal(info.events, 2);
    assert_int_equal(goleak_trace_input(trace, 2, &info), GOLEAK_END);
    goleak_trace_free(trace);
}

static void processes_are_not_mixed(void **state)
{
    (void)state;
    struct goleak_trace *trace = merge_two("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n",
                                           "newproc1: goroutine=c000102000 goid=7 pid=200 ts=1000010\n");
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(load_count(trace, "seen_twice"), 0);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    goleak_trace_free(trace);
}

/* ---- the module ------------------------------------------------------------------------- */

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_symbols symbols;
static struct goleak_reasons reasons;
static struct goleak_health_book book;
static struct goleak_replay replay;
static struct goleak_merge module;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_symbols_init(&symbols, &alloc);
    goleak_reasons_init(&reasons);
    memset(&book, 0, sizeof book);
    return goleak_replay_init(&replay, &alloc, &symbols, &reasons, &book) &&
                   goleak_merge_init(&module, &alloc, &replay, &book)
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_merge_release(&module);
    goleak_merge_release(&module); /* once more does nothing */
    goleak_replay_release(&replay);
    goleak_symbols_release(&symbols);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void push_event(struct goleak_lane *lane, struct goleak_event event)
{
    struct goleak_batch *batch = goleak_batch_new(&alloc);
    assert_non_null(batch);
    batch->events[0] = event;
    batch->count = 1;
    assert_int_equal(goleak_lane_push(lane, &batch), GOLEAK_OK);
    goleak_batch_free(&alloc, batch);
}

static void push(struct goleak_lane *lane, uint64_t g, int64_t time_ns)
{
    push_event(lane, (struct goleak_event){ .kind = GOLEAK_EVENT_CREATE,
                                            .has = GOLEAK_HAS_G | GOLEAK_HAS_TIME,
                                            .g = g,
                                            .time_ns = time_ns });
}

static void the_lane_that_is_behind_is_wanted(void **state)
{
    (void)state;
    struct goleak_lane *one = goleak_merge_lane(&module, "one"), *two = goleak_merge_lane(&module, "two");
    assert_non_null(one);
    assert_non_null(two);
    push(one, A, 2000000);
    assert_false(goleak_lane_is_wanted(one));
    assert_true(goleak_lane_is_wanted(two));
    push(two, B, 3000000);
    assert_true(goleak_lane_is_wanted(one));
    assert_false(goleak_lane_is_wanted(two));
    assert_int_equal(goleak_lane_finish(one), GOLEAK_OK);
    assert_false(goleak_lane_is_wanted(one));
    assert_true(goleak_lane_is_wanted(two));
    assert_int_equal(goleak_lane_finish(two), GOLEAK_OK);
    assert_false(goleak_lane_is_wanted(two));
    assert_int_equal(goleak_lane_finish(two), GOLEAK_OK); /* once more does nothing */
    assert_int_equal(replay.event_count, 2);
}

static void losses_are_each_recorders_own(void **state)
{
    struct goleak_lane *lanes[2] = { goleak_merge_lane(&module, "one"), goleak_merge_lane(&module, "two") };
    uint64_t lost[2] = { 0 };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        lanes[i]->source.lost = &lost[i];
        push_event(lanes[i], (struct goleak_event){ .kind = GOLEAK_EVENT_LOST,
                                                    .has = GOLEAK_HAS_TIME,
                                                    .time_ns = 1000,
                                                    .count = (int32_t)(3 + i) });
    }
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(goleak_lane_finish(lanes[i]), GOLEAK_OK);
    assert_int_equal(book.entries[GOLEAK_HEALTH_lost_events].count, 7);
    assert_int_equal(book.entries[GOLEAK_HEALTH_seen_twice].count, 0);
    assert_int_equal(lost[0], 3);
    assert_int_equal(lost[1], 4);
}

#define NAMED GOLEAK_FLAG_REASON
#define READ_OFF (GOLEAK_FLAG_REASON | GOLEAK_FLAG_INFERRED)
#define NONE 255 /* no reason is told */

static struct goleak_event park(uint8_t flags, uint8_t reason, int64_t time_ns)
{
    return (struct goleak_event){ .kind = GOLEAK_EVENT_PARK,
                                  .flags = flags,
                                  .reason = reason,
                                  .has = GOLEAK_HAS_G | GOLEAK_HAS_TIME | (reason != NONE ? GOLEAK_HAS_REASON : 0),
                                  .g = A,
                                  .time_ns = time_ns };
}

/* Two lanes show an event each. Returns the record that they are of. */
static const struct goleak_record *show(const struct goleak_event *one, const struct goleak_event *two)
{
    struct goleak_lane *lanes[2] = { goleak_merge_lane(&module, "one"), goleak_merge_lane(&module, "two") };
    assert_true(goleak_reasons_set_version(&reasons, "1.19", "option"));
    push_event(lanes[0], *one);
    push_event(lanes[1], *two);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(goleak_lane_finish(lanes[i]), GOLEAK_OK);
    return goleak_store_at(&replay.store, 1);
}

/* Go traces tell reasons by name, probes by numbers of a Go version; where one tells none, or one that
 * nobody knows, the other's is taken. */
static void reasons_are_compared_by_what_they_mean(void **state)
{
    static const struct {
        uint8_t flags[2], reasons[2], wait; /* the first one's; 0: not told */
        uint64_t twice;
        enum goleak_reason means; /* at the end */
        bool inferred;
    } cases[] = {
        { { 0, NAMED }, { 23, GOLEAK_REASON_CHAN_RECV }, 0, 1, GOLEAK_REASON_CHAN_RECV, false },
        { { NAMED, 0 }, { GOLEAK_REASON_CHAN_RECV, 23 }, 0, 1, GOLEAK_REASON_CHAN_RECV, false },
        { { 0, NAMED }, { 23, GOLEAK_REASON_SELECT }, 0, 0, GOLEAK_REASON_SELECT, false },
        { { NAMED, NAMED }, { GOLEAK_REASON_SELECT, GOLEAK_REASON_SYNC }, 0, 0, GOLEAK_REASON_SYNC, false },
        { { 0, NAMED }, { 20, GOLEAK_REASON_GC_SWEEP }, 12, 1, GOLEAK_REASON_GC_SWEEP, false },
        { { 0, NAMED }, { 99, GOLEAK_REASON_SELECT }, 0, 1, GOLEAK_REASON_UNKNOWN, false },
        { { NAMED, 0 }, { GOLEAK_REASON_SELECT, 99 }, 0, 1, GOLEAK_REASON_SELECT, false },
        { { 0, NAMED }, { NONE, GOLEAK_REASON_SELECT }, 0, 1, GOLEAK_REASON_SELECT, false },
        { { 0, READ_OFF }, { NONE, GOLEAK_REASON_SELECT }, 0, 1, GOLEAK_REASON_SELECT, true },
        { { 0, READ_OFF }, { 24, GOLEAK_REASON_SELECT }, 0, 1, GOLEAK_REASON_SELECT, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct goleak_event one = park(cases[i].flags[0], cases[i].reasons[0], 1000);
        struct goleak_event two = park(cases[i].flags[1], cases[i].reasons[1], 1001);
        one.has |= cases[i].wait != 0 ? GOLEAK_HAS_WAIT : 0;
        one.wait_reason = cases[i].wait;
        assert_int_equal(set_up(NULL), 0);
        const struct goleak_record *record = show(&one, &two);
        if (book.entries[GOLEAK_HEALTH_seen_twice].count != cases[i].twice || record->reason != cases[i].means ||
            ((record->flags & GOLEAK_REC_FOUND) != 0) != cases[i].inferred)
            fail_msg("case %zu: reason %u", i, record->reason);
        assert_int_equal(tear_down(NULL), 0);
    }
}

/* Too late to be held for: the goroutine waits already, for the same or for something else. */
static void a_park_that_is_told_late_is_one_wait(void **state)
{
    static const struct {
        uint8_t flags[2], reasons[2];
        uint64_t doubled;
    } cases[] = {
        { { NAMED, 0 }, { GOLEAK_REASON_CHAN_RECV, 23 }, 1 }, { { 0, NAMED }, { 23, GOLEAK_REASON_CHAN_RECV }, 1 },
        { { NAMED, 0 }, { GOLEAK_REASON_SELECT, 23 }, 0 },    { { 0, NAMED }, { 23, GOLEAK_REASON_SELECT }, 0 },
        { { 0, 0 }, { 22, 23 }, 0 },                          { { 0, 0 }, { 23, 23 }, 1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct goleak_event one = park(cases[i].flags[0], cases[i].reasons[0], 1000000);
        struct goleak_event two = park(cases[i].flags[1], cases[i].reasons[1], 3000000);
        assert_int_equal(set_up(NULL), 0);
        replay.stream.has_wakeups = true;
        const struct goleak_record *record = show(&one, &two);
        if (book.entries[GOLEAK_HEALTH_double_parks].count != cases[i].doubled ||
            record->since != (cases[i].doubled ? 1000000 : 3000000))
            fail_msg("case %zu: since %" PRId64, i, record->since);
        assert_int_equal(tear_down(NULL), 0);
    }
}

static uint32_t stack_of(const char *function, const char *file)
{
    uint32_t frame = file != NULL
                         ? goleak_symbols_frame_line(&symbols, function, strlen(function), file, strlen(file), 9)
                         : goleak_symbols_frame(&symbols, function, strlen(function), 0x10, true);
    return goleak_symbols_stack(&symbols, &frame, 1);
}

/* perf prints a park twice and tells offsets, a Go trace tells it once, with lines. Whichever it is taken for, the wait
 * is one, and the stack with lines is told. */
static void a_park_that_one_prints_twice_is_one_wait_of_all(void **state)
{
    static const struct {
        const char *function;
        int64_t told_ns;
        unsigned doubled;
    } cases[] = {
        { "main.work", 2050000, 1 },  { "main.work", 2101000, 1 },       { "main.work", 2700000, 2 },
        { "main.other", 2050000, 0 }, { "runtime.bgsweep", 2050000, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(set_up(NULL), 0);
        replay.stream.has_wakeups = true;
        struct goleak_lane *perf = goleak_merge_lane(&module, "perf"), *trace = goleak_merge_lane(&module, "trace");
        assert_true(goleak_reasons_set_version(&reasons, "1.19", "option"));
        struct goleak_event first = park(0, 23, 2000000), again = park(0, 23, 2100000);
        struct goleak_event once = park(NAMED, GOLEAK_REASON_CHAN_RECV, cases[i].told_ns);
        first.has |= GOLEAK_HAS_STACK;
        again.has |= GOLEAK_HAS_STACK;
        once.has |= GOLEAK_HAS_STACK;
        first.stack = again.stack = stack_of("main.work", NULL);
        once.stack = stack_of(cases[i].function, "main.go");
        push_event(perf, first);
        push_event(perf, again);
        push_event(trace, once);
        assert_int_equal(goleak_lane_finish(perf), GOLEAK_OK);
        assert_int_equal(goleak_lane_finish(trace), GOLEAK_OK);
        const struct goleak_record *record = goleak_store_at(&replay.store, 1);
        if (book.entries[GOLEAK_HEALTH_double_parks].count != cases[i].doubled ||
            book.entries[GOLEAK_HEALTH_impossible_transitions].count != (cases[i].doubled == 0) ||
            (cases[i].doubled != 0 && record->block_stack != once.stack))
            fail_msg("case %zu: %" PRIu64 " doubled, stack %u, %" PRIu64, i,
                     book.entries[GOLEAK_HEALTH_double_parks].count, record->block_stack,
                     book.entries[GOLEAK_HEALTH_impossible_transitions].count);
        assert_int_equal(tear_down(NULL), 0);
    }
}

static void a_creation_that_is_told_late_is_one_deed(void **state)
{
    struct goleak_lane *lane = goleak_merge_lane(&module, "one");
    (void)state;
    assert_true(goleak_story_init(&replay.story, &alloc, 1, 0, 0));
    for (int64_t time_ns = 1000000; time_ns <= 51000000; time_ns += 50000000)
        push_event(lane, (struct goleak_event){ .kind = GOLEAK_EVENT_CREATE,
                                                .has = GOLEAK_HAS_GOID | GOLEAK_HAS_OTHER_GOID | GOLEAK_HAS_STATUS |
                                                       GOLEAK_HAS_TIME,
                                                .goid = 7,
                                                .other_goid = 1,
                                                .status = 4, /* as a struct dump has it: newproc1's own business */
                                                .time_ns = time_ns });
    assert_int_equal(goleak_lane_finish(lane), GOLEAK_OK);
    assert_int_equal(book.entries[GOLEAK_HEALTH_seen_twice].count, 1);
    assert_int_equal(replay.story.count, 1);
    assert_int_equal(goleak_store_at(&replay.store, 1)->state, GOLEAK_STATE_RUNNABLE);
}

static void calls_are_the_same_where_all_of_it_is(void **state)
{
    struct goleak_lane *lanes[2] = { goleak_merge_lane(&module, "one"), goleak_merge_lane(&module, "two") };
    const struct goleak_event call = { .kind = GOLEAK_EVENT_CALL,
                                       .has = GOLEAK_HAS_TIME | GOLEAK_HAS_CPU | GOLEAK_HAS_TID,
                                       .time_ns = 1000,
                                       .tid = 100 };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct goleak_batch *batch = goleak_batch_new(&alloc);
        assert_non_null(batch);
        for (batch->count = 0; batch->count < 6; batch->count++)
            batch->events[batch->count] = call;
        if (i == 1) { /* the first two are like the other's */
            batch->events[2].kind = GOLEAK_EVENT_RETURN;
            batch->events[3].cpu = 1;
            batch->events[4].tid = 101;
            batch->events[5].time_ns = 1001;
        }
        assert_int_equal(goleak_lane_push(lanes[i], &batch), GOLEAK_OK);
        goleak_batch_free(&alloc, batch);
    }
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(goleak_lane_finish(lanes[i]), GOLEAK_OK);
    assert_int_equal(replay.event_count, 12 - 2);
    assert_int_equal(book.entries[GOLEAK_HEALTH_seen_twice].count, 2);
}

/* One has an event now and then and never fills its window: the other's do not pile up. */
static void a_lane_with_few_events_holds_nobody_up(void **state)
{
    struct goleak_lane *dense = goleak_merge_lane(&module, "dense"), *sparse = goleak_merge_lane(&module, "sparse");
    size_t most = 0;
    (void)state;
    for (unsigned ms = 0; ms < 20000; ms += 10) {
        struct goleak_batch *batch = goleak_batch_new(&alloc);
        assert_non_null(batch);
        for (batch->count = 0; batch->count < 200; batch->count++)
            batch->events[batch->count] = (struct goleak_event){ .kind = GOLEAK_EVENT_RUN,
                                                                 .has = GOLEAK_HAS_G | GOLEAK_HAS_TIME,
                                                                 .g = A,
                                                                 .time_ns = ms * 1000000 +
                                                                            (int64_t)batch->count * 50000 };
        assert_int_equal(goleak_lane_push(dense, &batch), GOLEAK_OK);
        goleak_batch_free(&alloc, batch);
        if (ms % 100 == 0)
            push(sparse, B, ms * INT64_C(1000000));
        if (module.queued > most)
            most = module.queued;
    }
    assert_int_equal(goleak_lane_finish(dense), GOLEAK_OK);
    assert_int_equal(goleak_lane_finish(sparse), GOLEAK_OK);
    assert_int_equal(replay.event_count, 400000 + 200);
    assert_int_equal(book.entries[GOLEAK_HEALTH_late_events].count, 0);
    assert_int_equal(module.queued, 0);
    if (most > 100000)
        fail_msg("%zu events waited", most);
}

/* Taken to be in order where it was not: that is told. */
static void what_comes_too_late_for_the_others_is_told(void **state)
{
    struct goleak_lane *dense = goleak_merge_lane(&module, "dense"), *sparse = goleak_merge_lane(&module, "sparse");
    (void)state;
    push(sparse, B, INT64_C(3000000000));
    for (unsigned i = 0; i < 300000; i++)
        push(dense, A, i * 5000);
    assert_true(replay.event_count != 0);
    assert_int_equal(book.entries[GOLEAK_HEALTH_late_events].count, 0);
    push(sparse, B, 1000000);
    assert_int_equal(book.entries[GOLEAK_HEALTH_late_events].count, 1);
    assert_int_equal(goleak_lane_finish(dense), GOLEAK_OK);
    assert_int_equal(goleak_lane_finish(sparse), GOLEAK_OK);
    assert_int_equal(replay.event_count, 300002);
}

static void there_are_lanes_for_as_many_as_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLEAK_LANES; i++)
        assert_non_null(goleak_merge_lane(&module, "input"));
    assert_null(goleak_merge_lane(&module, "one too many"));
}

/* ---- memory -------------------------------------------------------------------------------- */

static void every_failed_request_for_memory_is_told(void **state)
{
    struct bytes lanes[2] = { { 0 } };
    (void)state;
    for (unsigned i = 0; i < 1500; i++) /* more than are held at first */
        for (size_t lane = 0; lane < 2; lane++)
            bytes_format(&lanes[lane], "execute: goroutine=%x goid=%u ts=%zu\n", 0x1000 + i % 7 * 0x380, i % 7 + 2,
                         (size_t)1000000 + i * 50 + lane * 5);
    const struct feeding how = { .order = { 0, 1 }, .piece = 30000 };
    size_t failures = 0;
    for (size_t n = 1;; n += n < 150 ? 1 : 7) {
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        struct goleak_error error = { 0 };
        struct goleak_trace *trace;
        struct fail_alloc own;
        fail_alloc_init(&own, n, false);
        options.allocator = &own.allocator;
        enum goleak_status status = goleak_trace_new(&trace, &options, &error);
        if (status == GOLEAK_OK)
            status = feed_all(trace, lanes, 2, &how, &error);
        goleak_trace_free(trace);
        if (!fail_alloc_is_clean(&own))
            fail_msg("request %zu fails: something is left behind", n);
        if (!own.failed) {
            assert_int_equal(status, GOLEAK_OK);
            break;
        }
        failures++;
        if (status != GOLEAK_E_MEMORY || error.status != GOLEAK_E_MEMORY)
            fail_msg("request %zu fails: status %d, %s", n, (int)status, error.message);
    }
    assert_true(failures > 50);
    bytes_free(&lanes[0]);
    bytes_free(&lanes[1]);
}

/* ---- the time in which nobody records ------------------------------------------ */

/* Ticks, every `step` of ms. */
static void add_ticks(struct bytes *out, unsigned from, unsigned until, unsigned step)
{
    char line[64];
    for (unsigned ms = from; ms <= until; ms += step) {
        snprintf(line, sizeof line, "profile-1s: count=1 ts=%u000000\n", ms);
        bytes_add(out, line, strlen(line));
    }
}

static void time_in_which_nobody_records_is_told(void **state)
{
    static const struct {
        unsigned spans[3][3]; /* of each input: as above; a step of 0: there is none */
        uint64_t gaps;
        const char *first;
    } cases[] = {
        { { { 1000, 2000, 100 }, { 2300, 3000, 100 } }, 1, "nobody recorded in the 0.300 s before" },
        { { { 1000, 2000, 100 }, { 2200, 3000, 100 } }, 0, NULL }, /* it may be one more silence */
        { { { 1000, 2000, 100 }, { 2300, 3000, 300 } }, 0, NULL }, /* … as long as those behind it */
        { { { 1000, 2000, 10 }, { 2049, 3000, 10 } }, 0, NULL },   /* no recorder is as fast */
        { { { 1000, 2000, 10 }, { 2050, 3000, 10 } }, 1, "nobody recorded in the 0.050 s before" },
        { { { 1000, 2000, 100 }, { 2300, 3000, 100 }, { 1900, 2400, 500 } }, 0, NULL }, /* another one did */
        { { { 1000, 2000, 100 }, { 5000, 6000, 100 }, { 3000, 4000, 100 } },
          2,
          "nobody recorded in the 1.000 s before" },
        { { { 5000, 6000, 100 }, { 1000, 2000, 100 } }, 1, "nobody recorded in the 3.000 s before" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes texts[3] = { { 0 } };
        size_t count = cases[i].spans[2][2] != 0 ? 3 : 2;
        for (size_t k = 0; k < count; k++)
            add_ticks(&texts[k], cases[i].spans[k][0], cases[i].spans[k][1], cases[i].spans[k][2]);
        struct goleak_trace *trace = merge(texts, count, NULL);
        struct goleak_health health = load_health(trace, "gaps");
        if (health.count != cases[i].gaps || (cases[i].first != NULL && strcmp(health.detail, cases[i].first) != 0))
            fail_msg("case %zu: %" PRIu64 " gaps, %s", i, health.count, health.detail != NULL ? health.detail : "");
        assert_true(health.hurts);
        goleak_trace_free(trace);
        for (size_t k = 0; k < count; k++)
            bytes_free(&texts[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_two_have_seen_counts_once),
        cmocka_unit_test(farther_apart_they_are_two),
        cmocka_unit_test(one_recorders_own_events_are_never_the_same),
        cmocka_unit_test(another_kind_or_another_goroutine_is_another_event),
        cmocka_unit_test(what_is_nobodys_is_the_same_where_all_of_it_is),
        cmocka_unit_test(what_differs_is_another_event),
        cmocka_unit_test(two_lives_of_an_address_stay_two),
        cmocka_unit_test(pairs_do_not_cross),
        cmocka_unit_test(a_life_begins_with_its_creation_and_ends_with_its_end),
        cmocka_unit_test(goids_alone_are_names_enough),
        cmocka_unit_test(names_are_learnt_from_each_other),
        cmocka_unit_test(the_last_moment_of_all_is_none_too_late),
        cmocka_unit_test(the_first_is_completed_from_the_second),
        cmocka_unit_test(what_the_first_tells_is_not_overwritten),
        cmocka_unit_test(a_creation_that_is_told_late_tells_more),
        cmocka_unit_test(each_may_have_what_the_other_lacks),
        cmocka_unit_test(a_lane_that_ends_early_holds_nobody_up),
        cmocka_unit_test(a_lane_without_events_holds_nobody_up),
        cmocka_unit_test(a_lane_that_is_empty_fails_with_its_name),
        cmocka_unit_test(complaints_name_the_input_that_they_are_of),
        cmocka_unit_test(two_lanes_make_the_whole_in_any_order_of_feeding),
        cmocka_unit_test(three_lanes_make_the_whole_in_any_order_of_feeding),
        cmocka_unit_test(a_burst_is_held_and_let_go),
        cmocka_unit_test(a_burst_of_one_goroutine_takes_no_time),
        cmocka_unit_test(a_burst_of_creations_takes_no_time),
        cmocka_unit_test(a_burst_of_late_names_takes_no_time),
        cmocka_unit_test(inputs_one_after_the_other_are_parts_of_one_recording),
        cmocka_unit_test(two_formats_are_merged_all_the_same),
        cmocka_unit_test(processes_are_not_mixed),
        cmocka_unit_test_setup_teardown(the_lane_that_is_behind_is_wanted, set_up, tear_down),
        cmocka_unit_test(reasons_are_compared_by_what_they_mean),
        cmocka_unit_test(a_park_that_is_told_late_is_one_wait),
        cmocka_unit_test(a_park_that_one_prints_twice_is_one_wait_of_all),
        cmocka_unit_test_setup_teardown(a_creation_that_is_told_late_is_one_deed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls_are_the_same_where_all_of_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(losses_are_each_recorders_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lane_with_few_events_holds_nobody_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_comes_too_late_for_the_others_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_are_lanes_for_as_many_as_are_told_apart, set_up, tear_down),
        cmocka_unit_test(every_failed_request_for_memory_is_told),
        cmocka_unit_test(time_in_which_nobody_records_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
