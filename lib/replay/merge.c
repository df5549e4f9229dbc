/* merge - see merge.h. */
#include "replay/merge.h"

#include <inttypes.h>
#include <string.h>

/* How far apart in time two recorders may see the same event. */
#define SAME_NS ((int64_t)500000)
#define FIRST_HELD 1024

bool goleak_merge_init(struct goleak_merge *merge, struct goleak_alloc *alloc, struct goleak_replay *replay,
                       struct goleak_health_book *health)
{
    *merge = (struct goleak_merge){
        .alloc = alloc,
        .replay = replay,
        .health = health,
        .held_first = 1,
        .held_end = 1,
        .held_capacity = FIRST_HELD,
        .out = goleak_batch_new(alloc),
        .held = goleak_alloc_array(alloc, FIRST_HELD, sizeof *merge->held),
    };
    return merge->out != NULL && merge->held != NULL;
}

static void release_lane(struct goleak_merge *merge, struct goleak_lane *lane)
{
    for (size_t i = lane->first; i < lane->count; i++)
        goleak_batch_free(merge->alloc, lane->batches[i]);
    goleak_free(merge->alloc, lane->batches, lane->capacity * sizeof *lane->batches);
    goleak_order_release(&lane->order);
    goleak_free(merge->alloc, lane, sizeof *lane);
}

void goleak_merge_release(struct goleak_merge *merge)
{
    if (merge->alloc == NULL)
        return;
    for (size_t i = 0; i < merge->lane_count; i++)
        release_lane(merge, merge->lanes[i]);
    goleak_batch_free(merge->alloc, merge->out);
    goleak_free(merge->alloc, merge->held, merge->held != NULL ? merge->held_capacity * sizeof *merge->held : 0);
    merge->alloc = NULL;
}

/* ---- into the replay ---- */

/* In runs of one lane: what the replay complains of stands in that lane's input. */
static enum goleak_status flush(struct goleak_merge *merge)
{
    enum goleak_status status = GOLEAK_OK;
    const char *reading = merge->health->input;
    size_t done, from = 0, count = merge->out->count;
    merge->out->count = 0;
    while (from < count && status == GOLEAK_OK) {
        size_t to = from + 1;
        while (to < count && merge->out_lanes[to] == merge->out_lanes[from])
            to++;
        merge->health->input = merge->lanes[merge->out_lanes[from]]->input;
        status = goleak_replay_run(merge->replay, merge->out->events + from, to - from, GOLEAK_REPLAY_FORCE, &done);
        from = to;
    }
    merge->health->input = reading;
    return status;
}

static struct goleak_held *held_at(const struct goleak_merge *merge, uint64_t number)
{
    return &merge->held[number & (merge->held_capacity - 1)];
}

static enum goleak_status let_go(struct goleak_merge *merge, int64_t until_ns)
{
    while (merge->held_first < merge->held_end) {
        const struct goleak_held *held = held_at(merge, merge->held_first);
        if (held->event.time_ns >= until_ns)
            break;
        merge->out_lanes[merge->out->count] = held->lane;
        merge->out->events[merge->out->count++] = held->event;
        merge->held_first++;
        if (merge->out->count == GOLEAK_BATCH_EVENTS) {
            enum goleak_status status = flush(merge);
            if (status != GOLEAK_OK)
                return status;
        }
    }
    return GOLEAK_OK;
}

static bool grow_held(struct goleak_merge *merge)
{
    size_t capacity = merge->held_capacity * 2;
    struct goleak_held *held = goleak_alloc_array(merge->alloc, capacity, sizeof *held);
    if (held == NULL)
        return false;
    for (uint64_t number = merge->held_first; number < merge->held_end; number++)
        held[number & (capacity - 1)] = *held_at(merge, number);
    goleak_free(merge->alloc, merge->held, merge->held_capacity * sizeof *held);
    merge->held = held;
    merge->held_capacity = capacity;
    return true;
}

/* ---- the same event twice ---- */

/* Whose event it is, and of what kind; 0: nobody's, which is never taken out. */
static uint64_t key_of(const struct goleak_event *event)
{
    uint64_t whose = event->has & GOLEAK_HAS_G          ? event->g
                     : event->has & GOLEAK_HAS_GOID     ? event->goid | GOLEAK_KEY_GOID
                     : event->kind != GOLEAK_EVENT_SPAWN ? 0
                     : event->has & GOLEAK_HAS_OTHER    ? event->other_g
                                                        : 0;
    return whose == 0 ? 0 : (whose ^ (uint64_t)event->kind << 56) + (event->has & GOLEAK_HAS_PID ? event->pid : 0);
}

/* What the second one tells and the first does not. */
static void complete(struct goleak_event *first, const struct goleak_event *second)
{
    uint32_t more = second->has & ~first->has;
    if (more & GOLEAK_HAS_GOID)
        first->goid = second->goid;
    if (more & GOLEAK_HAS_OTHER)
        first->other_g = second->other_g;
    if (more & GOLEAK_HAS_OTHER_GOID)
        first->other_goid = second->other_goid;
    if (more & GOLEAK_HAS_REASON)
        first->reason = second->reason;
    if (more & GOLEAK_HAS_WAIT)
        first->wait_reason = second->wait_reason;
    if (more & GOLEAK_HAS_CPU)
        first->cpu = second->cpu;
    if (more & GOLEAK_HAS_TID)
        first->tid = second->tid;
    if (more & GOLEAK_HAS_LOCK)
        first->lock = second->lock;
    if (more & GOLEAK_HAS_CHAN)
        first->chan = second->chan;
    if (more & GOLEAK_HAS_ELEM)
        first->elem = second->elem;
    if (more & GOLEAK_HAS_GOPC)
        first->gopc = second->gopc;
    if (more & GOLEAK_HAS_STARTPC)
        first->startpc = second->startpc;
    if (more & GOLEAK_HAS_START)
        first->name = second->name;
    if (more & GOLEAK_HAS_STACK)
        first->stack = second->stack;
    if (more & GOLEAK_HAS_STATUS)
        first->status = second->status;
    const uint32_t known = GOLEAK_HAS_GOID | GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID | GOLEAK_HAS_REASON |
                           GOLEAK_HAS_WAIT | GOLEAK_HAS_CPU | GOLEAK_HAS_TID | GOLEAK_HAS_LOCK | GOLEAK_HAS_CHAN |
                           GOLEAK_HAS_ELEM | GOLEAK_HAS_GOPC | GOLEAK_HAS_STARTPC | GOLEAK_HAS_START |
                           GOLEAK_HAS_STACK | GOLEAK_HAS_STATUS;
    first->has |= more & known;
}

/* The oldest of its like that this lane has not shown yet: each recorder keeps the
 * order of one goroutine's events. */
static struct goleak_held *find_like(struct goleak_merge *merge, uint64_t key, uint64_t chain, uint64_t lane)
{
    struct goleak_held *oldest = NULL;
    for (uint64_t number = chain; number >= merge->held_first && number != 0;) {
        struct goleak_held *held = held_at(merge, number);
        if (held->key == key && (held->lanes & lane) == 0)
            oldest = held;
        number = held->before;
    }
    return oldest;
}

static enum goleak_status take(struct goleak_merge *merge, const struct goleak_lane *lane,
                               const struct goleak_event *event)
{
    enum goleak_status status = let_go(merge, event->time_ns - SAME_NS);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_event own = *event;
    if (lane->has_pid && (own.has & GOLEAK_HAS_PID) == 0) {
        own.pid = lane->pid;
        own.has |= GOLEAK_HAS_PID;
    }
    uint64_t key = key_of(&own), bit = (uint64_t)1 << lane->index;
    uint64_t *chain = &merge->chains[goleak_hash_u64(key) % GOLEAK_MERGE_CHAINS];
    struct goleak_held *like = key != 0 ? find_like(merge, key, *chain, bit) : NULL;
    if (like != NULL) {
        const char *reading = merge->health->input;
        like->lanes |= bit;
        complete(&like->event, &own);
        merge->health->input = lane->input;
        goleak_health_note(merge->health, GOLEAK_HEALTH_seen_twice, 1, own.position, 0, 0,
                           "a %s was recorded %" PRId64 " ns before in another input",
                           goleak_event_kind_name((enum goleak_event_kind)own.kind), own.time_ns - like->event.time_ns);
        merge->health->input = reading;
        return GOLEAK_OK;
    }
    if (merge->held_end - merge->held_first == merge->held_capacity && !grow_held(merge))
        return goleak_alloc_failure(merge->alloc);
    uint64_t number = merge->held_end++;
    *held_at(merge, number) = (struct goleak_held){
        .event = own, .lanes = bit, .lane = lane->index, .key = key, .before = key != 0 ? *chain : 0
    };
    if (key != 0)
        *chain = number;
    return GOLEAK_OK;
}

/* ---- the lanes ---- */

static const struct goleak_event *head_of(const struct goleak_lane *lane)
{
    return lane->first < lane->count ? &lane->batches[lane->first]->events[lane->at] : NULL;
}

static void advance(struct goleak_lane *lane)
{
    if (++lane->at < lane->batches[lane->first]->count)
        return;
    goleak_batch_free(lane->merge->alloc, lane->batches[lane->first++]);
    lane->at = 0;
    if (lane->first == lane->count)
        lane->first = lane->count = 0;
}

/* The lane whose next event is the earliest; NULL: some lane has yet to show one. */
static struct goleak_lane *earliest(const struct goleak_merge *merge)
{
    struct goleak_lane *first = NULL;
    for (size_t i = 0; i < merge->lane_count; i++) {
        struct goleak_lane *lane = merge->lanes[i];
        const struct goleak_event *head = head_of(lane);
        if (head == NULL && !lane->ended)
            return NULL;
        if (head != NULL && (first == NULL || head->time_ns < head_of(first)->time_ns))
            first = lane;
    }
    return first;
}

static enum goleak_status run(struct goleak_merge *merge)
{
    struct goleak_lane *lane;
    enum goleak_status status = GOLEAK_OK;
    while (status == GOLEAK_OK && (lane = earliest(merge)) != NULL) {
        status = take(merge, lane, head_of(lane));
        advance(lane);
    }
    return status;
}

/* What the lane's order lets out: sorted, for the merge. */
static enum goleak_status queue(void *context, struct goleak_batch *batch)
{
    struct goleak_lane *lane = context;
    struct goleak_alloc *alloc = lane->merge->alloc;
    if (lane->first != 0 && lane->count == lane->capacity) {
        memmove(lane->batches, lane->batches + lane->first, (lane->count - lane->first) * sizeof *lane->batches);
        lane->count -= lane->first;
        lane->first = 0;
    }
    struct goleak_batch *copy = goleak_batch_new(alloc);
    if (copy == NULL ||
        !goleak_grow(alloc, &lane->batches, &lane->capacity, lane->count + 1, sizeof *lane->batches)) {
        goleak_batch_free(alloc, copy);
        return goleak_alloc_failure(alloc);
    }
    *copy = *batch;
    lane->batches[lane->count++] = copy;
    return run(lane->merge);
}

struct goleak_lane *goleak_merge_lane(struct goleak_merge *merge, const char *input)
{
    struct goleak_lane *lane =
        merge->lane_count < GOLEAK_LANES ? goleak_alloc_zeroed(merge->alloc, sizeof *lane) : NULL;
    if (lane == NULL)
        return NULL;
    lane->merge = merge;
    lane->input = input;
    lane->index = (uint8_t)merge->lane_count;
    goleak_order_init(&lane->order, merge->alloc, merge->replay, merge->health);
    lane->order.emit = queue;
    lane->order.emit_context = lane;
    merge->lanes[merge->lane_count++] = lane;
    return lane;
}

enum goleak_status goleak_lane_push(void *context, struct goleak_batch **batch)
{
    return goleak_order_push(&((struct goleak_lane *)context)->order, batch);
}

enum goleak_status goleak_lane_finish(struct goleak_lane *lane)
{
    struct goleak_merge *merge = lane->merge;
    if (lane->ended)
        return GOLEAK_OK;
    enum goleak_status status = goleak_order_finish(&lane->order);
    lane->ended = true;
    if (status == GOLEAK_OK)
        status = run(merge);
    for (size_t i = 0; i < merge->lane_count; i++)
        if (!merge->lanes[i]->ended)
            return status;
    if (status == GOLEAK_OK)
        status = let_go(merge, INT64_MAX);
    return status == GOLEAK_OK ? flush(merge) : status;
}

bool goleak_lane_is_wanted(const struct goleak_lane *lane)
{
    if (lane->ended)
        return false;
    const struct goleak_merge *merge = lane->merge;
    for (size_t i = 0; i < merge->lane_count; i++) {
        const struct goleak_lane *other = merge->lanes[i];
        if (!other->ended && other != lane && other->order.window.newest_ns < lane->order.window.newest_ns)
            return false;
    }
    return true;
}
