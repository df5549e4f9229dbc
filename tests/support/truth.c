/* truth - see truth.h. */
#include "support/truth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <cJSON.h>
#include <goleak.h>

#include "support/bytes.h"
#include "support/told.h"

void add_goid(struct goids *list, int64_t goid)
{
    list->goids = realloc(list->goids, (list->count + 1) * sizeof *list->goids);
    assert_non_null(list->goids);
    list->goids[list->count++] = goid;
}

bool has_goid(const struct goids *list, int64_t goid)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->goids[i] == goid)
            return true;
    return false;
}

bool read_truth(struct goids *list, bool *lossy, const char *folder)
{
    struct bytes text = { 0 };
    const char *path = captured(folder, "truth.json");
    *lossy = false;
    *list = (struct goids) { 0 };
    if (path == NULL || !bytes_read(&text, path))
        return false;
    cJSON *truth = cJSON_Parse(text.data);
    const char *from = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(truth, "truth_from"));
    const cJSON *leaked = cJSON_GetObjectItemCaseSensitive(truth, "leaked"), *goid;
    *lossy = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(truth, "lossy"));
    bool good = from != NULL && strcmp(from, "runtime leak profile") == 0 && cJSON_IsArray(leaked);
    if (good)
        cJSON_ArrayForEach(goid, leaked) add_goid(list, (int64_t)goid->valuedouble);
    cJSON_Delete(truth);
    bytes_free(&text);
    return good;
}

bool check_truth(const char *folder, const char *path)
{
    struct goids leaked = { 0 };
    struct told told;
    bool lossy, known = read_truth(&leaked, &lossy, folder);
    if (known) {
        look_at(path);
        told_sort(true, false);
        size_t found = 0;
        if (told_by(&told, path)) {
            for (size_t i = 0; i < told.count; i++) {
                const struct goleak_goroutine *life = &told.lives[i];
                if (!has_goid(&leaked, life->goid))
                    continue;
                found++;
                if (life->state != GOLEAK_STATE_WAITING || !goleak_reason_can_leak(life->reason) || life->system == 1)
                    complain("goid %lld leaked, and is %s on %s", (long long)life->goid, goleak_state_name(life->state),
                             life->reason < GOLEAK_REASON_COUNT ? goleak_reason_name(life->reason) : "nothing");
            }
            told_free(&told);
        }
        expect("leaked goroutines", found, leaked.count);
    }
    free(leaked.goids);
    return known;
}
