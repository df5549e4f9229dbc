/* load - see load.h. */
#include "support/load.h"

#include <stdlib.h>

struct goleak_trace *load(const char *text)
{
    return load_with(NULL, text);
}

struct goleak_trace *load_with(const struct goleak_options *options, const char *text)
{
    return load_pieces(options, text, strlen(text), 0);
}

static enum goleak_status feed(struct goleak_trace *trace, const char *bytes, size_t size, size_t step,
                               struct goleak_error *error)
{
    enum goleak_status status = GOLEAK_OK;
    for (size_t at = 0; at < size && status == GOLEAK_OK;) {
        size_t part = step == 0 || step > size - at ? size - at : step;
        char *piece = malloc(part);
        assert_non_null(piece);
        memcpy(piece, bytes + at, part);
        status = goleak_trace_feed(trace, piece, part, error);
        free(piece);
        at += part;
    }
    return status;
}

struct goleak_trace *load_pieces(const struct goleak_options *options, const void *bytes, size_t size, size_t step)
{
    struct goleak_error error = { 0 };
    struct goleak_trace *trace;
    enum goleak_status status = goleak_trace_new(&trace, options, &error);
    if (status == GOLEAK_OK)
        status = feed(trace, bytes, size, step, &error);
    if (status == GOLEAK_OK)
        status = goleak_trace_finish(trace, &error);
    if (status != GOLEAK_OK)
        fail_msg("status %d: %s", (int)status, error.message);
    return trace;
}

struct goleak_error load_error(const struct goleak_options *options, const void *bytes, size_t size)
{
    struct goleak_error error = { 0 };
    struct goleak_trace *trace;
    assert_int_equal(goleak_trace_new(&trace, options, &error), GOLEAK_OK);
    enum goleak_status status = feed(trace, bytes, size, 0, &error);
    if (status == GOLEAK_OK)
        status = goleak_trace_finish(trace, &error);
    goleak_trace_free(trace);
    assert_true(status < 0);
    assert_int_equal(error.status, status);
    return error;
}

struct goleak_summary load_summary(const struct goleak_trace *trace)
{
    struct goleak_summary summary;
    goleak_trace_summary(trace, &summary);
    return summary;
}

struct goleak_capture load_capture(const struct goleak_trace *trace)
{
    struct goleak_capture capture;
    goleak_trace_capture(trace, &capture);
    return capture;
}

struct goleak_input_info load_input(const struct goleak_trace *trace)
{
    struct goleak_input_info input;
    assert_int_equal(goleak_trace_input(trace, 0, &input), GOLEAK_OK);
    return input;
}

struct goleak_health load_health(const struct goleak_trace *trace, const char *name)
{
    struct goleak_health health;
    for (size_t i = 0; goleak_trace_health(trace, i, &health) == GOLEAK_OK; i++)
        if (strcmp(health.name, name) == 0)
            return health;
    fail_msg("there is no health \"%s\"", name);
    return health;
}

uint64_t load_count(const struct goleak_trace *trace, const char *health_name)
{
    return load_health(trace, health_name).count;
}

struct goleak_leak load_leak(const struct goleak_trace *trace, size_t index)
{
    struct goleak_leak leak;
    assert_int_equal(goleak_trace_leak(trace, index, &leak), GOLEAK_OK);
    return leak;
}

size_t load_leak_count(const struct goleak_trace *trace)
{
    struct goleak_leak leak;
    size_t count = 0;
    while (goleak_trace_leak(trace, count, &leak) == GOLEAK_OK)
        count++;
    return count;
}

static bool find(const struct goleak_trace *trace, uint64_t g, struct goleak_goroutine *out)
{
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine one;
    bool found = false;
    while (goleak_goroutine_next(trace, &iter, &one) == GOLEAK_OK)
        if (one.g == g && (!found || one.serial > out->serial)) {
            *out = one;
            found = true;
        }
    return found;
}

struct goleak_goroutine load_goroutine(const struct goleak_trace *trace, uint64_t g)
{
    struct goleak_goroutine goroutine;
    if (!find(trace, g, &goroutine))
        fail_msg("there is no goroutine %llx", (unsigned long long)g);
    return goroutine;
}

bool load_has(const struct goleak_trace *trace, uint64_t g)
{
    struct goleak_goroutine goroutine;
    return find(trace, g, &goroutine);
}

size_t load_goroutine_count(const struct goleak_trace *trace)
{
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine one;
    size_t count = 0;
    while (goleak_goroutine_next(trace, &iter, &one) == GOLEAK_OK)
        count++;
    return count;
}
