/* codec - the window of packed bytes that all codecs share; see codec.h. */
#include "input/codec.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void goleak_packed_damage(struct goleak_packed *packed, bool truncated, uint64_t offset, const char *format, ...)
{
    assert(!packed->damaged);
    packed->damaged = true;
    packed->truncated = truncated;
    packed->damage_offset = offset;
    va_list args;
    va_start(args, format);
    vsnprintf(packed->sentence, sizeof packed->sentence, format, args);
    va_end(args);
}

size_t goleak_packed_resync_from(const struct goleak_packed *packed, uint64_t frame_offset)
{
    uint64_t here = goleak_packed_offset(packed);
    uint64_t from = here < GOLEAK_PACKED_HISTORY ? 0 : here - GOLEAK_PACKED_HISTORY;
    if (from <= frame_offset)
        from = frame_offset + 1;
    assert(from >= packed->base_offset);
    return (size_t)(from - packed->base_offset);
}

bool goleak_packed_may_rewind(struct goleak_packed *packed, size_t size)
{
    /* By `at`, not by `end`: how much has come already is chance. */
    uint64_t granted = 4 * goleak_packed_offset(packed) + 1024 * 1024;
    if (packed->rewound_bytes > granted || size > granted - packed->rewound_bytes)
        return false;
    packed->rewound_bytes += size;
    return true;
}

void goleak_packed_resync(struct goleak_packed *packed, uint64_t frame_offset, size_t bad_bytes)
{
    size_t from = goleak_packed_resync_from(packed, frame_offset);
    size_t behind = packed->at + bad_bytes;
    assert(behind <= packed->end);
    if (from >= behind || goleak_packed_may_rewind(packed, behind - from))
        packed->at = from;
    else
        packed->at = behind;
}

bool goleak_packed_book(struct goleak_packed *packed, uint64_t *booked, uint64_t bytes)
{
    struct goleak_alloc *alloc = packed->alloc;
    uint64_t others = alloc->used_bytes - *booked;
    if (bytes > *booked && alloc->limit_bytes != 0 &&
        (others > alloc->limit_bytes || bytes > alloc->limit_bytes - others)) {
        alloc->over_limit = true;
        return false;
    }
    alloc->used_bytes = others + bytes;
    *booked = bytes;
    return true;
}

void goleak_packed_pass(struct goleak_packed *packed, const unsigned char *bytes, size_t size)
{
    size_t over = size > GOLEAK_PACKED_HISTORY ? size - GOLEAK_PACKED_HISTORY : 0;
    assert(packed->at == packed->end);
    packed->base_offset += packed->end + over;
    packed->at = packed->end = size - over;
    memcpy(packed->bytes, bytes + over, size - over);
}

size_t goleak_packed_fill(struct goleak_packed *packed, const void *data, size_t size)
{
    if (packed->end == GOLEAK_PACKED_ROOM && packed->at > GOLEAK_PACKED_HISTORY) {
        size_t drop = packed->at - GOLEAK_PACKED_HISTORY;
        memmove(packed->bytes, packed->bytes + drop, packed->end - drop);
        packed->base_offset += drop;
        packed->at -= drop;
        packed->end -= drop;
    }
    if (size > GOLEAK_PACKED_ROOM - packed->end)
        size = GOLEAK_PACKED_ROOM - packed->end;
    if (size > 0)
        memcpy(packed->bytes + packed->end, data, size);
    packed->end += size;
    return size;
}
