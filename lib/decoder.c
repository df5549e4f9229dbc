/* decoder - events without replay: a trace's inputs, whose events go into a queue
 * instead of the replay. See goleak.h. */
#include "trace.h"

#include "base/error.h"

#include <string.h>

struct goleak_decoder {
    struct goleak_alloc alloc;
    struct goleak_trace *trace; /* for its input and its tables */
    struct goleak_event *events;
    size_t count, capacity, next;
};

/* What is not told is 0, as goleak.h says; readers leave there what an event before had. */
static void clear_untold(struct goleak_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!goleak_event_tells_name(&events[i]))
            events[i].name = 0;
        if ((events[i].has & GOLEAK_HAS_STACK) == 0)
            events[i].stack = 0;
    }
}

static enum goleak_status queue(void *context, struct goleak_batch **batch)
{
    struct goleak_decoder *decoder = context;
    struct goleak_alloc *alloc = &decoder->trace->alloc; /* one limit for both */
    if (!goleak_grow(alloc, &decoder->events, &decoder->capacity, decoder->count + (*batch)->count,
                     sizeof *decoder->events))
        return goleak_alloc_failure(alloc);
    memcpy(decoder->events + decoder->count, (*batch)->events, (*batch)->count * sizeof *decoder->events);
    clear_untold(decoder->events + decoder->count, (*batch)->count);
    decoder->count += (*batch)->count;
    (*batch)->count = 0;
    return GOLEAK_OK;
}

enum goleak_status goleak_decoder_new(struct goleak_decoder **out, const struct goleak_options *options,
                                      struct goleak_error *error)
{
    struct goleak_alloc alloc;
    struct goleak_options own;
    *out = NULL;
    enum goleak_status status = goleak_trace_options(&own, options, error);
    if (status != GOLEAK_OK)
        return status;
    goleak_alloc_init(&alloc, own.allocator, 0);
    struct goleak_decoder *decoder = goleak_alloc_zeroed(&alloc, sizeof *decoder);
    if (decoder == NULL)
        return goleak_error_alloc(error, &alloc);
    decoder->alloc = alloc;
    status = goleak_trace_new(&decoder->trace, options, error);
    if (status != GOLEAK_OK) {
        goleak_decoder_free(decoder);
        return status;
    }
    decoder->trace->sink = (struct goleak_event_sink){ queue, decoder };
    decoder->trace->hands_out = true;
    *out = decoder;
    return GOLEAK_OK;
}

/* Events that have been taken make room for new ones. */
static void forget_taken(struct goleak_decoder *decoder)
{
    if (decoder->next == 0)
        return;
    decoder->count -= decoder->next;
    memmove(decoder->events, decoder->events + decoder->next, decoder->count * sizeof *decoder->events);
    decoder->next = 0;
}

enum goleak_status goleak_decoder_feed(struct goleak_decoder *decoder, const void *data, size_t size,
                                       struct goleak_error *error)
{
    forget_taken(decoder);
    return goleak_trace_feed(decoder->trace, data, size, error);
}

enum goleak_status goleak_decoder_finish(struct goleak_decoder *decoder, struct goleak_error *error)
{
    forget_taken(decoder);
    if (decoder->trace->fed == NULL) {
        enum goleak_status status = goleak_trace_feed(decoder->trace, "", 0, error);
        if (status != GOLEAK_OK)
            return status;
    }
    return goleak_input_finish(decoder->trace->fed, error);
}

enum goleak_status goleak_decoder_next(struct goleak_decoder *decoder, const struct goleak_event **out)
{
    if (decoder->next == decoder->count)
        return GOLEAK_END;
    *out = &decoder->events[decoder->next++];
    return GOLEAK_OK;
}

const char *goleak_decoder_name(const struct goleak_decoder *decoder, uint32_t name)
{
    return goleak_symbols_text(&decoder->trace->symbols, name);
}

const char *goleak_decoder_frame(const struct goleak_decoder *decoder, uint32_t stack, size_t index)
{
    return goleak_stack_frame(decoder->trace, stack, index);
}

void goleak_decoder_free(struct goleak_decoder *decoder)
{
    if (decoder == NULL)
        return;
    if (decoder->trace != NULL)
        goleak_free(&decoder->trace->alloc, decoder->events, decoder->capacity * sizeof *decoder->events);
    goleak_trace_free(decoder->trace);
    struct goleak_alloc alloc = decoder->alloc;
    goleak_free(&alloc, decoder, sizeof *decoder);
}
