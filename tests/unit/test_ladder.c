/* test_ladder - which rule decides, and that its evidence says why. */
#include <inttypes.h>
#include <stdio.h>

#include "support/load.h"

#define A 0xc000102000
#define MAIN_G 0xc000002380

static bool has_value(const struct goleak_goroutine *g, const char *name, int64_t number)
{
    for (size_t i = 0; i < g->evidence[0].value_count; i++)
        if (strcmp(g->evidence[0].values[i].name, name) == 0)
            return g->evidence[0].values[i].text == NULL && g->evidence[0].values[i].number == number;
    return false;
}

static void expect(const struct goleak_trace *trace, uint64_t g, enum goleak_verdict verdict, const char *rule)
{
    struct goleak_goroutine one = load_goroutine(trace, g);
    if (one.verdict != verdict)
        fail_msg("found %s, expected %s", goleak_verdict_name(one.verdict), goleak_verdict_name(verdict));
    if (rule == NULL) {
        assert_int_equal(one.evidence_count, 0);
        return;
    }
    assert_true(one.evidence_count >= 1);
    assert_string_equal(one.evidence[0].rule, rule);
    assert_true(strlen(one.evidence[0].text) > 10);
}

static void what_cannot_wake_by_construction_is_certain(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 goid=7 ts=1000\n"
                                      "gopark: goroutine=c000102000 goid=7 reason=1 wait=17 ts=2000\n"
                                      "newproc1: goroutine=c000102380 goid=8 ts=5000\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_CERTAIN, "forever");
    assert_true(has_value(&g, "wait_ns", 3000));
    assert_int_equal(load_summary(trace).verdicts[GOLEAK_VERDICT_CERTAIN], 1);
    assert_int_equal(load_summary(trace).leaks, 1);
    goleak_trace_free(trace);
}

static void unless_it_may_be_main(void **state)
{
    /* The recording's first creation, and nothing tells that it is not main. */
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=1000\n"
                                      "gopark: goroutine=c000102000 reason=1 wait=17 ts=2000\n");
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "forever");
    assert_non_null(strstr(load_goroutine(trace, A).evidence[0].text, "main"));
    goleak_trace_free(trace);
}

/* Each of these proves that A is not main. */
static void what_is_not_main_is_proven_in_many_ways(void **state)
{
    static const char *const creations[] = {
        "newproc1: goroutine=c000102000 goid=2 ts=1000\n",
        "newproc1: goroutine=c000102000 parent=c000002380 ts=1000\n", /* its spawner lies in the heap */
        "newproc1: goroutine=c000102000 parentgoid=1 ts=1000\n",
        "newproc1: goroutine=c000102000 fn=main.worker ts=1000\n",
        "newproc1: goroutine=c000102e00 ts=900\nnewproc1: goroutine=c000102000 ts=1000\n", /* not the first */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(creations); i++) {
        char text[256];
        snprintf(text, sizeof text, "%sgopark: goroutine=c000102000 reason=1 wait=17 ts=2000\n", creations[i]);
        struct goleak_trace *trace = load(text);
        if (load_goroutine(trace, A).verdict != GOLEAK_VERDICT_CERTAIN)
            fail_msg("not proven by: %s", creations[i]);
        goleak_trace_free(trace);
    }
    /* rt0_go spawns main from g0, which is a variable of the program. */
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 parent=ad2a40 ts=1000\n"
                                      "gopark: goroutine=c000102000 reason=1 wait=17 ts=2000\n");
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "forever");
    goleak_trace_free(trace);
}

static void main_waits_and_does_not_leak(void **state)
{
    static const char *const texts[] = {
        "newproc1: goroutine=c000102000 goid=1 ts=1000\ngopark: goroutine=c000102000 goid=1 reason=1 wait=17 ts=2000\n",
        "main.main: goroutine=c000102000 ts=1000\ngopark: goroutine=c000102000 reason=7 wait=19 ts=2000\n",
        ("newproc1: goroutine=c000102000 fn=runtime.main ts=1000\n"
         "gopark: goroutine=c000102000 reason=3 wait=18 ts=2000\n"),
        "gopark: goroutine=c000102000 goid=1 reason=5 wait=25 ts=2000\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct goleak_trace *trace = load(texts[i]);
        expect(trace, A, GOLEAK_VERDICT_WAITING, "main");
        assert_int_equal(load_summary(trace).leaks, 0);
        assert_int_equal(load_summary(trace).blocked_at_end, 1);
        goleak_trace_free(trace);
    }
}

static void blocked_on_the_leak_capable_set_is_likely(void **state)
{
    static const struct {
        unsigned reason, wait;
        const char *word;
    } cases[] = {
        { 3, 18, "select" }, { 4, 21, "sync.(*Cond).Wait" }, { 5, 22, "sync" }, { 6, 20, "chan send" },
        { 7, 19, "chan receive" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        snprintf(text, sizeof text, "newproc1: goroutine=c000102000 goid=7 ts=1000\n"
                                    "gopark: goroutine=c000102000 goid=7 reason=%u wait=%u ts=2000\n",
                 cases[i].reason, cases[i].wait);
        struct goleak_trace *trace = load(text);
        struct goleak_goroutine g = load_goroutine(trace, A);
        expect(trace, A, GOLEAK_VERDICT_LIKELY, "blocked");
        assert_non_null(strstr(g.evidence[0].text, cases[i].word));
        assert_true(has_value(&g, "wait_ns", 0));
        goleak_trace_free(trace);
    }
}

static void without_time_waits_are_told_in_events(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 goid=7\n"
                                      "gopark: goroutine=c000102000 goid=7 reason=6\n"
                                      "newproc1: goroutine=c000102380 goid=8\n"
                                      "execute: goroutine=c000102380 goid=8\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    assert_true(has_value(&g, "wait_events", 2));
    assert_false(has_value(&g, "wait_ns", 2));
    goleak_trace_free(trace);
}

static void what_something_outside_ends_is_waiting(void **state)
{
    static const unsigned reasons[] = { 2, 8, 9, 13, 14, 15, 16 };
    (void)state;
    for (size_t i = 0; i < COUNT(reasons); i++) {
        char text[256];
        snprintf(text, sizeof text, "newproc1: goroutine=c000102000 goid=7 ts=1000\n"
                                    "gopark: goroutine=c000102000 goid=7 reason=%u ts=2000\n",
                 reasons[i]);
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        options.go_version = "1.26";
        struct goleak_trace *trace = load_with(&options, text);
        expect(trace, A, GOLEAK_VERDICT_WAITING, "waits");
        goleak_trace_free(trace);
    }
}

static void a_panicking_wait_is_no_leak(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.go_version = "1.26";
    struct goleak_trace *trace = load_with(&options, "newproc1: goroutine=c000102000 goid=7 ts=1000\n"
                                                     "gopark: goroutine=c000102000 goid=7 reason=1 wait=6 ts=2000\n");
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_WAITING, "panic-wait");
    assert_int_equal(load_summary(trace).leaks, 0);
    assert_int_equal(load_summary(trace).blocked_at_end, 0);
    goleak_trace_free(trace);
}

static void young_waits_are_no_leaks_where_a_least_age_is_asked(void **state)
{
    static const char text[] = "newproc1: goroutine=c000102000 goid=7 ts=1000\n"
                               "gopark: goroutine=c000102000 goid=7 reason=6 ts=2000\n"
                               "newproc1: goroutine=c000102380 goid=8 ts=2500\n"
                               "gopark: goroutine=c000102380 goid=8 reason=1 ts=2600\n"
                               "newproc1: goroutine=c000102700 goid=9 ts=5000\n";
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    (void)state;
    options.min_age_ns = 3000;
    struct goleak_trace *trace = load_with(&options, text);
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "blocked"); /* 3000 is old enough */
    expect(trace, 0xc000102380, GOLEAK_VERDICT_CERTAIN, "forever"); /* at any age */
    goleak_trace_free(trace);
    options.min_age_ns = 3001;
    trace = load_with(&options, text);
    struct goleak_goroutine g = load_goroutine(trace, A);
    expect(trace, A, GOLEAK_VERDICT_WAITING, "too-young");
    assert_true(has_value(&g, "wait_ns", 3000));
    assert_true(has_value(&g, "min_age_ns", 3001));
    assert_int_equal(load_summary(trace).leaks, 1);
    goleak_trace_free(trace);
}

static void the_naive_script_makes_suspects(void **state)
{
    struct goleak_trace *trace = load("goroutine 14000102fc0 created: count=1\n"
                                      "goroutine 14000103180 created: count=2\n"
                                      "goroutine 14000103180 destroyed: count=1\n");
    (void)state;
    expect(trace, 0x14000102fc0, GOLEAK_VERDICT_SUSPECT, "alive-only");
    assert_int_equal(load_summary(trace).verdicts[GOLEAK_VERDICT_SUSPECT], 1);
    assert_int_equal(load_summary(trace).leaks, 0);
    assert_false(load_capture(trace).has_blocking);
    assert_string_equal(load_input(trace).form, "naive");
    goleak_trace_free(trace);
}

static void what_runs_runs(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 goid=7 ts=1000\n"
                                      "newproc1: goroutine=c000102380 goid=8 ts=1100\n"
                                      "execute: goroutine=c000102380 goid=8 ts=1200\n"
                                      "gopark: goroutine=c000102700 goid=9 reason=14 ts=1300\n");
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_RUNNING, NULL);
    expect(trace, 0xc000102380, GOLEAK_VERDICT_RUNNING, NULL);
    assert_int_equal(load_summary(trace).verdicts[GOLEAK_VERDICT_RUNNING], 2);
    goleak_trace_free(trace);
}

static void what_nothing_tells_of_is_unknown(void **state)
{
    struct goleak_trace *trace = load("gopark: goroutine=c000102000 goid=7 ts=1000\n" /* no reason */
                                      "chansend1: goroutine=c000102380 goid=8 ts=2000\n");
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_UNKNOWN, "waits");
    expect(trace, 0xc000102380, GOLEAK_VERDICT_UNKNOWN, "untold");
    goleak_trace_free(trace);
}

static void every_living_one_has_one_verdict(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000000380 goid=2 ts=10\n"
                                      "newproc1: goroutine=c000000700 goid=3 ts=20\n"
                                      "newproc1: goroutine=c000000a80 goid=4 ts=30\n"
                                      "newproc1: goroutine=c000000e00 goid=5 ts=40\n"
                                      "gopark: goroutine=c000000380 goid=2 reason=1 ts=50\n"
                                      "gopark: goroutine=c000000700 goid=3 reason=6 ts=60\n"
                                      "gopark: goroutine=c000000a80 goid=4 reason=14 ts=70\n"
                                      "newproc1: goroutine=c000001180 goid=6 ts=80\n"
                                      "gdestroy: goroutine=c000001180 goid=6 ts=90\n");
    struct goleak_summary sum = load_summary(trace);
    uint64_t living = 0;
    (void)state;
    for (int verdict = 0; verdict < GOLEAK_VERDICT_ENDED; verdict++)
        living += sum.verdicts[verdict];
    assert_int_equal(living, sum.live_at_end);
    assert_int_equal(sum.verdicts[GOLEAK_VERDICT_ENDED], 1);
    assert_int_equal(sum.leaks, sum.verdicts[GOLEAK_VERDICT_CERTAIN] + sum.verdicts[GOLEAK_VERDICT_LIKELY]);
    assert_int_equal(sum.leaks, 2);
    goleak_trace_free(trace);
}

static void verdicts_and_states_have_words(void **state)
{
    (void)state;
    assert_string_equal(goleak_verdict_name(GOLEAK_VERDICT_CERTAIN), "certain");
    assert_string_equal(goleak_verdict_name(GOLEAK_VERDICT_ENDED), "ended");
    assert_string_equal(goleak_verdict_name(GOLEAK_VERDICT_COUNT), "?");
    assert_string_equal(goleak_state_name(GOLEAK_STATE_WAITING), "waiting");
    assert_string_equal(goleak_state_name((enum goleak_state)99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_wake_by_construction_is_certain),
        cmocka_unit_test(unless_it_may_be_main),
        cmocka_unit_test(what_is_not_main_is_proven_in_many_ways),
        cmocka_unit_test(main_waits_and_does_not_leak),
        cmocka_unit_test(blocked_on_the_leak_capable_set_is_likely),
        cmocka_unit_test(without_time_waits_are_told_in_events),
        cmocka_unit_test(what_something_outside_ends_is_waiting),
        cmocka_unit_test(a_panicking_wait_is_no_leak),
        cmocka_unit_test(young_waits_are_no_leaks_where_a_least_age_is_asked),
        cmocka_unit_test(the_naive_script_makes_suspects),
        cmocka_unit_test(what_runs_runs),
        cmocka_unit_test(what_nothing_tells_of_is_unknown),
        cmocka_unit_test(every_living_one_has_one_verdict),
        cmocka_unit_test(verdicts_and_states_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
