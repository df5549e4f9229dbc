/*
 * perf_columns - what `perf script` prints on a line, by columns.
 *
 *   COMM  PID/TID [CPU] SECONDS: PERIOD GROUP:NAME: (ADDRESS) KEY=VALUE …
 *
 * Which of them are there -F decides. This is the way of any line; those that are like lines
 * before them are read at a glance (perf_glance.h).
 */
#ifndef GOLEAK_FORMAT_PERF_COLUMNS_H
#define GOLEAK_FORMAT_PERF_COLUMNS_H

#include "format/format.h"

/* The columns before an event. */
struct goleak_perf_head {
    const char *comm, *comm_end; /* with what stands before it */
    uint32_t has;
    uint32_t pid, tid, cpu;
    int64_t time_ns;
    bool has_period;
    const char *event, *event_end; /* GROUP:NAME */
    const char *trace;             /* behind it */
};

/* An argument may tell what no column does. */
static inline void goleak_perf_put_columns(struct goleak_event *event, const struct goleak_perf_head *head)
{
    event->has |= head->has;
    if (head->has & GOLEAK_HAS_PID)
        event->pid = head->pid;
    if (head->has & GOLEAK_HAS_TID)
        event->tid = head->tid;
    if (head->has & GOLEAK_HAS_CPU)
        event->cpu = head->cpu;
    if (head->has & GOLEAK_HAS_TIME)
        event->time_ns = head->time_ns;
}

/* "2550.546246" or "2550.546246827", in nanoseconds. Up to `stop`; NULL: no time. */
const char *goleak_perf_seconds(const char *at, const char *end, int64_t *out);

/* The columns in [from, end), from right to left: they end where the event begins. */
void goleak_perf_columns(const char *from, const char *end, struct goleak_perf_head *head);

/* Is there an event in [at, end)? Its name holds a colon and ends with one. A comm may
 * look like that, too: the right one is followed by the probe's address. */
bool goleak_perf_head_find(const char *at, const char *end, struct goleak_perf_head *out);

/* "(45a700 <- 45a6a5) ": the probe's address, and where it returns to. NULL: none. *probe: 0, if it is not told. */
const char *goleak_perf_addresses(const char *at, const char *end, bool *returns, uint64_t *probe);

/* What stands before an event, up to its time: a thread, and when. NULL: it does not. */
const char *goleak_perf_columns_end(const char *at, const char *end);

/* "(45a700) parent=0xac57a0 …", with columns before it or without: what -F trace prints
 * without -F event. */
bool goleak_perf_is_trace_alone(const char *at, const char *end);

/* A line of columns and nothing behind them: -F without event and trace. */
bool goleak_perf_is_columns_alone(const char *at, const char *end);

/* "  proc.go:402", which -F srcline prints below a frame. */
bool goleak_perf_is_source_line(const char *at, const char *end);

#endif
