/*
 * test_frames - zstd frames that are decoded side by side give what they give one
 * after the other: bytes, damage in its place, failures; of files made by chance,
 * whole, cut and broken, with any number of workers.
 */
#include "input/decode.h"
#include "input/frames.h"
#include "input/unpack.h"
#include "input/unzstd.h"

#include "support/bytes.h"
#include "support/chance.h"
#include "support/generate.h"
#include "support/outcome.h"
#include "support/sanitizer.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zstd.h>

#define MOST 6 /* workers */

static char path[] = "/tmp/test_frames.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* readers that want no more */
    return scratch_open(path, 1200);
}

static int tear_down(void **state)
{
    (void)state;
    return scratch_close(path);
}

/* ---- files made by chance -------------------------------------------------- */

static struct bytes text; /* what frames are taken from */
static struct bytes noise;

static void make_plain(void)
{
    if (text.size != 0)
        return;
    seed = 77;
    while (text.size < (size_t)12 << 20)
        bytes_format(&text, "gopark: goroutine=c000%06x reason=%u lock=%x count=%u\n", chance(1 << 24), chance(32),
                     chance(1 << 30), chance(100000));
    for (size_t i = 0; i < (size_t)5 << 18; i++) {
        unsigned word = chance(1u << 31);
        bytes_add(&noise, &word, 4);
    }
}

struct packing {
    bool checksum, told;
    int level, window_log; /* 0: the level's */
    size_t block;          /* flushed behind so many bytes; 0: not */
};

static void add_frame(struct bytes *to, const char *plain, size_t size, const struct packing *how)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, how->level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, how->checksum);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, how->told);
    if (how->window_log != 0)
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, how->window_log);
    if (how->told)
        ZSTD_CCtx_setPledgedSrcSize(context, size);
    size_t step = how->block != 0 ? how->block : size;
    size_t room = ZSTD_compressBound(size) + (step != 0 ? size / step * 64 : 0) + 64;
    char *packed = malloc(room);
    assert_non_null(packed);
    ZSTD_outBuffer out = { packed, room, 0 };
    for (size_t at = 0; at < size; at += step) {
        ZSTD_inBuffer in = { plain + at, size - at < step ? size - at : step, 0 };
        size_t left = ZSTD_compressStream2(context, &out, &in, how->block != 0 ? ZSTD_e_flush : ZSTD_e_continue);
        assert_false(ZSTD_isError(left));
        assert_int_equal(in.pos, in.size);
    }
    ZSTD_inBuffer nothing = { NULL, 0, 0 };
    assert_int_equal(ZSTD_compressStream2(context, &out, &nothing, ZSTD_e_end), 0);
    bytes_add(to, packed, out.pos);
    free(packed);
    ZSTD_freeCCtx(context);
}

static const struct packing usual = { .level = 1, .told = true, .checksum = true };

static void add_usual_frames(struct bytes *file, int count, size_t size)
{
    make_plain();
    for (int i = 0; i < count; i++)
        add_frame(file, text.data, size, &usual);
}

static void add_skippable(struct bytes *to, unsigned variant, size_t size)
{
    char head[8] = { (char)(0x50 + variant), 0x2a, 0x4d, 0x18 };
    for (int i = 0; i < 4; i++)
        head[4 + i] = (char)(size >> 8 * i);
    bytes_add(to, head, sizeof head);
    bytes_add(to, noise.data + chance(1000), size);
}

/* As pzstd does: a skippable frame that tells the packed size of the next one. */
static void add_pzstd(struct bytes *to, const char *plain, size_t size, const struct packing *how)
{
    struct bytes frame = { 0 };
    add_frame(&frame, plain, size, how);
    char head[12] = { 0x50, 0x2a, 0x4d, 0x18, 4 };
    for (int i = 0; i < 4; i++)
        head[8 + i] = (char)(frame.size >> 8 * i);
    bytes_add(to, head, sizeof head);
    bytes_add(to, frame.data, frame.size);
    bytes_free(&frame);
}

static struct packing some_packing(void)
{
    static const int windows[] = { 0, 0, 0, 10, 14, 17, 19, 20, 24 };
    return (struct packing) { .checksum = chance(2),
                              .told = chance(3) != 0,
                              .level = chance(4) == 0 ? -5 : 1,
                              .window_log = windows[chance(sizeof windows / sizeof *windows)],
                              .block = chance(4) == 0 ? 1000 + chance(200000) : 0 };
}

static size_t some_size(void)
{
    switch (chance(8)) {
    case 0: return 0;
    case 1: return chance(100);
    case 2:
    case 3: return chance(60000);
    case 4: return (size_t)1 << 20;
    default: return chance(3 << 20);
    }
}

/* Where frames begin, for damage that hits headers. */
struct starts {
    size_t at[80];
    size_t count;
};

static void add_plain_frame(struct bytes *to, const struct bytes *from, size_t most)
{
    struct packing how = some_packing();
    size_t size = some_size();
    size = size < most ? size : most;
    const char *plain = from->data + chance((unsigned)(from->size - size));
    if (chance(3) == 0)
        add_pzstd(to, plain, size, &how);
    else
        add_frame(to, plain, size, &how);
}

static void some_file(struct bytes *to, struct starts *starts, bool rubbish)
{
    static const struct packing plainly = { .level = 1, .told = true, .checksum = true };
    static char zeros[300000];
    size_t pieces = 1 + chance(14);
    bytes_clear(to);
    starts->count = 0;
    for (size_t i = 0; i < pieces; i++) {
        starts->at[starts->count++] = to->size;
        switch (chance(rubbish && i > 0 ? 14 : 12)) {
        case 0: add_skippable(to, chance(16), chance(20)); break;
        case 1: add_skippable(to, chance(16), chance(300000)); break;
        case 2: add_plain_frame(to, &noise, 300000); break;
        case 3: add_frame(to, zeros, chance(sizeof zeros), &plainly); break;
        case 4:
            if (chance(4) == 0) /* larger than is decoded aside */
                add_frame(to, text.data, text.size - chance(3 << 20), &plainly);
            else if (chance(3) == 0)
                add_frame(to, noise.data, noise.size - chance(100000), &plainly);
            break;
        case 12: bytes_add(to, noise.data, chance(5000)); break;
        case 13: bytes_add(to, to->data, to->size < 40 ? to->size : 1 + chance(39)); break;
        default: add_plain_frame(to, &text, text.size); break;
        }
    }
    if (to->size < 4)
        add_frame(to, "", 0, &plainly);
}

/* Bits are turned, or bytes are gone, or it is cut. */
static void break_it(struct bytes *file, const struct starts *starts)
{
    unsigned how = chance(8);
    size_t near = starts->at[chance((unsigned)starts->count)] + chance(24);
    size_t at = chance(2) == 0 ? near : chance((unsigned)file->size);
    if (at >= file->size)
        at = file->size - 1;
    if (how == 0) {
        file->size = at + 1;
    } else if (how == 1) {
        size_t gone = 1 + chance(chance(2) == 0 ? 4 : 100000);
        gone = gone < file->size - at ? gone : file->size - at;
        memmove(file->data + at, file->data + at + gone, file->size - at - gone);
        file->size -= gone;
    } else {
        file->data[at] = (char)(file->data[at] ^ 1 << chance(8));
        for (unsigned i = chance(3); i > 0; i--) {
            at = chance((unsigned)file->size);
            file->data[at] = (char)(file->data[at] ^ 1 << chance(8));
        }
    }
}

/* ---- unpacking in two ways ---------------------------------------------------- */

struct result {
    enum goleak_status status;
    struct goleak_error error;
    struct bytes plain;
    struct bytes damage; /* "plain offset, packed offset, truncated, sentence" lines */
    size_t taken, refused; /* pieces that were decoded aside, and not */
    uint64_t bytes_read;
};

static void take_damage(void *context, bool truncated, uint64_t offset, const char *sentence)
{
    struct result *result = context;
    bytes_format(&result->damage, "%zu %llu %d %s\n", result->plain.size, (unsigned long long)offset, truncated,
                 sentence);
}

static void drop(struct result *result)
{
    bytes_free(&result->plain);
    bytes_free(&result->damage);
    *result = (struct result) { 0 };
}

static enum goleak_status take_plain(void *context, const void *data, size_t size)
{
    struct result *result = context;
    bytes_add(&result->plain, data, size);
    return GOLEAK_OK;
}

static void unpack_in_order(struct result *result, const struct bytes *packed, uint64_t window_limit)
{
    struct goleak_alloc alloc;
    struct goleak_unpack *unpack;
    goleak_alloc_init(&alloc, NULL, 0);
    assert_int_equal(goleak_unpack_new(&unpack, &alloc, window_limit, take_plain, take_damage, result, NULL),
                     GOLEAK_OK);
    result->status = goleak_unpack_feed(unpack, packed->data, packed->size, &result->error);
    if (result->status == GOLEAK_OK)
        result->status = goleak_unpack_finish(unpack, &result->error);
    goleak_unpack_free(unpack);
    assert_int_equal(alloc.used_bytes, 0);
}

/* How the packed bytes come. */
struct coming {
    unsigned workers;
    size_t chunk; /* at most; 0: any */
    unsigned silence; /* one in so many chunks is followed by it; 0: none */
    uint64_t window_limit;
    size_t pieces; /* then nobody wants more; 0: all */
};

static void give_piece(struct result *result, struct goleak_unpack *unpack, const struct goleak_frames_piece *piece)
{
    bool taken = piece->decoded && goleak_unpack_give_frames(unpack, piece);
    if (!taken)
        goleak_unpack_give(unpack, piece->packed, piece->packed_size);
    result->taken += taken;
    result->refused += piece->decoded && !taken;
}

/* As decode.c does it. */
static void pump(struct result *result, struct goleak_unpack *unpack, struct goleak_frames *frames,
                 const struct bytes *packed, const struct coming *coming)
{
    struct goleak_frames_piece piece;
    size_t at = 0, size, pieces = 0;
    const void *data;
    bool flushed = false, ended = false;
    for (;;) {
        result->status = goleak_unpack_next(unpack, &data, &size, &result->error);
        if (result->status != GOLEAK_OK || (size == 0 && ended))
            return;
        if (size > 0) {
            bytes_add(&result->plain, data, size);
        } else if (goleak_frames_next(frames, &piece)) {
            give_piece(result, unpack, &piece);
            if (++pieces == coming->pieces)
                return;
        } else if (coming->silence != 0 && chance(coming->silence) == 0) {
            goleak_frames_flush(frames);
        } else if (at < packed->size) {
            size = packed->size - at;
            if (coming->chunk != 0)
                size = size < coming->chunk ? size : 1 + chance((unsigned)coming->chunk);
            goleak_frames_give(frames, packed->data + at, size);
            at += size;
        } else if (!flushed) {
            goleak_frames_flush(frames);
            flushed = true;
        } else {
            assert_false(goleak_frames_hold(frames));
            goleak_unpack_end(unpack);
            ended = true;
        }
    }
}

static void unpack_aside(struct result *result, const struct bytes *packed, const struct coming *coming,
                         struct goleak_alloc *alloc)
{
    struct goleak_unpack *unpack = NULL;
    struct goleak_frames *frames = NULL;
    result->status =
        goleak_unpack_new(&unpack, alloc, coming->window_limit, NULL, take_damage, result, &result->error);
    if (result->status == GOLEAK_OK)
        frames = goleak_frames_new(alloc, coming->window_limit, coming->workers);
    if (frames != NULL)
        pump(result, unpack, frames, packed, coming);
    else
        result->status = GOLEAK_E_MEMORY;
    goleak_unpack_free(unpack);
    goleak_frames_free(frames);
    assert_int_equal(alloc->used_bytes, 0);
}

static void assert_same(const struct result *want, const struct result *got, const char *what)
{
    if (got->status != want->status || strcmp(got->error.message, want->error.message) != 0)
        fail_msg("%s: status %d (%s), expected %d (%s)", what, got->status, got->error.message, want->status,
                 want->error.message);
    if (!bytes_equal(&got->damage, &want->damage))
        fail_msg("%s: damage\n%s\nexpected\n%s", what, got->damage.size != 0 ? got->damage.data : "",
                 want->damage.size != 0 ? want->damage.data : "");
    if (!bytes_equal(&got->plain, &want->plain))
        fail_msg("%s: %zu plain bytes differ from the %zu expected", what, got->plain.size, want->plain.size);
}

static size_t all_taken, all_refused;

static void compare(const struct bytes *packed, const struct coming *coming, const char *what)
{
    struct result want = { 0 }, got = { 0 };
    struct goleak_alloc alloc;
    goleak_alloc_init(&alloc, NULL, 0);
    unpack_in_order(&want, packed, coming->window_limit);
    unpack_aside(&got, packed, coming, &alloc);
    assert_same(&want, &got, what);
    all_taken += got.taken;
    all_refused += got.refused;
    drop(&want);
    drop(&got);
}

static struct coming some_coming(void)
{
    static const size_t chunks[] = { 0, 65536, 262144, 262144, 5000 };
    return (struct coming) { .workers = 1 + chance(MOST),
                             .chunk = chunks[chance(sizeof chunks / sizeof *chunks)],
                             .silence = chance(6) == 0 ? 2 + chance(20) : 0 };
}

/* ---- tests ------------------------------------------------------------------ */

static void whole_files(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    struct starts starts;
    make_plain();
    all_taken = all_refused = 0;
    for (unsigned round = 1; round <= 8; round++) {
        char what[60];
        seed = round;
        some_file(&file, &starts, round % 2 == 0);
        for (unsigned workers = 1; workers <= MOST; workers += 1 + round % 3) {
            struct coming coming = some_coming();
            coming.workers = workers;
            snprintf(what, sizeof what, "file %u, %u workers", round, workers);
            compare(&file, &coming, what);
        }
    }
    assert_true(all_taken > 50);
    assert_true(all_refused > 0); /* behind rubbish */
    bytes_free(&file);
}

static void broken_files(void **state)
{
    (void)state;
    struct bytes file = { 0 }, broken = { 0 };
    struct starts starts;
    make_plain();
    all_taken = all_refused = 0;
    for (unsigned round = 1; round <= some_rounds(12); round++) {
        seed = 1000 + round;
        some_file(&file, &starts, round % 8 == 0);
        for (unsigned i = 0; i < 6; i++) {
            char what[60];
            struct coming coming = some_coming();
            seed = round * 100 + i;
            bytes_clear(&broken);
            bytes_add(&broken, file.data, file.size);
            break_it(&broken, &starts);
            snprintf(what, sizeof what, "file %u, broken %u, %u workers", round, i, coming.workers);
            compare(&broken, &coming, what);
        }
    }
    assert_true(all_taken > some_rounds(40));
    assert_true(all_refused > 0); /* behind damage */
    bytes_free(&file);
    bytes_free(&broken);
}

/* Frames that nothing checks and whose matches reach far: what breaks in them is seen in what
 * they give, and that is the same whatever a decoder had before. */
static void broken_without_checks(void **state)
{
    (void)state;
    struct bytes file = { 0 }, broken = { 0 };
    make_plain();
    all_taken = all_refused = 0;
    for (unsigned round = 0; round < some_rounds(5); round++) {
        seed = 3000 + round;
        bytes_clear(&file);
        for (unsigned i = 0; i < 8; i++) {
            struct packing how = { .level = 3, .told = chance(2), .window_log = 10 + (int)chance(9) };
            add_frame(&file, text.data + chance(1 << 20), 200000 + chance(600000), &how);
        }
        for (unsigned i = 0; i < 8; i++) {
            char what[60];
            struct coming coming = some_coming();
            bytes_clear(&broken);
            bytes_add(&broken, file.data, file.size);
            for (unsigned k = 0; k < 6; k++)
                broken.data[chance((unsigned)broken.size)] ^= (char)(1 << chance(8));
            snprintf(what, sizeof what, "unchecked file %u, broken %u", round, i);
            compare(&broken, &coming, what);
        }
    }
    assert_true(all_taken > some_rounds(20));
    bytes_free(&file);
    bytes_free(&broken);
}

/* What a frame gives, and the complaint, do not depend on the frames before it. */
static void frames_do_not_depend(void **state)
{
    (void)state;
    static const struct packing far = { .level = 3, .window_log = 20 }, near = { .level = 3, .window_log = 10 };
    struct bytes first = { 0 }, frame = { 0 }, both = { 0 };
    size_t differing = 0;
    make_plain();
    add_frame(&first, text.data, 3000000, &far);
    seed = 5;
    for (unsigned i = 0; i < some_rounds(60); i++) {
        struct result alone = { 0 }, behind = { 0 };
        bytes_clear(&frame);
        bytes_clear(&both);
        add_frame(&frame, text.data + chance(1 << 20), 60000, &near);
        /* Behind the header: the window's is the same. */
        frame.data[10 + chance((unsigned)frame.size - 10)] ^= (char)(1 << chance(8));
        bytes_add(&both, first.data, first.size);
        bytes_add(&both, frame.data, frame.size);
        unpack_in_order(&alone, &frame, 0);
        unpack_in_order(&behind, &both, 0);
        assert_int_equal(behind.plain.size, 3000000 + alone.plain.size);
        assert_memory_equal(behind.plain.data + 3000000, alone.plain.data, alone.plain.size);
        assert_true((alone.damage.size != 0) == (behind.damage.size != 0));
        differing += alone.damage.size == 0;
        drop(&alone);
        drop(&behind);
    }
    assert_true(differing > 0);
    bytes_free(&first);
    bytes_free(&frame);
    bytes_free(&both);
}

/* A frame that nothing checks has taken in the one behind it, by a length that is broken. That is
 * seen behind it, where no frame begins, and the one inside is found in what was gone over. */
static void swallowed_frames(void **state)
{
    (void)state;
    struct bytes file = { 0 }, inside = { 0 };
    make_plain();
    all_taken = 0;
    for (unsigned round = 0; round < some_rounds(60); round++) {
        struct coming coming = some_coming();
        seed = 5000 + round;
        bytes_clear(&file);
        bytes_clear(&inside);
        if (round % 4 == 0) /* a piece of its own, so that the next one begins behind it */
            add_frame(&file, text.data, (size_t)1 << 20, &usual);
        for (unsigned i = chance(12); i > 0; i--)
            add_frame(&file, noise.data, chance(60000), &usual);
        bytes_add(&inside, noise.data, chance(60000));
        add_frame(&inside, text.data, 1000, &usual);
        bytes_add(&inside, noise.data, chance(2) == 0 ? chance(60) : chance(60000));
        size_t header = inside.size << 3 | 1; /* the last block, raw, in a window of 128 KiB */
        bytes_add(&file, (const char[]) { 0x28, (char)0xb5, 0x2f, (char)0xfd, 0, 0x38, (char)(header & 0xff),
                                          (char)(header >> 8 & 0xff), (char)(header >> 16) }, 9);
        bytes_add(&file, inside.data, inside.size);
        bytes_text(&file, "rubbish");
        add_frame(&file, text.data, 3000, &usual);
        coming.chunk = round % 2 == 0 ? 0 : 4000;
        coming.silence = round % 3 == 0 ? 3 : 0;
        compare(&file, &coming, "a swallowed frame");
    }
    assert_true(all_taken > some_rounds(40));
    bytes_free(&file);
    bytes_free(&inside);
}

static void packed_inside(void **state)
{
    (void)state;
    struct bytes inner = { 0 }, part = { 0 }, file = { 0 };
    make_plain();
    for (unsigned round = 0; round < some_rounds(8); round++) {
        seed = 4000 + round;
        bytes_clear(&inner);
        bytes_clear(&file);
        for (unsigned i = 0; i < 4; i++) {
            bytes_clear(&part);
            bytes_add(&part, text.data + chance(1 << 20), 600000 + chance(400000));
            if (round % 2 == 0 || !bytes_gzip(&inner, &part))
                bytes_zstd(&inner, &part);
        }
        if (round > 4)
            inner.data[inner.size / 3] ^= 4;
        for (size_t at = 0; at < inner.size;) { /* the outer frames end anywhere */
            static const struct packing how = { .level = 1, .told = true, .checksum = true };
            size_t size = at == 0 ? 3 : 100000 + chance(400000);
            size = size < inner.size - at ? size : inner.size - at;
            add_frame(&file, inner.data + at, size, &how);
            at += size;
        }
        if (round % 4 == 3)
            file.data[file.size / 2] ^= 16;
        struct coming coming = some_coming();
        compare(&file, &coming, "packed inside");
    }
    bytes_free(&inner);
    bytes_free(&part);
    bytes_free(&file);
}

/* Of good frames all are decoded aside, large ones excepted. */
static void what_is_decoded_aside(void **state)
{
    (void)state;
    static const struct packing far = { .level = 1, .window_log = 24 };
    static const struct packing flushed = { .level = 1, .told = true, .block = 10000 }; /* many small blocks */
    struct goleak_alloc alloc;
    struct bytes file = { 0 };
    struct result got = { 0 };
    struct coming coming = { .workers = 2, .chunk = 262144 };
    make_plain();
    goleak_alloc_init(&alloc, NULL, 0);
    for (int i = 0; i < 5; i++)
        add_pzstd(&file, text.data, (size_t)8 << 20, &usual);
    add_frame(&file, text.data, (size_t)2 << 20, &flushed);
    for (int i = 0; i < 3000; i++) /* several of them are one piece */
        add_frame(&file, text.data, 1000, &usual);
    unpack_aside(&got, &file, &coming, &alloc);
    assert_int_equal(got.status, GOLEAK_OK);
    assert_int_equal(got.plain.size, ((size_t)42 << 20) + 3000000);
    assert_int_equal(got.taken, 9);
    drop(&got);

    bytes_clear(&file);
    add_frame(&file, text.data, ((size_t)8 << 20) + 1, &usual);
    add_frame(&file, noise.data, noise.size, &usual);
    add_frame(&file, text.data, (size_t)5 << 20, &far);
    unpack_aside(&got, &file, &coming, &alloc);
    assert_int_equal(got.plain.size, ((size_t)13 << 20) + 1 + noise.size);
    assert_int_equal(got.taken, 0);
    drop(&got);
    bytes_free(&file);
}

static void windows_over_the_limit(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    make_plain();
    static const struct packing near = { .level = 1, .window_log = 17 }, far = { .level = 1, .window_log = 21 };
    for (int i = 0; i < 12; i++)
        add_frame(&file, text.data, 700000, i == 7 ? &far : &near);
    for (unsigned workers = 1; workers <= MOST; workers++) {
        struct coming coming = { .workers = workers, .chunk = 262144, .window_limit = 1 << 20 };
        compare(&file, &coming, "a window over the limit");
    }
    bytes_free(&file);
}

static void stopping_anywhere(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    struct starts starts;
    make_plain();
    for (unsigned round = 0; round < some_rounds(16); round++) {
        struct result got = { 0 };
        struct goleak_alloc alloc;
        goleak_alloc_init(&alloc, NULL, 0);
        seed = 6000 + round;
        some_file(&file, &starts, false);
        struct coming coming = some_coming();
        coming.pieces = 1 + chance(6);
        unpack_aside(&got, &file, &coming, &alloc);
        assert_int_equal(got.status, GOLEAK_OK);
        drop(&got);
    }
    bytes_free(&file);
}

/* ---- memory that ends -------------------------------------------------------- */

struct scarce {
    pthread_mutex_t mutex;
    size_t requests, fail_at;
    bool keep_failing, failed;
};

static void *scarce_realloc(void *context, void *pointer, size_t old_size, size_t new_size)
{
    struct scarce *scarce = context;
    (void)old_size;
    if (new_size == 0) {
        free(pointer);
        return NULL;
    }
    pthread_mutex_lock(&scarce->mutex);
    scarce->requests++;
    bool fails = scarce->requests == scarce->fail_at || (scarce->keep_failing && scarce->requests > scarce->fail_at);
    scarce->failed = scarce->failed || fails;
    pthread_mutex_unlock(&scarce->mutex);
    return fails ? NULL : realloc(pointer, new_size);
}

/* Without memory for it nothing is decoded aside, and results are the same. */
static void every_allocation_fails(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    struct result want = { 0 };
    make_plain();
    seed = 9;
    for (int i = 0; i < 6; i++) {
        struct packing how = some_packing();
        add_frame(&file, text.data + chance(1 << 20), 600000 + chance(1000000), &how);
    }
    file.data[file.size / 2] ^= 1;
    unpack_in_order(&want, &file, 0);
    for (unsigned keep_failing = 0; keep_failing < 2; keep_failing++) {
        bool failed = true;
        size_t done_without = 0;
        for (size_t n = 1; failed; n += has_sanitizer() ? 3 : 1) {
            struct scarce scarce = { .fail_at = n, .keep_failing = keep_failing != 0 };
            struct goleak_allocator hook = { scarce_realloc, &scarce };
            struct coming coming = { .workers = 1 + (unsigned)n % MOST, .chunk = 262144 };
            struct goleak_alloc alloc;
            struct result got = { 0 };
            assert_int_equal(pthread_mutex_init(&scarce.mutex, NULL), 0);
            goleak_alloc_init(&alloc, &hook, 0);
            unpack_aside(&got, &file, &coming, &alloc);
            failed = scarce.failed;
            if (got.status == GOLEAK_OK)
                assert_same(&want, &got, "scarce memory");
            else
                assert_int_equal(got.status, GOLEAK_E_MEMORY);
            done_without += failed && got.status == GOLEAK_OK;
            pthread_mutex_destroy(&scarce.mutex);
            drop(&got);
        }
        assert_true(done_without > some_rounds(5));
    }
    drop(&want);
    bytes_free(&file);
}

/* ---- through decode ------------------------------------------------------------ */

struct reading {
    unsigned how;
    const char *name; /* NULL: the file */
    size_t stop_after; /* runs; 0: all */
    size_t most_plain; /* so many bytes are wanted; 0: all */
    uint64_t limit_bytes;
    uint64_t peak_bytes;
};

static void read_runs(struct result *result, struct goleak_decode *decode, struct reading *reading,
                      const struct goleak_alloc *alloc)
{
    const void *data;
    size_t size, runs = 0;
    uint64_t before = 0;
    do {
        result->status = goleak_decode_next(decode, &data, &size, take_damage, result, &result->error);
        assert_true(size <= (size_t)256 * 1024);
        bytes_add(&result->plain, data, size);
        result->bytes_read = goleak_decode_bytes_read(decode);
        assert_true(result->bytes_read >= before);
        before = result->bytes_read;
        if (alloc->used_bytes > reading->peak_bytes)
            reading->peak_bytes = alloc->used_bytes;
    } while (size > 0 && ++runs != reading->stop_after &&
             (reading->most_plain == 0 || result->plain.size < reading->most_plain));
}

static void read_file(struct result *result, struct reading *reading)
{
    struct goleak_alloc alloc;
    struct goleak_source *source;
    struct goleak_decode *decode;
    goleak_alloc_init(&alloc, NULL, reading->limit_bytes);
    const char *name = reading->name != NULL ? reading->name : path;
    assert_int_equal(goleak_source_open(&source, &alloc, name, NULL), GOLEAK_OK);
    result->status = goleak_decode_open(&decode, &alloc, source, 0, reading->how, &result->error);
    if (result->status == GOLEAK_OK)
        read_runs(result, decode, reading, &alloc);
    goleak_decode_close(decode);
    goleak_source_close(source);
    assert_int_equal(alloc.used_bytes, 0);
}

static void files_through_decode(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    struct starts starts;
    make_plain();
    for (unsigned round = 0; round < some_rounds(16); round++) {
        struct result want = { 0 }, got = { 0 };
        struct reading in_order = { 0 }, aside = { .how = GOLEAK_DECODE_THREAD };
        seed = 7000 + round;
        some_file(&file, &starts, round % 4 == 0);
        if (round % 2 == 1)
            break_it(&file, &starts);
        assert_true(bytes_write(&file, path));
        aside.how |= GOLEAK_DECODE_WORKERS(1 + chance(MOST)) | (chance(2) == 0 ? GOLEAK_DECODE_INTERRUPTIBLE : 0);
        read_file(&want, &in_order);
        read_file(&got, &aside);
        assert_same(&want, &got, "through decode");
        if (want.status == GOLEAK_OK)
            assert_int_equal(got.bytes_read, file.size);
        drop(&got);
        aside.stop_after = 1 + chance(12);
        read_file(&got, &aside);
        assert_int_equal(got.status, GOLEAK_OK);
        assert_true(got.plain.size <= want.plain.size);
        if (got.plain.size != 0)
            assert_memory_equal(got.plain.data, want.plain.data, got.plain.size);
        drop(&want);
        drop(&got);
    }
    bytes_free(&file);
}

/* Memory is in the caller's account; within a limit, nothing is decoded aside. */
static void memory_is_booked(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    struct result got = { 0 };
    struct reading reading = { .how = GOLEAK_DECODE_THREAD };
    add_usual_frames(&file, 12, (size_t)2 << 20);
    assert_true(bytes_write(&file, path));
    read_file(&got, &reading);
    uint64_t in_order = reading.peak_bytes;
    drop(&got);
    reading.how |= GOLEAK_DECODE_WORKERS(2);
    read_file(&got, &reading);
    assert_int_equal(got.plain.size, (size_t)24 << 20);
    assert_true(reading.peak_bytes > in_order + ((uint64_t)6 << 20));
    assert_true(reading.peak_bytes < in_order + 4 * ((uint64_t)4 << 20) + 3 * ((uint64_t)2 << 20));
    drop(&got);
    reading.limit_bytes = in_order + 100000;
    reading.peak_bytes = 0;
    read_file(&got, &reading);
    assert_int_equal(got.status, GOLEAK_OK);
    assert_int_equal(got.plain.size, (size_t)24 << 20);
    assert_true(reading.peak_bytes <= reading.limit_bytes);
    drop(&got);
    bytes_free(&file);
}

/* What libzstd takes for a decoder is, too. */
static void decoders_are_booked(void **state)
{
    (void)state;
    static const struct packing far = { .level = 1, .window_log = 22 };
    struct bytes file = { 0 };
    struct goleak_alloc alloc;
    struct goleak_frames_piece piece;
    make_plain();
    add_frame(&file, text.data, 1200000, &far);
    goleak_alloc_init(&alloc, NULL, 0);
    struct goleak_frames *frames = goleak_frames_new(&alloc, 0, 0);
    assert_non_null(frames);
    goleak_frames_give(frames, file.data, file.size);
    assert_false(goleak_frames_next(frames, &piece));
    assert_true(goleak_frames_hold(frames));
    uint64_t before = alloc.used_bytes;
    assert_true(before > file.size + 1200000);
    goleak_frames_flush(frames);
    assert_true(goleak_frames_next(frames, &piece));
    assert_true(piece.decoded && piece.plain_size == 1200000 && piece.packed_size == file.size);
    assert_true(alloc.used_bytes > before + ((uint64_t)4 << 20));
    assert_false(goleak_frames_next(frames, &piece));
    assert_false(goleak_frames_hold(frames));
    goleak_frames_free(frames);
    assert_int_equal(alloc.used_bytes, 0);
    bytes_free(&file);
}

/* A decoder that failed searches no more for a frame: that would pass a large skippable one, and find
 * what is in it. Which decoder takes what is chance, so here is the codec alone. */
static void decoders_begin_anew(void **state)
{
    (void)state;
    static unsigned char out[GOLEAK_RUN_ROOM];
    struct bytes broken = { 0 }, inside = { 0 }, whole = { 0 };
    struct goleak_alloc alloc;
    struct goleak_zstd_mark mark;
    void *zstd;
    make_plain();
    add_frame(&broken, text.data, 1000, &usual);
    broken.data[broken.size - 1] ^= 1;
    add_frame(&inside, text.data, 1000, &usual);
    add_skippable(&whole, 0, 1500000);
    memcpy(whole.data + 1000, inside.data, inside.size);
    goleak_alloc_init(&alloc, NULL, 0);
    struct goleak_packed packed = { .alloc = &alloc, .window_limit_bytes = GOLEAK_UNPACK_WINDOW_LIMIT,
                                    .bytes = (unsigned char *)broken.data, .end = broken.size,
                                    .final = true, .out = out };
    assert_int_equal(goleak_codec_zstd.open(&zstd, &packed, NULL), GOLEAK_OK);
    assert_int_equal(goleak_codec_zstd.step(zstd, &packed, NULL), GOLEAK_OK);
    assert_true(packed.damaged);
    goleak_zstd_restart(zstd);
    packed.bytes = (unsigned char *)whole.data;
    packed.end = whole.size;
    packed.at = packed.out_size = 0;
    packed.damaged = packed.hungry = false;
    while (!packed.hungry)
        assert_int_equal(goleak_codec_zstd.step(zstd, &packed, NULL), GOLEAK_OK);
    assert_int_equal(packed.out_size, 0);
    assert_true(goleak_zstd_is_between(zstd, &packed, &mark));
    goleak_codec_zstd.close(zstd, &packed);
    assert_int_equal(alloc.used_bytes, 0);
    bytes_free(&broken);
    bytes_free(&inside);
    bytes_free(&whole);
}

struct writer {
    int fd;
    const struct bytes *bytes;
    size_t chunk, end;
    bool closes;
};

static void *write_bytes(void *context)
{
    const struct writer *writer = context;
    for (size_t at = 0; at < writer->end;) {
        size_t size = writer->end - at < writer->chunk ? writer->end - at : writer->chunk;
        ssize_t sent = write(writer->fd, writer->bytes->data + at, size);
        if (sent < 0)
            break;
        at += (size_t)sent;
    }
    if (writer->closes)
        close(writer->fd);
    return NULL;
}

static void read_as_input(int fd, struct result *result, struct reading *reading)
{
    int saved = dup(STDIN_FILENO);
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    reading->name = "-";
    read_file(result, reading);
    close(STDIN_FILENO);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
}

static void read_pipe(struct writer writer, struct result *result, struct reading *reading)
{
    int ends[2];
    pthread_t thread;
    assert_int_equal(pipe(ends), 0);
    writer.fd = ends[1];
    assert_int_equal(pthread_create(&thread, NULL, write_bytes, &writer), 0);
    read_as_input(ends[0], result, reading);
    pthread_join(thread, NULL);
    if (!writer.closes)
        close(ends[1]);
}

/* The writer is silent behind a part of a frame, and stays so: all that can be decoded of what it
 * wrote comes all the same, as without workers. */
static void silent_pipes(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    add_usual_frames(&file, 6, 700000);
    for (unsigned workers = 0; workers <= 3; workers++) {
        struct result got = { 0 };
        struct reading reading = { .how = GOLEAK_DECODE_THREAD | GOLEAK_DECODE_WORKERS(workers),
                                   .most_plain = 5 * 700000 + 131072 };
        struct writer writer = { 0, &file, 4096, file.size - 60000, false };
        read_pipe(writer, &got, &reading);
        assert_int_equal(got.status, GOLEAK_OK);
        assert_true(got.plain.size >= reading.most_plain);
        drop(&got);
    }
    bytes_free(&file);
}

static void pipes(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    struct starts starts;
    make_plain();
    for (unsigned round = 0; round < some_rounds(12); round++) {
        struct result want = { 0 }, got = { 0 };
        struct reading reading = { .how = GOLEAK_DECODE_THREAD | GOLEAK_DECODE_WORKERS(1 + round % MOST) };
        seed = 8000 + round;
        some_file(&file, &starts, false);
        if (round % 2 == 1)
            break_it(&file, &starts);
        unpack_in_order(&want, &file, 0);
        struct writer writer = { 0, &file, 1 + chance(60000), file.size, true };
        read_pipe(writer, &got, &reading);
        assert_same(&want, &got, "through a pipe");
        if (want.status == GOLEAK_OK)
            assert_int_equal(got.bytes_read, file.size);
        drop(&want);
        drop(&got);
    }
    bytes_free(&file);
}

/* Reading fails, of a socket whose other end is reset: what came before is told first. */
static void failing_reads(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    add_usual_frames(&file, 6, 700000);
    file.size -= 1000;
    struct result want = { 0 };
    for (unsigned workers = 0; workers <= 3; workers++) {
        int ends[2];
        struct result got = { 0 };
        struct reading reading = { .how = workers == 0 ? 0 : GOLEAK_DECODE_THREAD | GOLEAK_DECODE_WORKERS(workers) };
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(write(ends[0], "x", 1), 1); /* is never read, so closing resets */
        struct writer writer = { ends[1], &file, 65536, file.size, true };
        int room = (int)file.size * 2;
        setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        fcntl(ends[1], F_SETFL, O_NONBLOCK); /* as much as there is room for */
        write_bytes(&writer);
        read_as_input(ends[0], &got, &reading);
        if (workers == 0)
            want = got;
        else
            assert_same(&want, &got, "failing reads");
        assert_int_equal(got.status, GOLEAK_E_IO);
        assert_true(got.plain.size > 0);
        if (workers != 0)
            drop(&got);
    }
    drop(&want);
    bytes_free(&file);
}

/* ---- through the library --------------------------------------------------------- */

static void looking(void **state)
{
    (void)state;
    static const struct packing bare = { .level = 1 };
    make_plain();
    for (int i = 0; i < 9; i++) {
        struct goleak_alloc alloc;
        struct goleak_source *source;
        struct bytes file = { 0 };
        const struct packing *how = i % 2 == 0 ? &usual : &bare;
        size_t size = i < 4 ? (size_t)2 << 20 : (size_t)9 << 20;
        if (i == 8)
            bytes_add(&file, text.data, 1000);
        else if (i == 7)
            add_pzstd(&file, text.data, size, how);
        else
            add_frame(&file, text.data, size, how);
        if (i % 4 < 2)
            add_frame(&file, text.data, 10, how);
        assert_true(bytes_write(&file, path));
        goleak_alloc_init(&alloc, NULL, 0);
        assert_int_equal(goleak_source_open(&source, &alloc, path, NULL), GOLEAK_OK);
        assert_int_equal(goleak_frames_are_in(source), i < 2 || i == 7);
        assert_int_equal(goleak_frames_are_in(source), i < 2 || i == 7);
        unsigned char first[8];
        size_t got;
        assert_int_equal(goleak_source_read(source, first, sizeof first, &got, NULL), GOLEAK_OK);
        assert_memory_equal(first, file.data, got); /* nothing was read */
        goleak_source_close(source);
        bytes_free(&file);
    }
}

static void reports_are_the_same(void **state)
{
    (void)state;
    struct generate_options options = { .seed = 3, .events = 150000, .addresses = 60, .cpus = 4 };
    struct generated stream;
    struct bytes plain = { 0 }, file = { 0 };
    generate(&stream, &options);
    generated_print_extended(&plain, &stream);
    generated_free(&stream);
    for (int damaged = 0; damaged < 2; damaged++) {
        struct outcome want = { 0 };
        bytes_clear(&file);
        for (size_t i = 0; i < 20; i++) {
            struct packing how = { .level = 1, .told = i % 3 != 0, .checksum = true };
            size_t from = plain.size * i / 20, to = plain.size * (i + 1) / 20;
            add_pzstd(&file, plain.data + from, to - from, &how);
            if (damaged && i == 12)
                file.data[file.size - 2000] ^= 8;
        }
        assert_true(bytes_write(&file, path));
        for (unsigned jobs = 1; jobs <= 8; jobs += jobs == 1 ? 3 : 4) { /* 4: the first with workers */
            struct goleak_options load = GOLEAK_OPTIONS_INIT;
            struct outcome got = { 0 };
            load.jobs = jobs;
            outcome_of_file(jobs == 1 ? &want : &got, path, &load);
            assert_int_equal(want.status, GOLEAK_OK);
            if (jobs != 1 && !outcome_equal(&want, &got))
                fail_msg("%u jobs: %s", jobs, outcome_difference(&want, &got));
            outcome_free(&got);
        }
        outcome_free(&want);
    }
    bytes_free(&plain);
    bytes_free(&file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(whole_files),
        TEST(broken_files),
        TEST(broken_without_checks),
        TEST(frames_do_not_depend),
        TEST(swallowed_frames),
        TEST(packed_inside),
        TEST(what_is_decoded_aside),
        TEST(windows_over_the_limit),
        TEST(stopping_anywhere),
        TEST(every_allocation_fails),
        TEST(files_through_decode),
        TEST(memory_is_booked),
        TEST(decoders_are_booked),
        TEST(decoders_begin_anew),
        TEST(silent_pipes),
        TEST(pipes),
        TEST(failing_reads),
        TEST(looking),
        TEST(reports_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
