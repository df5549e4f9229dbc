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

static struct goleak_spawn *site_of(struct goleak_spawns *spawns, uint32_t site)
{
    if (site < spawns->count)
        return &spawns->sites[site];
    if (!goleak_grow(spawns->model.alloc, &spawns->sites, &spawns->capacity, (size_t)site + 1, sizeof *spawns->sites))
        return NULL;
    memset(spawns->sites + spawns->count, 0, (site + 1 - spawns->count) * sizeof *spawns->sites);
    spawns->count = (size_t)site + 1;
    return &spawns->sites[site];
}

static void count_end(struct goleak_spawn *site, const struct goleak_transition *t)
{
    if (t->preexisting) {
        site->preexisting_ended++;
        return;
    }
    int64_t life = t->moment > t->since ? t->moment - t->since : 0;
    site->ended++;
    site->life_sum = site->life_sum > UINT64_MAX - (uint64_t)life ? UINT64_MAX : site->life_sum + (uint64_t)life;
    site->life_most = life > site->life_most ? life : site->life_most;
}

/* The counts are sums, so it does not matter that one kind is counted behind the other. */
static enum goleak_status take(void *state, const struct goleak_transitions *batch)
{
    static const uint8_t kinds[] = { GOLEAK_T_CREATED, GOLEAK_T_ENDED, GOLEAK_T_MOVED, GOLEAK_T_RETRACTED };
    struct goleak_spawns *spawns = state;
    for (size_t k = 0; k < sizeof kinds; k++)
        for (size_t i = 0; i < batch->count_of[kinds[k]]; i++) {
            const struct goleak_transition *t = &batch->all[batch->of[kinds[k]][i]];
            struct goleak_spawn *site = site_of(spawns, t->site);
            if (site == NULL)
                return goleak_alloc_failure(spawns->model.alloc);
            if (kinds[k] == GOLEAK_T_ENDED) {
                count_end(site, t);
                continue;
            }
            bool counted = kinds[k] == GOLEAK_T_CREATED || !t->preexisting;
            site->created += kinds[k] == GOLEAK_T_RETRACTED ? (uint64_t)0 - counted : counted;
            if (kinds[k] == GOLEAK_T_MOVED)
                spawns->sites[0].created -= counted;
        }
    return GOLEAK_OK;
}

struct goleak_spawn goleak_spawns_at(const struct goleak_spawns *spawns, uint32_t site)
{
    return site < spawns->count ? spawns->sites[site] : (struct goleak_spawn){ 0 };
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
    if (spawns->count == 0)
        return GOLEAK_OK;
    struct ranked *all = goleak_alloc_array(alloc, spawns->count, sizeof *all);
    spawns->ranked = goleak_alloc_array(alloc, spawns->count, sizeof *spawns->ranked);
    if (all != NULL && spawns->ranked != NULL) {
        size_t count = 0;
        for (uint32_t i = 0; i < spawns->count; i++)
            if (spawns->sites[i].created != 0)
                all[count++] = (struct ranked){ spawns->sites[i].created - spawns->sites[i].ended,
                                                spawns->sites[i].created, i };
        qsort(all, count, sizeof *all, by_alive);
        for (size_t i = 0; i < count; i++)
            spawns->ranked[i] = all[i].site;
        spawns->ranked_count = count;
    }
    bool failed = all == NULL || spawns->ranked == NULL;
    goleak_free(alloc, all, spawns->count * sizeof *all);
    return failed ? goleak_alloc_failure(alloc) : GOLEAK_OK;
}

static void write(const void *state, struct goleak_json *json)
{
    const struct goleak_spawns *spawns = state;
    bool has_time = *spawns->model.has_time;
    goleak_json_open(json, "spawn_sites", '[');
    for (size_t i = 0; i < spawns->ranked_count; i++) {
        uint32_t index = spawns->ranked[i];
        const struct goleak_spawn *site = &spawns->sites[index];
        goleak_json_open(json, NULL, '{');
        goleak_json_text(json, "created_at", goleak_site_created_at(&spawns->model, index));
        goleak_json_text(json, "start_function", goleak_site_start(&spawns->model, index));
        goleak_json_u64(json, "created", site->created);
        goleak_json_u64(json, "ended", site->ended);
        goleak_json_u64(json, "alive", site->created - site->ended);
        bool any = site->ended != 0 && site->life_sum <= INT64_MAX;
        int64_t mean = any ? (int64_t)(site->life_sum / site->ended) : GOLEAK_NONE;
        goleak_json_i64(json, "mean_life_ns", has_time ? mean : GOLEAK_NONE);
        goleak_json_i64(json, "longest_life_ns", has_time && site->ended != 0 ? site->life_most : GOLEAK_NONE);
        if (!has_time) {
            goleak_json_i64(json, "mean_life_events", mean);
            goleak_json_i64(json, "longest_life_events", site->ended != 0 ? site->life_most : GOLEAK_NONE);
        }
        goleak_json_close(json, '}');
    }
    goleak_json_close(json, ']');
}

static void release(void *state)
{
    struct goleak_spawns *spawns = state;
    struct goleak_alloc *alloc = spawns->model.alloc;
    goleak_free(alloc, spawns->sites, spawns->capacity * sizeof *spawns->sites);
    goleak_free(alloc, spawns->ranked, spawns->count * sizeof *spawns->ranked);
    goleak_free(alloc, spawns, sizeof *spawns);
}

const struct goleak_analysis goleak_analysis_spawns = {
    .name = "spawn_sites", .create = create, .take = take, .finish = finish, .write = write, .release = release
};
