/*
 * hash - mixing functions for our tables; not for untrusted keys alone: every
 * table that is keyed by input bytes compares the bytes as well.
 */
#ifndef GOLEAK_BASE_HASH_H
#define GOLEAK_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* For tables that index by the high bits. One multiplication is not enough:
 * addresses come at equal steps, and some steps then fall on each other. */
static inline uint64_t goleak_hash_u64(uint64_t key)
{
    key *= 0x9e3779b97f4a7c15u;
    key ^= key >> 32;
    return key * 0xd6e8feb86659fd93u;
}

/* Eight bytes a step; good enough for strings and stack text. */
static inline uint64_t goleak_hash_bytes(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = 0x9e3779b97f4a7c15u ^ size;
    uint64_t word;
    while (size >= 8) {
        memcpy(&word, at, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
        at += 8;
        size -= 8;
    }
    word = 0;
    memcpy(&word, at, size);
    hash = (hash ^ word) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 29;
}

#endif
