/* intern - see intern.h. The slot table is at most half full. */
#include "base/intern.h"

#include "base/compiler.h"
#include "base/hash.h"

#include <string.h>

void goleak_intern_init(struct goleak_intern *intern, struct goleak_alloc *alloc)
{
    *intern = (struct goleak_intern){ .alloc = alloc };
    goleak_arena_init(&intern->arena, alloc);
}

void goleak_intern_release(struct goleak_intern *intern)
{
    goleak_arena_release(&intern->arena);
    goleak_free(intern->alloc, intern->entries, intern->capacity * sizeof *intern->entries);
    goleak_free(intern->alloc, intern->slots, intern->slot_count * sizeof *intern->slots);
    *intern = (struct goleak_intern){ .alloc = intern->alloc };
}

static uint32_t hash_of(const struct goleak_intern *intern, const void *bytes, size_t size)
{
    uint64_t hash =
        intern->secret != 0 ? goleak_hash_bytes_secretly(intern->secret, bytes, size) : goleak_hash_bytes(bytes, size);
    return (uint32_t)(hash >> 16);
}

/* Into free slots. */
static void put_all(const struct goleak_intern *intern, uint32_t *slots, size_t count)
{
    for (size_t i = 0; i < intern->count; i++) {
        size_t at = intern->entries[i].hash & (count - 1);
        while (slots[at] != 0)
            at = (at + 1) & (count - 1);
        slots[at] = (uint32_t)(i + 1);
    }
}

static bool grow_slots(struct goleak_intern *intern)
{
    size_t count = intern->slot_count != 0 ? intern->slot_count * 2 : 64;
    uint32_t *slots = goleak_alloc_table(intern->alloc, count, sizeof *slots);
    if (slots == NULL)
        return false;
    put_all(intern, slots, count);
    goleak_free(intern->alloc, intern->slots, intern->slot_count * sizeof *slots);
    intern->slots = slots;
    intern->slot_count = count;
    return true;
}

/* The slot of these bytes: theirs, or the free one where they belong. */
static size_t find_slot(const struct goleak_intern *intern, const void *bytes, size_t size, uint32_t hash)
{
    size_t at = hash & (intern->slot_count - 1);
    for (; intern->slots[at] != 0; at = (at + 1) & (intern->slot_count - 1)) {
        const struct goleak_intern_entry *entry = &intern->entries[intern->slots[at] - 1];
        if (entry->hash == hash && entry->size == size && memcmp(entry->bytes, bytes, size) == 0)
            break;
    }
    return at;
}

/* Those that fall on each other, by a secret. */
static void part(struct goleak_intern *intern)
{
    intern->secret = goleak_hash_secret(intern->slots);
    for (size_t i = 0; i < intern->count; i++)
        intern->entries[i].hash = hash_of(intern, intern->entries[i].bytes, intern->entries[i].size);
    memset(intern->slots, 0, intern->slot_count * sizeof *intern->slots);
    put_all(intern, intern->slots, intern->slot_count);
}

uint32_t goleak_intern_find(const struct goleak_intern *intern, const void *bytes, size_t size)
{
    return intern->slot_count != 0 ? intern->slots[find_slot(intern, bytes, size, hash_of(intern, bytes, size))] : 0;
}

uint32_t goleak_intern_add(struct goleak_intern *intern, const void *bytes, size_t size)
{
    uint32_t hash = hash_of(intern, bytes, size);
    if (size >= UINT32_MAX || intern->count >= UINT32_MAX / 2)
        return 0;
    if (intern->count * 2 >= intern->slot_count && !grow_slots(intern))
        return 0;
    size_t at = find_slot(intern, bytes, size, hash);
    if (intern->slots[at] != 0)
        return intern->slots[at];
    if (!goleak_grow(intern->alloc, &intern->entries, &intern->capacity, intern->count + 1, sizeof *intern->entries))
        return 0;
    const char *copy = goleak_arena_text(&intern->arena, bytes, size);
    if (copy == NULL)
        return 0;
    intern->entries[intern->count] = (struct goleak_intern_entry){ copy, (uint32_t)size, hash };
    intern->slots[at] = (uint32_t)++intern->count;
    if (UNLIKELY(((at - hash) & (intern->slot_count - 1)) >= GOLEAK_HASH_FAR) && intern->secret == 0)
        part(intern);
    return (uint32_t)intern->count;
}

const char *goleak_intern_get(const struct goleak_intern *intern, uint32_t id, size_t *size)
{
    if (id == 0 || id > intern->count) {
        if (size != NULL)
            *size = 0;
        return "";
    }
    if (size != NULL)
        *size = intern->entries[id - 1].size;
    return intern->entries[id - 1].bytes;
}
