/* states - rules that look at a goroutine's state alone. See ladder.c. */
#include "verdict/rules.h"

#include <inttypes.h>

GOLEAK_RULE(alive_only)
{
    (void)record;
    if (input->blocking_told)
        return false;
    out->verdict = GOLEAK_VERDICT_SUSPECT;
    goleak_evidence_add(out, "alive-only",
                        "alive at the end; this script does not print gopark, so nothing tells whether it is blocked");
    return true;
}

GOLEAK_RULE(main)
{
    (void)input;
    if ((record->flags & GOLEAK_REC_MAIN) == 0 || record->state != GOLEAK_STATE_WAITING)
        return false;
    out->verdict = GOLEAK_VERDICT_WAITING;
    goleak_evidence_add(out, "main", "the main goroutine: its end is the program's end, so it does not leak");
    return true;
}

GOLEAK_RULE(panic)
{
    (void)input;
    if (record->state != GOLEAK_STATE_WAITING || (record->flags & GOLEAK_REC_PANIC) == 0)
        return false;
    out->verdict = GOLEAK_VERDICT_WAITING;
    goleak_evidence_add(out, "panic-wait", "parked because the process was panicking");
    return true;
}

GOLEAK_RULE(young)
{
    if (input->min_age_ns == 0 || !input->has_time || (record->flags & GOLEAK_REC_BLOCKED) == 0 ||
        input->last - record->since >= input->min_age_ns)
        return false;
    out->verdict = GOLEAK_VERDICT_WAITING;
    struct goleak_evidence *evidence = goleak_evidence_add(
        out, "too-young", "waited for %" PRId64 " ns, less than the minimum age", input->last - record->since);
    goleak_evidence_number(evidence, "wait_ns", input->last - record->since);
    goleak_evidence_number(evidence, "min_age_ns", input->min_age_ns);
    return true;
}

GOLEAK_RULE(waits)
{
    (void)input;
    if (record->state != GOLEAK_STATE_WAITING)
        return false;
    if (record->reason == GOLEAK_REASON_UNKNOWN) {
        out->verdict = GOLEAK_VERDICT_UNKNOWN;
        goleak_evidence_add(out, "waits", "parked, but for a reason that is not told or has no name");
        return true;
    }
    out->verdict = GOLEAK_VERDICT_WAITING;
    const char *name = goleak_reason_name((enum goleak_reason)record->reason);
    struct goleak_evidence *evidence =
        goleak_evidence_add(out, "waits", "parked on \"%s\", which something outside ends", name);
    goleak_evidence_text(evidence, "reason", name);
    return true;
}

GOLEAK_RULE(runs)
{
    (void)input;
    if (record->state != GOLEAK_STATE_RUNNABLE && record->state != GOLEAK_STATE_RUNNING &&
        record->state != GOLEAK_STATE_SYSCALL)
        return false;
    out->verdict = GOLEAK_VERDICT_RUNNING;
    return true;
}
