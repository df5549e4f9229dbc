/* gotrace_v1_turn - see gotrace_v1_turn.h. */
#include "format/gotrace_v1_turn.h"

#include "base/compiler.h"

/* How an event is taken. The most frequent ones have a bit each: they are asked for one after
 * the other, which the processor foresees better than one jump to any of them. */
enum how {
    NOT_SIMPLE,
    CREATE,
    UNBLOCK_NUMBERED,
    LAST_LONG = UNBLOCK_NUMBERED, /* none behind it tells its length */
    START_NUMBERED,
    END,
    SYSCALL,
    PROC_START,
    PROC_STOP,
    HEAP,
    YIELD = 16,
    UNBLOCK = 32,
    PARK = 64,
    START = 128
};

static const uint8_t hows[GOLEAK_V1_TYPES] = {
    [GOLEAK_V1_GoCreate] = CREATE,
    [GOLEAK_V1_GoStart] = START_NUMBERED,
    [GOLEAK_V1_GoStartLocal] = START,
    [GOLEAK_V1_GoUnblock] = UNBLOCK_NUMBERED,
    [GOLEAK_V1_GoUnblockLocal] = UNBLOCK,
    [GOLEAK_V1_GoSched] = YIELD,
    [GOLEAK_V1_GoPreempt] = YIELD,
    [GOLEAK_V1_GoSleep] = PARK,
    [GOLEAK_V1_GoBlock] = PARK,
    [GOLEAK_V1_GoBlockSend] = PARK,
    [GOLEAK_V1_GoBlockRecv] = PARK,
    [GOLEAK_V1_GoBlockSelect] = PARK,
    [GOLEAK_V1_GoBlockSync] = PARK,
    [GOLEAK_V1_GoBlockCond] = PARK,
    [GOLEAK_V1_GoBlockNet] = PARK,
    [GOLEAK_V1_GoBlockGC] = PARK,
    [GOLEAK_V1_GoEnd] = END,
    [GOLEAK_V1_GoSysCall] = SYSCALL,
    [GOLEAK_V1_ProcStart] = PROC_START,
    [GOLEAK_V1_ProcStop] = PROC_STOP,
    [GOLEAK_V1_HeapAlloc] = HEAP,
};

#define WHOSE (GOLEAK_HAS_G | GOLEAK_HAS_GOID)
#define BY (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID)

/* Where a turn stands; what the cursor and the batch say of it is behind meanwhile. */
struct turn {
    struct goleak_reader *reader;
    struct goleak_v1_cursor *cursor;
    const uint8_t *at, *next; /* the event in the file, and what is read next of it */
    uint64_t ticks;
    struct goleak_event *event; /* where it goes to */
    uint64_t untold;            /* so many did not */
};

/* A number of up to four bytes, which was checked when the file was read; false: it is longer. */
ALWAYS_INLINE bool take_number(const uint8_t **at, uint64_t *out)
{
    const uint8_t *from = *at;
    uint64_t first = from[0], second, third, fourth;
    if (first < 0x80) {
        *out = first;
        *at = from + 1;
    } else if ((second = from[1]) < 0x80) {
        *out = (first & 0x7f) | second << 7;
        *at = from + 2;
    } else if ((third = from[2]) < 0x80) {
        *out = (first & 0x7f) | (second & 0x7f) << 7 | third << 14;
        *at = from + 3;
    } else if ((fourth = from[3]) < 0x80) {
        *out = (first & 0x7f) | (second & 0x7f) << 7 | (third & 0x7f) << 14 | fourth << 21;
        *at = from + 4;
    } else {
        return false;
    }
    return true;
}

/* Who is thought to run here does, or nobody. */
ALWAYS_INLINE bool runs(const struct turn *turn)
{
    return turn->reader->order.gs.gs[turn->cursor->current].goid == turn->cursor->current_goid;
}

/* Slot of who is named. */
ALWAYS_INLINE uint32_t find(const struct turn *turn, uint64_t goid)
{
    struct goleak_v1_order *order = &turn->reader->order;
    uint32_t near = *goleak_v1_order_near(order, goid);
    return LIKELY(order->gs.gs[near].goid == goid) ? near : goleak_v1_order_find_far(order, goid);
}

/* ---- the event that goes out ---- */

ALWAYS_INLINE struct goleak_event *tell(struct turn *turn, enum goleak_event_kind kind, uint8_t flags, uint8_t reason,
                                        uint32_t has)
{
    struct goleak_event *event = turn->event++;
    event->kind = (uint8_t)kind;
    event->flags = flags;
    event->reason = reason;
    event->wait_reason = 0;
    event->has = has;
    event->time_ns = goleak_tickclock_ns(&turn->reader->out.clock, turn->ticks);
    event->position = goleak_v1_position(turn->cursor, turn->at);
    return event;
}

ALWAYS_INLINE void tell_whose(struct goleak_event *event, uint32_t slot, uint64_t goid)
{
    event->g = GOLEAK_G_SLOT | slot;
    event->goid = goid;
}

ALWAYS_INLINE void tell_by(struct goleak_event *event, const struct turn *turn)
{
    event->other_g = GOLEAK_G_SLOT | turn->cursor->current;
    event->other_goid = turn->cursor->current_goid;
}

ALWAYS_INLINE uint32_t by(const struct turn *turn)
{
    return turn->cursor->current != 0 ? BY : 0;
}

/* … or does not. Returns when it was. */
ALWAYS_INLINE int64_t leave_untold(struct turn *turn)
{
    turn->untold++;
    return goleak_tickclock_ns(&turn->reader->out.clock, turn->ticks);
}

ALWAYS_INLINE void leave_state_untold(struct turn *turn, struct goleak_trace_g *g, struct goleak_trace_since *since,
                                      enum goleak_trace_status status)
{
    const int64_t ns = leave_untold(turn);
    goleak_trace_since_set(since, ns, goleak_v1_position(turn->cursor, turn->at), status);
    g->untold = true;
}

/* False: it has to be told, for there is no memory to remember it. */
ALWAYS_INLINE bool leave_runnable_untold(struct turn *turn, struct goleak_trace_g *g, uint32_t slot)
{
    struct goleak_trace_gs *gs = &turn->reader->order.gs;
    if (UNLIKELY(slot >= gs->since_capacity) && !goleak_trace_gs_remember(gs))
        return false;
    leave_state_untold(turn, g, &gs->since[slot], GOLEAK_TRACE_RUNNABLE);
    return true;
}

/* ---- what they do; false: not (yet), and nothing is done ---- */

ALWAYS_INLINE bool take_create(struct turn *turn)
{
    struct goleak_v1_order *order = &turn->reader->order;
    uint64_t goid, own_id, id;
    uint32_t slot;
    if (turn->reader->out.prologue || !take_number(&turn->next, &goid) || !take_number(&turn->next, &own_id) ||
        !take_number(&turn->next, &id))
        return false;
    const struct goleak_v1_recent *own = goleak_v1_recent_stack(&turn->reader->out, own_id);
    const struct goleak_v1_recent *stack = goleak_v1_recent_stack(&turn->reader->out, id);
    if (own == NULL || stack == NULL || !runs(turn) || goleak_v1_order_find(order, goid) != 0 ||
        (slot = goleak_v1_order_add(order, goid)) == 0)
        return false;
    order->gs.gs[slot].seq = 1;
    order->gs.gs[slot].status = GOLEAK_TRACE_RUNNABLE;
    goleak_v1_order_changed(&turn->reader->order, goid, turn->ticks);
    struct goleak_event *event =
        tell(turn, GOLEAK_EVENT_CREATE, 0, 0, WHOSE | by(turn) | stack->has | (own->start != 0 ? GOLEAK_HAS_START : 0));
    tell_whose(event, slot, goid);
    tell_by(event, turn);
    event->name = own->start;
    event->stack = stack->stack;
    return true;
}

ALWAYS_INLINE bool take_start(struct turn *turn, bool numbered)
{
    uint64_t goid, seq = 0;
    if (!take_number(&turn->next, &goid) || (numbered && !take_number(&turn->next, &seq)))
        return false;
    uint32_t slot = find(turn, goid);
    struct goleak_trace_g *g = &turn->reader->order.gs.gs[slot];
    if (g->status != GOLEAK_TRACE_RUNNABLE || (numbered && g->seq != seq) || turn->cursor->current != 0)
        return false;
    g->status = GOLEAK_TRACE_RUNNING;
    g->seq++;
    turn->cursor->current = slot;
    turn->cursor->current_goid = goid;
    goleak_v1_order_changed(&turn->reader->order, goid, turn->ticks);
    if (LIKELY(g->quiet)) {
        leave_state_untold(turn, g, &turn->cursor->since, GOLEAK_TRACE_RUNNING);
        return true;
    }
    g->quiet = turn->reader->out.waits_only;
    tell_whose(tell(turn, GOLEAK_EVENT_RUN, 0, 0, WHOSE | turn->reader->out.has_time), slot, goid);
    return true;
}

/* Whoever runs here, if anybody does, lets another one run. */
ALWAYS_INLINE bool take_unblock(struct turn *turn, bool numbered)
{
    uint64_t goid, id, seq = 0;
    if (!take_number(&turn->next, &goid) || (numbered && !take_number(&turn->next, &seq)) ||
        !take_number(&turn->next, &id))
        return false;
    const struct goleak_v1_recent *stack = goleak_v1_recent_stack(&turn->reader->out, id);
    if (stack == NULL)
        return false;
    uint32_t slot = find(turn, goid);
    struct goleak_trace_g *g = &turn->reader->order.gs.gs[slot];
    bool blocked = g->status == GOLEAK_TRACE_WAITING || g->status == GOLEAK_TRACE_SYSCALL;
    if (!blocked || (numbered && g->seq != seq) || !runs(turn))
        return false;
    g->status = GOLEAK_TRACE_RUNNABLE;
    g->gen = 0;
    g->seq++;
    goleak_v1_order_changed(&turn->reader->order, goid, turn->ticks);
    struct goleak_event *event = tell(turn, GOLEAK_EVENT_READY, 0, 0, WHOSE | by(turn) | stack->has);
    tell_whose(event, slot, goid);
    tell_by(event, turn);
    event->stack = stack->stack;
    return true;
}

/* Who runs here does so no more. */
ALWAYS_INLINE bool take_stop(struct turn *turn, bool parks)
{
    uint64_t id, goid = turn->cursor->current_goid;
    uint32_t slot = turn->cursor->current;
    struct goleak_trace_g *g = &turn->reader->order.gs.gs[slot];
    if (!take_number(&turn->next, &id))
        return false;
    const struct goleak_v1_recent *stack = goleak_v1_recent_stack(&turn->reader->out, id);
    if (stack == NULL || g->goid != goid || g->status != GOLEAK_TRACE_RUNNING)
        return false;
    g->status = parks ? GOLEAK_TRACE_WAITING : GOLEAK_TRACE_RUNNABLE;
    g->untold = false;
    turn->cursor->current = 0;
    turn->cursor->current_goid = 0;
    goleak_v1_order_changed(&turn->reader->order, goid, turn->ticks);
    if (!parks && LIKELY(g->quiet) && leave_runnable_untold(turn, g, slot))
        return true;
    const struct goleak_v1_simple *simple = &turn->reader->out.simple[*turn->at & 63];
    uint32_t has = WHOSE | stack->has;
    struct goleak_event *event =
        parks ? tell(turn, GOLEAK_EVENT_PARK, GOLEAK_FLAG_REASON, simple->reason, has | GOLEAK_HAS_REASON)
              : tell(turn, GOLEAK_EVENT_YIELD, 0, 0, has);
    tell_whose(event, slot, goid);
    if (!parks)
        event->name = simple->name;
    event->stack = stack->stack;
    return true;
}

ALWAYS_INLINE bool take_end(struct turn *turn)
{
    uint64_t goid = turn->cursor->current_goid;
    uint32_t slot = turn->cursor->current;
    const struct goleak_trace_g *g = &turn->reader->order.gs.gs[slot];
    if (g->goid != goid || g->status != GOLEAK_TRACE_RUNNING)
        return false;
    turn->cursor->current = 0;
    turn->cursor->current_goid = 0;
    goleak_v1_order_changed(&turn->reader->order, goid, turn->ticks);
    goleak_v1_order_remove(&turn->reader->order, slot);
    tell_whose(tell(turn, GOLEAK_EVENT_END, 0, 0, WHOSE | turn->reader->out.has_time), slot, goid);
    return true;
}

/* An event of the runtime; its name is not known before the first of its kind. */
ALWAYS_INLINE struct goleak_event *tell_runtime(struct turn *turn, uint32_t has)
{
    struct goleak_event *event = tell(turn, GOLEAK_EVENT_RUNTIME, 0, 0, has | by(turn));
    tell_by(event, turn);
    event->name = turn->reader->out.simple[*turn->at & 63].name;
    return event;
}

ALWAYS_INLINE bool is_named(const struct turn *turn)
{
    return turn->reader->out.simple[*turn->at & 63].name != 0;
}

/* One that did not block: what follows, in the same batch, is not that it did. */
ALWAYS_INLINE bool take_syscall(struct turn *turn)
{
    uint64_t id;
    if (!take_number(&turn->next, &id) || turn->next >= turn->cursor->end ||
        (*turn->next & 63) == GOLEAK_V1_GoSysBlock || turn->reader->file.numbers[*turn->next] == 0)
        return false;
    const struct goleak_v1_recent *stack = goleak_v1_recent_stack(&turn->reader->out, id);
    if (stack == NULL || !is_named(turn) || !runs(turn))
        return false;
    goleak_v1_order_changed(&turn->reader->order, turn->cursor->current_goid, turn->ticks);
    if (turn->reader->out.waits_only)
        leave_untold(turn);
    else
        tell_runtime(turn, stack->has)->stack = stack->stack;
    return true;
}

/* The P and a number, or one of them. */
ALWAYS_INLINE bool take_runtime(struct turn *turn, bool has_p, bool numbered)
{
    uint64_t number = 0;
    if (!is_named(turn) || !runs(turn))
        return false;
    if (numbered)
        turn->next = goleak_v1_number(turn->next, &number);
    if (turn->reader->out.waits_only) {
        leave_untold(turn);
        return true;
    }
    uint32_t has = has_p && numbered ? GOLEAK_HAS_LOCK | GOLEAK_HAS_CHAN : GOLEAK_HAS_LOCK;
    struct goleak_event *event = tell_runtime(turn, has | turn->reader->out.has_time);
    event->lock = has_p ? turn->cursor->p : number;
    event->chan = number;
    return true;
}

ALWAYS_INLINE bool take(struct turn *turn, uint8_t how)
{
    if (how & START)
        return take_start(turn, false);
    if (how & PARK)
        return take_stop(turn, true);
    if (how & UNBLOCK)
        return take_unblock(turn, false);
    if (how & YIELD)
        return take_stop(turn, false);
    switch (how) {
    case CREATE: return take_create(turn);
    case START_NUMBERED: return take_start(turn, true);
    case UNBLOCK_NUMBERED: return take_unblock(turn, true);
    case END: return take_end(turn);
    case SYSCALL: return take_syscall(turn);
    case PROC_START: return take_runtime(turn, true, true);
    case PROC_STOP: return take_runtime(turn, true, false);
    case HEAP: return take_runtime(turn, false, true);
    default: return false;
    }
}

/* ---- one after the other ---- */

/* Goes on to the P's next event, and tells how it is taken. NOT_SIMPLE: it has not been gone
 * to, or there is none in this batch. */
ALWAYS_INLINE uint8_t advance(struct turn *turn)
{
    const uint8_t *at = turn->next, *next = at + 1;
    uint64_t ticks;
    if (at >= turn->cursor->end)
        return NOT_SIMPLE;
    uint8_t how = turn->reader->out.hows[*at];
    if (UNLIKELY(how <= LAST_LONG) && (how == NOT_SIMPLE || (*at >= 0xc0 && *next++ >= 0x80))) /* first a length */
        return NOT_SIMPLE;
    if (!take_number(&next, &ticks))
        return NOT_SIMPLE;
    turn->at = at;
    turn->next = next;
    turn->ticks += ticks;
    return how;
}

/* The event is not taken: `next` is back behind its time. */
ALWAYS_INLINE void step_back(struct turn *turn)
{
    uint64_t skipped;
    turn->next = turn->at + 1;
    if (*turn->at >= 0xc0)
        turn->next = goleak_v1_number(turn->next, &skipped);
    turn->next = goleak_v1_number(turn->next, &skipped);
}

/* What a cursor says is at hand now; and the other way round. */
ALWAYS_INLINE uint8_t pick_up(struct turn *turn, struct goleak_v1_cursor *cursor)
{
    turn->cursor = cursor;
    turn->at = cursor->at;
    turn->next = cursor->next;
    turn->ticks = cursor->ticks;
    return turn->reader->out.hows[*cursor->at];
}

ALWAYS_INLINE void put_back(const struct turn *turn)
{
    struct goleak_v1_cursor *cursor = turn->cursor;
    cursor->at = turn->at;
    cursor->next = turn->next;
    cursor->ticks = turn->ticks;
    cursor->type = *turn->at & 63;
}

/* From P to P, as long as what comes is simple. */
ALWAYS_INLINE void go_on(struct turn *turn)
{
    struct goleak_v1_order *order = &turn->reader->order;
    uint8_t how = pick_up(turn, order->turn);
    for (;;) {
        if (!take(turn, how)) {
            step_back(turn);
            break;
        }
        how = advance(turn);
        if (how == NOT_SIMPLE) {
            put_back(turn);
            goleak_v1_advance(&turn->reader->file, turn->cursor);
            return;
        }
        if (turn->event + turn->untold >= turn->reader->out.full)
            break;
        if (turn->ticks <= order->limit)
            continue;
        put_back(turn);
        goleak_v1_order_pass_on(order);
        how = pick_up(turn, order->turn);
        if (turn->ticks > order->limit)
            break;
    }
    put_back(turn);
}

void goleak_v1_turns(struct goleak_reader *reader)
{
    struct goleak_v1_order *order = &reader->order;
    struct goleak_batch *batch = reader->out.batch;
    struct turn turn = { .reader = reader, .event = batch->events + batch->count };
    if (order->turn->ticks > order->limit)
        goleak_v1_order_change(order);
    if (order->huge || order->turn->type == 0 || order->turn->ticks > order->limit || goleak_v1_is_full(&reader->out))
        return;
    go_on(&turn);
    batch->count = (size_t)(turn.event - batch->events);
    reader->out.untold += turn.untold;
    reader->out.full -= turn.untold;
}

void goleak_v1_turns_init(struct goleak_reader *reader)
{
    for (unsigned byte = 0; byte < 256; byte++)
        reader->out.hows[byte] = reader->file.numbers[byte] != 0 ? hows[byte & 63] : NOT_SIMPLE;
}
