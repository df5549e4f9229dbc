/*
 * gen_perf - writes a recording as perf script prints it by default, with callchains.
 *
 *      gen_perf MEGABYTES LIVE
 *
 * LIVE goroutines, some come and go; the same arguments give the same bytes.
 */
#include "bench/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int print_frame(const struct world_frame *frame, unsigned site)
{
    char name[64];
    snprintf(name, sizeof name, frame->function, site);
    unsigned pc = frame->pc + (strchr(frame->function, '%') != NULL ? site : 0);
    return printf("\t           %5x %s+0x%x (/srv/app/server)\n", pc, name, frame->offset);
}

static int print_stack(const struct world_frame *frame, unsigned site)
{
    int size = 0;
    for (; frame->function != NULL; frame++)
        size += print_frame(frame, site);
    return size + printf("\n");
}

static int print_head(const struct world_step *step, const char *event)
{
    return printf("server  %5u [%03u] %5" PRIu64 ".%06" PRIu64 ": %26s: ", 5986 + step->cpu * 7, step->cpu,
                  step->time_ns / 1000000000, step->time_ns / 1000 % 1000000, event);
}

static int print_create(const struct world_step *step)
{
    int size = print_head(step, "probe_server:newproc1");
    size += printf("(45a700) parent=0x%" PRIx64 " parentgoid=%" PRIu64 " fn=0x%x pc=0x%x\n", step->other_g,
                   step->other_goid, 0x4bf000 + step->site * 64, 0x4b8a1a + step->site);
    size += print_frame(&world_entry, step->site);
    size += print_stack(world_stacks[WORLD_CREATE] + 1, step->site);
    size += print_head(step, "probe_server:newproc1__return");
    size +=
        printf("(45a700 <- 45a6a5) g=0x%" PRIx64 " goid=%" PRIu64 " parentgoid=%" PRIu64 " gopc=0x%x startpc=0x%x\n",
               step->g, step->goid, step->other_goid, 0x4b8a1a + step->site, 0x4bf000 + step->site * 64);
    return size + print_stack(world_stacks[WORLD_CREATE], step->site);
}

static int print_step(const struct world_step *step)
{
    int size = 0;
    switch (step->kind) {
    case WORLD_CREATE: return print_create(step);
    case WORLD_RUN:
        size = print_head(step, "probe_server:execute");
        size += printf("(456020) g=0x%" PRIx64 " goid=%" PRIu64 "\n", step->g, step->goid);
        break;
    case WORLD_PARK:
        size = print_head(step, "probe_server:gopark");
        size += printf("(486ae0) g=0x%" PRIx64 " goid=%" PRIu64 " reason=%u wait=%u lock=0x%" PRIx64 " chan=0x%" PRIx64
                       " elem=0x0\n",
                       step->g, step->goid, step->reason, step->wait, step->g + 0x68, step->g & ~UINT64_C(0xfff));
        break;
    case WORLD_READY:
        size = print_head(step, "probe_server:ready");
        size += printf("(452300) g=0x%" PRIx64 " goid=%" PRIu64 " status=4 by=0x%" PRIx64 "\n", step->g, step->goid,
                       step->other_g);
        break;
    case WORLD_END:
        size = print_head(step, "probe_server:gdestroy");
        size += printf("(457000) g=0x%" PRIx64 " goid=%" PRIu64 "\n", step->g, step->goid);
        break;
    }
    return size + print_stack(world_stack(step), step->site);
}

int main(int argc, char **argv)
{
    uint64_t limit = argc == 3 ? strtoull(argv[1], NULL, 10) * 1000000 : 0;
    uint64_t live = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    struct world world = { 0 };
    struct world_step step;
    if (limit == 0 || live == 0 || !world_init(&world, live)) {
        fprintf(stderr, "usage: gen_perf MEGABYTES LIVE\n");
        return 2;
    }
    for (uint64_t bytes = 0; bytes < limit && !ferror(stdout);) {
        world_step(&world, &step);
        bytes += (uint64_t)print_step(&step);
    }
    world_release(&world);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
