/*
 * What other tools rely on holds for every recording: the JSON and ndjson reports are
 * valid, have every member that the contract names, and agree with themselves and with
 * each other.
 *
 * cJSON reads them here: another hand than the one that wrote them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <cmocka.h>
#include <goleak.h>

#include "support/bytes.h"
#include "support/generate.h"
#include "support/recordings.h"

static const char *name; /* of the recording */

static bool collect(void *context, const void *data, size_t size)
{
    bytes_add(context, data, size);
    return true;
}

/* ---- members ---------------------------------------------------------------------- */

static const cJSON *get(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (item == NULL)
        fail_msg("%s: there is no \"%s\"", name, key);
    return item;
}

/* n: number, s: string, b: boolean, a: array, o: object; in capitals also null. */
static void expect_type(const cJSON *item, const char *key, char type)
{
    bool good = false;
    if (type >= 'A' && type <= 'Z') {
        good = cJSON_IsNull(item);
        type = (char)(type - 'A' + 'a');
    }
    switch (type) {
    case 'n': good = good || cJSON_IsNumber(item); break;
    case 's': good = good || cJSON_IsString(item); break;
    case 'b': good = good || cJSON_IsBool(item); break;
    case 'a': good = good || cJSON_IsArray(item); break;
    default: good = good || cJSON_IsObject(item); break;
    }
    if (!good)
        fail_msg("%s: \"%s\" has another type than '%c'", name, key, type);
}

/* "key:type key:type …" */
static void expect_members(const cJSON *object, const char *members)
{
    char key[64];
    while (*members != '\0') {
        size_t size = strcspn(members, ":");
        assert_true(size < sizeof key);
        memcpy(key, members, size);
        key[size] = '\0';
        expect_type(get(object, key), key, members[size + 1]);
        members += size + 2;
        members += strspn(members, " ");
    }
}

static double number(const cJSON *object, const char *key)
{
    const cJSON *item = get(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void expect_equal(const char *what, double a, double b)
{
    if (a < b || a > b)
        fail_msg("%s: %s: %.0f and %.0f", name, what, a, b);
}

static bool is(const cJSON *object, const char *key, const char *text)
{
    const cJSON *item = get(object, key);
    return cJSON_IsString(item) && strcmp(item->valuestring, text) == 0;
}

/* ---- json ---------------------------------------------------------------------------- */

static void check_evidence(const cJSON *evidence)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, evidence)
        expect_members(one, "rule:s text:s values:o");
}

static void check_leaks(const cJSON *report)
{
    static const char *const verdicts[] = { "certain", "likely", "suspect" };
    double counts[3] = { 0 };
    int last = 0;
    const cJSON *leak, *summary = get(report, "summary");
    cJSON_ArrayForEach(leak, get(report, "leaks")) {
        expect_members(leak, "verdict:s reason:S created_at:S blocked_at:S count:n oldest_wait_ns:N evidence:a "
                             "goroutines:a");
        check_evidence(get(leak, "evidence"));
        int verdict = 0;
        while (verdict < 3 && !is(leak, "verdict", verdicts[verdict]))
            verdict++;
        assert_true(verdict < 3 && verdict >= last); /* most severe first */
        last = verdict;
        counts[verdict] += number(leak, "count");
        int shown = cJSON_GetArraySize(get(leak, "goroutines"));
        expect_equal("goroutines shown of a leak", shown, number(leak, "count") < 10 ? number(leak, "count") : 10);
        const cJSON *goroutine;
        cJSON_ArrayForEach(goroutine, get(leak, "goroutines"))
            expect_members(goroutine, "goid:N g:S");
    }
    for (int i = 0; i < 3; i++)
        expect_equal(verdicts[i], counts[i], number(summary, verdicts[i]));
}

static void check_summary(const cJSON *report)
{
    const cJSON *summary = get(report, "summary");
    expect_members(summary, "created:n ended:n live_at_end:n blocked_at_end:N peak_live:N peak_live_ns:N peak_blocked:N "
                            "certain:n likely:n suspect:n waiting:n running:n unknown:n leaks:n");
    expect_equal("leaks = certain + likely", number(summary, "leaks"),
                 number(summary, "certain") + number(summary, "likely"));
    expect_equal("live_at_end = older + created - ended", number(summary, "live_at_end"),
                 number(summary, "older") + number(summary, "created") - number(summary, "ended"));
    expect_equal("the living, by verdict", number(summary, "live_at_end"),
                 number(summary, "certain") + number(summary, "likely") + number(summary, "suspect") +
                     number(summary, "waiting") + number(summary, "running") + number(summary, "unknown"));
}

static void check_head(const cJSON *report)
{
    const cJSON *input, *count;
    cJSON_ArrayForEach(input, get(report, "inputs"))
        expect_members(input, "path:s format:s bytes:n events:n go_version:S go_version_from:S pid:N");
    assert_true(cJSON_GetArraySize(get(report, "inputs")) > 0);
    expect_members(get(report, "health"), "unknown_lines:n damaged_lines:n lost_events:n reordered:n implicit_ends:n "
                                          "double_parks:n counter_mismatch:n truncated:n");
    cJSON_ArrayForEach(count, get(report, "health"))
        assert_true(cJSON_IsNumber(count) && count->valuedouble >= 0);
}

/* Every analysis has its member, or is said not to be built. */
static void check_analyses(const cJSON *report, const cJSON *not_built)
{
    static const char *const analyses[] = {
        "lifetimes",     "peaks",         "curves",      "spawn_sites",  "spawn_latency", "sleeps",
        "block_profile", "mutex_profile", "runnable_wait", "parent_tree", "stack_memory", "free_list",
        "wakers",        "syscalls",      "gc",          "tasks",        "threads",
    };
    for (size_t i = 0; i < sizeof analyses / sizeof *analyses; i++) {
        const cJSON *missing;
        bool built = true;
        cJSON_ArrayForEach(missing, not_built)
            built = built && strcmp(missing->valuestring, analyses[i]) != 0;
        if (built != cJSON_HasObjectItem(report, analyses[i]))
            fail_msg("%s: \"%s\" must be a member or in not_built, not both", name, analyses[i]);
    }
    const cJSON *lifetimes = get(report, "lifetimes"), *item;
    if (cJSON_IsObject(lifetimes)) {
        double count = 0;
        expect_members(lifetimes, "unit:s count:n buckets:a");
        cJSON_ArrayForEach(item, get(lifetimes, "buckets")) {
            expect_members(item, "le:n count:n");
            count += number(item, "count");
        }
        expect_equal("lifetimes, by bucket", count, number(lifetimes, "count"));
    }
    if (cJSON_IsObject(get(report, "peaks")))
        expect_members(get(report, "peaks"), "live:O blocked:O");
    cJSON_ArrayForEach(item, get(report, "spawn_sites"))
        expect_members(item, "created_at:S created:n ended:N alive:N");
}

/* Without time every *_ns is null; the twins count events. */
static void check_clock(const cJSON *report)
{
    const cJSON *capture = get(report, "capture"), *leak;
    expect_members(capture, "first_ns:N last_ns:N duration_ns:N clock:s complete:b");
    if (!is(capture, "clock", "none"))
        return;
    static const char *const times[] = { "first_ns", "last_ns", "duration_ns" };
    for (size_t i = 0; i < 3; i++)
        assert_true(cJSON_IsNull(get(capture, times[i])));
    expect_type(get(get(report, "summary"), "peak_live_ns"), "peak_live_ns", 'N');
    assert_true(cJSON_IsNull(get(get(report, "summary"), "peak_live_ns")));
    get(get(report, "summary"), "peak_live_event");
    cJSON_ArrayForEach(leak, get(report, "leaks")) {
        assert_true(cJSON_IsNull(get(leak, "oldest_wait_ns")));
        expect_members(leak, "oldest_wait_events:n");
    }
}

static cJSON *parse(const struct bytes *text)
{
    cJSON *report = cJSON_ParseWithLength(text->data, text->size);
    if (report == NULL)
        fail_msg("%s: no valid JSON: %.100s", name, cJSON_GetErrorPtr());
    return report;
}

static void check_json(const struct bytes *text, const struct bytes *lines)
{
    cJSON *report = parse(text);
    assert_true(is(report, "schema", "goleak-report/1"));
    check_head(report);
    check_clock(report);
    check_summary(report);
    check_leaks(report);
    check_analyses(report, get(report, "not_built"));

    /* ---- and the same from ndjson ---- */
    const cJSON *summary = get(report, "summary");
    double ended = 0, older = 0, all = 0, certain = 0, likely = 0, suspect = 0;
    const char *at = lines->data, *end = at + lines->size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(newline);
        cJSON *line = cJSON_ParseWithLength(at, (size_t)(newline - at));
        if (line == NULL)
            fail_msg("%s: no valid line: %.100s", name, at);
        expect_members(line, "input:s pid:N goid:N g:S incarnation:n preexisting:b parent_goid:N parent_g:S system:B "
                             "created_ns:N started_ns:N ended_ns:N state:s reason:S wait_reason:S blocked_since_ns:N "
                             "verdict:s evidence:a created_at:S start_function:S blocked_at:S created_stack:a stack:a");
        check_evidence(get(line, "evidence"));
        all++;
        ended += is(line, "state", "ended");
        assert_true(is(line, "state", "ended") == is(line, "verdict", "ended"));
        older += cJSON_IsTrue(get(line, "preexisting"));
        certain += is(line, "verdict", "certain");
        likely += is(line, "verdict", "likely");
        suspect += is(line, "verdict", "suspect");
        cJSON_Delete(line);
        at = newline + 1;
    }
    if (all > 0) { /* calls without goroutines have no lines */
        expect_equal("goroutines in ndjson", all, number(summary, "created") + number(summary, "older"));
        expect_equal("ended in ndjson", ended, number(summary, "ended"));
        expect_equal("older in ndjson", older, number(summary, "older"));
        expect_equal("certain in ndjson", certain, number(summary, "certain"));
        expect_equal("likely in ndjson", likely, number(summary, "likely"));
        expect_equal("suspect in ndjson", suspect, number(summary, "suspect"));
    }
    cJSON_Delete(report);
}

/* ---- recordings ------------------------------------------------------------------------ */

/* NULL where the recording has no event to speak of. */
static struct goleak_trace *load(const struct bytes *recording, bool include_system)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_error error;
    struct goleak_trace *trace;
    options.retain_ended = true;
    options.include_system = include_system;
    assert_int_equal(goleak_trace_new(&trace, &options, &error), GOLEAK_OK);
    enum goleak_status status = goleak_trace_feed(trace, recording->data, recording->size, &error);
    if (status == GOLEAK_OK)
        status = goleak_trace_finish(trace, &error);
    if (status == GOLEAK_OK)
        return trace;
    assert_int_equal(status, GOLEAK_E_NOEVENTS);
    goleak_trace_free(trace);
    return NULL;
}

static void write_report(struct goleak_trace *const *traces, size_t count, const char *format, struct bytes *out)
{
    struct goleak_error error;
    bytes_clear(out);
    assert_int_equal(goleak_report_write((const struct goleak_trace *const *)traces, count, format, NULL, collect, out,
                                         &error),
                     GOLEAK_OK);
}

static void check_recording(const struct bytes *recording)
{
    struct bytes json = { 0 }, lines = { 0 };
    for (int system = 0; system < 2; system++) {
        struct goleak_trace *trace = load(recording, system == 1);
        if (trace == NULL)
            continue;
        write_report(&trace, 1, "json", &json);
        write_report(&trace, 1, "ndjson", &lines);
        check_json(&json, &lines);
        goleak_trace_free(trace);
    }
    bytes_free(&json);
    bytes_free(&lines);
}

static void test_recordings(void **state)
{
    (void)state;
    struct bytes recording = { 0 };
    for (size_t i = 0; (name = recording_get(i, &recording)) != NULL; i++) {
        check_recording(&recording);
        bytes_clear(&recording);
    }
    bytes_free(&recording);
}

static void test_generated(void **state)
{
    (void)state;
    struct bytes text = { 0 };
    name = "a generated stream";
    for (uint64_t seed = 1; seed <= 60; seed++) {
        const struct generate_options options = { seed, 400, 30, 3, seed % 2 == 0 };
        struct generated stream;
        generate(&stream, &options);
        bytes_clear(&text);
        if (seed % 3 == 0)
            generated_shuffle(&stream, 50, seed);
        if (seed % 4 < 2)
            generated_print_extended(&text, &stream);
        else {
            generated_keep_full(&stream);
            generated_print_full(&text, &stream);
        }
        check_recording(&text);
        generated_free(&stream);
    }
    bytes_free(&text);
}

/* Side by side: sums at the top, each one's own in reports[]. */
static void test_several(void **state)
{
    (void)state;
    struct goleak_trace *traces[32];
    struct bytes recording = { 0 }, json = { 0 };
    size_t count = 0;
    for (size_t i = 0; count < 32 && (name = recording_get(i, &recording)) != NULL; i++) {
        traces[count] = load(&recording, false);
        count += traces[count] != NULL;
        bytes_clear(&recording);
    }
    name = "all recordings together";
    write_report(traces, count, "json", &json);
    cJSON *report = parse(&json);
    const cJSON *one;
    double created = 0, leaks = 0;
    check_head(report);
    check_summary(report);
    check_leaks(report);
    assert_int_equal(cJSON_GetArraySize(get(report, "inputs")), count);
    assert_int_equal(cJSON_GetArraySize(get(report, "reports")), count);
    cJSON_ArrayForEach(one, get(report, "reports")) {
        check_head(one);
        check_clock(one);
        check_summary(one);
        check_leaks(one);
        check_analyses(one, get(report, "not_built"));
        created += number(get(one, "summary"), "created");
        leaks += number(get(one, "summary"), "leaks");
    }
    expect_equal("created in all", created, number(get(report, "summary"), "created"));
    expect_equal("leaks in all", leaks, number(get(report, "summary"), "leaks"));
    cJSON_Delete(report);
    for (size_t i = 0; i < count; i++)
        goleak_trace_free(traces[i]);
    bytes_free(&recording);
    bytes_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recordings),
        cmocka_unit_test(test_generated),
        cmocka_unit_test(test_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
