/*
 * gap - whether a wait that goes on, for all that was recorded, may have ended while nobody recorded.
 *
 * Of the gaps behind its begin the first one is asked for: it was the likeliest to end in that. It may have if it had waited
 * for no longer than waits like it take. Where none of those has ended, all of them together tell how seldom that
 * is: it may have if nobody recorded for longer than they have waited while somebody did.
 *
 * Behind some a Go trace has told who lives, and where each waits (rollcall.h). Of these only who may have gone on and come
 * back is asked: where others that wait like it do.
 *
 * A process may end while others are recorded, which no event tells. One that shows nothing any more, where thirty events
 * and more were to be expected, may have: from its last event on it has a gap of its own.
 */
#ifndef GOLEAK_VERDICT_GAP_H
#define GOLEAK_VERDICT_GAP_H

#include "base/idmap.h"
#include "model/health.h"
#include "verdict/hope.h"

struct goleak_gaps {
    struct goleak_alloc *alloc;
    const struct goleak_health_book *health;
    const struct goleak_waits *waits;
    struct goleak_process_gap { /* by process; NULL: there is one */
        struct goleak_gap gap;  /* the same twice: it goes on */
        int64_t first;          /* moment of its first creation; 0: none was seen */
        uint64_t events;        /* that its goroutines have told last: of many fewer than there were */
    } * processes;
    size_t process_count;
    bool any;                   /* of either sort */
    struct goleak_idmap places; /* by spawn site and block stack: a number from 1 */
    struct goleak_gap_place {   /* by that, less 1: of all who wait there */
        int64_t waited;         /* while somebody recorded */
        bool again;             /* some have waited there before, and come back */
    } * waiting;
    size_t count, capacity;
};

void goleak_gaps_init(struct goleak_gaps *gaps, struct goleak_alloc *alloc);
void goleak_gaps_release(struct goleak_gaps *gaps);
/* False: memory. */
bool goleak_gaps_find(struct goleak_gaps *gaps, const struct goleak_health_book *health,
                      const struct goleak_hope_input *input, size_t processes);
/* It is the end of a process, perhaps. */
bool goleak_gaps_is_silence(const struct goleak_gaps *gaps, const struct goleak_gap *gap);
/* The first one since it came into its state, of those behind which it was not told that it lives; NULL: there is none. */
const struct goleak_gap *goleak_gaps_first(const struct goleak_gaps *gaps, const struct goleak_record *record);
/* For how long nobody recorded since then. */
int64_t goleak_gaps_since(const struct goleak_gaps *gaps, int64_t since);
/* The one in which the wait of one that is blocked may have ended; NULL: there is none. */
const struct goleak_gap *goleak_gaps_hiding(const struct goleak_gaps *gaps, const struct goleak_record *record);

#endif
