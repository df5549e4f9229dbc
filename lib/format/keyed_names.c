/*
 * keyed_names - the names of events, those of the article's scripts and of their extensions:
 * what a name means is one line of `names`. See keyed.h.
 */
#include "format/keyed_keys.h"

#include "model/locks.h"

static const struct {
    const char *name;
    uint8_t kind;
    bool needs_goroutine;
} names[] = {
    { "newproc1", GOLEAK_EVENT_CREATE, true }, { "gopark", GOLEAK_EVENT_PARK, true },
    { "godestroy", GOLEAK_EVENT_END, true },   { "gdestroy", GOLEAK_EVENT_END, true },
    { "goexit0", GOLEAK_EVENT_END, true },     { "ready", GOLEAK_EVENT_READY, true },
    { "goready", GOLEAK_EVENT_READY, true },   { "execute", GOLEAK_EVENT_RUN, true },
    { "main.main", GOLEAK_EVENT_MAIN, true },  { "newproc1_entry", GOLEAK_EVENT_SPAWN, false },
    { "END", GOLEAK_EVENT_COUNTERS, false },   { "profile-1s", GOLEAK_EVENT_TICK, false },
    { "tick-1s", GOLEAK_EVENT_TICK, false },
};
#define NAME_COUNT (sizeof names / sizeof *names)

/* The runtime's functions behind channel and lock operations. */
static const char *const objects[] = {
    "chansend",   "chansend1",   "chanrecv",       "chanrecv1",           "chanrecv2",           "closechan",
    "makechan",   "selectgo",    "selectnbsend",   "selectnbrecv",        "semacquire",          "semacquire1",
    "semrelease", "semrelease1", "notifyListWait", "notifyListNotifyOne", "notifyListNotifyAll",
};

/* Those of package sync, by words that are no other events': see model/locks.h. */
static const char *const locks[] = {
#define X(name, word) word,
    GOLEAK_LOCK_OPS(X)
#undef X
};

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
        if (goleak_key_is_text(name, size, objects[i]))
            return GOLEAK_EVENT_OBJECT;
    for (size_t i = 0; !in_runtime && i < sizeof locks / sizeof *locks; i++)
        if (goleak_key_is_text(name, size, locks[i]))
            return GOLEAK_EVENT_OBJECT;
    if (size > 2 && name[0] == 'g' && name[1] == 'c' && name[2] >= 'A' && name[2] <= 'Z')
        return GOLEAK_EVENT_GC;
    if (goleak_key_is_text(name, size, "mallocgc"))
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
        if (goleak_key_is_text(name, size, names[i].name)) {
            *needs_goroutine = names[i].needs_goroutine;
            return (enum goleak_event_kind)names[i].kind;
        }
    *needs_goroutine = !in_runtime;
    *named = true;
    return family_of(name, size, in_runtime);
}

bool goleak_keyed_ends_in_name(const char *at, size_t size)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        size_t length = strlen(names[i].name);
        if (names[i].needs_goroutine && length < size && at[size - length - 1] != '_' &&
            memcmp(at + size - length, names[i].name, length) == 0)
            return true;
    }
    return false;
}

/* Nothing but known keys, more than one: else programs log such lines. */
static bool are_all_keys(const char *at, const char *end)
{
    unsigned count = 0;
    while (at < end) {
        const char *equals = goleak_key_end(at, end);
        if (equals == NULL || goleak_key_find(at, (size_t)(equals - at)) == NULL)
            return false;
        for (at = goleak_key_value_end(equals + 1, end); at < end && *at == ' ';)
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
        const char *equals = goleak_key_end(at, end);
        if (equals == NULL)
            return GOLEAK_EVENT_OTHER;
        const struct goleak_keyed_key *key = goleak_key_find(at, (size_t)(equals - at));
        bool whose = key != NULL && (key->place == GOLEAK_PLACE_G || key->place == GOLEAK_PLACE_GOID);
        bool other = key != NULL && (key->place == GOLEAK_PLACE_COUNT || key->place == GOLEAK_PLACE_PARENT);
        found = found || (names[index].needs_goroutine ? whose : other);
        for (at = goleak_key_value_end(equals + 1, end); at < end && *at == ' ';)
            at++;
    }
    return found ? names[index].kind : GOLEAK_EVENT_OTHER;
}
