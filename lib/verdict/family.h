/*
 * family - those whom one goroutine started in one function, and who of them asks for the others.
 *
 * All who ask come first, each with the time in which the others were started that it asks for. Then
 * come the others, one by one, and are told who asks for them; whoever has got an answer is not told
 * of again.
 */
#ifndef GOLEAK_VERDICT_FAMILY_H
#define GOLEAK_VERDICT_FAMILY_H

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/hash.h"

struct goleak_asker {
    int64_t since, until; /* moments: it asks for those who were created between them */
    int64_t reach;        /* when all have asked: the last `until` of its family up to here */
    uint32_t record;      /* 0: it has got its answer */
    uint32_t before : 29; /* place of another one of its family that asks: when all have asked, the nearest one before
                           * that may have no answer yet */
    uint32_t mark : 2;    /* by who asks, as is all that follows */
    uint32_t served : 1;
    uint32_t site, wakers[2];
};

struct goleak_family {
    uint64_t number;   /* any but 0; 0: a free place */
    int64_t from;      /* when all have asked: nobody asks for one who was created before; INT64_MAX: all are answered */
    uint32_t first;    /* the place before that of the first who asks; while they ask, of the last one */
    uint32_t count;    /* of who ask */
    uint32_t answered; /* behind `first`: so many have their answers */
    uint32_t near;     /* behind `first`: so many had asked for one who was created when the last one was */
};

struct goleak_families {
    struct goleak_alloc *alloc;
    struct goleak_family *slots; /* open addressing: at most half of them are used */
    size_t slot_mask, count;
    struct goleak_asker *askers; /* from place 1 on: as they ask; then by family and `since` */
    size_t asker_count, asker_capacity;
};

void goleak_families_init(struct goleak_families *families, struct goleak_alloc *alloc);
void goleak_families_release(struct goleak_families *families);

/* False: memory, or more than 2^29 who ask. */
bool goleak_families_ask(struct goleak_families *families, uint64_t family, const struct goleak_asker *asker);
/* All have asked. False: memory. */
bool goleak_families_sort(struct goleak_families *families);

static inline size_t goleak_families_place(const struct goleak_families *families, uint64_t family)
{
    return (size_t)(goleak_hash_u64(family) >> 32) & families->slot_mask;
}

/* It is looked for soon; somebody has asked for some family. */
GOLEAK_PREFETCHER void goleak_families_prefetch(const struct goleak_families *families, uint64_t family)
{
    GOLEAK_PREFETCH(&families->slots[goleak_families_place(families, family)]);
}

/* A free place where nobody asks for it. Somebody has asked for some family. */
static inline struct goleak_family *goleak_families_find(const struct goleak_families *families, uint64_t family)
{
    size_t at = goleak_families_place(families, family);
    while (families->slots[at].number != 0 && families->slots[at].number != family)
        at = (at + 1) & families->slot_mask;
    return &families->slots[at];
}

/* Who asks for one that was created then: from this place on towards the first one of the family, as far as
 * their `reach` goes, if their time has not ended. */
uint32_t goleak_families_nearest(struct goleak_families *families, struct goleak_family *family, int64_t created);

/* Who asks at this place has got an answer. */
static inline void goleak_families_answer(struct goleak_families *families, struct goleak_family *family,
                                          uint32_t place)
{
    const struct goleak_asker *askers = families->askers + family->first; /* from 1 on */
    families->askers[place].record = 0;
    while (family->answered < family->count && askers[family->answered + 1].record == 0)
        family->answered++;
    family->from = family->answered < family->count ? askers[family->answered + 1].since : INT64_MAX;
}

/* At this place or before, one who has no answer yet; `family->first`: none is left. */
static inline uint32_t goleak_families_unanswered(struct goleak_families *families, const struct goleak_family *family,
                                                  uint32_t place)
{
    struct goleak_asker *askers = families->askers;
    while (place > family->first && askers[place].record == 0) {
        uint32_t before = askers[place].before;
        if (before > family->first && askers[before].record == 0)
            askers[place].before = askers[before].before;
        place = before;
    }
    return place;
}

#endif
