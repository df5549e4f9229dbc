/* event - see event.h. */
#include "model/event.h"

struct goleak_batch *goleak_batch_new(struct goleak_alloc *alloc)
{
    struct goleak_batch *batch = goleak_realloc(alloc, NULL, 0, sizeof *batch);
    if (batch == NULL)
        return NULL;
    batch->count = 0;
    batch->in_order = batch->counted = false;
    return batch;
}

void goleak_batch_free(struct goleak_alloc *alloc, struct goleak_batch *batch)
{
    goleak_free(alloc, batch, sizeof *batch);
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
