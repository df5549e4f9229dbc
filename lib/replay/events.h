/*
 * events - the long way of an event: all questions are asked, and anything may be the case.
 *
 *      goleak_step_long      of a goroutine, known or not
 *      goleak_step_nobody    of none: ticks, calls that -F prints, losses
 */
#ifndef GOLEAK_REPLAY_EVENTS_H
#define GOLEAK_REPLAY_EVENTS_H

#include "replay/life.h"

/* The record of the event's goroutine; NULL: none. False: memory. */
bool goleak_find_record(struct goleak_replay *replay, const struct goleak_event *event, struct goleak_record **record);
/* A new one, of which nothing is known. NULL: memory. */
struct goleak_record *goleak_add_record(struct goleak_replay *replay, const struct goleak_event *event);
/* record: NULL if it is new. GOLEAK_END: with GOLEAK_REPLAY_ASK, it cannot be yet. */
enum goleak_status goleak_step_long(struct goleak_replay *replay, const struct goleak_event *event,
                                    struct goleak_record *record, enum goleak_replay_mode mode);
enum goleak_status goleak_step_nobody(struct goleak_replay *replay, const struct goleak_event *event, int64_t moment);
/* The one that is named as spawner or waker runs, so it does not wait. *index: 0 where none is named. */
enum goleak_status goleak_name_other(struct goleak_replay *replay, const struct goleak_event *event, int64_t moment,
                                     uint32_t *index);

#endif
