/*
 * intern - equal bytes get equal numbers.
 *
 * Ids count from 1; 0 is "none". The bytes are copied into an arena, NUL
 * behind them, and never move.
 */
#ifndef GOLEAK_BASE_INTERN_H
#define GOLEAK_BASE_INTERN_H

#include "base/arena.h"

struct goleak_intern_entry {
    const char *bytes;
    uint32_t size, hash;
};

struct goleak_intern {
    struct goleak_alloc *alloc;
    struct goleak_arena arena;
    struct goleak_intern_entry *entries; /* entries[id - 1] */
    size_t count, capacity;
    uint32_t *slots; /* ids, open addressing; a power of two of them */
    size_t slot_count;
    uint64_t secret; /* in the hashes; 0: none */
};

void goleak_intern_init(struct goleak_intern *intern, struct goleak_alloc *alloc);
void goleak_intern_release(struct goleak_intern *intern);
/* 0 when memory ends. */
uint32_t goleak_intern_add(struct goleak_intern *intern, const void *bytes, size_t size);
/* 0 when they were never added. */
uint32_t goleak_intern_find(const struct goleak_intern *intern, const void *bytes, size_t size);
/* The bytes of an id, NUL-terminated; size may be NULL. "" for 0. */
const char *goleak_intern_get(const struct goleak_intern *intern, uint32_t id, size_t *size);

#endif
