/*
 * pool - blocks of one size that come and go, and are used again.
 *
 * Where pages are slow (alloc.h) they lie on huge ones, which malloc's do not: so it is there that a pool gives any.
 * Elsewhere, and where memory is limited or the caller's, it has none, and malloc's are as good.
 *
 * Threads.  Any, side by side.
 */
#ifndef GOLEAK_BASE_POOL_H
#define GOLEAK_BASE_POOL_H

#include "base/chunks.h"

struct goleak_pool;

/* NULL: memory, or the system has no more locks: then there is none. bytes: a multiple of a line of the cache, on one of
 * which each block begins. page_ns: see goleak_alloc; 0: it is measured when the first block is asked for. */
struct goleak_pool *goleak_pool_new(size_t bytes, int64_t page_ns);
/* Whatever is in use. */
void goleak_pool_free(struct goleak_pool *pool);

/* NULL: it has none. */
void *goleak_pool_take(struct goleak_pool *pool);
void goleak_pool_give(struct goleak_pool *pool, void *block);

#endif
