/* terminal - what the terminal can show: colours, columns, lines written over. */
#ifndef GOLEAK_CLI_TERMINAL_H
#define GOLEAK_CLI_TERMINAL_H

#include "options.h"

/* A terminal where the cursor can move. */
bool cli_terminal_is_smart(int fd);

/* Whether what goes to `fd` should be coloured. */
bool cli_terminal_color(enum cli_when when, int fd);

/* Columns of the terminal that is `fd`, else of COLUMNS; 0: neither tells. */
unsigned cli_terminal_width(int fd);

#endif
