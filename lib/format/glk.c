/*
 * glk - our own compact binary format: what `goleak-report convert` writes.
 *
 *      89 'G' 'L' 'K' 0d 0a 1a 0a · version
 *      block: sources
 *      block: events of a source; first what they mention for the first time, then columns
 *      …
 *      block: end, with an index that nobody needs to read it
 *
 * It carries events as another format's reader pushed them, in the same batches, and
 * what that reader said beside: complaints, the Go version. So a report on it is the
 * report on its source. docs/FORMAT-GLK.md has all of it, glk_layout.h the numbers.
 *
 * A block that is damaged or missing costs its events, and what it told for the first
 * time until the tables begin anew: glk_tables.h.
 */
#include "format/glk.h"

#include "base/number.h"
#include "base/xxh64.h"
#include "format/glk_events.h"
#include "format/varint.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

/* No block is smaller: to tell how many may be missing from the bytes that are. */
#define BLOCK_LEAST 12

/* One recording of those that the file holds. */
struct stream {
    struct goleak_part part;
    struct goleak_batch *batch;
    struct goleak_glk_tables tables;
    int64_t last_ns;  /* of the events that are said to be in order */
    bool doubt;       /* what a lost block told may be missing */
    uint64_t missing; /* blocks since the tables began: at most so many were its own */
    uint64_t since;   /* the block with which the tables began */
};

#define NO_BLOCK UINT64_MAX
/* Behind a damaged block's head the next one is looked for, and each that is found claims bytes that
 * others claim, too: so many times as many bytes as there are, and no more are looked at for nothing. */
#define VAIN_MOST 4
/* Slots that nothing has told, though nothing was lost. */
#define SLOTS_BEYOND 65536

/* A complaint or a Go version, and the event of the block before which it comes. */
struct remark {
    uint64_t event;
    const uint8_t *at, *end;
    uint8_t item;
};

struct goleak_reader {
    struct goleak_reader_env env;
    const char *path; /* of the input, for health */
    struct goleak_buf bytes;
    size_t parsed;                   /* of them */
    uint64_t offset;                 /* of bytes.data[0] */
    bool began, ended, lost, closed; /* lost: nothing in it can be read. closed: no trailer is missing */
    uint64_t number;                 /* of the next block */
    uint64_t skipped;                /* bytes since the last whole block */
    uint64_t broken_at;              /* where they begin */
    uint64_t vain;                   /* bytes of sections that did not match their checksums */
    uint64_t end_at;                 /* where the end block begins */
    uint32_t unknown_gs;             /* goroutines whose addresses were lost, counted */
    struct stream *streams;
    size_t stream_count, stream_capacity, opened;
    size_t pushed; /* the stream whose events came last, and 1; 0: none did */
    struct goleak_buf plain[2];
    ZSTD_DCtx *zstd;
    uint64_t booked_bytes;
    struct goleak_glk_events *block;
    struct remark *remarks;
    size_t remark_count, remark_capacity;
    uint64_t events, notes;
    bool tells;      /* there was an event that tells of goroutines */
    uint32_t *named; /* by stack of the symbols: as an executable has it; 0: not looked up */
    size_t named_capacity;
    uint32_t learnt; /* goleak_symbols_learnt, when they were */
    const char *form;     /* interned: of the first source */
    const char *source;   /* … and the formats of all */
    bool relative;
    unsigned version;
};

/* ---- complaints ---- */

/* Of the file itself; what comes of its events later is of their own source again. */
static void say(struct goleak_reader *reader, enum goleak_health_id id, uint64_t count, uint64_t offset,
                const char *sentence)
{
    struct goleak_health_book *health = reader->env.health;
    const char *before = health->source.input;
    health->source.input = reader->path;
    goleak_health_note(health, id, count, 0, 0, offset, "%s", sentence);
    health->source.input = before;
}

static void damage(struct goleak_reader *reader, uint64_t at, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

static void damage(struct goleak_reader *reader, uint64_t at, const char *format, ...)
{
    char sentence[256];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    say(reader, GOLEAK_HEALTH_damaged_records, 1, reader->offset + at, sentence);
}

static void truncated(struct goleak_reader *reader, const char *sentence)
{
    say(reader, GOLEAK_HEALTH_truncated, 1, reader->offset + reader->bytes.size, sentence);
}

static enum goleak_status memory(const struct goleak_reader *reader)
{
    return goleak_alloc_failure(reader->env.alloc);
}

/* A text, interned. False: damage, or memory (then *failed is set). */
static bool get_text(struct goleak_reader *reader, const uint8_t **at, const uint8_t *end, const char **out,
                     bool *failed)
{
    uint64_t size;
    *failed = false;
    if (!goleak_varint_take(at, end, &size) || size > (uint64_t)(end - *at))
        return false;
    uint32_t id = goleak_symbols_string(reader->env.symbols, *at, (size_t)size);
    *failed = id == 0;
    *out = goleak_symbols_text(reader->env.symbols, id);
    *at += size;
    return !*failed;
}

/* ---- streams ---- */

static enum goleak_status add_stream(struct goleak_reader *reader, const char *name, const char *format, uint32_t pid,
                                     bool messages)
{
    struct goleak_alloc *alloc = reader->env.alloc;
    if (!goleak_grow(alloc, &reader->streams, &reader->stream_capacity, reader->stream_count + 1,
                     sizeof *reader->streams))
        return memory(reader);
    struct stream *stream = &reader->streams[reader->stream_count];
    *stream = (struct stream) { .last_ns = INT64_MIN, .since = NO_BLOCK };
    stream->part = (struct goleak_part) {
        .name = name,
        .format = format,
        .pid = pid,
        .messages = messages,
        .sink = reader->env.sink,
        .health = reader->env.health,
        .reasons = reader->env.reasons,
    };
    stream->batch = goleak_batch_new(alloc);
    if (stream->batch == NULL)
        return memory(reader);
    goleak_glk_tables_init(&stream->tables, alloc, reader->env.symbols, &reader->unknown_gs);
    reader->stream_count++;
    return GOLEAK_OK;
}

static size_t count_recordings(const struct goleak_reader *reader)
{
    size_t count = 0;
    for (size_t i = 0; i < reader->stream_count; i++)
        count += !reader->streams[i].part.messages;
    return count;
}

/* The formats of the sources, each once: "bpftrace, perf". */
static enum goleak_status name_formats(struct goleak_reader *reader)
{
    char text[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < reader->stream_count && used < sizeof text; i++) {
        const char *format = reader->streams[i].part.format;
        bool again = reader->streams[i].part.messages || format[0] == '\0';
        for (size_t k = 0; k < i; k++)
            again = again || (!reader->streams[k].part.messages && strcmp(reader->streams[k].part.format, format) == 0);
        if (!again)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%.64s", used != 0 ? ", " : "", format);
    }
    reader->source = NULL;
    uint32_t id = used != 0 ? goleak_symbols_string(reader->env.symbols, text, strlen(text)) : 0;
    if (used != 0 && id == 0)
        return memory(reader);
    reader->source = used != 0 ? goleak_symbols_text(reader->env.symbols, id) : NULL;
    return GOLEAK_OK;
}

static enum goleak_status open_streams(struct goleak_reader *reader)
{
    enum goleak_status status = name_formats(reader);
    bool several = count_recordings(reader) > 1;
    for (; reader->opened < reader->stream_count && status == GOLEAK_OK; reader->opened++) {
        struct stream *stream = &reader->streams[reader->opened];
        stream->part.beside_others = several && !stream->part.messages;
        if (reader->env.open_part != NULL)
            status = reader->env.open_part(reader->env.part_context, &stream->part);
    }
    return status;
}

/* Where what is wrong with its events is to be found. */
static void speak_of(const struct goleak_reader *reader, const struct stream *stream)
{
    reader->env.health->source.input = stream->part.name;
    reader->env.health->source.offsets = goleak_format_has_offsets(stream->part.format);
}

static enum goleak_status push(struct goleak_reader *reader, struct stream *stream)
{
    if (stream->batch->count == 0)
        return GOLEAK_OK;
    reader->pushed = (size_t)(stream - reader->streams) + 1;
    speak_of(reader, stream);
    enum goleak_status status = stream->part.sink.push(stream->part.sink.context, &stream->batch);
    stream->batch->in_order = false;
    return status;
}

/* ---- what comes between events ---- */

static enum goleak_status take_note(struct goleak_reader *reader, const struct stream *stream, const uint8_t *at,
                                    const uint8_t *end, const char **problem)
{
    uint64_t count, line, column, offset;
    const char *name, *sentence, *input = stream->part.name;
    bool failed = false;
    enum goleak_health_id id;
    *problem = "found a complaint that cannot be read";
    if (!goleak_varint_take(&at, end, &count) || !goleak_varint_take(&at, end, &line) ||
        !goleak_varint_take(&at, end, &column) || !goleak_varint_take(&at, end, &offset) ||
        !get_text(reader, &at, end, &name, &failed) || !get_text(reader, &at, end, &sentence, &failed) ||
        (at < end && !get_text(reader, &at, end, &input, &failed)))
        return failed ? memory(reader) : GOLEAK_OK;
    *problem = NULL;
    struct goleak_health_book *health = stream->part.health;
    const char *before = health->source.input;
    health->source.input = input;
    if (goleak_health_find(name, &id))
        goleak_health_note(health, id, count, line, column, offset, "%s", sentence);
    else
        goleak_health_note(health, GOLEAK_HEALTH_unknown_keys, 1, line, column, offset, "the complaint %.64s: %.200s",
                           name, sentence);
    health->source.input = before;
    return GOLEAK_OK;
}

static enum goleak_status take_go(struct goleak_reader *reader, const struct stream *stream, const uint8_t *at,
                                  const uint8_t *end, const char **problem)
{
    uint64_t low, high;
    const char *from, *text;
    bool failed = false;
    *problem = "found a Go version that cannot be read";
    if (!goleak_varint_take(&at, end, &low) || !goleak_varint_take(&at, end, &high) || low > 999 || high > 999 ||
        !get_text(reader, &at, end, &from, &failed) || !get_text(reader, &at, end, &text, &failed))
        return failed ? memory(reader) : GOLEAK_OK;
    *problem = NULL;
    goleak_reasons_restore(stream->part.reasons, (unsigned)low, (unsigned)high, from, text);
    return GOLEAK_OK;
}

/* Those that come before this event. */
static enum goleak_status say_until(struct goleak_reader *reader, const struct stream *stream, uint64_t event,
                                    size_t *next, const char **problem)
{
    enum goleak_status status = GOLEAK_OK;
    for (; *next < reader->remark_count && reader->remarks[*next].event < event && status == GOLEAK_OK; (*next)++) {
        const struct remark *remark = &reader->remarks[*next];
        const char *own = NULL;
        status = remark->item == GOLEAK_GLK_NOTE ? take_note(reader, stream, remark->at, remark->end, &own)
                                                 : take_go(reader, stream, remark->at, remark->end, &own);
        *problem = own != NULL ? own : *problem;
    }
    return status;
}

/* ---- the tables of a block ---- */

static enum goleak_status take_source(struct goleak_reader *reader, const uint8_t *at, const uint8_t *end,
                                      const char **problem)
{
    uint64_t flags, pid;
    const char *name, *format;
    bool failed = false;
    *problem = "found a source that cannot be read";
    if (!goleak_varint_take(&at, end, &flags) || !goleak_varint_take(&at, end, &pid) ||
        !get_text(reader, &at, end, &name, &failed) || !get_text(reader, &at, end, &format, &failed))
        return failed ? memory(reader) : GOLEAK_OK;
    *problem = "found more sources than a file may have";
    if (reader->stream_count >= GOLEAK_GLK_SOURCES)
        return GOLEAK_OK;
    *problem = NULL;
    return add_stream(reader, name, format, pid <= UINT32_MAX ? (uint32_t)pid : 0, (flags & GOLEAK_GLK_MESSAGES) != 0);
}

static enum goleak_status take_facts(struct goleak_reader *reader, const uint8_t *at, const uint8_t *end,
                                     const char **problem)
{
    uint64_t source, events, notes, bytes;
    const char *format, *form;
    bool failed = false;
    *problem = "found the facts of a source that cannot be read";
    if (!goleak_varint_take(&at, end, &source) || !goleak_varint_take(&at, end, &events) ||
        !goleak_varint_take(&at, end, &notes) || !goleak_varint_take(&at, end, &bytes) ||
        !get_text(reader, &at, end, &format, &failed) || !get_text(reader, &at, end, &form, &failed))
        return failed ? memory(reader) : GOLEAK_OK;
    *problem = NULL;
    reader->notes += notes;
    if (source >= reader->stream_count)
        return GOLEAK_OK;
    struct stream *stream = &reader->streams[source];
    if (format[0] != '\0')
        stream->part.format = format;
    if (!stream->part.messages && form[0] != '\0' && reader->form == NULL)
        reader->form = form;
    if (stream->part.facts != NULL) {
        stream->part.facts->notes = notes;
        stream->part.facts->form = form;
        stream->part.facts->source = stream->part.format;
        stream->part.facts->source_bytes = bytes;
    }
    return name_formats(reader);
}

static enum goleak_status add_remark(struct goleak_reader *reader, uint8_t item, const uint8_t *at, const uint8_t *end,
                                     const char **problem)
{
    uint64_t event;
    *problem = "found a complaint without its place";
    if (!goleak_varint_take(&at, end, &event))
        return GOLEAK_OK;
    *problem = NULL;
    if (!goleak_grow(reader->env.alloc, &reader->remarks, &reader->remark_capacity, reader->remark_count + 1,
                     sizeof *reader->remarks))
        return memory(reader);
    reader->remarks[reader->remark_count++] = (struct remark) { event, at, end, item };
    return GOLEAK_OK;
}

/* `stream` is NULL in blocks that are of none. */
static enum goleak_status take_tables(struct goleak_reader *reader, struct stream *stream, const uint8_t *at,
                                      const uint8_t *end, uint64_t gap_max, const char **problem)
{
    enum goleak_status status = GOLEAK_OK;
    *problem = NULL;
    reader->remark_count = 0;
    while (at < end && status == GOLEAK_OK) {
        uint64_t size;
        const char *own = NULL;
        uint8_t item = *at++;
        if (!goleak_varint_take(&at, end, &size) || size > (uint64_t)(end - at)) {
            *problem = "found an item that is longer than its tables";
            return GOLEAK_OK;
        }
        const uint8_t *next = at + size;
        switch (item) {
        case GOLEAK_GLK_SOURCE: status = stream == NULL ? take_source(reader, at, next, &own) : GOLEAK_OK; break;
        case GOLEAK_GLK_FACTS: status = stream == NULL ? take_facts(reader, at, next, &own) : GOLEAK_OK; break;
        case GOLEAK_GLK_NOTE:
        case GOLEAK_GLK_GO: status = add_remark(reader, item, at, next, &own); break;
        default:
            if (stream != NULL) /* what is unknown there is skipped */
                status = goleak_glk_tables_take(&stream->tables, (enum goleak_glk_item)item, at, next, gap_max, &own);
            break;
        }
        *problem = *problem != NULL ? *problem : own;
        at = next;
    }
    return status;
}

/* ---- the events of a block ---- */

/* That they are in order is a claim, on which what follows relies. */
static bool are_in_order(struct stream *stream)
{
    const struct goleak_batch *batch = stream->batch;
    bool good = true;
    int64_t last_ns = stream->last_ns;
    for (size_t i = 0; i < batch->count; i++) {
        good &= (batch->events[i].has & GOLEAK_HAS_TIME) != 0 && batch->events[i].time_ns >= last_ns;
        last_ns = batch->events[i].time_ns;
    }
    if (good)
        stream->last_ns = last_ns;
    return good;
}

/* The program of an executable that is given may lie elsewhere: its first creations tell. */
static void tell_creations(const struct goleak_reader *reader, const struct goleak_event *events, size_t count)
{
    const struct goleak_symbols *symbols = reader->env.symbols;
    const struct goleak_resolver *resolver = symbols->resolver;
    for (size_t i = 0; resolver != NULL && i < count; i++) {
        const struct goleak_event *event = &events[i];
        if (event->kind == GOLEAK_EVENT_CREATE && event->has & GOLEAK_HAS_STARTPC)
            resolver->created(resolver->context, event->has & GOLEAK_HAS_GOID ? event->goid : 0, event->startpc,
                              event->has & GOLEAK_HAS_START ? goleak_symbols_text(symbols, event->name) : NULL,
                              event->position);
    }
}

/* A frame that its recording had no line for: an executable that is given now may. */
static uint32_t name_frame(struct goleak_symbols *symbols, uint32_t frame, bool after_call)
{
    uint64_t number;
    size_t size, name_size;
    const char *text = goleak_intern_get(&symbols->frames, frame, &size), *end = text + size;
    const char *name = goleak_intern_get(&symbols->strings, symbols->frame_info[frame - 1].function, &name_size);
    if (goleak_name_is_lost(name))
        name_size = 0;
    const char *rest = text + (name_size <= size ? name_size : size);
    const char *sign = name_size != 0 ? "+0x" : "0x";
    if (!goleak_text_begins(rest, sign) || goleak_parse_hex(rest + strlen(sign), end, &number) != end)
        return frame;
    return goleak_symbols_frame(symbols, name, name_size, number, after_call);
}

/* 0: the frame has more than an address. */
static uint64_t address_of(const struct goleak_symbols *symbols, uint32_t frame)
{
    uint64_t number;
    size_t size;
    const char *text = goleak_intern_get(&symbols->frames, frame, &size), *end = text + size;
    bool bare = symbols->frame_info[frame - 1].function == 0 && goleak_text_begins(text, "0x");
    return bare && goleak_parse_hex(text + 2, end, &number) == end ? number : 0;
}

/* Where the program lies may have been learnt: stacks that were looked up are again. */
static void look_again(struct goleak_reader *reader)
{
    uint32_t learnt = goleak_symbols_learnt(reader->env.symbols);
    if (reader->learnt != learnt && reader->named_capacity != 0)
        memset(reader->named, 0, reader->named_capacity * sizeof *reader->named);
    reader->learnt = learnt;
}

/* The stack as the executable has it, looked up once. 0: memory. */
static uint32_t name_stack(struct goleak_reader *reader, enum goleak_event_kind kind, uint32_t stack)
{
    struct goleak_symbols *symbols = reader->env.symbols;
    struct goleak_alloc *alloc = reader->env.alloc;
    const uint32_t *frames;
    size_t before = reader->named_capacity;
    if (!goleak_grow(alloc, &reader->named, &reader->named_capacity, (size_t)stack + 1, sizeof *reader->named))
        return 0;
    memset(reader->named + before, 0, (reader->named_capacity - before) * sizeof *reader->named);
    if (reader->named[stack] != 0)
        return reader->named[stack];
    size_t count = goleak_symbols_stack_frames(symbols, stack, &frames);
    goleak_symbols_tell_ends(symbols, kind, address_of(symbols, frames[0]),
                             count > 1 ? address_of(symbols, frames[count - 1]) : 0);
    look_again(reader);
    uint32_t *list = goleak_alloc_array(alloc, count, sizeof *list);
    bool good = list != NULL;
    for (size_t i = 0; i < count && good; i++)
        good = (list[i] = name_frame(symbols, frames[i], i != 0)) != 0;
    uint32_t named = good ? goleak_symbols_stack(symbols, list, count) : 0;
    goleak_free(alloc, list, count * sizeof *list);
    reader->named[stack] = named;
    return named;
}

/* Behind the creations, which tell where the program lies. */
static bool name_stacks(struct goleak_reader *reader, struct goleak_event *events, size_t count)
{
    if (reader->env.symbols->resolver == NULL)
        return true;
    look_again(reader);
    for (size_t i = 0; i < count; i++)
        if (events[i].has & GOLEAK_HAS_STACK && events[i].stack != 0 &&
            (events[i].stack = name_stack(reader, (enum goleak_event_kind)events[i].kind, events[i].stack)) == 0)
            return false;
    return true;
}

static void note_telling(struct goleak_reader *reader, const struct goleak_event *events, size_t count)
{
    for (size_t i = 0; i < count && !reader->tells; i++)
        reader->tells = goleak_event_tells(&events[i], goleak_event_tells_name(&events[i])
                                                           ? goleak_symbols_text(reader->env.symbols, events[i].name)
                                                           : "");
}

static enum goleak_status run_events(struct goleak_reader *reader, struct stream *stream,
                                     const struct goleak_glk_head *head, const char **problem)
{
    struct goleak_glk_events *block = reader->block;
    enum goleak_status status = GOLEAK_OK;
    size_t next = 0;
    while (block->at < block->count && status == GOLEAK_OK && *problem == NULL) {
        struct goleak_batch *batch = stream->batch;
        size_t from = batch->count, part = GOLEAK_BATCH_EVENTS - from, left = block->count - block->at;
        part = part < left ? part : left;
        status = goleak_glk_events_next(block, batch, part, problem);
        if (status != GOLEAK_OK || *problem != NULL)
            break;
        note_telling(reader, batch->events + from, part);
        tell_creations(reader, batch->events + from, part);
        if (!name_stacks(reader, batch->events + from, part))
            return memory(reader);
        status = say_until(reader, stream, block->at, &next, problem);
        if (status != GOLEAK_OK || batch->count < GOLEAK_BATCH_EVENTS)
            continue;
        batch->in_order = (head->flags & GOLEAK_GLK_IN_ORDER) != 0 && are_in_order(stream);
        status = push(reader, stream);
    }
    reader->events += block->at - block->unknown;
    if (stream->part.facts != NULL)
        stream->part.facts->events += block->at - block->unknown;
    if (status == GOLEAK_OK)
        status = say_until(reader, stream, UINT64_MAX, &next, problem);
    if (status == GOLEAK_OK && head->flags & GOLEAK_GLK_IN_ORDER && stream->batch->count != 0)
        stream->batch->in_order = are_in_order(stream);
    if (status == GOLEAK_OK && head->flags & GOLEAK_GLK_CUT)
        status = push(reader, stream);
    return status;
}

/* What the block lacked. */
static void complain(struct goleak_reader *reader, const struct goleak_glk_head *head, uint64_t at)
{
    const struct goleak_glk_events *block = reader->block;
    if (block->unknown != 0) {
        char sentence[96];
        snprintf(sentence, sizeof sentence, "block %" PRIu64 " has events of a kind that this version does not know",
                 head->number);
        say(reader, GOLEAK_HEALTH_unknown_events, block->unknown, reader->offset + at, sentence);
    }
    if (block->lost_gs + block->lost_goids + block->lost_names + block->lost_stacks != 0)
        damage(reader, at,
               "block %" PRIu64 " mentions what a lost block told: %" PRIu64
               " events lack their goroutine's address, %" PRIu64 " its goid, %" PRIu64 " a name, %" PRIu64 " a stack",
               head->number, block->lost_gs, block->lost_goids, block->lost_names, block->lost_stacks);
}

/* ---- blocks ---- */

/* The section's plain bytes, readable behind their end; NULL: damage, or memory. */
static const uint8_t *unpack(struct goleak_reader *reader, struct goleak_buf *plain, const uint8_t *packed,
                             uint64_t packed_size, uint64_t plain_size, bool *failed)
{
    *failed = false;
    if (packed_size == plain_size)
        return packed;
    struct goleak_alloc *alloc = reader->env.alloc;
    plain->size = 0;
    *failed = !goleak_buf_reserve(plain, (size_t)plain_size + GOLEAK_GLK_PAD);
    if (*failed)
        return NULL;
    if (reader->zstd == NULL) {
        reader->zstd = ZSTD_createDCtx();
        *failed = reader->zstd == NULL;
        if (*failed) {
            alloc->over_limit = false;
            return NULL;
        }
        reader->booked_bytes = ZSTD_sizeof_DCtx(reader->zstd);
        alloc->used_bytes += reader->booked_bytes;
    }
    size_t size = ZSTD_decompressDCtx(reader->zstd, plain->data, (size_t)plain_size, packed, (size_t)packed_size);
    return !ZSTD_isError(size) && size == plain_size ? (const uint8_t *)plain->data : NULL;
}

static size_t left_at(const struct goleak_reader *reader, const uint8_t *at)
{
    return (size_t)((const uint8_t *)reader->bytes.data + reader->bytes.size - at);
}

/* A section: *out NULL where it is damaged, as it is where the file has no more bytes. */
static enum goleak_status get_section(struct goleak_reader *reader, struct goleak_buf *plain, const uint8_t *packed,
                                      uint64_t packed_size, uint64_t plain_size, uint32_t sum, const uint8_t **out)
{
    bool failed = false;
    *out = NULL;
    if (packed_size == 0) /* there is none */
        *out = packed;
    else if (packed_size <= left_at(reader, packed) &&
             reader->vain <= VAIN_MOST * (reader->offset + reader->bytes.size)) {
        if ((uint32_t)goleak_xxh64(packed, (size_t)packed_size) == sum)
            *out = unpack(reader, plain, packed, packed_size, plain_size, &failed);
        else
            reader->vain += packed_size;
    }
    return failed ? memory(reader) : GOLEAK_OK;
}

static void doubt_all(struct goleak_reader *reader)
{
    for (size_t i = 0; i < reader->stream_count; i++) {
        reader->streams[i].doubt = true;
        goleak_glk_tables_doubt(&reader->streams[i].tables);
    }
}

/* The numbers of blocks tell what is missing before this one; false: it was there before. */
static bool check_number(struct goleak_reader *reader, const struct goleak_glk_head *head)
{
    if (head->number < reader->number) {
        damage(reader, reader->parsed, "found block %" PRIu64 " again, expected block %" PRIu64 "; it was skipped",
               head->number, reader->number);
        return false;
    }
    uint64_t possible = reader->skipped / BLOCK_LEAST + 1;
    uint64_t missing = head->number - reader->number;
    if (missing != 0) {
        if (reader->skipped == 0)
            damage(reader, reader->parsed,
                   "found block %" PRIu64 ", expected block %" PRIu64 ": those between are missing", head->number,
                   reader->number);
        doubt_all(reader);
    }
    for (size_t i = 0; i < reader->stream_count; i++)
        reader->streams[i].missing += missing < possible ? missing : possible;
    reader->number = head->number + 1;
    return true;
}

static enum goleak_status take_events(struct goleak_reader *reader, struct stream *stream,
                                      const struct goleak_glk_head *head, const uint8_t *columns)
{
    const char *problem = NULL;
    size_t next = 0;
    enum goleak_status status = GOLEAK_OK;
    uint64_t at = reader->parsed;
    bool relative = (head->flags & GOLEAK_GLK_RELATIVE) != 0;
    reader->relative = reader->relative || relative;
    if (stream->part.facts != NULL)
        stream->part.facts->relative_time = relative;
    if (columns != NULL && head->events != 0)
        status = goleak_glk_events_open(reader->block, &stream->tables, columns, (size_t)head->columns_plain,
                                        (size_t)head->events, &problem);
    else
        reader->block->count = reader->block->at = 0, reader->block->unknown = 0;
    if (status == GOLEAK_OK && problem == NULL && columns != NULL)
        status = run_events(reader, stream, head, &problem);
    else if (status == GOLEAK_OK)
        status = say_until(reader, stream, UINT64_MAX, &next, &problem);
    if (status != GOLEAK_OK)
        return status;
    if (problem != NULL) {
        damage(reader, at, "%s, in block %" PRIu64 " of events", problem, head->number);
        goleak_glk_tables_doubt(&stream->tables);
    } else if (columns != NULL && head->events != 0) {
        complain(reader, head, at);
    }
    return GOLEAK_OK;
}

/* The block that names the sources may be lost; their events are not. */
static enum goleak_status find_stream(struct goleak_reader *reader, const struct goleak_glk_head *head)
{
    enum goleak_status status = GOLEAK_OK;
    if (head->source < reader->stream_count)
        return GOLEAK_OK;
    damage(reader, reader->parsed, "found events of source %" PRIu64 ", expected one that the file names%s",
           head->source, head->source < GOLEAK_GLK_SOURCES ? "; they are used without its name" : "");
    while (head->source < GOLEAK_GLK_SOURCES && reader->stream_count <= head->source && status == GOLEAK_OK)
        status = add_stream(reader, reader->path, "", 0, false);
    reader->opened = reader->stream_count;
    doubt_all(reader);
    return status;
}

/* Where the tables begin anew, and where a block says that they did in one that is lost: what
 * was told before is of others. */
static void begin_tables(struct stream *stream, const struct goleak_glk_head *head)
{
    bool fresh = (head->flags & GOLEAK_GLK_FRESH) != 0;
    uint64_t since = fresh ? head->number : head->has_since ? head->since : stream->since;
    if (!fresh && since == stream->since)
        return;
    goleak_glk_tables_clear(&stream->tables);
    stream->since = since;
    stream->doubt = !fresh;
    stream->missing = fresh ? 0 : stream->missing;
}

/* A block lies at `parsed`, or what is left of it. *damaged: some of its bytes are not what was written. */
static enum goleak_status take_block(struct goleak_reader *reader, const struct goleak_glk_head *head, bool *damaged)
{
    const uint8_t *packed = (const uint8_t *)reader->bytes.data + reader->parsed + head->bytes, *tables, *columns;
    const char *problem = NULL;
    struct stream *stream = NULL;
    bool is_events = head->kind == GOLEAK_GLK_EVENT_BLOCK;
    *damaged = false;
    if (!check_number(reader, head) || head->kind == 0 || head->kind > GOLEAK_GLK_END_BLOCK)
        return GOLEAK_OK;
    enum goleak_status status = get_section(reader, &reader->plain[0], packed, head->tables_packed, head->tables_plain,
                                            head->tables_sum, &tables);
    size_t left = left_at(reader, packed);
    packed += head->tables_packed < left ? (size_t)head->tables_packed : left;
    if (status == GOLEAK_OK)
        status = get_section(reader, &reader->plain[1], packed, head->columns_packed, head->columns_plain,
                             head->columns_sum, &columns);
    if (status != GOLEAK_OK)
        return status;
    *damaged = tables == NULL || columns == NULL;
    if (*damaged)
        damage(reader, reader->parsed, "the %s of block %" PRIu64 " do not match their checksum: %" PRIu64 " events %s",
               tables == NULL ? "tables" : "columns", head->number, head->events,
               columns == NULL ? "are lost" : "lack what they mention for the first time");
    if (is_events) {
        status = find_stream(reader, head);
        if (status != GOLEAK_OK || head->source >= reader->stream_count)
            return status;
        stream = &reader->streams[head->source];
        begin_tables(stream, head);
        stream->doubt = stream->doubt || *damaged;
        stream->missing += *damaged;
    }
    reader->remark_count = 0;
    uint64_t gap_max = stream != NULL && stream->doubt ? (stream->missing + 1) * GOLEAK_GLK_NEW_MAX * 2 : 0;
    if (stream != NULL)
        stream->tables.slots_beyond = gap_max != 0 ? gap_max : SLOTS_BEYOND;
    if (tables != NULL)
        status = take_tables(reader, stream, tables, tables + head->tables_plain, gap_max, &problem);
    if (status == GOLEAK_OK && problem != NULL) {
        damage(reader, reader->parsed, "%s, in block %" PRIu64, problem, head->number);
        if (stream != NULL) { /* what stood there is lost, and no more */
            stream->doubt = true;
            stream->missing++;
        }
    }
    if (status == GOLEAK_OK && head->kind == GOLEAK_GLK_SOURCE_BLOCK)
        status = open_streams(reader);
    if (status == GOLEAK_OK && is_events)
        status = take_events(reader, stream, head, columns);
    if (columns == NULL && stream != NULL)
        goleak_glk_tables_doubt(&stream->tables);
    if (head->kind == GOLEAK_GLK_END_BLOCK) {
        reader->ended = true;
        reader->end_at = reader->offset + reader->parsed;
        reader->closed = (head->flags & GOLEAK_GLK_INDEXED) == 0;
    }
    return status;
}

static const char *check_sizes(const struct goleak_glk_head *head)
{
    const uint64_t sizes[] = { head->tables_packed, head->tables_plain, head->columns_packed, head->columns_plain };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] > GOLEAK_GLK_SECTION_MAX)
            return "a section of more than 4 MiB";
    if (head->kind != GOLEAK_GLK_EVENT_BLOCK) /* what it counts is its own business */
        return NULL;
    if (head->events > GOLEAK_GLK_VALUES_MAX)
        return "more than 131072 events";
    return head->events > head->columns_plain ? "more events than bytes" : NULL;
}

/* ---- the file ---- */

/* SHORT: its head is whole, its sections are not. */
enum found { WHOLE, MORE, SHORT, BROKEN };

static enum found find_block(const struct goleak_reader *reader, struct goleak_glk_head *head, const char **problem)
{
    const uint8_t *at = (const uint8_t *)reader->bytes.data + reader->parsed;
    size_t left = reader->bytes.size - reader->parsed;
    *problem = NULL;
    switch (goleak_glk_head_get(head, at, left)) {
    case GOLEAK_GLK_MORE: return MORE;
    case GOLEAK_GLK_BROKEN: return BROKEN;
    default: break;
    }
    *problem = check_sizes(head);
    if (*problem != NULL)
        return BROKEN;
    return left - head->bytes < head->tables_packed + head->columns_packed ? SHORT : WHOLE;
}

/* Whether a block begins behind the first byte here: then what ends at the end of the file
 * is not cut there, but lacks bytes. */
static bool block_follows(const struct goleak_reader *reader)
{
    const char *at = reader->bytes.data + reader->parsed, *end = reader->bytes.data + reader->bytes.size;
    struct goleak_glk_head head;
    while (++at < end && (at = memchr(at, (unsigned char)GOLEAK_GLK_MARK[0], (size_t)(end - at))) != NULL)
        if (goleak_glk_head_get(&head, (const uint8_t *)at, (size_t)(end - at)) == GOLEAK_GLK_WHOLE)
            return true;
    return false;
}

/* The bytes here are no block: goes on to where one may begin. */
static void skip(struct goleak_reader *reader, size_t least)
{
    const char *data = reader->bytes.data;
    size_t from = reader->parsed + least;
    if (reader->skipped == 0)
        reader->broken_at = reader->offset + reader->parsed;
    const char *mark = from < reader->bytes.size
                           ? memchr(data + from, (unsigned char)GOLEAK_GLK_MARK[0], reader->bytes.size - from)
                           : NULL;
    size_t to = mark != NULL ? (size_t)(mark - data) : reader->bytes.size;
    reader->skipped += to - reader->parsed;
    reader->parsed = to;
}

/* Says once what was skipped. */
static void tell_skipped(struct goleak_reader *reader)
{
    if (reader->skipped == 0)
        return;
    uint64_t at = reader->broken_at - reader->offset; /* may lie before: it wraps, and back */
    damage(reader, at, "found %" PRIu64 " bytes that are no block, expected block %" PRIu64 "; they were skipped",
           reader->skipped, reader->number);
    doubt_all(reader);
}

/* Behind the end: where it began. False: more bytes are needed to tell. */
static bool take_trailer(struct goleak_reader *reader, bool last)
{
    const char *at = reader->bytes.data + reader->parsed;
    size_t left = reader->bytes.size - reader->parsed;
    if (!reader->closed && left < GOLEAK_GLK_TRAILER && !last)
        return false;
    if (!reader->closed && left >= GOLEAK_GLK_TRAILER &&
        memcmp(at + 8, GOLEAK_GLK_TRAILER_MAGIC, GOLEAK_GLK_TRAILER - 8) == 0) {
        uint64_t begin = 0;
        for (unsigned i = 0; i < 8; i++)
            begin |= (uint64_t)(uint8_t)at[i] << (8 * i);
        if (begin != reader->end_at)
            damage(reader, reader->parsed, "found that the end begins at 0x%" PRIx64 ", but it is at 0x%" PRIx64, begin,
                   reader->end_at);
        reader->closed = true;
        reader->parsed += GOLEAK_GLK_TRAILER;
        left -= GOLEAK_GLK_TRAILER;
    }
    if (left != 0 && !reader->lost) {
        damage(reader, reader->parsed, "found bytes behind the end of the recording, expected none");
        reader->lost = true; /* so it is said once */
    }
    reader->parsed = reader->bytes.size;
    return true;
}

static enum goleak_status take_blocks(struct goleak_reader *reader, bool last)
{
    enum goleak_status status = GOLEAK_OK;
    while (status == GOLEAK_OK && reader->parsed < reader->bytes.size) {
        struct goleak_glk_head head;
        const char *problem;
        bool damaged;
        if (reader->ended) {
            take_trailer(reader, last);
            break;
        }
        enum found found = find_block(reader, &head, &problem);
        bool ends = found == MORE || found == SHORT; /* the bytes do, within it */
        if (ends && !last)
            break;
        if (ends && (found == SHORT || reader->skipped == 0) && !block_follows(reader))
            break; /* finish tells */
        if (found != WHOLE && found != SHORT) {
            if (problem != NULL)
                damage(reader, reader->parsed, "found a block with %s, expected fewer", problem);
            skip(reader, 1);
            continue;
        }
        tell_skipped(reader);
        status = take_block(reader, &head, &damaged);
        reader->skipped = 0;
        /* Bytes may have been lost or put in: the next block is looked for from its head on,
         * unless it stands where it should. */
        size_t size = head.bytes + (size_t)head.tables_packed + (size_t)head.columns_packed;
        size_t next = reader->parsed + size;
        bool follows =
            found == WHOLE && (next + GOLEAK_GLK_MARK_BYTES > reader->bytes.size ||
                               memcmp(reader->bytes.data + next, GOLEAK_GLK_MARK, GOLEAK_GLK_MARK_BYTES) == 0);
        reader->parsed += found == SHORT || (damaged && !follows) ? head.bytes : size;
    }
    return status;
}

static void drop_parsed(struct goleak_reader *reader)
{
    size_t left = reader->bytes.size - reader->parsed;
    if (reader->parsed == 0)
        return;
    memmove(reader->bytes.data, reader->bytes.data + reader->parsed, left);
    reader->offset += reader->parsed;
    reader->bytes.size = left;
    reader->parsed = 0;
}

static void read_start(struct goleak_reader *reader)
{
    const uint8_t *at = (const uint8_t *)reader->bytes.data;
    reader->began = true;
    if (memcmp(at, GOLEAK_GLK_MAGIC, GOLEAK_GLK_MAGIC_BYTES) != 0) { /* --input-format insisted, or it is damaged */
        damage(reader, 0, "found no start of a .glk, expected the bytes 89 47 4c 4b 0d 0a 1a 0a");
        return;
    }
    reader->version = at[8] | (unsigned)at[9] << 8 | (unsigned)at[10] << 16 | (unsigned)at[11] << 24;
    reader->parsed = GOLEAK_GLK_FILE_HEAD;
    if (reader->version == GOLEAK_GLK_VERSION)
        return;
    damage(reader, 8, "found version %u of the format, expected %d: it was written by a newer goleak-report",
           reader->version, GOLEAK_GLK_VERSION);
    reader->lost = true;
}

/* ---- the reader ---- */

static void close_reader(struct goleak_reader *reader)
{
    if (reader == NULL)
        return;
    struct goleak_alloc *alloc = reader->env.alloc;
    for (size_t i = 0; i < reader->stream_count; i++) {
        goleak_batch_free(alloc, reader->streams[i].batch);
        goleak_glk_tables_release(&reader->streams[i].tables);
    }
    goleak_free(alloc, reader->streams, reader->stream_capacity * sizeof *reader->streams);
    goleak_free(alloc, reader->named, reader->named_capacity * sizeof *reader->named);
    goleak_free(alloc, reader->remarks, reader->remark_capacity * sizeof *reader->remarks);
    if (reader->block != NULL)
        goleak_glk_events_release(reader->block, alloc);
    goleak_free(alloc, reader->block, sizeof *reader->block);
    goleak_buf_release(&reader->bytes);
    goleak_buf_release(&reader->plain[0]);
    goleak_buf_release(&reader->plain[1]);
    ZSTD_freeDCtx(reader->zstd);
    alloc->used_bytes -= reader->booked_bytes;
    goleak_free(alloc, reader, sizeof *reader);
}

static struct goleak_reader *open_reader(const struct goleak_reader_env *env)
{
    struct goleak_reader *reader = goleak_alloc_zeroed(env->alloc, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->env = *env;
    reader->path = env->health->source.input;
    goleak_buf_init(&reader->bytes, env->alloc);
    goleak_buf_init(&reader->plain[0], env->alloc);
    goleak_buf_init(&reader->plain[1], env->alloc);
    reader->block = goleak_alloc_array(env->alloc, 1, sizeof *reader->block);
    if (reader->block == NULL) {
        close_reader(reader);
        return NULL;
    }
    goleak_glk_events_init(reader->block);
    return reader;
}

static enum goleak_status feed(struct goleak_reader *reader, const char *bytes, size_t size)
{
    if (reader->lost)
        return GOLEAK_OK;
    goleak_buf_append(&reader->bytes, bytes, size);
    if (reader->bytes.failed || !goleak_buf_reserve(&reader->bytes, GOLEAK_GLK_PAD))
        return memory(reader);
    if (!reader->began && reader->bytes.size >= GOLEAK_GLK_FILE_HEAD)
        read_start(reader);
    enum goleak_status status = reader->began && !reader->lost ? take_blocks(reader, false) : GOLEAK_OK;
    drop_parsed(reader);
    return status;
}

static enum goleak_status finish(struct goleak_reader *reader)
{
    enum goleak_status status = reader->began && !reader->lost ? take_blocks(reader, true) : GOLEAK_OK;
    if (status != GOLEAK_OK)
        return status;
    tell_skipped(reader);
    if (!reader->ended && reader->version <= GOLEAK_GLK_VERSION)
        truncated(reader,
                  reader->parsed < reader->bytes.size
                      ? "the recording ends in the middle of a block: convert it again, if its source is still there"
                      : "the recording lacks its end: whoever wrote it was stopped, or it is cut");
    else if (reader->ended && !reader->closed)
        truncated(reader, "the recording lacks its last bytes; all of its events are there");
    for (size_t i = 0; i < reader->stream_count && status == GOLEAK_OK; i++)
        status = push(reader, &reader->streams[i]);
    if (reader->pushed != 0) /* the last of them are looked at when all has been read */
        speak_of(reader, &reader->streams[reader->pushed - 1]);
    return status;
}

static void facts(const struct goleak_reader *reader, struct goleak_reader_facts *out)
{
    *out = (struct goleak_reader_facts) {
        .events = reader->events,
        .notes = reader->notes,
        .form = reader->form,
        .source = reader->source,
        .relative_time = reader->relative,
        .strange = reader->events != 0 && !reader->tells,
    };
    if (reader->version > GOLEAK_GLK_VERSION)
        out->advice = "found a .glk of a newer version of the format: it takes a newer goleak-report to read it";
    else if (reader->events == 0 && reader->notes == 0)
        out->guess = "found a .glk without one event, expected some: was it cut?";
}

static enum goleak_sniff sniff(const char *bytes, size_t size, bool whole)
{
    (void)whole;
    return size >= GOLEAK_GLK_MAGIC_BYTES && memcmp(bytes, GOLEAK_GLK_MAGIC, GOLEAK_GLK_MAGIC_BYTES) == 0
               ? GOLEAK_SNIFF_YES
               : GOLEAK_SNIFF_NO;
}

const struct goleak_format goleak_format_glk = {
    .name = "glk",
    .title = "goleak recording",
    .sniff = sniff,
    .open = open_reader,
    .feed = feed,
    .finish = finish,
    .facts = facts,
    .close = close_reader,
    .alone = true, /* lanes of several recordings, names of addresses, reasons as they were */
};
