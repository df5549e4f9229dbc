/* chunks - see chunks.h. */
#include "base/chunks.h"

#define LINE ((size_t)64)           /* of the cache */
#define BLOCK_BYTES ((size_t)8 << 20) /* at most, unless a chunk is larger: four huge pages */

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
        goleak_free(alloc, chunks->blocks[i].memory, chunks->blocks[i].bytes);
    goleak_free(alloc, chunks->blocks, chunks->block_capacity * sizeof *chunks->blocks);
    goleak_free(alloc, chunks->all, chunks->capacity * sizeof *chunks->all);
    goleak_chunks_init(chunks, alloc, chunks->chunk_bytes);
}

/* As many as there are, so that small recordings have small blocks. */
static size_t next_block(const struct goleak_chunks *chunks)
{
    size_t most = (BLOCK_BYTES - LINE) / chunks->chunk_bytes, count = chunks->room < most ? chunks->room : most;
    return count != 0 ? count : 1;
}

static bool add_block(struct goleak_chunks *chunks)
{
    size_t count = next_block(chunks), bytes = count * chunks->chunk_bytes + LINE;
    if (!goleak_grow(chunks->alloc, &chunks->all, &chunks->capacity, chunks->room + count, sizeof *chunks->all) ||
        !goleak_grow(chunks->alloc, &chunks->blocks, &chunks->block_capacity, chunks->block_count + 1,
                     sizeof *chunks->blocks))
        return false;
    char *memory = goleak_alloc_array(chunks->alloc, bytes, 1);
    if (memory == NULL)
        return false;
    chunks->blocks[chunks->block_count++] = (struct goleak_block){ memory, bytes };
    memory += (LINE - (uintptr_t)memory % LINE) % LINE;
    for (size_t i = 0; i < count; i++)
        chunks->all[chunks->room++] = memory + i * chunks->chunk_bytes;
    return true;
}

bool goleak_chunks_add(struct goleak_chunks *chunks)
{
    if (chunks->count == chunks->room && !add_block(chunks))
        return false;
    chunks->count++;
    return true;
}
