/*
 * load - files around traces: opening, a decode thread where it helps, and which
 * inputs belong together.
 *
 * A recorder tells its losses on standard error, so people keep that in a file
 * of its own (x.txt and x.err). Such a file has messages and no events: what it
 * says is entered in the health of the recording that it stands beside, the one
 * whose name begins most like its own.
 */
#include "join.h"

#include "base/error.h"
#include "input/decode.h"

#include <stdio.h>
#include <string.h>

/* A file on its way into an input. */
struct feed {
    struct goleak_input *input;
    struct goleak_source *source;
    struct goleak_decode *decode;
    bool ended;
};

static enum goleak_status open_feed(struct feed *feed, struct goleak_trace *trace, const char *path,
                                    struct goleak_error *error)
{
    *feed = (struct feed){ 0 };
    enum goleak_status status = goleak_source_open(&feed->source, &trace->alloc, path, error);
    return status == GOLEAK_OK ? goleak_input_open(&feed->input, trace, path, error) : status;
}

/* `index`: how many feeds of this trace may have taken a thread already. */
static enum goleak_status start_feed(struct feed *feed, struct goleak_trace *trace, size_t index,
                                     struct goleak_error *error)
{
    unsigned jobs = trace->options.jobs;
    return goleak_decode_open(&feed->decode, &trace->alloc, feed->source, trace->options.max_memory_bytes / 2,
                              jobs == 0 || index + 1 < jobs, error);
}

/* One run of bytes; at the end the input is finished. */
static enum goleak_status pump(struct feed *feed, struct goleak_trace *trace, struct goleak_error *error)
{
    const void *data;
    size_t size;
    struct goleak_input *input = feed->input;
    enum goleak_status status = goleak_decode_next(feed->decode, &data, &size, goleak_input_damage, input, error);
    input->bytes = goleak_decode_bytes_read(feed->decode);
    if (status != GOLEAK_OK)
        return status;
    if (size == 0) {
        feed->ended = true;
        return goleak_input_finish(input, error);
    }
    status = goleak_input_feed_plain(input, data, size, error);
    if (status == GOLEAK_OK && trace->options.progress != NULL)
        trace->options.progress(trace->options.progress_context, input->bytes, goleak_source_size(feed->source));
    return status;
}

static void close_feed(struct feed *feed)
{
    goleak_decode_close(feed->decode);
    goleak_source_close(feed->source);
}

static enum goleak_status read_path(struct goleak_trace *trace, const char *path, struct goleak_error *error)
{
    struct feed feed;
    enum goleak_status status = open_feed(&feed, trace, path, error);
    if (status == GOLEAK_OK)
        status = start_feed(&feed, trace, 0, error);
    while (status == GOLEAK_OK && !feed.ended)
        status = pump(&feed, trace, error);
    close_feed(&feed);
    return status;
}

/* Paths that are recordings of one process. */
struct group {
    const char *paths[GOLEAK_LANES];
    const struct goleak_identity *identities[GOLEAK_LANES];
    size_t indexes[GOLEAK_LANES];
    size_t count;
};

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

/* ---- recordings of one process ---- */

/* The one whose time is behind the others': the merge waits for it. */
static struct feed *next_feed(struct feed *feeds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!feeds[i].ended && goleak_lane_is_wanted(feeds[i].input->lane))
            return &feeds[i];
    for (size_t i = 0; i < count; i++)
        if (!feeds[i].ended)
            return &feeds[i];
    return NULL;
}

/* Events that do not tell their process are of the only one that the others name. */
static void give_pids(struct feed *feeds, const struct group *group)
{
    uint32_t pid = 0;
    for (size_t i = 0; i < group->count; i++)
        if (group->identities[i]->pid_count == 1)
            pid = group->identities[i]->pids[0];
    for (size_t i = 0; i < group->count && pid != 0; i++) {
        feeds[i].input->lane->pid = pid;
        feeds[i].input->lane->has_pid = true;
    }
}

static enum goleak_status read_group(struct goleak_trace *trace, const struct group *group, struct goleak_error *error)
{
    struct feed feeds[GOLEAK_LANES] = { { 0 } };
    enum goleak_status status = GOLEAK_OK;
    for (size_t i = 0; i < group->count && status == GOLEAK_OK; i++)
        status = open_feed(&feeds[i], trace, group->paths[i], error);
    for (size_t i = 0; i < group->count && status == GOLEAK_OK; i++)
        status = start_feed(&feeds[i], trace, i, error);
    if (status == GOLEAK_OK)
        give_pids(feeds, group);
    for (struct feed *feed; status == GOLEAK_OK && (feed = next_feed(feeds, group->count)) != NULL;)
        status = pump(feed, trace, error);
    for (size_t i = 0; i < group->count; i++)
        close_feed(&feeds[i]);
    return status;
}

/* *trace is NULL unless all of it went well: then each path is loaded on its own. */
static void load_group(struct goleak_trace **trace, const struct group *group, const struct goleak_options *options)
{
    struct goleak_error error;
    enum goleak_status status = goleak_trace_new(trace, options, &error);
    if (status == GOLEAK_OK)
        status = read_group(*trace, group, &error);
    if (status == GOLEAK_OK)
        status = goleak_trace_finish(*trace, &error);
    if (status == GOLEAK_OK)
        return;
    goleak_trace_free(*trace);
    *trace = NULL;
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
        if (id != GOLEAK_HEALTH_lost_events && id != GOLEAK_HEALTH_recorder_errors)
            continue;
        uint64_t told = id == GOLEAK_HEALTH_lost_events ? trace->health.entries[id].count : 0;
        if (entry->count > told) /* the recording may have told the same losses */
            goleak_health_note(&trace->health, (enum goleak_health_id)id, entry->count - told, entry->line,
                               entry->column, entry->offset, "%s", entry->detail);
    }
    return true;
}

/* Who joins paths[first]? Those that join it, and those that join them. */
static void gather(struct group *group, const char *const *paths, struct goleak_identity *const *identities,
                   const bool *taken, size_t path_count, size_t first)
{
    *group = (struct group){ .paths = { paths[first] }, .identities = { identities[first] }, .indexes = { first },
                             .count = 1 };
    for (size_t member = 0; member < group->count; member++)
        for (size_t i = first + 1; i < path_count && group->count < GOLEAK_LANES; i++) {
            bool is_in = taken[i];
            for (size_t k = 0; k < group->count; k++)
                is_in = is_in || group->indexes[k] == i;
            if (is_in || !goleak_identity_joins(group->identities[member], identities[i]))
                continue;
            group->paths[group->count] = paths[i];
            group->identities[group->count] = identities[i];
            group->indexes[group->count++] = i;
        }
}

/* Loads those that belong together; taken[i] is set for each path that is done. */
static enum goleak_status load_joined(struct goleak_trace **traces, const char *const *paths, size_t path_count,
                                      const struct goleak_options *options, struct goleak_alloc *alloc, bool *taken)
{
    size_t looked = 0;
    struct goleak_identity **identities = goleak_alloc_array(alloc, path_count, sizeof *identities);
    struct group *group = goleak_alloc_array(alloc, 1, sizeof *group);
    bool has_room = identities != NULL && group != NULL;
    for (; looked < path_count && has_room; looked++) {
        identities[looked] = goleak_alloc_array(alloc, 1, sizeof **identities);
        if (identities[looked] == NULL)
            break;
        goleak_identity_read(identities[looked], paths[looked], options);
    }
    has_room = has_room && looked == path_count;
    for (size_t i = 0; i < path_count && has_room; i++) {
        if (taken[i] || !identities[i]->timed)
            continue;
        gather(group, paths, identities, taken, path_count, i);
        if (group->count < 2)
            continue;
        load_group(&traces[i], group, options);
        for (size_t k = 0; k < group->count && traces[i] != NULL; k++)
            taken[group->indexes[k]] = true;
    }
    for (size_t i = 0; i < looked; i++)
        goleak_free(alloc, identities[i], sizeof **identities);
    goleak_free(alloc, identities, path_count * sizeof *identities);
    goleak_free(alloc, group, sizeof *group);
    return has_room ? GOLEAK_OK : goleak_alloc_failure(alloc);
}

static struct goleak_options left_of(const struct goleak_options *options, uint64_t limit_bytes,
                                     struct goleak_trace *const *traces, size_t count)
{
    struct goleak_options own = *options;
    uint64_t used_bytes = 0;
    for (size_t i = 0; i < count; i++)
        used_bytes += traces[i] != NULL ? traces[i]->alloc.used_bytes : 0;
    if (limit_bytes != 0) /* one limit for all: a byte at least, 0 would be none */
        own.max_memory_bytes = limit_bytes > used_bytes ? limit_bytes - used_bytes : 1;
    return own;
}

/* Message files go to their recordings; what failed goes. */
static void tidy(struct goleak_trace **traces, size_t path_count, struct goleak_error *errors)
{
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
}

enum goleak_status goleak_trace_load_all(struct goleak_trace **traces, size_t *trace_count, const char *const *paths,
                                         size_t path_count, const struct goleak_options *options,
                                         struct goleak_error *errors)
{
    struct goleak_options own = GOLEAK_OPTIONS_INIT;
    struct goleak_alloc alloc;
    enum goleak_status last = GOLEAK_OK;
    *trace_count = 0;
    if (options != NULL)
        memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    own.size = sizeof own;
    goleak_alloc_init(&alloc, own.allocator, own.max_memory_bytes);
    bool *taken = goleak_alloc_zeroed(&alloc, path_count + 1);
    for (size_t i = 0; i < path_count; i++) {
        memset(&errors[i], 0, sizeof errors[i]);
        traces[i] = NULL;
    }
    if (taken != NULL && path_count > 1)
        load_joined(traces, paths, path_count, &own, &alloc, taken); /* what does not join is loaded alone */
    for (size_t i = 0; i < path_count; i++) {
        if (taken != NULL && taken[i])
            continue;
        struct goleak_options left = left_of(&own, own.max_memory_bytes, traces, path_count);
        load(&traces[i], paths[i], &left, &errors[i]); /* errors[i] tells */
    }
    goleak_free(&alloc, taken, path_count + 1);
    tidy(traces, path_count, errors);
    for (size_t i = 0; i < path_count; i++) {
        if (errors[i].status != GOLEAK_OK)
            last = errors[i].status;
        if (traces[i] != NULL)
            traces[(*trace_count)++] = traces[i];
    }
    return last;
}
