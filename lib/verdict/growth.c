/* growth - see growth.h. */
#include "verdict/growth.h"

#include "base/bits.h"
#include "verdict/statistics.h"

#include <string.h>

#define WIDTH_FIRST 4

void goleak_growth_init(struct goleak_growth *growth, struct goleak_alloc *alloc)
{
    *growth = (struct goleak_growth){ .alloc = alloc, .width = WIDTH_FIRST };
}

void goleak_growth_release(struct goleak_growth *growth)
{
    if (growth->alloc == NULL)
        return;
    goleak_free(growth->alloc, growth->sites, growth->capacity * sizeof *growth->sites);
    goleak_growth_init(growth, growth->alloc);
}

static struct goleak_growth_site *site_of(struct goleak_growth *growth, uint32_t site)
{
    if (site < growth->count)
        return &growth->sites[site];
    if (!goleak_grow(growth->alloc, &growth->sites, &growth->capacity, (size_t)site + 1, sizeof *growth->sites))
        return NULL;
    for (size_t i = growth->count; i <= site; i++)
        growth->sites[i] = (struct goleak_growth_site){ .width = WIDTH_FIRST };
    growth->count = (size_t)site + 1;
    return &growth->sites[site];
}

/* Brings a site's series up to a part, without its end. */
static void catch_up(struct goleak_growth_site *site, uint64_t width, size_t part)
{
    for (; site->width < width; site->width *= 2) {
        for (size_t i = 0; i < site->known / 2; i++)
            site->parts[i] = site->parts[2 * i + 1];
        site->known /= 2; /* the last half of a pair is not over yet */
    }
    while (site->known < part)
        site->parts[site->known++] = site->alive;
}

/* Widths are powers of two: no division for each change. */
static size_t part_now(const struct goleak_growth *growth)
{
    return (size_t)(growth->changes >> goleak_low_zeros(growth->width));
}

enum goleak_status goleak_growth_take(struct goleak_growth *growth, const struct goleak_transitions *batch)
{
    const unsigned waits = 1u << GOLEAK_T_BLOCKED | 1u << GOLEAK_T_UNBLOCKED | 1u << GOLEAK_T_REBLOCKED;
    const unsigned ticks = 1u << GOLEAK_T_ENDED | 1u << GOLEAK_T_UNBLOCKED | 1u << GOLEAK_T_REBLOCKED;
    for (size_t i = 0; i < batch->count; i++) {
        const struct goleak_transition *t = &batch->all[i];
        growth->changes += ticks >> t->kind & 1;
        if (growth->changes >= growth->width * GOLEAK_GROWTH_PARTS)
            growth->width *= 2;
        if (waits >> t->kind & 1)
            continue;
        size_t part = part_now(growth);
        struct goleak_growth_site *site = site_of(growth, t->site);
        if (site == NULL)
            return goleak_alloc_failure(growth->alloc);
        catch_up(site, growth->width, part);
        bool begins = t->kind == GOLEAK_T_CREATED || t->kind == GOLEAK_T_APPEARED || t->kind == GOLEAK_T_MOVED;
        site->alive += begins ? 1 : -1;
        if (t->kind == GOLEAK_T_CREATED)
            site->created++;
        else if (t->kind == GOLEAK_T_ENDED)
            site->ended++;
        else if (t->kind == GOLEAK_T_MOVED && !t->preexisting)
            site->created++;
        else if (t->kind == GOLEAK_T_RETRACTED && !t->preexisting)
            site->created--;
        if (t->kind == GOLEAK_T_MOVED) { /* it was counted where no site is told */
            growth->sites[0].alive--;
            growth->sites[0].created -= !t->preexisting;
        }
    }
    return GOLEAK_OK;
}

struct goleak_rise goleak_growth_of(const struct goleak_growth *growth, uint32_t index)
{
    struct goleak_rise rise = { 0 };
    if (index >= growth->count)
        return rise;
    struct goleak_growth_site site = growth->sites[index];
    uint64_t series[GOLEAK_GROWTH_PARTS];
    rise.parts = part_now(growth) + 1;
    catch_up(&site, growth->width, rise.parts);
    for (size_t i = 0; i < rise.parts; i++) {
        series[i] = site.parts[i] > 0 ? (uint64_t)site.parts[i] : 0;
        rise.rising += series[i] > (i != 0 ? series[i - 1] : 0);
    }
    rise.created = site.created;
    rise.ended = site.ended;
    rise.alive = site.alive > 0 ? (uint64_t)site.alive : 0;
    if (rise.created > 1) { /* of many sites nothing more is asked */
        rise.trend = goleak_trend(series, rise.parts);
        rise.slope = rise.trend > 0 ? goleak_slope(series, rise.parts) : 0;
    }
    return rise;
}
