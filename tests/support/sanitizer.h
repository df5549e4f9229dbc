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

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined __SANITIZE_THREAD__ || __has_feature(thread_sanitizer)
#define GOLEAK_TESTS_RARELY 8
#else
#define GOLEAK_TESTS_RARELY 4
#endif

/* Of what is tried again and again each so manyth is tried with a sanitizer, with which it takes ten times as long; and
 * twice that where it is looked for what threads do at the same time. */
static inline unsigned each_of(void)
{
    return has_sanitizer() ? GOLEAK_TESTS_RARELY : 1;
}

static inline unsigned some_rounds(unsigned all)
{
    return (all + each_of() - 1) / each_of();
}

#endif
