/* gap - see gap.h. */
#include "verdict/gap.h"

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
    goleak_free(gaps->alloc, gaps->processes, gaps->process_count * sizeof *gaps->processes);
    gaps->alloc = NULL;
}

static uint64_t place_of(const struct goleak_record *record)
{
    return (uint64_t)record->site << 32 | record->block_stack;
}

/* ---- processes that show nothing any more ---- */

/* So many are to be known, and so many more to be expected. */
#define SILENT_EVENTS 30

/* Who has ended did so at `since`. */
static void note(struct goleak_process_gap *of, const struct goleak_record *record)
{
    const bool created = record->created != GOLEAK_NO_MOMENT;
    if (created && (of->first == 0 || record->created < of->first))
        of->first = record->created;
    if (record->since > of->gap.from)
        of->gap.from = record->since;
    of->events += 1 + created;
}

/* At its own pace much more would have been recorded of it. */
static bool is_silent(const struct goleak_process_gap *of, int64_t begin)
{
    const double lived = (double)of->gap.from - (double)(of->first != 0 ? of->first : begin);
    const double silent = (double)of->gap.until - (double)of->gap.from;
    return of->events >= SILENT_EVENTS && silent >= (double)GOLEAK_GAP_NS &&
           (double)of->events * silent >= SILENT_EVENTS * lived;
}

static bool find_silent(struct goleak_gaps *gaps, const struct goleak_hope_input *input, size_t processes)
{
    const struct goleak_store *store = input->store;
    gaps->processes = goleak_alloc_zeroed(gaps->alloc, processes * sizeof *gaps->processes);
    if (gaps->processes == NULL)
        return false;
    gaps->process_count = processes;
    for (size_t i = 0; i < processes; i++)
        gaps->processes[i].gap = (struct goleak_gap) { input->first, input->last };
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if (record->process < processes)
            note(&gaps->processes[record->process], record);
    }
    for (size_t i = 0; i < processes; i++)
        if (is_silent(&gaps->processes[i], input->first))
            gaps->any = true;
        else
            gaps->processes[i].gap.from = gaps->processes[i].gap.until;
    return true;
}

bool goleak_gaps_is_silence(const struct goleak_gaps *gaps, const struct goleak_gap *gap)
{
    return gap < gaps->health->gaps || gap >= gaps->health->gaps + GOLEAK_GAPS;
}

/* ---- those that a wait goes across ---- */

const struct goleak_gap *goleak_gaps_first(const struct goleak_gaps *gaps, const struct goleak_record *record)
{
    const struct goleak_health_book *health = gaps->health;
    size_t from = 0, to = health->gap_count;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (health->gaps[middle].from < record->since)
            from = middle + 1;
        else
            to = middle;
    }
    if (from < health->gap_count)
        return &health->gaps[from];
    const struct goleak_gap *own = record->process < gaps->process_count ? &gaps->processes[record->process].gap : NULL;
    return own != NULL && own->from < own->until ? own : NULL;
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
                      const struct goleak_hope_input *input, size_t processes)
{
    bool good = true;
    gaps->health = health;
    gaps->waits = input->waits;
    gaps->any = health->gap_count != 0;
    if (processes > 1 && input->has_time)
        good = find_silent(gaps, input, processes);
    for (uint32_t i = 1; i <= input->store->count && gaps->any && good; i++) {
        const struct goleak_record *record = goleak_store_at(input->store, i);
        if (!goleak_is_blocked(record))
            continue;
        const struct goleak_gap *gap = goleak_gaps_first(gaps, record);
        good = add(gaps, place_of(record), goleak_between(record->since, gap != NULL ? gap->from : input->last));
    }
    return good;
}

const struct goleak_gap *goleak_gaps_hiding(const struct goleak_gaps *gaps, const struct goleak_record *record)
{
    const struct goleak_gap *gap = gaps->any ? goleak_gaps_first(gaps, record) : NULL;
    if (gap == NULL)
        return NULL;
    const struct goleak_wait_site *site = goleak_waits_site(gaps->waits, record);
    if (site != NULL && site->ended != 0)
        return goleak_between(record->since, gap->from) <= site->longest ? gap : NULL;
    const uint32_t number = goleak_idmap_get(&gaps->places, place_of(record));
    return number != 0 && goleak_between(gap->from, gap->until) > gaps->waited[number - 1] ? gap : NULL;
}
