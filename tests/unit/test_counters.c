/*
 * test_counters - without timestamps, the counters that a script prints tell the
 * order, over a few lines; and where they cannot be right they are not believed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "support/load.h"

static struct goleak_alloc heap; /* malloc, for the tests' own texts */

static int set_up(void **state)
{
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    return 0;
}

/* ---- the article's samples ------------------------------------------------ */

static void the_articles_leaky_program_leaks_three(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0\n"
                                      "newproc1: goroutine=14000003880 parent=1374389543360 count=2 blocked_count=0\n"
                                      "newproc1: goroutine=14000003a40 parent=1374389543360 count=3 blocked_count=0\n"
                                      "gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
                                      "gopark: goroutine=14000003a40 blocked=1 reason=6 blocked_count=2\n"
                                      "gopark: goroutine=14000003880 blocked=1 reason=6 blocked_count=3\n"
                                      "END: count=3 blocked_count=3\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 3);
    assert_int_equal(sum.ended, 0);
    assert_int_equal(sum.blocked_at_end, 3);
    assert_int_equal(sum.leaks, 3);
    assert_int_equal(load_count(trace, "reordered"), 0);
    assert_int_equal(load_count(trace, "counter_mismatch"), 0);
    goleak_trace_free(trace);
}

/* The park is printed behind the end of another goroutine, whose blocked_count=1 it
 * had raised before. */
static void the_articles_fixed_program_leaks_none(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0\n"
                                      "newproc1: goroutine=14000003880 parent=1374389543360 count=2 blocked_count=0\n"
                                      "newproc1: goroutine=14000003a40 parent=1374389543360 count=3 blocked_count=0\n"
                                      "godestroy: goroutine=140000036c0 count=2 blocked_count=1\n"
                                      "gopark: goroutine=14000003a40 blocked=1 reason=6 blocked_count=1\n"
                                      "godestroy: goroutine=14000003a40 count=1 blocked_count=0\n"
                                      "godestroy: goroutine=14000003880 count=0 blocked_count=0\n"
                                      "END: count=0 blocked_count=0\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_health health = load_health(trace, "reordered");
    (void)state;
    assert_int_equal(sum.created, 3);
    assert_int_equal(sum.ended, 3);
    assert_int_equal(sum.live_at_end, 0);
    assert_int_equal(sum.blocked_at_end, 0);
    assert_int_equal(sum.peak_blocked, 1);
    assert_int_equal(sum.leaks, 0);
    assert_int_equal(health.count, 1);
    assert_int_equal(health.line, 5);
    assert_string_equal(health.detail, "the park of g 14000003a40 is printed behind line 4, whose counters "
                                       "come after it");
    assert_int_equal(load_count(trace, "counter_mismatch"), 0); /* in that order they are right */
    goleak_trace_free(trace);
}

/* ---- repairs -------------------------------------------------------------- */

static void creations_that_changed_places_are_put_right(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 count=1 blocked_count=0\n"
                                      "newproc1: goroutine=c000102700 count=3 blocked_count=0\n"
                                      "newproc1: goroutine=c000102380 count=2 blocked_count=0\n"
                                      "newproc1: goroutine=c000102a80 count=4 blocked_count=0\n");
    (void)state;
    assert_int_equal(load_goroutine(trace, 0xc000102380).created_event, 2);
    assert_int_equal(load_goroutine(trace, 0xc000102700).created_event, 3);
    assert_int_equal(load_count(trace, "reordered"), 1);
    assert_int_equal(load_health(trace, "reordered").line, 3);
    assert_int_equal(load_count(trace, "counter_mismatch"), 0);
    goleak_trace_free(trace);
}

static void an_end_printed_before_the_creation_that_its_counter_needs(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 count=1 blocked_count=0\n"
                                      "godestroy: goroutine=c000102000 count=1 blocked_count=0\n"
                                      "newproc1: goroutine=c000102380 count=2 blocked_count=0\n"
                                      "END: count=1 blocked_count=0\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.peak_live, 2); /* both lived at once */
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(load_count(trace, "counter_mismatch"), 0);
    goleak_trace_free(trace);
}

static void lines_of_one_goroutine_do_not_overtake_each_other(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 count=1 blocked_count=0\n"
                                      "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=2\n" /* waits */
                                      "gopark: goroutine=c000102000 blocked=1 reason=7 blocked_count=1\n"
                                      "END: count=1 blocked_count=1\n");
    (void)state;
    assert_int_equal(load_goroutine(trace, 0xc000102000).reason, GOLEAK_REASON_CHAN_RECV);
    goleak_trace_free(trace);
}

static void ready_lowers_the_blocked_count_in_silence(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 count=1 blocked_count=0\n"
                                      "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
                                      "newproc1: goroutine=c000102380 count=2 blocked_count=0\n"
                                      "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n");
    (void)state;
    assert_int_equal(load_count(trace, "reordered"), 0);
    assert_int_equal(load_goroutine(trace, 0xc000102000).blocked_since_event, 4);
    goleak_trace_free(trace);
}

/* ---- where they prove nothing --------------------------------------------- */

/* A line is lost: all later counters are off by one, and nothing may be held up. */
static void a_lost_line_costs_one_goroutine_and_no_more(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    for (unsigned i = 1; i <= 500; i++)
        if (i != 100)
            goleak_buf_printf(&text, "newproc1: goroutine=c%09x parent=824633729920 count=%u blocked_count=0\n",
                              i * 0x380, i);
    for (unsigned i = 1; i <= 500; i++)
        if (i % 2 == 0 && i != 100)
            goleak_buf_printf(&text, "godestroy: goroutine=c%09x count=%u blocked_count=0\n", i * 0x380, 500 - i / 2);
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    struct goleak_summary sum = load_summary(trace);
    assert_int_equal(sum.created, 499);
    assert_int_equal(sum.ended, 249);
    assert_int_equal(sum.preexisting, 0);
    assert_int_equal(sum.peak_live, 499);
    assert_true(load_count(trace, "counter_mismatch") > 0);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

/* The missing line comes, but so late that the counters prove nothing any more:
 * what waits goes as it was printed. */
static void patience_ends_after_a_few_lines(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    goleak_buf_text(&text, "newproc1: goroutine=c000102000 count=1 blocked_count=0\n");
    for (unsigned i = 3; i <= 60; i++)
        goleak_buf_printf(&text, "newproc1: goroutine=c1%08x count=%u blocked_count=0\n", i * 0x380, i);
    goleak_buf_text(&text, "newproc1: goroutine=c000102380 count=2 blocked_count=0\n");
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    assert_int_equal(load_summary(trace).created, 60);
    assert_int_equal(load_goroutine(trace, 0xc000102380).created_event, 60);
    assert_int_equal(load_goroutine(trace, 0xc100000000 + 3 * 0x380).created_event, 2);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

/* Counters that are noise from the first line to the last: the lines are replayed
 * as they were printed, all of them. */
static void counters_that_are_noise_are_not_followed(void **state)
{
    struct goleak_buf text;
    uint32_t seed = 3;
    (void)state;
    goleak_buf_init(&text, &heap);
    for (unsigned i = 1; i <= 5000; i++) {
        seed = seed * 1664525u + 1013904223u;
        goleak_buf_printf(&text, "newproc1: goroutine=c%09x parent=824633729920 count=%d blocked_count=%d\n",
                          i * 0x380, (int)(seed >> 20) - 2000, (int)(seed >> 12 & 255) - 100);
        if (i % 3 != 0)
            goleak_buf_printf(&text, "gopark: goroutine=c%09x blocked=1 reason=7 blocked_count=%d\n", i * 0x380,
                              (int)(seed >> 4 & 255) - 100);
        if (i % 6 == 1)
            goleak_buf_printf(&text, "godestroy: goroutine=c%09x count=%d blocked_count=%d\n", i * 0x380,
                              (int)(seed & 255), (int)(seed >> 8 & 63));
    }
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    struct goleak_summary sum = load_summary(trace);
    assert_int_equal(sum.created, 5000);
    assert_int_equal(sum.ended, 834);
    assert_int_equal(sum.preexisting, 0);
    assert_int_equal(sum.blocked_at_end, 3334 - 834);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

static void negative_counters_are_normal(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 count=1 blocked_count=0\n"
                                      "gopark: goroutine=c000102000 blocked=0 reason=14 blocked_count=-1\n"
                                      "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=0\n"
                                      "END: count=1 blocked_count=-1\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.blocked_at_end, 1);
    assert_int_equal(load_goroutine(trace, 0xc000102000).reason, GOLEAK_REASON_CHAN_SEND);
    assert_true(load_capture(trace).printed_blocked_count == -1);
    goleak_trace_free(trace);
}

/* However the bytes come, lines wait and go alike. */
static void pieces_of_any_size_give_the_same(void **state)
{
    static const char text[] = "newproc1: goroutine=c000102000 count=1 blocked_count=0\n"
                               "newproc1: goroutine=c000102700 count=3 blocked_count=0\n"
                               "gopark: goroutine=c000102700 blocked=1 reason=6 blocked_count=1\n"
                               "newproc1: goroutine=c000102380 count=2 blocked_count=0\n"
                               "godestroy: goroutine=c000102000 count=2 blocked_count=1\n";
    struct goleak_trace *whole = load(text);
    struct goleak_summary expected = load_summary(whole);
    (void)state;
    for (size_t step = 1; step < sizeof text; step += 13) {
        struct goleak_trace *trace = load_pieces(NULL, text, sizeof text - 1, step);
        struct goleak_summary sum = load_summary(trace);
        assert_memory_equal(&sum, &expected, sizeof sum);
        assert_int_equal(load_count(trace, "reordered"), load_count(whole, "reordered"));
        goleak_trace_free(trace);
    }
    assert_int_equal(load_count(whole, "reordered"), 1);
    goleak_trace_free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_articles_leaky_program_leaks_three),
        cmocka_unit_test(the_articles_fixed_program_leaks_none),
        cmocka_unit_test(creations_that_changed_places_are_put_right),
        cmocka_unit_test(an_end_printed_before_the_creation_that_its_counter_needs),
        cmocka_unit_test(lines_of_one_goroutine_do_not_overtake_each_other),
        cmocka_unit_test(ready_lowers_the_blocked_count_in_silence),
        cmocka_unit_test_setup(a_lost_line_costs_one_goroutine_and_no_more, set_up),
        cmocka_unit_test_setup(patience_ends_after_a_few_lines, set_up),
        cmocka_unit_test_setup(counters_that_are_noise_are_not_followed, set_up),
        cmocka_unit_test(negative_counters_are_normal),
        cmocka_unit_test(pieces_of_any_size_give_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
