/*
 * gosum - what Go's own trace reader made of a recording: the trace.sum.json beside it.
 *
 *      struct gosum sum;
 *      if (gosum_read(&sum, "…/trace.sum.json")) {
 *              for (size_t i = 0; i < sum.life_count; i++) ...
 *              gosum_free(&sum);
 *      }
 *
 * How to take what stands there:
 *
 *      goroutines         of those that have ended not all, where they are many
 *      t_create, parent   -1: older than the trace; a timer's or the poller's goroutine has
 *                         no parent, either
 *      reason             of the last block, whatever came after it: it counts while the
 *                         state is Waiting. Missing: the goroutine never blocked within
 *                         the trace, or (headers 11 to 21) blocked for no told reason
 *      t_last             of the last transition; a status event that repeats in a later
 *                         generation is one, too ("Waiting->Waiting")
 *      stack              where it blocked last, leaf first, 12 frames at most; else what
 *                         its status event told: headers 23 and up its stack, headers 11
 *                         to 21 the one frame of its start function, header 22 nothing
 *      start, created_at  of those that were created within the trace
 *      first              of the reader's own "Sync", a nanosecond before the first event
 *                         in headers 11 to 21
 */
#ifndef GOLEAK_TESTS_GOSUM_H
#define GOLEAK_TESTS_GOSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GOSUM_FRAMES 12

struct gosum_life {
    int64_t goid, parent;         /* parent -1: none */
    int64_t created, ended, last; /* ns; -1: not within the trace */
    int64_t parks;
    const char *state, *reason, *start, *created_at; /* NULL: not told */
    const char *stack[GOSUM_FRAMES];                 /* "FUNC:LINE" */
    size_t stack_count;
};

struct gosum {
    void *json;
    int64_t first, last;
    uint64_t created, ended, living, preexisting;
    bool one_generation; /* no status event has been repeated */
    struct gosum_life *lives;
    size_t life_count;
};

bool gosum_read(struct gosum *sum, const char *path);
void gosum_free(struct gosum *sum);

/* The recording that a path ending in ".sum.json" belongs to, in static storage; NULL:
 * the path is another, or the recording is not there. */
const char *gosum_recording(const char *path);
/* Is "main.f /a/b.go:3" the frame "main.f:3"? */
bool gosum_frame(const char *frame, const char *want);

#endif
