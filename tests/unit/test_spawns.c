/* test_spawns - what each spawn site created, how much of it has ended, how long it lived. */
#include <cJSON.h>

#include "analysis/spawns.h"
#include "report/report.h"
#include "support/fail_alloc.h"
#include "support/batch.h"
#include "support/load.h"

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_ledger ledger;
static struct goleak_spawns *spawns;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_ledger_init(&ledger, &alloc);
    const struct goleak_model model = { .alloc = &alloc, .ledger = &ledger };
    spawns = goleak_analysis_spawns.create(&model);
    return spawns != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_analysis_spawns.release(spawns);
    goleak_ledger_release(&ledger);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void take(enum goleak_transition_kind kind, uint32_t site, int64_t since, int64_t moment, bool preexisting)
{
    const struct goleak_transition t = {
        .kind = (uint8_t)kind, .site = site, .since = since, .moment = moment, .preexisting = preexisting
    };
    assert_int_equal(goleak_ledger_take(&ledger, batch_of(&t, 1)), GOLEAK_OK);
    assert_int_equal(take_batch(&goleak_analysis_spawns, spawns, &t, 1), GOLEAK_OK);
}

static void each_site_has_its_own_counts(void **state)
{
    (void)state;
    take(GOLEAK_T_CREATED, 3, 10, 10, false);
    take(GOLEAK_T_CREATED, 3, 20, 20, false);
    take(GOLEAK_T_CREATED, 900, 30, 30, false);
    take(GOLEAK_T_ENDED, 3, 10, 110, false);
    struct goleak_spawn three = goleak_spawns_at(spawns, 3), far = goleak_spawns_at(spawns, 900);
    struct goleak_spawn between = goleak_spawns_at(spawns, 500), beyond = goleak_spawns_at(spawns, 100000);
    assert_int_equal(three.created, 2);
    assert_int_equal(three.ended, 1);
    assert_int_equal(far.created, 1);
    assert_int_equal(far.ended, 0);
    assert_int_equal(between.created, 0);
    assert_int_equal(beyond.created, 0);
}

static void lives_are_summed_and_the_longest_kept(void **state)
{
    (void)state;
    take(GOLEAK_T_ENDED, 1, 100, 150, false);
    take(GOLEAK_T_ENDED, 1, 100, 400, false);
    take(GOLEAK_T_ENDED, 1, 300, 200, false); /* clocks of two CPUs: no life is negative */
    struct goleak_spawn site = goleak_spawns_at(spawns, 1);
    assert_int_equal(site.life_sum, 350);
    assert_int_equal(site.life_most, 300);
    take(GOLEAK_T_ENDED, 1, 0, INT64_MAX, false);
    take(GOLEAK_T_ENDED, 1, 0, INT64_MAX, false);
    take(GOLEAK_T_ENDED, 1, 0, INT64_MAX, false);
    assert_int_equal(goleak_spawns_at(spawns, 1).life_sum, UINT64_MAX);
}

static void older_ones_end_beside_the_count(void **state)
{
    (void)state;
    take(GOLEAK_T_APPEARED, 1, GOLEAK_NO_MOMENT, 10, true);
    take(GOLEAK_T_ENDED, 1, GOLEAK_NO_MOMENT, 20, true);
    struct goleak_spawn site = goleak_spawns_at(spawns, 1);
    assert_int_equal(site.created, 0);
    assert_int_equal(site.ended, 0); /* else alive would be less than none */
    assert_int_equal(site.preexisting_ended, 1);
}

static void what_is_taken_back_was_never_created(void **state)
{
    (void)state;
    take(GOLEAK_T_CREATED, 2, 10, 10, false);
    take(GOLEAK_T_RETRACTED, 2, 10, 20, false);
    take(GOLEAK_T_RETRACTED, 2, GOLEAK_NO_MOMENT, 20, true); /* an older one was not counted */
    assert_int_equal(goleak_spawns_at(spawns, 2).created, 0);
}

static void ranks_are_by_the_living_then_the_created(void **state)
{
    static const unsigned created[] = { 0, 5, 9, 9, 2, 4 }, ended[] = { 0, 5, 7, 5, 0, 0 };
    static const uint32_t expected[] = { 3, 5, 2, 4, 1 }; /* alive 4 of 9, 4 of 4, 2 of 9, 2 of 2, 0 */
    (void)state;
    for (uint32_t site = 0; site < COUNT(created); site++) {
        for (unsigned i = 0; i < created[site]; i++)
            take(GOLEAK_T_CREATED, site, 1, 1, false);
        for (unsigned i = 0; i < ended[site]; i++)
            take(GOLEAK_T_ENDED, site, 1, 2, false);
    }
    assert_int_equal(goleak_analysis_spawns.finish(spawns), GOLEAK_OK);
    assert_int_equal(spawns->ranked_count, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_int_equal(spawns->ranked[i], expected[i]);
}

static void memory_that_ends_is_told(void **state)
{
    const struct goleak_transition t = { .kind = GOLEAK_T_CREATED, .site = 1000000 };
    (void)state;
    heap.fail_at = heap.requests + 1;
    assert_int_equal(take_batch(&goleak_analysis_spawns, spawns, &t, 1), GOLEAK_E_MEMORY);
}

/* From a recording: the place, the start function, the counts. */
static void a_recordings_sites_come_out(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000000380 goid=2 fn=main.f ts=10\n"
                                      "        runtime.newproc+63\n        main.main+16\n"
                                      "newproc1: goroutine=c000000700 goid=3 fn=main.f ts=20\n"
                                      "        runtime.newproc+63\n        main.main+16\n"
                                      "newproc1: goroutine=c000000a80 goid=4 fn=main.g ts=30\n"
                                      "        runtime.newproc+63\n        main.main+48\n"
                                      "gdestroy: goroutine=c000000a80 goid=4 ts=90\n");
    struct goleak_view view;
    goleak_trace_view(trace, &view);
    const struct goleak_spawns *found = goleak_view_analysis(&view, &goleak_analysis_spawns);
    struct goleak_json json;
    (void)state;
    assert_int_equal(found->ranked_count, 2);
    goleak_json_init(&json, &alloc, NULL, NULL);
    goleak_json_open(&json, NULL, '{');
    goleak_analysis_spawns.write(found, &json);
    goleak_json_close(&json, '}');
    goleak_buf_char(&json.buf, '\0');
    cJSON *document = cJSON_Parse(json.buf.data);
    goleak_buf_release(&json.buf);
    const cJSON *sites = cJSON_GetObjectItem(document, "spawn_sites");
    const cJSON *f = cJSON_GetArrayItem(sites, 0), *g = cJSON_GetArrayItem(sites, 1);
    assert_int_equal(cJSON_GetArraySize(sites), 2);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(f, "created_at")), "main.main+0x10");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(f, "start_function")), "main.f");
    assert_int_equal(cJSON_GetObjectItem(f, "created")->valueint, 2);
    assert_int_equal(cJSON_GetObjectItem(f, "alive")->valueint, 2);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(f, "mean_life_ns"))); /* none has ended */
    assert_int_equal(cJSON_GetObjectItem(g, "ended")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(g, "mean_life_ns")->valueint, 60);
    assert_int_equal(cJSON_GetObjectItem(g, "longest_life_ns")->valueint, 60);
    cJSON_Delete(document);
    goleak_trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_site_has_its_own_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lives_are_summed_and_the_longest_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_ones_end_beside_the_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_taken_back_was_never_created, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ranks_are_by_the_living_then_the_created, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_ends_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_recordings_sites_come_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
