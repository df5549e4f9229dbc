/* test_zstd_walk - the ends of zstd frames through lib/input/zstd_walk. */
#include "input/zstd_walk.h"

#include "support/bytes.h"
#include "support/chance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

static void add_frame(struct bytes *to, size_t plain_size, bool checksum, bool told, int window_log)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, told);
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    size_t room = ZSTD_compressBound(plain_size);
    char *plain = malloc(plain_size + 1), *packed = malloc(room);
    for (size_t i = 0; i < plain_size; i++)
        plain[i] = i < plain_size / 3 ? (char)chance(256) : (char)('a' + chance(3));
    size_t size = ZSTD_compress2(context, packed, room, plain, plain_size);
    assert_false(ZSTD_isError(size));
    bytes_add(to, packed, size);
    free(plain);
    free(packed);
    ZSTD_freeCCtx(context);
}

static void add_skippable(struct bytes *to, size_t size)
{
    char head[8] = { 0x50, 0x2a, 0x4d, 0x18, (char)(size & 0xff), (char)(size >> 8) };
    bytes_add(to, head, sizeof head);
    for (size_t i = 0; i < size; i++)
        bytes_add(to, "s", 1);
}

/* In chunks of up to so many bytes it ends where libzstd says that the frame ends. */
static void walk_in_chunks(const struct bytes *packed, size_t most)
{
    struct goleak_zstd_walk walk;
    size_t at = 0, begin = 0;
    goleak_zstd_walk_init(&walk);
    while (at < packed->size) {
        size_t size = 1 + chance((unsigned)most);
        if (size > packed->size - at)
            size = packed->size - at;
        size_t gone = goleak_zstd_walk(&walk, (const unsigned char *)packed->data + at, size);
        assert_true(gone > 0 && gone <= size);
        at += gone;
        if (!goleak_zstd_walk_is_between(&walk)) {
            assert_int_equal(gone, size);
            continue;
        }
        assert_int_equal(at - begin, ZSTD_findFrameCompressedSize(packed->data + begin, packed->size - begin));
        assert_int_equal(walk.packed_bytes, at - begin);
        if (walk.frame.header_bytes != 0)
            assert_true(walk.plain_bytes >= ZSTD_getFrameContentSize(packed->data + begin, at - begin) ||
                        walk.frame.content_bytes == GOLEAK_ZSTD_UNTOLD);
        begin = at;
    }
    assert_int_equal(begin, packed->size);
}

static void ends_of_frames(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 300, 70000, 131072, 131073, 400000 };
    struct bytes packed = { 0 };
    seed = 1;
    for (size_t i = 0; i < 4 * sizeof sizes / sizeof *sizes; i++) {
        add_frame(&packed, sizes[i / 4], i & 1, i & 2, i % 3 == 0 ? 10 : 20);
        if (i % 3 == 0)
            add_skippable(&packed, i % 2 * 4000);
    }
    walk_in_chunks(&packed, 1);
    walk_in_chunks(&packed, 5);
    walk_in_chunks(&packed, 3000);
    walk_in_chunks(&packed, 1000000);
    bytes_free(&packed);
}

static void what_loses_it(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size, gone;
    } cases[] = {
        { "abcdefgh", 8, 4 },
        { "\x28\xb5\x2f\xfc\x20\x05\x29\0\0hello", 14, 4 },
        { "\x28\xb5\x2f\xfd\x28\x05\x29\0\0hello", 14, 6 }, /* a reserved bit */
        { "\x28\xb5\x2f\xfd\x21\x07\x05\x29\0\0hello", 15, 7 }, /* a dictionary */
        { "\x28\xb5\x2f\xfd\x20\x05\x2f\0\0hello", 14, 9 }, /* a reserved block */
        { "\x28\xb5\x2f\xfd\x20\x05\x31\0\0hello!", 15, 9 }, /* a block larger than the window */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct goleak_zstd_walk walk;
        const unsigned char *bytes = (const unsigned char *)cases[i].bytes;
        goleak_zstd_walk_init(&walk);
        assert_int_equal(goleak_zstd_walk(&walk, bytes, cases[i].size), cases[i].gone);
        assert_int_equal(walk.place, GOLEAK_ZSTD_LOST);
        assert_int_equal(goleak_zstd_walk(&walk, bytes, cases[i].size), 0);
    }
}

static void where_it_begins_again(void **state)
{
    (void)state;
    struct bytes bytes = { 0 };
    bytes_text(&bytes, "rubbish \x28\xb5\x2f\xfd and \x28\xb5\x2f\xfd\x28\x05\x29 and then");
    size_t wanted = bytes.size;
    add_frame(&bytes, 5, false, true, 10);
    assert_int_equal(goleak_zstd_walk_find((const unsigned char *)bytes.data, bytes.size), wanted);
    assert_int_equal(goleak_zstd_walk_find((const unsigned char *)bytes.data, wanted + 5), wanted + 5); /* untold */
    assert_int_equal(goleak_zstd_walk_find((const unsigned char *)bytes.data, 3), 3);
    bytes_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_of_frames),
        cmocka_unit_test(what_loses_it),
        cmocka_unit_test(where_it_begins_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
