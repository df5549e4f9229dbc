/* test_lines - the same lines come out however the bytes were cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/lines.h"
#include "support/fail_alloc.h"

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_lines lines;

/* What came out: "number:text|", a '~' instead of the bar for an unterminated
 * line, "number:start#bytes|" for one that was too long. */
static struct goleak_buf seen;
static uint64_t bulk_lines;
static uint64_t stop_at; /* the line that refuses to go on; 0: none */

static enum goleak_status on_line(void *context, const struct goleak_line *line)
{
    assert_ptr_equal(context, &seen);
    goleak_buf_printf(&seen, "%u:", (unsigned)line->number);
    goleak_buf_append(&seen, line->at, (size_t)(line->end - line->at));
    goleak_buf_char(&seen, line->ended ? '|' : '~');
    return line->number == stop_at ? GOLEAK_E_IO : GOLEAK_OK;
}

static enum goleak_status on_long(void *context, const struct goleak_line *line, uint64_t bytes)
{
    assert_ptr_equal(context, &seen);
    assert_true(line->end - line->at <= 256);
    goleak_buf_printf(&seen, "%u:%.4s#%u|", (unsigned)line->number, line->at, (unsigned)bytes);
    return line->number == stop_at ? GOLEAK_E_IO : GOLEAK_OK;
}

/* Takes lines that begin with 'f', and looks at all that it may. */
static const char *on_bulk(void *context, const char *at, const char *end, uint64_t *number,
                           enum goleak_status *status)
{
    assert_ptr_equal(context, &seen);
    while (at < end && *at == 'f') {
        unsigned sum = 0;
        for (size_t i = 0; i < GOLEAK_LINES_PAD; i++) /* AddressSanitizer looks on */
            sum += (unsigned char)at[i];
        const char *newline = memchr(at, '\n', GOLEAK_LINES_PAD);
        if (newline == NULL || sum == 0)
            return at;
        struct goleak_line line = { at, newline, ++*number, true };
        bulk_lines++;
        *status = on_line(context, &line);
        if (*status != GOLEAK_OK)
            return at;
        at = newline + 1;
    }
    return at;
}

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_buf_init(&seen, &alloc);
    bulk_lines = stop_at = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_buf_release(&seen);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

/* Feeds a piece as a block of its own. */
static enum goleak_status feed(const char *bytes, size_t size)
{
    char *piece = malloc(size != 0 ? size : 1);
    assert_non_null(piece);
    memcpy(piece, bytes, size);
    enum goleak_status status = goleak_lines_feed(&lines, piece, size);
    free(piece);
    return status;
}

static enum goleak_status run(const char *bytes, size_t size, size_t step, bool bulk)
{
    const struct goleak_line_reader reader = {
        .bulk = bulk ? on_bulk : NULL, .line = on_line, .too_long = on_long, .context = &seen
    };
    enum goleak_status status = GOLEAK_OK;
    seen.size = 0;
    goleak_lines_init(&lines, &alloc, &reader);
    for (size_t at = 0; at < size && status == GOLEAK_OK; at += step)
        status = feed(bytes + at, step < size - at ? step : size - at);
    if (status == GOLEAK_OK)
        status = goleak_lines_finish(&lines);
    goleak_lines_release(&lines);
    goleak_buf_char(&seen, '\0');
    assert_false(seen.failed);
    return status;
}

static void every_split_gives_the_same_lines(void **state)
{
    static const char text[] = "first\n\nwith cr\r\n\r\nin\rside\nnul\0in\n last";
    static const char expected[] = "1:first|2:|3:with cr|4:|5:in\rside|6:nul\0in|7: last~";
    const size_t size = sizeof text - 1;
    (void)state;
    for (size_t first = 0; first <= size; first++)
        for (size_t second = first; second <= size; second++) {
            const struct goleak_line_reader reader = { .line = on_line, .too_long = on_long, .context = &seen };
            seen.size = 0;
            goleak_lines_init(&lines, &alloc, &reader);
            assert_int_equal(feed(text, first), GOLEAK_OK);
            assert_int_equal(feed(text + first, second - first), GOLEAK_OK);
            assert_int_equal(feed(text + second, size - second), GOLEAK_OK);
            assert_int_equal(goleak_lines_finish(&lines), GOLEAK_OK);
            goleak_lines_release(&lines);
            if (seen.size != sizeof expected - 1 || memcmp(seen.data, expected, seen.size) != 0)
                fail_msg("cut at %zu and %zu: %.*s", first, second, (int)seen.size, seen.data);
        }
}

static void an_ended_text_has_no_line_behind_it(void **state)
{
    (void)state;
    run("a\nb\n", 4, 4, false);
    assert_string_equal(seen.data, "1:a|2:b|");
    run("", 0, 1, false);
    assert_string_equal(seen.data, "");
    run("\n", 1, 1, false);
    assert_string_equal(seen.data, "1:|");
    run("a\r", 2, 2, false); /* cut in the middle of a line's end */
    assert_string_equal(seen.data, "1:a~");
}

/* Fast lines go to bulk, the others one by one; numbers and order are one. */
static void bulk_and_single_lines_make_one_sequence(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &alloc);
    for (int i = 0; i < 200; i++)
        goleak_buf_printf(&text, i % 7 == 3 ? "slow %d\r\n" : "fast %d\n", i);
    run(text.data, text.size, 1, true);
    char *byte_by_byte = strdup(seen.data);
    assert_int_equal(bulk_lines, 0);
    static const size_t steps[] = { 3, 255, 256, 257, 300, 1000, 100000 };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        run(text.data, text.size, steps[i], true);
        assert_string_equal(seen.data, byte_by_byte);
    }
    assert_true(bulk_lines > 100);
    free(byte_by_byte);
    goleak_buf_release(&text);
}

/* ---- too long ---- */

static void a_line_that_is_too_long_is_told_and_passed_over(void **state)
{
    static const size_t over[] = { 1, 2, 5000, GOLEAK_LINE_MAX };
    static const size_t steps[] = { 1000, 65536, GOLEAK_LINE_MAX, GOLEAK_LINE_MAX * 4 };
    const size_t room = 2 * GOLEAK_LINE_MAX + 64;
    char *text = malloc(room), expected[64];
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof over / sizeof *over; i++)
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            size_t bytes = GOLEAK_LINE_MAX + over[i];
            memcpy(text, "a\n", 2);
            memset(text + 2, 'x', bytes);
            memcpy(text + 2 + bytes, "\nb\n", 3);
            run(text, bytes + 5, steps[k], true);
            snprintf(expected, sizeof expected, "1:a|2:xxxx#%zu|3:b|", bytes);
            assert_string_equal(seen.data, expected);
        }
    free(text);
    assert_true(heap.peak_bytes < 3 * GOLEAK_LINE_MAX); /* it is not kept */
}

static void the_longest_line_goes_through(void **state)
{
    char *text = malloc(GOLEAK_LINE_MAX + 2);
    (void)state;
    assert_non_null(text);
    memset(text, 'y', GOLEAK_LINE_MAX);
    memcpy(text + GOLEAK_LINE_MAX, "\nz", 2);
    static const size_t steps[] = { 4096, GOLEAK_LINE_MAX * 2 };
    for (size_t k = 0; k < 2; k++) {
        run(text, GOLEAK_LINE_MAX + 2, steps[k], false);
        assert_int_equal(seen.size, 2 + GOLEAK_LINE_MAX + 1 + 4 + 1);
        assert_string_equal(seen.data + 2 + GOLEAK_LINE_MAX, "|2:z~");
    }
    free(text);
}

static void a_long_last_line_without_its_end_is_told_too(void **state)
{
    char *text = malloc(GOLEAK_LINE_MAX * 2);
    (void)state;
    assert_non_null(text);
    memset(text, 'w', GOLEAK_LINE_MAX * 2);
    run(text, GOLEAK_LINE_MAX * 2, 100000, false);
    assert_string_equal(seen.data, "1:wwww#2097152|");
    free(text);
}

/* ---- stopping ---- */

static void a_refusal_stops_the_reading(void **state)
{
    (void)state;
    stop_at = 2;
    assert_int_equal(run("a\nb\nc\n", 6, 6, false), GOLEAK_E_IO);
    assert_string_equal(seen.data, "1:a|2:b|");
    assert_int_equal(run("a\nb\nc\n", 6, 1, false), GOLEAK_E_IO);
    assert_string_equal(seen.data, "1:a|2:b|");
    assert_int_equal(run("a\nb", 3, 3, false), GOLEAK_E_IO); /* in finish */
    struct goleak_buf text;
    goleak_buf_init(&text, &alloc);
    for (int i = 0; i < 100; i++)
        goleak_buf_text(&text, "fast\n");
    assert_int_equal(run(text.data, text.size, text.size, true), GOLEAK_E_IO); /* in bulk */
    assert_string_equal(seen.data, "1:fast|2:fast|");
    goleak_buf_release(&text);
}

static void memory_that_ends_stops_it_too(void **state)
{
    const struct goleak_line_reader reader = { .line = on_line, .too_long = on_long, .context = &seen };
    (void)state;
    goleak_lines_init(&lines, &alloc, &reader);
    heap.fail_at = heap.requests + 1;
    assert_int_equal(feed("unfinished", 10), GOLEAK_E_MEMORY);
    goleak_lines_release(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_split_gives_the_same_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_ended_text_has_no_line_behind_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bulk_and_single_lines_make_one_sequence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_told_and_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_line_goes_through, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_last_line_without_its_end_is_told_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_stops_the_reading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_ends_stops_it_too, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
