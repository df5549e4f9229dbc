/*
 * test_holders - who waits for whom through locks: circles, what hangs on them, and worlds
 * that are drawn by chance, against a search that looks at everything again and again.
 */
#include "verdict/holders.h"

#include "support/chance.h"
#include "support/fail_alloc.h"
#include "support/load.h"

#define MOST 40

static struct goleak_alloc heap;
static struct goleak_store store;
static struct goleak_symbols symbols;
static struct goleak_reasons reasons;
static struct goleak_locks locks;
static struct goleak_holders holders;
static int64_t now;

static int set_up(void **state)
{
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    goleak_symbols_init(&symbols, &heap);
    goleak_reasons_init(&reasons);
    assert_true(goleak_reasons_set_version(&reasons, "1.26", "option"));
    goleak_locks_init(&locks, &heap);
    goleak_holders_init(&holders, &heap);
    locks.every = true;
    now = 0;
    return goleak_store_init(&store, &heap) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_holders_release(&holders);
    goleak_locks_release(&locks);
    goleak_store_release(&store);
    goleak_symbols_release(&symbols);
    assert_int_equal(heap.used_bytes, 0);
    return 0;
}

static struct goleak_record *record(unsigned name)
{
    uint64_t key = (name + 1) * 896u, hash = goleak_store_hash(&store, key, 0);
    uint32_t index = goleak_store_find(&store, key, 0, hash);
    if (index == 0) {
        index = goleak_store_add(&store, key, 0, hash);
        struct goleak_record *one = goleak_store_at(&store, index);
        one->goid = name;
        one->flags = GOLEAK_REC_SEEN;
        one->state = GOLEAK_STATE_RUNNING;
        one->wait = GOLEAK_NO_WAIT;
    }
    return goleak_store_at(&store, index);
}

static void call(unsigned name, enum goleak_lock_op op, uint64_t lock)
{
    goleak_locks_note(&locks, record(name), op, lock, ++now, 0);
}

static void park(unsigned name, enum goleak_reason reason, uint8_t wait)
{
    struct goleak_record *one = record(name);
    one->state = GOLEAK_STATE_WAITING;
    one->reason = (uint8_t)reason;
    one->wait = wait;
    one->since = ++now;
    one->flags |= goleak_reason_can_leak(reason) ? GOLEAK_REC_BLOCKED : 0;
}

#define IN_LOCK 22 /* Go 1.26's number of "sync.Mutex.Lock" */
#define IN_SLEEP 14
#define IN_WAIT_GROUP 25

static void lock_and_wait(unsigned name, uint64_t lock)
{
    call(name, GOLEAK_LOCK_LOCK, lock);
    park(name, GOLEAK_REASON_SYNC, IN_LOCK);
}

static void find(void)
{
    const struct goleak_holders_input input = { &store, &symbols, &reasons, &locks, &goleak_limits_default, true };
    goleak_holders_release(&holders);
    assert_int_equal(goleak_holders_find(&holders, &input), GOLEAK_OK);
}

static const struct goleak_lock *lock_of(unsigned name)
{
    return goleak_holders_lock(&holders, record(name)->index);
}

static bool is_dead(unsigned name)
{
    return lock_of(name) != NULL && lock_of(name)->dead;
}

static void a_circle_and_what_hangs_on_it_is_dead(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        call(i, GOLEAK_LOCK_LOCK, 0x10 + 8 * i);
    for (unsigned i = 0; i < 5; i++)
        lock_and_wait(i, 0x10 + 8 * ((i + 1) % 5));
    lock_and_wait(5, 0x10);
    call(6, GOLEAK_LOCK_LOCK, 0x100);
    park(6, GOLEAK_REASON_SLEEP, IN_SLEEP);
    lock_and_wait(7, 0x100);
    find();
    assert_true(holders.complete);
    for (unsigned i = 0; i < 6; i++)
        assert_true(is_dead(i));
    assert_non_null(lock_of(7));
    assert_false(is_dead(7));
    assert_int_equal(lock_of(7)->waiters, 1);
    assert_int_equal(holders.holders[lock_of(7)->first].record, record(6)->index);
    assert_null(lock_of(6));
}

static void one_that_locks_twice_is_a_circle_of_its_own(void **state)
{
    (void)state;
    call(0, GOLEAK_LOCK_LOCK, 0x10);
    lock_and_wait(0, 0x10);
    find();
    assert_true(holders.complete);
    assert_true(is_dead(0));
}

static void a_reader_waits_for_a_writer_that_waits_for_readers(void **state)
{
    (void)state;
    call(0, GOLEAK_LOCK_RLOCK, 0x10);
    call(0, GOLEAK_LOCK_RLOCK, 0x10);
    park(0, GOLEAK_REASON_SYNC, IN_LOCK);
    find();
    assert_null(lock_of(0)); /* readers do not wait for readers */
    call(1, GOLEAK_LOCK_WLOCK, 0x10);
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    park(1, GOLEAK_REASON_SYNC, IN_LOCK);
    find();
    assert_true(is_dead(0));
    assert_true(is_dead(1));
}

/* A reader and a writer have it at once: a call was not recorded, and nothing is said of who waits for it. */
static void who_cannot_have_it_together_is_not_believed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) { /* else no lock is looked at */
        call(2, GOLEAK_LOCK_LOCK, 0x50);
        call(2, GOLEAK_LOCK_UNLOCK, 0x50);
    }
    call(0, GOLEAK_LOCK_RLOCK, 0x10);
    park(0, GOLEAK_REASON_CHAN_RECV, 19);
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    park(1, GOLEAK_REASON_CHAN_RECV, 19);
    lock_and_wait(3, 0x10);
    find();
    assert_true(holders.trusted);
    assert_false(holders.complete);
    assert_null(lock_of(3));
}

static void a_wait_group_is_no_lock(void **state)
{
    (void)state;
    call(0, GOLEAK_LOCK_LOCK, 0x10);
    park(0, GOLEAK_REASON_SYNC, IN_WAIT_GROUP);
    lock_and_wait(1, 0x10);
    find();
    assert_null(lock_of(0));
    assert_int_equal(holders.holders[lock_of(1)->first].record, record(0)->index);
    assert_false(is_dead(1));
    assert_true(holders.complete);
    /* Where nothing tells which it is: it has what nobody else has. */
    record(0)->wait = GOLEAK_NO_WAIT;
    find();
    assert_false(holders.complete);
}

/* One that runs may be about to wait: it is no holder where another one surely is. */
static void one_that_runs_may_have_it(void **state)
{
    (void)state;
    call(0, GOLEAK_LOCK_LOCK, 0x10);
    lock_and_wait(1, 0x10);
    find();
    assert_true(holders.holders[lock_of(1)->first].maybe);
    call(2, GOLEAK_LOCK_LOCK, 0x10);
    park(2, GOLEAK_REASON_SLEEP, IN_SLEEP);
    find();
    assert_int_equal(lock_of(1)->count, 1);
    assert_int_equal(holders.holders[lock_of(1)->first].record, record(2)->index);
    assert_true(holders.complete);
}

/* A waiter is about to get what nobody has; of what somebody tried to get nothing is known. */
static void a_lock_may_be_free(void **state)
{
    (void)state;
    call(0, GOLEAK_LOCK_LOCK, 0x10);
    lock_and_wait(1, 0x10);
    call(0, GOLEAK_LOCK_UNLOCK, 0x10);
    find();
    assert_null(lock_of(1));
    assert_true(goleak_holders_is_free(&holders, record(1)->index));
    assert_false(goleak_holders_is_free(&holders, record(0)->index));
    call(2, GOLEAK_LOCK_TRYLOCK, 0x10);
    find();
    assert_null(lock_of(1));
    assert_false(goleak_holders_is_free(&holders, record(1)->index));
    call(2, GOLEAK_LOCK_UNLOCK, 0x10);
    find();
    assert_true(goleak_holders_is_free(&holders, record(1)->index));
    record(3)->flags |= GOLEAK_REC_PREEXISTING; /* who may have taken it before the recording */
    find();
    assert_false(goleak_holders_is_free(&holders, record(1)->index));
}

static void what_cannot_be_is_not_believed(void **state)
{
    (void)state;
    call(0, GOLEAK_LOCK_LOCK, 0x10);
    park(0, GOLEAK_REASON_SLEEP, IN_SLEEP);
    call(1, GOLEAK_LOCK_LOCK, 0x10); /* both have it */
    park(1, GOLEAK_REASON_SLEEP, IN_SLEEP);
    lock_and_wait(2, 0x10);
    find();
    assert_false(holders.complete);
    assert_false(holders.trusted);
    assert_null(lock_of(2));
    for (uint64_t i = 0; i < 1000; i++) { /* one of a thousand is another matter */
        call(3, GOLEAK_LOCK_LOCK, 0x1000 + i * 8);
        call(3, GOLEAK_LOCK_UNLOCK, 0x1000 + i * 8);
    }
    call(4, GOLEAK_LOCK_LOCK, 0x20);
    park(4, GOLEAK_REASON_SLEEP, IN_SLEEP);
    lock_and_wait(5, 0x20);
    find();
    assert_true(holders.trusted);
    assert_false(holders.complete);
    assert_null(lock_of(2));
    assert_non_null(lock_of(5));
}

static void a_wait_that_was_not_announced_shows_a_gap(void **state)
{
    (void)state;
    call(0, GOLEAK_LOCK_LOCK, 0x10);
    call(0, GOLEAK_LOCK_UNLOCK, 0x10);
    find();
    assert_true(holders.complete);
    park(0, GOLEAK_REASON_SYNC, IN_LOCK);
    find();
    assert_false(holders.complete);
    record(0)->flags |= GOLEAK_REC_PREEXISTING; /* it may wait since before the recording */
    find();
    assert_true(holders.complete);
}

static void without_calls_of_locks_nothing_is_kept(void **state)
{
    (void)state;
    park(0, GOLEAK_REASON_SYNC, IN_LOCK);
    find();
    assert_int_equal(holders.record_count, 0);
    assert_null(lock_of(0));
}

/* ---- by chance ---- */

struct world {
    unsigned owner[MOST];           /* of a lock: goroutine + 1; 0: free */
    bool reads[MOST][MOST];         /* [goroutine][lock] */
    unsigned waits[MOST];           /* of a goroutine: lock + 1; 0: it sleeps */
    bool waits_to_read[MOST];
};

static void draw(struct world *world, unsigned goroutines, unsigned lock_count)
{
    memset(world, 0, sizeof *world);
    for (unsigned l = 0; l < lock_count; l++) {
        unsigned who = chance(goroutines);
        if (chance(4) == 0) {
            for (unsigned readers = chance(4); readers != 0; readers--) {
                unsigned reader = chance(goroutines);
                if (!world->reads[reader][l])
                    call(reader, GOLEAK_LOCK_RLOCK, 0x1000 + l * 24);
                world->reads[reader][l] = true;
            }
        } else if (chance(6) != 0) {
            call(who, GOLEAK_LOCK_LOCK, 0x1000 + l * 24);
            world->owner[l] = who + 1;
        }
    }
    for (unsigned g = 0; g < goroutines; g++) {
        unsigned lock = chance(lock_count);
        bool reads = chance(4) == 0, held = world->owner[lock] != 0;
        for (unsigned other = 0; other < goroutines; other++)
            held = held || world->reads[other][lock];
        if (chance(3) == 0 || !held) {
            park(g, GOLEAK_REASON_SLEEP, IN_SLEEP);
            continue;
        }
        call(g, reads ? GOLEAK_LOCK_RLOCK : GOLEAK_LOCK_LOCK, 0x1000 + lock * 24);
        park(g, GOLEAK_REASON_SYNC, IN_LOCK);
        world->waits[g] = lock + 1;
        world->waits_to_read[g] = reads;
    }
}

/* One that waits goes on if everyone does who is in its way. */
static bool goes_on(const struct world *world, unsigned goroutines, const bool *stuck, unsigned g)
{
    unsigned lock = world->waits[g] - 1;
    bool writer_waits = false;
    if (world->waits[g] == 0)
        return true;
    for (unsigned other = 0; other < goroutines; other++)
        writer_waits = writer_waits || (world->waits[other] == lock + 1 && !world->waits_to_read[other]);
    if (world->owner[lock] != 0)
        return !stuck[world->owner[lock] - 1];
    if (world->waits_to_read[g] && !writer_waits)
        return true;
    for (unsigned other = 0; other < goroutines; other++)
        if (world->reads[other][lock] && stuck[other])
            return false;
    return true;
}

static void deadlocks_are_found_in_any_world(void **state)
{
    unsigned dead = 0, alive = 0;
    (void)state;
    for (uint64_t began = 1; began < 400; began++) {
        struct world world;
        unsigned goroutines = 2 + (unsigned)began % (MOST - 2), lock_count = 1 + (unsigned)(began * 7) % (MOST - 1);
        bool stuck[MOST], changed = true;
        seed = began;
        for (unsigned g = 0; g < goroutines; g++)
            record(g)->state = GOLEAK_STATE_RUNNING;
        draw(&world, goroutines, lock_count);
        memset(stuck, true, sizeof stuck);
        while (changed) {
            changed = false;
            for (unsigned g = 0; g < goroutines; g++)
                if (stuck[g] && goes_on(&world, goroutines, stuck, g))
                    stuck[g] = false, changed = true;
        }
        find();
        assert_true(holders.complete || locks.locker_count == 0);
        for (unsigned g = 0; g < goroutines; g++) {
            if (is_dead(g) != stuck[g])
                fail_msg("world %u: goroutine %u is %s", (unsigned)began, g, stuck[g] ? "dead" : "not dead");
            dead += stuck[g];
            alive += !stuck[g] && world.waits[g] != 0;
        }
        tear_down(NULL);
        set_up(NULL);
    }
    assert_true(dead > 500 && alive > 500);
}

static void memory_may_end_at_any_moment(void **state)
{
    bool done = false;
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        call(i, GOLEAK_LOCK_LOCK, 0x10 + 8 * i);
        lock_and_wait(i, 0x10 + 8 * ((i + 1) % 100));
    }
    for (size_t n = 1; !done; n++) {
        const struct goleak_holders_input input = { &store, &symbols, &reasons, &locks, &goleak_limits_default, true };
        struct fail_alloc own;
        struct goleak_alloc small;
        struct goleak_holders few;
        fail_alloc_init(&own, n, true);
        goleak_alloc_init(&small, &own.allocator, 0);
        goleak_holders_init(&few, &small);
        done = goleak_holders_find(&few, &input) == GOLEAK_OK;
        assert_int_equal(done, !own.failed);
        goleak_holders_release(&few);
        assert_true(fail_alloc_is_clean(&own));
        assert_true(n < 100);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_circle_and_what_hangs_on_it_is_dead),
        TEST(one_that_locks_twice_is_a_circle_of_its_own),
        TEST(a_reader_waits_for_a_writer_that_waits_for_readers),
        TEST(who_cannot_have_it_together_is_not_believed),
        TEST(a_wait_group_is_no_lock),
        TEST(one_that_runs_may_have_it),
        TEST(a_lock_may_be_free),
        TEST(what_cannot_be_is_not_believed),
        TEST(a_wait_that_was_not_announced_shows_a_gap),
        TEST(without_calls_of_locks_nothing_is_kept),
        TEST(deadlocks_are_found_in_any_world),
        TEST(memory_may_end_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
