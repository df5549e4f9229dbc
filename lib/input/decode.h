/*
 * decode - the plain bytes of a source, pulled run by run.
 *
 * source → unpack → runs. Packed bytes may be read and unpacked in a thread of
 * their own, up to eight runs ahead, and zstd frames side by side on some more;
 * the results are the same. Plain bytes are
 * read into one buffer and handed out from there; a thread that reads them pays
 * only where the caller's is the slowest of several.
 *
 * Damage.   See unpack.h; told by goleak_decode_next, on the caller's thread,
 *           before it returns the bytes behind the damage.
 * Failures. Those of source and unpack, with the path of the source. They stick.
 * Memory.   What the caller's thread needs, and the ring of blocks, is taken
 *           from `alloc` by the open call. `alloc` is never touched by the
 *           thread, which therefore mallocs what unpacking takes; that is booked
 *           in alloc's account as runs arrive, and kept within what its limit
 *           left when the source was opened.
 * Threads.  A handle is used by one thread at a time. The source is borrowed,
 *           and not to be used by anybody else until goleak_decode_close.
 */
#ifndef GOLEAK_INPUT_DECODE_H
#define GOLEAK_INPUT_DECODE_H

#include "input/source.h"
#include "input/unpack.h"

struct goleak_decode;

/* How: a thread for what is packed, for what is plain, and whether another thread may
 * call goleak_decode_interrupt. */
enum { GOLEAK_DECODE_THREAD = 1, GOLEAK_DECODE_PLAIN_THREAD = 2, GOLEAK_DECODE_INTERRUPTIBLE = 4 };
/* … and so many more threads for zstd frames side by side (frames.h), beside the one for what is
 * packed and within no memory limit. */
#define GOLEAK_DECODE_WORKERS(count) ((unsigned)(count) << 8)

/* Reads the first bytes, to see what they are: waits for them. */
enum goleak_status goleak_decode_open(struct goleak_decode **out, struct goleak_alloc *alloc,
                                      struct goleak_source *source, uint64_t window_limit_bytes, unsigned how,
                                      struct goleak_error *error);

/* The next run of plain bytes, at most 256 KiB, borrowed until the next call;
 * size 0 at the end. `damage` may be NULL. */
enum goleak_status goleak_decode_next(struct goleak_decode *decode, const void **data, size_t *size,
                                      goleak_damage_fn *damage, void *context, struct goleak_error *error);

/* The same, up to `room_size` bytes; what would only be copied, plain bytes that no thread reads, is read into `room`. */
enum goleak_status goleak_decode_next_into(struct goleak_decode *decode, void *room, size_t room_size,
                                           const void **data, size_t *size, goleak_damage_fn *damage, void *context,
                                           struct goleak_error *error);

/* Goes past so many of the bytes that come next, where they need not be read for that: what is left of *bytes is to
 * come. */
void goleak_decode_skip(struct goleak_decode *decode, uint64_t *bytes);

/* Bytes of the source, as packed as they are, that went into the runs so far
 * (and some more: they are read in blocks). At the end: all of them. */
uint64_t goleak_decode_bytes_read(const struct goleak_decode *decode);

/* "plain", "zstd", "gzip", the outermost; NULL for a source without bytes. */
const char *goleak_decode_packing(const struct goleak_decode *decode);

/* The source, if the runs are its bytes as they lie in a regular file, so that they can be read again; else NULL.
 * Until goleak_decode_close it is good for goleak_source_again only. */
struct goleak_source *goleak_decode_again(const struct goleak_decode *decode);

/* At any time; stops the thread and waits for it. NULL is allowed. */
void goleak_decode_close(struct goleak_decode *decode);

/* From any thread, of a handle that may be interrupted: the call of goleak_decode_next
 * under way, or the next one, comes back as if the bytes ended. */
void goleak_decode_interrupt(struct goleak_decode *decode);

#endif
