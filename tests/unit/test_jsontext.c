/* test_jsontext - JSON token by token, out of a buffer of its exact size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/jsontext.h"
#include "support/fail_alloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_buf out;
static char *block;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_buf_init(&out, &alloc);
    block = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(block);
    goleak_buf_release(&out);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

/* Of a block of its own, so that AddressSanitizer sees a byte read too many. */
static struct goleak_json_text open_bytes(const char *bytes, size_t size)
{
    free(block);
    block = malloc(size != 0 ? size : 1);
    assert_non_null(block);
    memcpy(block, bytes, size);
    return (struct goleak_json_text){ block, block + size, NULL, 0 };
}

static struct goleak_json_text open_text(const char *text)
{
    return open_bytes(text, strlen(text));
}

/* ---- tokens ---------------------------------------------------------------- */

/* "{a" mark and word: S string, N number, W word, M mark, each with its text. */
static const char *tokens_of(struct goleak_json_text json)
{
    enum goleak_json_token token;
    out.size = 0;
    while ((token = goleak_json_next(&json)) != GOLEAK_JSON_END && token != GOLEAK_JSON_ERROR) {
        static const char letters[] = { [GOLEAK_JSON_STRING] = 'S', [GOLEAK_JSON_NUMBER] = 'N',
                                        [GOLEAK_JSON_WORD] = 'W', [GOLEAK_JSON_MARK] = 'M' };
        goleak_buf_printf(&out, "%c<%.*s> ", letters[token], (int)json.size, json.token);
    }
    goleak_buf_text(&out, token == GOLEAK_JSON_END ? "end" : "error");
    goleak_buf_char(&out, '\0');
    return out.data;
}

static void every_token_has_its_kind_and_its_text(void **state)
{
    static const struct {
        const char *text, *tokens;
    } cases[] = {
        { "", "end" },
        { " \t\r\n", "end" },
        { "{}", "M<{> M<}> end" },
        { "[ 1 , -2.5e+3,0 ]", "M<[> N<1> M<,> N<-2.5e+3> M<,> N<0> M<]> end" },
        { "1E9", "N<1E9> end" },
        { "{\"a\":\"b\"}", "M<{> S<a> M<:> S<b> M<}> end" },
        { "true false null", "W<true> W<false> W<null> end" },
        { "\"\"", "S<> end" },
        { "\"\\\"\"", "S<\\\"> end" },
        { "\"a\\\\\"", "S<a\\\\> end" },
        { "\"{[,:]}\"", "S<{[,:]}> end" },
        { "\"\xc3\xa9\"", "S<\xc3\xa9> end" },
        { "{\"n\":18446744073709551615}", "M<{> S<n> M<:> N<18446744073709551615> M<}> end" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(tokens_of(open_text(cases[i].text)), cases[i].tokens);
}

static void what_is_no_token_is_an_error(void **state)
{
    static const char *const texts[] = { "#", "'a'", "Hello", "(", "\x01", "\xff", "~", "\\" };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (strcmp(tokens_of(open_text(texts[i])), "error") != 0)
            fail_msg("%s: %s", texts[i], out.data);
    assert_string_equal(tokens_of(open_bytes("\0", 1)), "error");
    assert_string_equal(tokens_of(open_bytes("1\0002", 3)), "N<1> error");
}

static void a_cut_string_is_an_error(void **state)
{
    static const char *const texts[] = { "\"", "\"abc", "\"abc\\", "\"abc\\\"", "\"\\u12" };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (strcmp(tokens_of(open_text(texts[i])), "error") != 0)
            fail_msg("%s: %s", texts[i], out.data);
    assert_string_equal(tokens_of(open_text("{\"a\": \"b")), "M<{> S<a> M<:> error");
}

/* Whoever asks again after the end, or after an error, is not led out of the text. */
static void the_end_stays_the_end(void **state)
{
    (void)state;
    struct goleak_json_text json = open_text("1 ");
    assert_int_equal(goleak_json_next(&json), GOLEAK_JSON_NUMBER);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(goleak_json_next(&json), GOLEAK_JSON_END);
        assert_ptr_equal(json.at, json.end);
    }
}

static void an_error_stays_within_the_text(void **state)
{
    static const char *const texts[] = { "\"", "\"a", "\"a\\", "\"\\u00" };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct goleak_json_text json = open_text(texts[i]);
        assert_int_equal(goleak_json_next(&json), GOLEAK_JSON_ERROR);
        if (json.token + json.size > json.end)
            fail_msg("%s: the token ends %td bytes behind the text", texts[i], json.token + json.size - json.end);
        if (json.at > json.end)
            fail_msg("%s: the next token is looked for %td bytes behind the text", texts[i], json.at - json.end);
    }
}

static void marks_and_texts_are_compared_whole(void **state)
{
    (void)state;
    struct goleak_json_text json = open_text("{\"type\":{");
    enum goleak_json_token token = goleak_json_next(&json);
    assert_true(goleak_json_is_mark(&json, token, '{'));
    assert_false(goleak_json_is_mark(&json, token, '}'));
    token = goleak_json_next(&json);
    assert_false(goleak_json_is_mark(&json, token, 't'));
    assert_true(goleak_json_is_text(&json, "type"));
    assert_false(goleak_json_is_text(&json, "typ"));
    assert_false(goleak_json_is_text(&json, "types"));
    assert_false(goleak_json_is_text(&json, ""));
    json = open_text("\"{\"");
    assert_false(goleak_json_is_mark(&json, goleak_json_next(&json), '{'));
    json = open_text("\"\"");
    goleak_json_next(&json);
    assert_true(goleak_json_is_text(&json, ""));
}

/* ---- skipping --------------------------------------------------------------- */

static void a_value_is_skipped_whole(void **state)
{
    static const char *const values[] = {
        "1", "\"a\"", "\"}\"", "null", "{}", "[]", "{\"a\":[1,{\"b\":\"]\"}]}", "[[[[]]]]", "{\"a\":{\"b\":{}}}",
    };
    char text[128];
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        snprintf(text, sizeof text, "%s,next", values[i]);
        struct goleak_json_text json = open_text(text);
        if (!goleak_json_skip(&json, goleak_json_next(&json)))
            fail_msg("%s is not skipped", values[i]);
        assert_true(goleak_json_is_mark(&json, goleak_json_next(&json), ','));
        assert_int_equal(goleak_json_next(&json), GOLEAK_JSON_WORD);
        assert_true(goleak_json_is_text(&json, "next"));
    }
}

static void every_cut_of_a_value_is_told(void **state)
{
    static const char value[] = "{\"a\":[1,{\"b\":\"]\\\"\"}],\"c\":null}";
    (void)state;
    for (size_t size = 0; size < sizeof value - 1; size++) {
        struct goleak_json_text json = open_bytes(value, size);
        if (goleak_json_skip(&json, goleak_json_next(&json)))
            fail_msg("%.*s passes for a value", (int)size, value);
    }
}

static void a_deep_value_needs_no_recursion(void **state)
{
    enum { DEPTH = 1000000 };
    char *text = malloc(2 * DEPTH);
    (void)state;
    assert_non_null(text);
    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    struct goleak_json_text json = open_bytes(text, 2 * DEPTH);
    assert_true(goleak_json_skip(&json, goleak_json_next(&json)));
    assert_int_equal(goleak_json_next(&json), GOLEAK_JSON_END);
    json = open_bytes(text, 2 * DEPTH - 1);
    assert_false(goleak_json_skip(&json, goleak_json_next(&json)));
    free(text);
}

/* ---- escapes ----------------------------------------------------------------- */

static void expect_unescaped(const char *text, size_t size, const char *expected, size_t expected_size)
{
    struct goleak_json_text json = open_bytes(text, size);
    out.size = 0;
    goleak_json_unescape(&out, json.at, size);
    if (out.size != expected_size || (out.size != 0 && memcmp(out.data, expected, expected_size) != 0))
        fail_msg("%s became \"%.*s\"", text, (int)out.size, out.data);
}

static void escapes_become_what_they_stand_for(void **state)
{
    static const struct {
        const char *text, *plain;
    } cases[] = {
        { "plain", "plain" },
        { "\\n\\t\\r\\b\\f", "\n\t\r\b\f" },
        { "\\\"\\\\\\/", "\"\\/" },
        { "a\\nb\\\\nc", "a\nb\\nc" },
        { "\\u0041\\u00e9\\u20ac", "A\xc3\xa9\xe2\x82\xac" },
        { "\\u00E9\\u00e9", "\xc3\xa9\xc3\xa9" },
        { "\\u007f\\u0080", "\x7f\xc2\x80" },
        { "\\u07ff\\u0800", "\xdf\xbf\xe0\xa0\x80" },
        { "\\uffff", "\xef\xbf\xbf" },
        { "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
        { "\\ud800\\udc00", "\xf0\x90\x80\x80" },
        { "\\udbff\\udfff", "\xf4\x8f\xbf\xbf" },
        { "\xc3\xa9", "\xc3\xa9" },
        { "\\q\\z", "qz" }, /* no escape of JSON's */
    };
    (void)state;
    expect_unescaped("", 0, "", 0);
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_unescaped(cases[i].text, strlen(cases[i].text), cases[i].plain, strlen(cases[i].plain));
    expect_unescaped("\\u0000", 6, "\0", 1);
    expect_unescaped("a\0b", 3, "a\0b", 3);
}

#define REPLACEMENT "\xef\xbf\xbd"

static void half_a_surrogate_pair_becomes_the_replacement_character(void **state)
{
    static const struct {
        const char *text, *plain;
    } cases[] = {
        { "\\ud83d", REPLACEMENT },
        { "\\ude00", REPLACEMENT },
        { "\\ud83dx", REPLACEMENT "x" },
        { "\\ud83d\\n", REPLACEMENT "\n" },
        { "\\ud83d\\u0041", REPLACEMENT "A" },
        { "\\ud83d\\ud83d\\ude00", REPLACEMENT "\xf0\x9f\x98\x80" },
        { "\\ude00\\ud83d", REPLACEMENT REPLACEMENT },
        { "\\ud83d\\ude0", REPLACEMENT REPLACEMENT "de0" },
        { "\\ud83d\\u", REPLACEMENT REPLACEMENT },
        { "\\ud83d\\", REPLACEMENT },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_unescaped(cases[i].text, strlen(cases[i].text), cases[i].plain, strlen(cases[i].plain));
}

static void a_cut_escape_loses_nothing_but_itself(void **state)
{
    static const struct {
        const char *text, *plain;
    } cases[] = {
        { "abc\\", "abc" },
        { "abc\\u", "abc" REPLACEMENT },
        { "abc\\u1", "abc" REPLACEMENT "1" },
        { "abc\\u123", "abc" REPLACEMENT "123" },
        { "abc\\u12g4", "abc" REPLACEMENT "12g4" },
        { "abc\\u\\n", "abc" REPLACEMENT "\n" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_unescaped(cases[i].text, strlen(cases[i].text), cases[i].plain, strlen(cases[i].plain));
}

/* What memory does not hold is missed by goleak_buf's flag, and by nothing else. */
static void memory_that_ends_is_told_by_the_buffer(void **state)
{
    char text[4096];
    (void)state;
    memset(text, 'a', sizeof text);
    heap.fail_at = heap.requests + 1;
    heap.keep_failing = true;
    goleak_json_unescape(&out, text, sizeof text);
    assert_true(out.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_token_has_its_kind_and_its_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_token_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_string_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_stays_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_stays_within_the_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_and_texts_are_compared_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_is_skipped_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_cut_of_a_value_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deep_value_needs_no_recursion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(escapes_become_what_they_stand_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_a_surrogate_pair_becomes_the_replacement_character, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_escape_loses_nothing_but_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_ends_is_told_by_the_buffer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
