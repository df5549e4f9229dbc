/* zstd_frame - see zstd_frame.h. */
#include "input/zstd_frame.h"

#include <zstd.h>

static uint64_t little_endian(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    while (size > 0)
        value = value << 8 | bytes[--size];
    return value;
}

uint32_t goleak_zstd_le32(const unsigned char *bytes)
{
    return (uint32_t)little_endian(bytes, 4);
}

static const unsigned char frame_magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };
static const unsigned char skippable_magic[4] = { 0x50, 0x2a, 0x4d, 0x18 };

bool goleak_zstd_is_frame(const unsigned char *bytes)
{
    return bytes[0] == frame_magic[0] && goleak_zstd_magic_begins(bytes, 4);
}

bool goleak_zstd_is_skippable(const unsigned char *bytes)
{
    return (bytes[0] & 0xf0) == skippable_magic[0] && goleak_zstd_magic_begins(bytes, 4);
}

bool goleak_zstd_magic_begins(const unsigned char *bytes, size_t size)
{
    if (size == 0)
        return true;
    const unsigned char *magic;
    if (bytes[0] == frame_magic[0])
        magic = frame_magic;
    else if ((bytes[0] & 0xf0) == skippable_magic[0])
        magic = skippable_magic;
    else
        return false;
    for (size_t i = 1; i < size && i < 4; i++)
        if (bytes[i] != magic[i])
            return false;
    return true;
}

/* Descriptor: bits 7-6 size of the content size, 5 single segment, 4 unused,
 * 3 reserved, 2 checksum, 1-0 size of the dictionary id. */
size_t goleak_zstd_frame_parse(struct goleak_zstd_frame *frame, const unsigned char *bytes, size_t size)
{
    static const unsigned char dictionary_sizes[4] = { 0, 1, 2, 4 };
    static const unsigned char content_sizes[4] = { 0, 2, 4, 8 };
    const size_t shortest = 6;
    if (size < shortest)
        return shortest;
    unsigned descriptor = bytes[4];
    bool single = descriptor >> 5 & 1;
    size_t dictionary_size = dictionary_sizes[descriptor & 3];
    size_t content_size = content_sizes[descriptor >> 6];
    if (single && content_size == 0)
        content_size = 1;
    size_t window_size = single ? 0 : 1;
    size_t need = 5 + window_size + dictionary_size + content_size;
    if (size < need)
        return need;

    const unsigned char *at = bytes + 5;
    *frame = (struct goleak_zstd_frame) { .header_bytes = need, .checksum = descriptor >> 2 & 1 };
    if (!single) {
        uint64_t base = (uint64_t)1 << (10 + (*at >> 3));
        frame->window_bytes = base + base / 8 * (*at & 7u);
        at++;
    }
    uint64_t dictionary = little_endian(at, dictionary_size);
    at += dictionary_size;
    frame->content_bytes = GOLEAK_ZSTD_UNTOLD;
    if (content_size > 0)
        frame->content_bytes = little_endian(at, content_size) + (content_size == 2 ? 256 : 0);
    if (single)
        frame->window_bytes = frame->content_bytes;
    frame->block_max_bytes =
        frame->window_bytes < GOLEAK_ZSTD_BLOCK_MAX ? (size_t)frame->window_bytes : GOLEAK_ZSTD_BLOCK_MAX;
    if (descriptor >> 3 & 1)
        frame->fault = "its header sets a reserved bit";
    else if (dictionary != 0)
        frame->fault = "it needs a dictionary that the input does not hold";
    return need;
}

void goleak_zstd_block_parse(struct goleak_zstd_block *block, const struct goleak_zstd_frame *frame,
                             const unsigned char *bytes)
{
    enum { RAW, REPEATED, COMPRESSED, RESERVED };
    uint64_t header = little_endian(bytes, GOLEAK_ZSTD_BLOCK_HEADER);
    unsigned type = (unsigned)(header >> 1 & 3);
    size_t size = (size_t)(header >> 3);
    *block = (struct goleak_zstd_block) {
        .packed_bytes = type == REPEATED ? 1 : size,
        .last = header & 1,
        .raw = type == RAW,
    };
    if (type == RESERVED)
        block->fault = "a block of a reserved type";
    else if (size > frame->block_max_bytes)
        block->fault = "a block larger than its frame allows";
}

enum goleak_magic goleak_zstd_looks_decodable(const unsigned char *bytes, size_t size, uint64_t window_limit_bytes)
{
    /* Of skippable magics there are sixteen, so only short frames are trusted:
     * a false one of 4 GiB would swallow the rest. */
    const size_t skippable_max = 1024 * 1024;
    if (goleak_zstd_is_skippable(bytes)) {
        if (size < GOLEAK_ZSTD_SKIPPABLE_HEADER)
            return GOLEAK_MAGIC_MORE;
        return goleak_zstd_le32(bytes + 4) <= skippable_max ? GOLEAK_MAGIC_YES : GOLEAK_MAGIC_NO;
    }
    struct goleak_zstd_frame frame;
    if (!goleak_zstd_is_frame(bytes))
        return GOLEAK_MAGIC_NO;
    if (goleak_zstd_frame_parse(&frame, bytes, size) > size)
        return GOLEAK_MAGIC_MORE;
    if (frame.fault != NULL || frame.window_bytes > window_limit_bytes)
        return GOLEAK_MAGIC_NO;
    if (size < frame.header_bytes + GOLEAK_ZSTD_BLOCK_HEADER)
        return GOLEAK_MAGIC_MORE;
    struct goleak_zstd_block block;
    goleak_zstd_block_parse(&block, &frame, bytes + frame.header_bytes);
    return block.fault == NULL ? GOLEAK_MAGIC_YES : GOLEAK_MAGIC_NO;
}

bool goleak_zstd_frames_to_end(const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        size_t frame = ZSTD_findFrameCompressedSize(bytes, size);
        if (ZSTD_isError(frame) || frame == 0)
            return false;
        bytes += frame;
        size -= frame;
    }
    return true;
}
