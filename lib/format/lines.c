/* lines - see lines.h. */
#include "format/lines.h"

#include <string.h>

void goleak_lines_init(struct goleak_lines *lines, struct goleak_alloc *alloc,
                       const struct goleak_line_reader *reader)
{
    *lines = (struct goleak_lines){ .reader = *reader };
    goleak_buf_init(&lines->carry, alloc);
}

void goleak_lines_release(struct goleak_lines *lines)
{
    goleak_buf_release(&lines->carry);
}

static enum goleak_status hand_out(struct goleak_lines *lines, const char *at, const char *end, bool ended)
{
    if (end > at && end[-1] == '\r')
        end--;
    struct goleak_line line = { at, end, ++lines->number, ended };
    return lines->reader.line(lines->reader.context, &line);
}

/* Of a line that is too long only the start is kept, for the complaint. */
#define LONG_KEPT ((size_t)256)

static enum goleak_status end_long_line(struct goleak_lines *lines)
{
    struct goleak_line line = { lines->carry.data, lines->carry.data + lines->carry.size, ++lines->number, true };
    uint64_t bytes = lines->long_bytes;
    lines->long_bytes = 0;
    enum goleak_status status = lines->reader.too_long(lines->reader.context, &line, bytes);
    lines->carry.size = 0;
    return status;
}

/* Takes the rest of the unfinished line; *at moves behind it. */
static enum goleak_status finish_carry(struct goleak_lines *lines, const char **at, const char *end)
{
    const char *from = *at, *newline = memchr(from, '\n', (size_t)(end - from));
    size_t size = (size_t)((newline != NULL ? newline : end) - from);
    *at = newline != NULL ? newline + 1 : end;
    uint64_t total = (lines->long_bytes != 0 ? lines->long_bytes : lines->carry.size) + size;
    if (total > GOLEAK_LINE_MAX) {
        lines->long_bytes = total;
        if (lines->carry.size > LONG_KEPT)
            lines->carry.size = LONG_KEPT;
        if (size > LONG_KEPT - lines->carry.size)
            size = LONG_KEPT - lines->carry.size;
    }
    goleak_buf_append(&lines->carry, from, size);
    if (lines->carry.failed)
        return goleak_alloc_failure(lines->carry.alloc);
    if (newline == NULL)
        return GOLEAK_OK;
    if (lines->long_bytes != 0)
        return end_long_line(lines);
    enum goleak_status status = hand_out(lines, lines->carry.data, lines->carry.data + lines->carry.size, true);
    lines->carry.size = 0;
    return status;
}

enum goleak_status goleak_lines_feed(struct goleak_lines *lines, const char *bytes, size_t size)
{
    enum goleak_status status = GOLEAK_OK;
    const char *at = bytes, *end = bytes + size;
    if (lines->carry.size != 0 || lines->long_bytes != 0)
        status = finish_carry(lines, &at, end);
    const char *safe = size > GOLEAK_LINES_PAD ? end - GOLEAK_LINES_PAD : bytes;
    while (at < end && status == GOLEAK_OK) {
        if (at < safe && lines->reader.bulk != NULL) {
            at = lines->reader.bulk(lines->reader.context, at, safe, &lines->number, &status);
            if (status != GOLEAK_OK || at == end)
                break;
        }
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL)
            return finish_carry(lines, &at, end);
        if ((size_t)(newline - at) > GOLEAK_LINE_MAX) {
            status = finish_carry(lines, &at, end);
            continue;
        }
        status = hand_out(lines, at, newline, true);
        at = newline + 1;
    }
    return status;
}

enum goleak_status goleak_lines_finish(struct goleak_lines *lines)
{
    if (lines->long_bytes != 0)
        return end_long_line(lines);
    if (lines->carry.size == 0)
        return GOLEAK_OK;
    enum goleak_status status = hand_out(lines, lines->carry.data, lines->carry.data + lines->carry.size, false);
    lines->carry.size = 0;
    return status;
}

enum goleak_sniff goleak_lines_sniff(const char *bytes, size_t size, bool whole,
                                     bool (*is_ours)(const char *at, const char *end))
{
    const char *at = bytes, *end = bytes + size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL && !whole)
            break;
        if (newline == NULL)
            newline = end;
        const char *stop = newline > at && newline[-1] == '\r' ? newline - 1 : newline;
        if (is_ours(at, stop))
            return GOLEAK_SNIFF_YES;
        at = newline + 1;
    }
    return whole ? GOLEAK_SNIFF_NO : GOLEAK_SNIFF_MAYBE;
}
