/* growth - see growth.h. */
#include "verdict/growth.h"

#include "verdict/statistics.h"

struct series {
    int64_t alive[GOLEAK_LEDGER_PARTS];
};

/* By start function. */
struct elders {
    struct goleak_alloc *alloc;
    struct goleak_idmap index;
    struct series *all;
    size_t count, capacity;
};

static bool add_elders(struct elders *elders, const struct goleak_ledger *ledger, uint32_t site, uint32_t start)
{
    struct series series;
    uint32_t id = goleak_idmap_get(&elders->index, start);
    if (id == 0) {
        id = (uint32_t)elders->count + 1;
        if (!goleak_grow(elders->alloc, &elders->all, &elders->capacity, id, sizeof *elders->all) ||
            !goleak_idmap_put(&elders->index, start, id))
            return false;
        elders->all[elders->count++] = (struct series) { { 0 } };
    }
    size_t parts = goleak_ledger_series(ledger, site, series.alive);
    for (size_t i = 0; i < parts; i++)
        elders->all[id - 1].alive[i] += series.alive[i];
    return true;
}

static bool find_elders(struct elders *elders, const struct goleak_ledger *ledger, const struct goleak_sites *sites)
{
    bool good = true;
    for (uint32_t site = 1; site < ledger->count && good; site++) {
        const struct goleak_site *at = goleak_sites_at(sites, site);
        if (at->created_at == 0 && at->start != 0 && goleak_ledger_told(ledger, site, GOLEAK_T_APPEARED) != 0)
            good = add_elders(elders, ledger, site, at->start);
    }
    return good;
}

/* elders: NULL: there are none. */
static struct goleak_rise growth_of(const struct goleak_ledger *ledger, uint32_t site, const struct series *elders)
{
    struct goleak_rise rise = { 0 };
    struct series own;
    uint64_t series[GOLEAK_LEDGER_PARTS], before = goleak_ledger_told(ledger, site, GOLEAK_T_APPEARED);
    before += elders != NULL ? (uint64_t)elders->alive[0] : 0;
    rise.parts = goleak_ledger_series(ledger, site, own.alive);
    for (size_t i = 0; i < rise.parts; i++) {
        rise.alive = own.alive[i] > 0 ? (uint64_t)own.alive[i] : 0;
        series[i] = rise.alive + (elders != NULL ? (uint64_t)elders->alive[i] : 0);
        rise.rising += series[i] > before;
        before = series[i];
    }
    rise.created = goleak_ledger_told(ledger, site, GOLEAK_T_CREATED);
    rise.ended = goleak_ledger_ended(ledger, site);
    if (rise.created > 1) { /* of many sites nothing more is asked */
        rise.trend = goleak_trend(series, rise.parts);
        rise.slope = rise.trend > 0 ? goleak_slope(series, rise.parts) : 0;
    }
    return rise;
}

struct goleak_rise *goleak_growth_find(const struct goleak_ledger *ledger, const struct goleak_sites *sites,
                                       struct goleak_alloc *alloc)
{
    struct elders elders = { .alloc = alloc };
    struct goleak_rise *rises = goleak_alloc_zeroed(alloc, (ledger->count + 1) * sizeof *rises);
    goleak_idmap_init(&elders.index, alloc);
    bool good = rises != NULL && find_elders(&elders, ledger, sites);
    for (uint32_t site = 0; site < ledger->count && good; site++) {
        const struct goleak_site *at = goleak_sites_at(sites, site);
        uint32_t id = at->created_at != 0 && at->start != 0 ? goleak_idmap_get(&elders.index, at->start) : 0;
        rises[site] = growth_of(ledger, site, id != 0 ? &elders.all[id - 1] : NULL);
    }
    goleak_idmap_release(&elders.index);
    goleak_free(alloc, elders.all, elders.capacity * sizeof *elders.all);
    if (!good && rises != NULL) {
        goleak_growth_free(ledger, rises, alloc);
        return NULL;
    }
    return rises;
}

void goleak_growth_free(const struct goleak_ledger *ledger, struct goleak_rise *rises, struct goleak_alloc *alloc)
{
    if (rises != NULL)
        goleak_free(alloc, rises, (ledger->count + 1) * sizeof *rises);
}
