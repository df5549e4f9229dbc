/*
 * Real recordings by DTrace, against what a scanner that knows nothing of the library
 * reads in their lines, and against the truth.
 *
 *   created, ended    as many as there are lines that say so (system ones included)
 *   unknown_lines     the traced program's own output, and nothing else
 *   leaks             what truth.json says; where that varies from run to run, and for
 *                     every recording with ts=, what the naive model makes of its lines
 *
 * On some of testdata/dtrace, and on every dtrace*.txt* below $GOLEAK_CAPTURES.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <cJSON.h>
#include <dirent.h>
#include <goleak.h>
#include <sys/stat.h>

#include "support/bytes.h"
#include "support/generate.h"
#include "support/naive.h"
#include "support/outcome.h"
#include "support/text.h"

/* ---- the scanner ------------------------------------------------------------------ */

struct scan {
    uint64_t created, ended, own_lines;
    struct generated events; /* of lines with ts= */
    size_t room;
};

static bool is_one_of(const char *line, const char *const *texts, bool (*test)(const char *, const char *))
{
    for (; *texts != NULL; texts++)
        if (test(line, *texts))
            return true;
    return false;
}

/* What dtrace prints of itself, stacks, tables: no event, and not the program's. */
static bool is_of_dtrace(const char *line)
{
    static const char *const tables[] = { "value  -------------", " |@", " |  ", NULL };
    if (*line == '\0' || starts(line, "dtrace: ") || starts(line, "CPU "))
        return true;
    if (*line != ' ')
        return false;
    return has(line, "`") || has(line, "0x") || has(line, "-> ") || has(line, "<- ") || has(line, " | ") ||
           is_one_of(line, tables, has);
}

static bool is_event(const char *line)
{
    static const char *const names[] = { "newproc1: ", "gopark: ", "godestroy: ", "gdestroy: ", "goexit0: ",
                                         "ready: ",    "execute: ", "main.main: ", "END: ",     "profile-1s: ", NULL };
    if (starts(line, "goroutine ") && (has(line, " created: count=") || has(line, " destroyed: count=")))
        return true;
    return is_one_of(line, names, *line == ' ' ? has : starts);
}

static uint64_t key(const char *line, const char *name, int base)
{
    char text[32];
    snprintf(text, sizeof text, " %s=", name);
    const char *at = strstr(line, text);
    return at != NULL ? strtoull(at + strlen(text), NULL, base) : 0;
}

static void add_event(struct scan *scan, const char *line)
{
    static const struct {
        const char *name;
        enum generated_kind kind;
    } kinds[] = {
        { "newproc1", GENERATED_CREATE }, { "gopark", GENERATED_PARK },    { "ready", GENERATED_READY },
        { "execute", GENERATED_RUN },     { "main.main", GENERATED_RUN },  { "gdestroy", GENERATED_END },
        { "godestroy", GENERATED_END },   { "goexit0", GENERATED_END },
    };
    size_t at = 0;
    while (at < sizeof kinds / sizeof *kinds && !starts(line, kinds[at].name))
        at++;
    if (at == sizeof kinds / sizeof *kinds || key(line, "ts", 10) == 0)
        return;
    if (scan->events.count == scan->room) {
        scan->room = scan->room * 2 + 256;
        scan->events.events = realloc(scan->events.events, scan->room * sizeof *scan->events.events);
        assert_non_null(scan->events.events);
    }
    uint64_t g = key(line, "goroutine", 16);
    scan->events.events[scan->events.count++] = (struct generated_event) {
        .kind = kinds[at].kind,
        .g = g != 0 ? g : key(line, "g", 16),
        .goid = key(line, "goid", 10),
        .other_g = kinds[at].kind == GENERATED_CREATE ? key(line, "parent", 16) : key(line, "by", 16),
        .reason = (unsigned)key(line, "reason", 10),
        .time_ns = (int64_t)key(line, "ts", 10),
        .cpu = (unsigned)scan->events.count, /* its place, for the sort */
    };
}

static void scan_line(struct scan *scan, const char *line)
{
    bool flow = *line == ' ' && has(line, "-> ");
    scan->created += has(line, "newproc1: goroutine=") || (starts(line, "goroutine ") && has(line, " created: ")) ||
                     (flow && has(line, "-> runtime.newproc1 "));
    scan->ended += has(line, "godestroy: goroutine=") || has(line, "gdestroy: goroutine=") ||
                   has(line, "goexit0: goroutine=") || (starts(line, "goroutine ") && has(line, " destroyed: ")) ||
                   (flow && (has(line, "-> runtime.gdestroy ") || has(line, "-> runtime.goexit0 ")));
    if (is_event(line))
        add_event(scan, line);
    else
        scan->own_lines += !is_of_dtrace(line);
}

static int by_time(const void *a, const void *b)
{
    const struct generated_event *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return x->cpu < y->cpu ? -1 : x->cpu > y->cpu;
}

static void scan_all(struct scan *scan, const struct bytes *text)
{
    struct bytes line = { 0 };
    const char *at = text->data, *end = at + text->size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL)
            newline = end;
        bytes_clear(&line);
        bytes_add(&line, at, (size_t)(newline - at));
        scan_line(scan, line.data);
        at = newline + 1;
    }
    bytes_free(&line);
    if (scan->events.count != 0)
        qsort(scan->events.events, scan->events.count, sizeof *scan->events.events, by_time);
}

/* ---- comparing --------------------------------------------------------------------- */

static void expect(const char *path, const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        fail_msg("%s: %s is %llu, expected %llu", path, what, (unsigned long long)got, (unsigned long long)want);
}

static struct goleak_trace *load(const char *path, bool include_system)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_error error;
    struct goleak_trace *trace;
    options.include_system = include_system;
    if (goleak_trace_load(&trace, path, &options, &error) != GOLEAK_OK)
        fail_msg("%s: %s", path, error.message);
    return trace;
}

/* The article's rule, which is all that the model knows, decides only where nothing more
 * is told. */
static bool is_articles(const struct goleak_trace *trace)
{
    struct goleak_capture capture;
    goleak_trace_capture(trace, &capture);
    return !capture.has_wakeups && !capture.has_stacks;
}

/* leaks: of the truth; UINT64_MAX: not known. */
static void check_recording(const char *path, uint64_t leaks)
{
    struct bytes text = { 0 };
    struct scan scan = { 0 };
    struct goleak_summary all, user;
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    bool naive_script = has(name, "naive"), calls = has(name, "flow");
    assert_true(bytes_read(&text, path));
    scan_all(&scan, &text);

    struct goleak_trace *trace = load(path, true);
    goleak_trace_summary(trace, &all);
    expect(path, "created", all.created, scan.created);
    expect(path, "ended", all.ended, scan.ended);
    expect(path, "live at the end", all.live_at_end, all.preexisting + scan.created - scan.ended);
    expect(path, "unknown_lines", outcome_health(trace, "unknown_lines"), scan.own_lines);
    expect(path, "damaged_lines", outcome_health(trace, "damaged_lines"), 0);
    expect(path, "unknown_events", outcome_health(trace, "unknown_events"), 0);
    expect(path, "implicit_ends", outcome_health(trace, "implicit_ends"), 0);
    if (scan.events.count != 0) {
        struct naive want;
        naive_replay(&want, &scan.events, true, true);
        if (is_articles(trace))
            expect(path, "leaks, by the naive model", all.leaks, want.leaks);
        else
            expect(path, "leaks that the naive model has not", all.leaks > want.leaks, 0);
        expect(path, "live, by the naive model", all.live_at_end, want.live);
        expect(path, "blocked, by the naive model", all.blocked_at_end, want.blocked);
        expect(path, "peak_live, by the naive model", all.peak_live, want.peak_live);
        naive_free(&want);
    }
    goleak_trace_free(trace);

    trace = load(path, false);
    goleak_trace_summary(trace, &user);
    if (naive_script)
        expect(path, "suspect", user.verdicts[GOLEAK_VERDICT_SUSPECT], scan.created - scan.ended);
    if (naive_script || calls)
        expect(path, "leaks", user.leaks, 0);
    else if (leaks != UINT64_MAX)
        expect(path, "leaks", user.leaks, leaks);
    goleak_trace_free(trace);
    generated_free(&scan.events);
    bytes_free(&text);
}

/* ---- testdata ------------------------------------------------------------------------ */

static void test_bundled(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t leaks;
    } files[] = {
        { "own_leaky.txt", 3 },         { "own_leaky.noquiet.txt", 3 },    { "own_leaky.naive.txt", 0 },
        { "own_leaky.events.txt", 3 },  { "own_leaky.ustack.txt", 3 },     { "own_leaky.flow.txt", 0 },
        { "own_not_leaky.txt", 0 },     { "own_not_leaky.noquiet.txt", 0 }, { "own_not_leaky.naive.txt", 0 },
        { "own_not_leaky.events.txt", 0 }, { "own_not_leaky.ustack.txt", 0 }, { "own_not_leaky.flow.txt", 0 },
        { "own_nilchan.txt", 3 },       { "own_nilchan.events.txt.zst", 3 }, { "own_names.ustack.txt", 11 },
        { "own_http_leak.txt.zst", UINT64_MAX }, { "profile_1s.txt", 3 },
    };
    char path[256];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "testdata/dtrace/%s", files[i].name);
        check_recording(path, files[i].leaks);
    }
}

/* ---- all of them ---------------------------------------------------------------------- */

/* Leaks by the truth.json in this folder; UINT64_MAX where that is no fixed number. */
static uint64_t true_leaks(const char *folder)
{
    char path[1200];
    struct bytes text = { 0 };
    uint64_t leaks = UINT64_MAX;
    snprintf(path, sizeof path, "%s/truth.json", folder);
    /* What cannot be told from an idle pool, docs/VERDICTS.md says. */
    if (has(folder, "own_mixed_server") || has(folder, "own_http_leak") || has(folder, "own_idle_pool") ||
        !bytes_read(&text, path))
        return leaks;
    cJSON *truth = cJSON_Parse(text.data);
    const cJSON *leaked = cJSON_GetObjectItemCaseSensitive(truth, "leaked");
    if (cJSON_IsArray(leaked))
        leaks = (uint64_t)cJSON_GetArraySize(leaked);
    cJSON_Delete(truth);
    bytes_free(&text);
    return leaks;
}

/* Returns how many recordings there were. */
static size_t check_folder(const char *folder)
{
    size_t count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[1200];
        struct stat info;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode)) {
            count += check_folder(path);
        } else if (starts(entry->d_name, "dtrace") && has(entry->d_name, ".txt")) {
            check_recording(path, true_leaks(folder));
            count++;
        }
    }
    closedir(directory);
    return count;
}

static void test_captures(void **state)
{
    (void)state;
    const char *folder = getenv("GOLEAK_CAPTURES");
    if (folder == NULL || folder[0] == '\0') {
        print_message("SKIP GOLEAK_CAPTURES does not name a folder of recordings\n");
        skip();
    }
    size_t count = check_folder(folder);
    print_message("# %zu recordings\n", count);
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundled),
        cmocka_unit_test(test_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
