/*
 * trial - verdicts on trial: what the library says of a recording whose truth is known,
 * whole or with events taken away.
 *
 *      struct trial trial = TRIAL_WHOLE;
 *      struct case_truth truth;
 *      if (case_read(&truth, folder) && trial_run(&trial, &truth, path))
 *              printf("%zu found\n", trial.function.found[TRIAL_DEFAULT]);
 *
 * Scores are counted by goroutine and by start function. A function that has leaked
 * and healthy goroutines counts as leaking.
 */
#ifndef GOLEAK_TESTS_TRIAL_H
#define GOLEAK_TESTS_TRIAL_H

#include "support/truth.h"

#include <goleak.h>

/* Who is called a leak. */
enum trial_by {
    TRIAL_ARTICLE, /* whoever is blocked at the end on what can leak: the baseline */
    TRIAL_CERTAIN,
    TRIAL_DEFAULT, /* certain and likely */
    TRIAL_SUSPECT, /* and suspects */
    TRIAL_BY_COUNT
};

struct trial_score {
    size_t found[TRIAL_BY_COUNT]; /* leak, and are called so */
    size_t alarms[TRIAL_BY_COUNT]; /* do not */
    size_t leaking;
};

/* A case's truth.json. */
struct case_truth {
    char name[80], go[24];
    struct goids leaked;
    bool by_goid;        /* `leaked` is told; else at most how many */
    bool lossy;
    int64_t leaked_count; /* by construction; -1: not told */
};

/* False: there is none. */
bool case_read(struct case_truth *truth, const char *folder);
void case_free(struct case_truth *truth);

struct trial {
    double keep;    /* this part of the time that it records, from the start */
    double bytes;   /* this part of the recording is there: it is cut behind */
    double drop;    /* this part of its events is lost … */
    unsigned burst; /* … so many at a time */
    uint64_t seed;
    const struct goleak_limits *limits; /* NULL: the rules' own */
    bool explain;   /* wrong ones are printed */
    struct trial_score goroutine, function;
    size_t called; /* certain and likely */
    uint64_t verdicts[GOLEAK_VERDICT_COUNT];
};
#define TRIAL_WHOLE                                                                                                    \
    {                                                                                                                  \
        .keep = 1, .bytes = 1, .burst = 1                                                                              \
    }

/* False: the library failed. */
bool trial_run(struct trial *trial, const struct case_truth *truth, const char *path);

/* Adds one case's score to another's. */
void trial_add(struct trial_score *sum, const struct trial_score *score);
/* Wilson's interval of 95 % around `found` of `of`. */
void trial_wilson(size_t found, size_t of, double *low, double *high);

#endif
