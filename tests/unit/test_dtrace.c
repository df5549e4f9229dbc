/* test_dtrace - every form of a D script's output becomes the right events. */
#include <stdlib.h>

#include "format/dtrace.h"
#include "support/reading.h"

#include <stdio.h>

#define DTRACE (&goleak_format_dtrace)

static void expect(const char *text, const char *events)
{
    reading_expect(DTRACE, text, events);
}

/* ---- the article's forms -------------------------------------------------- */

static void the_naive_form(void **state)
{
    (void)state;
    expect("goroutine 140000036c0 created: count=1\n"
           "goroutine 140000036c0 destroyed: count=0\n",
           "1 create g=140000036c0 count=1 naive\n"
           "2 end g=140000036c0 count=0 naive\n");
    assert_string_equal(reading.facts.form, "naive");
    assert_int_equal(reading.facts.events, 2);
    reading_expect_healthy();
    /* A Go program's own dump looks a little like it. */
    expect("goroutine 7 [chan send]:\ngoroutine 140000036c0 created: count=x\ngoroutine 0 created: count=1\n", "");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 3);
}

static void the_full_form(void **state)
{
    (void)state;
    expect("newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0\n"
           "gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "gopark: goroutine=140000036c0 blocked=0 reason=14 blocked_count=-1\n"
           "godestroy: goroutine=140000036c0 count=0 blocked_count=0\n"
           "profile-1s: count=0 blocked_count=0\n"
           "\n"
           "END: count=0 blocked_count=-1\n",
           "1 create g=140000036c0 by=140000021c0 count=1 blocked_count=0\n"
           "2 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "3 park g=140000036c0 blocked=0 reason=14 blocked_count=-1\n"
           "4 end g=140000036c0 count=0 blocked_count=0\n"
           "5 tick count=0 blocked_count=0\n"
           "7 counters count=0 blocked_count=-1\n");
    assert_string_equal(reading.facts.form, "full");
    reading_expect_healthy();
}

static void the_extended_form(void **state)
{
    (void)state;
    expect("newproc1: goroutine=3ca5f2d4ad20 goid=2 parent=3ca5f2d4a1e0 parentgoid=1 gopc=45317a startpc=4531a0 "
           "ts=1597642895326 cpu=1 tid=23181\n"
           "execute: goroutine=3ca5f2d4ad20 goid=2 ts=1597643286506 cpu=1 tid=23183\n"
           "gopark: goroutine=3ca5f2d4ad20 goid=2 reason=10 wait=11 lock=ad17d0 ts=1597643308519 cpu=1 tid=23183\n"
           "ready: goroutine=3ca5f2d4ad20 by=3ca5f2d4a1e0 ts=1597643593215\n"
           "main.main: g=3ca5f2d4a1e0 ts=1597644481592 cpu=0 tid=23181\n"
           "goexit0: goroutine=3ca5f2d4ad20 goid=2 ts=1597644481600\r\n",
           "1 create g=3ca5f2d4ad20 goid=2 by=3ca5f2d4a1e0 bygoid=1 ts=1597642895326 cpu=1 tid=23181 gopc=45317a "
           "startpc=4531a0\n"
           "2 run g=3ca5f2d4ad20 goid=2 ts=1597643286506 cpu=1 tid=23183\n"
           "3 park g=3ca5f2d4ad20 goid=2 reason=10 wait=11 ts=1597643308519 cpu=1 tid=23183 lock=ad17d0\n"
           "4 ready g=3ca5f2d4ad20 by=3ca5f2d4a1e0 ts=1597643593215\n"
           "5 main g=3ca5f2d4a1e0 ts=1597644481592 cpu=0 tid=23181\n"
           "6 end g=3ca5f2d4ad20 goid=2 ts=1597644481600\n");
    assert_string_equal(reading.facts.form, "extended");
    reading_expect_healthy();
}

/* ---- without -q, and -F --------------------------------------------------- */

static void without_q_a_line_tells_its_cpu_and_probe(void **state)
{
    (void)state;
    expect("CPU     ID                    FUNCTION:NAME\n"
           "  1   4094          runtime.newproc1:return newproc1: goroutine=16f9b61cc000 parent=25261758005728 "
           "count=1 blocked_count=0\n"
           "\n"
           "  0   4100             runtime.gopark:entry gopark: goroutine=16f9b61cc000 blocked=1 reason=6 "
           "blocked_count=1\n"
           "\n"
           "nGoro = 3\n"
           "  3   5000                      :tick-1s profile-1s: count=1 blocked_count=1\n"
           " 12      2                             :END END: count=1 blocked_count=1\n",
           "2 create g=16f9b61cc000 by=16f9b61cc1e0 count=1 blocked_count=0 cpu=1\n"
           "4 park g=16f9b61cc000 blocked=1 reason=6 blocked_count=1 cpu=0\n"
           "7 tick count=1 blocked_count=1 cpu=3\n"
           "8 counters count=1 blocked_count=1 cpu=12\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_unknown_lines].line, 6);
}

static void without_q_a_probe_without_text_is_a_call(void **state)
{
    (void)state;
    expect("CPU     ID                    FUNCTION:NAME\n"
           "  1   4094          runtime.newproc1:entry\n"
           "  1   4095          runtime.newproc1:return \n"
           "  0      1                           :BEGIN\n",
           "2 call runtime.newproc1 depth=0 cpu=1\n"
           "3 return runtime.newproc1 depth=0 cpu=1\n");
    assert_string_equal(reading.facts.form, "calls");
    reading_expect_healthy();
}

static void flow_indent_output_tells_calls_and_their_depth(void **state)
{
    (void)state;
    expect("CPU FUNCTION                                 \n"
           " 12  -> main.main                             \n"
           " 12    -> main.Foo                            \n"
           " 12      -> runtime.newproc1                  \n"
           " 12      <- runtime.newproc1                  \n"
           "dtrace: pid 28627 has exited\n"
           "  0 | main.main:return                        \n"
           "  0  <- main.main \n"
           "  1  => main.f[go.shape.struct { X string }]  \n",
           "2 call main.main depth=0 cpu=12\n"
           "3 call main.Foo depth=1 cpu=12\n"
           "4 call runtime.newproc1 depth=2 cpu=12\n"
           "5 return runtime.newproc1 depth=2 cpu=12\n"
           "8 return main.main depth=0 cpu=0\n"
           "9 call main.f[go.shape.struct { X string }] depth=0 cpu=1\n");
    assert_string_equal(reading.facts.form, "flow");
    reading_expect_healthy();
}

/* With -F and printf the text stands behind the name, which is padded to 41
 * columns, or, where the call lies too deep, only set off by one blank. */
static void flow_indent_output_may_carry_events(void **state)
{
    (void)state;
    expect("  1  -> runtime.gopark                        gopark: goroutine=c000102000 blocked=1 reason=6 "
           "blocked_count=1\n"
           "  1  | runtime.gopark:entry                   gopark: goroutine=c000102000 blocked=1 reason=6 "
           "blocked_count=1\n"
           "  0                                    -> runtime.gopark gopark: goroutine=c000102380 blocked=1 reason=6 "
           "blocked_count=2\n"
           "  0                                  | runtime.gopark:entry gopark: goroutine=c000102380 blocked=0 "
           "reason=2 blocked_count=1\n",
           "1 park g=c000102000 blocked=1 reason=6 blocked_count=1 cpu=1\n"
           "2 park g=c000102000 blocked=1 reason=6 blocked_count=1 cpu=1\n"
           "3 park g=c000102380 blocked=1 reason=6 blocked_count=2 cpu=0\n"
           "4 park g=c000102380 blocked=0 reason=2 blocked_count=1 cpu=0\n");
    reading_expect_healthy();
}

/* ---- stacks --------------------------------------------------------------- */

static void a_stack_belongs_to_the_event_before_it(void **state)
{
    (void)state;
    expect("newproc1: goroutine=1084264e0d20 goid=2 parent=1084264e01e0 ts=1592915119155\n"
           "              app`runtime.newproc+0x3f\n"
           "              app`main.main+0x1a\n"
           "execute: goroutine=1084264e0d20 goid=2 ts=1592915488863\n"
           "gopark: goroutine=1084264e0d20 goid=2 reason=6 wait=20 ts=1592915732884\n"
           "\n"
           "        runtime.gopark+14\n"
           "        main.f+26\n"
           "\n"
           "execute: goroutine=1084264e0d20 goid=2 ts=1592915763550\n",
           "1 create g=1084264e0d20 goid=2 by=1084264e01e0 ts=1592915119155 [runtime.newproc+0x3f main.main+0x1a]\n"
           "4 run g=1084264e0d20 goid=2 ts=1592915488863\n"
           "5 park g=1084264e0d20 goid=2 reason=6 wait=20 ts=1592915732884 [runtime.gopark+0xe main.f+0x1a]\n"
           "10 run g=1084264e0d20 goid=2 ts=1592915763550\n");
    reading_expect_healthy();
}

/* The article's own lines are read at a glance, many at once: the last of them may
 * have a stack all the same. */
static void a_stack_follows_the_articles_lines_too(void **state)
{
    struct bytes text = { 0 }, expected = { 0 };
    (void)state;
    unsigned line = 0;
    for (unsigned i = 1; i <= 600; i++) {
        bytes_format(&text, "newproc1: goroutine=%x parent=824633729920 count=%u blocked_count=0\n", 0xc0000 + i, i);
        bytes_format(&expected, "%u create g=%x by=c000002380 count=%u blocked_count=0", ++line, 0xc0000 + i, i);
        if (i % 37 == 0 || i == 256 || i == 512) {
            bytes_text(&text, "              app`main.f+0x10\n");
            bytes_text(&expected, " [main.f+0x10]");
            line++;
        }
        bytes_text(&expected, "\n");
    }
    expect(text.data, expected.data);
    reading_expect_healthy();
    bytes_free(&text);
    bytes_free(&expected);
}

static void a_programs_output_between_an_event_and_its_stack_parts_them_not(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    /* In the middle of a large piece, where lines are read many at once. */
    for (int many = 0; many < 2; many++) {
        bytes_clear(&text);
        bytes_text(&text, "newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
                          "nGoro = 3\n"
                          "goroutines: 3\n"
                          "              app`main.f+0x10\n");
        for (int i = 0; i < many * 20; i++)
            bytes_text(&text, "some output of the traced program\n");
        expect(text.data, "1 create g=c000102000 by=c000002380 count=1 blocked_count=0 [main.f+0x10]\n");
    }
    bytes_free(&text);
}

static void a_stack_without_an_event_is_nobodys(void **state)
{
    (void)state;
    expect("              app`main.f+0x10\n"
           "gopark: goroutine=c000102000 reason=6 ts=5\n",
           "2 park g=c000102000 reason=6 ts=5\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
}

/* ---- print(*g) ------------------------------------------------------------ */

/* As dt_print.c of illumos and macOS has it: "type name = value". */
static void a_dump_in_macos_spelling(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n"
           "    uintptr_t [2] stack = [ 0x1400007a000, 0x1400007a800 ]\n"
           "    uintptr_t stackguard0 = 0x1400007a3a0\n"
           "    struct m *m = 0x100c5d2a0\n"
           "    uint32_t stackLock = 0\n"
           "    uint64_t goid = 0x12\n"
           "    int64_t waitsince = 0x5f5e100\n"
           "    uint8_t waitreason = 0x14\n"
           "    uint32_t parkingOnChan = 0x1\n"
           "    uint64_t parentGoid = 0x1\n"
           "    uintptr_t gopc = 0x1000b5c34\n"
           "    uintptr_t startpc = 0x1000b5d10\n"
           "}\n"
           "END: count=1 blocked_count=1\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "14 struct g=140000036c0 goid=18 wait=20 gopc=1000b5c34 startpc=1000b5d10 lo=1400007a000 hi=1400007a800 "
           "waitsince=100000000\n"
           "15 counters count=1 blocked_count=1\n");
    reading_expect_healthy();
}

/* The article prints the struct before the line. g.sched.g, the third of its
 * numbers, points at the goroutine itself: then it does not matter. */
static void a_dump_that_tells_its_own_address_needs_no_event_before_it(void **state)
{
    (void)state;
    expect("newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0\n"
           "newproc1: goroutine=14000003880 parent=1374389543360 count=2 blocked_count=0\n"
           "struct g {\n"
           "    uintptr_t [6] sched = [ 0x1400007a7b0, 0x100c5d2a0, 0x140000036c0, 0, 0, 0x1400007a7a8 ]\n"
           "    uint64_t goid = 0x12\n"
           "}gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n" /* a thread's g0 has no goid, and is no goroutine */
           "    uintptr_t [6] sched = [ 0x1400007a7b0, 0x100c5d2a0, 0x100ad2a40, 0, 0, 0 ]\n"
           "    uint64_t goid = 0\n"
           "}\n",
           "1 create g=140000036c0 by=140000021c0 count=1 blocked_count=0\n"
           "2 create g=14000003880 by=140000021c0 count=2 blocked_count=0\n"
           "6 struct g=140000036c0 goid=18\n"
           "6 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n");
    reading_expect_healthy();
}

static void a_dump_with_the_stack_as_a_struct(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 reason=6 ts=77\n"
           "struct g {\n"
           "    struct stack stack = {\n"
           "        uintptr_t lo = 0x1400007a000\n"
           "        uintptr_t hi = 0x1400007a800\n"
           "    }\n"
           "    struct gobuf sched = {\n"
           "        struct inner deep = {\n"
           "            uint64_t goid = 0x63\n"
           "        }\n"
           "    }\n"
           "    uint64_t goid = 0x12\n"
           "}\n",
           "1 park g=140000036c0 reason=6 ts=77\n"
           "13 struct g=140000036c0 goid=18 ts=77 lo=1400007a000 hi=1400007a800\n");
    reading_expect_healthy();
}

/* As Oracle DTrace has it: ".name = (type)value,", decimal, noughts left out, and
 * 44 columns to the right. */
static void a_dump_in_oracles_spelling(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "7f0012345678 = *\n"
           "                                            (struct g) {\n"
           "                                             .stack = (uintptr_t [2]) [\n"
           "                                              (uintptr_t)1374390034432,\n"
           "                                              (uintptr_t)1374390036480,\n"
           "                                             ],\n"
           "                                             .m = (struct m *)0x100c5d2a0,\n"
           "                                             .goid = (uint64_t)18,\n"
           "                                             .waitsince = (int64_t)100000000,\n"
           "                                             .waitreason = (uint8_t)20,\n"
           "                                             .parentGoid = (uint64_t)1,\n"
           "                                             .gopc = (uintptr_t)4790079,\n"
           "                                             .startpc = (uintptr_t)4790080,\n"
           "                                            }\n"
           "END: count=1 blocked_count=1\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "15 struct g=140000036c0 goid=18 wait=20 gopc=49173f startpc=491740 lo=1400007a000 hi=1400007a800 "
           "waitsince=100000000\n"
           "16 counters count=1 blocked_count=1\n");
    reading_expect_healthy();
}

/* libdtrace ends a print() of illumos and macOS with "}" and no newline: with -q
 * the next event stands right behind it. */
static void an_event_may_stand_behind_a_dumps_end(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n"
           "    uint64_t goid = 0x12\n"
           "}gopark: goroutine=14000003880 blocked=1 reason=6 blocked_count=2\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "4 struct g=140000036c0 goid=18\n"
           "4 park g=14000003880 blocked=1 reason=6 blocked_count=2\n");
    reading_expect_healthy();
}

static void a_programs_output_inside_a_dump_does_not_keep_it_open(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n"
           "{\"msg\": \"started {\"\n"
           "    uint64_t goid = 0x12\n"
           "}\n"
           "gopark: goroutine=14000003880 blocked=1 reason=6 blocked_count=2\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "5 struct g=140000036c0 goid=18\n"
           "6 park g=14000003880 blocked=1 reason=6 blocked_count=2\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
}

static void a_dump_that_does_not_end_swallows_no_events(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n"
           "    uint64_t goid = 0x12\n"
           "gopark: goroutine=14000003880 blocked=1 reason=6 blocked_count=2\n"
           "gopark: goroutine=14000003a40 blocked=1 reason=6 blocked_count=3\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "4 park g=14000003880 blocked=1 reason=6 blocked_count=2\n"
           "5 park g=14000003a40 blocked=1 reason=6 blocked_count=3\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 1);
}

static void a_dump_at_the_inputs_end_is_truncated(void **state)
{
    static const char text[] = "gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
                               "struct g {\n"
                               "    uint64_t goid = 0x12\n";
    static const size_t steps[] = { 0, 1, 64 };
    (void)state;
    /* The complaint stands where the input ends: no room behind the lines, as expect has it. */
    for (size_t i = 0; i < COUNT(steps); i++) {
        reading_pieces(DTRACE, text, sizeof text - 1, steps[i]);
        assert_int_equal(reading.status, GOLEAK_OK);
        assert_string_equal(reading.events.data, "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n");
        reading_expect_complaint(GOLEAK_HEALTH_truncated, 1, 3, 0, "the input ends inside a print() of a struct");
    }
}

static void another_structs_dump_is_no_goroutines(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct hchan {\n"
           "    uint64_t qcount = 0x2\n"
           "}\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 3);
}

/* ---- what else stands in between ------------------------------------------ */

static void the_recorders_messages_are_read(void **state)
{
    (void)state;
    expect("dtrace: script 'full.d' matched 6 probes\n"
           "newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
           "dtrace: 33 drops on CPU 0\n"
           "dtrace: 2 dynamic variable drops with non-empty dirty list\n"
           "dtrace: 5 aggregation drops on CPU 1\n"
           "dtrace: 3 errors in ERROR probe enabling\n"
           "dtrace: 12 jstack()/ustack() string table overflows\n"
           "dtrace: error on enabled probe ID 3 (ID 4100: pid17:app:runtime.gopark:entry): invalid address (0x0)\n"
           "dtrace: pid 28627 has exited\n",
           "2 create g=c000102000 by=c000002380 count=1 blocked_count=0\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_lost_events), 43);
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_lost_events].line, 3);
    assert_string_equal(reading.book.entries[GOLEAK_HEALTH_lost_events].detail, "\"dtrace: 33 drops on CPU 0\"");
    assert_int_equal(reading_count(GOLEAK_HEALTH_lost_stacks), 1);
    assert_int_equal(reading_count(GOLEAK_HEALTH_recorder_errors), 1);
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 0);
    assert_int_equal(reading.facts.notes, 8);
    assert_int_equal(reading.facts.events, 1);
}

static void losses_on_a_line_that_is_cut_are_the_least(void **state)
{
    static const struct {
        const char *line;
        uint64_t lost, cut;
    } cases[] = {
        { "dtrace: 33 drops on CPU", 33, 0 },
        { "dtrace: 33 dr", 33, 1 },
        { "dtrace: 3", 3, 1 },
        { "dtrace: proc", 0, 0 },
        { "dtrace: 99999999999999999999 drops on CPU 0", UINT64_MAX, 0 },
        { "dtrace: 12 jstack()/ustack() string table overflows", 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[160];
        snprintf(text, sizeof text, "newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n%s",
                 cases[i].line);
        expect(text, "1 create g=c000102000 by=c000002380 count=1 blocked_count=0\n");
        assert_int_equal(reading_count(GOLEAK_HEALTH_lost_events), cases[i].lost);
        assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), cases[i].cut);
    }
}

static void what_another_tracer_printed_is_damage(void **state)
{
    (void)state;
    expect("newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
           "app 8 [001] 9.5: probe_app:gopark: (486ae0) g=0xc000102000 goid=7 reason=7\n"
           "app: done: (486ae0) g=0xc000102000\n",
           "1 create g=c000102000 by=c000002380 count=1 blocked_count=0\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 1);
    assert_string_equal(reading.book.entries[GOLEAK_HEALTH_damaged_lines].detail,
                        "found an event as another tracer prints it: give each recording as a file of its own");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
}

static void the_programs_output_is_counted_with_its_first_place(void **state)
{
    (void)state;
    expect("newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
           "nGoro = 3\n"
           "\x1b[31mred\x1b[0m \xff\n"
           "ready: listening on port 8080\n"
           "END: count=1 blocked_count=0\n",
           "1 create g=c000102000 by=c000002380 count=1 blocked_count=0\n"
           "5 counters count=1 blocked_count=0\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 3);
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_unknown_lines].line, 2);
    assert_string_equal(reading.book.entries[GOLEAK_HEALTH_unknown_lines].detail, "\"nGoro = 3\"");
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 0);
}

static void an_event_behind_output_without_a_newline_is_read(void **state)
{
    (void)state;
    expect("nGoro = 3gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
           "waiting...godestroy: goroutine=c000102000 count=0 blocked_count=0\n"
           "total: x=1gopark: goroutine=c000102380 blocked=1 reason=6 blocked_count=1\n",
           "1 park g=c000102000 blocked=1 reason=6 blocked_count=1\n"
           "2 end g=c000102000 count=0 blocked_count=0\n"
           "3 park g=c000102380 blocked=1 reason=6 blocked_count=1\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 3); /* their other part */
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_events), 0);
}

static void aggregations_are_known_and_told_nothing(void **state)
{
    (void)state;
    expect("gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
           "\n"
           "           value  ------------- Distribution ------------- count    \n"
           "            4096 |                                         0        \n"
           "            8192 |@@@@@@@@@@@@                             113      \n"
           "        33554432 |@@@@@@@                                  17       \n"
           "\n"
           "           value  ------------- Distribution ------------- count    \n"
           "             < 0 |                                         0        \n"
           "              -1 |@@                                       2        \n"
           "           >= 10 |@@                                       2        \n"
           "gopark: goroutine=c000102000 blocked=1 reason=7 blocked_count=1\n",
           "1 park g=c000102000 blocked=1 reason=6 blocked_count=1\n"
           "12 park g=c000102000 blocked=1 reason=7 blocked_count=1\n");
    reading_expect_healthy();
}

/* "@[ustack()] = count()", printed at the end, behind an event without a stack. */
static void stacks_of_aggregations_are_nobodys(void **state)
{
    (void)state;
    expect("gopark: goroutine=c000102000 goid=7 reason=7 ts=3000\n"
           "\n"
           "              app`runtime.gopark+0x0\n"
           "              app`main.other+0x19\n"
           "                3\n"
           "\n"
           "              app`main.third+0x19\n"
           "               12\n"
           "execute: goroutine=c000102000 goid=7 ts=4000\n"
           "              app`main.other+0x19\n"
           "                0\n",
           "1 park g=c000102000 goid=7 reason=7 ts=3000\n9 run g=c000102000 goid=7 ts=4000\n");
    reading_expect_healthy();
}

static void what_looks_like_a_table_may_hold_an_event(void **state)
{
    (void)state;
    expect("key gopark: goroutine=c000102000 goid=7 reason=7 ts=3000\n"
           "12:00:01 newproc1_entry: parent=c000102000 parentgoid=7 pc=4b8a49 ts=4000\n"
           "abc gopark: g=c000102000 goid=7 reason=6 ts=5000\n"
           "server ready: goid=1 addr=:80\n"
           "gdestroy: goid=1 stops\n",
           "1 park g=c000102000 goid=7 reason=7 ts=3000\n"
           "2 spawn by=c000102000 bygoid=7 ts=4000 gopc=4b8a49\n"
           "3 park g=c000102000 goid=7 reason=6 ts=5000\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 4);
}

static void a_nul_in_an_event_is_damage_and_elsewhere_is_not(void **state)
{
    static const char text[] = "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
                               "gopark: goroutine=c000\0002380 blocked=1 reason=6 blocked_count=2\n"
                               "out\0put\n"
                               "gopark: goroutine=c000102380 blocked=1 reason=6 blocked_count=2\n";
    static const size_t steps[] = { 0, 1 };
    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) {
        reading_pieces(DTRACE, text, sizeof text - 1, steps[i]);
        assert_int_equal(reading.status, GOLEAK_OK);
        assert_string_equal(reading.events.data, "1 park g=c000102000 blocked=1 reason=6 blocked_count=1\n"
                                                 "4 park g=c000102380 blocked=1 reason=6 blocked_count=2\n");
        assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 1);
        assert_int_equal(reading.book.entries[GOLEAK_HEALTH_damaged_lines].line, 2);
        assert_int_equal(reading.book.entries[GOLEAK_HEALTH_damaged_lines].column, 23);
        assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
    }
}

static void a_damaged_line_is_passed_over_and_told(void **state)
{
    (void)state;
    expect("gopark: goroutine=c000102000 blocked=1 reason=six blocked_count=1\n"
           "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n",
           "2 park g=c000102000 blocked=1 reason=6 blocked_count=1\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 1);
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_damaged_lines].column, 47);
    assert_string_equal(reading.book.entries[GOLEAK_HEALTH_damaged_lines].detail,
                        "found reason=six, expected a decimal number");
}

static void a_line_that_is_too_long_is_told_with_its_length(void **state)
{
    const size_t bytes = ((size_t)1 << 20) + 7;
    char *text = malloc(bytes + 128);
    (void)state;
    assert_non_null(text);
    memset(text, 'x', bytes);
    strcpy(text + bytes, "\ngopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n");
    reading_pieces(DTRACE, text, strlen(text), 65536);
    assert_int_equal(reading.status, GOLEAK_OK);
    assert_string_equal(reading.events.data, "2 park g=c000102000 blocked=1 reason=6 blocked_count=1\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 1);
    assert_string_equal(reading.book.entries[GOLEAK_HEALTH_damaged_lines].detail,
                        "found a line of 1048583 bytes, expected at most 1048576; it was skipped");
    free(text);
}

/* ---- the end -------------------------------------------------------------- */

static void a_last_line_that_lacks_its_end_is_left_out(void **state)
{
    (void)state;
    expect("newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
           "newproc1: goroutine=c000102380 parent=824633",
           "1 create g=c000102000 by=c000002380 count=1 blocked_count=0\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_truncated].line, 2);
    expect("gopark: goroutine=c000102000 reason=6 ts=5\ngopark: goroutine=c000102380 rea",
           "1 park g=c000102000 reason=6 ts=5\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 0);
}

/* The first digit of 12 is another count, and of reason 10 another reason. */
static void a_last_number_that_may_lack_digits_is_left_out(void **state)
{
    static const char *const cuts[] = {
        "goroutine c000102380 created: count=1",
        "goroutine c000102380 created: count=",
        "goroutine c000102380 crea",
        "goroutine c00010",
        "gorout",
    };
    struct bytes text = { 0 };
    (void)state;
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        bytes_format(&text, "goroutine c000102000 created: count=11\n%s", cuts[i]);
        expect(text.data, "1 create g=c000102000 count=11 naive\n");
        assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
        assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 0);
        bytes_clear(&text);
    }
    expect("newproc1: goroutine=c000102000 parent=824633729920 count=19 blocked_count=12\n"
           "newproc1: goroutine=c000102380 parent=824633729920 count=20 blocked_count=1",
           "1 create g=c000102000 by=c000002380 count=19 blocked_count=12\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
    expect("gopark: goroutine=c000102000 reason=6\ngopark: goroutine=c000102380 reason=1",
           "1 park g=c000102000 reason=6\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
    expect("goroutine c000102000 created: count=11\ngoroutine c000102380 created: count=12",
           "1 create g=c000102000 count=11 naive\n2 create g=c000102380 count=12 naive\n");
    reading_expect_healthy();
    bytes_free(&text);
}

static void a_last_line_that_only_lacks_its_newline_is_good(void **state)
{
    (void)state;
    expect("newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
           "END: count=1 blocked_count=0",
           "1 create g=c000102000 by=c000002380 count=1 blocked_count=0\n"
           "2 counters count=1 blocked_count=0\n");
    reading_expect_healthy();
}

/* What is cut is decided by the lines before, and those may all have been read at
 * a glance: however the bytes came, the answer is one. */
static void the_cut_is_found_behind_many_fast_lines_too(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    for (unsigned i = 1; i <= 50; i++)
        bytes_format(&text, "newproc1: goroutine=c000%x parent=824633729920 count=%u blocked_count=0\n", i, i);
    for (unsigned i = 1; i <= 50; i++)
        bytes_format(&text, "gopark: goroutine=c000%x blocked=1 reason=6 blocked_count=%u\n", i, i);
    bytes_text(&text, "newproc1: goroutine=c000fff parent=824633729920 count=51");
    reading_agree(DTRACE, text.data);
    assert_null(strstr(reading.events.data, "c000fff"));
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
    assert_int_equal(reading.facts.events, 100);
    bytes_free(&text);
}

/* ---- the fast path -------------------------------------------------------- */

/* Among plain lines, which are read at a glance, each of these must come out as if
 * it stood alone: however the bytes come, they say the same. */
static void the_fast_path_and_the_general_one_agree(void **state)
{
    static const char *const odd[] = {
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=-3",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=2147483647",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=-2147483648",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=2147483648",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=-",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=0000000000001",
        "gopark: goroutine=c000102000 blocked=2 reason=6 blocked_count=1",
        "gopark: goroutine=c000102000 blocked= reason=6 blocked_count=1",
        "gopark: goroutine=c000102000 blocked=01 reason=6 blocked_count=1",
        "gopark: goroutine=c000102000 blocked=1 reason=255 blocked_count=1",
        "gopark: goroutine=c000102000 blocked=1 reason=256 blocked_count=1",
        "gopark: goroutine=c000102000 blocked=1 reason= blocked_count=1",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1 ts=77",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1 ",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\r",
        "gopark: goroutine=c000102000  blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=0xc000102000 blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=C000102000 blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=0 blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine= blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=7fffffffffffffff blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=8000000000000000 blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=0000000000c000102000 blocked=1 reason=6 blocked_count=1",
        "newproc1: goroutine=c000102000 parent=0 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent= count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=-5 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=c000002380 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=0xc000002380 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=9223372036854775807 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=18446744073709551615 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=824633729920 count=-1 blocked_count=-1",
        "newproc1: goroutine=c000102000 count=1 parent=824633729920 blocked_count=0",
        "newproc1_entry: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0",
        "godestroy: goroutine=c000102000 count=-7 blocked_count=-8",
        "godestroy: goroutine=c000102000 count=1",
        "gdestroy: goroutine=c000102000 count=1 blocked_count=0",
        "goroutine c000102000 created: count=1",
        "nGoro = 3",
        "gopark",
        "g",
        "",
        "        main.f+26",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1nGoro = 3",
    };
    struct bytes text = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        bytes_clear(&text);
        for (int k = 0; k < 12; k++) {
            if (k == 6)
                bytes_format(&text, "%s\n", odd[i]);
            bytes_format(&text, "newproc1: goroutine=c0002%02x parent=824633729920 count=%d blocked_count=0\n", k, k);
            bytes_format(&text, "gopark: goroutine=c0002%02x blocked=%d reason=%d blocked_count=%d\n", k, k % 2, k,
                         k / 2);
        }
        reading_agree(DTRACE, text.data);
    }
    bytes_free(&text);
}

static void batches_are_handed_on_whole_at_any_length(void **state)
{
    static const unsigned lengths[] = { 255, 256, 257, 511, 512, 513, 1000 };
    struct bytes text = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        bytes_clear(&text);
        for (unsigned k = 0; k < lengths[i]; k++)
            bytes_format(&text, "godestroy: goroutine=c000%x count=%u blocked_count=0\n", k + 1, k);
        reading_agree(DTRACE, text.data);
        unsigned lines = 0;
        for (const char *at = strchr(reading.events.data, '\n'); at != NULL; at = strchr(at + 1, '\n'))
            lines++;
        assert_int_equal(lines, lengths[i]);
        assert_int_equal(reading.facts.events, lengths[i]);
    }
    bytes_free(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, reading_set_up, reading_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_naive_form),
        TEST(the_full_form),
        TEST(the_extended_form),
        TEST(without_q_a_line_tells_its_cpu_and_probe),
        TEST(without_q_a_probe_without_text_is_a_call),
        TEST(flow_indent_output_tells_calls_and_their_depth),
        TEST(flow_indent_output_may_carry_events),
        TEST(a_stack_belongs_to_the_event_before_it),
        TEST(a_stack_follows_the_articles_lines_too),
        TEST(a_programs_output_between_an_event_and_its_stack_parts_them_not),
        TEST(a_stack_without_an_event_is_nobodys),
        TEST(a_dump_in_macos_spelling),
        TEST(a_dump_that_tells_its_own_address_needs_no_event_before_it),
        TEST(a_dump_with_the_stack_as_a_struct),
        TEST(a_dump_in_oracles_spelling),
        TEST(an_event_may_stand_behind_a_dumps_end),
        TEST(a_programs_output_inside_a_dump_does_not_keep_it_open),
        TEST(a_dump_that_does_not_end_swallows_no_events),
        TEST(a_dump_at_the_inputs_end_is_truncated),
        TEST(another_structs_dump_is_no_goroutines),
        TEST(the_recorders_messages_are_read),
        TEST(losses_on_a_line_that_is_cut_are_the_least),
        TEST(what_another_tracer_printed_is_damage),
        TEST(the_programs_output_is_counted_with_its_first_place),
        TEST(an_event_behind_output_without_a_newline_is_read),
        TEST(aggregations_are_known_and_told_nothing),
        TEST(stacks_of_aggregations_are_nobodys),
        TEST(what_looks_like_a_table_may_hold_an_event),
        TEST(a_nul_in_an_event_is_damage_and_elsewhere_is_not),
        TEST(a_damaged_line_is_passed_over_and_told),
        TEST(a_line_that_is_too_long_is_told_with_its_length),
        TEST(a_last_line_that_lacks_its_end_is_left_out),
        TEST(a_last_number_that_may_lack_digits_is_left_out),
        TEST(a_last_line_that_only_lacks_its_newline_is_good),
        TEST(the_cut_is_found_behind_many_fast_lines_too),
        TEST(the_fast_path_and_the_general_one_agree),
        TEST(batches_are_handed_on_whole_at_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
