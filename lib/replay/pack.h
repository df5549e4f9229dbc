/*
 * pack - events that wait for long, in a fifth of their room: each word as what
 * differs from that of the event before, without its leading zero bytes.
 */
#ifndef GOLEAK_REPLAY_PACK_H
#define GOLEAK_REPLAY_PACK_H

#include "model/event.h"

#define GOLEAK_PACK_WORDS (sizeof(struct goleak_event) / sizeof(uint64_t))
#define GOLEAK_PACK_BEHIND 8 /* bytes that are written and read behind the last one */
#define GOLEAK_PACK_ROOM(count) ((count) * (sizeof(struct goleak_event) + 8) + GOLEAK_PACK_BEHIND)

/* How many bytes there are of them, without those behind. */
size_t goleak_pack(const struct goleak_event *events, size_t count, unsigned char *out);
void goleak_unpack(const unsigned char *packed, size_t count, struct goleak_event *events);

#endif
