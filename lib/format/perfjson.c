/* perfjson - see perfjson.h. */
#include "format/perfjson.h"

#include "format/jsontext.h"

#include <inttypes.h>
#include <stdio.h>

#define SAMPLE_MAX ((size_t)1 << 20)

void goleak_perf_json_init(struct goleak_perf_json *json, struct goleak_textual *text, struct goleak_alloc *alloc)
{
    *json = (struct goleak_perf_json) { .text = text, .line = 1 };
    goleak_buf_init(&json->sample, alloc);
    goleak_buf_init(&json->arguments, alloc);
    goleak_buf_init(&json->symbol, alloc);
}

void goleak_perf_json_release(struct goleak_perf_json *json)
{
    struct goleak_alloc *alloc = json->sample.alloc;
    goleak_free(alloc, json->frames, json->frame_capacity * sizeof *json->frames);
    goleak_buf_release(&json->sample);
    goleak_buf_release(&json->arguments);
    goleak_buf_release(&json->symbol);
}

/* ---- one sample ---- */

struct sample {
    struct goleak_event event;
    char leaf[64]; /* of the callchain */
    size_t frames;
    uint64_t probe; /* address of the probed function; 0: not told */
    bool returns;   /* it has a return address: a return probe */
    bool failed;    /* memory has ended */
};

static bool number_of(const struct goleak_json_text *json, uint64_t *out)
{
    return goleak_parse_any(json->token, json->token + json->size, out) == json->token + json->size;
}

/* One frame; its mark '{' has been read. False: no JSON, or memory. */
static bool read_frame(struct goleak_perf_json *json, struct goleak_json_text *text, struct sample *sample)
{
    struct goleak_symbols *symbols = json->text->env.symbols;
    struct goleak_json_text name = { .token = "" };
    uint64_t address = 0;
    enum goleak_json_token token = goleak_json_next(text);
    while (token == GOLEAK_JSON_STRING) {
        struct goleak_json_text key = *text;
        goleak_json_next(text);
        token = goleak_json_next(text);
        if (goleak_json_is_text(&key, "ip"))
            number_of(text, &address);
        else if (goleak_json_is_text(&key, "symbol") && token == GOLEAK_JSON_STRING)
            name = *text;
        if (!goleak_json_skip(text, token))
            return false;
        token = goleak_json_next(text);
        if (goleak_json_is_mark(text, token, ','))
            token = goleak_json_next(text);
    }
    if (!goleak_json_is_mark(text, token, '}'))
        return false;
    if (sample->frames == 0)
        snprintf(sample->leaf, sizeof sample->leaf, "%.*s", (int)(name.size < 63 ? name.size : 63), name.token);
    json->symbol.size = 0;
    goleak_json_unescape(&json->symbol, name.token, name.size);
    /* The executable knows the line, if it is the right one: then it has the same name. */
    struct goleak_place places[GOLEAK_INLINED];
    const size_t known = goleak_symbols_places(symbols, NULL, 0, address, sample->frames != 0, places);
    const char *function = known != 0 ? places[known - 1].function : "";
    bool has_place = known != 0 && (name.size == 0 || (strlen(function) <= json->symbol.size &&
                                                       memcmp(function, json->symbol.data, strlen(function)) == 0));
    uint32_t frames[GOLEAK_INLINED] = { 0 };
    size_t count = 1;
    if (has_place || name.size == 0)
        count = goleak_symbols_frames(symbols, NULL, 0, address, sample->frames != 0, frames);
    else
        frames[0] = goleak_symbols_function(symbols, json->symbol.data, json->symbol.size);
    sample->failed = count == 0 || frames[0] == 0 || json->symbol.failed ||
                     !goleak_grow(json->sample.alloc, &json->frames, &json->frame_capacity, sample->frames + count,
                                  sizeof *json->frames);
    if (sample->failed)
        return false;
    memcpy(json->frames + sample->frames, frames, count * sizeof *frames);
    sample->frames += count;
    return true;
}

static bool read_callchain(struct goleak_perf_json *json, struct goleak_json_text *text, struct sample *sample)
{
    enum goleak_json_token token = goleak_json_next(text);
    while (goleak_json_is_mark(text, token, '{')) {
        if (!read_frame(json, text, sample))
            return false;
        token = goleak_json_next(text);
        if (goleak_json_is_mark(text, token, ','))
            token = goleak_json_next(text);
    }
    return goleak_json_is_mark(text, token, ']');
}

/* A member that is not the callchain: a column, or an argument of the probe. */
static void read_member(struct goleak_perf_json *json, const struct goleak_json_text *key,
                        const struct goleak_json_text *value, struct sample *sample)
{
    struct goleak_event *event = &sample->event;
    uint64_t number;
    bool is_number = number_of(value, &number);
    bool column = goleak_json_is_text(key, "pid") || goleak_json_is_text(key, "tid") ||
                  goleak_json_is_text(key, "cpu") || goleak_json_is_text(key, "timestamp");
    if (column && (!is_number || number > INT64_MAX))
        return; /* -1: perf does not know */
    if (goleak_json_is_text(key, "timestamp") && is_number && number <= INT64_MAX) {
        event->time_ns = (int64_t)number;
        event->has |= GOLEAK_HAS_TIME;
    } else if (goleak_json_is_text(key, "pid") && is_number && number <= UINT32_MAX) {
        event->pid = (uint32_t)number;
        event->has |= GOLEAK_HAS_PID;
    } else if (goleak_json_is_text(key, "tid") && is_number && number <= UINT32_MAX) {
        event->tid = (uint32_t)number;
        event->has |= GOLEAK_HAS_TID;
    } else if (goleak_json_is_text(key, "cpu") && is_number && number <= UINT32_MAX) {
        event->cpu = (uint32_t)number;
        event->has |= GOLEAK_HAS_CPU;
    } else if (goleak_json_is_text(key, "__probe_ret_ip")) {
        sample->returns = true;
    } else if (goleak_json_is_text(key, "__probe_ip") || goleak_json_is_text(key, "__probe_func")) {
        goleak_parse_hex(value->token, value->token + value->size, &sample->probe);
    } else if (!goleak_json_is_text(key, "comm") && !goleak_json_is_text(key, "period") && key->size > 0 &&
               key->token[0] != '_' && (key->size < 7 || memcmp(key->token, "common_", 7) != 0)) {
        goleak_buf_append(&json->arguments, key->token, key->size);
        goleak_buf_char(&json->arguments, '=');
        goleak_json_unescape(&json->arguments, value->token, value->size);
        goleak_buf_char(&json->arguments, ' ');
    }
}

static bool read_sample(struct goleak_perf_json *json, struct sample *sample)
{
    struct goleak_json_text text = { json->sample.data, json->sample.data + json->sample.size, NULL, 0 };
    json->arguments.size = 0;
    goleak_json_next(&text); /* the brace */
    enum goleak_json_token token = goleak_json_next(&text);
    while (token == GOLEAK_JSON_STRING) {
        struct goleak_json_text key = text;
        goleak_json_next(&text);
        token = goleak_json_next(&text);
        if (goleak_json_is_text(&key, "callchain") && goleak_json_is_mark(&text, token, '[')) {
            if (!read_callchain(json, &text, sample))
                return false;
        } else {
            struct goleak_json_text value = text;
            if (!goleak_json_skip(&text, token))
                return false;
            read_member(json, &key, &value, sample);
        }
        token = goleak_json_next(&text);
        if (goleak_json_is_mark(&text, token, ','))
            token = goleak_json_next(&text);
    }
    return goleak_json_is_mark(&text, token, '}');
}

/* Without names: what only some functions' probes tell. */
static enum goleak_event_kind kind_by_arguments(const struct goleak_event *event)
{
    if (event->has & (GOLEAK_HAS_GOPC | GOLEAK_HAS_STARTPC))
        return GOLEAK_EVENT_CREATE;
    if (event->has & (GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT))
        return GOLEAK_EVENT_PARK;
    return event->has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_STATUS) ? GOLEAK_EVENT_READY : GOLEAK_EVENT_OTHER;
}

/* What was probed: by the callchain's leaf, else by the probe's address, if the executable
 * is there. newproc1 returns into newproc.func1. */
static enum goleak_event_kind kind_of(struct goleak_perf_json *json, struct sample *sample)
{
    bool needs_goroutine, named;
    struct goleak_place place;
    if (sample->leaf[0] == '\0' && sample->probe != 0 &&
        goleak_symbols_place(json->text->env.symbols, sample->probe, false, &place))
        snprintf(sample->leaf, sizeof sample->leaf, "%s", place.function);
    if (sample->leaf[0] == '\0')
        return kind_by_arguments(&sample->event);
    if (strcmp(sample->leaf, "runtime.newproc.func1") == 0) {
        sample->returns = true;
        return GOLEAK_EVENT_CREATE;
    }
    enum goleak_event_kind kind = goleak_keyed_kind(sample->leaf, strlen(sample->leaf), &needs_goroutine, &named);
    if (kind != GOLEAK_EVENT_CREATE)
        return kind;
    json->entry_seen = true;
    return sample->returns ? GOLEAK_EVENT_CREATE : GOLEAK_EVENT_SPAWN;
}

/* Without arguments it is nobody's: a call. A creation is counted once, at newproc1's
 * entry if that is recorded, else at its return. */
static enum goleak_status add_call(struct goleak_perf_json *json, struct sample *sample, enum goleak_event_kind kind)
{
    struct goleak_event *event = &sample->event;
    const char *name = sample->leaf;
    event->kind = GOLEAK_EVENT_CALL;
    if (kind == GOLEAK_EVENT_CREATE) {
        name = "runtime.newproc1";
        event->kind = json->entry_seen ? GOLEAK_EVENT_RETURN : GOLEAK_EVENT_CALL;
    }
    event->name = goleak_symbols_string(json->text->env.symbols, name, strlen(name));
    return event->name != 0 ? goleak_textual_add(json->text, event) : goleak_alloc_failure(json->sample.alloc);
}

static enum goleak_status damaged(struct goleak_perf_json *json, const char *sentence)
{
    if (json->sample.failed || json->arguments.failed)
        return goleak_alloc_failure(json->sample.alloc);
    goleak_health_note(json->text->env.health, GOLEAK_HEALTH_damaged_lines, 1, json->line, 0, 0, "%s", sentence);
    return GOLEAK_OK;
}

static enum goleak_status take_sample(struct goleak_perf_json *json)
{
    struct sample sample = { .event.position = json->line };
    struct goleak_event *event = &sample.event;
    struct goleak_key_plan plan = { .count = 0 };
    struct goleak_keyed_problem problem;
    if (!read_sample(json, &sample) && !sample.failed)
        return damaged(json, "found a sample that is no JSON, expected an object");
    if (sample.failed || json->sample.failed || json->arguments.failed)
        return goleak_alloc_failure(json->sample.alloc);
    if (sample.frames != 0) {
        event->stack = goleak_symbols_stack(json->text->env.symbols, json->frames, sample.frames);
        event->has |= GOLEAK_HAS_STACK;
        if (event->stack == 0)
            return goleak_alloc_failure(json->sample.alloc);
    }
    event->kind = sample.leaf[0] != '\0' ? (uint8_t)kind_of(json, &sample) : GOLEAK_EVENT_OTHER;
    if (json->arguments.size != 0) {
        const char *at = json->arguments.data, *end = at + json->arguments.size - 1;
        enum goleak_keyed_result result = goleak_keyed_arguments(&json->text->keyed, at, end, event, &plan, &problem);
        if (result == GOLEAK_KEYED_FAILED)
            return goleak_alloc_failure(json->sample.alloc);
        if (result != GOLEAK_KEYED_EVENT)
            return damaged(json, problem.sentence);
    }
    enum goleak_event_kind kind = kind_of(json, &sample);
    event->kind = (uint8_t)kind;
    if (kind == GOLEAK_EVENT_OTHER) {
        event->has &= ~GOLEAK_HAS_START;
        event->name = 0;
    }
    bool told = (event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) != 0 ||
                (kind == GOLEAK_EVENT_SPAWN && (event->has & (GOLEAK_HAS_OTHER | GOLEAK_HAS_GOPC)) != 0);
    json->text->recorder_events++;
    return told ? goleak_textual_add(json->text, event) : add_call(json, &sample, kind);
}

/* ---- the document ---- */

/* At the top of the document or of a sample: a string that may be "samples". */
static void take_string_byte(struct goleak_perf_json *json, char c)
{
    if (json->depth == 1 && json->key_size < sizeof json->key)
        json->key[json->key_size++] = c;
}

static enum goleak_status close_mark(struct goleak_perf_json *json)
{
    enum goleak_status status = GOLEAK_OK;
    if (json->depth != 0)
        json->depth--;
    if (json->in_samples && json->depth == 2) {
        status = json->sample_lost ? GOLEAK_OK : take_sample(json);
        json->sample.size = 0;
        json->sample_lost = false;
    }
    if (json->depth == 1)
        json->in_samples = false;
    return status;
}

static void open_mark(struct goleak_perf_json *json, char c)
{
    json->depth++;
    if (json->depth == 2 && c == '[')
        json->in_samples = json->key_size == 7 && memcmp(json->key, "samples", 7) == 0;
}

/* More bytes of the sample; of one that is too long none are kept. */
static enum goleak_status add_bytes(struct goleak_perf_json *json, const char *from, const char *end)
{
    enum goleak_status status = GOLEAK_OK;
    goleak_buf_append(&json->sample, from, (size_t)(end - from));
    if (json->sample.failed)
        return goleak_alloc_failure(json->sample.alloc);
    if (json->sample.size <= SAMPLE_MAX)
        return GOLEAK_OK;
    if (!json->sample_lost)
        status = damaged(json, "found a sample of more than 1 MiB, expected less; it was skipped");
    json->sample_lost = true;
    json->sample.size = 0;
    return status;
}

enum goleak_status goleak_perf_json_feed(struct goleak_perf_json *json, const char *bytes, size_t size)
{
    enum goleak_status status = GOLEAK_OK;
    const char *end = bytes + size, *from = bytes; /* of the sample's bytes in this chunk */
    for (const char *at = bytes; at < end && status == GOLEAK_OK; at++) {
        json->line += *at == '\n';
        if (json->in_string) {
            if (json->escaped)
                json->escaped = false;
            else if (*at == '\\')
                json->escaped = true;
            else if (*at == '"')
                json->in_string = false;
            if (json->in_string)
                take_string_byte(json, *at);
            continue;
        }
        if (*at == '"') {
            json->in_string = true;
            json->key_size = json->depth == 1 ? 0 : json->key_size;
        } else if (*at == '{' || *at == '[') {
            if (json->in_samples && json->depth == 2)
                from = at;
            open_mark(json, *at);
        } else if (*at == '}' || *at == ']') {
            if (json->in_samples && json->depth == 3)
                status = add_bytes(json, from, at + 1);
            if (status == GOLEAK_OK)
                status = close_mark(json);
        }
    }
    if (status != GOLEAK_OK || !json->in_samples || json->depth < 3)
        return status;
    return add_bytes(json, from, end);
}

enum goleak_status goleak_perf_json_finish(struct goleak_perf_json *json)
{
    if (json->depth != 0 || json->in_string)
        goleak_health_note(json->text->env.health, GOLEAK_HEALTH_truncated, 1, json->line, 0, 0,
                           "the input ends inside the JSON document");
    return GOLEAK_OK;
}
