/*
 * tickclock - ticks of a trace's clock in nanoseconds since its first event, exactly
 * (ticks * 10^9 / frequency, rounded down), and without a division for each.
 *
 * A base follows the events. From there (ticks - base) * 10^9 / frequency is estimated by
 * one multiplication with a rounded factor, which is at most a little too small.
 */
#ifndef GOLEAK_FORMAT_TICKCLOCK_H
#define GOLEAK_FORMAT_TICKCLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define GOLEAK_TICKCLOCK_MAX UINT64_C(10000000000) /* ticks a second */

struct goleak_tickclock {
    uint64_t frequency;             /* 0: there is none, and no time */
    uint64_t last, base, base_rest; /* ticks; rest: of the division that made base_ns */
    uint64_t factor, reach;
    int64_t base_ns, last_ns;
    bool began;
};

/* frequency: at most GOLEAK_TICKCLOCK_MAX. */
static inline void goleak_tickclock_init(struct goleak_tickclock *clock, uint64_t frequency)
{
    *clock = (struct goleak_tickclock) { .frequency = frequency };
    if (frequency == 0)
        return;
    clock->factor = (UINT64_C(1000000000) << 32) / frequency;
    clock->reach = UINT64_MAX / (clock->factor + 1);
    if (clock->reach > 1u << 24)
        clock->reach = 1u << 24;
}

static inline int64_t goleak_tickclock_far(struct goleak_tickclock *clock, uint64_t ticks)
{
    uint64_t delta = ticks - clock->base, seconds = delta / clock->frequency;
    uint64_t rest = delta % clock->frequency * 1000000000 + clock->base_rest; /* fits: see _MAX */
    if (seconds > UINT64_C(9000000000))                                       /* 285 years */
        return INT64_MAX;
    int64_t more = (int64_t)(seconds * 1000000000 + rest / clock->frequency);
    if (more > INT64_MAX - clock->base_ns)
        return INT64_MAX;
    clock->base_ns += more;
    clock->base_rest = rest % clock->frequency;
    clock->base = ticks;
    return clock->base_ns;
}

/* The first call's ticks are zero; time does not go back. */
static inline int64_t goleak_tickclock_ns(struct goleak_tickclock *clock, uint64_t ticks)
{
    if (!clock->began) {
        clock->began = true;
        clock->last = clock->base = ticks;
    }
    if (ticks <= clock->last || clock->frequency == 0)
        return clock->last_ns;
    clock->last = ticks;
    uint64_t delta = ticks - clock->base;
    if (delta >= clock->reach)
        return clock->last_ns = goleak_tickclock_far(clock, ticks);
    uint64_t whole = delta * clock->factor >> 32;
    uint64_t rest = delta * 1000000000 + clock->base_rest - whole * clock->frequency;
    for (; rest >= clock->frequency; rest -= clock->frequency)
        whole++;
    return clock->last_ns = clock->base_ns + (int64_t)whole;
}

#endif
