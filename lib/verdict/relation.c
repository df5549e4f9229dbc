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
    goleak_free(relation->alloc, relation->starts, relation->start_count * sizeof *relation->starts);
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

/* As many kinds of keys are told apart by their high bits as there are entries: few are of one kind. */
static bool make_starts(struct goleak_relation *relation)
{
    if (relation->count == 0)
        return true;
    const uint32_t most = relation->all[relation->count - 1].key;
    while (most >> relation->start_shift > relation->count)
        relation->start_shift++;
    relation->start_count = ((size_t)most >> relation->start_shift) + 2;
    relation->starts = goleak_alloc_array(relation->alloc, relation->start_count, sizeof *relation->starts);
    if (relation->starts == NULL)
        return false;
    size_t kind = 0;
    for (size_t i = 0; i < relation->count; i++)
        for (; kind <= relation->all[i].key >> relation->start_shift; kind++)
            relation->starts[kind] = (uint32_t)i;
    for (; kind < relation->start_count; kind++)
        relation->starts[kind] = (uint32_t)relation->count;
    return true;
}

bool goleak_relation_sort(struct goleak_relation *relation)
{
    if (relation->count < 2)
        return make_starts(relation);
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
    return make_starts(relation);
}

/* ---- finding ---- */

/* The first of these that has no lower key. Which half it is in cannot be foreseen: no branch asks. */
static struct goleak_related *first_from(struct goleak_related *low, const struct goleak_related *high, uint64_t key)
{
    for (size_t count = (size_t)(high - low); count != 0;) {
        const size_t half = (count + 1) / 2;
        low += half * (low[half - 1].key < key);
        count -= half;
    }
    return low;
}

struct goleak_run goleak_relation_of(const struct goleak_relation *relation, uint32_t key)
{
    const size_t kind = key >> relation->start_shift;
    if (relation->start_count == 0 ||
        kind >= relation->start_count - 1) /* the highest key has no successor in 32 bits */
        return (struct goleak_run){ NULL, 0 };
    const struct goleak_related *high = relation->all + relation->starts[kind + 1];
    struct goleak_related *first = first_from(relation->all + relation->starts[kind], high, key);
    if (first == high || first->key != key)
        return (struct goleak_run){ NULL, 0 };
    /* Most are alone; of a crowd each asks where it ends. */
    const bool alone = first + 1 == high || first[1].key != key;
    return (struct goleak_run){ first, alone ? 1 : (size_t)(first_from(first, high, (uint64_t)key + 1) - first) };
}
