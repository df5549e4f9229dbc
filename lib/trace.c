/*
 * trace - wiring: bytes -> events -> goroutines -> findings -> reports.
 *
 * A map of the tree, in the order in which data flows through it:
 *
 *   include/goleak.h      the public API, whole
 *   lib/base/             memory, text, numbers, JSON; knows nothing of goroutines
 *   lib/input/            files and their unpacking: bytes on their way to a reader
 *   lib/image/            Go executables: functions, lines, the version of Go
 *   lib/format/           one file a format; formats.c has the table
 *   lib/model/            the two waists: event.h, goroutine.h; and what they speak of
 *                         (reasons, sites, symbols, lineage, health, transitions, the ledger)
 *   lib/replay/           order.c puts events in order, replay.c makes goroutines of them
 *   lib/verdict/          the ladder of rules, and groups of like goroutines
 *   lib/analysis/         one file an analysis; analyses.c has the table
 *   lib/report/           one file a report; reports.c has the table
 *   lib/recorder/         scripts that make recordings; recorders.c has the table
 *   lib/trace.c           this: a trace handle and its inputs
 *   lib/results.c         what a finished trace tells, in the API's structs
 *   lib/names.c           the recorded program's executable as a source of names
 *   lib/join.c            which inputs are recordings of one process
 *   lib/load.c            files and threads around a trace
 *   lib/reading.c         an input that is read on threads of its own: aside.c is a reader
 *                         there, parcels.c what comes from it
 *   lib/convert.c         recordings into one .glk
 *   lib/decoder.c         events without replay
 *   cli/                  the command line, on top of goleak.h alone
 *
 * docs/ARCHITECTURE.md follows one event through all of it; layers.txt beside
 * this file says who may include whom.
 */
#include "trace.h"

#include "base/error.h"
#include "base/pool.h"
#include "replay/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Before the format is decided, so much is looked at (or all there is): the same
 * however the bytes were cut. */
#define HEAD_BYTES ((size_t)64 * 1024)

/* ---- failures ---- */

static enum goleak_status fail_memory(struct goleak_trace *trace, struct goleak_error *error)
{
    enum goleak_status status = goleak_error_alloc(&trace->failure, &trace->alloc);
    if (error != NULL)
        *error = trace->failure;
    return status;
}

enum goleak_status goleak_trace_fail(struct goleak_trace *trace, enum goleak_status status,
                                     struct goleak_error *error)
{
    if (status >= 0)
        return status;
    if (trace->failure.status == GOLEAK_OK) {
        if (status == GOLEAK_E_MEMORY || status == GOLEAK_E_LIMIT)
            return fail_memory(trace, error);
        goleak_error_set(&trace->failure, status, "the consumer of ended goroutines refused one");
    }
    if (error != NULL)
        *error = trace->failure;
    return trace->failure.status;
}

static bool has_failed(struct goleak_trace *trace, struct goleak_error *error)
{
    if (trace->failure.status == GOLEAK_OK)
        return false;
    if (error != NULL)
        *error = trace->failure;
    return true;
}

/* ---- what the replay calls ---- */

static enum goleak_status on_transitions(void *context, const struct goleak_transitions *batch)
{
    struct goleak_trace *trace = context;
    enum goleak_status status = goleak_ledger_take(&trace->ledger, batch);
    for (size_t i = 0; i < goleak_analysis_count && status == GOLEAK_OK; i++)
        if (goleak_analyses[i]->take != NULL)
            status = goleak_analyses[i]->take(trace->analyses[i], batch);
    return status;
}

static enum goleak_status on_ended(void *context, const struct goleak_record *record, int64_t moment)
{
    struct goleak_trace *trace = context;
    trace->ending_moment = moment;
    if (trace->options.ended != NULL) {
        struct goleak_goroutine goroutine;
        goleak_trace_fill(trace, record, &goroutine);
        trace->told_ended = true;
        if (!trace->options.ended(trace->options.ended_context, trace, &goroutine))
            return GOLEAK_E_IO;
    }
    if (!trace->options.retain_ended)
        return GOLEAK_OK;
    if (!goleak_grow(&trace->alloc, &trace->ended, &trace->ended_capacity, trace->ended_count + 1,
                     sizeof *trace->ended))
        return goleak_alloc_failure(&trace->alloc);
    struct goleak_ended *ended = &trace->ended[trace->ended_count++];
    *ended = (struct goleak_ended) { .record = *record,
                                     .detail = *goleak_store_detail(&trace->replay.store, record),
                                     .serial = goleak_store_serial(&trace->replay.store, record),
                                     .started = goleak_store_started(record),
                                     .moment = moment };
    if (record->parent != 0) {
        const struct goleak_node *parent = goleak_lineage_at(&trace->replay.lineage, record->parent);
        ended->parent_g = goleak_g_told(parent->g);
        ended->parent_goid = parent->goid;
    }
    /* Its nodes are given back now: the numbers above stay. */
    ended->record.parent = ended->detail.node = 0;
    ended->record.flags &= (uint16_t)~GOLEAK_REC_SPAWNED;
    return GOLEAK_OK;
}

/* ---- a trace ---- */

/* Nothing of the caller's struct is read behind its own size. */
enum goleak_status goleak_trace_options(struct goleak_options *out, const struct goleak_options *options,
                                        struct goleak_error *error)
{
    const struct goleak_options defaults = GOLEAK_OPTIONS_INIT;
    *out = defaults;
    return goleak_options_copy(out, sizeof *out, options, "GOLEAK_OPTIONS_INIT", error);
}

static bool is_too_old(const struct goleak_reasons *reasons)
{
    uint64_t minor;
    return goleak_reasons_minor(reasons->text, &minor) != NULL && minor < GOLEAK_GO_FIRST;
}

static enum goleak_status read_options(struct goleak_trace *trace, struct goleak_error *error)
{
    if (trace->options.min_age_ns < 0)
        return goleak_error_set(error, GOLEAK_E_USAGE, "found min_age_ns %" PRId64 ", expected 0 or more",
                                trace->options.min_age_ns);
    if (trace->options.go_version != NULL) {
        if (strlen(trace->options.go_version) >= sizeof trace->go_version ||
            !goleak_reasons_set_version(&trace->reasons, trace->options.go_version, "option"))
            return goleak_error_set(error, GOLEAK_E_USAGE, "found \"%.40s\", expected a Go version such as 1.22",
                                    trace->options.go_version);
        if (is_too_old(&trace->reasons)) /* one that is newer than all tables reads by the newest */
            return goleak_error_set(error, GOLEAK_E_USAGE, "found Go version \"%.40s\", expected 1.%d or later",
                                    trace->options.go_version, GOLEAK_GO_FIRST);
        snprintf(trace->go_version, sizeof trace->go_version, "%s", trace->options.go_version);
        trace->options.go_version = trace->go_version;
    }
    if (trace->options.input_format != NULL) {
        if (goleak_format_find(trace->options.input_format) == NULL)
            return goleak_error_set(error, GOLEAK_E_USAGE, "found \"%.40s\", expected the name of an input format",
                                    trace->options.input_format);
        snprintf(trace->input_format, sizeof trace->input_format, "%s", trace->options.input_format);
        trace->options.input_format = trace->input_format;
    }
    if (trace->options.exe != NULL) {
        size_t size = strlen(trace->options.exe) + 1;
        trace->exe = goleak_alloc_array(&trace->alloc, size, 1);
        if (trace->exe == NULL)
            return goleak_error_alloc(error, &trace->alloc);
        memcpy(trace->exe, trace->options.exe, size);
        trace->options.exe = trace->exe;
    }
    return GOLEAK_OK;
}

static bool make_parts(struct goleak_trace *trace)
{
    struct goleak_alloc *alloc = &trace->alloc;
    goleak_symbols_init(&trace->symbols, alloc);
    goleak_groups_init(&trace->groups, alloc);
    goleak_ledger_init(&trace->ledger, alloc);
    goleak_order_init(&trace->order, alloc, &trace->replay, &trace->health);
    if (!goleak_replay_init(&trace->replay, alloc, &trace->symbols, &trace->reasons, &trace->health))
        return false;
    if (!goleak_story_init(&trace->replay.story, alloc, trace->options.explain_goid, trace->options.explain_g,
                           trace->options.explain_pid))
        return false;
    trace->sink = (struct goleak_event_sink){ goleak_order_push, &trace->order };
    trace->replay.include_system = trace->options.include_system;
    trace->replay.on_transitions = on_transitions;
    trace->replay.context = trace;
    if (trace->options.ended != NULL || trace->options.retain_ended)
        trace->replay.on_ended = on_ended;
    trace->model = (struct goleak_model) {
        .alloc = alloc,
        .symbols = &trace->symbols,
        .sites = &trace->replay.sites,
        .lineage = &trace->replay.lineage,
        .ledger = &trace->ledger,
        .store = &trace->replay.store,
        .ticks = &trace->replay.ticks,
        .has_time = &trace->replay.stream.has_time,
        .tells_blocking = &trace->replay.stream.tells_blocking,
        .tells_reasons = &trace->replay.stream.tells_reasons,
        .lacks_reasons = &trace->replay.stream.lacks_reasons,
        .include_system = &trace->options.include_system,
    };
    for (size_t i = 0; i < goleak_analysis_count; i++)
        if ((trace->analyses[i] = goleak_analyses[i]->create(&trace->model)) == NULL)
            return false;
    return true;
}

/* The recorded program tells names, lines, and which Go built it. */
static enum goleak_status open_exe(struct goleak_trace *trace, struct goleak_error *error)
{
    struct goleak_image_info info;
    enum goleak_status status =
        goleak_names_open(&trace->names, &trace->alloc, trace->options.exe, &trace->health, error);
    if (status != GOLEAK_OK)
        return status;
    trace->symbols.resolver = &trace->names.resolver;
    goleak_image_info(trace->names.image, &info);
    if (trace->options.go_version == NULL && info.go_version != NULL)
        goleak_reasons_set_version(&trace->reasons, info.go_version, GOLEAK_FROM_EXE);
    return GOLEAK_OK;
}

enum goleak_status goleak_trace_new(struct goleak_trace **out, const struct goleak_options *options,
                                    struct goleak_error *error)
{
    struct goleak_alloc alloc;
    struct goleak_options own;
    *out = NULL;
    enum goleak_status status = goleak_trace_options(&own, options, error);
    if (status != GOLEAK_OK)
        return status;
    goleak_alloc_init(&alloc, own.allocator, own.max_memory_bytes);
    struct goleak_trace *trace = goleak_alloc_zeroed(&alloc, sizeof *trace);
    if (trace == NULL)
        return goleak_error_alloc(error, &alloc);
    trace->alloc = alloc;
    if (own.allocator == NULL && own.max_memory_bytes == 0)
        trace->pool = trace->alloc.pool = goleak_batch_pool(0);
    trace->limits = &goleak_limits_default;
    trace->options = own;
    goleak_reasons_init(&trace->reasons);
    status = read_options(trace, error);
    if (status == GOLEAK_OK && !make_parts(trace))
        status = goleak_error_alloc(error, &trace->alloc);
    if (status == GOLEAK_OK && trace->options.exe != NULL)
        status = open_exe(trace, error);
    if (status != GOLEAK_OK) {
        goleak_trace_free(trace);
        return status;
    }
    *out = trace;
    return GOLEAK_OK;
}

static void close_input(struct goleak_input *input)
{
    if (input->reader != NULL)
        input->format->close(input->reader);
    input->reader = NULL;
    goleak_unpack_free(input->unpack);
    input->unpack = NULL;
    goleak_buf_release(&input->head);
}

void goleak_trace_free(struct goleak_trace *trace)
{
    if (trace == NULL)
        return;
    for (size_t i = 0; i < trace->input_count; i++) {
        struct goleak_input *input = trace->inputs[i];
        close_input(input);
        goleak_free(&trace->alloc, input->path, strlen(input->path) + 1);
        goleak_free(&trace->alloc, input, sizeof *input);
    }
    goleak_free(&trace->alloc, trace->inputs, trace->input_capacity * sizeof *trace->inputs);
    goleak_free(&trace->alloc, trace->ended, trace->ended_capacity * sizeof *trace->ended);
    for (size_t i = 0; i < goleak_analysis_count; i++)
        if (trace->analyses[i] != NULL)
            goleak_analyses[i]->release(trace->analyses[i]);
    goleak_names_close(&trace->names);
    goleak_free(&trace->alloc, trace->exe, trace->exe != NULL ? strlen(trace->exe) + 1 : 0);
    goleak_groups_release(&trace->groups);
    goleak_verdict_release(&trace->judge);
    goleak_ledger_release(&trace->ledger);
    goleak_merge_release(&trace->merge);
    goleak_order_release(&trace->order);
    goleak_replay_release(&trace->replay);
    if (trace->symbols.alloc != NULL)
        goleak_symbols_release(&trace->symbols);
    goleak_block_pool_free(trace->pool);
    struct goleak_alloc alloc = trace->alloc;
    goleak_free(&alloc, trace, sizeof *trace);
}

/* ---- inputs ---- */

struct goleak_event_sink goleak_input_sink(const struct goleak_input *input)
{
    return input->lane != NULL ? (struct goleak_event_sink){ goleak_lane_push, input->lane } : input->trace->sink;
}

static struct goleak_lane *add_lane(struct goleak_trace *trace, struct goleak_input *input, const char *name)
{
    if (trace->merge.alloc == NULL &&
        !goleak_merge_init(&trace->merge, &trace->alloc, &trace->replay, &trace->health))
        return NULL;
    struct goleak_lane *lane = goleak_merge_lane(&trace->merge, name);
    if (lane != NULL)
        lane->source.lost = &input->lost;
    if (lane != NULL)
        lane->source.cuts = &lane->cuts;
    return lane;
}

/* What is wrong with its events is told of the part. */
static void speak_of(struct goleak_lane *lane, const struct goleak_part *part)
{
    lane->source.input = part->name;
    lane->source.offsets = goleak_format_has_offsets(part->format);
}

/* One of several recordings in one input: each gets a lane, as if it were a file of its
 * own. Not where the input is not merged with those before it, nor in a decoder. */
static enum goleak_status open_part(void *context, struct goleak_part *part)
{
    struct goleak_input *input = context;
    struct goleak_trace *trace = input->trace;
    bool replayed = trace->sink.push == goleak_order_push && (input->lane != NULL || trace->input_count == 1);
    if (!part->messages && input->lane != NULL && input->parts == 0)
        speak_of(input->lane, part);
    if (part->messages || !replayed)
        return GOLEAK_OK;
    part->joined = part->beside_others || input->lane != NULL;
    if (!part->beside_others) {
        if (part->pid != 0 && input->lane == NULL)
            goleak_process_claim(&trace->replay, part->pid);
        return GOLEAK_OK;
    }
    struct goleak_lane *lane = input->parts == 0 ? input->lane : NULL;
    if (lane == NULL && (lane = add_lane(trace, input, part->name)) == NULL) {
        if (trace->merge.lane_count < GOLEAK_LANES)
            return goleak_alloc_failure(&trace->alloc);
        return goleak_error_set(&trace->failure, GOLEAK_E_USAGE,
                                "found more recordings to merge, expected no more than %d", GOLEAK_LANES);
    }
    if (input->parts == 0)
        input->lane = lane;
    else if (input->parts == 1)
        input->first_part = lane->index;
    input->parts++;
    part->cuts = &lane->cuts;
    speak_of(lane, part);
    if (input->lane != NULL) /* another input may have told it */
        lane->pid = part->pid != 0 ? part->pid : input->lane->pid;
    part->sink = (struct goleak_event_sink) { goleak_lane_push, lane };
    return GOLEAK_OK;
}

static struct goleak_lane *lane_of(const struct goleak_input *input, size_t part)
{
    return part == 0 ? input->lane : input->trace->merge.lanes[input->first_part + part - 1];
}

static size_t lane_count(const struct goleak_input *input)
{
    return input->lane == NULL ? 0 : input->parts > 1 ? input->parts : 1;
}

bool goleak_input_is_wanted(const struct goleak_input *input)
{
    for (size_t i = 0; i < lane_count(input); i++)
        if (goleak_lane_is_wanted(lane_of(input, i)))
            return true;
    return false;
}

static size_t read_again(void *context, uint64_t offset, void *buffer, size_t size)
{
    const struct goleak_input *input = context;
    return input->again != NULL ? goleak_source_again(input->again, offset, buffer, size) : 0;
}

static void skip(void *context, uint64_t bytes)
{
    struct goleak_input *input = context;
    input->skip += bytes;
}

void goleak_input_tells_offsets(struct goleak_input *input)
{
    input->trace->health.source.offsets = true;
    if (input->lane != NULL)
        input->lane->source.offsets = true;
}

bool goleak_input_waits_only(const struct goleak_input *input)
{
    const struct goleak_trace *trace = input->trace;
    return trace->waits_only || (trace->sink.push == goleak_order_push && input->lane == NULL &&
                                 !goleak_story_is_asked(&trace->replay.story));
}

static enum goleak_status open_reader(struct goleak_input *input)
{
    struct goleak_trace *trace = input->trace;
    const struct goleak_reader_env env = {
        .alloc = &trace->alloc,
        .symbols = &trace->symbols,
        .health = &trace->health,
        .reasons = &trace->reasons,
        .sink = goleak_input_sink(input),
        .open_part = trace->open_part != NULL ? trace->open_part : open_part,
        .part_context = trace->open_part != NULL ? trace->part_context : input,
        .read_again = input->again != NULL ? read_again : NULL,
        .skip = input->again != NULL ? skip : NULL,
        .again_context = input,
        .waits_only = goleak_input_waits_only(input),
        .joined = trace->joined || input->lane != NULL,
    };
    if (input->format->offsets)
        goleak_input_tells_offsets(input);
    input->reader = input->format->open(&env);
    return input->reader != NULL ? GOLEAK_OK : goleak_alloc_failure(&trace->alloc);
}

/* Where an input's first line ends, for an error that shows it. */
static void show_first_line(const struct goleak_input *input, struct goleak_error *error)
{
    const char *newline = memchr(input->head.data, '\n', input->head.size);
    size_t size = newline != NULL ? (size_t)(newline - input->head.data) : input->head.size;
    error->line = error->column = 1;
    goleak_escape_excerpt(error->excerpt, sizeof error->excerpt, input->head.data, size < 120 ? size : 120);
}

/* What was said to be wrong with this input's bytes; NULL: nothing. */
static const struct goleak_health_entry *find_damage(const struct goleak_input *input)
{
    static const enum goleak_health_id kinds[] = { GOLEAK_HEALTH_damaged_records, GOLEAK_HEALTH_damaged_frames,
                                                   GOLEAK_HEALTH_truncated };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct goleak_health_entry *entry = &input->trace->health.entries[kinds[i]];
        if (entry->count != 0 && entry->input == input->path)
            return entry;
    }
    return NULL;
}

static enum goleak_status refuse(struct goleak_input *input, const char *advice)
{
    struct goleak_error *error = &input->trace->failure;
    const struct goleak_health_entry *damage = find_damage(input);
    if (input->head.size == 0 && damage != NULL) {
        goleak_error_set(error, GOLEAK_E_EMPTY, "nothing could be unpacked: %s", damage->detail);
        error->offset = damage->offset;
        error->has_offset = true;
    } else if (input->head.size == 0) {
        goleak_error_set(error, GOLEAK_E_EMPTY, "the input is empty, expected a recording");
    } else if (advice[0] != '\0') {
        goleak_error_set(error, GOLEAK_E_FORMAT, "%s", advice);
    } else if (memchr(input->head.data, 0, input->head.size) != NULL) {
        goleak_error_set(error, GOLEAK_E_FORMAT,
                         "found binary data of an unknown kind, expected a recording (see docs/FORMATS.md)");
        error->has_offset = true;
    } else {
        goleak_error_set(error, GOLEAK_E_FORMAT,
                         "found no line that a recorder of goroutine events prints, expected lines such as "
                         "\"gopark: goroutine=140000036c0 …\" (--input-format names the format if it has a long "
                         "preamble)");
        show_first_line(input, error);
    }
    snprintf(error->path, sizeof error->path, "%s", input->path);
    return error->status;
}

/* Another's reader gets the bytes; all that were fed stay in `head`. */
static bool is_anothers(const struct goleak_input *input)
{
    return input->aside && input->format != NULL &&
           (input->format->alone || (input->waits && input->format->sections != NULL));
}

static enum goleak_status find_format(struct goleak_input *input, bool whole)
{
    bool more = false;
    char advice[256] = "";
    const struct goleak_trace *trace = input->trace;
    if (input->head.size == 0)
        return refuse(input, advice);
    if (trace->options.input_format != NULL)
        input->format = goleak_format_find(trace->options.input_format);
    else if (input->format == NULL) /* else more bytes would tell otherwise, perhaps */
        input->format = goleak_format_sniff(input->head.data, input->head.size, whole, &more, advice);
    if (input->format == NULL)
        return more ? GOLEAK_END : refuse(input, advice);
    if (is_anothers(input))
        return GOLEAK_OK;
    enum goleak_status status = open_reader(input);
    if (status == GOLEAK_OK)
        status = input->format->feed(input->reader, input->head.data, input->head.size);
    goleak_buf_release(&input->head);
    return status;
}

static enum goleak_status take_plain(void *context, const void *data, size_t size)
{
    struct goleak_input *input = context;
    const char *bytes = data;
    if (input->reader == NULL && input->head.size == 0 && input->format != NULL && !is_anothers(input)) {
        enum goleak_status status = open_reader(input);
        if (status != GOLEAK_OK)
            return status;
    }
    while (input->reader == NULL && size != 0) {
        size_t wanted = input->head_full ? GOLEAK_SNIFF_BYTES : HEAD_BYTES;
        size_t part = wanted - input->head.size;
        if (part > size)
            part = size;
        goleak_buf_append(&input->head, bytes, part);
        if (input->head.failed)
            return goleak_alloc_failure(&input->trace->alloc);
        bytes += part;
        size -= part;
        if (input->head.size < wanted)
            return GOLEAK_OK;
        enum goleak_status status = find_format(input, false);
        if (status < 0)
            return status;
        input->head_full = true;
        if (is_anothers(input)) {
            goleak_buf_append(&input->head, bytes, size);
            return input->head.failed ? goleak_alloc_failure(&input->trace->alloc) : GOLEAK_OK;
        }
    }
    const size_t skipped = input->skip < size ? (size_t)input->skip : size; /* what nobody could spare itself */
    input->skip -= skipped;
    return size != skipped ? input->format->feed(input->reader, bytes + skipped, size - skipped) : GOLEAK_OK;
}

void goleak_input_damage(void *context, bool truncated, uint64_t offset, const char *sentence)
{
    struct goleak_input *input = context;
    goleak_input_begin(input); /* another one's events may have come last */
    goleak_health_note(&input->trace->health, truncated ? GOLEAK_HEALTH_truncated : GOLEAK_HEALTH_damaged_frames, 1, 0,
                       0, offset, "%s", sentence);
}

void goleak_input_begin(struct goleak_input *input)
{
    bool offsets = input->format != NULL && input->format->offsets;
    input->trace->health.source = (struct goleak_health_source) { input->path, offsets, &input->lost,
                                                                  input->lane != NULL ? &input->lane->cuts : NULL };
}

/* A decoder's inputs are not replayed, so there is nothing to merge them for. */
static bool is_fed(const struct goleak_input *input)
{
    return input->unpack != NULL || input->reader != NULL || input->head.size != 0 || input->finished;
}

/* Inputs that are opened before any of them is fed are recordings of one run, side by
 * side. */
static bool is_merged(const struct goleak_trace *trace)
{
    if (trace->sink.push != goleak_order_push)
        return false;
    for (size_t i = 0; i < trace->input_count; i++)
        if (is_fed(trace->inputs[i]))
            return false;
    return true;
}

/* Each gets a lane. */
static bool give_lanes(struct goleak_trace *trace)
{
    if (trace->input_count < 2 || !is_merged(trace))
        return true;
    for (size_t i = 0; i < trace->input_count; i++) {
        struct goleak_input *input = trace->inputs[i];
        if (input->lane == NULL && (input->lane = add_lane(trace, input, input->path)) == NULL)
            return false;
    }
    return true;
}

enum goleak_status goleak_input_open(struct goleak_input **out, struct goleak_trace *trace, const char *name,
                                     struct goleak_error *error)
{
    *out = NULL;
    if (has_failed(trace, error))
        return trace->failure.status;
    if (trace->finished)
        return goleak_error_set(error, GOLEAK_E_USAGE, "the trace is finished and takes no more inputs");
    if (trace->input_count >= GOLEAK_LANES && is_merged(trace))
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "found input %zu of those that are open together, expected no more than %d",
                                trace->input_count + 1, GOLEAK_LANES);
    if (!goleak_grow(&trace->alloc, &trace->inputs, &trace->input_capacity, trace->input_count + 1,
                     sizeof *trace->inputs))
        return fail_memory(trace, error);
    struct goleak_input *input = goleak_alloc_zeroed(&trace->alloc, sizeof *input);
    const size_t size = strlen(name) + 1;
    char *path = goleak_realloc(&trace->alloc, NULL, 0, size);
    if (input == NULL || path == NULL) {
        goleak_free(&trace->alloc, input, sizeof *input);
        goleak_free(&trace->alloc, path, size);
        return fail_memory(trace, error);
    }
    memcpy(path, name, size);
    input->trace = trace;
    input->path = path;
    goleak_buf_init(&input->head, &trace->alloc);
    trace->inputs[trace->input_count++] = input;
    goleak_input_begin(input);
    if (!give_lanes(trace))
        return fail_memory(trace, error);
    *out = input;
    return GOLEAK_OK;
}

enum goleak_status goleak_input_feed_plain(struct goleak_input *input, const void *data, size_t size,
                                           struct goleak_error *error)
{
    if (has_failed(input->trace, error))
        return input->trace->failure.status;
    goleak_input_begin(input);
    return goleak_trace_fail(input->trace, take_plain(input, data, size), error);
}

enum goleak_status goleak_input_feed(struct goleak_input *input, const void *data, size_t size,
                                     struct goleak_error *error)
{
    struct goleak_trace *trace = input->trace;
    if (has_failed(trace, error))
        return trace->failure.status;
    if (input->finished)
        return goleak_error_set(error, GOLEAK_E_USAGE, "the input is finished and takes no more bytes");
    enum goleak_status status = GOLEAK_OK;
    goleak_input_begin(input);
    if (input->unpack == NULL)
        status = goleak_unpack_new(&input->unpack, &trace->alloc, 0, take_plain, goleak_input_damage, input,
                                   &trace->failure);
    input->bytes += size;
    if (status == GOLEAK_OK)
        status = goleak_unpack_feed(input->unpack, data, size, &trace->failure);
    if (status < 0 && trace->failure.path[0] == '\0' && trace->failure.status != GOLEAK_OK)
        snprintf(trace->failure.path, sizeof trace->failure.path, "%s", input->path);
    return goleak_trace_fail(trace, status, error);
}

/* Nothing in it was of use. */
static enum goleak_status complain_of_nothing(struct goleak_input *input)
{
    struct goleak_error *error = &input->trace->failure;
    const char *problem = input->trace->health.entries[GOLEAK_HEALTH_recorder_errors].detail;
    const struct goleak_health_entry *line = &input->trace->health.entries[GOLEAK_HEALTH_damaged_lines];
    const struct goleak_health_entry *unknown = &input->trace->health.entries[GOLEAK_HEALTH_unknown_events];
    const struct goleak_health_entry *damage = find_damage(input);
    if (input->facts.advice != NULL) {
        goleak_error_set(error, GOLEAK_E_NOEVENTS, "%s", input->facts.advice);
    } else if (damage != NULL && damage->line == 0) {
        goleak_error_set(error, GOLEAK_E_NOEVENTS, "no event of it can be read; of the damage the first: %s",
                         damage->detail);
        error->offset = damage->offset;
        error->has_offset = true;
    } else if (unknown->count != 0 && unknown->line != 0 && unknown->input == input->path) {
        goleak_error_set(
            error, GOLEAK_E_NOEVENTS,
            "found events of unknown kinds alone, the first is %s, expected such as newproc1, gopark, gdestroy: "
            "`goleak-report recorder` prints a script that records these",
            unknown->detail);
        error->line = unknown->line;
    } else if (input->facts.guess != NULL) {
        goleak_error_set(error, GOLEAK_E_NOEVENTS, "%s", input->facts.guess);
    } else if (line->count != 0 && line->input == input->path && line->detail[0] != '\0') {
        goleak_error_set(error, GOLEAK_E_NOEVENTS, "no line of it can be read; of the first: %s", line->detail);
        error->line = line->line;
        error->column = line->column;
    } else if (input->facts.nothing != NULL)
        goleak_error_set(error, GOLEAK_E_NOEVENTS, "%s", input->facts.nothing);
    else if (input->facts.notes != 0)
        goleak_error_set(error, GOLEAK_E_NOEVENTS,
                         "found a recorder's messages and no events: give this file together with its recording%s%s",
                         problem[0] != '\0' ? "; it says " : "", problem);
    else
        goleak_error_set(error, GOLEAK_E_NOEVENTS,
                         "found %s without one event that this version knows, expected some: did the probes match?",
                         input->format->title);
    snprintf(error->path, sizeof error->path, "%s", input->path);
    return error->status;
}

static enum goleak_status end_reader(struct goleak_input *input)
{
    enum goleak_status status = GOLEAK_OK;
    if (input->unpack != NULL)
        status = goleak_unpack_finish(input->unpack, &input->trace->failure);
    if (status == GOLEAK_OK && input->reader == NULL)
        status = find_format(input, true);
    if (status != GOLEAK_OK || is_anothers(input))
        return status;
    status = input->format->finish(input->reader);
    if (status == GOLEAK_OK)
        input->format->facts(input->reader, &input->facts);
    return status;
}

enum goleak_status goleak_input_end(struct goleak_input *input, struct goleak_error *error)
{
    goleak_input_begin(input);
    return goleak_trace_fail(input->trace, end_reader(input), error);
}

enum goleak_status goleak_input_finish(struct goleak_input *input, struct goleak_error *error)
{
    struct goleak_trace *trace = input->trace;
    if (has_failed(trace, error))
        return trace->failure.status;
    if (input->finished)
        return GOLEAK_OK;
    goleak_input_begin(input);
    enum goleak_status status = input->elsewhere ? GOLEAK_OK : end_reader(input);
    for (size_t i = 0; i < lane_count(input) && status == GOLEAK_OK; i++)
        status = goleak_lane_finish(lane_of(input, i));
    if (status == GOLEAK_OK) {
        input->finished = true;
        if ((input->facts.strange && !trace->hands_out) ||
            (input->facts.events == 0 && (input->facts.notes == 0 || input->facts.advice != NULL)))
            status = complain_of_nothing(input);
        trace->relative_time = trace->relative_time || input->facts.relative_time;
    }
    close_input(input);
    return goleak_trace_fail(trace, status, error);
}

enum goleak_status goleak_trace_feed(struct goleak_trace *trace, const void *data, size_t size,
                                     struct goleak_error *error)
{
    if (trace->fed == NULL) {
        enum goleak_status status = goleak_input_open(&trace->fed, trace, "-", error);
        if (trace->fed == NULL)
            return status;
    }
    return goleak_input_feed(trace->fed, data, size, error);
}

/* ---- the end ---- */

/* Which events there were decides what the verdicts may rest on. */
static void prepare_judge(struct goleak_trace *trace)
{
    struct goleak_replay *replay = &trace->replay;
    const bool is_of_go = goleak_trace_is_of_go(trace);
    replay->waits.tells_wakers |= is_of_go; /* though there be none */
    trace->judge = (struct goleak_verdict_input) {
        .alloc = &trace->alloc,
        .symbols = &trace->symbols,
        .sites = &replay->sites,
        .store = &replay->store,
        .lineage = &replay->lineage,
        .reasons = &trace->reasons,
        .waits = &replay->waits,
        .locks = &replay->locks,
        .ledger = &trace->ledger,
        .health = &trace->health,
        .limits = trace->limits,
        .ticks = &replay->ticks,
        .has_time = replay->stream.has_time,
        .blocking_told = replay->stream.tells_blocking,
        .wakeups_told = replay->stream.has_wakeups || is_of_go,
        .objects_told = replay->stream.has_objects,
        .timers_told = replay->stream.has_timers,
        .stacks_told = replay->stream.has_stacks,
        .include_system = trace->options.include_system,
        .first = replay->stream.has_time ? replay->first_ns : 0,
        .last = replay->stream.has_time ? replay->last_ns : (int64_t)replay->event_count,
        .events = replay->event_count,
        .processes = replay->process_count,
        .min_age_ns = trace->options.min_age_ns,
        .explained = goleak_story_is_asked(&trace->replay.story),
    };
}

enum goleak_status goleak_trace_judge(struct goleak_trace *trace)
{
    goleak_groups_release(&trace->groups);
    goleak_groups_init(&trace->groups, &trace->alloc);
    goleak_verdict_release(&trace->judge);
    prepare_judge(trace);
    enum goleak_status status = goleak_verdict_prepare(&trace->judge);
    return status == GOLEAK_OK ? goleak_groups_fill(&trace->groups, &trace->judge) : status;
}

static enum goleak_status compute(struct goleak_trace *trace)
{
    enum goleak_status status = goleak_order_finish(&trace->order);
    if (status == GOLEAK_OK)
        status = goleak_replay_rename(&trace->replay);
    if (status == GOLEAK_OK)
        status = goleak_replay_flush(&trace->replay);
    for (size_t i = 0; i < goleak_analysis_count && status == GOLEAK_OK; i++)
        if (goleak_analyses[i]->finish != NULL)
            status = goleak_analyses[i]->finish(trace->analyses[i]);
    return status == GOLEAK_OK ? goleak_trace_judge(trace) : status;
}

enum goleak_status goleak_trace_finish(struct goleak_trace *trace, struct goleak_error *error)
{
    if (has_failed(trace, error))
        return trace->failure.status;
    if (trace->finished)
        return GOLEAK_OK;
    if (trace->input_count == 0) /* nothing was ever fed: an empty input */
        if (goleak_input_open(&trace->fed, trace, "-", error) != GOLEAK_OK)
            return trace->failure.status;
    uint64_t events = 0;
    for (size_t i = 0; i < trace->input_count; i++) {
        enum goleak_status status = goleak_input_finish(trace->inputs[i], error);
        if (status != GOLEAK_OK)
            return status;
        events += trace->inputs[i]->facts.events;
    }
    if (events == 0)
        return goleak_trace_fail(trace, complain_of_nothing(trace->inputs[0]), error);
    goleak_names_finish(&trace->names);
    enum goleak_status status = compute(trace);
    trace->finished = status == GOLEAK_OK;
    return goleak_trace_fail(trace, status, error);
}
