/*
 * decode - see decode.h.
 *
 * Without a thread:   next ─> pump ─> unpack, source
 * With one:           next ─> ring <─ thread ─> pump ─> unpack, source
 *         plain:      next ─> ring <─ thread ─> source
 * With more of them:  next ─> ring <─ thread ─> pump ─> unpack, frames, source
 *
 * pump is the same loop for both. The thread lends unpack a block of the ring,
 * so that bytes are decoded to where the caller will read them; plain ones are
 * read there.
 */
#include "input/decode.h"

#include "base/error.h"
#include "base/thread.h"
#include "input/frames.h"
#include "input/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INPUT_ROOM ((size_t)256 * 1024)
#define FIRST_ROOM ((size_t)64 * 1024) /* where what comes next is read into other memory, mostly */
/* A writer that is silent for so long may be so for long: then frames are held back no more. */
#define IDLE_MS 20

struct goleak_decode {
    struct goleak_alloc *alloc;
    struct goleak_source *source;
    const char *packing;
    unsigned char *input; /* INPUT_ROOM */
    void *room;           /* of the call under way, for plain bytes; NULL: none */
    size_t room_size;

    /* of pump, and so of the thread where there is one */
    struct goleak_unpack *unpack;
    struct goleak_frames *frames; /* or NULL */
    bool read_all;                /* or reading failed: */
    enum goleak_status read_status;
    struct goleak_error read_error;
    bool given_all;
    uint64_t read_bytes; /* with frames: that were given to unpack */

    /* of the caller's side */
    goleak_damage_fn *damage; /* of the call under way */
    void *damage_context;
    uint64_t shown_bytes;
    uint64_t run_bytes; /* without a thread: that were handed out */
    bool ended;
    enum goleak_status status;
    struct goleak_error error; /* of that status */

    /* of the thread */
    bool threaded;
    pthread_t thread;
    struct goleak_ring *ring;
    struct goleak_alloc thread_alloc;
    uint64_t base_bytes;              /* its count before it held anything */
    size_t peeked;                    /* plain bytes in `input`, to go first */
    unsigned char *lent;              /* the block that unpack writes into */
    enum goleak_status thread_status; /* set before the END item */
    struct goleak_error thread_error;
    int wake[2]; /* a pipe that ends a wait for the source; -1: none */

    /* of the caller's side, with a thread */
    unsigned char *borrowed; /* the block of the last run */
    uint64_t booked_bytes;   /* of the thread's memory, in alloc's account */
};

/* ---- on either thread ----------------------------------------------------- */

static bool is_plain(const struct goleak_decode *decode)
{
    return decode->packing == NULL || strcmp(decode->packing, "plain") == 0;
}

static enum goleak_status name_source(const struct goleak_decode *decode, enum goleak_status status,
                                      struct goleak_error *error)
{
    if (error != NULL && error->path[0] == '\0')
        snprintf(error->path, sizeof error->path, "%s", goleak_source_path(decode->source));
    return status;
}

/* Bytes that were read before may be left in frames. False: none are. */
static bool give_piece(struct goleak_decode *decode)
{
    struct goleak_frames_piece piece;
    if (decode->frames == NULL || !goleak_frames_next(decode->frames, &piece))
        return false;
    decode->read_bytes += piece.packed_size;
    if (!piece.decoded || !goleak_unpack_give_frames(decode->unpack, &piece))
        goleak_unpack_give(decode->unpack, piece.packed, piece.packed_size);
    return true;
}

/* Bytes that were read into `input`; 0: there are no more. */
static void give_read(struct goleak_decode *decode, size_t got)
{
    decode->read_all = got == 0;
    if (decode->frames == NULL) {
        decode->read_bytes += got;
        if (got > 0)
            goleak_unpack_give(decode->unpack, decode->input, got);
    } else if (got > 0) {
        goleak_frames_give(decode->frames, decode->input, got);
    } else {
        goleak_frames_flush(decode->frames);
    }
}

/* Nothing is to be had without waiting, though there are bytes that frames holds back. */
static bool is_silent(const struct goleak_decode *decode)
{
    return decode->frames != NULL && goleak_frames_hold(decode->frames) &&
           goleak_source_is_idle(decode->source, decode->wake[0], IDLE_MS);
}

/* Reads what comes next. False: the thread is to stop, or it is a run already. */
static bool read_input(struct goleak_decode *decode, const void **data, size_t *size)
{
    size_t got;
    bool direct = decode->room != NULL && is_plain(decode);
    if (decode->wake[0] >= 0 && !goleak_source_wait(decode->source, decode->wake[0]))
        return false;
    decode->read_status = goleak_source_read(decode->source, direct ? decode->room : decode->input,
                                             direct ? decode->room_size : INPUT_ROOM, &got, &decode->read_error);
    if (!direct || got == 0) {
        give_read(decode, got);
        return true;
    }
    decode->read_bytes += got;
    *data = decode->room;
    *size = got;
    return false;
}

/* The next run; size 0: the end, or the thread is to stop. */
static enum goleak_status pump(struct goleak_decode *decode, const void **data, size_t *size,
                               struct goleak_error *error)
{
    for (;;) {
        enum goleak_status status = goleak_unpack_next(decode->unpack, data, size, error);
        if (status < 0)
            return name_source(decode, status, error);
        if (*size > 0 || decode->given_all)
            return GOLEAK_OK;
        if (give_piece(decode))
            continue;
        if (decode->read_all && decode->read_status < 0) {
            *error = decode->read_error;
            return decode->read_status;
        }
        if (decode->read_all) {
            goleak_unpack_end(decode->unpack);
            decode->given_all = true;
        } else if (is_silent(decode)) {
            goleak_frames_flush(decode->frames);
        } else if (!read_input(decode, data, size)) {
            return GOLEAK_OK;
        }
    }
}

/* ---- on the thread -------------------------------------------------------- */

static bool push(struct goleak_decode *decode, struct goleak_ring_item *item)
{
    item->read_bytes = decode->read_bytes;
    item->used_bytes = decode->thread_alloc.used_bytes - decode->base_bytes;
    return goleak_ring_push(decode->ring, item);
}

static void push_damage(void *context, bool truncated, uint64_t offset, const char *sentence)
{
    struct goleak_decode *decode = context;
    struct goleak_ring_item item = { .kind = GOLEAK_RING_DAMAGE, .truncated = truncated, .offset = offset };
    snprintf(item.sentence, sizeof item.sentence, "%s", sentence);
    push(decode, &item); /* when it is to stop, the next run will tell */
}

/* False: stop. */
static bool push_run(struct goleak_decode *decode, const unsigned char *data, size_t size)
{
    struct goleak_ring_item item = { .kind = GOLEAK_RING_RUN, .size = size };
    if (decode->lent != NULL && data >= decode->lent && data < decode->lent + GOLEAK_RING_BLOCK_BYTES) {
        item.block = decode->lent;
        item.at = (size_t)(data - decode->lent);
        decode->lent = NULL;
    } else {
        item.block = goleak_ring_take(decode->ring);
        if (item.block == NULL)
            return false;
        memcpy(item.block, data, size);
    }
    if (!push(decode, &item))
        return false;
    if (decode->lent == NULL)
        decode->lent = goleak_ring_take(decode->ring);
    if (decode->lent != NULL)
        goleak_unpack_lend(decode->unpack, decode->lent);
    return decode->lent != NULL;
}

static void run_packed(struct goleak_decode *decode)
{
    const void *data;
    size_t size;
    do
        decode->thread_status = pump(decode, &data, &size, &decode->thread_error);
    while (decode->thread_status == GOLEAK_OK && size > 0 && push_run(decode, data, size));
}

/* Nothing is to be unpacked: the caller gets the bytes where they were read to. */
static void run_plain(struct goleak_decode *decode)
{
    struct goleak_ring_item item = { .kind = GOLEAK_RING_RUN, .size = decode->peeked };
    do {
        item.block = goleak_ring_take(decode->ring);
        if (item.block == NULL)
            return;
        if (decode->peeked != 0)
            memcpy(item.block, decode->input, decode->peeked);
        else if (decode->wake[0] >= 0 && !goleak_source_wait(decode->source, decode->wake[0]))
            return;
        else
            decode->thread_status = goleak_source_read(decode->source, item.block, GOLEAK_RING_BLOCK_BYTES, &item.size,
                                                       &decode->thread_error);
        decode->read_bytes += decode->peeked != 0 ? 0 : item.size;
        decode->peeked = 0;
    } while (decode->thread_status == GOLEAK_OK && item.size != 0 && push(decode, &item));
}

static void *run_thread(void *context)
{
    struct goleak_decode *decode = context;
    struct goleak_ring_item end = { .kind = GOLEAK_RING_END };
    if (decode->unpack != NULL)
        run_packed(decode);
    else
        run_plain(decode);
    push(decode, &end);
    return NULL;
}

/* ---- starting and stopping the thread ------------------------------------- */

/* A source that can block is waited for together with a pipe. */
static bool wake_open(struct goleak_decode *decode)
{
    if (!goleak_source_can_block(decode->source))
        return true;
    if (pipe(decode->wake) != 0) {
        decode->wake[0] = decode->wake[1] = -1;
        return false;
    }
    fcntl(decode->wake[0], F_SETFD, FD_CLOEXEC);
    fcntl(decode->wake[1], F_SETFD, FD_CLOEXEC);
    return true;
}

static void wake_close(struct goleak_decode *decode)
{
    for (int i = 0; i < 2; i++) {
        if (decode->wake[i] >= 0)
            close(decode->wake[i]);
        decode->wake[i] = -1;
    }
}

static void wake_thread(const struct goleak_decode *decode)
{
    ssize_t sent;
    if (decode->wake[1] < 0)
        return;
    do
        sent = write(decode->wake[1], "", 1);
    while (sent < 0 && errno == EINTR);
}

/* Takes down what thread_start made, as far as it came. */
static void thread_stop(struct goleak_decode *decode)
{
    if (decode->threaded) {
        goleak_ring_stop(decode->ring);
        wake_thread(decode);
        pthread_join(decode->thread, NULL);
        decode->threaded = false;
    }
    wake_close(decode);
    goleak_unpack_free(decode->unpack);
    decode->unpack = NULL;
    goleak_frames_free(decode->frames);
    decode->frames = NULL;
    goleak_ring_free(decode->ring);
    decode->ring = NULL;
    decode->alloc->used_bytes -= decode->booked_bytes;
    decode->booked_bytes = 0;
}

/* Within a limit it does without: what is decoded aside would take what is left. */
static void frames_open(struct goleak_decode *decode, uint64_t window_limit_bytes, unsigned workers)
{
    if (workers > 0 && decode->alloc->limit_bytes == 0 && strcmp(decode->packing, "zstd") == 0)
        decode->frames = goleak_frames_new(&decode->thread_alloc, window_limit_bytes, workers);
}

static enum goleak_status thread_start(struct goleak_decode *decode, uint64_t window_limit_bytes, unsigned workers,
                                       size_t peeked, struct goleak_error *error)
{
    enum goleak_status status = goleak_ring_new(&decode->ring, decode->alloc, error);
    if (status < 0)
        return status;
    /* It counts on from what is in use, so that limit and sentences are one. */
    goleak_alloc_init(&decode->thread_alloc, NULL, decode->alloc->limit_bytes);
    decode->base_bytes = decode->thread_alloc.used_bytes = decode->alloc->used_bytes;
    if (is_plain(decode)) {
        decode->peeked = peeked;
    } else {
        status = goleak_unpack_new(&decode->unpack, &decode->thread_alloc, window_limit_bytes, NULL, push_damage,
                                   decode, error);
        if (status < 0)
            return status;
        decode->lent = goleak_ring_take(decode->ring);
        frames_open(decode, window_limit_bytes, workers);
        decode->read_bytes = 0;
        give_read(decode, peeked);
    }
    if (wake_open(decode))
        decode->threaded = goleak_thread_start(&decode->thread, run_thread, decode);
    if (!decode->threaded)
        thread_stop(decode); /* the system has none left: it works without */
    return GOLEAK_OK;
}

/* ---- on the caller's thread ------------------------------------------------ */

static void pass_damage(void *context, bool truncated, uint64_t offset, const char *sentence)
{
    const struct goleak_decode *decode = context;
    if (decode->damage != NULL)
        decode->damage(decode->damage_context, truncated, offset, sentence);
}

/* Reads until the packing is told, at most so many bytes. */
static enum goleak_status peek(struct goleak_decode *decode, size_t room, size_t *peeked, struct goleak_error *error)
{
    *peeked = 0;
    for (;;) {
        size_t got;
        enum goleak_status status =
            goleak_source_read(decode->source, decode->input + *peeked, room - *peeked, &got, error);
        if (status < 0)
            return status;
        *peeked += got;
        decode->packing = goleak_unpack_sniff(decode->input, *peeked, got == 0);
        if (decode->packing != NULL || got == 0)
            break;
    }
    decode->read_bytes = *peeked;
    return GOLEAK_OK;
}

static enum goleak_status start(struct goleak_decode *decode, uint64_t window_limit_bytes, unsigned how,
                                struct goleak_error *error)
{
    size_t peeked;
    decode->input = goleak_alloc_array(decode->alloc, 1, INPUT_ROOM);
    if (decode->input == NULL)
        return goleak_error_alloc(error, decode->alloc);
    const size_t room = how & GOLEAK_DECODE_INTERRUPTIBLE ? FIRST_ROOM : INPUT_ROOM;
    enum goleak_status status = peek(decode, room, &peeked, error);
    if (status == GOLEAK_OK && (how & (is_plain(decode) ? GOLEAK_DECODE_PLAIN_THREAD : GOLEAK_DECODE_THREAD)))
        status = thread_start(decode, window_limit_bytes, how >> 8, peeked, error);
    if (status < 0 || decode->threaded)
        return status;
    if ((how & GOLEAK_DECODE_INTERRUPTIBLE) && !wake_open(decode))
        return goleak_error_set(error, GOLEAK_E_IO, "the system has no pipe left");
    status = goleak_unpack_new(&decode->unpack, decode->alloc, window_limit_bytes, NULL, pass_damage, decode, error);
    decode->read_bytes = peeked;
    if (status == GOLEAK_OK)
        goleak_unpack_give(decode->unpack, decode->input, peeked);
    return status;
}

enum goleak_status goleak_decode_open(struct goleak_decode **out, struct goleak_alloc *alloc,
                                      struct goleak_source *source, uint64_t window_limit_bytes, unsigned how,
                                      struct goleak_error *error)
{
    *out = NULL;
    enum goleak_status status;
    struct goleak_decode *decode = goleak_alloc_zeroed(alloc, sizeof *decode);
    if (decode == NULL) {
        status = goleak_error_alloc(error, alloc);
        if (error != NULL)
            snprintf(error->path, sizeof error->path, "%s", goleak_source_path(source));
        return status;
    }
    decode->alloc = alloc;
    decode->source = source;
    decode->wake[0] = decode->wake[1] = -1;
    status = start(decode, window_limit_bytes, how, error);
    if (status < 0) {
        name_source(decode, status, error);
        goleak_decode_close(decode);
        return status;
    }
    *out = decode;
    return GOLEAK_OK;
}

static void book(struct goleak_decode *decode, uint64_t used_bytes)
{
    decode->alloc->used_bytes = decode->alloc->used_bytes - decode->booked_bytes + used_bytes;
    decode->booked_bytes = used_bytes;
}

static enum goleak_status next_of_ring(struct goleak_decode *decode, const void **data, size_t *size)
{
    struct goleak_ring_item item;
    if (decode->borrowed != NULL)
        goleak_ring_put_back(decode->ring, decode->borrowed);
    decode->borrowed = NULL;
    for (;;) {
        if (!goleak_ring_pop(decode->ring, &item))
            return GOLEAK_OK; /* interrupted */
        decode->shown_bytes = item.read_bytes;
        book(decode, item.used_bytes);
        switch (item.kind) {
        case GOLEAK_RING_DAMAGE: pass_damage(decode, item.truncated, item.offset, item.sentence); break;
        case GOLEAK_RING_RUN:
            decode->borrowed = item.block;
            *data = item.block + item.at;
            *size = item.size;
            return GOLEAK_OK;
        case GOLEAK_RING_END: decode->error = decode->thread_error; return decode->thread_status;
        }
    }
}

enum goleak_status goleak_decode_next(struct goleak_decode *decode, const void **data, size_t *size,
                                      goleak_damage_fn *damage, void *context, struct goleak_error *error)
{
    *data = NULL;
    *size = 0;
    if (!decode->ended) {
        decode->damage = damage;
        decode->damage_context = context;
        if (decode->threaded) {
            decode->status = next_of_ring(decode, data, size);
        } else {
            decode->status = pump(decode, data, size, &decode->error);
            decode->shown_bytes = decode->read_bytes;
            decode->run_bytes += *size;
        }
        decode->ended = decode->status < 0 || *size == 0;
    }
    if (decode->status < 0 && error != NULL)
        *error = decode->error;
    return decode->status;
}

enum goleak_status goleak_decode_next_into(struct goleak_decode *decode, void *room, size_t room_size,
                                           const void **data, size_t *size, goleak_damage_fn *damage, void *context,
                                           struct goleak_error *error)
{
    if (decode->threaded)
        return goleak_decode_next(decode, data, size, damage, context, error);
    decode->room = room;
    decode->room_size = room_size;
    enum goleak_status status = goleak_decode_next(decode, data, size, damage, context, error);
    decode->room = NULL;
    return status;
}

void goleak_decode_skip(struct goleak_decode *decode, uint64_t *bytes)
{
    if (*bytes == 0 || decode->threaded || !is_plain(decode) || decode->read_bytes != decode->run_bytes)
        return;
    const uint64_t skipped = goleak_source_skip(decode->source, *bytes);
    decode->read_bytes += skipped;
    decode->run_bytes += skipped;
    *bytes -= skipped;
}

uint64_t goleak_decode_bytes_read(const struct goleak_decode *decode)
{
    return decode->shown_bytes;
}

const char *goleak_decode_packing(const struct goleak_decode *decode)
{
    return decode->packing;
}

struct goleak_source *goleak_decode_again(const struct goleak_decode *decode)
{
    char byte;
    return is_plain(decode) && goleak_source_again(decode->source, 0, &byte, 1) == 1 ? decode->source : NULL;
}

void goleak_decode_interrupt(struct goleak_decode *decode)
{
    if (decode->threaded)
        goleak_ring_stop(decode->ring);
    wake_thread(decode);
}

void goleak_decode_close(struct goleak_decode *decode)
{
    if (decode == NULL)
        return;
    thread_stop(decode);
    goleak_free(decode->alloc, decode->input, INPUT_ROOM);
    goleak_free(decode->alloc, decode, sizeof *decode);
}
