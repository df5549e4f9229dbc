/* spawns - see spawns.h. */
#include "analysis/spawns.h"

#include <stdlib.h>
#include <string.h>

static void *create(const struct goleak_model *model)
{
    struct goleak_spawns *spawns = goleak_alloc_zeroed(model->alloc, sizeof *spawns);
    if (spawns != NULL)
        spawns->model = *model;
    return spawns;
}

static bool make_room(struct goleak_spawns *spawns, size_t count)
{
    if (!goleak_grow(spawns->model.alloc, &spawns->lives, &spawns->capacity, count, sizeof *spawns->lives))
        return false;
    memset(spawns->lives + spawns->count, 0, (count - spawns->count) * sizeof *spawns->lives);
    spawns->count = count;
    return true;
}

static enum goleak_status take(void *state, const struct goleak_transitions *batch)
{
    struct goleak_spawns *spawns = state;
    if (batch->site_count > spawns->count && !make_room(spawns, batch->site_count))
        return goleak_alloc_failure(spawns->model.alloc);
    struct goleak_spawn_lives *all = spawns->lives;
    for (size_t i = 0; i < batch->end_count; i++) {
        const struct goleak_transition *t = &batch->all[batch->ends[i]];
        struct goleak_spawn_lives *lives = &all[t->site];
        /* No branches: which of them are older cannot be foreseen. */
        uint64_t life = goleak_transition_life(t), sum = lives->sum + life;
        lives->preexisting_ended += t->preexisting;
        lives->sum = sum < life ? UINT64_MAX : sum;
        lives->most = (int64_t)life > lives->most ? (int64_t)life : lives->most;
    }
    return GOLEAK_OK;
}

struct goleak_spawn goleak_spawns_at(const struct goleak_spawns *spawns, uint32_t site)
{
    const struct goleak_spawn_lives none = { 0, 0, 0 }, *lives = site < spawns->count ? &spawns->lives[site] : &none;
    return (struct goleak_spawn){
        .created = goleak_ledger_told(spawns->model.ledger, site, GOLEAK_T_CREATED),
        .ended = goleak_ledger_ended(spawns->model.ledger, site) - lives->preexisting_ended,
        .preexisting_ended = lives->preexisting_ended,
        .life_sum = lives->sum,
        .life_most = lives->most,
    };
}

struct ranked {
    uint64_t alive, created;
    uint32_t site;
};

static int by_alive(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->alive != y->alive)
        return x->alive < y->alive ? 1 : -1;
    if (x->created != y->created)
        return x->created < y->created ? 1 : -1;
    return x->site < y->site ? -1 : x->site > y->site;
}

static enum goleak_status finish(void *state)
{
    struct goleak_spawns *spawns = state;
    struct goleak_alloc *alloc = spawns->model.alloc;
    size_t sites = spawns->model.ledger->count, count = 0;
    if (sites == 0)
        return GOLEAK_OK;
    struct ranked *all = goleak_alloc_array(alloc, sites, sizeof *all);
    spawns->ranked = goleak_alloc_array(alloc, sites, sizeof *spawns->ranked);
    spawns->ranked_capacity = sites;
    if (all != NULL && spawns->ranked != NULL) {
        for (uint32_t i = 0; i < sites; i++) {
            struct goleak_spawn site = goleak_spawns_at(spawns, i);
            if (site.created != 0)
                all[count++] = (struct ranked){ site.created - site.ended, site.created, i };
        }
        qsort(all, count, sizeof *all, by_alive);
        for (size_t i = 0; i < count; i++)
            spawns->ranked[i] = all[i].site;
        spawns->ranked_count = count;
    }
    bool failed = all == NULL || spawns->ranked == NULL;
    goleak_free(alloc, all, sites * sizeof *all);
    return failed ? goleak_alloc_failure(alloc) : GOLEAK_OK;
}

static void write(const void *state, struct goleak_json *json)
{
    const struct goleak_spawns *spawns = state;
    bool has_time = *spawns->model.has_time;
    const bool ends = goleak_model_tells_identity(&spawns->model); /* of a site are told */
    goleak_json_open(json, "spawn_sites", '[');
    for (size_t i = 0; i < spawns->ranked_count; i++) {
        uint32_t index = spawns->ranked[i];
        const struct goleak_spawn site = goleak_spawns_at(spawns, index);
        goleak_json_open(json, NULL, '{');
        goleak_json_text(json, "created_at", goleak_site_created_at(&spawns->model, index));
        goleak_json_text(json, "start_function", goleak_site_start(&spawns->model, index));
        goleak_json_u64(json, "created", site.created);
        goleak_json_i64(json, "ended", ends ? (int64_t)site.ended : GOLEAK_NONE);
        goleak_json_i64(json, "alive", ends ? (int64_t)(site.created - site.ended) : GOLEAK_NONE);
        bool any = site.ended != 0 && site.life_sum <= INT64_MAX;
        int64_t mean = any ? (int64_t)(site.life_sum / site.ended) : GOLEAK_NONE;
        goleak_json_i64(json, "mean_life_ns", has_time ? mean : GOLEAK_NONE);
        goleak_json_i64(json, "longest_life_ns", has_time && site.ended != 0 ? site.life_most : GOLEAK_NONE);
        if (!has_time) {
            goleak_json_i64(json, "mean_life_events", mean);
            goleak_json_i64(json, "longest_life_events", site.ended != 0 ? site.life_most : GOLEAK_NONE);
        }
        goleak_json_close(json, '}');
    }
    goleak_json_close(json, ']');
}

static void release(void *state)
{
    struct goleak_spawns *spawns = state;
    struct goleak_alloc *alloc = spawns->model.alloc;
    goleak_free(alloc, spawns->lives, spawns->capacity * sizeof *spawns->lives);
    goleak_free(alloc, spawns->ranked, spawns->ranked_capacity * sizeof *spawns->ranked);
    goleak_free(alloc, spawns, sizeof *spawns);
}

const struct goleak_analysis goleak_analysis_spawns = {
    .name = "spawn_sites", .create = create, .take = take, .finish = finish, .write = write, .release = release
};
