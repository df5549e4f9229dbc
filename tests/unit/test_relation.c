/*
 * test_relation - who belongs to what: runs of one key, in the order of adding; and families,
 * where who asks is found by when the others were created. Both against looking at all.
 */
#include <stdlib.h>

#include "support/chance.h"
#include "support/load.h"
#include "verdict/family.h"
#include "verdict/relation.h"

#define MOST 5000

static struct goleak_alloc heap;
static int set_up(void **state)
{
    (void)state;
    seed = 20;
    goleak_alloc_init(&heap, NULL, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(heap.used_bytes, 0);
    return 0;
}

/* Keys that differ in any of their digits. */
static void check_relation(uint32_t count, uint32_t keys, unsigned shift)
{
    struct goleak_relation relation;
    static uint32_t added[MOST];
    goleak_relation_init(&relation, &heap);
    for (uint32_t i = 0; i < count; i++) {
        added[i] = (chance(keys) << shift) + 1;
        assert_true(goleak_relation_add(&relation, added[i], i + 1, i % 7 == 0));
    }
    assert_true(goleak_relation_sort(&relation));
    for (uint32_t i = 0; i < count; i += 1 + count / 50) {
        struct goleak_run run = goleak_relation_of(&relation, added[i]);
        size_t at = 0;
        bool marked = false;
        for (uint32_t other = 0; other < count; other++) {
            if (added[other] != added[i])
                continue;
            assert_int_equal(run.all[at++].record, other + 1);
            marked |= other % 7 == 0;
        }
        assert_int_equal(run.count, at);
        assert_int_equal(run.all[0].marked, marked);
    }
    assert_int_equal(goleak_relation_of(&relation, 0).count, 0);
    assert_int_equal(goleak_relation_of(&relation, UINT32_MAX).count, 0);
    goleak_relation_release(&relation);
}

static void all_of_a_key_are_a_run(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 32; shift += 3)
        check_relation(MOST, 100 >> (shift > 24 ? shift - 24 : 0) | 1, shift);
    for (uint32_t count = 0; count < 5; count++)
        check_relation(count, 2, 11);
    check_relation(MOST, MOST * 3, 17);
}

static void the_highest_key_is_found(void **state)
{
    (void)state;
    struct goleak_relation relation;
    goleak_relation_init(&relation, &heap);
    for (uint32_t i = 1; i <= 3; i++)
        assert_true(goleak_relation_add(&relation, UINT32_MAX, i, false));
    assert_true(goleak_relation_sort(&relation));
    assert_int_equal(goleak_relation_of(&relation, UINT32_MAX).count, 3);
    assert_int_equal(goleak_relation_of(&relation, UINT32_MAX).all[2].record, 3);
    assert_false(goleak_relation_add(&relation, 1, (uint32_t)1 << 30, false));
    goleak_relation_release(&relation);
}

/* ---- families ---- */

static struct {
    struct goleak_asker asker;
    uint32_t family;
    bool answered;
} asking[MOST];

static void add_askers(struct goleak_families *families, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_true(goleak_families_ask(families, asking[i].family, &asking[i].asker));
    assert_true(goleak_families_sort(families));
}

/* Who has no answer yet, and may ask for one that was created then, against all; some get their answer. */
static void check_created(struct goleak_families *families, uint64_t number, int64_t created, uint32_t count,
                          uint32_t answers)
{
    struct goleak_family *family = goleak_families_find(families, number);
    uint32_t expected = 0, found = 0, left = 0;
    int64_t last = INT64_MAX, reach = INT64_MAX, from = INT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        bool asks = asking[i].family == number && !asking[i].answered;
        left += asks;
        from = asks && asking[i].asker.since < from ? asking[i].asker.since : from;
        expected += asks && asking[i].asker.since <= created;
    }
    assert_int_equal(family->from, from);
    assert_int_equal(family->answered == family->count, left == 0);
    uint32_t place = goleak_families_nearest(families, family, created);
    while (place > family->first) {
        struct goleak_asker *asker = &families->askers[place];
        uint32_t who = asker->record - 1;
        assert_true(asking[who].family == number && !asking[who].answered && asker->since <= last);
        assert_int_equal(asker->until, asking[who].asker.until);
        assert_true(asker->until <= asker->reach && asker->reach <= reach);
        reach = asker->reach;
        assert_int_equal(asker->mark, asking[who].asker.mark);
        assert_int_equal(asker->since, asking[who].asker.since);
        last = asker->since;
        found++;
        if (chance(100) < answers) {
            asking[who].answered = true;
            goleak_families_answer(families, family, place);
        }
        place = goleak_families_unanswered(families, family, place - 1);
    }
    assert_int_equal(found, expected);
}

/* Of 100 a few ask, and of these are asked for, out of order. */
static void check_families(uint32_t count, uint32_t kinds, uint32_t loose)
{
    struct goleak_families families;
    goleak_families_init(&families, &heap);
    for (uint32_t i = 0; i < count; i++) {
        int64_t since = chance(100) < loose ? (int64_t)chance(MOST) : (int64_t)i / 2;
        asking[i].asker = (struct goleak_asker) {
            .since = since, .until = since + (int64_t)chance(100), .record = i + 1, .mark = i % 4
        };
        asking[i].family = 2 * (1 + chance(kinds));
        asking[i].answered = false;
    }
    add_askers(&families, count);
    for (uint32_t i = 0; i < 2 * MOST && count != 0; i += 1 + MOST / 200) {
        int64_t created = chance(100) < loose ? (int64_t)chance(MOST) : (int64_t)i / 4;
        check_created(&families, asking[chance(count)].family, created, count, 10);
    }
    if (count != 0)
        assert_int_equal(goleak_families_find(&families, 3)->from, INT64_MAX); /* nobody asks for it */
    goleak_families_release(&families);
}

static void who_asks_is_found_by_when_one_was_created(void **state)
{
    (void)state;
    for (uint32_t loose = 0; loose <= 100; loose += 20)
        check_families(MOST, 9, loose);
    check_families(MOST, 1000, 10);
    for (uint32_t count = 0; count < 6; count++)
        check_families(count, 1, 50);
}

/* Moments are claims of the recording: any number will do. */
static void any_moments_are_sorted(void **state)
{
    static const int64_t ends[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX };
    struct goleak_families families;
    (void)state;
    goleak_families_init(&families, &heap);
    for (uint32_t i = 0; i < MOST; i++) {
        int64_t since = ends[chance(7)];
        if (chance(2) != 0)
            since = (int64_t)((uint64_t)chance(UINT32_MAX) << 32 ^ (uint64_t)chance(UINT32_MAX) << 16);
        asking[i].asker = (struct goleak_asker) { .since = since, .until = INT64_MAX, .record = i + 1 };
        asking[i].family = 1;
        asking[i].answered = false;
    }
    add_askers(&families, MOST);
    for (size_t i = 0; i < 3 * sizeof ends / sizeof *ends; i++)
        check_created(&families, 1, ends[i * 5 % (sizeof ends / sizeof *ends)], MOST, 5);
    goleak_families_release(&families);
}

static void nobody_asks(void **state)
{
    (void)state;
    struct goleak_families families;
    goleak_families_init(&families, &heap);
    assert_true(goleak_families_sort(&families));
    assert_int_equal(families.count, 0);
    goleak_families_release(&families);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_a_key_are_a_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_highest_key_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_asks_is_found_by_when_one_was_created, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_moments_are_sorted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_asks, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
