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
    goleak_idmap_init(&generation->strings, env->alloc);
    goleak_idmap_init(&generation->stacks, env->alloc);
    goleak_trace_frames_init(&generation->frames, env->symbols, env->alloc);
}

void goleak_generation_release(struct goleak_generation *generation)
{
    struct goleak_alloc *alloc = generation->env.alloc;
    goleak_buf_release(&generation->bytes);
    goleak_idmap_release(&generation->strings);
    goleak_idmap_release(&generation->stacks);
    goleak_trace_frames_release(&generation->frames);
    goleak_free(alloc, generation->batches, generation->batch_capacity * sizeof *generation->batches);
    goleak_free(alloc, generation->samples, generation->sample_capacity * sizeof *generation->samples);
    goleak_free(alloc, generation->scratch, generation->scratch_capacity * sizeof *generation->scratch);
}

void goleak_generation_clear(struct goleak_generation *generation)
{
    goleak_idmap_clear(&generation->strings);
    goleak_idmap_clear(&generation->stacks);
    generation->batch_count = generation->sample_count = 0;
    generation->has_strings = generation->has_stacks = generation->has_snapshot = false;
    generation->frequency = 0;
    generation->unknown_strings = 0;
}

void goleak_generation_damage(struct goleak_generation *generation, size_t at, const char *format, ...)
{
    char sentence[256];
    va_list arguments;
    if (generation->is_cut && at >= generation->cut_at)
        return;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    goleak_health_note(generation->env.health, GOLEAK_HEALTH_damaged_records, 1, 0, 0, generation->offset + at, "%s",
                       sentence);
}

bool goleak_generation_add(struct goleak_generation *generation, uint64_t m, uint64_t time, size_t at, size_t end)
{
    if (!goleak_grow(generation->env.alloc, &generation->batches, &generation->batch_capacity,
                     generation->batch_count + 1, sizeof *generation->batches))
        return false;
    generation->batches[generation->batch_count++] = (struct goleak_trace_batch){ m, time, at, end, 0 };
    return true;
}

/* ---- the tables ---- */

struct walk {
    struct goleak_generation *generation;
    const uint8_t *start, *at, *end;
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

static size_t offset_of(const struct walk *walk)
{
    return (size_t)(walk->at - walk->start);
}

/* False: memory. Stops at what it cannot read. */
static bool load_strings(struct goleak_generation *generation, struct walk *walk)
{
    generation->has_strings = true;
    while (walk->at < walk->end) {
        size_t at = offset_of(walk);
        uint8_t kind = *walk->at++;
        uint64_t id = number(walk), size = number(walk);
        if (kind != GOLEAK_TRACE_STRING || walk->cut || size > (uint64_t)(walk->end - walk->at) || size > STRING_MAX) {
            goleak_generation_damage(generation, at, "found no string record, expected one of at most %d bytes",
                                     STRING_MAX);
            return true;
        }
        const uint8_t *text = walk->at;
        walk->at += size;
        if (id == 0 || goleak_idmap_get(&generation->strings, id) != 0) {
            goleak_generation_damage(generation, at, "found the string id %" PRIu64 " a second time, expected it once",
                                     id);
            continue;
        }
        uint32_t string = goleak_symbols_string(generation->env.symbols, text, (size_t)size);
        if (string == 0 || !goleak_idmap_put(&generation->strings, id, string))
            return false;
    }
    return true;
}

static bool load_stacks(struct goleak_generation *generation, struct walk *walk)
{
    generation->has_stacks = true;
    while (walk->at < walk->end) {
        size_t at = offset_of(walk), count = 0;
        uint8_t kind = *walk->at++;
        uint64_t id = number(walk), frames = number(walk);
        if (kind != GOLEAK_TRACE_STACK || walk->cut || frames > FRAMES_MAX) {
            goleak_generation_damage(generation, at, "found no stack record, expected one of at most %d frames",
                                     FRAMES_MAX);
            return true;
        }
        if (!goleak_grow(generation->env.alloc, &generation->scratch, &generation->scratch_capacity, FRAMES_MAX,
                         sizeof *generation->scratch))
            return false;
        for (; count < frames && !walk->cut; count++) {
            number(walk); /* pc: frames are known by their text */
            uint32_t function = goleak_generation_string(generation, number(walk));
            uint32_t file = goleak_generation_string(generation, number(walk));
            uint64_t line = number(walk);
            generation->scratch[count] = goleak_trace_frame(&generation->frames, function, file, line);
            if (generation->scratch[count] == 0)
                return false;
        }
        if (walk->cut) {
            goleak_generation_damage(generation, at, "found a stack record that is cut, expected %" PRIu64 " frames",
                                     frames);
            return true;
        }
        if (id == 0 || goleak_idmap_get(&generation->stacks, id) != 0) {
            goleak_generation_damage(generation, at, "found the stack id %" PRIu64 " a second time, expected it once",
                                     id);
            continue;
        }
        uint32_t stack = goleak_symbols_stack(generation->env.symbols, generation->scratch, count);
        if (count != 0 && (stack == 0 || !goleak_idmap_put(&generation->stacks, id, stack)))
            return false;
    }
    return true;
}

static bool load_samples(struct goleak_generation *generation, struct walk *walk)
{
    while (walk->at < walk->end) {
        size_t at = offset_of(walk);
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
        size_t at = offset_of(walk);
        uint8_t kind = *walk->at++;
        if (kind == GOLEAK_TRACE_SYNC)
            continue;
        uint64_t value = number(walk);
        if (kind == GOLEAK_TRACE_CLOCK_SNAPSHOT)
            number(walk), number(walk), number(walk);
        if (walk->cut || (kind != GOLEAK_TRACE_FREQUENCY && kind != GOLEAK_TRACE_CLOCK_SNAPSHOT)) {
            goleak_generation_damage(generation, at, "found no clock record, expected a frequency or a snapshot");
            return;
        }
        if (kind == GOLEAK_TRACE_CLOCK_SNAPSHOT) {
            if (generation->has_snapshot)
                goleak_generation_damage(generation, at, "found a second clock snapshot in generation %" PRIu64
                                         ", expected one", generation->number);
            generation->has_snapshot = true;
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
    const uint8_t *start = (const uint8_t *)generation->bytes.data;
    for (size_t pass = 0; pass < sizeof passes / sizeof *passes; pass++)
        for (size_t i = 0; i < generation->batch_count; i++) {
            struct goleak_trace_batch *batch = &generation->batches[i];
            if (batch->at == batch->end || (start[batch->at] != passes[pass][0] && start[batch->at] != passes[pass][1]))
                continue;
            bool clock = start[batch->at] == GOLEAK_TRACE_FREQUENCY || start[batch->at] == GOLEAK_TRACE_SYNC;
            struct walk walk = { generation, start, start + batch->at + !clock, start + batch->end, false };
            bool good = true;
            if (clock)
                load_clock(generation, &walk);
            else
                good = pass == 0   ? load_strings(generation, &walk)
                       : pass == 1 ? load_stacks(generation, &walk)
                                   : load_samples(generation, &walk);
            if (!good)
                return goleak_alloc_failure(generation->env.alloc);
            batch->at = batch->end;
        }
    if (generation->sample_count != 0)
        qsort(generation->samples, generation->sample_count, sizeof *generation->samples, by_time);
    return GOLEAK_OK;
}
