/* pool - see pool.h. */
#include "base/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* So many are asked for before it is worth measuring what a page takes. */
#define FEW 4

/* A block that is not in use. */
struct spare {
    struct spare *next;
};

struct goleak_block_pool {
    pthread_mutex_t mutex;
    struct goleak_alloc alloc;
    struct goleak_chunks chunks;
    struct spare *spare; /* the last one first: it may be in a cache */
    size_t used;
    unsigned asked; /* up to FEW */
};

struct goleak_block_pool *goleak_block_pool_new(size_t bytes, int64_t page_ns)
{
    struct goleak_block_pool *pool = malloc(sizeof *pool);
    if (pool == NULL)
        return NULL;
    if (pthread_mutex_init(&pool->mutex, NULL) != 0) {
        free(pool);
        return NULL;
    }
    goleak_alloc_init(&pool->alloc, NULL, 0);
    pool->alloc.page_ns = page_ns;
    pool->used = 0;
    pool->asked = 0;
    goleak_chunks_init(&pool->chunks, &pool->alloc, bytes);
    pool->spare = NULL;
    return pool;
}

void goleak_block_pool_free(struct goleak_block_pool *pool)
{
    if (pool == NULL)
        return;
    goleak_chunks_release(&pool->chunks);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

static void *take(struct goleak_block_pool *pool)
{
    struct spare *spare = pool->spare;
    if (spare != NULL) {
        pool->spare = spare->next;
        return spare;
    }
    if (pool->alloc.page_ns == 0 && pool->asked++ < FEW)
        return NULL;
    if (!goleak_are_pages_slow(&pool->alloc) || !goleak_chunks_add(&pool->chunks))
        return NULL;
    return memset(pool->chunks.all[pool->chunks.count - 1], 0, pool->chunks.chunk_bytes);
}

void *goleak_block_pool_take(struct goleak_block_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    void *block = take(pool);
    pool->used += block != NULL;
    pthread_mutex_unlock(&pool->mutex);
    return block;
}

void goleak_block_pool_give(struct goleak_block_pool *pool, void *block)
{
    struct spare *spare = block;
    pthread_mutex_lock(&pool->mutex);
    spare->next = pool->spare;
    pool->spare = spare;
    if (--pool->used == 0) {
        goleak_chunks_release(&pool->chunks);
        pool->spare = NULL;
    }
    pthread_mutex_unlock(&pool->mutex);
}
