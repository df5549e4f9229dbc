/* chunks - see chunks.h. */
#include "base/chunks.h"

#define BLOCK_MOST ((size_t)8 << 20) /* bytes; not many more than that are taken in vain */

void goleak_chunks_init(struct goleak_chunks *chunks, struct goleak_alloc *alloc, size_t chunk_bytes)
{
    *chunks = (struct goleak_chunks){ .alloc = alloc, .chunk_bytes = chunk_bytes };
}

void goleak_chunks_release(struct goleak_chunks *chunks)
{
    struct goleak_alloc *alloc = chunks->alloc;
    if (alloc == NULL)
        return;
    for (size_t i = 0; i < chunks->block_count; i++)
        goleak_free(alloc, chunks->blocks[i].at, chunks->blocks[i].bytes);
    goleak_free(alloc, chunks->blocks, chunks->block_capacity * sizeof *chunks->blocks);
    goleak_free(alloc, chunks->all, chunks->capacity * sizeof *chunks->all);
    goleak_chunks_init(chunks, alloc, chunks->chunk_bytes);
}

/* With as many chunks as there are, which within a limit would count though they are not in use; of the largest, what is
 * left at its end is hardly anything. */
static bool add_block(struct goleak_chunks *chunks)
{
    const size_t size = chunks->chunk_bytes, most = BLOCK_MOST / size;
    const size_t wanted = chunks->count == 0 || chunks->alloc->limit_bytes != 0 ? 1 : chunks->count;
    const size_t count = wanted < most ? wanted : most;
    const size_t bytes = count == most ? BLOCK_MOST : count * size + GOLEAK_LINE;
    if (!goleak_grow(chunks->alloc, &chunks->blocks, &chunks->block_capacity, chunks->block_count + 1,
                     sizeof *chunks->blocks))
        return false;
    void *block = goleak_alloc_pages(chunks->alloc, bytes, &chunks->page_ns);
    if (block == NULL)
        return false;
    chunks->blocks[chunks->block_count++] = (struct goleak_chunk_block) { block, bytes };
    chunks->next = goleak_on_line(block, 0);
    chunks->left = count;
    return true;
}

bool goleak_chunks_add(struct goleak_chunks *chunks)
{
    if (!goleak_grow(chunks->alloc, &chunks->all, &chunks->capacity, chunks->count + 1, sizeof *chunks->all) ||
        (chunks->left == 0 && !add_block(chunks)))
        return false;
    chunks->all[chunks->count++] = chunks->next;
    chunks->next += chunks->chunk_bytes;
    chunks->left--;
    return true;
}
