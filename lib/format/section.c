/* section - see section.h. */
#include "format/section.h"

#include "base/bits.h"
#include "base/number.h"

bool goleak_section_may_begin(const struct goleak_format *format, struct goleak_reader *reader)
{
    const struct goleak_textual *text = format->sections->text(reader);
    return text->lines.carry.size == 0 && text->lines.long_bytes == 0 && text->events != 0 && text->restart_line == 0 &&
           format->sections->is_calm(reader);
}

enum goleak_status goleak_section_begin(const struct goleak_format *format, struct goleak_reader *reader,
                                        const struct goleak_section *out)
{
    struct goleak_textual *text = format->sections->text(reader);
    struct goleak_section_state *state = &text->section;
    enum goleak_status status = goleak_textual_begin_section(text);
    if (format->sections->settle != NULL)
        format->sections->settle(reader);
    text->lines.carry.size = 0;
    text->lines.long_bytes = 0;
    const struct goleak_buf unjoined = state->unjoined;
    *state = (struct goleak_section_state){ .alone = true, .events = text->events, .notes = text->notes };
    state->unjoined = unjoined;
    state->unjoined.size = 0;
    text->seen = text->forms = 0;
    text->recorder_events = text->lost_told = text->restart_line = 0;
    memset(text->spawns, 0, sizeof text->spawns);
    memcpy(text->places, out->guessed, sizeof text->places);
    memset(text->keyed.last_keys, 0, sizeof text->keyed.last_keys);
    text->keyed.last_ns = 0;
    text->keyed.last_count = text->keyed.last_blocked_count = INT32_MIN; /* none */
    text->lines.number = text->lines.fed_bytes = 0;
    text->lines.mark = UINT64_MAX;
    text->lines.within = true;
    return status;
}

enum goleak_status goleak_section_end(const struct goleak_format *format, struct goleak_reader *reader,
                                      struct goleak_section *out, bool *sure)
{
    struct goleak_textual *text = format->sections->text(reader);
    const struct goleak_section_state *state = &text->section;
    enum goleak_status status = goleak_textual_begin_section(text);
    *sure = status == GOLEAK_OK && !state->unsure && !state->unjoined.failed && goleak_section_may_begin(format, reader);
    out->bytes = text->lines.fed_bytes;
    out->lines = text->lines.number;
    out->events = text->events - state->events;
    out->notes = text->notes - state->notes;
    out->lost = text->lost_told;
    out->recorder_events = text->recorder_events;
    out->seen = text->seen;
    out->forms = text->forms;
    out->has_stacks = goleak_textual_has_stacks(text);
    out->last_ns = text->keyed.last_ns;
    out->last_count = text->keyed.last_count;
    out->last_blocked_count = text->keyed.last_blocked_count;
    memcpy(out->last_keys, text->keyed.last_keys, sizeof out->last_keys);
    memcpy(out->spawns, text->spawns, sizeof out->spawns);
    memcpy(out->spawned, state->spawned, sizeof out->spawned);
    memcpy(out->places, text->places, sizeof out->places);
    memcpy(out->placed, state->placed, sizeof out->placed);
    memcpy(out->asked, state->asked, sizeof out->asked);
    out->unjoined.size = 0;
    goleak_buf_append(&out->unjoined, state->unjoined.data, state->unjoined.size);
    *sure = *sure && !out->unjoined.failed;
    return status;
}

const struct goleak_go_place *goleak_section_places(const struct goleak_format *format, struct goleak_reader *reader)
{
    return format->sections->text(reader)->places;
}

bool goleak_section_fits(const struct goleak_format *format, struct goleak_reader *reader,
                         const struct goleak_section *section)
{
    const struct goleak_textual *text = format->sections->text(reader);
    for (size_t i = 0; i < GOLEAK_SPAWNS; i++)
        if (goleak_has_bit(section->asked, i) &&
            (text->places[i].gopc != section->guessed[i].gopc || text->places[i].frame != section->guessed[i].frame))
            return false;
    return true;
}

enum goleak_status goleak_section_skip(const struct goleak_format *format, struct goleak_reader *reader)
{
    return goleak_textual_begin_section(format->sections->text(reader));
}

void goleak_section_join(const struct goleak_format *format, struct goleak_reader *reader,
                         const struct goleak_section *section, size_t index, struct goleak_batch *batch, size_t *at)
{
    struct goleak_unjoined unjoined;
    for (; *at < section->unjoined.size; *at += sizeof unjoined) {
        memcpy(&unjoined, section->unjoined.data + *at, sizeof unjoined);
        if (unjoined.batch != index)
            break;
        goleak_textual_join(format->sections->text(reader), &batch->events[unjoined.event]);
    }
}

void goleak_section_told(const struct goleak_format *format, struct goleak_reader *reader,
                         const struct goleak_section *section)
{
    struct goleak_textual *text = format->sections->text(reader);
    for (size_t i = 0; i < GOLEAK_SPAWNS; i++) {
        if (goleak_has_bit(section->spawned, i))
            text->spawns[i] = section->spawns[i];
        if (goleak_has_bit(section->placed, i))
            text->places[i] = section->places[i];
    }
    text->events += section->events;
    text->notes += section->notes;
    text->lost_told = goleak_add_most(text->lost_told, section->lost);
    text->recorder_events += section->recorder_events;
    text->seen |= section->seen;
    text->forms |= section->forms;
    text->has_stacks = text->has_stacks || section->has_stacks;
    for (size_t kind = 0; kind < GOLEAK_EVENT_KIND_COUNT; kind++)
        if (section->last_keys[kind] != 0)
            text->keyed.last_keys[kind] = section->last_keys[kind];
    if (section->last_ns != 0)
        text->keyed.last_ns = section->last_ns;
    if (section->last_count != INT32_MIN)
        text->keyed.last_count = section->last_count;
    if (section->last_blocked_count != INT32_MIN)
        text->keyed.last_blocked_count = section->last_blocked_count;
    goleak_lines_skip(&text->lines, section->bytes, section->lines);
}

uint64_t goleak_section_lines(const struct goleak_format *format, struct goleak_reader *reader)
{
    return format->sections->text(reader)->lines.number;
}

uint32_t goleak_section_awaits(const struct goleak_format *format, struct goleak_reader *reader)
{
    return format->sections->text(reader)->lines.seam.awaits;
}

size_t goleak_section_find(struct goleak_section_search *search, const struct goleak_format *format, const char *bytes,
                           size_t size, uint64_t offset)
{
    const char *newline;
    if (search->at == 0) { /* the first line behind the mark */
        size_t mark = (size_t)(goleak_section_mark(offset) - offset) - 1;
        newline = mark < size ? memchr(bytes + mark, '\n', size - mark) : NULL;
        if (newline == NULL)
            return 0;
        search->at = (size_t)(newline - bytes) + 1;
    }
    while ((newline = memchr(bytes + search->at, '\n', size - search->at)) != NULL) {
        if ((size_t)(newline - bytes) - search->at <= GOLEAK_LINE_MAX && /* as lines.c asks */
            goleak_seam_step(&search->seam, format->sections->begins, bytes + search->at, newline))
            return search->at;
        search->at = (size_t)(newline - bytes) + 1;
    }
    return 0;
}
