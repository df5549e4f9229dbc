/*
 * peaks - most goroutines alive, most blocked: how many, when, from which sites.
 *
 * Two things make it more than a maximum. The sites at the peak are wanted, but
 * copying all of them at each new maximum would cost sites times goroutines:
 * each site keeps its count at the last peak, and updates it only when it next
 * changes. And a goroutine may turn out to be the runtime's at its first park,
 * after it was counted: changes wait in a queue behind a creation that has not
 * parked yet, so that it can be taken out as if it had never been.
 */
#ifndef GOLEAK_ANALYSIS_PEAKS_H
#define GOLEAK_ANALYSIS_PEAKS_H

#include "analysis/analysis.h"

#define GOLEAK_PEAKS_QUEUE 8192 /* a power of two */

struct goleak_gauge_site {
    uint64_t now, at_peak;
    uint64_t epoch; /* of at_peak */
};

struct goleak_gauge {
    uint64_t now, peak;
    int64_t peak_moment;
    uint64_t epoch; /* number of peaks so far */
    struct goleak_gauge_site *sites;
    size_t count, capacity;
};

struct goleak_peak_change {
    int64_t moment;
    uint64_t serial; /* of a creation that may yet be taken back; else 0 */
    uint32_t site;
    int8_t live, blocked;
};

struct goleak_peaks {
    struct goleak_model model;
    struct goleak_gauge live, blocked;
    struct goleak_peak_change queue[GOLEAK_PEAKS_QUEUE];
    uint64_t head, tail; /* running numbers */
    /* Serials are dense: where the creation of each recent one stands in the
     * queue, by serial modulo the queue's size. */
    struct {
        uint64_t serial, place;
    } open[GOLEAK_PEAKS_QUEUE];
    uint64_t last_serial;
};

extern const struct goleak_analysis goleak_analysis_peaks;

/* How many goroutines of a site there were at the gauge's peak. */
uint64_t goleak_gauge_at_peak(const struct goleak_gauge *gauge, uint32_t site);
/* The sites at the peak, most first: fills up to `room`, returns how many. */
size_t goleak_gauge_top(const struct goleak_gauge *gauge, uint32_t *sites, size_t room);

#endif
