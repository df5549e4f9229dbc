/*
 * Recordings by bpftrace and perf, goroutine by goroutine, against a witness
 * (support/witness.h) that knows nothing of the library; and against each other.
 *
 *   each recording    the same goroutines, states, reasons, parents, times, places
 *   perf, bpftrace    of one run: the same goroutines in the same states
 *   perf, perf        of one run at two resolutions: the same, times cut to the coarser
 *   joined            both recordings of a run given together: as one alone
 *   variants          other fields, other forms, damage, loss; what cannot be read
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
#include <dirent.h>
#include <goleak.h>
#include <sys/stat.h>

#include "support/bytes.h"
#include "support/outcome.h"
#include "support/witness.h"

/* bpftrace looks at its clock behind perf: by 1.5 to 5.5 us in 99 of 100 events, by
 * 80 us at most, and never before it. */
#define CLOCKS_APART_NS 200000

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static bool starts(const char *text, const char *part)
{
    return strncmp(text, part, strlen(part)) == 0;
}

/* ---- complaints: all recordings are looked at before the test fails -------------------- */

#define COMPLAINTS_SHOWN 4

static size_t complaints, complaints_here;
static const char *complaints_of;

static void look_at(const char *path)
{
    complaints_of = path;
    complaints_here = 0;
}

static void complain(const char *what, ...)
{
    complaints++;
    if (++complaints_here > COMPLAINTS_SHOWN)
        return;
    char text[512];
    va_list args;
    va_start(args, what);
    vsnprintf(text, sizeof text, what, args);
    va_end(args);
    print_message("# %s: %s\n", complaints_of, text);
}

static bool expect(const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        complain("%s is %llu, expected %llu", what, (unsigned long long)got, (unsigned long long)want);
    return got == want;
}

static void end_looking(size_t count, size_t least)
{
    size_t found = complaints;
    complaints = 0;
    print_message("# %zu recordings\n", count);
    assert_true(count >= least);
    if (found != 0)
        fail_msg("%zu disagreements", found);
}

/* ---- what the library says -------------------------------------------------------------- */

struct told {
    struct goleak_trace *trace;
    struct goleak_summary summary;
    struct goleak_goroutine *lives; /* by process, goid or address, incarnation */
    size_t count;
};

static bool by_goid = true, by_pid;

static int compare(const void *a, const void *b)
{
    const struct goleak_goroutine *x = a, *y = b;
    if (by_pid && x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (by_goid && x->goid != y->goid)
        return x->goid < y->goid ? -1 : 1;
    if (x->g != y->g)
        return x->g < y->g ? -1 : 1;
    return by_goid || x->incarnation == y->incarnation ? 0 : x->incarnation < y->incarnation ? -1 : 1;
}

static void listen(struct told *told)
{
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine life;
    size_t room = 0;
    told->count = 0;
    told->lives = NULL;
    goleak_trace_summary(told->trace, &told->summary);
    while (goleak_goroutine_next(told->trace, &iter, &life) == GOLEAK_OK) {
        if (told->count == room) {
            room = room * 2 + 64;
            told->lives = realloc(told->lives, room * sizeof *told->lives);
            assert_non_null(told->lives);
        }
        told->lives[told->count++] = life;
    }
    if (told->count != 0)
        qsort(told->lives, told->count, sizeof *told->lives, compare);
}

static bool told_by(struct told *told, const char *path)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_error error;
    options.include_system = options.retain_ended = true;
    *told = (struct told) { 0 };
    if (goleak_trace_load(&told->trace, path, &options, &error) != GOLEAK_OK) {
        complain("%s", error.message);
        return false;
    }
    listen(told);
    return true;
}

static void told_free(struct told *told)
{
    goleak_trace_free(told->trace);
    free(told->lives);
    *told = (struct told) { 0 };
}

static const struct goleak_goroutine *find(const struct told *told, const struct goleak_goroutine *like)
{
    return told->count != 0 ? bsearch(like, told->lives, told->count, sizeof *like, compare) : NULL;
}

/* A number that may be untold, however that is said. */
static uint64_t number(int64_t value)
{
    return value == GOLEAK_NONE || value < 0 ? 0 : (uint64_t)value;
}

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

/* "main.f+0x12" or "main.f /a/b.go:3", of main.f */
static bool is_in(const char *place, const char *function)
{
    size_t size = strlen(function);
    return place != NULL && starts(place, function) && (place[size] == '+' || place[size] == ' ' || place[size] == '\0');
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
    const struct goleak_goroutine *got = find(told, &like);
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
                 want->state == LIFE_ENDED ? "ended" : want->state == LIFE_WAITS ? "waiting" : "running");
        return;
    }
    /* Up to Go 1.21, 20 stands for several; which one may depend on a version that
     * nothing tells. */
    uint64_t reason = witness_reason(want->reason, want->wait, minor);
    bool untold = minor < 22 && want->reason == 20 && got->reason == GOLEAK_REASON_GENERIC;
    if (waits && got->reason != reason && !untold)
        complain("goid %llu: its reason is %d, expected %llu (printed %llu)", id, (int)got->reason,
                 (unsigned long long)reason, (unsigned long long)want->reason);
    if (witness->goids && number(got->parent_goid) != want->parent_goid)
        complain("goid %llu: its parent is %lld, expected %llu", id, (long long)got->parent_goid,
                 (unsigned long long)want->parent_goid);
    if (want->parent_g != 0 && got->parent_g != want->parent_g)
        complain("goid %llu: its parent is at %llx, expected %llx", id, (unsigned long long)got->parent_g,
                 (unsigned long long)want->parent_g);
    if (want->where[0] != '\0' && !is_in(got->created_at, want->where))
        complain("goid %llu: it is created at %s, expected %s", id, got->created_at != NULL ? got->created_at : "(null)",
                 want->where);
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
    by_goid = witness.goids;
    by_pid = witness.pids;
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

/* ---- folders -------------------------------------------------------------------------------- */

static const char *captures(void)
{
    const char *folder = getenv("GOLEAK_CAPTURES");
    if (folder == NULL || folder[0] == '\0') {
        print_message("SKIP GOLEAK_CAPTURES does not name a folder of recordings\n");
        skip();
    }
    return folder;
}

typedef void visit_fn(const char *folder, const char *path, const char *name, size_t *count);

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted; the last is NULL. */
static char **list(const char *folder)
{
    size_t count = 0;
    char **names = NULL;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        names = realloc(names, (count + 2) * sizeof *names);
        assert_non_null(names);
        size_t size = strlen(entry->d_name) + 1;
        names[count] = malloc(size);
        assert_non_null(names[count]);
        memcpy(names[count++], entry->d_name, size);
        names[count] = NULL;
    }
    closedir(directory);
    if (count != 0)
        qsort(names, count, sizeof *names, by_name);
    return names;
}

static size_t walk(const char *folder, visit_fn *visit)
{
    size_t count = 0;
    char **names = list(folder);
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        char path[1200];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
            count += walk(path, visit);
        else
            visit(folder, path, names[i], &count);
        free(names[i]);
    }
    free(names);
    return count;
}

/* folder/name, or folder/name.zst; false: neither is there. */
static bool at(char *path, size_t room, const char *folder, const char *name)
{
    struct stat info;
    snprintf(path, room, "%s/%s", folder, name);
    if (stat(path, &info) == 0)
        return true;
    snprintf(path, room, "%s/%s.zst", folder, name);
    return stat(path, &info) == 0;
}

/* ---- every recording -------------------------------------------------------------------------- */

static bool is_lossy(const char *folder)
{
    char path[1200];
    struct bytes truth = { 0 };
    bool lossy = at(path, sizeof path, folder, "truth.json") && bytes_read(&truth, path) &&
                 has(truth.data, "\"lossy\": true");
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
    end_looking(walk(captures(), visit_all), 100);
}

static void test_bundled(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "testdata/bpftrace/own_leaky.txt",    "testdata/bpftrace/own_not_leaky.txt.zst",
        "testdata/bpftrace/own_leaky.json",   "testdata/bpftrace/own_leaky.stacks.txt",
        "testdata/perf/own_leaky.txt.zst",    "testdata/perf/own_leaky.flat.txt.zst",
        "testdata/perf/own_leaky.sym.txt.zst", "testdata/perf/own_not_leaky.txt.zst",
        "testdata/perf/nocallchain.txt",      "testdata/perf/spacecomm.txt.zst",
    };
    size_t count = sizeof paths / sizeof *paths;
    for (size_t i = 0; i < count; i++)
        check_recording(paths[i], 0);
    end_looking(count, count);
}

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
        complain("goid %lld: %s is %lld here and %lld there", (long long)goid, what, (long long)one,
                 (long long)later);
    else
        note_apart(later - one);
}

/* `strangers`: goroutines that are in the second only. */
static void check_pair(const struct told *one, const struct told *two, int64_t most_ns, size_t strangers)
{
    expect("goroutines in the other", two->count, one->count + strangers);
    expect("leaks in the other", two->summary.leaks, one->summary.leaks);
    expect("created in the other", two->summary.created, one->summary.created);
    for (size_t i = 0; i < one->count; i++) {
        const struct goleak_goroutine *x = &one->lives[i], *y = find(two, x);
        if (y == NULL) {
            complain("goid %lld is not in the other", (long long)x->goid);
            continue;
        }
        bool waits = x->state == GOLEAK_STATE_WAITING;
        if (x->state != y->state || (waits && x->reason != y->reason))
            complain("goid %lld: %s here, %s there", (long long)x->goid, goleak_state_name(x->state),
                     goleak_state_name(y->state));
        if (number(x->parent_goid) != number(y->parent_goid))
            complain("goid %lld: its parent is %lld here and %lld there", (long long)x->goid,
                     (long long)x->parent_goid, (long long)y->parent_goid);
        if (x->g != y->g || x->incarnation != y->incarnation || x->system != y->system)
            complain("goid %lld is another goroutine there", (long long)x->goid);
        expect_near("created_ns", x->goid, x->created_ns, y->created_ns, most_ns);
        expect_near("ended_ns", x->goid, x->ended_ns, y->ended_ns, most_ns);
        if (waits && y->state == GOLEAK_STATE_WAITING)
            expect_near("blocked_since_ns", x->goid, x->blocked_since_ns, y->blocked_since_ns, most_ns);
    }
}

static void visit_both(const char *folder, const char *path, const char *name, size_t *count)
{
    char bpftrace[1200];
    struct told one, two;
    if (!starts(name, "perf.txt") || has(folder, "variants") || !at(bpftrace, sizeof bpftrace, folder, "bpftrace.txt"))
        return;
    look_at(path);
    by_goid = true;
    by_pid = false;
    ++*count;
    if (!told_by(&one, path))
        return;
    if (told_by(&two, bpftrace)) {
        /* bpftrace saw main of another process of this binary, too. */
        check_pair(&one, &two, CLOCKS_APART_NS, has(path, "go1.26/own_workerpool_clean"));
        told_free(&two);
    }
    told_free(&one);
}

static void test_perf_is_bpftrace(void **state)
{
    (void)state;
    size_t count = walk(captures(), visit_both);
    show_apart();
    end_looking(count, 100);
}

/* perf.txt has microseconds, these have nanoseconds. */
static void visit_resolutions(const char *folder, const char *path, const char *name, size_t *count)
{
    char coarse[1200];
    struct told one, two;
    if ((!starts(name, "perf.flat.txt") && !starts(name, "perf.sym.txt")) ||
        !at(coarse, sizeof coarse, folder, "perf.txt"))
        return;
    look_at(path);
    by_goid = true;
    by_pid = false;
    ++*count;
    if (!told_by(&one, coarse))
        return;
    if (told_by(&two, path)) {
        check_pair(&one, &two, 999, 0);
        told_free(&two);
    }
    told_free(&one);
}

static void test_resolutions(void **state)
{
    (void)state;
    size_t count = walk(captures(), visit_resolutions);
    show_apart();
    end_looking(count, 9);
}

/* ---- both recordings of a run together ------------------------------------------------------------ */

/* The first trace of two files given together; how many there were. NULL and 0: an
 * input failed. */
static struct goleak_trace *load_two(const char *one, const char *two, size_t *count)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_trace *traces[2] = { NULL, NULL };
    struct goleak_error errors[2] = { { .status = GOLEAK_OK }, { .status = GOLEAK_OK } };
    const char *paths[2] = { one, two };
    options.include_system = options.retain_ended = true;
    *count = 0;
    if (goleak_trace_load_all(traces, count, paths, 2, &options, errors) != GOLEAK_OK) {
        complain("together: %s%s", errors[0].message, errors[1].message);
        while (*count != 0)
            goleak_trace_free(traces[--*count]);
        return NULL;
    }
    for (size_t i = 1; i < *count; i++)
        goleak_trace_free(traces[i]);
    return *count != 0 ? traces[0] : NULL;
}

static void check_joined(const struct told *alone, const char *one, const char *two)
{
    size_t count;
    struct told told = { .trace = load_two(one, two, &count) };
    if (expect("traces of one process", count, 1)) {
        listen(&told);
        expect("created, together", told.summary.created, alone->summary.created);
        expect("ended, together", told.summary.ended, alone->summary.ended);
        expect("live, together", told.summary.live_at_end, alone->summary.live_at_end);
        expect("leaks, together", told.summary.leaks, alone->summary.leaks);
        expect("peak_live, together", told.summary.peak_live, alone->summary.peak_live);
        expect("goroutines, together", told.count, alone->count);
        expect("implicit_ends, together", outcome_health(told.trace, "implicit_ends"), 0);
        expect("impossible_transitions, together", outcome_health(told.trace, "impossible_transitions"), 0);
        for (size_t i = 0; i < alone->count; i++) {
            const struct goleak_goroutine *x = &alone->lives[i], *y = find(&told, x);
            if (y == NULL || x->state != y->state)
                complain("goid %lld: %s alone, %s together", (long long)x->goid, goleak_state_name(x->state),
                         y != NULL ? goleak_state_name(y->state) : "not there");
        }
    }
    told_free(&told);
}

static void visit_joined(const char *folder, const char *path, const char *name, size_t *count)
{
    char bpftrace[1200];
    struct told alone;
    if (!starts(name, "perf.txt") || has(folder, "variants") || !at(bpftrace, sizeof bpftrace, folder, "bpftrace.txt"))
        return;
    look_at(path);
    by_goid = true;
    by_pid = false;
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
    end_looking(walk(captures(), visit_joined), 100);
}

/* Two processes are no one process, however they are given. */
static void test_not_joined(void **state)
{
    (void)state;
    char one[1200], two[1200];
    size_t count;
    look_at("own_leaky and own_not_leaky");
    assert_true(at(one, sizeof one, captures(), "go1.26/own_leaky/perf.txt"));
    assert_true(at(two, sizeof two, captures(), "go1.26/own_not_leaky/bpftrace.txt"));
    goleak_trace_free(load_two(one, two, &count));
    expect("traces of two processes", count, 2);
    end_looking(2, 2);
}

/* ---- variants ---------------------------------------------------------------------------------------- */

static const char *variant(const char *name)
{
    static char path[1200];
    char full[300];
    snprintf(full, sizeof full, "variants/%s", name);
    if (!at(path, sizeof path, captures(), full))
        fail_msg("%s is not there", full);
    return path;
}

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
        check_recording(variant(variants[i].name), variants[i].troubles);
    end_looking(count, count);
}

/* The same run, with the clock printed in three ways: the same lives. */
static void check_clock(const char *name, enum goleak_clock clock, int64_t most_ns)
{
    struct told plain, other;
    look_at(name);
    by_goid = true;
    by_pid = false;
    if (!told_by(&plain, variant("perf.F_full.txt")))
        return;
    if (told_by(&other, variant(name))) {
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

static void check_refused(const char *name)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_error error;
    struct goleak_trace *trace = NULL;
    look_at(name);
    enum goleak_status status = goleak_trace_load(&trace, variant(name), &options, &error);
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
    const char *path = variant("perf.convert.json");
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
    look_at(variant("own_leaky.bpftrace.json"));
    by_goid = true;
    by_pid = false;
    if (told_by(&told, variant("own_leaky.bpftrace.json"))) {
        expect("leaks", told.summary.leaks, 3);
        for (size_t i = 0; i < told.count; i++)
            if (told.lives[i].verdict == GOLEAK_VERDICT_LIKELY && !is_in(told.lives[i].created_at, "main.Gather"))
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
    look_at(variant("midstream_two_processes.bpftrace.txt"));
    by_goid = by_pid = true;
    if (told_by(&told, variant("midstream_two_processes.bpftrace.txt"))) {
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
    const char *path = variant("truncated_midline.bpftrace.txt");
    look_at(path);
    assert_true(bytes_read(&text, path));
    const char *last = strrchr(text.data, '\n');
    assert_non_null(last);
    bytes_add(&whole, text.data, (size_t)(last + 1 - text.data));
    witness_read(&witness, &whole, WITNESS_BPFTRACE);
    witness_read(&with_last, &text, WITNESS_BPFTRACE);
    by_goid = by_pid = true;
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
    snprintf(path, sizeof path, "%s", variant(recording));
    look_at(recording);
    struct goleak_trace *trace = load_two(path, variant(messages), &count);
    if (expect("traces", count, 1)) {
        struct goleak_capture capture;
        goleak_trace_capture(trace, &capture);
        expect("lost_events", outcome_health(trace, "lost_events"), lost);
        expect("complete", capture.complete, lost == 0);
    }
    goleak_trace_free(trace);
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
        cmocka_unit_test(test_bundled),
        cmocka_unit_test(test_captures),
        cmocka_unit_test(test_perf_is_bpftrace),
        cmocka_unit_test(test_resolutions),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_not_joined),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_relative_clocks),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_perf_json),
        cmocka_unit_test(test_bpftrace_json),
        cmocka_unit_test(test_two_processes),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
