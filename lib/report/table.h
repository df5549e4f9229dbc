/*
 * table - aligned columns on a page.
 *
 * Cells are added row by row and written at the end, when all widths are known.
 * The last column gets what is left of the line; what is too long for it loses
 * its middle.
 */
#ifndef GOLEAK_REPORT_TABLE_H
#define GOLEAK_REPORT_TABLE_H

#include "report/text_page.h"

#define GOLEAK_TABLE_COLUMNS 8

struct goleak_table_column {
    const char *title; /* ours; "" for all: no heading */
    bool right;        /* numbers */
};

struct goleak_table {
    const struct goleak_table_column *columns; /* the caller's */
    size_t column_count;
    size_t cell_count;
    struct goleak_buf text; /* the cells, each with a NUL behind it */
    unsigned widths[GOLEAK_TABLE_COLUMNS];
};

void goleak_table_init(struct goleak_table *table, struct goleak_alloc *alloc,
                       const struct goleak_table_column *columns, size_t column_count);
void goleak_table_release(struct goleak_table *table);
/* The next cell, from the left; NULL: nothing to tell, shown as "-". */
void goleak_table_cell(struct goleak_table *table, const char *text);
/* The same, moved to the right: for trees. */
void goleak_table_cell_indented(struct goleak_table *table, unsigned blanks, const char *text);
/* Writes heading and rows at the page's indent. */
void goleak_table_write(const struct goleak_table *table, struct goleak_page *page);

#endif
