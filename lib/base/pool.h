/*
 * pool - blocks of one size that come and go, and are used again.
 *
 * Where pages are slow (alloc.h) they lie on huge ones, which malloc's do not: it is there alone that a pool gives any.
 * Elsewhere malloc's are as good. What it has goes back to the system whenever nothing of it is in use.
 *
 * Limits.   It knows of none, and of no allocator of a caller's: who has such has no pool.
 * Threads.  Any, side by side.
 */
#ifndef GOLEAK_BASE_POOL_H
#define GOLEAK_BASE_POOL_H

#include "base/chunks.h"

struct goleak_block_pool;

/* NULL: memory, or the system has no more locks: then there is none. bytes: a multiple of a line of the cache, on one
 * of which each block begins. page_ns: see goleak_alloc; 0: it is measured when more than a few blocks were asked for. */
struct goleak_block_pool *goleak_block_pool_new(size_t bytes, int64_t page_ns);
/* Blocks that are in use go, too. */
void goleak_block_pool_free(struct goleak_block_pool *pool);

/* Zeroed, or as it was given but for a pointer at its begin. NULL: it has none. */
void *goleak_block_pool_take(struct goleak_block_pool *pool);
void goleak_block_pool_give(struct goleak_block_pool *pool, void *block);

#endif
