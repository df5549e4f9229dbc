/* glk_items - see glk_read.h. */
#include "format/glk_read.h"

#include "format/glk_column.h"
#include "format/varint.h"

/* ---- what comes between events ---- */

static enum goleak_status take_note(struct goleak_reader *reader, const struct goleak_glk_stream *stream,
                                    const uint8_t *at, const uint8_t *end, const char **problem)
{
    uint64_t count, line, column, offset;
    const char *name, *sentence, *input = stream->part.name;
    bool failed = false;
    enum goleak_health_id id;
    *problem = "found a complaint that cannot be read";
    if (!goleak_varint_take(&at, end, &count) || !goleak_varint_take(&at, end, &line) ||
        !goleak_varint_take(&at, end, &column) || !goleak_varint_take(&at, end, &offset) ||
        !goleak_glk_get_text(reader, &at, end, &name, &failed) ||
        !goleak_glk_get_text(reader, &at, end, &sentence, &failed) ||
        (at < end && !goleak_glk_get_text(reader, &at, end, &input, &failed)))
        return failed ? goleak_glk_memory(reader) : GOLEAK_OK;
    *problem = NULL;
    struct goleak_health_book *health = stream->part.health;
    const struct goleak_health_source before = health->source;
    health->source.input = input;
    if (stream->part.cuts != NULL)
        health->source.cuts = stream->part.cuts;
    if (goleak_health_find(name, &id))
        goleak_health_note(health, id, count, line, column, offset, "%s", sentence);
    else
        goleak_health_note(health, GOLEAK_HEALTH_unknown_keys, 1, line, column, offset, "the complaint %.64s: %.200s",
                           name, sentence);
    health->source = before;
    return GOLEAK_OK;
}

static enum goleak_status take_go(struct goleak_reader *reader, const struct goleak_glk_stream *stream,
                                  const uint8_t *at, const uint8_t *end, const char **problem)
{
    uint64_t low, high;
    const char *from, *text;
    bool failed = false;
    *problem = "found a Go version that cannot be read";
    if (!goleak_varint_take(&at, end, &low) || !goleak_varint_take(&at, end, &high) || low > 999 || high > 999 ||
        !goleak_glk_get_text(reader, &at, end, &from, &failed) ||
        !goleak_glk_get_text(reader, &at, end, &text, &failed))
        return failed ? goleak_glk_memory(reader) : GOLEAK_OK;
    *problem = NULL;
    goleak_reasons_restore(stream->part.reasons, (unsigned)low, (unsigned)high, from, text);
    return GOLEAK_OK;
}

static bool take_marks(const uint8_t *at, const uint8_t *end, struct goleak_trace_marks *marks)
{
    struct goleak_marked_generation generation;
    uint64_t flags, boot = 0, threads;
    if (!goleak_varint_take(&at, end, &generation.number) || !goleak_varint_take(&at, end, &generation.ticks) ||
        !goleak_varint_take(&at, end, &flags) ||
        ((flags & GOLEAK_GLK_HAS_BOOT) != 0 && !goleak_varint_take(&at, end, &boot)) ||
        !goleak_varint_take(&at, end, &threads) || threads > GOLEAK_MARKED)
        return false;
    marks->thread_count = 0;
    for (uint64_t i = 0; i < threads; i++)
        if (!goleak_varint_take(&at, end, &marks->threads[marks->thread_count++]))
            return false;
    marks->all_told = marks->all_told || (flags & GOLEAK_GLK_ALL_TOLD) != 0;
    marks->has_boot = (flags & GOLEAK_GLK_HAS_BOOT) != 0;
    marks->boot_ns = goleak_unzigzag(boot);
    if (generation.number != 0 && marks->generation_count < GOLEAK_MARKED)
        marks->generations[marks->generation_count++] = generation;
    return true;
}

static void take_generation(struct goleak_glk_stream *stream, const uint8_t *at, const uint8_t *end,
                            const char **problem)
{
    const struct goleak_batch *batch = stream->batch;
    const bool before = stream->marks.all_told;
    *problem = take_marks(at, end, &stream->marks) ? NULL : "found a generation that cannot be read";
    stream->marks.all_told = before || (stream->marks.all_told && !stream->torn);
    if (stream->part.facts != NULL)
        stream->part.facts->marks = stream->marks;
    if (!stream->marks.all_told || before || !stream->part.joined)
        return;
    stream->tells_all = true;
    const struct goleak_event *last = batch->count != 0 ? &batch->events[batch->count - 1] : NULL;
    stream->told_ns = last != NULL && (last->has & GOLEAK_HAS_TIME) != 0 ? last->time_ns : stream->last_ns;
}

enum goleak_status goleak_glk_say_one(struct goleak_reader *reader, struct goleak_glk_stream *stream, size_t *next,
                                      const char **problem)
{
    enum goleak_status status = GOLEAK_OK;
    const struct goleak_glk_remark *remark = &reader->remarks[(*next)++];
    const char *own = NULL;
    if (remark->item == GOLEAK_GLK_GENERATION)
        take_generation(stream, remark->at, remark->end, &own);
    else
        status = remark->item == GOLEAK_GLK_NOTE ? take_note(reader, stream, remark->at, remark->end, &own)
                                                 : take_go(reader, stream, remark->at, remark->end, &own);
    *problem = own != NULL ? own : *problem;
    return status;
}

enum goleak_status goleak_glk_say_until(struct goleak_reader *reader, struct goleak_glk_stream *stream, uint64_t event,
                                        size_t *next, const char **problem)
{
    enum goleak_status status = GOLEAK_OK;
    while (*next < reader->remark_count && reader->remarks[*next].event < event && status == GOLEAK_OK)
        status = goleak_glk_say_one(reader, stream, next, problem);
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
        !goleak_glk_get_text(reader, &at, end, &name, &failed) ||
        !goleak_glk_get_text(reader, &at, end, &format, &failed))
        return failed ? goleak_glk_memory(reader) : GOLEAK_OK;
    *problem = "found more sources than a file may have";
    if (reader->stream_count >= GOLEAK_GLK_SOURCES)
        return GOLEAK_OK;
    *problem = NULL;
    return goleak_glk_add_stream(reader, name, format, pid <= UINT32_MAX ? (uint32_t)pid : 0,
                                 (flags & GOLEAK_GLK_MESSAGES) != 0);
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
        !goleak_glk_get_text(reader, &at, end, &format, &failed) ||
        !goleak_glk_get_text(reader, &at, end, &form, &failed))
        return failed ? goleak_glk_memory(reader) : GOLEAK_OK;
    *problem = NULL;
    reader->notes += notes;
    if (source >= reader->stream_count)
        return GOLEAK_OK;
    struct goleak_glk_stream *stream = &reader->streams[source];
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
    return goleak_glk_name_formats(reader);
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
        return goleak_glk_memory(reader);
    reader->remarks[reader->remark_count++] = (struct goleak_glk_remark) { event, at, end, item };
    return GOLEAK_OK;
}

enum goleak_status goleak_glk_take_tables(struct goleak_reader *reader, struct goleak_glk_stream *stream,
                                          const uint8_t *at, const uint8_t *end, uint64_t gap_max, const char **problem)
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
        case GOLEAK_GLK_GENERATION:
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
