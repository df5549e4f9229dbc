/*
 * gotrace_v1_turn - the events that most traces consist of, a shorter way than
 * goleak_v1_order_next and what is made of its events; with the same results.
 *
 * As long as it is one P's turn, what changes with each event stays at hand. What is not as
 * simple as that (an event that is not possible yet, a stack that was not asked for before,
 * a number that is unusually long) is left as it is, for those others.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V1_TURN_H
#define GOLEAK_FORMAT_GOTRACE_V1_TURN_H

#include "format/gotrace_v1_out.h"

struct goleak_reader {
    struct goleak_v1_file file;
    struct goleak_v1_order order;
    struct goleak_v1_out out;
    uint32_t yields[2]; /* strings: why a goroutine yields */
};

/* The file is whole. */
void goleak_v1_turns_init(struct goleak_reader *reader);
/* Takes events as long as they are simple and the batch has room. */
void goleak_v1_turns(struct goleak_reader *reader);

#endif
