/* glk_blocks - blocks of a .glk, and the file around them: see glk_writer_parts.h. */
#include "format/glk_writer_parts.h"

#include "base/error.h"

#include <string.h>

/* The tables begin anew after so many events, or so many for each address, if that is more. */
#define FRESH_EVENTS ((uint64_t)1 << 20)
#define FRESH_EVENTS_A_SLOT 16
/* Where places in the recording made too many shapes, the next blocks do not try; then one
 * does. */
#define TRY_AGAIN 16

static bool put_block(struct goleak_writer *writer, struct goleak_glk_head *head)
{
    if (writer->tables.size > GOLEAK_GLK_SECTION_MAX || writer->columns.size > GOLEAK_GLK_SECTION_MAX) {
        goleak_error_set(&writer->failure, GOLEAK_E_USAGE,
                         "names and stacks that events have for the first time take more than %zu bytes of one "
                         "block, and no reader takes that",
                         GOLEAK_GLK_SECTION_MAX);
        return false;
    }
    return goleak_glk_put_block(writer, head);
}

static void begin_block(struct goleak_writer *writer)
{
    struct goleak_buf *const bufs[] = { &writer->tables,     &writer->columns,    &writer->new_strings,
                                        &writer->new_frames, &writer->new_stacks, &writer->new_places };
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        bufs[i]->size = 0;
    writer->new_slot_count = 0;
}

/* An item of the tables. */
static void put_item(struct goleak_writer *writer, enum goleak_glk_item id, const void *bytes, size_t size)
{
    goleak_buf_char(&writer->tables, (char)id);
    goleak_glk_put_number(&writer->tables, size);
    goleak_buf_append(&writer->tables, bytes, size);
}

/* What the tables had before this block: the number that the block's own begin with. */
struct firsts {
    uint32_t string, frame, stack;
    size_t slot;
};

static void put_list(struct goleak_writer *writer, enum goleak_glk_item id, uint64_t first,
                     const struct goleak_buf *list)
{
    if (list->size == 0)
        return;
    writer->head.size = 0;
    goleak_glk_put_number(&writer->head, first);
    goleak_buf_append(&writer->head, list->data, list->size);
    writer->tables.failed = writer->tables.failed || list->failed || writer->head.failed;
    put_item(writer, id, writer->head.data, writer->head.size);
}

static void put_tables(struct goleak_writer *writer, const struct firsts *firsts)
{
    put_list(writer, GOLEAK_GLK_STRINGS, firsts->string, &writer->new_strings);
    put_list(writer, GOLEAK_GLK_FRAMES, firsts->frame, &writer->new_frames);
    put_list(writer, GOLEAK_GLK_STACKS, firsts->stack, &writer->new_stacks);
    if (writer->new_places.size != 0)
        put_item(writer, GOLEAK_GLK_PLACES, writer->new_places.data, writer->new_places.size);
    if (writer->new_slot_count == 0)
        return;
    struct goleak_buf *out = &writer->new_strings; /* has been used */
    out->size = 0;
    goleak_glk_put_number(out, firsts->slot);
    goleak_glk_column_put(out, writer->new_slots, writer->new_slot_count,
                          GOLEAK_GLK_MAY(GOLEAK_GLK_PLAIN) | GOLEAK_GLK_MAY(GOLEAK_GLK_DELTA), writer->deltas);
    writer->tables.failed = writer->tables.failed || out->failed;
    put_item(writer, GOLEAK_GLK_SLOTS, out->data, out->size);
}

static void put_notes(struct goleak_writer *writer, const struct goleak_glk_source *source, size_t from, size_t to,
                      bool all)
{
    for (size_t i = 0; i < source->note_count; i++) {
        const struct goleak_glk_note *note = &source->notes[i];
        if (note->at < from || (note->at >= to && !all))
            continue;
        writer->head.size = 0;
        goleak_glk_put_number(&writer->head, note->at - from);
        goleak_buf_append(&writer->head, source->note_bytes.data + note->from, note->size);
        put_item(writer, (enum goleak_glk_item)note->item, writer->head.data, writer->head.size);
    }
}

/* ---- blocks ---- */

static void note_times(const struct goleak_event *events, size_t count, struct goleak_glk_head *head)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if ((events[i].has & GOLEAK_HAS_TIME) == 0)
            continue;
        any = true;
        first = events[i].time_ns < first ? events[i].time_ns : first;
        last = events[i].time_ns > last ? events[i].time_ns : last;
    }
    head->first_ns = any ? first : INT64_MIN;
    head->span_ns = any ? (uint64_t)last - (uint64_t)first : 0;
}

/* One block of events [*from, ...). */
static bool put_events(struct goleak_writer *writer, struct goleak_glk_source *source, size_t *from, bool cut)
{
    const struct firsts firsts = { source->strings.count, source->frames.count, source->stacks.count,
                                   source->slots.count };
    size_t count = 0, to = source->count;
    bool again = false;
    begin_block(writer);
    writer->old_strings = source->strings.count;
    writer->old_frames = source->frames.count;
    if (*from < to) {
        bool fold = source->unfolded % TRY_AGAIN == 0;
        count = goleak_glk_gather(writer, source, *from, to, fold, &again);
        source->unfolded = fold && !again ? 0 : source->unfolded + 1;
        if (again) {
            goleak_glk_undo_goids(writer, source);
            writer->columns.size = 0;
            count = goleak_glk_gather(writer, source, *from, to, false, &again);
        }
        if (count == 0)
            return false;
        goleak_glk_put_shapes(writer, count);
        goleak_glk_put_columns(writer);
    }
    bool last = *from + count == to;
    struct goleak_glk_head head = { .kind = GOLEAK_GLK_EVENT_BLOCK, .events = count };
    head.source = (uint64_t)(source - writer->sources);
    head.flags = (uint8_t)((source->in_order ? GOLEAK_GLK_IN_ORDER : 0) | (cut && last ? GOLEAK_GLK_CUT : 0) |
                           (source->relative ? GOLEAK_GLK_RELATIVE : 0) | (source->since == 0 ? GOLEAK_GLK_FRESH : 0));
    source->began_at = source->since == 0 ? writer->number : source->began_at;
    head.has_since = true;
    head.since = source->began_at;
    put_tables(writer, &firsts);
    put_notes(writer, source, *from, *from + count, last);
    note_times(source->events + *from, count, &head);
    source->since += count + (count == 0); /* the tables are not fresh any more */
    *from += count;
    return put_block(writer, &head);
}

static void put_source(struct goleak_writer *writer, struct goleak_glk_source *source)
{
    struct goleak_buf *out = &writer->new_strings;
    source->format_told = source->format[0] != '\0';
    out->size = 0;
    goleak_glk_put_number(out, source->messages ? GOLEAK_GLK_MESSAGES : 0);
    goleak_glk_put_number(out, source->pid);
    goleak_glk_put_text(out, source->name);
    goleak_glk_put_text(out, source->format);
    put_item(writer, GOLEAK_GLK_SOURCE, out->data, out->size);
}

/* Before the first block: by then most sources' formats are known. */
static bool put_beginning(struct goleak_writer *writer)
{
    static const char start[GOLEAK_GLK_FILE_HEAD] = GOLEAK_GLK_MAGIC "\x01\0\0";
    struct goleak_glk_head head = { .kind = GOLEAK_GLK_SOURCE_BLOCK, .first_ns = INT64_MIN };
    if (writer->began)
        return true;
    writer->began = true;
    if (!goleak_glk_write_bytes(writer, start, sizeof start))
        return false;
    begin_block(writer);
    for (size_t i = 0; i < writer->source_count; i++)
        put_source(writer, &writer->sources[i]);
    return put_block(writer, &head);
}

bool goleak_writer_flush_source(struct goleak_writer *writer, struct goleak_glk_source *source, bool cut)
{
    size_t from = 0;
    uint64_t enough = source->slots.count * FRESH_EVENTS_A_SLOT;
    if (source->count == 0 && source->note_count == 0 && !cut)
        return true;
    if (!put_beginning(writer))
        return false;
    if (!source->began || source->since >= (enough > FRESH_EVENTS ? enough : FRESH_EVENTS))
        goleak_glk_begin_tables(source);
    do {
        if (!put_events(writer, source, &from, cut))
            return false;
    } while (from < source->count);
    source->total += source->count;
    source->count = source->note_count = 0;
    source->note_bytes.size = 0;
    return true;
}

static void put_facts(struct goleak_writer *writer, size_t index)
{
    struct goleak_buf *out = &writer->new_strings;
    const struct goleak_glk_source *source = &writer->sources[index];
    out->size = 0;
    goleak_glk_put_number(out, index);
    goleak_glk_put_number(out, source->has_facts ? source->facts_events : source->total);
    goleak_glk_put_number(out, source->notes_told);
    goleak_glk_put_number(out, source->bytes);
    goleak_glk_put_text(out, source->format_told ? "" : source->format);
    goleak_glk_put_text(out, source->form);
    put_item(writer, GOLEAK_GLK_FACTS, out->data, out->size);
}

static void put_index(struct goleak_writer *writer)
{
    struct goleak_buf *out = &writer->new_strings;
    uint64_t before = 0;
    out->size = 0;
    for (size_t i = 0; i < writer->index_count && writer->tables.size < GOLEAK_GLK_SECTION_MAX / 2; i++) {
        const struct goleak_glk_indexed *indexed = &writer->index[i];
        goleak_glk_put_number(out, indexed->offset - before);
        before = indexed->offset;
        goleak_glk_put_number(out, indexed->source);
        goleak_glk_put_number(out, indexed->events);
        goleak_glk_put_signed(out, indexed->first_ns != INT64_MIN ? indexed->first_ns : 0);
        goleak_glk_put_number(out, indexed->first_ns != INT64_MIN ? indexed->span_ns + 1 : 0);
        if (out->size < GOLEAK_GLK_SECTION_MAX / 4)
            continue;
        put_item(writer, GOLEAK_GLK_INDEX, out->data, out->size);
        out->size = 0;
        before = 0;
    }
    if (out->size != 0)
        put_item(writer, GOLEAK_GLK_INDEX, out->data, out->size);
}

/* Where there is an index, the last bytes of a file are where its block begins. Where one
 * block holds all, it would be the larger part. */
bool goleak_writer_put_end(struct goleak_writer *writer)
{
    struct goleak_glk_head head = { .kind = GOLEAK_GLK_END_BLOCK, .first_ns = INT64_MIN };
    if (!put_beginning(writer) || !goleak_glk_write_all(writer))
        return false;
    bool indexed = writer->index_count > 1;
    head.flags = indexed ? GOLEAK_GLK_INDEXED : 0;
    uint64_t offset = writer->offset;
    begin_block(writer);
    for (size_t i = 0; i < writer->source_count; i++)
        put_facts(writer, i);
    if (indexed)
        put_index(writer);
    if (!put_block(writer, &head) || !goleak_glk_write_all(writer) || !indexed)
        return writer->failure.status == GOLEAK_OK;
    uint8_t trailer[GOLEAK_GLK_TRAILER];
    for (unsigned i = 0; i < 8; i++)
        trailer[i] = (uint8_t)(offset >> (8 * i));
    memcpy(trailer + 8, GOLEAK_GLK_TRAILER_MAGIC, sizeof trailer - 8);
    return goleak_glk_write_bytes(writer, trailer, sizeof trailer);
}
