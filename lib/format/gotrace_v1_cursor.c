/* gotrace_v1_cursor - see gotrace_v1_cursor.h. */
#include "format/gotrace_v1_cursor.h"

#include <inttypes.h>
#include <stdio.h>

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
static bool next_batch(struct goleak_v1_file *file, struct goleak_v1_cursor *cursor, struct goleak_v1_batch **entered)
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
    if (!batch->goes_on) {
        cursor->ticks = batch->ticks;
        *entered = batch;
    }
    return true;
}

void goleak_v1_note_early(const struct goleak_v1_file *file, uint64_t position, const char *what, uint64_t ticks,
                          const char *than)
{
    /* Clocks of CPUs are in step to some ten ticks; beyond a thousandth of a second a time is damaged. */
    const bool jumps = file->frequency == 0 || ticks > file->frequency / 1000;
    goleak_health_note(file->env.health, jumps ? GOLEAK_HEALTH_clock_jumps : GOLEAK_HEALTH_reordered, 1, 0, 0, position,
                       "found %s, %" PRIu64 " tick%s before %s, expected a later time; it is told as of then", what,
                       ticks, ticks == 1 ? "" : "s", than);
}

/* The last event of its P was `before`. Samples are in batches of their own, which are of no P, whatever they say. */
static void check_time(const struct goleak_v1_file *file, const struct goleak_v1_cursor *cursor,
                       struct goleak_v1_batch *entered, uint64_t before)
{
    char what[40];
    if (cursor->ticks >= before || entered->noted)
        return;
    entered->noted = true;
    snprintf(what, sizeof what, "an event of P %" PRIu64, cursor->p);
    goleak_v1_note_early(file, goleak_v1_position(cursor, cursor->at), what, before - cursor->ticks,
                         "the one before it");
}

void goleak_v1_advance_far(struct goleak_v1_file *file, struct goleak_v1_cursor *cursor)
{
    struct goleak_v1_batch *entered = NULL;
    const uint64_t before = cursor->ticks;
    for (;;) {
        if (cursor->next >= cursor->end) {
            if (next_batch(file, cursor, &entered))
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
        if (entered != NULL)
            check_time(file, cursor, entered, before);
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
