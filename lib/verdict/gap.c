/* gap - see gap.h. */
#include "verdict/gap.h"

#include "verdict/hope.h"

void goleak_gaps_init(struct goleak_gaps *gaps, struct goleak_alloc *alloc)
{
    *gaps = (struct goleak_gaps) { .alloc = alloc };
    goleak_idmap_init(&gaps->places, alloc);
}

void goleak_gaps_release(struct goleak_gaps *gaps)
{
    if (gaps->alloc == NULL)
        return;
    goleak_idmap_release(&gaps->places);
    goleak_free(gaps->alloc, gaps->waited, gaps->capacity * sizeof *gaps->waited);
    gaps->alloc = NULL;
}

static uint64_t place_of(const struct goleak_record *record)
{
    return (uint64_t)record->site << 32 | record->block_stack;
}

/* The first one behind the begin of its wait; NULL: there is none. */
static const struct goleak_gap *first_gap(const struct goleak_health_book *health, const struct goleak_record *record)
{
    size_t from = 0, to = health->gap_count;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (health->gaps[middle].from < record->since)
            from = middle + 1;
        else
            to = middle;
    }
    return from < health->gap_count ? &health->gaps[from] : NULL;
}

static bool add(struct goleak_gaps *gaps, uint64_t place, int64_t waited)
{
    uint32_t number = goleak_idmap_get(&gaps->places, place);
    if (number == 0) {
        number = (uint32_t)gaps->count + 1;
        if (!goleak_grow(gaps->alloc, &gaps->waited, &gaps->capacity, number, sizeof *gaps->waited) ||
            !goleak_idmap_put(&gaps->places, place, number))
            return false;
        gaps->waited[gaps->count++] = 0;
    }
    int64_t *sum = &gaps->waited[number - 1];
    *sum = waited <= INT64_MAX - *sum ? *sum + waited : INT64_MAX;
    return true;
}

bool goleak_gaps_find(struct goleak_gaps *gaps, const struct goleak_health_book *health,
                      const struct goleak_store *store, const struct goleak_waits *waits, int64_t last)
{
    bool good = true;
    gaps->health = health;
    gaps->waits = waits;
    for (uint32_t i = 1; i <= store->count && health->gap_count != 0 && good; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if (!goleak_is_blocked(record))
            continue;
        const struct goleak_gap *gap = first_gap(health, record);
        good = add(gaps, place_of(record), goleak_between(record->since, gap != NULL ? gap->from : last));
    }
    return good;
}

const struct goleak_gap *goleak_gaps_first(const struct goleak_gaps *gaps, const struct goleak_record *record)
{
    return gaps->health->gap_count != 0 ? first_gap(gaps->health, record) : NULL;
}

const struct goleak_gap *goleak_gaps_hiding(const struct goleak_gaps *gaps, const struct goleak_record *record)
{
    const struct goleak_gap *gap = goleak_gaps_first(gaps, record);
    if (gap == NULL)
        return NULL;
    const struct goleak_wait_site *site = goleak_waits_site(gaps->waits, record);
    if (site != NULL && site->ended != 0)
        return goleak_between(record->since, gap->from) <= site->longest ? gap : NULL;
    const uint32_t number = goleak_idmap_get(&gaps->places, place_of(record));
    return number != 0 && goleak_between(gap->from, gap->until) > gaps->waited[number - 1] ? gap : NULL;
}
