/*
 * arena - many small blocks that die together.
 *
 * Blocks are aligned for any type and never move. Nothing is freed before
 * goleak_arena_release.
 */
#ifndef GOLEAK_BASE_ARENA_H
#define GOLEAK_BASE_ARENA_H

#include "base/alloc.h"

struct goleak_arena_chunk;

struct goleak_arena {
    struct goleak_alloc *alloc;
    struct goleak_arena_chunk *chunks;
    unsigned char *next;
    size_t left;
};

void goleak_arena_init(struct goleak_arena *arena, struct goleak_alloc *alloc);
void goleak_arena_release(struct goleak_arena *arena);
void *goleak_arena_alloc(struct goleak_arena *arena, size_t size); /* NULL on failure */
/* A NUL-terminated copy of `size` bytes. */
char *goleak_arena_text(struct goleak_arena *arena, const void *bytes, size_t size);

#endif
