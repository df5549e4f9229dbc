/* spawns - spawn sites: how many goroutines each created, how many of them have
 * ended, how long those lived. */
#ifndef GOLEAK_ANALYSIS_SPAWNS_H
#define GOLEAK_ANALYSIS_SPAWNS_H

#include "analysis/analysis.h"

struct goleak_spawn {
    uint64_t created, ended;
    uint64_t preexisting_ended; /* ended, but older than the recording */
    uint64_t life_sum; /* of those created and ended; saturates */
    int64_t life_most;
};

/* What the ledger does not have. */
struct goleak_spawn_lives {
    uint64_t preexisting_ended, sum;
    int64_t most;
};

struct goleak_spawns {
    struct goleak_model model;
    struct goleak_spawn_lives *lives; /* by site */
    size_t count, capacity;
    uint32_t *ranked; /* after finish: sites that created any, most alive first */
    size_t ranked_count, ranked_capacity;
};

extern const struct goleak_analysis goleak_analysis_spawns;

/* Zero for a site that nothing was heard of. */
struct goleak_spawn goleak_spawns_at(const struct goleak_spawns *spawns, uint32_t site);

#endif
