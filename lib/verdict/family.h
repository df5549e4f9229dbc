/*
 * family - those whom one goroutine started in one function, by when it did so.
 *
 * First the families are named that somebody will ask for, then members of these are counted, and
 * put in the order in which they were counted. Mostly they come in the order of their creation.
 */
#ifndef GOLEAK_VERDICT_FAMILY_H
#define GOLEAK_VERDICT_FAMILY_H

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/hash.h"

struct goleak_member {
    int64_t created; /* moment */
    uint32_t record;
    uint32_t mark; /* by who put it, or found it */
};

struct goleak_families {
    struct goleak_alloc *alloc;
    struct goleak_family {
        uint64_t number;  /* 0: a free place */
        uint32_t first, count; /* of its members, behind those of the families before; while they are counted: 0 */
    } *slots; /* open addressing: at most half of them are used */
    size_t slot_mask, family_count;
    uint32_t *places; /* slots, of those who were counted: since the first of them none is wanted any more */
    size_t place_count, place_capacity;
    struct goleak_member *members; /* when sorted: by family, moment, record */
    size_t count;
};

void goleak_families_init(struct goleak_families *families, struct goleak_alloc *alloc);
void goleak_families_release(struct goleak_families *families);
/* A family is any number but 0. False: memory, or more than 2^30 families. */
bool goleak_families_want(struct goleak_families *families, uint64_t family);

/* For prefetching alone: where its slot is, or near. */
static inline size_t goleak_families_place(const struct goleak_families *families, uint64_t family)
{
    return (size_t)(goleak_hash_u64(family) >> 32) & families->slot_mask;
}

/* It is counted soon; there are some that are wanted. */
GOLEAK_PREFETCHER void goleak_families_prefetch(const struct goleak_families *families, uint64_t family)
{
    GOLEAK_PREFETCH(&families->slots[goleak_families_place(families, family)]);
}

/* A member of it will be put; *wanted false: nobody asks for this family, and it will not. False: memory, or more
 * than 2^32 - 1 members. */
bool goleak_families_count(struct goleak_families *families, uint64_t family, bool *wanted);
/* All are counted: there is room for them. False: memory. */
bool goleak_families_make_room(struct goleak_families *families);
/* So many are put next. */
GOLEAK_PREFETCHER void goleak_families_prefetch_next(const struct goleak_families *families, size_t count)
{
    for (size_t i = 0; i < count; i++)
        GOLEAK_PREFETCH(&families->slots[families->places[families->count + i]]);
}

/* The next of those who were counted. */
void goleak_families_put(struct goleak_families *families, int64_t created, uint32_t record, uint32_t mark);
/* All are put. False: memory. */
bool goleak_families_sort(struct goleak_families *families);
/* Its members that were not created before this moment, when all are sorted. */
struct goleak_member *goleak_families_since(struct goleak_families *families, uint64_t family, int64_t created,
                                            size_t *count);

#endif
