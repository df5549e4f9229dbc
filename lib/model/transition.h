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
    GOLEAK_T_APPEARED,  /* older than the recording, seen for the first time */
    GOLEAK_T_CREATED,
    GOLEAK_T_ENDED,     /* `since`: moment of creation, GOLEAK_NO_MOMENT if older */
    GOLEAK_T_BLOCKED,   /* parked on the leak-capable set */
    GOLEAK_T_UNBLOCKED, /* `since`: moment of the park */
    GOLEAK_T_REBLOCKED, /* both, at one moment: nobody has seen it awake between two parks */
    GOLEAK_T_MOVED,     /* its spawn site is known now: `site`; it was counted at site 0 */
    GOLEAK_T_RETRACTED, /* `blocked`, `preexisting`, `since` as the goroutine was */
    GOLEAK_T_KINDS
};

struct goleak_transition {
    int64_t moment, since;
    uint64_t serial;      /* which goroutine, for all of the recording */
    uint32_t site, parent_site; /* parent_site: of creations, ends, retractions */
    uint8_t kind, reason;
    bool blocked, preexisting;
};

#define GOLEAK_TRANSITIONS 256

/* A batch, and the same by kind: who counts only some kinds need not branch on all. */
struct goleak_transitions {
    size_t count;
    size_t count_of[GOLEAK_T_KINDS];
    uint8_t of[GOLEAK_T_KINDS][GOLEAK_TRANSITIONS]; /* indices, in order */
    struct goleak_transition all[GOLEAK_TRANSITIONS];
};

/* Sorts the indices; `all` and `count` are set. */
void goleak_transitions_sort(struct goleak_transitions *batch);

#endif
