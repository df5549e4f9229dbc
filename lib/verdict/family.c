/* family - see family.h. */
#include "verdict/family.h"

#include "base/radix.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64

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
    goleak_free(families->alloc, families->places, families->place_capacity * sizeof *families->places);
    goleak_free(families->alloc, families->members, families->place_count * sizeof *families->members);
    *families = (struct goleak_families){ .alloc = NULL };
}

/* Where it is, or would be put. There are slots. */
static struct goleak_family *find(const struct goleak_families *families, uint64_t family)
{
    size_t at = goleak_families_place(families, family);
    while (families->slots[at].number != 0 && families->slots[at].number != family)
        at = (at + 1) & families->slot_mask;
    return &families->slots[at];
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
            *find(families, old.slots[i].number) = old.slots[i];
    if (had != 0)
        goleak_free(families->alloc, old.slots, had * sizeof *old.slots);
    return true;
}

bool goleak_families_want(struct goleak_families *families, uint64_t family)
{
    if (families->family_count > UINT32_MAX >> 2 ||
        ((families->slots == NULL || families->family_count * 2 > families->slot_mask) && !grow_slots(families)))
        return false;
    struct goleak_family *slot = find(families, family);
    families->family_count += slot->number == 0;
    slot->number = family;
    return true;
}

bool goleak_families_count(struct goleak_families *families, uint64_t family, bool *wanted)
{
    struct goleak_family *slot = families->slots != NULL ? find(families, family) : NULL;
    *wanted = slot != NULL && slot->number == family;
    if (!*wanted)
        return true;
    if (families->place_count == families->place_capacity &&
        (families->place_count == UINT32_MAX || !goleak_grow(families->alloc, &families->places,
                                                             &families->place_capacity, families->place_count + 1,
                                                             sizeof *families->places)))
        return false;
    families->places[families->place_count++] = (uint32_t)(slot - families->slots);
    slot->count++;
    return true;
}

bool goleak_families_make_room(struct goleak_families *families)
{
    uint32_t sum = 0;
    if (families->place_count == 0)
        return true;
    families->members =
        goleak_alloc_array(families->alloc, families->place_count, sizeof *families->members);
    for (size_t i = 0; families->members != NULL && i <= families->slot_mask; i++) {
        families->slots[i].first = sum;
        sum += families->slots[i].count;
        families->slots[i].count = 0;
    }
    return families->members != NULL;
}

void goleak_families_put(struct goleak_families *families, int64_t created, uint32_t record, uint32_t mark)
{
    struct goleak_family *slot = &families->slots[families->places[families->count++]];
    families->members[slot->first + slot->count++] = (struct goleak_member){ created, record, mark };
}

/* ---- sorting ---- */

static int by_moment(const void *a, const void *b)
{
    const struct goleak_member *x = a, *y = b;
    if (x->created != y->created)
        return x->created < y->created ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

static inline uint64_t moment_of(const struct goleak_member *member)
{
    return (uint64_t)member->created;
}

GOLEAK_DEFINE_SORT_BY_DIGIT(sort_by_digit, struct goleak_member, moment_of)

#define FEW 256 /* are compared: counting digits has its price */

/* They come in the order of their records, and equally old ones stay in it. There is room for
 * as many at `room`. */
static void sort_loose(struct goleak_member *loose, size_t count, struct goleak_member *room)
{
    int64_t least = INT64_MAX, most = INT64_MIN;
    if (count < FEW) {
        if (count != 0)
            qsort(loose, count, sizeof *loose, by_moment);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        least = loose[i].created < least ? loose[i].created : least;
        most = loose[i].created > most ? loose[i].created : most;
    }
    uint64_t range = (uint64_t)most - (uint64_t)least;
    struct goleak_member *from = loose, *to = room;
    for (unsigned shift = 0; shift < 64 && range >> shift != 0; shift += GOLEAK_DIGIT_BITS) {
        sort_by_digit(from, to, count, (uint64_t)least, shift);
        struct goleak_member *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != loose)
        memcpy(loose, from, count * sizeof *loose);
}

/* What stands in its place between its neighbours is kept, the loose ones are sorted and put in. There is room for
 * as many as the run has, and for their sorting. */
static void sort_run(struct goleak_member *run, size_t count, struct goleak_member *loose)
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

static bool is_sorted(const struct goleak_member *run, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (by_moment(&run[i - 1], &run[i]) > 0)
            return false;
    return true;
}

bool goleak_families_sort(struct goleak_families *families)
{
    struct goleak_member *loose = NULL;
    size_t room = 0;
    bool good = true;
    for (size_t i = 0; families->count != 0 && i <= families->slot_mask && good; i++) {
        const struct goleak_family *family = &families->slots[i];
        if (is_sorted(families->members + family->first, family->count))
            continue;
        good = goleak_grow(families->alloc, &loose, &room, family->count, sizeof *loose);
        if (good)
            sort_run(families->members + family->first, family->count, loose);
    }
    goleak_free(families->alloc, loose, room * sizeof *loose);
    return good;
}

struct goleak_member *goleak_families_since(struct goleak_families *families, uint64_t family, int64_t created,
                                            size_t *count)
{
    const struct goleak_family *slot = families->count != 0 ? find(families, family) : NULL;
    *count = 0;
    if (slot == NULL || slot->count == 0)
        return NULL;
    size_t low = slot->first, end = low + slot->count, high = end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (families->members[middle].created < created)
            low = middle + 1;
        else
            high = middle;
    }
    *count = end - low;
    return families->members + low;
}
