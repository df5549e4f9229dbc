/*
 * roll - who is there when a Go trace begins, by which another trace is known to be of the same process though no
 * goroutine is born in both.
 *
 *      trace 1   ..1 7 18 4767 5012....           told: all that live, and all that are born
 *      nobody                          . . .
 *      trace 2                               ..1 7 18 4767 9120....
 *
 * Goids are counted up and given once (runtime/proc.go, newproc1). So who is there in the later trace, with a goid from
 * before the earlier one, is there in that, too, with the same start function; and nobody is born in the later one
 * who was there before. Two processes of one program contradict that as soon as their goroutines end or begin in
 * another order; where it says nothing against it, proven it is
 *
 * - by threads: an M's number is its thread's, for Linux (runtime/tracebuf.go: procid), which no two processes of one
 *   kernel have; but in a container each counts from 1, so small ones are none, or
 * - by goids: enough that live on far from any other, as chance does not give to two processes; those of a program's
 *   start, which may be the same each time, are none.
 *
 * Of many a sample is kept, by the hash of their goids: of the same ones in all traces.
 */
#ifndef GOLEAK_ROLL_H
#define GOLEAK_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GOLEAK_ROLL_MEMBERS 1024

struct goleak_roll_list {
    struct goleak_roll_member {
        uint64_t goid;
        uint32_t start;             /* a hash of its start function's name; 0: not told */
    } members[GOLEAK_ROLL_MEMBERS]; /* in order of goids, once it is closed */
    size_t count;
    uint64_t mask; /* those are kept whose hash has none of these bits */
    uint64_t last; /* the highest goid, of all */
};

struct goleak_roll {
    struct goleak_roll_list found, born; /* some of those that were born are found later on as well */
};

void goleak_roll_note(struct goleak_roll *roll, uint64_t goid, uint64_t start, bool born);
/* Nothing more will be noted. */
void goleak_roll_close(struct goleak_roll *roll);

/* Thread ids, sorted. */
struct goleak_roll_threads {
    const uint64_t *ids;
    size_t count;
};

/* Is what began later, of these, the same process? */
bool goleak_roll_goes_on(const struct goleak_roll *early, struct goleak_roll_threads early_threads,
                         const struct goleak_roll *late, struct goleak_roll_threads late_threads);

#endif
