/* test_thread - everything is done once, on as many threads as there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>

#include "base/thread.h"

#define MOST 200

static unsigned char done[MOST];
static pthread_t by[MOST];

static void note(void *context, size_t index)
{
    (void)context;
    done[index]++; /* an index is one thread's */
    by[index] = pthread_self();
}

static void each_is_done_once(void **state)
{
    static const size_t threads[] = { 0, 1, 2, 3, 64, 1000 };
    (void)state;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        for (size_t count = 0; count <= MOST; count += 1 + count / 2) {
            memset(done, 0, sizeof done);
            goleak_thread_each(threads[i], count, note, NULL);
            for (size_t index = 0; index < MOST; index++)
                assert_int_equal(done[index], index < count);
        }
}

static void one_thread_is_the_callers(void **state)
{
    (void)state;
    goleak_thread_each(1, MOST, note, NULL);
    for (size_t index = 0; index < MOST; index++)
        assert_true(pthread_equal(by[index], pthread_self()));
}

static void *see_signals(void *context)
{
    pthread_sigmask(SIG_BLOCK, NULL, context);
    return NULL;
}

static void signals_are_the_callers(void **state)
{
    pthread_t thread;
    sigset_t there, here;
    (void)state;
    assert_true(goleak_thread_start(&thread, see_signals, &there));
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_BLOCK, NULL, &here);
    assert_int_equal(sigismember(&there, SIGINT), 1);
    assert_int_equal(sigismember(&there, SIGTERM), 1);
    assert_int_equal(sigismember(&here, SIGINT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_done_once),
        cmocka_unit_test(one_thread_is_the_callers),
        cmocka_unit_test(signals_are_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
