/* lineage - see lineage.h. */
#include "model/lineage.h"

#include <string.h>

void goleak_lineage_init(struct goleak_lineage *lineage, struct goleak_alloc *alloc)
{
    *lineage = (struct goleak_lineage){ .alloc = alloc };
    goleak_chunks_init(&lineage->chunks, alloc, GOLEAK_NODE_CHUNK * sizeof(struct goleak_node));
}

void goleak_lineage_release(struct goleak_lineage *lineage)
{
    goleak_chunks_release(&lineage->chunks);
    goleak_lineage_init(lineage, lineage->alloc);
}

static uint32_t take_node(struct goleak_lineage *lineage)
{
    if (lineage->free_list != 0) {
        uint32_t node = lineage->free_list;
        lineage->free_list = goleak_lineage_at(lineage, node)->parent;
        return node;
    }
    const bool is_first = lineage->count == 0;
    const size_t node = is_first ? 1 : lineage->count;
    if (node >= UINT32_MAX ||
        (node / GOLEAK_NODE_CHUNK >= lineage->chunks.count && !goleak_chunks_add(&lineage->chunks)))
        return 0;
    if (is_first)
        memset(goleak_lineage_at(lineage, 0), 0, sizeof(struct goleak_node));
    lineage->count = node + 1;
    return (uint32_t)node;
}

/* Upwards, in a loop, what nobody needs any more. */
void goleak_lineage_free(struct goleak_lineage *lineage, uint32_t node)
{
    do {
        struct goleak_node *at = goleak_lineage_at(lineage, node);
        const uint32_t parent = at->parent;
        at->parent = lineage->free_list;
        lineage->free_list = node;
        node = parent;
    } while (node != 0 && --goleak_lineage_at(lineage, node)->references == 0);
}

/* Keeps the chain above a new node short: amortised, once in 64 generations. */
static void trim(struct goleak_lineage *lineage, uint32_t node)
{
    if (goleak_lineage_at(lineage, node)->depth < 2 * GOLEAK_LINEAGE_KEPT)
        return;
    uint32_t last = node;
    uint16_t kept = 0;
    for (; kept < GOLEAK_LINEAGE_KEPT && goleak_lineage_at(lineage, last)->parent != 0; kept++)
        last = goleak_lineage_at(lineage, last)->parent;
    goleak_lineage_at(lineage, node)->depth = kept;
    uint32_t above = goleak_lineage_at(lineage, last)->parent;
    if (above == 0)
        return;
    goleak_lineage_at(lineage, last)->parent = 0;
    goleak_lineage_at(lineage, last)->cut = true;
    goleak_lineage_drop(lineage, above);
}

bool goleak_lineage_descends(const struct goleak_lineage *lineage, uint32_t node, uint32_t from)
{
    for (unsigned i = 0; node != 0; node = goleak_lineage_at(lineage, node)->parent, i++)
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
    *goleak_lineage_at(lineage, node) = (struct goleak_node) {
        .g = record->g,
        .goid = record->goid,
        .incarnation = record->flags & GOLEAK_REC_SEEN ? detail->incarnation : 0,
        .parent = parent,
        .references = 1,
        .site = record->site,
        .depth = parent != 0 ? (uint16_t)(goleak_lineage_at(lineage, parent)->depth + 1) : 0,
        .process = record->process,
        .alive = record->state != GOLEAK_STATE_ENDED,
    };
    if (parent != 0)
        goleak_lineage_at(lineage, parent)->references++;
    detail->node = node;
    record->flags |= GOLEAK_REC_SPAWNED;
    trim(lineage, node);
    return node;
}

void goleak_lineage_adopt(struct goleak_lineage *lineage, struct goleak_record *child, uint32_t node)
{
    child->parent = node;
    if (node != 0)
        goleak_lineage_at(lineage, node)->references++;
}
