/* test_shape - lines read by their shapes: the numbers that plans read, and no line that is
 * not laid out as the one that was learnt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/keyed.h"
#include "format/lines.h"
#include "support/chance.h"
#include "support/fail_alloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_symbols symbols;
static struct goleak_health_book book;
static struct goleak_keyed keyed;
static struct goleak_event event;
static char line[1024]; /* and room behind it, which nobody may depend on */

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_symbols_init(&symbols, &alloc);
    memset(&book, 0, sizeof book);
    keyed = (struct goleak_keyed){ .env = { .alloc = &alloc, .symbols = &symbols, .health = &book } };
    goleak_shapes_init(&keyed.shapes);
    seed = 1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_symbols_release(&symbols);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void put_line(const char *text)
{
    for (size_t i = 0; i < sizeof line; i++)
        line[i] = " \n0af=:"[chance(7)];
    memcpy(line, text, strlen(text));
    line[strlen(text)] = '\n';
}

/* Reads it in the general way and by the plan, and learns its shape. */
static void teach(const char *text)
{
    struct goleak_keyed_problem problem;
    struct goleak_shape_draft draft;
    put_line(text);
    assert_int_equal(goleak_keyed_read(&keyed, line, line + strlen(text), 1, &event, &problem), GOLEAK_KEYED_EVENT);
    const struct goleak_key_plan *plan = goleak_keyed_plan(&keyed, line);
    assert_non_null(plan);
    const char *arguments = line + plan->name.size;
    const char *newline = goleak_keyed_plan_run(&keyed, plan, arguments, line + GOLEAK_LINES_PAD, &event);
    assert_ptr_equal(newline, line + strlen(text));
    goleak_shape_begin(&draft, line, newline, plan->kind);
    goleak_keyed_shape(plan, arguments, &draft);
    goleak_shapes_keep(&keyed.shapes, &draft);
}

/* False: it has no shape that was learnt. */
static bool read_line(const char *text)
{
    put_line(text);
    const char *newline = goleak_keyed_shape_run(&keyed, line, &event);
    if (newline != NULL)
        assert_ptr_equal(newline, line + strlen(text));
    return newline != NULL;
}

static void expect_same(const struct goleak_event *a, const struct goleak_event *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->has, b->has);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->reason, b->reason);
    assert_int_equal(a->wait_reason, b->wait_reason);
    assert_int_equal(a->g, b->g);
    assert_int_equal(a->goid, b->goid);
    assert_int_equal(a->other_g, b->other_g);
    assert_int_equal(a->stack, b->stack);
    assert_int_equal(a->name, b->name);
    const struct {
        uint32_t has;
        uint64_t a, b;
    } others[] = {
        { GOLEAK_HAS_TIME, (uint64_t)a->time_ns, (uint64_t)b->time_ns },
        { GOLEAK_HAS_LOCK, a->lock, b->lock },
        { GOLEAK_HAS_OTHER_GOID, a->other_goid, b->other_goid },
        { GOLEAK_HAS_CHAN, a->chan, b->chan },
        { GOLEAK_HAS_ELEM, a->elem, b->elem },
        { GOLEAK_HAS_GOPC, a->gopc, b->gopc },
        { GOLEAK_HAS_STARTPC, a->startpc, b->startpc },
        { GOLEAK_HAS_CPU, a->cpu, b->cpu },
        { GOLEAK_HAS_TID, a->tid, b->tid },
        { GOLEAK_HAS_PID, a->pid, b->pid },
        { GOLEAK_HAS_STATUS, a->status, b->status },
        { GOLEAK_HAS_UNTIL, (uint64_t)a->until_ns, (uint64_t)b->until_ns },
    };
    for (size_t i = 0; i < COUNT(others); i++)
        if (a->has & others[i].has)
            assert_int_equal(others[i].a, others[i].b);
}

/* ---- what is read ---- */

static const char *const layouts[] = {
    "gopark: goroutine=hhhhhhhhhhhh goid=d reason=dd wait=d lock=hhhhhh chan=h elem=h ts=ddddddddddddd cpu=d tid=dddd",
    "gopark: goroutine=hhhhhhhhhhh goid=dddddddddddddddd reason=d wait=dd lock=hhhhhhhhhhhhhhh status=d pid=dddddddd",
    "gopark: goroutine=hhhhhhhhhhhh goid=dd reason=d wait=dd chan=hhhhhhhh until=ddddddddddddd ts=ddddddddddddd",
    "ready: goroutine=hhhhhhhhhhhh goid=dddddddd by=hhhhhhhhhhhh bygoid=ddddddddd ts=dddddddddddddddd",
    "newproc1: goroutine=hhhhhhhhhhhh goid=dd parent=hhhhhhhh parentgoid=d gopc=hhhhhh startpc=hhhhhh fn=main.fff ts=d",
    "newproc1_entry: parent=hhhhhhhhhhhh parentgoid=ddd fn=hhhhhh pc=hhhhhh ts=dddddddd cpu=dd tid=ddddddd",
    "execute: goroutine=hhhhhhhhhhhh goid=ddd callerpc=hhhhhh cases=ddd ts=ddddddddd",
    "godestroy: goroutine=hhhhhhhhhhhh",
    "profile-1s: ts=ddddddddddddd cpu=d",
};

static void fill(char *text, const char *layout)
{
    strcpy(text, layout);
    for (char *equals = text; (equals = strchr(equals, '=')) != NULL; equals++)
        if (strncmp(equals, "=main.", 6) != 0)
            for (char *c = equals + 1; *c == 'h' || *c == 'd'; c++)
                *c = *c == 'd' || strncmp(equals - 2, "fn", 2) == 0 ? "0123456789"[chance(10)]
                                                                     : "0123456789abcdef"[chance(16)];
}

static void values_are_those_of_the_plan(void **state)
{
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(layouts); i++) {
        fill(text, layouts[i]);
        teach(text);
        for (int round = 0; round < 500; round++) {
            fill(text, layouts[i]);
            if (round % 50 == 1) /* nothing but zeros: some of these are not told then */
                for (char *c = strchr(text, '='); c != NULL && *c != '\0'; c++)
                    *c = *c >= '0' && *c <= '9' && c[-1] != '1' ? '0' : *c;
            bool by_shape = read_line(text);
            struct goleak_event other = event;
            const struct goleak_key_plan *plan = goleak_keyed_plan(&keyed, line);
            const char *end =
                goleak_keyed_plan_run(&keyed, plan, line + plan->name.size, line + GOLEAK_LINES_PAD, &event);
            if (by_shape != (end != NULL && *end == '\n'))
                fail_msg("%s: %s by its shape", text, by_shape ? "read" : "not read");
            if (by_shape)
                expect_same(&other, &event);
        }
    }
}

static void text_is_the_caller_s(void **state)
{
    (void)state;
    teach("newproc1: goroutine=c000102000 fn=main.worker ts=5");
    assert_true(read_line("newproc1: goroutine=c000102000 fn=main.f=g... ts=7"));
    assert_string_equal(goleak_symbols_text(&symbols, event.name), "main.f=g...");
    assert_true((event.has & GOLEAK_HAS_START) != 0);
    assert_false(read_line("newproc1: goroutine=c000102000 fn=main.a f. ts=7"));
    assert_false(read_line("newproc1: goroutine=c000102000 fn=main.a\tf.. ts=7"));
}

/* ---- what is not ---- */

static void a_line_that_is_laid_out_otherwise_is_left(void **state)
{
    static const char *const lines[] = {
        "gopark: goroutine=c00010200 goid=21 reason=7",   "gopark: goroutine=c000102000 goid=2 reason=7",
        "gopark: goroutine=c000102000 goid=21 reason=17", "gopark: goroutine=c000102000 goid=21 reason=7 ",
        "gopark: goroutine=c000102000 goid=2a reason=7",  "gopark: goroutine=c000102000 goid=21 reason=:",
        "gopark: goroutine=C000102000 goid=21 reason=7",  "gopark: goroutine=c00010200: goid=21 reason=7",
        "gopark: goroutine=c00010200@ goid=21 reason=7",  "gopark: goroutine=c00010200` goid=21 reason=7",
        "gopark: goroutine=c00010200g goid=21 reason=7",  "gopark: goroutine=c00010200/ goid=21 reason=7",
        "gopark: goroutine=c000102000 goid=21 season=7",  "gopark: goroutine=c000102000 goid=21\treason=7",
        "gopark: goroutine=c000102000 goid=21 reason=\r", "gopork: goroutine=c000102000 goid=21 reason=7",
        "gopark: goroutine=0000000000 goid=00 reason=7", /* whose is it? */
    };
    (void)state;
    teach("gopark: goroutine=c000102000 goid=21 reason=7");
    assert_true(read_line("gopark: goroutine=c0001023ff goid=99 reason=0"));
    for (size_t i = 0; i < COUNT(lines); i++)
        if (read_line(lines[i]))
            fail_msg("read by a shape that it has not: %s", lines[i]);
    for (int i = 1; i < 256; i++) { /* a byte that is none of a number's */
        char text[] = "gopark: goroutine=c000102000 goid=21 reason=7";
        text[20] = (char)i;
        bool is_digit = (i >= '0' && i <= '9') || (i >= 'a' && i <= 'f');
        assert_int_equal(read_line(text), is_digit);
    }
}

static void numbers_that_may_not_fit_are_for_the_plan(void **state)
{
    static const char *const lines[] = {
        "gopark: goroutine=c000102000 goid=21 reason=255", "gopark: goroutine=c000102000 goid=21 tid=123456789",
        "gopark: goroutine=c000102000 goid=12345678901234567", "gopark: goroutine=c000102000 ts=12345678901234567",
        "gopark: goroutine=c000102000 goid=21 blocked=1",  "gopark: goroutine=c000102000 goid=21 count=17",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        teach(lines[i]);
        assert_false(read_line(lines[i]));
    }
}

static void a_long_line_has_none(void **state)
{
    char text[256];
    (void)state;
    for (size_t size = GOLEAK_SHAPE_BYTES - 2; size <= GOLEAK_SHAPE_BYTES + 1; size++) {
        snprintf(text, sizeof text, "newproc1: goroutine=c000102000 fn=%0*d", (int)(size - 34), 7);
        assert_int_equal(strlen(text), size);
        memset(text + 34, 'f', 5); /* no number */
        text[34] = 'g';
        teach(text);
        assert_int_equal(read_line(text), size < GOLEAK_SHAPE_BYTES);
    }
}

/* ---- the time of perf's lines, and the places ---- */

static void learn_time(const char *text, size_t digits, size_t fraction)
{
    struct goleak_shape_draft draft;
    put_line(text);
    const char *at = strrchr(text, '.') - digits - text + line;
    goleak_shape_begin(&draft, line, line + strlen(text), GOLEAK_EVENT_RUN);
    goleak_shape_number(&draft, GOLEAK_SHAPE_SECONDS, false, at, digits, 0);
    goleak_shape_number(&draft, GOLEAK_SHAPE_FRACTION, false, at + digits + 1, fraction, GOLEAK_HAS_TIME);
    goleak_shapes_keep(&keyed.shapes, &draft);
}

static void seconds_have_six_or_nine_digits_behind_the_point(void **state)
{
    (void)state;
    learn_time("app 12 [001]  2454.722522: x", 4, 6);
    assert_true(read_line("app 12 [001]  0007.000009: x"));
    assert_int_equal(event.time_ns, INT64_C(7000009000));
    learn_time("app 12 [001] 2454.722522001: x", 4, 9);
    assert_true(read_line("app 12 [001] 9999.999999999: x"));
    assert_int_equal(event.time_ns, INT64_C(9999999999999));
    learn_time("app 12 [001] 1700000000.722522001: x", 10, 9);
    assert_true(read_line("app 12 [001] 8999999999.722522001: x"));
    assert_int_equal(event.time_ns, INT64_C(8999999999722522001));
    assert_false(read_line("app 12 [001] 9000000000.722522001: x")); /* beyond 2^63 soon */
    learn_time("app 12 [001] 24.72252: x", 2, 5);
    assert_false(read_line("app 12 [001] 24.72252: x"));
}

static void two_of_a_place_are_kept_and_others_wait(void **state)
{
    int tries = 0;
    (void)state;
    learn_time("abcdefgh1 1.000001", 1, 6);
    learn_time("abcdefgh2 1.000001", 1, 6);
    assert_true(read_line("abcdefgh1 2.000001"));
    assert_true(read_line("abcdefgh2 2.000001"));
    while (!read_line("abcdefgh3 2.000001")) {
        learn_time("abcdefgh3 1.000001", 1, 6);
        assert_true(++tries < 100);
    }
    assert_true(tries > 4);
    assert_true(read_line("abcdefgh1 2.000001"));
    keyed.shapes.off = true;
    learn_time("another 1.000001", 1, 6);
    assert_false(read_line("another 1.000001"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_those_of_the_plan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(text_is_the_caller_s, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_that_is_laid_out_otherwise_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_may_not_fit_are_for_the_plan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_line_has_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seconds_have_six_or_nine_digits_behind_the_point, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_of_a_place_are_kept_and_others_wait, set_up, tear_down),
    };
    if (!GOLEAK_HAS_SHAPES) {
        puts("SKIP lines have shapes on x86-64 alone");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
