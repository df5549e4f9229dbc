/* chunks - see chunks.h. */
#include "base/chunks.h"

/* Bytes: not many more than that are taken in vain. */
#define BLOCK_MOST ((size_t)8 << 20)
/* Bytes: of less a huge page would be mostly in vain. */
#define HUGE_FROM ((size_t)256 << 10)

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

/* Of the next block: as much as there is. Within a limit that would count, though it is not in use; where a huge page
 * is worth it, it is a whole one. */
static size_t bytes_of_next(const struct goleak_chunks *chunks)
{
    const size_t size = chunks->chunk_bytes, all = chunks->count * size;
    if (chunks->count == 0 || chunks->alloc->limit_bytes != 0)
        return size + GOLEAK_LINE;
    if (all >= BLOCK_MOST)
        return BLOCK_MOST;
    const bool huge = all >= HUGE_FROM && all < GOLEAK_HUGE_PAGE && goleak_are_pages_slow(chunks->alloc);
    return huge ? GOLEAK_HUGE_PAGE : all + GOLEAK_LINE;
}

static bool add_block(struct goleak_chunks *chunks)
{
    const size_t bytes = bytes_of_next(chunks);
    if (!goleak_grow(chunks->alloc, &chunks->blocks, &chunks->block_capacity, chunks->block_count + 1,
                     sizeof *chunks->blocks))
        return false;
    void *block =
        chunks->count == 0 ? goleak_alloc_array(chunks->alloc, bytes, 1) : goleak_alloc_pages(chunks->alloc, bytes);
    if (block == NULL)
        return false;
    chunks->blocks[chunks->block_count++] = (struct goleak_chunk_block) { block, bytes };
    chunks->next = goleak_on_line(block, 0);
    chunks->left = (bytes - (size_t)(chunks->next - (char *)block)) / chunks->chunk_bytes;
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
