/*
 * Failing the n-th allocation, for every n, crashes nothing and leaks nothing.
 *
 * A small recording goes all the way, from bytes to every report. For n = 1, 2, 3 …
 * request n is refused, once alone and once with all that follow, until a whole
 * run gets by with fewer than n. A run may end with GOLEAK_E_MEMORY, or well where
 * the library can do without; after goleak_trace_free nothing is outstanding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <goleak.h>
#include <zstd.h>

#include "support/fail_alloc.h"

/* The article's leaky program under its full script. */
static const char leaky[] = "newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0\n"
                            "newproc1: goroutine=14000003880 parent=1374389543360 count=2 blocked_count=0\n"
                            "newproc1: goroutine=14000003a40 parent=1374389543360 count=3 blocked_count=0\n"
                            "gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
                            "gopark: goroutine=14000003a40 blocked=1 reason=6 blocked_count=2\n"
                            "gopark: goroutine=14000003880 blocked=1 reason=6 blocked_count=3\n"
                            "END: count=3 blocked_count=3\n";

/* The same, with what costs memory of its own: stacks, a struct dump, parents,
 * recycled addresses, unknown lines, damage. */
static const char rich[] =
    "main.main: goroutine=c000002380\n"
    "newproc1: goroutine=c000102000 parent=c000002380 fn=main.f[go.shape.struct { X string }].func1 "
    "ts=1000 count=1 blocked_count=0\n"
    "\n              app`runtime.newproc1+0x123\n              app`main.main+0x45\n\n"
    "gopark: goroutine=c000102000 blocked=1 reason=7 ts=2000 blocked_count=1\n"
    "ready: goroutine=c000102000 ts=3000 blocked_count=0\n"
    "execute: goroutine=c000102000 ts=3100\n"
    "newproc1: goroutine=c000102380 parent=c000102000 ts=3200 count=2 blocked_count=0\n"
    "godestroy: goroutine=c000102000 ts=4000 count=1 blocked_count=0\n"
    "newproc1: goroutine=c000102000 parent=c000102380 ts=5000 count=2 blocked_count=0\n"
    "gopark: goroutine=c000102000 blocked=1 reason=3 ts=6000 blocked_count=1\n"
    "newproc1: goroutine=zzz count=\n"
    "nGoro = 2\n"
    "dtrace: 3 drops on CPU 0\n"
    "END: count=2 blocked_count=1\n";

static bool swallow(void *context, const void *data, size_t size)
{
    (void)data;
    *(uint64_t *)context += size;
    return true;
}

/* Bytes to every report; the first failure, as it came. */
static enum goleak_status whole_run(struct fail_alloc *heap, const void *bytes, size_t size)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.allocator = &heap->allocator;
    options.jobs = 1;
    struct goleak_error error;
    memset(&error, 0, sizeof error);
    struct goleak_trace *trace = NULL;
    enum goleak_status status = goleak_trace_new(&trace, &options, &error);
    if (status >= 0)
        status = goleak_trace_feed(trace, bytes, size, &error);
    if (status >= 0)
        status = goleak_trace_finish(trace, &error);
    uint64_t written = 0;
    for (size_t i = 0; status >= 0 && goleak_report_format(i) != NULL; i++) {
        const struct goleak_trace *traces[] = { trace };
        status = goleak_report_write(traces, 1, goleak_report_format(i), NULL, swallow, &written, &error);
    }
    if (status < 0) {
        assert_int_equal(error.status, status);
        assert_string_not_equal(error.message, "");
    } else
        assert_true(written > 0);
    goleak_trace_free(trace);
    return status;
}

static void fail_every_request(const void *bytes, size_t size, bool keep_failing)
{
    for (size_t n = 1;; n++) {
        struct fail_alloc heap;
        fail_alloc_init(&heap, n, keep_failing);
        enum goleak_status status = whole_run(&heap, bytes, size);
        if (!fail_alloc_is_clean(&heap))
            fail_msg("request %zu refused: %zu blocks, %zu bytes outstanding, %zu wrong sizes", n, heap.blocks,
                     heap.bytes, heap.wrong_sizes);
        if (!heap.failed) {
            assert_int_equal(status, GOLEAK_OK);
            assert_true(n > 1);
            return;
        }
        if (status != GOLEAK_E_MEMORY && status != GOLEAK_OK)
            fail_msg("request %zu refused: status %d, expected %d or %d", n, (int)status, (int)GOLEAK_E_MEMORY,
                     (int)GOLEAK_OK);
    }
}

static void test_plain(void **state)
{
    (void)state;
    fail_every_request(leaky, sizeof leaky - 1, false);
    fail_every_request(leaky, sizeof leaky - 1, true);
}

static void test_rich(void **state)
{
    (void)state;
    fail_every_request(rich, sizeof rich - 1, false);
    fail_every_request(rich, sizeof rich - 1, true);
}

static void test_zstd(void **state)
{
    (void)state;
    char packed[2048];
    size_t size = ZSTD_compress(packed, sizeof packed, leaky, sizeof leaky - 1, 1);
    assert_false(ZSTD_isError(size));
    fail_every_request(packed, size, false);
    fail_every_request(packed, size, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_rich),
        cmocka_unit_test(test_zstd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
