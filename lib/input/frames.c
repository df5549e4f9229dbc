/*
 * frames - see frames.h.
 *
 * Units stand in a ring, in the order of their bytes:
 *
 *      gathered ─> put aside ─> decoded, or not ─┐
 *          └─────────────────────────────────────┴─> given back as pieces
 *
 * Only the last one is gathered, only the first one is given back: as one piece of
 * whole frames, and one of the packed bytes that are behind those, or as a packed
 * one if it is not decoded. What is not worth to be gathered passes: the walk goes on,
 * to know where the next frame begins, and bytes are given back where they lie.
 */
#include "input/frames.h"

#include "base/workers.h"
#include "input/unzstd.h"
#include "input/zstd_walk.h"

#include <assert.h>
#include <string.h>

#define UNITS (GOLEAK_FRAMES_WORKERS + 2)
/* A unit of that many bytes is one: less is not worth to wake somebody up. */
#define ENOUGH ((size_t)1 << 20)

struct unit {
    struct goleak_task task;
    bool aside; /* put there */
    bool decoded;
    uint64_t took_bytes; /* of memory: its decoder, for it */
    unsigned char *packed;
    size_t packed_size, packed_room;
    size_t whole_size;  /* of that: whole frames */
    size_t plain_limit; /* they give no more */
    unsigned char *plain;
    size_t plain_size, plain_room;
    struct goleak_zstd_mark mark;
    size_t given_size; /* of the packed bytes: given back */
};

/* Who decodes: the first of them is the thread that uses the handle. */
struct decoder {
    struct goleak_alloc alloc; /* its own: accounts are one thread's */
    struct goleak_packed packed;
    void *state; /* of the codec; NULL: not needed yet, or no memory */
};

struct goleak_frames {
    struct goleak_alloc *alloc;
    uint64_t booked_bytes; /* in its account, for the decoders */
    const unsigned char *input;
    size_t input_size;
    struct goleak_zstd_walk walk;
    bool gathering; /* into the last unit */
    bool passing;   /* what comes next is not gathered */
    bool flushing;
    bool giving; /* the first unit back */
    struct unit units[UNITS];
    size_t first, count, room; /* so many of them are used */
    struct goleak_workers workers;
    size_t worker_count;
    struct decoder decoders[GOLEAK_FRAMES_WORKERS + 1];
};

/* ---- on any thread: decoding ---------------------------------------------- */

/* The codec itself does it, so what it would complain of is no success. */
static bool decode(struct decoder *decoder, struct unit *unit)
{
    struct goleak_packed *packed = &decoder->packed;
    packed->alloc = &decoder->alloc;
    if (decoder->state == NULL && goleak_codec_zstd.open(&decoder->state, packed, NULL) < 0) {
        decoder->state = NULL;
        return false;
    }
    goleak_zstd_restart(decoder->state);
    packed->bytes = unit->packed;
    packed->at = 0;
    packed->end = unit->whole_size;
    packed->rewound_bytes = 0;
    packed->final = true;
    packed->hungry = packed->damaged = false;
    for (unit->plain_size = 0; !packed->hungry; unit->plain_size += packed->out_size) {
        packed->out = unit->plain + unit->plain_size;
        packed->out_size = 0;
        if (goleak_codec_zstd.step(decoder->state, packed, NULL) < 0 || packed->damaged ||
            packed->out_size > unit->plain_limit - unit->plain_size)
            return false;
    }
    return goleak_zstd_is_between(decoder->state, packed, &unit->mark);
}

/* A goleak_workers'. */
static void decode_aside(void *context, void *task, size_t number)
{
    struct goleak_frames *frames = context;
    struct decoder *decoder = &frames->decoders[number];
    struct unit *unit = task;
    uint64_t used_bytes = decoder->alloc.used_bytes;
    unit->decoded = decode(decoder, unit);
    unit->took_bytes = decoder->alloc.used_bytes - used_bytes;
}

/* ---- gathering ------------------------------------------------------------- */

static struct unit *unit_at(struct goleak_frames *frames, size_t index)
{
    return &frames->units[(frames->first + index) % frames->room];
}

static bool has_room(const struct goleak_frames *frames)
{
    return frames->gathering || frames->count < frames->room;
}

static struct unit *open_unit(struct goleak_frames *frames)
{
    if (!frames->gathering) {
        struct unit *unit = unit_at(frames, frames->count++);
        unit->aside = unit->decoded = false;
        unit->packed_size = unit->whole_size = unit->plain_limit = unit->given_size = 0;
        frames->gathering = true;
    }
    return unit_at(frames, frames->count - 1);
}

/* The codec decodes a run at a time, and asks for the room of one. */
static bool make_room(struct goleak_frames *frames, struct unit *unit)
{
    size_t room = unit->plain_limit + GOLEAK_RUN_ROOM;
    if (room <= unit->plain_room)
        return true;
    goleak_free(frames->alloc, unit->plain, unit->plain_room);
    unit->plain = goleak_realloc(frames->alloc, NULL, 0, room);
    unit->plain_room = unit->plain != NULL ? room : 0;
    return unit->plain != NULL;
}

/* No more goes into the last unit. */
static void close_unit(struct goleak_frames *frames)
{
    struct unit *unit = open_unit(frames);
    frames->gathering = false;
    unit->aside = unit->whole_size > 0 && make_room(frames, unit);
    if (!unit->aside)
        return;
    goleak_workers_put(&frames->workers, &unit->task);
    if (frames->count > 1) /* or as many as the system has: it is not asked again */
        frames->worker_count = goleak_workers_start(&frames->workers, frames->worker_count);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The frame under way; told as early as its headers tell it. */
static bool is_large(const struct goleak_zstd_walk *walk)
{
    const struct goleak_zstd_frame *frame = &walk->frame;
    bool told = frame->content_bytes != GOLEAK_ZSTD_UNTOLD && frame->content_bytes > GOLEAK_FRAMES_PLAIN_MOST;
    return told || walk->packed_bytes + walk->skip_bytes > GOLEAK_FRAMES_PACKED_MOST ||
           least(walk->plain_bytes, frame->content_bytes) > GOLEAK_FRAMES_PLAIN_MOST ||
           least(frame->window_bytes, frame->content_bytes) > GOLEAK_FRAMES_PLAIN_MOST;
}

/* Adds bytes to the last unit, to the end of a frame at most. */
static void gather(struct goleak_frames *frames)
{
    struct goleak_zstd_walk *walk = &frames->walk;
    struct unit *unit = open_unit(frames);
    if (!goleak_grow(frames->alloc, &unit->packed, &unit->packed_room, unit->packed_size + frames->input_size, 1)) {
        close_unit(frames);
        frames->passing = true;
        return;
    }
    size_t size = goleak_zstd_walk(walk, frames->input, frames->input_size);
    memcpy(unit->packed + unit->packed_size, frames->input, size);
    unit->packed_size += size;
    frames->input += size;
    frames->input_size -= size;
    if (walk->place == GOLEAK_ZSTD_LOST || is_large(walk)) {
        close_unit(frames);
        frames->passing = !goleak_zstd_walk_is_between(walk);
    } else if (goleak_zstd_walk_is_between(walk)) {
        unit->whole_size = unit->packed_size;
        unit->plain_limit += (size_t)least(walk->plain_bytes, walk->frame.content_bytes);
        if (unit->plain_limit >= ENOUGH || unit->whole_size >= ENOUGH)
            close_unit(frames);
    }
}

/* ---- giving back ------------------------------------------------------------ */

/* Waits until the first unit is decoded, and decodes meanwhile. */
static void await_first(struct goleak_frames *frames)
{
    const struct unit *unit = unit_at(frames, 0);
    if (unit->aside) {
        goleak_workers_finish(&frames->workers, &unit->task, true);
        frames->alloc->used_bytes += unit->took_bytes;
        frames->booked_bytes += unit->took_bytes;
    }
    frames->giving = true;
}

static void drop_first(struct goleak_frames *frames)
{
    frames->first = (frames->first + 1) % frames->room;
    frames->count--;
    frames->giving = false;
}

/* False: it has been given back. */
static bool next_of_first(struct goleak_frames *frames, struct goleak_frames_piece *piece)
{
    struct unit *unit = unit_at(frames, 0);
    bool decoded = unit->decoded && unit->given_size == 0;
    size_t end = decoded ? unit->whole_size : unit->packed_size;
    if (unit->given_size == end)
        return false;
    *piece = (struct goleak_frames_piece) { .packed = unit->packed + unit->given_size,
                                            .packed_size = end - unit->given_size };
    if (decoded) {
        piece->decoded = true;
        piece->plain = unit->plain;
        piece->plain_size = unit->plain_size;
        piece->mark = unit->mark;
    }
    unit->given_size = end;
    return true;
}

/* Bytes that are not gathered, to where gathering may begin again. */
static bool pass(struct goleak_frames *frames, struct goleak_frames_piece *piece)
{
    struct goleak_zstd_walk *walk = &frames->walk;
    size_t size;
    if (walk->place == GOLEAK_ZSTD_LOST) {
        size = goleak_zstd_walk_find(frames->input, frames->input_size);
        if (size < frames->input_size)
            goleak_zstd_walk_init(walk);
    } else {
        size = goleak_zstd_walk(walk, frames->input, frames->input_size);
    }
    frames->passing = !goleak_zstd_walk_is_between(walk);
    *piece = (struct goleak_frames_piece) { .packed = frames->input, .packed_size = size };
    frames->input += size;
    frames->input_size -= size;
    return size > 0;
}

bool goleak_frames_next(struct goleak_frames *frames, struct goleak_frames_piece *piece)
{
    for (;;) {
        if (frames->giving && next_of_first(frames, piece))
            return true;
        if (frames->giving)
            drop_first(frames);
        while (frames->input_size > 0 && !frames->passing && has_room(frames))
            gather(frames);
        if (frames->count > 0 && (frames->input_size > 0 || frames->flushing)) {
            await_first(frames);
        } else if (frames->input_size == 0) {
            frames->flushing = false;
            return false;
        } else if (pass(frames, piece)) {
            return true;
        }
    }
}

void goleak_frames_give(struct goleak_frames *frames, const void *data, size_t size)
{
    assert(frames->input_size == 0);
    frames->input = data;
    frames->input_size = size;
}

bool goleak_frames_hold(const struct goleak_frames *frames)
{
    return frames->count > 0;
}

void goleak_frames_flush(struct goleak_frames *frames)
{
    assert(frames->input_size == 0);
    if (frames->gathering)
        close_unit(frames);
    frames->passing = !goleak_zstd_walk_is_between(&frames->walk);
    frames->flushing = true;
}

/* ---- making ------------------------------------------------------------------ */

struct goleak_frames *goleak_frames_new(struct goleak_alloc *alloc, uint64_t window_limit_bytes, unsigned workers)
{
    struct goleak_frames *frames = goleak_alloc_zeroed(alloc, sizeof *frames);
    if (frames == NULL || !goleak_workers_init(&frames->workers, decode_aside, frames)) {
        goleak_free(alloc, frames, sizeof *frames);
        return NULL;
    }
    frames->alloc = alloc;
    frames->worker_count = workers < GOLEAK_FRAMES_WORKERS ? workers : GOLEAK_FRAMES_WORKERS;
    frames->room = frames->worker_count + 2;
    goleak_zstd_walk_init(&frames->walk);
    for (unsigned i = 0; i <= GOLEAK_FRAMES_WORKERS; i++) {
        struct decoder *decoder = &frames->decoders[i];
        goleak_alloc_init(&decoder->alloc, &alloc->hook, 0);
        decoder->packed.window_limit_bytes = window_limit_bytes != 0 ? window_limit_bytes : GOLEAK_UNPACK_WINDOW_LIMIT;
    }
    return frames;
}

void goleak_frames_free(struct goleak_frames *frames)
{
    if (frames == NULL)
        return;
    goleak_workers_release(&frames->workers);
    for (unsigned i = 0; i <= GOLEAK_FRAMES_WORKERS; i++)
        if (frames->decoders[i].state != NULL)
            goleak_codec_zstd.close(frames->decoders[i].state, &frames->decoders[i].packed);
    for (size_t i = 0; i < UNITS; i++) {
        goleak_free(frames->alloc, frames->units[i].packed, frames->units[i].packed_room);
        goleak_free(frames->alloc, frames->units[i].plain, frames->units[i].plain_room);
    }
    frames->alloc->used_bytes -= frames->booked_bytes;
    goleak_free(frames->alloc, frames, sizeof *frames);
}

/* ---- looking ------------------------------------------------------------------ */

/* A header in front of each frame that tells its packed size. */
static bool is_pzstd(const unsigned char *bytes, size_t size)
{
    static const unsigned char mark[] = { 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0 };
    return size >= sizeof mark && memcmp(bytes, mark, sizeof mark) == 0;
}

bool goleak_frames_are_in(struct goleak_source *source)
{
    enum { BLOCKS = 1024 }; /* one look for each */
    unsigned char bytes[64];
    struct goleak_zstd_walk walk;
    uint64_t at = 0;
    goleak_zstd_walk_init(&walk);
    for (int i = 0; i < BLOCKS && walk.place != GOLEAK_ZSTD_LOST && !is_large(&walk); i++) {
        size_t size = goleak_source_look(source, at, bytes, sizeof bytes);
        if (at == 0 && is_pzstd(bytes, size))
            return true;
        if (size < 4)
            return false;
        bool has_ended = goleak_zstd_walk_is_between(&walk) && walk.frame.header_bytes != 0;
        if (has_ended)
            return goleak_zstd_magic_begins(bytes, size);
        at += goleak_zstd_walk(&walk, bytes, size);
        if (walk.skip_bytes > 1) { /* the last byte of them ends a frame, perhaps */
            at += walk.skip_bytes - 1;
            walk.packed_bytes += walk.skip_bytes - 1;
            walk.skip_bytes = 1;
        }
    }
    return false;
}
