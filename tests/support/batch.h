/* batch - transitions for an analysis, as the replay hands them over. */
#ifndef SUPPORT_BATCH_H
#define SUPPORT_BATCH_H

#include "analysis/analysis.h"

#include <string.h>

/* At most GOLEAK_TRANSITIONS of them. */
static inline enum goleak_status take_batch(const struct goleak_analysis *analysis, void *state,
                                            const struct goleak_transition *transitions, size_t count)
{
    static struct goleak_transitions batch;
    batch.count = count;
    memcpy(batch.all, transitions, count * sizeof *transitions);
    goleak_transitions_sort(&batch);
    return analysis->take(state, &batch);
}

#endif
