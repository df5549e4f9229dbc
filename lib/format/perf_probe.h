/*
 * perf_probe - what the name of a probe says.
 *
 * Probes are named by their user: what matters is which runtime function a name holds, and
 * whether it is entered or left there.
 */
#ifndef GOLEAK_FORMAT_PERF_PROBE_H
#define GOLEAK_FORMAT_PERF_PROBE_H

#include "format/keyed.h"

#define GOLEAK_PERF_PROBES 64

/* A probe of the recording, by the name that perf prints. */
struct goleak_perf_probe {
    char name[80];
    uint8_t size; /* 0: free */
    bool returns_by_name, known;
    uint32_t event_name;
    uint8_t kind;
    struct goleak_key_plan entry, leave; /* "(45a700)" and "(45a700 <- 45a6a5)" */
};

/* Where among GOLEAK_PERF_PROBES a probe stands whose name ends here, with 8 bytes before. */
static inline size_t goleak_perf_probe_slot(const char *end)
{
    return (size_t)(goleak_load64(end - 8) * 0x9e3779b97f4a7c15u >> 58) % GOLEAK_PERF_PROBES;
}

/* What the name of a probe says: the runtime function in it. */
enum goleak_event_kind goleak_perf_kind_of(const char *at, const char *end, bool *returns, bool *needs_goroutine,
                                           bool *named);

/* The probe of this name, learnt if it is new. NULL: memory. Names are taken from
 * within a line, behind at least 8 bytes of it. */
struct goleak_perf_probe *goleak_perf_probe_find(struct goleak_perf_probe *probes, struct goleak_symbols *symbols,
                                                 const char *at, const char *end);

/* Whether the function is entered or left decides what some events are. */
enum goleak_event_kind goleak_perf_kind_here(const struct goleak_perf_probe *probe, bool returns);

/* The kind of the event that [at, end) surely is: of a function that we know, with columns before it and the probe's
 * address behind it. GOLEAK_EVENT_OTHER: none. */
enum goleak_event_kind goleak_perf_event(const char *at, const char *end);

/* What an entry of newproc1 may tell. */
#define GOLEAK_PERF_SPAWNER (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID | GOLEAK_HAS_GOPC | GOLEAK_HAS_STARTPC)

/* Does it tell whose event it is, as far as such events can? */
static inline bool goleak_perf_is_told(const struct goleak_event *event)
{
    if (event->kind == GOLEAK_EVENT_GC || event->kind == GOLEAK_EVENT_ALLOC)
        return true;
    return (event->has & (event->kind == GOLEAK_EVENT_SPAWN ? GOLEAK_PERF_SPAWNER : GOLEAK_HAS_G | GOLEAK_HAS_GOID)) !=
           0;
}

#endif
