/* cmd_convert - recordings in, one compact file out. */
#ifndef GOLEAK_CLI_CMD_CONVERT_H
#define GOLEAK_CLI_CMD_CONVERT_H

#include "cmd_report.h"

enum cli_exit cli_convert(const struct cli_options *options, struct cli_diag *diag);

#endif
