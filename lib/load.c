/*
 * load - files around traces: opening, a decode thread where it helps, and which
 * inputs belong together.
 *
 * A recorder tells its losses on standard error, so people keep that in a file
 * of its own (x.txt and x.err). Such a file has messages and no events: what it
 * says is entered in the health of the recording that it stands beside, the one
 * whose name begins most like its own.
 */
#include "trace.h"

#include "base/error.h"
#include "input/decode.h"

#include <stdio.h>
#include <string.h>

static enum goleak_status pump(struct goleak_trace *trace, struct goleak_input *input, struct goleak_decode *decode,
                               uint64_t total_bytes, struct goleak_error *error)
{
    for (;;) {
        const void *data;
        size_t size;
        enum goleak_status status = goleak_decode_next(decode, &data, &size, goleak_input_damage, input, error);
        input->bytes = goleak_decode_bytes_read(decode);
        if (status != GOLEAK_OK || size == 0)
            return status;
        status = goleak_input_feed_plain(input, data, size, error);
        if (status != GOLEAK_OK)
            return status;
        if (trace->options.progress != NULL)
            trace->options.progress(trace->options.progress_context, input->bytes, total_bytes);
    }
}

static enum goleak_status read_path(struct goleak_trace *trace, const char *path, struct goleak_error *error)
{
    struct goleak_source *source = NULL;
    struct goleak_decode *decode = NULL;
    struct goleak_input *input;
    enum goleak_status status = goleak_source_open(&source, &trace->alloc, path, error);
    if (status == GOLEAK_OK)
        status = goleak_input_open(&input, trace, path, error);
    if (status == GOLEAK_OK)
        status = goleak_decode_open(&decode, &trace->alloc, source, trace->options.max_memory_bytes / 2,
                                    trace->options.jobs != 1, error);
    if (status == GOLEAK_OK)
        status = pump(trace, input, decode, goleak_source_size(source), error);
    goleak_decode_close(decode);
    goleak_source_close(source);
    return status == GOLEAK_OK ? goleak_input_finish(input, error) : status;
}

/* Loads one path; *trace is there even after a failure of the input, NULL only if
 * there was no trace to be had. */
static enum goleak_status load(struct goleak_trace **trace, const char *path, const struct goleak_options *options,
                               struct goleak_error *error)
{
    enum goleak_status status = goleak_trace_new(trace, options, error);
    if (status == GOLEAK_OK)
        status = read_path(*trace, path, error);
    if (status == GOLEAK_OK)
        status = goleak_trace_finish(*trace, error);
    if (status != GOLEAK_OK && error != NULL && error->path[0] == '\0')
        snprintf(error->path, sizeof error->path, "%s", path);
    return status;
}

enum goleak_status goleak_trace_load(struct goleak_trace **out, const char *path,
                                     const struct goleak_options *options, struct goleak_error *error)
{
    enum goleak_status status = load(out, path, options, error);
    if (status != GOLEAK_OK) {
        goleak_trace_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- several ---- */

static bool is_messages(const struct goleak_trace *trace)
{
    return trace != NULL && !trace->finished && trace->input_count == 1 && trace->inputs[0]->finished &&
           trace->inputs[0]->facts.events == 0 && trace->inputs[0]->facts.notes != 0;
}

/* Up to the first dot of its last part: "trace" of "x/trace.txt.zst". */
static size_t stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strchr(name, '.');
    return dot != NULL ? (size_t)(dot - path) : strlen(path);
}

/* A file without anything of ours, named like a recording that was loaded: what
 * the recorder wrote on standard error when it had nothing to complain of. */
static bool is_silent_companion(struct goleak_trace *const *traces, size_t count, size_t index,
                                const struct goleak_error *error)
{
    if (traces[index] == NULL || traces[index]->finished || traces[index]->input_count != 1 ||
        (error->status != GOLEAK_E_EMPTY && error->status != GOLEAK_E_FORMAT && error->status != GOLEAK_E_NOEVENTS) ||
        error->has_offset)
        return false;
    const char *path = traces[index]->inputs[0]->path;
    for (size_t i = 0; i < count; i++) {
        if (traces[i] == NULL || !traces[i]->finished)
            continue;
        const char *other = traces[i]->inputs[0]->path;
        if (stem_of(other) == stem_of(path) && strncmp(other, path, stem_of(path)) == 0 && strcmp(other, path) != 0)
            return true;
    }
    return false;
}

static size_t common_prefix(const char *a, const char *b)
{
    size_t size = 0;
    while (a[size] != '\0' && a[size] == b[size])
        size++;
    return size;
}

/* The finished trace that a message file stands beside; NULL: none. */
static struct goleak_trace *find_neighbour(struct goleak_trace *const *traces, size_t count, size_t messages)
{
    const char *path = traces[messages]->inputs[0]->path;
    struct goleak_trace *best = NULL;
    size_t best_size = 0;
    for (size_t i = 0; i < count; i++) {
        if (traces[i] == NULL || !traces[i]->finished)
            continue;
        size_t size = common_prefix(path, traces[i]->inputs[0]->path) + 1;
        /* Of equally like names, the one given last before it. */
        if (size > best_size || (size == best_size && i < messages)) {
            best = traces[i];
            best_size = size;
        }
    }
    return best;
}

/* Moves the message file's input and complaints to the recording. */
static bool adopt(struct goleak_trace *trace, struct goleak_trace *messages)
{
    struct goleak_input *input;
    struct goleak_error error;
    const struct goleak_input *from = messages->inputs[0];
    trace->finished = false;
    enum goleak_status status = goleak_input_open(&input, trace, from->path, &error);
    trace->finished = true;
    if (status != GOLEAK_OK)
        return false;
    input->format = from->format;
    input->facts = from->facts;
    input->bytes = from->bytes;
    input->finished = true;
    for (int id = 0; id < GOLEAK_HEALTH_COUNT; id++) {
        const struct goleak_health_entry *entry = &messages->health.entries[id];
        /* What else is in that file was not meant for us. */
        if (id == GOLEAK_HEALTH_lost_events || id == GOLEAK_HEALTH_recorder_errors)
            if (entry->count != 0)
                goleak_health_note(&trace->health, (enum goleak_health_id)id, entry->count, entry->line,
                                   entry->column, entry->offset, "%s", entry->detail);
    }
    return true;
}

enum goleak_status goleak_trace_load_all(struct goleak_trace **traces, size_t *trace_count, const char *const *paths,
                                         size_t path_count, const struct goleak_options *options,
                                         struct goleak_error *errors)
{
    struct goleak_options own = GOLEAK_OPTIONS_INIT;
    enum goleak_status last = GOLEAK_OK;
    uint64_t used_bytes = 0;
    *trace_count = 0;
    if (options != NULL)
        memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    own.size = sizeof own;
    uint64_t limit_bytes = own.max_memory_bytes;
    for (size_t i = 0; i < path_count; i++) {
        memset(&errors[i], 0, sizeof errors[i]);
        if (limit_bytes != 0) /* one limit for all: a byte at least, 0 would be none */
            own.max_memory_bytes = limit_bytes > used_bytes ? limit_bytes - used_bytes : 1;
        load(&traces[i], paths[i], &own, &errors[i]); /* errors[i] tells */
        if (traces[i] != NULL)
            used_bytes += traces[i]->alloc.used_bytes;
    }
    for (size_t i = 0; i < path_count; i++) {
        if (traces[i] == NULL || traces[i]->finished)
            continue;
        if (!is_messages(traces[i]) && !is_silent_companion(traces, path_count, i, &errors[i])) {
            goleak_trace_free(traces[i]);
            traces[i] = NULL;
            continue;
        }
        struct goleak_trace *neighbour = find_neighbour(traces, path_count, i);
        if (neighbour != NULL && adopt(neighbour, traces[i]))
            memset(&errors[i], 0, sizeof errors[i]);
        goleak_trace_free(traces[i]);
        traces[i] = NULL;
    }
    for (size_t i = 0; i < path_count; i++) {
        if (errors[i].status != GOLEAK_OK)
            last = errors[i].status;
        if (traces[i] != NULL)
            traces[(*trace_count)++] = traces[i];
    }
    return last;
}
