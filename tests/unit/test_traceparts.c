/* test_traceparts - goroutines of a trace by goid, against an array of what should be there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "format/traceparts.h"
#include "support/collide.h"
#include "support/fail_alloc.h"

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_trace_gs gs;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    assert_true(goleak_trace_gs_init(&gs, &alloc));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_trace_gs_release(&gs);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

/* Dense ones, as a program has them; far ones; and what a flipped bit makes of one. */
#define GOIDS 3000
static uint64_t goid_at(unsigned i)
{
    return i % 3 == 0 ? i + 1 : i % 3 == 1 ? (uint64_t)(i + 1) << 40 : UINT64_MAX - i;
}

static void goroutines_come_and_go(void **state)
{
    (void)state;
    static uint32_t slots[GOIDS];
    uint32_t random = 1, living = 0;
    memset(slots, 0, sizeof slots);
    for (unsigned step = 0; step < 60000; step++) {
        random = random * 1664525 + 1013904223;
        unsigned i = (random >> 8) % GOIDS;
        assert_int_equal(goleak_trace_gs_find(&gs, goid_at(i)), slots[i]);
        if (slots[i] == 0) {
            slots[i] = goleak_trace_gs_add(&gs, goid_at(i));
            assert_true(slots[i] != 0 && gs.gs[slots[i]].goid == goid_at(i));
            gs.gs[slots[i]].status = GOLEAK_TRACE_RUNNING;
            living++;
        } else {
            goleak_trace_gs_remove(&gs, slots[i]);
            slots[i] = 0;
            living--;
        }
        assert_int_equal(gs.living, living);
    }
    for (unsigned i = 0; i < GOIDS; i++)
        assert_int_equal(goleak_trace_gs_find(&gs, goid_at(i)), slots[i]);
    assert_true(gs.count <= GOIDS + 1); /* slots are used again */
}

static void who_is_not_listed_is_found_once_it_is(void **state)
{
    (void)state;
    uint32_t slots[1998];
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 1998; i++) {
            slots[i] = goleak_trace_gs_take(&gs, goid_at(i));
            assert_true(slots[i] != 0 && gs.gs[slots[i]].goid == goid_at(i));
            assert_int_equal(goleak_trace_gs_find(&gs, goid_at(i)), 0);
            if (i % 3 == 0) /* at once, one after the next, never */
                goleak_trace_gs_list(&gs, slots[i]);
            if (i % 3 == 2)
                goleak_trace_gs_list(&gs, slots[i - 1]);
        }
        assert_int_equal(gs.living, 1998);
        for (unsigned i = 0; i < 1998; i++)
            assert_int_equal(goleak_trace_gs_find(&gs, goid_at(i)), i % 3 == 2 ? 0 : slots[i]);
        for (unsigned i = 0; i < 1998; i++)
            goleak_trace_gs_remove(&gs, slots[i]);
        assert_int_equal(gs.living, 0);
    }
    assert_int_equal(gs.count, 1999); /* slots are used again */
}

static void who_is_not_there_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(goleak_trace_gs_find(&gs, 0), 0);
    assert_int_equal(goleak_trace_gs_find(&gs, 7), 0);
    uint32_t slot = goleak_trace_gs_add(&gs, 7);
    goleak_trace_gs_remove(&gs, slot);
    goleak_trace_gs_remove(&gs, slot); /* an error in a trace may say so twice */
    assert_int_equal(gs.living, 0);
    assert_int_equal(goleak_trace_gs_find(&gs, 7), 0);
    assert_int_equal(goleak_trace_gs_add(&gs, 8), slot);
    assert_int_not_equal(goleak_trace_gs_add(&gs, 9), slot);
}

static void a_goid_of_0_is_one_like_others(void **state)
{
    (void)state;
    uint32_t slot = goleak_trace_gs_add(&gs, 0); /* v1's damaged ones */
    for (unsigned i = 0; i < 1000; i++)
        assert_int_not_equal(goleak_trace_gs_add(&gs, goid_at(i)), 0);
    assert_int_equal(goleak_trace_gs_find(&gs, 0), slot);
    goleak_trace_gs_remove(&gs, slot);
    assert_int_equal(goleak_trace_gs_find(&gs, 0), 0);
    assert_int_equal(gs.living, 1000);
}

static void goids_that_were_chosen_to_collide_do_not(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < COLLIDE_MANY; i++)
        assert_int_equal(goleak_trace_gs_add(&gs, collide_u64(i + 1) << 1), i + 1);
    assert_int_equal(gs.used, COLLIDE_MANY);
    assert_true(gs.secret != 0);
    for (uint64_t i = 0; i < COLLIDE_MANY; i++)
        assert_int_equal(goleak_trace_gs_find(&gs, collide_u64(i + 1) << 1), i + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(goroutines_come_and_go),
        TEST(who_is_not_listed_is_found_once_it_is),
        TEST(who_is_not_there_is_not_found),
        TEST(a_goid_of_0_is_one_like_others),
        cmocka_unit_test_setup_teardown(goids_that_were_chosen_to_collide_do_not, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
