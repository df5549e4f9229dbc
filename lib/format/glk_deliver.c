/* glk_deliver - see glk_read.h. */
#include "format/glk_read.h"

#include "base/number.h"

#include <string.h>

/* That they are in order is a claim, on which what follows relies. */
static bool are_in_order(struct goleak_glk_stream *stream)
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

/* A frame that its recording had no line for: an executable that is given now may, and for the calls that were inlined
 * there. Returns how many; 0: memory. */
static size_t name_frame(struct goleak_symbols *symbols, uint32_t frame, bool after_call, uint32_t out[GOLEAK_INLINED])
{
    uint64_t number;
    size_t size, name_size;
    const char *text = goleak_intern_get(&symbols->frames, frame, &size), *end = text + size;
    const char *name = goleak_intern_get(&symbols->strings, symbols->frame_info[frame - 1].function, &name_size);
    if (goleak_name_is_lost(name))
        name_size = 0;
    const char *rest = text + (name_size <= size ? name_size : size);
    const char *sign = name_size != 0 ? "+0x" : "0x";
    out[0] = frame;
    if (!goleak_text_begins(rest, sign) || goleak_parse_hex(rest + strlen(sign), end, &number) != end)
        return 1;
    return goleak_symbols_frames(symbols, name, name_size, number, after_call, out);
}

/* 0: the frame has more than an address. */
static uint64_t address_of(const struct goleak_symbols *symbols, uint32_t frame)
{
    uint64_t address;
    return goleak_symbols_frame_address(symbols, frame, &address) ? address : 0;
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
    uint32_t *list = NULL, one[GOLEAK_INLINED], named = 0;
    size_t to = 0, capacity = 0, more = 1;
    for (size_t i = 0; i < count && more != 0; i++) {
        more = name_frame(symbols, frames[i], i != 0, one);
        more = goleak_grow(alloc, &list, &capacity, to + more, sizeof *list) ? more : 0;
        if (more != 0)
            memcpy(list + to, one, more * sizeof *one);
        to += more;
    }
    if (more != 0)
        named = goleak_symbols_stack(symbols, list, to);
    goleak_free(alloc, list, capacity * sizeof *list);
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
        reader->tells = goleak_event_tells(&events[i], reader->env.symbols);
}

/* The `part` events behind those that were there are the next of their block, or the first of another. */
static void note_counters(struct goleak_batch *batch, size_t from, const struct goleak_counters *before,
                          const struct goleak_glk_events *block)
{
    const struct goleak_counters *last = from != 0 ? &batch->after : before;
    if (from == 0)
        batch->before = *before;
    batch->counted = (from == 0 || batch->counted) && block->goes_on && last->count == before->count &&
                     last->blocked == before->blocked;
    batch->after = (struct goleak_counters) { block->last_count, block->last_blocked };
}

enum goleak_status goleak_glk_tell_all(struct goleak_reader *reader, struct goleak_glk_stream *stream)
{
    static const char name[] = GOLEAK_TRACE_ALL_TOLD;
    struct goleak_batch *batch = stream->batch;
    if (!stream->tells_all || batch->count == GOLEAK_BATCH_EVENTS)
        return GOLEAK_OK;
    stream->tells_all = false;
    if (stream->told_ns == INT64_MIN)
        return GOLEAK_OK;
    struct goleak_event *event = &batch->events[batch->count++];
    goleak_event_begin(event, GOLEAK_EVENT_OTHER);
    event->has = GOLEAK_HAS_TIME;
    event->time_ns = stream->told_ns;
    event->position = batch->count > 1 ? event[-1].position : 0;
    event->name = goleak_symbols_string(reader->env.symbols, name, sizeof name - 1);
    return event->name != 0 ? GOLEAK_OK : goleak_glk_memory(reader);
}

/* So many of the block's events come before the next generation is told of. *found: the remark that does so, as it was
 * asked for last, from 0 on; it may have been said. */
static uint64_t next_generation(const struct goleak_reader *reader, size_t next, size_t *found)
{
    *found = *found < next ? next : *found;
    while (*found < reader->remark_count && reader->remarks[*found].item != GOLEAK_GLK_GENERATION)
        ++*found;
    return *found < reader->remark_count ? reader->remarks[*found].event : UINT64_MAX;
}

static enum goleak_status push(struct goleak_reader *reader, struct goleak_glk_stream *stream,
                               const struct goleak_glk_head *head)
{
    stream->batch->in_order = (head->flags & GOLEAK_GLK_IN_ORDER) != 0 && are_in_order(stream);
    return goleak_glk_push(reader, stream);
}

/* What is told behind the events that there are by now. Whoever is asked for a generation knows its events, and no other. */
static enum goleak_status say_behind(struct goleak_reader *reader, struct goleak_glk_stream *stream,
                                     const struct goleak_glk_head *head, size_t *next, const char **problem)
{
    const uint64_t at = reader->block->at;
    enum goleak_status status = goleak_glk_say_until(reader, stream, at, next, problem);
    bool marked = false;
    for (; status == GOLEAK_OK && *next < reader->remark_count && reader->remarks[*next].event == at &&
           reader->remarks[*next].item == GOLEAK_GLK_GENERATION; marked = true)
        status = goleak_glk_say_one(reader, stream, next, problem);
    if (status == GOLEAK_OK && stream->batch->count == GOLEAK_BATCH_EVENTS)
        status = push(reader, stream, head);
    if (status == GOLEAK_OK)
        status = goleak_glk_tell_all(reader, stream);
    return status == GOLEAK_OK && marked ? push(reader, stream, head) : status;
}

enum goleak_status goleak_glk_run_events(struct goleak_reader *reader, struct goleak_glk_stream *stream,
                                         const struct goleak_glk_head *head, const char **problem)
{
    struct goleak_glk_events *block = reader->block;
    enum goleak_status status = GOLEAK_OK;
    size_t next = 0, marked = 0;
    while (block->at < block->count && status == GOLEAK_OK && *problem == NULL) {
        struct goleak_batch *batch = stream->batch;
        size_t from = batch->count, part = GOLEAK_BATCH_EVENTS - from, left = block->count - block->at;
        const uint64_t generation = next_generation(reader, next, &marked);
        const struct goleak_counters before = { block->last_count, block->last_blocked };
        part = part < left ? part : left;
        part = generation > block->at && generation - block->at < part ? (size_t)(generation - block->at) : part;
        status = goleak_glk_events_next(block, batch, part, problem);
        if (status != GOLEAK_OK || *problem != NULL)
            break;
        note_counters(batch, from, &before, block);
        note_telling(reader, batch->events + from, part);
        tell_creations(reader, batch->events + from, part);
        if (!name_stacks(reader, batch->events + from, part))
            return goleak_glk_memory(reader);
        status = say_behind(reader, stream, head, &next, problem);
    }
    stream->torn = stream->torn || *problem != NULL;
    reader->events += block->at - block->unknown;
    if (stream->part.facts != NULL)
        stream->part.facts->events += block->at - block->unknown;
    if (status == GOLEAK_OK)
        status = goleak_glk_say_until(reader, stream, UINT64_MAX, &next, problem);
    if (status == GOLEAK_OK)
        status = goleak_glk_tell_all(reader, stream);
    if (status == GOLEAK_OK && head->flags & GOLEAK_GLK_IN_ORDER && stream->batch->count != 0)
        stream->batch->in_order = are_in_order(stream);
    if (status == GOLEAK_OK && head->flags & GOLEAK_GLK_CUT)
        status = goleak_glk_push(reader, stream);
    return status;
}
