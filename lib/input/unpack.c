/*
 * unpack - see unpack.h.
 *
 * A stack of layers. Each looks at its first bytes and becomes plain (passing
 * runs through) or packed (a codec turns them into runs for the layer above):
 *
 *      given bytes ─> layer 0: zstd ─> layer 1: gzip ─> layer 2: plain ─> run
 *
 * goleak_unpack_next asks the top layer for a run; a layer that has nothing
 * sends the question one down, a run climbs one up. A layer is asked again only
 * when the one above has used up what it got, so its buffer can be borrowed,
 * and damage is told in its place. Pushing is pulling until nothing comes.
 */
#include "input/unpack.h"

#include "base/error.h"
#include "input/codec.h"
#include "input/unzstd.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* In the order in which the magics are tried; no two can both match. */
static const struct goleak_codec *const codecs[] = { &goleak_codec_zstd, &goleak_codec_gzip };

enum kind { KIND_UNTOLD, KIND_PLAIN, KIND_PACKED };

struct layer {
    enum kind kind;
    bool ended;
    const unsigned char *input; /* borrowed: what was given, or the run below */
    size_t input_size;
    unsigned char held[GOLEAK_MAGIC_BYTES]; /* of a magic that may still come */
    size_t held_size;
    const struct goleak_codec *codec;
    void *state;
    struct goleak_packed packed;
    unsigned char *own_out;
    const unsigned char *done; /* borrowed: plain bytes of frames that were decoded elsewhere */
    size_t done_size;
};

struct goleak_unpack {
    struct goleak_alloc *alloc;
    uint64_t window_limit_bytes;
    goleak_bytes_fn *sink;
    goleak_damage_fn *damage;
    void *context;
    bool given_all;
    size_t top;
    struct layer layers[GOLEAK_UNPACK_LAYERS + 1];
    enum goleak_status failure;
    struct goleak_error error; /* of that failure */
};

/* What asking a layer came to. */
enum answer { ANSWER_RUN, ANSWER_HUNGRY, ANSWER_ENDED, ANSWER_FAILED };

struct run {
    const unsigned char *data;
    size_t size;
};

/* ---- telling the packing ------------------------------------------------ */

/* What begins a magic and no text is a magic still where the rest was cut off. */
static bool is_no_text(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] < ' ' || bytes[i] > '~')
            return true;
    return false;
}

/* `final`: nothing follows these bytes. */
static enum goleak_magic sniff(const unsigned char *bytes, size_t size, bool final, const struct goleak_codec **codec)
{
    enum goleak_magic best = size == 0 ? GOLEAK_MAGIC_MORE : GOLEAK_MAGIC_NO;
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        enum goleak_magic one = codecs[i]->sniff(bytes, size);
        if (one == GOLEAK_MAGIC_YES || (one == GOLEAK_MAGIC_MORE && final && is_no_text(bytes, size))) {
            *codec = codecs[i];
            return GOLEAK_MAGIC_YES;
        }
        if (one == GOLEAK_MAGIC_MORE)
            best = one;
    }
    return best;
}

const char *goleak_unpack_sniff(const void *data, size_t size, bool final)
{
    const struct goleak_codec *codec;
    enum goleak_magic found = sniff(data, size, final, &codec);
    if (found == GOLEAK_MAGIC_YES)
        return codec->name;
    return found == GOLEAK_MAGIC_NO || (final && size > 0) ? "plain" : NULL;
}

const char *goleak_unpack_packing(const struct goleak_unpack *unpack)
{
    const struct layer *layer = &unpack->layers[0];
    if (layer->kind == KIND_UNTOLD)
        return NULL;
    return layer->kind == KIND_PLAIN ? "plain" : layer->codec->name;
}

/* ---- layers ------------------------------------------------------------- */

static void layer_close(struct goleak_unpack *unpack, struct layer *layer)
{
    if (layer->state != NULL)
        layer->codec->close(layer->state, &layer->packed);
    goleak_free(unpack->alloc, layer->packed.bytes, GOLEAK_PACKED_ROOM);
    goleak_free(unpack->alloc, layer->own_out, GOLEAK_RUN_ROOM);
    layer->state = NULL;
    layer->packed.bytes = layer->own_out = NULL;
}

static enum goleak_status layer_open(struct goleak_unpack *unpack, struct layer *layer,
                                     const struct goleak_codec *codec, struct goleak_error *error)
{
    struct goleak_packed *packed = &layer->packed;
    layer->codec = codec;
    packed->alloc = unpack->alloc;
    packed->window_limit_bytes = unpack->window_limit_bytes;
    packed->hungry = true;
    packed->bytes = goleak_alloc_array(unpack->alloc, 1, GOLEAK_PACKED_ROOM);
    if (packed->bytes == NULL)
        return goleak_error_alloc(error, unpack->alloc);
    packed->out = layer->own_out = goleak_alloc_array(unpack->alloc, 1, GOLEAK_RUN_ROOM);
    if (layer->own_out == NULL)
        return goleak_error_alloc(error, unpack->alloc);
    enum goleak_status status = codec->open(&layer->state, packed, error);
    if (status < 0)
        return status;
    goleak_packed_fill(packed, layer->held, layer->held_size);
    layer->kind = KIND_PACKED;
    unpack->top++;
    return GOLEAK_OK;
}

/* Whether no byte will be added to what the layer has. */
static bool input_is_all(const struct goleak_unpack *unpack, size_t index)
{
    return index == 0 ? unpack->given_all : unpack->layers[index - 1].ended;
}

static void tell_damage(struct goleak_unpack *unpack, size_t index, bool truncated, uint64_t offset,
                        const char *sentence)
{
    char text[GOLEAK_SENTENCE_ROOM + 80];
    if (unpack->damage == NULL)
        return;
    if (index > 0)
        snprintf(text, sizeof text, "%s (bytes of what the outer %s data holds)", sentence,
                 unpack->layers[index - 1].codec->name);
    else
        snprintf(text, sizeof text, "%s", sentence);
    unpack->damage(unpack->context, truncated, offset, text);
}

/* Adds input to `held` until it tells what it is; ANSWER_RUN: it does now. */
static enum answer ask_untold(struct goleak_unpack *unpack, size_t index, struct goleak_error *error)
{
    struct layer *layer = &unpack->layers[index];
    unsigned char first[GOLEAK_MAGIC_BYTES];
    size_t more = GOLEAK_MAGIC_BYTES - layer->held_size;
    if (more > layer->input_size)
        more = layer->input_size;
    memcpy(first, layer->held, layer->held_size);
    if (more > 0)
        memcpy(first + layer->held_size, layer->input, more);

    const struct goleak_codec *codec = NULL;
    enum goleak_magic found = sniff(first, layer->held_size + more, input_is_all(unpack, index), &codec);
    if (found == GOLEAK_MAGIC_MORE) {
        memcpy(layer->held, first, sizeof layer->held);
        layer->held_size += more;
        layer->input_size = 0;
        if (!input_is_all(unpack, index))
            return ANSWER_HUNGRY;
        if (layer->held_size == 0) {
            layer->ended = true;
            return ANSWER_ENDED;
        }
    }
    if (codec != NULL && index < GOLEAK_UNPACK_LAYERS)
        return layer_open(unpack, layer, codec, error) < 0 ? ANSWER_FAILED : ANSWER_RUN;
    if (codec != NULL) {
        char sentence[GOLEAK_SENTENCE_ROOM];
        snprintf(sentence, sizeof sentence,
                 "there is %s data inside %d layers of packing, and no more are undone; it is passed on as it is",
                 codec->name, GOLEAK_UNPACK_LAYERS);
        tell_damage(unpack, index, false, 0, sentence);
    }
    layer->kind = KIND_PLAIN;
    return ANSWER_RUN;
}

static enum answer ask_plain(struct goleak_unpack *unpack, size_t index, struct run *run)
{
    struct layer *layer = &unpack->layers[index];
    if (layer->held_size > 0) {
        *run = (struct run) { layer->held, layer->held_size };
        layer->held_size = 0;
        return ANSWER_RUN;
    }
    if (layer->input_size > 0) {
        *run = (struct run) { layer->input, layer->input_size };
        layer->input_size = 0;
        return ANSWER_RUN;
    }
    layer->ended = input_is_all(unpack, index);
    return layer->ended ? ANSWER_ENDED : ANSWER_HUNGRY;
}

/* Gives a hungry codec bytes, or tells it that there are no more. */
static bool layer_refill(struct goleak_unpack *unpack, size_t index)
{
    struct layer *layer = &unpack->layers[index];
    struct goleak_packed *packed = &layer->packed;
    if (layer->input_size > 0) {
        size_t taken = goleak_packed_fill(packed, layer->input, layer->input_size);
        assert(taken > 0);
        layer->input += taken;
        layer->input_size -= taken;
    } else if (!packed->final && input_is_all(unpack, index)) {
        packed->final = true;
    } else {
        layer->ended = packed->final;
        return false;
    }
    packed->hungry = false;
    return true;
}

static enum answer ask_packed(struct goleak_unpack *unpack, size_t index, struct run *run, struct goleak_error *error)
{
    struct layer *layer = &unpack->layers[index];
    struct goleak_packed *packed = &layer->packed;
    if (layer->done_size > 0) {
        *run = (struct run) { layer->done, layer->done_size < GOLEAK_RUN_ROOM ? layer->done_size : GOLEAK_RUN_ROOM };
        layer->done += run->size;
        layer->done_size -= run->size;
        return ANSWER_RUN;
    }
    for (;;) {
        if (packed->damaged) {
            packed->damaged = false;
            tell_damage(unpack, index, packed->truncated, packed->damage_offset, packed->sentence);
        }
        if (packed->hungry && !layer_refill(unpack, index))
            return layer->ended ? ANSWER_ENDED : ANSWER_HUNGRY;
        if (layer->codec->step(layer->state, packed, error) < 0)
            return ANSWER_FAILED;
        if (packed->out_size > 0) {
            *run = (struct run) { packed->out, packed->out_size };
            packed->out_size = 0;
            return ANSWER_RUN;
        }
    }
}

/* ---- pulling ------------------------------------------------------------ */

/* Remembers a failure: later calls repeat it. */
static enum goleak_status fail(struct goleak_unpack *unpack, enum goleak_status status,
                               const struct goleak_error *error)
{
    unpack->failure = status;
    if (error != &unpack->error)
        unpack->error = error != NULL ? *error : (struct goleak_error) { .status = status };
    return status;
}

static enum goleak_status fail_again(const struct goleak_unpack *unpack, struct goleak_error *error)
{
    if (error != NULL)
        *error = unpack->error;
    return unpack->failure;
}

void goleak_unpack_give(struct goleak_unpack *unpack, const void *data, size_t size)
{
    assert(unpack->layers[0].input_size == 0 && !unpack->given_all);
    unpack->layers[0].input = data;
    unpack->layers[0].input_size = size;
}

/* The first bytes open a layer as they do in ask_untold. */
static bool begins_with_frames(struct goleak_unpack *unpack, const struct goleak_frames_piece *piece)
{
    struct layer *layer = &unpack->layers[0];
    const struct goleak_codec *codec = NULL;
    if (layer->held_size != 0 || sniff(piece->packed, piece->packed_size, false, &codec) != GOLEAK_MAGIC_YES ||
        codec != &goleak_codec_zstd)
        return false;
    if (layer_open(unpack, layer, codec, &unpack->error) < 0)
        fail(unpack, unpack->error.status, &unpack->error); /* which the next call tells */
    return true;
}

bool goleak_unpack_give_frames(struct goleak_unpack *unpack, const struct goleak_frames_piece *piece)
{
    struct layer *layer = &unpack->layers[0];
    struct goleak_zstd_mark mark;
    assert(layer->input_size == 0 && layer->done_size == 0 && !unpack->given_all);
    if (layer->kind == KIND_UNTOLD && !begins_with_frames(unpack, piece))
        return false;
    if (unpack->failure < 0)
        return true;
    if (layer->codec != &goleak_codec_zstd || !goleak_zstd_is_between(layer->state, &layer->packed, &mark))
        return false;
    goleak_zstd_pass(layer->state, &layer->packed, piece->packed, piece->packed_size, &piece->mark);
    layer->done = piece->plain;
    layer->done_size = piece->plain_size;
    return true;
}

void goleak_unpack_end(struct goleak_unpack *unpack)
{
    unpack->given_all = true;
}

enum goleak_status goleak_unpack_next(struct goleak_unpack *unpack, const void **data, size_t *size,
                                      struct goleak_error *error)
{
    *data = NULL;
    *size = 0;
    if (unpack->failure < 0)
        return fail_again(unpack, error);
    for (size_t index = unpack->top;;) {
        struct layer *layer = &unpack->layers[index];
        struct run run = { NULL, 0 };
        enum answer answer = ANSWER_RUN;
        if (layer->kind == KIND_UNTOLD)
            answer = ask_untold(unpack, index, &unpack->error);
        if (answer == ANSWER_RUN && layer->kind == KIND_PLAIN)
            answer = ask_plain(unpack, index, &run);
        else if (answer == ANSWER_RUN)
            answer = ask_packed(unpack, index, &run, &unpack->error);

        switch (answer) {
        case ANSWER_RUN:
            if (index == unpack->top) {
                *data = run.data;
                *size = run.size;
                return GOLEAK_OK;
            }
            index++;
            unpack->layers[index].input = run.data;
            unpack->layers[index].input_size = run.size;
            break;
        case ANSWER_HUNGRY:
            if (index == 0)
                return GOLEAK_OK;
            index--;
            break;
        case ANSWER_ENDED:
            if (index == unpack->top)
                return GOLEAK_OK;
            index++;
            break;
        case ANSWER_FAILED: fail(unpack, unpack->error.status, &unpack->error); return fail_again(unpack, error);
        }
    }
}

void goleak_unpack_lend(struct goleak_unpack *unpack, void *buffer)
{
    /* While the top is untold it may yet be packed, and read from the buffer. */
    if (unpack->top > 0 && unpack->layers[unpack->top].kind == KIND_PLAIN)
        unpack->layers[unpack->top - 1].packed.out = buffer;
}

/* ---- pushing ------------------------------------------------------------ */

static enum goleak_status drain(struct goleak_unpack *unpack, struct goleak_error *error)
{
    for (;;) {
        const void *data;
        size_t size;
        enum goleak_status status = goleak_unpack_next(unpack, &data, &size, error);
        if (status < 0 || size == 0)
            return status;
        status = unpack->sink != NULL ? unpack->sink(unpack->context, data, size) : GOLEAK_OK;
        if (status < 0)
            return fail(unpack, status, error);
    }
}

enum goleak_status goleak_unpack_feed(struct goleak_unpack *unpack, const void *data, size_t size,
                                      struct goleak_error *error)
{
    if (unpack->failure < 0)
        return fail_again(unpack, error);
    if (unpack->given_all) {
        goleak_error_set(&unpack->error, GOLEAK_E_USAGE, "bytes were fed behind the end of the input");
        fail(unpack, GOLEAK_E_USAGE, &unpack->error);
        return fail_again(unpack, error);
    }
    goleak_unpack_give(unpack, data, size);
    return drain(unpack, error);
}

enum goleak_status goleak_unpack_finish(struct goleak_unpack *unpack, struct goleak_error *error)
{
    goleak_unpack_end(unpack);
    return drain(unpack, error);
}

/* ---- making ------------------------------------------------------------- */

enum goleak_status goleak_unpack_new(struct goleak_unpack **out, struct goleak_alloc *alloc,
                                     uint64_t window_limit_bytes, goleak_bytes_fn *sink, goleak_damage_fn *damage,
                                     void *context, struct goleak_error *error)
{
    *out = NULL;
    struct goleak_unpack *unpack = goleak_alloc_zeroed(alloc, sizeof *unpack);
    if (unpack == NULL)
        return goleak_error_alloc(error, alloc);
    unpack->alloc = alloc;
    unpack->window_limit_bytes = window_limit_bytes != 0 ? window_limit_bytes : GOLEAK_UNPACK_WINDOW_LIMIT;
    unpack->sink = sink;
    unpack->damage = damage;
    unpack->context = context;
    *out = unpack;
    return GOLEAK_OK;
}

void goleak_unpack_free(struct goleak_unpack *unpack)
{
    if (unpack == NULL)
        return;
    for (size_t i = 0; i <= GOLEAK_UNPACK_LAYERS; i++)
        layer_close(unpack, &unpack->layers[i]);
    goleak_free(unpack->alloc, unpack, sizeof *unpack);
}
