/* ring - see ring.h. One mutex, one condition for either side's wait. */
#include "input/ring.h"

#include "base/error.h"
#include "base/thread.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

/* Damage takes a slot, but no block: with some slots more than blocks it does
 * not make the producer wait. */
#define SLOTS (2 * GOLEAK_RING_BLOCKS)

struct goleak_ring {
    struct goleak_alloc *alloc;
    unsigned char *memory;
    pthread_mutex_t mutex;
    pthread_cond_t filled, freed;
    bool stopped;
    struct goleak_ring_item slots[SLOTS];
    size_t first, count; /* of the slots in use */
    unsigned char *free_blocks[GOLEAK_RING_BLOCKS];
    size_t free_count;
};

enum goleak_status goleak_ring_new(struct goleak_ring **out, struct goleak_alloc *alloc, struct goleak_error *error)
{
    *out = NULL;
    struct goleak_ring *ring = goleak_alloc_zeroed(alloc, sizeof *ring);
    if (ring == NULL)
        return goleak_error_alloc(error, alloc);
    ring->alloc = alloc;
    ring->memory = goleak_alloc_array(alloc, GOLEAK_RING_BLOCKS, GOLEAK_RING_BLOCK_BYTES);
    if (ring->memory == NULL) {
        enum goleak_status status = goleak_error_alloc(error, alloc);
        goleak_free(alloc, ring, sizeof *ring);
        return status;
    }
    if (!goleak_thread_locks_init(&ring->mutex, &ring->filled, &ring->freed)) {
        goleak_free(alloc, ring->memory, GOLEAK_RING_BLOCKS * GOLEAK_RING_BLOCK_BYTES);
        goleak_free(alloc, ring, sizeof *ring);
        return goleak_error_set(error, GOLEAK_E_MEMORY, "the system has no room for a lock");
    }
    for (size_t i = 0; i < GOLEAK_RING_BLOCKS; i++)
        ring->free_blocks[ring->free_count++] = ring->memory + i * GOLEAK_RING_BLOCK_BYTES;
    *out = ring;
    return GOLEAK_OK;
}

void goleak_ring_free(struct goleak_ring *ring)
{
    if (ring == NULL)
        return;
    goleak_thread_locks_destroy(&ring->mutex, &ring->filled, &ring->freed);
    goleak_free(ring->alloc, ring->memory, GOLEAK_RING_BLOCKS * GOLEAK_RING_BLOCK_BYTES);
    goleak_free(ring->alloc, ring, sizeof *ring);
}

unsigned char *goleak_ring_take(struct goleak_ring *ring)
{
    unsigned char *block = NULL;
    pthread_mutex_lock(&ring->mutex);
    while (!ring->stopped && ring->free_count == 0)
        pthread_cond_wait(&ring->freed, &ring->mutex);
    if (!ring->stopped)
        block = ring->free_blocks[--ring->free_count];
    pthread_mutex_unlock(&ring->mutex);
    return block;
}

bool goleak_ring_push(struct goleak_ring *ring, const struct goleak_ring_item *item)
{
    pthread_mutex_lock(&ring->mutex);
    while (!ring->stopped && ring->count == SLOTS)
        pthread_cond_wait(&ring->freed, &ring->mutex);
    bool going_on = !ring->stopped;
    if (going_on) {
        ring->slots[(ring->first + ring->count) % SLOTS] = *item;
        ring->count++;
        pthread_cond_signal(&ring->filled);
    }
    pthread_mutex_unlock(&ring->mutex);
    return going_on;
}

bool goleak_ring_pop(struct goleak_ring *ring, struct goleak_ring_item *item)
{
    pthread_mutex_lock(&ring->mutex);
    while (!ring->stopped && ring->count == 0)
        pthread_cond_wait(&ring->filled, &ring->mutex);
    bool going_on = !ring->stopped;
    if (going_on) {
        *item = ring->slots[ring->first];
        ring->first = (ring->first + 1) % SLOTS;
        ring->count--;
        pthread_cond_signal(&ring->freed);
    }
    pthread_mutex_unlock(&ring->mutex);
    return going_on;
}

void goleak_ring_put_back(struct goleak_ring *ring, unsigned char *block)
{
    pthread_mutex_lock(&ring->mutex);
    assert(ring->free_count < GOLEAK_RING_BLOCKS);
    ring->free_blocks[ring->free_count++] = block;
    if (ring->free_count >= GOLEAK_RING_BLOCKS / 2) /* a producer that is ahead is woken up for more than one */
        pthread_cond_signal(&ring->freed);
    pthread_mutex_unlock(&ring->mutex);
}

void goleak_ring_stop(struct goleak_ring *ring)
{
    pthread_mutex_lock(&ring->mutex);
    ring->stopped = true;
    pthread_cond_signal(&ring->freed);
    pthread_cond_signal(&ring->filled);
    pthread_mutex_unlock(&ring->mutex);
}
