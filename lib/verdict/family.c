/* family - see family.h. */
#include "verdict/family.h"

#include "base/hash.h"
#include "base/radix.h"

#include <stdlib.h>
#include <string.h>

void goleak_families_init(struct goleak_families *families, struct goleak_alloc *alloc)
{
    *families = (struct goleak_families){ .alloc = alloc };
    goleak_intern_init(&families->index, alloc);
}

void goleak_families_release(struct goleak_families *families)
{
    if (families->alloc == NULL)
        return;
    goleak_intern_release(&families->index);
    goleak_free(families->alloc, families->runs, families->run_capacity * sizeof *families->runs);
    goleak_free(families->alloc, families->members, families->capacity * sizeof *families->members);
    *families = (struct goleak_families){ .alloc = NULL };
}

/* Its place among the last ones; 0 is no family, so nothing is found where nobody was. */
static struct goleak_known *last_of(struct goleak_families *families, uint64_t family)
{
    return &families->last[goleak_hash_u64(family) >> 56];
}

/* 0: nobody wants it. */
static uint32_t find(struct goleak_families *families, uint64_t family)
{
    struct goleak_known *last = last_of(families, family);
    if (last->family != family)
        *last = (struct goleak_known){ family, goleak_intern_find(&families->index, &family, sizeof family) };
    return last->id;
}

#define MOST_FAMILIES (UINT32_MAX >> 2)

bool goleak_families_want(struct goleak_families *families, uint64_t family)
{
    struct goleak_known *last = last_of(families, family);
    if (last->family == family && last->id != 0)
        return true;
    uint32_t id = goleak_intern_add(&families->index, &family, sizeof family);
    if (id == 0 || id > MOST_FAMILIES)
        return false;
    *last = (struct goleak_known){ family, id };
    return true;
}

bool goleak_families_add(struct goleak_families *families, uint64_t family, int64_t created, uint32_t record,
                         unsigned mark)
{
    uint32_t id = families->index.count != 0 ? find(families, family) : 0;
    if (id == 0)
        return true;
    if (!goleak_grow(families->alloc, &families->members, &families->capacity, families->count + 1,
                     sizeof *families->members))
        return false;
    families->members[families->count++] =
        (struct goleak_member){ .created = created, .record = record, .family = id & MOST_FAMILIES, .mark = mark & 3 };
    return true;
}

/* ---- sorting ---- */

static int by_moment(const void *a, const void *b)
{
    const struct goleak_member *x = a, *y = b;
    if (x->created != y->created)
        return x->created < y->created ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

static inline uint64_t moment_of(const struct goleak_member *member)
{
    return (uint64_t)member->created;
}

GOLEAK_DEFINE_SORT_BY_DIGIT(sort_by_digit, struct goleak_member, moment_of)

#define FEW 256 /* are compared: counting digits has its price */

/* They come in the order of their records, and equally old ones stay in it. There is room for
 * as many at `room`. */
static void sort_loose(struct goleak_member *loose, size_t count, struct goleak_member *room)
{
    int64_t least = INT64_MAX, most = INT64_MIN;
    if (count < FEW) {
        if (count != 0)
            qsort(loose, count, sizeof *loose, by_moment);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        least = loose[i].created < least ? loose[i].created : least;
        most = loose[i].created > most ? loose[i].created : most;
    }
    uint64_t range = (uint64_t)most - (uint64_t)least;
    struct goleak_member *from = loose, *to = room;
    for (unsigned shift = 0; shift < 64 && range >> shift != 0; shift += GOLEAK_DIGIT_BITS) {
        sort_by_digit(from, to, count, (uint64_t)least, shift);
        struct goleak_member *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != loose)
        memcpy(loose, from, count * sizeof *loose);
}

/* What stands in its place between its neighbours is kept, the loose ones are sorted and put in. */
static void sort_run(struct goleak_member *run, size_t count, struct goleak_member *loose)
{
    size_t kept = 0, aside = 0;
    for (size_t i = 0; i < count; i++) {
        bool fits = (kept == 0 || by_moment(&run[kept - 1], &run[i]) < 0) &&
                    (i + 1 == count || by_moment(&run[i], &run[i + 1]) < 0);
        if (fits)
            run[kept++] = run[i];
        else
            loose[aside++] = run[i];
    }
    sort_loose(loose, aside, run + kept);
    for (size_t to = count; aside != 0; to--) {
        bool from_kept = kept != 0 && by_moment(&run[kept - 1], &loose[aside - 1]) > 0;
        run[to - 1] = from_kept ? run[--kept] : loose[--aside];
    }
}

bool goleak_families_sort(struct goleak_families *families)
{
    size_t ids = families->index.count + 1, sum = 0;
    if (families->count == 0)
        return true;
    struct goleak_member *sorted = goleak_alloc_array(families->alloc, families->capacity, sizeof *sorted);
    if (sorted == NULL ||
        !goleak_grow(families->alloc, &families->runs, &families->run_capacity, ids, sizeof *families->runs)) {
        if (sorted != NULL)
            goleak_free(families->alloc, sorted, families->capacity * sizeof *sorted);
        return false;
    }
    memset(families->runs, 0, ids * sizeof *families->runs);
    for (size_t i = 0; i < families->count; i++)
        families->runs[families->members[i].family].count++;
    for (size_t id = 0; id < ids; id++) {
        families->runs[id].first = sum;
        sum += families->runs[id].count;
        families->runs[id].count = 0;
    }
    for (size_t i = 0; i < families->count; i++) {
        struct goleak_members *run = &families->runs[families->members[i].family];
        sorted[run->first + run->count++] = families->members[i];
    }
    for (size_t id = 0; id < ids; id++) /* who was there before is copied, and may be written over */
        sort_run(sorted + families->runs[id].first, families->runs[id].count, families->members);
    goleak_free(families->alloc, families->members, families->capacity * sizeof *families->members);
    families->members = sorted;
    return true;
}

const struct goleak_member *goleak_families_since(struct goleak_families *families, uint64_t family, int64_t created,
                                                  size_t *count)
{
    uint32_t id = families->count != 0 ? find(families, family) : 0;
    *count = 0;
    if (id == 0)
        return NULL;
    const struct goleak_members *run = &families->runs[id];
    size_t low = 0, high = run->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (families->members[run->first + middle].created < created)
            low = middle + 1;
        else
            high = middle;
    }
    *count = run->count - low;
    return families->members + run->first + low;
}
