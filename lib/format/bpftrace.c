/*
 * bpftrace - what bpftrace scripts print: the lines of keyed.h, with ustack()s below,
 * as text or as JSON (-f json), and bpftrace's own words in between:
 *
 *      newproc1: goroutine=f135a908780 goid=2 parent=f135a9081e0 … ts=1297328782552 cpu=0 tid=17978
 *
 *              runtime.newproc1+0
 *              runtime.systemstack.abi0+74
 *
 *      {"type": "printf", "data": "gopark: goroutine=1b9528fc01e0 goid=1 reason=14 …\n"}
 *      {"type": "lost_events", "data": {"events": 12}}
 *
 *      Attaching 8 probes...             Lost 136669 events
 *      @n: 5                             WARNING: Total lost event count: 136669
 *      ERROR: failed to look up stack id -17 (pid -1): -2
 *      ERROR: Unknown error -1: couldn't set RLIMIT_MEMLOCK for bpftrace. …     (harmless)
 *
 * Read off recordings by bpftrace 0.17 and 0.27, and off its output.cpp. Losses are
 * told on standard error only: recordings made with 2>&1 have them, others need
 * that file beside them.
 */
#include "format/bpftrace.h"

#include "format/jsontext.h"
#include "format/textual.h"

enum { FORM_JSON = 1 };

struct goleak_reader {
    struct goleak_textual text;
    struct goleak_lines inner; /* of what printf() printed, unwrapped from JSON */
    struct goleak_buf data;
    bool cut;           /* the last object is not closed */
    unsigned map_lines; /* in a key of several lines ("@stacks[", frames, "]: 12"): so many more may be of it */
    bool histogram; /* the lines of one may follow */
};

#define MAP_LINES_MOST 512 /* two stacks, and what stands between */

/* ---- bpftrace's own lines ---- */

#define TOTAL "WARNING: Total lost event count: " /* of those that were told one by one, too */

/* "Lost 12 events", "Attaching 8 probes...", "Attached 8 probes", with the number. */
static bool is_count(const char *at, const char *end, const char *before, const char *behind, uint64_t *count)
{
    if (!goleak_begins(at, end, before))
        return false;
    const char *rest = goleak_parse_most(at + strlen(before), end, count);
    return rest != NULL && goleak_begins(rest, end, behind);
}

/* "@:", "@name:", "@name[1, 2]: 3": a map, printed at the end. What stands behind its name; 0: it is none. */
static char map_mark(const char *at, const char *end)
{
    if (at == end || *at != '@')
        return 0;
    for (at++; at < end && ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
                            *at == '_');)
        at++;
    return at < end && (*at == ':' || *at == '[') ? *at : 0;
}

/* "[4, 8)      12 |@@@@@    |" */
static bool is_bucket(const char *at, const char *end)
{
    return at < end && (*at == '[' || *at == '(') && end[-1] == '|';
}

/* Behind "FILE:LINE:COLUMN: ", which some of them have. */
static const char *find_severity(const char *at, const char *end)
{
    static const char *const words[] = { "WARNING: ", "ERROR: " };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (goleak_begins(at, end, words[i]))
            return at;
        for (const char *colon = at; (colon = memchr(colon, ':', (size_t)(end - colon))) != NULL; colon++)
            if (end - colon > 2 && colon[-(colon > at)] >= '0' && colon[-(colon > at)] <= '9' &&
                goleak_begins(colon + 2, end, words[i]))
                return colon + 2;
    }
    return NULL;
}

/* "ERROR: Unknown error -1: couldn't set RLIMIT_MEMLOCK for bpftrace. If …": 0.17 says so
 * wherever kernels count memory by control group, and goes on. 0.27 calls it a warning. */
static bool is_memlock(const char *at, const char *end)
{
    return goleak_has_word(at, end, "RLIMIT_MEMLOCK") && find_severity(at, end) != NULL;
}

/* "ERROR: failed to detach probe", at its end, where tracefs is not where it looks: nothing is missing. */
static bool is_detach(const char *at, const char *end)
{
    return goleak_has_word(at, end, "failed to detach probe") && find_severity(at, end) != NULL;
}

/* "ERROR: failed to look up stack id -17 (pid -1): -2", where its map had no place: the event is
 * printed, with an empty stack. */
static bool is_lost_stack(const char *at, const char *end)
{
    return goleak_has_word(at, end, "failed to look up stack id");
}

static bool is_message(const char *at, const char *end)
{
    uint64_t count;
    return is_count(at, end, "Attaching ", " probe", &count) || is_count(at, end, "Attached ", " probe", &count) ||
           is_count(at, end, "Lost ", " events", &count) || goleak_begins(at, end, TOTAL) ||
           goleak_begins(at, end, "WARNING: Could not determine instruction boundary for ") || is_memlock(at, end) ||
           is_detach(at, end);
}

/* A line of a map, of which only frames could be taken for something else. */
static bool take_map(struct goleak_reader *reader, const char *at, const char *end)
{
    while (end > at && end[-1] == ' ')
        end--;
    if (reader->map_lines != 0) {
        const bool closes =
            *at == ']' || goleak_has_word(at, end, "]: ") || (end - at > 1 && goleak_begins(end - 2, end, "]:"));
        reader->map_lines = closes ? 0 : reader->map_lines - 1;
        reader->histogram = closes && end[-1] == ':';
        return true;
    }
    const char mark = map_mark(at, end);
    const bool bucket = reader->histogram && is_bucket(at, end);
    reader->map_lines = mark == '[' && (end[-1] == '[' || end[-1] == ',') ? MAP_LINES_MOST : 0;
    reader->histogram = bucket || (mark != 0 && end[-1] == ':');
    return mark != 0 || bucket;
}

/* The last line, without its newline: "Lost 136", "WARNING: Total lost event count: 136". */
static bool is_cut_loss(const struct goleak_line *line)
{
    static const char behind[] = " events";
    uint64_t count;
    if (line->ended)
        return false;
    if (goleak_begins(line->at, line->end, TOTAL))
        return true;
    if (!goleak_begins(line->at, line->end, "Lost "))
        return false;
    const char *rest = goleak_parse_most(line->at + strlen("Lost "), line->end, &count);
    return rest != NULL && (size_t)(line->end - rest) < sizeof behind - 1 &&
           memcmp(rest, behind, (size_t)(line->end - rest)) == 0;
}

static bool take_message(struct goleak_reader *reader, const struct goleak_line *line)
{
    struct goleak_textual *text = &reader->text;
    const char *at = line->at, *end = line->end;
    uint64_t count;
    const char *severity = find_severity(at, end);
    const bool cut = is_cut_loss(line);
    if (cut)
        goleak_textual_cut_loss(text, line);
    if (is_count(at, end, "Lost ", cut ? "" : " events", &count)) {
        goleak_textual_lost(text, line, count);
    } else if (is_count(at, end, TOTAL, "", &count)) {
        goleak_textual_lost_in_all(text, line, count);
    } else if (severity != NULL && is_lost_stack(at, end)) {
        goleak_textual_lost_stack(text, line);
    } else if (severity != NULL && *severity == 'E' && !is_memlock(at, end) && !is_detach(at, end)) {
        goleak_textual_error(text, line);
    } else if (severity == NULL && !is_message(at, end)) {
        return false;
    }
    text->notes++;
    return true;
}

/* ---- lines ---- */

/* A line of text: the input's own, or one that came out of JSON. */
static enum goleak_status take_text(struct goleak_reader *reader, const struct goleak_line *line)
{
    struct goleak_textual *text = &reader->text;
    const char *at = line->at, *end = line->end;
    const struct goleak_event *kept;
    bool taken;
    if (at == end)
        return GOLEAK_OK;
    const bool indented = *at == ' ' || *at == '\t';
    if (indented && (reader->map_lines != 0 ? take_map(reader, at, end)
                                            : goleak_stacktext_is_frame(at, end) && goleak_textual_frame(text, line)))
        return GOLEAK_OK;
    enum goleak_status status = goleak_textual_end_stack(text);
    if (status != GOLEAK_OK || goleak_textual_recorder_line(text, line, &status))
        return status;
    status = goleak_textual_event(text, line, at, -1, &taken, &kept);
    if (status != GOLEAK_OK || taken) {
        reader->map_lines = 0; /* it was none, or another one prints meanwhile */
        reader->histogram = false;
        return status;
    }
    /* The traced program's output, and perhaps an event behind it. */
    const char *inside = goleak_keyed_find(at, end), *nul = memchr(at, 0, (size_t)(end - at));
    if (inside == NULL && take_message(reader, line))
        return GOLEAK_OK;
    const bool in_key = reader->map_lines != 0;
    if (inside == NULL && take_map(reader, at, end)) /* frames of a key, or of a value, are nobody's */
        return in_key || reader->map_lines != 0 || reader->histogram ? goleak_textual_skip_event(text) : GOLEAK_OK;
    reader->map_lines = 0;
    if (inside != NULL && nul != NULL) {
        goleak_textual_damaged(text, line, nul, "found a NUL byte in an event, expected text");
        return GOLEAK_OK;
    }
    if (inside > at)
        status = goleak_textual_event(text, line, inside, -1, &taken, &kept);
    if (status == GOLEAK_OK)
        goleak_textual_unknown(text, line);
    return status;
}

static enum goleak_status take_inner(void *context, const struct goleak_line *line)
{
    return take_text(context, line);
}

static enum goleak_status too_long(void *context, const struct goleak_line *line, uint64_t bytes)
{
    goleak_textual_too_long(&((struct goleak_reader *)context)->text, line, bytes);
    return GOLEAK_OK;
}

static const char *take_bulk(void *context, const char *at, const char *end, uint64_t *number,
                             enum goleak_status *status)
{
    struct goleak_reader *reader = context;
    if (reader->map_lines != 0 || reader->histogram)
        return at;
    return goleak_textual_bulk(&reader->text, at, end, SIZE_MAX, number, status);
}

/* ---- JSON ---- */

static bool is_json(const char *at, const char *end)
{
    return goleak_begins(at, end, "{\"type\"");
}

/* "data" of lost_events: {"events": 12}. */
static bool find_events(struct goleak_json_text json, uint64_t *count)
{
    enum goleak_json_token token;
    while ((token = goleak_json_next(&json)) != GOLEAK_JSON_END && token != GOLEAK_JSON_ERROR)
        if (token == GOLEAK_JSON_NUMBER)
            return goleak_parse_most(json.token, json.token + json.size, count) == json.token + json.size;
    return false;
}

/* One object, on a line of its own: what kind it is, and its data. False: damaged. */
static bool split_object(const struct goleak_line *line, struct goleak_json_text *type, struct goleak_json_text *data,
                         enum goleak_json_token *data_token)
{
    struct goleak_json_text json = { line->at, line->end, NULL, 0 };
    enum goleak_json_token token = goleak_json_next(&json);
    bool has_type = false;
    *data_token = GOLEAK_JSON_END;
    while (token == GOLEAK_JSON_MARK && *json.token != '}') {
        if (goleak_json_next(&json) != GOLEAK_JSON_STRING)
            return false;
        struct goleak_json_text key = json;
        if (!goleak_json_is_mark(&json, goleak_json_next(&json), ':'))
            return false;
        token = goleak_json_next(&json);
        if (goleak_json_is_text(&key, "type") && token == GOLEAK_JSON_STRING) {
            *type = json;
            has_type = true;
        } else if (goleak_json_is_text(&key, "data")) {
            *data = json;
            *data_token = token;
        }
        if (!goleak_json_skip(&json, token))
            return false;
        if (*data_token != GOLEAK_JSON_END && data->end == line->end && goleak_json_is_text(&key, "data"))
            data->end = json.at;
        token = goleak_json_next(&json);
    }
    return has_type && token == GOLEAK_JSON_MARK;
}

static enum goleak_status take_json(struct goleak_reader *reader, const struct goleak_line *line)
{
    struct goleak_json_text type, data;
    enum goleak_json_token token;
    uint64_t count;
    if (!split_object(line, &type, &data, &token)) {
        reader->cut = !line->ended;
        if (line->ended)
            goleak_textual_damaged(&reader->text, line, line->at, "found a JSON object that is cut, expected its end");
        else
            goleak_textual_cut(&reader->text, line);
        return GOLEAK_OK;
    }
    reader->text.forms |= FORM_JSON;
    if (goleak_json_is_text(&type, "printf") && token == GOLEAK_JSON_STRING) {
        reader->data.size = 0;
        goleak_json_unescape(&reader->data, data.token, data.size);
        if (reader->data.failed)
            return goleak_alloc_failure(reader->text.env.alloc);
        reader->inner.number = line->number - 1; /* what it complains of stands in this line */
        return goleak_lines_feed(&reader->inner, reader->data.data, reader->data.size);
    }
    reader->text.notes++;
    if (goleak_json_is_text(&type, "lost_events") && token == GOLEAK_JSON_MARK && find_events(data, &count))
        goleak_textual_lost(&reader->text, line, count);
    return GOLEAK_OK;
}

static enum goleak_status take_line(void *context, const struct goleak_line *line)
{
    struct goleak_reader *reader = context;
    bool cut = !line->ended && line->at < line->end && *line->at == '{' && (reader->text.forms & FORM_JSON) != 0;
    return cut || is_json(line->at, line->end) ? take_json(reader, line) : take_text(reader, line);
}

/* ---- sections ---- */

static bool is_calm(const struct goleak_reader *reader)
{
    return reader->map_lines == 0 && reader->inner.carry.size == 0 && reader->inner.long_bytes == 0;
}

static void settle(struct goleak_reader *reader)
{
    reader->map_lines = 0;
    reader->histogram = false;
    reader->inner.carry.size = 0;
    reader->inner.long_bytes = 0;
}

static struct goleak_textual *text_of(struct goleak_reader *reader)
{
    return &reader->text;
}

static const struct goleak_sections sections = { goleak_keyed_event, is_calm, settle, text_of };

/* ---- the reader ---- */

static void close_reader(struct goleak_reader *reader)
{
    if (reader == NULL)
        return;
    struct goleak_alloc *alloc = reader->text.env.alloc;
    goleak_lines_release(&reader->inner);
    goleak_buf_release(&reader->data);
    goleak_textual_release(&reader->text);
    goleak_free(alloc, reader, sizeof *reader);
}

static struct goleak_reader *open_reader(const struct goleak_reader_env *env)
{
    struct goleak_reader *reader = goleak_alloc_zeroed(env->alloc, sizeof *reader);
    if (reader == NULL)
        return NULL;
    const struct goleak_line_reader outer = { .bulk = take_bulk, .line = take_line, .too_long = too_long,
                                              .context = reader, .begins = goleak_keyed_event };
    const struct goleak_line_reader inner = { .line = take_inner, .too_long = too_long, .context = reader };
    goleak_lines_init(&reader->inner, env->alloc, &inner);
    goleak_buf_init(&reader->data, env->alloc);
    if (!goleak_textual_init(&reader->text, env, &outer)) {
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
    /* What was printed last may end without a newline. In an object that is closed nothing is missing of it, but
     * perhaps in one behind it, which is not. */
    if (status == GOLEAK_OK && reader->inner.carry.size != 0 && !reader->cut)
        status = goleak_lines_feed(&reader->inner, "\n", 1);
    if (status == GOLEAK_OK)
        status = goleak_lines_finish(&reader->inner);
    return status == GOLEAK_OK ? goleak_textual_finish(&reader->text) : status;
}

static void facts(const struct goleak_reader *reader, struct goleak_reader_facts *out)
{
    bool extended = (reader->text.seen & (GOLEAK_HAS_TIME | GOLEAK_HAS_GOID)) != 0;
    *out = (struct goleak_reader_facts) {
        .events = reader->text.events,
        .notes = reader->text.notes,
        .strange = goleak_textual_is_strange(&reader->text),
        .nothing = goleak_textual_nothing(&reader->text),
        .form = reader->text.forms & FORM_JSON ? "json"
                : reader->text.events == 0     ? NULL
                : extended                     ? "extended"
                                               : "full",
    };
}

/* ---- sniffing ---- */

/* "        runtime.newproc+63", as no other tracer prints it. */
static bool is_frame(const char *at, const char *end)
{
    uint64_t offset;
    if (!goleak_begins(at, end, "        ") || end[-1] < '0' || end[-1] > '9' ||
        memchr(at, '`', (size_t)(end - at)) != NULL)
        return false;
    const char *plus = end;
    while (plus > at && plus[-1] != '+')
        plus--;
    return goleak_begins(goleak_skip_blanks(at, end), end, "runtime.") && plus > at &&
           goleak_parse_u64(plus, end, &offset) == end;
}

static bool is_ours(const char *at, const char *end)
{
    if (is_json(at, end) || is_message(at, end) || is_frame(at, end))
        return true;
    if (goleak_begins(at, end, "newproc1_entry: "))
        return goleak_keyed_is_event(at, end);
    if (!goleak_textual_is_recorder_line(at, end))
        return false;
    return goleak_has_word(at, end, " tool=bpftrace");
}

static enum goleak_sniff sniff(const char *bytes, size_t size, bool whole)
{
    return goleak_lines_sniff(bytes, size, whole, is_ours);
}

const struct goleak_format goleak_format_bpftrace = {
    .name = "bpftrace",
    .title = "bpftrace output",
    .sections = &sections,
    .sniff = sniff,
    .open = open_reader,
    .feed = feed,
    .finish = finish,
    .facts = facts,
    .close = close_reader,
};
