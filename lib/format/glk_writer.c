/*
 * glk_writer - our own format, written: see glk_layout.h for the bytes, goleak.h for use.
 *
 * Events are kept until a block of them is full. What a block mentions for the first
 * time (an address of g, a string, a stack) is told in that block's tables under the
 * next number; from time to time the tables begin anew, so that a reader who lost some
 * block has lost no more than that stretch.
 */
#include "format/glk_writer_parts.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* ---- failures ---- */

static enum goleak_status copy_failure(const struct goleak_writer *writer, struct goleak_error *error)
{
    if (error != NULL)
        *error = writer->failure;
    return writer->failure.status;
}

bool goleak_writer_fail_memory(struct goleak_writer *writer)
{
    if (writer->failure.status == GOLEAK_OK)
        goleak_error_alloc(&writer->failure, &writer->alloc);
    return false;
}

/* It sticks as all failures do: what the caller believes to be recorded is not. */
static enum goleak_status usage(struct goleak_writer *writer, struct goleak_error *error, const char *sentence)
{
    if (writer->failure.status == GOLEAK_OK)
        goleak_error_set(&writer->failure, GOLEAK_E_USAGE, "%s", sentence);
    return copy_failure(writer, error);
}

/* Found more of something than there may be. */
static bool is_too_much(struct goleak_writer *writer, const char *what, size_t found, size_t most)
{
    if (found > most && writer->failure.status == GOLEAK_OK)
        goleak_error_set(&writer->failure, GOLEAK_E_USAGE, "found %s %zu, expected no more than %zu", what, found,
                         most);
    return found > most;
}

/* Of a call for this source: GOLEAK_OK, or why it cannot be. */
static enum goleak_status check(struct goleak_writer *writer, size_t source, struct goleak_error *error)
{
    if (writer->failure.status != GOLEAK_OK)
        return copy_failure(writer, error);
    if (writer->finished)
        return usage(writer, error, "the writer is finished and takes nothing more");
    if (source >= writer->source_count)
        return usage(writer, error, "there is no such source: goleak_writer_new got fewer");
    return GOLEAK_OK;
}

/* ---- a writer ---- */

static char *copy_text(struct goleak_writer *writer, const char *text)
{
    size_t size = strlen(text != NULL ? text : "") + 1;
    char *copy = goleak_realloc(&writer->alloc, NULL, 0, size);
    if (copy != NULL)
        memcpy(copy, text != NULL ? text : "", size);
    return copy;
}

static void free_text(struct goleak_writer *writer, char *text)
{
    if (text != NULL)
        goleak_free(&writer->alloc, text, strlen(text) + 1);
}

static bool init_source(struct goleak_writer *writer, struct goleak_glk_source *source,
                        const struct goleak_writer_source *from)
{
    struct goleak_alloc *alloc = &writer->alloc;
    goleak_symbols_init(&source->own, alloc);
    goleak_buf_init(&source->note_bytes, alloc);
    goleak_idmap_init(&source->slots, alloc);
    goleak_idmap_init(&source->places, alloc);
    source->symbols = &source->own;
    source->frames_told = &source->own_frames_told;
    source->pid = from->pid;
    source->messages = from->messages;
    source->name = copy_text(writer, from->name);
    source->format = copy_text(writer, from->format);
    source->form = copy_text(writer, "");
    source->events = goleak_alloc_array(alloc, GOLEAK_GLK_BLOCK_EVENTS, sizeof *source->events);
    return source->name != NULL && source->format != NULL && source->form != NULL && source->events != NULL;
}

static void release_numbers(struct goleak_alloc *alloc, struct goleak_glk_numbers *numbers)
{
    goleak_free(alloc, numbers->of, numbers->capacity * sizeof *numbers->of);
}

static void release_source(struct goleak_writer *writer, struct goleak_glk_source *source)
{
    struct goleak_alloc *alloc = &writer->alloc;
    if (source->symbols == NULL)
        return;
    goleak_symbols_release(&source->own);
    goleak_buf_release(&source->note_bytes);
    goleak_idmap_release(&source->slots);
    goleak_idmap_release(&source->places);
    release_numbers(alloc, &source->strings);
    release_numbers(alloc, &source->frames);
    release_numbers(alloc, &source->stacks);
    free_text(writer, source->name);
    free_text(writer, source->format);
    free_text(writer, source->form);
    goleak_free(alloc, source->events, GOLEAK_GLK_BLOCK_EVENTS * sizeof *source->events);
    goleak_free(alloc, source->notes, source->note_capacity * sizeof *source->notes);
    goleak_free(alloc, source->known, source->known_capacity * sizeof *source->known);
    goleak_free(alloc, source->texts, source->text_capacity);
}

static bool make_parts(struct goleak_writer *writer, const struct goleak_writer_source *sources, size_t source_count)
{
    struct goleak_alloc *alloc = &writer->alloc;
    struct goleak_buf *const bufs[] = { &writer->tables,      &writer->columns,    &writer->head,
                                        &writer->new_strings, &writer->new_frames, &writer->new_stacks,
                                        &writer->new_places };
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        goleak_buf_init(bufs[i], alloc);
    goleak_intern_init(&writer->shapes, alloc);
    writer->sources = goleak_alloc_zeroed(alloc, source_count * sizeof *writer->sources);
    if (writer->sources == NULL)
        return false;
    writer->source_count = source_count;
    for (size_t i = 0; i < source_count; i++)
        if (!init_source(writer, &writer->sources[i], &sources[i]))
            return false;
    for (size_t i = 0; i < GOLEAK_GLK_FIELDS; i++)
        if ((writer->values[i] = goleak_alloc_array(alloc, GOLEAK_GLK_BLOCK_EVENTS, sizeof *writer->values[i])) == NULL)
            return false;
    writer->shape_of = goleak_alloc_array(alloc, GOLEAK_GLK_BLOCK_EVENTS, sizeof *writer->shape_of);
    /* A block's new addresses go through it, too: two an event. */
    writer->deltas = goleak_alloc_array(alloc, 2 * GOLEAK_GLK_BLOCK_EVENTS, sizeof *writer->deltas);
    writer->undo = goleak_alloc_array(alloc, 2 * GOLEAK_GLK_BLOCK_EVENTS, sizeof *writer->undo);
    return writer->shape_of != NULL && writer->deltas != NULL && writer->undo != NULL && goleak_glk_packing_new(writer);
}

static enum goleak_status take_options(struct goleak_writer_options *own, const struct goleak_writer_options *options,
                                       size_t source_count, struct goleak_error *error)
{
    const struct goleak_writer_options defaults = GOLEAK_WRITER_OPTIONS_INIT;
    *own = defaults;
    enum goleak_status status = goleak_options_copy(own, sizeof *own, options, "GOLEAK_WRITER_OPTIONS_INIT", error);
    if (status != GOLEAK_OK)
        return status;
    if (own->level < 0 || own->level > GOLEAK_GLK_LEVEL_MAX)
        return goleak_error_set(error, GOLEAK_E_USAGE, "found level %d, expected one from 0 to %d", own->level,
                                GOLEAK_GLK_LEVEL_MAX);
    if (source_count == 0 || source_count > GOLEAK_GLK_SOURCES)
        return goleak_error_set(error, GOLEAK_E_USAGE, "found %zu sources, expected 1 to %d", source_count,
                                GOLEAK_GLK_SOURCES);
    return GOLEAK_OK;
}

static enum goleak_status check_sources(const struct goleak_writer_source *sources, size_t count,
                                        struct goleak_error *error)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = sources[i].name != NULL ? strlen(sources[i].name) : 0;
        size_t format_size = sources[i].format != NULL ? strlen(sources[i].format) : 0;
        if (sources[i].name == NULL)
            return goleak_error_set(error, GOLEAK_E_USAGE, "source %zu has no name: reports would not know it", i);
        if (size > GOLEAK_GLK_SOURCE_NAME_MAX || format_size > GOLEAK_GLK_SOURCE_NAME_MAX)
            return goleak_error_set(error, GOLEAK_E_USAGE,
                                    "source %zu has a name or format of more than %zu bytes, expected fewer", i,
                                    GOLEAK_GLK_SOURCE_NAME_MAX);
    }
    return GOLEAK_OK;
}

enum goleak_status goleak_writer_new(struct goleak_writer **out, const struct goleak_writer_source *sources,
                                     size_t source_count, const struct goleak_writer_options *options,
                                     goleak_write_fn *write, void *context, struct goleak_error *error)
{
    struct goleak_alloc alloc;
    struct goleak_writer_options own;
    *out = NULL;
    enum goleak_status status = take_options(&own, options, source_count, error);
    if (status == GOLEAK_OK)
        status = check_sources(sources, source_count, error);
    if (status == GOLEAK_OK && write == NULL)
        status = goleak_error_set(error, GOLEAK_E_USAGE, "there is nobody who takes the bytes: write is NULL");
    if (status != GOLEAK_OK)
        return status;
    goleak_alloc_init(&alloc, own.allocator, own.max_memory_bytes);
    struct goleak_writer *writer = goleak_alloc_zeroed(&alloc, sizeof *writer);
    if (writer == NULL)
        return goleak_error_alloc(error, &alloc);
    writer->alloc = alloc;
    writer->write = write;
    writer->context = context;
    writer->level = own.level;
    if (!make_parts(writer, sources, source_count))
        goleak_writer_fail_memory(writer);
    if (writer->failure.status != GOLEAK_OK) {
        status = copy_failure(writer, error);
        goleak_writer_free(writer);
        return status;
    }
    *out = writer;
    return GOLEAK_OK;
}

void goleak_writer_free(struct goleak_writer *writer)
{
    if (writer == NULL)
        return;
    struct goleak_alloc *alloc = &writer->alloc;
    goleak_glk_packing_free(writer);
    for (size_t i = 0; i < writer->source_count; i++)
        release_source(writer, &writer->sources[i]);
    goleak_free(alloc, writer->sources, writer->source_count * sizeof *writer->sources);
    for (size_t i = 0; i < GOLEAK_GLK_FIELDS; i++)
        goleak_free(alloc, writer->values[i], GOLEAK_GLK_BLOCK_EVENTS * sizeof *writer->values[i]);
    goleak_free(alloc, writer->shape_of, GOLEAK_GLK_BLOCK_EVENTS * sizeof *writer->shape_of);
    goleak_free(alloc, writer->deltas, 2 * GOLEAK_GLK_BLOCK_EVENTS * sizeof *writer->deltas);
    goleak_free(alloc, writer->undo, 2 * GOLEAK_GLK_BLOCK_EVENTS * sizeof *writer->undo);
    goleak_free(alloc, writer->new_slots, writer->new_slot_capacity * sizeof *writer->new_slots);
    goleak_free(alloc, writer->index, writer->index_capacity * sizeof *writer->index);
    goleak_buf_release(&writer->tables);
    goleak_buf_release(&writer->columns);
    goleak_buf_release(&writer->head);
    goleak_buf_release(&writer->new_strings);
    goleak_buf_release(&writer->new_frames);
    goleak_buf_release(&writer->new_stacks);
    goleak_buf_release(&writer->new_places);
    goleak_intern_release(&writer->shapes);
    struct goleak_alloc last = *alloc;
    goleak_free(&last, writer, sizeof *writer);
}

/* ---- names and stacks of a tool ---- */

uint32_t goleak_writer_name(struct goleak_writer *writer, size_t source, const char *text)
{
    size_t size = strlen(text);
    if (check(writer, source, NULL) != GOLEAK_OK || is_too_much(writer, "a name, its bytes", size, GOLEAK_GLK_NAME_MAX))
        return 0;
    uint32_t name = goleak_symbols_string(&writer->sources[source].own, text, size);
    if (name == 0)
        goleak_writer_fail_memory(writer);
    return name;
}

/* 0: memory. */
static uint32_t add_frame(struct goleak_symbols *own, const struct goleak_writer_frame *frame, bool after_call)
{
    size_t size = frame->function != NULL ? strlen(frame->function) : 0;
    if (size == 0)
        return goleak_symbols_address(own, frame->offset, after_call);
    if (frame->file == NULL)
        return goleak_symbols_frame(own, frame->function, size, frame->offset, after_call);
    return goleak_symbols_frame_line(own, frame->function, size, frame->file, strlen(frame->file), frame->line);
}

static bool is_stack_too_large(struct goleak_writer *writer, const struct goleak_writer_frame *frames, size_t count)
{
    size_t all = 0;
    if (is_too_much(writer, "a stack, its frames", count, GOLEAK_GLK_STACK_MAX))
        return true;
    for (size_t i = 0; i < count; i++) {
        size_t function = frames[i].function != NULL ? strlen(frames[i].function) : 0;
        size_t file = frames[i].file != NULL ? strlen(frames[i].file) : 0;
        all += function + file;
        if (is_too_much(writer, "a function's name, its bytes", function, GOLEAK_GLK_NAME_MAX) ||
            is_too_much(writer, "a file's name, its bytes", file, GOLEAK_GLK_NAME_MAX) ||
            is_too_much(writer, "a stack, its names' bytes", all, GOLEAK_GLK_STACK_NAMES_MAX))
            return true;
    }
    return false;
}

uint32_t goleak_writer_stack(struct goleak_writer *writer, size_t source, const struct goleak_writer_frame *frames,
                             size_t count)
{
    if (check(writer, source, NULL) != GOLEAK_OK || count == 0 || is_stack_too_large(writer, frames, count))
        return 0;
    struct goleak_symbols *own = &writer->sources[source].own;
    uint32_t *ids = goleak_alloc_array(&writer->alloc, count, sizeof *ids);
    bool good = ids != NULL;
    for (size_t i = 0; i < count && good; i++)
        good = (ids[i] = add_frame(own, &frames[i], i != 0)) != 0;
    uint32_t stack = good ? goleak_symbols_stack(own, ids, count) : 0;
    if (stack == 0)
        goleak_writer_fail_memory(writer);
    goleak_free(&writer->alloc, ids, count * sizeof *ids);
    return stack;
}

/* ---- events ---- */

void goleak_writer_borrow(struct goleak_writer *writer, size_t source, const struct goleak_symbols *symbols)
{
    writer->sources[source].symbols = symbols;
    for (size_t i = 0; i < source; i++)
        if (writer->sources[i].symbols == symbols)
            writer->sources[source].frames_told = writer->sources[i].frames_told;
}

/* A block that is full is written when there is more: what its last event leads to is told in it. */
static bool take_events(struct goleak_writer *writer, struct goleak_glk_source *source,
                        const struct goleak_event *events, size_t count)
{
    while (count != 0) {
        if (source->count == GOLEAK_GLK_BLOCK_EVENTS && !goleak_writer_flush_source(writer, source, false))
            return false;
        size_t part = GOLEAK_GLK_BLOCK_EVENTS - source->count;
        part = part < count ? part : count;
        memcpy(source->events + source->count, events, part * sizeof *events);
        source->count += part;
        events += part;
        count -= part;
    }
    return true;
}

static bool is_of(const struct goleak_intern *given, uint64_t number)
{
    return number <= given->count;
}

/* A reader would take a number that was never given for one that a lost block has told. */
static bool are_names_given(const struct goleak_glk_source *source, const struct goleak_event *event)
{
    const struct goleak_intern *strings = &source->own.strings;
    const uint64_t values[3] = { event->lock, event->chan, event->elem };
    const uint32_t bits[3] = { GOLEAK_HAS_LOCK, GOLEAK_HAS_CHAN, GOLEAK_HAS_ELEM };
    if (goleak_event_tells_name(event) && !is_of(strings, event->name))
        return false;
    if (event->kind != GOLEAK_EVENT_RUNTIME)
        return true;
    unsigned texts = goleak_glk_texts(goleak_symbols_text(&source->own, event->name));
    for (unsigned i = 0; i < 3; i++)
        if ((texts >> i & 1) != 0 && (event->has & bits[i]) != 0 && !is_of(strings, values[i]))
            return false;
    return true;
}

enum goleak_status goleak_writer_event(struct goleak_writer *writer, size_t source, const struct goleak_event *event,
                                       struct goleak_error *error)
{
    enum goleak_status status = check(writer, source, error);
    if (status != GOLEAK_OK)
        return status;
    if (event->kind >= GOLEAK_EVENT_KIND_COUNT)
        return usage(writer, error, "the event's kind is none of enum goleak_event_kind");
    const struct goleak_glk_source *of = &writer->sources[source];
    if (of->messages)
        return usage(writer, error, "the source is one of messages, which has no events");
    if ((event->has & GOLEAK_HAS_TIME) != 0 && event->time_ns < 0)
        return usage(writer, error, "the event's time is before 0");
    if (!are_names_given(of, event))
        return usage(writer, error, "the event's name is no number that goleak_writer_name gave for this source");
    if ((event->has & GOLEAK_HAS_STACK) != 0 && !is_of(&of->own.stacks, event->stack))
        return usage(writer, error, "the event's stack is no number that goleak_writer_stack gave for this source");
    return take_events(writer, &writer->sources[source], event, 1) ? GOLEAK_OK : copy_failure(writer, error);
}

/* ---- what goes with them ---- */

static enum goleak_status add_note(struct goleak_writer *writer, struct goleak_glk_source *source,
                                   enum goleak_glk_item item, size_t from, struct goleak_error *error)
{
    if (source->note_bytes.failed || !goleak_grow(&writer->alloc, &source->notes, &source->note_capacity,
                                                  source->note_count + 1, sizeof *source->notes)) {
        goleak_writer_fail_memory(writer);
        return copy_failure(writer, error);
    }
    source->notes[source->note_count++] = (struct goleak_glk_note) {
        .at = source->count,
        .from = (uint32_t)from,
        .size = (uint32_t)(source->note_bytes.size - from),
        .item = (uint8_t)item,
    };
    /* They are few; a tool that complains without end fills a block with it. */
    if (source->note_bytes.size > GOLEAK_GLK_TABLES_FULL && !goleak_writer_flush_source(writer, source, false))
        return copy_failure(writer, error);
    return GOLEAK_OK;
}

enum goleak_status goleak_writer_note(struct goleak_writer *writer, size_t index, const char *name, uint64_t count,
                                      const struct goleak_health_entry *entry, struct goleak_error *error)
{
    enum goleak_status status = check(writer, index, error);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_glk_source *source = &writer->sources[index];
    struct goleak_buf *out = &source->note_bytes;
    size_t from = out->size;
    goleak_glk_put_number(out, count);
    goleak_glk_put_number(out, entry->line);
    goleak_glk_put_number(out, entry->column);
    goleak_glk_put_number(out, entry->offset);
    goleak_glk_put_text(out, name);
    goleak_glk_put_text(out, entry->detail);
    if (entry->input != NULL && strcmp(entry->input, source->name) != 0)
        goleak_glk_put_text(out, entry->input);
    return add_note(writer, source, GOLEAK_GLK_NOTE, from, error);
}

enum goleak_status goleak_writer_complain(struct goleak_writer *writer, size_t source, const char *name, uint64_t count,
                                          const char *sentence, struct goleak_error *error)
{
    struct goleak_health_entry entry = { 0 };
    enum goleak_status status = check(writer, source, error);
    if (status != GOLEAK_OK)
        return status;
    if (!goleak_health_find(name, NULL))
        return usage(writer, error, "the complaint's name is none of docs/JSON.md's");
    snprintf(entry.detail, sizeof entry.detail, "%s", sentence);
    return goleak_writer_note(writer, source, name, count, &entry, error);
}

enum goleak_status goleak_writer_go(struct goleak_writer *writer, size_t index, const struct goleak_reasons *reasons,
                                    struct goleak_error *error)
{
    enum goleak_status status = check(writer, index, error);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_glk_source *source = &writer->sources[index];
    if (reasons->from == NULL || source->candidates == reasons->candidates)
        return GOLEAK_OK;
    source->candidates = reasons->candidates;
    unsigned low = 0, high = 31;
    while ((reasons->candidates >> low & 1) == 0)
        low++;
    while ((reasons->candidates >> high & 1) == 0)
        high--;
    struct goleak_buf *out = &source->note_bytes;
    size_t from = out->size;
    goleak_glk_put_number(out, GOLEAK_GO_OLDEST + low);
    goleak_glk_put_number(out, GOLEAK_GO_OLDEST + high);
    goleak_glk_put_text(out, reasons->from);
    goleak_glk_put_text(out, reasons->text);
    return add_note(writer, source, GOLEAK_GLK_GO, from, error);
}

enum goleak_status goleak_writer_go_version(struct goleak_writer *writer, size_t source, const char *version,
                                            struct goleak_error *error)
{
    struct goleak_reasons reasons;
    enum goleak_status status = check(writer, source, error);
    if (status != GOLEAK_OK)
        return status;
    goleak_reasons_init(&reasons);
    if (!goleak_reasons_set_version(&reasons, version, "header"))
        return usage(writer, error, "the Go version is none: expected one such as 1.26");
    return goleak_writer_go(writer, source, &reasons, error);
}

/* number 0: of none. */
static enum goleak_status tell_generation(struct goleak_writer *writer, struct goleak_glk_source *source,
                                          const struct goleak_trace_marks *marks,
                                          const struct goleak_marked_generation *generation, struct goleak_error *error)
{
    struct goleak_buf *out = &source->note_bytes;
    const size_t from = out->size;
    goleak_glk_put_number(out, generation->number);
    goleak_glk_put_number(out, generation->ticks);
    goleak_glk_put_number(out,
                          (marks->all_told ? GOLEAK_GLK_ALL_TOLD : 0) | (marks->has_boot ? GOLEAK_GLK_HAS_BOOT : 0));
    if (marks->has_boot)
        goleak_glk_put_signed(out, marks->boot_ns);
    goleak_glk_put_number(out, marks->thread_count);
    for (size_t i = 0; i < marks->thread_count; i++)
        goleak_glk_put_number(out, marks->threads[i]);
    source->all_told = marks->all_told;
    return add_note(writer, source, GOLEAK_GLK_GENERATION, from, error);
}

enum goleak_status goleak_writer_generations(struct goleak_writer *writer, size_t index,
                                             const struct goleak_trace_marks *marks, bool last,
                                             struct goleak_error *error)
{
    static const struct goleak_marked_generation none = { 0, 0 };
    enum goleak_status status = check(writer, index, error);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_glk_source *source = &writer->sources[index];
    while (source->generations < marks->generation_count && status == GOLEAK_OK)
        status = tell_generation(writer, source, marks, &marks->generations[source->generations++], error);
    const bool threads_alone = last && source->generations == 0 && marks->thread_count != 0; /* none of them is whole */
    if (status == GOLEAK_OK && ((marks->all_told && !source->all_told) || threads_alone))
        status = tell_generation(writer, source, marks, &none, error);
    return status;
}

enum goleak_status goleak_writer_batch(struct goleak_writer *writer, size_t index, const struct goleak_event *events,
                                       size_t count, bool in_order, bool relative, const struct goleak_trace_marks *marks,
                                       struct goleak_error *error)
{
    enum goleak_status status = check(writer, index, error);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_glk_source *source = &writer->sources[index];
    bool differs = source->in_order != in_order || source->relative != relative;
    if (differs && source->count != 0 && !goleak_writer_flush_source(writer, source, false))
        return copy_failure(writer, error);
    source->in_order = in_order;
    source->relative = relative;
    bool good = take_events(writer, source, events, count) &&
                goleak_writer_generations(writer, index, marks, false, error) == GOLEAK_OK;
    if (good && count % GOLEAK_GLK_BATCH != 0)
        good = goleak_writer_flush_source(writer, source, true);
    return good ? GOLEAK_OK : copy_failure(writer, error);
}

static void set_text(struct goleak_writer *writer, char **text, const char *to)
{
    char *copy = copy_text(writer, to);
    if (copy == NULL) {
        goleak_writer_fail_memory(writer);
        return;
    }
    free_text(writer, *text);
    *text = copy;
}

void goleak_writer_format(struct goleak_writer *writer, size_t index, const char *format)
{
    if (strcmp(writer->sources[index].format, format) != 0)
        set_text(writer, &writer->sources[index].format, format);
}

void goleak_writer_facts(struct goleak_writer *writer, size_t index, uint64_t events, uint64_t notes, uint64_t bytes,
                         const char *form)
{
    struct goleak_glk_source *source = &writer->sources[index];
    source->has_facts = true;
    source->facts_events = events;
    source->notes_told = notes;
    source->bytes = bytes;
    set_text(writer, &source->form, form);
}

enum goleak_status goleak_writer_flush(struct goleak_writer *writer, struct goleak_error *error)
{
    enum goleak_status status = check(writer, 0, error);
    for (size_t i = 0; i < writer->source_count && status == GOLEAK_OK; i++)
        if (!goleak_writer_flush_source(writer, &writer->sources[i], false))
            status = copy_failure(writer, error);
    if (status == GOLEAK_OK && !goleak_glk_write_all(writer))
        status = copy_failure(writer, error);
    return status;
}

enum goleak_status goleak_writer_finish(struct goleak_writer *writer, struct goleak_error *error)
{
    if (writer->finished && writer->failure.status == GOLEAK_OK)
        return GOLEAK_OK;
    enum goleak_status status = goleak_writer_flush(writer, error);
    if (status == GOLEAK_OK && !goleak_writer_put_end(writer))
        status = copy_failure(writer, error);
    writer->finished = status == GOLEAK_OK;
    return status;
}
