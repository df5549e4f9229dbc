/* chunks - see chunks.h. */
#include "base/chunks.h"

void goleak_chunks_init(struct goleak_chunks *chunks, struct goleak_alloc *alloc, size_t chunk_bytes)
{
    *chunks = (struct goleak_chunks){ .alloc = alloc, .chunk_bytes = chunk_bytes };
}

void goleak_chunks_release(struct goleak_chunks *chunks)
{
    struct goleak_alloc *alloc = chunks->alloc;
    if (alloc == NULL)
        return;
    for (size_t i = 0; i < chunks->count; i++)
        goleak_free(alloc, chunks->blocks[i], chunks->chunk_bytes + GOLEAK_LINE);
    goleak_free(alloc, chunks->blocks, chunks->block_capacity * sizeof *chunks->blocks);
    goleak_free(alloc, chunks->all, chunks->capacity * sizeof *chunks->all);
    goleak_chunks_init(chunks, alloc, chunks->chunk_bytes);
}

bool goleak_chunks_add(struct goleak_chunks *chunks)
{
    size_t count = chunks->count + 1;
    if (!goleak_grow(chunks->alloc, &chunks->all, &chunks->capacity, count, sizeof *chunks->all) ||
        !goleak_grow(chunks->alloc, &chunks->blocks, &chunks->block_capacity, count, sizeof *chunks->blocks))
        return false;
    char *block = goleak_realloc(chunks->alloc, NULL, 0, chunks->chunk_bytes + GOLEAK_LINE);
    if (block == NULL)
        return false;
    chunks->blocks[chunks->count] = block;
    chunks->all[chunks->count++] = goleak_on_line(block, 0);
    return true;
}
