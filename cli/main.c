/*
 * main - the way through the command line:
 *
 *      options.c   argv -> struct cli_options; values.c reads the arguments
 *      files.c     the FILEs among them: each once
 *      cmd_*.c     one sub-command each; cmd_report is what runs without a word
 *      output.c    the report's file or pipe
 *      diag.c      what standard error is told; progress.c, terminal.c
 *
 * All that knows of goroutines is behind <goleak.h>. The process ends here and
 * nowhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_convert.h"
#include "cmd_recorder.h"
#include "cmd_report.h"
#include "diag.h"
#include "files.h"
#include "options.h"
#include "output.h"

/* Started with a closed standard stream, the first file opened would take its
 * place: a report must not be written into a recording. The stand-ins are open
 * the wrong way round, so that using them fails. */
static bool fill_standard_fds(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    }
    return true;
}

/* So that a closed pipe and a file past the shell's limit are errors of
 * write(), and the run ends in order. */
static void ignore_write_signals(void)
{
    struct sigaction ignore;
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
#ifdef SIGXFSZ
    sigaction(SIGXFSZ, &ignore, NULL);
#endif
}

static void print_about(FILE *out, enum cli_action action)
{
    if (action == CLI_ACTION_HELP)
        cli_options_help(out);
    else
        fprintf(out, CLI_PROGRAM " %s\n", goleak_version());
}

/* Through the same output as a report, for the same answer to a full disk and
 * to a closed pipe. */
static enum cli_exit about(enum cli_action action, struct cli_diag *diag)
{
    struct cli_output output;
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (memory != NULL)
        print_about(memory, action);
    if (memory == NULL || fclose(memory) != 0) {
        cli_diag_say(diag, CLI_ERROR, NULL, "out of memory");
        free(text);
        return CLI_EXIT_TROUBLE;
    }
    cli_output_open(&output, NULL, diag);
    cli_output_write(&output, text, size);
    free(text);
    bool done = cli_output_commit(&output);
    if (!done)
        cli_diag_say(diag, CLI_ERROR, NULL, "%s", output.problem);
    return done ? CLI_EXIT_CLEAN : CLI_EXIT_TROUBLE;
}

static enum cli_exit run(struct cli_options *options)
{
    struct cli_diag diag;
    cli_diag_init(&diag, options);
    if (options->action == CLI_ACTION_REPORT || options->action == CLI_ACTION_CONVERT)
        cli_files_once(options, &diag);
    switch (options->action) {
    case CLI_ACTION_MISUSE: cli_diag_say(&diag, CLI_ERROR, NULL, "%s", options->problem); return CLI_EXIT_TROUBLE;
    case CLI_ACTION_REPORT: return cli_report(options, &diag);
    case CLI_ACTION_CONVERT: return cli_convert(options, &diag);
    case CLI_ACTION_RECORDER: return cli_recorder(options, &diag);
    default: return about(options->action, &diag);
    }
}

int main(int argc, char **argv)
{
    struct cli_options options;
    if (!fill_standard_fds())
        return CLI_EXIT_TROUBLE;
    ignore_write_signals();
    cli_options_parse(&options, argc, argv);
    enum cli_exit status = run(&options);
    cli_options_release(&options);
    return (int)status;
}
