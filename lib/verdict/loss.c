/* loss - what lost events do to a verdict. See ladder.c.
 *
 * A goroutine whose end was lost looks like one that waits for ever. Of so many waits as a
 * site has seen, a lost part f of the events leaves about f looking so: if as many remain
 * as that explains, the verdict falls by one. */
#include "verdict/rules.h"

#include "verdict/statistics.h"

#include <inttypes.h>

/* None of the runtime's own: these never send, the program's own code starts none of them, and those that block are one
 * of a kind. Where it was started is told, so the cut is within the tables, which stand behind all events: none of
 * these is missing. */
static bool is_programs(const struct goleak_case *c, const struct goleak_site *site)
{
    const char *creator = goleak_symbols_frame_function(c->input->symbols, site->created_at);
    bool named = creator[0] != '\0' && !goleak_name_is_lost(creator) && !goleak_text_begins(creator, "0x");
    return site->created_at != 0 &&
           (c->record->reason == GOLEAK_REASON_CHAN_SEND || (named && !goleak_is_standard(creator)) ||
            goleak_ledger_told(c->input->ledger, site->place, GOLEAK_T_CREATED) > c->input->limits->own_most);
}

/* Of a Go trace that was cut its end is missing, where the names are, of one that is damaged perhaps some of them; of
 * others it is told where they were started. */
static bool is_nameless(const struct goleak_case *c)
{
    const struct goleak_sites *sites = c->input->sites;
    const struct goleak_site *site = goleak_sites_at(sites, c->record->site);
    const struct goleak_health_entry *entries = c->input->health->entries;
    bool cut = entries[GOLEAK_HEALTH_truncated].count + entries[GOLEAK_HEALTH_damaged_records].count != 0;
    bool told = c->record->site == 0 ? goleak_sites_count(sites) <= 1 : site->start != 0 || !c->input->starts_told;
    bool lost = goleak_name_is_lost(goleak_symbols_text(c->input->symbols, site->start));
    return (lost || (cut && !told && c->record->created != GOLEAK_NO_MOMENT)) && !is_programs(c, site);
}

/* It parked with the last event before a cut, of which a part may be missing. By buckets: all of a bunch get one
 * answer. */
GOLEAK_RULE(brief)
{
    const struct goleak_health_book *health = c->input->health;
    if (!c->input->has_time || health->entries[GOLEAK_HEALTH_truncated].count <= health->cuts_elsewhere ||
        goleak_wait_bucket(c->waited) >= goleak_wait_bucket(c->input->limits->brief_ns))
        return false;
    goleak_say(out,
               "it began to wait with the last event before the recording was cut: the verdict is one grade lower");
    goleak_say_number(out, "wait_ns", c->waited);
    return true;
}

/* Its next event may have been one of those that nobody recorded. */
GOLEAK_RULE(gap)
{
    const struct goleak_gap *gap = c->blocked ? goleak_gaps_hiding(&c->input->gaps, c->record) : NULL;
    if (gap == NULL)
        return false;
    const int64_t waited = goleak_between(c->record->since, gap->from), gap_ns = goleak_between(gap->from, gap->until);
    const bool silent = goleak_gaps_is_silence(&c->input->gaps, gap);
    goleak_say(out, "it had waited for %s when %s for %s, in which it may have %s: the verdict is one grade lower",
               goleak_span_of(c->input, waited).text, silent ? "its process fell silent" : "nobody recorded",
               goleak_span_of(c->input, gap_ns).text, silent ? "ended" : "gone on or ended");
    goleak_say_number(out, "before_ns", waited);
    goleak_say_number(out, "gap_ns", gap_ns);
    return true;
}

/* Who waits like it, or lives as long, still; and for how many that ended. The article's form tells all waits as one. */
static bool count_alike(const struct goleak_case *c, uint64_t *going_on, uint64_t *ended)
{
    const struct goleak_ledger *ledger = c->input->ledger;
    if (c->cohort != NULL) {
        *going_on = c->cohort->count;
        *ended = c->site != NULL ? c->site->ended : 0;
    } else if (c->blocked) {
        *going_on = goleak_ledger_now(ledger, GOLEAK_GAUGE_BLOCKED);
        *ended = goleak_ledger_all(ledger, GOLEAK_T_UNBLOCKED) + goleak_ledger_all(ledger, GOLEAK_T_REBLOCKED) +
                 goleak_ledger_all(ledger, GOLEAK_T_ENDED_BLOCKED);
    } else {
        *going_on = c->rise->alive;
        *ended = c->rise->ended;
    }
    return *going_on != 0;
}

GOLEAK_RULE(loss)
{
    if (is_nameless(c)) {
        goleak_say(out, "what it runs was lost with a part of the recording, so it may be one of the runtime's own: "
                        "the verdict is one grade lower");
        return true;
    }
    uint64_t going_on, ended;
    if (c->input->lost <= 0 || !count_alike(c, &going_on, &ended))
        return false;
    const uint64_t all = going_on + ended;
    double expected = c->input->lost * (double)all;
    const struct goleak_limits *limits = c->input->limits;
    if (goleak_at_least(expected, going_on) < (c->cohort != NULL ? limits->loss_chance : limits->loss_decided))
        return false;
    goleak_say(out,
               "of %" PRIu64 " %s about %.1f would look so for what the recording has lost (%.3g %% of "
               "its events): the verdict is one grade lower",
               all,
               c->cohort != NULL ? "waits like it"
               : c->blocked      ? "waits"
                                 : "of its place",
               expected, c->input->lost * 100);
    goleak_say_number(out, "waits", (int64_t)all);
    return true;
}
