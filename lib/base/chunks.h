/*
 * chunks - an array that grows and never moves: chunks of one size, each on lines of the cache.
 *
 * Not on huge pages (alloc.h), although they are read in no order: most of the memory of a
 * large recording is here, and a virtual machine that gives free memory back to its host waits
 * longer for a huge page than the processor later saves.
 */
#ifndef GOLEAK_BASE_CHUNKS_H
#define GOLEAK_BASE_CHUNKS_H

#include "base/alloc.h"

struct goleak_chunks {
    struct goleak_alloc *alloc;
    void **all;    /* all[0 .. count) */
    void **blocks; /* that they lie in */
    size_t count, capacity, block_capacity;
    size_t chunk_bytes; /* a multiple of a line of the cache */
};

void goleak_chunks_init(struct goleak_chunks *chunks, struct goleak_alloc *alloc, size_t chunk_bytes);
void goleak_chunks_release(struct goleak_chunks *chunks);
/* One more, not zeroed. False: memory. */
bool goleak_chunks_add(struct goleak_chunks *chunks);

#endif
