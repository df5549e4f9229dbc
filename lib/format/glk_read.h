/*
 * glk_read - what the reader of our binary format keeps of a file, and what its parts do:
 *
 *      glk.c           finds blocks, checks and unpacks their sections
 *      glk_streams.c   the recordings that the file holds, and what is said of them
 *      glk_items.c     what blocks tell beside their events
 *      glk_deliver.c   their events
 */
#ifndef GOLEAK_FORMAT_GLK_READ_H
#define GOLEAK_FORMAT_GLK_READ_H

#include "base/buf.h"
#include "format/format.h"
#include "format/glk_events.h"

#include <zstd.h>

/* One recording of those that the file holds. */
struct goleak_glk_stream {
    struct goleak_part part;
    struct goleak_batch *batch;
    struct goleak_glk_tables tables;
    int64_t last_ns;  /* of the events that are said to be in order */
    bool doubt;       /* what a lost block told may be missing */
    bool torn;        /* some of its events may be, too */
    uint64_t missing; /* blocks since the tables began: at most so many were its own */
    uint64_t since;   /* the block with which the tables began */
    struct goleak_trace_marks marks;
    bool tells_all; /* that all who live have been told of is to be told, at this time: */
    int64_t told_ns;
};

#define GOLEAK_GLK_NO_BLOCK UINT64_MAX

/* A complaint, a Go version or a generation, and the event of the block before which it comes. */
struct goleak_glk_remark {
    uint64_t event;
    const uint8_t *at, *end;
    uint8_t item;
};

struct goleak_reader {
    struct goleak_reader_env env;
    const char *path; /* of the input, for health */
    struct goleak_buf bytes;
    size_t parsed;                   /* of them */
    uint64_t offset;                 /* of bytes.data[0] */
    bool began, ended, lost, closed; /* lost: nothing in it can be read. closed: no trailer is missing */
    uint64_t number;                 /* of the next block */
    uint64_t skipped;                /* bytes since the last whole block */
    uint64_t broken_at;              /* where they begin */
    uint64_t vain;                   /* bytes of sections that did not match their checksums */
    uint64_t end_at;                 /* where the end block begins */
    uint32_t unknown_gs;             /* goroutines whose addresses were lost, counted */
    struct goleak_glk_stream *streams;
    size_t stream_count, stream_capacity, opened;
    size_t pushed; /* the stream whose events came last, and 1; 0: none did */
    struct goleak_buf plain[2];
    ZSTD_DCtx *zstd;
    uint64_t booked_bytes;
    struct goleak_glk_events *block;
    struct goleak_glk_remark *remarks;
    size_t remark_count, remark_capacity;
    uint64_t events, notes;
    bool tells;      /* there was an event that tells of goroutines */
    uint32_t *named; /* by stack of the symbols: as an executable has it; 0: not looked up */
    size_t named_capacity;
    uint32_t learnt;    /* goleak_symbols_learnt, when they were */
    const char *form;   /* interned: of the first source */
    const char *source; /* … and the formats of all */
    bool relative;
    unsigned version;
};

/* ---- glk_streams.c ---- */

/* Of the file itself; what comes of its events later is of their own source again. */
void goleak_glk_say(struct goleak_reader *reader, enum goleak_health_id id, uint64_t count, uint64_t offset,
                    const char *sentence);

/* … at `at` of the bytes that are there. */
void goleak_glk_damage(struct goleak_reader *reader, uint64_t at, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

enum goleak_status goleak_glk_memory(const struct goleak_reader *reader);

/* A text, interned. False: damage, or memory (then *failed is set). */
bool goleak_glk_get_text(struct goleak_reader *reader, const uint8_t **at, const uint8_t *end, const char **out,
                         bool *failed);

enum goleak_status goleak_glk_add_stream(struct goleak_reader *reader, const char *name, const char *format,
                                         uint32_t pid, bool messages);

/* The formats of the sources, each once: "bpftrace, perf". */
enum goleak_status goleak_glk_name_formats(struct goleak_reader *reader);

/* Those that were added since. */
enum goleak_status goleak_glk_open_streams(struct goleak_reader *reader);

/* Where what is wrong with its events is to be found. */
void goleak_glk_speak_of(const struct goleak_reader *reader, const struct goleak_glk_stream *stream);

/* The events of a stream, to whoever wants them. */
enum goleak_status goleak_glk_push(struct goleak_reader *reader, struct goleak_glk_stream *stream);

/* ---- glk_items.c ---- */

/* The next remark. */
enum goleak_status goleak_glk_say_one(struct goleak_reader *reader, struct goleak_glk_stream *stream, size_t *next,
                                      const char **problem);

/* What is said before this event of the block. */
enum goleak_status goleak_glk_say_until(struct goleak_reader *reader, struct goleak_glk_stream *stream, uint64_t event,
                                        size_t *next, const char **problem);

/* What a block tells for the first time. `stream` is NULL in blocks that are of none. */
enum goleak_status goleak_glk_take_tables(struct goleak_reader *reader, struct goleak_glk_stream *stream,
                                          const uint8_t *at, const uint8_t *end, uint64_t gap_max,
                                          const char **problem);

/* ---- glk_deliver.c ---- */

/* That all have been told of, where it is to be told, and has room. */
enum goleak_status goleak_glk_tell_all(struct goleak_reader *reader, struct goleak_glk_stream *stream);

/* Pushes the events of the block that is open. */
enum goleak_status goleak_glk_run_events(struct goleak_reader *reader, struct goleak_glk_stream *stream,
                                         const struct goleak_glk_head *head, const char **problem);

#endif
