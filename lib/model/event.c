/* event - see event.h. */
#include "model/event.h"

#include "base/pool.h"
#include "model/symbols.h"

#include <string.h>

#define BLOCK_BYTES ((sizeof(struct goleak_batch) + 2 * GOLEAK_LINE - 1) / GOLEAK_LINE * GOLEAK_LINE)

struct goleak_block_pool *goleak_batch_pool(int64_t page_ns)
{
    return goleak_block_pool_new(BLOCK_BYTES, page_ns);
}

struct goleak_batch *goleak_batch_new(struct goleak_alloc *alloc)
{
    struct goleak_block_pool *pool = alloc->pool;
    char *block = pool != NULL ? goleak_block_pool_take(pool) : NULL;
    if (block != NULL) {
        alloc->used_bytes += BLOCK_BYTES;
    } else {
        pool = NULL;
        block = goleak_alloc_zeroed(alloc, BLOCK_BYTES); /* what events do not have is alike, and packs well */
    }
    if (block == NULL)
        return NULL;
    struct goleak_batch *batch = goleak_on_line(block, offsetof(struct goleak_batch, events));
    batch->block = block;
    batch->pool = pool;
    goleak_batch_empty(batch);
    return batch;
}

void goleak_batch_empty(struct goleak_batch *batch)
{
    batch->count = 0;
    batch->in_order = batch->counted = false;
    batch->untold = 0;
}

void goleak_batch_copy(struct goleak_batch *to, const struct goleak_batch *from)
{
    void *block = to->block;
    struct goleak_block_pool *pool = to->pool;
    memcpy(to, from, offsetof(struct goleak_batch, events) + from->count * sizeof *from->events);
    to->block = block;
    to->pool = pool;
}

void goleak_batch_free(struct goleak_alloc *alloc, struct goleak_batch *batch)
{
    if (batch == NULL)
        return;
    if (batch->pool == NULL) {
        goleak_free(alloc, batch->block, BLOCK_BYTES);
        return;
    }
    alloc->used_bytes -= BLOCK_BYTES;
    goleak_block_pool_give(batch->pool, batch->block);
}

bool goleak_call_creates(const char *function)
{
    return strcmp(function, "runtime.newproc1") == 0;
}

bool goleak_call_ends(const char *function)
{
    return strcmp(function, "runtime.gdestroy") == 0 || strcmp(function, "runtime.goexit0") == 0;
}

static bool call_tells(const char *function)
{
    return goleak_call_creates(function) || goleak_call_ends(function);
}

bool goleak_event_tells(const struct goleak_event *event, const struct goleak_symbols *symbols)
{
    switch (event->kind) {
    case GOLEAK_EVENT_OTHER:
    case GOLEAK_EVENT_LOST:
    case GOLEAK_EVENT_RETURN: return false;
    case GOLEAK_EVENT_CALL: return call_tells(goleak_symbols_text(symbols, event->name));
    case GOLEAK_EVENT_OBJECT: return (event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) != 0; /* else a header's word */
    default: return true;
    }
}

const char *goleak_event_kind_name(enum goleak_event_kind kind)
{
    static const char *const words[] = {
#define X(name, word) word,
        GOLEAK_EVENT_KINDS(X)
#undef X
    };
    return (unsigned)kind < GOLEAK_EVENT_KIND_COUNT ? words[kind] : "?";
}
