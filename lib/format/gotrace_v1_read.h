/*
 * gotrace_v1_read - a Go execution trace v1 as it lies in the file: which batches there
 * are, and where the strings, stacks, samples and system calls' returns stand. Nothing of
 * it is decoded into a list. The bytes are kept; of a file that can be read again, those of
 * the latter alone.
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

struct goleak_v1_batch {
    uint64_t ticks;
    uint64_t offset, end; /* of its events in the trace */
    size_t at;            /* … in the bytes; GOLEAK_NOT_KEPT: it is to be read again */
    uint32_t next;        /* batch of the same P, + 1; 0: none */
    bool goes_on;         /* it has no head, and no ticks: the one before was too long for a window */
    bool noted;           /* that its time is before the one before; cursors come here twice */
};

struct goleak_v1_p {
    uint64_t p;
    uint32_t first, last; /* batches, + 1 */
};

/* Something in the file that has a time of its own. */
struct goleak_v1_stamp {
    uint64_t ticks;
    uint64_t offset; /* in the trace */
    size_t at;       /* in the bytes */
};

struct goleak_v1_stamps {
    struct goleak_v1_stamp *items;
    size_t count, capacity;
};

/* A string or stack: where it stands, and what is made of it when it is first asked for. */
struct goleak_v1_entry {
    size_t at; /* in the bytes; 0: it has been asked for */
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
    struct goleak_buf bytes; /* the whole trace; or what is kept of it, and the rest as it came */
    size_t at;               /* in the bytes: so far they are known */
    size_t kept;             /* … so many of them */
    uint64_t gone;           /* bytes of the trace that are not there any more: see goleak_v1_offset */
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
    uint64_t p;                /* of the last one */
    size_t kept_before;        /* its beginning: what of it is there still is as it came, if no more is kept now */
    struct goleak_idmap p_ids; /* p, + 1 */
    struct goleak_v1_p *ps;
    size_t p_count, p_capacity;
    struct goleak_v1_table strings, stacks;
    struct goleak_v1_stamps samples, returns; /* by time, once the file is whole */
    uint32_t *scratch;                        /* frames of a stack */
    size_t scratch_capacity;
    uint64_t unknown_ids; /* strings and stacks that the file does not have */
    enum goleak_status failure; /* memory: for a batch that is read again */
};

/* The minor version in a trace's header; 0: it is none of these traces. */
unsigned goleak_v1_version(const char *bytes, size_t size);

void goleak_v1_file_init(struct goleak_v1_file *file, const struct goleak_reader_env *env);
void goleak_v1_file_release(struct goleak_v1_file *file);
enum goleak_status goleak_v1_file_feed(struct goleak_v1_file *file, const char *bytes, size_t size);
/* There are no more bytes. Behind those that are kept there is GOLEAK_TRACE_PADDING from now on. */
enum goleak_status goleak_v1_file_finish(struct goleak_v1_file *file);

/* In the trace, of a byte that is as it came. */
static inline uint64_t goleak_v1_offset(const struct goleak_v1_file *file, size_t at)
{
    return file->gone + at;
}

/* The events of a batch, up to *end; of a file that is read again, in the window, and checked anew, for they may have
 * changed. NULL: memory (`failure`). */
const uint8_t *goleak_v1_batch_bytes(struct goleak_v1_file *file, const struct goleak_v1_batch *batch,
                                     struct goleak_trace_window *window, const uint8_t **end);

/* Our number of a string; 0: the file does not have it. False: memory. (gotrace_v1_tables.c) */
bool goleak_v1_string(struct goleak_v1_file *file, uint64_t id, uint32_t *string);
/* Text of `size` bytes in the file, as a string. */
bool goleak_v1_text(struct goleak_v1_file *file, const uint8_t *at, uint32_t *string);

#endif
