/*
 * zstd_walk - where zstd frames end, found without unpacking them.
 *
 *      magic | header | 3 bytes: block | ... | 3 bytes: last block | ... | checksum?
 *                       └─ its size leads to the next ─┘
 *
 * Bytes are pushed in chunks of any size. What is between the headers is passed
 * over, so that it may be broken; what the walk says of a frame is what its
 * headers claim.
 */
#ifndef GOLEAK_INPUT_ZSTD_WALK_H
#define GOLEAK_INPUT_ZSTD_WALK_H

#include "input/zstd_frame.h"

#define GOLEAK_ZSTD_HEAD 18u /* the longest header of a frame */

enum goleak_zstd_place {
    GOLEAK_ZSTD_BETWEEN, /* two frames */
    GOLEAK_ZSTD_SKIPPABLE,
    GOLEAK_ZSTD_HEADER,
    GOLEAK_ZSTD_BLOCK,
    GOLEAK_ZSTD_TAIL, /* what is skipped ends the frame */
    GOLEAK_ZSTD_LOST  /* no frame, or one that cannot be decoded */
};

struct goleak_zstd_walk {
    enum goleak_zstd_place place;
    unsigned char head[GOLEAK_ZSTD_HEAD]; /* of what is read next */
    size_t head_bytes, head_need;
    uint64_t skip_bytes; /* to come before that */
    /* of the frame under way, or the last one */
    struct goleak_zstd_frame frame; /* all zero: skippable, or its header has not come yet */
    uint64_t packed_bytes;
    uint64_t plain_bytes; /* its blocks so far have at most so many */
};

void goleak_zstd_walk_init(struct goleak_zstd_walk *walk);

/* Goes on, to the end of the frame at most; returns the bytes that it went over:
 * at least one, or `size` is 0 or the walk is lost. */
size_t goleak_zstd_walk(struct goleak_zstd_walk *walk, const unsigned char *bytes, size_t size);

bool goleak_zstd_walk_is_between(const struct goleak_zstd_walk *walk);

/* Where a walk that is lost may begin again: `size`, if nowhere here. */
size_t goleak_zstd_walk_find(const unsigned char *bytes, size_t size);

#endif
