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
    uint32_t cursor;
};

struct goleak_v1_order {
    struct goleak_v1_file *file;
    struct goleak_trace_gs gs; /* gen: 1 where its return from a system call was told before its turn */
    struct goleak_v1_cursor *cursors; /* behind those of the Ps one of nobody, without events */
    size_t p_count;
    struct goleak_v1_cursor *turn;  /* whose event is next; of nobody: not decided */
    uint64_t limit;                 /* as long as its time is not beyond, it stays its turn */
    struct goleak_v1_waiting *heap; /* the other ones, the earliest first */
    size_t heap_count, stalled_count;
    uint32_t *stalled_for; /* index + 1 of a cursor, by hash of the goroutine that it waits for */
    size_t stalled_mask;
    uint64_t effort; /* stalled ones looked at, that more may be before `hopeless` */
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

/* ---- the events that most traces consist of, a shorter way ---- */

/* The P whose turn it is has changed its time. */
void goleak_v1_order_change(struct goleak_v1_order *order);
/* A goroutine has changed: who waits for it may be ready. */
void goleak_v1_order_wake(struct goleak_v1_order *order, uint64_t goid);

/* Whose turn it is, as far as that is known; type 0: goleak_v1_order_next knows. */
static inline struct goleak_v1_cursor *goleak_v1_order_turn(struct goleak_v1_order *order)
{
    if (order->turn->ticks > order->limit)
        goleak_v1_order_change(order);
    return order->turn->ticks <= order->limit ? order->turn : &order->cursors[order->p_count];
}

static inline void goleak_v1_order_changed(struct goleak_v1_order *order, uint64_t goid)
{
    if (order->stalled_count != 0)
        goleak_v1_order_wake(order, goid);
}

/* Who is thought to run here does, or nobody. */
static inline bool goleak_v1_order_runs(const struct goleak_v1_order *order, const struct goleak_v1_cursor *cursor)
{
    return order->gs.gs[cursor->current].goid == cursor->current_goid;
}

/* Slot of who is named; mostly it is who was named before on this P: woken, then run. */
static inline uint32_t goleak_v1_order_find(const struct goleak_v1_order *order, const struct goleak_v1_cursor *cursor,
                                            uint64_t goid)
{
    return order->gs.gs[cursor->recent].goid == goid ? cursor->recent : goleak_trace_gs_find(&order->gs, goid);
}

/* These five are possible or, false, not (yet); and then are done. *slot is the goroutine's.
 * seq: the number that it must have; NULL: any. */

static inline bool goleak_v1_order_create(struct goleak_v1_order *order, struct goleak_v1_cursor *cursor,
                                          uint64_t goid, uint32_t *slot)
{
    if (goleak_trace_gs_find(&order->gs, goid) != 0 || !goleak_v1_order_runs(order, cursor) ||
        (*slot = goleak_trace_gs_add(&order->gs, goid)) == 0)
        return false;
    order->gs.gs[*slot].seq = 1;
    order->gs.gs[*slot].status = GOLEAK_TRACE_RUNNABLE;
    cursor->recent = *slot;
    goleak_v1_order_changed(order, goid);
    return true;
}

static inline bool goleak_v1_order_start(struct goleak_v1_order *order, struct goleak_v1_cursor *cursor, uint64_t goid,
                                         const uint64_t *seq, uint32_t *slot)
{
    struct goleak_trace_g *g = &order->gs.gs[*slot = goleak_v1_order_find(order, cursor, goid)];
    if (g->status != GOLEAK_TRACE_RUNNABLE || (seq != NULL && g->seq != *seq))
        return false;
    g->status = GOLEAK_TRACE_RUNNING;
    g->seq++;
    cursor->current = *slot;
    cursor->current_goid = goid;
    goleak_v1_order_changed(order, goid);
    return true;
}

/* Whoever runs here, if anybody does, lets another one run. */
static inline bool goleak_v1_order_unblock(struct goleak_v1_order *order, struct goleak_v1_cursor *cursor,
                                           uint64_t goid, const uint64_t *seq, uint32_t *slot)
{
    struct goleak_trace_g *g = &order->gs.gs[*slot = goleak_v1_order_find(order, cursor, goid)];
    bool blocked = g->status == GOLEAK_TRACE_WAITING || g->status == GOLEAK_TRACE_SYSCALL;
    if (!blocked || (seq != NULL && g->seq != *seq) || !goleak_v1_order_runs(order, cursor))
        return false;
    g->status = GOLEAK_TRACE_RUNNABLE;
    g->gen = 0;
    g->seq++;
    cursor->recent = *slot;
    goleak_v1_order_changed(order, goid);
    return true;
}

/* Who runs here does so no more, and is in that status. */
static inline bool goleak_v1_order_stop(struct goleak_v1_order *order, struct goleak_v1_cursor *cursor, uint8_t status,
                                        uint32_t *slot, uint64_t *goid)
{
    struct goleak_trace_g *g = &order->gs.gs[*slot = cursor->current];
    *goid = cursor->current_goid;
    if (g->goid != *goid || g->status != GOLEAK_TRACE_RUNNING)
        return false;
    g->status = status;
    cursor->current = 0;
    cursor->current_goid = 0;
    goleak_v1_order_changed(order, *goid);
    return true;
}

static inline bool goleak_v1_order_end(struct goleak_v1_order *order, struct goleak_v1_cursor *cursor, uint32_t *slot,
                                       uint64_t *goid)
{
    if (!goleak_v1_order_stop(order, cursor, GOLEAK_TRACE_NONE, slot, goid))
        return false;
    goleak_trace_gs_remove(&order->gs, *slot);
    return true;
}

#endif
