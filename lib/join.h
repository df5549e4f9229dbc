/*
 * join - which inputs are recordings of one process.
 *
 * They are if they name the same process (pid), or if the same goroutine (goid, created
 * at the same go statement, or by the name of its start function, its place or the
 * function of that) was created in both at the same time, on the same clock; or if they
 * are Go traces, of which the later one finds who was there in the earlier one (roll.h);
 * and if nothing contradicts. Of a file of several recordings (.glk) one that joins is enough:
 * they are of one process.
 *
 * The first MiB of each file is looked at, of a Go trace its first generation. Where one
 * is a part of a Go trace's kind (names, no addresses) and begins later, the other one's
 * MiB from then on is looked at, too. Only files that tell the time can join; a pipe
 * cannot be read twice.
 */
#ifndef GOLEAK_JOIN_H
#define GOLEAK_JOIN_H

#include "roll.h"
#include "trace.h"

#define GOLEAK_JOIN_BIRTHS 1024
#define GOLEAK_JOIN_PIDS 8

struct goleak_birth {
    uint64_t goid, gopc, startpc; /* 0: not told */
    uint64_t start; /* a hash of the start function's name; 0: not told */
    uint64_t place; /* … of the go statement's place: function, file, line; 0: not told */
    uint64_t function; /* … of the function that it stands in; 0: not told */
    bool lined;        /* the place tells its line, not an offset */
    uint32_t part; /* of a file that holds several recordings; 0: it holds one */
    uint32_t pid;
    int64_t time_ns;
};

struct goleak_identity {
    bool timed;
    bool addressed;          /* births tell addresses: of go statements, of start functions */
    bool whole;              /* all of the file was looked at */
    int64_t first_ns, last_ns;     /* the earliest and the latest time that was seen */
    struct goleak_identity *later; /* from another time on; owned */
    uint32_t pids[GOLEAK_JOIN_PIDS];
    size_t pid_count;        /* more than there is room for: not kept */
    bool without_pid;        /* some events do not tell it */
    struct goleak_birth births[GOLEAK_JOIN_BIRTHS]; /* by part, goid, pid, time */
    size_t birth_count;
    struct goleak_roll roll; /* of Go traces */
};

/* Looks at a file; what cannot be read has no identity (timed is false). Fails only
 * where memory ends, with its sentence. */
enum goleak_status goleak_identity_read(struct goleak_identity *out, const char *path,
                                        const struct goleak_options *options, struct goleak_error *error);
/* How many characters they begin alike with; and whether two names are those of one
 * recording and what stands beside it: x/trace.txt and x/trace.err. */
size_t goleak_paths_alike(const char *a, const char *b);
bool goleak_paths_are_neighbours(const char *a, const char *b);
/* Looks further where two may meet later. False: memory. */
bool goleak_identities_look_further(struct goleak_identity *const *identities, const char *const *paths, size_t count,
                                    struct goleak_alloc *alloc, const struct goleak_options *options);
/* What was found later, and the identity itself. NULL is allowed. */
void goleak_identity_free(struct goleak_identity *identity, struct goleak_alloc *alloc);
bool goleak_identity_joins(const struct goleak_identity *a, const struct goleak_identity *b);
/* They are Go traces of two processes, whatever joins both. */
bool goleak_identity_contradicts(const struct goleak_identity *a, const struct goleak_identity *b);

#endif
