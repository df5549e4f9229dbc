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

/* A P that has not its turn. */
struct goleak_v1_waiting {
    uint64_t ticks;
    struct goleak_v1_cursor *cursor;
};

/* Ids of goroutines are counted up, and who is named is mostly who was named not long ago, or is
 * new: the last one of each of these lowest bits of an id is found at once. Who has to give way
 * to another is found in the table of all, which most never get into. */
#define GOLEAK_V1_NEAR 4096u

struct goleak_v1_order {
    struct goleak_v1_file *file;
    struct goleak_trace_gs gs; /* gen: 1 where its return from a system call was told before its turn */
    uint32_t near[GOLEAK_V1_NEAR];    /* slots; 0: none */
    struct goleak_v1_cursor *cursors; /* behind those of the Ps one of nobody, without events */
    size_t p_count;
    struct goleak_v1_cursor *turn;  /* whose event is next; of nobody: not decided */
    uint64_t limit;                 /* as long as its time is not beyond, it stays its turn */
    struct goleak_v1_waiting *heap; /* the other ones, the earliest first; behind them two that never are */
    size_t heap_count, stalled_count;
    uint32_t *stalled_for; /* index + 1 of a cursor, by hash of the goroutine that it waits for */
    size_t stalled_mask;
    uint64_t effort; /* stalled ones looked at, that more may be before `hopeless` */
    enum goleak_status (*before_force)(void *context); /* of each event that cannot be */
    void *context;
    bool huge;       /* the id of a goroutine was too large to be told */
    bool hopeless;   /* too many wait for each other: by time alone, from here on */
    uint64_t gc_seq;
    size_t next_sample, next_return;
    uint64_t due;                    /* time of the next sample or return */
    struct goleak_v1_cursor by_time; /* a sample or return */
};

/* An event whose turn it is. */
struct goleak_v1_event {
    struct goleak_v1_cursor *from;
    uint64_t goid, current_goid;
    uint32_t subject; /* slot of the goroutine that it happens to; 0: none */
    uint32_t current; /* slot of the one that did it; 0: none */
};

/* The file is whole. False: memory. */
bool goleak_v1_order_init(struct goleak_v1_order *order, struct goleak_v1_file *file);
void goleak_v1_order_release(struct goleak_v1_order *order);
/* The next event, whatever it is; what it does is done. GOLEAK_END when there is no more. */
enum goleak_status goleak_v1_order_next(struct goleak_v1_order *order, struct goleak_v1_event *out);
/* That event is done with: its P goes on to the next one. */
void goleak_v1_order_go_on(struct goleak_v1_order *order, const struct goleak_v1_event *event);
/* Type of the event behind it on its P; 0: there is none. */
uint8_t goleak_v1_type_behind(const struct goleak_v1_order *order, const struct goleak_v1_event *event);

/* ---- for a shorter way through what most traces consist of ---- */

static inline uint32_t *goleak_v1_order_near(struct goleak_v1_order *order, uint64_t goid)
{
    return &order->near[goid % GOLEAK_V1_NEAR];
}

/* Slot of a goroutine that is not the near one; 0: it is not there. (gotrace_v1_order.c) */
uint32_t goleak_v1_order_find_far(struct goleak_v1_order *order, uint64_t goid);

/* … of any. */
static inline uint32_t goleak_v1_order_find(struct goleak_v1_order *order, uint64_t goid)
{
    uint32_t near = *goleak_v1_order_near(order, goid);
    return near != 0 && order->gs.gs[near].goid == goid ? near : goleak_v1_order_find_far(order, goid);
}

/* One that is not there yet; 0: memory. */
uint32_t goleak_v1_order_add(struct goleak_v1_order *order, uint64_t goid);
void goleak_v1_order_remove(struct goleak_v1_order *order, uint32_t slot);

/* The P whose turn it is has changed its time. */
void goleak_v1_order_change(struct goleak_v1_order *order);

/* … which is beyond the limit. */
static inline void goleak_v1_order_pass_on(struct goleak_v1_order *order)
{
    struct goleak_v1_cursor *turn = order->turn;
    struct goleak_v1_waiting *heap = order->heap;
    uint64_t ticks = turn->ticks;
    if (heap[0].ticks >= ticks || heap[1].ticks < ticks || heap[2].ticks < ticks) {
        goleak_v1_order_change(order);
        return;
    }
    order->turn = heap[0].cursor;
    heap[0] = (struct goleak_v1_waiting) { ticks, turn };
    order->limit = ticks < order->due ? ticks : order->due;
}

/* A goroutine has changed, then: who waits for it may be ready. */
void goleak_v1_order_wake(struct goleak_v1_order *order, uint64_t goid, uint64_t ticks);

static inline void goleak_v1_order_changed(struct goleak_v1_order *order, uint64_t goid, uint64_t ticks)
{
    if (order->stalled_count != 0)
        goleak_v1_order_wake(order, goid, ticks);
}

#endif
