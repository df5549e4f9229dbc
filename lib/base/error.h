/* error - filling the caller's struct goleak_error; a NULL error is allowed. */
#ifndef GOLEAK_BASE_ERROR_H
#define GOLEAK_BASE_ERROR_H

#include "base/alloc.h"

/* Sets status and sentence, clears the rest; returns status. */
enum goleak_status goleak_error_set(struct goleak_error *error, enum goleak_status status, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* The sentence for a NULL from goleak_realloc: which limit, which option. */
enum goleak_status goleak_error_alloc(struct goleak_error *error, const struct goleak_alloc *alloc);

/* Copies a caller's options over the defaults in own[size]; they may be an older or newer header's: their first
 * member, a size_t, tells how many bytes they have. NULL: all are the defaults. `init`: the macro's name. */
enum goleak_status goleak_options_copy(void *own, size_t size, const void *options, const char *init,
                                       struct goleak_error *error);

/* Copies bytes into out[room], NUL-terminated: printable ASCII as it is, every
 * other byte as \xNN; "…" where it had to be cut. */
void goleak_escape_excerpt(char *out, size_t room, const void *bytes, size_t size);

#endif
