/*
 * text_tree - who spawned whom, by place, as an indented tree.
 *
 *      created  ended  alive  place
 *            1      0      1  main.main
 *           40     38      2    main.serve
 *           40     40      0      main.serve.func1
 *
 * The edges (parent site, site) make a graph, not a tree: recursion closes
 * circles, and two places may spawn the same third. So each place is opened
 * where it is first met, and only named elsewhere. The walk keeps its own
 * stack, no deeper than there are places.
 */
#include "report/text_parts.h"

#include "analysis/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_PER_TOP 3 /* rows in all: so many times --top */
#define DEEPEST 12     /* deeper ones are not indented any further */

struct level {
    size_t next, end; /* edges that are still to be shown */
    size_t shown;
};

struct walk {
    struct goleak_text_report *report;
    struct goleak_edge *edges; /* by parent, most created first */
    size_t edge_count;
    bool *opened;  /* by site */
    bool *spawned; /* by site: it is the child of some edge */
    size_t site_count;
    struct level *levels;
    size_t depth;
    struct goleak_table table;
    struct goleak_idmap places; /* of all sites that it may show */
    size_t rows, shown; /* shown: edges */
    bool nested;
};

/* ---- the edges in order ---- */

static int by_parent(const void *a, const void *b)
{
    const struct goleak_edge *x = a, *y = b;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    if (x->created != y->created)
        return x->created > y->created ? -1 : 1;
    return x->site < y->site ? -1 : x->site > y->site;
}

/* The first edge of a parent, or of the next one. */
static size_t first_of(const struct walk *walk, uint64_t parent)
{
    size_t low = 0, high = walk->edge_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (walk->edges[middle].parent < parent)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_children(const struct walk *walk, uint32_t site)
{
    size_t first = first_of(walk, site);
    return first < walk->edge_count && walk->edges[first].parent == site;
}

static bool make_walk(struct walk *walk, const struct goleak_tree *tree)
{
    struct goleak_alloc *alloc = walk->report->alloc;
    walk->site_count = goleak_sites_count(tree->model.sites);
    walk->edges = goleak_alloc_array(alloc, tree->index.count, sizeof *walk->edges);
    walk->opened = goleak_alloc_array(alloc, walk->site_count, sizeof *walk->opened);
    walk->spawned = goleak_alloc_array(alloc, walk->site_count, sizeof *walk->spawned);
    walk->levels = goleak_alloc_array(alloc, walk->site_count + 1, sizeof *walk->levels);
    if (walk->edges == NULL || walk->opened == NULL || walk->spawned == NULL || walk->levels == NULL)
        return false;
    memset(walk->opened, 0, walk->site_count * sizeof *walk->opened);
    memset(walk->spawned, 0, walk->site_count * sizeof *walk->spawned);
    for (size_t i = 1; i <= tree->index.count; i++) {
        if (tree->edges[i].created == 0) /* all taken back */
            continue;
        walk->edges[walk->edge_count++] = tree->edges[i];
        walk->spawned[tree->edges[i].site] = true;
        goleak_text_note_place(walk->report, &walk->places, tree->edges[i].site);
        goleak_text_note_place(walk->report, &walk->places, tree->edges[i].parent);
    }
    if (walk->edge_count != 0)
        qsort(walk->edges, walk->edge_count, sizeof *walk->edges, by_parent);
    return true;
}

static void release_walk(struct walk *walk, const struct goleak_tree *tree)
{
    struct goleak_alloc *alloc = walk->report->alloc;
    goleak_free(alloc, walk->edges, tree->index.count * sizeof *walk->edges);
    goleak_free(alloc, walk->opened, walk->site_count * sizeof *walk->opened);
    goleak_free(alloc, walk->spawned, walk->site_count * sizeof *walk->spawned);
    goleak_free(alloc, walk->levels, (walk->site_count + 1) * sizeof *walk->levels);
}

/* ---- rows ---- */

static void add_row(struct walk *walk, const struct goleak_edge *sum, const char *name)
{
    size_t depth = walk->depth < DEEPEST ? walk->depth : DEEPEST;
    goleak_table_cell(&walk->table, sum != NULL ? goleak_words_count(sum->created).text : NULL);
    goleak_table_cell(&walk->table, sum != NULL ? goleak_words_count(sum->ended).text : NULL);
    goleak_table_cell(&walk->table, sum != NULL ? goleak_words_count(sum->created - sum->ended).text : NULL);
    goleak_table_cell_indented(&walk->table, (unsigned)depth * 2, name);
    walk->rows++;
    walk->nested = walk->nested || walk->depth != 0;
}

static void add_site(struct walk *walk, const struct goleak_edge *edge, uint32_t site, const char *note)
{
    struct goleak_buf text;
    goleak_buf_init(&text, walk->report->alloc);
    goleak_buf_text(&text, goleak_text_site_among(walk->report, &walk->places, site));
    goleak_buf_text(&text, note);
    goleak_buf_char(&text, '\0');
    if (text.failed)
        goleak_page_fail(walk->report->page);
    else
        add_row(walk, edge, text.data);
    goleak_buf_release(&text);
}

/* What a level has more than --top. */
static void add_rest(struct walk *walk, struct level *level)
{
    struct goleak_edge rest = { 0 };
    struct goleak_word name;
    snprintf(name.text, sizeof name.text, "%.40s", goleak_words_counted(level->end - level->next, "other place").text);
    for (; level->next < level->end; level->next++, walk->shown++) {
        rest.created += walk->edges[level->next].created;
        rest.ended += walk->edges[level->next].ended;
    }
    add_row(walk, &rest, name.text);
}

/* ---- the walk ---- */

static bool is_full(const struct walk *walk)
{
    return walk->rows >= (size_t)walk->report->top * ROWS_PER_TOP;
}

static void open_site(struct walk *walk, uint32_t site)
{
    struct level *level = &walk->levels[walk->depth];
    walk->opened[site] = true;
    *level = (struct level){ .next = first_of(walk, site), .end = first_of(walk, (uint64_t)site + 1) };
}

/* Everything below the level that was opened last. */
static void walk_down(struct walk *walk, size_t bottom)
{
    while (!is_full(walk)) {
        struct level *level = &walk->levels[walk->depth];
        if (level->next < level->end && level->shown >= walk->report->top && level->end - level->next > 1)
            add_rest(walk, level);
        if (level->next == level->end) {
            if (walk->depth == bottom)
                return;
            walk->depth--;
            continue;
        }
        const struct goleak_edge *edge = &walk->edges[level->next++];
        bool opens = edge->site != 0 && !walk->opened[edge->site] && has_children(walk, edge->site);
        bool again = edge->site != 0 && walk->opened[edge->site];
        level->shown++;
        walk->shown++;
        add_site(walk, edge, edge->site, again ? " (see above)" : "");
        if (!opens)
            continue;
        walk->depth++;
        open_site(walk, edge->site);
    }
}

/* A place that nothing recorded has created, or that only a circle leads to. */
static void walk_from(struct walk *walk, uint32_t site)
{
    walk->depth = 0;
    add_site(walk, NULL, site, walk->spawned[site] ? "" : " (older than the recording)");
    walk->depth = 1;
    open_site(walk, site);
    walk_down(walk, 1);
}

static void walk_all(struct walk *walk)
{
    open_site(walk, 0);
    walk_down(walk, 0);
    for (int circles = 0; circles <= 1; circles++)
        for (size_t i = 0; i < walk->edge_count && !is_full(walk); i++) {
            uint32_t parent = walk->edges[i].parent;
            if (!walk->opened[parent] && (circles != 0 || !walk->spawned[parent]))
                walk_from(walk, parent);
        }
}

void goleak_text_write_tree(struct goleak_text_report *report)
{
    static const struct goleak_table_column columns[] = {
        { "created", true }, { "ended", true }, { "alive", true }, { "place", false },
    };
    const struct goleak_tree *tree = goleak_view_analysis(report->view, &goleak_analysis_tree);
    struct walk walk = { .report = report };
    goleak_table_init(&walk.table, report->alloc, columns, 4);
    goleak_idmap_init(&walk.places, report->alloc);
    if (tree->index.count != 0 && !make_walk(&walk, tree))
        goleak_page_fail(report->page);
    else if (walk.edge_count != 0)
        walk_all(&walk);
    if (walk.table.text.failed)
        goleak_page_fail(report->page);
    /* Without a second level it would repeat SPAWN SITES. */
    if (walk.nested) {
        goleak_text_heading(report, "SPAWN TREE", "who spawned whom, by place");
        goleak_table_write(&walk.table, report->page);
        if (walk.shown < walk.edge_count) {
            goleak_page_print(report->page, GOLEAK_DIM, "and %s (--top shows more)",
                              goleak_words_counted(walk.edge_count - walk.shown, "more line").text);
            goleak_text_end(report);
        }
    }
    goleak_table_release(&walk.table);
    goleak_idmap_release(&walk.places);
    release_walk(&walk, tree);
}
