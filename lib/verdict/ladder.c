/*
 * ladder - the rules, most certain first. See verdict.h.
 *
 *      main          the main goroutine: its end is the program's end        waiting
 *      panic-wait    parks because the process is panicking                  waiting
 *      forever       nil channel, select{}: nothing can wake it              certain / likely
 *      too-young     waits for less than --min-age                           waiting
 *      blocked       the article's rule: blocked on a leak-capable reason    likely
 *      alive-only    the script cannot tell blocked from running             suspect
 *      waits         on time, network, or the runtime                        waiting
 *      runs          runnable, running, in a system call                     running
 *      untold        nothing tells                                           unknown
 */
#include "verdict/verdict.h"

#include "verdict/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static goleak_rule *const ladder[] = {
    goleak_rule_alive_only, goleak_rule_main,    goleak_rule_panic, goleak_rule_forever,
    goleak_rule_young,      goleak_rule_blocked, goleak_rule_waits, goleak_rule_runs,
};

struct goleak_evidence *goleak_evidence_add(struct goleak_judgement *judgement, const char *rule, const char *format,
                                            ...)
{
    if (judgement->evidence_count == GOLEAK_EVIDENCE_MAX)
        return NULL;
    struct goleak_evidence *evidence = &judgement->evidence[judgement->evidence_count++];
    memset(evidence, 0, sizeof *evidence);
    evidence->rule = rule;
    va_list args;
    va_start(args, format);
    vsnprintf(evidence->text, sizeof evidence->text, format, args);
    va_end(args);
    return evidence;
}

static void add_value(struct goleak_evidence *evidence, const char *name, int64_t number, const char *text)
{
    if (evidence != NULL && evidence->value_count < GOLEAK_EVIDENCE_VALUES)
        evidence->values[evidence->value_count++] = (struct goleak_value){ name, number, text };
}

void goleak_evidence_number(struct goleak_evidence *evidence, const char *name, int64_t number)
{
    add_value(evidence, name, number, NULL);
}

void goleak_evidence_text(struct goleak_evidence *evidence, const char *name, const char *text)
{
    if (text != NULL)
        add_value(evidence, name, 0, text);
}

void goleak_judge(const struct goleak_verdict_input *input, const struct goleak_record *record,
                  struct goleak_judgement *out)
{
    memset(out, 0, sizeof *out);
    out->reason = (enum goleak_reason)record->reason;
    for (size_t i = 0; i < sizeof ladder / sizeof *ladder; i++)
        if (ladder[i](input, record, out))
            return;
    out->verdict = GOLEAK_VERDICT_UNKNOWN;
    goleak_evidence_add(out, "untold", "nothing was recorded of it that tells whether it runs or waits");
}
