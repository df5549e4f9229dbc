/*
 * gen_bpftrace - writes a recording as a bpftrace script prints it: lines with all keys,
 * and a ustack() block below creations and parks.
 *
 *      gen_bpftrace MEGABYTES LIVE
 *
 * LIVE goroutines, some come and go; the same arguments give the same bytes. One line in
 * 2000 stands behind one of another CPU that is later, as in real ones.
 */
#include "bench/world.h"

#include <inttypes.h>
#include <stdio.h>

struct text {
    char bytes[2048];
    int size;
};

#define PRINT(text, ...)                                                                                               \
    ((text)->size += snprintf((text)->bytes + (text)->size, sizeof(text)->bytes - (size_t)(text)->size, __VA_ARGS__))

/* `leaf` stands for the first frame of the stack. */
static void print_stack(struct text *text, const struct world_frame *leaf, const struct world_frame *stack,
                        unsigned site)
{
    PRINT(text, "\n        %s+%u\n", leaf->function, leaf->offset);
    for (const struct world_frame *frame = stack + 1; frame->function != NULL; frame++) {
        char name[64];
        snprintf(name, sizeof name, frame->function, site);
        PRINT(text, "        %s+%u\n", name, frame->offset);
    }
    PRINT(text, "\n");
}

static void print_end(struct text *text, const struct world_step *step)
{
    PRINT(text, " ts=%" PRIu64 " cpu=%u tid=%u\n", step->time_ns, step->cpu, 5986 + step->cpu * 7);
}

static void print_step(struct text *text, const struct world_step *step)
{
    text->size = 0;
    switch (step->kind) {
    case WORLD_CREATE:
        PRINT(text, "newproc1_entry: parent=%" PRIx64 " parentgoid=%" PRIu64 " fn=%x pc=%x", step->other_g,
              step->other_goid, 0x4bf000 + step->site * 64, 0x4b8a1a + step->site);
        print_end(text, step);
        print_stack(text, &world_entry, world_stacks[WORLD_CREATE], step->site);
        PRINT(text,
              "newproc1: goroutine=%" PRIx64 " goid=%" PRIu64 " parent=%" PRIx64 " parentgoid=%" PRIu64
              " gopc=%x startpc=%x fn=main.(*Server).route%u.func1",
              step->g, step->goid, step->other_g, step->other_goid, 0x4b8a1a + step->site, 0x4bf000 + step->site * 64,
              step->site);
        break;
    case WORLD_RUN: PRINT(text, "execute: goroutine=%" PRIx64 " goid=%" PRIu64, step->g, step->goid); break;
    case WORLD_PARK:
        PRINT(text,
              "gopark: goroutine=%" PRIx64 " goid=%" PRIu64 " reason=%u wait=%u lock=%" PRIx64 " chan=%" PRIx64
              " elem=0",
              step->g, step->goid, step->reason, step->wait, step->g + 0x68, step->g & ~UINT64_C(0xfff));
        break;
    case WORLD_READY:
        PRINT(text, "ready: goroutine=%" PRIx64 " goid=%" PRIu64 " status=4 by=%" PRIx64, step->g, step->goid,
              step->other_g);
        break;
    case WORLD_END: PRINT(text, "gdestroy: goroutine=%" PRIx64 " goid=%" PRIu64, step->g, step->goid); break;
    }
    print_end(text, step);
    if (step->kind == WORLD_PARK)
        print_stack(text, world_stack(step), world_stack(step), step->site);
}

int main(int argc, char **argv)
{
    uint64_t limit = argc == 3 ? strtoull(argv[1], NULL, 10) * 1000000 : 0;
    uint64_t live = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    static struct text text, late;
    struct world world = { 0 };
    struct world_step step;
    if (limit == 0 || live == 0 || !world_init(&world, live)) {
        fprintf(stderr, "usage: gen_bpftrace MEGABYTES LIVE\n");
        return 2;
    }
    for (uint64_t bytes = 0; bytes < limit && !ferror(stdout);) {
        world_step(&world, &step);
        print_step(&text, &step);
        if (late.size == 0 && world_below(&world, 2000) == 0) {
            late = text;
            continue;
        }
        fwrite(text.bytes, 1, (size_t)text.size, stdout);
        fwrite(late.bytes, 1, (size_t)late.size, stdout);
        bytes += (uint64_t)(text.size + late.size);
        late.size = 0;
    }
    world_release(&world);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
