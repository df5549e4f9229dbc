/*
 * output - where the report goes: standard output, or a file that appears
 * under its name when it is whole.
 *
 *      cli_output_open -> cli_output_write ... -> cli_output_commit
 *                                            \-> cli_output_discard
 *
 * Who reads a pipe may close it early: that is no error, the rest is dropped.
 * All else that fails sticks, with its reason in `problem`.
 */
#ifndef GOLEAK_CLI_OUTPUT_H
#define GOLEAK_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "diag.h"

struct cli_options;

struct cli_output {
    const char *name; /* as the user gave it; NULL: standard output */
    char *target;     /* the file behind it, links followed; owned */
    struct cli_diag *diag; /* is told what it waits for */
    char *temporary;  /* its stand-in until commit; owned, or NULL */
    int fd;           /* -1: not open yet */
    mode_t mode;      /* of the file to be replaced; 0: there is none */
    bool atomic;      /* through `temporary` */
    bool pipe;        /* a named one */
    bool keep;        /* what has come to stand under that name meanwhile is not replaced */
    bool durable;     /* it has its name only when the disk has its bytes */
    bool closed_pipe; /* nobody reads any more */
    bool failed;
    char problem[256]; /* a sentence, when failed */
    size_t used;
    char buffer[32768];
};

/* Tells early what would fail late: a directory, no permission. Creates no
 * file yet, so that an interrupted analysis leaves nothing behind. */
bool cli_output_open(struct cli_output *output, const char *name, struct cli_diag *diag);

/* A goleak_write_fn; the stand-in that it creates goes when a signal ends the process
 * (hang-up, interrupt, quit, terminate, alarm, the user's two, too much CPU time). False
 * when the output failed or nobody reads it. */
bool cli_output_write(void *output, const void *data, size_t size);

/* Flushes, closes, and puts the file in its place. False: `problem` says why;
 * what stood under that name is still there. */
bool cli_output_commit(struct cli_output *output);

/* Leaves what stood under that name alone. Also frees after a commit. */
void cli_output_discard(struct cli_output *output);

/* Whether none of the files that are read, recordings and the program, would be written over; else it is said which. */
bool cli_output_spares(const struct cli_options *options, struct cli_diag *diag);

#endif
