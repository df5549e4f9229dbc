/*
 * Failing the n-th allocation, for every n, crashes nothing and leaks nothing.
 *
 * A small recording goes all the way, from bytes to every report. For n = 1, 2, 3 …
 * request n is refused, once alone and once with all that follow, until a whole
 * run gets by with fewer than n. A run may end with GOLEAK_E_MEMORY, or well where
 * the library can do without; after goleak_trace_free nothing is outstanding.
 *
 * Recordings: the article's form, damage, lines in the wrong order, the extended form
 * with stacks, packed ones. Ways: fed or from a file, ended goroutines dropped, kept,
 * or written as ndjson while they end; and the decoder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <goleak.h>
#include <unistd.h>

#include "support/bytes.h"
#include "support/fail_alloc.h"
#include "support/generate.h"
#include "support/recordings.h"

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

/* The extended form with stacks in both spellings, a print(*g), wakers, a thread of
 * the runtime's, generic names, and goroutines that end. */
static const char extended[] =
    "newproc1: goroutine=c000102000 goid=7 parent=c000002380 parentgoid=1 gopc=42b666 ts=1000 cpu=0\n"
    "              app`runtime.newproc.func1+0x25\n"
    "              app`runtime.newproc+0x3f\n"
    "              app`main.Gather[go.shape.struct { X string; Y string }]+0xab\n"
    "newproc1: goroutine=c000102380 goid=8 parent=c000102000 parentgoid=7 fn=runtime.bgsweep ts=1010 cpu=0\n"
    "gopark: goroutine=c000102380 goid=8 reason=10 wait=9 lock=ad2580 ts=1050 cpu=1\n"
    "gopark: goroutine=c000102000 goid=7 reason=6 wait=20 lock=c0000a0058 chan=c0000a0000 ts=1040 cpu=0\n"
    "        runtime.gopark+0\n"
    "        main.Gather.func1+55\n"
    "\n"
    "struct g {\n"
    "    uintptr_t [2] stack = [ 0xc00009a000, 0xc00009a800 ]\n"
    "    uint64_t goid = 0x7\n"
    "}\n"
    "ready: goroutine=c000102000 goid=7 by=c000002380 bygoid=1 ts=1100 cpu=0\n"
    "execute: goroutine=c000102000 goid=7 ts=1120 cpu=0\n"
    "newproc1: goroutine=c000102700 goid=9 parent=c000102000 parentgoid=7 fn=main.f.func2 ts=1130 cpu=0\n"
    "gdestroy: goroutine=c000102000 goid=7 ts=1200 cpu=0\n"
    "newproc1: goroutine=c000102000 goid=10 parent=c000102700 parentgoid=9 fn=main.f.func3 ts=1300 cpu=0\n"
    "gopark: goroutine=c000102000 goid=10 reason=3 wait=18 ts=1400 cpu=0\n"
    "gopark: goroutine=c000102700 goid=9 reason=1 wait=16 ts=1390 cpu=1\n"
    "malloc: goroutine=c000102700 goid=9 size=64 ts=1500\n";

/* Without -q and with -F: calls, ticks that tell the CPU. */
static const char calls[] = "CPU     ID                    FUNCTION:NAME\n"
                            "  1   4094          runtime.newproc1:return newproc1: goroutine=16f9b61cc000 "
                            "parent=25261756867040 count=1 blocked_count=0\n\n"
                            "  0   5000                      :profile-1s profile-1s: count=1 blocked_count=0\n\n"
                            "  0    -> main.Gather\n"
                            "  0      -> runtime.newproc1\n"
                            "  0      <- runtime.newproc1\n"
                            "  0    <- main.Gather\n";

/* ---- one run --------------------------------------------------------------------- */

enum way {
    WAY_FEED,   /* ended goroutines are forgotten */
    WAY_KEEP,   /* … are kept */
    WAY_STREAM, /* … are written as they end */
    WAY_FILE,   /* goleak_trace_load */
    WAY_DECODE, /* events without replay */
    WAY_COUNT
};

static char path[64];

static bool swallow(void *context, const void *data, size_t size)
{
    (void)data;
    *(uint64_t *)context += size;
    return true;
}

static bool write_ended(void *context, const struct goleak_trace *trace, const struct goleak_goroutine *goroutine)
{
    /* Refusing stops the run: the only thing that a caller can do about it. */
    return goleak_report_write_ended(trace, goroutine, swallow, context) == GOLEAK_OK;
}

static enum goleak_status make(struct goleak_trace **trace, const struct bytes *recording, enum way way,
                               const struct goleak_options *options, struct goleak_error *error)
{
    if (way == WAY_FILE)
        return goleak_trace_load(trace, path, options, error);
    enum goleak_status status = goleak_trace_new(trace, options, error);
    if (status >= 0)
        status = goleak_trace_feed(*trace, recording->data, recording->size, error);
    return status >= 0 ? goleak_trace_finish(*trace, error) : status;
}

static enum goleak_status decode(const struct bytes *recording, const struct goleak_options *options,
                                 struct goleak_error *error)
{
    struct goleak_decoder *decoder;
    const struct goleak_event *event;
    size_t events = 0;
    enum goleak_status status = goleak_decoder_new(&decoder, options, error);
    if (status >= 0)
        status = goleak_decoder_feed(decoder, recording->data, recording->size, error);
    if (status >= 0)
        status = goleak_decoder_finish(decoder, error);
    while (status >= 0 && goleak_decoder_next(decoder, &event) == GOLEAK_OK)
        events++;
    assert_true(status < 0 || events > 0);
    goleak_decoder_free(decoder);
    return status;
}

/* Bytes to every report; the first failure, as it came. */
static enum goleak_status whole_run(struct fail_alloc *heap, const struct bytes *recording, enum way way)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    uint64_t written = 0;
    options.allocator = &heap->allocator;
    options.jobs = 1;
    options.retain_ended = way == WAY_KEEP;
    options.include_system = way == WAY_KEEP;
    if (way == WAY_STREAM) {
        options.ended = write_ended;
        options.ended_context = &written;
    }
    struct goleak_error error;
    memset(&error, 0, sizeof error);
    struct goleak_trace *trace = NULL;
    enum goleak_status status = way == WAY_DECODE ? decode(recording, &options, &error)
                                                  : make(&trace, recording, way, &options, &error);
    for (size_t i = 0; trace != NULL && status >= 0 && goleak_report_format(i) != NULL; i++) {
        const struct goleak_trace *traces[] = { trace };
        status = goleak_report_write(traces, 1, goleak_report_format(i), NULL, swallow, &written, &error);
    }
    if (status < 0) {
        assert_int_equal(error.status, status);
        assert_string_not_equal(error.message, "");
    } else {
        assert_true(written > 0 || way == WAY_DECODE);
    }
    goleak_trace_free(trace);
    return status;
}

/* ---- all runs ---------------------------------------------------------------------- */

static void fail_every_request(const struct bytes *recording, enum way way, bool keep_failing)
{
    for (size_t n = 1;; n++) {
        struct fail_alloc heap;
        fail_alloc_init(&heap, n, keep_failing);
        enum goleak_status status = whole_run(&heap, recording, way);
        if (!fail_alloc_is_clean(&heap))
            fail_msg("way %d, request %zu refused: %zu blocks, %zu bytes outstanding, %zu wrong sizes", (int)way, n,
                     heap.blocks, heap.bytes, heap.wrong_sizes);
        if (!heap.failed) {
            assert_int_equal(status, GOLEAK_OK);
            assert_true(n > 1);
            return;
        }
        /* A consumer that could not write its line says E_IO. */
        bool known = status == GOLEAK_E_MEMORY || status == GOLEAK_OK || (way == WAY_STREAM && status == GOLEAK_E_IO);
        if (!known)
            fail_msg("way %d, request %zu refused: status %d, expected %d or %d", (int)way, n, (int)status,
                     (int)GOLEAK_E_MEMORY, (int)GOLEAK_OK);
    }
}

static void try_every_way(const struct bytes *recording)
{
    strcpy(path, "/tmp/goleak_alloc_XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_true(bytes_write(recording, path));
    for (int way = 0; way < WAY_COUNT; way++) {
        fail_every_request(recording, (enum way)way, false);
        fail_every_request(recording, (enum way)way, true);
    }
    unlink(path);
}

static void try_text(const char *text, size_t size)
{
    struct bytes recording = { 0 };
    bytes_add(&recording, text, size);
    try_every_way(&recording);
    bytes_free(&recording);
}

static void test_plain(void **state)
{
    (void)state;
    try_text(leaky, sizeof leaky - 1);
}

static void test_rich(void **state)
{
    (void)state;
    try_text(rich, sizeof rich - 1);
}

static void test_extended(void **state)
{
    (void)state;
    try_text(extended, sizeof extended - 1);
}

/* A creation that failed half-way is no end of a life, and the failure is told. */
static void test_many_sites(void **state)
{
    char text[8192];
    size_t size = 0;
    bool refused = true;
    const unsigned sites = 60;
    for (unsigned i = 0; i < sites; i++)
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "newproc1: goroutine=c000%06x goid=%u parent=c000002380 startpc=%x ts=%u\n",
                                 0x100000 + 0x380 * i, 10 + i, 0x450000 + 64 * i, 100 + i);
    (void)state;
    for (size_t n = 1; refused; n++) {
        struct fail_alloc heap;
        struct goleak_trace *trace = NULL;
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        fail_alloc_init(&heap, n, false);
        options.allocator = &heap.allocator;
        enum goleak_status status = goleak_trace_new(&trace, &options, NULL);
        if (status == GOLEAK_OK)
            status = goleak_trace_feed(trace, text, size, NULL);
        if (status == GOLEAK_OK)
            status = goleak_trace_finish(trace, NULL);
        if (status == GOLEAK_OK) {
            struct goleak_summary sum;
            goleak_trace_summary(trace, &sum);
            assert_int_equal(sum.created, sites);
            assert_int_equal(sum.ended, 0);
        }
        goleak_trace_free(trace);
        assert_true(fail_alloc_is_clean(&heap));
        refused = heap.failed;
        assert_true(refused || n > 50);
    }
}

static void test_calls(void **state)
{
    (void)state;
    try_text(calls, sizeof calls - 1);
}

/* A bit of everything that perf and bpftrace print. */
static void test_recorders(void **state)
{
    (void)state;
    struct bytes recording = { 0 };
    for (size_t i = 1; i < RECORDING_RICH_COUNT; i++) {
        assert_non_null(recording_get(i, &recording));
        try_every_way(&recording);
        bytes_clear(&recording);
    }
    bytes_free(&recording);
}

static void test_packed(void **state)
{
    (void)state;
    struct bytes plain = { 0 }, packed = { 0 };
    bytes_text(&plain, extended);
    bytes_zstd(&packed, &plain);
    try_every_way(&packed);
    bytes_clear(&packed);
    if (bytes_gzip(&packed, &plain))
        try_every_way(&packed);
    bytes_free(&plain);
    bytes_free(&packed);
}

/* Some hundred lines that come out of order: windows, gates, queues grow. */
static void test_shuffled(void **state)
{
    (void)state;
    const struct generate_options options = { .seed = 3, .events = 400, .addresses = 12, .cpus = 3, .system = true };
    struct bytes text = { 0 };
    struct generated stream;
    generate(&stream, &options);
    generated_shuffle(&stream, 60, 5);
    generated_print_extended(&text, &stream);
    fail_every_request(&text, WAY_KEEP, false);
    fail_every_request(&text, WAY_STREAM, true);
    bytes_clear(&text);
    generated_keep_full(&stream);
    generated_print_full(&text, &stream);
    fail_every_request(&text, WAY_KEEP, false);
    fail_every_request(&text, WAY_STREAM, true);
    generated_free(&stream);
    bytes_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),  cmocka_unit_test(test_rich),   cmocka_unit_test(test_extended),
        cmocka_unit_test(test_many_sites),
        cmocka_unit_test(test_calls),  cmocka_unit_test(test_packed), cmocka_unit_test(test_shuffled),
        cmocka_unit_test(test_recorders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
