/* bunch - see bunch.h. */
#include "verdict/bunch.h"

#include "base/bits.h"

#include <string.h>

void goleak_bunches_init(struct goleak_bunches *bunches, struct goleak_alloc *alloc)
{
    *bunches = (struct goleak_bunches){ .alloc = alloc };
    goleak_intern_init(&bunches->index, alloc);
}

void goleak_bunches_release(struct goleak_bunches *bunches)
{
    if (bunches->alloc == NULL)
        return;
    goleak_intern_release(&bunches->index);
    goleak_free(bunches->alloc, bunches->all, bunches->capacity * sizeof *bunches->all);
    goleak_free(bunches->alloc, bunches->alone, bunches->alone_capacity * sizeof *bunches->alone);
    *bunches = (struct goleak_bunches){ .alloc = NULL };
}

/* ---- sums ---- */

/* Behind those that are as old. */
static void add_example(struct goleak_sum *sum, const struct goleak_store *store, uint32_t index, int64_t since)
{
    size_t to = sum->example_count;
    while (to > 0 && goleak_store_at(store, sum->examples[to - 1])->since > since)
        to--;
    if (to == GOLEAK_LEAK_EXAMPLES)
        return;
    size_t last = sum->example_count < GOLEAK_LEAK_EXAMPLES ? sum->example_count : GOLEAK_LEAK_EXAMPLES - 1;
    memmove(sum->examples + to + 1, sum->examples + to, (last - to) * sizeof *sum->examples);
    sum->examples[to] = index;
    sum->example_count += sum->example_count < GOLEAK_LEAK_EXAMPLES;
    sum->examples_until = goleak_store_at(store, sum->examples[sum->example_count - 1])->since;
}

/* Younger than all examples, of which there is no room for more: most are. */
static inline bool add_younger(struct goleak_sum *sum, const struct goleak_store *store,
                               const struct goleak_record *record)
{
    if (sum->example_count < GOLEAK_LEAK_EXAMPLES || record->since < sum->examples_until || record->wait != sum->wait)
        return false;
    sum->count++;
    sum->youngest_since = record->since > sum->youngest_since ? record->since : sum->youngest_since;
    uint64_t serial = goleak_store_serial(store, record);
    sum->first_serial = serial < sum->first_serial ? serial : sum->first_serial;
    return true;
}

static void add_any(struct goleak_sum *sum, const struct goleak_store *store, const struct goleak_record *record)
{
    bool first = sum->count++ == 0;
    uint64_t serial = goleak_store_serial(store, record);
    if (first || serial < sum->first_serial)
        sum->first_serial = serial;
    if (first)
        sum->wait = record->wait;
    else if (sum->wait != record->wait)
        sum->wait = GOLEAK_NO_WAIT;
    if (first || record->since < sum->oldest_since)
        sum->oldest_since = record->since;
    if (first || record->since > sum->youngest_since)
        sum->youngest_since = record->since;
    add_example(sum, store, record->index, record->since);
}

static inline void add(struct goleak_sum *sum, const struct goleak_store *store, const struct goleak_record *record)
{
    if (!add_younger(sum, store, record))
        add_any(sum, store, record);
}

void goleak_sum_add(struct goleak_sum *sum, const struct goleak_store *store, const struct goleak_record *record)
{
    add(sum, store, record);
}

/* Equally old ones stand in the order of the store, as if all had been added to one. */
static void merge_examples(struct goleak_sum *sum, const struct goleak_store *store, const struct goleak_sum *other)
{
    const struct goleak_sum own = *sum;
    uint32_t a = 0, b = 0;
    sum->example_count = 0;
    while (sum->example_count < GOLEAK_LEAK_EXAMPLES && (a < own.example_count || b < other->example_count)) {
        bool from_own = b == other->example_count;
        if (!from_own && a < own.example_count) {
            int64_t x = goleak_store_at(store, own.examples[a])->since;
            int64_t y = goleak_store_at(store, other->examples[b])->since;
            from_own = x != y ? x < y : own.examples[a] < other->examples[b];
        }
        sum->examples[sum->example_count++] = from_own ? own.examples[a++] : other->examples[b++];
    }
    if (sum->example_count != 0)
        sum->examples_until = goleak_store_at(store, sum->examples[sum->example_count - 1])->since;
}

void goleak_sum_merge(struct goleak_sum *sum, const struct goleak_store *store, const struct goleak_sum *other)
{
    if (sum->count == 0) {
        *sum = *other;
        return;
    }
    sum->count += other->count;
    if (other->first_serial < sum->first_serial)
        sum->first_serial = other->first_serial;
    if (sum->wait != other->wait)
        sum->wait = GOLEAK_NO_WAIT;
    if (other->oldest_since < sum->oldest_since)
        sum->oldest_since = other->oldest_since;
    if (other->youngest_since > sum->youngest_since)
        sum->youngest_since = other->youngest_since;
    merge_examples(sum, store, other);
}

/* ---- bunches ---- */

#define HOPE_BIT 12 /* of a word whose lower bits are flags */

#define TRAITS (GOLEAK_REC_TIMED - 1) /* of the flags: a timer that counts is a hope */

_Static_assert(TRAITS < 1u << HOPE_BIT && GOLEAK_HOPE_STARTUP < 1 << (16 - HOPE_BIT), "both have room");

/*
 *      traits  flags and hope | g.waitreason | how long it has waited, by its bucket | spawn site
 *      place   block stack | its end may be hidden by a gap | turned from | unread | an orphan | beyond the edge | tied | state | reason
 */
#define BEYOND ((uint64_t)1 << 17)
#define ORPHAN ((uint64_t)1 << 18)
#define UNREAD ((uint64_t)1 << 19)
#define TURNED ((uint64_t)1 << 20)
#define HIDDEN ((uint64_t)1 << 21)

static inline struct goleak_key key_of(const struct goleak_record *record, enum goleak_hope_kind hope, bool tied,
                                       unsigned bucket)
{
    uint64_t flags = (record->flags & TRAITS) | (uint64_t)hope << HOPE_BIT;
    uint64_t state = record->state | (uint64_t)tied << 8;
    return (struct goleak_key){ flags << 48 | (uint64_t)record->wait << 40 | (uint64_t)bucket << 32 | record->site,
                                (uint64_t)goleak_waiting_stack(record) << 32 | state << 8 | record->reason };
}

static inline bool is_same(const struct goleak_key *a, const struct goleak_key *b)
{
    return ((a->traits ^ b->traits) | (a->place ^ b->place)) == 0;
}

/* 0: memory. */
static uint32_t find(struct goleak_bunches *bunches, struct goleak_key key, int64_t edge)
{
    size_t before = bunches->index.count;
    if (!goleak_grow(bunches->alloc, &bunches->all, &bunches->capacity, before + 2, sizeof *bunches->all))
        return 0;
    uint32_t id = goleak_intern_add(&bunches->index, &key, sizeof key);
    if (id > before)
        bunches->all[id] = (struct goleak_bunch) { .key = key, .edge = edge };
    return id;
}

static int64_t edge_of(const struct goleak_hope_input *input, const struct goleak_record *record, unsigned bucket)
{
    const struct goleak_wait_site *site = goleak_is_blocked(record) ? goleak_waits_site(input->waits, record) : NULL;
    return site != NULL && goleak_wait_bucket(site->longest) == bucket ? site->longest : INT64_MAX;
}

/* NULL: memory. */
static struct goleak_bunch *beyond(struct goleak_bunches *bunches, uint32_t id)
{
    struct goleak_key key = bunches->all[id].key;
    key.place |= BEYOND;
    uint32_t other = bunches->all[id].beyond;
    if (other == 0 && (other = find(bunches, key, INT64_MAX)) == 0)
        return NULL;
    bunches->all[id].beyond = other;
    return &bunches->all[other];
}

static bool add_alone(struct goleak_bunches *bunches, uint32_t index)
{
    if (!goleak_grow(bunches->alloc, &bunches->alone, &bunches->alone_capacity, bunches->alone_count + 1,
                     sizeof *bunches->alone))
        return false;
    bunches->alone[bunches->alone_count++] = index;
    return true;
}

static bool has_habits(const struct goleak_waits *waits, const struct goleak_record *record)
{
    const struct goleak_past *past = goleak_waits_past(waits, record);
    return past != NULL && past->marks != 0;
}

static bool is_at_lock(const struct goleak_holders *holders, uint32_t index)
{
    return holders != NULL && (goleak_holders_lock(holders, index) != NULL || goleak_holders_is_free(holders, index));
}

#define AHEAD 16

/* What has_habits() asks. */
GOLEAK_PREFETCHER void fetch_ahead(const struct goleak_hope_input *input, const struct goleak_record *record)
{
    if (goleak_has_habits(record) && goleak_is_blocked(record))
        goleak_waits_prefetch(input->waits, record);
}

/* The last ones of their place: few of them are asked for, and often. */
#define LAST 256

enum goleak_status goleak_bunches_find(struct goleak_bunches *bunches, const struct goleak_hope_input *input,
                                       const struct goleak_hope *hope, const struct goleak_ties *ties,
                                       const struct goleak_gaps *gaps, bool apart)
{
    const bool gapped = gaps->any;
    uint32_t last_ids[LAST] = { 0 };
    uint32_t id = 0; /* of the one before, which is mostly that of the next */
    for (uint32_t i = 1; i <= input->store->count; i++) {
        const struct goleak_record *record = goleak_store_at(input->store, i);
        if (i + AHEAD <= input->store->count)
            fetch_ahead(input, goleak_store_at(input->store, i + AHEAD));
        if ((record->flags & GOLEAK_REC_SEEN) == 0 || record->state == GOLEAK_STATE_ENDED)
            continue;
        bool blocked = goleak_is_blocked(record);
        if (blocked ? apart || is_at_lock(input->holders, i) || has_habits(input->waits, record)
                    : goleak_is_forcegc_helper(record) || input->sites->sites[record->site].coroutines) {
            if (!add_alone(bunches, i))
                return goleak_alloc_failure(bunches->alloc);
            continue;
        }
        int64_t waited = blocked ? goleak_waited(record, input->last) : 0;
        const struct goleak_tie tie = blocked ? goleak_tie_of(ties, record) : (struct goleak_tie) { 0 };
        unsigned bucket = blocked ? goleak_wait_bucket(waited) : 0;
        struct goleak_key key = key_of(record, goleak_hope_of(hope, i), tie.whom != 0, bucket);
        key.place |= tie.orphaned != 0 ? ORPHAN : 0;
        key.place |= goleak_is_unread(ties, record) ? UNREAD : 0;
        key.place |= goleak_hope_has_turned(hope, i) ? TURNED : 0;
        if (UNLIKELY(gapped) && (blocked ? goleak_gaps_hiding : goleak_gaps_first)(gaps, record) != NULL)
            key.place |= HIDDEN;
        if (id == 0 || !is_same(&bunches->all[id].key, &key)) {
            uint32_t *last = &last_ids[goleak_hash_u64(key.traits ^ key.place) >> 56];
            id = *last;
            if ((id == 0 || !is_same(&bunches->all[id].key, &key)) &&
                (id = *last = find(bunches, key, edge_of(input, record, bucket))) == 0)
                return goleak_alloc_failure(bunches->alloc);
        }
        struct goleak_bunch *bunch = &bunches->all[id];
        if (UNLIKELY(waited > bunch->edge) && (bunch = beyond(bunches, id)) == NULL)
            return goleak_alloc_failure(bunches->alloc);
        bunch->longest = waited > bunch->longest ? waited : bunch->longest;
        add(&bunch->sum, input->store, record);
    }
    return GOLEAK_OK;
}
