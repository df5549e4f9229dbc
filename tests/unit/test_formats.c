/* test_formats - an input finds its format by its bytes, or is told what it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "format/dtrace.h"
#include "format/format.h"
#include "format/gotrace_v1.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct goleak_format *sniff(const char *bytes, size_t size, bool whole, bool *more, char advice[256])
{
    char *copy = malloc(size != 0 ? size : 1); /* the exact size, for AddressSanitizer */
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    memset(advice, 'x', 256);
    *more = !whole;
    const struct goleak_format *format = goleak_format_sniff(copy, size, whole, more, advice);
    free(copy);
    return format;
}

static void d_scripts_are_known_by_one_line(void **state)
{
    static const char *const texts[] = {
        "newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0\n",
        "gopark: goroutine=c000 reason=6\r\n",
        "goroutine 14000102fc0 created: count=1\n",
        "CPU     ID                    FUNCTION:NAME\n",
        "CPU FUNCTION                                 \n",
        " 12  -> main.main                             \n",
        "  0   4100             runtime.gopark:entry gopark: goroutine=c000 blocked=1 reason=6 blocked_count=1\n",
        "dtrace: 33 drops on CPU 0\n",
        "profile-1s: count=3 blocked_count=3\n",
        "END: count=3 blocked_count=3\n",
        "server starting\n\nlistening on :80\nexecute: goroutine=c000 ts=5\n",
        "no newline yet gopark: goroutine=c000 reason=6\n",
    };
    char advice[256];
    bool more;
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (sniff(texts[i], strlen(texts[i]), false, &more, advice) != &goleak_format_dtrace)
            fail_msg("not known: %s", texts[i]);
        assert_false(more);
    }
}

static void a_text_without_such_a_line_needs_more_until_it_is_whole(void **state)
{
    static const char text[] = "server starting\nlistening on :80\n";
    char advice[256];
    bool more;
    (void)state;
    assert_null(sniff(text, sizeof text - 1, false, &more, advice));
    assert_true(more);
    assert_string_equal(advice, "");
    assert_null(sniff(text, sizeof text - 1, true, &more, advice));
    assert_false(more);
    assert_string_equal(advice, "");
    assert_null(sniff("", 0, true, &more, advice));
    assert_false(more);
    assert_null(sniff("", 0, false, &more, advice));
    assert_true(more);
}

static void a_line_counts_when_it_has_ended(void **state)
{
    static const char text[] = "newproc1: goroutine=1400000";
    char advice[256];
    bool more;
    (void)state;
    assert_null(sniff(text, sizeof text - 1, false, &more, advice));
    assert_true(more);
    assert_ptr_equal(sniff(text, sizeof text - 1, true, &more, advice), &goleak_format_dtrace);
}

static void a_preamble_may_be_long_but_not_endless(void **state)
{
    char *text = malloc(GOLEAK_SNIFF_BYTES + 100), advice[256];
    bool more;
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < GOLEAK_SNIFF_BYTES; i++)
        text[i] = i % 64 == 63 ? '\n' : 'p';
    assert_null(sniff(text, GOLEAK_SNIFF_BYTES - 1, false, &more, advice));
    assert_true(more);
    assert_null(sniff(text, GOLEAK_SNIFF_BYTES, false, &more, advice));
    assert_false(more);
    strcpy(text + GOLEAK_SNIFF_BYTES - 64, "END: count=3 blocked_count=3\n");
    assert_ptr_equal(sniff(text, GOLEAK_SNIFF_BYTES - 30, false, &more, advice), &goleak_format_dtrace);
    free(text);
}

static void what_is_something_else_is_named_with_a_way_out(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *word, *way;
    } cases[] = {
        { "PERFILE2\x68\0\0\0", 12, "perf.data", "perf script" },
        { "2ELIFREP\0\0\0\x68", 12, "perf.data", "perf script" },
        { "\x7f"
          "ELF\x02\x01\x01",
          7, "ELF", "the program of a recording goes with --exe" },
        { "\xfd"
          "7zXZ\0",
          6, "xz", "xz -dc" },
        { "BZh91AY&SY", 10, "bzip2", "bzip2 -dc" },
        { "\x04\x22\x4d\x18\x64\x40", 6, "lz4", "lz4 -dc" },
        { "PK\x03\x04\x14", 5, "zip", "recording" },
        { "\x1f\x8b\x08", 3, "inside several packings", "gzip -dc" },
        { "\x28\xb5\x2f\xfd", 4, "inside several packings", "zstd -dc" },
        { "go 1.10 trace\0\0\0", 16, "Go execution trace", "\"go 1.10\"" },
        { "go 1.99 trace\0\0\0", 16, "Go execution trace", "the newest of them is \"go 1.2" },
        { "\xcf\xfa\xed\xfe\x0c", 5, "Mach-O", "the program of a recording goes with --exe" },
        { "// Records the goroutines of a Go 1.26 program", 46, "script", "run it" },
        { "#!/bin/sh\n# Records the goroutines of a Go 1.26 program", 55, "script", "run it" },
        { "/*\n * Records the goroutines of a Go 1.26 program", 49, "script", "run it" },
    };
    char advice[256];
    bool more;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int whole = 0; whole < 2; whole++) {
            assert_null(sniff(cases[i].bytes, cases[i].size, whole != 0, &more, advice));
            assert_false(more);
            if (strstr(advice, cases[i].word) == NULL || strstr(advice, cases[i].way) == NULL)
                fail_msg("%s: \"%s\"", cases[i].word, advice);
        }
}

/* Its first file may be a recording, behind 512 bytes that are none. */
static void a_tar_archive_is_named(void **state)
{
    static const char line[] = "gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n";
    char bytes[512 + sizeof line - 1] = "trace.txt", advice[256];
    bool more;
    (void)state;
    memcpy(bytes + 512, line, sizeof line - 1);
    assert_ptr_equal(sniff(bytes, sizeof bytes, true, &more, advice), &goleak_format_dtrace);
    memcpy(bytes + 257, "ustar", 5);
    assert_null(sniff(bytes, sizeof bytes, true, &more, advice));
    assert_non_null(strstr(advice, "tar -xOf FILE"));
    memset(bytes, 'x', 257); /* text may have that word there, and no zero byte before it */
    assert_ptr_equal(sniff(bytes, sizeof bytes, true, &more, advice), &goleak_format_dtrace);
}

static void go_traces_are_known_by_their_header(void **state)
{
    static const char *const headers[] = { "go 1.11 trace\0\0\0", "go 1.19 trace\0\0\0", "go 1.21 trace\0\0\0" };
    char advice[256];
    bool more;
    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++)
        assert_ptr_equal(sniff(headers[i], 16, false, &more, advice), &goleak_format_gotrace_v1);
    assert_null(sniff("go 1.1", 6, false, &more, advice));
    assert_true(more);
    assert_string_equal(advice, "");
    assert_null(sniff("go 1.1", 6, true, &more, advice));
    assert_false(more);
    assert_non_null(strstr(advice, "\"go 1.1\""));
}

static void a_magic_that_is_not_whole_is_no_magic(void **state)
{
    char advice[256];
    bool more;
    (void)state;
    assert_null(sniff("PERFILE", 7, true, &more, advice));
    assert_string_equal(advice, "");
    assert_null(sniff("\x7f"
                      "EL",
                      3, true, &more, advice));
    assert_string_equal(advice, "");
}

static void formats_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(goleak_format_find("dtrace"), &goleak_format_dtrace);
    assert_null(goleak_format_find("dtrac"));
    assert_null(goleak_format_find(""));
    for (size_t i = 0; i < goleak_format_count; i++) {
        assert_string_equal(goleak_format_name(i), goleak_formats[i]->name);
        assert_ptr_equal(goleak_format_find(goleak_formats[i]->name), goleak_formats[i]);
        assert_string_not_equal(goleak_formats[i]->title, "");
    }
    assert_null(goleak_format_name(goleak_format_count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d_scripts_are_known_by_one_line),
        cmocka_unit_test(a_text_without_such_a_line_needs_more_until_it_is_whole),
        cmocka_unit_test(a_line_counts_when_it_has_ended),
        cmocka_unit_test(a_preamble_may_be_long_but_not_endless),
        cmocka_unit_test(what_is_something_else_is_named_with_a_way_out),
        cmocka_unit_test(a_tar_archive_is_named),
        cmocka_unit_test(go_traces_are_known_by_their_header),
        cmocka_unit_test(a_magic_that_is_not_whole_is_no_magic),
        cmocka_unit_test(formats_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
