/*
 * chunks - an array that grows and never moves: chunks of one size, each on lines of the cache.
 *
 * They lie in blocks: the first have one chunk, later ones as many as there are, up to some megabytes, so that the
 * largest can be on huge pages (alloc.h): most of the memory of a large recording is here, and it is read in no order.
 */
#ifndef GOLEAK_BASE_CHUNKS_H
#define GOLEAK_BASE_CHUNKS_H

#include "base/alloc.h"

struct goleak_chunk_block {
    void *at;
    size_t bytes;
};

struct goleak_chunks {
    struct goleak_alloc *alloc;
    void **all;                        /* all[0 .. count) */
    struct goleak_chunk_block *blocks; /* that they lie in */
    size_t count, capacity, block_count, block_capacity;
    size_t chunk_bytes; /* a multiple of a line of the cache */
    char *next;         /* of those in the last block that are not in use, */
    size_t left;        /* … so many */
};

void goleak_chunks_init(struct goleak_chunks *chunks, struct goleak_alloc *alloc, size_t chunk_bytes);
void goleak_chunks_release(struct goleak_chunks *chunks);
/* One more, not zeroed. False: memory. */
bool goleak_chunks_add(struct goleak_chunks *chunks);

#endif
