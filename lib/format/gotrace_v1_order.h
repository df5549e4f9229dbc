/*
 * gotrace_v1_order - the events of a Go execution trace v1 in the order in which they
 * happened.
 *
 * Each P's events are in order; between Ps times are advice, and what binds is what a
 * goroutine can do: an event is ready when its goroutine has the status (and, where it
 * carries a number, the number) that it needs. Of the first events of all Ps the earliest
 * ready one is next.
 *
 *      heap of Ps by time  --not ready-->  stalled, until its goroutine changes
 *              |
 *              v  ready
 *          next event, which changes its goroutine
 *
 * Where none is ready the trace is damaged or cut: the earliest is taken as it comes. The
 * return from a system call was written down when the goroutine ran again; it comes out at
 * the time that it tells. CPU samples are nobody's, and come out by time.
 *
 * Events are decoded where they lie, one of each P at a time.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V1_ORDER_H
#define GOLEAK_FORMAT_GOTRACE_V1_ORDER_H

#include "format/gotrace_v1_read.h"

/* The next event of a P. */
struct goleak_v1_cursor {
    uint64_t p;
    uint64_t ticks;
    const uint8_t *at, *next, *end; /* it, what is behind it, and the batch's end */
    const uint8_t *text;            /* of a log: behind its numbers */
    uint64_t arguments[GOLEAK_V1_ARGUMENTS];
    uint64_t bound;                 /* stalled: for this goroutine */
    uint64_t current_goid;
    uint32_t current;               /* slot of who runs here; 0: nobody */
    uint32_t batch;                 /* index + 1 of the batch behind this one; 0: none */
    uint8_t type, type_before;      /* 0: there is no more; the first */
};

struct goleak_v1_waiting {
    uint64_t ticks;
    uint32_t cursor;
};

struct goleak_v1_order {
    struct goleak_v1_file *file;
    struct goleak_trace_gs gs; /* gen: 1 where its return from a system call was told before its turn */
    struct goleak_v1_cursor *cursors;
    struct goleak_v1_waiting *heap; /* the earliest first */
    uint32_t *stalled;
    size_t cursor_count, heap_count, stalled_count;
    uint64_t gc_seq;
    size_t next_sample, next_return;
    uint64_t due;              /* of the next sample or return */
    uint32_t ended;            /* slot that is free once its last event is out */
};

/* An event whose turn it is. Valid until the next call. */
struct goleak_v1_event {
    uint8_t type, type_before, type_behind; /* of the same P; 0: there is none */
    uint32_t subject; /* slot of the goroutine that it happens to; 0: none */
    uint32_t current; /* slot of the one that did it; 0: none */
    uint64_t ticks, p;
    uint64_t arguments[GOLEAK_V1_ARGUMENTS];
    size_t at;
    const uint8_t *text;
};

/* The file is whole. False: memory. */
bool goleak_v1_order_init(struct goleak_v1_order *order, struct goleak_v1_file *file);
void goleak_v1_order_release(struct goleak_v1_order *order);
/* GOLEAK_END when there is no more. */
enum goleak_status goleak_v1_order_next(struct goleak_v1_order *order, struct goleak_v1_event *out);

#endif
