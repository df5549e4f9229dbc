/* life - see life.h. */
#include "replay/life.h"

#include <inttypes.h>
#include <string.h>

void goleak_set_state(struct goleak_replay *replay, struct goleak_record *record, enum goleak_state state,
                      int64_t moment)
{
    if (record->state == GOLEAK_STATE_WAITING)
        goleak_end_park(replay, record, moment);
    record->state = (uint8_t)state;
    record->since = moment;
}

/* Where the go statement stands: by the creation stack, else by its address. */
static bool find_created_at(struct goleak_replay *replay, struct goleak_record *record,
                            const struct goleak_event *event, uint32_t *frame, uint32_t *caller)
{
    bool has_pc = (event->has & GOLEAK_HAS_GOPC) && event->gopc != 0;
    *frame = *caller = 0;
    if (event->has & GOLEAK_HAS_STACK) {
        goleak_detail_of(replay, record)->created_stack = event->stack;
        if (has_pc && event->stack != 0)
            goleak_symbols_tell_gopc(replay->symbols, event->stack, event->gopc);
        *frame = goleak_symbols_created_at(replay->symbols, event->stack);
        *caller = goleak_symbols_created_for(replay->symbols, event->stack);
    }
    if (!has_pc)
        return true;
    bool named = goleak_symbols_frame_function(replay->symbols, *frame)[0] != '\0';
    *frame = goleak_sites_place(&replay->sites, event->gopc, named ? *frame : 0);
    return *frame != 0;
}

enum goleak_status goleak_set_site(struct goleak_replay *replay, struct goleak_record *record,
                                   const struct goleak_event *event)
{
    uint32_t created_at, caller, start = event->has & GOLEAK_HAS_START ? event->name : 0;
    if (start == 0 && (event->has & GOLEAK_HAS_STARTPC) && event->startpc != 0)
        if ((start = goleak_symbols_start(replay->symbols, event->startpc)) == 0)
            return goleak_alloc_failure(replay->alloc);
    if (!find_created_at(replay, record, event, &created_at, &caller) ||
        !goleak_sites_add(&replay->sites, record->process, created_at, caller, start, &record->site))
        return goleak_alloc_failure(replay->alloc);
    replay->stream.has_sites |= record->site != 0;
    return GOLEAK_OK;
}

/* ---- ends ---- */

/* Of three that end together each has two twins: which one is there first is chance. Each is counted once. */
static void note_twin(struct goleak_sites *sites, struct goleak_record *record, uint32_t twin)
{
    struct goleak_site *own = &sites->sites[record->site];
    if (own->twins == 0)
        own->twin[0] = own->twin[1] = twin;
    else if (own->twin[0] == own->twin[1])
        own->twin[1] = twin;
    if ((record->flags & GOLEAK_REC_TWIN) != 0 || (twin != own->twin[0] && twin != own->twin[1]))
        return;
    record->flags |= GOLEAK_REC_TWIN;
    own->twins++;
}

/* The other one is known by its record alone, which may be another goroutine's by now. */
void goleak_note_twins(struct goleak_replay *replay, const struct goleak_node *spawner, struct goleak_record *record,
                       int64_t moment, uint64_t right_after)
{
    struct goleak_record *other = goleak_store_at(&replay->store, spawner->ended);
    uint64_t apart = (uint64_t)moment - (uint64_t)other->since;
    if (other == record || other->state != GOLEAK_STATE_ENDED || (uint32_t)other->since != spawner->ended_at ||
        apart > right_after || other->process != record->process || other->site == record->site)
        return;
    note_twin(&replay->sites, record, other->site);
    note_twin(&replay->sites, other, record->site);
}

/* ---- moments ---- */

/* The first time that is told, behind events without: what they numbered as moments
 * is from before this time, and no more is known of it. */
void goleak_begin_time(struct goleak_replay *replay, int64_t first_ns)
{
    replay->first_ns = replay->last_ns = first_ns;
    replay->stream.has_time = true;
    for (uint32_t site = 0; site < goleak_sites_count(&replay->sites); site++)
        if (replay->sites.sites[site].last != 0)
            replay->sites.sites[site].first = replay->sites.sites[site].last = first_ns;
    for (uint32_t node = 0; node < replay->lineage.count; node++)
        if (goleak_lineage_at(&replay->lineage, node)->last != 0)
            goleak_lineage_at(&replay->lineage, node)->last = first_ns;
    for (uint32_t i = 1; i <= replay->store.count; i++) {
        struct goleak_record *record = goleak_store_at(&replay->store, i);
        record->created = record->created != GOLEAK_NO_MOMENT ? first_ns : GOLEAK_NO_MOMENT;
        if (goleak_store_started(record) != GOLEAK_NO_MOMENT)
            goleak_store_starts(record)[i % GOLEAK_RECORD_CHUNK] = first_ns;
        record->since = record->since != GOLEAK_NO_MOMENT ? first_ns : GOLEAK_NO_MOMENT;
    }
}

/* ---- counters ---- */

/* Says so of the first one; real streams drift on every line. */
static void tell_difference(struct goleak_replay *replay, const struct goleak_event *event)
{
    bool has_blocked = (event->has & GOLEAK_HAS_BLOCKED_COUNT) != 0;
    if (replay->store.count == 0) /* nothing to compare with: the script may print its counters alone */
        return;
    if (!goleak_health_is_first(replay->health, GOLEAK_HEALTH_counter_mismatch)) {
        replay->health->entries[GOLEAK_HEALTH_counter_mismatch].count++;
        return;
    }
    if (has_blocked && event->blocked_count != replay->script_blocked)
        goleak_health_note_at(replay->health, GOLEAK_HEALTH_counter_mismatch, 1, event->position,
                              "blocked_count=%" PRId32 " is printed where %" PRId64 " are blocked",
                              event->blocked_count, replay->script_blocked);
    else
        goleak_health_note_at(replay->health, GOLEAK_HEALTH_counter_mismatch, 1, event->position,
                              "count=%" PRId32 " is printed where %" PRId64 " live", event->count, replay->script_live);
}

void goleak_counters_differ(struct goleak_replay *replay, const struct goleak_event *event,
                            struct goleak_counted *counted)
{
    const bool live = (event->has & GOLEAK_HAS_COUNT) && event->count != replay->script_live;
    const bool blocked = (event->has & GOLEAK_HAS_BLOCKED_COUNT) && event->blocked_count != replay->script_blocked;
    if (live) {
        counted->live = event;
        counted->should_live = replay->script_live;
    }
    if (blocked) {
        counted->blocked = event;
        counted->should_blocked = replay->script_blocked;
    }
    if (live || blocked)
        tell_difference(replay, event);
}

/* The last one that has this counter; NULL: none has. */
static const struct goleak_event *last_with(const struct goleak_counted *counted, const struct goleak_event *end,
                                            uint32_t counter)
{
    while (end > counted->first)
        if ((--end)->has & counter)
            return end;
    return NULL;
}

void goleak_note_printed(struct goleak_replay *replay, struct goleak_counted *counted, const struct goleak_event *end)
{
    if (counted->none)
        return;
    struct goleak_printed *printed = &replay->printed;
    const struct goleak_event *live = last_with(counted, end, GOLEAK_HAS_COUNT),
                              *blocked = last_with(counted, end, GOLEAK_HAS_BLOCKED_COUNT);
    if (live != NULL) {
        printed->count = live->count;
        printed->should_count = live == counted->live ? counted->should_live : live->count;
    }
    if (blocked != NULL) {
        printed->blocked = blocked->blocked_count;
        printed->should_blocked = blocked == counted->blocked ? counted->should_blocked : blocked->blocked_count;
        replay->stream.tells_blocking = true;
    }
    if (live != NULL || blocked != NULL) {
        replay->stream.counted = true;
        printed->position = live > blocked ? live->position : blocked->position;
    }
    *counted = (struct goleak_counted) { .first = end + 1 };
}

void goleak_check_counters(struct goleak_replay *replay, const struct goleak_event *event)
{
    struct goleak_counted counted = { .first = event };
    goleak_counters_differ(replay, event, &counted);
    goleak_note_printed(replay, &counted, event + 1);
}
