/*
 * text_explain - the life of one goroutine, event by event, and every rule that was
 * weighed for its verdict; for --explain.
 *
 *      goroutine 22 (main.Gather.func1): likely
 *
 *      LIFE
 *        2.5 ms     created by goroutine 1 at main.Gather+0x45
 *        2.6 ms     blocks: chan send, on 14000124060
 *      RULES
 *        never-woken   for       waiting for 117 ms, and never woken here
 *        timer         against   does not apply
 */
#include "model/event.h"
#include "report/text_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RULES_MOST 64

static struct goleak_word who(const char *word, uint64_t goid, uint64_t g)
{
    struct goleak_word out;
    if (goid != 0)
        snprintf(out.text, sizeof out.text, "%sgoroutine %llu", word, (unsigned long long)goid);
    else if (goleak_g_told(g) != 0)
        snprintf(out.text, sizeof out.text, "%sg %llx", word, (unsigned long long)g);
    else
        snprintf(out.text, sizeof out.text, "%s", "");
    return out;
}

static struct goleak_word other(const char *word, const struct goleak_event *event)
{
    return who(word, event->has & GOLEAK_HAS_OTHER_GOID ? event->other_goid : 0,
               event->has & GOLEAK_HAS_OTHER ? event->other_g : 0);
}

static void write_place(struct goleak_text_report *report, const char *word, uint32_t frame)
{
    if (frame == 0)
        return;
    goleak_page_words(report->page, GOLEAK_PLAIN, word);
    goleak_page_name(report->page, GOLEAK_PLAIN, goleak_symbols_frame_text(report->view->model->symbols, frame));
}

/* What it did to another one. */
static void write_deed(struct goleak_text_report *report, const struct goleak_chapter *chapter)
{
    const char *word = chapter->event.kind == GOLEAK_EVENT_CREATE  ? "starts "
                       : chapter->event.kind == GOLEAK_EVENT_READY ? "wakes "
                                                                   : "is named by an event of ";
    goleak_page_words(report->page, GOLEAK_PLAIN, who(word, chapter->goid, chapter->g).text);
}

/* So many deeds with nothing between are told in one line: others are started, or one is woken again and again. */
#define DEEDS 4

static bool is_same_deed(const struct goleak_chapter *a, const struct goleak_chapter *b)
{
    return b->of_other && b->event.kind == a->event.kind &&
           (a->event.kind == GOLEAK_EVENT_CREATE || (b->goid == a->goid && b->g == a->g));
}

/* How many chapters from this one on are such deeds; *last is the last of them. *ascends: so do their goids. */
static size_t count_deeds(const struct goleak_story *story, size_t from, const struct goleak_chapter **last,
                          bool *ascends)
{
    uint64_t left_out;
    const struct goleak_chapter *first = goleak_story_at(story, from, &left_out), *next;
    size_t count = 1;
    *last = first;
    *ascends = first->goid != 0;
    while (first->of_other && (next = goleak_story_at(story, from + count, &left_out)) != NULL && left_out == 0 &&
           is_same_deed(first, next)) {
        *ascends = *ascends && next->goid > (*last)->goid;
        *last = next;
        count++;
    }
    return count;
}

static void write_deeds(struct goleak_text_report *report, const struct goleak_chapter *first,
                        const struct goleak_chapter *last, size_t count, bool ascends)
{
    if (first->event.kind == GOLEAK_EVENT_CREATE) {
        goleak_page_print(report->page, GOLEAK_PLAIN, "starts %s", goleak_words_counted(count, "goroutine").text);
    } else {
        write_deed(report, first);
        goleak_page_print(report->page, GOLEAK_PLAIN, ", %s", goleak_words_counted(count, "time").text);
    }
    if (last->moment > first->moment)
        goleak_page_print(report->page, GOLEAK_PLAIN, " in %s",
                          goleak_text_span(report, last->moment - first->moment).text);
    if (ascends)
        goleak_page_print(report->page, GOLEAK_PLAIN, ", from %" PRIu64 " to %" PRIu64, first->goid, last->goid);
}

/* A worker's rounds, sleep by sleep or job by job, are told once and then counted. */
#define ROUNDS 4
#define ROUND_MOST 24 /* lines */

/* A park that has one tells how long it has to go. */
static bool is_timed(const struct goleak_event *event)
{
    const uint32_t timed = GOLEAK_HAS_UNTIL | GOLEAK_HAS_TIME;
    return (event->has & timed) == timed && event->until_ns != 0;
}

/* The frame that is printed of its stack; 0: none. */
static uint32_t place_of(const struct goleak_symbols *symbols, const struct goleak_event *event)
{
    return (event->has & GOLEAK_HAS_STACK) == 0 ? 0
           : event->kind == GOLEAK_EVENT_CREATE ? goleak_symbols_created_at(symbols, event->stack)
                                                : goleak_symbols_blocked_at(symbols, event->stack);
}

/* They read the same, but for the time: what a timer has to go is told of the first. */
static bool is_same_chapter(const struct goleak_symbols *symbols, const struct goleak_chapter *a,
                            const struct goleak_chapter *b)
{
    const struct goleak_event *x = &a->event, *y = &b->event;
    const uint32_t told = GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID | GOLEAK_HAS_STATUS;
    if (a->of_other != b->of_other || x->kind != y->kind || ((x->has ^ y->has) & told) != 0)
        return false;
    if (a->of_other)
        return a->goid == b->goid && a->g == b->g;
    if ((x->has & GOLEAK_HAS_OTHER && x->other_g != y->other_g) ||
        (x->has & GOLEAK_HAS_OTHER_GOID && x->other_goid != y->other_goid) ||
        (x->has & GOLEAK_HAS_STATUS && x->status != y->status) || a->reason != b->reason ||
        is_timed(x) != is_timed(y) || (x->kind == GOLEAK_EVENT_OBJECT && x->name != y->name))
        return false;
    return place_of(symbols, x) == place_of(symbols, y) && goleak_event_object(x, (enum goleak_reason)a->reason) ==
                                                               goleak_event_object(y, (enum goleak_reason)b->reason);
}

/* How often chapters from this one on repeat the `period` that begin with it, the first time counted. */
static size_t count_rounds(const struct goleak_text_report *report, const struct goleak_story *story, size_t from,
                           size_t period)
{
    const struct goleak_chapter *a, *b;
    uint64_t left_out;
    size_t same = 0;
    while ((a = goleak_story_at(story, from + same, &left_out)) != NULL && (left_out == 0 || same == 0) &&
           (b = goleak_story_at(story, from + same + period, &left_out)) != NULL && left_out == 0 &&
           is_same_chapter(report->view->model->symbols, a, b))
        same++;
    return 1 + same / period;
}

/* The shortest round that takes the most lines from here on, *rounds times; 0: there is none. */
static size_t find_round(const struct goleak_text_report *report, const struct goleak_story *story, size_t from,
                         size_t *rounds)
{
    size_t best = 0;
    *rounds = 0;
    for (size_t period = 1; period <= ROUND_MOST; period++) {
        const size_t count = count_rounds(report, story, from, period);
        if (count >= ROUNDS && count * period > *rounds * best) {
            best = period;
            *rounds = count;
        }
    }
    return best;
}

static void write_operation(struct goleak_text_report *report, const struct goleak_event *event)
{
    goleak_page_name(report->page, GOLEAK_PLAIN, goleak_symbols_text(report->view->model->symbols, event->name));
    uint64_t object = goleak_event_object(event, GOLEAK_REASON_UNKNOWN);
    if (object != 0)
        goleak_page_print(report->page, GOLEAK_PLAIN, ", on %llx", (unsigned long long)object);
}

static void write_park(struct goleak_text_report *report, const struct goleak_chapter *chapter)
{
    const struct goleak_event *event = &chapter->event;
    const char *reason = goleak_reason_name((enum goleak_reason)chapter->reason);
    uint64_t object = goleak_event_object(event, (enum goleak_reason)chapter->reason);
    goleak_page_print(report->page, GOLEAK_BOLD, "blocks: %s", reason != NULL ? reason : "for an unknown reason");
    if (object != 0)
        goleak_page_print(report->page, GOLEAK_PLAIN, ", on %llx", (unsigned long long)object);
    if (event->has & GOLEAK_HAS_STACK)
        write_place(report, " at ", goleak_symbols_blocked_at(report->view->model->symbols, event->stack));
    if (is_timed(event))
        goleak_page_print(report->page, GOLEAK_PLAIN, ", with a timer of %s",
                          goleak_words_duration(goleak_between(chapter->moment, event->until_ns)).text);
}

static const char *status_name(const struct goleak_event *event)
{
    static const char *const names[] = { "somewhere", "runnable", "running", "in a system call", "waiting" };
    const size_t status = event->has & GOLEAK_HAS_STATUS ? event->status : 0;
    return names[status < sizeof names / sizeof *names ? status : 0];
}

/* By who is there behind a gap (rollcall.h). */
static bool is_unseen(const struct goleak_event *event)
{
    return (event->flags & GOLEAK_FLAG_INFERRED) != 0;
}

static void write_chapter(struct goleak_text_report *report, const struct goleak_chapter *chapter)
{
    const struct goleak_event *event = &chapter->event;
    struct goleak_page *page = report->page;
    if (chapter->of_other) {
        write_deed(report, chapter);
        return;
    }
    switch (event->kind) {
    case GOLEAK_EVENT_CREATE:
        goleak_page_print(page, GOLEAK_PLAIN, "created%s", other(" by ", event).text);
        if (event->has & GOLEAK_HAS_STACK)
            write_place(report, " at ", goleak_symbols_created_at(report->view->model->symbols, event->stack));
        break;
    case GOLEAK_EVENT_PARK:
        write_park(report, chapter);
        break;
    case GOLEAK_EVENT_READY: {
        struct goleak_word by = other(" by ", event);
        goleak_page_print(page, GOLEAK_PLAIN, "woken%s",
                          by.text[0] != '\0' ? by.text : ", by no goroutine that is told");
        break;
    }
    case GOLEAK_EVENT_RUN:
        goleak_page_words(page, GOLEAK_PLAIN, is_unseen(event) ? "has gone on, as the trace says" : "runs");
        break;
    case GOLEAK_EVENT_END:
        goleak_page_words(page, GOLEAK_PLAIN, is_unseen(event) ? "has ended, as the trace says" : "ends");
        break;
    case GOLEAK_EVENT_OBJECT:
        write_operation(report, event);
        break;
    case GOLEAK_EVENT_YIELD: goleak_page_words(page, GOLEAK_PLAIN, "gives up its thread"); break;
    case GOLEAK_EVENT_SYSCALL: goleak_page_words(page, GOLEAK_PLAIN, "enters a system call"); break;
    case GOLEAK_EVENT_SYSRETURN: goleak_page_words(page, GOLEAK_PLAIN, "returns from a system call"); break;
    case GOLEAK_EVENT_STATUS:
        goleak_page_print(page, GOLEAK_PLAIN, "is %s, as the trace says", status_name(event));
        break;
    default:
        goleak_page_words(page, GOLEAK_PLAIN, goleak_event_kind_name((enum goleak_event_kind)event->kind));
        break;
    }
}

/* Since the recording's first event, or which of its events. */
static struct goleak_word when_of(const struct goleak_text_report *report, const struct goleak_chapter *chapter)
{
    if (*report->view->model->has_time)
        return goleak_text_span(report, chapter->moment - report->view->judge->first);
    struct goleak_word out;
    snprintf(out.text, sizeof out.text, "event %.40s", goleak_words_count((uint64_t)chapter->moment).text);
    return out;
}

/* Where what happened begins: behind the longest "event 20,701" of a recording without time. */
static unsigned column_behind(const struct goleak_text_report *report, const struct goleak_story *story)
{
    const struct goleak_chapter *chapter;
    uint64_t left_out;
    unsigned column = 14;
    for (size_t i = 0; (chapter = goleak_story_at(story, i, &left_out)) != NULL; i++) {
        unsigned end = 2 + (unsigned)strlen(when_of(report, chapter).text) + 2;
        column = end > column ? end : column;
    }
    return column;
}

static void write_gap(struct goleak_text_report *report, uint64_t left_out)
{
    if (left_out == 0)
        return;
    report->page->indent = 2;
    goleak_page_print(report->page, GOLEAK_DIM, "… %s", goleak_words_counted(left_out, "event").text);
    goleak_page_end_line(report->page);
}

static bool is_own(const struct goleak_chapter *chapter, enum goleak_event_kind kind)
{
    return chapter != NULL && !chapter->of_other && chapter->event.kind == kind;
}

/* The gaps between two of its chapters; `from` NULL: before the first, `until` NULL: behind the last. Not before it was
 * created, nor behind its end. */
static void write_silences(struct goleak_text_report *report, const struct goleak_chapter *from,
                           const struct goleak_chapter *until, unsigned column)
{
    const struct goleak_verdict_input *judge = report->view->judge;
    const struct goleak_health_book *health = judge->gaps.health;
    const bool lives = from != NULL ? !is_own(from, GOLEAK_EVENT_END) : !is_own(until, GOLEAK_EVENT_CREATE);
    for (size_t i = 0; health != NULL && lives && i < health->gap_count; i++) {
        const struct goleak_gap *gap = &health->gaps[i];
        if ((from == NULL ? until == NULL || gap->from >= until->moment : gap->from < from->moment) ||
            (until != NULL && gap->until > until->moment))
            continue;
        report->page->indent = 0;
        goleak_page_pad(report->page, 2);
        goleak_page_words(report->page, GOLEAK_DIM, goleak_text_span(report, gap->from - judge->first).text);
        report->page->indent = column;
        goleak_page_pad(report->page, column);
        goleak_page_print(report->page, GOLEAK_DIM, "… nobody records for %s",
                          goleak_text_span(report, gap->until - gap->from).text);
        goleak_page_end_line(report->page);
    }
}

/* Behind the round that ends with the chapter before `next`: so often it comes again. */
static void write_rounds(struct goleak_text_report *report, const struct goleak_story *story, size_t next,
                         size_t period, size_t more, size_t lines)
{
    uint64_t left_out;
    const struct goleak_chapter *last = goleak_story_at(story, next + period * more - 1, &left_out);
    report->page->indent = 2;
    if (lines == 1)
        goleak_page_words(report->page, GOLEAK_DIM, "… this line ");
    else
        goleak_page_print(report->page, GOLEAK_DIM, "… these %zu lines ", lines);
    goleak_page_print(report->page, GOLEAK_DIM, "%s, the last at %s", goleak_words_counted(more, "more time").text,
                      when_of(report, last).text);
    goleak_page_end_line(report->page);
}

/* A chapter, or several deeds in one line: how many it tells. */
static size_t write_line(struct goleak_text_report *report, const struct goleak_story *story, size_t at,
                         unsigned column)
{
    struct goleak_page *page = report->page;
    const struct goleak_chapter *last;
    bool ascends;
    uint64_t left_out;
    const struct goleak_chapter *chapter = goleak_story_at(story, at, &left_out);
    size_t deeds = count_deeds(story, at, &last, &ascends);
    uint64_t before;
    write_silences(report, at != 0 ? goleak_story_at(story, at - 1, &before) : NULL, chapter, column);
    write_gap(report, left_out);
    page->indent = 0;
    goleak_page_pad(page, 2);
    goleak_page_print(page, GOLEAK_PLAIN, "%s", when_of(report, chapter).text);
    page->indent = column;
    goleak_page_pad(page, page->indent);
    if (deeds >= DEEDS) {
        write_deeds(report, chapter, last, deeds, ascends);
    } else {
        write_chapter(report, chapter);
        deeds = 1;
    }
    goleak_page_end_line(page);
    return deeds;
}

static void write_life(struct goleak_text_report *report, const struct goleak_story *story)
{
    const unsigned column = column_behind(report, story);
    uint64_t left_out;
    size_t at = 0, rounds;
    goleak_text_heading(report, "LIFE", NULL);
    while (goleak_story_at(story, at, &left_out) != NULL) {
        const size_t period = find_round(report, story, at, &rounds), end = at + period;
        size_t lines = 0;
        do {
            at += write_line(report, story, at, column);
            lines++;
        } while (at < end);
        if (period == 0 || at != end)
            continue;
        write_rounds(report, story, end, period, rounds - 1, lines);
        at += period * (rounds - 1);
    }
    if (at != 0)
        write_silences(report, goleak_story_at(story, at - 1, &left_out), NULL, column);
}

static void write_rule(struct goleak_text_report *report, const struct goleak_weighed *weighed)
{
    static const char *const weights[] = { "decides", "for", "against", "lowers" };
    struct goleak_page *page = report->page;
    page->indent = 0;
    goleak_page_pad(page, 2);
    goleak_page_raw(page, weighed->applies ? GOLEAK_BOLD : GOLEAK_DIM, weighed->rule);
    goleak_page_pad(page, 16);
    goleak_page_raw(page, weighed->applies ? GOLEAK_PLAIN : GOLEAK_DIM, weights[weighed->weight]);
    page->indent = 25;
    goleak_page_pad(page, page->indent);
    if (weighed->applies)
        goleak_page_words(page, GOLEAK_PLAIN, weighed->text[0] != '\0' ? weighed->text : "it does");
    else
        goleak_page_print(page, GOLEAK_DIM, "cannot tell: collect %s", weighed->needs);
    goleak_page_end_line(page);
}

static bool is_away(const struct goleak_weighed *weighed)
{
    return !weighed->applies && weighed->needs == NULL;
}

/* Most rules: their names alone. */
static void write_away(struct goleak_text_report *report, const struct goleak_weighed *weighed, size_t count)
{
    struct goleak_page *page = report->page;
    bool any = false;
    page->indent = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_away(&weighed[i]))
            continue;
        if (!any) {
            goleak_page_pad(page, 2);
            goleak_page_raw(page, GOLEAK_DIM, "do not apply");
            page->indent = 16;
            goleak_page_pad(page, page->indent);
        }
        goleak_page_print(page, GOLEAK_DIM, "%s%s", any ? ", " : "", weighed[i].rule);
        any = true;
    }
    if (any)
        goleak_page_end_line(page);
}

static void write_rules(struct goleak_text_report *report, uint32_t index)
{
    struct goleak_weighed weighed[RULES_MOST];
    size_t count = goleak_weigh(report->view->judge, index, weighed, RULES_MOST);
    goleak_text_heading(report, "RULES", NULL);
    for (size_t i = 0; i < count; i++)
        if (!is_away(&weighed[i]))
            write_rule(report, &weighed[i]);
    write_away(report, weighed, count);
}

/* Its record: the living one, or one that has ended and whose address is not used again. `seen`: it has events of its
 * own; else it is one that others name. */
static uint32_t find_record(const struct goleak_store *store, const struct goleak_story *story, bool seen)
{
    uint32_t found = 0;
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        bool possible = story->met ? record->process == story->process : story->pid == 0;
        possible = possible && !goleak_story_is_namesake(story, record);
        if (possible && goleak_story_is_of(story, record) && ((record->flags & GOLEAK_REC_SEEN) != 0) == seen &&
            (found == 0 || record->state != GOLEAK_STATE_ENDED))
            found = i;
    }
    return found;
}

bool goleak_text_can_explain(const struct goleak_view *view)
{
    return view->story->count != 0 || find_record(view->model->store, view->story, true) != 0;
}

/* Its namesakes. */
static void write_others(struct goleak_text_report *report, const struct goleak_story *story)
{
    char asked[GOLEAK_STORY_ASKED_TEXT];
    if (story->namesake_g != 0) {
        goleak_page_print(report->page, GOLEAK_DIM,
                          "another %s lives at the same time, of another process: --explain=0x%llx",
                          who("", story->goid, 0).text, (unsigned long long)story->namesake_g);
        goleak_page_end_line(report->page);
    }
    if (story->other_pid == 0)
        return;
    goleak_page_print(report->page, GOLEAK_DIM, "process %lu has a %s, too: --explain=%lu/%s",
                      (unsigned long)story->other_pid, who("", story->goid, story->asked_g).text,
                      (unsigned long)story->other_pid, goleak_story_asked(story, asked));
    goleak_page_end_line(report->page);
}

/* Who asks for it is shown it, and must know why no report has it. */
static void write_hidden(struct goleak_text_report *report, const struct goleak_record *record)
{
    if (record == NULL || (record->flags & GOLEAK_REC_SYSTEM) == 0 || *report->view->model->include_system)
        return;
    goleak_page_words(report->page, GOLEAK_DIM,
                      "one of the runtime's own goroutines: reports show and count it with --include-system only");
    goleak_page_end_line(report->page);
}

void goleak_text_write_explain(struct goleak_text_report *report)
{
    const struct goleak_model *model = report->view->model;
    struct goleak_page *page = report->page;
    const struct goleak_story *story = report->view->story;
    uint32_t index = find_record(model->store, story, true);
    const struct goleak_record *record = index != 0 ? goleak_store_at(model->store, index) : NULL;
    bool alive = record != NULL && record->state != GOLEAK_STATE_ENDED;
    struct goleak_judgement judgement;
    page->indent = 2;
    goleak_page_words(page, GOLEAK_PLAIN, report->path);
    goleak_page_print(page, GOLEAK_BOLD, ": %s", who("", story->goid, story->asked_g).text);
    if (story->pid != 0 && goleak_text_has_processes(report))
        goleak_page_print(page, GOLEAK_BOLD, " of process %lu", (unsigned long)story->pid);
    if (record == NULL && story->count == 0) {
        goleak_page_words(page, GOLEAK_PLAIN, " is not in this recording");
        goleak_page_end_line(page);
        write_others(report, story);
        return;
    }
    const char *start = record != NULL ? goleak_site_start(model, record->site) : NULL;
    if (start != NULL) {
        goleak_page_words(page, GOLEAK_PLAIN, ", ");
        goleak_page_name(page, GOLEAK_PLAIN, start);
        goleak_page_words(page, GOLEAK_PLAIN, ",");
    }
    if (alive) {
        goleak_judge(report->view->judge, index, &judgement);
        goleak_page_print(page, GOLEAK_PLAIN, " is %s", goleak_verdict_name(judgement.verdict));
    } else {
        const bool named = record == NULL && find_record(model->store, story, false) != 0;
        goleak_page_words(page, GOLEAK_PLAIN, named ? " has no events of its own here: others name it" : " has ended");
    }
    goleak_page_end_line(page);
    write_hidden(report, record);
    write_others(report, story);
    write_life(report, story);
    if (alive)
        write_rules(report, index);
}
