/* test_statistics - the numbers that rules ask for, against values worked out by hand. */
#include <math.h>

#include "support/load.h"
#include "support/trial.h"
#include "verdict/statistics.h"

static void assert_near(double got, double want, double within)
{
    if (fabs(got - want) > within)
        fail_msg("got %.6f, expected %.6f", got, want);
}

/* ---- Kaplan-Meier ---- */

static void without_censoring_it_is_the_part_that_remains(void **state)
{
    const uint64_t ended[4] = { 2, 3, 4, 1 }, none[4] = { 0 };
    (void)state;
    assert_near(goleak_survival(ended, none, 4, 0), 0.8, 1e-12);
    assert_near(goleak_survival(ended, none, 4, 1), 0.5, 1e-12);
    assert_near(goleak_survival(ended, none, 4, 3), 0, 1e-12);
    assert_near(goleak_survival(ended, none, 4, 100), 0, 1e-12);
}

static void who_goes_on_is_censored_not_dropped(void **state)
{
    /* 10 at risk: 2 end; 3 leave at 0, so 5 are at risk in 1, where 1 ends; 4 go on for long. */
    const uint64_t ended[3] = { 2, 1, 0 }, going_on[3] = { 3, 0, 4 };
    (void)state;
    assert_near(goleak_survival(ended, going_on, 3, 0), 0.8, 1e-12);
    assert_near(goleak_survival(ended, going_on, 3, 2), 0.8 * 0.8, 1e-12);
}

static void of_nobody_all_survive(void **state)
{
    const uint64_t none[2] = { 0 };
    (void)state;
    assert_near(goleak_survival(none, none, 2, 1), 1, 0);
}

/* ---- Mann-Kendall, Theil-Sen ---- */

static void a_series_that_only_rises_has_a_trend(void **state)
{
    const uint64_t series[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    (void)state;
    /* S = 28, variance = 8 * 7 * 21 / 18 = 65.33 */
    assert_near(goleak_trend(series, 8), 27 / sqrt(8 * 7 * 21 / 18.0), 1e-12);
    assert_near(goleak_slope(series, 8), 1, 1e-12);
}

static void a_series_that_falls_has_the_opposite_one(void **state)
{
    const uint64_t series[5] = { 9, 7, 5, 3, 1 };
    (void)state;
    assert_near(goleak_trend(series, 5), -9 / sqrt(5 * 4 * 15 / 18.0), 1e-12);
    assert_near(goleak_slope(series, 5), -2, 1e-12);
}

static void ties_are_counted(void **state)
{
    /* S = 4: the second of four is the odd one; a group of three equals. */
    const uint64_t series[4] = { 1, 5, 5, 5 };
    (void)state;
    assert_near(goleak_trend(series, 4), 2 / sqrt((4 * 3 * 13 - 3 * 2 * 11) / 18.0), 1e-12);
}

static void what_does_not_move_has_none(void **state)
{
    const uint64_t series[6] = { 4, 4, 4, 4, 4, 4 };
    (void)state;
    assert_near(goleak_trend(series, 6), 0, 0);
    assert_near(goleak_trend(series, 0), 0, 0);
    assert_near(goleak_slope(series, 0), 0, 0);
}

/* ---- Poisson ---- */

static void rare_things_happen_rarely(void **state)
{
    (void)state;
    assert_near(goleak_at_least(0.5, 0), 1, 0);
    assert_near(goleak_at_least(0, 1), 0, 0);
    assert_near(goleak_at_least(0.02, 1), 1 - exp(-0.02), 1e-12);
    assert_near(goleak_at_least(2, 3), 1 - exp(-2) * (1 + 2 + 2), 1e-12);
    assert_true(goleak_at_least(2, 20) < 1e-9);
    /* Where exp() ends. */
    assert_near(goleak_at_least(10000, 10000), 0.5, 0.01);
    assert_true(goleak_at_least(10000, 10500) < 1e-5);
}

/* ---- Wilson ---- */

static void wilsons_interval_is_the_known_one(void **state)
{
    double low, high;
    (void)state;
    trial_wilson(55, 60, &low, &high);
    assert_near(low, 0.8193, 1e-3);
    assert_near(high, 0.9639, 1e-3);
    trial_wilson(0, 0, &low, &high);
    assert_near(low, 0, 0);
    assert_near(high, 1, 0);
    trial_wilson(10, 10, &low, &high);
    assert_near(high, 1, 1e-12);
    assert_near(low, 0.7225, 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_censoring_it_is_the_part_that_remains),
        cmocka_unit_test(who_goes_on_is_censored_not_dropped),
        cmocka_unit_test(of_nobody_all_survive),
        cmocka_unit_test(a_series_that_only_rises_has_a_trend),
        cmocka_unit_test(a_series_that_falls_has_the_opposite_one),
        cmocka_unit_test(ties_are_counted),
        cmocka_unit_test(what_does_not_move_has_none),
        cmocka_unit_test(rare_things_happen_rarely),
        cmocka_unit_test(wilsons_interval_is_the_known_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
