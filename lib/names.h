/*
 * names - the recorded program's executable as a goleak_resolver: names and source
 * lines for addresses, and source lines for named functions.
 *
 * A frame is the function that a tracer sees: of calls that the compiler inlined
 * there, the outermost, and the line in it.
 *
 * A position-independent executable was loaded somewhere else than it was linked for.
 * How far off is learnt when the recording tells where main began (goid 1). One that was
 * begun later tells where others did: each is the entry of a function, and soon there is
 * one distance only that makes entries of all of them. Until then what was loaded stays
 * an address; where a tracer gives a place in the file, it is named.
 */
#ifndef GOLEAK_NAMES_H
#define GOLEAK_NAMES_H

#include "image/image.h"
#include "model/health.h"
#include "model/symbols.h"

#define GOLEAK_NAMES_STARTS 16

struct goleak_names {
    struct goleak_image *image;
    struct goleak_resolver resolver;
    struct goleak_health_book *health; /* borrowed */
    const char *base;    /* the file's name without folders; borrowed */
    uint64_t shift;      /* loaded address - linked address */
    bool shift_known;
    uint64_t starts[GOLEAK_NAMES_STARTS]; /* where goroutines began, each once, while it is not known */
    size_t start_count;
    unsigned compared;   /* names that the recording tells, too */
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
