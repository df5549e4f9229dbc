/*
 * Go execution traces, goroutine by goroutine, against what Go's own reader makes of
 * them (support/gosum.h): the same goroutines, states, reasons, parents, times, places.
 *
 * On what lies below $GOLEAK_CAPTURES. Two things differ by design, and are in TIMES and
 * check_reason:
 *
 *   Go's reader puts each event at least 1 ns after the one before it; here an event
 *   has the time that it was recorded with
 *   Go's reader knows no reason of a goroutine that blocked before the trace began; here
 *   it is read off the stack, where there is one
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

#include "support/chance.h"
#include "support/gosum.h"
#include "support/outcome.h"
#include "support/sanitizer.h"
#include "support/scratch.h"
#include "support/text.h"
#include "support/told.h"

/* TIMES: how far Go's may be behind ours. A tick is 64 ns, and few events share one; in
 * headers 11 to 21 the clock is the processor's, and is converted through a double. */
#define BEHIND_NS 63
#define ROUNDED_NS 2

static const char *or_null(const char *text)
{
    return text != NULL ? text : "(null)";
}

struct recording {
    const struct told *told;
    const struct gosum *sum;
    unsigned header; /* "go 1.NN trace" */
    bool v1;         /* headers 11 to 21 */
    int64_t base_ns; /* the library's time of what Go's reader calls 0 */
};

static const struct goleak_goroutine *find(const struct told *told, int64_t goid)
{
    size_t low = 0, high = told->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (told->lives[middle].goid < goid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < told->count && told->lives[low].goid == goid ? &told->lives[low] : NULL;
}

/* ---- one goroutine ------------------------------------------------------------------------ */

static enum goleak_state state_of(const char *name)
{
    static const struct {
        const char *name;
        enum goleak_state state;
    } states[] = {
        { "Runnable", GOLEAK_STATE_RUNNABLE }, { "Running", GOLEAK_STATE_RUNNING }, { "Syscall", GOLEAK_STATE_SYSCALL },
        { "Waiting", GOLEAK_STATE_WAITING },   { "NotExist", GOLEAK_STATE_ENDED },
    };
    for (size_t i = 0; name != NULL && i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].name, name) == 0)
            return states[i].state;
    return GOLEAK_STATE_UNKNOWN;
}

static void check_time(const struct recording *of, int64_t goid, const char *what, int64_t got, int64_t want)
{
    if (want < 0) {
        if (got != GOLEAK_NONE)
            complain("goid %lld: %s is %lld, expected none", (long long)goid, what, (long long)got);
        return;
    }
    want += of->base_ns;
    int64_t ahead = of->v1 ? ROUNDED_NS : 0;
    if (got == GOLEAK_NONE || got - want > ahead || want - got > BEHIND_NS)
        complain("goid %lld: %s is %lld, expected %lld (%lld)", (long long)goid, what, (long long)got, (long long)want,
                 (long long)(got - want));
}

/* The reason of a wait whose beginning is not in the trace, by the stack; what a nil
 * channel's looks like is a channel's. NULL: it need not be told. */
static const char *reason_by_stack(const struct gosum_life *want)
{
    static const struct {
        const char *frame, *reason;
    } frames[] = {
        { "runtime.chansend", "chan send" },
        { "runtime.chanrecv", "chan receive" },
        { "runtime.selectgo", "select" },
        { "runtime.block:", "forever" },
        { "runtime.semacquire1", "sync" },
        { "sync.runtime_notifyListWait", "sync.(*Cond).Wait" },
        { "time.Sleep", "sleep" },
        { "internal/poll.runtime_pollWait", "network" },
        { "runtime.netpollblock", "network" },
    };
    for (size_t i = 0; i < want->stack_count; i++)
        for (size_t k = 0; k < sizeof frames / sizeof *frames; k++)
            if (starts(want->stack[i], frames[k].frame))
                return frames[k].reason;
    return NULL;
}

static void check_reason(const struct recording *of, const struct gosum_life *want, const struct goleak_goroutine *got)
{
    const char *reason = got->reason < GOLEAK_REASON_COUNT ? goleak_reason_name(got->reason) : NULL;
    long long goid = (long long)want->goid;
    if (want->reason != NULL) {
        if (reason == NULL || strcmp(reason, want->reason) != 0)
            complain("goid %lld: its reason is %s, expected %s", goid, or_null(reason), want->reason);
        if (got->reason_inferred)
            complain("goid %lld: its reason is inferred, but was recorded (%s)", goid, want->reason);
        return;
    }
    if (want->parks > 0) {
        /* Headers 11 to 21: the event that stands for all that has none of its own. */
        if (!of->v1 || (got->reason != GOLEAK_REASON_GENERIC && got->reason != GOLEAK_REASON_SYSTEM_GOROUTINE &&
                        got->reason != GOLEAK_REASON_GC_SWEEP && got->reason != GOLEAK_REASON_NONE))
            complain("goid %lld: its reason is %s, expected the one without a name", goid, or_null(reason));
        return;
    }
    if (reason != NULL && !got->reason_inferred)
        complain("goid %lld: its reason is %s, and not inferred: nothing tells it", goid, reason);
    const char *inferred = of->header >= 23 ? reason_by_stack(want) : NULL;
    if (inferred != NULL && (reason == NULL || strcmp(reason, inferred) != 0))
        complain("goid %lld: its reason is %s, expected %s by its stack", goid, or_null(reason), inferred);
}

static void check_stack(const struct recording *of, const struct gosum_life *want, const struct goleak_goroutine *got)
{
    for (size_t i = 0; i < want->stack_count; i++) {
        const char *frame = goleak_stack_frame(of->told->trace, got->stack, i);
        if (!gosum_frame(frame, want->stack[i])) {
            complain("goid %lld: frame %zu of its stack is %s, expected %s", (long long)want->goid, i, or_null(frame),
                     want->stack[i]);
            return;
        }
    }
    if (want->stack_count < GOSUM_FRAMES && want->stack_count != 0) {
        const char *more = goleak_stack_frame(of->told->trace, got->stack, want->stack_count);
        if (more != NULL)
            complain("goid %lld: its stack goes on with %s", (long long)want->goid, more);
    }
}

static void check_start(const struct gosum_life *want, const struct goleak_goroutine *got)
{
    char outermost[256] = "";
    const char *start = want->start;
    if (start == NULL && want->created < 0 && want->stack_count != 0 && want->stack_count < GOSUM_FRAMES) {
        /* Older than the trace: the outermost frame. Of goroutine 1, runtime.main is cut. */
        const char *frame = want->stack[want->stack_count - 1], *line = strrchr(frame, ':');
        snprintf(outermost, sizeof outermost, "%.*s", line != NULL ? (int)(line - frame) : 0, frame);
        if (want->goid == 1 && got->start_function != NULL && told_place(got->start_function, "runtime.main"))
            return;
        start = outermost;
    }
    if (start != NULL && !told_place(got->start_function, start))
        complain("goid %lld: it starts in %s, expected %s", (long long)want->goid, or_null(got->start_function), start);
    if (want->created < 0 && (got->created_at != NULL || got->created_stack != 0))
        complain("goid %lld: it is older than the trace, and created at %s", (long long)want->goid,
                 or_null(got->created_at));
    if (want->created_at != NULL && (got->created_at == NULL || strcmp(got->created_at, want->created_at) != 0))
        complain("goid %lld: it is created at %s, expected %s", (long long)want->goid, or_null(got->created_at),
                 want->created_at);
}

static void check_life(const struct recording *of, const struct gosum_life *want)
{
    const struct goleak_goroutine *got = find(of->told, want->goid);
    long long goid = (long long)want->goid;
    if (got == NULL) {
        complain("goid %lld (%s) is not there", goid, or_null(want->state));
        return;
    }
    if (got->preexisting != (want->created < 0))
        complain("goid %lld: preexisting is %d", goid, got->preexisting);
    if (told_number(got->parent_goid) != (want->parent > 0 ? (uint64_t)want->parent : 0))
        complain("goid %lld: its parent is %lld, expected %lld", goid, (long long)got->parent_goid,
                 (long long)want->parent);
    check_time(of, want->goid, "created_ns", got->created_ns, want->created);
    check_time(of, want->goid, "ended_ns", got->ended_ns, want->ended);
    check_start(want, got);
    if (got->state != state_of(want->state)) {
        complain("goid %lld: its state is %s, expected %s", goid, goleak_state_name(got->state), or_null(want->state));
        return;
    }
    if (got->state != GOLEAK_STATE_WAITING)
        return;
    check_reason(of, want, got);
    if (want->parks > 0 || of->header >= 23)
        check_stack(of, want, got);
    if (want->parks > 0 && of->sum->one_generation)
        check_time(of, want->goid, "blocked_since_ns", got->blocked_since_ns, want->last);
    else if (got->blocked_since_ns != GOLEAK_NONE && got->blocked_since_ns > want->last + of->base_ns)
        complain("goid %lld: it waits since %lld, its last event is at %lld", goid, (long long)got->blocked_since_ns,
                 (long long)(want->last + of->base_ns));
}

/* ---- one recording ------------------------------------------------------------------------ */

/* What damage would be called: none of it is in these. */
static const char *const damage[] = {
    "unknown_events", "damaged_lines",      "damaged_frames",  "lost_events",   "truncated",
    "clock_jumps",    "mixed_processes",    "late_events",     "implicit_ends", "impossible_transitions",
    "double_parks",   "impossible_reasons", "unbalanced_ends", "reordered",
};

static void check_numbers(const struct recording *of)
{
    const struct goleak_summary *summary = &of->told->summary;
    expect("created", summary->created, of->sum->created);
    expect("ended", summary->ended, of->sum->ended);
    expect("older than the recording", summary->preexisting, of->sum->preexisting);
    expect("live at the end", summary->live_at_end, of->sum->living);
    expect("goroutines", of->told->count, of->sum->created + of->sum->preexisting);
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++)
        expect(damage[i], outcome_health(of->told->trace, damage[i]), 0);
    for (size_t i = 1; i < of->told->count; i++)
        if (of->told->lives[i].goid == of->told->lives[i - 1].goid)
            complain("goid %lld is there twice", (long long)of->told->lives[i].goid);
}

/* Headers 22 and up tell the process' monotonic clock, and so does Go's reader; before,
 * Go's reader starts at the first event. */
static bool check_head(struct recording *of)
{
    struct goleak_input_info info;
    struct goleak_capture capture;
    assert_int_equal(goleak_trace_input(of->told->trace, 0, &info), GOLEAK_OK);
    goleak_trace_capture(of->told->trace, &capture);
    if (strcmp(info.format, of->v1 ? "gotrace-v1" : "gotrace") != 0) {
        complain("it is read as %s", info.format);
        return false;
    }
    if (info.go_version == NULL || info.go_version_from == NULL || strcmp(info.go_version_from, "header") != 0)
        complain("its version is %s, from %s", or_null(info.go_version), or_null(info.go_version_from));
    if (capture.clock == GOLEAK_CLOCK_NONE || capture.first_ns == GOLEAK_NONE)
        complain("it has no time");
    of->base_ns = of->v1 ? capture.first_ns - (of->sum->first + 1) : 0;
    if (!of->v1 && capture.clock == GOLEAK_CLOCK_RELATIVE)
        of->base_ns = capture.first_ns - of->sum->first;
    /* Go's "Sync" has the earliest batch's time; its first event may be milliseconds later. */
    int64_t late = capture.first_ns - (of->sum->first + of->base_ns);
    if (late < 0 || late > 100000000)
        complain("the first time is %lld, expected %lld", (long long)capture.first_ns,
                 (long long)(of->sum->first + of->base_ns));
    int64_t longer = capture.last_ns - (of->sum->last + of->base_ns);
    if (longer > ROUNDED_NS || longer < -1000000)
        complain("the last time is %lld, expected %lld", (long long)capture.last_ns,
                 (long long)(of->sum->last + of->base_ns));
    if (!capture.complete)
        complain("it is not complete");
    return true;
}

static unsigned header_of(const char *path)
{
    struct bytes bytes = { 0 };
    assert_true(bytes_read(&bytes, path));
    assert_true(bytes.size > 16 && starts(bytes.data, "go 1."));
    unsigned header = (unsigned)strtoul(bytes.data + 5, NULL, 10);
    bytes_free(&bytes);
    return header;
}

static size_t headers_seen[100];

static void visit_sum(const char *folder, const char *path, const char *name, size_t *count)
{
    (void)folder;
    (void)name;
    const char *trace = gosum_recording(path);
    struct gosum sum;
    struct told told;
    if (trace == NULL)
        return;
    look_at(trace);
    told_sort(true, false);
    ++*count;
    assert_true(gosum_read(&sum, path));
    if (told_by(&told, trace)) {
        struct recording of = { .told = &told, .sum = &sum, .header = header_of(trace) };
        assert_true(of.header < 100);
        headers_seen[of.header]++;
        of.v1 = of.header < 22;
        if (check_head(&of)) {
            check_numbers(&of);
            for (size_t i = 0; i < sum.life_count; i++)
                check_life(&of, &sum.lives[i]);
        }
        told_free(&told);
    }
    gosum_free(&sum);
}

static void test_go_reader(void **state)
{
    (void)state;
    static const unsigned headers[] = { 19, 21, 22, 23, 25, 26 };
    size_t count = visit(captures(), visit_sum);
    end_looking(count, 201);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assert_true(headers_seen[headers[i]] != 0);
}

/* ---- traces that Go's reader gives up on, or that have no summary ---------------------- */

static void visit_all(const char *folder, const char *path, const char *name, size_t *count)
{
    struct told told;
    if (has(folder, "big") || !has(name, "trace") || has(name, ".json") || has(name, ".txt") ||
        (!has(name, "trace.out") && !has(folder, "gotrace")))
        return;
    look_at(path);
    told_sort(true, false);
    ++*count;
    if (!told_by(&told, path))
        return;
    if (told.count == 0)
        complain("it has no goroutines");
    bool cut = has(name, "killed");
    expect("truncated", outcome_health(told.trace, "truncated") != 0, cut);
    expect("impossible_transitions", outcome_health(told.trace, "impossible_transitions"), 0);
    for (size_t i = 0; i < told.count; i++) {
        const struct goleak_goroutine *life = &told.lives[i];
        if (life->goid == GOLEAK_NONE || life->goid <= 0)
            complain("a goroutine has goid %lld", (long long)life->goid);
        if (life->g != 0)
            complain("goid %lld has an address: %llx", (long long)life->goid, (unsigned long long)life->g);
        if (life->state == GOLEAK_STATE_UNKNOWN)
            complain("goid %lld: its state is unknown", (long long)life->goid);
    }
    told_free(&told);
}

static void test_all_are_read(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_all), 204);
}

/* ---- damaged ones, from files ----------------------------------------------------------- */

#define SMALL_BYTES ((size_t)700 * 1024)
#define TRIALS 4

/* Cut short, and with bytes of others' in it. */
static void spoil(struct bytes *bytes, unsigned trial)
{
    if (trial % 2 == 1)
        bytes->size -= chance((unsigned)(bytes->size / 2));
    for (unsigned i = chance(4); i > 0; i--)
        bytes->data[16 + chance((unsigned)bytes->size - 16)] = (char)chance(256);
    if (trial > 1) {
        size_t at = 16 + chance((unsigned)bytes->size - 16), size = chance(200);
        memmove(bytes->data + at, bytes->data + at + (size < bytes->size - at ? size : 0),
                bytes->size - at - (size < bytes->size - at ? size : 0));
        bytes->size -= size < bytes->size - at ? size : 0;
    }
}

/* A file is read again where bytes that come once are kept: they say the same. */
static void visit_file(const char *folder, const char *path, const char *name, size_t *count)
{
    char copy[] = "/tmp/goleak_gotrace_XXXXXX";
    struct bytes whole = { 0 }, bytes = { 0 };
    if (has(folder, "big") || !has(name, "trace") || has(name, ".json") || has(name, ".txt"))
        return;
    assert_true(bytes_read(&whole, path));
    if (whole.size > 1024 && whole.size <= SMALL_BYTES && (!has_sanitizer() || ++*count % 16 == 0)) {
        *count += !has_sanitizer();
        look_at(path);
        seed = whole.size;
        assert_int_equal(scratch_open(copy, 300), 0);
        for (unsigned trial = 0; trial < TRIALS; trial++) {
            struct outcome want = { 0 }, got = { 0 };
            struct goleak_options options = GOLEAK_OPTIONS_INIT;
            bytes_clear(&bytes);
            bytes_add(&bytes, whole.data, whole.size);
            if (trial != 0)
                spoil(&bytes, trial);
            assert_true(bytes_write(&bytes, copy));
            outcome_of(&want, &bytes, NULL, 0, NULL);
            options.jobs = 1 + trial % 2;
            outcome_of_file(&got, copy, &options);
            if (!outcome_equal(&want, &got))
                complain("trial %u: %s", trial, outcome_difference(&want, &got));
            outcome_free(&want);
            outcome_free(&got);
        }
        assert_int_equal(scratch_close(copy), 0);
    }
    bytes_free(&bytes);
    bytes_free(&whole);
}

static void test_files_are_read_again(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_file), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_go_reader),
        cmocka_unit_test(test_all_are_read),
        cmocka_unit_test(test_files_are_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
