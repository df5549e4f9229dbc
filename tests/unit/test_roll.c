/* test_roll - whether a later trace is of the same process. */
#include <stdlib.h>

#include "roll.h"
#include "support/load.h"

static const uint64_t host[] = { 41007, 41009, 41012 }, others[] = { 41100, 41102, 41103 }, container[] = { 1, 7, 8 };
#define THREADS(ids) ((struct goleak_roll_threads) { ids, 3 })
#define NONE ((struct goleak_roll_threads) { NULL, 0 })

struct rolls {
    struct goleak_roll early, late;
};

static struct rolls *make(void)
{
    struct rolls *rolls = calloc(1, sizeof *rolls);
    assert_non_null(rolls);
    return rolls;
}

/* In both, with the same start function. */
static void find_both(struct rolls *rolls, uint64_t goid)
{
    goleak_roll_note(&rolls->early, goid, goid % 7 + 1, false);
    goleak_roll_note(&rolls->late, goid, goid % 7 + 1, false);
}

static void find_many(struct rolls *rolls, uint64_t from, size_t count, uint64_t step)
{
    for (size_t i = 0; i < count; i++)
        find_both(rolls, from + i * step);
}

static bool goes_on(struct rolls *rolls, struct goleak_roll_threads early, struct goleak_roll_threads late)
{
    goleak_roll_close(&rolls->early);
    goleak_roll_close(&rolls->late);
    bool is = goleak_roll_goes_on(&rolls->early, early, &rolls->late, late);
    free(rolls);
    return is;
}

static void threads_prove_it(void **state)
{
    (void)state;
    struct rolls *rolls = make();
    find_many(rolls, 1, 3, 1);
    assert_true(goes_on(rolls, THREADS(host), THREADS(host)));
    rolls = make();
    find_many(rolls, 1, 3, 1);
    assert_false(goes_on(rolls, THREADS(host), THREADS(others)));
    rolls = make(); /* each container counts from 1 */
    find_many(rolls, 1, 3, 1);
    assert_false(goes_on(rolls, THREADS(container), THREADS(container)));
    rolls = make(); /* nobody is found who was there before */
    goleak_roll_note(&rolls->early, 1, 1, false);
    goleak_roll_note(&rolls->late, 2, 1, false);
    assert_false(goes_on(rolls, THREADS(host), THREADS(host)));
}

static void one_common_thread_is_chance(void **state)
{
    (void)state;
    static const uint64_t late[] = { 40000, 41009, 42000 };
    struct rolls *rolls = make();
    find_many(rolls, 1, 3, 1);
    assert_false(goes_on(rolls, THREADS(host), THREADS(late)));
}

static void goids_that_lie_apart_prove_it(void **state)
{
    (void)state;
    struct rolls *rolls = make();
    find_many(rolls, 5000, 16, 40);
    assert_true(goes_on(rolls, THREADS(container), THREADS(container)));
    rolls = make();
    find_many(rolls, 5000, 16, 40);
    assert_true(goes_on(rolls, NONE, NONE));
    rolls = make();
    find_many(rolls, 5000, 15, 40);
    assert_false(goes_on(rolls, THREADS(container), THREADS(container)));
    rolls = make(); /* of each start they may be the same */
    find_many(rolls, 20, 16, 40);
    assert_false(goes_on(rolls, NONE, NONE));
    rolls = make(); /* workers, one by one */
    find_many(rolls, 5000, 400, 1);
    assert_false(goes_on(rolls, NONE, NONE));
    rolls = make(); /* but not those of other threads */
    find_many(rolls, 5000, 16, 40);
    assert_false(goes_on(rolls, THREADS(container), THREADS(host)));
}

static void contradictions_are_of_another(void **state)
{
    (void)state;
    struct rolls *rolls = make();
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, 9000, 1, false);
    goleak_roll_note(&rolls->late, 9000, 2, false);
    assert_false(goes_on(rolls, THREADS(host), THREADS(host)));
    rolls = make();
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, 9000, 1, false);
    goleak_roll_note(&rolls->late, 9000, 1, true);
    assert_false(goes_on(rolls, THREADS(host), THREADS(host)));
    rolls = make();
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, 9000, 1, true);
    goleak_roll_note(&rolls->late, 9000, 1, true);
    assert_false(goes_on(rolls, THREADS(host), THREADS(host)));
    rolls = make(); /* it is found who was born before */
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, 9000, 1, true);
    goleak_roll_note(&rolls->late, 9000, 1, false);
    assert_true(goes_on(rolls, THREADS(host), THREADS(host)));
}

static void those_of_before_must_have_been_there(void **state)
{
    (void)state;
    struct rolls *rolls = make();
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, 90000, 1, false);
    goleak_roll_note(&rolls->late, 5003, 1, false);
    assert_false(goes_on(rolls, NONE, NONE));
    rolls = make();
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, 90000, 1, false);
    for (uint64_t goid = 5003; goid < 5007; goid++)
        goleak_roll_note(&rolls->late, goid, 1, false);
    assert_false(goes_on(rolls, THREADS(host), THREADS(host)));
    rolls = make(); /* a P gives its goids late */
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, 7000, 1, false);
    for (uint64_t goid = 6003; goid < 6007; goid++)
        goleak_roll_note(&rolls->late, goid, 1, false);
    assert_true(goes_on(rolls, NONE, NONE));
}

static void of_many_a_sample_is_kept(void **state)
{
    (void)state;
    struct rolls *rolls = make();
    find_many(rolls, 5000, 100000, 40);
    for (uint64_t goid = 1; goid < 100000; goid++)
        goleak_roll_note(&rolls->early, 5000000 + goid, 1, true);
    assert_true(rolls->early.found.count < GOLEAK_ROLL_MEMBERS && rolls->early.found.count >= 128);
    assert_true(goes_on(rolls, NONE, NONE));
    rolls = make();
    for (uint64_t i = 0; i < 100000; i++) {
        goleak_roll_note(&rolls->early, 5000 + i * 40, 1, false);
        goleak_roll_note(&rolls->late, 5000 + i * 40 + i % 2, 1, false);
    }
    assert_false(goes_on(rolls, THREADS(host), THREADS(host)));
}

static void one_is_noted_once(void **state)
{
    (void)state;
    struct rolls *rolls = make();
    for (int i = 0; i < 10000; i++)
        find_both(rolls, 5000);
    goleak_roll_close(&rolls->early);
    assert_int_equal(rolls->early.found.count, 1);
    assert_false(goes_on(rolls, NONE, NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_prove_it),
        cmocka_unit_test(one_common_thread_is_chance),
        cmocka_unit_test(goids_that_lie_apart_prove_it),
        cmocka_unit_test(contradictions_are_of_another),
        cmocka_unit_test(those_of_before_must_have_been_there),
        cmocka_unit_test(of_many_a_sample_is_kept),
        cmocka_unit_test(one_is_noted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
