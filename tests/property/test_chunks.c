/*
 * However the bytes come, the result is the same: in one piece, in two that are
 * cut anywhere, byte by byte, in random pieces; plain, zstd, gzip; fed, from a
 * file, from standard input; with a decode thread and without.
 *
 * The result is all that the JSON and ndjson reports say, and the events of the
 * decoder. Recordings are those in testdata/ and one that has a bit of everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <goleak.h>
#include <unistd.h>

#include "support/bytes.h"
#include "support/outcome.h"
#include "support/recordings.h"
#include "support/sanitizer.h"

#define SMALL_BYTES ((size_t)2500)   /* up to here every cut is tried */
#define EVENTS_BYTES ((size_t)32768) /* and so long may a recording be for the decoder's turn */

/* Every position of something small, and some hundred of what is longer; with sanitizers, which take ten times
 * as long, one of three of these. */
static size_t step_for(size_t size)
{
    size_t step = size <= SMALL_BYTES ? 1 : size / 100;
    return has_sanitizer() ? 3 * step : step;
}

static void expect_same(const struct outcome *want, struct outcome *got, const char *name, const char *how, size_t at)
{
    if (!outcome_equal(want, got))
        fail_msg("%s, %s %zu: another result, %s", name, how, at, outcome_difference(want, got));
    outcome_free(got);
}

static void try_every_cut(const struct bytes *input, const struct outcome *want, const char *name, const char *how)
{
    struct outcome got = { 0 };
    size_t step = step_for(input->size);
    for (size_t cut = step > 1 ? step : 0; cut <= input->size; cut += step) {
        outcome_of(&got, input, &cut, 1, NULL);
        expect_same(want, &got, name, how, cut);
    }
    outcome_of_pieces(&got, input, 1, NULL);
    expect_same(want, &got, name, how, 1);
}

static void try_packed(const struct bytes *plain, const struct outcome *want, const char *name)
{
    struct bytes packed = { 0 };
    bytes_zstd(&packed, plain);
    try_every_cut(&packed, want, name, "zstd, cut at");
    bytes_clear(&packed);
    if (bytes_gzip(&packed, plain))
        try_every_cut(&packed, want, name, "gzip, cut at");
    bytes_free(&packed);
}

static uint32_t random_state = 1;

static size_t below(size_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (size_t)(random_state >> 8) % limit;
}

static void try_random_pieces(const struct bytes *plain, const struct outcome *want, const char *name)
{
    size_t cuts[64];
    struct outcome got = { 0 };
    for (size_t round = 0; round < 50; round++) {
        size_t count = 0, at = 0, longest = plain->size / (1 + below(60)) + 2;
        while (count < 64 && (at += below(longest)) < plain->size)
            cuts[count++] = at;
        outcome_of(&got, plain, cuts, count, NULL);
        expect_same(want, &got, name, "random pieces, round", round);
    }
}

static void try_events(const struct bytes *plain, const char *name)
{
    struct bytes want = { 0 }, got = { 0 };
    outcome_events(&want, plain, NULL, 0);
    assert_true(want.size > 0);
    size_t step = step_for(plain->size);
    for (size_t cut = 0; cut <= plain->size; cut += step) {
        outcome_events(&got, plain, &cut, 1);
        if (!bytes_equal(&want, &got))
            fail_msg("%s: the decoder hands out other events when the bytes are cut at %zu", name, cut);
        bytes_clear(&got);
    }
    bytes_free(&want);
    bytes_free(&got);
}

static void test_pieces(void **state)
{
    (void)state;
    struct bytes plain = { 0 };
    const char *name;
    for (size_t i = 0; (name = recording_get(i, &plain)) != NULL; i++) {
        struct outcome want = { 0 };
        outcome_of(&want, &plain, NULL, 0, NULL);
        if (want.status != GOLEAK_OK && want.status != GOLEAK_E_NOEVENTS)
            fail_msg("%s: %s", name, want.error.message);
        try_every_cut(&plain, &want, name, "cut at");
        try_random_pieces(&plain, &want, name);
        outcome_free(&want);
        bytes_clear(&plain);
    }
    bytes_free(&plain);
}

static void test_packed_pieces(void **state)
{
    (void)state;
    struct bytes plain = { 0 };
    const char *name;
    for (size_t i = 0; (name = recording_get(i, &plain)) != NULL; i++) {
        struct outcome want = { 0 };
        outcome_of(&want, &plain, NULL, 0, NULL);
        try_packed(&plain, &want, name);
        outcome_free(&want);
        bytes_clear(&plain);
    }
    bytes_free(&plain);
}

static void test_decoder(void **state)
{
    (void)state;
    struct bytes plain = { 0 };
    const char *name;
    for (size_t i = 0; (name = recording_get(i, &plain)) != NULL; i++) {
        if (plain.size <= EVENTS_BYTES)
            try_events(&plain, name);
        bytes_clear(&plain);
    }
    bytes_free(&plain);
}

/* ---- files ---------------------------------------------------------------- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/goleak_chunks_XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* From a file by its name, and as standard input, of which somebody else has read the first bytes. */
static void try_file(const struct bytes *content, const struct outcome *want, const char *name)
{
    static const char before_it[] = "a line of the shell's\n";
    char path[128], longer[128];
    struct bytes with_more = { 0 };
    struct outcome got = { 0 };
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    snprintf(path, sizeof path, "%s/recording", folder);
    snprintf(longer, sizeof longer, "%s/longer", folder);
    bytes_text(&with_more, before_it);
    bytes_add(&with_more, content->data, content->size);
    assert_true(bytes_write(content, path) && bytes_write(&with_more, longer));
    for (options.jobs = 0; options.jobs <= 2; options.jobs++) {
        outcome_of_file(&got, path, &options);
        expect_same(want, &got, name, "file, jobs", options.jobs);
        int before = dup(STDIN_FILENO), file = open(longer, O_RDONLY);
        assert_true(before >= 0 && file >= 0 && lseek(file, sizeof before_it - 1, SEEK_SET) > 0);
        assert_int_equal(dup2(file, STDIN_FILENO), STDIN_FILENO);
        outcome_of_file(&got, "-", &options);
        dup2(before, STDIN_FILENO);
        close(before);
        close(file);
        expect_same(want, &got, name, "standard input, jobs", options.jobs);
    }
    unlink(path);
    unlink(longer);
    bytes_free(&with_more);
}

static void test_files(void **state)
{
    (void)state;
    struct bytes plain = { 0 }, packed = { 0 };
    const char *name;
    for (size_t i = 0; (name = recording_get(i, &plain)) != NULL; i++) {
        struct outcome want = { 0 };
        outcome_of(&want, &plain, NULL, 0, NULL);
        try_file(&plain, &want, name);
        bytes_clear(&packed);
        bytes_zstd(&packed, &plain);
        try_file(&packed, &want, name);
        bytes_clear(&packed);
        if (bytes_gzip(&packed, &plain))
            try_file(&packed, &want, name);
        outcome_free(&want);
        bytes_clear(&plain);
    }
    bytes_free(&plain);
    bytes_free(&packed);
}

/* Many lines, so that the quick reader of the article's lines meets every kind of
 * edge: of a chunk, of a batch of events, of the lines that it leaves to others. */
static void test_long(void **state)
{
    (void)state;
    static const size_t pieces[] = { 1, 7, 63, 256, 257, 300, 1000, 4096, 65536, 65537, 131072 };
    struct bytes plain = { 0 };
    struct outcome want = { 0 }, got = { 0 };
    recording_long(&plain);
    outcome_of(&want, &plain, NULL, 0, NULL);
    assert_int_equal(want.status, GOLEAK_OK);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        outcome_of_pieces(&got, &plain, pieces[i], NULL);
        expect_same(&want, &got, "a long recording", "pieces of", pieces[i]);
    }
    outcome_free(&want);
    bytes_free(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_packed_pieces),
        cmocka_unit_test(test_decoder),
        cmocka_unit_test_setup_teardown(test_files, make_folder, remove_folder),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
