/* aside - see aside.h. */
#include "aside.h"

#include "base/error.h"

#include <string.h>

enum news_kind { NEWS_STRING, NEWS_FRAME, NEWS_STACK, NEWS_HEALTH, NEWS_VERSION };

/* Each with its bytes behind it, in multiples of 8. */
struct news {
    uint32_t kind;
    uint32_t batch; /* it comes before this one */
    uint32_t id;    /* FRAME: its function; HEALTH: which complaint */
    uint32_t size;  /* of the bytes behind it */
    uint64_t count, line, column, offset; /* HEALTH */
};

enum goleak_status goleak_aside_open(struct goleak_aside *aside, const struct goleak_trace *trace, const char *path,
                                     const char *format, uint64_t base_bytes, struct goleak_event_sink sink,
                                     struct goleak_error *error)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.go_version = trace->options.go_version;
    options.input_format = format != NULL ? format : trace->options.input_format;
    enum goleak_status status = goleak_trace_new(&aside->side, &options, error);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_trace *side = aside->side;
    side->sink = sink;
    side->alloc.pool = trace->alloc.pool; /* and not its own, for its batches go on to the trace */
    /* It counts on from what is in use, so that limit and sentences are one. */
    side->alloc.limit_bytes = trace->alloc.limit_bytes;
    aside->base_bytes = base_bytes;
    side->alloc.used_bytes += base_bytes;
    aside->told.from = side->reasons.from;
    aside->told.candidates = side->reasons.candidates;
    status = goleak_input_open(&aside->input, side, path, error);
    if (status == GOLEAK_OK)
        aside->input->aside = true;
    return status;
}

static void free_numbers(struct goleak_numbers *numbers, struct goleak_alloc *alloc)
{
    goleak_free(alloc, numbers->of, numbers->capacity * sizeof *numbers->of);
}

void goleak_aside_close(struct goleak_aside *aside, struct goleak_alloc *alloc)
{
    goleak_trace_free(aside->side);
    free_numbers(&aside->strings, alloc);
    free_numbers(&aside->frames, alloc);
    free_numbers(&aside->stacks, alloc);
}

/* ---- on the thread ---- */

uint64_t goleak_aside_used(const struct goleak_aside *aside)
{
    return aside->side->alloc.used_bytes - aside->base_bytes;
}

static void add_news(struct goleak_buf *news, struct news *piece, const void *bytes, size_t size)
{
    static const char zeros[8];
    piece->size = (uint32_t)size;
    goleak_buf_append(news, piece, sizeof *piece);
    goleak_buf_append(news, bytes, size);
    goleak_buf_append(news, zeros, -size & 7);
}

/* What of a table was not told yet. */
static void add_symbols(struct goleak_buf *news, enum news_kind kind, size_t batch, const struct goleak_intern *table,
                        size_t *told, const struct goleak_frame *frames)
{
    for (; *told < table->count; ++*told) {
        size_t size;
        const char *bytes = goleak_intern_get(table, (uint32_t)(*told + 1), &size);
        struct news piece = {
            .kind = kind, .batch = (uint32_t)batch, .id = frames != NULL ? frames[*told].function : 0
        };
        add_news(news, &piece, bytes, size);
    }
}

static void add_complaints(struct goleak_aside *aside, struct goleak_buf *news, size_t batch)
{
    for (uint32_t id = 0; id < GOLEAK_HEALTH_COUNT; id++) {
        const struct goleak_health_entry *entry = &aside->side->health.entries[id];
        if (entry->count == aside->told.health[id])
            continue;
        struct news piece = { .kind = NEWS_HEALTH, .batch = (uint32_t)batch, .id = id,
                              .count = entry->count - aside->told.health[id], .line = entry->line,
                              .column = entry->column, .offset = entry->offset };
        add_news(news, &piece, entry->detail, strlen(entry->detail) + 1);
        aside->told.health[id] = entry->count;
    }
}

bool goleak_aside_gather(struct goleak_aside *aside, struct goleak_buf *news, size_t batch)
{
    const struct goleak_symbols *symbols = &aside->side->symbols;
    const struct goleak_reasons *reasons = &aside->side->reasons;
    size_t before = news->size;
    add_symbols(news, NEWS_STRING, batch, &symbols->strings, &aside->told.strings, NULL);
    add_symbols(news, NEWS_FRAME, batch, &symbols->frames, &aside->told.frames, symbols->frame_info);
    add_symbols(news, NEWS_STACK, batch, &symbols->stacks, &aside->told.stacks, NULL);
    add_complaints(aside, news, batch);
    if (reasons->from != aside->told.from || reasons->candidates != aside->told.candidates) {
        struct news piece = { .kind = NEWS_VERSION, .batch = (uint32_t)batch };
        add_news(news, &piece, reasons, sizeof *reasons);
        aside->told.from = reasons->from;
        aside->told.candidates = reasons->candidates;
    }
    if (news->failed)
        news->size = before; /* and no half of any */
    return !news->failed;
}

void goleak_aside_pass_over(struct goleak_aside *aside)
{
    memset(aside->side->health.entries, 0, sizeof aside->side->health.entries);
    memset(aside->told.health, 0, sizeof aside->told.health);
    aside->told.from = aside->side->reasons.from;
    aside->told.candidates = aside->side->reasons.candidates;
}

void goleak_aside_complain(struct goleak_buf *news, enum goleak_health_id id, uint64_t offset, const char *sentence)
{
    struct news piece = { .kind = NEWS_HEALTH, .id = id, .count = 1, .offset = offset };
    add_news(news, &piece, sentence, strlen(sentence) + 1);
}

/* ---- on the caller's thread ---- */

/* False: memory, of which `number` 0 tells, too. */
static bool add_number(struct goleak_trace *trace, struct goleak_numbers *numbers, uint32_t number)
{
    if (number == 0 ||
        !goleak_grow(&trace->alloc, &numbers->of, &numbers->capacity, numbers->count + 1, sizeof *numbers->of))
        return false;
    numbers->of[numbers->count++] = number;
    numbers->differ = numbers->differ || number != numbers->count;
    return true;
}

static uint32_t number_of(const struct goleak_numbers *numbers, uint32_t number)
{
    return number - 1 < numbers->count ? numbers->of[number - 1] : 0;
}

static bool tell_stack(struct goleak_aside *aside, struct goleak_trace *trace, uint32_t *frames, size_t count)
{
    for (size_t i = 0; i < count; i++)
        frames[i] = number_of(&aside->frames, frames[i]);
    return add_number(trace, &aside->stacks, goleak_symbols_stack(&trace->symbols, frames, count));
}

static bool is_symbol(const struct news *news)
{
    return news->kind == NEWS_STRING || news->kind == NEWS_FRAME || news->kind == NEWS_STACK;
}

/* False: memory. */
static bool tell(struct goleak_aside *aside, struct goleak_trace *trace, const struct news *news, char *bytes,
                 uint64_t lines)
{
    switch ((enum news_kind)news->kind) {
    case NEWS_STRING:
        return add_number(trace, &aside->strings, goleak_symbols_string(&trace->symbols, bytes, news->size));
    case NEWS_FRAME:
        return add_number(trace, &aside->frames,
                          goleak_symbols_frame_as(&trace->symbols, bytes, news->size,
                                                  number_of(&aside->strings, news->id)));
    case NEWS_STACK: /* a buffer's memory is aligned for all, and so is what lies at multiples of 8 */
        return tell_stack(aside, trace, (uint32_t *)(void *)bytes, news->size / sizeof(uint32_t));
    case NEWS_HEALTH:
        goleak_health_note(&trace->health, (enum goleak_health_id)news->id, news->count,
                           news->line != 0 ? news->line + lines : 0, news->column, news->offset, "%s", bytes);
        return true;
    case NEWS_VERSION:
        goleak_reasons_set_as(&trace->reasons, (const struct goleak_reasons *)(const void *)bytes);
        return true;
    }
    return true;
}

static bool tell_all(struct goleak_aside *aside, struct goleak_trace *trace, struct goleak_buf *news, size_t batch,
                     uint64_t lines, bool only_symbols, size_t *at)
{
    while (*at < news->size) {
        struct news piece;
        memcpy(&piece, news->data + *at, sizeof piece);
        if (piece.batch > batch)
            break;
        if ((!only_symbols || is_symbol(&piece)) &&
            !tell(aside, trace, &piece, news->data + *at + sizeof piece, lines))
            return false;
        *at += sizeof piece + ((piece.size + (size_t)7) & ~(size_t)7);
    }
    return true;
}

bool goleak_aside_tell(struct goleak_aside *aside, struct goleak_trace *trace, struct goleak_buf *news, size_t batch,
                       uint64_t lines, size_t *at)
{
    return tell_all(aside, trace, news, batch, lines, false, at);
}

bool goleak_aside_tell_symbols(struct goleak_aside *aside, struct goleak_trace *trace, struct goleak_buf *news)
{
    size_t at = 0;
    return tell_all(aside, trace, news, SIZE_MAX, 0, true, &at);
}

void goleak_aside_renumber(const struct goleak_aside *aside, struct goleak_batch *batch, uint64_t lines)
{
    /* One reader's numbers are mostly the trace's. Then nothing is touched: its core has the events. */
    if (lines == 0 && !aside->strings.differ && !aside->stacks.differ)
        return;
    for (struct goleak_event *event = batch->events, *stop = event + batch->count; event < stop; event++) {
        event->position += lines;
        if (event->has & GOLEAK_HAS_STACK)
            event->stack = number_of(&aside->stacks, event->stack);
        if (event->name != 0)
            event->name = number_of(&aside->strings, event->name);
    }
}

uint32_t goleak_aside_stack(const struct goleak_aside *aside, uint32_t stack)
{
    return number_of(&aside->stacks, stack);
}
