/* peaks - most goroutines alive, most blocked: how many, when, from which sites. The
 * ledger has them all. */
#ifndef GOLEAK_ANALYSIS_PEAKS_H
#define GOLEAK_ANALYSIS_PEAKS_H

#include "analysis/analysis.h"

struct goleak_peaks {
    struct goleak_model model;
};

extern const struct goleak_analysis goleak_analysis_peaks;

#endif
