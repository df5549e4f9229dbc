/* outcome - see outcome.h. */
#include "support/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool collect(void *context, const void *data, size_t size)
{
    bytes_add(context, data, size);
    return true;
}

static bool collect_ended(void *context, const struct goleak_trace *trace, const struct goleak_goroutine *goroutine)
{
    return goleak_report_write_ended(trace, goroutine, collect, context) == GOLEAK_OK;
}

/* Calls the input "*", whatever its name was, and says that it has 0 bytes. In place: neither is longer than before. */
static void forget_input(struct bytes *text, const char *path)
{
    static const char size_key[] = "\"bytes\":";
    char name[600];
    snprintf(name, sizeof name, "\"%s\"", path);
    size_t name_size = strlen(name);
    const char *at = text->data, *end = at + text->size, *quote;
    char *to = text->data;
    while ((quote = memchr(at, '"', (size_t)(end - at))) != NULL) {
        const bool is_name = strncmp(quote, name, name_size) == 0;
        const bool is_size = !is_name && strncmp(quote, size_key, sizeof size_key - 1) == 0;
        const size_t kept = (size_t)(quote - at) + (is_name ? 0 : is_size ? sizeof size_key - 1 : 1);
        if (to != at)
            memmove(to, at, kept);
        to += kept;
        at = is_name ? quote + name_size : at + kept;
        if (is_name) {
            memcpy(to, "\"*\"", 3);
            to += 3;
        } else if (is_size) {
            *to++ = '0';
            at += strspn(at, "0123456789");
        }
    }
    memmove(to, at, (size_t)(end - at) + 1);
    text->size = (size_t)(to - text->data) + (size_t)(end - at);
}

static struct goleak_options options_for(struct outcome *out, const struct goleak_options *options)
{
    struct goleak_options own = GOLEAK_OPTIONS_INIT;
    if (options != NULL)
        own = *options;
    if (own.ended == NULL && !own.retain_ended) {
        own.ended = collect_ended;
        own.ended_context = &out->text;
    }
    return own;
}

/* From a finished trace, or from its failure. */
static void take(struct outcome *out, struct goleak_trace *trace, const char *path)
{
    const struct goleak_trace *traces[] = { trace };
    static const char *const formats[] = { "ndjson", "json" };
    for (size_t i = 0; i < 2 && out->status == GOLEAK_OK; i++)
        out->status = goleak_report_write(traces, 1, formats[i], NULL, collect, &out->text, &out->error);
    if (out->status == GOLEAK_OK) {
        goleak_trace_summary(trace, &out->summary);
        forget_input(&out->text, path);
    } else {
        bytes_clear(&out->text);
        bytes_format(&out->text, "status %d, line %" PRIu64 ", column %" PRIu64 ", offset %" PRIu64 ": %s\n%s\n",
                     (int)out->status, out->error.line, out->error.column, out->error.offset, out->error.message,
                     out->error.excerpt);
    }
    goleak_trace_free(trace);
}

void outcome_of(struct outcome *out, const struct bytes *recording, const size_t *cuts, size_t cut_count,
                const struct goleak_options *options)
{
    struct goleak_trace *trace = NULL;
    struct goleak_options own = options_for(out, options);
    memset(&out->error, 0, sizeof out->error);
    out->status = goleak_trace_new(&trace, &own, &out->error);
    size_t at = 0;
    for (size_t i = 0; i <= cut_count && out->status == GOLEAK_OK; i++) {
        size_t to = i < cut_count ? cuts[i] : recording->size;
        /* A block of its own size, so that reading behind it is noticed. */
        struct bytes piece = { 0 };
        bytes_add(&piece, recording->data + at, to - at);
        out->status = goleak_trace_feed(trace, piece.data, piece.size, &out->error);
        bytes_free(&piece);
        at = to;
    }
    if (out->status == GOLEAK_OK)
        out->status = goleak_trace_finish(trace, &out->error);
    take(out, trace, "-");
}

void outcome_of_pieces(struct outcome *out, const struct bytes *recording, size_t piece,
                       const struct goleak_options *options)
{
    struct goleak_trace *trace = NULL;
    struct goleak_options own = options_for(out, options);
    memset(&out->error, 0, sizeof out->error);
    out->status = goleak_trace_new(&trace, &own, &out->error);
    for (size_t at = 0; at < recording->size && out->status == GOLEAK_OK; at += piece) {
        size_t left = recording->size - at;
        out->status = goleak_trace_feed(trace, recording->data + at, left < piece ? left : piece, &out->error);
    }
    if (out->status == GOLEAK_OK)
        out->status = goleak_trace_finish(trace, &out->error);
    take(out, trace, "-");
}

void outcome_of_file(struct outcome *out, const char *path, const struct goleak_options *options)
{
    struct goleak_trace *trace = NULL;
    struct goleak_options own = options_for(out, options);
    memset(&out->error, 0, sizeof out->error);
    out->status = goleak_trace_load(&trace, path, &own, &out->error);
    take(out, trace, path);
}

void outcome_free(struct outcome *outcome)
{
    bytes_free(&outcome->text);
    memset(outcome, 0, sizeof *outcome);
}

bool outcome_equal(const struct outcome *a, const struct outcome *b)
{
    return a->status == b->status && bytes_equal(&a->text, &b->text);
}

const char *outcome_difference(const struct outcome *a, const struct outcome *b)
{
    static char message[512];
    size_t at = 0;
    while (at < a->text.size && at < b->text.size && a->text.data[at] == b->text.data[at])
        at++;
    size_t from = at < 60 ? 0 : at - 60;
    snprintf(message, sizeof message, "at byte %zu:\n  …%.160s\n  …%.160s", at, a->text.data + from,
             b->text.data + from);
    return message;
}

uint64_t outcome_health(const struct goleak_trace *trace, const char *name)
{
    struct goleak_health health;
    for (size_t i = 0; goleak_trace_health(trace, i, &health) == GOLEAK_OK; i++)
        if (strcmp(health.name, name) == 0)
            return health.count;
    return UINT64_MAX; /* no such name: equal to nothing that a test expects */
}

/* ---- events ---------------------------------------------------------------- */

static void add_event(struct bytes *out, const struct goleak_event *e)
{
    const struct {
        uint32_t bit;
        const char *name;
        uint64_t value;
    } fields[] = {
        { GOLEAK_HAS_G, "g", e->g },
        { GOLEAK_HAS_TIME, "time", (uint64_t)e->time_ns },
        { GOLEAK_HAS_GOID, "goid", e->goid },
        { GOLEAK_HAS_OTHER, "other", e->other_g },
        { GOLEAK_HAS_OTHER_GOID, "other_goid", e->other_goid },
        { GOLEAK_HAS_REASON, "reason", e->reason },
        { GOLEAK_HAS_WAIT, "wait", e->wait_reason },
        { GOLEAK_HAS_COUNT, "count", (uint64_t)e->count },
        { GOLEAK_HAS_BLOCKED_COUNT, "blocked_count", (uint64_t)e->blocked_count },
        { GOLEAK_HAS_CPU, "cpu", e->cpu },
        { GOLEAK_HAS_TID, "tid", e->tid },
        { GOLEAK_HAS_PID, "pid", e->pid },
        { GOLEAK_HAS_LOCK, "lock", e->lock },
        { GOLEAK_HAS_CHAN, "chan", e->chan },
        { GOLEAK_HAS_ELEM, "elem", e->elem },
        { GOLEAK_HAS_GOPC, "gopc", e->gopc },
        { GOLEAK_HAS_STARTPC, "startpc", e->startpc },
        { GOLEAK_HAS_START, "start", e->name },
        { GOLEAK_HAS_STACK, "stack", e->stack },
        { GOLEAK_HAS_BLOCKED, "blocked", e->flags },
        { GOLEAK_HAS_STACK_BOUNDS, "stack_lo", e->lock },
        { GOLEAK_HAS_STACK_BOUNDS, "stack_hi", e->chan },
        { GOLEAK_HAS_WAITSINCE, "waitsince", e->elem },
        { GOLEAK_HAS_STATUS, "status", e->status },
        { GOLEAK_HAS_UNTIL, "until", (uint64_t)e->until_ns },
    };
    bytes_format(out, "%" PRIu64 ": kind %u has %" PRIx32, e->position, e->kind, e->has);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (e->has & fields[i].bit)
            bytes_format(out, " %s=%" PRIx64, fields[i].name, fields[i].value);
    bool is_call = e->kind == GOLEAK_EVENT_CALL || e->kind == GOLEAK_EVENT_RETURN;
    if (is_call || e->kind == GOLEAK_EVENT_OTHER)
        bytes_format(out, " name %" PRIu32, e->name);
    if (is_call)
        bytes_format(out, " depth %u", e->depth);
    bytes_text(out, "\n");
}

enum goleak_status outcome_events(struct bytes *out, const struct bytes *recording, const size_t *cuts,
                                  size_t cut_count)
{
    struct goleak_decoder *decoder;
    struct goleak_error error;
    const struct goleak_event *event;
    enum goleak_status status = goleak_decoder_new(&decoder, NULL, &error);
    size_t at = 0;
    for (size_t i = 0; i <= cut_count + 1 && status == GOLEAK_OK; i++) {
        size_t to = i < cut_count ? cuts[i] : recording->size;
        if (i <= cut_count)
            status = goleak_decoder_feed(decoder, recording->data + at, to - at, &error);
        else
            status = goleak_decoder_finish(decoder, &error);
        at = to;
        while (goleak_decoder_next(decoder, &event) == GOLEAK_OK)
            add_event(out, event);
    }
    if (status != GOLEAK_OK)
        bytes_format(out, "status %d: %s\n", (int)status, error.message);
    goleak_decoder_free(decoder);
    return status;
}
