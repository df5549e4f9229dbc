/*
 * convert - recordings in, one .glk out: goleak_convert.
 *
 *      path --feed--> reader --batches--> tap --> goleak_writer --> bytes
 *
 * Each recording has a trace of its own, for its reader's tables and complaints, whose
 * events are tapped before they are put in order: the same order repair follows when the
 * .glk is read. Recordings of one process are read side by side, the one behind first,
 * so that their blocks lie near each other in the file.
 *
 * A .glk among them holds sources that it names before all events. It is looked at before
 * the writer is opened, and each becomes a source of the file that is written:
 *
 *      reader --events, complaints, Go version, facts of each part--> source --> goleak_writer
 *
 * What is wrong with the .glk itself goes in with the first of them, under its own name.
 */
#include "feed.h"
#include "join.h"

#include "base/error.h"
#include "base/thread.h"
#include "format/glk.h"
#include "format/glk_layout.h"
#include "format/glk_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The first block of a .glk, which names its sources, ends before. */
#define LOOK_BYTES (GOLEAK_GLK_FILE_HEAD + GOLEAK_GLK_HEAD_MAX + GOLEAK_GLK_SECTION_MAX)

/* What is told of one source of the file that is written. */
struct source {
    struct part *part;
    const char *name; /* of those of a .glk: as that has it */
    uint32_t pid;
    bool messages;
    struct goleak_health_book *health;
    struct goleak_reasons *reasons; /* NULL: another's are told */
    uint64_t told[GOLEAK_HEALTH_COUNT];
    struct goleak_reader_facts facts;
    /* Of those of a .glk. */
    struct goleak_health_book own_health;
    struct goleak_reasons own_reasons;
};

/* One path on its way. */
struct part {
    struct convert *convert;
    size_t path, first; /* indexes of the call's paths and of the writer's sources */
    struct goleak_trace *trace;
    struct goleak_feed feed;
    bool messages;          /* a recorder's, or nothing at all: it has been read already */
    struct source own;      /* the path's; of a .glk, what it says of none of its sources */
    const char *format;     /* before any of it is read; NULL: not known then */
    struct source *sources; /* of a .glk */
    size_t source_count, source_capacity, opened;
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
    unsigned packers;            /* its threads */
    struct goleak_error failure; /* of the writer */
    goleak_progress_fn *progress;
    void *progress_context;
    struct goleak_error *errors;
};

/* ---- from a reader to the writer ---- */

/* Of the writer's sources. */
static size_t index_of(const struct source *source)
{
    const struct part *part = source->part;
    return source == &part->own ? part->first : part->first + (size_t)(source - part->sources);
}

static void tell_format(const struct source *source)
{
    const struct part *part = source->part;
    const char *format = source->facts.source;
    if (source != &part->own || part->source_count == 0)
        goleak_writer_format(part->convert->writer, index_of(source),
                             format != NULL ? format : part->feed.input->format->name);
}

/* What the reader has complained of since it was asked last, and learnt of the version. */
static enum goleak_status tell_changes(struct source *source)
{
    struct convert *convert = source->part->convert;
    size_t index = index_of(source);
    enum goleak_status status = GOLEAK_OK;
    if (source->reasons != NULL)
        status = goleak_writer_go(convert->writer, index, source->reasons, &convert->failure);
    for (int id = 0; id < GOLEAK_HEALTH_COUNT && status == GOLEAK_OK; id++) {
        struct goleak_health_entry entry = source->health->entries[id];
        uint64_t more = entry.count - source->told[id];
        if (more == 0)
            continue;
        if (source->told[id] != 0) /* only the first has a place and a sentence */
            memset(&entry, 0, sizeof entry);
        source->told[id] += more;
        status = goleak_writer_note(convert->writer, index, goleak_health_name((enum goleak_health_id)id), more, &entry,
                                    &convert->failure);
    }
    return status;
}

static enum goleak_status tell_generations(const struct source *source)
{
    struct convert *convert = source->part->convert;
    return goleak_writer_generations(convert->writer, index_of(source), &source->facts.marks, true, &convert->failure);
}

static void tell_facts(const struct source *source)
{
    const struct goleak_reader_facts *facts = &source->facts;
    tell_format(source);
    goleak_writer_facts(source->part->convert->writer, index_of(source), facts->events, facts->notes,
                        facts->source_bytes, facts->form);
}

static enum goleak_status tap(void *context, struct goleak_batch **batch)
{
    struct source *source = context;
    struct part *part = source->part;
    struct convert *convert = part->convert;
    const struct goleak_input *input = part->feed.input;
    if (source == &part->own)
        input->format->facts(input->reader, &source->facts);
    enum goleak_status status = tell_changes(&part->own);
    if (status == GOLEAK_OK && source != &part->own)
        status = tell_changes(source);
    if (status != GOLEAK_OK)
        return status;
    for (size_t i = 0; i < (*batch)->count; i++)
        if ((*batch)->events[i].has & GOLEAK_HAS_TIME && (*batch)->events[i].time_ns > part->newest_ns)
            part->newest_ns = (*batch)->events[i].time_ns;
    tell_format(source);
    status = goleak_writer_batch(convert->writer, index_of(source), (*batch)->events, (*batch)->count,
                                 (*batch)->in_order, source->facts.relative_time, &source->facts.marks,
                                 &convert->failure);
    goleak_batch_empty(*batch);
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

/* A goleak_part_fn: these are the sources that were found when the file was looked at. */
static enum goleak_status take_part(void *context, struct goleak_part *found)
{
    struct part *part = context;
    if (part->convert->writer == NULL) /* messages */
        return GOLEAK_OK;
    if (part->opened == part->source_count)
        return goleak_error_set(&part->convert->failure, GOLEAK_E_FORMAT,
                                "found a source that is named behind events, expected all of them before");
    struct source *source = &part->sources[part->opened++];
    source->health = &source->own_health;
    source->health->source.lost = &part->feed.input->lost;
    source->own_reasons = part->trace->reasons;
    source->reasons = &source->own_reasons;
    found->sink.context = source;
    found->health = source->health;
    found->reasons = source->reasons;
    found->facts = &source->facts;
    return GOLEAK_OK;
}

static enum goleak_status open_part(struct convert *convert, struct part *part, goleak_batch_fn *push,
                                    struct goleak_error *error)
{
    enum goleak_status status = goleak_trace_new(&part->trace, &convert->options, error);
    if (status != GOLEAK_OK)
        return status;
    part->trace->sink = (struct goleak_event_sink) { push, &part->own };
    part->trace->open_part = take_part;
    part->trace->part_context = part;
    part->own.health = &part->trace->health;
    part->own.reasons = &part->trace->reasons;
    status = goleak_feed_open(&part->feed, part->trace, convert->paths[part->path], error);
    part->feed.here = true; /* the tap looks at the reader */
    size_t index = (size_t)(part - convert->parts);
    return status == GOLEAK_OK ? goleak_feed_start(&part->feed, part->trace, index, convert->path_count, error)
                               : status;
}

/* A goleak_part_fn. The names are kept as long as the part's trace is. */
static enum goleak_status add_source(void *context, struct goleak_part *found)
{
    struct part *part = context;
    struct goleak_symbols *symbols = &part->trace->symbols;
    uint32_t name = goleak_symbols_string(symbols, found->name, strlen(found->name));
    uint32_t format = goleak_symbols_string(symbols, found->format, strlen(found->format));
    if (name == 0 || format == 0)
        return goleak_alloc_failure(symbols->alloc);
    if (!goleak_grow(&part->convert->alloc, &part->sources, &part->source_capacity, part->source_count + 1,
                     sizeof *part->sources))
        return goleak_alloc_failure(&part->convert->alloc);
    part->sources[part->source_count++] = (struct source) {
        .part = part,
        .name = goleak_symbols_text(symbols, name),
        .pid = found->pid,
        .messages = found->messages,
        .facts.source = goleak_symbols_text(symbols, format),
    };
    return GOLEAK_OK;
}

static enum goleak_status stop_at_events(void *context, struct goleak_batch **batch)
{
    (void)context;
    return (*batch)->count != 0 ? GOLEAK_E_IO : GOLEAK_OK;
}

static enum goleak_status look_for_sources(struct part *part, struct goleak_reader *reader, struct goleak_error *error)
{
    const struct goleak_buf *ahead = &part->feed.ahead;
    enum goleak_status status = GOLEAK_OK;
    bool more = true;
    for (size_t seen = 0; status == GOLEAK_OK && more && part->source_count == 0 && seen <= LOOK_BYTES;) {
        status = goleak_format_glk.feed(reader, ahead->data + seen, ahead->size - seen);
        if (status == GOLEAK_E_IO) /* events: the block that names their sources is lost */
            return GOLEAK_OK;
        if (status != GOLEAK_OK)
            return goleak_error_alloc(error, &part->trace->alloc);
        seen = ahead->size;
        if (part->source_count == 0)
            status = goleak_feed_look(&part->feed, &more, error);
    }
    return status;
}

/* By a reader of its own, whose complaints the other one will repeat. */
static enum goleak_status read_sources(struct part *part, struct goleak_error *error)
{
    struct goleak_alloc *alloc = &part->trace->alloc;
    struct goleak_health_book health = { .source.input = part->feed.input->path };
    struct goleak_symbols symbols;
    struct goleak_reasons reasons;
    goleak_symbols_init(&symbols, alloc);
    goleak_reasons_init(&reasons);
    const struct goleak_reader_env env = {
        .alloc = alloc,
        .symbols = &symbols,
        .health = &health,
        .reasons = &reasons,
        .sink = { stop_at_events, NULL },
        .open_part = add_source,
        .part_context = part,
    };
    struct goleak_reader *reader = goleak_format_glk.open(&env);
    enum goleak_status status =
        reader != NULL ? look_for_sources(part, reader, error) : goleak_error_alloc(error, alloc);
    goleak_format_glk.close(reader);
    goleak_symbols_release(&symbols);
    return status;
}

/* What its first bytes are: the first block of what is written names the formats of all. */
static enum goleak_status find_format(struct part *part, struct goleak_error *error)
{
    const struct goleak_buf *ahead = &part->feed.ahead;
    enum goleak_status status = GOLEAK_OK;
    part->format = part->convert->options.input_format;
    for (bool open = true, more = true; part->format == NULL && open && status == GOLEAK_OK;) {
        char advice[256];
        const struct goleak_format *format =
            goleak_format_sniff(ahead->size != 0 ? ahead->data : "", ahead->size, !more, &open, advice);
        part->format = format != NULL ? format->name : NULL;
        open = open && more;
        if (format == NULL && open)
            status = goleak_feed_look(&part->feed, &more, error);
    }
    return status;
}

/* Those of a .glk, if it is one. */
static enum goleak_status find_sources(struct part *part, struct goleak_error *error)
{
    const struct goleak_buf *ahead = &part->feed.ahead;
    const char *format = part->convert->options.input_format;
    enum goleak_status status = GOLEAK_OK;
    if (format != NULL && strcmp(format, goleak_format_glk.name) != 0)
        return GOLEAK_OK;
    for (bool more = true; status == GOLEAK_OK && more && ahead->size < GOLEAK_GLK_MAGIC_BYTES;)
        status = goleak_feed_look(&part->feed, &more, error);
    bool is_glk = format != NULL || goleak_format_glk.sniff(ahead->data, ahead->size, true) == GOLEAK_SNIFF_YES;
    if (status == GOLEAK_OK && is_glk)
        status = read_sources(part, error);
    if (part->source_count != 0)
        part->own.reasons = NULL;
    return status;
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

/* All of it has been read. */
static enum goleak_status tell_end(struct part *part)
{
    part->own.facts = part->feed.input->facts;
    part->own.facts.source_bytes = part->feed.input->bytes;
    enum goleak_status status = tell_changes(&part->own);
    for (size_t i = 0; i < part->source_count && status == GOLEAK_OK; i++)
        status = tell_changes(&part->sources[i]);
    for (size_t i = 0; i < part->source_count && status == GOLEAK_OK; i++) {
        status = tell_generations(&part->sources[i]);
        tell_facts(&part->sources[i]);
    }
    if (status == GOLEAK_OK && part->source_count == 0) {
        status = tell_generations(&part->own);
        tell_facts(&part->own);
    }
    return status;
}

/* Some more of it. */
static enum goleak_status pump(struct convert *convert, struct part *part)
{
    struct goleak_error error = { 0 };
    enum goleak_status status = goleak_feed_pump(&part->feed, part->trace, &error);
    if (status == GOLEAK_OK && part->feed.ended)
        status = tell_end(part);
    show_progress(convert);
    if (status == GOLEAK_OK)
        return GOLEAK_OK;
    refuse(convert, part->path, convert->failure.status != GOLEAK_OK ? &convert->failure : &error);
    return status;
}

/* ---- which of several are recordings ---- */

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
    part->own.part = part;
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

/* It joins one that is in, and none that is says that it is of another process. */
static bool joins_those(const struct convert *convert, const bool in[], size_t part)
{
    const struct goleak_identity *own = convert->identities[convert->parts[part].path];
    bool joins = false;
    for (size_t k = 0; k < convert->part_count; k++) {
        const struct goleak_identity *other = in[k] ? convert->identities[convert->parts[k].path] : NULL;
        if (other != NULL && goleak_identity_contradicts(other, own))
            return false;
        joins = joins || (other != NULL && goleak_identity_joins(other, own));
    }
    return joins;
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
            if (!in[i] && !convert->parts[i].messages && joins_those(convert, in, i))
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
    enum goleak_status status = GOLEAK_OK;
    for (int i = 0; i < GOLEAK_HEALTH_COUNT && status == GOLEAK_OK && of != NULL; i++) {
        const enum goleak_health_id id = (enum goleak_health_id)i;
        const struct goleak_health_entry *entry = &part->trace->health.entries[id];
        uint64_t known = id == GOLEAK_HEALTH_lost_events ? of->feed.input->lost : 0;
        if (goleak_health_is_recorders(id) && entry->count > known)
            status = goleak_writer_note(convert->writer, part->first, goleak_health_name(id), entry->count - known,
                                        entry, &convert->failure);
    }
    const struct goleak_input *input = part->feed.input;
    goleak_writer_format(convert->writer, part->first, input->format->name);
    goleak_writer_facts(convert->writer, part->first, 0, input->facts.notes, input->bytes, input->facts.form);
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

/* ---- what whoever converts wants to know ---- */

/* Kinds of complaints that can change a verdict. */
static size_t count_damage(const struct goleak_health_book *book, struct goleak_health *first)
{
    size_t kinds = 0;
    for (size_t id = 0; id < GOLEAK_HEALTH_COUNT; id++) {
        struct goleak_health health;
        goleak_health_get(book, (enum goleak_health_id)id, &health);
        if (health.count == 0 || !health.hurts)
            continue;
        if (first->count == 0)
            *first = health;
        kinds++;
    }
    return kinds;
}

/* What is wrong with the recording of a path is in the .glk; here is its first sentence. */
static void tell_damage(struct convert *convert, const struct part *part)
{
    struct goleak_error *error = &convert->errors[part->path];
    struct goleak_health first = { 0 };
    char count[32] = "", more[64] = "";
    size_t kinds = count_damage(part->own.health, &first);
    for (size_t i = 0; i < part->source_count; i++)
        kinds += count_damage(part->sources[i].health, &first);
    if (kinds == 0)
        return;
    if (strncmp(first.meaning, "the ", 4) != 0) /* that stands for all of the recording */
        snprintf(count, sizeof count, "%" PRIu64 " ", first.count);
    if (kinds > 1)
        snprintf(more, sizeof more, "; and %zu kind%s of complaints more", kinds - 1, kinds == 2 ? "" : "s");
    goleak_error_set(error, GOLEAK_OK, "%s%s%s%.280s%s%s", count, first.meaning,
                     first.detail != NULL ? " (first: " : "", first.detail != NULL ? first.detail : "",
                     first.detail != NULL ? ")" : "", more);
    snprintf(error->path, sizeof error->path, "%s", first.input != NULL ? first.input : convert->paths[part->path]);
    error->line = first.line;
    error->column = first.column;
    error->offset = first.offset;
    error->has_offset = first.offset > 0;
}

static enum goleak_status run(struct convert *convert)
{
    enum goleak_status status = GOLEAK_OK;
    for (struct part *part; status == GOLEAK_OK && (part = next_part(convert)) != NULL;)
        status = pump(convert, part);
    if (status == GOLEAK_OK)
        status = check_events(convert);
    for (size_t i = 0; i < convert->part_count && status == GOLEAK_OK; i++)
        if (convert->parts[i].messages)
            status = tell_messages(convert, &convert->parts[i]);
    if (status == GOLEAK_OK)
        status = goleak_writer_finish(convert->writer, &convert->failure);
    for (size_t i = 0; i < convert->part_count && status == GOLEAK_OK; i++)
        tell_damage(convert, &convert->parts[i]);
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

/* Their readers have not begun, but to say what they hold. */
static enum goleak_status open_recordings(struct convert *convert)
{
    enum goleak_status status = GOLEAK_OK;
    for (size_t i = 0; i < convert->part_count && status == GOLEAK_OK; i++) {
        struct part *part = &convert->parts[i];
        struct goleak_error error = { 0 };
        if (part->messages)
            continue;
        status = open_part(convert, part, tap, &error);
        if (status == GOLEAK_OK)
            status = find_sources(part, &error);
        if (status == GOLEAK_OK && part->source_count == 0)
            status = find_format(part, &error);
        if (status != GOLEAK_OK)
            refuse(convert, part->path, &error);
    }
    return status;
}

static size_t sources_of(const struct part *part)
{
    return part->source_count != 0 ? part->source_count : 1;
}

/* `pid` is that of the path: its first source's, as where the paths themselves are merged. */
static struct goleak_writer_source describe(const struct part *part, size_t index, uint32_t pid)
{
    const char *path = part->convert->paths[part->path];
    if (part->source_count == 0)
        return (struct goleak_writer_source) {
            .name = path, .format = part->format != NULL ? part->format : "", .pid = pid, .messages = part->messages
        };
    const struct source *source = &part->sources[index];
    return (struct goleak_writer_source) {
        .name = source->name,
        .format = source->facts.source,
        .pid = source->pid != 0 || index != 0 ? source->pid : pid,
        .messages = source->messages,
    };
}

/* More are ahead of the one who makes the blocks. */
#define PACKERS 15

/* How many threads are to pack, beside the caller's. Of many one is left to the readers, who have less to do. Blocks that
 * wait take memory: whether a limit is enough for a recording is no matter of threads. */
static unsigned packers_of(const struct goleak_options *options)
{
    if (options->max_memory_bytes != 0)
        return 0;
    unsigned threads = options->jobs != 0 ? options->jobs : goleak_thread_cores();
    unsigned packers = threads < 4 ? threads - 1 : threads - 2;
    return packers < PACKERS ? packers : PACKERS;
}

static enum goleak_status open_writer(struct convert *convert, int level, goleak_write_fn *write, void *context)
{
    struct goleak_writer_source sources[GOLEAK_LANES] = { { 0 } };
    size_t count = 0;
    struct goleak_writer_options options = GOLEAK_WRITER_OPTIONS_INIT;
    uint32_t pid = only_pid(convert);
    options.allocator = convert->options.allocator;
    options.max_memory_bytes = convert->options.max_memory_bytes;
    options.level = level;
    for (size_t i = 0; i < convert->part_count; i++) {
        struct part *part = &convert->parts[i];
        part->first = count;
        for (size_t k = 0; k < sources_of(part); k++, count++)
            if (count < GOLEAK_LANES)
                sources[count] = describe(part, k, pid);
    }
    enum goleak_status status =
        goleak_writer_new(&convert->writer, sources, count, &options, write, context, &convert->failure);
    if (status == GOLEAK_OK && !goleak_writer_pack_aside(convert->writer, convert->packers))
        status = goleak_writer_flush(convert->writer, &convert->failure); /* which failed: it says why */
    for (size_t i = 0; i < convert->part_count && status == GOLEAK_OK; i++)
        for (size_t k = 0; k < sources_of(&convert->parts[i]); k++)
            goleak_writer_borrow(convert->writer, convert->parts[i].first + k, &convert->parts[i].trace->symbols);
    return status;
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
    for (size_t i = 0; i < convert->part_count; i++) {
        struct part *part = &convert->parts[i];
        close_part(part);
        goleak_free(alloc, part->sources, part->source_capacity * sizeof *part->sources);
    }
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
    status = open_recordings(convert);
    if (status == GOLEAK_OK)
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
    convert.packers = packers_of(&convert.options);
    convert.options.jobs -= convert.options.jobs != 0 ? convert.packers : 0;
    convert.options.max_memory_bytes /= path_count + 1; /* each has its share, and the writer */
    goleak_alloc_init(&convert.alloc, convert.options.allocator, 0);
    status = first_failure(&convert, convert_all(&convert, level, write, context));
    release(&convert);
    return status;
}
