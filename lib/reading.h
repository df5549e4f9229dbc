/*
 * reading - an input that is read on threads of its own, for the trace's thread to
 * replay.
 *
 *      source ─> decode ─> format ─> parcels ─> order, replay, analyses
 *      └───── one, or several ─────┘            └─ the caller's thread ─┘
 *
 * The results are those of reading on one thread, to the byte: see reading.c.
 *
 * Threads.  The trace is touched on the caller's thread only, within these calls; so
 *           are the caller's hooks called.
 * Memory.   The threads malloc what they need; it is booked in the trace's account as
 *           parcels arrive. Within a limit one thread reads. A caller who has an
 *           allocator of his own gets no such thread.
 * Failures. Those of decoding and of the reader; they end the reading.
 */
#ifndef GOLEAK_READING_H
#define GOLEAK_READING_H

#include "input/source.h"
#include "trace.h"

struct goleak_reading;

/* Starts to read `source`, which stays the caller's, as the input of a trace, on up to so many
 * threads; how: as for goleak_decode_open. *out NULL: the system has no thread left, and nothing was read. */
enum goleak_status goleak_reading_open(struct goleak_reading **out, struct goleak_input *input,
                                       struct goleak_source *source, unsigned readers, unsigned how,
                                       struct goleak_error *error);

/* Replays what comes next; *ended: that was all, and the input is finished. */
enum goleak_status goleak_reading_next(struct goleak_reading *reading, bool *ended, struct goleak_error *error);

/* Whether all of it was read or not; NULL is allowed. */
void goleak_reading_close(struct goleak_reading *reading);

#endif
