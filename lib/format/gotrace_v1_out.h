/*
 * gotrace_v1_out - events of a trace v1 on their way out; what gotrace_v1.c,
 * gotrace_v1_turn.c and gotrace_v1_runtime.c share.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V1_OUT_H
#define GOLEAK_FORMAT_GOTRACE_V1_OUT_H

#include "format/gotrace_v1_order.h"
#include "format/tickclock.h"

/* A stack by the low bits of its id in the trace. */
struct goleak_v1_recent {
    uint32_t id;
    uint32_t has;   /* of an event with this stack: that it has it, and that it tells time, if so */
    uint32_t stack; /* ours */
    uint32_t start; /* string: the function of its last frame */
};

/* What simple events of a type have in common. */
struct goleak_v1_simple {
    uint32_t name; /* string; 0: none, or not known yet */
    uint8_t reason;
};

struct goleak_v1_out {
    struct goleak_v1_file *file;
    struct goleak_batch *batch;
    struct goleak_event *full; /* where its events end; what is left untold takes its place: see gotrace_v2_out.h */
    struct goleak_tickclock clock;
    uint32_t has_time; /* GOLEAK_HAS_TIME, or 0 */
    bool waits_only;   /* and has_time */
    bool prologue;     /* before the first Gomaxprocs */
    bool late;         /* the clock stands still, and that is said */
    uint64_t events;
    uint64_t untold, untold_pushed; /* events that are not told; of these, before this batch */
    uint8_t hows[256]; /* by first byte: how gotrace_v1_turn.c takes it; 0: not at all */
    struct goleak_v1_simple simple[GOLEAK_V1_TYPES];
    uint32_t names[2 * GOLEAK_V1_TYPES]; /* strings: of RUNTIME events by type; behind them the ends of regions */
    uint32_t stw[17];
    struct goleak_v1_recent *recent; /* a place for every stack of the file, or nearly */
    size_t recent_mask;
    struct goleak_v1_recent odd; /* one that has no place there: its id is huge, or it is none */
};

/* The file is whole. False: memory. (gotrace_v1_tables.c) */
bool goleak_v1_out_init(struct goleak_v1_out *out);
void goleak_v1_out_release(struct goleak_v1_out *out);

static inline bool goleak_v1_is_full(const struct goleak_v1_out *out)
{
    return out->batch->events + out->batch->count >= out->full;
}

/* A full batch goes out. */
enum goleak_status goleak_v1_push(struct goleak_v1_out *out);

/* An event of the runtime, not of a goroutine. */
enum goleak_status goleak_v1_runtime(struct goleak_v1_out *out, const struct goleak_v1_event *from);

/* The next event of the batch, with kind, place and time; there is room. */
static inline struct goleak_event *goleak_v1_add(struct goleak_v1_out *out, const struct goleak_v1_cursor *from,
                                                 enum goleak_event_kind kind, uint8_t flags, uint8_t reason,
                                                 uint32_t has)
{
    struct goleak_event *event = &out->batch->events[out->batch->count++];
    event->kind = (uint8_t)kind;
    event->flags = flags;
    event->reason = reason;
    event->wait_reason = 0;
    event->has = has | out->has_time;
    event->time_ns = goleak_tickclock_ns(&out->clock, from->ticks);
    event->position = goleak_v1_position(from, from->at);
    return event;
}

/* Whose event it is: a goroutine and its slot. */
static inline void goleak_v1_whose(struct goleak_event *event, uint32_t slot, uint64_t goid)
{
    event->g = GOLEAK_G_SLOT | slot;
    event->goid = goid;
    event->has |= GOLEAK_HAS_G | (goid <= INT64_MAX ? GOLEAK_HAS_GOID : 0);
}

/* Who did it; slot 0: nobody. */
static inline void goleak_v1_by(struct goleak_event *event, uint32_t slot, uint64_t goid)
{
    event->other_g = GOLEAK_G_SLOT | slot;
    event->other_goid = goid;
    if (slot != 0)
        event->has |= GOLEAK_HAS_OTHER | (goid <= INT64_MAX ? GOLEAK_HAS_OTHER_GOID : 0);
}

/* A stack, if it was asked for not long ago; or NULL. Id 0 is there from the beginning: none. */
static inline const struct goleak_v1_recent *goleak_v1_recent_stack(const struct goleak_v1_out *out, uint64_t id)
{
    const struct goleak_v1_recent *recent = &out->recent[id & out->recent_mask];
    return recent->id == id ? recent : NULL;
}

/* In any case; one that the trace does not have is as none. NULL: memory. */
const struct goleak_v1_recent *goleak_v1_find_stack(struct goleak_v1_out *out, uint64_t id);

static inline void goleak_v1_tell_stack(struct goleak_event *event, const struct goleak_v1_recent *recent)
{
    event->stack = recent->stack;
    event->has |= recent->has;
}

/* False: memory. */
static inline bool goleak_v1_put_stack(struct goleak_v1_out *out, struct goleak_event *event, uint64_t id)
{
    const struct goleak_v1_recent *recent = goleak_v1_find_stack(out, id);
    if (recent != NULL)
        goleak_v1_tell_stack(event, recent);
    return recent != NULL;
}

static inline enum goleak_status goleak_v1_failure(const struct goleak_v1_out *out)
{
    return goleak_alloc_failure(out->file->env.alloc);
}

#endif
