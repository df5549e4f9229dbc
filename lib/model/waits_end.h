/*
 * waits_end - a wait ends, and who ended it is told: millions of times, so that what it mostly is, the wait that ended
 * last and has ended again, stands where it is replayed. See waits.h.
 */
#ifndef GOLEAK_MODEL_WAITS_END_H
#define GOLEAK_MODEL_WAITS_END_H

#include "model/waits.h"

/* Another one than the first that its habit names. */
void goleak_waits_add_waker(const struct goleak_waits *waits, const struct goleak_record *record,
                            struct goleak_habit *habit, const struct goleak_record *waker);
/* As goleak_waits_ended_by(), where it is not the wait that ended last that has ended again. */
void goleak_waits_ended_by_otherwise(struct goleak_waits *waits, struct goleak_record *record, int64_t moment,
                                     const struct goleak_record *waker);
/* … of which it was not told who woke it. */
void goleak_waits_woken(struct goleak_waits *waits, struct goleak_record *record, const struct goleak_record *waker);

static inline bool goleak_is_wait_site(const struct goleak_wait_site *at, const struct goleak_record *record)
{
    return at->site == record->site && at->stack == record->block_stack && at->reason == record->reason;
}

/* At its wait site. */
ALWAYS_INLINE void goleak_count_at_site(struct goleak_waits *waits, struct goleak_habit *habit,
                                        const struct goleak_record *record, int64_t moment, int64_t waited)
{
    struct goleak_wait_site *site = &waits->sites[habit->site];
    site->last_begun = record->since > site->last_begun ? record->since : site->last_begun;
    site->last_ended = moment > site->last_ended ? moment : site->last_ended;
    const uint32_t ended = (uint32_t)++site->ended, gap = ended - habit->site_ended;
    if (UNLIKELY(gap > habit->gap))
        habit->gap = (gap < GOLEAK_GAP_MOST ? gap : GOLEAK_GAP_MOST) & GOLEAK_GAP_MOST;
    habit->site_ended = ended;
    site->buckets[goleak_wait_bucket(waited)]++;
    if (UNLIKELY(waited > site->longest))
        site->longest = waited;
}

/* At the habit's place. */
ALWAYS_INLINE void goleak_count_end(struct goleak_waits *waits, struct goleak_habit *habit,
                                    const struct goleak_record *record, int64_t moment)
{
    const int64_t waited = goleak_waited(record, moment);
    goleak_count_at_site(waits, habit, record, moment, waited);
    habit->ended++;
    if (UNLIKELY(waited > habit->longest))
        habit->longest = waited;
}

/* The habit of its wait where that is the one before it; NULL: it is to be looked for. What is rare is
 * called, at the end, so that the rest has no registers to save: a quarter of what the end of a wait costs. */
ALWAYS_INLINE struct goleak_habit *goleak_same_habit(const struct goleak_waits *waits,
                                                     const struct goleak_record *record)
{
    const unsigned blocked = record->flags & GOLEAK_REC_BLOCKED;
    if (UNLIKELY(blocked == 0 || !goleak_has_habits(record)))
        return NULL;
    struct goleak_habit *habit = goleak_habit_of(waits, record);
    bool same = habit->place == habit->past.here && goleak_is_wait_site(&waits->sites[habit->site], record);
    return LIKELY(same) ? habit : NULL;
}

static inline bool goleak_is_first_waker(const struct goleak_habit *habit, const struct goleak_record *waker)
{
    return habit->wakers[0] == waker->index && habit->serials[0] == waker->serial;
}

ALWAYS_INLINE void goleak_note_waker(struct goleak_waits *waits, const struct goleak_record *record,
                                     struct goleak_habit *habit, const struct goleak_record *waker)
{
    if (waker == NULL) {
        habit->nobody++;
        waits->sites[habit->site].nobody++;
    } else if (!goleak_is_first_waker(habit, waker)) {
        goleak_waits_add_waker(waits, record, habit, waker);
    }
}

/* It waits, something is kept of that, and it has been woken. */
ALWAYS_INLINE void goleak_waits_ended_by(struct goleak_waits *waits, struct goleak_record *record, int64_t moment,
                                         const struct goleak_record *waker)
{
    struct goleak_habit *habit = goleak_same_habit(waits, record);
    if (UNLIKELY(habit == NULL)) {
        goleak_waits_ended_by_otherwise(waits, record, moment, waker);
        return;
    }
    record->waits &= ~GOLEAK_WAITS_ENDED;
    goleak_count_end(waits, habit, record, moment);
    goleak_note_waker(waits, record, habit, waker);
}

/* Who ended the last wait; NULL: no goroutine, or it is not told. */
static inline void goleak_waits_by(struct goleak_waits *waits, struct goleak_record *record,
                                   const struct goleak_record *waker)
{
    waits->tells_wakers |= waker != NULL;
    if (goleak_has_habits(record) && (record->waits & GOLEAK_WAITS_ENDED) != 0)
        goleak_waits_woken(waits, record, waker);
}

/* Both: it has been woken. */
ALWAYS_INLINE void goleak_waits_end_by(struct goleak_waits *waits, struct goleak_record *record, int64_t moment,
                                       const struct goleak_record *waker)
{
    if (UNLIKELY(record->state != GOLEAK_STATE_WAITING || record->waits == 0)) {
        goleak_waits_by(waits, record, waker);
        return;
    }
    waits->tells_wakers |= waker != NULL;
    goleak_waits_ended_by(waits, record, moment, waker);
}

#endif
