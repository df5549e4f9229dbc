/*
 * trace_text - Go execution traces written as text.
 *
 *      struct bytes trace = { 0 };
 *      char why[200];
 *      if (!trace_text("Trace Go1.26\n"
 *                      "EventBatch gen=1 m=7 time=100\n"
 *                      "GoStatus dt=1 g=5 m=-1 gstatus=4\n"
 *                      "EndOfGeneration\n", &trace, why))
 *              puts(why);
 *
 * It is the text of Go's own tests (go tool trace -d=wire; internal/trace/testdata), with
 * what makes small and broken traces short to write:
 *
 *      # to the line's end        a comment
 *      Trace Go1.22               the header; below 22 the events are those of v1. Any
 *                                 number may stand there
 *      Name arg=value ...         an event; the arguments in their order, each with its
 *                                 name or without
 *      value                      a number, 0x..., -1 (2^64-1), or VALUE/N: in N bytes, as
 *                                 over-long as that may be
 *      EventBatch ... size=N      as it stands. Without a size (and ExperimentalBatch): up
 *                                 to the next batch, in 10 bytes, as Go's writer does
 *      Stack id=1 nframes=2       then two lines pc= func= file= line=. Without nframes:
 *                                 as many as follow
 *      String id=1 data="..."     or the data on the next line; quoted like in Go
 *      UserLog ... data="..."     v1: the value that follows inline
 *      Bytes 00 ff ...            these bytes, in hexadecimal
 *      Raw id=200 1 2 3           an event by its number with any arguments (v1: its first
 *                                 byte)
 *
 * In v1, Batch p=0 ticks=100 begins a batch, Stack and String stand anywhere, and the
 * arguments of all others begin with dt, but for Frequency and TimerGoroutine.
 */
#ifndef GOLEAK_TESTS_TRACE_TEXT_H
#define GOLEAK_TESTS_TRACE_TEXT_H

#include <stdbool.h>

#include "support/bytes.h"

#define TRACE_TEXT_WHY 200

/* Adds the trace's bytes. False: `why` says what is wrong with which line. */
bool trace_text(const char *text, struct bytes *out, char why[TRACE_TEXT_WHY]);

/* Adds the bytes of a string in Go's quotes that starts at `text`; returns where it ends,
 * behind the quote, or NULL. */
const char *trace_text_unquote(const char *text, struct bytes *out);

void trace_text_varint(struct bytes *out, unsigned long long value, unsigned size);

#endif
