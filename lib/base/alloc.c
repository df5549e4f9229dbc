/* alloc - see alloc.h. The total is exact because every free names its size. */
#ifdef __linux__
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* madvise */
#endif
#include <sys/mman.h>
#endif

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *default_realloc(void *context, void *pointer, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size == 0) {
        free(pointer);
        return NULL;
    }
    return realloc(pointer, new_size);
}

void goleak_alloc_init(struct goleak_alloc *alloc, const struct goleak_allocator *hook, uint64_t limit_bytes)
{
    *alloc = (struct goleak_alloc){ .limit_bytes = limit_bytes };
    if (hook != NULL && hook->realloc != NULL)
        alloc->hook = *hook;
    else
        alloc->hook.realloc = default_realloc;
}

/* While a block moves, the old and the new one may both exist. */
static bool is_allowed(struct goleak_alloc *alloc, size_t size)
{
    if (alloc->limit_bytes == 0 || (size <= alloc->limit_bytes && alloc->used_bytes <= alloc->limit_bytes - size))
        return true;
    alloc->over_limit = true;
    return false;
}

/* NULL, where it is not the limit that was reached. What succeeds leaves over_limit as it is: behind a failure the
 * sentence that tells it may be allocated. */
static void *got(struct goleak_alloc *alloc, void *pointer)
{
    if (pointer == NULL)
        alloc->over_limit = false;
    return pointer;
}

void *goleak_realloc(struct goleak_alloc *alloc, void *pointer, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        if (pointer != NULL)
            alloc->hook.realloc(alloc->hook.context, pointer, old_size, 0);
        alloc->used_bytes -= old_size;
        return NULL;
    }
    if (!is_allowed(alloc, new_size))
        return NULL;
    void *moved = got(alloc, alloc->hook.realloc(alloc->hook.context, pointer, old_size, new_size));
    if (moved != NULL)
        alloc->used_bytes += (uint64_t)new_size - old_size; /* a size_t may have 32 bits */
    return moved;
}

#define PAGE ((size_t)4096)
#define HUGE_PAGE ((size_t)2 << 20)
#define LARGE ((size_t)64 << 10)
#define PAGE_NS_LONG 6000

/* Not zeroed. Not for what realloc() may have to move: it moves pages of 4 KiB by their addresses,
 * and copies huge ones. */
static void *alloc_block(struct goleak_alloc *alloc, size_t size, bool huge)
{
    void *table = NULL;
    if (size < LARGE || alloc->hook.realloc != default_realloc)
        return goleak_realloc(alloc, NULL, 0, size);
    if (!is_allowed(alloc, size))
        return NULL;
    if (posix_memalign(&table, size < HUGE_PAGE ? PAGE : HUGE_PAGE, size) != 0)
        return got(alloc, NULL);
    alloc->used_bytes += size;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (huge && size >= HUGE_PAGE)
        (void)madvise(table, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a wish */
#else
    (void)huge;
#endif
    return table;
}

static int64_t now_ns(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? (int64_t)now.tv_sec * 1000000000 + now.tv_nsec : 0;
}

/* What the first pages of a block take, which are needed in any case: the least of several, for others may run meanwhile. */
static int64_t measure_page(char *block)
{
    enum { TIMES = 4, PAGES = 4 };
    int64_t least = INT64_MAX, before = now_ns();
    for (size_t i = 0; i < TIMES; i++) {
        for (size_t page = 0; page < PAGES; page++)
            *(volatile char *)(block + (i * PAGES + page) * PAGE) = 0;
        int64_t now = now_ns();
        least = now - before < least ? now - before : least;
        before = now;
    }
    return least / PAGES + 1;
}

void *goleak_alloc_pages(struct goleak_alloc *alloc, size_t size, int64_t *page_ns)
{
    void *block = alloc_block(alloc, size, *page_ns > PAGE_NS_LONG);
    if (block != NULL && size >= LARGE && size % HUGE_PAGE != 0)
        *page_ns = measure_page(block);
    return block;
}

void *goleak_alloc_array(struct goleak_alloc *alloc, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return got(alloc, NULL);
    return alloc_block(alloc, count * size != 0 ? count * size : 1, true);
}

void *goleak_alloc_zeroed(struct goleak_alloc *alloc, size_t size)
{
    if (alloc->hook.realloc == default_realloc) {
        void *pointer = is_allowed(alloc, size) ? got(alloc, calloc(1, size)) : NULL;
        alloc->used_bytes += pointer != NULL ? size : 0;
        return pointer;
    }
    void *pointer = goleak_realloc(alloc, NULL, 0, size);
    if (pointer != NULL)
        memset(pointer, 0, size);
    return pointer;
}

void *goleak_alloc_table(struct goleak_alloc *alloc, size_t count, size_t size)
{
    void *table = goleak_alloc_array(alloc, count, size);
    if (table != NULL)
        memset(table, 0, count * size);
    return table;
}

void goleak_free(struct goleak_alloc *alloc, void *pointer, size_t size)
{
    if (pointer != NULL)
        goleak_realloc(alloc, pointer, size, 0);
}

/* 0: more than can be. */
static size_t room_for(size_t capacity, size_t need, size_t item_size)
{
    size_t room = capacity + capacity / 2;
    if (room < need)
        room = need;
    if (room < 8)
        room = 8;
    return room <= SIZE_MAX / item_size ? room : 0;
}

static bool grow(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need, size_t item_size,
                 bool is_table)
{
    if (need <= *capacity)
        return true;
    size_t room = room_for(*capacity, need, item_size), old_size = *capacity * item_size;
    void *pointer, *moved;
    if (room == 0) {
        alloc->over_limit = false;
        return false;
    }
    memcpy(&pointer, pointer_address, sizeof pointer);
    if (is_table && room * item_size >= LARGE) {
        moved = alloc_block(alloc, room * item_size, true);
        if (moved != NULL && pointer != NULL) {
            memcpy(moved, pointer, old_size);
            goleak_free(alloc, pointer, old_size);
        }
    } else {
        moved = goleak_realloc(alloc, pointer, old_size, room * item_size);
    }
    if (moved == NULL)
        return false;
    memcpy(pointer_address, &moved, sizeof moved);
    *capacity = room;
    return true;
}

bool goleak_grow(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need, size_t item_size)
{
    return grow(alloc, pointer_address, capacity, need, item_size, false);
}

bool goleak_grow_table(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need,
                       size_t item_size)
{
    return grow(alloc, pointer_address, capacity, need, item_size, true);
}

enum goleak_status goleak_alloc_failure(const struct goleak_alloc *alloc)
{
    return alloc->over_limit ? GOLEAK_E_LIMIT : GOLEAK_E_MEMORY;
}
