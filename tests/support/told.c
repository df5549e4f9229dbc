/* told - see told.h. */
#include "support/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <sys/stat.h>

/* ---- complaints: all recordings are looked at before the test fails -------------------- */

#define COMPLAINTS_SHOWN 4

static size_t complaints, complaints_here;
static const char *complaints_of;

void look_at(const char *name)
{
    complaints_of = name;
    complaints_here = 0;
}

void complain(const char *what, ...)
{
    complaints++;
    if (++complaints_here > COMPLAINTS_SHOWN)
        return;
    char text[512];
    va_list args;
    va_start(args, what);
    vsnprintf(text, sizeof text, what, args);
    va_end(args);
    print_message("# %s: %s\n", complaints_of, text);
}

bool expect(const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        complain("%s is %llu, expected %llu", what, (unsigned long long)got, (unsigned long long)want);
    return got == want;
}

void end_looking(size_t count, size_t least)
{
    size_t found = complaints;
    complaints = 0;
    print_message("# %zu recordings\n", count);
    assert_true(count >= least);
    if (found != 0)
        fail_msg("%zu disagreements", found);
}

/* ---- what the library says -------------------------------------------------------------- */

static bool sort_by_goid, sort_by_pid;

void told_sort(bool by_goid, bool by_pid)
{
    sort_by_goid = by_goid;
    sort_by_pid = by_pid;
}

static int compare(const void *a, const void *b)
{
    const struct goleak_goroutine *x = a, *y = b;
    if (sort_by_pid && x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (sort_by_goid && x->goid != y->goid)
        return x->goid < y->goid ? -1 : 1;
    if (x->g != y->g)
        return x->g < y->g ? -1 : 1;
    return sort_by_goid || x->incarnation == y->incarnation ? 0 : x->incarnation < y->incarnation ? -1 : 1;
}

static void listen(struct told *told)
{
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine life;
    size_t room = 0;
    told->count = 0;
    told->lives = NULL;
    goleak_trace_summary(told->trace, &told->summary);
    while (goleak_goroutine_next(told->trace, &iter, &life) == GOLEAK_OK) {
        if (told->count == room) {
            room = room * 2 + 64;
            told->lives = realloc(told->lives, room * sizeof *told->lives);
            assert_non_null(told->lives);
        }
        told->lives[told->count++] = life;
    }
    if (told->count != 0)
        qsort(told->lives, told->count, sizeof *told->lives, compare);
}

bool told_by(struct told *told, const char *path)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_error error;
    options.include_system = options.retain_ended = true;
    *told = (struct told) { 0 };
    if (goleak_trace_load(&told->trace, path, &options, &error) != GOLEAK_OK) {
        complain("%s", error.message);
        return false;
    }
    listen(told);
    return true;
}

bool told_by_all(struct told *told, const char *const *paths, size_t count, size_t *trace_count)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_trace *traces[TOLD_TOGETHER] = { NULL };
    struct goleak_error errors[TOLD_TOGETHER] = { { .status = GOLEAK_OK } };
    options.include_system = options.retain_ended = true;
    *told = (struct told) { 0 };
    *trace_count = 0;
    assert_true(count <= TOLD_TOGETHER);
    enum goleak_status status = goleak_trace_load_all(traces, trace_count, paths, count, &options, errors);
    for (size_t i = 0; i < count && status != GOLEAK_OK; i++)
        complain("together, %s: %s", paths[i], errors[i].message);
    for (size_t i = status == GOLEAK_OK; i < *trace_count; i++)
        goleak_trace_free(traces[i]);
    if (status != GOLEAK_OK || *trace_count == 0)
        return false;
    told->trace = traces[0];
    listen(told);
    return true;
}

void told_free(struct told *told)
{
    goleak_trace_free(told->trace);
    free(told->lives);
    *told = (struct told) { 0 };
}

const struct goleak_goroutine *told_find(const struct told *told, const struct goleak_goroutine *like)
{
    return told->count != 0 ? bsearch(like, told->lives, told->count, sizeof *like, compare) : NULL;
}

uint64_t told_number(int64_t value)
{
    return value == GOLEAK_NONE || value < 0 ? 0 : (uint64_t)value;
}

bool told_place(const char *place, const char *function)
{
    size_t size = strlen(function);
    return place != NULL && strncmp(place, function, size) == 0 &&
           (place[size] == '+' || place[size] == ' ' || place[size] == '\0');
}

/* ---- folders -------------------------------------------------------------------------------- */

const char *captures(void)
{
    const char *folder = getenv("GOLEAK_CAPTURES");
    if (folder == NULL || folder[0] == '\0') {
        print_message("SKIP GOLEAK_CAPTURES does not name a folder of recordings\n");
        skip();
    }
    return folder;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted; the last is NULL. */
static char **list(const char *folder)
{
    size_t count = 0;
    char **names = NULL;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        names = realloc(names, (count + 2) * sizeof *names);
        assert_non_null(names);
        size_t size = strlen(entry->d_name) + 1;
        names[count] = malloc(size);
        assert_non_null(names[count]);
        memcpy(names[count++], entry->d_name, size);
        names[count] = NULL;
    }
    closedir(directory);
    if (count != 0)
        qsort(names, count, sizeof *names, by_name);
    return names;
}

size_t visit(const char *folder, visit_fn *each)
{
    size_t count = 0;
    char **names = list(folder);
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        char path[1200];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
            count += visit(path, each);
        else
            each(folder, path, names[i], &count);
        free(names[i]);
    }
    free(names);
    return count;
}

const char *captured(const char *folder, const char *name)
{
    static char path[1200];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (stat(path, &info) == 0)
        return path;
    snprintf(path, sizeof path, "%s/%s.zst", folder, name);
    return stat(path, &info) == 0 ? path : NULL;
}

const char *captured_variant(const char *name)
{
    char folder[1000];
    snprintf(folder, sizeof folder, "%s/variants", captures());
    const char *path = captured(folder, name);
    if (path == NULL)
        fail_msg("%s/%s is not there", folder, name);
    return path;
}
