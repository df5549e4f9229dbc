/*
 * digits - numbers and words at a glance, for the readers' fast paths.
 *
 * These read 16 bytes from where they start, whatever stands there: the caller
 * knows that they are readable (lines.h: GOLEAK_LINES_PAD). They give up early
 * instead of checking for overflow: 15 hexadecimal or 18 decimal digits at most.
 * What they do not take, number.h does.
 */
#ifndef GOLEAK_BASE_DIGITS_H
#define GOLEAK_BASE_DIGITS_H

#include "base/number.h"

#include <stdbool.h>
#include <string.h>

static inline uint64_t goleak_load64(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Up to 15 digits. Stays where it is if there is none. */
static inline const char *goleak_fast_hex(const char *at, uint64_t *out)
{
    uint64_t value = 0;
    const char *stop = at + 15;
    uint8_t digit;
    while (at < stop && (digit = goleak_hex_digit[(unsigned char)*at]) < 16) {
        value = value << 4 | digit;
        at++;
    }
    *out = value;
    return at;
}

/* Eight digits at once, the first in the lowest byte; false: they are not all digits.
 * On machines that put it into the highest the general loop does it all. */
static inline bool goleak_eight_digits(const char *at, uint64_t *out)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word = goleak_load64(at), low = word ^ 0x3030303030303030u;
    if (((low + 0x7676767676767676u) | low) & 0x8080808080808080u)
        return false;
    low = low * 10 + (low >> 8); /* pairs, then fours, then all eight */
    *out = (((low & 0x000000ff000000ffu) * (100 + (1000000ull << 32))) +
            ((low >> 16 & 0x000000ff000000ffu) * (1 + (10000ull << 32)))) >> 32;
    return true;
#else
    (void)at, (void)out;
    return false;
#endif
}

/* Up to 18 digits. Stays where it is if there is none. */
static inline const char *goleak_fast_u64(const char *at, uint64_t *out)
{
    uint64_t value = 0;
    const char *stop = at + 18;
    if (goleak_eight_digits(at, &value))
        at += 8;
    while (at < stop && (unsigned char)(*at - '0') < 10)
        value = value * 10 + (unsigned char)(*at++ - '0');
    *out = value;
    return at;
}

/* A counter: sign, up to 9 digits. Stays where it is if there is none. */
static inline const char *goleak_fast_i32(const char *start, int32_t *out)
{
    bool negative = *start == '-';
    int32_t value = 0;
    const char *at = start + negative, *stop = at + 9;
    while (at < stop && (unsigned char)(*at - '0') < 10)
        value = value * 10 + (*at++ - '0');
    *out = negative ? -value : value;
    return at > start + negative ? at : start;
}

/* A word of up to 16 bytes, to be compared with two loads. */
struct goleak_word {
    uint64_t bytes[2], mask[2];
    uint8_t size;
};

/* False: it is longer. */
static inline bool goleak_word_set(struct goleak_word *word, const char *text, size_t size)
{
    char bytes[16] = { 0 }, mask[16] = { 0 };
    if (size > sizeof bytes)
        return false;
    memcpy(bytes, text, size);
    memset(mask, 0xff, size);
    memcpy(word->bytes, bytes, sizeof bytes);
    memcpy(word->mask, mask, sizeof mask);
    word->size = (uint8_t)size;
    return true;
}

static inline bool goleak_word_at(const struct goleak_word *word, const char *at)
{
    return (((goleak_load64(at) ^ word->bytes[0]) & word->mask[0]) |
            ((goleak_load64(at + 8) ^ word->bytes[1]) & word->mask[1])) == 0;
}

#endif
