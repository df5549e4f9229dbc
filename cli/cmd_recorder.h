/* cmd_recorder - prints a script that records a Go program, for one of the tracers. */
#ifndef GOLEAK_CLI_CMD_RECORDER_H
#define GOLEAK_CLI_CMD_RECORDER_H

#include "cmd_report.h"

enum cli_exit cli_recorder(const struct cli_options *options, struct cli_diag *diag);

#endif
