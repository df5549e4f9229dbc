/* totals - see totals.h. */
#include "analysis/totals.h"

static void *create(const struct goleak_model *model)
{
    struct goleak_totals *totals = goleak_alloc_zeroed(model->alloc, sizeof *totals);
    if (totals != NULL)
        totals->alloc = model->alloc;
    return totals;
}

static enum goleak_status take(void *state, const struct goleak_transition *transitions, size_t count)
{
    struct goleak_totals *totals = state;
    for (const struct goleak_transition *t = transitions; t < transitions + count; t++)
        switch (t->kind) {
        case GOLEAK_T_APPEARED:
            totals->preexisting++;
            break;
        case GOLEAK_T_CREATED:
            totals->created++;
            break;
        case GOLEAK_T_ENDED:
            totals->ended++;
            break;
        case GOLEAK_T_BLOCKED:
            totals->blocked++;
            break;
        case GOLEAK_T_UNBLOCKED:
            totals->blocked--;
            break;
        case GOLEAK_T_RETRACTED:
            totals->preexisting -= t->preexisting;
            totals->created -= !t->preexisting;
            totals->blocked -= t->blocked;
            break;
        default:
            break;
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
