/* files - see files.h. */
#include "files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool cli_file_status(const char *file, struct stat *info)
{
    return (strcmp(file, "-") == 0 ? fstat(STDIN_FILENO, info) : stat(file, info)) == 0;
}

uint64_t cli_files_bytes(const struct cli_options *options)
{
    uint64_t total = 0;
    for (size_t i = 0; i < options->file_count; i++) {
        struct stat info;
        if (!cli_file_status(options->files[i], &info) || !S_ISREG(info.st_mode))
            return 0;
        total += (uint64_t)info.st_size;
    }
    return total;
}

/* A device may give something else each time it is opened, and what cannot be asked is
 * told of when it is opened. */
static bool identify(const char *file, struct stat *info)
{
    return cli_file_status(file, info) && !S_ISCHR(info->st_mode);
}

void cli_files_once(struct cli_options *options, struct cli_diag *diag)
{
    struct stat *kept = calloc(options->file_count, sizeof *kept);
    size_t count = 0;
    if (kept == NULL)
        return;
    for (size_t i = 0; i < options->file_count; i++) {
        const char *file = options->files[i];
        struct stat info = { 0 };
        size_t same = count;
        if (identify(file, &info))
            for (same = 0; same < count; same++)
                if (kept[same].st_ino == info.st_ino && kept[same].st_dev == info.st_dev)
                    break;
        if (same == count) {
            kept[count] = info;
            options->files[count++] = file;
        } else if (strcmp(options->files[same], file) == 0) {
            cli_diag_say(diag, CLI_WARNING, file, "is given twice; it is read once");
        } else {
            cli_diag_say(diag, CLI_WARNING, file, "is the same file as %s; it is read once", options->files[same]);
        }
    }
    options->file_count = count;
    free(kept);
}
