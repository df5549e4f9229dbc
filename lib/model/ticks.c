/* ticks - see ticks.h. */
#include "model/ticks.h"

void goleak_ticks_release(struct goleak_ticks *ticks, struct goleak_alloc *alloc)
{
    goleak_free(alloc, ticks->marks, ticks->capacity * sizeof *ticks->marks);
    *ticks = (struct goleak_ticks){ 0 };
}

bool goleak_ticks_add(struct goleak_ticks *ticks, struct goleak_alloc *alloc, int64_t cpu, uint64_t event)
{
    ticks->count++;
    if (cpu < 0 || cpu >= GOLEAK_TICK_CPUS) {
        ticks->without_cpu = true;
        return true;
    }
    ticks->cpus += ticks->on_cpu[cpu] == 0;
    int64_t seconds = ++ticks->on_cpu[cpu];
    /* The first CPU to reach a second makes it. */
    if (ticks->mark_count != 0 && ticks->marks[ticks->mark_count - 1].seconds >= seconds)
        return true;
    if (!goleak_grow(alloc, &ticks->marks, &ticks->capacity, ticks->mark_count + 1, sizeof *ticks->marks))
        return false;
    ticks->marks[ticks->mark_count++] = (struct goleak_tick_mark){ event, seconds };
    return true;
}

bool goleak_ticks_tell(const struct goleak_ticks *ticks)
{
    return ticks->mark_count != 0 && !ticks->without_cpu;
}

int64_t goleak_ticks_ns(const struct goleak_ticks *ticks, int64_t event)
{
    if (!goleak_ticks_tell(ticks) || event == GOLEAK_NONE)
        return GOLEAK_NONE;
    size_t low = 0, high = ticks->mark_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ticks->marks[middle].event <= (uint64_t)event)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? 0 : ticks->marks[low - 1].seconds * 1000000000;
}
