/* alloc - see alloc.h. The total is exact because every free names its size. */
#ifdef __linux__
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* madvise */
#endif
#include <sys/mman.h>
#endif

#include "base/alloc.h"

#include "base/compiler.h"

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
#define LARGE ((size_t)64 << 10)

/* ---- pages ---- */

#define PAGE_NS_LONG 2000
#define TABLE_FROM ((size_t)512 << 10) /* bytes: of less a huge page would be mostly in vain, a table's last one, too */
/* What grows ahead of what is needed is made so many times as large, within these bounds: addresses, until it is written
 * to. */
#define AHEAD_TIMES 16
#define AHEAD_LEAST ((size_t)64 << 20)
#define AHEAD_MOST ((size_t)256 << 20)

#if defined(__linux__) && defined(MADV_HUGEPAGE) && defined(MAP_ANONYMOUS) && !GOLEAK_ADDRESS_SANITIZER

static int64_t now_ns(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? (int64_t)now.tv_sec * 1000000000 + now.tv_nsec : 0;
}

/* What it takes until a page is there: the least of several, for others run meanwhile. What malloc gives may have been in
 * use before. Where the system gives several at once, most take nothing, and are not slow. */
static int64_t measure_page_ns(void)
{
    enum { PAGES = 6 };
    volatile char *fresh = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int64_t least = 0;
    if (fresh == MAP_FAILED)
        return 0;
    for (size_t i = 0; i < PAGES; i++) {
        int64_t before = now_ns();
        fresh[i * PAGE] = 0;
        int64_t took = now_ns() - before;
        least = i == 0 || took < least ? took : least;
    }
    munmap((void *)fresh, PAGES * PAGE);
    return least;
}

#else

static int64_t measure_page_ns(void)
{
    return 0;
}

#endif

bool goleak_are_pages_slow(struct goleak_alloc *alloc)
{
    if (alloc->limit_bytes != 0 || alloc->hook.realloc != default_realloc)
        return false;
    if (alloc->page_ns == 0)
        alloc->page_ns = measure_page_ns() + 1;
    return alloc->page_ns > PAGE_NS_LONG;
}

/* On huge pages: nothing, what is as large as one, or a table of less as well, where it takes less time to have one. */
enum huge { HUGE_NEVER, HUGE_LARGE, HUGE_TABLE };

/* A table of this size, or with the huge pages that it needs. */
static size_t table_room(struct goleak_alloc *alloc, size_t size)
{
    const size_t rest = size % GOLEAK_HUGE_PAGE;
    return rest >= TABLE_FROM && size <= SIZE_MAX / 2 && goleak_are_pages_slow(alloc) ? size - rest + GOLEAK_HUGE_PAGE
                                                                                      : size;
}

/* Not zeroed. Not for what realloc() may have to move: it moves pages of 4 KiB by their addresses,
 * and copies huge ones. */
static void *alloc_block(struct goleak_alloc *alloc, size_t size, enum huge huge)
{
    void *block = NULL;
    if (size < LARGE || alloc->hook.realloc != default_realloc)
        return goleak_realloc(alloc, NULL, 0, size);
    if (!is_allowed(alloc, size))
        return NULL;
    const size_t room = huge == HUGE_TABLE ? table_room(alloc, size) : size;
    if (posix_memalign(&block, room < GOLEAK_HUGE_PAGE ? PAGE : GOLEAK_HUGE_PAGE, room) != 0)
        return got(alloc, NULL);
    alloc->used_bytes += size;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (huge != HUGE_NEVER && room >= GOLEAK_HUGE_PAGE)
        (void)madvise(block, room / GOLEAK_HUGE_PAGE * GOLEAK_HUGE_PAGE, MADV_HUGEPAGE); /* a wish */
#endif
    return block;
}

void *goleak_alloc_pages(struct goleak_alloc *alloc, size_t size)
{
    return alloc_block(alloc, size, size >= GOLEAK_HUGE_PAGE && goleak_are_pages_slow(alloc) ? HUGE_LARGE : HUGE_NEVER);
}

static void *alloc_items(struct goleak_alloc *alloc, size_t count, size_t size, enum huge huge)
{
    if (size != 0 && count > SIZE_MAX / size)
        return got(alloc, NULL);
    return alloc_block(alloc, count * size != 0 ? count * size : 1, huge);
}

void *goleak_alloc_array(struct goleak_alloc *alloc, size_t count, size_t size)
{
    return alloc_items(alloc, count, size, HUGE_LARGE);
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
    void *table = alloc_items(alloc, count, size, HUGE_TABLE);
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

/* Fresh memory is not to be copied into fresh memory again and again. */
static size_t room_ahead(size_t room, size_t item_size)
{
    const size_t most = AHEAD_MOST / item_size, least = AHEAD_LEAST / item_size;
    const size_t times = room < most / AHEAD_TIMES ? room * AHEAD_TIMES : most, ahead = times < least ? least : times;
    return SIZE_MAX <= UINT32_MAX ? room : room < ahead ? ahead : room <= SIZE_MAX / item_size / 2 ? room * 2 : room;
}

enum how { MOVED, COPIED, AHEAD_OF_NEED };

/* To a block of so many items. False: memory. */
static bool copy(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t room, size_t item_size,
                 enum huge huge)
{
    void *pointer, *moved = alloc_block(alloc, room * item_size, huge);
    if (moved == NULL)
        return false;
    memcpy(&pointer, pointer_address, sizeof pointer);
    if (pointer != NULL) {
        memcpy(moved, pointer, *capacity * item_size);
        goleak_free(alloc, pointer, *capacity * item_size);
    }
    memcpy(pointer_address, &moved, sizeof moved);
    *capacity = room;
    return true;
}

static bool grow(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need, size_t item_size,
                 enum how how, size_t from)
{
    if (need <= *capacity)
        return true;
    size_t room = room_for(*capacity, need, item_size), old_size = *capacity * item_size;
    if (room == 0) {
        alloc->over_limit = false;
        return false;
    }
    /* Where so many addresses are not to be had, it grows as others do. */
    if (how == AHEAD_OF_NEED && room * item_size >= from && goleak_are_pages_slow(alloc) &&
        copy(alloc, pointer_address, capacity, room_ahead(room, item_size), item_size, HUGE_LARGE))
        return true;
    if (how == COPIED)
        room = table_room(alloc, room * item_size) / item_size;
    if (how == COPIED && room * item_size >= LARGE)
        return copy(alloc, pointer_address, capacity, room, item_size, HUGE_TABLE);
    void *pointer;
    memcpy(&pointer, pointer_address, sizeof pointer);
    void *moved = goleak_realloc(alloc, pointer, old_size, room * item_size);
    if (moved == NULL)
        return false;
    memcpy(pointer_address, &moved, sizeof moved);
    *capacity = room;
    return true;
}

bool goleak_grow(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need, size_t item_size)
{
    return grow(alloc, pointer_address, capacity, need, item_size, MOVED, 0);
}

bool goleak_grow_table(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need,
                       size_t item_size)
{
    return grow(alloc, pointer_address, capacity, need, item_size, COPIED, 0);
}

bool goleak_grow_ahead(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need,
                       size_t item_size, size_t from)
{
    return grow(alloc, pointer_address, capacity, need, item_size, AHEAD_OF_NEED, from);
}

enum goleak_status goleak_alloc_failure(const struct goleak_alloc *alloc)
{
    return alloc->over_limit ? GOLEAK_E_LIMIT : GOLEAK_E_MEMORY;
}
