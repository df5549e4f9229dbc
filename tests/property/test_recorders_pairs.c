/*
 * Several recordings of one run: they tell the same of every goroutine, each alone and
 * all together.
 *
 *   perf, bpftrace    times as far apart as their clocks are read
 *   perf, perf        at two resolutions: times cut to the coarser
 *   clocks            absolute, from the start, from the event before
 *   joined            given together: one process, everything once; a Go trace of a part, too
 *
 * On what lies below $GOLEAK_CAPTURES.
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

#include "support/outcome.h"
#include "support/text.h"
#include "support/told.h"

/* bpftrace looks at its clock behind perf: by 1.5 to 5.5 us in 99 of 100 events, by
 * 80 us at most, and never before it. */
#define CLOCKS_APART_NS 200000

/* ---- two recordings of one run ------------------------------------------------------------------ */

struct apart {
    int64_t *values;
    size_t count, room;
};

static struct apart apart;

static void note_apart(int64_t difference)
{
    if (apart.count == apart.room) {
        apart.room = apart.room * 2 + 4096;
        apart.values = realloc(apart.values, apart.room * sizeof *apart.values);
        assert_non_null(apart.values);
    }
    apart.values[apart.count++] = difference;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void show_apart(void)
{
    if (apart.count == 0)
        return;
    qsort(apart.values, apart.count, sizeof *apart.values, by_value);
    print_message("# %zu times: least %lld ns, median %lld, 99 %% %lld, most %lld\n", apart.count,
                  (long long)apart.values[0], (long long)apart.values[apart.count / 2],
                  (long long)apart.values[apart.count * 99 / 100], (long long)apart.values[apart.count - 1]);
    free(apart.values);
    apart = (struct apart) { 0 };
}

/* `later` may be that much behind, and never before. */
static void expect_near(const char *what, int64_t goid, int64_t one, int64_t later, int64_t most)
{
    if (one == GOLEAK_NONE && later == GOLEAK_NONE)
        return;
    if (one == GOLEAK_NONE || later == GOLEAK_NONE || later < one || later - one > most)
        complain("goid %lld: %s is %lld here and %lld there", (long long)goid, what, (long long)one, (long long)later);
    else
        note_apart(later - one);
}

/* `strangers`: goroutines that are in the second only. */
static void check_pair(const struct told *one, const struct told *two, int64_t most_ns, size_t strangers)
{
    expect("goroutines in the other", two->count, one->count + strangers);
    expect("blocked in the other", two->summary.blocked_at_end, one->summary.blocked_at_end);
    expect("created in the other", two->summary.created, one->summary.created);
    for (size_t i = 0; i < one->count; i++) {
        const struct goleak_goroutine *x = &one->lives[i], *y = told_find(two, x);
        if (y == NULL) {
            complain("goid %lld is not in the other", (long long)x->goid);
            continue;
        }
        bool waits = x->state == GOLEAK_STATE_WAITING;
        if (x->state != y->state || (waits && x->reason != y->reason))
            complain("goid %lld: %s here, %s there", (long long)x->goid, goleak_state_name(x->state),
                     goleak_state_name(y->state));
        if (told_number(x->parent_goid) != told_number(y->parent_goid))
            complain("goid %lld: its parent is %lld here and %lld there", (long long)x->goid, (long long)x->parent_goid,
                     (long long)y->parent_goid);
        if (x->g != y->g || x->incarnation != y->incarnation ||
            (x->system != y->system && x->system >= 0 && y->system >= 0)) /* a form without names proves less */
            complain("goid %lld is another goroutine there", (long long)x->goid);
        expect_near("created_ns", x->goid, x->created_ns, y->created_ns, most_ns);
        expect_near("ended_ns", x->goid, x->ended_ns, y->ended_ns, most_ns);
        if (waits && y->state == GOLEAK_STATE_WAITING)
            expect_near("blocked_since_ns", x->goid, x->blocked_since_ns, y->blocked_since_ns, most_ns);
    }
}

static bool is_perf(const char *folder, const char *name)
{
    return starts(name, "perf.txt") && !has(folder, "variants");
}

/* The first is the finer clock, or the one that is read first. */
static void check_files(const char *one, const char *two, int64_t most_ns, size_t strangers)
{
    struct told first, second;
    told_sort(true, false);
    if (!told_by(&first, one))
        return;
    if (told_by(&second, two)) {
        check_pair(&first, &second, most_ns, strangers);
        told_free(&second);
    }
    told_free(&first);
}

static void visit_both(const char *folder, const char *path, const char *name, size_t *count)
{
    const char *bpftrace = is_perf(folder, name) ? captured(folder, "bpftrace.txt") : NULL;
    if (bpftrace == NULL)
        return;
    look_at(path);
    /* bpftrace saw main of another process of this binary, too. */
    check_files(path, bpftrace, CLOCKS_APART_NS, has(path, "go1.26/own_workerpool_clean"));
    ++*count;
}

static void test_perf_is_bpftrace(void **state)
{
    (void)state;
    size_t count = visit(captures(), visit_both);
    show_apart();
    end_looking(count, 100);
}

/* perf.txt has microseconds, these have nanoseconds. */
static void visit_resolutions(const char *folder, const char *path, const char *name, size_t *count)
{
    if (!starts(name, "perf.flat.txt") && !starts(name, "perf.sym.txt"))
        return;
    const char *coarse = captured(folder, "perf.txt");
    assert_non_null(coarse);
    look_at(path);
    check_files(coarse, path, 999, 0);
    ++*count;
}

static void test_resolutions(void **state)
{
    (void)state;
    size_t count = visit(captures(), visit_resolutions);
    show_apart();
    end_looking(count, 9);
}

/* ---- clocks --------------------------------------------------------------------------------- */

/* The same run, with the clock printed in three ways: the same lives. */
static void check_clock(const char *name, enum goleak_clock clock, int64_t most_ns)
{
    struct told plain, other;
    look_at(name);
    told_sort(true, false);
    if (!told_by(&plain, captured_variant("perf.F_full.txt")))
        return;
    if (told_by(&other, captured_variant(name))) {
        struct goleak_capture capture, started;
        goleak_trace_capture(other.trace, &capture);
        goleak_trace_capture(plain.trace, &started);
        expect("the clock", capture.clock, clock);
        expect("the first time", (uint64_t)capture.first_ns, 0);
        for (size_t i = 0; i < other.count; i++) {
            struct goleak_goroutine *life = &other.lives[i];
            int64_t *const moments[] = { &life->created_ns, &life->ended_ns, &life->blocked_since_ns };
            for (size_t k = 0; k < 3; k++)
                if (*moments[k] != GOLEAK_NONE)
                    *moments[k] += started.first_ns + most_ns;
        }
        check_pair(&plain, &other, 2 * most_ns, 0);
        told_free(&other);
    }
    told_free(&plain);
}

static void test_relative_clocks(void **state)
{
    (void)state;
    check_clock("perf.reltime.txt", GOLEAK_CLOCK_RELATIVE, 1000);
    /* Each of the 2031 distances is cut to a microsecond. */
    check_clock("perf.deltatime.txt", GOLEAK_CLOCK_RELATIVE, 2031 * 1000);
    show_apart();
    end_looking(2, 2);
}

/* ---- the recordings of a run together ------------------------------------------------------------ */

/* A Go trace tells more: who gives up its thread, is in a system call, or is woken in a list. */
static bool is_same_state(const struct goleak_goroutine *alone, const struct goleak_goroutine *together, bool traced)
{
    bool ended = alone->state == GOLEAK_STATE_ENDED || together->state == GOLEAK_STATE_ENDED;
    return alone->state == together->state || (traced && !ended);
}

static void check_together(const struct told *alone, const char *const *paths, size_t path_count)
{
    size_t count;
    struct told told;
    bool traced = false;
    for (size_t i = 0; i < path_count; i++)
        traced = traced || has(paths[i], "trace.out");
    if (!told_by_all(&told, paths, path_count, &count))
        return;
    if (expect("traces of one process", count, 1)) {
        expect("created, together", told.summary.created, alone->summary.created);
        expect("ended, together", told.summary.ended, alone->summary.ended);
        expect("live, together", told.summary.live_at_end, alone->summary.live_at_end);
        expect("blocked, together", told.summary.blocked_at_end, alone->summary.blocked_at_end);
        /* Two events closer than the clocks are apart may change places. */
        uint64_t peak = told.summary.peak_live, peak_alone = alone->summary.peak_live;
        expect("peak_live far from alone", peak > peak_alone + 1 || peak + 1 < peak_alone, 0);
        expect("goroutines, together", told.count, alone->count);
        expect("implicit_ends, together", outcome_health(told.trace, "implicit_ends"), 0);
        expect("impossible_transitions, together", outcome_health(told.trace, "impossible_transitions"), 0);
        for (size_t i = 0; i < alone->count; i++) {
            const struct goleak_goroutine *x = &alone->lives[i], *y = told_find(&told, x);
            if (y == NULL || !is_same_state(x, y, traced))
                complain("goid %lld: %s alone, %s together", (long long)x->goid, goleak_state_name(x->state),
                         y != NULL ? goleak_state_name(y->state) : "not there");
        }
    }
    told_free(&told);
}

static void check_joined(const struct told *alone, const char *one, const char *two)
{
    check_together(alone, (const char *const[]) { one, two }, 2);
}

static void visit_joined(const char *folder, const char *path, const char *name, size_t *count)
{
    struct told alone;
    const char *bpftrace = is_perf(folder, name) ? captured(folder, "bpftrace.txt") : NULL;
    if (bpftrace == NULL)
        return;
    look_at(path);
    told_sort(true, false);
    ++*count;
    if (!told_by(&alone, bpftrace))
        return;
    check_joined(&alone, bpftrace, path);
    check_joined(&alone, path, bpftrace);
    told_free(&alone);
}

static void test_joined(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_joined), 100);
}

/* Before Go 1.22 a trace's clock is its own. */
static bool has_traced(const char *folder)
{
    return !has(folder, "go1.19/") && !has(folder, "go1.21/") && captured(folder, "trace.out") != NULL;
}

/* The trace tells neither an address nor a pid: names of functions are all that it has in common with perf. */
static void visit_traced(const char *folder, const char *path, const char *name, size_t *count)
{
    char trace[1200];
    struct told alone;
    if (!is_perf(folder, name) || !has_traced(folder))
        return;
    snprintf(trace, sizeof trace, "%s", captured(folder, "trace.out"));
    look_at(path);
    told_sort(true, false);
    ++*count;
    if (!told_by(&alone, path))
        return;
    /* bpftrace saw main of another process of one binary, too. */
    const char *bpftrace = has(path, "go1.26/own_workerpool_clean") ? NULL : captured(folder, "bpftrace.txt");
    check_joined(&alone, path, trace);
    check_joined(&alone, trace, path);
    if (bpftrace != NULL)
        check_together(&alone, (const char *const[]) { bpftrace, path, trace }, 3);
    told_free(&alone);
}

static void test_joined_with_a_trace(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_traced), 100);
}

/* One recorder, printed twice, and one file, given twice. */
static void visit_twice(const char *folder, const char *path, const char *name, size_t *count)
{
    struct told alone;
    const char *flat = is_perf(folder, name) ? captured(folder, "perf.flat.txt") : NULL;
    if (flat == NULL)
        return;
    look_at(path);
    told_sort(true, false);
    ++*count;
    if (!told_by(&alone, path))
        return;
    check_joined(&alone, path, flat);
    check_joined(&alone, flat, path);
    check_joined(&alone, path, path);
    told_free(&alone);
}

static void test_joined_twice(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_twice), 5);
}

/* Two processes are no one process, however they are given. */
static void check_apart(const char *one, const char *two)
{
    size_t count;
    struct told told;
    if (told_by_all(&told, (const char *const[]) { one, two }, 2, &count)) {
        expect("traces of two processes", count, 2);
        told_free(&told);
    }
}

static void test_not_joined(void **state)
{
    (void)state;
    char leaky[1200];
    const char *path = captured(captures(), "go1.26/own_leaky/perf.txt");
    assert_non_null(path);
    snprintf(leaky, sizeof leaky, "%s", path);
    path = captured(captures(), "go1.26/own_not_leaky/bpftrace.txt");
    assert_non_null(path);
    look_at("own_leaky and own_not_leaky");
    check_apart(leaky, path);
    end_looking(2, 2);
}

/* The trace of a run, and perf's recording of the one before it by name: of the same program, or of another. */
static void visit_others(const char *folder, const char *path, const char *name, size_t *count)
{
    static char before[1200];
    if (!is_perf(folder, name) || !has_traced(folder))
        return;
    look_at(path);
    if (before[0] != '\0')
        check_apart(before, captured(folder, "trace.out"));
    snprintf(before, sizeof before, "%s", path);
    ++*count;
}

static void test_not_joined_with_a_trace(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_others), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perf_is_bpftrace),    cmocka_unit_test(test_resolutions),
        cmocka_unit_test(test_relative_clocks),     cmocka_unit_test(test_joined),
        cmocka_unit_test(test_joined_twice),        cmocka_unit_test(test_not_joined),
        cmocka_unit_test(test_joined_with_a_trace), cmocka_unit_test(test_not_joined_with_a_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
