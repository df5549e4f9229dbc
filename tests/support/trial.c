/* trial - see trial.h. */
#include "support/trial.h"

#include "trace.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "support/bytes.h"

/* ---- what is true ---- */

static void copy_text(char *to, size_t room, const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    snprintf(to, room, "%s", text != NULL ? text : "");
}

static void add_leaked(struct goids *list, int64_t goid)
{
    list->goids = realloc(list->goids, (list->count + 1) * sizeof *list->goids);
    if (list->goids == NULL)
        abort();
    list->goids[list->count++] = goid;
}

bool case_read(struct case_truth *truth, const char *folder)
{
    struct bytes text = { 0 };
    char path[1200];
    snprintf(path, sizeof path, "%s/truth.json", folder);
    *truth = (struct case_truth) { .leaked_count = -1 };
    if (!bytes_read(&text, path))
        return false;
    cJSON *object = cJSON_Parse(text.data);
    const cJSON *leaked = cJSON_GetObjectItemCaseSensitive(object, "leaked"), *goid;
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(object, "leaked_by_construction");
    copy_text(truth->name, sizeof truth->name, object, "case");
    copy_text(truth->go, sizeof truth->go, object, "go");
    truth->lossy = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "lossy"));
    truth->by_goid = cJSON_IsArray(leaked);
    cJSON_ArrayForEach(goid, leaked) add_leaked(&truth->leaked, (int64_t)goid->valuedouble);
    if (truth->by_goid)
        truth->leaked_count = (int64_t)truth->leaked.count;
    else if (cJSON_IsNumber(count))
        truth->leaked_count = (int64_t)count->valuedouble;
    cJSON_Delete(object);
    bytes_free(&text);
    return true;
}

void case_free(struct case_truth *truth)
{
    free(truth->leaked.goids);
    truth->leaked = (struct goids) { 0 };
}

/* ---- events that are taken away ---- */

struct thief {
    struct goleak_trace *trace;
    struct goleak_event_sink to;
    int64_t until; /* later events are cut off */
    double drop;
    unsigned burst, left; /* of a burst that goes on */
    uint64_t random;
    const struct goleak_limits *limits;
};

static double next_random(struct thief *thief)
{
    thief->random = thief->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(thief->random >> 11) / 9007199254740992.0;
}

static bool is_taken(struct thief *thief, const struct goleak_event *event)
{
    if ((event->has & GOLEAK_HAS_TIME) && event->time_ns > thief->until)
        return true;
    if (thief->left == 0 && thief->drop > 0 && next_random(thief) < thief->drop / thief->burst)
        thief->left = thief->burst;
    if (thief->left == 0)
        return false;
    thief->left--;
    goleak_health_note(&thief->trace->health, GOLEAK_HEALTH_lost_events, 1, 0, 0, 0, "taken away");
    return true;
}

static enum goleak_status steal(void *context, struct goleak_batch **batch)
{
    struct thief *thief = context;
    size_t kept = 0;
    for (size_t i = 0; i < (*batch)->count; i++)
        if (!is_taken(thief, &(*batch)->events[i]))
            (*batch)->events[kept++] = (*batch)->events[i];
    (*batch)->count = kept;
    return kept != 0 ? thief->to.push(thief->to.context, batch) : GOLEAK_OK;
}

/* NULL: the library failed. */
static struct goleak_trace *load_without(struct thief *thief, const struct bytes *bytes)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_error error = { 0 };
    struct goleak_trace *trace = NULL;
    options.jobs = 1;
    if (goleak_trace_new(&trace, &options, &error) != GOLEAK_OK)
        return NULL;
    thief->trace = trace;
    if (thief->limits != NULL)
        trace->limits = thief->limits;
    thief->to = trace->sink;
    trace->sink = (struct goleak_event_sink) { steal, thief };
    if (goleak_trace_feed(trace, bytes->data, bytes->size, &error) != GOLEAK_OK ||
        goleak_trace_finish(trace, &error) != GOLEAK_OK) {
        fprintf(stderr, "%s\n", error.message);
        goleak_trace_free(trace);
        return NULL;
    }
    return trace;
}

/* ---- the score ---- */

/* By start function, which the whole recording tells. */
struct function {
    const char *name;
    bool leaks, called[TRIAL_BY_COUNT];
};

struct functions {
    struct function *all;
    size_t count;
    struct { int64_t goid; const char *name; } *names;
    size_t name_count;
};

static const char *name_of(const struct functions *functions, const struct goleak_goroutine *life)
{
    for (size_t i = 0; i < functions->name_count; i++)
        if (functions->names[i].goid == life->goid)
            return functions->names[i].name;
    return life->start_function != NULL ? life->start_function : "?";
}

static struct function *function_of(struct functions *functions, const char *name)
{
    for (size_t i = 0; i < functions->count; i++)
        if (strcmp(functions->all[i].name, name) == 0)
            return &functions->all[i];
    functions->all = realloc(functions->all, (functions->count + 1) * sizeof *functions->all);
    if (functions->all == NULL)
        abort();
    functions->all[functions->count] = (struct function) { .name = name };
    return &functions->all[functions->count++];
}

/* What every goroutine that leaked or is alive at the end began with. */
static void learn_names(struct functions *functions, const struct goleak_trace *whole)
{
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine life;
    size_t room = 0;
    while (goleak_goroutine_next(whole, &iter, &life) == GOLEAK_OK)
        room++;
    functions->names = calloc(room + 1, sizeof *functions->names);
    if (functions->names == NULL)
        abort();
    iter = (struct goleak_goroutine_iter) { 0 };
    while (goleak_goroutine_next(whole, &iter, &life) == GOLEAK_OK)
        if (life.start_function != NULL) {
            functions->names[functions->name_count].goid = life.goid;
            functions->names[functions->name_count++].name = life.start_function;
        }
}

static bool is_blocked(const struct goleak_goroutine *life)
{
    return life->state == GOLEAK_STATE_WAITING && goleak_reason_can_leak(life->reason) && life->goid != 1;
}

static void call(bool called[TRIAL_BY_COUNT], const struct goleak_goroutine *life)
{
    called[TRIAL_ARTICLE] = is_blocked(life);
    called[TRIAL_CERTAIN] = life->verdict == GOLEAK_VERDICT_CERTAIN;
    called[TRIAL_DEFAULT] = called[TRIAL_CERTAIN] || life->verdict == GOLEAK_VERDICT_LIKELY;
    called[TRIAL_SUSPECT] = called[TRIAL_DEFAULT] || life->verdict == GOLEAK_VERDICT_SUSPECT;
}

static void count_one(struct trial_score *score, bool leaks, const bool called[TRIAL_BY_COUNT])
{
    score->leaking += leaks;
    for (int by = 0; by < TRIAL_BY_COUNT; by++) {
        score->found[by] += leaks && called[by];
        score->alarms[by] += !leaks && called[by];
    }
}

static void show(const struct trial *trial, const struct functions *functions, const char *path)
{
    for (size_t i = 0; trial->explain && i < functions->count; i++) {
        const struct function *function = &functions->all[i];
        if (function->leaks != function->called[TRIAL_DEFAULT])
            printf("  %-6s %s: %s\n", function->leaks ? "missed" : "alarm", path, function->name);
        if (!function->leaks && function->called[TRIAL_CERTAIN])
            printf("  WRONG CERTAIN %s: %s\n", path, function->name);
    }
}

static void score(struct trial *trial, const struct case_truth *truth, struct functions *functions,
                  const struct goleak_trace *trace, const char *path)
{
    struct goleak_goroutine_iter iter = { 0 };
    struct goleak_goroutine life;
    struct goleak_summary summary;
    bool called[TRIAL_BY_COUNT] = { false };
    while (goleak_goroutine_next(trace, &iter, &life) == GOLEAK_OK) {
        bool leaks = has_goid(&truth->leaked, life.goid);
        call(called, &life);
        trial->called += called[TRIAL_DEFAULT];
        if (!is_blocked(&life) && (trial->keep < 1 || trial->bytes < 1 || !leaks))
            leaks = false; /* not yet, in a part of the recording */
        count_one(&trial->goroutine, leaks, called);
        struct function *function = function_of(functions, name_of(functions, &life));
        function->leaks = function->leaks || leaks;
        for (int by = 0; by < TRIAL_BY_COUNT; by++)
            function->called[by] = function->called[by] || called[by];
    }
    for (size_t i = 0; i < functions->count; i++)
        count_one(&trial->function, functions->all[i].leaks, functions->all[i].called);
    goleak_trace_summary(trace, &summary);
    memcpy(trial->verdicts, summary.verdicts, sizeof trial->verdicts);
    show(trial, functions, path);
}

bool trial_run(struct trial *trial, const struct case_truth *truth, const char *path)
{
    struct bytes bytes = { 0 };
    struct functions functions = { 0 };
    struct goleak_capture capture;
    struct thief none = { .until = INT64_MAX, .burst = 1, .limits = trial->limits }, thief = none;
    struct goleak_trace *whole = bytes_read(&bytes, path) ? load_without(&none, &bytes) : NULL, *part = NULL;
    if (whole != NULL) {
        learn_names(&functions, whole);
        goleak_trace_capture(whole, &capture);
        if (trial->keep < 1)
            thief.until = capture.first_ns + (int64_t)((double)capture.duration_ns * trial->keep);
        thief.drop = trial->drop;
        thief.burst = trial->burst;
        thief.random = goleak_hash_bytes(truth->name, strlen(truth->name)) ^ trial->seed * 0x9e3779b97f4a7c15u;
        bytes.size = (size_t)((double)bytes.size * trial->bytes);
        part = trial->keep < 1 || trial->bytes < 1 || trial->drop > 0 ? load_without(&thief, &bytes) : whole;
    }
    if (part != NULL)
        score(trial, truth, &functions, part, path);
    bool good = part != NULL;
    if (part != whole)
        goleak_trace_free(part);
    goleak_trace_free(whole);
    free(functions.all);
    free(functions.names);
    bytes_free(&bytes);
    return good;
}

void trial_add(struct trial_score *sum, const struct trial_score *score)
{
    for (int by = 0; by < TRIAL_BY_COUNT; by++) {
        sum->found[by] += score->found[by];
        sum->alarms[by] += score->alarms[by];
    }
    sum->leaking += score->leaking;
}

void trial_wilson(size_t found, size_t of, double *low, double *high)
{
    const double z = 1.959963984540054;
    double n = (double)of, p = of != 0 ? (double)found / n : 0;
    *low = 0;
    *high = 1;
    if (of == 0)
        return;
    double middle = p + z * z / (2 * n), spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    *low = (middle - spread) / (1 + z * z / n);
    *high = (middle + spread) / (1 + z * z / n);
    *low = *low < 0 ? 0 : *low;
    *high = *high > 1 ? 1 : *high;
}
