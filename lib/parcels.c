/* parcels - see parcels.h. */
#include "parcels.h"

#include "base/thread.h"

#include <string.h>

bool goleak_parcels_init(struct goleak_parcels *parcels, struct goleak_block_pool *pool)
{
    if (!goleak_thread_locks_init(&parcels->mutex, &parcels->filled, &parcels->freed))
        return false;
    for (size_t i = 0; i < GOLEAK_PARCELS; i++) {
        struct goleak_parcel *parcel = &parcels->all[i];
        goleak_alloc_init(&parcel->alloc, NULL, 0);
        parcel->alloc.pool = pool;
        goleak_buf_init(&parcel->news, &parcel->alloc);
        goleak_alloc_init(&parcels->bytes[i].alloc, NULL, 0);
        goleak_buf_init(&parcels->bytes[i].buf, &parcels->bytes[i].alloc);
        parcels->free[parcels->free_count++] = &parcels->bytes[i];
        goleak_buf_init(&parcel->damage, &parcel->alloc);
        goleak_buf_init(&parcel->section.unjoined, &parcel->alloc);
    }
    return true;
}

void goleak_parcels_release(struct goleak_parcels *parcels)
{
    for (size_t i = 0; i < GOLEAK_PARCELS; i++) {
        struct goleak_parcel *parcel = &parcels->all[i];
        goleak_buf_release(&parcel->news);
        goleak_buf_release(&parcels->bytes[i].buf);
        goleak_buf_release(&parcel->damage);
        goleak_buf_release(&parcel->section.unjoined);
        for (size_t k = 0; k < parcel->made; k++)
            goleak_batch_free(&parcel->alloc, parcel->batches[k]);
    }
    goleak_thread_locks_destroy(&parcels->mutex, &parcels->filled, &parcels->freed);
}

static struct goleak_parcel *claim(struct goleak_parcels *parcels, bool waits)
{
    struct goleak_parcel *parcel = NULL;
    pthread_mutex_lock(&parcels->mutex);
    while (waits && !parcels->stopped && parcels->claimed - parcels->first == GOLEAK_PARCELS)
        pthread_cond_wait(&parcels->freed, &parcels->mutex);
    if (!parcels->stopped && parcels->claimed - parcels->first < GOLEAK_PARCELS) {
        parcel = &parcels->all[parcels->claimed++ % GOLEAK_PARCELS];
        parcel->raw = parcels->free[--parcels->free_count];
    }
    pthread_mutex_unlock(&parcels->mutex);
    if (parcel != NULL) {
        parcel->count = parcel->news.size = parcel->raw->buf.size = parcel->damage.size = 0;
        parcel->is_section = parcel->sure = parcel->last = false;
    }
    return parcel;
}

struct goleak_parcel *goleak_parcels_claim(struct goleak_parcels *parcels)
{
    return claim(parcels, true);
}

struct goleak_parcel *goleak_parcels_try_claim(struct goleak_parcels *parcels)
{
    return claim(parcels, false);
}

bool goleak_parcel_make_batch(struct goleak_parcel *parcel)
{
    parcel->batches[parcel->made] = goleak_batch_new(&parcel->alloc);
    parcel->made += parcel->batches[parcel->made] != NULL;
    return parcel->count < parcel->made;
}

bool goleak_parcels_fill(struct goleak_parcels *parcels, struct goleak_parcel *parcel)
{
    pthread_mutex_lock(&parcels->mutex);
    bool going_on = !parcels->stopped;
    parcel->full = true;
    pthread_cond_signal(&parcels->filled);
    pthread_mutex_unlock(&parcels->mutex);
    return going_on;
}

bool goleak_parcels_ready(struct goleak_parcels *parcels)
{
    pthread_mutex_lock(&parcels->mutex);
    bool ready = parcels->all[parcels->first % GOLEAK_PARCELS].full;
    pthread_mutex_unlock(&parcels->mutex);
    return ready;
}

struct goleak_parcel *goleak_parcels_receive(struct goleak_parcels *parcels)
{
    struct goleak_parcel *parcel = &parcels->all[parcels->first % GOLEAK_PARCELS];
    pthread_mutex_lock(&parcels->mutex);
    while (!parcel->full)
        pthread_cond_wait(&parcels->filled, &parcels->mutex);
    pthread_mutex_unlock(&parcels->mutex);
    return parcel;
}

void goleak_parcels_give_back(struct goleak_parcels *parcels)
{
    pthread_mutex_lock(&parcels->mutex);
    struct goleak_parcel *parcel = &parcels->all[parcels->first++ % GOLEAK_PARCELS];
    parcel->full = false;
    parcels->free[parcels->free_count++] = parcel->raw;
    if (parcels->claimed - parcels->first <= GOLEAK_PARCELS / 2) /* who is ahead is woken up for more than one */
        pthread_cond_signal(&parcels->freed);
    pthread_mutex_unlock(&parcels->mutex);
}

void goleak_parcels_stop(struct goleak_parcels *parcels)
{
    pthread_mutex_lock(&parcels->mutex);
    parcels->stopped = true;
    pthread_cond_signal(&parcels->freed);
    pthread_mutex_unlock(&parcels->mutex);
}

void goleak_parcels_set_guess(struct goleak_parcels *parcels, const struct goleak_go_place guess[GOLEAK_SPAWNS])
{
    pthread_mutex_lock(&parcels->mutex);
    memcpy(parcels->guess, guess, sizeof parcels->guess);
    pthread_mutex_unlock(&parcels->mutex);
}

void goleak_parcels_get_guess(struct goleak_parcels *parcels, struct goleak_go_place guess[GOLEAK_SPAWNS])
{
    pthread_mutex_lock(&parcels->mutex);
    memcpy(guess, parcels->guess, sizeof parcels->guess);
    pthread_mutex_unlock(&parcels->mutex);
}
