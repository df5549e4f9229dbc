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
    goleak_free(cohorts->alloc, cohorts->ids, cohorts->id_count * sizeof *cohorts->ids);
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

static bool is_blocked(const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_SEEN) && record->state == GOLEAK_STATE_WAITING &&
           (record->flags & GOLEAK_REC_BLOCKED);
}

unsigned goleak_wait_bucket(int64_t waited)
{
    unsigned bucket = 0;
    for (uint64_t rest = waited > 0 ? (uint64_t)waited : 1; rest > 1; rest >>= 1)
        bucket++;
    return bucket;
}

static bool is_key(struct key a, struct key b)
{
    return a.site == b.site && a.stack == b.stack && a.reason == b.reason;
}

/* Its cohort's id, which is the last one's most of the time. 0: memory. */
static uint32_t id_of(struct goleak_cohorts *cohorts, const struct goleak_symbols *symbols, struct key key,
                      uint32_t last)
{
    size_t before = cohorts->index.count, size;
    if (last != 0) {
        struct key of_last;
        memcpy(&of_last, goleak_intern_get(&cohorts->index, last, &size), sizeof of_last);
        if (is_key(of_last, key))
            return last;
    }
    if (!goleak_grow(cohorts->alloc, &cohorts->cohorts, &cohorts->capacity, before + 1, sizeof *cohorts->cohorts))
        return 0;
    uint32_t id = goleak_intern_add(&cohorts->index, &key, sizeof key);
    if (id > before)
        cohorts->cohorts[id - 1] =
            (struct goleak_cohort){ .idler = goleak_idler_of(symbols, key.stack, (uint8_t)key.reason) };
    return id;
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

enum goleak_status goleak_cohorts_find(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input,
                                       const struct goleak_hope *hope)
{
    uint32_t id = 0;
    cohorts->id_count = (size_t)input->store->count + 1;
    cohorts->ids = goleak_alloc_zeroed(cohorts->alloc, cohorts->id_count * sizeof *cohorts->ids);
    if (cohorts->ids == NULL)
        return goleak_alloc_failure(cohorts->alloc);
    for (uint32_t i = 1; i <= input->store->count; i++) {
        const struct goleak_record *record = goleak_store_at(input->store, i);
        if (!is_blocked(record))
            continue;
        const struct goleak_habit *habit = goleak_waits_here(input->waits, record);
        const struct goleak_waiter *waiter = goleak_waits_of(input->waits, record);
        bool often = goleak_is_habit(habit, input->limits, record, goleak_waited(record, input->last));
        bool served = often && goleak_hope_of(hope, i) != GOLEAK_HOPE_NONE;
        bool told = waiter != NULL && goleak_place_is_object(waiter->place);
        int64_t waited = goleak_waited(record, input->last);
        id = id_of(cohorts, input->symbols, key_of(record), id);
        if (id == 0 || (told && !add_place(cohorts, waiter->place, habit != NULL)))
            return goleak_alloc_failure(cohorts->alloc);
        struct goleak_cohort *cohort = &cohorts->cohorts[id - 1];
        cohorts->ids[i] = id;
        cohort->count++;
        cohort->served += served;
        cohort->going_on[goleak_wait_bucket(waited)]++;
        if (waited > cohort->longest)
            cohort->longest = waited;
    }
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
