/*
 * text_verdict - the first line, and what one must know to believe it.
 *
 *      leaks                     "3 goroutines leaked (1 certain, 2 likely)"
 *      none, all well recorded   "no leak found"
 *      none, something missing   "none seen, but the recording is incomplete"
 *      parks are not printed     "the naive script cannot tell; 3 goroutines are suspect"
 *
 * A wrong zero is the worst answer: "no leak found" is said only where every
 * goroutine's state is known and nothing in the capture can change a verdict.
 */
#include "report/text_parts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- the verdict ---- */

static bool is_form(const struct goleak_text_report *report, const char *form)
{
    return report->form != NULL && strcmp(report->form, form) == 0;
}

/* Calls without identity: how many began and ended, and no more. */
static bool is_nameless(const struct goleak_text_report *report)
{
    return !goleak_model_tells_identity(report->view->model);
}

static enum goleak_style say_untold(const struct goleak_text_report *report, struct goleak_buf *out)
{
    const struct goleak_summary *sum = &report->summary;
    if (sum->created + sum->ended + sum->preexisting == 0) {
        goleak_buf_text(out, "cannot tell: no goroutine was seen");
        return GOLEAK_YELLOW;
    }
    if (is_nameless(report)) {
        if (sum->live_at_end == 0)
            goleak_buf_text(out, "cannot tell: as many goroutines ended as were created");
        else
            goleak_buf_printf(out, "cannot tell which leak: %s more created than ended",
                              goleak_words_count(sum->live_at_end).text);
        return GOLEAK_YELLOW;
    }
    goleak_buf_text(out, is_form(report, "naive") ? "the naive script cannot tell; " : "the recording cannot tell; ");
    uint64_t suspects = sum->verdicts[GOLEAK_VERDICT_SUSPECT];
    if (suspects != 0)
        goleak_buf_printf(out, "%s %s suspect", goleak_words_counted(suspects, "goroutine").text,
                          suspects == 1 ? "is" : "are");
    else
        goleak_buf_text(out, "none is alive at the end");
    return GOLEAK_YELLOW;
}

static void say_suspects(const struct goleak_text_report *report, struct goleak_buf *out)
{
    uint64_t suspects = report->summary.verdicts[GOLEAK_VERDICT_SUSPECT];
    if (suspects != 0)
        goleak_buf_printf(out, "; %s", goleak_words_counted(suspects, "suspect").text);
    if (report->summary.too_young != 0)
        goleak_buf_printf(out, "; %s too young", goleak_words_count(report->summary.too_young).text);
}

static enum goleak_style say_leaks(const struct goleak_text_report *report, struct goleak_buf *out)
{
    const struct goleak_summary *sum = &report->summary;
    uint64_t certain = sum->verdicts[GOLEAK_VERDICT_CERTAIN], likely = sum->verdicts[GOLEAK_VERDICT_LIKELY];
    goleak_buf_printf(out, "%s leaked (", goleak_words_counted(sum->leaks, "goroutine").text);
    if (certain != 0)
        goleak_buf_printf(out, "%s certain%s", goleak_words_count(certain).text, likely != 0 ? ", " : "");
    if (likely != 0)
        goleak_buf_printf(out, "%s likely", goleak_words_count(likely).text);
    if (certain == 0 && report->fail_on == GOLEAK_VERDICT_CERTAIN)
        goleak_buf_text(out, ", none certain");
    goleak_buf_char(out, ')');
    say_suspects(report, out);
    return certain != 0 ? GOLEAK_RED_BOLD : GOLEAK_RED;
}

static enum goleak_style say_none(const struct goleak_text_report *report, struct goleak_buf *out)
{
    const struct goleak_summary *sum = &report->summary;
    uint64_t unknown = sum->verdicts[GOLEAK_VERDICT_UNKNOWN];
    enum goleak_style style = GOLEAK_YELLOW;
    if (!report->capture.complete)
        goleak_buf_text(out, "none seen, but the recording is incomplete");
    else if (report->hurt)
        goleak_buf_text(out, "none seen, but the recording does not add up");
    else if (sum->created + sum->preexisting == 0)
        goleak_buf_text(out, "cannot tell: no goroutine of the program was seen");
    else if (unknown != 0)
        goleak_buf_printf(out, "none seen, but too little is known of %s",
                          goleak_words_counted(unknown, "goroutine").text);
    else {
        goleak_buf_text(out, "no leak found");
        style = sum->verdicts[GOLEAK_VERDICT_SUSPECT] == 0 ? GOLEAK_GREEN : GOLEAK_YELLOW;
    }
    say_suspects(report, out);
    return style;
}

static enum goleak_style say_verdict(const struct goleak_text_report *report, struct goleak_buf *out)
{
    if (!report->capture.has_blocking)
        return say_untold(report, out);
    return report->summary.leaks != 0 ? say_leaks(report, out) : say_none(report, out);
}

/* ---- the line ---- */

#define PATH_LEAST 20u

/* What is left of an escaped path when its folders give way. */
static void fit_path(struct goleak_buf *out, const char *path, unsigned room)
{
    const char *rest = path, *folder = path;
    while (goleak_text_columns(rest, strlen(rest)) + (rest != path) > room && folder != NULL) {
        folder = strchr(rest + 1, '/');
        rest = folder != NULL && folder[1] != '\0' ? folder : rest;
    }
    if (rest != path)
        goleak_buf_text(out, "\xe2\x80\xa6");
    goleak_text_fit(out, rest, room > PATH_LEAST ? room : PATH_LEAST);
}

/* Where the line is too short the path is not whole: it is in RECORDING. */
static void write_path(struct goleak_text_report *report, unsigned room)
{
    struct goleak_buf escaped, fitted;
    struct goleak_word more = { "" };
    goleak_buf_init(&escaped, report->alloc);
    goleak_buf_init(&fitted, report->alloc);
    if (report->inputs > 1)
        snprintf(more.text, sizeof more.text, " and %.40s more", goleak_words_count(report->inputs - 1).text);
    unsigned taken = (unsigned)strlen(more.text);
    goleak_text_escape(&escaped, report->path);
    goleak_buf_char(&escaped, '\0');
    if (!escaped.failed)
        fit_path(&fitted, escaped.data, room > taken ? room - taken : 0);
    goleak_buf_text(&fitted, more.text);
    goleak_buf_text(&fitted, ": ");
    goleak_buf_char(&fitted, '\0');
    if (escaped.failed || fitted.failed)
        goleak_page_fail(report->page);
    else
        goleak_page_raw(report->page, GOLEAK_BOLD, fitted.data);
    goleak_buf_release(&escaped);
    goleak_buf_release(&fitted);
}

/* In a file it is one line, whatever its length: others look for it. */
void goleak_text_write_headline(struct goleak_text_report *report)
{
    struct goleak_page *page = report->page;
    const unsigned width = page->width;
    struct goleak_buf verdict;
    goleak_buf_init(&verdict, report->alloc);
    enum goleak_style style = say_verdict(report, &verdict);
    goleak_buf_char(&verdict, '\0');
    if (verdict.failed) {
        goleak_page_fail(page);
    } else {
        page->width = page->is_paper ? UINT_MAX / 2 : width;
        unsigned taken = page->indent + 2 + goleak_text_columns(verdict.data, strlen(verdict.data));
        goleak_page_pad(page, page->indent);
        write_path(report, taken < page->width ? page->width - taken : 0);
        page->indent += 2; /* should it go on in the next line */
        goleak_page_words(page, style, verdict.data);
        page->indent -= 2;
    }
    goleak_page_newline(page);
    page->width = width;
    goleak_buf_release(&verdict);
}

/* ---- what one must know to believe it ---- */

/* By the tool that it was recorded with: formats and recorders have the same names. */
static void advise(struct goleak_text_report *report)
{
    const char *tool = report->format != NULL ? report->format : "bpftrace";
    bool bare = strcmp(tool, "perf") == 0 && is_form(report, "json"); /* perf 6.1's JSON has no arguments */
    goleak_page_print(report->page, GOLEAK_PLAIN, "To tell, %srecord with the script of `goleak-report recorder %s`.",
                      bare ? "print it with perf script, or " : "", tool);
    goleak_page_end_line(report->page);
}

static void explain_untold(struct goleak_text_report *report)
{
    const struct goleak_summary *sum = &report->summary;
    struct goleak_page *page = report->page;
    if (!report->capture.has_goroutines) {
        goleak_page_words(page, GOLEAK_PLAIN, "It prints no goroutine that is created, blocks or ends.");
        goleak_page_end_line(page);
        advise(report);
        return;
    }
    if (sum->created + sum->ended + sum->preexisting == 0)
        return;
    if (is_nameless(report)) {
        goleak_page_words(page, GOLEAK_PLAIN,
                          "It does not print which goroutine is created or ends: they are only counted.");
    } else {
        uint64_t seen = sum->created + sum->preexisting;
        goleak_page_words(page, GOLEAK_PLAIN, "It does not print when goroutines block.");
        goleak_page_end_line(page);
        if (sum->live_at_end == 0)
            goleak_page_print(page, GOLEAK_PLAIN, "Of the %s that it saw, none is alive at the end.",
                              goleak_words_counted(seen, "goroutine").text);
        else
            goleak_page_print(
                page, GOLEAK_PLAIN, "%s %s may leak.", goleak_words_counted(sum->live_at_end, "goroutine").text,
                sum->live_at_end == 1 ? "is alive at the end, which" : "are alive at the end, any of which");
    }
    goleak_page_end_line(page);
    advise(report);
}

static void explain_hurt(struct goleak_text_report *report)
{
    struct goleak_page *page = report->page;
    struct goleak_health health;
    bool first = true;
    for (size_t i = 0; goleak_trace_health(report->view->trace, i, &health) == GOLEAK_OK; i++) {
        if (health.count == 0 || !health.hurts)
            continue;
        goleak_page_words(page, GOLEAK_YELLOW, first ? "Verdicts may be wrong:" : ",");
        goleak_page_print(page, GOLEAK_YELLOW, " %s (%s)", goleak_text_health_name(health.name).text,
                          goleak_words_count(health.count).text);
        first = false;
    }
    if (!first)
        goleak_page_words(page, GOLEAK_YELLOW, "; see CAPTURE.");
    goleak_page_end_line(page);
}

void goleak_text_write_caveats(struct goleak_text_report *report)
{
    report->page->indent = 2;
    if (!report->capture.has_blocking)
        explain_untold(report);
    explain_hurt(report);
    report->page->indent = 0;
}
