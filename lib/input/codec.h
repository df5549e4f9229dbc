/*
 * codec - what unpack asks of a packing, and the bytes that it hands to it.
 *
 * A codec turns the packed bytes of one layer into plain ones, a bounded step
 * at a time. It reads from a window that unpack fills:
 *
 *      bytes[0]        at              end          GOLEAK_PACKED_ROOM
 *         | history ... | not yet used  |  free ...  |
 *
 * A codec that finds damage may go back in its history, to look there for the
 * next frame: the broken one may have claimed more bytes than were its own. At
 * least GOLEAK_PACKED_HISTORY bytes before `at` stay, whatever the chunks in
 * which the bytes came, so that every way of cutting the input gives one result.
 *
 * Internal to lib/input; unpack.h is what others use.
 */
#ifndef GOLEAK_INPUT_CODEC_H
#define GOLEAK_INPUT_CODEC_H

#include "input/unpack.h"

#define GOLEAK_RUN_ROOM GOLEAK_UNPACK_RUN_ROOM
#define GOLEAK_PACKED_ROOM ((size_t)384 * 1024)
#define GOLEAK_PACKED_HISTORY ((size_t)64 * 1024)
/* What a codec may ask to see at once. */
#define GOLEAK_PACKED_NEED (GOLEAK_PACKED_ROOM - GOLEAK_PACKED_HISTORY)
#define GOLEAK_SENTENCE_ROOM 320

struct goleak_packed {
    struct goleak_alloc *alloc;
    uint64_t window_limit_bytes;

    unsigned char *bytes;
    size_t at, end;
    uint64_t base_offset;   /* of bytes[0], in the packed bytes of this layer   */
    uint64_t rewound_bytes; /* gone back over so far, see goleak_packed_resync  */
    bool final;             /* nothing follows bytes[end)                       */
    bool hungry;            /* set by a step that can do no more with these     */

    unsigned char *out; /* GOLEAK_RUN_ROOM; a step appends at out_size          */
    size_t out_size;

    bool damaged, truncated; /* set by goleak_packed_damage; a step ends then   */
    uint64_t damage_offset;
    char sentence[GOLEAK_SENTENCE_ROOM];
};

enum goleak_magic { GOLEAK_MAGIC_NO, GOLEAK_MAGIC_MORE, GOLEAK_MAGIC_YES };

/* No magic is longer. */
#define GOLEAK_MAGIC_BYTES 4

struct goleak_codec {
    const char *name;
    /* MORE: the bytes begin as the magic does, but are fewer. */
    enum goleak_magic (*sniff)(const unsigned char *bytes, size_t size);
    enum goleak_status (*open)(void **state, struct goleak_packed *packed, struct goleak_error *error);
    /* Uses up some of bytes[at, end) and appends to an empty `out`. Each call
     * moves on, in order: bytes into `out`, then damage, then hungry. Where
     * `final` is set and the rest is no whole frame, it says so as damage and
     * uses it up. Negative: what `out` holds is lost, so it is empty then where
     * that can be helped. */
    enum goleak_status (*step)(void *state, struct goleak_packed *packed, struct goleak_error *error);
    void (*close)(void *state, struct goleak_packed *packed);
};

extern const struct goleak_codec goleak_codec_zstd;
extern const struct goleak_codec goleak_codec_gzip;

/* ---- for codecs -------------------------------------------------------- */

static inline uint64_t goleak_packed_offset(const struct goleak_packed *packed)
{
    return packed->base_offset + packed->at;
}

static inline size_t goleak_packed_left(const struct goleak_packed *packed)
{
    return packed->end - packed->at;
}

static inline size_t goleak_packed_room(const struct goleak_packed *packed)
{
    return GOLEAK_RUN_ROOM - packed->out_size;
}

void goleak_packed_damage(struct goleak_packed *packed, bool truncated, uint64_t offset, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;

/* The index in `bytes` from which a search for the frame after a broken one
 * may start: within the history, and behind the start of the broken one. */
size_t goleak_packed_resync_from(const struct goleak_packed *packed, uint64_t frame_offset);

/* Asks to spend `size` bytes of work on bytes that were looked at before. What
 * is granted in all stays in proportion to the bytes that came, so that input
 * made of false frames costs linear time. */
bool goleak_packed_may_rewind(struct goleak_packed *packed, size_t size);

/* Puts `at` where the search for the next frame begins; `bad_bytes` from `at`
 * on are known to be broken, and are stepped over when going back is too dear. */
void goleak_packed_resync(struct goleak_packed *packed, uint64_t frame_offset, size_t bad_bytes);

/* Books memory that a library took by itself: *booked becomes `bytes` in the
 * account of `alloc`; false, and nothing booked, if that is over its limit. */
bool goleak_packed_book(struct goleak_packed *packed, uint64_t *booked, uint64_t bytes);

/* Where nothing is left: `size` bytes, that were used elsewhere, become the history. They are whole frames,
 * and nobody goes back to before the last one, so that what was before them need not stay. */
void goleak_packed_pass(struct goleak_packed *packed, const unsigned char *bytes, size_t size);

/* ---- for unpack -------------------------------------------------------- */

/* Copies as much as fits behind `end`; returns how much. Never 0 for a codec
 * that is hungry. */
size_t goleak_packed_fill(struct goleak_packed *packed, const void *data, size_t size);

#endif
