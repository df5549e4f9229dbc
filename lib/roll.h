/*
 * roll - of which process a Go trace is, by whom it finds there: another one that shares no birth with it may be of the same.
 *
 *      trace 1   ..1 7 18 4767 5012....           told: all that live, all that are born, all that end
 *      nobody                          . . .
 *      trace 2                               ..1 7 18 5012 9120....
 *
 * Goids are counted up and given once (runtime/proc.go, newproc1). So who is there in the later trace, with a goid from
 * before the earlier one, is there in that, too, with the same start function; who has ended there is not; and nobody is
 * born in the later one who was there before. Generations are counted on from one trace of a process to the next
 * (runtime/trace.go, traceAdvance), and what the wall clock shows when the monotonic one is 0 is the same in all of one
 * machine's. Two processes of one program contradict most of that. Where nothing is contradicted, proven it is
 *
 * - by a generation that both have, which began at the same tick, or
 * - by threads: an M's number is its thread's, for Linux (runtime/tracebuf.go: procid), which no two processes of one
 *   kernel have; but in a container each counts from 1, so small ones are none, or
 * - by those that were born in the earlier trace and live on: chance would have to hit each of them among all that were
 *   born there, with its start function. Of a program's start that would be the same each time, so others prove nothing.
 *
 * Of many a sample is kept, by the hash of their goids: of the same ones in all traces.
 */
#ifndef GOLEAK_ROLL_H
#define GOLEAK_ROLL_H

#include "format/format.h"

#define GOLEAK_ROLL_MEMBERS 512

struct goleak_roll_list {
    struct goleak_roll_member {
        uint64_t goid;
        uint32_t start;             /* a hash of its start function's name; 0: not told */
        uint32_t alike;             /* of one that was born: so many with that start function were, and did not end */
    } members[GOLEAK_ROLL_MEMBERS]; /* in order of goids, once it is closed */
    size_t count;
    uint64_t mask; /* those are kept whose hash has none of these bits */
    uint64_t last; /* the highest goid, of all */
};

enum goleak_roll_how { GOLEAK_ROLL_FOUND, GOLEAK_ROLL_BORN, GOLEAK_ROLL_ENDED, GOLEAK_ROLL_HOWS };

struct goleak_roll {
    struct goleak_roll_list lists[GOLEAK_ROLL_HOWS]; /* one may be in several */
    size_t born;                                     /* of whom it would be known that they have ended */
    struct goleak_trace_marks marks;
};

void goleak_roll_note(struct goleak_roll *roll, enum goleak_roll_how how, uint64_t goid, uint64_t start);
/* Nothing more will be noted. */
void goleak_roll_close(struct goleak_roll *roll);

enum goleak_roll_answer { GOLEAK_ROLL_ANOTHER, GOLEAK_ROLL_PERHAPS, GOLEAK_ROLL_SAME };

/* Is what began later, of these, of the same process? overlap: before the end of what was seen of the earlier one. */
enum goleak_roll_answer goleak_roll_compare(const struct goleak_roll *early, const struct goleak_roll *late,
                                            bool overlap);

#endif
