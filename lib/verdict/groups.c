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
    *groups = (struct goleak_groups){ .alloc = groups->alloc };
}

static bool is_shown(enum goleak_verdict verdict)
{
    return verdict == GOLEAK_VERDICT_CERTAIN || verdict == GOLEAK_VERDICT_LIKELY ||
           verdict == GOLEAK_VERDICT_SUSPECT;
}

static struct goleak_group *group_of(struct goleak_groups *groups, const struct goleak_verdict_input *input,
                                     const struct goleak_record *record, enum goleak_verdict verdict)
{
    uint32_t blocked_at = goleak_symbols_blocked_at(input->symbols, record->block_stack);
    const uint32_t key[4] = { (uint32_t)verdict, record->reason, record->site, blocked_at };
    size_t before = groups->index.count;
    if (!goleak_grow(groups->alloc, &groups->groups, &groups->capacity, before + 1, sizeof *groups->groups))
        return NULL;
    uint32_t id = goleak_intern_add(&groups->index, key, sizeof key);
    if (id == 0)
        return NULL;
    if (id > before)
        groups->groups[id - 1] = (struct goleak_group){
            .verdict = verdict,
            .reason = (enum goleak_reason)record->reason,
            .site = record->site,
            .blocked_at = blocked_at,
            .wait = record->wait,
            .oldest_since = record->since,
            .youngest_since = record->since,
        };
    groups->count = groups->index.count;
    return &groups->groups[id - 1];
}

/* The examples are the oldest ones: those that wait longest say most. */
static void add_example(struct goleak_group *group, const struct goleak_store *store, uint32_t index)
{
    int64_t since = goleak_store_at(store, index)->since;
    size_t to = group->example_count;
    while (to > 0 && goleak_store_at(store, group->examples[to - 1])->since > since)
        to--;
    if (to == GOLEAK_LEAK_EXAMPLES)
        return;
    size_t last = group->example_count < GOLEAK_LEAK_EXAMPLES ? group->example_count : GOLEAK_LEAK_EXAMPLES - 1;
    memmove(group->examples + to + 1, group->examples + to, (last - to) * sizeof *group->examples);
    group->examples[to] = index;
    group->example_count += group->example_count < GOLEAK_LEAK_EXAMPLES;
}

static int by_severity(const void *a, const void *b)
{
    const struct goleak_group *x = a, *y = b;
    if (x->verdict != y->verdict)
        return x->verdict < y->verdict ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    if (x->oldest_since != y->oldest_since)
        return x->oldest_since < y->oldest_since ? -1 : 1;
    if (x->reason != y->reason)
        return x->reason < y->reason ? -1 : 1;
    /* Numbers of sites and frames are those of the reader's tables: they tell nothing. */
    return x->first_serial < y->first_serial ? -1 : x->first_serial > y->first_serial;
}

enum goleak_status goleak_groups_fill(struct goleak_groups *groups, const struct goleak_verdict_input *input)
{
    struct goleak_alike last = { .cohort = 0 };
    for (uint32_t i = 1; i <= input->store->count; i++) {
        const struct goleak_record *record = goleak_store_at(input->store, i);
        bool hidden = (record->flags & GOLEAK_REC_SYSTEM) != 0 && !input->include_system;
        if ((record->flags & GOLEAK_REC_SEEN) == 0 || record->state == GOLEAK_STATE_ENDED || hidden)
            continue;
        enum goleak_verdict verdict = goleak_verdict_of(input, i, &last);
        groups->verdicts[verdict]++;
        if (!is_shown(verdict))
            continue;
        struct goleak_group *group = group_of(groups, input, record, verdict);
        if (group == NULL)
            return goleak_alloc_failure(groups->alloc);
        group->count++;
        if (group->count == 1 || record->serial < group->first_serial)
            group->first_serial = record->serial;
        if (group->wait != record->wait) /* not the same for all: not said */
            group->wait = GOLEAK_NO_WAIT;
        if (record->since < group->oldest_since)
            group->oldest_since = record->since;
        if (record->since > group->youngest_since)
            group->youngest_since = record->since;
        add_example(group, input->store, i);
    }
    if (groups->count != 0)
        qsort(groups->groups, groups->count, sizeof *groups->groups, by_severity);
    return GOLEAK_OK;
}
