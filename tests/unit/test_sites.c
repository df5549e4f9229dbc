/*
 * test_sites - whose goroutine it is, by where it starts and who spawned it.
 *
 * Go's own rule is isSystemGoroutine (runtime/traceback.go): a start function in
 * package runtime, but for runtime.main and the entry of coroutines. Packages
 * beside it spawn helpers that the rule does not cover.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/goroutine.h"
#include "model/sites.h"
#include "support/fail_alloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SYSTEM (GOLEAK_REC_SYSTEM | GOLEAK_REC_NOT_MAIN)
#define USER (GOLEAK_REC_USER | GOLEAK_REC_NOT_MAIN)
#define MAIN (GOLEAK_REC_USER | GOLEAK_REC_MAIN)

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_symbols symbols;
static struct goleak_sites sites;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_symbols_init(&symbols, &alloc);
    return goleak_sites_init(&sites, &symbols, &alloc) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_sites_release(&sites);
    goleak_symbols_release(&symbols);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static uint32_t frame_of(const char *function)
{
    return function != NULL ? goleak_symbols_frame(&symbols, function, strlen(function), 0x20, false) : 0;
}

/* NULL: not told. */
static uint32_t add_for(uint16_t process, const char *spawner, const char *caller, const char *start)
{
    uint32_t frame = frame_of(spawner);
    uint32_t name = start != NULL ? goleak_symbols_string(&symbols, start, strlen(start)) : 0;
    uint32_t site = 12345;
    assert_true(goleak_sites_add(&sites, process, frame, frame_of(caller), name, &site));
    return site;
}

static uint32_t add_in(uint16_t process, const char *spawner, const char *start)
{
    return add_for(process, spawner, NULL, start);
}

static uint32_t add(const char *spawner, const char *start)
{
    return add_in(0, spawner, start);
}

static void check(const char *spawner, const char *start, unsigned expected)
{
    unsigned proof = goleak_sites_at(&sites, add(spawner, start))->proof;
    if (proof != expected)
        fail_msg("spawned by %s, starts in %s: found %x, expected %x", spawner != NULL ? spawner : "?",
                 start != NULL ? start : "?", proof, expected);
}

static void wrappers_are_known_by_their_names(void **state)
{
    (void)state;
    assert_true(goleak_symbols_is_wrapper("main.f.gowrap1"));
    assert_true(goleak_symbols_is_wrapper("net/http.(*Server).Serve.func2.gowrap13"));
    assert_true(goleak_symbols_is_wrapper("main.f·dwrap·2"));
    assert_false(goleak_symbols_is_wrapper("main.f.gowrap"));
    assert_false(goleak_symbols_is_wrapper("main.f.deferwrap1"));
    assert_false(goleak_symbols_is_wrapper("main.f.gowrap1.func1"));
    assert_false(goleak_symbols_is_wrapper("main.dwrap1"));
    assert_false(goleak_symbols_is_wrapper("1"));
    assert_false(goleak_symbols_is_wrapper(""));
}

/* Of one recorder they are two statements in one line. */
static void a_wrapper_is_another_name_where_recordings_are_joined(void **state)
{
    (void)state;
    assert_int_not_equal(add("main.f", "main.f.gowrap1"), add("main.f", "main.work"));
    sites.joined = true;
    uint32_t wrapper = add("main.g", "main.g.gowrap1"), plain = add("main.g", "main.work");
    assert_int_equal(plain, wrapper);
    assert_int_equal(add("main.g", "main.g.gowrap1"), wrapper);
    assert_string_equal(goleak_symbols_text(&symbols, goleak_sites_at(&sites, plain)->start), "main.work");
    plain = add("main.h", "main.work");
    assert_int_equal(add("main.h", "main.h.gowrap1"), plain);
    assert_string_equal(goleak_symbols_text(&symbols, goleak_sites_at(&sites, plain)->start), "main.work");
    assert_int_not_equal(add("main.h", "main.other"), plain);
    assert_int_not_equal(add("main.i", "main.work"), plain);
}

static void start_functions_follow_gos_rule(void **state)
{
    (void)state;
    check(NULL, "runtime.forcegchelper", SYSTEM);
    check(NULL, "runtime.gcBgMarkStartWorkers.gowrap1", SYSTEM);
    check(NULL, "runtime.runfinq", SYSTEM);
    check(NULL, "runtime.(*traceAdvancerState).start.func1", SYSTEM);
    check(NULL, "runtime.main", MAIN);
    check(NULL, "runtime.corostart", USER);
    check(NULL, "runtime.cgocallback", USER);
    check(NULL, "runtime.cgocallback.abi0", USER);
    check(NULL, "main.main.func1", USER);
    check(NULL, "net/http.(*Server).Serve.gowrap3", USER);
    check(NULL, "runtimes.f", USER); /* another package */
    check(NULL, "runtime/metrics.f", USER);
}

static void helpers_beside_the_runtime_are_its_own(void **state)
{
    (void)state;
    check(NULL, "runtime/trace.(*traceMultiplexer).startLocked.func1", SYSTEM);
    check(NULL, "runtime/trace.Start.func1", SYSTEM);
    check(NULL, "runtime/pprof.profileWriter", SYSTEM);
    check(NULL, "os/signal.loop", SYSTEM);
    check(NULL, "os/signal.NotifyContext.func1", USER); /* waits for the program, not for the runtime */
}

static void without_a_start_function_the_spawner_decides(void **state)
{
    (void)state;
    check("runtime.gcenable", NULL, SYSTEM);
    check("runtime.createfing", NULL, SYSTEM);
    check("runtime/trace.Start", NULL, SYSTEM);
    check("runtime/pprof.StartCPUProfile", NULL, SYSTEM);
    check("os/signal.watchSignalLoop", NULL, SYSTEM);
    check("os/signal.Notify.func1", NULL, GOLEAK_REC_NOT_MAIN); /* os/signal.loop, or not */
    check("runtime.rt0_go.abi0", NULL, MAIN);
    check("runtime.rt0_go", NULL, MAIN);
    check("runtime.newcoro.func1", NULL, USER);
    check("main.Gather", NULL, USER);
    check("time.goFunc", NULL, USER);
}

static void what_the_runtime_spawns_is_its_own_whatever_it_starts(void **state)
{
    (void)state;
    check("runtime.gcenable", "main.f", SYSTEM);
    check("runtime.rt0_go.abi0", "runtime.main", MAIN);
    check("runtime.newcoro", "runtime.corostart", USER);
    check("main.Gather", "main.Gather.func1", USER);
}

static void an_address_proves_nothing(void **state)
{
    uint32_t site;
    (void)state;
    assert_true(goleak_sites_add(&sites, 0, goleak_symbols_address(&symbols, 0x68a525, false), 0, 0, &site));
    assert_int_not_equal(site, 0);
    assert_int_equal(goleak_sites_at(&sites, site)->proof, 0);
}

static void nothing_told_is_site_zero(void **state)
{
    (void)state;
    assert_int_equal(add(NULL, NULL), 0);
    assert_int_equal(goleak_sites_at(&sites, 0)->proof, 0);
    assert_int_equal(goleak_sites_at(&sites, 0)->created_at, 0);
    assert_int_equal(goleak_sites_count(&sites), 1);
}

static void a_place_and_a_start_are_one_site(void **state)
{
    (void)state;
    uint32_t site = add("main.Gather", "main.Gather.func1");
    assert_int_equal(add("main.Gather", "main.Gather.func1"), site);
    assert_int_not_equal(add("main.Gather", "main.Gather.func2"), site);
    assert_int_not_equal(add("main.Gather", NULL), site);
    assert_int_not_equal(add(NULL, "main.Gather.func1"), site);
    assert_int_equal(goleak_sites_count(&sites), 5);
    const struct goleak_site *one = goleak_sites_at(&sites, site);
    assert_string_equal(goleak_symbols_frame_text(&symbols, one->created_at), "main.Gather+0x20");
    assert_string_equal(goleak_symbols_text(&symbols, one->start), "main.Gather.func1");
}

/* A go statement whose stack was named once is known by its address from then on. */
static void places_are_learnt_by_address(void **state)
{
    (void)state;
    uint32_t frame = goleak_symbols_frame(&symbols, "main.Gather", 11, 0x9e, false);
    uint32_t other = goleak_symbols_frame(&symbols, "main.other", 10, 0x9e, false);
    assert_int_equal(goleak_sites_place(&sites, 0x68a525, frame), frame);
    assert_int_equal(goleak_sites_place(&sites, 0x68a525, 0), frame);
    assert_int_equal(goleak_sites_place(&sites, 0x68a525, other), other); /* as its own stack has it */
    assert_int_equal(goleak_sites_place(&sites, 0x68a525, 0), frame);     /* the first name stays */
    for (uint64_t pc = 1; pc < 1000; pc++)
        assert_int_equal(goleak_sites_place(&sites, pc, other), other);
    assert_int_equal(goleak_sites_place(&sites, 999, 0), other);
    assert_int_equal(goleak_sites_place(&sites, 0x68a525, 0), frame);
}

/* … and one that was met before is one place, which gets its name at the end. */
static void a_place_that_is_named_late_stays_one(void **state)
{
    uint32_t before, after, lost, frame = goleak_symbols_frame(&symbols, "main.Gather", 11, 0x9e, false);
    (void)state;
    assert_true(goleak_sites_add(&sites, 0, goleak_sites_place(&sites, 0x68a525, 0), 0, 0, &before));
    assert_true(goleak_sites_add(&sites, 0, goleak_sites_place(&sites, 0x68a525, frame), 0, 0, &after));
    assert_int_equal(before, after);
    assert_true(goleak_sites_add(&sites, 0, goleak_sites_place(&sites, 0x68a999, 0), 0, 0, &lost));
    const struct goleak_site *one = goleak_sites_at(&sites, before);
    assert_string_equal(goleak_symbols_frame_text(&symbols, one->created_at), "0x68a525");
    assert_true(goleak_sites_rename(&sites, before));
    assert_false(goleak_sites_rename(&sites, before));
    assert_false(goleak_sites_rename(&sites, lost));
    assert_string_equal(goleak_symbols_frame_text(&symbols, one->created_at), "main.Gather+0x9e");
}

static void many_sites_stay_apart(void **state)
{
    char start[32];
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(start, sizeof start, i % 2 != 0 ? "runtime.f%u" : "main.f%u", i);
        assert_int_equal(add("main.main", start), i + 1);
    }
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(goleak_sites_at(&sites, i + 1)->proof, i % 2 != 0 ? SYSTEM : USER);
}

static void each_process_has_its_own(void **state)
{
    (void)state;
    uint32_t second = add_in(2, "main.main", "main.f"), first = add("main.main", "main.f");
    uint32_t third = add_in(3, "main.main", "main.f");
    assert_true(second != first && third != first && third != second);
    assert_int_equal(add_in(2, "main.main", "main.f"), second);
    assert_int_equal(add_in(3, "main.main", "main.f"), third);
    assert_int_equal(goleak_sites_at(&sites, first)->place, first);
    assert_int_equal(goleak_sites_at(&sites, second)->place, first);
    assert_int_equal(goleak_sites_at(&sites, third)->place, first);
    assert_int_equal(add_in(3, NULL, NULL), 0);
    assert_int_equal(goleak_sites_at(&sites, 0)->place, 0);
    assert_int_equal(add_in(GOLEAK_SITES_PROCESSES, "main.main", "main.f"), add_in(UINT16_MAX, "main.main", "main.f"));
}

/* Of one place, which has none of its own. */
static void each_caller_has_its_own(void **state)
{
    (void)state;
    assert_false(sites.parted);
    uint32_t a = add_for(0, "lib.Go", "main.a", "lib.Go.func1"), b = add_for(0, "lib.Go", "main.b", "lib.Go.func1");
    assert_true(sites.parted);
    assert_int_not_equal(a, b);
    assert_int_equal(add_for(0, "lib.Go", "main.a", "lib.Go.func1"), a);
    uint32_t whole = add("lib.Go", "lib.Go.func1");
    assert_int_equal(goleak_sites_at(&sites, a)->whole, whole);
    assert_int_equal(goleak_sites_at(&sites, b)->place, whole);
    assert_int_equal(goleak_sites_at(&sites, whole)->whole, whole);
    uint32_t other = add_for(1, "lib.Go", "main.a", "lib.Go.func1");
    assert_int_not_equal(other, a);
    assert_int_equal(goleak_sites_at(&sites, other)->whole, add_in(1, "lib.Go", "lib.Go.func1"));
    assert_int_not_equal(goleak_sites_at(&sites, other)->whole, whole);
    assert_int_equal(goleak_sites_at(&sites, other)->place, whole);
}

static void wrappers_unite_for_their_caller(void **state)
{
    (void)state;
    sites.joined = true;
    uint32_t a = add_for(0, "main.f", "main.a", "main.f.gowrap1"), b = add_for(0, "main.f", "main.b", "main.f.gowrap1");
    assert_int_equal(add_for(0, "main.f", "main.b", "main.work"), b);
    assert_int_equal(add_for(0, "main.f", "main.a", "main.work"), a);
    assert_int_not_equal(a, b);
    assert_int_equal(goleak_sites_at(&sites, a)->place, goleak_sites_at(&sites, b)->place);
    assert_string_equal(
        goleak_symbols_text(&symbols, goleak_sites_at(&sites, goleak_sites_at(&sites, a)->place)->start), "main.work");
}

static void wrappers_unite_in_their_process(void **state)
{
    (void)state;
    sites.joined = true;
    uint32_t wrapper = add_in(1, "main.main", "main.main.gowrap1"), other = add_in(2, "main.main", "main.main.gowrap1");
    assert_int_equal(add_in(1, "main.main", "main.f"), wrapper);
    assert_int_not_equal(wrapper, other);
    assert_int_equal(goleak_sites_at(&sites, wrapper)->place, goleak_sites_at(&sites, other)->place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(start_functions_follow_gos_rule, set_up, tear_down),
        cmocka_unit_test_setup_teardown(helpers_beside_the_runtime_are_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_start_function_the_spawner_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_runtime_spawns_is_its_own_whatever_it_starts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_proves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_told_is_site_zero, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_place_and_a_start_are_one_site, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_are_learnt_by_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_place_that_is_named_late_stays_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_process_has_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_caller_has_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrappers_unite_for_their_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrappers_unite_in_their_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_sites_stay_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrappers_are_known_by_their_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrapper_is_another_name_where_recordings_are_joined, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
