/*
 * cmd_convert - see cmd_convert.h.
 *
 * The file gets its name when all of it is on the disk: whatever ends the process, what
 * stood there before stands there still, or the whole new file does.
 */
#include "cmd_convert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "output.h"

/* A file that would be lost; or a link to none, in whose place the file would be. A device, or a pipe, however it is
 * named, is written as it is, and of a link to itself it is told later that it is one. */
static bool is_there(const char *name)
{
    struct stat info;
    if (stat(name, &info) == 0)
        return S_ISREG(info.st_mode);
    return errno == ENOENT && lstat(name, &info) == 0;
}

/* What must be there still afterwards, and what is no place for bytes. */
static bool check_output(const struct cli_options *options, struct cli_diag *diag)
{
    if (!cli_output_spares(options, diag))
        return false;
    if (options->output != NULL && !options->force && is_there(options->output)) {
        cli_diag_say(diag, CLI_ERROR, options->output, "is there already: --force overwrites it");
        return false;
    }
    if (options->output == NULL && isatty(STDOUT_FILENO) && !options->force) {
        cli_diag_say(diag, CLI_ERROR, NULL, "standard output is a terminal, which cannot show a .glk: give -o FILE");
        return false;
    }
    return true;
}

static bool run(const struct cli_options *from, struct cli_output *output, struct goleak_error *errors,
                struct cli_diag *diag)
{
    struct goleak_options options = cli_options_load(from);
    cli_progress_begin(&diag->progress, from->quiet ? CLI_WHEN_NEVER : from->progress, cli_files_bytes(from));
    if (diag->progress.wanted) {
        options.progress = cli_progress_update;
        options.progress_context = &diag->progress;
    }
    enum goleak_status status =
        goleak_convert(from->files, from->file_count, &options, (int)from->level, cli_output_write, output, errors);
    cli_progress_end(&diag->progress);
    if (output->closed_pipe)
        return true; /* whoever read it has enough */
    if (output->failed) {
        cli_diag_say(diag, CLI_ERROR, output->name, "%s", output->problem);
        return false;
    }
    bool limit = false;
    for (size_t i = 0; i < from->file_count; i++) {
        if (errors[i].status < 0 || (status >= 0 && errors[i].message[0] != '\0'))
            cli_diag_failure(diag, &errors[i]);
        limit = limit || errors[i].status == GOLEAK_E_LIMIT;
    }
    if (limit)
        cli_diag_limit(diag, from);
    return status >= 0;
}

static bool commit(struct cli_output *output, struct cli_diag *diag)
{
    if (cli_output_commit(output))
        return true;
    cli_diag_say(diag, CLI_ERROR, output->name, "%s", output->problem);
    return false;
}

enum cli_exit cli_convert(const struct cli_options *options, struct cli_diag *diag)
{
    struct cli_output output = { .fd = -1 };
    struct goleak_error *errors = calloc(options->file_count, sizeof *errors);
    bool done = errors != NULL && check_output(options, diag);
    if (errors == NULL)
        cli_diag_say(diag, CLI_ERROR, NULL, "out of memory");
    if (done && !cli_output_open(&output, options->output, diag)) {
        cli_diag_say(diag, CLI_ERROR, output.name, "%s", output.problem);
        done = false;
    }
    output.durable = true;
    output.keep = !options->force;
    done = done && run(options, &output, errors, diag) && commit(&output, diag);
    cli_output_discard(&output);
    free(errors);
    return done ? CLI_EXIT_CLEAN : CLI_EXIT_TROUBLE;
}
