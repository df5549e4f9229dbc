/* peaks - see peaks.h. */
#include "analysis/peaks.h"

static void *create(const struct goleak_model *model)
{
    struct goleak_peaks *peaks = goleak_alloc_zeroed(model->alloc, sizeof *peaks);
    if (peaks != NULL)
        peaks->model = *model;
    return peaks;
}

#define SITES_SHOWN 10

static void write_gauge(const struct goleak_peaks *peaks, enum goleak_gauge_kind kind, const char *name,
                        struct goleak_json *json)
{
    const struct goleak_ledger *ledger = peaks->model.ledger;
    uint32_t sites[SITES_SHOWN];
    size_t count = goleak_ledger_top(ledger, kind, sites, SITES_SHOWN);
    goleak_json_open(json, name, '{');
    goleak_json_u64(json, "count", goleak_ledger_peak(ledger, kind));
    goleak_write_moment(json, &peaks->model, "time_ns", "time_event", goleak_ledger_peak_moment(ledger, kind));
    goleak_json_open(json, "sites", '[');
    for (size_t i = 0; i < count; i++) {
        goleak_json_open(json, NULL, '{');
        goleak_json_text(json, "created_at", goleak_site_created_at(&peaks->model, sites[i]));
        goleak_json_text(json, "start_function", goleak_site_start(&peaks->model, sites[i]));
        goleak_json_u64(json, "count", goleak_ledger_at_peak(ledger, kind, sites[i]));
        goleak_json_close(json, '}');
    }
    goleak_json_close(json, ']');
    goleak_json_close(json, '}');
}

static void write(const void *state, struct goleak_json *json)
{
    const struct goleak_peaks *peaks = state;
    goleak_json_open(json, "peaks", '{');
    write_gauge(peaks, GOLEAK_GAUGE_LIVE, "live", json);
    if (goleak_model_tells_blocked(&peaks->model))
        write_gauge(peaks, GOLEAK_GAUGE_BLOCKED, "blocked", json);
    else
        goleak_json_null(json, "blocked");
    goleak_json_close(json, '}');
}

/* Who is only counted has no place. */
static bool tells(const void *state)
{
    return goleak_model_tells_identity(&((const struct goleak_peaks *)state)->model);
}

static void release(void *state)
{
    struct goleak_peaks *peaks = state;
    goleak_free(peaks->model.alloc, peaks, sizeof *peaks);
}

const struct goleak_analysis goleak_analysis_peaks = {
    .name = "peaks", .create = create, .tells = tells, .write = write, .release = release
};
