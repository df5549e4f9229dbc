/*
 * holders - at the end of the recording: who waits for which lock, and who has it.
 *
 *      goroutine --waits for--> lock --is held by--> goroutine --waits for--> lock ...
 *
 * Whoever waits for a lock needs all of its holders to go on (there are several only of an
 * RWMutex that is read; a reader waits there for a writer who waits before it). So where the
 * arrows lead in a circle, nobody in it, and nobody behind it, can go on: a deadlock.
 *
 * What is known of a lock may be wrong where the recording does not have every call:
 *
 *      complete   it has them all: a recorder says so, and no event speaks against it
 *      trusted    hardly any event speaks against it
 *
 * A lock that nobody holds, in a recording that has every call since the program's start, is
 * on its way to the one who waits for it.
 */
#ifndef GOLEAK_VERDICT_HOLDERS_H
#define GOLEAK_VERDICT_HOLDERS_H

#include "model/locks.h"
#include "model/reasons.h"
#include "model/waits.h"
#include "verdict/limits.h"

struct goleak_holder {
    uint64_t lock, goid;  /* goid: of one that has ended, if it is told */
    int64_t since, ended; /* moments; ended: GOLEAK_NO_MOMENT if it lives */
    uint32_t record;      /* 0: it has ended */
    uint32_t waits;       /* of it that had ended when it took the lock */
    uint32_t next;        /* index + 1 of another lock that it holds; 0: no more */
    uint16_t process;
    bool shared;
    bool maybe; /* it runs: it may have it, or be about to wait for it */
    bool tried; /* by a Try of which is not known how it ended */
};

struct goleak_lock {
    uint64_t lock;
    uint16_t process;
    bool unsure;     /* what is told of it cannot be */
    bool dead;       /* a deadlock: nobody will unlock it */
    uint32_t first, count; /* of its holders; count 0: some tried, and no more is known */
    uint32_t first_waiter, waiters, writers; /* who wait for it; for writing */
    uint32_t open;   /* holders that have not turned out to go on: used up by hope.c */
    uint32_t kept;   /* index + 1 of the first holder that does not go on; 0: they all do (deadlock.c) */
    uint32_t next;   /* of one in a deadlock: index + 1 of a holder that waits for another such lock; 0: none does */
};

struct goleak_lock_waiter {
    uint32_t lock; /* index */
    uint32_t record;
    uint64_t address;
    uint16_t process;
    bool shared;
};

struct goleak_holders {
    struct goleak_alloc *alloc;
    struct goleak_lock *locks;     /* by process and address */
    struct goleak_holder *holders; /* the same, so each lock's stand together */
    struct goleak_lock_waiter *waiters; /* the same */
    size_t lock_count, lock_capacity, holder_count, holder_capacity, waiter_count, waiter_capacity;
    uint32_t *waits_for; /* by record: index of the lock + 1; 0: for none of which it is known;
                            GOLEAK_LOCK_FREE: for one that nobody holds */
    uint32_t *holds;     /* by record: index of a holder + 1; 0: it holds nothing */
    size_t record_count; /* 0: the recording has no locks */
    bool trusted, complete;
    bool handed_on; /* here goroutines unlock what others have locked: its holder need not be asked */
};

#define GOLEAK_LOCK_FREE UINT32_MAX

struct goleak_holders_input {
    const struct goleak_store *store;
    const struct goleak_symbols *symbols;
    const struct goleak_reasons *reasons;
    const struct goleak_locks *locks;
    const struct goleak_limits *limits;
    bool whole; /* nothing is known to be missing in the recording */
};

void goleak_holders_init(struct goleak_holders *holders, struct goleak_alloc *alloc);
void goleak_holders_release(struct goleak_holders *holders);
enum goleak_status goleak_holders_find(struct goleak_holders *holders, const struct goleak_holders_input *input);

/* The lock that the record waits for, if its holders are known; NULL: it does not, or they
 * are not. */
static inline const struct goleak_lock *goleak_holders_lock(const struct goleak_holders *holders, uint32_t record)
{
    uint32_t lock = record < holders->record_count ? holders->waits_for[record] : 0;
    return lock != 0 && lock != GOLEAK_LOCK_FREE ? &holders->locks[lock - 1] : NULL;
}

/* It waits for a lock that nobody holds. */
static inline bool goleak_holders_is_free(const struct goleak_holders *holders, uint32_t record)
{
    return record < holders->record_count && holders->waits_for[record] == GOLEAK_LOCK_FREE;
}

/* The first of what it holds, as index + 1; 0: nothing. */
static inline uint32_t goleak_holders_of(const struct goleak_holders *holders, uint32_t record)
{
    return record < holders->record_count ? holders->holds[record] : 0;
}

/* Of this address; NULL: nobody holds it, and nobody waits for it. */
struct goleak_lock *goleak_holders_at(const struct goleak_holders *holders, uint16_t process, uint64_t address);

#endif
