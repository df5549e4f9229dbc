/* glk_numbers - what events mention, by number: see glk_writer_parts.h. */
#include "format/glk_writer_parts.h"

#include <string.h>

void goleak_glk_put_text(struct goleak_buf *out, const char *text)
{
    size_t size = text != NULL ? strlen(text) : 0;
    goleak_glk_put_number(out, size);
    goleak_buf_append(out, text, size);
}

static bool has_number(const struct goleak_glk_numbers *numbers, uint32_t id)
{
    return id < numbers->capacity && numbers->of[id] != 0;
}

/* The next number for an id. */
static bool give_number(struct goleak_writer *writer, struct goleak_glk_numbers *numbers, uint32_t id, uint32_t *out)
{
    size_t before = numbers->capacity;
    if (!goleak_grow(&writer->alloc, &numbers->of, &numbers->capacity, (size_t)id + 1, sizeof *numbers->of))
        return goleak_writer_fail_memory(writer);
    memset(numbers->of + before, 0, (numbers->capacity - before) * sizeof *numbers->of);
    *out = numbers->of[id] = ++numbers->count;
    return true;
}

static void forget_numbers(struct goleak_glk_numbers *numbers)
{
    if (numbers->of != NULL)
        memset(numbers->of, 0, numbers->capacity * sizeof *numbers->of);
    numbers->count = 0;
}

/* 0 stays 0. An id that the symbols do not have (a caller's mistake) is 0, too. */
bool goleak_glk_string_number(struct goleak_writer *writer, struct goleak_glk_source *source, uint32_t id,
                              uint32_t *out)
{
    size_t size;
    *out = 0;
    if (id == 0 || id > source->symbols->strings.count)
        return true;
    if (has_number(&source->strings, id)) {
        *out = source->strings.of[id];
        return true;
    }
    const char *text = goleak_intern_get(&source->symbols->strings, id, &size);
    goleak_glk_put_number(&writer->new_strings, size);
    goleak_buf_append(&writer->new_strings, text, size);
    return give_number(writer, &source->strings, id, out);
}

static bool tell_frame(struct goleak_writer *writer, struct goleak_glk_source *source, uint32_t id, uint32_t *out)
{
    size_t size, function_size;
    const char *text = goleak_intern_get(&source->symbols->frames, id, &size);
    uint32_t function = source->symbols->frame_info[id - 1].function, string;
    const char *name = goleak_intern_get(&source->symbols->strings, function, &function_size);
    bool lost = goleak_name_is_lost(name);
    if (lost)
        function_size = 0;
    else if (function_size > size || memcmp(text, name, function_size) != 0)
        function = 0, function_size = 0;
    if (!goleak_glk_string_number(writer, source, function, &string))
        return false;
    goleak_glk_put_number(&writer->new_frames, string);
    goleak_glk_put_number(&writer->new_frames, size - function_size);
    goleak_buf_append(&writer->new_frames, text + function_size, size - function_size);
    return give_number(writer, &source->frames, id, out);
}

bool goleak_glk_is_full(const struct goleak_writer *writer, const struct goleak_glk_source *source)
{
    size_t bytes =
        writer->new_strings.size + writer->new_frames.size + writer->new_stacks.size + writer->new_places.size;
    return bytes > GOLEAK_GLK_TABLES_FULL || source->frames.count - writer->old_frames > GOLEAK_GLK_NEW_MAX / 2 ||
           source->strings.count - writer->old_strings > GOLEAK_GLK_NEW_MAX / 2;
}

/* Where all else is equal, reports go by what was met first: so frames are told in that
 * order, those too that no event of the block has, as far as there is room. */
static bool frame_number(struct goleak_writer *writer, struct goleak_glk_source *source, uint32_t id, uint32_t *out)
{
    for (; *source->frames_told < id && !goleak_glk_is_full(writer, source); ++*source->frames_told)
        if (!has_number(&source->frames, *source->frames_told + 1) &&
            !tell_frame(writer, source, *source->frames_told + 1, out))
            return false;
    if (!has_number(&source->frames, id))
        return tell_frame(writer, source, id, out);
    *out = source->frames.of[id];
    return true;
}

bool goleak_glk_stack_number(struct goleak_writer *writer, struct goleak_glk_source *source, uint32_t id, uint32_t *out)
{
    *out = 0;
    if (id == 0 || id > source->symbols->stacks.count)
        return true;
    if (has_number(&source->stacks, id)) {
        *out = source->stacks.of[id];
        return true;
    }
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(source->symbols, id, &frames);
    goleak_glk_put_number(&writer->new_stacks, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t frame = 0;
        if (!frame_number(writer, source, frames[i], &frame))
            return false;
        goleak_glk_put_number(&writer->new_stacks, frame);
    }
    return give_number(writer, &source->stacks, id, out);
}

bool goleak_glk_slot_of(struct goleak_writer *writer, struct goleak_glk_source *source, uint64_t g, uint32_t *slot)
{
    uint32_t known = goleak_idmap_get(&source->slots, g);
    if (known != 0) {
        *slot = known - 1;
        return true;
    }
    *slot = (uint32_t)source->slots.count;
    if (source->slots.count >= UINT32_MAX - 1 || !goleak_idmap_put(&source->slots, g, *slot + 1) ||
        !goleak_grow(&writer->alloc, &source->known, &source->known_capacity, (size_t)*slot + 1,
                     sizeof *source->known) ||
        !goleak_grow(&writer->alloc, &writer->new_slots, &writer->new_slot_capacity, writer->new_slot_count + 1,
                     sizeof *writer->new_slots))
        return goleak_writer_fail_memory(writer);
    source->known[*slot] = (struct goleak_glk_known) { 0 };
    writer->new_slots[writer->new_slot_count++] = g;
    return true;
}

bool goleak_glk_put_place(struct goleak_writer *writer, struct goleak_glk_source *source, uint64_t address,
                          bool after_call)
{
    const struct goleak_symbols *symbols = source->symbols;
    struct goleak_place place;
    uint64_t key = address << 1 | after_call;
    bool told = symbols->resolver != NULL || symbols->place_count != 0;
    if (!told || address >> 63 != 0 || goleak_idmap_get(&source->places, key) != 0)
        return true;
    if (!goleak_idmap_put(&source->places, key, 1))
        return goleak_writer_fail_memory(writer);
    if (!goleak_symbols_place(symbols, address, after_call, &place))
        return true;
    struct goleak_buf *out = &writer->new_places;
    goleak_glk_put_number(out, address);
    goleak_buf_char(out, after_call);
    goleak_glk_put_text(out, place.function);
    goleak_glk_put_text(out, place.file);
    goleak_glk_put_number(out, place.line);
    return true;
}

void goleak_glk_begin_tables(struct goleak_glk_source *source)
{
    forget_numbers(&source->strings);
    forget_numbers(&source->frames);
    forget_numbers(&source->stacks);
    goleak_idmap_clear(&source->slots);
    goleak_idmap_clear(&source->places);
    source->since = 0;
    source->began = true;
}
