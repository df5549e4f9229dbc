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

#include "base/xxh64.h"
#include "format/glk_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* No block is smaller: to tell how many may be missing from the bytes that are. */
#define BLOCK_LEAST 12

/* Behind a damaged block's head the next one is looked for, and each that is found claims bytes that
 * others claim, too: so many times as many bytes as there are, and no more are looked at for nothing. */
#define VAIN_MOST 4
/* Slots that nothing has told, though nothing was lost. */
#define SLOTS_BEYOND 65536

/* ---- blocks ---- */

/* What the block lacked. */
static void complain(struct goleak_reader *reader, const struct goleak_glk_head *head, uint64_t at)
{
    const struct goleak_glk_events *block = reader->block;
    if (block->unknown != 0) {
        char sentence[96];
        snprintf(sentence, sizeof sentence, "block %" PRIu64 " has events of a kind that this version does not know",
                 head->number);
        goleak_glk_say(reader, GOLEAK_HEALTH_unknown_events, block->unknown, reader->offset + at, sentence);
    }
    if (block->lost_gs + block->lost_goids + block->lost_names + block->lost_stacks != 0)
        goleak_glk_damage(reader, at,
                          "block %" PRIu64 " mentions what a lost block told: %" PRIu64
                          " events lack their goroutine's address, %" PRIu64 " its goid, %" PRIu64 " a name, %" PRIu64
                          " a stack",
                          head->number, block->lost_gs, block->lost_goids, block->lost_names, block->lost_stacks);
}

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
    return failed ? goleak_glk_memory(reader) : GOLEAK_OK;
}

static void doubt_all(struct goleak_reader *reader)
{
    for (size_t i = 0; i < reader->stream_count; i++) {
        reader->streams[i].doubt = reader->streams[i].torn = true;
        goleak_glk_tables_doubt(&reader->streams[i].tables);
    }
}

/* The numbers of blocks tell what is missing before this one; false: it was there before. */
static bool check_number(struct goleak_reader *reader, const struct goleak_glk_head *head)
{
    if (head->number < reader->number) {
        goleak_glk_damage(reader, reader->parsed,
                          "found block %" PRIu64 " again, expected block %" PRIu64 "; it was skipped", head->number,
                          reader->number);
        return false;
    }
    uint64_t possible = reader->skipped / BLOCK_LEAST + 1;
    uint64_t missing = head->number - reader->number;
    if (missing != 0) {
        if (reader->skipped == 0)
            goleak_glk_damage(reader, reader->parsed,
                              "found block %" PRIu64 ", expected block %" PRIu64 ": those between are missing",
                              head->number, reader->number);
        doubt_all(reader);
    }
    for (size_t i = 0; i < reader->stream_count; i++)
        reader->streams[i].missing += missing < possible ? missing : possible;
    reader->number = head->number + 1;
    return true;
}

static enum goleak_status take_events(struct goleak_reader *reader, struct goleak_glk_stream *stream,
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
        status = goleak_glk_run_events(reader, stream, head, &problem);
    else if (status == GOLEAK_OK)
        status = goleak_glk_say_until(reader, stream, UINT64_MAX, &next, &problem);
    if (status != GOLEAK_OK)
        return status;
    if (problem != NULL) {
        goleak_glk_damage(reader, at, "%s, in block %" PRIu64 " of events", problem, head->number);
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
    goleak_glk_damage(reader, reader->parsed, "found events of source %" PRIu64 ", expected one that the file names%s",
                      head->source, head->source < GOLEAK_GLK_SOURCES ? "; they are used without its name" : "");
    while (head->source < GOLEAK_GLK_SOURCES && reader->stream_count <= head->source && status == GOLEAK_OK)
        status = goleak_glk_add_stream(reader, reader->path, "", 0, false);
    reader->opened = reader->stream_count;
    doubt_all(reader);
    return status;
}

/* Where the tables begin anew, and where a block says that they did in one that is lost: what
 * was told before is of others. */
static void begin_tables(struct goleak_glk_stream *stream, const struct goleak_glk_head *head)
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
    struct goleak_glk_stream *stream = NULL;
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
        goleak_glk_damage(reader, reader->parsed,
                          "the %s of block %" PRIu64 " do not match their checksum: %" PRIu64 " events %s",
                          tables == NULL ? "tables" : "columns", head->number, head->events,
                          columns == NULL ? "are lost" : "lack what they mention for the first time");
    if (is_events) {
        status = find_stream(reader, head);
        if (status != GOLEAK_OK || head->source >= reader->stream_count)
            return status;
        stream = &reader->streams[head->source];
        begin_tables(stream, head);
        stream->doubt = stream->doubt || *damaged;
        stream->torn = stream->torn || *damaged;
        stream->missing += *damaged;
    }
    reader->remark_count = 0;
    uint64_t gap_max = stream != NULL && stream->doubt ? (stream->missing + 1) * GOLEAK_GLK_NEW_MAX * 2 : 0;
    if (stream != NULL)
        stream->tables.slots_beyond = gap_max != 0 ? gap_max : SLOTS_BEYOND;
    if (tables != NULL)
        status = goleak_glk_take_tables(reader, stream, tables, tables + head->tables_plain, gap_max, &problem);
    if (status == GOLEAK_OK && problem != NULL) {
        goleak_glk_damage(reader, reader->parsed, "%s, in block %" PRIu64, problem, head->number);
        if (stream != NULL) { /* what stood there is lost, and no more */
            stream->doubt = stream->torn = true;
            stream->missing++;
        }
    }
    if (status == GOLEAK_OK && head->kind == GOLEAK_GLK_SOURCE_BLOCK)
        status = goleak_glk_open_streams(reader);
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

static void truncated(struct goleak_reader *reader, const char *sentence)
{
    goleak_glk_say(reader, GOLEAK_HEALTH_truncated, 1, reader->offset + reader->bytes.size, sentence);
}

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
    goleak_glk_damage(reader, at,
                      "found %" PRIu64 " bytes that are no block, expected block %" PRIu64 "; they were skipped",
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
            goleak_glk_damage(reader, reader->parsed,
                              "found that the end begins at 0x%" PRIx64 ", but it is at 0x%" PRIx64, begin,
                              reader->end_at);
        reader->closed = true;
        reader->parsed += GOLEAK_GLK_TRAILER;
        left -= GOLEAK_GLK_TRAILER;
    }
    if (left != 0 && !reader->lost) {
        goleak_glk_damage(reader, reader->parsed, "found bytes behind the end of the recording, expected none");
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
                goleak_glk_damage(reader, reader->parsed, "found a block with %s, expected fewer", problem);
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
        goleak_glk_damage(reader, 0, "found no start of a .glk, expected the bytes 89 47 4c 4b 0d 0a 1a 0a");
        return;
    }
    reader->version = at[8] | (unsigned)at[9] << 8 | (unsigned)at[10] << 16 | (unsigned)at[11] << 24;
    reader->parsed = GOLEAK_GLK_FILE_HEAD;
    if (reader->version == GOLEAK_GLK_VERSION)
        return;
    goleak_glk_damage(reader, 8, "found version %u of the format, expected %d: it was written by a newer goleak-report",
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
        return goleak_glk_memory(reader);
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
    for (size_t i = 0; i < reader->stream_count && status == GOLEAK_OK; i++) {
        status = goleak_glk_tell_all(reader, &reader->streams[i]);
        status = status == GOLEAK_OK ? goleak_glk_push(reader, &reader->streams[i]) : status;
    }
    if (reader->pushed != 0) /* the last of them are looked at when all has been read */
        goleak_glk_speak_of(reader, &reader->streams[reader->pushed - 1]);
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
