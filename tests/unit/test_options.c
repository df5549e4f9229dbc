/* test_options - the command line's words: durations, sizes, suggestions, the
 * table of options, and the help that is made from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "values.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- values --------------------------------------------------------------- */

static void durations_are_exact(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        { "0", 0 },
        { "0s", 0 },
        { "10s", INT64_C(10000000000) },
        { "1m30s", INT64_C(90000000000) },
        { "500ms", 500000000 },
        { "2h", INT64_C(7200000000000) },
        { "1.5h", INT64_C(5400000000000) },
        { ".5s", 500000000 },
        { "1.s", 1000000000 },
        { "7us", 7000 },
        { "7\xc2\xb5s", 7000 },
        { "7\xce\xbcs", 7000 },
        { "3ns", 3 },
        { "1.9ns", 1 },
        { "0.000000001s", 1 },
        { "0.0000000019999s", 1 },
        /* through a double this would be …807 or …808 */
        { "9007199.254740993s", INT64_C(9007199254740993) },
        { "9223372036.854775807s", INT64_MAX },
        { "2562047h47m16.854775807s", INT64_MAX },
        { "0.33333333333333333333333333333333h", INT64_C(1199999999999) },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t ns = -1;
        if (!cli_value_duration(good[i].text, &ns) || ns != good[i].ns)
            fail_msg("'%s' gives %lld", good[i].text, (long long)ns);
    }
}

static void bad_durations_are_refused(void **state)
{
    static const char *const bad[] = { "",
                                       "10",
                                       "s",
                                       ".",
                                       ".s",
                                       "-1s",
                                       "+1s",
                                       "1 s",
                                       " 1s",
                                       "1s ",
                                       "1d",
                                       "1S",
                                       "1.2.3s",
                                       "1m30",
                                       "1e3s",
                                       "0x1s",
                                       "00",
                                       "9223372036.854775808s",
                                       "2562048h",
                                       "99999999999999999999s",
                                       "18446744073709551616ns",
                                       "1\xc2s" };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t ns = 42;
        if (cli_value_duration(bad[i], &ns))
            fail_msg("'%s' is taken for %lld ns", bad[i], (long long)ns);
        assert_int_equal(ns, 42);
    }
}

static void sizes_are_exact(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        { "0", 0 },
        { "123", 123 },
        { "64K", 65536 },
        { "64k", 65536 },
        { "64M", 67108864 },
        { "1m", 1048576 },
        { "1G", UINT64_C(1073741824) },
        { "1.5g", UINT64_C(1610612736) },
        { "0.5K", 512 },
        { "18446744073709551615", UINT64_MAX },
        { "17179869183G", UINT64_C(17179869183) << 30 },
    };
    static const char *const bad[] = {
        "", "M", "1.5", "1.", "-1M", "1T", "1MB", "1 M", "64MM", "1e9", "0x10", "18446744073709551616", "17179869184G"
    };
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t bytes = 42;
        if (!cli_value_size(good[i].text, &bytes) || bytes != good[i].bytes)
            fail_msg("'%s' gives %llu", good[i].text, (unsigned long long)bytes);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t bytes = 42;
        if (cli_value_size(bad[i], &bytes))
            fail_msg("'%s' is taken for %llu bytes", bad[i], (unsigned long long)bytes);
        assert_int_equal(bytes, 42);
    }
}

static void counts_begin_at_one(void **state)
{
    unsigned count = 42;
    (void)state;
    assert_true(cli_value_count("7", 7, &count));
    assert_int_equal(count, 7);
    assert_false(cli_value_count("8", 7, &count));
    assert_false(cli_value_count("0", 7, &count));
    assert_false(cli_value_count("-1", 7, &count));
    assert_false(cli_value_count("", 7, &count));
    assert_false(cli_value_count("4294967297", 4294967295u, &count));
    assert_int_equal(count, 7);
}

static void go_versions_lose_their_go(void **state)
{
    static const char *const good[][2] = { { "1.22", "1.22" },           { "go1.22", "1.22" },
                                           { "go1.22.3", "1.22.3" },     { "1.27rc1", "1.27rc1" },
                                           { "1.27beta2", "1.27beta2" }, { "go1.24-fork", "1.24-fork" },
                                           { "1.11", "1.11" },           { "1.100", "1.100" } };
    static const char *const bad[] = { "",   "go",   "1",   "1.",   "go1.",     ".22",  "x1.22", "1.22x",
                                       "22", "1,22", "1.5", "1.10", "go1.10.8", "1.05", "2.0",   "11.22" };
    const char *version = NULL;
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(cli_value_go_version(good[i][0], &version));
        assert_string_equal(version, good[i][1]);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(cli_value_go_version(bad[i], &version));
}

/* ---- nearest words -------------------------------------------------------- */

static void distance_counts_slips(void **state)
{
    char over[80];
    (void)state;
    assert_int_equal(cli_word_distance("", ""), 0);
    assert_int_equal(cli_word_distance("abc", ""), 3);
    assert_int_equal(cli_word_distance("", "abc"), 3);
    assert_int_equal(cli_word_distance("format", "format"), 0);
    assert_int_equal(cli_word_distance("frmat", "format"), 1);
    assert_int_equal(cli_word_distance("formaat", "format"), 1);
    assert_int_equal(cli_word_distance("firmat", "format"), 1);
    assert_int_equal(cli_word_distance("quite", "quiet"), 1);
    assert_int_equal(cli_word_distance("kitten", "sitting"), 3);
    memset(over, 'a', sizeof over - 1);
    over[sizeof over - 1] = '\0';
    assert_true(cli_word_distance(over, "a") == SIZE_MAX);
    over[63] = '\0';
    assert_int_equal(cli_word_distance(over, over), 0);
}

static void nearest_option_is_named(void **state)
{
    static const char *const near[][2] = { { "frmat", "format" },    { "form", "format" },
                                           { "jsn", "json" },        { "quite", "quiet" },
                                           { "colour", "color" },    { "max-mem", "max-memory" },
                                           { "fail_on", "fail-on" }, { "verison", "version" },
                                           { "helpp", "help" },      { "minage", "min-age" },
                                           { "ouput", "output" },    { "include-sytem", "include-system" } };
    /* What the contract promises for later must not be taken for something else. */
    static const char *const far[] = {
        "", "x", "at", "since", "until", "group-by", "baseline", "write-baseline", "ignore-file"
    };
    (void)state;
    for (size_t i = 0; i < COUNT(near); i++) {
        const char *found = cli_word_nearest(near[i][0], cli_option_name);
        assert_non_null(found);
        assert_string_equal(found, near[i][1]);
    }
    for (size_t i = 0; i < COUNT(far); i++) {
        const char *found = cli_word_nearest(far[i], cli_option_name);
        if (found != NULL)
            fail_msg("'%s' is taken for '%s'", far[i], found);
    }
}

static const char *three_words(size_t index)
{
    static const char *const words[] = { "red", "green", "blue" };
    return index < COUNT(words) ? words[index] : NULL;
}

static void words_are_listed(void **state)
{
    char out[64], narrow[8];
    (void)state;
    assert_string_equal(cli_words_list(out, sizeof out, three_words), "red, green or blue");
    assert_string_equal(cli_words_list(narrow, sizeof narrow, three_words), "red, gr");
    assert_int_equal(cli_word_index("green-ish", 5, three_words), 1);
    assert_true(cli_word_index("gree", 4, three_words) == SIZE_MAX);
}

/* ---- the command line ----------------------------------------------------- */

/* Words after the program's name, up to a NULL. */
static void parse(struct cli_options *out, ...)
{
    static char program[] = "goleak-report";
    char *argv[32] = { program };
    int argc = 1;
    va_list words;
    va_start(words, out);
    for (char *word; (word = va_arg(words, char *)) != NULL;)
        argv[argc++] = word;
    va_end(words);
    cli_options_parse(out, argc, argv);
}

static void presets_hold(void **state)
{
    struct cli_options o;
    (void)state;
    parse(&o, "trace.txt", NULL);
    assert_int_equal(o.action, CLI_ACTION_REPORT);
    assert_int_equal(o.file_count, 1);
    assert_string_equal(o.files[0], "trace.txt");
    assert_string_equal(o.format, "text");
    assert_null(o.output);
    assert_null(o.input_format);
    assert_null(o.go_version);
    assert_int_equal(o.fail_on, CLI_FAIL_ON_LIKELY);
    assert_int_equal(o.min_age_ns, 0);
    assert_int_equal(o.max_memory_bytes, 0);
    assert_int_equal(o.top, 10);
    assert_int_equal(o.jobs, 0);
    assert_int_equal(o.color, CLI_WHEN_AUTO);
    assert_int_equal(o.progress, CLI_WHEN_AUTO);
    assert_false(o.sort_created || o.include_system || o.strict || o.quiet);
    cli_options_release(&o);
}

static void options_stand_anywhere(void **state)
{
    struct cli_options o;
    (void)state;
    parse(&o, "a", "--format", "ndjson", "b", "-o", "out", "--fail-on=never", "-", "--sort=created", "--jobs=4",
          "--min-age", "1m30s", "--max-memory=64M", "--include-system", "--strict", "--quiet", "--go-version=go1.21",
          "--color=never", "--progress=always", "--", "--json", "--", NULL);
    assert_int_equal(o.action, CLI_ACTION_REPORT);
    assert_int_equal(o.file_count, 5);
    assert_string_equal(o.files[0], "a");
    assert_string_equal(o.files[1], "b");
    assert_string_equal(o.files[2], "-");
    assert_string_equal(o.files[3], "--json");
    assert_string_equal(o.files[4], "--");
    assert_string_equal(o.format, "ndjson");
    assert_string_equal(o.output, "out");
    assert_string_equal(o.go_version, "1.21");
    assert_int_equal(o.fail_on, CLI_FAIL_ON_NEVER);
    assert_true(o.min_age_ns == INT64_C(90000000000));
    assert_int_equal(o.max_memory_bytes, 67108864);
    assert_int_equal(o.jobs, 4);
    assert_int_equal(o.color, CLI_WHEN_NEVER);
    assert_int_equal(o.progress, CLI_WHEN_ALWAYS);
    assert_true(o.sort_created && o.include_system && o.strict && o.quiet);
    cli_options_release(&o);
}

/* What would be of no effect is told, whatever the order. */
static void options_of_another_report_are_told(void **state)
{
    static const char *const cases[][2] = {
        { "--json", "--top=3" },        { "--format=ndjson", "--top=10" }, { "--sort=created", "--quiet" },
        { "--sort=created", "--json" }, { "--explain=2", "--json" },
    };
    struct cli_options o;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t first = 0; first < 2; first++) {
            parse(&o, "a", cases[i][first], cases[i][1 - first], NULL);
            bool refused = i == COUNT(cases) - 1;
            assert_int_equal(o.action, refused ? CLI_ACTION_MISUSE : CLI_ACTION_REPORT);
            assert_true(refused ? strstr(o.problem, "cannot be used with --format=") != NULL : o.idle_count == 1);
            cli_options_release(&o);
        }
    parse(&o, "a", "--top=3", "--format=text", NULL);
    assert_int_equal(o.action, CLI_ACTION_REPORT);
    assert_int_equal(o.top, 3);
    assert_int_equal(o.idle_count, 0);
    cli_options_release(&o);
    parse(&o, "a", "--top=3", "--sort=created", "--json", NULL);
    assert_int_equal(o.idle_count, 2);
    assert_string_equal(o.idle[0].name, "top");
    assert_string_equal(o.idle[1].name, "sort");
    assert_string_equal(o.idle[1].format, "ndjson");
    cli_options_release(&o);
    parse(&o, "a", "--go-version=1.1000", NULL);
    assert_int_equal(o.action, CLI_ACTION_MISUSE);
    cli_options_release(&o);
}

static void the_last_one_wins(void **state)
{
    struct cli_options o;
    (void)state;
    parse(&o, "--json", "-ftext", "a", "-o", "x", "-o", "-", NULL);
    assert_string_equal(o.format, "text");
    assert_null(o.output);
    cli_options_release(&o);
    parse(&o, "-ftext", "--json", "a", NULL);
    assert_string_equal(o.format, "json");
    cli_options_release(&o);
}

static void recorder_is_the_first_word_or_a_file(void **state)
{
    struct cli_options o;
    (void)state;
    parse(&o, "recorder", "bpftrace", "--exe=app", "--objects", "--arch=arm64", "--quiet", "-o", "app.bt", NULL);
    assert_int_equal(o.action, CLI_ACTION_RECORDER);
    assert_int_equal(o.file_count, 1);
    assert_string_equal(o.files[0], "bpftrace");
    assert_string_equal(o.exe, "app");
    assert_string_equal(o.arch, "arm64");
    assert_string_equal(o.output, "app.bt");
    assert_true(o.objects && !o.minimal && o.quiet);
    cli_options_release(&o);
    parse(&o, "--go-version=1.22", "recorder", "--minimal", "perf", NULL);
    assert_int_equal(o.action, CLI_ACTION_RECORDER);
    assert_string_equal(o.files[0], "perf");
    cli_options_release(&o);
    parse(&o, "trace.txt", "recorder", NULL);
    assert_int_equal(o.action, CLI_ACTION_REPORT);
    assert_int_equal(o.file_count, 2);
    cli_options_release(&o);
    parse(&o, "--", "recorder", NULL);
    assert_int_equal(o.action, CLI_ACTION_REPORT);
    assert_string_equal(o.files[0], "recorder");
    cli_options_release(&o);
    parse(&o, "recorder", "--help", NULL);
    assert_int_equal(o.action, CLI_ACTION_HELP);
    cli_options_release(&o);
}

/* Sub-commands that are not built are told, but for a file of that name. */
static void unbuilt_words_are_told(void **state)
{
    struct cli_options o;
    (void)state;
    parse(&o, "diff", "x", NULL);
    assert_int_equal(o.action, CLI_ACTION_MISUSE);
    assert_non_null(strstr(o.problem, "'diff' is a command that is not built yet"));
    cli_options_release(&o);
    parse(&o, "x", "diff", NULL);
    assert_int_equal(o.action, CLI_ACTION_REPORT);
    assert_int_equal(o.file_count, 2);
    assert_string_equal(o.files[1], "diff");
    cli_options_release(&o);
}

static void convert_takes_files_and_an_output(void **state)
{
    struct cli_options o;
    (void)state;
    parse(&o, "convert", "a.txt", "-o", "a.glk", "b.txt", "--force", "--level=0", "--exe=app", NULL);
    assert_int_equal(o.action, CLI_ACTION_CONVERT);
    assert_int_equal(o.file_count, 2);
    assert_string_equal(o.files[1], "b.txt");
    assert_string_equal(o.output, "a.glk");
    assert_true(o.force);
    assert_int_equal(o.level, 0);
    cli_options_release(&o);
    parse(&o, "convert", "-", "-o", "-", NULL);
    assert_int_equal(o.action, CLI_ACTION_CONVERT);
    assert_null(o.output);
    assert_int_equal(o.level, GOLEAK_WRITER_LEVEL);
    assert_false(o.force);
    cli_options_release(&o);
    parse(&o, "convert", "a.txt", NULL);
    assert_int_equal(o.action, CLI_ACTION_MISUSE);
    cli_options_release(&o);
    parse(&o, "a.txt", "--level=3", NULL);
    assert_int_equal(o.action, CLI_ACTION_MISUSE);
    assert_non_null(strstr(o.problem, "belongs to 'convert'"));
    cli_options_release(&o);
    parse(&o, "./convert", NULL);
    assert_int_equal(o.action, CLI_ACTION_REPORT);
    cli_options_release(&o);
}

/* ... but for what looks like a command that there is, where no such file is. */
static void words_near_to_commands_are_told(void **state)
{
    static const char *const cases[][2] = {
        { "record", "goleak-report recorder TOOL" },
        { "recrder", "goleak-report recorder TOOL" },
        { "help", "goleak-report --help" },
        { "version", "goleak-report --version" },
    };
    static const char *const files[] = { "./record", "record.txt", "trace", "helper", "-" };
    struct cli_options o;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        parse(&o, cases[i][0], "perf", NULL);
        assert_int_equal(o.action, CLI_ACTION_MISUSE);
        if (strstr(o.problem, cases[i][1]) == NULL)
            fail_msg("%s: %s", cases[i][0], o.problem);
        cli_options_release(&o);
    }
    for (size_t i = 0; i < COUNT(files); i++) {
        parse(&o, files[i], NULL);
        assert_int_equal(o.action, CLI_ACTION_REPORT);
        cli_options_release(&o);
    }
}

static void help_and_version_come_first(void **state)
{
    struct cli_options o;
    (void)state;
    parse(&o, "--help", NULL);
    assert_int_equal(o.action, CLI_ACTION_HELP);
    cli_options_release(&o);
    parse(&o, "a", "-h", "--bogus", NULL);
    assert_int_equal(o.action, CLI_ACTION_HELP);
    cli_options_release(&o);
    parse(&o, "--version", NULL);
    assert_int_equal(o.action, CLI_ACTION_VERSION);
    cli_options_release(&o);
}

static void misuse_names_the_word(void **state)
{
    static const struct {
        const char *word, *problem;
    } cases[] = {
        { "--frmat=json", "unknown option '--frmat' (did you mean '--format'?)" },
        { "--form=json", "unknown option '--form' (did you mean '--format'?)" },
        { "--group-by=x", "unknown option '--group-by';" },
        { "--=", "unknown option '--';" },
        { "-z", "unknown option '-z'" },
        { "--json=1", "option '--json' takes no argument" },
        { "--format", "option '--format' needs an argument" },
        { "-o", "option '--output' needs an argument" },
        { "--format=jsn", "--format=jsn is unknown (did you mean 'json'?)" },
        { "--fail-on=running", "expected certain, likely, suspect or never" },
        { "--sort=ended", "expected created" },
        { "--color=", "expected auto, always or never" },
        { "--output=", "expected the name of a file" },
        { "--top=0", "expected a whole number from 1 to 4294967295" },
        { "--top=99999999999999999999", "expected a whole number from 1 to 4294967295" },
        { "--top=4294967296", "expected a whole number from 1 to 4294967295" },
        { "--explain=x", "expected the number of a goroutine, such as 22" },
        { "--explain=18446744073709551616", "the number of a goroutine, 18446744073709551615 at most" },
        { "--explain=4294967296/1", "and of a process 4294967295" },
        { "--jobs=1025", "expected a whole number from 1 to 1024" },
        { "--min-age=10", "expected a duration such as" },
        { "--min-age=2562048h", "of 2562047h at most" },
        { "--max-memory=lots", "expected a size such as" },
        { "--max-memory=17179869184G", "of 17179869183G at most" },
        { "--max-memory=16383K", "expected at least 16M" },
        { "--go-version=latest", "expected a Go version from 1.11" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cli_options o;
        parse(&o, "trace.txt", cases[i].word, NULL);
        assert_int_equal(o.action, CLI_ACTION_MISUSE);
        if (strstr(o.problem, cases[i].problem) == NULL)
            fail_msg("%s: %s", cases[i].word, o.problem);
        assert_non_null(strstr(o.problem, "goleak-report --help"));
        cli_options_release(&o);
    }
}

static void long_words_leave_a_whole_sentence(void **state)
{
    struct cli_options o;
    char word[4096];
    (void)state;
    memset(word, 'a', sizeof word - 1);
    memcpy(word, "--", 2);
    word[sizeof word - 1] = '\0';
    parse(&o, word, NULL);
    assert_non_null(strstr(o.problem, "goleak-report --help"));
    cli_options_release(&o);
    memcpy(word, "--format=", 9);
    parse(&o, word, NULL);
    assert_non_null(strstr(o.problem, "goleak-report --help"));
    cli_options_release(&o);
}

static void no_file_is_misuse(void **state)
{
    struct cli_options o;
    (void)state;
    parse(&o, "--json", NULL);
    assert_int_equal(o.action, CLI_ACTION_MISUSE);
    assert_non_null(strstr(o.problem, "use '-' for standard input"));
    cli_options_release(&o);
}

/* ---- help ----------------------------------------------------------------- */

static void help_has_every_option_in_80_columns(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    (void)state;
    assert_non_null(memory);
    cli_options_help(memory);
    assert_int_equal(fclose(memory), 0);
    for (size_t i = 0; cli_option_name(i) != NULL; i++) {
        char name[64];
        snprintf(name, sizeof name, " --%s", cli_option_name(i));
        if (strstr(text, name) == NULL)
            fail_msg("--help lacks%s", name);
    }
    for (size_t i = 0; goleak_report_format(i) != NULL; i++)
        assert_non_null(strstr(text, goleak_report_format(i)));
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        if (length > 80 || (length > 0 && line[length - 1] == ' '))
            fail_msg("too long, or blanks at the end: %.*s", (int)length, line);
        line += length + 1;
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_exact),
        cmocka_unit_test(bad_durations_are_refused),
        cmocka_unit_test(sizes_are_exact),
        cmocka_unit_test(counts_begin_at_one),
        cmocka_unit_test(go_versions_lose_their_go),
        cmocka_unit_test(distance_counts_slips),
        cmocka_unit_test(nearest_option_is_named),
        cmocka_unit_test(words_are_listed),
        cmocka_unit_test(presets_hold),
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(options_of_another_report_are_told),
        cmocka_unit_test(the_last_one_wins),
        cmocka_unit_test(convert_takes_files_and_an_output),
        cmocka_unit_test(recorder_is_the_first_word_or_a_file),
        cmocka_unit_test(unbuilt_words_are_told),
        cmocka_unit_test(words_near_to_commands_are_told),
        cmocka_unit_test(help_and_version_come_first),
        cmocka_unit_test(misuse_names_the_word),
        cmocka_unit_test(long_words_leave_a_whole_sentence),
        cmocka_unit_test(no_file_is_misuse),
        cmocka_unit_test(help_has_every_option_in_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
