/* bits - counting them; and many of them, in words. */
#ifndef GOLEAK_BASE_BITS_H
#define GOLEAK_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many a number needs: 0 for 0, 64 for the largest. */
static inline unsigned goleak_bits(uint64_t value)
{
#if defined(__GNUC__) || defined(__clang__)
    return value != 0 ? 64u - (unsigned)__builtin_clzll(value) : 0;
#else
    unsigned bits = 0;
    for (; value != 0; value >>= 1)
        bits++;
    return bits;
#endif
}

/* Zeros below the lowest one; value is not 0. */
static inline unsigned goleak_low_zeros(uint64_t value)
{
#if defined(__GNUC__) || defined(__clang__)
    return (unsigned)__builtin_ctzll(value);
#else
    unsigned zeros = 0;
    for (; (value & 1) == 0; value >>= 1)
        zeros++;
    return zeros;
#endif
}

static inline bool goleak_has_bit(const uint64_t *bits, size_t at)
{
    return (bits[at / 64] >> at % 64 & 1) != 0;
}

static inline void goleak_set_bit(uint64_t *bits, size_t at)
{
    bits[at / 64] |= (uint64_t)1 << at % 64;
}

static inline void goleak_clear_bit(uint64_t *bits, size_t at)
{
    bits[at / 64] &= ~((uint64_t)1 << at % 64);
}

static inline size_t goleak_words_of(size_t bits)
{
    return (bits + 63) / 64;
}

#endif
