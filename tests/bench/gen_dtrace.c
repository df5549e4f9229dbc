/*
 * gen_dtrace - writes a recording as the article's full script prints it.
 *
 *      gen_dtrace MEGABYTES LIVE [time]
 *
 * Grows to LIVE goroutines, then creates, parks and ends at random around that
 * number, with addresses taken again as the runtime's free list does (last freed,
 * first used). The counters are right; the same arguments give the same bytes. With
 * `time` each line has ts=, too, some microseconds more than the one before.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_G UINT64_C(0xc000102000)
#define G_BYTES UINT64_C(0x1c0)
#define MAIN_G UINT64_C(824633721600)

static uint64_t random_state = 88172645463325252u;

static int tells_time;
static uint64_t now_ns = UINT64_C(2301457009214);

static uint64_t below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % limit;
}

/* The end of a line of so many characters; how many there are with it. */
static int end_line(int printed)
{
    int more = 0;
    if (tells_time) {
        now_ns += 200 + below(4000);
        more = printf(" ts=%" PRIu64, now_ns);
    }
    return printed < 0 || more < 0 || putchar('\n') < 0 ? -1 : printed + more + 1;
}

/* order[0 .. live) are the living, order[live ..) the free list, its top first. */
struct world {
    uint64_t *order;
    unsigned char *blocked; /* by address                                     */
    uint64_t live, blocked_count, addresses, room;
};

static int blocks(unsigned reason)
{
    return reason == 1 || (reason >= 3 && reason <= 7);
}

/* Who runs can spawn; who is blocked cannot. */
static uint64_t spawner(const struct world *world)
{
    uint64_t g = world->live != 0 && below(4) == 0 ? world->order[below(world->live)] : UINT64_MAX;
    return g == UINT64_MAX || world->blocked[g] ? MAIN_G : FIRST_G + g * G_BYTES;
}

static int create(struct world *world)
{
    uint64_t parent = spawner(world);
    if (world->live == world->addresses)
        world->order[world->addresses] = world->addresses, world->addresses++;
    uint64_t g = world->order[world->live++];
    return end_line(printf("newproc1: goroutine=%" PRIx64 " parent=%" PRIu64 " count=%" PRIu64 " blocked_count=%" PRIu64,
                           FIRST_G + g * G_BYTES, parent, world->live, world->blocked_count));
}

static int end(struct world *world)
{
    uint64_t at = below(world->live), g = world->order[at];
    world->order[at] = world->order[--world->live];
    world->order[world->live] = g;
    world->blocked_count -= world->blocked[g];
    world->blocked[g] = 0;
    return end_line(printf("godestroy: goroutine=%" PRIx64 " count=%" PRIu64 " blocked_count=%" PRIu64,
                           FIRST_G + g * G_BYTES, world->live, world->blocked_count));
}

static int park(struct world *world)
{
    static const unsigned reasons[] = { 2, 2, 3, 3, 5, 6, 7, 7, 7, 14 };
    uint64_t g = world->order[below(world->live)];
    unsigned reason = reasons[below(sizeof reasons / sizeof reasons[0])];
    unsigned char blocked = (unsigned char)blocks(reason);
    world->blocked_count += blocked;
    world->blocked_count -= world->blocked[g];
    world->blocked[g] = blocked;
    return end_line(printf("gopark: goroutine=%" PRIx64 " blocked=%d reason=%u blocked_count=%" PRIu64,
                           FIRST_G + g * G_BYTES, blocked, reason, world->blocked_count));
}

int main(int argc, char **argv)
{
    tells_time = argc == 4 && strcmp(argv[3], "time") == 0;
    argc -= tells_time;
    uint64_t limit = argc == 3 ? strtoull(argv[1], NULL, 10) * 1000000 : 0;
    uint64_t target = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    struct world world = { .room = target + target / 8 + 16 };
    world.order = calloc((size_t)world.room, sizeof *world.order);
    world.blocked = calloc((size_t)world.room, 1);
    if (limit == 0 || target == 0 || world.order == NULL || world.blocked == NULL) {
        fprintf(stderr, "usage: gen_dtrace MEGABYTES LIVE [time]\n");
        return 2;
    }
    int printed = 0;
    for (uint64_t bytes = 0; bytes < limit && printed >= 0; bytes += (uint64_t)printed) {
        uint64_t choice = below(8);
        if (world.live == 0 || (world.live < target && choice < 5) || (choice < 2 && world.live + 1 < world.room))
            printed = create(&world);
        else if (choice < 4 && world.live >= target)
            printed = end(&world);
        else
            printed = park(&world);
    }
    printf("END: count=%" PRIu64 " blocked_count=%" PRIu64 "\n", world.live, world.blocked_count);
    free(world.order);
    free(world.blocked);
    return fflush(stdout) == 0 && printed >= 0 ? 0 : 1;
}
