/* naive - see naive.h. */
#include "support/naive.h"

#include <stdlib.h>

#define SYSTEM_WAIT 10
#define FOREVER 1

struct state {
    struct naive *out;
    int64_t moment;
    bool extended, include_system;
};

static bool alive(const struct naive_life *life)
{
    return life->state != GOLEAK_STATE_ENDED;
}

static bool blocked(const struct naive_life *life)
{
    return life->state == GOLEAK_STATE_WAITING && generated_blocks(life->reason);
}

static struct naive_life *find(struct naive *naive, uint64_t g)
{
    for (size_t i = naive->count; i-- > 0;)
        if (naive->lives[i].g == g)
            return &naive->lives[i];
    return NULL;
}

static struct naive_life *add(struct naive *naive, const struct generated_event *event)
{
    const struct naive_life *before = find(naive, event->g);
    struct naive_life *life = &naive->lives[naive->count++];
    bool system = life->system; /* known from the first round */
    *life = (struct naive_life) {
        .g = event->g,
        .goid = event->goid,
        .incarnation = before != NULL ? before->incarnation + 1 : 1,
        .system = system,
    };
    return life;
}

static void named(struct state *state, uint64_t g)
{
    struct naive_life *life = g != 0 ? find(state->out, g) : NULL;
    if (life == NULL || life->state != GOLEAK_STATE_WAITING)
        return;
    life->state = GOLEAK_STATE_RUNNING;
    life->since = state->moment;
}

static struct naive_life *create(struct state *state, const struct generated_event *event)
{
    struct naive_life *before = find(state->out, event->g);
    if (before != NULL && alive(before)) {
        before->state = GOLEAK_STATE_ENDED;
        before->ended = state->moment;
    }
    struct naive_life *life = add(state->out, event);
    life->created = life->since = state->moment;
    life->state = GOLEAK_STATE_RUNNABLE;
    life->parent_g = event->other_g;
    life->parent_goid = event->other_goid;
    life->system = life->system || (state->extended && event->system);
    named(state, event->other_g);
    return life;
}

static void count(struct state *state)
{
    struct naive *naive = state->out;
    naive->created = naive->ended = naive->preexisting = naive->live = naive->blocked = 0;
    naive->leaks = naive->certain = 0;
    for (size_t i = 0; i < naive->count; i++) {
        const struct naive_life *life = &naive->lives[i];
        if (life->system && !state->include_system)
            continue;
        naive->preexisting += life->preexisting;
        naive->created += !life->preexisting;
        naive->ended += !alive(life);
        naive->live += alive(life);
        naive->blocked += blocked(life);
        bool leaks = blocked(life) && life->goid != 1;
        naive->leaks += leaks;
        naive->certain += leaks && life->reason == FOREVER;
    }
    if (naive->live > naive->peak_live) {
        naive->peak_live = naive->live;
        naive->peak_live_at = state->moment;
    }
    if (naive->blocked > naive->peak_blocked) {
        naive->peak_blocked = naive->blocked;
        naive->peak_blocked_at = state->moment;
    }
}

static void take(struct state *state, const struct generated_event *event)
{
    struct naive_life *life = find(state->out, event->g);
    if (event->kind == GENERATED_CREATE) {
        life = create(state, event);
    } else if (life == NULL || !alive(life)) {
        /* It lived all the time, and at the moment of its first event, too. */
        life = add(state->out, event);
        life->preexisting = true;
        count(state);
    }
    switch (event->kind) {
    case GENERATED_PARK:
        life->state = GOLEAK_STATE_WAITING;
        life->reason = event->reason;
        life->since = state->moment;
        life->system = life->system || event->reason == SYSTEM_WAIT;
        break;
    case GENERATED_READY:
        life->state = GOLEAK_STATE_RUNNABLE;
        life->since = state->moment;
        named(state, event->other_g);
        break;
    case GENERATED_RUN:
        life->state = GOLEAK_STATE_RUNNING;
        life->since = state->moment;
        if (life->started == 0 && !life->preexisting)
            life->started = state->moment;
        break;
    case GENERATED_END:
        life->state = GOLEAK_STATE_ENDED;
        life->ended = state->moment;
        break;
    default:
        break;
    }
}

void naive_replay(struct naive *out, const struct generated *stream, bool extended, bool include_system)
{
    *out = (struct naive) { .lives = calloc(stream->count + 1, sizeof *out->lives) };
    if (out->lives == NULL)
        abort();
    /* The first round finds out who is the runtime's; it may show late. */
    for (int round = 0; round < 2; round++) {
        struct state state = { .out = out, .extended = extended, .include_system = include_system };
        out->count = 0;
        out->peak_live = out->peak_blocked = 0;
        for (size_t i = 0; i < stream->count; i++) {
            state.moment = extended ? stream->events[i].time_ns : (int64_t)i + 1;
            take(&state, &stream->events[i]);
            count(&state);
        }
    }
}

void naive_free(struct naive *naive)
{
    free(naive->lives);
    *naive = (struct naive) { 0 };
}
