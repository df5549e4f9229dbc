/*
 * goroutine - the second waist: the lifecycle record, and the store of them.
 *
 * A goroutine is (process, g, incarnation): the runtime recycles struct g, so
 * one record serves every incarnation of one address, the newest at a time.
 * Records are never deleted: distinct addresses = peak goroutines. They lie in
 * chunks that never move; a table of 4-byte slots finds them by address.
 *
 *      slots  [ tag | index ]  ->  records in chunks of 4096, one cache line each, and
 *                                  behind them what few events touch: when each ran
 *                                  first, and its details
 *
 * A moment is what the recording gives for time: nanoseconds, or, where it
 * prints none, the number of the event.
 */
#ifndef GOLEAK_MODEL_GOROUTINE_H
#define GOLEAK_MODEL_GOROUTINE_H

#include "base/chunks.h"
#include "base/compiler.h"
#include "base/hash.h"

#define GOLEAK_NO_MOMENT GOLEAK_NONE

/* Bits of goleak_record.flags. */
#define GOLEAK_REC_PREEXISTING 1u
#define GOLEAK_REC_SYSTEM 2u     /* proven */
#define GOLEAK_REC_USER 4u       /* proven not to be the runtime's */
#define GOLEAK_REC_MAIN 8u       /* the main goroutine, proven */
#define GOLEAK_REC_NOT_MAIN 16u  /* proven not to be it */
#define GOLEAK_REC_SEEN 32u      /* has events of its own; else only named */
#define GOLEAK_REC_BLOCKED 64u   /* waiting, on a reason of the leak-capable set */
#define GOLEAK_REC_PANIC 128u    /* waiting while the process panics */
#define GOLEAK_REC_FOUND 256u    /* waiting, which a status told: its reason, if any, was read off its stack */
#define GOLEAK_REC_SPAWNED 512u  /* has a lineage node */
#define GOLEAK_REC_MOVED 2048u   /* its goroutine is another record now, whose index `block_stack` is */
#define GOLEAK_REC_STARTED 1024u /* has run; when it did first: see goleak_store_started() */
#define GOLEAK_REC_TIMED 4096u   /* waits for a timer, too; see goleak_store_until() */
#define GOLEAK_REC_NAP 8192u     /* the three bits from here on: see goleak_waits_naps() */
#define GOLEAK_REC_TWIN 8192u    /* of one that has ended, and naps no more: that it has a twin is counted */

/* What a wait has, and nobody who is awake. */
#define GOLEAK_REC_OF_WAIT (GOLEAK_REC_BLOCKED | GOLEAK_REC_PANIC | GOLEAK_REC_FOUND | GOLEAK_REC_TIMED)

#define GOLEAK_NO_WAIT 255

struct goleak_record {
    uint64_t g;       /* 0: known by goid only */
    uint64_t goid;    /* 0: not told */
    int64_t created;  /* moment; GOLEAK_NO_MOMENT if older than the recording */
    int64_t since;    /* moment at which the state began */
    uint32_t serial;  /* order of creation, or of first sight; from 1; the low half: goleak_store_serial */
    uint32_t waits;   /* what waits.h keeps of it */
    uint32_t index;   /* its own */
    uint32_t site;    /* index of its spawn site */
    uint32_t parent;  /* lineage node of its spawner, see lineage.h; 0: not told */
    uint32_t block_stack; /* of its present wait, or, awake, of its last one; see goleak_waiting_stack() */
    uint16_t process; /* index of its process */
    uint16_t flags;
    uint8_t state;    /* enum goleak_state */
    uint8_t reason;   /* enum goleak_reason */
    uint8_t raw_reason; /* as recorded: read again when the Go version is known */
    uint8_t wait;     /* g.waitreason as recorded; GOLEAK_NO_WAIT: not told */
};

struct goleak_detail {
    uint32_t incarnation : 30;               /* up to GOLEAK_INCARNATION_MAX */
    uint32_t was_there : 1, was_blocked : 1; /* it was told as GOLEAK_T_WAS_THERE, as …_WAS_BLOCKED */
    uint32_t created_stack;
    uint32_t node; /* its own lineage node; 0 until it spawns */
};

#define GOLEAK_INCARNATION_MAX (((uint32_t)1 << 30) - 1)

#define GOLEAK_RECORD_CHUNK 4096
#define GOLEAK_RECORD_BYTES (sizeof(struct goleak_record) + sizeof(int64_t) + sizeof(struct goleak_detail))

/* Finds records by goid, for streams that name spawners and wakers by goid alone. Made
 * when it is first asked; entries go stale with the lives of their records. */
struct goleak_goids {
    uint32_t *slots; /* NULL: never asked */
    size_t mask, used;
    uint64_t factor; /* as the store's */
};

struct goleak_store {
    struct goleak_alloc *alloc;
    struct goleak_goids goids;
    struct goleak_chunks chunks; /* of records, the moments when they ran first behind them, and their details */
    uint32_t count; /* records in use; index 0 is "none" and not used */
    bool has_addresses, has_goids, has_numbers; /* there were keys of this kind */
    bool has_high; /* a serial has more than 32 bits */
    uint32_t *slots;    /* by the hash's highest bits: its lowest ones as a tag, above the index; 0: free */
    uint32_t slot_mask; /* number of slots - 1: the index's bits */
    unsigned slot_shift;
    uint64_t factor;   /* of the hash; another one where keys fall on each other */
    size_t hashed;     /* records that the slots name; the others: */
    uint32_t *numbered; /* by the number in the key (goleak_g_is_slot), where that is not the index itself */
    size_t numbered_count, numbered_capacity;
    uint32_t plain_first, plain_more; /* such numbers from the first one on, and so many more, are the index */
    int64_t *untils; /* by index; few recordings tell any */
    size_t until_capacity;
    uint32_t *highs; /* by index: of the serial's higher half, since there is any */
    size_t high_capacity;
};

bool goleak_store_init(struct goleak_store *store, struct goleak_alloc *alloc);
void goleak_store_release(struct goleak_store *store);

static inline struct goleak_record *goleak_store_at(const struct goleak_store *store, uint32_t index)
{
    struct goleak_record *chunk = store->chunks.all[index / GOLEAK_RECORD_CHUNK];
    return &chunk[index % GOLEAK_RECORD_CHUNK];
}

static inline struct goleak_detail *goleak_store_detail_at(const struct goleak_store *store, uint32_t index)
{
    struct goleak_record *chunk = store->chunks.all[index / GOLEAK_RECORD_CHUNK];
    int64_t *started = (int64_t *)(void *)(chunk + GOLEAK_RECORD_CHUNK);
    return (struct goleak_detail *)(void *)(started + GOLEAK_RECORD_CHUNK) + index % GOLEAK_RECORD_CHUNK;
}

/* The moments behind the records of its chunk, in which a record tells where it lies. */
static inline int64_t *goleak_store_starts(const struct goleak_record *record)
{
    const size_t place = record->index % GOLEAK_RECORD_CHUNK;
    return (int64_t *)((uintptr_t)record + (GOLEAK_RECORD_CHUNK - place) * sizeof *record);
}

/* When it ran first; GOLEAK_NO_MOMENT: that is not told. */
static inline int64_t goleak_store_started(const struct goleak_record *record)
{
    const bool is_told = (record->flags & (GOLEAK_REC_STARTED | GOLEAK_REC_PREEXISTING)) == GOLEAK_REC_STARTED;
    return is_told ? goleak_store_starts(record)[record->index % GOLEAK_RECORD_CHUNK] : GOLEAK_NO_MOMENT;
}
/* It runs: for the first time, if nothing tells otherwise. */
static inline void goleak_store_start(struct goleak_record *record, int64_t moment)
{
    if (UNLIKELY((record->flags & (GOLEAK_REC_STARTED | GOLEAK_REC_PREEXISTING)) == 0))
        goleak_store_starts(record)[record->index % GOLEAK_RECORD_CHUNK] = moment;
    record->flags |= GOLEAK_REC_STARTED;
}

/* The same as goleak_store_detail_at(), of a record. */
static inline struct goleak_detail *goleak_store_detail(const struct goleak_store *store,
                                                        const struct goleak_record *record)
{
    (void)store;
    return (struct goleak_detail *)(void *)(goleak_store_starts(record) + GOLEAK_RECORD_CHUNK) +
           record->index % GOLEAK_RECORD_CHUNK;
}

/* It has started the other one. */
static inline bool goleak_has_started(const struct goleak_store *store, const struct goleak_record *record,
                                      const struct goleak_record *other)
{
    return (record->flags & GOLEAK_REC_SPAWNED) != 0 && other->process == record->process &&
           other->parent == goleak_store_detail(store, record)->node;
}

/* When a timer is to end its wait: of one that has GOLEAK_REC_TIMED. */
static inline int64_t goleak_store_until(const struct goleak_store *store, const struct goleak_record *record)
{
    return store->untils[record->index];
}
/* Sets it, and the flag. False: memory. */
bool goleak_store_set_until(struct goleak_store *store, struct goleak_record *record, int64_t until);

static inline uint64_t goleak_store_serial(const struct goleak_store *store, const struct goleak_record *record)
{
    uint64_t high = UNLIKELY(store->has_high) && record->index < store->high_capacity ? store->highs[record->index] : 0;
    return high << 32 | record->serial;
}
/* Sets its higher half. False: memory. */
bool goleak_store_set_high(struct goleak_store *store, const struct goleak_record *record, uint32_t high);

/* The key of a goroutine: its address within its process. Keys of streams that
 * tell no address are goids, marked by the top bit, which no user address has. */
#define GOLEAK_KEY_GOID ((uint64_t)1 << 63)

/* The address of struct g, of a key that may be a reader's slot; 0: it is one. */
static inline bool goleak_g_is_slot(uint64_t g)
{
    return g >> 32 == GOLEAK_G_SLOT >> 32;
}
static inline uint64_t goleak_g_told(uint64_t g)
{
    return goleak_g_is_slot(g) ? 0 : g;
}

/* From one moment to a later one, whatever the recording claims for times; 0 where it is not later, or not told. */
static inline int64_t goleak_between(int64_t begin, int64_t end)
{
    if (LIKELY(begin >= 0 && begin <= end)) /* so it is told, and nothing overflows */
        return end - begin;
    if (begin == GOLEAK_NO_MOMENT || begin > end)
        return 0;
    uint64_t between = (uint64_t)end - (uint64_t)begin;
    return between < INT64_MAX ? (int64_t)between : INT64_MAX;
}

/* Its wait was there when the recording began; `first` is that moment. */
static inline bool goleak_waits_before(const struct goleak_record *record, int64_t first)
{
    return (record->flags & GOLEAK_REC_FOUND) != 0 && record->since <= first;
}

/* … or when it was found: it has waited for longer than is known. */
static inline bool goleak_waits_longer(const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_FOUND) != 0;
}

/* Where it waits; 0: it does not, or nothing tells. */
static inline uint32_t goleak_waiting_stack(const struct goleak_record *record)
{
    return record->state == GOLEAK_STATE_WAITING ? record->block_stack : 0;
}

/* "goroutine 22 (g 108426584b40)", "goroutine 22", "g 108426584b40"; neither is told (0): "a
 * goroutine". Returns out. */
#define GOLEAK_GOROUTINE_TEXT 64
const char *goleak_goroutine_text(char out[GOLEAK_GOROUTINE_TEXT], uint64_t goid, uint64_t g);

/* A slot's goroutines are told apart by goids, which are never used again. 0 (it was only
 * named) stays 0. */
static inline uint32_t goleak_incarnation_told(uint64_t g, uint32_t incarnation)
{
    return goleak_g_is_slot(g) && incarnation > 1 ? 1 : incarnation;
}

/* The high half is the slot's, the low one the tag's. The factor is one that parts addresses
 * well that lie a struct g of any Go version (384 to 512 bytes) from each other: these are
 * most of what is asked, and hardly two of them then want the same slot. */
#define GOLEAK_STORE_FACTOR 0x2f4d4c8650d7d13fu

static inline uint64_t goleak_store_hash(const struct goleak_store *store, uint64_t key, uint16_t process)
{
    return (key ^ (uint64_t)process << 48) * store->factor;
}

GOLEAK_PREFETCHER void goleak_store_prefetch_slot(const struct goleak_store *store, uint64_t hash)
{
    GOLEAK_PREFETCH(&store->slots[hash >> store->slot_shift]);
}

/* The record whose key has this number, unless it is another process's; 0: none, or only
 * its slot knows. Readers number goroutines as they come, so it is mostly the index. */
static inline uint32_t goleak_store_numbered(const struct goleak_store *store, uint64_t key)
{
    uint32_t number = (uint32_t)key;
    if (!goleak_g_is_slot(key))
        return 0;
    if (number < store->numbered_count && store->numbered[number] != 0)
        return store->numbered[number];
    return number <= store->count ? number : 0;
}

/* Index of the record in the first slot that a key may have: in a small table nearly always the
 * right one, but it has not been looked at. 0 if there is none. Not numbered: no key is (has_numbers). */
static inline uint32_t goleak_store_guess(const struct goleak_store *store, uint64_t key, uint16_t process,
                                          bool numbered)
{
    const uint32_t number = (uint32_t)key;
    if (numbered && number - store->plain_first <= store->plain_more)
        return number;
    const uint32_t index = numbered ? goleak_store_numbered(store, key) : 0;
    const uint64_t hash = goleak_store_hash(store, key, process);
    return index != 0 ? index : store->slots[hash >> store->slot_shift] & store->slot_mask;
}

/* What of a slot is its tag, and what it is for this hash. */
static inline uint32_t goleak_store_tag(const struct goleak_store *store, uint64_t bits)
{
    return (uint32_t)bits & ~store->slot_mask;
}

/* … that has no number: in the first slot or the second, by their tags, where it mostly is in any table. Which of them
 * cannot be foreseen, so no branch asks. */
static inline uint32_t goleak_store_seek(const struct goleak_store *store, uint64_t hash)
{
    const uint32_t at = (uint32_t)(hash >> store->slot_shift), tag = goleak_store_tag(store, hash);
    const uint32_t first = store->slots[at] ^ tag, second = store->slots[(at + 1) & store->slot_mask] ^ tag;
    const uint32_t two = second <= store->slot_mask ? second : 0;
    return first <= store->slot_mask ? first : two;
}

/* Index of the record, 0 if there is none. */
static inline uint32_t goleak_store_find(const struct goleak_store *store, uint64_t key, uint16_t process,
                                         uint64_t hash)
{
    uint32_t tag = goleak_store_tag(store, hash), index = store->has_numbers ? goleak_store_numbered(store, key) : 0;
    if (index != 0 && goleak_store_at(store, index)->g == key && goleak_store_at(store, index)->process == process)
        return index;
    for (uint32_t at = (uint32_t)(hash >> store->slot_shift);; at = (at + 1) & store->slot_mask) {
        const uint32_t slot = store->slots[at];
        if (slot == 0)
            return 0;
        if (goleak_store_tag(store, slot) != tag)
            continue;
        index = slot & store->slot_mask;
        const struct goleak_record *record = goleak_store_at(store, index);
        uint64_t own = record->g != 0 ? record->g : record->goid | GOLEAK_KEY_GOID;
        if (own == key && record->process == process)
            return index;
    }
}

static inline uint32_t goleak_store_get(const struct goleak_store *store, uint64_t key, uint16_t process)
{
    return goleak_store_find(store, key, process, goleak_store_hash(store, key, process));
}

/* Index of the record whose goroutine has this goid now; 0: none. False: memory. */
bool goleak_store_by_goid(struct goleak_store *store, uint64_t goid, uint16_t process, uint32_t *index);
/* A record has got this goid. False: memory. */
bool goleak_store_note_goid(struct goleak_store *store, uint32_t index);

/* Adds a record for a key that is not there: g or goid set, the rest zero.
 * 0 when memory ends. May make the table anew, and then earlier hashes are none. */
uint32_t goleak_store_add(struct goleak_store *store, uint64_t key, uint16_t process, uint64_t hash);

#endif
