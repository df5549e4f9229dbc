/* growth - see growth.h. */
#include "verdict/growth.h"

#include "verdict/statistics.h"

struct series {
    int64_t alive[GOLEAK_LEDGER_PARTS];
};

/* Functions that run in older goroutines: these, and all that any place has started in them. */
struct elders {
    struct goleak_alloc *alloc;
    struct goleak_idmap index; /* by start function */
    struct series *all;
    size_t count, capacity;
};

/* Whoever is older than the recording was there from its beginning, though it showed itself later. */
static void be_there_before(struct series *series, size_t parts)
{
    for (size_t i = parts; i-- > 1;)
        if (series->alive[i - 1] < series->alive[i])
            series->alive[i - 1] = series->alive[i];
}

static void sum_up(struct series *sum, const struct series *other, size_t parts)
{
    for (size_t i = 0; i < parts; i++)
        sum->alive[i] += other->alive[i];
}

/* False: memory. */
static bool add_elders(struct elders *elders, const struct goleak_ledger *ledger, uint32_t site, uint32_t start)
{
    struct series series = { { 0 } };
    uint32_t id = goleak_idmap_get(&elders->index, start);
    if (id == 0) {
        id = (uint32_t)elders->count + 1;
        if (!goleak_grow(elders->alloc, &elders->all, &elders->capacity, id, sizeof *elders->all) ||
            !goleak_idmap_put(&elders->index, start, id))
            return false;
        elders->all[elders->count++] = (struct series) { { 0 } };
    }
    size_t parts = goleak_ledger_series(ledger, site, series.alive);
    be_there_before(&series, parts);
    sum_up(&elders->all[id - 1], &series, parts);
    return true;
}

/* Of a site whose creations are told, those of its function; 0: there are none. */
static uint32_t elders_of(const struct elders *elders, const struct goleak_site *site)
{
    return site->created_at != 0 ? goleak_idmap_get(&elders->index, site->start) : 0;
}

static bool find_elders(struct elders *elders, const struct goleak_ledger *ledger, const struct goleak_sites *sites)
{
    bool good = true;
    for (uint32_t site = 1; site < ledger->count && good; site++) {
        const struct goleak_site *at = goleak_sites_at(sites, site);
        if (at->created_at == 0 && at->start != 0 && goleak_ledger_older(ledger, site) != 0 &&
            !goleak_name_is_lost(goleak_symbols_text(sites->symbols, at->start)))
            good = add_elders(elders, ledger, site, at->start);
    }
    for (uint32_t site = 1; site < ledger->count && good; site++) {
        struct series series = { { 0 } };
        uint32_t id = elders_of(elders, goleak_sites_at(sites, site));
        if (id != 0)
            sum_up(&elders->all[id - 1], &series, goleak_ledger_series(ledger, site, series.alive));
    }
    return good;
}

static struct goleak_rise rise_of(const struct series *own, size_t parts, bool trend)
{
    struct goleak_rise rise = { .parts = parts };
    uint64_t series[GOLEAK_LEDGER_PARTS];
    for (size_t i = 0; i < parts; i++) {
        series[i] = own->alive[i] > 0 ? (uint64_t)own->alive[i] : 0;
        rise.rising += series[i] > rise.alive;
        rise.alive = series[i];
    }
    rise.trend = trend ? goleak_trend(series, parts) : 0;
    rise.slope = rise.trend > 0 ? goleak_slope(series, parts) : 0;
    return rise;
}

/* elders: NULL: there are none. */
static struct goleak_rise growth_of(const struct goleak_ledger *ledger, uint32_t site, const struct series *elders)
{
    struct series own = { { 0 } };
    size_t parts = goleak_ledger_series(ledger, site, own.alive);
    uint64_t created = goleak_ledger_told(ledger, site, GOLEAK_T_CREATED);
    bool asked = created > 1; /* of many sites nothing more is */
    struct goleak_rise rise = rise_of(&own, parts, asked);
    if (elders != NULL && rise.trend > 0) {
        struct goleak_rise all = rise_of(elders, parts, true);
        rise.trend = all.trend < rise.trend ? all.trend : rise.trend;
    }
    rise.created = created;
    rise.ended = goleak_ledger_ended(ledger, site);
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
        uint32_t id = elders_of(&elders, goleak_sites_at(sites, site));
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
