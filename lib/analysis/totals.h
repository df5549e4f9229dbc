/* totals - created, ended, older than the recording, living, blocked. They stand
 * in the report's `summary`, which takes the rest from peaks and verdicts. */
#ifndef GOLEAK_ANALYSIS_TOTALS_H
#define GOLEAK_ANALYSIS_TOTALS_H

#include "analysis/analysis.h"

struct goleak_totals {
    struct goleak_alloc *alloc;
    uint64_t preexisting, created, ended, blocked;
};

extern const struct goleak_analysis goleak_analysis_totals;

#endif
