/* test_article - the article's lines by their shapes: the numbers that were printed, by
 * 16 bytes at once and for any machine alike, and no line that is not the article's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/article.h"
#include "format/lines.h"

#define LINES 300

struct reading {
    char text[LINES * 128 + GOLEAK_LINES_PAD];
    size_t size;
    struct goleak_event printed[LINES], fast[LINES], plain[LINES];
    size_t count;
};

static struct reading reading;
static struct goleak_article articles[2];
static uint64_t random_state;

static uint64_t below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % limit;
}

/* Of so many digits, or fewer. */
static uint64_t number(unsigned digits, uint64_t base)
{
    uint64_t limit = 1;
    for (uint64_t i = below(digits) + 1; i != 0; i--)
        limit *= base;
    return below(limit);
}

static void print_line(bool timed)
{
    struct goleak_event *event = &reading.printed[reading.count++];
    const uint32_t counters = GOLEAK_HAS_G | GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT;
    char *at = reading.text + reading.size;
    *event = (struct goleak_event) { .position = reading.count };
    event->g = number(timed ? 12 : 14, 16) + 0x10000000;
    event->count = (int32_t)number(7, 10);
    event->blocked_count = (int32_t)number(7, 10);
    switch (below(3)) {
    case 0:
        event->kind = GOLEAK_EVENT_PARK;
        event->flags = below(2) == 0 ? GOLEAK_FLAG_BLOCKED : 0;
        event->reason = (uint8_t)number(2, 10);
        event->has = GOLEAK_HAS_G | GOLEAK_HAS_BLOCKED | GOLEAK_HAS_REASON | GOLEAK_HAS_BLOCKED_COUNT;
        at += sprintf(at, "gopark: goroutine=%" PRIx64 " blocked=%d reason=%d", event->g, event->flags != 0,
                      event->reason);
        break;
    case 1:
        event->kind = GOLEAK_EVENT_CREATE;
        event->other_g = number(14, 10) + 1;
        event->has = counters | GOLEAK_HAS_OTHER;
        at += sprintf(at, "newproc1: goroutine=%" PRIx64 " parent=%" PRIu64 " count=%" PRId32, event->g, event->other_g,
                      event->count);
        break;
    default:
        event->kind = GOLEAK_EVENT_END;
        event->has = counters;
        at += sprintf(at, "godestroy: goroutine=%" PRIx64 " count=%" PRId32, event->g, event->count);
        break;
    }
    at += sprintf(at, " blocked_count=%" PRId32, event->blocked_count);
    if (timed) {
        event->has |= GOLEAK_HAS_TIME;
        event->time_ns = (int64_t)number(15, 10);
        at += sprintf(at, " ts=%" PRId64, event->time_ns);
    }
    *at++ = '\n';
    reading.size = (size_t)(at - reading.text);
}

static bool is_same(const struct goleak_event *a, const struct goleak_event *b)
{
    return a->kind == b->kind && a->has == b->has && a->flags == b->flags && a->g == b->g &&
           a->position == b->position && a->blocked_count == b->blocked_count &&
           ((a->has & GOLEAK_HAS_REASON) == 0 || a->reason == b->reason) &&
           ((a->has & GOLEAK_HAS_OTHER) == 0 || a->other_g == b->other_g) &&
           ((a->has & GOLEAK_HAS_COUNT) == 0 || a->count == b->count) &&
           ((a->has & GOLEAK_HAS_TIME) == 0 || a->time_ns == b->time_ns);
}

/* Reads all of the text, both ways, as far as it is the article's; returns to where. */
static size_t read_both(void)
{
    uint64_t fast = 0, plain = 0;
    const char *text = reading.text, *end = text + reading.size, *at = text, *other = text, *before;
    do {
        before = at;
        at = goleak_article_read(&articles[0], at, end, reading.fast + fast, (size_t)(LINES - fast), &fast);
        other = goleak_article_read_plain(&articles[1], other, end, reading.plain + plain, (size_t)(LINES - plain),
                                          &plain);
        assert_ptr_equal(at, other);
        assert_int_equal(fast, plain);
    } while (at != before);
    for (size_t i = 0; i < fast; i++)
        assert_true(is_same(&reading.fast[i], &reading.plain[i]));
    reading.count = (size_t)fast;
    return (size_t)(at - text);
}

static void begin(void)
{
    memset(reading.text, 'x', sizeof reading.text);
    reading.size = reading.count = 0;
}

static int set_up(void **state)
{
    (void)state;
    random_state = 88172645463325252u;
    goleak_article_init(&articles[0]);
    goleak_article_init(&articles[1]);
    return 0;
}

static void numbers_of_any_length_are_read(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        begin();
        while (reading.count < LINES)
            print_line(round % 3 == 0 || (round % 3 == 1 && below(2) == 0));
        size_t end = read_both();
        if (end != reading.size)
            fail_msg("stops at %.100s", reading.text + end);
        assert_int_equal(reading.count, LINES);
        for (size_t i = 0; i < LINES; i++)
            assert_true(is_same(&reading.fast[i], &reading.printed[i]));
    }
}

/* What is read nevertheless says what it says: printed again, it is the same line. */
static bool says(const struct goleak_event *event, const char *line)
{
    static const char *const names[GOLEAK_EVENT_KIND_COUNT] = {
        [GOLEAK_EVENT_CREATE] = "newproc1", [GOLEAK_EVENT_PARK] = "gopark", [GOLEAK_EVENT_END] = "godestroy"
    };
    char name[16];
    uint64_t g, other, time;
    int count, blocked, used = 0;
    int fields =
        event->kind == GOLEAK_EVENT_CREATE
            ? sscanf(line, "%15[a-z01]: goroutine=%" SCNx64 " parent=%" SCNu64 " count=%d blocked_count=%d%n", name, &g,
                     &other, &count, &blocked, &used)
        : event->kind == GOLEAK_EVENT_PARK
            ? sscanf(line, "%15[a-z01]: goroutine=%" SCNx64 " blocked=%" SCNu64 " reason=%d blocked_count=%d%n", name,
                     &g, &other, &count, &blocked, &used)
            : sscanf(line, "%15[a-z01]: goroutine=%" SCNx64 " count=%d blocked_count=%d%n", name, &g, &count, &blocked,
                     &used);
    if (fields < 4 || strcmp(name, names[event->kind]) != 0 || g != event->g || blocked != event->blocked_count)
        return false;
    if (event->has & GOLEAK_HAS_TIME) {
        if (sscanf(line + used, " ts=%" SCNu64, &time) != 1 || (int64_t)time != event->time_ns)
            return false;
    } else if (line[used] != '\n') {
        return false;
    }
    if (event->kind == GOLEAK_EVENT_PARK)
        return other == ((event->flags & GOLEAK_FLAG_BLOCKED) != 0) && count == event->reason;
    return count == event->count && (event->kind != GOLEAK_EVENT_CREATE || other == event->other_g);
}

static void a_line_that_is_another_is_not_read(void **state)
{
    (void)state;
    size_t stopped = 0;
    for (unsigned round = 0; round < 20000; round++) {
        begin();
        while (reading.count < 8)
            print_line(round % 2 == 0);
        size_t at = (size_t)below(reading.size);
        static const char bytes[] = " =\n09afgAF:/`x-";
        reading.text[at] = below(2) == 0 ? bytes[below(sizeof bytes)] : (char)below(256);
        size_t end = read_both();
        stopped += end != reading.size;
        if (end != reading.size && (end > at + 1 || (end < at && memchr(reading.text + end, '\n', at - end) != NULL)))
            fail_msg("stops at %.100s", reading.text + end); /* which is not the line that was changed */
        const char *line = reading.text;
        for (size_t i = 0; i < reading.count; i++, line = strchr(line, '\n') + 1)
            if (!says(&reading.fast[i], line))
                fail_msg("misread %.100s", line);
    }
    assert_true(stopped > 5000);
}

static void what_needs_another_reading_is_left(void **state)
{
    static const char *const lines[] = {
        "gopark: goroutine=0000000000 blocked=1 reason=6 blocked_count=1\n",
        "gopark: goroutine=c000102000 blocked=2 reason=6 blocked_count=1\n",
        "gopark: goroutine=c000102000 blocked=1 reason=100 blocked_count=1\n",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=-1\n",
        "gopark: goroutine=C000102000 blocked=1 reason=6 blocked_count=1\n",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\r\n",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1 \n",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1 ts=\n",
        "newproc1: goroutine=c000102000 parent=0 count=1 blocked_count=0\n",
        "newproc1: goroutine=c000102000 parent=c000002380 count=1 blocked_count=0\n",
        "newproc1: goroutine=c000102000 parent=1 count=10000000 blocked_count=0\n",
        "godestroy: goroutine=c00010200000000f count=1 blocked_count=0\n",
        "godestroy: goroutine=1 count=1 blocked_count=\n",
        "gdestroy: goroutine=c000102000 count=1 blocked_count=0\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        begin();
        memcpy(reading.text, lines[i], strlen(lines[i]));
        reading.size = strlen(lines[i]);
        if (read_both() != 0)
            fail_msg("reads %s", lines[i]);
    }
}

/* Behind counters of 4 and 2; what the text says last. */
static bool goes_on(const char *text, int32_t count, int32_t blocked)
{
    begin();
    reading.size = strlen(text);
    memcpy(reading.text, text, reading.size);
    for (size_t i = 0; i < 2; i++) {
        articles[i].goes_on = true;
        articles[i].counters = (struct goleak_counters) { 4, 2 };
    }
    assert_int_equal(read_both(), reading.size);
    assert_int_equal(articles[0].goes_on, articles[1].goes_on);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(articles[i].counters.count, count);
        assert_int_equal(articles[i].counters.blocked, blocked);
    }
    return articles[0].goes_on;
}

static void counters_go_on_or_do_not(void **state)
{
    (void)state;
#define CREATE(counters) "newproc1: goroutine=c000102000 parent=824633729920 " counters "\n"
#define END(counters) "godestroy: goroutine=c000102000 " counters "\n"
#define PARK(counters) "gopark: goroutine=c000102000 " counters "\n"
    assert_true(goes_on("", 4, 2));
    assert_true(goes_on(PARK("blocked=0 reason=2 blocked_count=2"), 4, 2));
    assert_true(goes_on(PARK("blocked=1 reason=6 blocked_count=3"), 4, 3));
    assert_true(goes_on(PARK("blocked=1 reason=6 blocked_count=0"), 4, 0)); /* others woke up */
    assert_true(goes_on(CREATE("count=5 blocked_count=2") END("count=4 blocked_count=2"), 4, 2));
    assert_true(goes_on(PARK("blocked=0 reason=2 blocked_count=2") END("count=3 blocked_count=1"), 3, 1));
    assert_false(goes_on(PARK("blocked=0 reason=2 blocked_count=3"), 4, 3));
    assert_false(goes_on(PARK("blocked=1 reason=6 blocked_count=4"), 4, 4));
    assert_false(goes_on(CREATE("count=4 blocked_count=2"), 4, 2));
    assert_false(goes_on(END("count=5 blocked_count=2"), 5, 2));
    assert_false(goes_on(END("count=3 blocked_count=3"), 3, 3));
    assert_false(goes_on(CREATE("count=7 blocked_count=2") PARK("blocked=1 reason=6 blocked_count=3"), 7, 3));
    assert_false(
        goes_on(CREATE("count=6 blocked_count=2") END("count=3 blocked_count=2"), 3, 2)); /* sums do not hide it */
    assert_false(goes_on(PARK("blocked=0 reason=2 blocked_count=2 ts=2301457009214"), 4, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numbers_of_any_length_are_read, set_up),
        cmocka_unit_test_setup(a_line_that_is_another_is_not_read, set_up),
        cmocka_unit_test_setup(what_needs_another_reading_is_left, set_up),
        cmocka_unit_test_setup(counters_go_on_or_do_not, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
