/* peaks - see peaks.h. */
#include "analysis/peaks.h"

#include <string.h>

#define PLACE(number) ((number) & (GOLEAK_PEAKS_QUEUE - 1))

static void *create(const struct goleak_model *model)
{
    struct goleak_peaks *peaks = goleak_alloc_zeroed(model->alloc, sizeof *peaks);
    if (peaks != NULL) {
        peaks->model = *model;
        peaks->live.peak_moment = peaks->blocked.peak_moment = GOLEAK_NO_MOMENT;
    }
    return peaks;
}

/* ---- gauges ---- */

static bool gauge_add(struct goleak_gauge *gauge, struct goleak_alloc *alloc, uint32_t site, int change,
                      int64_t moment)
{
    if (site >= gauge->count) {
        if (!goleak_grow(alloc, &gauge->sites, &gauge->capacity, (size_t)site + 1, sizeof *gauge->sites))
            return false;
        memset(gauge->sites + gauge->count, 0, (site + 1 - gauge->count) * sizeof *gauge->sites);
        gauge->count = (size_t)site + 1;
    }
    struct goleak_gauge_site *at = &gauge->sites[site];
    if (at->epoch != gauge->epoch) {
        at->at_peak = at->now;
        at->epoch = gauge->epoch;
    }
    at->now += (uint64_t)(int64_t)change;
    gauge->now += (uint64_t)(int64_t)change;
    if (change > 0 && gauge->now > gauge->peak) {
        gauge->peak = gauge->now;
        gauge->peak_moment = moment;
        gauge->epoch++;
        at->at_peak = at->now;
        at->epoch = gauge->epoch;
    }
    return true;
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

/* ---- the queue ---- */

static bool commit(struct goleak_peaks *peaks, const struct goleak_peak_change *change)
{
    struct goleak_alloc *alloc = peaks->model.alloc;
    if (change->live != 0 && !gauge_add(&peaks->live, alloc, change->site, change->live, change->moment))
        return false;
    return change->blocked == 0 ||
           gauge_add(&peaks->blocked, alloc, change->site, change->blocked, change->moment);
}

/* Commits from the front up to the first creation that is still open. */
static bool advance(struct goleak_peaks *peaks, bool force_one)
{
    while (peaks->head != peaks->tail) {
        const struct goleak_peak_change *change = &peaks->queue[PLACE(peaks->head)];
        if (change->serial != 0 && !force_one)
            return true;
        force_one = false;
        if (!commit(peaks, change))
            return false;
        peaks->head++;
    }
    return true;
}

static bool push(struct goleak_peaks *peaks, const struct goleak_transition *t, uint64_t serial, int live, int blocked)
{
    struct goleak_peak_change change = { t->moment, serial, t->site, (int8_t)live, (int8_t)blocked };
    if (peaks->head == peaks->tail && serial == 0)
        return commit(peaks, &change);
    /* A full queue: the oldest creation has waited long enough to be a user's. */
    if (peaks->tail - peaks->head == GOLEAK_PEAKS_QUEUE && !advance(peaks, true))
        return false;
    if (serial != 0) {
        peaks->open[PLACE(serial)].serial = serial;
        peaks->open[PLACE(serial)].place = peaks->tail;
    }
    peaks->queue[PLACE(peaks->tail++)] = change;
    return true;
}

/* The open creation of a goroutine, NULL if it is committed. */
static struct goleak_peak_change *find_open(struct goleak_peaks *peaks, uint64_t serial)
{
    uint64_t place = peaks->open[PLACE(serial)].place;
    if (serial == 0 || peaks->open[PLACE(serial)].serial != serial || place < peaks->head)
        return NULL;
    struct goleak_peak_change *change = &peaks->queue[PLACE(place)];
    return change->serial == serial ? change : NULL;
}

static bool settle(struct goleak_peaks *peaks, const struct goleak_transition *t, bool retract)
{
    struct goleak_peak_change *change = find_open(peaks, t->serial);
    if (change == NULL)
        return !retract || push(peaks, t, 0, -1, t->blocked ? -1 : 0);
    change->serial = 0;
    if (retract)
        change->live = 0;
    return advance(peaks, false);
}

static bool take_one(struct goleak_peaks *peaks, const struct goleak_transition *t)
{
    switch (t->kind) {
    case GOLEAK_T_APPEARED:
    case GOLEAK_T_CREATED:
        return push(peaks, t, t->serial, 1, 0);
    case GOLEAK_T_ENDED:
        return settle(peaks, t, false) && push(peaks, t, 0, -1, 0);
    case GOLEAK_T_BLOCKED:
        return push(peaks, t, 0, 0, 1);
    case GOLEAK_T_UNBLOCKED:
        return push(peaks, t, 0, 0, -1);
    case GOLEAK_T_SETTLED:
        return settle(peaks, t, false);
    case GOLEAK_T_RETRACTED:
        return settle(peaks, t, true);
    default:
        return true;
    }
}

static enum goleak_status take(void *state, const struct goleak_transition *transitions, size_t count)
{
    struct goleak_peaks *peaks = state;
    for (size_t i = 0; i < count; i++)
        if (!take_one(peaks, &transitions[i]))
            return goleak_alloc_failure(peaks->model.alloc);
    return GOLEAK_OK;
}

static enum goleak_status finish(void *state)
{
    struct goleak_peaks *peaks = state;
    while (peaks->head != peaks->tail)
        if (!advance(peaks, true))
            return goleak_alloc_failure(peaks->model.alloc);
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
    goleak_write_moment(json, &peaks->model, "time_ns", "time_event", gauge->peak_moment);
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
    .name = "peaks", .create = create, .take = take, .finish = finish, .write = write, .release = release
};
