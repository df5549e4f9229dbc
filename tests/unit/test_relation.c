/*
 * test_relation - who belongs to what: runs of one key, in the order of adding; and families,
 * whose members are found by when they were created. Both against looking at all.
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
    struct goleak_member found;
    uint32_t family;
} members[MOST];

static bool is_before(const struct goleak_member *a, const struct goleak_member *b)
{
    return a->created != b->created ? a->created < b->created : a->record < b->record;
}

/* All of a family since a moment, against all that were added. */
static void check_since(struct goleak_families *families, uint32_t family, int64_t since, uint32_t added)
{
    size_t count, expected = 0;
    const struct goleak_member *found = goleak_families_since(families, family, since, &count);
    for (uint32_t i = 0; i < added; i++)
        expected += members[i].family == family && members[i].found.created >= since;
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(members[found[i].record - 1].family, family);
        assert_int_equal(members[found[i].record - 1].found.mark, found[i].mark);
        assert_int_equal(found[i].created, members[found[i].record - 1].found.created);
        assert_true(i == 0 || is_before(&found[i - 1], &found[i]));
    }
}

/* The first members of all that were noted, of those families that are asked for. */
static void add_members(struct goleak_families *families, uint32_t added)
{
    for (uint32_t i = 0; i < added; i++) {
        bool wanted;
        assert_true(goleak_families_count(families, members[i].family, &wanted));
        assert_int_equal(wanted, members[i].family % 2 == 1);
    }
    assert_true(goleak_families_make_room(families));
    for (uint32_t i = 0; i < added; i++)
        if (members[i].family % 2 == 1)
            goleak_families_put(families, members[i].found.created, i + 1, members[i].found.mark);
    assert_true(goleak_families_sort(families));
}

/* Of 100 a few stand out of order. */
static void check_families(uint32_t added, uint32_t kinds, uint32_t loose)
{
    struct goleak_families families;
    goleak_families_init(&families, &heap);
    for (uint32_t family = 1; family <= kinds; family += 2)
        assert_true(goleak_families_want(&families, family) && goleak_families_want(&families, family));
    for (uint32_t i = 0; i < added; i++) {
        int64_t created = chance(100) < loose ? (int64_t)chance(MOST) : (int64_t)i / 2;
        members[i].found = (struct goleak_member){ created, i + 1, i % 3 };
        members[i].family = 1 + chance(kinds);
    }
    add_members(&families, added);
    for (uint32_t family = 1; family <= kinds; family += 2)
        for (int64_t since = -1; since <= MOST; since += MOST / 7)
            check_since(&families, family, since, added);
    size_t count = 1;
    goleak_families_since(&families, 2, 0, &count); /* nobody wanted it */
    assert_int_equal(count, 0);
    goleak_families_release(&families);
}

static void members_are_found_by_when_they_were_created(void **state)
{
    (void)state;
    for (uint32_t loose = 0; loose <= 100; loose += 20)
        check_families(MOST, 9, loose);
    check_families(MOST, 1000, 10);
    for (uint32_t added = 0; added < 6; added++)
        check_families(added, 1, 50);
}

/* Moments are claims of the recording: any number will do. */
static void any_moments_are_sorted(void **state)
{
    static const int64_t ends[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX };
    struct goleak_families families;
    (void)state;
    goleak_families_init(&families, &heap);
    assert_true(goleak_families_want(&families, 1));
    for (uint32_t i = 0; i < MOST; i++) {
        int64_t created = ends[chance(7)];
        if (chance(2) != 0)
            created = (int64_t)((uint64_t)chance(UINT32_MAX) << 32 ^ (uint64_t)chance(UINT32_MAX) << 16);
        members[i].found = (struct goleak_member){ created, i + 1, 0 };
        members[i].family = 1;
    }
    add_members(&families, MOST);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        check_since(&families, 1, ends[i], MOST);
    goleak_families_release(&families);
}

static void nobody_is_added_where_nothing_is_wanted(void **state)
{
    (void)state;
    struct goleak_families families;
    goleak_families_init(&families, &heap);
    bool wanted = true;
    assert_true(goleak_families_count(&families, 7, &wanted));
    assert_false(wanted);
    assert_true(goleak_families_make_room(&families) && goleak_families_sort(&families));
    assert_int_equal(families.count, 0);
    size_t count = 1;
    goleak_families_since(&families, 7, 0, &count);
    assert_int_equal(count, 0);
    goleak_families_release(&families);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_a_key_are_a_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_highest_key_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(members_are_found_by_when_they_were_created, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_moments_are_sorted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_added_where_nothing_is_wanted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
