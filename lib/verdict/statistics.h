/*
 * statistics - the few numbers that rules ask for. None of them knows goroutines.
 */
#ifndef GOLEAK_VERDICT_STATISTICS_H
#define GOLEAK_VERDICT_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

/* Kaplan-Meier: the part of all waits that is still going on after bucket `upto`, where
 * ended[b] ended in bucket b and going_on[b] have lasted so long and go on (they are
 * censored, not dropped). Buckets are powers of two. */
double goleak_survival(const uint64_t *ended, const uint64_t *going_on, size_t buckets, size_t upto);

/* Mann-Kendall's trend of a series, in standard deviations; ties are counted. 0 where
 * nothing moves. */
double goleak_trend(const uint64_t *series, size_t count);
/* Theil-Sen: the median rise from one value to the next. */
double goleak_slope(const uint64_t *series, size_t count);

/* The probability of `least` or more, where `expected` happen on average (Poisson). */
double goleak_at_least(double expected, uint64_t least);

#endif
