/* test_scheduler - threads of a Go trace v2 whose events cannot go in the order of time. */
#include "support/reading.h"

#include <inttypes.h>

#include "format/gotrace_v2.h"
#include "support/trace_text.h"

static struct bytes text, trace;

static int set_up(void **state)
{
    bytes_format(&text, "Trace Go1.26\n"
                        "EventBatch 1 -1 0\nSync\nFrequency 15625000\nClockSnapshot 0 0 0 0\n"
                        "EventBatch 1 1 0\nProcStatus 0 0 2\nGoStatus 0 1 -1 4\n");
    return reading_set_up(state);
}

static int tear_down(void **state)
{
    bytes_free(&text);
    bytes_free(&trace);
    return reading_tear_down(state);
}

static void read_text(void)
{
    char why[TRACE_TEXT_WHY];
    bytes_text(&text, "EndOfGeneration\n");
    if (!trace_text(text.data, &trace, why))
        fail_msg("%s", why);
    reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 0);
    assert_int_equal(reading.status, GOLEAK_OK);
}

/* Thread k takes the P at step k, and its clock is the farther ahead the later that is: to
 * find the one who can go, all that cannot must be asked, by each. */
static void add_thread(unsigned k, unsigned count)
{
    bytes_format(&text, "EventBatch 1 %u %u\nProcStart 1 0 %u\nProcStop 1\n", k + 1, count - k, k);
}

static void threads_whose_clocks_are_all_wrong_are_put_in_order(void **state)
{
    (void)state;
    for (unsigned k = 1; k <= 300; k++)
        add_thread(k, 300);
    read_text();
    reading_expect_healthy();
    assert_int_equal(reading.facts.events, 1 + 1 + 300 * 2);
}

static void a_trace_made_to_take_forever_is_taken_as_it_comes(void **state)
{
    (void)state;
    enum { THREADS = 40000 };
    for (unsigned k = 1; k <= THREADS; k++)
        add_thread(k, THREADS);
    read_text();
    assert_int_equal(reading.facts.events, 1 + 1 + THREADS * 2);
    assert_in_range(reading_count(GOLEAK_HEALTH_broken_order), 1, THREADS * 2);
    assert_non_null(strstr(reading.book.entries[GOLEAK_HEALTH_broken_order].detail,
                           "expected what must happen before it, after so much that is out of order"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(threads_whose_clocks_are_all_wrong_are_put_in_order),
        TEST(a_trace_made_to_take_forever_is_taken_as_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
