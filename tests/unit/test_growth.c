/* test_growth - how the count of a site went on, whatever the length of the recording. */
#include "support/batch.h"
#include "support/fail_alloc.h"
#include "support/load.h"
#include "verdict/growth.h"

static struct fail_alloc failing;
static struct goleak_alloc heap;
static struct goleak_ledger ledger;
static struct goleak_site places[10];
static struct goleak_symbols symbols;
static const struct goleak_sites sites = { .sites = places, .symbols = &symbols };

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&failing, 0, false);
    goleak_alloc_init(&heap, &failing.allocator, 0);
    goleak_ledger_init(&ledger, &heap);
    goleak_symbols_init(&symbols, &heap);
    for (const char *name = "abcdefgh"; *name != '\0'; name++) /* strings 1 to 8 */
        assert_int_not_equal(goleak_symbols_string(&symbols, name, 1), 0);
    memset(places, 0, sizeof places);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_ledger_release(&ledger);
    goleak_symbols_release(&symbols);
    assert_int_equal(heap.used_bytes, 0);
    return 0;
}

static struct goleak_rise growth_of(uint32_t site)
{
    struct goleak_rise *rises = goleak_growth_find(&ledger, &sites, &heap);
    assert_non_null(rises);
    struct goleak_rise rise = rises[site < ledger.count ? site : ledger.count];
    goleak_growth_free(&ledger, rises, &heap);
    return rise;
}

static void tell(enum goleak_transition_kind kind, uint32_t site)
{
    const struct goleak_transition t = { .kind = (uint8_t)kind, .site = site };
    assert_int_equal(goleak_ledger_take(&ledger, batch_of(&t, 1)), GOLEAK_OK);
}

/* Something else goes on: the clock of the parts. */
static void others(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        tell(GOLEAK_T_BLOCKED, 9);
        tell(GOLEAK_T_UNBLOCKED, 9);
    }
}

static void a_site_that_leaks_rises(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        tell(GOLEAK_T_CREATED, 1);
        others(7);
        tell(GOLEAK_T_CREATED, 2);
        tell(GOLEAK_T_ENDED, 2);
    }
    struct goleak_rise rise = growth_of(1);
    assert_int_equal(rise.created, 200);
    assert_int_equal(rise.ended, 0);
    assert_int_equal(rise.alive, 200);
    assert_int_equal(rise.rising, rise.parts);
    assert_in_range(rise.parts, GOLEAK_LEDGER_PARTS / 2, GOLEAK_LEDGER_PARTS);
    assert_true(rise.trend > 3);
    assert_true(rise.slope > 5);
    rise = growth_of(2);
    assert_int_equal(rise.created, 200);
    assert_int_equal(rise.ended, 200);
    assert_true(rise.trend < 2);
}

static void a_burst_at_the_start_is_no_rise(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++)
        tell(GOLEAK_T_CREATED, 1);
    others(300);
    struct goleak_rise rise = growth_of(1);
    assert_int_equal(rise.alive, 500);
    assert_int_equal(rise.rising, 1);
    assert_true(rise.trend < 2);
}

static void a_quiet_end_does_not_hide_a_rise(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        tell(GOLEAK_T_CREATED, 1);
        others(3);
    }
    /* nothing happens for hours */
    assert_true(growth_of(1).trend > 3);
}

static void late_proof_takes_back(void **state)
{
    (void)state;
    tell(GOLEAK_T_CREATED, 1);
    tell(GOLEAK_T_CREATED, 1);
    tell(GOLEAK_T_RETRACTED, 1);
    assert_int_equal(growth_of(1).created, 1);
    assert_int_equal(growth_of(1).alive, 1);
    tell(GOLEAK_T_CREATED, 0);
    tell(GOLEAK_T_MOVED, 3);
    assert_int_equal(growth_of(0).alive, 0);
    assert_int_equal(growth_of(3).created, 1);
}

/* A pool of fifty that is exchanged, member by member: site 1's are created, and older ones end of which only the
 * function is known that both start in. */
static void exchange(unsigned older)
{
    for (unsigned i = 0; i < older; i++)
        tell(GOLEAK_T_APPEARED, 2);
    others(100);
    for (unsigned i = 0; i < 50; i++) {
        if (i < older)
            tell(GOLEAK_T_ENDED, 2);
        tell(GOLEAK_T_CREATED, 1);
        others(7);
    }
}

static void who_takes_an_older_ones_place_is_no_rise(void **state)
{
    (void)state;
    places[1] = (struct goleak_site) { .created_at = 5, .start = 7 };
    places[2] = (struct goleak_site) { .start = 7 };
    exchange(50);
    assert_true(growth_of(1).trend < 2);
    assert_int_equal(growth_of(1).alive, 50);
}

static void more_than_took_an_older_ones_place_are_a_rise(void **state)
{
    (void)state;
    places[1] = (struct goleak_site) { .created_at = 5, .start = 7 };
    places[2] = (struct goleak_site) { .start = 7 };
    exchange(20);
    assert_true(growth_of(1).trend > 2);
}

static void older_ones_of_another_function_are_others(void **state)
{
    (void)state;
    places[1] = (struct goleak_site) { .created_at = 5, .start = 7 };
    places[2] = (struct goleak_site) { .start = 8 };
    exchange(50);
    assert_true(growth_of(1).trend > 3);
}

/* The first half of the recording shows none of them. */
static void older_ones_that_show_themselves_late_are_no_rise(void **state)
{
    (void)state;
    places[1] = (struct goleak_site) { .created_at = 5, .start = 7 };
    places[2] = (struct goleak_site) { .start = 7 };
    others(350);
    exchange(50);
    assert_true(growth_of(1).trend < 2);
}

/* Who takes the places of older ones is another place's, and this one's are more. */
static void another_place_that_takes_theirs_hides_no_rise(void **state)
{
    (void)state;
    places[1] = (struct goleak_site) { .created_at = 5, .start = 7 };
    places[2] = (struct goleak_site) { .start = 7 };
    places[3] = (struct goleak_site) { .created_at = 6, .start = 7 };
    for (unsigned i = 0; i < 100; i++)
        tell(GOLEAK_T_APPEARED, 2);
    for (unsigned i = 0; i < 100; i++) {
        tell(GOLEAK_T_CREATED, 3);
        tell(GOLEAK_T_ENDED, 2);
        if (i % 2 == 0)
            tell(GOLEAK_T_CREATED, 1);
        others(7);
    }
    assert_true(growth_of(1).trend > 2.33);
}

static void memory_that_ends_is_told(void **state)
{
    (void)state;
    places[1] = (struct goleak_site) { .created_at = 5, .start = 7 };
    places[2] = (struct goleak_site) { .start = 7 };
    exchange(5);
    for (unsigned i = 1; i <= 3; i++) {
        failing.fail_at = failing.requests + i;
        assert_null(goleak_growth_find(&ledger, &sites, &heap));
    }
}

static void a_site_that_was_never_seen_has_nothing(void **state)
{
    (void)state;
    assert_int_equal(growth_of(77).created, 0);
    assert_int_equal(growth_of(77).parts, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_site_that_leaks_rises, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_burst_at_the_start_is_no_rise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_quiet_end_does_not_hide_a_rise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(late_proof_takes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_takes_an_older_ones_place_is_no_rise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_took_an_older_ones_place_are_a_rise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_ones_of_another_function_are_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_ones_that_show_themselves_late_are_no_rise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_place_that_takes_theirs_hides_no_rise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_ends_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_site_that_was_never_seen_has_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
