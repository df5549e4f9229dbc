/*
 * Size: nothing large in a recording makes the memory large, but living goroutines.
 *
 * A line of 100 MB, 100 000 lines that are nobody's, a million goroutines that come
 * and go, a million that stay; reports that stream; --max-memory of the whole process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <goleak.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/bytes.h"
#include "support/outcome.h"
#include "support/sanitizer.h"

#define MEGA ((size_t)1 << 20)

/* ---- an allocator that counts ---------------------------------------------------- */

struct heap {
    size_t now, peak;
};

static void *count_realloc(void *context, void *pointer, size_t old_size, size_t new_size)
{
    struct heap *heap = context;
    void *moved = NULL;
    if (new_size == 0)
        free(pointer);
    else if ((moved = realloc(pointer, new_size)) == NULL)
        return NULL;
    heap->now += new_size - old_size;
    if (heap->now > heap->peak)
        heap->peak = heap->now;
    return moved;
}

struct subject {
    struct heap heap;
    struct goleak_allocator allocator;
    struct goleak_trace *trace;
    struct bytes lines; /* not fed yet */
    enum goleak_status status;
    struct goleak_error error;
};

static void begin(struct subject *subject, uint64_t max_memory_bytes)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    *subject = (struct subject) { .allocator = { count_realloc, &subject->heap } };
    options.allocator = &subject->allocator;
    options.max_memory_bytes = max_memory_bytes;
    options.jobs = 1;
    subject->status = goleak_trace_new(&subject->trace, &options, &subject->error);
}

static void feed(struct subject *subject, const void *data, size_t size)
{
    if (subject->status == GOLEAK_OK)
        subject->status = goleak_trace_feed(subject->trace, data, size, &subject->error);
}

static void pass_on(struct subject *subject)
{
    if (subject->lines.size != 0)
        feed(subject, subject->lines.data, subject->lines.size);
    bytes_clear(&subject->lines);
}

static void finish(struct subject *subject)
{
    pass_on(subject);
    if (subject->status == GOLEAK_OK)
        subject->status = goleak_trace_finish(subject->trace, &subject->error);
}

static void expect_good(const struct subject *subject)
{
    if (subject->status != GOLEAK_OK)
        fail_msg("status %d: %s", (int)subject->status, subject->error.message);
}

static void end(struct subject *subject)
{
    goleak_trace_free(subject->trace);
    bytes_free(&subject->lines);
    assert_int_equal(subject->heap.now, 0);
}

/* ---- lines ------------------------------------------------------------------------ */

#define MAIN_G UINT64_C(1374389543360)

static uint64_t g_of(size_t i)
{
    return UINT64_C(0x14000000000) + 0x1c0 * (uint64_t)i;
}

static void put(struct subject *subject, const char *format, uint64_t g, uint64_t number)
{
    bytes_format(&subject->lines, format, g, number);
    if (subject->lines.size > 65536)
        pass_on(subject);
}

static void create(struct subject *subject, size_t i, size_t count)
{
    bytes_format(&subject->lines, "newproc1: goroutine=%" PRIx64 " parent=%" PRIu64, g_of(i), MAIN_G);
    put(subject, " count=%" PRIu64 " blocked_count=%" PRIu64 "\n", count, 0);
}

static void park(struct subject *subject, size_t i)
{
    put(subject, "gopark: goroutine=%" PRIx64 " blocked=1 reason=6 blocked_count=%" PRIu64 "\n", g_of(i), 1);
}

/* Three that leak: the same result whatever else there is. */
static void expect_three(const struct subject *subject)
{
    struct goleak_summary summary;
    expect_good(subject);
    goleak_trace_summary(subject->trace, &summary);
    assert_int_equal(summary.created, 3);
    assert_int_equal(summary.ended, 0);
    assert_int_equal(summary.leaks, 3);
}

/* ---- a line of 100 MB ---------------------------------------------------------------- */

static void feed_long(struct subject *subject, const char *start, size_t size)
{
    static char piece[65536];
    memset(piece, 'x', sizeof piece);
    feed(subject, start, strlen(start));
    for (size_t sent = 0; sent < size; sent += sizeof piece)
        feed(subject, piece, sizeof piece);
}

static void try_long_line(const char *start, bool ends)
{
    struct subject subject;
    struct goleak_health health;
    begin(&subject, 0);
    create(&subject, 0, 1);
    create(&subject, 1, 2);
    park(&subject, 0);
    park(&subject, 1);
    create(&subject, 2, 3);
    park(&subject, 2);
    pass_on(&subject);
    feed_long(&subject, start, 100 * MEGA);
    if (ends)
        feed(&subject, "\nEND: count=3 blocked_count=3\n", strlen("\nEND: count=3 blocked_count=3\n"));
    finish(&subject);
    expect_three(&subject);
    bool found = false;
    for (size_t i = 0; goleak_trace_health(subject.trace, i, &health) == GOLEAK_OK; i++) {
        if (strcmp(health.name, "damaged_lines") != 0 || health.count != 1)
            continue;
        found = true;
        assert_int_equal(health.line, 7);
        assert_non_null(strstr(health.detail, "a line of 1048"));
        assert_non_null(strstr(health.detail, "expected at most"));
    }
    assert_true(found);
    if (subject.heap.peak > 8 * MEGA)
        fail_msg("a line of 100 MB takes %zu bytes", subject.heap.peak);
    end(&subject);
}

static void test_long_line(void **state)
{
    (void)state;
    try_long_line("", true);
    try_long_line("gopark: goroutine=14000000000 blocked=1 reason=6 blocked_count=", true);
    try_long_line("              app`", true);
    try_long_line("dtrace: ", false);
}

/* In front of everything it leaves nothing to tell the format by. */
static void test_long_first_line(void **state)
{
    (void)state;
    struct subject subject;
    begin(&subject, 0);
    feed_long(&subject, "", 100 * MEGA);
    finish(&subject);
    assert_int_equal(subject.status, GOLEAK_E_FORMAT);
    assert_true(subject.heap.peak < 8 * MEGA);
    end(&subject);
}

/* ---- lines that are nobody's ------------------------------------------------------------ */

static size_t peak_with_noise(size_t count)
{
    struct subject subject;
    begin(&subject, 0);
    for (size_t i = 0; i < 3; i++)
        create(&subject, i, i + 1);
    for (size_t i = 0; i < count; i++) {
        put(&subject, "request %" PRIu64 " took %" PRIu64 " ms\n", i, i * 7919 % 1000);
        put(&subject, "\x1b[3%" PRIu64 "mvisitor %" PRIu64 "\x1b[0m: gone = 1\n", i % 8, i);
    }
    for (size_t i = 0; i < 3; i++)
        park(&subject, i);
    finish(&subject);
    expect_three(&subject);
    assert_int_equal(outcome_health(subject.trace, "unknown_lines"), 2 * count);
    size_t peak = subject.heap.peak;
    end(&subject);
    return peak;
}

static void test_noise(void **state)
{
    (void)state;
    size_t little = peak_with_noise(100), much = peak_with_noise(50000);
    if (much > little + 65536)
        fail_msg("100 000 unknown lines take %zu bytes, 200 take %zu", much, little);
}

/* ---- many goroutines --------------------------------------------------------------------- */

#define MANY ((size_t)1000000)

/* Never more than a hundred at a time, at addresses that are used again. */
static void test_come_and_go(void **state)
{
    (void)state;
    const size_t rounds = MANY / 100;
    struct subject subject;
    struct goleak_summary summary;
    begin(&subject, 0);
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < 100; i++)
            create(&subject, i, i + 1);
        for (size_t i = 100; i-- > 0;)
            put(&subject, "godestroy: goroutine=%" PRIx64 " count=%" PRIu64 " blocked_count=0\n", g_of(i), i);
    }
    finish(&subject);
    expect_good(&subject);
    goleak_trace_summary(subject.trace, &summary);
    assert_int_equal(summary.created, MANY);
    assert_int_equal(summary.ended, MANY);
    assert_int_equal(summary.peak_live, 100);
    if (subject.heap.peak > 4 * MEGA)
        fail_msg("a million goroutines that ended take %zu bytes", subject.heap.peak);
    end(&subject);
}

static void make_million(struct subject *subject, uint64_t limit)
{
    begin(subject, limit);
    for (size_t i = 0; i < MANY && subject->status == GOLEAK_OK; i++) {
        create(subject, i, i + 1);
        park(subject, i);
    }
    finish(subject);
}

struct count {
    uint64_t bytes, lines, leaks;
};

static bool count_bytes(void *context, const void *data, size_t size)
{
    struct count *count = context;
    const char *at = data, *last = at + size;
    count->bytes += size;
    for (; (at = memchr(at, '\n', (size_t)(last - at))) != NULL; at++)
        count->lines++;
    return true;
}

/* 88 bytes of record and up to 32 of table each; a report adds nothing that grows,
 * but for ndjson's order, which is 16 bytes each. */
static void test_million_living(void **state)
{
    (void)state;
    struct subject subject;
    struct goleak_summary summary;
    make_million(&subject, 0);
    expect_good(&subject);
    goleak_trace_summary(subject.trace, &summary);
    assert_int_equal(summary.leaks, MANY);
    if (subject.heap.peak > MANY * 160)
        fail_msg("a million living goroutines take %zu bytes", subject.heap.peak);
    static const struct {
        const char *format;
        size_t may_add, lines;
    } reports[] = { { "json", MEGA, 1 }, { "text", MEGA, 0 }, { "ndjson", MEGA + MANY * 40, MANY } };
    for (size_t i = 0; i < 3; i++) {
        const struct goleak_trace *traces[] = { subject.trace };
        struct count count = { 0 };
        subject.heap.peak = subject.heap.now;
        size_t before = subject.heap.now;
        assert_int_equal(
            goleak_report_write(traces, 1, reports[i].format, NULL, count_bytes, &count, &subject.error), GOLEAK_OK);
        if (subject.heap.peak - before > reports[i].may_add)
            fail_msg("%s takes %zu bytes more", reports[i].format, subject.heap.peak - before);
        assert_true(count.bytes > 0 && (reports[i].lines == 0 || count.lines == reports[i].lines));
    }
    end(&subject);
}

static void test_limit(void **state)
{
    (void)state;
    struct subject subject;
    const uint64_t limit = 32 * MEGA;
    make_million(&subject, limit);
    assert_int_equal(subject.status, GOLEAK_E_LIMIT);
    assert_non_null(strstr(subject.error.message, "max-memory"));
    assert_true(subject.heap.peak <= limit);
    /* It sticks. */
    assert_int_equal(goleak_trace_finish(subject.trace, &subject.error), GOLEAK_E_LIMIT);
    end(&subject);
}

/* ---- the whole process ----------------------------------------------------------------------- */

static char path[64];

/* The tool on `path`: its exit status, and the largest resident set of all children. */
static int run_tool(const char *tool, const char *limit, long *resident_kib)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execl(tool, tool, "--json", limit, path, (char *)NULL);
        _exit(127);
    }
    int status;
    struct rusage usage;
    assert_int_equal(waitpid(child, &status, 0), child);
    getrusage(RUSAGE_CHILDREN, &usage);
#ifdef __APPLE__
    *resident_kib = usage.ru_maxrss / 1024;
#else
    *resident_kib = usage.ru_maxrss;
#endif
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_process(void **state)
{
    (void)state;
    const char *tool = getenv("GOLEAK_REPORT");
    if (tool == NULL || access(tool, X_OK) != 0) {
        print_message("SKIP GOLEAK_REPORT does not name the tool\n");
        skip();
    }
    if (has_sanitizer()) {
        print_message("SKIP sanitizers have memory of their own\n");
        skip();
    }
    unsetenv("GLIBC_TUNABLES"); /* as users run it: run.sh asks for huge pages */
    struct bytes text = { 0 }, packed = { 0 };
    for (size_t i = 0; i < MANY; i++)
        bytes_format(&text, "newproc1: goroutine=%" PRIx64 " parent=%" PRIu64 " count=%zu blocked_count=0\n", g_of(i),
                     MAIN_G, i + 1);
    bytes_zstd(&packed, &text);
    bytes_free(&text);
    strcpy(path, "/tmp/goleak_large_XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_true(bytes_write(&packed, path));
    bytes_free(&packed);
    long resident_kib;
    int small = run_tool(tool, "--max-memory=64M", &resident_kib);
    long small_kib = resident_kib;
    int enough = run_tool(tool, "--max-memory=512M", &resident_kib);
    unlink(path);
    assert_int_equal(small, 2);
    if (small_kib > 64 * 1024)
        fail_msg("--max-memory=64M: %ld KiB were resident", small_kib);
    assert_int_equal(enough, 0);
    print_message("# a million goroutines: %ld KiB resident\n", resident_kib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_line),      cmocka_unit_test(test_long_first_line),
        cmocka_unit_test(test_noise),          cmocka_unit_test(test_come_and_go),
        cmocka_unit_test(test_million_living), cmocka_unit_test(test_limit),
        cmocka_unit_test(test_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
