/* test_keyed - the line grammar: names, keys in any order, values that hold blanks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/keyed.h"
#include "support/fail_alloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_symbols symbols;
static struct goleak_health_book book;
static struct goleak_keyed keyed;
static struct goleak_event event;
static struct goleak_keyed_problem problem;
static size_t problem_column; /* from 1 */

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_symbols_init(&symbols, &alloc);
    memset(&book, 0, sizeof book);
    keyed = (struct goleak_keyed){ .env = { .alloc = &alloc, .symbols = &symbols, .health = &book } };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_symbols_release(&symbols);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

/* From a block of the exact size, so that no byte behind the line is read. */
static enum goleak_keyed_result read_line(const char *text)
{
    size_t size = strlen(text);
    char *line = malloc(size != 0 ? size : 1);
    assert_non_null(line);
    memcpy(line, text, size);
    problem = (struct goleak_keyed_problem){ .at = NULL };
    enum goleak_keyed_result result = goleak_keyed_read(&keyed, line, line + size, 42, &event, &problem);
    problem_column = problem.at != NULL ? (size_t)(problem.at - line) + 1 : 0;
    free(line);
    return result;
}

static void read_event(const char *text)
{
    enum goleak_keyed_result result = read_line(text);
    if (result != GOLEAK_KEYED_EVENT)
        fail_msg("result %d of: %s (%s)", (int)result, text, problem.sentence);
}

static uint64_t count(enum goleak_health_id id)
{
    return book.entries[id].count;
}

/* ---- names ---------------------------------------------------------------- */

static void names_have_their_kinds(void **state)
{
    static const struct {
        const char *line;
        int kind;
    } cases[] = {
        { "newproc1: goroutine=c000", GOLEAK_EVENT_CREATE }, { "gopark: goroutine=c000", GOLEAK_EVENT_PARK },
        { "godestroy: goroutine=c000", GOLEAK_EVENT_END },   { "gdestroy: goroutine=c000", GOLEAK_EVENT_END },
        { "goexit0: goroutine=c000", GOLEAK_EVENT_END },     { "ready: goroutine=c000", GOLEAK_EVENT_READY },
        { "goready: goroutine=c000", GOLEAK_EVENT_READY },   { "execute: goroutine=c000", GOLEAK_EVENT_RUN },
        { "main.main: g=c000", GOLEAK_EVENT_MAIN },          { "END: count=3", GOLEAK_EVENT_COUNTERS },
        { "profile-1s: count=3", GOLEAK_EVENT_TICK },        { "tick-1s: count=3", GOLEAK_EVENT_TICK },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        read_event(cases[i].line);
        assert_int_equal(event.kind, cases[i].kind);
        assert_int_equal(event.position, 42);
    }
}

static void a_line_of_something_else_is_none(void **state)
{
    static const char *const lines[] = {
        "", "nGoro = 3", "gopark", "gopark:", "gopark:goroutine=c000", "2024/05/01 12:00:00 listening",
        "error: something went wrong", "result: ok=1", ": goroutine=c000", "a b: goroutine=c000",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++)
        if (read_line(lines[i]) != GOLEAK_KEYED_NOT)
            fail_msg("\"%s\" is taken for an event", lines[i]);
    assert_int_equal(count(GOLEAK_HEALTH_unknown_events), 0);
    assert_int_equal(count(GOLEAK_HEALTH_unknown_keys), 0);
}

static void an_unknown_event_with_a_goroutine_is_counted(void **state)
{
    (void)state;
    read_event("casgstatus: goroutine=c000102000 chan=c000200000 mood=odd");
    assert_int_equal(event.kind, GOLEAK_EVENT_OTHER);
    assert_int_equal(event.g, 0xc000102000);
    assert_string_equal(goleak_symbols_text(&symbols, event.name), "casgstatus");
    read_event("newproc1_entry: parent=f135a9081e0 parentgoid=1 fn=450a40 pc=450a1a");
    assert_int_equal(event.kind, GOLEAK_EVENT_SPAWN);
    assert_int_equal(event.gopc, 0x450a1a);
    assert_int_equal(event.startpc, 0x450a40);
    read_event("runtime.chansend1: goroutine=c000102000 chan=c000200000");
    assert_int_equal(event.kind, GOLEAK_EVENT_OBJECT);
    assert_int_equal(event.chan, 0xc000200000);
    assert_string_equal(goleak_symbols_text(&symbols, event.name), "runtime.chansend1");
    read_event("runtime.gcStart: ts=5");
    assert_int_equal(event.kind, GOLEAK_EVENT_GC);
    assert_int_equal(count(GOLEAK_HEALTH_unknown_events), 1);
    assert_int_equal(book.entries[GOLEAK_HEALTH_unknown_events].line, 42);
    assert_string_equal(book.entries[GOLEAK_HEALTH_unknown_events].detail, "the event casgstatus");
    assert_int_equal(count(GOLEAK_HEALTH_unknown_keys), 1); /* mood */
}

static void calls_of_locks_are_operations(void **state)
{
    static const char *const words[] = { "lock", "trylock", "unlock", "rlock", "tryrlock", "runlock",
                                         "wlock", "trywlock", "wunlock", "locked", "rlocked" };
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        char line[80];
        snprintf(line, sizeof line, "%s: goroutine=c000102000 goid=7 lock=c000300000 ts=5", words[i]);
        read_event(line);
        assert_int_equal(event.kind, GOLEAK_EVENT_OBJECT);
        assert_string_equal(goleak_symbols_text(&symbols, event.name), words[i]);
        assert_int_equal(event.lock, 0xc000300000);
        assert_true((event.has & GOLEAK_HAS_LOCK) != 0);
    }
    read_event("runtime.lock: goroutine=c000102000 lock=c000300000"); /* the runtime's own locks are others */
    assert_int_equal(event.kind, GOLEAK_EVENT_OTHER);
}

/* ---- keys ----------------------------------------------------------------- */

static void every_key_has_its_place(void **state)
{
    (void)state;
    read_event("gopark: goroutine=16775745a1e0 goid=7 reason=6 wait=20 lock=1677574b8068 chan=1677574b8000 elem=c0a8 "
               "ts=1117829673979 cpu=3 tid=16244 pid=15062 blocked=1 status=4 blocked_count=-2");
    assert_int_equal(event.g, 0x16775745a1e0);
    assert_int_equal(event.goid, 7);
    assert_int_equal(event.reason, 6);
    assert_int_equal(event.wait_reason, 20);
    assert_int_equal(event.lock, 0x1677574b8068);
    assert_int_equal(event.chan, 0x1677574b8000);
    assert_int_equal(event.elem, 0xc0a8);
    assert_int_equal(event.time_ns, INT64_C(1117829673979));
    assert_int_equal(event.cpu, 3);
    assert_int_equal(event.tid, 16244);
    assert_int_equal(event.pid, 15062);
    assert_int_equal(event.flags, GOLEAK_FLAG_BLOCKED);
    assert_int_equal(event.status, 4);
    assert_true(event.blocked_count == -2);
    assert_int_equal(event.has, GOLEAK_HAS_G | GOLEAK_HAS_GOID | GOLEAK_HAS_REASON | GOLEAK_HAS_WAIT |
                                    GOLEAK_HAS_LOCK | GOLEAK_HAS_CHAN | GOLEAK_HAS_ELEM | GOLEAK_HAS_TIME |
                                    GOLEAK_HAS_CPU | GOLEAK_HAS_TID | GOLEAK_HAS_PID | GOLEAK_HAS_BLOCKED |
                                    GOLEAK_HAS_STATUS | GOLEAK_HAS_BLOCKED_COUNT);
    read_event("gopark: goroutine=c000 reason=3 until=1117829773979 ts=1117829673979");
    assert_int_equal(event.has, GOLEAK_HAS_G | GOLEAK_HAS_REASON | GOLEAK_HAS_TIME | GOLEAK_HAS_UNTIL);
    assert_int_equal(event.until_ns, INT64_C(1117829773979));
    read_event("gopark: goroutine=c000 reason=3 until=1117829773979 ts=1117829673979 parentgoid=5 bygoid=-1");
    assert_int_equal(event.has, GOLEAK_HAS_G | GOLEAK_HAS_REASON | GOLEAK_HAS_TIME | GOLEAK_HAS_UNTIL);
    assert_int_equal(event.until_ns, INT64_C(1117829773979)); /* who waits has no place for these */
    read_event("ready: goroutine=c000 by=c0002 bygoid=9 gopc=4531a0 startpc=0x4531b0 until=7");
    assert_true((event.has & GOLEAK_HAS_UNTIL) == 0); /* who is woken waits for nothing */
    assert_int_equal(event.other_g, 0xc0002);
    assert_int_equal(event.other_goid, 9);
    assert_int_equal(event.gopc, 0x4531a0);
    assert_int_equal(event.startpc, 0x4531b0);
}

static bool same(const struct goleak_event *a, const struct goleak_event *b)
{
    return a->kind == b->kind && a->has == b->has && a->flags == b->flags && a->g == b->g && a->goid == b->goid &&
           a->other_g == b->other_g && a->time_ns == b->time_ns && a->count == b->count && a->name == b->name &&
           a->gopc == b->gopc;
}

static void the_order_of_keys_does_not_matter(void **state)
{
    static const char *const pairs[] = { "goroutine=c000102000", "fn=main.f[go.shape.struct { X string }].func1",
                                         "parent=824633729920", "count=3", "ts=1000" };
    size_t order[] = { 0, 1, 2, 3, 4 }, counter[5] = { 0 };
    char line[256];
    struct goleak_event first;
    (void)state;
    snprintf(line, sizeof line, "newproc1: %s %s %s %s %s", pairs[0], pairs[1], pairs[2], pairs[3], pairs[4]);
    read_event(line);
    first = event;
    unsigned permutations = 1;
    for (size_t i = 1; i < 5;) { /* Heap's algorithm */
        if (counter[i] >= i) {
            counter[i++] = 0;
            continue;
        }
        size_t with = i % 2 != 0 ? counter[i] : 0, swap = order[with];
        order[with] = order[i];
        order[i] = swap;
        counter[i]++;
        i = 1;
        permutations++;
        snprintf(line, sizeof line, "newproc1: %s %s %s %s %s", pairs[order[0]], pairs[order[1]], pairs[order[2]],
                 pairs[order[3]], pairs[order[4]]);
        read_event(line);
        if (!same(&event, &first))
            fail_msg("it is another event in this order: %s", line);
    }
    assert_int_equal(permutations, 120);
    assert_int_equal(first.other_g, 824633729920); /* decimal, wherever count= stands */
}

static void a_value_ends_where_the_next_key_begins(void **state)
{
    (void)state;
    read_event("newproc1: goroutine=c000 fn=main.f[go.shape.struct { X string }].func1 ts=1000");
    assert_string_equal(goleak_symbols_text(&symbols, event.name), "main.f[go.shape.struct { X string }].func1");
    assert_int_equal(event.time_ns, 1000);
    read_event("newproc1: goroutine=c000 fn=main.g[go.shape.[2]int,go.shape.struct { X string; Y string }].func1");
    assert_string_equal(goleak_symbols_text(&symbols, event.name),
                        "main.g[go.shape.[2]int,go.shape.struct { X string; Y string }].func1");
    read_event("gopark: goroutine=c000 comm=my leaky:app reason=6");
    assert_int_equal(event.reason, 6);
    read_event("gopark: goroutine=c000  reason=6   ts=5 "); /* more blanks */
    assert_int_equal(event.time_ns, 5);
}

static void fn_may_be_an_address_or_nothing(void **state)
{
    (void)state;
    read_event("newproc1: goroutine=c000 fn=450a40 ts=1");
    assert_int_equal(event.startpc, 0x450a40);
    assert_int_equal(event.has & GOLEAK_HAS_START, 0);
    read_event("newproc1: goroutine=c000 startpc=450a44 fn=0x450a40");
    assert_int_equal(event.startpc, 0x450a44); /* its own key says it better */
    read_event("newproc1: goroutine=c000 fn= ts=7");
    assert_int_equal(event.has & (GOLEAK_HAS_START | GOLEAK_HAS_STARTPC), 0);
    assert_int_equal(event.time_ns, 7);
}

/* The article's scripts print parent with %d, all others in hexadecimal. */
static void parent_is_decimal_on_lines_with_count(void **state)
{
    (void)state;
    read_event("newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0");
    assert_int_equal(event.other_g, 0x140000021c0);
    read_event("newproc1: goroutine=140000036c0 goid=7 parent=140000021c0 parentgoid=1");
    assert_int_equal(event.other_g, 0x140000021c0);
    read_event("newproc1: goroutine=140000036c0 parent=0x140000021c0 count=1");
    assert_int_equal(event.other_g, 0x140000021c0);
    read_event("newproc1: goroutine=140000036c0 parent=0 count=1");
    assert_int_equal(event.has & GOLEAK_HAS_OTHER, 0);
    assert_int_equal(read_line("newproc1: goroutine=140000036c0 parent=140000021c0 count=1"), GOLEAK_KEYED_DAMAGED);
    assert_int_equal(read_line("newproc1: goroutine=140000036c0 parent=14000x count=1"), GOLEAK_KEYED_DAMAGED);
    assert_non_null(strstr(problem.sentence, "this line carries count="));
    assert_int_equal(problem_column, strlen("newproc1: goroutine=140000036c0 parent=") + 1);
}

static void goid_zero_and_g_zero_are_not_told(void **state)
{
    (void)state;
    read_event("gopark: goroutine=c000 goid=0");
    assert_int_equal(event.has, GOLEAK_HAS_G);
    read_event("gopark: goroutine=0 goid=5");
    assert_int_equal(event.has, GOLEAK_HAS_GOID);
    read_event("ready: goroutine=c000 goid=-1 bygoid=-1"); /* the recorder could not read them */
    assert_int_equal(event.has, GOLEAK_HAS_G);
    assert_int_equal(read_line("ready: goroutine=c000 goid=-2"), GOLEAK_KEYED_DAMAGED);
    for (int i = 0; i < 2; i++) { /* the second time as lines of this name were before */
        read_event("gopark: goroutine=c000 goid=5 g=0 reason=6"); /* the last one counts */
        assert_int_equal(event.has, GOLEAK_HAS_GOID | GOLEAK_HAS_REASON);
    }
}

static void unknown_keys_are_counted_and_passed_over(void **state)
{
    (void)state;
    read_event("gopark: goroutine=c000 colour=light blue reason=6 size=17 ts=9");
    assert_int_equal(event.reason, 6);
    assert_int_equal(event.time_ns, 9);
    assert_int_equal(count(GOLEAK_HEALTH_unknown_keys), 2);
    assert_int_equal(book.entries[GOLEAK_HEALTH_unknown_keys].line, 42);
    assert_string_equal(book.entries[GOLEAK_HEALTH_unknown_keys].detail, "the key colour");
}

/* ---- damage --------------------------------------------------------------- */

static void damaged_values_are_told_with_their_place(void **state)
{
    static const struct {
        const char *line;
        size_t column;
        const char *sentence;
    } cases[] = {
        { "gopark: goroutine=xyz reason=6", 19, "found goroutine=xyz, expected an address in hexadecimal" },
        { "gopark: goroutine=c000 reason=six", 31, "found reason=six, expected a decimal number" },
        { "gopark: goroutine=c000 reason= ts=5", 31, "found nothing behind reason=, expected a decimal number" },
        { "gopark: goroutine=c000 reason=", 31, "found nothing behind reason=, expected a decimal number" },
        { "gopark: goroutine=c000 reason=256", 31, "found reason=256, expected a number of at most 255" },
        { "gopark: goroutine=c000 wait=300", 29, "found wait=300, expected a number of at most 255" },
        { "gopark: goroutine=c000 blocked=2", 32, "found blocked=2, expected 0 or 1" },
        { "gopark: goroutine=c000 goid=12x ts=5", 29, "found goid=12x, expected a decimal number" },
        { "gopark: goroutine=c000 goid=9223372036854775808", 29,
          "found goid=9223372036854775808, expected a number of at most 9223372036854775807" },
        { "gopark: goroutine=ffffffffffffffff reason=6", 19,
          "found goroutine=ffffffffffffffff, expected an address of at most 7fffffffffffffff" },
        { "gopark: goroutine=11112222333344445 reason=6", 19,
          "found goroutine=11112222333344445, expected an address in hexadecimal" },
        { "gopark: goroutine=c000 ts=9223372036854775808", 27,
          "found ts=9223372036854775808, expected a number of at most 9223372036854775807" },
        { "gopark: goroutine=c000 cpu=4294967296", 28,
          "found cpu=4294967296, expected a number of at most 4294967295" },
        { "gopark: goroutine=c000 blocked_count=2147483648", 38,
          "found blocked_count=2147483648, expected a number of at most 2147483647" },
        { "gopark: goroutine=c000 blocked_count=--1", 38, "found blocked_count=--1, expected a decimal number" },
        { "gopark: goroutine c000 reason=6 blocked=1", 9, "found no KEY=VALUE here, expected one" },
        { "gopark: goroutine=c000 what is this", 24, "found no KEY=VALUE here, expected one" },
        { "newproc1: goid= goroutine=c000", 16, "found nothing behind goid=, expected a decimal number" },
        { "gopark: goroutine=\x1b[2J reason=6", 19, "found goroutine=\\x1b[2J, expected an address in hexadecimal" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum goleak_keyed_result result = read_line(cases[i].line);
        if (result != GOLEAK_KEYED_DAMAGED || problem_column != cases[i].column ||
            strcmp(problem.sentence, cases[i].sentence) != 0)
            fail_msg("%s: result %d, column %zu, \"%s\"", cases[i].line, (int)result, problem_column,
                     problem.sentence);
    }
}

static void an_event_needs_its_goroutine(void **state)
{
    (void)state;
    assert_int_equal(read_line("gopark: reason=6 ts=5"), GOLEAK_KEYED_DAMAGED);
    assert_string_equal(problem.sentence, "found gopark without goroutine=, expected one");
    assert_int_equal(read_line("gopark: goroutine=0 reason=6"), GOLEAK_KEYED_DAMAGED);
    read_event("gopark: goid=5 reason=6"); /* a goid will do */
    read_event("END: count=0 blocked_count=-1");
    assert_true(event.blocked_count == -1);
}

/* Programs log under names that scripts use, too. */
static void a_programs_line_under_an_events_name_is_no_damage(void **state)
{
    (void)state;
    assert_int_equal(read_line("ready: listening on port 8080"), GOLEAK_KEYED_NOT);
    assert_int_equal(read_line("ready: by the way"), GOLEAK_KEYED_NOT);
    assert_int_equal(read_line("END: ****"), GOLEAK_KEYED_NOT);
    assert_int_equal(read_line("ready: gorout"), GOLEAK_KEYED_DAMAGED); /* but this was one */
    assert_int_equal(read_line("gopark: "), GOLEAK_KEYED_DAMAGED);
}

/* ---- around lines --------------------------------------------------------- */

static void an_event_is_found_behind_other_output(void **state)
{
    static const struct {
        const char *line;
        const char *found; /* NULL: none */
    } cases[] = {
        { "nGoro = 3gopark: goroutine=c000 reason=6", "gopark: goroutine=c000 reason=6" },
        { "a: b: c: godestroy: goroutine=c000", "godestroy: goroutine=c000" },
        { "newproc1: goroutine=c000", "newproc1: goroutine=c000" },
        { "unknown: goroutine=c000", NULL },
        { "gopark: goroutin", NULL },
        { ": goroutine=", NULL },
        { "", NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *end = cases[i].line + strlen(cases[i].line);
        const char *found = goleak_keyed_find(cases[i].line, end);
        if (cases[i].found == NULL ? found != NULL : found == NULL || strcmp(found, cases[i].found) != 0)
            fail_msg("\"%s\": found \"%s\"", cases[i].line, found != NULL ? found : "(none)");
    }
}

/* What an input's format is decided by: name, keys, and whose it is. */
static void a_sure_event_has_its_goroutine_or_its_counter(void **state)
{
    static const struct {
        const char *line;
        bool sure;
    } cases[] = {
        { "gopark: goroutine=c000 reason=6", true },
        { "newproc1: ts=5 goid=7", true },
        { "END: count=0 blocked_count=0", true },
        { "profile-1s: count=3", true },
        { "gopark: reason=6", false },
        { "END: of=story", false },
        { "ready: listening on port 8080", false },
        { "ready: goroutine=c000 and more", true }, /* a value with blanks */
        { "unknown: goroutine=c000", false },
        { "gopark:goroutine=c000", false },
        { "gopark: ", false },
        { "", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (goleak_keyed_is_event(cases[i].line, cases[i].line + strlen(cases[i].line)) != cases[i].sure)
            fail_msg("%s", cases[i].line);
}

static bool is_whole(const char *line, bool first)
{
    read_event(line);
    return goleak_keyed_is_whole(&keyed, line, line + strlen(line), &event, first);
}

static void remember(const char *line)
{
    read_event(line);
    goleak_keyed_remember(&keyed, &event);
}

static void a_cut_line_is_measured_by_those_before_it(void **state)
{
    (void)state;
    remember("gopark: goroutine=c000 reason=6 blocked_count=1");
    assert_true(is_whole("gopark: goroutine=c001 reason=6 blocked_count=2", false));
    assert_true(is_whole("gopark: goroutine=c001 reason=6 blocked_count=2 ts=4", false));
    assert_false(is_whole("gopark: goroutine=c001 reason=6", false));
    assert_false(is_whole("gopark: goroutine=c0", false));
    /* Of a kind that was not there before: the counters end a line. */
    assert_true(is_whole("godestroy: goroutine=c0 count=1", false));
    assert_false(is_whole("godestroy: goroutine=c0 ", false));
    assert_true(is_whole("godestroy: goroutine=c0 ", true)); /* the only line there is */
}

/* A goroutine's number, a reason, a name: with a digit or a letter less it is another one's. */
static void a_last_value_that_could_go_on_may_be_cut(void **state)
{
    static const char *const lines[] = {
        "gopark: goroutine=c001",           "gopark: goroutine=c001 goid=1",   "gopark: goroutine=c001 reason=1",
        "gopark: goroutine=c001 wait=1",    "gopark: goroutine=c001 tid=1",    "gopark: goroutine=c001 cpu=1",
        "gopark: goroutine=c001 blocked=1", "gopark: goroutine=c001 chan=c00", "gopark: goroutine=c001 fn=main.ma",
        "gopark: goroutine=c001 until=1",   "gopark: goroutine=c001 comm=a b",
    };
    char ended[64];
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (is_whole(lines[i], true))
            fail_msg("%s", lines[i]);
        snprintf(ended, sizeof ended, "%s ts=5", lines[i]);
        assert_true(is_whole(ended, true));
    }
    assert_true(is_whole("gopark: goroutine=c001 reason=1 ", true)); /* the blank stands behind it */
    assert_true(is_whole("gopark: goroutine=c001 foreign=1", true)); /* nobody reads it */
}

static void a_cut_counter_is_far_from_the_one_before(void **state)
{
    (void)state;
    remember("newproc1: goroutine=c000 parent=1 count=19 blocked_count=9");
    assert_false(is_whole("newproc1: goroutine=c001 parent=1 count=20 blocked_count=1", false));
    assert_true(is_whole("newproc1: goroutine=c001 parent=1 count=20 blocked_count=10", false));
    assert_true(is_whole("newproc1: goroutine=c001 parent=1 count=20 blocked_count=8", false));
    assert_false(is_whole("END: count=2", false));
    assert_true(is_whole("END: count=20", false));
    remember("newproc1: goroutine=c000 parent=1 count=1 blocked_count=-11");
    assert_false(is_whole("newproc1: goroutine=c001 parent=1 count=2 blocked_count=-1", false));
    assert_true(is_whole("newproc1: goroutine=c001 parent=1 count=2 blocked_count=-10", false));
    assert_true(is_whole("END: count=0", false));
}

static void a_cut_timestamp_lies_far_before_the_others(void **state)
{
    (void)state;
    remember("execute: goroutine=c000 ts=1117829673979");
    assert_false(is_whole("execute: goroutine=c000 ts=111782967397", false));
    assert_true(is_whole("execute: goroutine=c000 ts=1117829673970", false));
    assert_true(is_whole("execute: goroutine=c000 ts=1113000000000", false)); /* another CPU's, late */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_have_their_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_of_something_else_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_event_with_a_goroutine_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls_of_locks_are_operations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_key_has_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_order_of_keys_does_not_matter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_ends_where_the_next_key_begins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fn_may_be_an_address_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parent_is_decimal_on_lines_with_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goid_zero_and_g_zero_are_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_keys_are_counted_and_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_values_are_told_with_their_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_needs_its_goroutine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_programs_line_under_an_events_name_is_no_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_is_found_behind_other_output, set_up, tear_down),
        cmocka_unit_test(a_sure_event_has_its_goroutine_or_its_counter),
        cmocka_unit_test_setup_teardown(a_cut_line_is_measured_by_those_before_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_last_value_that_could_go_on_may_be_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_counter_is_far_from_the_one_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_timestamp_lies_far_before_the_others, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
