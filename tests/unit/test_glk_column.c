/* test_glk_column - columns come back as they went in, whatever the coding; and numbers of
 * theirs that are claims only. */
#include "support/load.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "format/glk_column.h"

#define PLAIN GOLEAK_GLK_MAY(GOLEAK_GLK_PLAIN)
#define DELTA GOLEAK_GLK_MAY(GOLEAK_GLK_DELTA)
#define ALL (PLAIN | DELTA | GOLEAK_GLK_MAY(GOLEAK_GLK_DICTIONARY))
#define MOST 3000

static struct goleak_alloc alloc;
static uint64_t values[MOST], deltas[MOST], back[MOST + 1];

static uint64_t random_value(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* The column's bytes, with a byte behind that is not its own; returns how many. */
static size_t put(struct goleak_buf *out, size_t count, unsigned codings)
{
    goleak_buf_init(out, &alloc);
    goleak_glk_column_put(out, values, count, codings, deltas);
    size_t size = out->size;
    for (int i = 0; i <= GOLEAK_GLK_PAD; i++)
        goleak_buf_char(out, (char)0xa5);
    assert_false(out->failed);
    return size;
}

/* Returns its bytes; *coding: how it is written. */
static size_t round_trip(size_t count, unsigned codings, unsigned *coding)
{
    struct goleak_buf out;
    struct goleak_glk_column column;
    uint64_t dictionary[GOLEAK_GLK_DICTIONARY_MAX];
    size_t size = put(&out, count, codings), entries = 0;
    const char *problem;
    const uint8_t *at = (const uint8_t *)out.data;
    const uint8_t *end = goleak_glk_column_open(&column, at, at + size, dictionary, &entries, &problem);
    if (end == NULL)
        fail_msg("%s", problem);
    assert_ptr_equal(end, at + size);
    assert_int_equal(column.count, count);
    *coding = column.coding;
    for (size_t done = 0, part; done < count; done += part) {
        part = 1 + (done * 7) % GOLEAK_GLK_STEP;
        part = part < count - done ? part : count - done;
        goleak_glk_column_next(&column, back + done, part);
    }
    for (size_t i = 0; i < count; i++)
        if (back[i] != values[i])
            fail_msg("value %zu of %zu is %llx, expected %llx", i, count, (unsigned long long)back[i],
                     (unsigned long long)values[i]);
    goleak_buf_release(&out);
    return size;
}

static void constants_take_no_planes(void **state)
{
    (void)state;
    unsigned coding;
    for (size_t i = 0; i < MOST; i++)
        values[i] = UINT64_C(0xc000102000);
    assert_true(round_trip(MOST, ALL, &coding) < 16);
    for (size_t i = 0; i < MOST; i++)
        values[i] = UINT64_C(0xc000102000) + i * 0x1c0;
    assert_true(round_trip(MOST, ALL, &coding) < 24);
    assert_int_equal(coding, GOLEAK_GLK_DELTA);
}

static void one_value_and_none(void **state)
{
    (void)state;
    unsigned coding;
    values[0] = UINT64_MAX;
    round_trip(1, ALL, &coding);
    round_trip(0, ALL, &coding);
}

static void steps_are_found(void **state)
{
    (void)state;
    unsigned coding;
    for (size_t i = 0; i < MOST; i++)
        values[i] = 7 + random_value() % 256 * 1000;
    assert_true(round_trip(MOST, GOLEAK_GLK_MAY(GOLEAK_GLK_PLAIN), &coding) < MOST + 32);
}

static void what_sticks_out_is_patched(void **state)
{
    (void)state;
    unsigned coding;
    for (size_t i = 0; i < MOST; i++)
        values[i] = random_value() % 200;
    values[5] = UINT64_MAX;
    values[6] = UINT64_C(1) << 63;
    values[1000] = 1u << 20;
    assert_true(round_trip(MOST, GOLEAK_GLK_MAY(GOLEAK_GLK_PLAIN), &coding) < MOST + 64);
    for (size_t i = 0; i < MOST; i++)
        values[i] = i * 1000 + random_value() % 100 - (i % 500 == 499 ? 100000 : 0);
    assert_true(round_trip(MOST, GOLEAK_GLK_MAY(GOLEAK_GLK_DELTA), &coding) < 2 * MOST + 64);
}

static void few_values_get_a_dictionary(void **state)
{
    (void)state;
    unsigned coding;
    for (size_t i = 0; i < MOST; i++)
        values[i] = UINT64_C(0x4b0000) + goleak_hash_u64(random_value() % 40) % 1000000;
    assert_true(round_trip(MOST, ALL, &coding) < MOST + 400);
    assert_int_equal(coding, GOLEAK_GLK_DICTIONARY);
}

static void any_values(void **state)
{
    (void)state;
    unsigned coding;
    for (unsigned bits = 0; bits <= 64; bits++)
        for (unsigned turn = 0; turn < 8; turn++) {
            size_t count = 1 + (size_t)(random_value() % MOST);
            for (size_t i = 0; i < count; i++)
                values[i] =
                    (bits != 0 ? random_value() >> (64 - bits) : 0) - (turn & 1 ? UINT64_C(1) << (bits / 2) : 0);
            round_trip(count, turn & 2 ? ALL : turn & 4 ? PLAIN : DELTA, &coding);
        }
}

/* Any byte may be any other, any end may be missing: never a byte behind the section's
 * padding, never a value too many. */
static void hostile(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 6; turn++) {
        struct goleak_buf out;
        for (size_t i = 0; i < 40; i++)
            values[i] = turn < 2   ? random_value()
                        : turn < 4 ? i * 3 + (i == 7 ? 1u << 30 : 0)
                                   : UINT64_C(1) << 40 << (i % 5);
        size_t size = put(&out, 40, turn & 1 ? ALL : GOLEAK_GLK_MAY(GOLEAK_GLK_PLAIN));
        for (size_t at = 0; at < size; at++)
            for (unsigned byte = 0; byte < 256; byte += 5) {
                struct goleak_glk_column column;
                uint64_t dictionary[GOLEAK_GLK_DICTIONARY_MAX];
                size_t entries = 0, cut = byte % 2 != 0 ? size : size - at;
                const char *problem;
                uint8_t *copy = malloc(cut + GOLEAK_GLK_PAD);
                assert_non_null(copy);
                memcpy(copy, out.data, cut);
                memset(copy + cut, 0, GOLEAK_GLK_PAD);
                if (at < cut)
                    copy[at] = (uint8_t)byte;
                if (goleak_glk_column_open(&column, copy, copy + cut, dictionary, &entries, &problem) != NULL)
                    for (size_t left = column.count, part; left != 0; left -= part) {
                        part = left < GOLEAK_GLK_STEP ? left : GOLEAK_GLK_STEP;
                        goleak_glk_column_next(&column, back, part);
                    }
                else
                    assert_string_not_equal(problem, "");
                free(copy);
            }
        goleak_buf_release(&out);
    }
}

int main(void)
{
    goleak_alloc_init(&alloc, NULL, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_take_no_planes),
        cmocka_unit_test(one_value_and_none),
        cmocka_unit_test(steps_are_found),
        cmocka_unit_test(what_sticks_out_is_patched),
        cmocka_unit_test(few_values_get_a_dictionary),
        cmocka_unit_test(any_values),
        cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
