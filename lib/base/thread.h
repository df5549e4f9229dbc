/*
 * thread - starting one.
 *
 * The caller's signal handlers are to run on the caller's threads, so all signals are
 * blocked in ours.
 */
#ifndef GOLEAK_BASE_THREAD_H
#define GOLEAK_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* False: the system has none left. */
bool goleak_thread_start(pthread_t *thread, void *(*run)(void *context), void *context);
/* How many can run at once; 1 where nobody knows. */
unsigned goleak_thread_cores(void);

#endif
