/*
 * gotrace_v1_cursor - the events of one P of a trace v1, one after the other, decoded where
 * they lie. Their shapes have been checked when the file was read.
 *
 * First an event's type and time are decoded, for they say whether its turn has come; then
 * its numbers.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V1_CURSOR_H
#define GOLEAK_FORMAT_GOTRACE_V1_CURSOR_H

#include "format/gotrace_v1_read.h"
#include "format/varint.h"

/* The next event of a P. What every event needs stands first, in a line of the cache. */
struct goleak_v1_cursor {
    uint64_t ticks;
    const uint8_t *at, *next, *end; /* it, its numbers or what is behind them, and the batch's end */
    uint64_t current_goid;
    uint32_t current; /* slot of who runs here; 0: nobody */
    uint8_t type;     /* 0: there is no more */
    bool block_told;  /* the GoSysBlock behind a GoSysCall has gone out with it */
    bool stalled;
    uint32_t batch;         /* index + 1 of the batch behind this one; 0: none */
    uint64_t position_of_0; /* in the trace, of address 0: positions of its events are offsets from there */
    struct goleak_trace_since since; /* of who runs here, if that is untold */
    struct goleak_trace_window window;
    uint32_t next_stalled; /* index + 1 of another cursor that waits; 0: none */
    uint64_t bound;        /* stalled: for this goroutine */
    uint64_t noted;        /* position of the event of which it was told that its time cannot be, and 1 */
    uint64_t p;
    uint64_t arguments[GOLEAK_V1_ARGUMENTS]; /* once they are decoded */
    const uint8_t *text;                     /* of a log: behind its numbers */
};

/* A number that was checked when the file was read. */
static inline const uint8_t *goleak_v1_number(const uint8_t *at, uint64_t *out)
{
    uint64_t value = at[0];
    unsigned size = 1;
    for (; size < 5 && at[size - 1] >= 0x80; size++)
        value += ((uint64_t)at[size] - 1) << 7 * size;
    *out = value;
    if (at[size - 1] < 0x80)
        return at + size;
    const uint8_t *next = goleak_varint(at, at + 10, out); /* readable: it is padded */
    return next != NULL ? next : at + 1;
}

/* Where an event of its batch stands in the trace. */
static inline uint64_t goleak_v1_position(const struct goleak_v1_cursor *cursor, const uint8_t *event)
{
    return cursor->position_of_0 + (uint64_t)(uintptr_t)event;
}

/* What is not as plain as most: other events, strings, the end of a batch. */
void goleak_v1_advance_far(struct goleak_v1_file *file, struct goleak_v1_cursor *cursor);
/* An event has a time before that of another one (`than`) which must have been first. */
void goleak_v1_note_early(const struct goleak_v1_file *file, uint64_t position, const char *what, uint64_t ticks,
                          const char *than);

/* Goes on to the next event; `next` stands behind the numbers of this one. */
static inline void goleak_v1_advance(struct goleak_v1_file *file, struct goleak_v1_cursor *cursor)
{
    const uint8_t *at = cursor->next;
    uint64_t ticks;
    if (at < cursor->end && (file->numbers[*at] & 3) != 0) {
        cursor->at = at;
        cursor->type = *at & 63;
        cursor->next = goleak_v1_number(at + 1, &ticks);
        cursor->ticks += ticks;
        return;
    }
    goleak_v1_advance_far(file, cursor);
}

/* Decodes its numbers; returns what is behind them, where `next` is to stand once its turn
 * has come. */
const uint8_t *goleak_v1_decode(struct goleak_v1_cursor *cursor);

#endif
