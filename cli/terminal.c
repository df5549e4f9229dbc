/* terminal - see terminal.h. */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "values.h"

bool cli_terminal_is_smart(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

bool cli_terminal_color(enum cli_when when, int fd)
{
    const char *no_color = getenv("NO_COLOR");
    if (when != CLI_WHEN_AUTO)
        return when == CLI_WHEN_ALWAYS;
    return (no_color == NULL || *no_color == '\0') && cli_terminal_is_smart(fd);
}

unsigned cli_terminal_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    unsigned width;
#ifdef TIOCGWINSZ
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
#else
    (void)fd;
#endif
    return columns != NULL && cli_value_count(columns, 10000, &width) ? width : 0;
}
