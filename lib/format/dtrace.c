/*
 * dtrace - what D scripts print, in every form:
 *
 *   naive       goroutine 14000102fc0 created: count=1
 *               goroutine 14000102fc0 destroyed: count=0
 *   full        newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0
 *               gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1
 *               godestroy: goroutine=140000036c0 count=2 blocked_count=1
 *               profile-1s: count=3 blocked_count=3        END: count=3 blocked_count=3
 *   extended    the same with more keys (keyed.h), ready:, execute:, goexit0:, …
 *   + ustack()  frames below the event (stacktext.h)
 *   + print(*g) "struct g { … goid = 0x12 … }" below the event
 *   no -q       "  1   4094          runtime.newproc1:return newproc1: goroutine=…"
 *   -F          "  1    -> main.Gather" / "  1    <- main.Gather" / "  0  | main.main:return"
 *
 * The article (detecting goroutine leaks with DTrace) has the scripts; the rest
 * was read off recordings by Oracle DTrace 2.0 and off libdtrace's dt_print.c.
 * dtrace's own messages ("dtrace: 33 drops on CPU 0") may stand in between, and
 * so may anything that the traced program prints.
 *
 * The lines of the article's full script are taken at a glance (article.h), those of
 * its extensions by a plan (keyed.h); every other line takes the general path.
 */
#include "format/dtrace.h"

#include "format/article.h"
#include "format/textual.h"

#include <inttypes.h>
#include <string.h>

enum form { FORM_NAIVE = 1, FORM_FULL = 2, FORM_FLOW = 4, FORM_CALLS = 8 };

struct dump {
    bool open;            /* inside a print(*g) */
    unsigned depth;
    unsigned bounds;      /* of the stack, that stand on lines of their own */
    uint64_t self;        /* sched.g; 0: not told */
    struct goleak_event event;
};

struct goleak_reader {
    struct goleak_textual text; /* forms: enum form */
    struct goleak_article article;
    bool aggregation;
    struct dump dump;
};

static bool is_word(const char *at, size_t size, const char *word)
{
    return strlen(word) == size && memcmp(at, word, size) == 0;
}

/* ---- lines that are no events ---- */

/* "N drops on CPU k", "N dynamic variable drops", "N aggregation drops on …",
 * "N failed speculations", "N speculative drops", … */
static bool find_drops(const char *at, const char *end, uint64_t *count)
{
    static const char *const words[] = { "drops", "drop", "failed", "in ERROR probe" };
    const char *rest = goleak_parse_most(at, end, count);
    for (size_t i = 0; rest != NULL && i < sizeof words / sizeof *words; i++)
        if (goleak_has_word(rest, end, words[i]))
            return true;
    return false;
}

/* A message of dtrace about itself. */
static enum goleak_status message(struct goleak_reader *reader, const struct goleak_line *line)
{
    const char *at = line->at + strlen("dtrace: ");
    uint64_t count;
    reader->text.notes++;
    if (goleak_has_word(at, line->end, "string table overflow")) {
        goleak_textual_lost_stack(&reader->text, line);
    } else if (find_drops(at, line->end, &count)) {
        goleak_textual_lost(&reader->text, line, count);
    } else if (!line->ended && goleak_parse_most(at, line->end, &count) != NULL) { /* of what? */
        goleak_textual_lost(&reader->text, line, count);
        goleak_textual_cut_loss(&reader->text, line);
    } else if (goleak_begins(at, line->end, "error on ") || goleak_begins(at, line->end, "processing aborted") ||
               goleak_begins(at, line->end, "buffer ") || goleak_begins(at, line->end, "failed to ") ||
               goleak_begins(at, line->end, "could not ")) {
        goleak_textual_error(&reader->text, line);
    }
    return GOLEAK_OK;
}

/* Tables that printa() and quantize() print at the end. */
static bool is_aggregation(struct goleak_reader *reader, const char *at, const char *end)
{
    at = goleak_skip_blanks(at, end);
    if (goleak_begins(at, end, "value  -") || goleak_begins(at, end, "key ")) {
        reader->aggregation = true;
        return true;
    }
    if (!reader->aggregation)
        return false;
    int64_t number;
    if (goleak_begins(at, end, "< ") || goleak_begins(at, end, ">= "))
        at += 2;
    at = goleak_skip_blanks(at, end);
    const char *rest = goleak_parse_i64(at, end, &number);
    if (rest != NULL && (rest = goleak_skip_blanks(rest, end)) < end && *rest == '|')
        return true;
    reader->aggregation = false;
    return false;
}

/* ---- print(*g) ---- */

/* Past blanks, an opening bracket and a cast: "[ 0x1", "(uint64_t)18". */
static const char *skip_cast(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '['))
        at++;
    if (at < end && *at == '(') {
        const char *close = memchr(at, ')', (size_t)(end - at));
        at = close != NULL ? close + 1 : end;
    }
    while (at < end && (*at == ' ' || *at == '['))
        at++;
    return at;
}

/* The stack's bounds: a pair on one line, or (Oracle) one on each of the next two. */
static void dump_bounds(struct dump *dump, const char *at, const char *end)
{
    const char *rest = goleak_parse_any(at, end, &dump->event.lock);
    dump->bounds = rest == NULL && at == end ? 2 : 0;
    while (rest != NULL && rest < end && (*rest == ',' || *rest == ' '))
        rest++;
    if (rest != NULL && goleak_parse_any(rest, end, &dump->event.chan) != NULL)
        dump->event.has |= GOLEAK_HAS_STACK_BOUNDS;
}

/* gobuf is sp, pc, g, …; g is the goroutine itself, in every Go version. */
static void dump_self(struct dump *dump, const char *at, const char *end)
{
    uint64_t number = 0;
    for (int i = 0; i < 3; i++) {
        while (at < end && (*at == ',' || *at == ' '))
            at++;
        at = goleak_parse_any(at, end, &number);
        if (at == NULL)
            return;
    }
    dump->self = number <= INT64_MAX ? number : 0;
}

static void dump_element(struct dump *dump, const char *at, const char *end)
{
    uint64_t value;
    if (goleak_parse_any(skip_cast(at, end), end, &value) == NULL) {
        dump->bounds = 0;
    } else if (dump->bounds-- == 2) {
        dump->event.lock = value;
    } else {
        dump->event.chan = value;
        dump->event.has |= GOLEAK_HAS_STACK_BOUNDS;
    }
}

/* "type name = 0x12", ".name = (type)18," or "type name = [ 0x1, 0x2 ]". */
static void dump_member(struct dump *dump, const char *at, const char *end)
{
    struct goleak_event *event = &dump->event;
    const char *equals = memchr(at, '=', (size_t)(end - at));
    if (equals == NULL) {
        if (dump->bounds != 0)
            dump_element(dump, at, end);
        return;
    }
    const char *stop = equals;
    while (stop > at && stop[-1] == ' ')
        stop--;
    const char *name = stop;
    while (name > at && name[-1] != ' ' && name[-1] != '.' && name[-1] != '*')
        name--;
    size_t size = (size_t)(stop - name);
    const char *value = skip_cast(equals + 1, end);
    uint64_t number;
    if (is_word(name, size, "stack")) {
        dump_bounds(dump, value, end);
        return;
    }
    if (is_word(name, size, "sched")) {
        dump_self(dump, value, end);
        return;
    }
    if (goleak_parse_any(value, end, &number) == NULL)
        return;
    if (is_word(name, size, "goid") && number != 0) {
        event->goid = number;
        event->has |= GOLEAK_HAS_GOID;
    } else if (is_word(name, size, "parentGoid")) {
        event->other_goid = number;
        event->has |= GOLEAK_HAS_OTHER_GOID;
    } else if (is_word(name, size, "gopc")) {
        event->gopc = number;
        event->has |= GOLEAK_HAS_GOPC;
    } else if (is_word(name, size, "startpc")) {
        event->startpc = number;
        event->has |= GOLEAK_HAS_STARTPC;
    } else if (is_word(name, size, "lo")) {
        event->lock = number;
    } else if (is_word(name, size, "hi")) {
        event->chan = number;
        event->has |= GOLEAK_HAS_STACK_BOUNDS;
    } else if (is_word(name, size, "waitsince")) {
        event->elem = number;
        event->has |= GOLEAK_HAS_WAITSINCE;
    } else if (is_word(name, size, "waitreason") && number <= UINT8_MAX) {
        event->wait_reason = (uint8_t)number;
        event->has |= GOLEAK_HAS_WAIT;
    }
}

/* The dump tells whose it is; or it is of the goroutine of the event that it follows
 * (the probe's clause prints both); or, where that is unknown, of its goid. */
static enum goleak_status end_dump(struct goleak_reader *reader, uint64_t position)
{
    struct goleak_event *event = &reader->dump.event;
    reader->dump.open = false;
    if (reader->dump.self != 0 && (reader->dump.self != event->g || (event->has & GOLEAK_HAS_G) == 0)) {
        if ((event->has & GOLEAK_HAS_GOID) == 0)
            return GOLEAK_OK; /* a thread's g0 */
        event->g = reader->dump.self;
        event->has |= GOLEAK_HAS_G;
    }
    if ((event->has & GOLEAK_HAS_G) == 0 && (event->has & GOLEAK_HAS_GOID) == 0)
        return GOLEAK_OK;
    if (event->has & GOLEAK_HAS_G)
        event->has &= ~GOLEAK_HAS_OTHER_GOID;
    event->kind = GOLEAK_EVENT_STRUCT;
    event->position = position;
    return goleak_textual_add(&reader->text, event);
}

static bool begin_dump(struct goleak_reader *reader, const char *at, const char *end)
{
    at = goleak_skip_blanks(at, end);
    const char *last = end;
    while (last > at && last[-1] == ' ')
        last--;
    if (last == at || last[-1] != '{')
        return false;
    const char *g = at;
    bool is_g = goleak_begins(g, last, "struct g {") || goleak_begins(g, last, "g {") ||
                goleak_begins(g, last, "runtime.g {");
    for (; !is_g && g < last; g++)
        is_g = goleak_begins(g, last, "(struct g)");
    if (!is_g)
        return false;
    reader->dump = (struct dump){ .open = true, .depth = 1 };
    if (reader->text.batch->count != 0 && goleak_textual_is_open(&reader->text)) {
        const struct goleak_event *before = &reader->text.batch->events[reader->text.batch->count - 1];
        reader->dump.event.g = before->g;
        reader->dump.event.has = before->has & (GOLEAK_HAS_G | GOLEAK_HAS_TIME);
        reader->dump.event.time_ns = before->time_ns;
    }
    return true;
}

/* ---- events ---- */

/* "goroutine 14000102fc0 created: count=1" */
static bool naive_event(const char *at, const char *end, struct goleak_event *event)
{
    int64_t count;
    const char *rest = goleak_parse_hex(at + strlen("goroutine "), end, &event->g);
    if (rest == NULL || event->g == 0 || event->g > INT64_MAX)
        return false;
    if (goleak_begins(rest, end, " created: count=")) {
        event->kind = GOLEAK_EVENT_CREATE;
        rest += strlen(" created: count=");
    } else if (goleak_begins(rest, end, " destroyed: count=")) {
        event->kind = GOLEAK_EVENT_END;
        rest += strlen(" destroyed: count=");
    } else {
        return false;
    }
    if (goleak_parse_i64(rest, end, &count) != end || count < INT32_MIN || count > INT32_MAX)
        return false;
    event->count = (int32_t)count;
    event->has = GOLEAK_HAS_G | GOLEAK_HAS_COUNT;
    event->flags = GOLEAK_FLAG_NAIVE;
    return true;
}

/* An event at `at`, which stands within the line. cpu: -1 if not told. */
static enum goleak_status event_text(struct goleak_reader *reader, const struct goleak_line *line, const char *at,
                                     int64_t cpu, bool *taken)
{
    const char *end = line->end;
    const struct goleak_event *kept = NULL;
    if (!goleak_begins(at, end, "goroutine ")) {
        enum goleak_status status = goleak_textual_event(&reader->text, line, at, cpu, taken, &kept);
        if (kept != NULL)
            reader->text.forms |= FORM_FULL;
        return status;
    }
    struct goleak_event event = { .position = line->number };
    while (end > at && end[-1] == ' ')
        end--;
    *taken = memchr(at, 0, (size_t)(end - at)) == NULL && naive_event(at, end, &event);
    if (!*taken || !goleak_textual_whole(&reader->text, line, &event))
        return GOLEAK_OK;
    if (cpu >= 0) {
        event.cpu = (uint32_t)cpu;
        event.has |= GOLEAK_HAS_CPU;
    }
    reader->text.forms |= FORM_NAIVE;
    return goleak_textual_add(&reader->text, &event);
}

/* A line inside a dump. libdtrace of illumos and macOS prints no newline behind
 * the last brace: the next event may stand there. */
static enum goleak_status dump_line(struct goleak_reader *reader, const struct goleak_line *line)
{
    unsigned depth = reader->dump.depth;
    const char *at = line->at, *end = line->end;
    for (; at < end && reader->dump.depth != 0; at++) {
        if (*at == '{')
            reader->dump.depth++;
        else if (*at == '}')
            reader->dump.depth--;
    }
    if (reader->dump.depth != 0) {
        if (depth <= 2)
            dump_member(&reader->dump, line->at, end);
        return GOLEAK_OK;
    }
    enum goleak_status status = end_dump(reader, line->number);
    while (at < end && (*at == ' ' || *at == ','))
        at++;
    if (status != GOLEAK_OK || at == end || begin_dump(reader, at, end))
        return status;
    bool taken;
    status = event_text(reader, line, at, -1, &taken);
    if (status == GOLEAK_OK && !taken)
        goleak_textual_unknown(&reader->text, line);
    return status;
}

/* Its members are indented, its end stands at the margin. Whatever else is there,
 * the traced program or another probe has printed. */
static bool is_dump_line(const struct goleak_line *line)
{
    const char *at = line->at;
    if (at == line->end || *at == '}')
        return true;
    return (*at == ' ' || *at == '\t') && goleak_keyed_find(at, line->end) == NULL;
}

static enum goleak_status call(struct goleak_reader *reader, const struct goleak_line *line, const char *name,
                               size_t size, bool entered, int64_t cpu, unsigned depth)
{
    struct goleak_event event = {
        .kind = entered ? GOLEAK_EVENT_CALL : GOLEAK_EVENT_RETURN,
        .has = GOLEAK_HAS_CPU,
        .cpu = (uint32_t)cpu,
        .depth = (uint8_t)(depth < UINT8_MAX ? depth : UINT8_MAX),
        .position = line->number,
        .name = goleak_symbols_string(reader->text.env.symbols, name, size),
    };
    return event.name != 0 ? goleak_textual_add(&reader->text, &event) : goleak_alloc_failure(reader->text.env.alloc);
}

/* "FUNCTION:NAME" of a probe; sets where the probe's name begins. */
static const char *probe_colon(const char *at, const char *end)
{
    static const char *const probes[] = { "entry", "return", "END", "BEGIN", "ERROR", "tick-", "profile-" };
    for (const char *colon = at; colon < end; colon++) {
        colon = memchr(colon, ':', (size_t)(end - colon));
        if (colon == NULL)
            return NULL;
        for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
            const char *stop = colon + 1 + strlen(probes[i]);
            if (!goleak_begins(colon + 1, end, probes[i]))
                continue;
            if (stop == end || *stop == ' ' || stop[-1] == '-')
                return colon;
        }
    }
    return NULL;
}

/* dtrace ends each of its rows: of one without an end what is missing may be an event, or half a name. */
static enum goleak_status cut_row(struct goleak_reader *reader, const struct goleak_line *line)
{
    goleak_textual_cut(&reader->text, line);
    return GOLEAK_OK;
}

/* A line that begins with a CPU number: without -q, or -F. */
static enum goleak_status cpu_line(struct goleak_reader *reader, const struct goleak_line *line, bool *taken)
{
    uint64_t cpu, id;
    const char *at = line->at, *end = line->end;
    *taken = false;
    at = goleak_skip_blanks(at, end);
    const char *rest = goleak_parse_u64(at, end, &cpu);
    if (rest == NULL || rest == end || *rest != ' ' || cpu > 65535)
        return GOLEAK_OK;
    const char *indent = rest;
    rest = goleak_skip_blanks(rest, end);
    bool enters = goleak_begins(rest, end, "-> ") || goleak_begins(rest, end, "=> ");
    bool leaves = goleak_begins(rest, end, "<- ") || goleak_begins(rest, end, "<= ");
    bool fires = goleak_begins(rest, end, "| ");
    if (enters || leaves || fires) {
        const char *name = rest + (fires ? 2 : 3), *stop = name;
        unsigned depth = rest - indent >= 2 ? (unsigned)(rest - indent - 2) / 2 : 0;
        const char *inside = goleak_keyed_find(name, end);
        /* A name ends at its padding (symbols hold single blanks only), or, where
         * the call lies too deep for any, at the event behind it. */
        while (stop < end && stop != inside && !(*stop == ' ' && (stop + 1 == end || stop[1] == ' ')))
            stop++;
        const char *text = stop;
        text = goleak_skip_blanks(text, end);
        bool is_event = false;
        enum goleak_status status = GOLEAK_OK;
        if (text < end)
            status = event_text(reader, line, text, (int64_t)cpu, &is_event);
        *taken = true;
        if (status != GOLEAK_OK || is_event)
            return status;
        if (!line->ended)
            return cut_row(reader, line);
        reader->text.forms |= FORM_FLOW;
        return fires ? goleak_textual_close_event(&reader->text)
                     : call(reader, line, name, (size_t)(stop - name), enters, (int64_t)cpu, depth);
    }
    rest = goleak_parse_u64(rest, end, &id);
    if (rest == NULL || rest == end || *rest != ' ')
        return GOLEAK_OK;
    rest = goleak_skip_blanks(rest, end);
    const char *colon = probe_colon(rest, end);
    if (colon == NULL)
        return GOLEAK_OK;
    const char *text = colon + 1;
    while (text < end && *text != ' ')
        text++;
    text = goleak_skip_blanks(text, end);
    if (text < end) {
        enum goleak_status status = event_text(reader, line, text, (int64_t)cpu, taken);
        if (status != GOLEAK_OK || *taken)
            return status;
    }
    *taken = true;
    if (!line->ended)
        return cut_row(reader, line);
    bool entry = goleak_begins(colon + 1, end, "entry"), leave = goleak_begins(colon + 1, end, "return");
    if (!entry && !leave)
        return goleak_textual_close_event(&reader->text);
    reader->text.forms |= FORM_CALLS;
    return call(reader, line, rest, (size_t)(colon - rest), entry, (int64_t)cpu, 0);
}

/* "               12": what an aggregation has counted behind the stack that is its key, in a column of its own. */
#define VALUE_COLUMNS 17

static bool is_value(const char *at, const char *end)
{
    int64_t number;
    const bool wide = end - at >= VALUE_COLUMNS;
    at = goleak_skip_blanks(at, end);
    return wide && at < end && goleak_parse_i64(at, end, &number) == end;
}

/* A line of blanks and a frame, or of a print(). */
static enum goleak_status indented(struct goleak_reader *reader, const struct goleak_line *line, bool *taken)
{
    *taken = true;
    if (begin_dump(reader, line->at, line->end))
        return GOLEAK_OK;
    enum goleak_status status = cpu_line(reader, line, taken);
    if (status != GOLEAK_OK || *taken)
        return status;
    const bool in_stack = reader->text.stack.block.size != 0 || reader->text.frames == GOLEAK_FRAMES_IGNORED;
    if (in_stack && is_value(line->at, line->end)) {
        *taken = true;
        return goleak_textual_drop_stack(&reader->text);
    }
    *taken = goleak_stacktext_is_frame(line->at, line->end) && goleak_textual_frame(&reader->text, line);
    return *taken ? GOLEAK_OK : goleak_textual_end_stack(&reader->text);
}

/* What print() of Oracle's puts before a struct: "7f0012345678 = *". */
static bool is_dump_header(const char *at, const char *end)
{
    uint64_t address;
    const char *rest = goleak_parse_hex(at, end, &address);
    return rest != NULL && is_word(rest, (size_t)(end - rest), " = *");
}

static bool has_event(const char *at, const char *end)
{
    struct goleak_event event;
    return goleak_keyed_find(at, end) != NULL ||
           (goleak_begins(at, end, "goroutine ") && naive_event(at, end, &event));
}

static bool is_header(const char *at, const char *end)
{
    at = goleak_skip_blanks(at, end);
    if (!goleak_begins(at, end, "CPU "))
        return false;
    at = goleak_skip_blanks(at + 4, end);
    return goleak_begins(at, end, "FUNCTION") || goleak_begins(at, end, "ID ");
}

/* The last line, without its newline: the beginning of an event of the naive form. */
static bool is_cut_naive(const struct goleak_reader *reader, const struct goleak_line *line)
{
    static const char start[] = "goroutine ";
    size_t size = (size_t)(line->end - line->at);
    return !line->ended && (reader->text.forms & FORM_NAIVE) != 0 &&
           memcmp(line->at, start, size < sizeof start - 1 ? size : sizeof start - 1) == 0;
}

/* The general path: any line. */
static enum goleak_status take_line(void *context, const struct goleak_line *line)
{
    struct goleak_reader *reader = context;
    const char *at = line->at, *end = line->end;
    bool taken = false;
    enum goleak_status status = GOLEAK_OK;
    if (reader->dump.open && is_dump_line(line))
        return dump_line(reader, line);
    if (at == end)
        return GOLEAK_OK;
    if (reader->dump.open && has_event(at, end)) {
        reader->dump.open = false;
        goleak_textual_damaged(&reader->text, line, at,
                               "found an event inside a print() of a struct, expected its end; it was left out");
    }
    if (*at == ' ' || *at == '\t' || (*at >= '0' && *at <= '9')) /* CPU 100 leaves no blank */
        status = indented(reader, line, &taken);
    else if ((status = goleak_textual_end_stack(&reader->text)) != GOLEAK_OK)
        return status;
    else if (goleak_begins(at, end, "dtrace: "))
        status = message(reader, line), taken = true;
    else if (goleak_textual_recorder_line(&reader->text, line, &status))
        taken = true;
    else
        status = event_text(reader, line, at, -1, &taken);
    if (status != GOLEAK_OK || taken)
        return status;
    const char *inside = goleak_keyed_find(at + 1, end);
    if (inside == NULL && (is_header(at, end) || begin_dump(reader, at, end) || is_dump_header(at, end) ||
                           is_aggregation(reader, at, end)))
        return GOLEAK_OK;
    if (inside != NULL && memchr(at, 0, (size_t)(end - at)) == NULL) {
        status = event_text(reader, line, inside, -1, &taken);
        if (status != GOLEAK_OK)
            return status;
    }
    if (memchr(at, 0, (size_t)(end - at)) != NULL && goleak_keyed_find(at, end) != NULL)
        goleak_textual_damaged(&reader->text, line, memchr(at, 0, (size_t)(end - at)),
                               "found a NUL byte in an event, expected text");
    else if (is_cut_naive(reader, line))
        goleak_textual_cut(&reader->text, line);
    else
        goleak_textual_unknown(&reader->text, line);
    return GOLEAK_OK;
}

static enum goleak_status too_long(void *context, const struct goleak_line *line, uint64_t bytes)
{
    goleak_textual_too_long(&((struct goleak_reader *)context)->text, line, bytes);
    return GOLEAK_OK;
}

/* ---- the fast path: the article's lines ---- */

/* Reads as many as there are. The first of a batch is looked at before the one goes out
 * that is full: only then it is sure that its last event gets no stack. */
static const char *take_article(struct goleak_reader *reader, const char *at, const char *end, uint64_t *number,
                                enum goleak_status *status)
{
    struct goleak_textual *text = &reader->text;
    if (text->restart_line != 0)
        return at;
    for (;;) {
        struct goleak_event first;
        const struct goleak_counters counters = reader->article.counters;
        reader->article.goes_on = true;
        const char *next = goleak_article_read(&reader->article, at, end, &first, 1, number);
        if (next == at || (*status = goleak_textual_close_event(text)) != GOLEAK_OK)
            return at;
        struct goleak_batch *batch = text->batch;
        if (batch->count == 0) {
            batch->counted = true;
            batch->before = counters;
        }
        batch->events[batch->count] = first;
        goleak_textual_added(text, 1);
        reader->text.forms |= FORM_FULL;
        size_t room = GOLEAK_BATCH_EVENTS - batch->count;
        const uint64_t before = *number;
        at = goleak_article_read(&reader->article, next, end, batch->events + batch->count, room, number);
        goleak_textual_added(text, (size_t)(*number - before));
        batch->counted = batch->counted && reader->article.goes_on;
        batch->after = reader->article.counters;
        if (batch->count < GOLEAK_BATCH_EVENTS)
            return at;
    }
}

static const char *take_bulk(void *context, const char *at, const char *end, uint64_t *number,
                             enum goleak_status *status)
{
    struct goleak_reader *reader = context;
    struct goleak_textual *text = &reader->text;
    size_t others = 1; /* so many lines are not held against the article's */
    while (at < end && *status == GOLEAK_OK && !reader->dump.open) { /* anything may belong to a struct's event */
        const char *start = at;
        at = take_article(reader, at, end, number, status);
        if (at != start)
            others = 1;
        start = at;
        const uint64_t events = text->events;
        if (at < end && *status == GOLEAK_OK)
            at = goleak_textual_bulk(text, at, end, others, number, status);
        reader->text.forms |= text->events != events ? FORM_FULL : 0;
        if (at == start)
            break;
        others = others < 256 ? others * 2 : others;
    }
    return at;
}

/* ---- sections ---- */

static enum goleak_event_kind begins_section(const char *at, const char *end)
{
    struct goleak_event event;
    if (goleak_begins(at, end, "goroutine "))
        return naive_event(at, end, &event) ? event.kind : GOLEAK_EVENT_OTHER;
    return goleak_keyed_event(at, end);
}

static bool is_calm(const struct goleak_reader *reader)
{
    return !reader->dump.open && !reader->aggregation;
}

static void settle(struct goleak_reader *reader)
{
    reader->dump.open = reader->aggregation = false;
}

static struct goleak_textual *text_of(struct goleak_reader *reader)
{
    return &reader->text;
}

static const struct goleak_sections sections = { begins_section, is_calm, settle, text_of };

/* ---- the reader ---- */

static void close_reader(struct goleak_reader *reader)
{
    if (reader == NULL)
        return;
    struct goleak_alloc *alloc = reader->text.env.alloc;
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
    goleak_article_init(&reader->article);
    if (!goleak_textual_init(&reader->text, env, &lines)) {
        close_reader(reader);
        return NULL;
    }
    return reader;
}

static enum goleak_status feed(struct goleak_reader *reader, const char *bytes, size_t size)
{
    return goleak_lines_feed(&reader->text.lines, bytes, size);
}

static enum goleak_status finish(struct goleak_reader *reader)
{
    enum goleak_status status = goleak_lines_finish(&reader->text.lines);
    if (status == GOLEAK_OK && reader->dump.open)
        goleak_health_note(reader->text.env.health, GOLEAK_HEALTH_truncated, 1, reader->text.lines.number, 0, 0,
                           "the input ends inside a print() of a struct");
    return status == GOLEAK_OK ? goleak_textual_finish(&reader->text) : status;
}

static void facts(const struct goleak_reader *reader, struct goleak_reader_facts *out)
{
    unsigned forms = reader->text.forms;
    bool extended = (reader->text.seen & (GOLEAK_HAS_TIME | GOLEAK_HAS_GOID)) != 0;
    const char *form = extended              ? "extended"
                       : forms & FORM_FULL   ? "full"
                       : forms & FORM_NAIVE  ? "naive"
                       : forms & FORM_FLOW   ? "flow"
                       : forms & FORM_CALLS  ? "calls"
                                             : NULL;
    *out = (struct goleak_reader_facts){ .events = reader->text.events, .notes = reader->text.notes, .form = form };
    out->strange = goleak_textual_is_strange(&reader->text);
    out->nothing = goleak_textual_nothing(&reader->text);
    if (out->strange && (forms & (FORM_FLOW | FORM_CALLS)) != 0)
        out->advice = "found calls of functions and none that enters runtime.newproc1, runtime.gdestroy or "
                      "runtime.goexit0, which alone tell of goroutines here: trace these as well; `goleak-report "
                      "recorder dtrace` prints a script that tells more";
}

/* ---- sniffing ---- */

/* Is this whole line surely a D script's? */
static bool is_ours(const char *at, const char *end)
{
    struct goleak_event event;
    const char *inner = at;
    if (is_header(at, end))
        return true;
    if (goleak_begins(at, end, "goroutine ") && naive_event(at, end, &event))
        return true;
    while (inner < end && (*inner == ' ' || (*inner >= '0' && *inner <= '9')))
        inner++;
    if (inner > at && (goleak_begins(inner, end, "-> ") || goleak_begins(inner, end, "<- ")))
        return true;
    const char *colon = inner > at ? probe_colon(inner, end) : NULL;
    if (colon != NULL)
        return true;
    return goleak_begins(at, end, "dtrace: ") || goleak_keyed_is_event(at, end) || goleak_keyed_find(at, end) != NULL;
}

static enum goleak_sniff sniff(const char *bytes, size_t size, bool whole)
{
    return goleak_lines_sniff(bytes, size, whole, is_ours);
}

const struct goleak_format goleak_format_dtrace = {
    .name = "dtrace",
    .title = "D script output",
    .sections = &sections,
    .sniff = sniff,
    .open = open_reader,
    .feed = feed,
    .finish = finish,
    .facts = facts,
    .close = close_reader,
};
