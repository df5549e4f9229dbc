/* text - what a text begins with, and what is in it. */
#ifndef GOLEAK_TESTS_TEXT_H
#define GOLEAK_TESTS_TEXT_H

#include <stdbool.h>
#include <string.h>

static inline bool starts(const char *text, const char *part)
{
    return strncmp(text, part, strlen(part)) == 0;
}

static inline bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

#endif
