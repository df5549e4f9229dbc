/* loss - what lost events do to a verdict. See ladder.c.
 *
 * A goroutine whose end was lost looks like one that waits for ever. Of so many waits as a
 * site has seen, a lost part f of the events leaves about f looking so: if as many remain
 * as that explains, the verdict falls by one. */
#include "verdict/rules.h"

#include "verdict/statistics.h"

#include <inttypes.h>

GOLEAK_RULE(loss)
{
    if (c->input->lost <= 0 || c->cohort == NULL)
        return false;
    uint64_t waits = c->cohort->count + (c->site != NULL ? c->site->ended : 0);
    double expected = c->input->lost * (double)waits;
    if (goleak_at_least(expected, c->cohort->count) < c->input->limits->loss_chance)
        return false;
    goleak_say(out, "of %" PRIu64 " waits like it about %.1f would look so for what the recording has lost (%.2g %% of "
                    "its events): the verdict is one grade lower", waits, expected, c->input->lost * 100);
    goleak_say_number(out, "waits", (int64_t)waits);
    return true;
}
