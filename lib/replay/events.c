/* events - see events.h. */
#include "replay/events.h"

#include "replay/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- complaints ---- */

/* Who it is, for the one complaint of each kind that is kept. */
static const char *who(const struct goleak_replay *replay, enum goleak_health_id id, const struct goleak_record *record,
                       char out[GOLEAK_GOROUTINE_TEXT])
{
    return goleak_health_is_first(replay->health, id) ? goleak_goroutine_text(out, record->goid, record->g) : "";
}

static void complain(struct goleak_replay *replay, enum goleak_health_id id, const struct goleak_event *event,
                     const struct goleak_record *record, const char *what)
{
    char text[GOLEAK_GOROUTINE_TEXT];
    goleak_health_note_at(replay->health, id, 1, event->position, "%s %s", who(replay, id, record, text), what);
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
        goleak_tell(replay, record, GOLEAK_T_RETRACTED, moment, record->created);
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

/* … or has, while nobody recorded: then how long it lived, and with whom it ended, is not known. */
static enum goleak_status end_life(struct goleak_replay *replay, struct goleak_record *record, int64_t moment,
                                   bool seen)
{
    const int64_t created = record->created, told = seen ? created : GOLEAK_NO_MOMENT;
    record->created = told;
    goleak_tell_end(replay, record, moment);
    record->created = created;
    goleak_leave_park(replay, record, moment);
    record->state = GOLEAK_STATE_ENDED;
    enum goleak_status status = GOLEAK_OK;
    if (goleak_is_told(replay, record) && replay->on_ended != NULL)
        status = replay->on_ended(replay->context, record, moment);
    if ((record->flags & GOLEAK_REC_PREEXISTING) == 0)
        replay->script_live--;
    record->created = told;
    goleak_end_lineage(replay, record, moment);
    record->created = created;
    goleak_waits_forget(&replay->waits, record);
    goleak_locks_end(&replay->locks, record, moment);
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

/* Whose the goroutine is by the function that its stack begins in: of one whose creation was not seen, nothing
 * else tells. A stack that was cut off before that proves nothing. */
static uint8_t proof_by_stack(const struct goleak_replay *replay, const struct goleak_event *event)
{
    uint32_t start = event->has & GOLEAK_HAS_STACK ? goleak_symbols_started_by(replay->symbols, event->stack) : 0;
    return start != 0 ? goleak_proof_by_start(goleak_symbols_text(replay->symbols, start)) : 0;
}

/* A park that only the runtime's own goroutines make. */
static bool is_system_park(const struct goleak_replay *replay, const struct goleak_event *event)
{
    return (event->kind == GOLEAK_EVENT_PARK || event->kind == GOLEAK_EVENT_STATUS) &&
           (reason_of(replay, event) == GOLEAK_REASON_SYSTEM_GOROUTINE ||
            (proof_by_stack(replay, event) & GOLEAK_REC_SYSTEM) != 0);
}

/* A Go trace tells every creation, so whoever has none was there from the beginning. But where something is missing it
 * may have begun. */
static bool was_there(const struct goleak_replay *replay, const struct goleak_record *record)
{
    const struct goleak_health_entry *entries = replay->health->entries;
    return goleak_g_is_slot(record->g) && entries[GOLEAK_HEALTH_damaged_records].count == 0 &&
           entries[GOLEAK_HEALTH_truncated].count == 0 && entries[GOLEAK_HEALTH_damaged_frames].count == 0 &&
           entries[GOLEAK_HEALTH_lost_events].count == 0;
}

/* A goid is one goroutine's as long as its process lives, and goroutine 1 lives as long. */
static void meet_main(struct goleak_replay *replay, const struct goleak_event *event,
                      const struct goleak_record *record)
{
    struct goleak_process *process = &replay->processes[record->process];
    const uint64_t g = goleak_g_told(record->g);
    if (g != 0 && process->main_g != 0 && process->main_g != g)
        goleak_health_note_at(replay->health, GOLEAK_HEALTH_mixed_processes, 1, event->position,
                              "goroutine 1 is g %" PRIx64 " and g %" PRIx64 ", too: there is another process", g,
                              process->main_g);
    process->main_g = process->main_g == 0 ? g : process->main_g;
}

/* A goroutine that the recording has not seen begin shows its first own event. */
static void appear(struct goleak_replay *replay, const struct goleak_event *event, struct goleak_record *record,
                   int64_t moment)
{
    if (record->flags & GOLEAK_REC_SEEN) { /* a later life of a known address */
        goleak_end_lineage(replay, record, moment);
        goleak_begin_life(replay, record, GOLEAK_NO_MOMENT);
    } else if (record->serial == 0) {
        goleak_begin_life(replay, record, GOLEAK_NO_MOMENT);
    } else { /* named before */
        goleak_give_serial(replay, record);
        goleak_detail_of(replay, record)->incarnation = 1;
        record->flags |= GOLEAK_REC_SEEN;
        if (record->flags & GOLEAK_REC_SPAWNED)
            goleak_lineage_at(&replay->lineage, goleak_detail_of(replay, record)->node)->incarnation = 1;
    }
    record->since = moment;
    record->state = GOLEAK_STATE_UNKNOWN;
    record->flags |= GOLEAK_REC_PREEXISTING;
    learn_goid(record, record->goid);
    if (UNLIKELY(record->goid == 1))
        meet_main(replay, event, record);
    /* What is the runtime's from the start is never told, and need not be taken back. */
    if (is_system_park(replay, event)) {
        record->flags |= GOLEAK_REC_SYSTEM | GOLEAK_REC_NOT_MAIN;
        replay->system_count++;
    }
    if (!goleak_is_told(replay, record))
        return;
    bool there = was_there(replay, record);
    goleak_detail_of(replay, record)->was_there = there;
    goleak_tell(replay, record, there ? GOLEAK_T_WAS_THERE : GOLEAK_T_APPEARED, moment, GOLEAK_NO_MOMENT);
}

enum goleak_status goleak_name_other(struct goleak_replay *replay, const struct goleak_event *event, int64_t moment,
                                     uint32_t *index)
{
    *index = 0;
    if ((event->has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID)) == 0)
        return GOLEAK_OK;
    uint64_t key = event->has & GOLEAK_HAS_OTHER ? event->other_g : event->other_goid | GOLEAK_KEY_GOID;
    if ((key & ~GOLEAK_KEY_GOID) == 0)
        return GOLEAK_OK;
    uint64_t hash = goleak_store_hash(&replay->store, key, replay->process);
    if (event->has & GOLEAK_HAS_OTHER)
        *index = goleak_store_find(&replay->store, key, replay->process, hash);
    else if (!goleak_store_by_goid(&replay->store, event->other_goid, replay->process, index))
        return goleak_alloc_failure(replay->alloc);
    if (*index == 0) {
        *index = goleak_store_add(&replay->store, key, replay->process, hash);
        if (*index == 0)
            return goleak_alloc_failure(replay->alloc);
        struct goleak_record *fresh = goleak_store_at(&replay->store, *index);
        goleak_begin_life(replay, fresh, GOLEAK_NO_MOMENT);
        fresh->flags = 0;
        goleak_detail_of(replay, fresh)->incarnation = 0;
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
        goleak_set_state(replay, record, GOLEAK_STATE_RUNNING, moment);
    return GOLEAK_OK;
}

enum goleak_status goleak_replay_name(struct goleak_replay *replay, const struct goleak_event *event)
{
    uint32_t index;
    enum goleak_status status = goleak_name_other(replay, event, (int64_t)replay->event_count, &index);
    return status == GOLEAK_OK ? goleak_make_room(replay) : status;
}

/* ---- each kind ---- */

static enum goleak_status on_create(struct goleak_replay *replay, const struct goleak_event *event,
                                    struct goleak_record *record, uint32_t index, int64_t moment)
{
    enum goleak_status status = GOLEAK_OK;
    if ((record->flags & GOLEAK_REC_SEEN) && record->state != GOLEAK_STATE_ENDED) {
        complain(replay, GOLEAK_HEALTH_implicit_ends, event, record, "is created, but it was never seen to end");
        status = end_life(replay, record, moment, true);
    }
    if ((record->flags & GOLEAK_REC_SPAWNED) || record->parent != 0)
        goleak_end_lineage(replay, record, moment); /* a named one: its address lives on */
    goleak_begin_life(replay, record, moment);
    record->goid = event->has & GOLEAK_HAS_GOID ? event->goid : event->has & GOLEAK_HAS_G ? 0 : record->goid;
    uint8_t proof = 0;
    struct goleak_process *process = &replay->processes[record->process];
    learn_goid(record, record->goid);
    /* A spawner that is told proves more: see below. */
    if (record->goid == 0 && process->created_any && (event->has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID)) == 0)
        proof |= GOLEAK_REC_NOT_MAIN;
    process->created_any = true;
    if (UNLIKELY(record->goid == 1)) {
        if (process->has_main)
            goleak_health_note_at(replay->health, GOLEAK_HEALTH_mixed_processes, 1, event->position,
                                  "goroutine 1 is created a second time: another process begins, or another program in "
                                  "this one");
        process->has_main = true;
        process->main_g = goleak_g_told(record->g);
        process->main_tid = event->has & GOLEAK_HAS_TID ? event->tid : 0;
    }
    if (status == GOLEAK_OK && (event->has & (GOLEAK_HAS_STACK | GOLEAK_TELLS_SITE)) != 0)
        status = goleak_set_site(replay, record, event);
    if (status == GOLEAK_OK && (event->has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID))) {
        uint32_t other;
        status = goleak_name_other(replay, event, moment, &other);
        /* Adding a record does not move others. */
        if (other != 0 && other != index) {
            struct goleak_record *spawner = goleak_store_at(&replay->store, other);
            uint32_t node = goleak_lineage_of(&replay->lineage, spawner, goleak_detail_of(replay, spawner));
            if (node == 0)
                return goleak_alloc_failure(replay->alloc);
            goleak_lineage_adopt(&replay->lineage, record, node);
            if (goleak_spawns_others(spawner, event->g))
                proof |= GOLEAK_REC_NOT_MAIN;
        }
        if ((event->has & GOLEAK_HAS_OTHER_GOID) && event->other_goid != 0)
            proof |= GOLEAK_REC_NOT_MAIN;
    }
    replay->script_live++;
    /* What is proven from the start is never told, so there is nothing to take back. */
    proof |= replay->sites.sites[record->site].proof;
    goleak_note_birth(replay, record, moment);
    record->flags |= proof;
    replay->system_count += (proof & GOLEAK_REC_SYSTEM) != 0;
    if (goleak_is_told(replay, record))
        goleak_tell(replay, record, GOLEAK_T_CREATED, moment, moment);
    return status;
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
                 goleak_reasons_is_given(reasons) && strcmp(reasons->from, "option") == 0 ? ": is --go-version right?"
                                                                                          : "");
    goleak_health_note_at(replay->health, GOLEAK_HEALTH_impossible_reasons, 1, event->position,
                          "%s cannot be in Go %s%s", pair, reasons->text[0] != '\0' ? reasons->text : "1.19 to 1.27",
                          hint);
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
            if (goleak_is_told(replay, record))
                goleak_tell(replay, record, goleak_system_bit(record) ? GOLEAK_T_SYSTEM_UNBLOCKED : GOLEAK_T_UNBLOCKED,
                            moment, record->since);
            replay->script_blocked -= (record->flags & GOLEAK_REC_PREEXISTING) == 0;
            record->flags &= (uint16_t)~GOLEAK_REC_BLOCKED;
        }
        record->reason = (uint8_t)reason;
        if (reason == GOLEAK_REASON_SYSTEM_GOROUTINE)
            prove(replay, record, GOLEAK_REC_SYSTEM | GOLEAK_REC_NOT_MAIN, moment);
        enum goleak_status status = goleak_make_room(replay);
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

/* Mostly with its first event: then that it appeared was the last thing to be told. */
static void tell_site(struct goleak_replay *replay, const struct goleak_record *record, int64_t moment)
{
    struct goleak_transitions *batch = &replay->transitions;
    struct goleak_transition *last = batch->count != 0 ? &batch->all[batch->count - 1] : NULL;
    if (last != NULL && (last->kind == GOLEAK_T_APPEARED || last->kind == GOLEAK_T_WAS_THERE) &&
        last->serial == goleak_store_serial(&replay->store, record))
        last->site = record->site;
    else
        goleak_tell(replay, record, GOLEAK_T_MOVED, moment, moment);
}

/* Where one came from whose creation was not seen, by a later event of its own, whose
 * stack is not that of the creation. */
static enum goleak_status learn_site(struct goleak_replay *replay, const struct goleak_event *event,
                                     struct goleak_record *record, int64_t moment)
{
    struct goleak_event places = *event;
    places.has &= GOLEAK_TELLS_SITE;
    enum goleak_status status = goleak_set_site(replay, record, &places);
    if (status != GOLEAK_OK)
        return status;
    if (record->site != 0 && goleak_is_told(replay, record))
        tell_site(replay, record, moment);
    if ((record->flags & GOLEAK_REC_SPAWNED) && record->site != 0) {
        struct goleak_node *node = goleak_lineage_at(&replay->lineage, goleak_detail_of(replay, record)->node);
        node->late = true;
        node->last_before = (uint32_t)replay->serial;
        node->site = record->site;
    }
    prove(replay, record, replay->sites.sites[record->site].proof, moment);
    return GOLEAK_OK;
}

/* Not where it waits already, as far as that is told: its wake-up was lost. */
static bool waits_elsewhere(const struct goleak_replay *replay, const struct goleak_event *event,
                            const struct goleak_record *record)
{
    uint64_t object = goleak_object_of(record, event, event->has);
    if ((event->has & GOLEAK_HAS_STACK) && record->block_stack != 0 &&
        !goleak_symbols_are_one_stack(replay->symbols, event->stack, record->block_stack))
        return true;
    return object != 0 && goleak_waits_elsewhere(&replay->waits, record, object);
}

/* It waits for the reason that the event tells; of two inputs one may tell it by name. */
static bool waits_for(const struct goleak_record *record, const struct goleak_event *event, bool numbered, int wait,
                      enum goleak_reason reason)
{
    if (numbered != (record->raw_reason != GOLEAK_REASON_NONE))
        return record->reason == reason;
    return record->raw_reason == event->reason && record->wait == (wait >= 0 ? wait : GOLEAK_NO_WAIT);
}

/* Of one wait that is told twice: the other stack may come from a recording that tells lines. */
static bool tells_more(const struct goleak_replay *replay, const struct goleak_event *event, uint32_t stack)
{
    const struct goleak_symbols *symbols = replay->symbols;
    return (event->has & GOLEAK_HAS_STACK) &&
           (!goleak_symbols_tells_line(symbols, goleak_symbols_blocked_at(symbols, stack)) ||
            goleak_symbols_tells_line(symbols, goleak_symbols_blocked_at(symbols, event->stack)));
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
    goleak_note_reason(replay, reason);
    bool again = false;
    if (record->state == GOLEAK_STATE_WAITING) {
        /* The entry probe fires twice when the function's stack check restarts it.
         * Where wake-ups are printed and none came between, it is the same wait. */
        again = replay->stream.has_wakeups && waits_for(record, event, has_reason, wait, reason);
        bool elsewhere = again && waits_elsewhere(replay, event, record);
        if (elsewhere)
            complain(replay, GOLEAK_HEALTH_impossible_transitions, event, record,
                     "parks on something else, and was not seen to wake up before");
        else if (again)
            complain(replay, GOLEAK_HEALTH_double_parks, event, record, "parks twice without having run");
        again = again && !elsewhere;
        if (!again)
            goleak_end_park(replay, record, moment);
    }
    /* Before its wait counts: that of one of the runtime's own does not. */
    if (UNLIKELY(replay->sites.sites[record->site].unnamed && (event->has & GOLEAK_HAS_STACK))) {
        if (!learn_start(replay, &replay->sites.sites[record->site], event->stack))
            return goleak_alloc_failure(replay->alloc);
        const uint8_t proof = proof_by_stack(replay, event);
        if (record->site != 0 && !replay->sites.sites[record->site].unnamed)
            replay->sites.sites[record->site].proof |= proof; /* for those that it starts from here on */
        prove(replay, record, proof, moment);
    }
    if (reason == GOLEAK_REASON_SYSTEM_GOROUTINE)
        prove(replay, record, GOLEAK_REC_SYSTEM | GOLEAK_REC_NOT_MAIN, moment);
    if (!again) {
        record->state = GOLEAK_STATE_WAITING;
        record->since = moment;
        record->raw_reason = has_reason ? event->reason : GOLEAK_REASON_NONE;
        record->wait = wait >= 0 ? (uint8_t)wait : GOLEAK_NO_WAIT;
        record->reason = (uint8_t)reason;
        record->flags |= event->flags & GOLEAK_FLAG_INFERRED ? GOLEAK_REC_FOUND : 0;
        bool panic = reason == GOLEAK_REASON_FOREVER && has_reason && goleak_reasons_is_panic(replay->reasons, wait);
        record->flags |= panic ? GOLEAK_REC_PANIC : 0;
        if (goleak_reason_can_leak(reason) && !panic) {
            record->flags |= GOLEAK_REC_BLOCKED;
            if ((record->flags & GOLEAK_REC_PREEXISTING) == 0)
                replay->script_blocked++;
            if (goleak_is_told(replay, record))
                goleak_tell(replay, record, GOLEAK_T_BLOCKED, moment, moment);
        }
    }
    const uint32_t before = record->block_stack;
    if (!again || tells_more(replay, event, before))
        record->block_stack = event->has & GOLEAK_HAS_STACK ? event->stack : 0;
    replay->stream.tells_blocking = true;
    goleak_note_until(replay, event, event->has, record);
    if (!again)
        goleak_begin_wait(replay, event, event->has, record, before);
    return GOLEAK_OK;
}

static enum goleak_status on_ready(struct goleak_replay *replay, const struct goleak_event *event,
                                   struct goleak_record *record, int64_t moment)
{
    replay->stream.has_wakeups = true;
    goleak_set_state(replay, record, GOLEAK_STATE_RUNNABLE, moment);
    uint32_t other;
    enum goleak_status status = goleak_name_other(replay, event, moment, &other);
    if (status == GOLEAK_OK)
        goleak_waits_by(&replay->waits, record, other != 0 ? goleak_store_at(&replay->store, other) : NULL);
    return status;
}

static void on_run(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    replay->stream.has_wakeups = true;
    goleak_set_state(replay, record, GOLEAK_STATE_RUNNING, moment);
    goleak_store_start(record, moment);
}

/* If that is the last thing that was told of it: it has been blocked from the beginning. */
static void note_was_blocked(struct goleak_replay *replay, const struct goleak_record *record)
{
    struct goleak_transitions *batch = &replay->transitions;
    struct goleak_transition *last = batch->count != 0 ? &batch->all[batch->count - 1] : NULL;
    struct goleak_detail *detail = goleak_detail_of(replay, record);
    if (!detail->was_there || last == NULL || last->kind != GOLEAK_T_BLOCKED ||
        last->serial != goleak_store_serial(&replay->store, record))
        return;
    last->kind = GOLEAK_T_WAS_BLOCKED;
    detail->was_blocked = true;
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
    bool is_told = (event->has & GOLEAK_HAS_STATUS) && event->status < sizeof states;
    uint8_t state = is_told ? states[event->status] : GOLEAK_STATE_UNKNOWN;
    if (state == GOLEAK_STATE_UNKNOWN)
        return GOLEAK_OK;
    if (event->has & GOLEAK_HAS_UNTIL) { /* told late: it has gone on since then */
        goleak_set_state(replay, record, state, event->until_ns);
        return GOLEAK_OK;
    }
    replay->stream.tells_blocking = true;
    if (state == GOLEAK_STATE_WAITING && record->state != GOLEAK_STATE_WAITING) {
        record->state = GOLEAK_STATE_UNKNOWN;
        const int64_t found = replay->found_ns != GOLEAK_NONE ? replay->found_ns : replay->first_ns;
        enum goleak_status status = on_park(replay, event, record, fresh ? found : moment);
        if (fresh && status == GOLEAK_OK) {
            record->flags |= GOLEAK_REC_FOUND;
            note_was_blocked(replay, record);
        }
        return status;
    }
    if (state == GOLEAK_STATE_WAITING) {
        if (record->block_stack == 0 && (event->has & GOLEAK_HAS_STACK))
            record->block_stack = event->stack;
    } else if (record->state != state) {
        goleak_set_state(replay, record, state, moment);
    }
    return GOLEAK_OK;
}

/* ---- any ---- */

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
    uint32_t index = goleak_store_get(&replay->store, key, replay->process);
    return !is_not_yet(index != 0 ? goleak_store_at(&replay->store, index) : NULL, event);
}

static void on_object(struct goleak_replay *replay, const struct goleak_event *event,
                      const struct goleak_record *record, int64_t moment)
{
    enum goleak_lock_op op = goleak_locks_op(&replay->locks, replay->symbols, event->name);
    if (op != GOLEAK_LOCK_NONE && (event->has & GOLEAK_HAS_LOCK))
        goleak_locks_note(&replay->locks, record, op, event->lock, moment, goleak_waits_count(&replay->waits, record));
}

/* The same address, but another goid: its end and its creation were not recorded. */
static enum goleak_status meet_stranger(struct goleak_replay *replay, const struct goleak_event *event,
                                        struct goleak_record *record, int64_t moment)
{
    char text[GOLEAK_GOROUTINE_TEXT];
    goleak_health_note_at(replay->health, GOLEAK_HEALTH_implicit_ends, 1, event->position,
                          "%s is goroutine %" PRIu64 " now, without having ended or been created",
                          who(replay, GOLEAK_HEALTH_implicit_ends, record, text), event->goid);
    enum goleak_status status = end_life(replay, record, moment, true);
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
            char text[GOLEAK_GOROUTINE_TEXT];
            goleak_health_note_at(replay->health, GOLEAK_HEALTH_impossible_transitions, 1, event->position,
                                  "%s of %s, which has ended",
                                  goleak_event_kind_name((enum goleak_event_kind)event->kind),
                                  who(replay, GOLEAK_HEALTH_impossible_transitions, record, text));
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
        complain(replay, GOLEAK_HEALTH_unbalanced_ends, event, record, "ends without having been seen before");
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
                if (UNLIKELY(event->goid == 1))
                    meet_main(replay, event, record);
            } else {
                status = meet_stranger(replay, event, record, moment);
                appear(replay, event, record, moment);
            }
        } else if (UNLIKELY(!lives)) {
            status = revive(replay, event, record, moment, &skip);
        }
        if (status == GOLEAK_OK && !skip && UNLIKELY((event->has & GOLEAK_TELLS_SITE) && record->site == 0))
            status = learn_site(replay, event, record, moment);
        if (status != GOLEAK_OK || skip)
            return status;
    }
    switch (event->kind) {
    case GOLEAK_EVENT_CREATE: return on_create(replay, event, record, index, moment);
    case GOLEAK_EVENT_PARK: return on_park(replay, event, record, moment);
    case GOLEAK_EVENT_END: return end_life(replay, record, moment, (event->flags & GOLEAK_FLAG_INFERRED) == 0);
    case GOLEAK_EVENT_READY: return on_ready(replay, event, record, moment);
    case GOLEAK_EVENT_RUN: on_run(replay, record, moment); return GOLEAK_OK;
    case GOLEAK_EVENT_MAIN:
        prove(replay, record, GOLEAK_REC_MAIN | GOLEAK_REC_USER, moment);
        on_run(replay, record, moment);
        return GOLEAK_OK;
    case GOLEAK_EVENT_STRUCT: /* it is printed with another event */ return GOLEAK_OK;
    case GOLEAK_EVENT_STATUS: return on_status(replay, event, record, moment);
    case GOLEAK_EVENT_YIELD: goleak_set_state(replay, record, GOLEAK_STATE_RUNNABLE, moment); return GOLEAK_OK;
    case GOLEAK_EVENT_SYSCALL: goleak_set_state(replay, record, GOLEAK_STATE_SYSCALL, moment); return GOLEAK_OK;
    case GOLEAK_EVENT_SYSRETURN:
        goleak_set_state(replay, record,
                         goleak_returns_runnable(event) ? GOLEAK_STATE_RUNNABLE : GOLEAK_STATE_RUNNING, moment);
        return GOLEAK_OK;
    default: /* an event of another kind: the goroutine is awake */
        if (record->state == GOLEAK_STATE_WAITING)
            goleak_set_state(replay, record, GOLEAK_STATE_RUNNING, moment);
        if (event->kind == GOLEAK_EVENT_OBJECT)
            on_object(replay, event, record, moment);
        return GOLEAK_OK;
    }
}

/* Children that were told of its address alone have a node that is its own. */
static void keep_node(struct goleak_replay *replay, struct goleak_record *record, uint32_t node)
{
    struct goleak_node *own = goleak_lineage_at(&replay->lineage, node);
    own->goid = record->goid;
    if (record->flags & GOLEAK_REC_SPAWNED) { /* … and so have those that were told of its goid */
        goleak_lineage_drop(&replay->lineage, node);
        return;
    }
    struct goleak_detail *detail = goleak_detail_of(replay, record);
    detail->node = node;
    record->flags |= GOLEAK_REC_SPAWNED;
    own->incarnation = detail->incarnation;
    own->site = record->site;
    if (!goleak_lineage_descends(&replay->lineage, record->parent, node))
        own->parent = record->parent;
    if (own->parent != 0)
        goleak_lineage_at(&replay->lineage, own->parent)->references++;
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
    struct goleak_detail *detail = goleak_detail_of(replay, record), *was = goleak_detail_of(replay, named);
    uint64_t g = record->g;
    uint32_t own = record->index, other = named->index, lives = detail->incarnation;
    uint32_t node = record->flags & GOLEAK_REC_SPAWNED ? detail->node : 0;
    const int64_t started = goleak_store_started(named);
    const uint64_t serial = goleak_store_serial(&replay->store, named);
    *record = *named;
    *detail = *was;
    detail->incarnation = (detail->incarnation + lives) & GOLEAK_INCARNATION_MAX;
    record->g = g;
    record->index = own;
    goleak_store_starts(record)[own % GOLEAK_RECORD_CHUNK] = started;
    if (replay->store.has_high && !goleak_store_set_high(&replay->store, record, (uint32_t)(serial >> 32)))
        return goleak_alloc_failure(replay->alloc);
    if ((record->flags & GOLEAK_REC_TIMED) &&
        !goleak_store_set_until(&replay->store, record, goleak_store_until(&replay->store, named)))
        return goleak_alloc_failure(replay->alloc);
    if (record->flags & GOLEAK_REC_SPAWNED)
        goleak_lineage_at(&replay->lineage, detail->node)->g = g;
    if (node != 0)
        keep_node(replay, record, node);
    *was = (struct goleak_detail) { 0 };
    /* Those whom it has woken know it by this one. */
    *named = (struct goleak_record){
        .index = other, .serial = record->serial, .flags = GOLEAK_REC_MOVED, .block_stack = own
    };
    goleak_locks_move(&replay->locks, other, own);
    return GOLEAK_OK;
}

bool goleak_find_record(struct goleak_replay *replay, const struct goleak_event *event, struct goleak_record **record)
{
    uint64_t key = goleak_event_key(event);
    uint32_t index = goleak_store_get(&replay->store, key, replay->process);
    /* Some probes of a recording tell the address, this one only the goid. */
    if (UNLIKELY(index == 0 && (key & GOLEAK_KEY_GOID) && replay->store.has_addresses) &&
        !goleak_store_by_goid(&replay->store, event->goid, replay->process, &index))
        return false;
    *record = index != 0 ? goleak_store_at(&replay->store, index) : NULL;
    return true;
}

struct goleak_record *goleak_add_record(struct goleak_replay *replay, const struct goleak_event *event)
{
    uint64_t key = goleak_event_key(event), hash = goleak_store_hash(&replay->store, key, replay->process);
    uint32_t index = goleak_store_add(&replay->store, key, replay->process, hash);
    if (index == 0)
        return NULL;
    struct goleak_record *record = goleak_store_at(&replay->store, index);
    record->wait = GOLEAK_NO_WAIT;
    return record;
}

/* Rules speak of goids: where the event names another one by its address alone, and it is known, that has one, too. */
static struct goleak_event with_goid(const struct goleak_replay *replay, const struct goleak_event *event,
                                     uint16_t process)
{
    struct goleak_event told = *event;
    if ((event->has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID)) != GOLEAK_HAS_OTHER || event->other_g == 0)
        return told;
    const uint32_t index = goleak_store_get(&replay->store, event->other_g, process);
    told.other_goid = index != 0 ? goleak_store_at(&replay->store, index)->goid : 0;
    told.has |= told.other_goid != 0 ? GOLEAK_HAS_OTHER_GOID : 0;
    return told;
}

enum goleak_status goleak_step_long(struct goleak_replay *replay, const struct goleak_event *event,
                                    struct goleak_record *record, enum goleak_replay_mode mode)
{
    uint64_t goid = 0;
    if (mode == GOLEAK_REPLAY_ASK && is_ruled(event) && is_not_yet(record, event))
        return GOLEAK_END;
    if (UNLIKELY(record == NULL)) {
        if ((record = goleak_add_record(replay, event)) == NULL)
            return goleak_alloc_failure(replay->alloc);
    } else {
        goid = record->goid;
    }
    if (replay->store.has_goids && (event->has & GOLEAK_HAS_G) && (event->has & GOLEAK_HAS_GOID) &&
        (record->state == GOLEAK_STATE_ENDED || (record->flags & GOLEAK_REC_SEEN) == 0) && goid != event->goid) {
        enum goleak_status status = take_over(replay, event, record);
        if (status != GOLEAK_OK)
            return status;
    }
    int64_t moment = goleak_take_moment(replay, event);
    enum goleak_status status = apply(replay, event, record, record->index, moment);
    if (UNLIKELY(goleak_story_is_asked(&replay->story))) {
        const struct goleak_process *process = &replay->processes[record->process];
        const uint32_t pid = process->pid != 0 ? process->pid : process->main_tid; /* it is so, if others come */
        const struct goleak_event told = with_goid(replay, event, record->process);
        goleak_story_note(&replay->story, &told, record, pid, moment);
    }
    if (UNLIKELY(replay->store.goids.slots != NULL && record->goid != goid) &&
        !goleak_store_note_goid(&replay->store, record->index))
        return goleak_alloc_failure(replay->alloc);
    goleak_check_counters(replay, event);
    return status;
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
        enum goleak_status status = goleak_make_room(replay);
        if (status != GOLEAK_OK)
            return status;
    }
    return GOLEAK_OK;
}
