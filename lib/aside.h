/*
 * aside - a reader on a thread of its own, and how the trace learns what it has learnt.
 *
 * It has a trace for its input, as a decoder has, whose events go elsewhere. Symbols that it
 * adds there, complaints that it makes and a version of Go that a header tells are gathered as
 * news, each before the batch that it came with, and are told to the real trace before that
 * batch is replayed. That is when they would have been told without a thread: every number,
 * and every first position of a complaint, is the same. Only the names of strings and stacks in
 * events have to be put into the real trace's numbers, for its replay adds strings, too.
 *
 * Threads.  The thread's half is its own; the caller's half works on the trace.
 * Memory.   The thread mallocs, within what the trace's limit left.
 */
#ifndef GOLEAK_ASIDE_H
#define GOLEAK_ASIDE_H

#include "trace.h"

/* Numbers of the thread's table, in those of the trace. */
struct goleak_numbers {
    uint32_t *of; /* of[number - 1] */
    size_t count, capacity;
    bool differ; /* any of them */
};

struct goleak_aside {
    /* the thread's */
    struct goleak_trace *side; /* has its allocator, its tables, its input */
    struct goleak_input *input;
    uint64_t base_bytes; /* its count before it held anything */
    struct {
        size_t strings, frames, stacks;
        uint64_t health[GOLEAK_HEALTH_COUNT];
        uint32_t candidates;
        const char *from;
    } told;
    /* the caller's */
    struct goleak_numbers strings, frames, stacks;
};

/* For an input of `trace`, of which `base_bytes` are in use; its events go to `sink`. `format`:
 * it is known; or NULL. Close it, whatever comes of it. */
enum goleak_status goleak_aside_open(struct goleak_aside *aside, const struct goleak_trace *trace, const char *path,
                                     const char *format, uint64_t base_bytes, struct goleak_event_sink sink,
                                     struct goleak_error *error);
void goleak_aside_close(struct goleak_aside *aside, struct goleak_alloc *alloc);

/* ---- on the thread ---- */

uint64_t goleak_aside_used(const struct goleak_aside *aside);
/* Adds what was not told yet, before this batch. False: memory, and nothing was added. */
bool goleak_aside_gather(struct goleak_aside *aside, struct goleak_buf *news, size_t batch);
/* What is known by now and is no symbol, the trace learns otherwise; complaints are forgotten. */
void goleak_aside_pass_over(struct goleak_aside *aside);
/* A complaint alone, of bytes; as goleak_health_note. */
void goleak_aside_complain(struct goleak_buf *news, enum goleak_health_id id, uint64_t offset, const char *sentence);

/* ---- on the caller's thread ---- */

/* Tells the trace the news that come before this batch; *at moves behind them. Lines have so
 * many before them. False: memory. */
bool goleak_aside_tell(struct goleak_aside *aside, struct goleak_trace *trace, struct goleak_buf *news, size_t batch,
                       uint64_t lines, size_t *at);
/* The trace knows already what the thread has read: of the news only symbols count. */
bool goleak_aside_tell_symbols(struct goleak_aside *aside, struct goleak_trace *trace, struct goleak_buf *news);
/* The trace's numbers, for the thread's. */
void goleak_aside_renumber(const struct goleak_aside *aside, struct goleak_batch *batch, uint64_t lines);
uint32_t goleak_aside_stack(const struct goleak_aside *aside, uint32_t stack);

#endif
