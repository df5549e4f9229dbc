/* bytes - see bytes.h. */
#include "support/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>
#ifdef GOLEAK_HAVE_ZLIB
#include <zlib.h>
#endif

/* Room for `more` bytes and the NUL. */
static char *make_room(struct bytes *bytes, size_t more)
{
    size_t need = bytes->size + more + 1;
    if (need > bytes->room) {
        bytes->room = need * 2;
        bytes->data = realloc(bytes->data, bytes->room);
        if (bytes->data == NULL)
            abort();
    }
    return bytes->data + bytes->size;
}

static void took(struct bytes *bytes, size_t size)
{
    bytes->size += size;
    bytes->data[bytes->size] = '\0';
}

void bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    char *to = make_room(bytes, size);
    if (size != 0)
        memcpy(to, data, size);
    took(bytes, size);
}

void bytes_text(struct bytes *bytes, const char *text)
{
    bytes_add(bytes, text, strlen(text));
}

void bytes_format(struct bytes *bytes, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        abort();
    vsnprintf(make_room(bytes, (size_t)size), (size_t)size + 1, format, again);
    va_end(again);
    took(bytes, (size_t)size);
}

void bytes_clear(struct bytes *bytes)
{
    bytes->size = 0;
    bytes_add(bytes, NULL, 0);
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes) { 0 };
}

bool bytes_equal(const struct bytes *a, const struct bytes *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

/* ---- files ---------------------------------------------------------------- */

bool bytes_read_raw(struct bytes *bytes, const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t got;
    if (file == NULL)
        return false;
    do {
        got = fread(make_room(bytes, 65536), 1, 65536, file);
        took(bytes, got);
    } while (got != 0);
    bool good = ferror(file) == 0;
    return fclose(file) == 0 && good;
}

/* All frames of `from`; false if they are damaged. */
static bool unpack(struct bytes *bytes, const struct bytes *from)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = { from->data, from->size, 0 };
    size_t left = 0;
    if (stream == NULL)
        abort();
    while (in.pos < in.size && !ZSTD_isError(left)) {
        ZSTD_outBuffer out = { make_room(bytes, 65536), 65536, 0 };
        left = ZSTD_decompressStream(stream, &out, &in);
        took(bytes, out.pos);
    }
    ZSTD_freeDStream(stream);
    return left == 0;
}

bool bytes_read(struct bytes *bytes, const char *path)
{
    struct bytes raw = { 0 };
    bool good = bytes_read_raw(&raw, path);
    bool packed = raw.size >= 4 && memcmp(raw.data, "\x28\xb5\x2f\xfd", 4) == 0;
    if (good && packed)
        good = unpack(bytes, &raw);
    else if (good)
        bytes_add(bytes, raw.data, raw.size);
    bytes_free(&raw);
    return good;
}

bool bytes_write(const struct bytes *bytes, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    bool good = fwrite(bytes->data, 1, bytes->size, file) == bytes->size;
    return fclose(file) == 0 && good;
}

/* ---- packing --------------------------------------------------------------- */

void bytes_zstd(struct bytes *bytes, const struct bytes *from)
{
    size_t bound = ZSTD_compressBound(from->size);
    size_t size = ZSTD_compress(make_room(bytes, bound), bound, from->data, from->size, 1);
    if (ZSTD_isError(size))
        abort();
    took(bytes, size);
}

#ifdef GOLEAK_HAVE_ZLIB
bool bytes_gzip(struct bytes *bytes, const struct bytes *from)
{
    z_stream stream = { 0 };
    const int gzip_window = 15 + 16;
    if (deflateInit2(&stream, 6, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    size_t bound = deflateBound(&stream, (uLong)from->size);
    stream.next_in = (Bytef *)from->data;
    stream.avail_in = (uInt)from->size;
    stream.next_out = (Bytef *)make_room(bytes, bound);
    stream.avail_out = (uInt)bound;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        abort();
    took(bytes, (size_t)stream.total_out);
    deflateEnd(&stream);
    return true;
}
#else
bool bytes_gzip(struct bytes *bytes, const struct bytes *from)
{
    (void)bytes, (void)from;
    return false;
}
#endif
