/* text_page - see text_page.h. */
#include "report/text_page.h"

#include "base/json.h"
#include "model/symbols.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PIECE_BYTES ((size_t)32 * 1024)
#define NO_BLANK SIZE_MAX

/* ---- texts ---- */

void goleak_text_escape(struct goleak_buf *out, const char *text)
{
    const char *plain = text;
    while (*text != '\0') {
        uint32_t code;
        size_t size = goleak_utf8_decode(text, &code);
        if (size != 0 && !goleak_is_control(code)) {
            text += size;
            continue;
        }
        goleak_buf_append(out, plain, (size_t)(text - plain));
        for (const char *end = text + (size != 0 ? size : 1); text < end; text++)
            goleak_buf_printf(out, "\\x%02x", (unsigned char)*text);
        plain = text;
    }
    goleak_buf_append(out, plain, (size_t)(text - plain));
}

/* Columns of one character. Names are identifiers: the wide scripts and the
 * combining marks of Unicode's letters are enough. */
static unsigned columns_of(uint32_t code)
{
    static const uint32_t wide[][2] = {
        { 0x1100, 0x115f }, { 0x2e80, 0xa4cf },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
        { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1faff },
        { 0x20000, 0x3fffd },
    };
    if (code < 0x300)
        return 1;
    if (code <= 0x36f || (code >= 0x200b && code <= 0x200f) || (code >= 0xfe00 && code <= 0xfe0f))
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (code >= wide[i][0] && code <= wide[i][1])
            return 2;
    return 1;
}

/* Bytes of the character at `text`, and its columns. */
static size_t step(const char *text, unsigned *columns)
{
    uint32_t code = 0;
    size_t size = goleak_utf8_decode(text, &code);
    *columns = size != 0 ? columns_of(code) : 1;
    return size != 0 ? size : 1;
}

unsigned goleak_text_columns(const char *text, size_t size)
{
    unsigned columns = 0, own;
    for (size_t at = 0; at < size; columns += own)
        at += step(text + at, &own);
    return columns;
}

/* Bytes of the longest beginning that has at most `room` columns. */
static size_t prefix(const char *text, size_t size, unsigned room)
{
    unsigned columns = 0, own;
    size_t at = 0;
    while (at < size) {
        size_t next = at + step(text + at, &own);
        if (columns + own > room)
            break;
        columns += own;
        at = next;
    }
    return at;
}

void goleak_text_fit(struct goleak_buf *out, const char *text, unsigned columns)
{
    size_t size = strlen(text);
    unsigned all = goleak_text_columns(text, size);
    if (all <= columns) {
        goleak_buf_append(out, text, size);
        return;
    }
    /* The end of a Go symbol says most: the function, not the path of its package. */
    unsigned head = columns / 4, tail = columns - head - 1;
    goleak_buf_append(out, text, prefix(text, size, head));
    goleak_buf_text(out, "\xe2\x80\xa6");
    /* A wide character may not fit where the tail begins: then one column less. */
    size_t from = prefix(text, size, all - tail);
    if (goleak_text_columns(text + from, size - from) > tail)
        from = prefix(text, size, all - tail + 1);
    goleak_buf_append(out, text + from, size - from);
}

/* ---- the page ---- */

void goleak_page_init(struct goleak_page *page, struct goleak_alloc *alloc, goleak_write_fn *write, void *context,
                      unsigned width, bool color)
{
    *page = (struct goleak_page){ .write = write, .context = context, .color = color, .blank = NO_BLANK };
    page->is_paper = width == 0;
    page->width = width == 0                      ? GOLEAK_PAGE_USUAL
                  : width < GOLEAK_PAGE_NARROWEST ? GOLEAK_PAGE_NARROWEST
                  : width > GOLEAK_PAGE_WIDEST    ? GOLEAK_PAGE_WIDEST
                                                  : width;
    goleak_buf_init(&page->buf, alloc);
    goleak_buf_init(&page->scratch, alloc);
}

static void pass_on(struct goleak_page *page)
{
    if (page->buf.size != 0 && !page->refused)
        page->refused = !page->write(page->context, page->buf.data, page->buf.size);
    page->buf.size = 0;
}

enum goleak_status goleak_page_finish(struct goleak_page *page)
{
    pass_on(page);
    bool memory = page->buf.failed || page->scratch.failed;
    struct goleak_alloc *alloc = page->buf.alloc;
    goleak_buf_release(&page->buf);
    goleak_buf_release(&page->scratch);
    return memory ? goleak_alloc_failure(alloc) : page->refused ? GOLEAK_E_IO : GOLEAK_OK;
}

void goleak_page_fail(struct goleak_page *page)
{
    page->scratch.failed = true;
}

static const char *style_code(enum goleak_style style)
{
    static const char *const codes[] = { "\x1b[0m",      "\x1b[0;1m",  "\x1b[0;2m", "\x1b[0;31m",
                                         "\x1b[0;1;31m", "\x1b[0;33m", "\x1b[0;32m" };
    return codes[style];
}

static void set_style(struct goleak_page *page, enum goleak_style style)
{
    if (!page->color || page->style == style)
        return;
    goleak_buf_text(&page->buf, style_code(style));
    page->style = style;
}

void goleak_page_newline(struct goleak_page *page)
{
    set_style(page, GOLEAK_PLAIN);
    goleak_buf_char(&page->buf, '\n');
    page->column = 0;
    page->gap = false;
    page->blank = NO_BLANK;
    if (page->buf.size >= PIECE_BYTES)
        pass_on(page);
}

void goleak_page_end_line(struct goleak_page *page)
{
    if (page->column != 0)
        goleak_page_newline(page);
}

void goleak_page_pad(struct goleak_page *page, unsigned column)
{
    if (page->column < column)
        set_style(page, GOLEAK_PLAIN);
    for (; page->column < column; page->column++)
        goleak_buf_char(&page->buf, ' ');
}

static void emit(struct goleak_page *page, enum goleak_style style, const char *text, size_t size)
{
    if (size == 0)
        return;
    set_style(page, style);
    goleak_buf_append(&page->buf, text, size);
    page->column += goleak_text_columns(text, size);
}

void goleak_page_raw(struct goleak_page *page, enum goleak_style style, const char *text)
{
    emit(page, style, text, strlen(text));
}

/* Where to break a text that no line can hold: behind the last punctuation of
 * the second half, else where the room ends. */
static size_t break_at(const char *text, size_t size, unsigned room)
{
    size_t end = prefix(text, size, room);
    for (size_t at = end; at > end / 2; at--)
        if (strchr("/.,;)]} ", text[at - 1]) != NULL)
            return at;
    return end;
}

static void emit_blank(struct goleak_page *page, enum goleak_style style)
{
    set_style(page, style);
    page->blank = page->buf.size;
    page->blank_style = page->style;
    emit(page, style, " ", 1);
    page->blank_column = page->column;
}

/* The last word of the line goes to the next one, so that a text of so many columns can
 * be joined to it: a comma must not begin a line. False: it would not help. */
static bool move_word(struct goleak_page *page, unsigned columns)
{
    struct goleak_buf *buf = &page->buf;
    unsigned own = page->column - page->blank_column;
    if (page->blank == NO_BLANK || page->indent + own + columns > page->width)
        return false;
    char word[GOLEAK_PAGE_WIDEST * 8]; /* four bytes a column, and styles */
    size_t from = page->blank + 1, size = buf->size - from;
    if (buf->failed || size > sizeof word)
        return false;
    memcpy(word, buf->data + from, size);
    buf->size = page->blank;
    bool styled = page->color && page->blank_style != GOLEAK_PLAIN;
    goleak_buf_text(buf, styled ? style_code(GOLEAK_PLAIN) : "");
    goleak_buf_char(buf, '\n');
    for (unsigned i = 0; i < page->indent; i++)
        goleak_buf_char(buf, ' ');
    goleak_buf_text(buf, styled ? style_code(page->blank_style) : "");
    goleak_buf_append(buf, word, size);
    page->column = page->indent + own;
    page->blank = NO_BLANK;
    return true;
}

/* One piece that breaks only if no line can hold it. `gap`: a blank before it. */
static void put(struct goleak_page *page, enum goleak_style style, const char *text, size_t size, bool gap)
{
    unsigned columns = goleak_text_columns(text, size);
    gap = (gap || page->gap) && page->column > page->indent;
    page->gap = false;
    if (page->column > page->indent && page->column + gap + columns > page->width &&
        (gap || !move_word(page, columns))) {
        goleak_page_newline(page);
        gap = false;
    }
    goleak_page_pad(page, page->indent);
    if (gap)
        emit_blank(page, style);
    while (page->column + columns > page->width) {
        size_t part = break_at(text, size, page->width - page->indent), shown = part;
        while (shown != 0 && text[shown - 1] == ' ') /* no blanks at the end of a line */
            shown--;
        emit(page, style, text, shown);
        goleak_page_newline(page);
        goleak_page_pad(page, page->indent);
        columns -= goleak_text_columns(text, part);
        text += part;
        size -= part;
    }
    emit(page, style, text, size);
}

/* The text, escaped and with a NUL behind it; "" when memory ends. */
static const char *escaped(struct goleak_page *page, const char *text)
{
    page->scratch.size = 0;
    goleak_text_escape(&page->scratch, text);
    goleak_buf_char(&page->scratch, '\0');
    return page->scratch.failed ? "" : page->scratch.data;
}

void goleak_page_words(struct goleak_page *page, enum goleak_style style, const char *text)
{
    for (const char *at = escaped(page, text); *at != '\0';) {
        size_t gap = strspn(at, " "), size = strcspn(at + gap, " ");
        page->gap = page->gap || gap != 0;
        if (size != 0)
            put(page, style, at + gap, size, false);
        at += gap + size;
    }
}

void goleak_page_print(struct goleak_page *page, enum goleak_style style, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    goleak_page_words(page, style, text);
}

void goleak_page_name(struct goleak_page *page, enum goleak_style style, const char *text)
{
    const char *at = escaped(page, text);
    size_t file = goleak_symbols_file(at);
    put(page, style, at, at[file] != '\0' ? file - 1 : file, false);
    if (at[file] != '\0')
        put(page, style, at + file, strlen(at + file), true);
}
