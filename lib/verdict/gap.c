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
    goleak_free(gaps->alloc, gaps->waiting, gaps->capacity * sizeof *gaps->waiting);
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
        gaps->processes[i].gap = (struct goleak_gap) { .from = input->first, .until = input->last };
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

/* all: those as well behind which it was told that it lives. */
static const struct goleak_gap *find_first(const struct goleak_gaps *gaps, const struct goleak_record *record, bool all)
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
    while (from < health->gap_count && health->gaps[from].called && record->goid != 0 && !all)
        from++;
    if (from < health->gap_count)
        return &health->gaps[from];
    const struct goleak_gap *own = record->process < gaps->process_count ? &gaps->processes[record->process].gap : NULL;
    return own != NULL && own->from < own->until ? own : NULL;
}

int64_t goleak_gaps_since(const struct goleak_gaps *gaps, int64_t since)
{
    int64_t sum = 0;
    for (size_t i = gaps->any ? gaps->health->gap_count : 0; i > 0 && gaps->health->gaps[i - 1].from >= since; i--)
        sum += goleak_between(gaps->health->gaps[i - 1].from, gaps->health->gaps[i - 1].until);
    return sum;
}

const struct goleak_gap *goleak_gaps_first(const struct goleak_gaps *gaps, const struct goleak_record *record)
{
    return find_first(gaps, record, false);
}

/* NULL: memory. */
static struct goleak_gap_place *add_place(struct goleak_gaps *gaps, uint64_t place)
{
    uint32_t number = goleak_idmap_get(&gaps->places, place);
    if (number == 0) {
        number = (uint32_t)gaps->count + 1;
        if (!goleak_grow(gaps->alloc, &gaps->waiting, &gaps->capacity, number, sizeof *gaps->waiting) ||
            !goleak_idmap_put(&gaps->places, place, number))
            return NULL;
        gaps->waiting[gaps->count++] = (struct goleak_gap_place) { 0 };
    }
    return &gaps->waiting[number - 1];
}

static bool add(struct goleak_gaps *gaps, const struct goleak_record *record, int64_t last)
{
    struct goleak_gap_place *place = add_place(gaps, place_of(record));
    if (place == NULL)
        return false;
    const struct goleak_gap *gap = find_first(gaps, record, true);
    const int64_t waited = goleak_between(record->since, gap != NULL ? gap->from : last);
    place->waited = waited <= INT64_MAX - place->waited ? place->waited + waited : INT64_MAX;
    place->again = place->again || goleak_waits_here(gaps->waits, record) != NULL;
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
        good = add(gaps, record, input->last);
    }
    return good;
}

const struct goleak_gap *goleak_gaps_hiding(const struct goleak_gaps *gaps, const struct goleak_record *record)
{
    const uint32_t number = gaps->any ? goleak_idmap_get(&gaps->places, place_of(record)) : 0;
    const struct goleak_gap_place *place = number != 0 ? &gaps->waiting[number - 1] : NULL;
    /* Who was told to live may have come back, where others do. */
    const struct goleak_gap *gap = gaps->any ? find_first(gaps, record, place != NULL && place->again) : NULL;
    if (gap == NULL)
        return NULL;
    const struct goleak_wait_site *site = goleak_waits_site(gaps->waits, record);
    if (site != NULL && site->ended != 0)
        return goleak_between(record->since, gap->from) <= site->longest ? gap : NULL;
    return place != NULL && goleak_between(gap->from, gap->until) > place->waited ? gap : NULL;
}
