/* recorders - the table of recorders, and the public calls that use it. */
#include "recorder/recorder.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* In the order in which help texts name them. */
const struct goleak_recorder *const goleak_recorders[] = {
    &goleak_recorder_bpftrace,
    &goleak_recorder_dtrace,
    &goleak_recorder_perf,
};
const size_t goleak_recorder_count = sizeof goleak_recorders / sizeof *goleak_recorders;

const char *goleak_recorder_name(size_t index)
{
    return index < goleak_recorder_count ? goleak_recorders[index]->name : NULL;
}

static const struct goleak_recorder *find(const char *name)
{
    for (size_t i = 0; i < goleak_recorder_count; i++)
        if (strcmp(goleak_recorders[i]->name, name) == 0)
            return goleak_recorders[i];
    return NULL;
}

static enum goleak_status write_script(const struct goleak_recorder *recorder,
                                       const struct goleak_recorder_target *target, const char *exe,
                                       struct goleak_buf *buf, goleak_write_fn *write, void *context,
                                       struct goleak_error *error)
{
    enum goleak_status status = recorder->write(target, buf, error);
    if (status != GOLEAK_OK) {
        /* What a tool cannot do, it cannot do with this program. */
        if (error != NULL && exe != NULL)
            snprintf(error->path, sizeof error->path, "%s", exe);
        return status;
    }
    if (buf->failed)
        return goleak_error_alloc(error, buf->alloc);
    if (!write(context, buf->data, buf->size))
        return goleak_error_set(error, GOLEAK_E_IO, "the script could not be written");
    return GOLEAK_OK;
}

enum goleak_status goleak_recorder_write(const char *tool, const struct goleak_recorder_options *options,
                                         goleak_write_fn *write, void *context, struct goleak_error *error)
{
    struct goleak_recorder_options given = GOLEAK_RECORDER_OPTIONS_INIT;
    struct goleak_recorder_target target;
    char path[GOLEAK_RECORDER_PATH];
    const struct goleak_recorder *recorder = find(tool);
    if (recorder == NULL)
        return goleak_error_set(error, GOLEAK_E_USAGE, "found \"%.40s\", expected the name of a recorder", tool);
    enum goleak_status status =
        goleak_options_copy(&given, sizeof given, options, "GOLEAK_RECORDER_OPTIONS_INIT", error);
    if (status != GOLEAK_OK)
        return status;
    if (given.locks && recorder->no_locks != NULL) /* before any program is asked for */
        return goleak_error_set(error, GOLEAK_E_USAGE, "%s", recorder->no_locks);
    struct goleak_alloc alloc;
    struct goleak_buf buf;
    goleak_alloc_init(&alloc, given.allocator, 0);
    status = goleak_recorder_target_init(&target, path, &alloc, &given, error);
    if (status != GOLEAK_OK)
        return status;
    goleak_buf_init(&buf, &alloc);
    status = write_script(recorder, &target, given.exe, &buf, write, context, error);
    goleak_buf_release(&buf);
    return status;
}
