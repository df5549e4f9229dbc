/* blocked - rules on goroutines that are blocked on the leak-capable set (the
 * article's: forever, select, cond wait, sync, chan send, chan receive). */
#include "verdict/rules.h"

#include <inttypes.h>

/* How long it has waited, in words of the recording's own clock. */
static void add_wait(const struct goleak_verdict_input *input, const struct goleak_record *record,
                     struct goleak_evidence *evidence)
{
    goleak_evidence_text(evidence, "reason", goleak_reason_name((enum goleak_reason)record->reason));
    if (record->since != GOLEAK_NO_MOMENT)
        goleak_evidence_number(evidence, input->has_time ? "wait_ns" : "wait_events", input->last - record->since);
}

/* Whose reason nothing printed: it parked before there was a recording. */
static const char *how_known(const struct goleak_record *record)
{
    return record->flags & GOLEAK_REC_INFERRED ? " (since before the recording began; read off its stack)" : "";
}

GOLEAK_RULE(forever)
{
    if ((record->flags & GOLEAK_REC_BLOCKED) == 0 || record->reason != GOLEAK_REASON_FOREVER)
        return false;
    bool proven = (record->flags & GOLEAK_REC_NOT_MAIN) != 0;
    out->verdict = proven ? GOLEAK_VERDICT_CERTAIN : GOLEAK_VERDICT_LIKELY;
    add_wait(input, record,
             goleak_evidence_add(out, "forever",
                                 "blocked forever (a nil channel or an empty select)%s: nothing can wake it%s",
                                 how_known(record), proven ? "" : "; it may be the main goroutine, which is then no leak"));
    return true;
}

GOLEAK_RULE(blocked)
{
    if ((record->flags & GOLEAK_REC_BLOCKED) == 0)
        return false;
    out->verdict = GOLEAK_VERDICT_LIKELY;
    add_wait(input, record,
             goleak_evidence_add(out, "blocked",
                                 "blocked on \"%s\" at the end%s; the recording does not tell who could wake it, "
                                 "so the article's rule decides",
                                 goleak_reason_name((enum goleak_reason)record->reason), how_known(record)));
    return true;
}
