/*
 * peaks - most goroutines alive, most blocked: how many, when, from which sites.
 *
 * Two things make it more than a maximum. The sites at the peak are wanted, but
 * copying all of them at each new maximum would cost sites times goroutines:
 * each site keeps its count at the last peak, and updates it only when it next
 * changes. And a goroutine may turn out to be the runtime's at its first park,
 * after it was counted. For that the moments are kept at which each level was
 * first reached:
 *
 *      level      …  41    42    43    44        without the one that was created
 *      first at   …  t41   t42   t43   t44       between t41 and t42, and lives:
 *                                                level 42 was first reached at t43,
 *                    t41         t43   t44       43 at t44: its moment is taken out
 */
#ifndef GOLEAK_ANALYSIS_PEAKS_H
#define GOLEAK_ANALYSIS_PEAKS_H

#include "analysis/analysis.h"

/* So many levels below the peak are known: more of the runtime's goroutines are
 * never unproven at a time. A power of two. */
#define GOLEAK_PEAKS_LEVELS 1024

struct goleak_gauge_site {
    uint64_t now, at_peak;
    uint64_t epoch; /* of at_peak */
};

struct goleak_gauge_level {
    int64_t moment;
    uint64_t serial; /* of the goroutine that made it */
};

struct goleak_gauge {
    uint64_t now, peak;
    struct goleak_gauge_level reached[GOLEAK_PEAKS_LEVELS]; /* [level modulo]: when it was first reached */
    uint64_t known;                       /* levels from this one up to the peak have theirs */
    uint64_t epoch;                       /* number of peaks so far */
    struct goleak_gauge_site *sites;
    size_t count, capacity;
};

struct goleak_peaks {
    struct goleak_model model;
    struct goleak_gauge live, blocked;
};

extern const struct goleak_analysis goleak_analysis_peaks;

/* GOLEAK_NO_MOMENT where nothing was ever counted. */
int64_t goleak_gauge_peak_moment(const struct goleak_gauge *gauge);
/* How many goroutines of a site there were at the gauge's peak. */
uint64_t goleak_gauge_at_peak(const struct goleak_gauge *gauge, uint32_t site);
/* The sites at the peak, most first: fills up to `room`, returns how many. */
size_t goleak_gauge_top(const struct goleak_gauge *gauge, uint32_t *sites, size_t room);

#endif
