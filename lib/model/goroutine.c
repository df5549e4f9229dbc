/* goroutine - see goroutine.h. At most half of the slots are used, of small tables an eighth, and of large
 * ones, which cost more to fill than to search, three quarters. */
#include "model/goroutine.h"

#include "base/bits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *goleak_goroutine_text(char out[GOLEAK_GOROUTINE_TEXT], uint64_t goid, uint64_t g)
{
    g = goleak_g_told(g);
    if (goid != 0 && g != 0)
        snprintf(out, GOLEAK_GOROUTINE_TEXT, "goroutine %" PRIu64 " (g %" PRIx64 ")", goid, g);
    else if (goid != 0)
        snprintf(out, GOLEAK_GOROUTINE_TEXT, "goroutine %" PRIu64, goid);
    else if (g != 0)
        snprintf(out, GOLEAK_GOROUTINE_TEXT, "g %" PRIx64, g);
    else
        snprintf(out, GOLEAK_GOROUTINE_TEXT, "a goroutine");
    return out;
}

bool goleak_store_set_until(struct goleak_store *store, struct goleak_record *record, int64_t until)
{
    if (!goleak_grow(store->alloc, &store->untils, &store->until_capacity, (size_t)record->index + 1,
                     sizeof *store->untils))
        return false;
    store->untils[record->index] = until;
    record->flags |= GOLEAK_REC_TIMED;
    return true;
}

bool goleak_store_set_high(struct goleak_store *store, const struct goleak_record *record, uint32_t high)
{
    const size_t before = store->high_capacity;
    if (!goleak_grow(store->alloc, &store->highs, &store->high_capacity, (size_t)record->index + 1,
                     sizeof *store->highs))
        return false;
    memset(store->highs + before, 0, (store->high_capacity - before) * sizeof *store->highs);
    store->highs[record->index] = high;
    return true;
}

#define FIRST_SLOTS_LOG2 10
#define SMALL_SLOTS 16384
#define LARGE_SLOTS 1000000

/* In rows, whose slots are fetched before the first is needed: see replay.c. */
#define ROW 32

/* In the first free slot; returns how far that is from its own. There are as many slots as indices: see below. */
static uint32_t put(struct goleak_store *store, uint64_t hash, uint32_t index)
{
    const uint32_t home = (uint32_t)(hash >> store->slot_shift);
    uint32_t at = home;
    while (store->slots[at] != 0)
        at = (at + 1) & store->slot_mask;
    store->slots[at] = goleak_store_tag(store, hash) | index;
    return (at - home) & store->slot_mask;
}

static void put_row(struct goleak_store *store, uint32_t first, uint32_t count)
{
    uint64_t hashes[ROW];
    for (uint32_t i = 0; i < count; i++) {
        const struct goleak_record *record = goleak_store_at(store, first + i);
        uint64_t key = record->g != 0 ? record->g : record->goid | GOLEAK_KEY_GOID;
        hashes[i] = goleak_store_hash(store, key, record->process);
        goleak_store_prefetch_slot(store, hashes[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct goleak_record *record = goleak_store_at(store, first + i);
        if (record->g == 0 && record->goid == 0)
            continue; /* another record has taken over what was known of it */
        if (record->g != 0 && goleak_store_numbered(store, record->g) == first + i)
            continue;
        put(store, hashes[i], first + i);
    }
}

static bool resize_slots(struct goleak_store *store, unsigned log2)
{
    const size_t count = (size_t)1 << log2, old_count = store->slots != NULL ? (size_t)store->slot_mask + 1 : 0;
    uint32_t *old = store->slots, *slots = log2 < 32 ? goleak_alloc_table(store->alloc, count, sizeof *slots) : NULL;
    if (slots == NULL)
        return false;
    store->slots = slots;
    store->slot_mask = (uint32_t)(count - 1);
    store->slot_shift = 64 - log2;
    for (uint32_t index = 1; index <= store->count; index += ROW)
        put_row(store, index, store->count - index < ROW ? store->count + 1 - index : ROW);
    goleak_free(store->alloc, old, old_count * sizeof *old);
    return true;
}

/* Of keys that fall on each other a factor that nobody knows parts nearly all. */
static bool part(struct goleak_store *store)
{
    store->factor = goleak_hash_secret(store->slots);
    bool good = resize_slots(store, 64 - store->slot_shift);
    store->factor = good ? store->factor : GOLEAK_STORE_FACTOR;
    return good;
}

_Static_assert(sizeof(struct goleak_record) == GOLEAK_LINE, "a record is one line of the cache");

bool goleak_store_init(struct goleak_store *store, struct goleak_alloc *alloc)
{
    *store =
        (struct goleak_store) { .alloc = alloc, .factor = GOLEAK_STORE_FACTOR, .goids.factor = GOLEAK_STORE_FACTOR };
    goleak_chunks_init(&store->chunks, alloc, GOLEAK_RECORD_CHUNK * GOLEAK_RECORD_BYTES);
    if (!goleak_chunks_add(&store->chunks) || !resize_slots(store, FIRST_SLOTS_LOG2))
        return false;
    *goleak_store_at(store, 0) = (struct goleak_record){ .process = UINT16_MAX }; /* none, and none's process */
    *goleak_store_detail_at(store, 0) = (struct goleak_detail) { 0 };
    return true;
}

void goleak_store_release(struct goleak_store *store)
{
    goleak_chunks_release(&store->chunks);
    goleak_free(store->alloc, store->untils, store->until_capacity * sizeof *store->untils);
    goleak_free(store->alloc, store->highs, store->high_capacity * sizeof *store->highs);
    goleak_free(store->alloc, store->goids.slots,
                store->goids.slots != NULL ? (store->goids.mask + 1) * sizeof(uint32_t) : 0);
    goleak_free(store->alloc, store->numbered, store->numbered_capacity * sizeof *store->numbered);
    goleak_free(store->alloc, store->slots,
                store->slots != NULL ? ((size_t)store->slot_mask + 1) * sizeof *store->slots : 0);
    *store = (struct goleak_store){ .alloc = store->alloc };
}

/* Readers number from 1 as goroutines come; what is far beyond their count is a claim. */
#define NUMBERS_BEYOND 65536

/* False: it must go into the slots. */
static bool put_number(struct goleak_store *store, uint64_t key, uint32_t index)
{
    size_t number = (uint32_t)key, before = store->numbered_count;
    if (!goleak_g_is_slot(key) || number > (size_t)index + NUMBERS_BEYOND)
        return false;
    if (number == index)
        return number >= before || store->numbered[number] == 0;
    if (number >= before) {
        if (!goleak_grow(store->alloc, &store->numbered, &store->numbered_capacity, number + 1,
                         sizeof *store->numbered))
            return false;
        memset(store->numbered + before, 0, (number + 1 - before) * sizeof *store->numbered);
        store->numbered_count = number + 1;
    }
    if (store->numbered[number] != 0)
        return false; /* another process's */
    store->numbered[number] = index;
    return true;
}

uint32_t goleak_store_add(struct goleak_store *store, uint64_t key, uint16_t process, uint64_t hash)
{
    uint32_t index = store->count + 1;
    if (index >= UINT32_MAX - GOLEAK_RECORD_CHUNK)
        return 0;
    if (index / GOLEAK_RECORD_CHUNK >= store->chunks.count && !goleak_chunks_add(&store->chunks))
        return 0;
    size_t room = store->slot_mask < SMALL_SLOTS ? store->slot_mask / 8 :
                  store->slot_mask < LARGE_SLOTS ? store->slot_mask / 2 : store->slot_mask / 4 * 3;
    if (store->hashed > room && !resize_slots(store, 64 - store->slot_shift + 1))
        return 0;
    struct goleak_record *record = goleak_store_at(store, index);
    memset(record, 0, sizeof *record);
    record->index = index;
    memset(goleak_store_detail(store, record), 0, sizeof(struct goleak_detail));
    if (key & GOLEAK_KEY_GOID) {
        record->goid = key & ~GOLEAK_KEY_GOID;
        store->has_goids = true;
    } else {
        record->g = key;
        store->has_addresses = true;
        store->has_numbers = store->has_numbers || goleak_g_is_slot(key);
    }
    record->process = process;
    const bool is_numbered = put_number(store, key, index);
    /* Its index has to fit below the tag: few may be in slots, and many numbered. */
    if (!is_numbered && index > store->slot_mask && !resize_slots(store, goleak_bits(index)))
        return 0;
    store->count = index;
    if (store->has_numbers) {
        const bool beyond = store->numbered_count <= index;
        store->plain_first = beyond ? (uint32_t)store->numbered_count : 0;
        store->plain_more = beyond ? index - store->plain_first : 0;
    }
    if (is_numbered)
        return index;
    store->hashed++;
    const uint32_t far = put(store, hash, index);
    if (UNLIKELY(far >= GOLEAK_HASH_FAR) && store->factor == GOLEAK_STORE_FACTOR && !part(store))
        return 0;
    return index;
}

/* ---- by goid ---- */

/* By the high half: the low bits of goids at large steps are all alike. */
static size_t home_of(const struct goleak_goids *goids, uint64_t goid, uint16_t process)
{
    return (size_t)((goid ^ (uint64_t)process << 48) * goids->factor >> 32) & goids->mask;
}

/* False: it stands too far from home. */
static bool put_goid(struct goleak_store *store, const struct goleak_record *record, uint32_t index)
{
    struct goleak_goids *goids = &store->goids;
    size_t home = home_of(goids, record->goid, record->process), at = home;
    for (; goids->slots[at] != 0; at = (at + 1) & goids->mask) {
        const struct goleak_record *other = goleak_store_at(store, goids->slots[at]);
        if (other->goid != record->goid || other->process != record->process)
            continue;
        goids->slots[at] = index; /* the last one counts */
        return true;
    }
    goids->slots[at] = index;
    goids->used++;
    return ((at - home) & goids->mask) < GOLEAK_HASH_FAR || goids->factor != GOLEAK_STORE_FACTOR;
}

static bool collect_goids(struct goleak_store *store);

static bool part_goids(struct goleak_store *store)
{
    store->goids.factor = goleak_hash_secret(store->goids.slots);
    return collect_goids(store);
}

/* Anew, of the goids that there are now. */
static bool collect_goids(struct goleak_store *store)
{
    struct goleak_goids *goids = &store->goids;
    size_t count = 1024;
    while (count < (size_t)store->count * 4)
        count *= 2;
    uint32_t *slots = goleak_alloc_table(store->alloc, count, sizeof *slots);
    if (slots == NULL)
        return false;
    goleak_free(store->alloc, goids->slots, goids->slots != NULL ? (goids->mask + 1) * sizeof *slots : 0);
    *goids = (struct goleak_goids) { .slots = slots, .mask = count - 1, .factor = goids->factor };
    for (uint32_t index = 1; index <= store->count; index++)
        if (goleak_store_at(store, index)->goid != 0 && !put_goid(store, goleak_store_at(store, index), index))
            return part_goids(store);
    return true;
}

bool goleak_store_note_goid(struct goleak_store *store, uint32_t index)
{
    struct goleak_goids *goids = &store->goids;
    const struct goleak_record *record = goleak_store_at(store, index);
    if (goids->slots == NULL || record->goid == 0)
        return true;
    if (goids->used * 2 > goids->mask)
        return collect_goids(store);
    return put_goid(store, record, index) || part_goids(store);
}

bool goleak_store_by_goid(struct goleak_store *store, uint64_t goid, uint16_t process, uint32_t *index)
{
    struct goleak_goids *goids = &store->goids;
    *index = 0;
    if (goids->slots == NULL && !collect_goids(store))
        return false;
    for (size_t at = home_of(goids, goid, process); goids->slots[at] != 0; at = (at + 1) & goids->mask) {
        const struct goleak_record *record = goleak_store_at(store, goids->slots[at]);
        if (record->goid != goid || record->process != process)
            continue;
        *index = goids->slots[at];
        if (record->g != 0) /* else it was only named, and may have shown itself since */
            break;
    }
    return true;
}
