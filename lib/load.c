/*
 * load - files around traces: opening, threads where they help, and which inputs
 * belong together.
 *
 * A recorder tells its losses on standard error, so people keep that in a file
 * of its own (x.txt and x.err). Such a file has messages and no events: what it
 * says is entered in the health of the recording that it stands beside, the one
 * whose name begins most like its own.
 */
#include "feed.h"
#include "join.h"

#include "base/error.h"
#include "base/thread.h"
#include "input/frames.h"
#include "input/unzstd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum goleak_status goleak_feed_open(struct goleak_feed *feed, struct goleak_trace *trace, const char *path,
                                    struct goleak_error *error)
{
    *feed = (struct goleak_feed){ 0 };
    goleak_buf_init(&feed->ahead, &trace->alloc);
    enum goleak_status status = goleak_source_open(&feed->source, &trace->alloc, path, error);
    return status == GOLEAK_OK ? goleak_input_open(&feed->input, trace, path, error) : status;
}

/* A file is read before a thread for it has been started. */
#define SMALL_BYTES ((uint64_t)512 * 1024)

/* How many threads, beside the caller's, one of `feeds` inputs may have. More than there are cores
 * take longer: what one has written the other has to fetch. */
static unsigned threads_of(const struct goleak_feed *feed, const struct goleak_trace *trace, size_t index, size_t feeds)
{
    unsigned jobs = trace->options.jobs;
    if (jobs != 0) /* one for each, and what is left from the first on */
        return (unsigned)((jobs - 1) / feeds + (index < (jobs - 1) % feeds));
    unsigned cores = goleak_thread_cores();
    bool small = !goleak_source_can_block(feed->source) && goleak_source_size(feed->source) < SMALL_BYTES;
    if (cores == 1 || small)
        return 0;
    return feeds == 1 ? cores - 1 : index < cores;
}

/* NULL also: there may be one, which more bytes tell (*more). */
static const struct goleak_format *format_of(const void *bytes, size_t size, bool all, bool *more)
{
    char advice[256];
    return goleak_format_sniff(bytes, size, all, more, advice);
}

static bool is_text(const void *bytes, size_t size, bool all)
{
    bool more;
    const struct goleak_format *format = format_of(bytes, size, all, &more);
    return format != NULL ? format->sections != NULL : more;
}

/* Records are packed which a thread can read, as far as that can be told without their bytes being gone. */
static bool packs_records(const struct goleak_feed *feed)
{
    char first[64];
    char *packed = malloc(GOLEAK_ZSTD_FIRST_BYTES);
    size_t size = packed == NULL ? 0 : goleak_source_look(feed->source, 0, packed, GOLEAK_ZSTD_FIRST_BYTES);
    bool more;
    size = size == 0 ? 0 : goleak_zstd_first(packed, size, first, sizeof first);
    free(packed);
    const struct goleak_format *format = size == 0 ? NULL : format_of(first, size, false, &more);
    return format != NULL && format->sections == NULL && !format->alone;
}

/* More would be ahead of any reader. */
#define WORKERS 3

/* How many of the threads that are left are to unpack, beside the one that does. Half of them, where
 * others could read: which of the two takes longer, the format decides, and that is packed. None
 * unless threads are asked for: each takes as much memory as all the rest of a recording of text. */
static unsigned workers_of(const struct goleak_feed *feed, const struct goleak_trace *trace, unsigned threads,
                           bool aside)
{
    unsigned workers = aside ? threads / 2 : threads;
    bool may = trace->options.allocator == NULL && trace->alloc.limit_bytes == 0;
    if (trace->options.jobs == 0 || workers == 0 || !may || !goleak_frames_are_in(feed->source))
        return 0;
    return workers < WORKERS ? workers : WORKERS;
}

/* Unpacking gains most by a thread, then reading lines and records, then reading bytes. But a Go trace's events take as
 * long to be replayed as to be unpacked and read: one thread does both. Two would be faster by a twentieth to a
 * seventh, and take 2.4 MB more. */
enum goleak_status goleak_feed_start(struct goleak_feed *feed, struct goleak_trace *trace, size_t index, size_t feeds,
                                     struct goleak_error *error)
{
    const void *first;
    size_t size;
    bool all;
    unsigned how = 0, workers = 0;
    enum goleak_status status = goleak_source_peek(feed->source, &first, &size, &all, error);
    if (status != GOLEAK_OK)
        return status;
    const char *packing = goleak_unpack_sniff(first, size, all);
    bool packed = packing != NULL && strcmp(packing, "plain") != 0;
    unsigned threads = threads_of(feed, trace, index, feeds);
    bool aside = threads != 0 && trace->options.exe == NULL && trace->options.allocator == NULL && !feed->here;
    bool apart = packed && threads != 0; /* it is unpacked on a thread of its own */
    if (apart && threads == 1 && aside) {
        aside = trace->alloc.limit_bytes == 0 && packs_records(feed);
        apart = !aside;
    }
    if (apart) {
        workers = workers_of(feed, trace, threads - 1, aside);
        how = GOLEAK_DECODE_THREAD | GOLEAK_DECODE_WORKERS(workers);
    } else if (aside && threads > 1 && !is_text(first, size, all)) { /* which its readers read themselves */
        how = GOLEAK_DECODE_PLAIN_THREAD;
    }
    if (aside)
        status = goleak_reading_open(&feed->reading, feed->input, feed->source, threads - apart - workers, how, error);
    if (status == GOLEAK_OK && feed->reading == NULL)
        status = goleak_decode_open(&feed->decode, &trace->alloc, feed->source, trace->options.max_memory_bytes / 2,
                                    how, error);
    if (status == GOLEAK_OK && feed->decode != NULL)
        feed->input->again = goleak_decode_again(feed->decode);
    return status;
}

static enum goleak_status next_run(struct goleak_feed *feed, const void **data, size_t *size,
                                   struct goleak_error *error)
{
    enum goleak_status status = goleak_decode_next(feed->decode, data, size, goleak_input_damage, feed->input, error);
    feed->input->bytes = goleak_decode_bytes_read(feed->decode);
    return status;
}

enum goleak_status goleak_feed_look(struct goleak_feed *feed, bool *more, struct goleak_error *error)
{
    const void *data;
    size_t size;
    enum goleak_status status = next_run(feed, &data, &size, error);
    *more = status == GOLEAK_OK && size != 0;
    if (*more)
        goleak_buf_append(&feed->ahead, data, size);
    return feed->ahead.failed ? goleak_error_alloc(error, feed->ahead.alloc) : status;
}

static enum goleak_status pump_ahead(struct goleak_feed *feed, struct goleak_error *error)
{
    enum goleak_status status = goleak_input_feed_plain(feed->input, feed->ahead.data, feed->ahead.size, error);
    goleak_buf_release(&feed->ahead);
    return status;
}

/* One run of bytes; at the end the input is finished. */
static enum goleak_status pump_run(struct goleak_feed *feed, struct goleak_error *error)
{
    const void *data;
    size_t size;
    struct goleak_input *input = feed->input;
    if (feed->ahead.size != 0)
        return pump_ahead(feed, error);
    goleak_decode_skip(feed->decode, &input->skip);
    enum goleak_status status = next_run(feed, &data, &size, error);
    if (status != GOLEAK_OK)
        return status;
    feed->ended = size == 0;
    return feed->ended ? goleak_input_finish(input, error) : goleak_input_feed_plain(input, data, size, error);
}

enum goleak_status goleak_feed_pump(struct goleak_feed *feed, struct goleak_trace *trace, struct goleak_error *error)
{
    enum goleak_status status =
        feed->reading != NULL ? goleak_reading_next(feed->reading, &feed->ended, error) : pump_run(feed, error);
    if (status == GOLEAK_OK && feed->ended)
        status = goleak_source_failure(feed->source, error);
    if (status == GOLEAK_OK && feed->ended && goleak_source_is_short(feed->source))
        goleak_input_damage(feed->input, true, feed->input->bytes,
                            "the file became shorter while it was read: read it again, or a copy of it if somebody "
                            "writes to it");
    if (status == GOLEAK_OK && !feed->ended && trace->options.progress != NULL)
        trace->options.progress(trace->options.progress_context, feed->input->bytes, goleak_source_size(feed->source));
    return status;
}

void goleak_feed_close(struct goleak_feed *feed)
{
    if (feed->input != NULL)
        feed->input->again = NULL;
    goleak_reading_close(feed->reading);
    goleak_decode_close(feed->decode);
    goleak_source_close(feed->source);
    goleak_buf_release(&feed->ahead);
}

static enum goleak_status read_path(struct goleak_trace *trace, const char *path, struct goleak_error *error)
{
    struct goleak_feed feed;
    enum goleak_status status = goleak_feed_open(&feed, trace, path, error);
    if (status == GOLEAK_OK)
        status = goleak_feed_start(&feed, trace, 0, 1, error);
    while (status == GOLEAK_OK && !feed.ended)
        status = goleak_feed_pump(&feed, trace, error);
    goleak_feed_close(&feed);
    return status;
}

/* What became of a path: the input of a trace, once it is read. */
struct place {
    size_t trace, input; /* inputs[input] of traces[trace] */
    bool done;           /* … or refused */
};

/* All paths of one call, and what each became. */
struct call {
    const char *const *paths;
    size_t path_count;
    const struct goleak_options *options;
    struct goleak_alloc alloc; /* for what joining takes */
    struct place *places;
    struct goleak_trace **traces; /* by path; those that were joined under the first's */
    struct goleak_error *errors;
    struct goleak_identity **identities; /* by path */
    size_t side_by_side;          /* so many are read at a time */
};

/* Paths that are recordings of one process. */
struct group {
    size_t indexes[GOLEAK_LANES];
    size_t count;
    const struct goleak_identity *const *identities; /* by path */
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

static bool is_read(const struct call *call, size_t index)
{
    const struct place *place = &call->places[index];
    const struct goleak_trace *trace = call->traces[place->trace];
    return trace != NULL && trace->finished && call->errors[index].status == GOLEAK_OK;
}

/* A file without anything of ours, named like a recording that was loaded: what
 * the recorder wrote on standard error when it had nothing to complain of. */
static bool is_silent_companion(const struct call *call, size_t index)
{
    const struct goleak_trace *trace = call->traces[index];
    const struct goleak_error *error = &call->errors[index];
    if (trace == NULL || trace->finished || trace->input_count != 1 ||
        (error->status != GOLEAK_E_EMPTY && error->status != GOLEAK_E_FORMAT && error->status != GOLEAK_E_NOEVENTS) ||
        error->has_offset)
        return false;
    const char *path = call->paths[index];
    for (size_t i = 0; i < call->path_count; i++) {
        if (is_read(call, i) && goleak_paths_are_neighbours(call->paths[i], path))
            return true;
    }
    return false;
}

/* The recording that a message file stands beside; NULL: none. */
static const struct place *find_neighbour(const struct call *call, size_t messages)
{
    const struct place *best = NULL;
    size_t best_size = 0;
    for (size_t i = 0; i < call->path_count; i++) {
        if (i == messages || !is_read(call, i))
            continue;
        size_t size = goleak_paths_alike(call->paths[messages], call->paths[i]) + 1;
        /* Of equally like names, the one given last before it. */
        if (size > best_size || (size == best_size && i < messages)) {
            best = &call->places[i];
            best_size = size;
        }
    }
    return best;
}

/* ---- recordings of one process ---- */

/* The one whose time is behind the others': the merge waits for it. */
static struct goleak_feed *next_feed(struct goleak_feed *feeds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!feeds[i].ended && goleak_input_is_wanted(feeds[i].input))
            return &feeds[i];
    for (size_t i = 0; i < count; i++)
        if (!feeds[i].ended)
            return &feeds[i];
    return NULL;
}

/* Events that do not tell their process are of the only one that the others name. */
static void give_pids(struct goleak_feed *feeds, const struct group *group)
{
    uint32_t pid = 0;
    for (size_t i = 0; i < group->count; i++)
        if (group->identities[group->indexes[i]]->pid_count == 1)
            pid = group->identities[group->indexes[i]]->pids[0];
    for (size_t i = 0; i < group->count; i++)
        feeds[i].input->lane->pid = pid;
}

static enum goleak_status read_group(struct goleak_trace *trace, const char *const *paths, const struct group *group,
                                     struct goleak_error *error)
{
    struct goleak_feed feeds[GOLEAK_LANES] = { { 0 } };
    enum goleak_status status = GOLEAK_OK;
    for (size_t i = 0; i < group->count && status == GOLEAK_OK; i++)
        status = goleak_feed_open(&feeds[i], trace, paths[group->indexes[i]], error);
    for (size_t i = 0; i < group->count && status == GOLEAK_OK; i++)
        status = goleak_feed_start(&feeds[i], trace, i, group->count, error);
    if (status == GOLEAK_OK)
        give_pids(feeds, group);
    for (struct goleak_feed *feed; status == GOLEAK_OK && (feed = next_feed(feeds, group->count)) != NULL;)
        status = goleak_feed_pump(feed, trace, error);
    for (size_t i = 0; i < group->count; i++)
        goleak_feed_close(&feeds[i]);
    return status;
}

static size_t places_size(const struct call *call)
{
    return (call->path_count + 1) * sizeof *call->places;
}

/* One limit for all: what this call's traces hold already is not left. */
static struct goleak_options left_of(const struct call *call)
{
    struct goleak_options own = *call->options;
    if (own.max_memory_bytes == 0)
        return own;
    uint64_t used_bytes = call->alloc.used_bytes - places_size(call);
    for (size_t i = 0; i < call->path_count; i++)
        used_bytes += call->traces[i] != NULL ? call->traces[i]->alloc.used_bytes : 0;
    /* A byte at least, 0 would be none. */
    own.max_memory_bytes = own.max_memory_bytes > used_bytes ? own.max_memory_bytes - used_bytes : 1;
    return own;
}

static void refuse(struct call *call, size_t index, const struct goleak_error *error)
{
    struct goleak_error *own = &call->errors[index];
    call->places[index].done = true;
    *own = *error;
    if (own->path[0] == '\0')
        snprintf(own->path, sizeof own->path, "%s", call->paths[index]);
}

/* They were read together and end together: the sentence is at the one that failed. */
static void refuse_group(struct call *call, const struct group *group, size_t failed, const struct goleak_error *error)
{
    for (size_t k = 0; k < group->count; k++) {
        struct goleak_error other;
        goleak_error_set(&other, error->status, "its analysis ended with that of %.200s: both are of one process",
                         call->paths[failed]);
        refuse(call, group->indexes[k], group->indexes[k] == failed ? error : &other);
    }
}

/* The member that a failure names. */
static size_t find_failed(const struct call *call, const struct group *group, const struct goleak_error *error)
{
    size_t k = 0;
    while (k < group->count && strncmp(call->paths[group->indexes[k]], error->path, sizeof error->path - 1) != 0)
        k++;
    return k < group->count ? group->indexes[k] : SIZE_MAX;
}

/* Memory that ended would not have done so without joining, perhaps; but then there
 * would be several traces that each tell of the same goroutines. Nor is anything read
 * again whose goroutines the caller was told of. */
static void load_group(struct call *call, const struct group *group)
{
    struct goleak_error error = { 0 };
    struct goleak_trace *trace;
    struct goleak_options left = left_of(call);
    enum goleak_status status = goleak_trace_new(&trace, &left, &error);
    if (status == GOLEAK_OK)
        status = read_group(trace, call->paths, group, &error);
    if (status == GOLEAK_OK)
        status = goleak_trace_finish(trace, &error);
    if (status == GOLEAK_OK) {
        call->traces[group->indexes[0]] = trace;
        for (size_t k = 0; k < group->count; k++)
            call->places[group->indexes[k]] = (struct place){ group->indexes[0], k, true };
        return;
    }
    size_t failed = find_failed(call, group, &error);
    bool all = status == GOLEAK_E_MEMORY || status == GOLEAK_E_LIMIT || failed == SIZE_MAX ||
               (trace != NULL && trace->told_ended);
    if (all)
        refuse_group(call, group, failed != SIZE_MAX ? failed : group->indexes[0], &error);
    else
        refuse(call, failed, &error);
    goleak_trace_free(trace);
}

/* Moves the message file's input and complaints to the recording that it is of. After a failure
 * that one's verdicts are none any more. */
static enum goleak_status adopt(struct goleak_trace *trace, size_t of, const struct goleak_trace *messages,
                                struct goleak_error *error)
{
    struct goleak_input *input;
    uint64_t lost = trace->inputs[of]->lost;
    const struct goleak_input *from = messages->inputs[0];
    trace->finished = false;
    enum goleak_status status = goleak_input_open(&input, trace, from->path, error);
    trace->finished = true;
    if (status != GOLEAK_OK)
        return status;
    input->format = from->format;
    input->facts = from->facts;
    input->bytes = from->bytes;
    input->finished = true;
    for (int id = 0; id < GOLEAK_HEALTH_COUNT; id++) {
        const struct goleak_health_entry *entry = &messages->health.entries[id];
        /* What else is in that file was not meant for us. */
        if (!goleak_health_is_recorders((enum goleak_health_id)id))
            continue;
        uint64_t told = id == GOLEAK_HEALTH_lost_events ? lost : 0;
        if (entry->count > told) /* the recording may have told the same losses */
            goleak_health_note(&trace->health, (enum goleak_health_id)id, entry->count - told, entry->line,
                               entry->column, entry->offset, "%s", entry->detail);
    }
    return goleak_trace_fail(trace, goleak_trace_judge(trace), error);
}

/* Adopts, or memory ended: then the recording fails, with all that was read together with it. It
 * would call complete what is not, or have no verdicts. */
static void give(struct call *call, size_t messages, const struct place *of)
{
    struct goleak_error error, other;
    size_t named = (size_t)(of - call->places);
    struct goleak_trace *trace = call->traces[of->trace];
    if (adopt(trace, of->input, call->traces[messages], &error) == GOLEAK_OK) {
        memset(&call->errors[messages], 0, sizeof call->errors[messages]);
        return;
    }
    goleak_error_set(&other, error.status, "its analysis ended with that of %.200s: both are of one process",
                     call->paths[named]);
    for (size_t i = 0; i < call->path_count; i++)
        if (i == messages || (i != named && is_read(call, i) && call->places[i].trace == of->trace))
            refuse(call, i, &other);
    refuse(call, named, &error);
    call->traces[of->trace] = NULL;
    goleak_trace_free(trace);
}

/* Does any of them say that it is of another process? */
static bool contradicts(const struct group *group, size_t path)
{
    for (size_t i = 0; i < group->count; i++)
        if (goleak_identity_contradicts(group->identities[group->indexes[i]], group->identities[path]))
            return true;
    return false;
}

/* Who joins paths[first]? Those that join it, and those that join them. */
static void gather(struct call *call, struct group *group, size_t first)
{
    group->indexes[0] = first;
    group->count = 1;
    for (size_t member = 0; member < group->count; member++)
        for (size_t i = first + 1; i < call->path_count; i++) {
            bool is_in = call->places[i].done;
            for (size_t k = 0; k < group->count; k++)
                is_in = is_in || group->indexes[k] == i;
            if (is_in || !goleak_identity_joins(group->identities[group->indexes[member]], group->identities[i]) ||
                contradicts(group, i))
                continue;
            if (group->count < GOLEAK_LANES) {
                group->indexes[group->count++] = i;
                continue;
            }
            struct goleak_error error;
            goleak_error_set(&error, GOLEAK_E_USAGE,
                             "found one more recording of one process, expected no more than %d", GOLEAK_LANES);
            refuse(call, i, &error);
        }
}

/* ---- side by side ---- */

/* Those that are no pipes, and may be read in any order. */
static uint64_t regular_size(const char *path)
{
    struct stat info;
    return strcmp(path, "-") != 0 && stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
}

/* How many threads may read several files. Of a limit each file has what the ones before it
 * left, and an allocator of the caller's is called by one thread. */
static size_t threads_of_call(const struct call *call)
{
    const struct goleak_options *options = call->options;
    if (options->allocator != NULL || options->max_memory_bytes != 0)
        return 1;
    return options->jobs != 0 ? options->jobs : goleak_thread_cores();
}

/* How many of those that are left to read are read at a time. The caller's hooks are called
 * for one after the other, on his thread. One large file is better read by several threads
 * of its own. */
static size_t side_by_side(const struct call *call)
{
    const struct goleak_options *options = call->options;
    size_t threads = threads_of_call(call), count = 0;
    uint64_t sum = 0, largest = 0;
    for (size_t i = 0; i < call->path_count; i++) {
        uint64_t size = call->places[i].done ? 0 : regular_size(call->paths[i]);
        if (!call->places[i].done && size == 0)
            return 1;
        count += !call->places[i].done;
        largest = size > largest ? size : largest;
        sum += size;
    }
    bool alone = options->ended != NULL || options->progress != NULL || largest > sum / 2;
    return alone ? 1 : count < threads ? count : threads;
}

/* A goleak_thread_each's. */
static void read_identity(void *context, size_t index)
{
    struct call *call = context;
    struct goleak_error error = { 0 };
    struct goleak_options left = left_of(call);
    if (goleak_identity_read(call->identities[index], call->paths[index], &left, &error) != GOLEAK_OK)
        refuse(call, index, &error);
}

/* Loads those that belong together. */
static enum goleak_status load_groups(struct call *call, struct goleak_identity **identities, struct group *group)
{
    for (size_t i = 0; i < call->path_count; i++)
        if ((identities[i] = goleak_alloc_zeroed(&call->alloc, sizeof *identities[i])) == NULL)
            return goleak_alloc_failure(&call->alloc);
    call->identities = identities;
    goleak_thread_each(threads_of_call(call), call->path_count, read_identity, call);
    if (!goleak_identities_look_further(identities, call->paths, call->path_count, &call->alloc, call->options))
        return goleak_alloc_failure(&call->alloc);
    group->identities = (const struct goleak_identity *const *)identities;
    for (size_t i = 0; i < call->path_count; i++) {
        group->count = 2;
        /* Without one that cannot be read, the others are of one process still. */
        while (!call->places[i].done && identities[i]->timed && group->count > 1) {
            gather(call, group, i);
            if (group->count > 1)
                load_group(call, group);
        }
    }
    return GOLEAK_OK;
}

static enum goleak_status load_joined(struct call *call)
{
    struct goleak_alloc *alloc = &call->alloc;
    struct goleak_identity **identities = goleak_alloc_zeroed(alloc, call->path_count * sizeof *identities);
    struct group *group = goleak_alloc_array(alloc, 1, sizeof *group);
    enum goleak_status status = identities != NULL && group != NULL ? load_groups(call, identities, group)
                                                                    : goleak_alloc_failure(alloc);
    for (size_t i = 0; i < call->path_count && identities != NULL; i++)
        goleak_identity_free(identities[i], alloc);
    goleak_free(alloc, identities, call->path_count * sizeof *identities);
    goleak_free(alloc, group, sizeof *group);
    return status;
}

/* Message files go to their recordings; what failed goes. */
static void tidy(struct call *call)
{
    for (size_t i = 0; i < call->path_count; i++) {
        struct goleak_trace *trace = call->traces[i];
        if (trace == NULL || trace->finished)
            continue;
        if (is_messages(trace) || is_silent_companion(call, i)) {
            const struct place *of = find_neighbour(call, i);
            if (of != NULL)
                give(call, i, of);
        }
        goleak_trace_free(trace);
        call->traces[i] = NULL;
    }
}

/* A goleak_thread_each's: what is left of --jobs for each, too. */
static void load_one(void *context, size_t index)
{
    struct call *call = context;
    if (call->places[index].done)
        return;
    call->places[index] = (struct place){ index, 0, true };
    struct goleak_options left = left_of(call);
    if (call->side_by_side > 1) {
        left.jobs = (unsigned)(call->options->jobs / call->side_by_side);
        left.jobs += left.jobs == 0; /* 0 would start as many as help one */
    }
    load(&call->traces[index], call->paths[index], &left, &call->errors[index]); /* which tells */
}

static void load_paths(struct call *call)
{
    struct goleak_error error;
    enum goleak_status status = call->path_count > 1 ? load_joined(call) : GOLEAK_OK;
    if (status != GOLEAK_OK)
        goleak_error_alloc(&error, &call->alloc);
    for (size_t i = 0; i < call->path_count && status != GOLEAK_OK; i++)
        if (!call->places[i].done)
            refuse(call, i, &error);
    call->side_by_side = call->path_count > 1 ? side_by_side(call) : 1;
    goleak_thread_each(call->side_by_side, call->path_count, load_one, call);
    tidy(call);
}

enum goleak_status goleak_trace_load_all(struct goleak_trace **traces, size_t *trace_count, const char *const *paths,
                                         size_t path_count, const struct goleak_options *options,
                                         struct goleak_error *errors)
{
    struct goleak_options own;
    struct goleak_error error;
    enum goleak_status last = goleak_trace_options(&own, options, &error);
    struct call call = {
        .paths = paths, .path_count = path_count, .options = &own, .traces = traces, .errors = errors
    };
    *trace_count = 0;
    if (last == GOLEAK_OK) {
        own.size = sizeof own;
        goleak_alloc_init(&call.alloc, own.allocator, own.max_memory_bytes);
        call.places = goleak_alloc_zeroed(&call.alloc, places_size(&call));
        if (call.places == NULL)
            last = goleak_error_alloc(&error, &call.alloc);
    }
    for (size_t i = 0; i < path_count; i++) {
        memset(&errors[i], 0, sizeof errors[i]);
        traces[i] = NULL;
        if (last != GOLEAK_OK)
            errors[i] = error;
    }
    if (last == GOLEAK_OK) {
        load_paths(&call);
        goleak_free(&call.alloc, call.places, places_size(&call));
    }
    for (size_t i = 0; i < path_count; i++) {
        if (errors[i].status != GOLEAK_OK)
            last = errors[i].status;
        if (traces[i] != NULL)
            traces[(*trace_count)++] = traces[i];
    }
    return last;
}
