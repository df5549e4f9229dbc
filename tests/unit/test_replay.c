/*
 * test_replay - events in order become lives.
 *
 * Most recordings here tell time, so that nothing is left for the order's repair
 * to decide, and carry no counters, so that the printed line is believed.
 */
#include <inttypes.h>
#include <stdio.h>

#include "support/bytes.h"
#include "support/load.h"
#include "trace.h"

#define A 0xc000102000
#define B 0xc000102380
#define C 0xc000102700
#define MAIN_G 0xc000002380

/* ---- incarnations --------------------------------------------------------- */

static void an_address_that_is_used_again_is_another_goroutine(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 goid=7 ts=100\n"
                                      "gdestroy: goroutine=c000102000 goid=7 ts=200\n"
                                      "newproc1: goroutine=c000102000 goid=8 ts=300\n"
                                      "gopark: goroutine=c000102000 goid=8 reason=6 ts=400\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    assert_int_equal(sum.created, 2);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(g.incarnation, 2);
    assert_int_equal(g.goid, 8);
    assert_int_equal(g.created_ns, 300);
    assert_int_equal(g.blocked_since_ns, 400);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    goleak_trace_free(trace);
}

/* As if nearly 2^32 had been created before: records have but the low half of a serial. */
static struct goleak_trace *load_behind_many(const char *text)
{
    struct goleak_trace *trace;
    assert_int_equal(goleak_trace_new(&trace, NULL, NULL), GOLEAK_OK);
    trace->replay.serial = UINT32_MAX - 1;
    assert_int_equal(goleak_trace_feed(trace, text, strlen(text), NULL), GOLEAK_OK);
    assert_int_equal(goleak_trace_finish(trace, NULL), GOLEAK_OK);
    return trace;
}

static void more_than_32_bits_are_created_in_order(void **state)
{
    struct goleak_trace *trace = load_behind_many("newproc1: goroutine=c000102000 ts=100\n"
                                                  "newproc1: goroutine=c000102380 ts=200\n"
                                                  "newproc1: goroutine=c000102700 ts=300\n");
    (void)state;
    assert_true(load_goroutine(trace, A).serial == UINT32_MAX);
    assert_true(load_goroutine(trace, B).serial == UINT64_C(0x100000001));
    assert_true(load_goroutine(trace, C).serial == UINT64_C(0x100000002));
    goleak_trace_free(trace);
}

static void who_shows_its_address_keeps_all_bits_of_its_number(void **state)
{
    struct goleak_trace *trace = load_behind_many("newproc1: goroutine=c000102000 goid=7 ts=100\n"
                                                  "gdestroy: goroutine=c000102000 goid=7 ts=150\n"
                                                  "newproc1: goid=8 ts=200\n"
                                                  "gopark: goroutine=c000102000 goid=8 reason=6 ts=250\n");
    (void)state;
    assert_true(load_goroutine(trace, A).serial == UINT64_C(0x100000001));
    goleak_trace_free(trace);
}

static void a_second_creation_of_a_living_one_is_an_implicit_end(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "gopark: goroutine=c000102000 reason=6 ts=200\n"
                                      "newproc1: goroutine=c000102000 ts=300\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_health health = load_health(trace, "implicit_ends");
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    assert_int_equal(sum.created, 2);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.blocked_at_end, 0);
    assert_int_equal(g.incarnation, 2);
    assert_int_equal(g.state, GOLEAK_STATE_RUNNABLE);
    assert_int_equal(g.blocked_since_ns, GOLEAK_NONE);
    assert_int_equal(health.count, 1);
    assert_int_equal(health.line, 3);
    goleak_trace_free(trace);
}

static void another_goid_at_a_living_address_is_another_goroutine(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 goid=7 ts=100\n"
                                      "gopark: goroutine=c000102000 goid=7 reason=6 ts=200\n"
                                      "gopark: goroutine=c000102000 goid=9 reason=7 ts=300\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    /* 7 ended unseen; 9 was created unseen, so it counts as older. */
    assert_int_equal(sum.created, 1);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.preexisting, 1);
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(sum.blocked_at_end, 1);
    assert_int_equal(g.goid, 9);
    assert_true(g.preexisting);
    assert_int_equal(g.blocked_since_ns, 300);
    assert_int_equal(load_health(trace, "implicit_ends").line, 3);
    goleak_trace_free(trace);
}

static void a_goid_that_is_told_later_is_learnt(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "gopark: goroutine=c000102000 goid=7 reason=6 ts=200\n"
                                      "execute: goroutine=c000102000 ts=300\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    assert_int_equal(g.goid, 7);
    assert_int_equal(g.incarnation, 1);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    goleak_trace_free(trace);
}

static void what_ends_twice_ends_once(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 goid=7 ts=100\n"
                                      "gdestroy: goroutine=c000102000 goid=7 ts=200\n"
                                      "gdestroy: goroutine=c000102000 goid=7 ts=300\n"
                                      "gopark: goroutine=c000102000 goid=7 reason=6 ts=400\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 1);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.preexisting, 0);
    assert_int_equal(sum.live_at_end, 0);
    assert_int_equal(load_count(trace, "impossible_transitions"), 2);
    assert_int_equal(load_health(trace, "impossible_transitions").line, 3);
    goleak_trace_free(trace);
}

static void after_an_end_another_goid_is_a_life_that_began_unseen(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 goid=7 ts=100\n"
                                      "gdestroy: goroutine=c000102000 goid=7 ts=200\n"
                                      "gopark: goroutine=c000102000 goid=12 reason=6 ts=300\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.preexisting, 1);
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(load_goroutine(trace, A).goid, 12);
    assert_int_equal(load_goroutine(trace, A).incarnation, 2);
    assert_int_equal(load_count(trace, "impossible_transitions"), 0);
    goleak_trace_free(trace);
}

/* ---- what was there before ------------------------------------------------ */

static void one_that_was_there_before_is_known_from_its_first_event(void **state)
{
    struct goleak_trace *trace = load("gopark: goroutine=c000102000 goid=7 reason=6 ts=100\n"
                                      "newproc1: goroutine=c000102380 goid=20 ts=200\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    assert_int_equal(sum.preexisting, 1);
    assert_int_equal(sum.created, 1);
    assert_int_equal(sum.live_at_end, 2);
    assert_true(g.preexisting);
    assert_int_equal(g.created_ns, GOLEAK_NONE);
    assert_int_equal(g.blocked_since_ns, 100);
    assert_false(load_goroutine(trace, B).preexisting);
    goleak_trace_free(trace);
}

static void one_that_only_ends_was_there_before(void **state)
{
    struct goleak_trace *trace = load("gdestroy: goroutine=c000102000 goid=7 ts=100\n"
                                      "newproc1: goroutine=c000102380 goid=20 ts=200\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.preexisting, 1);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(load_count(trace, "unbalanced_ends"), 1);
    goleak_trace_free(trace);
}

static void one_that_is_only_named_is_in_nobodys_count(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 parent=c000002380 parentgoid=1 ts=100\n"
                                      "ready: goroutine=c000102000 by=c000102700 ts=200\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_goroutine g = load_goroutine(trace, A);
    struct goleak_ancestor parent;
    (void)state;
    assert_int_equal(sum.preexisting, 0);
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(load_goroutine_count(trace), 1);
    assert_false(load_has(trace, MAIN_G));
    assert_int_equal(g.parent_g, MAIN_G);
    assert_int_equal(g.parent_goid, 1);
    assert_int_equal(goleak_goroutine_ancestors(trace, &g, &parent, 1), 1);
    assert_int_equal(parent.g, MAIN_G);
    assert_int_equal(parent.incarnation, 0); /* never seen itself */
    goleak_trace_free(trace);
}

static void a_named_one_counts_from_its_own_first_event(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 parent=c000002380 ts=100\n"
                                      "gopark: goroutine=c000002380 reason=7 ts=200\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_goroutine g = load_goroutine(trace, A);
    struct goleak_ancestor parent;
    (void)state;
    assert_int_equal(sum.preexisting, 1);
    assert_int_equal(sum.live_at_end, 2);
    assert_int_equal(goleak_goroutine_ancestors(trace, &g, &parent, 1), 1);
    assert_int_equal(parent.incarnation, 1);
    assert_true(parent.alive);
    goleak_trace_free(trace);
}

/* ---- parks ---------------------------------------------------------------- */

/* Each of these lines, behind a park of A, and whether A still waits then. */
static void any_later_event_of_its_own_ends_a_park(void **state)
{
    static const struct {
        const char *line;
        enum goleak_state state;
    } cases[] = {
        { "ready: goroutine=c000102000 ts=300\n", GOLEAK_STATE_RUNNABLE },
        { "execute: goroutine=c000102000 ts=300\n", GOLEAK_STATE_RUNNING },
        { "main.main: goroutine=c000102000 ts=300\n", GOLEAK_STATE_RUNNING },
        { "chansend1: goroutine=c000102000 ts=300\n", GOLEAK_STATE_RUNNING },
        { "newproc1: goroutine=c000102380 parent=c000102000 ts=300\n", GOLEAK_STATE_RUNNING },
        { "ready: goroutine=c000102380 by=c000102000 ts=300\n", GOLEAK_STATE_RUNNING },
        { "gopark: goroutine=c000102000 reason=2 ts=300\n", GOLEAK_STATE_WAITING }, /* on the network now */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        snprintf(text, sizeof text, "newproc1: goroutine=c000102000 ts=100\n"
                                    "gopark: goroutine=c000102000 reason=6 ts=200\n%s",
                 cases[i].line);
        struct goleak_trace *trace = load(text);
        struct goleak_goroutine g = load_goroutine(trace, A);
        if (load_summary(trace).blocked_at_end != 0 || g.state != cases[i].state)
            fail_msg("behind %s it is %s", cases[i].line, goleak_state_name(g.state));
        assert_int_equal(g.reason, cases[i].state == GOLEAK_STATE_WAITING ? GOLEAK_REASON_NET : GOLEAK_REASON_NONE);
        assert_int_equal(load_summary(trace).peak_blocked, 1);
        goleak_trace_free(trace);
    }
}

static void a_dump_of_its_struct_does_not_end_a_park(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "gopark: goroutine=c000102000 reason=6 ts=200\n"
                                      "struct g {\n"
                                      "    uint64_t goid = 0x12\n"
                                      "    uintptr_t gopc = 0x4531a0\n"
                                      "}\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    assert_int_equal(g.state, GOLEAK_STATE_WAITING);
    assert_int_equal(g.goid, 18);
    assert_string_equal(g.created_at, "0x4531a0");
    goleak_trace_free(trace);
}

/* The entry probe of gopark fires again when the stack check restarts it. */
static void where_wakeups_are_printed_equal_parks_are_one(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "execute: goroutine=c000102000 ts=150\n"
                                      "gopark: goroutine=c000102000 reason=6 wait=20 ts=200\n"
                                      "        main.f+1\n"
                                      "gopark: goroutine=c000102000 reason=6 wait=20 ts=300\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    assert_int_equal(load_count(trace, "double_parks"), 1);
    assert_int_equal(g.blocked_since_ns, 200);
    assert_string_equal(g.blocked_at, "main.f+0x1"); /* the second tells none */
    goleak_trace_free(trace);
}

static void where_wakeups_are_silent_the_last_park_starts_the_wait(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "gopark: goroutine=c000102000 reason=6 ts=200\n"
                                      "gopark: goroutine=c000102000 reason=6 ts=300\n");
    (void)state;
    assert_int_equal(load_count(trace, "double_parks"), 0);
    assert_int_equal(load_goroutine(trace, A).blocked_since_ns, 300);
    assert_int_equal(load_summary(trace).blocked_at_end, 1);
    goleak_trace_free(trace);
}

static void parks_that_differ_are_two(void **state)
{
    static const char *const seconds[] = {
        "gopark: goroutine=c000102000 reason=7 wait=19 ts=300\n",
        "gopark: goroutine=c000102000 reason=5 wait=22 ts=300\n",
        "execute: goroutine=c000102000 ts=250\ngopark: goroutine=c000102000 reason=5 wait=25 ts=300\n",
        "ready: goroutine=c000102000 ts=250\ngopark: goroutine=c000102000 reason=5 wait=25 ts=300\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(seconds); i++) {
        char text[512];
        snprintf(text, sizeof text, "newproc1: goroutine=c000102000 ts=100\n"
                                    "execute: goroutine=c000102000 ts=150\n"
                                    "gopark: goroutine=c000102000 reason=5 wait=25 ts=200\n%s",
                 seconds[i]);
        struct goleak_trace *trace = load(text);
        assert_int_equal(load_count(trace, "double_parks"), 0);
        assert_int_equal(load_goroutine(trace, A).blocked_since_ns, 300);
        goleak_trace_free(trace);
    }
}

static void blocked_is_the_leak_capable_set_and_waiting_is_all(void **state)
{
    (void)state;
    for (unsigned reason = 0; reason <= 16; reason++) {
        char text[256];
        snprintf(text, sizeof text, "newproc1: goroutine=c000102000 ts=100\ngopark: goroutine=c000102000 reason=%u "
                                    "ts=200\n",
                 reason);
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        options.go_version = "1.26";
        options.include_system = true;
        struct goleak_trace *trace = load_with(&options, text);
        bool blocked = reason == 1 || (reason >= 3 && reason <= 7);
        assert_int_equal(load_summary(trace).blocked_at_end, blocked);
        assert_int_equal(load_goroutine(trace, A).state, GOLEAK_STATE_WAITING);
        assert_int_equal(load_goroutine(trace, A).reason, reason);
        goleak_trace_free(trace);
    }
}

static void wait_reasons_have_the_runtimes_words(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "gopark: goroutine=c000102000 reason=5 wait=25 ts=200\n"
                                      "newproc1: goroutine=c000102380 ts=210\n"
                                      "gopark: goroutine=c000102380 reason=14 wait=14 ts=220\n");
    struct goleak_input_info input = load_input(trace);
    (void)state;
    assert_string_equal(load_goroutine(trace, A).wait_reason, "sync.WaitGroup.Wait");
    assert_string_equal(input.go_version, "1.26-1.27");
    assert_string_equal(input.go_version_from, "inferred");
    goleak_trace_free(trace);
}

static void before_1_22_the_numbers_are_event_bytes(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "gopark: goroutine=c000102000 reason=22 ts=200\n"
                                      "newproc1: goroutine=c000102380 ts=210\n"
                                      "gopark: goroutine=c000102380 reason=16 ts=220\n");
    (void)state;
    assert_int_equal(load_goroutine(trace, A).reason, GOLEAK_REASON_CHAN_SEND);
    assert_int_equal(load_goroutine(trace, B).reason, GOLEAK_REASON_FOREVER);
    assert_int_equal(load_summary(trace).blocked_at_end, 2);
    assert_string_equal(load_input(trace).go_version, "1.19-1.21");
    goleak_trace_free(trace);
}

/* 16 is forever before 1.22 and a synctest bubble from 1.24 on: what was read
 * before the version was known must be read again. */
static void sixteen_is_read_again_when_the_version_is_known(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "gopark: goroutine=c000102000 reason=16 ts=200\n"
                                      "newproc1: goroutine=c000102380 ts=300\n"
                                      "gopark: goroutine=c000102380 reason=6 ts=400\n");
    (void)state;
    assert_int_equal(load_goroutine(trace, A).reason, GOLEAK_REASON_SYNCTEST);
    assert_int_equal(load_goroutine(trace, A).verdict, GOLEAK_VERDICT_WAITING);
    assert_int_equal(load_summary(trace).blocked_at_end, 1);
    goleak_trace_free(trace);
}

static void reasons_that_cannot_be_are_told(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.go_version = "1.21";
    struct goleak_trace *trace = load_with(&options, "newproc1: goroutine=c000102000 ts=100\n"
                                                     "gopark: goroutine=c000102000 reason=6 ts=200\n"
                                                     "gopark: goroutine=c000102000 reason=6 ts=300\n");
    struct goleak_health health = load_health(trace, "impossible_reasons");
    (void)state;
    assert_int_equal(health.count, 2);
    assert_int_equal(health.line, 2);
    assert_string_equal(health.detail, "block reason 6 cannot be in Go 1.21; it can in Go 1.22-1.27: is --go-version right?");
    assert_int_equal(load_goroutine(trace, A).reason, GOLEAK_REASON_UNKNOWN);
    assert_int_equal(load_goroutine(trace, A).verdict, GOLEAK_VERDICT_UNKNOWN);
    goleak_trace_free(trace);
}

/* ---- times ---------------------------------------------------------------- */

static void a_life_has_its_moments(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.retain_ended = true;
    struct goleak_trace *trace = load_with(&options, "newproc1: goroutine=c000102000 ts=100\n"
                                                     "execute: goroutine=c000102000 ts=150\n"
                                                     "gopark: goroutine=c000102000 reason=6 ts=200\n"
                                                     "execute: goroutine=c000102000 ts=250\n"
                                                     "gdestroy: goroutine=c000102000 ts=900\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    struct goleak_capture capture = load_capture(trace);
    (void)state;
    assert_int_equal(g.created_ns, 100);
    assert_int_equal(g.started_ns, 150); /* the first run */
    assert_int_equal(g.ended_ns, 900);
    assert_int_equal(g.blocked_since_ns, GOLEAK_NONE);
    assert_int_equal(g.state, GOLEAK_STATE_ENDED);
    assert_int_equal(g.verdict, GOLEAK_VERDICT_ENDED);
    assert_int_equal(capture.clock, GOLEAK_CLOCK_MONOTONIC);
    assert_int_equal(capture.first_ns, 100);
    assert_int_equal(capture.last_ns, 900);
    assert_int_equal(capture.duration_ns, 800);
    assert_int_equal(capture.events, 5);
    goleak_trace_free(trace);
}

static void without_time_moments_are_event_numbers(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000\n"
                                      "some output of the program\n"
                                      "gopark: goroutine=c000102000 reason=6\n"
                                      "newproc1: goroutine=c000102380\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    assert_int_equal(load_capture(trace).clock, GOLEAK_CLOCK_NONE);
    assert_int_equal(load_capture(trace).first_ns, GOLEAK_NONE);
    assert_int_equal(g.created_ns, GOLEAK_NONE);
    assert_int_equal(g.created_event, 1);
    assert_int_equal(g.blocked_since_event, 2); /* events are counted, not lines */
    assert_int_equal(load_leak(trace, 0).oldest_wait_events, 1);
    assert_int_equal(load_leak(trace, 0).oldest_wait_ns, GOLEAK_NONE);
    goleak_trace_free(trace);
}

static void ticks_that_tell_their_cpu_give_seconds(void **state)
{
    struct goleak_trace *trace = load("  0   4094   runtime.newproc1:return newproc1: goroutine=c000102000 count=1 "
                                      "blocked_count=0\n"
                                      "  0      9   :tick-1s profile-1s: count=1 blocked_count=0\n"
                                      "  1      9   :tick-1s profile-1s: count=1 blocked_count=0\n"
                                      "  0   4100   runtime.gopark:entry gopark: goroutine=c000102000 blocked=1 "
                                      "reason=6 blocked_count=1\n"
                                      "  0      9   :tick-1s profile-1s: count=1 blocked_count=1\n"
                                      "  0      9   :tick-1s profile-1s: count=1 blocked_count=1\n");
    struct goleak_capture capture = load_capture(trace);
    (void)state;
    assert_int_equal(capture.clock, GOLEAK_CLOCK_RELATIVE);
    assert_int_equal(capture.ticks, 4);
    assert_int_equal(capture.tick_cpus, 2);
    assert_int_equal(load_goroutine(trace, A).blocked_since_ns, 1000000000);
    assert_int_equal(load_leak(trace, 0).oldest_wait_ns, 2000000000);
    goleak_trace_free(trace);
}

/* ---- whose it is ---------------------------------------------------------- */

static void the_runtimes_own_are_hidden_unless_wanted(void **state)
{
    static const char text[] = "newproc1: goroutine=c000102000 goid=7 fn=runtime.forcegchelper ts=100\n"
                               "newproc1: goroutine=c000102380 goid=8 fn=main.main.func1 ts=200\n"
                               "newproc1: goroutine=c000102700 goid=9 ts=300\n"
                               "gopark: goroutine=c000102700 goid=9 reason=10 ts=400\n"; /* proven only now */
    struct goleak_trace *trace = load(text);
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 1);
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(sum.peak_live, 1);
    assert_int_equal(sum.system_hidden, 2);
    assert_int_equal(load_goroutine_count(trace), 1);
    assert_int_equal(load_goroutine(trace, B).system, 0);
    goleak_trace_free(trace);

    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.include_system = true;
    trace = load_with(&options, text);
    sum = load_summary(trace);
    assert_int_equal(sum.created, 3);
    assert_int_equal(sum.peak_live, 3);
    assert_int_equal(sum.system_hidden, 0);
    assert_int_equal(load_goroutine(trace, A).system, 1);
    assert_int_equal(load_goroutine(trace, C).system, 1);
    goleak_trace_free(trace);
}

static void where_nothing_tells_it_counts_as_a_users(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n");
    (void)state;
    assert_int_equal(load_goroutine(trace, A).system, -1);
    assert_int_equal(load_summary(trace).created, 1);
    goleak_trace_free(trace);
}

static void a_system_goroutines_whole_life_leaves_no_trace(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "gopark: goroutine=c000102000 reason=5 ts=200\n" /* blocked, by the rule */
                                      "gopark: goroutine=c000102000 reason=10 ts=300\n"
                                      "gdestroy: goroutine=c000102000 ts=400\n"
                                      "newproc1: goroutine=c000102380 ts=500\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 1);
    assert_int_equal(sum.ended, 0);
    assert_int_equal(sum.blocked_at_end, 0);
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(sum.system_hidden, 1);
    goleak_trace_free(trace);
}

/* Of one that is older than the recording nothing tells whose it is but its stack, if that reaches its start. */
static void a_stack_tells_whose_an_older_one_is(void **state)
{
    static const struct {
        const char *frames;
        int system; /* -1: not proven */
    } cases[] = {
        { "\truntime.bgsweep+0x1\n\truntime.gcenable.gowrap1+0x1\n\truntime.goexit.abi0+0x1\n", 1 },
        { "\truntime.goparkunlock+0x1\n\truntime.bgscavenge+0x1\n\truntime.goexit+0x1\n", 1 },
        { "\truntime.selectgo+0x1\n\tos/signal.loop+0x1\n\truntime.goexit.abi0+0x1\n", 1 },
        { "\ttime.Sleep+0x1\n\truntime/pprof.profileWriter+0x1\n\truntime.goexit.abi0+0x1\n", 1 },
        { "\truntime.chanrecv1+0x1\n\truntime.main+0x1\n\truntime.goexit.abi0+0x1\n", 0 },
        { "\truntime.coroswitch_m+0x1\n\truntime.corostart+0x1\n\truntime.goexit.abi0+0x1\n", 0 },
        { "\truntime.chanrecv1+0x1\n\tmain.f+0x1\n\truntime.goexit.abi0+0x1\n", 0 },
        /* cut off before its start */
        { "\truntime.bgsweep+0x1\n\truntime.gcenable.gowrap1+0x1\n", -1 },
        { "\truntime.bgsweep+0x1\n\t0x45e000\n\truntime.goexit.abi0+0x1\n", -1 },
        { "\truntime.bgsweep+0x1\n\t0x45e000\n\t0x493001\n", -1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int late = 0; late <= 1; late++) { /* with its first event, or when it was told already */
            struct bytes text = { 0 };
            bytes_format(&text,
                         "newproc1: goroutine=c000102380 goid=8 fn=main.main.func1 ts=50\n%s"
                         "gopark: goroutine=c000102000 reason=5 ts=200\n\truntime.gopark+0x1\n%s"
                         "execute: goroutine=c000102000 ts=300\n"
                         "gopark: goroutine=c000102000 reason=5 ts=400\n\truntime.gopark+0x1\n%s",
                         late ? "execute: goroutine=c000102000 ts=100\n" : "", cases[i].frames, cases[i].frames);
            struct goleak_trace *trace = load(text.data);
            struct goleak_summary sum = load_summary(trace);
            bool hidden = cases[i].system == 1;
            if (sum.system_hidden != hidden || sum.preexisting != !hidden || sum.live_at_end != 1u + !hidden ||
                sum.blocked_at_end != !hidden)
                fail_msg("case %zu, late %d", i, late);
            if (!hidden)
                assert_int_equal(load_goroutine(trace, A).system, cases[i].system);
            goleak_trace_free(trace);
            bytes_free(&text);
        }
}

/* ---- parents -------------------------------------------------------------- */

static void ancestors_are_told_parent_first(void **state)
{
    struct goleak_trace *trace =
        load("newproc1: goroutine=c000102000 goid=7 parent=c000002380 parentgoid=1 fn=main.server ts=100\n"
             "newproc1: goroutine=c000102380 goid=8 parent=c000102000 parentgoid=7 fn=main.conn ts=200\n"
             "newproc1: goroutine=c000102700 goid=9 parent=c000102380 parentgoid=8 fn=main.reply ts=300\n"
             "gdestroy: goroutine=c000102380 goid=8 ts=400\n"
             "newproc1: goroutine=c000102380 goid=10 parent=c000002380 parentgoid=1 fn=main.other ts=500\n");
    struct goleak_goroutine g = load_goroutine(trace, C);
    struct goleak_ancestor chain[3];
    (void)state;
    assert_int_equal(goleak_goroutine_ancestors(trace, &g, chain, 3), 3);
    assert_int_equal(chain[0].goid, 8);
    assert_false(chain[0].alive); /* its address lives again, it does not */
    assert_string_equal(chain[0].start_function, "main.conn");
    assert_int_equal(chain[0].incarnation, 1);
    assert_int_equal(chain[1].goid, 7);
    assert_true(chain[1].alive);
    assert_int_equal(chain[2].goid, 1);
    assert_int_equal(goleak_goroutine_ancestors(trace, &g, chain, 1), 3); /* as many as there are */
    goleak_trace_free(trace);
}

static void ancestors_are_told_with_their_verdict_and_group(void **state)
{
    struct goleak_trace *trace =
        load("newproc1: goroutine=c000102000 goid=7 parent=c000002380 parentgoid=1 fn=main.server ts=100\n"
             "newproc1: goroutine=c000102380 goid=8 parent=c000102000 parentgoid=7 fn=main.conn ts=200\n"
             "newproc1: goroutine=c000102700 goid=9 parent=c000102380 parentgoid=8 fn=main.reply ts=300\n"
             "gopark: goroutine=c000102700 goid=9 reason=5 ts=400\n"
             "gopark: goroutine=c000102380 goid=8 reason=3 ts=500\n"
             "execute: goroutine=c000102000 goid=7 ts=90000000000\n");
    struct goleak_goroutine g = load_goroutine(trace, C);
    struct goleak_ancestor chain[3];
    struct goleak_leak leak;
    (void)state;
    assert_int_equal(goleak_goroutine_ancestors(trace, &g, chain, 3), 3);
    assert_int_equal(chain[0].verdict, GOLEAK_VERDICT_LIKELY); /* on no channel */
    assert_int_not_equal(chain[0].leak, 0);
    assert_int_equal(goleak_trace_leak(trace, chain[0].leak - 1, &leak), GOLEAK_OK);
    assert_int_equal(leak.examples[0].goid, 8);
    assert_int_equal(chain[1].verdict, GOLEAK_VERDICT_RUNNING);
    assert_int_equal(chain[1].leak, 0);
    assert_int_equal(chain[2].verdict, GOLEAK_VERDICT_UNKNOWN); /* only named */
    goleak_trace_free(trace);
}

static void a_lineage_that_no_goroutine_has_has_no_ancestors(void **state)
{
    static const uint32_t numbers[] = { 0, 2, 3, 4095, 4096, 1000000, UINT32_MAX };
    struct goleak_trace *trace =
        load("newproc1: goroutine=c000102000 goid=7 parent=c000002380 parentgoid=1 fn=main.server ts=100\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    struct goleak_ancestor chain[3];
    (void)state;
    assert_int_equal(goleak_goroutine_ancestors(trace, &g, chain, 3), 1);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        g.lineage = numbers[i];
        assert_int_equal(goleak_goroutine_ancestors(trace, &g, chain, 3), 0);
    }
    goleak_trace_free(trace);
    trace = load("gopark: goroutine=c000102000 goid=7 reason=14 ts=100\n"); /* no node at all */
    assert_int_equal(goleak_goroutine_ancestors(trace, &g, chain, 3), 0);
    goleak_trace_free(trace);
}

static void one_cannot_be_its_own_parent(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 parent=c000102000 ts=100\n"
                                      "newproc1: goroutine=c000102380 parent=c000102000 ts=200\n");
    struct goleak_goroutine g = load_goroutine(trace, B);
    struct goleak_ancestor chain[4];
    (void)state;
    assert_int_equal(goleak_goroutine_ancestors(trace, &g, chain, 4), 1);
    assert_int_equal(load_goroutine(trace, A).parent_g, 0);
    goleak_trace_free(trace);
}

static void the_place_of_the_go_statement_comes_from_the_stack_or_its_address(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 gopc=4531a0 ts=100\n"
                                      "              app`runtime.newproc+0x3f\n"
                                      "              app`main.Gather+0x9e\n"
                                      "newproc1: goroutine=c000102380 gopc=4999a0 ts=200\n"
                                      "newproc1: goroutine=c000102700 gopc=4531a0 ts=300\n");
    (void)state;
    assert_string_equal(load_goroutine(trace, A).created_at, "main.Gather+0x9e");
    assert_string_equal(load_goroutine(trace, B).created_at, "0x4999a0");
    assert_string_equal(load_goroutine(trace, C).created_at, "main.Gather+0x9e"); /* named once by a stack */
    assert_string_equal(goleak_stack_frame(trace, load_goroutine(trace, A).created_stack, 0), "runtime.newproc+0x3f");
    assert_null(goleak_stack_frame(trace, load_goroutine(trace, A).created_stack, 2));
    goleak_trace_free(trace);
}

/* ---- keys ----------------------------------------------------------------- */

static void processes_have_addresses_of_their_own(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 goid=7 pid=100 ts=100\n"
                                      "newproc1: goroutine=c000102000 goid=7 pid=200 ts=200\n"
                                      "gopark: goroutine=c000102000 goid=7 pid=100 reason=6 ts=300\n"
                                      "gdestroy: goroutine=c000102000 goid=7 pid=200 ts=400\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    assert_int_equal(sum.created, 2);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.blocked_at_end, 1);
    assert_int_equal(g.pid, 100);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    goleak_trace_free(trace);
}

/* Probes differ in what they can tell: some the address, some the goid, some both. */
static void address_and_goid_are_one_goroutine(void **state)
{
    static const char *const texts[] = {
        "newproc1: goroutine=c000102000 goid=7 ts=100\n"
        "execute: goid=7 ts=150\n"
        "gopark: goid=7 reason=6 ts=200\n",
        "newproc1: goid=7 ts=100\n"
        "execute: goid=7 ts=150\n"
        "gopark: goroutine=c000102000 goid=7 reason=6 ts=200\n",
        "newproc1: goid=7 ts=100\n"
        "execute: goroutine=c000102000 goid=7 ts=150\n"
        "gopark: goid=7 reason=6 ts=200\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct goleak_trace *trace = load(texts[i]);
        struct goleak_summary sum = load_summary(trace);
        struct goleak_goroutine g = load_goroutine(trace, A);
        assert_int_equal(sum.created, 1);
        assert_int_equal(sum.preexisting, 0);
        assert_int_equal(sum.live_at_end, 1);
        assert_int_equal(sum.blocked_at_end, 1);
        assert_int_equal(g.goid, 7);
        assert_int_equal(g.incarnation, 1);
        assert_int_equal(g.created_ns, 100);
        assert_int_equal(g.started_ns, 150);
        assert_int_equal(g.blocked_since_ns, 200);
        goleak_trace_free(trace);
    }
}

/* One that is known by its goid shows an address: after another's life there it is the second one; but who
 * has ended does not, it is the next one of that goid, and who has an address keeps it. */
static void the_lives_of_an_address_are_counted_on(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 goid=7 ts=100\n"
                                      "gdestroy: goroutine=c000102000 goid=7 ts=150\n"
                                      "newproc1: goid=8 ts=200\n"
                                      "gopark: goroutine=c000102000 goid=8 reason=6 ts=250\n"
                                      "newproc1: goid=9 ts=300\n"
                                      "gdestroy: goid=9 ts=350\n"
                                      "newproc1: goroutine=c000102380 goid=9 ts=400\n"
                                      "gopark: goroutine=c000102700 goid=8 reason=7 ts=500\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 4);
    assert_int_equal(sum.ended, 2);
    assert_int_equal(load_goroutine(trace, A).incarnation, 2);
    assert_int_equal(load_goroutine(trace, A).created_ns, 200);
    assert_int_equal(load_goroutine(trace, A).blocked_since_ns, 250);
    assert_int_equal(load_goroutine(trace, B).incarnation, 1);
    assert_int_equal(load_goroutine(trace, C).blocked_since_ns, 500);
    goleak_trace_free(trace);
}

static void a_goid_alone_is_a_key(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.input_format = "dtrace";
    struct goleak_trace *trace = load_with(&options, "newproc1: goid=7 ts=100\n"
                                                     "newproc1: goid=8 parentgoid=7 ts=150\n"
                                                     "gopark: goid=7 reason=6 ts=200\n"
                                                     "gdestroy: goid=8 ts=300\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine g;
    (void)state;
    assert_int_equal(sum.created, 2);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(goleak_goroutine_next(trace, &iter, &g), GOLEAK_OK);
    assert_int_equal(g.goid, 7);
    assert_int_equal(g.g, 0);
    assert_int_equal(g.state, GOLEAK_STATE_WAITING);
    assert_int_equal(goleak_goroutine_next(trace, &iter, &g), GOLEAK_END);
    goleak_trace_free(trace);
}

/* ---- several processes ---------------------------------------------------- */

/* A line of perf script without the process: the thread, and what happened. */
#define CREATED(tid, us, rest) "app " tid " [000] 1." us ": p:newproc1: (45a700 <- 45a6a5) " rest "\n"
#define DID(tid, us, what, rest) "app " tid " [000] 1." us ": p:" what ": (486ae0) " rest "\n"

static struct goleak_goroutine goroutine_of(const struct goleak_trace *trace, int64_t pid, uint64_t g)
{
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine one;
    while (goleak_goroutine_next(trace, &iter, &one) == GOLEAK_OK)
        if (one.g == g && one.pid == pid)
            return one;
    fail_msg("process %" PRId64 " has no goroutine %" PRIx64, pid, g);
    return one;
}

/* Two runs of one program have the same addresses and the same goids. */
static void threads_tell_processes_whose_goroutines_are_alike(void **state)
{
    struct goleak_trace *trace =
        load(CREATED("100", "000001", "g=0xc000002380 goid=1")
             CREATED("100", "000002", "g=0xc000102000 goid=7 parentgoid=1")
             DID("101", "000003", "execute", "g=0xc000102000 goid=7")
             CREATED("200", "000004", "g=0xc000002380 goid=1")
             CREATED("200", "000005", "g=0xc000102000 goid=7 parentgoid=1")
             CREATED("200", "000006", "g=0xc000102380 goid=8 parentgoid=1")
             DID("201", "000007", "execute", "g=0xc000102380 goid=8")
             DID("101", "000008", "gopark", "g=0xc000102000 goid=7 reason=6")
             DID("201", "000009", "gdestroy", "g=0xc000102380 goid=8")
             DID("201", "000010", "execute", "g=0xc000102000 goid=7")
             DID("201", "000011", "gopark", "g=0xc000102000 goid=7 reason=7")
             DID("100", "000012", "gopark", "g=0xc000002380 goid=1 reason=14"));
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 5);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.preexisting, 0);
    assert_int_equal(goroutine_of(trace, 100, A).reason, GOLEAK_REASON_CHAN_SEND);
    assert_int_equal(goroutine_of(trace, 200, A).reason, GOLEAK_REASON_CHAN_RECV);
    assert_int_equal(goroutine_of(trace, 100, MAIN_G).reason, GOLEAK_REASON_SLEEP);
    assert_int_equal(goroutine_of(trace, 200, MAIN_G).state, GOLEAK_STATE_RUNNABLE);
    assert_int_equal(goroutine_of(trace, 200, A).parent_g, MAIN_G);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    assert_int_equal(load_count(trace, "impossible_transitions"), 0);
    assert_int_equal(load_count(trace, "mixed_processes"), 0);
    goleak_trace_free(trace);
}

/* A thread that is new shows whose it is by the goroutine that it runs. */
static void a_new_thread_is_of_the_process_whose_goroutine_it_runs(void **state)
{
    struct goleak_trace *trace = load(CREATED("100", "000001", "g=0xc000002380 goid=1")
                                      CREATED("100", "000002", "g=0xc000102000 goid=7")
                                      CREATED("200", "000003", "g=0xd000002380 goid=1")
                                      CREATED("200", "000004", "g=0xd000102000 goid=7")
                                      DID("101", "000005", "execute", "g=0xc000102000 goid=7")
                                      DID("201", "000006", "execute", "g=0xd000102000 goid=7")
                                      DID("102", "000007", "ready", "g=0xc000102000 goid=7")
                                      CREATED("101", "000008", "g=0xc000102700 goid=9 callergp=0xc000102000")
                                      CREATED("103", "000009", "g=0xc000102a80 goid=10 callergp=0xc000102000")
                                      DID("203", "000010", "gopark", "g=0xd000102000 goid=7 reason=6"));
    (void)state;
    assert_int_equal(load_summary(trace).created, 6);
    assert_int_equal(load_summary(trace).preexisting, 0);
    assert_int_equal(goroutine_of(trace, 100, A).state, GOLEAK_STATE_RUNNABLE);
    assert_int_equal(goroutine_of(trace, 100, 0xc000102700).parent_g, A);
    assert_int_equal(goroutine_of(trace, 100, 0xc000102a80).parent_g, A);
    assert_int_equal(goroutine_of(trace, 200, 0xd000102000).state, GOLEAK_STATE_WAITING);
    assert_int_equal(load_count(trace, "mixed_processes"), 0);
    goleak_trace_free(trace);
}

/* The table of threads has room for so many; two ids may share a place. */
static void threads_that_share_a_place_are_told_apart(void **state)
{
    struct goleak_trace *trace = load(CREATED("100", "000001", "g=0xc000002380 goid=1")
                                      CREATED("100", "000002", "g=0xc000102000 goid=7")
                                      CREATED("1124", "000003", "g=0xd000002380 goid=1")
                                      CREATED("1124", "000004", "g=0xd000102000 goid=7")
                                      DID("100", "000005", "execute", "g=0xc000102000 goid=7")
                                      DID("1124", "000006", "execute", "g=0xd000102000 goid=7")
                                      DID("100", "000007", "gopark", "g=0xc000102000 goid=7 reason=6")
                                      DID("1124", "000008", "gopark", "g=0xd000102000 goid=7 reason=7"));
    (void)state;
    assert_int_equal(load_summary(trace).created, 4);
    assert_int_equal(goroutine_of(trace, 100, A).reason, GOLEAK_REASON_CHAN_SEND);
    assert_int_equal(goroutine_of(trace, 1124, 0xd000102000).reason, GOLEAK_REASON_CHAN_RECV);
    goleak_trace_free(trace);
}

static void one_process_of_many_threads_stays_one(void **state)
{
    struct goleak_trace *trace = load(CREATED("100", "000001", "g=0xc000002380 goid=1")
                                      CREATED("101", "000002", "g=0xc000102000 goid=7")
                                      DID("102", "000003", "execute", "g=0xc000102000 goid=7")
                                      DID("103", "000004", "gopark", "g=0xc000102380 goid=8 reason=6"));
    (void)state;
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(load_summary(trace).preexisting, 1);
    assert_int_equal(load_goroutine(trace, A).pid, GOLEAK_NONE);
    assert_int_equal(load_count(trace, "mixed_processes"), 0);
    goleak_trace_free(trace);
}

static void without_threads_a_second_main_is_told(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000002380 goid=1 ts=100\n"
                                      "newproc1: goroutine=c000102000 goid=7 ts=200\n"
                                      "newproc1: goroutine=d000002380 goid=1 ts=300\n"
                                      "newproc1: goroutine=d000002700 goid=1 ts=400\n"
                                      "gdestroy: goroutine=c000102000 goid=7 ts=500\n" /* and at its address: */
                                      "newproc1: goroutine=c000102000 goid=1 parent=c000002380 ts=600\n");
    struct goleak_health health = load_health(trace, "mixed_processes");
    (void)state;
    assert_int_equal(health.count, 3);
    assert_int_equal(health.line, 3);
    assert_string_equal(health.detail,
                        "goroutine 1 is created a second time: another process begins, or another program in this one");
    assert_true(health.hurts);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    goleak_trace_free(trace);
    trace = load("newproc1: goroutine=c000002380 goid=1 pid=100 ts=100\n"
                 "newproc1: goroutine=d000002380 goid=1 pid=200 ts=300\n");
    assert_int_equal(load_count(trace, "mixed_processes"), 0);
    goleak_trace_free(trace);
}

/* Attached, no creation tells it: but main has one address as long as it lives. */
static void a_main_at_two_addresses_is_two_processes(void **state)
{
    struct goleak_trace *trace = load("execute: goroutine=c000002380 goid=1 ts=100\n"
                                      "execute: goroutine=c000002380 goid=1 ts=200\n"
                                      "execute: goroutine=d000002380 goid=1 ts=300\n");
    struct goleak_health health = load_health(trace, "mixed_processes");
    (void)state;
    assert_int_equal(health.count, 1);
    assert_int_equal(health.line, 3);
    assert_string_equal(health.detail, "goroutine 1 is g d000002380 and g c000002380, too: there is another process");
    goleak_trace_free(trace);
    trace = load("execute: goroutine=c000002380 goid=1 pid=100 ts=100\n"
                 "execute: goroutine=d000002380 goid=1 pid=200 ts=300\n");
    assert_int_equal(load_count(trace, "mixed_processes"), 0);
    goleak_trace_free(trace);
    trace = load("execute: goroutine=c000002380 goid=1 ts=100\n" /* by number alone: */
                 "execute: goid=1 ts=200\n");
    assert_int_equal(load_count(trace, "mixed_processes"), 0);
    goleak_trace_free(trace);
}

/* ---- named by goid only ---------------------------------------------------- */

static struct goleak_ancestor parent_of(const struct goleak_trace *trace, uint64_t g)
{
    struct goleak_goroutine child = load_goroutine(trace, g);
    struct goleak_ancestor parent = { 0 };
    assert_true(goleak_goroutine_ancestors(trace, &child, &parent, 1) != 0);
    return parent;
}

static void a_spawner_named_by_its_goid_shows_itself_later(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 goid=7 parentgoid=5 ts=100\n"
                                      "newproc1: goroutine=c000102700 goid=8 parentgoid=5 ts=150\n"
                                      "gopark: goroutine=c000102380 goid=5 reason=6 ts=200\n");
    struct goleak_ancestor parent = parent_of(trace, A);
    (void)state;
    assert_int_equal(parent.goid, 5);
    assert_int_equal(parent.g, B);
    assert_int_equal(parent.incarnation, 1);
    assert_true(parent.alive);
    assert_int_equal(parent_of(trace, C).g, B);
    assert_int_equal(load_goroutine(trace, A).parent_goid, 5);
    assert_int_equal(load_goroutine(trace, A).parent_g, B);
    assert_int_equal(load_summary(trace).preexisting, 1);
    assert_int_equal(load_summary(trace).live_at_end, 3);
    assert_int_equal(load_goroutine_count(trace), 3);
    goleak_trace_free(trace);
}

static void a_spawner_named_by_its_goid_is_the_one_that_has_it(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102380 goid=5 ts=50\n"
                                      "gopark: goroutine=c000102380 goid=5 reason=6 ts=60\n"
                                      "newproc1: goroutine=c000102000 goid=7 parentgoid=5 ts=100\n"
                                      "newproc1: goroutine=c000102700 goid=8 parentgoid=7 ts=150\n");
    (void)state;
    assert_int_equal(parent_of(trace, A).g, B);
    assert_int_equal(parent_of(trace, C).g, A);
    assert_int_equal(load_goroutine(trace, B).state, GOLEAK_STATE_RUNNING); /* it spawns, so it runs */
    assert_int_equal(load_goroutine_count(trace), 3);
    goleak_trace_free(trace);
}

static void a_goid_that_is_learnt_late_names_too(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102700 goid=9 parentgoid=3 ts=10\n"
                                      "newproc1: goroutine=c000102380 ts=50\n"
                                      "execute: goroutine=c000102380 goid=5 ts=60\n"
                                      "newproc1: goroutine=c000102000 goid=7 parentgoid=5 ts=100\n");
    (void)state;
    assert_int_equal(parent_of(trace, A).g, B);
    assert_int_equal(parent_of(trace, C).goid, 3);
    assert_int_equal(parent_of(trace, C).g, 0);
    assert_int_equal(parent_of(trace, C).incarnation, 0); /* never seen itself */
    assert_int_equal(load_goroutine_count(trace), 3);
    goleak_trace_free(trace);
}

static void a_waker_named_by_its_goid_is_awake(void **state)
{
    struct goleak_trace *trace = load("gopark: goroutine=c000102000 goid=7 reason=6 ts=10\n"
                                      "gopark: goroutine=c000102380 goid=5 reason=7 ts=20\n"
                                      "ready: goroutine=c000102000 goid=7 bygoid=5 ts=30\n"
                                      "ready: goroutine=c000102000 goid=7 bygoid=99 ts=40\n");
    (void)state;
    assert_int_equal(load_goroutine(trace, A).state, GOLEAK_STATE_RUNNABLE);
    assert_int_equal(load_goroutine(trace, B).state, GOLEAK_STATE_RUNNING);
    assert_int_equal(load_goroutine_count(trace), 2); /* 99 is only named */
    goleak_trace_free(trace);
}

static void an_address_that_is_used_again_has_another_goid(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102380 goid=5 ts=10\n"
                                      "newproc1: goroutine=c000102000 goid=7 parentgoid=5 ts=20\n"
                                      "gdestroy: goroutine=c000102380 goid=5 ts=30\n"
                                      "newproc1: goroutine=c000102380 goid=8 parent=c000102000 ts=40\n"
                                      "newproc1: goroutine=c000102700 goid=9 parentgoid=8 ts=50\n");
    struct goleak_ancestor of_a = parent_of(trace, A), of_c = parent_of(trace, C);
    (void)state;
    assert_int_equal(of_a.goid, 5);
    assert_false(of_a.alive);
    assert_int_equal(of_c.goid, 8);
    assert_true(of_c.alive);
    assert_int_equal(of_c.g, B);
    assert_int_equal(of_c.incarnation, 2);
    goleak_trace_free(trace);
}

static void many_are_found_by_their_goids(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    for (unsigned i = 2; i < 5000; i++)
        bytes_format(&text, "newproc1: goroutine=%" PRIx64 " goid=%u parentgoid=%u ts=%u\n",
                     (uint64_t)0xc000000000 + i * 0x380, i, i / 2, i * 1000);
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    assert_int_equal(load_goroutine_count(trace), 4998);
    for (unsigned i = 4; i < 5000; i += 37)
        assert_int_equal(parent_of(trace, (uint64_t)0xc000000000 + i * 0x380).g,
                         (uint64_t)0xc000000000 + i / 2 * 0x380);
    goleak_trace_free(trace);
    bytes_free(&text);
}

/* ---- the script's counters ------------------------------------------------ */

static void printed_counters_are_compared_not_believed(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
                                      "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
                                      "END: count=2 blocked_count=-1\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_capture capture = load_capture(trace);
    struct goleak_health health = load_health(trace, "counter_mismatch");
    (void)state;
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(sum.blocked_at_end, 1);
    assert_int_equal(health.count, 1);
    assert_int_equal(health.line, 3);
    assert_int_equal(capture.counters_line, 3);
    assert_int_equal(capture.printed_count, 2);
    assert_int_equal(capture.recomputed_count, 1);
    assert_true(capture.printed_blocked_count == -1);
    assert_int_equal(capture.recomputed_blocked_count, 1);
    goleak_trace_free(trace);
}

static void counters_that_are_right_are_not_complained_of(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
                                      "newproc1: goroutine=c000102380 parent=824633729920 count=2 blocked_count=0\n"
                                      "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
                                      "gopark: goroutine=c000102380 blocked=0 reason=10 blocked_count=1\n"
                                      "gopark: goroutine=c000102000 blocked=0 reason=2 blocked_count=0\n"
                                      "godestroy: goroutine=c000102000 count=1 blocked_count=0\n"
                                      "END: count=1 blocked_count=0\n");
    (void)state;
    assert_int_equal(load_count(trace, "counter_mismatch"), 0);
    assert_int_equal(load_count(trace, "reordered"), 0);
    assert_int_equal(load_summary(trace).live_at_end, 0); /* the other is the runtime's, but the script counts it */
    goleak_trace_free(trace);
}

static void what_was_never_printed_is_not_told(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n");
    struct goleak_capture capture = load_capture(trace);
    (void)state;
    assert_int_equal(capture.counters_line, 0);
    assert_int_equal(capture.printed_count, GOLEAK_NONE);
    assert_int_equal(capture.printed_blocked_count, GOLEAK_NONE);
    goleak_trace_free(trace);
}

/* ---- calls without goroutines --------------------------------------------- */

static void flow_output_feeds_counts_and_nothing_more(void **state)
{
    struct goleak_trace *trace = load("CPU FUNCTION                                 \n"
                                      "  1  -> main.main                             \n"
                                      "  1    -> main.Gather                         \n"
                                      "  1      -> runtime.newproc1                  \n"
                                      "  1      <- runtime.newproc1                  \n"
                                      "  1      -> runtime.newproc1                  \n"
                                      "  1      <- runtime.newproc1                  \n"
                                      "  0  -> runtime.gdestroy                      \n"
                                      "  0  <- runtime.gdestroy                      \n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 2);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(sum.peak_live, 2);
    assert_int_equal(sum.verdicts[GOLEAK_VERDICT_UNKNOWN], 1);
    assert_int_equal(sum.leaks, 0);
    assert_int_equal(load_goroutine_count(trace), 0);
    goleak_trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_is_used_again_is_another_goroutine),
        cmocka_unit_test(more_than_32_bits_are_created_in_order),
        cmocka_unit_test(who_shows_its_address_keeps_all_bits_of_its_number),
        cmocka_unit_test(a_second_creation_of_a_living_one_is_an_implicit_end),
        cmocka_unit_test(another_goid_at_a_living_address_is_another_goroutine),
        cmocka_unit_test(a_goid_that_is_told_later_is_learnt),
        cmocka_unit_test(what_ends_twice_ends_once),
        cmocka_unit_test(after_an_end_another_goid_is_a_life_that_began_unseen),
        cmocka_unit_test(one_that_was_there_before_is_known_from_its_first_event),
        cmocka_unit_test(one_that_only_ends_was_there_before),
        cmocka_unit_test(one_that_is_only_named_is_in_nobodys_count),
        cmocka_unit_test(a_named_one_counts_from_its_own_first_event),
        cmocka_unit_test(any_later_event_of_its_own_ends_a_park),
        cmocka_unit_test(a_dump_of_its_struct_does_not_end_a_park),
        cmocka_unit_test(where_wakeups_are_printed_equal_parks_are_one),
        cmocka_unit_test(where_wakeups_are_silent_the_last_park_starts_the_wait),
        cmocka_unit_test(parks_that_differ_are_two),
        cmocka_unit_test(blocked_is_the_leak_capable_set_and_waiting_is_all),
        cmocka_unit_test(wait_reasons_have_the_runtimes_words),
        cmocka_unit_test(before_1_22_the_numbers_are_event_bytes),
        cmocka_unit_test(sixteen_is_read_again_when_the_version_is_known),
        cmocka_unit_test(reasons_that_cannot_be_are_told),
        cmocka_unit_test(a_life_has_its_moments),
        cmocka_unit_test(without_time_moments_are_event_numbers),
        cmocka_unit_test(ticks_that_tell_their_cpu_give_seconds),
        cmocka_unit_test(the_runtimes_own_are_hidden_unless_wanted),
        cmocka_unit_test(where_nothing_tells_it_counts_as_a_users),
        cmocka_unit_test(a_system_goroutines_whole_life_leaves_no_trace),
        cmocka_unit_test(a_stack_tells_whose_an_older_one_is),
        cmocka_unit_test(ancestors_are_told_parent_first),
        cmocka_unit_test(ancestors_are_told_with_their_verdict_and_group),
        cmocka_unit_test(a_lineage_that_no_goroutine_has_has_no_ancestors),
        cmocka_unit_test(one_cannot_be_its_own_parent),
        cmocka_unit_test(the_place_of_the_go_statement_comes_from_the_stack_or_its_address),
        cmocka_unit_test(processes_have_addresses_of_their_own),
        cmocka_unit_test(address_and_goid_are_one_goroutine),
        cmocka_unit_test(the_lives_of_an_address_are_counted_on),
        cmocka_unit_test(a_goid_alone_is_a_key),
        cmocka_unit_test(threads_tell_processes_whose_goroutines_are_alike),
        cmocka_unit_test(a_new_thread_is_of_the_process_whose_goroutine_it_runs),
        cmocka_unit_test(threads_that_share_a_place_are_told_apart),
        cmocka_unit_test(one_process_of_many_threads_stays_one),
        cmocka_unit_test(without_threads_a_second_main_is_told),
        cmocka_unit_test(a_main_at_two_addresses_is_two_processes),
        cmocka_unit_test(a_spawner_named_by_its_goid_shows_itself_later),
        cmocka_unit_test(a_spawner_named_by_its_goid_is_the_one_that_has_it),
        cmocka_unit_test(a_goid_that_is_learnt_late_names_too),
        cmocka_unit_test(a_waker_named_by_its_goid_is_awake),
        cmocka_unit_test(an_address_that_is_used_again_has_another_goid),
        cmocka_unit_test(many_are_found_by_their_goids),
        cmocka_unit_test(printed_counters_are_compared_not_believed),
        cmocka_unit_test(counters_that_are_right_are_not_complained_of),
        cmocka_unit_test(what_was_never_printed_is_not_told),
        cmocka_unit_test(flow_output_feeds_counts_and_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
