/* test_alloc - the running total, the limit, and which of the two refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/chunks.h"
#include "base/pool.h"
#include "support/fail_alloc.h"

static void the_total_is_what_the_hook_has_given(void **state)
{
    struct fail_alloc heap;
    struct goleak_alloc alloc;
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    void *first = goleak_realloc(&alloc, NULL, 0, 100);
    void *second = goleak_alloc_array(&alloc, 7, 6);
    first = goleak_realloc(&alloc, first, 100, 1000);
    assert_int_equal(alloc.used_bytes, 1042);
    assert_int_equal(heap.bytes, 1042);
    first = goleak_realloc(&alloc, first, 1000, 10);
    assert_int_equal(alloc.used_bytes, 52);
    goleak_free(&alloc, first, 10);
    goleak_free(&alloc, second, 42);
    assert_int_equal(alloc.used_bytes, 0);
    assert_true(fail_alloc_is_clean(&heap));
}

static void without_a_hook_malloc_serves(void **state)
{
    struct goleak_alloc alloc;
    (void)state;
    goleak_alloc_init(&alloc, NULL, 0);
    char *text = goleak_realloc(&alloc, NULL, 0, 6);
    assert_non_null(text);
    memcpy(text, "gopark", 6);
    text = goleak_realloc(&alloc, text, 6, 5000);
    assert_non_null(text);
    assert_memory_equal(text, "gopark", 6);
    goleak_free(&alloc, text, 5000);
    assert_int_equal(alloc.used_bytes, 0);
}

static void freeing_nothing_changes_nothing(void **state)
{
    struct fail_alloc heap;
    struct goleak_alloc alloc;
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_free(&alloc, NULL, 4096);
    assert_int_equal(alloc.used_bytes, 0);
    assert_int_equal(heap.wrong_sizes, 0);
}

static void the_limit_is_reached_exactly(void **state)
{
    struct fail_alloc heap;
    struct goleak_alloc alloc;
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 100);
    void *most = goleak_realloc(&alloc, NULL, 0, 60);
    void *rest = goleak_realloc(&alloc, NULL, 0, 40);
    assert_non_null(most);
    assert_non_null(rest);
    assert_null(goleak_realloc(&alloc, NULL, 0, 1));
    assert_int_equal(goleak_alloc_failure(&alloc), GOLEAK_E_LIMIT);
    assert_int_equal(heap.requests, 2); /* the hook was not even asked */
    assert_int_equal(alloc.used_bytes, 100);
    goleak_free(&alloc, rest, 40);
    rest = goleak_realloc(&alloc, NULL, 0, 40);
    assert_non_null(rest);
    assert_int_equal(goleak_alloc_failure(&alloc), GOLEAK_E_LIMIT); /* of what failed last, whatever came behind it */
    goleak_free(&alloc, rest, 40);
    goleak_free(&alloc, most, 60);
    assert_null(goleak_realloc(&alloc, NULL, 0, SIZE_MAX));
    assert_int_equal(goleak_alloc_failure(&alloc), GOLEAK_E_LIMIT);
    assert_true(fail_alloc_is_clean(&heap));
}

static void the_hooks_refusal_is_no_limit(void **state)
{
    struct fail_alloc heap;
    struct goleak_alloc alloc;
    (void)state;
    fail_alloc_init(&heap, 2, false);
    goleak_alloc_init(&alloc, &heap.allocator, 100);
    char *text = goleak_realloc(&alloc, NULL, 0, 8);
    assert_non_null(text);
    memcpy(text, "goexit0", 8);
    assert_null(goleak_realloc(&alloc, text, 8, 200));
    assert_int_equal(goleak_alloc_failure(&alloc), GOLEAK_E_LIMIT);
    assert_null(goleak_realloc(&alloc, text, 8, 20));
    assert_int_equal(goleak_alloc_failure(&alloc), GOLEAK_E_MEMORY);
    /* Either way the old block stays. */
    assert_int_equal(alloc.used_bytes, 8);
    assert_string_equal(text, "goexit0");
    goleak_free(&alloc, text, 8);
    assert_true(fail_alloc_is_clean(&heap));
}

static void an_array_that_overflows_is_refused(void **state)
{
    struct fail_alloc heap;
    struct goleak_alloc alloc;
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 100);
    assert_null(goleak_realloc(&alloc, NULL, 0, 101)); /* leaves "limit" behind */
    assert_null(goleak_alloc_array(&alloc, SIZE_MAX / 8 + 1, 8));
    assert_int_equal(goleak_alloc_failure(&alloc), GOLEAK_E_MEMORY);
    assert_int_equal(heap.requests, 0);
}

static void zeroed_memory_is_zero(void **state)
{
    struct fail_alloc heap; /* its blocks come full of 0xa5 */
    struct goleak_alloc alloc;
    static const char zeros[300];
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    void *block = goleak_alloc_zeroed(&alloc, sizeof zeros);
    assert_non_null(block);
    assert_memory_equal(block, zeros, sizeof zeros);
    goleak_free(&alloc, block, sizeof zeros);
}

static void growing_is_by_half_and_keeps_what_is_there(void **state)
{
    struct fail_alloc heap;
    struct goleak_alloc alloc;
    uint32_t *numbers = NULL;
    size_t capacity = 0;
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(goleak_grow(&alloc, &numbers, &capacity, i + 1, sizeof *numbers));
        assert_true(capacity > i);
        numbers[i] = i * 3;
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], i * 3);
    assert_true(heap.requests < 20);     /* not one an item */
    assert_true(capacity < 1000 * 3 / 2); /* and not far too much */
    assert_int_equal(alloc.used_bytes, capacity * sizeof *numbers);
    assert_true(goleak_grow(&alloc, &numbers, &capacity, 100000, sizeof *numbers));
    assert_true(capacity >= 100000);
    goleak_free(&alloc, numbers, capacity * sizeof *numbers);
    assert_true(fail_alloc_is_clean(&heap));
}

static void growing_that_fails_leaves_all_as_it_was(void **state)
{
    struct fail_alloc heap;
    struct goleak_alloc alloc;
    uint64_t *numbers = NULL;
    size_t capacity = 0;
    (void)state;
    fail_alloc_init(&heap, 2, true);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    assert_true(goleak_grow(&alloc, &numbers, &capacity, 4, sizeof *numbers));
    const uint64_t *before = numbers;
    size_t had = capacity;
    assert_false(goleak_grow(&alloc, &numbers, &capacity, had + 1, sizeof *numbers));
    assert_false(goleak_grow(&alloc, &numbers, &capacity, SIZE_MAX / 4, sizeof *numbers)); /* overflows */
    assert_int_equal(goleak_alloc_failure(&alloc), GOLEAK_E_MEMORY);
    assert_ptr_equal(numbers, before);
    assert_int_equal(capacity, had);
    goleak_free(&alloc, numbers, capacity * sizeof *numbers);
    assert_true(fail_alloc_is_clean(&heap));
}

/* Beyond the size from which it is copied and not moved: with malloc, and with a hook. */
static void check_table(struct goleak_alloc *alloc)
{
    uint64_t *numbers = NULL;
    size_t capacity = 0;
    for (size_t count = 1; count <= 1000000; count += 1 + count / 3) {
        size_t had = capacity;
        assert_true(goleak_grow_table(alloc, &numbers, &capacity, count, sizeof *numbers));
        assert_true(capacity >= count);
        assert_int_equal(alloc->used_bytes, capacity * sizeof *numbers);
        for (size_t i = 0; i < had; i++)
            if (numbers[i] != i * 7)
                fail_msg("number %zu of %zu is %llu", i, capacity, (unsigned long long)numbers[i]);
        for (size_t i = had; i < capacity; i++)
            numbers[i] = i * 7;
    }
    const uint64_t *before = numbers;
    alloc->limit_bytes = alloc->used_bytes + 1000;
    assert_false(goleak_grow_table(alloc, &numbers, &capacity, capacity + 1, sizeof *numbers));
    assert_int_equal(goleak_alloc_failure(alloc), GOLEAK_E_LIMIT);
    assert_ptr_equal(numbers, before);
    goleak_free(alloc, numbers, capacity * sizeof *numbers);
    assert_int_equal(alloc->used_bytes, 0);
}

static void tables_grow_and_keep_what_is_there(void **state)
{
    struct fail_alloc heap;
    struct goleak_alloc alloc;
    (void)state;
    goleak_alloc_init(&alloc, NULL, 0);
    check_table(&alloc);
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    check_table(&alloc);
    assert_true(fail_alloc_is_clean(&heap));
}

static void chunks_lie_on_lines_and_never_move(void **state)
{
    struct goleak_alloc alloc;
    struct goleak_chunks chunks;
    (void)state;
    goleak_alloc_init(&alloc, NULL, 0);
    goleak_chunks_init(&chunks, &alloc, 65536);
    for (size_t i = 0; i < 300; i++) {
        void *first = i != 0 ? chunks.all[0] : NULL;
        assert_true(goleak_chunks_add(&chunks));
        assert_int_equal(chunks.count, i + 1);
        assert_true(i == 0 || chunks.all[0] == first);
        assert_int_equal((uintptr_t)chunks.all[i] % 64, 0);
        memset(chunks.all[i], (int)i, 65536);
    }
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(((unsigned char *)chunks.all[i])[65535], i % 256);
    goleak_chunks_release(&chunks);
    assert_int_equal(alloc.used_bytes, 0);
}

static void chunks_that_fail_leave_all_as_it_was(void **state)
{
    struct goleak_alloc alloc;
    struct goleak_chunks chunks;
    size_t count = 0;
    (void)state;
    goleak_alloc_init(&alloc, NULL, 20 * 65536);
    goleak_chunks_init(&chunks, &alloc, 65536);
    while (goleak_chunks_add(&chunks))
        memset(chunks.all[count++], 1, 65536);
    assert_int_equal(goleak_alloc_failure(&alloc), GOLEAK_E_LIMIT);
    assert_int_equal(chunks.count, 19);
    alloc.limit_bytes = 0;
    assert_true(goleak_chunks_add(&chunks));
    assert_int_equal(chunks.count, 20);
    goleak_chunks_release(&chunks);
    assert_int_equal(alloc.used_bytes, 0);
}

/* As if a page took long: with few blocks, and hardly ever copied. */
static void where_pages_are_slow_it_grows_ahead(void **state)
{
    struct goleak_alloc alloc;
    struct goleak_chunks chunks;
    unsigned char *bytes = NULL;
    size_t capacity = 0, moves = 0;
    (void)state;
    goleak_alloc_init(&alloc, NULL, 0);
    alloc.page_ns = 1000000;
    assert_true(goleak_are_pages_slow(&alloc));
    for (size_t size = 65536; size <= (size_t)24 << 20; size += 65536) {
        const unsigned char *before = bytes;
        assert_true(goleak_grow_ahead(&alloc, &bytes, &capacity, size, 1, (size_t)8 << 20));
        assert_true(capacity >= size);
        moves += size > (size_t)10 << 20 && bytes != before;
        memset(bytes + size - 65536, (int)(size / 65536), 65536);
    }
    for (size_t size = 65536; size <= (size_t)24 << 20; size += 65536)
        assert_int_equal(bytes[size - 1], (unsigned char)(size / 65536));
    if (SIZE_MAX > UINT32_MAX)
        assert_true(moves <= 1);
    goleak_free(&alloc, bytes, capacity);
    goleak_chunks_init(&chunks, &alloc, 65536);
    for (size_t i = 0; i < 300; i++) {
        assert_true(goleak_chunks_add(&chunks));
        memset(chunks.all[i], (int)i, 65536);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t at = 0; at < 65536; at += 65535)
            assert_int_equal(((unsigned char *)chunks.all[i])[at], i % 256);
    assert_true(chunks.block_count < 10);
    goleak_chunks_release(&chunks);
    assert_int_equal(alloc.used_bytes, 0);
    alloc.limit_bytes = 1 << 20; /* nothing is taken ahead of what is needed */
    assert_false(goleak_are_pages_slow(&alloc));
}

/* Blocks that do not begin with a line of the cache, and nothing behind them. */
static void *realloc_askew(void *context, void *pointer, size_t old_size, size_t new_size)
{
    enum { ASKEW = 16 };
    (void)context;
    char *block = NULL;
    if (new_size != 0) {
        block = aligned_alloc(GOLEAK_LINE, (ASKEW + new_size + GOLEAK_LINE - 1) / GOLEAK_LINE * GOLEAK_LINE);
        assert_non_null(block);
        block += ASKEW;
        memset(block + new_size, 0xa5, GOLEAK_LINE - 1 - (ASKEW + new_size + GOLEAK_LINE - 1) % GOLEAK_LINE);
        if (pointer != NULL)
            memcpy(block, pointer, old_size < new_size ? old_size : new_size);
    }
    if (pointer != NULL) {
        const unsigned char *behind = (unsigned char *)pointer + old_size;
        for (size_t i = 0; i < GOLEAK_LINE - 1 - (ASKEW + old_size + GOLEAK_LINE - 1) % GOLEAK_LINE; i++)
            assert_int_equal(behind[i], 0xa5);
        free((char *)pointer - ASKEW);
    }
    return block;
}

static void chunks_stay_within_blocks_of_any_allocator(void **state)
{
    const struct goleak_allocator hook = { .realloc = realloc_askew };
    struct goleak_alloc alloc;
    struct goleak_chunks chunks;
    (void)state;
    goleak_alloc_init(&alloc, &hook, 0);
    goleak_chunks_init(&chunks, &alloc, 65536);
    for (size_t i = 0; i < 400; i++) {
        assert_true(goleak_chunks_add(&chunks));
        assert_int_equal((uintptr_t)chunks.all[i] % GOLEAK_LINE, 0);
        memset(chunks.all[i], (int)i, 65536);
    }
    goleak_chunks_release(&chunks);
    assert_int_equal(alloc.used_bytes, 0);
}

static void a_pool_gives_again_what_it_got_back(void **state)
{
    enum { BYTES = 1024, BLOCKS = 3000 };
    static unsigned char *blocks[BLOCKS];
    (void)state;
    struct goleak_block_pool *pool = goleak_block_pool_new(BYTES, 1000000);
    assert_non_null(pool);
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_non_null(blocks[i] = goleak_block_pool_take(pool));
        assert_int_equal((uintptr_t)blocks[i] % GOLEAK_LINE, 0);
        memset(blocks[i], (int)i, BYTES);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        for (size_t at = 0; at < BYTES; at++)
            assert_int_equal(blocks[i][at], (unsigned char)i);
    for (size_t i = 0; i < BLOCKS; i += 2)
        goleak_block_pool_give(pool, blocks[i]);
    for (size_t i = BLOCKS - 2; i < BLOCKS; i -= 2) /* the last one first */
        assert_ptr_equal(goleak_block_pool_take(pool), blocks[i]);
    for (size_t i = 0; i < BLOCKS; i++) /* the last one takes them all with it */
        goleak_block_pool_give(pool, blocks[i]);
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_non_null(blocks[i] = goleak_block_pool_take(pool));
        memset(blocks[i], (int)i, BYTES);
    }
    goleak_block_pool_free(pool);           /* though all are in use */
    pool = goleak_block_pool_new(BYTES, 1); /* where pages are fast, malloc's are as good */
    assert_non_null(pool);
    assert_null(goleak_block_pool_take(pool));
    goleak_block_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_gives_again_what_it_got_back),
        cmocka_unit_test(chunks_stay_within_blocks_of_any_allocator),
        cmocka_unit_test(the_total_is_what_the_hook_has_given),
        cmocka_unit_test(without_a_hook_malloc_serves),
        cmocka_unit_test(freeing_nothing_changes_nothing),
        cmocka_unit_test(the_limit_is_reached_exactly),
        cmocka_unit_test(the_hooks_refusal_is_no_limit),
        cmocka_unit_test(an_array_that_overflows_is_refused),
        cmocka_unit_test(zeroed_memory_is_zero),
        cmocka_unit_test(growing_is_by_half_and_keeps_what_is_there),
        cmocka_unit_test(growing_that_fails_leaves_all_as_it_was),
        cmocka_unit_test(tables_grow_and_keep_what_is_there),
        cmocka_unit_test(chunks_lie_on_lines_and_never_move),
        cmocka_unit_test(chunks_that_fail_leave_all_as_it_was),
        cmocka_unit_test(where_pages_are_slow_it_grows_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
