/* order - see order.h. Here: which evidence a batch has. */
#include "replay/order.h"

/* So often the counters may be proven wrong before they are asked no more. */
#define TRUST 64

void goleak_order_init(struct goleak_order *order, struct goleak_alloc *alloc, struct goleak_replay *replay,
                       struct goleak_health_book *health)
{
    *order = (struct goleak_order){ .alloc = alloc, .replay = replay, .health = health };
    order->window.newest_ns = order->window.emitted_ns = order->window.clock_ns = INT64_MIN;
    order->window.unsure_ns = INT64_MIN;
    order->gate.trust = TRUST;
    order->lives.free_lines = UINT32_MAX;
    order->lives.due = UINT64_MAX;
}

void goleak_order_release(struct goleak_order *order)
{
    if (order->alloc == NULL)
        return;
    goleak_window_release(order);
    goleak_free(order->alloc, order->lives.lines, order->lives.line_capacity * sizeof *order->lives.lines);
    goleak_free(order->alloc, order->lives.lives,
                order->lives.lives != NULL ? GOLEAK_LIVES * sizeof *order->lives.lives : 0);
    order->alloc = NULL;
}

/* Once a stream has told time, every event of it goes by time. */
static bool goes_by_time(const struct goleak_order *order, const struct goleak_batch *batch)
{
    if (order->window.newest_ns != INT64_MIN)
        return true;
    uint32_t any = 0;
    for (size_t i = 0; i < batch->count; i++)
        any |= batch->events[i].has;
    return (any & GOLEAK_HAS_TIME) != 0;
}

static enum goleak_status flush_untimed(struct goleak_order *order)
{
    enum goleak_status status = goleak_gate_flush(order);
    return status == GOLEAK_OK ? goleak_lives_flush(order) : status;
}

enum goleak_status goleak_order_push(void *context, struct goleak_batch **batch)
{
    struct goleak_order *order = context;
    enum goleak_status status;
    if ((*batch)->count == 0)
        return GOLEAK_OK;
    if ((*batch)->untold != 0)
        order->replay->event_count += (uint64_t)(*batch)->untold;
    if (order->window.newest_ns == INT64_MIN && goleak_gate_pass(order, *batch)) {
        status = goleak_lives_push(order, (*batch)->events, (*batch)->count);
        (*batch)->count = 0;
        return status;
    }
    if (goes_by_time(order, *batch)) {
        status = flush_untimed(order);
        if (status == GOLEAK_OK && !goleak_window_pass(order, *batch, &status))
            status = goleak_window_push(order, batch);
        return status;
    }
    status = goleak_gate_push(order, (*batch)->events, (*batch)->count);
    (*batch)->count = 0;
    return status;
}

enum goleak_status goleak_order_finish(struct goleak_order *order)
{
    enum goleak_status status = flush_untimed(order);
    return status == GOLEAK_OK ? goleak_window_flush(order) : status;
}
