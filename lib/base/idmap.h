/*
 * idmap - numbers from a file to small numbers of ours: a table of open addressing,
 * from which entries can be taken out again.
 */
#ifndef GOLEAK_BASE_IDMAP_H
#define GOLEAK_BASE_IDMAP_H

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/hash.h"

struct goleak_idmap {
    struct goleak_alloc *alloc;
    struct goleak_idmap_entry {
        uint64_t id;
        uint32_t value; /* 0: free */
    } *entries;
    size_t mask, count;
    uint64_t secret; /* in the hashes; 0: none */
};

void goleak_idmap_init(struct goleak_idmap *map, struct goleak_alloc *alloc);
void goleak_idmap_release(struct goleak_idmap *map);
void goleak_idmap_clear(struct goleak_idmap *map);
/* `value` is not 0; a value that is there is replaced. False: memory. */
bool goleak_idmap_put(struct goleak_idmap *map, uint64_t id, uint32_t value);
void goleak_idmap_remove(struct goleak_idmap *map, uint64_t id);

/* Ids are mostly counted up, and asked for in much the same order: four of them stay
 * neighbours in a line of the cache, for a large table is a miss for each line. */
static inline size_t goleak_idmap_home(const struct goleak_idmap *map, uint64_t id)
{
    return ((size_t)(goleak_hash_u64(id >> 2 ^ map->secret) >> 20) << 2 | (size_t)(id & 3)) & map->mask;
}

/* It is looked for soon. */
GOLEAK_PREFETCHER void goleak_idmap_prefetch(const struct goleak_idmap *map, uint64_t id)
{
    if (map->entries != NULL)
        GOLEAK_PREFETCH(&map->entries[goleak_idmap_home(map, id)]);
}

/* 0: not there. */
static inline uint32_t goleak_idmap_get(const struct goleak_idmap *map, uint64_t id)
{
    if (map->entries == NULL)
        return 0;
    for (size_t at = goleak_idmap_home(map, id);; at = (at + 1) & map->mask) {
        if (map->entries[at].value == 0 || map->entries[at].id == id)
            return map->entries[at].value;
    }
}

#endif
