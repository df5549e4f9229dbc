/* sanitizer - whether this test was built with one: `make check` says so in GOLEAK_FEATURES. */
#ifndef GOLEAK_TESTS_SANITIZER_H
#define GOLEAK_TESTS_SANITIZER_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool has_sanitizer(void)
{
    const char *features = getenv("GOLEAK_FEATURES");
    return features != NULL && strstr(features, "san") != NULL;
}

/* Of so many rounds of what chance makes, those that a test goes through: a quarter with a sanitizer, with which each takes
 * ten times as long. */
static inline unsigned some_rounds(unsigned all)
{
    return has_sanitizer() ? (all + 3) / 4 : all;
}

#endif
