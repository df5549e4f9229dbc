/*
 * text_capture - what was wrong with the recording, counted, with the first
 * place of each; what can change a verdict first, and marked.
 */
#include "report/text_parts.h"

#include <stdio.h>
#include <string.h>

struct goleak_word goleak_text_health_name(const char *name)
{
    struct goleak_word out;
    snprintf(out.text, sizeof out.text, "%s", name);
    for (char *at = out.text; *at != '\0'; at++)
        if (*at == '_')
            *at = ' ';
    return out;
}

/* Widths of the columns of names and counts. */
struct widths {
    unsigned name, count;
};

static struct widths measure(const struct goleak_text_report *report)
{
    struct goleak_health health;
    struct widths widths = { 0 };
    for (size_t i = 0; goleak_trace_health(report->view->trace, i, &health) == GOLEAK_OK; i++) {
        unsigned name = (unsigned)strlen(goleak_text_health_name(health.name).text);
        unsigned count = (unsigned)strlen(goleak_words_count(health.count).text);
        if (health.count == 0)
            continue;
        widths.name = name > widths.name ? name : widths.name;
        widths.count = count > widths.count ? count : widths.count;
    }
    return widths;
}

/* Where it was seen first. RECORDING has the folders. */
static void write_first(struct goleak_text_report *report, const struct goleak_health *health)
{
    struct goleak_page *page = report->page;
    if (health->input == NULL)
        return;
    const char *slash = strrchr(health->input, '/');
    goleak_page_words(page, GOLEAK_DIM, health->count == 1 ? "at " : "first at ");
    goleak_page_name(page, GOLEAK_DIM, strcmp(health->input, "-") == 0 ? "standard input"
                                       : slash != NULL                 ? slash + 1
                                                                       : health->input);
    if (health->line != 0)
        goleak_page_print(page, GOLEAK_DIM, ":%llu", (unsigned long long)health->line);
    if (health->line != 0 && health->column > 1)
        goleak_page_print(page, GOLEAK_DIM, ":%llu", (unsigned long long)health->column);
    if (health->line == 0 && health->offset != 0)
        goleak_page_print(page, GOLEAK_DIM, ", offset 0x%llx", (unsigned long long)health->offset);
    if (health->detail != NULL) {
        goleak_page_words(page, GOLEAK_DIM, ": ");
        goleak_page_words(page, GOLEAK_DIM, health->detail);
    }
    goleak_page_end_line(page);
}

static void write_entry(struct goleak_text_report *report, const struct goleak_health *health,
                        const struct widths *widths)
{
    struct goleak_page *page = report->page;
    struct goleak_word count = goleak_words_count(health->count);
    enum goleak_style style = health->hurts ? GOLEAK_YELLOW : GOLEAK_PLAIN;
    goleak_page_pad(page, 2);
    goleak_page_raw(page, style, health->hurts ? "! " : "  ");
    goleak_page_raw(page, style, goleak_text_health_name(health->name).text);
    unsigned end = 2 + 2 + widths->name + 2 + widths->count;
    goleak_page_pad(page, end - (unsigned)strlen(count.text));
    goleak_page_raw(page, style, count.text);
    page->indent = end + 2;
    goleak_page_pad(page, page->indent);
    goleak_page_words(page, GOLEAK_PLAIN, health->meaning);
    goleak_page_end_line(page);
    write_first(report, health);
    page->indent = 2;
}

void goleak_text_write_capture(struct goleak_text_report *report)
{
    struct goleak_health health;
    struct widths widths = measure(report);
    goleak_text_heading(report, "CAPTURE", report->hurt ? "! can change a verdict" : NULL);
    if (widths.count == 0) {
        goleak_page_words(report->page, GOLEAK_PLAIN, "Nothing lost, nothing damaged, nothing out of order.");
        goleak_text_end(report);
    }
    for (int hurts = 1; hurts >= 0; hurts--)
        for (size_t i = 0; goleak_trace_health(report->view->trace, i, &health) == GOLEAK_OK; i++)
            if (health.count != 0 && health.hurts == (hurts != 0))
                write_entry(report, &health, &widths);
}
