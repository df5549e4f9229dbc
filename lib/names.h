/*
 * names - the recorded program's executable as a goleak_resolver: names and source
 * lines for addresses, and source lines for named functions.
 *
 * A frame is the function that a tracer sees: of calls that the compiler inlined
 * there, the outermost, and the line in it.
 *
 * A position-independent executable was loaded somewhere else than it was linked for.
 * How far off is told
 *
 *   - by where main began (goid 1);
 *   - by addresses within functions that are known without the executable: what probes
 *     stand on, and what a goroutine's first function returns to. A program is loaded at
 *     whole pages, so that such an address has few distances to choose from; where two
 *     functions say the same, that is it;
 *   - by where goroutines began, each at the entry of a function: soon there is one
 *     distance only that makes entries of all of them.
 *
 * Where goroutines began in the middle of functions the file is another program's, or another build's: nothing is
 * named by it from then on, for wrong names are worse than none.
 *
 * Each process has its own, and an address is looked for in all: processes lie far apart.
 * Until one is known what was loaded stays an address; where a tracer gives a place in the
 * file, it is named.
 */
#ifndef GOLEAK_NAMES_H
#define GOLEAK_NAMES_H

#include "image/image.h"
#include "model/health.h"
#include "model/symbols.h"

#define GOLEAK_NAMES_STARTS 16
#define GOLEAK_NAMES_SHIFTS 8
#define GOLEAK_NAMES_GUESSES 16
#define GOLEAK_NAMES_WITHIN 3 /* functions that one kind of address may lie in, of one Go version or another */

/* A distance, and which functions (bits of enum goleak_within) tell it. */
struct goleak_names_guess {
    uint64_t shift;
    uint32_t told;
};

struct goleak_names {
    struct goleak_image *image;
    struct goleak_resolver resolver;
    struct goleak_health_book *health; /* borrowed */
    const char *base;    /* the file's name without folders; borrowed */
    bool movable;
    uint64_t text_end;   /* linked */
    uint64_t shifts[GOLEAK_NAMES_SHIFTS]; /* loaded address - linked address, of each process */
    size_t shift_count;
    struct goleak_image_function within[GOLEAK_WITHIN_COUNT][GOLEAK_NAMES_WITHIN]; /* empty: the program has none */
    struct goleak_names_guess guesses[GOLEAK_NAMES_GUESSES]; /* the newest in place of the oldest */
    size_t next_guess;
    uint64_t unplaced;   /* loaded addresses that were asked for before the first */
    uint64_t starts[GOLEAK_NAMES_STARTS]; /* where goroutines began, each once, while it is not known */
    size_t start_count;
    unsigned compared, unfitting; /* starts that the recording tells; … where the file has no function's entry */
    char recorded[256];  /* the name that it had when it was recorded, where that is told; "": not */
    bool met;            /* probed functions lie in a file of either name */
    char elsewhere[256]; /* … or in one of this name, the first that is another; "": none */
};

/* `path` outlives it. GOLEAK_E_… with a sentence where it is no Go executable. */
enum goleak_status goleak_names_open(struct goleak_names *names, struct goleak_alloc *alloc, const char *path,
                                     struct goleak_health_book *health, struct goleak_error *error);

/* All is read: notes it where none of the recording lies in the file. */
void goleak_names_finish(struct goleak_names *names);

void goleak_names_close(struct goleak_names *names);

#endif
