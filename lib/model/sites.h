/*
 * sites - where goroutines are spawned: the place of the go statement and the
 * function that it starts, as far as the recording tells either.
 *
 * Go's own rule for system goroutines works on the start function
 * (runtime/traceback.go, isSystemGoroutine): so it is decided once a site.
 */
#ifndef GOLEAK_MODEL_SITES_H
#define GOLEAK_MODEL_SITES_H

#include "model/symbols.h"

/* Whose a goroutine is that starts in this function: GOLEAK_REC_SYSTEM, _USER, _MAIN, _NOT_MAIN bits; 0: it
 * proves nothing. */
uint8_t goleak_proof_by_start(const char *function);

struct goleak_site {
    uint32_t created_at; /* frame; 0: not told */
    uint32_t start;      /* string: start function; 0: not told */
    bool unnamed;        /* … of which only the address is known yet; nor is one known of those of no site */
    bool coroutines;     /* those of iter.Pull: by what they begin in, or by what creates them */
    uint32_t is;         /* itself, or the site that it is another name of */
    uint32_t whole;      /* the same of all callers; itself, where it is that */
    uint32_t place;      /* … and of the first process: what reports sum up. Itself, where it is that */
    int64_t first, last; /* moments of the first and the last creation; 0: of none */
    uint32_t tied, untied; /* ended right after their spawners had; … and did not */
    uint64_t tied_after;   /* … the longest, in moments, that was right after */
    /* Site: so many ended together with one of it that their spawner had started, too. */
    uint32_t twin[2], twins;
    uint8_t proof;       /* GOLEAK_REC_SYSTEM, _USER, _MAIN, _NOT_MAIN bits */
};

/* The frame of a go statement's address. */
struct goleak_pc_place {
    uint32_t named;   /* that a stack gave it; 0: none did yet */
    uint32_t address; /* its bare address, where a creation came before its name; 0: none did */
};

#define GOLEAK_SITES_LAST 256

struct goleak_sites {
    struct goleak_symbols *symbols; /* borrowed */
    /* The last of their place: creations ask for few of them, and often. */
    uint32_t last[GOLEAK_SITES_LAST];     /* sites, by the four numbers */
    uint32_t last_pcs[GOLEAK_SITES_LAST]; /* ids of gopcs */
    struct goleak_intern index;           /* bytes: the three ids, and the process; a site's number is its id */
    struct goleak_site *sites;      /* sites[0]: nothing told */
    size_t capacity;
    /* There are several recorders. Where the compiler wrapped the function that a go statement
     * starts, one tells the wrapper and another what is wrapped: these are one site. */
    bool joined;
    bool parted;                /* some site is not its place's only one */
    struct goleak_idmap firsts; /* by process, caller and created_at: the first of its sites with a start function */
    struct goleak_intern pcs;       /* bytes: gopc */
    struct goleak_pc_place *pc_places; /* pc_places[id - 1] */
    size_t pc_capacity;
};

bool goleak_sites_init(struct goleak_sites *sites, struct goleak_symbols *symbols, struct goleak_alloc *alloc);
void goleak_sites_release(struct goleak_sites *sites);

/* Of more processes the rest share their sites: what is known of waits takes a kilobyte and more for each. */
#define GOLEAK_SITES_PROCESSES 256

/* Of more processes than these it is that of the rest. */
static inline uint32_t goleak_sites_process(const struct goleak_sites *sites, uint32_t site)
{
    uint32_t key[4];
    if (site == 0)
        return 0;
    memcpy(key, goleak_intern_get(&sites->index, site, NULL), sizeof key);
    return key[2];
}

/* False when memory ends. (0, 0) is site 0, in any process; others are each process's own, for what is true of a
 * place in one need not be in another, and each caller's (the frame that called the function of the go statement; 0:
 * not told): a library's Go(f) starts whatever it is given. */
bool goleak_sites_add(struct goleak_sites *sites, uint16_t process, uint32_t created_at, uint32_t caller,
                      uint32_t start, uint32_t *site);
/* The start function is known by a better name now: true, and its proofs are renewed. */
bool goleak_sites_rename(struct goleak_sites *sites, uint32_t site);
/* The frame by which sites of this go statement are told apart. `named`: what this creation's
 * stack calls it; 0: it has none, or bare addresses, which a tracer prints once the process
 * has gone; then it is what another stack calls it. A place that was met without a name stays
 * one place: it is renamed at the end. 0: memory ended. */
uint32_t goleak_sites_place(struct goleak_sites *sites, uint64_t gopc, uint32_t named);

size_t goleak_sites_count(const struct goleak_sites *sites); /* site 0 included */

static inline const struct goleak_site *goleak_sites_at(const struct goleak_sites *sites, uint32_t site)
{
    return &sites->sites[site];
}

#endif
