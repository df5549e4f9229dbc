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
 * Where none is ready the trace is damaged or cut: the earliest is taken as it comes; and
 * where looking for one takes too long, as it only can if made on purpose, all are. The
 * return from a system call was written down when the goroutine ran again; it comes out at
 * the time that it tells. CPU samples are nobody's, and come out by time.
 *
 * Events are decoded where they lie, one of each P at a time.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V1_ORDER_H
#define GOLEAK_FORMAT_GOTRACE_V1_ORDER_H

#include "format/gotrace_v1_cursor.h"

#define GOLEAK_V1_NO_TURN UINT32_MAX

struct goleak_v1_waiting {
    uint64_t ticks;
    uint32_t cursor;
};

struct goleak_v1_order {
    struct goleak_v1_file *file;
    struct goleak_trace_gs gs; /* gen: 1 where its return from a system call was told before its turn */
    struct goleak_v1_cursor *cursors;
    uint32_t turn;                  /* the P whose event is next, or out; NO_TURN: not decided */
    bool out;                       /* it is out */
    struct goleak_v1_waiting *heap; /* the other ones, the earliest first */
    uint32_t *stalled;
    size_t cursor_count, heap_count, stalled_count;
    uint64_t effort; /* stalled ones looked at, that more may be before `hopeless` */
    bool hopeless;   /* too many wait for each other: by time alone, from here on */
    uint64_t gc_seq;
    size_t next_sample, next_return;
    uint64_t due;                    /* time of the next sample or return */
    struct goleak_v1_cursor by_time; /* a sample or return */
};

/* An event whose turn it is. Valid until the next call. */
struct goleak_v1_event {
    const struct goleak_v1_cursor *from;
    uint32_t subject; /* slot of the goroutine that it happens to; 0: none */
    uint32_t current; /* slot of the one that did it; 0: none */
};

/* The file is whole. False: memory. */
bool goleak_v1_order_init(struct goleak_v1_order *order, struct goleak_v1_file *file);
void goleak_v1_order_release(struct goleak_v1_order *order);
/* GOLEAK_END when there is no more. */
enum goleak_status goleak_v1_order_next(struct goleak_v1_order *order, struct goleak_v1_event *out);
/* Type of the event behind it on its P; 0: there is none. */
uint8_t goleak_v1_type_behind(const struct goleak_v1_order *order, const struct goleak_v1_event *event);

#endif
