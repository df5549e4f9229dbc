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

/* How long it has waited; GOLEAK_NONE where the recording tells no time. */
static int64_t wait_ns(const struct goleak_verdict_input *input, const struct goleak_record *record)
{
    if (input->has_time)
        return input->last - record->since;
    int64_t since = goleak_ticks_ns(input->ticks, record->since), last = goleak_ticks_ns(input->ticks, input->last);
    return since == GOLEAK_NONE || last == GOLEAK_NONE ? GOLEAK_NONE : last - since;
}

GOLEAK_RULE(young)
{
    if (input->min_age_ns == 0 || (record->flags & GOLEAK_REC_BLOCKED) == 0)
        return false;
    int64_t waited_ns = wait_ns(input, record);
    if (waited_ns == GOLEAK_NONE || waited_ns >= input->min_age_ns)
        return false;
    out->verdict = GOLEAK_VERDICT_WAITING;
    struct goleak_evidence *evidence = goleak_evidence_add(
        out, "too-young", "waited for %" PRId64 " ns, less than the minimum age", waited_ns);
    goleak_evidence_number(evidence, "wait_ns", waited_ns);
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
