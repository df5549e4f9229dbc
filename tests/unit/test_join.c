/* test_join - which files are recordings of one process, and what becomes of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "join.h"
#include "support/bytes.h"
#include "support/fail_alloc.h"
#include "support/glk_bytes.h"
#include "support/load.h"
#include "support/trace_text.h"

#define A 0xc000102000
#define B 0xc000102380
#define FILES 72

static char folder[64];
static char paths[FILES][128];
static struct goleak_trace *traces[FILES];
static struct goleak_error errors[FILES];
static size_t trace_count, file_count;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/goleak_join_XXXXXX");
    file_count = trace_count = 0;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static void free_traces(void)
{
    for (size_t i = 0; i < trace_count; i++)
        goleak_trace_free(traces[i]);
    trace_count = 0;
}

static void forget_files(void)
{
    for (; file_count != 0; file_count--)
        unlink(paths[file_count - 1]);
}

static int tear_down(void **state)
{
    (void)state;
    free_traces();
    forget_files();
    return rmdir(folder);
}

static void write_named(const char *name, const char *text)
{
    struct bytes bytes = { 0 };
    assert_true(file_count < FILES);
    snprintf(paths[file_count], sizeof paths[0], "%s/%s", folder, name);
    bytes_text(&bytes, text);
    assert_true(bytes_write(&bytes, paths[file_count++]));
    bytes_free(&bytes);
}

static void write_file(const char *text)
{
    char name[32];
    snprintf(name, sizeof name, "%c.txt", (char)('a' + file_count));
    write_named(name, text);
}

/* All files, in their order. Returns how many traces they became. */
static size_t load_files(const struct goleak_options *options)
{
    const char *names[FILES];
    free_traces();
    for (size_t i = 0; i < file_count; i++)
        names[i] = paths[i];
    assert_int_equal(goleak_trace_load_all(traces, &trace_count, names, file_count, options, errors), GOLEAK_OK);
    for (size_t i = 0; i < file_count; i++)
        assert_int_equal(errors[i].status, GOLEAK_OK);
    return trace_count;
}

static size_t traces_of(const char *one, const char *two)
{
    forget_files();
    write_file(one);
    write_file(two);
    return load_files(NULL);
}

static size_t inputs_of(const struct goleak_trace *trace)
{
    struct goleak_input_info info;
    size_t count = 0;
    while (goleak_trace_input(trace, count, &info) == GOLEAK_OK)
        count++;
    return count;
}

/* ---- what joins -------------------------------------------------------------------- */

static void recordings_of_one_pid_join(void **state)
{
    (void)state;
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n",
                               "newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000100\n"
                               "gopark: goroutine=c000102000 goid=7 reason=6 pid=100 ts=2000000\n"),
                     1);
    assert_int_equal(inputs_of(traces[0]), 2);
    assert_int_equal(load_summary(traces[0]).created, 1);
    assert_int_equal(load_summary(traces[0]).blocked_at_end, 1);
    assert_int_equal(load_count(traces[0], "seen_twice"), 1);
    assert_int_equal(load_input(traces[0]).pid, 100);
}

static void recordings_of_two_pids_do_not(void **state)
{
    (void)state;
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000000\n",
                               "newproc1: goroutine=c000102000 goid=7 pid=200 gopc=45a6a5 ts=1000000\n"),
                     2);
    assert_int_equal(load_summary(traces[0]).created, 1);
    assert_int_equal(load_summary(traces[1]).created, 1);
    assert_int_equal(load_input(traces[1]).pid, 200);
}

/* Nobody says whose they are, but the same goroutine is created in both, at the same go
 * statement and the same time. */
static void recordings_of_the_same_births_join(void **state)
{
    static const struct {
        const char *two;
        size_t traces;
    } cases[] = {
        { "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1000000\n", 1 },
        { "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 startpc=45fa00 ts=1400000\n", 1 },
        { "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1500000\n", 1 },
        { "newproc1: goid=7 startpc=45fa00 ts=1000000\n", 1 },
        /* another time, place or function */
        { "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1500001\n", 2 },
        { "newproc1: goroutine=c000102000 goid=7 gopc=45a6a6 ts=1000000\n", 2 },
        { "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 startpc=45fa10 ts=1000000\n", 2 },
        /* nothing but the goid and the time */
        { "newproc1: goroutine=c000102000 goid=7 ts=1000000\n", 2 },
        /* nobody that both know */
        { "newproc1: goroutine=c000102000 goid=8 gopc=45a6a5 ts=1000000\n", 2 },
        { "gopark: goroutine=c000102000 goid=7 reason=6 ts=1000000\n", 2 },
        /* one that fits, and one that does not */
        { "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1000000\n"
          "newproc1: goroutine=c000102000 goid=9 gopc=45a6a5 ts=7000000\n",
          2 },
        { "newproc1: goroutine=c000102000 goid=6 gopc=45a6a5 ts=900000\n"
          "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1000000\n"
          "newproc1: goroutine=c000102000 goid=8 gopc=45a6a5 ts=1100000\n",
          1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count = traces_of("newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 startpc=45fa00 ts=1000000\n"
                                 "newproc1: goroutine=c000102380 goid=9 gopc=45a6a5 startpc=45fa00 ts=5000000\n",
                                 cases[i].two);
        if (count != cases[i].traces)
            fail_msg("%s%zu traces", cases[i].two, count);
    }
}

/* As a Go trace tells a birth: by goid and the start function's name. */
static void recordings_of_the_same_start_functions_join(void **state)
{
    static const struct {
        const char *one, *two;
        size_t traces;
    } cases[] = {
        { "newproc1: goroutine=c000102000 goid=7 startpc=45fa00 fn=main.work ts=1000000\n",
          "newproc1: goid=7 fn=main.work ts=1000900\n", 1 },
        { "newproc1: goroutine=c000102000 goid=7 fn=main.work ts=1000000\n",
          "newproc1: goid=7 fn=main.other ts=1000900\n", 2 },
        { "newproc1: goroutine=c000102000 goid=7 fn=main.work ts=1000000\n",
          "newproc1: goid=7 fn=main.work ts=1600000\n", 2 },
        { "newproc1: goroutine=c000102000 goid=7 fn=main.work ts=1000000\n",
          "newproc1: goid=8 fn=main.work ts=1000900\n", 2 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (traces_of(cases[i].one, cases[i].two) != cases[i].traces)
            fail_msg("case %zu: %zu traces", i, trace_count);
}

#define AT(function) "\truntime.newproc+0x25\n\t" function "\n"

/* A closure of the compiler's calls what the go statement names: a recorder that reads startpc tells the closure,
 * a Go trace the function. The place of the go statement is the same, and so is the site. */
static void recordings_of_wrapped_start_functions_join_by_place(void **state)
{
    static const struct {
        const char *one, *two;
        size_t traces, sites;
    } cases[] = {
        { "newproc1: goroutine=c000102000 goid=7 fn=main.f.gowrap1 ts=1000000\n" AT("main.f+0x5a"),
          "newproc1: goid=7 fn=main.(*T).work ts=1000900\n" AT("main.f+0x5a"), 1, 1 },
        { "newproc1: goroutine=c000102000 goid=7 fn=main.f·dwrap·1 ts=1000000\n" AT("main.f+0x5a"),
          "newproc1: goid=7 fn=main.(*T).work ts=1000900\n" AT("main.f+0x5a"), 1, 1 },
        /* What only one of them has seen counts for the site, too, whichever name it tells first. */
        { "newproc1: goroutine=c000102000 goid=7 fn=main.f.gowrap1 ts=1000000\n" AT(
              "main.f+0x5a") "newproc1: goroutine=c000102380 goid=8 fn=main.f.gowrap1 ts=9000000\n" AT("main.f+0x5a"),
          "newproc1: goid=6 fn=main.(*T).work ts=900000\n" AT(
              "main.f+0x5a") "newproc1: goid=7 fn=main.(*T).work ts=1000900\n" AT("main.f+0x5a"),
          1, 1 },
        /* Two statements of one place that both name are two. */
        { "newproc1: goroutine=c000102000 goid=7 fn=main.f.func1 ts=1000000\n" AT("main.f+0x5a"),
          "newproc1: goid=7 fn=main.f.func1 ts=1000900\n" AT(
              "main.f+0x5a") "newproc1: goid=8 fn=main.(*T).work ts=2000900\n" AT("main.f+0x5a"),
          1, 2 },
        /* another place, another time, another goroutine, and places that nobody names */
        { "newproc1: goroutine=c000102000 goid=7 fn=main.f.gowrap1 ts=1000000\n" AT("main.f+0x5a"),
          "newproc1: goid=7 fn=main.(*T).work ts=1000900\n" AT("main.g+0x5a"), 2, 1 },
        { "newproc1: goroutine=c000102000 goid=7 fn=main.f.gowrap1 ts=1000000\n" AT("main.f+0x5a"),
          "newproc1: goid=7 fn=main.(*T).work ts=1000900\n" AT("main.f+0x9c"), 2, 1 },
        { "newproc1: goroutine=c000102000 goid=7 fn=main.f.gowrap1 ts=1000000\n" AT("main.f+0x5a"),
          "newproc1: goid=7 fn=main.(*T).work ts=1600000\n" AT("main.f+0x5a"), 2, 1 },
        { "newproc1: goroutine=c000102000 goid=7 fn=main.f.gowrap1 ts=1000000\n" AT("main.f+0x5a"),
          "newproc1: goid=8 fn=main.(*T).work ts=1000900\n" AT("main.f+0x5a"), 2, 1 },
        { "newproc1: goroutine=c000102000 goid=7 fn=main.f.gowrap1 ts=1000000\n" AT("0x4b8a1a"),
          "newproc1: goid=7 fn=main.(*T).work ts=1000900\n" AT("0x4b8a1a"), 2, 1 },
        { "newproc1: goroutine=c000102000 goid=7 fn=main.f.gowrap1 ts=1000000\n",
          "newproc1: goid=7 fn=main.(*T).work ts=1000900\n", 2, 1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (traces_of(cases[i].one, cases[i].two) != cases[i].traces)
            fail_msg("case %zu: %zu traces", i, trace_count);
        size_t sites = 0;
        struct goleak_sites *all = &traces[0]->replay.sites;
        for (uint32_t site = 1; site < goleak_sites_count(all); site++)
            sites += all->sites[site].last != 0;
        if (sites != cases[i].sites)
            fail_msg("case %zu: %zu sites", i, sites);
        if (trace_count == 1 && sites == 1)
            assert_string_equal(load_goroutine(traces[0], A).start_function, "main.(*T).work");
    }
}

/* A park that two recorders tell so far apart that it is not held for so long is one wait, though they write its
 * stack in two ways: where it begins and ends, and what was inlined. */
static void a_park_that_is_told_late_is_one_wait(void **state)
{
    static const struct {
        const char *stack;
        unsigned impossible;
    } cases[] = {
        { "\tmain.wait+0x20\n\tmain.inlined+0x10\n\tmain.work+0x30\n", 0 },
        { "\tmain.work+0x30\n", 0 },
        { "\tmain.wait+0x20\n\tmain.other+0x30\n", 1 },
        { "\tmain.work+0x30\n\tmain.wait+0x20\n", 1 },
        { "\truntime.chanrecv1+0x10\n", 1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes two = { 0 };
        bytes_format(&two, "newproc1: goid=7 fn=main.work ts=1000900\ngopark: goid=7 reason=6 ts=4000000\n%s",
                     cases[i].stack);
        assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 fn=main.work ts=1000000\n"
                                   "execute: goroutine=c000102000 goid=7 ts=1100000\n"
                                   "gopark: goroutine=c000102000 goid=7 reason=6 ts=2000000\n"
                                   "\truntime.gopark+0x1\n\tinternal/poll.runtime_pollWait+0x1\n"
                                   "\tmain.wait+0x20\n\tmain.work+0x30\n\tmain.f.gowrap1+0x40\n"
                                   "\truntime.goexit+0x1\n",
                                   two.data),
                         1);
        bytes_free(&two);
        if (load_count(traces[0], "impossible_transitions") != cases[i].impossible)
            fail_msg("case %zu", i);
    }
}

/* What a recorder tells of the goroutine whose goid is `goid`. */
enum telling { TELLS_BOTH, TELLS_GOID };

static void tell(struct bytes *text, const char *probe, enum telling telling, unsigned goid, const char *more,
                 unsigned time)
{
    bytes_format(text, "%s: ", probe);
    if (telling == TELLS_BOTH)
        bytes_format(text, "goroutine=%x ", 0xc000000 + 0x380 * goid);
    bytes_format(text, "goid=%u %s ts=%u\n", goid, more, time);
}

/* Two recorders tell of the same births, of goids from 2 on, and the last one's end; of one
 * birth and of the end so much later. */
static size_t traces_of_births(enum telling one, enum telling two, unsigned births, unsigned late_ns)
{
    struct bytes texts[2] = { { 0 }, { 0 } };
    for (unsigned goid = 2; goid < births + 2; goid++) {
        unsigned time = 2000000 * goid, later = time + (goid == births + 1 ? late_ns : 900);
        tell(&texts[0], "newproc1", one, goid, "fn=main.work", goid % 2 != 0 ? time : later);
        tell(&texts[1], "newproc1", two, goid, "fn=main.work", goid % 2 != 0 ? later : time);
    }
    tell(&texts[0], "gopark", one, 2, "reason=6", 1100000000);
    tell(&texts[1], "gopark", two, 2, "reason=6", 1100000100);
    tell(&texts[0], "gdestroy", one, births + 1, "", 1200000000);
    tell(&texts[1], "gdestroy", two, births + 1, "", 1200000000 + late_ns);
    size_t count = traces_of(texts[0].data, texts[1].data);
    bytes_free(&texts[0]);
    bytes_free(&texts[1]);
    return count;
}

/* A thread may be stopped between two probes. It is one birth and one end all the same, whoever
 * tells it first, and whatever the two tell of the goroutine. */
static void what_is_told_late_happened_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        enum telling one = i & 1, two = i >> 1 & 1;
        unsigned births = 20 + (i >> 2);
        assert_int_equal(traces_of_births(one, two, 16, 3000000), 2);
        assert_int_equal(traces_of_births(one, two, births, 200000000), 2);
        assert_int_equal(traces_of_births(one, two, births, 3000000), 1);
        assert_int_equal(load_summary(traces[0]).created, births);
        assert_int_equal(load_summary(traces[0]).ended, 1);
        assert_int_equal(load_summary(traces[0]).blocked_at_end, 1);
        assert_int_equal(load_count(traces[0], "seen_twice"), births + 2);
        assert_int_equal(load_count(traces[0], "implicit_ends"), 0);
        assert_int_equal(load_count(traces[0], "impossible_transitions"), 0);
    }
}

/* Its creation is told by goid alone; the other one first names it as who woke somebody. */
static void who_is_named_by_both_is_one(void **state)
{
    (void)state;
    assert_int_equal(traces_of("newproc1: goid=7 fn=main.work ts=1000000\n"
                               "newproc1: goid=8 fn=main.work ts=2000900\n"
                               "gopark: goid=8 reason=6 ts=2500000\n",
                               "newproc1: goroutine=c000102000 goid=8 fn=main.work ts=2000000\n"
                               "ready: goroutine=c000102000 goid=8 by=c000103000 bygoid=7 ts=9000000\n"
                               "gopark: goroutine=c000103000 goid=7 reason=6 ts=12000000\n"),
                     1);
    assert_int_equal(load_summary(traces[0]).created, 2);
    assert_int_equal(load_summary(traces[0]).live_at_end, 2);
    assert_int_equal(load_summary(traces[0]).blocked_at_end, 1);
    assert_int_equal(load_goroutine(traces[0], 0xc000103000).goid, 7);
}

/* Children that were told of its address alone, and of its goid alone, are children of one. */
static void who_is_named_as_a_parent_is_one(void **state)
{
    (void)state;
    assert_int_equal(traces_of("newproc1: goid=7 fn=main.work ts=1000000\n"
                               "newproc1: goid=20 parentgoid=7 fn=main.kid ts=1200000\n"
                               "gopark: goid=7 reason=6 ts=1500000\n",
                               "newproc1: goroutine=c000102000 goid=20 fn=main.kid ts=1200500\n"
                               "newproc1: goroutine=c000104000 goid=9 fn=main.kid parent=c000103000 ts=9000000\n"
                               "gopark: goroutine=c000103000 goid=7 reason=6 ts=12000000\n"
                               "newproc1: goroutine=c000105000 goid=10 fn=main.kid parent=c000103000 ts=13000000\n"),
                     1);
    assert_int_equal(load_summary(traces[0]).created, 4);
    for (uint64_t g = 0xc000102000; g <= 0xc000105000; g += 0x1000) {
        struct goleak_ancestor parent;
        struct goleak_goroutine one = load_goroutine(traces[0], g);
        if (one.goid == 7)
            continue;
        assert_int_equal(goleak_goroutine_ancestors(traces[0], &one, &parent, 1), 1);
        assert_int_equal(parent.goid, 7);
        assert_true(parent.alive);
    }
}

/* More than is looked at stands before the first birth that both have seen. */
static void a_part_joins_wherever_it_begins(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    for (unsigned i = 0; i < 30000; i++)
        bytes_format(&text, "newproc1: goroutine=%x goid=%u gopc=45a6a5 fn=main.work ts=%u\n", 0xc00000 + i * 0x380,
                     i + 2, 1000000 + i * 1000);
    assert_true(text.size > (2u << 20));
    assert_int_equal(traces_of(text.data, "newproc1: goid=29002 fn=main.work ts=30000500\n"), 1);
    assert_int_equal(load_summary(traces[0]).created, 30000);
    assert_int_equal(traces_of("newproc1: goid=29002 fn=main.work ts=30000500\n", text.data), 1);
    /* Not in another life of the program, nor behind its end. */
    assert_int_equal(traces_of(text.data, "newproc1: goid=29002 fn=main.work ts=40000500\n"), 2);
    assert_int_equal(traces_of(text.data, "newproc1: goid=28002 fn=main.work ts=30000500\n"), 2);
    bytes_free(&text);
}

/* A goroutine of a Go trace: made by main.work, at a line. */
static void births_trace(struct bytes *out, size_t births)
{
    struct bytes text = { 0 };
    char why[TRACE_TEXT_WHY];
    bytes_text(&text, "Trace Go1.26\nEventBatch 1 -1 100000\nSync\nFrequency 1000000000\nClockSnapshot 0 100000 0 0\n"
                      "EventBatch 1 7 100000\nProcStatus 0 0 1\nGoStatus 0 1 7 2\n");
    for (size_t i = 0; i < births; i++)
        bytes_format(&text, "GoCreate 1000 %zu 1 2\n", 5 + i);
    bytes_text(&text, "EventBatch 1 -1 100000\nStacks\nStack id=1\npc=1 func=20 file=22 line=5\n"
                      "Stack id=2\npc=2 func=21 file=22 line=9\nEventBatch 1 -1 100000\nStrings\n"
                      "String 20 data=\"main.run\"\nString 21 data=\"main.Map[...].work\"\n"
                      "String 22 data=\"/srv/main.go\"\nEndOfGeneration\n");
    if (!trace_text(text.data, out, why))
        fail_msg("%s", why);
    bytes_free(&text);
}

/* perf tells a go statement's place by an offset in its function, a Go trace by a line: the function is in both, and a
 * generic one has its types in one of them. Another function of one birth in 16 may be a frame that a stack lacks. */
static void recordings_of_births_in_the_same_functions_join(void **state)
{
    static const struct {
        unsigned births, others, late_ns, traces;
        const char *function, *other;
    } cases[] = {
        { 1, 0, 0, 1, "main.Map[go.shape.[]int].work+0x5a", NULL },
        { 1, 0, 499000, 1, "main.Map[go.shape.[]int].work+0x5a", NULL },
        { 1, 0, 501000, 2, "main.Map[go.shape.[]int].work+0x5a", NULL },
        { 1, 0, 0, 2, "main.Map[go.shape.[]int].worker+0x5a", NULL },
        { 1, 0, 0, 2, "main.Map.work+0x5a", NULL },
        { 1, 0, 0, 2, "runtime.newcoro.func1+0x5a", NULL },
        { 1, 0, 0, 2, "0x4b8a1a", NULL },
        { 16, 1, 0, 2, "main.Map[go.shape.[]int].work+0x5a", "main.other+0x5a" },
        { 17, 1, 0, 1, "main.Map[go.shape.[]int].work+0x5a", "main.other+0x5a" },
        { 17, 2, 0, 2, "main.Map[go.shape.[]int].work+0x5a", "main.other+0x5a" },
        { 2, 1, 0, 1, "main.Map[go.shape.[]int].work+0x5a", "runtime.newcoro.func1+0x5a" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes text = { 0 }, trace = { 0 };
        births_trace(&trace, cases[i].births);
        for (unsigned k = 0; k < cases[i].births; k++)
            bytes_format(&text, "newproc1: goroutine=%x goid=%u gopc=45a6a5 startpc=45fa00 ts=%u\n" AT("%s"),
                         0xc000000 + 0x380 * k, 5 + k, 101000 + 1000 * k + cases[i].late_ns,
                         k < cases[i].others ? cases[i].other : cases[i].function);
        forget_files();
        write_file(text.data);
        write_file("");
        assert_true(bytes_write(&trace, paths[1]));
        if (load_files(NULL) != cases[i].traces)
            fail_msg("case %zu: %zu traces", i, trace_count);
        bytes_free(&text);
        bytes_free(&trace);
    }
}

/* A generation of a Go trace that begins 100 us behind the last one; the last one is of more than a MiB, and
 * only then a goroutine is born. */
static void add_generation(struct bytes *text, unsigned generation, bool is_last)
{
    unsigned time = generation * 100000;
    bytes_format(text,
                 "EventBatch %u -1 %u\nSync\nFrequency 1000000000\nClockSnapshot 0 %u 0 0\n"
                 "EventBatch %u 7 %u\nProcStatus 0 0 1\nGoStatus 0 1 7 2\n",
                 generation, time, time, generation, time);
    for (unsigned i = 0; !is_last && i < 600; i++) /* more than a batch of events */
        bytes_format(text, "GoStatus 0 %u -1 4\n", 100 + i);
    for (unsigned i = 0; is_last && i < 60000; i++) {
        if (i % 2000 == 0)
            bytes_format(text, "EventBatch %u 7 %u\n", generation, time + i);
        bytes_text(text, "HeapAlloc 0/10 1/10\n");
    }
    if (is_last)
        bytes_format(text, "EventBatch %u 7 %u\nGoCreate 0 5 1 0\n", generation, time + 90000);
    bytes_format(text,
                 "EventBatch %u -1 %u\nStacks\nStack id=1\npc=1 func=20 file=20 line=5\n"
                 "EventBatch %u -1 %u\nStrings\nString 20 data=\"main.work\"\nEndOfGeneration\n",
                 generation, time, generation, time);
}

/* A Go trace tells nothing before a generation ends, and of births perhaps nothing in the first one. */
static void a_first_birth_behind_much_else_joins(void **state)
{
    (void)state;
    for (unsigned generations = 1; generations <= 2; generations++) {
        struct bytes text = { 0 }, trace = { 0 };
        char why[TRACE_TEXT_WHY], birth[96];
        bytes_text(&text, "Trace Go1.26\n");
        for (unsigned generation = 1; generation <= generations; generation++)
            add_generation(&text, generation, generation == generations);
        if (!trace_text(text.data, &trace, why))
            fail_msg("%s", why);
        assert_true(trace.size > 1 << 20);
        snprintf(birth, sizeof birth, "newproc1: goroutine=c000102000 goid=5 fn=main.work ts=%u\n",
                 generations * 100000 + 90100);
        forget_files();
        write_file(birth);
        write_file("");
        assert_true(bytes_write(&trace, paths[1]));
        assert_int_equal(load_files(NULL), 1);
        assert_int_equal(load_count(traces[0], "seen_twice"), 1);
        bytes_free(&text);
        bytes_free(&trace);
    }
}

/* The program was started anew, and the goids with it. */
static void of_equal_goids_the_nearest_counts(void **state)
{
    (void)state;
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 fn=main.work ts=1000000\n"
                               "gdestroy: goroutine=c000102000 goid=7 ts=2000000\n"
                               "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 fn=main.work ts=900000000\n",
                               "newproc1: goid=7 fn=main.work ts=900000700\n"),
                     1);
    assert_int_equal(load_summary(traces[0]).created, 2);
}

/* … of those that are the same process's. */
static void of_equal_goids_those_of_the_pid_count(void **state)
{
    (void)state;
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000000\n"
                               "newproc1: goroutine=c000102000 goid=7 pid=200 gopc=45b000 ts=1000500\n",
                               "newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000400\n"
                               "newproc1: goroutine=c000102000 goid=7 pid=200 gopc=45b000 ts=1000900\n"),
                     1);
    assert_int_equal(load_summary(traces[0]).created, 2);
    /* Of another process it says nothing. */
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n",
                               "newproc1: goroutine=c000102000 goid=7 pid=200 ts=900000000\n"
                               "gopark: goroutine=c000102000 goid=7 reason=6 pid=100 ts=900000000\n"),
                     1);
    assert_int_equal(load_summary(traces[0]).created, 2);
}

static void one_pid_does_not_join_what_contradicts(void **state)
{
    (void)state;
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000000\n",
                               "newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45b000 ts=1000000\n"),
                     2);
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n",
                               "newproc1: goroutine=c000102000 goid=7 pid=100 ts=900000000000\n"),
                     2);
}

/* One that tells the pid and one that does not: the events without are of that process. */
static void a_pid_that_one_tells_is_the_others_too(void **state)
{
    (void)state;
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000000\n"
                               "newproc1: goroutine=c000102380 goid=8 pid=100 gopc=45a6a5 ts=1100000\n",
                               "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1000100\n"
                               "gopark: goroutine=c000102000 goid=7 reason=6 ts=2000000\n"),
                     1);
    assert_int_equal(load_summary(traces[0]).created, 2);
    assert_int_equal(load_count(traces[0], "seen_twice"), 1);
    assert_int_equal(load_goroutine(traces[0], A).state, GOLEAK_STATE_WAITING);
    assert_int_equal(load_goroutine(traces[0], A).pid, 100);
}

static void of_several_processes_events_without_a_pid_are_nobodys(void **state)
{
    (void)state;
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000000\n"
                               "newproc1: goroutine=c000102000 goid=7 pid=200 gopc=45a6a5 ts=8000000\n",
                               "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1000000\n"),
                     2);
    /* But two that both tell of several join. */
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n"
                               "newproc1: goroutine=c000102000 goid=7 pid=200 ts=8000000\n",
                               "gopark: goroutine=c000102000 goid=7 reason=6 pid=200 ts=9000000\n"),
                     1);
    assert_int_equal(load_summary(traces[0]).created, 2);
    assert_int_equal(load_summary(traces[0]).blocked_at_end, 1);
}

/* ---- files of several ------------------------------------------------------------------ */

/* All files so far become one. */
static void convert_files(void)
{
    const char *names[FILES];
    struct bytes glk = { 0 };
    for (size_t i = 0; i < file_count; i++)
        names[i] = paths[i];
    assert_int_equal(goleak_convert(names, file_count, NULL, 3, glk_bytes_write, &glk, errors), GOLEAK_OK);
    forget_files();
    snprintf(paths[0], sizeof paths[0], "%s/all.glk", folder);
    assert_true(bytes_write(&glk, paths[file_count++]));
    bytes_free(&glk);
}

/* The second one tells no start function, and its births lie nearer to the other file's. */
static void a_file_of_several_joins_what_one_of_them_joins(void **state)
{
    (void)state;
    static const char *const both[] = {
        "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 fn=main.work ts=1000000\n"
        "newproc1: goroutine=c000102380 goid=8 gopc=45a6a5 fn=main.work ts=2000000\n",
        "newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1000400\n"
        "newproc1: goroutine=c000102380 goid=8 gopc=45a6a5 ts=2000400\n"
        "gopark: goroutine=c000102380 goid=8 reason=6 ts=3000000\n",
    };
    for (size_t first = 0; first < 2; first++) {
        forget_files();
        write_file(both[first]);
        write_file(both[1 - first]);
        convert_files();
        write_file("newproc1: goid=7 fn=main.work ts=1000500\n"
                   "newproc1: goid=8 fn=main.work ts=2000500\n"
                   "goexit0: goid=7 ts=2500000\n");
        assert_int_equal(load_files(NULL), 1);
        assert_int_equal(load_summary(traces[0]).created, 2);
        assert_int_equal(load_summary(traces[0]).ended, 1);
        assert_int_equal(load_summary(traces[0]).blocked_at_end, 1);
        assert_int_equal(load_count(traces[0], "seen_twice"), 4);
    }
    forget_files();
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000000\n");
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000400\n");
    convert_files();
    write_file("newproc1: goroutine=c000102000 goid=7 gopc=45b000 ts=1000500\n");
    assert_int_equal(load_files(NULL), 2);
}

/* Nobody's goroutine is one of a process beside it. */
static void a_pid_is_that_of_all_of_a_file(void **state)
{
    (void)state;
    write_file("newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1000000\n");
    write_file("newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1000100\n"
               "newproc1: goroutine=c000102380 goid=8 gopc=45a6a5 ts=1500000\n"
               "gopark: goroutine=c000102000 goid=7 reason=6 ts=2000000\n");
    convert_files();
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000200\n"
               "newproc1: goroutine=c000102380 goid=8 pid=100 gopc=45a6a5 ts=1500100\n");
    assert_int_equal(load_files(NULL), 1);
    assert_int_equal(load_summary(traces[0]).created, 2);
    assert_int_equal(load_summary(traces[0]).blocked_at_end, 1);
    assert_int_equal(load_capture(traces[0]).events, 3);
    assert_int_equal(load_goroutine(traces[0], A).pid, 100);
    assert_int_equal(load_goroutine(traces[0], B).pid, 100);
    /* … and, where such a file is made, of all that it tells. */
    convert_files();
    write_file("goexit0: goroutine=c000102380 goid=8 pid=100 ts=3000000\n");
    assert_int_equal(load_files(NULL), 1);
    assert_int_equal(load_summary(traces[0]).created, 2);
    assert_int_equal(load_summary(traces[0]).ended, 1);
}

/* ---- what never joins ------------------------------------------------------------------ */

static void what_tells_no_time_never_joins(void **state)
{
    (void)state;
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100\n",
                               "newproc1: goroutine=c000102000 goid=7 pid=100\n"),
                     2);
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n",
                               "newproc1: goroutine=c000102000 goid=7 pid=100\n"),
                     2);
}

static void times_since_the_start_never_join(void **state)
{
    static const char relative[] = "app 100/100 [000] 0.000000: p:newproc1: (45a700 <- 45a6a5) g=0xc000102000 goid=7\n"
                                   "app 100/100 [000] 0.002000: p:gopark: (45a700) g=0xc000102000 goid=7 reason=6\n";
    static const char absolute[] = "app 100/100 [000] 9.000000: p:newproc1: (45a700 <- 45a6a5) g=0xc000102000 goid=7\n"
                                   "app 100/100 [000] 9.002000: p:gopark: (45a700) g=0xc000102000 goid=7 reason=6\n";
    (void)state;
    assert_int_equal(traces_of(relative, relative), 2);
    assert_int_equal(traces_of(relative, absolute), 2);
    assert_int_equal(traces_of(absolute, absolute), 1);
}

/* The first line that tells a time need not be an event. */
static void a_start_may_be_a_record(void **state)
{
    static const char record[] = "app 100/100 [000] 0.000000: PERF_RECORD_COMM exec: app:100/100\n";
    static const char events[] = "app 100/100 [000] %d.000005: p:newproc1: (45a700 <- 45a6a5) g=0xc000102000 goid=7\n"
                                 "app 100/100 [000] %d.000007: p:gopark: (45a700) g=0xc000102000 goid=7 reason=6\n";
    char text[512];
    (void)state;
    size_t size = (size_t)snprintf(text, sizeof text, "%s", record);
    snprintf(text + size, sizeof text - size, events, 0, 0);
    assert_int_equal(traces_of(text, text), 2);
    assert_int_equal(load_capture(traces[0]).clock, GOLEAK_CLOCK_RELATIVE);
    /* What ran before perf has time 0 on any clock. */
    snprintf(text + size, sizeof text - size, events, 9, 9);
    assert_int_equal(traces_of(text, text), 1);
    assert_int_equal(load_capture(traces[0]).clock, GOLEAK_CLOCK_MONOTONIC);
}

static int pipe_with(const char *text)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
    close(ends[1]);
    return ends[0];
}

static void pipes_never_join_and_lose_nothing(void **state)
{
    static const char text[] = "newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000000\n";
    int ends[2] = { pipe_with(text), pipe_with(text) };
    char names[2][32];
    (void)state;
    for (size_t i = 0; i < 2; i++)
        snprintf(names[i], sizeof names[i], "/dev/fd/%d", ends[i]);
    const char *const both[] = { names[0], names[1] };
    assert_int_equal(goleak_trace_load_all(traces, &trace_count, both, 2, NULL, errors), GOLEAK_OK);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(trace_count, 2);
    assert_int_equal(load_summary(traces[0]).created, 1);
    assert_int_equal(load_summary(traces[1]).created, 1);
    /* Not with a file, either. */
    free_traces();
    write_file(text);
    ends[0] = pipe_with(text);
    snprintf(names[0], sizeof names[0], "/dev/fd/%d", ends[0]);
    const char *const mixed[] = { paths[0], names[0] };
    assert_int_equal(goleak_trace_load_all(traces, &trace_count, mixed, 2, NULL, errors), GOLEAK_OK);
    close(ends[0]);
    assert_int_equal(trace_count, 2);
}

static void what_cannot_be_read_has_no_identity(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_identity *one = malloc(sizeof *one), *two = malloc(sizeof *two);
    (void)state;
    assert_non_null(one);
    assert_non_null(two);
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000000\n");
    write_file("no recording at all\n");
    write_file("");
    assert_int_equal(goleak_identity_read(one, paths[0], &options, NULL), GOLEAK_OK);
    assert_true(one->timed);
    assert_int_equal(one->pid_count, 1);
    assert_int_equal(one->pids[0], 100);
    assert_false(one->without_pid);
    assert_int_equal(one->birth_count, 1);
    assert_int_equal(one->births[0].gopc, 0x45a6a5);
    assert_true(goleak_identity_joins(one, one));
    const char *const unreadable[] = { paths[1], paths[2], folder, "/nowhere/at/all", "-" };
    for (size_t i = 0; i < COUNT(unreadable); i++) {
        assert_int_equal(goleak_identity_read(two, unreadable[i], &options, NULL), GOLEAK_OK);
        assert_false(two->timed);
        assert_false(goleak_identity_joins(one, two));
        assert_false(goleak_identity_joins(two, one));
        assert_false(goleak_identity_joins(two, two));
    }
    free(one);
    free(two);
}

/* More than there is room for, and more than is looked at. */
static void an_identity_has_its_bounds(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_identity *one = malloc(sizeof *one);
    struct bytes text = { 0 };
    (void)state;
    assert_non_null(one);
    for (unsigned i = 0; i < 60000; i++)
        bytes_format(&text, "newproc1: goroutine=%x goid=%u pid=%u gopc=45a6a5 ts=%u\n", 0xc00000 + i * 0x380, i + 2,
                     100 + i % 30, 1000000 + i);
    write_file(text.data);
    assert_int_equal(goleak_identity_read(one, paths[0], &options, NULL), GOLEAK_OK);
    assert_true(one->timed);
    assert_int_equal(one->birth_count, GOLEAK_JOIN_BIRTHS);
    assert_true(one->pid_count > GOLEAK_JOIN_PIDS);
    for (size_t i = 1; i < one->birth_count; i++)
        assert_true(one->births[i - 1].goid <= one->births[i].goid);
    assert_true(goleak_identity_joins(one, one));
    bytes_free(&text);
    free(one);
}

/* ---- several ----------------------------------------------------------------------------- */

static void groups_are_found_among_others(void **state)
{
    (void)state;
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n");
    write_file("newproc1: goroutine=c000102000 goid=7 pid=200 ts=1000000\n");
    write_file("gopark: goroutine=c000102000 goid=7 reason=6 pid=100 ts=2000000\n");
    write_file("newproc1: goroutine=c000102000 goid=7\n");
    write_file("gopark: goroutine=c000102000 goid=7 reason=7 pid=200 ts=2000000\n");
    assert_int_equal(load_files(NULL), 3);
    assert_int_equal(inputs_of(traces[0]), 2);
    assert_int_equal(load_goroutine(traces[0], A).reason, GOLEAK_REASON_CHAN_SEND);
    assert_int_equal(inputs_of(traces[1]), 2);
    assert_int_equal(load_goroutine(traces[1], A).reason, GOLEAK_REASON_CHAN_RECV);
    assert_int_equal(inputs_of(traces[2]), 1);
}

/* The first and the last have nothing in common but the one between. */
static void those_that_join_bring_those_that_join_them(void **state)
{
    (void)state;
    write_file("newproc1: goroutine=c000102000 goid=7 gopc=45a6a5 ts=1000000\n");
    write_file("newproc1: goroutine=c000102380 goid=8 pid=100 gopc=45a6a5 ts=3000000\n");
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 gopc=45a6a5 ts=1000010\n");
    assert_int_equal(load_files(NULL), 1);
    assert_int_equal(inputs_of(traces[0]), 3);
    assert_int_equal(load_summary(traces[0]).created, 2);
    assert_int_equal(load_count(traces[0], "seen_twice"), 1);
}

/* A MiB with less than a batch of events in it, and a cut line at its end. */
static void few_events_with_deep_stacks_join(void **state)
{
    (void)state;
    struct bytes text = { 0 };
    for (unsigned i = 0; i < 200; i++) {
        bytes_format(&text, "gopark: goroutine=c000102000 goid=7 reason=6 ts=%u\n", 2000 + i);
        for (unsigned k = 0; k < 500; k++)
            bytes_format(&text, "              app`main.work_%u_%u+0x%x\n", i, k, k + 1);
        bytes_text(&text, "\n");
        if (i == 0)
            bytes_text(&text, "newproc1: goroutine=c000102380 goid=8 pid=100 gopc=45a6a5 ts=3000\n");
    }
    assert_true(text.size > (3u << 20));
    assert_int_equal(traces_of(text.data, "newproc1: goroutine=c000102380 goid=8 gopc=45a6a5 ts=3500\n"), 1);
    assert_int_equal(load_count(traces[0], "seen_twice"), 1);
    bytes_free(&text);
}

static void a_packed_recording_joins_too(void **state)
{
    struct bytes text = { 0 }, packed = { 0 };
    (void)state;
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n");
    write_named("b.txt.zst", "");
    bytes_text(&text, "gopark: goroutine=c000102000 goid=7 reason=6 pid=100 ts=2000000\n");
    bytes_zstd(&packed, &text);
    assert_true(bytes_write(&packed, paths[1]));
    bytes_free(&text);
    bytes_free(&packed);
    assert_int_equal(load_files(NULL), 1);
    assert_int_equal(load_summary(traces[0]).blocked_at_end, 1);
}

static void a_message_file_finds_the_joined(void **state)
{
    (void)state;
    write_named("run.txt", "newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n");
    write_named("run.perf", "gopark: goroutine=c000102000 goid=7 reason=6 pid=100 ts=2000000\n");
    write_named("run.err", "Attaching 8 probes...\nLost 12 events\n");
    assert_int_equal(load_files(NULL), 1);
    assert_int_equal(inputs_of(traces[0]), 3);
    assert_int_equal(load_count(traces[0], "lost_events"), 12);
}

/* Whichever of the joined it is named like. */
static void a_silent_message_file_finds_any_of_the_joined(void **state)
{
    (void)state;
    write_named("run.txt", "newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n");
    write_named("perf.txt", "gopark: goroutine=c000102000 goid=7 reason=6 pid=100 ts=2000000\n");
    write_named("perf.err", "something of the program's own\n");
    assert_int_equal(load_files(NULL), 1);
    assert_int_equal(inputs_of(traces[0]), 3);
}

/* Losses are told again only if the recording itself told them. */
static void losses_of_two_recorders_add_up(void **state)
{
    static const struct {
        const char *name, *text;
        uint64_t lost;
    } cases[] = {
        { "b.err", "Attaching 8 probes...\nLost 50 events\n", 150 },
        { "b.err", "Attaching 8 probes...\nLost 200 events\n", 300 },
        { "a.err", "Attaching 8 probes...\nLost 100 events\n", 100 },
        { "a.err", "Attaching 8 probes...\nLost 130 events\n", 130 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        forget_files();
        write_named("a.txt", "app 100/100 [000] 1.000001: p:newproc1: (45a700 <- 45a6a5) g=0xc000102000 goid=7\n"
                             "app 100/100 [000] 1.000002: PERF_RECORD_LOST lost 100\n");
        write_named("b.txt", "gopark: goroutine=c000102000 goid=7 reason=6 pid=100 ts=2000000000\n");
        write_named(cases[i].name, cases[i].text);
        assert_int_equal(load_files(NULL), 1);
        assert_int_equal(inputs_of(traces[0]), 3);
        assert_int_equal(load_count(traces[0], "lost_events"), cases[i].lost);
    }
}

static void seventy_recordings_are_one(void **state)
{
    char text[128], name[16];
    (void)state;
    for (unsigned i = 0; i < 70; i++) {
        snprintf(text, sizeof text, "newproc1: goroutine=%x goid=%u pid=100 ts=%u\n", 0xc00000 + i * 0x380, i + 2,
                 1000000 + i * 1000);
        snprintf(name, sizeof name, "%u.txt", i);
        write_named(name, text);
    }
    assert_int_equal(load_files(NULL), 1);
    assert_int_equal(inputs_of(traces[0]), 70);
    assert_int_equal(load_summary(traces[0]).created, 70);
}

/* By the API: the first that is one too many is told so, and the others remain. */
static void the_input_that_is_one_too_many_is_named(void **state)
{
    struct goleak_trace *trace;
    struct goleak_input *input, *first = NULL;
    struct goleak_error error = { 0 };
    (void)state;
    assert_int_equal(goleak_trace_new(&trace, NULL, &error), GOLEAK_OK);
    for (size_t i = 0; i < GOLEAK_LANES; i++) {
        assert_int_equal(goleak_input_open(&input, trace, "x", &error), GOLEAK_OK);
        first = i == 0 ? input : first;
    }
    assert_int_equal(goleak_input_open(&input, trace, "x", &error), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "found input 257 of those that are open together, expected no more than 256");
    static const char line[] = "newproc1: goroutine=c000102000 goid=7 ts=1000000\n";
    assert_int_equal(goleak_input_feed(first, line, sizeof line - 1, &error), GOLEAK_OK);
    goleak_trace_free(trace);
}

static void options_need_their_size(void **state)
{
    struct goleak_options options = { 0 };
    (void)state;
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n");
    const char *const names[] = { paths[0] };
    assert_int_equal(goleak_trace_load_all(traces, &trace_count, names, 1, &options, errors), GOLEAK_E_USAGE);
    assert_int_equal(trace_count, 0);
    assert_int_equal(errors[0].status, GOLEAK_E_USAGE);
    assert_string_equal(errors[0].message, "options.size is 0: begin with GOLEAK_OPTIONS_INIT");
}

/* ---- limits ------------------------------------------------------------------------------ */

static bool count_ended(void *context, const struct goleak_trace *trace, const struct goleak_goroutine *goroutine)
{
    (void)trace;
    (void)goroutine;
    ++*(size_t *)context;
    return true;
}

/* Two recordings of a process: `ended` goroutines come and go, then `living` come to stay. */
static void write_pair(unsigned pid, unsigned ended, unsigned living)
{
    for (unsigned file = 0; file < 2; file++) {
        struct bytes text = { 0 };
        for (unsigned i = file; i < ended; i += 2)
            bytes_format(&text,
                         "newproc1: goroutine=c000102000 goid=%u pid=%u ts=%u\n"
                         "gdestroy: goroutine=c000102000 goid=%u pid=%u ts=%u\n",
                         i + 2, pid, 1000 + i * 1000, i + 2, pid, 1500 + i * 1000);
        for (unsigned i = file; i < living; i += 2)
            bytes_format(&text, "newproc1: goroutine=%x goid=%u pid=%u ts=%u\n", 0xc00000 + i * 0x380, ended + i + 2,
                         pid, 2000 + (ended + i) * 1000);
        write_file(text.data);
        bytes_free(&text);
    }
}

/* The joined do not become two traces in silence, nor is anything told twice. */
static void a_limit_ends_the_joined_together(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    size_t ended = 0;
    (void)state;
    write_pair(100, 20000, 500000);
    options.max_memory_bytes = 40 << 20;
    const char *const names[] = { paths[0], paths[1] };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(goleak_trace_load_all(traces, &trace_count, names, 2, &options, errors), GOLEAK_E_LIMIT);
        assert_int_equal(trace_count, 0);
        assert_int_equal(errors[0].status, GOLEAK_E_LIMIT);
        assert_string_equal(errors[0].path, paths[0]);
        assert_non_null(strstr(errors[0].message, "raise it with --max-memory"));
        assert_int_equal(errors[1].status, GOLEAK_E_LIMIT);
        assert_string_equal(errors[1].path, paths[1]);
        assert_non_null(strstr(errors[1].message, "its analysis ended with that of"));
        options.ended = count_ended;
        options.ended_context = &ended;
    }
    assert_true(ended != 0 && ended <= 20000);
}

static void the_joined_share_one_limit(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        write_pair(100 + i, 0, 60000);
    assert_int_equal(load_files(&options), 3);
    uint64_t each = traces[0]->alloc.used_bytes;
    const char *names[6];
    for (size_t i = 0; i < 6; i++)
        names[i] = paths[i];
    free_traces();
    options.max_memory_bytes = each * 5 / 2 + (30 << 20);
    assert_int_equal(goleak_trace_load_all(traces, &trace_count, names, 6, &options, errors), GOLEAK_OK);
    free_traces();
    options.max_memory_bytes = each * 5 / 2;
    assert_int_equal(goleak_trace_load_all(traces, &trace_count, names, 6, &options, errors), GOLEAK_E_LIMIT);
    assert_true(trace_count < 3);
}

static void a_file_that_fails_takes_no_other_with_it(void **state)
{
    (void)state;
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n");
    write_file("gopark: goroutine=c000102000 goid=7 reason=6 pid=100 ts=2000000\n");
    const char *const names[] = { paths[0], "/nowhere/at/all", paths[1] };
    assert_int_equal(goleak_trace_load_all(traces, &trace_count, names, 3, NULL, errors), GOLEAK_E_IO);
    assert_int_equal(trace_count, 1);
    assert_int_equal(inputs_of(traces[0]), 2);
    assert_int_equal(errors[0].status, GOLEAK_OK);
    assert_int_equal(errors[1].status, GOLEAK_E_IO);
    assert_string_equal(errors[1].path, "/nowhere/at/all");
    assert_int_equal(errors[2].status, GOLEAK_OK);
}

static void options_hold_for_the_joined(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    (void)state;
    options.go_version = "1.22";
    options.retain_ended = true;
    options.jobs = 1;
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n");
    write_file("gdestroy: goroutine=c000102000 goid=7 pid=100 ts=2000000\n");
    assert_int_equal(load_files(&options), 1);
    assert_int_equal(load_goroutine(traces[0], A).ended_ns, 2000000);
    assert_string_equal(load_input(traces[0]).go_version, "1.22");
}

/* ---- reports -------------------------------------------------------------------------------- */

static bool collect(void *context, const void *data, size_t size)
{
    bytes_add(context, data, size);
    return true;
}

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

static void the_json_report_has_both_inputs_and_one_summary(void **state)
{
    struct bytes text = { 0 };
    struct goleak_error error;
    struct bytes quoted = { 0 };
    (void)state;
    assert_int_equal(traces_of("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n",
                               "gopark: goroutine=c000102000 goid=7 reason=6 pid=100 ts=2000000\n"),
                     1);
    const struct goleak_trace *const joined[] = { traces[0] };
    assert_int_equal(goleak_report_write(joined, 1, "json", NULL, collect, &text, &error), GOLEAK_OK);
    for (size_t i = 0; i < 2; i++) {
        bytes_clear(&quoted);
        bytes_format(&quoted, "\"path\":\"%s\"", paths[i]);
        assert_int_equal(occurrences(text.data, quoted.data), 1);
    }
    assert_int_equal(occurrences(text.data, "\"summary\":"), 1);
    assert_int_equal(occurrences(text.data, "\"events\":1,"), 2); /* of each input */
    bytes_free(&quoted);
    bytes_free(&text);
}

/* ---- memory ----------------------------------------------------------------------------------- */

static void a_failed_request_for_memory_leaves_nothing_behind(void **state)
{
    const char *names[2];
    (void)state;
    write_file("newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n");
    write_file("gopark: goroutine=c000102000 goid=7 reason=6 pid=100 ts=2000000\n");
    for (size_t i = 0; i < 2; i++)
        names[i] = paths[i];
    for (size_t n = 1;; n++) {
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        struct fail_alloc heap;
        fail_alloc_init(&heap, n, false);
        options.allocator = &heap.allocator;
        options.jobs = 1;
        enum goleak_status status = goleak_trace_load_all(traces, &trace_count, names, 2, &options, errors);
        /* Where only looking or joining failed, each is there alone. */
        if (status != GOLEAK_OK && status != GOLEAK_E_MEMORY)
            fail_msg("request %zu fails: status %d", n, (int)status);
        if (status == GOLEAK_OK)
            assert_true(trace_count != 0);
        free_traces();
        if (!fail_alloc_is_clean(&heap))
            fail_msg("request %zu fails: something is left behind", n);
        if (!heap.failed)
            break;
    }
}

/* What the messages say is entered when the recording is judged already. */
static void memory_that_ends_with_the_messages_ends_the_recording(void **state)
{
    const char *names[3];
    size_t refused = 0;
    (void)state;
    write_named("run.txt", "newproc1: goroutine=c000102000 goid=7 pid=100 ts=1000000\n");
    write_named("run.perf", "gopark: goroutine=c000102000 goid=7 reason=1 pid=100 ts=2000000\n");
    write_named("run.err", "Attaching 8 probes...\nLost 12 events\n");
    for (size_t i = 0; i < 3; i++)
        names[i] = paths[i];
    for (size_t n = 1;; n++) {
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        struct fail_alloc heap;
        fail_alloc_init(&heap, n, false);
        options.allocator = &heap.allocator;
        options.jobs = 1;
        enum goleak_status status = goleak_trace_load_all(traces, &trace_count, names, 3, &options, errors);
        if (status == GOLEAK_OK && trace_count == 1) { /* all that it has to tell */
            assert_int_equal(load_summary(traces[0]).leaks, 1);
            assert_int_equal(load_count(traces[0], "lost_events"), 12);
        } else if (strstr(errors[2].message, "its analysis ended with that of") != NULL) {
            assert_int_equal(status, GOLEAK_E_MEMORY);
            assert_int_equal(trace_count, 0);
            for (size_t i = 0; i < 3; i++) {
                assert_int_equal(errors[i].status, GOLEAK_E_MEMORY);
                assert_string_equal(errors[i].path, paths[i]);
            }
            refused++;
        }
        free_traces();
        assert_true(fail_alloc_is_clean(&heap));
        if (!heap.failed)
            break;
    }
    assert_true(refused != 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(recordings_of_one_pid_join),
        TEST(recordings_of_two_pids_do_not),
        TEST(recordings_of_the_same_births_join),
        TEST(recordings_of_the_same_start_functions_join),
        TEST(recordings_of_wrapped_start_functions_join_by_place),
        TEST(a_park_that_is_told_late_is_one_wait),
        TEST(what_is_told_late_happened_once),
        TEST(who_is_named_by_both_is_one),
        TEST(who_is_named_as_a_parent_is_one),
        TEST(a_part_joins_wherever_it_begins),
        TEST(recordings_of_births_in_the_same_functions_join),
        TEST(a_first_birth_behind_much_else_joins),
        TEST(of_equal_goids_the_nearest_counts),
        TEST(of_equal_goids_those_of_the_pid_count),
        TEST(one_pid_does_not_join_what_contradicts),
        TEST(a_pid_that_one_tells_is_the_others_too),
        TEST(of_several_processes_events_without_a_pid_are_nobodys),
        TEST(a_file_of_several_joins_what_one_of_them_joins),
        TEST(a_pid_is_that_of_all_of_a_file),
        TEST(what_tells_no_time_never_joins),
        TEST(times_since_the_start_never_join),
        TEST(a_start_may_be_a_record),
        TEST(pipes_never_join_and_lose_nothing),
        TEST(what_cannot_be_read_has_no_identity),
        TEST(an_identity_has_its_bounds),
        TEST(groups_are_found_among_others),
        TEST(those_that_join_bring_those_that_join_them),
        TEST(few_events_with_deep_stacks_join),
        TEST(a_packed_recording_joins_too),
        TEST(a_message_file_finds_the_joined),
        TEST(a_silent_message_file_finds_any_of_the_joined),
        TEST(losses_of_two_recorders_add_up),
        TEST(seventy_recordings_are_one),
        TEST(the_input_that_is_one_too_many_is_named),
        TEST(options_need_their_size),
        TEST(a_limit_ends_the_joined_together),
        TEST(the_joined_share_one_limit),
        TEST(a_file_that_fails_takes_no_other_with_it),
        TEST(options_hold_for_the_joined),
        TEST(the_json_report_has_both_inputs_and_one_summary),
        TEST(a_failed_request_for_memory_leaves_nothing_behind),
        TEST(memory_that_ends_with_the_messages_ends_the_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
