/* test_waits - what is kept of waits that ended, and that nothing of it outlives its goroutine. */
#include "model/waits_end.h"
#include "support/load.h"

static struct goleak_alloc heap;
static struct goleak_waits waits;

static int set_up(void **state)
{
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    goleak_waits_init(&waits, NULL, &heap);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_waits_release(&waits);
    assert_int_equal(heap.used_bytes, 0);
    return 0;
}

static struct goleak_record parked(enum goleak_reason reason, uint32_t stack)
{
    return (struct goleak_record){
        .index = 7,
        .site = 3,
        .state = GOLEAK_STATE_WAITING,
        .flags = goleak_reason_can_leak(reason) ? GOLEAK_REC_BLOCKED : 0,
        .reason = (uint8_t)reason,
        .block_stack = stack,
    };
}

/* waker 0: nobody */
static void wait_once(struct goleak_record *record, uint64_t object, int64_t waited, uint32_t waker)
{
    const struct goleak_record other = { .index = waker, .serial = waker * 100u };
    goleak_waits_begin(&waits, record, object);
    goleak_waits_end(&waits, record, waited);
    goleak_waits_by(&waits, record, waker != 0 ? &other : NULL);
}

static void a_place_remembers_who_woke_there(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 0);
    (void)state;
    assert_int_equal(goleak_waits_place(&waits, &record), 0);
    wait_once(&record, 0xc000, 10, 7);
    wait_once(&record, 0xc000, 30, 7);
    wait_once(&record, 0xd000, 5, 0);
    goleak_waits_begin(&waits, &record, 0xc000);
    const struct goleak_habit *here = goleak_waits_here(&waits, &record);
    assert_non_null(here);
    assert_int_equal(here->ended, 2);
    assert_int_equal(here->longest, 30);
    assert_int_equal(here->wakers[0], 7);
    assert_int_equal(here->serials[0], 700);
    assert_int_equal(here->wakers[1], 0);
    assert_int_equal(here->nobody, 0);
    assert_false(here->others);
    goleak_waits_begin(&waits, &record, 0xd000);
    assert_int_equal(goleak_waits_here(&waits, &record)->nobody, 1);
    goleak_waits_begin(&waits, &record, 0xe000);
    assert_null(goleak_waits_here(&waits, &record));
}

/* Both at once; what is told late of the wait before is not told of this one. */
static void a_wake_up_by_somebody_is_told_once(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 0);
    const struct goleak_record first = { .index = 7, .serial = 700 }, second = { .index = 8, .serial = 800 };
    (void)state;
    goleak_waits_begin(&waits, &record, 0xc000);
    goleak_waits_end(&waits, &record, 10); /* it waits again, without that having been kept */
    goleak_waits_end_by(&waits, &record, 40, &first);
    record.state = GOLEAK_STATE_RUNNABLE;
    goleak_waits_end_by(&waits, &record, 50, &second);
    goleak_waits_by(&waits, &record, NULL);
    record.state = GOLEAK_STATE_WAITING;
    const struct goleak_habit *here = goleak_waits_here(&waits, &record);
    assert_non_null(here);
    assert_int_equal(here->ended, 2);
    assert_int_equal(here->longest, 40);
    assert_int_equal(here->wakers[0], 7);
    assert_int_equal(here->wakers[1], 0);
    assert_int_equal(here->nobody, 0);
    assert_true(waits.tells_wakers);
}

static void three_wakers_are_many(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 0);
    (void)state;
    for (uint32_t waker = 1; waker <= 3; waker++)
        wait_once(&record, 0xc000, 10, waker);
    assert_true(goleak_waits_here(&waits, &record)->others);
}

static bool is_foreign(const struct goleak_record *record)
{
    return goleak_waits_site(&waits, record)->foreign;
}

/* Whoever of its own place, or of another one, has woken it: at the first wait, or a later one, and where the wait site of
 * one place is another one meanwhile, with the same waker. */
static void a_site_knows_whether_others_wake_there(void **state)
{
    const struct goleak_record own = { .index = 1, .serial = 100, .site = 3 },
                               other = { .index = 2, .serial = 200, .site = 4 };
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 5), moved = parked(GOLEAK_REASON_CHAN_RECV, 8);
    (void)state;
    for (int i = 0; i < 3; i++) {
        goleak_waits_begin(&waits, &record, 0xc000);
        goleak_waits_end_by(&waits, &record, 10, i < 2 ? &own : &other);
        assert_int_equal(is_foreign(&record), i == 2);
    }
    for (int i = 0; i < 2; i++) { /* the second time its site is known */
        struct goleak_record first = parked(GOLEAK_REASON_CHAN_RECV, 6 + (uint32_t)i);
        goleak_waits_begin(&waits, &first, 0xd000);
        goleak_waits_end_by(&waits, &first, 10, &own);
        assert_false(is_foreign(&first));
        struct goleak_record second = parked(GOLEAK_REASON_CHAN_RECV, 6 + (uint32_t)i);
        goleak_waits_begin(&waits, &second, 0xd000);
        goleak_waits_end_by(&waits, &second, 10, &other);
        assert_true(is_foreign(&second));
    }
    goleak_waits_begin(&waits, &moved, 0xe000);
    goleak_waits_end_by(&waits, &moved, 10, &other);
    moved.block_stack = 9;
    goleak_waits_begin(&waits, &moved, 0xe000);
    goleak_waits_end_by(&waits, &moved, 10, &own);
    assert_true(is_foreign(&moved));
}

/* Of its own kind: what was before its first wake-up does not count. Of another site nobody knows what was between. */
static void the_longest_gap_between_two_wake_ups_is_kept(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 5), other = parked(GOLEAK_REASON_CHAN_RECV, 5);
    (void)state;
    for (int i = 0; i < 100; i++)
        wait_once(&other, 0xd000, 10, 7);
    for (int others = 0; others < 4; others++) {
        wait_once(&record, 0xc000, 10, 7);
        for (int i = 0; i < others; i++)
            wait_once(&other, 0xd000, 10, 7);
    }
    assert_int_equal(goleak_waits_here(&waits, &record)->gap, 3);
    assert_int_equal(goleak_waits_here(&waits, &record)->site_ended, 107);
    record.block_stack = other.block_stack = 6;
    for (int i = 0; i < 20; i++)
        wait_once(&other, 0xd000, 10, 7);
    wait_once(&record, 0xc000, 10, 7);
    assert_int_equal(goleak_waits_here(&waits, &record)->gap, 21);
    waits.sites[goleak_waits_here(&waits, &record)->site].ended += GOLEAK_GAP_MOST;
    wait_once(&record, 0xc000, 10, 7);
    assert_int_equal(goleak_waits_here(&waits, &record)->gap, GOLEAK_GAP_MOST);
}

static void without_an_object_reason_and_stack_are_the_place(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_SELECT, 5);
    (void)state;
    wait_once(&record, 0, 10, 7);
    assert_false(goleak_place_is_object(goleak_waits_place(&waits, &record)));
    record.block_stack = 6;
    goleak_waits_begin(&waits, &record, 0);
    assert_null(goleak_waits_here(&waits, &record));
    record.block_stack = 5;
    goleak_waits_begin(&waits, &record, 0);
    assert_non_null(goleak_waits_here(&waits, &record));
    goleak_waits_begin(&waits, &record, 0xc000);
    assert_true(goleak_place_is_object(goleak_waits_place(&waits, &record)));
}

/* A wait that began before anything was kept is none. */
static void what_was_not_seen_to_begin_is_not_counted(void **state)
{
    struct goleak_record early = parked(GOLEAK_REASON_CHAN_RECV, 0);
    (void)state;
    goleak_waits_end(&waits, &early, 10);
    assert_int_equal(goleak_waits_place(&waits, &early), 0);
    assert_null(goleak_waits_past(&waits, &early));
    assert_null(goleak_waits_site(&waits, &early));
}

static void sleeps_are_counted_and_no_more(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_SLEEP, 0);
    (void)state;
    for (int i = 0; i < 5; i++) {
        goleak_waits_begin(&waits, &record, 0);
        goleak_waits_end(&waits, &record, 1);
    }
    assert_int_equal(goleak_waits_naps(&waits, &record), 5);
    assert_null(goleak_waits_here(&waits, &record));
    assert_int_equal(waits.site_count, 1);
}

/* Each duration lies in the bucket that begins at or below it, and below the next one's start. */
static void durations_are_known_to_a_quarter_of_a_power_of_two(void **state)
{
    (void)state;
    for (int power = 0; power < 63; power++)
        for (int64_t part = 0; part < 64; part++) {
            int64_t waited = ((int64_t)1 << power) + (power >= 6 ? part << (power - 6) : part >> (6 - power));
            unsigned bucket = goleak_wait_bucket(waited), next = bucket + 1;
            while (goleak_wait_least(next) == goleak_wait_least(bucket))
                next++; /* below 4 some are of nothing */
            assert_true(goleak_wait_least(bucket) <= waited && waited < goleak_wait_least(next));
            assert_true(goleak_wait_least(next) / 5 <= goleak_wait_least(bucket) / 4 + 1);
        }
    assert_int_equal(goleak_wait_bucket(0), goleak_wait_bucket(1));
    assert_int_equal(goleak_wait_bucket(INT64_MIN), 0);
    assert_int_equal(goleak_wait_bucket(INT64_MAX), 4 * 62 + 3);
    assert_int_equal(goleak_wait_least(GOLEAK_WAIT_BUCKETS - 1), INT64_MAX);
}

static void a_site_has_a_histogram(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_SYNC, 9), other = parked(GOLEAK_REASON_SYNC, 8);
    (void)state;
    wait_once(&record, 0xc000, 0, 1);
    wait_once(&record, 0xc000, 1, 1);
    wait_once(&record, 0xc000, 1023, 1);
    wait_once(&record, 0xc000, 1024, 1);
    wait_once(&other, 0xc000, INT64_MAX, 1);
    wait_once(&other, 0xc000, -5, 1); /* a clock that jumped */
    const struct goleak_wait_site *site = goleak_waits_site(&waits, &record);
    assert_non_null(site);
    assert_int_equal(site->ended, 4);
    assert_int_equal(site->longest, 1024);
    assert_int_equal(site->buckets[0], 2);
    assert_int_equal(site->buckets[4 * 9 + 3], 1);
    assert_int_equal(site->buckets[4 * 10], 1);
    assert_int_equal(goleak_waits_site(&waits, &other)->buckets[4 * 62 + 3], 1);
    record.site = 4;
    assert_null(goleak_waits_site(&waits, &record));
}

static void many_sites_are_found_again(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 3000; i++) {
        struct goleak_record record = parked(GOLEAK_REASON_SYNC, i);
        wait_once(&record, 0, i, 1);
    }
    for (uint32_t i = 1; i <= 3000; i++) {
        struct goleak_record record = parked(GOLEAK_REASON_SYNC, i);
        assert_int_equal(goleak_waits_site(&waits, &record)->longest, i);
    }
}

/* What is kept is bounded by places a goroutine, not by waits; and is given back. */
static void places_are_bounded_and_the_least_goes(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 0);
    (void)state;
    for (int i = 0; i < 3; i++)
        wait_once(&record, 0xc000, 1, 7);
    for (uint64_t object = 1; object <= 1000; object++)
        wait_once(&record, 0x10000 + object * 96, 1, 7);
    assert_int_equal(waits.habit_count, 1 + GOLEAK_HABITS);
    goleak_waits_begin(&waits, &record, 0xc000);
    assert_int_equal(goleak_waits_here(&waits, &record)->ended, 3);
    goleak_waits_forget(&waits, &record);
    assert_null(goleak_waits_here(&waits, &record));
    for (uint64_t object = 1; object <= GOLEAK_HABITS; object++)
        wait_once(&record, object * 96, 1, 7);
    assert_int_equal(waits.habit_count, 1 + GOLEAK_HABITS);
}

/* A worker waits at its queue once a job, at what belongs to a job often, and never again. */
static void a_queue_is_not_forgotten_for_what_jobs_need(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 0);
    const int jobs = 40;
    (void)state;
    for (int job = 1; job <= jobs; job++) {
        wait_once(&record, 0xc000, 1, 7);
        for (uint64_t object = 0; object < 5; object++)
            for (int again = 0; again < 30; again++)
                wait_once(&record, 0x10000 + ((uint64_t)job * 5 + object) * 96, 1, 8);
    }
    assert_int_equal(waits.habit_count, 1 + GOLEAK_HABITS);
    goleak_waits_begin(&waits, &record, 0xc000);
    assert_non_null(goleak_waits_here(&waits, &record));
    assert_int_equal(goleak_waits_here(&waits, &record)->ended, jobs);
}

/* … nor where there are more places in a job than are kept, and it comes to each again: its longest waits are there. */
static void a_queue_is_not_forgotten_for_many_steps(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 0);
    const int jobs = 40;
    (void)state;
    for (int job = 1; job <= jobs; job++) {
        wait_once(&record, 0xc000, 10, 7);
        for (uint64_t step = 1; step <= 12; step++)
            for (int again = 0; again < 4; again++)
                wait_once(&record, 0x10000 + step * 96, 1, 8);
    }
    goleak_waits_begin(&waits, &record, 0xc000);
    assert_non_null(goleak_waits_here(&waits, &record));
    assert_in_range(goleak_waits_here(&waits, &record)->ended, jobs - 1, jobs);
}

/* That a place was given up is known as long as the goroutine lives, whatever place is used. */
static void that_it_forgot_is_known(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 0);
    (void)state;
    assert_false(goleak_waits_forgot(&waits, &record));
    for (uint64_t object = 1; object <= GOLEAK_HABITS; object++)
        wait_once(&record, object * 96, 1, 7);
    assert_false(goleak_waits_forgot(&waits, &record));
    wait_once(&record, 0xc000, 1, 7);
    assert_true(goleak_waits_forgot(&waits, &record));
    wait_once(&record, 5 * 96, 1, 7);
    assert_true(goleak_waits_forgot(&waits, &record));
    goleak_waits_forget(&waits, &record);
    wait_once(&record, 96, 1, 7);
    assert_false(goleak_waits_forgot(&waits, &record));
}

/* Lists of some are given back and taken apart again by others. */
static void lists_that_are_free_are_used_again(void **state)
{
    struct goleak_record records[10];
    (void)state;
    for (uint32_t who = 1; who <= 9; who++)
        records[who] = parked(GOLEAK_REASON_CHAN_RECV, 0);
    for (uint32_t round = 0; round < 50; round++)
        for (uint32_t who = 1; who <= 9; who++) {
            if ((round + who) % 3 == 0)
                goleak_waits_forget(&waits, &records[who]);
            for (uint64_t place = 1; place <= 1 + (round * 5 + who) % GOLEAK_HABITS; place++)
                wait_once(&records[who], (who * 64 + place) * 4096, who, 20 + who);
            for (uint32_t other = 1; other <= who; other++) { /* nobody has got another's */
                goleak_waits_begin(&waits, &records[other], (other * 64 + 1) * 4096);
                const struct goleak_habit *here = goleak_waits_here(&waits, &records[other]);
                assert_true(here == NULL || (here->wakers[0] == 20 + other && here->longest == other));
            }
        }
    assert_true(waits.habit_count <= 1 + 9 * GOLEAK_HABITS);
}

static void sleep_once(struct goleak_record *record)
{
    record->flags &= (uint16_t)~GOLEAK_REC_BLOCKED;
    goleak_waits_begin(&waits, record, 0);
    goleak_waits_end(&waits, record, 1);
    record->flags |= GOLEAK_REC_BLOCKED;
}

/* Of streams that tell little, a park may tell neither a stack nor an object: its begin is not kept. */
static void a_wait_behind_sleeps_need_not_have_begun(void **state)
{
    (void)state;
    for (uint32_t naps = 1; naps <= 70; naps++) {
        struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 5);
        for (uint32_t i = 0; i < naps; i++)
            sleep_once(&record);
        goleak_waits_end(&waits, &record, 3);
        assert_int_equal(goleak_waits_naps(&waits, &record), naps);
        assert_int_equal(goleak_waits_count(&waits, &record), naps + 1);
        goleak_waits_forget(&waits, &record);
    }
}

/* What is known of the goroutine goes with whichever habit stands first. */
static void naps_are_kept_whatever_stands_first(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 0);
    (void)state;
    const uint32_t first = GOLEAK_NAPS_IN_RECORD;
    for (uint32_t i = 0; i < first; i++)
        sleep_once(&record);
    assert_int_equal(waits.habit_count, 1); /* none so far */
    sleep_once(&record);
    assert_int_equal(waits.habit_count, 2);
    wait_once(&record, 0xc000, 1, 7);
    assert_int_equal(waits.habit_count, 2); /* the same one */
    for (uint64_t object = 1; object <= 3 * GOLEAK_HABITS; object++) {
        wait_once(&record, object * 96, 1, 7);
        wait_once(&record, 0xc000, 1, 7);
        sleep_once(&record);
        assert_int_equal(goleak_waits_naps(&waits, &record), first + 1 + object);
    }
    goleak_waits_begin(&waits, &record, 0xc000);
    assert_int_equal(goleak_waits_here(&waits, &record)->ended, 1 + 3 * GOLEAK_HABITS);
    assert_int_equal(waits.habit_count, 1 + GOLEAK_HABITS);
}

/* It is said where somebody can be told, and what was kept stays. */
static void the_end_of_memory_is_met(void **state)
{
    struct goleak_record record = parked(GOLEAK_REASON_CHAN_RECV, 0), sleeps = parked(GOLEAK_REASON_SLEEP, 0);
    (void)state;
    goleak_waits_begin(&waits, &record, 0xc000);
    goleak_waits_begin(&waits, &sleeps, 0);
    for (uint64_t more = 0; more < 80000; more += 997) {
        heap.limit_bytes = heap.used_bytes + 1 + more;
        goleak_waits_end(&waits, &record, 1);
        goleak_waits_by(&waits, &record, NULL);
        goleak_waits_end(&waits, &sleeps, 1);
        goleak_waits_begin(&waits, &record, 0xc000);
        if (more == 0)
            assert_true(waits.failed);
    }
    assert_non_null(goleak_waits_here(&waits, &record));
    heap.limit_bytes = 0;
}

/* Since when it naps where it does: whatever else it did before, and however often it was woken since. */
static void who_naps_again_and_again_has_arrived_once(void **state)
{
    (void)state;
    const int64_t ms = (int64_t)1 << GOLEAK_ARRIVALS_LOG2;
    struct goleak_record record = parked(GOLEAK_REASON_SLEEP, 5);
    assert_true(goleak_waits_arrival(&waits, &record) == INT64_MAX);
    for (int64_t moment = 7; moment < 7 + 3 * GOLEAK_HABITS; moment++) {
        goleak_waits_begin_nap(&waits, &record, goleak_arrival_at(1000, 1000 + moment * ms), moment != 7);
        assert_true(goleak_waits_arrival(&waits, &record) == 7 * ms);
        goleak_waits_end(&waits, &record, 1000 + moment * ms);
        assert_int_equal(goleak_waits_naps(&waits, &record), moment - 6);
    }
    goleak_waits_begin_nap(&waits, &record, goleak_arrival_at(1000, 1000 + 90 * ms), false);
    assert_true(goleak_waits_arrival(&waits, &record) == 90 * ms);
    goleak_waits_begin_nap(&waits, &record, GOLEAK_ARRIVAL_UNKNOWN, false);
    assert_true(goleak_waits_arrival(&waits, &record) == INT64_MAX);
    assert_int_equal(goleak_arrival_at(0, -5), 4);
    assert_int_equal(goleak_arrival_at(INT64_MIN, INT64_MAX), GOLEAK_ARRIVAL_UNKNOWN);
    goleak_waits_forget(&waits, &record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_place_remembers_who_woke_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wake_up_by_somebody_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(three_wakers_are_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_site_knows_whether_others_wake_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_gap_between_two_wake_ups_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_an_object_reason_and_stack_are_the_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_seen_to_begin_is_not_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sleeps_are_counted_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(durations_are_known_to_a_quarter_of_a_power_of_two, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_site_has_a_histogram, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_sites_are_found_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_are_bounded_and_the_least_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_queue_is_not_forgotten_for_what_jobs_need, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_queue_is_not_forgotten_for_many_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(that_it_forgot_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_that_are_free_are_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wait_behind_sleeps_need_not_have_begun, set_up, tear_down),
        cmocka_unit_test_setup_teardown(naps_are_kept_whatever_stands_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_memory_is_met, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_naps_again_and_again_has_arrived_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
