/* test_decode - a source's plain bytes through lib/input/decode, with a thread and without. */
#include "input/decode.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>
#ifdef GOLEAK_HAVE_ZLIB
#include <zlib.h>
#endif

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/goleak_decode_XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* ---- bytes ---------------------------------------------------------------- */

struct bytes {
    unsigned char *data;
    size_t size, room;
};

static void add(struct bytes *bytes, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (bytes->room < bytes->size + size) {
        bytes->room = (bytes->size + size) * 2;
        bytes->data = realloc(bytes->data, bytes->room);
        assert_non_null(bytes->data);
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void drop(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes) { 0 };
}

static struct bytes some_text(size_t size, unsigned seed)
{
    struct bytes text = { 0 };
    char line[120];
    while (text.size < size) {
        seed = seed * 1103515245u + 12345u;
        int length = snprintf(line, sizeof line, "gopark: goroutine=%x reason=%u\n", seed, seed >> 16 & 31);
        add(&text, line, (size_t)length);
    }
    text.size = size;
    return text;
}

static void add_zstd(struct bytes *to, const struct bytes *plain)
{
    size_t room = ZSTD_compressBound(plain->size);
    unsigned char *packed = malloc(room);
    assert_non_null(packed);
    size_t size = ZSTD_compress(packed, room, plain->data, plain->size, 1);
    assert_false(ZSTD_isError(size));
    add(to, packed, size);
    free(packed);
}

static void write_file(const struct bytes *bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (bytes->size > 0)
        assert_int_equal(fwrite(bytes->data, 1, bytes->size, file), bytes->size);
    assert_int_equal(fclose(file), 0);
}

/* ---- decoding -------------------------------------------------------------- */

struct result {
    enum goleak_status status;
    struct goleak_error error;
    struct bytes plain;
    struct bytes damage; /* "plain offset, packed offset, truncated, sentence" lines */
    size_t damage_count;
    size_t run_count;
    uint64_t bytes_read;
    char packing[16];
};

static void take_damage(void *context, bool truncated, uint64_t offset, const char *sentence)
{
    struct result *result = context;
    char line[600];
    int length = snprintf(line, sizeof line, "%zu %llu %d %s\n", result->plain.size, (unsigned long long)offset,
                          truncated, sentence);
    add(&result->damage, line, (size_t)length);
    result->damage_count++;
}

struct setup {
    struct goleak_alloc *alloc;
    const char *name; /* NULL: the file */
    uint64_t window_limit_bytes;
    bool own_thread;
    size_t stop_after; /* runs; 0: none */
};

static void decode_runs(struct result *result, struct goleak_decode *decode, const struct setup *setup)
{
    const void *data;
    size_t size;
    uint64_t read_before = 0;
    do {
        result->status = goleak_decode_next(decode, &data, &size, take_damage, result, &result->error);
        assert_true(result->status == GOLEAK_OK || size == 0);
        assert_true(size <= (size_t)256 * 1024);
        add(&result->plain, data, size);
        assert_true(goleak_decode_bytes_read(decode) >= read_before);
        read_before = goleak_decode_bytes_read(decode);
        result->run_count += size > 0;
    } while (size > 0 && (setup->stop_after == 0 || result->run_count < setup->stop_after));
    result->bytes_read = read_before;
}

static void decode_with(struct result *result, const struct setup *setup)
{
    *result = (struct result) { 0 };
    struct goleak_source *source;
    struct goleak_decode *decode = NULL;
    result->status =
        goleak_source_open(&source, setup->alloc, setup->name != NULL ? setup->name : path, &result->error);
    if (result->status == GOLEAK_OK)
        result->status = goleak_decode_open(&decode, setup->alloc, source, setup->window_limit_bytes,
                                            setup->own_thread ? GOLEAK_DECODE_THREAD | GOLEAK_DECODE_PLAIN_THREAD : 0,
                                            &result->error);
    if (result->status == GOLEAK_OK) {
        decode_runs(result, decode, setup);
        if (goleak_decode_packing(decode) != NULL)
            strcpy(result->packing, goleak_decode_packing(decode));
        /* The end, and a failure, are told again. */
        const void *data;
        size_t size;
        if (setup->stop_after == 0) {
            assert_int_equal(goleak_decode_next(decode, &data, &size, NULL, NULL, NULL), result->status);
            assert_int_equal(size, 0);
        }
    } else {
        assert_null(decode);
    }
    goleak_decode_close(decode);
    goleak_source_close(source);
}

static void decode_file(struct result *result, bool own_thread)
{
    struct goleak_alloc alloc;
    goleak_alloc_init(&alloc, NULL, 0);
    struct setup setup = { .alloc = &alloc, .own_thread = own_thread };
    decode_with(result, &setup);
    assert_int_equal(alloc.used_bytes, 0);
}

static void drop_result(struct result *result)
{
    drop(&result->plain);
    drop(&result->damage);
}

static void assert_equal_bytes(const struct bytes *have, const struct bytes *want)
{
    assert_int_equal(have->size, want->size);
    if (want->size > 0)
        assert_memory_equal(have->data, want->data, want->size);
}

/* Packed bytes give these plain ones, and the same damage, either way. */
static void assert_decodes(const struct bytes *packed, const struct bytes *plain, const char *packing,
                           size_t damage_count)
{
    struct result on_ours, on_its_own;
    write_file(packed);
    decode_file(&on_ours, false);
    decode_file(&on_its_own, true);
    assert_int_equal(on_ours.status, GOLEAK_OK);
    assert_int_equal(on_its_own.status, GOLEAK_OK);
    if (plain != NULL)
        assert_equal_bytes(&on_ours.plain, plain);
    assert_equal_bytes(&on_its_own.plain, &on_ours.plain);
    assert_int_equal(on_ours.damage_count, damage_count);
    assert_equal_bytes(&on_its_own.damage, &on_ours.damage);
    assert_int_equal(on_ours.bytes_read, packed->size);
    assert_int_equal(on_its_own.bytes_read, packed->size);
    assert_string_equal(on_ours.packing, packing);
    assert_string_equal(on_its_own.packing, packing);
    drop_result(&on_ours);
    drop_result(&on_its_own);
}

/* ---- tests ------------------------------------------------------------------ */

static void empty_and_short(void **state)
{
    (void)state;
    static const char *const inputs[] = { "x", "ab", "(", "P*M", "four", "longer than a magic" };
    struct bytes input = { 0 }, nothing = { 0 };
    assert_decodes(&input, &input, "", 0);
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        add(&input, inputs[i], strlen(inputs[i]));
        assert_decodes(&input, &input, "plain", 0);
        drop(&input);
    }
    add(&input, "\x28\xb5", 2); /* no text, but a frame of which nothing is left */
    assert_decodes(&input, &nothing, "zstd", 1);
    drop(&input);
}

static void plain_text(void **state)
{
    (void)state;
    static const size_t sizes[] = { 100, 262143, 262144, 262145, 3000000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bytes text = some_text(sizes[i], 1);
        assert_decodes(&text, &text, "plain", 0);
        drop(&text);
    }
}

/* How many are left to come, of so many that are to be skipped behind the first run; *decode and *source go on. */
static uint64_t skip_behind_first(struct goleak_alloc *alloc, struct goleak_source **source,
                                  struct goleak_decode **decode, unsigned how, uint64_t bytes, size_t *first)
{
    const void *data;
    goleak_alloc_init(alloc, NULL, 0);
    assert_int_equal(goleak_source_open(source, alloc, path, NULL), GOLEAK_OK);
    assert_int_equal(goleak_decode_open(decode, alloc, *source, 0, how, NULL), GOLEAK_OK);
    assert_int_equal(goleak_decode_next(*decode, &data, first, NULL, NULL, NULL), GOLEAK_OK);
    goleak_decode_skip(*decode, &bytes);
    return bytes;
}

static void close_skipped(struct goleak_alloc *alloc, struct goleak_source *source, struct goleak_decode *decode)
{
    goleak_decode_close(decode);
    goleak_source_close(source);
    assert_int_equal(alloc->used_bytes, 0);
}

static void what_is_skipped_does_not_come(void **state)
{
    (void)state;
    struct bytes text = some_text(1000003, 5), packed = { 0 };
    struct goleak_alloc alloc;
    struct goleak_source *source;
    struct goleak_decode *decode;
    const void *data;
    size_t first, size;
    write_file(&text);
    assert_int_equal(skip_behind_first(&alloc, &source, &decode, 0, 300001, &first), 0);
    assert_int_equal(goleak_decode_next(decode, &data, &size, NULL, NULL, NULL), GOLEAK_OK);
    assert_true(size != 0 && first + 300001 + size < text.size);
    assert_memory_equal(data, text.data + first + 300001, size);
    assert_int_equal(goleak_decode_bytes_read(decode), first + 300001 + size);
    close_skipped(&alloc, source, decode);
    /* more than there is: what is missing would be skipped if it came */
    assert_int_equal(skip_behind_first(&alloc, &source, &decode, 0, 2000000, &first), 2000000 - (text.size - first));
    assert_int_equal(goleak_decode_next(decode, &data, &size, NULL, NULL, NULL), GOLEAK_OK);
    assert_int_equal(size, 0);
    assert_int_equal(goleak_decode_bytes_read(decode), text.size);
    assert_false(goleak_source_is_short(source));
    close_skipped(&alloc, source, decode);
    /* a thread may have read them already, and what is packed has to be unpacked */
    assert_int_equal(skip_behind_first(&alloc, &source, &decode, GOLEAK_DECODE_PLAIN_THREAD, 1000, &first), 1000);
    close_skipped(&alloc, source, decode);
    add_zstd(&packed, &text);
    write_file(&packed);
    assert_int_equal(skip_behind_first(&alloc, &source, &decode, 0, 1000, &first), 1000);
    close_skipped(&alloc, source, decode);
    drop(&packed);
    drop(&text);
}

static void zstd_text(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 100, 131072, 262144, 262145, 20000000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bytes text = some_text(sizes[i], 2), packed = { 0 };
        add_zstd(&packed, &text);
        assert_decodes(&packed, &text, "zstd", 0);
        drop(&text);
        drop(&packed);
    }
}

static void nested_text(void **state)
{
    (void)state;
    struct bytes text = some_text(5000000, 3), inner = { 0 }, packed = { 0 };
    add_zstd(&inner, &text);
    add_zstd(&packed, &inner);
    assert_decodes(&packed, &text, "zstd", 0);
    drop(&text);
    drop(&inner);
    drop(&packed);
}

#ifdef GOLEAK_HAVE_ZLIB
static void gzip_text(void **state)
{
    (void)state;
    struct bytes text = some_text(5000000, 4), packed = { 0 };
    for (int i = 0; i < 2; i++) {
        gzFile file = gzopen(path, i == 0 ? "wb" : "ab");
        assert_non_null(file);
        assert_int_equal(gzwrite(file, text.data, (unsigned)text.size), text.size);
        assert_int_equal(gzclose(file), Z_OK);
    }
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    unsigned char buffer[4096];
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, file)) > 0;)
        add(&packed, buffer, got);
    fclose(file);
    struct bytes twice = { 0 };
    add(&twice, text.data, text.size);
    add(&twice, text.data, text.size);
    assert_decodes(&packed, &twice, "gzip", 0);
    drop(&text);
    drop(&packed);
    drop(&twice);
}
#endif

/* Much damage: more than the ring has room for, and in its places. */
static void damage_comes_in_order(void **state)
{
    (void)state;
    struct bytes text = some_text(100000, 5), packed = { 0 }, plain = { 0 };
    for (int i = 0; i < 100; i++) {
        add_zstd(&packed, &text);
        add(&packed, "rubbish between frames", 22);
        add(&plain, text.data, text.size);
    }
    assert_decodes(&packed, &plain, "zstd", 100);
    for (size_t i = 1000; i < packed.size; i += 9999)
        packed.data[i] ^= 0x10;
    struct result result;
    write_file(&packed);
    decode_file(&result, false);
    assert_true(result.damage_count > 50);
    assert_decodes(&packed, NULL, "zstd", result.damage_count);
    drop_result(&result);
    drop(&text);
    drop(&packed);
    drop(&plain);
}

static void cut_is_told_last(void **state)
{
    (void)state;
    struct bytes text = some_text(3000000, 6), packed = { 0 };
    add_zstd(&packed, &text);
    packed.size -= 100000;
    for (int own_thread = 0; own_thread < 2; own_thread++) {
        struct result result;
        write_file(&packed);
        decode_file(&result, own_thread);
        assert_int_equal(result.status, GOLEAK_OK);
        assert_int_equal(result.damage_count, 1);
        char expected[100];
        snprintf(expected, sizeof expected, "%zu %zu 1 the input ends", result.plain.size, packed.size);
        assert_memory_equal(result.damage.data, expected, strlen(expected));
        assert_true(result.plain.size > 0 && result.plain.size < text.size);
        assert_memory_equal(result.plain.data, text.data, result.plain.size);
        drop_result(&result);
    }
    drop(&text);
    drop(&packed);
}

static void closing_early(void **state)
{
    (void)state;
    struct bytes text = some_text(30000000, 7), packed = { 0 };
    add_zstd(&packed, &text);
    write_file(&packed);
    for (size_t runs = 1; runs < 30; runs += 3) {
        for (int own_thread = 0; own_thread < 2; own_thread++) {
            struct goleak_alloc alloc;
            goleak_alloc_init(&alloc, NULL, 0);
            struct setup setup = { .alloc = &alloc, .own_thread = own_thread, .stop_after = runs };
            struct result result;
            decode_with(&result, &setup);
            assert_int_equal(result.status, GOLEAK_OK);
            assert_int_equal(result.run_count, runs);
            assert_memory_equal(result.plain.data, text.data, result.plain.size);
            assert_int_equal(alloc.used_bytes, 0);
            drop_result(&result);
        }
    }
    /* Before the first run, and without ever looking. */
    for (int i = 0; i < 20; i++) {
        struct goleak_alloc alloc;
        struct goleak_source *source;
        struct goleak_decode *decode;
        goleak_alloc_init(&alloc, NULL, 0);
        assert_int_equal(goleak_source_open(&source, &alloc, path, NULL), GOLEAK_OK);
        assert_int_equal(goleak_decode_open(&decode, &alloc, source, 0, GOLEAK_DECODE_THREAD, NULL), GOLEAK_OK);
        struct timespec pause = { 0, i * 500000 };
        nanosleep(&pause, NULL);
        goleak_decode_close(decode);
        goleak_source_close(source);
        assert_int_equal(alloc.used_bytes, 0);
    }
    goleak_decode_close(NULL);
    drop(&text);
    drop(&packed);
}

/* ---- pipes -------------------------------------------------------------------- */

struct writer {
    const char *path;
    const struct bytes *bytes;
    size_t chunk;
};

static void *write_fifo(void *context)
{
    const struct writer *writer = context;
    int fd = open(writer->path, O_WRONLY);
    size_t at = 0;
    while (fd >= 0 && at < writer->bytes->size) {
        size_t size = writer->bytes->size - at < writer->chunk ? writer->bytes->size - at : writer->chunk;
        ssize_t sent = write(fd, writer->bytes->data + at, size);
        if (sent < 0)
            break;
        at += (size_t)sent;
    }
    close(fd);
    return NULL;
}

static void packed_through_a_fifo(void **state)
{
    (void)state;
    struct bytes text = some_text(1000000, 8), packed = { 0 };
    add_zstd(&packed, &text);
    assert_int_equal(mkfifo(path, 0600), 0);
    static const size_t chunks[] = { 3, 1000, 100000 };
    for (size_t i = 0; i < 2 * sizeof chunks / sizeof *chunks; i++) {
        struct writer writer = { path, &packed, chunks[i / 2] };
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, write_fifo, &writer), 0);
        struct result result;
        decode_file(&result, i % 2);
        pthread_join(thread, NULL);
        assert_int_equal(result.status, GOLEAK_OK);
        assert_equal_bytes(&result.plain, &text);
        assert_int_equal(result.bytes_read, packed.size);
        drop_result(&result);
    }
    drop(&text);
    drop(&packed);
}

/* The thread waits for a writer that writes no more: closing ends the wait. */
static void closing_while_the_pipe_is_silent(void **state)
{
    (void)state;
    struct bytes text = some_text(1000, 9), packed = { 0 };
    add_zstd(&packed, &text);
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR); /* both ends, so that opening does not wait */
    assert_true(fd >= 0);
    assert_int_equal(write(fd, packed.data, packed.size), packed.size);
    struct goleak_alloc alloc;
    goleak_alloc_init(&alloc, NULL, 0);
    struct setup setup = { .alloc = &alloc, .own_thread = true, .stop_after = 1 };
    struct result result;
    decode_with(&result, &setup);
    assert_int_equal(result.status, GOLEAK_OK);
    assert_equal_bytes(&result.plain, &text);
    assert_int_equal(alloc.used_bytes, 0);
    close(fd);
    drop_result(&result);
    drop(&text);
    drop(&packed);
}

/* ---- failures -------------------------------------------------------------------- */

static void window_and_memory_limits(void **state)
{
    (void)state;
    struct bytes text = some_text(3000000, 10), packed = { 0 };
    add_zstd(&packed, &text);
    write_file(&packed);
    for (int own_thread = 0; own_thread < 2; own_thread++) {
        struct goleak_alloc alloc;
        goleak_alloc_init(&alloc, NULL, 0);
        struct setup setup = { .alloc = &alloc, .own_thread = own_thread, .window_limit_bytes = 1000 };
        struct result result;
        decode_with(&result, &setup);
        assert_int_equal(result.status, GOLEAK_E_LIMIT);
        assert_non_null(strstr(result.error.message, "window limit of 1000 bytes"));
        assert_string_equal(result.error.path, path);
        assert_int_equal(alloc.used_bytes, 0);
        drop_result(&result);

        char expected[64];
        uint64_t limit_bytes = own_thread ? 3300000 : 1300000; /* too little for the window */
        snprintf(expected, sizeof expected, "limit of %llu bytes", (unsigned long long)limit_bytes);
        goleak_alloc_init(&alloc, NULL, limit_bytes);
        setup.window_limit_bytes = 0;
        decode_with(&result, &setup);
        assert_int_equal(result.status, GOLEAK_E_LIMIT);
        assert_non_null(strstr(result.error.message, expected));
        assert_string_equal(result.error.path, path);
        assert_int_equal(alloc.used_bytes, 0);
        drop_result(&result);
    }
    drop(&text);
    drop(&packed);
}

/* Memory that the thread takes is in the caller's account while it is held. */
static void thread_memory_is_booked(void **state)
{
    (void)state;
    struct bytes text = some_text(3000000, 11), packed = { 0 };
    add_zstd(&packed, &text);
    write_file(&packed);
    struct goleak_alloc alloc;
    struct goleak_source *source;
    struct goleak_decode *decode;
    const void *data;
    size_t size;
    goleak_alloc_init(&alloc, NULL, 0);
    assert_int_equal(goleak_source_open(&source, &alloc, path, NULL), GOLEAK_OK);
    assert_int_equal(goleak_decode_open(&decode, &alloc, source, 0, GOLEAK_DECODE_THREAD, NULL), GOLEAK_OK);
    uint64_t before = alloc.used_bytes;
    assert_int_equal(goleak_decode_next(decode, &data, &size, NULL, NULL, NULL), GOLEAK_OK);
    assert_true(size > 0);
    assert_true(alloc.used_bytes >= before + 500000);
    goleak_decode_close(decode);
    goleak_source_close(source);
    assert_int_equal(alloc.used_bytes, 0);
    drop(&text);
    drop(&packed);
}

static void unreadable_source(void **state)
{
    (void)state;
    struct goleak_alloc alloc;
    goleak_alloc_init(&alloc, NULL, 0);
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDIN_FILENO), STDIN_FILENO);
    struct setup setup = { .alloc = &alloc, .name = "-", .own_thread = true };
    struct result result;
    decode_with(&result, &setup);
    assert_int_equal(result.status, GOLEAK_E_IO);
    assert_string_equal(result.error.path, "-");
    assert_int_equal(alloc.used_bytes, 0);
    close(STDIN_FILENO);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
    close(ends[0]);
    close(ends[1]);
}

struct countdown {
    size_t left; /* requests until they fail */
    pthread_t owner;
};

static void *failing_realloc(void *context, void *pointer, size_t old_size, size_t new_size)
{
    struct countdown *countdown = context;
    (void)old_size;
    assert_true(pthread_equal(pthread_self(), countdown->owner)); /* a hook need not be thread-safe */
    if (new_size == 0) {
        free(pointer);
        return NULL;
    }
    if (countdown->left == 0)
        return NULL;
    countdown->left--;
    return realloc(pointer, new_size);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    struct bytes text = some_text(300000, 12), inner = { 0 }, packed = { 0 };
    add_zstd(&inner, &text);
    add_zstd(&packed, &inner);
    write_file(&packed);
    for (int own_thread = 0; own_thread < 2; own_thread++) {
        for (size_t n = 0;; n++) {
            struct countdown countdown = { n, pthread_self() };
            struct goleak_allocator hook = { failing_realloc, &countdown };
            struct goleak_alloc alloc;
            goleak_alloc_init(&alloc, &hook, 0);
            struct setup setup = { .alloc = &alloc, .own_thread = own_thread };
            struct result result;
            decode_with(&result, &setup);
            assert_int_equal(alloc.used_bytes, 0);
            bool done = result.status == GOLEAK_OK;
            if (done)
                assert_equal_bytes(&result.plain, &text);
            else
                assert_string_equal(result.error.path, path);
            assert_true(done || result.status == GOLEAK_E_MEMORY);
            drop_result(&result);
            if (done) {
                assert_true(n >= 5);
                break;
            }
        }
    }
    drop(&text);
    drop(&inner);
    drop(&packed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(empty_and_short),
        TEST(plain_text),
        TEST(what_is_skipped_does_not_come),
        TEST(zstd_text),
        TEST(nested_text),
#ifdef GOLEAK_HAVE_ZLIB
        TEST(gzip_text),
#endif
        TEST(damage_comes_in_order),
        TEST(cut_is_told_last),
        TEST(closing_early),
        TEST(packed_through_a_fifo),
        TEST(closing_while_the_pipe_is_silent),
        TEST(window_and_memory_limits),
        TEST(thread_memory_is_booked),
        TEST(unreadable_source),
        TEST(every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
