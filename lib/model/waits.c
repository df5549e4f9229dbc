/* waits - see waits.h. */
#include "model/waits.h"

#include "base/bits.h"

#include <string.h>

#define SLOTS_FIRST 256 /* an eighth of them is used at most: the first is nearly always the right one */

void goleak_waits_init(struct goleak_waits *waits, struct goleak_alloc *alloc)
{
    *waits = (struct goleak_waits){ .alloc = alloc, .habit_count = 1, .site_count = 1 };
}

void goleak_waits_release(struct goleak_waits *waits)
{
    struct goleak_alloc *alloc = waits->alloc;
    if (alloc == NULL)
        return;
    goleak_free(alloc, waits->waiters, waits->waiter_capacity * sizeof *waits->waiters);
    goleak_free(alloc, waits->habits, waits->habit_capacity * sizeof *waits->habits);
    goleak_free(alloc, waits->sites, waits->site_capacity * sizeof *waits->sites);
    goleak_free(alloc, waits->slots, waits->slots != NULL ? (waits->slot_mask + 1) * sizeof *waits->slots : 0);
    goleak_waits_init(waits, alloc);
}

/* ---- places ---- */

static uint32_t place_of(const struct goleak_record *record, uint64_t object)
{
    uint64_t key = object != 0 ? object : (uint64_t)record->block_stack << 1 | 1;
    key ^= (uint64_t)record->process << 48 ^ (uint64_t)record->reason << 56;
    uint32_t place = (uint32_t)(goleak_hash_u64(key) >> 32);
    return object != 0 ? place | 1 : (place & ~1u) | 2;
}

#define ROOM 256 /* is made for so many at a time */

static bool make_room(struct goleak_waits *waits, uint32_t index)
{
    size_t before = waits->waiter_count, count = ((size_t)index / ROOM + 1) * ROOM;
    if (!goleak_grow(waits->alloc, &waits->waiters, &waits->waiter_capacity, count, sizeof *waits->waiters))
        return false;
    waits->waiter_count = count;
    memset(waits->waiters + before, 0, (count - before) * sizeof *waits->waiters);
    return true;
}

NOINLINE static void begin_first(struct goleak_waits *waits, const struct goleak_record *record, uint64_t object)
{
    if (make_room(waits, record->index))
        goleak_waits_begin(waits, record, object);
    else
        waits->failed = true;
}

void goleak_waits_begin(struct goleak_waits *waits, const struct goleak_record *record, uint64_t object)
{
    if (UNLIKELY(record->index >= waits->waiter_count)) {
        begin_first(waits, record, object);
        return;
    }
    struct goleak_waiter *waiter = &waits->waiters[record->index];
    waiter->place = place_of(record, object);
    waiter->woken = false;
}

void goleak_waits_move(struct goleak_waits *waits, uint32_t from, uint32_t to)
{
    if (from >= waits->waiter_count)
        return;
    if (to >= waits->waiter_count && !make_room(waits, to)) {
        waits->failed = true;
        return;
    }
    waits->waiters[to] = waits->waiters[from];
    waits->waiters[from] = (struct goleak_waiter){ 0 };
}

/* ---- habits ---- */

/* 0: memory. */
static uint32_t take_habit(struct goleak_waits *waits)
{
    uint32_t index = waits->free_lists;
    if (index != 0) {
        uint32_t next = waits->habits[index].next;
        waits->free_lists = next != 0 ? next : waits->habits[index].ended;
        if (next != 0)
            waits->habits[next].ended = waits->habits[index].ended;
        return index;
    }
    if (waits->habit_count >= UINT32_MAX || !goleak_grow(waits->alloc, &waits->habits, &waits->habit_capacity,
                                                         waits->habit_count + 1, sizeof *waits->habits))
        return 0;
    return (uint32_t)waits->habit_count++;
}

static uint32_t add_habit(struct goleak_waits *waits, struct goleak_waiter *waiter, uint32_t place)
{
    uint32_t index = take_habit(waits);
    if (index == 0)
        return 0;
    waits->habits[index] = (struct goleak_habit){ .place = place, .next = waiter->habits };
    waiter->habits = index;
    waiter->marks |= goleak_place_mark(place);
    waiter->count++;
    return index;
}

/* The one with the fewest waits is forgotten: its block stays in the list. */
static void replace_least(struct goleak_waits *waits, struct goleak_waiter *waiter, uint32_t place)
{
    uint32_t least = waiter->habits;
    for (uint32_t at = waiter->habits; at != 0; at = waits->habits[at].next)
        least = waits->habits[at].ended <= waits->habits[least].ended ? at : least;
    waits->habits[least] = (struct goleak_habit){ .place = place, .next = waits->habits[least].next };
    waiter->marks |= goleak_place_mark(place);
}

/* Puts the habit of this place first; makes it if need be. 0: memory. */
static uint32_t find_habit(struct goleak_waits *waits, struct goleak_waiter *waiter, uint32_t place)
{
    uint32_t before = 0, at = waiter->marks & goleak_place_mark(place) ? waiter->habits : 0;
    for (; at != 0 && waits->habits[at].place != place; before = at, at = waits->habits[at].next)
        ;
    if (at == 0 && waiter->count < GOLEAK_HABITS)
        return add_habit(waits, waiter, place);
    if (at == 0) {
        replace_least(waits, waiter, place);
        return find_habit(waits, waiter, place);
    }
    if (before != 0) {
        waits->habits[before].next = waits->habits[at].next;
        waits->habits[at].next = waiter->habits;
        waiter->habits = at;
    }
    return at;
}

void goleak_waits_drop(struct goleak_waits *waits, uint32_t index)
{
    struct goleak_waiter *waiter = &waits->waiters[index];
    if (waiter->habits != 0) {
        waits->habits[waiter->habits].ended = waits->free_lists;
        waits->free_lists = waiter->habits;
    }
    *waiter = (struct goleak_waiter){ 0 };
}

/* ---- wait sites ---- */

static bool is_site(const struct goleak_wait_site *at, const struct goleak_record *record)
{
    return at->site == record->site && at->stack == record->block_stack && at->reason == record->reason;
}

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
    while (waits->slots[at] != 0 && !is_site(&waits->sites[waits->slots[at]], record))
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
            .site = record->site, .stack = record->block_stack, .reason = record->reason
        };
        waits->slots[at] = (uint32_t)waits->site_count++;
    }
    return waits->slots[at];
}

static unsigned bucket_of(uint64_t waited)
{
    return goleak_bits(waited | 1) - 1;
}

/* ---- the end of a wait ---- */

#define MOST_NAPS ((1u << 27) - 1)

/* The habit of the place where it has waited, and in it the wait site; 0: memory. */
static uint32_t find_both(struct goleak_waits *waits, struct goleak_waiter *waiter, const struct goleak_record *record)
{
    uint32_t index = find_habit(waits, waiter, waiter->place);
    struct goleak_habit *habit = &waits->habits[index];
    if (index == 0 || (habit->site != 0 && is_site(&waits->sites[habit->site], record)))
        return index;
    habit->site = add_site(waits, record);
    if (habit->site != 0)
        return index;
    habit->place = 0; /* nobody finds it */
    return 0;
}

static inline void count_end(struct goleak_waits *waits, struct goleak_waiter *waiter, uint32_t index, int64_t waited)
{
    struct goleak_habit *habit = &waits->habits[index];
    struct goleak_wait_site *site = &waits->sites[habit->site];
    waiter->woken = true;
    habit->ended++;
    site->ended++;
    site->buckets[bucket_of((uint64_t)waited)]++;
    if (UNLIKELY(waited > habit->longest))
        habit->longest = waited;
    if (UNLIKELY(waited > site->longest))
        site->longest = waited;
}

/* At another place than the last one, or the first. */
NOINLINE static void end_elsewhere(struct goleak_waits *waits, struct goleak_waiter *waiter,
                                   const struct goleak_record *record, int64_t waited)
{
    uint32_t index = find_both(waits, waiter, record);
    if (index != 0)
        count_end(waits, waiter, index, waited);
    else
        waits->failed = true;
}

void goleak_waits_ended(struct goleak_waits *waits, const struct goleak_record *record, int64_t moment)
{
    struct goleak_waiter *waiter = &waits->waiters[record->index];
    if (waiter->place == 0) /* it parked before anything was kept */
        return;
    if ((record->flags & GOLEAK_REC_BLOCKED) == 0) {
        if (LIKELY(waiter->naps < MOST_NAPS))
            waiter->naps++;
        return;
    }
    int64_t waited = goleak_waited(record, moment);
    uint32_t last = waiter->habits;
    if (LIKELY(last != 0 && waits->habits[last].place == waiter->place &&
               is_site(&waits->sites[waits->habits[last].site], record)))
        count_end(waits, waiter, last, waited);
    else
        end_elsewhere(waits, waiter, record, waited);
}

NOINLINE static void add_waker(struct goleak_habit *habit, const struct goleak_record *waker)
{
    int which = habit->wakers[0] != 0;
    if (which == 1 && habit->wakers[1] == waker->index && habit->serials[1] == (uint32_t)waker->serial)
        return;
    if (which == 1 && habit->wakers[1] != 0) {
        habit->others = true;
        return;
    }
    habit->wakers[which] = waker->index;
    habit->serials[which] = (uint32_t)waker->serial;
}

void goleak_waits_woken(struct goleak_waits *waits, const struct goleak_record *record,
                        const struct goleak_record *waker)
{
    struct goleak_waiter *waiter = &waits->waiters[record->index];
    if (waker != NULL)
        waits->tells_wakers = true;
    if (!waiter->woken)
        return;
    struct goleak_habit *habit = &waits->habits[waiter->habits];
    waiter->woken = false;
    if (waker == NULL)
        habit->nobody++;
    else if (UNLIKELY(habit->wakers[0] != waker->index || habit->serials[0] != (uint32_t)waker->serial))
        add_waker(habit, waker);
}

/* ---- what is known ---- */

const struct goleak_habit *goleak_waits_here(const struct goleak_waits *waits, const struct goleak_record *record)
{
    const struct goleak_waiter *waiter = goleak_waits_of(waits, record);
    if (waiter == NULL || (waiter->marks & goleak_place_mark(waiter->place)) == 0)
        return NULL;
    uint32_t at = waiter->habits;
    while (at != 0 && waits->habits[at].place != waiter->place)
        at = waits->habits[at].next;
    return at != 0 ? &waits->habits[at] : NULL;
}

uint32_t goleak_waits_count(const struct goleak_waits *waits, const struct goleak_record *record)
{
    const struct goleak_waiter *waiter = goleak_waits_of(waits, record);
    uint32_t count = waiter != NULL ? waiter->naps : 0;
    for (uint32_t at = waiter != NULL ? waiter->habits : 0; at != 0; at = waits->habits[at].next)
        count += waits->habits[at].ended;
    return count;
}

const struct goleak_wait_site *goleak_waits_site(const struct goleak_waits *waits, const struct goleak_record *record)
{
    if (waits->slots == NULL)
        return NULL;
    uint32_t site = waits->slots[find_slot(waits, record)];
    return site != 0 ? &waits->sites[site] : NULL;
}
