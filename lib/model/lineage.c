/* lineage - see lineage.h. */
#include "model/lineage.h"

#include <string.h>

void goleak_lineage_init(struct goleak_lineage *lineage, struct goleak_alloc *alloc)
{
    *lineage = (struct goleak_lineage){ .alloc = alloc };
}

void goleak_lineage_release(struct goleak_lineage *lineage)
{
    goleak_free(lineage->alloc, lineage->nodes, lineage->capacity * sizeof *lineage->nodes);
    goleak_lineage_init(lineage, lineage->alloc);
}

static uint32_t take_node(struct goleak_lineage *lineage)
{
    if (lineage->free_list != 0) {
        uint32_t node = lineage->free_list;
        lineage->free_list = lineage->nodes[node].parent;
        return node;
    }
    if (lineage->count == 0)
        lineage->count = 1;
    if (lineage->count >= UINT32_MAX ||
        !goleak_grow_table(lineage->alloc, &lineage->nodes, &lineage->capacity, lineage->count + 1,
                           sizeof *lineage->nodes))
        return 0;
    if (lineage->count == 1)
        memset(lineage->nodes, 0, sizeof *lineage->nodes);
    return (uint32_t)lineage->count++;
}

/* Frees upwards, in a loop, what nobody needs any more. */
void goleak_lineage_drop(struct goleak_lineage *lineage, uint32_t node)
{
    while (node != 0 && --lineage->nodes[node].references == 0) {
        uint32_t parent = lineage->nodes[node].parent;
        lineage->nodes[node].parent = lineage->free_list;
        lineage->free_list = node;
        node = parent;
    }
}

/* Keeps the chain above a new node short: amortised, once in 64 generations. */
static void trim(struct goleak_lineage *lineage, uint32_t node)
{
    if (lineage->nodes[node].depth < 2 * GOLEAK_LINEAGE_KEPT)
        return;
    uint32_t last = node;
    uint16_t kept = 0;
    for (; kept < GOLEAK_LINEAGE_KEPT && lineage->nodes[last].parent != 0; kept++)
        last = lineage->nodes[last].parent;
    lineage->nodes[node].depth = kept;
    uint32_t above = lineage->nodes[last].parent;
    if (above == 0)
        return;
    lineage->nodes[last].parent = 0;
    lineage->nodes[last].cut = true;
    goleak_lineage_drop(lineage, above);
}

bool goleak_lineage_descends(const struct goleak_lineage *lineage, uint32_t node, uint32_t from)
{
    for (unsigned i = 0; node != 0; node = lineage->nodes[node].parent, i++)
        if (node == from || i == 4 * GOLEAK_LINEAGE_KEPT)
            return true;
    return false;
}

uint32_t goleak_lineage_new(struct goleak_lineage *lineage, struct goleak_record *record, struct goleak_detail *detail)
{
    uint32_t node = take_node(lineage);
    if (node == 0)
        return 0;
    uint32_t parent = record->parent;
    lineage->nodes[node] = (struct goleak_node){
        .g = record->g,
        .goid = record->goid,
        .incarnation = record->flags & GOLEAK_REC_SEEN ? detail->incarnation : 0,
        .parent = parent,
        .references = 1,
        .site = record->site,
        .depth = parent != 0 ? (uint16_t)(lineage->nodes[parent].depth + 1) : 0,
        .process = record->process,
        .alive = record->state != GOLEAK_STATE_ENDED,
    };
    if (parent != 0)
        lineage->nodes[parent].references++;
    detail->node = node;
    record->flags |= GOLEAK_REC_SPAWNED;
    trim(lineage, node);
    return node;
}

void goleak_lineage_adopt(struct goleak_lineage *lineage, struct goleak_record *child, uint32_t node)
{
    child->parent = node;
    if (node != 0)
        lineage->nodes[node].references++;
}

void goleak_lineage_end(struct goleak_lineage *lineage, struct goleak_record *record, struct goleak_detail *detail)
{
    if (record->flags & GOLEAK_REC_SPAWNED) {
        lineage->nodes[detail->node].alive = false;
        goleak_lineage_drop(lineage, detail->node);
        detail->node = 0;
        record->flags &= (uint16_t)~GOLEAK_REC_SPAWNED;
    }
    goleak_lineage_drop(lineage, record->parent);
    record->parent = 0;
}
