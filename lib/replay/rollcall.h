/*
 * rollcall - who is there behind a gap, of those that were there before it.
 *
 * A Go trace tells of all that live, soon after it has begun: in which state each is, and where it waits. So where it
 * begins when nobody has recorded for a while, nothing need be guessed of those who were known by then:
 *
 *      before the gap              behind it
 *      waits at S                  waits at S           the same wait, as far as is known
 *      waits at S                  anything else        that wait ended in the gap
 *      anything                    untold               it ended in the gap
 *      unknown                     waits at S           it began in the gap
 *
 * What ended in the gap has done so when the trace begins; how long it took is not known, but no longer than that. Where others
 * recorded meanwhile, there is no gap, but they may have lost an end.
 */
#ifndef GOLEAK_REPLAY_ROLLCALL_H
#define GOLEAK_REPLAY_ROLLCALL_H

#include "replay/replay.h"

struct goleak_rollcall {
    bool open;
    struct goleak_gap gap; /* before the trace that calls: from what was recorded last */
    int64_t known_ns;      /* what others told before that, it may have told, too */
    uint32_t count;        /* records that there were */
    uint64_t *told;        /* bits, by record: it has told something since */
    size_t words;
};

void goleak_rollcall_release(struct goleak_rollcall *call, struct goleak_alloc *alloc);
/* False: memory. */
bool goleak_rollcall_open(struct goleak_rollcall *call, struct goleak_replay *replay, struct goleak_gap gap,
                          int64_t known_ns);
/* An event behind the gap, before it is replayed; record: whose it is, or NULL. */
enum goleak_status goleak_rollcall_answer(struct goleak_rollcall *call, struct goleak_replay *replay,
                                          const struct goleak_event *event, const struct goleak_record *record);
/* The trace has told of all. */
enum goleak_status goleak_rollcall_close(struct goleak_rollcall *call, struct goleak_replay *replay, uint16_t process);

#endif
