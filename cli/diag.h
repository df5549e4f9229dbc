/*
 * diag - what is said on standard error: errors, warnings, notes.
 *
 *      trace.txt:1287:14: error: MESSAGE       a place in a text
 *          the line
 *                   ^
 *      trace.bin: at 0x4a1c: error: MESSAGE    a place in a binary file
 *      trace.txt: error: MESSAGE               a file
 *      goleak-report: error: MESSAGE           all else
 *
 * One call prints in one write, so that lines of several programs do not mix,
 * and wipes the progress line first, which is redrawn later.
 * Whatever comes from file names, options and recordings is escaped here:
 * control characters and invalid UTF-8 appear as \xNN.
 */
#ifndef GOLEAK_CLI_DIAG_H
#define GOLEAK_CLI_DIAG_H

#include <goleak.h>

#include "options.h"
#include "progress.h"

struct cli_diag {
    bool quiet; /* errors only */
    bool color;
    struct cli_progress progress;
};

enum cli_grade { CLI_ERROR, CLI_WARNING, CLI_NOTE };

void cli_diag_init(struct cli_diag *diag, const struct cli_options *options);

/* A path (NULL: the program itself) and one sentence. Warnings and notes are
 * dropped when quiet. */
void cli_diag_say(struct cli_diag *diag, enum cli_grade grade, const char *path, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;

/* A failure of the library, with its line and a caret. */
void cli_diag_failure(struct cli_diag *diag, const struct goleak_error *error);

/* A complaint about a recording; `path` is used where it names no input, and
 * `prefix` stands before the sentence. */
void cli_diag_health(struct cli_diag *diag, enum cli_grade grade, const struct goleak_health *health, const char *path,
                     const char *prefix);

/* Behind a failure by the memory limit: the library cannot know what that was made of. */
void cli_diag_limit(struct cli_diag *diag, const struct cli_options *options);

#endif
