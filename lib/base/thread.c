/* thread - see thread.h. */
#include "base/thread.h"

#include <signal.h>
#include <unistd.h>

bool goleak_thread_start(pthread_t *thread, void *(*run)(void *context), void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    bool started = pthread_create(thread, NULL, run, context) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

bool goleak_thread_locks_init(pthread_mutex_t *mutex, pthread_cond_t *one, pthread_cond_t *other)
{
    if (pthread_mutex_init(mutex, NULL) != 0)
        return false;
    if (pthread_cond_init(one, NULL) == 0) {
        if (pthread_cond_init(other, NULL) == 0)
            return true;
        pthread_cond_destroy(one);
    }
    pthread_mutex_destroy(mutex);
    return false;
}

void goleak_thread_locks_destroy(pthread_mutex_t *mutex, pthread_cond_t *one, pthread_cond_t *other)
{
    pthread_cond_destroy(other);
    pthread_cond_destroy(one);
    pthread_mutex_destroy(mutex);
}

unsigned goleak_thread_cores(void)
{
#ifdef _SC_NPROCESSORS_ONLN
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 1 ? (unsigned)count : 1;
#else
    return 1;
#endif
}

/* ---- many things ---- */

#define CREW 64

struct crew {
    pthread_mutex_t mutex;
    size_t next, count;
    void (*work)(void *context, size_t index);
    void *context;
};

static void *work_on(void *context)
{
    struct crew *crew = context;
    for (;;) {
        pthread_mutex_lock(&crew->mutex);
        size_t index = crew->next;
        crew->next += index < crew->count;
        pthread_mutex_unlock(&crew->mutex);
        if (index == crew->count)
            return NULL;
        crew->work(crew->context, index);
    }
}

void goleak_thread_each(size_t threads, size_t count, void (*work)(void *context, size_t index), void *context)
{
    struct crew crew = { .count = count, .work = work, .context = context };
    pthread_t others[CREW];
    size_t started = 0, wanted = threads < count ? threads : count;
    if (wanted < 2 || pthread_mutex_init(&crew.mutex, NULL) != 0) {
        for (size_t i = 0; i < count; i++)
            work(context, i);
        return;
    }
    while (started + 1 < wanted && started < CREW && goleak_thread_start(&others[started], work_on, &crew))
        started++;
    work_on(&crew);
    for (size_t i = 0; i < started; i++)
        pthread_join(others[i], NULL);
    pthread_mutex_destroy(&crew.mutex);
}
