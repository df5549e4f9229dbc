/* test_arena - blocks that are aligned, apart, stay where they are, and die together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "support/fail_alloc.h"

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_arena arena;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_arena_init(&arena, &alloc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_arena_release(&arena);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void blocks_are_aligned_and_apart_and_do_not_move(void **state)
{
    enum { BLOCKS = 3000 };
    static unsigned char *blocks[BLOCKS];
    (void)state;
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = i % 200 + 1;
        blocks[i] = goleak_arena_alloc(&arena, size);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        memset(blocks[i], (int)(i % 251), size);
    }
    /* Had two of them met, or one moved, its bytes would not be its own. */
    for (size_t i = 0; i < BLOCKS; i++)
        for (size_t at = 0; at < i % 200 + 1; at++)
            if (blocks[i][at] != i % 251)
                fail_msg("byte %zu of block %zu was overwritten", at, i);
    assert_true(heap.requests < 20); /* 300 KB in chunks, not one by one */
}

static void a_large_block_does_not_end_the_current_chunk(void **state)
{
    (void)state;
    unsigned char *before = goleak_arena_alloc(&arena, alignof(max_align_t));
    unsigned char *large = goleak_arena_alloc(&arena, 20000); /* it would fit into a fresh one */
    unsigned char *huge = goleak_arena_alloc(&arena, (size_t)1 << 20);
    unsigned char *after = goleak_arena_alloc(&arena, alignof(max_align_t));
    assert_true(before != NULL && large != NULL && huge != NULL);
    memset(large, 7, 20000);
    memset(huge, 7, (size_t)1 << 20);
    assert_ptr_equal(after, before + alignof(max_align_t));
}

static void texts_end_with_a_nul_of_their_own(void **state)
{
    (void)state;
    char *cut = goleak_arena_text(&arena, "goroutine=c0001", 9);
    char *with_nul = goleak_arena_text(&arena, "a\0b", 3);
    char *empty = goleak_arena_text(&arena, NULL, 0);
    assert_string_equal(cut, "goroutine");
    assert_memory_equal(with_nul, "a\0b", 4);
    assert_string_equal(empty, "");
}

static void release_gives_everything_back_and_the_arena_can_go_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < 1000; i++)
        assert_non_null(goleak_arena_alloc(&arena, i * 50 + 1));
    goleak_arena_release(&arena);
    assert_true(fail_alloc_is_clean(&heap));
    assert_int_equal(alloc.used_bytes, 0);
    char *text = goleak_arena_text(&arena, "again", 5);
    assert_string_equal(text, "again");
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    assert_null(goleak_arena_alloc(&arena, SIZE_MAX));
    assert_null(goleak_arena_alloc(&arena, SIZE_MAX - alignof(max_align_t)));
    assert_int_equal(heap.requests, 0);
}

static void after_a_refusal_the_old_blocks_are_good(void **state)
{
    (void)state;
    char *text = goleak_arena_text(&arena, "kept", 4);
    heap.fail_at = heap.requests + 1;
    assert_null(goleak_arena_alloc(&arena, 100000)); /* needs a chunk */
    assert_string_equal(text, "kept");
    assert_non_null(goleak_arena_alloc(&arena, 100)); /* this one has room */
    assert_non_null(goleak_arena_alloc(&arena, 100000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocks_are_aligned_and_apart_and_do_not_move, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_block_does_not_end_the_current_chunk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_end_with_a_nul_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(release_gives_everything_back_and_the_arena_can_go_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_refusal_the_old_blocks_are_good, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
