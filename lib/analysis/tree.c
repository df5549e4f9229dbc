/* tree - see tree.h. Who the goroutines are is in the lineage; here edges are
 * counted, and both are written. */
#include "analysis/tree.h"

#include <string.h>

static void *create(const struct goleak_model *model)
{
    struct goleak_tree *tree = goleak_alloc_zeroed(model->alloc, sizeof *tree);
    if (tree == NULL)
        return NULL;
    tree->model = *model;
    goleak_idmap_init(&tree->index, model->alloc);
    if (goleak_grow(model->alloc, &tree->edges, &tree->capacity, 1, sizeof *tree->edges)) {
        tree->edges[0] = (struct goleak_edge) { .parent = UINT32_MAX, .site = UINT32_MAX }; /* is none */
        return tree;
    }
    goleak_free(model->alloc, tree, sizeof *tree);
    return NULL;
}

static uint64_t id_of(uint32_t parent, uint32_t site)
{
    return (uint64_t)parent << 32 | site;
}

/* NULL: memory. */
NOINLINE static struct goleak_edge *find_edge(struct goleak_tree *tree, uint32_t parent, uint32_t site, uint32_t *last)
{
    const uint64_t id = id_of(parent, site);
    const size_t fresh = tree->index.count + 1;
    uint32_t edge = goleak_idmap_get(&tree->index, id);
    if (edge == 0) {
        edge = (uint32_t)fresh;
        if (fresh > UINT32_MAX ||
            !goleak_grow(tree->model.alloc, &tree->edges, &tree->capacity, fresh + 1, sizeof *tree->edges) ||
            !goleak_idmap_put(&tree->index, id, edge))
            return NULL;
        tree->edges[edge] = (struct goleak_edge) { .parent = parent, .site = site };
    }
    *last = edge;
    return &tree->edges[edge];
}

static inline struct goleak_edge *edge_of(struct goleak_tree *tree, uint32_t parent, uint32_t site)
{
    uint32_t *last = &tree->last[(parent * 31 + site) % GOLEAK_TREE_LAST];
    struct goleak_edge *edge = &tree->edges[*last];
    return LIKELY(edge->parent == parent && edge->site == site) ? edge : find_edge(tree, parent, site, last);
}

static bool take_rare(struct goleak_tree *tree, const struct goleak_transition *t)
{
    if (t->preexisting)
        return true;
    struct goleak_edge *edge = edge_of(tree, t->parent_site, t->site);
    if (edge == NULL)
        return false;
    edge->created += t->kind == GOLEAK_T_MOVED;
    edge->created -= t->kind == GOLEAK_T_RETRACTED;
    edge = t->kind == GOLEAK_T_MOVED ? edge_of(tree, t->parent_site, 0) : NULL;
    if (edge != NULL)
        edge->created--;
    return true;
}

/* Nothing tells where anybody was started: all are of one edge. */
static bool take_of_nowhere(struct goleak_tree *tree, const struct goleak_transitions *batch)
{
    size_t ended = 0;
    for (size_t i = 0; i < batch->end_count; i++)
        ended += !batch->all[batch->ends[i]].preexisting;
    if (batch->creation_count + ended == 0)
        return true;
    struct goleak_edge *edge = edge_of(tree, 0, 0);
    if (edge == NULL)
        return false;
    edge->created += batch->creation_count;
    edge->ended += ended;
    return true;
}

#define FEW_EDGES 512

/* Of many edges each is a miss of the cache, and so is what finds it: those of a list of transitions are fetched before
 * they are counted. */
static void fetch_edges(const struct goleak_tree *tree, const struct goleak_transitions *batch, const uint8_t *list,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct goleak_transition *t = &batch->all[list[i]];
        goleak_idmap_prefetch(&tree->index, id_of(t->parent_site, t->site));
    }
    for (size_t i = 0; i < count; i++) {
        const struct goleak_transition *t = &batch->all[list[i]];
        GOLEAK_PREFETCH(&tree->edges[goleak_idmap_get(&tree->index, id_of(t->parent_site, t->site))]);
    }
}

/* The counts are sums, so it does not matter that one kind is counted behind the other. */
static bool take_all(struct goleak_tree *tree, const struct goleak_transitions *batch)
{
    struct goleak_edge *edge;
    if (batch->site_count == 1 && batch->rare_count == 0)
        return take_of_nowhere(tree, batch);
    if (tree->index.count >= FEW_EDGES) {
        fetch_edges(tree, batch, batch->creations, batch->creation_count);
        fetch_edges(tree, batch, batch->ends, batch->end_count);
    }
    for (size_t i = 0; i < batch->creation_count; i++, edge->created++) {
        const struct goleak_transition *t = &batch->all[batch->creations[i]];
        if ((edge = edge_of(tree, t->parent_site, t->site)) == NULL)
            return false;
    }
    for (size_t i = 0; i < batch->end_count; i++, edge->ended++) {
        const struct goleak_transition *t = &batch->all[batch->ends[i]];
        if ((edge = t->preexisting ? &tree->edges[0] : edge_of(tree, t->parent_site, t->site)) == NULL)
            return false;
    }
    for (size_t i = 0; i < batch->rare_count; i++)
        if (!take_rare(tree, &batch->all[batch->rare[i]]))
            return false;
    return true;
}

static enum goleak_status take(void *state, const struct goleak_transitions *batch)
{
    struct goleak_tree *tree = state;
    return take_all(tree, batch) ? GOLEAK_OK : goleak_alloc_failure(tree->model.alloc);
}

/* More living goroutines than this are not listed one by one. */
#define LIVING_SHOWN 1000

static void write_node(const struct goleak_tree *tree, struct goleak_json *json, const struct goleak_node *node)
{
    goleak_json_open(json, NULL, '{');
    goleak_json_i64(json, "goid", node->goid != 0 ? (int64_t)node->goid : GOLEAK_NONE);
    goleak_json_hex(json, "g", goleak_g_told(node->g));
    goleak_json_u64(json, "incarnation", goleak_incarnation_told(node->g, node->incarnation));
    goleak_json_bool(json, "alive", node->alive);
    goleak_json_text(json, "start_function", goleak_site_start(&tree->model, node->site));
    goleak_json_text(json, "created_at", goleak_site_created_at(&tree->model, node->site));
    goleak_json_close(json, '}');
}

static void write_living(const struct goleak_tree *tree, struct goleak_json *json)
{
    const struct goleak_model *model = &tree->model;
    size_t shown = 0;
    bool more = false;
    goleak_json_open(json, "living", '[');
    for (uint32_t i = 1; i <= model->store->count && !more; i++) {
        const struct goleak_record *record = goleak_store_at(model->store, i);
        bool hidden = (record->flags & GOLEAK_REC_SYSTEM) && !*model->include_system;
        if ((record->flags & GOLEAK_REC_SEEN) == 0 || record->state == GOLEAK_STATE_ENDED || hidden)
            continue;
        more = shown++ == LIVING_SHOWN;
        if (more)
            break;
        goleak_json_open(json, NULL, '{');
        goleak_json_i64(json, "goid", record->goid != 0 ? (int64_t)record->goid : GOLEAK_NONE);
        goleak_json_hex(json, "g", goleak_g_told(record->g));
        uint32_t incarnation = goleak_store_detail(model->store, record)->incarnation;
        goleak_json_u64(json, "incarnation", goleak_incarnation_told(record->g, incarnation));
        goleak_json_open(json, "ancestors", '[');
        bool cut = false;
        uint32_t node = record->parent;
        for (unsigned kept = 0; node != 0 && kept < GOLEAK_LINEAGE_KEPT; kept++) {
            const struct goleak_node *at = goleak_lineage_at(model->lineage, node);
            write_node(tree, json, at);
            cut = at->cut;
            node = at->parent;
        }
        goleak_json_close(json, ']');
        goleak_json_bool(json, "cut", cut || node != 0);
        goleak_json_close(json, '}');
    }
    goleak_json_close(json, ']');
    goleak_json_bool(json, "living_cut", more);
}

/* Somebody was named as a spawner. */
static bool tells(const void *state)
{
    return ((const struct goleak_tree *)state)->model.lineage->count > 1;
}

static void write(const void *state, struct goleak_json *json)
{
    const struct goleak_tree *tree = state;
    goleak_json_open(json, "parent_tree", '{');
    goleak_json_open(json, "edges", '[');
    for (size_t i = 1; i <= tree->index.count; i++) {
        const struct goleak_edge *edge = &tree->edges[i];
        if (edge->created == 0)
            continue;
        goleak_json_open(json, NULL, '{');
        goleak_json_text(json, "parent_start_function", goleak_site_start(&tree->model, edge->parent));
        goleak_json_text(json, "parent_created_at", goleak_site_created_at(&tree->model, edge->parent));
        goleak_json_text(json, "start_function", goleak_site_start(&tree->model, edge->site));
        goleak_json_text(json, "created_at", goleak_site_created_at(&tree->model, edge->site));
        goleak_json_u64(json, "created", edge->created);
        goleak_json_u64(json, "ended", edge->ended);
        goleak_json_u64(json, "alive", edge->created - edge->ended);
        goleak_json_close(json, '}');
    }
    goleak_json_close(json, ']');
    write_living(tree, json);
    goleak_json_close(json, '}');
}

static void release(void *state)
{
    struct goleak_tree *tree = state;
    struct goleak_alloc *alloc = tree->model.alloc;
    goleak_idmap_release(&tree->index);
    goleak_free(alloc, tree->edges, tree->capacity * sizeof *tree->edges);
    goleak_free(alloc, tree, sizeof *tree);
}

const struct goleak_analysis goleak_analysis_tree = {
    .name = "parent_tree", .create = create, .take = take, .tells = tells, .write = write, .release = release
};
