/* reports - the table of reports, and the public calls that use it. */
#include "report/report.h"

#include "base/error.h"
#include "report/json.h"
#include "report/ndjson.h"
#include "report/text.h"

#include <inttypes.h>
#include <stdio.h>
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

static enum goleak_status fill_options(struct goleak_report_options *out, const struct goleak_report_options *given,
                                       struct goleak_error *error)
{
    const struct goleak_report_options defaults = GOLEAK_REPORT_OPTIONS_INIT;
    *out = defaults;
    enum goleak_status status = goleak_options_copy(out, sizeof *out, given, "GOLEAK_REPORT_OPTIONS_INIT", error);
    if (status != GOLEAK_OK)
        return status;
    if ((unsigned)out->fail_on >= GOLEAK_VERDICT_COUNT)
        return goleak_error_set(error, GOLEAK_E_USAGE, "found fail_on %u, expected one of enum goleak_verdict",
                                (unsigned)out->fail_on);
    if (out->top == 0)
        out->top = 10;
    return GOLEAK_OK;
}

/* Can the report be written of trace `index`, or why can it not? */
static enum goleak_status check(const struct goleak_view *view, size_t index, size_t count,
                                const struct goleak_report_options *options, struct goleak_error *error)
{
    if (!view->finished)
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "trace %zu of %zu is not finished, or that failed: a report needs a "
                                "goleak_trace_finish that went well",
                                index + 1, count);
    const struct goleak_story *story = view->story;
    const uint64_t goid = options->explain_goid, g = options->explain_g;
    if ((goid != 0 && story->goid != goid) || (g != 0 && story->asked_g != g))
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "trace %zu of %zu has not kept the events of goroutine %" PRIu64 " (g %" PRIx64
                                "), which is to be explained: goleak_options.explain_goid was %" PRIu64
                                ", explain_g %" PRIx64,
                                index + 1, count, goid, g, story->goid, story->asked_g);
    return GOLEAK_OK;
}

/* Of a recording that tells no goids one that lives; 0: it tells some, or nobody. */
static uint64_t some_address(const struct goleak_store *store)
{
    uint64_t found = 0;
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if (record->goid != 0)
            return 0;
        if (found == 0 && (record->flags & GOLEAK_REC_SEEN) && record->state != GOLEAK_STATE_ENDED)
            found = record->g;
    }
    return goleak_g_told(found);
}

static enum goleak_status say_unknown(const struct goleak_view *view, size_t count, struct goleak_error *error)
{
    const struct goleak_story *story = view->story;
    const uint64_t address = some_address(view->model->store);
    char process[32] = "", other[128] = "; --format=ndjson lists who is", asked[GOLEAK_STORY_ASKED_TEXT];
    goleak_story_asked(story, asked);
    if (story->goid != 0 && address != 0)
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "goroutine %s is not known: the recording tells addresses and no goids; ask "
                                "for one as the report names it, such as --explain=0x%" PRIx64,
                                asked, address);
    if (story->pid != 0)
        snprintf(process, sizeof process, " of process %" PRIu32, story->pid);
    if (story->other_pid != 0)
        snprintf(other, sizeof other, "; process %" PRIu32 " has %s%s: --explain=%" PRIu32 "/%s", story->other_pid,
                 story->goid != 0 ? "a goroutine " : "one", story->goid != 0 ? asked : "", story->other_pid, asked);
    if (story->goid == 0)
        return goleak_error_set(error, GOLEAK_E_USAGE, "no goroutine at %s%s is in %s%s", asked, process,
                                count == 1 ? "this recording" : "any of these recordings", other);
    return goleak_error_set(error, GOLEAK_E_USAGE, "goroutine %s%s is %s%s", asked, process,
                            count == 1 ? "not in this recording" : "in none of these recordings", other);
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
    struct goleak_report_output out = { .write = write, .context = context };
    enum goleak_status status = fill_options(&out.options, options, error);
    if (status != GOLEAK_OK)
        return status;
    if (report != &goleak_report_text)
        out.options.explain_goid = out.options.explain_g = 0;
    struct goleak_view first;
    for (size_t i = trace_count; i-- > 0;) { /* the first last: its allocator is needed */
        goleak_trace_view(traces[i], &first);
        status = check(&first, i, trace_count, &out.options, error);
        if (status != GOLEAK_OK)
            return status;
    }
    /* Scratch comes from the first trace's own hook, without its limit: a report
     * needs little, and it is better late than never. */
    struct goleak_alloc alloc;
    goleak_alloc_init(&alloc, &first.model->alloc->hook, 0);
    out.alloc = &alloc;
    struct goleak_view *views = goleak_alloc_array(&alloc, trace_count, sizeof *views);
    if (views == NULL)
        return goleak_error_alloc(error, &alloc);
    for (size_t i = 0; i < trace_count; i++)
        goleak_trace_view(traces[i], &views[i]);
    status = report->write(views, trace_count, &out);
    if (status == GOLEAK_END)
        status = say_unknown(&views[0], trace_count, error);
    goleak_free(&alloc, views, trace_count * sizeof *views);
    if (status == GOLEAK_E_IO)
        return goleak_error_set(error, status, "the report could not be written");
    if (status == GOLEAK_E_USAGE)
        return status;
    return status != GOLEAK_OK ? goleak_error_alloc(error, &alloc) : GOLEAK_OK;
}
