/* totals - see totals.h. */
#include "analysis/totals.h"

static void *create(const struct goleak_model *model)
{
    struct goleak_totals *totals = goleak_alloc_zeroed(model->alloc, sizeof *totals);
    if (totals != NULL)
        totals->alloc = model->alloc;
    return totals;
}

static enum goleak_status take(void *state, const struct goleak_transitions *batch)
{
    struct goleak_totals *totals = state;
    totals->preexisting += batch->count_of[GOLEAK_T_APPEARED];
    totals->created += batch->count_of[GOLEAK_T_CREATED];
    totals->ended += batch->count_of[GOLEAK_T_ENDED];
    totals->blocked += batch->count_of[GOLEAK_T_BLOCKED];
    totals->blocked -= batch->count_of[GOLEAK_T_UNBLOCKED];
    for (size_t i = 0; i < batch->count_of[GOLEAK_T_RETRACTED]; i++) {
        const struct goleak_transition *t = &batch->all[batch->of[GOLEAK_T_RETRACTED][i]];
        totals->preexisting -= t->preexisting;
        totals->created -= !t->preexisting;
        totals->blocked -= t->blocked;
    }
    return GOLEAK_OK;
}

static void release(void *state)
{
    struct goleak_totals *totals = state;
    goleak_free(totals->alloc, totals, sizeof *totals);
}

const struct goleak_analysis goleak_analysis_totals = {
    .name = NULL, /* in `summary` */
    .create = create,
    .take = take,
    .release = release,
};
