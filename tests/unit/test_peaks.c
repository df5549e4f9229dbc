/*
 * test_peaks - the highest counts, when, and from which sites; exact, although a
 * goroutine may turn out to be the runtime's after it was counted.
 */
#include <cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/peaks.h"
#include "base/buf.h"
#include "report/report.h"
#include "support/load.h"

static struct goleak_alloc heap; /* malloc, for the tests' own texts */

static int set_up(void **state)
{
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    return 0;
}

static const struct goleak_peaks *peaks_of(const struct goleak_trace *trace)
{
    struct goleak_view view;
    goleak_trace_view(trace, &view);
    return goleak_view_analysis(&view, &goleak_analysis_peaks);
}

static const char *start_of(const struct goleak_trace *trace, uint32_t site)
{
    const char *start = goleak_site_start(&peaks_of(trace)->model, site);
    return start != NULL ? start : "";
}

/* ---- by hand -------------------------------------------------------------- */

static void the_peak_is_the_first_time_of_the_most(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000000380 goid=2 ts=10\n"
                                      "newproc1: goroutine=c000000700 goid=3 ts=20\n"
                                      "gdestroy: goroutine=c000000700 goid=3 ts=30\n"
                                      "newproc1: goroutine=c000000700 goid=4 ts=40\n" /* two again */
                                      "gopark: goroutine=c000000380 goid=2 reason=6 ts=50\n"
                                      "gopark: goroutine=c000000700 goid=4 reason=6 ts=60\n"
                                      "ready: goroutine=c000000700 goid=4 ts=70\n"
                                      "gopark: goroutine=c000000700 goid=4 reason=6 ts=80\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.peak_live, 2);
    assert_int_equal(sum.peak_live_at, 20);
    assert_int_equal(sum.peak_blocked, 2);
    assert_int_equal(sum.peak_blocked_at, 60);
    goleak_trace_free(trace);
}

static void nothing_has_no_peak(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000000380 goid=2 ts=10\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.peak_blocked, 0);
    assert_int_equal(sum.peak_blocked_at, GOLEAK_NONE);
    goleak_trace_free(trace);
}

static void sites_are_those_at_the_peak_and_not_at_the_end(void **state)
{
    struct goleak_buf text;
    uint32_t sites[8];
    (void)state;
    goleak_buf_init(&text, &heap);
    unsigned ts = 0;
    for (unsigned i = 0; i < 30; i++) /* 20 of f, 10 of g: the peak */
        goleak_buf_printf(&text, "newproc1: goroutine=c%09x goid=%u fn=main.%s ts=%u\n", (i + 1) * 0x380, i + 2,
                          i % 3 == 0 ? "g" : "f", ++ts);
    for (unsigned i = 0; i < 25; i++)
        goleak_buf_printf(&text, "gdestroy: goroutine=c%09x goid=%u ts=%u\n", (i + 1) * 0x380, i + 2, ++ts);
    for (unsigned i = 0; i < 15; i++) /* 15 of h, after it */
        goleak_buf_printf(&text, "newproc1: goroutine=c1%08x goid=%u fn=main.h ts=%u\n", (i + 1) * 0x380, i + 100,
                          ++ts);
    struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
    const struct goleak_ledger *ledger = peaks_of(trace)->model.ledger;
    assert_int_equal(load_summary(trace).peak_live, 30);
    assert_int_equal(load_summary(trace).peak_live_at, 30);
    assert_int_equal(goleak_ledger_top(ledger, GOLEAK_GAUGE_LIVE, sites, 8), 2);
    assert_string_equal(start_of(trace, sites[0]), "main.f");
    assert_int_equal(goleak_ledger_at_peak(ledger, GOLEAK_GAUGE_LIVE, sites[0]), 20);
    assert_string_equal(start_of(trace, sites[1]), "main.g");
    assert_int_equal(goleak_ledger_at_peak(ledger, GOLEAK_GAUGE_LIVE, sites[1]), 10);
    assert_int_equal(goleak_ledger_top(ledger, GOLEAK_GAUGE_LIVE, sites, 1), 1); /* no more than there is room */
    assert_string_equal(start_of(trace, sites[0]), "main.f");
    assert_int_equal(goleak_ledger_at_peak(ledger, GOLEAK_GAUGE_LIVE, 99999), 0);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

/* GC workers at their first park: counted until then, and part of the maximum. */
static void the_runtimes_own_are_taken_out_of_the_peak(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000000380 goid=2 ts=10\n"
                                      "newproc1: goroutine=c000000700 goid=3 ts=20\n"
                                      "newproc1: goroutine=c000000a80 goid=4 ts=30\n" /* the runtime's */
                                      "newproc1: goroutine=c000000e00 goid=5 ts=40\n" /* and this */
                                      "gdestroy: goroutine=c000000700 goid=3 ts=50\n"
                                      "gopark: goroutine=c000000a80 goid=4 reason=10 ts=60\n"
                                      "gopark: goroutine=c000000e00 goid=5 reason=10 ts=70\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.peak_live, 2);
    assert_int_equal(sum.peak_live_at, 20);
    goleak_trace_free(trace);
}

static void a_users_among_them_keep_their_moments(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000000380 goid=2 ts=10\n" /* the runtime's */
                                      "newproc1: goroutine=c000000700 goid=3 ts=20\n"
                                      "newproc1: goroutine=c000000a80 goid=4 ts=30\n"
                                      "gopark: goroutine=c000000380 goid=2 reason=10 ts=40\n"
                                      "gdestroy: goroutine=c000000700 goid=3 ts=50\n"
                                      "newproc1: goroutine=c000000e00 goid=5 ts=60\n");
    struct goleak_summary sum = load_summary(trace);
    uint32_t sites[4];
    (void)state;
    assert_int_equal(sum.peak_live, 2);
    assert_int_equal(sum.peak_live_at, 30); /* not 20, when the runtime's made it two */
    assert_int_equal(goleak_ledger_top(peaks_of(trace)->model.ledger, GOLEAK_GAUGE_LIVE, sites, 4), 1);
    assert_int_equal(goleak_ledger_at_peak(peaks_of(trace)->model.ledger, GOLEAK_GAUGE_LIVE, sites[0]), 2);
    goleak_trace_free(trace);
}

/* perf prints microseconds: several things happen at one moment. */
static void equal_moments_are_told_apart(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000000380 goid=2 ts=10\n"
                                      "gdestroy: goroutine=c000000380 goid=2 ts=10\n"
                                      "newproc1: goroutine=c000000700 goid=3 ts=10\n" /* the runtime's */
                                      "gopark: goroutine=c000000700 goid=3 reason=10 ts=20\n");
    (void)state;
    assert_int_equal(load_summary(trace).peak_live, 1);
    assert_int_equal(load_summary(trace).peak_live_at, 10);
    goleak_trace_free(trace);
}

static void an_older_one_of_the_runtime_is_taken_out_too(void **state)
{
    struct goleak_trace *trace = load("execute: goroutine=c000000380 goid=2 ts=10\n" /* the runtime's */
                                      "newproc1: goroutine=c000000700 goid=3 ts=20\n"
                                      "gopark: goroutine=c000000380 goid=2 reason=10 ts=30\n");
    (void)state;
    assert_int_equal(load_summary(trace).peak_live, 1);
    assert_int_equal(load_summary(trace).peak_live_at, 20);
    goleak_trace_free(trace);
}

static bool append(void *context, const void *data, size_t size)
{
    goleak_buf_append(context, data, size);
    return true;
}

static cJSON *written(const struct goleak_trace *trace)
{
    struct goleak_json json;
    struct goleak_buf text;
    goleak_buf_init(&text, &heap);
    goleak_json_init(&json, &heap, append, &text);
    goleak_json_open(&json, NULL, '{');
    goleak_analysis_peaks.write(peaks_of(trace), &json);
    goleak_json_close(&json, '}');
    assert_int_equal(goleak_json_finish(&json), GOLEAK_OK);
    goleak_buf_char(&text, '\0');
    cJSON *document = cJSON_Parse(text.data);
    goleak_buf_release(&text);
    assert_non_null(document);
    return document;
}

static void the_report_tells_count_moment_and_sites(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000000380 goid=2 fn=main.f ts=10\n"
                                      "newproc1: goroutine=c000000700 goid=3 fn=main.f ts=20\n"
                                      "gopark: goroutine=c000000700 goid=3 reason=6 ts=30\n");
    cJSON *document = written(trace);
    const cJSON *peaks = cJSON_GetObjectItem(document, "peaks"), *live = cJSON_GetObjectItem(peaks, "live");
    const cJSON *site = cJSON_GetArrayItem(cJSON_GetObjectItem(live, "sites"), 0);
    (void)state;
    assert_int_equal(cJSON_GetObjectItem(live, "count")->valueint, 2);
    assert_int_equal(cJSON_GetObjectItem(live, "time_ns")->valueint, 20);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(site, "start_function")), "main.f");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(site, "created_at")));
    assert_int_equal(cJSON_GetObjectItem(site, "count")->valueint, 2);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(peaks, "blocked"), "count")->valueint, 1);
    cJSON_Delete(document);
    goleak_trace_free(trace);
}

static void where_parks_are_not_printed_blocked_is_null(void **state)
{
    struct goleak_trace *trace = load("goroutine 14000102fc0 created: count=1\n");
    cJSON *document = written(trace);
    const cJSON *peaks = cJSON_GetObjectItem(document, "peaks"), *live = cJSON_GetObjectItem(peaks, "live");
    (void)state;
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(peaks, "blocked"))); /* not a nought */
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(live, "time_ns")));
    assert_int_equal(cJSON_GetObjectItem(live, "time_event")->valueint, 1);
    cJSON_Delete(document);
    goleak_trace_free(trace);
}

/* ---- against counting after the fact -------------------------------------- */

static uint32_t seed;

static uint32_t pick(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

#define SLOTS 200

/* Lives of which each third turns out to be the runtime's at its first park. The
 * second look knows that, and counts the others. */
static void it_equals_a_count_that_knew_all_along(void **state)
{
    struct change {
        uint32_t life;
        int step;
    } *changes = malloc(40000 * sizeof *changes);
    bool *is_system = calloc(40000, sizeof *is_system);
    (void)state;
    assert_non_null(changes);
    assert_non_null(is_system);
    for (uint32_t round = 1; round <= 20; round++) {
        struct {
            uint32_t life;
            bool parked;
        } slots[SLOTS] = { { 0 } };
        struct goleak_buf text;
        size_t count = 2000;
        uint32_t lives = 0;
        goleak_buf_init(&text, &heap);
        seed = round * 77;
        for (size_t i = 0; i < count; i++) {
            uint32_t slot = pick(i % 500 < 100 ? SLOTS : SLOTS / 4); /* waves */
            changes[i] = (struct change){ 0, 0 };
            if (slots[slot].life == 0) {
                slots[slot].life = ++lives;
                slots[slot].parked = false;
                is_system[lives] = pick(3) == 0;
                changes[i] = (struct change){ lives, 1 };
                goleak_buf_printf(&text, "newproc1: goroutine=c%09x goid=%u ts=%zu\n", (slot + 1) * 0x380, lives + 1,
                                  i + 1);
            } else if (!slots[slot].parked) {
                slots[slot].parked = true;
                goleak_buf_printf(&text, "gopark: goroutine=c%09x goid=%u reason=%d ts=%zu\n", (slot + 1) * 0x380,
                                  slots[slot].life + 1, is_system[slots[slot].life] ? 10 : 7, i + 1);
            } else {
                changes[i] = (struct change){ slots[slot].life, -1 };
                goleak_buf_printf(&text, "gdestroy: goroutine=c%09x goid=%u ts=%zu\n", (slot + 1) * 0x380,
                                  slots[slot].life + 1, i + 1);
                slots[slot].life = 0;
            }
        }
        for (uint32_t slot = 0; slot < SLOTS; slot++) /* every one is proven in the end */
            if (slots[slot].life != 0 && !slots[slot].parked) {
                changes[count] = (struct change){ 0, 0 };
                goleak_buf_printf(&text, "gopark: goroutine=c%09x goid=%u reason=%d ts=%zu\n", (slot + 1) * 0x380,
                                  slots[slot].life + 1, is_system[slots[slot].life] ? 10 : 7, ++count);
            }
        uint64_t now = 0, peak = 0, peak_at = 0;
        for (size_t i = 0; i < count; i++)
            if (changes[i].step != 0 && !is_system[changes[i].life]) {
                now += changes[i].step > 0 ? 1u : UINT64_MAX;
                if (now > peak) {
                    peak = now;
                    peak_at = i + 1;
                }
            }
        struct goleak_trace *trace = load_pieces(NULL, text.data, text.size, 0);
        struct goleak_summary sum = load_summary(trace);
        if (sum.peak_live != peak || sum.peak_live_at != (int64_t)peak_at)
            fail_msg("round %" PRIu32 ": found %" PRIu64 " at %" PRId64 ", expected %" PRIu64 " at %" PRIu64, round,
                     sum.peak_live, sum.peak_live_at, peak, peak_at);
        assert_int_equal(sum.live_at_end, now);
        goleak_trace_free(trace);
        goleak_buf_release(&text);
    }
    free(is_system);
    free(changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peak_is_the_first_time_of_the_most),
        cmocka_unit_test(nothing_has_no_peak),
        cmocka_unit_test_setup(sites_are_those_at_the_peak_and_not_at_the_end, set_up),
        cmocka_unit_test(the_runtimes_own_are_taken_out_of_the_peak),
        cmocka_unit_test(a_users_among_them_keep_their_moments),
        cmocka_unit_test(equal_moments_are_told_apart),
        cmocka_unit_test(an_older_one_of_the_runtime_is_taken_out_too),
        cmocka_unit_test_setup(the_report_tells_count_moment_and_sites, set_up),
        cmocka_unit_test_setup(where_parks_are_not_printed_blocked_is_null, set_up),
        cmocka_unit_test_setup(it_equals_a_count_that_knew_all_along, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
