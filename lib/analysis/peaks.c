/* peaks - see peaks.h. */
#include "analysis/peaks.h"

#include <string.h>

#define PLACE(level) ((level) & (GOLEAK_PEAKS_LEVELS - 1))

static void *create(const struct goleak_model *model)
{
    struct goleak_peaks *peaks = goleak_alloc_zeroed(model->alloc, sizeof *peaks);
    if (peaks != NULL) {
        peaks->model = *model;
        peaks->live.known = peaks->blocked.known = 1;
    }
    return peaks;
}

/* ---- gauges ---- */

/* The site's counts, with at_peak brought up to the last peak. */
static inline struct goleak_gauge_site *site_of(struct goleak_gauge *gauge, struct goleak_alloc *alloc, uint32_t site)
{
    if (site >= gauge->count) {
        if (!goleak_grow(alloc, &gauge->sites, &gauge->capacity, (size_t)site + 1, sizeof *gauge->sites))
            return NULL;
        memset(gauge->sites + gauge->count, 0, (site + 1 - gauge->count) * sizeof *gauge->sites);
        gauge->count = (size_t)site + 1;
    }
    struct goleak_gauge_site *at = &gauge->sites[site];
    if (at->epoch != gauge->epoch) {
        at->at_peak = at->now;
        at->epoch = gauge->epoch;
    }
    return at;
}

static void new_peak(struct goleak_gauge *gauge, struct goleak_gauge_site *at, const struct goleak_transition *t)
{
    gauge->peak = gauge->now;
    gauge->reached[PLACE(gauge->peak)] = (struct goleak_gauge_level){ t->moment, t->serial };
    if (gauge->peak - gauge->known >= GOLEAK_PEAKS_LEVELS)
        gauge->known = gauge->peak - GOLEAK_PEAKS_LEVELS + 1;
    at->epoch = ++gauge->epoch;
    at->at_peak = at->now;
}

static inline bool gauge_step(struct goleak_gauge *gauge, struct goleak_alloc *alloc, const struct goleak_transition *t,
                              int step)
{
    struct goleak_gauge_site *at = site_of(gauge, alloc, t->site);
    if (at == NULL)
        return false;
    at->now += (uint64_t)(int64_t)step;
    gauge->now += (uint64_t)(int64_t)step;
    if (gauge->now > gauge->peak && step > 0)
        new_peak(gauge, at, t);
    return true;
}

static bool gauge_lower(struct goleak_gauge *gauge, struct goleak_alloc *alloc, uint32_t site)
{
    const struct goleak_transition t = { .site = site };
    return gauge_step(gauge, alloc, &t, -1);
}

/* One that was counted when `serial` was given out should never have been: serials,
 * because several may begin at one moment. */
static bool gauge_retract(struct goleak_gauge *gauge, struct goleak_alloc *alloc, uint32_t site, uint64_t serial)
{
    if (!gauge_lower(gauge, alloc, site))
        return false;
    uint64_t level = gauge->peak + 1;
    while (level > gauge->known && gauge->reached[PLACE(level - 1)].serial >= serial)
        level--;
    if (level > gauge->peak) /* the peak was before it */
        return true;
    for (; level < gauge->peak; level++)
        gauge->reached[PLACE(level)] = gauge->reached[PLACE(level + 1)];
    gauge->peak--;
    /* It was there when the sites were counted. */
    if (gauge->sites[site].at_peak != 0)
        gauge->sites[site].at_peak--;
    return true;
}

/* One that was counted at site 0 belongs to another. */
static bool gauge_move(struct goleak_gauge *gauge, struct goleak_alloc *alloc, uint32_t site)
{
    struct goleak_gauge_site *to = site_of(gauge, alloc, site), *from = site_of(gauge, alloc, 0);
    if (to == NULL || from == NULL)
        return false;
    to = &gauge->sites[site];
    from->now--;
    to->now++;
    if (from->at_peak != 0) {
        from->at_peak--;
        to->at_peak++;
    }
    return true;
}

int64_t goleak_gauge_peak_moment(const struct goleak_gauge *gauge)
{
    return gauge->peak != 0 && gauge->peak >= gauge->known ? gauge->reached[PLACE(gauge->peak)].moment
                                                            : GOLEAK_NO_MOMENT;
}

uint64_t goleak_gauge_at_peak(const struct goleak_gauge *gauge, uint32_t site)
{
    if (site >= gauge->count)
        return 0;
    const struct goleak_gauge_site *at = &gauge->sites[site];
    return at->epoch == gauge->epoch ? at->at_peak : at->now;
}

size_t goleak_gauge_top(const struct goleak_gauge *gauge, uint32_t *sites, size_t room)
{
    size_t count = 0;
    for (uint32_t site = 0; site < gauge->count; site++) {
        uint64_t own = goleak_gauge_at_peak(gauge, site);
        if (own == 0)
            continue;
        size_t to = count;
        while (to > 0 && goleak_gauge_at_peak(gauge, sites[to - 1]) < own)
            to--;
        if (to >= room)
            continue;
        size_t moved = count < room ? count - to : room - 1 - to;
        memmove(sites + to + 1, sites + to, moved * sizeof *sites);
        sites[to] = site;
        count += count < room;
    }
    return count;
}

/* ---- transitions ---- */

static bool retract(struct goleak_peaks *peaks, const struct goleak_transition *t)
{
    struct goleak_alloc *alloc = peaks->model.alloc;
    if (t->blocked && !gauge_lower(&peaks->blocked, alloc, t->site))
        return false;
    return gauge_retract(&peaks->live, alloc, t->site, t->serial);
}

static bool take_rare(struct goleak_peaks *peaks, const struct goleak_transition *t)
{
    struct goleak_alloc *alloc = peaks->model.alloc;
    if (t->kind == GOLEAK_T_RETRACTED)
        return retract(peaks, t);
    return gauge_move(&peaks->live, alloc, t->site) && (!t->blocked || gauge_move(&peaks->blocked, alloc, t->site));
}

/* Which gauge, up or down, is looked up: the next kind cannot be foreseen. */
static enum goleak_status take(void *state, const struct goleak_transitions *batch)
{
    static const int8_t steps[GOLEAK_T_KINDS] = { 1, 1, -1, 1, -1, 0, 0, 0 };
    struct goleak_peaks *peaks = state;
    struct goleak_alloc *alloc = peaks->model.alloc;
    struct goleak_gauge *const gauges[GOLEAK_T_KINDS] = { &peaks->live, &peaks->live, &peaks->live, &peaks->blocked,
                                                          &peaks->blocked, &peaks->blocked };
    for (size_t i = 0; i < batch->count; i++) {
        const struct goleak_transition *t = &batch->all[i];
        struct goleak_gauge *gauge = gauges[t->kind];
        bool good = gauge != NULL ? gauge_step(gauge, alloc, t, steps[t->kind]) : take_rare(peaks, t);
        if (!good)
            return goleak_alloc_failure(alloc);
    }
    return GOLEAK_OK;
}

/* ---- the report ---- */

#define SITES_SHOWN 10

static void write_gauge(const struct goleak_peaks *peaks, const struct goleak_gauge *gauge, const char *name,
                        struct goleak_json *json)
{
    uint32_t sites[SITES_SHOWN];
    size_t count = goleak_gauge_top(gauge, sites, SITES_SHOWN);
    goleak_json_open(json, name, '{');
    goleak_json_u64(json, "count", gauge->peak);
    goleak_write_moment(json, &peaks->model, "time_ns", "time_event", goleak_gauge_peak_moment(gauge));
    goleak_json_open(json, "sites", '[');
    for (size_t i = 0; i < count; i++) {
        goleak_json_open(json, NULL, '{');
        goleak_json_text(json, "created_at", goleak_site_created_at(&peaks->model, sites[i]));
        goleak_json_text(json, "start_function", goleak_site_start(&peaks->model, sites[i]));
        goleak_json_u64(json, "count", goleak_gauge_at_peak(gauge, sites[i]));
        goleak_json_close(json, '}');
    }
    goleak_json_close(json, ']');
    goleak_json_close(json, '}');
}

static void write(const void *state, struct goleak_json *json)
{
    const struct goleak_peaks *peaks = state;
    goleak_json_open(json, "peaks", '{');
    write_gauge(peaks, &peaks->live, "live", json);
    if (goleak_model_tells_blocking(&peaks->model))
        write_gauge(peaks, &peaks->blocked, "blocked", json);
    else
        goleak_json_null(json, "blocked");
    goleak_json_close(json, '}');
}

static void release(void *state)
{
    struct goleak_peaks *peaks = state;
    struct goleak_alloc *alloc = peaks->model.alloc;
    goleak_free(alloc, peaks->live.sites, peaks->live.capacity * sizeof *peaks->live.sites);
    goleak_free(alloc, peaks->blocked.sites, peaks->blocked.capacity * sizeof *peaks->blocked.sites);
    goleak_free(alloc, peaks, sizeof *peaks);
}

const struct goleak_analysis goleak_analysis_peaks = {
    .name = "peaks", .create = create, .take = take, .write = write, .release = release
};
