/*
 * thread - starting one, and doing many things on several.
 *
 * The caller's signal handlers are to run on the caller's threads, so all signals are
 * blocked in ours.
 */
#ifndef GOLEAK_BASE_THREAD_H
#define GOLEAK_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* False: the system has none left. */
bool goleak_thread_start(pthread_t *thread, void *(*run)(void *context), void *context);
/* A mutex, and a condition for each of two sides that wait under it. False, and nothing made: the
 * system has no room for them. */
bool goleak_thread_locks_init(pthread_mutex_t *mutex, pthread_cond_t *one, pthread_cond_t *other);
void goleak_thread_locks_destroy(pthread_mutex_t *mutex, pthread_cond_t *one, pthread_cond_t *other);
/* How many can run at once; 1 where nobody knows. */
unsigned goleak_thread_cores(void);

/* work(context, index) for each index below `count`, on so many threads, the caller's among
 * them, in any order; returns when all is done. */
void goleak_thread_each(size_t threads, size_t count, void (*work)(void *context, size_t index), void *context);

#endif
