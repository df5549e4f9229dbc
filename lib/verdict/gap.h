/* gap - whether a wait that goes on, for all that was recorded, may have ended while nobody recorded. */
#ifndef GOLEAK_VERDICT_GAP_H
#define GOLEAK_VERDICT_GAP_H

#include "model/health.h"
#include "model/waits.h"

/* It began before the gap, and had not waited for longer by then than those like it do, or, where none of these ended, than the
 * gap is long. */
static inline bool goleak_gap_may_hide_end(const struct goleak_gap *gap, const struct goleak_waits *waits,
                                           const struct goleak_record *record)
{
    if (gap->from >= gap->until || record->since > gap->from)
        return false;
    const struct goleak_wait_site *site = goleak_waits_site(waits, record);
    const bool ended = site != NULL && site->ended != 0;
    return goleak_between(record->since, gap->from) <= (ended ? site->longest : goleak_between(gap->from, gap->until));
}

#endif
