/*
 * reuse - under AddressSanitizer, large blocks are kept for whoever asks for as much again.
 *
 * There each block of more than 128 KiB is a mapping of its own, and its shadow is given back with it. A test that opens
 * thousands of small recordings then spends most of its time on fresh pages, which take 20 us each in some virtual
 * machines. So test programs have these in place of malloc and its kin, for the libraries that they use, too. A block that
 * is kept is poisoned: whoever uses it after it was given back is told, as is who writes behind its end.
 */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined __linux__ && (defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer))
#define IN_USE 1
#endif
typedef int goleak_tests_reuse; /* something, where nothing else is here */

#ifdef IN_USE

#include <errno.h>
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST ((size_t)64 << 10)
#define MOST ((size_t)16 << 20) /* larger ones are few */
#define KEPT 96
#define KEPT_BYTES ((size_t)256 << 20)

/* As in sanitizer/allocator_interface.h, which gcc does not install; and what the runtime itself has in place of these. */
int __sanitizer_get_ownership(const volatile void *block);
size_t __sanitizer_get_allocated_size(const volatile void *block);
void *__interceptor_malloc(size_t size);
void *__interceptor_calloc(size_t count, size_t size);
void *__interceptor_realloc(void *block, size_t size);
void __interceptor_free(void *block);
int __interceptor_posix_memalign(void **block, size_t alignment, size_t size);

static struct {
    void *block;
    size_t room;
} kept[KEPT]; /* the one that was given back first, first */
static size_t kept_count, kept_bytes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_kept(size_t size)
{
    return size >= LEAST && size <= MOST;
}

/* What a block of this size has: a quarter of a power of two more at most, so that it suits others, too. */
static size_t room_of(size_t size)
{
    size_t step = LEAST / 4;
    while (size > 8 * step)
        step *= 2;
    return (size + step - 1) / step * step;
}

static void remove_kept(size_t place)
{
    kept_bytes -= kept[place].room;
    kept_count--;
    memmove(kept + place, kept + place + 1, (kept_count - place) * sizeof *kept);
}

/* The one that was given back last, or a fresh one; NULL: memory. */
static void *take(size_t size, size_t alignment)
{
    const size_t room = room_of(size);
    void *block = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = kept_count; i-- != 0 && block == NULL;)
        if (kept[i].room == room && (uintptr_t)kept[i].block % alignment == 0) {
            block = kept[i].block;
            remove_kept(i);
        }
    pthread_mutex_unlock(&lock);
    if (block == NULL && __interceptor_posix_memalign(&block, alignment, room) != 0)
        return NULL;
    __asan_unpoison_memory_region(block, size);
    __asan_poison_memory_region((char *)block + size, room - size);
    return block;
}

/* The one that was given back first; NULL where there is room for one more. */
static void *make_room(size_t room)
{
    if (kept_count < KEPT && kept_bytes + room <= KEPT_BYTES)
        return NULL;
    void *oldest = kept[0].block;
    __asan_unpoison_memory_region(oldest, kept[0].room);
    remove_kept(0);
    return oldest;
}

static void keep(void *block, size_t room)
{
    void *oldest;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < kept_count; i++)
        if (kept[i].block == block) {
            fprintf(stderr, "a block of %zu bytes is given back twice\n", room);
            abort();
        }
    while ((oldest = make_room(room)) != NULL)
        __interceptor_free(oldest);
    __asan_poison_memory_region(block, room);
    kept_bytes += room;
    kept[kept_count].block = block;
    kept[kept_count++].room = room;
    pthread_mutex_unlock(&lock);
}

/* Of one that is kept when it is given back; else 0. */
static size_t kept_room(const void *block)
{
    const size_t size = block != NULL && __sanitizer_get_ownership(block) ? __sanitizer_get_allocated_size(block) : 0;
    return is_kept(size) ? size : 0;
}

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *malloc(size_t size)
{
    return is_kept(size) ? take(size, sizeof(max_align_t)) : __interceptor_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
    const size_t bytes = size == 0 || count <= SIZE_MAX / size ? count * size : 0;
    if (!is_kept(bytes))
        return __interceptor_calloc(count, size);
    void *block = take(bytes, sizeof(max_align_t));
    if (block != NULL)
        memset(block, 0, bytes);
    return block;
}

EXPORTED int posix_memalign(void **block, size_t alignment, size_t size)
{
    if (!is_kept(size))
        return __interceptor_posix_memalign(block, alignment, size);
    void *taken = take(size, alignment);
    if (taken == NULL)
        return ENOMEM;
    *block = taken;
    return 0;
}

EXPORTED void free(void *block)
{
    const size_t room = kept_room(block);
    if (room != 0)
        keep(block, room);
    else
        __interceptor_free(block);
}

EXPORTED void *realloc(void *block, size_t size)
{
    const size_t room = kept_room(block);
    if (size == 0 || (room == 0 && !is_kept(size)))
        return __interceptor_realloc(block, size);
    void *moved = malloc(size);
    if (moved == NULL || block == NULL)
        return moved;
    const size_t before = __sanitizer_get_allocated_size(block);
    __asan_unpoison_memory_region(block, before);
    memcpy(moved, block, before < size ? before : size);
    free(block);
    return moved;
}

#endif
