/* test_json - what is written is JSON, exact, and safe to show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cJSON.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "support/fail_alloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- somewhere to write to ---- */

static struct {
    char text[1 << 20];
    size_t size;
    unsigned calls;
    unsigned refuse_at; /* the call that is refused; 0: none */
} out;

static bool take(void *context, const void *data, size_t size)
{
    (void)context;
    if (++out.calls == out.refuse_at)
        return false;
    assert_true(size != 0 && size < sizeof out.text - out.size);
    memcpy(out.text + out.size, data, size);
    out.size += size;
    out.text[out.size] = '\0';
    return true;
}

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_json json;

static int set_up(void **state)
{
    (void)state;
    out.size = out.calls = out.refuse_at = 0;
    out.text[0] = '\0';
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_json_init(&json, &alloc, take, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

/* ---- shape ---- */

static void commas_stand_between_members_and_nowhere_else(void **state)
{
    (void)state;
    goleak_json_open(&json, NULL, '{');
    goleak_json_text(&json, "name", "gopark");
    goleak_json_open(&json, "empty", '[');
    goleak_json_close(&json, ']');
    goleak_json_open(&json, "list", '[');
    goleak_json_u64(&json, NULL, 1);
    goleak_json_open(&json, NULL, '{');
    goleak_json_close(&json, '}');
    goleak_json_null(&json, NULL);
    goleak_json_close(&json, ']');
    goleak_json_bool(&json, "yes", true);
    goleak_json_bool(&json, "no", false);
    goleak_json_close(&json, '}');
    assert_int_equal(goleak_json_finish(&json), GOLEAK_OK);
    assert_string_equal(out.text, "{\"name\":\"gopark\",\"empty\":[],\"list\":[1,{},null],\"yes\":true,\"no\":false}");
}

static void lines_of_ndjson_do_not_know_each_other(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        goleak_json_open(&json, NULL, '{');
        goleak_json_close(&json, '}');
        goleak_json_newline(&json);
    }
    assert_int_equal(goleak_json_finish(&json), GOLEAK_OK);
    assert_string_equal(out.text, "{}\n{}\n");
}

static void integers_are_exact_and_the_unknown_is_null(void **state)
{
    (void)state;
    goleak_json_open(&json, NULL, '[');
    goleak_json_u64(&json, NULL, UINT64_MAX);
    goleak_json_i64(&json, NULL, INT64_MAX);
    goleak_json_i64(&json, NULL, -INT64_MAX);
    goleak_json_i64(&json, NULL, GOLEAK_NONE);
    goleak_json_i64(&json, NULL, 0);
    goleak_json_hex(&json, NULL, 0x140000036c0);
    goleak_json_hex(&json, NULL, 0);
    goleak_json_text(&json, NULL, NULL);
    goleak_json_text(&json, NULL, "");
    goleak_json_close(&json, ']');
    assert_int_equal(goleak_json_finish(&json), GOLEAK_OK);
    assert_string_equal(out.text, "[18446744073709551615,9223372036854775807,-9223372036854775807,null,0,"
                                  "\"140000036c0\",null,null,\"\"]");
}

/* ---- strings ---- */

static void strings_are_escaped(void **state)
{
    static const struct {
        const char *text, *written;
    } cases[] = {
        { "plain ~", "plain ~" },
        { "a\"b\\c/", "a\\\"b\\\\c/" },
        { "\n\t\x1b[31m", "\\u000a\\u0009\\u001b[31m" },
        { "\x7f", "\\u007f" },
        { "\xc2\x85\xc2\x9b", "\\u0085\\u009b" },                 /* C1 */
        { "\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029" },         /* line separators */
        { "\xe2\x80\xae\xe2\x81\xa6", "\\u202e\\u2066" },         /* turn text around */
        { "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb9", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb9" },
        { "\xff", "\\\\xff" },                                    /* no UTF-8 */
        { "a\xc3", "a\\\\xc3" },                                  /* cut */
        { "\xe2\x82", "\\\\xe2\\\\x82" },
        { "\xc0\x80", "\\\\xc0\\\\x80" },                         /* overlong */
        { "\xe0\x80\xaf", "\\\\xe0\\\\x80\\\\xaf" },
        { "\xed\xa0\x80", "\\\\xed\\\\xa0\\\\x80" },              /* a surrogate */
        { "\xf4\x90\x80\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80" },   /* behind the last */
        { "\xc3\xa9\xc3", "\xc3\xa9\\\\xc3" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char expected[128] = "\"";
        strcat(strcat(expected, cases[i].written), "\"");
        set_up(state);
        goleak_json_text(&json, NULL, cases[i].text);
        assert_int_equal(goleak_json_finish(&json), GOLEAK_OK);
        if (strcmp(out.text, expected) != 0)
            fail_msg("case %zu: found %s, expected %s", i, out.text, expected);
    }
}

/* Another's parser reads back what was meant. */
static void every_byte_comes_back(void **state)
{
    char text[256];
    for (int i = 1; i < 256; i++)
        text[i - 1] = (char)i;
    text[255] = '\0';
    (void)state;
    goleak_json_open(&json, NULL, '{');
    goleak_json_text(&json, "all", text);
    goleak_json_close(&json, '}');
    assert_int_equal(goleak_json_finish(&json), GOLEAK_OK);
    cJSON *document = cJSON_Parse(out.text);
    assert_non_null(document);
    const char *back = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "all"));
    assert_non_null(back);
    for (int i = 1; i < 128; i++)
        assert_int_equal(back[i - 1], i);
    assert_memory_equal(back + 127, "\\x80\\x81", 8);
    cJSON_Delete(document);
}

static void code_points_are_decoded(void **state)
{
    uint32_t code = 0;
    (void)state;
    assert_int_equal(goleak_utf8_decode("A", &code), 1);
    assert_int_equal(code, 'A');
    assert_int_equal(goleak_utf8_decode("\xe2\x80\xa6", &code), 3);
    assert_int_equal(code, 0x2026);
    assert_int_equal(goleak_utf8_decode("\xf4\x8f\xbf\xbf", &code), 4);
    assert_int_equal(code, 0x10ffff);
    assert_int_equal(goleak_utf8_decode("\x80", &code), 0);
    char cut[] = { (char)0xf0, (char)0x9f, '\0' }; /* nothing behind the NUL is read */
    assert_int_equal(goleak_utf8_decode(cut, &code), 0);
    assert_true(goleak_is_control(0x1b));
    assert_true(goleak_is_control(0x9f));
    assert_true(goleak_is_control(0x2069));
    assert_false(goleak_is_control(' '));
    assert_false(goleak_is_control(0xa0));
    assert_false(goleak_is_control(0x2026));
}

/* ---- where it goes ---- */

static void a_long_document_goes_out_in_pieces(void **state)
{
    (void)state;
    goleak_json_open(&json, NULL, '[');
    for (int i = 0; i < 30000; i++)
        goleak_json_text(&json, NULL, "chan receive");
    goleak_json_close(&json, ']');
    size_t held = heap.peak_bytes;
    assert_int_equal(goleak_json_finish(&json), GOLEAK_OK);
    assert_true(out.calls > 5);
    assert_true(held < 100000); /* of 450 KB */
    cJSON *document = cJSON_Parse(out.text);
    assert_int_equal(cJSON_GetArraySize(document), 30000);
    cJSON_Delete(document);
}

static void after_a_refusal_nothing_more_is_written(void **state)
{
    (void)state;
    out.refuse_at = 2;
    goleak_json_open(&json, NULL, '[');
    for (int i = 0; i < 30000; i++)
        goleak_json_text(&json, NULL, "chan receive");
    goleak_json_close(&json, ']');
    assert_int_equal(goleak_json_finish(&json), GOLEAK_E_IO);
    assert_int_equal(out.calls, 2);
    assert_true(heap.peak_bytes < 100000); /* nor kept */
}

static void without_memory_finish_says_no(void **state)
{
    (void)state;
    heap.fail_at = 1;
    goleak_json_text(&json, NULL, "x");
    assert_int_equal(goleak_json_finish(&json), GOLEAK_E_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commas_stand_between_members_and_nowhere_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_of_ndjson_do_not_know_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(integers_are_exact_and_the_unknown_is_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings_are_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_byte_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(code_points_are_decoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_document_goes_out_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_refusal_nothing_more_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_finish_says_no, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
