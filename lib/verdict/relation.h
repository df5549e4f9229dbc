/*
 * relation - who belongs to what, of as many as may be: those who wait for one object,
 * those whom one goroutine has woken.
 *
 * Listed once, then sorted by key: all of one key are a run of the list. That takes no
 * branch that depends on the keys, and no more than 16 bytes for each.
 */
#ifndef GOLEAK_VERDICT_RELATION_H
#define GOLEAK_VERDICT_RELATION_H

#include "base/alloc.h"

struct goleak_related {
    uint32_t key;
    uint32_t record : 30;
    uint32_t marked : 1;  /* by who added it; when sorted, of the first of a run: any of it is */
    uint32_t visited : 1; /* for whoever goes through the runs; of the first of each */
};

struct goleak_relation {
    struct goleak_alloc *alloc;
    struct goleak_related *all; /* by key, then as they were added */
    size_t count, capacity;
    uint32_t *starts; /* when sorted: places of the first of those whose keys begin with these bits; one more at the end */
    size_t start_count;
    unsigned start_shift;
};

struct goleak_run {
    struct goleak_related *all;
    size_t count;
};

void goleak_relation_init(struct goleak_relation *relation, struct goleak_alloc *alloc);
void goleak_relation_release(struct goleak_relation *relation);
/* Both: false when memory ends, or there are more than 2^30 records. */
bool goleak_relation_add(struct goleak_relation *relation, uint32_t key, uint32_t record, bool marked);
bool goleak_relation_sort(struct goleak_relation *relation);
/* Those of this key, when all are added and sorted. */
struct goleak_run goleak_relation_of(const struct goleak_relation *relation, uint32_t key);

#endif
