/*
 * ties - who ends with whom, and so waits for that one's end.
 *
 *      by spawner   nearly all of a place that have ended did so right after the one that had started them
 *      by twin      … or together with one of another place that the same goroutine had started
 *
 * A twin is started beside it, as far as its age tells: a connection that goes on to its next request does not wait for
 * what it started in the last one. One whose spawner goes on and is not stuck, or whose twin acts, has no reason to end
 * yet. One whose spawner ended long ago should have ended then: it is an orphan.
 *
 * What the standard library starts in one call are mates: an idler idles while its mate does.
 */
#ifndef GOLEAK_VERDICT_TIES_H
#define GOLEAK_VERDICT_TIES_H

#include "verdict/hope.h"

struct goleak_ties {
    struct goleak_alloc *alloc;
    struct goleak_hope_input known; /* borrowed, as hope is */
    const struct goleak_hope *hope;
    bool any;                  /* some place is tied */
    struct goleak_twins {
        struct goleak_twin {
            uint64_t key; /* lineage node of its spawner, and spawn site */
            int64_t created;
            uint32_t record;
        } *all; /* by key and creation */
        size_t count, capacity;
    } acting, waiting, /* … and not stuck */
        mates;         /* of idlers, who are blocked and none; key: the function, for the site */
};

/* To whom one is tied. */
struct goleak_tie {
    uint32_t whom; /* record; 0: to nobody who goes on */
    bool twin;
    bool is_rule;         /* those of its place are tied, whether there is somebody or not */
    uint32_t tied, ended; /* of so many of its place that have ended */
    int64_t orphaned;     /* its spawner ended so long ago, where theirs ended with them; 0: it is no orphan */
};

void goleak_ties_init(struct goleak_ties *ties, struct goleak_alloc *alloc);
void goleak_ties_release(struct goleak_ties *ties);
enum goleak_status goleak_ties_find(struct goleak_ties *ties, const struct goleak_hope_input *input,
                                    const struct goleak_hope *hope);
/* Of a known idler. */
bool goleak_has_blocked_mate(const struct goleak_ties *ties, const struct goleak_record *record);
/* It is of a connection of which the answer is left unread, as its reader or that one's mate. */
bool goleak_is_unread(const struct goleak_ties *ties, const struct goleak_record *record);
struct goleak_tie goleak_tie_of(const struct goleak_ties *ties, const struct goleak_record *record);

#endif
