/* analyses - the table of analyses, in the order of the report. See analysis.h. */
#include "analysis/analysis.h"

#include "analysis/lifetimes.h"
#include "analysis/peaks.h"
#include "analysis/spawns.h"
#include "analysis/tree.h"

const struct goleak_analysis *const goleak_analyses[] = {
    &goleak_analysis_lifetimes, &goleak_analysis_peaks, &goleak_analysis_spawns, &goleak_analysis_tree,
};
const size_t goleak_analysis_count = sizeof goleak_analyses / sizeof *goleak_analyses;

const char *const goleak_not_built[] = {
    "curves",       "spawn_latency", "sleeps", "block_profile", "mutex_profile", "runnable_wait",
    "stack_memory", "free_list",     "wakers", "syscalls",      "gc",            "tasks",
    "threads",      NULL,
};

void goleak_write_moment(struct goleak_json *json, const struct goleak_model *model, const char *ns_key,
                         const char *event_key, int64_t moment)
{
    if (*model->has_time) {
        goleak_json_i64(json, ns_key, moment);
        return;
    }
    goleak_json_null(json, ns_key);
    goleak_json_i64(json, event_key, moment);
}

const char *goleak_site_created_at(const struct goleak_model *model, uint32_t site)
{
    uint32_t frame = goleak_sites_at(model->sites, site)->created_at;
    return frame != 0 ? goleak_symbols_frame_text(model->symbols, frame) : NULL;
}

const char *goleak_site_start(const struct goleak_model *model, uint32_t site)
{
    uint32_t start = goleak_sites_at(model->sites, site)->start;
    return start != 0 ? goleak_symbols_text(model->symbols, start) : NULL;
}
