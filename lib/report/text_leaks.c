/*
 * text_leaks - the groups of leaked goroutines: what, why, since when, who
 * started it.
 *
 *      1. likely   3 goroutines blocked sending to a channel (chan send)
 *         function    main.Gather.func1
 *         created at  main.Gather+0x45
 *         waiting     117 ms at most, since 2.5 ms after the start
 *         why         ...
 *         example     goroutine 22 (g 108426584b40)
 *         started by  goroutine 1, main.main
 */
#include "report/text_parts.h"
#include "verdict/hope.h"

#include <stdio.h>
#include <string.h>

#define FIELDS 5    /* where the fields of a group begin */
#define FRAMES 8    /* of a stack, shown */
#define ANCESTORS 8 /* of an example, shown */
#define ANCESTORS_MOST (2 * GOLEAK_LINEAGE_KEPT + 1) /* that a node has at most, and one more */

/* An address is no news for people: the place of creation says more. */
static bool is_name(const char *start_function)
{
    return start_function != NULL && !goleak_text_begins(start_function, "0x");
}

static enum goleak_style style_of(enum goleak_verdict verdict)
{
    return verdict == GOLEAK_VERDICT_CERTAIN  ? GOLEAK_RED_BOLD
           : verdict == GOLEAK_VERDICT_LIKELY ? GOLEAK_RED
                                              : GOLEAK_YELLOW;
}

static void field(struct goleak_text_report *report, const char *label, const char *name)
{
    goleak_text_label(report, FIELDS, label);
    goleak_page_name(report->page, GOLEAK_PLAIN, name);
    goleak_text_end(report);
}

/* ---- one goroutine ---- */

struct goleak_word goleak_text_identity(int64_t goid, uint64_t g, uint32_t incarnation)
{
    struct goleak_word out;
    char address[64] = "";
    if (g != 0 && incarnation > 1)
        snprintf(address, sizeof address, "g %llx, incarnation %lu", (unsigned long long)g, (unsigned long)incarnation);
    else if (g != 0)
        snprintf(address, sizeof address, "g %llx", (unsigned long long)g);
    if (goid == GOLEAK_NONE)
        snprintf(out.text, sizeof out.text, "%s", g != 0 ? address : "one that is not named");
    else if (g == 0)
        snprintf(out.text, sizeof out.text, "goroutine %lld", (long long)goid);
    else
        snprintf(out.text, sizeof out.text, "goroutine %lld (%.46s)", (long long)goid, address);
    return out;
}

/* The next frame of the program's own; behind the last one, if there is none. */
static size_t own_from(const struct goleak_trace *trace, uint32_t stack, size_t index)
{
    const char *frame;
    for (; (frame = goleak_stack_frame(trace, stack, index)) != NULL; index++) {
        char function[256];
        snprintf(function, sizeof function, "%.*s", (int)strcspn(frame, " +"), frame);
        if (!goleak_is_standard(function))
            break;
    }
    return index;
}

/* Of a long one that gets back into the program behind the standard library's frames these are left out. */
static void write_stack(struct goleak_text_report *report, const char *label, uint32_t stack, const char *from)
{
    const struct goleak_trace *trace = report->view->trace;
    size_t first = SIZE_MAX, count = 0;
    if (stack == 0)
        return;
    for (; goleak_stack_frame(trace, stack, count) != NULL; count++)
        if (first == SIZE_MAX && from != NULL && strcmp(goleak_stack_frame(trace, stack, count), from) == 0)
            first = count;
    first = first == SIZE_MAX ? 0 : first;
    if (count - first < 2) /* the site's own line says it */
        return;
    const bool all = count - first <= FRAMES || own_from(trace, stack, first + FRAMES) == count;
    goleak_text_label(report, FIELDS, label);
    size_t next = first;
    for (size_t shown = 0; next < count && shown < FRAMES; shown++) {
        const size_t own = all || next == first ? next : own_from(trace, stack, next);
        if (own - next > 1 && own < count) {
            goleak_page_print(report->page, GOLEAK_DIM, "… %zu frames of the standard library", own - next);
            next = own;
        } else {
            goleak_page_name(report->page, GOLEAK_PLAIN, goleak_stack_frame(trace, stack, next++));
        }
        goleak_page_end_line(report->page);
    }
    if (next < count)
        goleak_page_print(report->page, GOLEAK_DIM, "and %s", goleak_words_counted(count - next, "more frame").text);
    goleak_text_end(report);
}

static void write_ancestor(struct goleak_text_report *report, const struct goleak_ancestor *ancestor)
{
    struct goleak_page *page = report->page;
    uint64_t g = ancestor->goid == GOLEAK_NONE ? ancestor->g : 0; /* one name is enough here */
    goleak_page_words(page, GOLEAK_PLAIN, goleak_text_identity(ancestor->goid, g, ancestor->incarnation).text);
    if (is_name(ancestor->start_function)) {
        goleak_page_words(page, GOLEAK_PLAIN, ", ");
        goleak_page_name(page, GOLEAK_PLAIN, ancestor->start_function);
    } else if (ancestor->created_at != NULL) {
        goleak_page_words(page, GOLEAK_PLAIN, ", created at ");
        goleak_page_name(page, GOLEAK_PLAIN, ancestor->created_at);
    }
    if (ancestor->incarnation == 0)
        goleak_page_words(page, GOLEAK_DIM, " (no events of its own)");
    else if (!ancestor->alive)
        goleak_page_words(page, GOLEAK_DIM, " (ended)");
    if (ancestor->leak != 0) {
        goleak_page_print(page, GOLEAK_PLAIN, " (%s as well", goleak_verdict_name(ancestor->verdict));
        if (ancestor->leak <= report->top)
            goleak_page_print(page, GOLEAK_PLAIN, ": %zu.", ancestor->leak);
        goleak_page_words(page, GOLEAK_PLAIN, ")");
    }
    goleak_page_end_line(page);
}

/* Begins the line of one who started the one above. */
static void write_arrow(struct goleak_page *page)
{
    goleak_page_pad(page, page->indent - 3);
    goleak_page_raw(page, GOLEAK_DIM, "<- ");
}

/* The parent, its parent, and so on. */
static void write_ancestors(struct goleak_text_report *report, const struct goleak_goroutine *goroutine)
{
    struct goleak_ancestor all[ANCESTORS_MOST];
    struct goleak_page *page = report->page;
    size_t count = goleak_goroutine_ancestors(report->view->trace, goroutine, all, ANCESTORS_MOST);
    size_t kept = count < ANCESTORS_MOST ? count : ANCESTORS_MOST;
    if (count == 0)
        return;
    goleak_text_label(report, FIELDS, "started by");
    for (size_t i = 0; i < kept && i < ANCESTORS; i++) {
        if (i != 0)
            write_arrow(page);
        write_ancestor(report, &all[i]);
    }
    if (count > ANCESTORS) {
        write_arrow(page);
        goleak_page_print(page, GOLEAK_DIM, "and %s", goleak_words_counted(count - ANCESTORS, "more ancestor").text);
        goleak_page_end_line(page);
    }
    if (all[kept - 1].cut) {
        write_arrow(page);
        goleak_page_words(page, GOLEAK_DIM, "cut here: older ancestors were not kept");
    }
    goleak_text_end(report);
}

/* Where there are several processes a goid alone says little. */
static bool tells_process(const struct goleak_text_report *report, const struct goleak_goroutine *goroutine)
{
    return goroutine->pid != GOLEAK_NONE && goleak_text_has_processes(report);
}

static void write_example(struct goleak_text_report *report, const struct goleak_leak *leak)
{
    const struct goleak_goroutine *example = &leak->examples[0];
    goleak_text_label(report, FIELDS, leak->count == 1 ? "who" : "example");
    goleak_page_words(report->page, GOLEAK_PLAIN,
                      goleak_text_identity(example->goid, example->g, example->incarnation).text);
    if (tells_process(report, example))
        goleak_page_print(report->page, GOLEAK_PLAIN, " of process %lld", (long long)example->pid);
    if (example->preexisting)
        goleak_page_words(report->page, GOLEAK_PLAIN, ", older than the recording");
    goleak_text_end(report);
    write_ancestors(report, example);
    write_stack(report, "blocked in", example->stack, NULL);
    write_stack(report, "created in", example->created_stack, leak->created_at);
}

static void write_others(struct goleak_text_report *report, const struct goleak_leak *leak)
{
    struct goleak_page *page = report->page;
    if (leak->example_count < 2)
        return;
    goleak_text_label(report, FIELDS, "others");
    for (size_t i = 1; i < leak->example_count; i++) {
        const struct goleak_goroutine *other = &leak->examples[i];
        const char *comma = i + 1 < leak->example_count || leak->count > leak->example_count ? "," : "";
        char process[24] = ""; /* as --explain takes it */
        if (tells_process(report, other))
            snprintf(process, sizeof process, "%lld/", (long long)other->pid);
        if (other->goid != GOLEAK_NONE)
            goleak_page_print(page, GOLEAK_PLAIN, " %s%lld%s", process, (long long)other->goid, comma);
        else
            goleak_page_print(page, GOLEAK_PLAIN, " %s%llx%s", process, (unsigned long long)other->g, comma);
    }
    if (leak->count > leak->example_count)
        goleak_page_print(page, GOLEAK_DIM, " and %s more", goleak_words_count(leak->count - leak->example_count).text);
    goleak_text_end(report);
}

/* ---- a group ---- */

static void write_head(struct goleak_text_report *report, const struct goleak_leak *leak, size_t number)
{
    struct goleak_page *page = report->page;
    const struct goleak_word words = goleak_words_wait(leak->reason, leak->wait_reason);
    const char *reason = leak->wait_reason != NULL ? leak->wait_reason : goleak_reason_name(leak->reason);
    char place[24];
    snprintf(place, sizeof place, "%3zu. ", number);
    goleak_page_newline(page);
    page->indent = 0;
    goleak_page_raw(page, GOLEAK_PLAIN, place);
    goleak_page_words(page, style_of(leak->verdict), goleak_verdict_name(leak->verdict));
    page->indent = FIELDS + 9;
    goleak_page_pad(page, page->indent);
    goleak_page_print(page, GOLEAK_BOLD, "%s ", goleak_words_counted(leak->count, "goroutine").text);
    /* In our words, and in the runtime's, which its dumps print. */
    goleak_page_words(page, GOLEAK_BOLD, words.text);
    if (reason != NULL && strstr(words.text, reason) == NULL)
        goleak_page_print(page, GOLEAK_PLAIN, " (%.60s)", reason);
    goleak_page_newline(page);
}

static void write_places(struct goleak_text_report *report, const struct goleak_leak *leak)
{
    if (is_name(leak->start_function))
        field(report, "function", leak->start_function);
    if (leak->created_at != NULL)
        field(report, "created at", leak->created_at);
    if (leak->blocked_at != NULL)
        field(report, "blocked at", leak->blocked_at);
    if (leak->created_at == NULL && leak->start_function == NULL && leak->blocked_at == NULL)
        field(report, "where", goleak_text_begins(report->format != NULL ? report->format : "", "gotrace")
                                   ? "lost: the part of the trace that tells it is missing"
                                   : "not recorded: a script that prints ustack() would tell");
}

static struct goleak_word wait_of(const struct goleak_leak *leak, bool oldest)
{
    int64_t ns = oldest ? leak->oldest_wait_ns : leak->youngest_wait_ns;
    int64_t events = oldest ? leak->oldest_wait_events : leak->youngest_wait_events;
    return ns != GOLEAK_NONE ? goleak_words_duration(ns) : goleak_words_counted((uint64_t)events, "event");
}

/* How long, and since when: a wait began where the end is, less the wait. */
static void write_wait(struct goleak_text_report *report, const struct goleak_leak *leak, bool oldest,
                       const char *bound)
{
    int64_t ns = oldest ? leak->oldest_wait_ns : leak->youngest_wait_ns;
    int64_t events = oldest ? leak->oldest_wait_events : leak->youngest_wait_events;
    struct goleak_page *page = report->page;
    const bool alike =
        leak->youngest_wait_ns == leak->oldest_wait_ns && leak->youngest_wait_events == leak->oldest_wait_events;
    const bool before = leak->oldest_wait_before && (oldest || alike);
    goleak_page_print(page, GOLEAK_PLAIN, "%s%s%s, since ", before ? "over " : "", wait_of(leak, oldest).text,
                      before && !alike ? "" : bound);
    if (before)
        goleak_page_words(page, GOLEAK_PLAIN, "before the start");
    else if (ns != GOLEAK_NONE && ns >= report->capture.duration_ns)
        goleak_page_words(page, GOLEAK_PLAIN, "the start");
    else if (ns != GOLEAK_NONE)
        goleak_page_print(page, GOLEAK_PLAIN, "%s after the start",
                          goleak_words_duration(report->capture.duration_ns - ns).text);
    else
        goleak_page_print(page, GOLEAK_PLAIN, "event %s of %s",
                          goleak_words_count(report->capture.events - (uint64_t)events).text,
                          goleak_words_count(report->capture.events).text);
    goleak_page_end_line(page);
}

static void write_waits(struct goleak_text_report *report, const struct goleak_leak *leak)
{
    if (leak->oldest_wait_ns == GOLEAK_NONE && leak->oldest_wait_events == GOLEAK_NONE)
        return;
    bool same = strcmp(wait_of(leak, true).text, wait_of(leak, false).text) == 0;
    goleak_text_label(report, FIELDS, leak->reason == GOLEAK_REASON_NONE ? "alive for" : "waiting");
    write_wait(report, leak, true, leak->count == 1 ? "" : same ? " each" : " at most");
    if (!same)
        write_wait(report, leak, false, " at least");
    goleak_text_end(report);
}

/* The evidence that was written last, and where: the next group's is often the
 * same, word for word, and not worth reading twice. */
struct said {
    struct goleak_evidence evidence[GOLEAK_EVIDENCE_MAX];
    size_t count, number;
};

static bool was_said(const struct said *said, const struct goleak_leak *leak)
{
    if (said->number == 0 || said->count != leak->evidence_count)
        return false;
    for (size_t i = 0; i < said->count; i++)
        if (strcmp(said->evidence[i].text, leak->evidence[i].text) != 0)
            return false;
    return true;
}

static void write_evidence(struct goleak_text_report *report, const struct goleak_leak *leak, size_t number,
                           struct said *said)
{
    if (was_said(said, leak) && leak->evidence_count != 0) {
        goleak_text_label(report, FIELDS, "why");
        goleak_page_print(report->page, GOLEAK_PLAIN, "the same as in %zu.", said->number);
        goleak_text_end(report);
        return;
    }
    for (size_t i = 0; i < leak->evidence_count; i++) {
        goleak_text_label(report, FIELDS, i == 0 ? "why" : "");
        if (i != 0 && leak->evidence[i].against)
            goleak_page_words(report->page, GOLEAK_PLAIN, "but ");
        goleak_page_words(report->page, GOLEAK_PLAIN, leak->evidence[i].text);
        goleak_text_end(report);
    }
    memcpy(said->evidence, leak->evidence, sizeof said->evidence);
    said->count = leak->evidence_count;
    said->number = number;
}

/* What became of all that this place creates; of an untold place it would be
 * about every goroutine. */
static void write_site(struct goleak_text_report *report, const struct goleak_leak *leak)
{
    if (leak->site_created == 0 || (leak->created_at == NULL && leak->start_function == NULL))
        return;
    goleak_text_label(report, FIELDS, "this place");
    goleak_page_print(report->page, GOLEAK_PLAIN, "%s created here, %s of them ended",
                      goleak_words_count(leak->site_created).text,
                      leak->site_ended == 0 ? "none" : goleak_words_count(leak->site_ended).text);
    if (leak->alike != 0)
        goleak_page_print(report->page, GOLEAK_PLAIN, "; %s more wait%s alike, and may be woken%s",
                          goleak_words_count(leak->alike).text, leak->alike == 1 ? "s" : "",
                          report->summary.too_young != 0 ? ", or are too young" : "");
    goleak_text_end(report);
}

static void write_group(struct goleak_text_report *report, const struct goleak_leak *leak, size_t number,
                        struct said *said)
{
    write_head(report, leak, number);
    write_places(report, leak);
    write_waits(report, leak);
    write_site(report, leak);
    write_evidence(report, leak, number, said);
    write_example(report, leak);
    write_others(report, leak);
}

void goleak_text_write_leaks(struct goleak_text_report *report)
{
    struct goleak_leak leak;
    struct said said = { .number = 0 };
    uint64_t groups = 0, goroutines = 0;
    for (size_t i = 0; goleak_trace_leak(report->view->trace, i, &leak) == GOLEAK_OK; i++) {
        if (i == 0) {
            goleak_text_heading(report, report->summary.leaks != 0 ? "LEAKS" : "SUSPECTS", NULL);
            report->page->indent = 0;
        }
        if (i < report->top) {
            write_group(report, &leak, i + 1, &said);
            continue;
        }
        groups++;
        goroutines += leak.count;
    }
    if (groups == 0)
        return;
    goleak_page_newline(report->page);
    report->page->indent = FIELDS;
    goleak_page_print(report->page, GOLEAK_DIM, "and %s with %s (--top shows more)",
                      goleak_words_counted(groups, "more group").text,
                      goleak_words_counted(goroutines, "goroutine").text);
    goleak_text_end(report);
}
