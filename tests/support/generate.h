/*
 * generate - random but consistent lives of goroutines, and the text that scripts
 * would print of them. The same options give the same stream, everywhere.
 *
 * A small scheduler: some CPUs, each with a goroutine or none; whoever runs spawns,
 * parks, wakes others, or ends; struct g's are recycled at once, last freed first.
 * Only the main goroutine (goid 1) is never seen to end.
 */
#ifndef GOLEAK_TESTS_GENERATE_H
#define GOLEAK_TESTS_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/bytes.h"

enum generated_kind { GENERATED_CREATE, GENERATED_PARK, GENERATED_READY, GENERATED_RUN, GENERATED_END };

/* block reasons and wait reasons of Go 1.26 */
struct generated_event {
    enum generated_kind kind;
    uint64_t g, goid;
    uint64_t other_g, other_goid; /* spawner or waker; 0: none */
    unsigned reason, wait;        /* of a park */
    int64_t time_ns;              /* of all events different, and rising */
    unsigned cpu;
    int count, blocked_count;     /* the script's counters behind this event */
    bool system;                  /* its goroutine is the runtime's */
};

struct generated {
    struct generated_event *events;
    size_t count;
};

struct generate_options {
    uint64_t seed;
    size_t events;
    unsigned addresses; /* of struct g, at most 64 */
    unsigned cpus;      /* at most 8 */
    bool system;        /* some goroutines are the runtime's */
};

#define GENERATED_MAIN UINT64_C(0xc000002380)

/* Is this reason in the article's leak-capable set? */
bool generated_blocks(unsigned reason);

void generate(struct generated *out, const struct generate_options *options);
void generated_free(struct generated *stream);

/* Keeps what the article's full script prints: creations, parks and ends of all but
 * the main goroutine. */
void generated_keep_full(struct generated *stream);

/* Prints in the order of the array. */
void generated_print_full(struct bytes *out, const struct generated *stream);
/* With ts= and all the keys, in an order that differs from line to line. */
void generated_print_extended(struct bytes *out, const struct generated *stream);

/* As a recorder prints that has a buffer for each CPU: takes `window` events at a
 * time (or up to that many, at random), and puts those of one CPU behind those of
 * another. Each CPU's own order stays. */
void generated_shuffle(struct generated *stream, size_t window, uint64_t seed);

/* The generator's random numbers, for tests that want their own. */
uint64_t generate_random(uint64_t *state);
/* From 0 to limit - 1. */
size_t generate_below(uint64_t *state, size_t limit);

#endif
