/* table - see table.h. */
#include "report/table.h"

#include <assert.h>
#include <string.h>

#define GAP 2          /* blanks between columns */
#define LAST_LEAST 20u /* what the last column gets, however narrow the page */

void goleak_table_init(struct goleak_table *table, struct goleak_alloc *alloc,
                       const struct goleak_table_column *columns, size_t column_count)
{
    assert(column_count != 0 && column_count <= GOLEAK_TABLE_COLUMNS);
    *table = (struct goleak_table){ .columns = columns, .column_count = column_count };
    goleak_buf_init(&table->text, alloc);
    for (size_t i = 0; i < column_count; i++)
        table->widths[i] = goleak_text_columns(columns[i].title, strlen(columns[i].title));
}

void goleak_table_release(struct goleak_table *table)
{
    goleak_buf_release(&table->text);
}

void goleak_table_cell_indented(struct goleak_table *table, unsigned blanks, const char *text)
{
    size_t from = table->text.size;
    for (unsigned i = 0; i < blanks; i++)
        goleak_buf_char(&table->text, ' ');
    goleak_text_escape(&table->text, text != NULL ? text : "-");
    goleak_buf_char(&table->text, '\0');
    if (table->text.failed)
        return;
    unsigned columns = goleak_text_columns(table->text.data + from, table->text.size - from - 1);
    unsigned *width = &table->widths[table->cell_count++ % table->column_count];
    if (columns > *width)
        *width = columns;
}

void goleak_table_cell(struct goleak_table *table, const char *text)
{
    goleak_table_cell_indented(table, 0, text);
}

/* Where a column begins, the page's indent included. */
static unsigned start_of(const struct goleak_table *table, const struct goleak_page *page, size_t column)
{
    unsigned start = page->indent;
    for (size_t i = 0; i < column; i++)
        start += table->widths[i] + GAP;
    return start;
}

static unsigned room_of(const struct goleak_table *table, const struct goleak_page *page, size_t column)
{
    if (column + 1 < table->column_count)
        return table->widths[column];
    unsigned used = start_of(table, page, column);
    return used + LAST_LEAST < page->width ? page->width - used : LAST_LEAST;
}

static void write_cell(const struct goleak_table *table, struct goleak_page *page, enum goleak_style style,
                       size_t column, const char *text)
{
    unsigned start = start_of(table, page, column), room = room_of(table, page, column);
    unsigned own = goleak_text_columns(text, strlen(text));
    page->scratch.size = 0;
    goleak_text_fit(&page->scratch, text, room);
    goleak_buf_char(&page->scratch, '\0');
    if (own != 0 && !page->scratch.failed) { /* an empty one leaves no blanks behind */
        goleak_page_pad(page, table->columns[column].right && own < room ? start + room - own : start);
        goleak_page_raw(page, style, page->scratch.data);
    }
    if (column + 1 == table->column_count)
        goleak_page_newline(page);
}

void goleak_table_write(const struct goleak_table *table, struct goleak_page *page)
{
    if (table->text.failed) {
        goleak_page_fail(page);
        return;
    }
    bool headed = false;
    assert(table->column_count != 0);
    for (size_t i = 0; i < table->column_count; i++)
        headed = headed || table->columns[i].title[0] != '\0';
    for (size_t i = 0; headed && i < table->column_count; i++)
        write_cell(table, page, GOLEAK_DIM, i, table->columns[i].title);
    const char *text = table->text.data;
    for (size_t i = 0; i < table->cell_count; i++, text += strlen(text) + 1)
        write_cell(table, page, GOLEAK_PLAIN, i % table->column_count, text);
}
