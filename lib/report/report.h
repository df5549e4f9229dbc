/*
 * report - what every report looks like.
 *
 * It reads finished traces through goleak.h, and where it shows an analysis,
 * through that analysis's own header. A new report is one file with a
 * `const struct goleak_report` and one line in reports.c.
 */
#ifndef GOLEAK_REPORT_REPORT_H
#define GOLEAK_REPORT_REPORT_H

#include "analysis/analysis.h"
#include "base/buf.h"
#include "model/story.h"
#include "verdict/verdict.h"

/* A trace, and what lies behind the public API. Borrowed. */
struct goleak_view {
    const struct goleak_trace *trace;
    const struct goleak_model *model;
    void *const *analyses; /* parallel to goleak_analyses */
    const struct goleak_verdict_input *judge;
    const struct goleak_story *story;
    bool exe_told_go;      /* the Go version: goleak.h calls that an option */
    bool finished;
};

/* trace side: results.c */
void goleak_trace_view(const struct goleak_trace *trace, struct goleak_view *out);

/* The state of an analysis, to be cast to its own struct. */
static inline const void *goleak_view_analysis(const struct goleak_view *view, const struct goleak_analysis *which)
{
    for (size_t i = 0; i < goleak_analysis_count; i++)
        if (goleak_analyses[i] == which)
            return view->analyses[i];
    return NULL;
}

struct goleak_report_output {
    struct goleak_alloc *alloc; /* for the report's own scratch */
    goleak_write_fn *write;
    void *context;
    struct goleak_report_options options; /* defaults filled in */
};

struct goleak_report {
    const char *name;
    /* GOLEAK_END where nobody has the goroutine that is to be explained; GOLEAK_E_IO where `write` refused, or
     * the memory's failure. */
    enum goleak_status (*write)(const struct goleak_view *views, size_t count, struct goleak_report_output *out);
};

/* reports.c: the one table. */
extern const struct goleak_report *const goleak_reports[];
extern const size_t goleak_report_count;

/* Pieces that several reports share (pieces.c). */
void goleak_write_evidence(struct goleak_json *json, const struct goleak_evidence *evidence, size_t count);

#endif
