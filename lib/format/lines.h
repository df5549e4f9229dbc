/*
 * lines - chunks in, lines out, without copying more than the chunk's edges.
 *
 * Two callbacks: `bulk` may take lines straight from the chunk, as many as it
 * understands at a glance, and returns where it stopped; `line` gets one line
 * that bulk left (or that lay across chunks). bulk may read GOLEAK_LINES_PAD
 * bytes from the start of any line that begins before `end`.
 *
 * A recording has sections, which several threads may read (section.h): about every
 * GOLEAK_SECTION_BYTES one begins, with an event, where none seems to wait for its stack. Where
 * that is depends on the recording alone, and `cut` is told whoever reads it.
 */
#ifndef GOLEAK_FORMAT_LINES_H
#define GOLEAK_FORMAT_LINES_H

#include "format/format.h"

#include "base/buf.h"

#define GOLEAK_LINES_PAD 256
#define GOLEAK_LINE_MAX ((size_t)1 << 20)
#define GOLEAK_SECTION_BYTES ((uint64_t)256 * 1024)

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
    goleak_begins_fn *begins;                 /* NULL: there are no sections */
    enum goleak_status (*cut)(void *context); /* one begins with the next line */
    void *cut_context;
};

/* Lines from where a section may begin on. */
struct goleak_seam {
    uint32_t awaits; /* the kinds whose events have stacks below */
    uint16_t bare;   /* events that have none yet; bit 0: the last */
    uint16_t events;
    bool in_stack;
};

/* The next whole line. True: a section begins with it. */
bool goleak_seam_step(struct goleak_seam *seam, goleak_begins_fn *begins, const char *at, const char *newline);

struct goleak_lines {
    struct goleak_line_reader reader;
    struct goleak_buf carry; /* the unfinished line */
    uint64_t number;         /* of the last line handed out */
    uint64_t long_bytes;     /* of a line that is too long, so far; 0: none */
    uint64_t fed_bytes;      /* before those of the call under way */
    uint64_t carry_offset;   /* where the unfinished line begins */
    uint64_t mark;           /* from here on a section may begin */
    bool within;             /* the first line is not that of the input */
    struct goleak_seam seam;
};

void goleak_lines_init(struct goleak_lines *lines, struct goleak_alloc *alloc,
                       const struct goleak_line_reader *reader);
void goleak_lines_release(struct goleak_lines *lines);
enum goleak_status goleak_lines_feed(struct goleak_lines *lines, const char *bytes, size_t size);
/* The last line may lack its newline. */
enum goleak_status goleak_lines_finish(struct goleak_lines *lines);

/* How many of an input's first bytes are the mark of UTF-8 that some editors and shells write: no
 * part of its first line. */
size_t goleak_lines_mark(const char *bytes, size_t size);

/* From where on the section behind one that begins at this offset may begin. */
static inline uint64_t goleak_section_mark(uint64_t offset)
{
    return (offset / GOLEAK_SECTION_BYTES + 1) * GOLEAK_SECTION_BYTES;
}
/* Somebody else has read so many lines, from here to the next section. */
void goleak_lines_skip(struct goleak_lines *lines, uint64_t bytes, uint64_t count);

/* A sniffer: is one of these lines surely the format's? */
enum goleak_sniff goleak_lines_sniff(const char *bytes, size_t size, bool whole,
                                     bool (*is_ours)(const char *at, const char *end));

#endif
