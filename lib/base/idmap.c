/* idmap - see idmap.h. At most half full; removing moves those behind into the gap. */
#include "base/idmap.h"

#include <string.h>

void goleak_idmap_init(struct goleak_idmap *map, struct goleak_alloc *alloc)
{
    *map = (struct goleak_idmap){ .alloc = alloc };
}

void goleak_idmap_release(struct goleak_idmap *map)
{
    goleak_free(map->alloc, map->entries, map->entries != NULL ? (map->mask + 1) * sizeof *map->entries : 0);
    *map = (struct goleak_idmap){ .alloc = map->alloc };
}

void goleak_idmap_clear(struct goleak_idmap *map)
{
    if (map->entries != NULL && map->count != 0)
        memset(map->entries, 0, (map->mask + 1) * sizeof *map->entries);
    map->count = 0;
}

static void place(struct goleak_idmap *map, uint64_t id, uint32_t value)
{
    size_t at = goleak_idmap_home(map, id);
    while (map->entries[at].value != 0)
        at = (at + 1) & map->mask;
    map->entries[at] = (struct goleak_idmap_entry){ id, value };
}

static bool resize(struct goleak_idmap *map, size_t slots)
{
    struct goleak_idmap old = *map;
    map->entries = goleak_alloc_table(map->alloc, slots, sizeof *map->entries);
    if (map->entries == NULL) {
        *map = old;
        return false;
    }
    map->mask = slots - 1;
    for (size_t i = 0; old.entries != NULL && i <= old.mask; i++)
        if (old.entries[i].value != 0)
            place(map, old.entries[i].id, old.entries[i].value);
    goleak_free(map->alloc, old.entries, old.entries != NULL ? (old.mask + 1) * sizeof *old.entries : 0);
    return true;
}

static bool grow(struct goleak_idmap *map)
{
    return resize(map, map->entries != NULL ? (map->mask + 1) * 2 : 64);
}

/* Those that fall on each other, by a secret. */
static bool part(struct goleak_idmap *map)
{
    map->secret = goleak_hash_secret(map->entries);
    bool good = resize(map, map->mask + 1);
    map->secret = good ? map->secret : 0;
    return good;
}

bool goleak_idmap_put(struct goleak_idmap *map, uint64_t id, uint32_t value)
{
    if ((map->entries == NULL || map->count * 2 > map->mask) && !grow(map))
        return false;
    size_t home = goleak_idmap_home(map, id), at = home;
    while (map->entries[at].value != 0 && map->entries[at].id != id)
        at = (at + 1) & map->mask;
    map->count += map->entries[at].value == 0;
    map->entries[at] = (struct goleak_idmap_entry){ id, value };
    return ((at - home) & map->mask) < GOLEAK_HASH_FAR || map->secret != 0 || part(map);
}

void goleak_idmap_remove(struct goleak_idmap *map, uint64_t id)
{
    if (map->entries == NULL)
        return;
    size_t gap = goleak_idmap_home(map, id);
    while (map->entries[gap].value != 0 && map->entries[gap].id != id)
        gap = (gap + 1) & map->mask;
    if (map->entries[gap].value == 0)
        return;
    map->count--;
    for (size_t at = (gap + 1) & map->mask; map->entries[at].value != 0; at = (at + 1) & map->mask) {
        size_t home = goleak_idmap_home(map, map->entries[at].id);
        if (((at - home) & map->mask) < ((at - gap) & map->mask))
            continue; /* it would stand before its home */
        map->entries[gap] = map->entries[at];
        gap = at;
    }
    map->entries[gap].value = 0;
}
