/*
 * test_gotrace_v2_usual - what is taken as usual is what the rules say: a made-up program is
 * recorded twice, in long batches, and with a batch for each event, which is too short for
 * anything to be usual. Only the positions differ.
 */
#include "support/reading.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/gotrace_v2.h"
#include "format/tickclock.h"
#include "support/trace_text.h"

#define THREADS 3
#define STEPS 6000
#define GOROUTINES 200

enum { NOBODY, RUNNABLE, RUNNING, SYSCALL, WAITING };

static struct bytes threads[THREADS], apart, text, trace, events;
static uint64_t first_time[THREADS], last_time[THREADS], now;
static unsigned current[THREADS], p_seq[THREADS]; /* goroutine + 1 */
static struct {
    unsigned state, seq;
} gs[GOROUTINES];
static uint32_t seed;

static unsigned pick(unsigned below)
{
    seed = seed * 1664525 + 1013904223;
    return (unsigned)(((uint64_t)(seed >> 8) * below) >> 24);
}

/* Ids of all lengths, and what is none. */
static uint64_t goid_of(unsigned g)
{
    static const uint64_t from[] = { 1, 100, 16000, 20000, UINT64_C(1) << 21, UINT64_C(1) << 29, UINT64_C(1) << 40 };
    return g == 77 ? UINT64_MAX - 5 : from[g % 7] + g;
}

/* Of the tables, of none, and of what they do not have; 1 and 257 fall on one place. */
static unsigned pick_stack(void)
{
    static const unsigned stacks[] = { 1, 1, 1, 2, 2, 257, 300, 0, 999 };
    return stacks[pick(sizeof stacks / sizeof *stacks)];
}

/* In up to four bytes more than it needs. */
static const char *number(uint64_t value)
{
    static char places[4][40];
    static unsigned place;
    char *out = places[place++ % 4];
    unsigned size = 1;
    while (size < 10 && value >> (7 * size) != 0)
        size++;
    if (pick(8) == 0 && size < 6)
        size += pick(5);
    snprintf(out, sizeof places[0], "%" PRIu64 "/%u", value, size);
    return out;
}

static void add_event(unsigned thread, const char *name, const char *arguments)
{
    if (last_time[thread] == 0)
        first_time[thread] = last_time[thread] = now;
    bytes_format(&threads[thread], "%s %s%s\n", name, number(now - last_time[thread]), arguments);
    bytes_format(&apart, "EventBatch 1 %u %" PRIu64 "\n%s 0%s\n", thread + 1, now, name, arguments);
    last_time[thread] = now;
}

__attribute__((format(printf, 3, 4))) static void happen(unsigned thread, const char *name, const char *format, ...)
{
    char arguments[200];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    now += pick(20) == 0 ? pick(20000) + 1 : pick(500) == 0 ? pick(8000000) + 1 : pick(3) + 1;
    add_event(thread, name, arguments);
}

/* Whoever is in this state, + 1; 0: nobody was met. */
static unsigned find(unsigned state)
{
    for (unsigned tries = 0; tries < 40; tries++) {
        unsigned g = pick(pick(2) == 0 ? 4 : GOROUTINES); /* some do much */
        if (gs[g].state == state)
            return g + 1;
    }
    return 0;
}

static void one_runs(unsigned thread, unsigned g)
{
    unsigned choice = pick(16);
    current[thread] = 0;
    if (choice < 6) {
        gs[g].state = WAITING;
        happen(thread, "GoBlock", " %u %s", 11 + pick(3), number(pick_stack()));
    } else if (choice < 8) {
        gs[g].state = RUNNABLE;
        happen(thread, "GoStop", " 14 %s", number(pick_stack()));
    } else if (choice < 9) {
        gs[g].state = NOBODY;
        happen(thread, "GoDestroy", " ");
    } else if (choice < 11) {
        current[thread] = g + 1;
        gs[g].state = SYSCALL;
        happen(thread, "GoSyscallBegin", " %s %u", number(++p_seq[thread]), pick_stack());
    } else {
        current[thread] = g + 1;
    }
}

static void one_is_made(unsigned thread)
{
    unsigned other = find(NOBODY);
    if (other == 0)
        return;
    gs[other - 1].state = RUNNABLE;
    gs[other - 1].seq = 0;
    happen(thread, "GoCreate", " %s %u %s", number(goid_of(other - 1)), pick_stack(), number(pick_stack()));
}

static void one_is_woken(unsigned thread)
{
    unsigned other = find(WAITING);
    if (other == 0)
        return;
    gs[other - 1].state = RUNNABLE;
    happen(thread, "GoUnblock", " %s %s %s", number(goid_of(other - 1)), number(++gs[other - 1].seq),
           number(pick_stack()));
}

static void one_starts(unsigned thread)
{
    unsigned other = find(RUNNABLE);
    if (other == 0)
        return;
    gs[other - 1].state = RUNNING;
    current[thread] = other;
    happen(thread, "GoStart", " %s %s", number(goid_of(other - 1)), number(++gs[other - 1].seq));
}

/* As at the begin of a generation: steps count from there. */
static void one_is_told(unsigned thread)
{
    unsigned state = pick(2) == 0 ? WAITING : RUNNABLE, other = find(state);
    if (other == 0)
        return;
    gs[other - 1].seq = 0;
    if (pick(2) == 0)
        happen(thread, "GoStatus", " %s -1 %u", number(goid_of(other - 1)), state == WAITING ? 4 : 1);
    else
        happen(thread, "GoStatusStack", " %s -1 %u %u", number(goid_of(other - 1)), state == WAITING ? 4 : 1,
               pick_stack());
}

static void step(void)
{
    unsigned thread = pick(THREADS), g = current[thread], choice = pick(12);
    if (g != 0 && gs[g - 1].state == SYSCALL) {
        gs[g - 1].state = RUNNING;
        happen(thread, "GoSyscallEnd", " ");
    } else if (choice == 0) {
        happen(thread, "HeapAlloc", " %s", number(pick(1u << 24)));
    } else if (choice < 3) {
        one_is_made(thread);
    } else if (choice < 6) {
        one_is_woken(thread);
    } else if (pick(100) == 0) {
        one_is_told(thread);
    } else if (g == 0) {
        one_starts(thread);
    } else {
        one_runs(thread, g - 1);
    }
}

/* What was read, but for the positions. */
static void read_batches(const struct bytes *batches, uint64_t samples_from, struct bytes *out)
{
    char why[TRACE_TEXT_WHY];
    bytes_clear(&text);
    bytes_clear(&trace);
    bytes_clear(out);
    bytes_format(&text, "Trace Go1.26\nEventBatch 1 -1 0\nSync\nFrequency 15625000\nClockSnapshot 0 0 0 0\n");
    bytes_add(&text, batches->data, batches->size);
    bytes_text(&text, "EventBatch 1 -1 0\nCPUSamples\n");
    for (unsigned i = 0; i < 20; i++)
        bytes_format(&text, "CPUSample %" PRIu64 " 1 1 1 1\n", samples_from + 997 * i);
    bytes_text(&text, "EventBatch 1 -1 0\nStacks\n");
    for (unsigned i = 0; i < 4; i++)
        bytes_format(&text, "Stack %u\npc=1 func=3 file=4 line=%u\npc=2 func=%u file=4 line=%u\n",
                     (const unsigned[]){ 1, 2, 257, 300 }[i], i + 1, i == 2 ? 5u : 3u, i + 7);
    bytes_text(&text, "EventBatch 1 -1 0\nStrings\nString 3 data=\"main.f\"\nString 4 data=\"/f.go\"\n"
                      "String 5 data=\"main.g\"\nString 11 data=\"chan send\"\nString 12 data=\"select\"\n"
                      "String 14 data=\"preempted\"\nEndOfGeneration\n");
    if (!trace_text(text.data, &trace, why))
        fail_msg("%s", why);
    reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 0);
    assert_int_equal(reading.status, GOLEAK_OK);
    assert_int_equal(reading_count(GOLEAK_HEALTH_broken_order), 0);
    for (const char *line = reading.events.data; *line != '\0'; line = strchr(line, '\n') + 1) {
        const char *rest = strchr(line, ' ');
        bytes_add(out, rest, (size_t)(strchr(rest, '\n') + 1 - rest));
    }
}

/* Another program of so many steps, with a batch for each event, and in long ones. */
static void make_program(unsigned round, unsigned steps, struct bytes *together)
{
    seed = round;
    now = round * 1000;
    memset(gs, 0, sizeof gs);
    memset(last_time, 0, sizeof last_time);
    memset(current, 0, sizeof current);
    memset(p_seq, 0, sizeof p_seq);
    bytes_clear(together);
    bytes_clear(&apart);
    for (unsigned thread = 0; thread < THREADS; thread++) {
        bytes_clear(&threads[thread]);
        happen(thread, "ProcStatus", " %u 1", thread);
    }
    for (unsigned i = 0; i < steps; i++)
        step();
    for (unsigned i = 0; i < 20 * THREADS; i++) /* near a batch's end nothing is usual */
        happen(i % THREADS, "HeapAlloc", " %u", i);
    for (unsigned thread = 0; thread < THREADS; thread++) {
        bytes_format(together, "EventBatch 1 %u %" PRIu64 "\n", thread + 1, first_time[thread]);
        bytes_add(together, threads[thread].data, threads[thread].size);
    }
}

static void what_is_usual_is_what_the_rules_say(void **state)
{
    (void)state;
    struct bytes together = { 0 }, others = { 0 };
    for (unsigned round = 1; round <= 8; round++) {
        make_program(round, STEPS, &together);
        read_batches(&apart, now / 2, &events);
        read_batches(&together, now / 2, &others);
        assert_in_range(reading.facts.events, STEPS / 2, 2 * STEPS);
        if (!bytes_equal(&events, &others))
            fail_msg("round %u: events in long batches differ from those apart", round);
    }
    bytes_free(&together);
    bytes_free(&others);
}

/* ---- what need not be told ---- */

/* By slot: in which state the goroutine is, and since when. */
struct told {
    char kind[16];
    int64_t since;
};

static bool begins(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

static int64_t value_of(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at != NULL && at < strchr(line, '\n') ? strtoll(at + strlen(key), NULL, 10) : -1;
}

/* As what an event leaves its goroutine that may be told late; NULL: it may not. */
static const char *late_kind(const char *line)
{
    static const char *const kinds[] = { [RUNNABLE] = " yield ", [RUNNING] = " run ", [SYSCALL] = " syscall " };
    const int64_t status = value_of(line, " status=");
    for (size_t i = RUNNABLE; i < sizeof kinds / sizeof *kinds; i++)
        if (begins(line, kinds[i]) ||
            (begins(line, " status ") && value_of(line, " until=") >= 0 && status == (int64_t)i))
            return kinds[i];
    return begins(line, " sysreturn ") && status == RUNNING ? kinds[RUNNING] : NULL;
}

/* What may not be left out goes to `others`; the runtime's own does not count. */
static void note_line(const char *line, struct told *told, struct bytes *others)
{
    const char *g = strstr(line, " g=40000000"), *late = late_kind(line), *kind = late != NULL ? late : line;
    if (begins(line, " runtime ") || begins(line, " other "))
        return;
    assert_non_null(g);
    struct told *of = &told[strtoul(g + strlen(" g=40000000"), NULL, 16)];
    *of = (struct told) { .since = value_of(line, late != NULL && begins(line, " status ") ? " until=" : " ts=") };
    memcpy(of->kind, kind, strcspn(kind + 1, " ") + 1);
    if (late == NULL)
        bytes_add(others, line, (size_t)(strchr(line, '\n') + 1 - line));
}

static void read_told(const struct bytes *batches, bool waits_only, struct told *told, struct bytes *others)
{
    memset(told, 0, 512 * sizeof *told);
    bytes_clear(others);
    reading_waits_only = waits_only;
    read_batches(batches, now / 2, &events);
    for (const char *line = events.data, *end = line + events.size; line < end; line = strchr(line, '\n') + 1)
        note_line(line, told, others);
}

/* How many were told, and when the last one was. */
static size_t count_told(int64_t *last)
{
    size_t count = 0;
    for (const char *line = events.data, *end = line + events.size; line < end; line = strchr(line, '\n') + 1, count++)
        *last = value_of(line, " ts=");
    return count;
}

/* Where ticks are divided one by one, all is read with care, and so all is told. */
static bool reads_usual(void)
{
    struct goleak_tickclock clock;
    goleak_tickclock_init(&clock, 1000000000, 0);
    return clock.reach != 0;
}

/* All else is told as ever, everybody is in the end in the state in which he would be, and as many are counted. */
static void what_is_left_untold_changes_nothing(void **state)
{
    (void)state;
    struct bytes together = { 0 }, others[2] = { { 0 }, { 0 } };
    struct told told[2][512];
    uint64_t left_out = 0;
    size_t late = 0;
    for (unsigned round = 1; round <= 40; round++) {
        make_program(round, round < 30 ? round * 7 : STEPS / 4, &together);
        read_told(round % 4 != 0 ? &together : &apart, false, told[0], &others[0]);
        const uint64_t all = reading.facts.events;
        int64_t last[2];
        assert_int_equal(count_told(&last[0]), all);
        assert_int_equal(reading.untold, 0);
        read_told(round % 4 != 0 ? &together : &apart, true, told[1], &others[1]);
        if (!bytes_equal(&others[0], &others[1]))
            fail_msg("round %u: other events are told", round);
        for (size_t i = 0; i < 512; i++)
            if (told[0][i].since != told[1][i].since || strcmp(told[0][i].kind, told[1][i].kind) != 0)
                fail_msg("round %u, slot %zu: found \"%s\" since %" PRId64 ", expected \"%s\" since %" PRId64, round, i,
                         told[1][i].kind, told[1][i].since, told[0][i].kind, told[0][i].since);
        assert_int_equal(reading.facts.events, all);
        const size_t count = count_told(&last[1]);
        assert_int_equal((int64_t)count + reading.untold, (int64_t)all);
        assert_int_equal(last[1], last[0]);
        left_out += all - count;
        late += strstr(events.data, " until=") != NULL;
    }
    assert_in_range(left_out, 2000, 1000000);
    assert_in_range(late, reads_usual() ? 20 : 0, 40);
    bytes_free(&together);
    bytes_free(&others[0]);
    bytes_free(&others[1]);
}

/* It runs on thread 1, untold, and starts on thread 2, which cannot be: that it ran is told before. */
static void behind_what_is_forced_nothing_is_left_untold(void **state)
{
    (void)state;
    if (!reads_usual()) {
        print_message("SKIP nothing is left untold where there are no products of 128 bits\n");
        skip();
    }
    char why[TRACE_TEXT_WHY];
    bytes_text(&text, "Trace Go1.26\nEventBatch 1 -1 0\nSync\nFrequency 1000000000\nClockSnapshot 0 0 0 0\n"
                      "EventBatch 1 1 0\nProcStatus 1 0 1\nGoCreate 1 5 1 1\nGoStart 1 5 1\nGoStop 1 14 1\n"
                      "GoStart 1 5 2\n");
    for (unsigned i = 0; i < 30; i++)
        bytes_text(&text, "HeapAlloc 1 1\n");
    bytes_text(&text, "EventBatch 1 2 1000\nProcStatus 1 1 1\nGoStart 1 5 9\nGoStop 1 14 1\nGoStart 1 5 10\n");
    for (unsigned i = 0; i < 30; i++)
        bytes_text(&text, "HeapAlloc 1 1\n");
    bytes_text(&text, "EventBatch 1 -1 0\nStacks\nStack 1\npc=1 func=3 file=4 line=1\nEventBatch 1 -1 0\nStrings\n"
                      "String 3 data=\"main.f\"\nString 4 data=\"/f.go\"\nString 14 data=\"preempted\"\n"
                      "EndOfGeneration\n");
    assert_true(trace_text(text.data, &trace, why));
    reading_waits_only = true;
    reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 0);
    assert_int_equal(reading_count(GOLEAK_HEALTH_broken_order), 1);
    const char *late = strstr(reading.events.data, " until="), *forced = strstr(reading.events.data, "run g=");
    assert_non_null(late);
    forced = forced != NULL ? strstr(forced + 1, "run g=") : NULL; /* the second one */
    assert_non_null(forced);
    assert_true(late < forced);
    assert_non_null(strstr(forced + 1, "run g=")); /* and the third one is told as well */
}

static int tear_down(void **state)
{
    for (unsigned thread = 0; thread < THREADS; thread++)
        bytes_free(&threads[thread]);
    bytes_free(&apart);
    bytes_free(&text);
    bytes_free(&trace);
    bytes_free(&events);
    return reading_tear_down(state);
}

/* A clock so fast, and so late, that the next event is behind the end of its numbers. */
static void a_clock_runs_over(void **state)
{
    (void)state;
    char why[TRACE_TEXT_WHY];
    bytes_text(&text, "Trace Go1.26\nEventBatch 1 -1 0\nSync\nFrequency 4294967295\nClockSnapshot 0 0 0 0\n"
                      "EventBatch 1 1 18446744073709551000\nProcStatus 1 0 1\nGoCreate 1 5 1 1\n");
    for (unsigned i = 1; i <= 100; i++)
        bytes_format(&text, "GoStart 9 5 %u\nGoStop 9 14 1\n", i);
    bytes_text(&text, "EventBatch 1 -1 0\nStacks\nStack 1\npc=1 func=3 file=4 line=1\nEventBatch 1 -1 0\nStrings\n"
                      "String 3 data=\"main.f\"\nString 4 data=\"/f.go\"\nString 14 data=\"preempted\"\n"
                      "EndOfGeneration\n");
    assert_true(trace_text(text.data, &trace, why));
    reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 0);
    assert_int_equal(reading.facts.events, 202);
    int64_t last = -1;
    for (const char *at = reading.events.data; (at = strstr(at, " ts=")) != NULL; at++) {
        int64_t ns = strtoll(at + 4, NULL, 10);
        assert_true(ns >= last);
        last = ns;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, reading_set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_usual_is_what_the_rules_say),
        TEST(what_is_left_untold_changes_nothing),
        TEST(behind_what_is_forced_nothing_is_left_untold),
        TEST(a_clock_runs_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
