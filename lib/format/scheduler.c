/* scheduler - see scheduler.h. */
#include "format/gotrace_v2_rules.h"
#include "format/gotrace_v2_usual.h"

#include <inttypes.h>
#include <stdio.h>

/* So many threads may be asked in vain in a generation, by its bytes: far more than any needs
 * that a program has written. */
#define EFFORT_AT_LEAST 65536
#define EFFORT_PER_BYTE 2

bool goleak_scheduler_init(struct goleak_scheduler *scheduler, struct goleak_generation *generation)
{
    struct goleak_alloc *alloc = generation->env.alloc;
    *scheduler = (struct goleak_scheduler){ .generation = generation, .first_generation = true };
    goleak_idmap_init(&scheduler->proc_index, alloc);
    goleak_idmap_init(&scheduler->thread_index, alloc);
    bool good = goleak_trace_gs_init(&scheduler->gs, alloc);
    return goleak_v2_out_init(&scheduler->out, generation, &scheduler->gs) && good;
}

void goleak_scheduler_release(struct goleak_scheduler *scheduler)
{
    if (scheduler->generation == NULL)
        return;
    struct goleak_alloc *alloc = scheduler->generation->env.alloc;
    for (size_t i = 0; i < scheduler->thread_count; i++)
        goleak_trace_window_close(&scheduler->threads[i].window, alloc);
    goleak_v2_out_release(&scheduler->out);
    goleak_trace_gs_release(&scheduler->gs);
    goleak_idmap_release(&scheduler->proc_index);
    goleak_idmap_release(&scheduler->thread_index);
    goleak_free(alloc, scheduler->procs, scheduler->proc_capacity * sizeof *scheduler->procs);
    goleak_free(alloc, scheduler->threads, scheduler->thread_capacity * sizeof *scheduler->threads);
    goleak_free(alloc, scheduler->places, scheduler->place_capacity * sizeof *scheduler->places);
    goleak_free(alloc, scheduler->heap, scheduler->heap_capacity * sizeof *scheduler->heap);
    goleak_free(alloc, scheduler->heap_times, scheduler->time_capacity * sizeof *scheduler->heap_times);
}

const char *goleak_trace_event_name(uint8_t type)
{
    switch (type) {
#define X(id, arguments, name) \
    case id: return #name;
        GOLEAK_TRACE_EVENTS(X)
#undef X
    default: return "event";
    }
}

bool goleak_trace_begins_payload(uint8_t first)
{
    return argument_counts[first] != 0 || goleak_trace_begins_table(first);
}

/* ---- reading a thread's events ---- */

static void note_cut(struct goleak_scheduler *scheduler, const struct goleak_trace_thread *thread, const uint8_t *event)
{
    goleak_generation_damage(scheduler->generation, goleak_trace_position(thread, event),
                             "found an event that is cut by the end of its batch, or a number of more than 64 bits; "
                             "the rest of the batch was left out");
}

/* The event at `at`, any byte of which may be missing. False: the batch has no more. */
static bool read_with_care(struct goleak_scheduler *scheduler, struct goleak_trace_thread *thread, const uint8_t *at)
{
    uint64_t delta;
    if (at >= thread->end)
        return false;
    thread->event = at;
    const uint8_t *arguments = goleak_varint(at + 1, thread->end, &delta);
    if (argument_counts[*at] == 0)
        goleak_generation_damage(scheduler->generation, goleak_trace_position(thread, at),
                                 "found the event type %u, which is not known; the rest of its batch was left out",
                                 *at);
    else if (arguments == NULL)
        note_cut(scheduler, thread, at);
    else
        thread->time += delta;
    return argument_counts[*at] != 0 && arguments != NULL;
}

/* The payload of a batch of which *size bytes are there still; NULL: memory. */
static const uint8_t *read_again(struct goleak_scheduler *scheduler, struct goleak_trace_thread *thread,
                                 const struct goleak_trace_batch *batch, size_t *size)
{
    struct goleak_generation *generation = scheduler->generation;
    const uint8_t *payload =
        goleak_trace_read_again(&thread->window, &generation->env, batch->offset, batch->size, size);
    if (payload == NULL)
        generation->failure = goleak_alloc_failure(generation->env.alloc);
    else if (*size != batch->size)
        goleak_generation_damage(generation, batch->offset + *size, GOLEAK_TRACE_CHANGED);
    return payload;
}

/* The first event of the next batch that has one; false: there is none in this generation, or memory ended
 * (its `failure`). */
static bool next_batch(struct goleak_scheduler *scheduler, struct goleak_trace_thread *thread)
{
    while (thread->first != 0) {
        const struct goleak_trace_batch *batch = &scheduler->generation->batches[thread->first - 1];
        size_t size = batch->size;
        const uint8_t *payload = batch->at != GOLEAK_NOT_KEPT
                                     ? (const uint8_t *)scheduler->generation->bytes.data + batch->at
                                     : read_again(scheduler, thread, batch, &size);
        if (payload == NULL)
            break;
        thread->first = batch->next;
        thread->end = payload + size;
        thread->time = batch->time;
        thread->position_of_0 = batch->offset - (uint64_t)(uintptr_t)payload;
        if (size != 0 && read_with_care(scheduler, thread, payload))
            return true;
    }
    goleak_trace_window_close(&thread->window, scheduler->generation->env.alloc);
    return false;
}

static bool next_with_care(struct goleak_scheduler *scheduler, struct goleak_trace_thread *thread, const uint8_t *at)
{
    return read_with_care(scheduler, thread, at) || next_batch(scheduler, thread);
}

/* ---- the heap of threads ---- */

/* Fills the gap at this place with what belongs below; `time` of `thread` goes where it ends. */
static inline void sift_down(struct goleak_scheduler *scheduler, size_t at, uint64_t time, uint32_t thread)
{
    uint64_t *times = scheduler->heap_times;
    uint32_t *threads = scheduler->heap;
    for (size_t child;; at = child) {
        child = 2 * at + 1;
        child += times[child + 1] < times[child];
        if (times[child] >= time)
            break;
        times[at] = times[child];
        threads[at] = threads[child];
    }
    times[at] = time;
    threads[at] = thread;
}

static size_t sift_up(struct goleak_scheduler *scheduler, size_t at, uint64_t time, uint32_t thread)
{
    for (size_t parent; at > 0 && time < scheduler->heap_times[parent = (at - 1) / 2]; at = parent) {
        scheduler->heap_times[at] = scheduler->heap_times[parent];
        scheduler->heap[at] = scheduler->heap[parent];
    }
    scheduler->heap_times[at] = time;
    scheduler->heap[at] = thread;
    return at;
}

/* The time up to which the first one stays it. */
static inline uint64_t time_behind_first(const struct goleak_scheduler *scheduler)
{
    const uint64_t *times = scheduler->heap_times;
    return times[2] < times[1] ? times[2] : times[1];
}

/* The thread at this place has another event. */
static void move(struct goleak_scheduler *scheduler, size_t place)
{
    uint32_t thread = scheduler->heap[place];
    uint64_t time = scheduler->threads[thread].time;
    sift_down(scheduler, sift_up(scheduler, place, time, thread), time, thread); /* a damaged one's time may go back */
}

/* … or none. */
static void leave(struct goleak_scheduler *scheduler, size_t place)
{
    size_t last = --scheduler->heap_count;
    uint32_t thread = scheduler->heap[last];
    uint64_t time = scheduler->heap_times[last];
    scheduler->heap_times[last] = UINT64_MAX;
    if (place != last)
        sift_down(scheduler, sift_up(scheduler, place, time, thread), time, thread);
}

/* The thread at this place has had its event; behind that it goes on. */
static enum goleak_status go_to_next(struct goleak_scheduler *scheduler, struct goleak_trace_thread *thread,
                                     const uint8_t *behind, size_t place)
{
    if (next_with_care(scheduler, thread, behind))
        move(scheduler, place);
    else
        leave(scheduler, place);
    return scheduler->generation->failure;
}

/* Room for all threads, and for what seem to be children of the last ones: they are never
 * earlier than anybody. */
static bool make_heap(struct goleak_scheduler *scheduler)
{
    struct goleak_alloc *alloc = scheduler->generation->env.alloc;
    size_t times = 2 * scheduler->thread_count + 3;
    scheduler->heap_count = 0;
    if (!goleak_grow(alloc, &scheduler->heap, &scheduler->heap_capacity, scheduler->thread_count + 1,
                     sizeof *scheduler->heap) ||
        !goleak_grow(alloc, &scheduler->heap_times, &scheduler->time_capacity, times, sizeof *scheduler->heap_times))
        return false;
    for (size_t i = 0; i < times; i++)
        scheduler->heap_times[i] = UINT64_MAX;
    return true;
}

/* Chains each thread's batches, in the order of the file. */
static bool collect(struct goleak_scheduler *scheduler)
{
    struct goleak_generation *generation = scheduler->generation;
    for (size_t i = 0; i < scheduler->thread_count; i++)
        scheduler->threads[i].first = scheduler->threads[i].last = 0;
    for (size_t i = 0; i < generation->batch_count; i++) {
        struct goleak_trace_batch *batch = &generation->batches[i];
        batch->next = 0;
        if (batch->size == 0)
            continue;
        uint32_t index = thread_of(scheduler, batch->m);
        if (index == 0)
            return false;
        struct goleak_trace_thread *thread = &scheduler->threads[index - 1];
        if (thread->last != 0)
            generation->batches[thread->last - 1].next = (uint32_t)i + 1;
        else
            thread->first = (uint32_t)i + 1;
        thread->last = (uint32_t)i + 1;
    }
    if (!make_heap(scheduler))
        return false;
    for (size_t i = 0; i < scheduler->thread_count; i++) {
        struct goleak_trace_thread *thread = &scheduler->threads[i];
        if (next_batch(scheduler, thread))
            sift_up(scheduler, scheduler->heap_count++, thread->time, (uint32_t)i);
        else if (generation->failure != GOLEAK_OK)
            return false;
    }
    return true;
}

/* ---- who can go, where the earliest cannot ---- */

static void begin(struct goleak_scheduler *scheduler, struct step *step, size_t place)
{
    step->thread = &scheduler->threads[scheduler->heap[place]];
    step->latest = UINT64_MAX;
    step->problem = NULL;
}

/* The places of the heap that are asked next, the earliest first: a heap of their own. */
static bool is_before(const struct goleak_scheduler *scheduler, uint32_t a, uint32_t b)
{
    uint64_t x = scheduler->heap_times[a], y = scheduler->heap_times[b];
    return x != y ? x < y : a < b;
}

static void put_place(struct goleak_scheduler *scheduler, size_t *count, uint32_t place)
{
    uint32_t *places = scheduler->places;
    size_t at = (*count)++;
    for (size_t parent; at > 0 && is_before(scheduler, place, places[parent = (at - 1) / 2]); at = parent)
        places[at] = places[parent];
    places[at] = place;
}

static uint32_t take_place(struct goleak_scheduler *scheduler, size_t *count)
{
    uint32_t *places = scheduler->places, first = places[0], last = places[--*count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < *count; at = child) {
        child += child + 1 < *count && is_before(scheduler, places[child + 1], places[child]);
        if (!is_before(scheduler, places[child], last))
            break;
        places[at] = places[child];
    }
    places[at] = last;
    return first;
}

/* The first thread behind the earliest one, by time, whose event can be; its place in the
 * heap. Where nobody can go, the earliest one is to be forced. */
static enum verdict choose(struct step *step, size_t *place)
{
    struct goleak_scheduler *scheduler = step->scheduler;
    size_t count = 0;
    if (!goleak_grow(scheduler->generation->env.alloc, &scheduler->places, &scheduler->place_capacity,
                     scheduler->heap_count + 1, sizeof *scheduler->places))
        return FAILED;
    put_place(scheduler, &count, 0);
    while (count != 0) {
        *place = take_place(scheduler, &count);
        for (size_t child = 2 * *place + 1; child <= 2 * *place + 2 && child < scheduler->heap_count; child++)
            put_place(scheduler, &count, (uint32_t)child);
        if (*place == 0) /* it was asked already */
            continue;
        if (scheduler->effort == 0)
            break;
        scheduler->effort--;
        begin(scheduler, step, *place);
        /* What is of no thread was written at the generation's end, and true all along. */
        if (step->thread->id == GOLEAK_TRACE_NO_ID)
            step->latest = scheduler->heap_times[0];
        enum verdict verdict = take_step(step);
        if (verdict != NOT_YET)
            return verdict;
    }
    *place = 0;
    begin(scheduler, step, 0);
    return NOT_YET;
}

/* "GoStart of goroutine 5 on thread 7", "ProcStatus 9 of P 0 on no thread" */
static void describe(struct step *step, char text[160])
{
    const struct goleak_trace_thread *thread = step->thread;
    const uint64_t *argument = step->argument;
    char status[24] = "", whose[48] = "", where[32] = "no thread";
    uint8_t type = *thread->event;
    read_arguments(step, argument_counts[type] - 1u);
    switch (type) {
    case GOLEAK_TRACE_ProcStatus:
        snprintf(status, sizeof status, " %" PRIu64, argument[1]);
        /* fall through */
    case GOLEAK_TRACE_ProcStart:
    case GOLEAK_TRACE_ProcSteal: snprintf(whose, sizeof whose, " of P %" PRIu64, argument[0]); break;
    case GOLEAK_TRACE_GoStatus:
    case GOLEAK_TRACE_GoStatusStack:
        snprintf(status, sizeof status, " %" PRIu64, argument[2]);
        /* fall through */
    case GOLEAK_TRACE_GoCreate:
    case GOLEAK_TRACE_GoCreateSyscall:
    case GOLEAK_TRACE_GoCreateBlocked:
    case GOLEAK_TRACE_GoStart:
    case GOLEAK_TRACE_GoUnblock:
    case GOLEAK_TRACE_GoSwitch:
    case GOLEAK_TRACE_GoSwitchDestroy: snprintf(whose, sizeof whose, " of goroutine %" PRIu64, argument[0]); break;
    default:
        if (thread->g != 0)
            snprintf(whose, sizeof whose, " of goroutine %" PRIu64, g_at(step, thread->g)->goid);
    }
    if (thread->id != GOLEAK_TRACE_NO_ID)
        snprintf(where, sizeof where, "thread %" PRIu64, thread->id);
    snprintf(text, 160, "%s%s%s on %s", goleak_trace_event_name(type), status, whose, where);
}

/* In which states those are that are untold. */
static enum goleak_status tell_untold(struct goleak_scheduler *scheduler)
{
    struct goleak_trace_gs *gs = &scheduler->gs;
    enum goleak_status status = GOLEAK_OK;
    for (size_t i = 0; i < scheduler->thread_count && status == GOLEAK_OK; i++) {
        const struct goleak_trace_thread *thread = &scheduler->threads[i];
        if (thread->g != 0 && gs->gs[thread->g].untold)
            status = goleak_v2_tell_state(&scheduler->out, thread->g, &thread->since);
    }
    for (uint32_t slot = 1; slot < gs->count && status == GOLEAK_OK; slot++)
        if (goleak_trace_gs_untold(gs, slot) != NULL)
            status = goleak_v2_tell_state(&scheduler->out, slot, goleak_trace_gs_untold(gs, slot));
    return status;
}

/* Who is forced may be in another state than is told: from here on nothing is left untold. */
static enum goleak_status tell_all(struct goleak_scheduler *scheduler)
{
    bool *waits_only = &scheduler->generation->env.waits_only;
    if (!*waits_only)
        return GOLEAK_OK;
    *waits_only = false;
    enum goleak_status status = tell_untold(scheduler);
    goleak_trace_gs_speak(&scheduler->gs);
    return status;
}

/* It says how things are. */
static bool is_status(uint8_t type)
{
    return type == GOLEAK_TRACE_GoStatus || type == GOLEAK_TRACE_GoStatusStack || type == GOLEAK_TRACE_ProcStatus;
}

/* Nothing can be next: this one goes, whatever the rules say. */
static enum verdict force(struct step *step)
{
    struct goleak_scheduler *scheduler = step->scheduler;
    const struct goleak_trace_thread *thread = step->thread;
    const char *expected = step->problem != NULL     ? step->problem
                           : scheduler->effort == 0 ? "what must happen before it, after so much that is out of order"
                                                    : "what must happen before it in some other thread";
    struct goleak_health_book *health = scheduler->generation->env.health;
    char found[160] = "";
    if (health->entries[GOLEAK_HEALTH_broken_order].count == 0) /* only of the first one it is told */
        describe(step, found);
    goleak_health_note(health, GOLEAK_HEALTH_broken_order, 1, 0, 0, goleak_trace_position(thread, thread->event),
                       "found %s, expected %s", found, expected);
    step->force = true;
    enum verdict verdict = take_step(step);
    step->force = false;
    return verdict;
}

/* The earliest one's event was not taken: some other, or it all the same. */
static enum goleak_status go_on(struct goleak_scheduler *scheduler, struct step step, enum verdict verdict)
{
    size_t place = 0;
    if (verdict == NOT_YET)
        verdict = choose(&step, &place);
    if (verdict == NOT_YET || verdict == NEVER) {
        enum goleak_status status = tell_all(scheduler);
        if (status != GOLEAK_OK)
            return status;
        scheduler->misfits = scheduler->misfits || !is_status(*step.thread->event);
        verdict = force(&step);
    }
    if (verdict == FAILED)
        return goleak_alloc_failure(scheduler->generation->env.alloc);
    if (verdict == DAMAGED) {
        note_cut(scheduler, step.thread, step.thread->event);
        step.behind = step.thread->end;
    }
    return go_to_next(scheduler, step.thread, step.behind, place);
}

/* ---- the run ---- */

/* Behind a time of less than that, the next one of what is usual has 64 bits. */
#define TIME_CALM (UINT64_MAX - USUAL_DELTA_MAX)

/* At this time the earliest thread goes on. Samples that are due are told before. True: up to
 * calm_end none is due, the clock is near, and no time falls behind what was told. */
static bool is_calm(struct goleak_scheduler *scheduler, uint64_t time, enum goleak_status *status)
{
    struct goleak_v2_out *out = &scheduler->out;
    const struct goleak_tickclock *clock = &out->clock;
    goleak_v2_set_clock(out);
    scheduler->calm_end = 0;
    if (time >= out->due)
        *status = goleak_v2_samples(out, time);
    uint64_t ticks = time - clock->base, end = out->due < TIME_CALM ? out->due : TIME_CALM;
    if (*status != GOLEAK_OK || ticks >= clock->reach || time >= end ||
        goleak_tickclock_near(clock, ticks) < clock->last_ns)
        return false;
    uint64_t rest = end - time, reach = clock->reach - ticks;
    scheduler->calm_end = time + (rest < reach ? rest : reach);
    return true;
}

/* What of the earliest thread's events is not usual: one of them, or what is due before it. */
NOINLINE static enum goleak_status go_slowly(struct goleak_scheduler *scheduler, struct step *step,
                                             const uint8_t *behind)
{
    struct goleak_v2_out *out = &scheduler->out;
    scheduler->calm_end = 0;
    goleak_v2_set_clock(out);
    begin(scheduler, step, 0);
    if (behind == NULL) {
        enum goleak_status status = goleak_v2_is_full(out) ? goleak_v2_push(out) : GOLEAK_OK;
        if (status != GOLEAK_OK)
            return status;
        enum verdict verdict = take_step(step);
        if (verdict != READY)
            return go_on(scheduler, *step, verdict);
        behind = step->behind;
    }
    return go_to_next(scheduler, step->thread, behind, 0);
}

enum goleak_status goleak_scheduler_run(struct goleak_scheduler *scheduler, uint64_t frequency, uint64_t size)
{
    const struct goleak_generation *generation = scheduler->generation;
    struct step step = { .scheduler = scheduler, .latest = UINT64_MAX };
    enum goleak_status status = GOLEAK_OK;
    scheduler->gen = scheduler->gen == UINT16_MAX ? 1 : (uint16_t)(scheduler->gen + 1);
    scheduler->effort = (size + EFFORT_AT_LEAST) * EFFORT_PER_BYTE;
    scheduler->calm_end = 0;
    scheduler->misfits = false;
    scheduler->may_walk += size;
    goleak_v2_out_begin(&scheduler->out, frequency);
    if (!collect(scheduler))
        return generation->failure != GOLEAK_OK ? generation->failure : goleak_alloc_failure(generation->env.alloc);
    while (status == GOLEAK_OK && scheduler->heap_count != 0) {
        uint32_t index = scheduler->heap[0];
        struct goleak_trace_thread *thread = &scheduler->threads[index];
        const uint8_t *behind = NULL;
        if (LIKELY(thread->time < scheduler->calm_end) || is_calm(scheduler, thread->time, &status)) {
            uint64_t until = time_behind_first(scheduler);
            until = until < scheduler->calm_end ? until : scheduler->calm_end - 1;
            behind = run_usual(scheduler, thread, until);
            if (LIKELY(behind == NULL && thread->time > until)) {
                sift_down(scheduler, 0, thread->time, index);
                continue;
            }
        }
        if (status == GOLEAK_OK)
            status = go_slowly(scheduler, &step, behind);
    }
    goleak_v2_set_clock(&scheduler->out);
    scheduler->first_generation = false;
    return status == GOLEAK_OK ? goleak_v2_samples(&scheduler->out, UINT64_MAX) : status;
}

enum goleak_status goleak_scheduler_end_missing(struct goleak_scheduler *scheduler, bool *done)
{
    struct goleak_v2_out *out = &scheduler->out;
    struct goleak_generation *generation = scheduler->generation;
    const struct goleak_v2_when when = { 0, generation->offset };
    *done = !scheduler->misfits && scheduler->may_walk >= scheduler->gs.count;
    if (!*done)
        return GOLEAK_OK;
    scheduler->may_walk -= scheduler->gs.count;
    enum goleak_status status = tell_all(scheduler);
    uint64_t missing = 0, first = 0;
    for (uint32_t slot = 1; slot < scheduler->gs.count && status == GOLEAK_OK; slot++) {
        const struct goleak_trace_g *g = &scheduler->gs.gs[slot];
        if (!g->lives || g->gen == scheduler->gen)
            continue;
        status = goleak_v2_is_full(out) ? goleak_v2_push(out) : GOLEAK_OK;
        if (status != GOLEAK_OK)
            break;
        first = missing++ == 0 ? g->goid : first;
        goleak_v2_of(out, when, slot, GOLEAK_EVENT_END, 0, 0)->time_ns = out->clock.last_ns;
        goleak_trace_gs_remove(&scheduler->gs, slot);
    }
    for (size_t i = 0; i < scheduler->thread_count && missing != 0; i++)
        if (!scheduler->gs.gs[scheduler->threads[i].g].lives)
            scheduler->threads[i].g = 0;
    if (missing != 0)
        goleak_health_note(generation->env.health, GOLEAK_HEALTH_implicit_ends, missing, 0, 0, generation->offset,
                           "found no goroutine %" PRIu64 " in generation %" PRIu64
                           ", expected its end before: that was lost",
                           first, generation->number);
    return status;
}

enum goleak_status goleak_scheduler_finish(struct goleak_scheduler *scheduler)
{
    enum goleak_status status = tell_untold(scheduler);
    return status == GOLEAK_OK ? goleak_v2_tell_end(&scheduler->out) : status;
}
