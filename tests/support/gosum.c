/* gosum - see gosum.h. */
#include "support/gosum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <sys/stat.h>

#include "support/bytes.h"

static int64_t number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : -1; /* < 2^53: exact */
}

static const char *text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void read_life(struct gosum_life *life, const cJSON *object)
{
    const cJSON *frame;
    *life = (struct gosum_life) {
        .goid = number(object, "goid"),
        .parent = number(object, "parent"),
        .created = number(object, "t_create"),
        .ended = number(object, "t_end"),
        .last = number(object, "t_last"),
        .parks = number(object, "parks"),
        .state = text(object, "state"),
        .reason = text(object, "reason"),
        .start = text(object, "start"),
        .created_at = text(object, "created_at"),
    };
    cJSON_ArrayForEach(frame, cJSON_GetObjectItemCaseSensitive(object, "stack"))
    {
        if (life->stack_count < GOSUM_FRAMES)
            life->stack[life->stack_count++] = cJSON_GetStringValue(frame);
    }
}

bool gosum_read(struct gosum *sum, const char *path)
{
    struct bytes bytes = { 0 };
    *sum = (struct gosum) { 0 };
    bool good = bytes_read(&bytes, path);
    cJSON *json = good ? cJSON_Parse(bytes.data) : NULL;
    bytes_free(&bytes);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "goroutines"), *each;
    if (!cJSON_IsArray(list)) {
        cJSON_Delete(json);
        return false;
    }
    sum->json = json;
    sum->first = number(json, "first");
    sum->last = number(json, "last");
    sum->created = (uint64_t)number(json, "created");
    sum->ended = (uint64_t)number(json, "ended");
    sum->one_generation =
        number(cJSON_GetObjectItemCaseSensitive(json, "goroutine_transitions"), "Waiting->Waiting") <= 0;
    sum->lives = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *sum->lives);
    if (sum->lives == NULL)
        abort();
    cJSON_ArrayForEach(each, list)
    {
        struct gosum_life *life = &sum->lives[sum->life_count++];
        read_life(life, each);
        sum->living += life->ended < 0;
    }
    sum->preexisting = sum->living + sum->ended - sum->created;
    return true;
}

void gosum_free(struct gosum *sum)
{
    cJSON_Delete(sum->json);
    free(sum->lives);
    *sum = (struct gosum) { 0 };
}

const char *gosum_recording(const char *path)
{
    static const char ending[] = ".sum.json";
    static const char *const names[] = { "", ".zst", ".out", ".out.zst" };
    static char found[1300];
    size_t size = strlen(path), cut = sizeof ending - 1;
    if (size <= cut || strcmp(path + size - cut, ending) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct stat info;
        snprintf(found, sizeof found, "%.*s%s", (int)(size - cut), path, names[i]);
        if (stat(found, &info) == 0)
            return found;
    }
    return NULL;
}

bool gosum_frame(const char *frame, const char *want)
{
    const char *line = strrchr(want, ':'), *here = frame != NULL ? strrchr(frame, ':') : NULL;
    if (line == NULL || here == NULL)
        return false;
    size_t size = (size_t)(line - want);
    return strncmp(frame, want, size) == 0 && frame[size] == ' ' && strcmp(here, line) == 0;
}
