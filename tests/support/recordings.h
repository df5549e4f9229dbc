/*
 * recordings - what properties are tried on: the recordings in testdata/dtrace and
 * some that are made here. Tests run where testdata/ is, in the project's folder.
 */
#ifndef GOLEAK_TESTS_RECORDINGS_H
#define GOLEAK_TESTS_RECORDINGS_H

#include "support/bytes.h"

/* Adds recording `index`, unpacked, and returns its name; NULL past the last.
 * A file that is missing aborts. */
const char *recording_get(size_t index, struct bytes *out);

/* A bit of everything that D scripts print, and damage. It is recording 0, too. */
void recording_rich(struct bytes *out);

/* Some thousand lines of the article's form, with stacks, blank lines and other
 * lines strewn in: batches end at every possible place. */
void recording_long(struct bytes *out);

#endif
