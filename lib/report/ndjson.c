/*
 * ndjson - one line a goroutine.
 *
 * Ended ones go out as they end (goleak_report_write_ended, from the caller's
 * hook), the living at the end in order of creation; with retained ones all in
 * that order. What is sorted is eight bytes a goroutine.
 */
#include "report/ndjson.h"

#include <string.h>

static void write_stack(const struct goleak_trace *trace, const char *key, uint32_t stack, struct goleak_json *json)
{
    const char *frame;
    goleak_json_open(json, key, '[');
    for (size_t i = 0; stack != 0 && (frame = goleak_stack_frame(trace, stack, i)) != NULL; i++)
        goleak_json_text(json, NULL, frame);
    goleak_json_close(json, ']');
}

static void write_line(const struct goleak_trace *trace, const struct goleak_goroutine *g, bool has_time,
                       struct goleak_json *json)
{
    goleak_json_open(json, NULL, '{');
    goleak_json_text(json, "input", g->input);
    goleak_json_i64(json, "pid", g->pid);
    goleak_json_i64(json, "goid", g->goid);
    goleak_json_hex(json, "g", g->g);
    goleak_json_u64(json, "incarnation", g->incarnation);
    goleak_json_bool(json, "preexisting", g->preexisting);
    goleak_json_i64(json, "parent_goid", g->parent_goid);
    goleak_json_hex(json, "parent_g", g->parent_g);
    if (g->system < 0)
        goleak_json_null(json, "system");
    else
        goleak_json_bool(json, "system", g->system != 0);
    goleak_json_i64(json, "created_ns", g->created_ns);
    goleak_json_i64(json, "started_ns", g->started_ns);
    goleak_json_i64(json, "ended_ns", g->ended_ns);
    if (!has_time) {
        goleak_json_i64(json, "created_event", g->created_event != 0 ? (int64_t)g->created_event : GOLEAK_NONE);
        goleak_json_i64(json, "ended_event", g->ended_event != 0 ? (int64_t)g->ended_event : GOLEAK_NONE);
    }
    goleak_json_text(json, "state", goleak_state_name(g->state));
    goleak_json_text(json, "reason", goleak_reason_name(g->reason));
    goleak_json_text(json, "wait_reason", g->wait_reason);
    goleak_json_bool(json, "reason_inferred", g->reason_inferred);
    goleak_json_i64(json, "blocked_since_ns", g->blocked_since_ns);
    if (!has_time)
        goleak_json_i64(json, "blocked_since_event",
                        g->blocked_since_event != 0 ? (int64_t)g->blocked_since_event : GOLEAK_NONE);
    goleak_json_bool(json, "blocked_before", g->blocked_before);
    goleak_json_text(json, "verdict", goleak_verdict_name(g->verdict));
    goleak_write_evidence(json, g->evidence, g->evidence_count);
    goleak_json_i64(json, "site", g->site != 0 ? (int64_t)g->site : GOLEAK_NONE);
    goleak_json_text(json, "created_at", g->created_at);
    goleak_json_text(json, "start_function", g->start_function);
    goleak_json_text(json, "blocked_at", g->blocked_at);
    write_stack(trace, "created_stack", g->created_stack, json);
    write_stack(trace, "stack", g->stack, json);
    goleak_json_close(json, '}');
    goleak_json_newline(json);
}

enum goleak_status goleak_report_write_ended(const struct goleak_trace *trace,
                                             const struct goleak_goroutine *goroutine, goleak_write_fn *write,
                                             void *context)
{
    struct goleak_view view;
    struct goleak_alloc alloc;
    struct goleak_json json;
    goleak_trace_view(trace, &view);
    goleak_alloc_init(&alloc, &view.model->alloc->hook, 0);
    goleak_json_init(&json, &alloc, write, context);
    write_line(trace, goroutine, *view.model->has_time, &json);
    return goleak_json_finish(&json);
}

/* ---- the order of creation ---- */

struct by_serial {
    uint64_t serial;
    uint64_t position; /* of the iterator */
};

/* In place, and without help from the C library's qsort, which may copy. */
static void sift_down(struct by_serial *heap, size_t at, size_t count)
{
    struct by_serial moved = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1].serial > heap[child].serial)
            child++;
        if (heap[child].serial <= moved.serial)
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static void sort(struct by_serial *all, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift_down(all, i, count);
    for (size_t end = count; end-- > 1;) {
        struct by_serial last = all[end];
        all[end] = all[0];
        all[0] = last;
        sift_down(all, 0, end);
    }
}

static enum goleak_status write_trace(const struct goleak_view *view, struct goleak_alloc *alloc,
                                      struct goleak_json *json)
{
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine goroutine;
    struct by_serial *all = NULL;
    size_t count = 0, capacity = 0;
    enum goleak_status status = GOLEAK_OK;
    for (;;) {
        if (goleak_goroutine_next(view->trace, &iter, &goroutine) != GOLEAK_OK)
            break;
        if (!goleak_grow(alloc, &all, &capacity, count + 1, sizeof *all)) {
            status = goleak_alloc_failure(alloc);
            break;
        }
        all[count++] = (struct by_serial){ goroutine.serial, iter.position - 1 };
    }
    if (status == GOLEAK_OK)
        sort(all, count);
    for (size_t i = 0; i < count && status == GOLEAK_OK && !json->refused; i++) {
        iter.position = all[i].position;
        goleak_goroutine_next(view->trace, &iter, &goroutine);
        write_line(view->trace, &goroutine, *view->model->has_time, json);
    }
    goleak_free(alloc, all, capacity * sizeof *all);
    return status;
}

static enum goleak_status write(const struct goleak_view *views, size_t count, struct goleak_report_output *out)
{
    struct goleak_json json;
    enum goleak_status status = GOLEAK_OK;
    goleak_json_init(&json, out->alloc, out->write, out->context);
    for (size_t i = 0; i < count && status == GOLEAK_OK; i++)
        status = write_trace(&views[i], out->alloc, &json);
    enum goleak_status written = goleak_json_finish(&json);
    return status != GOLEAK_OK ? status : written;
}

const struct goleak_report goleak_report_ndjson = { .name = "ndjson", .write = write };
