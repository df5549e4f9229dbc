/*
 * gotext - makes files that Go's own tests of its trace reader come in into traces.
 *
 *      gotext compile <TEXT >TRACE     support/trace_text.h
 *      gotext test FILE TRACE          internal/trace/testdata/tests: prints the verdict
 *      gotext fuzz FILE TRACE          internal/trace/testdata/fuzz: []byte("...")
 *
 * and tells of a trace
 *
 *      gotext generations TRACE        how many there are, and how large the largest is
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/bytes.h"
#include "support/trace_text.h"

static int die(const char *what, const char *why)
{
    fprintf(stderr, "gotext: %s: %s\n", what, why);
    return 2;
}

static int compile(const char *name, const char *text, const char *path)
{
    struct bytes trace = { 0 };
    char why[TRACE_TEXT_WHY];
    if (!trace_text(text, &trace, why))
        return die(name, why);
    bool good = path != NULL ? bytes_write(&trace, path)
                             : fwrite(trace.data, 1, trace.size, stdout) == trace.size && fflush(stdout) == 0;
    bytes_free(&trace);
    return good ? 0 : die(name, "cannot write");
}

static int compile_input(void)
{
    struct bytes text = { 0 };
    char piece[4096];
    size_t size;
    bytes_text(&text, "");
    while ((size = fread(piece, 1, sizeof piece, stdin)) != 0)
        bytes_add(&text, piece, size);
    int status = compile("standard input", text.data, NULL);
    bytes_free(&text);
    return status;
}

/* A txtar archive: "-- expect --" and "-- trace --". The one of go tool trace is a trace
 * alone, which is read. */
static int compile_test(const char *name, const struct bytes *text, const char *path)
{
    static const char expect[] = "-- expect --\n", trace[] = "-- trace --\n";
    const char *verdict = strstr(text->data, expect), *begin = strstr(text->data, trace);
    if (verdict == NULL || begin == NULL) {
        puts("SUCCESS");
        return compile(name, text->data, path);
    }
    verdict += sizeof expect - 1;
    printf("%.*s\n", (int)strcspn(verdict, "\n"), verdict);
    return compile(name, begin + sizeof trace - 1, path);
}

static int compile_fuzz(const char *name, const struct bytes *text, const char *path)
{
    static const char start[] = "[]byte(";
    struct bytes trace = { 0 };
    const char *begin = strstr(text->data, start);
    if (begin == NULL || trace_text_unquote(begin + sizeof start - 1, &trace) == NULL)
        return die(name, "no []byte(\"...\")");
    bool good = bytes_write(&trace, path);
    bytes_free(&trace);
    return good ? 0 : die(name, "cannot write");
}

/* The next number of a trace; `end` behind what is cut. */
static const unsigned char *number(const unsigned char *at, const unsigned char *end, unsigned long long *value)
{
    *value = 0;
    for (unsigned shift = 0; at < end; shift += 7) {
        *value |= shift < 64 ? (unsigned long long)(*at & 0x7f) << shift : 0;
        if (*at++ < 0x80)
            return at;
    }
    return end;
}

/* Headers 22 and up; those before have none. */
static int tell_generations(const struct bytes *trace)
{
    const unsigned char *at = (const unsigned char *)trace->data, *end = at + trace->size, *from = at + 16;
    unsigned long long known = 0, count = 0;
    size_t largest = 0;
    if (trace->size < 16 || strtoul(trace->data + 5, NULL, 10) < 22) {
        puts("no generations");
        return 0;
    }
    for (at = from; at < end;) {
        const unsigned char *start = at;
        unsigned long long generation, skipped, size;
        if (*at == 0x34) { /* the end of one */
            at++;
            continue;
        }
        at = number(at + (*at == 0x31 ? 2 : 1), end, &generation);
        at = number(number(number(at, end, &skipped), end, &skipped), end, &size);
        if (generation != known) {
            largest = known != 0 && (size_t)(start - from) > largest ? (size_t)(start - from) : largest;
            known = generation;
            from = start;
            count++;
        }
        at = size < (unsigned long long)(end - at) ? at + size : end;
    }
    largest = (size_t)(end - from) > largest ? (size_t)(end - from) : largest;
    printf("%llu generations, the largest of %.1f MiB\n", count, (double)largest / (1 << 20));
    return 0;
}

int main(int argc, char **argv)
{
    struct bytes text = { 0 };
    int status = 2;
    if (argc == 2 && strcmp(argv[1], "compile") == 0)
        return compile_input();
    if (argc == 3 && strcmp(argv[1], "generations") == 0) {
        status = bytes_read(&text, argv[2]) ? tell_generations(&text) : die(argv[2], "cannot read");
        bytes_free(&text);
        return status;
    }
    if (argc != 4 || (strcmp(argv[1], "test") != 0 && strcmp(argv[1], "fuzz") != 0))
        return die("usage", "gotext compile | test FILE TRACE | fuzz FILE TRACE | generations TRACE");
    if (!bytes_read_raw(&text, argv[2]) || text.size == 0)
        status = die(argv[2], "cannot read");
    else
        status = (argv[1][0] == 't' ? compile_test : compile_fuzz)(argv[2], &text, argv[3]);
    bytes_free(&text);
    return status;
}
