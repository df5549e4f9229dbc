/*
 * options - from argv to struct cli_options, and the help that belongs to it.
 *
 * One table (in options.c) has every option: getopt_long's tables, the values
 * that are accepted, the suggestions and --help are all made from it, so they
 * cannot disagree. Nothing here prints or exits, save cli_options_help.
 */
#ifndef GOLEAK_CLI_OPTIONS_H
#define GOLEAK_CLI_OPTIONS_H

#include <goleak.h>
#include <stdio.h>

#define CLI_PROGRAM "goleak-report"

/* What --max-memory gives to the process itself rather than to the analysis:
 * code, C library, stacks, read and write buffers, a decompressor's tables. */
#define CLI_MEMORY_RESERVE ((uint64_t)8 << 20)
#define CLI_MEMORY_LEAST ((uint64_t)16 << 20)
#define CLI_MEMORY_LEAST_TEXT "16M"

enum cli_action {
    CLI_ACTION_REPORT,
    CLI_ACTION_CONVERT,
    CLI_ACTION_RECORDER,
    CLI_ACTION_HELP,
    CLI_ACTION_VERSION,
    CLI_ACTION_MISUSE /* `problem` says why */
};

enum cli_when { CLI_WHEN_AUTO, CLI_WHEN_ALWAYS, CLI_WHEN_NEVER };

/* In the order of the words of --fail-on, which is also that of goleak_verdict. */
enum cli_fail_on { CLI_FAIL_ON_CERTAIN, CLI_FAIL_ON_LIKELY, CLI_FAIL_ON_SUSPECT, CLI_FAIL_ON_NEVER };

#define CLI_IDLE_MAX 4

/* Strings are borrowed from argv or constant; `files` is owned. */
struct cli_options {
    enum cli_action action;
    char problem[256]; /* MISUSE: one sentence, not escaped yet */

    const char **files; /* in the order given; "-" is standard input. recorder: the tool */
    size_t file_count;

    const char *format;       /* a name of goleak_report_format */
    const char *output;       /* NULL: standard output */
    const char *input_format; /* a name of goleak_format_name; NULL: told by the bytes */
    const char *go_version;   /* "1.22"; NULL: not given */
    enum cli_fail_on fail_on;
    int64_t min_age_ns;        /* 0: none */
    uint64_t max_memory_bytes; /* of the whole process; 0: none */
    uint64_t explain_goid;     /* 0: not given */
    uint64_t explain_g;        /* … an address in place of it; 0: not given */
    uint32_t explain_pid;      /* … of this process; 0: not given */
    struct cli_idle {
        const char *name, *format; /* an option that does nothing here, and the format that it is for */
    } idle[CLI_IDLE_MAX];
    size_t idle_count;
    unsigned top;
    unsigned jobs; /* 0: the library's own choice */
    bool sort_created;
    bool include_system;
    bool strict;
    bool quiet;
    enum cli_when color, progress;

    /* convert */
    bool output_given; /* '-' too */
    bool force;
    unsigned level;    /* 0: not packed */

    /* recorder */
    const char *exe, *arch; /* NULL: not given */
    bool objects, minimal, locks;
};

/* Options stand anywhere; "--" ends them. Always fills *out, which must be
 * released. Uses getopt's globals: not for two threads at once. */
void cli_options_parse(struct cli_options *out, int argc, char **argv);
void cli_options_release(struct cli_options *options);

/* The library's, as far as all commands that read recordings share them. Borrows texts. */
struct goleak_options cli_options_load(const struct cli_options *options);

/* Prints the help, made for 80 columns. */
void cli_options_help(FILE *out);

/* The long names in the order of the table, without dashes; NULL past the last. */
const char *cli_option_name(size_t index);

#endif
