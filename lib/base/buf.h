/*
 * buf - a growing run of bytes.
 *
 * A failed append sets `failed` and drops the bytes; check once at the end.
 */
#ifndef GOLEAK_BASE_BUF_H
#define GOLEAK_BASE_BUF_H

#include "base/alloc.h"

struct goleak_buf {
    struct goleak_alloc *alloc;
    char *data;
    size_t size, capacity;
    bool failed;
    bool is_long; /* set by its owner, behind init: it holds a good part of a recording, and is one of few */
};

void goleak_buf_init(struct goleak_buf *buf, struct goleak_alloc *alloc);
void goleak_buf_release(struct goleak_buf *buf);
/* Room for `more` bytes behind data + size; false (and failed) if there is none. */
bool goleak_buf_reserve(struct goleak_buf *buf, size_t more);
void goleak_buf_append(struct goleak_buf *buf, const void *bytes, size_t size);
void goleak_buf_text(struct goleak_buf *buf, const char *text);
void goleak_buf_char(struct goleak_buf *buf, char c);
void goleak_buf_u64(struct goleak_buf *buf, uint64_t value);
void goleak_buf_i64(struct goleak_buf *buf, int64_t value);
void goleak_buf_hex(struct goleak_buf *buf, uint64_t value); /* lower case, no 0x */
void goleak_buf_printf(struct goleak_buf *buf, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

#endif
