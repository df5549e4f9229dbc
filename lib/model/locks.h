/*
 * locks - who holds which lock, from the calls of Lock, Unlock and so on.
 *
 * Probes stand where such a function begins, so a call tells that a goroutine wants a lock,
 * and not yet that it has got it. It has got it when it does anything else than to park for
 * it; that is looked at as late as it can be, at its next call of one of these functions, at
 * its end, or at the end of the recording. Nothing that happens in between has to ask.
 *
 *      lock a      wants a
 *      lock b      … had a, and wants b
 *      unlock b    … had b, and gave it back
 *      (parks)     holds a
 *
 * Kept are, of each goroutine, what it wants and what it holds, and what the last ones that
 * ended took with them: O(living goroutines + locks that are held). An address that is used
 * again for another lock shows when that one is taken: what was known of it goes.
 *
 * A call that cannot be (a release of what nobody has taken, a lock that is taken while
 * another one has it) shows that some calls were not recorded, and one that is told twice of
 * the same moment that a part of the recording is there twice: `gaps`.
 */
#ifndef GOLEAK_MODEL_LOCKS_H
#define GOLEAK_MODEL_LOCKS_H

#include "model/goroutine.h"
#include "model/symbols.h"

/* The names of OBJECT events, which are the words of recorders' lines. */
#define GOLEAK_LOCK_OPS(X)                                                                      \
    X(LOCK, "lock")         /* sync.(*Mutex).Lock is entered                                 */ \
    X(TRYLOCK, "trylock")   /* … TryLock                                                     */ \
    X(UNLOCK, "unlock")     /* … Unlock                                                      */ \
    X(RLOCK, "rlock")       /* sync.(*RWMutex).RLock                                         */ \
    X(TRYRLOCK, "tryrlock") /* … TryRLock                                                    */ \
    X(RUNLOCK, "runlock")   /* … RUnlock                                                     */ \
    X(WLOCK, "wlock")       /* sync.(*RWMutex).Lock, which calls a Mutex's at the same place */ \
    X(TRYWLOCK, "trywlock") /* … TryLock                                                     */ \
    X(WUNLOCK, "wunlock")   /* … Unlock                                                      */ \
    X(LOCKED, "locked")     /* one of those has got it for itself: from probes at returns    */ \
    X(RLOCKED, "rlocked")   /* … for reading                                                 */

enum goleak_lock_op {
    GOLEAK_LOCK_NONE,
#define X(name, word) GOLEAK_LOCK_##name,
    GOLEAK_LOCK_OPS(X)
#undef X
        GOLEAK_LOCK_OP_COUNT
};

/* The name of an event by which a recorder says that it has seen all calls: no goroutine's. */
#define GOLEAK_LOCKS_EVERY "locks=every"

/* No more of one goroutine, and of those that have ended: the oldest is forgotten. */
#define GOLEAK_HOLDS_MOST 256
#define GOLEAK_LEGACIES_MOST 4096

/* A lock that somebody holds. */
struct goleak_hold {
    uint64_t lock;
    int64_t since; /* moment of the call that took it, or of the end of the wait for it */
    int64_t ended; /* of its holder's end; GOLEAK_NO_MOMENT: it lives */
    uint64_t goid; /* of a holder that has ended; 0: not told */
    uint32_t holder; /* record; 0: it has ended */
    uint32_t waits;  /* that had ended of its holder when it was taken */
    uint32_t count;  /* of a reader that reads twice */
    uint32_t before, next; /* of the same holder's, or of those that have ended; newest first */
    uint16_t process;
    bool shared;
    bool maybe; /* by a Try, of which nobody has said how it ended */
};

/* What a goroutine is about. */
struct goleak_locker {
    uint64_t lock;   /* that it wants, if `op` is not NONE */
    uint64_t inner;  /* whose Mutex is given back next, as a part of its WUNLOCK; 0: none */
    int64_t since;   /* moment of that call, or of the end of the last wait since */
    uint32_t waits;  /* as in the hold that comes of it */
    uint32_t holds;  /* list; 0: none */
    uint32_t count;  /* of the list */
    uint8_t op;      /* enum goleak_lock_op; the blocking ones and the tries */
    uint8_t called;  /* the last call, whatever it was */
    int64_t called_at;
    uint64_t called_for;
};

struct goleak_locks {
    struct goleak_alloc *alloc;
    struct goleak_locker *lockers; /* by index of the record */
    size_t locker_count, locker_capacity; /* 0: there was no lock event */
    struct goleak_hold *holds; /* holds[0]: none */
    size_t hold_count, hold_capacity;
    uint32_t free_holds;
    uint32_t legacies, last_legacy, legacy_count; /* list: of holders that have ended; newest first */
    uint32_t legacy_readers;                      /* in that list */
    uint32_t *slots; /* holds, by lock and, of readers, holder; open addressing */
    size_t slot_mask, used;
    uint64_t secret; /* in the hashes; 0: none */
    struct {
        uint32_t name;
        uint8_t op;
    } names[16]; /* by string */

    bool every;          /* a recorder says that it has seen all calls */
    uint64_t taken;      /* locks that were taken, in all */
    uint64_t gaps;       /* calls that cannot be, if all were seen, and once each */
    uint64_t handed_on;  /* released by another one than had taken it, as Go allows */
    bool failed;         /* memory ended where nobody could be told */
};

void goleak_locks_init(struct goleak_locks *locks, struct goleak_alloc *alloc);
void goleak_locks_release(struct goleak_locks *locks);

/* What an OBJECT event of this name does; NONE: nothing to a lock. */
enum goleak_lock_op goleak_locks_op(struct goleak_locks *locks, const struct goleak_symbols *symbols, uint32_t name);

/* The record's goroutine calls it; `waits`: of it that have ended so far. */
void goleak_locks_note(struct goleak_locks *locks, const struct goleak_record *record, enum goleak_lock_op op,
                       uint64_t lock, int64_t moment, uint32_t waits);
/* It waited for a lock, as far as is known, and does not any more: it has the one that it wants. */
void goleak_locks_woken(struct goleak_locks *locks, const struct goleak_record *record, int64_t moment, uint32_t waits);
void goleak_locks_leave(struct goleak_locks *locks, const struct goleak_record *record, int64_t moment);
/* A record takes over what another was. */
void goleak_locks_move(struct goleak_locks *locks, uint32_t from, uint32_t to);

/* The goroutine ends: what it holds stays locked. */
static inline void goleak_locks_end(struct goleak_locks *locks, const struct goleak_record *record, int64_t moment)
{
    if (record->index < locks->locker_count)
        goleak_locks_leave(locks, record, moment);
}

/* Somebody is known to have it for himself. */
bool goleak_locks_taken(const struct goleak_locks *locks, uint64_t lock, uint16_t process);

/* NULL: nothing is known of it. */
static inline const struct goleak_locker *goleak_locks_of(const struct goleak_locks *locks, uint32_t index)
{
    return index < locks->locker_count ? &locks->lockers[index] : NULL;
}

static inline bool goleak_lock_op_shares(enum goleak_lock_op op)
{
    return op == GOLEAK_LOCK_RLOCK || op == GOLEAK_LOCK_TRYRLOCK || op == GOLEAK_LOCK_RLOCKED;
}

static inline bool goleak_lock_op_tries(enum goleak_lock_op op)
{
    return op == GOLEAK_LOCK_TRYLOCK || op == GOLEAK_LOCK_TRYRLOCK || op == GOLEAK_LOCK_TRYWLOCK;
}

#endif
