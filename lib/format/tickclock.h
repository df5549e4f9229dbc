/*
 * tickclock - ticks of a trace's clock in nanoseconds since its first event, exactly
 * (ticks * 10^9 / frequency, rounded down), and without a division for each.
 *
 * A base follows the events, by whole seconds. From there (ticks - base) * 10^9 / frequency
 * is one multiplication with a factor that is rounded up. What that adds is less than
 * (ticks - base) / 2^shift: as long as it is less than 1 / frequency, the result is exact.
 */
#ifndef GOLEAK_FORMAT_TICKCLOCK_H
#define GOLEAK_FORMAT_TICKCLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define GOLEAK_TICKCLOCK_MAX UINT64_C(10000000000) /* ticks a second */
#define GOLEAK_TICKCLOCK_NS INT64_C(9000000000000000000) /* 285 years */

struct goleak_tickclock {
    uint64_t frequency;  /* 0: there is none, and no time */
    uint64_t last, base; /* ticks; last is UINT64_MAX before the first ones */
    uint64_t factor, reach;
    unsigned shift;
    int64_t base_ns, last_ns;
};

/* frequency: at most GOLEAK_TICKCLOCK_MAX. */
static inline void goleak_tickclock_init(struct goleak_tickclock *clock, uint64_t frequency)
{
    *clock = (struct goleak_tickclock) { .frequency = frequency, .last = UINT64_MAX };
#ifdef __SIZEOF_INT128__
    if (frequency == 0)
        return;
    clock->shift = 63;
    while (UINT64_C(1000000000) >> (63 - clock->shift) >= frequency) /* the factor has 64 bits */
        clock->shift--;
    __extension__ unsigned __int128 factor = (unsigned __int128)1000000000 << clock->shift;
    clock->factor = (uint64_t)(factor / frequency) + 1;
    clock->reach = (UINT64_C(1) << clock->shift) / frequency;
    if (clock->reach / 256 > frequency)
        clock->reach = 256 * frequency;
#endif
}

static inline int64_t goleak_tickclock_far(struct goleak_tickclock *clock, uint64_t ticks)
{
    if (clock->last == UINT64_MAX)
        clock->last = clock->base = ticks;
    if (ticks <= clock->last || clock->frequency == 0)
        return clock->last_ns;
    uint64_t delta = ticks - clock->base, seconds = delta / clock->frequency;
    clock->last = ticks;
    if (seconds > (uint64_t)(GOLEAK_TICKCLOCK_NS - clock->base_ns) / 1000000000)
        return clock->last_ns = INT64_MAX;
    clock->base += seconds * clock->frequency;
    clock->base_ns += (int64_t)seconds * 1000000000;
    uint64_t rest = (delta - seconds * clock->frequency) * 1000000000 / clock->frequency; /* fits: see _MAX */
    return clock->last_ns = clock->base_ns + (int64_t)rest;
}

/* The first call's ticks are zero; time does not go back. */
static inline int64_t goleak_tickclock_ns(struct goleak_tickclock *clock, uint64_t ticks)
{
#ifdef __SIZEOF_INT128__
    uint64_t delta = ticks - clock->base;
    if (ticks >= clock->last && delta < clock->reach) {
        __extension__ unsigned __int128 product = (unsigned __int128)delta * clock->factor;
        clock->last = ticks;
        return clock->last_ns = clock->base_ns + (int64_t)(uint64_t)(product >> clock->shift);
    }
#endif
    return goleak_tickclock_far(clock, ticks);
}

#endif
