/*
 * Recordings by bpftrace and perf against what the process said of itself.
 *
 *   dump.txt     taken just before the end: its goroutines are alive, and whoever else
 *                is alive is the runtime's (of these it has the helpers of runtime/trace
 *                and os/signal, which the library counts as the runtime's)
 *   truth.json   where the runtime's leak detector says so: who leaked is blocked on
 *                something that can leak, and is no goroutine of the runtime
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

/* "goroutine 7 [chan send]:" */
static void read_dump(struct goids *list, const struct bytes *text)
{
    for (const char *at = text->data; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        char *end;
        if (!starts(at, "goroutine "))
            continue;
        int64_t goid = (int64_t)strtoll(at + 10, &end, 10);
        if (*end == ' ')
            add_goid(list, goid);
    }
}

static bool is_recording(const char *name)
{
    return starts(name, "bpftrace.txt") || starts(name, "perf.txt");
}

static void visit_dump(const char *folder, const char *path, const char *name, size_t *count)
{
    struct bytes text = { 0 };
    struct goids dumped = { 0 }, leaked = { 0 };
    struct told told;
    bool lossy;
    const char *dump = is_recording(name) ? captured(folder, "dump.txt") : NULL;
    if (dump == NULL)
        return;
    look_at(path);
    told_sort(true, false);
    assert_true(bytes_read(&text, dump));
    read_dump(&dumped, &text);
    read_truth(&leaked, &lossy, folder);
    ++*count;
    if (!lossy && told_by(&told, path)) {
        size_t found = 0;
        bool busy = strstr(path, "/SpawnGC/") != NULL; /* its goroutines go on ending behind the dump */
        for (size_t i = 0; i < told.count; i++) {
            const struct goleak_goroutine *life = &told.lives[i];
            if (i != 0 && life->goid == told.lives[i - 1].goid)
                continue; /* of another process of this binary */
            bool dumped_too = has_goid(&dumped, life->goid), alive = life->state != GOLEAK_STATE_ENDED;
            found += dumped_too && (alive || busy || life->system == 1); /* the tracer's reader ends later */
            if (alive && life->system != 1 && !dumped_too)
                complain("goid %lld (%s) is %s, but not in the dump", (long long)life->goid,
                         life->start_function != NULL ? life->start_function : "?", goleak_state_name(life->state));
        }
        expect("living goroutines of the dump", found, dumped.count);
        told_free(&told);
    }
    free(dumped.goids);
    free(leaked.goids);
    bytes_free(&text);
}

static void test_dumps(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_dump), 300);
}

static void visit_leaks(const char *folder, const char *path, const char *name, size_t *count)
{
    *count += is_recording(name) && check_truth(folder, path);
}

static void test_leaks(void **state)
{
    (void)state;
    end_looking(visit(captures(), visit_leaks), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dumps),
        cmocka_unit_test(test_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
