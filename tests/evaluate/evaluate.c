/*
 * evaluate - how right the verdicts are, for `make evaluate`.
 *
 *      evaluate CAPTURES
 *
 * Every folder below CAPTURES with a truth.json is a case: its bpftrace.txt, perf.txt and
 * trace.out are judged and compared with the truth.
 *
 *      by rung          precision and recall, by start function and by goroutine, with
 *                       Wilson's interval of 95 %, beside the article's rule
 *      by limits        the numbers that rules compare with, halved and doubled; and
 *                       cross-validated: each fifth of the cases is judged by the limits
 *                       that were best on the others
 *      by length        the first 25 … 100 % of each recording's time
 *      by loss          0 … 10 % of the events taken away, one by one and in bursts
 *      by count         cases whose truth is a number only
 *      servers          recordings of healthy servers: nobody may be called a leak
 *
 * Cases with loss of their own, and pairs that no recording can tell apart
 * (docs/VERDICTS.md), are shown and left out of the sums.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/text.h"
#include "support/told.h"
#include "support/trial.h"
#include "verdict/limits.h"

/* One of each kind; the other of the pair is right or wrong with it. */
static const char *const untold[] = { "own_idle_pool_local_unreachable" };

static const char *const recordings[] = { "bpftrace.txt", "perf.txt", "trace.out" };
#define RECORDINGS (sizeof recordings / sizeof *recordings)

static struct folders {
    char **paths;
    size_t count;
} cases, servers;

static void add_folder(struct folders *folders, const char *path)
{
    folders->paths = realloc(folders->paths, (folders->count + 1) * sizeof *folders->paths);
    char *kept = malloc(strlen(path) + 1);
    if (folders->paths == NULL || kept == NULL)
        abort();
    folders->paths[folders->count++] = strcpy(kept, path);
}

static void find_case(const char *folder, const char *path, const char *name, size_t *count)
{
    *count += strcmp(name, "truth.json") == 0;
    if (strcmp(name, "truth.json") == 0)
        add_folder(&cases, folder);
    if (strstr(path, "/servers/") != NULL && strstr(name, ".trace.out") != NULL)
        add_folder(&servers, path);
}

static bool is_untold(const struct case_truth *truth)
{
    bool found = truth->lossy;
    for (size_t i = 0; i < sizeof untold / sizeof *untold; i++)
        found = found || strcmp(untold[i], truth->name) == 0;
    return found;
}

/* ---- a table ---- */

static void print_rate(const char *label, size_t found, size_t of)
{
    double low, high;
    trial_wilson(found, of, &low, &high);
    if (of == 0)
        printf("  %s      -              ", label);
    else
        printf("  %s %5.3f [%.3f %.3f]", label, (double)found / (double)of, low, high);
}

static void print_score(const char *name, const struct trial_score *score, enum trial_by by)
{
    size_t called = score->found[by] + score->alarms[by];
    printf("  %-24s %5zu leaking %5zu found %5zu alarms", name, score->leaking, score->found[by], score->alarms[by]);
    print_rate("recall", score->found[by], score->leaking);
    print_rate("precision", score->found[by], called);
    printf("\n");
}

static void print_scores(const char *unit, const struct trial_score *score)
{
    static const char *const names[TRIAL_BY_COUNT] = { "the article's rule", "certain", "certain, likely",
                                                       "… and suspect" };
    printf(" by %s\n", unit);
    for (int by = 0; by < TRIAL_BY_COUNT; by++)
        print_score(names[by], score, (enum trial_by)by);
}

/* All cases whose truth is told by goid, under the same loss. */
static struct trial run_all(const char *recording, const struct trial *like)
{
    struct trial sum = *like;
    for (size_t i = 0; i < cases.count; i++) {
        struct case_truth truth;
        struct trial trial = *like;
        const char *path = captured(cases.paths[i], recording);
        char kept[1300];
        if (path == NULL || !case_read(&truth, cases.paths[i]))
            continue;
        snprintf(kept, sizeof kept, "%s", path);
        if (truth.by_goid && !is_untold(&truth) && trial_run(&trial, &truth, kept)) {
            trial_add(&sum.function, &trial.function);
            trial_add(&sum.goroutine, &trial.goroutine);
        }
        case_free(&truth);
    }
    return sum;
}

static void print_whole(const char *recording)
{
    struct trial whole = TRIAL_WHOLE;
    whole.explain = true;
    printf("%s\n", recording);
    whole = run_all(recording, &whole);
    print_scores("start function", &whole.function);
    print_scores("goroutine", &whole.goroutine);
}

static void print_both(const char *label, const struct trial_score *score)
{
    print_score(label, score, TRIAL_DEFAULT);
    print_score("… and suspect", score, TRIAL_SUSPECT);
}

/* Cut by bytes: of a text the last lines are missing, of a Go trace first its names, then the stacks, then events. */
static void print_cuts(const char *recording)
{
    static const double parts[] = { 0.99, 0.97, 0.9, 0.75 };
    char label[64];
    printf("%s, cut behind a part of its bytes (certain and likely, then with suspects, by goroutine)\n", recording);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct trial trial = TRIAL_WHOLE;
        trial.bytes = parts[i];
        trial = run_all(recording, &trial);
        snprintf(label, sizeof label, "cut at %.0f %%", parts[i] * 100);
        print_both(label, &trial.goroutine);
    }
}

static void print_sweep(const char *recording)
{
    static const double parts[] = { 0.25, 0.5, 0.75, 1 }, drops[] = { 0, 0.001, 0.01, 0.02, 0.05, 0.1 };
    char label[64];
    printf("%s, by length (certain and likely, by start function)\n", recording);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct trial trial = TRIAL_WHOLE;
        trial.keep = parts[i];
        trial = run_all(recording, &trial);
        snprintf(label, sizeof label, "the first %.0f %%", parts[i] * 100);
        print_score(label, &trial.function, TRIAL_DEFAULT);
    }
    for (unsigned burst = 1; burst <= 50; burst += 49) {
        printf("%s, by loss, %u at a time (certain and likely, then with suspects, by start function)\n", recording,
               burst);
        for (size_t i = 0; i < sizeof drops / sizeof *drops; i++) {
            struct trial trial = TRIAL_WHOLE;
            trial.drop = drops[i];
            trial.burst = burst;
            trial.seed = i + 1;
            trial = run_all(recording, &trial);
            snprintf(label, sizeof label, "%.1f %% lost", drops[i] * 100);
            print_both(label, &trial.function);
        }
    }
}

/* ---- other limits ---- */

#define FOLDS 5

/* Each limit halved and doubled, one at a time; the first setting is the rules' own. */
#define LIMITS(X)                                                                                                      \
    X(habit_waits)                                                                                                     \
    X(patience) X(together) X(turn_ns) X(at_once) X(chances) X(chances_at_work) X(rise_created) X(rise_trend)          \
        X(rise_share) X(endless_created) X(usual_longer) X(usual_part) X(early_least) X(early_part) X(early_share)     \
            X(queue_least) X(queue_idle) X(left_out_chance) X(partners_least) X(rounds_turns) X(rounds_missed)         \
                X(turned_least) X(turned_rounds)

static struct setting {
    struct goleak_limits limits;
    char name[40];
    struct trial_score folds[FOLDS];
} settings[64];
static size_t setting_count;

static void make_settings(void)
{
    settings[0] = (struct setting) { .limits = GOLEAK_LIMITS_DEFAULT, .name = "the rules' own" };
    setting_count = 1;
#define X(limit)                                                                                                      \
    settings[setting_count] = settings[0];                                                                            \
    snprintf(settings[setting_count].name, sizeof settings->name, #limit " halved");                                  \
    settings[setting_count++].limits.limit /= 2;                                                                      \
    settings[setting_count] = settings[0];                                                                            \
    snprintf(settings[setting_count].name, sizeof settings->name, #limit " doubled");                                 \
    settings[setting_count++].limits.limit *= 2;
    LIMITS(X)
#undef X
}

static void try_settings(const char *recording)
{
    for (size_t s = 0; s < setting_count; s++)
        memset(settings[s].folds, 0, sizeof settings[s].folds);
    for (size_t i = 0; i < cases.count; i++) {
        struct case_truth truth;
        char kept[1300];
        const char *path = captured(cases.paths[i], recording);
        if (path == NULL || !case_read(&truth, cases.paths[i]))
            continue;
        snprintf(kept, sizeof kept, "%s", path);
        for (size_t s = 0; s < setting_count && truth.by_goid && !is_untold(&truth); s++) {
            struct trial trial = TRIAL_WHOLE;
            trial.limits = &settings[s].limits;
            if (trial_run(&trial, &truth, kept))
                trial_add(&settings[s].folds[i % FOLDS], &trial.function);
        }
        case_free(&truth);
    }
}

/* 2 found / (called + leaking): recall and precision in one. */
static double harmonic(const struct trial_score *score)
{
    size_t found = score->found[TRIAL_DEFAULT], all = found + score->alarms[TRIAL_DEFAULT] + score->leaking;
    return all != 0 ? 2 * (double)found / (double)all : 0;
}

static struct trial_score all_but(const struct setting *setting, size_t fold)
{
    struct trial_score sum = { .leaking = 0 };
    for (size_t f = 0; f < FOLDS; f++)
        if (f != fold)
            trial_add(&sum, &setting->folds[f]);
    return sum;
}

/* Each fifth of the cases is judged by the setting that was best on the other four. */
static void print_validation(const char *recording)
{
    struct trial_score sum = { .leaking = 0 };
    printf("%s, limits halved and doubled (certain and likely, by start function; those that change anything)\n",
           recording);
    make_settings();
    try_settings(recording);
    struct trial_score own = all_but(&settings[0], FOLDS);
    for (size_t s = 0; s < setting_count; s++) {
        struct trial_score score = all_but(&settings[s], FOLDS);
        if (s == 0 || memcmp(&score, &own, sizeof own) != 0)
            print_score(settings[s].name, &score, TRIAL_DEFAULT);
    }
    for (size_t fold = 0; fold < FOLDS; fold++) {
        size_t best = 0;
        for (size_t s = 1; s < setting_count; s++) {
            struct trial_score score = all_but(&settings[s], fold), least = all_but(&settings[best], fold);
            best = harmonic(&score) > harmonic(&least) ? s : best;
        }
        trial_add(&sum, &settings[best].folds[fold]);
    }
    print_score("cross-validated", &sum, TRIAL_DEFAULT);
}

/* ---- truth by count, and none at all ---- */

static void print_counts(void)
{
    size_t right = 0, all = 0;
    printf("cases whose truth is a count (other versions of Go)\n");
    for (size_t i = 0; i < cases.count; i++) {
        struct case_truth truth;
        if (!case_read(&truth, cases.paths[i]))
            continue;
        for (size_t r = 0; r < RECORDINGS && !truth.by_goid && truth.leaked_count >= 0; r++) {
            struct trial trial = TRIAL_WHOLE;
            const char *path = captured(cases.paths[i], recordings[r]);
            char kept[1300];
            if (path == NULL)
                continue;
            snprintf(kept, sizeof kept, "%s", path);
            if (!trial_run(&trial, &truth, kept))
                continue;
            bool is_right = trial.called == (size_t)truth.leaked_count;
            all++;
            right += is_right;
            if (!is_right)
                printf("  go%-5s %-28s %-13s %zu called, %lld leaked\n", truth.go, truth.name, recordings[r],
                       trial.called, (long long)truth.leaked_count);
        }
        case_free(&truth);
    }
    printf("  %zu of %zu exact\n", right, all);
}

static void print_servers(void)
{
    printf("healthy servers\n");
    for (size_t i = 0; i < servers.count; i++) {
        struct case_truth truth = { .leaked_count = 0 };
        struct trial trial = TRIAL_WHOLE;
        if (!trial_run(&trial, &truth, servers.paths[i]))
            continue;
        printf("  %-60s", strstr(servers.paths[i], "/servers/") + 9);
        for (int v = 0; v < GOLEAK_VERDICT_ENDED; v++)
            printf(" %s %llu", goleak_verdict_name((enum goleak_verdict)v), (unsigned long long)trial.verdicts[v]);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: evaluate CAPTURES [--short]\n");
        return 2;
    }
    if (visit(argv[1], find_case) == 0) {
        fprintf(stderr, "evaluate: there is no truth.json below %s\n", argv[1]);
        return 2;
    }
    for (size_t r = 0; r < RECORDINGS; r++)
        print_whole(recordings[r]);
    print_counts();
    print_servers();
    for (size_t r = 0; r < RECORDINGS && argc == 2; r++)
        print_validation(recordings[r]);
    for (size_t r = 0; r < RECORDINGS && argc == 2; r++)
        print_sweep(recordings[r]);
    for (size_t r = 0; r < RECORDINGS && argc == 2; r++)
        print_cuts(recordings[r]);
    return 0;
}
