/*
 * ledger - what the transitions add up to: an account of each spawn site, the two peaks,
 * and the counts as the recording went on.
 *
 * Of nearly all transitions only their number matters: they are counted in their site's
 * account, by kind, and everything else (how many live, are blocked, have ended) follows
 * from these counts when it is asked for. Their order matters at marks alone:
 *
 *      a new peak           more are alive, or blocked, than ever before
 *      the end of a part    see below
 *
 * What each account said at a mark is wanted, but to copy all of them at each would cost
 * sites times goroutines. So an account is settled when it is touched for the first time
 * behind a mark, by what it says until then. Once a mark has come the rest of a batch is looked
 * through for more first, and then counted.
 *
 * Parts: the recording is cut into 16 of them, in which equally much went on: ends and
 * wake-ups are counted. Parts of equal time would make a quiet end look like a leak that
 * stopped; and if creations and parks counted, any pool that starts up would look like one
 * that grows. Nor do the runtime's own goroutines count, even where they are shown: what is shown
 * changes no verdict. How long a part is doubles as the recording grows.
 *
 * Peaks: a goroutine may turn out to be the runtime's at its first park, after it was
 * counted. So the moments are kept at which each level was first reached:
 *
 *      level      …  41    42    43    44        without the one that was created
 *      first at   …  t41   t42   t43   t44       between t41 and t42, and lives:
 *                                                level 42 was first reached at t43,
 *                    t41         t43   t44       43 at t44: its moment is taken out
 *
 * Who was there from the beginning may show itself at any time, and lifts all levels before by
 * one. So it moves no gauge: these count from where the beginning was, up and down, and what is
 * asked for has those who were there added.
 */
#ifndef GOLEAK_MODEL_LEDGER_H
#define GOLEAK_MODEL_LEDGER_H

#include "model/transition.h"

enum goleak_gauge_kind { GOLEAK_GAUGE_LIVE, GOLEAK_GAUGE_BLOCKED, GOLEAK_GAUGES };

/* So many levels below the peak are known: more of the runtime's goroutines are
 * never unproven at a time. A power of two. */
#define GOLEAK_LEDGER_LEVELS 1024

struct goleak_gauge {
    uint64_t now, peak; /* without those who were there; `now` may be below zero */
    struct goleak_gauge_level {
        int64_t moment;
        uint64_t serial; /* of the goroutine that made it */
    } reached[GOLEAK_LEDGER_LEVELS]; /* [level modulo]: when it was first reached */
    uint64_t known; /* levels from this one up to the peak have theirs */
    uint64_t mark;  /* the last peak is this mark */
};

/* Of one spawn site. */
struct goleak_account {
    uint64_t counts[GOLEAK_T_COUNTED]; /* transitions, by kind; what was taken back is not there */
    uint64_t mark; /* the last mark before it was touched */
};

#define GOLEAK_LEDGER_PARTS 16

/* What it said before. */
struct goleak_account_past {
    int64_t at_peak[GOLEAK_GAUGES];     /* both without those who were there from the beginning */
    int64_t parts[GOLEAK_LEDGER_PARTS]; /* alive at the end of each part … */
    uint64_t width; /* … of so many changes */
    size_t known;   /* … of those before this one */
};

struct goleak_ledger {
    struct goleak_alloc *alloc;
    struct goleak_account *accounts; /* by site */
    struct goleak_account_past *pasts;
    size_t count, capacity, past_capacity;
    struct goleak_gauge gauges[GOLEAK_GAUGES];
    int64_t first;           /* moment of all */
    uint64_t changes, width; /* ends and wake-ups; so many are a part */
    uint64_t mark;           /* number of marks so far */
};

void goleak_ledger_init(struct goleak_ledger *ledger, struct goleak_alloc *alloc);
void goleak_ledger_release(struct goleak_ledger *ledger);
enum goleak_status goleak_ledger_take(struct goleak_ledger *ledger, const struct goleak_transitions *batch);

/* Of one kind, at a site and at all of them. */
uint64_t goleak_ledger_told(const struct goleak_ledger *ledger, uint32_t site, enum goleak_transition_kind kind);
uint64_t goleak_ledger_all(const struct goleak_ledger *ledger, enum goleak_transition_kind kind);
/* Older than the recording. */
uint64_t goleak_ledger_older(const struct goleak_ledger *ledger, uint32_t site);
/* Ended, older ones too. */
uint64_t goleak_ledger_ended(const struct goleak_ledger *ledger, uint32_t site);
uint64_t goleak_ledger_all_ended(const struct goleak_ledger *ledger);

uint64_t goleak_ledger_now(const struct goleak_ledger *ledger, enum goleak_gauge_kind kind);
uint64_t goleak_ledger_peak(const struct goleak_ledger *ledger, enum goleak_gauge_kind kind);
/* GOLEAK_NO_MOMENT where nothing was ever counted. */
int64_t goleak_ledger_peak_moment(const struct goleak_ledger *ledger, enum goleak_gauge_kind kind);
/* How many goroutines of a site there were at the gauge's peak. */
uint64_t goleak_ledger_at_peak(const struct goleak_ledger *ledger, enum goleak_gauge_kind kind, uint32_t site);
/* The sites at the peak, most first: fills up to `room`, returns how many. */
size_t goleak_ledger_top(const struct goleak_ledger *ledger, enum goleak_gauge_kind kind, uint32_t *sites,
                         size_t room);

/* A site's count at the end of each part, the one that goes on included; returns how many
 * parts there are, 0 for a site that nothing was heard of. */
size_t goleak_ledger_series(const struct goleak_ledger *ledger, uint32_t site, int64_t series[GOLEAK_LEDGER_PARTS]);

#endif
