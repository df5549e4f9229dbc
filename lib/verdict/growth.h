/* growth - does the number of goroutines of a spawn site rise, part after part of the
 * recording? See ledger.h for the parts. */
#ifndef GOLEAK_VERDICT_GROWTH_H
#define GOLEAK_VERDICT_GROWTH_H

#include "model/ledger.h"

/* A site's series at the end. */
struct goleak_rise {
    uint64_t created, ended, alive;
    size_t parts;  /* that the recording has */
    size_t rising; /* in so many of them the count rose */
    double trend;  /* Mann-Kendall */
    double slope;  /* a part */
};

struct goleak_rise goleak_growth_of(const struct goleak_ledger *ledger, uint32_t site);

#endif
