/*
 * article - the lines of the article's full script, at a glance:
 *
 *      newproc1: goroutine=c000102380 parent=824634777600 count=3 blocked_count=0
 *      gopark: goroutine=c000102540 blocked=1 reason=7 blocked_count=1
 *      godestroy: goroutine=c00013a8c0 count=1021 blocked_count=488
 *
 * and the same with " ts=2301457009214" behind them. Which of them a line is, and how
 * many digits its numbers have, cannot be foreseen, so no branch depends on it: lines of
 * one kind and length mostly have one shape. A shape says for each byte which values
 * are right, which 16 bytes at a time are held against, and where the numbers end. It is
 * learnt from the first such line.
 */
#ifndef GOLEAK_FORMAT_ARTICLE_H
#define GOLEAK_FORMAT_ARTICLE_H

#include "base/digits.h"
#include "model/event.h"

#include <stdalign.h>

#define GOLEAK_ARTICLE_SHAPES 32
#define GOLEAK_ARTICLE_BYTES 112 /* of the longest line */

struct goleak_article_shape {
    alignas(16) uint8_t low[GOLEAK_ARTICLE_BYTES];                              /* the least that a byte may be */
    uint8_t span[GOLEAK_ARTICLE_BYTES];                                         /* … and how much more */
    uint8_t g_digits[16], other_digits[16], counts_digits[16], time_digits[16]; /* 0xff for each, at their end */
    struct {
        uint8_t kind, flags, reason, wait_reason;
        uint32_t has;
    } begin; /* of the event */
    uint8_t g_end, other_end, count_end, blocked_end, time_end;
    uint8_t size;
    uint8_t blocked;     /* the flag that `other` is, which is blocked= then */
    uint8_t any_other;   /* not 0: … or is not told; else it is the spawner, and not 0 */
    int8_t step;         /* what the line adds to count= */
    int32_t tells_count; /* all bits, or none */
    struct goleak_article_shape **place;
};

struct goleak_article {
    bool timed;                      /* the lines have ts= */
    uint8_t learnt;                  /* the shape that was learnt last */
    bool goes_on;                    /* so far, all counters could follow from those before, and no line told time */
    struct goleak_counters counters; /* of the last line without ts= */
    alignas(16) uint16_t tens[8];
    uint16_t sixteens[8];
    struct goleak_article_shape *places[2][256];               /* without and with ts=, by kind and size */
    struct goleak_article_shape shapes[GOLEAK_ARTICLE_SHAPES]; /* the first fits no line */
};

void goleak_article_init(struct goleak_article *article);

/* Reads lines that begin before `end` into up to `room` events, as long as they are the
 * article's, all with ts= or all without, and returns behind the last. Their number is
 * added to *line. Reads up to
 * GOLEAK_LINES_PAD bytes from a line's start. */
const char *goleak_article_read(struct goleak_article *article, const char *at, const char *end,
                                struct goleak_event *events, size_t room, uint64_t *line);
/* The same for any machine. */
const char *goleak_article_read_plain(struct goleak_article *article, const char *at, const char *end,
                                      struct goleak_event *events, size_t room, uint64_t *line);

#endif
