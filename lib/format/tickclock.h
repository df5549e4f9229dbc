/*
 * tickclock - ticks of a trace's clock in nanoseconds since its first event, exactly
 * (ticks * 10^9 / frequency, rounded down), and without a division for each.
 *
 * A base follows the events, by whole seconds. From there (ticks - base) * 10^9 / frequency
 * is the upper half of one multiplication, by a factor that is rounded up. What that adds is
 * less than (ticks - base) * 2^scale / 2^64: as long as it is less than 1 / frequency, the
 * result is exact.
 */
#ifndef GOLEAK_FORMAT_TICKCLOCK_H
#define GOLEAK_FORMAT_TICKCLOCK_H

#include <stdint.h>

#define GOLEAK_TICKCLOCK_MAX UINT64_C(10000000000) /* ticks a second */
#define GOLEAK_TICKCLOCK_NS INT64_C(9000000000000000000) /* 285 years */

struct goleak_tickclock {
    uint64_t frequency; /* 0: there is none, and no time */
    uint64_t base, reach;
    uint64_t factor;
    unsigned scale;
    int64_t base_ns, last_ns;
};

/* frequency: at most GOLEAK_TICKCLOCK_MAX. first: the ticks that are zero. */
static inline void goleak_tickclock_init(struct goleak_tickclock *clock, uint64_t frequency, uint64_t first)
{
    *clock = (struct goleak_tickclock) { .frequency = frequency, .base = first };
#ifdef __SIZEOF_INT128__
    if (frequency == 0)
        return;
    clock->scale = 1;
    while (UINT64_C(1000000000) >> (clock->scale - 1) >= frequency) /* the factor has 64 bits */
        clock->scale++;
    __extension__ unsigned __int128 factor = (unsigned __int128)1000000000 << (64 - clock->scale);
    clock->factor = (uint64_t)(factor / frequency) + 1;
    clock->reach = (UINT64_C(1) << (64 - clock->scale)) / frequency;
    if (clock->reach / 256 > frequency) /* seconds, which stay below _NS with any base */
        clock->reach = 256 * frequency;
#endif
}

static inline int64_t goleak_tickclock_far(struct goleak_tickclock *clock, uint64_t ticks)
{
    if (ticks < clock->base || clock->frequency == 0)
        return clock->last_ns;
    uint64_t delta = ticks - clock->base, seconds = delta / clock->frequency;
    if (seconds > (uint64_t)(GOLEAK_TICKCLOCK_NS - clock->base_ns) / 1000000000)
        return clock->last_ns = INT64_MAX;
    clock->base += seconds * clock->frequency;
    clock->base_ns += (int64_t)seconds * 1000000000;
    delta = (delta - seconds * clock->frequency) * 1000000000 / clock->frequency; /* fits: see _MAX */
    int64_t ns = clock->base_ns + (int64_t)delta;
    return clock->last_ns = ns > clock->last_ns ? ns : clock->last_ns;
}

/* Of ticks behind the base, fewer than the reach. */
static inline int64_t goleak_tickclock_near(const struct goleak_tickclock *clock, uint64_t ticks)
{
#ifdef __SIZEOF_INT128__
    __extension__ unsigned __int128 product = (unsigned __int128)(ticks << clock->scale) * clock->factor;
    return clock->base_ns + (int64_t)(uint64_t)(product >> 64);
#else
    (void)ticks; /* the reach is nothing */
    return clock->base_ns;
#endif
}

/* Time does not go back. */
static inline int64_t goleak_tickclock_ns(struct goleak_tickclock *clock, uint64_t ticks)
{
    if (ticks - clock->base < clock->reach) {
        int64_t ns = goleak_tickclock_near(clock, ticks - clock->base);
        return clock->last_ns = ns > clock->last_ns ? ns : clock->last_ns;
    }
    return goleak_tickclock_far(clock, ticks);
}

#endif
