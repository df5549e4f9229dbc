/* generation - see generation.h. */
#include "format/generation.h"

#include "format/varint.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRING_MAX 1024
#define FRAMES_MAX 128

void goleak_generation_init(struct goleak_generation *generation, const struct goleak_reader_env *env)
{
    *generation = (struct goleak_generation){ .env = *env };
    goleak_buf_init(&generation->bytes, env->alloc);
    generation->bytes.is_long = true;
    goleak_idmap_init(&generation->strings.index, env->alloc);
    goleak_idmap_init(&generation->stacks.index, env->alloc);
    goleak_trace_frames_init(&generation->frames, env->symbols, env->alloc);
}

static void release_table(struct goleak_trace_table *table)
{
    goleak_free(table->index.alloc, table->records, table->capacity * sizeof *table->records);
    goleak_idmap_release(&table->index);
    table->records = NULL;
    table->capacity = 0;
}

void goleak_generation_release(struct goleak_generation *generation)
{
    struct goleak_alloc *alloc = generation->env.alloc;
    goleak_buf_release(&generation->bytes);
    release_table(&generation->strings);
    release_table(&generation->stacks);
    goleak_trace_frames_release(&generation->frames);
    goleak_free(alloc, generation->batches, generation->batch_capacity * sizeof *generation->batches);
    goleak_free(alloc, generation->samples, generation->sample_capacity * sizeof *generation->samples);
}

static void clear_table(struct goleak_trace_table *table)
{
    goleak_idmap_clear(&table->index);
    table->count = 0;
}

void goleak_generation_next(struct goleak_generation *generation, size_t at)
{
    struct goleak_buf *bytes = &generation->bytes;
    memmove(bytes->data, bytes->data + at, bytes->size - at);
    bytes->size -= at;
    generation->gone += at;
    generation->offset = generation->gone;
    generation->kept = generation->settled = 0;
    clear_table(&generation->strings);
    clear_table(&generation->stacks);
    generation->batch_count = generation->sample_count = 0;
    generation->has_strings = generation->has_stacks = generation->has_snapshot = false;
    generation->frequency = 0;
    generation->unknown_strings = generation->unknown_stacks = 0;
}

void goleak_generation_damage(struct goleak_generation *generation, uint64_t offset, const char *format, ...)
{
    char sentence[256];
    va_list arguments;
    if (generation->is_cut && offset >= generation->cut_at)
        return;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    goleak_health_note(generation->env.health, GOLEAK_HEALTH_damaged_records, 1, 0, 0, offset, "%s", sentence);
}

static bool add_batch(struct goleak_generation *generation, const struct goleak_trace_batch *batch)
{
    if (!goleak_grow(generation->env.alloc, &generation->batches, &generation->batch_capacity,
                     generation->batch_count + 1, sizeof *generation->batches))
        return false;
    generation->batches[generation->batch_count++] = *batch;
    return true;
}

bool goleak_generation_add(struct goleak_generation *generation, uint64_t m, uint64_t time, size_t at, size_t end)
{
    const struct goleak_trace_batch batch = {
        .m = m, .time = time, .offset = goleak_generation_offset(generation, at), .at = at, .size = (uint32_t)(end - at)
    };
    return add_batch(generation, &batch);
}

bool goleak_generation_add_far(struct goleak_generation *generation, uint64_t m, uint64_t time, uint64_t offset,
                               uint32_t size)
{
    const struct goleak_trace_batch batch = {
        .m = m, .time = time, .offset = offset, .at = GOLEAK_NOT_KEPT, .size = size
    };
    return add_batch(generation, &batch);
}

uint64_t goleak_generation_hop(struct goleak_generation *generation, size_t at, uint64_t offset)
{
    struct goleak_buf *bytes = &generation->bytes;
    const uint64_t end = goleak_generation_offset(generation, bytes->size);
    const size_t rest = offset < end ? (size_t)(end - offset) : 0;
    memmove(bytes->data + at, bytes->data + bytes->size - rest, rest);
    bytes->size = at + rest;
    generation->gone = offset - at;
    return offset > end ? offset - end : 0;
}

bool goleak_trace_begins_table(uint8_t first)
{
    return first == GOLEAK_TRACE_STRINGS || first == GOLEAK_TRACE_STACKS || first == GOLEAK_TRACE_SAMPLES ||
           first == GOLEAK_TRACE_FREQUENCY || first == GOLEAK_TRACE_SYNC;
}

bool goleak_generation_may_let_go(uint64_t size, uint8_t first)
{
    return size > GOLEAK_TRACE_SMALL_BATCH && !goleak_trace_begins_table(first);
}

size_t goleak_generation_let_go(struct goleak_generation *generation, size_t at)
{
    struct goleak_buf *bytes = &generation->bytes;
    if (generation->env.read_again == NULL || at == generation->kept)
        return at;
    for (; generation->settled < generation->batch_count; generation->settled++) {
        struct goleak_trace_batch *batch = &generation->batches[generation->settled];
        if (batch->size == 0 || batch->at == GOLEAK_NOT_KEPT)
            continue;
        if (goleak_generation_may_let_go(batch->size, (uint8_t)bytes->data[batch->at])) {
            batch->at = GOLEAK_NOT_KEPT;
            continue;
        }
        memmove(bytes->data + generation->kept, bytes->data + batch->at, batch->size);
        batch->at = generation->kept;
        generation->kept += batch->size;
    }
    memmove(bytes->data + generation->kept, bytes->data + at, bytes->size - at);
    generation->gone += at - generation->kept;
    bytes->size -= at - generation->kept;
    return generation->kept;
}

/* ---- the tables ---- */

struct walk {
    struct goleak_generation *generation;
    const uint8_t *start, *at, *end;
    uint64_t offset; /* in the trace, of its start */
    bool cut;
};

static uint64_t number(struct walk *walk)
{
    uint64_t value = 0;
    const uint8_t *next = walk->cut ? NULL : goleak_varint(walk->at, walk->end, &value);
    if (next == NULL) {
        walk->cut = true;
        return 0;
    }
    walk->at = next;
    return value;
}

static uint64_t offset_of(const struct walk *walk)
{
    return walk->offset + (uint64_t)(walk->at - walk->start);
}

/* A record of a table, whose payload begins at `payload`. False: memory. */
static bool add_record(struct goleak_generation *generation, struct goleak_trace_table *table, const char *what,
                       uint64_t offset, uint64_t id, const uint8_t *payload)
{
    const size_t at = (size_t)(payload - (const uint8_t *)generation->bytes.data);
    if (id == 0 || goleak_idmap_get(&table->index, id) != 0) {
        goleak_generation_damage(generation, offset,
                                 id == 0 ? "found the %s id %" PRIu64 ", which stands for none, expected one from 1"
                                         : "found the %s id %" PRIu64 " a second time, expected it once",
                                 what, id);
        return true;
    }
    if (table->count >= UINT32_MAX || !goleak_grow(generation->env.alloc, &table->records, &table->capacity,
                                                   table->count + 1, sizeof *table->records))
        return false;
    table->records[table->count++] = (struct goleak_trace_record){ .at = at };
    return goleak_idmap_put(&table->index, id, (uint32_t)table->count);
}

/* False: memory. Stops at what it cannot read. */
static bool load_strings(struct goleak_generation *generation, struct walk *walk)
{
    generation->has_strings = true;
    while (walk->at < walk->end) {
        uint64_t at = offset_of(walk);
        uint8_t kind = *walk->at++;
        uint64_t id = number(walk);
        const uint8_t *payload = walk->at;
        uint64_t size = number(walk);
        if (kind != GOLEAK_TRACE_STRING || walk->cut || size > (uint64_t)(walk->end - walk->at) || size > STRING_MAX) {
            goleak_generation_damage(generation, at, "found no string record, expected one of at most %d bytes",
                                     STRING_MAX);
            return true;
        }
        walk->at += size;
        if (!add_record(generation, &generation->strings, "string", at, id, payload))
            return false;
    }
    return true;
}

static bool load_stacks(struct goleak_generation *generation, struct walk *walk)
{
    generation->has_stacks = true;
    while (walk->at < walk->end) {
        uint64_t at = offset_of(walk);
        uint8_t kind = *walk->at++;
        uint64_t id = number(walk);
        const uint8_t *payload = walk->at;
        uint64_t frames = number(walk);
        if (kind != GOLEAK_TRACE_STACK || walk->cut || frames > FRAMES_MAX) {
            goleak_generation_damage(generation, at, "found no stack record, expected one of at most %d frames",
                                     FRAMES_MAX);
            return true;
        }
        for (uint64_t i = 0; i < 4 * frames; i++)
            number(walk);
        if (walk->cut) {
            goleak_generation_damage(generation, at, "found a stack record that is cut, expected %" PRIu64 " frames",
                                     frames);
            return true;
        }
        if (!add_record(generation, &generation->stacks, "stack", at, id, payload))
            return false;
    }
    return true;
}

/* ---- what is mentioned ---- */

static struct walk walk_at(struct goleak_generation *generation, const struct goleak_trace_record *record)
{
    const uint8_t *start = (const uint8_t *)generation->bytes.data;
    return (struct walk){ generation, start, start + record->at, start + generation->bytes.size, 0, false };
}

static uint32_t keep(struct goleak_generation *generation, struct goleak_trace_record *record, uint32_t ours)
{
    if (ours == 0 && generation->failure == GOLEAK_OK)
        generation->failure = goleak_alloc_failure(generation->env.alloc);
    return record->ours = ours;
}

uint32_t goleak_generation_string(struct goleak_generation *generation, uint64_t id)
{
    uint32_t index = id != 0 ? goleak_idmap_get(&generation->strings.index, id) : 0;
    if (index == 0) {
        generation->unknown_strings += id != 0;
        return 0;
    }
    struct goleak_trace_record *record = &generation->strings.records[index - 1];
    if (record->ours != 0)
        return record->ours;
    struct walk walk = walk_at(generation, record);
    size_t size = (size_t)number(&walk);
    return keep(generation, record, goleak_symbols_string(generation->env.symbols, walk.at, size));
}

/* 0: it has no frames, or a failure. */
static uint32_t read_stack(struct goleak_generation *generation, struct goleak_trace_record *record, struct walk *walk,
                           size_t count)
{
    uint32_t list[FRAMES_MAX];
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t pc = number(walk), name = number(walk);
        uint32_t function = goleak_generation_string(generation, name);
        uint32_t file = goleak_generation_string(generation, number(walk));
        uint64_t line = number(walk);
        if (goleak_trace_is_no_frame(pc, name))
            continue;
        list[kept] = goleak_trace_frame(&generation->frames, pc, function, file, line);
        if (list[kept++] == 0)
            return keep(generation, record, 0);
    }
    return kept != 0 ? keep(generation, record, goleak_symbols_stack(generation->env.symbols, list, kept)) : 0;
}

uint32_t goleak_generation_stack(struct goleak_generation *generation, uint64_t id)
{
    uint32_t index = id != 0 ? goleak_idmap_get(&generation->stacks.index, id) : 0;
    if (index != 0) {
        struct goleak_trace_record *record = &generation->stacks.records[index - 1];
        if (record->ours != 0)
            return record->ours;
        struct walk walk = walk_at(generation, record);
        size_t count = (size_t)number(&walk);
        if (count != 0)
            return read_stack(generation, record, &walk, count);
    }
    generation->unknown_stacks += id != 0;
    return 0;
}

/* ---- samples, the clock ---- */

static bool load_samples(struct goleak_generation *generation, struct walk *walk)
{
    while (walk->at < walk->end) {
        uint64_t at = offset_of(walk);
        uint8_t kind = *walk->at++;
        struct goleak_trace_sample sample = { 0 };
        sample.time = number(walk);
        sample.m = number(walk);
        sample.p = number(walk);
        sample.g = number(walk);
        uint64_t stack = number(walk);
        if (kind != GOLEAK_TRACE_SAMPLE || walk->cut) {
            goleak_generation_damage(generation, at, "found no CPU sample, expected one");
            return true;
        }
        sample.stack = goleak_generation_stack(generation, stack);
        if (!goleak_grow(generation->env.alloc, &generation->samples, &generation->sample_capacity,
                         generation->sample_count + 1, sizeof *generation->samples))
            return false;
        generation->samples[generation->sample_count++] = sample;
    }
    return true;
}

/* 0x08 frequency; from Go 1.25 on within a sync batch, beside a clock snapshot. */
static void load_clock(struct goleak_generation *generation, struct walk *walk)
{
    while (walk->at < walk->end) {
        uint64_t at = offset_of(walk);
        uint8_t kind = *walk->at++;
        if (kind == GOLEAK_TRACE_SYNC)
            continue;
        uint64_t value = number(walk);
        uint64_t mono_ns = 0, wall_s = 0, wall_ns = 0;
        if (kind == GOLEAK_TRACE_CLOCK_SNAPSHOT) {
            mono_ns = number(walk);
            wall_s = number(walk);
            wall_ns = number(walk);
        }
        if (walk->cut || (kind != GOLEAK_TRACE_FREQUENCY && kind != GOLEAK_TRACE_CLOCK_SNAPSHOT)) {
            goleak_generation_damage(generation, at, "found no clock record, expected a frequency or a snapshot");
            return;
        }
        if (kind == GOLEAK_TRACE_CLOCK_SNAPSHOT) {
            if (generation->has_snapshot)
                goleak_generation_damage(generation, at, "found a second clock snapshot in generation %" PRIu64
                                         ", expected one", generation->number);
            generation->has_snapshot = true;
            generation->snapshot.ticks = value;
            generation->snapshot.mono_ns = mono_ns;
            generation->snapshot.wall_s = wall_s;
            generation->snapshot.wall_ns = wall_ns;
            continue;
        }
        if (value == 0 || value > UINT32_MAX || generation->frequency != 0)
            goleak_generation_damage(generation, at, "found %s of %" PRIu64 " ticks a second, expected one",
                                     generation->frequency != 0 ? "a second frequency" : "a frequency", value);
        else
            generation->frequency = value;
    }
}

static int by_time(const void *a, const void *b)
{
    const struct goleak_trace_sample *x = a, *y = b;
    return x->time < y->time ? -1 : x->time > y->time;
}

enum goleak_status goleak_generation_load(struct goleak_generation *generation)
{
    /* Strings before stacks before samples, wherever they stand. */
    static const uint8_t passes[][2] = { { GOLEAK_TRACE_STRINGS, GOLEAK_TRACE_STRINGS },
                                         { GOLEAK_TRACE_STACKS, GOLEAK_TRACE_STACKS },
                                         { GOLEAK_TRACE_SAMPLES, GOLEAK_TRACE_SAMPLES },
                                         { GOLEAK_TRACE_FREQUENCY, GOLEAK_TRACE_SYNC } };
    struct goleak_buf *bytes = &generation->bytes;
    if (!goleak_buf_reserve(bytes, GOLEAK_TRACE_PADDING))
        return goleak_alloc_failure(generation->env.alloc);
    memset(bytes->data + bytes->size, 0, GOLEAK_TRACE_PADDING); /* nobody has written there */
    for (size_t pass = 0; pass < sizeof passes / sizeof *passes; pass++)
        for (size_t i = 0; i < generation->batch_count; i++) {
            struct goleak_trace_batch *batch = &generation->batches[i];
            if (batch->size == 0 || batch->at == GOLEAK_NOT_KEPT)
                continue;
            const uint8_t *start = (const uint8_t *)bytes->data + batch->at;
            if (*start != passes[pass][0] && *start != passes[pass][1])
                continue;
            bool clock = *start == GOLEAK_TRACE_FREQUENCY || *start == GOLEAK_TRACE_SYNC;
            struct walk walk = { generation, start, start + !clock, start + batch->size, batch->offset, false };
            bool good = true;
            if (clock)
                load_clock(generation, &walk);
            else
                good = pass == 0   ? load_strings(generation, &walk)
                       : pass == 1 ? load_stacks(generation, &walk)
                                   : load_samples(generation, &walk);
            if (!good)
                return goleak_alloc_failure(generation->env.alloc);
            batch->size = 0;
        }
    if (generation->sample_count != 0)
        qsort(generation->samples, generation->sample_count, sizeof *generation->samples, by_time);
    return generation->failure;
}
