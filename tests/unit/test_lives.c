/*
 * test_lives - without timestamps, a goroutine's own life tells the order, over as
 * many lines as recorders' buffers hold.
 *
 * The pattern is that of a busy server under the article's script on two CPUs: the
 * second CPU's buffer, printed behind the first one's, holds the creations of
 * goroutines whose ends, and whose addresses' next lives, stand before it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "support/glk_bytes.h"
#include "support/load.h"

#define P "parent=824633729920 "
#define A 0xc000102000
#define B 0xc000102380
#define C 0xc000102700

static struct goleak_alloc heap; /* malloc, for the tests' own texts */

static int set_up(void **state)
{
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    return 0;
}

static void expect_no_repair_failed(const struct goleak_trace *trace)
{
    static const char *const nothing[] = { "late_events", "implicit_ends", "impossible_transitions",
                                           "unbalanced_ends" };
    for (size_t i = 0; i < COUNT(nothing); i++)
        if (load_count(trace, nothing[i]) != 0)
            fail_msg("%s: %s", nothing[i], load_health(trace, nothing[i]).detail);
}

/* ---- the pattern ---------------------------------------------------------- */

static void an_end_printed_before_its_creation_waits_for_it(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n"
                                      "newproc1: goroutine=c000102380 " P "count=2 blocked_count=0\n"
                                      "gopark: goroutine=c000102000 blocked=1 reason=3 blocked_count=1\n"
                                      "godestroy: goroutine=c000102700 count=3 blocked_count=1\n"
                                      "gopark: goroutine=c000102380 blocked=1 reason=3 blocked_count=2\n"
                                      "newproc1: goroutine=c000102a80 " P "count=4 blocked_count=2\n"
                                      /* the other CPU */
                                      "newproc1: goroutine=c000102700 " P "count=3 blocked_count=1\n"
                                      "gopark: goroutine=c000102700 blocked=0 reason=2 blocked_count=1\n"
                                      "newproc1: goroutine=c000102e00 " P "count=4 blocked_count=1\n"
                                      "END: count=4 blocked_count=2\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 5);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.preexisting, 0);
    assert_int_equal(sum.live_at_end, 4);
    assert_int_equal(sum.blocked_at_end, 2);
    assert_false(load_has(trace, C));
    assert_true(load_count(trace, "reordered") > 0);
    expect_no_repair_failed(trace);
    goleak_trace_free(trace);
}

/* destroy, create, park of the second life; then, from the other CPU, create and
 * park of the first. */
static void two_lives_of_an_address_are_put_one_after_the_other(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n"
                                      "godestroy: goroutine=c000102700 count=2 blocked_count=0\n"
                                      "newproc1: goroutine=c000102700 " P "count=3 blocked_count=0\n"
                                      "newproc1: goroutine=c000102a80 " P "count=4 blocked_count=0\n"
                                      "gopark: goroutine=c000102700 blocked=1 reason=3 blocked_count=1\n"
                                      /* the other CPU */
                                      "newproc1: goroutine=c000102380 " P "count=2 blocked_count=0\n"
                                      "newproc1: goroutine=c000102700 " P "count=3 blocked_count=0\n"
                                      "gopark: goroutine=c000102700 blocked=0 reason=2 blocked_count=0\n"
                                      "END: count=4 blocked_count=1\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_goroutine g = load_goroutine(trace, C);
    (void)state;
    assert_int_equal(sum.created, 5);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.preexisting, 0);
    assert_int_equal(sum.live_at_end, 4);
    assert_int_equal(g.incarnation, 2);
    /* Which park was the last cannot be told without the CPU. */
    assert_int_equal(g.state, GOLEAK_STATE_WAITING);
    expect_no_repair_failed(trace);
    goleak_trace_free(trace);
}

static void a_park_printed_before_its_creation_waits_for_it(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n"
                                      "gopark: goroutine=c000102380 blocked=1 reason=6 blocked_count=1\n"
                                      "gopark: goroutine=c000102000 blocked=0 reason=14 blocked_count=1\n"
                                      "newproc1: goroutine=c000102380 " P "count=2 blocked_count=0\n"
                                      "END: count=2 blocked_count=1\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 2);
    assert_int_equal(sum.preexisting, 0);
    assert_int_equal(sum.blocked_at_end, 1);
    assert_int_equal(load_goroutine(trace, B).reason, GOLEAK_REASON_CHAN_SEND);
    assert_true(load_goroutine(trace, B).created_event < load_goroutine(trace, B).blocked_since_event);
    expect_no_repair_failed(trace);
    goleak_trace_free(trace);
}

static void a_creation_of_a_living_one_waits_for_its_end(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n"
                                      "newproc1: goroutine=c000102380 " P "count=2 blocked_count=0\n"
                                      "newproc1: goroutine=c000102000 " P "count=2 blocked_count=0\n"
                                      "gopark: goroutine=c000102380 blocked=1 reason=6 blocked_count=1\n"
                                      "godestroy: goroutine=c000102000 count=1 blocked_count=0\n"
                                      "END: count=2 blocked_count=1\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 3);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.live_at_end, 2);
    assert_int_equal(load_goroutine(trace, A).incarnation, 2);
    expect_no_repair_failed(trace);
    goleak_trace_free(trace);
}

/* ---- far apart, and many -------------------------------------------------- */

static void the_missing_line_may_be_thousands_of_lines_away(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    goleak_buf_text(&text, "newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n"
                           "godestroy: goroutine=c000102380 count=1 blocked_count=0\n"
                           "newproc1: goroutine=c000102380 " P "count=2 blocked_count=0\n"
                           "gopark: goroutine=c000102380 blocked=1 reason=7 blocked_count=1\n");
    for (unsigned i = 0; i < 5000; i++) {
        goleak_buf_printf(&text, "newproc1: goroutine=c1%08x " P "count=3 blocked_count=1\n", i * 0x380);
        goleak_buf_printf(&text, "godestroy: goroutine=c1%08x count=2 blocked_count=1\n", i * 0x380);
    }
    goleak_buf_text(&text, "newproc1: goroutine=c000102380 " P "count=2 blocked_count=0\n"
                           "END: count=2 blocked_count=1\n");
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    struct goleak_summary sum = load_summary(trace);
    assert_int_equal(sum.created, 5003);
    assert_int_equal(sum.ended, 5001);
    assert_int_equal(sum.preexisting, 0);
    /* The park is taken for one of the first life: lines so far apart, and of no CPU,
     * do not tell. */
    assert_int_equal(load_goroutine(trace, B).incarnation, 2);
    expect_no_repair_failed(trace);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

/* Two CPUs, many short lives on few addresses: each life's lines stand in either
 * buffer. Counted: no creation and no end may be lost, whatever the order. */
static void buffers_of_two_cpus_keep_every_life(void **state)
{
    enum { LIVES = 3000, ADDRESSES = 40, PERIOD = 200 };
    struct goleak_buf cpu[2], text;
    uint32_t seed = 11;
    unsigned alive[ADDRESSES] = { 0 }, count = 0, created = 0, ended = 0;
    (void)state;
    for (int i = 0; i < 2; i++)
        goleak_buf_init(&cpu[i], &heap);
    goleak_buf_init(&text, &heap);
    for (unsigned i = 1; created < LIVES; i++) {
        seed = seed * 1664525u + 1013904223u;
        unsigned which = seed >> 8 & 1, slot = (seed >> 16) % ADDRESSES;
        if (alive[slot] == 0) {
            alive[slot] = 1;
            created++;
            goleak_buf_printf(&cpu[which], "newproc1: goroutine=c%09x " P "count=%u blocked_count=0\n", slot * 0x380,
                              ++count);
        } else {
            alive[slot] = 0;
            ended++;
            goleak_buf_printf(&cpu[which], "godestroy: goroutine=c%09x count=%u blocked_count=0\n", slot * 0x380,
                              --count);
        }
        if (i % PERIOD == 0 || created == LIVES)
            for (int k = 2; k-- > 0;) {
                goleak_buf_append(&text, cpu[k].data, cpu[k].size);
                cpu[k].size = 0;
            }
    }
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    struct goleak_summary sum = load_summary(trace);
    assert_int_equal(sum.created, created);
    assert_int_equal(sum.ended, ended);
    assert_int_equal(sum.live_at_end, count);
    assert_int_equal(sum.preexisting, 0);
    assert_true(load_count(trace, "reordered") > 100);
    for (unsigned slot = 0; slot < ADDRESSES; slot++)
        assert_int_equal(load_has(trace, 0xc000000000 + slot * 0x380), alive[slot]);
    goleak_trace_free(trace);
    for (int i = 0; i < 2; i++)
        goleak_buf_release(&cpu[i]);
    goleak_buf_release(&text);
}

/* ---- what never fits ------------------------------------------------------ */

static void an_end_without_any_creation_was_there_before(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n"
                                      "godestroy: goroutine=c000102380 count=0 blocked_count=0\n"
                                      "END: count=0 blocked_count=0\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 1);
    assert_int_equal(sum.preexisting, 1);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(load_count(trace, "unbalanced_ends"), 1);
    assert_int_equal(load_health(trace, "late_events").line, 2);
    goleak_trace_free(trace);
}

static void a_second_end_is_told_and_not_counted(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n"
                                      "godestroy: goroutine=c000102000 count=0 blocked_count=0\n"
                                      "godestroy: goroutine=c000102000 count=-1 blocked_count=0\n"
                                      "END: count=-1 blocked_count=0\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 1);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.preexisting, 0);
    assert_int_equal(sum.live_at_end, 0);
    assert_int_equal(load_health(trace, "impossible_transitions").line, 3);
    goleak_trace_free(trace);
}

static void a_creation_whose_end_was_lost_is_an_implicit_end(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n"
                                      "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
                                      "newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n"
                                      "END: count=1 blocked_count=0\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 2);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.live_at_end, 1);
    assert_int_equal(sum.blocked_at_end, 0);
    assert_int_equal(load_health(trace, "implicit_ends").line, 3);
    goleak_trace_free(trace);
}

/* A recording that joined late: nothing is ever possible, and nothing is kept for
 * ever. */
static void what_waits_is_bounded(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    for (unsigned i = 0; i < 50000; i++)
        goleak_buf_printf(&text, "gopark: goroutine=c%09x blocked=1 reason=6 blocked_count=%u\n", i % 9000 * 0x380,
                          i < 9000 ? i + 1 : 9000);
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.max_memory_bytes = (uint64_t)24 << 20;
    struct goleak_trace *trace = load_pieces(&options, text.data, text.size, 0);
    struct goleak_summary sum = load_summary(trace);
    assert_int_equal(sum.preexisting, 9000);
    assert_int_equal(sum.blocked_at_end, 9000);
    assert_int_equal(load_capture(trace).events, 50000);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

/* Behind a creation that waits for an end which was lost. */
static void what_waits_behind_a_creation_is_bounded(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    goleak_buf_text(&text, "newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n"
                           "newproc1: goroutine=c000102000 " P "count=1 blocked_count=0\n");
    for (unsigned i = 0; i < 200000; i++)
        goleak_buf_text(&text, "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n");
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.max_memory_bytes = (uint64_t)12 << 20;
    struct goleak_trace *trace = load_pieces(&options, text.data, text.size, 0);
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(load_summary(trace).live_at_end, 1);
    assert_int_equal(load_count(trace, "implicit_ends"), 1);
    assert_int_equal(load_capture(trace).events, 200002);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

/* A .glk says itself at which lines its events were. */
static void lines_may_have_any_numbers(void **state)
{
    static const uint64_t firsts[] = { UINT64_MAX, UINT64_MAX - 3, UINT64_MAX - 70 };
    const struct goleak_writer_source source = { .name = "trace.txt", .format = "bpftrace" };
    (void)state;
    for (size_t i = 0; i < COUNT(firsts); i++) {
        struct bytes glk = { 0 };
        struct goleak_writer *writer;
        struct goleak_event event = { .kind = GOLEAK_EVENT_CREATE, .position = firsts[i] };
        event.has = GOLEAK_HAS_G | GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT;
        assert_int_equal(goleak_writer_new(&writer, &source, 1, NULL, glk_bytes_write, &glk, NULL), GOLEAK_OK);
        for (unsigned k = 0; k < 100; k++) { /* each is printed twice, its end between the two */
            event.kind = k % 3 != 1 ? GOLEAK_EVENT_CREATE : GOLEAK_EVENT_END;
            event.g = A + k / 6 * 0x380;
            event.count = (int32_t)(k % 5);
            assert_int_equal(goleak_writer_event(writer, 0, &event, NULL), GOLEAK_OK);
            event.position += event.position != UINT64_MAX;
        }
        assert_int_equal(goleak_writer_finish(writer, NULL), GOLEAK_OK);
        goleak_writer_free(writer);
        struct goleak_trace *trace = load_pieces(NULL, glk.data, glk.size, 0);
        assert_int_equal(load_capture(trace).events, 100);
        goleak_trace_free(trace);
        bytes_free(&glk);
    }
}

/* A script that prints no counters prints goroutines that it did not see begin. */
static void without_counters_nothing_waits(void **state)
{
    struct goleak_trace *trace = load("gopark: goroutine=c000102000 reason=6\n"
                                      "newproc1: goroutine=c000102380\n"
                                      "gdestroy: goroutine=c000102700\n");
    (void)state;
    assert_int_equal(load_goroutine(trace, A).blocked_since_event, 1);
    assert_int_equal(load_count(trace, "late_events"), 0);
    assert_int_equal(load_summary(trace).preexisting, 2);
    goleak_trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_printed_before_its_creation_waits_for_it),
        cmocka_unit_test(two_lives_of_an_address_are_put_one_after_the_other),
        cmocka_unit_test(a_park_printed_before_its_creation_waits_for_it),
        cmocka_unit_test(a_creation_of_a_living_one_waits_for_its_end),
        cmocka_unit_test_setup(the_missing_line_may_be_thousands_of_lines_away, set_up),
        cmocka_unit_test_setup(buffers_of_two_cpus_keep_every_life, set_up),
        cmocka_unit_test(an_end_without_any_creation_was_there_before),
        cmocka_unit_test(a_second_end_is_told_and_not_counted),
        cmocka_unit_test(a_creation_whose_end_was_lost_is_an_implicit_end),
        cmocka_unit_test_setup(what_waits_is_bounded, set_up),
        cmocka_unit_test_setup(what_waits_behind_a_creation_is_bounded, set_up),
        cmocka_unit_test(lines_may_have_any_numbers),
        cmocka_unit_test(without_counters_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
