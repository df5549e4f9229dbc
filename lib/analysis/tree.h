/*
 * tree - who spawned whom: edges between spawn sites, counted, and single
 * goroutines only for the living and their ancestors.
 */
#ifndef GOLEAK_ANALYSIS_TREE_H
#define GOLEAK_ANALYSIS_TREE_H

#include "analysis/analysis.h"
#include "base/idmap.h"

struct goleak_edge {
    uint32_t parent, site; /* spawn sites; parent 0: not told */
    uint64_t created, ended;
};

#define GOLEAK_TREE_LAST 256

struct goleak_tree {
    struct goleak_model model;
    struct goleak_idmap index; /* by parent and site */
    struct goleak_edge *edges; /* edges[0] is none */
    size_t capacity;
    uint32_t last[GOLEAK_TREE_LAST]; /* edges asked for, the last of their place */
};

extern const struct goleak_analysis goleak_analysis_tree;

#endif
