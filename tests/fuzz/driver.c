/*
 * driver - main() for fuzz targets where there is no libFuzzer.
 *
 *      fuzz_x [-t SECONDS] [-s SEED] [-m MAXBYTES] [FILE or FOLDER]...
 *
 * Replays every file (folders are walked; nothing named: testdata). With -t it goes
 * on from these with mutants, in an order that SEED fixes: flips, cuts, copies,
 * swaps, splices of two files, numbers at their limits. A mutant that aborts, or
 * takes longer than 20 seconds, is left in the file that -o names (crash-input), to
 * be replayed by naming it; of a file that does, the name is the last one printed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HANG_SECONDS 20

struct input {
    uint8_t *data;
    size_t size;
    char *path;
};

static struct input *corpus;
static size_t corpus_count;

/* The mutant that is being run, for the handler. */
static const uint8_t *volatile running;
static volatile size_t running_size;
static const char *crash_path = "crash-input";

static _Noreturn void die(const char *what, const char *name)
{
    fprintf(stderr, "driver: %s: %s: %s\n", what, name, strerror(errno));
    exit(2);
}

static void on_crash(int number)
{
    int file = running != NULL ? open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
    size_t at = 0;
    while (file >= 0 && at < running_size) {
        ssize_t step = write(file, running + at, running_size - at);
        if (step <= 0)
            break;
        at += (size_t)step;
    }
    static const char hang[] = "driver: this input takes too long\n";
    if (number == SIGALRM && write(2, hang, sizeof hang - 1) < 0)
        _exit(1);
    signal(number == SIGALRM ? SIGABRT : number, SIG_DFL);
    raise(number == SIGALRM ? SIGABRT : number);
}

static void run(const uint8_t *data, size_t size, bool mutant)
{
    /* A block of exactly this size, so that reading past its end is noticed. */
    uint8_t *copy = malloc(size != 0 ? size : 1);
    if (copy == NULL)
        die("copy", "an input");
    if (size != 0)
        memcpy(copy, data, size);
    running_size = size;
    running = mutant ? copy : NULL;
    alarm(HANG_SECONDS);
    LLVMFuzzerTestOneInput(copy, size);
    alarm(0);
    running = NULL;
    free(copy);
}

/* ---- corpus ------------------------------------------------------------- */

/* folder/name, or a copy of folder alone. */
static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + (name != NULL ? strlen(name) + 1 : 0) + 1;
    char *path = malloc(size);
    if (path == NULL)
        die("allocate", folder);
    snprintf(path, size, "%s%s%s", folder, name != NULL ? "/" : "", name != NULL ? name : "");
    return path;
}

static void add_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    corpus = realloc(corpus, (corpus_count + 1) * sizeof *corpus);
    uint8_t *data = malloc(size != 0 ? size : 1);
    if (file == NULL || corpus == NULL || data == NULL)
        die("open", path);
    size = fread(data, 1, size, file);
    fclose(file);
    corpus[corpus_count++] = (struct input) { data, size, join(path, NULL) };
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted by name, so that a seed means the same everywhere; recursion is as deep
 * as our own folders. */
static void add(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        die("stat", path);
    if (!S_ISDIR(info.st_mode)) {
        add_file(path, (size_t)info.st_size);
        return;
    }
    DIR *folder = opendir(path);
    if (folder == NULL)
        die("open", path);
    char **names = NULL;
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        names = realloc(names, (count + 1) * sizeof *names);
        if (names == NULL)
            die("list", path);
        names[count++] = join(path, entry->d_name);
    }
    closedir(folder);
    if (count != 0)
        qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        add(names[i]);
        free(names[i]);
    }
    free(names);
}

/* ---- mutants ------------------------------------------------------------ */

static uint64_t random_state;

/* xorshift64*: the same everywhere. */
static size_t below(size_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return limit != 0 ? (size_t)((random_state * 0x2545f4914f6cdd1du >> 16) % limit) : 0;
}

static void insert(struct input *mutant, size_t room, size_t at, const uint8_t *bytes, size_t size)
{
    if (size > room - mutant->size)
        size = room - mutant->size;
    memmove(mutant->data + at + size, mutant->data + at, mutant->size - at);
    memcpy(mutant->data + at, bytes, size);
    mutant->size += size;
}

static void mutate(struct input *mutant, size_t room)
{
    static const char *const limits[] = {
        "0",
        "-1",
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "ffffffffffffffff",
        " ",
        "=",
        "\n",
        "\r\n",
    };
    size_t at = below(mutant->size + 1), left = mutant->size - at;
    size_t span = below(left < 64 ? left + 1 : 64);
    uint8_t piece[64];
    memcpy(piece, mutant->data + at, span);
    switch (below(8)) {
    case 0: /* one bit */
        if (left != 0)
            mutant->data[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1: /* one byte */
        if (left != 0)
            mutant->data[at] = (uint8_t)below(256);
        break;
    case 2: /* a piece away */
        memmove(mutant->data + at, mutant->data + at + span, left - span);
        mutant->size -= span;
        break;
    case 3: /* the end away */ mutant->size -= below(left + 1); break;
    case 4: /* a piece twice, somewhere */ insert(mutant, room, below(mutant->size + 1), piece, span); break;
    case 5: { /* from another file */
        const struct input *other = &corpus[below(corpus_count)];
        size_t from = below(other->size + 1), size = below(other->size - from + 1);
        insert(mutant, room, at, other->data + from, size < 4096 ? size : 4096);
        break;
    }
    case 6: { /* what numbers break on */
        const char *text = limits[below(sizeof limits / sizeof limits[0])];
        insert(mutant, room, at, (const uint8_t *)text, strlen(text));
        break;
    }
    default: /* a few bytes over others */ memcpy(mutant->data + below(mutant->size - span + 1), piece, span); break;
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static unsigned long run_mutants(double limit, size_t room)
{
    unsigned long count = 0;
    struct input mutant = { malloc(room != 0 ? room : 1), 0, NULL };
    if (mutant.data == NULL)
        die("allocate", "a mutant");
    for (double start = seconds(); seconds() - start < limit; count++) {
        const struct input *base = &corpus[below(corpus_count)];
        size_t from = base->size > room ? below(base->size - room) : 0;
        mutant.size = base->size - from < room ? base->size - from : room;
        memcpy(mutant.data, base->data + from, mutant.size);
        for (size_t steps = 1 + below(8); steps != 0; steps--)
            mutate(&mutant, room);
        run(mutant.data, mutant.size, true);
    }
    free(mutant.data);
    return count;
}

int main(int argc, char **argv)
{
    double limit = 0;
    size_t room = 16384;
    random_state = 1;
    for (int option; (option = getopt(argc, argv, "t:s:m:o:")) != -1;) {
        switch (option) {
        case 't': limit = strtod(optarg, NULL); break;
        case 's': random_state = strtoull(optarg, NULL, 10) | 1; break;
        case 'm': room = strtoul(optarg, NULL, 10); break;
        case 'o': crash_path = optarg; break;
        default: return 2;
        }
    }
    /* A sanitizer reports the other signals itself, and aborts then. */
    signal(SIGABRT, on_crash);
    signal(SIGALRM, on_crash);
    if (optind == argc)
        add("testdata");
    for (int i = optind; i < argc; i++)
        add(argv[i]);

    run(NULL, 0, false);
    for (size_t i = 0; i < corpus_count; i++) {
        fprintf(stderr, "%s\n", corpus[i].path);
        run(corpus[i].data, corpus[i].size, false);
    }
    unsigned long mutants = limit > 0 && corpus_count != 0 ? run_mutants(limit, room) : 0;
    printf("1..1\nok 1 - %zu files, %lu mutants\n", corpus_count, mutants);

    for (size_t i = 0; i < corpus_count; i++) {
        free(corpus[i].data);
        free(corpus[i].path);
    }
    free(corpus);
    return 0;
}
