/* test_workers - tasks are done once, by whom there is, and whoever waits for one helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <string.h>

#include "base/thread.h"

/* As many threads as the system is to have. */
static size_t left = SIZE_MAX;

static bool start_one(pthread_t *thread, void *(*run)(void *context), void *context)
{
    return left != 0 && left-- != 0 && goleak_thread_start(thread, run, context);
}

#define goleak_thread_start start_one
#include "base/workers.c"
#undef goleak_thread_start

#define MOST 200

struct item {
    struct goleak_task task;
    bool fails, lingers; /* … until others are done, or it is over */
    unsigned times;      /* it was done */
    bool good;
    size_t by, turn;
};

struct job {
    struct goleak_workers workers;
    struct item items[MOST];
    pthread_mutex_t mutex;
    size_t begun, wanted; /* so many are begun; are to be, before one that lingers ends */
    size_t busy[GOLEAK_WORKERS + 1];
};

static bool may_end(struct job *job)
{
    pthread_mutex_lock(&job->mutex);
    bool enough = job->begun >= job->wanted;
    pthread_mutex_unlock(&job->mutex);
    pthread_mutex_lock(&job->workers.mutex);
    bool over = job->workers.over;
    pthread_mutex_unlock(&job->workers.mutex);
    return enough || over;
}

static void work(void *context, void *task, size_t number)
{
    struct job *job = context;
    struct item *item = task;
    job->busy[number]++; /* its own tools */
    item->times++;
    item->by = number;
    pthread_mutex_lock(&job->mutex);
    item->turn = job->begun++;
    pthread_mutex_unlock(&job->mutex);
    while (item->lingers && !may_end(job))
        sched_yield();
    item->good = !item->fails;
}

static void set_up(struct job *job, size_t threads)
{
    memset(job, 0, sizeof *job);
    pthread_mutex_init(&job->mutex, NULL);
    assert_true(goleak_workers_init(&job->workers, work, job));
    assert_int_equal(goleak_workers_start(&job->workers, threads), threads);
}

static void put(struct job *job, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        goleak_workers_put(&job->workers, &job->items[i].task);
}

static bool finish(struct job *job, size_t index, bool wait)
{
    return goleak_workers_finish(&job->workers, &job->items[index].task, wait);
}

static void tear_down(struct job *job)
{
    goleak_workers_release(&job->workers);
    pthread_mutex_destroy(&job->mutex);
}

/* The thread is in the first item, and stays there until so many are begun. */
static void occupy(struct job *job, size_t wanted)
{
    set_up(job, 1);
    job->items[0].lingers = true;
    job->wanted = wanted;
    put(job, 0, 1);
    for (size_t begun = 0; begun == 0; sched_yield()) {
        pthread_mutex_lock(&job->mutex);
        begun = job->begun;
        pthread_mutex_unlock(&job->mutex);
    }
}

static struct job job;

static void each_is_done_once(void **state)
{
    static const size_t threads[] = { 0, 1, 2, 3, GOLEAK_WORKERS };
    (void)state;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        size_t done = 0;
        set_up(&job, threads[i]);
        put(&job, 0, MOST);
        for (size_t k = 0; k < MOST; k++) {
            assert_true(finish(&job, k, true));
            assert_true(finish(&job, k, false));
            assert_int_equal(job.items[k].times, 1);
            assert_true(job.items[k].by <= threads[i]);
        }
        for (size_t number = 0; number <= GOLEAK_WORKERS; number++)
            done += job.busy[number];
        assert_int_equal(done, MOST);
        tear_down(&job);
    }
}

/* They go out in their order, and their places are used again. */
static void a_ring_goes_round(void **state)
{
    (void)state;
    for (size_t threads = 0; threads <= 4; threads++) {
        size_t room = 2 * threads + 1, first = 0, count = 0;
        set_up(&job, threads);
        for (size_t put_in = 0, out = 0; out < 5000;) {
            if (put_in < 5000 && count < room) {
                struct item *item = &job.items[(first + count++) % room];
                item->times = (unsigned)put_in++;
                goleak_workers_put(&job.workers, &item->task);
            } else {
                assert_true(finish(&job, first, true));
                assert_int_equal(job.items[first].times, ++out);
                first = (first + 1) % room;
                count--;
            }
        }
        tear_down(&job);
    }
}

static void without_threads_the_caller_does_it_when_he_waits(void **state)
{
    (void)state;
    set_up(&job, 0);
    put(&job, 0, 5);
    assert_false(finish(&job, 0, false));
    assert_int_equal(job.begun, 0);
    assert_true(finish(&job, 0, true));
    assert_int_equal(job.begun, 1); /* no more than it takes */
    assert_false(finish(&job, 1, false));
    assert_true(finish(&job, 3, true));
    assert_int_equal(job.begun, 4);
    assert_false(finish(&job, 4, false));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(job.items[i].turn, i); /* as they were put */
        assert_int_equal(job.items[i].by, 0);
    }
    tear_down(&job);
}

static void who_waits_does_what_nobody_has_taken(void **state)
{
    (void)state;
    occupy(&job, 4); /* it takes all others to end the first */
    put(&job, 1, 4);
    assert_false(finish(&job, 0, false));
    assert_true(finish(&job, 0, true));
    assert_int_equal(job.items[0].by, 1);
    for (size_t i = 1; i < 4; i++) {
        assert_true(finish(&job, i, false));
        assert_int_equal(job.items[i].by, 0);
        assert_int_equal(job.items[i].turn, i);
    }
    tear_down(&job);
}

static void one_thread_is_waited_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < 200; i++) { /* in it, before it or behind it */
        set_up(&job, 1);
        put(&job, 0, 1);
        assert_true(finish(&job, 0, true));
        tear_down(&job);
    }
}

static void a_failure_is_that_items_own(void **state)
{
    (void)state;
    for (size_t threads = 0; threads <= 2; threads++) {
        set_up(&job, threads);
        for (size_t i = 0; i < MOST; i++)
            job.items[i].fails = i % 3 == 1;
        put(&job, 0, MOST);
        for (size_t i = 0; i < MOST; i++) {
            assert_true(finish(&job, i, true));
            assert_int_equal(job.items[i].good, i % 3 != 1);
        }
        tear_down(&job);
    }
}

static void release_waits_for_what_is_under_way_alone(void **state)
{
    (void)state;
    occupy(&job, SIZE_MAX);
    put(&job, 1, 4);
    tear_down(&job);
    assert_true(job.items[0].good);
    assert_int_equal(job.begun, 1); /* the others are left */

    set_up(&job, 0);
    put(&job, 0, 4);
    tear_down(&job);
    assert_int_equal(job.begun, 0);

    set_up(&job, 3); /* who may be anywhere by then */
    put(&job, 0, MOST);
    tear_down(&job);
    for (size_t i = 0; i < MOST; i++) {
        assert_int_equal(job.items[i].times, i < job.begun);
        assert_int_equal(job.items[i].task.done, i < job.begun);
    }
}

static void fewer_threads_do_all_the_same(void **state)
{
    (void)state;
    for (size_t there = 0; there <= 2; there++) {
        set_up(&job, 0);
        left = there;
        put(&job, 0, MOST / 2);
        assert_int_equal(goleak_workers_start(&job.workers, 3), there);
        assert_int_equal(goleak_workers_start(&job.workers, there), there);
        left = SIZE_MAX;
        put(&job, MOST / 2, MOST);
        for (size_t i = 0; i < MOST; i++) {
            assert_true(finish(&job, i, true));
            assert_int_equal(job.items[i].times, 1);
            assert_true(job.items[i].by <= there);
        }
        tear_down(&job);
    }
    assert_true(goleak_workers_init(&job.workers, work, &job));
    assert_int_equal(goleak_workers_start(&job.workers, 1000), GOLEAK_WORKERS);
    goleak_workers_release(&job.workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_done_once),
        cmocka_unit_test(a_ring_goes_round),
        cmocka_unit_test(without_threads_the_caller_does_it_when_he_waits),
        cmocka_unit_test(who_waits_does_what_nobody_has_taken),
        cmocka_unit_test(one_thread_is_waited_for),
        cmocka_unit_test(a_failure_is_that_items_own),
        cmocka_unit_test(release_waits_for_what_is_under_way_alone),
        cmocka_unit_test(fewer_threads_do_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
