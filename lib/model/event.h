/*
 * event - the first waist: all that a format reader may say about goroutines.
 *
 * struct goleak_event and its kinds are in goleak.h, because the decoder hands
 * them out. Here: how they travel. Events cross the waist in batches; a reader
 * fills one, pushes it, and goes on with the batch that it gets back.
 */
#ifndef GOLEAK_MODEL_EVENT_H
#define GOLEAK_MODEL_EVENT_H

#include "base/alloc.h"

#include <stddef.h>

#define GOLEAK_BATCH_EVENTS 256

/* Of most events only the first line of the cache is written, read, and taken to another
 * processor, but where they are copied: a batch, and so each of its events, begins with one (goleak_batch_new). */
_Static_assert(sizeof(struct goleak_event) == 128 && offsetof(struct goleak_event, other_goid) == 64,
               "an event is two lines of the cache");

/* What a script's counters say. */
struct goleak_counters {
    int32_t count, blocked;
};

struct goleak_batch {
    size_t count;
    bool in_order; /* by its reader: all of its events tell time, and none falls behind any before */
    /* By its reader: no event tells time, and all of them tell counters that go on from line
     * to line, as they do where nothing is missing and no line stands behind a later one. */
    bool counted;
    struct goleak_counters before, after; /* then: from what, and to what */
    /* So many more events were read, and not told: see goleak_reader_env.waits_only. Less than 0: as many that were
     * told stand for some of before. */
    int64_t untold;
    void *block;                    /* that it lies in, */
    struct goleak_block_pool *pool; /* … and whose that is; NULL: malloc's */
    struct goleak_event events[GOLEAK_BATCH_EVENTS];
};

/* Takes the events of *batch; may keep the batch and leave another, empty one. */
typedef enum goleak_status goleak_batch_fn(void *context, struct goleak_batch **batch);

struct goleak_event_sink {
    goleak_batch_fn *push;
    void *context;
};

/* For those who pass batches to each other, as their allocators' `pool`. NULL: there is none. page_ns: as
 * goleak_block_pool_new()'s. */
struct goleak_block_pool *goleak_batch_pool(int64_t page_ns);
/* Empty, and not in order. */
struct goleak_batch *goleak_batch_new(struct goleak_alloc *alloc);
void goleak_batch_free(struct goleak_alloc *alloc, struct goleak_batch *batch);
/* As new. */
void goleak_batch_empty(struct goleak_batch *batch);
/* All that is in it, in place of what the other one has. */
void goleak_batch_copy(struct goleak_batch *to, const struct goleak_batch *from);

/* What a wait for this reason is on, by address; 0: not told. Who waits for a semaphore parks at the lock of its root,
 * of which the runtime has 251 for all of them (runtime/sema.go): the waiter's element alone, from Go 1.26 on, tells
 * whose it is. */
static inline uint64_t goleak_event_object(const struct goleak_event *event, enum goleak_reason reason)
{
    if ((event->has & GOLEAK_HAS_CHAN) && event->chan != 0)
        return event->chan;
    if (reason == GOLEAK_REASON_SYNC)
        return event->has & GOLEAK_HAS_ELEM ? event->elem : 0;
    return event->has & GOLEAK_HAS_LOCK ? event->lock : 0;
}

/* The article's counters: which kinds go by them, by how many the living change with an event,
 * and by how many the blocked may rise. They fall at any time, for `ready` takes from them in silence. */
static inline bool goleak_event_is_counted(const struct goleak_event *event)
{
    return (event->has & (GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT)) != 0 &&
           (event->kind == GOLEAK_EVENT_CREATE || event->kind == GOLEAK_EVENT_END || event->kind == GOLEAK_EVENT_PARK);
}

static inline int goleak_event_count_step(const struct goleak_event *event)
{
    return event->kind == GOLEAK_EVENT_CREATE ? 1 : event->kind == GOLEAK_EVENT_END ? -1 : 0;
}

static inline bool goleak_event_raises_blocked(const struct goleak_event *event)
{
    return event->kind == GOLEAK_EVENT_PARK && (event->flags & GOLEAK_FLAG_BLOCKED) != 0;
}

/* Its `name` is told. Readers that are in a hurry leave an old one there where it is not. */
static inline bool goleak_event_tells_name(const struct goleak_event *event)
{
    switch (event->kind) {
    case GOLEAK_EVENT_CALL:
    case GOLEAK_EVENT_RETURN:
    case GOLEAK_EVENT_OBJECT:
    case GOLEAK_EVENT_GC:
    case GOLEAK_EVENT_ALLOC:
    case GOLEAK_EVENT_YIELD:
    case GOLEAK_EVENT_RUNTIME:
    case GOLEAK_EVENT_OTHER: return true;
    default: return (event->has & GOLEAK_HAS_START) != 0;
    }
}

/* Calls that tell of goroutines though they name none: where these functions are entered, one more is there, or one
 * less. */
bool goleak_call_creates(const char *function);
bool goleak_call_ends(const char *function);

/* It is of a kind that this version knows, and not a call that tells nothing of goroutines. A recording without such
 * an event would be reported as one in which there is nothing. */
struct goleak_symbols;
bool goleak_event_tells(const struct goleak_event *event, const struct goleak_symbols *symbols);

/* By which a recorder speaks of itself, perhaps: its name tells (health.h). The merge tells its process. */
static inline bool goleak_is_recorders(const struct goleak_event *event)
{
    return event->kind == GOLEAK_EVENT_OTHER && (event->has & ~GOLEAK_HAS_PID) == GOLEAK_HAS_TIME;
}

/* An event of which nothing is told yet; what `has` does not name stays undefined. */
static inline void goleak_event_begin(struct goleak_event *event, uint8_t kind)
{
    event->kind = kind;
    event->flags = event->reason = event->wait_reason = 0;
    event->has = 0;
    event->g = event->goid = event->other_g = 0;
    event->stack = event->name = 0;
}

#endif
