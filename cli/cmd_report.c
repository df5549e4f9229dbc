/*
 * cmd_report - see cmd_report.h.
 *
 *      FILEs --goleak_trace_load_all--> traces --goleak_report_write--> output
 *                      \--ended goroutines (ndjson)-----------------------^
 *
 * Trouble is remembered and never hides a result: what is readable is reported
 * whatever happened to the other FILEs, then 2 wins over 1.
 */
#include "cmd_report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "output.h"
#include "terminal.h"

/* What one run holds. */
struct run {
    const struct cli_options *options;
    struct cli_diag *diag;
    struct cli_output output;
    struct goleak_trace **traces; /* trace_count, room for file_count */
    struct goleak_error *errors;  /* file_count */
    size_t trace_count;
    bool trouble;
};

static void say_output_failure(struct run *run)
{
    cli_diag_say(run->diag, CLI_ERROR, run->output.name, "%s", run->output.problem);
    run->trouble = true;
}

/* ---- before reading ------------------------------------------------------- */

static bool prepare(struct run *run)
{
    size_t count = run->options->file_count;
    run->trouble = true;
    if (!cli_output_spares(run->options, run->diag))
        return false;
    if (!cli_output_open(&run->output, run->options->output, run->diag)) {
        say_output_failure(run);
        return false;
    }
    run->traces = calloc(count, sizeof(struct goleak_trace *));
    run->errors = calloc(count, sizeof(struct goleak_error));
    if (run->traces == NULL || run->errors == NULL) {
        cli_diag_say(run->diag, CLI_ERROR, NULL, "out of memory");
        return false;
    }
    run->trouble = false;
    return true;
}

/* ---- reading -------------------------------------------------------------- */

/* A goleak_ended_fn: one ndjson line. When nobody reads the lines any more the
 * analysis still goes on to its end, for the exit status counts leaks. */
static bool stream_ended(void *context, const struct goleak_trace *trace, const struct goleak_goroutine *goroutine)
{
    struct cli_output *output = context;
    if (output->closed_pipe)
        return true;
    return goleak_report_write_ended(trace, goroutine, cli_output_write, output) == GOLEAK_OK || output->closed_pipe;
}

static bool is_streaming(const struct cli_options *options)
{
    return strcmp(options->format, "ndjson") == 0 && !options->sort_created;
}

/* A progress line between the lines of a streamed report would garble both. */
static enum cli_when progress_when(const struct run *run)
{
    const struct cli_options *options = run->options;
    if (options->quiet)
        return CLI_WHEN_NEVER;
    if (options->progress == CLI_WHEN_AUTO && is_streaming(options) && options->output == NULL && isatty(STDOUT_FILENO))
        return CLI_WHEN_NEVER;
    return options->progress;
}

static enum goleak_status load(struct run *run)
{
    const struct cli_options *from = run->options;
    struct goleak_options options = cli_options_load(from);
    options.include_system = from->include_system;
    options.min_age_ns = from->min_age_ns;
    options.explain_goid = from->explain_goid;
    options.explain_g = from->explain_g;
    options.explain_pid = from->explain_pid;
    options.retain_ended = from->sort_created && strcmp(from->format, "ndjson") == 0;
    if (is_streaming(from)) {
        options.ended = stream_ended;
        options.ended_context = &run->output;
    }
    cli_progress_begin(&run->diag->progress, progress_when(run), cli_files_bytes(from));
    if (run->diag->progress.wanted) {
        options.progress = cli_progress_update;
        options.progress_context = &run->diag->progress;
    }
    enum goleak_status status =
        goleak_trace_load_all(run->traces, &run->trace_count, from->files, from->file_count, &options, run->errors);
    cli_progress_end(&run->diag->progress);
    return status;
}

/* When the output failed, reading was stopped for its sake: the library then
 * tells of an E_IO at every FILE, and the output's sentence is the true one. */
static void say_failures(struct run *run, enum goleak_status status)
{
    size_t failures = 0;
    bool limit = false;
    for (size_t i = 0; i < run->options->file_count; i++) {
        const struct goleak_error *error = &run->errors[i];
        if (error->status >= 0)
            continue;
        failures++;
        limit = limit || error->status == GOLEAK_E_LIMIT;
        if (!run->output.failed || error->status != GOLEAK_E_IO)
            cli_diag_failure(run->diag, error);
    }
    if (status < 0 && failures == 0)
        cli_diag_say(run->diag, CLI_ERROR, NULL, "the recordings cannot be analysed (status %d)", (int)status);
    if (limit)
        cli_diag_limit(run->diag, run->options);
    run->trouble = run->trouble || status < 0 || failures > 0;
}

/* ---- writing -------------------------------------------------------------- */

static enum goleak_verdict verdict_named(enum cli_fail_on fail_on)
{
    static_assert((int)CLI_FAIL_ON_CERTAIN == (int)GOLEAK_VERDICT_CERTAIN, "--fail-on follows goleak_verdict");
    static_assert((int)CLI_FAIL_ON_LIKELY == (int)GOLEAK_VERDICT_LIKELY, "--fail-on follows goleak_verdict");
    static_assert((int)CLI_FAIL_ON_SUSPECT == (int)GOLEAK_VERDICT_SUSPECT, "--fail-on follows goleak_verdict");
    return fail_on == CLI_FAIL_ON_NEVER ? GOLEAK_VERDICT_LIKELY : (enum goleak_verdict)fail_on;
}

static void commit(struct run *run)
{
    if (!cli_output_commit(&run->output))
        say_output_failure(run);
}

static void write_report(struct run *run)
{
    const struct cli_options *from = run->options;
    struct goleak_report_options options = GOLEAK_REPORT_OPTIONS_INIT;
    struct goleak_error error = { 0 };
    enum cli_when color = from->color;
    if (from->output != NULL && color == CLI_WHEN_AUTO)
        color = CLI_WHEN_NEVER; /* a file is read in editors and mails */
    options.color = cli_terminal_color(color, STDOUT_FILENO);
    options.width = cli_terminal_width(STDOUT_FILENO);
    options.top = from->top;
    options.explain_goid = from->explain_goid;
    options.explain_g = from->explain_g;
    options.fail_on = verdict_named(from->fail_on);
    enum goleak_status status = goleak_report_write((const struct goleak_trace *const *)run->traces, run->trace_count,
                                                    from->format, &options, cli_output_write, &run->output, &error);
    /* A write that failed is told once, by commit; a closed pipe not at all. */
    if (status < 0 && !run->output.failed && !run->output.closed_pipe) {
        cli_diag_failure(run->diag, &error);
        run->trouble = true;
        return;
    }
    commit(run);
}

static void write_results(struct run *run)
{
    if (run->trace_count > 0 && !run->output.failed)
        write_report(run);
    else if (run->output.failed || run->options->output == NULL)
        commit(run); /* lines were streamed before the FILE failed, or not even that */
}

/* ---- judging -------------------------------------------------------------- */

static const char *trace_path(const struct goleak_trace *trace)
{
    struct goleak_input_info info;
    return goleak_trace_input(trace, 0, &info) == GOLEAK_OK ? info.path : NULL;
}

/* The text report shows the health itself; beside the others it is said here.
 * With --strict it is what the run fails for, and always said. */
static void judge_health(struct run *run, const struct goleak_trace *trace)
{
    bool strict = run->options->strict;
    bool shown = strcmp(run->options->format, "text") == 0;
    const char *path = trace_path(trace);
    struct goleak_capture capture;
    struct goleak_health health;
    size_t hurts = 0;
    for (size_t i = 0; goleak_trace_health(trace, i, &health) == GOLEAK_OK; i++) {
        if (!health.hurts || health.count == 0)
            continue;
        hurts++;
        if (strict)
            cli_diag_health(run->diag, CLI_ERROR, &health, path, "refused by --strict: ");
        else if (!shown && !run->output.closed_pipe)
            cli_diag_health(run->diag, CLI_WARNING, &health, path, "");
    }
    goleak_trace_capture(trace, &capture);
    if (strict && hurts == 0 && !capture.complete)
        cli_diag_say(run->diag, CLI_ERROR, path, "refused by --strict: the recording is not complete");
    if (strict && (hurts > 0 || !capture.complete))
        run->trouble = true;
}

/* A least age hides leaks, or does nothing: neither in silence. */
static void judge_age(struct run *run, const struct goleak_trace *trace)
{
    struct goleak_capture capture;
    int64_t least_ns = run->options->min_age_ns;
    goleak_trace_capture(trace, &capture);
    if (least_ns == 0)
        return;
    if (capture.duration_ns == GOLEAK_NONE)
        cli_diag_say(run->diag, CLI_WARNING, trace_path(trace),
                     "--min-age does nothing here: the recording tells no time");
    else if (capture.duration_ns < least_ns)
        cli_diag_say(run->diag, CLI_WARNING, trace_path(trace),
                     "--min-age is longer than the recording: no wait that began in it can be that old");
}

/* A version that was given in vain. */
static void judge_version(struct run *run, const struct goleak_trace *trace)
{
    const char *given = run->options->go_version;
    struct goleak_input_info input;
    for (size_t i = 0; given != NULL && goleak_trace_input(trace, i, &input) == GOLEAK_OK; i++)
        if (input.go_version != NULL && strcmp(input.go_version_from, "header") == 0) /* one that fits would be kept */
            cli_diag_say(run->diag, CLI_WARNING, input.path,
                         "--go-version=%s does nothing here: the recording itself tells Go %s", given,
                         input.go_version);
}

/* Where goroutines are only counted, no line does not mean that there is none. */
static void judge_lines(struct run *run, const struct goleak_trace *trace)
{
    struct goleak_summary summary;
    struct goleak_capture capture;
    struct goleak_goroutine goroutine;
    struct goleak_goroutine_iter first = { 0 };
    if (strcmp(run->options->format, "ndjson") != 0)
        return;
    goleak_trace_summary(trace, &summary);
    goleak_trace_capture(trace, &capture);
    if (!capture.has_goroutines)
        cli_diag_say(run->diag, CLI_WARNING, trace_path(trace),
                     "the recording tells of no goroutine, so that there are no lines");
    else if (summary.live_at_end != 0 && goleak_goroutine_next(trace, &first, &goroutine) != GOLEAK_OK)
        cli_diag_say(run->diag, CLI_WARNING, trace_path(trace),
                     "the recording names no goroutines, so that there are no lines; --format=json tells how many "
                     "there are");
}

static bool has_leaks(const struct goleak_trace *trace, enum cli_fail_on fail_on)
{
    struct goleak_summary summary;
    if (fail_on == CLI_FAIL_ON_NEVER)
        return false;
    goleak_trace_summary(trace, &summary);
    for (size_t verdict = 0; verdict <= (size_t)fail_on; verdict++) {
        if (summary.verdicts[verdict] > 0)
            return true;
    }
    return false;
}

static enum cli_exit judge(struct run *run)
{
    bool leaks = false;
    for (size_t i = 0; i < run->trace_count; i++) {
        judge_health(run, run->traces[i]);
        judge_age(run, run->traces[i]);
        judge_version(run, run->traces[i]);
        judge_lines(run, run->traces[i]);
        leaks = leaks || has_leaks(run->traces[i], run->options->fail_on);
    }
    return run->trouble ? CLI_EXIT_TROUBLE : leaks ? CLI_EXIT_LEAKS : CLI_EXIT_CLEAN;
}

static void release(struct run *run)
{
    for (size_t i = 0; i < run->trace_count; i++)
        goleak_trace_free(run->traces[i]);
    free(run->traces);
    free(run->errors);
    cli_output_discard(&run->output);
}

enum cli_exit cli_report(const struct cli_options *options, struct cli_diag *diag)
{
    struct run run = { .options = options, .diag = diag, .output = { .fd = -1 } };
    enum cli_exit status = CLI_EXIT_TROUBLE;
    for (size_t i = 0; i < options->idle_count; i++)
        cli_diag_say(diag, CLI_WARNING, NULL, "--%s is for --format=%s: it changes nothing with --format=%s",
                     options->idle[i].name, options->idle[i].format, options->format);
    if (prepare(&run)) {
        say_failures(&run, load(&run));
        write_results(&run);
        status = judge(&run);
    }
    release(&run);
    return status;
}
