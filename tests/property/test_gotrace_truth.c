/*
 * Go execution traces against what else is known of the run.
 *
 *   dumps      taken just before the end: who is in there is alive, and waits for what the
 *              dump says; whoever else is alive is the runtime's. Of the traces without a
 *              summary by Go's reader, this is all there is
 *   bpftrace   of the same run: the same goroutines leaked, by the default options
 *   truth      where the runtime's leak detector says who leaked
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

#include "support/bytes.h"
#include "support/text.h"
#include "support/told.h"
#include "support/truth.h"

static bool ends(const char *text, const char *part)
{
    size_t size = strlen(text), cut = strlen(part);
    return size >= cut && strcmp(text + size - cut, part) == 0;
}

static const char *or_null(const char *text)
{
    return text != NULL ? text : "(null)";
}

/* ---- dumps -------------------------------------------------------------------------------- */

struct dumped {
    int64_t goid, parent; /* parent 0: not told */
    char word[64];        /* "chan send" */
    char start[200];      /* the outermost frame's function */
};

struct dump {
    struct dumped *lives;
    size_t count;
};

static size_t until(const char *text, const char *stops)
{
    return strcspn(text, stops);
}

static void copy(char *to, size_t room, const char *from, size_t size)
{
    size = size < room - 1 ? size : room - 1;
    memcpy(to, from, size);
    to[size] = '\0';
}

/* "goroutine 7 [chan send, 2 minutes] {…}:", "[chan send (leaked)]" */
static void read_head(struct dumped *life, const char *line)
{
    char *end;
    *life = (struct dumped) { .goid = strtoll(line + 10, &end, 10) };
    size_t size = until(end, "\n"), open = until(end, "[\n");
    if (open >= size)
        return;
    const char *word = end + open + 1;
    copy(life->word, sizeof life->word, word, until(word, "],\n"));
    static const char *const marks[] = { " (leaked)", " (durable)" };
    for (size_t i = 0; i < 2; i++)
        if (ends(life->word, marks[i]))
            life->word[strlen(life->word) - strlen(marks[i])] = '\0';
}

static void read_frame(struct dumped *life, const char *line)
{
    size_t size = until(line, "\n");
    if (starts(line, "created by ")) {
        const char *in = strstr(line, " in goroutine ");
        if (in != NULL && (size_t)(in - line) < size)
            life->parent = strtoll(in + 14, NULL, 10);
        return;
    }
    while (size != 0 && line[size - 1] != '(')
        size--;
    if (size != 0)
        copy(life->start, sizeof life->start, line, size - 1);
}

static void read_dump(struct dump *dump, const char *path)
{
    struct bytes text = { 0 };
    struct dumped *life = NULL;
    *dump = (struct dump) { 0 };
    assert_true(bytes_read(&text, path));
    for (const char *at = text.data, *next; *at != '\0'; at = next) {
        size_t size = until(at, "\n");
        next = at + size + (at[size] == '\n');
        if (starts(at, "goroutine ")) {
            dump->lives = realloc(dump->lives, (dump->count + 1) * sizeof *dump->lives);
            assert_non_null(dump->lives);
            life = &dump->lives[dump->count++];
            read_head(life, at);
        } else if (size == 0) {
            life = NULL;
        } else if (life != NULL && *at != '\t') {
            read_frame(life, at);
        }
    }
    bytes_free(&text);
}

static const struct dumped *dump_find(const struct dump *dump, int64_t goid)
{
    for (size_t i = 0; i < dump->count; i++)
        if (dump->lives[i].goid == goid)
            return &dump->lives[i];
    return NULL;
}

/* What a dump calls it, what the tracer does. */
static const struct {
    const char *word;
    enum goleak_reason reason;
} words[] = {
    { "chan send", GOLEAK_REASON_CHAN_SEND },
    { "chan receive", GOLEAK_REASON_CHAN_RECV },
    { "select", GOLEAK_REASON_SELECT },
    { "chan send (nil chan)", GOLEAK_REASON_FOREVER },
    { "chan receive (nil chan)", GOLEAK_REASON_FOREVER },
    { "select (no cases)", GOLEAK_REASON_FOREVER },
    { "semacquire", GOLEAK_REASON_SYNC },
    { "sync.Mutex.Lock", GOLEAK_REASON_SYNC },
    { "sync.RWMutex.Lock", GOLEAK_REASON_SYNC },
    { "sync.RWMutex.RLock", GOLEAK_REASON_SYNC },
    { "sync.WaitGroup.Wait", GOLEAK_REASON_SYNC },
    { "sync.Cond.Wait", GOLEAK_REASON_COND_WAIT },
    { "IO wait", GOLEAK_REASON_NET },
    { "sleep", GOLEAK_REASON_SLEEP },
    { "trace reader (blocked)", GOLEAK_REASON_SYSTEM_GOROUTINE },
};

/* Goroutines that move between the dump and the trace's end. */
static const struct {
    const char *path;
    int64_t goid; /* 0: any */
    const char *why;
} moving[] = {
    { "go1.26/SpawnGC/", 0, "its goroutines go on ending behind the dump" },
    { "go1.22/own_ticker/", 0, "a ticker's reader is about to run" },
    { "go1.26/live_ratelimiter/", 0, "a sleeper has just woken: the trace ends before it blocks" },
    { "go1.27/own_busy/", 0, "a goroutine that only computes" },
    { ".flight", 0, "the flight recorder's trace was written after the dump" },
};

static bool moves(const char *path, int64_t goid)
{
    for (size_t i = 0; i < sizeof moving / sizeof *moving; i++)
        if (has(path, moving[i].path) && (moving[i].goid == 0 || moving[i].goid == goid))
            return true;
    return false;
}

/* A server's dump is an HTTP answer of its own, after the trace: connections come and go. */
static bool passes(const char *path, const char *function)
{
    return has(path, "/servers/") && function != NULL &&
           (starts(function, "net/http.") || has(function, "common/route.") || starts(function, "runtime.goexit"));
}

static bool reason_fits(const struct goleak_goroutine *got, const struct dumped *want)
{
    if (got->reason >= GOLEAK_REASON_COUNT) /* it blocked before the trace, and there is no stack */
        return got->preexisting;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].word, want->word) != 0)
            continue;
        if (got->reason == words[i].reason)
            return true;
        /* Up to Go 1.21 the tracer's own wait has no name. */
        if (starts(want->word, "trace reader"))
            return got->reason == GOLEAK_REASON_GENERIC;
        /* A stack does not tell a nil channel. */
        return got->reason_inferred && ends(want->word, "(nil chan)") &&
               got->reason == (starts(want->word, "chan send") ? GOLEAK_REASON_CHAN_SEND : GOLEAK_REASON_CHAN_RECV);
    }
    return false;
}

static bool dump_waits(const struct dumped *want)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, want->word) == 0)
            return true;
    return false;
}

static void check_dumped(const char *path, const struct goleak_goroutine *got, const struct dumped *want)
{
    long long goid = (long long)want->goid;
    bool waits = got->state == GOLEAK_STATE_WAITING;
    if (got->state == GOLEAK_STATE_ENDED) {
        if (!moves(path, want->goid) && !passes(path, want->start))
            complain("goid %lld has ended, but is in the dump (%s)", goid, want->word);
        return;
    }
    if (waits != dump_waits(want) || (waits && !reason_fits(got, want))) {
        if (!moves(path, want->goid) && !passes(path, want->start))
            complain("goid %lld: it is %s on %s, in the dump: %s", goid, goleak_state_name(got->state),
                     got->reason < GOLEAK_REASON_COUNT ? goleak_reason_name(got->reason) : "nothing", want->word);
    }
    if (want->parent != 0 && !got->preexisting && (int64_t)told_number(got->parent_goid) != want->parent)
        complain("goid %lld: its parent is %lld, in the dump: %lld", goid, (long long)got->parent_goid,
                 (long long)want->parent);
    /* Wrappers that the compiler makes (gowrap, -fm) are left out of stacks. Of goroutine 1,
     * runtime.main is. */
    if (got->preexisting && want->goid != 1 && got->start_function != NULL && want->start[0] != '\0' &&
        !has(got->start_function, ".gowrap") && !has(got->start_function, "-fm") &&
        !starts(want->start, "runtime.goexit") && !told_place(got->start_function, want->start))
        complain("goid %lld: it starts in %s, in the dump: %s", goid, got->start_function, want->start);
    if (got->system == 1 && !starts(want->start, "runtime") && !starts(want->start, "os/signal"))
        complain("goid %lld (%s) counts as the runtime's", goid, want->start);
}

/* The dump of a recording, in static storage; NULL: it has none. */
static const char *dump_of(const char *folder, const char *name)
{
    char dump[300];
    if (starts(name, "trace.out"))
        return captured(folder, "dump.txt");
    if (ends(name, ".trace.out.zst") || ends(name, ".trace.out"))
        snprintf(dump, sizeof dump, "%.*s.dump.txt", (int)(strstr(name, ".trace.out") - name), name);
    else if (has(folder, "gotrace") && has(name, ".trace") && !has(name, ".json") && !has(name, ".txt"))
        snprintf(dump, sizeof dump, "%.*s.trace.dump.txt", (int)(strstr(name, ".trace") - name), name);
    else
        return NULL;
    return captured(folder, dump);
}

static void visit_dump(const char *folder, const char *path, const char *name, size_t *count)
{
    const char *dump_path = dump_of(folder, name);
    struct dump dump;
    struct told told;
    if (dump_path == NULL)
        return;
    look_at(path);
    told_sort(true, false);
    read_dump(&dump, dump_path);
    assert_true(dump.count != 0);
    ++*count;
    if (told_by(&told, path)) {
        size_t found = 0, passed = 0;
        for (size_t i = 0; i < told.count; i++) {
            const struct goleak_goroutine *got = &told.lives[i];
            const struct dumped *want = dump_find(&dump, got->goid);
            found += want != NULL;
            if (want != NULL)
                check_dumped(path, got, want);
            else if (got->state != GOLEAK_STATE_ENDED && got->system == 0 && !moves(path, got->goid) &&
                     !passes(path, got->start_function))
                complain("goid %lld (%s) is %s, but not in the dump", (long long)got->goid,
                         or_null(got->start_function), goleak_state_name(got->state));
        }
        for (size_t i = 0; i < dump.count; i++) {
            struct goleak_goroutine like = { .goid = dump.lives[i].goid };
            passed += passes(path, dump.lives[i].start) && told_find(&told, &like) == NULL;
        }
        expect("goroutines of the dump", found, dump.count - passed);
        told_free(&told);
    }
    free(dump.lives);
}

static void test_dumps(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_dump), 180);
}

/* ---- bpftrace, of the same run ----------------------------------------------------------- */

/* Who leaked, by the default options; and of the others what they began with. */
struct verdicts {
    struct goids leaks;
    struct { int64_t goid; char start[200]; bool leaks; } *lives;
    size_t count;
};

static bool leaked_by(struct verdicts *list, const char *path)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_error error;
    struct goleak_trace *trace = NULL;
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine life;
    struct goleak_summary summary;
    *list = (struct verdicts) { .count = 0 };
    if (goleak_trace_load(&trace, path, &options, &error) != GOLEAK_OK) {
        complain("%s", error.message);
        return false;
    }
    while (goleak_goroutine_next(trace, &iter, &life) == GOLEAK_OK) {
        bool leaks = life.verdict == GOLEAK_VERDICT_CERTAIN || life.verdict == GOLEAK_VERDICT_LIKELY;
        list->lives = realloc(list->lives, (list->count + 1) * sizeof *list->lives);
        assert_non_null(list->lives);
        list->lives[list->count].goid = life.goid;
        list->lives[list->count].leaks = leaks;
        copy(list->lives[list->count].start, sizeof list->lives->start, or_null(life.start_function),
             strlen(or_null(life.start_function)));
        list->count++;
        if (leaks)
            add_goid(&list->leaks, life.goid);
    }
    goleak_trace_summary(trace, &summary);
    expect("leaks, one by one", list->leaks.count, summary.leaks);
    goleak_trace_free(trace);
    return true;
}

static void verdicts_free(struct verdicts *list)
{
    free(list->leaks.goids);
    free(list->lives);
}

/* One format has stacks of waits, the other what they wait on: they may differ in single
 * goroutines, but not in which functions leak. */
static bool leaks_there(const struct verdicts *these, const char *start, const struct verdicts *those)
{
    for (size_t i = 0; i < these->count; i++)
        if (strcmp(these->lives[i].start, start) == 0 && has_goid(&those->leaks, these->lives[i].goid))
            return true;
    return false;
}

static void check_subset(const char *path, const struct verdicts *these, const struct verdicts *those,
                         const char *where)
{
    for (size_t i = 0; i < these->count; i++)
        if (these->lives[i].leaks && !leaks_there(these, these->lives[i].start, those) &&
            !moves(path, these->lives[i].goid))
            complain("goid %lld (%s) leaked by %s only", (long long)these->lives[i].goid, these->lives[i].start, where);
}

static void visit_pair(const char *folder, const char *path, const char *name, size_t *count)
{
    struct verdicts here, there;
    struct goids truth;
    bool lossy;
    const char *other = starts(name, "trace.out") ? captured(folder, "bpftrace.txt") : NULL;
    if (other == NULL)
        return;
    char bpftrace[1300];
    snprintf(bpftrace, sizeof bpftrace, "%s", other);
    read_truth(&truth, &lossy, folder);
    free(truth.goids);
    if (lossy)
        return;
    look_at(path);
    ++*count;
    if (leaked_by(&here, path) && leaked_by(&there, bpftrace)) {
        check_subset(path, &here, &there, "the Go trace");
        check_subset(path, &there, &here, "bpftrace");
        verdicts_free(&there);
    }
    verdicts_free(&here);
}

static void test_bpftrace_agrees(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_pair), 170);
}

/* ---- the runtime's leak detector -------------------------------------------------------- */

static void visit_leaks(const char *folder, const char *path, const char *name, size_t *count)
{
    *count += starts(name, "trace.out") && check_truth(folder, path);
}

static void test_leaks(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_leaks), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dumps),
        cmocka_unit_test(test_bpftrace_agrees),
        cmocka_unit_test(test_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
