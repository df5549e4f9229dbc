/*
 * scratch - a file for one test. `path` ends in six letters X, which mkstemp needs.
 */
#ifndef GOLEAK_TESTS_SCRATCH_H
#define GOLEAK_TESTS_SCRATCH_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Makes it, under a new name; a test that then waits for longer is ended. 0, or -1: there is none. */
static inline int scratch_open(char *path, unsigned seconds)
{
    memset(path + strlen(path) - 6, 'X', 6);
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    alarm(seconds); /* what waits for ever is a failure */
    return 0;
}

static inline int scratch_close(const char *path)
{
    alarm(0);
    return unlink(path);
}

#endif
