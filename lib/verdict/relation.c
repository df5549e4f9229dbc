/* relation - see relation.h. */
#include "verdict/relation.h"

#include "base/radix.h"

void goleak_relation_init(struct goleak_relation *relation, struct goleak_alloc *alloc)
{
    *relation = (struct goleak_relation){ .alloc = alloc };
}

void goleak_relation_release(struct goleak_relation *relation)
{
    if (relation->alloc == NULL)
        return;
    goleak_free(relation->alloc, relation->all, relation->capacity * sizeof *relation->all);
    goleak_relation_init(relation, relation->alloc);
}

#define MOST_RECORDS (UINT32_MAX >> 2)

bool goleak_relation_add(struct goleak_relation *relation, uint32_t key, uint32_t record, bool marked)
{
    if (record > MOST_RECORDS || !goleak_grow(relation->alloc, &relation->all, &relation->capacity,
                                              relation->count + 1, sizeof *relation->all))
        return false;
    relation->all[relation->count++] =
        (struct goleak_related){ .key = key, .record = record & MOST_RECORDS, .marked = marked };
    return true;
}

/* ---- sorting ---- */

static inline uint64_t key_of(const struct goleak_related *related)
{
    return related->key;
}

GOLEAK_DEFINE_SORT_BY_DIGIT(sort_by_digit, struct goleak_related, key_of)

_Static_assert(3 * GOLEAK_DIGIT_BITS >= 32, "a key has three digits");

static void mark_runs(struct goleak_relation *relation)
{
    struct goleak_related *first = relation->all;
    for (size_t i = 1; i < relation->count; i++) {
        struct goleak_related *related = &relation->all[i];
        if (related->key != first->key)
            first = related;
        first->marked |= related->marked;
    }
}

bool goleak_relation_sort(struct goleak_relation *relation)
{
    if (relation->count < 2)
        return true;
    struct goleak_related *from = relation->all;
    struct goleak_related *to = goleak_alloc_array(relation->alloc, relation->count, sizeof *to);
    if (to == NULL)
        return false;
    sort_by_digit(from, to, relation->count, 0, 0);
    sort_by_digit(to, from, relation->count, 0, GOLEAK_DIGIT_BITS);
    sort_by_digit(from, to, relation->count, 0, 2 * GOLEAK_DIGIT_BITS);
    goleak_free(relation->alloc, from, relation->capacity * sizeof *from);
    relation->all = to;
    relation->capacity = relation->count;
    mark_runs(relation);
    return true;
}

/* ---- finding ---- */

/* How many have a lower key. */
static size_t below(const struct goleak_relation *relation, uint64_t key)
{
    size_t low = 0, high = relation->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (relation->all[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct goleak_run goleak_relation_of(const struct goleak_relation *relation, uint32_t key)
{
    size_t first = below(relation, key), end = first;
    if (first < relation->count && relation->all[first].key == key)
        end = below(relation, (uint64_t)key + 1);
    return (struct goleak_run){ end != first ? relation->all + first : NULL, end - first };
}
