/* test_groups - leaks that are alike stand together, worst first, oldest as examples. */
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "support/load.h"
#include "support/recordings.h"

static struct goleak_alloc heap; /* malloc, for the tests' own texts */

static int set_up(void **state)
{
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    return 0;
}

static struct goleak_trace *load_buf(struct goleak_buf *text)
{
    assert_false(text->failed);
    struct goleak_trace *trace = load_pieces(NULL, text->data, text->size, 0);
    goleak_buf_release(text);
    return trace;
}

/* One goroutine that is spawned by `spawner` and parks in `blocker`. */
static void add(struct goleak_buf *text, unsigned goid, unsigned ts, const char *spawner, const char *blocker,
                const char *reason)
{
    goleak_buf_printf(text, "newproc1: goroutine=c%09x goid=%u fn=%s.func1 ts=%u\n", goid * 0x380, goid, spawner, ts);
    goleak_buf_printf(text, "        runtime.newproc+63\n        %s+16\n", spawner);
    goleak_buf_printf(text, "gopark: goroutine=c%09x goid=%u %s ts=%u\n", goid * 0x380, goid, reason, ts + 1);
    goleak_buf_printf(text, "        runtime.gopark+14\n        %s+32\n", blocker);
}

static void alike_is_verdict_reason_site_and_place(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    add(&text, 10, 100, "main.f", "main.send", "reason=6 wait=20");
    add(&text, 11, 200, "main.f", "main.send", "reason=6 wait=20"); /* alike */
    add(&text, 12, 300, "main.g", "main.send", "reason=6 wait=20"); /* another site */
    add(&text, 13, 400, "main.f", "main.other", "reason=6 wait=20"); /* another place */
    add(&text, 14, 500, "main.f", "main.send", "reason=7 wait=19"); /* another reason */
    add(&text, 15, 600, "main.f", "main.send", "reason=5 wait=22"); /* sync: Mutex … */
    add(&text, 16, 700, "main.f", "main.send", "reason=5 wait=25"); /* … or WaitGroup */
    struct goleak_trace *trace = load_buf(&text);
    assert_int_equal(load_leak_count(trace), 5);
    struct goleak_leak leak = load_leak(trace, 0);
    assert_int_equal(leak.count, 2);
    assert_int_equal(leak.verdict, GOLEAK_VERDICT_LIKELY);
    assert_int_equal(leak.reason, GOLEAK_REASON_CHAN_SEND);
    assert_string_equal(leak.wait_reason, "chan send");
    assert_string_equal(leak.created_at, "main.f+0x10");
    assert_string_equal(leak.start_function, "main.f.func1");
    assert_string_equal(leak.blocked_at, "main.send+0x20");
    assert_int_equal(leak.oldest_wait_ns, 701 - 101);
    assert_int_equal(leak.youngest_wait_ns, 701 - 201);
    assert_int_equal(leak.oldest_wait_events, GOLEAK_NONE);
    goleak_trace_free(trace);
}

static void the_most_severe_stands_first_then_the_largest_then_the_oldest(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    add(&text, 10, 100, "main.small", "main.send", "reason=6");
    add(&text, 11, 200, "main.large", "main.send", "reason=6");
    add(&text, 12, 300, "main.large", "main.send", "reason=6");
    add(&text, 13, 400, "main.late", "main.send", "reason=6");
    add(&text, 14, 500, "main.sure", "main.wait", "reason=1");
    struct goleak_trace *trace = load_buf(&text);
    assert_int_equal(load_leak_count(trace), 4);
    assert_string_equal(load_leak(trace, 0).start_function, "main.sure.func1");
    assert_int_equal(load_leak(trace, 0).verdict, GOLEAK_VERDICT_CERTAIN);
    assert_string_equal(load_leak(trace, 1).start_function, "main.large.func1");
    assert_string_equal(load_leak(trace, 2).start_function, "main.small.func1");
    assert_string_equal(load_leak(trace, 3).start_function, "main.late.func1");
    goleak_trace_free(trace);
}

static void examples_are_the_oldest_waits_and_the_count_is_exact(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    /* Goids in an order that is not that of their waits: i * 37 runs through all of 0 … 100. */
    for (unsigned i = 0; i < 101; i++)
        goleak_buf_printf(&text, "newproc1: goroutine=c%09x goid=%u fn=main.f ts=%u\n", (i + 1) * 0x380, i + 10, i);
    for (unsigned i = 0; i < 101; i++)
        goleak_buf_printf(&text, "gopark: goroutine=c%09x goid=%u reason=6 ts=%u\n", (i + 1) * 0x380, i + 10,
                          1000 + i * 37 % 101);
    struct goleak_trace *trace = load_buf(&text);
    assert_int_equal(load_leak_count(trace), 1);
    struct goleak_leak leak = load_leak(trace, 0);
    assert_int_equal(leak.count, 101);
    assert_int_equal(leak.example_count, GOLEAK_LEAK_EXAMPLES);
    for (size_t i = 0; i < leak.example_count; i++) {
        assert_int_equal(leak.examples[i].blocked_since_ns, 1000 + i);
        assert_string_equal(leak.examples[i].evidence[0].rule, "blocked");
    }
    assert_int_equal(leak.oldest_wait_ns, 100);
    assert_int_equal(leak.youngest_wait_ns, 0);
    assert_string_equal(leak.evidence[0].rule, "blocked");
    goleak_trace_free(trace);
}

static void a_group_knows_what_its_site_created_and_ended(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    for (unsigned i = 0; i < 20; i++) {
        add(&text, 10 + i, 100 * i, "main.f", "main.send", "reason=6");
        if (i < 15)
            goleak_buf_printf(&text, "gdestroy: goroutine=c%09x goid=%u ts=%u\n", (10 + i) * 0x380, 10 + i,
                              100 * i + 50);
    }
    goleak_buf_printf(&text, "execute: goroutine=c%09x goid=99 ts=1000000\n", 99 * 0x380);
    struct goleak_trace *trace = load_buf(&text);
    struct goleak_leak leak = load_leak(trace, 0);
    assert_int_equal(leak.count, 5);
    assert_int_equal(leak.site_created, 20);
    assert_int_equal(leak.site_ended, 15);
    goleak_trace_free(trace);
}

static void suspects_are_grouped_too_and_the_healthy_are_not(void **state)
{
    struct goleak_trace *naive = load("goroutine 14000102fc0 created: count=1\n"
                                      "goroutine 14000103180 created: count=2\n");
    (void)state;
    assert_int_equal(load_leak_count(naive), 1);
    assert_int_equal(load_leak(naive, 0).count, 2);
    assert_int_equal(load_leak(naive, 0).verdict, GOLEAK_VERDICT_SUSPECT);
    assert_null(load_leak(naive, 0).created_at);
    assert_null(load_leak(naive, 0).blocked_at);
    goleak_trace_free(naive);

    struct goleak_trace *healthy = load("newproc1: goroutine=c000102000 goid=7 ts=1000\n"
                                        "gopark: goroutine=c000102000 goid=7 reason=2 ts=2000\n"
                                        "newproc1: goroutine=c000102380 goid=8 ts=3000\n");
    struct goleak_leak none;
    assert_int_equal(goleak_trace_leak(healthy, 0, &none), GOLEAK_END);
    goleak_trace_free(healthy);
}

static void the_runtimes_own_do_not_leak(void **state)
{
    static const char text[] = "newproc1: goroutine=c000102000 goid=7 fn=runtime.bgsweep ts=1000\n"
                               "gopark: goroutine=c000102000 goid=7 reason=5 ts=2000\n";
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_trace *trace = load(text);
    (void)state;
    assert_int_equal(load_leak_count(trace), 0);
    goleak_trace_free(trace);
    options.include_system = true;
    trace = load_with(&options, text);
    assert_int_equal(load_leak_count(trace), 0);
    assert_int_equal(load_goroutine(trace, 0xc000102000).verdict, GOLEAK_VERDICT_WAITING);
    assert_string_equal(load_goroutine(trace, 0xc000102000).evidence[0].rule, "system");
    goleak_trace_free(trace);
}

static void counts_of_all_groups_are_the_verdicts(void **state)
{
    struct goleak_buf text;
    uint64_t likely = 0, certain = 0;
    (void)state;
    goleak_buf_init(&text, &heap);
    for (unsigned i = 0; i < 300; i++) {
        char site[16], place[16];
        snprintf(site, sizeof site, "main.s%u", i % 7);
        snprintf(place, sizeof place, "main.p%u", i % 11);
        add(&text, 10 + i, 10 * i, site, place, i % 5 == 0 ? "reason=1" : i % 3 == 0 ? "reason=14" : "reason=7");
    }
    struct goleak_trace *trace = load_buf(&text);
    struct goleak_summary sum = load_summary(trace);
    for (size_t i = 0; i < load_leak_count(trace); i++) {
        struct goleak_leak leak = load_leak(trace, i);
        *(leak.verdict == GOLEAK_VERDICT_CERTAIN ? &certain : &likely) += leak.count;
    }
    assert_int_equal(certain, 60);
    assert_int_equal(likely, 160);
    assert_int_equal(sum.verdicts[GOLEAK_VERDICT_CERTAIN], certain);
    assert_int_equal(sum.verdicts[GOLEAK_VERDICT_LIKELY], likely);
    goleak_trace_free(trace);
}

/* One of a bunch is judged for all of it; here each is asked about alone. Calls without a
 * goroutine are counted only. */
static void compare_verdicts(const struct goleak_trace *trace, const char *name)
{
    struct goleak_summary sum = load_summary(trace);
    uint64_t verdicts[GOLEAK_VERDICT_COUNT] = { 0 }, count = 0;
    struct goleak_goroutine_iter it = { 0 };
    struct goleak_goroutine goroutine;
    for (; goleak_goroutine_next(trace, &it, &goroutine) == GOLEAK_OK; count++)
        verdicts[goroutine.verdict]++;
    for (size_t verdict = 0; verdict < GOLEAK_VERDICT_COUNT && count != 0; verdict++)
        if (verdict != GOLEAK_VERDICT_ENDED && sum.verdicts[verdict] != verdicts[verdict])
            fail_msg("%s: %s %" PRIu64 " times, but %" PRIu64 " when asked one by one", name,
                     goleak_verdict_name((enum goleak_verdict)verdict), sum.verdicts[verdict], verdicts[verdict]);
}

static void one_speaks_for_all_of_its_bunch(void **state)
{
    struct bytes recording = { 0 };
    const char *name;
    size_t compared = 0;
    (void)state;
    for (size_t i = 0; bytes_clear(&recording), (name = recording_get(i, &recording)) != NULL; i++) {
        struct goleak_trace *trace;
        assert_int_equal(goleak_trace_new(&trace, NULL, NULL), GOLEAK_OK);
        if (goleak_trace_feed(trace, recording.data, recording.size, NULL) == GOLEAK_OK &&
            goleak_trace_finish(trace, NULL) == GOLEAK_OK) { /* else it has no events */
            compare_verdicts(trace, name);
            compared++;
        }
        goleak_trace_free(trace);
    }
    bytes_free(&recording);
    assert_true(compared > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(alike_is_verdict_reason_site_and_place, set_up),
        cmocka_unit_test_setup(the_most_severe_stands_first_then_the_largest_then_the_oldest, set_up),
        cmocka_unit_test_setup(examples_are_the_oldest_waits_and_the_count_is_exact, set_up),
        cmocka_unit_test_setup(a_group_knows_what_its_site_created_and_ended, set_up),
        cmocka_unit_test(suspects_are_grouped_too_and_the_healthy_are_not),
        cmocka_unit_test(the_runtimes_own_do_not_leak),
        cmocka_unit_test_setup(counts_of_all_groups_are_the_verdicts, set_up),
        cmocka_unit_test(one_speaks_for_all_of_its_bunch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
