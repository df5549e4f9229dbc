/* gotrace_v1_cursor - see gotrace_v1_cursor.h. */
#include "format/gotrace_v1_cursor.h"

#include <inttypes.h>

/* Steps over what has no turn of its own. */
static const uint8_t *skip(const uint8_t *at, uint64_t *ticks)
{
    uint8_t type = *at++ & 63;
    uint64_t value, size;
    switch (type) {
    case GOLEAK_V1_String:
        at = goleak_v1_number(at, &value);
        at = goleak_v1_number(at, &size);
        return at + size;
    case GOLEAK_V1_Stack: at = goleak_v1_number(at, &size); return at + size;
    case GOLEAK_V1_CPUSample: {
        at = goleak_v1_number(at, &size);
        goleak_v1_number(at, &value);
        *ticks += value;
        return at + size;
    }
    default: /* Frequency, TimerGoroutine */ return goleak_v1_number(at, &value);
    }
}

/* False: there is none, or memory ended (its `failure`). */
static bool next_batch(struct goleak_v1_file *file, struct goleak_v1_cursor *cursor)
{
    if (cursor->batch == 0)
        return false;
    struct goleak_v1_batch *batch = &file->batches[cursor->batch - 1];
    cursor->batch = batch->next;
    if ((cursor->next = goleak_v1_batch_bytes(file, batch, &cursor->window, &cursor->end)) == NULL) {
        cursor->end = NULL;
        return false;
    }
    cursor->position_of_0 = batch->offset - (uint64_t)(uintptr_t)cursor->next;
    if (batch->goes_on)
        return true;
    if (batch->ticks < cursor->ticks && !batch->noted)
        goleak_health_note(file->env.health, GOLEAK_HEALTH_clock_jumps, 1, 0, 0, batch->offset,
                           "found a batch of P %" PRIu64 " that begins %" PRIu64
                           " ticks before the end of the one before it, expected a later time",
                           cursor->p, cursor->ticks - batch->ticks);
    batch->noted = true;
    cursor->ticks = batch->ticks;
    return true;
}

void goleak_v1_advance_far(struct goleak_v1_file *file, struct goleak_v1_cursor *cursor)
{
    for (;;) {
        if (cursor->next >= cursor->end) {
            if (next_batch(file, cursor))
                continue;
            cursor->type = 0;
            goleak_trace_window_close(&cursor->window, file->env.alloc);
            return;
        }
        const uint8_t *at = cursor->next;
        uint8_t byte = *at, type = byte & 63;
        uint8_t numbers = goleak_v1_numbers[type];
        if (numbers == 0 || type == GOLEAK_V1_CPUSample) {
            cursor->next = skip(at, &cursor->ticks);
            continue;
        }
        uint64_t value;
        cursor->at = at++;
        cursor->type = type;
        if (byte >= 0xc0)
            at = goleak_v1_number(at, &value);
        cursor->next = goleak_v1_number(at, &value);
        cursor->ticks += value;
        return;
    }
}

const uint8_t *goleak_v1_decode(struct goleak_v1_cursor *cursor)
{
    const uint8_t *at = cursor->next;
    uint64_t size;
    for (unsigned i = 0; i + 1u < goleak_v1_numbers[cursor->type]; i++)
        at = goleak_v1_number(at, &cursor->arguments[i]);
    if (cursor->type != GOLEAK_V1_UserLog)
        return at;
    cursor->text = at;
    at = goleak_v1_number(at, &size);
    return at + size;
}
