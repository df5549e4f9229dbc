/*
 * lines - chunks in, lines out, without copying more than the chunk's edges.
 *
 * Two callbacks: `bulk` may take lines straight from the chunk, as many as it
 * understands at a glance, and returns where it stopped; `line` gets one line
 * that bulk left (or that lay across chunks). bulk may read GOLEAK_LINES_PAD
 * bytes from the start of any line that begins before `end`.
 */
#ifndef GOLEAK_FORMAT_LINES_H
#define GOLEAK_FORMAT_LINES_H

#include "format/format.h"

#include "base/buf.h"

#define GOLEAK_LINES_PAD 256
#define GOLEAK_LINE_MAX ((size_t)1 << 20)

struct goleak_line {
    const char *at, *end; /* without the newline and a carriage return before it */
    uint64_t number;      /* from 1 */
    bool ended;           /* false: the input ends without a newline */
};

struct goleak_line_reader {
    /* Returns the start of the first line not taken and adds the lines taken to
     * *number; may be NULL. *status negative: stop. */
    const char *(*bulk)(void *context, const char *at, const char *end, uint64_t *number,
                        enum goleak_status *status);
    enum goleak_status (*line)(void *context, const struct goleak_line *line);
    /* A line of `bytes` bytes was longer than GOLEAK_LINE_MAX; `line` holds its start. */
    enum goleak_status (*too_long)(void *context, const struct goleak_line *line, uint64_t bytes);
    void *context;
};

struct goleak_lines {
    struct goleak_line_reader reader;
    struct goleak_buf carry; /* the unfinished line */
    uint64_t number;         /* of the last line handed out */
    uint64_t long_bytes;     /* of a line that is too long, so far; 0: none */
};

void goleak_lines_init(struct goleak_lines *lines, struct goleak_alloc *alloc,
                       const struct goleak_line_reader *reader);
void goleak_lines_release(struct goleak_lines *lines);
enum goleak_status goleak_lines_feed(struct goleak_lines *lines, const char *bytes, size_t size);
/* The last line may lack its newline. */
enum goleak_status goleak_lines_finish(struct goleak_lines *lines);

/* A sniffer: is one of these lines surely the format's? */
enum goleak_sniff goleak_lines_sniff(const char *bytes, size_t size, bool whole,
                                     bool (*is_ours)(const char *at, const char *end));

#endif
