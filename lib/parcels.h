/*
 * parcels - what reading threads have read, on its way to the caller's.
 *
 * Parcels go round: a reader claims the next one, which is the place of what it will put in
 * among what the others do, and fills it; the caller gets them in the order in which they were
 * claimed.
 *
 * Memory.   What is in a parcel was malloced by who filled it, but for plain bytes where pages are slow, which have a
 *           huge page together; it stays for the next time. A limit does not stop it: it counts as parcels arrive.
 * Threads.  A parcel is its claimer's until it is full, and the caller's until it is given back.
 */
#ifndef GOLEAK_PARCELS_H
#define GOLEAK_PARCELS_H

#include "aside.h"
#include "format/section.h"

#include <pthread.h>

/* More than there are readers: whoever has read one goes on with the next. */
#define GOLEAK_PARCELS 6
#define GOLEAK_PARCEL_BATCHES 64

struct goleak_bytes {
    struct goleak_alloc alloc;
    char *room;            /* where pages are slow: its part of the huge one, for as long as it is enough */
    uint64_t booked_bytes; /* of it, in the trace's account */
    struct goleak_buf buf;
};

struct goleak_parcel {
    struct goleak_alloc alloc;
    struct goleak_batch *batches[GOLEAK_PARCEL_BATCHES];
    size_t count, made;
    struct goleak_aside *from;     /* whose news and events they are */
    struct goleak_buf news;
    struct goleak_bytes *raw;      /* plain ones; one that was given back lately, and is in a cache */
    struct goleak_buf damage;      /* news, of what was packed */
    struct goleak_section section; /* of the raw bytes, if they were read already: `sure` */
    bool is_section, sure;
    bool offsets;                  /* where the events stand is told in bytes */
    uint64_t read_bytes;           /* of the source, so far */
    uint64_t used_bytes;           /* of its reader's memory */
    uint64_t booked_bytes;         /* of `alloc`'s, in the trace's account */
    bool last;
    bool full;                     /* the ring's */
};

struct goleak_parcels {
    pthread_mutex_t mutex;
    pthread_cond_t filled, freed;
    struct goleak_parcel all[GOLEAK_PARCELS];
    struct goleak_bytes bytes[GOLEAK_PARCELS], *free[GOLEAK_PARCELS];
    struct goleak_alloc alloc; /* of the huge page alone: what is used of its parts is booked by `bytes` */
    char *huge_page;   /* or NULL */
    size_t free_count; /* the last one first */
    struct goleak_go_place guess[GOLEAK_SPAWNS]; /* for sections to come, from the caller's reader */
    uint64_t first, claimed; /* counted on and on */
    bool stopped;
};

/* alloc: the trace's, of which the pool is that of batches. False: the system has no more locks. */
bool goleak_parcels_init(struct goleak_parcels *parcels, struct goleak_alloc *alloc);
void goleak_parcels_release(struct goleak_parcels *parcels);

/* Empty, but for what it keeps for the next time. Waits until one is free; NULL: the caller wants
 * no more. One thread at a time calls this. */
struct goleak_parcel *goleak_parcels_claim(struct goleak_parcels *parcels);
/* Does not wait. NULL also: none is free. */
struct goleak_parcel *goleak_parcels_try_claim(struct goleak_parcels *parcels);
/* False: memory. */
bool goleak_parcel_make_batch(struct goleak_parcel *parcel);
/* False: the caller wants no more. */
bool goleak_parcels_fill(struct goleak_parcels *parcels, struct goleak_parcel *parcel);

/* The caller's: is the next one full? Waits for it, and gives it back. */
bool goleak_parcels_ready(struct goleak_parcels *parcels);
struct goleak_parcel *goleak_parcels_receive(struct goleak_parcels *parcels);
void goleak_parcels_give_back(struct goleak_parcels *parcels);
/* No more of them: who waits for a free one is told. */
void goleak_parcels_stop(struct goleak_parcels *parcels);

/* Any thread's: what readers of sections guess (section.h). */
void goleak_parcels_set_guess(struct goleak_parcels *parcels, const struct goleak_go_place guess[GOLEAK_SPAWNS]);
void goleak_parcels_get_guess(struct goleak_parcels *parcels, struct goleak_go_place guess[GOLEAK_SPAWNS]);

#endif
