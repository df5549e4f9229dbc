/* parcels - see parcels.h. */
#include "parcels.h"

#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

/* Of a section, and what is read behind it. */
#define ROOM (GOLEAK_HUGE_PAGE / GOLEAK_PARCELS / 4096 * 4096)

/* An allocator's function, for one block: in its room, as long as that is enough. */
static void *realloc_bytes(void *context, void *pointer, size_t old_size, size_t new_size)
{
    struct goleak_bytes *bytes = context;
    const bool roomy = bytes->room != NULL && (pointer == NULL || pointer == bytes->room);
    if (roomy && new_size <= ROOM)
        return new_size != 0 ? bytes->room : NULL;
    if (new_size == 0) {
        free(pointer);
        return NULL;
    }
    if (!roomy || pointer == NULL)
        return realloc(pointer, new_size);
    void *moved = malloc(new_size);
    if (moved != NULL)
        memcpy(moved, pointer, old_size);
    return moved;
}

static void init_bytes(struct goleak_bytes *bytes, char *room)
{
    const struct goleak_allocator hook = { realloc_bytes, bytes };
    bytes->room = room;
    goleak_alloc_init(&bytes->alloc, room != NULL ? &hook : NULL, 0);
    goleak_buf_init(&bytes->buf, &bytes->alloc);
}

bool goleak_parcels_init(struct goleak_parcels *parcels, struct goleak_alloc *alloc)
{
    if (!goleak_thread_locks_init(&parcels->mutex, &parcels->filled, &parcels->freed))
        return false;
    const bool slow = goleak_are_pages_slow(alloc);
    goleak_alloc_init(&parcels->alloc, NULL, 0);
    parcels->alloc.page_ns = alloc->page_ns;
    parcels->huge_page = slow ? goleak_alloc_pages(&parcels->alloc, GOLEAK_HUGE_PAGE) : NULL;
    for (size_t i = 0; i < GOLEAK_PARCELS; i++) {
        struct goleak_parcel *parcel = &parcels->all[i];
        goleak_alloc_init(&parcel->alloc, NULL, 0);
        parcel->alloc.pool = alloc->pool;
        goleak_buf_init(&parcel->news, &parcel->alloc);
        init_bytes(&parcels->bytes[i], parcels->huge_page != NULL ? parcels->huge_page + i * ROOM : NULL);
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
    goleak_free(&parcels->alloc, parcels->huge_page, GOLEAK_HUGE_PAGE);
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
