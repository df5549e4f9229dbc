/*
 * perf_glance - lines that are like lines before them.
 *
 * The columns are those of the last line, what stands up to its seconds has most often been
 * there before, and its probe's arguments have a plan (keyed.h). A line that is read so
 * leaves its shape, by which the next one like it is read in less (shape.h).
 */
#ifndef GOLEAK_FORMAT_PERF_GLANCE_H
#define GOLEAK_FORMAT_PERF_GLANCE_H

#include "format/perf_columns.h"
#include "format/perf_probe.h"

#define GOLEAK_PERF_FRONTS 64 /* what lines begin with */
#define GOLEAK_PERF_FRONT_BYTES 64

/* The columns of a line up to its seconds, which change little from line to line. */
struct goleak_perf_front {
    char text[GOLEAK_PERF_FRONT_BYTES];
    uint8_t size; /* with the point behind the seconds; 0: none */
    uint8_t comm_size;
    uint32_t has, pid, tid, cpu;
    uint64_t seconds;
};

struct goleak_perf_glance {
    struct goleak_perf_probe probes[GOLEAK_PERF_PROBES];
    /* The layout of the last line, for the next one. */
    char comm[64];
    size_t comm_size;
    struct goleak_word comm_word; /* the same, if it is no longer than that */
    uint32_t columns;
    bool has_period;
    uint8_t front_size; /* 0: not known */
    struct goleak_perf_front fronts[GOLEAK_PERF_FRONTS];
};

/* Keeps the layout of a line, for the next one. */
void goleak_perf_glance_note(struct goleak_perf_glance *glance, const struct goleak_perf_head *head);

/* Reads an event like the ones before, with its columns, of which at least 128 bytes behind
 * its probe's name are before `limit`; returns its newline, NULL: it differs. */
const char *goleak_perf_glance_event(struct goleak_perf_glance *glance, struct goleak_keyed *keyed, const char *at,
                                     const char *limit, struct goleak_event *event);

#endif
