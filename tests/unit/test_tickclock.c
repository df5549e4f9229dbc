/* test_tickclock - ticks in nanoseconds are what a division makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/tickclock.h"

/* So many ticks times 10^9 fit into 64 bits. */
#define TICKS_MAX (UINT64_C(1) << 33)

static const uint64_t frequencies[] = {
    1,         2,         3,          7,          46875,      1000000,    15625000,   33333333,   39062517,
    46874999,  62500000,  999999999,  1000000000, 1000000001, 2999999999, 3000000001, 4294967291, 9999999999,
    10000000000,
};
#define FREQUENCIES (sizeof frequencies / sizeof *frequencies)

static void expect(struct goleak_tickclock *clock, uint64_t first, uint64_t ticks)
{
    assert_int_equal(goleak_tickclock_ns(clock, first + ticks), ticks * 1000000000 / clock->frequency);
}

static void steps_of_any_size_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < FREQUENCIES; i++) {
        struct goleak_tickclock clock;
        uint64_t first = 987654321987654321, ticks = 0, random = i;
        goleak_tickclock_init(&clock, frequencies[i], first);
        while (ticks < TICKS_MAX) {
            expect(&clock, first, ticks);
            random = random * 6364136223846793005 + 1442695040888963407;
            ticks += random >> 40 >> random % 24; /* up to 2^24, mostly few */
        }
    }
}

/* Where rounding shows: just before, at and behind whole nanoseconds. */
static void so_is_every_edge(void **state)
{
    (void)state;
    for (size_t i = 0; i < FREQUENCIES; i++)
        for (uint64_t ns = 1; ns < (uint64_t)1 << 60; ns += ns / 64 + 1) {
            uint64_t seconds = ns / 1000000000, rest = ns % 1000000000;
            uint64_t ticks = seconds * frequencies[i] + (rest * frequencies[i] + 999999999) / 1000000000;
            if (ticks + 1 >= TICKS_MAX)
                break;
            struct goleak_tickclock clock;
            goleak_tickclock_init(&clock, frequencies[i], 5);
            for (uint64_t at = ticks - 1; at <= ticks + 1; at++)
                expect(&clock, 5, at);
        }
}

static void time_does_not_go_back(void **state)
{
    struct goleak_tickclock clock;
    (void)state;
    goleak_tickclock_init(&clock, 1000000, 100);
    assert_int_equal(goleak_tickclock_ns(&clock, 99), 0);
    assert_int_equal(goleak_tickclock_ns(&clock, 100), 0);
    assert_int_equal(goleak_tickclock_ns(&clock, 200), 100000);
    assert_int_equal(goleak_tickclock_ns(&clock, 150), 100000);
    assert_int_equal(goleak_tickclock_ns(&clock, 0), 100000);
    assert_int_equal(goleak_tickclock_ns(&clock, 201), 101000);
}

static void without_a_frequency_there_is_none(void **state)
{
    struct goleak_tickclock clock;
    (void)state;
    goleak_tickclock_init(&clock, 0, 100);
    assert_int_equal(goleak_tickclock_ns(&clock, 100), 0);
    assert_int_equal(goleak_tickclock_ns(&clock, 200), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_any_size_are_exact),
        cmocka_unit_test(so_is_every_edge),
        cmocka_unit_test(time_does_not_go_back),
        cmocka_unit_test(without_a_frequency_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
