/*
 * The verdicts against the truth, by start function, from text recordings and from Go
 * traces alike: how many leaks are found, how many alarms are false; `certain` is never
 * wrong; healthy servers have no leak. `make evaluate` shows the figures.
 *
 * On what lies below $GOLEAK_CAPTURES.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <goleak.h>

#include "support/text.h"
#include "support/told.h"
#include "support/trial.h"

#define RECALL_LEAST 98 /* % */
#define PRECISION_LEAST 97
#define PRECISION_LOSSY 90

static struct trial like; /* the loss, and the sum */
static const char *recording;

static void add_case(const char *folder, const char *path, const char *name, size_t *count)
{
    struct case_truth truth;
    struct trial trial = like;
    (void)path;
    if (strcmp(name, "truth.json") != 0 || captured(folder, recording) == NULL || !case_read(&truth, folder))
        return;
    char kept[1300];
    snprintf(kept, sizeof kept, "%s", captured(folder, recording));
    /* What cannot be told from an idle pool, docs/VERDICTS.md says. */
    if (truth.by_goid && !truth.lossy && strcmp(truth.name, "own_idle_pool_local_unreachable") != 0) {
        look_at(path);
        trial.goroutine = trial.function = (struct trial_score) { .leaking = 0 };
        if (!trial_run(&trial, &truth, kept))
            complain("the library failed");
        trial_add(&like.function, &trial.function);
        trial_add(&like.goroutine, &trial.goroutine);
        ++*count;
    }
    case_free(&truth);
}

static size_t add_all(const char *name, double drop)
{
    like = (struct trial) TRIAL_WHOLE;
    like.drop = drop;
    like.seed = 1;
    recording = name;
    return visit(captures(), add_case);
}

static void check(const char *name)
{
    size_t count = add_all(name, 0);
    const struct trial_score *score = &like.function;
    size_t found = score->found[TRIAL_DEFAULT], called = found + score->alarms[TRIAL_DEFAULT];
    print_message("# %s: %zu of %zu leaking functions found, %zu false alarms; the article's rule: %zu and %zu\n", name,
                  found, score->leaking, score->alarms[TRIAL_DEFAULT], score->found[TRIAL_ARTICLE],
                  score->alarms[TRIAL_ARTICLE]);
    look_at(name);
    if (found * 100 < score->leaking * RECALL_LEAST)
        complain("%zu of %zu leaking functions are found", found, score->leaking);
    if (found * 100 < called * PRECISION_LEAST)
        complain("%zu of %zu alarms are false", called - found, called);
    expect("functions that are wrongly certain", score->alarms[TRIAL_CERTAIN], 0);
    expect("goroutines that are wrongly certain", like.goroutine.alarms[TRIAL_CERTAIN], 0);
    end_looking(count, 50);
}

static void test_text(void **state)
{
    (void)state;
    check("bpftrace.txt");
}

static void test_perf(void **state)
{
    (void)state;
    check("perf.txt");
}

static void test_traces(void **state)
{
    (void)state;
    check("trace.out");
}

/* Lost events cost recall, not trust. */
static void test_loss(void **state)
{
    (void)state;
    static const char *const names[] = { "bpftrace.txt", "trace.out" };
    static const double drops[] = { 0.001, 0.01, 0.05, 0.1 };
    size_t count = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < sizeof drops / sizeof *drops; k++) {
            count += add_all(names[i], drops[k]);
            size_t found = like.function.found[TRIAL_DEFAULT], alarms = like.function.alarms[TRIAL_DEFAULT];
            print_message("# %s, %.1f %% lost: %zu of %zu found, %zu false alarms\n", names[i], drops[k] * 100, found,
                          like.function.leaking, alarms);
            look_at(names[i]);
            if (found * 100 < (found + alarms) * PRECISION_LOSSY)
                complain("%.1f %% lost: %zu of %zu alarms are false", drops[k] * 100, alarms, found + alarms);
            expect("functions that are wrongly certain", like.function.alarms[TRIAL_CERTAIN], 0);
        }
    end_looking(count, 400);
}

static void check_server(const char *folder, const char *path, const char *name, size_t *count)
{
    struct case_truth truth = { .leaked_count = 0 };
    struct trial trial = TRIAL_WHOLE;
    (void)folder;
    if (!has(path, "/servers/") || !has(name, ".trace.out"))
        return;
    look_at(path);
    ++*count;
    if (trial_run(&trial, &truth, path))
        expect("leaks of a healthy server", trial.called, 0);
    else
        complain("the library failed");
}

static void test_servers(void **state)
{
    (void)state;
    end_looking(visit(captures(), check_server), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_perf),
        cmocka_unit_test(test_traces),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
