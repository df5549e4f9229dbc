/* batch - transitions for the ledger and the analyses, as the replay hands them over. */
#ifndef SUPPORT_BATCH_H
#define SUPPORT_BATCH_H

#include "analysis/analysis.h"

#include <string.h>

/* At most GOLEAK_TRANSITIONS of them. */
static inline const struct goleak_transitions *batch_of(const struct goleak_transition *transitions, size_t count)
{
    static struct goleak_transitions batch;
    goleak_transitions_clear(&batch);
    batch.site_count = 1;
    batch.beginning = GOLEAK_NO_MOMENT;
    for (size_t i = 0; i < count; i++) {
        batch.all[i] = transitions[i];
        goleak_transitions_add(&batch, (enum goleak_transition_kind)transitions[i].kind);
        if (transitions[i].site >= batch.site_count)
            batch.site_count = (size_t)transitions[i].site + 1;
    }
    return &batch;
}

static inline enum goleak_status take_batch(const struct goleak_analysis *analysis, void *state,
                                            const struct goleak_transition *transitions, size_t count)
{
    return analysis->take(state, batch_of(transitions, count));
}

#endif
