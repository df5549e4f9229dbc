/*
 * witness - what a recording by bpftrace or perf says of its goroutines, by a
 * reader and a replay that know nothing of the library.
 *
 *      struct witness seen;
 *      witness_read(&seen, text, WITNESS_BPFTRACE);
 *      for (size_t i = 0; i < seen.life_count; i++) ...
 *      witness_free(&seen);
 *
 * The reader looks for words in lines. The replay is by goid (by address, where
 * no goid is printed), in the order of time:
 *
 *      a goroutine's own events end its park, and so does being named as spawner
 *      or waker; a second park for the same reason counts only where neither
 *      `execute` nor `ready` is printed at all: there, the last one starts the wait
 *      an address that another goroutine has now: the one before has ended
 */
#ifndef GOLEAK_TESTS_WITNESS_H
#define GOLEAK_TESTS_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/bytes.h"

enum witness_form {
    WITNESS_BPFTRACE,
    WITNESS_BPFTRACE_JSON,
    WITNESS_PERF,
    WITNESS_PERF_DELTA /* each time is the distance from the line before */
};

enum witness_kind { SAW_CREATE, SAW_SPAWNER, SAW_PARK, SAW_READY, SAW_RUN, SAW_MAIN, SAW_END };

#define WITNESS_NO_TIME INT64_MIN
#define WITNESS_NO_NUMBER UINT64_MAX

struct witness_event {
    enum witness_kind kind;
    int64_t time_ns;              /* WITNESS_NO_TIME: not printed */
    uint64_t pid, tid;            /* 0: not printed */
    uint64_t g, goid;             /* 0: not printed */
    uint64_t other_g, other_goid; /* spawner or waker; 0: none or not printed */
    uint64_t gopc;                /* of a creation; 0: not printed */
    uint64_t reason, wait;        /* as printed; WITNESS_NO_NUMBER: not */
    size_t place;                 /* in the file */
    char where[256];               /* creations: the function with the go statement, if there is a stack */
};

enum witness_state { LIFE_RUNS, LIFE_WAITS, LIFE_ENDED };

struct witness_life {
    uint64_t pid, g, goid;
    uint32_t incarnation; /* of g */
    bool preexisting;
    enum witness_state state;
    uint64_t reason, wait;                /* while it waits; as printed */
    uint64_t parent_g, parent_goid, gopc; /* 0: not told */
    int64_t created, ended, since;        /* moments: ns, or events from 1 */
    char where[256];
};

struct witness {
    struct witness_event *events; /* in the order of time */
    size_t event_count, room;
    struct witness_life *lives;
    size_t life_count;
    uint64_t created, ended, preexisting, live;
    uint64_t lost;      /* by the recorder's own words in this text */
    size_t other_lines; /* that are neither events nor a recorder's */
    size_t late;        /* events of goroutines that had ended */
    bool timed, goids, pids, wakeups;
};

/* Reads and replays. */
void witness_read(struct witness *witness, const struct bytes *text, enum witness_form form);
void witness_free(struct witness *witness);

/* Go 1.22's number of a block reason that a recording of Go `minor` (19: 1.19) prints. */
uint64_t witness_reason(uint64_t printed, uint64_t wait, unsigned minor);

/* How many stacks of a `perf data convert --to-json` file have `symbol` on top. */
size_t witness_leaves(const struct bytes *json, const char *symbol, size_t *samples);

#endif
