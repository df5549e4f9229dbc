/* nobody - events of no goroutine. */
#include "replay/events.h"

#include <inttypes.h>
#include <string.h>

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
        uint32_t function = replay->call_stack[cpu * GOLEAK_FLOW_DEPTHS + depth];
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
    replay->flow_ended += goleak_call_ends(function);
    bool created = goleak_call_creates(function);
    replay->flow_created += created;
    uint64_t live = replay->flow_created > replay->flow_ended ? replay->flow_created - replay->flow_ended : 0;
    if (live > replay->flow_peak) {
        replay->flow_peak = live;
        replay->flow_peak_event = (uint64_t)moment;
    }
    uint32_t cpu = event->has & GOLEAK_HAS_CPU ? event->cpu % GOLEAK_FLOW_CPUS : 0;
    if (replay->call_stack == NULL) {
        replay->call_stack =
            goleak_alloc_zeroed(replay->alloc, GOLEAK_FLOW_CPUS * GOLEAK_FLOW_DEPTHS * sizeof *replay->call_stack);
        if (replay->call_stack == NULL)
            return goleak_alloc_failure(replay->alloc);
    }
    uint32_t *frames = replay->call_stack + cpu * GOLEAK_FLOW_DEPTHS;
    frames[event->depth] = event->name;
    for (unsigned deeper = event->depth + 1u; deeper < GOLEAK_FLOW_DEPTHS && frames[deeper] != 0; deeper++)
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
    if (!goleak_sites_add(&replay->sites, 0, frame, 0, 0, &site))
        return goleak_alloc_failure(replay->alloc);
    struct goleak_record anonymous = { .site = site };
    goleak_tell(replay, &anonymous, GOLEAK_T_CREATED, moment, moment);
    return GOLEAK_OK;
}

/* Of a recorder that is started anew: whatever else recorded in between makes the gap shorter. */
static void on_recorder(struct goleak_replay *replay, const struct goleak_event *event)
{
    struct goleak_health_book *health = replay->health;
    const char *name = goleak_symbols_text(replay->symbols, event->name);
    if (strcmp(name, GOLEAK_RECORDER_KILLED) == 0)
        health->killed = true;
    if (strcmp(name, GOLEAK_RECORDER_BEGINS) != 0)
        return;
    health->cuts_elsewhere += health->killed;
    health->killed = false;
    const struct goleak_gap gap = { .from = replay->before_ns, .until = event->time_ns };
    if (gap.from != GOLEAK_NONE && goleak_between(gap.from, gap.until) >= GOLEAK_GAP_NS)
        goleak_health_note_gap(health, gap, event->position);
}

enum goleak_status goleak_step_nobody(struct goleak_replay *replay, const struct goleak_event *event, int64_t moment)
{
    uint32_t other;
    switch (event->kind) {
    case GOLEAK_EVENT_TICK:
    case GOLEAK_EVENT_COUNTERS:
        goleak_check_counters(replay, event);
        return event->kind == GOLEAK_EVENT_TICK ? on_tick(replay, event) : GOLEAK_OK;
    case GOLEAK_EVENT_CALL:
    case GOLEAK_EVENT_RETURN: return on_call(replay, event, moment);
    case GOLEAK_EVENT_SPAWN:
        return goleak_name_other(replay, event, moment, &other);
    case GOLEAK_EVENT_OBJECT:
        if (strcmp(goleak_symbols_text(replay->symbols, event->name), GOLEAK_LOCKS_EVERY) == 0)
            replay->locks.every = true;
        return GOLEAK_OK;
    case GOLEAK_EVENT_LOST:
        goleak_health_note_at(replay->health, GOLEAK_HEALTH_lost_events, event->count > 0 ? (uint64_t)event->count : 1,
                              event->position, "the recorder says that it lost %" PRId32 " events", event->count);
        return GOLEAK_OK;
    case GOLEAK_EVENT_OTHER:
        if (goleak_is_recorders(event))
            on_recorder(replay, event);
        return GOLEAK_OK;
    default: return GOLEAK_OK;
    }
}
