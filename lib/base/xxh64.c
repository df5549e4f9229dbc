/*
 * xxh64 - see xxh64.h.
 *
 * Written from the algorithm's description (xxHash fast digest algorithm, XXH64):
 * four lanes of 8 bytes a step, then the rest in steps of 8, 4 and 1, then a mix.
 */
#include "base/xxh64.h"

#include <string.h>

#define P1 UINT64_C(0x9e3779b185ebca87)
#define P2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define P3 UINT64_C(0x165667b19e3779f9)
#define P4 UINT64_C(0x85ebca77c2b2ae63)
#define P5 UINT64_C(0x27d4eb2f165667c5)

static inline uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

/* Little-endian, on any machine: compilers make one load of it where they can. */
static inline uint64_t load32(const unsigned char *at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24;
}

static inline uint64_t load64(const unsigned char *at)
{
    return load32(at) | load32(at + 4) << 32;
}

static inline uint64_t take(uint64_t lane, uint64_t word)
{
    return rotate(lane + word * P2, 31) * P1;
}

static inline uint64_t merge(uint64_t hash, uint64_t lane)
{
    return (hash ^ take(0, lane)) * P1 + P4;
}

uint64_t goleak_xxh64(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = P5;
    size_t left = size;
    if (left >= 32) {
        uint64_t a = P1 + P2, b = P2, c = 0, d = 0 - P1;
        for (; left >= 32; at += 32, left -= 32) {
            a = take(a, load64(at));
            b = take(b, load64(at + 8));
            c = take(c, load64(at + 16));
            d = take(d, load64(at + 24));
        }
        hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
        hash = merge(merge(merge(merge(hash, a), b), c), d);
    }
    hash += size;
    for (; left >= 8; at += 8, left -= 8)
        hash = rotate(hash ^ take(0, load64(at)), 27) * P1 + P4;
    if (left >= 4) {
        hash = rotate(hash ^ load32(at) * P1, 23) * P2 + P3;
        at += 4, left -= 4;
    }
    for (; left != 0; at++, left--)
        hash = rotate(hash ^ *at * P5, 11) * P1;
    hash = (hash ^ hash >> 33) * P2;
    hash = (hash ^ hash >> 29) * P3;
    return hash ^ hash >> 32;
}
