/* test_perfjson - perf data convert --to-json: one document, sample by sample. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/perf.h"
#include "support/reading.h"

#define PERF (&goleak_format_perf)
#define HEAD                                                                                                          \
    "{\n"                                                                                                             \
    "\t\"linux-perf-json-version\": 1,\n"                                                                             \
    "\t\"headers\": {\n\t\t\"cmdline\": [\n\t\t\t\"/usr/bin/perf\",\n\t\t\t\"samples\"\n\t\t]\n\t},\n"                \
    "\t\"samples\": [\n" /* line 10 follows */
#define TAIL "\n\t]\n}\n"
#define WHEN "\"timestamp\": 2550546664996, \"pid\": 8152, \"tid\": 8153, \"cpu\": 1, \"comm\": \"lab126\""
#define TOLD " ts=2550546664996 cpu=1 pid=8152 tid=8153"
#define CHAIN(leaf) "\"callchain\": [{\"ip\": \"0x45a6a5\", \"symbol\": \"" leaf "\", \"dso\": \"lab126\"}]"

/* Samples in a document of their own. */
static void expect_samples(const char *samples, const char *events)
{
    struct bytes text = { 0 };
    bytes_format(&text, "%s%s%s", HEAD, samples, TAIL);
    reading_expect(PERF, text.data, events);
    bytes_free(&text);
}

/* ---- samples with arguments --------------------------------------------------- */

static void a_sample_becomes_an_event(void **state)
{
    (void)state;
    expect_samples("{" WHEN ", " CHAIN("runtime.gopark") ", \"__probe_ip\": \"0x486ae0\", \"common_pid\": 8152, "
                   "\"g\": \"0x305e4dd701e0\", \"goid\": \"7\", \"reason\": 6, \"wait\": \"0x14\"},\n"
                   "{" WHEN ", " CHAIN("runtime.gopark") ", \"g\": 824634777600, \"goid\": 8, \"reason\": \"7\"}",
                   "10 park g=305e4dd701e0 goid=7 reason=6 wait=20" TOLD " [runtime.gopark]\n"
                   "11 park g=c000102000 goid=8 reason=7" TOLD " [runtime.gopark]\n");
    reading_expect_healthy();
    assert_string_equal(reading.facts.form, "json");
    assert_int_equal(reading.facts.events, 2);
}

static void newproc1_is_a_creation_where_it_returns(void **state)
{
    (void)state;
    expect_samples("{" WHEN ", " CHAIN("runtime.newproc1") ", \"callergp\": \"0xc000002380\", \"callerpc\": "
                   "\"0x4b8a1a\"},\n"
                   "{" WHEN ", " CHAIN("runtime.newproc.func1") ", \"__probe_func\": \"0x45a700\", "
                   "\"__probe_ret_ip\": \"0x45a6a5\", \"g\": \"0xc000102000\", \"goid\": \"7\", \"fn\": \"main.f\"},\n"
                   "{" WHEN ", " CHAIN("runtime.newproc1") ", \"__probe_ret_ip\": \"0x45a6a5\", \"g\": "
                   "\"0xc000102380\"}",
                   "10 spawn by=c000002380" TOLD " gopc=4b8a1a [runtime.newproc1]\n"
                   "11 create g=c000102000 goid=7 by=c000002380" TOLD " fn=main.f [runtime.newproc.func1]\n"
                   "12 create g=c000102380" TOLD " [runtime.newproc1]\n");
    reading_expect_healthy();
}

static void the_other_functions_are_told_by_the_leaf(void **state)
{
    static const struct {
        const char *leaf, *told;
    } cases[] = {
        { "runtime.ready", "ready" },   { "runtime.goready", "ready" },  { "runtime.execute", "run" },
        { "runtime.gdestroy", "end" },  { "runtime.goexit0", "end" },    { "main.main", "main" },
        { "gopark", "park" },
    };
    char sample[512], events[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(sample, sizeof sample,
                 "{" WHEN ", \"callchain\": [{\"ip\": \"0x1\", \"symbol\": \"%s\"}], \"g\": \"0xc000102000\"}",
                 cases[i].leaf);
        snprintf(events, sizeof events, "10 %s g=c000102000" TOLD " [%s]\n", cases[i].told, cases[i].leaf);
        expect_samples(sample, events);
        reading_expect_healthy();
    }
}

static void members_may_stand_in_any_order_or_be_missing(void **state)
{
    (void)state;
    expect_samples("{\"goid\": \"7\", \"g\": \"0xc000102000\", " CHAIN("runtime.gopark") ", \"tid\": 5},\n"
                   "{" CHAIN("runtime.gopark") ", \"goid\": 7}",
                   "10 park g=c000102000 goid=7 tid=5 [runtime.gopark]\n"
                   "11 park goid=7 [runtime.gopark]\n");
    reading_expect_healthy();
}

static void columns_that_no_number_fits_are_not_told(void **state)
{
    (void)state;
    expect_samples("{\"timestamp\": 9223372036854775807, \"pid\": 4294967295, \"tid\": 0, \"cpu\": 4294967295, "
                   CHAIN("runtime.gopark") ", \"goid\": 7}",
                   "10 park goid=7 ts=9223372036854775807 cpu=4294967295 pid=4294967295 tid=0 [runtime.gopark]\n");
    reading_expect_healthy();
}

static void escapes_in_strings_are_undone(void **state)
{
    (void)state;
    expect_samples("{" WHEN ", \"x}\\\"]\": \"{[\", " CHAIN("runtime.newproc.func1") ", \"g\": \"0xc000102000\", "
                   "\"fn\": \"main.f[go.shape.struct { X \\\"json:\\\\u0041\\\" }]\"}",
                   "");
    /* the odd key is no KEY=VALUE, and its sample is told to be damaged */
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_lines), 1);
    expect_samples("{" WHEN ", " CHAIN("runtime.newproc.func1") ", \"g\": \"0xc000102000\", "
                   "\"fn\": \"main.f[go.shape.struct { X \\u0069nt }]\"}",
                   "10 create g=c000102000" TOLD " fn=main.f[go.shape.struct { X int }] [runtime.newproc.func1]\n");
    reading_expect_healthy();
}

static void damaged_arguments_are_told_with_their_line(void **state)
{
    static const struct {
        const char *arguments, *sentence;
    } cases[] = {
        { "\"g\": \"zz\"", "found g=zz, expected a number" },
        { "\"g\": \"0xc000102000\", \"reason\": 256", "found reason=256, expected a number of at most 255" },
        { "\"g\": \"0xc000102000\", \"goid\": \"\"", "found nothing behind goid=, expected a number" },
        { "\"g\": null", "found g=null, expected a number" },
    };
    char samples[1024];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(samples, sizeof samples,
                 "{" WHEN ", " CHAIN("runtime.gopark") ", \"goid\": 7},\n{" WHEN ", " CHAIN("runtime.gopark") ", %s}",
                 cases[i].arguments);
        expect_samples(samples, "10 park goid=7" TOLD " [runtime.gopark]\n");
        reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 1, 11, 0, cases[i].sentence);
    }
}

static void unknown_arguments_are_counted(void **state)
{
    (void)state;
    expect_samples("{" WHEN ", " CHAIN("runtime.gopark") ", \"goid\": 7, \"mood\": 3, \"hair\": \"x\"}",
                   "10 park goid=7" TOLD " [runtime.gopark]\n");
    reading_expect_complaint(GOLEAK_HEALTH_unknown_keys, 2, 10, 0, "the key mood");
}

/* ---- samples without ------------------------------------------------------------ */

static void without_arguments_there_are_calls(void **state)
{
    (void)state;
    expect_samples("{" WHEN ", " CHAIN("runtime.newproc.func1") "},\n"
                   "{" WHEN ", " CHAIN("runtime.newproc1") "},\n"
                   "{" WHEN ", " CHAIN("runtime.newproc.func1") "},\n"
                   "{" WHEN ", " CHAIN("runtime.gopark") "},\n"
                   "{" WHEN ", " CHAIN("main.f") "},\n"
                   "{" WHEN "}",
                   "10 call runtime.newproc1 depth=0" TOLD " [runtime.newproc.func1]\n"
                   "11 call runtime.newproc1 depth=0" TOLD " [runtime.newproc1]\n"
                   "12 return runtime.newproc1 depth=0" TOLD " [runtime.newproc.func1]\n"
                   "13 call runtime.gopark depth=0" TOLD " [runtime.gopark]\n"
                   "14 call main.f depth=0" TOLD " [main.f]\n"
                   "15 call depth=0" TOLD "\n");
    reading_expect_healthy();
}

/* ---- callchains ------------------------------------------------------------------ */

static void a_callchain_is_a_stack(void **state)
{
    (void)state;
    expect_samples("{" WHEN ", \"callchain\": [ {\"ip\": \"0x45a6a5\", \"symbol\": \"runtime.gopark\", \"dso\": "
                   "\"x\"},\n {\"ip\": \"0x1234\"},\n {\"symbol\": \"main.f\", \"ip\": \"0x45\", \"more\": {\"a\": "
                   "[1]}} ],\n \"goid\": 7}",
                   "13 park goid=7" TOLD " [runtime.gopark 0x1234 main.f]\n");
    reading_expect_healthy();
    expect_samples("{" WHEN ", \"callchain\": [], \"g\": \"0xc000102000\"}", "10 other g=c000102000" TOLD "\n");
    reading_expect_healthy();
}

static void a_leaf_with_a_long_name_is_no_function_of_ours(void **state)
{
    char sample[512];
    (void)state;
    snprintf(sample, sizeof sample, "{\"callchain\": [{\"symbol\": \"runtime.gopark%0100d\"}], \"goid\": 7}", 0);
    struct bytes text = { 0 };
    bytes_format(&text, "%s%s%s", HEAD, sample, TAIL);
    reading_pieces(PERF, text.data, text.size, 0);
    assert_int_equal(reading.status, GOLEAK_OK);
    assert_true(starts(reading.events.data, "10 other goid=7 [runtime.gopark000"));
    bytes_free(&text);
}

/* ---- damage ------------------------------------------------------------------------ */

static void what_is_no_object_is_stepped_over(void **state)
{
    static const char *const samples[] = {
        "{1}",
        "{\"a\"}",
        "{\"a\": }",
        "{\"a\" 1}",
        "{\"callchain\": [1], \"goid\": 7}",
        "{\"callchain\": [{\"ip\": }], \"goid\": 7}",
        "{\"callchain\": [{\"ip\": \"0x1\", 5}], \"goid\": 7}",
        "{\"goid\": 7 #}",
        "{\"goid\": [7}",
    };
    char text[512];
    (void)state;
    for (size_t i = 0; i < COUNT(samples) - 1; i++) {
        snprintf(text, sizeof text, "%s,\n{" WHEN ", " CHAIN("runtime.gopark") ", \"goid\": 8}", samples[i]);
        expect_samples(text, "11 park goid=8" TOLD " [runtime.gopark]\n");
        reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 1, 10, 0,
                                 "found a sample that is no JSON, expected an object");
    }
}

static void elsewhere_there_are_no_samples(void **state)
{
    (void)state;
    reading_expect(PERF,
                   "{\"headers\": {\"samples\": [{\"goid\": 1, " CHAIN("runtime.gopark") "}]},\n"
                   "\"other\": [{\"goid\": 2, " CHAIN("runtime.gopark") "}], \"x\": \"samples\",\n"
                   "\"more\": [{\"goid\": 3, " CHAIN("runtime.gopark") "}],\n"
                   "\"samples\": [{\"goid\": 4, " CHAIN("runtime.gopark") "}], \"samples \": [{\"goid\": 5}]}\n",
                   "4 park goid=4 [runtime.gopark]\n");
    reading_expect_healthy();
}

/* Wherever a document is cut, the samples before are there, and the cut is told. */
static void every_cut_is_told(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    bytes_text(&text, HEAD "{\"goid\": 7, " CHAIN("runtime.gopark") "},\n{\"goid\": 8, " CHAIN("runtime.gopark")
                           ", \"s\": \"a\\\"}\"}" TAIL);
    size_t whole = text.size - 1; /* the last newline does not matter */
    const char *first = strstr(text.data, "},\n{\"goid\": 8"), *second = strstr(text.data, "}\"}") + 2;
    for (size_t size = 1; size < whole; size++) {
        reading_pieces(PERF, text.data, size, size % 3 == 0 ? 1 : 0);
        const char *at = text.data + size;
        assert_int_equal(reading.status, GOLEAK_OK);
        assert_string_equal(reading.events.data,
                            at <= first    ? ""
                            : at <= second ? "10 park goid=7 [runtime.gopark]\n"
                                           : "10 park goid=7 [runtime.gopark]\n11 park goid=8 [runtime.gopark]\n");
        assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
        assert_string_equal(reading.book.entries[GOLEAK_HEALTH_truncated].detail,
                            "the input ends inside the JSON document");
    }
    bytes_free(&text);
}

static void a_huge_sample_is_skipped(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    bytes_text(&text, HEAD "{\"goid\": 7, " CHAIN("runtime.gopark") "},\n{\"goid\": 8, \"s\": \"");
    while (text.size < (size_t)3 << 20)
        bytes_text(&text, "0123456789{]}\\\"");
    bytes_text(&text, "\"},\n{\"goid\": 9, " CHAIN("runtime.gopark") "}" TAIL);
    static const size_t steps[] = { 0, 4096, 65536, 1 << 20, 2000000 };
    for (size_t i = 0; i < COUNT(steps); i++) {
        reading_pieces(PERF, text.data, text.size, steps[i]);
        assert_int_equal(reading.status, GOLEAK_OK);
        if (strcmp(reading.events.data, "10 park goid=7 [runtime.gopark]\n12 park goid=9 [runtime.gopark]\n") != 0)
            fail_msg("in pieces of %zu:\n%s", steps[i], reading.events.data);
        reading_expect_complaint(GOLEAK_HEALTH_damaged_lines, 1, 11, 0,
                                 "found a sample of more than 1 MiB, expected less; it was skipped");
    }
    /* It is not kept while it is read. */
    reading_pieces(PERF, text.data, text.size, 65536);
    assert_true(reading.heap.peak_bytes < (size_t)4 << 20);
    bytes_free(&text);
}

static void depth_costs_nothing(void **state)
{
    enum { DEPTH = 400000 };
    struct bytes text = { 0 };
    (void)state;
    bytes_text(&text, HEAD "{\"goid\": 7, \"deep\": ");
    for (int i = 0; i < DEPTH; i++)
        bytes_text(&text, "[");
    for (int i = 0; i < DEPTH; i++)
        bytes_text(&text, "]");
    bytes_text(&text, ", " CHAIN("runtime.gopark") "}" TAIL);
    reading_pieces(PERF, text.data, text.size, 0);
    assert_int_equal(reading.status, GOLEAK_OK);
    bytes_clear(&text);
    for (int i = 0; i < DEPTH; i++)
        bytes_text(&text, "}]");
    bytes_text(&text, "{\"samples\": [{\"goid\": 7, " CHAIN("runtime.gopark") "}]}");
    struct bytes document = { 0 };
    bytes_format(&document, "{}%s", text.data); /* closed more often than opened */
    reading_pieces(PERF, document.data, document.size, 0);
    assert_string_equal(reading.events.data, "1 park goid=7 [runtime.gopark]\n");
    bytes_free(&document);
    bytes_free(&text);
}

/* ---- through the API ------------------------------------------------------------- */

static void a_document_is_recognised_and_judged(void **state)
{
    (void)state;
    struct goleak_trace *trace = load(HEAD "{" WHEN ", " CHAIN("runtime.newproc.func1")
                                           ", \"g\": \"0xc000102000\", \"goid\": \"7\"},\n{" WHEN
                                           ", " CHAIN("runtime.gopark") ", \"goid\": \"7\", \"g\": \"0xc000102000\", "
                                           "\"reason\": 6}" TAIL);
    assert_string_equal(load_input(trace).format, "perf");
    assert_string_equal(load_input(trace).form, "json");
    assert_int_equal(load_input(trace).pid, 8152);
    assert_int_equal(load_summary(trace).created, 1);
    assert_int_equal(load_summary(trace).blocked_at_end, 1);
    goleak_trace_free(trace);
}

static void a_document_without_samples_fails(void **state)
{
    static const char text[] = HEAD TAIL;
    (void)state;
    struct goleak_error error = load_error(NULL, text, sizeof text - 1);
    assert_int_equal(error.status, GOLEAK_E_NOEVENTS);
    assert_string_equal(error.message, "found perf script output without one event that this version knows, expected "
                                       "some: did the probes match?");
}

static void every_failed_request_for_memory_is_told(void **state)
{
    (void)state;
    reading_fail_each(PERF, HEAD "{" WHEN ", " CHAIN("runtime.newproc1") "},\n"
                                 "{" WHEN ", " CHAIN("runtime.newproc.func1")
                                 ", \"g\": \"0xc000102000\", \"fn\": \"main.f\"}" TAIL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reading_set_up, reading_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sample_becomes_an_event),
        TEST(newproc1_is_a_creation_where_it_returns),
        TEST(the_other_functions_are_told_by_the_leaf),
        TEST(members_may_stand_in_any_order_or_be_missing),
        TEST(columns_that_no_number_fits_are_not_told),
        TEST(escapes_in_strings_are_undone),
        TEST(damaged_arguments_are_told_with_their_line),
        TEST(unknown_arguments_are_counted),
        TEST(without_arguments_there_are_calls),
        TEST(a_callchain_is_a_stack),
        TEST(a_leaf_with_a_long_name_is_no_function_of_ours),
        TEST(what_is_no_object_is_stepped_over),
        TEST(elsewhere_there_are_no_samples),
        TEST(every_cut_is_told),
        TEST(a_huge_sample_is_skipped),
        TEST(depth_costs_nothing),
        TEST(a_document_is_recognised_and_judged),
        TEST(a_document_without_samples_fails),
        TEST(every_failed_request_for_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
