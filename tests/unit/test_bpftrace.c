/* test_bpftrace - what bpftrace prints around the events of a script, as text and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/bpftrace.h"
#include "format/lines.h"
#include "support/reading.h"

#define BPFTRACE (&goleak_format_bpftrace)
#define HEADER "goleak-recorder: version=1 tool=bpftrace go=1.26 arch=amd64 probes=newproc1,gopark\n"
#define PARK "gopark: goroutine=c000102000 goid=7 reason=6 ts=2000"
#define PARKED " park g=c000102000 goid=7 reason=6 ts=2000"

/* ---- events -------------------------------------------------------------------- */

static void events_and_the_stacks_below_them(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   "newproc1: goroutine=f135a908780 goid=2 parent=f135a9081e0 parentgoid=1 ts=1297328782552 cpu=0 "
                   "tid=17978\n"
                   "\n"
                   "        runtime.newproc1+0\n"
                   "        runtime.systemstack.abi0+74\n"
                   "        0x45a6a5\n"
                   "\n"
                   "gopark: goroutine=f135a908780 goid=2 reason=14 wait=19 ts=1297328792552 cpu=1 tid=17979\n",
                   "1 create g=f135a908780 goid=2 by=f135a9081e0 bygoid=1 ts=1297328782552 cpu=0 tid=17978 "
                   "[runtime.newproc1+0x0 runtime.systemstack.abi0+0x4a 0x45a6a5]\n"
                   "7 park g=f135a908780 goid=2 reason=14 wait=19 ts=1297328792552 cpu=1 tid=17979\n");
    reading_expect_healthy();
    assert_string_equal(reading.facts.form, "extended");
    assert_int_equal(reading.facts.notes, 0);
    reading_expect(BPFTRACE, "gopark: goroutine=c000102000 reason=6 blocked_count=1\n",
                   "1 park g=c000102000 reason=6 blocked_count=1\n");
    assert_string_equal(reading.facts.form, "full");
}

/* Stacks are printed for themselves: another CPU's line may stand between. */
static void a_spawners_stack_finds_its_event(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   "newproc1_entry: parent=c000002380 gopc=4b8a1a ts=100 tid=7\n"
                   "execute: goroutine=c000102380 goid=3 ts=101 tid=8\n"
                   "\n"
                   "        runtime.newproc1+0\n"
                   "        main.f+26\n"
                   "\n"
                   "newproc1: goroutine=c000102000 goid=4 ts=102 tid=7\n",
                   "1 spawn by=c000002380 ts=100 tid=7 gopc=4b8a1a [runtime.newproc1+0x0 main.f+0x1a]\n"
                   "2 run g=c000102380 goid=3 ts=101 tid=8\n"
                   "7 create g=c000102000 goid=4 by=c000002380 ts=102 tid=7 [runtime.newproc1+0x0 main.f+0x1a]\n");
    reading_expect_healthy();
}

/* Of two entries the go statement's address, once learnt, tells which one a stack is of. */
static void the_go_statements_place_tells_two_entries_apart(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   "newproc1_entry: parent=c000002380 gopc=4b8a1a ts=100 tid=7\n\n"
                   "        runtime.newproc1+0\n        runtime.newproc+63\n        main.f+26\n\n"
                   "newproc1_entry: parent=c000002700 gopc=4b9000 ts=101 tid=8\n"
                   "newproc1_entry: parent=c000002380 gopc=4b8a1a ts=102 tid=7\n\n"
                   "        runtime.newproc1+0\n        runtime.newproc+63\n        main.g+8\n\n"
                   "newproc1: goroutine=c000102000 goid=5 ts=103 tid=8\n",
                   "1 spawn by=c000002380 ts=100 tid=7 gopc=4b8a1a [runtime.newproc1+0x0 runtime.newproc+0x3f "
                   "main.f+0x1a]\n"
                   "7 spawn by=c000002700 ts=101 tid=8 gopc=4b9000 [runtime.newproc1+0x0 runtime.newproc+0x3f "
                   "main.g+0x8]\n"
                   "8 spawn by=c000002380 ts=102 tid=7 gopc=4b8a1a\n"
                   "14 create g=c000102000 goid=5 by=c000002700 ts=103 tid=8 [runtime.newproc1+0x0 "
                   "runtime.newproc+0x3f main.g+0x8]\n");
}

static void a_damaged_lines_stack_is_nobodys(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   "newproc1: goroutine=c000102000 goid=7 ts=1000\n"
                   "newproc1: goroutine=c000102380 goid=x ts=2000\n"
                   "\n"
                   "        runtime.newproc1+0\n"
                   "        main.other+26\n"
                   "\n"
                   "newproc1: goroutine=c000102700 goid=9 ts=3000\n",
                   "1 create g=c000102000 goid=7 ts=1000\n"
                   "7 create g=c000102700 goid=9 ts=3000\n");
    reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 1, 2, 37, "found goid=x, expected a decimal number");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 2);
}

static void damage_is_told_where_it_is(void **state)
{
    static const struct {
        const char *line;
        uint64_t column;
        const char *sentence;
    } cases[] = {
        { "gopark: goroutine=zz", 19, "found goroutine=zz, expected an address in hexadecimal" },
        { "gopark: goroutine=c000102000 reason=", 37, "found nothing behind reason=, expected a decimal number" },
        { "gopark: goroutine=c000102000 reason=300", 37, "found reason=300, expected a number of at most 255" },
        { "gopark: goid=7 ts=9223372036854775808", 19,
          "found ts=9223372036854775808, expected a number of at most 9223372036854775807" },
        { "gopark: reason=6 ts=2000", 9, "found gopark without goroutine=, expected one" },
        { "newproc1: goroutine=c000102000 parent=c000002380 count=1", 39,
          "found parent=c000002380, expected a decimal number (this line carries count=)" },
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof text, PARK "\n%s\n", cases[i].line);
        reading_expect(BPFTRACE, text, "1" PARKED "\n");
        reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 1, 2, cases[i].column, cases[i].sentence);
    }
}

/* ---- bpftrace's own words -------------------------------------------------------- */

static void messages_are_notes(void **state)
{
    static const char *const lines[] = {
        "Attaching 8 probes...",
        "Attaching 1 probe...",
        "Attached 8 probes",
        "WARNING: Could not read functions from /sys/kernel/debug/tracing/available_filter_functions.",
        "stdin:1:1-10: WARNING: x",
        "/tmp/x.bt:12:3: WARNING: y",
        "@n: 5",
        "@: 5",
        "@x[1, 2]: 3",
        "@par[100]: 824633729920",
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        snprintf(text, sizeof text, "%s\n" PARK "\n", lines[i]);
        reading_expect(BPFTRACE, text, "2" PARKED "\n");
        reading_expect_healthy();
        if (lines[i][0] != '@')
            assert_int_equal(reading.facts.notes, 1);
    }
}

static void what_only_looks_like_a_message_is_the_programs(void **state)
{
    static const char *const lines[] = {
        "Attaching probes", "Attaching x probes...", "Attached", "Lost events", "Lost 12 sheep", "@", "@x", "@x y: 5",
        "me@home: 5", "[4, 8)      12 |@@@@@    |", "warning: x", "the WARNING: y", "] 5",
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        snprintf(text, sizeof text, "%s\n" PARK "\n", lines[i]);
        reading_expect(BPFTRACE, text, "2" PARKED "\n");
        assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
        assert_int_equal(reading.book.entries[GOLEAK_HEALTH_unknown_lines].line, 1);
        assert_int_equal(reading.facts.notes, 0);
    }
}

static void errors_are_the_recorders(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   PARK "\n"
                   "x.bt:7:1-30: ERROR: Could not attach probe uprobe:/app:runtime.gopark\n"
                   "ERROR: Failed\n",
                   "1" PARKED "\n");
    reading_expect_complaint(GOLEAK_HEALTH_recorder_errors, 2, 2, 1,
                             "\"x.bt:7:1-30: ERROR: Could not attach probe uprobe:/app:runtime.gopark\"");
    assert_int_equal(reading.facts.notes, 2);
}

static void losses_are_added_up_and_the_total_counts_once(void **state)
{
    static const struct {
        const char *text;
        uint64_t lost, line;
    } cases[] = {
        { "Lost 12 events\n" PARK "\nLost 30 events\n", 42, 1 },
        { PARK "\nWARNING: Total lost event count: 42\n", 42, 2 },
        { PARK "\nLost 12 events\nLost 30 events\nWARNING: Total lost event count: 42\n", 42, 2 },
        { PARK "\nLost 12 events\nWARNING: Total lost event count: 42\n", 42, 2 },
        { PARK "\nLost 50 events\nWARNING: Total lost event count: 42\n", 50, 2 },
        { PARK "\nWARNING: Total lost event count: 0\n", 0, 0 },
        { PARK "\nLost 99999999999999999999 events\n", UINT64_MAX, 2 },
        { PARK "\nLost 12 events\nWARNING: Total lost event count: 99999999999999999999\n", UINT64_MAX, 2 },
        { PARK "\n{\"type\": \"lost_events\", \"data\": {\"events\": 99999999999999999999}}\n", UINT64_MAX, 2 },
        { HEADER PARK "\ngoleak-recorder-end: lost=99999999999999999999\n", UINT64_MAX, 3 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        reading_pieces(BPFTRACE, cases[i].text, strlen(cases[i].text), 0);
        assert_int_equal(reading_count(GOLEAK_HEALTH_lost_events), cases[i].lost);
        assert_int_equal(reading.book.entries[GOLEAK_HEALTH_lost_events].line, cases[i].line);
        assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 0);
        assert_int_equal(reading.facts.events, 1);
    }
}

static void losses_on_a_line_that_is_cut_are_the_least(void **state)
{
    static const struct {
        const char *line;
        uint64_t lost, cut;
    } cases[] = {
        { "Lost 12 events", 12, 0 },
        { "Lost 12 ev", 12, 1 },
        { "Lost 12", 12, 1 },
        { "Lost 12 friends", 0, 0 },
        { "WARNING: Total lost event count: 42", 42, 1 },
        { "WARNING: Total lost event count: ", 0, 1 },
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof text, PARK "\n%s", cases[i].line);
        reading_expect(BPFTRACE, text, "1" PARKED "\n");
        if (reading_count(GOLEAK_HEALTH_lost_events) != cases[i].lost ||
            reading_count(GOLEAK_HEALTH_truncated) != cases[i].cut)
            fail_msg("%s: %" PRIu64 " lost, cut %" PRIu64, cases[i].line, reading_count(GOLEAK_HEALTH_lost_events),
                     reading_count(GOLEAK_HEALTH_truncated));
    }
}

static void maps_may_have_keys_of_several_lines(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   PARK "\n"
                        "@stacks[\n"
                        "    runtime.gopark+0\n"
                        "    main.f+5\n"
                        "]: 12\n"
                        "@both[\n"
                        "    main.f+5\n"
                        "    gopark: goroutine=c000102000 reason=7\n"
                        ", 7]: 3\n"
                        "@two[1,\n"
                        "    main.f+5\n"
                        "]: 3\n"
                        "gopark: goroutine=c000102000 goid=7 reason=7 ts=3000\n",
                   "1" PARKED "\n13 park g=c000102000 goid=7 reason=7 ts=3000\n");
    reading_expect_healthy();
}

/* What the program prints may look like the beginning of one, and keys need not end at the margin. */
static void no_event_is_lost_in_a_map(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   PARK "\n"
                        "@bob: hello,\n"
                        "gopark: goroutine=c000102000 goid=7 reason=7 ts=3000\n"
                        "@s[\n"
                        "        runtime.gopark+0\n"
                        ", app]: 3\n"
                        "gopark: goroutine=c000102000 goid=7 reason=7 ts=4000\n"
                        "@s[\n"
                        "gopark: goroutine=c000102000 goid=7 reason=7 ts=5000\n"
                        "@bob: gopark: goroutine=c000102000 goid=7 reason=7 ts=6000\n",
                   "1" PARKED "\n3 park g=c000102000 goid=7 reason=7 ts=3000\n"
                   "7 park g=c000102000 goid=7 reason=7 ts=4000\n9 park g=c000102000 goid=7 reason=7 ts=5000\n"
                   "10 park g=c000102000 goid=7 reason=7 ts=6000\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
}

/* Nor is what bpftrace says of itself. */
static void no_loss_is_lost_in_a_map(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   PARK "\n"
                        "@list[\n"
                        "Lost 12 events\n"
                        "ERROR: failed to attach probe: uprobe:/app:runtime.gopark\n",
                   "1" PARKED "\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_lost_events), 12);
    assert_int_equal(reading_count(GOLEAK_HEALTH_recorder_errors), 1);
}

static void stacks_of_maps_are_nobodys(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   PARK "\n"
                        "\n"
                        "@[app, \n"
                        "        main.f+5\n"
                        "]: 3\n"
                        "@last: \n"
                        "        main.f+5\n"
                        "@h[\n"
                        "        main.f+5\n"
                        "]: \n"
                        "[4, 8)                12 |@@@@@@@@|\n",
                   "1" PARKED "\n");
    reading_expect_healthy();
}

static void histograms_are_tables_to_their_end(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   PARK "\n"
                   "@h:\n"
                   "[1]                    2 |@@@@@@@@@@@@@@@@@@@@                                |\n"
                   "[2, 4)                 5 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
                   "(..., 0)               1 |@                                                   |\n"
                   "\n"
                   "@k[x]:\n"
                   "[1K, 2K)               2 |@@@@@@@@@@@@@@@@@@@@                                |\n"
                   "done\n"
                   "[1]                    2 |@@@@@@@@@@@@@@@@@@@@                                |\n",
                   "1" PARKED "\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 2);
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_unknown_lines].line, 9);
}

/* ---- the traced program's output -------------------------------------------------- */

static void the_programs_output_is_counted(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   "served 30000 leaks 19\n"
                   "ready: listening on port 8080\n"
                   "{\"level\":\"info\",\"msg\":\"goroutine 7: gopark\"}\n"
                   PARK "\n",
                   "4" PARKED "\n");
    reading_expect_complaint(GOLEAK_HEALTH_unknown_lines, 3, 1, 1, "\"served 30000 leaks 19\"");
}

static void an_event_behind_the_programs_output_is_found(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   "done " PARK "\n"
                   "1:2:3 done" PARK "\n"
                   "\n"
                   "        runtime.gopark+0\n"
                   "\n"
                   "donenewproc1: goroutine=c000102380 goid=8 ts=3000\n",
                   "1" PARKED "\n"
                   "2" PARKED " [runtime.gopark+0x0]\n"
                   "6 create g=c000102380 goid=8 ts=3000\n");
    reading_expect_complaint(GOLEAK_HEALTH_unknown_lines, 3, 1, 1, "\"done " PARK "\"");
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 0);
}

static void a_nul_in_an_event_is_damage(void **state)
{
    static const char text[] = PARK "\0\n" PARK "\n\0\0\n";
    (void)state;
    reading_pieces(BPFTRACE, text, sizeof text - 1, 0);
    assert_string_equal(reading.events.data, "2" PARKED "\n");
    reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 1, 1, strlen(PARK) + 1,
                             "found a NUL byte in an event, expected text");
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
}

static void a_line_that_is_too_long_is_skipped(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    bytes_text(&text, PARK " mood=");
    while (text.size <= GOLEAK_LINE_MAX)
        bytes_text(&text, "0123456789");
    bytes_text(&text, "\n" PARK "\n");
    reading_pieces(BPFTRACE, text.data, text.size, 0);
    assert_string_equal(reading.events.data, "2" PARKED "\n");
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_damaged_lines].line, 1);
    assert_int_equal(reading.book.entries[GOLEAK_HEALTH_damaged_lines].column, GOLEAK_LINE_MAX + 1);
    bytes_free(&text);
}

/* ---- JSON -------------------------------------------------------------------------- */

#define PRINTF(text) "{\"type\": \"printf\", \"data\": \"" text "\\n\"}\n"

static void json_is_unwrapped(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   "{\"type\": \"attached_probes\", \"data\": {\"probes\": 8}}\n"
                   PRINTF(PARK)
                   PRINTF("\\n        runtime.gopark+0\\n        main.f+26\\n")
                   "{\"type\": \"printf\", \"data\": \"gopark: goroutine=c00010\"}\n"
                   PRINTF("2380 goid=8 reason=7")
                   "{\"data\": \"execute: goroutine=c000102380\\u0020goid=8\\n\", \"type\": \"printf\"}\n",
                   "2" PARKED " [runtime.gopark+0x0 main.f+0x1a]\n"
                   "5 park g=c000102380 goid=8 reason=7\n"
                   "");
    /* A line that does not begin with its type is the program's. */
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_lines), 1);
    assert_string_equal(reading.facts.form, "json");
    assert_int_equal(reading.facts.notes, 1);
}

static void several_lines_of_one_printf_stand_where_it_stands(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   "\n"
                   PRINTF(PARK "\\n" PARK "x"),
                   "2" PARKED "\n");
    reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 1, 3, 49, "found ts=2000x, expected a decimal number");
}

static void losses_stand_in_json_too(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   PRINTF(PARK)
                   "{\"type\": \"lost_events\", \"data\": {\"events\": 31933}}\n"
                   "{\"type\": \"lost_events\", \"data\": {\"events\": 67}}\n"
                   "WARNING: Total lost event count: 32000\n",
                   "1" PARKED "\n");
    reading_expect_complaint(GOLEAK_HEALTH_lost_events, 32000, 2, 1,
                             "\"{\"type\": \"lost_events\", \"data\": {\"events\": 31933}}\"");
}

static void other_types_are_notes(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   PRINTF(PARK)
                   "{\"type\": \"map\", \"data\": {\"@n\": 5}}\n"
                   "{\"type\": \"hist\", \"data\": {\"@h\": [{\"min\": 1, \"max\": 2, \"count\": 3}]}}\n"
                   "{\"type\": \"time\", \"data\": \"12:00:00\\n\"}\n"
                   "{\"type\": \"printf\", \"data\": 7}\n"
                   "{\"type\": \"printf\"}\n"
                   "{\"type\": \"lost_events\", \"data\": \"many\"}\n"
                   "{\"type\": \"lost_events\", \"data\": {\"events\": -5}}\n"
                   "{\"type\": \"lost_events\", \"data\": {}}\n"
                   "{\"type\": \"next\", \"mood\": {\"events\": 5}, \"data\": null}\n",
                   "1" PARKED "\n");
    reading_expect_healthy();
    assert_int_equal(reading.facts.notes, 9);
}

static void damaged_objects_are_told_and_stepped_over(void **state)
{
    static const char *const lines[] = {
        "{\"type\"",
        "{\"type\": \"printf\", \"data\": \"gopark: gorou",
        "{\"type\": \"printf\", \"data\": \"gopark\"",
        "{\"type\": \"printf\", \"data\": {\"a\": 1",
        "{\"type\": \"printf\" \"data\": \"x\\n\"}",
        "{\"type\", \"data\": \"x\\n\"}",
        "{\"type\": 7, \"data\": \"x\\n\"}",
        "{\"type\": \"printf\", 5: \"x\\n\"}",
        "{\"type\": \"printf\", \"data\": \"x\\",
        "{\"type\": \"printf\", \"data\": \"gopark: gorou{\"type\": \"printf\", \"data\": \"x\"}",
    };
    char text[512];
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        snprintf(text, sizeof text, "%s\n" PRINTF(PARK), lines[i]);
        reading_expect(BPFTRACE, text, "2" PARKED "\n");
        reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 1, 1, 1,
                                 "found a JSON object that is cut, expected its end");
    }
}

static void json_that_is_cut_is_left_out(void **state)
{
    static const char *const cuts[] = { "{\"type\"", "{\"type\": \"printf\", \"data\": \"gopark: goroutine=c000102000",
                                        "{\"type\": \"printf\", \"data\": \"" PARK "\\n\"" };
    char text[512];
    (void)state;
    for (size_t i = 0; i < COUNT(cuts); i++) {
        snprintf(text, sizeof text, PRINTF(PARK) "%s", cuts[i]);
        reading_expect(BPFTRACE, text, "1" PARKED "\n");
        reading_expect_complaint(GOLEAK_HEALTH_truncated, 1, 2, strlen(cuts[i]) + 1,
                                 "the last line ends without a newline and may be cut; it was left out");
        assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 0);
    }
}

/* printf() without a newline: the object is closed, so the text is whole. */
static void the_last_text_in_json_needs_no_newline(void **state)
{
    static const char printed[] = "{\"type\": \"printf\", \"data\": \"gdestroy: goroutine=c000102000 goid=7\"}";
    char text[512];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text, PRINTF(PARK) "%s%s", printed, i == 0 ? "" : "\n");
        reading_expect(BPFTRACE, text, "1" PARKED "\n2 end g=c000102000 goid=7\n");
        reading_expect_healthy();
    }
    snprintf(text, sizeof text, PRINTF(PARK) "%s\n{\"type\": \"pri", printed); /* and what would follow? */
    reading_expect(BPFTRACE, text, "1" PARKED "\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 2);
}

/* ---- our own recorder ---------------------------------------------------------------- */

static void a_recording_with_all_of_its_events_is_whole(void **state)
{
    (void)state;
    reading_expect(BPFTRACE, HEADER PARK "\n" PARK "\ngoleak-recorder-end: events=2\n",
                   "2" PARKED "\n3" PARKED "\n");
    reading_expect_healthy();
    assert_int_equal(reading.facts.notes, 2);
    assert_string_equal(reading.reasons.text, "1.26");
    assert_string_equal(reading.reasons.from, "header");
}

static void events_that_were_counted_and_not_printed_are_lost(void **state)
{
    static const struct {
        const char *behind;
        uint64_t lost, line;
    } cases[] = {
        { PARK "\ngoleak-recorder-end: events=5\n", 4, 3 },
        { PARK "\ngoleak-recorder-end: events=1\n", 0, 0 },
        { PARK "\ngoleak-recorder-end: events=0\n", 0, 0 },
        { PARK "\ngoleak-recorder-end: lost=3\n", 3, 3 },
        { PARK "\ngoleak-recorder-end: events=5 lost=3\n", 4, 3 },
        { PARK "\nLost 4 events\ngoleak-recorder-end: events=5\n", 4, 3 },
        { PARK "\nLost 4 events\ngoleak-recorder-end: events=5 lost=4\n", 4, 3 },
        { PARK "\nLost 1 events\ngoleak-recorder-end: events=5\nWARNING: Total lost event count: 4\n", 4, 3 },
        { PARK "\ngoleak-recorder-end: events=many\n", 0, 0 },
        { PARK "\ngoleak-recorder-end:\n", 0, 0 },
        { "gopark: goroutine=x\n" PARK "\ngoleak-recorder-end: events=2\n", 1, 4 },
    };
    char text[512];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof text, HEADER "%s", cases[i].behind);
        reading_pieces(BPFTRACE, text, strlen(text), 0);
        if (reading_count(GOLEAK_HEALTH_lost_events) != cases[i].lost ||
            reading.book.entries[GOLEAK_HEALTH_lost_events].line != cases[i].line)
            fail_msg("%s%" PRIu64 " are lost, told on line %" PRIu64, text, reading_count(GOLEAK_HEALTH_lost_events),
                     reading.book.entries[GOLEAK_HEALTH_lost_events].line);
        assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 0);
    }
    reading_expect(BPFTRACE, HEADER PARK "\ngoleak-recorder-end: events=5\n", "2" PARKED "\n");
    reading_expect_complaint(GOLEAK_HEALTH_lost_events, 4, 3, 1, "the recorder counted 5 events and printed 1");
}

static void a_recording_without_its_last_line_is_cut(void **state)
{
    (void)state;
    reading_expect(BPFTRACE, HEADER PARK "\n", "2" PARKED "\n0 other goleak-recorder-killed ts=2000\n");
    reading_expect_complaint(GOLEAK_HEALTH_truncated, 1, 0, 0,
                             "the recorder's last line (goleak-recorder-end) is missing: it was killed, or the "
                             "recording is cut");
}

/* 12 events, or 127? */
static void a_last_line_of_the_recorders_that_is_cut_is_not_believed(void **state)
{
    static const char *const ends[] = { "events=1", "events=12", "lost=3", "events=1 lost=0 ts=6", "" };
    char text[512];
    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++) {
        snprintf(text, sizeof text, HEADER PARK "\ngoleak-recorder-end: %s", ends[i]);
        reading_expect(BPFTRACE, text, "2" PARKED "\n");
        assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
        assert_int_equal(reading_count(GOLEAK_HEALTH_lost_events), 0);
        assert_int_equal(reading_count(GOLEAK_HEALTH_surplus_events), 0);
    }
}

/* Nobody counts what was printed before the recorder began. */
static void a_footer_alone_may_be_of_the_last_file(void **state)
{
    (void)state;
    reading_expect(BPFTRACE, PARK "\ngoleak-recorder-end: events=5\n",
                   "1" PARKED "\n2 other goleak-recorder-end-of-files ts=2000\n");
    reading_expect_healthy();
}

static void the_users_version_is_not_the_headers(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    (void)state;
    options.go_version = "1.22";
    struct goleak_trace *trace = load_with(&options, HEADER PARK "\ngoleak-recorder-end: events=1\n");
    assert_string_equal(load_input(trace).go_version, "1.22");
    assert_string_equal(load_input(trace).go_version_from, "option");
    goleak_trace_free(trace);
    trace = load(HEADER PARK "\ngoleak-recorder-end: events=1\n");
    assert_string_equal(load_input(trace).go_version, "1.26");
    assert_string_equal(load_input(trace).go_version_from, "header");
    goleak_trace_free(trace);
}

static void a_header_in_json_counts_too(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   PRINTF("goleak-recorder: version=1 tool=bpftrace go=1.25")
                   PRINTF(PARK)
                   PRINTF("goleak-recorder-end: events=3"),
                   "2" PARKED "\n");
    reading_expect_complaint(GOLEAK_HEALTH_lost_events, 2, 3, 1, "the recorder counted 3 events and printed 1");
    assert_string_equal(reading.reasons.text, "1.25");
}

static void a_version_that_is_none_is_left(void **state)
{
    (void)state;
    reading_expect(BPFTRACE,
                   "goleak-recorder: version=1 tool=bpftrace go=devel-a-very-long-version-of-the-go-tool-chain\n"
                   PARK "\ngoleak-recorder-end: events=1\n",
                   "2" PARKED "\n");
    reading_expect_healthy();
    assert_false(goleak_reasons_is_given(&reading.reasons));
}

/* ---- the end ---------------------------------------------------------------------------- */

static void a_cut_line_is_left_out_and_told(void **state)
{
    static const char *const cuts[] = {
        "gopark: goroutine=c000102000 goid=7 reason=6 ts=1",
        "gopark: goroutine=c000102000 goid=7 reason=6 ts=5000000000 tid=1",
        "gopark: goroutine=c000102000 goid=7 reason=6 ts=",
        "gopark: goroutine=c000102000 goid=7 reason=6 t",
        "gopark: goroutine=c000102000 goid=7 reason=6",
        "gopark: goroutine=c0001",
        "gopark: gor",
        "        runtime.gop",
    };
    char text[512];
    (void)state;
    for (size_t i = 0; i < COUNT(cuts); i++) {
        snprintf(text, sizeof text, "gopark: goroutine=c000102000 goid=7 reason=6 ts=5000000000\n%s", cuts[i]);
        reading_expect(BPFTRACE, text, "1 park g=c000102000 goid=7 reason=6 ts=5000000000\n");
        if (i + 1 != COUNT(cuts)) /* no offset: it is no frame yet, and nobody's line */
            reading_expect_complaint(GOLEAK_HEALTH_truncated, 1, 2, strlen(cuts[i]) + 1,
                                     "the last line ends without a newline and may be cut; it was left out");
        assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 0);
    }
}

static void bpftrace_output_is_recognised(void **state)
{
    static const char *const texts[] = {
        "Attaching 8 probes...\n" PARK "\n",
        PARK "\n\n        runtime.gopark+63\n",
        PARK "\nLost 12 events\n",
        PRINTF(PARK),
        HEADER PARK "\ngoleak-recorder-end: events=1\n",
        "newproc1_entry: parent=c000002380 gopc=4b8a1a ts=100 tid=7\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct goleak_trace *trace = load(texts[i]);
        assert_string_equal(load_input(trace).format, "bpftrace");
        assert_int_equal(load_input(trace).events, 1);
        goleak_trace_free(trace);
    }
}

static void messages_without_events_fail_with_what_they_say(void **state)
{
    static const char text[] = "Attaching 8 probes...\nERROR: Could not attach probe\n";
    (void)state;
    struct goleak_error error = load_error(NULL, text, sizeof text - 1);
    assert_int_equal(error.status, GOLEAK_E_NOEVENTS);
    assert_string_equal(error.message, "found a recorder's messages and no events: give this file together with its "
                                       "recording; it says \"ERROR: Could not attach probe\"");
}

static void every_failed_request_for_memory_is_told(void **state)
{
    (void)state;
    reading_fail_each(BPFTRACE, HEADER PRINTF(PARK)
                                PRINTF("chansend1: goroutine=c000102000 fn=main.f")
                                "newproc1_entry: parent=c000002380 gopc=4b8a1a ts=100 tid=7\n\n"
                                "        runtime.newproc1+0\n        main.f+26\n\n"
                                "{\"type\": \"printf\", \"data\": \"gopark: \"}\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reading_set_up, reading_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_and_the_stacks_below_them),
        TEST(a_spawners_stack_finds_its_event),
        TEST(the_go_statements_place_tells_two_entries_apart),
        TEST(a_damaged_lines_stack_is_nobodys),
        TEST(damage_is_told_where_it_is),
        TEST(messages_are_notes),
        TEST(what_only_looks_like_a_message_is_the_programs),
        TEST(errors_are_the_recorders),
        TEST(losses_are_added_up_and_the_total_counts_once),
        TEST(losses_on_a_line_that_is_cut_are_the_least),
        TEST(maps_may_have_keys_of_several_lines),
        TEST(no_event_is_lost_in_a_map),
        TEST(no_loss_is_lost_in_a_map),
        TEST(stacks_of_maps_are_nobodys),
        TEST(histograms_are_tables_to_their_end),
        TEST(the_programs_output_is_counted),
        TEST(an_event_behind_the_programs_output_is_found),
        TEST(a_nul_in_an_event_is_damage),
        TEST(a_line_that_is_too_long_is_skipped),
        TEST(json_is_unwrapped),
        TEST(several_lines_of_one_printf_stand_where_it_stands),
        TEST(losses_stand_in_json_too),
        TEST(other_types_are_notes),
        TEST(damaged_objects_are_told_and_stepped_over),
        TEST(json_that_is_cut_is_left_out),
        TEST(the_last_text_in_json_needs_no_newline),
        TEST(a_recording_with_all_of_its_events_is_whole),
        TEST(events_that_were_counted_and_not_printed_are_lost),
        TEST(a_recording_without_its_last_line_is_cut),
        TEST(a_last_line_of_the_recorders_that_is_cut_is_not_believed),
        TEST(a_footer_alone_may_be_of_the_last_file),
        TEST(the_users_version_is_not_the_headers),
        TEST(a_header_in_json_counts_too),
        TEST(a_version_that_is_none_is_left),
        TEST(a_cut_line_is_left_out_and_told),
        TEST(bpftrace_output_is_recognised),
        TEST(messages_without_events_fail_with_what_they_say),
        TEST(every_failed_request_for_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
