/*
 * recordings - what properties are tried on: recordings in testdata/ and some that
 * are made here. Tests run where testdata/ is, in the project's folder.
 */
#ifndef GOLEAK_TESTS_RECORDINGS_H
#define GOLEAK_TESTS_RECORDINGS_H

#include "support/bytes.h"

/* Adds recording `index`, unpacked, and returns its name; NULL past the last. The
 * first RECORDING_RICH_COUNT are made: a bit of everything that D scripts, perf,
 * bpftrace, and bpftrace -f json print, and damage. A file that is missing aborts. */
#define RECORDING_RICH_COUNT 4
const char *recording_get(size_t index, struct bytes *out);

/* Some thousand lines of the article's form, with stacks, blank lines and other
 * lines strewn in: batches end at every possible place. */
void recording_long(struct bytes *out);

#endif
