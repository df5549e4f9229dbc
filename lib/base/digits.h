/*
 * digits - numbers and words at a glance, for the readers' fast paths.
 *
 * These read 24 bytes from where they start, whatever stands there: the caller
 * knows that they are readable (lines.h: GOLEAK_LINES_PAD). They give up early
 * instead of checking for overflow: 15 hexadecimal or 18 decimal digits at most.
 * What they do not take, number.h does.
 */
#ifndef GOLEAK_BASE_DIGITS_H
#define GOLEAK_BASE_DIGITS_H

#include "base/bits.h"
#include "base/number.h"

#include <stdbool.h>
#include <string.h>
#if defined(__SSE2__) && defined(__x86_64__)
#include <emmintrin.h>
#endif

static inline uint64_t goleak_load64(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* ---- a digit at a time: for any machine ---- */

/* Up to 15 digits. Stays where it is if there is none. */
static inline const char *goleak_plain_hex(const char *at, uint64_t *out)
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

/* Goes on behind digits that gave *out, up to `stop`. */
static inline const char *goleak_plain_more(const char *at, const char *stop, uint64_t *out)
{
    while (at < stop && (unsigned char)(*at - '0') < 10)
        *out = *out * 10 + (unsigned char)(*at++ - '0');
    return at;
}

/* Up to 18 digits. Stays where it is if there is none. */
static inline const char *goleak_plain_u64(const char *at, uint64_t *out)
{
    *out = 0;
    return goleak_plain_more(at, at + 18, out);
}

/* ---- eight at once: the first digit in the lowest byte ---- */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define GOLEAK_EIGHT 1
#else
#define GOLEAK_EIGHT 0
#endif

#define GOLEAK_EACH_BYTE UINT64_C(0x0101010101010101)
#define GOLEAK_HIGH_BITS (0x80 * GOLEAK_EACH_BYTE)

/* The high bit of the first byte that is none of '0' to '9'; it carries into those behind. */
static inline uint64_t goleak_not_decimal(uint64_t word)
{
    uint64_t low = word ^ 0x30 * GOLEAK_EACH_BYTE;
    return ((low + 0x76 * GOLEAK_EACH_BYTE) | low) & GOLEAK_HIGH_BITS;
}

/* … or of 'a' to 'f' and 'A' to 'F': these give 1 to 6. */
static inline uint64_t goleak_not_hex(uint64_t word)
{
    uint64_t letter = (word | 0x20 * GOLEAK_EACH_BYTE) ^ 0x60 * GOLEAK_EACH_BYTE, low = letter & ~GOLEAK_HIGH_BITS;
    uint64_t above = (low + 0x79 * GOLEAK_EACH_BYTE) | letter, any = low + 0x7f * GOLEAK_EACH_BYTE;
    uint64_t digit = word ^ 0x30 * GOLEAK_EACH_BYTE;
    uint64_t none = ((digit & ~GOLEAK_HIGH_BITS) + 0x76 * GOLEAK_EACH_BYTE) | digit;
    return none & (above | ~any) & GOLEAK_HIGH_BITS;
}

/* The first `count` (0 to 7) bytes, behind zeros that count as leading ones. */
static inline uint64_t goleak_first_bytes(uint64_t word, unsigned count)
{
    return word << (56 - 8 * count) << 8;
}

/* Of the values 0 to 9, zeros in front. */
static inline uint64_t goleak_eight_decimal(uint64_t low)
{
    low = low * 10 + (low >> 8); /* pairs, then fours, then all eight */
    return (((low & 0x000000ff000000ffu) * (100 + (1000000ull << 32))) +
            ((low >> 16 & 0x000000ff000000ffu) * (1 + (10000ull << 32)))) >> 32;
}

/* Of digits; zero bytes in front count as zeros. */
static inline uint64_t goleak_eight_hex(uint64_t word)
{
    word = (word & 0x0f * GOLEAK_EACH_BYTE) + 9 * ((word >> 6) & GOLEAK_EACH_BYTE);
    word = (word << 4 | word >> 8) & 0x00ff00ff00ff00ffu; /* pairs, the first in the lowest two bytes */
    word = (word << 8 | word >> 16) & 0x0000ffff0000ffffu;
    return (word << 16 | word >> 32) & 0xffffffffu;
}

/* Up to 15 digits, as goleak_fast_hex. */
static inline const char *goleak_eight_hex_digits(const char *at, uint64_t *out)
{
    if (!GOLEAK_EIGHT)
        return goleak_plain_hex(at, out);
    uint64_t word = goleak_load64(at), other = goleak_not_hex(word);
    if (other != 0) {
        unsigned count = goleak_low_zeros(other) / 8;
        *out = goleak_eight_hex(goleak_first_bytes(word, count));
        return at + count;
    }
    uint64_t more = goleak_load64(at + 8);
    unsigned count = goleak_low_zeros(goleak_not_hex(more) | (uint64_t)1 << 63) / 8;
    *out = goleak_eight_hex(word) << 4 * count | goleak_eight_hex(goleak_first_bytes(more, count));
    return at + 8 + count;
}

/* ---- what the readers use ---- */

/* Up to 15 digits. Stays where it is if there is none. */
static inline const char *goleak_fast_hex(const char *at, uint64_t *out)
{
#if defined(__SSE2__) && defined(__x86_64__)
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i digit = _mm_xor_si128(text, _mm_set1_epi8(0x30)), lower = _mm_or_si128(text, _mm_set1_epi8(0x20));
    __m128i letter = _mm_sub_epi8(lower, _mm_set1_epi8('a')); /* unsigned: at most 9, or 5 */
    __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
    __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
    unsigned valid = (unsigned)_mm_movemask_epi8(_mm_or_si128(is_digit, is_letter));
    unsigned count = goleak_low_zeros(~valid | 1u << 15);
    /* A letter's low half is 1 to 6. */
    __m128i value = _mm_add_epi8(_mm_and_si128(text, _mm_set1_epi8(0x0f)), _mm_and_si128(is_letter, _mm_set1_epi8(9)));
    value = _mm_or_si128(_mm_slli_epi16(value, 4), _mm_srli_epi16(value, 8));
    value = _mm_packus_epi16(_mm_and_si128(value, _mm_set1_epi16(0xff)), value);
    *out = __builtin_bswap64((uint64_t)_mm_cvtsi128_si64(value)) >> (60 - 4 * count) >> 4;
    return at + count;
#else
    return goleak_eight_hex_digits(at, out);
#endif
}

/* Up to 18 digits. Stays where it is if there is none. */
static inline const char *goleak_fast_u64(const char *at, uint64_t *out)
{
    static const uint32_t tens[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000 };
    const uint64_t zeros = 0x30 * GOLEAK_EACH_BYTE;
    if (!GOLEAK_EIGHT)
        return goleak_plain_u64(at, out);
    uint64_t word = goleak_load64(at), other = goleak_not_decimal(word);
    if (other != 0) {
        unsigned count = goleak_low_zeros(other) / 8;
        *out = goleak_eight_decimal(goleak_first_bytes(word ^ zeros, count));
        return at + count;
    }
    *out = goleak_eight_decimal(word ^ zeros);
    word = goleak_load64(at + 8);
    other = goleak_not_decimal(word);
    if (other == 0)
        return goleak_plain_more(at + 8, at + 18, out);
    unsigned count = goleak_low_zeros(other) / 8;
    *out = *out * tens[count] + goleak_eight_decimal(goleak_first_bytes(word ^ zeros, count));
    return at + 8 + count;
}

/* The first blank or control character at or behind `at`; `limit` or a little more where
 * there is none before it. */
static inline const char *goleak_find_blank(const char *at, const char *limit)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; at < limit; at += 8) {
        uint64_t word = goleak_load64(at);
        uint64_t below = (word - 0x2121212121212121u) & ~word & 0x8080808080808080u;
        if (below != 0) /* the lowest is right, whatever it borrows from those above */
            return at + goleak_low_zeros(below) / 8;
    }
#else
    while (at < limit && (unsigned char)*at > ' ')
        at++;
#endif
    return at;
}

/* A counter: sign, up to 9 digits. Stays where it is if there is none. */
static inline const char *goleak_fast_i32(const char *start, int32_t *out)
{
    bool negative = *start == '-';
    const char *digits = start + negative, *end;
    uint64_t value = 0;
    uint64_t word = goleak_load64(digits), other = goleak_not_decimal(word);
    if (GOLEAK_EIGHT && other != 0) {
        unsigned count = goleak_low_zeros(other) / 8;
        value = goleak_eight_decimal(goleak_first_bytes(word ^ 0x30 * GOLEAK_EACH_BYTE, count));
        end = digits + count;
    } else {
        end = goleak_plain_more(digits, digits + 9, &value);
    }
    *out = negative ? -(int32_t)value : (int32_t)value;
    return end > digits ? end : start;
}

/* The first byte that is no blank at or behind `at`; `limit` or a little more where there
 * is none before it. */
static inline const char *goleak_fast_blanks(const char *at, const char *limit)
{
    if (!GOLEAK_EIGHT) {
        while (at < limit && *at == ' ')
            at++;
        return at;
    }
    for (; at < limit; at += 8) {
        uint64_t other = goleak_load64(at) ^ ' ' * GOLEAK_EACH_BYTE;
        if (other != 0)
            return at + goleak_low_zeros(other) / 8;
    }
    return at;
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
