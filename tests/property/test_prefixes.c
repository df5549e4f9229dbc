/*
 * Every prefix of a good recording ends cleanly, and never tells of more
 * goroutines than the whole.
 *
 * Plain, zstd and gzip are cut at every byte (long ones at some hundred); what
 * comes out is a result, or one of the failures that say that nothing usable was
 * there yet. A cut text line is left out and called truncated, a cut frame too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <goleak.h>

#include "support/bytes.h"
#include "support/outcome.h"
#include "support/recordings.h"

#define SMALL_BYTES ((size_t)2500)
#define LONG_CUTS 120

/* With system goroutines: a proof that comes late makes the user's ones fewer. */
static struct goleak_options everything(void)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.include_system = true;
    return options;
}

static bool is_nothing_yet(enum goleak_status status)
{
    return status == GOLEAK_E_EMPTY || status == GOLEAK_E_FORMAT || status == GOLEAK_E_NOEVENTS;
}

static void check_prefix(const struct bytes *whole, size_t size, const struct goleak_summary *all, const char *name)
{
    struct outcome got = { 0 };
    const struct goleak_options options = everything();
    const struct bytes prefix = { whole->data, size, size };
    outcome_of(&got, &prefix, NULL, 0, &options);
    if (got.status != GOLEAK_OK) {
        if (!is_nothing_yet(got.status))
            fail_msg("%s, its first %zu bytes: status %d: %s", name, size, (int)got.status, got.error.message);
        assert_string_not_equal(got.error.message, "");
    } else if (got.summary.created > all->created || got.summary.ended > all->ended ||
               got.summary.preexisting + got.summary.created < got.summary.ended)
        fail_msg("%s, its first %zu bytes: %llu created, %llu ended, %llu older; the whole has %llu and %llu", name,
                 size, (unsigned long long)got.summary.created, (unsigned long long)got.summary.ended,
                 (unsigned long long)got.summary.preexisting, (unsigned long long)all->created,
                 (unsigned long long)all->ended);
    outcome_free(&got);
}

static void check_prefixes(const struct bytes *whole, const struct goleak_summary *all, const char *name)
{
    size_t step = whole->size <= SMALL_BYTES ? 1 : whole->size / LONG_CUTS;
    for (size_t size = 0; size < whole->size; size += step)
        check_prefix(whole, size, all, name);
}

static void test_prefixes(void **state)
{
    (void)state;
    struct bytes plain = { 0 }, packed = { 0 };
    const char *name;
    for (size_t i = 0; (name = recording_get(i, &plain)) != NULL; i++) {
        struct outcome whole = { 0 };
        const struct goleak_options options = everything();
        outcome_of(&whole, &plain, NULL, 0, &options);
        check_prefixes(&plain, &whole.summary, name);
        bytes_clear(&packed);
        bytes_zstd(&packed, &plain);
        check_prefixes(&packed, &whole.summary, name);
        bytes_clear(&packed);
        if (bytes_gzip(&packed, &plain))
            check_prefixes(&packed, &whole.summary, name);
        outcome_free(&whole);
        bytes_clear(&plain);
    }
    bytes_free(&plain);
    bytes_free(&packed);
}

static uint64_t count_truncated(const struct bytes *recording, size_t size, enum goleak_status *status)
{
    struct goleak_error error;
    struct goleak_trace *trace;
    uint64_t count = 0;
    assert_int_equal(goleak_trace_new(&trace, NULL, &error), GOLEAK_OK);
    *status = goleak_trace_feed(trace, recording->data, size, &error);
    if (*status == GOLEAK_OK)
        *status = goleak_trace_finish(trace, &error);
    if (*status == GOLEAK_OK)
        count = outcome_health(trace, "truncated");
    goleak_trace_free(trace);
    return count;
}

/* A line without its newline is believed when nothing in it is missing, so the cut
 * that cannot be noticed is the one behind a whole line. */
static void test_cut_is_told(void **state)
{
    (void)state;
    struct bytes plain = { 0 }, packed = { 0 };
    enum goleak_status status;
    assert_true(bytes_read(&plain, "testdata/dtrace/own_leaky.txt"));
    assert_int_equal(count_truncated(&plain, plain.size, &status), 0);
    const char *last = strstr(plain.data, "reason=5 blocked_count=4\n");
    assert_non_null(last);
    assert_int_equal(count_truncated(&plain, (size_t)(last - plain.data), &status), 1);
    bytes_zstd(&packed, &plain);
    for (size_t size = packed.size / 2; size < packed.size; size++) {
        uint64_t count = count_truncated(&packed, size, &status);
        assert_true(status != GOLEAK_OK || count >= 1);
    }
    bytes_free(&plain);
    bytes_free(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_cut_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
