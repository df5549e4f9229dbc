/*
 * varint - unsigned base-128 integers, as Go traces have them: little-endian groups of
 * 7 bits, at most 10 bytes, any of them may be padding (writers reserve 10 bytes for
 * lengths that they fill in later).
 */
#ifndef GOLEAK_FORMAT_VARINT_H
#define GOLEAK_FORMAT_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns where it ends; NULL: it is cut, or more than 64 bits. */
static inline const uint8_t *goleak_varint(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
    if (at < end && *at < 0x80) {
        *out = *at;
        return at + 1;
    }
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && at < end; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1)
            return NULL;
        value |= (uint64_t)(byte & 0x7f) << (shift & 63);
        if (byte < 0x80) {
            *out = value;
            return at;
        }
    }
    return NULL;
}

/* The number at *at, which moves behind it. */
static inline bool goleak_varint_take(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    const uint8_t *next = goleak_varint(*at, end, out);
    if (next == NULL)
        return false;
    *at = next;
    return true;
}

/* Where bytes are readable behind the end (10 for each number), several numbers are read
 * first, and whether they end where they may is looked at once. What has more than 64 bits
 * is 0, and goes on at `wrong`, as many zeros. */
static inline const uint8_t *goleak_varint_ahead(const uint8_t *at, const uint8_t *wrong, uint64_t *out)
{
    uint64_t first = at[0], second, third;
    if (first < 0x80) {
        *out = first;
        return at + 1;
    }
    if ((second = at[1]) < 0x80) {
        *out = (first & 0x7f) | second << 7;
        return at + 2;
    }
    if ((third = at[2]) < 0x80) {
        *out = (first & 0x7f) | (second & 0x7f) << 7 | third << 14;
        return at + 3;
    }
    *out = 0;
    at = goleak_varint(at, at + 10, out);
    return at != NULL ? at : wrong;
}

#endif
