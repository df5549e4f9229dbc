/*
 * world - goroutines that come, run, wait and go, for the generators of recordings
 * that print every event (gen_perf, gen_bpftrace).
 *
 * Grows to a number of goroutines and stays around it; addresses are taken again as
 * the runtime's free list does, goids never. The mix of events is that of a busy
 * service: of 9 events 3 are runs, 2 parks, 2 wake-ups, 1 is a creation and 1 an end.
 * What a goroutine waits for is what its function waits for, each on a channel of its own.
 * The same arguments give the same events, everywhere.
 */
#ifndef GOLEAK_BENCH_WORLD_H
#define GOLEAK_BENCH_WORLD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORLD_FIRST_G UINT64_C(0xc000102000)
#define WORLD_G_BYTES UINT64_C(0x1e0)
#define WORLD_MAIN_G UINT64_C(0xc0000021e0)
#define WORLD_CPUS 4
#define WORLD_SITES 48

enum world_kind { WORLD_CREATE, WORLD_RUN, WORLD_PARK, WORLD_READY, WORLD_END };

struct world_step {
    enum world_kind kind;
    uint64_t g, goid, other_g, other_goid; /* spawner or waker */
    unsigned reason, wait, site, cpu;
    uint64_t time_ns;
};

/* A stack of each kind of event, leaf first; %u is the site. The entry of newproc1 has
 * another leaf than its return, and lacks its caller. */
struct world_frame {
    unsigned pc, offset;
    const char *function; /* a printf format with room for one %u */
};

static const struct world_frame world_entry = { 0x5a700, 0x0, "runtime.newproc1" };

static const struct world_frame world_stacks[][8] = {
    [WORLD_CREATE] = { { 0x5a6a5, 0x25, "runtime.newproc.func1" },
                       { 0x8c8ca, 0x4a, "runtime.systemstack.abi0" },
                       { 0x5a63f, 0x3f, "runtime.newproc" },
                       { 0xb8a1a, 0x5a, "main.(*Server).route%u" },
                       { 0xb9333, 0x133, "main.(*Server).conn%u" },
                       { 0xb9777, 0x27, "main.Listen.gowrap1" },
                       { 0x8e321, 0x1, "runtime.goexit.abi0" } },
    [WORLD_RUN] = { { 0x56020, 0x0, "runtime.execute" },
                    { 0x551a5, 0x285, "runtime.park_m" },
                    { 0x8c855, 0x55, "runtime.mcall" } },
    [WORLD_PARK] = { { 0x86ae0, 0x0, "runtime.gopark" },
                     { 0 }, /* see world_waits */
                     { 0xbfa37, 0x37, "main.(*Pool).worker%u" },
                     { 0xbfb47, 0x47, "main.NewPool.gowrap1" },
                     { 0x8e321, 0x1, "runtime.goexit.abi0" } },
    [WORLD_READY] = { { 0x52300, 0x0, "runtime.ready" },
                      { 0x8c8ca, 0x4a, "runtime.systemstack.abi0" },
                      { 0x16a11, 0x171, "runtime.send" },
                      { 0x16512, 0x112, "runtime.chansend1" },
                      { 0xbe112, 0x92, "main.(*Server).conn%u.func1" },
                      { 0xb9777, 0x27, "main.Listen.gowrap1" },
                      { 0x8e321, 0x1, "runtime.goexit.abi0" } },
    [WORLD_END] = { { 0x57000, 0x0, "runtime.gdestroy" },
                    { 0x57fa0, 0x20, "runtime.goexit0" },
                    { 0x8c855, 0x55, "runtime.mcall" } },
};

/* What the functions of the sites wait for, and the frame that calls gopark there. */
struct world_wait {
    unsigned reason, wait; /* traceBlockReason and waitReason of Go 1.26 */
    struct world_frame caller;
};

static const struct world_wait world_waits[] = {
    { 2, 2, { 0x54b77, 0xf7, "runtime.netpollblock" } },
    { 3, 18, { 0x6c1a5, 0x7a5, "runtime.selectgo" } },
    { 3, 18, { 0x6c1a5, 0x7a5, "runtime.selectgo" } },
    { 5, 22, { 0x6d5c5, 0x2a5, "runtime.semacquire1" } },
    { 6, 20, { 0x1651d, 0x1d, "runtime.chansend1" } },
    { 7, 19, { 0x16852, 0x12, "runtime.chanrecv1" } },
    { 7, 19, { 0x16852, 0x12, "runtime.chanrecv1" } },
    { 14, 14, { 0x8a0c6, 0x126, "time.Sleep" } },
    { 4, 21, { 0x6ebd9, 0x159, "sync.runtime_notifyListWait" } },
    { 5, 25, { 0x6d5c5, 0x2a5, "runtime.semacquire1" } },
};

static inline const struct world_wait *world_wait(const struct world_step *step)
{
    return &world_waits[step->site % (sizeof world_waits / sizeof world_waits[0])];
}

/* Valid until the next call. */
static inline const struct world_frame *world_stack(const struct world_step *step)
{
    static struct world_frame park[sizeof world_stacks[0] / sizeof world_stacks[0][0]];
    if (step->kind != WORLD_PARK)
        return world_stacks[step->kind];
    memcpy(park, world_stacks[WORLD_PARK], sizeof park);
    park[1] = world_wait(step)->caller;
    return park;
}

struct world_life {
    uint64_t goid, place; /* its place in `order` */
    unsigned char state;  /* of enum world_kind: what it did last */
    unsigned char site;
};

/* order[0 .. live) are the living, order[live ..) the free list, its top first. */
struct world {
    uint64_t *order;
    struct world_life *lives; /* by address */
    uint64_t live, addresses, target, room, goids, time_ns, random;
    int grown;
};

static inline uint64_t world_below(struct world *world, uint64_t limit)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (world->random >> 11) % limit;
}

/* 0: no memory. */
static inline int world_init(struct world *world, uint64_t live)
{
    *world = (struct world) { .target = live,
                              .room = live + live / 8 + 16,
                              .goids = 1,
                              .time_ns = UINT64_C(2301457009214),
                              .random = UINT64_C(88172645463325252) };
    world->order = calloc((size_t)world->room, sizeof *world->order);
    world->lives = calloc((size_t)world->room, sizeof *world->lives);
    return world->order != NULL && world->lives != NULL;
}

static inline uint64_t world_g(uint64_t address)
{
    return WORLD_FIRST_G + address * WORLD_G_BYTES;
}

static inline void world_other(struct world *world, struct world_step *step)
{
    step->other_g = WORLD_MAIN_G;
    step->other_goid = 1;
    uint64_t address = world->live != 0 ? world->order[world_below(world, world->live)] : 0;
    if (world->live != 0 && world->lives[address].state == WORLD_RUN && world_g(address) != step->g) {
        step->other_g = world_g(address);
        step->other_goid = world->lives[address].goid;
    }
}

static inline void world_create(struct world *world, struct world_step *step)
{
    step->kind = WORLD_CREATE;
    world_other(world, step);
    if (world->live == world->addresses) {
        world->order[world->addresses] = world->addresses;
        world->addresses++;
    }
    uint64_t address = world->order[world->live];
    world->lives[address] = (struct world_life) { ++world->goids, world->live++, WORLD_CREATE,
                                                  (unsigned char)world_below(world, WORLD_SITES) };
    step->g = world_g(address);
    step->goid = world->goids;
    step->site = world->lives[address].site;
}

static inline void world_end(struct world *world, uint64_t address)
{
    uint64_t at = world->lives[address].place, last = world->order[--world->live];
    world->order[at] = last;
    world->lives[last].place = at;
    world->order[world->live] = address;
}

static inline void world_step(struct world *world, struct world_step *step)
{
    *step = (struct world_step) { .cpu = (unsigned)world_below(world, WORLD_CPUS) };
    world->time_ns += 200 + world_below(world, 4000);
    step->time_ns = world->time_ns;
    if (world->live == world->target)
        world->grown = 1;
    if (world->live == 0 || (!world->grown && world_below(world, 3) != 0) ||
        (world->live < world->target && world_below(world, 6) == 0)) {
        world_create(world, step);
        return;
    }
    uint64_t address = world->order[world_below(world, world->live)];
    struct world_life *life = &world->lives[address];
    step->g = world_g(address);
    step->goid = life->goid;
    step->site = life->site;
    switch (life->state) {
    case WORLD_CREATE:
    case WORLD_READY: step->kind = WORLD_RUN; break;
    case WORLD_PARK:
        /* Some are woken by the scheduler's own lists, which nothing tells. */
        step->kind = world_below(world, 8) == 0 ? WORLD_RUN : WORLD_READY;
        break;
    default: step->kind = world->grown && world_below(world, 3) == 0 ? WORLD_END : WORLD_PARK; break;
    }
    life->state = (unsigned char)step->kind;
    if (step->kind == WORLD_READY) {
        world_other(world, step);
    } else if (step->kind == WORLD_PARK) {
        step->reason = world_wait(step)->reason;
        step->wait = world_wait(step)->wait;
    } else if (step->kind == WORLD_END) {
        world_end(world, address);
    }
}

static inline void world_release(struct world *world)
{
    free(world->order);
    free(world->lives);
}

#endif
