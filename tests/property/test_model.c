/*
 * Replay = the naive model, on random streams: totals, peaks and when they were,
 * leaks, and every goroutine's life, member by member.
 *
 * The same stream is printed in the article's full form and in the extended form with
 * ts=; bare, without -q, with CR, with stacks, with other output in between. Then its
 * lines are shuffled as recorders with a buffer for each CPU print them: with ts= nothing
 * may change; without, what was created and what ended must still be right. How often
 * the leaks are is printed: nothing in the lines proves all of the order, but repairing
 * it must not be worse than leaving it.
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
#include "support/generate.h"
#include "support/naive.h"
#include "support/outcome.h"

#define SEEDS 150

/* Of a seed: small worlds and larger ones, with and without the runtime's own. */
static struct generate_options options_for(uint64_t seed)
{
    uint64_t random = seed;
    return (struct generate_options) {
        .seed = seed,
        .events = 20 + generate_below(&random, seed % 10 == 0 ? 3000 : 600),
        .addresses = 1 + (unsigned)generate_below(&random, 60),
        .cpus = 1 + (unsigned)generate_below(&random, 8),
        .system = seed % 3 == 0,
    };
}

/* ---- the library's side ------------------------------------------------------- */

struct replayed {
    struct goleak_trace *trace;
    struct goleak_summary summary;
    struct goleak_goroutine *all; /* in the order of `serial` */
    size_t count;
};

static int by_serial(const void *a, const void *b)
{
    const struct goleak_goroutine *x = a, *y = b;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static void replay(struct replayed *out, const struct bytes *text, bool include_system)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_error error;
    options.include_system = include_system;
    options.retain_ended = true;
    assert_int_equal(goleak_trace_new(&out->trace, &options, &error), GOLEAK_OK);
    enum goleak_status status = goleak_trace_feed(out->trace, text->data, text->size, &error);
    if (status == GOLEAK_OK)
        status = goleak_trace_finish(out->trace, &error);
    if (status != GOLEAK_OK)
        fail_msg("status %d: %s", (int)status, error.message);
    goleak_trace_summary(out->trace, &out->summary);
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine goroutine;
    out->count = 0;
    while (goleak_goroutine_next(out->trace, &iter, &goroutine) == GOLEAK_OK)
        out->count++;
    out->all = calloc(out->count + 1, sizeof *out->all);
    assert_non_null(out->all);
    iter = (struct goleak_goroutine_iter) { 0 };
    for (size_t i = 0; i < out->count; i++)
        goleak_goroutine_next(out->trace, &iter, &out->all[i]);
    qsort(out->all, out->count, sizeof *out->all, by_serial);
}

static void replayed_free(struct replayed *replayed)
{
    goleak_trace_free(replayed->trace);
    free(replayed->all);
}

/* ---- comparing ------------------------------------------------------------------ */

static uint64_t case_seed;
static const char *case_name;

static void expect(int64_t got, int64_t want, const char *what, size_t life)
{
    if (got != want)
        fail_msg("%s, seed %llu, life %zu: %s is %lld, the model has %lld", case_name,
                 (unsigned long long)case_seed, life, what, (long long)got, (long long)want);
}

static int64_t or_none(uint64_t value)
{
    return value != 0 ? (int64_t)value : GOLEAK_NONE;
}

static void compare_life(const struct goleak_goroutine *got, const struct naive_life *want, bool extended, size_t at)
{
    bool waits = want->state == GOLEAK_STATE_WAITING;
    expect((int64_t)got->g, (int64_t)want->g, "g", at);
    expect(got->incarnation, want->incarnation, "incarnation", at);
    expect(got->preexisting, want->preexisting, "preexisting", at);
    expect(got->state, want->state, "state", at);
    expect(got->reason, waits ? (int64_t)want->reason : GOLEAK_REASON_NONE, "reason", at);
    expect((int64_t)got->parent_g, (int64_t)want->parent_g, "parent_g", at);
    if (extended) {
        expect(got->goid, or_none(want->goid), "goid", at);
        expect(got->parent_goid, or_none(want->parent_goid), "parent_goid", at);
        expect(got->created_ns, or_none((uint64_t)want->created), "created_ns", at);
        expect(got->started_ns, or_none((uint64_t)want->started), "started_ns", at);
        expect(got->ended_ns, or_none((uint64_t)want->ended), "ended_ns", at);
        expect(got->blocked_since_ns, waits ? want->since : GOLEAK_NONE, "blocked_since_ns", at);
        expect(got->system == 1, want->system, "system", at);
    } else {
        expect(got->created_ns, GOLEAK_NONE, "created_ns", at);
        expect(got->ended_ns, GOLEAK_NONE, "ended_ns", at);
        expect(got->blocked_since_ns, GOLEAK_NONE, "blocked_since_ns", at);
        expect((int64_t)got->created_event, want->created, "created_event", at);
        expect((int64_t)got->ended_event, want->ended, "ended_event", at);
        expect((int64_t)got->blocked_since_event, waits ? want->since : 0, "blocked_since_event", at);
    }
}

/* `more`: it tells more than the article's rule needs, which is all that the model knows. */
static void compare_totals(const struct goleak_summary *got, const struct naive *want, bool more)
{
    const size_t all = SIZE_MAX;
    expect((int64_t)got->created, (int64_t)want->created, "created", all);
    expect((int64_t)got->ended, (int64_t)want->ended, "ended", all);
    expect((int64_t)got->preexisting, (int64_t)want->preexisting, "preexisting", all);
    expect((int64_t)got->live_at_end, (int64_t)want->live, "live_at_end", all);
    expect((int64_t)got->blocked_at_end, (int64_t)want->blocked, "blocked_at_end", all);
    expect((int64_t)got->peak_live, (int64_t)want->peak_live, "peak_live", all);
    expect((int64_t)got->peak_blocked, (int64_t)want->peak_blocked, "peak_blocked", all);
    expect(got->peak_live_at, or_none((uint64_t)want->peak_live_at), "peak_live_at", all);
    expect(got->peak_blocked_at, or_none((uint64_t)want->peak_blocked_at), "peak_blocked_at", all);
    expect((int64_t)got->verdicts[GOLEAK_VERDICT_CERTAIN], (int64_t)want->certain, "certain", all);
    if (more)
        return;
    expect((int64_t)got->leaks, (int64_t)want->leaks, "leaks", all);
    expect((int64_t)got->verdicts[GOLEAK_VERDICT_SUSPECT], 0, "suspect", all);
}

static bool tells_stacks(const struct goleak_trace *trace)
{
    struct goleak_capture capture;
    goleak_trace_capture(trace, &capture);
    return capture.has_stacks;
}

static void compare(const struct replayed *got, const struct naive *want, bool extended, bool include_system)
{
    size_t at = 0;
    compare_totals(&got->summary, want, extended || tells_stacks(got->trace));
    for (size_t i = 0; i < want->count; i++) {
        /* One that is proven late was handed out already, if it had ended: none does. */
        if (want->lives[i].system && !include_system)
            continue;
        if (at == got->count)
            fail_msg("%s, seed %llu: life %zu is missing", case_name, (unsigned long long)case_seed, i);
        compare_life(&got->all[at++], &want->lives[i], extended, i);
    }
    expect((int64_t)got->count, (int64_t)at, "number of goroutines", SIZE_MAX);
}

/* `shuffled` is what is printed of `stream`. */
static void check(const struct generated *stream, const struct generated *shuffled, bool extended, bool include_system)
{
    struct bytes text = { 0 };
    struct replayed got;
    struct naive want;
    if (extended)
        generated_print_extended(&text, shuffled);
    else
        generated_print_full(&text, shuffled);
    replay(&got, &text, include_system);
    naive_replay(&want, stream, extended, include_system);
    compare(&got, &want, extended, include_system);
    if (stream == shuffled) {
        assert_int_equal(outcome_health(got.trace, "reordered"), 0);
        assert_int_equal(outcome_health(got.trace, "unknown_lines"), 0);
        assert_int_equal(outcome_health(got.trace, "damaged_lines"), 0);
    }
    naive_free(&want);
    replayed_free(&got);
    bytes_free(&text);
}

/* ---- in order -------------------------------------------------------------------- */

static void test_full(void **state)
{
    (void)state;
    case_name = "full form";
    for (case_seed = 1; case_seed <= SEEDS; case_seed++) {
        struct generated stream;
        const struct generate_options options = options_for(case_seed);
        generate(&stream, &options);
        generated_keep_full(&stream);
        if (stream.count > 0) {
            check(&stream, &stream, false, true);
            check(&stream, &stream, false, false);
        }
        generated_free(&stream);
    }
}

static void test_extended(void **state)
{
    (void)state;
    case_name = "extended form";
    for (case_seed = 1; case_seed <= SEEDS; case_seed++) {
        struct generated stream;
        const struct generate_options options = options_for(case_seed);
        generate(&stream, &options);
        check(&stream, &stream, true, true);
        check(&stream, &stream, true, false);
        generated_free(&stream);
    }
}

/* The middle of a recording: goroutines that are older, ends without a creation. */
static void test_late_start(void **state)
{
    (void)state;
    case_name = "a late start";
    for (case_seed = 1; case_seed <= SEEDS; case_seed++) {
        struct generated stream;
        const struct generate_options options = options_for(case_seed);
        generate(&stream, &options);
        size_t from = stream.count / 3;
        struct generated rest = { stream.events + from, stream.count - from };
        check(&rest, &rest, true, true);
        generated_free(&stream);
    }
}

/* ---- dressed ----------------------------------------------------------------------- */

enum dress { DRESS_NOQUIET, DRESS_CRLF, DRESS_NOISE, DRESS_STACKS, DRESS_COUNT };

/* The same lines as another terminal, another option or a talkative program prints
 * them: nothing that the replay goes by. */
static void dress_line(struct bytes *out, const char *line, size_t size, enum dress dress, size_t number)
{
    static const char *const noise[] = { "GET /index.html 200\n", "\n", "panic: not yet\n", "\x1b[2Jgopark: gone\n",
                                         "dtrace: pid 7 has exited\n", "goroutine 5 [running]:\n" };
    if (dress == DRESS_NOQUIET)
        bytes_format(out, "  %zu   4094 %*sruntime.newproc1:return ", number % 4, (int)(number % 9), "");
    bytes_add(out, line, size);
    bytes_text(out, dress == DRESS_CRLF ? "\r\n" : "\n");
    if (dress == DRESS_NOQUIET)
        bytes_text(out, "\n");
    if (dress == DRESS_NOISE && number % 3 == 0)
        bytes_text(out, noise[number / 3 % (sizeof noise / sizeof *noise)]);
    if (dress == DRESS_STACKS && number % 4 == 0)
        bytes_text(out, "\n              app`main.wait+0x12\n              app`main.main+0x1e\n\n");
}

static void dress_text(struct bytes *out, const struct bytes *text, enum dress dress)
{
    size_t number = 0;
    for (const char *at = text->data, *end = at + text->size; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(newline);
        dress_line(out, at, (size_t)(newline - at), dress, number);
        at = newline + 1;
    }
}

static void check_dressed(const struct generated *stream, const struct bytes *plain, bool extended)
{
    struct naive want;
    naive_replay(&want, stream, extended, true);
    for (int dress = 0; dress < DRESS_COUNT; dress++) {
        struct bytes text = { 0 };
        struct replayed got;
        dress_text(&text, plain, (enum dress)dress);
        replay(&got, &text, true);
        compare(&got, &want, extended, true);
        assert_int_equal(outcome_health(got.trace, "damaged_lines"), 0);
        if (dress != DRESS_NOISE)
            assert_int_equal(outcome_health(got.trace, "unknown_lines"), 0);
        replayed_free(&got);
        bytes_free(&text);
    }
    naive_free(&want);
}

static void test_dressed(void **state)
{
    (void)state;
    case_name = "dressed";
    for (case_seed = 1; case_seed <= SEEDS / 3; case_seed++) {
        struct generated stream;
        struct bytes text = { 0 };
        const struct generate_options options = options_for(case_seed);
        generate(&stream, &options);
        generated_print_extended(&text, &stream);
        check_dressed(&stream, &text, true);
        bytes_clear(&text);
        generated_keep_full(&stream);
        generated_print_full(&text, &stream);
        if (stream.count > 0)
            check_dressed(&stream, &text, false);
        generated_free(&stream);
        bytes_free(&text);
    }
}

/* ---- shuffled -------------------------------------------------------------------- */

static struct generated copy(const struct generated *stream)
{
    struct generated out = { calloc(stream->count + 1, sizeof *out.events), stream->count };
    assert_non_null(out.events);
    memcpy(out.events, stream->events, stream->count * sizeof *out.events);
    return out;
}

static void test_extended_shuffled(void **state)
{
    (void)state;
    static const size_t windows[] = { 4, 30, 300, 3000 };
    case_name = "extended form, shuffled";
    for (case_seed = 1; case_seed <= SEEDS; case_seed++) {
        struct generated stream;
        const struct generate_options options = options_for(case_seed);
        generate(&stream, &options);
        struct generated shuffled = copy(&stream);
        generated_shuffle(&shuffled, windows[case_seed % 4], case_seed);
        check(&stream, &shuffled, true, case_seed % 2 == 0);
        generated_free(&shuffled);
        generated_free(&stream);
    }
}

struct score {
    size_t streams, right, right_as_printed;
    uint64_t leaks, off, off_as_printed;
};

static uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static void score_one(struct score *score, const struct generated *stream, const struct generated *shuffled)
{
    struct bytes text = { 0 };
    struct replayed got;
    struct naive want, as_printed;
    generated_print_full(&text, shuffled);
    replay(&got, &text, true);
    naive_replay(&want, stream, false, true);
    naive_replay(&as_printed, shuffled, false, true);
    expect((int64_t)got.summary.created, (int64_t)want.created, "created", SIZE_MAX);
    expect((int64_t)got.summary.ended, (int64_t)want.ended, "ended", SIZE_MAX);
    expect((int64_t)got.summary.preexisting, 0, "preexisting", SIZE_MAX);
    expect((int64_t)got.summary.live_at_end, (int64_t)want.live, "live_at_end", SIZE_MAX);
    score->streams++;
    score->leaks += want.leaks;
    score->right += got.summary.leaks == want.leaks;
    score->off += difference(got.summary.leaks, want.leaks);
    score->right_as_printed += as_printed.leaks == want.leaks;
    score->off_as_printed += difference(as_printed.leaks, want.leaks);
    naive_free(&as_printed);
    naive_free(&want);
    replayed_free(&got);
    bytes_free(&text);
}

static void test_full_shuffled(void **state)
{
    (void)state;
    static const size_t windows[] = { 2, 4, 8, 16, 32, 64, 128, 256, 512 };
    case_name = "full form, shuffled";
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        struct score score = { 0 };
        for (case_seed = 1; case_seed <= SEEDS; case_seed++) {
            struct generated stream;
            const struct generate_options options = options_for(case_seed);
            generate(&stream, &options);
            generated_keep_full(&stream);
            struct generated shuffled = copy(&stream);
            generated_shuffle(&shuffled, windows[w], case_seed);
            if (stream.count > 0)
                score_one(&score, &stream, &shuffled);
            generated_free(&shuffled);
            generated_free(&stream);
        }
        print_message("# buffers of up to %3zu lines: leaks right in %3zu of %zu streams (%llu off of %llu); "
                      "as printed in %3zu (%llu off)\n",
                      windows[w], score.right, score.streams, (unsigned long long)score.off,
                      (unsigned long long)score.leaks, score.right_as_printed,
                      (unsigned long long)score.off_as_printed);
        assert_true(score.off <= score.off_as_printed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_extended),
        cmocka_unit_test(test_late_start),
        cmocka_unit_test(test_dressed),
        cmocka_unit_test(test_extended_shuffled),
        cmocka_unit_test(test_full_shuffled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
