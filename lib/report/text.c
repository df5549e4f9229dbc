/*
 * text - the report that one reads from top to bottom.
 *
 *      trace.zst: 3 goroutines leaked (3 likely)       the verdict
 *
 *      RECORDING     what was read, and what it can tell
 *      LEAKS         what, why, since when, who started it
 *      PEAKS, LIFETIMES, SPAWN SITES, SPAWN TREE
 *      CAPTURE       what was wrong with the recording
 *
 * Everything in it is also in the JSON report; what is cut here (--top) is
 * counted. See text_parts.h for who writes which section.
 */
#include "report/text.h"

#include "model/reasons.h"
#include "report/text_parts.h"

#include <stdio.h>
#include <string.h>

/* ---- shared by the sections ---- */

#define LABEL_COLUMNS 12

void goleak_text_heading(struct goleak_text_report *report, const char *title, const char *note)
{
    struct goleak_page *page = report->page;
    goleak_page_newline(page);
    page->indent = 0;
    goleak_page_words(page, GOLEAK_BOLD, title);
    if (note != NULL) {
        goleak_page_pad(page, page->column + 2);
        goleak_page_raw(page, GOLEAK_DIM, note);
    }
    goleak_page_newline(page);
    page->indent = 2;
}

void goleak_text_label(struct goleak_text_report *report, unsigned indent, const char *label)
{
    struct goleak_page *page = report->page;
    goleak_page_pad(page, indent);
    goleak_page_raw(page, GOLEAK_DIM, label);
    page->indent = indent + LABEL_COLUMNS;
    goleak_page_pad(page, page->indent);
}

void goleak_text_end(struct goleak_text_report *report)
{
    goleak_page_end_line(report->page);
    report->page->indent = 2;
}

struct goleak_word goleak_text_moment(const struct goleak_text_report *report, int64_t moment)
{
    const struct goleak_model *model = report->view->model;
    struct goleak_word out = { "" };
    if (moment == GOLEAK_NONE)
        return out;
    int64_t ns = *model->has_time ? moment - report->capture.first_ns : goleak_ticks_ns(model->ticks, moment);
    if (ns == 0)
        snprintf(out.text, sizeof out.text, "at the start");
    else if (ns != GOLEAK_NONE)
        snprintf(out.text, sizeof out.text, "%.40s after the start", goleak_words_duration(ns).text);
    else
        snprintf(out.text, sizeof out.text, "at event %.40s", goleak_words_count((uint64_t)moment).text);
    return out;
}

struct goleak_word goleak_text_span(const struct goleak_text_report *report, int64_t span)
{
    return *report->view->model->has_time ? goleak_words_duration(span)
                                          : goleak_words_counted(span > 0 ? (uint64_t)span : 0, "event");
}

static bool is_address(const char *place)
{
    return goleak_text_begins(place, "0x");
}

static const char *whole_site(const struct goleak_text_report *report, uint32_t site)
{
    const char *created_at = goleak_site_created_at(report->view->model, site);
    const char *start = goleak_site_start(report->view->model, site);
    bool told = start != NULL && !goleak_name_is_lost(start);
    /* A bare address says less than the name of what it starts. */
    return created_at == NULL || (told && is_address(created_at)) ? start : created_at;
}

/* LEAKS has the folders; in a table they would cost the function's name. */
const char *goleak_text_site(struct goleak_text_report *report, uint32_t site)
{
    const char *place = whole_site(report, site);
    if (place == NULL)
        return NULL;
    size_t file = goleak_symbols_file(place);
    const char *slash = strrchr(place + file, '/');
    report->site.size = 0;
    goleak_buf_append(&report->site, place, file);
    goleak_buf_text(&report->site, slash != NULL ? slash + 1 : place + file);
    goleak_buf_char(&report->site, '\0');
    if (!report->site.failed)
        return report->site.data;
    goleak_page_fail(report->page);
    return place;
}

#define SEVERAL UINT32_MAX

/* "http.(*Server).Serve.gowrap3": what distinguishes it in a table. */
static const char *without_folders(const char *function)
{
    const char *end = function + strcspn(function, "([");
    const char *name = function;
    for (const char *at = function; at < end; at++)
        name = *at == '/' ? at + 1 : name;
    return name;
}

void goleak_text_note_place(struct goleak_text_report *report, struct goleak_idmap *places, uint32_t site)
{
    uint32_t place = goleak_sites_at(report->view->model->sites, site)->created_at;
    uint32_t known = goleak_idmap_get(places, place);
    if (place != 0 && known != site && !goleak_idmap_put(places, place, known == 0 ? site : SEVERAL))
        goleak_page_fail(report->page);
}

const char *goleak_text_site_among(struct goleak_text_report *report, const struct goleak_idmap *places, uint32_t site)
{
    const struct goleak_model *model = report->view->model;
    const char *name = goleak_text_site(report, site), *start = goleak_site_start(model, site);
    if (name == NULL)
        return GOLEAK_TEXT_UNTOLD;
    if (report->site.failed || start == NULL || whole_site(report, site) == start ||
        goleak_idmap_get(places, goleak_sites_at(model->sites, site)->created_at) != SEVERAL)
        return name;
    report->site.size--; /* behind the name, in front of its NUL */
    goleak_buf_text(&report->site, " starts ");
    goleak_buf_text(&report->site, without_folders(start));
    goleak_buf_char(&report->site, '\0');
    if (!report->site.failed)
        return report->site.data;
    goleak_page_fail(report->page);
    return start;
}

/* ---- RECORDING ---- */

static void write_inputs(struct goleak_text_report *report)
{
    struct goleak_input_info input;
    for (size_t i = 0; goleak_trace_input(report->view->trace, i, &input) == GOLEAK_OK; i++) {
        goleak_text_label(report, 2, i == 0 ? "input" : "");
        goleak_page_name(report->page, GOLEAK_PLAIN, strcmp(input.path, "-") == 0 ? "standard input" : input.path);
        goleak_text_end(report);
        goleak_text_label(report, 2, "");
        if (input.events == 0 && input.format != NULL)
            goleak_page_print(report->page, GOLEAK_PLAIN, "what %s said of itself", input.format);
        else
            goleak_page_print(report->page, GOLEAK_PLAIN, "%s",
                              input.format_title != NULL ? input.format_title : "unknown format");
        if (input.source_format != NULL)
            goleak_page_print(report->page, GOLEAK_PLAIN, " of %s", input.source_format);
        if (input.form != NULL)
            goleak_page_print(report->page, GOLEAK_PLAIN, " (%s form)", input.form);
        goleak_page_print(report->page, GOLEAK_PLAIN, ", %s, %s", goleak_words_counted(input.events, "event").text,
                          goleak_words_bytes(input.bytes).text);
        if (input.pid != GOLEAK_NONE)
            goleak_page_print(report->page, GOLEAK_PLAIN, ", process %lld", (long long)input.pid);
        goleak_text_end(report);
    }
}

/* Where it is one, its input says which. */
static void write_processes(struct goleak_text_report *report)
{
    const struct goleak_trace *trace = report->view->trace;
    size_t count = 0;
    if (!goleak_text_has_processes(report))
        return;
    while (goleak_trace_pid(trace, count) != GOLEAK_NONE)
        count++;
    goleak_text_label(report, 2, "processes");
    for (size_t i = 0; i < count && i < report->top; i++)
        goleak_page_print(report->page, GOLEAK_PLAIN, i + 1 < count ? "%lld, " : "%lld",
                          (long long)goleak_trace_pid(trace, i));
    if (count > report->top)
        goleak_page_print(report->page, GOLEAK_DIM, "and %s more", goleak_words_count(count - report->top).text);
    goleak_text_end(report);
}

static void write_go_version(struct goleak_text_report *report)
{
    struct goleak_input_info input;
    if (goleak_trace_input(report->view->trace, 0, &input) != GOLEAK_OK || input.go_version == NULL)
        return;
    const char *from = input.go_version_from != NULL ? input.go_version_from : "not said how known";
    goleak_text_label(report, 2, "Go");
    goleak_page_name(report->page, GOLEAK_PLAIN, input.go_version);
    goleak_page_print(report->page, GOLEAK_PLAIN, " (%s)",
                      report->view->exe_told_go     ? "from the program"
                      : strcmp(from, "option") == 0 ? "given as an option"
                      : strcmp(from, "header") == 0 ? "from the recording's header"
                                                    : from);
    uint64_t minor;
    if (goleak_reasons_minor(input.go_version, &minor) != NULL && minor > GOLEAK_GO_NEWEST)
        goleak_page_print(report->page, GOLEAK_YELLOW, ", read as 1.%d, the newest that is known", GOLEAK_GO_NEWEST);
    goleak_text_end(report);
}

static void write_time(struct goleak_text_report *report)
{
    const struct goleak_capture *capture = &report->capture;
    struct goleak_page *page = report->page;
    goleak_text_label(report, 2, "time");
    if (*report->view->model->has_time && capture->duration_ns != GOLEAK_NONE)
        goleak_page_print(page, GOLEAK_PLAIN, "%s from the first event to the last",
                          goleak_words_duration(capture->duration_ns).text);
    else if (goleak_ticks_tell(report->view->model->ticks))
        goleak_page_print(page, GOLEAK_PLAIN, "%s, from one-second ticks: to the second; lives are counted in events",
                          goleak_words_duration(capture->duration_ns).text);
    else if (capture->ticks != 0)
        goleak_page_print(page, GOLEAK_PLAIN,
                          "at most %s: %s on CPUs that the output does not tell apart; durations are counted in events",
                          goleak_words_duration((int64_t)capture->ticks * 1000000000).text,
                          goleak_words_counted(capture->ticks, "one-second tick").text);
    else
        goleak_page_words(page, GOLEAK_PLAIN, "no time in this recording: durations are counted in events");
    goleak_text_end(report);
}

static void write_tells(struct goleak_text_report *report)
{
    const struct goleak_capture *capture = &report->capture;
    if (!capture->has_blocking)
        return;
    goleak_text_label(report, 2, "it prints");
    goleak_page_print(report->page, GOLEAK_PLAIN, "when goroutines block%s, with%s stacks",
                      capture->has_wakeups ? " and wake" : " but not when they wake", capture->has_stacks ? "" : "out");
    goleak_text_end(report);
}

/* What the living do, by verdict: "2 likely, 1 waiting". */
static void write_living(struct goleak_text_report *report)
{
    const struct goleak_summary *sum = &report->summary;
    bool first = true;
    if (sum->live_at_end == 0 || !report->capture.has_blocking)
        return;
    goleak_text_label(report, 2, "at the end");
    for (int i = GOLEAK_VERDICT_CERTAIN; i <= GOLEAK_VERDICT_UNKNOWN; i++) {
        if (sum->verdicts[i] == 0)
            continue;
        goleak_page_print(report->page, GOLEAK_PLAIN, "%s%s %s", first ? "" : ", ",
                          goleak_words_count(sum->verdicts[i]).text, goleak_verdict_name((enum goleak_verdict)i));
        first = false;
    }
    goleak_text_end(report);
}

/* What would decide, with one of those who lack it. */
static void write_unknown(struct goleak_text_report *report)
{
    struct goleak_unknown unknown;
    for (size_t i = 0; goleak_trace_unknown(report->view->trace, i, &unknown) == GOLEAK_OK; i++) {
        goleak_text_label(report, 2, i == 0 ? "unknown" : "");
        const struct goleak_goroutine *example = &unknown.example;
        goleak_page_print(report->page, GOLEAK_PLAIN, "%s: ", goleak_words_counted(unknown.count, "goroutine").text);
        goleak_page_words(report->page, GOLEAK_PLAIN, example->evidence[0].text);
        goleak_page_print(report->page, GOLEAK_DIM, " (%s%s)",
                          goleak_text_identity(example->goid, example->g, example->incarnation).text,
                          unknown.count == 1 ? "" : " is one");
        goleak_text_end(report);
    }
}

/* Where nothing was given that could name places: most are addresses; or some have lines, and some offsets, of two inputs
 * that tell one place in two ways; or places have names, but many of the stacks in which goroutines wait have none. */
enum naming { NAMED, UNNAMED, NAMED_TWICE, STACKS_UNNAMED };

/* Of the different stacks those that name nothing of the program, where they are a quarter or more; else 0. */
static size_t count_unnamed_stacks(const struct goleak_symbols *symbols)
{
    size_t count = 0;
    for (uint32_t i = 1; i <= symbols->stacks.count; i++) {
        const uint32_t frame = goleak_symbols_blocked_at(symbols, i);
        count += frame != 0 && is_address(goleak_symbols_frame_text(symbols, frame));
    }
    return count * 4 >= symbols->stacks.count ? count : 0;
}

static enum naming naming_of(const struct goleak_text_report *report)
{
    const struct goleak_model *model = report->view->model;
    size_t addresses = 0, names = 0, lines = 0, offsets = 0;
    for (size_t i = 1; model->symbols->resolver == NULL && i < goleak_sites_count(model->sites); i++) {
        const char *place = whole_site(report, (uint32_t)i);
        if (place == NULL)
            continue;
        *(is_address(place) ? &addresses : &names) += 1;
        lines += strstr(place, ".go:") != NULL;
        offsets += !is_address(place) && strstr(place, "+0x") != NULL;
    }
    if (addresses > names)
        return UNNAMED;
    if (lines != 0 && offsets != 0)
        return NAMED_TWICE;
    return model->symbols->resolver == NULL && count_unnamed_stacks(model->symbols) != 0 ? STACKS_UNNAMED : NAMED;
}

static void write_naming(struct goleak_text_report *report)
{
    static const char *const advice[] = {
        [UNNAMED] = "places are addresses: --exe=PATH, the program that ran, names them",
        [NAMED_TWICE] = "one place may have two names, with its line and without: --exe=PATH, the program that ran, "
                        "makes them one",
        [STACKS_UNNAMED] =
            "addresses, by which verdicts can tell less than by names: --exe=PATH, the program that ran, "
            "names them",
    };
    const struct goleak_symbols *symbols = report->view->model->symbols;
    const enum naming naming = naming_of(report);
    if (naming == NAMED)
        return;
    goleak_text_label(report, 2, "names");
    if (naming == STACKS_UNNAMED)
        goleak_page_print(report->page, GOLEAK_PLAIN, "%zu of %zu stacks are ", count_unnamed_stacks(symbols),
                          (size_t)symbols->stacks.count);
    goleak_page_words(report->page, GOLEAK_PLAIN, advice[naming]);
    goleak_text_end(report);
}

/* What the script counted is evidence of a kind, and all that there is. */
static void write_untold(struct goleak_text_report *report)
{
    const struct goleak_capture *capture = &report->capture;
    goleak_page_words(report->page, GOLEAK_PLAIN, "not told");
    if (capture->printed_count != GOLEAK_NONE)
        goleak_page_print(report->page, GOLEAK_PLAIN, "; in line %llu the script counts %lld",
                          (unsigned long long)capture->counters_line, (long long)capture->printed_count);
    if (capture->printed_count != GOLEAK_NONE && capture->printed_blocked_count != GOLEAK_NONE)
        goleak_page_print(report->page, GOLEAK_PLAIN, ", %lld of them blocked",
                          (long long)capture->printed_blocked_count);
    goleak_text_end(report);
}

/* Else "no leak found" would be believed of them, too. */
static void write_unseen(struct goleak_text_report *report)
{
    if (!report->capture.misses_older || !report->capture.has_blocking)
        return;
    goleak_text_label(report, 2, "not seen");
    goleak_page_words(report->page, GOLEAK_PLAIN,
                      "who had blocked before the recording began, and was not woken in it: a Go trace of the same "
                      "time, given beside it, has them");
    goleak_text_end(report);
}

#define MAIN_AMONG 256 /* of those that were seen first main is one, if it is known at all */

/* Where a program hangs is the first thing that one asks; where it serves, main waits for its end. */
static void write_main(struct goleak_text_report *report)
{
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine g;
    struct goleak_page *page = report->page;
    if (goleak_text_has_processes(report))
        return;
    do
        if (goleak_goroutine_next(report->view->trace, &iter, &g) != GOLEAK_OK || iter.position > MAIN_AMONG)
            return;
    while (g.evidence_count == 0 || strcmp(g.evidence[0].rule, "main") != 0);
    if (g.reason == GOLEAK_REASON_NONE)
        return;
    goleak_text_label(report, 2, "main");
    goleak_page_words(page, GOLEAK_PLAIN, goleak_words_wait(g.reason, g.wait_reason).text);
    if (g.blocked_since_ns != GOLEAK_NONE && report->capture.last_ns != GOLEAK_NONE)
        goleak_page_print(page, GOLEAK_PLAIN, "%s %s", g.blocked_before ? " for over" : " for",
                          goleak_words_duration(report->capture.last_ns - g.blocked_since_ns).text);
    if (g.blocked_at != NULL) {
        goleak_page_words(page, GOLEAK_PLAIN, " at ");
        goleak_page_name(page, GOLEAK_PLAIN, g.blocked_at);
    }
    goleak_text_end(report);
}

static void write_goroutines(struct goleak_text_report *report)
{
    const struct goleak_summary *sum = &report->summary;
    struct goleak_page *page = report->page;
    goleak_text_label(report, 2, "goroutines");
    if (!report->capture.has_goroutines) {
        write_untold(report);
        return;
    }
    if (sum->preexisting != 0)
        goleak_page_print(page, GOLEAK_PLAIN, "%s older than the recording%s, ",
                          goleak_words_count(sum->preexisting).text,
                          report->gaps ? " (or started while nobody recorded)" : "");
    goleak_page_print(page, GOLEAK_PLAIN, "%s created, %s ended, %s alive at the end",
                      goleak_words_count(sum->created).text, goleak_words_count(sum->ended).text,
                      goleak_words_count(sum->live_at_end).text);
    if (!goleak_model_tells_identity(report->view->model))
        goleak_page_words(page, GOLEAK_PLAIN, " by count");
    if (goleak_model_tells_blocked(report->view->model) && sum->live_at_end != 0)
        goleak_page_print(page, GOLEAK_PLAIN, ", %s of them %s", goleak_words_count(sum->blocked_at_end).text,
                          sum->verdicts[GOLEAK_VERDICT_UNKNOWN] != 0 ? "known to be blocked" : "blocked");
    goleak_text_end(report);
    write_living(report);
    write_main(report);
    if (report->capture.has_blocking)
        write_unknown(report);
    write_unseen(report);
    if (sum->too_young != 0) {
        goleak_text_label(report, 2, "too young");
        goleak_page_print(page, GOLEAK_PLAIN, "%s blocked for less than the minimum age, and not judged",
                          goleak_words_counted(sum->too_young, "goroutine").text);
        goleak_text_end(report);
    }
    if (sum->system_hidden == 0)
        return;
    goleak_text_label(report, 2, "hidden");
    goleak_page_print(page, GOLEAK_PLAIN, "%s of the runtime (--include-system shows %s)",
                      goleak_words_counted(sum->system_hidden, "goroutine").text,
                      sum->system_hidden == 1 ? "it" : "them");
    goleak_text_end(report);
}

static void write_recording(struct goleak_text_report *report)
{
    goleak_text_heading(report, "RECORDING", NULL);
    write_inputs(report);
    write_processes(report);
    write_go_version(report);
    write_time(report);
    write_tells(report);
    write_naming(report);
    write_goroutines(report);
}

/* ---- the whole ---- */

static void look(struct goleak_text_report *report)
{
    struct goleak_input_info input;
    struct goleak_health health;
    goleak_trace_capture(report->view->trace, &report->capture);
    goleak_trace_summary(report->view->trace, &report->summary);
    report->path = "";
    for (size_t i = 0; goleak_trace_input(report->view->trace, i, &input) == GOLEAK_OK; i++) {
        /* Not a recorder's messages, wherever they stand among the inputs. */
        if (i == 0 || (input.events != 0 && report->inputs == 0)) {
            report->path = strcmp(input.path, "-") == 0 ? "standard input" : input.path;
            report->format = input.source_format != NULL ? input.source_format : input.format;
            report->form = input.form;
        }
        report->inputs += input.events != 0;
    }
    for (size_t i = 0; goleak_trace_health(report->view->trace, i, &health) == GOLEAK_OK; i++) {
        report->hurt = report->hurt || (health.hurts && health.count != 0);
        report->gaps = report->gaps || (strcmp(health.name, "gaps") == 0 && health.count != 0);
    }
}

static void write_one(struct goleak_text_report *report, bool explains)
{
    if (explains) {
        goleak_text_write_explain(report);
        report->page->indent = 0;
        goleak_buf_release(&report->site);
        return;
    }
    goleak_text_write_headline(report);
    goleak_text_write_caveats(report);
    write_recording(report);
    goleak_text_write_leaks(report);
    goleak_text_write_peaks(report);
    goleak_text_write_lifetimes(report);
    goleak_text_write_spawns(report);
    goleak_text_write_tree(report);
    goleak_text_write_capture(report);
    report->page->indent = 0;
    goleak_buf_release(&report->site);
}

static void write_rule(struct goleak_page *page)
{
    goleak_page_newline(page);
    for (unsigned i = 0; i < page->width; i++)
        goleak_page_raw(page, GOLEAK_DIM, "=");
    goleak_page_newline(page);
    goleak_page_newline(page);
}

static struct goleak_text_report report_on(const struct goleak_view *view, struct goleak_page *page,
                                           const struct goleak_report_output *out)
{
    struct goleak_text_report report = {
        .view = view,
        .page = page,
        .alloc = out->alloc,
        .top = out->options.top,
        .fail_on = out->options.fail_on,
    };
    goleak_buf_init(&report.site, out->alloc);
    look(&report);
    return report;
}

static bool are_of_one_time(const struct goleak_view *a, const struct goleak_view *b)
{
    struct goleak_capture one, two;
    goleak_trace_capture(a->trace, &one);
    goleak_trace_capture(b->trace, &two);
    return one.clock == GOLEAK_CLOCK_MONOTONIC && two.clock == GOLEAK_CLOCK_MONOTONIC && one.first_ns <= two.last_ns &&
           two.first_ns <= one.last_ns;
}

/* Addresses do not tell that the other recording of that time is of the same process, whose leaks then count twice. */
static bool could_be_joined(const struct goleak_view *views, size_t count, const struct goleak_text_report *report)
{
    for (size_t i = 0; i < count; i++)
        if (&views[i] != report->view && are_of_one_time(&views[i], report->view))
            return naming_of(report) == UNNAMED;
    return false;
}

static void write_could_be_joined(const struct goleak_text_report *report)
{
    goleak_page_words(report->page, GOLEAK_PLAIN,
                      "recorded at the time of another one, and without names: if both are of one process, "
                      "--exe=PATH, the program that ran, joins them");
    goleak_page_newline(report->page);
}

/* Of several recordings all verdicts come first, then each one's report. */
static void write_overview(const struct goleak_view *views, size_t count, struct goleak_page *page,
                           const struct goleak_report_output *out)
{
    goleak_page_print(page, GOLEAK_BOLD, "%s, one report each", goleak_words_counted(count, "recording").text);
    goleak_page_newline(page);
    page->indent = 2;
    for (size_t i = 0; i < count; i++) {
        struct goleak_text_report report = report_on(&views[i], page, out);
        goleak_text_write_headline(&report);
        page->indent = 4;
        if (could_be_joined(views, count, &report))
            write_could_be_joined(&report);
        page->indent = 2;
    }
    page->indent = 0;
    write_rule(page);
}

static bool can_explain(const struct goleak_view *views, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (goleak_text_can_explain(&views[i]))
            return true;
    return false;
}

static enum goleak_status write(const struct goleak_view *views, size_t count, struct goleak_report_output *out)
{
    struct goleak_page page;
    const bool explains = out->options.explain_goid != 0 || out->options.explain_g != 0;
    if (explains && !can_explain(views, count))
        return GOLEAK_END;
    goleak_page_init(&page, out->alloc, out->write, out->context, out->options.width, out->options.color);
    if (count > 1 && !explains)
        write_overview(views, count, &page, out);
    for (size_t i = 0; i < count && !page.refused; i++) {
        struct goleak_text_report report = report_on(&views[i], &page, out);
        if (i != 0)
            write_rule(&page);
        write_one(&report, explains);
    }
    return goleak_page_finish(&page);
}

const struct goleak_report goleak_report_text = { .name = "text", .write = write };
