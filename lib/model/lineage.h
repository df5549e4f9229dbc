/*
 * lineage - who spawned whom, kept only as long as somebody living descends.
 *
 * A goroutine gets a node when it first spawns. A node holds a reference to its
 * parent's node; it goes when its goroutine has ended and no child needs it. A
 * chain of goroutines that each spawn the next and end would grow for ever: it
 * is cut above its 64th ancestor, and the node says so.
 */
#ifndef GOLEAK_MODEL_LINEAGE_H
#define GOLEAK_MODEL_LINEAGE_H

#include "model/goroutine.h"

#define GOLEAK_LINEAGE_KEPT 64

struct goleak_node {
    _Alignas(8) uint64_t g; /* where 64 bits want 4 bytes alone, too: 32-bit x86 */
    uint64_t goid;
    uint32_t incarnation; /* 0: only named */
    uint32_t parent;      /* node; 0: none told */
    uint32_t references;
    uint32_t site;
    uint16_t depth;       /* ancestors above, at most; a bound, not exact */
    uint16_t process;
    bool alive, cut;
    bool late;            /* its site became known when it had started others … */
    uint32_t last_before; /* … up to this one (the low half of a serial), which were told without it */
    int64_t last;         /* moment at which it started another one last; since it has ended, of that */
    uint32_t ended, ended_at; /* the record of its child that ended last, 0: none has; low half of that moment */
};

_Static_assert(sizeof(struct goleak_node) == GOLEAK_LINE, "a node is one line of the cache");

#define GOLEAK_NODE_CHUNK 4096

struct goleak_lineage {
    struct goleak_alloc *alloc;
    struct goleak_chunks chunks; /* of nodes; the first is "none" */
    size_t count;
    uint32_t free_list; /* linked through parent; 0: none */
};

static inline struct goleak_node *goleak_lineage_at(const struct goleak_lineage *lineage, uint32_t node)
{
    struct goleak_node *chunk = lineage->chunks.all[node / GOLEAK_NODE_CHUNK];
    return &chunk[node % GOLEAK_NODE_CHUNK];
}

/* Is this the number of a node, and has the node not been given back? */
static inline bool goleak_lineage_has(const struct goleak_lineage *lineage, uint32_t node)
{
    return node != 0 && node < lineage->count && goleak_lineage_at(lineage, node)->references != 0;
}

void goleak_lineage_init(struct goleak_lineage *lineage, struct goleak_alloc *alloc);
void goleak_lineage_release(struct goleak_lineage *lineage);

/* Makes the node of a goroutine that has none; 0 when memory ends. */
uint32_t goleak_lineage_new(struct goleak_lineage *lineage, struct goleak_record *record, struct goleak_detail *detail);

/* The node of a goroutine, made if need be; 0 when memory ends. */
static inline uint32_t goleak_lineage_of(struct goleak_lineage *lineage, struct goleak_record *record,
                                         struct goleak_detail *detail)
{
    return record->flags & GOLEAK_REC_SPAWNED ? detail->node : goleak_lineage_new(lineage, record, detail);
}
/* child->parent = node, counted. */
void goleak_lineage_adopt(struct goleak_lineage *lineage, struct goleak_record *child, uint32_t node);

/* Is the node the other one, or below it, as far as it is looked for? Whoever links nodes asks: recordings may claim
 * that each of two has started the other. */
bool goleak_lineage_descends(const struct goleak_lineage *lineage, uint32_t node, uint32_t from);

/* To a node there are no references any more. */
void goleak_lineage_free(struct goleak_lineage *lineage, uint32_t node);

/* Gives back one reference to a node; 0: none. */
static inline void goleak_lineage_drop(struct goleak_lineage *lineage, uint32_t node)
{
    if (node != 0 && --goleak_lineage_at(lineage, node)->references == 0)
        goleak_lineage_free(lineage, node);
}

/* The goroutine has ended: gives back its node and its reference to its parent. */
static inline void goleak_lineage_end(struct goleak_lineage *lineage, struct goleak_record *record,
                                      struct goleak_detail *detail)
{
    if (record->flags & GOLEAK_REC_SPAWNED) {
        goleak_lineage_at(lineage, detail->node)->alive = false;
        goleak_lineage_drop(lineage, detail->node);
        detail->node = 0;
        record->flags &= (uint16_t)~GOLEAK_REC_SPAWNED;
    }
    goleak_lineage_drop(lineage, record->parent);
    record->parent = 0;
}

#endif
