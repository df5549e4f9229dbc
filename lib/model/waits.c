/* waits - see waits.h. */
#include "model/waits_end.h"

#include <string.h>

#define SLOTS_FIRST 256 /* an eighth of them is used at most: the first is nearly always the right one */

void goleak_waits_init(struct goleak_waits *waits, const struct goleak_store *store, struct goleak_alloc *alloc)
{
    *waits = (struct goleak_waits) { .alloc = alloc, .store = store, .habit_count = 1, .site_count = 1 };
    goleak_chunks_init(&waits->chunks, alloc, GOLEAK_HABIT_CHUNK * sizeof(struct goleak_habit));
}

void goleak_waits_release(struct goleak_waits *waits)
{
    struct goleak_alloc *alloc = waits->alloc;
    if (alloc == NULL)
        return;
    goleak_chunks_release(&waits->chunks);
    goleak_free(alloc, waits->sites, waits->site_capacity * sizeof *waits->sites);
    goleak_free(alloc, waits->slots, waits->slots != NULL ? (waits->slot_mask + 1) * sizeof *waits->slots : 0);
    goleak_waits_init(waits, waits->store, alloc);
}

/* ---- places ---- */

bool goleak_waits_elsewhere(const struct goleak_waits *waits, const struct goleak_record *record, uint64_t object)
{
    uint32_t place = goleak_waits_place(waits, record);
    return goleak_place_is_object(place) && place != goleak_place_of(record, object);
}

/* ---- habits ---- */

#define CHUNKS_MOST ((size_t)INT32_MAX / 2 / GOLEAK_HABIT_CHUNK) /* goleak_record.waits has 30 bits for an index */

#define AHEAD 8

/* Off the free lists, or a fresh one where there is room; 0: neither is at hand. */
ALWAYS_INLINE uint32_t take_at_hand(struct goleak_waits *waits)
{
    const uint32_t index = waits->free_lists;
    const struct goleak_habit *habit = goleak_habit_at(waits, index);
    if (index == 0) {
        const size_t fresh = waits->habit_count, all = waits->chunks.count * GOLEAK_HABIT_CHUNK;
        if (fresh + AHEAD < all)
            GOLEAK_PREFETCH(goleak_habit_at(waits, (uint32_t)(fresh + AHEAD)));
        waits->habit_count += fresh < all;
        return fresh < all ? (uint32_t)fresh : 0;
    }
    waits->free_lists = habit->next != 0 ? habit->next : habit->ended;
    GOLEAK_PREFETCH(goleak_habit_at(waits, waits->free_lists)); /* the next one takes it */
    if (UNLIKELY(habit->next != 0))
        goleak_habit_at(waits, habit->next)->ended = habit->ended;
    return index;
}

/* 0: memory. */
static uint32_t take_habit(struct goleak_waits *waits)
{
    uint32_t index = waits->chunks.count != 0 ? take_at_hand(waits) : 0;
    if (index != 0)
        return index;
    bool room = waits->chunks.count < CHUNKS_MOST && goleak_chunks_add(&waits->chunks);
    return room ? take_at_hand(waits) : 0;
}

/* What is of the goroutine is told by its first habit. */
static void put_first(struct goleak_waits *waits, struct goleak_record *record, uint32_t index)
{
    struct goleak_habit *habit = goleak_habit_at(waits, index);
    habit->next = goleak_first_habit(record);
    if (habit->next != 0) {
        habit->past = goleak_habit_at(waits, habit->next)->past;
        habit->count = goleak_habit_at(waits, habit->next)->count;
        habit->forgot = goleak_habit_at(waits, habit->next)->forgot;
    }
    record->waits = GOLEAK_WAITS_HABITS | index << 1;
}

/* Of no place, as the first one. False: memory. */
static bool add_habit(struct goleak_waits *waits, struct goleak_record *record)
{
    uint32_t index = take_habit(waits), here = goleak_waits_place(waits, record);
    if (index == 0)
        return false;
    *goleak_habit_at(waits, index) = (struct goleak_habit){ .past.here = here };
    put_first(waits, record, index);
    return true;
}

/* Its first habit, of no place so far, is of this one. */
static void give_place(struct goleak_waits *waits, const struct goleak_record *record, uint32_t place)
{
    struct goleak_habit *first = goleak_habit_of(waits, record);
    first->place = place;
    first->past.marks |= goleak_place_mark(place);
    first->count++;
}

/* The one behind `before` becomes the first. */
static void move_first(struct goleak_waits *waits, struct goleak_record *record, uint32_t before)
{
    struct goleak_habit *previous = goleak_habit_at(waits, before);
    uint32_t index = previous->next;
    previous->next = goleak_habit_at(waits, index)->next;
    put_first(waits, record, index);
}

/* One is of no place any more, and the first (see GOLEAK_HABITS); its mark may be another's, too. */
static void free_place(struct goleak_waits *waits, struct goleak_record *record)
{
    uint32_t most = goleak_first_habit(record), longest = most, gone = 0, before = 0, marks = 0;
    for (uint32_t at = most; at != 0; at = goleak_habit_at(waits, at)->next) {
        if (goleak_habit_at(waits, at)->ended > goleak_habit_at(waits, most)->ended)
            most = at;
        if (goleak_habit_at(waits, at)->longest > goleak_habit_at(waits, longest)->longest)
            longest = at;
    }
    bool is_once = false;
    for (uint32_t at = goleak_first_habit(record), last = 0; at != 0;
         last = at, at = goleak_habit_at(waits, at)->next) {
        const bool once = goleak_habit_at(waits, at)->ended <= 1;
        if (at == most || at == longest || (is_once && !once))
            continue;
        gone = at;
        before = last;
        is_once = once;
    }
    if (before != 0)
        move_first(waits, record, before);
    struct goleak_habit *habit = goleak_habit_at(waits, gone);
    for (uint32_t at = habit->next; at != 0; at = goleak_habit_at(waits, at)->next)
        marks |= goleak_place_mark(goleak_habit_at(waits, at)->place);
    *habit = (struct goleak_habit) {
        .next = habit->next, .past = habit->past, .count = (habit->count - 1u) & 15, .forgot = 1
    };
    habit->past.marks = marks;
}

/* The first wait of all is over: its place becomes a habit, the only one. 0: memory. */
static uint32_t begin_habits(struct goleak_waits *waits, struct goleak_record *record)
{
    uint32_t index = take_habit(waits), place = record->waits;
    if (index == 0)
        return 0;
    *goleak_habit_at(waits, index) = (struct goleak_habit){ .place = place, .count = 1 };
    goleak_habit_at(waits, index)->past = (struct goleak_past){ .marks = goleak_place_mark(place), .here = place };
    record->waits = GOLEAK_WAITS_HABITS | index << 1;
    return index;
}

/* Puts the habit of this place first; makes it if need be. 0: memory. */
static uint32_t find_habit(struct goleak_waits *waits, struct goleak_record *record, uint32_t place)
{
    if (!goleak_has_habits(record))
        return begin_habits(waits, record);
    struct goleak_habit *first = goleak_habit_of(waits, record);
    if ((first->past.marks & goleak_place_mark(place)) != 0) {
        uint32_t before = 0, at = goleak_first_habit(record);
        for (; at != 0 && goleak_habit_at(waits, at)->place != place; at = goleak_habit_at(waits, at)->next)
            before = at;
        if (at != 0 && before != 0)
            move_first(waits, record, before);
        if (at != 0)
            return at;
    }
    bool is_spare = first->count == 0; /* it only slept */
    if (first->count == GOLEAK_HABITS)
        free_place(waits, record);
    else if (!is_spare && !add_habit(waits, record))
        return 0;
    give_place(waits, record, place);
    return goleak_first_habit(record);
}

NOINLINE static void nap_again(struct goleak_waits *waits, struct goleak_record *record)
{
    if (!goleak_has_habits(record) && !add_habit(waits, record))
        waits->failed = true;
    else
        goleak_habit_of(waits, record)->past.naps++;
}

static inline void nap(struct goleak_waits *waits, struct goleak_record *record)
{
    if (LIKELY(record->flags / GOLEAK_REC_NAP < GOLEAK_NAPS_IN_RECORD))
        record->flags = (uint16_t)(record->flags + GOLEAK_REC_NAP);
    else
        nap_again(waits, record);
}

void goleak_waits_drop(struct goleak_waits *waits, struct goleak_record *record)
{
    goleak_habit_of(waits, record)->ended = waits->free_lists;
    waits->free_lists = goleak_first_habit(record);
}

/* ---- wait sites ---- */

static size_t hash_site(uint32_t site, uint32_t stack, uint8_t reason)
{
    return (size_t)(goleak_hash_u64((uint64_t)site << 32 ^ (uint64_t)stack << 8 ^ reason) >> 16);
}

static bool grow_slots(struct goleak_waits *waits)
{
    size_t count = waits->slots != NULL ? (waits->slot_mask + 1) * 2 : SLOTS_FIRST;
    uint32_t *slots = goleak_alloc_zeroed(waits->alloc, count * sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 1; i < waits->site_count; i++) {
        const struct goleak_wait_site *site = &waits->sites[i];
        size_t at = hash_site(site->site, site->stack, site->reason) & (count - 1);
        while (slots[at] != 0)
            at = (at + 1) & (count - 1);
        slots[at] = i;
    }
    goleak_free(waits->alloc, waits->slots, waits->slots != NULL ? (waits->slot_mask + 1) * sizeof *slots : 0);
    waits->slots = slots;
    waits->slot_mask = count - 1;
    return true;
}

/* Where it is, or would be put. */
static size_t find_slot(const struct goleak_waits *waits, const struct goleak_record *record)
{
    size_t at = hash_site(record->site, record->block_stack, record->reason) & waits->slot_mask;
    while (waits->slots[at] != 0 && !goleak_is_wait_site(&waits->sites[waits->slots[at]], record))
        at = (at + 1) & waits->slot_mask;
    return at;
}

/* 0: memory. */
static uint32_t add_site(struct goleak_waits *waits, const struct goleak_record *record)
{
    if ((waits->slots == NULL || waits->site_count * 8 > waits->slot_mask) && !grow_slots(waits))
        return 0;
    size_t at = find_slot(waits, record);
    if (waits->slots[at] == 0) {
        if (waits->site_count >= UINT32_MAX || !goleak_grow(waits->alloc, &waits->sites, &waits->site_capacity,
                                                            waits->site_count + 1, sizeof *waits->sites))
            return 0;
        waits->sites[waits->site_count] = (struct goleak_wait_site){
            .site = record->site,
            .stack = record->block_stack,
            .reason = record->reason,
            .last_begun = INT64_MIN,
            .last_ended = INT64_MIN,
        };
        waits->slots[at] = (uint32_t)waits->site_count++;
    }
    return waits->slots[at];
}

/* ---- the end of a wait ---- */

/* The habit of the place where it has waited, and in it the wait site; 0: memory. */
static uint32_t find_both(struct goleak_waits *waits, struct goleak_record *record)
{
    uint32_t index = find_habit(waits, record, goleak_waits_place(waits, record));
    if (index == 0)
        return 0;
    struct goleak_habit *habit = goleak_habit_at(waits, index);
    if (habit->site != 0 && goleak_is_wait_site(&waits->sites[habit->site], record))
        return index;
    const bool is_first = habit->site == 0, foreign = !is_first && waits->sites[habit->site].foreign;
    habit->site = add_site(waits, record);
    if (habit->site != 0) { /* what of another site lies between two of its own is not told: all that were before */
        waits->sites[habit->site].foreign |= foreign; /* its wakers are not looked at again */
        habit->site_ended = is_first ? (uint32_t)waits->sites[habit->site].ended : 0;
        return index;
    }
    habit->place = 0; /* nobody finds it */
    return 0;
}

/* At another place than the last one, or the first. The habit of its place; NULL: memory. */
static struct goleak_habit *end_elsewhere(struct goleak_waits *waits, struct goleak_record *record, int64_t moment)
{
    uint32_t index = find_both(waits, record);
    waits->failed = waits->failed || index == 0;
    if (index == 0)
        return NULL;
    struct goleak_habit *habit = goleak_habit_at(waits, index);
    goleak_count_end(waits, habit, record, moment);
    return habit;
}

/* The first wait of all is over, at a wait site that is known: most of what short-lived ones do. Its habit; NULL: it is
 * to be made. */
ALWAYS_INLINE struct goleak_habit *end_first(struct goleak_waits *waits, struct goleak_record *record, int64_t moment,
                                             const struct goleak_record *waker, bool is_told)
{
    if (UNLIKELY(waits->slots == NULL))
        return NULL;
    const uint32_t site = waits->slots[hash_site(record->site, record->block_stack, record->reason) & waits->slot_mask];
    if (UNLIKELY(site == 0 || !goleak_is_wait_site(&waits->sites[site], record)))
        return NULL;
    const uint32_t index = take_at_hand(waits), place = record->waits;
    if (UNLIKELY(index == 0))
        return NULL;
    struct goleak_habit *habit = goleak_habit_at(waits, index);
    const int64_t waited = goleak_waited(record, moment);
    *habit = (struct goleak_habit) {
        .place = place,
        .ended = 1,
        .nobody = is_told && waker == NULL,
        .strangers = waker != NULL && !goleak_has_started(waits->store, record, waker),
        .wakers[0] = waker != NULL ? waker->index : 0,
        .serials[0] = waker != NULL ? waker->serial : 0,
        .longest = waited,
        .site = site,
        .site_ended = (uint32_t)waits->sites[site].ended,
        .count = 1,
        .past = { .marks = goleak_place_mark(place), .here = place },
    };
    record->waits = GOLEAK_WAITS_HABITS | index << 1;
    goleak_count_at_site(waits, habit, record, moment, waited);
    waits->sites[site].nobody += is_told && waker == NULL;
    waits->sites[site].strangers |= habit->strangers;
    waits->sites[site].foreign |= waker != NULL && waker->site != record->site;
    return habit;
}

NOINLINE static void ended_elsewhere(struct goleak_waits *waits, struct goleak_record *record, int64_t moment)
{
    if (end_elsewhere(waits, record, moment) != NULL)
        record->waits |= GOLEAK_WAITS_ENDED;
}

/* As goleak_waits_ended(), where it is not the wait that ended last that has ended again. */
NOINLINE static void ended_otherwise(struct goleak_waits *waits, struct goleak_record *record, int64_t moment)
{
    if ((record->flags & GOLEAK_REC_BLOCKED) == 0)
        nap(waits, record);
    else if (!goleak_has_habits(record) && end_first(waits, record, moment, NULL, false) != NULL)
        record->waits |= GOLEAK_WAITS_ENDED;
    else
        ended_elsewhere(waits, record, moment);
}

void goleak_waits_ended(struct goleak_waits *waits, struct goleak_record *record, int64_t moment)
{
    struct goleak_habit *habit = goleak_same_habit(waits, record);
    if (UNLIKELY(habit == NULL)) {
        ended_otherwise(waits, record, moment);
        return;
    }
    record->waits |= GOLEAK_WAITS_ENDED;
    goleak_count_end(waits, habit, record, moment);
}

NOINLINE void goleak_waits_add_waker(const struct goleak_waits *waits, const struct goleak_record *record,
                                     struct goleak_habit *habit, const struct goleak_record *waker)
{
    int which = habit->wakers[0] != 0;
    waits->sites[habit->site].foreign |= waker->site != record->site;
    if (which == 1 && habit->wakers[1] == waker->index && habit->serials[1] == waker->serial)
        return;
    if (!goleak_has_started(waits->store, record, waker)) /* its own may be all that ever wake it */
        habit->strangers = waits->sites[habit->site].strangers = true;
    if (which == 1 && habit->wakers[1] != 0) {
        habit->others = true;
        return;
    }
    habit->wakers[which] = waker->index;
    habit->serials[which] = waker->serial;
}

void goleak_waits_woken(struct goleak_waits *waits, struct goleak_record *record, const struct goleak_record *waker)
{
    record->waits &= ~GOLEAK_WAITS_ENDED;
    goleak_note_waker(waits, record, goleak_habit_of(waits, record), waker);
}

/* It may stand from the wait before. */
static inline void clear_ended(struct goleak_record *record)
{
    record->waits &= ~(record->waits / GOLEAK_WAITS_HABITS * GOLEAK_WAITS_ENDED);
}

NOINLINE static void ended_by_elsewhere(struct goleak_waits *waits, struct goleak_record *record, int64_t moment,
                                        const struct goleak_record *waker)
{
    struct goleak_habit *habit = end_elsewhere(waits, record, moment);
    clear_ended(record);
    if (habit != NULL)
        goleak_note_waker(waits, record, habit, waker);
}

NOINLINE void goleak_waits_ended_by_otherwise(struct goleak_waits *waits, struct goleak_record *record, int64_t moment,
                                              const struct goleak_record *waker)
{
    if ((record->flags & GOLEAK_REC_BLOCKED) == 0) {
        clear_ended(record);
        nap(waits, record);
    } else if (goleak_has_habits(record) || end_first(waits, record, moment, waker, true) == NULL) {
        ended_by_elsewhere(waits, record, moment, waker);
    }
}

/* ---- what is known ---- */

const struct goleak_habit *goleak_waits_here(const struct goleak_waits *waits, const struct goleak_record *record)
{
    const struct goleak_past *past = goleak_waits_past(waits, record);
    if (past == NULL)
        return NULL;
    uint32_t at = past->marks & goleak_place_mark(past->here) ? goleak_first_habit(record) : 0;
    while (at != 0 && goleak_habit_at(waits, at)->place != past->here)
        at = goleak_habit_at(waits, at)->next;
    return at != 0 ? goleak_habit_at(waits, at) : NULL;
}

uint32_t goleak_waits_count(const struct goleak_waits *waits, const struct goleak_record *record)
{
    uint32_t count = goleak_waits_naps(waits, record);
    for (uint32_t at = goleak_first_habit(record); at != 0; at = goleak_habit_at(waits, at)->next)
        count += goleak_habit_at(waits, at)->ended;
    return count;
}

const struct goleak_wait_site *goleak_waits_site(const struct goleak_waits *waits, const struct goleak_record *record)
{
    if (waits->slots == NULL)
        return NULL;
    uint32_t site = waits->slots[find_slot(waits, record)];
    return site != 0 ? &waits->sites[site] : NULL;
}
