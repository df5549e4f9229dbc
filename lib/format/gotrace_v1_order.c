/* gotrace_v1_order - see gotrace_v1_order.h. */
#include "format/gotrace_v1_order.h"

#include <inttypes.h>
#include <stdio.h>

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

/* ---- the goroutines ---- */

static void set_near(struct goleak_v1_order *order, uint64_t goid, uint32_t slot)
{
    uint32_t *near = goleak_v1_order_near(order, goid);
    if (*near != 0 && !order->gs.gs[*near].listed)
        goleak_trace_gs_list(&order->gs, *near);
    *near = slot;
}

uint32_t goleak_v1_order_find_far(struct goleak_v1_order *order, uint64_t goid)
{
    uint32_t slot = goleak_trace_gs_find(&order->gs, goid);
    if (slot != 0)
        set_near(order, goid, slot);
    return slot;
}

uint32_t goleak_v1_order_add(struct goleak_v1_order *order, uint64_t goid)
{
    uint32_t slot = goleak_trace_gs_take(&order->gs, goid);
    if (slot != 0)
        set_near(order, goid, slot);
    return slot;
}

void goleak_v1_order_remove(struct goleak_v1_order *order, uint32_t slot)
{
    uint32_t *near = goleak_v1_order_near(order, order->gs.gs[slot].goid);
    *near = *near == slot ? 0 : *near;
    goleak_trace_gs_remove(&order->gs, slot);
}

/* ---- whose turn it is ---- */

static struct goleak_v1_cursor *nobody(const struct goleak_v1_order *order)
{
    return &order->cursors[order->p_count];
}

/* Puts `item` in the place of the first. */
static void heap_replace(struct goleak_v1_order *order, struct goleak_v1_waiting item)
{
    struct goleak_v1_waiting *heap = order->heap;
    size_t at = 0, count = order->heap_count;
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += heap[child + 1].ticks < heap[child].ticks;
        if (item.ticks <= heap[child].ticks)
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

static void heap_end(struct goleak_v1_order *order)
{
    order->heap[order->heap_count].ticks = order->heap[order->heap_count + 1].ticks = UINT64_MAX;
}

static void heap_put(struct goleak_v1_order *order, struct goleak_v1_cursor *cursor)
{
    struct goleak_v1_waiting *heap = order->heap, item = { cursor->ticks, cursor };
    size_t at = order->heap_count++;
    heap_end(order);
    for (size_t parent; at > 0 && item.ticks < heap[parent = (at - 1) / 2].ticks; at = parent)
        heap[at] = heap[parent];
    heap[at] = item;
}

static inline void find_limit(struct goleak_v1_order *order)
{
    uint64_t next = order->heap[0].ticks;
    order->limit = next < order->due ? next : order->due;
}

/* The earliest of the heap has its turn; nobody, if it is empty. */
static void give_turn(struct goleak_v1_order *order)
{
    order->turn = nobody(order);
    if (order->heap_count != 0) {
        order->turn = order->heap[0].cursor;
        struct goleak_v1_waiting last = order->heap[--order->heap_count];
        heap_end(order);
        if (order->heap_count != 0)
            heap_replace(order, last);
    }
    find_limit(order);
}

void goleak_v1_order_change(struct goleak_v1_order *order)
{
    struct goleak_v1_cursor *turn = order->turn;
    if (turn->type == 0) {
        give_turn(order);
        return;
    }
    if (order->heap[0].ticks >= turn->ticks)
        return; /* something else is due */
    order->turn = order->heap[0].cursor;
    heap_replace(order, (struct goleak_v1_waiting) { turn->ticks, turn });
    find_limit(order);
}

/* ---- who waits for whom ---- */

static uint32_t *stalled_for(struct goleak_v1_order *order, uint64_t goid)
{
    return &order->stalled_for[(size_t)(goleak_hash_u64(goid) >> 40) & order->stalled_mask];
}

/* Whose turn it is cannot be next. */
static void stall(struct goleak_v1_order *order)
{
    struct goleak_v1_cursor *cursor = order->turn;
    uint32_t *first = stalled_for(order, cursor->bound);
    cursor->stalled = true;
    cursor->next_stalled = *first;
    *first = (uint32_t)(cursor - order->cursors) + 1;
    order->stalled_count++;
    give_turn(order);
}

/* *link is a stalled one's index + 1; it is none any more. */
static uint32_t unstall(struct goleak_v1_order *order, uint32_t *link)
{
    uint32_t cursor = *link - 1;
    *link = order->cursors[cursor].next_stalled;
    order->cursors[cursor].stalled = false;
    order->stalled_count--;
    return cursor;
}

static void give_up(struct goleak_v1_order *order)
{
    order->hopeless = true;
    for (size_t i = 0; i <= order->stalled_mask; i++)
        while (order->stalled_for[i] != 0)
            heap_put(order, &order->cursors[unstall(order, &order->stalled_for[i])]);
    find_limit(order);
}

/* So many are looked at: far more may be than any trace needs that a program has written. */
static bool take_effort(struct goleak_v1_order *order, uint64_t count)
{
    if (count <= order->effort) {
        order->effort -= count;
        return true;
    }
    give_up(order);
    return false;
}

struct event_name {
    char text[48];
};

/* "GoStart of goroutine 5", "GCStart" */
static struct event_name whose(const struct goleak_v1_cursor *cursor)
{
    struct event_name name;
    int size = snprintf(name.text, sizeof name.text, "%s", goleak_v1_name(cursor->type));
    if (cursor->bound != COLLECTOR_GOID)
        snprintf(name.text + size, sizeof name.text - (size_t)size, " of goroutine %" PRIu64, cursor->bound);
    return name;
}

/* It can only have been later: the clocks of CPUs are not in step, or a time is damaged. It is woken as often as its
 * goroutine changes, and told of once. */
static void note_behind(const struct goleak_v1_order *order, struct goleak_v1_cursor *cursor, uint64_t ticks)
{
    const uint64_t position = goleak_v1_position(cursor, cursor->at);
    if (cursor->noted == position + 1)
        return;
    cursor->noted = position + 1;
    goleak_v1_note_early(order->file, position, whose(cursor).text, ticks - cursor->ticks, "what makes it possible");
}

void goleak_v1_order_wake(struct goleak_v1_order *order, uint64_t goid, uint64_t ticks)
{
    for (uint32_t *link = stalled_for(order, goid); *link != 0;) {
        struct goleak_v1_cursor *cursor = &order->cursors[*link - 1];
        if (!take_effort(order, 1))
            return;
        if (cursor->bound == goid && cursor->ticks < ticks)
            note_behind(order, cursor, ticks);
        if (cursor->bound == goid)
            heap_put(order, &order->cursors[unstall(order, link)]);
        else
            link = &cursor->next_stalled;
    }
    find_limit(order);
}

/* Nothing can be next: the earliest is, whatever it needs. NULL: too many have been looked at. */
static struct goleak_v1_cursor *earliest_stalled(struct goleak_v1_order *order)
{
    struct goleak_v1_cursor *earliest = NULL;
    if (!take_effort(order, order->p_count))
        return NULL;
    for (size_t i = 0; i < order->p_count; i++) {
        struct goleak_v1_cursor *cursor = &order->cursors[i];
        if (cursor->stalled && (earliest == NULL || cursor->ticks < earliest->ticks))
            earliest = cursor;
    }
    return earliest;
}

static void force(struct goleak_v1_order *order, struct goleak_v1_cursor *cursor)
{
    uint32_t *link = stalled_for(order, cursor->bound);
    while (&order->cursors[*link - 1] != cursor)
        link = &order->cursors[*link - 1].next_stalled;
    unstall(order, link);
    order->turn = cursor;
}

static void note_forced(const struct goleak_v1_order *order, const struct goleak_v1_cursor *cursor)
{
    goleak_health_note(order->file->env.health, GOLEAK_HEALTH_broken_order, 1, 0, 0,
                       goleak_v1_position(cursor, cursor->at),
                       "found %s, expected an event before it that makes it possible", whose(cursor).text);
}

/* ---- what an event does ---- */

/* Who runs on this P; 0: nobody any more. */
static uint32_t current_of(const struct goleak_v1_order *order, const struct goleak_v1_cursor *cursor)
{
    const struct goleak_trace_g *g = &order->gs.gs[cursor->current];
    return g->goid == cursor->current_goid && g->status != GOLEAK_TRACE_NONE ? cursor->current : 0;
}

/* Nothing holds it up, but the event before it is missing: nobody runs here who could stop, or somebody does where
 * another one starts. */
static bool is_misfit(const struct goleak_v1_cursor *cursor, const struct goleak_v1_event *event)
{
    const struct rule *rule = &rules[cursor->type];
    return rule->leaves ? event->current == 0 : rule->becomes == GOLEAK_TRACE_RUNNING && event->current != 0;
}

static void note_misfit(const struct goleak_v1_order *order, const struct goleak_v1_cursor *cursor,
                        const struct goleak_v1_event *event)
{
    const uint64_t position = goleak_v1_position(cursor, cursor->at);
    struct goleak_health_book *health = order->file->env.health;
    if (event->current == 0)
        goleak_health_note(health, GOLEAK_HEALTH_broken_order, 1, 0, 0, position,
                           "found %s on P %" PRIu64 ", where no goroutine runs, expected the start of one before it",
                           goleak_v1_name(cursor->type), cursor->p);
    else
        goleak_health_note(health, GOLEAK_HEALTH_broken_order, 1, 0, 0, position,
                           "found %s of goroutine %" PRIu64 " on P %" PRIu64 ", where goroutine %" PRIu64
                           " runs, expected that one to stop before it",
                           goleak_v1_name(cursor->type), event->goid, cursor->p, cursor->current_goid);
}

/* Has its turn come? out->subject: whose it is, if there is such a goroutine. */
static bool is_ready(struct goleak_v1_order *order, struct goleak_v1_cursor *cursor, struct goleak_v1_event *out)
{
    const struct rule *rule = &rules[cursor->type];
    const struct goleak_trace_g *gs = order->gs.gs;
    uint64_t named = cursor->arguments[0];
    uint32_t current = current_of(order, cursor);
    *out = (struct goleak_v1_event) { cursor, named, cursor->current_goid, 0, current };
    cursor->bound = named;
    switch ((enum who)rule->who) {
    case CURRENT:
        cursor->bound = out->goid = cursor->current_goid;
        out->subject = current;
        return current == 0 || (rule->needs >> gs[current].status & 1);
    case NAMED: {
        const struct goleak_trace_g *g = &gs[out->subject = goleak_v1_order_find(order, named)];
        return (rule->needs >> g->status & 1) &&
               (rule->seq == ANY || g->seq == (rule->seq == ONE ? 1 : cursor->arguments[1]));
    }
    case NEW: return (out->subject = goleak_v1_order_find(order, named)) == 0;
    case COLLECTOR: cursor->bound = COLLECTOR_GOID; return named == order->gc_seq;
    case NOBODY: break;
    }
    return true;
}

static uint32_t add(struct goleak_v1_order *order, uint64_t goid)
{
    order->huge = order->huge || goid > INT64_MAX;
    return goleak_v1_order_add(order, goid);
}

/* What it does to its goroutine. False: memory. */
static bool apply_to(struct goleak_v1_order *order, const struct goleak_v1_cursor *cursor, struct goleak_v1_event *out)
{
    const struct rule *rule = &rules[cursor->type];
    if ((rule->who == NEW || rule->who == NAMED) && out->subject == 0)
        out->subject = add(order, out->goid);
    if (out->subject == 0)
        return rule->who == CURRENT || rule->who == COLLECTOR;
    struct goleak_trace_g *g = &order->gs.gs[out->subject];
    if (rule->counts)
        g->seq = (rule->seq == EXACT ? (uint32_t)cursor->arguments[1] : rule->who == NEW ? 0 : g->seq) + 1;
    if (rule->becomes != GOLEAK_TRACE_NONE) {
        g->status = rule->becomes;
        g->gen = 0;
    }
    if (cursor->type == GOLEAK_V1_GoEnd)
        goleak_v1_order_remove(order, out->subject);
    return true;
}

/* … and to who runs here, and to who waits for it. */
static bool apply(struct goleak_v1_order *order, struct goleak_v1_cursor *cursor, struct goleak_v1_event *out)
{
    const struct rule *rule = &rules[cursor->type];
    if (rule->who == NOBODY)
        return true;
    if (!apply_to(order, cursor, out))
        return false;
    if (rule->who == COLLECTOR)
        order->gc_seq = cursor->arguments[0] + 1;
    if (rule->leaves || rule->becomes == GOLEAK_TRACE_RUNNING) {
        cursor->current = rule->leaves ? 0 : out->subject;
        cursor->current_goid = rule->leaves ? 0 : out->goid;
    }
    goleak_v1_order_changed(order, cursor->bound, cursor->ticks);
    return true;
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
    *cursor = (struct goleak_v1_cursor) { .type = *at & 63,
                                          .ticks = order->due,
                                          .p = UINT64_MAX,
                                          .at = at,
                                          .position_of_0 = stamp->offset - (uint64_t)(uintptr_t)at };
    *out = (struct goleak_v1_event) { .from = cursor };
    find_due(order);
    find_limit(order);
    if (*at++ >= 0xc0)
        at = goleak_v1_number(at, &skipped);
    cursor->next = goleak_v1_number(at, &skipped);
    goleak_v1_decode(cursor);
    if (sample)
        return true;
    out->subject = goleak_v1_order_find(order, cursor->arguments[0]);
    struct goleak_trace_g *g = &order->gs.gs[out->subject];
    if (out->subject == 0 || g->status != GOLEAK_TRACE_SYSCALL || g->gen != 0)
        return false; /* the clocks disagree: it is told where it stands */
    out->goid = g->goid;
    g->gen = 1;
    return true;
}

/* ---- all of them ---- */

static bool is_return(uint8_t type)
{
    return type == GOLEAK_V1_GoSysExit || type == GOLEAK_V1_GoSysExitLocal;
}

/* A P with an event has its turn, if any has: *forced if it cannot be. Or what is due before
 * it: then that is *told. False: there is nothing left. */
static bool find_turn(struct goleak_v1_order *order, struct goleak_v1_event *out, bool *forced, bool *told)
{
    if (order->turn->type == 0 || order->turn->ticks > order->limit)
        goleak_v1_order_change(order);
    struct goleak_v1_cursor *cursor = order->turn;
    if (cursor->type == 0 && order->stalled_count != 0 && (cursor = earliest_stalled(order)) == NULL) {
        give_turn(order);
        cursor = order->turn;
    }
    *forced = cursor != order->turn;
    *told = false;
    while (order->due != UINT64_MAX && (cursor->type == 0 || order->due < cursor->ticks))
        if ((*told = take_due(order, out)))
            return true;
    if (*forced)
        force(order, cursor);
    return cursor->type != 0;
}

enum goleak_status goleak_v1_order_next(struct goleak_v1_order *order, struct goleak_v1_event *out)
{
    for (bool forced, told;;) {
        if (!find_turn(order, out, &forced, &told))
            return GOLEAK_END;
        if (told)
            return GOLEAK_OK;
        struct goleak_v1_cursor *cursor = order->turn;
        const uint8_t *behind = goleak_v1_decode(cursor);
        const bool ready = is_ready(order, cursor, out);
        if (!ready && !forced && !order->hopeless) {
            stall(order);
            continue;
        }
        if (UNLIKELY(!ready || is_misfit(cursor, out))) {
            enum goleak_status status = order->before_force(order->context);
            if (status != GOLEAK_OK)
                return status;
            if (ready)
                note_misfit(order, cursor, out);
            else
                note_forced(order, cursor);
        }
        told = order->gs.gs[out->subject].gen != 0 && is_return(cursor->type);
        if (!apply(order, cursor, out))
            return goleak_alloc_failure(order->file->env.alloc);
        cursor->next = behind;
        if (!told)
            return GOLEAK_OK;
        goleak_v1_advance(order->file, cursor);
    }
}

void goleak_v1_order_go_on(struct goleak_v1_order *order, const struct goleak_v1_event *event)
{
    if (event->from != &order->by_time)
        goleak_v1_advance(order->file, event->from);
}

uint8_t goleak_v1_type_behind(const struct goleak_v1_order *order, const struct goleak_v1_event *event)
{
    struct goleak_v1_cursor copy = *event->from;
    copy.window = (struct goleak_trace_window) { 0 };
    goleak_v1_advance(order->file, &copy);
    goleak_trace_window_close(&copy.window, order->file->env.alloc);
    return copy.type;
}

bool goleak_v1_order_init(struct goleak_v1_order *order, struct goleak_v1_file *file)
{
    struct goleak_alloc *alloc = file->env.alloc;
    size_t count = file->p_count, places = 1;
    *order = (struct goleak_v1_order) { .file = file, .p_count = count };
    order->effort = (goleak_v1_offset(file, file->bytes.size) + 65536) * 64;
    while (places < count)
        places *= 2;
    order->stalled_mask = places - 1;
    order->cursors = goleak_alloc_zeroed(alloc, (count + 1) * sizeof *order->cursors);
    order->heap = goleak_alloc_array(alloc, count + 3, sizeof *order->heap);
    order->stalled_for = goleak_alloc_zeroed(alloc, places * sizeof *order->stalled_for);
    if (!goleak_trace_gs_init(&order->gs, alloc) || order->cursors == NULL || order->heap == NULL ||
        order->stalled_for == NULL)
        return false;
    heap_end(order);
    for (uint32_t i = 0; i < count; i++) {
        order->cursors[i].p = file->ps[i].p;
        order->cursors[i].batch = file->ps[i].first;
        goleak_v1_advance(file, &order->cursors[i]);
        if (order->cursors[i].type != 0)
            heap_put(order, &order->cursors[i]);
    }
    find_due(order);
    give_turn(order);
    return true;
}

void goleak_v1_order_release(struct goleak_v1_order *order)
{
    if (order->file == NULL)
        return;
    struct goleak_alloc *alloc = order->file->env.alloc;
    goleak_trace_gs_release(&order->gs);
    for (size_t i = 0; order->cursors != NULL && i < order->p_count; i++)
        goleak_trace_window_close(&order->cursors[i].window, alloc);
    goleak_free(alloc, order->cursors, (order->p_count + 1) * sizeof *order->cursors);
    goleak_free(alloc, order->heap, (order->p_count + 3) * sizeof *order->heap);
    goleak_free(alloc, order->stalled_for, (order->stalled_mask + 1) * sizeof *order->stalled_for);
    order->file = NULL;
}
