/*
 * reading - see reading.h.
 *
 * The thread has a trace of its own for its input, as a decoder has, whose events go
 * into parcels. Symbols that its readers add there, complaints that they make and a
 * version of Go that a header tells travel as news before the batch that they came
 * with, and are told to the real trace before that batch is replayed. That is when they
 * would have been told without a thread: every number, and every first position of a
 * complaint, is the same. Only the names of strings and stacks in events have to be put
 * into the real trace's numbers, for its replay adds strings, too.
 *
 * A format whose reader tells more than that is `alone`: its bytes go into parcels as they
 * are, and the caller's thread reads them.
 *
 * Parcels go round: the one that is being filled is the thread's, the first of those
 * that are full the caller's; a mutex hands them over.
 */
#include "reading.h"

#include "base/error.h"
#include "base/thread.h"
#include "input/decode.h"

#include <stdio.h>
#include <string.h>

/* More than a core's own cache holds: what the thread wrote has gone to the cache that both
 * share by the time it is read, where it costs a fifth of what taking it from the core costs. */
#define PARCELS 8
#define PARCEL_BATCHES 8
#define PARCEL_BYTES ((uint64_t)1 << 20) /* of input, for a progress that moves */

struct parcel {
    struct goleak_batch *batches[PARCEL_BATCHES];
    size_t count;
    struct goleak_buf news; /* struct news, each with its bytes, in multiples of 8 */
    struct goleak_buf raw;  /* plain bytes, of a format that is `alone` */
    uint64_t read_bytes, used_bytes;
    bool last;
};

enum news_kind { NEWS_STRING, NEWS_FRAME, NEWS_STACK, NEWS_HEALTH, NEWS_VERSION };

struct news {
    uint32_t kind;
    uint32_t batch; /* it comes before this one of the parcel */
    uint32_t id;    /* FRAME: its function; HEALTH: which complaint */
    uint32_t size;  /* of the bytes behind it */
    uint64_t count, line, column, offset; /* HEALTH */
};

/* Numbers of the thread's table, in those of the trace. */
struct numbers {
    uint32_t *of; /* of[number - 1] */
    size_t count, capacity;
};

struct goleak_reading {
    struct goleak_alloc *alloc;
    struct goleak_trace *trace;
    struct goleak_input *input;
    struct goleak_source *source;

    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t filled, freed;
    struct parcel parcels[PARCELS];
    size_t first, count; /* of the full ones */
    bool stopped;

    /* the thread's */
    struct goleak_trace *side; /* has its allocator, its tables, its input */
    struct goleak_input *side_input;
    struct goleak_decode *decode;
    uint64_t base_bytes; /* its count before it held anything */
    struct parcel *open;
    bool alone;          /* bytes are passed on */
    uint64_t told_bytes; /* of the input, in the parcels before */
    struct {
        size_t strings, frames, stacks;
        uint64_t health[GOLEAK_HEALTH_COUNT];
        uint32_t candidates;
        const char *from;
    } told;
    enum goleak_status status; /* set before the last parcel */
    struct goleak_error error;

    /* the caller's */
    struct numbers strings, frames, stacks;
    uint64_t booked_bytes;
    bool ended;
};

/* ---- on the thread: parcels ---- */

static struct parcel *take_parcel(struct goleak_reading *reading)
{
    struct parcel *parcel = NULL;
    pthread_mutex_lock(&reading->mutex);
    while (!reading->stopped && reading->count == PARCELS)
        pthread_cond_wait(&reading->freed, &reading->mutex);
    if (!reading->stopped)
        parcel = &reading->parcels[(reading->first + reading->count) % PARCELS];
    pthread_mutex_unlock(&reading->mutex);
    if (parcel != NULL)
        parcel->count = parcel->news.size = parcel->raw.size = 0;
    return parcel;
}

/* False: the caller wants no more. */
static bool send(struct goleak_reading *reading, bool last)
{
    struct parcel *parcel = reading->open;
    if (parcel == NULL)
        return false;
    parcel->read_bytes = reading->told_bytes = goleak_decode_bytes_read(reading->decode);
    parcel->used_bytes = reading->side->alloc.used_bytes - reading->base_bytes;
    parcel->last = last;
    pthread_mutex_lock(&reading->mutex);
    bool going_on = !reading->stopped;
    reading->count += going_on;
    pthread_cond_signal(&reading->filled);
    pthread_mutex_unlock(&reading->mutex);
    reading->open = going_on && !last ? take_parcel(reading) : NULL;
    return reading->open != NULL;
}

/* ---- on the thread: news ---- */

static void add_news(struct parcel *parcel, struct news *news, const void *bytes, size_t size)
{
    static const char zeros[8];
    news->batch = (uint32_t)parcel->count;
    news->size = (uint32_t)size;
    goleak_buf_append(&parcel->news, news, sizeof *news);
    goleak_buf_append(&parcel->news, bytes, size);
    goleak_buf_append(&parcel->news, zeros, -size & 7);
}

/* What of a table was not told yet. */
static void add_symbols(struct parcel *parcel, enum news_kind kind, const struct goleak_intern *table, size_t *told,
                        const struct goleak_frame *frames)
{
    for (; *told < table->count; ++*told) {
        size_t size;
        const char *bytes = goleak_intern_get(table, (uint32_t)(*told + 1), &size);
        struct news news = { .kind = kind, .id = frames != NULL ? frames[*told].function : 0 };
        add_news(parcel, &news, bytes, size);
    }
}

static void add_complaints(struct goleak_reading *reading, struct parcel *parcel)
{
    for (uint32_t id = 0; id < GOLEAK_HEALTH_COUNT; id++) {
        const struct goleak_health_entry *entry = &reading->side->health.entries[id];
        if (entry->count == reading->told.health[id])
            continue;
        struct news news = { .kind = NEWS_HEALTH, .id = id, .count = entry->count - reading->told.health[id],
                             .line = entry->line, .column = entry->column, .offset = entry->offset };
        add_news(parcel, &news, entry->detail, strlen(entry->detail) + 1);
        reading->told.health[id] = entry->count;
    }
}

/* False: memory. */
static bool gather_news(struct goleak_reading *reading)
{
    struct parcel *parcel = reading->open;
    const struct goleak_symbols *symbols = &reading->side->symbols;
    const struct goleak_reasons *reasons = &reading->side->reasons;
    size_t before = parcel->news.size;
    add_symbols(parcel, NEWS_STRING, &symbols->strings, &reading->told.strings, NULL);
    add_symbols(parcel, NEWS_FRAME, &symbols->frames, &reading->told.frames, symbols->frame_info);
    add_symbols(parcel, NEWS_STACK, &symbols->stacks, &reading->told.stacks, NULL);
    add_complaints(reading, parcel);
    if (reasons->from != reading->told.from || reasons->candidates != reading->told.candidates) {
        struct news news = { .kind = NEWS_VERSION };
        add_news(parcel, &news, reasons, sizeof *reasons);
        reading->told.from = reasons->from;
        reading->told.candidates = reasons->candidates;
    }
    if (parcel->news.failed)
        parcel->news.size = before; /* and no half of any */
    return !parcel->news.failed;
}

/* ---- on the thread: reading ---- */

/* A goleak_batch_fn: the reader goes on with a batch that has been replayed. */
static enum goleak_status push(void *context, struct goleak_batch **batch)
{
    struct goleak_reading *reading = context;
    struct parcel *parcel = reading->open;
    if ((*batch)->count == 0)
        return GOLEAK_OK;
    if (parcel == NULL)
        return GOLEAK_E_IO; /* nobody will be told */
    if (!gather_news(reading))
        return goleak_alloc_failure(&reading->side->alloc);
    struct goleak_batch *empty = parcel->batches[parcel->count];
    parcel->batches[parcel->count++] = *batch;
    *batch = empty;
    empty->count = 0;
    empty->in_order = false;
    if (parcel->count == PARCEL_BATCHES && !send(reading, false))
        return GOLEAK_E_IO;
    return GOLEAK_OK;
}

/* Bytes that the caller's thread is to read, behind what was said of them. False: memory. */
static bool add_raw(struct goleak_reading *reading, const void *data, size_t size)
{
    reading->alone = true;
    goleak_buf_append(&reading->open->raw, data, size);
    if (gather_news(reading) && !reading->open->raw.failed)
        return true;
    reading->status = goleak_error_alloc(&reading->error, &reading->side->alloc);
    return false;
}

/* It is, and its bytes so far are there. */
static bool begins_alone(const struct goleak_reading *reading)
{
    const struct goleak_input *input = reading->side_input;
    return !reading->alone && input->format != NULL && input->format->alone;
}

static bool take_run(struct goleak_reading *reading, const void *data, size_t size)
{
    const struct goleak_buf *head = &reading->side_input->head;
    if (reading->alone)
        return add_raw(reading, data, size) && send(reading, false);
    reading->status = goleak_input_feed_plain(reading->side_input, data, size, &reading->error);
    if (reading->status != GOLEAK_OK)
        return false;
    if (begins_alone(reading))
        return add_raw(reading, head->data, head->size) && send(reading, false);
    return goleak_decode_bytes_read(reading->decode) - reading->told_bytes < PARCEL_BYTES || send(reading, false);
}

/* False: no more of them. */
static bool read_run(struct goleak_reading *reading)
{
    const void *data;
    size_t size;
    reading->status =
        goleak_decode_next(reading->decode, &data, &size, goleak_input_damage, reading->side_input, &reading->error);
    return reading->status == GOLEAK_OK && size != 0 && take_run(reading, data, size);
}

static void end_input(struct goleak_reading *reading)
{
    const struct goleak_buf *head = &reading->side_input->head;
    if (reading->status == GOLEAK_OK && !reading->alone)
        reading->status = goleak_input_end(reading->side_input, &reading->error);
    if (reading->status != GOLEAK_OK || reading->open == NULL)
        return;
    if (begins_alone(reading))
        add_raw(reading, head->data, head->size);
    else if (!gather_news(reading))
        reading->status = goleak_error_alloc(&reading->error, &reading->side->alloc);
}

static void *run(void *context)
{
    struct goleak_reading *reading = context;
    reading->open = take_parcel(reading);
    while (reading->open != NULL && read_run(reading))
        continue;
    if (reading->open == NULL)
        return NULL;
    end_input(reading);
    send(reading, true);
    return NULL;
}

/* ---- on the caller's thread: starting and stopping ---- */

static bool locks_init(struct goleak_reading *reading)
{
    if (pthread_mutex_init(&reading->mutex, NULL) != 0)
        return false;
    if (pthread_cond_init(&reading->filled, NULL) == 0) {
        if (pthread_cond_init(&reading->freed, NULL) == 0)
            return true;
        pthread_cond_destroy(&reading->filled);
    }
    pthread_mutex_destroy(&reading->mutex);
    return false;
}

static bool make_parcels(struct goleak_reading *reading)
{
    for (size_t i = 0; i < PARCELS; i++) {
        struct parcel *parcel = &reading->parcels[i];
        goleak_buf_init(&parcel->news, &reading->side->alloc);
        goleak_buf_init(&parcel->raw, &reading->side->alloc);
        for (size_t k = 0; k < PARCEL_BATCHES; k++)
            if ((parcel->batches[k] = goleak_batch_new(reading->alloc)) == NULL)
                return false;
    }
    return true;
}

/* The thread's trace: for an input, and the tables that its reader fills. */
static enum goleak_status make_side(struct goleak_reading *reading, struct goleak_error *error)
{
    const struct goleak_trace *trace = reading->trace;
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.go_version = trace->options.go_version;
    options.input_format = trace->options.input_format;
    enum goleak_status status = goleak_trace_new(&reading->side, &options, error);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_trace *side = reading->side;
    side->sink = (struct goleak_event_sink){ push, reading };
    /* It counts on from what is in use, so that limit and sentences are one. */
    side->alloc.limit_bytes = trace->alloc.limit_bytes;
    reading->base_bytes = trace->alloc.used_bytes;
    side->alloc.used_bytes += reading->base_bytes;
    reading->told.from = side->reasons.from;
    reading->told.candidates = side->reasons.candidates;
    status = goleak_input_open(&reading->side_input, side, reading->input->path, error);
    if (status == GOLEAK_OK)
        reading->side_input->aside = true;
    return status;
}

enum goleak_status goleak_reading_open(struct goleak_reading **out, struct goleak_input *input,
                                       struct goleak_source *source, unsigned how, struct goleak_error *error)
{
    struct goleak_trace *trace = input->trace;
    *out = NULL;
    struct goleak_reading *reading = goleak_alloc_zeroed(&trace->alloc, sizeof *reading);
    if (reading == NULL)
        return goleak_error_alloc(error, &trace->alloc);
    *reading = (struct goleak_reading){ .alloc = &trace->alloc, .trace = trace, .input = input, .source = source };
    if (!locks_init(reading)) {
        goleak_free(&trace->alloc, reading, sizeof *reading);
        return GOLEAK_OK;
    }
    enum goleak_status status = make_side(reading, error);
    if (status == GOLEAK_OK && !make_parcels(reading))
        status = goleak_error_alloc(error, &trace->alloc);
    if (status == GOLEAK_OK)
        status = goleak_decode_open(&reading->decode, &reading->side->alloc, source,
                                    trace->options.max_memory_bytes / 2, how | GOLEAK_DECODE_INTERRUPTIBLE, error);
    if (status == GOLEAK_OK)
        reading->started = goleak_thread_start(&reading->thread, run, reading);
    if (!reading->started) {
        bool opened = reading->decode != NULL;
        goleak_reading_close(reading);
        if (status == GOLEAK_OK && opened) /* the first bytes are gone */
            return goleak_error_set(error, GOLEAK_E_MEMORY, "the system has no thread left: --jobs=1 needs none");
        return status;
    }
    *out = reading;
    return GOLEAK_OK;
}

void goleak_reading_close(struct goleak_reading *reading)
{
    if (reading == NULL)
        return;
    if (reading->started) {
        pthread_mutex_lock(&reading->mutex);
        reading->stopped = true;
        pthread_cond_signal(&reading->freed);
        pthread_mutex_unlock(&reading->mutex);
        goleak_decode_interrupt(reading->decode);
        pthread_join(reading->thread, NULL);
    }
    goleak_decode_close(reading->decode);
    for (size_t i = 0; i < PARCELS && reading->side != NULL; i++) {
        struct parcel *parcel = &reading->parcels[i];
        if (parcel->news.alloc != NULL) {
            goleak_buf_release(&parcel->news);
            goleak_buf_release(&parcel->raw);
        }
        for (size_t k = 0; k < PARCEL_BATCHES; k++)
            if (parcel->batches[k] != NULL)
                goleak_batch_free(reading->alloc, parcel->batches[k]);
    }
    goleak_trace_free(reading->side);
    goleak_free(reading->alloc, reading->strings.of, reading->strings.capacity * sizeof *reading->strings.of);
    goleak_free(reading->alloc, reading->frames.of, reading->frames.capacity * sizeof *reading->frames.of);
    goleak_free(reading->alloc, reading->stacks.of, reading->stacks.capacity * sizeof *reading->stacks.of);
    pthread_cond_destroy(&reading->freed);
    pthread_cond_destroy(&reading->filled);
    pthread_mutex_destroy(&reading->mutex);
    reading->alloc->used_bytes -= reading->booked_bytes;
    goleak_free(reading->alloc, reading, sizeof *reading);
}

/* ---- on the caller's thread: replaying ---- */

static struct parcel *receive(struct goleak_reading *reading)
{
    pthread_mutex_lock(&reading->mutex);
    while (reading->count == 0)
        pthread_cond_wait(&reading->filled, &reading->mutex);
    pthread_mutex_unlock(&reading->mutex);
    return &reading->parcels[reading->first];
}

static void give_back(struct goleak_reading *reading)
{
    pthread_mutex_lock(&reading->mutex);
    reading->first = (reading->first + 1) % PARCELS;
    reading->count--;
    if (reading->count <= PARCELS / 2) /* a thread that is ahead is woken up for more than one */
        pthread_cond_signal(&reading->freed);
    pthread_mutex_unlock(&reading->mutex);
}

/* False: memory, of which `number` 0 tells, too. */
static bool add_number(struct goleak_reading *reading, struct numbers *numbers, uint32_t number)
{
    if (number == 0 ||
        !goleak_grow(reading->alloc, &numbers->of, &numbers->capacity, numbers->count + 1, sizeof *numbers->of))
        return false;
    numbers->of[numbers->count++] = number;
    return true;
}

static uint32_t number_of(const struct numbers *numbers, uint32_t number)
{
    return number - 1 < numbers->count ? numbers->of[number - 1] : 0;
}

static bool take_stack(struct goleak_reading *reading, uint32_t *frames, size_t count)
{
    for (size_t i = 0; i < count; i++)
        frames[i] = number_of(&reading->frames, frames[i]);
    return add_number(reading, &reading->stacks, goleak_symbols_stack(&reading->trace->symbols, frames, count));
}

/* False: memory. */
static bool take_news(struct goleak_reading *reading, const struct news *news, char *bytes)
{
    struct goleak_trace *trace = reading->trace;
    switch ((enum news_kind)news->kind) {
    case NEWS_STRING:
        return add_number(reading, &reading->strings, goleak_symbols_string(&trace->symbols, bytes, news->size));
    case NEWS_FRAME:
        return add_number(reading, &reading->frames,
                          goleak_symbols_frame_as(&trace->symbols, bytes, news->size,
                                                  number_of(&reading->strings, news->id)));
    case NEWS_STACK: /* a buffer's memory is aligned for all, and so is what lies at multiples of 8 */
        return take_stack(reading, (uint32_t *)(void *)bytes, news->size / sizeof(uint32_t));
    case NEWS_HEALTH:
        goleak_health_note(&trace->health, (enum goleak_health_id)news->id, news->count, news->line, news->column,
                           news->offset, "%s", bytes);
        return true;
    case NEWS_VERSION:
        goleak_reasons_set_as(&trace->reasons, (const struct goleak_reasons *)(const void *)bytes);
        return true;
    }
    return true;
}

/* The news that come before the parcel's batch; *at moves behind them. */
static bool take_news_before(struct goleak_reading *reading, struct parcel *parcel, size_t batch, size_t *at)
{
    while (*at < parcel->news.size) {
        struct news news;
        memcpy(&news, parcel->news.data + *at, sizeof news);
        if (news.batch > batch)
            break;
        if (!take_news(reading, &news, parcel->news.data + *at + sizeof news))
            return false;
        *at += sizeof news + ((news.size + (size_t)7) & ~(size_t)7);
    }
    return true;
}

static void renumber(const struct goleak_reading *reading, struct goleak_batch *batch)
{
    for (struct goleak_event *event = batch->events, *stop = event + batch->count; event < stop; event++) {
        if (event->has & GOLEAK_HAS_STACK)
            event->stack = number_of(&reading->stacks, event->stack);
        if (event->name != 0)
            event->name = number_of(&reading->strings, event->name);
    }
}

static enum goleak_status replay(struct goleak_reading *reading, struct parcel *parcel)
{
    struct goleak_input *input = reading->input;
    const struct goleak_event_sink sink = goleak_input_sink(input);
    enum goleak_status status = GOLEAK_OK;
    size_t at = 0;
    for (size_t i = 0; i < parcel->count && status == GOLEAK_OK; i++) {
        if (!take_news_before(reading, parcel, i, &at))
            return goleak_alloc_failure(reading->alloc);
        renumber(reading, parcel->batches[i]);
        status = sink.push(sink.context, &parcel->batches[i]);
    }
    if (status == GOLEAK_OK && !take_news_before(reading, parcel, parcel->count, &at))
        return goleak_alloc_failure(reading->alloc);
    if (status == GOLEAK_OK && parcel->raw.size != 0)
        status = goleak_input_feed_plain(input, parcel->raw.data, parcel->raw.size, NULL);
    return status;
}

enum goleak_status goleak_reading_next(struct goleak_reading *reading, bool *ended, struct goleak_error *error)
{
    struct goleak_input *input = reading->input;
    struct parcel *parcel = receive(reading);
    input->bytes = parcel->read_bytes;
    reading->alloc->used_bytes += parcel->used_bytes - reading->booked_bytes;
    reading->booked_bytes = parcel->used_bytes;
    goleak_input_begin(input);
    enum goleak_status status = goleak_trace_fail(reading->trace, replay(reading, parcel), error);
    *ended = parcel->last;
    if (!*ended)
        give_back(reading);
    if (status != GOLEAK_OK || !*ended)
        return status;
    /* Behind the last parcel nothing of the thread's changes any more. */
    if (!reading->alone) {
        input->format = reading->side_input->format;
        input->facts = reading->side_input->facts;
        input->elsewhere = true;
    }
    if (reading->status == GOLEAK_OK)
        return goleak_input_finish(input, error);
    if (error != NULL)
        *error = reading->error;
    return reading->status;
}
