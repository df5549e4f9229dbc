/* buf - see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LARGE ((size_t)8 << 20)

void goleak_buf_init(struct goleak_buf *buf, struct goleak_alloc *alloc)
{
    *buf = (struct goleak_buf){ .alloc = alloc };
}

void goleak_buf_release(struct goleak_buf *buf)
{
    goleak_free(buf->alloc, buf->data, buf->capacity);
    *buf = (struct goleak_buf){ .alloc = buf->alloc };
}

bool goleak_buf_reserve(struct goleak_buf *buf, size_t more)
{
    const size_t from = buf->is_long ? GOLEAK_AHEAD_FROM : LARGE;
    if (more > SIZE_MAX - buf->size ||
        !goleak_grow_ahead(buf->alloc, &buf->data, &buf->capacity, buf->size + more, 1, from)) {
        buf->failed = true;
        return false;
    }
    return true;
}

void goleak_buf_append(struct goleak_buf *buf, const void *bytes, size_t size)
{
    if (size == 0 || !goleak_buf_reserve(buf, size))
        return;
    memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
}

void goleak_buf_text(struct goleak_buf *buf, const char *text)
{
    goleak_buf_append(buf, text, strlen(text));
}

void goleak_buf_char(struct goleak_buf *buf, char c)
{
    goleak_buf_append(buf, &c, 1);
}

void goleak_buf_u64(struct goleak_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    goleak_buf_append(buf, digits + at, sizeof digits - at);
}

void goleak_buf_i64(struct goleak_buf *buf, int64_t value)
{
    if (value < 0)
        goleak_buf_char(buf, '-');
    goleak_buf_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void goleak_buf_hex(struct goleak_buf *buf, uint64_t value)
{
    char digits[16];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    goleak_buf_append(buf, digits + at, sizeof digits - at);
}

void goleak_buf_printf(struct goleak_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size >= 0 && goleak_buf_reserve(buf, (size_t)size + 1)) {
        vsnprintf(buf->data + buf->size, (size_t)size + 1, format, again);
        buf->size += (size_t)size;
    }
    va_end(again);
}
