/*
 * family - those whom one goroutine started in one function, by when it did so.
 *
 * First the families are named that somebody will ask for, then members are added; those
 * of other families are left out. Mostly they come in the order of their creation.
 */
#ifndef GOLEAK_VERDICT_FAMILY_H
#define GOLEAK_VERDICT_FAMILY_H

#include "base/intern.h"

struct goleak_member {
    int64_t created; /* moment */
    uint32_t record;
    uint32_t family : 30; /* id; from 1 */
    uint32_t mark : 2;    /* by who added it */
};

#define GOLEAK_FAMILIES_LAST 256

struct goleak_families {
    struct goleak_alloc *alloc;
    struct goleak_intern index; /* bytes: the family's number */
    struct goleak_members {
        size_t first, count;
    } *runs; /* by id; runs[0] is none */
    size_t run_capacity;
    struct goleak_member *members; /* when sorted: by family, moment, record */
    size_t count, capacity;
    struct goleak_known {
        uint64_t family;
        uint32_t id;
    } last[GOLEAK_FAMILIES_LAST]; /* of those asked for, the last of its place */
};

void goleak_families_init(struct goleak_families *families, struct goleak_alloc *alloc);
void goleak_families_release(struct goleak_families *families);
/* The next three: false when memory ends, or there are more than 2^30 families. A family is any
 * number but 0. */
bool goleak_families_want(struct goleak_families *families, uint64_t family);
bool goleak_families_add(struct goleak_families *families, uint64_t family, int64_t created, uint32_t record,
                         unsigned mark);
bool goleak_families_sort(struct goleak_families *families);
/* Its members that were not created before this moment, when all are added and sorted. */
const struct goleak_member *goleak_families_since(struct goleak_families *families, uint64_t family, int64_t created,
                                                  size_t *count);

#endif
