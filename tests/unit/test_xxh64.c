/* test_xxh64 - against known values, and against what zstd writes behind its frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "base/xxh64.h"

static void known_values(void **state)
{
    (void)state;
    assert_int_equal(goleak_xxh64("", 0), UINT64_C(0xef46db3751d8e999));
    assert_int_equal(goleak_xxh64("abc", 3), UINT64_C(0x44bc2cf5ad770999));
}

/* The last four bytes of a frame with a checksum are the low half of its content's. */
static void as_zstd_has_it(void **state)
{
    (void)state;
    unsigned char bytes[600], frame[1024];
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    for (size_t size = 0; size < sizeof bytes; size++) {
        bytes[size] = (unsigned char)(size * size * 37 + 11);
        size_t packed = ZSTD_compress2(context, frame, sizeof frame, bytes, size);
        assert_false(ZSTD_isError(packed));
        const unsigned char *sum = frame + packed - 4;
        uint32_t low = (uint32_t)goleak_xxh64(bytes, size);
        assert_int_equal(low, (uint32_t)sum[0] | (uint32_t)sum[1] << 8 | (uint32_t)sum[2] << 16 | (uint32_t)sum[3] << 24);
    }
    ZSTD_freeCCtx(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(as_zstd_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
