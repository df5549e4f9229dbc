/* output - see output.h. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "output.h"

#include "files.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the user can do. */
static const char *advice_for(int error)
{
    switch (error) {
    case EISDIR: return ": name a file in it";
    case ENOENT:
    case ENOTDIR: return ": create the folder, or name another one";
    case EACCES:
    case EPERM:
    case EROFS: return ": give a place where you may write";
    case ENOSPC:
#ifdef EDQUOT
    case EDQUOT:
#endif
        return ": make room, or write to another disk";
    case EFBIG: return ": raise the limit (ulimit -f), or write to another disk";
    case ENAMETOOLONG: return ": give a shorter name";
    case ELOOP: return ": give a name that is no link to itself";
    case EEXIST: return ": it has come there meanwhile; --force overwrites it";
    default: return "";
    }
}

static bool fail(struct cli_output *output, const char *what, int error)
{
    output->failed = true;
    snprintf(output->problem, sizeof output->problem, "%s: %s%s", what, strerror(error), advice_for(error));
    return false;
}

static bool fail_write(struct cli_output *output, int error)
{
    return fail(output, output->name == NULL ? "standard output cannot be written" : "cannot be written", error);
}

/* ---- opening -------------------------------------------------------------- */

/* Of a name that leads to none: more than systems follow. */
#define LINKS 64

/* "dir/" of "dir/file", "" where there is none. */
static int directory_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (int)(slash + 1 - path) : 0;
}

static char *join(const char *directory, int size, const char *name)
{
    size_t room = (size_t)size + strlen(name) + 1;
    char *path = malloc(room);
    if (path != NULL)
        snprintf(path, room, "%.*s%s", size, directory, name);
    return path;
}

/* A device, pipe or socket is written as it is; only a regular file can be
 * replaced as a whole. */
static bool prepare_existing(struct cli_output *output, const struct stat *info)
{
    if (S_ISDIR(info->st_mode))
        return fail(output, "cannot be written", EISDIR);
    output->atomic = S_ISREG(info->st_mode);
    output->pipe = S_ISFIFO(info->st_mode);
    output->mode = info->st_mode & 0777;
    if (access(output->target, W_OK) != 0)
        return fail(output, "cannot be written", errno);
    return true;
}

static bool prepare_directory(struct cli_output *output)
{
    char *directory = join(output->target, directory_size(output->target), ".");
    if (directory == NULL)
        return fail(output, "cannot be written", ENOMEM);
    int error = access(directory, W_OK | X_OK) == 0 ? 0 : errno;
    free(directory);
    return error == 0 || fail(output, "cannot be created in its folder", error);
}

/* What a link points to is replaced, and made where it is not there yet. NULL: errno tells why. */
static char *find_target(const char *name)
{
    char *target = realpath(name, NULL), *next;
    if (target != NULL || errno != ENOENT)
        return target;
    target = join(name, (int)strlen(name), "");
    for (unsigned links = 0; target != NULL; links++, target = next) {
        char to[4096];
        ssize_t size = readlink(target, to, sizeof to - 1);
        if (size < 0)
            return target;
        to[size] = '\0';
        next = links < LINKS ? join(target, to[0] == '/' ? 0 : directory_size(target), to) : NULL;
        free(target);
        errno = links < LINKS ? ENOMEM : ELOOP; /* of a next one that is none */
    }
    return NULL;
}

bool cli_output_open(struct cli_output *output, const char *name, struct cli_diag *diag)
{
    struct stat info;
    memset(output, 0, offsetof(struct cli_output, buffer));
    output->name = name;
    output->diag = diag;
    output->fd = name == NULL ? STDOUT_FILENO : -1;
    if (name == NULL)
        return true;
    output->atomic = true;
    output->target = find_target(name);
    if (output->target == NULL)
        return fail(output, "cannot be written", errno);
    if (stat(output->target, &info) == 0 && !prepare_existing(output, &info))
        return false;
    return !output->atomic || prepare_directory(output);
}

/* ---- signals -------------------------------------------------------------- */

/* The stand-in, for who may do little: NULL, there is none. */
static char *volatile guarded;

static void end_by_signal(int number)
{
    const char *path = guarded;
    if (path != NULL)
        (void)unlink(path);
    signal(number, SIG_DFL); /* it comes again when this returns */
    raise(number);
}

static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU };

static void catch_ends(void)
{
    struct sigaction action, old;
    memset(&action, 0, sizeof action);
    action.sa_handler = end_by_signal;
    sigemptyset(&action.sa_mask);
    /* Who runs it in the background may have told it to ignore them. */
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(ends[i], &action, NULL);
}

/* Creates the stand-in; no signal comes between that and its guard. */
static int create_guarded(char *path)
{
    sigset_t set, before;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        sigaddset(&set, ends[i]);
    sigprocmask(SIG_BLOCK, &set, &before);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int error = errno;
    if (fd >= 0) {
        guarded = path;
        catch_ends();
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return fd;
}

static void forget_temporary(struct cli_output *output)
{
    guarded = NULL;
    free(output->temporary);
    output->temporary = NULL;
}

/* A name of its own, however long the target's is: NAME_MAX would refuse a
 * suffix to a long one. */
static bool create_temporary(struct cli_output *output)
{
    char name[64];
    for (unsigned i = 0; i < 100 && output->fd < 0; i++) {
        snprintf(name, sizeof name, ".goleak-report-%ld-%u.tmp", (long)getpid(), i);
        free(output->temporary);
        output->temporary = join(output->target, directory_size(output->target), name);
        if (output->temporary == NULL)
            return fail_write(output, ENOMEM);
        output->fd = create_guarded(output->temporary);
        if (output->fd < 0 && errno != EEXIST)
            break;
    }
    if (output->fd >= 0) {
        /* Where it is refused, umask's mode is right as well. */
        if (output->mode != 0 && fchmod(output->fd, output->mode) != 0)
            errno = 0;
        return true;
    }
    int error = errno;
    free(output->temporary);
    output->temporary = NULL;
    return fail_write(output, error);
}

/* A device, or a pipe: to open one that has a name is to wait for who reads it, for ever perhaps. */
static int open_as_it_is(const struct cli_output *output)
{
    const int flags = O_WRONLY | O_NOCTTY | O_CLOEXEC;
    int fd = output->pipe ? open(output->target, flags | O_NONBLOCK) : -1;
    if (fd >= 0 && fcntl(fd, F_SETFL, O_WRONLY) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    else if (output->pipe && errno == ENXIO)
        cli_diag_say(output->diag, CLI_NOTE, output->name, "is a pipe that nobody reads yet: waiting for a reader");
    return open(output->target, flags);
}

static bool ensure_open(struct cli_output *output)
{
    if (output->fd >= 0)
        return true;
    if (output->atomic)
        return create_temporary(output);
    output->fd = open_as_it_is(output);
    return output->fd >= 0 || fail_write(output, errno);
}

/* ---- writing -------------------------------------------------------------- */

/* A terminal or pipe that another program made non-blocking: wait for it. */
static void wait_writable(int fd)
{
    struct pollfd ready = { .fd = fd, .events = POLLOUT };
    (void)poll(&ready, 1, -1);
}

static bool write_all(struct cli_output *output, const char *data, size_t size)
{
    if (!ensure_open(output))
        return false;
    while (size > 0) {
        ssize_t wrote = write(output->fd, data, size);
        if (wrote >= 0) {
            data += wrote;
            size -= (size_t)wrote;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            wait_writable(output->fd);
        } else if (errno == EPIPE) {
            output->closed_pipe = true;
            return false;
        } else if (errno != EINTR) {
            return fail_write(output, errno);
        }
    }
    return true;
}

static bool flush(struct cli_output *output)
{
    size_t size = output->used;
    output->used = 0;
    return write_all(output, output->buffer, size);
}

bool cli_output_write(void *context, const void *data, size_t size)
{
    struct cli_output *output = context;
    if (output->failed || output->closed_pipe)
        return false;
    if (size > sizeof output->buffer - output->used && !flush(output))
        return false;
    if (size > sizeof output->buffer)
        return write_all(output, data, size);
    memcpy(output->buffer + output->used, data, size);
    output->used += size;
    return true;
}

/* ---- the end -------------------------------------------------------------- */

/* Under its name, or not at all. Without links, on some file systems, somebody else's
 * file of that name may be replaced in the moment between looking and renaming. */
static bool put_in_place(const struct cli_output *output)
{
    if (!output->keep)
        return rename(output->temporary, output->target) == 0;
    if (link(output->temporary, output->target) == 0) {
        unlink(output->temporary);
        return true;
    }
    if (errno == EEXIST)
        return false;
    if (access(output->target, F_OK) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(output->temporary, output->target) == 0;
}

/* A name is in the folder's own bytes; where those cannot be synced, it was tried. */
static void sync_folder(const struct cli_output *output)
{
    char *folder = join(output->target, directory_size(output->target), ".");
    int fd = folder != NULL ? open(folder, O_RDONLY | O_CLOEXEC) : -1;
    free(folder);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

bool cli_output_commit(struct cli_output *output)
{
    if (output->failed)
        return false;
    if (!output->closed_pipe && !flush(output) && output->failed)
        return false;
    int fd = output->fd;
    output->fd = -1;
    bool synced = fd < 0 || !output->durable || output->temporary == NULL || fsync(fd) == 0;
    int error = errno;
    /* A full disk or a lost network mount may tell only now. */
    if (fd >= 0 && close(fd) != 0 && errno != EINTR && !output->closed_pipe)
        return fail_write(output, errno);
    if (!synced && error != EINVAL) /* some file systems have no sync */
        return fail_write(output, error);
    if (output->temporary != NULL && !put_in_place(output))
        return fail(output, "cannot be put in place", errno);
    if (output->temporary != NULL && output->durable)
        sync_folder(output);
    forget_temporary(output);
    return true;
}

void cli_output_discard(struct cli_output *output)
{
    if (output->fd > STDERR_FILENO)
        close(output->fd);
    output->fd = -1;
    if (output->temporary != NULL)
        unlink(output->temporary);
    forget_temporary(output);
    free(output->target);
    output->target = NULL;
}

/* Whether reading `file` ("-" is standard input) and writing `name` (NULL is
 * standard output) would be one regular file. */
static bool is_input(const char *name, const char *file)
{
    struct stat out, in;
    int out_status = name == NULL ? fstat(STDOUT_FILENO, &out) : stat(name, &out);
    return out_status == 0 && cli_file_status(file, &in) && S_ISREG(out.st_mode) && out.st_dev == in.st_dev &&
           out.st_ino == in.st_ino;
}

/* Replacing a recording by its own report would be the end of it. */
bool cli_output_spares(const struct cli_options *options, struct cli_diag *diag)
{
    const char *lost = NULL;
    for (size_t i = 0; i < options->file_count && lost == NULL; i++)
        if (is_input(options->output, options->files[i]))
            lost = options->files[i];
    if (lost != NULL)
        cli_diag_say(diag, CLI_ERROR, lost, "is the recording and the output at once: give the output another name");
    else if (options->exe != NULL && is_input(options->output, options->exe))
        cli_diag_say(diag, CLI_ERROR, lost = options->exe,
                     "is the program and the output at once: give the output another name");
    return lost == NULL;
}
