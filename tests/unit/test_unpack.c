/* test_unpack - plain, zstd and gzip through lib/input/unpack, whole, split, cut and damaged. */
#include "input/unpack.h"
#include "input/unzstd.h"

#include "base/alloc.h"
#include "support/sanitizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>
#ifdef GOLEAK_HAVE_ZLIB
#include <zlib.h>
#endif

/* ---- bytes -------------------------------------------------------------- */

struct bytes {
    unsigned char *data;
    size_t size, room;
};

static void add(struct bytes *bytes, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (bytes->room < bytes->size + size) {
        bytes->room = (bytes->size + size) * 2;
        bytes->data = realloc(bytes->data, bytes->room);
        assert_non_null(bytes->data);
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void add_bytes(struct bytes *to, const struct bytes *from)
{
    add(to, from->data, from->size);
}

static void drop(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes) { 0 };
}

static unsigned next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

/* Lines such as a recording has, different for each seed. */
static struct bytes some_text(size_t size, uint64_t seed)
{
    struct bytes text = { 0 };
    char line[120];
    while (text.size < size) {
        int length = snprintf(line, sizeof line, "newproc1: parent=%u goroutine=%x count=%u\n", next_random(&seed),
                              next_random(&seed), next_random(&seed) % 1000);
        add(&text, line, (size_t)length);
    }
    text.size = size;
    return text;
}

static struct bytes some_noise(size_t size, uint64_t seed)
{
    struct bytes noise = { 0 };
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)next_random(&seed);
        add(&noise, &byte, 1);
    }
    return noise;
}

/* ---- packing ------------------------------------------------------------ */

enum zstd_options {
    CHECKSUM = 1,
    NO_SIZE = 2,   /* the content size is not announced */
    BLOCKS = 4,    /* a block for every 100 bytes */
    WINDOW_20 = 8, /* 1 MiB */
    WINDOW_24 = 16,
};

static void add_zstd(struct bytes *to, const struct bytes *plain, unsigned options)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, (options & CHECKSUM) != 0);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, (options & NO_SIZE) == 0);
    if (options & (WINDOW_20 | WINDOW_24))
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, options & WINDOW_20 ? 20 : 24);
    if (!(options & (NO_SIZE | WINDOW_20 | WINDOW_24)))
        ZSTD_CCtx_setPledgedSrcSize(context, plain->size);
    size_t room = ZSTD_compressBound(plain->size) + plain->size / 100 * 32 + 64;
    unsigned char *packed = malloc(room);
    assert_non_null(packed);
    ZSTD_outBuffer out = { packed, room, 0 };
    size_t step = options & BLOCKS ? 100 : plain->size;
    for (size_t at = 0; at < plain->size; at += step) {
        ZSTD_inBuffer in = { plain->data + at, plain->size - at < step ? plain->size - at : step, 0 };
        size_t left = ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush);
        assert_int_equal(left, 0);
    }
    ZSTD_inBuffer nothing = { NULL, 0, 0 };
    size_t left = ZSTD_compressStream2(context, &out, &nothing, ZSTD_e_end);
    assert_int_equal(left, 0);
    add(to, packed, out.pos);
    free(packed);
    ZSTD_freeCCtx(context);
}

static void add_skippable(struct bytes *to, unsigned char variant, size_t size)
{
    unsigned char head[8] = { (unsigned char)(0x50 + variant), 0x2a, 0x4d, 0x18 };
    for (int i = 0; i < 4; i++)
        head[4 + i] = (unsigned char)(size >> 8 * i);
    add(to, head, sizeof head);
    for (size_t i = 0; i < size; i++)
        add(to, "s", 1);
}

#ifdef GOLEAK_HAVE_ZLIB
static void add_gzip_level(struct bytes *to, const struct bytes *plain, int level)
{
    z_stream stream = { 0 };
    assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    uLong room = deflateBound(&stream, (uLong)plain->size) + 64;
    unsigned char *packed = malloc(room);
    assert_non_null(packed);
    stream.next_in = plain->data;
    stream.avail_in = (uInt)plain->size;
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    add(to, packed, room - stream.avail_out);
    deflateEnd(&stream);
    free(packed);
}

static void add_gzip(struct bytes *to, const struct bytes *plain)
{
    add_gzip_level(to, plain, 6);
}
#endif

/* ---- unpacking ----------------------------------------------------------- */

struct damage {
    bool truncated;
    uint64_t offset;
    size_t plain_at; /* how many plain bytes were there when it was told */
    char sentence[400];
};

struct result {
    enum goleak_status status;
    struct goleak_error error;
    struct bytes plain;
    struct damage damages[64];
    size_t damage_count;
    const char *packing;
    const void *first_run;
    size_t longest_run;
    size_t stop_at; /* the sink stops there; 0: never */
};

static enum goleak_status sink(void *context, const void *data, size_t size)
{
    struct result *result = context;
    assert_true(size > 0);
    if (result->first_run == NULL)
        result->first_run = data;
    if (size > result->longest_run)
        result->longest_run = size;
    add(&result->plain, data, size);
    return result->stop_at != 0 && result->plain.size >= result->stop_at ? GOLEAK_E_IO : GOLEAK_OK;
}

static void take_damage(void *context, bool truncated, uint64_t offset, const char *sentence)
{
    struct result *result = context;
    if (result->damage_count < sizeof result->damages / sizeof *result->damages) {
        struct damage *damage = &result->damages[result->damage_count];
        *damage = (struct damage) { .truncated = truncated, .offset = offset, .plain_at = result->plain.size };
        assert_true(strlen(sentence) < sizeof damage->sentence);
        strcpy(damage->sentence, sentence);
    }
    result->damage_count++;
}

struct setup {
    struct goleak_alloc *alloc;
    uint64_t window_limit_bytes;
    size_t first, chunk; /* bytes of the first chunk, of the others; 0: all */
    size_t stop_at;
};

static void unpack_with(struct result *result, const void *data, size_t size, const struct setup *setup)
{
    *result = (struct result) { .stop_at = setup->stop_at };
    struct goleak_unpack *unpack;
    result->status =
        goleak_unpack_new(&unpack, setup->alloc, setup->window_limit_bytes, sink, take_damage, result, &result->error);
    if (result->status < 0) {
        assert_null(unpack);
        return;
    }
    assert_null(goleak_unpack_packing(unpack));
    const unsigned char *at = data;
    size_t chunk = setup->first != 0 ? setup->first : setup->chunk;
    while (size > 0 && result->status == GOLEAK_OK) {
        if (chunk == 0 || chunk > size)
            chunk = size;
        /* A copy of exact size shows reads behind it. */
        unsigned char *copy = setup->chunk != 0 || setup->first != 0 ? malloc(chunk) : NULL;
        if (copy != NULL)
            memcpy(copy, at, chunk);
        result->status = goleak_unpack_feed(unpack, copy != NULL ? copy : at, chunk, &result->error);
        free(copy);
        at += chunk;
        size -= chunk;
        chunk = setup->chunk;
    }
    if (result->status == GOLEAK_OK)
        result->status = goleak_unpack_finish(unpack, &result->error);
    result->packing = goleak_unpack_packing(unpack);
    goleak_unpack_free(unpack);
}

static void unpack_chunks(struct result *result, const struct bytes *packed, size_t first, size_t chunk)
{
    struct goleak_alloc alloc;
    goleak_alloc_init(&alloc, NULL, 0);
    struct setup setup = { .alloc = &alloc, .first = first, .chunk = chunk };
    unpack_with(result, packed->data, packed->size, &setup);
    assert_int_equal(alloc.used_bytes, 0);
}

static void unpack_all(struct result *result, const struct bytes *packed)
{
    unpack_chunks(result, packed, 0, 0);
}

static void assert_bytes(const struct bytes *have, const struct bytes *want)
{
    assert_int_equal(have->size, want->size);
    if (want->size > 0)
        assert_memory_equal(have->data, want->data, want->size);
}

static void assert_same(const struct result *one, const struct result *other)
{
    assert_int_equal(one->status, other->status);
    assert_bytes(&one->plain, &other->plain);
    assert_int_equal(one->damage_count, other->damage_count);
    for (size_t i = 0; i < one->damage_count && i < 64; i++) {
        assert_string_equal(one->damages[i].sentence, other->damages[i].sentence);
        assert_int_equal(one->damages[i].offset, other->damages[i].offset);
        assert_int_equal(one->damages[i].truncated, other->damages[i].truncated);
        assert_int_equal(one->damages[i].plain_at, other->damages[i].plain_at);
    }
    if (one->packing == NULL || other->packing == NULL)
        assert_ptr_equal(one->packing, other->packing);
    else
        assert_string_equal(one->packing, other->packing);
}

/* All at once, and in chunks of each of these sizes, gives one result. */
static void assert_splits(const struct bytes *packed, size_t smallest, size_t largest)
{
    struct result whole, split;
    unpack_all(&whole, packed);
    for (size_t chunk = smallest; chunk <= largest; chunk++) {
        unpack_chunks(&split, packed, 0, chunk);
        assert_same(&whole, &split);
        drop(&split.plain);
        unpack_chunks(&split, packed, chunk, 0);
        assert_same(&whole, &split);
        drop(&split.plain);
    }
    drop(&whole.plain);
}

static void assert_unpacks(const struct bytes *packed, const struct bytes *plain, const char *packing)
{
    struct result result;
    unpack_all(&result, packed);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_int_equal(result.damage_count, 0);
    assert_bytes(&result.plain, plain);
    assert_string_equal(result.packing, packing);
    assert_true(result.longest_run <= GOLEAK_UNPACK_RUN_ROOM || strcmp(packing, "plain") == 0);
    drop(&result.plain);
}

/* ---- plain --------------------------------------------------------------- */

static void plain_is_not_copied(void **state)
{
    (void)state;
    struct bytes text = some_text(1000000, 1);
    struct result result;
    unpack_all(&result, &text);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_ptr_equal(result.first_run, text.data);
    assert_int_equal(result.longest_run, text.size);
    assert_bytes(&result.plain, &text);
    assert_string_equal(result.packing, "plain");
    drop(&result.plain);
    drop(&text);
}

static void empty_is_empty(void **state)
{
    (void)state;
    struct bytes nothing = { 0 };
    struct result result;
    unpack_all(&result, &nothing);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_int_equal(result.plain.size, 0);
    assert_int_equal(result.damage_count, 0);
    assert_null(result.packing);
}

/* Shorter than a magic, as a text may be, nearly a magic, or somebody else's magic. */
static void not_ours_is_plain(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        "\x28",
        "\x28\xb5\x2fx",
        "\x28\xb5x",
        "\x1f\x8b\x09",
        "\x1f\x8bxyz",
        "\x50",
        "\x5f\x2a\x4d",
        "\x5f\x2a\x4dx",
        "P*M",
        "x",
        "(",
        "(goroutine 1)\n",
        "\xfd\x37zXZ",
        "BZh91AY",
        "\x04\x22\x4d\x18 lz4",
        "\x27\xb5\x2f\xfd old zstd",
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        struct bytes input = { 0 };
        add(&input, inputs[i], strlen(inputs[i]));
        assert_unpacks(&input, &input, "plain");
        assert_splits(&input, 1, input.size);
        drop(&input);
    }
}

static void sniff_tells_when_it_can(void **state)
{
    (void)state;
    assert_null(goleak_unpack_sniff("", 0, false));
    assert_null(goleak_unpack_sniff("", 0, true));
    assert_null(goleak_unpack_sniff("\x28\xb5\x2f", 3, false));
    assert_string_equal(goleak_unpack_sniff("\x28\xb5\x2f", 3, true), "zstd");
    assert_string_equal(goleak_unpack_sniff("\x1f", 1, true), "gzip");
    assert_string_equal(goleak_unpack_sniff("(", 1, true), "plain");
    assert_string_equal(goleak_unpack_sniff("P*M", 3, true), "plain"); /* as a skippable frame begins */
    assert_string_equal(goleak_unpack_sniff("\x28\xb5\x2f\xfd", 4, false), "zstd");
    assert_string_equal(goleak_unpack_sniff("\x5a\x2a\x4d\x18 more", 9, false), "zstd");
    assert_string_equal(goleak_unpack_sniff("\x1f\x8b\x08", 3, false), "gzip");
    assert_string_equal(goleak_unpack_sniff("g", 1, false), "plain");
}

/* What can be had of so many packed bytes is a prefix of the plain ones, and with enough of them all that was asked. */
static void first_bytes(void **state)
{
    (void)state;
    struct bytes text = some_text(600000, 5), noise = some_noise(600000, 6), packed = { 0 };
    const struct bytes *const plains[] = { &text, &noise };
    char first[4096];
    for (size_t i = 0; i < 2; i++) {
        add_skippable(&packed, 3, 100);
        add_zstd(&packed, plains[i], CHECKSUM);
        for (size_t size = 0; size < packed.size; size = size * 3 / 2 + 1) {
            size_t got = goleak_zstd_first(packed.data, size, first, sizeof first);
            assert_true(got <= sizeof first);
            assert_memory_equal(first, plains[i]->data, got);
            if (size >= GOLEAK_ZSTD_FIRST_BYTES)
                assert_int_equal(got, sizeof first);
        }
        assert_int_equal(goleak_zstd_first(packed.data, packed.size, first, 10), 10);
        drop(&packed);
    }
    assert_int_equal(goleak_zstd_first(text.data, 100, first, sizeof first), 0);
    assert_int_equal(goleak_zstd_first("\x28\xb5\x2f\xfd\xff\xff\xff\xff", 8, first, sizeof first), 0);
    drop(&text);
    drop(&noise);
}

/* ---- zstd, good ----------------------------------------------------------- */

static void zstd_frames(void **state)
{
    (void)state;
    static const unsigned options[] = {
        0, CHECKSUM, NO_SIZE, CHECKSUM | NO_SIZE, BLOCKS, BLOCKS | CHECKSUM, BLOCKS | CHECKSUM | NO_SIZE, WINDOW_20,
    };
    static const size_t sizes[] = { 0, 1, 255, 256, 4000, 200000, 1200000 };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            struct bytes text = some_text(sizes[j], i + 1), packed = { 0 };
            add_zstd(&packed, &text, options[i]);
            assert_unpacks(&packed, &text, "zstd");
            drop(&text);
            drop(&packed);
        }
    }
}

/* Skippable, text, empty, noise (raw blocks), zeros (repeated), skippable. */
static void make_mixture(struct bytes *packed, struct bytes *plain, size_t size)
{
    struct bytes text = some_text(size, 3), noise = some_noise(size, 4), empty = { 0 }, zeros = { 0 };
    for (size_t i = 0; i < size; i++)
        add(&zeros, "", 1);
    add_skippable(packed, 0, 5);
    add_zstd(packed, &text, CHECKSUM);
    add_zstd(packed, &empty, 0);
    add_zstd(packed, &empty, CHECKSUM | NO_SIZE);
    add_zstd(packed, &noise, NO_SIZE);
    add_skippable(packed, 15, 0);
    add_zstd(packed, &zeros, 0);
    add_zstd(packed, &text, BLOCKS | NO_SIZE | CHECKSUM);
    add_skippable(packed, 7, 300);
    add_bytes(plain, &text);
    add_bytes(plain, &noise);
    add_bytes(plain, &zeros);
    add_bytes(plain, &text);
    drop(&text);
    drop(&noise);
    drop(&zeros);
}

static void zstd_mixture(void **state)
{
    (void)state;
    struct bytes packed = { 0 }, plain = { 0 };
    make_mixture(&packed, &plain, 300);
    assert_unpacks(&packed, &plain, "zstd");
    assert_splits(&packed, 1, packed.size);
    drop(&packed);
    drop(&plain);

    make_mixture(&packed, &plain, 700000);
    assert_unpacks(&packed, &plain, "zstd");
    static const size_t chunks[] = { 1, 3, 1000, 4096, 65536, 131071, 131072, 131075, 262144, 400000 };
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        assert_splits(&packed, chunks[i], chunks[i]);
    drop(&packed);
    drop(&plain);
}

static void zstd_only_skippable(void **state)
{
    (void)state;
    struct bytes packed = { 0 }, plain = { 0 };
    add_skippable(&packed, 3, 1000);
    assert_unpacks(&packed, &plain, "zstd");
    assert_splits(&packed, 1, packed.size);
    drop(&packed);
}

/* ---- zstd, bad ------------------------------------------------------------ */

/* Every prefix ends with GOLEAK_OK, gives a prefix of the plain bytes, and says
 * that it is cut exactly where it is. `ends` are the lengths that are whole;
 * fewer bytes than `told_size` may be a text. */
static void check_prefixes(const struct bytes *packed, const struct bytes *plain, const size_t *ends, size_t end_count,
                           size_t told_size)
{
    size_t before = 0;
    for (size_t size = told_size; size <= packed->size; size++) {
        struct bytes prefix = { packed->data, size, 0 };
        struct result result, slow;
        unpack_all(&result, &prefix);
        assert_int_equal(result.status, GOLEAK_OK);
        assert_true(result.plain.size >= before && result.plain.size <= plain->size);
        if (result.plain.size > 0)
            assert_memory_equal(result.plain.data, plain->data, result.plain.size);
        before = result.plain.size;
        bool whole = false;
        for (size_t i = 0; i < end_count; i++)
            whole = whole || ends[i] == size;
        assert_int_equal(result.damage_count, !whole);
        if (!whole) {
            assert_true(result.damages[0].truncated);
            assert_int_equal(result.damages[0].offset, size);
            assert_int_equal(result.damages[0].plain_at, result.plain.size);
            assert_non_null(strstr(result.damages[0].sentence, "expected the rest of it"));
            char number[32];
            snprintf(number, sizeof number, "after %zu packed bytes", size);
            assert_non_null(strstr(result.damages[0].sentence, number));
        }
        unpack_chunks(&slow, &prefix, 0, 1 + size % 5);
        assert_same(&result, &slow);
        drop(&result.plain);
        drop(&slow.plain);
    }
    assert_int_equal(before, plain->size);
}

static void zstd_cut_anywhere(void **state)
{
    (void)state;
    static const unsigned options[] = { 0, CHECKSUM | BLOCKS, NO_SIZE | BLOCKS, CHECKSUM | NO_SIZE };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct bytes text = some_text(700, 5), noise = some_noise(300, 6), packed = { 0 }, plain = { 0 };
        size_t ends[4];
        add_zstd(&packed, &text, options[i]);
        ends[0] = packed.size;
        add_skippable(&packed, 1, 20);
        ends[1] = packed.size;
        add_zstd(&packed, &noise, options[i]);
        ends[2] = packed.size;
        add_zstd(&packed, &text, options[i]);
        ends[3] = packed.size;
        add_bytes(&plain, &text);
        add_bytes(&plain, &noise);
        add_bytes(&plain, &text);
        check_prefixes(&packed, &plain, ends, 4, 2);
        drop(&text);
        drop(&noise);
        drop(&packed);
        drop(&plain);
    }
}

/* Of a raw block, what is there is plain and is used. */
static void zstd_cut_in_raw_block(void **state)
{
    (void)state;
    struct bytes noise = some_noise(100000, 8), packed = { 0 };
    add_zstd(&packed, &noise, 0);
    packed.size -= 10;
    struct result result;
    unpack_all(&result, &packed);
    assert_int_equal(result.plain.size, noise.size - 10 + 3); /* a block of no bytes ends the frame */
    assert_memory_equal(result.plain.data, noise.data, result.plain.size);
    assert_int_equal(result.damage_count, 1);
    assert_true(result.damages[0].truncated);
    drop(&result.plain);
    drop(&noise);
    drop(&packed);
}

static bool begins_with(const struct bytes *have, const struct bytes *want)
{
    return want->size == 0 || (have->size >= want->size && memcmp(have->data, want->data, want->size) == 0);
}

static bool ends_with(const struct bytes *have, const struct bytes *want)
{
    return have->size >= want->size && memcmp(have->data + have->size - want->size, want->data, want->size) == 0;
}

/* Flips each bit of packed[from, to): what is before and behind is decoded, and
 * what is wrong is said, in whatever chunks it comes. Returns how many flips
 * lost what is behind. */
static unsigned check_flips(struct bytes *packed, size_t from, size_t to, const struct bytes *first,
                            const struct bytes *last, const struct bytes *plain, bool checksums, unsigned step)
{
    unsigned lost = 0;
    for (size_t bit = from * 8; bit < to * 8; bit += step) {
        packed->data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        struct result result, slow;
        unpack_all(&result, packed);
        assert_true(begins_with(&result.plain, first));
        if (result.status == GOLEAK_E_LIMIT) {
            /* A header that now asks for a large window: that can be helped. */
            assert_true(bit / 8 < from + 6);
            assert_non_null(strstr(result.error.message, "raise it with --max-memory"));
            drop(&result.plain);
            packed->data[bit / 8] ^= (unsigned char)(1u << bit % 8);
            continue;
        }
        assert_int_equal(result.status, GOLEAK_OK);
        bool same = result.plain.size == plain->size && begins_with(&result.plain, plain);
        if (checksums && !same)
            assert_true(result.damage_count > 0);
        if (result.damage_count > 0)
            assert_true(result.damages[0].offset >= from);
        lost += !ends_with(&result.plain, last);
        if (bit % 3 == 0) {
            unpack_chunks(&slow, packed, 0, 1 + bit % 7);
            assert_same(&result, &slow);
            drop(&slow.plain);
        }
        drop(&result.plain);
        packed->data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    return lost;
}

static void zstd_flipped_bits(void **state)
{
    (void)state;
    static const unsigned options[] = {
        0, CHECKSUM, NO_SIZE, CHECKSUM | NO_SIZE, BLOCKS, CHECKSUM | BLOCKS, CHECKSUM | BLOCKS | NO_SIZE,
    };
    struct bytes first = some_text(300, 11), last = some_text(300, 13);
    const unsigned part = has_sanitizer() ? 7 : 1; /* of all flips: each takes milliseconds with one */
    for (size_t kind = 0; kind < 3; kind++) {
        struct bytes middle = kind == 0 ? some_text(500, 12) : kind == 1 ? some_noise(150, 12) : (struct bytes) { 0 };
        for (size_t i = 0; kind == 2 && i < 5000; i++)
            add(&middle, "z", 1);
        for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
            struct bytes packed = { 0 }, plain = { 0 };
            add_zstd(&packed, &first, options[i]);
            size_t from = packed.size;
            add_zstd(&packed, &middle, options[i]);
            size_t to = packed.size;
            add_zstd(&packed, &last, options[i]);
            add_bytes(&plain, &first);
            add_bytes(&plain, &middle);
            add_bytes(&plain, &last);
            bool checksums = (options[i] & CHECKSUM) != 0;
            unsigned lost =
                check_flips(&packed, from, to, &first, &last, &plain, checksums, part * ((kind + i) % 3 == 0 ? 1 : 5));
            if (lost != 0)
                print_message("zstd, kind %zu, options %u: %u of %zu flips lost the third frame\n", kind, options[i],
                              lost, (to - from) * 8);
            assert_int_equal(lost, 0);
            drop(&packed);
            drop(&plain);
        }
        drop(&middle);
    }
    drop(&first);
    drop(&last);
}

/* Frames larger than blocks, history and window of packed bytes. */
static void zstd_flipped_bits_far(void **state)
{
    (void)state;
    struct bytes first = some_text(300000, 21), middle = some_text(3000000, 22), last = some_text(300000, 23);
    struct bytes packed = { 0 }, plain = { 0 };
    add_zstd(&packed, &first, CHECKSUM);
    size_t from = packed.size;
    add_zstd(&packed, &middle, CHECKSUM);
    size_t to = packed.size;
    add_zstd(&packed, &last, CHECKSUM);
    add_bytes(&plain, &first);
    add_bytes(&plain, &middle);
    add_bytes(&plain, &last);
    unsigned step = (unsigned)((to - from) * 8 / 12);
    assert_int_equal(check_flips(&packed, from, to, &first, &last, &plain, true, step | 1), 0);
    drop(&first);
    drop(&middle);
    drop(&last);
    drop(&packed);
    drop(&plain);
}

/* What came before the broken block is there, and its offset is told. */
static void zstd_damage_is_told_in_place(void **state)
{
    (void)state;
    struct bytes text = some_text(500, 31), packed = { 0 };
    add_zstd(&packed, &text, BLOCKS | NO_SIZE);
    struct bytes good = { 0 }; /* the length of two blocks, by their headers */
    size_t at = 6;
    for (int i = 0; i < 2; i++)
        at += 3 + ((packed.data[at] | (size_t)packed.data[at + 1] << 8 | (size_t)packed.data[at + 2] << 16) >> 3);
    packed.data[at] |= 6; /* the reserved type */
    add_bytes(&good, &packed);
    add_zstd(&good, &text, 0);
    struct result result;
    unpack_all(&result, &good);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_int_equal(result.damage_count, 1);
    assert_false(result.damages[0].truncated);
    assert_int_equal(result.damages[0].offset, at);
    assert_int_equal(result.damages[0].plain_at, 200);
    assert_non_null(strstr(result.damages[0].sentence, "begins at byte 0 is damaged (a block of a reserved type)"));
    assert_int_equal(result.plain.size, 200 + text.size);
    assert_memory_equal(result.plain.data + 200, text.data, text.size);
    assert_splits(&good, 1, good.size);
    drop(&result.plain);
    drop(&text);
    drop(&packed);
    drop(&good);
}

static void zstd_names_its_error(void **state)
{
    (void)state;
    struct bytes text = some_text(5000, 32), packed = { 0 };
    add_zstd(&packed, &text, CHECKSUM);
    packed.data[packed.size - 1] ^= 1;
    struct result result;
    unpack_all(&result, &packed);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_bytes(&result.plain, &text);
    assert_int_equal(result.damage_count, 1);
    assert_int_equal(result.damages[0].offset, packed.size - 4);
    assert_non_null(strstr(result.damages[0].sentence, "Restored data doesn't match checksum"));
    drop(&result.plain);
    drop(&text);
    drop(&packed);
}

static void zstd_with_rubbish_between(void **state)
{
    (void)state;
    struct bytes text = some_text(400, 33), packed = { 0 }, plain = { 0 };
    add_zstd(&packed, &text, 0);
    size_t rubbish_at = packed.size;
    add(&packed, "no frame \x28\xb5\x2f, nor this \x28\xb5\x2f\xfd\xff\xff\xff\xff\xff", 32);
    add_skippable(&packed, 2, 30);
    add_zstd(&packed, &text, 0);
    size_t zeros_at = packed.size;
    add(&packed, "\0\0\0\0\0\0\0\0\0", 9);
    add_bytes(&plain, &text);
    add_bytes(&plain, &text);
    struct result result;
    unpack_all(&result, &packed);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_bytes(&result.plain, &plain);
    assert_int_equal(result.damage_count, 2);
    assert_int_equal(result.damages[0].offset, rubbish_at);
    assert_int_equal(result.damages[0].plain_at, text.size);
    assert_int_equal(result.damages[1].offset, zeros_at);
    assert_non_null(strstr(result.damages[1].sentence, "no zstd frame"));
    assert_splits(&packed, 1, packed.size);
    drop(&result.plain);
    drop(&text);
    drop(&packed);
    drop(&plain);
}

static void zstd_needs_dictionary(void **state)
{
    (void)state;
    struct bytes text = some_text(400, 34), packed = { 0 };
    add(&packed, "\x28\xb5\x2f\xfd\x21\x07\x05\x29\0\0hello", 15);
    add_zstd(&packed, &text, 0);
    struct result result;
    unpack_all(&result, &packed);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_bytes(&result.plain, &text);
    assert_int_equal(result.damage_count, 1);
    assert_non_null(strstr(result.damages[0].sentence, "dictionary"));
    drop(&result.plain);
    drop(&text);
    drop(&packed);
}

static void zstd_window_limit(void **state)
{
    (void)state;
    struct bytes text = some_text(400, 35), packed = { 0 };
    add_zstd(&packed, &text, 0);
    size_t second_at = packed.size;
    add_zstd(&packed, &text, WINDOW_20 | NO_SIZE);
    char place[64];
    snprintf(place, sizeof place, "begins at byte %zu needs a window of 1048576 bytes", second_at);
    for (size_t chunk = 0; chunk < 4; chunk++) {
        struct goleak_alloc alloc;
        goleak_alloc_init(&alloc, NULL, 0);
        struct setup setup = { .alloc = &alloc, .window_limit_bytes = 1048575, .chunk = chunk };
        struct result result;
        unpack_with(&result, packed.data, packed.size, &setup);
        assert_int_equal(result.status, GOLEAK_E_LIMIT);
        assert_int_equal(result.error.status, GOLEAK_E_LIMIT);
        assert_non_null(strstr(result.error.message, place));
        assert_non_null(strstr(result.error.message, "window limit of 1048575 bytes"));
        assert_non_null(strstr(result.error.message, "--max-memory"));
        assert_bytes(&result.plain, &text);
        assert_int_equal(result.damage_count, 0);
        drop(&result.plain);
        assert_int_equal(alloc.used_bytes, 0);

        setup.window_limit_bytes = 1048576;
        unpack_with(&result, packed.data, packed.size, &setup);
        assert_int_equal(result.status, GOLEAK_OK);
        assert_int_equal(result.plain.size, 2 * text.size);
        drop(&result.plain);
    }
    drop(&text);
    drop(&packed);
}

/* The window counts as memory of the trace. */
static void zstd_memory_limit(void **state)
{
    (void)state;
    struct bytes text = some_text(400, 36), packed = { 0 };
    add_zstd(&packed, &text, WINDOW_24 | NO_SIZE);
    struct goleak_alloc alloc;
    goleak_alloc_init(&alloc, NULL, 12 * 1024 * 1024);
    struct setup setup = { .alloc = &alloc };
    struct result result;
    unpack_with(&result, packed.data, packed.size, &setup);
    assert_int_equal(result.status, GOLEAK_E_LIMIT);
    assert_non_null(strstr(result.error.message, "needs a window of 16777216 bytes"));
    assert_non_null(strstr(result.error.message, "memory limit of 12582912 bytes"));
    assert_int_equal(alloc.used_bytes, 0);
    drop(&result.plain);

    goleak_alloc_init(&alloc, NULL, 20 * 1024 * 1024);
    unpack_with(&result, packed.data, packed.size, &setup);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_bytes(&result.plain, &text);
    assert_int_equal(alloc.used_bytes, 0);
    drop(&result.plain);
    drop(&text);
    drop(&packed);
}

/* Wherever it is hit, it is the limit and not memory: libzstd's own is booked, too. */
static void zstd_memory_limit_is_one_everywhere(void **state)
{
    (void)state;
    struct bytes text = some_text(400, 36), packed = { 0 };
    add_zstd(&packed, &text, NO_SIZE);
    size_t refused = 0;
    for (uint64_t limit_bytes = 1000;; limit_bytes += 5000) {
        struct goleak_alloc alloc;
        goleak_alloc_init(&alloc, NULL, limit_bytes);
        struct setup setup = { .alloc = &alloc };
        struct result result;
        unpack_with(&result, packed.data, packed.size, &setup);
        enum goleak_status status = result.status;
        assert_int_equal(alloc.used_bytes, 0);
        drop(&result.plain);
        if (status == GOLEAK_OK)
            break;
        assert_int_equal(status, GOLEAK_E_LIMIT);
        assert_non_null(strstr(result.error.message, "raise it with --max-memory"));
        refused++;
    }
    assert_true(refused > 20);
    drop(&text);
    drop(&packed);
}

/* A window that no decoder has is damage: no option would help. */
static void zstd_impossible_window(void **state)
{
    (void)state;
    struct bytes text = some_text(400, 37), packed = { 0 };
    add(&packed, "\x28\xb5\x2f\xfd\x00\xff\x01\0\0", 9);
    add_zstd(&packed, &text, 0);
    struct result result;
    unpack_all(&result, &packed);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_bytes(&result.plain, &text);
    assert_int_equal(result.damage_count, 1);
    drop(&result.plain);
    drop(&text);
    drop(&packed);
}

/* False frames, each of which claims a block of 128 KiB: linear, so this ends. */
static void zstd_false_frames(void **state)
{
    (void)state;
    static const unsigned char raw[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x00, 0x00, 0x10 };
    static const unsigned char packed_block[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x04, 0x00, 0x10 };
    static const unsigned char short_block[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x0c, 0x00, 0x00 };
    static const unsigned char *const frames[] = { raw, packed_block, short_block };
    for (size_t kind = 0; kind < 3; kind++) {
        struct bytes packed = { 0 };
        while (packed.size < 3000000)
            add(&packed, frames[kind], sizeof raw);
        struct result result, split;
        unpack_all(&result, &packed);
        assert_int_equal(result.status, GOLEAK_OK);
        assert_true(result.damage_count > 0);
        unpack_chunks(&split, &packed, 1, 50000);
        assert_same(&result, &split);
        drop(&result.plain);
        drop(&split.plain);
        drop(&packed);
    }
}

/* ---- gzip ------------------------------------------------------------------ */

#ifdef GOLEAK_HAVE_ZLIB

static void gzip_members(void **state)
{
    (void)state;
    struct bytes text = some_text(3000, 41), noise = some_noise(1000, 42), empty = { 0 }, packed = { 0 }, plain = { 0 };
    add_gzip(&packed, &text);
    add_gzip(&packed, &empty);
    add_gzip(&packed, &noise);
    add_gzip_level(&packed, &text, 0);
    add_bytes(&plain, &text);
    add_bytes(&plain, &noise);
    add_bytes(&plain, &text);
    assert_unpacks(&packed, &plain, "gzip");
    assert_splits(&packed, 1, packed.size);
    drop(&text);
    drop(&noise);
    drop(&packed);
    drop(&plain);

    text = some_text(5000000, 43);
    add_gzip(&packed, &text);
    add_gzip(&packed, &text);
    add_bytes(&plain, &text);
    add_bytes(&plain, &text);
    assert_unpacks(&packed, &plain, "gzip");
    static const size_t chunks[] = { 1, 1000, 65536, 262144 };
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        assert_splits(&packed, chunks[i], chunks[i]);
    drop(&text);
    drop(&packed);
    drop(&plain);
}

static void gzip_cut_anywhere(void **state)
{
    (void)state;
    for (int level = 0; level <= 6; level += 6) {
        struct bytes text = some_text(700, 44), packed = { 0 }, plain = { 0 };
        size_t ends[2];
        add_gzip_level(&packed, &text, level);
        ends[0] = packed.size;
        add_gzip_level(&packed, &text, level);
        ends[1] = packed.size;
        add_bytes(&plain, &text);
        add_bytes(&plain, &text);
        check_prefixes(&packed, &plain, ends, 2, 2);
        drop(&text);
        drop(&packed);
        drop(&plain);
    }
}

static void gzip_flipped_bits(void **state)
{
    (void)state;
    for (int level = 0; level <= 6; level += 3) {
        struct bytes first = some_text(300, 45), middle = some_text(700, 46), last = some_text(900, 47);
        struct bytes packed = { 0 }, plain = { 0 };
        add_gzip_level(&packed, &first, level);
        size_t from = packed.size;
        add_gzip_level(&packed, &middle, level);
        size_t to = packed.size;
        add_gzip_level(&packed, &last, level);
        add_bytes(&plain, &first);
        add_bytes(&plain, &middle);
        add_bytes(&plain, &last);
        unsigned lost = check_flips(&packed, from, to, &first, &last, &plain, true, 1);
        if (lost != 0)
            print_message("gzip, level %d: %u of %zu flips lost the third member\n", level, lost, (to - from) * 8);
        assert_int_equal(lost, 0);
        drop(&first);
        drop(&middle);
        drop(&last);
        drop(&packed);
        drop(&plain);
    }
}

static void gzip_with_rubbish_between(void **state)
{
    (void)state;
    struct bytes text = some_text(400, 48), packed = { 0 };
    add_gzip(&packed, &text);
    size_t rubbish_at = packed.size;
    add(&packed, "no member \x1f\x8b\x08\xff nor this \x1f\x8b", 26);
    add_gzip(&packed, &text);
    add(&packed, "\0\0x", 3);
    struct result result;
    unpack_all(&result, &packed);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_int_equal(result.plain.size, 2 * text.size);
    assert_int_equal(result.damage_count, 2);
    assert_int_equal(result.damages[0].offset, rubbish_at);
    assert_non_null(strstr(result.damages[0].sentence, "no gzip member"));
    assert_int_equal(result.damages[1].offset, packed.size - 3);
    assert_splits(&packed, 1, packed.size);
    drop(&result.plain);
    drop(&text);
    drop(&packed);
}

/* False members whose stored blocks claim 64 KiB each. */
static void gzip_false_members(void **state)
{
    (void)state;
    struct bytes packed = { 0 };
    while (packed.size < 2000000)
        add(&packed, "\x1f\x8b\x08\0\0\0\0\0\0\3\0\xff\xff\0\0", 15);
    struct result result, split;
    unpack_all(&result, &packed);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_true(result.damage_count > 0);
    unpack_chunks(&split, &packed, 1, 50000);
    assert_same(&result, &split);
    drop(&result.plain);
    drop(&split.plain);
    drop(&packed);
}

/* ---- packed inside packed ------------------------------------------------- */

static void pack(struct bytes *bytes, bool gzip)
{
    struct bytes outer = { 0 };
    if (gzip)
        add_gzip(&outer, bytes);
    else
        add_zstd(&outer, bytes, CHECKSUM);
    drop(bytes);
    *bytes = outer;
}

static void layers_of_packing(void **state)
{
    (void)state;
    for (unsigned layers = 2; layers <= GOLEAK_UNPACK_LAYERS; layers++) {
        for (unsigned kinds = 0; kinds < 1u << layers; kinds++) {
            struct bytes plain = some_text(600, kinds + 1), packed = { 0 };
            add_bytes(&packed, &plain);
            for (unsigned i = 0; i < layers; i++)
                pack(&packed, kinds >> i & 1);
            assert_unpacks(&packed, &plain, kinds >> (layers - 1) & 1 ? "gzip" : "zstd");
            assert_splits(&packed, 1, 40);
            drop(&plain);
            drop(&packed);
        }
    }
}

/* Frames of the outer layer need not match those of the inner one. */
static void layers_cut_across(void **state)
{
    (void)state;
    struct bytes plain = some_text(2000000, 51), inner = { 0 }, packed = { 0 };
    add_gzip(&inner, &plain);
    for (size_t at = 0; at < inner.size; at += 1000) {
        struct bytes piece = { inner.data + at, inner.size - at < 1000 ? inner.size - at : 1000, 0 };
        add_zstd(&packed, &piece, 0);
    }
    assert_unpacks(&packed, &plain, "zstd");
    assert_splits(&packed, 777, 779);
    drop(&plain);
    drop(&inner);
    drop(&packed);
}

static void too_many_layers(void **state)
{
    (void)state;
    struct bytes plain = some_text(600, 52), packed = { 0 };
    add_bytes(&packed, &plain);
    pack(&packed, true);
    struct bytes innermost = { 0 };
    add_bytes(&innermost, &packed);
    for (unsigned i = 0; i < GOLEAK_UNPACK_LAYERS; i++)
        pack(&packed, i % 2);
    struct result result;
    unpack_all(&result, &packed);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_bytes(&result.plain, &innermost);
    assert_int_equal(result.damage_count, 1);
    assert_false(result.damages[0].truncated);
    assert_non_null(strstr(result.damages[0].sentence, "gzip data inside 3 layers"));
    assert_splits(&packed, 1, packed.size);
    drop(&result.plain);
    drop(&plain);
    drop(&packed);
    drop(&innermost);
}

/* A cut or a flip says so at every layer, in the same way for all splits. */
static void damaged_layers(void **state)
{
    (void)state;
    for (unsigned kinds = 0; kinds < 4; kinds++) {
        struct bytes plain = some_text(400, 53), packed = { 0 };
        add_bytes(&packed, &plain);
        pack(&packed, kinds & 1);
        pack(&packed, kinds >> 1 & 1);
        size_t size = packed.size;
        for (packed.size = 4; packed.size < size; packed.size++) {
            struct result result, slow;
            unpack_all(&result, &packed);
            assert_int_equal(result.status, GOLEAK_OK);
            /* Less than the inner magic is plain, as everywhere. */
            assert_true(result.plain.size < 4 || begins_with(&plain, &result.plain));
            assert_true(result.damage_count > 0);
            assert_true(result.damages[0].truncated);
            assert_int_equal(result.damages[0].offset, packed.size);
            if (result.damage_count > 1)
                assert_non_null(strstr(result.damages[1].sentence, "of what the outer"));
            unpack_chunks(&slow, &packed, 0, 1);
            assert_same(&result, &slow);
            drop(&result.plain);
            drop(&slow.plain);
        }
        for (size_t bit = 0; bit < size * 8; bit += 3) {
            packed.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
            struct result result, slow;
            unpack_all(&result, &packed);
            unpack_chunks(&slow, &packed, 1, 2);
            assert_same(&result, &slow);
            drop(&result.plain);
            drop(&slow.plain);
            packed.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        drop(&plain);
        drop(&packed);
    }
}

#else

static void gzip_is_refused(void **state)
{
    (void)state;
    struct bytes packed = { 0 };
    add(&packed, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
    struct result result;
    unpack_all(&result, &packed);
    assert_int_equal(result.status, GOLEAK_E_FORMAT);
    assert_non_null(strstr(result.error.message, "zcat FILE | goleak-report -"));
    drop(&packed);
}

#endif

/* ---- failures --------------------------------------------------------------- */

static void sink_stops(void **state)
{
    (void)state;
    struct bytes text = some_text(2000000, 61), packed = { 0 };
    add_zstd(&packed, &text, 0);
    struct goleak_alloc alloc;
    goleak_alloc_init(&alloc, NULL, 0);
    struct setup setup = { .alloc = &alloc, .stop_at = 1000 };
    struct result result;
    unpack_with(&result, packed.data, packed.size, &setup);
    assert_int_equal(result.status, GOLEAK_E_IO);
    assert_true(result.plain.size < text.size);
    drop(&result.plain);
    unpack_with(&result, text.data, text.size, &setup);
    assert_int_equal(result.status, GOLEAK_E_IO);
    drop(&result.plain);
    assert_int_equal(alloc.used_bytes, 0);
    drop(&text);
    drop(&packed);
}

static void failures_stick(void **state)
{
    (void)state;
    struct goleak_alloc alloc;
    goleak_alloc_init(&alloc, NULL, 0);
    struct goleak_unpack *unpack;
    struct goleak_error error;
    struct result result = { 0 };
    assert_int_equal(goleak_unpack_new(&unpack, &alloc, 0, sink, take_damage, &result, &error), GOLEAK_OK);
    assert_int_equal(goleak_unpack_feed(unpack, "abc", 3, &error), GOLEAK_OK);
    assert_int_equal(goleak_unpack_feed(unpack, NULL, 0, &error), GOLEAK_OK);
    assert_int_equal(goleak_unpack_finish(unpack, &error), GOLEAK_OK);
    assert_int_equal(goleak_unpack_finish(unpack, &error), GOLEAK_OK);
    assert_int_equal(goleak_unpack_feed(unpack, "abc", 3, &error), GOLEAK_E_USAGE);
    memset(&error, 0, sizeof error);
    assert_int_equal(goleak_unpack_finish(unpack, &error), GOLEAK_E_USAGE);
    assert_int_equal(error.status, GOLEAK_E_USAGE);
    assert_true(error.message[0] != '\0');
    assert_int_equal(goleak_unpack_feed(unpack, "abc", 3, NULL), GOLEAK_E_USAGE);
    assert_int_equal(result.plain.size, 3);
    goleak_unpack_free(unpack);
    goleak_unpack_free(NULL);
    drop(&result.plain);
}

struct countdown {
    size_t left; /* requests until they fail */
};

static void *failing_realloc(void *context, void *pointer, size_t old_size, size_t new_size)
{
    struct countdown *countdown = context;
    (void)old_size;
    if (new_size == 0) {
        free(pointer);
        return NULL;
    }
    if (countdown->left == 0)
        return NULL;
    countdown->left--;
    return realloc(pointer, new_size);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    struct bytes text = some_text(20000, 62), packed = { 0 };
#ifdef GOLEAK_HAVE_ZLIB
    add_gzip(&packed, &text);
    pack(&packed, false);
    pack(&packed, true);
#else
    add_zstd(&packed, &text, 0);
#endif
    for (size_t n = 0;; n++) {
        struct countdown countdown = { n };
        struct goleak_allocator hook = { failing_realloc, &countdown };
        struct goleak_alloc alloc;
        goleak_alloc_init(&alloc, &hook, 0);
        struct setup setup = { .alloc = &alloc, .chunk = 100 };
        struct result result;
        unpack_with(&result, packed.data, packed.size, &setup);
        assert_int_equal(alloc.used_bytes, 0);
        if (result.status == GOLEAK_OK) {
            assert_bytes(&result.plain, &text);
            drop(&result.plain);
            assert_true(n > 3);
            break;
        }
        assert_int_equal(result.status, GOLEAK_E_MEMORY);
        assert_int_equal(result.error.status, GOLEAK_E_MEMORY);
        assert_true(begins_with(&text, &result.plain));
        drop(&result.plain);
    }
    drop(&text);
    drop(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_is_not_copied),
        cmocka_unit_test(empty_is_empty),
        cmocka_unit_test(not_ours_is_plain),
        cmocka_unit_test(sniff_tells_when_it_can),
        cmocka_unit_test(first_bytes),
        cmocka_unit_test(zstd_frames),
        cmocka_unit_test(zstd_mixture),
        cmocka_unit_test(zstd_only_skippable),
        cmocka_unit_test(zstd_cut_anywhere),
        cmocka_unit_test(zstd_cut_in_raw_block),
        cmocka_unit_test(zstd_flipped_bits),
        cmocka_unit_test(zstd_flipped_bits_far),
        cmocka_unit_test(zstd_damage_is_told_in_place),
        cmocka_unit_test(zstd_names_its_error),
        cmocka_unit_test(zstd_with_rubbish_between),
        cmocka_unit_test(zstd_needs_dictionary),
        cmocka_unit_test(zstd_window_limit),
        cmocka_unit_test(zstd_memory_limit),
        cmocka_unit_test(zstd_memory_limit_is_one_everywhere),
        cmocka_unit_test(zstd_impossible_window),
        cmocka_unit_test(zstd_false_frames),
#ifdef GOLEAK_HAVE_ZLIB
        cmocka_unit_test(gzip_members),
        cmocka_unit_test(gzip_cut_anywhere),
        cmocka_unit_test(gzip_flipped_bits),
        cmocka_unit_test(gzip_with_rubbish_between),
        cmocka_unit_test(gzip_false_members),
        cmocka_unit_test(layers_of_packing),
        cmocka_unit_test(layers_cut_across),
        cmocka_unit_test(too_many_layers),
        cmocka_unit_test(damaged_layers),
#else
        cmocka_unit_test(gzip_is_refused),
#endif
        cmocka_unit_test(sink_stops),
        cmocka_unit_test(failures_stick),
        cmocka_unit_test(every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
