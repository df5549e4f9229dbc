/* test_trace - a handle's life: options, inputs, misuse, failures that stick, limits. */
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "support/fail_alloc.h"
#include "support/load.h"

#define LINE "newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"

static struct goleak_error error;

static enum goleak_status try_options(const struct goleak_options *options)
{
    struct goleak_trace *trace = (void *)&error; /* must be overwritten */
    memset(&error, 0, sizeof error);
    enum goleak_status status = goleak_trace_new(&trace, options, &error);
    if (status != GOLEAK_OK) {
        assert_null(trace);
        assert_int_equal(error.status, status);
    }
    goleak_trace_free(trace);
    return status;
}

/* ---- options -------------------------------------------------------------- */

static void options_may_be_left_out(void **state)
{
    const struct goleak_options defaults = GOLEAK_OPTIONS_INIT;
    (void)state;
    assert_int_equal(try_options(NULL), GOLEAK_OK);
    assert_int_equal(try_options(&defaults), GOLEAK_OK);
}

static void options_need_their_size(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    (void)state;
    options.size = 0;
    assert_int_equal(try_options(&options), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "options.size is 0: begin with GOLEAK_OPTIONS_INIT");
    options.size = 1u << 20;
    assert_int_equal(try_options(&options), GOLEAK_E_USAGE);
}

/* The first `size` bytes of the struct, in a block of their own. */
static enum goleak_status try_prefix(size_t size)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.size = size;
    options.go_version = "1.21";
    void *block = malloc(size);
    assert_non_null(block);
    memcpy(block, &options, size);
    enum goleak_status status = try_options(block);
    free(block);
    return status;
}

/* A caller that was compiled when the struct had fewer fields, or has more. */
static void options_of_another_size_are_read_as_far_as_they_go(void **state)
{
    (void)state;
    assert_int_equal(try_prefix(offsetof(struct goleak_options, include_system)), GOLEAK_OK);
    assert_int_equal(try_prefix(offsetof(struct goleak_options, max_memory_bytes)), GOLEAK_OK);
    assert_int_equal(try_prefix(offsetof(struct goleak_options, allocator)), GOLEAK_OK); /* nothing but its size */

    struct {
        struct goleak_options known;
        char later[64];
    } newer;
    memset(&newer, 0x5a, sizeof newer);
    newer.known = (struct goleak_options)GOLEAK_OPTIONS_INIT;
    newer.known.size = sizeof newer;
    assert_int_equal(try_options(&newer.known), GOLEAK_OK);
}

static void names_in_options_are_checked(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    (void)state;
    options.go_version = "2.0";
    assert_int_equal(try_options(&options), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "found \"2.0\", expected a Go version such as 1.22");
    options.go_version = "1.22.00000000000000000000000000000000000000000000000000000000000000";
    assert_int_equal(try_options(&options), GOLEAK_E_USAGE);
    options.go_version = "1.5";
    assert_int_equal(try_options(&options), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "found Go version \"1.5\", expected 1.11 or later");
    options.go_version = "1.11";
    assert_int_equal(try_options(&options), GOLEAK_OK);
    options.go_version = "1.99"; /* will be */
    assert_int_equal(try_options(&options), GOLEAK_OK);
    options.go_version = "go1.26.10-X:goroutineleak";
    assert_int_equal(try_options(&options), GOLEAK_OK);
    options.input_format = "dtraec";
    assert_int_equal(try_options(&options), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "found \"dtraec\", expected the name of an input format");
}

static void numbers_in_options_are_checked(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    (void)state;
    options.min_age_ns = -1;
    assert_int_equal(try_options(&options), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "found min_age_ns -1, expected 0 or more");
    options.min_age_ns = INT64_MAX;
    assert_int_equal(try_options(&options), GOLEAK_OK);
}

static void strings_of_options_need_not_stay(void **state)
{
    char version[] = "1.21", format[] = "dtrace";
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_trace *trace;
    (void)state;
    options.go_version = version;
    options.input_format = format;
    assert_int_equal(goleak_trace_new(&trace, &options, &error), GOLEAK_OK);
    memset(version, 'x', sizeof version - 1);
    memset(format, 'x', sizeof format - 1);
    assert_int_equal(goleak_trace_feed(trace, LINE, sizeof LINE - 1, &error), GOLEAK_OK);
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_OK);
    assert_string_equal(load_input(trace).go_version, "1.21");
    assert_string_equal(load_input(trace).go_version_from, "option");
    goleak_trace_free(trace);
}

static void a_named_format_needs_no_sniffing(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_buf text;
    struct goleak_alloc heap;
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    goleak_buf_init(&text, &heap);
    for (int i = 0; i < 20000; i++) /* a preamble that is too long to sniff through */
        goleak_buf_text(&text, "2024/05/01 12:00:00 warming up\n");
    goleak_buf_text(&text, LINE);
    goleak_buf_char(&text, '\0');
    struct goleak_error refused = load_error(NULL, text.data, text.size - 1);
    assert_int_equal(refused.status, GOLEAK_E_FORMAT);
    assert_non_null(strstr(refused.message, "--input-format"));
    options.input_format = "dtrace";
    struct goleak_trace *trace = load_with(&options, text.data);
    assert_int_equal(load_summary(trace).created, 1);
    goleak_trace_free(trace);
    goleak_buf_release(&text);
}

/* ---- inputs that are none ------------------------------------------------- */

static void an_empty_input_is_told(void **state)
{
    struct goleak_trace *trace;
    (void)state;
    assert_int_equal(goleak_trace_new(&trace, NULL, &error), GOLEAK_OK);
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_E_EMPTY); /* never fed */
    assert_string_equal(error.message, "the input is empty, expected a recording");
    assert_string_equal(error.path, "-");
    goleak_trace_free(trace);

    assert_int_equal(goleak_trace_new(&trace, NULL, &error), GOLEAK_OK);
    assert_int_equal(goleak_trace_feed(trace, "", 0, &error), GOLEAK_OK);
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_E_EMPTY); /* fed with nothing */
    goleak_trace_free(trace);
}

static void what_is_no_recording_is_shown(void **state)
{
    static const char hello[] = "hello \x1b[31mworld\nsecond line\n";
    struct goleak_error text = load_error(NULL, hello, sizeof hello - 1);
    (void)state;
    assert_int_equal(text.status, GOLEAK_E_FORMAT);
    assert_int_equal(text.line, 1);
    assert_int_equal(text.column, 1);
    assert_string_equal(text.excerpt, "hello \\x1b[31mworld");
    assert_non_null(strstr(text.message, "expected lines such as"));

    struct goleak_error binary = load_error(NULL, "\x01\x02\0\x04", 4);
    assert_int_equal(binary.status, GOLEAK_E_FORMAT);
    assert_true(binary.has_offset);
    assert_int_equal(binary.line, 0);
    assert_non_null(strstr(binary.message, "binary"));

    struct goleak_error other = load_error(NULL, "PERFILE2\x68\0\0\0", 12);
    assert_int_equal(other.status, GOLEAK_E_FORMAT);
    assert_non_null(strstr(other.message, "perf script"));
}

static void a_recording_without_events_is_told(void **state)
{
    static const char header[] = "CPU     ID                    FUNCTION:NAME\n";
    static const char messages[] = "dtrace: 33 drops on CPU 0\n";
    (void)state;
    assert_int_equal(load_error(NULL, header, sizeof header - 1).status, GOLEAK_E_NOEVENTS);
    assert_int_equal(load_error(NULL, messages, sizeof messages - 1).status, GOLEAK_E_NOEVENTS);
}

/* A packed recording that is cut is reported up to there; one of which nothing can
 * be unpacked is not. */
static void a_packed_recording_may_be_cut(void **state)
{
    char text[8192], packed[8192];
    size_t size = 0;
    (void)state;
    uint32_t noise = 1;
    for (unsigned i = 0; i < 80; i++) {
        noise = noise * 1664525u + 1013904223u;
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "newproc1: goroutine=c%08x parent=0 count=%u blocked_count=0\n", noise >> 4, i + 1);
    }
    size_t half = ZSTD_compress(packed, sizeof packed, text, size / 2, 1);
    assert_false(ZSTD_isError(half));
    size_t both = half + ZSTD_compress(packed + half, sizeof packed - half, text + size / 2, size - size / 2, 1);

    struct goleak_trace *trace = load_pieces(NULL, packed, both, 100);
    assert_int_equal(load_summary(trace).created, 80);
    assert_int_equal(load_count(trace, "truncated"), 0);
    goleak_trace_free(trace);

    trace = load_pieces(NULL, packed, both - 50, 100); /* into the second frame */
    assert_true(load_summary(trace).created >= 39 && load_summary(trace).created < 80);
    assert_true(load_count(trace, "truncated") != 0);
    assert_false(load_capture(trace).complete);
    goleak_trace_free(trace);

    struct goleak_error nothing = load_error(NULL, packed, 20);
    assert_int_equal(nothing.status, GOLEAK_E_EMPTY);
    assert_string_not_equal(nothing.message, "");
}

/* ---- misuse --------------------------------------------------------------- */

static void a_finished_trace_is_frozen(void **state)
{
    struct goleak_trace *trace = load(LINE);
    struct goleak_input *input = (void *)&error;
    (void)state;
    assert_int_equal(goleak_trace_feed(trace, LINE, sizeof LINE - 1, &error), GOLEAK_E_USAGE);
    assert_string_not_equal(error.message, "");
    assert_int_equal(goleak_input_open(&input, trace, "b.txt", &error), GOLEAK_E_USAGE);
    assert_null(input);
    /* Neither does harm, and finishing again is no fault. */
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_OK);
    assert_int_equal(load_summary(trace).created, 1);
    goleak_trace_free(trace);
}

static void a_failure_sticks(void **state)
{
    struct goleak_trace *trace;
    struct goleak_input *input;
    struct goleak_error again = { 0 };
    (void)state;
    assert_int_equal(goleak_trace_new(&trace, NULL, &error), GOLEAK_OK);
    assert_int_equal(goleak_trace_feed(trace, "nothing of use\n", 15, &error), GOLEAK_OK);
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_E_FORMAT);
    assert_int_equal(goleak_trace_finish(trace, &again), GOLEAK_E_FORMAT);
    assert_memory_equal(&again, &error, sizeof error);
    assert_int_equal(goleak_trace_feed(trace, LINE, sizeof LINE - 1, &again), GOLEAK_E_FORMAT);
    assert_int_equal(goleak_input_open(&input, trace, "b.txt", &again), GOLEAK_E_FORMAT);
    assert_string_equal(again.message, error.message);
    goleak_trace_free(trace);
}

static void nobody_needs_to_listen_to_errors(void **state)
{
    struct goleak_trace *trace;
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    (void)state;
    options.go_version = "x";
    assert_int_equal(goleak_trace_new(&trace, &options, NULL), GOLEAK_E_USAGE);
    assert_int_equal(goleak_trace_new(&trace, NULL, NULL), GOLEAK_OK);
    assert_int_equal(goleak_trace_feed(trace, "x\n", 2, NULL), GOLEAK_OK);
    assert_int_equal(goleak_trace_finish(trace, NULL), GOLEAK_E_FORMAT);
    assert_int_equal(goleak_trace_feed(trace, "x", 1, NULL), GOLEAK_E_FORMAT);
    goleak_trace_free(trace);
    goleak_trace_free(NULL);
}

/* ---- before the end ------------------------------------------------------- */

#define BLOCKED LINE "gopark: goroutine=c000102000 blocked=1 reason=1 blocked_count=1\n"

static bool count_bytes(void *context, const void *data, size_t size)
{
    (void)data;
    *(size_t *)context += size;
    return true;
}

/* No results, and none that look like some. */
static void assert_no_results(const struct goleak_trace *trace)
{
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine goroutine;
    struct goleak_leak leak;
    struct goleak_unknown unknown;
    size_t bytes = 0;
    assert_int_equal(goleak_goroutine_next(trace, &iter, &goroutine), GOLEAK_END);
    assert_int_equal(goleak_trace_leak(trace, 0, &leak), GOLEAK_END);
    assert_int_equal(goleak_trace_unknown(trace, 0, &unknown), GOLEAK_END);
    for (size_t i = 0; goleak_report_format(i) != NULL; i++) {
        struct goleak_error refused;
        assert_int_equal(goleak_report_write(&trace, 1, goleak_report_format(i), NULL, count_bytes, &bytes, &refused),
                         GOLEAK_E_USAGE);
        assert_non_null(strstr(refused.message, "trace 1 of 1 is not finished"));
    }
    assert_int_equal(bytes, 0);
    load_summary(trace);
    load_capture(trace);
    load_count(trace, "lost_events");
    assert_int_equal(goleak_trace_pid(trace, 0), GOLEAK_NONE);
}

static bool assert_none_yet(void *context, const struct goleak_trace *trace, const struct goleak_goroutine *goroutine)
{
    struct goleak_ancestor ancestor;
    size_t bytes = 0;
    ++*(size_t *)context;
    assert_no_results(trace);
    assert_null(goleak_stack_frame(trace, goroutine->stack, 0));
    goleak_goroutine_ancestors(trace, goroutine, &ancestor, 1);
    assert_int_equal(goleak_report_write_ended(trace, goroutine, count_bytes, &bytes), GOLEAK_OK);
    assert_true(bytes != 0);
    return true;
}

static void before_the_end_there_are_no_results(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_trace *trace;
    size_t ended = 0;
    (void)state;
    options.ended = assert_none_yet;
    options.ended_context = &ended;
    assert_int_equal(goleak_trace_new(&trace, &options, &error), GOLEAK_OK);
    assert_no_results(trace);
    for (int i = 0; i < 1000; i++) { /* more than is kept to sniff the format */
        assert_int_equal(goleak_trace_feed(trace, BLOCKED, sizeof BLOCKED - 1, &error), GOLEAK_OK);
        assert_int_equal(goleak_trace_feed(trace, "goexit0: goroutine=c000102000\n", 30, &error), GOLEAK_OK);
    }
    assert_no_results(trace);
    assert_int_equal(goleak_trace_feed(trace, BLOCKED, sizeof BLOCKED - 1, &error), GOLEAK_OK);
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_OK);
    assert_true(ended >= 1000);
    assert_int_equal(load_summary(trace).leaks, 1);
    assert_int_equal(load_leak_count(trace), 1);
    goleak_trace_free(trace);
}

/* Wherever memory ends: what the end has computed by then is no result. */
static void an_end_that_failed_has_no_results(void **state)
{
    struct fail_alloc heap;
    (void)state;
    for (size_t n = 1;; n++) {
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        struct goleak_trace *trace;
        fail_alloc_init(&heap, 0, false);
        options.allocator = &heap.allocator;
        assert_int_equal(goleak_trace_new(&trace, &options, &error), GOLEAK_OK);
        assert_int_equal(goleak_trace_feed(trace, BLOCKED, sizeof BLOCKED - 1, &error), GOLEAK_OK);
        heap.fail_at = heap.requests + n;
        enum goleak_status status = goleak_trace_finish(trace, &error);
        bool failed = heap.failed;
        heap.fail_at = 0;
        if (status != GOLEAK_OK)
            assert_no_results(trace);
        goleak_trace_free(trace);
        assert_true(fail_alloc_is_clean(&heap));
        if (!failed)
            break;
    }
}

/* ---- several inputs ------------------------------------------------------- */

static struct goleak_input *open_input(struct goleak_trace *trace, const char *name, const char *text)
{
    struct goleak_input *input;
    assert_int_equal(goleak_input_open(&input, trace, name, &error), GOLEAK_OK);
    assert_int_equal(goleak_input_feed(input, text, strlen(text), &error), GOLEAK_OK);
    assert_int_equal(goleak_input_finish(input, &error), GOLEAK_OK);
    return input;
}

static void inputs_of_one_process_make_one_trace(void **state)
{
    struct goleak_trace *trace;
    struct goleak_input_info info;
    (void)state;
    assert_int_equal(goleak_trace_new(&trace, NULL, &error), GOLEAK_OK);
    char name[] = "a.txt";
    struct goleak_input *first = open_input(trace, name, LINE);
    memset(name, 'x', 5); /* the name is kept */
    open_input(trace, "a.err", "dtrace: 7 drops on CPU 0\n");
    assert_int_equal(goleak_input_finish(first, &error), GOLEAK_OK); /* once more: nothing to do */
    assert_int_equal(goleak_input_feed(first, "x", 1, &error), GOLEAK_E_USAGE);
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_OK);
    assert_int_equal(load_summary(trace).created, 1);
    assert_int_equal(load_count(trace, "lost_events"), 7);
    assert_string_equal(load_health(trace, "lost_events").input, "a.err");
    assert_int_equal(load_health(trace, "lost_events").line, 1);
    assert_false(load_capture(trace).complete);
    assert_int_equal(goleak_trace_input(trace, 0, &info), GOLEAK_OK);
    assert_string_equal(info.path, "a.txt");
    assert_string_equal(info.format, "dtrace");
    assert_string_equal(info.form, "full");
    assert_int_equal(info.bytes, sizeof LINE - 1);
    assert_int_equal(info.events, 1);
    assert_int_equal(info.pid, GOLEAK_NONE);
    assert_null(info.go_version);
    assert_int_equal(goleak_trace_input(trace, 1, &info), GOLEAK_OK);
    assert_int_equal(info.events, 0);
    assert_int_equal(goleak_trace_input(trace, 2, &info), GOLEAK_END);
    goleak_trace_free(trace);
}

static void a_trace_may_be_freed_at_any_point(void **state)
{
    struct fail_alloc heap;
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_trace *trace;
    struct goleak_input *input;
    (void)state;
    fail_alloc_init(&heap, 0, false);
    options.allocator = &heap.allocator;
    assert_int_equal(goleak_trace_new(&trace, &options, &error), GOLEAK_OK);
    goleak_trace_free(trace);
    assert_true(fail_alloc_is_clean(&heap));
    assert_int_equal(goleak_trace_new(&trace, &options, &error), GOLEAK_OK);
    assert_int_equal(goleak_input_open(&input, trace, "a.txt", &error), GOLEAK_OK);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(goleak_input_feed(input, LINE, sizeof LINE - 10, &error), GOLEAK_OK);
    goleak_trace_free(trace);
    assert_true(fail_alloc_is_clean(&heap));
}

/* ---- limits --------------------------------------------------------------- */

static void the_memory_limit_names_its_option_and_is_kept(void **state)
{
    struct fail_alloc heap;
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_trace *trace;
    enum goleak_status status = GOLEAK_OK;
    char line[96];
    (void)state;
    fail_alloc_init(&heap, 0, false);
    options.allocator = &heap.allocator;
    options.max_memory_bytes = (uint64_t)8 << 20;
    assert_int_equal(goleak_trace_new(&trace, &options, &error), GOLEAK_OK);
    for (unsigned i = 1; i < 200000 && status == GOLEAK_OK; i++) {
        int size = snprintf(line, sizeof line, "newproc1: goroutine=c%09x parent=0 count=%u blocked_count=0\n", i, i);
        status = goleak_trace_feed(trace, line, (size_t)size, &error);
    }
    assert_int_equal(status, GOLEAK_E_LIMIT);
    assert_non_null(strstr(error.message, "8388608 bytes"));
    assert_non_null(strstr(error.message, "--max-memory"));
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_E_LIMIT); /* it sticks */
    assert_true(heap.peak_bytes <= (size_t)8 << 20);
    goleak_trace_free(trace);
    assert_true(fail_alloc_is_clean(&heap));
    options.max_memory_bytes = 1000; /* not even for the handle */
    assert_int_equal(try_options(&options), GOLEAK_E_LIMIT);
}

/* Memory stays with the living: a million lives on few addresses need no more. */
static void memory_does_not_grow_with_the_recording(void **state)
{
    struct fail_alloc heap;
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_alloc own;
    struct goleak_buf text;
    size_t peak[2];
    (void)state;
    goleak_alloc_init(&own, NULL, 0);
    for (int round = 0; round < 2; round++) {
        goleak_buf_init(&text, &own);
        for (unsigned i = 0; i < (round == 0 ? 20000u : 200000u); i++)
            goleak_buf_printf(&text,
                              "newproc1: goroutine=c%09x parent=824633729920 count=1 blocked_count=0\n"
                              "godestroy: goroutine=c%09x count=0 blocked_count=0\n",
                              i % 50 * 0x380, i % 50 * 0x380);
        fail_alloc_init(&heap, 0, false);
        options.allocator = &heap.allocator;
        struct goleak_trace *trace = load_pieces(&options, text.data, text.size, 100000);
        peak[round] = heap.peak_bytes;
        goleak_trace_free(trace);
        goleak_buf_release(&text);
    }
    assert_true(peak[1] <= peak[0] + 1024);
}

/* ---- the ended ------------------------------------------------------------ */

static const char two_ends[] = "newproc1: goroutine=c000102000 goid=7 parent=c000002380 parentgoid=1 fn=main.f ts=100\n"
                               "newproc1: goroutine=c000102380 goid=8 ts=200\n"
                               "newproc1: goroutine=c000102700 goid=9 fn=runtime.bgsweep ts=250\n"
                               "gdestroy: goroutine=c000102380 goid=8 ts=300\n"
                               "gdestroy: goroutine=c000102700 goid=9 ts=350\n"
                               "gdestroy: goroutine=c000102000 goid=7 ts=400\n";

struct drain {
    unsigned calls, refuse_at;
    int64_t goids[8];
};

static bool drain(void *context, const struct goleak_trace *trace, const struct goleak_goroutine *goroutine)
{
    struct drain *seen = context;
    assert_non_null(trace);
    assert_int_equal(goroutine->verdict, GOLEAK_VERDICT_ENDED);
    assert_int_equal(goroutine->state, GOLEAK_STATE_ENDED);
    if (goroutine->goid == 7) {
        assert_int_equal(goroutine->ended_ns, 400);
        assert_int_equal(goroutine->parent_goid, 1);
        assert_string_equal(goroutine->start_function, "main.f");
    }
    seen->goids[seen->calls++] = goroutine->goid;
    return seen->calls != seen->refuse_at;
}

static void the_ended_are_drained_in_order_of_their_end(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct drain seen = { 0 };
    (void)state;
    options.ended = drain;
    options.ended_context = &seen;
    struct goleak_trace *trace = load_with(&options, two_ends);
    assert_int_equal(seen.calls, 2); /* the runtime's own is not shown */
    assert_int_equal(seen.goids[0], 8);
    assert_int_equal(seen.goids[1], 7);
    assert_int_equal(load_goroutine_count(trace), 0); /* and they are not kept */
    goleak_trace_free(trace);
}

static void a_consumer_that_refuses_ends_it(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct drain seen = { .refuse_at = 1 };
    (void)state;
    options.ended = drain;
    options.ended_context = &seen;
    struct goleak_error refused = load_error(&options, two_ends, sizeof two_ends - 1);
    assert_int_equal(refused.status, GOLEAK_E_IO);
    assert_int_equal(seen.calls, 1);
}

static void the_ended_may_be_retained(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine g;
    unsigned count = 0;
    (void)state;
    options.retain_ended = true;
    struct goleak_trace *trace = load_with(&options, two_ends);
    while (goleak_goroutine_next(trace, &iter, &g) == GOLEAK_OK) {
        count++;
        assert_int_equal(g.state, GOLEAK_STATE_ENDED);
        assert_int_equal(g.ended_ns, g.goid == 7 ? 400 : 300);
        assert_int_equal(g.parent_goid, g.goid == 7 ? 1 : GOLEAK_NONE);
    }
    assert_int_equal(count, 2);
    assert_int_equal(goleak_goroutine_next(trace, &iter, &g), GOLEAK_END);
    goleak_trace_free(trace);
}

/* ---- a whole recording ---------------------------------------------------- */

static void every_split_gives_the_same(void **state)
{
    static const char text[] = "CPU     ID                    FUNCTION:NAME\n"
                               "  1   4094   runtime.newproc1:return newproc1: goroutine=c000102000 count=1 "
                               "blocked_count=0\r\n"
                               "              app`main.f+0x10\n"
                               "nGoro = 3gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
                               "dtrace: 2 drops on CPU 0\n"
                               "gopark: goroutine=zzz\n"
                               "END: count=1 blocked_count=1";
    struct goleak_trace *whole = load(text);
    struct goleak_summary expected = load_summary(whole);
    (void)state;
    assert_int_equal(expected.blocked_at_end, 1);
    for (size_t step = 1; step < sizeof text; step++) {
        struct goleak_trace *trace = load_pieces(NULL, text, sizeof text - 1, step);
        struct goleak_summary sum = load_summary(trace);
        struct goleak_health here, there;
        assert_memory_equal(&sum, &expected, sizeof sum);
        for (size_t i = 0; goleak_trace_health(trace, i, &here) == GOLEAK_OK; i++) {
            assert_int_equal(goleak_trace_health(whole, i, &there), GOLEAK_OK);
            assert_int_equal(here.count, there.count);
            assert_int_equal(here.line, there.line);
            assert_int_equal(here.column, there.column);
        }
        assert_string_equal(load_goroutine(trace, 0xc000102000).created_at, "main.f+0x10");
        goleak_trace_free(trace);
    }
    goleak_trace_free(whole);
}

static void it_has_a_version(void **state)
{
    (void)state;
    assert_string_equal(goleak_version(), GOLEAK_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_be_left_out),
        cmocka_unit_test(options_need_their_size),
        cmocka_unit_test(options_of_another_size_are_read_as_far_as_they_go),
        cmocka_unit_test(names_in_options_are_checked),
        cmocka_unit_test(numbers_in_options_are_checked),
        cmocka_unit_test(strings_of_options_need_not_stay),
        cmocka_unit_test(a_named_format_needs_no_sniffing),
        cmocka_unit_test(an_empty_input_is_told),
        cmocka_unit_test(what_is_no_recording_is_shown),
        cmocka_unit_test(a_recording_without_events_is_told),
        cmocka_unit_test(a_packed_recording_may_be_cut),
        cmocka_unit_test(a_finished_trace_is_frozen),
        cmocka_unit_test(a_failure_sticks),
        cmocka_unit_test(nobody_needs_to_listen_to_errors),
        cmocka_unit_test(before_the_end_there_are_no_results),
        cmocka_unit_test(an_end_that_failed_has_no_results),
        cmocka_unit_test(inputs_of_one_process_make_one_trace),
        cmocka_unit_test(a_trace_may_be_freed_at_any_point),
        cmocka_unit_test(the_memory_limit_names_its_option_and_is_kept),
        cmocka_unit_test(memory_does_not_grow_with_the_recording),
        cmocka_unit_test(the_ended_are_drained_in_order_of_their_end),
        cmocka_unit_test(a_consumer_that_refuses_ends_it),
        cmocka_unit_test(the_ended_may_be_retained),
        cmocka_unit_test(every_split_gives_the_same),
        cmocka_unit_test(it_has_a_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
