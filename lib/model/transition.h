/*
 * transition - what the replay tells the analyses: one short record for each
 * change of a goroutine that counts, in order, in batches.
 *
 * System goroutines (unless they are wanted) are left out. One that is proven
 * to be the runtime's only after it has been told of is taken back with
 * GOLEAK_T_RETRACTED: an analysis then forgets it as if it had never been.
 */
#ifndef GOLEAK_MODEL_TRANSITION_H
#define GOLEAK_MODEL_TRANSITION_H

#include "model/goroutine.h"

enum goleak_transition_kind {
    GOLEAK_T_APPEARED, /* older than the recording, seen for the first time */
    GOLEAK_T_CREATED,
    GOLEAK_T_ENDED,         /* `since`: moment of creation, GOLEAK_NO_MOMENT if older */
    GOLEAK_T_ENDED_BLOCKED, /* unblocked and ended, at one moment: nobody has seen it wake up */
    /* The same of one that is known to be the runtime's, where those are wanted: they are no part of what goes on in
     * the program, by which the recording is cut into parts. */
    GOLEAK_T_SYSTEM_ENDED,
    GOLEAK_T_SYSTEM_ENDED_BLOCKED,
    GOLEAK_T_BLOCKED, /* parked on the leak-capable set */
    GOLEAK_T_UNBLOCKED,
    GOLEAK_T_REBLOCKED,        /* both, at one moment: nobody has seen it awake between two parks */
    GOLEAK_T_SYSTEM_UNBLOCKED, /* the same of the runtime's */
    GOLEAK_T_SYSTEM_REBLOCKED,
    GOLEAK_T_WAS_THERE,   /* as APPEARED, and the recording tells that it was there from the beginning */
    GOLEAK_T_WAS_BLOCKED, /* … and has been blocked since then */
    GOLEAK_T_MOVED,       /* its spawn site is known now: `site`; it was counted at site 0 */
    GOLEAK_T_RETRACTED,   /* `blocked`, `preexisting`, `since` as the goroutine was */
    GOLEAK_T_KINDS,
    GOLEAK_T_COUNTED = GOLEAK_T_MOVED /* kinds below this one only add up */
};

struct goleak_transition {
    int64_t moment;
    uint32_t site;
    uint8_t kind;
    /* Not of waits that begin or end: */
    bool blocked, preexisting;
    bool was_there, was_blocked; /* told so; of MOVED and RETRACTED */
    uint32_t parent_site;
    int64_t since;
    uint64_t serial; /* which goroutine, for all of the recording; not of ends, either */
};

#define GOLEAK_TRANSITIONS 256

/* A batch, and lists for those who look at some kinds only: whether the next one is of
 * these cannot be foreseen. */
struct goleak_transitions {
    size_t count;
    size_t site_count; /* spawn sites that there are: no `site` is beyond */
    int64_t beginning; /* moment of the recording's; GOLEAK_NO_MOMENT: of the first of these */
    size_t creation_count, end_count, rare_count;
    uint8_t creations[GOLEAK_TRANSITIONS], ends[GOLEAK_TRANSITIONS]; /* indices, in order */
    uint8_t rare[GOLEAK_TRANSITIONS]; /* moved or retracted */
    struct goleak_transition all[GOLEAK_TRANSITIONS];
};

static inline void goleak_transitions_clear(struct goleak_transitions *batch)
{
    batch->count = batch->creation_count = batch->end_count = batch->rare_count = 0;
}

/* Of an end: how long it lived; 0 for one that is older. Clocks may run backwards between
 * CPUs: no life is shorter than none. */
static inline uint64_t goleak_transition_life(const struct goleak_transition *t)
{
    uint64_t life = (uint64_t)t->moment - (uint64_t)t->since;
    return t->moment > t->since && t->since != GOLEAK_NO_MOMENT ? life : 0;
}

/* all[count], of this kind, belongs to the batch now. */
static inline void goleak_transitions_add(struct goleak_transitions *batch, enum goleak_transition_kind kind)
{
    uint8_t index = (uint8_t)batch->count++;
    batch->all[index].kind = (uint8_t)kind;
    if (kind == GOLEAK_T_CREATED)
        batch->creations[batch->creation_count++] = index;
    else if (kind == GOLEAK_T_ENDED || kind == GOLEAK_T_ENDED_BLOCKED)
        batch->ends[batch->end_count++] = index;
    else if (kind == GOLEAK_T_MOVED || kind == GOLEAK_T_RETRACTED)
        batch->rare[batch->rare_count++] = index;
}

#endif
