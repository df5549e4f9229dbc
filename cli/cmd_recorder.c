/* cmd_recorder - see cmd_recorder.h. */
#include "cmd_recorder.h"

#include "output.h"

static bool write_script(const struct cli_options *from, struct cli_output *output, struct cli_diag *diag)
{
    struct goleak_recorder_options options = GOLEAK_RECORDER_OPTIONS_INIT;
    struct goleak_error error = { 0 };
    options.exe = from->exe;
    options.go_version = from->go_version;
    options.arch = from->arch;
    options.objects = from->objects;
    options.minimal = from->minimal;
    options.locks = from->locks;
    if (goleak_recorder_write(from->files[0], &options, cli_output_write, output, &error) < 0 && !output->failed &&
        !output->closed_pipe) {
        cli_diag_failure(diag, &error);
        return false;
    }
    if (!cli_output_commit(output)) {
        cli_diag_say(diag, CLI_ERROR, output->name, "%s", output->problem);
        return false;
    }
    return true;
}

enum cli_exit cli_recorder(const struct cli_options *options, struct cli_diag *diag)
{
    struct cli_output output;
    if (!cli_output_spares(options, diag))
        return CLI_EXIT_TROUBLE;
    bool done = cli_output_open(&output, options->output, diag);
    if (!done)
        cli_diag_say(diag, CLI_ERROR, output.name, "%s", output.problem);
    done = done && write_script(options, &output, diag);
    cli_output_discard(&output);
    return done ? CLI_EXIT_CLEAN : CLI_EXIT_TROUBLE;
}
