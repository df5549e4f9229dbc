/*
 * reading - see reading.h.
 *
 * The first thread sees what format the input has. Where that has sections, which readers can
 * take by themselves (format/section.h), more threads are started: whose turn it is fills a
 * parcel with the next section's bytes, and reads it while another one has the turn. So does the
 * caller's thread, where it would wait for one. All have read the first section, which goes to
 * the caller's thread as it is, as do the last one and whatever depends on what is before it. Any
 * other format is read by the first thread alone.
 *
 * A format whose reader tells more than aside.h has room for is `alone`: its bytes go into
 * parcels as they are, and the caller's thread reads them.
 */
#include "reading.h"

#include "base/error.h"
#include "base/thread.h"
#include "input/decode.h"
#include "parcels.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#define PARCEL_BATCHES 8                 /* of a thread that reads alone */
#define PARCEL_BYTES ((uint64_t)1 << 20) /* of input, for a progress that moves */
#define READERS 4
#define CALLER READERS /* the caller's thread as a reader */
#define SECTION_ROOM (GOLEAK_SECTION_BYTES + ((size_t)64 << 10)) /* for nearly all: they are not moved as they grow */
#define SECTION_MOST GOLEAK_LINE_MAX /* a section of more is none */
#define STEP ((size_t)4096)
#define TURN_PATIENCE 200 /* tries */

/* A thread that reads. */
struct reader {
    struct goleak_reading *reading;
    struct goleak_aside aside;
    uint64_t booked_bytes; /* of its memory, by the caller's thread */
    struct goleak_parcel *open;
    bool broken; /* it can go on no more: its sections are left to the caller's thread */
    pthread_t thread;
    bool started;
};

struct goleak_reading {
    struct goleak_alloc *alloc;
    struct goleak_trace *trace;
    struct goleak_input *input;
    struct goleak_source *source;
    struct goleak_parcels parcels;
    bool has_parcels;
    struct reader readers[READERS + 1];
    unsigned reader_most;

    /* whose turn it is to read: the first reader's, until there are others */
    pthread_mutex_t turn;
    bool has_turn;
    struct goleak_alloc alloc_of_turn;
    struct goleak_decode *decode;
    const char *run; /* bytes that were got and not yet taken */
    size_t run_size;
    struct goleak_buf rest; /* bytes of the next section that went into a parcel already */
    uint64_t offset;        /* where that begins */
    uint32_t awaits;        /* for the search of sections */
    bool whole;             /* there is no next section: all is the caller's */
    bool over;
    enum goleak_status status; /* set before the last parcel */
    struct goleak_error error;

    /* the first reader's, before there are others */
    bool alone;          /* bytes are passed on */
    uint64_t told_bytes; /* of the source, in the parcels before */
    const struct goleak_format *format; /* that has sections, as they are read by several */
    struct goleak_buf first;            /* section */

    /* the caller's */
    bool has_received; /* all that the first reader sets is there to be seen */
    bool can_block;    /* the source: who waits for it can do nothing else */
};

/* ---- on the threads: parcels ---- */

/* Whose turn it is does not read what is damaged, perhaps: the parcel says it. */
static void note_damage(void *context, bool truncated, uint64_t offset, const char *sentence)
{
    struct goleak_parcel *parcel = context;
    goleak_aside_complain(&parcel->damage, truncated ? GOLEAK_HEALTH_truncated : GOLEAK_HEALTH_damaged_frames, offset,
                          sentence);
}

/* The next bytes are at `run`, which may be `room`. False: there are none. */
static bool next_run(struct goleak_reading *reading, struct goleak_parcel *parcel, void *room, size_t room_size)
{
    const void *data;
    bool several = reading->format != NULL;
    if (reading->run_size != 0)
        return true;
    if (reading->over)
        return false;
    if (!several) /* else it may be read by now, and no format that is read in sections asks for it */
        goleak_decode_skip(reading->decode, &reading->readers[0].aside.input->skip);
    reading->status = goleak_decode_next_into(
        reading->decode, room, room_size, &data, &reading->run_size, several ? note_damage : goleak_input_damage,
        several ? (void *)parcel : reading->readers[0].aside.input, &reading->error);
    reading->run = data;
    reading->over = reading->status != GOLEAK_OK || reading->run_size == 0;
    if (reading->over)
        reading->run_size = 0;
    return !reading->over;
}

static void fail_memory(struct reader *reader)
{
    reader->reading->status = goleak_error_alloc(&reader->reading->error, &reader->aside.side->alloc);
    reader->reading->over = true;
    reader->reading->run_size = 0;
}

/* The parcel goes on its way. False: the caller wants no more. */
static bool fill(struct reader *reader, struct goleak_parcel *parcel)
{
    parcel->from = &reader->aside;
    parcel->used_bytes = goleak_aside_used(&reader->aside);
    const struct goleak_input *input = reader->aside.input;
    parcel->offsets = input != NULL && input->format != NULL && input->format->offsets;
    return goleak_parcels_fill(&reader->reading->parcels, parcel);
}

/* The open parcel of a thread that reads alone. */
static bool send(struct reader *reader, bool last)
{
    struct goleak_reading *reading = reader->reading;
    struct goleak_parcel *parcel = reader->open;
    if (parcel == NULL)
        return false;
    parcel->read_bytes = reading->told_bytes = goleak_decode_bytes_read(reading->decode);
    parcel->last = last;
    reader->open = fill(reader, parcel) && !last ? goleak_parcels_claim(&reading->parcels) : NULL;
    return reader->open != NULL;
}

/* A goleak_batch_fn. The reader goes on with its own batch, which is in its core's cache: what goes into the parcel is
 * written to memory that the caller's core had last, for which each of a reader's scattered stores would have to wait. */
static enum goleak_status push(void *context, struct goleak_batch **batch)
{
    struct reader *reader = context;
    struct goleak_parcel *parcel = reader->open;
    bool several = reader->reading->format != NULL;
    if ((*batch)->count == 0)
        return GOLEAK_OK;
    if (parcel == NULL && !several)
        return GOLEAK_E_IO; /* nobody will be told */
    if (parcel == NULL || parcel->count == GOLEAK_PARCEL_BATCHES) {
        reader->broken = reader->broken || parcel != NULL; /* lines of next to nothing: no reader of them is better */
        goleak_batch_empty(*batch);
        return GOLEAK_OK; /* the caller's thread reads this section, too */
    }
    if ((parcel->count == parcel->made && !goleak_parcel_make_batch(parcel)) ||
        !goleak_aside_gather(&reader->aside, &parcel->news, parcel->count))
        return goleak_alloc_failure(&reader->aside.side->alloc);
    goleak_batch_copy(parcel->batches[parcel->count++], *batch);
    goleak_batch_empty(*batch);
    if (!several && parcel->count == PARCEL_BATCHES && !send(reader, false))
        return GOLEAK_E_IO;
    return GOLEAK_OK;
}

/* ---- on the threads: sections ---- */

/* Bytes up to where another section begins, or of the last one. False: memory. */
static bool fill_section(struct goleak_reading *reading, const struct goleak_format *format,
                         struct goleak_parcel *parcel)
{
    struct goleak_buf *raw = &parcel->raw->buf;
    const size_t mark = (size_t)(goleak_section_mark(reading->offset) - reading->offset);
    struct goleak_section_search search = { .seam.awaits = reading->awaits };
    size_t end = 0;
    if (raw->size == 0)
        goleak_buf_reserve(raw, SECTION_ROOM);
    goleak_buf_append(raw, reading->rest.data, reading->rest.size);
    reading->rest.size = 0;
    while (!raw->failed) {
        if (!reading->whole &&
            (end = goleak_section_find(&search, format, raw->data, raw->size, reading->offset)) != 0)
            break;
        reading->whole = reading->whole || raw->size >= SECTION_MOST;
        size_t size = (raw->size < mark ? mark - raw->size : 0) + STEP;
        if ((reading->whole && raw->size >= mark) || !goleak_buf_reserve(raw, size) ||
            !next_run(reading, parcel, raw->data + raw->size, size))
            break;
        if (size > reading->run_size)
            size = reading->run_size;
        if (reading->run == raw->data + raw->size)
            raw->size += size;
        else
            goleak_buf_append(raw, reading->run, size);
        reading->run += size;
        reading->run_size -= size;
    }
    parcel->is_section = end != 0;
    reading->offset += end;
    if (end != 0) {
        goleak_buf_append(&reading->rest, raw->data + end, raw->size - end);
        raw->size = end;
    }
    return !raw->failed && !reading->rest.failed && !parcel->damage.failed;
}

/* The next section's; it is the reader's turn, which ends here. NULL: there is none, or the
 * caller wants no more, or (where it shall not wait) no parcel is free. */
static struct goleak_parcel *take_turn(struct reader *reader, bool waits)
{
    struct goleak_reading *reading = reader->reading;
    struct goleak_parcel *parcel = NULL;
    if (!reading->over)
        parcel = waits ? goleak_parcels_claim(&reading->parcels) : goleak_parcels_try_claim(&reading->parcels);
    if (parcel != NULL) {
        if (!fill_section(reading, reading->format, parcel))
            fail_memory(reader);
        parcel->last = reading->over && reading->run_size == 0;
        parcel->read_bytes = goleak_decode_bytes_read(reading->decode);
    }
    pthread_mutex_unlock(&reading->turn);
    return parcel;
}

static void read_events(struct reader *reader, struct goleak_parcel *parcel)
{
    const struct goleak_format *format = reader->reading->format;
    struct goleak_aside *aside = &reader->aside;
    bool sure = false;
    reader->open = parcel;
    goleak_aside_pass_over(aside); /* of a section that was not taken */
    goleak_parcels_get_guess(&reader->reading->parcels, parcel->section.guessed);
    enum goleak_status status = goleak_section_begin(format, aside->input->reader, &parcel->section);
    if (status == GOLEAK_OK)
        status = goleak_input_feed_plain(aside->input, parcel->raw->buf.data, parcel->raw->buf.size, NULL);
    if (status == GOLEAK_OK)
        status = goleak_section_end(format, aside->input->reader, &parcel->section, &sure);
    bool gathered = goleak_aside_gather(aside, &parcel->news, parcel->count);
    reader->broken = reader->broken || status != GOLEAK_OK || !gathered;
    parcel->sure = sure && !reader->broken;
    reader->open = NULL;
}

/* Of a parcel that it has filled with bytes. False: the caller wants no more. */
static bool read_section(struct reader *reader, struct goleak_parcel *parcel)
{
    if (parcel->is_section && !reader->broken)
        read_events(reader, parcel);
    return fill(reader, parcel);
}

static void read_sections(struct reader *reader)
{
    struct goleak_parcel *parcel;
    do {
        pthread_mutex_lock(&reader->reading->turn);
        parcel = take_turn(reader, true);
    } while (parcel != NULL && read_section(reader, parcel));
}

/* Reads the first section, for what is to be learnt from it. */
static bool learn(struct reader *reader)
{
    struct goleak_reading *reading = reader->reading;
    struct goleak_input *input = reader->aside.input;
    if (goleak_input_feed_plain(input, reading->first.data, reading->first.size, NULL) != GOLEAK_OK ||
        input->reader == NULL || goleak_section_skip(reading->format, input->reader) != GOLEAK_OK ||
        !goleak_section_may_begin(reading->format, input->reader))
        return false;
    goleak_aside_pass_over(&reader->aside);
    return true;
}

/* Another reader of sections. False: there is no memory for it. */
static bool join_in(struct reader *reader)
{
    struct goleak_reading *reading = reader->reading;
    const struct goleak_event_sink sink = { push, reader };
    if (goleak_aside_open(&reader->aside, reading->trace, reading->input->path, reading->format->name, 0, sink, NULL) !=
        GOLEAK_OK)
        return false;
    return learn(reader);
}

static void *run_more(void *context)
{
    struct reader *reader = context;
    if (join_in(reader))
        read_sections(reader);
    return NULL;
}

/* The first section is in the open parcel. Others help, if the system lets them. */
static void read_by_several(struct reader *reader)
{
    struct goleak_reading *reading = reader->reading;
    struct goleak_parcel *parcel = reader->open;
    reader->open = NULL;
    reading->alone = true;
    reading->format = reader->aside.input->format;
    parcel->is_section = false;
    parcel->read_bytes = goleak_decode_bytes_read(reading->decode);
    if (!goleak_aside_gather(&reader->aside, &parcel->news, 0)) { /* what is damaged so far */
        fail_memory(reader);
        parcel->last = true;
        fill(reader, parcel);
        return;
    }
    bool learnt = learn(reader);
    reading->whole = !learnt;
    if (learnt) {
        reading->awaits = goleak_section_awaits(reading->format, reader->aside.input->reader);
        goleak_parcels_set_guess(&reading->parcels,
                                 goleak_section_places(reading->format, reader->aside.input->reader));
    }
    if (!fill(reader, parcel))
        return;
    for (unsigned i = 1; i < reading->reader_most && learnt; i++) {
        struct reader *more = &reading->readers[i];
        more->started = goleak_thread_start(&more->thread, run_more, more);
    }
    read_sections(reader);
}

/* ---- on the first thread ---- */

/* Bytes that the caller's thread is to read, behind what was said of them. */
static bool add_raw(struct reader *reader, const void *data, size_t size)
{
    struct goleak_parcel *parcel = reader->open;
    reader->reading->alone = true;
    goleak_buf_append(&parcel->raw->buf, data, size);
    if (goleak_aside_gather(&reader->aside, &parcel->news, parcel->count) && !parcel->raw->buf.failed)
        return true;
    fail_memory(reader);
    return false;
}

/* It is, and its bytes so far are there. */
static bool begins_alone(const struct reader *reader)
{
    const struct goleak_input *input = reader->aside.input;
    return !reader->reading->alone && input->format != NULL && input->format->alone;
}

static bool feed(struct reader *reader, const void *data, size_t size)
{
    struct goleak_reading *reading = reader->reading;
    reading->status = goleak_input_feed_plain(reader->aside.input, data, size, &reading->error);
    return reading->status == GOLEAK_OK;
}

/* Its format has sections: the bytes up to the second one. False: there is no such, and the input
 * is read as any other; or it has been read by now. */
static bool find_sections(struct reader *reader)
{
    struct goleak_reading *reading = reader->reading;
    struct goleak_input *input = reader->aside.input;
    struct goleak_parcel *parcel = reader->open;
    input->waits = false;
    goleak_buf_reserve(&parcel->raw->buf, SECTION_ROOM);
    goleak_buf_append(&parcel->raw->buf, input->head.data, input->head.size);
    goleak_buf_release(&input->head);
    if (!fill_section(reading, input->format, parcel)) {
        fail_memory(reader);
        return false;
    }
    goleak_buf_append(&reading->first, parcel->raw->buf.data, parcel->raw->buf.size);
    if (reading->first.failed) {
        fail_memory(reader);
        return false;
    }
    if (parcel->is_section) {
        read_by_several(reader);
        return false;
    }
    parcel->raw->buf.size = 0;
    enum goleak_status status = reading->status; /* of what is behind these bytes */
    bool fed = feed(reader, reading->first.data, reading->first.size);
    goleak_buf_release(&reading->first);
    if (fed)
        reading->status = status;
    return fed && status == GOLEAK_OK;
}

static bool take_run(struct reader *reader, const void *data, size_t size)
{
    struct goleak_reading *reading = reader->reading;
    const struct goleak_input *input = reader->aside.input;
    if (reading->alone)
        return add_raw(reader, data, size) && send(reader, false);
    if (!feed(reader, data, size))
        return false;
    if (begins_alone(reader))
        return add_raw(reader, input->head.data, input->head.size) && send(reader, false);
    if (input->waits && input->format != NULL && input->reader == NULL)
        return find_sections(reader);
    if (input->waits && input->format == NULL) /* the caller's thread is told of it first */
        return true;
    return goleak_decode_bytes_read(reading->decode) - reading->told_bytes < PARCEL_BYTES || send(reader, false);
}

/* False: no more of them. */
static bool read_run(struct reader *reader)
{
    struct goleak_reading *reading = reader->reading;
    if (!next_run(reading, reader->open, NULL, 0))
        return false;
    size_t size = reading->run_size;
    reading->run_size = 0;
    return take_run(reader, reading->run, size);
}

static void end_input(struct reader *reader)
{
    struct goleak_reading *reading = reader->reading;
    struct goleak_input *input = reader->aside.input;
    input->waits = false;
    if (reading->status == GOLEAK_OK && !reading->alone)
        reading->status = goleak_input_end(input, &reading->error);
    if (reading->status != GOLEAK_OK || reader->open == NULL)
        return;
    if (begins_alone(reader))
        add_raw(reader, input->head.data, input->head.size);
    else if (!goleak_aside_gather(&reader->aside, &reader->open->news, reader->open->count))
        fail_memory(reader);
}

static void *run(void *context)
{
    struct reader *reader = context;
    reader->open = goleak_parcels_claim(&reader->reading->parcels);
    while (reader->open != NULL && read_run(reader))
        continue;
    if (reader->open == NULL)
        return NULL;
    end_input(reader);
    send(reader, true);
    return NULL;
}

/* ---- on the caller's thread: starting and stopping ---- */

/* Sections are read by several, but within a limit, which one alone keeps to; and where unpacking
 * takes longest, one is enough and is spared the copies. */
static enum goleak_status start(struct goleak_reading *reading, unsigned readers, unsigned how,
                                struct goleak_error *error)
{
    struct goleak_trace *trace = reading->trace;
    struct reader *first = &reading->readers[0];
    const struct goleak_event_sink sink = { push, first };
    bool alone = trace->alloc.limit_bytes != 0 || (readers == 1 && (how & GOLEAK_DECODE_THREAD) != 0);
    reading->reader_most = readers < READERS ? readers : READERS;
    for (size_t i = 0; i <= CALLER; i++)
        reading->readers[i].reading = reading;
    enum goleak_status status = goleak_aside_open(&first->aside, trace, reading->input->path, NULL,
                                                  trace->alloc.used_bytes, sink, error);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_alloc *alloc = alone ? &first->aside.side->alloc : &reading->alloc_of_turn;
    goleak_alloc_init(&reading->alloc_of_turn, NULL, 0);
    first->aside.input->waits = !alone;
    first->aside.side->waits_only = goleak_input_waits_only(reading->input);
    first->aside.side->joined = reading->input->lane != NULL;
    goleak_buf_init(&reading->rest, alloc);
    goleak_buf_init(&reading->first, alloc);
    status = goleak_decode_open(&reading->decode, alloc, reading->source, trace->options.max_memory_bytes / 2,
                                how | GOLEAK_DECODE_INTERRUPTIBLE, error);
    if (status == GOLEAK_OK)
        first->aside.input->again = goleak_decode_again(reading->decode);
    if (status == GOLEAK_OK)
        first->started = goleak_thread_start(&first->thread, run, first);
    return status;
}

enum goleak_status goleak_reading_open(struct goleak_reading **out, struct goleak_input *input,
                                       struct goleak_source *source, unsigned readers, unsigned how,
                                       struct goleak_error *error)
{
    struct goleak_trace *trace = input->trace;
    *out = NULL;
    struct goleak_reading *reading = goleak_alloc_zeroed(&trace->alloc, sizeof *reading);
    if (reading == NULL)
        return goleak_error_alloc(error, &trace->alloc);
    reading->alloc = &trace->alloc;
    reading->trace = trace;
    reading->input = input;
    reading->source = source;
    reading->can_block = goleak_source_can_block(source);
    reading->has_parcels = goleak_parcels_init(&reading->parcels, &trace->alloc);
    reading->has_turn = pthread_mutex_init(&reading->turn, NULL) == 0;
    if (!reading->has_parcels || !reading->has_turn) {
        goleak_reading_close(reading);
        return GOLEAK_OK;
    }
    enum goleak_status status = start(reading, readers, how, error);
    if (!reading->readers[0].started) {
        bool opened = reading->decode != NULL;
        goleak_reading_close(reading);
        if (status == GOLEAK_OK && opened) /* the first bytes are gone */
            return goleak_error_set(error, GOLEAK_E_MEMORY, "the system has no thread left: --jobs=1 needs none");
        return status;
    }
    *out = reading;
    return GOLEAK_OK;
}

static void join(struct reader *reader)
{
    if (reader->started)
        pthread_join(reader->thread, NULL);
    reader->started = false;
}

void goleak_reading_close(struct goleak_reading *reading)
{
    if (reading == NULL)
        return;
    if (reading->readers[0].started) {
        goleak_parcels_stop(&reading->parcels);
        goleak_decode_interrupt(reading->decode);
        for (size_t i = 0; i < READERS; i++) /* the first one starts the others */
            join(&reading->readers[i]);
    }
    goleak_decode_close(reading->decode);
    if (reading->rest.alloc != NULL) {
        goleak_buf_release(&reading->rest);
        goleak_buf_release(&reading->first);
    }
    uint64_t booked_bytes = 0;
    for (size_t i = 0; i <= CALLER; i++) {
        goleak_aside_close(&reading->readers[i].aside, reading->alloc);
        booked_bytes += reading->readers[i].booked_bytes;
    }
    for (size_t i = 0; i < GOLEAK_PARCELS; i++)
        booked_bytes += reading->parcels.all[i].booked_bytes + reading->parcels.bytes[i].booked_bytes;
    if (reading->has_parcels)
        goleak_parcels_release(&reading->parcels);
    if (reading->has_turn)
        pthread_mutex_destroy(&reading->turn);
    reading->alloc->used_bytes -= booked_bytes;
    goleak_free(reading->alloc, reading, sizeof *reading);
}

/* ---- on the caller's thread: replaying ---- */

static void book_as(struct goleak_alloc *alloc, uint64_t *booked, uint64_t now)
{
    alloc->used_bytes += now - *booked;
    *booked = now;
}

static void book(struct goleak_reading *reading, struct goleak_parcel *parcel)
{
    for (size_t i = 0; i <= CALLER; i++)
        if (parcel->from == &reading->readers[i].aside)
            book_as(reading->alloc, &reading->readers[i].booked_bytes, parcel->used_bytes);
    book_as(reading->alloc, &parcel->booked_bytes, parcel->alloc.used_bytes);
    book_as(reading->alloc, &parcel->raw->booked_bytes, parcel->raw->alloc.used_bytes);
}

/* *takes: the trace's reader, which stands at the section's begin, can go on behind it; else it
 * has to read it itself. */
static enum goleak_status meet_section(struct goleak_reading *reading, const struct goleak_parcel *parcel, bool *takes)
{
    struct goleak_reader *reader = reading->input->reader;
    *takes = false;
    if (!parcel->is_section || reader == NULL)
        return GOLEAK_OK;
    enum goleak_status status = goleak_section_skip(reading->format, reader);
    *takes = parcel->sure && goleak_section_may_begin(reading->format, reader) &&
             goleak_section_fits(reading->format, reader, &parcel->section);
    return status;
}

static void take_section(struct goleak_reading *reading, struct goleak_parcel *parcel, uint64_t lines)
{
    struct goleak_section *section = &parcel->section;
    for (size_t i = 0; i < GOLEAK_SPAWNS; i++) {
        struct goleak_spawn *spawn = &section->spawns[i];
        spawn->position += lines;
        if (spawn->has & GOLEAK_HAS_STACK)
            spawn->stack = goleak_aside_stack(parcel->from, spawn->stack);
    }
    goleak_section_told(reading->format, reading->input->reader, section);
}

static enum goleak_status replay_events(struct goleak_reading *reading, struct goleak_parcel *parcel)
{
    struct goleak_input *input = reading->input;
    struct goleak_trace *trace = reading->trace;
    const struct goleak_event_sink sink = goleak_input_sink(input);
    const struct goleak_format *format = parcel->is_section ? reading->format : NULL;
    enum goleak_status status = GOLEAK_OK;
    uint64_t lines = format != NULL ? goleak_section_lines(format, input->reader) : 0;
    size_t at = 0, joined = 0;
    for (size_t i = 0; i < parcel->count && status == GOLEAK_OK; i++) {
        if (!goleak_aside_tell(parcel->from, trace, &parcel->news, i, lines, &at))
            return goleak_alloc_failure(reading->alloc);
        goleak_aside_renumber(parcel->from, parcel->batches[i], lines);
        if (format != NULL)
            goleak_section_join(format, input->reader, &parcel->section, i, parcel->batches[i], &joined);
        status = sink.push(sink.context, &parcel->batches[i]);
    }
    if (status == GOLEAK_OK && !goleak_aside_tell(parcel->from, trace, &parcel->news, SIZE_MAX, lines, &at))
        return goleak_alloc_failure(reading->alloc);
    if (status == GOLEAK_OK && format != NULL)
        take_section(reading, parcel, lines);
    return status;
}

static enum goleak_status replay(struct goleak_reading *reading, struct goleak_parcel *parcel)
{
    struct goleak_trace *trace = reading->trace;
    const struct goleak_buf *raw = &parcel->raw->buf;
    size_t at = 0;
    if (!goleak_aside_tell(parcel->from, trace, &parcel->damage, SIZE_MAX, 0, &at))
        return goleak_alloc_failure(reading->alloc);
    bool taken;
    enum goleak_status status = meet_section(reading, parcel, &taken);
    if (status == GOLEAK_OK && (taken || !parcel->is_section))
        status = replay_events(reading, parcel);
    if (status == GOLEAK_OK && !taken && raw->size != 0)
        status = goleak_input_feed_plain(reading->input, raw->data, raw->size, NULL);
    if (status == GOLEAK_OK && !taken && parcel->is_section &&
        !goleak_aside_tell_symbols(parcel->from, trace, &parcel->news))
        return goleak_alloc_failure(reading->alloc);
    if (parcel->is_section && reading->input->reader != NULL)
        goleak_parcels_set_guess(&reading->parcels, goleak_section_places(reading->format, reading->input->reader));
    return status;
}

/* Reads a section, which is a later one than that which is waited for. False: it cannot. */
static bool help(struct goleak_reading *reading)
{
    struct reader *caller = &reading->readers[CALLER];
    if (!reading->has_received || reading->format == NULL || reading->can_block || caller->broken)
        return false;
    if (caller->aside.side == NULL && !join_in(caller)) {
        caller->broken = true;
        return false;
    }
    /* A turn is mostly shorter than sleeping is. It is not waited for: a reader may have it that waits for a parcel
     * to be given back. */
    for (unsigned i = 0; pthread_mutex_trylock(&reading->turn) != 0; i++) {
        if (i == TURN_PATIENCE || goleak_parcels_ready(&reading->parcels))
            return false;
        sched_yield();
    }
    struct goleak_parcel *parcel = take_turn(caller, false);
    return parcel != NULL && read_section(caller, parcel);
}

static struct goleak_parcel *receive(struct goleak_reading *reading)
{
    while (!goleak_parcels_ready(&reading->parcels) && help(reading))
        continue;
    reading->has_received = true;
    return goleak_parcels_receive(&reading->parcels);
}

enum goleak_status goleak_reading_next(struct goleak_reading *reading, bool *ended, struct goleak_error *error)
{
    struct goleak_input *input = reading->input;
    struct goleak_parcel *parcel = receive(reading);
    input->bytes = parcel->read_bytes;
    book(reading, parcel);
    goleak_input_begin(input);
    if (parcel->offsets)
        goleak_input_tells_offsets(input);
    enum goleak_status status = goleak_trace_fail(reading->trace, replay(reading, parcel), error);
    *ended = parcel->last;
    if (!*ended)
        goleak_parcels_give_back(&reading->parcels);
    if (status != GOLEAK_OK || !*ended)
        return status;
    /* Behind the last parcel nothing of the threads' changes any more. */
    if (!reading->alone) {
        const struct goleak_input *side = reading->readers[0].aside.input;
        input->format = side->format;
        input->facts = side->facts;
        input->elsewhere = true;
    }
    if (reading->status == GOLEAK_OK)
        return goleak_input_finish(input, error);
    if (error != NULL)
        *error = reading->error;
    return reading->status;
}
