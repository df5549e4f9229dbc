/* workers - see workers.h. */
#include "base/workers.h"

#include "base/thread.h"

/* With the mutex, which others may have meanwhile. */
static void do_first(struct goleak_workers *workers, size_t number)
{
    struct goleak_task *task = workers->first;
    workers->first = task->next;
    pthread_mutex_unlock(&workers->mutex);
    workers->work(workers->context, task, number);
    pthread_mutex_lock(&workers->mutex);
    task->done = true;
}

static void *run(void *context)
{
    struct goleak_workers *workers = context;
    pthread_mutex_lock(&workers->mutex);
    size_t number = ++workers->numbers;
    while (!workers->over) {
        if (workers->first == NULL) {
            pthread_cond_wait(&workers->put, &workers->mutex);
            continue;
        }
        do_first(workers, number);
        pthread_cond_signal(&workers->done);
    }
    pthread_mutex_unlock(&workers->mutex);
    return NULL;
}

bool goleak_workers_init(struct goleak_workers *workers, goleak_work_fn *work, void *context)
{
    *workers = (struct goleak_workers) { .work = work, .context = context };
    return goleak_thread_locks_init(&workers->mutex, &workers->put, &workers->done);
}

void goleak_workers_release(struct goleak_workers *workers)
{
    pthread_mutex_lock(&workers->mutex);
    workers->over = true;
    pthread_cond_broadcast(&workers->put);
    pthread_mutex_unlock(&workers->mutex);
    for (size_t i = 0; i < workers->count; i++)
        pthread_join(workers->threads[i], NULL);
    goleak_thread_locks_destroy(&workers->mutex, &workers->put, &workers->done);
}

size_t goleak_workers_start(struct goleak_workers *workers, size_t count)
{
    size_t most = count < GOLEAK_WORKERS ? count : GOLEAK_WORKERS;
    while (workers->count < most && goleak_thread_start(&workers->threads[workers->count], run, workers))
        workers->count++;
    return workers->count;
}

void goleak_workers_put(struct goleak_workers *workers, struct goleak_task *task)
{
    *task = (struct goleak_task) { 0 };
    pthread_mutex_lock(&workers->mutex);
    *(workers->first == NULL ? &workers->first : &workers->last->next) = task;
    workers->last = task;
    pthread_cond_signal(&workers->put);
    pthread_mutex_unlock(&workers->mutex);
}

bool goleak_workers_finish(struct goleak_workers *workers, const struct goleak_task *task, bool wait)
{
    pthread_mutex_lock(&workers->mutex);
    while (wait && !task->done)
        if (workers->first != NULL)
            do_first(workers, 0);
        else
            pthread_cond_wait(&workers->done, &workers->mutex);
    bool done = task->done;
    pthread_mutex_unlock(&workers->mutex);
    return done;
}
