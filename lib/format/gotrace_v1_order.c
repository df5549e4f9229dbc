/* gotrace_v1_order - see gotrace_v1_order.h. */
#include "format/gotrace_v1_order.h"

#include <inttypes.h>

#if defined(__GNUC__) || defined(__clang__)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#define UNLIKELY(x) (x)
#endif

/* ---- what an event needs, and what it does ---- */

enum who {
    NOBODY,
    NEW,     /* the goroutine of its first argument, which is not there yet */
    NAMED,   /* … which is */
    CURRENT, /* who runs on the P */
    COLLECTOR
};

enum seq { ANY, EXACT, ONE };

#define S(status) (1u << GOLEAK_TRACE_##status)
#define BLOCKED (S(WAITING) | S(SYSCALL)) /* the runtime's readers do not tell them apart */
#define ALL 0xffu

struct rule {
    uint8_t who, seq;
    uint8_t needs;   /* statuses */
    uint8_t becomes; /* NONE: stays */
    bool counts;     /* its number goes up */
    bool leaves;     /* it runs on this P no more */
};

static const struct rule rules[GOLEAK_V1_TYPES] = {
    [GOLEAK_V1_GoCreate] = { NEW, ANY, ALL, GOLEAK_TRACE_RUNNABLE, true, false },
    [GOLEAK_V1_GoWaiting] = { NAMED, ONE, S(RUNNABLE), GOLEAK_TRACE_WAITING, true, false },
    [GOLEAK_V1_GoInSyscall] = { NAMED, ONE, S(RUNNABLE), GOLEAK_TRACE_SYSCALL, true, false },
    [GOLEAK_V1_GoStart] = { NAMED, EXACT, S(RUNNABLE), GOLEAK_TRACE_RUNNING, true, false },
    [GOLEAK_V1_GoStartLabel] = { NAMED, EXACT, S(RUNNABLE), GOLEAK_TRACE_RUNNING, true, false },
    [GOLEAK_V1_GoStartLocal] = { NAMED, ANY, S(RUNNABLE), GOLEAK_TRACE_RUNNING, true, false },
    [GOLEAK_V1_GoBlock] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_WAITING, false, true },
    [GOLEAK_V1_GoBlockSend] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_WAITING, false, true },
    [GOLEAK_V1_GoBlockRecv] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_WAITING, false, true },
    [GOLEAK_V1_GoBlockSelect] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_WAITING, false, true },
    [GOLEAK_V1_GoBlockSync] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_WAITING, false, true },
    [GOLEAK_V1_GoBlockCond] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_WAITING, false, true },
    [GOLEAK_V1_GoBlockNet] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_WAITING, false, true },
    [GOLEAK_V1_GoBlockGC] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_WAITING, false, true },
    [GOLEAK_V1_GoSleep] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_WAITING, false, true },
    [GOLEAK_V1_GoSysBlock] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_SYSCALL, false, true },
    [GOLEAK_V1_GoSched] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_RUNNABLE, false, true },
    [GOLEAK_V1_GoPreempt] = { CURRENT, ANY, S(RUNNING), GOLEAK_TRACE_RUNNABLE, false, true },
    [GOLEAK_V1_GoUnblock] = { NAMED, EXACT, BLOCKED, GOLEAK_TRACE_RUNNABLE, true, false },
    [GOLEAK_V1_GoSysExit] = { NAMED, EXACT, BLOCKED, GOLEAK_TRACE_RUNNABLE, true, false },
    [GOLEAK_V1_GoUnblockLocal] = { NAMED, ANY, BLOCKED, GOLEAK_TRACE_RUNNABLE, true, false },
    [GOLEAK_V1_GoSysExitLocal] = { NAMED, ANY, BLOCKED, GOLEAK_TRACE_RUNNABLE, true, false },
    [GOLEAK_V1_GoStop] = { CURRENT, ANY, ALL, GOLEAK_TRACE_WAITING, false, true },
    [GOLEAK_V1_GoEnd] = { CURRENT, ANY, ALL, GOLEAK_TRACE_NONE, false, true },
    [GOLEAK_V1_GoSysCall] = { CURRENT, ANY, ALL, GOLEAK_TRACE_NONE, false, false },
    [GOLEAK_V1_GCStart] = { COLLECTOR, ANY, ALL, GOLEAK_TRACE_NONE, false, false },
};

/* Never a goroutine's: ids of goroutines are counted from 1. */
#define COLLECTOR_GOID UINT64_MAX

/* ---- who waits for whom ---- */

/* Puts `item` in the place of the first. */
static inline void heap_replace(struct goleak_v1_order *order, struct goleak_v1_waiting item)
{
    struct goleak_v1_waiting *heap = order->heap;
    size_t at = 0, count = order->heap_count;
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1].ticks < heap[child].ticks;
        if (item.ticks <= heap[child].ticks)
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

static void heap_put(struct goleak_v1_order *order, uint32_t cursor)
{
    struct goleak_v1_waiting *heap = order->heap, item = { order->cursors[cursor].ticks, cursor };
    size_t at = order->heap_count++;
    for (size_t parent; at > 0 && item.ticks < heap[parent = (at - 1) / 2].ticks; at = parent)
        heap[at] = heap[parent];
    heap[at] = item;
}

static void heap_take(struct goleak_v1_order *order)
{
    struct goleak_v1_waiting last = order->heap[--order->heap_count];
    if (order->heap_count != 0)
        heap_replace(order, last);
}

static void give_up(struct goleak_v1_order *order)
{
    order->hopeless = true;
    while (order->stalled_count != 0)
        heap_put(order, order->stalled[--order->stalled_count]);
}

/* So much may be looked at: far more than any trace needs that a program has written. */
static inline bool take_effort(struct goleak_v1_order *order)
{
    if (order->stalled_count <= order->effort) {
        order->effort -= order->stalled_count;
        return true;
    }
    give_up(order);
    return false;
}

/* The goroutine has changed: who waits for it may be ready. */
static void wake(struct goleak_v1_order *order, uint64_t goid)
{
    if (!take_effort(order))
        return;
    for (size_t i = 0; i < order->stalled_count;) {
        uint32_t cursor = order->stalled[i];
        if (order->cursors[cursor].bound != goid) {
            i++;
            continue;
        }
        order->stalled[i] = order->stalled[--order->stalled_count];
        heap_put(order, cursor);
    }
}

/* Who runs on this P; 0: nobody any more. */
static inline uint32_t current_of(const struct goleak_v1_order *order, const struct goleak_v1_cursor *cursor)
{
    const struct goleak_trace_g *g = &order->gs.gs[cursor->current];
    return g->goid == cursor->current_goid && g->status != GOLEAK_TRACE_NONE ? cursor->current : 0;
}

/* Who is named; most often it is who was named before on this P: woken, then run. */
static inline uint32_t find(const struct goleak_v1_order *order, struct goleak_v1_cursor *cursor)
{
    const struct goleak_trace_g *g = &order->gs.gs[cursor->recent];
    if (g->goid != cursor->arguments[0] || g->status == GOLEAK_TRACE_NONE)
        cursor->recent = goleak_trace_gs_find(&order->gs, cursor->arguments[0]);
    return cursor->recent;
}

/* Has its turn come? out->subject: whose it is, if there is such a goroutine. */
static inline bool is_ready(const struct goleak_v1_order *order, struct goleak_v1_cursor *cursor,
                            const struct rule *rule, struct goleak_v1_event *out)
{
    const struct goleak_trace_g *gs = order->gs.gs;
    out->from = cursor;
    out->current = current_of(order, cursor);
    if (rule->who == CURRENT) {
        out->subject = out->current;
        cursor->bound = cursor->current_goid;
        return out->current == 0 || (rule->needs >> gs[out->current].status & 1);
    }
    cursor->bound = cursor->arguments[0];
    if (rule->who == NAMED) {
        const struct goleak_trace_g *g = &gs[out->subject = find(order, cursor)];
        return (rule->needs >> g->status & 1) &&
               (rule->seq == ANY || g->seq == (rule->seq == ONE ? 1 : cursor->arguments[1]));
    }
    out->subject = 0;
    if (rule->who == NEW)
        return (out->subject = goleak_trace_gs_find(&order->gs, cursor->arguments[0])) == 0;
    cursor->bound = COLLECTOR_GOID;
    return rule->who == NOBODY || cursor->arguments[0] == order->gc_seq;
}

/* What it does to its goroutine, and to who runs here. False: memory. */
static inline bool apply(struct goleak_v1_order *order, struct goleak_v1_cursor *cursor, const struct rule *rule,
                         struct goleak_v1_event *out)
{
    if (rule->who == NOBODY)
        return true;
    if (rule->who == COLLECTOR)
        order->gc_seq = cursor->arguments[0] + 1;
    else if (out->subject == 0 && rule->who != CURRENT)
        cursor->recent = out->subject = goleak_trace_gs_add(&order->gs, cursor->arguments[0]);
    if (out->subject == 0)
        return rule->who == CURRENT || rule->who == COLLECTOR;
    struct goleak_trace_g *g = &order->gs.gs[out->subject];
    if (rule->counts)
        g->seq = (rule->seq == EXACT ? cursor->arguments[1] : rule->who == NEW ? 0 : g->seq) + 1;
    if (rule->becomes != GOLEAK_TRACE_NONE) {
        g->status = rule->becomes;
        g->gen = 0;
    }
    if (rule->becomes == GOLEAK_TRACE_RUNNING) {
        cursor->current = out->subject;
        cursor->current_goid = g->goid;
    }
    return true;
}

/* Nothing can be next: the earliest is, whatever it needs. False: they all are. */
static bool force(struct goleak_v1_order *order)
{
    size_t earliest = 0;
    if (!take_effort(order))
        return false;
    for (size_t i = 1; i < order->stalled_count; i++)
        if (order->cursors[order->stalled[i]].ticks < order->cursors[order->stalled[earliest]].ticks)
            earliest = i;
    order->turn = order->stalled[earliest];
    order->stalled[earliest] = order->stalled[--order->stalled_count];
    return true;
}

static void note_forced(const struct goleak_v1_order *order, const struct goleak_v1_cursor *cursor)
{
    goleak_health_note(order->file->env.health, GOLEAK_HEALTH_broken_order, 1, 0, 0,
                       (size_t)(cursor->at - (const uint8_t *)order->file->bytes.data),
                       "found %s of goroutine %" PRIu64 ", which no event before it has made possible",
                       goleak_v1_name(cursor->type), cursor->bound);
}

/* ---- what comes by its own time ---- */

static void find_due(struct goleak_v1_order *order)
{
    const struct goleak_v1_stamps *samples = &order->file->samples, *returns = &order->file->returns;
    order->due = order->next_sample < samples->count ? samples->items[order->next_sample].ticks : UINT64_MAX;
    if (order->next_return < returns->count && returns->items[order->next_return].ticks < order->due)
        order->due = returns->items[order->next_return].ticks;
}

/* The sample or return that is due. False: it is none. */
static bool take_due(struct goleak_v1_order *order, struct goleak_v1_event *out)
{
    const struct goleak_v1_file *file = order->file;
    bool sample =
        order->next_sample < file->samples.count && file->samples.items[order->next_sample].ticks == order->due;
    const struct goleak_v1_stamp *stamp =
        sample ? &file->samples.items[order->next_sample++] : &file->returns.items[order->next_return++];
    const uint8_t *at = (const uint8_t *)file->bytes.data + stamp->at;
    struct goleak_v1_cursor *cursor = &order->by_time;
    uint64_t skipped;
    *cursor = (struct goleak_v1_cursor) { .type = *at & 63, .ticks = order->due, .p = UINT64_MAX, .at = at };
    *out = (struct goleak_v1_event) { .from = cursor };
    find_due(order);
    if (*at++ >= 0xc0)
        at = goleak_v1_number(at, &skipped);
    at = goleak_v1_number(at, &skipped);
    for (unsigned i = 0; i + 1u < goleak_v1_numbers[cursor->type]; i++)
        at = goleak_v1_number(at, &cursor->arguments[i]);
    if (sample)
        return true;
    out->subject = goleak_trace_gs_find(&order->gs, cursor->arguments[0]);
    struct goleak_trace_g *g = &order->gs.gs[out->subject];
    if (out->subject == 0 || g->status != GOLEAK_TRACE_SYSCALL || g->gen != 0)
        return false; /* the clocks disagree: it is told where it stands */
    g->gen = 1;
    return true;
}

/* ---- all of them ---- */

static bool is_return(uint8_t type)
{
    return type == GOLEAK_V1_GoSysExit || type == GOLEAK_V1_GoSysExitLocal;
}

/* The event that is out is done with: its P goes on to its next one. */
static inline void go_on(struct goleak_v1_order *order)
{
    struct goleak_v1_cursor *cursor = &order->cursors[order->turn];
    const struct rule *rule = &rules[cursor->type];
    if (rule->leaves) {
        if (cursor->type == GOLEAK_V1_GoEnd && current_of(order, cursor) != 0)
            goleak_trace_gs_remove(&order->gs, cursor->current);
        cursor->current = 0;
        cursor->current_goid = 0;
    }
    if (UNLIKELY(order->stalled_count != 0) && rule->who != NOBODY)
        wake(order, cursor->bound);
    goleak_v1_advance(order->file, cursor);
    if (cursor->type == 0)
        order->turn = GOLEAK_V1_NO_TURN;
}

/* Whose turn it is, and when: *forced if it cannot be. False: nobody's. */
static inline bool find_turn(struct goleak_v1_order *order, uint64_t *ticks, bool *forced)
{
    *forced = false;
    if (order->turn != GOLEAK_V1_NO_TURN) {
        *ticks = order->cursors[order->turn].ticks;
        if (order->heap_count == 0 || *ticks <= order->heap[0].ticks)
            return true;
        struct goleak_v1_waiting next = order->heap[0];
        heap_replace(order, (struct goleak_v1_waiting) { *ticks, order->turn });
        *ticks = next.ticks;
        order->turn = next.cursor;
        return true;
    }
    if (order->heap_count == 0 && order->stalled_count != 0 && force(order)) {
        *forced = true;
        *ticks = order->cursors[order->turn].ticks;
        return true;
    }
    if (order->heap_count == 0)
        return false;
    *ticks = order->heap[0].ticks;
    order->turn = order->heap[0].cursor;
    heap_take(order);
    return true;
}

enum goleak_status goleak_v1_order_next(struct goleak_v1_order *order, struct goleak_v1_event *out)
{
    if (order->out)
        go_on(order);
    order->out = false;
    for (;;) {
        uint64_t ticks = UINT64_MAX;
        bool forced, found = find_turn(order, &ticks, &forced);
        while (UNLIKELY(order->due < ticks)) {
            if (!take_due(order, out))
                continue;
            if (forced) { /* it will be again */
                order->stalled[order->stalled_count++] = order->turn;
                order->turn = GOLEAK_V1_NO_TURN;
            }
            return GOLEAK_OK;
        }
        if (!found)
            return GOLEAK_END;
        struct goleak_v1_cursor *cursor = &order->cursors[order->turn];
        const struct rule *rule = &rules[cursor->type];
        if (UNLIKELY(!is_ready(order, cursor, rule, out))) {
            if (!forced && !order->hopeless) {
                order->stalled[order->stalled_count++] = order->turn;
                order->turn = GOLEAK_V1_NO_TURN;
                continue;
            }
            note_forced(order, cursor);
        }
        bool told = order->gs.gs[out->subject].gen != 0 && is_return(cursor->type);
        if (!apply(order, cursor, rule, out))
            return goleak_alloc_failure(order->file->env.alloc);
        if (!told) {
            order->out = true;
            return GOLEAK_OK;
        }
        go_on(order);
    }
}

uint8_t goleak_v1_type_behind(const struct goleak_v1_order *order, const struct goleak_v1_event *event)
{
    struct goleak_v1_cursor copy = *event->from;
    goleak_v1_advance(order->file, &copy);
    return copy.type;
}

bool goleak_v1_order_init(struct goleak_v1_order *order, struct goleak_v1_file *file)
{
    struct goleak_alloc *alloc = file->env.alloc;
    size_t count = file->p_count;
    *order = (struct goleak_v1_order) { .file = file, .turn = GOLEAK_V1_NO_TURN };
    order->effort = ((uint64_t)file->bytes.size + 65536) * 64;
    goleak_trace_gs_init(&order->gs, alloc);
    order->cursor_count = count + 1; /* none is asked for nothing */
    order->cursors = goleak_alloc_zeroed(alloc, order->cursor_count * sizeof *order->cursors);
    order->heap = goleak_alloc_array(alloc, order->cursor_count, sizeof *order->heap);
    order->stalled = goleak_alloc_array(alloc, order->cursor_count, sizeof *order->stalled);
    /* Slot 0 is none, and has an entry all the same. */
    if (order->cursors == NULL || order->heap == NULL || order->stalled == NULL ||
        !goleak_grow(alloc, &order->gs.gs, &order->gs.capacity, 1, sizeof *order->gs.gs))
        return false;
    order->gs.gs[0] = (struct goleak_trace_g) { 0 };
    for (uint32_t i = 0; i < count; i++) {
        order->cursors[i].p = file->ps[i].p;
        order->cursors[i].batch = file->ps[i].first;
        goleak_v1_advance(file, &order->cursors[i]);
        if (order->cursors[i].type != 0)
            heap_put(order, i);
    }
    find_due(order);
    return true;
}

void goleak_v1_order_release(struct goleak_v1_order *order)
{
    if (order->file == NULL)
        return;
    struct goleak_alloc *alloc = order->file->env.alloc;
    goleak_trace_gs_release(&order->gs);
    goleak_free(alloc, order->cursors, order->cursor_count * sizeof *order->cursors);
    goleak_free(alloc, order->heap, order->heap != NULL ? order->cursor_count * sizeof *order->heap : 0);
    goleak_free(alloc, order->stalled, order->stalled != NULL ? order->cursor_count * sizeof *order->stalled : 0);
    order->file = NULL;
}
