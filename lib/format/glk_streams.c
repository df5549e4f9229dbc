/* glk_streams - see glk_read.h. */
#include "format/glk_read.h"

#include "format/varint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- complaints ---- */

void goleak_glk_say(struct goleak_reader *reader, enum goleak_health_id id, uint64_t count, uint64_t offset,
                    const char *sentence)
{
    struct goleak_health_book *health = reader->env.health;
    const char *before = health->source.input;
    health->source.input = reader->path;
    goleak_health_note(health, id, count, 0, 0, offset, "%s", sentence);
    health->source.input = before;
}

void goleak_glk_damage(struct goleak_reader *reader, uint64_t at, const char *format, ...)
{
    char sentence[256];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    goleak_glk_say(reader, GOLEAK_HEALTH_damaged_records, 1, reader->offset + at, sentence);
}

enum goleak_status goleak_glk_memory(const struct goleak_reader *reader)
{
    return goleak_alloc_failure(reader->env.alloc);
}

bool goleak_glk_get_text(struct goleak_reader *reader, const uint8_t **at, const uint8_t *end, const char **out,
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

enum goleak_status goleak_glk_add_stream(struct goleak_reader *reader, const char *name, const char *format,
                                         uint32_t pid, bool messages)
{
    struct goleak_alloc *alloc = reader->env.alloc;
    if (!goleak_grow(alloc, &reader->streams, &reader->stream_capacity, reader->stream_count + 1,
                     sizeof *reader->streams))
        return goleak_glk_memory(reader);
    struct goleak_glk_stream *stream = &reader->streams[reader->stream_count];
    *stream = (struct goleak_glk_stream) { .last_ns = INT64_MIN, .since = GOLEAK_GLK_NO_BLOCK };
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
        return goleak_glk_memory(reader);
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

enum goleak_status goleak_glk_name_formats(struct goleak_reader *reader)
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
        return goleak_glk_memory(reader);
    reader->source = used != 0 ? goleak_symbols_text(reader->env.symbols, id) : NULL;
    return GOLEAK_OK;
}

enum goleak_status goleak_glk_open_streams(struct goleak_reader *reader)
{
    enum goleak_status status = goleak_glk_name_formats(reader);
    bool several = count_recordings(reader) > 1;
    for (; reader->opened < reader->stream_count && status == GOLEAK_OK; reader->opened++) {
        struct goleak_glk_stream *stream = &reader->streams[reader->opened];
        stream->part.beside_others = several && !stream->part.messages;
        if (reader->env.open_part != NULL)
            status = reader->env.open_part(reader->env.part_context, &stream->part);
    }
    return status;
}

void goleak_glk_speak_of(const struct goleak_reader *reader, const struct goleak_glk_stream *stream)
{
    reader->env.health->source.input = stream->part.name;
    reader->env.health->source.offsets = goleak_format_has_offsets(stream->part.format);
}

enum goleak_status goleak_glk_push(struct goleak_reader *reader, struct goleak_glk_stream *stream)
{
    if (stream->batch->count == 0)
        return GOLEAK_OK;
    reader->pushed = (size_t)(stream - reader->streams) + 1;
    goleak_glk_speak_of(reader, stream);
    enum goleak_status status = stream->part.sink.push(stream->part.sink.context, &stream->batch);
    stream->batch->in_order = stream->batch->counted = false; /* another one may come back */
    return status;
}
