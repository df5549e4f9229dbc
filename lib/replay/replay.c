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
#include "replay/events.h"
#include "replay/process.h"
#include "replay/usual.h"

#include <string.h>

bool goleak_replay_init(struct goleak_replay *replay, struct goleak_alloc *alloc, struct goleak_symbols *symbols,
                        struct goleak_reasons *reasons, struct goleak_health_book *health)
{
    memset(replay, 0, sizeof *replay);
    replay->alloc = alloc;
    replay->symbols = symbols;
    replay->reasons = reasons;
    replay->health = health;
    replay->candidates = replay->planned_for = reasons->candidates;
    replay->plan_factor = 0x9e3779b97f4a7c15u;
    replay->first_ns = replay->last_ns = replay->before_ns = replay->found_ns = GOLEAK_NONE;
    replay->printed.count = replay->printed.blocked = GOLEAK_NONE;
    replay->printed.should_count = replay->printed.should_blocked = GOLEAK_NONE;
    goleak_lineage_init(&replay->lineage, alloc);
    goleak_waits_init(&replay->waits, &replay->store, alloc);
    goleak_locks_init(&replay->locks, alloc);
    if (!goleak_store_init(&replay->store, alloc) || !goleak_sites_init(&replay->sites, symbols, alloc) ||
        !goleak_grow(alloc, &replay->processes, &replay->process_capacity, 1, sizeof *replay->processes)) {
        goleak_replay_release(replay);
        return false;
    }
    replay->processes[0] = (struct goleak_process) { 0 };
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
    goleak_locks_release(&replay->locks);
    goleak_story_release(&replay->story, alloc);
    goleak_free(alloc, replay->processes, replay->process_capacity * sizeof *replay->processes);
    goleak_free(alloc, replay->calls, replay->call_capacity * sizeof *replay->calls);
    goleak_free(alloc, replay->call_stack, GOLEAK_FLOW_CPUS * GOLEAK_FLOW_DEPTHS * sizeof *replay->call_stack);
    goleak_ticks_release(&replay->ticks, alloc);
    replay->alloc = NULL;
}

/* What reports sum up is the place, of whatever process and caller. */
static void tell_places(struct goleak_replay *replay)
{
    const struct goleak_site *sites = replay->sites.sites;
    for (size_t i = 0; i < replay->transitions.count; i++)
        replay->transitions.all[i].site = sites[replay->transitions.all[i].site].place;
}

enum goleak_status goleak_replay_flush(struct goleak_replay *replay)
{
    struct goleak_transitions *batch = &replay->transitions;
    bool failed = replay->failed || replay->waits.failed || replay->locks.failed;
    enum goleak_status status = failed ? goleak_alloc_failure(replay->alloc) : GOLEAK_OK;
    batch->site_count = goleak_sites_count(&replay->sites);
    batch->beginning = replay->first_ns;
    if (replay->sites.parted)
        tell_places(replay);
    if (status == GOLEAK_OK && batch->count != 0 && replay->on_transitions != NULL)
        status = replay->on_transitions(replay->context, batch);
    goleak_transitions_clear(batch);
    return status;
}

/* ---- fetching ahead ----
 *
 * Once the table outgrows the cache, waiting for memory is most of the cost: slots and
 * records of a row of events are fetched before the first is stepped. Of few goroutines the
 * first slot is nearly always the right one, and all is in the cache; but which step comes
 * next cannot be foreseen, and whoever stands there wrongly has to wait for the record. */
#define FEW 4096

_Static_assert(GOLEAK_EVENT_KIND_COUNT <= 64, "kinds are bits of a word");

static inline uint64_t kind_bit(enum goleak_event_kind kind)
{
    return (uint64_t)1 << kind;
}

ALWAYS_INLINE uint64_t key_of(const struct goleak_event *event, struct goleak_tells tells)
{
    return goleak_event_key_of(event, goleak_has(event, tells));
}

/* By lists, because whether the next event is a creation cannot be foreseen. What is kept of
 * waits is read where one may end. */
ALWAYS_INLINE void fetch_ahead(struct goleak_replay *replay, const struct goleak_event *events, size_t count,
                               struct goleak_tells tells, struct goleak_found *found)
{
    const struct goleak_store *store = &replay->store;
    const struct goleak_waits *waits = &replay->waits;
    const bool numbered = tells.numbered && store->has_numbers, waited = waits->chunks.count != 0;
    uint8_t naming[GOLEAK_ROW], ending[GOLEAK_ROW], waking[GOLEAK_ROW];
    uint64_t hashes[GOLEAK_ROW], others[GOLEAK_ROW];
    uint32_t indices[GOLEAK_ROW];
    size_t names = 0, ends = 0, wakes = 0;
    struct goleak_record *const nobody = goleak_store_at(store, 0);
    const uint64_t touches = kind_bit(GOLEAK_EVENT_PARK) | kind_bit(GOLEAK_EVENT_READY) | kind_bit(GOLEAK_EVENT_END);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = goleak_store_hash(store, key_of(&events[i], tells), replay->process);
        goleak_store_prefetch_slot(store, hashes[i]);
        naming[names] = ending[ends] = (uint8_t)i;
        names += (events[i].has / GOLEAK_HAS_OTHER) & 1;
        ends += events[i].kind == GOLEAK_EVENT_END;
    }
    for (size_t i = 0; i < names; i++) {
        others[i] = goleak_store_hash(store, events[naming[i]].other_g, replay->process);
        goleak_store_prefetch_slot(store, others[i]);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t index = numbered ? goleak_store_numbered(store, key_of(&events[i], tells)) : 0;
        indices[i] = index != 0 ? index : goleak_store_seek(store, hashes[i]);
        found[i] = (struct goleak_found) { goleak_store_at(store, indices[i]), nobody,
                                           goleak_plan_of(replay, &events[i])->act };
        GOLEAK_PREFETCH(found[i].record);
    }
    if (replay->lineage.count == 0)
        ends = 0;
    for (size_t i = 0; i < ends; i++)
        GOLEAK_PREFETCH(goleak_store_detail_at(store, indices[ending[i]]));
    for (size_t i = 0; i < names; i++) {
        uint32_t index = numbered ? goleak_store_numbered(store, events[naming[i]].other_g) : 0;
        index = index != 0 ? index : goleak_store_seek(store, others[i]);
        found[naming[i]].other = goleak_store_at(store, index);
        GOLEAK_PREFETCH(found[naming[i]].other);
        GOLEAK_PREFETCH(goleak_store_detail_at(store, index));
        GOLEAK_PREFETCH(goleak_store_detail_at(store, indices[naming[i]]));
    }
    for (size_t i = 0; i < ends; i++)
        GOLEAK_PREFETCH(goleak_lineage_at(&replay->lineage, found[ending[i]].record->parent));
    for (size_t i = 0; i < ends; i++)
        GOLEAK_PREFETCH(goleak_lineage_at(&replay->lineage, goleak_store_detail_at(store, indices[ending[i]])->node));
    for (size_t i = 0; waited && i < count; i++) {
        waking[wakes] = (uint8_t)i;
        wakes += touches >> events[i].kind & 1;
    }
    for (size_t i = 0; i < wakes; i++)
        goleak_waits_prefetch(waits, found[waking[i]].record);
}

ALWAYS_INLINE void guess(const struct goleak_replay *replay, const struct goleak_event *event,
                         struct goleak_tells tells, struct goleak_found *found)
{
    found->record = goleak_guess(replay, key_of(event, tells), tells.numbered);
    found->other = goleak_guess(replay, event->other_g, tells.numbered);
}

ALWAYS_INLINE void find_few(struct goleak_replay *replay, const struct goleak_event *events, size_t count,
                            struct goleak_tells tells, struct goleak_found *found)
{
    for (size_t i = 0; i < count; i++) {
        guess(replay, &events[i], tells, &found[i]);
        found[i].act = goleak_plan_of(replay, &events[i])->act;
        GOLEAK_PREFETCH(found[i].record);
    }
}

/* ---- the loop ---- */

#define TELLS_COUNTERS (GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT)
#define TELLS_PROCESS (GOLEAK_HAS_PID | GOLEAK_HAS_TID)

/* Of each sort of recordings: the article's script, which tells no times; Go's traces; what perf and bpftrace print; and
 * all others. */
static const struct goleak_tells tells_any = { 0, 0, true };
static const struct goleak_tells tells_plain = { GOLEAK_HAS_G,
                                                 TELLS_PROCESS | GOLEAK_TELLS_OBJECT | GOLEAK_HAS_GOID |
                                                     GOLEAK_HAS_OTHER_GOID | GOLEAK_HAS_TIME | GOLEAK_HAS_UNTIL |
                                                     GOLEAK_HAS_STACK | GOLEAK_TELLS_SITE,
                                                 false };
static const struct goleak_tells tells_trace = { GOLEAK_HAS_G | GOLEAK_HAS_GOID | GOLEAK_HAS_TIME,
                                                 TELLS_PROCESS | GOLEAK_TELLS_OBJECT | TELLS_COUNTERS, true };
static const struct goleak_tells tells_probes = { GOLEAK_HAS_TIME | GOLEAK_HAS_TID, GOLEAK_HAS_PID | TELLS_COUNTERS,
                                                  false };

ALWAYS_INLINE bool is_told_so(uint32_t every, uint32_t any, struct goleak_tells tells)
{
    return (~every & tells.every) == 0 && (any & tells.none) == 0;
}

/* Only the long way asks who watches. */
static bool is_watched(const struct goleak_replay *replay)
{
    return goleak_story_is_asked(&replay->story) || replay->on_ended != NULL;
}

/* An event that is not usual, or of a goroutine that is not, or was not found yet. */
static enum goleak_status go_long(struct goleak_replay *replay, const struct goleak_event *event,
                                  const struct goleak_found *found, enum goleak_replay_mode mode,
                                  struct goleak_counted *counted)
{
    struct goleak_record *record;
    enum goleak_status status;
    if ((event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) == 0 || goleak_event_key(event) == 0) {
        goleak_note_printed(replay, counted, event);
        status = goleak_step_nobody(replay, event, goleak_take_moment(replay, event));
    } else if (!goleak_find_record(replay, event, &record)) {
        return goleak_alloc_failure(replay->alloc);
    } else {
        const struct goleak_act *act = &goleak_plan_of(replay, event)->act;
        if (record == NULL && act->way == GOLEAK_WAY_CREATE && (record = goleak_add_record(replay, event)) == NULL)
            return goleak_alloc_failure(replay->alloc);
        if (record != NULL && record != found->record && !is_watched(replay) &&
            goleak_step_usual(replay, event, tells_any, act, record, found->other, counted))
            return GOLEAK_OK;
        goleak_note_printed(replay, counted, event);
        status = goleak_step_long(replay, event, record, mode);
    }
    goleak_renew_plans(replay);
    return status == GOLEAK_OK ? goleak_make_room(replay) : status;
}

/* any: what some of them tell. */
ALWAYS_INLINE enum goleak_status run_events(struct goleak_replay *replay, const struct goleak_event *events,
                                            size_t count, enum goleak_replay_mode mode, struct goleak_tells tells,
                                            uint32_t any, size_t *done)
{
    struct goleak_found found[GOLEAK_ROW];
    struct goleak_counted counted = { .none = (any & TELLS_COUNTERS) == 0, .first = events };
    const uint16_t found_for = replay->process;
    const uint32_t planned_for = replay->planned_for;
    const bool watched = is_watched(replay);
    enum goleak_status status = GOLEAK_OK;
    size_t i = 0;
    if (replay->store.count > FEW)
        fetch_ahead(replay, events, count, tells, found);
    else
        find_few(replay, events, count, tells, found);
    for (; i < count; i++) {
        const struct goleak_event *event = &events[i];
        const uint64_t key = key_of(event, tells);
        status = goleak_process_find(replay, event, goleak_has(event, tells));
        if (UNLIKELY(status != GOLEAK_OK))
            break;
        if ((tells.none & GOLEAK_HAS_TID) == 0 && UNLIKELY(replay->process != found_for)) /* it is part of the hash */
            guess(replay, event, tells, &found[i]);
        struct goleak_record *record = found[i].record;
        if (LIKELY(record->g == key && record->process == replay->process && !watched) &&
            LIKELY(goleak_step_usual(replay, event, tells, &found[i].act, record, found[i].other, &counted)))
            continue;
        status = go_long(replay, event, &found[i], mode, &counted);
        if (UNLIKELY(status != GOLEAK_OK))
            break;
        if (UNLIKELY(replay->planned_for != planned_for))
            count = i + 1; /* what the others do is to be asked again: they are another row */
    }
    *done = i;
    goleak_note_printed(replay, &counted, &events[i]);
    return status;
}

#define RUN_AS(name, tells)                                                                                            \
    static NOINLINE enum goleak_status name(struct goleak_replay *replay, const struct goleak_event *events,           \
                                            size_t count, enum goleak_replay_mode mode, uint32_t any, size_t *done)    \
    {                                                                                                                  \
        return run_events(replay, events, count, mode, tells, any, done);                                              \
    }

RUN_AS(run_plain, tells_plain)
RUN_AS(run_trace, tells_trace)
RUN_AS(run_probes, tells_probes)
RUN_AS(run_any, tells_any)

static size_t row_of(size_t count)
{
    return count < GOLEAK_ROW ? count : GOLEAK_ROW;
}

/* more: events behind the row, which another core may have. */
static enum goleak_status run_row(struct goleak_replay *replay, const struct goleak_event *events, size_t count,
                                  size_t more, enum goleak_replay_mode mode, size_t *done)
{
    uint32_t every = UINT32_MAX, any = 0;
    enum goleak_status status = goleak_make_room(replay);
    *done = 0;
    if (status != GOLEAK_OK)
        return status;
    goleak_renew_plans(replay);
    const struct goleak_event *next = more >= count ? events + count : events;
    for (size_t i = 0; i < count; i++) {
        every &= events[i].has;
        any |= events[i].has;
        GOLEAK_PREFETCH(&next[i]);
    }
    if (is_told_so(every, any, tells_plain) && !replay->store.has_numbers)
        return run_plain(replay, events, count, mode, any, done);
    if (is_told_so(every, any, tells_trace))
        return run_trace(replay, events, count, mode, any, done);
    if (is_told_so(every, any, tells_probes) && !replay->store.has_numbers)
        return run_probes(replay, events, count, mode, any, done);
    return run_any(replay, events, count, mode, any, done);
}

enum goleak_status goleak_replay_run(struct goleak_replay *replay, const struct goleak_event *events, size_t count,
                                     enum goleak_replay_mode mode, size_t *done)
{
    enum goleak_status status = GOLEAK_OK;
    size_t at = 0, taken = 0;
    for (; at < count && status == GOLEAK_OK; at += taken) {
        const size_t row = row_of(count - at);
        status = run_row(replay, events + at, row, count - at - row, mode, &taken);
    }
    *done = at;
    return status;
}
