/*
 * truth - who leaked, as the runtime's leak detector said of a run, in the truth.json
 * beside its recordings.
 */
#ifndef GOLEAK_TESTS_TRUTH_H
#define GOLEAK_TESTS_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* free(goids) when done. */
struct goids {
    int64_t *goids;
    size_t count;
};

void add_goid(struct goids *list, int64_t goid);
bool has_goid(const struct goids *list, int64_t goid);

/* False: the detector did not say. `lossy`: the run's recordings lack events. */
bool read_truth(struct goids *list, bool *lossy, const char *folder);
/* Complains if the recording tells another end of those that leaked: they are blocked on
 * something that can leak, and are no goroutines of the runtime. False: nobody knows. */
bool check_truth(const char *folder, const char *path);

#endif
