/* test_goroutine - the store: records found by address or goid, per process, never moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/goroutine.h"
#include "support/collide.h"
#include "support/fail_alloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_store store;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    return goleak_store_init(&store, &alloc) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_store_release(&store);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static uint32_t find(uint64_t key, uint16_t process)
{
    return goleak_store_get(&store, key, process);
}

static uint32_t add(uint64_t key, uint16_t process)
{
    return goleak_store_add(&store, key, process, goleak_store_hash(&store, key, process));
}

static void a_record_begins_empty_but_for_its_key(void **state)
{
    (void)state;
    assert_int_equal(find(0x140000036c0, 0), 0);
    uint32_t index = add(0x140000036c0, 3);
    assert_int_equal(index, 1); /* 0 is "none" */
    const struct goleak_record *record = goleak_store_at(&store, index);
    assert_int_equal(record->g, 0x140000036c0);
    assert_int_equal(record->process, 3);
    assert_int_equal(record->goid, 0);
    assert_int_equal(record->serial, 0);
    assert_int_equal(goleak_store_detail(&store, record)->incarnation, 0);
    assert_int_equal(record->index, index);
    assert_int_equal(record->flags, 0);
    assert_int_equal(record->state, GOLEAK_STATE_UNKNOWN);
    assert_int_equal(find(0x140000036c0, 3), 1);
}

static void processes_have_their_own_addresses(void **state)
{
    (void)state;
    uint32_t first = add(0xc000002380, 0), second = add(0xc000002380, 1);
    assert_int_not_equal(first, second);
    assert_int_equal(find(0xc000002380, 0), first);
    assert_int_equal(find(0xc000002380, 1), second);
    assert_int_equal(find(0xc000002380, 2), 0);
}

/* The process is mixed into the key: these two have one hash, tag and all. */
static void equal_hashes_are_told_apart(void **state)
{
    const uint64_t key = 0xc000002380, twin = key ^ (uint64_t)1 << 48;
    (void)state;
    assert_int_equal(goleak_store_hash(&store, key, 1), goleak_store_hash(&store, twin, 0));
    uint32_t first = add(key, 1);
    assert_int_equal(find(twin, 0), 0);
    uint32_t second = add(twin, 0);
    assert_int_equal(find(key, 1), first);
    assert_int_equal(find(twin, 0), second);
}

static void goids_are_keys_of_their_own(void **state)
{
    (void)state;
    uint32_t by_address = add(7, 0), by_goid = add(7 | GOLEAK_KEY_GOID, 0);
    assert_int_not_equal(by_address, by_goid);
    assert_int_equal(goleak_store_at(&store, by_goid)->goid, 7);
    assert_int_equal(goleak_store_at(&store, by_goid)->g, 0);
    assert_int_equal(find(7, 0), by_address);
    assert_int_equal(find(7 | GOLEAK_KEY_GOID, 0), by_goid);
    assert_int_equal(find(8 | GOLEAK_KEY_GOID, 0), 0);
}

/* An address that learns its goid is still found by its address. */
static void a_goid_that_is_learnt_later_changes_nothing(void **state)
{
    (void)state;
    uint32_t index = add(0xc000102000, 0);
    goleak_store_at(&store, index)->goid = 18;
    for (uint64_t i = 1; i < 3000; i++) /* the table is made anew from the records */
        add(0xc000102000 + i * 0x1c0, 0);
    assert_int_equal(find(0xc000102000, 0), index);
    assert_int_equal(find(18 | GOLEAK_KEY_GOID, 0), 0);
}

/* Readers' numbers are found by themselves, whatever order they come in and however large
 * they claim to be; another process has its own. */
static void numbers_of_readers_are_keys_as_well(void **state)
{
    static const uint64_t numbers[] = { 2, 1, 3, 4000000000, 70000, 65530, 7, 4, 9, 5000 };
    uint32_t own[COUNT(numbers)], other[COUNT(numbers)];
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_int_equal(find(GOLEAK_G_SLOT | numbers[i], 0), 0);
        own[i] = add(GOLEAK_G_SLOT | numbers[i], 0);
        assert_int_equal(find(GOLEAK_G_SLOT | numbers[i], 1), 0);
        other[i] = add(GOLEAK_G_SLOT | numbers[i], 1);
        add(0xc000102000 + i * 0x1c0, 0);
    }
    for (uint64_t i = 0; i < 3000; i++) /* the table is made anew from the records */
        add(0xc100102000 + i * 0x1c0, 0);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_int_equal(find(GOLEAK_G_SLOT | numbers[i], 0), own[i]);
        assert_int_equal(find(GOLEAK_G_SLOT | numbers[i], 1), other[i]);
        assert_int_equal(find(0xc000102000 + i * 0x1c0, 0), own[i] + 2);
    }
    assert_int_equal(find(GOLEAK_G_SLOT | 8, 0), 0);
    assert_true(store.numbered_count < 100000);
}

/* They need no slots, so there are few of these; one that needs one all the same may be anywhere. */
static void addresses_behind_many_numbers_are_found(void **state)
{
    enum { MANY = 20000 };
    (void)state;
    for (uint64_t i = 1; i <= MANY; i++)
        add(GOLEAK_G_SLOT | i, 0);
    assert_true(store.slot_mask < MANY);
    for (uint64_t i = 1; i <= 50; i++) {
        assert_int_equal(add(0xc000102000 + i * 0x1c0, 0), MANY + i);
        assert_int_equal(find(0xc000102000 + i * 0x1c0, 0), MANY + i);
    }
    for (uint64_t i = 1; i <= MANY; i++)
        assert_int_equal(find(GOLEAK_G_SLOT | i, 0), i);
}

static void many_are_found_and_do_not_move(void **state)
{
    enum { MANY = 100000 };
    (void)state;
    uint32_t first = add(0xc000000000, 0);
    const struct goleak_record *kept = goleak_store_at(&store, first);
    for (uint64_t i = 1; i < MANY; i++)
        if (add(0xc000000000 + i * 0x1e0, 0) != i + 1)
            fail_msg("record %llu is not the next", (unsigned long long)i);
    for (uint64_t i = 0; i < MANY; i++)
        if (find(0xc000000000 + i * 0x1e0, 0) != i + 1)
            fail_msg("record %llu is lost", (unsigned long long)i);
    for (uint64_t i = 0; i < MANY; i++) /* between them is nothing */
        assert_int_equal(find(0xc000000000 + i * 0x1e0 + 0x20, 0), 0);
    assert_ptr_equal(goleak_store_at(&store, first), kept);
    assert_int_equal(store.count, MANY);
    assert_true(store.count * 2 <= store.slot_mask + 1);
}

static void a_refusal_leaves_the_store_whole(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 9000; i++) {
        uint64_t key = 0xc000000000 + i * 0x1c0;
        heap.fail_at = heap.requests + 1;
        uint32_t index = add(key, 0);
        heap.fail_at = 0;
        if (index == 0) { /* a chunk, or a larger table */
            assert_int_equal(find(key, 0), 0);
            index = add(key, 0);
        }
        assert_int_equal(index, i + 1);
    }
    for (uint64_t i = 0; i < 9000; i++)
        assert_int_equal(find(0xc000000000 + i * 0x1c0, 0), i + 1);
}

/* Whose hash is this, but those that are of another kind. */
static bool collide(uint64_t hash, uint64_t *key)
{
    *key = hash * collide_inverse(GOLEAK_STORE_FACTOR);
    return (*key & (GOLEAK_KEY_GOID | GOLEAK_G_SLOT)) == 0;
}

static void keys_that_were_chosen_to_collide_do_not(void **state)
{
    uint32_t count = 0;
    uint64_t key;
    (void)state;
    for (uint64_t i = 1; count < COLLIDE_MANY; i++)
        if (collide(i, &key))
            assert_int_equal(add(key, 0), ++count);
    assert_int_not_equal(store.factor, GOLEAK_STORE_FACTOR);
    count = 0;
    for (uint64_t i = 1; count < COLLIDE_MANY; i++)
        if (collide(i, &key))
            assert_int_equal(find(key, 0), ++count);
}

static void note_goid(uint32_t index, uint64_t goid)
{
    goleak_store_at(&store, index)->goid = goid;
    assert_true(goleak_store_note_goid(&store, index));
}

static uint32_t by_goid(uint64_t goid)
{
    uint32_t index;
    assert_true(goleak_store_by_goid(&store, goid, 0, &index));
    return index;
}

/* Whether the table is made when they are there, or before them. */
static void goids_that_were_chosen_to_collide_do_not(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= COLLIDE_MANY; i++) /* at large steps they do not anyway */
        note_goid(add(0xc000000000 + (uint64_t)i * 0x1c0, 0), (uint64_t)i << 40);
    assert_int_equal(by_goid((uint64_t)77 << 40), 77);
    assert_int_equal(store.goids.factor, GOLEAK_STORE_FACTOR);
    for (uint32_t i = 1; i <= COLLIDE_MANY; i++)
        note_goid(i, i * collide_inverse(GOLEAK_STORE_FACTOR));
    assert_int_not_equal(store.goids.factor, GOLEAK_STORE_FACTOR);
    for (uint32_t i = 1; i <= COLLIDE_MANY; i++)
        assert_int_equal(by_goid(i * collide_inverse(GOLEAK_STORE_FACTOR)), i);
    assert_int_equal(by_goid((uint64_t)77 << 40), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_begins_empty_but_for_its_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(processes_have_their_own_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_hashes_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goids_are_keys_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_goid_that_is_learnt_later_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_of_readers_are_keys_as_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses_behind_many_numbers_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_are_found_and_do_not_move, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_leaves_the_store_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_that_were_chosen_to_collide_do_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goids_that_were_chosen_to_collide_do_not, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
