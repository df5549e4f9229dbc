/* options - see options.h. The table comes first; all else is made from it. */
#include "options.h"

#include <assert.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "values.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define GOLEAK_LEVEL_TEXT TEXT(GOLEAK_WRITER_LEVEL)

/* ---- the table ------------------------------------------------------------ */

static const char *word_of(const char *const *words, size_t count, size_t index)
{
    return index < count ? words[index] : NULL;
}

static const char *fail_on_word(size_t index)
{
    static const char *const words[] = { "certain", "likely", "suspect", "never" };
    return word_of(words, sizeof words / sizeof words[0], index);
}

static const char *when_word(size_t index)
{
    static const char *const words[] = { "auto", "always", "never" };
    return word_of(words, sizeof words / sizeof words[0], index);
}

static const char *sort_word(size_t index)
{
    static const char *const words[] = { "created" };
    return word_of(words, sizeof words / sizeof words[0], index);
}

static const char *arch_word(size_t index)
{
    static const char *const words[] = { "amd64", "arm64" };
    return word_of(words, sizeof words / sizeof words[0], index);
}

enum id {
    FORMAT,
    JSON,
    OUTPUT,
    SORT,
    TOP,
    EXPLAIN,
    INPUT_FORMAT,
    GO_VERSION,
    EXE,
    INCLUDE_SYSTEM,
    MIN_AGE,
    FAIL_ON,
    STRICT,
    MAX_MEMORY,
    JOBS,
    FORCE,
    LEVEL,
    ARCH,
    OBJECTS,
    LOCKS,
    MINIMAL,
    COLOR,
    PROGRESS,
    QUIET,
    HELP,
    VERSION
};

struct option_row {
    enum id id;
    char letter; /* 0: no short form */
    const char *name;
    const char *argument; /* what --help calls it; NULL: takes none */
    cli_words_fn *words;  /* the arguments accepted; NULL: set_value decides */
    const char *preset;   /* the argument when it is not given, or NULL */
    const char *section;  /* a heading that begins here, or NULL */
    const char *help;     /* words and preset are put behind it */
};

static const struct option_row rows[] = {
    { FORMAT, 'f', "format", "NAME", goleak_report_format, "text", "The report", "form of the report" },
    { JSON, 0, "json", NULL, NULL, NULL, NULL, "the same as --format=json" },
    { OUTPUT, 'o', "output", "FILE", NULL, NULL, NULL,
      "write to FILE, which gets its name when it is whole; '-', as without this, is standard output" },
    { TOP, 0, "top", "N", NULL, "10", NULL, "text: show N groups and sites in each part" },
    { EXPLAIN, 0, "explain", "[PID/]GOID", NULL, NULL, NULL,
      "text: tell the life of this goroutine, event by event, and every rule that was weighed for its verdict; "
      "or the ADDRESS of its g, where no goids are recorded" },
    { SORT, 0, "sort", "created", sort_word, NULL, NULL,
      "ndjson: print all goroutines in order of creation, which keeps them all in memory; else those that "
      "ended are printed as they end" },

    { INPUT_FORMAT, 0, "input-format", "NAME", goleak_format_name, NULL, "The recording",
      "take every FILE for this format rather than let its bytes tell" },
    { GO_VERSION, 0, "go-version", "V", NULL, NULL, NULL,
      "Go version of the recorded program, such as 1.22, where the recording does not tell; recorder: of the "
      "program to be recorded" },
    { EXE, 0, "exe", "PATH", NULL, NULL, NULL,
      "the recorded program, stripped or not: gives names and source lines to addresses, and tells its Go version; "
      "recorder: the program to be recorded, and where its functions are" },
    { INCLUDE_SYSTEM, 0, "include-system", NULL, NULL, NULL, NULL,
      "count and show the Go runtime's own goroutines too" },

    { FAIL_ON, 0, "fail-on", "VERDICT", fail_on_word, "likely", "The verdict",
      "exit with 1 for leaks of this grade or a graver one" },
    { MIN_AGE, 0, "min-age", "DURATION", NULL, NULL, NULL,
      "call nothing that may yet be woken a leak if it has waited for less, such as 10s, 1m30s or 500ms" },
    { STRICT, 0, "strict", NULL, NULL, NULL, NULL, "exit with 2 for a recording that is cut, damaged or lost events" },

    { MAX_MEMORY, 0, "max-memory", "SIZE", NULL, NULL, "Resources",
      "give up rather than use more, in the whole process, such as 64M or 2G; at least " CLI_MEMORY_LEAST_TEXT },
    { JOBS, 0, "jobs", "N", NULL, NULL, NULL, "use N threads in all; 1 is none beside the main one" },

    { FORCE, 0, "force", NULL, NULL, NULL, "The .glk of 'convert'", "overwrite a file that is there" },
    { LEVEL, 0, "level", "N", NULL, GOLEAK_LEVEL_TEXT, NULL,
      "pack it more tightly, up to 19, or faster, down to 1; 0 does not pack it" },

    { ARCH, 0, "arch", "NAME", arch_word, NULL, "The script of 'recorder'",
      "the machine, where neither --exe nor this one tells" },
    { OBJECTS, 0, "objects", NULL, NULL, NULL, NULL,
      "record operations on channels and locks too: tells more, and slows down the program" },
    { LOCKS, 0, "locks", NULL, NULL, NULL, NULL,
      "record every call of Lock, Unlock and so on, to tell who holds what; needs --exe, built with "
      "-gcflags=all=-l, and slows it down" },
    { MINIMAL, 0, "minimal", NULL, NULL, NULL, NULL, "record only what the verdict needs, at the least cost" },

    { COLOR, 0, "color", "WHEN", when_word, "auto", "Messages",
      "use colours; auto is on a terminal, unless NO_COLOR is set" },
    { PROGRESS, 0, "progress", "WHEN", when_word, "auto", NULL,
      "show on standard error how far reading is; auto is on a terminal" },
    { QUIET, 0, "quiet", NULL, NULL, NULL, NULL, "print no warnings and no progress, only errors" },
    { HELP, 'h', "help", NULL, NULL, NULL, NULL, "print this" },
    { VERSION, 0, "version", NULL, NULL, NULL, NULL, "print the version" },
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])
#define LONG_CODE 256 /* getopt_long's code of row i; letters lie below it */

const char *cli_option_name(size_t index)
{
    return index < ROW_COUNT ? rows[index].name : NULL;
}

static const struct option_row *row_of_code(int code)
{
    if (code >= LONG_CODE)
        return &rows[code - LONG_CODE];
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].letter != 0 && rows[i].letter == code)
            return &rows[i];
    }
    return NULL;
}

/* ---- setting -------------------------------------------------------------- */

#define SHOWN 64 /* bytes of the user's text that a sentence repeats */
#define SEE_HELP "; see '" CLI_PROGRAM " --help'"

static bool misuse(struct cli_options *options, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

static bool misuse(struct cli_options *options, const char *format, ...)
{
    va_list args;
    options->action = CLI_ACTION_MISUSE;
    va_start(args, format);
    vsnprintf(options->problem, sizeof options->problem, format, args);
    va_end(args);
    return false;
}

/* What was found, then what was expected. */
static bool bad_value(struct cli_options *options, const struct option_row *row, const char *value,
                      const char *expected)
{
    return misuse(options, "--%s=%.*s cannot be used: expected %s" SEE_HELP, row->name, SHOWN, value, expected);
}

static bool set_words(struct cli_options *options, const struct option_row *row, const char *value)
{
    size_t index = cli_word_index(value, strlen(value), row->words);
    if (index == SIZE_MAX) {
        char expected[160];
        const char *nearest = cli_word_nearest(value, row->words);
        if (nearest != NULL)
            return misuse(options, "--%s=%.*s is unknown (did you mean '%s'?)" SEE_HELP, row->name, SHOWN, value,
                          nearest);
        return bad_value(options, row, value, cli_words_list(expected, sizeof expected, row->words));
    }
    switch (row->id) {
    case FORMAT: options->format = row->words(index); break;
    case INPUT_FORMAT: options->input_format = row->words(index); break;
    case FAIL_ON: options->fail_on = (enum cli_fail_on)index; break;
    case COLOR: options->color = (enum cli_when)index; break;
    case PROGRESS: options->progress = (enum cli_when)index; break;
    case ARCH: options->arch = row->words(index); break;
    default: options->sort_created = true; break;
    }
    return true;
}

#define TOP_MOST 4294967295
static_assert(TOP_MOST <= UINT_MAX, "the most groups fit");

/* The least number of a goroutine that is too large has 20 digits, and of a process, with a goroutine's, is this. */
static bool has_large_numbers(const char *text)
{
    size_t size = strlen(text);
    return size >= strlen("4294967296/1") && strspn(text, "0123456789/") == size;
}

static bool set_value(struct cli_options *options, const struct option_row *row, const char *value)
{
    switch (row->id) {
    case OUTPUT:
        options->output = strcmp(value, "-") == 0 ? NULL : value;
        options->output_given = true;
        return *value != '\0' || bad_value(options, row, value, "the name of a file, or '-'");
    case EXE:
        options->exe = value;
        return *value != '\0' || bad_value(options, row, value, "the path of a Go program");
    case TOP:
        return cli_value_count(value, TOP_MOST, &options->top) ||
               bad_value(options, row, value, "a whole number from 1 to " TEXT(TOP_MOST));
    case EXPLAIN:
        if (cli_value_goroutine(value, &options->explain_pid, &options->explain_goid, &options->explain_g))
            return true;
        if (has_large_numbers(value))
            return bad_value(options, row, value,
                             "the number of a goroutine, 18446744073709551615 at most, and of a process 4294967295");
        return bad_value(options, row, value,
                         "the number of a goroutine, such as 22, or 15128/22 of process 15128, or "
                         "its address, such as 0xc000106000");
    case JOBS:
        return cli_value_count(value, 1024, &options->jobs) ||
               bad_value(options, row, value, "a whole number from 1 to 1024");
    case LEVEL:
        if (strcmp(value, "0") == 0)
            options->level = 0;
        return strcmp(value, "0") == 0 || cli_value_count(value, 19, &options->level) ||
               bad_value(options, row, value, "a whole number from 0 to 19");
    case GO_VERSION:
        return cli_value_go_version(value, &options->go_version) ||
               bad_value(options, row, value, "a Go version from 1.11, such as 1.22");
    case MIN_AGE:
        return cli_value_duration(value, &options->min_age_ns) ||
               bad_value(options, row, value, "a duration such as 10s, 1m30s or 500ms, of 2562047h at most");
    default:
        if (!cli_value_size(value, &options->max_memory_bytes))
            return bad_value(options, row, value, "a size such as 64M or 2G, of 17179869183G at most");
        return options->max_memory_bytes >= CLI_MEMORY_LEAST ||
               bad_value(options, row, value,
                         "at least " CLI_MEMORY_LEAST_TEXT ", for the process alone needs half of it");
    }
}

static void set_flag(struct cli_options *options, const struct option_row *row)
{
    switch (row->id) {
    case JSON: options->format = "json"; break;
    case INCLUDE_SYSTEM: options->include_system = true; break;
    case STRICT: options->strict = true; break;
    case QUIET: options->quiet = true; break;
    case FORCE: options->force = true; break;
    case OBJECTS: options->objects = true; break;
    case LOCKS: options->locks = true; break;
    case MINIMAL: options->minimal = true; break;
    case HELP: options->action = CLI_ACTION_HELP; break;
    default: options->action = CLI_ACTION_VERSION; break;
    }
}

static bool set(struct cli_options *options, const struct option_row *row, const char *value)
{
    if (row->words != NULL)
        return set_words(options, row, value);
    if (row->argument != NULL)
        return set_value(options, row, value);
    set_flag(options, row);
    return true;
}

/* ---- sub-commands ----------------------------------------------------------- */

#define CONVERT_WORD "convert"
#define RECORDER_WORD "recorder"

/* Which options belong to the report, and which to a sub-command: bits by action. */
#define FOR_REPORT (1u << CLI_ACTION_REPORT)
#define FOR_CONVERT (1u << CLI_ACTION_CONVERT)
#define FOR_RECORDER (1u << CLI_ACTION_RECORDER)

static unsigned actions_of(enum id id)
{
    switch (id) {
    case ARCH:
    case OBJECTS:
    case LOCKS:
    case MINIMAL: return FOR_RECORDER;
    case FORCE:
    case LEVEL: return FOR_CONVERT;
    case INPUT_FORMAT:
    case MAX_MEMORY:
    case JOBS:
    case PROGRESS: return FOR_REPORT | FOR_CONVERT;
    case OUTPUT:
    case GO_VERSION:
    case EXE:
    case COLOR:
    case QUIET:
    case HELP:
    case VERSION: return FOR_REPORT | FOR_CONVERT | FOR_RECORDER;
    default: return FOR_REPORT;
    }
}

/* The one report that an option is for; NULL: it is for all. */
static const char *format_of(enum id id)
{
    switch (id) {
    case TOP:
    case EXPLAIN: return "text";
    case SORT: return "ndjson";
    default: return NULL;
    }
}

/* Who asks for a goroutine's life gets it or an error; the others say that they do nothing, for they may stand in an
 * alias beside any format. */
static bool check_formats(struct cli_options *options, const bool *given)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *format = format_of(rows[i].id);
        if (!given[i] || format == NULL || strcmp(options->format, format) == 0)
            continue;
        if (rows[i].id == EXPLAIN)
            return misuse(options, "--%s is for --format=%s: it cannot be used with --format=%s" SEE_HELP, rows[i].name,
                          format, options->format);
        if (options->idle_count < CLI_IDLE_MAX)
            options->idle[options->idle_count++] = (struct cli_idle) { rows[i].name, format };
    }
    return true;
}

static bool check_belonging(struct cli_options *options, const bool *given)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!given[i] || actions_of(rows[i].id) & 1u << options->action)
            continue;
        if (options->action != CLI_ACTION_REPORT)
            return misuse(options, "option '--%s' has no meaning for '%s'" SEE_HELP, rows[i].name,
                          options->action == CLI_ACTION_CONVERT ? CONVERT_WORD : RECORDER_WORD);
        return misuse(options, "option '--%s' belongs to '%s'" SEE_HELP, rows[i].name,
                      actions_of(rows[i].id) & FOR_CONVERT ? CONVERT_WORD : RECORDER_WORD);
    }
    return true;
}

static const char *command_word(size_t index)
{
    static const char *const words[] = { CONVERT_WORD, RECORDER_WORD };
    return word_of(words, sizeof words / sizeof words[0], index);
}

/* Commands that are planned: who has read of them is told so, and not that there is no such file. */
static const char *planned_word(size_t index)
{
    static const char *const words[] = { "diff", "merge" };
    return word_of(words, sizeof words / sizeof words[0], index);
}

static bool is_planned(const char *word)
{
    return cli_word_index(word, strlen(word), planned_word) != SIZE_MAX && access(word, F_OK) != 0;
}

/* A word that looks like a command and is no file: which command; else NULL. Spelled
 * right, it stands behind "--". */
static const char *meant_command(const char *word)
{
    if (word[strspn(word, "abcdefghijklmnopqrstuvwxyz")] != '\0' ||
        cli_word_index(word, strlen(word), command_word) != SIZE_MAX || access(word, F_OK) == 0)
        return NULL;
    if (strcmp(word, "help") == 0)
        return "--help";
    if (strcmp(word, "version") == 0)
        return "--version";
    const char *nearest = cli_word_nearest(word, command_word);
    return nearest == NULL                        ? NULL
           : strcmp(nearest, CONVERT_WORD) == 0 ? CONVERT_WORD " FILE... -o OUT"
                                                  : RECORDER_WORD " TOOL";
}

static bool ends_in_glk(const char *name)
{
    size_t size = name != NULL ? strlen(name) : 0;
    return size > 4 && strcmp(name + size - 4, ".glk") == 0;
}

static bool check_report(struct cli_options *options)
{
    if (options->file_count == 0)
        return misuse(options, "no FILE is given: name a recording, or use '-' for standard input" SEE_HELP);
    if (ends_in_glk(options->output))
        return misuse(options, "-o %.*s: a report is no .glk; '" CLI_PROGRAM " " CONVERT_WORD "' writes one" SEE_HELP,
                      SHOWN, options->output);
    if (is_planned(options->files[0])) {
        char commands[80];
        return misuse(options, "'%s' is a command that is not built yet: expected %s, or the name of a FILE" SEE_HELP,
                      options->files[0], cli_words_list(commands, sizeof commands, command_word));
    }
    const char *meant = meant_command(options->files[0]);
    return meant == NULL || misuse(options, "there is no file '%.*s' (did you mean '" CLI_PROGRAM " %s'?)" SEE_HELP,
                                   SHOWN, options->files[0], meant);
}

static bool check_convert(struct cli_options *options)
{
    if (options->file_count == 0)
        return misuse(options, CONVERT_WORD ": no FILE is given: name a recording, or use '-' for standard "
                                            "input" SEE_HELP);
    if (!options->output_given)
        return misuse(options, CONVERT_WORD ": no output is named: give -o FILE, or '-o -' for standard "
                                            "output" SEE_HELP);
    return true;
}

static bool check_recorder(struct cli_options *options)
{
    char tools[80];
    cli_words_list(tools, sizeof tools, goleak_recorder_name);
    if (options->file_count == 0)
        return misuse(options, RECORDER_WORD ": no tool is named: expected %s" SEE_HELP, tools);
    const char *tool = options->files[0];
    if (strcmp(tool, "gotrace") == 0)
        return misuse(options,
                      RECORDER_WORD ": a Go trace has no script, for the program writes it itself: "
                                    "curl -o trace.out 'http://HOST/debug/pprof/trace?seconds=5', or runtime/trace");
    if (cli_word_index(tool, strlen(tool), goleak_recorder_name) == SIZE_MAX) {
        const char *nearest = cli_word_nearest(tool, goleak_recorder_name);
        if (nearest != NULL)
            return misuse(options, RECORDER_WORD ": unknown tool '%.*s' (did you mean '%s'?)" SEE_HELP, SHOWN, tool,
                          nearest);
        return misuse(options, RECORDER_WORD ": unknown tool '%.*s': expected %s" SEE_HELP, SHOWN, tool, tools);
    }
    if (options->file_count > 1)
        return misuse(options, RECORDER_WORD ": found '%.*s' behind the tool, expected options only" SEE_HELP, SHOWN,
                      options->files[1]);
    /* Locks need --exe, or a tool that can record them at all: that comes first, and the library knows. */
    if (options->exe == NULL && options->go_version == NULL && !options->locks)
        return misuse(options,
                      RECORDER_WORD ": the probes depend on the program: give --exe=PATH, the Go program to be "
                                    "recorded, or --go-version=V, the version that built it" SEE_HELP);
    if (options->objects && options->minimal)
        return misuse(options, "--objects and --minimal exclude each other" SEE_HELP);
    return true;
}

/* ---- parsing -------------------------------------------------------------- */

/* getopt would take "--form" for --format. Not here: a script must not break
 * when an option is added that begins alike. */
static bool check_long(struct cli_options *options, const char *word)
{
    size_t size = strcspn(word + 2, "=");
    size_t index = cli_word_index(word + 2, size, cli_option_name);
    if (index == SIZE_MAX) {
        char name[SHOWN];
        snprintf(name, sizeof name, "%.*s", size < SHOWN ? (int)size : SHOWN, word + 2);
        const char *nearest = cli_word_nearest(name, cli_option_name);
        if (nearest != NULL)
            return misuse(options, "unknown option '--%s' (did you mean '--%s'?)" SEE_HELP, name, nearest);
        return misuse(options, "unknown option '--%s'" SEE_HELP, name);
    }
    if (word[2 + size] == '=' && rows[index].argument == NULL)
        return misuse(options, "option '--%s' takes no argument" SEE_HELP, rows[index].name);
    return true;
}

static bool complain(struct cli_options *options, int code)
{
    const struct option_row *row = row_of_code(optopt);
    if (code == ':' && row != NULL)
        return misuse(options, "option '--%s' needs an argument, %s" SEE_HELP, row->name, row->argument);
    return misuse(options, "unknown option '-%c'" SEE_HELP, optopt);
}

/* The leading '-' makes getopt hand out FILEs where they stand (POSIXLY_CORRECT
 * or not), ':' makes it tell a missing argument from an unknown option. */
static void make_getopt_tables(char *letters, struct option *longs)
{
    *letters++ = '-';
    *letters++ = ':';
    for (size_t i = 0; i < ROW_COUNT; i++) {
        bool has_argument = rows[i].argument != NULL;
        if (rows[i].letter != 0) {
            *letters++ = rows[i].letter;
            if (has_argument)
                *letters++ = ':';
        }
        longs[i].name = rows[i].name;
        longs[i].has_arg = has_argument ? required_argument : no_argument;
        longs[i].flag = NULL;
        longs[i].val = LONG_CODE + (int)i;
    }
    *letters = '\0';
}

static bool is_running(const struct cli_options *options)
{
    return options->action == CLI_ACTION_REPORT || options->action == CLI_ACTION_CONVERT ||
           options->action == CLI_ACTION_RECORDER;
}

/* The first word is a sub-command or a FILE; a FILE of that name is ./recorder. */
static void take_word(struct cli_options *options, const char *word)
{
    bool first = options->action == CLI_ACTION_REPORT && options->file_count == 0;
    if (first && strcmp(word, RECORDER_WORD) == 0)
        options->action = CLI_ACTION_RECORDER;
    else if (first && strcmp(word, CONVERT_WORD) == 0)
        options->action = CLI_ACTION_CONVERT;
    else
        options->files[options->file_count++] = word;
}

/* Notes in given[] which rows were used. */
static bool parse_words(struct cli_options *options, int argc, char **argv, bool *given)
{
    char letters[2 * ROW_COUNT + 3];
    struct option longs[ROW_COUNT + 1] = { 0 }; /* the last stays empty */
    make_getopt_tables(letters, longs);
    optind = 0; /* begin anew, in every getopt_long there is */
    opterr = 0;
    while (is_running(options)) {
        int at = optind > 0 ? optind : 1;
        if (at < argc && strncmp(argv[at], "--", 2) == 0 && argv[at][2] != '\0' && !check_long(options, argv[at]))
            return false;
        int code = getopt_long(argc, argv, letters, longs, NULL);
        bool is_dash = code == -1 && optind == at && at < argc && strcmp(argv[at], "-") == 0;
        if (code == -1 && !is_dash)
            break;
        if (code == 1 || is_dash) { /* musl's stops before a "-" */
            take_word(options, argv[at]);
            optind = at + 1;
            continue;
        }
        if (code == '?' || code == ':')
            return complain(options, code);
        if (!set(options, row_of_code(code), optarg))
            return false;
        given[row_of_code(code) - rows] = true;
    }
    while (optind < argc)
        options->files[options->file_count++] = argv[optind++];
    return true;
}

void cli_options_parse(struct cli_options *out, int argc, char **argv)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].preset != NULL)
            set(out, &rows[i], rows[i].preset);
    }
    out->files = calloc((size_t)argc + 1, sizeof *out->files);
    if (out->files == NULL) {
        misuse(out, "out of memory");
        return;
    }
    bool given[ROW_COUNT] = { false };
    if (!parse_words(out, argc, argv, given) || !is_running(out) || !check_belonging(out, given))
        return;
    if (out->action == CLI_ACTION_RECORDER)
        check_recorder(out);
    else if (out->action == CLI_ACTION_CONVERT)
        check_convert(out);
    else if (check_formats(out, given))
        check_report(out);
}

void cli_options_release(struct cli_options *options)
{
    free(options->files);
    options->files = NULL;
    options->file_count = 0;
}

/* ---- help ----------------------------------------------------------------- */

#define HELP_COLUMN 28
#define HELP_WIDTH 79

/* Prints `text` wrapped between HELP_COLUMN and HELP_WIDTH; the cursor stands at
 * `column`. */
static void print_wrapped(FILE *out, size_t column, const char *text)
{
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column < HELP_COLUMN || column + 1 + word > HELP_WIDTH) {
            fprintf(out, "%s%*s", column > HELP_COLUMN ? "\n" : "",
                    (int)(column > HELP_COLUMN ? HELP_COLUMN : HELP_COLUMN - column), "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)word, text);
        column += word;
        text += word + (text[word] == ' ');
    }
    fputc('\n', out);
}

static void print_row(FILE *out, const struct option_row *row)
{
    char text[512], words[160] = "", preset[32] = "";
    char letter[] = "    ";
    if (row->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    int column = fprintf(out, "  %s--%s", letter, row->name);
    if (row->argument != NULL)
        column += fprintf(out, "=%s", row->argument);
    /* The one word that there is may be the argument's name already. */
    if (row->words != NULL && strcmp(row->words(0), row->argument) != 0)
        cli_words_list(words, sizeof words, row->words);
    if (row->preset != NULL)
        snprintf(preset, sizeof preset, " (default %s)", row->preset);
    snprintf(text, sizeof text, "%s%s%s%s", row->help, words[0] != '\0' ? ": " : "", words, preset);
    print_wrapped(out, column > 0 ? (size_t)column : 0, text);
}

struct goleak_options cli_options_load(const struct cli_options *options)
{
    struct goleak_options load = GOLEAK_OPTIONS_INIT;
    load.max_memory_bytes = options->max_memory_bytes > 0 ? options->max_memory_bytes - CLI_MEMORY_RESERVE : 0;
    load.go_version = options->go_version;
    load.input_format = options->input_format;
    load.jobs = options->jobs;
    load.exe = options->exe;
    return load;
}

void cli_options_help(FILE *out)
{
    fputs("Usage: " CLI_PROGRAM " [OPTION]... FILE...\n"
          "       " CLI_PROGRAM " convert FILE... -o OUT [OPTION]...\n"
          "       " CLI_PROGRAM " recorder TOOL [OPTION]...\n\n"
          "Says which goroutines leaked in a recorded Go process, why, since when, and who\n"
          "started them. FILE is a recording, plain or packed with zstd or gzip; '-' is\n"
          "standard input. Several recordings of one process are joined, those of others\n"
          "reported side by side, and a file with what the recorder printed on its standard\n"
          "error is read together with its recording.\n\n"
          "'convert' writes FILE, or several of one process, as one compact file, OUT, of\n"
          "which reports are the same; by custom its name ends in .glk.\n",
          out);
    char tools[80];
    fprintf(out, "'recorder' prints a script for TOOL, %s,\nthat records what a report can use best.\n",
            cli_words_list(tools, sizeof tools, goleak_recorder_name));
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].section != NULL)
            fprintf(out, "\n%s:\n", rows[i].section);
        print_row(out, &rows[i]);
    }
    fputs("\nExit status:\n"
          "  0   no leak of the grade that --fail-on names, or graver\n"
          "  1   leaks\n"
          "  2   wrong usage; a FILE that is empty, unreadable, not a recording or without\n"
          "      one known event; a report that cannot be written; --max-memory reached;\n"
          "      with --strict, a recording that is cut, damaged or lost events\n"
          "\nExamples:\n"
          "  " CLI_PROGRAM " trace.zst\n"
          "  " CLI_PROGRAM " --json -o report.json --min-age=10s trace.txt trace.err\n"
          "  zstd -dc trace.zst | " CLI_PROGRAM " --format=ndjson - | grep '\"likely\"'\n"
          "  " CLI_PROGRAM " convert trace.txt trace.err -o trace.glk\n"
          "  " CLI_PROGRAM " recorder bpftrace --exe=./app -o app.bt\n",
          out);
}
