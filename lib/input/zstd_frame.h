/*
 * zstd_frame - reading the headers of zstd's framing (RFC 8878, section 3).
 *
 * Only bounds and meaning of header fields; what is between them is libzstd's.
 * Every function looks at the bytes that it is given and at nothing else.
 */
#ifndef GOLEAK_INPUT_ZSTD_FRAME_H
#define GOLEAK_INPUT_ZSTD_FRAME_H

#include "input/codec.h"

#define GOLEAK_ZSTD_BLOCK_MAX (128u * 1024)
#define GOLEAK_ZSTD_BLOCK_HEADER 3u
#define GOLEAK_ZSTD_CHECKSUM 4u
#define GOLEAK_ZSTD_SKIPPABLE_HEADER 8u
#define GOLEAK_ZSTD_UNTOLD UINT64_MAX

struct goleak_zstd_frame {
    uint64_t window_bytes;
    uint64_t content_bytes; /* GOLEAK_ZSTD_UNTOLD where it is not announced */
    size_t header_bytes;    /* magic included */
    size_t block_max_bytes;
    bool checksum;
    const char *fault; /* why it cannot be decoded, or NULL */
};

struct goleak_zstd_block {
    size_t packed_bytes; /* behind its header */
    bool last, raw;
    const char *fault;
};

uint32_t goleak_zstd_le32(const unsigned char *bytes);

/* Of 4 bytes. */
bool goleak_zstd_is_frame(const unsigned char *bytes);
bool goleak_zstd_is_skippable(const unsigned char *bytes);

/* Whether the first `size` bytes, at most 4 of them looked at, begin as one of
 * the magics does. */
bool goleak_zstd_magic_begins(const unsigned char *bytes, size_t size);

/* Of a frame with its magic; returns the bytes that the header needs. More than
 * `size`: nothing is told yet, and it may need more still. */
size_t goleak_zstd_frame_parse(struct goleak_zstd_frame *frame, const unsigned char *bytes, size_t size);

/* Of GOLEAK_ZSTD_BLOCK_HEADER bytes. */
void goleak_zstd_block_parse(struct goleak_zstd_block *block, const struct goleak_zstd_frame *frame,
                             const unsigned char *bytes);

/* Whether a frame or skippable frame begins here that a search among broken
 * bytes may trust, of 4 bytes or more. */
enum goleak_magic goleak_zstd_looks_decodable(const unsigned char *bytes, size_t size, uint64_t window_limit_bytes);

/* Whole frames lead from here to the very end. */
bool goleak_zstd_frames_to_end(const unsigned char *bytes, size_t size);

#endif
