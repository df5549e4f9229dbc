/* ties - see ties.h. */
#include "verdict/ties.h"

#include "base/bits.h"

void goleak_ties_init(struct goleak_ties *ties, struct goleak_alloc *alloc)
{
    *ties = (struct goleak_ties) { .alloc = alloc };
    goleak_idmap_init(&ties->twins, alloc);
}

void goleak_ties_release(struct goleak_ties *ties)
{
    if (ties->alloc == NULL)
        return;
    goleak_idmap_release(&ties->twins);
    goleak_ties_init(ties, ties->alloc);
}

static uint32_t ended_of(const struct goleak_site *site)
{
    return site->tied + site->untied;
}

/* So many of those who have ended make it a rule. */
static bool is_rule(const struct goleak_limits *limits, uint32_t tied, uint32_t ended)
{
    return tied >= limits->tied_least && ended <= tied + tied / limits->tied_part;
}

static bool has_spawner_tie(const struct goleak_limits *limits, const struct goleak_site *site)
{
    return is_rule(limits, site->tied, ended_of(site));
}

static bool has_twin_tie(const struct goleak_limits *limits, const struct goleak_site *site)
{
    return is_rule(limits, site->twins, ended_of(site));
}

static bool goes_on(const struct goleak_hope *hope, const struct goleak_record *record)
{
    return !goleak_is_blocked(record) || goleak_hope_of(hope, record->index) != GOLEAK_HOPE_NONE;
}

static uint64_t twin_key(uint32_t node, uint32_t site)
{
    return (uint64_t)node << 32 | site;
}

/* False: memory. */
static bool find_twins(struct goleak_ties *ties, const uint64_t *wanted)
{
    const struct goleak_store *store = ties->known.store;
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if (record->parent != 0 && goleak_has_bit(wanted, record->site) && (record->flags & GOLEAK_REC_SEEN) != 0 &&
            record->state != GOLEAK_STATE_ENDED && !goleak_is_blocked(record) &&
            !goleak_idmap_put(&ties->twins, twin_key(record->parent, record->site), i))
            return false;
    }
    return true;
}

enum goleak_status goleak_ties_find(struct goleak_ties *ties, const struct goleak_hope_input *input,
                                    const struct goleak_hope *hope)
{
    const size_t sites = goleak_sites_count(input->sites), bytes = goleak_words_of(sites) * sizeof(uint64_t);
    uint64_t *wanted = NULL;
    bool good = true;
    ties->known = *input;
    ties->hope = hope;
    for (uint32_t i = 1; i < sites && good; i++) {
        const struct goleak_site *site = goleak_sites_at(input->sites, i);
        bool twins = has_twin_tie(input->limits, site);
        ties->any = ties->any || twins || has_spawner_tie(input->limits, site);
        if (twins && wanted == NULL)
            good = (wanted = goleak_alloc_zeroed(ties->alloc, bytes)) != NULL;
        if (twins && good)
            goleak_set_bit(wanted, site->twin);
    }
    good = good && (wanted == NULL || find_twins(ties, wanted));
    goleak_free(ties->alloc, wanted, bytes);
    return good ? GOLEAK_OK : goleak_alloc_failure(ties->alloc);
}

/* NULL: it has ended, or is not known. */
static const struct goleak_record *living_spawner(const struct goleak_ties *ties, const struct goleak_record *record)
{
    const struct goleak_node *node = goleak_lineage_at(ties->known.lineage, record->parent);
    return record->parent != 0 && node->alive ? goleak_node_record(ties->known.store, node) : NULL;
}

struct goleak_tie goleak_tie_of(const struct goleak_ties *ties, const struct goleak_record *record)
{
    if (!ties->any)
        return (struct goleak_tie) { 0 };
    const struct goleak_limits *limits = ties->known.limits;
    const struct goleak_site *site = goleak_sites_at(ties->known.sites, record->site);
    const struct goleak_record *spawner = has_spawner_tie(limits, site) ? living_spawner(ties, record) : NULL;
    if (spawner != NULL && goes_on(ties->hope, spawner))
        return (struct goleak_tie) { spawner->index, false, site->tied, ended_of(site) };
    uint64_t key = twin_key(record->parent, site->twin);
    uint32_t twin = has_twin_tie(limits, site) ? goleak_idmap_get(&ties->twins, key) : 0;
    return (struct goleak_tie) { twin, true, site->twins, ended_of(site) };
}
