/*
 * test_sections - recordings in lines, of more than one section, say the same however many
 * threads read them: with stacks that come late, entries of newproc1 whose return stands in
 * the next section, tables and dumps that go on across a seam, lines that are too long, losses
 * that are told in all, and whatever else makes a section depend on what is before it.
 */
#include "support/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/bytes.h"
#include "support/chance.h"
#include "support/outcome.h"
#include "support/sanitizer.h"
#include "support/scratch.h"

#define BYTES ((size_t)1500 * 1000) /* five sections, and most of one */
#define CPUS 4
#define PLACES 12

struct world {
    struct bytes *out;
    uint64_t ts;
    unsigned goid;
    unsigned late[CPUS]; /* a place + 1 whose stack is still to be printed */
    unsigned slow;       /* lines until newproc1 returns on a thread that takes long */
};

static unsigned g_of(unsigned goid)
{
    return 0xc000000 + goid % 3000 * 0x1c0;
}

static unsigned pc_of(unsigned place)
{
    return 0x45a700 + place * 0x40;
}

/* ---- what D scripts and bpftrace scripts print ---- */

static void print_stack(struct world *world, const char *line, unsigned place)
{
    static const char *const frames[] = { "runtime.newproc1", "runtime.newproc", NULL, "runtime.goexit" };
    bytes_text(world->out, "\n");
    for (size_t i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "main.spawn%u", place / 3);
        bytes_format(world->out, line, frames[i] != NULL ? frames[i] : name, frames[i] != NULL ? 63u : 20 + place);
    }
    bytes_text(world->out, "\n");
}

static void print_late(struct world *world, const char *line, unsigned cpu)
{
    if (world->late[cpu] != 0)
        print_stack(world, line, world->late[cpu] - 1);
    world->late[cpu] = 0;
}

static void live(struct world *world);

/* newproc1 is entered, and hundreds of events later it returns; its own stack comes late. */
static void spawn_slowly(struct world *world, const char *line)
{
    if (world->slow == 0) {
        bytes_format(world->out, "newproc1_entry: parent=%x parentgoid=1 fn=%x pc=%x ts=%llu cpu=0 tid=300\n", g_of(1),
                     pc_of(3) + 8, pc_of(3), (unsigned long long)world->ts);
        print_stack(world, line, 3);
        world->slow = 200 + chance(200);
    }
    if (--world->slow != 0)
        return;
    unsigned goid = ++world->goid;
    bytes_format(world->out, "newproc1: goroutine=%x goid=%u gopc=%x startpc=%x fn=main.slow ts=%llu cpu=0 tid=300\n",
                 g_of(goid), goid, pc_of(3), pc_of(3) + 8, (unsigned long long)world->ts + 1);
    live(world);
    bytes_text(world->out, "\n");
    bytes_format(world->out, line, "runtime.newproc.func1", 37u);
    bytes_format(world->out, line, "main.spawn1", 23u);
    bytes_text(world->out, "\n");
}

static void spawn(struct world *world, const char *line, bool with_entry)
{
    unsigned place = chance(PLACES), cpu = chance(CPUS), goid = ++world->goid;
    print_late(world, line, cpu);
    if (with_entry) {
        spawn_slowly(world, line);
        bytes_format(world->out, "newproc1_entry: parent=%x parentgoid=1 fn=%x pc=%x ts=%llu cpu=%u tid=%u\n", g_of(1),
                     pc_of(place) + 8, pc_of(place), (unsigned long long)world->ts, cpu, 100 + cpu);
        world->late[cpu] = place + 1;
        if (chance(3) != 0)
            print_late(world, line, cpu);
    }
    bytes_format(world->out,
                 "newproc1: goroutine=%x goid=%u parent=%x parentgoid=1 gopc=%x startpc=%x fn=main.work%u ts=%llu cpu=%u "
                 "tid=%u\n",
                 g_of(goid), goid, g_of(1), pc_of(place), pc_of(place) + 8, place % 5, (unsigned long long)world->ts + 1,
                 cpu, 100 + cpu);
    if (!with_entry && chance(2) == 0)
        print_stack(world, line, place);
}

static void live(struct world *world)
{
    unsigned goid = 1 + chance(world->goid + 1), cpu = chance(CPUS);
    static const char *const shapes[] = { "gopark: goroutine=%x goid=%u reason=%u wait=14 lock=%x ts=%llu cpu=%u tid=%u\n",
                                          "execute: goroutine=%x goid=%u status=%u sched=%x ts=%llu cpu=%u tid=%u\n",
                                          "gdestroy: goroutine=%x goid=%u had=%u left=%x ts=%llu cpu=%u tid=%u\n" };
    bytes_format(world->out, shapes[chance(3)], g_of(goid), goid, 14u, 0xc000 + goid % 50 * 8,
                 (unsigned long long)world->ts + 2, cpu, 100 + cpu);
}

/* Lines that depend on others, or that others depend on; each in a recording of its own. */
static const char *const odd_lines[] = {
    "a word of the program's own: listening on port 8080\n",
    "gopark: goroutine=zzz reason=\n",
    "gopark: goroutine=c000 rea\001son=1\n",
    "gopark: goroutine=c001f80 goid=9 reason=14 novel=3\n",
    "program outputnewproc1: goroutine=c00001 goid=77 ts=5\n",
    "goleak-recorder: version=1 tool=x go=1.26 arch=amd64 locks=every probes=newproc1\n",
    "goleak-recorder-end: events=512000 lost=7\n",
    /* D scripts */
    "dtrace: 33 drops on CPU 0\n",
    "           value  ------------- Distribution ------------- count    \n               0 |@@@@@@@@@@          12       \n",
    "struct g {\n    uint64_t goid = 0x12,\n    struct stack stack = {\n        lo = 0x1\n",
    "goroutine c0001c0 created: count=1\n",
    /* bpftrace scripts */
    "Lost 12 events\n",
    "Lost 12 events\nWARNING: Total lost event count: 40\n",
    "@stacks[\n        runtime.newproc1+0\n        main.main+3\n]: 12\n",
    "@us:\n[4, 8)      12 |@@@@@    |\n",
    "{\"type\": \"printf\", \"data\": \"gopark: goroutine=c000 goid=3 reason=14\"}\n",
    /* perf script */
    "lab126  8152/8153 [001]  5000.000100: PERF_RECORD_LOST lost 159\n",
    "lab126  8152/8153 [001]  5000.000100: PERF_RECORD_LOST lost 9\nProcessed 47185 samples and lost 6.10%!\n",
    "lab126  8152/8153 [001]  5000.000100: probe_lab:gopark: (45a700) reason=1\n",
    "lab126  8152/8153 [001]  5000.000100: probe_lab:mystery: (45a700) g=0xc001f80\n",
    "lab126  8152/8153 [001]  5000.000100: \n",
    ". ... raw event: size 5\n",
};

/* What goes on for more than a section before it ends, or is counted from there. */
static const char *const odd_spans[][2] = {
    { "@open[\n", "]: 1\n" },
    { "Lost 12 events\n", "WARNING: Total lost event count: 40\n" },
    { "goleak-recorder: version=1 tool=x arch=amd64 probes=newproc1\n", "goleak-recorder-end: events=512 lost=7\n" },
    { "           value  ------------- Distribution ------------- count    \n", "               0 |@@@@   12       \n" },
};

/* What stands behind each line, and so before each seam. */
static const char *const odd_tails[] = { "struct g {\n    uint64_t goid = 0x12,\n", "@us:\n", "a word of its own\n" };

static void dtrace(struct world *world, bool stacks)
{
    if (chance(3) == 0)
        spawn(world, "              app`%s+0x%x\n", stacks);
    else
        live(world);
}

static void bpftrace(struct world *world, bool stacks)
{
    if (world->out->size == 0)
        bytes_text(world->out, "Attaching 8 probes...\n");
    if (chance(3) == 0)
        spawn(world, "        %s+%u\n", stacks);
    else
        live(world);
}

static void perf(struct world *world, bool stacks)
{
    unsigned goid = 1 + chance(world->goid + 1), cpu = chance(CPUS), place = chance(PLACES);
    char columns[80];
    snprintf(columns, sizeof columns, "lab126  8152/%u [%03u]  %llu.%06llu: ", 8152 + cpu, cpu,
             (unsigned long long)(world->ts / 1000000000), (unsigned long long)(world->ts / 1000 % 1000000));
    if (chance(3) == 0) {
        goid = ++world->goid;
        bytes_format(world->out, "%sprobe_lab:newproc1: (45a700) parent=0x%x pc=0x%x\n", columns, g_of(1), pc_of(place));
        if (stacks)
            bytes_format(world->out,
                         "\t           5a680 runtime.newproc1+0x0 (/srv/lab)\n"
                         "\t           5a63f main.spawn%u+0x%x (/srv/lab)\n\n", place / 3, place + 20);
        if (chance(4) == 0) /* another processor's, in between */
            bytes_format(world->out, "%sprobe_lab:execute: (45b700) g=0x%x goid=%u\n", columns, g_of(2), 2u);
        bytes_format(world->out, "%sprobe_lab:newproc1__return: (45a700 <- 45a6a5) g=0x%x goid=%u gopc=0x%x startpc=0x%x\n",
                     columns, g_of(goid), goid, pc_of(place), pc_of(place) + 8);
    } else {
        static const char *const shapes[] = { "%sprobe_lab:gopark: (45a700) g=0x%x goid=%u reason=14 lock=0x%x\n",
                                              "%sprobe_lab:execute: (45b700) g=0x%x goid=%u inherit=1 sched=0x%x\n",
                                              "%sprobe_lab:gdestroy: (45c700) g=0x%x goid=%u left=0x%x\n" };
        bytes_format(world->out, shapes[chance(3)], columns, g_of(goid), goid, 0xc000 + goid % 50 * 8);
    }
}

/* ---- the comparison ---- */

static char path[] = "/tmp/test_sections.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return scratch_open(path, 1200);
}

static int tear_down(void **state)
{
    (void)state;
    return scratch_close(path);
}

static void compare(const struct bytes *recording, const char *format, unsigned most, const char *what)
{
    struct outcome want = { 0 };
    assert_true(bytes_write(recording, path));
    const unsigned second = has_sanitizer() ? most : 2; /* they take ten times as long */
    for (unsigned jobs = 1; jobs <= most; jobs = jobs == 1 ? second : jobs + 1) {
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        struct outcome got = { 0 };
        options.jobs = jobs;
        options.input_format = format;
        outcome_of_file(jobs == 1 ? &want : &got, path, &options);
        if (want.status != GOLEAK_OK)
            fail_msg("%s, %s: %s", format != NULL ? format : "any", what, want.error.message);
        if (jobs != 1 && !outcome_equal(&want, &got))
            fail_msg("%s, %s, %u jobs: %s", format != NULL ? format : "any", what, jobs, outcome_difference(&want, &got));
        outcome_free(&got);
    }
    outcome_free(&want);
}

typedef void write_fn(struct world *world, bool stacks);

/* With `odd` in the third section, and `end` in the fifth. */
static void write_all(struct bytes *text, write_fn *line, bool stacks, const char *odd, const char *end)
{
    struct world world = { .out = text, .ts = 5000000000000, .goid = 1 };
    for (; text->size < BYTES; world.ts += 1000 + chance(5000)) {
        line(&world, stacks);
        if (text->size > BYTES * 4 / 10)
            bytes_text(text, odd), odd = "";
        if (text->size > BYTES * 8 / 10)
            bytes_text(text, end), end = "";
    }
}

static void write_with_tails(struct bytes *text, write_fn *line, const char *tail)
{
    struct world world = { .out = text, .ts = 5000000000000, .goid = 1 };
    for (; text->size < BYTES; world.ts += 1000) {
        line(&world, false);
        if (text->size > BYTES / 2)
            bytes_text(text, tail);
    }
}

/* Frames, of which the first is cut or broken, and lines of another format behind 64 KiB. */
static void damaged_ones(const char *format, write_fn *line)
{
    struct bytes text = { 0 }, frame = { 0 }, file = { 0 };
    struct world world = { .out = &text, .ts = 5000000000000, .goid = 1 };
    for (; text.size < 100000; world.ts += 1000)
        line(&world, true);
    bytes_zstd(&frame, &text);
    for (unsigned way = 0; way < 2; way++) {
        bytes_clear(&file);
        bytes_add(&file, frame.data, frame.size - way * 10);
        if (way == 0)
            memset(file.data + file.size / 2, 0x55, 20);
        bytes_clear(&text);
        write_all(&text, line, true, "", "");
        bytes_zstd(&file, &text);
        compare(&file, format, 5, "a broken frame, and good ones");
    }
    for (size_t size = 100000; size < BYTES; size *= 3) {
        bytes_clear(&text);
        while (text.size < 70000) {
            line(&world, false);
            world.ts += 1000;
        }
        bytes_text(&text, "Lost 12 events\n");
        while (text.size < size) {
            line(&world, false);
            world.ts += 1000;
        }
        compare(&text, NULL, 4, "another's line behind the first");
    }
    bytes_free(&text);
    bytes_free(&frame);
    bytes_free(&file);
}

static void try_all(const char *format, write_fn *line)
{
    struct bytes text = { 0 }, packed = { 0 };
    for (size_t i = 0; i < COUNT(odd_lines); i++) {
        seed = i;
        bytes_clear(&text);
        write_all(&text, line, i % 3 != 0, odd_lines[i], "");
        compare(&text, format, 3, odd_lines[i]);
    }
    for (size_t i = 0; i < 2 * COUNT(odd_spans); i++) {
        const char *const *span = odd_spans[i / 2];
        bytes_clear(&text);
        write_all(&text, line, i % 2 == 0, span[0], span[1]);
        compare(&text, format, 3, span[0]);
    }
    for (size_t i = 0; i < COUNT(odd_tails); i++) {
        bytes_clear(&text);
        write_with_tails(&text, line, odd_tails[i]);
        compare(&text, format, 3, odd_tails[i]);
    }
    for (unsigned number = 0; number < 4; number++) { /* with stacks and without, packed, and that cut */
        bytes_clear(&text);
        bytes_clear(&packed);
        write_all(&text, line, number % 2 == 0, "", "");
        bytes_zstd(&packed, &text);
        packed.size -= number / 2 * 100;
        compare(&text, number < 2 ? NULL : format, 6, "plain");
        compare(&packed, number < 2 ? NULL : format, 6, "packed");
    }
    damaged_ones(format, line);
    bytes_clear(&text); /* two, one behind the other, with maps */
    for (unsigned i = 0; i < 2; i++) {
        bytes_text(&text, "goleak-recorder: version=1 tool=x arch=amd64 probes=newproc1\n");
        write_all(&text, line, i == 0, "@open[\n", "]: 1\n@us[\n");
        bytes_text(&text, "]: 12\nLost 12 events\ngoleak-recorder-end: events=512\n");
    }
    compare(&text, format, 4, "two");
    bytes_clear(&text); /* a line that is no section's */
    write_all(&text, line, true, "", "");
    for (size_t i = 0; i < 1200000; i += 10)
        bytes_text(&text, "all is one");
    bytes_text(&text, "\n");
    write_all(&text, line, true, "", "");
    compare(&text, format, 3, "a long line");
    bytes_free(&text);
    bytes_free(&packed);
}

static void of_d_scripts(void **state)
{
    (void)state;
    try_all("dtrace", dtrace);
}

static void of_bpftrace(void **state)
{
    (void)state;
    try_all("bpftrace", bpftrace);
}

static void of_perf(void **state)
{
    (void)state;
    try_all("perf", perf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_d_scripts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_bpftrace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_perf, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
