/*
 * analysis - what every analysis looks like.
 *
 * It is fed transitions in batches while the replay runs, keeps what it needs
 * (never more than the living, the sites and the distinct stacks ask for), and
 * in the end writes one member of the JSON report. Text reports that show more
 * read its own header's structs.
 *
 * A new analysis is one file with a `const struct goleak_analysis` and one line
 * in analyses.c.
 */
#ifndef GOLEAK_ANALYSIS_ANALYSIS_H
#define GOLEAK_ANALYSIS_ANALYSIS_H

#include "base/json.h"
#include "model/ledger.h"
#include "model/lineage.h"
#include "model/sites.h"
#include "model/ticks.h"

/* The model behind the transitions; all borrowed. Complete only at the end. */
struct goleak_model {
    struct goleak_alloc *alloc;
    const struct goleak_symbols *symbols;
    const struct goleak_sites *sites;
    const struct goleak_lineage *lineage;
    const struct goleak_ledger *ledger; /* has what is taken */
    const struct goleak_store *store;
    const struct goleak_ticks *ticks;
    const bool *has_time;    /* moments are nanoseconds */
    const bool *tells_blocking; /* blocked and running can be told apart */
    const bool *tells_reasons, *lacks_reasons; /* of parks: some tell why, some do not */
    const bool *include_system;
};

/* Events name goroutines; else they are only counted (-F output). */
static inline bool goleak_model_tells_identity(const struct goleak_model *model)
{
    return model->store->count != 0;
}

/* Blocked and running can be told apart. */
static inline bool goleak_model_tells_blocking(const struct goleak_model *model)
{
    return goleak_model_tells_identity(model) && *model->tells_blocking;
}

/* Who waits on what others have to do can be told from who only sleeps. */
static inline bool goleak_model_tells_blocked(const struct goleak_model *model)
{
    return goleak_model_tells_blocking(model) && (*model->tells_reasons || !*model->lacks_reasons);
}

struct goleak_analysis {
    const char *name; /* the JSON member */
    void *(*create)(const struct goleak_model *model); /* NULL: memory */
    /* May be NULL: the ledger tells it all. */
    enum goleak_status (*take)(void *state, const struct goleak_transitions *batch);
    /* After the last transition; may be NULL. */
    enum goleak_status (*finish)(void *state);
    /* Can this recording feed it at all? If not its member is null. May be NULL: always. */
    bool (*tells)(const void *state);
    void (*write)(const void *state, struct goleak_json *json);
    void (*release)(void *state);
};

/* analyses.c: the one table. */
extern const struct goleak_analysis *const goleak_analyses[];
extern const size_t goleak_analysis_count;
#define GOLEAK_ANALYSIS_MAX 32

/* Members of the report that no analysis feeds yet; NULL behind the last. */
extern const char *const goleak_not_built[];

/* Writes NAME_ns (null without time) and, without time, NAME_event. */
void goleak_write_moment(struct goleak_json *json, const struct goleak_model *model, const char *ns_key,
                         const char *event_key, int64_t moment);

/* The place of a site as a text, NULL if not told. */
const char *goleak_site_created_at(const struct goleak_model *model, uint32_t site);
const char *goleak_site_start(const struct goleak_model *model, uint32_t site);

#endif
