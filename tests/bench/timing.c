/*
 * timing - runs commands in turn, several rounds, and compares them.
 *
 *      timing ROUNDS NAME COMMAND [NAME COMMAND]...
 *
 * The first is what the others are compared with. A round runs each once, so that
 * a noisy machine is noisy for all: the ratio is the median of the rounds' own, the
 * times are medians, too. The first round is not counted. COMMAND is a
 * shell line, its output is dropped, and any exit status up to 2 will do. The
 * memory is the largest process's.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Not in POSIX, but in every libc that has fork. */
extern pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage);

struct entry {
    const char *name, *command;
    double *wall, *cpu; /* of each round */
    double ratio;
    long peak_kib;
};

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int run(struct entry *entry, int round)
{
    double start = now();
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
            _exit(127);
        execl("/bin/sh", "sh", "-c", entry->command, (char *)NULL);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status) > 2) {
        fprintf(stderr, "timing: this failed: %s\n", entry->command);
        return -1;
    }
    if (round >= 0) {
        entry->wall[round] = now() - start;
        entry->cpu[round] = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }
    long kib = usage.ru_maxrss;
#ifdef __APPLE__
    kib /= 1024;
#endif
    if (kib > entry->peak_kib)
        entry->peak_kib = kib;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* To the first, in the same round. */
static double ratio(const struct entry *first, const struct entry *entry, double *room, int rounds)
{
    for (int round = 0; round < rounds; round++)
        room[round] = first->wall[round] > 0 ? entry->wall[round] / first->wall[round] : 0;
    return median(room, rounds);
}

int main(int argc, char **argv)
{
    int rounds = argc > 3 ? atoi(argv[1]) : 0, count = (argc - 2) / 2;
    if (rounds < 1 || argc % 2 != 0) {
        fprintf(stderr, "usage: timing ROUNDS NAME COMMAND [NAME COMMAND]...\n");
        return 2;
    }
    struct entry *entries = calloc((size_t)count, sizeof *entries);
    double *times = calloc(((size_t)count * 2 + 1) * (size_t)rounds, sizeof *times);
    if (entries == NULL || times == NULL)
        return 2;
    for (int i = 0; i < count; i++) {
        entries[i].name = argv[2 + 2 * i];
        entries[i].command = argv[3 + 2 * i];
        entries[i].wall = times + (size_t)i * (size_t)rounds * 2;
        entries[i].cpu = entries[i].wall + rounds;
    }
    for (int round = -1; round < rounds; round++)
        for (int i = 0; i < count; i++)
            if (run(&entries[i], round) != 0)
                return 1;
    double *ratios = times + (size_t)count * (size_t)rounds * 2;
    for (int i = 0; i < count; i++)
        entries[i].ratio = ratio(&entries[0], &entries[i], ratios, rounds);
    for (int i = 0; i < count; i++)
        printf("%-44s %7.3f x  %8.3f s  %8.3f s cpu  %8.1f MB\n", entries[i].name, entries[i].ratio,
               median(entries[i].wall, rounds), median(entries[i].cpu, rounds),
               (double)entries[i].peak_kib * 1024 / 1e6);
    free(times);
    free(entries);
    return 0;
}
