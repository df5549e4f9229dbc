/*
 * gotrace_v1_cursor - the events of one P of a trace v1, one after the other, decoded where
 * they lie. Their shapes have been checked when the file was read.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V1_CURSOR_H
#define GOLEAK_FORMAT_GOTRACE_V1_CURSOR_H

#include "format/gotrace_v1_read.h"
#include "format/varint.h"

/* The next event of a P. */
struct goleak_v1_cursor {
    uint64_t p;
    uint64_t ticks;
    const uint8_t *at, *next, *end; /* it, what is behind it, and the batch's end */
    const uint8_t *text;            /* of a log: behind its numbers */
    uint64_t arguments[GOLEAK_V1_ARGUMENTS];
    uint64_t bound; /* stalled: for this goroutine */
    uint64_t current_goid;
    uint32_t current;          /* slot of who runs here; 0: nobody */
    uint32_t recent;           /* slot of the last one that was named here; a guess */
    uint32_t batch;            /* index + 1 of the batch behind this one; 0: none */
    uint8_t type, type_before; /* 0: there is no more; it is the first */
};

static inline const uint8_t *goleak_v1_number(const uint8_t *at, uint64_t *out)
{
    uint64_t value = at[0];
    if (value < 0x80) {
        *out = value;
        return at + 1;
    }
    if (at[1] < 0x80) {
        *out = (value & 0x7f) | (uint64_t)at[1] << 7;
        return at + 2;
    }
    *out = 0;
    const uint8_t *next = goleak_varint(at, at + 10, out); /* readable: it is padded */
    return next != NULL ? next : at + 1;
}

/* What is not as plain as most: other events, strings, the end of a batch. */
void goleak_v1_advance_far(const struct goleak_v1_file *file, struct goleak_v1_cursor *cursor);

/* Decodes the next event. Its shape was checked when the file was read. */
static inline void goleak_v1_advance(const struct goleak_v1_file *file, struct goleak_v1_cursor *cursor)
{
    const uint8_t *at = cursor->next;
    cursor->type_before = cursor->type;
    if (at < cursor->end && file->numbers[*at] != 0) { /* up to three */
        unsigned more = *at >> 6;
        uint64_t value;
        cursor->at = at;
        cursor->type = *at & 63;
        at = goleak_v1_number(at + 1, &value);
        cursor->ticks += value;
        if (more != 0)
            at = goleak_v1_number(at, &cursor->arguments[0]);
        if (more > 1)
            at = goleak_v1_number(at, &cursor->arguments[1]);
        cursor->next = at;
        return;
    }
    goleak_v1_advance_far(file, cursor);
}

#endif
