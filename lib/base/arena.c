/* arena - see arena.h. Chunks of 64 KiB; a block larger than a quarter of that
 * gets a chunk of its own, so that it does not waste the current one's rest. */
#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)64 * 1024)

struct goleak_arena_chunk {
    struct goleak_arena_chunk *next;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

void goleak_arena_init(struct goleak_arena *arena, struct goleak_alloc *alloc)
{
    *arena = (struct goleak_arena){ .alloc = alloc };
}

void goleak_arena_release(struct goleak_arena *arena)
{
    struct goleak_arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct goleak_arena_chunk *next = chunk->next;
        goleak_free(arena->alloc, chunk, chunk->size);
        chunk = next;
    }
    *arena = (struct goleak_arena){ .alloc = arena->alloc };
}

static struct goleak_arena_chunk *add_chunk(struct goleak_arena *arena, size_t bytes)
{
    size_t size = sizeof(struct goleak_arena_chunk) + bytes;
    struct goleak_arena_chunk *chunk = goleak_realloc(arena->alloc, NULL, 0, size);
    if (chunk == NULL)
        return NULL;
    chunk->size = size;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

void *goleak_arena_alloc(struct goleak_arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) & ~(align - 1);
    if (size > CHUNK_BYTES / 4) {
        struct goleak_arena_chunk *own = add_chunk(arena, size);
        return own != NULL ? own->bytes : NULL;
    }
    if (size > arena->left) {
        struct goleak_arena_chunk *chunk = add_chunk(arena, CHUNK_BYTES);
        if (chunk == NULL)
            return NULL;
        arena->next = chunk->bytes;
        arena->left = CHUNK_BYTES;
    }
    void *block = arena->next;
    arena->next += size;
    arena->left -= size;
    return block;
}

char *goleak_arena_text(struct goleak_arena *arena, const void *bytes, size_t size)
{
    char *text = goleak_arena_alloc(arena, size + 1);
    if (text == NULL)
        return NULL;
    if (size != 0)
        memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}
