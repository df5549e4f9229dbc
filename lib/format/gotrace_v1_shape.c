/* gotrace_v1_shape - see gotrace_v1_shape.h. */
#include "format/gotrace_v1_shape.h"

#include "format/varint.h"

#include <inttypes.h>

#define LENGTH_MAX 65536 /* the runtime's buffers hold no longer event */
#define LENGTH_MAX_OF_EVENTS 2048 /* Go's limit; deep stacks exceed it */
#define STRING_MAX 1000000
#define FRAMES_MAX 1000
#define P_MAX 65535

const uint8_t goleak_v1_numbers[GOLEAK_V1_TYPES] = {
#define X(id, name, numbers, stack) [id] = numbers + 1,
    GOLEAK_V1_EVENTS(X)
#undef X
};

const char *goleak_v1_name(unsigned type)
{
    static const char *const names[GOLEAK_V1_TYPES] = {
#define X(id, name, ...) [id] = #name,
        GOLEAK_V1_OTHERS(X) GOLEAK_V1_EVENTS(X)
#undef X
    };
    return names[type % GOLEAK_V1_TYPES] != NULL ? names[type % GOLEAK_V1_TYPES] : "?";
}

enum goleak_v1_shape goleak_v1_broken(struct goleak_v1_piece *piece, const char *problem, uint64_t found)
{
    piece->problem = problem;
    piece->found = found;
    return GOLEAK_V1_BROKEN;
}

static enum goleak_v1_shape take_numbers(const uint8_t **at, const uint8_t *end, size_t count,
                                         struct goleak_v1_piece *piece)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        const uint8_t *next = goleak_varint(*at, end, &value);
        if (next == NULL)
            return end - *at < 10 ? GOLEAK_V1_CUT
                                  : goleak_v1_broken(
                                        piece, "found a number of more than 64 bits in its %" PRIu64 " numbers", count);
        if (i < GOLEAK_V1_VALUES)
            piece->values[i] = value;
        *at = next;
    }
    return GOLEAK_V1_EVENT;
}

static enum goleak_v1_shape measure_text(const uint8_t **at, const uint8_t *end, struct goleak_v1_piece *piece)
{
    uint64_t size;
    const uint8_t *next = goleak_varint(*at, end, &size);
    if (next == NULL)
        return end - *at < 10 ? GOLEAK_V1_CUT
                              : goleak_v1_broken(piece, "found a number of more than 64 bits for its length", 0);
    if (size > STRING_MAX)
        return goleak_v1_broken(piece, "found a text of %" PRIu64 " bytes, expected at most 1000000", size);
    if (size > (size_t)(end - next))
        return GOLEAK_V1_CUT;
    *at = next + size;
    return GOLEAK_V1_EVENT;
}

/* The numbers of an event that tells their length: they fill it. */
static enum goleak_v1_shape measure_long(const uint8_t **at, const uint8_t *end, struct goleak_v1_piece *piece)
{
    uint64_t size;
    const uint8_t *next = goleak_varint(*at, end, &size);
    if (next == NULL)
        return end - *at < 10 ? GOLEAK_V1_CUT
                              : goleak_v1_broken(piece, "found a number of more than 64 bits for its length", 0);
    if (size > LENGTH_MAX)
        return goleak_v1_broken(piece, "found %" PRIu64 " bytes of numbers, expected at most 65536", size);
    if (size > LENGTH_MAX_OF_EVENTS && piece->type != GOLEAK_V1_Stack)
        return goleak_v1_broken(piece, "found %" PRIu64 " bytes of numbers, expected at most 2048", size);
    if (size > (size_t)(end - next))
        return GOLEAK_V1_CUT;
    end = next + size;
    size_t count = goleak_v1_numbers[piece->type];
    if (piece->type == GOLEAK_V1_Stack) {
        const uint8_t *frames = next;
        if (take_numbers(&frames, end, 2, piece) != GOLEAK_V1_EVENT)
            return goleak_v1_broken(piece, "found %" PRIu64 " bytes, expected an id and a number of frames", size);
        if (piece->values[1] > FRAMES_MAX)
            return goleak_v1_broken(piece, "found %" PRIu64 " frames, expected at most 1000", piece->values[1]);
        count = 2 + 4 * (size_t)piece->values[1];
    }
    if (take_numbers(&next, end, count, piece) != GOLEAK_V1_EVENT || next != end)
        return goleak_v1_broken(piece, "found %" PRIu64 " bytes of numbers, expected as many as its numbers fill",
                                size);
    *at = end;
    return GOLEAK_V1_EVENT;
}

enum goleak_v1_shape goleak_v1_measure(unsigned version, const uint8_t *at, const uint8_t *end,
                                       struct goleak_v1_piece *piece)
{
    uint8_t byte = *at++, narg = byte >> 6;
    enum goleak_v1_shape result;
    piece->type = byte & 63;
    switch (piece->type) {
    case GOLEAK_V1_String:
        result = take_numbers(&at, end, 1, piece);
        if (result == GOLEAK_V1_EVENT)
            result = measure_text(&at, end, piece);
        if (result == GOLEAK_V1_EVENT && piece->values[0] == 0)
            result = goleak_v1_broken(piece, "found the id %" PRIu64 ", expected another", 0);
        break;
    case GOLEAK_V1_Batch:
    case GOLEAK_V1_Frequency:
    case GOLEAK_V1_TimerGoroutine:
        if (narg != (piece->type == GOLEAK_V1_Batch))
            return goleak_v1_broken(
                piece, "found %" PRIu64 " of its numbers announced, expected another number of them", narg + 1u);
        result = take_numbers(&at, end, narg + 1u, piece);
        if (result == GOLEAK_V1_EVENT && piece->type == GOLEAK_V1_Batch && piece->values[0] > P_MAX &&
            piece->values[0] != UINT64_MAX)
            result = goleak_v1_broken(piece, "found P %" PRIu64 ", expected at most 65535", piece->values[0]);
        break;
    default: {
        size_t count = piece->type == GOLEAK_V1_Stack ? 4 : goleak_v1_numbers[piece->type];
        if (count == 0 || (piece->type == GOLEAK_V1_CPUSample && version < 19))
            return goleak_v1_broken(piece, version < 19 ? "found event type %" PRIu64 ", expected one of 1 to 48"
                                                        : "found event type %" PRIu64 ", expected one of 1 to 49",
                                    piece->type);
        if (narg != (count < 4 ? count - 1 : 3))
            return goleak_v1_broken(
                piece, "found %" PRIu64 " of its numbers announced, expected another number of them", narg + 1u);
        result = narg == 3 ? measure_long(&at, end, piece) : take_numbers(&at, end, count, piece);
        if (result == GOLEAK_V1_EVENT && piece->type == GOLEAK_V1_UserLog)
            result = measure_text(&at, end, piece);
    }
    }
    piece->next = at;
    return result;
}
