/* cohort - see cohort.h. */
#include "verdict/cohort.h"

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
    *cohorts = (struct goleak_cohorts){ .alloc = NULL };
}

static struct goleak_cohort_key key_of(const struct goleak_record *record)
{
    return (struct goleak_cohort_key) { record->site, record->block_stack, record->reason };
}

/* NULL: memory. */
static struct goleak_cohort *find(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input,
                                  const struct goleak_record *record)
{
    const struct goleak_cohort_key key = key_of(record);
    size_t before = cohorts->index.count;
    if (!goleak_grow(cohorts->alloc, &cohorts->cohorts, &cohorts->capacity, before + 1, sizeof *cohorts->cohorts))
        return NULL;
    uint32_t id = goleak_intern_add(&cohorts->index, &key, sizeof key);
    if (id > before) {
        const struct goleak_wait_site *site = goleak_waits_site(input->waits, record);
        cohorts->cohorts[id - 1] =
            (struct goleak_cohort) { .idler = goleak_idler_of(input->symbols, key.stack, (uint8_t)key.reason),
                                     .edge = site != NULL ? site->longest : INT64_MAX };
    }
    return id != 0 ? &cohorts->cohorts[id - 1] : NULL;
}

const struct goleak_cohort *goleak_cohorts_of(const struct goleak_cohorts *cohorts, const struct goleak_record *record)
{
    const struct goleak_cohort_key key = key_of(record);
    uint32_t id = goleak_is_blocked(record) ? goleak_intern_find(&cohorts->index, &key, sizeof key) : 0;
    return id != 0 ? &cohorts->cohorts[id - 1] : NULL;
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
static bool add(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input, const struct goleak_hope *hope,
                const struct goleak_record *record, uint64_t count, int64_t waited, bool served, int64_t born)
{
    struct goleak_cohort *cohort = find(cohorts, input, record);
    if (cohort == NULL)
        return false;
    cohort->last_born = cohort->count == 0 || born > cohort->last_born ? born : cohort->last_born;
    cohort->count += count;
    cohort->scoped += goleak_hope_of(hope, record->index) == GOLEAK_HOPE_SCOPE ? count : 0;
    cohort->served += served;
    cohort->outlasting += waited > cohort->edge ? count : 0;
    cohort->going_on[goleak_wait_bucket(waited)] += count;
    cohort->longest = waited > cohort->longest ? waited : cohort->longest;
    return true;
}

static bool add_bunches(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input,
                        const struct goleak_hope *hope, const struct goleak_bunches *bunches)
{
    for (size_t i = 1; i <= bunches->index.count; i++) {
        const struct goleak_bunch *bunch = &bunches->all[i];
        if (bunch->sum.count == 0)
            continue;
        const struct goleak_record *record = goleak_store_at(input->store, goleak_bunch_one(bunch));
        if (goleak_is_blocked(record) &&
            !add(cohorts, input, hope, record, bunch->sum.count, bunch->longest, false, bunch->sum.youngest_since))
            return false;
    }
    return true;
}

static bool add_alone(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input,
                      const struct goleak_hope *hope, const struct goleak_bunches *bunches)
{
    for (size_t i = 0; i < bunches->alone_count; i++) {
        const struct goleak_record *record = goleak_bunch_alone(bunches, input->store, input->waits, i);
        if (!goleak_is_blocked(record))
            continue;
        const struct goleak_habit *habit = goleak_waits_here(input->waits, record);
        int64_t waited = goleak_waited(record, input->last);
        /* By timers of its own: that says nothing of the others, which have theirs. */
        const bool by_timers = habit != NULL && input->waits->tells_wakers && habit->nobody == habit->ended;
        bool served = !by_timers && goleak_hope_of(hope, record->index) != GOLEAK_HOPE_STARTUP &&
                      goleak_is_served(input, hope, record, habit, waited);
        if (!add(cohorts, input, hope, record, 1, waited, served, record->created))
            return false;
    }
    return true;
}

struct goleak_cohort_key goleak_cohorts_key(const struct goleak_cohorts *cohorts, uint32_t id)
{
    struct goleak_cohort_key key;
    memcpy(&key, goleak_intern_get(&cohorts->index, id, NULL), sizeof key);
    return key;
}

/* The place, whoever called it, and where they wait. */
static uint64_t place_of(const struct goleak_cohorts *cohorts, const struct goleak_sites *sites, uint32_t id)
{
    struct goleak_cohort_key key = goleak_cohorts_key(cohorts, id);
    return (uint64_t)goleak_sites_at(sites, key.site)->whole << 32 | key.stack;
}

static bool add_callers(struct goleak_cohorts *cohorts, const struct goleak_sites *sites)
{
    struct goleak_idmap alike;
    bool good = true;
    goleak_idmap_init(&alike, cohorts->alloc);
    for (uint32_t id = 1; id <= cohorts->index.count && good; id++) {
        uint64_t place = place_of(cohorts, sites, id);
        good =
            goleak_idmap_put(&alike, place, goleak_idmap_get(&alike, place) + (uint32_t)cohorts->cohorts[id - 1].count);
    }
    for (uint32_t id = 1; id <= cohorts->index.count && good; id++)
        cohorts->cohorts[id - 1].alike = goleak_idmap_get(&alike, place_of(cohorts, sites, id));
    goleak_idmap_release(&alike);
    return good;
}

enum goleak_status goleak_cohorts_find(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input,
                                       const struct goleak_hope *hope, const struct goleak_bunches *bunches)
{
    if (!add_bunches(cohorts, input, hope, bunches) || !add_alone(cohorts, input, hope, bunches) ||
        !add_callers(cohorts, input->sites))
        return goleak_alloc_failure(cohorts->alloc);
    pool(cohorts, input);
    return GOLEAK_OK;
}
