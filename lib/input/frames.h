/*
 * frames - zstd frames that are decoded side by side.
 *
 * Takes the packed bytes of a zstd input and gives them back in order, in pieces.
 * Some pieces are whole frames that have been decoded on threads meanwhile:
 *
 *      given bytes ─> walk ─> units ─> pieces: packed bytes, or these and what they give
 *                              └ workers decode those that are whole ┘
 *
 * A unit is one or several whole frames. Only what is decoded without a fault comes
 * with its plain bytes. Everything else, and frames that are large (see below) or
 * have not come to their end, is given back packed, for unpack to do what it does and
 * to say what it says. goleak_unpack_give_frames takes a piece and decides whether
 * what is decoded stands where a frame is to begin; that is why results do not depend
 * on any of this.
 *
 * Large.    A frame of more than 4 MiB packed, 8 MiB plain or a window that needs more.
 * Memory.   For each worker, and two times more: a unit, of as many bytes as its frames
 *           have, at most 8 MiB packed and 9.3 MiB plain. For each worker and once
 *           more: what libzstd needs, at most 9 MiB. All of it is in `alloc`'s account.
 *           Memory that is not there, or no thread: fewer frames are decoded aside.
 * Threads.  A handle is used by one thread, which decodes as well where it would wait.
 *           Workers are started when a second unit is there, and use the hook of `alloc`,
 *           which therefore must be one for any thread (as malloc's is), but not `alloc`.
 */
#ifndef GOLEAK_INPUT_FRAMES_H
#define GOLEAK_INPUT_FRAMES_H

#include "input/source.h"

#define GOLEAK_FRAMES_WORKERS 8 /* no more of them */
#define GOLEAK_FRAMES_PACKED_MOST ((uint64_t)4 << 20)
#define GOLEAK_FRAMES_PLAIN_MOST ((uint64_t)8 << 20)

struct goleak_frames;

/* What zstd's codec is to know of frames that it did not meet. */
struct goleak_zstd_mark {
    uint64_t frame_offset; /* where the last frame begins; of frames aside: within their bytes */
    bool unchecked;        /* it has neither checksum nor content size */
};

/* What comes next, borrowed until the next call. */
struct goleak_frames_piece {
    const unsigned char *packed;
    size_t packed_size;
    bool decoded; /* to these: */
    const unsigned char *plain;
    size_t plain_size;
    struct goleak_zstd_mark mark;
};

/* window_limit_bytes: as for unpack. NULL: no memory. */
struct goleak_frames *goleak_frames_new(struct goleak_alloc *alloc, uint64_t window_limit_bytes, unsigned workers);
/* At any time; ends the workers and waits for them. NULL is allowed. */
void goleak_frames_free(struct goleak_frames *frames);

/* The next packed bytes, borrowed until goleak_frames_next has no more pieces,
 * which must have happened for the ones before. */
void goleak_frames_give(struct goleak_frames *frames, const void *data, size_t size);
/* False: give more, or that was all. */
bool goleak_frames_next(struct goleak_frames *frames, struct goleak_frames_piece *piece);

/* Whether bytes are held back that were given. */
bool goleak_frames_hold(const struct goleak_frames *frames);
/* To have all of them as pieces: there will be no more bytes, or not soon. */
void goleak_frames_flush(struct goleak_frames *frames);

/* Whether the source, of which nothing was read, is one of several frames that are
 * not large. Of what is no regular file only pzstd's mark is known. */
bool goleak_frames_are_in(struct goleak_source *source);

#endif
