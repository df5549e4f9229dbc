/*
 * unzstd - zstd frames to plain bytes, for unpack.
 *
 * libzstd decodes; the framing (RFC 8878, section 3) is read here:
 *
 *      frame      28 b5 2f fd | descriptor | window? | dictionary? | content size?
 *                 block ...   | checksum?
 *      block      3 bytes, little-endian: bit 0 last, bits 1-2 type, size above
 *                 type 0 raw, 1 one byte repeated, 2 compressed, 3 reserved
 *      skippable  5x 2a 4d 18 | 4 bytes: size | that many bytes
 *
 * because libzstd, given a chunk, decodes as many blocks as fit and forgets all
 * of them when the last is broken: what a damaged recording gives would depend
 * on how it was cut into chunks. Fed with one header, block or checksum at a
 * time it cannot; the window of a frame is known before memory goes into it;
 * and the bytes of a broken block are still at hand to look for the next frame.
 *
 * Memory: libzstd's stable interface has no allocator hook, it mallocs its
 * context and window itself. Both are booked in the account of our allocator,
 * the window by an estimate and before it is taken, so that the limit holds.
 */
#include "input/unzstd.h"

#include "base/error.h"
#include "input/zstd_frame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

_Static_assert(GOLEAK_ZSTD_BLOCK_HEADER + GOLEAK_ZSTD_BLOCK_MAX <= GOLEAK_PACKED_NEED, "a block is seen whole");

enum stage { STAGE_FRAME, STAGE_BLOCK, STAGE_CHECKSUM, STAGE_SKIPPABLE, STAGE_SEARCH };

enum outcome {
    GO_ON,
    STOP,  /* `out` has to go first, or there is damage to tell, or hungry */
    FAILED /* the status is in zstd.failure */
};

struct zstd {
    ZSTD_DCtx *context;
    uint64_t context_bytes, booked_bytes;
    uint64_t window_max_bytes;                 /* what this libzstd can do at all */
    uint64_t fit_window_bytes, fit_held_bytes; /* of the last frame, see fit_context */
    enum stage stage;
    struct goleak_zstd_frame frame; /* the one under way */
    uint64_t frame_offset;
    bool unchecked; /* it has neither checksum nor content size */
    uint64_t decoded_bytes;
    uint64_t skip_bytes; /* of a skippable frame, still to come */
    size_t result;       /* libzstd's last: an error, or 0 at the end of a frame */
    enum goleak_status failure;
    struct goleak_error *error; /* of the step under way */
};

static enum goleak_magic zstd_sniff(const unsigned char *bytes, size_t size)
{
    if (!goleak_zstd_magic_begins(bytes, size))
        return GOLEAK_MAGIC_NO;
    return size < 4 ? GOLEAK_MAGIC_MORE : GOLEAK_MAGIC_YES;
}

static void zstd_close(void *state, struct goleak_packed *packed)
{
    struct zstd *zstd = state;
    ZSTD_freeDCtx(zstd->context);
    goleak_packed_book(packed, &zstd->booked_bytes, 0);
    goleak_free(packed->alloc, zstd, sizeof *zstd);
}

/* The smallest power of two that holds the limit: the exact limit is kept by
 * frame_begin, libzstd's own must only not be in its way. */
static int window_log(uint64_t limit_bytes, int lowest, int highest)
{
    int log = lowest;
    while (log < highest && (uint64_t)1 << log < limit_bytes)
        log++;
    return log;
}

/* NULL: no memory. */
static ZSTD_DCtx *make_context(const struct goleak_packed *packed)
{
    ZSTD_bounds bounds = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context != NULL)
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax,
                               window_log(packed->window_limit_bytes, bounds.lowerBound, bounds.upperBound));
    return context;
}

static enum goleak_status zstd_open(void **state, struct goleak_packed *packed, struct goleak_error *error)
{
    struct zstd *zstd = goleak_alloc_zeroed(packed->alloc, sizeof *zstd);
    if (zstd == NULL)
        return goleak_error_alloc(error, packed->alloc);
    zstd->context = make_context(packed);
    if (zstd->context == NULL) {
        zstd_close(zstd, packed);
        return goleak_error_set(error, GOLEAK_E_MEMORY, "out of memory for zstd's decoder");
    }
    zstd->window_max_bytes = (uint64_t)1 << ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound;
    zstd->context_bytes = ZSTD_sizeof_DCtx(zstd->context);
    if (!goleak_packed_book(packed, &zstd->booked_bytes, zstd->context_bytes)) {
        zstd_close(zstd, packed);
        return goleak_error_alloc(error, packed->alloc);
    }
    *state = zstd;
    return GOLEAK_OK;
}

/* ---- what can go wrong ------------------------------------------------- */

static enum outcome want_more(struct goleak_packed *packed)
{
    packed->hungry = true;
    return STOP;
}

static enum outcome complain(struct zstd *zstd, struct goleak_packed *packed, const char *what)
{
    goleak_packed_damage(packed, false, goleak_packed_offset(packed),
                         "the zstd frame that begins at byte %" PRIu64
                         " is damaged (%s); what came before is kept, and reading goes on at the next frame",
                         zstd->frame_offset, what);
    zstd->stage = STAGE_SEARCH;
    return STOP;
}

/* The frame is broken at `at`, where `bad_bytes` are known to belong to it. */
static enum outcome spoil(struct zstd *zstd, struct goleak_packed *packed, size_t bad_bytes, const char *what)
{
    enum outcome outcome = complain(zstd, packed, what);
    goleak_packed_resync(packed, zstd->frame_offset, bad_bytes);
    return outcome;
}

static enum goleak_magic candidate(const struct zstd *zstd, const struct goleak_packed *packed, size_t at)
{
    uint64_t limit = packed->window_limit_bytes;
    if (limit > zstd->window_max_bytes)
        limit = zstd->window_max_bytes;
    return goleak_zstd_looks_decodable(packed->bytes + at, packed->end - at, limit);
}

/* The input ends inside a frame. That is a cut, unless the frame is one whose
 * length was damaged and that reaches for the frames behind it: then whole
 * frames lead from somewhere in it to the end exactly, which bytes that only
 * look like a frame (zstd within zstd) do not. */
static bool find_swallowed(struct zstd *zstd, struct goleak_packed *packed, size_t *found)
{
    /* Between two blocks nothing claims more than there is. */
    if (goleak_packed_left(packed) == 0 && zstd->stage != STAGE_SKIPPABLE)
        return false;
    for (size_t at = goleak_packed_resync_from(packed, zstd->frame_offset); packed->end - at >= 4; at++) {
        if (candidate(zstd, packed, at) != GOLEAK_MAGIC_YES)
            continue;
        if (!goleak_packed_may_rewind(packed, packed->end - at))
            return false;
        if (goleak_zstd_frames_to_end(packed->bytes + at, packed->end - at)) {
            *found = at;
            return true;
        }
    }
    return false;
}

static enum outcome cut(struct zstd *zstd, struct goleak_packed *packed)
{
    size_t found;
    if (find_swallowed(zstd, packed, &found)) {
        goleak_packed_damage(packed, false, goleak_packed_offset(packed),
                             "the zstd frame that begins at byte %" PRIu64
                             " is damaged (it claims bytes behind the end of the input); reading goes on at the frame "
                             "that follows it",
                             zstd->frame_offset);
        packed->at = found;
    } else {
        uint64_t end = packed->base_offset + packed->end;
        goleak_packed_damage(packed, true, end,
                             "the input ends after %" PRIu64
                             " packed bytes, inside the zstd frame that begins at byte %" PRIu64
                             "; expected the rest of it",
                             end, zstd->frame_offset);
        packed->at = packed->end;
    }
    zstd->stage = STAGE_FRAME;
    return STOP;
}

static enum outcome short_of(struct zstd *zstd, struct goleak_packed *packed)
{
    return packed->final ? cut(zstd, packed) : want_more(packed);
}

static enum outcome fail_memory(struct zstd *zstd, struct goleak_packed *packed)
{
    zstd->failure = goleak_error_set(zstd->error, GOLEAK_E_MEMORY,
                                     "out of memory for the zstd frame that begins at byte %" PRIu64
                                     ", whose window is %" PRIu64 " bytes (%" PRIu64 " bytes in use)",
                                     zstd->frame_offset, zstd->frame.window_bytes, packed->alloc->used_bytes);
    return FAILED;
}

static enum outcome fail_limit(struct zstd *zstd, const char *limit, uint64_t limit_bytes)
{
    zstd->failure =
        goleak_error_set(zstd->error, GOLEAK_E_LIMIT,
                         "the zstd frame that begins at byte %" PRIu64 " needs a window of %" PRIu64
                         " bytes, for which %s of %" PRIu64 " bytes has no room; raise it with --max-memory",
                         zstd->frame_offset, zstd->frame.window_bytes, limit, limit_bytes);
    return FAILED;
}

/* ---- the stages -------------------------------------------------------- */

/* Hands the next `size` bytes, one element, to libzstd; NULL, or what is wrong.
 * The room is always enough for what one block gives, so that each call uses
 * bytes up. */
static const char *decode(struct zstd *zstd, struct goleak_packed *packed, size_t size, size_t *made)
{
    ZSTD_inBuffer in = { packed->bytes + packed->at, size, 0 };
    ZSTD_outBuffer out = { packed->out + packed->out_size, goleak_packed_room(packed), 0 };
    *made = 0;
    while (in.pos < in.size) {
        size_t before = in.pos;
        zstd->result = ZSTD_decompressStream(zstd->context, &out, &in);
        if (ZSTD_isError(zstd->result))
            return ZSTD_getErrorName(zstd->result);
        if (in.pos == before)
            return "its decoder does not move on";
    }
    *made = out.pos;
    return NULL;
}

/* Beside the window libzstd holds a block on either side of it, and slack. */
#define WINDOW_SLACK (3 * (uint64_t)GOLEAK_ZSTD_BLOCK_MAX)

static bool book_window(struct zstd *zstd, struct goleak_packed *packed)
{
    const struct goleak_zstd_frame *frame = &zstd->frame;
    uint64_t held = frame->window_bytes < frame->content_bytes ? frame->window_bytes : frame->content_bytes;
    uint64_t need = zstd->context_bytes + held + WINDOW_SLACK;
    return need <= zstd->booked_bytes || goleak_packed_book(packed, &zstd->booked_bytes, need);
}

/* A context keeps its buffer for frames that need less. But what a broken frame
 * gives depends on the buffer: its matches may reach as far back as that goes,
 * further than the window. So that a frame gives the same whatever came before
 * it, one that needs less, or might, gets a new context. False: no memory. */
static bool fit_context(struct zstd *zstd, const struct goleak_packed *packed)
{
    const struct goleak_zstd_frame *frame = &zstd->frame;
    uint64_t held = frame->window_bytes + WINDOW_SLACK;
    if (held > frame->content_bytes)
        held = frame->content_bytes;
    if (frame->window_bytes >= zstd->fit_window_bytes && held >= zstd->fit_held_bytes) {
        ZSTD_DCtx_reset(zstd->context, ZSTD_reset_session_only);
    } else {
        ZSTD_DCtx *context = make_context(packed);
        if (context == NULL)
            return false;
        ZSTD_freeDCtx(zstd->context);
        zstd->context = context;
    }
    zstd->fit_window_bytes = frame->window_bytes;
    zstd->fit_held_bytes = held;
    return true;
}

static enum outcome frame_begin(struct zstd *zstd, struct goleak_packed *packed)
{
    const struct goleak_zstd_frame *frame = &zstd->frame;
    if (frame->fault != NULL)
        return spoil(zstd, packed, 4, frame->fault);
    if (frame->window_bytes > zstd->window_max_bytes)
        return spoil(zstd, packed, 4, "it asks for a window that no zstd decoder has");
    bool fits = frame->window_bytes <= packed->window_limit_bytes;
    if (!fits || !book_window(zstd, packed)) {
        if (packed->out_size > 0)
            return STOP; /* what was decoded goes out before we fail */
        return fits ? fail_limit(zstd, "the memory limit", packed->alloc->limit_bytes)
                    : fail_limit(zstd, "the window limit", packed->window_limit_bytes);
    }
    if (!fit_context(zstd, packed))
        return packed->out_size > 0 ? STOP : fail_memory(zstd, packed);
    size_t made;
    const char *fault = decode(zstd, packed, frame->header_bytes, &made);
    if (fault != NULL) {
        if (ZSTD_getErrorCode(zstd->result) != ZSTD_error_memory_allocation)
            return spoil(zstd, packed, frame->header_bytes, fault);
        return packed->out_size > 0 ? STOP : fail_memory(zstd, packed);
    }
    packed->at += frame->header_bytes;
    zstd->unchecked = !frame->checksum && frame->content_bytes == GOLEAK_ZSTD_UNTOLD;
    zstd->decoded_bytes = 0;
    zstd->stage = STAGE_BLOCK;
    return GO_ON;
}

/* The frame before may have taken more than its own, by a damaged length that
 * none of its checks can see: of one with a content size or a checksum the
 * first bytes of the magic at most, else as much as can be looked through. */
static enum outcome no_frame(struct zstd *zstd, struct goleak_packed *packed, uint64_t before_offset)
{
    size_t unseen = 3;
    goleak_packed_damage(packed, false, goleak_packed_offset(packed),
                         "the bytes from %" PRIu64
                         " on are no zstd frame; expected one, or the end; reading goes on at the next frame",
                         goleak_packed_offset(packed));
    if (zstd->unchecked)
        goleak_packed_resync(packed, before_offset, 0);
    else
        packed->at -= packed->at < unseen ? packed->at : unseen;
    zstd->stage = STAGE_SEARCH;
    return STOP;
}

static enum outcome frame_stage(struct zstd *zstd, struct goleak_packed *packed)
{
    const unsigned char *bytes = packed->bytes + packed->at;
    size_t left = goleak_packed_left(packed);
    if (left == 0 || (left < 4 && !packed->final))
        return want_more(packed);
    uint64_t before_offset = zstd->frame_offset;
    zstd->frame_offset = goleak_packed_offset(packed);
    if (!goleak_zstd_magic_begins(bytes, left))
        return no_frame(zstd, packed, before_offset);
    if (left < 4)
        return cut(zstd, packed);
    if (goleak_zstd_is_skippable(bytes)) {
        if (left < GOLEAK_ZSTD_SKIPPABLE_HEADER)
            return short_of(zstd, packed);
        zstd->unchecked = false;
        zstd->skip_bytes = goleak_zstd_le32(bytes + 4);
        packed->at += GOLEAK_ZSTD_SKIPPABLE_HEADER;
        zstd->stage = STAGE_SKIPPABLE;
        return GO_ON;
    }
    if (goleak_zstd_frame_parse(&zstd->frame, bytes, left) > left)
        return short_of(zstd, packed);
    return frame_begin(zstd, packed);
}

/* The input ends inside a raw block: what there is of it is plain already. */
static enum outcome cut_raw(struct zstd *zstd, struct goleak_packed *packed)
{
    const unsigned char *raw = packed->bytes + packed->at + GOLEAK_ZSTD_BLOCK_HEADER;
    size_t size = goleak_packed_left(packed) - GOLEAK_ZSTD_BLOCK_HEADER;
    enum outcome outcome = cut(zstd, packed);
    if (packed->truncated) {
        memcpy(packed->out + packed->out_size, raw, size);
        packed->out_size += size;
    }
    return outcome;
}

static enum outcome block_stage(struct zstd *zstd, struct goleak_packed *packed)
{
    size_t left = goleak_packed_left(packed);
    if (left < GOLEAK_ZSTD_BLOCK_HEADER)
        return short_of(zstd, packed);
    struct goleak_zstd_block block;
    goleak_zstd_block_parse(&block, &zstd->frame, packed->bytes + packed->at);
    if (block.fault != NULL)
        return spoil(zstd, packed, GOLEAK_ZSTD_BLOCK_HEADER, block.fault);
    size_t size = GOLEAK_ZSTD_BLOCK_HEADER + block.packed_bytes;
    if (left < size)
        return packed->final && block.raw ? cut_raw(zstd, packed) : short_of(zstd, packed);

    size_t made;
    const char *fault = decode(zstd, packed, size, &made);
    if (fault != NULL)
        return spoil(zstd, packed, size, fault);
    if (made > zstd->frame.content_bytes - zstd->decoded_bytes)
        return spoil(zstd, packed, size, "it holds more than it announces");
    if (block.last && (zstd->result == 0) == zstd->frame.checksum)
        return spoil(zstd, packed, size, "its last block does not end it");
    packed->at += size;
    packed->out_size += made;
    zstd->decoded_bytes += made;
    if (block.last)
        zstd->stage = zstd->frame.checksum ? STAGE_CHECKSUM : STAGE_FRAME;
    return GO_ON;
}

static enum outcome checksum_stage(struct zstd *zstd, struct goleak_packed *packed)
{
    if (goleak_packed_left(packed) < GOLEAK_ZSTD_CHECKSUM)
        return short_of(zstd, packed);
    size_t made;
    const char *fault = decode(zstd, packed, GOLEAK_ZSTD_CHECKSUM, &made);
    if (fault == NULL) {
        packed->at += GOLEAK_ZSTD_CHECKSUM;
        zstd->stage = STAGE_FRAME;
        return GO_ON;
    }
    /* A frame of the announced size had its blocks in the right places, so the
     * next one is not in it. Its checksum may still be none of its own. */
    if (zstd->frame.content_bytes != GOLEAK_ZSTD_UNTOLD)
        return complain(zstd, packed, fault);
    return spoil(zstd, packed, 1, fault);
}

static enum outcome skippable_stage(struct zstd *zstd, struct goleak_packed *packed)
{
    size_t left = goleak_packed_left(packed);
    size_t size = zstd->skip_bytes < left ? (size_t)zstd->skip_bytes : left;
    packed->at += size;
    zstd->skip_bytes -= size;
    if (zstd->skip_bytes > 0)
        return short_of(zstd, packed);
    zstd->stage = STAGE_FRAME;
    return GO_ON;
}

static enum outcome search_stage(struct zstd *zstd, struct goleak_packed *packed)
{
    for (; goleak_packed_left(packed) >= 4; packed->at++) {
        /* The last byte of the magics is their rarest, in text above all. */
        unsigned char fourth = packed->bytes[packed->at + 3];
        if ((fourth != 0xfd && fourth != 0x18) || !goleak_zstd_magic_begins(packed->bytes + packed->at, 4))
            continue;
        enum goleak_magic found = candidate(zstd, packed, packed->at);
        if (found == GOLEAK_MAGIC_MORE && !packed->final)
            return want_more(packed);
        if (found == GOLEAK_MAGIC_YES) {
            zstd->stage = STAGE_FRAME;
            return GO_ON;
        }
    }
    if (packed->final)
        packed->at = packed->end;
    return want_more(packed);
}

static enum goleak_status zstd_step(void *state, struct goleak_packed *packed, struct goleak_error *error)
{
    static enum outcome (*const stages[])(struct zstd *, struct goleak_packed *) = {
        [STAGE_FRAME] = frame_stage,         [STAGE_BLOCK] = block_stage,   [STAGE_CHECKSUM] = checksum_stage,
        [STAGE_SKIPPABLE] = skippable_stage, [STAGE_SEARCH] = search_stage,
    };
    struct zstd *zstd = state;
    zstd->error = error;
    while (goleak_packed_room(packed) >= GOLEAK_ZSTD_BLOCK_MAX) {
        enum outcome outcome = stages[zstd->stage](zstd, packed);
        if (outcome == FAILED)
            return zstd->failure;
        if (outcome == STOP)
            break;
    }
    return GOLEAK_OK;
}

/* ---- frames that are decoded aside ---------------------------------------- */

void goleak_zstd_restart(void *state)
{
    struct zstd *zstd = state;
    zstd->stage = STAGE_FRAME;
    zstd->frame_offset = 0;
    zstd->unchecked = false;
}

bool goleak_zstd_is_between(const void *state, const struct goleak_packed *packed, struct goleak_zstd_mark *mark)
{
    const struct zstd *zstd = state;
    *mark = (struct goleak_zstd_mark) { zstd->frame_offset, zstd->unchecked };
    return zstd->stage == STAGE_FRAME && goleak_packed_left(packed) == 0 && !packed->damaged;
}

void goleak_zstd_pass(void *state, struct goleak_packed *packed, const unsigned char *bytes, size_t size,
                      const struct goleak_zstd_mark *mark)
{
    struct zstd *zstd = state;
    zstd->frame_offset = goleak_packed_offset(packed) + mark->frame_offset;
    zstd->unchecked = mark->unchecked;
    goleak_packed_pass(packed, bytes, size);
}

const struct goleak_codec goleak_codec_zstd = {
    .name = "zstd",
    .sniff = zstd_sniff,
    .open = zstd_open,
    .step = zstd_step,
    .close = zstd_close,
};

/* As a frame of its own, of one block, which leans on nothing: memory of a window that were freed again would teach glibc's
 * malloc to keep as much in its heap. */
size_t goleak_zstd_first(const void *data, size_t size, void *out, size_t room)
{
    static const unsigned char head[] = { 0x28, 0xb5, 0x2f, 0xfd, 0, 0x38 }; /* a window of 128 KiB, no size */
    const unsigned char *at = data;
    struct goleak_zstd_frame frame;
    struct goleak_zstd_block block;
    while (size >= GOLEAK_ZSTD_SKIPPABLE_HEADER && goleak_zstd_is_skippable(at)) {
        uint64_t skipped = GOLEAK_ZSTD_SKIPPABLE_HEADER + (uint64_t)goleak_zstd_le32(at + 4);
        if (skipped > size)
            return 0;
        at += skipped;
        size -= (size_t)skipped;
    }
    if (size < 4 || !goleak_zstd_is_frame(at))
        return 0;
    size_t header = goleak_zstd_frame_parse(&frame, at, size);
    if (header + GOLEAK_ZSTD_BLOCK_HEADER > size || frame.fault != NULL)
        return 0;
    at += header;
    size -= header;
    goleak_zstd_block_parse(&block, &frame, at);
    if (block.fault != NULL || block.packed_bytes > size - GOLEAK_ZSTD_BLOCK_HEADER)
        return 0;
    size = GOLEAK_ZSTD_BLOCK_HEADER + block.packed_bytes;
    unsigned char *alone = malloc(sizeof head + size), *plain = malloc(GOLEAK_ZSTD_BLOCK_MAX);
    size_t got = 0;
    if (alone != NULL && plain != NULL) {
        memcpy(alone, head, sizeof head);
        memcpy(alone + sizeof head, at, size);
        alone[sizeof head] |= 1; /* the last block */
        got = ZSTD_decompress(plain, GOLEAK_ZSTD_BLOCK_MAX, alone, sizeof head + size);
        got = ZSTD_isError(got) ? 0 : got < room ? got : room;
        memcpy(out, plain, got);
    }
    free(alone);
    free(plain);
    return got;
}
