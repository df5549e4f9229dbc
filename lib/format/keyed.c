/*
 * keyed - see keyed.h.
 *
 * The names are those of the article's scripts and of their extensions; what a
 * name means is one line of `names`, what a key means one line of `keys`, and
 * where its value goes one line of `places`.
 */
#include "format/keyed.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/number.h"
#include "model/locks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

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
    { "newproc1_entry", GOLEAK_EVENT_SPAWN, false },
    { "END", GOLEAK_EVENT_COUNTERS, false },
    { "profile-1s", GOLEAK_EVENT_TICK, false },
    { "tick-1s", GOLEAK_EVENT_TICK, false },
};
#define NAME_COUNT (sizeof names / sizeof *names)

/* The runtime's functions behind channel and lock operations. */
static const char *const objects[] = {
    "chansend",  "chansend1",   "chanrecv",    "chanrecv1",    "chanrecv2",   "closechan",    "makechan",
    "selectgo",  "selectnbsend", "selectnbrecv", "semacquire", "semacquire1", "semrelease",  "semrelease1",
    "notifyListWait", "notifyListNotifyOne", "notifyListNotifyAll",
};

/* Those of package sync, by words that are no other events': see model/locks.h. */
static const char *const locks[] = {
#define X(name, word) word,
    GOLEAK_LOCK_OPS(X)
#undef X
};

static bool is_text(const char *at, size_t size, const char *text)
{
    return strlen(text) == size && memcmp(at, text, size) == 0;
}

bool goleak_keyed_begins_name(const char *at, const char *end)
{
    while (end > at && end[-1] == ' ')
        end--;
    size_t size = (size_t)(end - at);
    size -= size > 1 && end[-1] == ':';
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (strncmp(names[i].name, at, size) == 0)
            return at + size == end || names[i].name[size] == '\0';
    return false;
}

static bool holds(const char *at, size_t size, const char *part)
{
    size_t length = strlen(part);
    for (size_t i = 0; i + length <= size; i++)
        if (memcmp(at + i, part, length) == 0)
            return true;
    return false;
}

/* Families of functions that scripts probe by a glob: runtime.*chan*, runtime.gc*, … */
static enum goleak_event_kind family_of(const char *name, size_t size, bool in_runtime)
{
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
        if (is_text(name, size, objects[i]))
            return GOLEAK_EVENT_OBJECT;
    for (size_t i = 0; !in_runtime && i < sizeof locks / sizeof *locks; i++)
        if (is_text(name, size, locks[i]))
            return GOLEAK_EVENT_OBJECT;
    if (size > 2 && name[0] == 'g' && name[1] == 'c' && name[2] >= 'A' && name[2] <= 'Z')
        return GOLEAK_EVENT_GC;
    if (is_text(name, size, "mallocgc"))
        return GOLEAK_EVENT_ALLOC;
    if (in_runtime && holds(name, size, "chan"))
        return GOLEAK_EVENT_OBJECT;
    if (in_runtime && holds(name, size, "alloc"))
        return GOLEAK_EVENT_ALLOC;
    return GOLEAK_EVENT_OTHER;
}

enum goleak_event_kind goleak_keyed_kind(const char *name, size_t size, bool *needs_goroutine, bool *named)
{
    static const char runtime[] = "runtime.";
    bool in_runtime = size > sizeof runtime - 1 && memcmp(name, runtime, sizeof runtime - 1) == 0;
    if (in_runtime) {
        name += sizeof runtime - 1;
        size -= sizeof runtime - 1;
    }
    *named = false;
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (is_text(name, size, names[i].name)) {
            *needs_goroutine = names[i].needs_goroutine;
            return (enum goleak_event_kind)names[i].kind;
        }
    *needs_goroutine = !in_runtime;
    *named = true;
    return family_of(name, size, in_runtime);
}

/* ---- keys ---- */

/* How a step of a plan is done: one branch for how a value is written and how wide its
 * place is. */
enum run { RUN_HEX_8, RUN_DEC_8, RUN_DEC_4, RUN_DEC_1, RUN_OTHER_NUMBER, RUN_SIGNED, RUN_TEXT };

/* How a value is written. */
enum how { HEX, DEC, SIGNED, TEXT, GOID, FUNCTION, PARENT, ANY };

/* Where a key's value goes. */
enum place {
    P_G,
    P_GOID,
    P_PARENT,
    P_PARENT_GOID,
    P_BY,
    P_BY_GOID,
    P_REASON,
    P_WAIT,
    P_BLOCKED,
    P_COUNT,
    P_BLOCKED_COUNT,
    P_TIME,
    P_CPU,
    P_TID,
    P_PID,
    P_LOCK,
    P_CHAN,
    P_ELEM,
    P_GOPC,
    P_STARTPC,
    P_FUNCTION,
    P_STATUS,
    P_UNTIL,
    P_CALLER,
    P_NOTHING
};

static const struct key {
    const char *name;
    uint8_t how, place;
} keys[] = {
    { "goroutine", HEX, P_G },
    { "goid", GOID, P_GOID },
    { "reason", DEC, P_REASON },
    { "wait", DEC, P_WAIT },
    { "ts", DEC, P_TIME },
    { "cpu", DEC, P_CPU },
    { "tid", DEC, P_TID },
    { "lock", HEX, P_LOCK },
    { "chan", HEX, P_CHAN },
    { "elem", HEX, P_ELEM },
    { "by", HEX, P_BY },
    { "status", DEC, P_STATUS },
    { "parent", PARENT, P_PARENT }, /* its base depends on the rest of the line */
    { "parentgoid", GOID, P_PARENT_GOID },
    { "gopc", HEX, P_GOPC },
    { "startpc", HEX, P_STARTPC },
    { "fn", FUNCTION, P_FUNCTION },
    { "count", SIGNED, P_COUNT },
    { "blocked_count", SIGNED, P_BLOCKED_COUNT },
    { "blocked", DEC, P_BLOCKED },
    { "pid", DEC, P_PID },
    { "g", HEX, P_G },
    { "gp", HEX, P_G },
    { "bygoid", GOID, P_BY_GOID },
    { "by_goid", GOID, P_BY_GOID },
    { "parent_goid", GOID, P_PARENT_GOID },
    { "parentGoid", GOID, P_PARENT_GOID },
    { "callergp", HEX, P_PARENT },
    { "callerpc", HEX, P_CALLER },
    { "waitreason", DEC, P_WAIT },
    { "waitReason", DEC, P_WAIT },
    { "wait_reason", DEC, P_WAIT },
    { "block_reason", DEC, P_REASON },
    { "traceEv", DEC, P_REASON },
    { "comm", TEXT, P_NOTHING },
    { "cases", DEC, P_NOTHING },
    { "until", DEC, P_UNTIL },
    { "pc", HEX, P_CALLER }, /* of newproc1's entry: the go statement */
};
#define KEY_COUNT (sizeof keys / sizeof *keys)

#define FIELD(name) offsetof(struct goleak_event, name), sizeof((struct goleak_event *)0)->name
#define PRESENT_IF_NOT_ZERO 1u
#define ADDRESS 2u /* below 2^63 */
#define CUT 4u     /* only the low bits are of interest */

static const struct {
    uint16_t offset;
    uint8_t size;
    uint8_t flags;
    uint32_t has;
} places[P_NOTHING + 1] = {
    [P_G] = { FIELD(g), PRESENT_IF_NOT_ZERO | ADDRESS, GOLEAK_HAS_G },
    [P_GOID] = { FIELD(goid), PRESENT_IF_NOT_ZERO | ADDRESS, GOLEAK_HAS_GOID },
    [P_PARENT] = { FIELD(other_g), PRESENT_IF_NOT_ZERO | ADDRESS, GOLEAK_HAS_OTHER },
    [P_PARENT_GOID] = { FIELD(other_goid), ADDRESS, GOLEAK_HAS_OTHER_GOID },
    [P_BY] = { FIELD(other_g), PRESENT_IF_NOT_ZERO | ADDRESS, GOLEAK_HAS_OTHER },
    [P_BY_GOID] = { FIELD(other_goid), ADDRESS, GOLEAK_HAS_OTHER_GOID },
    [P_REASON] = { FIELD(reason), 0, GOLEAK_HAS_REASON },
    [P_WAIT] = { FIELD(wait_reason), 0, GOLEAK_HAS_WAIT },
    [P_TIME] = { FIELD(time_ns), ADDRESS, GOLEAK_HAS_TIME },
    [P_CPU] = { FIELD(cpu), 0, GOLEAK_HAS_CPU },
    [P_TID] = { FIELD(tid), 0, GOLEAK_HAS_TID },
    [P_PID] = { FIELD(pid), 0, GOLEAK_HAS_PID },
    [P_LOCK] = { FIELD(lock), 0, GOLEAK_HAS_LOCK },
    [P_CHAN] = { FIELD(chan), 0, GOLEAK_HAS_CHAN },
    [P_ELEM] = { FIELD(elem), 0, GOLEAK_HAS_ELEM },
    [P_GOPC] = { FIELD(gopc), 0, GOLEAK_HAS_GOPC },
    [P_STARTPC] = { FIELD(startpc), 0, GOLEAK_HAS_STARTPC },
    [P_STATUS] = { FIELD(status), CUT, GOLEAK_HAS_STATUS },
    [P_UNTIL] = { FIELD(until_ns), ADDRESS, GOLEAK_HAS_UNTIL },
};

/* Two share a field of the event: of a park it is until=, of all others the other one's goid. */
static unsigned place_of(const struct key *key, enum goleak_event_kind kind)
{
    bool until = key->place == P_UNTIL, shares = until || places[key->place].has == GOLEAK_HAS_OTHER_GOID;
    return shares && until != (kind == GOLEAK_EVENT_PARK) ? P_NOTHING : key->place;
}

/* False: the number does not fit where it belongs. */
static inline bool put_number(struct goleak_event *event, unsigned place, uint64_t value)
{
    unsigned flags = places[place].flags;
    char *at = (char *)event + places[place].offset;
    /* Of a key that stands twice the last one counts. */
    event->has &= ~places[place].has;
    event->has |= (flags & PRESENT_IF_NOT_ZERO) && value == 0 ? 0 : places[place].has;
    switch (places[place].size) {
    case 8:
        memcpy(at, &value, 8);
        return !(flags & ADDRESS) || value <= INT64_MAX;
    case 4: {
        uint32_t half = (uint32_t)value;
        memcpy(at, &half, 4);
        return value <= UINT32_MAX;
    }
    case 1:
        *(uint8_t *)at = (uint8_t)value;
        return value <= UINT8_MAX || (flags & CUT);
    default:
        break;
    }
    if (place == P_BLOCKED) {
        event->flags |= value != 0 ? GOLEAK_FLAG_BLOCKED : 0;
        event->has |= GOLEAK_HAS_BLOCKED;
        return value <= 1;
    }
    if (place == P_CALLER && event->kind == GOLEAK_EVENT_SPAWN) {
        event->gopc = value;
        event->has |= GOLEAK_HAS_GOPC;
    }
    return true;
}

static inline bool put_signed(struct goleak_event *event, unsigned place, int64_t value)
{
    if (value < INT32_MIN || value > INT32_MAX)
        return false;
    if (place == P_COUNT) {
        event->count = (int32_t)value;
        event->has |= GOLEAK_HAS_COUNT;
    } else {
        event->blocked_count = (int32_t)value;
        event->has |= GOLEAK_HAS_BLOCKED_COUNT;
    }
    return true;
}

/* fn=: a symbol, or, where the recorder had none, an address. False: memory. */
static bool put_function(struct goleak_keyed *keyed, struct goleak_event *event, const char *at, const char *end)
{
    uint64_t address;
    if (end - at > 1 && *at == '"' && end[-1] == '"')
        at++, end--; /* perf's strings */
    if (at == end)
        return true;
    if (goleak_parse_hex(at, end, &address) == end) {
        if ((event->has & GOLEAK_HAS_STARTPC) == 0)
            put_number(event, P_STARTPC, address);
        return true;
    }
    size_t size = (size_t)(end - at), length;
    uint32_t *cached = &keyed->functions[goleak_hash_bytes(at, size) % GOLEAK_FUNCTION_CACHE];
    const char *text = goleak_intern_get(&keyed->env.symbols->strings, *cached, &length);
    if (length != size || memcmp(text, at, size) != 0)
        *cached = goleak_symbols_string(keyed->env.symbols, at, size);
    event->name = *cached;
    event->has |= GOLEAK_HAS_START;
    return event->name != 0;
}

/* ---- the general way ---- */

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
        if (keys[i].name[0] == *at && is_text(at, size, keys[i].name))
            return &keys[i];
    return NULL;
}

/* A program's output without a newline, and an event's name behind it? */
static bool ends_in_name(const char *at, size_t size)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
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

/* The first word begins with a key of ours, and two others are some with values: no line of a program's own. */
static bool tells_keys(const char *at, const char *end)
{
    unsigned count = 0;
    const char *word = at;
    while (word < end && is_word(*word))
        word++;
    if (find_key(at, (size_t)(word - at)) == NULL)
        return false;
    while (at < end && count < 2) {
        const char *equals = key_end(at, end), *blank = memchr(at, ' ', (size_t)(end - at));
        count += equals != NULL && find_key(at, (size_t)(equals - at)) != NULL;
        at = blank != NULL ? blank + 1 : end;
    }
    return count == 2;
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

static enum goleak_keyed_result complain(struct goleak_keyed_problem *problem, const char *value, const char *end,
                                         const char *key, const char *expected)
{
    char found[48];
    const char *stop = value;
    while (stop < end && *stop != ' ')
        stop++;
    goleak_escape_excerpt(found, sizeof found, value, (size_t)(stop - value));
    problem->at = value;
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
    struct goleak_key_plan plan;     /* what was read; count UINT8_MAX: nothing that can be planned */
};

static void plan_step(struct line_state *state, const char *name, const char *value, const char *key_stop,
                      const struct key *key, unsigned place, enum how how)
{
    struct goleak_key_plan *plan = &state->plan;
    if (plan->count == UINT8_MAX)
        return;
    bool first = plan->count == 0;
    const char *from = first ? name : name - 1;
    struct goleak_key_step *step = &plan->steps[plan->count % GOLEAK_PLAN_STEPS];
    bool prefixed = how == ANY && key_stop - value > 2 && value[0] == '0' && value[1] == 'x';
    if (key == NULL || plan->count == GOLEAK_PLAN_STEPS || (how == SIGNED && key->how != SIGNED) ||
        (!first && (*from != ' ' || from[-1] == ' ')) || !goleak_word_set(&step->word, from, (size_t)(value - from))) {
        plan->count = UINT8_MAX;
        return;
    }
    /* Whether 0x stands before a number is a matter of its type: the same in every line. */
    if (how == ANY && !prefixed)
        how = DEC;
    else if (prefixed && goleak_word_set(&step->word, from, (size_t)(value + 2 - from)))
        how = HEX;
    plan->count++;
    step->how = (uint8_t)how;
    step->place = (uint8_t)place;
    step->offset = places[place].offset;
    step->has = places[place].has;
    step->has_zero = places[place].flags & PRESENT_IF_NOT_ZERO ? 0 : step->has;
}

/* Every step's how is known. */
static void plan_ready(struct goleak_key_plan *plan)
{
    for (struct goleak_key_step *step = plan->steps; step < plan->steps + plan->count; step++) {
        uint8_t size = places[step->place].size;
        bool decimal = step->how == DEC || step->how == GOID;
        bool cut = (places[step->place].flags & CUT) != 0;
        step->run = step->how == SIGNED                           ? RUN_SIGNED
                    : step->how == TEXT || step->how == FUNCTION  ? RUN_TEXT
                    : step->how == HEX && size == 8               ? RUN_HEX_8
                    : decimal && size == 8                        ? RUN_DEC_8
                    : decimal && size == 4                        ? RUN_DEC_4
                    : decimal && size == 1 && !cut                ? RUN_DEC_1
                                                                  : RUN_OTHER_NUMBER;
    }
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

static const char *parse(enum how how, const char *at, const char *end, uint64_t *number)
{
    return how == HEX ? goleak_parse_hex(at, end, number)
           : how == ANY ? goleak_parse_any(at, end, number)
                        : goleak_parse_u64(at, end, number);
}

/* The address that perf prints behind the arguments where there is no callchain, right-
 * aligned in 16 columns; and not a key that has been cut. */
static bool is_address(const char *at, const char *end)
{
    uint64_t address;
    const char *rest = goleak_parse_hex(at, end, &address);
    return at[-1] == ' ' && at[-2] == ' ' && rest != NULL && rest - at >= 4 && (rest == end || *rest == ' ');
}

/* What a number is expected to be that was read, and does not fit. */
static const char *limit_of(const struct key *key, enum how how, unsigned place)
{
    if (how == SIGNED && key->how != SIGNED)
        return "a number of 0 or more";
    if (how == SIGNED)
        return "a number of at most 2147483647";
    if (how == HEX)
        return "an address of at most 7fffffffffffffff";
    switch (places[place].size) {
    case 1: return "a number of at most 255";
    case 4: return "a number of at most 4294967295";
    case 8: return "a number of at most 9223372036854775807";
    default: return "0 or 1";
    }
}

static enum goleak_keyed_result read_keys(struct goleak_keyed *keyed, const char *at, const char *end,
                                          struct line_state *state, struct goleak_keyed_problem *problem)
{
    static const char *const expected[] = {
        [HEX] = "an address in hexadecimal", [DEC] = "a decimal number", [SIGNED] = "a decimal number",
        [GOID] = "a decimal number",         [ANY] = "a number",
    };
    while (at < end) {
        const char *name = at, *equals = key_end(at, end);
        if (equals == NULL) {
            if (keyed->numbers_tell_base && state->plan.count != 0 && is_address(at, end)) {
                state->plan.count = UINT8_MAX;
                return GOLEAK_KEYED_EVENT;
            }
            problem->at = at;
            snprintf(problem->sentence, sizeof problem->sentence, "found no KEY=VALUE here, expected one");
            return GOLEAK_KEYED_DAMAGED;
        }
        const struct key *key = find_key(name, (size_t)(equals - name));
        unsigned place = key != NULL ? place_of(key, (enum goleak_event_kind)state->event->kind) : P_NOTHING;
        const char *value = equals + 1, *stop;
        enum how how = key == NULL ? TEXT : (enum how)key->how;
        if (keyed->numbers_tell_base && (how == HEX || how == DEC || how == PARENT || how == GOID))
            how = end - value > 1 && *value == '-' ? SIGNED : ANY;
        uint64_t number;
        int64_t integer;
        bool good = true;
        if (how == TEXT || how == FUNCTION || how == PARENT) {
            stop = value_end(value, end);
            if (key == NULL) {
                if (state->unknown_count++ == 0)
                    state->unknown = name, state->unknown_end = equals;
            } else if (how == PARENT) {
                state->parent = value, state->parent_end = stop;
            } else if (how == FUNCTION && !put_function(keyed, state->event, value, stop)) {
                return GOLEAK_KEYED_FAILED;
            }
        } else if (how == SIGNED) {
            stop = goleak_parse_i64(value, end, &integer);
            good = stop != NULL && ((key->how == SIGNED && put_signed(state->event, place, integer)) ||
                                    key->how == GOID || (key->how != SIGNED && place == P_NOTHING));
        } else if (how == GOID && end - value >= 2 && value[0] == '-' && value[1] == '1') {
            stop = value + 2; /* a recorder's word for "cannot be read in this Go version" */
            state->plan.count = UINT8_MAX;
        } else {
            stop = parse(how, value, end, &number);
            good = stop != NULL && put_number(state->event, place, number);
        }
        const char *name_of_key = key != NULL ? key->name : "";
        if (stop == NULL || (stop < end && *stop != ' '))
            return complain(problem, value, end, name_of_key, expected[how]);
        if (!good)
            return complain(problem, value, end, name_of_key, limit_of(key, how, place));
        plan_step(state, name, value, stop, key, place, how);
        for (at = stop; at < end && *at == ' ';)
            at++;
    }
    return GOLEAK_KEYED_EVENT;
}

/* Decimal or not: now the whole line is known. */
static bool read_parent(struct line_state *state)
{
    uint64_t value;
    bool decimal = (state->event->has & GOLEAK_HAS_COUNT) != 0;
    const char *at = state->parent, *end = state->parent_end;
    bool prefixed = end - at > 2 && at[0] == '0' && at[1] == 'x';
    const char *stop = decimal && !prefixed ? goleak_parse_u64(at, end, &value) : goleak_parse_hex(at, end, &value);
    for (unsigned i = 0; i < state->plan.count && state->plan.count != UINT8_MAX; i++)
        if (state->plan.steps[i].how == PARENT)
            state->plan.steps[i].how = decimal ? DEC : HEX;
    return stop == end && put_number(state->event, P_PARENT, value);
}

static enum goleak_keyed_result unknown_event(struct goleak_keyed *keyed, const char *name, size_t size,
                                              struct goleak_event *event)
{
    char text[64] = "";
    if (goleak_health_is_first(keyed->env.health, GOLEAK_HEALTH_unknown_events))
        goleak_escape_excerpt(text, sizeof text, name, size);
    goleak_health_note(keyed->env.health, GOLEAK_HEALTH_unknown_events, 1, event->position, 0, 0, "the event %s",
                       text);
    return GOLEAK_KEYED_EVENT;
}

/* By an address that a struct g can have: no program's own small number. */
static bool names_goroutine(const struct goleak_event *event)
{
    uint64_t g = event->has & GOLEAK_HAS_G ? event->g : event->has & GOLEAK_HAS_OTHER ? event->other_g : 0;
    return g >= 4096 && g % 8 == 0;
}

/* Keys that stand twice, or tell the same, are read by the general way. */
static bool tells_twice(const struct goleak_key_plan *plan)
{
    uint32_t told = 0;
    for (size_t i = 0; i < plan->count; i++) {
        if (told & plan->steps[i].has)
            return true;
        told |= plan->steps[i].has;
    }
    return false;
}

static void keep_plan(struct goleak_keyed *keyed, const struct line_state *state, const char *line, size_t size)
{
    struct goleak_word name;
    uint8_t *at = &keyed->plan_at[goleak_keyed_place(line)];
    if (state->plan.count == 0 || state->plan.count == UINT8_MAX || tells_twice(&state->plan) ||
        !goleak_word_set(&name, line, size))
        return;
    if (*at == 0 && keyed->plans_used == GOLEAK_PLANS)
        return; /* more names than scripts print: the others go the general way */
    if (*at == 0)
        *at = ++keyed->plans_used;
    struct goleak_key_plan *plan = &keyed->plans[*at - 1];
    *plan = state->plan;
    plan->kind = state->event->kind;
    plan->name = name;
    plan_ready(plan);
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
    bool needs_goroutine, named;
    enum goleak_event_kind kind = goleak_keyed_kind(name, size, &needs_goroutine, &named);
    /* "ready: listening on port 8080" is the program's */
    if (key_end(at, end) == NULL && (named || (!is_cut_key(at, end) && !tells_keys(at, end))))
        return GOLEAK_KEYED_NOT;
    /* "donegopark: goroutine=…": goleak_keyed_find takes it apart */
    if (kind == GOLEAK_EVENT_OTHER && (ends_in_name(name, size) || goleak_keyed_find(at, end) != NULL))
        return GOLEAK_KEYED_NOT;

    *event = (struct goleak_event){ .kind = (uint8_t)kind, .position = position };
    struct line_state state = { .event = event };
    size_t name_size = (size_t)(at - name);
    const char *arguments = at;
    enum goleak_keyed_result result = read_keys(keyed, arguments, end, &state, problem);
    if (result == GOLEAK_KEYED_EVENT && state.parent != NULL && !read_parent(&state))
        result = complain(problem, state.parent, state.parent_end, "parent",
                          event->has & GOLEAK_HAS_COUNT ? "a decimal number (this line carries count=)"
                                                        : "an address in hexadecimal");
    if (result == GOLEAK_KEYED_FAILED)
        return result;
    /* A line of the traced program may look like this by chance: without a
     * goroutine it is nobody's event. */
    if (named && needs_goroutine && (result != GOLEAK_KEYED_EVENT || !names_goroutine(event)))
        return GOLEAK_KEYED_NOT;
    if (named && result == GOLEAK_KEYED_EVENT) {
        event->name = goleak_symbols_string(keyed->env.symbols, name, size);
        event->has &= ~GOLEAK_HAS_START;
        if (event->name == 0)
            return GOLEAK_KEYED_FAILED;
        state.plan.event_name = event->name;
    }
    if (result != GOLEAK_KEYED_EVENT)
        return result;
    if (needs_goroutine && !named && (event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) == 0) {
        problem->at = arguments;
        snprintf(problem->sentence, sizeof problem->sentence, "found %.*s without goroutine=, expected one",
                 (int)size, name);
        return GOLEAK_KEYED_DAMAGED;
    }
    note_unknown_keys(keyed, &state);
    if (kind == GOLEAK_EVENT_OTHER)
        return unknown_event(keyed, name, size, event);
    if (end - name > 16)
        keep_plan(keyed, &state, name, name_size);
    return GOLEAK_KEYED_EVENT;
}

enum goleak_keyed_result goleak_keyed_arguments(struct goleak_keyed *keyed, const char *at, const char *end,
                                                struct goleak_event *event, struct goleak_key_plan *plan,
                                                struct goleak_keyed_problem *problem)
{
    struct line_state state = { .event = event };
    enum goleak_keyed_result result = read_keys(keyed, at, end, &state, problem);
    if (result != GOLEAK_KEYED_EVENT)
        return result;
    note_unknown_keys(keyed, &state);
    plan->count = 0;
    if (state.plan.count != UINT8_MAX && !tells_twice(&state.plan)) {
        uint8_t kind = plan->kind;
        uint32_t name = plan->event_name;
        *plan = state.plan;
        plan->kind = kind;
        plan->event_name = name;
        plan_ready(plan);
    }
    return GOLEAK_KEYED_EVENT;
}

/* ---- by a plan ---- */

/* Where a text ends: before the next key, or at the line's end. NULL: at a key that
 * is not the planned one, or what the general way reads otherwise. */
static const char *plan_text(const struct goleak_key_step *next, const char *at, const char *limit)
{
    for (const char *from = at; (at = goleak_find_blank(at, limit)) < limit; at++) {
        if (*at == '\n')
            return at > from && at[-1] != ' ' && at[-1] != '\r' ? at : NULL;
        if (*at == '\0')
            return NULL;
        if (*at != ' ')
            continue;
        if (next != NULL && goleak_word_at(&next->word, at))
            return at;
        if (key_end(at + 1, limit) != NULL)
            return NULL;
    }
    return NULL;
}

/* What the general way would not take for an event of this name. */
static bool lacks_goroutine(const struct goleak_key_plan *plan, const struct goleak_event *event)
{
    const uint32_t nobodys = 1u << GOLEAK_EVENT_SPAWN | 1u << GOLEAK_EVENT_COUNTERS | 1u << GOLEAK_EVENT_TICK;
    if (plan->event_name != 0)
        return !names_goroutine(event);
    return (nobodys >> plan->kind & 1) == 0 && (event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) == 0;
}

const char *goleak_keyed_plan_run(struct goleak_keyed *keyed, const struct goleak_key_plan *plan, const char *at,
                                  const char *limit, struct goleak_event *event)
{
    goleak_event_begin(event, plan->kind);
    for (const struct goleak_key_step *step = plan->steps, *stop = step + plan->count; step < stop; step++) {
        uint64_t number;
        int32_t integer;
        char *place = (char *)event + step->offset;
        if (at >= limit || !goleak_word_at(&step->word, at))
            return NULL;
        const char *value = at + step->word.size;
        switch ((enum run)step->run) {
        case RUN_HEX_8:
            at = goleak_fast_hex(value, &number);
            memcpy(place, &number, 8);
            event->has |= number != 0 ? step->has : step->has_zero;
            break;
        case RUN_DEC_8:
            at = goleak_fast_u64(value, &number); /* 18 digits are below 2^63 */
            memcpy(place, &number, 8);
            event->has |= number != 0 ? step->has : step->has_zero;
            break;
        case RUN_DEC_4: {
            at = goleak_fast_u64(value, &number);
            uint32_t half = (uint32_t)number;
            memcpy(place, &half, 4);
            event->has |= step->has;
            if (number > UINT32_MAX)
                return NULL;
            break;
        }
        case RUN_DEC_1:
            at = goleak_fast_u64(value, &number);
            *(uint8_t *)place = (uint8_t)number;
            event->has |= step->has;
            if (number > UINT8_MAX)
                return NULL;
            break;
        case RUN_OTHER_NUMBER:
            if (step->how == ANY && value[0] == '0' && value[1] == 'x')
                at = goleak_fast_hex(value += 2, &number);
            else
                at = step->how == HEX ? goleak_fast_hex(value, &number) : goleak_fast_u64(value, &number);
            if (!put_number(event, step->place, number))
                return NULL;
            break;
        case RUN_SIGNED:
            at = goleak_fast_i32(value, &integer);
            if (!put_signed(event, step->place, integer))
                return NULL;
            break;
        case RUN_TEXT:
            at = plan_text(step + 1 < stop ? step + 1 : NULL, value, limit);
            if (at == NULL || (step->how == FUNCTION && !put_function(keyed, event, value, at)))
                return NULL;
            continue;
        }
        if (at == value)
            return NULL;
    }
    if (lacks_goroutine(plan, event))
        return NULL;
    if (plan->event_name != 0) {
        event->name = plan->event_name;
        event->has &= ~GOLEAK_HAS_START;
    }
    return at;
}

/* ---- by a shape ---- */

const char *goleak_keyed_shape_run(struct goleak_keyed *keyed, const char *at, struct goleak_event *event)
{
    const char *end, *text;
    const struct goleak_shape *shape = goleak_shapes_read(&keyed->shapes, at, event, &end);
    if (shape == NULL)
        return NULL;
    text = at + shape->text_at;
    if (shape->text_size != 0 && !put_function(keyed, event, text, text + shape->text_size))
        return NULL;
    return end;
}

/* What a step's number is to a shape; GOLEAK_SHAPE_FIELDS: it is for the plan alone. */
static enum goleak_shape_field field_of(const struct goleak_key_plan *plan, const struct goleak_key_step *step,
                                        uint32_t *has)
{
    static const uint8_t fields[] = {
        [P_G] = GOLEAK_SHAPE_G,
        [P_GOID] = GOLEAK_SHAPE_GOID,
        [P_PARENT] = GOLEAK_SHAPE_OTHER_G,
        [P_PARENT_GOID] = GOLEAK_SHAPE_OTHER_GOID,
        [P_BY] = GOLEAK_SHAPE_OTHER_G,
        [P_BY_GOID] = GOLEAK_SHAPE_OTHER_GOID,
        [P_REASON] = GOLEAK_SHAPE_REASON,
        [P_WAIT] = GOLEAK_SHAPE_WAIT,
        [P_BLOCKED] = GOLEAK_SHAPE_FIELDS,
        [P_COUNT] = GOLEAK_SHAPE_FIELDS,
        [P_BLOCKED_COUNT] = GOLEAK_SHAPE_FIELDS,
        [P_TIME] = GOLEAK_SHAPE_TIME,
        [P_CPU] = GOLEAK_SHAPE_CPU,
        [P_TID] = GOLEAK_SHAPE_TID,
        [P_PID] = GOLEAK_SHAPE_PID,
        [P_LOCK] = GOLEAK_SHAPE_LOCK,
        [P_CHAN] = GOLEAK_SHAPE_CHAN,
        [P_ELEM] = GOLEAK_SHAPE_ELEM,
        [P_GOPC] = GOLEAK_SHAPE_GOPC,
        [P_STARTPC] = GOLEAK_SHAPE_STARTPC,
        [P_STATUS] = GOLEAK_SHAPE_STATUS,
        [P_FUNCTION] = GOLEAK_SHAPE_FIELDS,
        [P_UNTIL] = GOLEAK_SHAPE_OTHER_GOID, /* one field of the event */
        [P_CALLER] = GOLEAK_SHAPE_NOTHING,
        [P_NOTHING] = GOLEAK_SHAPE_NOTHING,
    };
    *has = step->has;
    if (step->place != P_CALLER || plan->kind != GOLEAK_EVENT_SPAWN)
        return (enum goleak_shape_field)fields[step->place];
    *has = GOLEAK_HAS_GOPC; /* as put_number does */
    return GOLEAK_SHAPE_GOPC;
}

/* A step's value in a shape: up to the next blank. */
static void shape_value(const struct goleak_key_plan *plan, const struct goleak_key_step *step, const char *at,
                        size_t size, struct goleak_shape_draft *draft)
{
    uint32_t has;
    enum goleak_shape_field field = field_of(plan, step, &has);
    if (step->run == RUN_TEXT)
        goleak_shape_text(draft, at, size, step->how == FUNCTION);
    else if (field == GOLEAK_SHAPE_FIELDS || (step->how != HEX && step->how != DEC && step->how != GOID))
        draft->failed = true;
    else
        goleak_shape_number(draft, field, step->how == HEX, at, size, has);
}

void goleak_keyed_shape(const struct goleak_key_plan *plan, const char *at, struct goleak_shape_draft *draft)
{
    const uint32_t nobodys = 1u << GOLEAK_EVENT_SPAWN | 1u << GOLEAK_EVENT_COUNTERS | 1u << GOLEAK_EVENT_TICK;
    draft->failed = draft->failed || plan->event_name != 0; /* these need more than a number for their goroutine */
    for (const struct goleak_key_step *step = plan->steps, *stop = step + plan->count; step < stop; step++) {
        const char *value = at + step->word.size;
        for (at = value; (unsigned char)*at > ' ';)
            at++;
        bool ends = step + 1 == stop ? *at == '\n' : goleak_word_at(&step[1].word, at);
        draft->failed = draft->failed || !ends;
        if (draft->failed)
            return;
        shape_value(plan, step, value, (size_t)(at - value), draft);
    }
    if ((nobodys >> plan->kind & 1) == 0)
        draft->shape.needs = GOLEAK_HAS_G | GOLEAK_HAS_GOID;
}

void goleak_keyed_remember(struct goleak_keyed *keyed, const struct goleak_event *event)
{
    keyed->last_keys[event->kind] = event->has;
    if (event->has & GOLEAK_HAS_TIME)
        keyed->last_ns = event->time_ns;
    if (event->has & GOLEAK_HAS_COUNT)
        keyed->last_count = event->count;
    if (event->has & GOLEAK_HAS_BLOCKED_COUNT)
        keyed->last_blocked_count = event->blocked_count;
}

/* Without its last digit it would be a tenth of what the line before has, or what comes next. */
static bool goes_on(int64_t value, int64_t before)
{
    return (value < 0 ? -value : value) >= (before < 0 ? -before : before) / 2;
}

/* Behind the last value of [at, end) nothing is missing: digits, or the rest of a name. */
static bool ends_whole(const struct goleak_keyed *keyed, const char *at, const char *end,
                       const struct goleak_event *event)
{
    const char *value = end;
    while (value > at && value[-1] != '=')
        value--;
    if (value == at)
        return true; /* no keys: perf's address stands in parentheses */
    const char *stop = value - 1, *name = stop;
    while (name > at && is_word(name[-1]))
        name--;
    const struct key *key = find_key(name, (size_t)(stop - name));
    if (key == NULL)
        return true; /* which nobody reads */
    if (key->how == TEXT || key->how == FUNCTION)
        return false;
    if (memchr(value, ' ', (size_t)(end - value)) != NULL)
        return true;
    switch (key->place) {
    case P_TIME: return goes_on(event->time_ns, keyed->last_ns);
    case P_COUNT: return goes_on(event->count, keyed->last_count);
    case P_BLOCKED_COUNT: return goes_on(event->blocked_count, keyed->last_blocked_count);
    default: return false;
    }
}

bool goleak_keyed_is_whole(const struct goleak_keyed *keyed, const char *at, const char *end,
                           const struct goleak_event *event, bool first)
{
    uint32_t before = keyed->last_keys[event->kind];
    /* The first of its kind: only the scripts' counters, which end a line, tell. */
    bool has_all = before != 0 ? (before & ~event->has) == 0
                               : first || (event->has & (GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT)) != 0;
    return has_all && ends_whole(keyed, at, end, event);
}

/* Nothing but known keys, more than one: else programs log such lines. */
static bool are_all_keys(const char *at, const char *end)
{
    unsigned count = 0;
    while (at < end) {
        const char *equals = key_end(at, end);
        if (equals == NULL || find_key(at, (size_t)(equals - at)) == NULL)
            return false;
        for (at = value_end(equals + 1, end); at < end && *at == ' ';)
            at++;
        count++;
    }
    return count > 1;
}

/* ": goroutine=c000102000", ": g=…": what stands behind the name of an event that concerns a goroutine. */
static bool begins_keys(const char *at, const char *end)
{
    static const char usual[] = ": goroutine=";
    static const char *const marks[] = { ": g=", ": goid=", ": parent=", ": parentgoid=" };
    const size_t usual_size = sizeof usual - 1;
    if ((size_t)(end - at) >= usual_size && memcmp(at, usual, usual_size) == 0)
        return (size_t)(end - at) == usual_size || at[usual_size] != '%'; /* a script's own text */
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const size_t size = strlen(marks[i]);
        if ((size_t)(end - at) >= size && memcmp(at, marks[i], size) == 0)
            return are_all_keys(at + 2, end);
    }
    return false;
}

const char *goleak_keyed_find(const char *at, const char *end)
{
    for (const char *from = at; (from = memchr(from, ':', (size_t)(end - from))) != NULL; from++) {
        if (!begins_keys(from, end))
            continue;
        for (size_t i = 0; i < NAME_COUNT; i++) {
            size_t length = strlen(names[i].name);
            if ((size_t)(from - at) >= length && memcmp(from - length, names[i].name, length) == 0)
                return from - length;
        }
    }
    return NULL;
}

enum goleak_event_kind goleak_keyed_event(const char *at, const char *end)
{
    size_t index = 0;
    bool found = false;
    for (; index < NAME_COUNT; index++) {
        size_t size = strlen(names[index].name);
        if ((size_t)(end - at) > size + 2 && memcmp(at, names[index].name, size) == 0 && at[size] == ':' &&
            at[size + 1] == ' ')
            break;
    }
    if (index == NAME_COUNT)
        return GOLEAK_EVENT_OTHER;
    at += strlen(names[index].name) + 2;
    while (at < end) {
        const char *equals = key_end(at, end);
        if (equals == NULL)
            return GOLEAK_EVENT_OTHER;
        const struct key *key = find_key(at, (size_t)(equals - at));
        bool whose = key != NULL && (key->place == P_G || key->place == P_GOID);
        bool other = key != NULL && (key->place == P_COUNT || key->place == P_PARENT);
        found = found || (names[index].needs_goroutine ? whose : other);
        for (at = value_end(equals + 1, end); at < end && *at == ' ';)
            at++;
    }
    return found ? names[index].kind : GOLEAK_EVENT_OTHER;
}
