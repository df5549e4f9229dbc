/* reports - the table of reports, and the public calls that use it. */
#include "report/report.h"

#include "base/error.h"
#include "report/json.h"
#include "report/ndjson.h"
#include "report/text.h"

#include <string.h>

const struct goleak_report *const goleak_reports[] = {
    &goleak_report_text,
    &goleak_report_json,
    &goleak_report_ndjson,
};
const size_t goleak_report_count = sizeof goleak_reports / sizeof *goleak_reports;

const char *goleak_report_format(size_t index)
{
    return index < goleak_report_count ? goleak_reports[index]->name : NULL;
}

static const struct goleak_report *find(const char *name)
{
    for (size_t i = 0; i < goleak_report_count; i++)
        if (strcmp(goleak_reports[i]->name, name) == 0)
            return goleak_reports[i];
    return NULL;
}

static void fill_options(struct goleak_report_options *out, const struct goleak_report_options *given)
{
    const struct goleak_report_options defaults = GOLEAK_REPORT_OPTIONS_INIT;
    *out = defaults;
    if (given != NULL)
        memcpy(out, given, given->size < sizeof *out ? given->size : sizeof *out);
    if (out->width == 0)
        out->width = 80;
    if (out->top == 0)
        out->top = 10;
}

static bool is_finished(const struct goleak_trace *trace)
{
    struct goleak_view view;
    goleak_trace_view(trace, &view);
    return view.finished;
}

enum goleak_status goleak_report_write(const struct goleak_trace *const *traces, size_t trace_count,
                                       const char *format, const struct goleak_report_options *options,
                                       goleak_write_fn *write, void *context, struct goleak_error *error)
{
    const struct goleak_report *report = find(format);
    if (report == NULL)
        return goleak_error_set(error, GOLEAK_E_USAGE, "found \"%.40s\", expected the name of a report", format);
    if (trace_count == 0)
        return goleak_error_set(error, GOLEAK_E_USAGE, "there is no trace to report on");
    for (size_t i = 0; i < trace_count; i++)
        if (!is_finished(traces[i]))
            return goleak_error_set(error, GOLEAK_E_USAGE,
                                    "trace %zu of %zu is not finished, or that failed: a report needs a "
                                    "goleak_trace_finish that went well",
                                    i + 1, trace_count);
    struct goleak_view first;
    goleak_trace_view(traces[0], &first);
    /* Scratch comes from the first trace's own hook, without its limit: a report
     * needs little, and it is better late than never. */
    struct goleak_alloc alloc;
    goleak_alloc_init(&alloc, &first.model->alloc->hook, 0);
    struct goleak_report_output out = { .alloc = &alloc, .write = write, .context = context };
    fill_options(&out.options, options);
    struct goleak_view *views = goleak_alloc_array(&alloc, trace_count, sizeof *views);
    if (views == NULL)
        return goleak_error_alloc(error, &alloc);
    for (size_t i = 0; i < trace_count; i++)
        goleak_trace_view(traces[i], &views[i]);
    enum goleak_status status = report->write(views, trace_count, &out);
    goleak_free(&alloc, views, trace_count * sizeof *views);
    if (status == GOLEAK_E_IO)
        return goleak_error_set(error, status, "the report could not be written");
    return status != GOLEAK_OK ? goleak_error_alloc(error, &alloc) : GOLEAK_OK;
}
