/*
 * hope_pool - who was not woken itself, but most who wait like it were. See hope.h.
 *
 * A member of an idle pool may be woken as the others are: what it has started, and is within its reach, waits for that.
 */
#include "verdict/hope_search.h"

/* Who wait alike: all of them, and those who were woken, and may be again. */
struct pool {
    uint32_t count, served;
};

struct pool_key {
    uint32_t site, stack, reason;
};

struct pools {
    struct goleak_intern index; /* bytes: a key */
    struct pool *all;           /* by id - 1 */
    size_t capacity;
    struct pool_key last; /* that was asked for … */
    uint32_t last_id;     /* … and its id: many that wait alike follow each other */
};

/* 0: it is of none that is asked for. */
static uint32_t pool_of(struct goleak_hope_search *search, struct pools *pools, uint32_t index)
{
    const struct goleak_record *record = goleak_store_at(search->input->store, index);
    const struct pool_key key = { record->site, record->block_stack, record->reason }, *last = &pools->last;
    if (!goleak_has_bit(search->pool_sites, key.site) || !goleak_is_blocked(record))
        return 0;
    if (key.site != last->site || key.stack != last->stack || key.reason != last->reason) {
        pools->last = key;
        pools->last_id = goleak_intern_find(&pools->index, &key, sizeof key);
    }
    return pools->last_id;
}

static bool is_served(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    return goleak_is_served(input, search->hope, record, goleak_waits_here(input->waits, record),
                            goleak_waited(record, input->last));
}

/* Others serve others, where those who served it have gone, or are stuck. */
static bool is_deserted(const struct goleak_hope_search *search, uint32_t index)
{
    const struct goleak_hope_input *input = search->input;
    const struct goleak_record *record = goleak_store_at(input->store, index);
    const struct goleak_habit *habit = goleak_waits_here(input->waits, record);
    return habit != NULL && goleak_hope_had_its_own(search->hope, input->limits, record, habit);
}

/* Where they wait whose hope would be that of one who is stuck itself. False: memory. */
static bool ask(struct goleak_hope_search *search, struct pools *pools)
{
    for (uint32_t i = 1; i < search->hope->count; i++) {
        const uint32_t node = search->parents[i];
        if (!goleak_has_bit(search->hopeless, i) || !goleak_has_bit(search->idle, i) ||
            !goleak_has_bit(search->blocked, node) || search->hope->kinds[search->nodes[node]] != GOLEAK_HOPE_NONE)
            continue;
        const struct goleak_record *spawner = goleak_store_at(search->input->store, search->nodes[node]);
        if (!goleak_has_bit(search->pool_sites, spawner->site) || pool_of(search, pools, spawner->index) != 0)
            continue;
        pools->last_id = goleak_intern_add(&pools->index, &pools->last, sizeof pools->last);
        if (pools->last_id == 0)
            return false;
    }
    pools->capacity = pools->index.count;
    return pools->capacity == 0 ||
           (pools->all = goleak_alloc_zeroed(search->hope->alloc, pools->capacity * sizeof *pools->all)) != NULL;
}

/* Those of a word who are blocked, each with the pool of which it is. Returns how many are of one. */
static size_t find_members(struct goleak_hope_search *search, struct pools *pools, uint32_t word,
                           uint32_t records[GOLEAK_WORD], uint32_t ids[GOLEAK_WORD])
{
    size_t members = 0;
    const size_t count = goleak_fetch_word(search, search->stuck[word], word, records);
    for (size_t i = 0; i < count; i++) {
        const uint32_t id = pool_of(search, pools, records[i]);
        records[members] = records[i];
        ids[members] = id;
        members += id != 0;
    }
    for (size_t i = 0; i < members; i++)
        goleak_waits_prefetch(search->input->waits, goleak_store_at(search->input->store, records[i]));
    return members;
}

/* False: nobody is of one. */
static bool mark_pools(struct goleak_hope_search *search, struct pools *pools)
{
    const uint32_t words = (uint32_t)goleak_words_of(search->hope->count);
    uint32_t records[GOLEAK_WORD], ids[GOLEAK_WORD];
    bool any = false;
    for (uint32_t word = 0; word < words; word++) {
        const size_t count = find_members(search, pools, word, records, ids);
        for (size_t i = 0; i < count; i++) {
            pools->all[ids[i] - 1].count++;
            pools->all[ids[i] - 1].served += is_served(search, goleak_store_at(search->input->store, records[i]));
        }
    }
    for (uint32_t word = 0; word < words; word++) {
        const size_t count = find_members(search, pools, word, records, ids);
        for (size_t i = 0; i < count; i++) {
            const struct pool *pool = &pools->all[ids[i] - 1];
            if (pool->served * 2 <= pool->count || is_deserted(search, records[i]))
                continue;
            goleak_set_bit(search->pooled, records[i]);
            any = true;
        }
    }
    return any;
}

/* Places of whose goroutines some were woken again. */
static bool find_sites(struct goleak_hope_search *search)
{
    const struct goleak_waits *waits = search->input->waits;
    bool any = false;
    for (size_t i = 1; i < waits->site_count; i++)
        if (waits->sites[i].ended >= search->input->limits->habit_waits) {
            goleak_set_bit(search->pool_sites, waits->sites[i].site);
            any = true;
        }
    return any;
}

bool goleak_hope_find_pools(struct goleak_hope_search *search)
{
    struct pools pools = { .all = NULL };
    if (search->failed || !find_sites(search))
        return false;
    goleak_intern_init(&pools.index, search->hope->alloc);
    search->failed = !ask(search, &pools);
    const bool any = !search->failed && pools.index.count != 0 && mark_pools(search, &pools);
    goleak_free(search->hope->alloc, pools.all, pools.capacity * sizeof *pools.all);
    goleak_intern_release(&pools.index);
    return any;
}
