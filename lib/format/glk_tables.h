/*
 * glk_tables - what the blocks of one source have told so far: strings, stacks, and
 * which address of g each slot stands for.
 *
 * Numbers are given in the order of telling, and each list says with which it begins. So
 * a block that is lost leaves holes, and shifts nothing: what lies in a hole is unknown.
 */
#ifndef GOLEAK_FORMAT_GLK_TABLES_H
#define GOLEAK_FORMAT_GLK_TABLES_H

#include "format/format.h"
#include "format/glk_layout.h"

/* From numbers of the file, from 1, to ids of ours; of[0] is 0, and so are holes. */
struct goleak_glk_ids {
    uint32_t *of;
    size_t count, capacity; /* count: numbers told, and 1 */
};

struct goleak_glk_tables {
    struct goleak_alloc *alloc;
    struct goleak_symbols *symbols;
    struct goleak_glk_ids strings, frames, stacks;
    uint64_t *slots; /* addresses; behind the last, one that stands for what is unknown */
    size_t slot_count, slot_capacity;
    size_t slots_told; /* … of them; those behind are mentioned, but nothing has told them */
    uint64_t *goids; /* the last one of each slot, 0: unknown; as many as slots, or NULL */
    size_t goid_count, goid_capacity;
    uint32_t *unknown_gs;  /* addresses that were lost, counted: of all sources, so that none has another's */
    bool has_unknown_gs;   /* some of `slots` are such */
    uint64_t slots_beyond; /* so far behind what was told a slot is one of its own: a claim costs memory and time */
    uint32_t words[256]; /* strings: of kinds that this version does not know */
    bool mentions_later; /* an entry of the list being read: what stands behind it, or nowhere */
    uint32_t *list;      /* a stack being read */
    size_t list_capacity;
    uint64_t *scratch;   /* values of a column */
};

void goleak_glk_tables_init(struct goleak_glk_tables *tables, struct goleak_alloc *alloc,
                            struct goleak_symbols *symbols, uint32_t *unknown_gs);
void goleak_glk_tables_release(struct goleak_glk_tables *tables);
/* The tables begin anew. */
void goleak_glk_tables_clear(struct goleak_glk_tables *tables);
/* There is something to read behind the last slot, though none was told. False: memory. */
bool goleak_glk_tables_ready(struct goleak_glk_tables *tables);
/* The slots up to this one are there: those that nothing has told get a goroutine each. A
 * number that no recording has is left out, and goes by what stands behind the last. False:
 * memory. */
bool goleak_glk_tables_reach(struct goleak_glk_tables *tables, uint64_t slot);
/* Some block is lost: a slot's last goid may have been told there. */
void goleak_glk_tables_doubt(struct goleak_glk_tables *tables);
/* Room in `goids` for every slot. False: memory. */
bool goleak_glk_tables_goids(struct goleak_glk_tables *tables);

/* An item of a block's tables that is one of the lists, a place or a kind. `gap_max`: so
 * many numbers may have been lost before it. Damage: *problem is its sentence. */
enum goleak_status goleak_glk_tables_take(struct goleak_glk_tables *tables, enum goleak_glk_item item,
                                          const uint8_t *at, const uint8_t *end, uint64_t gap_max,
                                          const char **problem);

/* Of a goroutine whose address was lost with a block: shown without one (GOLEAK_G_SLOT). */
#define GOLEAK_GLK_LOST_G (GOLEAK_G_SLOT | (uint64_t)1 << 31)

static inline bool goleak_glk_is_lost(uint64_t g)
{
    return g >> 31 == GOLEAK_GLK_LOST_G >> 31;
}

static inline uint32_t goleak_glk_id(const struct goleak_glk_ids *ids, uint64_t number)
{
    return number < ids->count ? ids->of[number] : 0;
}

#endif
