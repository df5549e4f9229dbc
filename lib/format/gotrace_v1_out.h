/*
 * gotrace_v1_out - events of a trace v1 on their way out; what gotrace_v1.c and
 * gotrace_v1_runtime.c share.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V1_OUT_H
#define GOLEAK_FORMAT_GOTRACE_V1_OUT_H

#include "format/gotrace_v1_order.h"
#include "format/tickclock.h"

struct goleak_v1_out {
    struct goleak_v1_file *file;
    struct goleak_v1_order *order;
    struct goleak_batch *batch;
    struct goleak_tickclock clock;
    uint64_t events;
    uint32_t names[2 * GOLEAK_V1_TYPES]; /* strings: of RUNTIME events by type; behind them the ends of regions */
    uint32_t stw[17];
    /* Stacks by the low bits of their ids: few are in use at a time. */
    struct {
        uint64_t id;
        uint32_t stack;
    } recent[64];
};

/* A full batch goes out. */
enum goleak_status goleak_v1_push(struct goleak_v1_out *out);

/* An event of the runtime, not of a goroutine. */
enum goleak_status goleak_v1_runtime(struct goleak_v1_out *out, const struct goleak_v1_event *from);

/* The next event of the batch, with kind, place and time; there is room. */
static inline struct goleak_event *goleak_v1_add(struct goleak_v1_out *out, const struct goleak_v1_event *from,
                                                 enum goleak_event_kind kind)
{
    struct goleak_event *event = &out->batch->events[out->batch->count++];
    event->kind = (uint8_t)kind;
    event->flags = 0;
    event->has = out->clock.frequency != 0 ? GOLEAK_HAS_TIME : 0;
    event->time_ns = out->clock.last_ns;
    event->position = (size_t)(from->from->at - (const uint8_t *)out->file->bytes.data);
    out->events++;
    return event;
}

static inline bool goleak_v1_put_stack(struct goleak_v1_out *out, struct goleak_event *event, uint64_t id)
{
    uint32_t start;
    if (out->recent[id & 63].id != id) { /* 0 is there from the beginning */
        uint32_t stack;
        if (!goleak_v1_stack(out->file, id, &stack, &start))
            return false;
        if (stack == 0)
            return true;
        out->recent[id & 63].id = id;
        out->recent[id & 63].stack = stack;
    }
    event->stack = out->recent[id & 63].stack;
    event->has |= event->stack != 0 ? GOLEAK_HAS_STACK : 0;
    return true;
}

static inline enum goleak_status goleak_v1_failure(const struct goleak_v1_out *out)
{
    return goleak_alloc_failure(out->file->env.alloc);
}

#endif
