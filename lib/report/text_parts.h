/*
 * text_parts - what the sections of the text report share.
 *
 *      text.c           order of sections, RECORDING, several recordings
 *      text_verdict.c   the first line
 *      text_leaks.c     LEAKS
 *      text_sites.c     PEAKS, LIFETIMES, SPAWN SITES
 *      text_tree.c      SPAWN TREE
 *      text_capture.c   CAPTURE
 *      text_explain.c   the life of one goroutine, instead of all that
 *
 * They stand on text_page (wrapping, colour, escaping), table (columns) and
 * text_words (numbers as words). Each section leaves itself out when it has
 * nothing to say.
 */
#ifndef GOLEAK_REPORT_TEXT_PARTS_H
#define GOLEAK_REPORT_TEXT_PARTS_H

#include "report/report.h"
#include "report/table.h"
#include "base/idmap.h"
#include "report/text_page.h"
#include "report/text_words.h"

/* One recording, as its sections see it. */
struct goleak_text_report {
    const struct goleak_view *view;
    struct goleak_page *page;
    struct goleak_alloc *alloc;
    unsigned top;
    enum goleak_verdict fail_on;
    struct goleak_capture capture;
    struct goleak_summary summary;
    const char *path; /* of the first input that has events */
    const char *format, *form; /* its format's name and variety; NULL: none */
    struct goleak_buf site;    /* what goleak_text_site told last */
    size_t inputs;    /* with events */
    bool hurt;        /* something in CAPTURE can change a verdict */
    bool gaps;        /* nobody recorded for a while */
};

void goleak_text_heading(struct goleak_text_report *report, const char *title, const char *note);
/* Begins "  label   value"; lines that follow are indented like the value. */
void goleak_text_label(struct goleak_text_report *report, unsigned indent, const char *label);
void goleak_text_end(struct goleak_text_report *report); /* of a labelled value */

/* Goids of several processes are in it. */
static inline bool goleak_text_has_processes(const struct goleak_text_report *report)
{
    return goleak_trace_pid(report->view->trace, 1) != GOLEAK_NONE;
}

/* "2.5 ms after the start", "at event 12"; "" where it is not told. */
struct goleak_word goleak_text_moment(const struct goleak_text_report *report, int64_t moment);
/* A duration in the clock of moments: "2.5 ms", "12 events". */
struct goleak_word goleak_text_span(const struct goleak_text_report *report, int64_t span);

/* "goroutine 22 (g 108426584b40, incarnation 2)", "goroutine 22", "g 108426584b40" */
struct goleak_word goleak_text_identity(int64_t goid, uint64_t g, uint32_t incarnation);

/* A site in one line, for a table: the place of its go statement, without folders,
 * else its function; NULL where neither is told. Until the next call. */
const char *goleak_text_site(struct goleak_text_report *report, uint32_t site);
#define GOLEAK_TEXT_UNTOLD "(not recorded)"

/* The places of a table's sites. Where several sites have one, a row tells what it starts as well:
 * time.goFunc starts whatever timers call. */
void goleak_text_note_place(struct goleak_text_report *report, struct goleak_idmap *places, uint32_t site);
/* As goleak_text_site; GOLEAK_TEXT_UNTOLD where that is NULL. */
const char *goleak_text_site_among(struct goleak_text_report *report, const struct goleak_idmap *places, uint32_t site);

/* "lost events" */
struct goleak_word goleak_text_health_name(const char *name);

void goleak_text_write_headline(struct goleak_text_report *report);
void goleak_text_write_caveats(struct goleak_text_report *report);
void goleak_text_write_leaks(struct goleak_text_report *report);
void goleak_text_write_peaks(struct goleak_text_report *report);
void goleak_text_write_lifetimes(struct goleak_text_report *report);
void goleak_text_write_spawns(struct goleak_text_report *report);
void goleak_text_write_tree(struct goleak_text_report *report);
void goleak_text_write_capture(struct goleak_text_report *report);
/* It is in this recording. */
bool goleak_text_can_explain(const struct goleak_view *view);
void goleak_text_write_explain(struct goleak_text_report *report);

#endif
