/* chance - numbers that look like chance, the same in every run: `seed` is set first. */
#ifndef GOLEAK_TESTS_CHANCE_H
#define GOLEAK_TESTS_CHANCE_H

#include <stdint.h>

static uint64_t seed;

static inline unsigned chance(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

#endif
