/*
 * life - one step of a goroutine's life: its record, what the analyses are told of it,
 * and the counters that the script prints. What the long way of an event (events.c) and
 * the short one (usual.h) do alike.
 */
#ifndef GOLEAK_REPLAY_LIFE_H
#define GOLEAK_REPLAY_LIFE_H

#include "base/compiler.h"
#include "model/waits_end.h"
#include "replay/replay.h"

/* So many events are stepped before it is asked again whether their transitions have room. */
#define GOLEAK_ROW 32

/* For those of a row: a usual event is good for two at most, another one, behind which it is
 * asked as well, for 16. */
static inline enum goleak_status goleak_make_room(struct goleak_replay *replay)
{
    bool full = replay->transitions.count > GOLEAK_TRANSITIONS - 2 * GOLEAK_ROW - 16;
    return full ? goleak_replay_flush(replay) : GOLEAK_OK;
}

/* Where it came from, by what its spawner is: what was told of it at its birth is told at its end, too. */
static inline uint32_t goleak_parent_site_of(const struct goleak_replay *replay, const struct goleak_record *record)
{
    if (record->parent == 0)
        return 0;
    const struct goleak_node *node = goleak_lineage_at(&replay->lineage, record->parent);
    uint32_t site = LIKELY(!node->late) || (int32_t)(record->serial - node->last_before) > 0 ? node->site : 0;
    return replay->sites.sites[site].place;
}

static inline struct goleak_detail *goleak_detail_of(const struct goleak_replay *replay,
                                                     const struct goleak_record *record)
{
    return goleak_store_detail(&replay->store, record);
}

/* 1 or 0, in whole words: narrower ones, put aside and fetched again, make the processor wait. */
static inline unsigned goleak_is_told(const struct goleak_replay *replay, const struct goleak_record *record)
{
    const unsigned flags = record->flags;
    return (~flags / GOLEAK_REC_SYSTEM & 1) | replay->include_system;
}

static inline unsigned goleak_blocked_bit(const struct goleak_record *record)
{
    const unsigned flags = record->flags;
    return flags / GOLEAK_REC_BLOCKED & 1;
}

static inline unsigned goleak_system_bit(const struct goleak_record *record)
{
    const unsigned flags = record->flags;
    return flags / GOLEAK_REC_SYSTEM & 1;
}

/* It still waits as it did when it was told as GOLEAK_T_WAS_BLOCKED. */
static inline bool goleak_was_blocked(const struct goleak_replay *replay, const struct goleak_record *record)
{
    return goleak_detail_of(replay, record)->was_blocked && record->since == replay->first_ns;
}

/* There is always room: see goleak_make_room(). */
ALWAYS_INLINE void goleak_tell(struct goleak_replay *replay, const struct goleak_record *record,
                               enum goleak_transition_kind kind, int64_t moment, int64_t since)
{
    struct goleak_transition *t = &replay->transitions.all[replay->transitions.count];
    t->moment = moment;
    t->since = since;
    t->serial = goleak_store_serial(&replay->store, record);
    t->site = record->site;
    t->parent_site = goleak_parent_site_of(replay, record);
    t->blocked = (record->flags & GOLEAK_REC_BLOCKED) != 0;
    t->preexisting = (record->flags & GOLEAK_REC_PREEXISTING) != 0;
    t->was_there = t->preexisting && goleak_detail_of(replay, record)->was_there;
    t->was_blocked = t->was_there && t->blocked && goleak_was_blocked(replay, record);
    goleak_transitions_add(&replay->transitions, kind);
}

/* The counter that the script prints leaves out who is older than the recording. */
static inline void goleak_count_blocked(struct goleak_replay *replay, const struct goleak_record *record, unsigned was,
                                        unsigned is)
{
    const unsigned older = record->flags & GOLEAK_REC_PREEXISTING;
    replay->script_blocked += ((int64_t)is - (int64_t)was) & ((int64_t)older - 1);
}

/* A wait ends, begins, or both: which of them is looked up, and what nobody waits for is
 * written and not counted. */
ALWAYS_INLINE void goleak_tell_wait(struct goleak_replay *replay, const struct goleak_record *record, int64_t moment,
                                    bool is)
{
    static const uint8_t kinds[] = {
        GOLEAK_T_UNBLOCKED,        GOLEAK_T_UNBLOCKED,        GOLEAK_T_BLOCKED, GOLEAK_T_REBLOCKED,
        GOLEAK_T_SYSTEM_UNBLOCKED, GOLEAK_T_SYSTEM_UNBLOCKED, GOLEAK_T_BLOCKED, GOLEAK_T_SYSTEM_REBLOCKED,
    };
    struct goleak_transitions *batch = &replay->transitions;
    struct goleak_transition *t = &batch->all[batch->count];
    const unsigned was = goleak_blocked_bit(record), change = was + 2 * (unsigned)is;
    t->moment = moment;
    t->site = record->site;
    t->kind = kinds[change + 4 * goleak_system_bit(record)];
    batch->count += (change != 0) & goleak_is_told(replay, record);
    goleak_count_blocked(replay, record, was, is);
}

/* It ends, and so does its wait, if it has one. */
ALWAYS_INLINE void goleak_tell_end(struct goleak_replay *replay, const struct goleak_record *record, int64_t moment)
{
    struct goleak_transitions *batch = &replay->transitions;
    struct goleak_transition *t = &batch->all[batch->count];
    const unsigned was = goleak_blocked_bit(record), told = goleak_is_told(replay, record);
    t->moment = moment;
    t->since = record->created;
    t->site = record->site;
    t->parent_site = goleak_parent_site_of(replay, record);
    t->kind = (uint8_t)(GOLEAK_T_ENDED + was + 2 * goleak_system_bit(record));
    t->preexisting = (record->flags & GOLEAK_REC_PREEXISTING) != 0;
    batch->ends[batch->end_count] = (uint8_t)batch->count;
    batch->end_count += told;
    batch->count += told;
    goleak_count_blocked(replay, record, was, false);
}

/* It is awake, if it was not; that is told, and what its wait was is kept. */
ALWAYS_INLINE void goleak_clear_park(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    if (UNLIKELY(record->index < replay->locks.locker_count) && record->reason == GOLEAK_REASON_SYNC)
        goleak_locks_woken(&replay->locks, record, moment, goleak_waits_count(&replay->waits, record));
    record->flags &= (uint16_t)~GOLEAK_REC_OF_WAIT;
    record->reason = record->raw_reason = GOLEAK_REASON_NONE;
    record->wait = GOLEAK_NO_WAIT; /* its stack stays: where it has waited last */
}

ALWAYS_INLINE void goleak_leave_park(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    goleak_waits_end(&replay->waits, record, moment);
    goleak_clear_park(replay, record, moment);
}

ALWAYS_INLINE void goleak_end_park(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    goleak_tell_wait(replay, record, moment, false);
    goleak_leave_park(replay, record, moment);
}

/* runtime.g0, which alone spawns main (rt0_go), is a static variable without a life of its own;
 * every other g lies in the heap's arenas, which are far above it where addresses have 64 bits.
 * So a spawner that has done anything itself, or lies near its goroutine, does not spawn main:
 * not that of a second process in the recording, either. */
#define GOLEAK_SAME_HEAP_BYTES ((uint64_t)4 << 30)

static inline bool goleak_spawns_others(const struct goleak_record *spawner, uint64_t g)
{
    /* Which of them spawns cannot be foreseen: no branch asks. */
    const uint64_t apart = g > spawner->g ? g - spawner->g : spawner->g - g;
    const unsigned seen = spawner->flags & GOLEAK_REC_SEEN, known = spawner->g != 0;
    const unsigned far = g > UINT32_MAX, near = apart < GOLEAK_SAME_HEAP_BYTES;
    return (seen | (known & far & near)) != 0;
}

/* A goroutine ends right after another one if less than 1/N of its life lies between, or no longer than it takes the
 * scheduler to let a few run, if that is short to its life. */
#define GOLEAK_RIGHT_AFTER 100
#define GOLEAK_RIGHT_AFTER_NS 1000000
#define GOLEAK_RIGHT_AFTER_PART 4

static inline uint64_t goleak_right_after(const struct goleak_replay *replay, uint64_t life)
{
    const uint64_t part = life / GOLEAK_RIGHT_AFTER, most = life / GOLEAK_RIGHT_AFTER_PART;
    const uint64_t short_ns = most < GOLEAK_RIGHT_AFTER_NS ? most : GOLEAK_RIGHT_AFTER_NS;
    return replay->stream.has_time && short_ns > part ? short_ns : part;
}

/* It seems to end together with another child of its spawner. */
void goleak_note_twins(struct goleak_replay *replay, const struct goleak_node *spawner, struct goleak_record *record,
                       int64_t moment, uint64_t right_after);

/* The recording tells more than the article's script does, whose rule asks nobody what became of others: where somebody
 * was started, who was woken, or what is waited on. */
static inline bool goleak_tells_more(const struct goleak_replay *replay)
{
    const struct goleak_stream *stream = &replay->stream;
    return (stream->has_wakeups | stream->has_stacks | stream->has_objects | stream->has_timers | stream->has_sites) !=
           0;
}

/* Does it end because its spawner has? Counted without a branch: which cannot be foreseen. Or with a sibling? */
static inline void goleak_note_end(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    struct goleak_node *spawner = goleak_lineage_at(&replay->lineage, record->parent);
    struct goleak_site *site = &replay->sites.sites[record->site];
    uint64_t life = (uint64_t)moment - (uint64_t)record->created, apart = (uint64_t)moment - (uint64_t)spawner->last;
    const uint64_t right_after = goleak_right_after(replay, life);
    const unsigned tied = (unsigned)!spawner->alive & (unsigned)(apart <= right_after);
    site->tied += tied;
    site->tied_after = tied != 0 && apart > site->tied_after ? apart : site->tied_after;
    site->untied += 1 - tied;
    record->flags &= (uint16_t)~GOLEAK_REC_TWIN;
    if (spawner->ended != 0 && (uint32_t)moment - spawner->ended_at <= right_after)
        goleak_note_twins(replay, spawner, record, moment, right_after);
    spawner->ended = record->index;
    spawner->ended_at = (uint32_t)moment;
}

/* It has ended, or lives again without that having been seen. */
static inline void goleak_end_lineage(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    if (GOLEAK_KEEPS_WAITS && goleak_tells_more(replay) && record->parent != 0 && record->created != GOLEAK_NO_MOMENT)
        goleak_note_end(replay, record, moment);
    if (record->flags & GOLEAK_REC_SPAWNED)
        goleak_lineage_at(&replay->lineage, goleak_detail_of(replay, record)->node)->last = moment;
    goleak_lineage_end(&replay->lineage, record, goleak_detail_of(replay, record));
}

/* The next one; its low half is never 0. */
static inline void goleak_give_serial(struct goleak_replay *replay, struct goleak_record *record)
{
    if (UNLIKELY((uint32_t)++replay->serial == 0)) {
        replay->serial++;
        replay->store.has_high = true;
    }
    record->serial = (uint32_t)replay->serial;
    if (UNLIKELY(replay->store.has_high) &&
        !goleak_store_set_high(&replay->store, record, (uint32_t)(replay->serial >> 32)))
        replay->failed = true;
}

/* A fresh incarnation in a record that may have been used before. */
static inline void goleak_begin_life(struct goleak_replay *replay, struct goleak_record *record, int64_t moment)
{
    struct goleak_detail *detail = goleak_detail_of(replay, record);
    goleak_give_serial(replay, record);
    record->created = moment;
    record->since = moment;
    record->site = 0;
    record->parent = 0;
    record->block_stack = 0;
    detail->incarnation++;
    detail->was_there = detail->was_blocked = 0;
    detail->node = detail->created_stack = 0;
    record->state = GOLEAK_STATE_RUNNABLE;
    record->reason = record->raw_reason = GOLEAK_REASON_NONE;
    record->wait = GOLEAK_NO_WAIT;
    record->flags = GOLEAK_REC_SEEN;
    goleak_waits_forget(&replay->waits, record);
}

/* The goroutine is awake, and in this state. */
void goleak_set_state(struct goleak_replay *replay, struct goleak_record *record, enum goleak_state state,
                      int64_t moment);

#define GOLEAK_TELLS_SITE (GOLEAK_HAS_GOPC | GOLEAK_HAS_START | GOLEAK_HAS_STARTPC)

/* Where it was spawned, by what the event tells of that. */
enum goleak_status goleak_set_site(struct goleak_replay *replay, struct goleak_record *record,
                                   const struct goleak_event *event);

/* When its place, and its spawner if that is told, have started one last. */
static inline void goleak_note_birth(struct goleak_replay *replay, const struct goleak_record *record, int64_t moment)
{
    if (!goleak_tells_more(replay))
        return;
    struct goleak_site *site = &replay->sites.sites[record->site];
    site->first = site->first == 0 || moment < site->first ? moment : site->first;
    site->last = moment > site->last ? moment : site->last;
    if (record->parent != 0 && moment > goleak_lineage_at(&replay->lineage, record->parent)->last)
        goleak_lineage_at(&replay->lineage, record->parent)->last = moment;
}

#define GOLEAK_TELLS_OBJECT (GOLEAK_HAS_LOCK | GOLEAK_HAS_CHAN | GOLEAK_HAS_ELEM)

/* What it waits on; 0: not told. Of a select only one of its channels is printed, and it need
 * not be the same one again. An RWMutex has a semaphore for writers and one for readers side by
 * side: who waits at either waits for one lock. */
ALWAYS_INLINE uint64_t goleak_object_of(const struct goleak_record *record, const struct goleak_event *event,
                                        uint32_t has)
{
    if ((has & GOLEAK_TELLS_OBJECT) == 0 || record->reason == GOLEAK_REASON_SELECT)
        return 0;
    uint64_t object = goleak_event_object(event, (enum goleak_reason)record->reason);
    return record->reason == GOLEAK_REASON_SYNC ? object & ~(uint64_t)7 : object;
}

/* A wait has begun that a verdict may have to explain, the one before it at this stack. The article's script tells too
 * little for that: its rule needs nothing. */
ALWAYS_INLINE void goleak_begin_wait(struct goleak_replay *replay, const struct goleak_event *event, uint32_t has,
                                     struct goleak_record *record, uint32_t stack_before)
{
    if (!GOLEAK_KEEPS_WAITS || (!replay->stream.has_wakeups && (has & (GOLEAK_TELLS_OBJECT | GOLEAK_HAS_STACK)) == 0))
        return;
    uint64_t object = goleak_object_of(record, event, has);
    replay->stream.has_objects = replay->stream.has_objects || object != 0;
    if ((record->flags & GOLEAK_REC_BLOCKED) != 0)
        goleak_waits_begin(&replay->waits, record, object);
    else
        goleak_waits_begin_nap(&replay->waits, record,
                               replay->stream.has_time ? goleak_arrival_at(replay->first_ns, record->since)
                                                       : GOLEAK_ARRIVAL_UNKNOWN,
                               record->block_stack != 0 && record->block_stack == stack_before);
}

/* Whether parks tell why. */
static inline void goleak_note_reason(struct goleak_replay *replay, enum goleak_reason reason)
{
    const bool told = reason != GOLEAK_REASON_UNKNOWN && reason != GOLEAK_REASON_NONE;
    replay->stream.tells_reasons |= told;
    replay->stream.lacks_reasons |= !told;
}

/* A timer is to end the wait, if nothing does before. */
ALWAYS_INLINE void goleak_note_until(struct goleak_replay *replay, const struct goleak_event *event, uint32_t has,
                                     struct goleak_record *record)
{
    const uint32_t tells = GOLEAK_HAS_UNTIL | GOLEAK_HAS_TIME; /* by one clock */
    if (LIKELY((has & tells) != tells))
        return;
    record->flags &= (uint16_t)~GOLEAK_REC_TIMED; /* a wait that is told twice may be told another one */
    replay->stream.has_timers =
        replay->stream.has_timers || event->until_ns > 0; /* else its timers are untold, or none */
    if (event->until_ns > event->time_ns && !goleak_store_set_until(&replay->store, record, event->until_ns))
        replay->failed = true;
}

/* A system call that lost its P meanwhile: the goroutine waits for another. */
static inline bool goleak_returns_runnable(const struct goleak_event *event)
{
    return (event->has & GOLEAK_HAS_STATUS) != 0 && event->status == 1;
}

/* ---- moments ---- */

void goleak_begin_time(struct goleak_replay *replay, int64_t first_ns);

/* Counts the event, too. */
ALWAYS_INLINE int64_t goleak_take_moment(struct goleak_replay *replay, const struct goleak_event *event)
{
    replay->event_count++;
    if ((event->has & GOLEAK_HAS_TIME) == 0)
        return replay->stream.has_time ? replay->last_ns : (int64_t)replay->event_count;
    if (UNLIKELY(replay->first_ns == GOLEAK_NONE))
        goleak_begin_time(replay, event->time_ns);
    replay->before_ns = replay->last_ns;
    replay->last_ns = event->time_ns > replay->last_ns ? event->time_ns : replay->last_ns;
    return event->time_ns;
}

/* ---- counters ---- */

/* The events of a row whose counters were compared and have not been noted: from the first one on. Most print what they
 * should; the last one that did not, of each counter, is kept with what it should have printed. */
struct goleak_counted {
    bool none;                                         /* prints any */
    const struct goleak_event *first, *live, *blocked; /* NULL: none differs */
    int64_t should_live, should_blocked;
};

/* Of those that the event tells. */
void goleak_counters_differ(struct goleak_replay *replay, const struct goleak_event *event,
                            struct goleak_counted *counted);
/* The row is over, or its event `end` takes the long way, behind which they begin anew. */
void goleak_note_printed(struct goleak_replay *replay, struct goleak_counted *counted, const struct goleak_event *end);

/* Of an event that takes the long way. */
void goleak_check_counters(struct goleak_replay *replay, const struct goleak_event *event);

#endif
