/* health - see health.h. */
#include "model/health.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *one, *several;
    bool hurts;
} kinds[] = {
#define X(id, hurts, one, several) { #id, one, several, hurts },
#include "model/health.def"
#undef X
};

static void note(struct goleak_health_book *book, enum goleak_health_id id, uint64_t count,
                 const struct goleak_health_entry *place, const char *format, va_list args)
{
    struct goleak_health_entry *entry = &book->entries[id];
    bool first = entry->detail[0] == '\0';
    entry->count = count > UINT64_MAX - entry->count ? UINT64_MAX : entry->count + count;
    if (id == GOLEAK_HEALTH_lost_events && book->source.lost != NULL)
        *book->source.lost = count > UINT64_MAX - *book->source.lost ? UINT64_MAX : *book->source.lost + count;
    if (id == GOLEAK_HEALTH_truncated && book->source.cuts != NULL)
        *book->source.cuts = count > UINT64_MAX - *book->source.cuts ? UINT64_MAX : *book->source.cuts + count;
    if (!first)
        return;
    entry->input = book->source.input;
    entry->line = place->line;
    entry->column = place->column;
    entry->offset = place->offset;
    vsnprintf(entry->detail, sizeof entry->detail, format, args);
}

void goleak_health_note(struct goleak_health_book *book, enum goleak_health_id id, uint64_t count, uint64_t line,
                        uint64_t column, uint64_t offset, const char *format, ...)
{
    const struct goleak_health_entry place = { .line = line, .column = column, .offset = offset };
    va_list args;
    va_start(args, format);
    note(book, id, count, &place, format, args);
    va_end(args);
}

void goleak_health_note_at(struct goleak_health_book *book, enum goleak_health_id id, uint64_t count, uint64_t position,
                           const char *format, ...)
{
    const struct goleak_health_entry place = { .line = book->source.offsets ? 0 : position,
                                               .offset = book->source.offsets ? position : 0 };
    va_list args;
    va_start(args, format);
    note(book, id, count, &place, format, args);
    va_end(args);
}

void goleak_health_note_gap(struct goleak_health_book *book, struct goleak_gap gap, uint64_t position)
{
    goleak_health_note_at(book, GOLEAK_HEALTH_gaps, 1, position, "nobody recorded in the %.3f s before",
                          ((double)gap.until - (double)gap.from) / 1e9);
    size_t to =
        book->gap_count < GOLEAK_GAPS ? book->gap_count++ : GOLEAK_GAPS - 1; /* of more the last one is forgotten */
    for (; to > 0 && book->gaps[to - 1].from > gap.from; to--)
        book->gaps[to] = book->gaps[to - 1];
    book->gaps[to] = gap;
}

bool goleak_health_find(const char *name, enum goleak_health_id *id)
{
    for (int i = 0; i < GOLEAK_HEALTH_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            if (id != NULL)
                *id = (enum goleak_health_id)i;
            return true;
        }
    return false;
}

const char *goleak_health_name(enum goleak_health_id id)
{
    return kinds[id].name;
}

void goleak_health_get(const struct goleak_health_book *book, enum goleak_health_id id, struct goleak_health *out)
{
    const struct goleak_health_entry *entry = &book->entries[id];
    *out = (struct goleak_health) {
        .name = kinds[id].name,
        .count = entry->count,
        .input = entry->input,
        .line = entry->line,
        .column = entry->column,
        .offset = entry->offset,
        .detail = entry->detail[0] != '\0' ? entry->detail : NULL,
        .meaning = entry->count == 1 ? kinds[id].one : kinds[id].several,
        .hurts = kinds[id].hurts,
    };
}

bool goleak_health_complete(const struct goleak_health_book *book)
{
    return book->entries[GOLEAK_HEALTH_lost_events].count == 0 && book->entries[GOLEAK_HEALTH_truncated].count == 0 &&
           book->entries[GOLEAK_HEALTH_damaged_lines].count == 0 &&
           book->entries[GOLEAK_HEALTH_damaged_frames].count == 0 &&
           book->entries[GOLEAK_HEALTH_damaged_records].count == 0 &&
           book->entries[GOLEAK_HEALTH_broken_order].count == 0 &&
           book->entries[GOLEAK_HEALTH_recorder_errors].count == 0 && book->entries[GOLEAK_HEALTH_gaps].count == 0;
}
