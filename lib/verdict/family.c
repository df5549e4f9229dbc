/* family - see family.h. */
#include "verdict/family.h"

#include "base/radix.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64
#define PLACES (UINT32_MAX >> 3)

void goleak_families_init(struct goleak_families *families, struct goleak_alloc *alloc)
{
    *families = (struct goleak_families){ .alloc = alloc };
}

void goleak_families_release(struct goleak_families *families)
{
    if (families->alloc == NULL)
        return;
    if (families->slots != NULL)
        goleak_free(families->alloc, families->slots, (families->slot_mask + 1) * sizeof *families->slots);
    goleak_free(families->alloc, families->askers, families->asker_capacity * sizeof *families->askers);
    *families = (struct goleak_families){ .alloc = NULL };
}

static bool grow_slots(struct goleak_families *families)
{
    const struct goleak_families old = *families;
    size_t had = old.slots != NULL ? old.slot_mask + 1 : 0, count = had != 0 ? had * 2 : SLOTS_FIRST;
    families->slots = goleak_alloc_zeroed(families->alloc, count * sizeof *families->slots);
    if (families->slots == NULL) {
        families->slots = old.slots;
        return false;
    }
    families->slot_mask = count - 1;
    for (size_t i = 0; i < had; i++)
        if (old.slots[i].number != 0)
            *goleak_families_find(families, old.slots[i].number) = old.slots[i];
    if (had != 0)
        goleak_free(families->alloc, old.slots, had * sizeof *old.slots);
    return true;
}

bool goleak_families_ask(struct goleak_families *families, uint64_t family, const struct goleak_asker *asker)
{
    if (families->asker_count >= PLACES ||
        !goleak_grow(families->alloc, &families->askers, &families->asker_capacity, families->asker_count + 2,
                     sizeof *families->askers) ||
        ((families->slots == NULL || families->count * 2 > families->slot_mask) && !grow_slots(families)))
        return false;
    struct goleak_family *slot = goleak_families_find(families, family);
    families->count += slot->number == 0;
    slot->number = family;
    families->askers[++families->asker_count] = *asker;
    families->askers[families->asker_count].before = slot->first & PLACES;
    slot->first = (uint32_t)families->asker_count;
    slot->count++;
    return true;
}

/* ---- sorting ---- */

static int by_moment(const void *a, const void *b)
{
    const struct goleak_asker *x = a, *y = b;
    if (x->since != y->since)
        return x->since < y->since ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

static inline uint64_t moment_of(const struct goleak_asker *asker)
{
    return (uint64_t)asker->since;
}

GOLEAK_DEFINE_SORT_BY_DIGIT(sort_by_digit, struct goleak_asker, moment_of)

#define FEW 256 /* are compared: counting digits has its price */

/* They come in the order of their records, and equally old ones stay in it. There is room for
 * as many at `room`. */
static void sort_loose(struct goleak_asker *loose, size_t count, struct goleak_asker *room)
{
    int64_t least = INT64_MAX, most = INT64_MIN;
    if (count < FEW) {
        if (count != 0)
            qsort(loose, count, sizeof *loose, by_moment);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        least = loose[i].since < least ? loose[i].since : least;
        most = loose[i].since > most ? loose[i].since : most;
    }
    uint64_t range = (uint64_t)most - (uint64_t)least;
    struct goleak_asker *from = loose, *to = room;
    for (unsigned shift = 0; shift < 64 && range >> shift != 0; shift += GOLEAK_DIGIT_BITS) {
        sort_by_digit(from, to, count, (uint64_t)least, shift);
        struct goleak_asker *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != loose)
        memcpy(loose, from, count * sizeof *loose);
}

/* What stands in its place between its neighbours is kept, the loose ones are sorted and put in. There is room for
 * as many as the run has, and for their sorting. */
static void sort_run(struct goleak_asker *run, size_t count, struct goleak_asker *loose)
{
    size_t kept = 0, aside = 0;
    for (size_t i = 0; i < count; i++) {
        bool fits = (kept == 0 || by_moment(&run[kept - 1], &run[i]) < 0) &&
                    (i + 1 == count || by_moment(&run[i], &run[i + 1]) < 0);
        if (fits)
            run[kept++] = run[i];
        else
            loose[aside++] = run[i];
    }
    sort_loose(loose, aside, run + kept);
    for (size_t to = count; aside != 0; to--) {
        bool from_kept = kept != 0 && by_moment(&run[kept - 1], &loose[aside - 1]) > 0;
        run[to - 1] = from_kept ? run[--kept] : loose[--aside];
    }
}

static bool is_sorted(const struct goleak_asker *run, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (by_moment(&run[i - 1], &run[i]) > 0)
            return false;
    return true;
}

/* Those of one family, who have asked one after the other: behind this place. */
static void line_up(struct goleak_asker *sorted, uint32_t place, const struct goleak_asker *asked,
                    const struct goleak_family *family)
{
    uint32_t from = family->first;
    for (uint32_t to = place + family->count; to > place; to--, from = asked[from].before)
        sorted[to] = asked[from];
}

bool goleak_families_sort(struct goleak_families *families)
{
    struct goleak_asker *loose = NULL, *asked = families->askers;
    size_t room = 0, capacity = families->asker_count + 1;
    struct goleak_asker *sorted = goleak_alloc_array(families->alloc, capacity, sizeof *sorted);
    bool good = sorted != NULL;
    uint32_t place = 0;
    for (size_t i = 0; good && families->count != 0 && i <= families->slot_mask; i++) {
        struct goleak_family *family = &families->slots[i];
        line_up(sorted, place, asked, family);
        family->first = place;
        if (!is_sorted(sorted + place + 1, family->count)) {
            good = goleak_grow(families->alloc, &loose, &room, family->count, sizeof *loose);
            if (good)
                sort_run(sorted + place + 1, family->count, loose);
        }
        family->from = family->count != 0 ? sorted[place + 1].since : INT64_MAX;
        int64_t reach = INT64_MIN;
        for (uint32_t end = place + family->count; place < end; place++) {
            struct goleak_asker *asker = &sorted[place + 1];
            asker->before = place & PLACES;
            asker->reach = reach = asker->until > reach ? asker->until : reach;
        }
    }
    goleak_free(families->alloc, loose, room * sizeof *loose);
    if (sorted != NULL) {
        goleak_free(families->alloc, asked, families->asker_capacity * sizeof *asked);
        families->askers = sorted;
        families->asker_capacity = capacity;
    }
    return good;
}

/* So many steps are shorter than a search. */
#define STEPS 8

uint32_t goleak_families_nearest(struct goleak_families *families, struct goleak_family *family, int64_t created)
{
    const struct goleak_asker *askers = families->askers + family->first; /* from 1 on */
    uint32_t low = family->near, high = family->count, most = low + STEPS;
    while (low < high && low < most && askers[low + 1].since <= created)
        low++;
    if (low == most || (low != 0 && askers[low].since > created)) {
        low = low == most ? low : 0;
        for (uint32_t count = high - low; count != 0;) { /* which half it is cannot be foreseen: no branch asks */
            const uint32_t half = (count + 1) / 2;
            low += half * (askers[low + half].since <= created);
            count -= half;
        }
    }
    family->near = low;
    return goleak_families_unanswered(families, family, family->first + low);
}
