/* cohort - see cohort.h. */
#include "verdict/cohort.h"

#include <stdlib.h>
#include <string.h>

void goleak_cohorts_init(struct goleak_cohorts *cohorts, struct goleak_alloc *alloc)
{
    *cohorts = (struct goleak_cohorts){ .alloc = alloc };
    goleak_intern_init(&cohorts->index, alloc);
}

void goleak_cohorts_release(struct goleak_cohorts *cohorts)
{
    if (cohorts->alloc == NULL)
        return;
    goleak_intern_release(&cohorts->index);
    goleak_free(cohorts->alloc, cohorts->cohorts, cohorts->capacity * sizeof *cohorts->cohorts);
    goleak_free(cohorts->alloc, cohorts->places, cohorts->place_capacity * sizeof *cohorts->places);
    *cohorts = (struct goleak_cohorts){ .alloc = NULL };
}

struct key {
    uint32_t site, stack, reason;
};

static struct key key_of(const struct goleak_record *record)
{
    return (struct key){ record->site, record->block_stack, record->reason };
}

/* NULL: memory. */
static struct goleak_cohort *find(struct goleak_cohorts *cohorts, const struct goleak_symbols *symbols,
                                  const struct goleak_record *record)
{
    const struct key key = key_of(record);
    size_t before = cohorts->index.count;
    if (!goleak_grow(cohorts->alloc, &cohorts->cohorts, &cohorts->capacity, before + 1, sizeof *cohorts->cohorts))
        return NULL;
    uint32_t id = goleak_intern_add(&cohorts->index, &key, sizeof key);
    if (id > before)
        cohorts->cohorts[id - 1] =
            (struct goleak_cohort){ .idler = goleak_idler_of(symbols, key.stack, (uint8_t)key.reason) };
    return id != 0 ? &cohorts->cohorts[id - 1] : NULL;
}

const struct goleak_cohort *goleak_cohorts_of(const struct goleak_cohorts *cohorts, const struct goleak_record *record)
{
    const struct key key = key_of(record);
    uint32_t id = goleak_is_blocked(record) ? goleak_intern_find(&cohorts->index, &key, sizeof key) : 0;
    return id != 0 ? &cohorts->cohorts[id - 1] : NULL;
}

static bool add_place(struct goleak_cohorts *cohorts, uint32_t place, bool woken)
{
    if (!goleak_grow(cohorts->alloc, &cohorts->places, &cohorts->place_capacity, cohorts->place_count + 1,
                     sizeof *cohorts->places))
        return false;
    cohorts->places[cohorts->place_count++] = (struct goleak_crowd){ place, 1, woken };
    return true;
}

static int by_place(const void *a, const void *b)
{
    uint32_t x = ((const struct goleak_crowd *)a)->place, y = ((const struct goleak_crowd *)b)->place;
    return x < y ? -1 : x > y;
}

/* One of each place remains. */
static void merge_places(struct goleak_cohorts *cohorts)
{
    size_t kept = 0;
    if (cohorts->place_count == 0)
        return;
    qsort(cohorts->places, cohorts->place_count, sizeof *cohorts->places, by_place);
    for (size_t i = 1; i < cohorts->place_count; i++) {
        struct goleak_crowd *last = &cohorts->places[kept];
        const struct goleak_crowd *next = &cohorts->places[i];
        if (next->place != last->place) {
            cohorts->places[++kept] = *next;
            continue;
        }
        last->count++;
        last->woken |= next->woken;
    }
    cohorts->place_count = kept + 1;
}

static void pool(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input)
{
    for (size_t i = 1; i < input->waits->site_count; i++) {
        const struct goleak_wait_site *site = &input->waits->sites[i];
        if (site->reason >= GOLEAK_REASON_COUNT || (input->sites->sites[site->site].proof & GOLEAK_REC_SYSTEM))
            continue;
        struct goleak_pool *sum = &cohorts->pools[site->reason];
        sum->ended += site->ended;
        for (size_t b = 0; b < GOLEAK_WAIT_BUCKETS; b++)
            sum->buckets[b] += site->buckets[b];
    }
}

/* So many of them, the longest wait of which this one is. */
static bool add(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input,
                const struct goleak_record *record, uint64_t count, int64_t waited, bool served)
{
    struct goleak_cohort *cohort = find(cohorts, input->symbols, record);
    if (cohort == NULL)
        return false;
    cohort->count += count;
    cohort->served += served;
    cohort->going_on[goleak_wait_bucket(waited)] += count;
    cohort->longest = waited > cohort->longest ? waited : cohort->longest;
    return true;
}

static bool add_bunches(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input,
                        const struct goleak_bunches *bunches)
{
    for (size_t i = 1; i <= bunches->index.count; i++) {
        const struct goleak_bunch *bunch = &bunches->all[i];
        const struct goleak_record *record = goleak_store_at(input->store, goleak_bunch_one(bunch));
        if (goleak_is_blocked(record) && !add(cohorts, input, record, bunch->sum.count, bunch->longest, false))
            return false;
    }
    return true;
}

static bool add_alone(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input,
                      const struct goleak_hope *hope, const struct goleak_bunches *bunches)
{
    for (size_t i = 0; i < bunches->alone_count; i++) {
        const struct goleak_record *record = goleak_store_at(input->store, bunches->alone[i]);
        if (!goleak_is_blocked(record))
            continue;
        const struct goleak_habit *habit = goleak_waits_here(input->waits, record);
        int64_t waited = goleak_waited(record, input->last);
        bool often = goleak_is_habit(habit, input->limits, record, waited);
        if (!add(cohorts, input, record, 1, waited, often && goleak_hope_of(hope, record->index) != GOLEAK_HOPE_NONE))
            return false;
    }
    return true;
}

/* Those who wait for objects. */
static bool add_places(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input)
{
    for (uint32_t i = 1; i <= input->store->count && i < input->waits->waiter_count; i++) {
        uint32_t place = input->waits->waiters[i].place;
        if (!goleak_place_is_object(place))
            continue;
        const struct goleak_record *record = goleak_store_at(input->store, i);
        if (goleak_is_blocked(record) && !add_place(cohorts, place, goleak_waits_here(input->waits, record) != NULL))
            return false;
    }
    return true;
}

enum goleak_status goleak_cohorts_find(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input,
                                       const struct goleak_hope *hope, const struct goleak_bunches *bunches)
{
    if (!add_bunches(cohorts, input, bunches) || !add_alone(cohorts, input, hope, bunches) ||
        !add_places(cohorts, input))
        return goleak_alloc_failure(cohorts->alloc);
    merge_places(cohorts);
    pool(cohorts, input);
    return GOLEAK_OK;
}

const struct goleak_crowd *goleak_cohorts_crowd(const struct goleak_cohorts *cohorts, const struct goleak_waits *waits,
                                                const struct goleak_record *record)
{
    const struct goleak_waiter *waiter = goleak_waits_of(waits, record);
    struct goleak_crowd key = { .place = waiter != NULL ? waiter->place : 0 };
    if (key.place == 0 || cohorts->place_count == 0)
        return NULL;
    return bsearch(&key, cohorts->places, cohorts->place_count, sizeof key, by_place);
}
