/*
 * ungzip - gzip members to plain bytes, for unpack.
 *
 * zlib decodes, headers and checksums included; members (RFC 1952) follow each
 * other until the end:
 *
 *      1f 8b 08 | flags | time 4 | extra flags | system | optional fields ...
 *      deflate data | crc 4 | size 4
 *
 * A broken member is left where zlib stops. Its data may have run on into the
 * members behind it by then, so the search for the next header starts up to
 * GOLEAK_PACKED_HISTORY bytes before. Memory comes from our allocator.
 *
 * Without zlib at build time gzip is still recognised, and refused with what
 * to do about it.
 */
#include "base/error.h"
#include "input/codec.h"

#include <inttypes.h>
#include <string.h>

static enum goleak_magic gzip_sniff(const unsigned char *bytes, size_t size)
{
    static const unsigned char magic[3] = { 0x1f, 0x8b, 0x08 };
    size_t known = size < sizeof magic ? size : sizeof magic;
    if (memcmp(bytes, magic, known) != 0)
        return GOLEAK_MAGIC_NO;
    return size < sizeof magic ? GOLEAK_MAGIC_MORE : GOLEAK_MAGIC_YES;
}

#ifdef GOLEAK_HAVE_ZLIB

#include <zlib.h>

enum stage { STAGE_MEMBER, STAGE_DATA, STAGE_SEARCH };

struct gzip {
    z_stream stream;
    enum stage stage;
    uint64_t member_offset;
    bool padded; /* behind it there were zeros so far */
};

/* zlib frees without a size, our allocator wants it: it stands before. */
union block_head {
    size_t size;
    long double align_float;
    void *align_pointer;
    long long align_integer;
};

static voidpf zlib_alloc(voidpf context, uInt items, uInt size)
{
    if (size != 0 && items > (SIZE_MAX - sizeof(union block_head)) / size)
        return NULL;
    size_t bytes = sizeof(union block_head) + (size_t)items * size;
    union block_head *head = goleak_alloc_zeroed(context, bytes);
    if (head == NULL)
        return NULL;
    head->size = bytes;
    return head + 1;
}

static void zlib_free(voidpf context, voidpf pointer)
{
    if (pointer == NULL)
        return;
    union block_head *head = (union block_head *)pointer - 1;
    goleak_free(context, head, head->size);
}

static void gzip_close(void *state, struct goleak_packed *packed)
{
    struct gzip *gzip = state;
    inflateEnd(&gzip->stream);
    goleak_free(packed->alloc, gzip, sizeof *gzip);
}

static enum goleak_status gzip_open(void **state, struct goleak_packed *packed, struct goleak_error *error)
{
    const int gzip_only = 16;
    struct gzip *gzip = goleak_alloc_zeroed(packed->alloc, sizeof *gzip);
    if (gzip == NULL)
        return goleak_error_alloc(error, packed->alloc);
    gzip->stream.zalloc = zlib_alloc;
    gzip->stream.zfree = zlib_free;
    gzip->stream.opaque = packed->alloc;
    int result = inflateInit2(&gzip->stream, MAX_WBITS + gzip_only);
    if (result == Z_OK) {
        *state = gzip;
        return GOLEAK_OK;
    }
    enum goleak_status status =
        result == Z_MEM_ERROR ? goleak_error_alloc(error, packed->alloc)
                              : goleak_error_set(error, GOLEAK_E_FORMAT, "zlib cannot be used (%s)", zError(result));
    gzip_close(gzip, packed);
    return status;
}

static void want_more(struct goleak_packed *packed)
{
    packed->hungry = true;
}

/* The header of a member, at index `at`, that a search may trust: the magic
 * alone is too short for it, so the fields that packers fill in alike count. */
static enum goleak_magic candidate(const struct goleak_packed *packed, size_t at)
{
    const size_t header_bytes = 10;
    const unsigned char *bytes = packed->bytes + at;
    size_t size = packed->end - at;
    enum goleak_magic magic = gzip_sniff(bytes, size);
    if (magic != GOLEAK_MAGIC_YES)
        return magic;
    if (size < header_bytes)
        return GOLEAK_MAGIC_MORE;
    unsigned flags = bytes[3], extra = bytes[8], system = bytes[9];
    bool usual = (flags & 0xe0) == 0 && (extra == 0 || extra == 2 || extra == 4) && (system <= 13 || system == 255);
    return usual ? GOLEAK_MAGIC_YES : GOLEAK_MAGIC_NO;
}

/* One call of inflate on bytes[at, end), moving `at`. */
static int inflate_some(struct gzip *gzip, struct goleak_packed *packed, unsigned char *out, size_t *out_size)
{
    gzip->stream.next_in = packed->bytes + packed->at;
    gzip->stream.avail_in = (uInt)goleak_packed_left(packed);
    gzip->stream.next_out = out + *out_size;
    gzip->stream.avail_out = (uInt)(GOLEAK_RUN_ROOM - *out_size);
    int result = inflate(&gzip->stream, Z_NO_FLUSH);
    packed->at = packed->end - gzip->stream.avail_in;
    *out_size = GOLEAK_RUN_ROOM - gzip->stream.avail_out;
    return result;
}

/* Whole members, checksums and all, from here to the very end. What they hold
 * is not wanted yet: it goes into `out`, which is empty, and is forgotten. */
static bool members_to_end(struct gzip *gzip, struct goleak_packed *packed)
{
    int result = Z_STREAM_END;
    do {
        size_t forgotten = 0;
        if (result == Z_STREAM_END)
            inflateReset(&gzip->stream);
        result = inflate_some(gzip, packed, packed->out, &forgotten);
    } while (result == Z_OK || (result == Z_STREAM_END && goleak_packed_left(packed) > 0));
    return result == Z_STREAM_END;
}

/* The input ends in stored data: the last plain bytes are the last packed ones.
 * Members in there (gzip within gzip) have been passed on already. Lengths of
 * stored blocks come with their complement, so none runs on unseen. */
static bool ends_stored(struct gzip *gzip, struct goleak_packed *packed)
{
    const uInt enough = 4;
    uInt size = 0;
    if (inflateGetDictionary(&gzip->stream, packed->out, &size) != Z_OK || size < enough)
        return false;
    return memcmp(packed->out + size - enough, packed->bytes + packed->end - enough, enough) == 0;
}

/* The input ends inside a member. That is a cut, unless the member's data was
 * damaged and ran on into the ones behind it: then whole members lead from
 * somewhere in it to the end exactly. */
static bool find_swallowed(struct gzip *gzip, struct goleak_packed *packed)
{
    if (ends_stored(gzip, packed))
        return false;
    size_t from = goleak_packed_resync_from(packed, gzip->member_offset);
    for (; packed->end - from >= 3; from++) {
        if (candidate(packed, from) != GOLEAK_MAGIC_YES)
            continue;
        /* Inflating costs more than looking; 1 KiB for a byte at the most. */
        if (!goleak_packed_may_rewind(packed, 16 * (packed->end - from)))
            return false;
        packed->at = from;
        bool whole = members_to_end(gzip, packed);
        packed->at = whole ? from : packed->end;
        if (whole)
            return true;
    }
    return false;
}

static void cut(struct gzip *gzip, struct goleak_packed *packed)
{
    uint64_t end = packed->base_offset + packed->end;
    bool in_data = gzip->stage == STAGE_DATA;
    gzip->stage = STAGE_MEMBER;
    if (in_data && find_swallowed(gzip, packed)) {
        goleak_packed_damage(packed, false, goleak_packed_offset(packed),
                             "the gzip member that begins at byte %" PRIu64
                             " is damaged (its data runs on into the next one); reading goes on at the member that "
                             "follows it",
                             gzip->member_offset);
        return;
    }
    packed->at = packed->end;
    goleak_packed_damage(packed, true, end,
                         "the input ends after %" PRIu64
                         " packed byte%s, inside the gzip member that begins at byte %" PRIu64
                         "; expected the rest of it",
                         end, end == 1 ? "" : "s", gzip->member_offset);
}

static void no_member(struct gzip *gzip, struct goleak_packed *packed)
{
    goleak_packed_damage(packed, false, gzip->member_offset,
                         "the bytes from %" PRIu64
                         " on are no gzip member; expected one, or the end; reading goes on at the next member",
                         gzip->member_offset);
    gzip->stage = STAGE_SEARCH;
}

static void member_stage(struct gzip *gzip, struct goleak_packed *packed)
{
    if (!gzip->padded)
        gzip->member_offset = goleak_packed_offset(packed);
    /* Zeros behind the last member fill a tape's block, and mean nothing. */
    for (; gzip->member_offset != 0 && goleak_packed_left(packed) > 0 && packed->bytes[packed->at] == 0; packed->at++)
        gzip->padded = true;
    const size_t left = goleak_packed_left(packed);
    if (left == 0) {
        want_more(packed);
        return;
    }
    if (gzip->padded) {
        gzip->padded = false;
        no_member(gzip, packed);
        return;
    }
    switch (gzip_sniff(packed->bytes + packed->at, left)) {
    case GOLEAK_MAGIC_NO: no_member(gzip, packed); break;
    case GOLEAK_MAGIC_MORE:
        if (packed->final)
            cut(gzip, packed);
        else
            want_more(packed);
        break;
    case GOLEAK_MAGIC_YES:
        inflateReset(&gzip->stream);
        gzip->stage = STAGE_DATA;
        break;
    }
}

static enum goleak_status data_stage(struct gzip *gzip, struct goleak_packed *packed, struct goleak_error *error)
{
    int result = inflate_some(gzip, packed, packed->out, &packed->out_size);
    switch (result) {
    case Z_STREAM_END: gzip->stage = STAGE_MEMBER; return GOLEAK_OK;
    case Z_OK:
    case Z_BUF_ERROR: /* no room, or no bytes: both end this step */
        if (goleak_packed_room(packed) == 0 || goleak_packed_left(packed) > 0)
            return GOLEAK_OK;
        if (!packed->final)
            want_more(packed);
        else if (packed->out_size == 0)
            cut(gzip, packed);
        return GOLEAK_OK;
    case Z_MEM_ERROR: return goleak_error_alloc(error, packed->alloc);
    default:
        goleak_packed_damage(packed, false, goleak_packed_offset(packed),
                             "the gzip member that begins at byte %" PRIu64
                             " is damaged (%s); what came before is kept, and reading goes on at the next member",
                             gzip->member_offset, gzip->stream.msg != NULL ? gzip->stream.msg : zError(result));
        goleak_packed_resync(packed, gzip->member_offset, 0);
        gzip->stage = STAGE_SEARCH;
        return GOLEAK_OK;
    }
}

static void search_stage(struct gzip *gzip, struct goleak_packed *packed)
{
    while (goleak_packed_left(packed) > 0) {
        const unsigned char *from = packed->bytes + packed->at;
        const unsigned char *hit = memchr(from, 0x1f, goleak_packed_left(packed));
        packed->at = hit == NULL ? packed->end : (size_t)(hit - packed->bytes);
        enum goleak_magic found = hit == NULL ? GOLEAK_MAGIC_NO : candidate(packed, packed->at);
        if (found == GOLEAK_MAGIC_YES) {
            gzip->stage = STAGE_MEMBER;
            return;
        }
        if (found == GOLEAK_MAGIC_MORE && !packed->final)
            break;
        packed->at += hit != NULL;
    }
    want_more(packed);
}

/* At the very end `out` goes first: cut() uses it. */
static bool step_ends(const struct goleak_packed *packed)
{
    return packed->hungry || packed->damaged || goleak_packed_room(packed) == 0 ||
           (packed->final && goleak_packed_left(packed) == 0 && packed->out_size > 0);
}

static enum goleak_status gzip_step(void *state, struct goleak_packed *packed, struct goleak_error *error)
{
    struct gzip *gzip = state;
    enum goleak_status status = GOLEAK_OK;
    while (status == GOLEAK_OK && !step_ends(packed)) {
        switch (gzip->stage) {
        case STAGE_MEMBER: member_stage(gzip, packed); break;
        case STAGE_DATA: status = data_stage(gzip, packed, error); break;
        case STAGE_SEARCH: search_stage(gzip, packed); break;
        }
    }
    return status;
}

#else /* GOLEAK_HAVE_ZLIB */

static enum goleak_status gzip_open(void **state, struct goleak_packed *packed, struct goleak_error *error)
{
    (void)state;
    (void)packed;
    return goleak_error_set(error, GOLEAK_E_FORMAT,
                            "this is gzip data, and this build has no zlib; expected plain or zstd data, so unpack it "
                            "first: zcat FILE | goleak-report -");
}

static enum goleak_status gzip_step(void *state, struct goleak_packed *packed, struct goleak_error *error)
{
    (void)state;
    (void)packed;
    (void)error;
    return GOLEAK_E_FORMAT;
}

static void gzip_close(void *state, struct goleak_packed *packed)
{
    (void)state;
    (void)packed;
}

#endif

const struct goleak_codec goleak_codec_gzip = {
    .name = "gzip",
    .sniff = gzip_sniff,
    .open = gzip_open,
    .step = gzip_step,
    .close = gzip_close,
};
