/* rules - the functions behind the ladder's lines. See ladder.c. */
#ifndef GOLEAK_VERDICT_RULES_H
#define GOLEAK_VERDICT_RULES_H

#include "verdict/verdict.h"

#define GOLEAK_RULE(name)                                                                                             \
    bool goleak_rule_##name(const struct goleak_verdict_input *input, const struct goleak_record *record,             \
                            struct goleak_judgement *out)

/* states.c: what the state alone decides */
goleak_rule goleak_rule_alive_only, goleak_rule_main, goleak_rule_panic, goleak_rule_young, goleak_rule_waits,
    goleak_rule_runs;
/* blocked.c: the article's rule, and what cannot wake by construction */
goleak_rule goleak_rule_forever, goleak_rule_blocked;

#endif
