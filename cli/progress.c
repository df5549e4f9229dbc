/* progress - see progress.h. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "terminal.h"

#define MILLISECOND INT64_C(1000000)
#define FIRST_AFTER (500 * MILLISECOND)
#define REDRAW_AFTER (100 * MILLISECOND)

static int64_t now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;
    return (int64_t)now.tv_sec * 1000 * MILLISECOND + now.tv_nsec;
}

static const struct unit {
    const char *name;
    uint64_t hundredth; /* of it, in bytes */
} units[] = { { "GB", 10000000 }, { "MB", 10000 }, { "kB", 10 } };
#define UNITS (sizeof units / sizeof *units)

static void put_amount(char *out, size_t room, uint64_t bytes, const struct unit *unit)
{
    uint64_t hundredths = bytes / unit->hundredth;
    snprintf(out, room, "%" PRIu64 ".%02" PRIu64, hundredths / 100, hundredths % 100);
}

static void put_line(char *out, size_t room, uint64_t done_bytes, uint64_t total_bytes, int64_t elapsed_ns)
{
    char done[32], total[40] = "", percent[32] = "";
    uint64_t elapsed_us = elapsed_ns > 1000 ? (uint64_t)elapsed_ns / 1000 : 1;
    /* Done and total are told in the same unit, that of the greater. */
    uint64_t greater = total_bytes > done_bytes ? total_bytes : done_bytes;
    const struct unit *unit = units;
    while (unit < units + UNITS - 1 && greater < 100 * unit->hundredth)
        unit++;
    put_amount(done, sizeof done, done_bytes, unit);
    /* A file that grows while it is read passes its total: then there is none. */
    if (total_bytes > 0 && done_bytes <= total_bytes) {
        memcpy(total, " of ", 5);
        put_amount(total + 4, sizeof total - 4, total_bytes, unit);
        uint64_t hundredth = total_bytes / 100 > 0 ? total_bytes / 100 : 1;
        uint64_t value = done_bytes / hundredth;
        snprintf(percent, sizeof percent, " (%" PRIu64 " %%)", value < 100 ? value : 100);
    }
    /* Bytes a microsecond are MB/s; where these are few, tenths of them are told. */
    const uint64_t rate = done_bytes / elapsed_us, tenths = done_bytes % elapsed_us * 10 / elapsed_us;
    char slow[8] = "";
    if (rate < 10)
        snprintf(slow, sizeof slow, ".%u", (unsigned)(tenths % 10));
    snprintf(out, room, CLI_PROGRAM ": %s%s %s%s, %" PRIu64 "%s MB/s", done, total, unit->name, percent, rate, slow);
}

void cli_progress_begin(struct cli_progress *progress, enum cli_when when, uint64_t total_bytes)
{
    memset(progress, 0, sizeof *progress);
    progress->wanted = when == CLI_WHEN_ALWAYS || (when == CLI_WHEN_AUTO && cli_terminal_is_smart(STDERR_FILENO));
    progress->total_bytes = total_bytes;
    progress->width = cli_terminal_width(STDERR_FILENO);
    progress->start_ns = now_ns();
    progress->next_ns = progress->start_ns + (when == CLI_WHEN_ALWAYS ? 0 : FIRST_AFTER);
}

void cli_progress_erase(struct cli_progress *progress)
{
    if (progress->drawn > 0)
        fprintf(stderr, "\r%*s\r", (int)progress->drawn, "");
    progress->drawn = 0;
}

/* Over the old line; blanks wipe out what it was longer. The last column stays
 * free, where some terminals would wrap. */
static void draw(struct cli_progress *progress, int64_t now)
{
    char text[128], line[384];
    put_line(text, sizeof text, progress->before_bytes + progress->done_bytes, progress->total_bytes,
             now - progress->start_ns);
    size_t size = strlen(text);
    if (progress->width > 0 && size > progress->width - 1)
        size = progress->width - 1;
    size_t blanks = progress->drawn > size ? progress->drawn - size : 0;
    snprintf(line, sizeof line, "\r%.*s%*s", (int)size, text, (int)blanks, "");
    fputs(line, stderr);
    progress->drawn = size;
}

/* The library counts from 0 again for every FILE. */
void cli_progress_update(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    struct cli_progress *progress = context;
    (void)total_bytes; /* of this FILE: the line tells of all */
    if (!progress->wanted)
        return;
    if (done_bytes < progress->done_bytes)
        progress->before_bytes += progress->done_bytes;
    progress->done_bytes = done_bytes;
    int64_t now = now_ns();
    if (now < progress->next_ns)
        return;
    draw(progress, now);
    progress->next_ns = now + REDRAW_AFTER;
}

void cli_progress_end(struct cli_progress *progress)
{
    cli_progress_erase(progress);
    progress->wanted = false;
}
