/* test_error - the caller's error: filled whole, never over its edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "support/fail_alloc.h"

static void setting_clears_what_was_there(void **state)
{
    struct goleak_error error;
    (void)state;
    memset(&error, 'x', sizeof error);
    assert_int_equal(goleak_error_set(&error, GOLEAK_E_FORMAT, "found %s", "ELF"), GOLEAK_E_FORMAT);
    assert_int_equal(error.status, GOLEAK_E_FORMAT);
    assert_string_equal(error.message, "found ELF");
    assert_string_equal(error.path, "");
    assert_string_equal(error.excerpt, "");
    assert_int_equal(error.line, 0);
    assert_int_equal(error.column, 0);
    assert_int_equal(error.offset, 0);
    assert_false(error.has_offset);
}

static void nobody_needs_to_listen(void **state)
{
    struct goleak_alloc alloc;
    (void)state;
    goleak_alloc_init(&alloc, NULL, 1);
    assert_int_equal(goleak_error_set(NULL, GOLEAK_E_IO, "%d", 1), GOLEAK_E_IO);
    assert_null(goleak_realloc(&alloc, NULL, 0, 2));
    assert_int_equal(goleak_error_alloc(NULL, &alloc), GOLEAK_E_LIMIT);
}

static void a_long_sentence_is_cut(void **state)
{
    struct goleak_error error;
    char text[2000];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    goleak_error_set(&error, GOLEAK_E_FORMAT, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static void a_limit_names_itself_its_value_and_its_option(void **state)
{
    struct goleak_error error;
    struct goleak_alloc alloc;
    (void)state;
    goleak_alloc_init(&alloc, NULL, 1000);
    void *block = goleak_realloc(&alloc, NULL, 0, 700);
    assert_null(goleak_realloc(&alloc, NULL, 0, 301));
    assert_int_equal(goleak_error_alloc(&error, &alloc), GOLEAK_E_LIMIT);
    assert_non_null(strstr(error.message, "1000 bytes"));
    assert_non_null(strstr(error.message, "700"));
    assert_non_null(strstr(error.message, "--max-memory"));
    goleak_free(&alloc, block, 700);
}

static void the_allocators_refusal_names_no_option(void **state)
{
    struct fail_alloc heap;
    struct goleak_alloc alloc;
    struct goleak_error error;
    (void)state;
    fail_alloc_init(&heap, 1, true);
    goleak_alloc_init(&alloc, &heap.allocator, 1000);
    assert_null(goleak_realloc(&alloc, NULL, 0, 1));
    assert_int_equal(goleak_error_alloc(&error, &alloc), GOLEAK_E_MEMORY);
    assert_null(strstr(error.message, "--max-memory"));
    assert_string_not_equal(error.message, "");
}

static void excerpts_show_every_byte(void **state)
{
    char out[64];
    (void)state;
    goleak_escape_excerpt(out, sizeof out, "goid=7 ~", 8);
    assert_string_equal(out, "goid=7 ~");
    goleak_escape_excerpt(out, sizeof out, "\x1b[31m\0\xff\n\x7f", 9);
    assert_string_equal(out, "\\x1b[31m\\x00\\xff\\x0a\\x7f");
    goleak_escape_excerpt(out, sizeof out, "", 0);
    assert_string_equal(out, "");
}

/* For every room: it ends with a NUL inside, holds whole escapes, and is a prefix. */
static void excerpts_are_cut_between_characters(void **state)
{
    static const char bytes[] = "ab\x01"
                                "cd\xfe"
                                "ef";
    static const char whole[] = "ab\\x01cd\\xfeef";
    static const char cut[] = "\xe2\x80\xa6";
    (void)state;
    for (size_t room = sizeof cut; room < 40; room++) {
        char *out = malloc(room); /* the exact size, for AddressSanitizer */
        assert_non_null(out);
        goleak_escape_excerpt(out, room, bytes, sizeof bytes - 1);
        size_t size = strlen(out);
        assert_true(size < room);
        if (strcmp(out, whole) != 0) {
            assert_true(size >= 3);
            assert_string_equal(out + size - 3, cut);
            assert_memory_equal(out, whole, size - 3);
            /* An escape is whole: what follows the cut is no part of one. */
            const char *backslash = memchr(out, '\\', size - 3);
            for (; backslash != NULL; backslash = memchr(backslash + 1, '\\', (size_t)(out + size - 4 - backslash)))
                assert_true(backslash + 4 <= out + size - 3);
        } else {
            assert_true(room > sizeof whole - 1);
        }
        free(out);
    }
    char out[40];
    goleak_escape_excerpt(out, sizeof out, bytes, sizeof bytes - 1);
    assert_string_equal(out, whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_clears_what_was_there),
        cmocka_unit_test(nobody_needs_to_listen),
        cmocka_unit_test(a_long_sentence_is_cut),
        cmocka_unit_test(a_limit_names_itself_its_value_and_its_option),
        cmocka_unit_test(the_allocators_refusal_names_no_option),
        cmocka_unit_test(excerpts_show_every_byte),
        cmocka_unit_test(excerpts_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
