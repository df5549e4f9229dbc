/* error - see error.h. */
#include "base/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum goleak_status goleak_error_set(struct goleak_error *error, enum goleak_status status, const char *format, ...)
{
    if (error == NULL)
        return status;
    memset(error, 0, sizeof *error);
    error->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return status;
}

enum goleak_status goleak_error_alloc(struct goleak_error *error, const struct goleak_alloc *alloc)
{
    if (goleak_alloc_failure(alloc) == GOLEAK_E_LIMIT)
        return goleak_error_set(error, GOLEAK_E_LIMIT,
                                "the memory limit of %" PRIu64 " bytes for the analysis is reached (%" PRIu64
                                " in use); raise it with --max-memory",
                                alloc->limit_bytes, alloc->used_bytes);
    return goleak_error_set(error, GOLEAK_E_MEMORY, "out of memory (%" PRIu64 " bytes in use)", alloc->used_bytes);
}

#define OPTIONS_MOST 4096 /* bytes: with more, the first member was never set */

enum goleak_status goleak_options_copy(void *own, size_t size, const void *options, const char *init,
                                       struct goleak_error *error)
{
    size_t told;
    if (options == NULL)
        return GOLEAK_OK;
    memcpy(&told, options, sizeof told);
    if (told < sizeof told || told > OPTIONS_MOST)
        return goleak_error_set(error, GOLEAK_E_USAGE, "options.size is %zu: begin with %s", told, init);
    memcpy(own, options, told < size ? told : size);
    return GOLEAK_OK;
}

void goleak_escape_excerpt(char *out, size_t room, const void *bytes, size_t size)
{
    static const char cut[] = "\xe2\x80\xa6";
    const unsigned char *in = bytes;
    size_t at = 0;
    for (size_t i = 0; i < size; i++) {
        bool plain = in[i] >= 0x20 && in[i] < 0x7f;
        if (at + (plain ? 1 : 4) + sizeof cut > room) {
            memcpy(out + at, cut, sizeof cut - 1);
            at += sizeof cut - 1;
            break;
        }
        if (plain)
            out[at++] = (char)in[i];
        else
            at += (size_t)snprintf(out + at, room - at, "\\x%02x", in[i]);
    }
    out[at] = '\0';
}
