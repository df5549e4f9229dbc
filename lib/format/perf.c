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

#include "format/perf_glance.h"
#include "format/perfjson.h"
#include "format/textual.h"

#include <stdio.h>

#define FIELDS "perf script -F trace:comm,pid,tid,cpu,time,event,trace,ip,sym,symoff"

enum times { TIMES_UNDECIDED, TIMES_AS_PRINTED, TIMES_ARE_DELTAS };

struct goleak_reader {
    struct goleak_textual text;
    struct goleak_perf_json json;
    struct goleak_event_sink sink; /* the real one */
    struct goleak_perf_glance glance;
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

/* ---- events ---- */

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

static void without_goroutine(struct goleak_reader *reader, const struct goleak_line *line,
                              const struct goleak_perf_head *head)
{
    reader->without_goroutine++;
    char sentence[192];
    snprintf(sentence, sizeof sentence, "found %.*s without g= or goid=, expected one (does -F have trace?)",
             (int)(head->event_end - head->event > 64 ? 64 : head->event_end - head->event), head->event);
    goleak_textual_damaged(&reader->text, line, head->event, sentence);
}

static enum goleak_status take_event(struct goleak_reader *reader, const struct goleak_line *line,
                                     const struct goleak_perf_head *head)
{
    struct goleak_textual *text = &reader->text;
    struct goleak_event event = { .position = line->number };
    struct goleak_keyed_problem problem;
    struct goleak_perf_probe *probe =
        goleak_perf_probe_find(reader->glance.probes, text->env.symbols, head->event, head->event_end);
    if (probe == NULL)
        return goleak_alloc_failure(text->env.alloc);
    const char *end = line->end;
    while (end > head->trace && end[-1] == ' ')
        end--;
    const char *trace = goleak_skip_blanks(head->trace, end);
    bool returns = probe->returns_by_name;
    uint64_t address;
    const char *arguments = goleak_perf_addresses(trace, end, &returns, &address);
    enum goleak_event_kind kind = goleak_perf_kind_here(probe, returns);
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
    goleak_perf_put_columns(&event, head);
    if (kind == GOLEAK_EVENT_OTHER || plan->event_name != 0) {
        event.has &= ~GOLEAK_HAS_START;
        event.name = probe->event_name;
    }
    if (!probe->known)
        goleak_health_note(text->env.health, GOLEAK_HEALTH_unknown_events, 1, line->number, 0, 0, "the event %.*s",
                           probe->size, probe->name);
    if (!goleak_perf_is_told(&event)) {
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
    struct goleak_perf_head head = { 0 };
    goleak_perf_columns(line->at, at, &head);
    if (head.has & GOLEAK_HAS_TIME)
        take_time(reader, head.time_ns);
    reader->text.notes++;
    if (!goleak_begins(at + sizeof mark - 1, end, "LOST")) {
        if (!line->ended) /* of what kind? */
            goleak_textual_cut(&reader->text, line);
        return true;
    }
    uint64_t count = 0;
    const char *rest = NULL;
    for (; at < end && rest == NULL; at++)
        if (goleak_begins(at, end, "lost "))
            rest = goleak_parse_most(at + strlen("lost "), end, &count);
    goleak_textual_lost(&reader->text, line, count != 0 ? count : 1);
    if (!line->ended && (rest == NULL || rest == end))
        goleak_textual_cut_loss(&reader->text, line);
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
    if (goleak_perf_seconds(rest, end, &share) != NULL) { /* the same digits: parts of 1e9 */
        const int64_t whole = (int64_t)100 * 1000000000;
        double about = (double)processed * (double)share / (double)(share < whole ? whole - share : whole) + 0.5;
        if (share <= 0 || share >= whole)
            lost = share <= 0 ? 0 : 1;
        else
            lost = about < 1e18 ? (uint64_t)about : 1000000000000000000;
    } else if (goleak_parse_most(rest, end, &lost) == NULL) {
        return false;
    }
    goleak_textual_lost_in_all(&reader->text, line, lost);
    if (!line->ended && end[-1] != '!')
        goleak_textual_cut_loss(&reader->text, line);
    return true;
}

static bool take_message(struct goleak_reader *reader, const struct goleak_line *line)
{
    static const char *const notes[] = { "[ perf record: ", "Warning:",        "Check IO/CPU overload!",
                                         "WARNING: ",       "Couldn't ",       "Failed to ",
                                         "addr2line: ",     "cmd__addr2line: " };
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

static enum goleak_status take_line(void *context, const struct goleak_line *line)
{
    struct goleak_reader *reader = context;
    struct goleak_textual *text = &reader->text;
    const char *at = line->at, *end = line->end;
    struct goleak_perf_head head;
    if (at == end || reader->is_raw_dump)
        return GOLEAK_OK;
    if (*at == '\t' && goleak_stacktext_is_frame(at, end) && goleak_textual_frame(text, line))
        return GOLEAK_OK;
    if (goleak_perf_is_source_line(at, end) &&
        text->frames != GOLEAK_FRAMES_NOBODYS) /* -F srcline: of the frame above */
        return GOLEAK_OK;
    enum goleak_status status = goleak_textual_end_stack(text);
    if (status != GOLEAK_OK || goleak_textual_recorder_line(text, line, &status))
        return status;
    const char *nul = memchr(at, 0, (size_t)(end - at));
    bool has_head = nul == NULL && goleak_perf_head_find(at, end, &head);
    if (*at == '#' && !(has_head && head.has != 0)) {
        reader->has_header = reader->has_header || goleak_begins(at, end, "# captured on ");
        text->notes++;
        return GOLEAK_OK;
    }
    if (has_head) {
        if (head.has & GOLEAK_HAS_TIME)
            take_time(reader, head.time_ns);
        goleak_perf_glance_note(&reader->glance, &head);
        return take_event(reader, line, &head);
    }
    if (take_record(reader, line) || take_message(reader, line))
        return GOLEAK_OK;
    if (!line->ended) {
        goleak_textual_cut(text, line);
    } else if (text->events == 0 && is_raw_dump(at, end)) { /* behind events it is the program's own line */
        reader->is_raw_dump = true;
    } else if (goleak_perf_is_trace_alone(at, end) || (text->events == 0 && goleak_perf_is_columns_alone(at, end))) {
        reader->without_name++;
        return goleak_textual_skip_event(text);
    } else if (goleak_perf_columns_end(at, end) != NULL) {
        goleak_textual_damaged(text, line, at,
                               "found the columns of an event and no event, expected GROUP:NAME: behind "
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
        const char *newline = goleak_keyed_shape_run(&text->keyed, at, event);
        if (newline == NULL)
            newline = goleak_perf_glance_event(&reader->glance, &text->keyed, at, limit, event);
        if (newline == NULL)
            break;
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

static bool is_calm(const struct goleak_reader *reader)
{
    return !reader->is_json && reader->times == TIMES_AS_PRINTED;
}

static struct goleak_textual *text_of(struct goleak_reader *reader)
{
    return &reader->text;
}

static const struct goleak_sections sections = { goleak_perf_event, is_calm, NULL, text_of };

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
        .bulk = take_bulk, .line = take_line, .too_long = too_long, .context = reader, .begins = goleak_perf_event
    };
    struct goleak_reader_env own = *env;
    reader->sink = env->sink;
    own.sink = (struct goleak_event_sink) { push, reader };
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
        const size_t mark = goleak_lines_mark(bytes, size);
        size_t at = mark;
        while (at < size && (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r' || bytes[at] == '\t'))
            at++;
        reader->began = true;
        reader->is_json = at < size && bytes[at] == '{';
        if (reader->is_json) { /* text is handed out in lines, which pass over it */
            bytes += mark;
            size -= mark;
        }
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
    struct goleak_perf_head head;
    bool returns;
    uint64_t probe;
    if (is_raw_dump(at, end) || goleak_perf_is_trace_alone(at, end) || goleak_begins(at, end, "[ perf record: ") ||
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
    if (!goleak_perf_head_find(at, end, &head))
        return false;
    if (goleak_perf_addresses(goleak_skip_blanks(head.trace, end), end, &returns, &probe) != NULL)
        return true;
    bool needs, named;
    return head.has != 0 &&
           goleak_perf_kind_of(head.event, head.event_end, &returns, &needs, &named) != GOLEAK_EVENT_OTHER;
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
