/*
 * outcome - all that the library says about some bytes, for comparing.
 *
 *      struct outcome one = { 0 }, two = { 0 };
 *      outcome_of(&one, &recording, NULL, 0, NULL);
 *      outcome_of(&two, &recording, cuts, cut_count, NULL);
 *      if (!outcome_equal(&one, &two)) ...
 */
#ifndef GOLEAK_TESTS_OUTCOME_H
#define GOLEAK_TESTS_OUTCOME_H

#include <goleak.h>

#include "support/bytes.h"

struct outcome {
    enum goleak_status status; /* of the first call that failed, or GOLEAK_OK */
    struct goleak_error error;
    /* The JSON report and the ndjson one, with ended goroutines as they ended; or,
     * after a failure, the error. The input is called "*" and has 0 bytes. */
    struct bytes text;
    struct goleak_summary summary; /* zero after a failure */
};

/* Feeds the bytes in pieces that end at the cuts (ascending, within the bytes). */
void outcome_of(struct outcome *out, const struct bytes *recording, const size_t *cuts, size_t cut_count,
                const struct goleak_options *options);
/* The same in pieces of one size. */
void outcome_of_pieces(struct outcome *out, const struct bytes *recording, size_t piece,
                       const struct goleak_options *options);
/* Through goleak_trace_load. */
void outcome_of_file(struct outcome *out, const char *path, const struct goleak_options *options);

void outcome_free(struct outcome *outcome);
bool outcome_equal(const struct outcome *a, const struct outcome *b);
/* Where they first differ, for a message; static storage. */
const char *outcome_difference(const struct outcome *a, const struct outcome *b);

/* The count of one complaint in a finished trace. */
uint64_t outcome_health(const struct goleak_trace *trace, const char *name);

/* The decoder's events as text, one a line, with all fields that each one has. */
enum goleak_status outcome_events(struct bytes *out, const struct bytes *recording, const size_t *cuts,
                                  size_t cut_count);

#endif
