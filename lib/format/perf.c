/*
 * perf - `perf script` output of uprobes on the Go runtime, and what
 * `perf data convert --to-json` makes of the same (perfjson.h).
 *
 *   COMM  PID/TID [CPU] SECONDS: PERIOD GROUP:NAME: (ADDRESS) KEY=VALUE …
 *   lab126  8152 [001]  2550.546664: probe_lab126:newproc1__return: (45a700 <- 45a6a5) g=0x305e4dd701e0 goid=1 …
 *   	           5a6a5 runtime.newproc.func1+0x25 (/srv/build/lab126)
 *   	           5a63f runtime.newproc+0x3f (/srv/build/lab126)
 *
 *   lab126  8152 [001]  2454.722522: PERF_RECORD_LOST lost 159
 *   # captured on    : Fri Nov 20 10:33:34 2026
 *
 * Which columns there are -F decides; their order is perf's own (perf's
 * builtin-script.c, perf_sample__fprintf_start). One number in the place of
 * PID/TID is the thread. Probes are named by their user: what matters is which
 * runtime function a name holds. newproc1 is a creation where it returns ("<-").
 *
 * --deltatime prints the time since the line before; that is told by times that
 * fall again and again, and undone.
 */
#include "format/perf.h"

#include "base/hash.h"
#include "format/perfjson.h"
#include "format/textual.h"

#include <stdio.h>

#define PROBES 64
#define NAME_LONGEST 256 /* of a group and a probe */
#define FIELDS "perf script -F trace:comm,pid,tid,cpu,time,event,trace,ip,sym,symoff"

/* A probe of the recording, by the name that perf prints. */
struct probe {
    char name[80];
    uint8_t size; /* 0: free */
    bool returns_by_name, known;
    uint32_t event_name;
    uint8_t kind;
    struct goleak_key_plan entry, leave; /* "(45a700)" and "(45a700 <- 45a6a5)" */
};

#define FRONTS 64 /* what lines begin with */
#define FRONT_BYTES 64

/* The columns of a line up to its seconds, which change little from line to line. */
struct front {
    char text[FRONT_BYTES];
    uint8_t size; /* with the point behind the seconds; 0: none */
    uint8_t comm_size;
    uint32_t has, pid, tid, cpu;
    uint64_t seconds;
};

enum times { TIMES_UNDECIDED, TIMES_AS_PRINTED, TIMES_ARE_DELTAS };

/* The columns before an event. */
struct head {
    const char *comm, *comm_end; /* with what stands before it */
    uint32_t has;
    uint32_t pid, tid, cpu;
    int64_t time_ns;
    bool has_period;
    const char *event, *event_end; /* GROUP:NAME */
    const char *trace;             /* behind it */
};

struct goleak_reader {
    struct goleak_textual text;
    struct goleak_perf_json json;
    struct goleak_event_sink sink; /* the real one */
    struct probe probes[PROBES];
    /* The layout of the last line, for the next one. */
    char comm[64];
    size_t comm_size;
    struct goleak_word comm_word; /* the same, if it is no longer than that */
    uint32_t columns;
    bool has_period;
    uint8_t front_size; /* 0: not known */
    struct front fronts[FRONTS];
    /* Times. */
    enum times times;
    bool lines_timed, began_at_zero; /* the first line that told a time told 0 */
    int64_t after_zero_ns;           /* … and the first other one this; 0: none did yet */
    int64_t sum_ns, sums[GOLEAK_BATCH_EVENTS];
    bool relative;
    /* What the field set lacks. */
    bool began, is_json, is_raw_dump;
    bool has_header; /* perf script --header */
    uint64_t without_name, without_goroutine;
};

/* ---- numbers and words of a line ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '.' || c == '-' ||
           c == '/' || c == '@' || c == '%';
}

/* "2550.546246" or "2550.546246827", in nanoseconds. Up to `stop`; NULL: no time. */
static const char *parse_seconds(const char *at, const char *end, int64_t *out)
{
    static const uint32_t scale[10] = { 0, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };
    uint64_t seconds, fraction;
    const char *dot = goleak_parse_u64(at, end, &seconds);
    if (dot == NULL || dot == end || *dot != '.' || seconds > (uint64_t)INT64_MAX / 1000000000 - 1)
        return NULL;
    const char *stop = goleak_parse_u64(dot + 1, end, &fraction);
    if (stop == NULL || stop - dot - 1 > 9)
        return NULL;
    *out = (int64_t)(seconds * 1000000000 + fraction * scale[stop - dot - 1]);
    return stop;
}

/* The token that ends at *end, which moves to its start. Empty: none. */
static const char *token_before(const char *from, const char **end)
{
    const char *stop = *end;
    while (stop > from && stop[-1] == ' ')
        stop--;
    *end = stop;
    while (stop > from && stop[-1] != ' ')
        stop--;
    return stop;
}

static bool parse_ids(const char *at, const char *end, struct head *head)
{
    uint64_t first, second;
    if (at < end && *at == '-') /* "-1/0": a record that perf made up */
        at++;
    const char *rest = goleak_parse_u64(at, end, &first);
    if (rest == NULL || first > UINT32_MAX)
        return false;
    if (rest == end) {
        head->tid = (uint32_t)first;
        head->has |= GOLEAK_HAS_TID;
        return true;
    }
    if (*rest != '/' || goleak_parse_u64(rest + 1, end, &second) != end || second > UINT32_MAX)
        return false;
    head->pid = (uint32_t)first;
    head->tid = (uint32_t)second;
    head->has |= GOLEAK_HAS_PID | GOLEAK_HAS_TID;
    return true;
}

/* The columns in [from, end), from right to left: they end where the event begins. */
static void split_columns(const char *from, const char *end, struct head *head)
{
    const char *stop = end, *at = token_before(from, &stop);
    uint64_t number;
    if (at < stop && goleak_parse_u64(at, stop, &number) == stop) { /* a period, if a time is before it */
        const char *before = at, *time = token_before(from, &before);
        if (before > time && before[-1] == ':' && parse_seconds(time, before, &head->time_ns) == before - 1) {
            head->has_period = true;
            at = time;
            stop = before;
        }
    }
    if (stop > at && stop[-1] == ':' && parse_seconds(at, stop, &head->time_ns) == stop - 1) {
        head->has |= GOLEAK_HAS_TIME;
        stop = at;
        at = token_before(from, &stop);
    }
    bool misc = stop > at && stop - at <= 5;
    for (const char *c = at; c < stop && misc; c++)
        misc = *c >= 'A' && *c <= 'Z';
    if (misc && at > from) {
        const char *before = at, *cpu = token_before(from, &before);
        if (before > cpu && (*cpu == '[' || is_digit(*cpu))) {
            at = cpu;
            stop = before;
        }
    }
    if (stop - at > 2 && *at == '[' && stop[-1] == ']' && goleak_parse_u64(at + 1, stop, &number) == stop - 1 &&
        number <= UINT32_MAX) {
        head->cpu = (uint32_t)number;
        head->has |= GOLEAK_HAS_CPU;
        stop = at;
        at = token_before(from, &stop);
    }
    if (at < stop && parse_ids(at, stop, head)) {
        stop = at;
        token_before(from, &stop);
    }
    head->comm = from;
    head->comm_end = stop;
}

/* Is there an event in [at, end)? Its name holds a colon and ends with one. A comm may
 * look like that, too: the right one is followed by the probe's address. */
static bool split_head(const char *at, const char *end, struct head *out)
{
    const char *best = NULL, *best_end = NULL;
    for (const char *colon = at; (colon = memchr(colon, ':', (size_t)(end - colon))) != NULL;) {
        const char *from = colon, *stop = colon + 1;
        while (from > at && is_name(from[-1]))
            from--;
        while (stop < end && (is_name(*stop) || *stop == ':'))
            stop++;
        bool named = from < colon && stop - from <= NAME_LONGEST && stop > colon + 2 && stop[-1] == ':' &&
                     (stop == end || *stop == ' ') && !is_digit(*from);
        if (named) {
            const char *trace = goleak_skip_blanks(stop, end);
            if (best == NULL || (trace < end && *trace == '(')) {
                best = from;
                best_end = stop;
            }
            if (trace < end && *trace == '(')
                break;
        }
        colon = stop;
    }
    *out = (struct head){ 0 };
    if (best == NULL)
        return false;
    out->event = best;
    out->event_end = best_end - 1;
    out->trace = best_end;
    split_columns(at, best, out);
    return true;
}

/* ---- probes ---- */

static bool cut_front(const char **at, const char *end, const char *word)
{
    if (!goleak_begins(*at, end, word) || *at + strlen(word) == end)
        return false;
    *at += strlen(word);
    return true;
}

static bool cut_back(const char *at, const char **end, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(*end - at) <= size || memcmp(*end - size, word, size) != 0)
        return false;
    *end -= size;
    return true;
}

/* "_0x86ae0" of names that the kernel makes up, "_1" of a second probe on a function. */
static bool cut_number(const char *at, const char **end)
{
    const char *from = *end;
    uint64_t number;
    while (from > at && from[-1] != '_')
        from--;
    if (from - at < 2 || goleak_parse_any(from, *end, &number) != *end)
        return false;
    *end = from - 1;
    return true;
}

/* What the name of a probe says: the runtime function in it. */
static enum goleak_event_kind kind_of(const char *at, const char *end, bool *returns, bool *needs_goroutine,
                                      bool *named)
{
    static const char *const fronts[] = { "p_", "r_", "uprobe_", "uretprobe_", "probe_", "go_", "runtime_", "_" };
    static const char *const leaves[] = { "_return", "_ret", "_exit" };
    static const char *const backs[] = { "_entry", "_enter", "_" };
    const char *colon = memchr(at, ':', (size_t)(end - at));
    at = colon != NULL ? colon + 1 : at;
    colon = memchr(at, ':', (size_t)(end - at)); /* a modifier: ":u" */
    end = colon != NULL ? colon : end;
    *returns = false;
    for (bool again = true; again;) {
        enum goleak_event_kind kind = goleak_keyed_kind(at, (size_t)(end - at), needs_goroutine, named);
        if (kind != GOLEAK_EVENT_OTHER)
            return kind;
        again = cut_number(at, &end);
        for (size_t i = 0; i < sizeof leaves / sizeof *leaves && !again; i++)
            if ((again = cut_back(at, &end, leaves[i])))
                *returns = true;
        for (size_t i = 0; i < sizeof backs / sizeof *backs && !again; i++)
            again = cut_back(at, &end, backs[i]);
        for (size_t i = 0; i < sizeof fronts / sizeof *fronts && !again; i++)
            again = cut_front(&at, end, fronts[i]);
    }
    *needs_goroutine = true;
    *named = true;
    return end - at == 9 && memcmp(at, "main_main", 9) == 0 ? GOLEAK_EVENT_MAIN : GOLEAK_EVENT_OTHER;
}

static size_t slot_of(const char *end)
{
    return (size_t)(goleak_load64(end - 8) * 0x9e3779b97f4a7c15u >> 58);
}

/* The probe of this name, learnt if it is new. NULL: memory. Names are taken from
 * within a line, behind at least 8 bytes of it. */
static struct probe *find_probe(struct goleak_reader *reader, const char *at, const char *end)
{
    char padded[8 + sizeof reader->probes[0].name] = { 0 };
    size_t size = (size_t)(end - at);
    if (size > sizeof reader->probes[0].name)
        size = sizeof reader->probes[0].name;
    memcpy(padded + 8, at, size);
    struct probe *probe = &reader->probes[slot_of(padded + 8 + size) % PROBES];
    if (probe->size == size && memcmp(probe->name, at, size) == 0)
        return probe;
    bool needs_goroutine, named;
    *probe = (struct probe){ .size = (uint8_t)size };
    memcpy(probe->name, at, size);
    enum goleak_event_kind kind = kind_of(at, at + size, &probe->returns_by_name, &needs_goroutine, &named);
    probe->kind = (uint8_t)kind;
    probe->known = kind != GOLEAK_EVENT_OTHER;
    if (named) {
        const char *colon = memchr(at, ':', size);
        const char *from = colon != NULL ? colon + 1 : at;
        probe->event_name = goleak_symbols_string(reader->text.env.symbols, from, (size_t)(at + size - from));
        if (probe->event_name == 0) {
            probe->size = 0;
            return NULL;
        }
    }
    return probe;
}

/* Whether the function is entered or left decides what some events are. */
static enum goleak_event_kind kind_here(const struct probe *probe, bool returns)
{
    if (probe->kind == GOLEAK_EVENT_CREATE)
        return returns ? GOLEAK_EVENT_CREATE : GOLEAK_EVENT_SPAWN;
    if (probe->kind == GOLEAK_EVENT_OBJECT || probe->kind == GOLEAK_EVENT_GC || probe->kind == GOLEAK_EVENT_ALLOC)
        return (enum goleak_event_kind)probe->kind;
    return returns ? GOLEAK_EVENT_OTHER : (enum goleak_event_kind)probe->kind; /* awake again, and no more */
}

/* What an entry of newproc1 may tell. */
#define SPAWNER (GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID | GOLEAK_HAS_GOPC | GOLEAK_HAS_STARTPC)

/* Does it tell whose event it is, as far as such events can? */
static bool is_told(const struct goleak_event *event)
{
    if (event->kind == GOLEAK_EVENT_GC || event->kind == GOLEAK_EVENT_ALLOC)
        return true;
    return (event->has & (event->kind == GOLEAK_EVENT_SPAWN ? SPAWNER : GOLEAK_HAS_G | GOLEAK_HAS_GOID)) != 0;
}

/* ---- events ---- */

/* An argument may tell what no column does. */
static inline void put_columns(struct goleak_event *event, const struct head *head)
{
    event->has |= head->has;
    if (head->has & GOLEAK_HAS_PID)
        event->pid = head->pid;
    if (head->has & GOLEAK_HAS_TID)
        event->tid = head->tid;
    if (head->has & GOLEAK_HAS_CPU)
        event->cpu = head->cpu;
    if (head->has & GOLEAK_HAS_TIME)
        event->time_ns = head->time_ns;
}

/* The time of a line, of whatever kind, for the sum of all. */
static void take_time(struct goleak_reader *reader, int64_t time_ns)
{
    reader->began_at_zero = reader->began_at_zero || (!reader->lines_timed && time_ns == 0);
    reader->lines_timed = true;
    if (reader->began_at_zero && reader->after_zero_ns == 0)
        reader->after_zero_ns = time_ns;
    reader->sum_ns = time_ns > INT64_MAX - reader->sum_ns ? INT64_MAX : reader->sum_ns + time_ns;
}

static enum goleak_status add(struct goleak_reader *reader, struct goleak_event *event)
{
    struct goleak_textual *text = &reader->text;
    enum goleak_status status = goleak_textual_close_event(text);
    if (status != GOLEAK_OK)
        return status;
    if (reader->times == TIMES_UNDECIDED)
        reader->sums[text->batch->count] = reader->sum_ns;
    else if (reader->times == TIMES_ARE_DELTAS)
        event->time_ns = reader->sum_ns;
    return goleak_textual_add(text, event);
}

/* perf's own records of what ran before it have time 0 on any clock; the line behind
 * them tells a machine's uptime, which is longer than this, or the time since the
 * recording's start. */
#define SOON_NS ((int64_t)1000000000)

/* The first batch shows whether times are those of the events or between them. */
static enum goleak_status push(void *context, struct goleak_batch **batch)
{
    struct goleak_reader *reader = context;
    struct goleak_event *events = (*batch)->events;
    if (reader->times == TIMES_UNDECIDED) {
        size_t falls = 0, timed = 0;
        int64_t before = INT64_MIN;
        for (size_t i = 0; i < (*batch)->count; i++) {
            if ((events[i].has & GOLEAK_HAS_TIME) == 0)
                continue;
            falls += events[i].time_ns < before;
            before = events[i].time_ns;
            reader->relative = reader->relative || (timed == 0 && before == 0);
            timed++;
        }
        bool falls_often = reader->began_at_zero && falls * 8 > timed;
        reader->times = falls_often ? TIMES_ARE_DELTAS : TIMES_AS_PRINTED;
        for (size_t i = 0; i < (*batch)->count && reader->times == TIMES_ARE_DELTAS; i++)
            events[i].time_ns = reader->sums[i];
        reader->relative = reader->relative || reader->times == TIMES_ARE_DELTAS ||
                           (reader->began_at_zero && reader->after_zero_ns < SOON_NS);
    }
    return reader->sink.push(reader->sink.context, batch);
}

/* "(45a700 <- 45a6a5) ": the probe's address, and where it returns to. NULL: none. *probe: 0, if it is not told. */
static const char *parse_addresses(const char *at, const char *end, bool *returns, uint64_t *probe)
{
    uint64_t address;
    *probe = 0;
    if (at == end || *at != '(')
        return NULL;
    const char *close = memchr(at, ')', (size_t)(end - at));
    const char *rest = close != NULL ? goleak_parse_hex(at + 1, close, &address) : NULL;
    *returns = rest != NULL && goleak_begins(rest, close, " <- ");
    if (rest != NULL && (*returns || rest == close))
        *probe = address;
    if (*returns)
        rest = goleak_parse_hex(rest + 4, close, &address);
    else if (rest != NULL && goleak_begins(rest, close, "+")) /* a relative address */
        rest = close;
    return rest == NULL ? NULL : goleak_skip_blanks(close + 1, end);
}

static void without_goroutine(struct goleak_reader *reader, const struct goleak_line *line, const struct head *head)
{
    reader->without_goroutine++;
    char sentence[192];
    snprintf(sentence, sizeof sentence, "found %.*s without g= or goid=, expected one (does -F have trace?)",
             (int)(head->event_end - head->event > 64 ? 64 : head->event_end - head->event), head->event);
    goleak_textual_damaged(&reader->text, line, head->event, sentence);
}

static enum goleak_status take_event(struct goleak_reader *reader, const struct goleak_line *line,
                                     const struct head *head)
{
    struct goleak_textual *text = &reader->text;
    struct goleak_event event = { .position = line->number };
    struct goleak_keyed_problem problem;
    struct probe *probe = find_probe(reader, head->event, head->event_end);
    if (probe == NULL)
        return goleak_alloc_failure(text->env.alloc);
    const char *end = line->end;
    while (end > head->trace && end[-1] == ' ')
        end--;
    const char *trace = goleak_skip_blanks(head->trace, end);
    bool returns = probe->returns_by_name;
    uint64_t address;
    const char *arguments = parse_addresses(trace, end, &returns, &address);
    enum goleak_event_kind kind = kind_here(probe, returns);
    struct goleak_key_plan *plan = returns ? &probe->leave : &probe->entry;
    event.kind = plan->kind = (uint8_t)kind;
    plan->event_name = kind == probe->kind ? probe->event_name : 0;
    enum goleak_keyed_result result =
        goleak_keyed_arguments(&text->keyed, arguments != NULL ? arguments : trace, end, &event, plan, &problem);
    if (result == GOLEAK_KEYED_FAILED)
        return goleak_alloc_failure(text->env.alloc);
    if (result != GOLEAK_KEYED_EVENT && arguments != NULL && probe->known) {
        if (line->ended)
            goleak_textual_damaged(text, line, problem.at, problem.sentence);
        else
            goleak_textual_cut(text, line);
        return goleak_textual_skip_event(text);
    }
    put_columns(&event, head);
    if (kind == GOLEAK_EVENT_OTHER || plan->event_name != 0) {
        event.has &= ~GOLEAK_HAS_START;
        event.name = probe->event_name;
    }
    if (!probe->known)
        goleak_health_note(text->env.health, GOLEAK_HEALTH_unknown_events, 1, line->number, 0, 0, "the event %.*s",
                           probe->size, probe->name);
    if (!is_told(&event)) {
        if (probe->known && line->ended)
            without_goroutine(reader, line, head);
        else if (probe->known)
            goleak_textual_cut(text, line);
        plan->count = 0;
        return goleak_textual_skip_event(text);
    }
    if (!goleak_textual_whole(text, line, &event))
        return GOLEAK_OK;
    if (arguments != NULL)
        goleak_textual_tell_probe(text, kind, address);
    return add(reader, &event);
}

/* ---- lines that are no events ---- */

/* "lab126  8152 [001]  2454.722522: PERF_RECORD_LOST lost 159": true if it is a record. */
static bool take_record(struct goleak_reader *reader, const struct goleak_line *line)
{
    static const char mark[] = "PERF_RECORD_";
    const char *at = line->at, *end = line->end;
    for (; at < end; at++) {
        at = memchr(at, 'P', (size_t)(end - at));
        if (at == NULL)
            return false;
        if (goleak_begins(at, end, mark) && (at == line->at || at[-1] == ' '))
            break;
    }
    if (at == end)
        return false;
    struct head head = { 0 };
    split_columns(line->at, at, &head);
    if (head.has & GOLEAK_HAS_TIME)
        take_time(reader, head.time_ns);
    reader->text.notes++;
    if (!goleak_begins(at + sizeof mark - 1, end, "LOST"))
        return true;
    uint64_t count = 0;
    for (; at < end; at++)
        if (goleak_begins(at, end, "lost ") && goleak_parse_u64(at + 5, end, &count) != NULL)
            break;
    goleak_textual_lost(&reader->text, line, count != 0 ? count : 1);
    return true;
}

/* "Processed 47185 samples and lost 6.10%!", "Processed 9 events and lost 3 chunks!":
 * of samples a share is told, and so about how many. */
static bool take_losses(struct goleak_reader *reader, const struct goleak_line *line)
{
    const char *at = line->at, *end = line->end;
    uint64_t processed, lost;
    int64_t share;
    if (goleak_begins(at, end, "Warning: "))
        at += strlen("Warning: ");
    if (!goleak_begins(at, end, "Processed "))
        return false;
    const char *rest = goleak_parse_u64(at + strlen("Processed "), end, &processed);
    while (rest != NULL && rest < end && !goleak_begins(rest, end, "lost "))
        rest++;
    if (rest == NULL || rest == end)
        return false;
    rest += strlen("lost ");
    if (parse_seconds(rest, end, &share) != NULL) { /* the same digits: parts of 1e9 */
        const int64_t whole = (int64_t)100 * 1000000000;
        double about = (double)processed * (double)share / (double)(share < whole ? whole - share : whole) + 0.5;
        if (share <= 0 || share >= whole)
            lost = share <= 0 ? 0 : 1;
        else
            lost = about < 1e18 ? (uint64_t)about : 1000000000000000000;
    } else if (goleak_parse_u64(rest, end, &lost) == NULL) {
        return false;
    }
    goleak_textual_lost_in_all(&reader->text, line, lost);
    return true;
}

static bool take_message(struct goleak_reader *reader, const struct goleak_line *line)
{
    static const char *const notes[] = { "[ perf record: ", "Warning:", "Check IO/CPU overload!", "WARNING: ",
                                         "Couldn't ", "Failed to ", "addr2line: ", "cmd__addr2line: " };
    const char *at = line->at, *end = line->end;
    bool taken = take_losses(reader, line);
    for (size_t i = 0; i < sizeof notes / sizeof *notes && !taken; i++)
        taken = goleak_begins(at, end, notes[i]);
    reader->text.notes += taken;
    return taken;
}

/* A dump by -D: each line is there twice, once in bytes. */
static bool is_raw_dump(const char *at, const char *end)
{
    return goleak_begins(at, end, ". ... raw event: size ");
}

/* What stands before an event, up to its time: a thread, and when. NULL: it does not. */
static const char *columns_end(const char *at, const char *end)
{
    for (const char *colon = at; (colon = memchr(colon, ':', (size_t)(end - colon))) != NULL; colon++) {
        const char *from = colon;
        int64_t time_ns;
        while (from > at && (is_digit(from[-1]) || from[-1] == '.'))
            from--;
        /* Who stands alone is asked further: else each of "1.1:1.1:…" would be looked through to the start. */
        if (from == colon || (from > at && from[-1] != ' ') || parse_seconds(from, colon, &time_ns) != colon)
            continue;
        struct head head = { 0 };
        split_columns(at, colon + 1, &head);
        if (head.has & GOLEAK_HAS_TID)
            return colon + 1;
    }
    return NULL;
}

/* "(45a700) parent=0xac57a0 …", with columns before it or without: what -F trace prints
 * without -F event. */
static bool is_trace_alone(const char *at, const char *end)
{
    bool returns;
    uint64_t probe;
    const char *columns = columns_end(at, end);
    at = goleak_skip_blanks(columns != NULL ? columns : at, end);
    const char *rest = parse_addresses(at, end, &returns, &probe);
    if (rest == NULL)
        return false;
    const char *equals = memchr(rest, '=', (size_t)(end - rest));
    return equals != NULL && equals > rest && memchr(rest, ' ', (size_t)(equals - rest)) == NULL;
}

static bool has_columns(const char *at, const char *end)
{
    return columns_end(at, end) != NULL;
}

/* A line of columns and nothing behind them: -F without event and trace. */
static bool is_columns_alone(const char *at, const char *end)
{
    const char *rest = columns_end(at, end);
    return rest != NULL && goleak_skip_blanks(rest, end) == end;
}

/* "  proc.go:402", which -F srcline prints below a frame. */
static bool is_source_line(const char *at, const char *end)
{
    uint64_t number;
    const char *from = end;
    const char *start = at;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (from > start && is_digit(from[-1]))
        from--;
    return start > at && from > start + 1 && from[-1] == ':' && goleak_parse_u64(from, end, &number) == end &&
           memchr(start, ' ', (size_t)(end - start)) == NULL;
}

static enum goleak_status take_line(void *context, const struct goleak_line *line)
{
    struct goleak_reader *reader = context;
    struct goleak_textual *text = &reader->text;
    const char *at = line->at, *end = line->end;
    struct head head;
    if (at == end || reader->is_raw_dump)
        return GOLEAK_OK;
    if (*at == '\t' && goleak_stacktext_is_frame(at, end) && goleak_textual_frame(text, line))
        return GOLEAK_OK;
    if (is_source_line(at, end) && (text->open_event || text->ignores_frames)) /* -F srcline: of the frame above */
        return GOLEAK_OK;
    enum goleak_status status = goleak_textual_end_stack(text);
    if (status != GOLEAK_OK || goleak_textual_recorder_line(text, line, &status))
        return status;
    const char *nul = memchr(at, 0, (size_t)(end - at));
    bool has_head = nul == NULL && split_head(at, end, &head);
    if (*at == '#' && !(has_head && head.has != 0)) {
        reader->has_header = reader->has_header || goleak_begins(at, end, "# captured on ");
        text->notes++;
        return GOLEAK_OK;
    }
    if (has_head) {
        if (head.has & GOLEAK_HAS_TIME)
            take_time(reader, head.time_ns);
        reader->columns = head.has;
        reader->has_period = head.has_period;
        reader->comm_size = (size_t)(head.comm_end - head.comm);
        if (reader->comm_size > reader->front_size) /* what is kept begins with a shorter name */
            reader->front_size = 0;
        if (reader->comm_size <= sizeof reader->comm)
            memcpy(reader->comm, head.comm, reader->comm_size);
        if (!goleak_word_set(&reader->comm_word, head.comm, reader->comm_size))
            reader->comm_word.size = 0;
        return take_event(reader, line, &head);
    }
    if (take_record(reader, line) || take_message(reader, line))
        return GOLEAK_OK;
    if (!line->ended) {
        goleak_textual_cut(text, line);
    } else if (text->events == 0 && is_raw_dump(at, end)) { /* behind events it is the program's own line */
        reader->is_raw_dump = true;
    } else if (is_trace_alone(at, end) || (text->events == 0 && is_columns_alone(at, end))) {
        reader->without_name++;
        return goleak_textual_skip_event(text);
    } else if (has_columns(at, end)) {
        goleak_textual_damaged(text, line, at, "found the columns of an event and no event, expected GROUP:NAME: behind "
                                               "them");
        return goleak_textual_skip_event(text);
    } else {
        goleak_textual_unknown(text, line);
    }
    return GOLEAK_OK;
}

static enum goleak_status too_long(void *context, const struct goleak_line *line, uint64_t bytes)
{
    goleak_textual_too_long(&((struct goleak_reader *)context)->text, line, bytes);
    return GOLEAK_OK;
}

/* ---- at a glance ---- */

static bool is_comm(const struct goleak_reader *reader, const char *at)
{
    size_t size = reader->comm_size;
    if (size == 0 || size > sizeof reader->comm || at[size] != ' ')
        return false;
    return reader->comm_word.size != 0 ? goleak_word_at(&reader->comm_word, at) : memcmp(at, reader->comm, size) == 0;
}

/* Of at least 8 bytes. */
static bool is_same(const char *a, const char *b, size_t size)
{
    uint64_t differ = goleak_load64(a + size - 8) ^ goleak_load64(b + size - 8);
    for (size_t i = 0; i + 8 < size; i += 8)
        differ |= goleak_load64(a + i) ^ goleak_load64(b + i);
    return differ == 0;
}

static struct front *front_at(struct goleak_reader *reader, const char *at, size_t size)
{
    uint64_t hash = goleak_load64(at + size - 8) ^ goleak_load64(at + size - 16) * 0x9e3779b97f4a7c15u ^
                    goleak_load64(at + reader->comm_size) * 0xc2b2ae3d27d4eb4fu;
    return &reader->fronts[goleak_hash_u64(hash) % FRONTS];
}

/* What the line begins with, if another began so. */
static const struct front *find_front(struct goleak_reader *reader, const char *at)
{
    size_t size = reader->front_size;
    if (size == 0)
        return NULL;
    const struct front *front = front_at(reader, at, size);
    return front->size == size && is_same(front->text, at, size) ? front : NULL;
}

static void keep_front(struct goleak_reader *reader, const char *at, size_t size, const struct front *front)
{
    if (size < 16 || size > FRONT_BYTES)
        return;
    struct front *kept = front_at(reader, at, size);
    *kept = *front;
    memcpy(kept->text, at, size);
    kept->size = reader->front_size = (uint8_t)size;
}

/* Reads the columns, up to behind the point of the seconds if there are any; NULL: they differ. */
static const char *read_front(struct goleak_reader *reader, const char *at, const char *limit, struct front *front)
{
    uint64_t number;
    const char *before, *start = at;
    *front = (struct front){ .comm_size = (uint8_t)reader->comm_size, .has = reader->columns };
    if (!is_comm(reader, at) || (at = goleak_fast_blanks(at + reader->comm_size, limit)) >= limit)
        return NULL;
    if (reader->columns & GOLEAK_HAS_TID) {
        before = at;
        at = goleak_fast_u64(at, &number);
        if (at == before || number > UINT32_MAX)
            return NULL;
        front->tid = (uint32_t)number;
        if (reader->columns & GOLEAK_HAS_PID) {
            front->pid = front->tid;
            if (*at != '/')
                return NULL;
            before = ++at;
            at = goleak_fast_u64(at, &number);
            if (at == before || number > UINT32_MAX)
                return NULL;
            front->tid = (uint32_t)number;
        }
        if (*at != ' ' || (at = goleak_fast_blanks(at, limit)) >= limit)
            return NULL;
    }
    if (reader->columns & GOLEAK_HAS_CPU) {
        if (*at != '[')
            return NULL;
        before = ++at;
        at = goleak_fast_u64(at, &number);
        if (at == before || number > UINT32_MAX || *at != ']' || at[1] != ' ')
            return NULL;
        front->cpu = (uint32_t)number;
        if ((at = goleak_fast_blanks(at + 1, limit)) >= limit)
            return NULL;
    }
    if (reader->columns & GOLEAK_HAS_TIME) {
        before = at;
        at = goleak_fast_u64(at, &front->seconds);
        if (at++ == before || at[-1] != '.' || front->seconds >= 9000000000u)
            return NULL;
        keep_front(reader, start, (size_t)(at - start), front);
    }
    return at;
}

/* What a line was read by. */
struct read_by {
    uint32_t columns;
    uint8_t comm_size;
    const struct probe *probe;
    const struct goleak_key_plan *plan;
    const char *arguments;
};

/* An event like the ones before, with its columns; returns its newline, NULL: it differs. */
static const char *fast_event(struct goleak_reader *reader, const char *at, const char *limit,
                              struct goleak_event *event, struct read_by *by)
{
    uint64_t number, fraction, address;
    int64_t time_ns = 0;
    const char *before;
    struct front read;
    const struct front *front = find_front(reader, at);
    if (front != NULL) {
        at += front->size;
    } else if ((at = read_front(reader, at, limit, &read)) != NULL) {
        front = &read;
    } else {
        return NULL;
    }
    if (front->has & GOLEAK_HAS_TIME) {
        before = at;
        at = goleak_fast_u64(at, &fraction);
        if (at - before == 6)
            fraction *= 1000;
        else if (at - before != 9)
            return NULL;
        if (at[0] != ':' || at[1] != ' ')
            return NULL;
        time_ns = (int64_t)(front->seconds * 1000000000 + fraction);
        if ((at = goleak_fast_blanks(at + 1, limit)) >= limit)
            return NULL;
    }
    if (reader->has_period) {
        before = at;
        at = goleak_fast_u64(at, &number);
        if (at == before || *at != ' ')
            return NULL;
        if ((at = goleak_fast_blanks(at, limit)) >= limit)
            return NULL;
    }
    if (limit - at < 128)
        return NULL;
    const char *stop = goleak_find_blank(at, at + sizeof reader->probes[0].name);
    if (stop >= at + sizeof reader->probes[0].name || *stop != ' ' || stop[-1] != ':' || stop - at < 9 ||
        stop > limit - 128)
        return NULL;
    struct probe *probe = &reader->probes[slot_of(stop - 1) % PROBES];
    if (probe->size != (size_t)(stop - 1 - at) || !is_same(probe->name, at, probe->size) || !probe->known ||
        stop[1] != '(')
        return NULL;
    at = goleak_fast_hex(stop + 2, &address);
    bool returns = at[0] == ' ' && at[1] == '<' && at[2] == '-' && at[3] == ' ';
    if (returns)
        at = goleak_fast_hex(at + 4, &address);
    if (at[0] != ')' || at[1] != ' ')
        return NULL;
    const struct goleak_key_plan *plan = returns ? &probe->leave : &probe->entry;
    if (plan->count == 0 || (probe->returns_by_name && !returns) || at[2] == ' ')
        return NULL;
    *by = (struct read_by){ front->has, front->comm_size, probe, plan, at + 2 };
    at = goleak_keyed_plan_run(&reader->text.keyed, plan, at + 2, limit, event);
    if (at == NULL || *at != '\n' || !is_told(event))
        return NULL;
    const struct head head = {
        .has = front->has, .pid = front->pid, .tid = front->tid, .cpu = front->cpu, .time_ns = time_ns
    };
    put_columns(event, &head);
    if (plan->kind == GOLEAK_EVENT_OTHER) {
        event->has &= ~GOLEAK_HAS_START;
        event->name = probe->event_name;
    }
    return at;
}

/* The number at *at, which moves behind it. */
static void learn_number(struct goleak_shape_draft *draft, const char **at, enum goleak_shape_field field, uint32_t has)
{
    size_t digits = 0;
    while (is_digit((*at)[digits]))
        digits++;
    goleak_shape_number(draft, field, false, *at, digits, has);
    *at += digits;
}

/* The shape of a line that fast_event has read. */
static void learn_shape(struct goleak_reader *reader, const char *at, const char *newline, const struct read_by *by)
{
    struct goleak_shape_draft draft;
    goleak_shape_begin(&draft, at, newline, by->plan->kind);
    at = goleak_skip_blanks(at + by->comm_size, newline);
    if (by->columns & GOLEAK_HAS_PID) {
        learn_number(&draft, &at, GOLEAK_SHAPE_PID, GOLEAK_HAS_PID);
        at++;
    }
    if (by->columns & GOLEAK_HAS_TID) {
        learn_number(&draft, &at, GOLEAK_SHAPE_TID, GOLEAK_HAS_TID);
        at = goleak_skip_blanks(at, newline);
    }
    if (by->columns & GOLEAK_HAS_CPU) {
        at++;
        learn_number(&draft, &at, GOLEAK_SHAPE_CPU, GOLEAK_HAS_CPU);
        at = goleak_skip_blanks(at + 1, newline);
    }
    if (by->columns & GOLEAK_HAS_TIME) {
        learn_number(&draft, &at, GOLEAK_SHAPE_SECONDS, 0);
        at++;
        learn_number(&draft, &at, GOLEAK_SHAPE_FRACTION, GOLEAK_HAS_TIME);
        at = goleak_skip_blanks(at + 1, newline);
    }
    if (reader->has_period)
        learn_number(&draft, &at, GOLEAK_SHAPE_NOTHING, 0);
    goleak_keyed_shape(by->plan, by->arguments, &draft);
    if (by->plan->kind == GOLEAK_EVENT_SPAWN)
        draft.shape.needs = SPAWNER;
    if (by->plan->kind == GOLEAK_EVENT_OTHER) {
        draft.shape.name = by->probe->event_name;
        draft.failed = draft.failed || draft.shape.text_size != 0;
    }
    goleak_shapes_keep(&reader->text.keyed.shapes, &draft);
}

static const char *take_bulk(void *context, const char *at, const char *end, uint64_t *number,
                             enum goleak_status *status)
{
    struct goleak_reader *reader = context;
    struct goleak_textual *text = &reader->text;
    const char *limit = end + GOLEAK_LINES_PAD - 64;
    uint64_t line = *number;
    while (at < end && !reader->is_raw_dump) {
        struct goleak_event over, *event = goleak_textual_slot(text, &over);
        if (*at == '\n') {
            line++;
            at++;
            continue;
        }
        if (*at == '\t') {
            if (!goleak_textual_take_known_stack(text, &at, end + GOLEAK_LINES_PAD, &line))
                break;
            continue;
        }
        struct read_by by;
        const char *newline = goleak_keyed_shape_run(&text->keyed, at, event);
        if (newline == NULL) {
            newline = fast_event(reader, at, limit, event, &by);
            if (newline == NULL)
                break;
            learn_shape(reader, at, newline, &by);
        }
        event->position = ++line;
        if (event->has & GOLEAK_HAS_TIME)
            take_time(reader, event->time_ns);
        goleak_keyed_remember(&text->keyed, event);
        text->recorder_events++;
        text->seen |= event->has;
        *status = add(reader, event);
        at = newline + 1;
        if (*status != GOLEAK_OK)
            break;
    }
    *number = line;
    return at;
}

/* ---- sections ---- */

static enum goleak_event_kind begins_section(const char *at, const char *end)
{
    struct head head;
    bool returns, unused;
    uint64_t probe;
    if (*at == '#' || !split_head(at, end, &head) || head.has == 0)
        return GOLEAK_EVENT_OTHER;
    enum goleak_event_kind kind = kind_of(head.event, head.event_end, &returns, &unused, &unused);
    if (parse_addresses(goleak_skip_blanks(head.trace, end), end, &returns, &probe) == NULL)
        return GOLEAK_EVENT_OTHER;
    return kind == GOLEAK_EVENT_CREATE && !returns ? GOLEAK_EVENT_SPAWN : kind;
}

static bool is_calm(const struct goleak_reader *reader)
{
    return !reader->is_json && reader->times == TIMES_AS_PRINTED;
}

static struct goleak_textual *text_of(struct goleak_reader *reader)
{
    return &reader->text;
}

static const struct goleak_sections sections = { begins_section, is_calm, NULL, text_of };

/* ---- the reader ---- */

static void close_reader(struct goleak_reader *reader)
{
    if (reader == NULL)
        return;
    struct goleak_alloc *alloc = reader->text.env.alloc;
    goleak_perf_json_release(&reader->json);
    goleak_textual_release(&reader->text);
    goleak_free(alloc, reader, sizeof *reader);
}

static struct goleak_reader *open_reader(const struct goleak_reader_env *env)
{
    struct goleak_reader *reader = goleak_alloc_zeroed(env->alloc, sizeof *reader);
    if (reader == NULL)
        return NULL;
    const struct goleak_line_reader lines = {
        .bulk = take_bulk, .line = take_line, .too_long = too_long, .context = reader, .begins = begins_section
    };
    struct goleak_reader_env own = *env;
    reader->sink = env->sink;
    own.sink = (struct goleak_event_sink){ push, reader };
    goleak_perf_json_init(&reader->json, &reader->text, env->alloc);
    if (!goleak_textual_init(&reader->text, &own, &lines)) {
        close_reader(reader);
        return NULL;
    }
    reader->text.keyed.numbers_tell_base = true;
    return reader;
}

static enum goleak_status feed(struct goleak_reader *reader, const char *bytes, size_t size)
{
    if (!reader->began && size != 0) {
        size_t at = 0;
        while (at < size && (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r' || bytes[at] == '\t'))
            at++;
        reader->began = true;
        reader->is_json = at < size && bytes[at] == '{';
    }
    return reader->is_json ? goleak_perf_json_feed(&reader->json, bytes, size)
                           : goleak_lines_feed(&reader->text.lines, bytes, size);
}

static enum goleak_status finish(struct goleak_reader *reader)
{
    enum goleak_status status =
        reader->is_json ? goleak_perf_json_finish(&reader->json) : goleak_lines_finish(&reader->text.lines);
    return status == GOLEAK_OK ? goleak_textual_finish(&reader->text) : status;
}

static void facts(const struct goleak_reader *reader, struct goleak_reader_facts *out)
{
    *out = (struct goleak_reader_facts) {
        .events = reader->text.events,
        .notes = reader->text.notes,
        .form = reader->is_json                            ? "json"
                : goleak_textual_has_stacks(&reader->text) ? "callchains"
                : reader->text.events != 0                 ? "script"
                                                           : NULL,
        .relative_time = reader->relative,
        .strange = goleak_textual_is_strange(&reader->text),
    };
    if (out->events != 0 && !out->strange)
        return;
    if (reader->is_raw_dump)
        out->advice = "found perf's dump of raw records, expected its text: run " FIELDS ", without -D";
    else if (reader->without_name != 0)
        out->advice = "found perf script output without event names, expected them: run " FIELDS;
    else if (reader->without_goroutine != 0)
        out->advice = "found perf script output whose events tell no goroutine (g= or goid=), expected it: run " FIELDS
                      "; `goleak-report recorder perf` prints a script whose probes record it";
    else if (reader->has_header)
        out->nothing = "found the header that perf script prints and no event of a Go probe: did the probes match, and "
                       "did the program run while perf recorded?";
}

/* ---- sniffing ---- */

static bool is_ours(const char *at, const char *end)
{
    struct head head;
    bool returns;
    uint64_t probe;
    if (is_raw_dump(at, end) || is_trace_alone(at, end) || goleak_begins(at, end, "[ perf record: ") ||
        goleak_begins(at, end, "\t\"linux-perf-json-version\"") || goleak_begins(at, end, "# captured on "))
        return true;
    if (goleak_textual_is_recorder_line(at, end)) {
        for (; at < end; at++)
            if (goleak_begins(at, end, " tool=perf"))
                return true;
        return false;
    }
    if (goleak_begins(at, end, "Processed ") || goleak_begins(at, end, "Warning: Processed "))
        for (const char *lost = at; lost < end; lost++)
            if (goleak_begins(lost, end, " and lost "))
                return true;
    if (!split_head(at, end, &head))
        return false;
    if (parse_addresses(goleak_skip_blanks(head.trace, end), end, &returns, &probe) != NULL)
        return true;
    bool needs, named;
    return head.has != 0 && kind_of(head.event, head.event_end, &returns, &needs, &named) != GOLEAK_EVENT_OTHER;
}

static enum goleak_sniff sniff(const char *bytes, size_t size, bool whole)
{
    return goleak_lines_sniff(bytes, size, whole, is_ours);
}

const struct goleak_format goleak_format_perf = {
    .name = "perf",
    .title = "perf script output",
    .sections = &sections,
    .sniff = sniff,
    .open = open_reader,
    .feed = feed,
    .finish = finish,
    .facts = facts,
    .close = close_reader,
};
