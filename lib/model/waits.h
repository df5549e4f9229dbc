/*
 * waits - what became of the waits: the memory that verdicts rest on.
 *
 * Of each goroutine: the places where it has waited (a channel, a lock; where the
 * stream tells no objects, a reason and a stack), how often such a wait ended, and who
 * ended it. Of each wait site (spawn site, reason, block stack): how long the waits
 * took that ended. Only waits on the leak-capable set are kept, and only while their
 * goroutine lives; of one that never woke up there is no more than what its record has.
 *
 *      goleak_waits_begin     it parks
 *      goleak_waits_end       it wakes up ...
 *      goleak_waits_by        ... and this is who woke it (waits_end.h)
 *      goleak_waits_end_by    both, where they are told at once (waits_end.h)
 *      goleak_waits_forget    it ended: a new life begins with nothing
 */
#ifndef GOLEAK_MODEL_WAITS_H
#define GOLEAK_MODEL_WAITS_H

#include "base/bits.h"
#include "model/goroutine.h"

/* 0 to measure what verdicts cost: nothing is kept, and nothing weighed. */
#ifndef GOLEAK_KEEPS_WAITS
#define GOLEAK_KEEPS_WAITS 1
#endif

/* No more places of one goroutine are kept apart. Of those where one wait ended, else of all but the one with the most
 * waits and the one with the longest, that goes which was used longest ago: a worker waits once a job for the next one,
 * and that for long, and often for what the job needs. */
#define GOLEAK_HABITS 8

/* A place: a hash of 31 bits, equal for equal ones; odd where it is an object. */
static inline bool goleak_place_is_object(uint32_t place)
{
    return (place & 1) != 0;
}

/* Its bit of a goroutine's marks. */
static inline uint32_t goleak_place_mark(uint32_t place)
{
    return (uint32_t)1 << (place >> 26);
}

#define GOLEAK_GAP_BITS 24
#define GOLEAK_GAP_MOST (((uint32_t)1 << GOLEAK_GAP_BITS) - 1) /* or more */

/* One place where a goroutine has waited, and what came of it: one line of the cache. */
struct goleak_habit {
    uint32_t place; /* 0: of none; the goroutine has only slept, and often */
    uint32_t next;  /* habit of the same goroutine; 0: none */
    uint32_t ended; /* waits that ended; of the first of a list that is free: the next such list */
    uint32_t nobody; /* of these ended by no goroutine: a timer, or the stream does not tell */
    uint32_t wakers[2], serials[2]; /* records, and their serials' low halves; 0: none */
    int64_t longest;
    uint32_t site; /* wait site of the last one that ended: mostly that of the next one */
    uint32_t gap : GOLEAK_GAP_BITS; /* so many waits of its site at most ended from one of its own to the next one */
    uint32_t count : 4;             /* of habits of a place; of the first of a list, too */
    uint32_t others : 1;            /* and more wakers than two */
    uint32_t strangers : 1;         /* it has not started all of them itself */
    uint32_t forgot : 1;            /* of the first of a list: a habit was given up for another one */
    struct goleak_past {
        uint32_t marks; /* a bit for each of its places: without it, there is no habit of a place */
        uint32_t naps;  /* see goleak_waits_naps() */
        uint32_t here;  /* place of the present wait, or the last one */
    } past; /* of the first of a list: of the goroutine */
    uint32_t site_ended; /* so many waits of the site had ended when its own last one had */
};

_Static_assert(sizeof(struct goleak_habit) == GOLEAK_LINE, "a habit is one line of the cache");

/* goleak_record.waits: 0, nothing; the place of its first wait; or, since one has ended, its
 * habits, the one that was used last first: this bit, twice the first one's index, and one more
 * where it is that of the wait that has just ended. */
#define GOLEAK_WAITS_HABITS 0x80000000u
#define GOLEAK_WAITS_ENDED 1u

#define GOLEAK_HABIT_CHUNK 1024

/* Durations are counted in buckets, four for each power of two: bucket 4b + q begins at
 * 2^b (1 + q/4). */
#define GOLEAK_WAIT_BUCKETS 256

static inline unsigned goleak_wait_bucket(int64_t waited)
{
    uint64_t value = waited > 0 ? (uint64_t)waited : 1;
    unsigned power = goleak_bits(value) - 1;
    return 4 * power + (unsigned)(value << (63 - power) >> 61 & 3);
}

/* The least duration of a bucket. */
static inline int64_t goleak_wait_least(unsigned bucket)
{
    uint64_t quarters = (uint64_t)(4 + bucket % 4) << (bucket / 4 % 62);
    return bucket / 4 < 62    ? (int64_t)((quarters + 3) / 4)
           : bucket / 4 == 62 ? (int64_t)(4 + bucket % 4) << 60
                              : INT64_MAX;
}

struct goleak_wait_site {
    uint32_t site, stack; /* spawn site, block stack */
    uint8_t reason;
    uint64_t ended;
    uint64_t nobody; /* of these ended by no goroutine */
    bool strangers;  /* some were ended by one whom its goroutine had not started */
    bool foreign;    /* … by one that was started elsewhere than those who wait here */
    int64_t longest;
    int64_t last_begun, last_ended; /* moments, of any of those that ended */
    uint32_t buckets[GOLEAK_WAIT_BUCKETS]; /* of the waits that ended */
};

struct goleak_waits {
    struct goleak_alloc *alloc;
    const struct goleak_store *store; /* of its records */
    struct goleak_chunks chunks; /* of habits */
    size_t habit_count; /* the first is none */
    uint32_t free_lists; /* of habits, by their first */
    struct goleak_wait_site *sites; /* sites[0]: none */
    size_t site_count, site_capacity;
    uint32_t *slots; /* by key, open addressing */
    size_t slot_mask;
    bool tells_wakers;  /* some wake-up told who did it */
    bool failed;        /* memory ended where nobody could be told */
};

void goleak_waits_init(struct goleak_waits *waits, const struct goleak_store *store, struct goleak_alloc *alloc);
void goleak_waits_release(struct goleak_waits *waits);

static inline bool goleak_has_habits(const struct goleak_record *record)
{
    return (record->waits & GOLEAK_WAITS_HABITS) != 0;
}

/* Index of its first habit; 0: it has none. Whether it has cannot be foreseen: no branch asks. */
static inline uint32_t goleak_first_habit(const struct goleak_record *record)
{
    const uint32_t has = record->waits / GOLEAK_WAITS_HABITS;
    return (record->waits & ~GOLEAK_WAITS_HABITS) >> 1 & (0 - has);
}

static inline struct goleak_habit *goleak_habit_at(const struct goleak_waits *waits, uint32_t index)
{
    struct goleak_habit *chunk = waits->chunks.all[index / GOLEAK_HABIT_CHUNK];
    return &chunk[index % GOLEAK_HABIT_CHUNK];
}

/* Of one that has habits. */
static inline struct goleak_habit *goleak_habit_of(const struct goleak_waits *waits, const struct goleak_record *record)
{
    return goleak_habit_at(waits, (record->waits & ~GOLEAK_WAITS_HABITS) >> 1);
}

/* Where it waits, or waited last; 0: nothing is kept of it. */
static inline uint32_t goleak_waits_place(const struct goleak_waits *waits, const struct goleak_record *record)
{
    return goleak_has_habits(record) ? goleak_habit_of(waits, record)->past.here : record->waits;
}

#define GOLEAK_PLACE_ODD UINT64_C(0x9e3779b97f4a7c15)

/* Whether an object is told cannot be foreseen: no branch asks. */
static inline uint32_t goleak_place_of(const struct goleak_record *record, uint64_t object)
{
    uint64_t is_told = object != 0, stack = (uint64_t)record->block_stack << 1 | 1;
    uint64_t key = object | (stack & (is_told - 1));
    key ^= (uint64_t)record->process << 48 ^ (uint64_t)record->reason << 56;
    uint32_t place = (uint32_t)(key * GOLEAK_PLACE_ODD >> 33);
    return (place & ~1u) | (uint32_t)(2 - is_told);
}

/* The place of the same object for those who wait at it for another reason, of the first 256 processes: a reason is
 * in the uppermost eight bits of what is multiplied, and so in those of the product. */
static inline uint32_t goleak_place_for(uint32_t place, enum goleak_reason reason, enum goleak_reason other)
{
    const uint32_t turn = (uint32_t)(((uint64_t)other - (uint64_t)reason) * GOLEAK_PLACE_ODD & 0xff);
    return (place + (turn << 23)) & 0x7fffffffu;
}

/* Of a wait that is not on the leak-capable set nobody asks where it is, but since when it has napped there, wait after
 * wait: in milliseconds or so from the first moment on. Its last two bits are 0, which those of no place are. */
#define GOLEAK_ARRIVALS_LOG2 20
#define GOLEAK_ARRIVAL_UNKNOWN 0x7ffffffcu

static inline bool goleak_is_arrival(uint32_t here)
{
    return here != 0 && (here & 3) == 0;
}

static inline uint32_t goleak_arrival_at(int64_t first, int64_t moment)
{
    const uint64_t since = moment > first ? ((uint64_t)moment - (uint64_t)first) >> GOLEAK_ARRIVALS_LOG2 : 0;
    return since < GOLEAK_ARRIVAL_UNKNOWN / 4 - 1 ? 4 * ((uint32_t)since + 1) : GOLEAK_ARRIVAL_UNKNOWN;
}

/* Of one that naps: how long after the first moment it arrived; INT64_MAX: not told. */
static inline int64_t goleak_waits_arrival(const struct goleak_waits *waits, const struct goleak_record *record)
{
    const uint32_t here = goleak_waits_place(waits, record);
    const bool is_told = goleak_is_arrival(here) && here != GOLEAK_ARRIVAL_UNKNOWN;
    return is_told ? (int64_t)(here / 4 - 1) << GOLEAK_ARRIVALS_LOG2 : INT64_MAX;
}

static inline void goleak_waits_begin_at(struct goleak_waits *waits, struct goleak_record *record, uint32_t place)
{
    if (!goleak_has_habits(record)) {
        record->waits = place;
        return;
    }
    goleak_habit_of(waits, record)->past.here = place;
    record->waits &= ~GOLEAK_WAITS_ENDED;
}

/* The record has parked, on an object if that is told. */
ALWAYS_INLINE void goleak_waits_begin(struct goleak_waits *waits, struct goleak_record *record, uint64_t object)
{
    goleak_waits_begin_at(waits, record, goleak_place_of(record, object));
}

/* … on none of the leak-capable set, now; stays: at the stack of its last wait. */
ALWAYS_INLINE void goleak_waits_begin_nap(struct goleak_waits *waits, struct goleak_record *record, uint32_t now,
                                          bool stays)
{
    if (!stays || !goleak_is_arrival(goleak_waits_place(waits, record)))
        goleak_waits_begin_at(waits, record, now);
    else
        record->waits &= ~(record->waits / GOLEAK_WAITS_HABITS * GOLEAK_WAITS_ENDED);
}

void goleak_waits_ended(struct goleak_waits *waits, struct goleak_record *record, int64_t moment);
void goleak_waits_drop(struct goleak_waits *waits, struct goleak_record *record);

/* How long it has been in its state at a moment; 0 where that is not told. */
static inline int64_t goleak_waited(const struct goleak_record *record, int64_t moment)
{
    return goleak_between(record->since, moment);
}

/* If it waits, its wait is over at this moment. The record is as it was. */
ALWAYS_INLINE void goleak_waits_end(struct goleak_waits *waits, struct goleak_record *record, int64_t moment)
{
    /* In one branch: a stream tells no waits at all, or who acts was woken before. */
    const unsigned kept = record->waits != 0, waiting = record->state == GOLEAK_STATE_WAITING;
    if ((kept & waiting) != 0)
        goleak_waits_ended(waits, record, moment);
}

/* It waits for another object than this one, as far as is told. */
bool goleak_waits_elsewhere(const struct goleak_waits *waits, const struct goleak_record *record, uint64_t object);

static inline void goleak_waits_forget(struct goleak_waits *waits, struct goleak_record *record)
{
    if (goleak_has_habits(record))
        goleak_waits_drop(waits, record);
    record->waits = 0;
}

/* The habit that it used last is asked for soon. */
GOLEAK_PREFETCHER void goleak_waits_prefetch(const struct goleak_waits *waits, const struct goleak_record *record)
{
    if (waits->chunks.count != 0)
        GOLEAK_PREFETCH(goleak_habit_at(waits, goleak_first_habit(record)));
}

/* What it has been through; NULL: nothing that ended. */
static inline const struct goleak_past *goleak_waits_past(const struct goleak_waits *waits,
                                                          const struct goleak_record *record)
{
    return goleak_has_habits(record) ? &goleak_habit_of(waits, record)->past : NULL;
}

/* The first naps are counted in the record: many live for one or two, and have no habits. */
#define GOLEAK_NAPS_IN_RECORD (UINT16_MAX / GOLEAK_REC_NAP)

/* How many of its waits ended that were not on the leak-capable set: sleep, network. */
static inline uint32_t goleak_waits_naps(const struct goleak_waits *waits, const struct goleak_record *record)
{
    const uint32_t naps = record->flags / GOLEAK_REC_NAP;
    const struct goleak_past *past = naps == GOLEAK_NAPS_IN_RECORD ? goleak_waits_past(waits, record) : NULL;
    return naps + (past != NULL ? past->naps : 0);
}

/* What it knows of the place where it waits now; NULL: it never woke up there. */
const struct goleak_habit *goleak_waits_here(const struct goleak_waits *waits, const struct goleak_record *record);
/* Some of its places are not known any more. */
static inline bool goleak_waits_forgot(const struct goleak_waits *waits, const struct goleak_record *record)
{
    return goleak_has_habits(record) && goleak_habit_of(waits, record)->forgot != 0;
}

/* How many of its waits have ended, of any kind. */
uint32_t goleak_waits_count(const struct goleak_waits *waits, const struct goleak_record *record);
/* The wait site of a blocked goroutine; NULL: no wait there ever ended. */
const struct goleak_wait_site *goleak_waits_site(const struct goleak_waits *waits, const struct goleak_record *record);

#endif
