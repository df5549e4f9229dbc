/*
 * keyed - see keyed.h.
 *
 * The names are those of the article's scripts and of their extensions; what a
 * name means is one line of `names`, what a key means one line of `keys`.
 */
#include "format/keyed.h"

#include "base/error.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    uint8_t kind;
    bool needs_goroutine;
} names[] = {
    { "newproc1", GOLEAK_EVENT_CREATE, true },
    { "gopark", GOLEAK_EVENT_PARK, true },
    { "godestroy", GOLEAK_EVENT_END, true },
    { "gdestroy", GOLEAK_EVENT_END, true },
    { "goexit0", GOLEAK_EVENT_END, true },
    { "ready", GOLEAK_EVENT_READY, true },
    { "goready", GOLEAK_EVENT_READY, true },
    { "execute", GOLEAK_EVENT_RUN, true },
    { "main.main", GOLEAK_EVENT_MAIN, true },
    { "END", GOLEAK_EVENT_COUNTERS, false },
    { "profile-1s", GOLEAK_EVENT_TICK, false },
    { "tick-1s", GOLEAK_EVENT_TICK, false },
};

enum key_type { KEY_HEX, KEY_DEC, KEY_SIGNED, KEY_TEXT, KEY_GOID };

/* Where a key's value goes. */
enum key_place {
    P_G, P_GOID, P_PARENT, P_PARENT_GOID, P_BY, P_BY_GOID, P_REASON, P_WAIT, P_BLOCKED, P_COUNT, P_BLOCKED_COUNT,
    P_TIME, P_CPU, P_TID, P_PID, P_LOCK, P_CHAN, P_ELEM, P_GOPC, P_STARTPC, P_FUNCTION, P_STATUS, P_NOTHING
};

static const struct key {
    const char *name;
    uint8_t type, place;
} keys[] = {
    { "goroutine", KEY_HEX, P_G },
    { "goid", KEY_GOID, P_GOID },
    { "reason", KEY_DEC, P_REASON },
    { "wait", KEY_DEC, P_WAIT },
    { "ts", KEY_DEC, P_TIME },
    { "cpu", KEY_DEC, P_CPU },
    { "tid", KEY_DEC, P_TID },
    { "lock", KEY_HEX, P_LOCK },
    { "chan", KEY_HEX, P_CHAN },
    { "elem", KEY_HEX, P_ELEM },
    { "by", KEY_HEX, P_BY },
    { "status", KEY_DEC, P_STATUS },
    { "parent", KEY_TEXT, P_PARENT }, /* read when the whole line is known */
    { "parentgoid", KEY_GOID, P_PARENT_GOID },
    { "gopc", KEY_HEX, P_GOPC },
    { "startpc", KEY_HEX, P_STARTPC },
    { "fn", KEY_TEXT, P_FUNCTION },
    { "count", KEY_SIGNED, P_COUNT },
    { "blocked_count", KEY_SIGNED, P_BLOCKED_COUNT },
    { "blocked", KEY_DEC, P_BLOCKED },
    { "pid", KEY_DEC, P_PID },
    { "g", KEY_HEX, P_G },
    { "bygoid", KEY_GOID, P_BY_GOID },
    { "by_goid", KEY_GOID, P_BY_GOID },
    { "parent_goid", KEY_GOID, P_PARENT_GOID },
    { "parentGoid", KEY_GOID, P_PARENT_GOID },
    { "waitreason", KEY_DEC, P_WAIT },
    { "comm", KEY_TEXT, P_NOTHING },
    { "pc", KEY_TEXT, P_NOTHING },
    { "traceEv", KEY_DEC, P_REASON },
};
#define KEY_COUNT (sizeof keys / sizeof *keys)

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_name(char c)
{
    return is_word(c) || c == '.' || c == '-' || c == ':' || c == '/' || c == '*';
}

/* KEY of " KEY=" at `at` (which stands on the key's first byte); NULL: none. */
static const char *key_end(const char *at, const char *end)
{
    const char *start = at;
    while (at < end && (is_word(*at) || *at == '.'))
        at++;
    return at > start && at < end && *at == '=' ? at : NULL;
}

static const struct key *find_key(const char *at, size_t size)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].name[0] == *at && strlen(keys[i].name) == size && memcmp(keys[i].name, at, size) == 0)
            return &keys[i];
    return NULL;
}

/* A program's output without a newline, and an event's name behind it? */
static bool ends_in_name(const char *at, size_t size)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i].name);
        if (names[i].needs_goroutine && length < size && at[size - length - 1] != '_' &&
            memcmp(at + size - length, names[i].name, length) == 0)
            return true;
    }
    return false;
}

/* Is this the start of a key, cut by the line's end? */
static bool is_cut_key(const char *at, const char *end)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strncmp(keys[i].name, at, (size_t)(end - at)) == 0)
            return true;
    return false;
}

/* Where the value ends that begins at `at`. */
static const char *value_end(const char *at, const char *end)
{
    for (; at < end; at++) {
        at = memchr(at, ' ', (size_t)(end - at));
        if (at == NULL)
            return end;
        if (key_end(at + 1, end) != NULL)
            return at;
    }
    return end;
}

static enum goleak_keyed_result complain(struct goleak_keyed_problem *problem, const char *at, const char *value,
                                         const char *end, const char *key, const char *expected)
{
    char found[48];
    const char *stop = value;
    while (stop < end && *stop != ' ')
        stop++;
    goleak_escape_excerpt(found, sizeof found, value, (size_t)(stop - value));
    problem->at = at;
    if (found[0] == '\0')
        snprintf(problem->sentence, sizeof problem->sentence, "found nothing behind %s=, expected %s", key, expected);
    else
        snprintf(problem->sentence, sizeof problem->sentence, "found %s=%s, expected %s", key, found, expected);
    return GOLEAK_KEYED_DAMAGED;
}

struct line_state {
    struct goleak_event *event;
    const char *unknown, *unknown_end; /* the first key that has no place */
    unsigned unknown_count;
    const char *parent, *parent_end; /* the value of parent=, not yet read */
};

/* False: the number does not fit where it belongs. */
static bool put_number(struct line_state *state, enum key_place place, uint64_t value)
{
    struct goleak_event *event = state->event;
    switch (place) {
    case P_G:
        event->g = value;
        event->has |= value != 0 ? GOLEAK_HAS_G : 0;
        return value <= INT64_MAX;
    case P_GOID:
        event->goid = value;
        event->has |= value != 0 ? GOLEAK_HAS_GOID : 0;
        return value <= INT64_MAX;
    case P_PARENT:
    case P_BY:
        event->other_g = value;
        event->has |= value != 0 ? GOLEAK_HAS_OTHER : 0;
        return value <= INT64_MAX;
    case P_PARENT_GOID:
    case P_BY_GOID:
        event->other_goid = value;
        event->has |= GOLEAK_HAS_OTHER_GOID;
        return value <= INT64_MAX;
    case P_REASON:
        event->reason = (uint8_t)value;
        event->has |= GOLEAK_HAS_REASON;
        return value <= UINT8_MAX;
    case P_WAIT:
        event->wait_reason = (uint8_t)value;
        event->has |= GOLEAK_HAS_WAIT;
        return value <= UINT8_MAX;
    case P_STATUS:
        event->status = (uint8_t)value;
        event->has |= GOLEAK_HAS_STATUS;
        return true;
    case P_BLOCKED:
        event->flags |= value != 0 ? GOLEAK_FLAG_BLOCKED : 0;
        event->has |= GOLEAK_HAS_BLOCKED;
        return value <= 1;
    case P_TIME:
        event->time_ns = (int64_t)value;
        event->has |= GOLEAK_HAS_TIME;
        return value <= INT64_MAX;
    case P_CPU:
        event->cpu = (uint32_t)value;
        event->has |= GOLEAK_HAS_CPU;
        return value <= UINT32_MAX;
    case P_TID:
        event->tid = (uint32_t)value;
        event->has |= GOLEAK_HAS_TID;
        return value <= UINT32_MAX;
    case P_PID:
        event->pid = (uint32_t)value;
        event->has |= GOLEAK_HAS_PID;
        return value <= UINT32_MAX;
    case P_LOCK:
        event->lock = value;
        event->has |= GOLEAK_HAS_LOCK;
        return true;
    case P_CHAN:
        event->chan = value;
        event->has |= GOLEAK_HAS_CHAN;
        return true;
    case P_ELEM:
        event->elem = value;
        event->has |= GOLEAK_HAS_ELEM;
        return true;
    case P_GOPC:
        event->gopc = value;
        event->has |= GOLEAK_HAS_GOPC;
        return true;
    case P_STARTPC:
        event->startpc = value;
        event->has |= GOLEAK_HAS_STARTPC;
        return true;
    default:
        return true;
    }
}

static bool put_signed(struct line_state *state, enum key_place place, int64_t value)
{
    if (value < INT32_MIN || value > INT32_MAX)
        return false;
    if (place == P_COUNT) {
        state->event->count = (int32_t)value;
        state->event->has |= GOLEAK_HAS_COUNT;
    } else {
        state->event->blocked_count = (int32_t)value;
        state->event->has |= GOLEAK_HAS_BLOCKED_COUNT;
    }
    return true;
}

/* fn=: a symbol, or, where the recorder had none, an address. */
static bool put_function(struct goleak_keyed *keyed, struct line_state *state, const char *at, const char *end)
{
    uint64_t address;
    struct goleak_event *event = state->event;
    if (at == end)
        return true;
    if (goleak_parse_hex(at, end, &address) == end) {
        if ((event->has & GOLEAK_HAS_STARTPC) == 0)
            put_number(state, P_STARTPC, address);
        return true;
    }
    event->name = goleak_symbols_string(keyed->env.symbols, at, (size_t)(end - at));
    event->has |= GOLEAK_HAS_START;
    return event->name != 0;
}

/* Only when the line has turned out to be an event: programs print anything. */
static void note_unknown_keys(struct goleak_keyed *keyed, const struct line_state *state)
{
    char name[64] = "";
    if (state->unknown_count == 0)
        return;
    if (goleak_health_is_first(keyed->env.health, GOLEAK_HEALTH_unknown_keys))
        goleak_escape_excerpt(name, sizeof name, state->unknown, (size_t)(state->unknown_end - state->unknown));
    goleak_health_note(keyed->env.health, GOLEAK_HEALTH_unknown_keys, state->unknown_count, state->event->position, 0,
                       0, "the key %s", name);
}

static enum goleak_keyed_result read_keys(struct goleak_keyed *keyed, const char *at, const char *end,
                                          struct line_state *state, struct goleak_keyed_problem *problem)
{
    static const char *const expected[] = { "an address in hexadecimal", "a decimal number", "a decimal number",
                                            "text", "a decimal number" };
    while (at < end) {
        const char *name = at, *equals = key_end(at, end);
        if (equals == NULL) {
            problem->at = at;
            snprintf(problem->sentence, sizeof problem->sentence, "found no KEY=VALUE here, expected one");
            return GOLEAK_KEYED_DAMAGED;
        }
        const struct key *key = find_key(name, (size_t)(equals - name));
        const char *value = equals + 1, *stop = value;
        uint64_t number;
        int64_t integer;
        bool good = true;
        if (key == NULL || key->type == KEY_TEXT) {
            stop = value_end(value, end);
            if (key == NULL) {
                if (state->unknown_count++ == 0)
                    state->unknown = name, state->unknown_end = equals;
            } else if (key->place == P_PARENT) {
                state->parent = value, state->parent_end = stop;
            } else if (key->place == P_FUNCTION && !put_function(keyed, state, value, stop)) {
                return GOLEAK_KEYED_FAILED;
            }
        } else if (key->type == KEY_SIGNED) {
            stop = goleak_parse_i64(value, end, &integer);
            good = stop != NULL && put_signed(state, key->place, integer);
        } else if (key->type == KEY_GOID && end - value >= 2 && value[0] == '-' && value[1] == '1') {
            stop = value + 2; /* a recorder's word for "cannot be read in this Go version" */
        } else {
            stop = key->type == KEY_HEX ? goleak_parse_hex(value, end, &number) : goleak_parse_u64(value, end, &number);
            good = stop != NULL && put_number(state, key->place, number);
        }
        if (!good || stop == NULL || (stop < end && *stop != ' '))
            return complain(problem, value, value, end, key->name, expected[key->type]);
        for (at = stop; at < end && *at == ' ';)
            at++;
    }
    return GOLEAK_KEYED_EVENT;
}

static bool read_parent(struct line_state *state)
{
    uint64_t value;
    bool decimal = (state->event->has & GOLEAK_HAS_COUNT) != 0;
    const char *at = state->parent, *end = state->parent_end;
    bool prefixed = end - at > 2 && at[0] == '0' && at[1] == 'x';
    const char *stop =
        decimal && !prefixed ? goleak_parse_u64(at, end, &value) : goleak_parse_hex(at, end, &value);
    return stop == end && put_number(state, P_PARENT, value);
}

static enum goleak_keyed_result unknown_event(struct goleak_keyed *keyed, const char *name, size_t size,
                                              uint64_t position, struct goleak_event *event)
{
    char text[64] = "";
    event->kind = GOLEAK_EVENT_OTHER;
    event->name = goleak_symbols_string(keyed->env.symbols, name, size);
    if (event->name == 0)
        return GOLEAK_KEYED_FAILED;
    event->has &= ~GOLEAK_HAS_START;
    if (goleak_health_is_first(keyed->env.health, GOLEAK_HEALTH_unknown_events))
        goleak_escape_excerpt(text, sizeof text, name, size);
    goleak_health_note(keyed->env.health, GOLEAK_HEALTH_unknown_events, 1, position, 0, 0, "the event %s", text);
    return GOLEAK_KEYED_EVENT;
}

/* By an address that a struct g can have: no program's own small number. */
static bool names_goroutine(const struct goleak_event *event)
{
    uint64_t g = event->has & GOLEAK_HAS_G ? event->g : event->has & GOLEAK_HAS_OTHER ? event->other_g : 0;
    return g >= 4096 && g % 8 == 0;
}

enum goleak_keyed_result goleak_keyed_read(struct goleak_keyed *keyed, const char *at, const char *end,
                                           uint64_t position, struct goleak_event *event,
                                           struct goleak_keyed_problem *problem)
{
    const char *name = at;
    while (at < end && is_name(*at) && !(*at == ':' && at + 1 < end && at[1] == ' '))
        at++;
    size_t size = (size_t)(at - name);
    if (size == 0 || size > 64 || end - at < 2 || at[0] != ':' || at[1] != ' ')
        return GOLEAK_KEYED_NOT;
    for (at += 2; at < end && *at == ' ';)
        at++;
    size_t index = 0;
    while (index < sizeof names / sizeof *names &&
           (strlen(names[index].name) != size || memcmp(names[index].name, name, size) != 0))
        index++;
    bool known = index < sizeof names / sizeof *names;
    if (key_end(at, end) == NULL && (!known || !is_cut_key(at, end)))
        return GOLEAK_KEYED_NOT; /* "ready: listening on port 8080" is the program's */
    if (!known && (ends_in_name(name, size) || goleak_keyed_find(at, end) != NULL))
        return GOLEAK_KEYED_NOT; /* "donegopark: goroutine=…": goleak_keyed_find takes it apart */

    *event = (struct goleak_event){ .position = position };
    struct line_state state = { .event = event };
    enum goleak_keyed_result result = read_keys(keyed, at, end, &state, problem);
    if (result == GOLEAK_KEYED_EVENT && state.parent != NULL && !read_parent(&state))
        result = complain(problem, state.parent, state.parent, state.parent_end, "parent",
                          event->has & GOLEAK_HAS_COUNT ? "a decimal number (this line carries count=)"
                                                        : "an address in hexadecimal");
    if (!known) {
        /* A line of the traced program may look like this by chance: without a
         * goroutine it is nobody's event. */
        if (result == GOLEAK_KEYED_FAILED)
            return result;
        if (result != GOLEAK_KEYED_EVENT || !names_goroutine(event))
            return GOLEAK_KEYED_NOT;
        note_unknown_keys(keyed, &state);
        return unknown_event(keyed, name, size, position, event);
    }
    if (result != GOLEAK_KEYED_EVENT)
        return result;
    if (names[index].needs_goroutine && (event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) == 0) {
        problem->at = at;
        snprintf(problem->sentence, sizeof problem->sentence, "found %s without goroutine=, expected one",
                 names[index].name);
        return GOLEAK_KEYED_DAMAGED;
    }
    event->kind = names[index].kind;
    note_unknown_keys(keyed, &state);
    return GOLEAK_KEYED_EVENT;
}

void goleak_keyed_remember(struct goleak_keyed *keyed, const struct goleak_event *event)
{
    keyed->last_keys[event->kind] = event->has;
    if (event->has & GOLEAK_HAS_TIME)
        keyed->last_ns = event->time_ns;
}

/* A timestamp that lacks digits lies far before the others. */
#define CUT_TIME_NS ((int64_t)1000000000)

bool goleak_keyed_is_whole(const struct goleak_keyed *keyed, const struct goleak_event *event, bool first)
{
    uint32_t before = keyed->last_keys[event->kind];
    if ((event->has & GOLEAK_HAS_TIME) && event->time_ns < keyed->last_ns - CUT_TIME_NS)
        return false;
    if (before != 0)
        return (before & ~event->has) == 0;
    /* The first of its kind: only the scripts' counters, which end a line, tell. */
    return first || (event->has & (GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT)) != 0;
}

const char *goleak_keyed_find(const char *at, const char *end)
{
    static const char mark[] = ": goroutine=";
    const size_t size = sizeof mark - 1;
    for (const char *from = at; (size_t)(end - from) >= size; from++) {
        from = memchr(from, ':', (size_t)(end - from) - size + 1);
        if (from == NULL)
            return NULL;
        if (memcmp(from, mark, size) != 0)
            continue;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            size_t length = strlen(names[i].name);
            if ((size_t)(from - at) >= length && memcmp(from - length, names[i].name, length) == 0)
                return from - length;
        }
    }
    return NULL;
}

bool goleak_keyed_is_event(const char *at, const char *end)
{
    size_t index = 0;
    bool found = false;
    for (; index < sizeof names / sizeof *names; index++) {
        size_t size = strlen(names[index].name);
        if ((size_t)(end - at) > size + 2 && memcmp(at, names[index].name, size) == 0 && at[size] == ':' &&
            at[size + 1] == ' ')
            break;
    }
    if (index == sizeof names / sizeof *names)
        return false;
    at += strlen(names[index].name) + 2;
    while (at < end) {
        const char *equals = key_end(at, end);
        if (equals == NULL)
            return false;
        const struct key *key = find_key(at, (size_t)(equals - at));
        bool whose = key != NULL && (key->place == P_G || key->place == P_GOID);
        bool counter = key != NULL && key->place == P_COUNT;
        found = found || (names[index].needs_goroutine ? whose : counter);
        for (at = value_end(equals + 1, end); at < end && *at == ' ';)
            at++;
    }
    return found;
}
