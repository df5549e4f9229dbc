/* test_perf - what perf script prints, with every choice of columns and names. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/lines.h"
#include "format/perf.h"
#include "support/reading.h"

#define PERF (&goleak_format_perf)
#define CREATE "(45a700 <- 45a6a5) g=0xc000102000 goid=7 parentgoid=1"
#define PARK "(486ae0) g=0xc000102000 goid=7 reason=6 wait=20"

/* ---- columns ---------------------------------------------------------------- */

static void the_usual_lines(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "lab126  8152 [001]  2550.546664: probe_lab126:newproc1__return: (45a700 <- 45a6a5) "
                   "g=0x305e4dd701e0 goid=2 parent=0xac57a0 parentgoid=1 gopc=0x5a63f startpc=0x45fa00\n"
                   "\t           5a6a5 runtime.newproc.func1+0x25 (/srv/build/lab126)\n"
                   "\t           5a63f runtime.newproc+0x3f (/srv/build/lab126)\n"
                   "\n"
                   "lab126  8153 [000]  2550.546999: probe_lab126:gopark: (486ae0) g=0x305e4dd701e0 goid=2 reason=6 "
                   "wait=20 lock=0x0\n",
                   "1 create g=305e4dd701e0 goid=2 by=ac57a0 bygoid=1 ts=2550546664000 cpu=1 tid=8152 gopc=5a63f "
                   "startpc=45fa00 [runtime.newproc.func1+0x25 runtime.newproc+0x3f]\n"
                   "5 park g=305e4dd701e0 goid=2 reason=6 wait=20 ts=2550546999000 cpu=0 tid=8153 lock=0\n");
    reading_expect_healthy();
    assert_string_equal(reading.facts.form, "callchains");
    assert_int_equal(reading.facts.events, 2);
    assert_false(reading.facts.relative_time);
    assert_null(reading.facts.advice);
}

enum { COMM = 1, PID = 2, TID = 4, CPU = 8, TIME = 16, PERIOD = 32, ALL = 64 };

static void add_columns(struct bytes *text, unsigned columns, unsigned tid, unsigned cpu, unsigned us)
{
    if (columns & COMM)
        bytes_text(text, "         my:app ");
    if ((columns & PID) && (columns & TID))
        bytes_format(text, "%7u/%-7u ", 100, tid);
    else if (columns & (PID | TID))
        bytes_format(text, "%7u ", columns & PID ? 100 : tid);
    if (columns & CPU)
        bytes_format(text, "[%03u] ", cpu);
    if (columns & TIME)
        bytes_format(text, "%5u.%06u: ", 12, us);
    if (columns & PERIOD)
        bytes_format(text, "%10u ", 1);
}

static void add_told(struct bytes *text, unsigned columns, unsigned tid, unsigned cpu, unsigned us)
{
    if (columns & TIME)
        bytes_format(text, " ts=%u", 12000000 + us);
    if (columns & TIME)
        bytes_text(text, "000");
    if (columns & CPU)
        bytes_format(text, " cpu=%u", cpu);
    if ((columns & PID) && (columns & TID))
        bytes_format(text, " pid=%u tid=%u", 100, tid);
    else if (columns & (PID | TID)) /* one number is the thread */
        bytes_format(text, " tid=%u", columns & PID ? 100 : tid);
}

static void every_choice_of_columns(void **state)
{
    struct bytes text = { 0 }, events = { 0 };
    (void)state;
    for (unsigned columns = 0; columns < ALL; columns++) {
        if ((columns & PERIOD) && (columns & TIME) == 0) /* see below */
            continue;
        bytes_clear(&text);
        bytes_clear(&events);
        for (unsigned i = 1; i <= 3; i++) {
            add_columns(&text, columns, 100 + i, i, i);
            bytes_format(&text, "%25s: " PARK "\n", "probe_app:gopark");
            bytes_format(&events, "%u park g=c000102000 goid=7 reason=6 wait=20", i);
            add_told(&events, columns, 100 + i, i, i);
            bytes_text(&events, "\n");
        }
        reading_expect(PERF, text.data, events.data);
        reading_expect_healthy();
    }
    bytes_free(&text);
    bytes_free(&events);
}

/* What the lines begin with is read once, and told of each. */
static void columns_that_come_again(void **state)
{
    static const char *const comms[] = { "app", "my app", "a", "app 7" };
    static const unsigned threads[] = { 7, 99, 100, 1000, 7000000 };
    struct bytes text = { 0 }, events = { 0 };
    (void)state;
    for (unsigned i = 1; i <= 400; i++) {
        unsigned tid = threads[i * 7 % 5], cpu = i * 3 % 101, seconds = 8 + i / 100 * (i % 2 + 1), part = i % 3 != 0;
        const char *comm = comms[i % 31 == 0 ? i / 31 % 4 : 0];
        bytes_format(&text, "%s %5u [%03u] %5u.%0*u: probe_app:gopark: " PARK "\n", comm, tid, cpu, seconds,
                     part ? 6 : 9, i);
        bytes_format(&events, "%u park g=c000102000 goid=7 reason=6 wait=20 ts=%u%0*u%s cpu=%u tid=%u\n", i, seconds,
                     part ? 6 : 9, i, part ? "000" : "", cpu, tid);
    }
    reading_expect(PERF, text.data, events.data);
    bytes_free(&text);
    bytes_free(&events);
}

/* A period is told by the time before it; without one the goroutines are right all the same. */
static void a_period_without_a_time(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    for (unsigned columns = PERIOD; columns < ALL; columns++) {
        if ((columns & PERIOD) == 0 || (columns & TIME))
            continue;
        bytes_clear(&text);
        add_columns(&text, columns, 101, 1, 1);
        bytes_format(&text, "%25s: " PARK "\n", "probe_app:gopark");
        reading_pieces(PERF, text.data, text.size, 0);
        assert_true(starts(reading.events.data, "1 park g=c000102000 goid=7 reason=6 wait=20"));
        reading_expect_healthy();
    }
    bytes_free(&text);
}

static void a_command_may_be_called_anything(void **state)
{
    static const char *const comms[] = {
        "app", "my leaky:app", "1 [000] 2.5: x", ":gopark: (1) g=", "[kworker/0:1]", "a:b: c", "7", "7 8 9", "[001]",
        "a/b", "100/101", "12.5:", "::", "a: b: c:", "(45a700)", "g=0x1", "#!", "\xc3\xa9t\xc3\xa9", "-1/0", "K", "",
        "x PERF", "goleak", "probe:gopark:",
    };
    struct bytes text = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT(comms); i++) {
        bytes_clear(&text);
        for (int line = 1; line <= 2; line++)
            bytes_format(&text, "%16s %5d/%-5d [%03d] %5d.%06d: %20s: " PARK "\n", comms[i], 100, 100 + line, line, 12,
                         line, "probe_app:gopark");
        reading_expect(PERF, text.data,
                       "1 park g=c000102000 goid=7 reason=6 wait=20 ts=12000001000 cpu=1 pid=100 tid=101\n"
                       "2 park g=c000102000 goid=7 reason=6 wait=20 ts=12000002000 cpu=2 pid=100 tid=102\n");
        reading_expect_healthy();
    }
    bytes_free(&text);
}

static void times_have_one_to_nine_digits(void **state)
{
    static const struct {
        const char *time, *ns;
    } cases[] = {
        { "0.000000", "0" },
        { "12.000001", "12000001000" },
        { "12.000000001", "12000000001" },
        { "1.5", "1500000000" },
        { "2550.546246827", "2550546246827" },
        { "1763634814.123456", "1763634814123456000" },
        { "9223372035.999999999", "9223372035999999999" },
    };
    char text[256], events[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof text, "app 100 [000] %s: probe_app:gopark: " PARK "\n", cases[i].time);
        snprintf(events, sizeof events, "1 park g=c000102000 goid=7 reason=6 wait=20 ts=%s cpu=0 tid=100\n",
                 cases[i].ns);
        reading_expect(PERF, text, events);
    }
}

/* It becomes a part of the command's name then, and the event remains. */
static void what_is_no_time_is_none(void **state)
{
    static const char *const times[] = { "12.0000000001:", "12:", ".5:", "12.:", "99999999999.0:",
                                         "99999999999999999999.0:", "12.000001", "-1.0:" };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(times); i++) {
        snprintf(text, sizeof text, "app 100 [000] %s probe_app:gopark: " PARK "\n", times[i]);
        reading_expect(PERF, text, "1 park g=c000102000 goid=7 reason=6 wait=20\n");
    }
}

static void threads_beyond_32_bits_are_none(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 4294967295/4294967295 [4294967295] 1.5: probe_app:gopark: " PARK "\n"
                   "app 4294967296 [000] 1.5: probe_app:gopark: " PARK "\n"
                   "app 1/4294967296 [000] 1.5: probe_app:gopark: " PARK "\n"
                   "app 1 [4294967296] 1.5: probe_app:gopark: " PARK "\n"
                   "perf -1/0 [000] 1.5: probe_app:gopark: " PARK "\n",
                   "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=4294967295 pid=4294967295 "
                   "tid=4294967295\n"
                   "2 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0\n"
                   "3 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0\n"
                   "4 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000\n"
                   "5 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0 pid=1 tid=0\n");
}

/* -F misc: the kind of the sample stands between CPU and time. */
static void letters_before_the_time_are_no_name(void **state)
{
    (void)state;
    reading_expect(PERF, "app 100/101 [001] U  12.000001: probe_app:gopark: " PARK "\n",
                   "1 park g=c000102000 goid=7 reason=6 wait=20 ts=12000001000 cpu=1 pid=100 tid=101\n");
}

/* An argument may have a column's name: the column knows better, but it is not always there. */
static void arguments_tell_what_no_column_does(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app probe_app:gopark: (486ae0) g=0xc000102000 pid=5 tid=6 cpu=7 ts=8000\n"
                   "app probe_app:gopark: (486ae0) g=0xc000102000 pid=5 tid=6 cpu=7 ts=9000\n"
                   "app 1/2 [003] 0.000004: probe_app:gopark: (486ae0) g=0xc000102000 pid=5 tid=6 cpu=7 ts=8000\n",
                   "1 park g=c000102000 ts=8000 cpu=7 pid=5 tid=6\n"
                   "2 park g=c000102000 ts=9000 cpu=7 pid=5 tid=6\n"
                   "3 park g=c000102000 ts=4000 cpu=3 pid=1 tid=2\n");
}

/* ---- probes ----------------------------------------------------------------- */

static void probes_are_named_as_their_users_choose(void **state)
{
    static const struct {
        const char *name;
        bool returns;
        const char *told;
    } cases[] = {
        { "probe_app:newproc1__return", true, "create" },
        { "probe_app:newproc1_ret", true, "create" },
        { "uprobes:newproc1_exit", true, "create" },
        { "myprobes:newproc1", true, "create" },
        { "uprobes:r_newproc1_0x5a700", true, "create" },
        { "probe_app:runtime_newproc1__return", true, "create" },
        { "probe_app:runtime.newproc1", true, "create" },
        { "g:uretprobe_newproc1", true, "create" },
        { "probe_app:newproc1", false, "spawn" },
        { "probe_app:newproc1_entry", false, "spawn" },
        { "p:p_newproc1", false, "spawn" },
        { "probe_app:gopark", false, "park" },
        { "uprobes:p_gopark_0x86ae0", false, "park" },
        { "uprobes:gopark_1", false, "park" },
        { "uprobes:gopark_enter", false, "park" },
        { "go:runtime_gopark", false, "park" },
        { "go:go_gopark", false, "park" },
        { "go:_gopark_", false, "park" },
        { "go:gopark:u", false, "park" },
        { "probe_a-b.c@d:gopark", false, "park" },
        { "probe_app:ready", false, "ready" },
        { "probe_app:goready", false, "ready" },
        { "probe_app:execute", false, "run" },
        { "probe_app:gdestroy", false, "end" },
        { "probe_app:goexit0", false, "end" },
        { "probe_app:main_main", false, "main" },
        { "probe_app:main.main", false, "main" },
        { "probe_app:chansend1", false, "object chansend1" },
        { "probe_app:selectgo__return", true, "object selectgo__return" },
        { "probe_app:gcStart", false, "gc gcStart" },
        { "probe_app:mallocgc", false, "alloc mallocgc" },
        /* Awake again, and no more. */
        { "probe_app:gopark__return", true, "other" },
        { "probe_app:ready_ret", true, "other" },
        { "probe_app:execute", true, "other" },
    };
    char text[256], events[128];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof text, "app 100 [000] 12.000001: %s: (45a700%s) g=0xc000102000 goid=7 parentgoid=1\n",
                 cases[i].name, cases[i].returns ? " <- 45a6a5" : "");
        bool is_park = strcmp(cases[i].told, "park") == 0; /* of no other one */
        snprintf(events, sizeof events, "1 %s g=c000102000 goid=7%s ts=12000001000 cpu=0 tid=100\n", cases[i].told,
                 is_park ? "" : " bygoid=1");
        reading_expect(PERF, text, events);
        reading_expect_healthy();
    }
}

static void names_of_other_things_are_unknown_events(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 100 [000] 12.000001: probe_app:casgstatus: (45a700) g=0xc000102000 goid=7\n"
                   "app 100 [000] 12.000002: sched:sched_switch: prev_comm=app prev_pid=7 ==> next_comm=x\n"
                   "app 100 [000] 12.000003: probe_app:newproc1x: (45a700) g=0xc000102000\n"
                   "app 100 [000] 12.000004: probe_app:xgopark: (45a700) goid=3\n",
                   "1 other casgstatus g=c000102000 goid=7 ts=12000001000 cpu=0 tid=100\n"
                   "3 other newproc1x g=c000102000 ts=12000003000 cpu=0 tid=100\n"
                   "4 other xgopark goid=3 ts=12000004000 cpu=0 tid=100\n");
    reading_expect_complaint(GOLEAK_HEALTH_unknown_events, 4, 1, 0, "the event probe_app:casgstatus");
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 0);
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 0);
}

/* Group and event may have 63 bytes each; the group is the program's name. */
static void a_long_name_is_read_to_its_end(void **state)
{
    char group[64], text[512];
    (void)state;
    for (size_t size = 8; size < sizeof group; size++) {
        memset(group, 'a', size);
        group[size] = '\0';
        snprintf(text, sizeof text,
                 "app 100 [000] 12.000001: %s:newproc1__return: " CREATE "\n"
                 "app 100 [000] 12.000002: %s:newproc1__return: " CREATE "\n",
                 group, group);
        reading_expect(PERF, text,
                       "1 create g=c000102000 goid=7 bygoid=1 ts=12000001000 cpu=0 tid=100\n"
                       "2 create g=c000102000 goid=7 bygoid=1 ts=12000002000 cpu=0 tid=100\n");
        reading_expect_healthy();
    }
}

/* There are 64 places for probes, which are shared by hash. */
static void more_probes_than_are_remembered(void **state)
{
    struct bytes text = { 0 }, events = { 0 };
    (void)state;
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < 200; i++) {
            bytes_format(&text, "app 100 [000] 12.000001: group%u:gopark_%u: " PARK "\n", i, i);
            bytes_format(&events, "%u park g=c000102000 goid=7 reason=6 wait=20 ts=12000001000 cpu=0 tid=100\n",
                         round * 200 + i + 1);
        }
    reading_expect(PERF, text.data, events.data);
    reading_expect_healthy();
    bytes_free(&text);
    bytes_free(&events);
}

/* newproc1's entry knows the stack and the spawner, its return the goroutine. */
static void an_entry_completes_the_return_on_its_thread(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 100 [000] 1.000001: probe_app:newproc1: (45a700) callergp=0xc000002380 callerpc=0x4b8a1a\n"
                   "\t           5a700 runtime.newproc1+0x0 (/srv/app)\n"
                   "\t           b8a1a main.f+0x5a (/srv/app)\n\n"
                   "app 101 [001] 1.000002: probe_app:newproc1: (45a700) callergp=0xc000002700 callerpc=0x4b8b1a\n"
                   "app 100 [000] 1.000003: probe_app:newproc1__return: (45a700 <- 45a6a5) g=0xc000102000 goid=7\n"
                   "app 101 [001] 1.000004: probe_app:newproc1__return: (45a700 <- 45a6a5) g=0xc000102380 goid=8\n"
                   "app 101 [001] 1.000005: probe_app:newproc1__return: (45a700 <- 45a6a5) g=0xc000102700 goid=9\n",
                   "1 spawn by=c000002380 ts=1000001000 cpu=0 tid=100 gopc=4b8a1a [runtime.newproc1+0x0 main.f+0x5a]\n"
                   "5 spawn by=c000002700 ts=1000002000 cpu=1 tid=101 gopc=4b8b1a\n"
                   "6 create g=c000102000 goid=7 by=c000002380 ts=1000003000 cpu=0 tid=100 [runtime.newproc1+0x0 "
                   "main.f+0x5a]\n"
                   "7 create g=c000102380 goid=8 by=c000002700 ts=1000004000 cpu=1 tid=101\n"
                   "8 create g=c000102700 goid=9 ts=1000005000 cpu=1 tid=101\n");
    reading_expect_healthy();
}

/* ---- arguments --------------------------------------------------------------- */

static void numbers_tell_their_base(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 1.5: p:gopark: (486ae0) g=0xc000102000 goid=0x7 reason=0x6 wait=20 lock=824634777600\n"
                   "app 7 1.5: p:gopark: (486ae0) g=824634777600 goid=7 reason=6 wait=0x14 lock=0xC000102000\n"
                   "app 7 1.5: p:gopark: (486ae0+0x4) g=0XC000102000\n"
                   "app 7 1.5: p:gopark: (ffffffff81234567) g=0xc000102000\n",
                   "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 tid=7 lock=c000102000\n"
                   "2 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 tid=7 lock=c000102000\n"
                   "3 park g=c000102000 ts=1500000000 tid=7\n"
                   "4 park g=c000102000 ts=1500000000 tid=7\n");
    reading_expect_healthy();
}

static void a_goid_below_zero_is_not_told(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 1.5: p:gopark: (486ae0) g=0xc000102000 goid=-1 reason=6\n"
                   "app 7 1.5: p:gopark: (486ae0) g=0xc000102000 goid=9 reason=6\n"
                   "app 7 1.5: p:gopark: (486ae0) g=0xc000102000 goid=0 reason=6\n",
                   "1 park g=c000102000 reason=6 ts=1500000000 tid=7\n"
                   "2 park g=c000102000 goid=9 reason=6 ts=1500000000 tid=7\n"
                   "3 park g=c000102000 reason=6 ts=1500000000 tid=7\n");
    reading_expect_healthy();
}

static void strings_stand_in_quotes(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 1.5: p:newproc1: (45a700 <- 45a6a5) g=0xc000102000 fn=\"main.f[go.shape.struct { X int }]\" "
                   "goid=7\n"
                   "app 7 1.5: p:newproc1: (45a700 <- 45a6a5) g=0xc000102000 fn=\"\" goid=7\n"
                   "app 7 1.5: p:newproc1: (45a700 <- 45a6a5) g=0xc000102000 fn=main.g goid=7 comm=\"a b\"\n",
                   "1 create g=c000102000 goid=7 ts=1500000000 tid=7 fn=main.f[go.shape.struct { X int }]\n"
                   "2 create g=c000102000 goid=7 ts=1500000000 tid=7\n"
                   "3 create g=c000102000 goid=7 ts=1500000000 tid=7 fn=main.g\n");
    reading_expect_healthy();
}

/* -F ip,sym without -g: they stand behind the arguments. */
static void what_stands_behind_the_arguments_is_left(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 1.5: p:gopark: (486ae0) g=0xc000102000 goid=7    486ae0 runtime.gopark+0x0 (/srv/app)\n"
                   "app 7 1.5: p:gopark: (486ae0) g=0xc000102000 goid=7 \n",
                   "1 park g=c000102000 goid=7 ts=1500000000 tid=7\n"
                   "2 park g=c000102000 goid=7 ts=1500000000 tid=7\n");
    reading_expect_healthy();
}

static void damaged_arguments_are_told_where_they_are(void **state)
{
    static const struct {
        const char *arguments;
        uint64_t column;
        const char *sentence;
    } cases[] = {
        { "g=zz", 40, "found g=zz, expected a number" },
        { "g=0xc000102000 goid=", 58, "found nothing behind goid=, expected a number" },
        { "g=0xc000102000 reason=256", 60, "found reason=256, expected a number of at most 255" },
        { "g=0xc000102000 count=x", 59, "found count=x, expected a decimal number" },
        { "g=0xffffffffffffffff", 40, "found g=0xffffffffffffffff, expected a number of at most 9223372036854775807" },
        { "g=0x1ffffffffffffffff goid=1", 40, "found g=0x1ffffffffffffffff, expected a number" },
        { "g=-5 goid=1", 40, "found g=-5, expected a number of 0 or more" },
        { "what is this", 38, "found no KEY=VALUE here, expected one" },
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof text,
                 "app 7 1.5: p:gopark: " PARK "\n"
                 "app 7 1.5: p:gopark: (486ae00000000) %s\n"
                 "\t           86ae0 runtime.gopark+0x0 (/srv/app)\n\n",
                 cases[i].arguments);
        reading_expect(PERF, text, "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 tid=7\n");
        reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 1, 2, cases[i].column, cases[i].sentence);
        assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 0); /* its frame goes with it */
    }
}

static void an_event_of_nobody_is_damaged(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 1.5: p:gopark: (486ae0) reason=6\n"
                   "\t           86ae0 runtime.gopark+0x0 (/srv/app)\n\n"
                   "app 7 1.5: p:newproc1: (486ae0) goid=0\n"
                   "app 7 1.5: p:gopark:\n",
                   "");
    reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 3, 1, 12,
                             "found p:gopark without g= or goid=, expected one (does -F have trace?)");
    assert_non_null(reading.facts.advice);
    assert_non_null(strstr(reading.facts.advice, "whose events tell no goroutine (g= or goid=)"));
}

static void unknown_keys_are_counted(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 1.5: p:gopark: (486ae0) g=0xc000102000 mood=1 hair=2\n"
                   "app 7 1.5: p:gopark: (486ae0) g=0xc000102000 mood=1 hair=2\n",
                   "1 park g=c000102000 ts=1500000000 tid=7\n"
                   "2 park g=c000102000 ts=1500000000 tid=7\n");
    reading_expect_complaint(GOLEAK_HEALTH_unknown_keys, 4, 1, 0, "the key mood");
}

/* ---- callchains --------------------------------------------------------------- */

static void frames_in_all_their_forms(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 1.5: p:gopark: " PARK "\n"
                   "\t           86ae0 runtime.gopark+0x0 (/srv/my app (deleted))\n"
                   "\t  main.go:12\n"
                   "\t           86ae1 main.f\n"
                   "\t          2663bd [unknown] (/srv/app)\n"
                   "\t               0 [unknown]\n"
                   "\t    7f1234567890 main.(*T).run[go.shape.int]+0x12 (/srv/app)\n"
                   "\n"
                   "app 7 1.6: p:gopark: " PARK "\n",
                   "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 tid=7 [runtime.gopark+0x0 main.f "
                   "0x2663bd main.(*T).run[go.shape.int]+0x12]\n"
                   "9 park g=c000102000 goid=7 reason=6 wait=20 ts=1600000000 tid=7\n");
}

static void a_callchain_without_an_event_is_nobodys(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "\t           86ae0 runtime.gopark+0x0 (/srv/app)\n\n"
                   "app 7 1.5: p:gopark: " PARK "\n",
                   "3 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 tid=7\n");
    reading_expect_complaint(GOLEAK_HEALTH_unknown_lines, 1, 1, 1,
                             "\"\\x09           86ae0 runtime.gopark+0x0 (/srv/app)\"");
}

/* ---- losses and messages ------------------------------------------------------ */

static void lost_records_are_counted(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 [000] 1.5: p:gopark: " PARK "\n"
                   "app  6502 [001]  2454.722522: PERF_RECORD_LOST lost 159\n"
                   "PERF_RECORD_LOST_SAMPLES lost 16\n"
                   "app 1 [000] 2454.8: PERF_RECORD_LOST_SAMPLES\n"
                   "app 1 [000] 2454.9: PERF_RECORD_COMM: app:1\n",
                   "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0 tid=7\n");
    reading_expect_complaint(GOLEAK_HEALTH_lost_events, 159 + 16 + 1, 2, 1,
                             "\"app  6502 [001]  2454.722522: PERF_RECORD_LOST lost 159\"");
    assert_int_equal(reading.facts.notes, 4);
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 0);
}

/* "lost 159" may have been cut to "lost 15": no digit is made up, and it is said. */
static void losses_on_a_line_that_is_cut_are_the_least(void **state)
{
    static const char head[] = "app 7 [000] 1.5: p:gopark: " PARK "\n";
    static const struct {
        const char *line;
        uint64_t lost, cut;
    } cases[] = {
        { "app  6502 [001]  2454.722522: PERF_RECORD_LOST lost 15", 15, 1 },
        { "app  6502 [001]  2454.722522: PERF_RECORD_LOST lost ", 1, 1 },
        { "app  6502 [001]  2454.722522: PERF_RECORD_LOST", 1, 1 },
        { "app  6502 [001]  2454.722522: PERF_RECORD_LO", 0, 1 },
        { "Processed 9 events and lost 3", 3, 1 },
        { "Processed 9 events and lost 3 chunks", 3, 1 },
        { "Processed 9 events and lost 3 chunks!", 3, 0 },
        { "Processed 9 events and l", 0, 1 },
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof text, "%s%s", head, cases[i].line);
        reading_expect(PERF, text, "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0 tid=7\n");
        if (reading_count(GOLEAK_HEALTH_lost_events) != cases[i].lost ||
            reading_count(GOLEAK_HEALTH_truncated) != cases[i].cut)
            fail_msg("%s: %" PRIu64 " lost, cut %" PRIu64, cases[i].line, reading_count(GOLEAK_HEALTH_lost_events),
                     reading_count(GOLEAK_HEALTH_truncated));
        snprintf(text, sizeof text, "%s%s\n", head, cases[i].line);
        reading_expect(PERF, text, "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0 tid=7\n");
        assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 0);
    }
    snprintf(text, sizeof text, "%s%s", head, cases[0].line);
    reading_expect(PERF, text, "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0 tid=7\n");
    reading_expect_complaint(GOLEAK_HEALTH_truncated, 1, 2, strlen(cases[0].line) + 1,
                             "the last line ends without a newline and may be cut: it tells of lost events, and there "
                             "may be more");
}

static void losses_told_as_a_share_are_estimated(void **state)
{
    static const struct {
        const char *line;
        uint64_t lost;
    } cases[] = {
        { "Processed 47185 samples and lost 6.10%!", 3065 },
        { "Warning: Processed 47185 samples and lost 6.10%!", 3065 },
        { "Processed 100 samples and lost 50.00%!", 100 },
        { "Processed 9 events and lost 3 chunks!", 3 },
        { "Processed 9 events and lost 0 chunks!", 0 },
        { "Processed 9 events and lost 99999999999999999999 chunks!", UINT64_MAX },
        { "Processed 100 samples and lost 0.00%!", 0 },
        { "Processed 0 samples and lost 100.00%!", 1 },
        { "Processed 7 samples and lost 123.45%!", 1 },
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof text, "%s\n", cases[i].line);
        reading_expect(PERF, text, "");
        assert_int_equal(reading_count(GOLEAK_HEALTH_lost_events), cases[i].lost);
        assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 0);
        assert_int_equal(reading.facts.notes, 1);
    }
    /* As many as there can be, and no more. */
    reading_expect(PERF, "Processed 18446744073709551615 samples and lost 99.999999999%!\n", "");
    assert_int_equal(reading_count(GOLEAK_HEALTH_lost_events), 1000000000000000000);
}

static void what_is_no_loss_is_no_message(void **state)
{
    static const char *const lines[] = {
        "Processed 47185 samples", "Processed samples and lost 6.10%!", "Processed 5 samples and lost many",
        "Processed 99999999999999999999 samples and lost 6.10%!", "processed 5 samples and lost 3",
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        snprintf(text, sizeof text, "%s\n", lines[i]);
        reading_expect(PERF, text, "");
        assert_int_equal(reading_count(GOLEAK_HEALTH_lost_events), 0);
        assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
    }
}

static void losses_told_twice_count_once(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 [000] 1.5: PERF_RECORD_LOST lost 80\n"
                   "Warning:\n"
                   "Processed 100 samples and lost 50.00%!\n"
                   "Processed 100 samples and lost 20.00%!\n",
                   "");
    assert_int_equal(reading_count(GOLEAK_HEALTH_lost_events), 100);
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 0);
}

static void perfs_own_words_are_no_output_of_the_program(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "# ========\n"
                   "# captured on    : Fri Nov 20 10:33:34 2026\n"
                   "#\n"
                   "[ perf record: Woken up 12 times to write data ]\n"
                   "[ perf record: Captured and wrote 3.512 MB perf.data (25313 samples) ]\n"
                   "Warning:\n"
                   "Check IO/CPU overload!\n"
                   "addr2line: x\n"
                   "Failed to open /tmp/x\n"
                   "hello\n",
                   "");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
    reading_expect_complaint(GOLEAK_HEALTH_unknown_lines, 1, 10, 1, "\"hello\"");
    assert_int_equal(reading.facts.notes, 9);
    assert_null(reading.facts.form);
}

static void a_recorders_own_lines_stand_in_comments(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "# goleak-recorder: version=1 tool=perf go=1.26 arch=amd64 probes=newproc1\n"
                   "app 7 [000] 1.5: p:gopark: " PARK "\n"
                   "# goleak-recorder-end: events=3\n",
                   "2 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0 tid=7\n");
    reading_expect_complaint(GOLEAK_HEALTH_lost_events, 2, 3, 1, "the recorder counted 3 events and printed 1");
    assert_string_equal(reading.reasons.text, "1.26");
    assert_string_equal(reading.reasons.from, "header");
}

/* Two recordings in one file. */
static void what_another_tracer_printed_is_damage(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 [000] 1.5: p:gopark: " PARK "\n"
                   "gopark: goroutine=c000102000 goid=7 reason=6 wait=20 ts=1500000000\n"
                   "ready: listening\n",
                   "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0 tid=7\n");
    reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 1, 2, 1,
                             "found an event as another tracer prints it: give each recording as a file of its own");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
}

static void a_line_with_a_nul_is_no_event(void **state)
{
    static const char text[] = "app 7 [000] 1.5: p:gopark: (486ae0) g=0xc000102000 goid=7\0\n"
                               "app 7 [000] 1.5: p:gopark: (486ae0) g=0xc000102000 goid=7\n";
    (void)state;
    reading_pieces(PERF, text, sizeof text - 1, 0);
    assert_string_equal(reading.events.data, "2 park g=c000102000 goid=7 ts=1500000000 cpu=0 tid=7\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 1);
}

static void lines_may_end_in_cr_lf(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 [000] 1.5: p:gopark: " PARK "\r\n"
                   "\t           86ae0 runtime.gopark+0x0 (/srv/app)\r\n\r\n"
                   "app 7 [000] 1.6: p:gopark: " PARK "\r\n"
                   "\t           86ae0 runtime.gopark+0x0 (/srv/app)\r\n\r\n",
                   "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0 tid=7 [runtime.gopark+0x0]\n"
                   "4 park g=c000102000 goid=7 reason=6 wait=20 ts=1600000000 cpu=0 tid=7 [runtime.gopark+0x0]\n");
    reading_expect_healthy();
}

static void a_line_that_is_too_long_is_skipped(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    bytes_text(&text, "app 7 1.5: p:gopark: (486ae0) g=0xc000102000 mood=");
    while (text.size <= GOLEAK_LINE_MAX)
        bytes_text(&text, "0123456789");
    bytes_text(&text, "\napp 7 1.5: p:gopark: (486ae0) g=0xc000102000\n");
    reading_pieces(PERF, text.data, text.size, 0);
    assert_string_equal(reading.events.data, "2 park g=c000102000 ts=1500000000 tid=7\n");
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_damaged_lines].line, 1);
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_damaged_lines].column, GOLEAK_LINE_MAX + 1);
    bytes_free(&text);
}

/* Where each time were looked at from the line's start again, this would take minutes. */
static void a_line_of_many_times_is_read_once(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    bytes_text(&text, "app 7 1.5: p:gopark: (486ae0) g=0xc000102000\n");
    while (text.size < GOLEAK_LINE_MAX)
        bytes_text(&text, "1.1:");
    bytes_text(&text, "\napp 7 1.5: p:gopark: (486ae0) g=0xc000102000\n");
    reading_pieces(PERF, text.data, text.size, 0);
    assert_string_equal(reading.events.data, "1 park g=c000102000 ts=1500000000 tid=7\n"
                                             "3 park g=c000102000 ts=1500000000 tid=7\n");
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_unknown_lines].count, 1);
    bytes_free(&text);
}

/* ---- times -------------------------------------------------------------------- */

/* --deltatime: the time since the line before, of whatever kind. */
static void deltas_are_added_up(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 [000] 0.000000: p:gopark: (486ae0) g=0xc000102000\n"
                   "app 7 [000] 0.000009: p:gopark: (486ae0) g=0xc000102380\n"
                   "app 7 [000] 0.000001: p:casgstatus: (486ae0) x=1\n"
                   "app 7 [000] 0.000002: PERF_RECORD_COMM: app:7\n"
                   "app 7 [000] 0.000003: p:gopark: (486ae0) g=0xc000102700\n",
                   "1 park g=c000102000 ts=0 cpu=0 tid=7\n"
                   "2 park g=c000102380 ts=9000 cpu=0 tid=7\n"
                   "5 park g=c000102700 ts=15000 cpu=0 tid=7\n");
    assert_true(reading.facts.relative_time);
}

static void many_deltas_are_added_up_too(void **state)
{
    struct bytes text = { 0 }, events = { 0 };
    uint64_t sum_us = 0;
    (void)state;
    for (unsigned i = 0; i < 700; i++) {
        unsigned delta = i == 0 ? 0 : 3 + i * 7 % 5;
        sum_us += delta;
        bytes_format(&text, "app 7 [000] 0.%06u: p:gopark: (486ae0) g=0xc000102000 goid=7\n", delta);
        bytes_format(&events, "%u park g=c000102000 goid=7 ts=%" PRIu64 " cpu=0 tid=7\n", i + 1, sum_us * 1000);
    }
    reading_expect(PERF, text.data, events.data);
    assert_true(reading.facts.relative_time);
    bytes_free(&text);
    bytes_free(&events);
}

/* --reltime: since the start. */
static void times_that_rise_from_zero_are_relative(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 [000] 0.000000: p:gopark: (486ae0) g=0xc000102000\n"
                   "app 7 [000] 0.000002: p:gopark: (486ae0) g=0xc000102380\n"
                   "app 7 [000] 0.000005: p:gopark: (486ae0) g=0xc000102700\n",
                   "1 park g=c000102000 ts=0 cpu=0 tid=7\n"
                   "2 park g=c000102380 ts=2000 cpu=0 tid=7\n"
                   "3 park g=c000102700 ts=5000 cpu=0 tid=7\n");
    assert_true(reading.facts.relative_time);
}

static void times_that_fall_without_a_zero_are_as_printed(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 [000] 9.000009: p:gopark: (486ae0) g=0xc000102000\n"
                   "app 7 [001] 9.000002: p:gopark: (486ae0) g=0xc000102380\n"
                   "app 7 [000] 9.000001: p:gopark: (486ae0) g=0xc000102700\n",
                   "1 park g=c000102000 ts=9000009000 cpu=0 tid=7\n"
                   "2 park g=c000102380 ts=9000002000 cpu=1 tid=7\n"
                   "3 park g=c000102700 ts=9000001000 cpu=0 tid=7\n");
    assert_false(reading.facts.relative_time);
}

/* ---- the end ------------------------------------------------------------------- */

static void a_cut_line_is_left_out_and_told(void **state)
{
    static const char *const cuts[] = {
        "app 7 [000] 1.7: p:gopark: (486ae0) g=0xc000102000 goid=7 reason=1", /* perhaps 10 */
        "app 7 [000] 1.7: p:gopark: (486ae0) g=0xc000102000 goid=",
        "app 7 [000] 1.7: p:gopark: (486ae0) g=0xc000102000 go",
        "app 7 [000] 1.7: p:gopark: (486ae0) g=0xc000102000",
        "app 7 [000] 1.7: p:gopark: (486ae0) g=",
        "app 7 [000] 1.7: p:gopark: (486",
        "app 7 [000] 1.7: p:gopark:",
        "app 7 [000] 1.7: p:gop",
        "app 7 [00",
        "\t           86ae0 runtime.gop",
    };
    char text[512];
    (void)state;
    for (size_t i = 0; i < COUNT(cuts); i++) {
        snprintf(text, sizeof text, "app 7 [000] 1.5: p:gopark: (486ae0) g=0xc000102000 goid=7 reason=6\n%s", cuts[i]);
        reading_expect(PERF, text, "1 park g=c000102000 goid=7 reason=6 ts=1500000000 cpu=0 tid=7\n");
        reading_expect_complaint(GOLEAK_HEALTH_truncated, 1, 2, strlen(cuts[i]) + 1,
                                 "the last line ends without a newline and may be cut; it was left out");
        assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 0);
    }
}

static void a_last_line_that_cannot_go_on_is_whole(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "app 7 [000] 1.5: p:gopark: (486ae0) g=0xc000102000 goid=7 reason=6\n"
                   "app 7 [000] 1.7: p:gopark: (486ae0) g=0xc000102000 goid=7 reason=7 ",
                   "1 park g=c000102000 goid=7 reason=6 ts=1500000000 cpu=0 tid=7\n"
                   "2 park g=c000102000 goid=7 reason=7 ts=1700000000 cpu=0 tid=7\n");
    reading_expect_healthy();
}

static void what_is_missing_from_the_field_set_is_advised(void **state)
{
    static const char *const nameless[] = { /* -F trace, and -F comm,tid,cpu,time,trace */
        "(45a700) parent=0xac57a0 g=0xc000102000\n",
        "app 7 [000]  5192.797051240: (45a700 <- 45a6a5) parent=0xac57a0 g=0xc000102000\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(nameless); i++) {
        reading_expect(PERF, nameless[i], "");
        assert_string_equal(reading.facts.advice,
                            "found perf script output without event names, expected them: run perf script -F "
                            "trace:comm,pid,tid,cpu,time,event,trace,ip,sym,symoff");
        assert_int_equal(PERF->sniff(nameless[i], strlen(nameless[i]), true), GOLEAK_SNIFF_YES);
    }
    reading_expect(PERF, "0x7f0 [0x58]: event: 9\n.\n. ... raw event: size 88 bytes\n"
                         "app 7 [000] 1.5: p:gopark: " PARK "\n", "");
    assert_string_equal(reading.facts.advice, "found perf's dump of raw records, expected its text: run perf script -F "
                                              "trace:comm,pid,tid,cpu,time,event,trace,ip,sym,symoff, without -D");
    reading_expect(PERF, "app 7 [000] 1.5: p:gopark:\n", "");
    assert_non_null(strstr(reading.facts.advice, "`goleak-report recorder perf` prints a script"));
    reading_expect(PERF, "hello\n", "");
    assert_null(reading.facts.advice);
    /* With one event all is well. */
    reading_expect(PERF,
                   "app 7 [000] 1.5: p:gopark: " PARK "\n"
                   "app 7 [000] 1.5: p:gopark:\n",
                   "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0 tid=7\n");
    assert_null(reading.facts.advice);
    /* Nor does the program make a dump of it by a line of its own. */
    reading_expect(PERF,
                   "app 7 [000] 1.5: p:gopark: " PARK "\n"
                   ". ... raw event: size 88 bytes\n"
                   "app 7 [000] 1.6: p:gopark: " PARK "\n",
                   "1 park g=c000102000 goid=7 reason=6 wait=20 ts=1500000000 cpu=0 tid=7\n"
                   "3 park g=c000102000 goid=7 reason=6 wait=20 ts=1600000000 cpu=0 tid=7\n");
    assert_null(reading.facts.advice);
}

/* ---- through the API ------------------------------------------------------------ */

static void perf_output_is_recognised(void **state)
{
    static const char *const texts[] = {
        "app 7 [000] 1.5: p:gopark: " PARK "\n",
        "hello\nprobe_app:gopark: (486ae0) g=0xc000102000\n",
        "# captured on    : Fri Nov 20 10:33:34 2026\napp 7 p:gopark: goid=7\n",
        "# goleak-recorder: version=1 tool=perf go=1.26\napp 7 p:gopark: goid=7\n",
        "[ perf record: Woken up 1 times to write data ]\napp 7 p:gopark: goid=7\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct goleak_trace *trace = load(texts[i]);
        assert_string_equal(load_input(trace).format, "perf");
        assert_int_equal(load_input(trace).events, 1);
        goleak_trace_free(trace);
    }
}

static void an_input_without_an_event_fails_with_the_advice(void **state)
{
    static const char text[] = "app 7 [000] 1.5: p:gopark:\n";
    (void)state;
    struct goleak_error error = load_error(NULL, text, sizeof text - 1);
    assert_int_equal(error.status, GOLEAK_E_NOEVENTS);
    assert_string_equal(error.path, "-");
    assert_true(starts(error.message, "found perf script output whose events tell no goroutine"));
}

/* ---- memory ---------------------------------------------------------------------- */

static void every_failed_request_for_memory_is_told(void **state)
{
    (void)state;
    reading_fail_each(PERF, "app 7 [000] 1.5: p:newproc1: (45a700) callergp=0xc000002380\n"
                            "\t           5a700 runtime.newproc1+0x0 (/srv/app)\n\n"
                            "app 7 [000] 1.6: p:newproc1: (45a700 <- 45a6a5) g=0xc000102000 fn=\"main.f\"\n"
                            "app 7 [000] 1.7: p:casgstatus: (45a700) g=0xc000102000\n"
                            "app 7 [000] 1.8: p:chansend1: (45a700) g=0xc000102000 chan=0x1\n"
                            "a cut line");
}

static void a_limit_is_told_as_one(void **state)
{
    (void)state;
    reading_limit_bytes = 1000;
    reading_pieces(PERF, "x\n", 2, 0);
    assert_int_equal(reading.status, GOLEAK_E_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reading_set_up, reading_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_usual_lines),
        TEST(every_choice_of_columns),
        TEST(columns_that_come_again),
        TEST(a_period_without_a_time),
        TEST(a_command_may_be_called_anything),
        TEST(times_have_one_to_nine_digits),
        TEST(what_is_no_time_is_none),
        TEST(threads_beyond_32_bits_are_none),
        TEST(letters_before_the_time_are_no_name),
        TEST(arguments_tell_what_no_column_does),
        TEST(probes_are_named_as_their_users_choose),
        TEST(names_of_other_things_are_unknown_events),
        TEST(a_long_name_is_read_to_its_end),
        TEST(more_probes_than_are_remembered),
        TEST(an_entry_completes_the_return_on_its_thread),
        TEST(numbers_tell_their_base),
        TEST(a_goid_below_zero_is_not_told),
        TEST(strings_stand_in_quotes),
        TEST(what_stands_behind_the_arguments_is_left),
        TEST(damaged_arguments_are_told_where_they_are),
        TEST(an_event_of_nobody_is_damaged),
        TEST(unknown_keys_are_counted),
        TEST(frames_in_all_their_forms),
        TEST(a_callchain_without_an_event_is_nobodys),
        TEST(lost_records_are_counted),
        TEST(losses_on_a_line_that_is_cut_are_the_least),
        TEST(losses_told_as_a_share_are_estimated),
        TEST(what_is_no_loss_is_no_message),
        TEST(losses_told_twice_count_once),
        TEST(perfs_own_words_are_no_output_of_the_program),
        TEST(a_recorders_own_lines_stand_in_comments),
        TEST(what_another_tracer_printed_is_damage),
        TEST(a_line_with_a_nul_is_no_event),
        TEST(lines_may_end_in_cr_lf),
        TEST(a_line_that_is_too_long_is_skipped),
        TEST(a_line_of_many_times_is_read_once),
        TEST(deltas_are_added_up),
        TEST(many_deltas_are_added_up_too),
        TEST(times_that_rise_from_zero_are_relative),
        TEST(times_that_fall_without_a_zero_are_as_printed),
        TEST(a_cut_line_is_left_out_and_told),
        TEST(a_last_line_that_cannot_go_on_is_whole),
        TEST(what_is_missing_from_the_field_set_is_advised),
        TEST(perf_output_is_recognised),
        TEST(an_input_without_an_event_fails_with_the_advice),
        TEST(every_failed_request_for_memory_is_told),
        TEST(a_limit_is_told_as_one),
    };
    reading_padding = "# nothing but room behind the lines before this one\n";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
