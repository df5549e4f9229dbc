/*
 * generation - one generation of a Go execution trace v2: its batches, its strings, stacks,
 * samples and clock. Ids hold for one generation only; here they become ours, when they are
 * mentioned: most stacks of a trace never are, by what is of use.
 *
 * Strings and stacks come last, and events cannot be told without. So a generation is kept until
 * it is whole; of a file that can be read again, all of it but large batches of events.
 *
 *      batch   0x01 gen m time size payload      the first byte of the payload tells what it is
 */
#ifndef GOLEAK_FORMAT_GENERATION_H
#define GOLEAK_FORMAT_GENERATION_H

#include "base/buf.h"
#include "format/traceparts.h"

#define GOLEAK_TRACE_NO_ID UINT64_MAX /* no thread, no P */

/* Bytes of the first ids of batches and events (internal/trace/tracev2). */
enum {
    GOLEAK_TRACE_BATCH = 1,
    GOLEAK_TRACE_STACKS = 2,
    GOLEAK_TRACE_STACK = 3,
    GOLEAK_TRACE_STRINGS = 4,
    GOLEAK_TRACE_STRING = 5,
    GOLEAK_TRACE_SAMPLES = 6,
    GOLEAK_TRACE_SAMPLE = 7,
    GOLEAK_TRACE_FREQUENCY = 8,
    GOLEAK_TRACE_EXPERIMENTAL_BATCH = 49,
    GOLEAK_TRACE_SYNC = 50,
    GOLEAK_TRACE_CLOCK_SNAPSHOT = 51,
    GOLEAK_TRACE_END_OF_GENERATION = 52
};

struct goleak_trace_batch {
    uint64_t m, time;
    uint64_t offset; /* in the trace, of the payload, */
    size_t at;       /* … and in the generation's bytes; GOLEAK_NOT_KEPT: it is to be read again */
    uint32_t size;   /* 0: taken out */
    uint32_t next;   /* batch of the same thread, + 1; 0: none */
};

struct goleak_trace_sample {
    uint64_t time, m, p, g;
    uint32_t stack;
};

/* Strings, or stacks: where they stand, by their ids. */
struct goleak_trace_table {
    struct goleak_idmap index; /* of the record, + 1 */
    struct goleak_trace_record {
        size_t at;     /* behind its id, in the generation's bytes */
        uint32_t ours; /* string or stack; 0: not read yet */
    } *records;
    size_t count, capacity;
};

struct goleak_generation {
    struct goleak_reader_env env;
    struct goleak_trace_frames frames; /* of the whole trace */
    uint64_t number;      /* 0: none yet */
    uint64_t offset;      /* in the trace, of its first byte */
    struct goleak_buf bytes; /* payloads that are kept alone, and behind them the trace as it came */
    size_t kept;          /* of the former */
    uint64_t gone;        /* bytes of the trace that are not there any more: see goleak_generation_offset */
    size_t settled;       /* batches that are kept, or not */
    struct goleak_trace_batch *batches;
    size_t batch_count, batch_capacity;
    struct goleak_trace_table strings, stacks;
    struct goleak_trace_sample *samples;
    size_t sample_count, sample_capacity;
    uint64_t frequency;   /* ticks a second; 0: not told */
    bool has_strings, has_stacks, has_snapshot;
    struct {
        uint64_t ticks, mono_ns, wall_s, wall_ns; /* at one moment */
    } snapshot;
    uint64_t unknown_strings, unknown_stacks; /* mentions of ids that the tables do not have */
    enum goleak_status failure; /* memory: of whatever was read on mention */
    bool is_cut;          /* the trace ends within the batch that begins at the offset cut_at */
    uint64_t cut_at;
};

/* The payload of a batch of strings, stacks, samples or the clock begins with this byte: not of events. */
bool goleak_trace_begins_table(uint8_t first);

void goleak_generation_init(struct goleak_generation *generation, const struct goleak_reader_env *env);
void goleak_generation_release(struct goleak_generation *generation);

/* In the trace, of a byte that is as it came. */
static inline uint64_t goleak_generation_offset(const struct goleak_generation *generation, size_t at)
{
    return generation->gone + at;
}

/* A batch of the bytes, [at, end). False: memory. */
bool goleak_generation_add(struct goleak_generation *generation, uint64_t m, uint64_t time, size_t at, size_t end);
/* A batch of so many bytes, that begins with this one, is read again in place of being kept, where that can be. */
bool goleak_generation_may_let_go(uint64_t size, uint8_t first);
/* One that lies behind those bytes, and is read again. */
bool goleak_generation_add_far(struct goleak_generation *generation, uint64_t m, uint64_t time, uint64_t offset,
                               uint32_t size);
/* What is at this offset in the trace comes to lie at `at`, as far as it is there. Returns how many bytes of the trace
 * are left out behind those that were there. */
uint64_t goleak_generation_hop(struct goleak_generation *generation, size_t at, uint64_t offset);
/* The bytes before `at` are batches that were added, or of no use: lets go of what can be read again.
 * Returns where `at` is now. */
size_t goleak_generation_let_go(struct goleak_generation *generation, size_t at);
/* All batches are there: reads the tables. Batches of events stay in `batches`, the others
 * are taken out. Behind the bytes there is GOLEAK_TRACE_PADDING from now on. */
enum goleak_status goleak_generation_load(struct goleak_generation *generation);
/* The next one begins at this byte. */
void goleak_generation_next(struct goleak_generation *generation, size_t at);

/* Our number of a string or stack; 0: the generation does not have it, or the memory ended
 * (`failure`). */
uint32_t goleak_generation_string(struct goleak_generation *generation, uint64_t id);
uint32_t goleak_generation_stack(struct goleak_generation *generation, uint64_t id);

/* Damage at an offset in the trace. What the end of the trace has cut is none: that it is cut is
 * said once. */
void goleak_generation_damage(struct goleak_generation *generation, uint64_t offset, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

#endif
