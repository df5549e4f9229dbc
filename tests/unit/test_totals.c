/* test_totals - what appeared, was created, ended, is blocked; and taken back. */
#include "analysis/totals.h"
#include "support/fail_alloc.h"
#include "support/batch.h"
#include "support/load.h"

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_totals *totals;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    const struct goleak_model model = { .alloc = &alloc };
    totals = goleak_analysis_totals.create(&model);
    return totals != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_analysis_totals.release(totals);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void take(const struct goleak_transition *transitions, size_t count)
{
    assert_int_equal(take_batch(&goleak_analysis_totals, totals, transitions, count), GOLEAK_OK);
}

static void expect(uint64_t preexisting, uint64_t created, uint64_t ended, uint64_t blocked)
{
    assert_int_equal(totals->preexisting, preexisting);
    assert_int_equal(totals->created, created);
    assert_int_equal(totals->ended, ended);
    assert_int_equal(totals->blocked, blocked);
}

static void each_change_counts_once(void **state)
{
    static const struct goleak_transition some[] = {
        { .kind = GOLEAK_T_CREATED },   { .kind = GOLEAK_T_CREATED },
        { .kind = GOLEAK_T_BLOCKED },   { .kind = GOLEAK_T_APPEARED, .preexisting = true },
        { .kind = GOLEAK_T_BLOCKED },   { .kind = GOLEAK_T_UNBLOCKED },
        { .kind = GOLEAK_T_ENDED },
    };
    (void)state;
    take(some, COUNT(some));
    expect(1, 2, 1, 1);
}

static void what_is_taken_back_never_was(void **state)
{
    static const struct goleak_transition one[] = {
        { .kind = GOLEAK_T_CREATED },
        { .kind = GOLEAK_T_CREATED },
        { .kind = GOLEAK_T_BLOCKED },
        { .kind = GOLEAK_T_RETRACTED, .blocked = true },
    };
    static const struct goleak_transition older[] = {
        { .kind = GOLEAK_T_APPEARED, .preexisting = true },
        { .kind = GOLEAK_T_RETRACTED, .preexisting = true },
    };
    (void)state;
    take(one, COUNT(one));
    expect(0, 1, 0, 0);
    take(older, COUNT(older));
    expect(0, 1, 0, 0);
}

static void batches_add_up(void **state)
{
    static const struct goleak_transition created = { .kind = GOLEAK_T_CREATED };
    (void)state;
    take(&created, 0);
    for (int i = 0; i < 1000; i++)
        take(&created, 1);
    expect(0, 1000, 0, 0);
}

/* From a recording to the summary, the runtime's own left out. */
static void the_summary_takes_them_over(void **state)
{
    struct goleak_trace *trace = load("gopark: goroutine=c000000380 goid=3 reason=6 ts=1\n"
                                      "newproc1: goroutine=c000000700 goid=20 ts=2\n"
                                      "newproc1: goroutine=c000000a80 goid=21 ts=3\n"
                                      "gopark: goroutine=c000000a80 goid=21 reason=7 ts=4\n"
                                      "newproc1: goroutine=c000000e00 goid=22 ts=5\n"
                                      "gopark: goroutine=c000000e00 goid=22 reason=10 ts=6\n"
                                      "gdestroy: goroutine=c000000380 goid=3 ts=7\n");
    struct goleak_summary sum = load_summary(trace);
    (void)state;
    assert_int_equal(sum.preexisting, 1);
    assert_int_equal(sum.created, 2);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.live_at_end, 2);
    assert_int_equal(sum.blocked_at_end, 1);
    goleak_trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_change_counts_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_taken_back_never_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batches_add_up, set_up, tear_down),
        cmocka_unit_test(the_summary_takes_them_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
