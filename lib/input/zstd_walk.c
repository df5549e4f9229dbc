/* zstd_walk - see zstd_walk.h. */
#include "input/zstd_walk.h"

#include <string.h>

void goleak_zstd_walk_init(struct goleak_zstd_walk *walk)
{
    *walk = (struct goleak_zstd_walk) { .place = GOLEAK_ZSTD_BETWEEN, .head_need = 4 };
}

bool goleak_zstd_walk_is_between(const struct goleak_zstd_walk *walk)
{
    return walk->place == GOLEAK_ZSTD_BETWEEN && walk->head_bytes == 0;
}

static void expect(struct goleak_zstd_walk *walk, enum goleak_zstd_place place, size_t need)
{
    walk->place = place;
    walk->head_bytes = 0;
    walk->head_need = need;
}

/* More bytes of the header that has begun. */
static void expect_rest(struct goleak_zstd_walk *walk, enum goleak_zstd_place place, size_t need)
{
    walk->place = place;
    walk->head_need = need;
}

static void read_magic(struct goleak_zstd_walk *walk)
{
    const size_t shortest = 6;
    if (goleak_zstd_is_skippable(walk->head))
        expect_rest(walk, GOLEAK_ZSTD_SKIPPABLE, GOLEAK_ZSTD_SKIPPABLE_HEADER);
    else if (goleak_zstd_is_frame(walk->head))
        expect_rest(walk, GOLEAK_ZSTD_HEADER, shortest);
    else
        walk->place = GOLEAK_ZSTD_LOST;
}

static void read_header(struct goleak_zstd_walk *walk)
{
    struct goleak_zstd_frame frame;
    size_t need = goleak_zstd_frame_parse(&frame, walk->head, walk->head_bytes);
    if (need > walk->head_bytes) {
        expect_rest(walk, GOLEAK_ZSTD_HEADER, need);
        return;
    }
    walk->frame = frame;
    expect(walk, frame.fault == NULL ? GOLEAK_ZSTD_BLOCK : GOLEAK_ZSTD_LOST, GOLEAK_ZSTD_BLOCK_HEADER);
}

static void read_block(struct goleak_zstd_walk *walk)
{
    struct goleak_zstd_block block;
    goleak_zstd_block_parse(&block, &walk->frame, walk->head);
    if (block.fault != NULL) {
        walk->place = GOLEAK_ZSTD_LOST;
        return;
    }
    walk->skip_bytes = block.packed_bytes;
    walk->plain_bytes += block.raw ? block.packed_bytes : walk->frame.block_max_bytes;
    expect(walk, GOLEAK_ZSTD_BLOCK, GOLEAK_ZSTD_BLOCK_HEADER);
    if (block.last) {
        walk->skip_bytes += walk->frame.checksum ? GOLEAK_ZSTD_CHECKSUM : 0;
        walk->place = GOLEAK_ZSTD_TAIL;
    }
}

static void read_head(struct goleak_zstd_walk *walk)
{
    switch (walk->place) {
    case GOLEAK_ZSTD_BETWEEN: read_magic(walk); break;
    case GOLEAK_ZSTD_HEADER: read_header(walk); break;
    case GOLEAK_ZSTD_BLOCK: read_block(walk); break;
    case GOLEAK_ZSTD_SKIPPABLE:
        walk->skip_bytes = goleak_zstd_le32(walk->head + 4);
        walk->place = GOLEAK_ZSTD_TAIL;
        break;
    case GOLEAK_ZSTD_TAIL:
    case GOLEAK_ZSTD_LOST: break;
    }
}

/* One header, or what is skipped before it; as far as the bytes go. */
static size_t step(struct goleak_zstd_walk *walk, const unsigned char *bytes, size_t size)
{
    if (walk->skip_bytes > 0) {
        size = size < walk->skip_bytes ? size : (size_t)walk->skip_bytes;
        walk->skip_bytes -= size;
    } else {
        size_t rest = walk->head_need - walk->head_bytes;
        size = size < rest ? size : rest;
        memcpy(walk->head + walk->head_bytes, bytes, size);
        walk->head_bytes += size;
        if (walk->head_bytes == walk->head_need)
            read_head(walk);
    }
    if (walk->place == GOLEAK_ZSTD_TAIL && walk->skip_bytes == 0)
        expect(walk, GOLEAK_ZSTD_BETWEEN, 4);
    return size;
}

size_t goleak_zstd_walk(struct goleak_zstd_walk *walk, const unsigned char *bytes, size_t size)
{
    size_t at = 0;
    if (goleak_zstd_walk_is_between(walk))
        goleak_zstd_walk_init(walk);
    while (at < size && walk->place != GOLEAK_ZSTD_LOST) {
        at += step(walk, bytes + at, size - at);
        if (goleak_zstd_walk_is_between(walk))
            break;
    }
    walk->packed_bytes += at;
    return at;
}

size_t goleak_zstd_walk_find(const unsigned char *bytes, size_t size)
{
    for (size_t at = 0; at + 4 <= size; at++) {
        unsigned char fourth = bytes[at + 3];
        if ((fourth == 0xfd || fourth == 0x18) &&
            goleak_zstd_looks_decodable(bytes + at, size - at, UINT64_MAX) == GOLEAK_MAGIC_YES)
            return at;
    }
    return size;
}
