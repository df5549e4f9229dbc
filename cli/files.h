/* files - the FILEs of a command line, before they are opened. */
#ifndef GOLEAK_CLI_FILES_H
#define GOLEAK_CLI_FILES_H

#include "diag.h"
#include "options.h"

#include <sys/stat.h>

/* Of a FILE; "-" is standard input. False: it cannot be asked. */
bool cli_file_status(const char *file, struct stat *info);

/* Of all FILEs, for the progress line; 0 where one is a pipe or missing. */
uint64_t cli_files_bytes(const struct cli_options *options);

/* Takes out what is named a second time, by the same path or another, and says so: read
 * twice, every goroutine of it would count twice. */
void cli_files_once(struct cli_options *options, struct cli_diag *diag);

#endif
