/* text_sites - PEAKS, LIFETIMES and SPAWN SITES of the text report. */
#include "report/text_parts.h"

#include "analysis/lifetimes.h"
#include "analysis/peaks.h"
#include "analysis/spawns.h"

#include <stdio.h>
#include <string.h>

/* ---- peaks ---- */

#define PEAK_SITES 5

static void write_peak_sites(struct goleak_text_report *report, enum goleak_gauge_kind kind, unsigned indent)
{
    const struct goleak_ledger *ledger = report->view->model->ledger;
    static const struct goleak_table_column columns[] = { { "", true }, { "", false } };
    uint32_t sites[PEAK_SITES];
    size_t count = goleak_ledger_top(ledger, kind, sites, PEAK_SITES);
    uint64_t rest = goleak_ledger_peak(ledger, kind);
    struct goleak_idmap places;
    struct goleak_table table;
    /* One untold site is what the count has said already. */
    if (count == 0 || (count == 1 && goleak_text_site(report, sites[0]) == NULL))
        return;
    /* Ends without a goroutine have no site: who was alive then is not told. */
    if (!goleak_model_tells_identity(report->view->model))
        return;
    goleak_table_init(&table, report->alloc, columns, 2);
    goleak_idmap_init(&places, report->alloc);
    for (size_t i = 0; i < count; i++)
        goleak_text_note_place(report, &places, sites[i]);
    for (size_t i = 0; i < count; i++) {
        uint64_t own = goleak_ledger_at_peak(ledger, kind, sites[i]);
        goleak_table_cell(&table, goleak_words_count(own).text);
        goleak_table_cell(&table, goleak_text_site_among(report, &places, sites[i]));
        rest -= own < rest ? own : rest;
    }
    if (rest != 0) {
        goleak_table_cell(&table, goleak_words_count(rest).text);
        goleak_table_cell(&table, "from other places");
    }
    report->page->indent = indent;
    goleak_table_write(&table, report->page);
    goleak_table_release(&table);
    goleak_idmap_release(&places);
}

static void write_peak(struct goleak_text_report *report, const char *label, enum goleak_gauge_kind kind,
                       uint64_t count, int64_t moment)
{
    struct goleak_word when = goleak_text_moment(report, moment);
    goleak_text_label(report, 2, label);
    unsigned indent = report->page->indent;
    goleak_page_print(report->page, GOLEAK_PLAIN, "%s%s%s", goleak_words_counted(count, "goroutine").text,
                      when.text[0] != '\0' && count != 0 ? ", " : "", count != 0 ? when.text : "");
    goleak_text_end(report);
    if (count != 0)
        write_peak_sites(report, kind, indent);
}

void goleak_text_write_peaks(struct goleak_text_report *report)
{
    const struct goleak_summary *sum = &report->summary;
    if (sum->peak_live == 0)
        return;
    goleak_text_heading(report, "PEAKS",
                        report->gaps ? "most goroutines at a time, or more than there were: nobody recorded for a while"
                                     : "most goroutines at a time");
    write_peak(report, "alive", GOLEAK_GAUGE_LIVE, sum->peak_live, sum->peak_live_at);
    if (goleak_model_tells_blocked(report->view->model))
        write_peak(report, "blocked", GOLEAK_GAUGE_BLOCKED, sum->peak_blocked, sum->peak_blocked_at);
}

/* ---- lifetimes ---- */

#define LIFETIME_ROWS 16 /* more are put together, two, four, eight at a time */
#define BAR_COLUMNS 40

/* Buckets put together to one row; where the rows begin and end. */
struct rows {
    unsigned first, last, each;
    uint64_t most;
};

static uint64_t row_count(const struct goleak_lifetimes *lifetimes, const struct rows *rows, unsigned from)
{
    uint64_t count = 0;
    for (unsigned i = from; i < from + rows->each && i < GOLEAK_LIFETIME_BUCKETS; i++)
        count += lifetimes->buckets[i];
    return count;
}

static struct rows make_rows(const struct goleak_lifetimes *lifetimes)
{
    struct rows rows = { .first = GOLEAK_LIFETIME_BUCKETS, .each = 1 };
    for (unsigned i = 0; i < GOLEAK_LIFETIME_BUCKETS; i++) {
        if (lifetimes->buckets[i] == 0)
            continue;
        if (rows.first == GOLEAK_LIFETIME_BUCKETS)
            rows.first = i;
        rows.last = i;
    }
    while ((rows.last - rows.first) / rows.each >= LIFETIME_ROWS)
        rows.each *= 2;
    for (unsigned i = rows.first; i <= rows.last; i += rows.each) {
        uint64_t count = row_count(lifetimes, &rows, i);
        if (count > rows.most)
            rows.most = count;
    }
    return rows;
}

/* As long as its share of the longest; whatever there is shows. */
static void bar(char *out, uint64_t count, uint64_t most)
{
    uint64_t length = most > UINT64_MAX / BAR_COLUMNS ? count / (most / BAR_COLUMNS) : count * BAR_COLUMNS / most;
    if (length > BAR_COLUMNS)
        length = BAR_COLUMNS;
    if (length == 0 && count != 0)
        length = 1;
    memset(out, '#', (size_t)length);
    out[length] = '\0';
}

static void write_histogram(struct goleak_text_report *report, const struct goleak_lifetimes *lifetimes)
{
    static const struct goleak_table_column columns[] = { { "up to", true }, { "ended", true }, { "", false } };
    struct rows rows = make_rows(lifetimes);
    struct goleak_table table;
    goleak_table_init(&table, report->alloc, columns, 3);
    for (unsigned i = rows.first; i <= rows.last; i += rows.each) {
        char bars[BAR_COLUMNS + 1];
        uint64_t count = row_count(lifetimes, &rows, i);
        unsigned end = i + rows.each - 1 < rows.last ? i + rows.each - 1 : rows.last;
        int64_t most = goleak_lifetime_le(end) < lifetimes->most ? goleak_lifetime_le(end) : lifetimes->most;
        bar(bars, count, rows.most);
        goleak_table_cell(&table, goleak_text_span(report, most).text);
        goleak_table_cell(&table, goleak_words_count(count).text);
        goleak_table_cell(&table, bars);
    }
    goleak_table_write(&table, report->page);
    goleak_table_release(&table);
}

void goleak_text_write_lifetimes(struct goleak_text_report *report)
{
    const struct goleak_lifetimes *lifetimes = goleak_view_analysis(report->view, &goleak_analysis_lifetimes);
    const struct goleak_summary *sum = &report->summary;
    if (lifetimes->count == 0)
        return;
    goleak_text_heading(report, "LIFETIMES", NULL);
    goleak_page_print(report->page, GOLEAK_PLAIN, "%s seen from creation to end",
                      goleak_words_counted(lifetimes->count, "goroutine").text);
    if (sum->live_at_end != 0)
        goleak_page_print(report->page, GOLEAK_PLAIN, "; %s still alive %s not counted here",
                          goleak_words_count(sum->live_at_end).text, sum->live_at_end == 1 ? "is" : "are");
    goleak_page_print(report->page, GOLEAK_PLAIN, ". Half lived at most %s, 99 %% at most %s, the longest %s.",
                      goleak_text_span(report, goleak_lifetime_quantile(lifetimes, 500)).text,
                      goleak_text_span(report, goleak_lifetime_quantile(lifetimes, 990)).text,
                      goleak_text_span(report, lifetimes->most).text);
    goleak_page_newline(report->page);
    write_histogram(report, lifetimes);
}

/* ---- spawn sites ---- */

static void add_spawn(struct goleak_text_report *report, struct goleak_table *table,
                      const struct goleak_spawn *spawn, const char *site)
{
    bool ends = goleak_model_tells_identity(report->view->model); /* of this site are told */
    goleak_table_cell(table, goleak_words_count(spawn->created).text);
    goleak_table_cell(table, ends ? goleak_words_count(spawn->ended).text : NULL);
    goleak_table_cell(table, ends ? goleak_words_count(spawn->created - spawn->ended).text : NULL);
    bool told = spawn->ended != 0 && spawn->life_sum <= INT64_MAX;
    goleak_table_cell(table, told ? goleak_text_span(report, (int64_t)(spawn->life_sum / spawn->ended)).text : NULL);
    goleak_table_cell(table, site);
}

/* Those that --top leaves out, in one row. */
static void add_rest(struct goleak_text_report *report, struct goleak_table *table, const struct goleak_spawns *spawns)
{
    struct goleak_spawn rest = { 0 };
    for (size_t i = report->top; i < spawns->ranked_count; i++) {
        const struct goleak_spawn site = goleak_spawns_at(spawns, spawns->ranked[i]);
        rest.created += site.created;
        rest.ended += site.ended;
        rest.life_sum = rest.life_sum > UINT64_MAX - site.life_sum ? UINT64_MAX : rest.life_sum + site.life_sum;
    }
    struct goleak_word name;
    snprintf(name.text, sizeof name.text, "%.40s (--top shows more)",
             goleak_words_counted(spawns->ranked_count - report->top, "other place").text);
    add_spawn(report, table, &rest, name.text);
}

void goleak_text_write_spawns(struct goleak_text_report *report)
{
    static const struct goleak_table_column columns[] = {
        { "created", true }, { "ended", true }, { "alive", true }, { "mean life", true }, { "place", false },
    };
    const struct goleak_spawns *spawns = goleak_view_analysis(report->view, &goleak_analysis_spawns);
    struct goleak_idmap places;
    struct goleak_table table;
    if (spawns->ranked_count == 0 ||
        (spawns->ranked_count == 1 && goleak_text_site(report, spawns->ranked[0]) == NULL))
        return;
    bool ends = goleak_model_tells_identity(report->view->model);
    goleak_text_heading(report, "SPAWN SITES", ends ? "most still alive first" : "most created first");
    goleak_table_init(&table, report->alloc, columns, 5);
    goleak_idmap_init(&places, report->alloc);
    for (size_t i = 0; i < spawns->ranked_count && i < report->top; i++)
        goleak_text_note_place(report, &places, spawns->ranked[i]);
    for (size_t i = 0; i < spawns->ranked_count && i < report->top; i++) {
        const struct goleak_spawn site = goleak_spawns_at(spawns, spawns->ranked[i]);
        add_spawn(report, &table, &site, goleak_text_site_among(report, &places, spawns->ranked[i]));
    }
    if (spawns->ranked_count > report->top)
        add_rest(report, &table, spawns);
    goleak_table_write(&table, report->page);
    goleak_table_release(&table);
    goleak_idmap_release(&places);
}
