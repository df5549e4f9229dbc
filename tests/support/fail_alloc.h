/*
 * fail_alloc - an allocator that fails when it is told to, and keeps accounts.
 *
 *      struct fail_alloc heap;
 *      fail_alloc_init(&heap, n, false);
 *      options.allocator = &heap.allocator;
 *      ...
 *      assert_true(fail_alloc_is_clean(&heap));
 *
 * Every request for memory counts, growing and shrinking included; freeing does
 * not. A resized block always moves, so that a pointer kept too long is found by
 * AddressSanitizer, and the first of what is new is filled with 0xa5. Not for several
 * threads.
 */
#ifndef GOLEAK_TESTS_FAIL_ALLOC_H
#define GOLEAK_TESTS_FAIL_ALLOC_H

#include <goleak.h>
#include <stdbool.h>
#include <stddef.h>

struct fail_alloc {
    struct goleak_allocator allocator; /* its context is this struct */
    size_t fail_at;                    /* the request that fails, from 1; 0: none */
    bool keep_failing;                 /* and so does every later one */
    size_t requests;
    bool failed;          /* one was refused */
    size_t blocks, bytes; /* outstanding */
    size_t peak_bytes;
    size_t wrong_sizes; /* how often an old_size was not the block's */
};

void fail_alloc_init(struct fail_alloc *heap, size_t fail_at, bool keep_failing);
/* Nothing outstanding, and every old_size was right. */
bool fail_alloc_is_clean(const struct fail_alloc *heap);

#endif
