/* test_source - files, pipes and everything that is neither, through lib/input/source. */
#include "input/source.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct goleak_alloc alloc;
static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    goleak_alloc_init(&alloc, NULL, 0);
    strcpy(folder, "/tmp/goleak_source_XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder) != 0 || alloc.used_bytes != 0;
}

static void write_file(const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static struct goleak_source *open_good(const char *name)
{
    struct goleak_source *source;
    struct goleak_error error;
    assert_int_equal(goleak_source_open(&source, &alloc, name, &error), GOLEAK_OK);
    assert_non_null(source);
    assert_string_equal(goleak_source_path(source), name);
    return source;
}

static void assert_refused(const char *name, const char *sentence)
{
    struct goleak_source *source = (struct goleak_source *)&alloc;
    struct goleak_error error;
    assert_int_equal(goleak_source_open(&source, &alloc, name, &error), GOLEAK_E_IO);
    assert_null(source);
    assert_int_equal(error.status, GOLEAK_E_IO);
    assert_non_null(strstr(error.message, sentence));
    assert_non_null(strstr(error.message, "expected"));
    assert_int_equal(strncmp(error.path, name, sizeof error.path - 1), 0);
    assert_int_equal(goleak_source_open(&source, &alloc, name, NULL), GOLEAK_E_IO);
}

/* Reads to the end, `room` bytes at a time, and compares. */
static void assert_reads(struct goleak_source *source, size_t room, const char *want, size_t size)
{
    char buffer[4096];
    struct goleak_error error;
    size_t at = 0, got;
    do {
        assert_int_equal(goleak_source_read(source, buffer, room, &got, &error), GOLEAK_OK);
        assert_true(got <= room && got <= size - at);
        assert_memory_equal(buffer, want + at, got);
        at += got;
    } while (got > 0);
    assert_int_equal(at, size);
    assert_int_equal(goleak_source_read(source, buffer, room, &got, &error), GOLEAK_OK);
    assert_int_equal(got, 0);
}

static void reads_a_file(void **state)
{
    (void)state;
    char data[10000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7);
    write_file(data, sizeof data);
    static const size_t rooms[] = { 1, 7, 1000, 4096 };
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        struct goleak_source *source = open_good(path);
        assert_int_equal(goleak_source_size(source), sizeof data);
        assert_false(goleak_source_can_block(source));
        assert_true(goleak_source_wait(source, -1));
        assert_reads(source, rooms[i], data, sizeof data);
        goleak_source_close(source);
    }
}

/* Wherever reading stands; bytes are counted from where it began. */
static void reads_again_what_is_there_still(void **state)
{
    (void)state;
    char buffer[16];
    size_t got;
    struct goleak_error error;
    write_file("before it: 0123456789", 21);
    int before = dup(STDIN_FILENO), file = open(path, O_RDWR);
    assert_true(before >= 0 && file >= 0 && lseek(file, 11, SEEK_SET) == 11);
    assert_int_equal(dup2(file, STDIN_FILENO), STDIN_FILENO);
    struct goleak_source *source = open_good("-");
    assert_int_equal(goleak_source_read(source, buffer, 4, &got, &error), GOLEAK_OK);
    assert_int_equal(goleak_source_again(source, 0, buffer, sizeof buffer), 10);
    assert_memory_equal(buffer, "0123456789", 10);
    assert_int_equal(goleak_source_again(source, 3, buffer, 2), 2);
    assert_memory_equal(buffer, "34", 2);
    assert_int_equal(goleak_source_again(source, 10, buffer, 1), 0);
    assert_int_equal(goleak_source_again(source, UINT64_MAX - 5, buffer, sizeof buffer), 0);
    assert_int_equal(ftruncate(file, 16), 0);
    assert_int_equal(goleak_source_again(source, 2, buffer, sizeof buffer), 3);
    assert_reads(source, 3, "4", 1); /* and reading goes on where it stood */
    goleak_source_close(source);
    dup2(before, STDIN_FILENO);
    close(before);
    close(file);
}

static void tells_that_reading_again_failed(void **state)
{
    (void)state;
    struct goleak_error error;
    char buffer[16];
    write_file("0123456789", 10);
    int fd = dup(STDIN_FILENO); /* the one that is given next */
    assert_true(fd >= 0);
    close(fd);
    struct goleak_source *source = open_good(path);
    assert_int_equal(goleak_source_again(source, 2, buffer, sizeof buffer), 8);
    assert_int_equal(goleak_source_failure(source, &error), GOLEAK_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(goleak_source_again(source, 2, buffer, sizeof buffer), 0);
    assert_int_equal(goleak_source_failure(source, &error), GOLEAK_E_IO);
    assert_string_equal(error.path, path);
    assert_non_null(strstr(error.message, "reading failed behind its first 2 bytes"));
    assert_int_equal(goleak_source_skip(source, 3), 0);
    goleak_source_close(source);
}

/* Not more than there is by now. */
static void skips_what_is_there(void **state)
{
    (void)state;
    char buffer[16];
    size_t got;
    struct goleak_error error;
    write_file("0123456789", 10);
    struct goleak_source *source = open_good(path);
    assert_int_equal(goleak_source_read(source, buffer, 2, &got, &error), GOLEAK_OK);
    assert_int_equal(goleak_source_skip(source, 3), 3);
    assert_int_equal(goleak_source_read(source, buffer, 1, &got, &error), GOLEAK_OK);
    assert_int_equal(buffer[0], '5');
    assert_int_equal(truncate(path, 8), 0);
    assert_int_equal(goleak_source_skip(source, 3), 2);
    assert_int_equal(goleak_source_skip(source, 1), 0);
    assert_int_equal(goleak_source_read(source, buffer, sizeof buffer, &got, &error), GOLEAK_OK);
    assert_int_equal(got, 0);
    assert_true(goleak_source_is_short(source));
    goleak_source_close(source);
}

static void tells_that_a_file_became_shorter(void **state)
{
    char buffer[16];
    size_t got = 1;
    struct goleak_error error;
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        write_file("0123456789abcdef0123456789abcdef", 32);
        struct goleak_source *source = open_good(path);
        const void *first;
        bool all;
        assert_int_equal(goleak_source_peek(source, &first, &got, &all, &error), GOLEAK_OK);
        assert_int_equal(goleak_source_read(source, buffer, sizeof buffer, &got, &error), GOLEAK_OK);
        assert_false(goleak_source_is_short(source));
        if (cut != 0)
            assert_int_equal(truncate(path, 20), 0);
        while (got != 0)
            assert_int_equal(goleak_source_read(source, buffer, sizeof buffer, &got, &error), GOLEAK_OK);
        assert_int_equal(goleak_source_is_short(source), cut != 0);
        goleak_source_close(source);
    }
}

static void reads_an_empty_file(void **state)
{
    (void)state;
    write_file("", 0);
    struct goleak_source *source = open_good(path);
    assert_int_equal(goleak_source_size(source), 0);
    assert_reads(source, 100, "", 0);
    goleak_source_close(source);
    source = open_good("/dev/null");
    assert_int_equal(goleak_source_size(source), 0);
    assert_reads(source, 100, "", 0);
    goleak_source_close(source);
    goleak_source_close(NULL);
}

static void refuses_with_a_sentence(void **state)
{
    (void)state;
    char long_name[2000];
    assert_refused(path, "no such file");
    assert_refused("", "the name of a file is empty");
    assert_refused(folder, "directory");
    snprintf(long_name, sizeof long_name, "%s/nothing", folder);
    assert_refused(long_name, "no such file");
    write_file("x", 1);
    snprintf(long_name, sizeof long_name, "%s/file", path);
    assert_refused(long_name, "Not a directory");
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_refused(long_name, "too long");
}

static void refuses_without_permission(void **state)
{
    (void)state;
    write_file("x", 1);
    assert_int_equal(chmod(path, 0), 0);
    if (access(path, R_OK) == 0) {
        print_message("skipped: this user may read every file\n");
        return;
    }
    assert_refused(path, "permission");
}

/* Standard input at some place behind its start; closing leaves it open. */
static void reads_standard_input(void **state)
{
    (void)state;
    write_file("0123456789", 10);
    int saved = dup(STDIN_FILENO);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 4, SEEK_SET), 4);
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    struct goleak_source *source = open_good("-");
    assert_int_equal(goleak_source_size(source), 6);
    assert_reads(source, 4, "456789", 6);
    goleak_source_close(source);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);

    fd = open(folder, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    assert_refused("-", "directory");

    close(STDIN_FILENO);
    assert_refused("-", "Bad file descriptor");
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
}

struct writer {
    int fd;
    const char *path; /* or this, to be opened */
    const char *text;
};

static void *write_slowly(void *context)
{
    struct writer *writer = context;
    int fd = writer->path != NULL ? open(writer->path, O_WRONLY) : writer->fd;
    for (const char *at = writer->text; *at != '\0'; at++) {
        struct timespec pause = { 0, 200000 };
        nanosleep(&pause, NULL);
        if (write(fd, at, 1) != 1)
            break;
    }
    close(fd);
    return NULL;
}

static void reads_a_fifo(void **state)
{
    (void)state;
    static const char text[] = "what comes through a pipe, bit by bit";
    assert_int_equal(mkfifo(path, 0600), 0);
    struct writer writer = { .path = path, .text = text };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_slowly, &writer), 0);
    struct goleak_source *source = open_good(path);
    assert_int_equal(goleak_source_size(source), 0);
    assert_true(goleak_source_can_block(source));
    assert_reads(source, 1000, text, sizeof text - 1);
    goleak_source_close(source);
    pthread_join(thread, NULL);
}

/* Process substitution gives such names. A socket has no name to open. */
static void reads_dev_fd(void **state)
{
    (void)state;
    static const char text[] = "/dev/fd";
    char name[64];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    if (access(name, R_OK) != 0) {
        print_message("skipped: no /dev/fd here\n");
        close(ends[0]);
        close(ends[1]);
        return;
    }
    assert_int_equal(write(ends[1], text, sizeof text), sizeof text);
    struct goleak_source *source = open_good(name);
    close(ends[1]);
    assert_reads(source, 3, text, sizeof text);
    goleak_source_close(source);
    close(ends[0]);
}

/* Somebody made the standard input, here a socket, non-blocking. */
static void waits_where_reading_does_not(void **state)
{
    (void)state;
    static const char text[] = "slowly";
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    struct writer writer = { .fd = ends[1], .text = text };
    pthread_t thread;
    struct goleak_source *source = open_good("-");
    assert_true(goleak_source_can_block(source));
    assert_int_equal(pthread_create(&thread, NULL, write_slowly, &writer), 0);
    assert_reads(source, 100, text, sizeof text - 1);
    goleak_source_close(source);
    pthread_join(thread, NULL);
    close(STDIN_FILENO);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
}

static void can_be_woken(void **state)
{
    (void)state;
    char name[64];
    int ends[2], wake[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(wake), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    if (access(name, R_OK) == 0) {
        struct goleak_source *source = open_good(name);
        assert_int_equal(write(ends[1], "x", 1), 1);
        assert_true(goleak_source_wait(source, wake[0]));
        assert_int_equal(write(wake[1], "x", 1), 1);
        assert_false(goleak_source_wait(source, wake[0]));
        goleak_source_close(source);
    }
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(wake[i]);
    }
}

static void ignore(int number)
{
    (void)number;
}

struct pester {
    pthread_t reader;
    int fd;
};

/* Interrupts the reader some times, then gives it a byte. */
static void *interrupt(void *context)
{
    struct pester *pester = context;
    struct timespec pause = { 0, 2000000 };
    for (int i = 0; i < 10; i++) {
        nanosleep(&pause, NULL);
        pthread_kill(pester->reader, SIGUSR1);
    }
    nanosleep(&pause, NULL);
    if (write(pester->fd, "x", 1) != 1)
        return context;
    close(pester->fd);
    return NULL;
}

static void goes_on_when_interrupted(void **state)
{
    (void)state;
    struct sigaction action = { .sa_handler = ignore }, before; /* without SA_RESTART */
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    struct pester pester = { pthread_self(), ends[1] };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, interrupt, &pester), 0);
    struct goleak_source *source = open_good("-");
    assert_reads(source, 10, "x", 1);
    goleak_source_close(source);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
    close(STDIN_FILENO);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
}

/* A write-only descriptor opens, but cannot be read. */
static void tells_of_failed_reading(void **state)
{
    (void)state;
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDIN_FILENO), STDIN_FILENO);
    struct goleak_source *source = open_good("-");
    struct goleak_error error;
    char buffer[10];
    size_t got;
    assert_int_equal(goleak_source_read(source, buffer, sizeof buffer, &got, &error), GOLEAK_E_IO);
    assert_int_equal(got, 0);
    assert_non_null(strstr(error.message, "it is closed, or open for writing alone"));
    assert_string_equal(error.path, "-");
    assert_int_equal(goleak_source_read(source, buffer, sizeof buffer, &got, NULL), GOLEAK_E_IO);
    goleak_source_close(source);
    close(STDIN_FILENO);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
    close(ends[0]);
    close(ends[1]);
}

static void *no_memory(void *context, void *pointer, size_t old_size, size_t new_size)
{
    (void)context;
    (void)pointer;
    (void)old_size;
    (void)new_size;
    return NULL;
}

static void fails_without_memory(void **state)
{
    (void)state;
    struct goleak_allocator hook = { no_memory, NULL };
    struct goleak_alloc none;
    goleak_alloc_init(&none, &hook, 0);
    struct goleak_source *source;
    struct goleak_error error;
    assert_int_equal(goleak_source_open(&source, &none, "/dev/null", &error), GOLEAK_E_MEMORY);
    assert_null(source);
    assert_string_equal(error.path, "/dev/null");
    assert_int_equal(none.used_bytes, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(reads_a_file),
        TEST(reads_again_what_is_there_still),
        TEST(tells_that_reading_again_failed),
        TEST(skips_what_is_there),
        TEST(tells_that_a_file_became_shorter),
        TEST(reads_an_empty_file),
        TEST(refuses_with_a_sentence),
        TEST(refuses_without_permission),
        TEST(reads_standard_input),
        TEST(reads_a_fifo),
        TEST(reads_dev_fd),
        TEST(waits_where_reading_does_not),
        TEST(can_be_woken),
        TEST(goes_on_when_interrupted),
        TEST(tells_of_failed_reading),
        TEST(fails_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
