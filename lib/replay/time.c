/*
 * time - putting events in the order of their timestamps. See order.h.
 *
 * Batches arrive nearly sorted. Each is sorted for itself (by insertion: a few
 * late events in 256) and then put among the waiting ones; only the batches
 * whose times overlap it are rewritten. The oldest ones are replayed when more
 * events wait than the limit allows. The limit starts at 512 Ki events, for a
 * recorder that reads one CPU's buffer while others fill theirs (bpftrace 0.17, at
 * 16 MiB for each: 120 Ki events and more), and shrinks, after a third of that, to
 * what the recording turns out to need: a window that stays in the cache is much
 * cheaper. While a CPU that has told events tells none, they may still be to come:
 * what the others have told since waits for them, and, where that goes on, 512 Ki
 * events do again. Where many wait, the oldest are packed.
 *
 * Events with equal times keep the order in which they were recorded.
 */
#include "base/pool.h"
#include "replay/order.h"
#include "replay/pack.h"

#include <inttypes.h>
#include <string.h>

#define LIMIT_MOST ((size_t)524288)
#define LIMIT_LIMITED ((size_t)131072) /* where memory is limited: 5 MiB, and about 2 of packed ones */
#define LIMIT_SURE ((size_t)32768)     /* where it is not told which CPU speaks; more than SILENT_LEAST batches */
#define LIMIT_LEAST ((size_t)4096)     /* where all speak again and again: they stay in the cache */
#define LOOK_EVERY ((size_t)163840)
#define OPEN_MOST 132 /* batches that are not packed: a few more than wait at least, 4 MiB of events */
#define OPEN_LEAST 32 /* … and so many of the newest never are */
/* Of a CPU that told nothing in so many batches there may be any number still to come; after so many more it is idle. */
#define SILENT_LEAST 96
#define SILENT_MOST 1024
#define ASK_EVERY 8
#define UNTOLD_MOST 4 /* events without a CPU, of those of 8 batches: a recorder's own lines */
#define TURNS_LEAST 64
/* More than DTrace holds lines back by default (a second), or anybody else. */
#define JUMP_NS ((int64_t)4000000000)

static int64_t apart(int64_t a, int64_t b)
{
    /* In unsigned, for damaged times may lie anywhere. */
    uint64_t distance = a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
    return distance > INT64_MAX ? INT64_MAX : (int64_t)distance;
}

static int64_t first_ns(const struct goleak_batch *batch)
{
    return batch->events[0].time_ns;
}

static int64_t last_ns(const struct goleak_batch *batch)
{
    return batch->events[batch->count - 1].time_ns;
}

static int64_t first_waiting_ns(const struct goleak_waiting *waiting)
{
    return waiting->batch != NULL ? first_ns(waiting->batch) : waiting->first_ns;
}

static int64_t last_waiting_ns(const struct goleak_waiting *waiting)
{
    return waiting->batch != NULL ? last_ns(waiting->batch) : waiting->last_ns;
}

static enum goleak_status replay_batch(struct goleak_order *order, struct goleak_batch *batch)
{
    size_t done;
    if (batch->count == 0)
        return GOLEAK_OK;
    if (last_ns(batch) > order->window.emitted_ns)
        order->window.emitted_ns = last_ns(batch);
    if (order->emit != NULL)
        return order->emit(order->emit_context, batch);
    return goleak_replay_run(order->replay, batch->events, batch->count, GOLEAK_REPLAY_FORCE, &done);
}

static void note_late(struct goleak_order *order, const struct goleak_event *event)
{
    struct goleak_time_window *window = &order->window;
    int64_t late_ns = apart(window->newest_ns, event->time_ns);
    if (event->time_ns < window->emitted_ns)
        goleak_health_note_at(order->health, GOLEAK_HEALTH_late_events, 1, event->position,
                              "an event (%s) is %" PRId64 " ns older than what has been replayed already",
                              goleak_event_kind_name((enum goleak_event_kind)event->kind),
                              apart(window->emitted_ns, event->time_ns));
    else
        goleak_health_note_at(order->health, GOLEAK_HEALTH_reordered, 1, event->position,
                              "an event (%s) is printed %" PRId64 " %s late",
                              goleak_event_kind_name((enum goleak_event_kind)event->kind),
                              late_ns < 1000 ? late_ns : late_ns / 1000, late_ns < 1000 ? "ns" : "us");
}

static void note_jump(struct goleak_order *order, const struct goleak_event *event, int64_t before)
{
    goleak_health_note_at(order->health, GOLEAK_HEALTH_clock_jumps, 1, event->position,
                          "the time of an event (%s) is %" PRId64 " s %s that of the event before it",
                          goleak_event_kind_name((enum goleak_event_kind)event->kind),
                          apart(event->time_ns, before) / 1000000000, event->time_ns > before ? "after" : "before");
}

/* No clock tells a time before 0: as if it told none. So what lies between two times is a number, too. */
static void take_out_negative(struct goleak_order *order, struct goleak_event *event)
{
    goleak_health_note_at(order->health, GOLEAK_HEALTH_clock_jumps, 1, event->position,
                          "the time of an event (%s), %" PRId64 " ns, is before 0",
                          goleak_event_kind_name((enum goleak_event_kind)event->kind), event->time_ns);
    event->has &= ~GOLEAK_HAS_TIME;
}

/* A clock that goes back by more than recorders' buffers hold was set, or a number is
 * damaged: of one event alone the time is not believed; where the ones behind it
 * agree, time goes on from where it was. */
static void take_out_jump(struct goleak_order *order, struct goleak_batch *batch, size_t at)
{
    struct goleak_time_window *window = &order->window;
    struct goleak_event *event = &batch->events[at];
    int64_t before = window->clock_ns, here = event->time_ns;
    size_t next = at + 1;
    while (next < batch->count && (batch->events[next].has & GOLEAK_HAS_TIME) == 0)
        next++;
    bool goes_on = next < batch->count && apart(batch->events[next].time_ns, here) < JUMP_NS;
    if (here > before && (goes_on || next == batch->count)) {
        /* Nothing happened for a while; but of a batch's last event the next one decides. */
        window->unsure_ns = next == batch->count ? before : INT64_MIN;
        window->clock_ns = here;
        return;
    }
    note_jump(order, event, before);
    if (!goes_on) {
        event->time_ns = before;
        return;
    }
    int64_t back = apart(before, here);
    if (back <= INT64_MAX - window->shift_ns)
        window->shift_ns += back;
    window->clock_ns = here;
}

static int64_t shifted(const struct goleak_time_window *window, int64_t time_ns)
{
    return time_ns <= INT64_MAX - window->shift_ns ? time_ns + window->shift_ns : INT64_MAX;
}

/* The last event of the batch before was believed, and should not have been. */
static void take_back(struct goleak_order *order, const struct goleak_event *event)
{
    struct goleak_time_window *window = &order->window;
    int64_t believed = window->clock_ns, before = window->unsure_ns;
    window->unsure_ns = INT64_MIN;
    if (before == INT64_MIN || apart(event->time_ns, believed) < JUMP_NS || apart(event->time_ns, before) >= JUMP_NS)
        return;
    window->clock_ns = before;
    struct goleak_batch *last = window->count != 0 ? window->batches[window->count - 1].batch : NULL;
    struct goleak_event *wrong = last != NULL ? &last->events[last->count - 1] : NULL;
    if (wrong == NULL || wrong->time_ns != shifted(window, believed))
        return;
    note_jump(order, wrong, shifted(window, before));
    wrong->time_ns = shifted(window, before);
    window->newest_ns = wrong->time_ns;
}

/* A recorder that reads the buffer of one CPU for as long as that fills it prints the others' seconds later: the clock
 * of this one goes on. */
static bool is_held_up(const struct goleak_time_window *window, const struct goleak_event *event)
{
    if ((event->has & GOLEAK_HAS_CPU) == 0 || event->cpu >= GOLEAK_CPU_CLOCKS || event->time_ns > window->clock_ns)
        return false;
    return event->time_ns >= window->cpu_clock_ns[event->cpu];
}

static void start_clocks(struct goleak_time_window *window, int64_t time_ns)
{
    window->clock_ns = time_ns;
    for (size_t i = 0; i < GOLEAK_CPU_CLOCKS; i++)
        window->cpu_clock_ns[i] = time_ns;
}

static void note_cpu(struct goleak_time_window *window, const struct goleak_event *event)
{
    if ((event->has & GOLEAK_HAS_CPU) == 0 || event->cpu >= GOLEAK_CPU_CLOCKS) {
        window->untold++;
        return;
    }
    const uint32_t spoke = window->cpu_spoke[event->cpu];
    if (UNLIKELY(spoke == 0 || window->batch - spoke >= SILENT_MOST))
        window->stable = 0; /* another one, or one that had nothing to do */
    window->cpu_clock_ns[event->cpu] = event->time_ns;
    window->cpu_spoke[event->cpu] = window->batch;
    window->turns += event->cpu != window->last_cpu;
    window->last_cpu = event->cpu;
}

static void take_out_jumps(struct goleak_order *order, struct goleak_batch *batch)
{
    struct goleak_time_window *window = &order->window;
    for (size_t i = 0; i < batch->count; i++) {
        struct goleak_event *event = &batch->events[i];
        if ((event->has & GOLEAK_HAS_TIME) == 0)
            continue;
        if (event->time_ns < 0) {
            take_out_negative(order, event);
            continue;
        }
        const int64_t told_ns = event->time_ns;
        if (window->unsure_ns != INT64_MIN)
            take_back(order, event);
        if (window->clock_ns == INT64_MIN)
            start_clocks(window, event->time_ns);
        else if (apart(event->time_ns, window->clock_ns) > JUMP_NS && !is_held_up(window, event))
            take_out_jump(order, batch, i);
        else if (event->time_ns > window->clock_ns)
            window->clock_ns = event->time_ns;
        if (event->time_ns == told_ns) /* else it was not believed */
            note_cpu(window, event);
        event->time_ns = shifted(window, event->time_ns);
        if ((event->has & GOLEAK_HAS_UNTIL) && event->until_ns > 0)
            event->until_ns = shifted(window, event->until_ns); /* it is by the same clock */
    }
}

/* All tell time and none falls behind any before or goes far ahead, as in most batches:
 * there is nothing to be done. */
static bool is_sorted(struct goleak_time_window *window, const struct goleak_batch *batch)
{
    int64_t before = window->newest_ns;
    uint64_t falls = 0;
    uint32_t has = GOLEAK_HAS_TIME;
    if (before < 0 || window->clock_ns != before || window->unsure_ns != INT64_MIN || window->shift_ns != 0)
        return false;
    for (size_t i = 0; i < batch->count; i++) {
        int64_t here = batch->events[i].time_ns;
        has &= batch->events[i].has;
        falls |= (uint64_t)here | ((uint64_t)here - (uint64_t)before); /* a sign in either */
        before = here;
    }
    if (has == 0 || falls >> 63 != 0 || before - window->newest_ns > JUMP_NS)
        return false;
    for (size_t i = 0; i < batch->count; i++)
        note_cpu(window, &batch->events[i]);
    window->newest_ns = window->clock_ns = before;
    return true;
}

/* Gives every event a time and sorts the batch. */
static void sort_batch(struct goleak_order *order, struct goleak_batch *batch)
{
    struct goleak_time_window *window = &order->window;
    struct goleak_event *events = batch->events;
    if (is_sorted(window, batch))
        return;
    take_out_jumps(order, batch);
    int64_t before = window->newest_ns;
    for (size_t i = 0; i < batch->count; i++) {
        if ((events[i].has & GOLEAK_HAS_TIME) == 0) {
            /* Tells none: it happened no later than what was printed before it. */
            events[i].time_ns = before != INT64_MIN ? before : 0;
            if (before == INT64_MIN)
                for (size_t next = i; next < batch->count; next++)
                    if (events[next].has & GOLEAK_HAS_TIME) {
                        events[i].time_ns = events[next].time_ns;
                        break;
                    }
            events[i].has |= GOLEAK_HAS_TIME; /* else the first ones would count events */
        }
        before = events[i].time_ns;
        if (before >= window->newest_ns) {
            window->newest_ns = before;
            if (i == 0 || before >= events[i - 1].time_ns)
                continue;
        } else {
            note_late(order, &events[i]);
        }
        struct goleak_event late = events[i];
        size_t to = i;
        for (; to > 0 && events[to - 1].time_ns > late.time_ns; to--)
            events[to] = events[to - 1];
        events[to] = late;
    }
}

static bool insert_batch(struct goleak_order *order, size_t at, struct goleak_batch *batch)
{
    struct goleak_time_window *window = &order->window;
    if (!goleak_grow(order->alloc, &window->batches, &window->capacity, window->count + 1, sizeof *window->batches))
        return false;
    memmove(window->batches + at + 1, window->batches + at, (window->count - at) * sizeof *window->batches);
    window->batches[at] = (struct goleak_waiting) { .batch = batch };
    window->count++;
    window->open++;
    window->packed = at < window->packed ? at : window->packed;
    return true;
}

/* Those of [from, to) have been taken out. */
static void remove_batches(struct goleak_time_window *window, size_t from, size_t to)
{
    if (from == to) /* there may be no batches at all: memory has ended */
        return;
    memmove(window->batches + from, window->batches + to, (window->count - to) * sizeof *window->batches);
    window->count -= to - from;
    if (window->packed > from)
        window->packed = window->packed > to ? window->packed - (to - from) : from;
}

static struct goleak_batch *take_spare(struct goleak_order *order)
{
    struct goleak_batch *batch = order->window.spare;
    order->window.spare = NULL;
    if (batch == NULL)
        return goleak_batch_new(order->alloc);
    goleak_batch_empty(batch);
    return batch;
}

static void give_spare(struct goleak_order *order, struct goleak_batch *batch)
{
    if (order->window.spare != NULL)
        goleak_batch_free(order->alloc, batch);
    else
        order->window.spare = batch;
}

/* ---- packing ----
 *
 * 256 events take 32 KiB, packed a fifth and less. What lies in the cache is not packed, nor are the newest, which late
 * ones are most often put among. */

/* Most need less. Of thousands each would have two pages that are fresh: where these are slow, a pool has them. */
#define PACKED_BYTES ((size_t)10 << 10)

static unsigned char *alloc_packed(struct goleak_order *order, size_t size, bool *pooled)
{
    struct goleak_time_window *window = &order->window;
    void *block = NULL;
    if (window->pool == NULL && order->alloc->pool != NULL)
        window->pool = goleak_block_pool_new(PACKED_BYTES, order->alloc->page_ns);
    if (window->pool != NULL && size <= PACKED_BYTES && size > PACKED_BYTES / 2)
        block = goleak_block_pool_take(window->pool);
    *pooled = block != NULL;
    return block != NULL ? block : goleak_alloc_array(order->alloc, 1, size);
}

static void free_packed(struct goleak_order *order, struct goleak_waiting *waiting)
{
    if (waiting->pooled)
        goleak_block_pool_give(order->window.pool, waiting->packed);
    else
        goleak_free(order->alloc, waiting->packed, waiting->packed_bytes);
    waiting->packed = NULL;
    waiting->pooled = false;
}

/* False: memory. */
static bool pack_batch(struct goleak_order *order, struct goleak_waiting *waiting)
{
    struct goleak_time_window *window = &order->window;
    struct goleak_batch *batch = waiting->batch;
    if (window->room == NULL)
        window->room = goleak_alloc_array(order->alloc, 1, GOLEAK_PACK_ROOM(GOLEAK_BATCH_EVENTS));
    if (window->room == NULL)
        return false;
    size_t size = goleak_pack(batch->events, batch->count, window->room) + GOLEAK_PACK_BEHIND;
    if ((waiting->packed = alloc_packed(order, size, &waiting->pooled)) == NULL)
        return false;
    memcpy(waiting->packed, window->room, size);
    waiting->packed_bytes = (uint32_t)size;
    waiting->packed_count = (uint32_t)batch->count;
    waiting->first_ns = first_ns(batch);
    waiting->last_ns = last_ns(batch);
    waiting->batch = NULL;
    window->open--;
    give_spare(order, batch);
    return true;
}

/* Those who wait longest first. */
static bool pack_some(struct goleak_order *order)
{
    struct goleak_time_window *window = &order->window;
    while (window->open > OPEN_MOST && window->packed + OPEN_LEAST < window->count) {
        struct goleak_waiting *waiting = &window->batches[window->packed];
        if (waiting->batch != NULL && !pack_batch(order, waiting))
            return false;
        window->packed++;
    }
    return true;
}

/* NULL: memory. */
static struct goleak_batch *open_batch(struct goleak_order *order, size_t at)
{
    struct goleak_time_window *window = &order->window;
    struct goleak_waiting *waiting = &window->batches[at];
    if (waiting->batch != NULL || (waiting->batch = take_spare(order)) == NULL)
        return waiting->batch;
    goleak_unpack(waiting->packed, waiting->packed_count, waiting->batch->events);
    waiting->batch->count = waiting->packed_count;
    free_packed(order, waiting);
    window->open++;
    window->packed = at < window->packed ? at : window->packed;
    return waiting->batch;
}

/* A batch takes the same room whatever it holds: two that fit into one become one. */
static void join_next(struct goleak_order *order, size_t at)
{
    struct goleak_time_window *window = &order->window;
    if (at + 1 >= window->count)
        return;
    struct goleak_batch *batch = window->batches[at].batch, *next = window->batches[at + 1].batch;
    if (batch == NULL || next == NULL || batch->count + next->count > GOLEAK_BATCH_EVENTS)
        return;
    memcpy(batch->events + batch->count, next->events, next->count * sizeof *next->events);
    batch->count += next->count;
    give_spare(order, next);
    window->open--;
    remove_batches(window, at + 1, at + 2);
}

/* Merges `late` with the waiting batches [from, *end), which it overlaps; *end: behind what is written. The
 * older ones win ties. On failure some of those events are lost: memory has ended. */
static enum goleak_status merge(struct goleak_order *order, struct goleak_batch *late, size_t from, size_t *end)
{
    struct goleak_time_window *window = &order->window;
    size_t taken = 0, read = from, at = 0, write = from, to = *end;
    struct goleak_batch *out = take_spare(order);
    enum goleak_status status = out != NULL ? GOLEAK_OK : goleak_alloc_failure(order->alloc);
    while (out != NULL && status == GOLEAK_OK && (read < to || taken < late->count)) {
        const struct goleak_batch *old = read < to ? open_batch(order, read) : NULL;
        if (read < to && old == NULL) {
            status = goleak_alloc_failure(order->alloc);
            break;
        }
        bool from_old = old != NULL && (taken == late->count || old->events[at].time_ns <= late->events[taken].time_ns);
        out->events[out->count++] = from_old ? old->events[at++] : late->events[taken++];
        if (old != NULL && at == old->count) {
            at = 0;
            read++;
        }
        bool ended = read == to && taken == late->count;
        if (out->count < GOLEAK_BATCH_EVENTS && !ended)
            continue;
        if (write < read) { /* a place whose batch is used up: trade it */
            struct goleak_batch *used = window->batches[write].batch;
            window->batches[write++].batch = out;
            out = used;
            out->count = 0;
        } else if (insert_batch(order, write, out)) {
            write++, read++, to++;
            out = ended ? NULL : take_spare(order);
        } else {
            status = goleak_alloc_failure(order->alloc);
        }
        bool packs = window->open > OPEN_MOST && write - 1 + OPEN_LEAST < window->count;
        if ((out == NULL && !ended) || (packs && !pack_batch(order, &window->batches[write - 1])))
            status = goleak_alloc_failure(order->alloc);
    }
    if (out != NULL)
        give_spare(order, out);
    if (status != GOLEAK_OK)
        return status;
    for (size_t i = write; i < to; i++)
        give_spare(order, window->batches[i].batch);
    window->open -= to - write;
    remove_batches(window, write, to);
    *end = write;
    return GOLEAK_OK;
}

/* CPUs in turns, and nothing had to be put in order: somebody has done that already. Whoever reads one CPU's buffer
 * after the other turns to another one a few times, and then is late. */
static bool is_sorted_by_others(const struct goleak_time_window *window)
{
    return !window->was_late && window->turns >= TURNS_LEAST;
}

/* For so many batches a CPU has told nothing, if it is not idle. Nobody knows where some events tell no CPU, or all the
 * same one, or when another one has just come: others still may, with events that are as old. */
static uint32_t longest_silence(const struct goleak_time_window *window)
{
    const uint32_t unknown = LIMIT_SURE / GOLEAK_BATCH_EVENTS / 2;
    uint32_t longest = 0, speaking = 0;
    for (size_t i = 0; i < GOLEAK_CPU_CLOCKS; i++) {
        uint32_t silent = window->batch - window->cpu_spoke[i];
        if (window->cpu_spoke[i] == 0 || silent >= SILENT_MOST)
            continue;
        speaking++;
        longest = silent > longest ? silent : longest;
    }
    bool known = speaking > 1 && window->stable >= (window->was_late ? LOOK_EVERY : LIMIT_SURE);
    return known || longest > unknown ? longest : unknown;
}

/* What a silent CPU may still tell is put among what the others have told since: twice as much waits. */
static size_t least_for(uint32_t silence)
{
    size_t least = 2 * (size_t)silence * GOLEAK_BATCH_EVENTS;
    return least < LIMIT_LEAST ? LIMIT_LEAST : least > LIMIT_SURE ? LIMIT_SURE : least;
}

static void adapt_limit(struct goleak_order *order, size_t pushed)
{
    struct goleak_time_window *window = &order->window;
    const size_t most = order->alloc->limit_bytes == 0 ? LIMIT_MOST : LIMIT_LIMITED;
    if (window->limit == 0)
        window->limit = most;
    const size_t wanted = window->farthest * 8 < most ? window->farthest * 8 : most;
    if (wanted > window->limit)
        window->limit = wanted > LIMIT_SURE ? most : LIMIT_SURE;
    window->pushed += pushed;
    window->stable += pushed;
    if (window->batch % ASK_EVERY != 0)
        return;
    if (window->untold > UNTOLD_MOST)
        window->stable = 0;
    window->untold = 0;
    const bool sorted = is_sorted_by_others(window);
    const uint32_t silence = longest_silence(window);
    const size_t least = !sorted && silence >= SILENT_LEAST ? most : least_for(silence);
    if (least > window->limit)
        window->limit = least;
    if ((window->pushed < LOOK_EVERY && !sorted) || least == most)
        return;
    window->limit = wanted > least ? wanted : least;
    window->pushed = 0;
    window->farthest = window->farthest / 2; /* old lateness counts for less and less */
}

/* Of those that wait one after the other, from the first; what is left of it is to be removed. */
static enum goleak_status replay_next(struct goleak_order *order, size_t at)
{
    struct goleak_time_window *window = &order->window;
    struct goleak_batch *batch = open_batch(order, at);
    if (batch == NULL) {
        free_packed(order, &window->batches[at]);
        return goleak_alloc_failure(order->alloc);
    }
    window->events -= batch->count;
    window->batches[at].batch = NULL;
    window->open--;
    enum goleak_status status = replay_batch(order, batch);
    give_spare(order, batch);
    return status;
}

static void empty(struct goleak_order *order)
{
    struct goleak_time_window *window = &order->window;
    for (size_t i = 0; i < window->count; i++) {
        free_packed(order, &window->batches[i]);
        goleak_batch_free(order->alloc, window->batches[i].batch);
    }
    window->count = window->events = window->open = window->packed = 0;
}

bool goleak_window_pass(struct goleak_order *order, struct goleak_batch *batch, enum goleak_status *status)
{
    struct goleak_time_window *window = &order->window;
    if (!batch->in_order || window->count != 0 || window->shift_ns != 0 || first_ns(batch) < window->newest_ns ||
        first_ns(batch) < 0)
        return false;
    if (window->clock_ns == INT64_MIN)
        start_clocks(window, first_ns(batch));
    window->newest_ns = window->clock_ns = last_ns(batch);
    *status = replay_batch(order, batch);
    batch->count = 0;
    return true;
}

enum goleak_status goleak_window_push(struct goleak_order *order, struct goleak_batch **batch)
{
    struct goleak_time_window *window = &order->window;
    struct goleak_batch *next = take_spare(order);
    if (next == NULL)
        return goleak_alloc_failure(order->alloc);
    struct goleak_batch *late = *batch;
    *batch = next;
    window->batch++;
    sort_batch(order, late);
    const size_t pushed = late->count;
    window->events += pushed;

    size_t to = window->count, from;
    while (to > 0 && first_waiting_ns(&window->batches[to - 1]) > last_ns(late))
        to--;
    for (from = to; from > 0 && last_waiting_ns(&window->batches[from - 1]) > first_ns(late);)
        from--;
    if ((window->count - from) * GOLEAK_BATCH_EVENTS > window->farthest)
        window->farthest = (window->count - from) * GOLEAK_BATCH_EVENTS;
    window->was_late = window->was_late || window->farthest != 0;
    enum goleak_status status;
    if (from == to) {
        status = insert_batch(order, to++, late) ? GOLEAK_OK : goleak_alloc_failure(order->alloc);
        if (status != GOLEAK_OK)
            goleak_batch_free(order->alloc, late);
    } else {
        status = merge(order, late, from, &to);
        give_spare(order, late);
    }
    if (status == GOLEAK_OK) { /* the others were looked at when they came */
        join_next(order, to - 1);
        if (to > 1)
            join_next(order, to - 2);
    }
    adapt_limit(order, pushed);
    size_t out = 0;
    for (; status == GOLEAK_OK && window->events > window->limit && out < window->count; out++)
        status = replay_next(order, out);
    remove_batches(window, 0, out);
    return status == GOLEAK_OK && !pack_some(order) ? goleak_alloc_failure(order->alloc) : status;
}

/* The batches lie in a row, each sorted: those that are older, and a part of the next. */
enum goleak_status goleak_order_drain(struct goleak_order *order, int64_t until_ns)
{
    struct goleak_time_window *window = &order->window;
    enum goleak_status status = GOLEAK_OK;
    size_t out = 0;
    for (; status == GOLEAK_OK && out < window->count && last_waiting_ns(&window->batches[out]) < until_ns; out++)
        status = replay_next(order, out);
    struct goleak_batch *batch = NULL;
    if (status == GOLEAK_OK && out < window->count && first_waiting_ns(&window->batches[out]) < until_ns)
        status = (batch = open_batch(order, out)) != NULL ? GOLEAK_OK : goleak_alloc_failure(order->alloc);
    if (batch != NULL) {
        size_t count = batch->count, older = 0;
        while (batch->events[older].time_ns < until_ns)
            older++;
        batch->count = older;
        status = order->emit(order->emit_context, batch);
        batch->count = count - older;
        memmove(batch->events, batch->events + older, batch->count * sizeof *batch->events);
        window->events -= older;
    }
    remove_batches(window, 0, out);
    if (until_ns > window->emitted_ns)
        window->emitted_ns = until_ns;
    return status;
}

enum goleak_status goleak_window_flush(struct goleak_order *order)
{
    struct goleak_time_window *window = &order->window;
    enum goleak_status status = GOLEAK_OK;
    for (size_t i = 0; i < window->count && status == GOLEAK_OK; i++)
        status = replay_next(order, i);
    empty(order);
    goleak_batch_free(order->alloc, window->spare); /* the last one may be all that is left of a pool */
    window->spare = NULL;
    return status;
}

void goleak_window_release(struct goleak_order *order)
{
    struct goleak_time_window *window = &order->window;
    empty(order);
    goleak_batch_free(order->alloc, window->spare);
    goleak_block_pool_free(window->pool);
    goleak_free(order->alloc, window->room, window->room != NULL ? GOLEAK_PACK_ROOM(GOLEAK_BATCH_EVENTS) : 0);
    goleak_free(order->alloc, window->batches, window->capacity * sizeof *window->batches);
}
