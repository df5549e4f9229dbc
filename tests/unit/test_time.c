/* test_time - lines with timestamps are replayed in their order, whatever the order of printing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/pool.h"
#include "replay/order.h"
#include "support/load.h"

#define A 0xc000102000
#define B 0xc000102380

static struct goleak_alloc heap; /* malloc, for the tests' own texts */

static int set_up(void **state)
{
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    return 0;
}

/* ---- a few lines ---------------------------------------------------------- */

static void a_line_printed_late_takes_its_place(void **state)
{
    struct goleak_trace *trace = load("gopark: goroutine=c000102000 reason=6 ts=2000000\n"
                                      "newproc1: goroutine=c000102000 ts=1000000\n"
                                      "newproc1: goroutine=c000102380 ts=3000000\n");
    struct goleak_summary sum = load_summary(trace);
    struct goleak_health health = load_health(trace, "reordered");
    (void)state;
    assert_int_equal(sum.created, 2);
    assert_int_equal(sum.preexisting, 0);
    assert_int_equal(sum.blocked_at_end, 1);
    assert_int_equal(load_goroutine(trace, A).created_ns, 1000000);
    assert_int_equal(load_goroutine(trace, A).blocked_since_ns, 2000000);
    assert_int_equal(health.count, 1);
    assert_int_equal(health.line, 2);
    assert_string_equal(health.detail, "an event (create) is printed 1000 us late");
    assert_int_equal(load_count(trace, "late_events"), 0);
    goleak_trace_free(trace);
}

static void lines_in_order_are_not_complained_of(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "gopark: goroutine=c000102000 reason=6 ts=100\n"
                                      "gdestroy: goroutine=c000102000 ts=101\n");
    (void)state;
    assert_int_equal(load_count(trace, "reordered"), 0);
    goleak_trace_free(trace);
}

static void equal_times_keep_the_order_of_printing(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=100\n"
                                      "newproc1: goroutine=c000102380 ts=900\n"
                                      "gdestroy: goroutine=c000102000 ts=500\n"
                                      "newproc1: goroutine=c000102000 ts=500\n"
                                      "gopark: goroutine=c000102000 reason=6 ts=500\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.created, 3);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(load_goroutine(trace, A).incarnation, 2);
    assert_int_equal(load_goroutine(trace, A).state, GOLEAK_STATE_WAITING);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    goleak_trace_free(trace);
}

/* Also where they lie in batches of the reader that must be merged, because one of
 * the second batch's lines is late. */
static void equal_times_keep_it_over_batches_too(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    goleak_buf_text(&text, "newproc1: goroutine=c000102000 ts=1000\n");
    for (unsigned i = 1; i < 255; i++)
        goleak_buf_printf(&text, "execute: goroutine=c000102380 ts=%u\n", 1000 + i);
    goleak_buf_text(&text, "gdestroy: goroutine=c000102000 ts=5000\n" /* the 256th */
                           "newproc1: goroutine=c000102000 ts=5000\n"
                           "execute: goroutine=c000102380 ts=2000\n");
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    assert_int_equal(load_goroutine(trace, A).incarnation, 2);
    assert_int_equal(load_count(trace, "reordered"), 1);
    assert_int_equal(load_count(trace, "implicit_ends"), 0);
    assert_int_equal(load_summary(trace).live_at_end, 2);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

static void lines_without_time_stay_behind_those_before_them(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000102000 ts=1000\n"
                                      "gopark: goroutine=c000102000 reason=6\n"
                                      "newproc1: goroutine=c000102380 ts=500\n"
                                      "execute: goroutine=c000102000 ts=2000\n"
                                      "gopark: goroutine=c000102000 reason=7\n");
    struct goleak_goroutine g = load_goroutine(trace, A);
    (void)state;
    assert_int_equal(g.reason, GOLEAK_REASON_CHAN_RECV);
    assert_int_equal(g.blocked_since_ns, 2000);
    assert_int_equal(load_goroutine(trace, B).created_ns, 500);
    goleak_trace_free(trace);
}

static void a_recording_may_begin_without_time(void **state)
{
    struct goleak_trace *trace = load("main.main: goroutine=c000002380\n"
                                      "newproc1: goroutine=c000102380 parent=c000002380 ts=700\n"
                                      "newproc1: goroutine=c000102000 parent=c000002380 ts=600\n");
    struct goleak_capture capture = load_capture(trace);
    (void)state;
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(load_summary(trace).preexisting, 1);
    assert_int_equal(capture.first_ns, 600);
    assert_int_equal(capture.last_ns, 700);
    goleak_trace_free(trace);
}

/* ---- many ----------------------------------------------------------------- */

/* Lives of goroutines on recycled addresses, one event a nanosecond. */
struct event {
    unsigned cpu;
    char line[96];
};

static uint32_t seed;

static uint32_t pick(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

#define SLOTS 300

static void make_events(struct event *events, size_t count, unsigned cpus)
{
    enum { GONE, READY, RUNS, WAITS } state[SLOTS] = { GONE };
    seed = 7;
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = pick(SLOTS);
        const char *name = NULL, *reason = "";
        switch (state[slot]) {
        case GONE:
            name = "newproc1", state[slot] = READY;
            break;
        case READY:
            name = "execute", state[slot] = RUNS;
            break;
        case RUNS:
            if (pick(3) == 0) {
                name = "gdestroy", state[slot] = GONE;
            } else {
                static const char *const reasons[] = { " reason=6", " reason=7", " reason=3", " reason=2" };
                name = "gopark", state[slot] = WAITS;
                reason = reasons[pick(4)];
            }
            break;
        case WAITS:
            name = "ready", state[slot] = READY;
            break;
        }
        events[i].cpu = pick(cpus);
        snprintf(events[i].line, sizeof events[i].line, "%s: goroutine=c000%06x%s ts=%zu\n", name, slot * 0x380, reason,
                 i + 1000);
    }
}

/* As a recorder prints them: every `period` events, one CPU's buffer after the other. */
static void print_by_cpu(struct goleak_buf *out, const struct event *events, size_t count, unsigned cpus,
                         size_t period)
{
    for (size_t from = 0; from < count; from += period) {
        size_t to = count - from < period ? count : from + period;
        for (unsigned cpu = cpus; cpu-- > 0;)
            for (size_t i = from; i < to; i++)
                if (events[i].cpu == cpu)
                    goleak_buf_text(out, events[i].line);
    }
    assert_false(out->failed);
}

static void expect_equal(const struct goleak_trace *shuffled, const struct goleak_trace *sorted)
{
    struct goleak_summary a = load_summary(shuffled), b = load_summary(sorted);
    assert_memory_equal(&a, &b, sizeof a);
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine g;
    while (goleak_goroutine_next(sorted, &iter, &g) == GOLEAK_OK) {
        struct goleak_goroutine same = load_goroutine(shuffled, g.g);
        if (same.state != g.state || same.reason != g.reason || same.incarnation != g.incarnation ||
            same.created_ns != g.created_ns || same.started_ns != g.started_ns ||
            same.blocked_since_ns != g.blocked_since_ns || same.serial != g.serial)
            fail_msg("goroutine %" PRIx64 " differs", g.g);
    }
    static const char *const nothing[] = { "late_events", "implicit_ends", "impossible_transitions",
                                           "unbalanced_ends" };
    for (size_t i = 0; i < COUNT(nothing); i++)
        assert_int_equal(load_count(shuffled, nothing[i]), 0);
}

static void check_shuffle(size_t count, unsigned cpus, size_t period)
{
    struct event *events = malloc(count * sizeof *events);
    struct goleak_buf sorted, shuffled;
    assert_non_null(events);
    goleak_buf_init(&sorted, &heap);
    goleak_buf_init(&shuffled, &heap);
    make_events(events, count, cpus);
    print_by_cpu(&sorted, events, count, cpus, 1);
    print_by_cpu(&shuffled, events, count, cpus, period);
    struct goleak_trace *right = load_pieces(NULL, sorted.data, sorted.size, 0);
    struct goleak_trace *trace = load_pieces(NULL, shuffled.data, shuffled.size, 0);
    assert_int_equal(load_count(right, "reordered"), 0);
    assert_true(load_summary(right).created > count / 20);
    assert_int_equal(load_summary(right).preexisting, 0);
    assert_true(load_count(trace, "reordered") > count / 10);
    expect_equal(trace, right);
    goleak_trace_free(right);
    goleak_trace_free(trace);
    goleak_buf_release(&sorted);
    goleak_buf_release(&shuffled);
    free(events);
}

static void buffers_of_several_cpus_are_put_in_order(void **state)
{
    static const size_t periods[] = { 2, 3, 10, 255, 256, 257, 700, 5000, 20000 };
    (void)state;
    for (size_t i = 0; i < COUNT(periods); i++)
        check_shuffle(20000, 4, periods[i]);
    check_shuffle(20000, 1 + 63, 4000);
}

/* The window grows narrower with a recording that needs no more; but not too narrow. */
static void a_long_recording_is_put_in_order_to_its_end(void **state)
{
    (void)state;
    check_shuffle(400000, 4, 3000);
}

static void what_comes_too_late_is_told_and_replayed_where_it_stands(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    goleak_buf_text(&text, "newproc1: goroutine=c000102000 ts=1000\n");
    for (unsigned i = 0; i < 200000; i++)
        goleak_buf_printf(&text, "execute: goroutine=c000102000 ts=%u\n", 2000 + i);
    goleak_buf_text(&text, "newproc1: goroutine=c000102380 ts=1500\n"
                           "gopark: goroutine=c000102380 reason=6 ts=300000\n");
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    struct goleak_health health = load_health(trace, "late_events");
    assert_int_equal(health.count, 1);
    assert_int_equal(health.line, 200002);
    assert_int_equal(load_summary(trace).created, 2);
    assert_int_equal(load_goroutine(trace, B).created_ns, 1500);
    assert_int_equal(load_goroutine(trace, B).state, GOLEAK_STATE_WAITING);
    assert_int_equal(load_capture(trace).last_ns, 300000); /* time does not run back */
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

static void a_clock_that_jumps_back_loses_nothing(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_buf text;
    (void)state;
    options.max_memory_bytes = (uint64_t)1 << 30; /* then the window is small */
    goleak_buf_init(&text, &heap);
    for (unsigned i = 0; i < 200000; i++)
        goleak_buf_printf(&text, "newproc1: goroutine=c%09x ts=%u\n", i * 0x380, 1000000000 + i);
    for (unsigned i = 0; i < 200000; i++)
        goleak_buf_printf(&text, "gopark: goroutine=c%09x reason=6 ts=%u\n", i * 0x380, 5 + i);
    struct goleak_trace *trace = load_pieces(&options, text.data, text.size, 0);
    struct goleak_summary sum = load_summary(trace);
    /* Some of the parks come too late for the window, the others before their creation. */
    assert_int_equal(sum.created, 200000);
    assert_int_equal(sum.preexisting + sum.created - sum.ended, sum.live_at_end);
    assert_int_equal(load_capture(trace).events, 400000);
    assert_true(load_count(trace, "late_events") != 0);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

/* ---- clocks that jump ------------------------------------------------------ */

#define S 1000000000u

/* One event a millisecond, at times that `change` makes of the right ones. */
static struct goleak_trace *load_changed(unsigned count, uint64_t (*change)(unsigned i, uint64_t ns, unsigned where),
                                         unsigned where)
{
    struct goleak_buf text;
    goleak_buf_init(&text, &heap);
    goleak_buf_printf(&text, "newproc1: goroutine=c000102000 goid=7 ts=%" PRIu64 "\n",
                      change(0, 100 * (uint64_t)S, where));
    for (unsigned i = 1; i < count; i++)
        goleak_buf_printf(&text, "execute: goroutine=c000102380 goid=8 ts=%" PRIu64 "\n",
                          change(i, 100 * (uint64_t)S + i * 1000000, where));
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    goleak_buf_release(&text);
    return trace;
}

static uint64_t set_back(unsigned i, uint64_t ns, unsigned where)
{
    return i < where ? ns : ns - 90 * (uint64_t)S;
}

static void a_clock_that_is_set_back_goes_on(void **state)
{
    (void)state;
    struct goleak_trace *trace = load_changed(50, set_back, 20);
    struct goleak_health health = load_health(trace, "clock_jumps");
    struct goleak_capture capture = load_capture(trace);
    assert_int_equal(health.count, 1);
    assert_int_equal(health.line, 21);
    assert_string_equal(health.detail, "the time of an event (run) is 89 s before that of the event before it");
    assert_true(health.hurts);
    assert_int_equal(capture.first_ns, 100 * (int64_t)S);
    /* The millisecond of the jump itself is not known. */
    assert_int_equal(capture.duration_ns, 48 * 1000000);
    assert_int_equal(capture.events, 50);
    assert_int_equal(load_count(trace, "reordered"), 0);
    assert_int_equal(load_count(trace, "late_events"), 0);
    goleak_trace_free(trace);
}

static uint64_t held_back(unsigned i, uint64_t ns, unsigned where)
{
    return i == where ? ns - 7 * (uint64_t)S / 2 : ns;
}

/* No tracer holds a line back for longer, but some nearly so. */
static void what_is_less_than_four_seconds_late_is_no_jump(void **state)
{
    (void)state;
    struct goleak_trace *trace = load_changed(4200, held_back, 4000);
    assert_int_equal(load_count(trace, "clock_jumps"), 0);
    assert_int_equal(load_count(trace, "reordered"), 1);
    assert_int_equal(load_capture(trace).duration_ns, 4199 * (int64_t)1000000);
    goleak_trace_free(trace);
}

static uint64_t set_back_twice(unsigned i, uint64_t ns, unsigned where)
{
    return i < where ? ns : i < 2 * where ? ns - 50 * (uint64_t)S : ns - 95 * (uint64_t)S;
}

static void a_clock_may_be_set_back_again(void **state)
{
    (void)state;
    struct goleak_trace *trace = load_changed(50, set_back_twice, 10);
    assert_int_equal(load_count(trace, "clock_jumps"), 2);
    assert_int_equal(load_capture(trace).duration_ns, 47 * 1000000);
    goleak_trace_free(trace);
}

static uint64_t one_behind(unsigned i, uint64_t ns, unsigned where)
{
    return i == where ? ns / 1000 : ns;
}

static void one_time_that_is_damaged_is_not_believed(void **state)
{
    (void)state;
    struct goleak_trace *trace = load_changed(50, one_behind, 20);
    struct goleak_health health = load_health(trace, "clock_jumps");
    assert_int_equal(health.count, 1);
    assert_int_equal(health.line, 21);
    assert_string_equal(health.detail, "the time of an event (run) is 99 s before that of the event before it");
    assert_int_equal(load_capture(trace).first_ns, 100 * (int64_t)S);
    assert_int_equal(load_capture(trace).duration_ns, 49 * 1000000);
    assert_int_equal(load_capture(trace).events, 50);
    goleak_trace_free(trace);
}

static uint64_t one_ahead(unsigned i, uint64_t ns, unsigned where)
{
    return i == where ? ns * 1000 : ns;
}

static void one_time_far_ahead_is_not_believed(void **state)
{
    (void)state;
    struct goleak_trace *trace = load_changed(50, one_ahead, 20);
    struct goleak_health health = load_health(trace, "clock_jumps");
    assert_int_equal(health.count, 1);
    assert_int_equal(health.line, 21);
    assert_string_equal(health.detail, "the time of an event (run) is 99919 s after that of the event before it");
    assert_int_equal(load_capture(trace).duration_ns, 49 * 1000000);
    goleak_trace_free(trace);
}

static uint64_t paused(unsigned i, uint64_t ns, unsigned where)
{
    return i < where ? ns : ns + 3600 * (uint64_t)S;
}

static void an_hour_without_events_is_no_jump(void **state)
{
    (void)state;
    struct goleak_trace *trace = load_changed(50, paused, 20);
    assert_int_equal(load_count(trace, "clock_jumps"), 0);
    assert_int_equal(load_capture(trace).duration_ns, 3600 * (int64_t)S + 49 * 1000000);
    goleak_trace_free(trace);
}

static uint64_t up_and_down(unsigned i, uint64_t ns, unsigned where)
{
    (void)ns;
    return (i / where) % 2 == 0 ? (uint64_t)INT64_MAX - 1000 : i;
}

static void a_clock_that_jumps_again_and_again_stays_within_its_bounds(void **state)
{
    (void)state;
    struct goleak_trace *trace = load_changed(2000, up_and_down, 10);
    assert_int_equal(load_capture(trace).events, 2000);
    assert_true(load_count(trace, "clock_jumps") != 0);
    goleak_trace_free(trace);
}

/* … and where another batch begins with what proves it wrong, behind a clock that was set back. */
static uint64_t set_back_and_far_ahead(unsigned i, uint64_t ns, unsigned where)
{
    return i == 255 ? INT64_MAX : set_back(i, ns, where);
}

static void a_time_far_ahead_is_taken_back_after_a_jump_too(void **state)
{
    (void)state;
    struct goleak_trace *trace = load_changed(600, set_back_and_far_ahead, 20);
    assert_int_equal(load_count(trace, "clock_jumps"), 2);
    assert_int_equal(load_count(trace, "late_events"), 0);
    assert_int_equal(load_capture(trace).duration_ns, 598 * 1000000);
    goleak_trace_free(trace);
}

/* Readers push batches of 256 events: but for the last of one, behind which nothing is
 * known yet, it makes no difference where in a batch a clock jumps. */
static void where_a_batch_ends_makes_no_difference(void **state)
{
    static const struct {
        uint64_t (*change)(unsigned i, uint64_t ns, unsigned where);
        int64_t duration_ms;
    } cases[] = { { set_back, 598 }, { one_behind, 599 }, { one_ahead, 599 } };
    (void)state;
    for (unsigned where = 250; where < 262; where++)
        for (size_t i = 0; i < COUNT(cases) && where != 255; i++) {
            struct goleak_trace *trace = load_changed(600, cases[i].change, where);
            assert_int_equal(load_count(trace, "clock_jumps"), 1);
            assert_int_equal(load_health(trace, "clock_jumps").line, where + 1);
            assert_int_equal(load_capture(trace).duration_ns, cases[i].duration_ms * 1000000);
            goleak_trace_free(trace);
        }
}

static void print_of(struct goleak_buf *text, unsigned cpu, unsigned from, unsigned to)
{
    for (unsigned i = from + cpu; i < to; i += 2)
        goleak_buf_printf(text, "execute: goroutine=c000102380 goid=8 ts=%" PRIu64 " cpu=%u\n",
                          100 * (uint64_t)S + i * (uint64_t)1000000, cpu);
}

/* Two CPUs, two milliseconds between the events of each, printed by turns of 500; what CPU 1 had to tell behind `from`
 * is printed last. */
static struct goleak_trace *load_held_up(unsigned count, unsigned from, const struct goleak_options *options)
{
    struct goleak_buf text;
    goleak_buf_init(&text, &heap);
    for (unsigned i = 0; i < count; i += 1000) {
        print_of(&text, 0, i, i + 1000);
        if (i < from)
            print_of(&text, 1, i, from < i + 1000 ? from : i + 1000);
    }
    print_of(&text, 1, from, count);
    struct goleak_trace *trace = load_pieces(options, text.data, text.size, 0);
    goleak_buf_release(&text);
    return trace;
}

static void the_buffer_of_a_cpu_that_is_read_late_is_no_jump(void **state)
{
    (void)state;
    for (unsigned from = 0; from < 3; from += 2) { /* nothing of CPU 1 was printed before; or something was */
        struct goleak_trace *trace = load_held_up(20000, from, NULL);
        assert_int_equal(load_count(trace, "clock_jumps"), 0);
        assert_int_equal(load_count(trace, "late_events"), 0);
        assert_int_not_equal(load_count(trace, "reordered"), 0);
        assert_int_equal(load_capture(trace).duration_ns, 19999 * (int64_t)1000000);
        goleak_trace_free(trace);
    }
}

static void what_is_printed_very_late_has_room_unless_memory_is_limited(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    (void)state;
    for (unsigned limited = 0; limited < 2; limited++) {
        options.max_memory_bytes = (uint64_t)limited << 30;
        struct goleak_trace *trace = load_held_up(400000, 1000, &options);
        assert_int_equal(load_count(trace, "late_events") != 0, limited);
        assert_int_equal(load_count(trace, "clock_jumps"), 0);
        goleak_trace_free(trace);
    }
}

/* 160,000 events of the first are printed before any of the second. */
static void a_cpu_that_is_silent_from_the_start_is_waited_for(void **state)
{
    (void)state;
    struct goleak_trace *trace = load_held_up(320000, 0, NULL);
    assert_int_equal(load_count(trace, "late_events"), 0);
    assert_int_not_equal(load_count(trace, "reordered"), 0);
    goleak_trace_free(trace);
}

/* By then the window has shrunk to what was needed before. */
static void a_cpu_that_falls_silent_is_waited_for(void **state)
{
    (void)state;
    struct goleak_trace *trace = load_held_up(400000, 200000, NULL);
    assert_int_equal(load_count(trace, "late_events"), 0);
    assert_int_not_equal(load_count(trace, "reordered"), 0);
    goleak_trace_free(trace);
}

/* Both have told all that they had, by turns of so many, one by one or a little late: few events wait. Then what CPU 1
 * had to tell among the last `held` ones is printed behind them. */
static void a_cpu_that_is_silent_for_a_while_is_waited_for(void **state)
{
    static const unsigned turns[] = { 2, 40 }, held[] = { 600, 3000, 9000, 29000 };
    const unsigned steady = 200000;
    (void)state;
    for (size_t i = 0; i < COUNT(turns); i++)
        for (size_t k = 0; k < COUNT(held); k++) {
            struct goleak_buf text;
            goleak_buf_init(&text, &heap);
            for (unsigned at = 0; at < steady; at += turns[i]) {
                print_of(&text, 0, at, at + turns[i]);
                print_of(&text, 1, at, at + turns[i]);
            }
            print_of(&text, 0, steady, steady + 2 * held[k]);
            print_of(&text, 1, steady, steady + 2 * held[k]);
            struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
            assert_int_equal(load_count(trace, "late_events"), 0);
            assert_int_not_equal(load_count(trace, "reordered"), 0);
            goleak_trace_free(trace);
            goleak_buf_release(&text);
        }
}

/* It is the CPU's own clock that goes back. */
static void a_clock_of_a_cpu_that_is_set_back_has_jumped(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &heap);
    for (unsigned i = 0; i < 100; i++)
        goleak_buf_printf(&text, "execute: goroutine=c000102380 goid=8 ts=%" PRIu64 " cpu=%u\n",
                          (i < 50 ? 100 : 20) * (uint64_t)S + i * (uint64_t)1000000, i % 2);
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    assert_int_equal(load_count(trace, "clock_jumps"), 1);
    assert_int_equal(load_count(trace, "reordered"), 0);
    assert_int_equal(load_capture(trace).duration_ns, 98 * 1000000);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

/* ---- batches that are in order ---------------------------------------------- */

static enum goleak_status count_events(void *context, struct goleak_batch *batch)
{
    *(size_t *)context += batch->count;
    return GOLEAK_OK;
}

static void push(struct goleak_order *order, int64_t time_ns, bool in_order)
{
    struct goleak_batch *batch = goleak_batch_new(&heap);
    assert_non_null(batch);
    for (batch->count = 0; batch->count < 3; batch->count++)
        batch->events[batch->count] = (struct goleak_event){
            .kind = GOLEAK_EVENT_RUN, .has = GOLEAK_HAS_TIME | GOLEAK_HAS_G, .g = A, .time_ns = time_ns
        };
    batch->in_order = in_order;
    assert_int_equal(goleak_order_push(order, &batch), GOLEAK_OK);
    assert_int_equal(batch->count, 0);
    goleak_batch_free(&heap, batch);
}

static void a_batch_that_is_in_order_need_not_wait(void **state)
{
    struct goleak_health_book book = { 0 };
    struct goleak_order order;
    size_t out = 0;
    (void)state;
    goleak_order_init(&order, &heap, NULL, &book);
    order.emit = count_events;
    order.emit_context = &out;
    push(&order, 1000, true);
    push(&order, 1000, true);
    assert_int_equal(out, 6);
    push(&order, 2000, false); /* another input's */
    push(&order, 3000, true);
    assert_int_equal(out, 6);
    assert_int_equal(goleak_order_finish(&order), GOLEAK_OK);
    assert_int_equal(out, 12);
    push(&order, 2500, true); /* it says so, but it is late */
    assert_int_equal(goleak_order_finish(&order), GOLEAK_OK);
    assert_int_equal(out, 15);
    assert_int_not_equal(book.entries[GOLEAK_HEALTH_late_events].count, 0);
    goleak_order_release(&order);
}

/* ---- small batches ------------------------------------------------------------ */

static void push_one(struct goleak_order *order, int64_t time_ns)
{
    struct goleak_batch *batch = goleak_batch_new(&heap);
    assert_non_null(batch);
    batch->events[batch->count++] = (struct goleak_event) {
        .kind = GOLEAK_EVENT_RUN, .has = GOLEAK_HAS_TIME | GOLEAK_HAS_G, .g = A, .time_ns = time_ns
    };
    assert_int_equal(goleak_order_push(order, &batch), GOLEAK_OK);
    goleak_batch_free(&heap, batch);
}

struct sequence {
    size_t count;
    int64_t last_ns;
};

static enum goleak_status check_sequence(void *context, struct goleak_batch *batch)
{
    struct sequence *sequence = context;
    sequence->count += batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        assert_true(batch->events[i].time_ns >= sequence->last_ns);
        sequence->last_ns = batch->events[i].time_ns;
    }
    return GOLEAK_OK;
}

/* What waits is counted in events, and takes room by batches: blocks of a .glk may hold one event each. */
static void small_batches_do_not_wait_each_for_itself(void **state)
{
    enum { EVENTS = 10000 };
    static const int64_t steps[] = { 7, -7 }; /* each late one among others, then behind them all */
    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct goleak_health_book book = { 0 };
        struct goleak_order order;
        struct sequence sequence = { 0, 0 };
        goleak_order_init(&order, &heap, NULL, &book);
        order.emit = check_sequence;
        order.emit_context = &sequence;
        for (int64_t k = 0; k < EVENTS; k++)
            push_one(&order, 1000000 + (k % 5 == 0 ? k : steps[i] * k));
        assert_true(order.window.count <= 2 * EVENTS / GOLEAK_BATCH_EVENTS + 2);
        assert_int_equal(goleak_order_finish(&order), GOLEAK_OK);
        assert_int_equal(sequence.count, EVENTS);
        goleak_order_release(&order);
    }
}

static void push_full(struct goleak_order *order, int64_t *time_ns, unsigned cpus)
{
    struct goleak_batch *batch = goleak_batch_new(&heap);
    assert_non_null(batch);
    for (; batch->count < GOLEAK_BATCH_EVENTS; batch->count++)
        batch->events[batch->count] =
            (struct goleak_event) { .kind = GOLEAK_EVENT_RUN,
                                    .has = GOLEAK_HAS_TIME | GOLEAK_HAS_G | (cpus != 0 ? GOLEAK_HAS_CPU : 0),
                                    .g = A,
                                    .cpu = cpus != 0 ? (uint32_t)batch->count % cpus : 0,
                                    .time_ns = ++*time_ns };
    assert_int_equal(goleak_order_push(order, &batch), GOLEAK_OK);
    goleak_batch_free(&heap, batch);
}

/* Where pages are slow, batches are a pool's: of what waits nothing is lost, and each is given back. */
static void batches_of_a_pool_wait_as_others(void **state)
{
    struct goleak_health_book book = { 0 };
    struct goleak_order order;
    struct sequence sequence = { 0, 0 };
    const uint64_t before = heap.used_bytes;
    int64_t time_ns = 1000000;
    (void)state;
    heap.pool = goleak_batch_pool(1000000);
    assert_non_null(heap.pool);
    struct goleak_batch *batch = goleak_batch_new(&heap), *other = goleak_batch_new(&heap);
    assert_non_null(batch);
    assert_non_null(other);
    assert_ptr_equal(batch->pool, heap.pool);
    batch->count = 1;
    batch->events[0] = (struct goleak_event) { .kind = GOLEAK_EVENT_RUN, .has = GOLEAK_HAS_G, .g = B };
    goleak_batch_copy(other, batch);
    assert_int_equal(other->events[0].g, B);
    assert_ptr_not_equal(other->block, batch->block);
    goleak_batch_free(&heap, batch);
    goleak_order_init(&order, &heap, NULL, &book);
    order.emit = check_sequence;
    order.emit_context = &sequence;
    for (unsigned k = 0; k < 1000; k++)
        push_full(&order, &time_ns, 0);
    for (int64_t k = 0; k < 1000; k++)
        push_one(&order, time_ns - 10 * k);
    assert_int_equal(goleak_order_finish(&order), GOLEAK_OK);
    assert_int_equal(sequence.count, 1000 * GOLEAK_BATCH_EVENTS + 1000);
    goleak_order_release(&order);
    goleak_batch_free(&heap, other);
    assert_int_equal(heap.used_bytes, before);
    goleak_block_pool_free(heap.pool);
    heap.pool = NULL;
}

/* What waits leaves the cache: as few as are needed. */
static void few_wait_where_all_speak_again_and_again(void **state)
{
    static const struct {
        unsigned cpus, batches;
        size_t waiting;
    } cases[] = { { 2, 1000, 4096 }, { 2, 136, 4096 }, { 0, 1000, 32768 }, { 1, 1000, 32768 } };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct goleak_health_book book = { 0 };
        struct goleak_order order;
        struct sequence sequence = { 0, 0 };
        int64_t time_ns = 0;
        goleak_order_init(&order, &heap, NULL, &book);
        order.emit = check_sequence;
        order.emit_context = &sequence;
        for (unsigned k = 0; k < cases[i].batches; k++)
            push_full(&order, &time_ns, cases[i].cpus);
        assert_in_range(cases[i].batches * GOLEAK_BATCH_EVENTS - sequence.count, cases[i].waiting - 512,
                        cases[i].waiting);
        assert_int_equal(goleak_order_finish(&order), GOLEAK_OK);
        goleak_order_release(&order);
    }
}

/* A .glk may tell any: what is worked out of two times must be a number, too. */
static void no_time_is_before_0(void **state)
{
    static const int64_t negative[] = { INT64_MIN, INT64_MIN + 1, -1 };
    (void)state;
    for (int in_order = 0; in_order < 2; in_order++) {
        struct goleak_health_book book = { 0 };
        struct goleak_order order;
        struct sequence sequence = { 0, 0 };
        goleak_order_init(&order, &heap, NULL, &book);
        order.emit = check_sequence;
        order.emit_context = &sequence;
        for (size_t i = 0; i < COUNT(negative); i++)
            push(&order, negative[i], in_order != 0);
        push(&order, INT64_MAX, in_order != 0);
        assert_int_equal(goleak_order_finish(&order), GOLEAK_OK);
        assert_int_equal(sequence.count, 3 * (COUNT(negative) + 1));
        assert_int_equal(sequence.last_ns, INT64_MAX);
        assert_int_equal(book.entries[GOLEAK_HEALTH_clock_jumps].count, 3 * COUNT(negative));
        assert_string_equal(book.entries[GOLEAK_HEALTH_clock_jumps].detail,
                            "the time of an event (run), -9223372036854775808 ns, is before 0");
        goleak_order_release(&order);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_printed_late_takes_its_place),
        cmocka_unit_test(lines_in_order_are_not_complained_of),
        cmocka_unit_test(equal_times_keep_the_order_of_printing),
        cmocka_unit_test_setup(equal_times_keep_it_over_batches_too, set_up),
        cmocka_unit_test(lines_without_time_stay_behind_those_before_them),
        cmocka_unit_test(a_recording_may_begin_without_time),
        cmocka_unit_test_setup(buffers_of_several_cpus_are_put_in_order, set_up),
        cmocka_unit_test_setup(a_long_recording_is_put_in_order_to_its_end, set_up),
        cmocka_unit_test_setup(what_comes_too_late_is_told_and_replayed_where_it_stands, set_up),
        cmocka_unit_test_setup(a_clock_that_jumps_back_loses_nothing, set_up),
        cmocka_unit_test_setup(a_clock_that_is_set_back_goes_on, set_up),
        cmocka_unit_test_setup(what_is_less_than_four_seconds_late_is_no_jump, set_up),
        cmocka_unit_test_setup(a_clock_may_be_set_back_again, set_up),
        cmocka_unit_test_setup(one_time_that_is_damaged_is_not_believed, set_up),
        cmocka_unit_test_setup(one_time_far_ahead_is_not_believed, set_up),
        cmocka_unit_test_setup(an_hour_without_events_is_no_jump, set_up),
        cmocka_unit_test_setup(a_clock_that_jumps_again_and_again_stays_within_its_bounds, set_up),
        cmocka_unit_test_setup(a_time_far_ahead_is_taken_back_after_a_jump_too, set_up),
        cmocka_unit_test_setup(where_a_batch_ends_makes_no_difference, set_up),
        cmocka_unit_test_setup(the_buffer_of_a_cpu_that_is_read_late_is_no_jump, set_up),
        cmocka_unit_test_setup(what_is_printed_very_late_has_room_unless_memory_is_limited, set_up),
        cmocka_unit_test_setup(a_cpu_that_falls_silent_is_waited_for, set_up),
        cmocka_unit_test_setup(a_cpu_that_is_silent_from_the_start_is_waited_for, set_up),
        cmocka_unit_test_setup(a_cpu_that_is_silent_for_a_while_is_waited_for, set_up),
        cmocka_unit_test_setup(a_clock_of_a_cpu_that_is_set_back_has_jumped, set_up),
        cmocka_unit_test_setup(a_batch_that_is_in_order_need_not_wait, set_up),
        cmocka_unit_test_setup(small_batches_do_not_wait_each_for_itself, set_up),
        cmocka_unit_test_setup(batches_of_a_pool_wait_as_others, set_up),
        cmocka_unit_test_setup(few_wait_where_all_speak_again_and_again, set_up),
        cmocka_unit_test_setup(no_time_is_before_0, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
