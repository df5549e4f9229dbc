/*
 * bytes - growable bytes for tests. Memory that ends is no test: it aborts.
 *
 *      struct bytes text = { 0 };
 *      bytes_format(&text, "gopark: goroutine=%" PRIx64 "\n", g);
 *      bytes_free(&text);
 *
 * What is there is always followed by a NUL that does not count.
 */
#ifndef GOLEAK_TESTS_BYTES_H
#define GOLEAK_TESTS_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
    char *data; /* NULL while there is nothing */
    size_t size, room;
};

void bytes_add(struct bytes *bytes, const void *data, size_t size);
void bytes_text(struct bytes *bytes, const char *text);
void bytes_format(struct bytes *bytes, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
void bytes_clear(struct bytes *bytes);
void bytes_free(struct bytes *bytes);
bool bytes_equal(const struct bytes *a, const struct bytes *b);

/* Adds a whole file; unpacks it if it is zstd data. False: it cannot be read. */
bool bytes_read(struct bytes *bytes, const char *path);
/* Adds a whole file as it is. */
bool bytes_read_raw(struct bytes *bytes, const char *path);
bool bytes_write(const struct bytes *bytes, const char *path);

/* Adds one frame of `from`; the level is the fastest that packs at all. */
void bytes_zstd(struct bytes *bytes, const struct bytes *from);
/* False: built without zlib. */
bool bytes_gzip(struct bytes *bytes, const struct bytes *from);

#endif
