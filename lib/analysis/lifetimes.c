/* lifetimes - see lifetimes.h. */
#include "analysis/lifetimes.h"

#include "base/bits.h"

static void *create(const struct goleak_model *model)
{
    struct goleak_lifetimes *lifetimes = goleak_alloc_zeroed(model->alloc, sizeof *lifetimes);
    if (lifetimes != NULL) {
        lifetimes->model = *model;
        lifetimes->least = INT64_MAX;
    }
    return lifetimes;
}

static unsigned bucket_of(uint64_t value)
{
    unsigned bucket = goleak_bits(value);
    return bucket < GOLEAK_LIFETIME_BUCKETS ? bucket : GOLEAK_LIFETIME_BUCKETS - 1;
}

static enum goleak_status take(void *state, const struct goleak_transitions *batch)
{
    struct goleak_lifetimes *lifetimes = state;
    int64_t least = lifetimes->least, most = lifetimes->most;
    uint64_t sum = lifetimes->sum, count = 0;
    for (size_t i = 0; i < batch->end_count; i++) {
        const struct goleak_transition *t = &batch->all[batch->ends[i]];
        uint64_t life = goleak_transition_life(t);
        if (t->since == GOLEAK_NO_MOMENT)
            continue;
        count++;
        lifetimes->buckets[bucket_of(life)]++;
        sum = sum + life < life ? UINT64_MAX : sum + life;
        least = (int64_t)life < least ? (int64_t)life : least;
        most = (int64_t)life > most ? (int64_t)life : most;
    }
    lifetimes->count += count;
    lifetimes->sum = sum;
    lifetimes->least = least;
    lifetimes->most = most;
    return GOLEAK_OK;
}

int64_t goleak_lifetime_quantile(const struct goleak_lifetimes *lifetimes, unsigned permille)
{
    uint64_t seen = 0, wanted = lifetimes->count / 1000 * permille + lifetimes->count % 1000 * permille / 1000;
    for (unsigned i = 0; i < GOLEAK_LIFETIME_BUCKETS; i++) {
        seen += lifetimes->buckets[i];
        if (seen > wanted || seen == lifetimes->count)
            return goleak_lifetime_le(i) < lifetimes->most ? goleak_lifetime_le(i) : lifetimes->most;
    }
    return lifetimes->most;
}

static bool tells(const void *state)
{
    return goleak_model_tells_identity(&((const struct goleak_lifetimes *)state)->model);
}

static void write(const void *state, struct goleak_json *json)
{
    const struct goleak_lifetimes *lifetimes = state;
    bool any = lifetimes->count != 0;
    goleak_json_open(json, "lifetimes", '{');
    goleak_json_text(json, "unit", *lifetimes->model.has_time ? "ns" : "events");
    goleak_json_u64(json, "count", lifetimes->count);
    goleak_json_i64(json, "min", any ? lifetimes->least : GOLEAK_NONE);
    goleak_json_i64(json, "max", any ? lifetimes->most : GOLEAK_NONE);
    goleak_json_i64(json, "sum", any && lifetimes->sum <= INT64_MAX ? (int64_t)lifetimes->sum : GOLEAK_NONE);
    goleak_json_open(json, "buckets", '[');
    for (unsigned i = 0; i < GOLEAK_LIFETIME_BUCKETS; i++) {
        if (lifetimes->buckets[i] == 0)
            continue;
        goleak_json_open(json, NULL, '{');
        goleak_json_i64(json, "le", goleak_lifetime_le(i));
        goleak_json_u64(json, "count", lifetimes->buckets[i]);
        goleak_json_close(json, '}');
    }
    goleak_json_close(json, ']');
    goleak_json_close(json, '}');
}

static void release(void *state)
{
    struct goleak_lifetimes *lifetimes = state;
    goleak_free(lifetimes->model.alloc, lifetimes, sizeof *lifetimes);
}

const struct goleak_analysis goleak_analysis_lifetimes = {
    .name = "lifetimes", .create = create, .take = take, .tells = tells, .write = write, .release = release
};
