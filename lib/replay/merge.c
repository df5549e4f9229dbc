/* merge - see merge.h. */
#include "replay/merge.h"

#include "base/bits.h"
#include "replay/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SAME_NS GOLEAK_MERGE_NS
/* Two recorders' times of one event, where another of the goroutine's lies between them. */
#define BEHIND_NS ((int64_t)100000)
/* So many of a goroutine's events are looked at for a like, or for its place. */
#define LOOKED 256
#define FIRST_HELD 1024
/* With so many events waiting, a lane that shows none is asked for what is older than
 * its newest event by this: DTrace, the slowest, prints once a second. */
#define PILE_EVENTS ((size_t)65536)
#define SETTLED_NS ((int64_t)1500000000)
/* A gap between recordings is more than so many times the longest silence within them. */
#define SILENCES 2

static bool make_ring(struct goleak_merge *merge, size_t capacity)
{
    struct goleak_held *held = goleak_alloc_array(merge->alloc, capacity, sizeof *held);
    uint64_t *chains = goleak_alloc_zeroed(merge->alloc, GOLEAK_CHAINS * capacity * sizeof *chains);
    if (held == NULL || chains == NULL) {
        goleak_free(merge->alloc, held, capacity * sizeof *held);
        goleak_free(merge->alloc, chains, GOLEAK_CHAINS * capacity * sizeof *chains);
        return false;
    }
    merge->held = held;
    merge->chains = chains;
    merge->held_capacity = capacity;
    return true;
}

static void free_ring(struct goleak_alloc *alloc, struct goleak_held *held, uint64_t *chains, size_t capacity)
{
    goleak_free(alloc, held, capacity * sizeof *held);
    goleak_free(alloc, chains, GOLEAK_CHAINS * capacity * sizeof *chains);
}

bool goleak_merge_init(struct goleak_merge *merge, struct goleak_alloc *alloc, struct goleak_replay *replay,
                       struct goleak_health_book *health)
{
    *merge = (struct goleak_merge) {
        .alloc = alloc,
        .replay = replay,
        .health = health,
        .held_first = 1,
        .held_end = 1,
        .newest_ns = GOLEAK_NO_MOMENT,
        .out = goleak_batch_new(alloc),
    };
    return merge->out != NULL && make_ring(merge, FIRST_HELD);
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
    free_ring(merge->alloc, merge->held, merge->chains, merge->held_capacity);
    goleak_rollcall_release(&merge->call, merge->alloc);
    merge->alloc = NULL;
}

/* ---- into the replay ---- */

static bool find_process(const struct goleak_replay *replay, const struct goleak_event *event, uint16_t *process)
{
    *process = replay->process;
    if ((event->has & GOLEAK_HAS_PID) == 0)
        return true;
    for (size_t i = 0; i < replay->process_count; i++)
        if (replay->processes[i].pid == event->pid) {
            *process = (uint16_t)i;
            return true;
        }
    return false;
}

/* ---- what could not be held for so long ----
 *
 * A thread may be stopped between two recorders' probes of one event. Then the second telling
 * comes when the first has been replayed. A wake-up, a run or a park that comes twice does no
 * harm: both probes are at the entry of ready, execute and gopark, and nothing can have happened
 * to the goroutine before both have fired. */

static bool is_soon(const struct goleak_event *event, int64_t moment)
{
    return (event->has & GOLEAK_HAS_TIME) != 0 && moment != GOLEAK_NO_MOMENT && event->time_ns >= moment &&
           (uint64_t)event->time_ns - (uint64_t)moment <= (uint64_t)GOLEAK_MERGE_LATE_NS;
}

static bool is_created_again(const struct goleak_event *event, const struct goleak_record *record)
{
    return event->kind == GOLEAK_EVENT_CREATE && (record->flags & GOLEAK_REC_PREEXISTING) == 0 &&
           is_soon(event, record->created);
}

static bool is_ended_again(const struct goleak_event *event, const struct goleak_record *record)
{
    return event->kind == GOLEAK_EVENT_END && record->state == GOLEAK_STATE_ENDED && is_soon(event, record->since);
}

static void note_again(struct goleak_merge *merge, const struct goleak_event *event)
{
    char who[GOLEAK_GOROUTINE_TEXT];
    goleak_health_note_at(merge->health, GOLEAK_HEALTH_seen_twice, 1, event->position,
                          "the %s of %s was recorded before in another input",
                          goleak_event_kind_name((enum goleak_event_kind)event->kind),
                          goleak_event_who(merge->health, GOLEAK_HEALTH_seen_twice, event, who));
}

/* The second creation may still tell the address, and the place where the first has none. */
static void tell_more(struct goleak_event *event)
{
    event->kind = GOLEAK_EVENT_STATUS;
    event->has &= ~(GOLEAK_HAS_STATUS | GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID);
}

/* ---- into the replay: whose events they are ---- */

/* The record of this goid; NULL: there is none. False: memory. */
static bool find_goid(const struct goleak_merge *merge, uint64_t goid, uint16_t process, struct goleak_record **record)
{
    uint32_t index = 0;
    bool good = goid == 0 || goleak_store_by_goid(&merge->replay->store, goid, process, &index);
    *record = index != 0 ? goleak_store_at(&merge->replay->store, index) : NULL;
    return good;
}

/* The replay keeps a goroutine under its g, or where that is not told under its goid.
 * Where one input tells g and another does not, an event goes by what the record does
 * that the goroutine has. *record: that one, or NULL. False: memory. */
static bool call_as_known(const struct goleak_merge *merge, struct goleak_event *event, uint16_t process,
                          struct goleak_record **record)
{
    const uint32_t both = GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID;
    if ((event->has & both) == both) {
        if (!find_goid(merge, event->other_goid, process, record))
            return false;
        if (*record != NULL && (*record)->g == 0)
            event->has &= ~GOLEAK_HAS_OTHER; /* the next event of its own tells its address */
    }
    if (!find_goid(merge, event->has & GOLEAK_HAS_GOID ? event->goid : 0, process, record))
        return false;
    if (*record != NULL && (*record)->g != 0 && (event->has & GOLEAK_HAS_G) == 0) {
        event->g = (*record)->g;
        event->has |= GOLEAK_HAS_G;
    }
    return true;
}

static struct goleak_record *find_told(const struct goleak_merge *merge, const struct goleak_event *event,
                                       uint16_t process)
{
    const struct goleak_store *store = &merge->replay->store;
    uint64_t key = goleak_event_key(event);
    uint32_t index = goleak_store_get(store, key, process);
    return index != 0 ? goleak_store_at(store, index) : NULL;
}

static bool begins_or_ends(const struct goleak_event *event)
{
    return event->kind == GOLEAK_EVENT_CREATE || event->kind == GOLEAK_EVENT_END;
}

/* What there is to do before it is replayed. *skip: it need not be. False: memory. */
static bool prepare(struct goleak_merge *merge, struct goleak_event *event, bool mixed, bool *skip)
{
    uint16_t process;
    struct goleak_record *record = NULL;
    *skip = false;
    if (!find_process(merge->replay, event, &process))
        return true;
    if (mixed && !call_as_known(merge, event, process, &record))
        return false;
    if (!begins_or_ends(event) || (event->has & GOLEAK_HAS_GOID) == 0)
        return true;
    if (!mixed)
        record = find_told(merge, event, process);
    if (record == NULL || (record->flags & GOLEAK_REC_SEEN) == 0 || record->goid != event->goid)
        return true;
    bool created = is_created_again(event, record);
    *skip = is_ended_again(event, record) || (created && record->state == GOLEAK_STATE_ENDED);
    if (*skip || created)
        note_again(merge, event);
    if (created && !*skip)
        tell_more(event);
    return true;
}

/* ---- into the replay: who is there behind a gap ---- */

/* The Go trace that begins next, behind what others have recorded; NULL: none that is known by now. */
static struct goleak_lane *next_caller(const struct goleak_merge *merge)
{
    struct goleak_lane *next = NULL;
    for (size_t i = 0; i < merge->lane_count; i++) {
        struct goleak_lane *lane = merge->lanes[i];
        if (lane->tells_slots && !lane->called && lane->begun && lane->behind_ns != GOLEAK_NO_MOMENT &&
            (next == NULL || lane->first_ns < next->first_ns))
            next = lane;
    }
    return next;
}

/* Of all gaps before this trace it is known now who is left. Of its process. */
static void note_called(struct goleak_merge *merge, const struct goleak_lane *by)
{
    for (size_t i = 0; i < merge->lane_count && merge->replay->process_count == 1; i++)
        if (merge->lanes[i]->gap.until != 0 && merge->lanes[i]->gap.until <= by->first_ns)
            merge->lanes[i]->gap.called = true;
}

/* The first event of one recorder may be shown as another's, which has seen it a little before. */
static int64_t calls_from(const struct goleak_lane *lane)
{
    return lane->first_ns >= INT64_MIN + SAME_NS ? lane->first_ns - SAME_NS : INT64_MIN;
}

/* One that begins while another one calls, and goes on (they may be the same trace), answers as everybody does. */
static bool open_call(struct goleak_merge *merge, struct goleak_lane *lane)
{
    const struct goleak_gap before = { .from = lane->behind_ns, .until = lane->first_ns };
    lane->called = true;
    merge->replay->found_ns = lane->gap.until != 0 ? lane->first_ns : merge->replay->found_ns;
    if (merge->call.open && lane->gap.until == 0 && merge->lanes[merge->caller]->last_ns >= lane->first_ns)
        return true;
    merge->caller = lane->index;
    return goleak_rollcall_open(&merge->call, merge->replay, before, calls_from(lane));
}

static bool tells_all(const struct goleak_merge *merge, const struct goleak_event *event)
{
    return goleak_is_recorders(event) &&
           strcmp(goleak_symbols_text(merge->replay->symbols, event->name), GOLEAK_TRACE_ALL_TOLD) == 0;
}

static enum goleak_status call_roll(struct goleak_merge *merge, const struct goleak_lane *lane,
                                    const struct goleak_event *event)
{
    struct goleak_rollcall *call = &merge->call;
    struct goleak_record *record;
    uint16_t process;
    const bool told = (event->has & GOLEAK_HAS_PID) != 0 || merge->replay->process_count == 1;
    if (!told || !find_process(merge->replay, event, &process))
        return GOLEAK_OK;
    if (lane->tells_slots && lane->first_ns >= call->gap.until && tells_all(merge, event)) {
        note_called(merge, lane);
        return goleak_rollcall_close(call, merge->replay, process);
    }
    if (!find_goid(merge, event->has & GOLEAK_HAS_GOID ? event->goid : 0, process, &record))
        return goleak_alloc_failure(merge->alloc);
    return goleak_rollcall_answer(call, merge->replay, event, record);
}

/* In runs of one lane: what the replay complains of stands in that lane's input. */
static enum goleak_status flush(struct goleak_merge *merge)
{
    enum goleak_status status = GOLEAK_OK;
    struct goleak_health_book *health = merge->health;
    const struct goleak_health_source reading = health->source;
    bool mixed = merge->tells_g && merge->tells_goid_alone, skip;
    size_t done, from = 0, count = merge->out->count;
    struct goleak_event *events = merge->out->events;
    merge->out->count = 0;
    struct goleak_lane *caller = next_caller(merge);
    while (from < count && status == GOLEAK_OK) {
        size_t to = from + 1;
        struct goleak_lane *lane = merge->lanes[merge->out_lanes[from]];
        for (; caller != NULL && events[from].time_ns >= calls_from(caller) && status == GOLEAK_OK;
             caller = next_caller(merge))
            status = open_call(merge, caller) ? GOLEAK_OK : goleak_alloc_failure(merge->alloc);
        const bool alone = mixed || merge->call.open;
        while (!alone && to < count && merge->out_lanes[to] == lane->index && !begins_or_ends(&events[to]) &&
               (caller == NULL || events[to].time_ns < calls_from(caller)))
            to++;
        health->source = lane->source;
        if (status == GOLEAK_OK && !prepare(merge, &events[from], mixed, &skip))
            status = goleak_alloc_failure(merge->alloc);
        if (status == GOLEAK_OK && merge->call.open)
            status = call_roll(merge, lane, &events[from]);
        if (status != GOLEAK_OK)
            break;
        from += skip;
        if (from < to)
            status = goleak_replay_run(merge->replay, events + from, to - from, GOLEAK_REPLAY_FORCE, &done);
        from = to;
    }
    health->source = reading;
    return status;
}

static struct goleak_held *held_at(const struct goleak_merge *merge, uint64_t number)
{
    return &merge->held[number & (merge->held_capacity - 1)];
}

static enum goleak_status let_first_go(struct goleak_merge *merge)
{
    const struct goleak_held *held = held_at(merge, merge->held_first);
    merge->out_lanes[merge->out->count] = held->lane;
    merge->out->events[merge->out->count++] = held->event;
    merge->held_first++;
    return merge->out->count == GOLEAK_BATCH_EVENTS ? flush(merge) : GOLEAK_OK;
}

/* Those that an event of this time can be no like of. */
static enum goleak_status let_go(struct goleak_merge *merge, int64_t time_ns)
{
    enum goleak_status status = GOLEAK_OK;
    while (status == GOLEAK_OK && merge->held_first < merge->held_end && time_ns >= INT64_MIN + SAME_NS &&
           held_at(merge, merge->held_first)->event.time_ns < time_ns - SAME_NS)
        status = let_first_go(merge);
    return status;
}

/* ---- the same event twice ---- */

/* Whose event it is: the goroutine's that it is of, or that spawns. 0: not told. */
struct whose {
    uint64_t g, goid;
};

static struct whose whose(const struct goleak_event *event)
{
    bool by_other =
        event->kind == GOLEAK_EVENT_SPAWN && (event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) == 0;
    uint32_t has_g = by_other ? GOLEAK_HAS_OTHER : GOLEAK_HAS_G;
    uint32_t has_goid = by_other ? GOLEAK_HAS_OTHER_GOID : GOLEAK_HAS_GOID;
    return (struct whose){
        .g = (event->has & has_g) == 0 ? 0 : by_other ? event->other_g : event->g,
        .goid = (event->has & has_goid) == 0 ? 0 : by_other ? event->other_goid : event->goid,
    };
}

static bool has_name(const struct goleak_event *event)
{
    return event->kind >= GOLEAK_EVENT_OBJECT || event->kind == GOLEAK_EVENT_CALL || event->kind == GOLEAK_EVENT_RETURN;
}

/* Its place among the chains of one kind; false: it has none there. */
static bool chain_of(const struct goleak_merge *merge, const struct goleak_event *event, enum goleak_held_chain chain,
                     uint64_t **head)
{
    struct whose who = whose(event);
    uint64_t key = chain == GOLEAK_CHAIN_G ? who.g : who.goid;
    if (who.g == 0 && who.goid == 0 && chain == GOLEAK_CHAIN_G && event->kind != GOLEAK_EVENT_LOST) {
        key = goleak_hash_u64((uint64_t)event->time_ns) ^ ((uint64_t)event->kind << 32 | 1);
        key += has_name(event) ? goleak_hash_u64(event->name) : 0;
    }
    if (key == 0)
        return false;
    uint64_t hash = goleak_hash_u64(key + (event->has & GOLEAK_HAS_PID ? (uint64_t)event->pid << 24 : 0));
    *head = &merge->chains[(size_t)chain * merge->held_capacity + ((hash >> 20) & (merge->held_capacity - 1))];
    return true;
}

static void link_held(struct goleak_merge *merge, uint64_t number, enum goleak_held_chain chain)
{
    uint64_t *link;
    struct goleak_held *held = held_at(merge, number);
    if (!chain_of(merge, &held->event, chain, &link))
        return;
    unsigned looked = 0;
    for (; *link > number; link = &held_at(merge, *link)->before[chain]) /* it has become known late */
        if (looked++ == LOOKED)
            return; /* nobody looks so far */
    held->before[chain] = *link;
    *link = number;
}

static bool grow_held(struct goleak_merge *merge)
{
    size_t capacity = merge->held_capacity;
    struct goleak_held *held = merge->held;
    uint64_t *chains = merge->chains;
    if (!make_ring(merge, capacity * 2))
        return false;
    for (uint64_t number = merge->held_first; number < merge->held_end; number++) {
        *held_at(merge, number) = held[number & (capacity - 1)];
        for (int chain = 0; chain < GOLEAK_CHAINS; chain++)
            link_held(merge, number, (enum goleak_held_chain)chain);
    }
    free_ring(merge->alloc, held, chains, capacity);
    return true;
}

static bool is_of_the_same(const struct goleak_event *a, const struct goleak_event *b)
{
    struct whose x = whose(a), y = whose(b);
    if ((a->has & GOLEAK_HAS_PID) != (b->has & GOLEAK_HAS_PID) || (a->has & GOLEAK_HAS_PID && a->pid != b->pid))
        return false;
    if (x.g != 0 && y.g != 0)
        return x.g == y.g;
    if (x.goid != 0 && y.goid != 0)
        return x.goid == y.goid;
    return x.g == 0 && x.goid == 0 && y.g == 0 && y.goid == 0;
}

/* Go traces tell reasons by name, gopark's probes its numbers. */
static bool is_other_reason(const struct goleak_merge *merge, const struct goleak_event *a,
                            const struct goleak_event *b)
{
    enum goleak_reason reasons[2];
    const struct goleak_event *events[] = { a, b };
    if ((a->has & b->has & GOLEAK_HAS_REASON) == 0)
        return false;
    if (((a->flags ^ b->flags) & GOLEAK_FLAG_REASON) == 0)
        return a->reason != b->reason;
    for (int i = 0; i < 2; i++) {
        int wait = events[i]->has & GOLEAK_HAS_WAIT ? events[i]->wait_reason : -1;
        reasons[i] = events[i]->flags & GOLEAK_FLAG_REASON
                         ? (enum goleak_reason)events[i]->reason
                         : goleak_reasons_decode(merge->replay->reasons, events[i]->reason, wait);
    }
    return reasons[0] != reasons[1] && reasons[0] != GOLEAK_REASON_UNKNOWN && reasons[1] != GOLEAK_REASON_UNKNOWN;
}

/* Two of one goroutine. The CPU is the thread's, and recorders may tell it at different
 * moments; a start function's name may be written in different ways. */
static bool is_like(const struct goleak_merge *merge, const struct goleak_event *a, const struct goleak_event *b)
{
    uint32_t both = a->has & b->has;
    struct whose who = whose(a);
    bool is_nobodys = who.g == 0 && who.goid == 0;
    if (a->kind != b->kind || (has_name(a) && a->name != b->name) || (both & GOLEAK_HAS_GOID && a->goid != b->goid) ||
        is_other_reason(merge, a, b) || (both & GOLEAK_HAS_WAIT && a->wait_reason != b->wait_reason) ||
        (both & GOLEAK_HAS_OTHER && a->other_g != b->other_g) ||
        (both & GOLEAK_HAS_OTHER_GOID && a->other_goid != b->other_goid) ||
        (both & GOLEAK_HAS_GOPC && a->gopc != b->gopc) || (both & GOLEAK_HAS_STARTPC && a->startpc != b->startpc) ||
        (both & GOLEAK_HAS_CHAN && a->chan != b->chan) || (both & GOLEAK_HAS_LOCK && a->lock != b->lock) ||
        (both & GOLEAK_HAS_TID && a->tid != b->tid))
        return false;
    return !is_nobodys ||
           (a->time_ns == b->time_ns && (both & GOLEAK_HAS_CPU || ((a->has | b->has) & GOLEAK_HAS_CPU) == 0) &&
            ((both & GOLEAK_HAS_CPU) == 0 || a->cpu == b->cpu) &&
            ((both & GOLEAK_HAS_COUNT) == 0 || a->count == b->count) &&
            ((both & GOLEAK_HAS_BLOCKED_COUNT) == 0 || a->blocked_count == b->blocked_count));
}

static bool is_seen_in(const struct goleak_held *held, const struct goleak_lane *lane)
{
    return goleak_has_bit(held->lanes, lane->index);
}

static void see_in(struct goleak_held *held, const struct goleak_lane *lane)
{
    goleak_set_bit(held->lanes, lane->index);
}

/* The oldest of its like behind the last one of the goroutine that this lane has
 * shown. Of those that others have shown since then, the lane may be late for the
 * first; it cannot be late for one that another followed long ago. 0: none. */
static uint64_t find_like(const struct goleak_merge *merge, const struct goleak_event *event,
                          enum goleak_held_chain chain, const struct goleak_lane *lane)
{
    uint64_t *head, oldest = 0, before;
    if (!chain_of(merge, event, chain, &head))
        return 0;
    unsigned looked = 0;
    for (uint64_t number = *head; number >= merge->held_first && looked < LOOKED; number = before, looked++) {
        const struct goleak_held *held = held_at(merge, number);
        before = held->before[chain];
        if (!is_of_the_same(&held->event, event))
            continue;
        if (is_seen_in(held, lane))
            break;
        if (is_like(merge, &held->event, event))
            oldest = number;
        if (held->event.time_ns < event->time_ns - BEHIND_NS)
            break;
    }
    return oldest;
}

/* Of a cut Go trace, whose names are missing, "?" and addresses are all that these tell. Nor does a wrapper's name tell much
 * where the second one has the name of what is wrapped. */
static uint32_t untold_parts(const struct goleak_merge *merge, const struct goleak_event *event, uint32_t second_has)
{
    const struct goleak_symbols *symbols = merge->replay->symbols;
    uint32_t untold = 0;
    if (event->kind != GOLEAK_EVENT_CREATE)
        return 0;
    const char *start = event->has & GOLEAK_HAS_START ? goleak_symbols_text(symbols, event->name) : "";
    if (goleak_name_is_lost(start) || ((second_has & GOLEAK_HAS_START) && goleak_symbols_is_wrapper(start)))
        untold |= event->has & GOLEAK_HAS_START;
    if (event->has & GOLEAK_HAS_STACK &&
        goleak_name_is_lost(goleak_symbols_frame_function(symbols, goleak_symbols_created_at(symbols, event->stack))))
        untold |= GOLEAK_HAS_STACK;
    return untold;
}

static bool tells_lines(const struct goleak_merge *merge, const struct goleak_event *event)
{
    const struct goleak_symbols *symbols = merge->replay->symbols;
    const uint32_t frame = event->kind == GOLEAK_EVENT_CREATE ? goleak_symbols_created_at(symbols, event->stack)
                                                              : goleak_symbols_blocked_at(symbols, event->stack);
    return goleak_symbols_tells_line(symbols, frame);
}

/* What the second one tells and the first does not. */
static void complete(const struct goleak_merge *merge, struct goleak_event *first, const struct goleak_event *second)
{
    first->has &= ~untold_parts(merge, first, second->has); /* the second one may tell the place in other ways */
    if ((first->has & second->has & GOLEAK_HAS_STACK) && !tells_lines(merge, first) && tells_lines(merge, second))
        first->has &= ~GOLEAK_HAS_STACK;
    uint32_t more = second->has & ~first->has;
    if (more & GOLEAK_HAS_G)
        first->g = second->g;
    if (more & GOLEAK_HAS_GOID)
        first->goid = second->goid;
    if (more & GOLEAK_HAS_OTHER)
        first->other_g = second->other_g;
    if (more & GOLEAK_HAS_OTHER_GOID)
        first->other_goid = second->other_goid;
    if (more & GOLEAK_HAS_REASON) {
        first->reason = second->reason;
        first->flags |= second->flags & (GOLEAK_FLAG_REASON | GOLEAK_FLAG_INFERRED);
    }
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
    if (more & GOLEAK_HAS_UNTIL)
        first->until_ns = second->until_ns;
    const uint32_t known = GOLEAK_HAS_G | GOLEAK_HAS_GOID | GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID |
                           GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT | GOLEAK_HAS_CPU | GOLEAK_HAS_TID | GOLEAK_HAS_LOCK |
                           GOLEAK_HAS_CHAN | GOLEAK_HAS_ELEM | GOLEAK_HAS_GOPC | GOLEAK_HAS_STARTPC | GOLEAK_HAS_START |
                           GOLEAK_HAS_STACK | GOLEAK_HAS_STATUS | GOLEAK_HAS_UNTIL;
    first->has |= more & known;
}

/* `second` is what is held under this number, as this lane shows it. */
static void pair(struct goleak_merge *merge, uint64_t number, const struct goleak_lane *lane,
                 const struct goleak_event *second)
{
    const struct goleak_health_source reading = merge->health->source;
    struct goleak_held *like = held_at(merge, number);
    struct whose before = whose(&like->event);
    see_in(like, lane);
    complete(merge, &like->event, second);
    struct whose after = whose(&like->event);
    if (before.g == 0 && after.g != 0)
        link_held(merge, number, GOLEAK_CHAIN_G);
    if (before.goid == 0 && after.goid != 0)
        link_held(merge, number, GOLEAK_CHAIN_GOID);
    merge->health->source = lane->source;
    goleak_health_note_at(merge->health, GOLEAK_HEALTH_seen_twice, 1, second->position,
                          "an event (%s) was recorded %" PRId64 " ns before in another input",
                          goleak_event_kind_name((enum goleak_event_kind)second->kind),
                          second->time_ns - like->event.time_ns);
    merge->health->source = reading;
}

static void swap(struct goleak_held *later, struct goleak_held *earlier)
{
    struct goleak_held own = *later;
    own.event.time_ns = earlier->event.time_ns;
    for (int chain = 0; chain < GOLEAK_CHAINS; chain++) {
        own.before[chain] = earlier->before[chain];
        earlier->before[chain] = later->before[chain];
    }
    *later = *earlier;
    *earlier = own;
}

/* A recorder that is late for a creation, and alone in having seen it, shows it behind
 * what the other has seen the goroutine do; or shows that behind the other's end of it.
 * The last one held goes back before those of its life that must follow it. */
static void put_in_order(struct goleak_merge *merge, uint64_t number, const struct goleak_lane *lane)
{
    struct goleak_held *own = held_at(merge, number);
    struct whose who = whose(&own->event);
    bool begins = own->event.kind == GOLEAK_EVENT_CREATE;
    enum goleak_held_chain chain = who.g != 0 ? GOLEAK_CHAIN_G : GOLEAK_CHAIN_GOID;
    uint64_t before = own->before[chain];
    int64_t time_ns = own->event.time_ns;
    if (who.goid == 0 || own->event.kind == GOLEAK_EVENT_END)
        return;
    for (unsigned looked = 0; before >= merge->held_first && looked < LOOKED; looked++) {
        struct goleak_held *other = held_at(merge, before);
        struct whose its = whose(&other->event);
        before = other->before[chain];
        if (!is_of_the_same(&other->event, &own->event))
            continue;
        if (its.g != who.g || its.goid != who.goid || is_seen_in(other, lane) ||
            other->event.time_ns < time_ns - BEHIND_NS || !(begins || other->event.kind == GOLEAK_EVENT_END))
            break;
        swap(own, other); /* both are in the same chains */
        own = other;
    }
}

static enum goleak_status hold(struct goleak_merge *merge, const struct goleak_lane *lane,
                               const struct goleak_event *event)
{
    if (merge->held_end - merge->held_first == merge->held_capacity && !grow_held(merge))
        return goleak_alloc_failure(merge->alloc);
    uint64_t number = merge->held_end++;
    struct goleak_held *held = held_at(merge, number);
    *held = (struct goleak_held){ .event = *event, .lane = lane->index };
    see_in(held, lane);
    for (int chain = 0; chain < GOLEAK_CHAINS; chain++)
        link_held(merge, number, (enum goleak_held_chain)chain);
    put_in_order(merge, number, lane);
    return GOLEAK_OK;
}

/* They are one input's numbers for goroutines, whose goids it tells. */
static void forget_slots(struct goleak_event *event)
{
    if ((event->has & GOLEAK_HAS_GOID) && event->g & GOLEAK_G_SLOT)
        event->has &= ~GOLEAK_HAS_G;
    if ((event->has & GOLEAK_HAS_OTHER_GOID) && event->other_g & GOLEAK_G_SLOT)
        event->has &= ~GOLEAK_HAS_OTHER;
}

/* ---- the time in which nobody records ---- */

static const struct goleak_event *head_of(const struct goleak_lane *lane)
{
    return lane->first < lane->count ? &lane->batches[lane->first]->events[lane->at] : NULL;
}

/* No other lane that has begun has more to show. */
static bool is_alone(const struct goleak_merge *merge, const struct goleak_lane *lane)
{
    for (size_t i = 0; i < merge->lane_count; i++) {
        const struct goleak_lane *other = merge->lanes[i];
        if (other != lane && other->begun && (!other->ended || head_of(other) != NULL))
            return false;
    }
    return true;
}

/* By which a recorder speaks of itself: nothing has happened. */
static bool is_recorders(struct goleak_merge *merge, struct goleak_lane *lane, const struct goleak_event *event)
{
    if (!goleak_is_recorders(event))
        return false;
    const char *name = goleak_symbols_text(merge->replay->symbols, event->name);
    if (strcmp(name, GOLEAK_RECORDER_ENDS_LAST) == 0)
        lane->ends_files = true;
    else if (strcmp(name, GOLEAK_RECORDER_KILLED) == 0)
        lane->killed++;
    else if (strcmp(name, GOLEAK_RECORDER_BEGINS) == 0)
        lane->restarted = lane->killed;
    return true;
}

static void note_time(struct goleak_merge *merge, struct goleak_lane *lane, const struct goleak_event *event)
{
    const int64_t before = merge->newest_ns;
    const bool begins = !lane->begun, is_own = is_recorders(merge, lane, event);
    lane->behind_ns = begins ? before : lane->behind_ns;
    lane->begun = true;
    lane->first_ns = begins ? event->time_ns : lane->first_ns;
    lane->last_ns = event->time_ns;
    if (before != GOLEAK_NO_MOMENT && event->time_ns <= before)
        return;
    merge->newest_ns = event->time_ns;
    if (before == GOLEAK_NO_MOMENT)
        return;
    if (begins && is_alone(merge, lane))
        lane->gap = (struct goleak_gap) { .from = before, .until = event->time_ns };
    else if (!is_own && goleak_between(before, event->time_ns) > merge->silence_ns)
        merge->silence_ns = goleak_between(before, event->time_ns);
}

/* Not longer than it was quiet before: no gap. */
static bool is_silence(const struct goleak_merge *merge, int64_t from, int64_t until)
{
    const int64_t between = goleak_between(from, until);
    return between < GOLEAK_GAP_NS || between / SILENCES <= merge->silence_ns;
}

/* The lane that goes on where this one ends, perhaps with what the buffers of other processors had held back; NULL: none
 * does. */
static struct goleak_lane *next_lane(const struct goleak_merge *merge, const struct goleak_lane *lane)
{
    struct goleak_lane *next = NULL;
    for (size_t i = 0; i < merge->lane_count; i++) {
        struct goleak_lane *other = merge->lanes[i];
        if (other != lane && other->begun && other->first_ns > lane->first_ns && other->last_ns > lane->last_ns &&
            goleak_between(other->first_ns, lane->last_ns) <= SETTLED_NS &&
            (next == NULL || other->first_ns < next->first_ns))
            next = other;
    }
    return next;
}

/* The files of one recording have its recorder's first line and its last in two of them. The last one is of one recording. */
static bool goes_on(const struct goleak_merge *merge, const struct goleak_lane *lane)
{
    struct goleak_lane *next;
    for (size_t i = 0; i < merge->lane_count; i++) {
        if ((next = next_lane(merge, lane)) == NULL || !is_silence(merge, lane->last_ns, next->first_ns))
            return false;
        if (next->ends_files) {
            next->ends_files = false;
            return true;
        }
        lane = next;
    }
    return false;
}

/* What is said first of one that is whole is said of another one in place of that. */
static void speak_of_others(struct goleak_merge *merge, const struct goleak_lane *whole)
{
    struct goleak_health_entry *truncated = &merge->health->entries[GOLEAK_HEALTH_truncated];
    const struct goleak_lane *first = NULL;
    for (size_t i = 0; i < merge->lane_count; i++) {
        const struct goleak_lane *lane = merge->lanes[i];
        if (lane->cuts != 0 && (first == NULL || lane->first_ns < first->first_ns))
            first = lane;
    }
    if (truncated->count == 0 || first == NULL)
        *truncated = (struct goleak_health_entry) { .count = truncated->count };
    else if (truncated->input == whole->source.input && whole->cuts == 0) {
        *truncated = (struct goleak_health_entry) { .count = truncated->count, .input = first->source.input };
        snprintf(truncated->detail, sizeof truncated->detail, "%s",
                 first->killed != 0 ? GOLEAK_KILLED_TEXT : "it ends in the middle of something");
    }
}

static void settle_cuts(struct goleak_merge *merge)
{
    struct goleak_health_entry *truncated = &merge->health->entries[GOLEAK_HEALTH_truncated];
    const struct goleak_lane *last = NULL;
    for (size_t i = 0; i < merge->lane_count; i++) {
        struct goleak_lane *lane = merge->lanes[i];
        if (lane->killed > lane->restarted && lane->cuts != 0 && goes_on(merge, lane)) {
            lane->cuts--;
            truncated->count--;
            speak_of_others(merge, lane);
        }
        if (lane->begun && (last == NULL || lane->last_ns > last->last_ns ||
                            (lane->last_ns == last->last_ns && lane->cuts > last->cuts)))
            last = lane;
    }
    if (last != NULL)
        merge->health->cuts_elsewhere = truncated->count - (last->cuts - last->restarted);
}

/* The gap that comes next behind this moment; NULL: none does. */
static const struct goleak_lane *next_gap(const struct goleak_merge *merge, int64_t behind_ns)
{
    const struct goleak_lane *next = NULL;
    for (size_t i = 0; i < merge->lane_count; i++) {
        const struct goleak_lane *lane = merge->lanes[i];
        if (lane->gap.from > behind_ns && !is_silence(merge, lane->gap.from, lane->gap.until) &&
            (next == NULL || lane->gap.from < next->gap.from))
            next = lane;
    }
    return next;
}

static void tell_gaps(struct goleak_merge *merge)
{
    const struct goleak_health_source reading = merge->health->source;
    const struct goleak_lane *lane = next_gap(merge, INT64_MIN);
    for (; lane != NULL; lane = next_gap(merge, lane->gap.from)) {
        merge->health->source = lane->source;
        goleak_health_note_gap(merge->health, lane->gap, 0);
    }
    merge->health->source = reading;
}

static enum goleak_status take(struct goleak_merge *merge, struct goleak_lane *lane, const struct goleak_event *event)
{
    enum goleak_status status = let_go(merge, event->time_ns);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_event own = *event;
    lane->tells_slots = lane->tells_slots || ((own.has & GOLEAK_HAS_G) != 0 && goleak_g_is_slot(own.g));
    forget_slots(&own);
    if (lane->pid != 0 && (own.has & GOLEAK_HAS_PID) == 0) {
        own.pid = lane->pid;
        own.has |= GOLEAK_HAS_PID;
    }
    merge->tells_g = merge->tells_g || (own.has & GOLEAK_HAS_G) != 0;
    merge->tells_goid_alone =
        merge->tells_goid_alone || (own.has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) == GOLEAK_HAS_GOID;
    uint64_t like = find_like(merge, &own, GOLEAK_CHAIN_G, lane);
    if (like == 0)
        like = find_like(merge, &own, GOLEAK_CHAIN_GOID, lane);
    if (like == 0)
        return hold(merge, lane, &own);
    pair(merge, like, lane, &own);
    return GOLEAK_OK;
}

/* ---- the lanes ---- */

static void advance(struct goleak_lane *lane)
{
    lane->merge->queued--;
    if (++lane->at < lane->batches[lane->first]->count)
        return;
    goleak_batch_free(lane->merge->alloc, lane->batches[lane->first++]);
    lane->at = 0;
    if (lane->first == lane->count)
        lane->first = lane->count = 0;
}

/* A lane that shows nothing brings nothing before this any more. Lets out of its window
 * what is older. */
static enum goleak_status ask(struct goleak_lane *lane, int64_t *settled_ns)
{
    struct goleak_time_window *window = &lane->order.window;
    *settled_ns = INT64_MIN;
    if (lane->merge->queued < PILE_EVENTS || window->newest_ns < INT64_MIN + SETTLED_NS)
        return GOLEAK_OK;
    *settled_ns = window->newest_ns - SETTLED_NS;
    return goleak_order_drain(&lane->order, *settled_ns);
}

/* Of equal times the lane that comes after the last one, in turn: two recorders' bursts
 * at one time are paired as they come. */
static bool is_before(const struct goleak_lane *lane, const struct goleak_lane *other)
{
    const struct goleak_merge *merge = lane->merge;
    int64_t a = head_of(lane)->time_ns, b = head_of(other)->time_ns;
    return a != b ? a < b : lane->index > merge->last_lane && other->index <= merge->last_lane;
}

/* The lane whose next event is the earliest; NULL: some lane has yet to show one. */
static enum goleak_status find_earliest(const struct goleak_merge *merge, struct goleak_lane **out)
{
    struct goleak_lane *first = NULL;
    int64_t settled_ns, until_ns = INT64_MAX;
    bool waits = false;
    *out = NULL;
    for (size_t i = 0; i < merge->lane_count; i++) {
        struct goleak_lane *lane = merge->lanes[i];
        if (head_of(lane) == NULL && !lane->ended) {
            enum goleak_status status = ask(lane, &settled_ns);
            if (status != GOLEAK_OK)
                return status;
            waits = waits || head_of(lane) == NULL;
            if (head_of(lane) == NULL && settled_ns < until_ns)
                until_ns = settled_ns;
        }
        if (head_of(lane) != NULL && (first == NULL || is_before(lane, first)))
            first = lane;
    }
    if (first != NULL && (!waits || head_of(first)->time_ns < until_ns))
        *out = first;
    return GOLEAK_OK;
}

static enum goleak_status run(struct goleak_merge *merge)
{
    struct goleak_lane *lane;
    enum goleak_status status = find_earliest(merge, &lane);
    while (status == GOLEAK_OK && lane != NULL) {
        merge->last_lane = lane->index;
        note_time(merge, lane, head_of(lane));
        status = take(merge, lane, head_of(lane));
        advance(lane);
        if (status == GOLEAK_OK)
            status = find_earliest(merge, &lane);
    }
    return status;
}

static void append(struct goleak_batch *to, const struct goleak_batch *batch)
{
    memcpy(to->events + to->count, batch->events, batch->count * sizeof *batch->events);
    to->count += batch->count;
}

/* What the lane's order lets out: sorted, for the merge. */
static enum goleak_status queue(void *context, struct goleak_batch *batch)
{
    struct goleak_lane *lane = context;
    struct goleak_alloc *alloc = lane->merge->alloc;
    struct goleak_batch *last = lane->first < lane->count ? lane->batches[lane->count - 1] : NULL;
    lane->merge->queued += batch->count;
    if (last != NULL && last->count + batch->count <= GOLEAK_BATCH_EVENTS) { /* it may be few at a time */
        append(last, batch);
        return GOLEAK_OK;
    }
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
    append(copy, batch);
    lane->batches[lane->count++] = copy;
    return GOLEAK_OK;
}

struct goleak_lane *goleak_merge_lane(struct goleak_merge *merge, const char *input)
{
    struct goleak_lane *lane =
        merge->lane_count < GOLEAK_LANES ? goleak_alloc_zeroed(merge->alloc, sizeof *lane) : NULL;
    if (lane == NULL)
        return NULL;
    lane->merge = merge;
    lane->source.input = input;
    lane->index = (uint8_t)merge->lane_count;
    goleak_order_init(&lane->order, merge->alloc, merge->replay, merge->health);
    lane->order.emit = queue;
    lane->order.emit_context = lane;
    merge->lanes[merge->lane_count++] = lane;
    merge->replay->sites.joined = merge->lane_count > 1;
    return lane;
}

enum goleak_status goleak_lane_push(void *context, struct goleak_batch **batch)
{
    struct goleak_lane *lane = context;
    enum goleak_status status = goleak_order_push(&lane->order, batch);
    return status == GOLEAK_OK ? run(lane->merge) : status;
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
    while (status == GOLEAK_OK && merge->held_first < merge->held_end)
        status = let_first_go(merge);
    settle_cuts(merge);
    if (status == GOLEAK_OK)
        status = flush(merge);
    tell_gaps(merge); /* behind some of which who lives has been told by now */
    return status;
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
