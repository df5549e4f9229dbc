/* witness - see witness.h. */
#include "support/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/text.h"

/* ---- words in lines ----------------------------------------------------------------- */

/* The number behind " name="; `none` where there is no such key. */
static uint64_t key(const char *line, const char *name, int base, uint64_t none)
{
    char text[32];
    snprintf(text, sizeof text, " %s=", name);
    const char *at = strstr(line, text);
    if (at == NULL)
        return none;
    at += strlen(text);
    return *at == '-' ? none : strtoull(at, NULL, base);
}

static struct witness_event *add(struct witness *witness, enum witness_kind kind)
{
    if (witness->event_count == witness->room) {
        witness->room = witness->room * 2 + 1024;
        witness->events = realloc(witness->events, witness->room * sizeof *witness->events);
        if (witness->events == NULL)
            abort();
    }
    struct witness_event *event = &witness->events[witness->event_count];
    *event = (struct witness_event) { .kind = kind, .place = witness->event_count };
    witness->event_count++;
    return event;
}

static void read_keys(struct witness *witness, struct witness_event *event, const char *line)
{
    bool creates = event->kind == SAW_CREATE || event->kind == SAW_SPAWNER;
    if (event->kind != SAW_SPAWNER) {
        event->g = key(line, "goroutine", 16, 0);
        if (event->g == 0)
            event->g = key(line, "g", 16, 0);
        event->goid = key(line, "goid", 10, 0);
    }
    /* The article prints a parent in decimal beside its counters. */
    if (creates)
        event->other_g = key(line, "parent", strstr(line, " count=") != NULL ? 10 : 16, 0);
    else
        event->other_g = key(line, "by", 16, 0);
    event->other_goid = creates ? key(line, "parentgoid", 10, 0) : 0;
    event->gopc = key(line, "gopc", 16, 0);
    event->reason = key(line, "reason", 10, WITNESS_NO_NUMBER);
    event->wait = key(line, "wait", 10, WITNESS_NO_NUMBER);
    witness->goids = witness->goids || event->goid != 0;
    witness->wakeups = witness->wakeups || event->kind == SAW_READY || event->kind == SAW_RUN;
    witness->pids = witness->pids || event->pid != 0;
    witness->timed = witness->timed || event->time_ns != WITNESS_NO_TIME;
}

/* The first frame below the runtime's own, of a stack that begins in newproc1. */
static void read_frame(struct witness_event *event, const char *name, size_t size)
{
    if (event == NULL || event->where[0] != '\0' || starts(name, "runtime.newproc") ||
        starts(name, "runtime.systemstack"))
        return;
    if (size >= sizeof event->where)
        size = sizeof event->where - 1;
    memcpy(event->where, name, size);
    event->where[size] = '\0';
}

/* ---- bpftrace ------------------------------------------------------------------------ */

struct reading {
    struct witness *witness;
    enum witness_form form;
    int64_t delta_ns;
    /* Another CPU's lines may stand between a spawner's line and its stack. Where two
     * spawners wait for theirs, nothing tells whose is whose: neither gets one. */
    size_t spawner, open_spawners;
    bool in_stack, keep_stack, mixed;
};

static void bpftrace_frame(struct reading *reading, const char *line)
{
    const char *name = line + strspn(line, " "), *plus = strrchr(name, '+');
    size_t size = plus != NULL ? (size_t)(plus - name) : strlen(name);
    if (!reading->in_stack && starts(name, "runtime.newproc1") && reading->open_spawners != 0) {
        reading->keep_stack = !reading->mixed;
        reading->open_spawners--;
        reading->mixed = reading->mixed && reading->open_spawners != 0;
    }
    reading->in_stack = true;
    if (reading->keep_stack)
        read_frame(&reading->witness->events[reading->spawner], name, size);
}

static void bpftrace_line(struct reading *reading, const char *line)
{
    static const struct {
        const char *name;
        enum witness_kind kind;
    } kinds[] = {
        { "newproc1_entry: parent=", SAW_SPAWNER },
        { "newproc1: goroutine=", SAW_CREATE },
        { "gopark: goroutine=", SAW_PARK },
        { "ready: goroutine=", SAW_READY },
        { "execute: goroutine=", SAW_RUN },
        { "gdestroy: goroutine=", SAW_END },
        { "godestroy: goroutine=", SAW_END },
        { "goexit0: goroutine=", SAW_END },
        { "main.main: g", SAW_MAIN },
    };
    if (*line == ' ') {
        bpftrace_frame(reading, line);
        return;
    }
    reading->in_stack = reading->keep_stack = false;
    if (*line == '\0' || starts(line, "END: count="))
        return;
    size_t at = 0;
    while (at < sizeof kinds / sizeof *kinds && !starts(line, kinds[at].name))
        at++;
    if (at == sizeof kinds / sizeof *kinds) {
        reading->witness->other_lines++;
        return;
    }
    struct witness_event *event = add(reading->witness, kinds[at].kind);
    event->time_ns = (int64_t)key(line, "ts", 10, (uint64_t)WITNESS_NO_TIME);
    event->pid = key(line, "pid", 10, 0);
    event->tid = key(line, "tid", 10, 0);
    read_keys(reading->witness, event, line);
    if (event->kind != SAW_SPAWNER)
        return;
    reading->spawner = event->place;
    reading->open_spawners++;
    reading->mixed = reading->mixed || reading->open_spawners > 1;
}

static void json_line(struct reading *reading, const char *line)
{
    static const char start[] = "{\"type\": \"printf\", \"data\": \"";
    if (!starts(line, start))
        return;
    struct bytes text = { 0 };
    for (const char *at = line + sizeof start - 1; *at != '\0' && *at != '"'; at++) {
        if (at[0] == '\\' && at[1] == 'n') {
            bytes_add(&text, "", 1);
            at++;
        } else {
            bytes_add(&text, at, 1);
        }
    }
    for (size_t at = 0; at < text.size; at += strlen(text.data + at) + 1)
        bpftrace_line(reading, text.data + at);
    bytes_free(&text);
}

/* ---- perf ---------------------------------------------------------------------------- */

/* The word before `at`, which then points to it; its size. */
static size_t word_before(const char *line, const char **at)
{
    const char *end = *at;
    while (end > line && end[-1] == ' ')
        end--;
    const char *begin = end;
    while (begin > line && begin[-1] != ' ')
        begin--;
    *at = begin;
    return (size_t)(end - begin);
}

static int64_t perf_time(const char *word)
{
    char *end;
    int64_t time = (int64_t)strtoll(word, &end, 10) * 1000000000, unit = 100000000;
    if (*end != '.')
        return WITNESS_NO_TIME;
    for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
        time += (*end - '0') * unit;
    return time;
}

/* `at`: where GROUP:NAME begins. Before it: [PID/]TID [CPU] TIME: [PERIOD] */
static void perf_head(struct reading *reading, struct witness_event *event, const char *line, const char *at)
{
    size_t size = word_before(line, &at);
    event->time_ns = WITNESS_NO_TIME;
    if (size != 0 && at[size - 1] != ':')
        size = word_before(line, &at);
    if (size == 0)
        return;
    event->time_ns = perf_time(at);
    if (reading->form == WITNESS_PERF_DELTA)
        event->time_ns = reading->delta_ns += event->time_ns;
    size = word_before(line, &at);
    if (size != 0 && *at == '[')
        size = word_before(line, &at);
    if (size == 0)
        return;
    char *end;
    event->tid = strtoull(at, &end, 10);
    if (*end == '/') {
        event->pid = event->tid;
        event->tid = strtoull(end + 1, NULL, 10);
    }
}

static void perf_line(struct reading *reading, const char *line)
{
    static const struct {
        const char *name;
        enum witness_kind kind;
    } kinds[] = {
        { ":newproc1: (", SAW_SPAWNER }, { ":newproc1__return: (", SAW_CREATE },
        { ":gopark: (", SAW_PARK },      { ":ready: (", SAW_READY },
        { ":execute: (", SAW_RUN },      { ":gdestroy: (", SAW_END },
        { ":goexit0: (", SAW_END },      { ":main_main: (", SAW_MAIN },
    };
    struct witness *witness = reading->witness;
    if (*line == '\t') {
        const char *name = line + 1 + strspn(line + 1, " ");
        name += strcspn(name, " ");
        name += *name != '\0';
        const char *plus = strrchr(name, '+');
        struct witness_event *last = witness->event_count != 0 ? &witness->events[witness->event_count - 1] : NULL;
        if (last != NULL && last->kind == SAW_CREATE && plus != NULL)
            read_frame(last, name, (size_t)(plus - name));
        return;
    }
    const char *found = NULL;
    size_t at = 0;
    for (; at < sizeof kinds / sizeof *kinds && found == NULL; at++)
        found = strstr(line, kinds[at].name);
    if (found == NULL) {
        const char *lost = strstr(line, "PERF_RECORD_LOST lost ");
        witness->lost += lost != NULL ? strtoull(lost + 22, NULL, 10) : 0;
        witness->other_lines += *line != '\0' && *line != '#' && strstr(line, " PERF_RECORD_") == NULL;
        return;
    }
    struct witness_event *event = add(witness, kinds[at - 1].kind);
    while (found > line && found[-1] != ' ')
        found--;
    perf_head(reading, event, line, found);
    read_keys(witness, event, line);
}

/* ---- order and replay ------------------------------------------------------------------ */

static int by_time(const void *a, const void *b)
{
    const struct witness_event *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Numbers by key, open addressing; both keys of a life lead to its newest bearer. */
struct map {
    struct map_slot {
        uint64_t pid, number;
        bool is_goid, used;
        size_t life;
    } * slots;
    size_t room;
};

static struct map_slot *look_up(struct map *map, uint64_t pid, uint64_t number, bool is_goid)
{
    size_t at = (size_t)((number * 2 + is_goid + pid * 977) * UINT64_C(0x9e3779b97f4a7c15) >> 20) % map->room;
    while (map->slots[at].used &&
           (map->slots[at].pid != pid || map->slots[at].number != number || map->slots[at].is_goid != is_goid))
        at = (at + 1) % map->room;
    return &map->slots[at];
}

static void remember(struct map *map, uint64_t pid, uint64_t number, bool is_goid, size_t life)
{
    struct map_slot *slot = look_up(map, pid, number, is_goid);
    *slot = (struct map_slot) { pid, number, is_goid, true, life };
}

struct replay {
    struct witness *witness;
    struct map map;
    int64_t moment;
    /* perf before Go 1.21: the spawner is only on the line before, of the same thread */
    const struct witness_event *spawner;
};

static struct witness_life *find(struct replay *replay, uint64_t pid, uint64_t number, bool is_goid)
{
    const struct map_slot *slot = look_up(&replay->map, pid, number, is_goid);
    return number != 0 && slot->used ? &replay->witness->lives[slot->life] : NULL;
}

static void end(struct replay *replay, struct witness_life *life)
{
    life->state = LIFE_ENDED;
    life->ended = replay->moment;
    replay->witness->ended++;
}

/* The living goroutine at this address is another one: it must have ended. */
static void make_room(struct replay *replay, const struct witness_event *event)
{
    struct witness_life *at_g = find(replay, event->pid, event->g, false);
    if (at_g != NULL && at_g->state != LIFE_ENDED &&
        (at_g->goid != event->goid || (event->goid == 0 && event->kind == SAW_CREATE)))
        end(replay, at_g);
}

static struct witness_life *begin(struct replay *replay, const struct witness_event *event)
{
    struct witness *witness = replay->witness;
    const struct witness_life *before = find(replay, event->pid, event->g, false);
    uint32_t incarnation = before != NULL ? before->incarnation + 1 : 1;
    size_t index = witness->life_count++;
    witness->lives[index] =
        (struct witness_life) { .pid = event->pid, .g = event->g, .goid = event->goid, .incarnation = incarnation };
    if (event->g != 0)
        remember(&replay->map, event->pid, event->g, false, index);
    if (event->goid != 0 && find(replay, event->pid, event->goid, true) == NULL)
        remember(&replay->map, event->pid, event->goid, true, index);
    return &witness->lives[index];
}

static void named(struct replay *replay, const struct witness_event *event)
{
    struct witness_life *life = event->other_goid != 0 ? find(replay, event->pid, event->other_goid, true)
                                                       : find(replay, event->pid, event->other_g, false);
    if (life != NULL && life->state == LIFE_WAITS)
        life->state = LIFE_RUNS;
}

static void create(struct replay *replay, const struct witness_event *event, struct witness_life *life)
{
    const struct witness_event *spawner = replay->spawner;
    life->created = replay->moment;
    life->parent_g = event->other_g;
    life->parent_goid = event->other_goid;
    life->gopc = event->gopc;
    memcpy(life->where, event->where, sizeof life->where);
    if (spawner != NULL && spawner->tid == event->tid && spawner->pid == event->pid) {
        if (life->parent_g == 0)
            life->parent_g = spawner->other_g;
        if (life->parent_goid == 0)
            life->parent_goid = spawner->other_goid;
        if (life->where[0] == '\0')
            memcpy(life->where, spawner->where, sizeof life->where);
    }
    const struct witness_life *parent = find(replay, event->pid, life->parent_g, false);
    if (life->parent_goid == 0 && parent != NULL)
        life->parent_goid = parent->goid;
    replay->witness->created++;
}

static void park(struct replay *replay, const struct witness_event *event, struct witness_life *life)
{
    bool again = replay->witness->wakeups && life->state == LIFE_WAITS && life->reason == event->reason &&
                 life->wait == event->wait;
    life->state = LIFE_WAITS;
    if (!again)
        life->since = replay->moment;
    life->reason = event->reason;
    life->wait = event->wait;
}

/* The spawner's line of the thread that returns: the last one of this thread. */
static void find_spawner(struct replay *replay, size_t index)
{
    const struct witness_event *events = replay->witness->events, *event = &events[index];
    replay->spawner = NULL;
    for (size_t back = 1; back <= index && back < 4096 && replay->spawner == NULL && event->tid != 0; back++)
        if (events[index - back].tid == event->tid && events[index - back].pid == event->pid) {
            if (events[index - back].kind != SAW_SPAWNER)
                return;
            replay->spawner = &events[index - back];
        }
}

static void take(struct replay *replay, size_t index)
{
    const struct witness_event *event = &replay->witness->events[index];
    if (event->kind == SAW_SPAWNER) {
        named(replay, event);
        return;
    }
    make_room(replay, event);
    struct witness_life *life =
        event->goid != 0 ? find(replay, event->pid, event->goid, true) : find(replay, event->pid, event->g, false);
    /* A goid is given once: at two addresses, it is of two processes. */
    if (life != NULL && life->g != event->g)
        life = find(replay, event->pid, event->g, false);
    if (life != NULL && life->goid != event->goid)
        life = NULL;
    if (event->kind == SAW_CREATE) {
        find_spawner(replay, index);
        life = begin(replay, event);
        create(replay, event, life);
    } else if (life == NULL) {
        life = begin(replay, event);
        life->preexisting = true;
        replay->witness->preexisting++;
    } else if (life->state == LIFE_ENDED) {
        replay->witness->late++;
        return;
    }
    if (event->kind == SAW_PARK)
        park(replay, event, life);
    else if (event->kind == SAW_END)
        end(replay, life);
    else
        life->state = LIFE_RUNS;
    if (event->kind == SAW_CREATE || event->kind == SAW_READY)
        named(replay, event);
}

static void replay_all(struct witness *witness)
{
    struct replay replay = { .witness = witness };
    replay.map.room = witness->event_count * 4 + 16;
    replay.map.slots = calloc(replay.map.room, sizeof *replay.map.slots);
    witness->lives = calloc(witness->event_count + 1, sizeof *witness->lives);
    if (replay.map.slots == NULL || witness->lives == NULL)
        abort();
    for (size_t i = 0; i < witness->event_count; i++) {
        replay.moment = witness->timed ? witness->events[i].time_ns : (int64_t)i + 1;
        take(&replay, i);
    }
    witness->live = witness->created + witness->preexisting - witness->ended;
    free(replay.map.slots);
}

void witness_read(struct witness *witness, const struct bytes *text, enum witness_form form)
{
    *witness = (struct witness) { 0 };
    struct reading reading = { .witness = witness, .form = form };
    struct bytes line = { 0 };
    const char *at = text->data, *stop = at + text->size;
    while (at < stop) {
        const char *newline = memchr(at, '\n', (size_t)(stop - at));
        if (newline == NULL)
            newline = stop;
        bytes_clear(&line);
        bytes_add(&line, at, (size_t)(newline - at));
        if (form == WITNESS_BPFTRACE)
            bpftrace_line(&reading, line.data);
        else if (form == WITNESS_BPFTRACE_JSON)
            json_line(&reading, line.data);
        else
            perf_line(&reading, line.data);
        at = newline + 1;
    }
    bytes_free(&line);
    if (witness->timed)
        qsort(witness->events, witness->event_count, sizeof *witness->events, by_time);
    replay_all(witness);
}

void witness_free(struct witness *witness)
{
    free(witness->events);
    free(witness->lives);
    *witness = (struct witness) { 0 };
}

/* ---- numbers ------------------------------------------------------------------------------ */

/* Up to Go 1.21, one number stands for all waits that have no trace event of their
 * own; which it is, the wait reason tells (runtime/runtime2.go, waitReasonStrings). */
static uint64_t reason_of_wait(uint64_t wait, unsigned minor)
{
    static const struct {
        unsigned wait[2]; /* in Go 1.19, in Go 1.21 */
        unsigned reason;
    } waits[] = {
        { { 12, 12 }, 9 },  /* GC sweep wait */
        { { 13, 13 }, 10 }, /* GC scavenge wait */
        { { 16, 16 }, 10 }, /* finalizer wait */
        { { 17, 17 }, 10 }, /* force gc (idle) */
        { { 22, 24 }, 10 }, /* trace reader (blocked) */
        { { 24, 26 }, 10 }, /* GC worker (idle) */
        { { 23, 25 }, 13 }, /* wait for GC cycle */
        { { 25, 28 }, 11 }, /* preempted */
    };
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        if (waits[i].wait[minor >= 21] == wait)
            return waits[i].reason;
    return 0;
}

uint64_t witness_reason(uint64_t printed, uint64_t wait, unsigned minor)
{
    if (minor >= 22)
        return printed;
    switch (printed) {
    case 16: return 1;
    case 19: return 14;
    case 20: return reason_of_wait(wait, minor);
    case 22: return 6;
    case 23: return 7;
    case 24: return 3;
    case 25: return 5;
    case 26: return 4;
    case 27: return 2;
    case 42: return 8;
    default: return 254;
    }
}

size_t witness_leaves(const struct bytes *json, const char *symbol, size_t *samples)
{
    static const char chain[] = "\"callchain\": [", name[] = "\"symbol\": \"";
    size_t count = 0;
    *samples = 0;
    for (const char *at = json->data; (at = strstr(at, chain)) != NULL;) {
        at += sizeof chain - 1;
        const char *next = strstr(at, chain), *leaf = strstr(at, name);
        ++*samples;
        if (leaf == NULL || (next != NULL && leaf > next))
            continue;
        leaf += sizeof name - 1;
        count += starts(leaf, symbol) && leaf[strlen(symbol)] == '"';
    }
    return count;
}
