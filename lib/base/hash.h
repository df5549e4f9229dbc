/*
 * hash - mixing functions for our tables; not for untrusted keys alone: every
 * table that is keyed by input bytes compares the bytes as well.
 *
 * Whoever knows the functions can make keys that fall on each other, and of n of
 * them the table would look at n * n. So a table in which one key had to go past
 * GOLEAK_HASH_FAR others, as keys that nobody chose never do, takes a secret into
 * its hashes from there on. No order that anybody sees hangs on hashes.
 */
#ifndef GOLEAK_BASE_HASH_H
#define GOLEAK_BASE_HASH_H

#include <stdbool.h>
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

static inline uint64_t goleak_hash_word(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

#define GOLEAK_HASH_FAR 4096

/* Not 0. Where a program's memory lies differs from run to run. */
static inline uint64_t goleak_hash_secret(const void *memory)
{
    return goleak_hash_u64((uint64_t)(uintptr_t)&memory ^ goleak_hash_u64((uint64_t)(uintptr_t)memory)) | 1;
}

/* Slow. A polynomial at a secret place: whatever two texts are, at few of all places they have one value. */
static inline uint64_t goleak_hash_bytes_secretly(uint64_t secret, const void *bytes, size_t size)
{
    const uint64_t prime = ((uint64_t)1 << 31) - 1, place = (secret >> 32) % prime;
    const unsigned char *at = bytes;
    uint64_t hash = size % prime;
    for (size_t i = 0; i < size; i++)
        hash = (hash * place + at[i] + 1) % prime;
    return goleak_hash_u64(hash ^ secret << 32);
}

/* The last bytes, fewer than eight; `behind`: eight or more are before their end. In one piece, or in two that overlap:
 * what is put together in memory byte by byte and read as a word there waits until all of them have got there. */
static inline uint64_t goleak_hash_rest(const unsigned char *at, size_t size, bool behind)
{
    uint32_t four[2];
    if (size == 0)
        return 0;
    if (behind)
        return goleak_hash_word(at + size - 8);
    if (size >= 4) {
        memcpy(&four[0], at, 4);
        memcpy(&four[1], at + size - 4, 4);
        return (uint64_t)four[0] << 32 | four[1];
    }
    return (uint64_t)at[0] << 16 | (uint64_t)at[size / 2] << 8 | at[size - 1];
}

/* Good enough for strings and stack text. Long ones go in four lanes, which do
 * not wait for each other's multiplications; the rest eight bytes a step. */
static inline uint64_t goleak_hash_bytes(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    const size_t all = size;
    uint64_t hash = 0x9e3779b97f4a7c15u ^ size;
    if (size >= 64) {
        uint64_t a = hash, b = ~hash, c = hash << 7, d = hash >> 9;
        for (; size >= 32; at += 32, size -= 32) {
            a = (a ^ goleak_hash_word(at)) * 0xff51afd7ed558ccdu;
            b = (b ^ goleak_hash_word(at + 8)) * 0xff51afd7ed558ccdu;
            c = (c ^ goleak_hash_word(at + 16)) * 0xff51afd7ed558ccdu;
            d = (d ^ goleak_hash_word(at + 24)) * 0xff51afd7ed558ccdu;
            a ^= a >> 29, b ^= b >> 31, c ^= c >> 33, d ^= d >> 35;
        }
        hash = a ^ b * 0x9e3779b97f4a7c15u ^ (c ^ d * 0xd6e8feb86659fd93u) * 0xc4ceb9fe1a85ec53u;
    }
    for (; size >= 8; at += 8, size -= 8) {
        hash = (hash ^ goleak_hash_word(at)) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    const uint64_t word = goleak_hash_rest(at, size, all >= 8);
    hash = (hash ^ word) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 29;
}

#endif
