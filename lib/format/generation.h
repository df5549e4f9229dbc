/*
 * generation - one generation of a Go execution trace v2: its batches, its strings, stacks,
 * samples and clock. Ids hold for one generation only; here they become ours, when they are
 * mentioned: most stacks of a trace never are, by what is of use.
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
    size_t at, end;  /* of the payload, in the generation's bytes */
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
    uint64_t offset;      /* in the file, of the first byte */
    struct goleak_buf bytes;
    struct goleak_trace_batch *batches;
    size_t batch_count, batch_capacity;
    struct goleak_trace_table strings, stacks;
    struct goleak_trace_sample *samples;
    size_t sample_count, sample_capacity;
    uint64_t frequency;   /* ticks a second; 0: not told */
    bool has_strings, has_stacks, has_snapshot;
    uint64_t unknown_strings, unknown_stacks; /* mentions of ids that the tables do not have */
    enum goleak_status failure; /* memory: of whatever was read on mention */
    bool is_cut;          /* the trace ends within the batch that begins at cut_at */
    size_t cut_at;
};

void goleak_generation_init(struct goleak_generation *generation, const struct goleak_reader_env *env);
void goleak_generation_release(struct goleak_generation *generation);

/* A batch of the bytes, [at, end). False: memory. */
bool goleak_generation_add(struct goleak_generation *generation, uint64_t m, uint64_t time, size_t at, size_t end);
/* All batches are there: reads the tables. Batches of events stay in `batches`, the others
 * are taken out (at == end). */
enum goleak_status goleak_generation_load(struct goleak_generation *generation);
/* Behind the bytes so many are readable, once it is loaded: numbers are read ahead. */
#define GOLEAK_GENERATION_PADDING 64
/* For the next one; the bytes are the caller's to move. */
void goleak_generation_clear(struct goleak_generation *generation);

/* Our number of a string or stack; 0: the generation does not have it, or the memory ended
 * (`failure`). */
uint32_t goleak_generation_string(struct goleak_generation *generation, uint64_t id);
uint32_t goleak_generation_stack(struct goleak_generation *generation, uint64_t id);

/* Damage at an offset in the generation's bytes. What the end of the trace has cut is none:
 * that it is cut is said once. */
void goleak_generation_damage(struct goleak_generation *generation, size_t at, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

#endif
