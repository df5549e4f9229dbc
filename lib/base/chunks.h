/*
 * chunks - an array that grows and never moves: chunks of one size, each on lines of the cache.
 *
 * They lie in blocks, each for as many chunks as there were before; those of large
 * recordings are on huge pages (alloc.h).
 */
#ifndef GOLEAK_BASE_CHUNKS_H
#define GOLEAK_BASE_CHUNKS_H

#include "base/alloc.h"

struct goleak_chunks {
    struct goleak_alloc *alloc;
    void **all; /* all[0 .. room) are there, all[0 .. count) in use */
    size_t count, room, capacity;
    size_t chunk_bytes; /* a multiple of a line of the cache */
    struct goleak_block {
        void *memory;
        size_t bytes;
    } *blocks;
    size_t block_count, block_capacity;
};

void goleak_chunks_init(struct goleak_chunks *chunks, struct goleak_alloc *alloc, size_t chunk_bytes);
void goleak_chunks_release(struct goleak_chunks *chunks);
/* One more, not zeroed. False: memory. */
bool goleak_chunks_add(struct goleak_chunks *chunks);

#endif
