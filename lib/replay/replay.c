/*
 * replay - see replay.h.
 *
 *                create                 run
 *      (none) ----------> RUNNABLE -----------> RUNNING
 *         |                  ^  ^                  |
 *         | first seen       |  | ready            | park
 *         v                  |  |                  v
 *      preexisting           |  +------------- WAITING
 *                            |                     |
 *        create again        |        any event    |   end
 *        (implicit end) -----+        of its own   +--------> ENDED
 *
 * Any later event of a goroutine ends its park: `ready` is only one of the ways
 * to wake up (netpoll and the scheduler's own lists do not call it). Being named
 * as spawner or waker ends it as well.
 */
#include "replay/process.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define FLOW_CPUS 256
#define FLOW_DEPTHS 256

bool goleak_replay_init(struct goleak_replay *replay, struct goleak_alloc *alloc, struct goleak_symbols *symbols,
                        struct goleak_reasons *reasons, struct goleak_health_book *health)
{
    memset(replay, 0, sizeof *replay);
    replay->alloc = alloc;
    replay->symbols = symbols;
    replay->reasons = reasons;
    replay->health = health;
    replay->candidates = reasons->candidates;
    replay->first_ns = replay->last_ns = GOLEAK_NONE;
    replay->printed.count = replay->printed.blocked = GOLEAK_NONE;
    replay->printed.should_count = replay->printed.should_blocked = GOLEAK_NONE;
    goleak_lineage_init(&replay->lineage, alloc);
    goleak_waits_init(&replay->waits, alloc);
    if (!goleak_store_init(&replay->store, alloc) || !goleak_sites_init(&replay->sites, symbols, alloc) ||
        !goleak_grow(alloc, &replay->processes, &replay->process_capacity, 1, sizeof *replay->processes)) {
        goleak_replay_release(replay);
        return false;
    }
    replay->processes[0] = (struct goleak_process){ 0 };
    replay->process_count = 1;
    return true;
}

void goleak_replay_release(struct goleak_replay *replay)
{
    struct goleak_alloc *alloc = replay->alloc;
    if (alloc == NULL)
        return;
    goleak_store_release(&replay->store);
    goleak_lineage_release(&replay->lineage);
    if (replay->sites.symbols != NULL)
        goleak_sites_release(&replay->sites);
    goleak_waits_release(&replay->waits);
    goleak_story_release(&replay->story, alloc);
    goleak_free(alloc, replay->processes, replay->process_capacity * sizeof *replay->processes);
    goleak_free(alloc, replay->calls, replay->call_capacity * sizeof *replay->calls);
    goleak_free(alloc, replay->call_stack, FLOW_CPUS * FLOW_DEPTHS * sizeof *replay->call_stack);
    goleak_ticks_release(&replay->ticks, alloc);
    replay->alloc = NULL;
}

/* ---- transitions ---- */

enum goleak_status goleak_replay_flush(struct goleak_replay *replay)
{
    struct goleak_transitions *batch = &replay->transitions;
    enum goleak_status status = replay->waits.failed ? goleak_alloc_failure(replay->alloc) : GOLEAK_OK;
    batch->site_count = goleak_sites_count(&replay->sites);
    if (status == GOLEAK_OK && batch->count != 0 && replay->on_transitions != NULL)
        status = replay->on_transitions(replay->context, batch);
    goleak_transitions_clear(batch);
    return status;
}

/* Once the table outgrows the cache, waiting for memory is most of the cost: slots and
 * records of a row of events are fetched before the first is stepped. */
#define ROW 32

/* A usual event is good for two transitions at most, another one for 16. */
static inline bool is_nearly_full(const struct goleak_transitions *batch)
{
    return batch->count > GOLEAK_TRANSITIONS - 2 * ROW - 16;
}

/* Where it came from, by what its spawner is. */
static inline uint32_t parent_site_of(const struct goleak_replay *replay, const struct goleak_record *record)
{
    return record->parent != 0 ? replay->lineage.nodes[record->parent].site : 0;
}

/* There is always room for the transitions of a row: see run_row(). */
ALWAYS_INLINE void tell(struct goleak_replay *replay, const struct goleak_record *record,
                        enum goleak_transition_kind kind, int64_t moment, int64_t since)
{
    struct goleak_transition *t = &replay->transitions.all[replay->transitions.count];
    t->moment = moment;
    t->since = since;
    t->serial = record->serial;
    t->site = record->site;
    t->parent_site = parent_site_of(replay, record);
    t->blocked = (record->flags & GOLEAK_REC_BLOCKED) != 0;
    t->preexisting = (record->flags & GOLEAK_REC_PREEXISTING) != 0;
    goleak_transitions_add(&replay->transitions, kind);
}

static inline struct goleak_detail *detail_of(const struct goleak_replay *replay, const struct goleak_record *record)
{
    return goleak_store_detail(&replay->store, record);
}

static void end_lineage(struct goleak_replay *replay, struct goleak_record *record)
{
    goleak_lineage_end(&replay->lineage, record, detail_of(replay, record));
}

static inline bool is_told(const struct goleak_replay *replay, const struct goleak_record *record)
{
    return ((record->flags & GOLEAK_REC_SYSTEM) == 0) | replay->include_system;
}

/* ---- proofs ---- */

static void prove(struct goleak_replay *replay, struct goleak_record *record, uint8_t proof, int64_t moment)
{
    bool was_system = (record->flags & GOLEAK_REC_SYSTEM) != 0;
    record->flags |= proof;
    if (was_system || (proof & GOLEAK_REC_SYSTEM) == 0)
        return;
    record->flags &= (uint16_t)~GOLEAK_REC_USER;
    replay->system_count++;
    if (!replay->include_system && (record->flags & GOLEAK_REC_SEEN))
        tell(replay, record, GOLEAK_T_RETRACTED, moment, record->created);
}

/* runtime.g0, which alone spawns main (rt0_go), is a static variable; every
 * other g lies in the heap's arenas. A spawner that lies near its goroutine is
 * therefore on the heap, and the goroutine is not main. */
#define SAME_HEAP_BYTES ((uint64_t)4 << 30)

static bool spawned_on_heap(uint64_t g, uint64_t spawner)
{
    return spawner != 0 && (g > spawner ? g - spawner : spawner - g) < SAME_HEAP_BYTES;
}

/* ---- records ---- */

/* Goid 1 is main, whoever else has another. */
static void learn_goid(struct goleak_record *record, uint64_t goid)
{
    record->goid = goid;
    if (goid == 1) {
        record->flags &= (uint16_t)~GOLEAK_REC_NOT_MAIN;
        record->flags |= GOLEAK_REC_MAIN | GOLEAK_REC_USER;
    } else if (goid != 0) {
        record->flags |= GOLEAK_REC_NOT_MAIN;
    }
}

/* A fresh incarnation in a record that may have been used before. */
static void begin_life(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    struct goleak_detail *detail = detail_of(replay, record);
    record->serial = ++replay->serial;
    record->created = moment;
    record->since = moment;
    record->site = 0;
    record->parent = 0;
    record->block_stack = 0;
    detail->started = GOLEAK_NO_MOMENT;
    detail->incarnation++;
    detail->node = detail->created_stack = 0;
    record->state = GOLEAK_STATE_RUNNABLE;
    record->reason = record->raw_reason = GOLEAK_REASON_NONE;
    record->wait = GOLEAK_NO_WAIT;
    record->flags = GOLEAK_REC_SEEN;
    goleak_waits_forget(&replay->waits, record);
}

/* The counter that the script prints leaves out who is older than the recording. */
static inline void count_blocked(struct goleak_replay *replay, const struct goleak_record *record, bool was, bool is)
{
    bool older = (record->flags & GOLEAK_REC_PREEXISTING) != 0;
    replay->script_blocked += ((int64_t)is - (int64_t)was) & ((int64_t)older - 1);
}

/* A wait ends, begins, or both: which of them is looked up, and what nobody waits for is
 * written and not counted. */
ALWAYS_INLINE void tell_wait(struct goleak_replay *replay, const struct goleak_record *record, int64_t moment, bool is)
{
    static const uint8_t kinds[] = { GOLEAK_T_UNBLOCKED, GOLEAK_T_UNBLOCKED, GOLEAK_T_BLOCKED, GOLEAK_T_REBLOCKED };
    struct goleak_transitions *batch = &replay->transitions;
    struct goleak_transition *t = &batch->all[batch->count];
    bool was = (record->flags & GOLEAK_REC_BLOCKED) != 0;
    unsigned change = was + 2 * (unsigned)is;
    t->moment = moment;
    t->serial = record->serial;
    t->site = record->site;
    t->kind = kinds[change];
    batch->count += (change != 0) & is_told(replay, record);
    count_blocked(replay, record, was, is);
}

/* It ends, and so does its wait, if it has one. */
ALWAYS_INLINE void tell_end(struct goleak_replay *replay, const struct goleak_record *record, int64_t moment)
{
    struct goleak_transitions *batch = &replay->transitions;
    struct goleak_transition *t = &batch->all[batch->count];
    bool was = (record->flags & GOLEAK_REC_BLOCKED) != 0, told = is_told(replay, record);
    t->moment = moment;
    t->since = record->created;
    t->serial = record->serial;
    t->site = record->site;
    t->parent_site = parent_site_of(replay, record);
    t->kind = (uint8_t)(GOLEAK_T_ENDED + was);
    t->preexisting = (record->flags & GOLEAK_REC_PREEXISTING) != 0;
    batch->ends[batch->end_count] = (uint8_t)batch->count;
    batch->end_count += told;
    batch->count += told;
    count_blocked(replay, record, was, false);
}

/* It is awake, if it was not; that is told already. */
ALWAYS_INLINE void leave_park(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    goleak_waits_end(&replay->waits, record, moment);
    record->flags &= (uint16_t)~(GOLEAK_REC_BLOCKED | GOLEAK_REC_PANIC | GOLEAK_REC_INFERRED);
    record->reason = record->raw_reason = GOLEAK_REASON_NONE;
    record->wait = GOLEAK_NO_WAIT;
    record->block_stack = 0;
}

ALWAYS_INLINE void end_park(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    tell_wait(replay, record, moment, false);
    leave_park(replay, record, moment);
}

/* The goroutine is awake, and in this state. */
static void on_state(struct goleak_replay *replay, struct goleak_record *record, enum goleak_state state,
                     int64_t moment)
{
    if (record->state == GOLEAK_STATE_WAITING)
        end_park(replay, record, moment);
    record->state = (uint8_t)state;
    record->since = moment;
}

static enum goleak_status end_life(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    tell_end(replay, record, moment);
    leave_park(replay, record, moment);
    record->state = GOLEAK_STATE_ENDED;
    enum goleak_status status = GOLEAK_OK;
    if (is_told(replay, record) && replay->on_ended != NULL)
        status = replay->on_ended(replay->context, record, moment);
    if ((record->flags & GOLEAK_REC_PREEXISTING) == 0)
        replay->script_live--;
    end_lineage(replay, record);
    goleak_waits_forget(&replay->waits, record);
    record->since = moment;
    return status;
}

/* Why it parks: as a number of its Go version, or named by the input. */
static enum goleak_reason reason_of(const struct goleak_replay *replay, const struct goleak_event *event)
{
    if ((event->has & GOLEAK_HAS_REASON) == 0)
        return GOLEAK_REASON_UNKNOWN;
    if (event->flags & GOLEAK_FLAG_REASON)
        return (enum goleak_reason)event->reason;
    int wait = event->has & GOLEAK_HAS_WAIT ? event->wait_reason : -1;
    return goleak_reasons_decode(replay->reasons, event->reason, wait);
}

/* A park that only the runtime's own goroutines make. */
static bool is_system_park(const struct goleak_replay *replay, const struct goleak_event *event)
{
    return (event->kind == GOLEAK_EVENT_PARK || event->kind == GOLEAK_EVENT_STATUS) &&
           reason_of(replay, event) == GOLEAK_REASON_SYSTEM_GOROUTINE;
}

/* A goroutine that the recording has not seen begin shows its first own event. */
static void appear(struct goleak_replay *replay, const struct goleak_event *event, struct goleak_record *record,
                   int64_t moment)
{
    if (record->flags & GOLEAK_REC_SEEN) { /* a later life of a known address */
        end_lineage(replay, record);
        begin_life(replay, record, GOLEAK_NO_MOMENT);
    } else if (record->serial == 0) {
        begin_life(replay, record, GOLEAK_NO_MOMENT);
    } else { /* named before */
        record->serial = ++replay->serial;
        detail_of(replay, record)->incarnation = 1;
        record->flags |= GOLEAK_REC_SEEN;
        if (record->flags & GOLEAK_REC_SPAWNED)
            replay->lineage.nodes[detail_of(replay, record)->node].incarnation = 1;
    }
    record->since = moment;
    record->state = GOLEAK_STATE_UNKNOWN;
    record->flags |= GOLEAK_REC_PREEXISTING;
    learn_goid(record, record->goid);
    /* What is the runtime's from the start is never told, and need not be taken back. */
    if (is_system_park(replay, event)) {
        record->flags |= GOLEAK_REC_SYSTEM | GOLEAK_REC_NOT_MAIN;
        replay->system_count++;
    }
    if (is_told(replay, record))
        tell(replay, record, GOLEAK_T_APPEARED, moment, GOLEAK_NO_MOMENT);
}

/* One that is named as spawner or waker: it runs, so it does not wait. */
static enum goleak_status name_other(struct goleak_replay *replay, const struct goleak_event *event, int64_t moment,
                                     uint32_t *index)
{
    *index = 0;
    uint64_t key = event->has & GOLEAK_HAS_OTHER ? event->other_g : event->other_goid | GOLEAK_KEY_GOID;
    if ((key & ~GOLEAK_KEY_GOID) == 0)
        return GOLEAK_OK;
    uint64_t hash = goleak_store_hash(key, replay->process);
    if (event->has & GOLEAK_HAS_OTHER)
        *index = goleak_store_find(&replay->store, key, replay->process, hash);
    else if (!goleak_store_by_goid(&replay->store, event->other_goid, replay->process, index))
        return goleak_alloc_failure(replay->alloc);
    if (*index == 0) {
        *index = goleak_store_add(&replay->store, key, replay->process, hash);
        if (*index == 0)
            return goleak_alloc_failure(replay->alloc);
        struct goleak_record *fresh = goleak_store_at(&replay->store, *index);
        begin_life(replay, fresh, GOLEAK_NO_MOMENT);
        fresh->flags = 0;
        detail_of(replay, fresh)->incarnation = 0;
        fresh->state = GOLEAK_STATE_UNKNOWN;
        if (!goleak_store_note_goid(&replay->store, *index))
            return goleak_alloc_failure(replay->alloc);
    }
    struct goleak_record *record = goleak_store_at(&replay->store, *index);
    if ((event->has & GOLEAK_HAS_OTHER_GOID) && record->goid == 0) {
        learn_goid(record, event->other_goid);
        if (!goleak_store_note_goid(&replay->store, *index))
            return goleak_alloc_failure(replay->alloc);
    }
    if (record->state == GOLEAK_STATE_WAITING && (event->flags & GOLEAK_FLAG_NAMED) == 0)
        on_state(replay, record, GOLEAK_STATE_RUNNING, moment);
    return GOLEAK_OK;
}

enum goleak_status goleak_replay_name(struct goleak_replay *replay, const struct goleak_event *event)
{
    uint32_t index;
    if ((event->has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID)) == 0)
        return GOLEAK_OK;
    enum goleak_status status = name_other(replay, event, (int64_t)replay->event_count, &index);
    if (status == GOLEAK_OK && is_nearly_full(&replay->transitions))
        status = goleak_replay_flush(replay);
    return status;
}

/* ---- the events ---- */

#define TELLS_SITE (GOLEAK_HAS_GOPC | GOLEAK_HAS_START | GOLEAK_HAS_STARTPC)

/* Where the go statement stands: by the creation stack, else by its address. */
static bool find_created_at(struct goleak_replay *replay, struct goleak_record *record,
                            const struct goleak_event *event, uint32_t *frame)
{
    bool has_pc = (event->has & GOLEAK_HAS_GOPC) && event->gopc != 0;
    *frame = 0;
    if (event->has & GOLEAK_HAS_STACK) {
        detail_of(replay, record)->created_stack = event->stack;
        *frame = goleak_symbols_created_at(replay->symbols, event->stack);
        bool named = goleak_symbols_frame_function(replay->symbols, *frame)[0] != '\0';
        if (named || !has_pc)
            return !named || !has_pc || goleak_sites_name(&replay->sites, event->gopc, *frame);
    }
    if (!has_pc)
        return true;
    *frame = goleak_sites_frame_of(&replay->sites, event->gopc);
    if (*frame == 0)
        *frame = goleak_symbols_address(replay->symbols, event->gopc, true);
    return *frame != 0;
}

static enum goleak_status set_site(struct goleak_replay *replay, struct goleak_record *record,
                                   const struct goleak_event *event)
{
    uint32_t created_at, start = event->has & GOLEAK_HAS_START ? event->name : 0;
    if (start == 0 && (event->has & GOLEAK_HAS_STARTPC) && event->startpc != 0)
        if ((start = goleak_symbols_start(replay->symbols, event->startpc)) == 0)
            return goleak_alloc_failure(replay->alloc);
    if (!find_created_at(replay, record, event, &created_at) ||
        !goleak_sites_add(&replay->sites, created_at, start, &record->site))
        return goleak_alloc_failure(replay->alloc);
    return GOLEAK_OK;
}

static enum goleak_status on_create(struct goleak_replay *replay, const struct goleak_event *event,
                                    struct goleak_record *record, uint32_t index, int64_t moment)
{
    enum goleak_status status = GOLEAK_OK;
    if ((record->flags & GOLEAK_REC_SEEN) && record->state != GOLEAK_STATE_ENDED) {
        goleak_health_note(replay->health, GOLEAK_HEALTH_implicit_ends, 1, event->position, 0, 0,
                           "goroutine %" PRIx64 " is created, but it was never seen to end", record->g);
        status = end_life(replay, record, moment);
    }
    if ((record->flags & GOLEAK_REC_SPAWNED) || record->parent != 0)
        end_lineage(replay, record); /* a named one: its address lives on */
    begin_life(replay, record, moment);
    record->goid = event->has & GOLEAK_HAS_GOID ? event->goid
                   : event->has & GOLEAK_HAS_G  ? 0
                                                : record->goid;
    uint8_t proof = 0;
    struct goleak_process *process = &replay->processes[record->process];
    learn_goid(record, record->goid);
    if (record->goid == 0 && process->created_any)
        proof |= GOLEAK_REC_NOT_MAIN;
    process->created_any = true;
    if (UNLIKELY(record->goid == 1)) {
        if (process->has_main && (event->has & (GOLEAK_HAS_PID | GOLEAK_HAS_TID)) == 0)
            goleak_health_note(replay->health, GOLEAK_HEALTH_mixed_processes, 1, event->position, 0, 0,
                               "goroutine 1 is created a second time: another process begins");
        process->has_main = true;
        process->main_tid = event->has & GOLEAK_HAS_TID ? event->tid : 0;
    }
    if (status == GOLEAK_OK && (event->has & (GOLEAK_HAS_STACK | TELLS_SITE)) != 0)
        status = set_site(replay, record, event);
    if (status == GOLEAK_OK && (event->has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID))) {
        uint32_t other;
        status = name_other(replay, event, moment, &other);
        /* Adding a record does not move others. */
        if (other != 0 && other != index) {
            struct goleak_record *spawner = goleak_store_at(&replay->store, other);
            uint32_t node = goleak_lineage_of(&replay->lineage, spawner, detail_of(replay, spawner));
            if (node == 0)
                return goleak_alloc_failure(replay->alloc);
            goleak_lineage_adopt(&replay->lineage, record, node);
        }
        if ((event->has & GOLEAK_HAS_OTHER) && spawned_on_heap(event->g, event->other_g))
            proof |= GOLEAK_REC_NOT_MAIN;
        if ((event->has & GOLEAK_HAS_OTHER_GOID) && event->other_goid != 0)
            proof |= GOLEAK_REC_NOT_MAIN;
    }
    replay->script_live++;
    /* What is proven from the start is never told, so there is nothing to take back. */
    proof |= replay->sites.sites[record->site].proof;
    record->flags |= proof;
    replay->system_count += (proof & GOLEAK_REC_SYSTEM) != 0;
    if (is_told(replay, record))
        tell(replay, record, GOLEAK_T_CREATED, moment, moment);
    return status;
}

#define TELLS_OBJECT (GOLEAK_HAS_LOCK | GOLEAK_HAS_CHAN | GOLEAK_HAS_ELEM)

/* What it waits on, by address; 0: not told. Of a select only one of its channels is
 * printed, and it need not be the same one again. A semaphore's root serves many: its
 * own address is that of the waiter's element. */
static inline uint64_t object_of(const struct goleak_record *record, const struct goleak_event *event)
{
    if ((event->has & TELLS_OBJECT) == 0 || record->reason == GOLEAK_REASON_SELECT)
        return 0;
    if ((event->has & GOLEAK_HAS_CHAN) && event->chan != 0)
        return event->chan;
    if (record->reason == GOLEAK_REASON_SYNC && (event->has & GOLEAK_HAS_ELEM) && event->elem != 0)
        return event->elem;
    return event->has & GOLEAK_HAS_LOCK ? event->lock : 0;
}

/* A wait has begun that a verdict may have to explain. The article's script tells too
 * little for that: its rule needs nothing. */
static inline void begin_wait(struct goleak_replay *replay, const struct goleak_event *event,
                              const struct goleak_record *record)
{
    if (!replay->stream.has_wakeups && (event->has & (TELLS_OBJECT | GOLEAK_HAS_STACK)) == 0)
        return;
    uint64_t object = object_of(record, event);
    replay->stream.has_objects = replay->stream.has_objects || object != 0;
    goleak_waits_begin(&replay->waits, record, object);
}

static void impossible_reason(struct goleak_replay *replay, const struct goleak_event *event, int wait)
{
    const struct goleak_reasons *reasons = replay->reasons;
    char pair[64], able[16], hint[96] = "";
    if (wait >= 0)
        snprintf(pair, sizeof pair, "block reason %u with wait reason %d", event->reason, wait);
    else
        snprintf(pair, sizeof pair, "block reason %u", event->reason);
    goleak_reasons_able(event->reason, wait, able);
    if (able[0] != '\0')
        snprintf(hint, sizeof hint, "; it can in Go %s%s", able,
                 goleak_reasons_is_given(reasons) && strcmp(reasons->from, "option") == 0
                     ? ": is --go-version right?" : "");
    goleak_health_note(replay->health, GOLEAK_HEALTH_impossible_reasons, 1, event->position, 0, 0,
                       "%s cannot be in Go %s%s", pair, reasons->text[0] != '\0' ? reasons->text : "1.19 to 1.27", hint);
}

/* The Go version has become known better: a number that was read before may mean
 * something else (16: forever, or a synctest bubble). */
static enum goleak_status read_again(struct goleak_replay *replay, int64_t moment)
{
    replay->candidates = replay->reasons->candidates;
    for (uint32_t i = 1; i <= replay->store.count; i++) {
        struct goleak_record *record = goleak_store_at(&replay->store, i);
        if (record->state != GOLEAK_STATE_WAITING || record->raw_reason == GOLEAK_REASON_NONE)
            continue;
        int wait = record->wait != GOLEAK_NO_WAIT ? record->wait : -1;
        enum goleak_reason reason = goleak_reasons_decode(replay->reasons, record->raw_reason, wait);
        if (reason == record->reason)
            continue;
        if (record->flags & GOLEAK_REC_BLOCKED && !goleak_reason_can_leak(reason)) {
            if (is_told(replay, record))
                tell(replay, record, GOLEAK_T_UNBLOCKED, moment, record->since);
            replay->script_blocked -= (record->flags & GOLEAK_REC_PREEXISTING) == 0;
            record->flags &= (uint16_t)~GOLEAK_REC_BLOCKED;
        }
        record->reason = (uint8_t)reason;
        if (reason == GOLEAK_REASON_SYSTEM_GOROUTINE)
            prove(replay, record, GOLEAK_REC_SYSTEM | GOLEAK_REC_NOT_MAIN, moment);
        enum goleak_status status = GOLEAK_OK;
        if (is_nearly_full(&replay->transitions))
            status = goleak_replay_flush(replay);
        if (status != GOLEAK_OK)
            return status;
    }
    return GOLEAK_OK;
}

/* The stream gave the start function's address; the stack of a goroutine that it
 * started has its name. Sites are renamed at the end: until then it is their key. */
static bool learn_start(struct goleak_replay *replay, struct goleak_site *site, uint32_t stack)
{
    uint64_t address;
    uint32_t function = goleak_symbols_started_by(replay->symbols, stack);
    if (function == 0 || !goleak_symbols_is_address(replay->symbols, site->start, &address))
        return true;
    site->unnamed = false;
    return goleak_symbols_learn(replay->symbols, address, function);
}

/* Where one came from whose creation was not seen, by a later event of its own, whose
 * stack is not that of the creation. */
static enum goleak_status learn_site(struct goleak_replay *replay, const struct goleak_event *event,
                                     struct goleak_record *record, int64_t moment)
{
    struct goleak_event places = *event;
    places.has &= TELLS_SITE;
    enum goleak_status status = set_site(replay, record, &places);
    if (status != GOLEAK_OK)
        return status;
    if (record->site != 0 && is_told(replay, record))
        tell(replay, record, GOLEAK_T_MOVED, moment, moment);
    if (record->flags & GOLEAK_REC_SPAWNED)
        replay->lineage.nodes[detail_of(replay, record)->node].site = record->site;
    prove(replay, record, replay->sites.sites[record->site].proof, moment);
    return GOLEAK_OK;
}

static enum goleak_status on_park(struct goleak_replay *replay, const struct goleak_event *event,
                                  struct goleak_record *record, int64_t moment)
{
    int wait = event->has & GOLEAK_HAS_WAIT ? event->wait_reason : -1;
    bool has_reason = (event->has & GOLEAK_HAS_REASON) != 0 && (event->flags & GOLEAK_FLAG_REASON) == 0;
    if (has_reason && UNLIKELY(!goleak_reasons_learn(replay->reasons, event->reason, wait)))
        impossible_reason(replay, event, wait);
    if (UNLIKELY(replay->candidates != replay->reasons->candidates)) {
        enum goleak_status status = read_again(replay, moment);
        if (status != GOLEAK_OK)
            return status;
    }
    enum goleak_reason reason = reason_of(replay, event);
    bool again = false;
    if (record->state == GOLEAK_STATE_WAITING) {
        /* The entry probe fires twice when the function's stack check restarts it.
         * Where wake-ups are printed and none came between, it is the same wait. */
        again = replay->stream.has_wakeups && record->raw_reason == event->reason &&
                record->wait == (wait >= 0 ? wait : GOLEAK_NO_WAIT);
        if (again)
            goleak_health_note(replay->health, GOLEAK_HEALTH_double_parks, 1, event->position, 0, 0,
                               "goroutine %" PRIx64 " parks twice without having run", record->g);
        else
            end_park(replay, record, moment);
    }
    if (!again) {
        record->state = GOLEAK_STATE_WAITING;
        record->since = moment;
        record->raw_reason = has_reason ? event->reason : GOLEAK_REASON_NONE;
        record->wait = wait >= 0 ? (uint8_t)wait : GOLEAK_NO_WAIT;
        record->reason = (uint8_t)reason;
        record->flags |= event->flags & GOLEAK_FLAG_INFERRED ? GOLEAK_REC_INFERRED : 0;
        bool panic = reason == GOLEAK_REASON_FOREVER && has_reason && goleak_reasons_is_panic(replay->reasons, wait);
        record->flags |= panic ? GOLEAK_REC_PANIC : 0;
        if (goleak_reason_can_leak(reason) && !panic) {
            record->flags |= GOLEAK_REC_BLOCKED;
            if ((record->flags & GOLEAK_REC_PREEXISTING) == 0)
                replay->script_blocked++;
            if (is_told(replay, record))
                tell(replay, record, GOLEAK_T_BLOCKED, moment, moment);
        }
    }
    record->block_stack = event->has & GOLEAK_HAS_STACK ? event->stack : again ? record->block_stack : 0;
    if (UNLIKELY(replay->sites.sites[record->site].unnamed && (event->has & GOLEAK_HAS_STACK)))
        if (!learn_start(replay, &replay->sites.sites[record->site], event->stack))
            return goleak_alloc_failure(replay->alloc);
    replay->stream.tells_blocking = true;
    if (reason == GOLEAK_REASON_SYSTEM_GOROUTINE)
        prove(replay, record, GOLEAK_REC_SYSTEM | GOLEAK_REC_NOT_MAIN, moment);
    if (!again)
        begin_wait(replay, event, record);
    return GOLEAK_OK;
}

static enum goleak_status on_ready(struct goleak_replay *replay, const struct goleak_event *event,
                                   struct goleak_record *record, int64_t moment)
{
    replay->stream.has_wakeups = true;
    on_state(replay, record, GOLEAK_STATE_RUNNABLE, moment);
    uint32_t other = 0;
    enum goleak_status status = GOLEAK_OK;
    if ((event->has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID)) != 0)
        status = name_other(replay, event, moment, &other);
    if (status == GOLEAK_OK)
        goleak_waits_by(&replay->waits, record, other != 0 ? goleak_store_at(&replay->store, other) : NULL);
    return status;
}

static void on_run(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    replay->stream.has_wakeups = true;
    on_state(replay, record, GOLEAK_STATE_RUNNING, moment);
    struct goleak_detail *detail = detail_of(replay, record);
    if (detail->started == GOLEAK_NO_MOMENT && (record->flags & GOLEAK_REC_PREEXISTING) == 0)
        detail->started = moment;
    record->flags |= GOLEAK_REC_STARTED;
}

/* What an input says of a goroutine's state without anything having happened to it: of
 * one that it has not shown yet, it is so since the beginning; of others it is known, and
 * the stack at most is news. */
static enum goleak_status on_status(struct goleak_replay *replay, const struct goleak_event *event,
                                    struct goleak_record *record, int64_t moment)
{
    static const uint8_t states[] = { GOLEAK_STATE_UNKNOWN, GOLEAK_STATE_RUNNABLE, GOLEAK_STATE_RUNNING,
                                      GOLEAK_STATE_SYSCALL, GOLEAK_STATE_WAITING };
    bool fresh = record->state == GOLEAK_STATE_UNKNOWN;
    uint8_t state = event->status < sizeof states ? states[event->status] : GOLEAK_STATE_UNKNOWN;
    replay->stream.tells_blocking = true;
    if (state == GOLEAK_STATE_UNKNOWN)
        return GOLEAK_OK;
    if (state == GOLEAK_STATE_WAITING && record->state != GOLEAK_STATE_WAITING) {
        record->state = GOLEAK_STATE_UNKNOWN;
        return on_park(replay, event, record, fresh ? replay->first_ns : moment);
    }
    if (state == GOLEAK_STATE_WAITING) {
        if (record->block_stack == 0 && (event->has & GOLEAK_HAS_STACK))
            record->block_stack = event->stack;
    } else if (record->state != state) {
        on_state(replay, record, state, moment);
    }
    return GOLEAK_OK;
}

/* ---- events of no goroutine ---- */

static enum goleak_status on_tick(struct goleak_replay *replay, const struct goleak_event *event)
{
    int64_t cpu = event->has & GOLEAK_HAS_CPU ? (int64_t)event->cpu : -1;
    bool added = goleak_ticks_add(&replay->ticks, replay->alloc, cpu, replay->event_count);
    return added ? GOLEAK_OK : goleak_alloc_failure(replay->alloc);
}

/* The function, below main and outside the runtime, that this CPU is in. */
static uint32_t flow_spawner(const struct goleak_replay *replay, uint32_t cpu, unsigned depth)
{
    while (depth-- > 0) {
        uint32_t function = replay->call_stack[cpu * FLOW_DEPTHS + depth];
        if (function != 0 && strncmp(goleak_symbols_text(replay->symbols, function), "runtime.", 8) != 0)
            return function;
    }
    return 0;
}

static enum goleak_status on_call(struct goleak_replay *replay, const struct goleak_event *event, int64_t moment)
{
    if (event->name >= replay->call_capacity) {
        size_t before = replay->call_capacity;
        if (!goleak_grow(replay->alloc, &replay->calls, &replay->call_capacity, (size_t)event->name + 1,
                         sizeof *replay->calls))
            return goleak_alloc_failure(replay->alloc);
        memset(replay->calls + before, 0, (replay->call_capacity - before) * sizeof *replay->calls);
    }
    if (event->kind == GOLEAK_EVENT_RETURN) {
        replay->calls[event->name].left++;
        return GOLEAK_OK;
    }
    replay->calls[event->name].entered++;
    const char *function = goleak_symbols_text(replay->symbols, event->name);
    replay->flow_ended += strcmp(function, "runtime.gdestroy") == 0 || strcmp(function, "runtime.goexit0") == 0;
    bool created = strcmp(function, "runtime.newproc1") == 0;
    replay->flow_created += created;
    uint64_t live = replay->flow_created > replay->flow_ended ? replay->flow_created - replay->flow_ended : 0;
    if (live > replay->flow_peak) {
        replay->flow_peak = live;
        replay->flow_peak_event = (uint64_t)moment;
    }
    uint32_t cpu = event->has & GOLEAK_HAS_CPU ? event->cpu % FLOW_CPUS : 0;
    if (replay->call_stack == NULL) {
        replay->call_stack =
            goleak_alloc_zeroed(replay->alloc, FLOW_CPUS * FLOW_DEPTHS * sizeof *replay->call_stack);
        if (replay->call_stack == NULL)
            return goleak_alloc_failure(replay->alloc);
    }
    uint32_t *frames = replay->call_stack + cpu * FLOW_DEPTHS;
    frames[event->depth] = event->name;
    for (unsigned deeper = event->depth + 1u; deeper < FLOW_DEPTHS && frames[deeper] != 0; deeper++)
        frames[deeper] = 0;
    if (!created)
        return GOLEAK_OK;
    /* No goroutine to speak of: only its site is counted. */
    bool has_stack = (event->has & GOLEAK_HAS_STACK) != 0;
    uint32_t spawner = has_stack ? 0 : flow_spawner(replay, cpu, event->depth), site;
    uint32_t frame = has_stack ? goleak_symbols_created_at(replay->symbols, event->stack) : 0;
    size_t size;
    const char *name = goleak_intern_get(&replay->symbols->strings, spawner, &size);
    if (spawner != 0 && (frame = goleak_symbols_function(replay->symbols, name, size)) == 0)
        return goleak_alloc_failure(replay->alloc);
    if (!goleak_sites_add(&replay->sites, frame, 0, &site))
        return goleak_alloc_failure(replay->alloc);
    struct goleak_record anonymous = { .serial = 0, .site = site };
    tell(replay, &anonymous, GOLEAK_T_CREATED, moment, moment);
    return GOLEAK_OK;
}

static void counters_differ(struct goleak_replay *replay, const struct goleak_event *event)
{
    bool has_blocked = (event->has & GOLEAK_HAS_BLOCKED_COUNT) != 0;
    if (!goleak_health_is_first(replay->health, GOLEAK_HEALTH_counter_mismatch)) {
        replay->health->entries[GOLEAK_HEALTH_counter_mismatch].count++; /* real streams drift on every line */
        return;
    }
    if (has_blocked && event->blocked_count != replay->script_blocked)
        goleak_health_note(replay->health, GOLEAK_HEALTH_counter_mismatch, 1, event->position, 0, 0,
                           "blocked_count=%" PRId32 " is printed where %" PRId64 " are blocked", event->blocked_count,
                           replay->script_blocked);
    else
        goleak_health_note(replay->health, GOLEAK_HEALTH_counter_mismatch, 1, event->position, 0, 0,
                           "count=%" PRId32 " is printed where %" PRId64 " live", event->count, replay->script_live);
}

/* The last of a row's events that printed a counter, and what it should have been. */
struct counted {
    const struct goleak_event *live, *blocked; /* NULL: none did */
    int64_t should_live, should_blocked;
};

static void note_printed(struct goleak_replay *replay, struct counted *counted)
{
    struct goleak_printed *printed = &replay->printed;
    const struct goleak_event *live = counted->live, *blocked = counted->blocked;
    if (live != NULL) {
        printed->count = live->count;
        printed->should_count = counted->should_live;
    }
    if (blocked != NULL) {
        printed->blocked = blocked->blocked_count;
        printed->should_blocked = counted->should_blocked;
        replay->stream.tells_blocking = true;
    }
    if (live != NULL || blocked != NULL) {
        replay->stream.counted = true;
        printed->position = live > blocked ? live->position : blocked->position;
    }
    counted->live = counted->blocked = NULL;
}

ALWAYS_INLINE void compare_counters(struct goleak_replay *replay, const struct goleak_event *event, struct counted *counted)
{
    bool differs = false;
    if (event->has & GOLEAK_HAS_COUNT) {
        counted->live = event;
        counted->should_live = replay->script_live;
        differs = event->count != replay->script_live;
    }
    if (event->has & GOLEAK_HAS_BLOCKED_COUNT) {
        counted->blocked = event;
        counted->should_blocked = replay->script_blocked;
        differs |= event->blocked_count != replay->script_blocked;
    }
    if (UNLIKELY(differs))
        counters_differ(replay, event);
    if (event->has & GOLEAK_HAS_STACK)
        replay->stream.has_stacks = true;
}

/* Of an event that does not go the short way. */
static void check_counters(struct goleak_replay *replay, const struct goleak_event *event)
{
    struct counted counted = { NULL, NULL, 0, 0 };
    compare_counters(replay, event, &counted);
    note_printed(replay, &counted);
}

static enum goleak_status step_nobody(struct goleak_replay *replay, const struct goleak_event *event, int64_t moment)
{
    uint32_t other;
    switch (event->kind) {
    case GOLEAK_EVENT_TICK:
    case GOLEAK_EVENT_COUNTERS:
        check_counters(replay, event);
        return event->kind == GOLEAK_EVENT_TICK ? on_tick(replay, event) : GOLEAK_OK;
    case GOLEAK_EVENT_CALL:
    case GOLEAK_EVENT_RETURN:
        return on_call(replay, event, moment);
    case GOLEAK_EVENT_SPAWN:
        return event->has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID) ? name_other(replay, event, moment, &other)
                                                                       : GOLEAK_OK;
    case GOLEAK_EVENT_LOST:
        goleak_health_note(replay->health, GOLEAK_HEALTH_lost_events, event->count > 0 ? (uint64_t)event->count : 1,
                           event->position, 0, 0, "the recorder says that it lost %" PRId32 " events", event->count);
        return GOLEAK_OK;
    default:
        return GOLEAK_OK;
    }
}

/* ---- the loop ---- */

/* Does the goroutine's life forbid this event? Only asked where the stream's
 * counters can repair the order. */
static bool is_not_yet(const struct goleak_record *record, const struct goleak_event *event)
{
    bool lives = record != NULL && (record->flags & GOLEAK_REC_SEEN) && record->state != GOLEAK_STATE_ENDED;
    if (event->kind == GOLEAK_EVENT_CREATE)
        return lives;
    return (event->kind == GOLEAK_EVENT_PARK || event->kind == GOLEAK_EVENT_END) && !lives;
}

/* Told with the script's counters: by these alone the order is known. */
static bool is_ruled(const struct goleak_event *event)
{
    return (event->has & (GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT)) != 0;
}

bool goleak_replay_allows(const struct goleak_replay *replay, const struct goleak_event *event)
{
    uint64_t key = goleak_event_key(event);
    uint32_t index =
        goleak_store_find(&replay->store, key, replay->process, goleak_store_hash(key, replay->process));
    return !is_not_yet(index != 0 ? goleak_store_at(&replay->store, index) : NULL, event);
}

/* The same address, but another goid: its end and its creation were not recorded. */
static enum goleak_status meet_stranger(struct goleak_replay *replay, const struct goleak_event *event,
                                        struct goleak_record *record, int64_t moment)
{
    goleak_health_note(replay->health, GOLEAK_HEALTH_implicit_ends, 1, event->position, 0, 0,
                       "goroutine %" PRIx64 " was goid %" PRIu64 " and is goid %" PRIu64
                       " without having ended or been created",
                       record->g, record->goid, event->goid);
    enum goleak_status status = end_life(replay, record, moment);
    record->goid = event->goid;
    return status;
}

/* An event of a goroutine that ended or was never seen. */
static enum goleak_status revive(struct goleak_replay *replay, const struct goleak_event *event,
                                 struct goleak_record *record, int64_t moment, bool *skip)
{
    if ((record->flags & GOLEAK_REC_SEEN) && record->state == GOLEAK_STATE_ENDED) {
        *skip = event->kind == GOLEAK_EVENT_STRUCT; /* what is printed with an end is no life */
        if (*skip)
            return GOLEAK_OK;
        bool told = (event->has & GOLEAK_HAS_GOID) && record->goid != 0;
        if (!told || record->goid == event->goid) {
            goleak_health_note(replay->health, GOLEAK_HEALTH_impossible_transitions, 1, event->position, 0, 0,
                               "%s of goroutine %" PRIx64 ", which has ended", goleak_event_kind_name((enum goleak_event_kind)event->kind),
                               record->g);
            /* Its own late line, and not another's; where nothing tells, believe it. */
            *skip = told || event->kind == GOLEAK_EVENT_END || replay->stream.counted;
            if (*skip)
                return GOLEAK_OK;
        }
    }
    if (event->has & GOLEAK_HAS_GOID)
        record->goid = event->goid;
    appear(replay, event, record, moment);
    if (event->kind == GOLEAK_EVENT_END)
        goleak_health_note(replay->health, GOLEAK_HEALTH_unbalanced_ends, 1, event->position, 0, 0,
                           "goroutine %" PRIx64 " ends without having been seen before", record->g);
    return GOLEAK_OK;
}

static enum goleak_status apply(struct goleak_replay *replay, const struct goleak_event *event,
                                struct goleak_record *record, uint32_t index, int64_t moment)
{
    if (event->kind != GOLEAK_EVENT_CREATE) {
        bool lives = (record->flags & GOLEAK_REC_SEEN) && record->state != GOLEAK_STATE_ENDED;
        enum goleak_status status = GOLEAK_OK;
        bool skip = false;
        if (UNLIKELY(lives && (event->has & GOLEAK_HAS_GOID) && record->goid != event->goid)) {
            if (record->goid == 0) {
                learn_goid(record, event->goid);
            } else {
                status = meet_stranger(replay, event, record, moment);
                appear(replay, event, record, moment);
            }
        } else if (UNLIKELY(!lives)) {
            status = revive(replay, event, record, moment, &skip);
        }
        if (status == GOLEAK_OK && !skip && UNLIKELY((event->has & TELLS_SITE) && record->site == 0))
            status = learn_site(replay, event, record, moment);
        if (status != GOLEAK_OK || skip)
            return status;
    }
    switch (event->kind) {
    case GOLEAK_EVENT_CREATE:
        return on_create(replay, event, record, index, moment);
    case GOLEAK_EVENT_PARK:
        return on_park(replay, event, record, moment);
    case GOLEAK_EVENT_END:
        return end_life(replay, record, moment);
    case GOLEAK_EVENT_READY:
        return on_ready(replay, event, record, moment);
    case GOLEAK_EVENT_RUN:
        on_run(replay, record, moment);
        return GOLEAK_OK;
    case GOLEAK_EVENT_MAIN:
        prove(replay, record, GOLEAK_REC_MAIN | GOLEAK_REC_USER, moment);
        on_run(replay, record, moment);
        return GOLEAK_OK;
    case GOLEAK_EVENT_STRUCT: /* it is printed with another event */
        return GOLEAK_OK;
    case GOLEAK_EVENT_STATUS:
        return on_status(replay, event, record, moment);
    case GOLEAK_EVENT_YIELD:
        on_state(replay, record, GOLEAK_STATE_RUNNABLE, moment);
        return GOLEAK_OK;
    case GOLEAK_EVENT_SYSCALL:
        on_state(replay, record, GOLEAK_STATE_SYSCALL, moment);
        return GOLEAK_OK;
    case GOLEAK_EVENT_SYSRETURN:
        on_state(replay, record, event->status == 1 ? GOLEAK_STATE_RUNNABLE : GOLEAK_STATE_RUNNING, moment);
        return GOLEAK_OK;
    default: /* an event of another kind: the goroutine is awake */
        if (record->state == GOLEAK_STATE_WAITING)
            on_state(replay, record, GOLEAK_STATE_RUNNING, moment);
        return GOLEAK_OK;
    }
}

enum goleak_status goleak_replay_rename(struct goleak_replay *replay)
{
    bool any = false;
    int64_t moment = replay->stream.has_time ? replay->last_ns : (int64_t)replay->event_count;
    for (uint32_t site = 1; site < goleak_sites_count(&replay->sites); site++)
        any = goleak_sites_rename(&replay->sites, site) || any;
    for (uint32_t i = 1; any && i <= replay->store.count; i++) {
        struct goleak_record *record = goleak_store_at(&replay->store, i);
        if (record->site == 0 || record->state == GOLEAK_STATE_ENDED)
            continue;
        prove(replay, record, replay->sites.sites[record->site].proof, moment);
        enum goleak_status status = GOLEAK_OK;
        if (is_nearly_full(&replay->transitions))
            status = goleak_replay_flush(replay);
        if (status != GOLEAK_OK)
            return status;
    }
    return GOLEAK_OK;
}

/* The first time that is told, behind events without: what they numbered as moments
 * is from before this time, and no more is known of it. */
static void begin_time(struct goleak_replay *replay, int64_t first_ns)
{
    replay->first_ns = replay->last_ns = first_ns;
    replay->stream.has_time = true;
    for (uint32_t i = 1; i <= replay->store.count; i++) {
        struct goleak_record *record = goleak_store_at(&replay->store, i);
        record->created = record->created != GOLEAK_NO_MOMENT ? first_ns : GOLEAK_NO_MOMENT;
        struct goleak_detail *detail = detail_of(replay, record);
        detail->started = detail->started != GOLEAK_NO_MOMENT ? first_ns : GOLEAK_NO_MOMENT;
        record->since = record->since != GOLEAK_NO_MOMENT ? first_ns : GOLEAK_NO_MOMENT;
    }
}

/* Counts the event, too. */
ALWAYS_INLINE int64_t take_moment(struct goleak_replay *replay, const struct goleak_event *event)
{
    replay->event_count++;
    if ((event->has & GOLEAK_HAS_TIME) == 0)
        return replay->stream.has_time ? replay->last_ns : (int64_t)replay->event_count;
    if (UNLIKELY(replay->first_ns == GOLEAK_NONE))
        begin_time(replay, event->time_ns);
    replay->last_ns = event->time_ns > replay->last_ns ? event->time_ns : replay->last_ns;
    return event->time_ns;
}

/* A goroutine shows its address that was known by its goid before: it takes over what is
 * known of it. */
static enum goleak_status take_over(struct goleak_replay *replay, const struct goleak_event *event,
                                    struct goleak_record *record)
{
    uint32_t index;
    if (!goleak_store_by_goid(&replay->store, event->goid, record->process, &index))
        return goleak_alloc_failure(replay->alloc);
    struct goleak_record *named = index != 0 ? goleak_store_at(&replay->store, index) : NULL;
    if (named == NULL || named->g != 0 || named->state == GOLEAK_STATE_ENDED)
        return GOLEAK_OK;
    struct goleak_detail *detail = detail_of(replay, record), *was = detail_of(replay, named);
    uint64_t g = record->g;
    uint32_t own = record->index, other = named->index;
    *record = *named;
    *detail = *was;
    record->g = g;
    record->index = own;
    if (record->flags & GOLEAK_REC_SPAWNED)
        replay->lineage.nodes[detail->node].g = g;
    *was = (struct goleak_detail){ 0 };
    *named = (struct goleak_record){ .index = other };
    goleak_waits_move(&replay->waits, other, own);
    return GOLEAK_OK;
}

/* ---- the usual events ----
 *
 * Nearly all events are of a goroutine that is known, and bring nothing but the next
 * step of its life. These go without the questions above. What follows from the sort of
 * an event (its kind, flags, reasons, and what it tells) is worked out once for each
 * sort; what is left depends on the goroutine. Where anything is unusual, the answer is
 * "no", and nothing has been done. */

/* What usual events may tell. */
#define USUAL (GOLEAK_HAS_G | GOLEAK_HAS_GOID | GOLEAK_HAS_TIME | GOLEAK_HAS_CPU | GOLEAK_HAS_TID | GOLEAK_HAS_PID | \
               GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT | GOLEAK_HAS_STACK)
#define USUAL_PARK (USUAL | GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT | GOLEAK_HAS_BLOCKED | TELLS_OBJECT)
#define USUAL_READY (USUAL | GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID)
#define USUAL_CREATE (USUAL_READY | TELLS_SITE | GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT | GOLEAK_HAS_BLOCKED | \
                      GOLEAK_HAS_WAITSINCE | GOLEAK_HAS_STATUS)

enum way { WAY_LONG, WAY_PARK, WAY_END, WAY_STATE, WAY_READY, WAY_CREATE };

/* The first of an event's bytes say what sort it is. */
static inline uint64_t sort_of(const struct goleak_event *event)
{
    _Static_assert(offsetof(struct goleak_event, g) == 8, "kind to has are eight bytes");
    uint64_t sort;
    memcpy(&sort, event, sizeof sort);
    return sort;
}

/* False: every park of this sort has to be looked at. */
static bool plan_park(const struct goleak_replay *replay, const struct goleak_event *event, struct goleak_plan *plan)
{
    const struct goleak_reasons *reasons = replay->reasons;
    const bool tells_wait = (event->has & GOLEAK_HAS_WAIT) != 0, named = (event->flags & GOLEAK_FLAG_REASON) != 0;
    const int wait = tells_wait ? event->wait_reason : -1;
    if ((event->has & GOLEAK_HAS_REASON) == 0 || (event->flags & GOLEAK_FLAG_INFERRED) != 0 ||
        replay->candidates != reasons->candidates || (!named && !goleak_reasons_has_seen(reasons, event->reason, wait)))
        return false;
    enum goleak_reason reason =
        named ? (enum goleak_reason)event->reason : goleak_reasons_decode(reasons, event->reason, wait);
    plan->reason = (uint8_t)reason;
    plan->raw_reason = named ? GOLEAK_REASON_NONE : event->reason;
    plan->wait = tells_wait ? event->wait_reason : GOLEAK_NO_WAIT;
    plan->blocks = goleak_reason_blocks(reason);
    return reason != GOLEAK_REASON_SYSTEM_GOROUTINE && !(tells_wait && reason == GOLEAK_REASON_FOREVER);
}

/* What events of this sort do. Unusual ones are asked again each time: what makes them so
 * may pass. */
static struct goleak_plan make_plan(const struct goleak_replay *replay, const struct goleak_event *event)
{
    static const struct {
        uint32_t may;
        uint8_t way, state;
    } kinds[GOLEAK_EVENT_KIND_COUNT] = {
        [GOLEAK_EVENT_PARK] = { USUAL_PARK, WAY_PARK, GOLEAK_STATE_WAITING },
        [GOLEAK_EVENT_END] = { USUAL, WAY_END, GOLEAK_STATE_ENDED },
        [GOLEAK_EVENT_RUN] = { USUAL, WAY_STATE, GOLEAK_STATE_RUNNING },
        [GOLEAK_EVENT_READY] = { USUAL_READY, WAY_READY, GOLEAK_STATE_RUNNABLE },
        [GOLEAK_EVENT_YIELD] = { USUAL, WAY_STATE, GOLEAK_STATE_RUNNABLE },
        [GOLEAK_EVENT_SYSCALL] = { USUAL, WAY_STATE, GOLEAK_STATE_SYSCALL },
        [GOLEAK_EVENT_SYSRETURN] = { USUAL | GOLEAK_HAS_STATUS, WAY_STATE, GOLEAK_STATE_RUNNING },
        [GOLEAK_EVENT_CREATE] = { USUAL_CREATE, WAY_CREATE, GOLEAK_STATE_RUNNABLE },
    };
    const uint32_t has = event->has, whose = GOLEAK_HAS_G | GOLEAK_HAS_GOID;
    struct goleak_plan plan = { .way = kinds[event->kind].way, .state = kinds[event->kind].state };
    if (plan.way == WAY_LONG || (has & whose) == 0 || (has & ~kinds[event->kind].may) != 0 ||
        ((has & GOLEAK_HAS_TIME) && replay->first_ns == GOLEAK_NONE) ||
        (plan.way == WAY_PARK && !plan_park(replay, event, &plan)) ||
        (plan.way == WAY_READY && (has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID)) == GOLEAK_HAS_OTHER_GOID) ||
        ((has & GOLEAK_HAS_OTHER) && (event->flags & GOLEAK_FLAG_NAMED)) ||
        (plan.way == WAY_CREATE && (has & GOLEAK_HAS_OTHER) == 0))
        plan.way = WAY_LONG;
    else
        plan.sort = sort_of(event);
    return plan;
}

/* Plans were made for this knowledge of the Go version. */
static void renew_plans(struct goleak_replay *replay)
{
    if (LIKELY(replay->planned_for == replay->reasons->candidates))
        return;
    memset(replay->plans, 0, sizeof replay->plans);
    replay->planned_for = replay->reasons->candidates;
}

static inline const struct goleak_plan *plan_of(struct goleak_replay *replay, const struct goleak_event *event)
{
    uint64_t sort = sort_of(event);
    struct goleak_plan *plan = &replay->plans[goleak_hash_u64(sort) >> (64 - GOLEAK_PLANS_LOG2)];
    if (UNLIKELY(plan->sort != sort))
        *plan = make_plan(replay, event);
    return plan;
}

/* One that is known, lives, and is who the event says. */
ALWAYS_INLINE bool is_known(const struct goleak_event *event, const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_SEEN) != 0 && record->state != GOLEAK_STATE_ENDED &&
           ((event->has & GOLEAK_HAS_GOID) == 0 || event->goid == record->goid);
}

ALWAYS_INLINE bool usual_park(struct goleak_replay *replay, const struct goleak_event *event,
                              const struct goleak_plan *plan, struct goleak_record *record,
                              struct counted *counted)
{
    if (UNLIKELY(!is_known(event, record) ||
                 (replay->stream.has_wakeups && record->state == GOLEAK_STATE_WAITING) ||
                 ((event->has & GOLEAK_HAS_STACK) && replay->sites.sites[record->site].unnamed)))
        return false;
    int64_t moment = take_moment(replay, event);
    goleak_waits_end(&replay->waits, record, moment);
    record->reason = plan->reason;
    tell_wait(replay, record, moment, plan->blocks);
    record->flags = (uint16_t)((record->flags & ~(GOLEAK_REC_BLOCKED | GOLEAK_REC_PANIC | GOLEAK_REC_INFERRED)) |
                               GOLEAK_REC_BLOCKED * (unsigned)plan->blocks);
    record->state = GOLEAK_STATE_WAITING;
    record->since = moment;
    record->raw_reason = plan->raw_reason;
    record->wait = plan->wait;
    record->block_stack = event->has & GOLEAK_HAS_STACK ? event->stack : 0;
    replay->stream.tells_blocking = true;
    begin_wait(replay, event, record);
    compare_counters(replay, event, counted);
    return true;
}

ALWAYS_INLINE bool usual_end(struct goleak_replay *replay, const struct goleak_event *event,
                             struct goleak_record *record,
                              struct counted *counted)
{
    if (UNLIKELY(!is_known(event, record)))
        return false;
    int64_t moment = take_moment(replay, event);
    tell_end(replay, record, moment);
    leave_park(replay, record, moment);
    record->state = GOLEAK_STATE_ENDED;
    replay->script_live -= (record->flags & GOLEAK_REC_PREEXISTING) == 0;
    if ((record->flags & GOLEAK_REC_SPAWNED) || record->parent != 0)
        end_lineage(replay, record);
    goleak_waits_forget(&replay->waits, record);
    record->since = moment;
    compare_counters(replay, event, counted);
    return true;
}

/* It runs, or could: on_state. */
ALWAYS_INLINE bool usual_state(struct goleak_replay *replay, const struct goleak_event *event,
                               const struct goleak_plan *plan, struct goleak_record *record,
                              struct counted *counted)
{
    if (UNLIKELY(!is_known(event, record)))
        return false;
    int64_t moment = take_moment(replay, event);
    if (record->state == GOLEAK_STATE_WAITING) /* mostly it was woken before */
        end_park(replay, record, moment);
    record->state = plan->state;
    record->since = moment;
    if (event->kind == GOLEAK_EVENT_RUN) {
        replay->stream.has_wakeups = true;
        if (UNLIKELY((record->flags & (GOLEAK_REC_STARTED | GOLEAK_REC_PREEXISTING)) == 0))
            detail_of(replay, record)->started = moment;
        record->flags |= GOLEAK_REC_STARTED;
    } else if (event->kind == GOLEAK_EVENT_SYSRETURN && event->status == 1) {
        record->state = GOLEAK_STATE_RUNNABLE;
    }
    compare_counters(replay, event, counted);
    return true;
}

/* Woken by somebody who is known, or whom nobody tells. */
ALWAYS_INLINE bool usual_ready(struct goleak_replay *replay, const struct goleak_event *event,
                               struct goleak_record *record, struct goleak_record *waker,
                              struct counted *counted)
{
    bool told = (event->has & GOLEAK_HAS_OTHER) != 0;
    if (UNLIKELY(!is_known(event, record) ||
                 (told && (event->other_g == 0 || waker->g != event->other_g || waker->process != record->process ||
                           ((event->has & GOLEAK_HAS_OTHER_GOID) && waker->goid == 0)))))
        return false;
    int64_t moment = take_moment(replay, event);
    end_park(replay, record, moment);
    record->state = GOLEAK_STATE_RUNNABLE;
    record->since = moment;
    replay->stream.has_wakeups = true;
    if (told && waker->state == GOLEAK_STATE_WAITING)
        on_state(replay, waker, GOLEAK_STATE_RUNNING, moment);
    goleak_waits_by(&replay->waits, record, told ? waker : NULL);
    compare_counters(replay, event, counted);
    return true;
}

/* A recycled g; its spawner is known, and runs from now on. */
ALWAYS_INLINE bool usual_create(struct goleak_replay *replay, const struct goleak_event *event,
                                struct goleak_record *record, struct goleak_record *spawner,
                              struct counted *counted)
{
    const uint32_t has = event->has;
    if ((record->flags & (GOLEAK_REC_SEEN | GOLEAK_REC_SPAWNED)) != GOLEAK_REC_SEEN ||
        record->state != GOLEAK_STATE_ENDED || record->parent != 0 || record->g == 0 ||
        ((has & GOLEAK_HAS_GOID) && event->goid <= 1) || !replay->processes[record->process].created_any ||
        event->other_g == 0 || spawner->g != event->other_g || spawner->process != record->process ||
        spawner == record || ((has & GOLEAK_HAS_OTHER_GOID) && spawner->goid == 0))
        return false;
    uint32_t node = goleak_lineage_of(&replay->lineage, spawner, detail_of(replay, spawner));
    if (node == 0)
        return false; /* the long way meets the end of memory as well */
    int64_t moment = take_moment(replay, event);
    begin_life(replay, record, moment);
    record->goid = has & GOLEAK_HAS_GOID ? event->goid : 0;
    record->flags |= GOLEAK_REC_NOT_MAIN;
    record->parent = node;
    replay->lineage.nodes[node].references++;
    if ((has & (GOLEAK_HAS_STACK | TELLS_SITE)) != 0 && set_site(replay, record, event) != GOLEAK_OK)
        return false;
    if (spawner->state == GOLEAK_STATE_WAITING)
        on_state(replay, spawner, GOLEAK_STATE_RUNNING, moment);
    replay->script_live++;
    uint8_t proof = replay->sites.sites[record->site].proof;
    record->flags |= proof;
    replay->system_count += (proof & GOLEAK_REC_SYSTEM) != 0;
    if (is_told(replay, record))
        tell(replay, record, GOLEAK_T_CREATED, moment, moment);
    compare_counters(replay, event, counted);
    return true;
}

/* The record of the goroutine's hash, mostly the right one, and that of the one it names;
 * the store's first where there is none. */
struct found {
    uint64_t key, hash;
    struct goleak_record *record, *other; /* other: NULL where it was not looked for */
};

ALWAYS_INLINE struct goleak_record *other_of(const struct goleak_replay *replay, const struct goleak_event *event,
                                             const struct found *found)
{
    const struct goleak_store *store = &replay->store;
    if (found->other != NULL || (event->has & GOLEAK_HAS_OTHER) == 0)
        return found->other;
    uint64_t hash = goleak_store_hash(event->other_g, replay->process);
    return goleak_store_at(store, goleak_store_guess(store, event->other_g, hash));
}

ALWAYS_INLINE bool step_usual(struct goleak_replay *replay, const struct goleak_event *event,
                              const struct goleak_plan *plan, struct goleak_record *record,
                              const struct found *found, struct counted *counted)
{
    switch ((enum way)plan->way) {
    case WAY_PARK: return usual_park(replay, event, plan, record, counted);
    case WAY_END: return usual_end(replay, event, record, counted);
    case WAY_STATE: return usual_state(replay, event, plan, record, counted);
    case WAY_READY: return usual_ready(replay, event, record, other_of(replay, event, found), counted);
    case WAY_CREATE: return usual_create(replay, event, record, other_of(replay, event, found), counted);
    case WAY_LONG: break;
    }
    return false;
}

/* Only the long way asks who watches. */
static bool is_watched(const struct goleak_replay *replay)
{
    return replay->story.goid != 0 || replay->on_ended != NULL;
}

/* The record of the key; NULL: none. False: memory. */
static bool find_record(struct goleak_replay *replay, const struct goleak_event *event, const struct found *found,
                        struct goleak_record **record)
{
    uint32_t index = goleak_store_find(&replay->store, found->key, replay->process, found->hash);
    /* Some probes of a recording tell the address, this one only the goid. */
    if (UNLIKELY(index == 0 && (found->key & GOLEAK_KEY_GOID) && replay->store.has_addresses) &&
        !goleak_store_by_goid(&replay->store, event->goid, replay->process, &index))
        return false;
    *record = index != 0 ? goleak_store_at(&replay->store, index) : NULL;
    return true;
}

/* The long way; record: NULL if it is new. */
static enum goleak_status step(struct goleak_replay *replay, const struct goleak_event *event,
                               const struct found *found, struct goleak_record *record, enum goleak_replay_mode mode)
{
    uint64_t goid = 0;
    if (mode == GOLEAK_REPLAY_ASK && is_ruled(event) && is_not_yet(record, event))
        return GOLEAK_END;
    if (UNLIKELY(record == NULL)) {
        uint32_t index = goleak_store_add(&replay->store, found->key, replay->process, found->hash);
        if (index == 0)
            return goleak_alloc_failure(replay->alloc);
        record = goleak_store_at(&replay->store, index);
        record->wait = GOLEAK_NO_WAIT;
        if (replay->store.has_goids && (event->has & GOLEAK_HAS_G) && (event->has & GOLEAK_HAS_GOID)) {
            enum goleak_status status = take_over(replay, event, record);
            if (status != GOLEAK_OK)
                return status;
        }
    } else {
        goid = record->goid;
    }
    int64_t moment = take_moment(replay, event);
    enum goleak_status status = apply(replay, event, record, record->index, moment);
    if (UNLIKELY(replay->story.goid != 0))
        goleak_story_note(&replay->story, event, record, moment);
    if (UNLIKELY(replay->store.goids.slots != NULL && record->goid != goid) &&
        !goleak_store_note_goid(&replay->store, record->index))
        return goleak_alloc_failure(replay->alloc);
    check_counters(replay, event);
    return status;
}

/* By lists, because whether the next event is a creation cannot be foreseen. */
static inline void fetch_ahead(const struct goleak_replay *replay, const struct goleak_event *events, size_t count,
                               struct found *found)
{
    const struct goleak_store *store = &replay->store;
    uint8_t naming[ROW], ending[ROW];
    uint64_t others[ROW];
    uint32_t indices[ROW];
    size_t names = 0, ends = 0;
    for (size_t i = 0; i < count; i++) {
        found[i].key = goleak_event_key(&events[i]);
        found[i].hash = goleak_store_hash(found[i].key, replay->process);
        goleak_store_prefetch_slot(store, found[i].hash);
        naming[names] = ending[ends] = (uint8_t)i;
        names += (events[i].has / GOLEAK_HAS_OTHER) & 1;
        ends += events[i].kind == GOLEAK_EVENT_END;
    }
    for (size_t i = 0; i < names; i++) {
        others[i] = goleak_store_hash(events[naming[i]].other_g, replay->process);
        goleak_store_prefetch_slot(store, others[i]);
    }
    for (size_t i = 0; i < count; i++) {
        indices[i] = goleak_store_seek(store, found[i].key, found[i].hash);
        found[i].record = found[i].other = goleak_store_at(store, indices[i]);
        GOLEAK_PREFETCH(found[i].record);
    }
    for (size_t i = 0; i < names; i++) {
        struct found *of = &found[naming[i]];
        uint32_t index = goleak_store_seek(store, events[naming[i]].other_g, others[i]);
        of->other = goleak_store_at(store, index);
        GOLEAK_PREFETCH(of->other);
        GOLEAK_PREFETCH(goleak_store_detail_at(store, index));
        GOLEAK_PREFETCH(goleak_store_detail_at(store, indices[naming[i]]));
    }
    for (size_t i = 0; i < ends && replay->lineage.nodes != NULL; i++)
        GOLEAK_PREFETCH(&replay->lineage.nodes[found[ending[i]].record->parent]);
}

ALWAYS_INLINE void find_now(const struct goleak_replay *replay, const struct goleak_event *event, struct found *found)
{
    const struct goleak_store *store = &replay->store;
    found->key = goleak_event_key(event);
    found->hash = goleak_store_hash(found->key, replay->process);
    found->record = goleak_store_at(store, goleak_store_guess(store, found->key, found->hash));
    found->other = NULL;
}

/* An event that is not usual, or of a goroutine that is not, or was not found yet. */
static enum goleak_status go_long(struct goleak_replay *replay, const struct goleak_event *event,
                                  const struct found *found, enum goleak_replay_mode mode, struct counted *counted)
{
    struct goleak_record *record;
    enum goleak_status status;
    if ((event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) == 0) {
        note_printed(replay, counted);
        status = step_nobody(replay, event, take_moment(replay, event));
    } else if (!find_record(replay, event, found, &record)) {
        return goleak_alloc_failure(replay->alloc);
    } else {
        if (record != NULL && record != found->record && !is_watched(replay) &&
            step_usual(replay, event, plan_of(replay, event), record, found, counted))
            return GOLEAK_OK;
        note_printed(replay, counted);
        status = step(replay, event, found, record, mode);
    }
    renew_plans(replay);
    if (status == GOLEAK_OK && is_nearly_full(&replay->transitions))
        status = goleak_replay_flush(replay);
    return status;
}

/* So many lie in the cache anyway: their first slot is nearly always the right one. */
#define FEW 4096

static inline void find_few(const struct goleak_replay *replay, const struct goleak_event *events, size_t count,
                            struct found *found)
{
    for (size_t i = 0; i < count; i++) {
        find_now(replay, &events[i], &found[i]);
        GOLEAK_PREFETCH(found[i].record);
    }
}

static enum goleak_status run_row(struct goleak_replay *replay, const struct goleak_event *events, size_t count,
                                  enum goleak_replay_mode mode, size_t *done)
{
    struct found found[ROW];
    struct counted counted = { NULL, NULL, 0, 0 };
    const uint16_t found_for = replay->process;
    const bool watched = is_watched(replay);
    enum goleak_status status = is_nearly_full(&replay->transitions) ? goleak_replay_flush(replay) : GOLEAK_OK;
    size_t i = 0;
    *done = 0;
    if (status != GOLEAK_OK)
        return status;
    renew_plans(replay);
    if (replay->store.count > FEW)
        fetch_ahead(replay, events, count, found);
    else
        find_few(replay, events, count, found);
    for (; i < count; i++) {
        const struct goleak_event *event = &events[i];
        status = goleak_process_find(replay, event);
        if (UNLIKELY(status != GOLEAK_OK))
            break;
        if (UNLIKELY(replay->process != found_for)) /* the process is part of the hash */
            find_now(replay, event, &found[i]);
        struct goleak_record *record = found[i].record;
        if (LIKELY(record->g == found[i].key && record->process == replay->process && !watched) &&
            LIKELY(step_usual(replay, event, plan_of(replay, event), record, &found[i], &counted)))
            continue;
        status = go_long(replay, event, &found[i], mode, &counted);
        if (UNLIKELY(status != GOLEAK_OK))
            break;
    }
    *done = i;
    note_printed(replay, &counted);
    return status;
}

enum goleak_status goleak_replay_run(struct goleak_replay *replay, const struct goleak_event *events, size_t count,
                                     enum goleak_replay_mode mode, size_t *done)
{
    enum goleak_status status = GOLEAK_OK;
    size_t at = 0, taken = 0;
    for (; at < count && status == GOLEAK_OK; at += taken)
        status = run_row(replay, events + at, count - at < ROW ? count - at : ROW, mode, &taken);
    *done = at;
    return status;
}
