/*
 * convert - recordings in, one .glk out: goleak_convert.
 *
 *      path --feed--> reader --batches--> tap --> goleak_writer --> bytes
 *
 * Each recording has a trace of its own, for its reader's tables and complaints, whose
 * events are tapped before they are put in order: the same order repair follows when the
 * .glk is read. Recordings of one process are read side by side, the one behind first,
 * so that their blocks lie near each other in the file.
 */
#include "feed.h"
#include "join.h"

#include "base/error.h"
#include "format/glk_writer.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* One path on its way. */
struct part {
    struct convert *convert;
    size_t path, source; /* indexes of the call's paths and of the writer's sources */
    struct goleak_trace *trace;
    struct goleak_feed feed;
    bool messages; /* a recorder's, or nothing at all: it has been read already */
    uint64_t told[GOLEAK_HEALTH_COUNT];
    int64_t newest_ns;
};

struct convert {
    const char *const *paths;
    size_t path_count;
    struct goleak_options options; /* for the traces */
    struct goleak_alloc alloc;
    struct goleak_identity **identities; /* by path; NULL: there is one path */
    struct part *parts;
    size_t part_count;
    struct goleak_writer *writer;
    struct goleak_error failure; /* of the writer */
    goleak_progress_fn *progress;
    void *progress_context;
    struct goleak_error *errors;
};

/* ---- from a reader to the writer ---- */

/* What the reader has complained of since it was asked last, and learnt of the version. */
static enum goleak_status tell_changes(struct part *part)
{
    struct convert *convert = part->convert;
    enum goleak_status status =
        goleak_writer_go(convert->writer, part->source, &part->trace->reasons, &convert->failure);
    for (int id = 0; id < GOLEAK_HEALTH_COUNT && status == GOLEAK_OK; id++) {
        struct goleak_health_entry entry = part->trace->health.entries[id];
        uint64_t more = entry.count - part->told[id];
        if (more == 0)
            continue;
        if (part->told[id] != 0) /* only the first has a place and a sentence */
            memset(&entry, 0, sizeof entry);
        part->told[id] += more;
        status = goleak_writer_note(convert->writer, part->source, goleak_health_name((enum goleak_health_id)id), more,
                                    &entry, &convert->failure);
    }
    return status;
}

static enum goleak_status tap(void *context, struct goleak_batch **batch)
{
    struct part *part = context;
    struct convert *convert = part->convert;
    struct goleak_reader_facts facts;
    const struct goleak_input *input = part->feed.input;
    if (input->parts > 1) /* what they are merged by would be lost */
        return goleak_error_set(&convert->failure, GOLEAK_E_USAGE,
                                "found a .glk of several recordings, expected one recording: convert those that it was "
                                "made of");
    enum goleak_status status = tell_changes(part);
    if (status != GOLEAK_OK)
        return status;
    for (size_t i = 0; i < (*batch)->count; i++)
        if ((*batch)->events[i].has & GOLEAK_HAS_TIME && (*batch)->events[i].time_ns > part->newest_ns)
            part->newest_ns = (*batch)->events[i].time_ns;
    input->format->facts(input->reader, &facts);
    goleak_writer_format(convert->writer, part->source, facts.source != NULL ? facts.source : input->format->name);
    status = goleak_writer_batch(convert->writer, part->source, (*batch)->events, (*batch)->count, (*batch)->in_order,
                                 facts.relative_time, &convert->failure);
    (*batch)->count = 0;
    (*batch)->in_order = false;
    return status;
}

/* ---- one path ---- */

static void refuse(struct convert *convert, size_t path, const struct goleak_error *error)
{
    struct goleak_error *own = &convert->errors[path];
    if (own->status != GOLEAK_OK)
        return;
    *own = *error;
    if (own->path[0] == '\0')
        snprintf(own->path, sizeof own->path, "%s", convert->paths[path]);
}

static enum goleak_status open_part(struct convert *convert, struct part *part, goleak_batch_fn *push,
                                    struct goleak_error *error)
{
    enum goleak_status status = goleak_trace_new(&part->trace, &convert->options, error);
    if (status != GOLEAK_OK)
        return status;
    part->trace->sink = (struct goleak_event_sink) { push, part };
    status = goleak_feed_open(&part->feed, part->trace, convert->paths[part->path], error);
    part->feed.here = true; /* the tap looks at the reader */
    return status == GOLEAK_OK
               ? goleak_feed_start(&part->feed, part->trace, part->source, convert->path_count, error)
               : status;
}

static void close_part(struct part *part)
{
    goleak_feed_close(&part->feed);
    goleak_trace_free(part->trace);
    part->trace = NULL;
    part->feed = (struct goleak_feed) { 0 };
}

static void show_progress(struct convert *convert)
{
    uint64_t done = 0;
    for (size_t i = 0; i < convert->part_count; i++)
        done += convert->parts[i].feed.input != NULL ? convert->parts[i].feed.input->bytes : 0;
    if (convert->progress != NULL)
        convert->progress(convert->progress_context, done, 0);
}

/* Some more of it. */
static enum goleak_status pump(struct convert *convert, struct part *part)
{
    struct goleak_error error = { 0 };
    enum goleak_status status = goleak_feed_pump(&part->feed, part->trace, &error);
    if (status == GOLEAK_OK && part->feed.ended) {
        status = tell_changes(part);
        const struct goleak_input *input = part->feed.input;
        goleak_writer_facts(convert->writer, part->source, input->facts.events, input->facts.notes, input->bytes,
                            input->facts.form);
    }
    show_progress(convert);
    if (status == GOLEAK_OK)
        return GOLEAK_OK;
    refuse(convert, part->path, convert->failure.status != GOLEAK_OK ? &convert->failure : &error);
    return status;
}

/* ---- which of several are recordings ---- */

static enum goleak_status stop_at_events(void *context, struct goleak_batch **batch)
{
    (void)context;
    return (*batch)->count != 0 ? GOLEAK_E_IO : GOLEAK_OK;
}

static bool is_pipe(const char *path)
{
    struct stat info;
    return strcmp(path, "-") == 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode));
}

/* Is it what a recorder said on standard error? Reads all of it, but for recordings. What
 * it says stays in the part's trace. */
static bool read_messages(struct convert *convert, struct part *part, struct goleak_error *error)
{
    enum goleak_status status = open_part(convert, part, stop_at_events, error);
    while (status == GOLEAK_OK && !part->feed.ended)
        status = goleak_feed_pump(&part->feed, part->trace, error);
    part->messages = status == GOLEAK_OK && part->feed.input->facts.events == 0;
    return part->messages;
}

static struct part *add_part(struct convert *convert, size_t path)
{
    struct part *part = &convert->parts[convert->part_count++];
    *part = (struct part) { .convert = convert, .path = path, .newest_ns = INT64_MIN };
    return part;
}

/* Nothing of ours in a file that is named like a recording: the recorder had nothing to say. */
static bool is_silent(const struct convert *convert, size_t path, const struct goleak_error *error)
{
    bool nothing =
        error->status == GOLEAK_E_EMPTY || error->status == GOLEAK_E_FORMAT || error->status == GOLEAK_E_NOEVENTS;
    for (size_t i = 0; i < convert->path_count && nothing && !error->has_offset; i++)
        if (i != path && goleak_paths_are_neighbours(convert->paths[i], convert->paths[path]))
            return true;
    return false;
}

/* Messages in a file that is given twice count once. */
static bool is_given_before(const struct convert *convert, size_t path)
{
    for (size_t i = 0; i < convert->part_count; i++)
        if (convert->parts[i].messages && strcmp(convert->paths[convert->parts[i].path], convert->paths[path]) == 0)
            return true;
    return false;
}

/* Recordings, and what was said beside them. */
static void sort_out(struct convert *convert)
{
    for (size_t i = 0; i < convert->path_count; i++) {
        struct goleak_error error = { 0 };
        if (is_given_before(convert, i))
            continue;
        struct part *part = add_part(convert, i);
        bool recording = convert->path_count == 1 || is_pipe(convert->paths[i]) || convert->identities[i]->timed;
        if (recording || read_messages(convert, part, &error))
            continue;
        bool has_events = error.status == GOLEAK_E_IO && part->feed.input != NULL && part->feed.input->format != NULL;
        close_part(part);
        if (has_events)
            continue; /* a recording without times */
        convert->part_count--;
        if (!is_silent(convert, i, &error))
            refuse(convert, i, &error);
    }
}

/* Several must be of one process: nothing else can be one report. */
static void check_joins(struct convert *convert)
{
    size_t recordings = 0;
    struct part *first = NULL;
    for (size_t i = 0; i < convert->part_count; i++) {
        recordings += !convert->parts[i].messages;
        first = first == NULL && !convert->parts[i].messages ? &convert->parts[i] : first;
    }
    if (recordings < 2)
        return;
    bool in[GOLEAK_LANES] = { false }, more = true;
    in[first - convert->parts] = true;
    while (more) { /* those that join one that is in */
        more = false;
        for (size_t i = 0; i < convert->part_count; i++)
            for (size_t k = 0; k < convert->part_count && !in[i] && !convert->parts[i].messages; k++)
                if (in[k] && goleak_identity_joins(convert->identities[convert->parts[k].path],
                                                   convert->identities[convert->parts[i].path]))
                    in[i] = more = true;
    }
    for (size_t i = 0; i < convert->part_count; i++) {
        struct goleak_error error;
        if (in[i] || convert->parts[i].messages)
            continue;
        goleak_error_set(&error, GOLEAK_E_USAGE,
                         "nothing proves that it is of the same process as %.200s: convert it to a file of its own",
                         convert->paths[first->path]);
        refuse(convert, convert->parts[i].path, &error);
    }
}

/* Events that do not tell their process are of the only one that the others name. */
static uint32_t only_pid(const struct convert *convert)
{
    uint32_t pid = 0;
    size_t recordings = 0;
    for (size_t i = 0; i < convert->part_count && convert->identities != NULL; i++) {
        const struct goleak_identity *identity = convert->identities[convert->parts[i].path];
        recordings += !convert->parts[i].messages;
        if (!convert->parts[i].messages && identity->pid_count == 1)
            pid = identity->pids[0];
    }
    return recordings > 1 ? pid : 0;
}

/* ---- all of them ---- */

static bool any_refused(const struct convert *convert)
{
    for (size_t i = 0; i < convert->path_count; i++)
        if (convert->errors[i].status != GOLEAK_OK)
            return true;
    return false;
}

/* The one whose time is behind the others'. */
static struct part *next_part(struct convert *convert)
{
    struct part *next = NULL;
    for (size_t i = 0; i < convert->part_count; i++) {
        struct part *part = &convert->parts[i];
        if (!part->messages && !part->feed.ended && (next == NULL || part->newest_ns < next->newest_ns))
            next = part;
    }
    return next;
}

/* What was said beside a recording goes in with what that one does not say itself. */
static enum goleak_status tell_messages(struct convert *convert, struct part *part)
{
    struct part *of = NULL;
    size_t best = 0;
    for (size_t i = 0; i < convert->part_count; i++) {
        struct part *other = &convert->parts[i];
        size_t alike = goleak_paths_alike(convert->paths[part->path], convert->paths[other->path]) + 1;
        if (!other->messages && (alike > best || (alike == best && i < (size_t)(part - convert->parts)))) {
            best = alike;
            of = other;
        }
    }
    static const enum goleak_health_id ids[] = { GOLEAK_HEALTH_lost_events, GOLEAK_HEALTH_recorder_errors };
    enum goleak_status status = GOLEAK_OK;
    for (size_t i = 0; i < sizeof ids / sizeof *ids && status == GOLEAK_OK && of != NULL; i++) {
        const struct goleak_health_entry *entry = &part->trace->health.entries[ids[i]];
        uint64_t known = ids[i] == GOLEAK_HEALTH_lost_events ? of->feed.input->lost : 0;
        if (entry->count > known)
            status = goleak_writer_note(convert->writer, part->source, goleak_health_name(ids[i]), entry->count - known,
                                        entry, &convert->failure);
    }
    const struct goleak_input *input = part->feed.input;
    goleak_writer_format(convert->writer, part->source, input->format->name);
    goleak_writer_facts(convert->writer, part->source, 0, input->facts.notes, input->bytes, input->facts.form);
    return status;
}

/* Messages alone are no recording; its own trace says so. */
static enum goleak_status check_events(struct convert *convert)
{
    struct part *first = convert->parts;
    struct goleak_error error;
    for (size_t i = 0; i < convert->part_count; i++) {
        struct part *part = &convert->parts[i];
        if (!part->messages && part->feed.input->facts.events != 0)
            return GOLEAK_OK;
        first = first->messages ? part : first;
    }
    enum goleak_status status = goleak_trace_finish(first->trace, &error);
    if (status != GOLEAK_OK)
        refuse(convert, first->path, &error);
    return status;
}

static enum goleak_status run(struct convert *convert)
{
    enum goleak_status status = GOLEAK_OK;
    for (size_t i = 0; i < convert->part_count && status == GOLEAK_OK; i++) {
        struct part *part = &convert->parts[i];
        struct goleak_error error = { 0 };
        if (part->messages)
            continue;
        status = open_part(convert, part, tap, &error);
        if (status != GOLEAK_OK)
            refuse(convert, part->path, &error);
        else
            goleak_writer_borrow(convert->writer, part->source, &part->trace->symbols);
    }
    for (struct part *part; status == GOLEAK_OK && (part = next_part(convert)) != NULL;)
        status = pump(convert, part);
    if (status == GOLEAK_OK)
        status = check_events(convert);
    for (size_t i = 0; i < convert->part_count && status == GOLEAK_OK; i++)
        if (convert->parts[i].messages)
            status = tell_messages(convert, &convert->parts[i]);
    if (status == GOLEAK_OK)
        status = goleak_writer_finish(convert->writer, &convert->failure);
    return status;
}

/* A recording without events is refused when its end is read; messages alone here. */
static bool has_recording(struct convert *convert)
{
    struct goleak_error error;
    for (size_t i = 0; i < convert->part_count; i++)
        if (!convert->parts[i].messages)
            return true;
    goleak_error_set(&error, GOLEAK_E_NOEVENTS,
                     "found a recorder's messages and no events: give this file together with its recording");
    for (size_t i = 0; i < convert->part_count; i++)
        refuse(convert, convert->parts[i].path, &error);
    return false;
}

static enum goleak_status open_writer(struct convert *convert, int level, goleak_write_fn *write, void *context)
{
    struct goleak_writer_source sources[GOLEAK_LANES] = { { 0 } };
    struct goleak_writer_options options = GOLEAK_WRITER_OPTIONS_INIT;
    uint32_t pid = only_pid(convert);
    options.allocator = convert->options.allocator;
    options.max_memory_bytes = convert->options.max_memory_bytes;
    options.level = level;
    for (size_t i = 0; i < convert->part_count; i++) {
        struct part *part = &convert->parts[i];
        part->source = i;
        sources[i] = (struct goleak_writer_source) {
            .name = convert->paths[part->path],
            .format = "",
            .pid = pid,
            .messages = part->messages,
        };
    }
    return goleak_writer_new(&convert->writer, sources, convert->part_count, &options, write, context,
                             &convert->failure);
}

static enum goleak_status look(struct convert *convert)
{
    struct goleak_error error = { 0 };
    if (convert->path_count == 1)
        return GOLEAK_OK;
    convert->identities = goleak_alloc_zeroed(&convert->alloc, convert->path_count * sizeof *convert->identities);
    for (size_t i = 0; i < convert->path_count && convert->identities != NULL; i++) {
        convert->identities[i] = goleak_alloc_zeroed(&convert->alloc, sizeof **convert->identities);
        if (convert->identities[i] == NULL)
            break;
        enum goleak_status status =
            goleak_identity_read(convert->identities[i], convert->paths[i], &convert->options, &error);
        if (status != GOLEAK_OK) {
            refuse(convert, i, &error);
            return status;
        }
    }
    if (convert->identities != NULL && convert->identities[convert->path_count - 1] != NULL &&
        goleak_identities_look_further(convert->identities, convert->paths, convert->path_count, &convert->alloc,
                                       &convert->options))
        return GOLEAK_OK;
    enum goleak_status status = goleak_error_alloc(&error, &convert->alloc);
    refuse(convert, 0, &error);
    return status;
}

static void release(struct convert *convert)
{
    struct goleak_alloc *alloc = &convert->alloc;
    goleak_writer_free(convert->writer);
    for (size_t i = 0; i < convert->part_count; i++)
        close_part(&convert->parts[i]);
    for (size_t i = 0; i < convert->path_count && convert->identities != NULL; i++)
        goleak_identity_free(convert->identities[i], alloc);
    goleak_free(alloc, convert->identities, convert->path_count * sizeof *convert->identities);
    goleak_free(alloc, convert->parts, convert->path_count * sizeof *convert->parts);
}

static enum goleak_status convert_all(struct convert *convert, int level, goleak_write_fn *write, void *context)
{
    struct goleak_error error;
    convert->parts = goleak_alloc_zeroed(&convert->alloc, convert->path_count * sizeof *convert->parts);
    if (convert->parts == NULL) {
        goleak_error_alloc(&error, &convert->alloc);
        refuse(convert, 0, &error);
        return error.status;
    }
    enum goleak_status status = look(convert);
    if (status != GOLEAK_OK)
        return status;
    sort_out(convert);
    if (!any_refused(convert) && has_recording(convert))
        check_joins(convert);
    if (any_refused(convert))
        return GOLEAK_E_USAGE;
    status = open_writer(convert, level, write, context);
    return status == GOLEAK_OK ? run(convert) : status;
}

/* The sentence for who asked: at some path there is one. */
static enum goleak_status first_failure(struct convert *convert, enum goleak_status status)
{
    if (status != GOLEAK_OK && !any_refused(convert))
        refuse(convert, 0, &convert->failure);
    for (size_t i = 0; i < convert->path_count; i++)
        if (convert->errors[i].status != GOLEAK_OK)
            return convert->errors[i].status;
    return GOLEAK_OK;
}

enum goleak_status goleak_convert(const char *const *paths, size_t path_count, const struct goleak_options *options,
                                  int level, goleak_write_fn *write, void *context, struct goleak_error *errors)
{
    struct convert convert = { .paths = paths, .path_count = path_count, .errors = errors };
    struct goleak_error error;
    for (size_t i = 0; i < path_count; i++)
        memset(&errors[i], 0, sizeof errors[i]);
    if (path_count == 0)
        return GOLEAK_E_USAGE;
    enum goleak_status status = goleak_trace_options(&convert.options, options, &error);
    if (status == GOLEAK_OK && path_count > GOLEAK_LANES)
        status = goleak_error_set(&error, GOLEAK_E_USAGE, "found %zu recordings, expected no more than %d", path_count,
                                  GOLEAK_LANES);
    if (status != GOLEAK_OK) {
        refuse(&convert, 0, &error);
        return status;
    }
    convert.progress = convert.options.progress;
    convert.progress_context = convert.options.progress_context;
    convert.options.size = sizeof convert.options;
    convert.options.progress = NULL;
    convert.options.ended = NULL;
    convert.options.retain_ended = false;
    convert.options.max_memory_bytes /= path_count + 1; /* each has its share, and the writer */
    goleak_alloc_init(&convert.alloc, convert.options.allocator, 0);
    status = first_failure(&convert, convert_all(&convert, level, write, context));
    release(&convert);
    return status;
}
