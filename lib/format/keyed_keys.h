/*
 * keyed_keys - what a key means, and where its value goes.
 *
 * A key is one line of `keys`, a place of the event one line of `goleak_key_places`
 * (keyed_keys.c). For keyed.h's own files.
 */
#ifndef GOLEAK_FORMAT_KEYED_KEYS_H
#define GOLEAK_FORMAT_KEYED_KEYS_H

#include "format/keyed.h"

#include <string.h>

/* How a step of a plan is done: one branch for how a value is written and how wide its
 * place is. */
enum goleak_key_run {
    GOLEAK_RUN_HEX_8,
    GOLEAK_RUN_DEC_8,
    GOLEAK_RUN_DEC_4,
    GOLEAK_RUN_DEC_1,
    GOLEAK_RUN_OTHER_NUMBER,
    GOLEAK_RUN_SIGNED,
    GOLEAK_RUN_TEXT
};

/* How a value is written. */
enum goleak_key_how {
    GOLEAK_HOW_HEX,
    GOLEAK_HOW_DEC,
    GOLEAK_HOW_SIGNED,
    GOLEAK_HOW_TEXT,
    GOLEAK_HOW_GOID,
    GOLEAK_HOW_FUNCTION,
    GOLEAK_HOW_PARENT,
    GOLEAK_HOW_ANY
};

/* Where a key's value goes. */
enum goleak_key_place {
    GOLEAK_PLACE_G,
    GOLEAK_PLACE_GOID,
    GOLEAK_PLACE_PARENT,
    GOLEAK_PLACE_PARENT_GOID,
    GOLEAK_PLACE_BY,
    GOLEAK_PLACE_BY_GOID,
    GOLEAK_PLACE_REASON,
    GOLEAK_PLACE_WAIT,
    GOLEAK_PLACE_BLOCKED,
    GOLEAK_PLACE_COUNT,
    GOLEAK_PLACE_BLOCKED_COUNT,
    GOLEAK_PLACE_TIME,
    GOLEAK_PLACE_CPU,
    GOLEAK_PLACE_TID,
    GOLEAK_PLACE_PID,
    GOLEAK_PLACE_LOCK,
    GOLEAK_PLACE_CHAN,
    GOLEAK_PLACE_ELEM,
    GOLEAK_PLACE_GOPC,
    GOLEAK_PLACE_STARTPC,
    GOLEAK_PLACE_FUNCTION,
    GOLEAK_PLACE_STATUS,
    GOLEAK_PLACE_UNTIL,
    GOLEAK_PLACE_CALLER,
    GOLEAK_PLACE_NOTHING
};

struct goleak_keyed_key {
    const char *name;
    uint8_t how, place;
};

#define GOLEAK_KEY_PRESENT_IF_NOT_ZERO 1u
#define GOLEAK_KEY_ADDRESS 2u /* below 2^63 */
#define GOLEAK_KEY_CUT 4u     /* only the low bits are of interest */

struct goleak_key_field {
    uint16_t offset;
    uint8_t size;
    uint8_t flags;
    uint32_t has;
};

extern const struct goleak_key_field goleak_key_places[GOLEAK_PLACE_NOTHING + 1];

/* Two share a field of the event: of a park it is until=, of all others the other one's goid. */
unsigned goleak_key_place_of(const struct goleak_keyed_key *key, enum goleak_event_kind kind);

/* False: the number does not fit where it belongs. */
static inline bool goleak_key_put_number(struct goleak_event *event, unsigned place, uint64_t value)
{
    unsigned flags = goleak_key_places[place].flags;
    char *at = (char *)event + goleak_key_places[place].offset;
    /* Of a key that stands twice the last one counts. */
    event->has &= ~goleak_key_places[place].has;
    event->has |= (flags & GOLEAK_KEY_PRESENT_IF_NOT_ZERO) && value == 0 ? 0 : goleak_key_places[place].has;
    switch (goleak_key_places[place].size) {
    case 8: memcpy(at, &value, 8); return !(flags & GOLEAK_KEY_ADDRESS) || value <= INT64_MAX;
    case 4: {
        uint32_t half = (uint32_t)value;
        memcpy(at, &half, 4);
        return value <= UINT32_MAX;
    }
    case 1: *(uint8_t *)at = (uint8_t)value; return value <= UINT8_MAX || (flags & GOLEAK_KEY_CUT);
    default: break;
    }
    if (place == GOLEAK_PLACE_BLOCKED) {
        event->flags |= value != 0 ? GOLEAK_FLAG_BLOCKED : 0;
        event->has |= GOLEAK_HAS_BLOCKED;
        return value <= 1;
    }
    if (place == GOLEAK_PLACE_CALLER && event->kind == GOLEAK_EVENT_SPAWN) {
        event->gopc = value;
        event->has |= GOLEAK_HAS_GOPC;
    }
    return true;
}

static inline bool goleak_key_put_signed(struct goleak_event *event, unsigned place, int64_t value)
{
    if (value < INT32_MIN || value > INT32_MAX)
        return false;
    if (place == GOLEAK_PLACE_COUNT) {
        event->count = (int32_t)value;
        event->has |= GOLEAK_HAS_COUNT;
    } else {
        event->blocked_count = (int32_t)value;
        event->has |= GOLEAK_HAS_BLOCKED_COUNT;
    }
    return true;
}

/* fn=: a symbol, or, where the recorder had none, an address. False: memory. */
bool goleak_key_put_function(struct goleak_keyed *keyed, struct goleak_event *event, const char *at, const char *end);

static inline bool goleak_key_is_text(const char *at, size_t size, const char *text)
{
    return strlen(text) == size && memcmp(at, text, size) == 0;
}

static inline bool goleak_key_is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* KEY of " KEY=" at `at` (which stands on the key's first byte); NULL: none. */
static inline const char *goleak_key_end(const char *at, const char *end)
{
    const char *start = at;
    while (at < end && (goleak_key_is_word(*at) || *at == '.'))
        at++;
    return at > start && at < end && *at == '=' ? at : NULL;
}

/* NULL: it is none of ours. */
const struct goleak_keyed_key *goleak_key_find(const char *at, size_t size);

/* Is this the start of a key, cut by the line's end? */
bool goleak_key_is_cut(const char *at, const char *end);

/* Where the value ends that begins at `at`. */
const char *goleak_key_value_end(const char *at, const char *end);

/* By an address that a struct g can have: no program's own small number. */
static inline bool goleak_keyed_names_goroutine(const struct goleak_event *event)
{
    uint64_t g = event->has & GOLEAK_HAS_G ? event->g : event->has & GOLEAK_HAS_OTHER ? event->other_g : 0;
    return g >= 4096 && g % 8 == 0;
}

/* keyed_names.c */
/* A program's output without a newline, and an event's name behind it? */
bool goleak_keyed_ends_in_name(const char *at, size_t size);

#endif
