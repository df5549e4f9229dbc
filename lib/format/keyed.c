/*
 * keyed - see keyed.h. Any line, by which a plan for the next ones is made (keyed_plan.c).
 * Names of events are in keyed_names.c, keys in keyed_keys.c.
 */
#include "format/keyed_keys.h"

#include "base/error.h"
#include "base/number.h"

#include <stdio.h>

/* ---- the general way ---- */

static bool is_name(char c)
{
    return goleak_key_is_word(c) || c == '.' || c == '-' || c == ':' || c == '/' || c == '*';
}

/* The first word begins with a key of ours, and two others are some with values: no line of a program's own. */
static bool tells_keys(const char *at, const char *end)
{
    unsigned count = 0;
    const char *word = at;
    while (word < end && goleak_key_is_word(*word))
        word++;
    if (goleak_key_find(at, (size_t)(word - at)) == NULL)
        return false;
    while (at < end && count < 2) {
        const char *equals = goleak_key_end(at, end), *blank = memchr(at, ' ', (size_t)(end - at));
        count += equals != NULL && goleak_key_find(at, (size_t)(equals - at)) != NULL;
        at = blank != NULL ? blank + 1 : end;
    }
    return count == 2;
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
                      const struct goleak_keyed_key *key, unsigned place, enum goleak_key_how how)
{
    struct goleak_key_plan *plan = &state->plan;
    if (plan->count == UINT8_MAX)
        return;
    bool first = plan->count == 0;
    const char *from = first ? name : name - 1;
    struct goleak_key_step *step = &plan->steps[plan->count % GOLEAK_PLAN_STEPS];
    bool prefixed = how == GOLEAK_HOW_ANY && key_stop - value > 2 && value[0] == '0' && value[1] == 'x';
    if (key == NULL || plan->count == GOLEAK_PLAN_STEPS ||
        (how == GOLEAK_HOW_SIGNED && key->how != GOLEAK_HOW_SIGNED) || (!first && (*from != ' ' || from[-1] == ' ')) ||
        !goleak_word_set(&step->word, from, (size_t)(value - from))) {
        plan->count = UINT8_MAX;
        return;
    }
    /* Whether 0x stands before a number is a matter of its type: the same in every line. */
    if (how == GOLEAK_HOW_ANY && !prefixed)
        how = GOLEAK_HOW_DEC;
    else if (prefixed && goleak_word_set(&step->word, from, (size_t)(value + 2 - from)))
        how = GOLEAK_HOW_HEX;
    plan->count++;
    step->how = (uint8_t)how;
    step->place = (uint8_t)place;
    step->offset = goleak_key_places[place].offset;
    step->has = goleak_key_places[place].has;
    step->has_zero = goleak_key_places[place].flags & GOLEAK_KEY_PRESENT_IF_NOT_ZERO ? 0 : step->has;
}

/* Every step's how is known. */
static void plan_ready(struct goleak_key_plan *plan)
{
    for (struct goleak_key_step *step = plan->steps; step < plan->steps + plan->count; step++) {
        uint8_t size = goleak_key_places[step->place].size;
        bool decimal = step->how == GOLEAK_HOW_DEC || step->how == GOLEAK_HOW_GOID;
        bool cut = (goleak_key_places[step->place].flags & GOLEAK_KEY_CUT) != 0;
        step->run = step->how == GOLEAK_HOW_SIGNED                                     ? GOLEAK_RUN_SIGNED
                    : step->how == GOLEAK_HOW_TEXT || step->how == GOLEAK_HOW_FUNCTION ? GOLEAK_RUN_TEXT
                    : step->how == GOLEAK_HOW_HEX && size == 8                         ? GOLEAK_RUN_HEX_8
                    : decimal && size == 8                                             ? GOLEAK_RUN_DEC_8
                    : decimal && size == 4                                             ? GOLEAK_RUN_DEC_4
                    : decimal && size == 1 && !cut                                     ? GOLEAK_RUN_DEC_1
                                                                                       : GOLEAK_RUN_OTHER_NUMBER;
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

static const char *parse(enum goleak_key_how how, const char *at, const char *end, uint64_t *number)
{
    return how == GOLEAK_HOW_HEX   ? goleak_parse_hex(at, end, number)
           : how == GOLEAK_HOW_ANY ? goleak_parse_any(at, end, number)
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
static const char *limit_of(const struct goleak_keyed_key *key, enum goleak_key_how how, unsigned place)
{
    if (how == GOLEAK_HOW_SIGNED && key->how != GOLEAK_HOW_SIGNED)
        return "a number of 0 or more";
    if (how == GOLEAK_HOW_SIGNED)
        return "a number of at most 2147483647";
    if (how == GOLEAK_HOW_HEX)
        return "an address of at most 7fffffffffffffff";
    switch (goleak_key_places[place].size) {
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
        [GOLEAK_HOW_HEX] = "an address in hexadecimal",
        [GOLEAK_HOW_DEC] = "a decimal number",
        [GOLEAK_HOW_SIGNED] = "a decimal number",
        [GOLEAK_HOW_GOID] = "a decimal number",
        [GOLEAK_HOW_ANY] = "a number",
    };
    while (at < end) {
        const char *name = at, *equals = goleak_key_end(at, end);
        if (equals == NULL) {
            if (keyed->numbers_tell_base && state->plan.count != 0 && is_address(at, end)) {
                state->plan.count = UINT8_MAX;
                return GOLEAK_KEYED_EVENT;
            }
            problem->at = at;
            snprintf(problem->sentence, sizeof problem->sentence, "found no KEY=VALUE here, expected one");
            return GOLEAK_KEYED_DAMAGED;
        }
        const struct goleak_keyed_key *key = goleak_key_find(name, (size_t)(equals - name));
        unsigned place =
            key != NULL ? goleak_key_place_of(key, (enum goleak_event_kind)state->event->kind) : GOLEAK_PLACE_NOTHING;
        const char *value = equals + 1, *stop;
        enum goleak_key_how how = key == NULL ? GOLEAK_HOW_TEXT : (enum goleak_key_how)key->how;
        if (keyed->numbers_tell_base &&
            (how == GOLEAK_HOW_HEX || how == GOLEAK_HOW_DEC || how == GOLEAK_HOW_PARENT || how == GOLEAK_HOW_GOID))
            how = end - value > 1 && *value == '-' ? GOLEAK_HOW_SIGNED : GOLEAK_HOW_ANY;
        uint64_t number;
        int64_t integer;
        bool good = true;
        if (how == GOLEAK_HOW_TEXT || how == GOLEAK_HOW_FUNCTION || how == GOLEAK_HOW_PARENT) {
            stop = goleak_key_value_end(value, end);
            if (key == NULL) {
                if (state->unknown_count++ == 0)
                    state->unknown = name, state->unknown_end = equals;
            } else if (how == GOLEAK_HOW_PARENT) {
                state->parent = value, state->parent_end = stop;
            } else if (how == GOLEAK_HOW_FUNCTION && !goleak_key_put_function(keyed, state->event, value, stop)) {
                return GOLEAK_KEYED_FAILED;
            }
        } else if (how == GOLEAK_HOW_SIGNED) {
            stop = goleak_parse_i64(value, end, &integer);
            good = stop != NULL &&
                   ((key->how == GOLEAK_HOW_SIGNED && goleak_key_put_signed(state->event, place, integer)) ||
                    key->how == GOLEAK_HOW_GOID || (key->how != GOLEAK_HOW_SIGNED && place == GOLEAK_PLACE_NOTHING));
        } else if (how == GOLEAK_HOW_GOID && end - value >= 2 && value[0] == '-' && value[1] == '1') {
            stop = value + 2; /* a recorder's word for "cannot be read in this Go version" */
            state->plan.count = UINT8_MAX;
        } else {
            stop = parse(how, value, end, &number);
            good = stop != NULL && goleak_key_put_number(state->event, place, number);
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
        if (state->plan.steps[i].how == GOLEAK_HOW_PARENT)
            state->plan.steps[i].how = decimal ? GOLEAK_HOW_DEC : GOLEAK_HOW_HEX;
    return stop == end && goleak_key_put_number(state->event, GOLEAK_PLACE_PARENT, value);
}

static enum goleak_keyed_result unknown_event(struct goleak_keyed *keyed, const char *name, size_t size,
                                              struct goleak_event *event)
{
    char text[64] = "";
    if (goleak_health_is_first(keyed->env.health, GOLEAK_HEALTH_unknown_events))
        goleak_escape_excerpt(text, sizeof text, name, size);
    goleak_health_note(keyed->env.health, GOLEAK_HEALTH_unknown_events, 1, event->position, 0, 0, "the event %s", text);
    return GOLEAK_KEYED_EVENT;
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
    if (goleak_key_end(at, end) == NULL && (named || (!goleak_key_is_cut(at, end) && !tells_keys(at, end))))
        return GOLEAK_KEYED_NOT;
    /* "donegopark: goroutine=…": goleak_keyed_find takes it apart */
    if (kind == GOLEAK_EVENT_OTHER && (goleak_keyed_ends_in_name(name, size) || goleak_keyed_find(at, end) != NULL))
        return GOLEAK_KEYED_NOT;

    *event = (struct goleak_event) { .kind = (uint8_t)kind, .position = position };
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
    if (named && needs_goroutine && (result != GOLEAK_KEYED_EVENT || !goleak_keyed_names_goroutine(event)))
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
        snprintf(problem->sentence, sizeof problem->sentence, "found %.*s without goroutine=, expected one", (int)size,
                 name);
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

/* ---- a last line ---- */

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
    while (name > at && goleak_key_is_word(name[-1]))
        name--;
    const struct goleak_keyed_key *key = goleak_key_find(name, (size_t)(stop - name));
    if (key == NULL)
        return true; /* which nobody reads */
    if (key->how == GOLEAK_HOW_TEXT || key->how == GOLEAK_HOW_FUNCTION)
        return false;
    if (memchr(value, ' ', (size_t)(end - value)) != NULL)
        return true;
    switch (key->place) {
    case GOLEAK_PLACE_TIME: return goes_on(event->time_ns, keyed->last_ns);
    case GOLEAK_PLACE_COUNT: return goes_on(event->count, keyed->last_count);
    case GOLEAK_PLACE_BLOCKED_COUNT: return goes_on(event->blocked_count, keyed->last_blocked_count);
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
