/*
 * Recordings by bpftrace and perf, goroutine by goroutine, against a witness
 * (support/witness.h) that knows nothing of the library: the same goroutines, states,
 * reasons, parents, times, places. And what cannot be read, or tells less.
 *
 * On testdata/bpftrace and testdata/perf, and on what lies below $GOLEAK_CAPTURES.
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

#include "support/bytes.h"
#include "support/outcome.h"
#include "support/text.h"
#include "support/told.h"
#include "support/witness.h"

/* ---- one recording against the witness ---------------------------------------------------- */

enum trouble {
    LOSSY = 1,  /* events are missing: what follows need not fit */
    ORDERED = 2 /* no time: the library repairs the order, the witness does not */
};

static void expect_moment(const char *what, uint64_t goid, int64_t got, int64_t want)
{
    if (got != want)
        complain("goid %llu: %s is %lld, expected %lld", (unsigned long long)goid, what, (long long)got,
                 (long long)want);
}

static void check_moments(const struct witness *witness, const struct witness_life *want,
                          const struct goleak_goroutine *got)
{
    uint64_t id = want->goid != 0 ? want->goid : want->g;
    if (witness->timed) {
        expect_moment("created_ns", id, got->created_ns, want->preexisting ? GOLEAK_NONE : want->created);
        if (want->state == LIFE_ENDED)
            expect_moment("ended_ns", id, got->ended_ns, want->ended);
        if (want->state == LIFE_WAITS)
            expect_moment("blocked_since_ns", id, got->blocked_since_ns, want->since);
        return;
    }
    expect_moment("created_ns", id, got->created_ns, GOLEAK_NONE);
    expect_moment("created_event", id, (int64_t)got->created_event, want->preexisting ? 0 : want->created);
    if (want->state == LIFE_ENDED)
        expect_moment("ended_event", id, (int64_t)got->ended_event, want->ended);
    if (want->state == LIFE_WAITS)
        expect_moment("blocked_since_event", id, (int64_t)got->blocked_since_event, want->since);
}

static void check_life(const struct told *told, const struct witness *witness, const struct witness_life *want,
                       unsigned minor)
{
    struct goleak_goroutine like = {
        .pid = (int64_t)want->pid, .goid = (int64_t)want->goid, .g = want->g, .incarnation = want->incarnation
    };
    unsigned long long id = want->goid != 0 ? want->goid : want->g;
    const struct goleak_goroutine *got = told_find(told, &like);
    if (got == NULL) {
        complain("goroutine %llu (g %llx) is not there", id, (unsigned long long)want->g);
        return;
    }
    if (got->preexisting != want->preexisting)
        complain("goid %llu: preexisting is %d, expected %d", id, got->preexisting, want->preexisting);
    if (got->g != want->g)
        complain("goid %llu: g is %llx, expected %llx", id, (unsigned long long)got->g, (unsigned long long)want->g);
    bool waits = got->state == GOLEAK_STATE_WAITING, ended = got->state == GOLEAK_STATE_ENDED;
    if (waits != (want->state == LIFE_WAITS) || ended != (want->state == LIFE_ENDED)) {
        complain("goid %llu: its state is %s, expected %s", id, goleak_state_name(got->state),
                 want->state == LIFE_ENDED   ? "ended"
                 : want->state == LIFE_WAITS ? "waiting"
                                             : "running");
        return;
    }
    /* Up to Go 1.21, 20 stands for several; which one may depend on a version that
     * nothing tells. */
    uint64_t reason = witness_reason(want->reason, want->wait, minor);
    bool untold = minor < 22 && want->reason == 20 && got->reason == GOLEAK_REASON_GENERIC;
    if (waits && got->reason != reason && !untold)
        complain("goid %llu: its reason is %d, expected %llu (printed %llu)", id, (int)got->reason,
                 (unsigned long long)reason, (unsigned long long)want->reason);
    if (witness->goids && told_number(got->parent_goid) != want->parent_goid)
        complain("goid %llu: its parent is %lld, expected %llu", id, (long long)got->parent_goid,
                 (unsigned long long)want->parent_goid);
    if (want->parent_g != 0 && got->parent_g != want->parent_g)
        complain("goid %llu: its parent is at %llx, expected %llx", id, (unsigned long long)got->parent_g,
                 (unsigned long long)want->parent_g);
    if (want->where[0] != '\0' && !told_place(got->created_at, want->where))
        complain("goid %llu: it is created at %s, expected %s", id,
                 got->created_at != NULL ? got->created_at : "(null)", want->where);
    const char *leaf = waits ? goleak_stack_frame(told->trace, got->stack, 0) : NULL;
    if (leaf != NULL && starts(leaf, "runtime.newproc"))
        complain("goid %llu: it is blocked in %s: that is another's stack", id, leaf);
    check_moments(witness, want, got);
}

static void check_numbers(const struct told *told, const struct witness *witness, unsigned troubles)
{
    expect("created", told->summary.created, witness->created);
    expect("ended", told->summary.ended, witness->ended);
    expect("older than the recording", told->summary.preexisting, witness->preexisting);
    expect("live at the end", told->summary.live_at_end, witness->live);
    expect("goroutines", told->count, witness->life_count);
    expect("unknown_lines", outcome_health(told->trace, "unknown_lines"), witness->other_lines);
    expect("unknown_events", outcome_health(told->trace, "unknown_events"), 0);
    expect("unknown_keys", outcome_health(told->trace, "unknown_keys"), 0);
    expect("damaged_lines", outcome_health(told->trace, "damaged_lines"), 0);
    expect("impossible_reasons", outcome_health(told->trace, "impossible_reasons"), 0);
    expect("lost_events", outcome_health(told->trace, "lost_events"), witness->lost);
    if (troubles & LOSSY)
        return;
    expect("late_events", outcome_health(told->trace, "late_events"), 0);
    expect("implicit_ends", outcome_health(told->trace, "implicit_ends"), 0);
    expect("impossible_transitions", outcome_health(told->trace, "impossible_transitions"), 0);
    expect("truncated", outcome_health(told->trace, "truncated"), 0);
}

static int by_place(const void *a, const void *b)
{
    const struct witness_life *x = a, *y = b;
    return x->gopc != y->gopc ? (x->gopc < y->gopc ? -1 : 1) : strcmp(x->where, y->where);
}

/* A go statement stands in one function: else the witness has mixed up stacks. */
static void check_witness(const struct witness *witness)
{
    struct witness_life *lives = malloc((witness->life_count + 1) * sizeof *lives);
    assert_non_null(lives);
    memcpy(lives, witness->lives, witness->life_count * sizeof *lives);
    qsort(lives, witness->life_count, sizeof *lives, by_place);
    for (size_t i = 1; i < witness->life_count; i++)
        if (lives[i].gopc != 0 && lives[i].gopc == lives[i - 1].gopc && lives[i - 1].where[0] != '\0' &&
            strcmp(lives[i].where, lives[i - 1].where) != 0)
            complain("the witness sees one go statement in %s and %s", lives[i - 1].where, lives[i].where);
    free(lives);
}

static enum witness_form form_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    if (has(name, ".json"))
        return WITNESS_BPFTRACE_JSON;
    if (!has(name, "perf") && !starts(path, "testdata/perf"))
        return WITNESS_BPFTRACE;
    return has(name, "deltatime") ? WITNESS_PERF_DELTA : WITNESS_PERF;
}

/* The Go version that a path names: 19 for 1.19. */
static unsigned minor_of(const char *path)
{
    const char *at = strstr(path, "/go1.");
    return at != NULL ? (unsigned)strtoul(at + 5, NULL, 10) : 26;
}

static void check_recording(const char *path, unsigned troubles)
{
    struct bytes text = { 0 };
    struct witness witness;
    struct told told;
    look_at(path);
    assert_true(bytes_read(&text, path));
    witness_read(&witness, &text, form_of(path));
    told_sort(witness.goids, witness.pids);
    assert_true(witness.event_count != 0);
    check_witness(&witness);
    if (!(troubles & LOSSY))
        expect("late, by the witness", witness.late, 0);
    if (told_by(&told, path)) {
        struct goleak_input_info info;
        assert_int_equal(goleak_trace_input(told.trace, 0, &info), GOLEAK_OK);
        if (form_of(path) == WITNESS_PERF && strcmp(info.format, "perf") != 0)
            complain("it is read as %s", info.format);
        check_numbers(&told, &witness, troubles);
        /* Where the order is repaired, the lives of an address need not be these. */
        bool repaired = (troubles & ORDERED) && outcome_health(told.trace, "reordered") != 0;
        for (size_t i = 0; i < witness.life_count && !repaired; i++)
            check_life(&told, &witness, &witness.lives[i], minor_of(path));
        told_free(&told);
    }
    witness_free(&witness);
    bytes_free(&text);
}

/* ---- every recording -------------------------------------------------------------------------- */

static bool is_lossy(const char *folder)
{
    struct bytes truth = { 0 };
    const char *path = captured(folder, "truth.json");
    bool lossy = path != NULL && bytes_read(&truth, path) && has(truth.data, "\"lossy\": true");
    bytes_free(&truth);
    return lossy;
}

static void visit_all(const char *folder, const char *path, const char *name, size_t *count)
{
    if (has(folder, "variants") || has(folder, "hazards") || has(folder, "big") || !has(name, ".txt"))
        return;
    if (!starts(name, "bpftrace.") && !starts(name, "perf.") && !starts(name, "article.") && !starts(name, "raw."))
        return;
    check_recording(path, (is_lossy(folder) ? LOSSY : 0) | (starts(name, "article.") ? ORDERED : 0));
    ++*count;
}

static void test_captures(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_all), 100);
}

static void test_bundled(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "testdata/bpftrace/own_leaky.txt",     "testdata/bpftrace/own_not_leaky.txt.zst",
        "testdata/bpftrace/own_leaky.json",    "testdata/bpftrace/own_leaky.stacks.txt",
        "testdata/perf/own_leaky.txt.zst",     "testdata/perf/own_leaky.flat.txt.zst",
        "testdata/perf/own_leaky.sym.txt.zst", "testdata/perf/own_not_leaky.txt.zst",
        "testdata/perf/nocallchain.txt",       "testdata/perf/spacecomm.txt.zst",
    };
    size_t count = sizeof paths / sizeof *paths;
    for (size_t i = 0; i < count; i++)
        check_recording(paths[i], 0);
    end_looking(count, count);
}

/* ---- variants: other fields, other forms, damage, loss --------------------------------- */

static void test_variants(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned troubles;
    } variants[] = {
        { "dwarf.perf.script.txt", 0 },
        { "nog.perf.script.txt", 0 },
        { "spacecomm.perf.script.txt", 0 },
        { "perf.F_full.txt", 0 },
        { "perf.header.txt", 0 },
        { "perf.nocallchain.txt", 0 },
        { "perf.reltime.txt", 0 },
        { "perf.deltatime.txt", 0 },
        { "perf.lost.txt", LOSSY },
        { "postprologue.own_gcassist.bpftrace.txt", 0 },
        { "postprologue.own_http_leak.bpftrace.txt", 0 },
        { "postprologue.own_leaky.bpftrace.txt", 0 },
        { "lossy.bpftrace.txt", LOSSY },
        { "midstream_two_processes.bpftrace.txt", LOSSY },
        { "own_leaky.bpftrace.json", 0 },
    };
    size_t count = sizeof variants / sizeof *variants;
    for (size_t i = 0; i < count; i++)
        check_recording(captured_variant(variants[i].name), variants[i].troubles);
    end_looking(count, count);
}

static void check_refused(const char *name)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_error error;
    struct goleak_trace *trace = NULL;
    look_at(name);
    enum goleak_status status = goleak_trace_load(&trace, captured_variant(name), &options, &error);
    if (status != GOLEAK_E_FORMAT && status != GOLEAK_E_NOEVENTS)
        complain("its status is %d", (int)status);
    else if (!has(error.message, "perf script") || !has(error.message, "-F") || !has(error.message, "trace") ||
             !has(error.message, "event"))
        complain("no advice on -F: %s", error.message);
    goleak_trace_free(trace);
}

static void test_refused(void **state)
{
    (void)state;
    check_refused("perf.F_trace.txt");
    check_refused("perf.rawdump.head300k.txt");
    end_looking(2, 2);
}

/* perf 6.1 writes neither event names nor arguments into its JSON: what was called, and
 * where from, is all that it tells. */
static void test_perf_json(void **state)
{
    (void)state;
    struct bytes text = { 0 };
    struct told told;
    size_t samples;
    const char *path = captured_variant("perf.convert.json");
    look_at(path);
    assert_true(bytes_read(&text, path));
    size_t created = witness_leaves(&text, "runtime.newproc.func1", &samples);
    assert_true(created != 0 && samples > created);
    if (told_by(&told, path)) {
        struct goleak_input_info info;
        assert_int_equal(goleak_trace_input(told.trace, 0, &info), GOLEAK_OK);
        expect("events", info.events, samples);
        expect("goroutines", told.count, 0);
        expect("leaks", told.summary.leaks, 0);
        expect("created", told.summary.created, created);
        expect("damaged_lines", outcome_health(told.trace, "damaged_lines"), 0);
        expect("truncated", outcome_health(told.trace, "truncated"), 0);
        told_free(&told);
    }
    bytes_free(&text);
    end_looking(1, 1);
}

static void test_bpftrace_json(void **state)
{
    (void)state;
    struct told told;
    look_at(captured_variant("own_leaky.bpftrace.json"));
    told_sort(true, false);
    if (told_by(&told, captured_variant("own_leaky.bpftrace.json"))) {
        expect("leaks", told.summary.leaks, 3);
        for (size_t i = 0; i < told.count; i++)
            if (told.lives[i].verdict == GOLEAK_VERDICT_LIKELY && !told_place(told.lives[i].created_at, "main.Gather"))
                complain("a leak is created at %s", told.lives[i].created_at);
        told_free(&told);
    }
    end_looking(1, 1);
}

static void test_two_processes(void **state)
{
    (void)state;
    struct told told;
    size_t first = 0, second = 0;
    look_at(captured_variant("midstream_two_processes.bpftrace.txt"));
    told_sort(true, true);
    if (told_by(&told, captured_variant("midstream_two_processes.bpftrace.txt"))) {
        for (size_t i = 0; i < told.count; i++) {
            first += told.lives[i].pid == told.lives[0].pid;
            second += told.lives[i].pid == told.lives[told.count - 1].pid;
        }
        expect("goroutines of two processes", first + second, told.count);
        expect("a third process", first == 0 || second == 0, 0);
        told_free(&told);
    }
    end_looking(1, 1);
}

/* Its last line ends in the middle: what stands before is there. */
static void test_truncated(void **state)
{
    (void)state;
    struct bytes text = { 0 }, whole = { 0 };
    struct witness witness, with_last;
    struct told told;
    const char *path = captured_variant("truncated_midline.bpftrace.txt");
    look_at(path);
    assert_true(bytes_read(&text, path));
    const char *last = strrchr(text.data, '\n');
    assert_non_null(last);
    bytes_add(&whole, text.data, (size_t)(last + 1 - text.data));
    witness_read(&witness, &whole, WITNESS_BPFTRACE);
    witness_read(&with_last, &text, WITNESS_BPFTRACE);
    told_sort(true, true);
    if (told_by(&told, path)) {
        struct goleak_input_info info;
        assert_int_equal(goleak_trace_input(told.trace, 0, &info), GOLEAK_OK);
        const struct witness *want = info.events == with_last.event_count ? &with_last : &witness;
        expect("events", info.events, want->event_count);
        expect("truncated", outcome_health(told.trace, "truncated"), 1);
        expect("damaged_lines", outcome_health(told.trace, "damaged_lines"), 0);
        expect("unknown_lines", outcome_health(told.trace, "unknown_lines"), 0);
        expect("goroutines", told.count, want->life_count);
        for (size_t i = 0; i < want->life_count; i++)
            check_life(&told, want, &want->lives[i], 26);
        told_free(&told);
    }
    witness_free(&witness);
    witness_free(&with_last);
    bytes_free(&whole);
    bytes_free(&text);
    end_looking(1, 1);
}

/* What a recorder said on standard error is given as a second path. */
static void check_lost(const char *recording, const char *messages, uint64_t lost)
{
    char path[1200];
    size_t count;
    struct told told;
    snprintf(path, sizeof path, "%s", captured_variant(recording));
    look_at(recording);
    const char *const both[] = { path, captured_variant(messages) };
    if (told_by_all(&told, both, 2, &count)) {
        struct goleak_capture capture;
        goleak_trace_capture(told.trace, &capture);
        expect("traces", count, 1);
        expect("lost_events", outcome_health(told.trace, "lost_events"), lost);
        expect("complete", capture.complete, lost == 0);
        told_free(&told);
    }
}

static void test_lost(void **state)
{
    (void)state;
    check_lost("lossy.bpftrace.txt", "lossy.bpftrace.err", 136669);
    check_lost("postprologue.own_leaky.bpftrace.txt", "pp.err", 0);
    end_looking(2, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundled),       cmocka_unit_test(test_captures),  cmocka_unit_test(test_variants),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_perf_json), cmocka_unit_test(test_bpftrace_json),
        cmocka_unit_test(test_two_processes), cmocka_unit_test(test_truncated), cmocka_unit_test(test_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
