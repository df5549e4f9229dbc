/*
 * lifetimes - how long goroutines lived that were seen to begin and to end.
 *
 * A histogram with one bucket a power of two, which adds up exactly over many
 * recordings. Those still alive are not in it: see the leaks' ages.
 */
#ifndef GOLEAK_ANALYSIS_LIFETIMES_H
#define GOLEAK_ANALYSIS_LIFETIMES_H

#include "analysis/analysis.h"

#define GOLEAK_LIFETIME_BUCKETS 64

struct goleak_lifetimes {
    struct goleak_model model;
    uint64_t count;
    int64_t least, most;
    uint64_t sum;    /* saturates */
    uint64_t buckets[GOLEAK_LIFETIME_BUCKETS]; /* [i]: at most 2^i - 1, and more than the one before */
};

extern const struct goleak_analysis goleak_analysis_lifetimes;

/* Upper bound (inclusive) of a bucket. */
static inline int64_t goleak_lifetime_le(unsigned bucket)
{
    return bucket >= 63 ? INT64_MAX : ((int64_t)1 << bucket) - 1;
}

/* A value that `permille` thousandths of them do not exceed, to the bucket. */
int64_t goleak_lifetime_quantile(const struct goleak_lifetimes *lifetimes, unsigned permille);

#endif
