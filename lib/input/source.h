/*
 * source - the bytes of a file or of standard input, as they lie there.
 *
 * Works for whatever read(2) works for: files, pipes, sockets, terminals. It
 * unpacks nothing and knows no format. Every failure is one sentence in the
 * caller's error, with the path as it was named.
 *
 * Threads: one thread at a time may use a source; which one may change. Reading again
 *          (goleak_source_again) is for any.
 */
#ifndef GOLEAK_INPUT_SOURCE_H
#define GOLEAK_INPUT_SOURCE_H

#include "base/alloc.h"

struct goleak_source;

/* "-" is standard input, which closing leaves open. `path` is copied. Opening a
 * FIFO waits for its writer. GOLEAK_E_IO where there is nothing to read. */
enum goleak_status goleak_source_open(struct goleak_source **out, struct goleak_alloc *alloc, const char *path,
                                      struct goleak_error *error);

/* Bytes that were there to read when it was opened; 0: unknown. A hint: a file
 * may grow or shrink meanwhile. */
uint64_t goleak_source_size(const struct goleak_source *source);

/* Has a file ended before all of that had been read? Somebody has cut it meanwhile. */
bool goleak_source_is_short(const struct goleak_source *source);

/* As it was named. */
const char *goleak_source_path(const struct goleak_source *source);

/* Whether reading may wait for somebody else: anything but a regular file. */
bool goleak_source_can_block(const struct goleak_source *source);

/* Up to `room` bytes, waiting for at least one; *got is 0 at the end, and from
 * then on always. */
enum goleak_status goleak_source_read(struct goleak_source *source, void *buffer, size_t room, size_t *got,
                                      struct goleak_error *error);

/* Its first bytes, 8 of them unless it has no more (*all); they are read again. */
enum goleak_status goleak_source_peek(struct goleak_source *source, const void **bytes, size_t *size, bool *all,
                                      struct goleak_error *error);

/* Bytes from `at` on, counted from the next one to be read, which stay to be read. Returns
 * how many there are; of what is no regular file, only those that were peeked at. */
size_t goleak_source_look(struct goleak_source *source, uint64_t at, void *buffer, size_t room);

/* Bytes of a regular file that were read or skipped before, or are to be read, `at` counted from the first one; how many of
 * them there are: somebody may have cut the file, or written to it. */
size_t goleak_source_again(struct goleak_source *source, uint64_t at, void *buffer, size_t room);

/* Has one of those reads failed? Whoever made it was told of fewer bytes. */
enum goleak_status goleak_source_failure(const struct goleak_source *source, struct goleak_error *error);

/* Goes past bytes of a regular file that are not to be read, but may be read again; returns how many it could. */
uint64_t goleak_source_skip(struct goleak_source *source, uint64_t bytes);

/* Whether a read would have waited for so long. */
bool goleak_source_is_idle(struct goleak_source *source, int wake_fd, int wait_ms);

/* Waits until a read would not wait, true, or until wake_fd (-1: none) has
 * something to read, false. So another thread can end the wait. */
bool goleak_source_wait(struct goleak_source *source, int wake_fd);

/* NULL is allowed. */
void goleak_source_close(struct goleak_source *source);

#endif
