/* growth - does the number of goroutines of a spawn site rise, part after part of the
 * recording? See ledger.h for the parts. */
#ifndef GOLEAK_VERDICT_GROWTH_H
#define GOLEAK_VERDICT_GROWTH_H

#include "model/ledger.h"
#include "model/sites.h"

/* A site's series at the end. */
struct goleak_rise {
    uint64_t created, ended, alive;
    size_t parts;  /* that the recording has */
    size_t rising; /* in so many of them the count rose */
    double trend;  /* Mann-Kendall */
    double slope;  /* a part */
};

/* One for each site of the ledger, and one more, of nothing. Where a function that a site starts runs in goroutines
 * that are older than the recording, and whose creation it did not see, the number of all that run it must rise, too:
 * as these end and others take their place, that of the others alone does. NULL: memory. */
struct goleak_rise *goleak_growth_find(const struct goleak_ledger *ledger, const struct goleak_sites *sites,
                                       struct goleak_alloc *alloc);
void goleak_growth_free(const struct goleak_ledger *ledger, struct goleak_rise *rises, struct goleak_alloc *alloc);

#endif
