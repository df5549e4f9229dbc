/*
 * test_reasons - the runtime's numbers per Go version, and which version it is.
 *
 * The numbers are those of the runtime's sources: waitReasonStrings in
 * runtime2.go, traceBlockReason in traceruntime.go, the traceEv bytes before 1.22.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/reasons.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NO_WAIT (-1)

static struct goleak_reasons reasons;

static void begin(const char *version)
{
    goleak_reasons_init(&reasons);
    if (version != NULL)
        assert_true(goleak_reasons_set_version(&reasons, version, "option"));
}

/* ---- tables --------------------------------------------------------------- */

static void wait_reasons_have_each_versions_text(void **state)
{
    static const struct {
        const char *version;
        int wait;
        const char *text;
    } cases[] = {
        { "1.19", 14, "chan receive" },
        { "1.19", 9, "select" },
        { "1.19", 18, "semacquire" },
        { "1.19", 21, "timer goroutine (idle)" },
        { "1.19", 26, "debug call" },
        { "1.19", 27, NULL },
        { "1.21", 21, "sync.Mutex.Lock" },
        { "1.21", 24, "trace reader (blocked)" },
        { "1.21", 31, "stopping the world" },
        { "1.21", 32, NULL },
        { "1.22", 36, "coroutine" },
        { "1.22", 37, NULL },
        { "1.23", 37, "GC weak to strong wait" },
        { "1.23", 38, NULL },
        { "1.24", 24, "sync.WaitGroup.Wait" },
        { "1.24", 19, "sleep" },
        { "1.24", 43, "select (synctest)" },
        { "1.24", 44, NULL },
        { "1.25", 18, "GOMAXPROCS updater (idle)" },
        { "1.25", 20, "sleep" },
        { "1.25", 9, "select" },
        { "1.25", 46, "cleanup wait" },
        { "1.25", 47, NULL },
        { "1.26", 6, "panicwait" },
        { "1.26", 9, "GC scavenge wait" },
        { "1.26", 14, "sleep" },
        { "1.26", 15, "chan receive (nil chan)" },
        { "1.26", 17, "select (no cases)" },
        { "1.26", 18, "select" },
        { "1.26", 19, "chan receive" },
        { "1.26", 20, "chan send" },
        { "1.26", 25, "sync.WaitGroup.Wait" },
        { "1.26", 42, "chan receive (durable)" },
        { "1.26", 46, "cleanup wait" },
        { "1.26", 47, NULL },
        { "1.27", 24, "sync.RWMutex.Lock" },
        { "1.27", 45, "sync.WaitGroup.Wait (durable)" },
        { "1.27", 0, NULL }, /* "" is no text */
        { "1.27", -1, NULL },
        { "1.27", 255, NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(cases[i].version);
        const char *text = goleak_reasons_wait_text(&reasons, cases[i].wait);
        const char *expected = cases[i].text;
        if (text == NULL ? expected != NULL : expected == NULL || strcmp(text, expected) != 0)
            fail_msg("Go %s, %d: found \"%s\", expected \"%s\"", cases[i].version, cases[i].wait,
                     text != NULL ? text : "(none)", expected != NULL ? expected : "(none)");
    }
}

static void block_reasons_have_each_versions_meaning(void **state)
{
    static const struct {
        const char *version;
        uint8_t reason;
        enum goleak_reason meaning;
    } cases[] = {
        { "1.19", 16, GOLEAK_REASON_FOREVER },
        { "1.19", 19, GOLEAK_REASON_SLEEP },
        { "1.19", 22, GOLEAK_REASON_CHAN_SEND },
        { "1.19", 42, GOLEAK_REASON_GC_MARK_ASSIST },
        { "1.19", 6, GOLEAK_REASON_UNKNOWN },
        { "1.21", 20, GOLEAK_REASON_GENERIC },
        { "1.21", 23, GOLEAK_REASON_CHAN_RECV },
        { "1.21", 24, GOLEAK_REASON_SELECT },
        { "1.21", 25, GOLEAK_REASON_SYNC },
        { "1.21", 26, GOLEAK_REASON_COND_WAIT },
        { "1.21", 27, GOLEAK_REASON_NET },
        { "1.21", 1, GOLEAK_REASON_UNKNOWN },
        { "1.22", 1, GOLEAK_REASON_FOREVER },
        { "1.22", 6, GOLEAK_REASON_CHAN_SEND },
        { "1.22", 10, GOLEAK_REASON_SYSTEM_GOROUTINE },
        { "1.22", 14, GOLEAK_REASON_SLEEP },
        { "1.22", 15, GOLEAK_REASON_UNKNOWN },
        { "1.22", 22, GOLEAK_REASON_UNKNOWN },
        { "1.23", 15, GOLEAK_REASON_GC_WEAK_TO_STRONG },
        { "1.23", 16, GOLEAK_REASON_UNKNOWN },
        { "1.24", 16, GOLEAK_REASON_SYNCTEST },
        { "1.27", 13, GOLEAK_REASON_UNTIL_GC_ENDS },
        { "1.27", 16, GOLEAK_REASON_SYNCTEST },
        { "1.27", 17, GOLEAK_REASON_UNKNOWN },
        { "1.27", 255, GOLEAK_REASON_UNKNOWN },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(cases[i].version);
        enum goleak_reason meaning = goleak_reasons_decode(&reasons, cases[i].reason, NO_WAIT);
        if (meaning != cases[i].meaning)
            fail_msg("Go %s, %u: found %d, expected %d", cases[i].version, cases[i].reason, (int)meaning,
                     (int)cases[i].meaning);
    }
}

/* One byte, traceEvGoBlock, serves all that has no event of its own. */
static void up_to_1_21_the_wait_reason_tells_what_20_means(void **state)
{
    (void)state;
    begin("1.21");
    assert_int_equal(goleak_reasons_decode(&reasons, 20, 12), GOLEAK_REASON_GC_SWEEP);
    assert_int_equal(goleak_reasons_decode(&reasons, 20, 13), GOLEAK_REASON_SYSTEM_GOROUTINE);
    assert_int_equal(goleak_reasons_decode(&reasons, 20, 17), GOLEAK_REASON_SYSTEM_GOROUTINE);
    assert_int_equal(goleak_reasons_decode(&reasons, 20, 25), GOLEAK_REASON_UNTIL_GC_ENDS);
    assert_int_equal(goleak_reasons_decode(&reasons, 20, 28), GOLEAK_REASON_PREEMPTED);
    begin("1.19"); /* renumbered between the two */
    assert_int_equal(goleak_reasons_decode(&reasons, 20, 25), GOLEAK_REASON_PREEMPTED);
    assert_int_equal(goleak_reasons_decode(&reasons, 20, 23), GOLEAK_REASON_UNTIL_GC_ENDS);
    /* A channel wait has an event of its own: 20 is no such wait. */
    assert_false(goleak_reasons_learn(&reasons, 20, 14));
}

/* ---- which version it is -------------------------------------------------- */

static void version_words_are_read(void **state)
{
    static const struct {
        const char *word, *text;
        int table;
    } good[] = {
        { "1.22", "1.22", 22 },       { "go1.22.3", "1.22", 22 },
        { "1.27rc1", "1.27", 27 },    { "go1.21beta1", "1.21", 21 },
        { "1.19+dirty", "1.19", 19 }, { "go1.26.10-X:goroutineleakprofile", "1.26", 26 },
        { "1.11", "1.11", 19 },       { "1.40", "1.40", 27 },
        { "1.20", "1.20", 20 },
    };
    static const char *const bad[] = {
        "", "1", "1.", "2.0", "go", "v1.22", "1.x", "1.22x", "1.22,", "1.99999", "devel"
    };
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        goleak_reasons_init(&reasons);
        assert_true(goleak_reasons_set_version(&reasons, good[i].word, "header"));
        assert_string_equal(reasons.text, good[i].text);
        assert_string_equal(reasons.from, "header");
        assert_int_equal(reasons.candidates, GOLEAK_GO_BIT(good[i].table));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        goleak_reasons_init(&reasons);
        if (goleak_reasons_set_version(&reasons, bad[i], "header"))
            fail_msg("\"%s\" is taken for a version", bad[i]);
        assert_int_equal(reasons.candidates, GOLEAK_GO_ALL);
        assert_null(reasons.from);
    }
}

static void numbers_narrow_the_version(void **state)
{
    static const struct {
        uint8_t reason;
        int wait;
        const char *text;
    } cases[] = {
        { 6, NO_WAIT, "1.22-1.27" },
        { 15, NO_WAIT, "1.23-1.27" },
        { 22, NO_WAIT, "1.19-1.21" },
        { 42, NO_WAIT, "1.19-1.21" },
        { 3, 9, "1.22-1.25" },   /* select */
        { 3, 18, "1.26-1.27" },  /* select */
        { 7, 19, "1.26-1.27" },  /* chan receive */
        { 7, 14, "1.22-1.25" },  /* chan receive */
        { 14, 19, "1.22-1.24" }, /* sleep */
        { 14, 20, "1.25" },      /* sleep */
        { 14, 14, "1.26-1.27" }, /* sleep */
        { 24, 9, "1.19-1.21" },  /* select */
        { 5, 21, "1.22-1.24" },  /* sync.Mutex.Lock */
        { 15, 38, "1.24-1.27" }, /* weak to strong in 1.24; from 1.25 on a wait without gopark */
        { 16, 39, "1.24" },      /* synctest.Run */
        { 10, 18, "1.25" },      /* GOMAXPROCS updater */
        { 20, 22, "1.19-1.20" }, /* trace reader; not in 1.21 */
        { 0, 200, "" },          /* no version has such a number: nothing is learnt */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(NULL);
        bool possible = goleak_reasons_learn(&reasons, cases[i].reason, cases[i].wait);
        assert_int_equal(possible, cases[i].text[0] != '\0');
        if (strcmp(reasons.text, cases[i].text) != 0)
            fail_msg("(%u, %d): found \"%s\", expected \"%s\"", cases[i].reason, cases[i].wait, reasons.text,
                     cases[i].text);
        if (possible)
            assert_string_equal(reasons.from, "inferred");
    }
}

static void pairs_narrow_it_together(void **state)
{
    (void)state;
    begin(NULL);
    assert_null(goleak_reasons_wait_text(&reasons, 9)); /* the candidates disagree */
    assert_string_equal(goleak_reasons_wait_text(&reasons, GOLEAK_WAIT_COROUTINE), "coroutine"); /* no number */
    assert_string_equal(goleak_reasons_wait_text(&reasons, 2), "IO wait"); /* in all of them */
    assert_true(goleak_reasons_learn(&reasons, 3, 9));
    assert_string_equal(goleak_reasons_wait_text(&reasons, 9), "select");
    assert_null(goleak_reasons_wait_text(&reasons, 24));
    assert_true(goleak_reasons_learn(&reasons, 5, 24));
    assert_string_equal(reasons.text, "1.24-1.25");
    assert_true(goleak_reasons_learn(&reasons, 14, 19));
    assert_string_equal(reasons.text, "1.24");
    assert_string_equal(goleak_reasons_wait_text(&reasons, 24), "sync.WaitGroup.Wait");
}

static void impossible_pairs_are_refused_each_time_and_teach_nothing(void **state)
{
    (void)state;
    begin(NULL);
    for (int i = 0; i < 3; i++) {
        assert_false(goleak_reasons_learn(&reasons, 7, 9));      /* a select that receives */
        assert_false(goleak_reasons_learn(&reasons, 200, NO_WAIT));
        assert_false(goleak_reasons_learn(&reasons, 6, 63));
        assert_false(goleak_reasons_learn(&reasons, 6, 100));
    }
    assert_int_equal(reasons.candidates, GOLEAK_GO_ALL);
    /* Possible alone, but not with what is known: */
    assert_true(goleak_reasons_learn(&reasons, 3, 18));
    assert_false(goleak_reasons_learn(&reasons, 22, NO_WAIT));
    assert_false(goleak_reasons_learn(&reasons, 22, NO_WAIT));
    assert_string_equal(reasons.text, "1.26-1.27");
}

static void a_given_version_is_not_argued_with(void **state)
{
    (void)state;
    begin("1.19");
    assert_false(goleak_reasons_learn(&reasons, 6, NO_WAIT));
    assert_string_equal(reasons.text, "1.19");
    assert_string_equal(reasons.from, "option");
    goleak_reasons_restrict(&reasons, GOLEAK_GO_BIT(26));
    assert_int_equal(reasons.candidates, GOLEAK_GO_BIT(19));
}

static void sixteen_means_forever_until_the_version_says_otherwise(void **state)
{
    (void)state;
    begin(NULL);
    assert_true(goleak_reasons_learn(&reasons, 16, NO_WAIT)); /* 1.19-1.21 or 1.24-1.27 */
    assert_int_equal(goleak_reasons_decode(&reasons, 16, NO_WAIT), GOLEAK_REASON_FOREVER);
    assert_true(goleak_reasons_learn(&reasons, 6, NO_WAIT));
    assert_int_equal(goleak_reasons_decode(&reasons, 16, NO_WAIT), GOLEAK_REASON_SYNCTEST);
    assert_string_equal(reasons.text, "1.24-1.27"); /* 1.22 and 1.23 have no 16 */

    begin(NULL);
    assert_true(goleak_reasons_learn(&reasons, 16, NO_WAIT));
    assert_true(goleak_reasons_learn(&reasons, 22, NO_WAIT));
    assert_int_equal(goleak_reasons_decode(&reasons, 16, NO_WAIT), GOLEAK_REASON_FOREVER);
    assert_string_equal(reasons.text, "1.19-1.21");
}

static void what_is_known_of_1_20_is_used(void **state)
{
    (void)state;
    begin("1.20");
    assert_int_equal(goleak_reasons_decode(&reasons, 22, NO_WAIT), GOLEAK_REASON_CHAN_SEND);
    assert_string_equal(goleak_reasons_wait_text(&reasons, 20), "sync.Cond.Wait");
    assert_null(goleak_reasons_wait_text(&reasons, 21)); /* 1.19 and 1.21 differ there */
    assert_true(goleak_reasons_learn(&reasons, 25, 21));
}

/* ---- meanings ------------------------------------------------------------- */

static void panics_are_told_by_version(void **state)
{
    (void)state;
    begin("1.22");
    assert_true(goleak_reasons_is_panic(&reasons, 8));
    assert_false(goleak_reasons_is_panic(&reasons, 6));
    begin("1.26");
    assert_true(goleak_reasons_is_panic(&reasons, 6));
    assert_false(goleak_reasons_is_panic(&reasons, 8));
    assert_false(goleak_reasons_is_panic(&reasons, NO_WAIT));
}

static void the_leak_capable_set_is_the_articles(void **state)
{
    (void)state;
    for (int reason = 0; reason < 256; reason++) {
        bool expected = reason == 1 || (reason >= 3 && reason <= 7);
        assert_int_equal(goleak_reason_can_leak((enum goleak_reason)reason), expected);
    }
}

static void reasons_have_the_runtimes_words(void **state)
{
    static const char *const words[] = {
        "unspecified", "forever", "network", "select", "sync.(*Cond).Wait", "sync", "chan send", "chan receive",
        "GC mark assist wait for work", "GC background sweeper wait", "system goroutine wait", "preempted",
        "wait for debug call", "wait until GC ends", "sleep",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++)
        assert_string_equal(goleak_reason_name((enum goleak_reason)i), words[i]);
    assert_null(goleak_reason_name(GOLEAK_REASON_UNKNOWN));
    assert_null(goleak_reason_name(GOLEAK_REASON_NONE));
}

static void a_trace_s_header_overrules_a_version_that_it_is_not_of(void **state)
{
    struct goleak_reasons other;
    (void)state;
    goleak_reasons_init(&reasons);
    assert_true(goleak_reasons_set_version(&reasons, "1.21", "option"));
    other = reasons;
    goleak_reasons_set_range(&reasons, 26, 27);
    assert_string_equal(reasons.from, "header");
    assert_string_equal(reasons.text, "1.26-1.27");
    goleak_reasons_set_as(&other, &reasons); /* as a thread tells it */
    assert_string_equal(other.from, "header");
    goleak_reasons_init(&reasons);
    assert_true(goleak_reasons_set_version(&reasons, "1.27", "option"));
    goleak_reasons_set_range(&reasons, 26, 27); /* it leaves that open */
    assert_string_equal(reasons.from, "option");
    assert_string_equal(reasons.text, "1.27");
}

static void a_number_is_open_where_versions_read_it_otherwise(void **state)
{
    (void)state;
    goleak_reasons_init(&reasons);
    assert_true(goleak_reasons_is_open(&reasons, 16, -1));
    assert_false(goleak_reasons_is_open(&reasons, 7, -1));
    assert_true(goleak_reasons_set_version(&reasons, "1.20", "option"));
    assert_false(goleak_reasons_is_open(&reasons, 16, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_reasons_have_each_versions_text),
        cmocka_unit_test(block_reasons_have_each_versions_meaning),
        cmocka_unit_test(up_to_1_21_the_wait_reason_tells_what_20_means),
        cmocka_unit_test(version_words_are_read),
        cmocka_unit_test(numbers_narrow_the_version),
        cmocka_unit_test(pairs_narrow_it_together),
        cmocka_unit_test(impossible_pairs_are_refused_each_time_and_teach_nothing),
        cmocka_unit_test(a_given_version_is_not_argued_with),
        cmocka_unit_test(sixteen_means_forever_until_the_version_says_otherwise),
        cmocka_unit_test(what_is_known_of_1_20_is_used),
        cmocka_unit_test(panics_are_told_by_version),
        cmocka_unit_test(the_leak_capable_set_is_the_articles),
        cmocka_unit_test(reasons_have_the_runtimes_words),
        cmocka_unit_test(a_trace_s_header_overrules_a_version_that_it_is_not_of),
        cmocka_unit_test(a_number_is_open_where_versions_read_it_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
