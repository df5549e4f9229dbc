/*
 * reading - one format's reader, driven as formats.c drives it, and what it says: one
 * line an event, so that an expectation reads like the recording.
 *
 *      reading_expect(&goleak_format_perf, text,
 *                     "1 create g=c000102000 goid=7 ts=12000001000\n");
 *      assert_int_equal(reading.facts.events, 1);
 *
 * The last reading stays in `reading` until the next one; reading_end drops it.
 */
#ifndef GOLEAK_TESTS_READING_H
#define GOLEAK_TESTS_READING_H

#include "support/load.h"

#include "format/format.h"
#include "support/bytes.h"
#include "support/fail_alloc.h"
#include "support/text.h"

struct reading {
    enum goleak_status status;
    struct bytes events; /* a line each */
    int64_t untold;      /* so many more are said to have been read */
    size_t counted;      /* of the batches: those whose printed counters are said to go on, as they do */
    struct goleak_health_book book;
    struct goleak_reader_facts facts;
    struct goleak_reasons reasons;
    struct fail_alloc heap;
};

extern struct reading reading;
/* A memory limit for all readings to come; 0: none. */
extern uint64_t reading_limit_bytes;

/* All readings to come show all that an event has, in lines that are for comparing only:
 * where batches end, too. */
extern bool reading_all;

/* For all readings to come: the file that they can read again, whatever it is by then; NULL: they cannot. */
extern const struct bytes *reading_file;

/* All readings to come are asked for no more than lives and waits: see goleak_reader_env. */
extern bool reading_waits_only;

/* Around each test: it is not left from another, nor is the last reading. */
int reading_set_up(void **state);
int reading_tear_down(void **state);

/* In pieces of `step` bytes, each a heap block of its exact size; 0: in one. */
void reading_pieces(const struct goleak_format *format, const void *bytes, size_t size, size_t step);
void reading_end(void);

/* The text in one piece, byte by byte, in pieces of 64, and (if its last line is whole)
 * in one piece with `reading_padding` behind it, so that its lines are read at a glance:
 * always these events and the same complaints. The last reading is that in one piece. */
void reading_expect(const struct goleak_format *format, const char *text, const char *events);
/* The same of events that are not written down: all of these readings say one thing. */
void reading_agree(const struct goleak_format *format, const char *text);
extern const char *reading_padding; /* a line without consequences; NULL: blank lines */

/* Of the complaint, in the last reading. */
uint64_t reading_count(enum goleak_health_id id);
void reading_expect_complaint(enum goleak_health_id id, uint64_t count, uint64_t line, uint64_t column,
                              const char *detail);
void reading_expect_healthy(void);

/* Fails each request in turn: the status is memory's, nothing is left behind. In pieces as above. */
void reading_fail_each_of(const struct goleak_format *format, const void *bytes, size_t size, size_t step);
void reading_fail_each(const struct goleak_format *format, const char *text);

#endif
