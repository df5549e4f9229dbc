/*
 * gotrace_v1_read - a Go execution trace v1 as it lies in the file: which batches there
 * are, and where the strings, stacks, samples and system calls' returns stand. Nothing of
 * it is decoded into a list; the bytes are kept.
 *
 *      "go 1.21 trace\0\0\0"
 *      type | narg << 6     one byte; narg 0, 1, 2: so many numbers and one more follow
 *                           narg 3: a length follows, and so many bytes of numbers
 *      0x41 p ticks         a batch of P p (2^64-1: of none); up to the next one all
 *                           events are that P's
 *      …                    the first number of an event is the time since the one before
 *
 * A batch does not tell its length: damage hides what is behind it. The next batch is
 * looked for then, by a plausible head with plausible events behind it.
 *
 * Source: the runtime's trace.go of Go 1.11 to 1.21 and internal/trace/parser.go, as the
 * fact sheet on execution traces tells them.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V1_READ_H
#define GOLEAK_FORMAT_GOTRACE_V1_READ_H

#include "base/buf.h"
#include "format/gotrace_v1_shape.h"
#include "format/traceparts.h"

/* Readable zero bytes behind the last one, once the file is whole. */
#define GOLEAK_V1_PAD 32

struct goleak_v1_batch {
    uint64_t ticks;
    size_t at, end; /* of its events in the file */
    uint32_t next;  /* batch of the same P, + 1; 0: none */
};

struct goleak_v1_p {
    uint64_t p;
    uint32_t first, last; /* batches, + 1 */
};

/* Something in the file that has a time of its own. */
struct goleak_v1_stamp {
    uint64_t ticks;
    size_t at;
};

struct goleak_v1_stamps {
    struct goleak_v1_stamp *items;
    size_t count, capacity;
};

/* A string or stack: where it stands, and what is made of it when it is first asked for. */
struct goleak_v1_entry {
    size_t at; /* 0: it has been asked for */
    uint32_t ours;
};

struct goleak_v1_table {
    struct goleak_idmap ids; /* entry, + 1 */
    struct goleak_v1_entry *entries;
    size_t count, capacity;
};

struct goleak_v1_file {
    struct goleak_reader_env env;
    struct goleak_trace_frames frames;
    struct goleak_buf bytes; /* the whole file */
    size_t at;               /* so far it is known */
    unsigned version;        /* minor, of the header; 0: not read yet */
    bool lost;               /* damage: a batch is being looked for */
    bool refused;            /* no header that we read */
    bool another;            /* trace follows, which is left out */
    uint8_t numbers[256];    /* by an event's first byte: so many follow, 4 behind a length; 0: look closely */
    uint64_t places[256];    /* of the bits of a byte, a byte for each */
    uint8_t counts[256];     /* how many they are */
    uint64_t frequency;      /* ticks a second; 0: not told */
    bool cut;                /* its end, where the tables are, is missing */
    uint64_t first_ticks;    /* of the first batch */
    struct goleak_v1_batch *batches;
    size_t batch_count, batch_capacity;
    bool batch_open;
    struct goleak_idmap p_ids; /* p, + 1 */
    struct goleak_v1_p *ps;
    size_t p_count, p_capacity;
    struct goleak_v1_table strings, stacks;
    struct goleak_v1_stamps samples, returns; /* by time, once the file is whole */
    uint32_t *scratch;                        /* frames of a stack */
    size_t scratch_capacity;
    uint64_t unknown_ids; /* strings and stacks that the file does not have */
};

/* The minor version in a trace's header; 0: it is none of these traces. */
unsigned goleak_v1_version(const char *bytes, size_t size);

void goleak_v1_file_init(struct goleak_v1_file *file, const struct goleak_reader_env *env);
void goleak_v1_file_release(struct goleak_v1_file *file);
enum goleak_status goleak_v1_file_feed(struct goleak_v1_file *file, const char *bytes, size_t size);
/* There are no more bytes. */
enum goleak_status goleak_v1_file_finish(struct goleak_v1_file *file);

/* Our number of a string; 0: the file does not have it. False: memory. (gotrace_v1_tables.c) */
bool goleak_v1_string(struct goleak_v1_file *file, uint64_t id, uint32_t *string);
/* Text of `size` bytes in the file, as a string. */
bool goleak_v1_text(struct goleak_v1_file *file, const uint8_t *at, uint32_t *string);

#endif
