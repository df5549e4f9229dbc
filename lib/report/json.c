/*
 * json - one object, schema goleak-report/1 (docs/JSON.md).
 *
 * One recording: its members stand at the top. Several that are not one process:
 * `inputs`, `health`, `summary` and `leaks` are those of all together, and
 * `reports[]` holds each one's own object. What cannot be added up is null.
 */
#include "report/json.h"

#include <string.h>

static void write_inputs(const struct goleak_view *views, size_t count, struct goleak_json *json)
{
    struct goleak_input_info input;
    goleak_json_open(json, "inputs", '[');
    for (size_t v = 0; v < count; v++)
        for (size_t i = 0; goleak_trace_input(views[v].trace, i, &input) == GOLEAK_OK; i++) {
            goleak_json_open(json, NULL, '{');
            goleak_json_text(json, "path", input.path);
            goleak_json_text(json, "format", input.format);
            goleak_json_text(json, "form", input.form);
            goleak_json_u64(json, "bytes", input.bytes);
            goleak_json_u64(json, "events", input.events);
            goleak_json_text(json, "go_version", input.go_version);
            goleak_json_text(json, "go_version_from", input.go_version_from);
            goleak_json_i64(json, "pid", input.pid);
            goleak_json_text(json, "source_format", input.source_format);
            goleak_json_close(json, '}');
        }
    goleak_json_close(json, ']');
}

static void write_capture(const struct goleak_view *view, struct goleak_json *json)
{
    static const char *const clocks[] = { "none", "monotonic", "relative", "wall" };
    struct goleak_capture capture;
    goleak_trace_capture(view->trace, &capture);
    goleak_json_open(json, "capture", '{');
    goleak_json_i64(json, "first_ns", capture.first_ns);
    goleak_json_i64(json, "last_ns", capture.last_ns);
    goleak_json_i64(json, "duration_ns", capture.duration_ns);
    goleak_json_text(json, "clock", clocks[capture.clock]);
    goleak_json_open(json, "processes", '[');
    for (size_t i = 0; goleak_trace_pid(view->trace, i) != GOLEAK_NONE; i++)
        goleak_json_i64(json, NULL, goleak_trace_pid(view->trace, i));
    goleak_json_close(json, ']');
    goleak_json_bool(json, "complete", capture.complete);
    goleak_json_u64(json, "events", capture.events);
    goleak_json_bool(json, "tells_blocking", capture.has_blocking);
    goleak_json_bool(json, "tells_wakeups", capture.has_wakeups);
    goleak_json_bool(json, "tells_stacks", capture.has_stacks);
    goleak_json_bool(json, "misses_older", capture.misses_older);
    goleak_json_u64(json, "ticks", capture.ticks);
    goleak_json_i64(json, "tick_cpus", capture.tick_cpus != 0 ? (int64_t)capture.tick_cpus : GOLEAK_NONE);
    if (capture.counters_line == 0) {
        goleak_json_null(json, "counters");
    } else {
        goleak_json_open(json, "counters", '{');
        goleak_json_u64(json, "line", capture.counters_line);
        goleak_json_i64(json, "printed_count", capture.printed_count);
        goleak_json_i64(json, "recomputed_count", capture.recomputed_count);
        goleak_json_i64(json, "printed_blocked_count", capture.printed_blocked_count);
        goleak_json_i64(json, "recomputed_blocked_count", capture.recomputed_blocked_count);
        goleak_json_close(json, '}');
    }
    goleak_json_close(json, '}');
}

static void write_health(const struct goleak_view *views, size_t count, struct goleak_json *json)
{
    struct goleak_health health;
    goleak_json_open(json, "health", '{');
    for (size_t i = 0; goleak_trace_health(views[0].trace, i, &health) == GOLEAK_OK; i++) {
        uint64_t sum = health.count;
        const char *name = health.name;
        for (size_t v = 1; v < count; v++) {
            goleak_trace_health(views[v].trace, i, &health);
            sum += health.count;
        }
        goleak_json_u64(json, name, sum);
    }
    goleak_json_close(json, '}');
    goleak_json_open(json, "health_details", '[');
    for (size_t v = 0; v < count; v++)
        for (size_t i = 0; goleak_trace_health(views[v].trace, i, &health) == GOLEAK_OK; i++) {
            if (health.count == 0)
                continue;
            goleak_json_open(json, NULL, '{');
            goleak_json_text(json, "name", health.name);
            goleak_json_u64(json, "count", health.count);
            goleak_json_bool(json, "hurts", health.hurts);
            goleak_json_text(json, "meaning", health.meaning);
            goleak_json_text(json, "input", health.input);
            goleak_json_i64(json, "line", health.line != 0 ? (int64_t)health.line : GOLEAK_NONE);
            goleak_json_i64(json, "column", health.column != 0 ? (int64_t)health.column : GOLEAK_NONE);
            goleak_json_i64(json, "offset",
                            health.line == 0 && health.offset != 0 ? (int64_t)health.offset : GOLEAK_NONE);
            goleak_json_text(json, "detail", health.detail);
            goleak_json_close(json, '}');
        }
    goleak_json_close(json, ']');
}

/* Sums; what does not add up (peaks of different runs) is marked as not told. */
static void add_summary(struct goleak_summary *sum, const struct goleak_summary *more)
{
    sum->preexisting += more->preexisting;
    sum->created += more->created;
    sum->ended += more->ended;
    sum->live_at_end += more->live_at_end;
    sum->blocked_at_end += more->blocked_at_end;
    sum->leaks += more->leaks;
    sum->too_young += more->too_young;
    sum->system_hidden += more->system_hidden;
    for (size_t i = 0; i < GOLEAK_VERDICT_COUNT; i++)
        sum->verdicts[i] += more->verdicts[i];
}

static void write_summary(const struct goleak_view *views, size_t count, struct goleak_json *json)
{
    struct goleak_summary sum, more;
    struct goleak_capture capture;
    bool told = true, tells_blocked = true;
    goleak_trace_summary(views[0].trace, &sum);
    for (size_t v = 1; v < count; v++) {
        goleak_trace_summary(views[v].trace, &more);
        add_summary(&sum, &more);
    }
    for (size_t v = 0; v < count; v++) {
        goleak_trace_capture(views[v].trace, &capture);
        told = told && capture.has_goroutines;
        tells_blocked = tells_blocked && goleak_model_tells_blocked(views[v].model);
    }
    goleak_json_open(json, "summary", '{');
    goleak_json_i64(json, "created", told ? (int64_t)sum.created : GOLEAK_NONE);
    goleak_json_i64(json, "ended", told ? (int64_t)sum.ended : GOLEAK_NONE);
    goleak_json_i64(json, "older", told ? (int64_t)sum.preexisting : GOLEAK_NONE);
    goleak_json_i64(json, "live_at_end", told ? (int64_t)sum.live_at_end : GOLEAK_NONE);
    goleak_json_i64(json, "blocked_at_end", tells_blocked ? (int64_t)sum.blocked_at_end : GOLEAK_NONE);
    goleak_json_i64(json, "peak_live", told && count == 1 ? (int64_t)sum.peak_live : GOLEAK_NONE);
    goleak_write_moment(json, views[0].model, "peak_live_ns", "peak_live_event",
                        told && count == 1 ? sum.peak_live_at : GOLEAK_NONE);
    bool peak_told = count == 1 && tells_blocked;
    goleak_json_i64(json, "peak_blocked", peak_told ? (int64_t)sum.peak_blocked : GOLEAK_NONE);
    goleak_write_moment(json, views[0].model, "peak_blocked_ns", "peak_blocked_event",
                        peak_told ? sum.peak_blocked_at : GOLEAK_NONE);
    for (int i = GOLEAK_VERDICT_CERTAIN; i <= GOLEAK_VERDICT_UNKNOWN; i++)
        goleak_json_u64(json, goleak_verdict_name((enum goleak_verdict)i), sum.verdicts[i]);
    goleak_json_u64(json, "leaks", sum.leaks);
    goleak_json_u64(json, "system_hidden", sum.system_hidden);
    goleak_json_u64(json, "too_young", sum.too_young);
    goleak_json_close(json, '}');
}

static void write_who(const struct goleak_goroutine *goroutine, struct goleak_json *json)
{
    goleak_json_open(json, NULL, '{');
    goleak_json_i64(json, "pid", goroutine->pid);
    goleak_json_i64(json, "goid", goroutine->goid);
    goleak_json_hex(json, "g", goroutine->g);
    goleak_json_u64(json, "incarnation", goroutine->incarnation);
    goleak_json_close(json, '}');
}

static void write_leak(const struct goleak_view *view, const struct goleak_leak *leak, struct goleak_json *json)
{
    goleak_json_open(json, NULL, '{');
    goleak_json_text(json, "verdict", goleak_verdict_name(leak->verdict));
    goleak_json_text(json, "reason", goleak_reason_name(leak->reason));
    goleak_json_text(json, "wait_reason", leak->wait_reason);
    goleak_json_text(json, "created_at", leak->created_at);
    goleak_json_text(json, "start_function", leak->start_function);
    goleak_json_text(json, "blocked_at", leak->blocked_at);
    goleak_json_u64(json, "count", leak->count);
    goleak_json_i64(json, "oldest_wait_ns", leak->oldest_wait_ns);
    goleak_json_i64(json, "youngest_wait_ns", leak->youngest_wait_ns);
    if (!*view->model->has_time) {
        goleak_json_i64(json, "oldest_wait_events", leak->oldest_wait_events);
        goleak_json_i64(json, "youngest_wait_events", leak->youngest_wait_events);
    }
    goleak_json_bool(json, "oldest_wait_before", leak->oldest_wait_before);
    goleak_json_u64(json, "site_created", leak->site_created);
    goleak_json_u64(json, "site_ended", leak->site_ended);
    goleak_json_u64(json, "alike", leak->alike);
    goleak_write_evidence(json, leak->evidence, leak->evidence_count);
    goleak_json_open(json, "goroutines", '[');
    for (size_t i = 0; i < leak->example_count; i++)
        write_who(&leak->examples[i], json);
    goleak_json_close(json, ']');
    goleak_json_text(json, "input", leak->examples[0].input);
    goleak_json_close(json, '}');
}

/* Groups of several recordings, most severe first over all of them: each one's
 * are in that order already. */
static void write_leaks(const struct goleak_view *views, size_t count, struct goleak_json *json)
{
    struct goleak_leak leak;
    goleak_json_open(json, "leaks", '[');
    for (int verdict = GOLEAK_VERDICT_CERTAIN; verdict <= GOLEAK_VERDICT_SUSPECT; verdict++)
        for (size_t v = 0; v < count; v++)
            for (size_t i = 0; goleak_trace_leak(views[v].trace, i, &leak) == GOLEAK_OK; i++)
                if (leak.verdict == (enum goleak_verdict)verdict)
                    write_leak(&views[v], &leak, json);
    goleak_json_close(json, ']');
}

/* What would decide, of whom too little is known; of several recordings, each one's. */
static void write_unknown(const struct goleak_view *views, size_t count, struct goleak_json *json)
{
    struct goleak_unknown unknown;
    goleak_json_open(json, "unknown", '[');
    for (size_t v = 0; v < count; v++)
        for (size_t i = 0; goleak_trace_unknown(views[v].trace, i, &unknown) == GOLEAK_OK; i++) {
            goleak_json_open(json, NULL, '{');
            goleak_json_u64(json, "count", unknown.count);
            goleak_write_evidence(json, unknown.example.evidence, unknown.example.evidence_count);
            goleak_json_open(json, "goroutines", '[');
            write_who(&unknown.example, json);
            goleak_json_close(json, ']');
            goleak_json_text(json, "input", unknown.example.input);
            goleak_json_close(json, '}');
        }
    goleak_json_close(json, ']');
}

/* Members of one recording. */
static void write_one(const struct goleak_view *view, struct goleak_json *json)
{
    write_inputs(view, 1, json);
    write_capture(view, json);
    write_health(view, 1, json);
    write_summary(view, 1, json);
    write_leaks(view, 1, json);
    write_unknown(view, 1, json);
    for (size_t i = 0; i < goleak_analysis_count; i++) {
        const struct goleak_analysis *analysis = goleak_analyses[i];
        if (analysis->name == NULL)
            continue;
        if (analysis->tells != NULL && !analysis->tells(view->analyses[i]))
            goleak_json_null(json, analysis->name);
        else
            analysis->write(view->analyses[i], json);
    }
}

static void write_not_built(struct goleak_json *json)
{
    goleak_json_open(json, "not_built", '[');
    for (size_t i = 0; goleak_not_built[i] != NULL; i++)
        goleak_json_text(json, NULL, goleak_not_built[i]);
    goleak_json_close(json, ']');
}

static enum goleak_status write(const struct goleak_view *views, size_t count, struct goleak_report_output *out)
{
    struct goleak_json json;
    goleak_json_init(&json, out->alloc, out->write, out->context);
    goleak_json_open(&json, NULL, '{');
    goleak_json_text(&json, "schema", GOLEAK_SCHEMA);
    goleak_json_text(&json, "tool", "goleak-report " GOLEAK_VERSION);
    if (count == 1) {
        write_one(views, &json);
    } else {
        write_inputs(views, count, &json);
        goleak_json_null(&json, "capture");
        write_health(views, count, &json);
        write_summary(views, count, &json);
        write_leaks(views, count, &json);
        write_unknown(views, count, &json);
        goleak_json_open(&json, "reports", '[');
        for (size_t i = 0; i < count; i++) {
            goleak_json_open(&json, NULL, '{');
            write_one(&views[i], &json);
            goleak_json_close(&json, '}');
        }
        goleak_json_close(&json, ']');
    }
    write_not_built(&json);
    goleak_json_close(&json, '}');
    goleak_json_newline(&json);
    return goleak_json_finish(&json);
}

const struct goleak_report goleak_report_json = { .name = "json", .write = write };
