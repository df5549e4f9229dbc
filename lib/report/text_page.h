/*
 * text_page - a page of text: columns, wrapping, colour, escaping.
 *
 * Whatever comes from a recording or a file name may be handed over as it is:
 * every text is escaped on its way to the page (control characters and what is
 * no UTF-8 become \xNN, byte by byte), and measured in columns, not bytes.
 *
 * A line that would become too long goes on in the next one, at the indent. A
 * text is joined to what stands before it, unless one ends or the other begins
 * with a blank: there the line may break.
 *
 * Output is handed on in pieces; after a refusal the rest is swallowed and
 * goleak_page_finish tells.
 */
#ifndef GOLEAK_REPORT_TEXT_PAGE_H
#define GOLEAK_REPORT_TEXT_PAGE_H

#include "base/buf.h"

enum goleak_style {
    GOLEAK_PLAIN,
    GOLEAK_BOLD,
    GOLEAK_DIM,
    GOLEAK_RED,
    GOLEAK_RED_BOLD,
    GOLEAK_YELLOW,
    GOLEAK_GREEN
};

struct goleak_page {
    goleak_write_fn *write;
    void *context;
    struct goleak_buf buf;
    struct goleak_buf scratch; /* the text at hand, escaped */
    unsigned width;
    unsigned indent; /* where lines begin: set it between lines */
    unsigned column; /* where the next character goes */
    enum goleak_style style;
    bool gap; /* the last text ended with a blank that is not written yet */
    /* The last blank of this line at which it may still break: its place in buf, the
     * column behind it, its style. */
    size_t blank;
    unsigned blank_column;
    enum goleak_style blank_style;
    bool color;
    bool is_paper; /* of no known width: the usual one, and what is read by line may be longer */
    bool refused;
};

#define GOLEAK_PAGE_NARROWEST 60
#define GOLEAK_PAGE_WIDEST 200
#define GOLEAK_PAGE_USUAL 80

/* The width is clamped to the two above; 0: it is not known. */
void goleak_page_init(struct goleak_page *page, struct goleak_alloc *alloc, goleak_write_fn *write, void *context,
                      unsigned width, bool color);
/* Writes what is left: GOLEAK_E_IO if anything was refused, or the memory's failure. */
enum goleak_status goleak_page_finish(struct goleak_page *page);
/* What a section could not make for want of memory is the page's failure. */
void goleak_page_fail(struct goleak_page *page);

void goleak_page_newline(struct goleak_page *page);
/* Ends a line that was begun. */
void goleak_page_end_line(struct goleak_page *page);
/* Wraps at blanks. */
void goleak_page_words(struct goleak_page *page, enum goleak_style style, const char *text);
/* The same for up to 1023 bytes, of our own sentences and numbers. */
void goleak_page_print(struct goleak_page *page, enum goleak_style style, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
/* A name or frame: kept in one piece if a line can hold it, whatever blanks it
 * has; only "FUNC FILE:LINE" may break before FILE. */
void goleak_page_name(struct goleak_page *page, enum goleak_style style, const char *text);
/* Blanks up to a column, none if it is passed. */
void goleak_page_pad(struct goleak_page *page, unsigned column);
/* Escaped already, no longer than the line: nothing is wrapped. */
void goleak_page_raw(struct goleak_page *page, enum goleak_style style, const char *text);

/* ---- texts (each appends to a buf) ---- */

void goleak_text_escape(struct goleak_buf *out, const char *text);
/* Columns of a text that is escaped. */
unsigned goleak_text_columns(const char *text, size_t size);
/* An escaped text in at most `columns`: of a longer one the end, and some of the
 * beginning, with an ellipsis between. */
void goleak_text_fit(struct goleak_buf *out, const char *text, unsigned columns);

#endif
