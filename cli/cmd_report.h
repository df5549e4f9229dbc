/* cmd_report - reads the FILEs, writes one report on them, judges the exit status. */
#ifndef GOLEAK_CLI_CMD_REPORT_H
#define GOLEAK_CLI_CMD_REPORT_H

#include "diag.h"
#include "options.h"

enum cli_exit { CLI_EXIT_CLEAN = 0, CLI_EXIT_LEAKS = 1, CLI_EXIT_TROUBLE = 2 };

enum cli_exit cli_report(const struct cli_options *options, struct cli_diag *diag);

#endif
