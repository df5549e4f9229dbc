/* alloc - see alloc.h. The total is exact because every free names its size. */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

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

void *goleak_realloc(struct goleak_alloc *alloc, void *pointer, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        if (pointer != NULL)
            alloc->hook.realloc(alloc->hook.context, pointer, old_size, 0);
        alloc->used_bytes -= old_size;
        return NULL;
    }
    /* While a block moves, the old and the new one may both exist. */
    alloc->over_limit = alloc->limit_bytes != 0 && (new_size > alloc->limit_bytes ||
                                                    alloc->used_bytes > alloc->limit_bytes - new_size);
    if (alloc->over_limit)
        return NULL;
    void *moved = alloc->hook.realloc(alloc->hook.context, pointer, old_size, new_size);
    if (moved != NULL)
        alloc->used_bytes += new_size - old_size;
    return moved;
}

void *goleak_alloc_array(struct goleak_alloc *alloc, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        alloc->over_limit = false;
        return NULL;
    }
    return goleak_realloc(alloc, NULL, 0, count * size != 0 ? count * size : 1);
}

void *goleak_alloc_zeroed(struct goleak_alloc *alloc, size_t size)
{
    void *pointer = goleak_realloc(alloc, NULL, 0, size);
    if (pointer != NULL)
        memset(pointer, 0, size);
    return pointer;
}

void goleak_free(struct goleak_alloc *alloc, void *pointer, size_t size)
{
    if (pointer != NULL)
        goleak_realloc(alloc, pointer, size, 0);
}

bool goleak_grow(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need, size_t item_size)
{
    if (need <= *capacity)
        return true;
    size_t room = *capacity + *capacity / 2;
    if (room < need)
        room = need;
    if (room < 8)
        room = 8;
    if (room > SIZE_MAX / item_size) {
        alloc->over_limit = false;
        return false;
    }
    void *pointer;
    memcpy(&pointer, pointer_address, sizeof pointer);
    pointer = goleak_realloc(alloc, pointer, *capacity * item_size, room * item_size);
    if (pointer == NULL)
        return false;
    memcpy(pointer_address, &pointer, sizeof pointer);
    *capacity = room;
    return true;
}

enum goleak_status goleak_alloc_failure(const struct goleak_alloc *alloc)
{
    return alloc->over_limit ? GOLEAK_E_LIMIT : GOLEAK_E_MEMORY;
}
