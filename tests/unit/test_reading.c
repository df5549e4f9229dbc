/* test_reading - what is read on a thread of its own ends when the caller does, fails as
 * it would without one, and tells the same. That results are the same whatever --jobs
 * says is tests/property/test_jobs.sh's. */
#include "support/load.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/bytes.h"
#include "support/outcome.h"
#include "support/scratch.h"

static char path[] = "/tmp/test_reading.XXXXXX";
static struct goleak_trace *trace;
static struct goleak_error error;

static int set_up(void **state)
{
    (void)state;
    return scratch_open(path, 300);
}

static int tear_down(void **state)
{
    (void)state;
    return scratch_close(path);
}

/* Goroutines that come and go, some that stay, lines that are none, damage, stacks. */
static void lives(struct bytes *out, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned g = 0xc00000 + (i % 64) * 0x380;
        bytes_format(out,
                     "newproc1: goroutine=%x goid=%u fn=main.f%u gopc=45%02x00 ts=%u\n\n"
                     "              app`runtime.newproc+0x3f\n              app`main.g%u+0x25\n\n",
                     g, i + 2, i % 100, i % 90 + 10, 1000 + i * 1000, i % 70);
        if (i % 7 == 0)
            bytes_format(out, "a word of the program's own %u\n", i);
        if (i % 501 == 0)
            bytes_text(out, "gopark: goroutine=zzz reason=\n");
        if (i % 997 == 0)
            bytes_text(out, "dtrace: 3 drops on CPU 1\n");
        if (i % 10 != 0)
            bytes_format(out, "gdestroy: goroutine=%x goid=%u ts=%u\n", g, i + 2, 1500 + i * 1000);
    }
}

static void write_to(const char *name, const struct bytes *bytes)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes->data, 1, bytes->size, file), bytes->size);
    fclose(file);
}

static void any_number_of_threads_tells_the_same(void **state)
{
    struct bytes text = { 0 }, packed = { 0 };
    (void)state;
    lives(&text, 6000);
    bytes_zstd(&packed, &text);
    const struct bytes *const ways[] = { &text, &packed };
    for (size_t way = 0; way < 2; way++) {
        struct outcome want = { 0 };
        write_to(path, ways[way]);
        for (unsigned jobs = 1; jobs <= 5; jobs++) {
            struct goleak_options options = GOLEAK_OPTIONS_INIT;
            struct outcome got = { 0 };
            options.jobs = jobs;
            outcome_of_file(jobs == 1 ? &want : &got, path, &options);
            assert_int_equal(want.status, GOLEAK_OK);
            if (jobs != 1 && !outcome_equal(&want, &got))
                fail_msg("%u jobs: %s", jobs, outcome_difference(&want, &got));
            outcome_free(&got);
        }
        outcome_free(&want);
    }
    bytes_free(&text);
    bytes_free(&packed);
}

static pthread_t caller;
static size_t told, refuse_at;

static bool tell(void *context, const struct goleak_trace *of, const struct goleak_goroutine *goroutine)
{
    (void)context, (void)of, (void)goroutine;
    assert_true(pthread_equal(pthread_self(), caller));
    return ++told != refuse_at;
}

static void progress(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    uint64_t *last = context;
    assert_true(pthread_equal(pthread_self(), caller));
    assert_true(done_bytes >= *last && done_bytes <= total_bytes);
    *last = done_bytes;
}

static void hooks_are_called_on_the_callers_thread(void **state)
{
    struct bytes text = { 0 };
    uint64_t last = 0;
    (void)state;
    lives(&text, 40000);
    write_to(path, &text);
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.jobs = 3;
    options.ended = tell;
    options.progress = progress;
    options.progress_context = &last;
    caller = pthread_self();
    told = refuse_at = 0;
    assert_int_equal(goleak_trace_load(&trace, path, &options, &error), GOLEAK_OK);
    assert_true(told > 36000);
    assert_true(last > text.size / 2);
    goleak_trace_free(trace);
    bytes_free(&text);
}

static size_t cut_at;

static void cut_it(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    (void)context, (void)done_bytes, (void)total_bytes;
    assert_int_equal(truncate(path, (off_t)cut_at), 0);
}

/* At the end of a line the recording looks whole. */
static void a_file_that_becomes_shorter_is_truncated(void **state)
{
    struct bytes text = { 0 };
    struct goleak_capture capture;
    (void)state;
    lives(&text, 40000);
    write_to(path, &text);
    for (cut_at = text.size / 4 * 3; text.data[cut_at - 1] != '\n';)
        cut_at--;
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.jobs = 1;
    options.progress = cut_it;
    assert_int_equal(goleak_trace_load(&trace, path, &options, &error), GOLEAK_OK);
    assert_int_equal(load_count(trace, "truncated"), 1);
    goleak_trace_capture(trace, &capture);
    assert_false(capture.complete);
    goleak_trace_free(trace);
    bytes_free(&text);
}

static void a_refusal_ends_it_anywhere(void **state)
{
    struct bytes text = { 0 };
    (void)state;
    lives(&text, 4000);
    write_to(path, &text);
    caller = pthread_self();
    for (refuse_at = 1; refuse_at < 3600; refuse_at += 321)
        for (unsigned jobs = 1; jobs <= 4; jobs++) {
            struct goleak_options options = GOLEAK_OPTIONS_INIT;
            options.jobs = jobs;
            options.ended = tell;
            told = 0;
            assert_int_equal(goleak_trace_load(&trace, path, &options, &error), GOLEAK_E_IO);
            assert_null(trace);
            assert_string_equal(error.path, path);
            assert_int_equal(told, refuse_at);
        }
    bytes_free(&text);
}

/* Somebody who has written and goes on living: nobody waits for more of it. */
static void a_silent_pipe_is_left(void **state)
{
    struct bytes text = { 0 }, packed = { 0 };
    char fifo[64];
    (void)state;
    lives(&text, 100000);
    bytes_zstd(&packed, &text);
    packed.size -= 10;
    snprintf(fifo, sizeof fifo, "%s.fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const struct bytes *const ways[] = { &text, &packed };
    for (unsigned jobs = 1; jobs <= 4; jobs++) {
        const struct bytes *bytes = ways[jobs % 2];
        pid_t child = fork();
        if (child == 0) {
            signal(SIGPIPE, SIG_IGN);
            FILE *file = fopen(fifo, "w");
            if (file != NULL && fwrite(bytes->data, 1, bytes->size, file) == bytes->size)
                fflush(file);
            pause();
            _exit(0);
        }
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        options.jobs = jobs;
        options.ended = tell;
        caller = pthread_self();
        told = 0;
        refuse_at = 5000;
        assert_int_equal(goleak_trace_load(&trace, fifo, &options, &error), GOLEAK_E_IO);
        assert_int_equal(told, refuse_at);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    unlink(fifo);
    bytes_free(&text);
    bytes_free(&packed);
}

static void failures_are_the_same(void **state)
{
    static const char *const texts[] = { "", "\177ELF\2\1\1", "Fri Nov 20 12:00:00 2026 service started\n",
                                         "goleak-recorder-end: events=5\n", "gopark: goroutine=zzz reason=1\n" };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct bytes text = { 0 };
        struct outcome want = { 0 };
        bytes_text(&text, texts[i]);
        write_to(path, &text);
        for (unsigned jobs = 1; jobs <= 3; jobs++) {
            struct goleak_options options = GOLEAK_OPTIONS_INIT;
            struct outcome got = { 0 };
            options.jobs = jobs;
            outcome_of_file(jobs == 1 ? &want : &got, path, &options);
            assert_true(want.status < 0);
            if (jobs != 1 && !outcome_equal(&want, &got))
                fail_msg("%zu, %u jobs: %s", i, jobs, outcome_difference(&want, &got));
            outcome_free(&got);
        }
        outcome_free(&want);
        bytes_free(&text);
    }
}

/* A limit ends it with a sentence, wherever it is hit; what is enough is enough. */
static void a_limit_ends_it_anywhere(void **state)
{
    struct bytes text = { 0 };
    bool done = false;
    size_t failed = 0;
    (void)state;
    lives(&text, 3000);
    write_to(path, &text);
    for (uint64_t limit = 10000; !done; limit += limit / 16) {
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        options.jobs = 3;
        options.max_memory_bytes = limit;
        enum goleak_status status = goleak_trace_load(&trace, path, &options, &error);
        done = status == GOLEAK_OK;
        failed += !done;
        if (!done && status != GOLEAK_E_LIMIT)
            fail_msg("a limit of %u: status %d, %s", (unsigned)limit, (int)status, error.message);
        goleak_trace_free(trace);
        assert_true(limit < 64 << 20);
    }
    assert_true(failed > 10);
    bytes_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_number_of_threads_tells_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hooks_are_called_on_the_callers_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_becomes_shorter_is_truncated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_ends_it_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_pipe_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_are_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_limit_ends_it_anywhere, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
