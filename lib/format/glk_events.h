/*
 * glk_events - the events of one block, made of its columns.
 *
 * Column by column, 256 events at a time, into the batch that will be pushed: no branch
 * hangs on what an event is. Of a column that only some of the events have, the places of
 * these are listed first.
 */
#ifndef GOLEAK_FORMAT_GLK_EVENTS_H
#define GOLEAK_FORMAT_GLK_EVENTS_H

#include "format/glk_column.h"
#include "format/glk_tables.h"

/* What the events of one shape have in common. */
struct goleak_glk_shape {
    uint64_t head; /* an event's first eight bytes */
    uint32_t fields, position;
    int32_t count, blocked;
    uint8_t status, depth;
    uint8_t unknown; /* its kind is none of this version's: the number */
    bool more;       /* it has a status or a depth: the second half of an event is not written for nothing */
};

#define GOLEAK_GLK_LANES 256

struct goleak_glk_events {
    struct goleak_glk_tables *tables;
    struct goleak_glk_shape *shapes;
    size_t shape_count, shape_capacity;
    const uint8_t *numbers; /* of shapes, by event; above 256 of them a second plane */
    bool wide;
    bool ahead; /* `values` has the slots of g of those at hand */
    size_t count, at;
    int32_t last_count, last_blocked;
    uint64_t lanes[GOLEAK_GLK_LANES];
    uint32_t any, all; /* fields that some event has, and those that all have */
    bool goes_on;      /* no event tells time, and what each adds to the counters is what they say of its kind */
    bool has_unknown, unlisted; /* unlisted: a number without a shape was met */
    bool failed;                /* memory */
    const char *problem;        /* what is wrong with the columns, where that is not one being short */
    struct goleak_glk_column columns[GOLEAK_GLK_FIELDS];
    uint64_t dictionaries[GOLEAK_GLK_FIELDS * GOLEAK_GLK_DICTIONARY_MAX];
    uint64_t values[GOLEAK_GLK_STEP + 1];
    uint64_t more_values[GOLEAK_GLK_STEP + 1];
    uint32_t fields[GOLEAK_GLK_STEP];
    uint8_t list[GOLEAK_GLK_STEP + 1];
    uint32_t slots[GOLEAK_BATCH_EVENTS], others[GOLEAK_BATCH_EVENTS]; /* of g and other_g, where events have them */
    uint32_t *history;        /* slots of g, by event of the block, where some refer to them */
    size_t history_capacity;
    /* Counted, of the block: what its tables do not have. */
    uint64_t lost_names, lost_stacks, lost_gs, lost_goids, unknown;
};

void goleak_glk_events_init(struct goleak_glk_events *events);
void goleak_glk_events_release(struct goleak_glk_events *events, struct goleak_alloc *alloc);

/* Opens a section of columns, with GOLEAK_GLK_PAD readable bytes behind; both it and the
 * tables stay while events are read. Damage: *problem is its sentence. */
enum goleak_status goleak_glk_events_open(struct goleak_glk_events *events, struct goleak_glk_tables *tables,
                                          const uint8_t *at, size_t size, size_t count, const char **problem);

/* The next `count` events, behind those of the batch; no more than are left, and at most
 * GOLEAK_GLK_STEP. Damage: *problem is its sentence, and there are no more. */
enum goleak_status goleak_glk_events_next(struct goleak_glk_events *events, struct goleak_batch *batch, size_t count,
                                          const char **problem);

#endif
