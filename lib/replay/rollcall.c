/* rollcall - see rollcall.h. */
#include "replay/rollcall.h"

#include "base/bits.h"

#include <string.h>

/* event.status, of STATUS */
#define STATUS_WAITING 4

static size_t words_of(uint32_t count)
{
    return (size_t)count / 64 + 1;
}

void goleak_rollcall_release(struct goleak_rollcall *call, struct goleak_alloc *alloc)
{
    goleak_free(alloc, call->told, call->words * sizeof *call->told);
    *call = (struct goleak_rollcall) { 0 };
}

bool goleak_rollcall_open(struct goleak_rollcall *call, struct goleak_replay *replay, struct goleak_gap gap,
                          int64_t known_ns)
{
    goleak_rollcall_release(call, replay->alloc);
    call->count = replay->store.count;
    call->words = words_of(call->count);
    call->told = goleak_alloc_zeroed(replay->alloc, call->words * sizeof *call->told);
    if (call->told == NULL)
        return false;
    call->open = true;
    call->gap = gap;
    call->known_ns = known_ns;
    return true;
}

/* ---- those that answer ---- */

static bool was_known(const struct goleak_rollcall *call, const struct goleak_record *record)
{
    return record->index <= call->count && (record->flags & GOLEAK_REC_SEEN) != 0 &&
           record->state != GOLEAK_STATE_ENDED && record->since < call->known_ns;
}

/* Not all of a damaged trace's names are there. */
static bool tells_stack(const struct goleak_replay *replay, uint32_t stack)
{
    const uint32_t *frames;
    const size_t count = goleak_symbols_stack_frames(replay->symbols, stack, &frames);
    size_t i = 0;
    while (i < count && !goleak_name_is_lost(goleak_symbols_frame_function(replay->symbols, frames[i])))
        i++;
    return i == count;
}

static bool waits_on(const struct goleak_replay *replay, const struct goleak_event *event,
                     const struct goleak_record *record)
{
    if (event->status != STATUS_WAITING)
        return false;
    if ((event->has & GOLEAK_HAS_STACK) != 0 && record->block_stack != 0 && tells_stack(replay, event->stack) &&
        tells_stack(replay, record->block_stack))
        return goleak_symbols_are_one_stack(replay->symbols, event->stack, record->block_stack);
    const bool told = (event->has & GOLEAK_HAS_REASON) != 0 && record->reason != GOLEAK_REASON_NONE &&
                      record->reason != GOLEAK_REASON_UNKNOWN;
    return !told || event->reason == record->reason;
}

/* Something of which nothing else is known. */
static enum goleak_status tell(struct goleak_replay *replay, const struct goleak_record *record,
                               enum goleak_event_kind kind, int64_t time_ns, uint64_t position)
{
    struct goleak_event event;
    const uint32_t pid = replay->processes[record->process].pid;
    size_t done;
    goleak_event_begin(&event, (uint8_t)kind);
    event.flags = GOLEAK_FLAG_INFERRED;
    event.has = GOLEAK_HAS_TIME | (record->g != 0 ? GOLEAK_HAS_G : 0) | (record->goid != 0 ? GOLEAK_HAS_GOID : 0) |
                (pid != 0 ? GOLEAK_HAS_PID : 0);
    event.g = record->g;
    event.goid = record->goid;
    event.pid = pid;
    event.time_ns = time_ns;
    event.position = position;
    return goleak_replay_run(replay, &event, 1, GOLEAK_REPLAY_FORCE, &done);
}

enum goleak_status goleak_rollcall_answer(struct goleak_rollcall *call, struct goleak_replay *replay,
                                          const struct goleak_event *event, const struct goleak_record *record)
{
    if (record == NULL || record->index > call->count || goleak_has_bit(call->told, record->index))
        return GOLEAK_OK;
    goleak_set_bit(call->told, record->index);
    const bool moved = event->kind == GOLEAK_EVENT_STATUS && (event->has & GOLEAK_HAS_STATUS) != 0 &&
                       was_known(call, record) && record->state == GOLEAK_STATE_WAITING &&
                       !waits_on(replay, event, record);
    return moved ? tell(replay, record, GOLEAK_EVENT_RUN, call->gap.until, event->position) : GOLEAK_OK;
}

/* ---- those that do not ---- */

enum goleak_status goleak_rollcall_close(struct goleak_rollcall *call, struct goleak_replay *replay, uint16_t process)
{
    enum goleak_status status = GOLEAK_OK;
    for (uint32_t i = 1; i <= call->count && status == GOLEAK_OK; i++) {
        const struct goleak_record *record = goleak_store_at(&replay->store, i);
        if (record->process == process && record->goid != 0 && was_known(call, record) &&
            !goleak_has_bit(call->told, i))
            status = tell(replay, record, GOLEAK_EVENT_END, call->gap.until, 0);
    }
    call->open = false;
    return status;
}
