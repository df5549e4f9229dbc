/*
 * test_hope - the greatest set of those who can only wait for each other: rings and long
 * chains, in every order of their records, and against a search that knows no queue.
 */
#include <stdlib.h>

#include "model/waits_end.h"
#include "support/load.h"
#include "verdict/hope.h"

#define MOST 200

static struct goleak_alloc heap;
static struct goleak_store store;
static struct goleak_waits waits;
static const struct goleak_ledger ledger; /* of which nothing has ended */
static struct goleak_lineage lineage;
static struct goleak_sites sites;
static struct goleak_symbols symbols;
static struct goleak_reasons reasons;
static struct goleak_hope hope;
static uint32_t index_of[MOST]; /* records by name */

static int set_up(void **state)
{
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    goleak_symbols_init(&symbols, &heap);
    goleak_lineage_init(&lineage, &heap);
    goleak_waits_init(&waits, &store, &heap);
    goleak_reasons_init(&reasons);
    goleak_hope_init(&hope, &heap);
    return goleak_store_init(&store, &heap) && goleak_sites_init(&sites, &symbols, &heap) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_hope_release(&hope);
    goleak_sites_release(&sites);
    goleak_waits_release(&waits);
    goleak_lineage_release(&lineage);
    goleak_store_release(&store);
    goleak_symbols_release(&symbols);
    assert_int_equal(heap.used_bytes, 0);
    return 0;
}

static struct goleak_record *record(unsigned name)
{
    return goleak_store_at(&store, index_of[name]);
}

/* One that is blocked, or one that acts. */
static struct goleak_record *add_record(unsigned name, bool blocked)
{
    uint64_t key = (name + 1) * 896u;
    uint32_t index = goleak_store_add(&store, key, 0, goleak_store_hash(&store, key, 0));
    assert_true(index != 0);
    struct goleak_record *one = goleak_store_at(&store, index);
    one->serial = name + 1;
    one->goid = name + 1;
    one->flags = (uint16_t)(GOLEAK_REC_SEEN | (blocked ? GOLEAK_REC_BLOCKED : 0));
    one->state = GOLEAK_STATE_WAITING;
    one->reason = blocked ? GOLEAK_REASON_CHAN_RECV : GOLEAK_REASON_SLEEP;
    one->wait = GOLEAK_NO_WAIT;
    return one;
}

/* … at an object of its own. */
static void add(unsigned name, bool blocked)
{
    struct goleak_record *one = add_record(name, blocked);
    index_of[name] = one->index;
    goleak_waits_begin(&waits, one, 0x1000 + name * 96);
}

/* `waker` has woken `name` so often, where it waits now. */
static void woke(unsigned waker, unsigned name, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        goleak_waits_end(&waits, record(name), 1);
        goleak_waits_by(&waits, record(name), record(waker));
        goleak_waits_begin(&waits, record(name), 0x1000 + name * 96);
    }
}

static void find(void)
{
    const struct goleak_hope_input input = {
        .store = &store,
        .lineage = &lineage,
        .sites = &sites,
        .symbols = &symbols,
        .reasons = &reasons,
        .waits = &waits,
        .ledger = &ledger,
        .limits = &goleak_limits_default,
        .last = 1000,
    };
    goleak_hope_release(&hope);
    assert_int_equal(goleak_hope_find(&hope, &input), GOLEAK_OK);
}

static enum goleak_hope_kind kind(unsigned name)
{
    return goleak_hope_of(&hope, index_of[name]);
}

static void a_ring_of_waiters_is_stuck(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        add(i, true);
    for (unsigned i = 0; i < 5; i++)
        woke(i, (i + 1) % 5, 2);
    find();
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(kind(i), GOLEAK_HOPE_NONE);
}

static void a_chain_hangs_on_its_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MOST; i++)
        add(i, i != MOST - 1);
    for (unsigned i = 0; i + 1 < MOST; i++)
        woke(i + 1, i, 2);
    find();
    assert_int_equal(kind(MOST - 1), GOLEAK_HOPE_ACTS);
    for (unsigned i = 0; i + 1 < MOST; i++)
        assert_int_equal(kind(i), GOLEAK_HOPE_WAKER);
    record(MOST - 1)->state = GOLEAK_STATE_ENDED;
    find();
    for (unsigned i = 0; i < MOST; i++)
        assert_int_equal(kind(i), GOLEAK_HOPE_NONE);
}

/* More than are asked for at a time, and the only one that helps comes last, or first. */
static void however_many_were_started_together_have_one_hope(void **state)
{
    const unsigned many = 140000, last = (unsigned)(uintptr_t)*state;
    add(0, true);
    struct goleak_record *spawner = record(0);
    uint32_t node = goleak_lineage_of(&lineage, spawner, goleak_store_detail(&store, spawner)), helper = 0;
    for (unsigned i = 1; i <= many; i++) {
        bool helps = i == (last != 0 ? many : 1);
        struct goleak_record *one = add_record(i, !helps);
        one->created = 10 + i % 50;
        one->since = 100;
        helper = helps ? one->index : helper;
        goleak_lineage_adopt(&lineage, one, node);
    }
    spawner->state = GOLEAK_STATE_ENDED; /* what its children share was its own */
    goleak_lineage_end(&lineage, spawner, goleak_store_detail(&store, spawner));
    find();
    for (uint32_t index = index_of[0] + 1; index <= store.count; index++) {
        assert_int_equal(goleak_hope_of(&hope, index), index == helper ? GOLEAK_HOPE_ACTS : GOLEAK_HOPE_BESIDE);
        assert_int_equal(hope.whom[index], index == helper ? 0 : helper);
    }
}

static void once_is_no_habit(void **state)
{
    (void)state;
    add(0, false);
    add(1, true);
    woke(0, 1, 1);
    find();
    assert_int_equal(kind(1), GOLEAK_HOPE_NONE);
}

/* A record is used again for another goroutine: it is not the one that woke. */
static void another_incarnation_is_another(void **state)
{
    (void)state;
    add(0, false);
    add(1, true);
    woke(0, 1, 3);
    record(0)->serial = 77;
    find();
    assert_int_equal(kind(1), GOLEAK_HOPE_NONE);
}

static void who_waits_on_the_same_object_shares_its_hope(void **state)
{
    (void)state;
    add(0, false);
    add(1, true);
    add(2, true);
    woke(0, 1, 2);
    goleak_waits_begin(&waits, record(2), 0x1000 + 96); /* what 1 waits on */
    find();
    assert_int_equal(kind(1), GOLEAK_HOPE_WAKER);
    assert_int_equal(kind(2), GOLEAK_HOPE_PEER);
    assert_int_equal(hope.whom[index_of[2]], index_of[1]);
}

static void spawn(unsigned parent, unsigned child)
{
    uint32_t node = goleak_lineage_of(&lineage, record(parent), goleak_store_detail(&store, record(parent)));
    assert_true(node != 0);
    goleak_lineage_adopt(&lineage, record(child), node);
}

static void a_child_may_help_even_where_its_parent_has_ended(void **state)
{
    (void)state;
    add(0, true); /* waits for its grandchild */
    add(1, false);
    add(2, false);
    spawn(0, 1);
    spawn(1, 2);
    record(1)->state = GOLEAK_STATE_ENDED;
    goleak_lineage_end(&lineage, record(1), goleak_store_detail(&store, record(1)));
    find();
    assert_int_equal(kind(0), GOLEAK_HOPE_CHILD);
    assert_int_equal(hope.whom[index_of[0]], index_of[2]);
    for (unsigned i = 0; i < goleak_limits_default.chances; i++)
        goleak_waits_end(&waits, record(2), 1);
    record(0)->since = 500; /* long behind the birth of the other */
    find();
    assert_int_equal(kind(0), GOLEAK_HOPE_NONE);
    record(2)->created = 498; /* right behind it: it waits for its result */
    find();
    assert_int_equal(kind(0), GOLEAK_HOPE_CHILD);
    record(2)->created = 490;
    find();
    assert_int_equal(kind(0), GOLEAK_HOPE_NONE);
}

/* By the first element of the package's path: a module's has a dot, or is none of Go's. */
static void standard_functions_are_known(void **state)
{
    static const char *const are[] = { "fmt.Println", "net/http.(*Server).Serve", "os/exec.(*Cmd).watchCtx",
                                       "sync.OnceFunc[go.shape.struct { net/netip.x string }]", "runtime.goexit" };
    static const char *const are_not[] = { "main.main", "go.uber.org/zap.New", "go.etcd.io/bbolt.Open", "io.x/y.F",
                                           "example.com/net/http.F", "netx.F", "fmt", "", "myapp/net.F" };
    (void)state;
    for (size_t i = 0; i < sizeof are / sizeof *are; i++)
        if (!goleak_is_standard(are[i]))
            fail_msg("%s is not", are[i]);
    for (size_t i = 0; i < sizeof are_not / sizeof *are_not; i++)
        if (goleak_is_standard(are_not[i]))
            fail_msg("%s is", are_not[i]);
}

/* Against the definition: let off whoever has a waker that is let off, until nothing changes. */
static void it_is_the_greatest_fixpoint(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        bool hopes[60] = { false }, changed = true;
        unsigned wakers[60] = { 0 }, random = seed;
        set_up(NULL);
        for (unsigned i = 0; i < 60; i++) {
            random = random * 1103515245u + 12345u;
            hopes[i] = (random >> 16) % 12 == 0;
            wakers[i] = (random >> 20) % 60;
            add(i, !hopes[i]);
        }
        for (unsigned i = 0; i < 60; i++)
            if (!hopes[i])
                woke(wakers[i], i, 2);
        while (changed) {
            changed = false;
            for (unsigned i = 0; i < 60; i++)
                if (!hopes[i] && hopes[wakers[i]])
                    changed = hopes[i] = true;
        }
        find();
        for (unsigned i = 0; i < 60; i++)
            assert_int_equal(kind(i) != GOLEAK_HOPE_NONE, hopes[i]);
        tear_down(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(however_many_were_started_together_have_one_hope, set_up, tear_down,
                                                 NULL),
        cmocka_unit_test_prestate_setup_teardown(however_many_were_started_together_have_one_hope, set_up, tear_down,
                                                 (void *)1),
        cmocka_unit_test_setup_teardown(a_ring_of_waiters_is_stuck, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_chain_hangs_on_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(once_is_no_habit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_incarnation_is_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_on_the_same_object_shares_its_hope, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_may_help_even_where_its_parent_has_ended, set_up, tear_down),
        cmocka_unit_test(standard_functions_are_known),
        cmocka_unit_test(it_is_the_greatest_fixpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
