/*
 * unzstd - what frames needs of the zstd codec beside codec.h: to decode whole
 * frames aside, and to go on behind them as if the codec had met them itself.
 *
 * What a codec knows of the frames before the one that begins is a mark and its
 * history of packed bytes, nothing else. So a codec that stands between two
 * frames, and is told to pass the next ones with the mark of another one that
 * decoded them and found no fault, does and says of all that follows what it would
 * have done and said had it decoded them.
 */
#ifndef GOLEAK_INPUT_UNZSTD_H
#define GOLEAK_INPUT_UNZSTD_H

#include "input/codec.h"
#include "input/frames.h"

/* Packed bytes that are always enough for the first plain ones: a block, and what is before it. */
#define GOLEAK_ZSTD_FIRST_BYTES ((size_t)192 * 1024)
/* The first plain bytes, at most `room`, of what begins so; how many there are, 0 if it is no zstd. Takes no window. */
size_t goleak_zstd_first(const void *data, size_t size, void *out, size_t room);

/* `state` is to decode other bytes, from their first frame on. */
void goleak_zstd_restart(void *state);

/* Whether the last frame has ended where its bytes end. */
bool goleak_zstd_is_between(const void *state, const struct goleak_packed *packed, struct goleak_zstd_mark *mark);

/* Passes `size` bytes, whole frames, that were decoded aside. Between two frames only. */
void goleak_zstd_pass(void *state, struct goleak_packed *packed, const unsigned char *bytes, size_t size,
                      const struct goleak_zstd_mark *mark);

#endif
