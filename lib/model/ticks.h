/*
 * ticks - a clock of one-second ticks, for recordings that print no time.
 *
 * A D script's profile-1s fires once a second on every CPU. Where the CPU column
 * tells them apart they give time, to the second; without it they give a bound:
 * N ticks are at most N seconds.
 */
#ifndef GOLEAK_MODEL_TICKS_H
#define GOLEAK_MODEL_TICKS_H

#include "base/alloc.h"

#define GOLEAK_TICK_CPUS 256

struct goleak_tick_mark {
    uint64_t event; /* number of the event at which the second was full */
    int64_t seconds;
};

struct goleak_ticks {
    uint64_t count;       /* on all CPUs */
    bool without_cpu;     /* some did not tell theirs */
    unsigned cpus;        /* that ticked */
    uint32_t on_cpu[GOLEAK_TICK_CPUS];
    struct goleak_tick_mark *marks;
    size_t mark_count, capacity;
};

void goleak_ticks_release(struct goleak_ticks *ticks, struct goleak_alloc *alloc);
/* cpu negative: not told. False: memory. */
bool goleak_ticks_add(struct goleak_ticks *ticks, struct goleak_alloc *alloc, int64_t cpu, uint64_t event);
/* Seconds are told at all. */
bool goleak_ticks_tell(const struct goleak_ticks *ticks);
/* Nanoseconds from the start to this event, to the second; GOLEAK_NONE where
 * ticks do not tell. */
int64_t goleak_ticks_ns(const struct goleak_ticks *ticks, int64_t event);

#endif
