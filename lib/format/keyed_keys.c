/* keyed_keys - see keyed_keys.h. */
#include "format/keyed_keys.h"

#include "base/hash.h"
#include "base/number.h"

static const struct goleak_keyed_key keys[] = {
    { "goroutine", GOLEAK_HOW_HEX, GOLEAK_PLACE_G },
    { "goid", GOLEAK_HOW_GOID, GOLEAK_PLACE_GOID },
    { "reason", GOLEAK_HOW_DEC, GOLEAK_PLACE_REASON },
    { "wait", GOLEAK_HOW_DEC, GOLEAK_PLACE_WAIT },
    { "ts", GOLEAK_HOW_DEC, GOLEAK_PLACE_TIME },
    { "cpu", GOLEAK_HOW_DEC, GOLEAK_PLACE_CPU },
    { "tid", GOLEAK_HOW_DEC, GOLEAK_PLACE_TID },
    { "lock", GOLEAK_HOW_HEX, GOLEAK_PLACE_LOCK },
    { "chan", GOLEAK_HOW_HEX, GOLEAK_PLACE_CHAN },
    { "elem", GOLEAK_HOW_HEX, GOLEAK_PLACE_ELEM },
    { "by", GOLEAK_HOW_HEX, GOLEAK_PLACE_BY },
    { "status", GOLEAK_HOW_DEC, GOLEAK_PLACE_STATUS },
    { "parent", GOLEAK_HOW_PARENT, GOLEAK_PLACE_PARENT }, /* its base depends on the rest of the line */
    { "parentgoid", GOLEAK_HOW_GOID, GOLEAK_PLACE_PARENT_GOID },
    { "gopc", GOLEAK_HOW_HEX, GOLEAK_PLACE_GOPC },
    { "startpc", GOLEAK_HOW_HEX, GOLEAK_PLACE_STARTPC },
    { "fn", GOLEAK_HOW_FUNCTION, GOLEAK_PLACE_FUNCTION },
    { "count", GOLEAK_HOW_SIGNED, GOLEAK_PLACE_COUNT },
    { "blocked_count", GOLEAK_HOW_SIGNED, GOLEAK_PLACE_BLOCKED_COUNT },
    { "blocked", GOLEAK_HOW_DEC, GOLEAK_PLACE_BLOCKED },
    { "pid", GOLEAK_HOW_DEC, GOLEAK_PLACE_PID },
    { "g", GOLEAK_HOW_HEX, GOLEAK_PLACE_G },
    { "gp", GOLEAK_HOW_HEX, GOLEAK_PLACE_G },
    { "bygoid", GOLEAK_HOW_GOID, GOLEAK_PLACE_BY_GOID },
    { "by_goid", GOLEAK_HOW_GOID, GOLEAK_PLACE_BY_GOID },
    { "parent_goid", GOLEAK_HOW_GOID, GOLEAK_PLACE_PARENT_GOID },
    { "parentGoid", GOLEAK_HOW_GOID, GOLEAK_PLACE_PARENT_GOID },
    { "callergp", GOLEAK_HOW_HEX, GOLEAK_PLACE_PARENT },
    { "callerpc", GOLEAK_HOW_HEX, GOLEAK_PLACE_CALLER },
    { "waitreason", GOLEAK_HOW_DEC, GOLEAK_PLACE_WAIT },
    { "waitReason", GOLEAK_HOW_DEC, GOLEAK_PLACE_WAIT },
    { "wait_reason", GOLEAK_HOW_DEC, GOLEAK_PLACE_WAIT },
    { "block_reason", GOLEAK_HOW_DEC, GOLEAK_PLACE_REASON },
    { "traceEv", GOLEAK_HOW_DEC, GOLEAK_PLACE_REASON },
    { "comm", GOLEAK_HOW_TEXT, GOLEAK_PLACE_NOTHING },
    { "cases", GOLEAK_HOW_DEC, GOLEAK_PLACE_NOTHING },
    { "until", GOLEAK_HOW_DEC, GOLEAK_PLACE_UNTIL },
    { "pc", GOLEAK_HOW_HEX, GOLEAK_PLACE_CALLER }, /* of newproc1's entry: the go statement */
};
#define KEY_COUNT (sizeof keys / sizeof *keys)

#define FIELD(name) offsetof(struct goleak_event, name), sizeof((struct goleak_event *)0)->name

const struct goleak_key_field goleak_key_places[GOLEAK_PLACE_NOTHING + 1] = {
    [GOLEAK_PLACE_G] = { FIELD(g), GOLEAK_KEY_PRESENT_IF_NOT_ZERO | GOLEAK_KEY_ADDRESS, GOLEAK_HAS_G },
    [GOLEAK_PLACE_GOID] = { FIELD(goid), GOLEAK_KEY_PRESENT_IF_NOT_ZERO | GOLEAK_KEY_ADDRESS, GOLEAK_HAS_GOID },
    [GOLEAK_PLACE_PARENT] = { FIELD(other_g), GOLEAK_KEY_PRESENT_IF_NOT_ZERO | GOLEAK_KEY_ADDRESS, GOLEAK_HAS_OTHER },
    [GOLEAK_PLACE_PARENT_GOID] = { FIELD(other_goid), GOLEAK_KEY_ADDRESS, GOLEAK_HAS_OTHER_GOID },
    [GOLEAK_PLACE_BY] = { FIELD(other_g), GOLEAK_KEY_PRESENT_IF_NOT_ZERO | GOLEAK_KEY_ADDRESS, GOLEAK_HAS_OTHER },
    [GOLEAK_PLACE_BY_GOID] = { FIELD(other_goid), GOLEAK_KEY_ADDRESS, GOLEAK_HAS_OTHER_GOID },
    [GOLEAK_PLACE_REASON] = { FIELD(reason), 0, GOLEAK_HAS_REASON },
    [GOLEAK_PLACE_WAIT] = { FIELD(wait_reason), 0, GOLEAK_HAS_WAIT },
    [GOLEAK_PLACE_TIME] = { FIELD(time_ns), GOLEAK_KEY_ADDRESS, GOLEAK_HAS_TIME },
    [GOLEAK_PLACE_CPU] = { FIELD(cpu), 0, GOLEAK_HAS_CPU },
    [GOLEAK_PLACE_TID] = { FIELD(tid), 0, GOLEAK_HAS_TID },
    [GOLEAK_PLACE_PID] = { FIELD(pid), 0, GOLEAK_HAS_PID },
    [GOLEAK_PLACE_LOCK] = { FIELD(lock), 0, GOLEAK_HAS_LOCK },
    [GOLEAK_PLACE_CHAN] = { FIELD(chan), 0, GOLEAK_HAS_CHAN },
    [GOLEAK_PLACE_ELEM] = { FIELD(elem), 0, GOLEAK_HAS_ELEM },
    [GOLEAK_PLACE_GOPC] = { FIELD(gopc), 0, GOLEAK_HAS_GOPC },
    [GOLEAK_PLACE_STARTPC] = { FIELD(startpc), 0, GOLEAK_HAS_STARTPC },
    [GOLEAK_PLACE_STATUS] = { FIELD(status), GOLEAK_KEY_CUT, GOLEAK_HAS_STATUS },
    [GOLEAK_PLACE_UNTIL] = { FIELD(until_ns), GOLEAK_KEY_ADDRESS, GOLEAK_HAS_UNTIL },
};

unsigned goleak_key_place_of(const struct goleak_keyed_key *key, enum goleak_event_kind kind)
{
    bool until = key->place == GOLEAK_PLACE_UNTIL,
         shares = until || goleak_key_places[key->place].has == GOLEAK_HAS_OTHER_GOID;
    return shares && until != (kind == GOLEAK_EVENT_PARK) ? GOLEAK_PLACE_NOTHING : key->place;
}

bool goleak_key_put_function(struct goleak_keyed *keyed, struct goleak_event *event, const char *at, const char *end)
{
    uint64_t address;
    if (end - at > 1 && *at == '"' && end[-1] == '"')
        at++, end--; /* perf's strings */
    if (at == end)
        return true;
    if (goleak_parse_hex(at, end, &address) == end) {
        if ((event->has & GOLEAK_HAS_STARTPC) == 0)
            goleak_key_put_number(event, GOLEAK_PLACE_STARTPC, address);
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

const struct goleak_keyed_key *goleak_key_find(const char *at, size_t size)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].name[0] == *at && goleak_key_is_text(at, size, keys[i].name))
            return &keys[i];
    return NULL;
}

bool goleak_key_is_cut(const char *at, const char *end)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strncmp(keys[i].name, at, (size_t)(end - at)) == 0)
            return true;
    return false;
}

const char *goleak_key_value_end(const char *at, const char *end)
{
    for (; at < end; at++) {
        at = memchr(at, ' ', (size_t)(end - at));
        if (at == NULL)
            return end;
        if (goleak_key_end(at + 1, end) != NULL)
            return at;
    }
    return end;
}
