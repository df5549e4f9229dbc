/*
 * glk_bytes - .glk files in memory: made of recordings, and taken apart.
 */
#ifndef GOLEAK_TESTS_GLK_BYTES_H
#define GOLEAK_TESTS_GLK_BYTES_H

#include <goleak.h>
#include <stdbool.h>

#include "support/bytes.h"

/* A goleak_write_fn: adds to struct bytes. */
bool glk_bytes_write(void *context, const void *data, size_t size);

/* Converts a file; the status of goleak_convert. */
enum goleak_status glk_bytes_convert(struct bytes *out, const char *path, int level);

/* Makes the checksums of all block heads, and those in them, right again where that is
 * possible, so that what is wrong with the rest is looked at. */
void glk_bytes_mend(struct bytes *glk);

#endif
