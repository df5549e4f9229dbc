/*
 * unpack - plain, zstd or gzip bytes in, plain bytes out.
 *
 * The packing is told by the first bytes only, and looked for again in what was
 * unpacked, up to GOLEAK_UNPACK_LAYERS deep. Other containers (xz, bzip2, lz4)
 * are not ours: they pass as plain bytes, for somebody who can name them.
 *
 * Plain bytes are passed on where they lie. Of packed ones nothing is kept but
 * a window, so that neither size nor ratio of the input matters; every way of
 * cutting the input into chunks gives the same bytes and the same damage.
 *
 * Damage.   Told through `damage`, in its place among the plain bytes: all that
 *           could be decoded before it was handed out before. Reading goes on
 *           at the next frame. An input that ends inside a frame is `truncated`.
 *           Neither is a failure.
 * Failures. GOLEAK_E_LIMIT for a zstd frame whose window is over the limit or
 *           has no room under the allocator's; GOLEAK_E_FORMAT for gzip where
 *           zlib was not built in; GOLEAK_E_MEMORY. They stick.
 * Memory.   Per layer 640 KiB through `alloc`, as is all that zlib needs. zstd's
 *           own memory cannot come from there; it is booked in its account.
 * Threads.  One handle, and its alloc, is used by one thread at a time.
 */
#ifndef GOLEAK_INPUT_UNPACK_H
#define GOLEAK_INPUT_UNPACK_H

#include "base/alloc.h"

#define GOLEAK_UNPACK_LAYERS 3
#define GOLEAK_UNPACK_RUN_ROOM ((size_t)256 * 1024)
#define GOLEAK_UNPACK_WINDOW_LIMIT ((uint64_t)128 * 1024 * 1024)

/* Takes plain bytes, which are valid during the call. Negative stops; it is
 * what the feeding call then returns, with its error as the sink left it. */
typedef enum goleak_status goleak_bytes_fn(void *context, const void *data, size_t size);

/* One thing wrong with the packed bytes: `truncated` (the input ends inside a
 * frame) or damaged. `offset` counts packed bytes; where packed bytes were
 * inside packed bytes it counts those of the inner packing, and the sentence
 * says so. The sentence is valid during the call. */
typedef void goleak_damage_fn(void *context, bool truncated, uint64_t offset, const char *sentence);

struct goleak_unpack;

/* window_limit_bytes 0: GOLEAK_UNPACK_WINDOW_LIMIT. `sink` may be NULL for those
 * who pull (below), `damage` for those who do not care. */
enum goleak_status goleak_unpack_new(struct goleak_unpack **out, struct goleak_alloc *alloc,
                                     uint64_t window_limit_bytes, goleak_bytes_fn *sink, goleak_damage_fn *damage,
                                     void *context, struct goleak_error *error);
void goleak_unpack_free(struct goleak_unpack *unpack); /* NULL is allowed */

/* "plain", "zstd" or "gzip", the outermost; NULL before its magic is there. */
const char *goleak_unpack_packing(const struct goleak_unpack *unpack);

/* ---- pushing ------------------------------------------------------------ */

/* Everything that these bytes allow to decode has gone to the sink when this
 * returns. */
enum goleak_status goleak_unpack_feed(struct goleak_unpack *unpack, const void *data, size_t size,
                                      struct goleak_error *error);
/* No more bytes: passes on what was held back, tells of a cut. */
enum goleak_status goleak_unpack_finish(struct goleak_unpack *unpack, struct goleak_error *error);

/* ---- pulling, for those who want to stop between two runs ---------------- */

/* The next packed bytes, borrowed until goleak_unpack_next gives no more of
 * them, which must have happened for the ones before. */
void goleak_unpack_give(struct goleak_unpack *unpack, const void *data, size_t size);
/* Nothing more will be given. */
void goleak_unpack_end(struct goleak_unpack *unpack);

/* The same, of whole zstd frames that were decoded elsewhere, with their plain bytes, which are borrowed
 * as long. False, and nothing given: a frame of the outermost packing is not to begin here, or that is no
 * zstd, so these bytes are to be given as they are. */
struct goleak_frames_piece;
bool goleak_unpack_give_frames(struct goleak_unpack *unpack, const struct goleak_frames_piece *piece);

/* The next run of plain bytes, valid until the next call; size 0: give more, or
 * that was all. */
enum goleak_status goleak_unpack_next(struct goleak_unpack *unpack, const void **data, size_t *size,
                                      struct goleak_error *error);

/* From now on runs are decoded into `buffer`, of GOLEAK_UNPACK_RUN_ROOM bytes,
 * which stays the caller's; so that a run can be handed on without a copy. To be
 * called between two runs, and of no effect before the first. A run may still
 * lie elsewhere: the one before this call, plain input. */
void goleak_unpack_lend(struct goleak_unpack *unpack, void *buffer);

/* What goleak_unpack_packing would tell of an input that begins so; NULL while
 * that is open. `final`: it has no more than these bytes. */
const char *goleak_unpack_sniff(const void *data, size_t size, bool final);

#endif
