/* generate - see generate.h. */
#include "support/generate.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES 64
#define CPUS 8
#define FIRST_G UINT64_C(0xc000102000)
#define G_BYTES UINT64_C(0x1c0)
#define G0 UINT64_C(0xad2a40) /* runtime.g0, which spawns main */

/* splitmix64: any seed is good. */
uint64_t generate_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

size_t generate_below(uint64_t *state, size_t limit)
{
    return (size_t)(generate_random(state) % limit);
}

/* ---- the scheduler ---------------------------------------------------------- */

enum state { STATE_FREE, STATE_RUNNABLE, STATE_RUNNING, STATE_WAITING };

struct goroutine {
    enum state state;
    uint64_t g, goid;
    unsigned reason;
    bool system;
};

#define MAIN 0 /* its place among the goroutines; the others are addresses + 1 */

struct world {
    struct generate_options options;
    uint64_t random;
    struct goroutine all[ADDRESSES + 1];
    unsigned free_list[ADDRESSES], free_count;
    int current[CPUS]; /* a place in `all`; -1: idle */
    unsigned cpu;
    uint64_t goid;
    int64_t now_ns;
    int count, blocked_count;
    struct generated *out;
};

bool generated_blocks(unsigned reason)
{
    return reason == 1 || (reason >= 3 && reason <= 7);
}

static size_t below(struct world *world, size_t limit)
{
    return generate_below(&world->random, limit);
}

static struct generated_event *emit(struct world *world, enum generated_kind kind, unsigned who)
{
    const struct goroutine *one = &world->all[who];
    struct generated_event *event = &world->out->events[world->out->count++];
    world->now_ns += 1 + (int64_t)below(world, 5000);
    *event = (struct generated_event) {
        .kind = kind,
        .g = one->g,
        .goid = one->goid,
        .time_ns = world->now_ns,
        .cpu = world->cpu,
        .count = world->count,
        .blocked_count = world->blocked_count,
        .system = one->system,
    };
    return event;
}

/* A random goroutine in this state; -1: there is none. */
static int pick(struct world *world, enum state state)
{
    int found[ADDRESSES + 1];
    size_t count = 0;
    for (unsigned i = 0; i <= world->options.addresses; i++)
        if (world->all[i].state == state)
            found[count++] = (int)i;
    return count != 0 ? found[below(world, count)] : -1;
}

/* The article's counters know nothing of the main goroutine. */
static void wake(struct world *world, unsigned who)
{
    if (who != MAIN && world->all[who].state == STATE_WAITING && generated_blocks(world->all[who].reason))
        world->blocked_count--;
}

static void spawn(struct world *world, unsigned parent)
{
    if (world->free_count == 0)
        return;
    unsigned who = world->free_list[--world->free_count];
    struct goroutine *one = &world->all[who];
    one->state = STATE_RUNNABLE;
    one->goid = ++world->goid;
    one->system = world->options.system && below(world, 8) == 0;
    world->count++;
    struct generated_event *event = emit(world, GENERATED_CREATE, who);
    event->other_g = world->all[parent].g;
    event->other_goid = world->all[parent].goid;
}

static void park(struct world *world, unsigned who)
{
    static const struct {
        unsigned reason, wait;
    } pairs[] = { { 7, 19 }, { 6, 20 }, { 3, 18 }, { 14, 14 }, { 2, 3 }, { 1, 16 } };
    struct goroutine *one = &world->all[who];
    /* forever is for ever: nobody wakes it, so it is rare */
    size_t at = below(world, 40) == 0 && who != MAIN ? 5 : below(world, 5);
    unsigned reason = one->system ? 10 : pairs[at].reason, wait = one->system ? 11 : pairs[at].wait;
    one->state = STATE_WAITING;
    one->reason = reason;
    if (who != MAIN && generated_blocks(reason))
        world->blocked_count++;
    world->current[world->cpu] = -1;
    struct generated_event *event = emit(world, GENERATED_PARK, who);
    event->reason = reason;
    event->wait = wait;
}

static void end(struct world *world, unsigned who)
{
    if (who == MAIN || world->all[who].system)
        return;
    world->count--;
    emit(world, GENERATED_END, who);
    world->all[who].state = STATE_FREE;
    world->free_list[world->free_count++] = who;
    world->current[world->cpu] = -1;
}

/* Somebody who waits for something that ends; the waker is -1 for a timer. */
static void ready(struct world *world, int waker)
{
    int who = pick(world, STATE_WAITING);
    if (who < 0 || world->all[who].reason == 1 || world->all[who].reason == 2)
        return;
    wake(world, (unsigned)who);
    world->all[who].state = STATE_RUNNABLE;
    struct generated_event *event = emit(world, GENERATED_READY, (unsigned)who);
    if (waker >= 0) {
        event->other_g = world->all[waker].g;
        event->other_goid = world->all[waker].goid;
    }
}

/* The CPU takes a runnable goroutine, or one whose bytes have come: the network
 * poller puts it on a list without calling ready. */
static void run(struct world *world)
{
    int who = pick(world, below(world, 6) == 0 ? STATE_WAITING : STATE_RUNNABLE);
    if (who < 0 || (world->all[who].state == STATE_WAITING && world->all[who].reason != 2)) {
        ready(world, -1);
        return;
    }
    wake(world, (unsigned)who);
    world->all[who].state = STATE_RUNNING;
    world->current[world->cpu] = who;
    emit(world, GENERATED_RUN, (unsigned)who);
}

static void step(struct world *world)
{
    if (below(world, 4) == 0)
        world->cpu = (unsigned)below(world, world->options.cpus);
    int current = world->current[world->cpu];
    if (current < 0) {
        run(world);
        return;
    }
    size_t dice = below(world, 100);
    unsigned who = (unsigned)current;
    if (dice < 30 && !world->all[who].system)
        spawn(world, who);
    else if (dice < 55 || world->all[who].system)
        park(world, who);
    else if (dice < 72)
        end(world, who);
    else if (dice < 95)
        ready(world, current);
    else { /* preempted: nothing is printed */
        world->all[who].state = STATE_RUNNABLE;
        world->current[world->cpu] = -1;
    }
}

void generate(struct generated *out, const struct generate_options *options)
{
    struct world world = { .options = *options, .random = options->seed, .goid = 1, .out = out };
    assert(options->addresses <= ADDRESSES && options->cpus <= CPUS && options->cpus > 0);
    out->count = 0;
    /* No step emits more than one event. */
    out->events = calloc(options->events + 1, sizeof *out->events);
    if (out->events == NULL)
        abort();
    world.now_ns = INT64_C(1597642530215) + (int64_t)below(&world, 1000000);
    world.all[MAIN] = (struct goroutine) { .state = STATE_RUNNABLE, .g = GENERATED_MAIN, .goid = 1 };
    for (unsigned i = options->addresses; i > 0; i--) {
        world.all[i].g = FIRST_G + (i - 1) * G_BYTES;
        world.free_list[world.free_count++] = i;
    }
    for (unsigned i = 0; i < CPUS; i++)
        world.current[i] = -1;
    emit(&world, GENERATED_CREATE, MAIN)->other_g = G0;
    for (size_t tries = 0; out->count < options->events && tries < 20 * options->events; tries++)
        step(&world);
}

void generated_free(struct generated *stream)
{
    free(stream->events);
    *stream = (struct generated) { 0 };
}

void generated_keep_full(struct generated *stream)
{
    size_t kept = 0;
    for (size_t i = 0; i < stream->count; i++) {
        const struct generated_event *event = &stream->events[i];
        bool silent = event->kind == GENERATED_READY || event->kind == GENERATED_RUN;
        if (event->g != GENERATED_MAIN && !silent)
            stream->events[kept++] = *event;
    }
    stream->count = kept;
}

/* ---- text -------------------------------------------------------------------- */

void generated_print_full(struct bytes *out, const struct generated *stream)
{
    const struct generated_event *last = NULL;
    for (size_t i = 0; i < stream->count; i++) {
        const struct generated_event *e = &stream->events[i];
        if (last == NULL || e->time_ns > last->time_ns)
            last = e;
        if (e->kind == GENERATED_CREATE)
            bytes_format(out, "newproc1: goroutine=%" PRIx64 " parent=%" PRIu64 " count=%d blocked_count=%d\n", e->g,
                         e->other_g, e->count, e->blocked_count);
        else if (e->kind == GENERATED_PARK)
            bytes_format(out, "gopark: goroutine=%" PRIx64 " blocked=%d reason=%u blocked_count=%d\n", e->g,
                         generated_blocks(e->reason), e->reason, e->blocked_count);
        else
            bytes_format(out, "godestroy: goroutine=%" PRIx64 " count=%d blocked_count=%d\n", e->g, e->count,
                         e->blocked_count);
    }
    if (last != NULL)
        bytes_format(out, "END: count=%d blocked_count=%d\n", last->count, last->blocked_count);
}

struct keys {
    char text[12][64];
    size_t count;
};

static void add_key(struct keys *keys, const char *format, uint64_t value)
{
    snprintf(keys->text[keys->count++], sizeof keys->text[0], format, value);
}

static void print_keys(struct bytes *out, struct keys *keys, uint64_t *random)
{
    for (size_t left = keys->count; left > 0; left--) {
        size_t at = generate_below(random, left);
        bytes_format(out, " %s", keys->text[at]);
        memmove(keys->text[at], keys->text[left - 1], sizeof keys->text[0]);
    }
    bytes_text(out, "\n");
}

void generated_print_extended(struct bytes *out, const struct generated *stream)
{
    static const char *const names[] = { "newproc1", "gopark", "ready", "execute", "gdestroy" };
    uint64_t random = 1;
    for (size_t i = 0; i < stream->count; i++) {
        const struct generated_event *e = &stream->events[i];
        struct keys keys = { .count = 0 };
        add_key(&keys, "goid=%" PRIu64, e->goid);
        add_key(&keys, "ts=%" PRIu64, (uint64_t)e->time_ns);
        add_key(&keys, "cpu=%" PRIu64, e->cpu);
        add_key(&keys, "tid=%" PRIu64, 100 + e->cpu);
        if (e->kind == GENERATED_PARK) {
            add_key(&keys, "reason=%" PRIu64, e->reason);
            add_key(&keys, "wait=%" PRIu64, e->wait);
            add_key(&keys, "lock=%" PRIx64, e->g + 0x58);
        }
        bool created = e->kind == GENERATED_CREATE;
        if (created)
            add_key(&keys, e->system ? "fn=runtime.bgsweep" : "fn=main.f[go.shape.struct { X string; Y int }].func1", 0);
        if (created || (e->kind == GENERATED_READY && e->other_g != 0)) {
            add_key(&keys, created ? "parent=%" PRIx64 : "by=%" PRIx64, e->other_g);
            add_key(&keys, created ? "parentgoid=%" PRIu64 : "bygoid=%" PRIu64, e->other_goid);
        }
        bytes_format(out, "%s: goroutine=%" PRIx64, names[e->kind], e->g);
        print_keys(out, &keys, &random);
    }
}

/* ---- buffers of CPUs ----------------------------------------------------------- */

void generated_shuffle(struct generated *stream, size_t window, uint64_t seed)
{
    struct generated_event *out = calloc(stream->count + 1, sizeof *out);
    size_t at = 0, put = 0;
    if (out == NULL)
        abort();
    while (at < stream->count) {
        size_t size = 1 + generate_below(&seed, window);
        if (size > stream->count - at)
            size = stream->count - at;
        unsigned first = (unsigned)generate_below(&seed, CPUS);
        for (unsigned turn = 0; turn < CPUS; turn++)
            for (size_t i = at; i < at + size; i++)
                if (stream->events[i].cpu == (first + turn) % CPUS)
                    out[put++] = stream->events[i];
        at += size;
    }
    memcpy(stream->events, out, put * sizeof *out);
    free(out);
}
