/* relation - see relation.h. */
#include "verdict/relation.h"

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

#define MOST_RECORDS (UINT32_MAX >> 1)

bool goleak_relation_add(struct goleak_relation *relation, uint32_t key, uint32_t record)
{
    if (record > MOST_RECORDS || !goleak_grow(relation->alloc, &relation->all, &relation->capacity,
                                              relation->count + 1, sizeof *relation->all))
        return false;
    relation->all[relation->count++] = (struct goleak_related){ .key = key, .record = record & MOST_RECORDS };
    return true;
}

/* ---- sorting: by the lowest digit, then the next, each time keeping what is equal in order ---- */

#define DIGIT_BITS 11
#define DIGITS 3 /* of a key */
#define VALUES (1u << DIGIT_BITS)

static uint32_t digit_of(const struct goleak_related *related, unsigned digit)
{
    return related->key >> digit * DIGIT_BITS & (VALUES - 1);
}

static void sort_by_digit(const struct goleak_related *from, struct goleak_related *to, size_t count, unsigned digit)
{
    size_t starts[VALUES] = { 0 }, sum = 0;
    for (size_t i = 0; i < count; i++)
        starts[digit_of(&from[i], digit)]++;
    for (size_t value = 0; value < VALUES; value++) {
        size_t those = starts[value];
        starts[value] = sum;
        sum += those;
    }
    for (size_t i = 0; i < count; i++)
        to[starts[digit_of(&from[i], digit)]++] = from[i];
}

bool goleak_relation_sort(struct goleak_relation *relation)
{
    struct goleak_related *from = relation->all;
    if (relation->count < 2)
        return true;
    struct goleak_related *to = goleak_alloc_array(relation->alloc, relation->capacity, sizeof *to);
    if (to == NULL)
        return false;
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        sort_by_digit(from, to, relation->count, digit);
        struct goleak_related *sorted = to;
        to = from;
        from = sorted;
    }
    relation->all = from;
    goleak_free(relation->alloc, to, relation->capacity * sizeof *to);
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
