/*
 * merge - several recordings of one process become one stream.
 *
 * Each input has a lane, which sorts its events by time (order.h). Events leave the
 * lanes together, the earliest first, as soon as every lane that is still fed has
 * one to show. The same event seen by two recorders comes twice, at times that
 * differ by what lies between their probes' handlers (up to 80 us were measured):
 * the later one is taken out, and what only it tells goes into the first, which is
 * held back for that long.
 *
 *      lane 1   park 100.0           run 180.0                 park 240.0
 *      lane 2         park 102.6           run 182.6
 *      replay   park 100.0           run 180.0                 park 240.0
 *
 * Two are the same event only if everything is equal that both tell. Each recorder
 * keeps the order of a goroutine's events, so a pair never crosses another pair of
 * the same goroutine: what one recorder has lost is not mistaken for what the other
 * has. A goroutine is known by g, or by goid where one of the two does not tell g.
 * Events of no goroutine (calls, ticks) are the same where all of it is, with the
 * time; losses are each recorder's own.
 *
 * Where all recordings that had begun have ended before the next one begins, nobody recorded in between. That is a gap if
 * it is much longer than any silence while somebody did: the files of one recorder, which goes on with the next one, have none.
 *
 * Memory: what the lanes' windows hold, and what one input is fed ahead of another.
 * Where much waits for a lane that shows nothing (few events in a long time never
 * fill its window), that lane is taken to be in order a while behind its newest event.
 */
#ifndef GOLEAK_REPLAY_MERGE_H
#define GOLEAK_REPLAY_MERGE_H

#include "replay/order.h"
#include "replay/rollcall.h"

struct goleak_merge;

struct goleak_lane {
    struct goleak_merge *merge;
    struct goleak_order order;
    struct goleak_batch **batches; /* sorted, not yet merged; a ring would gain nothing */
    size_t first, count, capacity;
    size_t at;       /* in the first batch */
    uint8_t index;
    struct goleak_health_source source;
    bool begun, ended;     /* it has shown an event; its input has no more of them */
    int64_t first_ns, last_ns; /* of its events, once it has begun */
    uint64_t cuts;             /* so often it is truncated */
    /* What its recorder says: so often it was killed; … and started anew, in this file; it is the last file of a recording,
     * which ended as it should. */
    uint64_t killed, restarted;
    bool ends_files;
    bool tells_slots;      /* it is a Go trace */
    bool called;           /* its roll call has begun */
    struct goleak_gap gap; /* before its first event, behind those of all others that had begun; perhaps */
    int64_t behind_ns;     /* what was recorded last before it; GOLEAK_NO_MOMENT: nothing */
    uint32_t pid;    /* events without a process are of this one; 0: not known */
};

#define GOLEAK_LANES 256
/* At most between two recorders' times of one event. */
#define GOLEAK_MERGE_NS ((int64_t)500000)
/* … but where a thread was stopped between their probes. */
#define GOLEAK_MERGE_LATE_NS ((int64_t)100000000)

/* Ways to find an event's like. */
enum goleak_held_chain { GOLEAK_CHAIN_G, GOLEAK_CHAIN_GOID, GOLEAK_CHAINS };

/* An event that waits for its like from the other lanes. */
struct goleak_held {
    struct goleak_event event;
    uint64_t lanes[GOLEAK_LANES / 64]; /* bits: seen in these */
    uint8_t lane;                      /* … and first in this one */
    uint64_t before[GOLEAK_CHAINS];    /* number of the one before it in each chain; 0: none */
};

struct goleak_merge {
    struct goleak_alloc *alloc;
    struct goleak_replay *replay;
    struct goleak_health_book *health;
    struct goleak_lane *lanes[GOLEAK_LANES];
    size_t lane_count;
    uint8_t last_lane;        /* that showed an event */
    size_t queued;            /* events in the lanes' batches, about */
    struct goleak_held *held; /* a ring; number n lies at n % capacity */
    uint64_t *chains;         /* the newest of each hash: capacity of them by g, as many by goid */
    size_t held_capacity;     /* a power of two */
    uint64_t held_first, held_end; /* numbers, from 1 */
    bool tells_g, tells_goid_alone; /* some events */
    int64_t newest_ns;              /* of the last event; GOLEAK_NO_MOMENT: there was none */
    int64_t silence_ns;             /* the longest between two events while somebody recorded */
    struct goleak_rollcall call;    /* of the last trace that began behind a gap … */
    uint8_t caller;                 /* … and its lane */
    struct goleak_batch *out;
    uint8_t out_lanes[GOLEAK_BATCH_EVENTS];
};

bool goleak_merge_init(struct goleak_merge *merge, struct goleak_alloc *alloc, struct goleak_replay *replay,
                       struct goleak_health_book *health);
void goleak_merge_release(struct goleak_merge *merge);

/* All lanes are added before the first event. NULL: memory, or too many. */
struct goleak_lane *goleak_merge_lane(struct goleak_merge *merge, const char *input);
/* A goleak_batch_fn; context is the lane. */
enum goleak_status goleak_lane_push(void *context, struct goleak_batch **batch);
/* The lane's input has ended. */
enum goleak_status goleak_lane_finish(struct goleak_lane *lane);
/* Does the merge wait for this lane, and no other more? */
bool goleak_lane_is_wanted(const struct goleak_lane *lane);

#endif
