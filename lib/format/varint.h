/*
 * varint - unsigned base-128 integers, as Go traces have them: little-endian groups of
 * 7 bits, at most 10 bytes, any of them may be padding (writers reserve 10 bytes for
 * lengths that they fill in later).
 */
#ifndef GOLEAK_FORMAT_VARINT_H
#define GOLEAK_FORMAT_VARINT_H

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

#endif
