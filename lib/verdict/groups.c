/* groups - judging all the living, and putting like ones together. See verdict.h. */
#include "verdict/verdict.h"

#include <stdlib.h>
#include <string.h>

void goleak_groups_init(struct goleak_groups *groups, struct goleak_alloc *alloc)
{
    *groups = (struct goleak_groups){ .alloc = alloc };
    goleak_intern_init(&groups->index, alloc);
}

void goleak_groups_release(struct goleak_groups *groups)
{
    if (groups->alloc == NULL)
        return;
    goleak_intern_release(&groups->index);
    goleak_free(groups->alloc, groups->groups, groups->capacity * sizeof *groups->groups);
    goleak_free(groups->alloc, groups->places, groups->places != NULL ? groups->count * sizeof *groups->places : 0);
    *groups = (struct goleak_groups){ .alloc = groups->alloc };
}

static bool is_shown(enum goleak_verdict verdict)
{
    return verdict == GOLEAK_VERDICT_CERTAIN || verdict == GOLEAK_VERDICT_LIKELY ||
           verdict == GOLEAK_VERDICT_SUSPECT;
}

/* What those of a group have in common. */
struct key {
    uint32_t verdict, reason, site, blocked_at;
};

static struct key key_of(const struct goleak_verdict_input *input, const struct goleak_record *record,
                         enum goleak_verdict verdict)
{
    return (struct key) { (uint32_t)verdict, record->reason, goleak_sites_at(input->sites, record->site)->place,
                          goleak_symbols_blocked_at(input->symbols, goleak_waiting_stack(record)) };
}

/* NULL: memory. */
static struct goleak_group *find_group(struct goleak_groups *groups, const struct goleak_verdict_input *input,
                                       const struct goleak_record *record, enum goleak_verdict verdict)
{
    const struct key key = key_of(input, record, verdict);
    size_t before = groups->index.count;
    if (!goleak_grow(groups->alloc, &groups->groups, &groups->capacity, before + 1, sizeof *groups->groups))
        return NULL;
    uint32_t id = goleak_intern_add(&groups->index, &key, sizeof key);
    if (id > before)
        groups->groups[id - 1] = (struct goleak_group) {
            .verdict = verdict,
            .reason = (enum goleak_reason)record->reason,
            .site = key.site,
            .blocked_at = key.blocked_at,
            .id = id,
        };
    groups->count = groups->index.count;
    return id != 0 ? &groups->groups[id - 1] : NULL;
}

static int by_severity(const void *a, const void *b)
{
    const struct goleak_group *x = a, *y = b;
    if (x->verdict != y->verdict)
        return x->verdict < y->verdict ? -1 : 1;
    if (x->sum.count != y->sum.count)
        return x->sum.count > y->sum.count ? -1 : 1;
    if (x->sum.oldest_since != y->sum.oldest_since)
        return x->sum.oldest_since < y->sum.oldest_since ? -1 : 1;
    if (x->reason != y->reason)
        return x->reason < y->reason ? -1 : 1;
    /* Numbers of sites and frames are those of the reader's tables: they tell nothing. */
    return x->sum.first_serial < y->sum.first_serial ? -1 : x->sum.first_serial > y->sum.first_serial;
}

static void add_unknown(struct goleak_groups *groups, const struct goleak_verdict_input *input, uint32_t index,
                        uint64_t count)
{
    struct goleak_judgement judgement;
    size_t at = 0;
    goleak_judge(input, index, &judgement);
    if (judgement.evidence_count == 0)
        return;
    while (at < groups->unknown_count && strcmp(groups->unknown[at].rule, judgement.evidence[0].rule) != 0)
        at++;
    if (at == GOLEAK_UNKNOWN_RULES)
        return;
    if (at == groups->unknown_count)
        groups->unknown[groups->unknown_count++] =
            (struct goleak_unknown_sum) { .rule = judgement.evidence[0].rule, .example = index };
    groups->unknown[at].count += count;
}

static int by_count(const void *a, const void *b)
{
    const struct goleak_unknown_sum *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->rule, y->rule);
}

/* One is judged for all of them. */
static bool add(struct goleak_groups *groups, const struct goleak_verdict_input *input, const struct goleak_sum *sum)
{
    const struct goleak_record *record = goleak_store_at(input->store, sum->examples[0]);
    if ((record->flags & GOLEAK_REC_SYSTEM) != 0 && !input->include_system)
        return true;
    enum goleak_verdict verdict = goleak_verdict_of(input, record->index);
    groups->verdicts[verdict] += sum->count;
    if (verdict == GOLEAK_VERDICT_WAITING && goleak_is_spared(input, record->index))
        groups->too_young += sum->count;
    if (verdict == GOLEAK_VERDICT_UNKNOWN)
        add_unknown(groups, input, record->index, sum->count);
    if (!is_shown(verdict))
        return true;
    struct goleak_group *group = find_group(groups, input, record, verdict);
    if (group != NULL)
        goleak_sum_merge(&group->sum, input->store, sum);
    return group != NULL;
}

/* ---- who is in none ---- */

struct where {
    uint32_t reason, site, blocked_at;
};

static struct where where_of(const struct goleak_group *group)
{
    return (struct where) { group->reason, group->site, group->blocked_at };
}

/* So many more, if there is a group at their place. */
static void add_alike(const struct goleak_intern *places, const struct goleak_verdict_input *input,
                      struct goleak_cohort_key key, uint64_t count, int64_t *sums)
{
    const struct where where = { key.reason, goleak_sites_at(input->sites, key.site)->place,
                                 goleak_symbols_blocked_at(input->symbols, key.stack) };
    uint32_t place = goleak_intern_find(places, &where, sizeof where);
    if (place != 0)
        sums[place - 1] += (int64_t)count;
}

static void add_one_alike(const struct goleak_intern *places, const struct goleak_verdict_input *input, uint32_t index,
                          uint64_t count, int64_t *sums)
{
    const struct goleak_record *record = goleak_store_at(input->store, index);
    if (goleak_is_blocked(record))
        add_alike(places, input, (struct goleak_cohort_key) { record->site, record->block_stack, record->reason },
                  count, sums);
}

/* Cohorts are not known where one rule decides. */
static void add_all_alike(const struct goleak_intern *places, const struct goleak_verdict_input *input, int64_t *sums)
{
    const struct goleak_cohorts *cohorts = &input->cohorts;
    const struct goleak_bunches *bunches = &input->bunches;
    for (uint32_t id = 1; id <= cohorts->index.count; id++)
        add_alike(places, input, goleak_cohorts_key(cohorts, id), cohorts->cohorts[id - 1].count, sums);
    if (cohorts->index.count != 0)
        return;
    for (size_t i = 1; i <= bunches->index.count; i++)
        if (bunches->all[i].sum.count != 0)
            add_one_alike(places, input, goleak_bunch_one(&bunches->all[i]), bunches->all[i].sum.count, sums);
    for (size_t i = 0; i < bunches->alone_count; i++)
        add_one_alike(places, input, bunches->alone[i], 1, sums);
}

/* Those who wait at the groups' places, less those of the groups. */
static bool count_alike(struct goleak_groups *groups, const struct goleak_verdict_input *input)
{
    struct goleak_intern places;
    size_t count = groups->count;
    if (count == 0)
        return true;
    int64_t *sums = goleak_alloc_zeroed(groups->alloc, count * sizeof *sums);
    bool good = sums != NULL;
    goleak_intern_init(&places, groups->alloc);
    for (size_t i = 0; i < count && good; i++) {
        const struct where where = where_of(&groups->groups[i]);
        uint32_t place = goleak_intern_add(&places, &where, sizeof where);
        if ((good = place != 0))
            sums[place - 1] -= (int64_t)groups->groups[i].sum.count;
    }
    if (good)
        add_all_alike(&places, input, sums);
    for (size_t i = 0; i < count && good; i++) {
        const struct where where = where_of(&groups->groups[i]);
        int64_t sum = sums[goleak_intern_find(&places, &where, sizeof where) - 1];
        groups->groups[i].alike = sum > 0 ? (uint64_t)sum : 0; /* who runs may be in a group, too */
    }
    goleak_intern_release(&places);
    goleak_free(groups->alloc, sums, count * sizeof *sums);
    return good;
}

/* Sorted, and found by their keys again. */
static bool put_in_order(struct goleak_groups *groups)
{
    if (groups->count == 0)
        return true;
    groups->places = goleak_alloc_zeroed(groups->alloc, groups->count * sizeof *groups->places);
    qsort(groups->groups, groups->count, sizeof *groups->groups, by_severity);
    for (size_t i = 0; groups->places != NULL && i < groups->count; i++)
        groups->places[groups->groups[i].id - 1] = (uint32_t)i;
    return groups->places != NULL;
}

size_t goleak_groups_find(const struct goleak_groups *groups, const struct goleak_verdict_input *input,
                          const struct goleak_record *record, enum goleak_verdict verdict)
{
    const struct key key = key_of(input, record, verdict);
    const uint32_t id = is_shown(verdict) ? goleak_intern_find(&groups->index, &key, sizeof key) : 0;
    return id != 0 ? (size_t)groups->places[id - 1] + 1 : 0;
}

enum goleak_status goleak_groups_fill(struct goleak_groups *groups, const struct goleak_verdict_input *input)
{
    const struct goleak_bunches *bunches = &input->bunches;
    bool good = true;
    for (size_t i = 1; i <= bunches->index.count && good; i++)
        good = bunches->all[i].sum.count == 0 || add(groups, input, &bunches->all[i].sum);
    for (size_t i = 0; i < bunches->alone_count && good; i++) {
        struct goleak_sum one = { .count = 0 };
        goleak_sum_add(&one, input->store, goleak_bunch_alone(bunches, input->store, input->waits, i));
        good = add(groups, input, &one);
    }
    good = good && count_alike(groups, input) && put_in_order(groups);
    qsort(groups->unknown, groups->unknown_count, sizeof *groups->unknown, by_count);
    return good ? GOLEAK_OK : goleak_alloc_failure(groups->alloc);
}
