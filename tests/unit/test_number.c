/* test_number - digits in, the exact value out, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "support/generate.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* `rest`: what is left behind the number; NULL: there is none. */
struct unsigned_case {
    const char *text, *rest;
    uint64_t value;
};

typedef const char *parse_fn(const char *at, const char *end, uint64_t *out);

static void check(parse_fn *parse, const struct unsigned_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* A block of the exact size: a read behind `end` is found. */
        size_t size = strlen(cases[i].text);
        char *text = malloc(size != 0 ? size : 1);
        assert_non_null(text);
        memcpy(text, cases[i].text, size);
        uint64_t value = 1234567;
        const char *rest = parse(text, text + size, &value);
        bool good = cases[i].rest == NULL ? rest == NULL
                                          : rest == text + size - strlen(cases[i].rest) && value == cases[i].value;
        if (!good)
            fail_msg("\"%s\" gives %llu", cases[i].text, (unsigned long long)value);
        free(text);
    }
}

static void decimals_are_exact(void **state)
{
    static const struct unsigned_case cases[] = {
        { "0", "", 0 },
        { "42 rest", " rest", 42 },
        { "007", "", 7 },
        { "18446744073709551615", "", UINT64_MAX },
        { "18446744073709551616", NULL, 0 },
        { "18446744073709551620", NULL, 0 },
        { "99999999999999999999", NULL, 0 },
        { "9007199254740993", "", UINT64_C(9007199254740993) }, /* not a double's */
        { "00000000000000000000000000000001", "", 1 },
        { "1a", "a", 1 },
        { "", NULL, 0 },
        { "x1", NULL, 0 },
        { "-1", NULL, 0 },
        { "+1", NULL, 0 },
        { " 1", NULL, 0 },
        { "/", NULL, 0 }, /* the neighbours of the digits */
        { ":", NULL, 0 },
    };
    (void)state;
    check(goleak_parse_u64, cases, COUNT(cases));
}

static void what_does_not_fit_may_be_the_most(void **state)
{
    static const struct unsigned_case cases[] = {
        { "42 rest", " rest", 42 },
        { "18446744073709551615", "", UINT64_MAX },
        { "18446744073709551616", "", UINT64_MAX },
        { "99999999999999999999 events", " events", UINT64_MAX },
        { "", NULL, 0 },
        { "x1", NULL, 0 },
        { "-1", NULL, 0 },
    };
    (void)state;
    check(goleak_parse_most, cases, COUNT(cases));
    assert_true(goleak_add_most(UINT64_MAX - 1, 2) == UINT64_MAX && goleak_add_most(2, 3) == 5);
}

static void hexadecimals_take_either_case_and_an_optional_0x(void **state)
{
    static const struct unsigned_case cases[] = {
        { "140000036c0 parent", " parent", UINT64_C(0x140000036c0) },
        { "0x140000036C0", "", UINT64_C(0x140000036c0) },
        { "0Xff", "", 255 },
        { "ffffffffffffffff", "", UINT64_MAX },
        { "0000ffffffffffffffff", "", UINT64_MAX },
        { "10000000000000000", NULL, 0 },
        { "0x", "x", 0 }, /* a nought, and something else */
        { "0xg", NULL, 0 },
        { "g", NULL, 0 },
        { "", NULL, 0 },
        { "-1", NULL, 0 },
    };
    (void)state;
    check(goleak_parse_hex, cases, COUNT(cases));
}

static void any_is_decimal_without_0x(void **state)
{
    static const struct unsigned_case cases[] = {
        { "63", "", 63 },
        { "0x3f", "", 63 },
        { "3f", "f", 3 },
        { "0", "", 0 },
        { "x3", NULL, 0 },
    };
    (void)state;
    check(goleak_parse_any, cases, COUNT(cases));
}

static void signs_are_taken_once(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
        bool good;
    } cases[] = {
        { "-1", -1, true },
        { "0", 0, true },
        { "9223372036854775807", INT64_MAX, true },
        { "-9223372036854775807", -INT64_MAX, true },
        { "9223372036854775808", 0, false },
        { "-9223372036854775808", 0, false }, /* that is GOLEAK_NONE */
        { "-", 0, false },
        { "--1", 0, false },
        { "", 0, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = 77;
        const char *end = cases[i].text + strlen(cases[i].text);
        const char *rest = goleak_parse_i64(cases[i].text, end, &value);
        if (cases[i].good ? rest != end || value != cases[i].value : rest != NULL)
            fail_msg("\"%s\" gives %lld", cases[i].text, (long long)value);
    }
}

static void the_end_is_respected(void **state)
{
    const char *text = "12345";
    uint64_t value;
    int64_t with_sign;
    (void)state;
    assert_ptr_equal(goleak_parse_u64(text, text + 2, &value), text + 2);
    assert_int_equal(value, 12);
    assert_ptr_equal(goleak_parse_hex(text, text + 3, &value), text + 3);
    assert_int_equal(value, 0x123);
    assert_ptr_equal(goleak_parse_i64(text, text + 1, &with_sign), text + 1);
    assert_int_equal(with_sign, 1);
    assert_null(goleak_parse_u64(text, text, &value));
    assert_null(goleak_parse_i64(text, text, &with_sign));
}

static void the_digit_table_is_isxdigits(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[2] = { (char)c, '\0' };
        unsigned expected = c < 128 && isxdigit(c) ? (unsigned)strtoul(text, NULL, 16) : 255;
        if (goleak_hex_digit[c] != expected)
            fail_msg("digit %d is %u", c, goleak_hex_digit[c]);
    }
}

/* Texts of every length, of digits and what stands beside them. */
static void make_text(char text[40], uint64_t *random)
{
    static const char signs[] = "0123456789abcdefABCDEF0123456789gG@`/: -\n\0\xff\x80\xb0.x";
    size_t digits = (size_t)generate_random(random) % 22, kinds = generate_random(random) % 3 == 0 ? 10 : 22;
    for (size_t i = 0; i < 40; i++)
        text[i] = signs[generate_random(random) % (i < digits ? kinds : sizeof signs)];
}

/* However many digits are read at once, it is the same number and the same end. */
static void all_ways_read_the_same(void **state)
{
    uint64_t random = 1;
    (void)state;
    for (int i = 0; i < 500000; i++) {
        char text[40];
        uint64_t plain, fast, eight;
        make_text(text, &random);
        const char *end = goleak_plain_hex(text, &plain);
        if (goleak_fast_hex(text, &fast) != end || fast != plain || goleak_eight_hex_digits(text, &eight) != end ||
            eight != plain)
            fail_msg("\"%.24s\" as a hexadecimal number", text);
        end = goleak_plain_u64(text, &plain);
        if (goleak_fast_u64(text, &fast) != end || fast != plain)
            fail_msg("\"%.24s\" as a decimal number", text);
        bool negative = text[0] == '-';
        int32_t integer;
        plain = 0;
        end = goleak_plain_more(text + negative, text + negative + 9, &plain);
        end = end > text + negative ? end : text;
        if (goleak_fast_i32(text, &integer) != end || integer != (negative ? -(int32_t)plain : (int32_t)plain))
            fail_msg("\"%.24s\" as a counter", text);
    }
}

static void blanks_are_found(void **state)
{
    (void)state;
    for (size_t size = 0; size < 32; size++) {
        char text[] = "                                                ";
        text[size] = (char)(size % 2 ? '\t' : 'x');
        assert_ptr_equal(goleak_fast_blanks(text, text + 40), text + size);
        assert_true(goleak_fast_blanks(text, text + size) >= text + size);
    }
    for (int byte = 0; byte < 256; byte++)
        for (size_t at = 0; at < 24; at++) {
            char text[] = "!\x7f\x80\xff\xa0\xa1goroutine.gowrap1+0xe8 \n and more of it, to be read by eight";
            text[at] = (char)byte;
            size_t expected = 0;
            while ((unsigned char)text[expected] > ' ')
                expected++;
            assert_ptr_equal(goleak_find_blank(text, text + 40), text + expected);
            assert_true(goleak_find_blank(text, text + at) >= text + (at < expected ? at : expected));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(what_does_not_fit_may_be_the_most),
        cmocka_unit_test(hexadecimals_take_either_case_and_an_optional_0x),
        cmocka_unit_test(any_is_decimal_without_0x),
        cmocka_unit_test(signs_are_taken_once),
        cmocka_unit_test(the_end_is_respected),
        cmocka_unit_test(the_digit_table_is_isxdigits),
        cmocka_unit_test(all_ways_read_the_same),
        cmocka_unit_test(blanks_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
