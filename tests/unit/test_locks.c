/*
 * test_locks - who holds what, call by call; against locks that are real, in a world of
 * goroutines that go wrong and right by chance; and calls that cannot be.
 */
#include <stdio.h>

#include "model/locks.h"
#include "support/chance.h"
#include "support/collide.h"
#include "support/fail_alloc.h"
#include "support/load.h"

#define WORLD 24 /* goroutines */
#define LOCKS 6

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_store store;
static struct goleak_locks locks;
static int64_t now;

static void open_heap(size_t fails_at)
{
    fail_alloc_init(&heap, fails_at, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_locks_init(&locks, &alloc);
    now = 0;
}

static int set_up(void **state)
{
    (void)state;
    open_heap(0);
    return goleak_store_init(&store, &alloc) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_locks_release(&locks);
    goleak_store_release(&store);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

/* Goroutine `name`, which is made when it is asked for. */
static struct goleak_record *record(uint64_t name)
{
    uint64_t key = name * 896, hash = goleak_store_hash(&store, key, 0);
    uint32_t index = goleak_store_find(&store, key, 0, hash);
    if (index == 0) {
        index = goleak_store_add(&store, key, 0, hash);
        assert_true(index != 0);
        goleak_store_at(&store, index)->goid = name;
        goleak_store_at(&store, index)->flags = GOLEAK_REC_SEEN;
    }
    return goleak_store_at(&store, index);
}

static void call(uint64_t name, enum goleak_lock_op op, uint64_t lock)
{
    goleak_locks_note(&locks, record(name), op, lock, ++now, 0);
}

static void end(uint64_t name)
{
    goleak_locks_end(&locks, record(name), ++now);
}

/* Does anything else, which shows that it goes on: what it gives back here, it may have had
 * before the recording. */
static void go_on(uint64_t name)
{
    record(name)->flags |= GOLEAK_REC_PREEXISTING;
    call(name, GOLEAK_LOCK_RUNLOCK, 0xdead);
    record(name)->flags &= (uint16_t)~GOLEAK_REC_PREEXISTING;
}

static size_t held_by(uint64_t name, uint64_t lock)
{
    const struct goleak_locker *locker = goleak_locks_of(&locks, record(name)->index);
    size_t count = 0;
    for (uint32_t at = locker != NULL ? locker->holds : 0; at != 0; at = locks.holds[at].next)
        count += locks.holds[at].lock == lock ? locks.holds[at].count : 0;
    return count;
}

static size_t legacies_of(uint64_t lock)
{
    size_t count = 0;
    for (uint32_t at = locks.legacies; at != 0; at = locks.holds[at].next)
        count += locks.holds[at].lock == lock;
    return count;
}

static void a_lock_is_held_from_its_call_to_its_release(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    assert_int_equal(held_by(1, 0x10), 0); /* it may wait for it yet */
    assert_int_equal(goleak_locks_of(&locks, record(1)->index)->op, GOLEAK_LOCK_LOCK);
    call(1, GOLEAK_LOCK_LOCK, 0x20);
    assert_int_equal(held_by(1, 0x10), 1);
    assert_true(goleak_locks_taken(&locks, 0x10, 0));
    call(1, GOLEAK_LOCK_UNLOCK, 0x20);
    call(1, GOLEAK_LOCK_UNLOCK, 0x10);
    assert_int_equal(held_by(1, 0x10) + held_by(1, 0x20), 0);
    assert_int_equal(locks.taken, 2);
    assert_int_equal(locks.gaps + locks.handed_on, 0);
    assert_int_equal(locks.used, 0);
}

static void a_call_that_is_told_twice_counts_once_and_proves_nothing(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_RLOCK, 0x10);
    goleak_locks_note(&locks, record(1), GOLEAK_LOCK_RLOCK, 0x10, now, 0);
    go_on(1);
    assert_int_equal(held_by(1, 0x10), 1);
    assert_int_equal(locks.gaps, 1);
    call(1, GOLEAK_LOCK_RLOCK, 0x10); /* at another time it is another one */
    go_on(1);
    assert_int_equal(held_by(1, 0x10), 2);
    assert_int_equal(locks.gaps, 1);
}

static void who_waited_for_a_lock_holds_it_since_then(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    goleak_locks_woken(&locks, record(1), now + 40, 7);
    go_on(1);
    const struct goleak_hold *hold = &locks.holds[goleak_locks_of(&locks, record(1)->index)->holds];
    assert_int_equal(hold->since, now - 1 + 40);
    assert_int_equal(hold->waits, 7);
    goleak_locks_woken(&locks, record(1), now + 90, 8); /* of another wait */
    assert_int_equal(hold->since, now - 1 + 40);
}

static void readers_read_together_and_twice(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_RLOCK, 0x10);
    call(2, GOLEAK_LOCK_RLOCK, 0x10);
    go_on(1);
    go_on(2);
    call(1, GOLEAK_LOCK_RLOCK, 0x10);
    go_on(1);
    assert_int_equal(held_by(1, 0x10), 2);
    assert_int_equal(held_by(2, 0x10), 1);
    assert_false(goleak_locks_taken(&locks, 0x10, 0));
    call(1, GOLEAK_LOCK_RUNLOCK, 0x10);
    assert_int_equal(held_by(1, 0x10), 1);
    call(1, GOLEAK_LOCK_RUNLOCK, 0x10);
    call(2, GOLEAK_LOCK_RUNLOCK, 0x10);
    assert_int_equal(locks.used, 0);
    assert_int_equal(locks.gaps, 0);
}

/* RWMutex.Lock calls the Lock of the Mutex that it begins with. */
static void a_writers_own_mutex_is_not_another_lock(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_WLOCK, 0x10);
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    go_on(1);
    assert_int_equal(held_by(1, 0x10), 1);
    call(1, GOLEAK_LOCK_WUNLOCK, 0x10);
    call(1, GOLEAK_LOCK_UNLOCK, 0x10);
    assert_int_equal(locks.taken, 1);
    assert_int_equal(locks.gaps, 0);
    assert_int_equal(locks.used, 0);
    /* TryLock gives the Mutex back where there are readers. */
    call(1, GOLEAK_LOCK_TRYWLOCK, 0x10);
    call(1, GOLEAK_LOCK_TRYLOCK, 0x10);
    call(1, GOLEAK_LOCK_UNLOCK, 0x10);
    go_on(1);
    assert_int_equal(held_by(1, 0x10), 0);
    assert_int_equal(locks.gaps, 0);
}

static void a_try_may_have_failed(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_TRYLOCK, 0x10);
    go_on(1);
    assert_int_equal(held_by(1, 0x10), 1);
    call(2, GOLEAK_LOCK_LOCK, 0x10); /* … and had: another one gets it */
    go_on(2);
    assert_int_equal(held_by(1, 0x10), 0);
    assert_int_equal(held_by(2, 0x10), 1);
    call(3, GOLEAK_LOCK_TRYLOCK, 0x10); /* this one surely fails */
    go_on(3);
    assert_int_equal(held_by(3, 0x10), 0);
    assert_int_equal(held_by(2, 0x10), 1);
    call(2, GOLEAK_LOCK_UNLOCK, 0x10);
    call(3, GOLEAK_LOCK_TRYLOCK, 0x10);
    call(3, GOLEAK_LOCK_UNLOCK, 0x10);
    assert_int_equal(locks.gaps, 0);
    assert_int_equal(locks.used, 0);
    call(3, GOLEAK_LOCK_TRYLOCK, 0x10);
    end(3); /* nothing is left of a Try that may have failed */
    assert_int_equal(legacies_of(0x10), 0);
}

/* Of two that tried, the one that unlocks had it, whatever the other one seemed to have. */
static void tries_do_not_contradict_each_other(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_TRYLOCK, 0x10);
    go_on(1);
    call(2, GOLEAK_LOCK_TRYLOCK, 0x10);
    go_on(2);
    call(1, GOLEAK_LOCK_UNLOCK, 0x10);
    assert_int_equal(locks.used, 0);
    call(1, GOLEAK_LOCK_TRYWLOCK, 0x10);
    go_on(1);
    call(2, GOLEAK_LOCK_TRYRLOCK, 0x10);
    call(2, GOLEAK_LOCK_RUNLOCK, 0x10);
    call(1, GOLEAK_LOCK_WUNLOCK, 0x10);
    assert_int_equal(locks.used, 0);
    assert_int_equal(locks.gaps + locks.handed_on, 0);
}

static void what_return_probes_tell_is_believed(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_TRYLOCK, 0x10);
    call(1, GOLEAK_LOCK_LOCKED, 0x10);
    assert_int_equal(held_by(1, 0x10), 1);
    assert_false(locks.holds[goleak_locks_of(&locks, record(1)->index)->holds].maybe);
    call(2, GOLEAK_LOCK_RLOCKED, 0x20); /* … without an entry */
    assert_int_equal(held_by(2, 0x20), 1);
    assert_int_equal(locks.taken, 2);
    assert_int_equal(locks.gaps, 0);
}

static void whoever_ends_leaves_its_locks_locked(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    call(1, GOLEAK_LOCK_LOCK, 0x20);
    call(1, GOLEAK_LOCK_RLOCK, 0x30);
    end(1);
    assert_int_equal(legacies_of(0x10) + legacies_of(0x20) + legacies_of(0x30), 3);
    assert_int_equal(locks.legacy_count, 3);
    assert_int_equal(locks.holds[locks.legacies].goid, 1);
    assert_int_equal(locks.holds[locks.legacies].ended, now);
    /* Its record is another goroutine's now, which holds nothing. */
    go_on(1);
    assert_int_equal(held_by(1, 0x10), 0);
    /* Another one may unlock it, as Go allows; the address may be another lock's by and by. */
    call(2, GOLEAK_LOCK_UNLOCK, 0x10);
    assert_int_equal(legacies_of(0x10), 0);
    assert_int_equal(locks.handed_on, 1);
    call(2, GOLEAK_LOCK_WLOCK, 0x30);
    go_on(2);
    assert_int_equal(legacies_of(0x30), 0);
    assert_int_equal(locks.gaps, 1);
    assert_int_equal(locks.legacy_count, 1);
}

static void calls_that_cannot_be_are_counted(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_UNLOCK, 0x10); /* nobody has it */
    assert_int_equal(locks.gaps, 1);
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    go_on(1);
    call(2, GOLEAK_LOCK_LOCK, 0x10); /* taken, though 1 has it */
    go_on(2);
    assert_int_equal(locks.gaps, 2);
    assert_int_equal(held_by(1, 0x10), 0);
    assert_int_equal(held_by(2, 0x10), 1);
    call(2, GOLEAK_LOCK_LOCK, 0x10); /* … and once more by 2 itself */
    go_on(2);
    assert_int_equal(locks.gaps, 3);
    assert_int_equal(held_by(2, 0x10), 1);
    call(3, GOLEAK_LOCK_RUNLOCK, 0x10);
    assert_int_equal(locks.gaps, 4);
    /* One that is older than the recording may have taken it before. */
    record(4)->flags |= GOLEAK_REC_PREEXISTING;
    call(4, GOLEAK_LOCK_UNLOCK, 0x50);
    assert_int_equal(locks.gaps, 4);
    call(5, GOLEAK_LOCK_LOCK, 0); /* no lock at all */
    assert_null(goleak_locks_of(&locks, record(5)->index));
}

/* At a function's entry a stack that grows lets the probe fire twice. */
static void one_call_may_be_seen_twice(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    assert_int_equal(held_by(1, 0x10), 0);
    locks.every = true; /* a recorder that sees each call sees it once */
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    assert_int_equal(held_by(1, 0x10), 1);
    assert_int_equal(goleak_locks_of(&locks, record(1)->index)->op, GOLEAK_LOCK_LOCK);
}

static void a_record_takes_over_what_another_was(void **state)
{
    (void)state;
    call(1, GOLEAK_LOCK_LOCK, 0x10);
    call(1, GOLEAK_LOCK_RLOCK, 0x20);
    call(1, GOLEAK_LOCK_LOCK, 0x30);
    goleak_locks_move(&locks, record(1)->index, record(900)->index);
    goleak_locks_move(&locks, record(901)->index, record(902)->index); /* of nobody's */
    assert_int_equal(held_by(1, 0x10), 0);
    assert_int_equal(held_by(900, 0x10), 1);
    call(900, GOLEAK_LOCK_UNLOCK, 0x30);
    call(900, GOLEAK_LOCK_RUNLOCK, 0x20);
    call(900, GOLEAK_LOCK_UNLOCK, 0x10);
    assert_int_equal(locks.gaps + locks.handed_on, 0);
    assert_int_equal(locks.used, 0);
}

static void memory_is_that_of_what_is_held(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 1000000; i++) { /* objects without end, each given back */
        call(1, GOLEAK_LOCK_LOCK, i * 8);
        call(1, GOLEAK_LOCK_UNLOCK, i * 8);
    }
    assert_true(locks.hold_count <= 3);
    for (uint64_t i = 1; i <= 100000; i++) /* … never given back */
        call(1, GOLEAK_LOCK_LOCK, i * 8);
    go_on(1);
    assert_true(locks.hold_count <= GOLEAK_HOLDS_MOST + 4);
    assert_true(locks.gaps != 0);
    for (uint64_t i = 1; i <= 100000; i++) { /* … by goroutines that end with them */
        call(2, GOLEAK_LOCK_LOCK, i * 8 + 4);
        end(2);
    }
    assert_int_equal(locks.legacy_count, GOLEAK_LEGACIES_MOST);
    assert_true(locks.hold_count <= GOLEAK_LEGACIES_MOST + GOLEAK_HOLDS_MOST + 8);
}

/* ---- against locks that are real ---- */

struct real {
    unsigned owner; /* goroutine; 0: none */
    unsigned readers[WORLD + 1];
};

/* Each goroutine takes what is free, gives back what it has, or ends with it. */
static void what_is_told_of_real_locks_is_true(void **state)
{
    (void)state;
    for (seed = 1; seed < 40; seed += 1) {
        uint64_t began = seed;
        struct real world[LOCKS] = { { 0 } };
        locks.every = true;
        for (unsigned step = 0; step < 4000; step++) {
            unsigned who = 1 + chance(WORLD), at = chance(LOCKS), readers = 0;
            struct real *lock = &world[at];
            uint64_t address = 0x1000 + at * 24;
            for (unsigned i = 1; i <= WORLD; i++)
                readers += lock->readers[i];
            bool reads = chance(2) == 0, free = reads ? lock->owner == 0 : lock->owner == 0 && readers == 0;
            if (lock->owner == who) {
                call(who, GOLEAK_LOCK_WUNLOCK, address);
                call(who, GOLEAK_LOCK_UNLOCK, address);
                lock->owner = 0;
            } else if (lock->readers[who] != 0 && chance(3) != 0) {
                call(who, GOLEAK_LOCK_RUNLOCK, address);
                lock->readers[who]--;
            } else if (free && reads) {
                call(who, GOLEAK_LOCK_RLOCK, address);
                lock->readers[who]++;
            } else if (free) {
                call(who, GOLEAK_LOCK_WLOCK, address);
                call(who, GOLEAK_LOCK_LOCK, address);
                lock->owner = who;
            }
        }
        assert_int_equal(locks.gaps + locks.handed_on, 0);
        for (unsigned who = 1; who <= WORLD; who++)
            go_on(who);
        size_t held = 0;
        for (unsigned at = 0; at < LOCKS; at++)
            for (unsigned who = 1; who <= WORLD; who++) {
                size_t should = world[at].readers[who] + (world[at].owner == who);
                assert_int_equal(held_by(who, 0x1000 + at * 24), should);
                held += should != 0;
            }
        assert_int_equal(locks.used, held);
        for (unsigned who = 1; who <= WORLD; who++)
            end(who);
        assert_int_equal(locks.legacy_count, held);
        goleak_locks_release(&locks);
        goleak_locks_init(&locks, &alloc);
        seed = began;
    }
}

/* Anything at all. */
static void nothing_breaks_it(void **state)
{
    (void)state;
    for (uint64_t began = 1; began < 60; began++) {
        seed = began;
        for (unsigned step = 0; step < 3000; step++) {
            unsigned who = 1 + chance(WORLD), op = 1 + chance(GOLEAK_LOCK_OP_COUNT - 1);
            if (chance(20) == 0)
                end(who);
            else if (chance(200) == 0 && goleak_locks_of(&locks, record(100 + step)->index) == NULL)
                goleak_locks_move(&locks, record(who)->index, record(100 + step)->index);
            else
                call(who, (enum goleak_lock_op)op, 8 * chance(12));
        }
        size_t listed = locks.legacy_count;
        for (size_t i = 0; i < locks.locker_count; i++)
            listed += locks.lockers[i].count;
        assert_int_equal(listed, locks.used);
        goleak_locks_release(&locks);
        goleak_locks_init(&locks, &alloc);
    }
}

static void memory_may_end_at_any_moment(void **state)
{
    (void)state;
    bool done = false;
    for (size_t n = 1; !done; n++) {
        struct fail_alloc own;
        struct goleak_alloc small;
        struct goleak_locks few;
        fail_alloc_init(&own, n, true);
        goleak_alloc_init(&small, &own.allocator, 0);
        goleak_locks_init(&few, &small);
        for (unsigned i = 1; i <= 200; i++) {
            struct goleak_record *one = record(1 + i % 7);
            goleak_locks_note(&few, one, i % 3 == 0 ? GOLEAK_LOCK_RLOCK : GOLEAK_LOCK_LOCK, i * 8, i, 0);
            if (i % 50 == 0)
                goleak_locks_end(&few, one, i);
        }
        done = !few.failed;
        assert_int_equal(few.failed, own.failed);
        goleak_locks_release(&few);
        assert_true(fail_alloc_is_clean(&own));
        assert_true(n < 100);
    }
}

static void names_are_operations(void **state)
{
    static const char *const words[] = { "lock", "trylock", "unlock", "rlock", "tryrlock", "runlock",
                                         "wlock", "trywlock", "wunlock", "locked", "rlocked" };
    struct goleak_symbols symbols;
    (void)state;
    goleak_symbols_init(&symbols, &alloc);
    assert_int_equal(COUNT(words) + 1, GOLEAK_LOCK_OP_COUNT);
    for (int op = 1; op < GOLEAK_LOCK_OP_COUNT; op++) {
        uint32_t name = goleak_symbols_string(&symbols, words[op - 1], strlen(words[op - 1]));
        assert_int_equal(goleak_locks_op(&locks, &symbols, name), op);
        assert_int_equal(goleak_locks_op(&locks, &symbols, name), op);
    }
    for (uint32_t i = 0; i < 100; i++) { /* more than it keeps */
        char word[16];
        snprintf(word, sizeof word, "lock%u", (unsigned)i);
        assert_int_equal(goleak_locks_op(&locks, &symbols, goleak_symbols_string(&symbols, word, strlen(word))),
                         GOLEAK_LOCK_NONE);
    }
    assert_int_equal(goleak_locks_op(&locks, &symbols, 0), GOLEAK_LOCK_NONE);
    goleak_symbols_release(&symbols);
}

static void locks_that_were_chosen_to_collide_do_not(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < COLLIDE_MANY; i++)
        call(1 + i / 200, GOLEAK_LOCK_LOCK, collide_u64(i + 1));
    assert_true(locks.secret != 0);
    for (uint64_t i = 0; i < COLLIDE_MANY; i++)
        call(1 + i / 200, GOLEAK_LOCK_UNLOCK, collide_u64(i + 1));
    assert_int_equal(locks.gaps, 0);
    assert_int_equal(locks.used, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lock_is_held_from_its_call_to_its_release),
        TEST(a_call_that_is_told_twice_counts_once_and_proves_nothing),
        TEST(who_waited_for_a_lock_holds_it_since_then),
        TEST(readers_read_together_and_twice),
        TEST(a_writers_own_mutex_is_not_another_lock),
        TEST(a_try_may_have_failed),
        TEST(tries_do_not_contradict_each_other),
        TEST(what_return_probes_tell_is_believed),
        TEST(whoever_ends_leaves_its_locks_locked),
        TEST(calls_that_cannot_be_are_counted),
        TEST(one_call_may_be_seen_twice),
        TEST(a_record_takes_over_what_another_was),
        TEST(memory_is_that_of_what_is_held),
        TEST(what_is_told_of_real_locks_is_true),
        TEST(nothing_breaks_it),
        TEST(memory_may_end_at_any_moment),
        TEST(names_are_operations),
        TEST(locks_that_were_chosen_to_collide_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
