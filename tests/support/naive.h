/*
 * naive - the simplest replay that there is, to compare with: an array of lives,
 * searched from its end. It takes events in their true order.
 */
#ifndef GOLEAK_TESTS_NAIVE_H
#define GOLEAK_TESTS_NAIVE_H

#include <goleak.h>

#include "support/generate.h"

struct naive_life {
    uint64_t g, goid;
    uint32_t incarnation;
    bool preexisting, system;
    uint64_t parent_g, parent_goid;
    /* Moments: times, or numbers of events; 0: not yet. */
    int64_t created, started, ended, since;
    enum goleak_state state;
    unsigned reason; /* while waiting, in Go 1.26's numbers */
};

struct naive {
    struct naive_life *lives; /* in the order of creation, or of first sight */
    size_t count;
    uint64_t created, ended, preexisting, live, blocked;
    uint64_t peak_live, peak_blocked;
    int64_t peak_live_at, peak_blocked_at;
    uint64_t leaks, certain;
};

/* `extended`: the stream tells times and start functions, so moments are times; else
 * they are numbers of events. Goroutines that are the runtime's own (a park for
 * "system goroutine wait" or a start function that says so) are lives, too, but are
 * counted only if they are wanted. */
void naive_replay(struct naive *out, const struct generated *stream, bool extended, bool include_system);
void naive_free(struct naive *naive);

#endif
