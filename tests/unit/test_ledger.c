/* test_ledger - what appeared, was created, ended, is blocked; taken back, and moved; and that
 * it does not matter where batches end. */
#include "model/ledger.h"
#include "support/batch.h"
#include "support/fail_alloc.h"
#include "support/load.h"

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_ledger ledger;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_ledger_init(&ledger, &alloc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_ledger_release(&ledger);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void take(const struct goleak_transition *transitions, size_t count)
{
    assert_int_equal(goleak_ledger_take(&ledger, batch_of(transitions, count)), GOLEAK_OK);
}

static void expect(uint64_t preexisting, uint64_t created, uint64_t ended, uint64_t blocked)
{
    assert_int_equal(goleak_ledger_all(&ledger, GOLEAK_T_APPEARED), preexisting);
    assert_int_equal(goleak_ledger_all(&ledger, GOLEAK_T_CREATED), created);
    assert_int_equal(goleak_ledger_ended(&ledger, 0), ended);
    assert_int_equal(ledger.gauges[GOLEAK_GAUGE_BLOCKED].now, blocked);
    assert_int_equal(ledger.gauges[GOLEAK_GAUGE_LIVE].now, preexisting + created - ended);
}

static void each_change_counts_once(void **state)
{
    static const struct goleak_transition some[] = {
        { .kind = GOLEAK_T_CREATED },   { .kind = GOLEAK_T_CREATED },
        { .kind = GOLEAK_T_BLOCKED },   { .kind = GOLEAK_T_APPEARED, .preexisting = true },
        { .kind = GOLEAK_T_BLOCKED },   { .kind = GOLEAK_T_UNBLOCKED },
        { .kind = GOLEAK_T_ENDED },     { .kind = GOLEAK_T_REBLOCKED },
    };
    static const struct goleak_transition asleep = { .kind = GOLEAK_T_ENDED_BLOCKED };
    (void)state;
    take(some, COUNT(some));
    expect(1, 2, 1, 1);
    take(&asleep, 1);
    expect(1, 2, 2, 0);
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
    assert_int_equal(goleak_ledger_at_peak(&ledger, GOLEAK_GAUGE_LIVE, 0), 1);
    take(older, COUNT(older));
    expect(0, 1, 0, 0);
}

/* Two are created and end, one after the other; then two show themselves that were there before, one of them blocked,
 * one of a site that is told later; then the first of them ends. */
static void those_who_were_there_lift_all_before(void **state)
{
    static const struct goleak_transition some[] = {
        { .kind = GOLEAK_T_CREATED, .moment = 1, .serial = 1, .site = 1 },
        { .kind = GOLEAK_T_ENDED, .moment = 2, .serial = 1, .site = 1 },
        { .kind = GOLEAK_T_CREATED, .moment = 3, .serial = 2, .site = 1 },
        { .kind = GOLEAK_T_ENDED, .moment = 4, .serial = 2, .site = 1 },
        { .kind = GOLEAK_T_WAS_THERE, .moment = 5, .serial = 3, .site = 2 },
        { .kind = GOLEAK_T_WAS_BLOCKED, .moment = 5, .serial = 3, .site = 2 },
        { .kind = GOLEAK_T_WAS_THERE, .moment = 6, .serial = 4 },
        { .kind = GOLEAK_T_WAS_BLOCKED, .moment = 6, .serial = 4 },
        { .kind = GOLEAK_T_MOVED,
          .moment = 7,
          .serial = 4,
          .site = 3,
          .blocked = true,
          .preexisting = true,
          .was_there = true,
          .was_blocked = true },
        { .kind = GOLEAK_T_ENDED_BLOCKED, .moment = 8, .serial = 3, .site = 2 },
    };
    static const struct goleak_transition back = { .kind = GOLEAK_T_RETRACTED,
                                                   .moment = 9,
                                                   .serial = 4,
                                                   .site = 3,
                                                   .blocked = true,
                                                   .preexisting = true,
                                                   .was_there = true,
                                                   .was_blocked = true };
    (void)state;
    take(some, COUNT(some));
    assert_int_equal(goleak_ledger_now(&ledger, GOLEAK_GAUGE_LIVE), 1);
    assert_int_equal(goleak_ledger_now(&ledger, GOLEAK_GAUGE_BLOCKED), 1);
    assert_int_equal(goleak_ledger_peak(&ledger, GOLEAK_GAUGE_LIVE), 3);
    assert_int_equal(goleak_ledger_peak_moment(&ledger, GOLEAK_GAUGE_LIVE), 1);
    assert_int_equal(goleak_ledger_peak(&ledger, GOLEAK_GAUGE_BLOCKED), 2);
    assert_int_equal(goleak_ledger_peak_moment(&ledger, GOLEAK_GAUGE_BLOCKED), 1); /* from the beginning */
    for (uint32_t site = 0; site < 4; site++) {
        assert_int_equal(goleak_ledger_at_peak(&ledger, GOLEAK_GAUGE_LIVE, site), site != 0);
        assert_int_equal(goleak_ledger_at_peak(&ledger, GOLEAK_GAUGE_BLOCKED, site), site > 1);
        assert_int_equal(goleak_ledger_older(&ledger, site), site > 1);
    }
    take(&back, 1);
    assert_int_equal(goleak_ledger_now(&ledger, GOLEAK_GAUGE_LIVE), 0);
    assert_int_equal(goleak_ledger_now(&ledger, GOLEAK_GAUGE_BLOCKED), 0);
    assert_int_equal(goleak_ledger_peak(&ledger, GOLEAK_GAUGE_LIVE), 2);
    assert_int_equal(goleak_ledger_peak(&ledger, GOLEAK_GAUGE_BLOCKED), 1);
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

/* Counted where no site was told, until it was. */
static void what_moves_was_there_all_the_time(void **state)
{
    static const struct goleak_transition some[] = {
        { .kind = GOLEAK_T_CREATED, .moment = 1, .serial = 1 },
        { .kind = GOLEAK_T_BLOCKED, .moment = 2, .serial = 1 },
        { .kind = GOLEAK_T_MOVED, .moment = 3, .serial = 1, .site = 5, .blocked = true },
        { .kind = GOLEAK_T_ENDED_BLOCKED, .moment = 4, .serial = 1, .site = 5 },
    };
    (void)state;
    take(some, COUNT(some));
    assert_int_equal(goleak_ledger_told(&ledger, 0, GOLEAK_T_CREATED), 0);
    assert_int_equal(goleak_ledger_told(&ledger, 5, GOLEAK_T_CREATED), 1);
    for (int kind = 0; kind < GOLEAK_GAUGES; kind++) {
        assert_int_equal(ledger.gauges[kind].now, 0);
        assert_int_equal(ledger.gauges[kind].peak, 1);
        assert_int_equal(goleak_ledger_at_peak(&ledger, (enum goleak_gauge_kind)kind, 0), 0);
        assert_int_equal(goleak_ledger_at_peak(&ledger, (enum goleak_gauge_kind)kind, 5), 1);
    }
    assert_int_equal(goleak_ledger_peak_moment(&ledger, GOLEAK_GAUGE_LIVE), 1);
    assert_int_equal(goleak_ledger_peak_moment(&ledger, GOLEAK_GAUGE_BLOCKED), 2);
}

static uint32_t random_below(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)*seed * below >> 32);
}

#define SITES 5
#define CHANGES 20000

/* What a ledger would be that looks at all of its sites after each transition. */
static struct plain {
    int64_t now[GOLEAK_GAUGES], peak[GOLEAK_GAUGES], at[SITES][GOLEAK_GAUGES], at_peak[SITES][GOLEAK_GAUGES];
    int64_t moment[GOLEAK_GAUGES];
    uint64_t ticks;
    int64_t alive_after[2 * CHANGES][SITES]; /* so many ends and wake-ups */
} plain;

static void count_plain(int kind, uint32_t site, int step, int64_t moment)
{
    plain.now[kind] += step;
    plain.at[site][kind] += step;
    if (plain.now[kind] <= plain.peak[kind])
        return;
    plain.peak[kind] = plain.now[kind];
    plain.moment[kind] = moment;
    for (uint32_t s = 0; s < SITES; s++)
        plain.at_peak[s][kind] = plain.at[s][kind];
}

/* … from the beginning on. */
static void count_plain_before(int kind, uint32_t site)
{
    plain.now[kind]++;
    plain.peak[kind]++;
    plain.at[site][kind]++;
    plain.at_peak[site][kind]++;
    plain.moment[kind] = plain.moment[kind] != 0 ? plain.moment[kind] : 1;
    for (uint64_t i = 0; i <= plain.ticks && kind == GOLEAK_GAUGE_LIVE; i++)
        plain.alive_after[i][site]++;
}

static void tick_plain(unsigned count)
{
    for (plain.ticks += count; count != 0; count--)
        for (uint32_t s = 0; s < SITES; s++)
            plain.alive_after[plain.ticks - count + 1][s] = plain.at[s][GOLEAK_GAUGE_LIVE];
}

/* What it would be if it were not the runtime's. */
static enum goleak_transition_kind as_programs(enum goleak_transition_kind kind)
{
    switch (kind) {
    case GOLEAK_T_SYSTEM_ENDED: return GOLEAK_T_ENDED;
    case GOLEAK_T_SYSTEM_ENDED_BLOCKED: return GOLEAK_T_ENDED_BLOCKED;
    case GOLEAK_T_SYSTEM_UNBLOCKED: return GOLEAK_T_UNBLOCKED;
    case GOLEAK_T_SYSTEM_REBLOCKED: return GOLEAK_T_REBLOCKED;
    default: return kind;
    }
}

/* A possible next change of a site that has `live` goroutines, `blocked` of them so. */
static enum goleak_transition_kind choose(uint32_t *seed, uint32_t site)
{
    int64_t live = plain.at[site][GOLEAK_GAUGE_LIVE], blocked = plain.at[site][GOLEAK_GAUGE_BLOCKED];
    enum goleak_transition_kind kind = (enum goleak_transition_kind)random_below(seed, GOLEAK_T_COUNTED);
    const enum goleak_transition_kind as = as_programs(kind);
    bool needs_blocked = as == GOLEAK_T_ENDED_BLOCKED || as == GOLEAK_T_UNBLOCKED || as == GOLEAK_T_REBLOCKED;
    bool needs_awake = as == GOLEAK_T_ENDED || as == GOLEAK_T_BLOCKED || as == GOLEAK_T_WAS_BLOCKED;
    return (needs_blocked && blocked == 0) || (needs_awake && blocked == live) ? GOLEAK_T_CREATED : kind;
}

static void apply_plain(const struct goleak_transition *t)
{
    const enum goleak_transition_kind as = as_programs((enum goleak_transition_kind)t->kind);
    bool ends = as == GOLEAK_T_ENDED || as == GOLEAK_T_ENDED_BLOCKED;
    bool wakes = as == GOLEAK_T_UNBLOCKED || as == GOLEAK_T_REBLOCKED || as == GOLEAK_T_ENDED_BLOCKED;
    if (as == t->kind)
        tick_plain((unsigned)ends + (unsigned)wakes);
    if (ends)
        count_plain(GOLEAK_GAUGE_LIVE, t->site, -1, t->moment);
    if (as == GOLEAK_T_UNBLOCKED || as == GOLEAK_T_ENDED_BLOCKED)
        count_plain(GOLEAK_GAUGE_BLOCKED, t->site, -1, t->moment);
    if (t->kind == GOLEAK_T_CREATED || t->kind == GOLEAK_T_APPEARED)
        count_plain(GOLEAK_GAUGE_LIVE, t->site, 1, t->moment);
    if (t->kind == GOLEAK_T_BLOCKED)
        count_plain(GOLEAK_GAUGE_BLOCKED, t->site, 1, t->moment);
    if (t->kind == GOLEAK_T_WAS_THERE)
        count_plain_before(GOLEAK_GAUGE_LIVE, t->site);
    if (t->kind == GOLEAK_T_WAS_BLOCKED)
        count_plain_before(GOLEAK_GAUGE_BLOCKED, t->site);
}

static void expect_plain(void)
{
    int64_t series[GOLEAK_LEDGER_PARTS];
    uint64_t width = 4;
    while (plain.ticks >= width * GOLEAK_LEDGER_PARTS)
        width *= 2;
    for (int kind = 0; kind < GOLEAK_GAUGES; kind++) {
        assert_int_equal(goleak_ledger_now(&ledger, (enum goleak_gauge_kind)kind), plain.now[kind]);
        assert_int_equal(goleak_ledger_peak(&ledger, (enum goleak_gauge_kind)kind), plain.peak[kind]);
        assert_int_equal(goleak_ledger_peak_moment(&ledger, (enum goleak_gauge_kind)kind), plain.moment[kind]);
        for (uint32_t s = 0; s < SITES; s++)
            assert_int_equal(goleak_ledger_at_peak(&ledger, (enum goleak_gauge_kind)kind, s), plain.at_peak[s][kind]);
    }
    for (uint32_t s = 0; s < SITES; s++) {
        size_t parts = goleak_ledger_series(&ledger, s, series);
        assert_int_equal(parts, plain.ticks / width + 1);
        for (size_t i = 0; i + 1 < parts; i++)
            assert_int_equal(series[i], plain.alive_after[(i + 1) * width][s]);
        assert_int_equal(series[parts - 1], plain.at[s][GOLEAK_GAUGE_LIVE]);
    }
}

static void batches_and_marks_change_nothing(void **state)
{
    static struct goleak_transition some[GOLEAK_TRANSITIONS];
    uint32_t seed = 7;
    size_t count = 0;
    (void)state;
    memset(&plain, 0, sizeof plain);
    for (int64_t moment = 1; moment <= CHANGES; moment++) {
        uint32_t site = random_below(&seed, SITES);
        some[count] = (struct goleak_transition){
            .moment = moment, .serial = (uint64_t)moment, .site = site, .kind = (uint8_t)choose(&seed, site)
        };
        apply_plain(&some[count++]);
        if (random_below(&seed, 100) != 0 && count != GOLEAK_TRANSITIONS)
            continue;
        take(some, count);
        if (count % 5 == 0) /* whoever asks does not disturb it */
            expect_plain();
        count = 0;
    }
    take(some, count);
    expect_plain();
    assert_true(plain.peak[GOLEAK_GAUGE_BLOCKED] > 10);
}

static void memory_that_ends_is_told(void **state)
{
    const struct goleak_transition t = { .kind = GOLEAK_T_CREATED, .site = 100000 };
    (void)state;
    heap.fail_at = heap.requests + 1;
    assert_int_equal(goleak_ledger_take(&ledger, batch_of(&t, 1)), GOLEAK_E_MEMORY);
    heap.fail_at = heap.requests + 2;
    assert_int_equal(goleak_ledger_take(&ledger, batch_of(&t, 1)), GOLEAK_E_MEMORY);
    assert_int_equal(goleak_ledger_told(&ledger, 100000, GOLEAK_T_CREATED), 0);
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
        cmocka_unit_test_setup_teardown(those_who_were_there_lift_all_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batches_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_moves_was_there_all_the_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batches_and_marks_change_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_ends_is_told, set_up, tear_down),
        cmocka_unit_test(the_summary_takes_them_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
