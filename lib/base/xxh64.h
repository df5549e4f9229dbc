/*
 * xxh64 - the checksum of our own format: XXH64, as zstd's frames have it too.
 *
 * It tells damage from good bytes, and is no protection from anybody who means it.
 */
#ifndef GOLEAK_BASE_XXH64_H
#define GOLEAK_BASE_XXH64_H

#include <stddef.h>
#include <stdint.h>

/* With seed 0. */
uint64_t goleak_xxh64(const void *bytes, size_t size);

#endif
