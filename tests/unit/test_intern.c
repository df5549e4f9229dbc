/* test_intern - equal bytes have equal numbers, and nothing else has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/intern.h"
#include "support/collide.h"
#include "support/fail_alloc.h"

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_intern names;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_intern_init(&names, &alloc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_intern_release(&names);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static uint32_t add(const char *text)
{
    return goleak_intern_add(&names, text, strlen(text));
}

static void equal_bytes_get_equal_numbers(void **state)
{
    (void)state;
    char copy[] = "main.Gather";
    assert_int_equal(add("main.Gather"), 1);
    assert_int_equal(add("main.main"), 2);
    assert_int_equal(add(copy), 1);
    assert_int_equal(names.count, 2);
}

static void length_and_every_byte_count(void **state)
{
    (void)state;
    uint32_t short_one = add("main.f"), long_one = add("main.f.func1"), other = add("main.g.func1");
    assert_int_not_equal(short_one, long_one);
    assert_int_not_equal(long_one, other);
    uint32_t nul = goleak_intern_add(&names, "a\0b", 3), other_nul = goleak_intern_add(&names, "a\0c", 3);
    assert_int_not_equal(nul, other_nul);
    assert_int_not_equal(nul, add("a"));
    size_t size;
    assert_memory_equal(goleak_intern_get(&names, nul, &size), "a\0b", 4);
    assert_int_equal(size, 3);
}

static void the_empty_text_has_a_number_and_zero_is_none(void **state)
{
    (void)state;
    size_t size = 5;
    assert_int_not_equal(add(""), 0);
    assert_string_equal(goleak_intern_get(&names, 0, &size), "");
    assert_int_equal(size, 0);
    size = 5;
    assert_string_equal(goleak_intern_get(&names, 999, &size), ""); /* never given out */
    assert_int_equal(size, 0);
    assert_string_equal(goleak_intern_get(&names, 0, NULL), "");
}

static void finding_adds_nothing(void **state)
{
    (void)state;
    assert_int_equal(goleak_intern_find(&names, "main.f", 6), 0); /* the table is empty yet */
    uint32_t id = add("main.f");
    assert_int_equal(goleak_intern_find(&names, "main.f", 6), id);
    assert_int_equal(goleak_intern_find(&names, "main.g", 6), 0);
    assert_int_equal(goleak_intern_find(&names, "main.", 5), 0);
    assert_int_equal(names.count, 1);
}

static void the_bytes_are_copied_and_do_not_move(void **state)
{
    (void)state;
    char text[32] = "main.worker";
    uint32_t id = add(text);
    const char *kept = goleak_intern_get(&names, id, NULL);
    strcpy(text, "overwritten");
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "main.f%u", i);
        add(text);
    }
    assert_ptr_equal(goleak_intern_get(&names, id, NULL), kept);
    assert_string_equal(kept, "main.worker");
}

static void many_are_found_again(void **state)
{
    enum { MANY = 60000 };
    char text[32];
    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "%x+0x%x", i * 7, i);
        if (add(text) != i + 1)
            fail_msg("number %u is not the next", i + 1);
    }
    for (uint32_t i = MANY; i-- > 0;) {
        snprintf(text, sizeof text, "%x+0x%x", i * 7, i);
        if (add(text) != i + 1 || strcmp(goleak_intern_get(&names, i + 1, NULL), text) != 0)
            fail_msg("\"%s\" is lost", text);
    }
}

/* Whatever is refused, the table stays whole, and the same text gets in later. */
static void a_refusal_is_zero_and_leaves_no_trace(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        char text[32];
        snprintf(text, sizeof text, "main.f%u", i);
        heap.fail_at = heap.requests + 1;
        uint32_t id = add(text);
        heap.fail_at = 0;
        assert_true(id == 0 || id == i + 1);
        assert_int_equal(add(text), i + 1);
        assert_int_equal(names.count, i + 1);
    }
}

/* Keys of one hash are parted before each has to be compared with all. */
static void keys_that_were_chosen_to_collide_do_not(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < COLLIDE_MANY; i++) {
        uint64_t key = collide_word(i);
        assert_int_equal(goleak_hash_bytes(&key, sizeof key), i);
        assert_int_equal(goleak_intern_add(&names, &key, sizeof key), i + 1);
        assert_int_equal(names.secret != 0, i >= GOLEAK_HASH_FAR);
    }
    for (uint64_t i = 0; i < COLLIDE_MANY; i++) {
        uint64_t key = collide_word(i);
        assert_int_equal(goleak_intern_find(&names, &key, sizeof key), i + 1);
    }
    assert_int_equal(goleak_intern_find(&names, "main.f", 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_bytes_get_equal_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(length_and_every_byte_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_empty_text_has_a_number_and_zero_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finding_adds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_bytes_are_copied_and_do_not_move, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_are_found_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_is_zero_and_leaves_no_trace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_that_were_chosen_to_collide_do_not, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
