/*
 * progress - one line on standard error, written over itself while reading:
 *
 *      goleak-report: 1.23 of 4.56 GB (27 %), 340 MB/s
 *
 * It appears when reading takes longer than half a second, and is wiped out
 * at the end.
 */
#ifndef GOLEAK_CLI_PROGRESS_H
#define GOLEAK_CLI_PROGRESS_H

#include "options.h"

/* All zero: no line is wanted. */
struct cli_progress {
    bool wanted;
    int64_t start_ns, next_ns; /* monotonic clock */
    uint64_t total_bytes;      /* of all FILEs; 0: unknown */
    uint64_t before_bytes;     /* of the FILEs that were read already */
    uint64_t done_bytes;       /* of the FILE being read */
    unsigned width;
    size_t drawn; /* columns that stand on the terminal */
};

void cli_progress_begin(struct cli_progress *progress, enum cli_when when, uint64_t total_bytes);

/* A goleak_progress_fn; the context is a struct cli_progress. */
void cli_progress_update(void *context, uint64_t done_bytes, uint64_t total_bytes);

/* Wipes the line; the next update draws it again. */
void cli_progress_erase(struct cli_progress *progress);
void cli_progress_end(struct cli_progress *progress);

#endif
