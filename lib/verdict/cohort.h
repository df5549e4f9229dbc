/*
 * cohort - those who are blocked alike: the same spawn site, reason and block stack.
 *
 * One goroutine says little; that all of its kind wait, or that most of them are woken
 * again and again, says more. Also, how long waits took in the whole process.
 */
#ifndef GOLEAK_VERDICT_COHORT_H
#define GOLEAK_VERDICT_COHORT_H

#include "verdict/bunch.h"

struct goleak_cohort {
    uint64_t count;  /* blocked at the end */
    uint64_t alike;  /* … with those of their place that somebody else called for, in the same process */
    int64_t longest; /* has the oldest of them waited */
    int64_t last_born; /* moment by which all were created */
    uint8_t idler;   /* of goleak_idlers; 0: none */
    uint64_t scoped; /* of these with GOLEAK_HOPE_SCOPE */
    uint64_t served; /* of these woken here more than once, by somebody who may do so again, and not left out since */
    uint64_t outlasting;                    /* who have waited for longer than any wait like theirs that ended took */
    int64_t edge;                           /* … which is so long */
    uint64_t going_on[GOLEAK_WAIT_BUCKETS]; /* how long they have waited, as in goleak_wait_site */
};

/* What all of a cohort have in common. */
struct goleak_cohort_key {
    uint32_t site, stack, reason;
};

/* The waits for one reason that ended, in the whole process. */
struct goleak_pool {
    uint64_t ended;
    uint64_t buckets[GOLEAK_WAIT_BUCKETS];
};

struct goleak_cohorts {
    struct goleak_alloc *alloc;
    struct goleak_intern index; /* bytes: the key */
    struct goleak_cohort *cohorts;
    size_t capacity;
    struct goleak_pool pools[GOLEAK_REASON_COUNT];
};

void goleak_cohorts_init(struct goleak_cohorts *cohorts, struct goleak_alloc *alloc);
void goleak_cohorts_release(struct goleak_cohorts *cohorts);
enum goleak_status goleak_cohorts_find(struct goleak_cohorts *cohorts, const struct goleak_hope_input *input,
                                       const struct goleak_hope *hope, const struct goleak_bunches *bunches);
/* By number, from 1 to index.count. */
struct goleak_cohort_key goleak_cohorts_key(const struct goleak_cohorts *cohorts, uint32_t id);
/* Of a blocked goroutine; NULL: of none. */
const struct goleak_cohort *goleak_cohorts_of(const struct goleak_cohorts *cohorts, const struct goleak_record *record);

/* Functions that wait for as long as their owner keeps them (idlers.c). */
struct goleak_idler {
    const char *function;
    enum goleak_reason reason;
    const char *why;
    bool outside;    /* what it waits for comes from outside the program */
};
#define GOLEAK_IDLERS 19 /* with the one that is none */
extern const struct goleak_idler goleak_idlers[GOLEAK_IDLERS];
/* The one that a goroutine waits in; 0: none. */
uint8_t goleak_idler_of(const struct goleak_symbols *symbols, uint32_t stack, uint8_t reason);

#endif
