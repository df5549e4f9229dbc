/* fail_alloc - see fail_alloc.h. Each block carries its size in front. */
#include "support/fail_alloc.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* Whoever believes fresh bytes believes the first ones; a recording has megabytes of them, asked for thousands of times. */
#define FILLED ((size_t)16 << 10)

struct block {
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

static struct block *block_of(void *pointer)
{
    return (struct block *)(void *)((unsigned char *)pointer - offsetof(struct block, bytes));
}

static void give_back(struct fail_alloc *heap, struct block *block)
{
    heap->blocks--;
    heap->bytes -= block->size;
    free(block);
}

static void *fail_alloc_realloc(void *context, void *pointer, size_t old_size, size_t new_size)
{
    struct fail_alloc *heap = context;
    struct block *old = pointer != NULL ? block_of(pointer) : NULL;
    if (old_size != (old != NULL ? old->size : 0))
        heap->wrong_sizes++;
    if (new_size == 0) {
        if (old != NULL)
            give_back(heap, old);
        return NULL;
    }

    heap->requests++;
    if (heap->fail_at != 0 &&
        (heap->requests == heap->fail_at || (heap->keep_failing && heap->requests > heap->fail_at))) {
        heap->failed = true;
        return NULL;
    }
    struct block *block = new_size < SIZE_MAX - sizeof *block ? malloc(sizeof *block + new_size) : NULL;
    if (block == NULL)
        return NULL;
    block->size = new_size;
    size_t kept = old == NULL ? 0 : old->size < new_size ? old->size : new_size;
    if (kept != 0)
        memcpy(block->bytes, old->bytes, kept);
    const size_t fresh = new_size - kept;
    memset(block->bytes + kept, 0xa5, fresh < FILLED ? fresh : FILLED);
    heap->blocks++;
    heap->bytes += new_size;
    if (heap->bytes > heap->peak_bytes)
        heap->peak_bytes = heap->bytes;
    if (old != NULL)
        give_back(heap, old);
    return block->bytes;
}

void fail_alloc_init(struct fail_alloc *heap, size_t fail_at, bool keep_failing)
{
    *heap = (struct fail_alloc) { .fail_at = fail_at, .keep_failing = keep_failing };
    heap->allocator = (struct goleak_allocator) { fail_alloc_realloc, heap };
}

bool fail_alloc_is_clean(const struct fail_alloc *heap)
{
    return heap->blocks == 0 && heap->bytes == 0 && heap->wrong_sizes == 0;
}
