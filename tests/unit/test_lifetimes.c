/* test_lifetimes - a histogram in powers of two, of lives seen from end to end. */
#include <cJSON.h>

#include "analysis/lifetimes.h"
#include "support/fail_alloc.h"
#include "support/batch.h"
#include "support/load.h"

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_lifetimes *lifetimes;
static bool has_time;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    const struct goleak_model model = { .alloc = &alloc, .has_time = &has_time };
    has_time = true;
    lifetimes = goleak_analysis_lifetimes.create(&model);
    return lifetimes != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_analysis_lifetimes.release(lifetimes);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void end(int64_t created, int64_t ended)
{
    const struct goleak_transition t = { .kind = GOLEAK_T_ENDED, .since = created, .moment = ended };
    assert_int_equal(take_batch(&goleak_analysis_lifetimes, lifetimes, &t, 1), GOLEAK_OK);
}

static void a_life_falls_into_the_bucket_of_its_highest_bit(void **state)
{
    static const struct {
        int64_t life;
        unsigned bucket;
    } cases[] = {
        { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 2 }, { 4, 3 }, { 7, 3 }, { 8, 4 }, { 1023, 10 }, { 1024, 11 },
        { INT64_MAX, 63 }, { INT64_MAX / 2 + 1, 63 }, { INT64_MAX / 2, 62 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t before = lifetimes->buckets[cases[i].bucket];
        end(0, cases[i].life);
        assert_int_equal(lifetimes->buckets[cases[i].bucket], before + 1);
        /* The bucket holds it, and the one before does not. */
        assert_true(cases[i].life <= goleak_lifetime_le(cases[i].bucket));
        assert_true(cases[i].bucket == 0 || cases[i].life > goleak_lifetime_le(cases[i].bucket - 1));
    }
    assert_int_equal(lifetimes->count, COUNT(cases));
}

static void least_most_and_sum_are_exact(void **state)
{
    (void)state;
    end(100, 350);
    end(1000, 1007);
    end(50, 90);
    assert_int_equal(lifetimes->least, 7);
    assert_int_equal(lifetimes->most, 250);
    assert_int_equal(lifetimes->sum, 297);
    end(0, INT64_MAX);
    end(0, INT64_MAX);
    end(0, INT64_MAX);
    assert_int_equal(lifetimes->sum, UINT64_MAX); /* no wrap */
}

static void only_lives_with_both_ends_count(void **state)
{
    static const struct goleak_transition others[] = {
        { .kind = GOLEAK_T_CREATED, .since = 1, .moment = 1 },
        { .kind = GOLEAK_T_BLOCKED, .since = 2, .moment = 2 },
        { .kind = GOLEAK_T_UNBLOCKED, .since = 2, .moment = 9 },
        { .kind = GOLEAK_T_ENDED, .since = GOLEAK_NO_MOMENT, .moment = 10, .preexisting = true },
    };
    (void)state;
    assert_int_equal(take_batch(&goleak_analysis_lifetimes, lifetimes, others, COUNT(others)), GOLEAK_OK);
    assert_int_equal(lifetimes->count, 0);
}

static void no_life_is_shorter_than_none(void **state)
{
    (void)state;
    end(200, 100); /* two CPUs' clocks */
    assert_int_equal(lifetimes->buckets[0], 1);
    assert_int_equal(lifetimes->least, 0);
    assert_int_equal(lifetimes->sum, 0);
}

static void quantiles_are_upper_bounds_and_never_above_the_most(void **state)
{
    (void)state;
    assert_int_equal(goleak_lifetime_quantile(lifetimes, 500), 0);
    for (int64_t i = 0; i < 100; i++)
        end(0, i < 90 ? 10 : 1000);
    assert_int_equal(goleak_lifetime_quantile(lifetimes, 500), 15);
    assert_int_equal(goleak_lifetime_quantile(lifetimes, 890), 15);
    assert_int_equal(goleak_lifetime_quantile(lifetimes, 900), 1000);
    assert_int_equal(goleak_lifetime_quantile(lifetimes, 1000), 1000);
}

static cJSON *written(void)
{
    static char text[8192];
    struct goleak_json json;
    goleak_json_init(&json, &alloc, NULL, NULL);
    goleak_json_open(&json, NULL, '{');
    goleak_analysis_lifetimes.write(lifetimes, &json);
    goleak_json_close(&json, '}');
    assert_true(json.buf.size < sizeof text);
    memcpy(text, json.buf.data, json.buf.size);
    text[json.buf.size] = '\0';
    goleak_buf_release(&json.buf);
    cJSON *document = cJSON_Parse(text);
    assert_non_null(document);
    return document;
}

static void the_report_has_the_buckets_that_hold_something(void **state)
{
    (void)state;
    end(0, 5);
    end(0, 6);
    end(0, 100);
    cJSON *document = written();
    const cJSON *member = cJSON_GetObjectItem(document, "lifetimes");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(member, "unit")), "ns");
    assert_int_equal(cJSON_GetObjectItem(member, "count")->valueint, 3);
    const cJSON *buckets = cJSON_GetObjectItem(member, "buckets");
    assert_int_equal(cJSON_GetArraySize(buckets), 2);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(buckets, 0), "le")->valueint, 7);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(buckets, 0), "count")->valueint, 2);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(buckets, 1), "le")->valueint, 127);
    cJSON_Delete(document);
}

static void what_is_not_known_is_null(void **state)
{
    (void)state;
    has_time = false;
    cJSON *document = written();
    const cJSON *member = cJSON_GetObjectItem(document, "lifetimes");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(member, "unit")), "events");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(member, "min")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(member, "max")));
    cJSON_Delete(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_life_falls_into_the_bucket_of_its_highest_bit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(least_most_and_sum_are_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_lives_with_both_ends_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_life_is_shorter_than_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quantiles_are_upper_bounds_and_never_above_the_most, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_report_has_the_buckets_that_hold_something, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_null, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
