/*
 * growth - how many goroutines of each spawn site were alive as the recording went on.
 *
 * The recording is cut into 16 parts in which equally much went on: ends and wake-ups are
 * counted. Parts of equal time would make a quiet end look like a leak that stopped; and
 * if creations and parks counted, any pool that starts up would look like one that grows.
 * How long a part is doubles as the recording grows.
 */
#ifndef GOLEAK_VERDICT_GROWTH_H
#define GOLEAK_VERDICT_GROWTH_H

#include "model/transition.h"

#define GOLEAK_GROWTH_PARTS 16

struct goleak_growth_site {
    uint64_t created, ended; /* in the recording */
    int64_t alive;           /* at the last change */
    int64_t parts[GOLEAK_GROWTH_PARTS]; /* alive at the end of each part … */
    uint64_t width; /* … of so many changes */
    size_t known;   /* … of those before this one */
};

struct goleak_growth {
    struct goleak_alloc *alloc;
    struct goleak_growth_site *sites;
    size_t count, capacity;
    uint64_t changes, width;
};

/* A site's series at the end. */
struct goleak_rise {
    uint64_t created, ended, alive;
    size_t parts;  /* that the recording has */
    size_t rising; /* in so many of them the count rose */
    double trend;  /* Mann-Kendall */
    double slope;  /* a part */
};

void goleak_growth_init(struct goleak_growth *growth, struct goleak_alloc *alloc);
void goleak_growth_release(struct goleak_growth *growth);
enum goleak_status goleak_growth_take(struct goleak_growth *growth, const struct goleak_transitions *batch);
struct goleak_rise goleak_growth_of(const struct goleak_growth *growth, uint32_t site);

#endif
