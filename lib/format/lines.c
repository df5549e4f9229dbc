/* lines - see lines.h. */
#include "format/lines.h"

#include <string.h>

void goleak_lines_init(struct goleak_lines *lines, struct goleak_alloc *alloc,
                       const struct goleak_line_reader *reader)
{
    *lines = (struct goleak_lines){ .reader = *reader, .mark = UINT64_MAX };
    if (reader->begins != NULL)
        lines->mark = goleak_section_mark(0);
    goleak_buf_init(&lines->carry, alloc);
}

void goleak_lines_release(struct goleak_lines *lines)
{
    goleak_buf_release(&lines->carry);
}

size_t goleak_lines_mark(const char *bytes, size_t size)
{
    return size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static const char *without_return(const char *at, const char *end)
{
    return end > at && end[-1] == '\r' ? end - 1 : end;
}

/* What is printed for itself may stand behind other processors' events: as many lines later as
 * a stack's owner is looked for (textual.c) it is of no use. */
#define SEAM_EVENTS 8
#define SEAM_PATIENCE 64 /* then stacks are lost, or the events have none */

bool goleak_seam_step(struct goleak_seam *seam, goleak_begins_fn *begins, const char *at, const char *newline)
{
    const char *end = without_return(at, newline);
    bool in_stack = at < end && (*at == ' ' || *at == '\t');
    if (in_stack && !seam->in_stack)
        seam->bare &= (uint16_t)(seam->bare - 1);
    seam->in_stack = in_stack;
    enum goleak_event_kind kind = in_stack || at == end ? GOLEAK_EVENT_OTHER : begins(at, end);
    if (kind == GOLEAK_EVENT_OTHER)
        return false;
    if ((seam->events >= SEAM_EVENTS && seam->bare == 0) || seam->events >= SEAM_PATIENCE) {
        *seam = (struct goleak_seam){ .awaits = seam->awaits };
        return true;
    }
    seam->events++;
    seam->bare = (uint16_t)((unsigned)seam->bare << 1 | (seam->awaits >> kind & 1));
    return false;
}

/* Does a section begin with this whole line? */
static enum goleak_status ask(struct goleak_lines *lines, const char *at, const char *newline, uint64_t offset)
{
    if (offset < lines->mark || !goleak_seam_step(&lines->seam, lines->reader.begins, at, newline))
        return GOLEAK_OK;
    lines->mark = goleak_section_mark(offset);
    return lines->reader.cut(lines->reader.cut_context);
}

static enum goleak_status hand_out(struct goleak_lines *lines, const char *at, const char *end, bool ended)
{
    if (lines->number == 0 && !lines->within)
        at += goleak_lines_mark(at, (size_t)(end - at));
    struct goleak_line line = { at, without_return(at, end), ++lines->number, ended };
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
    const char *line = lines->carry.data, *line_end = line + lines->carry.size;
    enum goleak_status status = ask(lines, line, line_end, lines->carry_offset);
    if (status == GOLEAK_OK)
        status = hand_out(lines, line, line_end, true);
    lines->carry.size = 0;
    return status;
}

/* Takes whole lines from [at, end), and what is left of them into `carry`. */
static enum goleak_status take_lines(struct goleak_lines *lines, const char *at, const char *end, uint64_t offset)
{
    const char *start = at, *safe = end - at > GOLEAK_LINES_PAD ? end - GOLEAK_LINES_PAD : at;
    enum goleak_status status = GOLEAK_OK;
    while (at < end && status == GOLEAK_OK) {
        const char *newline = NULL;
        uint64_t here = offset + (uint64_t)(at - start);
        if (here >= lines->mark) {
            newline = memchr(at, '\n', (size_t)(end - at));
            if (newline != NULL && (size_t)(newline - at) <= GOLEAK_LINE_MAX &&
                (status = ask(lines, at, newline, here)) != GOLEAK_OK)
                break;
        }
        if (at < safe && lines->reader.bulk != NULL) {
            const char *stop = here >= lines->mark                         ? at + 1 /* a line alone */
                               : lines->mark - here < (uint64_t)(safe - at) ? at + (lines->mark - here)
                                                                            : safe;
            const char *before = at;
            at = lines->reader.bulk(lines->reader.context, at, stop, &lines->number, &status);
            if (status != GOLEAK_OK || at >= stop)
                continue;
            newline = at == before ? newline : NULL;
        }
        if (newline == NULL)
            newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL || (size_t)(newline - at) > GOLEAK_LINE_MAX) {
            lines->carry_offset = offset + (uint64_t)(at - start);
            status = finish_carry(lines, &at, end);
            continue;
        }
        status = hand_out(lines, at, newline, true);
        at = newline + 1;
    }
    return status;
}

enum goleak_status goleak_lines_feed(struct goleak_lines *lines, const char *bytes, size_t size)
{
    enum goleak_status status = GOLEAK_OK;
    const char *at = bytes, *end = bytes + size;
    if (lines->carry.size != 0 || lines->long_bytes != 0)
        status = finish_carry(lines, &at, end);
    if (status == GOLEAK_OK)
        status = take_lines(lines, at, end, lines->fed_bytes + (uint64_t)(at - bytes));
    lines->fed_bytes += size;
    return status;
}

void goleak_lines_skip(struct goleak_lines *lines, uint64_t bytes, uint64_t count)
{
    lines->fed_bytes += bytes;
    lines->number += count;
    lines->mark = goleak_section_mark(lines->fed_bytes);
    lines->seam = (struct goleak_seam){ .awaits = lines->seam.awaits };
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
