/* collide - keys that fall on each other in tables of ours, as somebody would choose them who knows base/hash.h. */
#ifndef SUPPORT_COLLIDE_H
#define SUPPORT_COLLIDE_H

#include <stdint.h>

/* So many let a table take a secret. */
#define COLLIDE_MANY 6000

/* odd * collide_inverse(odd) is 1. */
static inline uint64_t collide_inverse(uint64_t odd)
{
    uint64_t inverse = odd;
    for (int i = 0; i < 6; i++)
        inverse *= 2 - odd * inverse;
    return inverse;
}

/* Whose goleak_hash_u64() this is. */
static inline uint64_t collide_u64(uint64_t hash)
{
    hash *= collide_inverse(0xd6e8feb86659fd93u);
    hash ^= hash >> 32;
    return hash * collide_inverse(0x9e3779b97f4a7c15u);
}

/* The eight bytes whose goleak_hash_bytes() this is. */
static inline uint64_t collide_word(uint64_t hash)
{
    hash ^= hash >> 29 ^ hash >> 58;
    hash *= collide_inverse(0xc4ceb9fe1a85ec53u);
    hash ^= hash >> 32;
    hash *= collide_inverse(0xff51afd7ed558ccdu);
    return hash ^ 0x9e3779b97f4a7c15u ^ 8;
}

#endif
