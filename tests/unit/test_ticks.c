/* test_ticks - seconds from the script's one-second timer, where they can be had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/ticks.h"
#include "support/fail_alloc.h"

#define SECOND INT64_C(1000000000)

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_ticks ticks;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    memset(&ticks, 0, sizeof ticks);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_ticks_release(&ticks, &alloc);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void tick(int64_t cpu, uint64_t event)
{
    assert_true(goleak_ticks_add(&ticks, &alloc, cpu, event));
}

static void without_ticks_there_is_no_time(void **state)
{
    (void)state;
    assert_false(goleak_ticks_tell(&ticks));
    assert_int_equal(goleak_ticks_ns(&ticks, 5), GOLEAK_NONE);
}

static void an_event_has_the_seconds_that_were_full_before_it(void **state)
{
    (void)state;
    tick(0, 10);
    tick(0, 20);
    tick(0, 35);
    assert_true(goleak_ticks_tell(&ticks));
    assert_int_equal(goleak_ticks_ns(&ticks, 1), 0);
    assert_int_equal(goleak_ticks_ns(&ticks, 9), 0);
    assert_int_equal(goleak_ticks_ns(&ticks, 10), 1 * SECOND);
    assert_int_equal(goleak_ticks_ns(&ticks, 19), 1 * SECOND);
    assert_int_equal(goleak_ticks_ns(&ticks, 20), 2 * SECOND);
    assert_int_equal(goleak_ticks_ns(&ticks, 34), 2 * SECOND);
    assert_int_equal(goleak_ticks_ns(&ticks, 1000000), 3 * SECOND);
    assert_int_equal(goleak_ticks_ns(&ticks, GOLEAK_NONE), GOLEAK_NONE);
}

static void cpus_tick_side_by_side(void **state)
{
    (void)state;
    for (uint64_t second = 1; second <= 3; second++)
        for (int64_t cpu = 0; cpu < 4; cpu++)
            tick(cpu, second * 100 + (uint64_t)cpu);
    assert_int_equal(ticks.count, 12);
    assert_int_equal(ticks.cpus, 4);
    assert_int_equal(ticks.mark_count, 3); /* one a second, not one a tick */
    assert_int_equal(goleak_ticks_ns(&ticks, 103), 1 * SECOND); /* not 4 */
    assert_int_equal(goleak_ticks_ns(&ticks, 200), 2 * SECOND); /* the first CPU makes it */
    assert_int_equal(goleak_ticks_ns(&ticks, 999), 3 * SECOND);
}

static void a_cpu_that_comes_later_does_not_turn_time_back(void **state)
{
    (void)state;
    tick(0, 10);
    tick(0, 20);
    tick(7, 25);
    tick(0, 30);
    assert_int_equal(goleak_ticks_ns(&ticks, 27), 2 * SECOND);
    assert_int_equal(goleak_ticks_ns(&ticks, 30), 3 * SECOND);
}

static void ticks_without_their_cpu_tell_no_time(void **state)
{
    (void)state;
    tick(0, 10);
    tick(-1, 11);
    assert_int_equal(ticks.count, 2); /* a bound still */
    assert_false(goleak_ticks_tell(&ticks));
    assert_int_equal(goleak_ticks_ns(&ticks, 20), GOLEAK_NONE);
}

static void an_absurd_cpu_is_as_good_as_none(void **state)
{
    (void)state;
    tick(GOLEAK_TICK_CPUS - 1, 5);
    assert_true(goleak_ticks_tell(&ticks));
    tick(GOLEAK_TICK_CPUS, 6);
    assert_false(goleak_ticks_tell(&ticks));
    tick(INT64_MAX, 7);
    assert_int_equal(ticks.count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_ticks_there_is_no_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_has_the_seconds_that_were_full_before_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cpus_tick_side_by_side, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cpu_that_comes_later_does_not_turn_time_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ticks_without_their_cpu_tell_no_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_absurd_cpu_is_as_good_as_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
