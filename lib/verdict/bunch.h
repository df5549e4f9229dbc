/*
 * bunch - the living, put together as far as all that a verdict rests on is the same.
 *
 * Of many that leak alike one is judged: whoever was never woken where it waits differs from
 * the others of its bunch in nothing that a rule looks at. Those who were, and coroutines,
 * are alone: rules look at what each of them has been through.
 */
#ifndef GOLEAK_VERDICT_BUNCH_H
#define GOLEAK_VERDICT_BUNCH_H

#include "base/intern.h"
#include "verdict/gap.h"
#include "verdict/hope.h"
#include "verdict/ties.h"

/* Several goroutines in a few words. */
struct goleak_sum {
    uint64_t count;
    int64_t oldest_since, youngest_since; /* moments */
    uint64_t first_serial; /* of the goroutine that was first */
    uint8_t wait;          /* g.waitreason of all of them; GOLEAK_NO_WAIT: not the same */
    uint32_t examples[GOLEAK_LEAK_EXAMPLES]; /* indices into the store: the oldest ones */
    uint32_t example_count;
    int64_t examples_until; /* where they are all that there may be: since when the last one is so */
};

struct goleak_bunch {
    struct goleak_key {
        uint64_t traits, place; /* see key_of() */
    } key;
    int64_t longest; /* has one of them waited */
    int64_t edge;    /* who waits for longer than any wait like it that ended, though in one bucket with it … */
    uint32_t beyond; /* … is of this bunch; 0: nobody is */
    struct goleak_sum sum; /* of nobody, where all are beyond */
};

struct goleak_bunches {
    struct goleak_alloc *alloc;
    struct goleak_intern index; /* bytes: the key */
    struct goleak_bunch *all;   /* by id; all[0] is none */
    size_t capacity;
    uint32_t *alone;            /* indices of records */
    size_t alone_count, alone_capacity;
};

void goleak_bunches_init(struct goleak_bunches *bunches, struct goleak_alloc *alloc);
void goleak_bunches_release(struct goleak_bunches *bunches);
/* apart: whoever is blocked is alone, for a rule asks how long it has waited. */
enum goleak_status goleak_bunches_find(struct goleak_bunches *bunches, const struct goleak_hope_input *input,
                                       const struct goleak_hope *hope, const struct goleak_ties *ties,
                                       const struct goleak_gaps *gaps, bool apart);

/* The one that stands for all. */
static inline uint32_t goleak_bunch_one(const struct goleak_bunch *bunch)
{
    return bunch->sum.examples[0];
}

#define GOLEAK_ALONE_AHEAD 8

/* One that is alone; what is kept of those behind it is fetched. */
static inline const struct goleak_record *goleak_bunch_alone(const struct goleak_bunches *bunches,
                                                             const struct goleak_store *store,
                                                             const struct goleak_waits *waits, size_t i)
{
    if (i + 2 * GOLEAK_ALONE_AHEAD < bunches->alone_count) {
        GOLEAK_PREFETCH(goleak_store_at(store, bunches->alone[i + 2 * GOLEAK_ALONE_AHEAD]));
        goleak_waits_prefetch(waits, goleak_store_at(store, bunches->alone[i + GOLEAK_ALONE_AHEAD]));
    }
    return goleak_store_at(store, bunches->alone[i]);
}

void goleak_sum_add(struct goleak_sum *sum, const struct goleak_store *store, const struct goleak_record *record);
void goleak_sum_merge(struct goleak_sum *sum, const struct goleak_store *store, const struct goleak_sum *other);

#endif
