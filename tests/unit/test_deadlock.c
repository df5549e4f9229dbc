/* test_deadlock - what a lock's holder says of those who wait for it, recording by recording. */
#include <inttypes.h>
#include <stdio.h>

#include "support/load.h"

/* goroutines 6, 7, 8; each is created by main and runs. */
#define A 0xc000106000
#define B 0xc000107000
#define C 0xc000108000

#define HEAD "goleak-recorder: version=1 tool=bpftrace go=1.26 arch=amd64 probes=newproc1,lock,unlock"
#define EVERY HEAD " locks=every exe=/x\n"
#define BORN                                                                                                     \
    "newproc1: goroutine=c000106000 goid=6 parent=c000002380 parentgoid=1 fn=main.a ts=1000\n"                     \
    "newproc1: goroutine=c000107000 goid=7 parent=c000002380 parentgoid=1 fn=main.b ts=1100\n"                     \
    "newproc1: goroutine=c000108000 goid=8 parent=c000002380 parentgoid=1 fn=main.c ts=1200\n"                     \
    "execute: goroutine=c000106000 goid=6 ts=1300\n"                                                             \
    "execute: goroutine=c000107000 goid=7 ts=1400\n"                                                             \
    "execute: goroutine=c000108000 goid=8 ts=1500\n"
#define LOCK_A(lock, ts) "lock: goroutine=c000106000 goid=6 lock=" lock " ts=" ts "\n"
#define LOCK_B(lock, ts) "lock: goroutine=c000107000 goid=7 lock=" lock " ts=" ts "\n"
#define LOCK_C(lock, ts) "lock: goroutine=c000108000 goid=8 lock=" lock " ts=" ts "\n"
#define UNLOCK_B(lock, ts) "unlock: goroutine=c000107000 goid=7 lock=" lock " ts=" ts "\n"
#define WAIT_A(ts) "gopark: goroutine=c000106000 goid=6 reason=5 wait=22 lock=58ee20 ts=" ts "\n"
#define WAIT_B(ts) "gopark: goroutine=c000107000 goid=7 reason=5 wait=22 lock=58ee20 ts=" ts "\n"
#define WAIT_C(ts) "gopark: goroutine=c000108000 goid=8 reason=5 wait=22 lock=58ee20 ts=" ts "\n"
#define SLEEP_B(ts) "gopark: goroutine=c000107000 goid=7 reason=14 wait=14 lock=0 ts=" ts "\n"
#define RECV_B(ts) "gopark: goroutine=c000107000 goid=7 reason=7 wait=19 chan=c000040000 ts=" ts "\n"
#define LAST(ts) "execute: goroutine=c000002380 goid=1 ts=" ts "\n"
#define END "goleak-recorder-end: lost=0\n"
#define ABBA LOCK_A("c000010000", "2000") LOCK_B("c000020000", "2100") \
    LOCK_A("c000020000", "2200") WAIT_A("2300") LOCK_B("c000010000", "2400") WAIT_B("2500")

static void expect(const struct goleak_trace *trace, uint64_t g, enum goleak_verdict verdict, const char *rule,
                   const char *part)
{
    struct goleak_goroutine one = load_goroutine(trace, g);
    if (one.verdict != verdict)
        fail_msg("found %s (%s), expected %s", goleak_verdict_name(one.verdict),
                 one.evidence_count != 0 ? one.evidence[0].text : "", goleak_verdict_name(verdict));
    assert_true(one.evidence_count >= 1);
    assert_string_equal(one.evidence[0].rule, rule);
    if (strstr(one.evidence[0].text, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, one.evidence[0].text);
}

static void a_deadlock_is_certain(void **state)
{
    struct goleak_trace *trace = load(EVERY BORN ABBA LOCK_C("c000010000", "3000") WAIT_C("3100") LAST("900000") END);
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_CERTAIN, "lock-cycle",
           "waits for the lock c000020000 that goroutine 7 holds, which waits for the lock c000010000 that this one "
           "holds");
    expect(trace, B, GOLEAK_VERDICT_CERTAIN, "lock-cycle", "that goroutine 6 holds");
    expect(trace, C, GOLEAK_VERDICT_CERTAIN, "lock-cycle", "for a lock that a deadlock never gives back");
    struct goleak_goroutine one = load_goroutine(trace, A);
    assert_int_equal(one.evidence[0].value_count, 3);
    assert_string_equal(one.evidence[0].values[0].name, "circle");
    assert_int_equal(one.evidence[0].values[0].number, 2);
    assert_int_equal(one.evidence[0].values[1].number, 7);
    goleak_trace_free(trace);
}

/* While others act one of them may unlock it, as Go allows: then it was a gate. */
static void a_goroutine_may_deadlock_alone(void **state)
{
#define ALONE EVERY BORN LOCK_A("c000010000", "2000") LOCK_A("c000010000", "3000") WAIT_A("3500")
    struct goleak_trace *trace = load(ALONE LAST("900000") END);
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "lock-kept", "which it has taken itself");
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "lock-kept", "a Mutex may be a gate");
    goleak_trace_free(trace);
    trace = load(ALONE LOCK_C("c000010000", "4000") WAIT_C("4500") LAST("900000") END);
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "lock-kept", "a Mutex may be a gate");
    expect(trace, C, GOLEAK_VERDICT_LIKELY, "lock-kept", "a Mutex may be a gate");
    goleak_trace_free(trace);
    /* Main, which receives, may unlock it just as well. */
    trace = load(ALONE LOCK_C("c000010000", "4000") WAIT_C("4500") "gdestroy: goroutine=c000107000 goid=7 ts=5000\n"
                 "gopark: goroutine=c000002380 goid=1 reason=7 wait=19 chan=c000040000 ts=900000\n" END);
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "lock-kept", "a Mutex may be a gate");
    goleak_trace_free(trace);
    trace = load(ALONE LOCK_C("c000010000", "4000") WAIT_C("4500")
                 "gdestroy: goroutine=c000107000 goid=7 ts=5000\n"
                 "lock: goroutine=c000002380 goid=1 lock=c000010000 ts=6000\n"
                 "gopark: goroutine=c000002380 goid=1 reason=5 wait=22 lock=58ee20 ts=900000\n" END);
    expect(trace, A, GOLEAK_VERDICT_CERTAIN, "lock-cycle", "which it has taken itself");
    expect(trace, C, GOLEAK_VERDICT_CERTAIN, "lock-cycle", "for a lock that a deadlock never gives back");
    goleak_trace_free(trace);
}

/* Each of these takes the proof away; what was lost may explain it then, too. */
static void a_deadlock_is_proven_or_likely(void **state)
{
    static const struct {
        const char *text, *why;
        enum goleak_verdict verdict;
    } cases[] = {
        { HEAD "\n" BORN ABBA LAST("900000") END, "does not say that it has every call",
          GOLEAK_VERDICT_LIKELY },
        { HEAD " exe=/x locks=every\n" BORN ABBA LAST("900000") END, "does not say that it has every call",
          GOLEAK_VERDICT_LIKELY },
        { EVERY BORN ABBA LAST("900000"), "not whole", GOLEAK_VERDICT_LIKELY }, /* its last line is missing */
        { EVERY BORN ABBA LAST("900000") "goleak-recorder-end: lost=1\n", "not whole", GOLEAK_VERDICT_SUSPECT },
        { EVERY BORN LOCK_C("c000030000", "1600") LOCK_C("c000040000", "1700") UNLOCK_B("c000030000", "1800") ABBA
              LAST("900000") END, "unlock what others have locked", GOLEAK_VERDICT_LIKELY },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct goleak_trace *trace = load(cases[i].text);
        expect(trace, A, cases[i].verdict, "lock-kept", cases[i].why);
        goleak_trace_free(trace);
    }
}

/* Of so few calls one that cannot be makes all of them doubtful: other rules decide. */
static void calls_that_cannot_be_are_no_evidence(void **state)
{
    struct goleak_trace *trace = load(EVERY BORN UNLOCK_B("c000050000", "1800") ABBA LAST("900000") END);
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "never-woken", "never woken");
    goleak_trace_free(trace);
}

static void whoever_ended_does_not_unlock(void **state)
{
    struct goleak_trace *trace = load(EVERY BORN LOCK_B("c000010000", "2000")
                                      "gdestroy: goroutine=c000107000 goid=7 ts=2500\n"
                                      LOCK_A("c000010000", "3000") WAIT_A("3100") LAST("902500") END);
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "lock-kept",
           "the lock c000010000 was taken last by goroutine 7, which ended 900 us ago and did not unlock it");
    goleak_trace_free(trace);
}

static void a_sleeper_may_unlock(void **state)
{
    struct goleak_trace *trace = load(EVERY BORN LOCK_B("c000010000", "2000") SLEEP_B("2100")
                                      LOCK_A("c000010000", "3000") WAIT_A("3100") LAST("902000") END);
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_WAITING, "holder",
           "goroutine 7 has held the lock c000010000 for 900 us, and sleeps: it may unlock it");
    goleak_trace_free(trace);
}

static void unless_it_had_its_chances(void **state)
{
    static char text[16384];
    size_t size = (size_t)snprintf(text, sizeof text, "%s", EVERY BORN LOCK_B("c000010000", "2000"));
    (void)state;
    for (unsigned i = 0; i < 25; i++)
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "gopark: goroutine=c000107000 goid=7 reason=14 wait=14 lock=0 ts=%u\n"
                                 "execute: goroutine=c000107000 goid=7 ts=%u\n", 3000 + i * 100, 3050 + i * 100);
    snprintf(text + size, sizeof text - size, "%s", LOCK_A("c000010000", "9000") WAIT_A("9100") LAST("902000") END);
    struct goleak_trace *trace = load(text);
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "lock-kept", "did not unlock it in 25 times that it was woken since");
    goleak_trace_free(trace);
}

static void whoever_is_stuck_does_not_unlock(void **state)
{
    struct goleak_trace *trace = load(EVERY BORN LOCK_B("c000010000", "2000") RECV_B("2100")
                                      LOCK_A("c000010000", "3000") WAIT_A("3100") LAST("902000") END);
    (void)state;
    expect(trace, B, GOLEAK_VERDICT_LIKELY, "never-woken", "never woken");
    expect(trace, A, GOLEAK_VERDICT_LIKELY, "lock-kept", "is stuck itself, on \"chan receive\"");
    goleak_trace_free(trace);
}

/* B waits where it was woken before by one that goes on, and has the lock meanwhile. */
static void whoever_may_be_woken_may_unlock(void **state)
{
#define WOKEN_B(ts) "ready: goroutine=c000107000 goid=7 by=c000108000 bygoid=8 ts=" ts "\n"
#define RUN_B(ts) "execute: goroutine=c000107000 goid=7 ts=" ts "\n"
    struct goleak_trace *trace =
        load(EVERY BORN RECV_B("1600") WOKEN_B("1700") RUN_B("1710") RECV_B("1720") WOKEN_B("1730") RUN_B("1740")
             LOCK_B("c000010000", "2000") RECV_B("2100") LOCK_A("c000010000", "3000") WAIT_A("3100") LAST("902000")
             END);
    (void)state;
    expect(trace, B, GOLEAK_VERDICT_WAITING, "serves", "goroutine 8");
    expect(trace, A, GOLEAK_VERDICT_WAITING, "holder", "may be woken: it may unlock it then");
    goleak_trace_free(trace);
}

/* Main's own end is the program's, but nobody else gets out of its deadlock either. */
static void a_deadlock_with_main_is_one(void **state)
{
    struct goleak_trace *trace =
        load(EVERY BORN LOCK_A("c000010000", "2000")
             "lock: goroutine=c000002380 goid=1 lock=c000020000 ts=2100\n"
             "lock: goroutine=c000002380 goid=1 lock=c000010000 ts=2200\n"
             "gopark: goroutine=c000002380 goid=1 reason=5 wait=22 lock=58ee20 ts=2300\n"
             LOCK_A("c000020000", "2400") WAIT_A("2500") "execute: goroutine=c000107000 goid=7 ts=900000\n" END);
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_CERTAIN, "lock-cycle", "goroutine 1 holds");
    expect(trace, 0xc000002380, GOLEAK_VERDICT_WAITING, "main", "main");
    goleak_trace_free(trace);
}

static void youth_excuses_no_deadlock(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    (void)state;
    options.min_age_ns = 1000000000;
    struct goleak_trace *trace = load_with(&options, EVERY BORN ABBA LAST("900000") END);
    expect(trace, A, GOLEAK_VERDICT_CERTAIN, "lock-cycle", "goroutine 7");
    goleak_trace_free(trace);
    trace = load_with(&options, HEAD "\n" BORN ABBA LAST("900000") END);
    expect(trace, A, GOLEAK_VERDICT_WAITING, "too-young", "minimum age");
    goleak_trace_free(trace);
}

/* Words that programs print as well are events only with a goroutine. */
static void words_of_programs_are_no_events(void **state)
{
    struct goleak_trace *trace = load(EVERY "lock: file=/tmp/x owner=7\nunlock: done\nlocked: 5\n" BORN ABBA
                                      LAST("900000") END);
    (void)state;
    expect(trace, A, GOLEAK_VERDICT_CERTAIN, "lock-cycle", "goroutine 7");
    assert_int_equal(load_count(trace, "unknown_lines"), 3);
    assert_int_equal(load_count(trace, "damaged_lines"), 0);
    goleak_trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadlock_is_certain),
        cmocka_unit_test(a_goroutine_may_deadlock_alone),
        cmocka_unit_test(a_deadlock_is_proven_or_likely),
        cmocka_unit_test(calls_that_cannot_be_are_no_evidence),
        cmocka_unit_test(whoever_ended_does_not_unlock),
        cmocka_unit_test(a_sleeper_may_unlock),
        cmocka_unit_test(unless_it_had_its_chances),
        cmocka_unit_test(whoever_is_stuck_does_not_unlock),
        cmocka_unit_test(whoever_may_be_woken_may_unlock),
        cmocka_unit_test(a_deadlock_with_main_is_one),
        cmocka_unit_test(youth_excuses_no_deadlock),
        cmocka_unit_test(words_of_programs_are_no_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
