/*
 * workers - threads that do tasks beside their caller.
 *
 * Tasks are taken in the order in which they were put. The caller may wait for any of them, and
 * does what nobody has taken meanwhile: with no thread at all, it does everything. Where tasks
 * stand is the caller's, as in a ring, from which each goes out in its turn.
 *
 * Threads.  One thread puts and waits. A task, and what it works on, is not to be touched from
 *           when it is put until it is done.
 */
#ifndef GOLEAK_BASE_WORKERS_H
#define GOLEAK_BASE_WORKERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define GOLEAK_WORKERS 16 /* no more of them */

/* The first member of what it works on. */
struct goleak_task {
    struct goleak_task *next; /* under the mutex */
    bool done;
};

/* number: whose tools it may use: 0 the caller's, 1 … a thread's. */
typedef void goleak_work_fn(void *context, void *task, size_t number);

struct goleak_workers {
    goleak_work_fn *work;
    void *context;
    pthread_t threads[GOLEAK_WORKERS];
    size_t count; /* of the threads */
    pthread_mutex_t mutex;
    pthread_cond_t put, done;
    struct goleak_task *first, *last; /* that nobody has taken */
    size_t numbers;                   /* given to threads */
    bool over;
};

/* False, and nothing made: the system has no room for locks. */
bool goleak_workers_init(struct goleak_workers *workers, goleak_work_fn *work, void *context);
/* When no task is under way any more, which it waits for; those that nobody has taken are left. */
void goleak_workers_release(struct goleak_workers *workers);
/* So many in all, or as many as the system has: returns how many there are. */
size_t goleak_workers_start(struct goleak_workers *workers, size_t count);
void goleak_workers_put(struct goleak_workers *workers, struct goleak_task *task);
/* Whether it is done; where it is to wait for that, it is. */
bool goleak_workers_finish(struct goleak_workers *workers, const struct goleak_task *task, bool wait);

#endif
