/*
 * ring - hands blocks of bytes, and damage between them, from one thread to
 * another, in order.
 *
 * One producer, one consumer. Everything is allocated when the ring is made,
 * by its maker: neither thread allocates. A producer that is ahead waits for
 * a block to come back, a consumer that is ahead waits for the next item;
 * goleak_ring_stop ends both waits for good.
 */
#ifndef GOLEAK_INPUT_RING_H
#define GOLEAK_INPUT_RING_H

#include "input/unpack.h"

#define GOLEAK_RING_BLOCKS ((size_t)8)
#define GOLEAK_RING_BLOCK_BYTES GOLEAK_UNPACK_RUN_ROOM /* unpack is lent a block to write into */
#define GOLEAK_RING_SENTENCE 400

enum goleak_ring_kind { GOLEAK_RING_RUN, GOLEAK_RING_DAMAGE, GOLEAK_RING_END };

struct goleak_ring_item {
    enum goleak_ring_kind kind;
    unsigned char *block;                /* RUN: where it lies, the consumer's until it is put back */
    size_t at, size;                     /* … and which bytes of the block it is */
    bool truncated;                      /* DAMAGE */
    uint64_t offset;                     /* DAMAGE */
    uint64_t read_bytes;                 /* how far the producer was: packed bytes … */
    uint64_t used_bytes;                 /* … and the memory that it held */
    char sentence[GOLEAK_RING_SENTENCE]; /* DAMAGE */
};

struct goleak_ring;

enum goleak_status goleak_ring_new(struct goleak_ring **out, struct goleak_alloc *alloc, struct goleak_error *error);
void goleak_ring_free(struct goleak_ring *ring); /* when the producer is gone; NULL is allowed */

/* The producer's: a block to write into; NULL: stopped. */
unsigned char *goleak_ring_take(struct goleak_ring *ring);
/* The producer's: copies the item; false: stopped. */
bool goleak_ring_push(struct goleak_ring *ring, const struct goleak_ring_item *item);

/* The consumer's; false: stopped. */
bool goleak_ring_pop(struct goleak_ring *ring, struct goleak_ring_item *item);
void goleak_ring_put_back(struct goleak_ring *ring, unsigned char *block);
/* Anybody's. */
void goleak_ring_stop(struct goleak_ring *ring);

#endif
