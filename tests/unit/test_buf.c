/* test_buf - bytes that grow, numbers that are exact, failures that stick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "support/fail_alloc.h"

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_buf buf;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_buf_init(&buf, &alloc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_buf_release(&buf);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void expect(const char *text)
{
    assert_false(buf.failed);
    if (buf.size != strlen(text) || memcmp(buf.data, text, buf.size) != 0)
        fail_msg("found \"%.*s\", expected \"%s\"", (int)buf.size, buf.data, text);
    buf.size = 0;
}

static void pieces_stand_one_after_the_other(void **state)
{
    (void)state;
    goleak_buf_text(&buf, "gopark");
    goleak_buf_char(&buf, ':');
    goleak_buf_append(&buf, " goroutine=c000 and more", 10);
    goleak_buf_append(&buf, NULL, 0);
    expect("gopark: goroutine");
}

static void numbers_are_exact_at_their_ends(void **state)
{
    (void)state;
    goleak_buf_u64(&buf, 0);
    expect("0");
    goleak_buf_u64(&buf, UINT64_MAX);
    expect("18446744073709551615");
    goleak_buf_i64(&buf, INT64_MAX);
    expect("9223372036854775807");
    goleak_buf_i64(&buf, INT64_MIN);
    expect("-9223372036854775808");
    goleak_buf_i64(&buf, -1);
    expect("-1");
    goleak_buf_hex(&buf, 0);
    expect("0");
    goleak_buf_hex(&buf, 0x140000036c0);
    expect("140000036c0");
    goleak_buf_hex(&buf, UINT64_MAX);
    expect("ffffffffffffffff");
}

static void printf_fits_whatever_its_length(void **state)
{
    char long_text[5000];
    (void)state;
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    goleak_buf_printf(&buf, "%s=%d", "goid", 7);
    expect("goid=7");
    goleak_buf_printf(&buf, "%s", long_text);
    expect(long_text);
    goleak_buf_text(&buf, "before ");
    goleak_buf_printf(&buf, "%s", "");
    expect("before ");
}

static void many_small_appends_cost_few_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < 100000; i++)
        goleak_buf_char(&buf, (char)('a' + i % 26));
    assert_int_equal(buf.size, 100000);
    assert_int_equal(buf.data[99999], 'a' + 99999 % 26);
    assert_true(heap.requests < 40);
}

static void a_failure_drops_the_bytes_and_is_remembered(void **state)
{
    (void)state;
    goleak_buf_text(&buf, "kept");
    heap.fail_at = heap.requests + 1;
    char large[1000] = { 0 };
    goleak_buf_append(&buf, large, sizeof large);
    assert_true(buf.failed);
    assert_int_equal(buf.size, 4);
    assert_memory_equal(buf.data, "kept", 4);
    goleak_buf_text(&buf, "!"); /* fits, but does not undo the failure */
    assert_true(buf.failed);
}

static void a_failed_printf_is_remembered_too(void **state)
{
    (void)state;
    heap.fail_at = 1;
    goleak_buf_printf(&buf, "%d", 5);
    assert_true(buf.failed);
    assert_int_equal(buf.size, 0);
}

static void room_that_overflows_is_refused(void **state)
{
    (void)state;
    goleak_buf_text(&buf, "x");
    size_t requests = heap.requests;
    assert_false(goleak_buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.failed);
    assert_int_equal(heap.requests, requests);
}

static void reserved_room_is_there(void **state)
{
    (void)state;
    assert_true(goleak_buf_reserve(&buf, 3000));
    memset(buf.data + buf.size, 'r', 3000); /* AddressSanitizer looks on */
    assert_true(buf.capacity >= 3000);
    assert_int_equal(buf.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_stand_one_after_the_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_are_exact_at_their_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(printf_fits_whatever_its_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_small_appends_cost_few_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_drops_the_bytes_and_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_printf_is_remembered_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(room_that_overflows_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reserved_room_is_there, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
