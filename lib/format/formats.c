/*
 * formats - the one table of formats, and how an input finds its own.
 *
 * The order matters only between text formats, whose lines may resemble each
 * other: the most particular one is asked first. A format whose magic stands at
 * the front could stand anywhere.
 */
#include "format/format.h"

#include "format/bpftrace.h"
#include "format/dtrace.h"
#include "format/glk.h"
#include "format/gotrace_v1.h"
#include "format/gotrace_v2.h"
#include "format/lines.h"
#include "format/perf.h"

#include <stdio.h>
#include <string.h>

/* The headers of Go execution traces that some format reads. */
#define OLDEST_GO_TRACE 11
#define NEWEST_GO_TRACE 26

const struct goleak_format *const goleak_formats[] = {
    /* A magic at the front. */
    &goleak_format_glk,
    &goleak_format_gotrace_v2,
    &goleak_format_gotrace_v1,
    /* Its lines are like no other's. */
    &goleak_format_perf,
    /* Before the D scripts, whose lines it shares: known by what only bpftrace prints. */
    &goleak_format_bpftrace,
    /* Last of the text formats: it takes programs' own output in between. */
    &goleak_format_dtrace,
};
const size_t goleak_format_count = sizeof goleak_formats / sizeof *goleak_formats;

const struct goleak_format *goleak_format_find(const char *name)
{
    for (size_t i = 0; i < goleak_format_count; i++)
        if (strcmp(goleak_formats[i]->name, name) == 0)
            return goleak_formats[i];
    return NULL;
}

bool goleak_format_has_offsets(const char *name)
{
    const struct goleak_format *format = goleak_format_find(name);
    return format != NULL && format->offsets;
}

const char *goleak_format_name(size_t index)
{
    return index < goleak_format_count ? goleak_formats[index]->name : NULL;
}

/* Callchains stay, with perf 6.1 as well, which leaves them out with "+pid"; and it does not
 * complain of the hardware events in the file. */
#define FIELDS "-F trace:comm,pid,tid,cpu,time,event,trace,ip,sym,symoff"

#define IS_SCRIPT "this is a recorder's script: run it, and give what it writes"

#define IS_UTF_16(SORT) ": convert it first, `iconv -f UTF-16" SORT " -t UTF-8 FILE | goleak-report -`"
#define IS_MARKED_UTF_16 "found text in UTF-16, as PowerShell writes it" IS_UTF_16("")

#define IS_HTTP "found an HTTP answer with its header, expected what stands behind: get it without (`curl` without -i)"

/* What is recognisably something else, and what makes an input of it. */
static const struct {
    const char *magic;
    uint8_t size;
    const char *advice;
} others[] = {
    { "PERFILE2", 8, "found perf.data, expected text: run `perf script -i FILE " FIELDS "` and give its output" },
    { "2ELIFREP", 8, "found perf.data of another byte order: run `perf script -i FILE " FIELDS "` on its own machine" },
    { "\x7f"
      "ELF",
      4, "found an ELF file (a program, or a core), expected a recording: the program of a recording goes with --exe" },
    { "\xfd"
      "7zXZ",
      5, "found xz-packed data: unpack it first, `xz -dc FILE | goleak-report -`" },
    { "BZh", 3, "found bzip2-packed data: unpack it first, `bzip2 -dc FILE | goleak-report -`" },
    { "\x04\x22\x4d\x18", 4, "found lz4-packed data: unpack it first, `lz4 -dc FILE | goleak-report -`" },
    /* Packed again and again, deeper than is unpacked. */
    { "\x1f\x8b\x08", 3,
      "found gzip-packed data inside several packings: unpack it first, `gzip -dc FILE | goleak-report -`" },
    { "\x28\xb5\x2f\xfd", 4,
      "found zstd-packed data inside several packings: unpack it first, `zstd -dc FILE | goleak-report -`" },
    { "PK\x03\x04", 4, "found a zip archive: give the recording that is in it" },
    { "\xff\xfe", 2, IS_MARKED_UTF_16 },
    { "\xfe\xff", 2, IS_MARKED_UTF_16 },
    { "\xcf\xfa\xed\xfe", 4,
      "found a Mach-O file (a program, or a core), expected a recording: the program of a recording goes with --exe" },
    /* What the files of lib/recorder/ print begins so. */
    { "// Records the goroutines of a Go ", 34, IS_SCRIPT },
    { "#!/bin/sh\n# Records the goroutines of a Go ", 43, IS_SCRIPT },
    { "/*\n * Records the goroutines of a Go ", 37, IS_SCRIPT },
};

/* The first file's name and numbers, with zero bytes behind them, and what it is. */
static bool is_tar(const char *bytes, size_t size)
{
    const size_t mark = 257;
    return size >= mark + 5 && memcmp(bytes + mark, "ustar", 5) == 0 && memchr(bytes, 0, mark) != NULL;
}

/* UTF-16 without a mark in front: each second byte is zero, for what recorders print is ASCII. */
static bool is_utf_16(const char *bytes, size_t size, size_t zeros_at)
{
    const size_t most = 64, least = 16;
    size = size < most ? size : most;
    for (size_t i = 0; i < size; i++)
        if ((bytes[i] == 0) != (i % 2 == zeros_at))
            return false;
    return size >= least;
}

static const char *advice_for(const char *bytes, size_t size)
{
    if (is_utf_16(bytes, size, 1))
        return "found text in UTF-16 without a byte order mark" IS_UTF_16("LE");
    if (is_utf_16(bytes, size, 0))
        return "found text in UTF-16 without a byte order mark" IS_UTF_16("BE");
    if (is_tar(bytes, size))
        return "found a tar archive: give the recording that is in it, `tar -xOf FILE RECORDING | goleak-report -`";
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (size >= others[i].size && memcmp(bytes, others[i].magic, others[i].size) == 0)
            return others[i].advice;
    return NULL;
}

#define IS_NO_INPUT ": give a recording, `goleak-report recorder` prints a script that makes one"

#define IS_NOT_READ ", which this version does not read" IS_NO_INPUT

#define IS_WEB_PAGE                                                                                                    \
    "found a web page, expected a recording: a Go server that imports net/http/pprof gives its trace at "              \
    "/debug/pprof/trace?seconds=10"

/* What begins a line of a text that tells of goroutines, but records no events. */
static const struct {
    const char *begins;
    const char *then; /* follows a number behind that; NULL: nothing needs to */
    const char *advice;
} texts[] = {
    { "goroutine ", " [", "found a goroutine dump" IS_NOT_READ },
    { "goroutine ", " gp=0x", "found a goroutine dump" IS_NOT_READ },
    { "goroutine profile: total ", NULL, "found a goroutine profile as text" IS_NOT_READ },
    { "goroutineleak profile: total ", NULL, "found a goroutine leak profile as text" IS_NOT_READ },
    { "threadcreate profile: total ", NULL,
      "found a profile of threads as text, which tells of no goroutine" IS_NO_INPUT },
    { "heap profile: ", NULL, "found a heap profile as text, which tells of no goroutine" IS_NO_INPUT },
    { "--- contention:", NULL, "found a profile of contention as text, which tells of no goroutine" IS_NO_INPUT },
    { "--- mutex:", NULL, "found a profile of mutexes as text, which tells of no goroutine" IS_NO_INPUT },
    { "tracealloc(", NULL, "found output of GODEBUG=allocfreetrace=1" IS_NOT_READ },
    { "tracefree(", NULL, "found output of GODEBUG=allocfreetrace=1" IS_NOT_READ },
    /* What net/http/pprof answers in place of a trace. */
    { "Could not enable tracing: ", NULL,
      "found a Go server's answer that it cannot trace, expected its trace: somebody else takes one; ask again later" },
    { "profile duration exceeds server's WriteTimeout", NULL,
      "found a Go server's answer that it cannot trace for so long, expected its trace: ask for fewer seconds" },
    { "HTTP/1.", NULL, IS_HTTP },
    { "HTTP/2 ", NULL, IS_HTTP },
    { "Unknown profile", NULL,
      "found a Go server's answer that it has no such profile, expected a trace: ask for "
      "/debug/pprof/trace?seconds=10" },
    { "404 page not found", NULL,
      "found a server's answer that there is no such page, expected a trace: a Go server that imports net/http/pprof "
      "has it at /debug/pprof/trace?seconds=10" },
    { "<!DOCTYPE html", NULL, IS_WEB_PAGE },
    { "<!doctype html", NULL, IS_WEB_PAGE },
    { "<html", NULL, IS_WEB_PAGE },
};

static bool line_is(const char *line, const char *end, const char *begins, const char *then)
{
    size_t size = strlen(begins);
    if ((size_t)(end - line) < size || memcmp(line, begins, size) != 0)
        return false;
    for (line += size; then != NULL && line < end && *line >= '0' && *line <= '9';)
        line++;
    return then == NULL || ((size_t)(end - line) >= strlen(then) && memcmp(line, then, strlen(then)) == 0);
}

/* A profile is a protocol buffer, and runtime/pprof begins it with a ValueType, that of its
 * period (field 11) or of its samples (1): two numbers that stand for strings. */
static bool is_pprof(const char *bytes, size_t size)
{
    return size >= 6 && (bytes[0] == 0x5a || bytes[0] == 0x0a) && bytes[1] == 0x04 && bytes[2] == 0x08 &&
           bytes[4] == 0x10;
}

/* No format has taken it: by the first line that is known. */
static const char *advice_for_unread(const char *bytes, size_t size)
{
    if (is_pprof(bytes, size))
        return "found a pprof profile" IS_NOT_READ;
    const char *end = bytes + size;
    for (const char *line = bytes, *stop; line < end; line = stop + 1) {
        stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop != NULL ? stop : end;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            if (line_is(line, stop, texts[i].begins, texts[i].then))
                return texts[i].advice;
    }
    return NULL;
}

/* A Go execution trace that none of the formats has taken. */
static bool refuse_go_trace(const char *bytes, size_t size, bool whole, char advice[256])
{
    static const char start[] = "go 1.", back[] = " trace\0\0\0\0"; /* as many zero bytes as make it 16 */
    const size_t header = 16;
    if (size < sizeof start - 1 || memcmp(bytes, start, sizeof start - 1) != 0 || (size < header && !whole))
        return false;
    int digits = 0;
    while (digits < 4 && sizeof start - 1 + (size_t)digits < size && bytes[5 + digits] >= '0' && bytes[5 + digits] <= '9')
        digits++;
    size_t behind = sizeof start - 1 + (size_t)digits;
    if (size < header || memcmp(bytes + behind, back, header - behind) != 0)
        snprintf(advice, 256,
                 "found a Go execution trace's header that begins \"go 1.%.*s\" and is %s, expected 16 bytes, such as "
                 "\"go 1.%d trace\" and three zero bytes",
                 digits, bytes + 5, size < header ? "cut" : "damaged", NEWEST_GO_TRACE);
    else
        snprintf(
            advice, 256,
            "found a Go execution trace with the header \"go 1.%.*s\", expected one that is known: they begin with "
            "\"go 1.%d\", and the newest of them is \"go 1.%d\"",
            digits, bytes + 5, OLDEST_GO_TRACE, NEWEST_GO_TRACE);
    return true;
}

const struct goleak_format *goleak_format_sniff(const char *bytes, size_t size, bool whole, bool *more,
                                                char advice[256])
{
    whole = whole || size >= GOLEAK_SNIFF_BYTES;
    *more = false;
    advice[0] = '\0';
    const size_t mark = goleak_lines_mark(bytes, size);
    bytes += mark;
    size -= mark;
    const char *other = advice_for(bytes, size);
    if (other != NULL) {
        snprintf(advice, 256, "%s", other);
        return NULL;
    }
    for (size_t i = 0; i < goleak_format_count; i++) {
        enum goleak_sniff answer = goleak_formats[i]->sniff(bytes, size, whole);
        if (answer == GOLEAK_SNIFF_YES) {
            *more = false;
            return goleak_formats[i];
        }
        *more = *more || answer == GOLEAK_SNIFF_MAYBE;
    }
    *more = *more && !whole;
    if (refuse_go_trace(bytes, size, whole, advice))
        *more = false;
    else if (!*more && (other = advice_for_unread(bytes, size)) != NULL)
        snprintf(advice, 256, "%s", other);
    return NULL;
}
