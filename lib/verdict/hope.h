/*
 * hope - who of the blocked may still be woken, by whom that the recording knows.
 *
 * All who are blocked at the end are taken to be stuck, and then one after the other is
 * let off: whoever is known to a goroutine that is not stuck itself. What remains is the
 * greatest set of goroutines that can only wait for each other.
 *
 *      acts        it is not blocked at all: it runs, sleeps, reads from the network; or it waits in the standard
 *                  library for what another program sends
 *      timer       a timer ended its waits at this place before, or is set to end this one
 *      many        more than two woke it here before: others may come; at a lock, if any is left that is
 *                  not stuck
 *      waker       who woke it here before (more than once) lives and is not stuck
 *      peer        another one that waits on the same object has such a waker, or is one of many;
 *                  at a lock, has any hope
 *      beside      the same call of the same function, or one that has ended since, started another
 *                  one, at about the same time, that acts: they may share what it waits on; or, where the
 *                  spawner has ended, one that waits for its own children, which act
 *      holder      it waits for a lock, and those who hold it are not stuck. Who waits for a
 *                  lock of which this is known has no other hope, unless locks are handed on
 *      child       it started one that is not stuck, and may have handed it what it waits on
 *      passed      another one of its spawn site acts, further on in the function in which it
 *                  waits at a lock or a channel: it has been let through; or has what they hand on
 *                  at a Cond; or it rests further on in that function's caller since before this one
 *                  came, or in that function, where this one selects
 *      inside      one that acts, or waits in a WaitGroup and is not stuck, is in a method of the type in
 *                  whose method it waits for a lock, and came there just before the first who waits: it
 *                  may hold the lock; or one acts in what the function calls in which it waits in a
 *                  WaitGroup
 *      reader      it reads an HTTP/1 connection, and another one that acts the answer from that
 *      taker       it sends, and another one that rests since before, and is younger, received there again and again
 *      scope       its spawner is not stuck, or of an idle pool, and still in the function that started it (its start
 *                  function, or what its wrapper calls, all its life), or has run ever since, or waits in the library that did
 *      startup     it was started when all of its place were, long ago, not all that it had to do with are
 *                  gone, and its spawner waits and is not stuck, or, since that one has ended, the
 *                  nearest living ancestor; or by the init of a package; or one that is such itself
 *                  woke it again and again
 *
 * One that has slept often since, and woke nobody, had its chance; but whoever waits in a
 * WaitGroup waits for it to end, even where it waits itself and is not stuck.
 */
#ifndef GOLEAK_VERDICT_HOPE_H
#define GOLEAK_VERDICT_HOPE_H

#include "base/bits.h"
#include "model/ledger.h"
#include "model/lineage.h"
#include "model/reasons.h"
#include "model/sites.h"
#include "model/waits.h"
#include "verdict/holders.h"
#include "verdict/limits.h"
#include "verdict/relation.h"

enum goleak_hope_kind {
    GOLEAK_HOPE_NONE,
    GOLEAK_HOPE_ACTS,
    GOLEAK_HOPE_TIMER,
    GOLEAK_HOPE_WAKER,
    GOLEAK_HOPE_PEER,
    GOLEAK_HOPE_FELLOW, /* waits for what another one's child does */
    GOLEAK_HOPE_BESIDE,
    GOLEAK_HOPE_HOLDER,
    GOLEAK_HOPE_CHILD,
    GOLEAK_HOPE_SCOPE,
    GOLEAK_HOPE_MANY,
    GOLEAK_HOPE_PASSED,
    GOLEAK_HOPE_INSIDE,
    GOLEAK_HOPE_READER,
    GOLEAK_HOPE_TAKER,
    GOLEAK_HOPE_STARTUP
};

struct goleak_hope {
    struct goleak_alloc *alloc;
    uint8_t *kinds;  /* by record: enum goleak_hope_kind */
    uint32_t *whom;  /* by record: on which other one its hope rests; 0: on none */
    size_t count;
    size_t loose;                  /* goroutines of the program that live and are not stuck */
    bool others;                   /* some living goroutine of the program's own waits for no lock */
    struct goleak_relation crowds; /* who is blocked, by the place of its object; marked: was woken there before */
    struct goleak_relation woken;  /* who is blocked where it was woken again and again, by who did so */
    uint64_t *turned;              /* bits by record: who woke it has turned to those who took its place; NULL: none */
    uint64_t *partnered_sites; /* bits by spawn site: its goroutines are woken each by one of its own; NULL: nobody's are */
    size_t site_count;
    uint64_t *unread; /* bits by record: nobody is left to read the answer that it has handed over; NULL: none */
};

/* What it is worked out from; all borrowed. */
struct goleak_hope_input {
    const struct goleak_store *store;
    const struct goleak_lineage *lineage;
    const struct goleak_sites *sites;
    const struct goleak_symbols *symbols;
    const struct goleak_reasons *reasons;
    const struct goleak_waits *waits;
    const struct goleak_ledger *ledger;
    const struct goleak_limits *limits;
    int64_t first, last; /* moments of the first and the last event */
    bool has_time;       /* moments are nanoseconds */
    bool timers_told;
    bool several; /* processes: the ledger's numbers are their sums */
    struct goleak_holders *holders; /* found before; its counts are used up. NULL: there are no locks */
};

/* Waits at the end, on the leak-capable set. */
static inline bool goleak_is_blocked(const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_SEEN) && record->state == GOLEAK_STATE_WAITING &&
           (record->flags & GOLEAK_REC_BLOCKED);
}

/* The first goroutine that the runtime's main starts, in runtime's init, before any of the program's own can
 * (runtime/proc.go). Traces of Go 1.22 tell no stacks of those who do nothing: its goid alone tells it from others. */
static inline bool goleak_is_forcegc_helper(const struct goleak_record *record)
{
    return record->goid == 2 && (record->flags & GOLEAK_REC_PREEXISTING) != 0 && record->site == 0 &&
           record->block_stack == 0 && record->raw_reason == GOLEAK_REASON_NONE &&
           record->reason == GOLEAK_REASON_UNKNOWN;
}

/* It waits in a function of this name, by its wait reason or its stack; or did so last, if it is awake. */
bool goleak_waits_in(const struct goleak_symbols *symbols, const struct goleak_reasons *reasons,
                     const struct goleak_record *record, const char *part);

static inline bool goleak_is_in_wait_group(const struct goleak_symbols *symbols, const struct goleak_reasons *reasons,
                                           const struct goleak_record *record)
{
    return record->reason == GOLEAK_REASON_SYNC && goleak_waits_in(symbols, reasons, record, "WaitGroup");
}

/* The function of the runtime that waits for a semaphore of its own, as a collection does for the world to stop: what
 * programs wait for goes through sync or internal/poll. NULL: there is none. */
const char *goleak_runtime_waiter(const struct goleak_symbols *symbols, const struct goleak_record *record);

/* A goroutine that starts at `start` is in this function for all of its life: it is that one, or what its wrapper calls,
 * by the stack of one that it has started. */
bool goleak_is_start(const struct goleak_symbols *symbols, uint32_t start, uint32_t function, uint32_t created_stack);

/* The record of a node's goroutine; NULL: it is another one's by now. */
const struct goleak_record *goleak_node_record(const struct goleak_store *store, const struct goleak_node *node);

void goleak_hope_init(struct goleak_hope *hope, struct goleak_alloc *alloc);
void goleak_hope_release(struct goleak_hope *hope);
enum goleak_status goleak_hope_find(struct goleak_hope *hope, const struct goleak_hope_input *input);

static inline enum goleak_hope_kind goleak_hope_of(const struct goleak_hope *hope, uint32_t index)
{
    return index < hope->count ? (enum goleak_hope_kind)hope->kinds[index] : GOLEAK_HOPE_NONE;
}

/* It reads a connection of which the answer is left unread. */
static inline bool goleak_hope_is_unread(const struct goleak_hope *hope, uint32_t index)
{
    return hope->unread != NULL && goleak_has_bit(hope->unread, index);
}

/* Whoever woke those at its channel wakes others at another one since, who were started behind that. */
static inline bool goleak_hope_has_turned(const struct goleak_hope *hope, uint32_t index)
{
    return hope->turned != NULL && goleak_has_bit(hope->turned, index);
}

/* … and that is all that it could hope for. */
static inline bool goleak_hope_is_replaced(const struct goleak_hope *hope, uint32_t index)
{
    const enum goleak_hope_kind kind = goleak_hope_of(hope, index);
    return goleak_hope_has_turned(hope, index) &&
           (kind == GOLEAK_HOPE_NONE || kind == GOLEAK_HOPE_WAKER || kind == GOLEAK_HOPE_MANY ||
            kind == GOLEAK_HOPE_PEER || kind == GOLEAK_HOPE_FELLOW);
}

/* Those of its place have each one of their own to wake them. */
static inline bool goleak_hope_each_has_own(const struct goleak_hope *hope, const struct goleak_record *record)
{
    return hope->partnered_sites != NULL && goleak_has_bit(hope->partnered_sites, record->site);
}

/* It was woken so often that, where those who did so are gone, others that are woken say nothing of it. */
static inline bool goleak_hope_had_its_own(const struct goleak_hope *hope, const struct goleak_limits *limits,
                                           const struct goleak_record *record, const struct goleak_habit *habit)
{
    return habit->ended >= (goleak_hope_each_has_own(hope, record) ? limits->habit_waits : limits->desert_least);
}

/* A holder goes on, and has not had many chances to unlock already. */
bool goleak_hope_unlocks(const struct goleak_hope *hope, const struct goleak_waits *waits,
                         const struct goleak_store *store, const struct goleak_limits *limits,
                         const struct goleak_holder *holder);

/* How often its holder, this record, was woken while it held the lock. */
uint32_t goleak_hope_chances(const struct goleak_waits *waits, const struct goleak_record *record,
                             const struct goleak_holder *holder);

/* The record of a waker that a habit names; NULL: there is none, or it has ended and the record is another one's. */
const struct goleak_record *goleak_hope_waker_record(const struct goleak_store *store, const struct goleak_habit *habit,
                                                     int which);
/* The waker that a habit names, if it lives; 0: it has ended. */
uint32_t goleak_hope_waker(const struct goleak_store *store, const struct goleak_habit *habit, int which);

/* Of more it would take long to ask, and who serves so many has not one alone to serve. */
#define GOLEAK_SERVED_ASKED 64
/* It has woken another one of this one's place, again and again, which came back so much later than this one (less than 0:
 * whenever that was); or very many. */
bool goleak_hope_serves_another(const struct goleak_hope_input *input, const struct goleak_hope *hope, uint32_t waker,
                                const struct goleak_record *record, int64_t later);

/* This one lives, and is one of the two that a habit names. */
static inline bool goleak_hope_is_waker(const struct goleak_store *store, const struct goleak_habit *habit, uint32_t index)
{
    return index != 0 && (goleak_hope_waker(store, habit, 0) == index || goleak_hope_waker(store, habit, 1) == index);
}

/* A function of Go's standard library, by its package. */
bool goleak_is_standard(const char *function);

/* It has been woken here often enough to be an idle one that waits for the next time. Of a
 * sender only while that takes not much longer than it did: idle ones receive. */
bool goleak_is_habit(const struct goleak_waits *waits, const struct goleak_habit *habit,
                     const struct goleak_limits *limits, const struct goleak_record *record, int64_t waited);

/* How often one like it was woken since it was itself. */
static inline uint32_t goleak_woken_since(const struct goleak_waits *waits, const struct goleak_habit *habit)
{
    return (uint32_t)waits->sites[habit->site].ended - habit->site_ended;
}

/* Others like it are woken, and it is not any more (left_out.c). */
bool goleak_left_out(const struct goleak_hope_input *input, const struct goleak_hope *hope,
                     const struct goleak_record *record, const struct goleak_habit *habit, int64_t waited);
/* One goroutine wakes it and its kind, of which so many wait, in turn, and not this one any more. habit may be NULL. */
bool goleak_dropped(const struct goleak_hope_input *input, const struct goleak_hope *hope,
                    const struct goleak_record *record, const struct goleak_habit *habit, uint64_t count);
/* It is woken here again and again, and may be once more. habit may be NULL. */
bool goleak_is_served(const struct goleak_hope_input *input, const struct goleak_hope *hope,
                      const struct goleak_record *record, const struct goleak_habit *habit, int64_t waited);

/* A timer is set that will end its wait; some other one may do so before. */
static inline bool goleak_hope_is_timed(const struct goleak_store *store, const struct goleak_limits *limits,
                                        const struct goleak_record *record, int64_t last)
{
    if ((record->flags & GOLEAK_REC_TIMED) == 0)
        return false;
    int64_t until = goleak_store_until(store, record);
    return until >= last && goleak_between(last, until) < limits->never_ns;
}

/* Of one that was never woken here, where the recording does not tell timers: those who wait like it are all woken by
 * some. */
bool goleak_hope_timer_alike(const struct goleak_waits *waits, const struct goleak_limits *limits,
                             const struct goleak_record *record, int64_t waited);
/* All who woke it were started by itself, and those who woke its kind by those. */
static inline bool goleak_is_collector(const struct goleak_habit *habit, const struct goleak_wait_site *site)
{
    return habit->others && !habit->strangers && site != NULL && !site->strangers;
}

/* Whoever woke those who wait like it was started where they were, so has waited there itself, or been served before them;
 * and it has waited for far longer than any of them did. */
static inline bool goleak_is_in_circle(const struct goleak_record *record, const struct goleak_wait_site *site,
                                       const struct goleak_limits *limits, int64_t waited)
{
    return record->site != 0 && record->block_stack != 0 && record->reason != GOLEAK_REASON_SYNC && site != NULL &&
           !site->foreign && site->nobody == 0 && waited / limits->together > site->longest;
}

/* A timer ended waits here, and the present one is not longer than that explains. */
bool goleak_hope_timer(const struct goleak_waits *waits, const struct goleak_limits *limits,
                       const struct goleak_habit *here, int64_t waited);

#endif
