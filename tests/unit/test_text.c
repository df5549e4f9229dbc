/* test_text - the text report: numbers as words, escaping and wrapping, tables,
 * and what the first line says of recordings that one could misread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <goleak.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/table.h"
#include "report/text_page.h"
#include "report/text_words.h"
#include "support/fail_alloc.h"
#include "support/load.h"

/* ---- words ---------------------------------------------------------------- */

static void durations_have_three_digits_or_two_units(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        { 0, "0 ns" },
        { 1, "1 ns" },
        { 999, "999 ns" },
        { 1000, "1 us" },
        { 1234, "1.23 us" },
        { 3200000, "3.2 ms" },
        { 12345678, "12.3 ms" },
        { 117295264, "117 ms" },
        { 9310000000, "9.31 s" },
        /* what rounds up goes on in the next unit */
        { 999499, "999 us" },
        { 999500, "1 ms" },
        { 9995000, "10 ms" },
        { 999999999, "1 s" },
        { INT64_C(59949999999), "59.9 s" },
        { INT64_C(59999999999), "1m" },
        { INT64_C(912000000000), "15m 12s" },
        { INT64_C(60000000000), "1m" },
        { INT64_C(3599499999999), "59m 59s" },
        { INT64_C(3599500000000), "1h" },
        { INT64_C(11040000000000), "3h 4m" },
        { INT64_C(86369999999999), "23h 59m" },
        { INT64_C(86370000000000), "1d" },
        { INT64_C(1047600000000000), "12d 3h" },
        { INT64_MAX, "106752d" },
        { -1500000, "-1.5 ms" },
        { INT64_MIN, "-106752d" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(goleak_words_duration(cases[i].ns).text, cases[i].text);
}

static void counts_have_commas(void **state)
{
    (void)state;
    assert_string_equal(goleak_words_count(0).text, "0");
    assert_string_equal(goleak_words_count(999).text, "999");
    assert_string_equal(goleak_words_count(1000).text, "1,000");
    assert_string_equal(goleak_words_count(12345678).text, "12,345,678");
    assert_string_equal(goleak_words_count(UINT64_MAX).text, "18,446,744,073,709,551,615");
    assert_string_equal(goleak_words_counted(1, "goroutine").text, "1 goroutine");
    assert_string_equal(goleak_words_counted(0, "goroutine").text, "0 goroutines");
    assert_string_equal(goleak_words_counted(1078, "event").text, "1,078 events");
}

static void bytes_have_binary_units(void **state)
{
    (void)state;
    assert_string_equal(goleak_words_bytes(1).text, "1 byte");
    assert_string_equal(goleak_words_bytes(1023).text, "1023 bytes");
    assert_string_equal(goleak_words_bytes(1024).text, "1 KiB");
    assert_string_equal(goleak_words_bytes(1985).text, "1.94 KiB");
    assert_string_equal(goleak_words_bytes(300 << 20).text, "300 MiB");
    assert_string_equal(goleak_words_bytes(UINT64_MAX).text, "16 EiB");
}

/* ---- texts ---------------------------------------------------------------- */

static struct goleak_alloc heap;

static int set_up(void **state)
{
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    return 0;
}

static void assert_escaped(const char *text, const char *expected)
{
    struct goleak_buf buf;
    goleak_buf_init(&buf, &heap);
    goleak_text_escape(&buf, text);
    goleak_buf_char(&buf, '\0');
    assert_string_equal(buf.data, expected);
    goleak_buf_release(&buf);
}

static void what_could_steer_a_terminal_is_escaped(void **state)
{
    (void)state;
    assert_escaped("", "");
    assert_escaped("main.f[go.shape.struct { X string }]", "main.f[go.shape.struct { X string }]");
    assert_escaped("main.\xe6\x97\xa5", "main.\xe6\x97\xa5");
    assert_escaped("\x1b[31mred", "\\x1b[31mred");
    assert_escaped("a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f");
    assert_escaped("\xc2\x9b" "31m", "\\xc2\\x9b31m"); /* CSI as one character */
    assert_escaped("\xe2\x80\xae" "txt.exe", "\\xe2\\x80\\xaetxt.exe");
    assert_escaped("\xff\xc3", "\\xff\\xc3"); /* no UTF-8, and half a character */
}

static void columns_are_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(goleak_text_columns("abc", 3), 3);
    assert_int_equal(goleak_text_columns("\xc3\xa9", 2), 1);
    assert_int_equal(goleak_text_columns("e\xcc\x81", 3), 1);         /* a combining accent */
    assert_int_equal(goleak_text_columns("\xe6\x97\xa5\xe6\x9c\xac", 6), 4); /* two wide ones */
}

static void assert_fitted(const char *text, unsigned columns, const char *expected)
{
    struct goleak_buf buf;
    goleak_buf_init(&buf, &heap);
    goleak_text_fit(&buf, text, columns);
    goleak_buf_char(&buf, '\0');
    assert_string_equal(buf.data, expected);
    assert_true(goleak_text_columns(buf.data, strlen(buf.data)) <= columns);
    goleak_buf_release(&buf);
}

static void the_middle_goes_first(void **state)
{
    (void)state;
    assert_fitted("main.Gather", 11, "main.Gather");
    assert_fitted("abcdefghijklmnopqrst", 12, "abc\xe2\x80\xa6mnopqrst");
    /* a wide character is not cut in two */
    assert_fitted("abcdefgh\xe6\x97\xa5\xe6\x9c\xac", 5, "a\xe2\x80\xa6\xe6\x9c\xac");
}

/* ---- the page ------------------------------------------------------------- */

struct paper {
    char text[65536];
    size_t size;
    size_t refuse_after; /* calls; 0: never */
    size_t calls;
};

static bool collect(void *context, const void *data, size_t size)
{
    struct paper *paper = context;
    if (paper->refuse_after != 0 && ++paper->calls >= paper->refuse_after)
        return false;
    assert_true(size < sizeof paper->text - paper->size);
    memcpy(paper->text + paper->size, data, size);
    paper->size += size;
    paper->text[paper->size] = '\0';
    return true;
}

static struct paper paper;

static void begin(struct goleak_page *page, unsigned width, bool color)
{
    memset(&paper, 0, sizeof paper);
    goleak_page_init(page, &heap, collect, &paper, width, color);
}

static void words_wrap_at_the_indent(void **state)
{
    struct goleak_page page;
    (void)state;
    begin(&page, 1, false); /* the narrowest is 60 */
    goleak_page_raw(&page, GOLEAK_PLAIN, "label");
    page.indent = 10;
    goleak_page_pad(&page, page.indent);
    goleak_page_words(&page, GOLEAK_PLAIN, "one two three four five six seven eight nine ten eleven ");
    goleak_page_words(&page, GOLEAK_PLAIN, "twelve");
    goleak_page_words(&page, GOLEAK_PLAIN, ", thirteen");
    goleak_page_newline(&page);
    assert_int_equal(goleak_page_finish(&page), GOLEAK_OK);
    assert_string_equal(paper.text, "label     one two three four five six seven eight nine ten\n"
                                    "          eleven twelve, thirteen\n");
}

/* However the line ends: with the word before it, and in its colour. */
static void a_comma_stays_with_its_word(void **state)
{
    struct goleak_page page;
    (void)state;
    begin(&page, 60, false);
    page.indent = 10;
    goleak_page_words(&page, GOLEAK_PLAIN, "one two three four five six seven eight nine tenth");
    goleak_page_words(&page, GOLEAK_PLAIN, ", eleven");
    goleak_page_newline(&page);
    /* Not where it would not fit either, nor twice. */
    goleak_page_words(&page, GOLEAK_PLAIN, "a 12345678901234567890123456789012345678901234567890");
    goleak_page_words(&page, GOLEAK_PLAIN, ", b");
    goleak_page_newline(&page);
    assert_int_equal(goleak_page_finish(&page), GOLEAK_OK);
    assert_string_equal(paper.text, "          one two three four five six seven eight nine\n"
                                    "          tenth, eleven\n"
                                    "          a\n"
                                    "          12345678901234567890123456789012345678901234567890\n"
                                    "          , b\n");
    begin(&page, 60, true);
    page.indent = 10;
    goleak_page_words(&page, GOLEAK_YELLOW, "one two three four five six seven eight nine tenth");
    goleak_page_words(&page, GOLEAK_PLAIN, ", eleven");
    goleak_page_newline(&page);
    assert_int_equal(goleak_page_finish(&page), GOLEAK_OK);
    assert_string_equal(paper.text, "          \x1b[0;33mone two three four five six seven eight nine\x1b[0m\n"
                                    "          \x1b[0;33mtenth\x1b[0m, eleven\n");
}

static void names_break_only_where_they_must(void **state)
{
    struct goleak_page page;
    (void)state;
    begin(&page, 60, false);
    page.indent = 4;
    goleak_page_words(&page, GOLEAK_PLAIN, "something that stands before it, created at ");
    goleak_page_name(&page, GOLEAK_PLAIN, "main.f[struct { X string; Y int }] /src/with/blank/main.go:12");
    goleak_page_newline(&page);
    goleak_page_name(&page, GOLEAK_PLAIN, "example.com/a/rather/long/path/to/some/package.(*Type).Method.func1.2");
    goleak_page_newline(&page);
    assert_int_equal(goleak_page_finish(&page), GOLEAK_OK);
    assert_string_equal(paper.text, "    something that stands before it, created at\n"
                                    "    main.f[struct { X string; Y int }]\n"
                                    "    /src/with/blank/main.go:12\n"
                                    "    example.com/a/rather/long/path/to/some/package.(*Type).\n"
                                    "    Method.func1.2\n");
}

static bool count_bytes(void *context, const void *data, size_t size)
{
    (void)data;
    *(size_t *)context += size;
    return true;
}

/* A name may be as long as a line of the input: what is left of it is not measured for each line. */
static void a_name_of_megabytes_is_broken_at_once(void **state)
{
    enum { SIZE = 4 << 20 };
    struct goleak_page page;
    size_t bytes = 0;
    char *name = malloc(SIZE + 1);
    (void)state;
    assert_non_null(name);
    memset(name, 'x', SIZE);
    name[SIZE] = '\0';
    goleak_page_init(&page, &heap, count_bytes, &bytes, 64, false);
    goleak_page_name(&page, GOLEAK_PLAIN, name);
    goleak_page_newline(&page);
    assert_int_equal(goleak_page_finish(&page), GOLEAK_OK);
    assert_int_equal(bytes, SIZE + SIZE / 64);
    free(name);
}

static void colour_is_off_at_the_end_of_a_line(void **state)
{
    struct goleak_page page;
    (void)state;
    begin(&page, 60, true);
    goleak_page_words(&page, GOLEAK_RED, "a leak");
    goleak_page_newline(&page);
    assert_int_equal(goleak_page_finish(&page), GOLEAK_OK);
    assert_string_equal(paper.text, "\x1b[0;31ma leak\x1b[0m\n");
    begin(&page, 60, false);
    goleak_page_words(&page, GOLEAK_RED, "a leak");
    assert_int_equal(goleak_page_finish(&page), GOLEAK_OK);
    assert_string_equal(paper.text, "a leak");
}

static void tables_are_aligned(void **state)
{
    static const struct goleak_table_column columns[] = { { "n", true }, { "what", false }, { "place", false } };
    struct goleak_page page;
    struct goleak_table table;
    (void)state;
    begin(&page, 60, false);
    page.indent = 2;
    goleak_table_init(&table, &heap, columns, 3);
    goleak_table_cell(&table, "7");
    goleak_table_cell(&table, "\xe6\x97\xa5");
    goleak_table_cell(&table, "main.f");
    goleak_table_cell(&table, "1,078");
    goleak_table_cell(&table, NULL);
    goleak_table_cell_indented(&table, 2, "example.com/a/rather/long/path/to/some/package.(*T).Method");
    goleak_table_cell(&table, "");
    goleak_table_cell(&table, "x\x1b");
    goleak_table_cell(&table, "");
    goleak_table_write(&table, &page);
    goleak_table_release(&table);
    assert_int_equal(goleak_page_finish(&page), GOLEAK_OK);
    assert_string_equal(paper.text, "      n  what   place\n"
                                    "      7  \xe6\x97\xa5     main.f\n"
                                    "  1,078  -        example.c\xe2\x80\xa6path/to/some/package.(*T).Method\n"
                                    "         x\\x1b\n");
    assert_int_equal(heap.used_bytes, 0);
}

/* ---- whole reports -------------------------------------------------------- */

#define CREATED                                                                          \
    "newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0\n" \
    "newproc1: goroutine=14000003880 parent=1374389543360 count=2 blocked_count=0\n"

static const char leaky[] = CREATED "gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
                                    "gopark: goroutine=14000003880 blocked=1 reason=6 blocked_count=2\n"
                                    "END: count=2 blocked_count=2\n";
static const char healthy[] = CREATED "gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
                                      "godestroy: goroutine=140000036c0 count=1 blocked_count=0\n"
                                      "godestroy: goroutine=14000003880 count=0 blocked_count=0\n"
                                      "END: count=0 blocked_count=0\n";
static const char naive[] = "goroutine 14000102fc0 created: count=1\n"
                            "goroutine 14000103180 created: count=2\n";
static const char naive_healthy[] = "goroutine 14000102fc0 created: count=1\n"
                                    "goroutine 14000102fc0 destroyed: count=0\n";
static const char flow[] = "CPU FUNCTION                                 \n"
                           " 12  -> main.main                             \n"
                           " 12    -> runtime.newproc1                    \n"
                           " 12    <- runtime.newproc1                    \n";

/* With places, stacks, parents, a recycled address, and something lost. */
static const char rich[] =
    "newproc1: goroutine=c000002380 goid=1 parent=ad2a40 fn=runtime.main ts=500\n"
    "newproc1: goroutine=c000102000 goid=7 parent=c000002380 fn=main.f[go.shape.struct { X string }].func1 "
    "ts=1000\n"
    "              app`runtime.newproc1+0x123\n              app`main.main+0x45\n              app`main.x+0x1\n"
    "newproc1: goroutine=c000102380 goid=8 parent=c000102000 fn=main.g ts=3200\n"
    "godestroy: goroutine=c000102000 goid=7 ts=4000\n"
    "newproc1: goroutine=c000102000 goid=9 parent=c000102380 fn=main.g ts=5000\n"
    "gopark: goroutine=c000102000 goid=9 reason=6 wait=20 ts=3000006000\n"
    "              app`runtime.gopark+0x1\n              app`runtime.chansend+0x2\n              app`main.g+0x3\n"
    "dtrace: 3 drops on CPU 0\n";

static struct goleak_trace *read_trace(const char *name, const char *text)
{
    struct goleak_trace *trace = NULL;
    struct goleak_input *input = NULL;
    struct goleak_error error;
    assert_int_equal(goleak_trace_new(&trace, NULL, &error), GOLEAK_OK);
    assert_int_equal(goleak_input_open(&input, trace, name, &error), GOLEAK_OK);
    assert_int_equal(goleak_input_feed(input, text, strlen(text), &error), GOLEAK_OK);
    assert_int_equal(goleak_input_finish(input, &error), GOLEAK_OK);
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_OK);
    return trace;
}

/* The text report on a recording, in `paper`. */
static const char *report_in(unsigned width, const char *name, const char *text, bool color)
{
    struct goleak_trace *trace = read_trace(name, text);
    const struct goleak_trace *traces[] = { trace };
    struct goleak_report_options options = GOLEAK_REPORT_OPTIONS_INIT;
    struct goleak_error error;
    options.color = color;
    options.width = width;
    memset(&paper, 0, sizeof paper);
    assert_int_equal(goleak_report_write(traces, 1, "text", &options, collect, &paper, &error), GOLEAK_OK);
    goleak_trace_free(trace);
    return paper.text;
}

static const char *report(const char *name, const char *text, bool color)
{
    return report_in(80, name, text, color);
}

static void assert_begins(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0)
        fail_msg("expected \"%s\", found \"%.*s\"", start, (int)strcspn(text, "\n"), text);
}

static void the_first_line_is_the_verdict(void **state)
{
    (void)state;
    assert_begins(report("t.txt", leaky, false), "t.txt: 2 goroutines leaked (2 likely)\n");
    assert_begins(report("-", healthy, false), "standard input: no leak found\n");
}

static void the_naive_script_cannot_tell(void **state)
{
    (void)state;
    assert_begins(report("t.txt", naive, false), "t.txt: the naive script cannot tell; 2 goroutines are suspect\n");
    assert_non_null(strstr(paper.text, "any of which may leak"));
    assert_non_null(strstr(paper.text, "`goleak-report recorder dtrace`"));
    assert_begins(report("t.txt", naive_healthy, false),
                  "t.txt: the naive script cannot tell; none is alive at the end\n");
    assert_null(strstr(paper.text, "no leak"));
}

/* Tables leave the folders out; LEAKS and JSON do not. */
static void tables_have_functions_and_files(void **state)
{
    static const char placed[] =
        "newproc1: goroutine=c000002380 goid=7 parent=c000002000 fn=net/http.(*T[struct { X /y.Z }]).f "
        "/usr/lib/go-1.19/src/net/http/transport.go:1419 ts=500\n"
        "gopark: goroutine=c000002380 goid=7 reason=6 ts=600\n";
    static const char folder[] = "/usr/lib/go-1.19/src/net/http/transport.go:1419";
    (void)state;
    const char *tables = strstr(report("t.txt", placed, false), "\nPEAKS");
    assert_non_null(tables);
    assert_null(strstr(tables, folder));
    assert_non_null(strstr(tables, "  1  net/http.(*T[struct { X /y.Z }]).f transport.go:1419\n"));
    assert_non_null(strstr(strstr(tables, "SPAWN SITES"), "/y.Z }]).f transport.go:1419\n"));
    const char *whole = strstr(paper.text, folder);
    assert_true(whole != NULL && whole < tables);
}

static void addresses_ask_for_the_program(void **state)
{
    static const char asked[] = "names       places are addresses: --exe=PATH, the program that ran, names them\n";
    (void)state;
    report("t.txt", "newproc1: goroutine=c000002380 goid=7 gopc=481dfe ts=500\n", false);
    assert_non_null(strstr(paper.text, asked));
    assert_null(strstr(report("t.txt", rich, false), asked));
    assert_null(strstr(report("t.txt", leaky, false), asked));
}

static void calls_without_names_are_only_counted(void **state)
{
    (void)state;
    assert_begins(report("t.txt", flow, false), "t.txt: cannot tell which leak: 1 more created than ended\n");
    assert_null(strstr(paper.text, "no leak"));
    assert_begins(report("t.txt", "END: count=0 blocked_count=0\n", false),
                  "t.txt: cannot tell: no goroutine was seen\n");
}

static void a_zero_is_not_claimed_of_what_was_lost(void **state)
{
    char text[1024];
    (void)state;
    snprintf(text, sizeof text, "%sdtrace: 12 drops on CPU 1\n", healthy);
    assert_begins(report("t.txt", text, false), "t.txt: none seen, but the recording is incomplete\n");
    assert_non_null(strstr(paper.text, "lost events (12)"));
    assert_null(strstr(paper.text, "no leak"));
    /* created twice: an end is missing */
    assert_begins(report("t.txt",
                         "newproc1: goroutine=1 parent=2 ts=1\ngopark: goroutine=1 reason=14 ts=1\n"
                         "newproc1: goroutine=1 parent=2 ts=2\n"
                         "godestroy: goroutine=1 ts=3\n",
                         false),
                  "t.txt: none seen, but the recording does not add up\n");
    assert_null(strstr(paper.text, "no leak"));
}

static void a_long_path_gives_way_to_the_verdict(void **state)
{
    static const char path[] = "/a/rather/long/path/to/some/folder/deep/in/the/file/system/of/all/trace.txt";
    char line[128];
    (void)state;
    assert_begins(report(path, leaky, false),
                  "\xe2\x80\xa6/deep/in/the/file/system/of/all/trace.txt: 2 goroutines leaked (2 likely)\n");
    /* Where there is no terminal nobody sees how long the line is, and others look for it. */
    snprintf(line, sizeof line, "%s: 2 goroutines leaked (2 likely)\n", path);
    assert_begins(report_in(0, path, leaky, false), line);
}

static void hostile_names_stay_text(void **state)
{
    char text[1024];
    (void)state;
    snprintf(text, sizeof text, "newproc1: goroutine=140000036c0 parent=1374389543360 fn=main.\x1b]0;x\x07\xff%s",
             leaky);
    report("a\x1b[2Jb\nc.txt", text, false);
    assert_begins(paper.text, "a\\x1b[2Jb\\x0ac.txt: ");
    assert_null(strchr(paper.text, '\x1b'));
    assert_null(strchr(paper.text, '\x07'));
    assert_null(strchr(paper.text, '\xff'));
}

/* A group says what, why, since when, and who started it. */
static void a_group_tells_its_story(void **state)
{
    static const char *const lines[] = {
        "\n  1. suspect  1 goroutine blocked sending to a channel (chan send)\n",
        "\n     function    main.g\n",
        "\n     blocked at  main.g+0x3\n",
        "\n     waiting     0 ns, since 3 s after the start\n",
        "\n     this place  2 created here, none of them ended\n",
        "\n     who         goroutine 9 (g c000102000, incarnation 2)\n"
        "     started by  goroutine 8, main.g\n"
        "              <- goroutine 7, main.f[go.shape.struct { X string }].func1 (ended)\n"
        "              <- goroutine 1, runtime.main\n"
        "              <- g ad2a40 (no events of its own)\n"
        "     blocked in  runtime.gopark+0x1\n"
        "                 runtime.chansend+0x2\n"
        "                 main.g+0x3\n",
        "\n  Verdicts may be wrong: lost events (3); see CAPTURE.\n",
    };
    (void)state;
    report("t.txt", rich, false);
    for (size_t i = 0; i < COUNT(lines); i++)
        if (strstr(paper.text, lines[i]) == NULL)
            fail_msg("not found: %s\nin:\n%s", lines[i], paper.text);
}

/* Lines stay within the width, and none ends in blanks. */
static void lines_fit(void **state)
{
    (void)state;
    for (char *line = strtok((char *)(uintptr_t)report("t.txt", leaky, false), "\n"); line != NULL;
         line = strtok(NULL, "\n")) {
        size_t size = strlen(line);
        assert_true(goleak_text_columns(line, size) <= 80);
        assert_true(size == 0 || line[size - 1] != ' ');
    }
}

/* The same words with colour and without. */
static void colour_changes_no_word(void **state)
{
    static char plain[sizeof paper.text];
    size_t to = 0;
    (void)state;
    strcpy(plain, report("t.txt", leaky, false));
    const char *at = report("t.txt", leaky, true);
    assert_null(strchr(plain, '\x1b'));
    assert_non_null(strchr(at, '\x1b'));
    for (; *at != '\0'; at++) {
        if (*at == '\x1b')
            at += strcspn(at, "m");
        else
            assert_int_equal(*at, plain[to++]);
    }
    assert_int_equal(plain[to], '\0');
}

static void several_recordings_have_their_verdicts_first(void **state)
{
    struct goleak_trace *one = read_trace("one.txt", leaky), *two = read_trace("two.txt", healthy);
    const struct goleak_trace *traces[] = { one, two };
    struct goleak_error error;
    (void)state;
    memset(&paper, 0, sizeof paper);
    assert_int_equal(goleak_report_write(traces, 2, "text", NULL, collect, &paper, &error), GOLEAK_OK);
    assert_begins(paper.text, "2 recordings, one report each\n"
                              "  one.txt: 2 goroutines leaked (2 likely)\n"
                              "  two.txt: no leak found\n"
                              "\n====");
    goleak_trace_free(one);
    goleak_trace_free(two);
}

static void a_refusal_is_told(void **state)
{
    struct goleak_trace *trace = read_trace("t.txt", leaky);
    const struct goleak_trace *traces[] = { trace };
    struct goleak_error error;
    (void)state;
    memset(&paper, 0, sizeof paper);
    paper.refuse_after = 1;
    assert_int_equal(goleak_report_write(traces, 1, "text", NULL, collect, &paper, &error), GOLEAK_E_IO);
    assert_int_equal(error.status, GOLEAK_E_IO);
    goleak_trace_free(trace);
}

static void options_are_checked(void **state)
{
    struct goleak_trace *trace = read_trace("t.txt", leaky);
    const struct goleak_trace *traces[] = { trace };
    struct goleak_report_options how = GOLEAK_REPORT_OPTIONS_INIT;
    struct goleak_error error;
    (void)state;
    memset(&paper, 0, sizeof paper);
    how.size = 0;
    assert_int_equal(goleak_report_write(traces, 1, "text", &how, collect, &paper, &error), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "options.size is 0: begin with GOLEAK_REPORT_OPTIONS_INIT");
    how.size = sizeof how;
    how.fail_on = GOLEAK_VERDICT_COUNT;
    assert_int_equal(goleak_report_write(traces, 1, "text", &how, collect, &paper, &error), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "found fail_on 7, expected one of enum goleak_verdict");
    how.fail_on = GOLEAK_VERDICT_ENDED;
    assert_int_equal(goleak_report_write(traces, 1, "text", &how, collect, &paper, &error), GOLEAK_OK);
    goleak_trace_free(trace);
}

/* Of another one nothing was kept that could be told. */
static void only_who_was_followed_is_explained(void **state)
{
    static const char text[] = "newproc1: goroutine=c000102000 goid=22 ts=1000\n"
                               "newproc1: goroutine=c000102380 goid=23 ts=2000\n";
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_report_options how = GOLEAK_REPORT_OPTIONS_INIT;
    struct goleak_trace *trace;
    struct goleak_error error;
    (void)state;
    for (options.explain_goid = 0; options.explain_goid <= 22; options.explain_goid += 22) {
        assert_int_equal(goleak_trace_new(&trace, &options, &error), GOLEAK_OK);
        assert_int_equal(goleak_trace_feed(trace, text, sizeof text - 1, &error), GOLEAK_OK);
        assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_OK);
        const struct goleak_trace *traces[] = { trace };
        how.explain_goid = 23;
        memset(&paper, 0, sizeof paper);
        assert_int_equal(goleak_report_write(traces, 1, "text", &how, collect, &paper, &error), GOLEAK_E_USAGE);
        assert_begins(error.message, "trace 1 of 1 has not kept the events of goroutine 23");
        assert_string_equal(paper.text, "");
        how.explain_goid = options.explain_goid;
        assert_int_equal(goleak_report_write(traces, 1, "text", &how, collect, &paper, &error), GOLEAK_OK);
        goleak_trace_free(trace);
    }
    assert_non_null(strstr(paper.text, "goroutine 22 is"));
}

static void nobody_is_not_explained(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_report_options how = GOLEAK_REPORT_OPTIONS_INIT;
    struct goleak_error error;
    (void)state;
    options.explain_goid = how.explain_goid = 99;
    struct goleak_trace *trace = load_with(&options, "newproc1: goroutine=c000102000 goid=22 ts=1000\n");
    const struct goleak_trace *traces[] = { trace, trace };
    memset(&paper, 0, sizeof paper);
    assert_int_equal(goleak_report_write(traces, 1, "text", &how, collect, &paper, &error), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "goroutine 99 is not in this recording; --format=ndjson lists who is");
    assert_int_equal(goleak_report_write(traces, 2, "text", &how, collect, &paper, &error), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "goroutine 99 is in none of these recordings; --format=ndjson lists who is");
    assert_string_equal(paper.text, "");
    goleak_trace_free(trace);
}

/* A circle of places that spawn each other, deeper than any row is indented. */
static void circles_end(void **state)
{
    static char text[65536];
    size_t size = 0;
    (void)state;
    for (unsigned i = 1; i <= 200; i++)
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "newproc1: goroutine=%x parent=%x fn=main.f%u ts=%u\n", 0x1000 + i, 0xfff + i, i % 40,
                                 1000 * i);
    report("t.txt", text, false);
    assert_non_null(strstr(paper.text, "SPAWN TREE"));
    assert_non_null(strstr(paper.text, "--top shows more"));
}

static bool use(void *context, const void *data, size_t size)
{
    (void)context;
    (void)data;
    return size != 0;
}

/* Want of memory while the report is written is told, and leaves nothing behind. */
static void want_of_memory_is_told(void **state)
{
    struct fail_alloc failing;
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_trace *trace = NULL;
    struct goleak_error error;
    (void)state;
    fail_alloc_init(&failing, 0, false);
    options.allocator = &failing.allocator;
    assert_int_equal(goleak_trace_new(&trace, &options, &error), GOLEAK_OK);
    assert_int_equal(goleak_trace_feed(trace, rich, strlen(rich), &error), GOLEAK_OK);
    assert_int_equal(goleak_trace_finish(trace, &error), GOLEAK_OK);
    const struct goleak_trace *traces[] = { trace };
    size_t blocks = failing.blocks;
    enum goleak_status status = GOLEAK_E_MEMORY;
    for (size_t n = 1; status != GOLEAK_OK; n++) {
        failing.failed = false;
        failing.fail_at = failing.requests + n;
        status = goleak_report_write(traces, 1, "text", NULL, use, NULL, &error);
        assert_int_equal(status, failing.failed ? GOLEAK_E_MEMORY : GOLEAK_OK);
        assert_int_equal(failing.blocks, blocks);
    }
    goleak_trace_free(trace);
    assert_true(fail_alloc_is_clean(&failing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_three_digits_or_two_units),
        cmocka_unit_test(counts_have_commas),
        cmocka_unit_test(bytes_have_binary_units),
        cmocka_unit_test_setup(what_could_steer_a_terminal_is_escaped, set_up),
        cmocka_unit_test(columns_are_not_bytes),
        cmocka_unit_test_setup(the_middle_goes_first, set_up),
        cmocka_unit_test_setup(words_wrap_at_the_indent, set_up),
        cmocka_unit_test_setup(a_comma_stays_with_its_word, set_up),
        cmocka_unit_test_setup(names_break_only_where_they_must, set_up),
        cmocka_unit_test_setup(a_name_of_megabytes_is_broken_at_once, set_up),
        cmocka_unit_test_setup(colour_is_off_at_the_end_of_a_line, set_up),
        cmocka_unit_test_setup(tables_are_aligned, set_up),
        cmocka_unit_test(the_first_line_is_the_verdict),
        cmocka_unit_test(the_naive_script_cannot_tell),
        cmocka_unit_test(tables_have_functions_and_files),
        cmocka_unit_test(addresses_ask_for_the_program),
        cmocka_unit_test(calls_without_names_are_only_counted),
        cmocka_unit_test(a_zero_is_not_claimed_of_what_was_lost),
        cmocka_unit_test(a_long_path_gives_way_to_the_verdict),
        cmocka_unit_test(hostile_names_stay_text),
        cmocka_unit_test(a_group_tells_its_story),
        cmocka_unit_test(lines_fit),
        cmocka_unit_test(colour_changes_no_word),
        cmocka_unit_test(several_recordings_have_their_verdicts_first),
        cmocka_unit_test(a_refusal_is_told),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(only_who_was_followed_is_explained),
        cmocka_unit_test(nobody_is_not_explained),
        cmocka_unit_test(circles_end),
        cmocka_unit_test(want_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
