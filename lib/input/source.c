/* source - see source.h. Plain POSIX: open, fstat, poll, read. */
#include "input/source.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct goleak_source {
    struct goleak_alloc *alloc;
    int fd;
    bool borrowed_fd; /* standard input is not ours to close */
    bool regular;
    bool ended;
    unsigned char ahead[8]; /* looked at, and not read yet */
    size_t ahead_size;
    off_t begin; /* of a regular file: where it stood when it was opened */
    uint64_t size_bytes;
    uint64_t read_bytes;
    int again_errno;      /* of the first read that failed of those that are made again; 0: none has */
    uint64_t again_bytes; /* … where it was */
    char path[]; /* as it was named */
};

static size_t source_room(const char *path)
{
    return sizeof(struct goleak_source) + strlen(path) + 1;
}

/* goleak_error_set clears the path, so the path goes in behind it. */
static enum goleak_status name_path(struct goleak_error *error, const char *path)
{
    if (error == NULL)
        return GOLEAK_E_IO;
    snprintf(error->path, sizeof error->path, "%s", path);
    return error->status;
}

static const char *reason_text(int number, char *room, size_t size)
{
    if (strerror_r(number, room, size) != 0)
        snprintf(room, size, "error %d", number);
    return room;
}

static enum goleak_status fail_open(const char *path, int number, struct goleak_error *error)
{
    char reason[128];
    switch (number) {
    case ENOENT:
        goleak_error_set(error, GOLEAK_E_IO, "%s; expected the path of a recording, or - for standard input",
                         *path != '\0' ? "there is no such file" : "the name of a file is empty");
        break;
    case EACCES:
    case EPERM:
        goleak_error_set(error, GOLEAK_E_IO, "permission to read it is denied; expected a readable recording");
        break;
    case EISDIR:
        goleak_error_set(error, GOLEAK_E_IO, "this is a directory; expected a recording, so name a file in it");
        break;
    case EMFILE:
    case ENFILE:
        goleak_error_set(error, GOLEAK_E_IO,
                         "it cannot be opened (%s): give fewer at a time, or raise the limit (ulimit -n)",
                         reason_text(number, reason, sizeof reason));
        break;
    default:
        goleak_error_set(error, GOLEAK_E_IO, "it cannot be opened (%s); expected a readable recording",
                         reason_text(number, reason, sizeof reason));
    }
    return name_path(error, path);
}

static int open_path(const char *path)
{
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Fills in what the descriptor is; returns an errno. */
static int ask_descriptor(struct goleak_source *source)
{
    struct stat info;
    if (fstat(source->fd, &info) != 0)
        return errno;
    if (S_ISDIR(info.st_mode))
        return EISDIR;
    source->regular = S_ISREG(info.st_mode);
    if (!source->regular)
        return 0;
    /* One that is open for some time already (standard input) may stand behind its start. */
    source->begin = lseek(source->fd, 0, SEEK_CUR);
    if (source->begin >= 0 && source->begin < info.st_size)
        source->size_bytes = (uint64_t)(info.st_size - source->begin);
#ifdef POSIX_FADV_SEQUENTIAL
    /* Advice only: a failure changes nothing but speed. */
    (void)posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
    return 0;
}

enum goleak_status goleak_source_open(struct goleak_source **out, struct goleak_alloc *alloc, const char *path,
                                      struct goleak_error *error)
{
    *out = NULL;
    struct goleak_source *source = goleak_alloc_zeroed(alloc, source_room(path));
    if (source == NULL) {
        enum goleak_status status = goleak_error_alloc(error, alloc);
        name_path(error, path);
        return status;
    }
    source->alloc = alloc;
    memcpy(source->path, path, strlen(path) + 1);
    source->borrowed_fd = strcmp(path, "-") == 0;
    source->fd = source->borrowed_fd ? STDIN_FILENO : open_path(path);
    int number = source->fd < 0 ? errno : ask_descriptor(source);
    if (number != 0) {
        goleak_source_close(source);
        return fail_open(path, number, error);
    }
    *out = source;
    return GOLEAK_OK;
}

uint64_t goleak_source_size(const struct goleak_source *source)
{
    return source->size_bytes;
}

bool goleak_source_is_short(const struct goleak_source *source)
{
    return source->ended && source->read_bytes < source->size_bytes;
}

const char *goleak_source_path(const struct goleak_source *source)
{
    return source->path;
}

bool goleak_source_can_block(const struct goleak_source *source)
{
    return !source->regular;
}

/* As poll(2), which ignores a negative descriptor. */
static int wait_for(const struct goleak_source *source, int wake_fd, int wait_ms, bool *woken)
{
    struct pollfd wait[2] = { { .fd = source->fd, .events = POLLIN }, { .fd = wake_fd, .events = POLLIN } };
    int ready;
    do
        ready = poll(wait, 2, wait_ms);
    while (ready < 0 && errno == EINTR);
    *woken = ready > 0 && wait[1].revents != 0;
    return ready;
}

static bool never_waits(const struct goleak_source *source)
{
    return source->regular || source->ended || source->ahead_size != 0;
}

bool goleak_source_wait(struct goleak_source *source, int wake_fd)
{
    bool woken = false;
    if (!never_waits(source))
        wait_for(source, wake_fd, -1, &woken); /* what poll cannot do, read will say */
    return !woken;
}

bool goleak_source_is_idle(struct goleak_source *source, int wake_fd, int wait_ms)
{
    bool woken;
    return !never_waits(source) && wait_for(source, wake_fd, wait_ms, &woken) == 0;
}

size_t goleak_source_look(struct goleak_source *source, uint64_t at, void *buffer, size_t room)
{
    if (source->ahead_size == 0 && source->regular) {
        off_t from = lseek(source->fd, 0, SEEK_CUR);
        ssize_t got = from < 0 || at > INT64_MAX / 2 ? -1 : pread(source->fd, buffer, room, from + (off_t)at);
        return got < 0 ? 0 : (size_t)got;
    }
    if (at >= source->ahead_size)
        return 0;
    if (room > source->ahead_size - at)
        room = source->ahead_size - (size_t)at;
    memcpy(buffer, source->ahead + at, room);
    return room;
}

size_t goleak_source_again(struct goleak_source *source, uint64_t at, void *buffer, size_t room)
{
    size_t got = 0;
    if (!source->regular || source->begin < 0 || at > INT64_MAX / 2)
        return 0;
    while (got < room) {
        ssize_t count = pread(source->fd, (char *)buffer + got, room - got, source->begin + (off_t)(at + got));
        if (count == 0 || (count < 0 && errno != EINTR)) {
            if (count < 0 && source->again_errno == 0) {
                source->again_errno = errno;
                source->again_bytes = at + got;
            }
            break;
        }
        got += count > 0 ? (size_t)count : 0;
    }
    return got;
}

uint64_t goleak_source_skip(struct goleak_source *source, uint64_t bytes)
{
    struct stat info;
    const off_t from = source->regular && source->ahead_size == 0 ? lseek(source->fd, 0, SEEK_CUR) : -1;
    if (from < 0 || fstat(source->fd, &info) != 0 || info.st_size <= from)
        return 0;
    const uint64_t left = (uint64_t)(info.st_size - from);
    bytes = bytes < left ? bytes : left;
    if (bytes == 0 || lseek(source->fd, (off_t)bytes, SEEK_CUR) < 0)
        return 0;
#ifdef POSIX_FADV_WILLNEED
    (void)posix_fadvise(source->fd, from, (off_t)bytes, POSIX_FADV_WILLNEED); /* advice only */
#endif
    source->read_bytes += bytes;
    return bytes;
}

static enum goleak_status fail_read(const struct goleak_source *source, int number, uint64_t behind,
                                    struct goleak_error *error)
{
    char reason[128];
    reason_text(number, reason, sizeof reason);
    if (number == EBADF && source->borrowed_fd)
        goleak_error_set(error, GOLEAK_E_IO, "it is closed, or open for writing alone; expected a recording there");
    else if (behind == 0)
        goleak_error_set(error, GOLEAK_E_IO, "reading failed (%s)", reason);
    else
        goleak_error_set(error, GOLEAK_E_IO, "reading failed behind its first %" PRIu64 " bytes (%s)", behind, reason);
    return name_path(error, source->path);
}

enum goleak_status goleak_source_failure(const struct goleak_source *source, struct goleak_error *error)
{
    return source->again_errno != 0 ? fail_read(source, source->again_errno, source->again_bytes, error) : GOLEAK_OK;
}

enum goleak_status goleak_source_read(struct goleak_source *source, void *buffer, size_t room, size_t *got,
                                      struct goleak_error *error)
{
    *got = 0;
    if (source->ahead_size != 0 && room >= source->ahead_size) {
        *got = source->ahead_size;
        memcpy(buffer, source->ahead, *got);
        source->ahead_size = 0;
        return GOLEAK_OK;
    }
    if (source->ended || room == 0)
        return GOLEAK_OK;
    if (room > SSIZE_MAX)
        room = SSIZE_MAX;
    for (;;) {
        ssize_t count = read(source->fd, buffer, room);
        if (count > 0) {
            *got = (size_t)count;
            source->read_bytes += (uint64_t)count;
            return GOLEAK_OK;
        }
        if (count == 0) {
            source->ended = true; /* a terminal would go on behind its end */
            return GOLEAK_OK;
        }
        /* Somebody may have made the shared standard input non-blocking. */
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            goleak_source_wait(source, -1);
        else if (errno != EINTR)
            break;
    }
    return fail_read(source, errno, source->read_bytes, error);
}

enum goleak_status goleak_source_peek(struct goleak_source *source, const void **bytes, size_t *size, bool *all,
                                      struct goleak_error *error)
{
    enum goleak_status status = GOLEAK_OK;
    size_t got = 1, have = source->ahead_size;
    off_t from = source->regular ? lseek(source->fd, 0, SEEK_CUR) : -1;
    source->ahead_size = 0; /* they are in their place */
    while (status == GOLEAK_OK && have < sizeof source->ahead && got != 0) {
        status = goleak_source_read(source, source->ahead + have, sizeof source->ahead - have, &got, error);
        have += got;
    }
    source->ahead_size = have;
    *bytes = source->ahead;
    *size = have;
    *all = got == 0;
    /* Better read twice than from behind a few bytes on: pages are copied fast as a whole. */
    if (status == GOLEAK_OK && from >= 0 && lseek(source->fd, from, SEEK_SET) == from) {
        source->read_bytes -= have;
        source->ahead_size = 0;
        source->ended = false;
    }
    return status;
}

void goleak_source_close(struct goleak_source *source)
{
    if (source == NULL)
        return;
    if (source->fd >= 0 && !source->borrowed_fd)
        close(source->fd);
    goleak_free(source->alloc, source, source_room(source->path));
}
