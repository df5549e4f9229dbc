/*
 * test_dtrace - every form of a D script's output becomes the right events.
 *
 * The reader is driven as formats.c drives it; what it pushes is written down one
 * line an event, so that an expectation reads like the recording:
 *
 *      "1 create g=140000036c0 by=140000021c0 count=1 blocked_count=0\n"
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/dtrace.h"
#include "support/fail_alloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- a reader, and what comes out of it ----------------------------------- */

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_symbols symbols;
static struct goleak_reasons reasons;
static struct goleak_health_book book;
static struct goleak_reader_facts facts;
static struct goleak_buf out;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_buf_init(&out, &alloc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_buf_release(&out);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void show_hex(const struct goleak_event *event, uint32_t bit, const char *key, uint64_t value)
{
    if (event->has & bit)
        goleak_buf_printf(&out, " %s=%" PRIx64, key, value);
}

static void show_dec(const struct goleak_event *event, uint32_t bit, const char *key, int64_t value)
{
    if (event->has & bit)
        goleak_buf_printf(&out, " %s=%" PRId64, key, value);
}

static void show_stack(const struct goleak_event *event)
{
    const uint32_t *frames;
    if ((event->has & GOLEAK_HAS_STACK) == 0)
        return;
    size_t count = goleak_symbols_stack_frames(&symbols, event->stack, &frames);
    goleak_buf_text(&out, " [");
    for (size_t i = 0; i < count; i++)
        goleak_buf_printf(&out, "%s%s", i != 0 ? " " : "", goleak_symbols_frame_text(&symbols, frames[i]));
    goleak_buf_char(&out, ']');
}

static void show(const struct goleak_event *event)
{
    bool dump = event->kind == GOLEAK_EVENT_STRUCT;
    bool call = event->kind == GOLEAK_EVENT_CALL || event->kind == GOLEAK_EVENT_RETURN;
    goleak_buf_printf(&out, "%" PRIu64 " %s", event->position,
                      goleak_event_kind_name((enum goleak_event_kind)event->kind));
    if (call || event->kind == GOLEAK_EVENT_OTHER)
        goleak_buf_printf(&out, " %s", goleak_symbols_text(&symbols, event->name));
    if (call)
        goleak_buf_printf(&out, " depth=%u", event->depth);
    show_hex(event, GOLEAK_HAS_G, "g", event->g);
    show_dec(event, GOLEAK_HAS_GOID, "goid", (int64_t)event->goid);
    show_hex(event, GOLEAK_HAS_OTHER, "by", event->other_g);
    show_dec(event, GOLEAK_HAS_OTHER_GOID, "bygoid", (int64_t)event->other_goid);
    show_dec(event, GOLEAK_HAS_BLOCKED, "blocked", event->flags & GOLEAK_FLAG_BLOCKED);
    show_dec(event, GOLEAK_HAS_REASON, "reason", event->reason);
    show_dec(event, GOLEAK_HAS_WAIT, "wait", event->wait_reason);
    show_dec(event, GOLEAK_HAS_COUNT, "count", event->count);
    show_dec(event, GOLEAK_HAS_BLOCKED_COUNT, "blocked_count", event->blocked_count);
    show_dec(event, GOLEAK_HAS_TIME, "ts", event->time_ns);
    show_dec(event, GOLEAK_HAS_CPU, "cpu", event->cpu);
    show_dec(event, GOLEAK_HAS_TID, "tid", event->tid);
    show_hex(event, GOLEAK_HAS_LOCK, "lock", event->lock);
    show_hex(event, GOLEAK_HAS_CHAN, "chan", event->chan);
    show_hex(event, GOLEAK_HAS_GOPC, "gopc", event->gopc);
    show_hex(event, GOLEAK_HAS_STARTPC, "startpc", event->startpc);
    if (event->has & GOLEAK_HAS_START)
        goleak_buf_printf(&out, " fn=%s", goleak_symbols_text(&symbols, event->name));
    if (dump && (event->has & GOLEAK_HAS_STACK_BOUNDS))
        goleak_buf_printf(&out, " lo=%" PRIx64 " hi=%" PRIx64, event->lock, event->chan);
    if (dump && (event->has & GOLEAK_HAS_WAITSINCE))
        goleak_buf_printf(&out, " waitsince=%" PRIu64, event->elem);
    if (event->flags & GOLEAK_FLAG_NAIVE)
        goleak_buf_text(&out, " naive");
    show_stack(event);
    goleak_buf_char(&out, '\n');
}

/* The order that comes behind: takes the events, gives the batch back. */
static enum goleak_status take(void *context, struct goleak_batch **batch)
{
    (void)context;
    assert_true((*batch)->count != 0 && (*batch)->count <= GOLEAK_BATCH_EVENTS);
    for (size_t i = 0; i < (*batch)->count; i++)
        show(&(*batch)->events[i]);
    (*batch)->count = 0;
    return GOLEAK_OK;
}

/* Reads pieces of `step` bytes, each a block of its own; 0: all in one. */
static enum goleak_status read_pieces(const char *text, size_t size, size_t step)
{
    out.size = 0;
    memset(&book, 0, sizeof book);
    goleak_reasons_init(&reasons);
    goleak_symbols_init(&symbols, &alloc);
    const struct goleak_reader_env env = { &alloc, &symbols, &book, &reasons, { take, NULL } };
    struct goleak_reader *reader = goleak_format_dtrace.open(&env);
    enum goleak_status status = reader != NULL ? GOLEAK_OK : GOLEAK_E_MEMORY;
    for (size_t at = 0; at < size && status == GOLEAK_OK;) {
        size_t part = step == 0 || step > size - at ? size - at : step;
        char *piece = malloc(part);
        assert_non_null(piece);
        memcpy(piece, text + at, part);
        status = goleak_format_dtrace.feed(reader, piece, part);
        free(piece);
        at += part;
    }
    if (status == GOLEAK_OK)
        status = goleak_format_dtrace.finish(reader);
    if (reader != NULL) {
        goleak_format_dtrace.facts(reader, &facts);
        goleak_format_dtrace.close(reader);
    }
    goleak_symbols_release(&symbols);
    goleak_buf_char(&out, '\0');
    return status;
}

/* The events of a text, in one piece and, the same, byte by byte. */
static const char *events_of(const char *text)
{
    size_t size = strlen(text);
    assert_int_equal(read_pieces(text, size, 1), GOLEAK_OK);
    char *by_bytes = strdup(out.data);
    struct goleak_health_book counted = book;
    assert_int_equal(read_pieces(text, size, 0), GOLEAK_OK);
    if (strcmp(out.data, by_bytes) != 0)
        fail_msg("byte by byte:\n%sin one piece:\n%s", by_bytes, out.data);
    for (int i = 0; i < GOLEAK_HEALTH_COUNT; i++) {
        assert_int_equal(book.entries[i].count, counted.entries[i].count);
        assert_int_equal(book.entries[i].line, counted.entries[i].line);
        assert_string_equal(book.entries[i].detail, counted.entries[i].detail);
    }
    free(by_bytes);
    return out.data;
}

static void expect(const char *text, const char *events)
{
    const char *found = events_of(text);
    if (strcmp(found, events) != 0)
        fail_msg("found:\n%sexpected:\n%s", found, events);
}

static uint64_t count(enum goleak_health_id id)
{
    return book.entries[id].count;
}

static void expect_healthy(void)
{
    for (int i = 0; i < GOLEAK_HEALTH_COUNT; i++)
        if (book.entries[i].count != 0)
            fail_msg("line %" PRIu64 ": %s", book.entries[i].line, book.entries[i].detail);
}

/* ---- the article's forms -------------------------------------------------- */

static void the_naive_form(void **state)
{
    (void)state;
    expect("goroutine 140000036c0 created: count=1\n"
           "goroutine 140000036c0 destroyed: count=0\n",
           "1 create g=140000036c0 count=1 naive\n"
           "2 end g=140000036c0 count=0 naive\n");
    assert_string_equal(facts.form, "naive");
    assert_int_equal(facts.events, 2);
    expect_healthy();
    /* A Go program's own dump looks a little like it. */
    expect("goroutine 7 [chan send]:\ngoroutine 140000036c0 created: count=x\ngoroutine 0 created: count=1\n", "");
    assert_int_equal(count(GOLEAK_HEALTH_unknown_lines), 3);
}

static void the_full_form(void **state)
{
    (void)state;
    expect("newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0\n"
           "gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "gopark: goroutine=140000036c0 blocked=0 reason=14 blocked_count=-1\n"
           "godestroy: goroutine=140000036c0 count=0 blocked_count=0\n"
           "profile-1s: count=0 blocked_count=0\n"
           "\n"
           "END: count=0 blocked_count=-1\n",
           "1 create g=140000036c0 by=140000021c0 count=1 blocked_count=0\n"
           "2 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "3 park g=140000036c0 blocked=0 reason=14 blocked_count=-1\n"
           "4 end g=140000036c0 count=0 blocked_count=0\n"
           "5 tick count=0 blocked_count=0\n"
           "7 counters count=0 blocked_count=-1\n");
    assert_string_equal(facts.form, "full");
    expect_healthy();
}

static void the_extended_form(void **state)
{
    (void)state;
    expect("newproc1: goroutine=3ca5f2d4ad20 goid=2 parent=3ca5f2d4a1e0 parentgoid=1 gopc=45317a startpc=4531a0 "
           "ts=1597642895326 cpu=1 tid=23181\n"
           "execute: goroutine=3ca5f2d4ad20 goid=2 ts=1597643286506 cpu=1 tid=23183\n"
           "gopark: goroutine=3ca5f2d4ad20 goid=2 reason=10 wait=11 lock=ad17d0 ts=1597643308519 cpu=1 tid=23183\n"
           "ready: goroutine=3ca5f2d4ad20 by=3ca5f2d4a1e0 ts=1597643593215\n"
           "main.main: g=3ca5f2d4a1e0 ts=1597644481592 cpu=0 tid=23181\n"
           "goexit0: goroutine=3ca5f2d4ad20 goid=2 ts=1597644481600\r\n",
           "1 create g=3ca5f2d4ad20 goid=2 by=3ca5f2d4a1e0 bygoid=1 ts=1597642895326 cpu=1 tid=23181 gopc=45317a "
           "startpc=4531a0\n"
           "2 run g=3ca5f2d4ad20 goid=2 ts=1597643286506 cpu=1 tid=23183\n"
           "3 park g=3ca5f2d4ad20 goid=2 reason=10 wait=11 ts=1597643308519 cpu=1 tid=23183 lock=ad17d0\n"
           "4 ready g=3ca5f2d4ad20 by=3ca5f2d4a1e0 ts=1597643593215\n"
           "5 main g=3ca5f2d4a1e0 ts=1597644481592 cpu=0 tid=23181\n"
           "6 end g=3ca5f2d4ad20 goid=2 ts=1597644481600\n");
    assert_string_equal(facts.form, "extended");
    expect_healthy();
}

/* ---- without -q, and -F --------------------------------------------------- */

static void without_q_a_line_tells_its_cpu_and_probe(void **state)
{
    (void)state;
    expect("CPU     ID                    FUNCTION:NAME\n"
           "  1   4094          runtime.newproc1:return newproc1: goroutine=16f9b61cc000 parent=25261758005728 "
           "count=1 blocked_count=0\n"
           "\n"
           "  0   4100             runtime.gopark:entry gopark: goroutine=16f9b61cc000 blocked=1 reason=6 "
           "blocked_count=1\n"
           "\n"
           "nGoro = 3\n"
           "  3   5000                      :tick-1s profile-1s: count=1 blocked_count=1\n"
           " 12      2                             :END END: count=1 blocked_count=1\n",
           "2 create g=16f9b61cc000 by=16f9b61cc1e0 count=1 blocked_count=0 cpu=1\n"
           "4 park g=16f9b61cc000 blocked=1 reason=6 blocked_count=1 cpu=0\n"
           "7 tick count=1 blocked_count=1 cpu=3\n"
           "8 counters count=1 blocked_count=1 cpu=12\n");
    assert_int_equal(count(GOLEAK_HEALTH_unknown_lines), 1);
    assert_int_equal(book.entries[GOLEAK_HEALTH_unknown_lines].line, 6);
}

static void without_q_a_probe_without_text_is_a_call(void **state)
{
    (void)state;
    expect("CPU     ID                    FUNCTION:NAME\n"
           "  1   4094          runtime.newproc1:entry\n"
           "  1   4095          runtime.newproc1:return \n"
           "  0      1                           :BEGIN\n",
           "2 call runtime.newproc1 depth=0 cpu=1\n"
           "3 return runtime.newproc1 depth=0 cpu=1\n");
    assert_string_equal(facts.form, "calls");
    expect_healthy();
}

static void flow_indent_output_tells_calls_and_their_depth(void **state)
{
    (void)state;
    expect("CPU FUNCTION                                 \n"
           " 12  -> main.main                             \n"
           " 12    -> main.Foo                            \n"
           " 12      -> runtime.newproc1                  \n"
           " 12      <- runtime.newproc1                  \n"
           "dtrace: pid 28627 has exited\n"
           "  0 | main.main:return                        \n"
           "  0  <- main.main \n"
           "  1  => main.f[go.shape.struct { X string }]  \n",
           "2 call main.main depth=0 cpu=12\n"
           "3 call main.Foo depth=1 cpu=12\n"
           "4 call runtime.newproc1 depth=2 cpu=12\n"
           "5 return runtime.newproc1 depth=2 cpu=12\n"
           "8 return main.main depth=0 cpu=0\n"
           "9 call main.f[go.shape.struct { X string }] depth=0 cpu=1\n");
    assert_string_equal(facts.form, "flow");
    expect_healthy();
}

/* With -F and printf the text stands behind the name, which is padded to 41
 * columns, or, where the call lies too deep, only set off by one blank. */
static void flow_indent_output_may_carry_events(void **state)
{
    (void)state;
    expect("  1  -> runtime.gopark                        gopark: goroutine=c000102000 blocked=1 reason=6 "
           "blocked_count=1\n"
           "  1  | runtime.gopark:entry                   gopark: goroutine=c000102000 blocked=1 reason=6 "
           "blocked_count=1\n"
           "  0                                    -> runtime.gopark gopark: goroutine=c000102380 blocked=1 reason=6 "
           "blocked_count=2\n"
           "  0                                  | runtime.gopark:entry gopark: goroutine=c000102380 blocked=0 "
           "reason=2 blocked_count=1\n",
           "1 park g=c000102000 blocked=1 reason=6 blocked_count=1 cpu=1\n"
           "2 park g=c000102000 blocked=1 reason=6 blocked_count=1 cpu=1\n"
           "3 park g=c000102380 blocked=1 reason=6 blocked_count=2 cpu=0\n"
           "4 park g=c000102380 blocked=0 reason=2 blocked_count=1 cpu=0\n");
    expect_healthy();
}

/* ---- stacks --------------------------------------------------------------- */

static void a_stack_belongs_to_the_event_before_it(void **state)
{
    (void)state;
    expect("newproc1: goroutine=1084264e0d20 goid=2 parent=1084264e01e0 ts=1592915119155\n"
           "              app`runtime.newproc+0x3f\n"
           "              app`main.main+0x1a\n"
           "execute: goroutine=1084264e0d20 goid=2 ts=1592915488863\n"
           "gopark: goroutine=1084264e0d20 goid=2 reason=6 wait=20 ts=1592915732884\n"
           "\n"
           "        runtime.gopark+14\n"
           "        main.f+26\n"
           "\n"
           "execute: goroutine=1084264e0d20 goid=2 ts=1592915763550\n",
           "1 create g=1084264e0d20 goid=2 by=1084264e01e0 ts=1592915119155 [runtime.newproc+0x3f main.main+0x1a]\n"
           "4 run g=1084264e0d20 goid=2 ts=1592915488863\n"
           "5 park g=1084264e0d20 goid=2 reason=6 wait=20 ts=1592915732884 [runtime.gopark+0xe main.f+0x1a]\n"
           "10 run g=1084264e0d20 goid=2 ts=1592915763550\n");
    expect_healthy();
}

/* The article's own lines are read at a glance, many at once: the last of them may
 * have a stack all the same. */
static void a_stack_follows_the_articles_lines_too(void **state)
{
    struct goleak_buf text, expected;
    (void)state;
    goleak_buf_init(&text, &alloc);
    goleak_buf_init(&expected, &alloc);
    unsigned line = 0;
    for (unsigned i = 1; i <= 600; i++) {
        goleak_buf_printf(&text, "newproc1: goroutine=%x parent=824633729920 count=%u blocked_count=0\n", 0xc0000 + i,
                          i);
        goleak_buf_printf(&expected, "%u create g=%x by=c000002380 count=%u blocked_count=0", ++line, 0xc0000 + i, i);
        if (i % 37 == 0 || i == 256 || i == 512) {
            goleak_buf_text(&text, "              app`main.f+0x10\n");
            goleak_buf_text(&expected, " [main.f+0x10]");
            line++;
        }
        goleak_buf_char(&expected, '\n');
    }
    goleak_buf_char(&text, '\0');
    goleak_buf_char(&expected, '\0');
    expect(text.data, expected.data);
    expect_healthy();
    goleak_buf_release(&text);
    goleak_buf_release(&expected);
}

static void a_programs_output_between_an_event_and_its_stack_parts_them_not(void **state)
{
    struct goleak_buf text;
    (void)state;
    /* In the middle of a large piece, where lines are read many at once. */
    for (int many = 0; many < 2; many++) {
        goleak_buf_init(&text, &alloc);
        goleak_buf_text(&text, "newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
                               "nGoro = 3\n"
                               "goroutines: 3\n"
                               "              app`main.f+0x10\n");
        for (int i = 0; i < many * 20; i++)
            goleak_buf_text(&text, "some output of the traced program\n");
        goleak_buf_char(&text, '\0');
        expect(text.data, "1 create g=c000102000 by=c000002380 count=1 blocked_count=0 [main.f+0x10]\n");
        goleak_buf_release(&text);
    }
}

static void a_stack_without_an_event_is_nobodys(void **state)
{
    (void)state;
    expect("              app`main.f+0x10\n"
           "gopark: goroutine=c000102000 reason=6 ts=5\n",
           "2 park g=c000102000 reason=6 ts=5\n");
    assert_int_equal(count(GOLEAK_HEALTH_unknown_lines), 1);
}

/* ---- print(*g) ------------------------------------------------------------ */

/* As dt_print.c of illumos and macOS has it: "type name = value". */
static void a_dump_in_macos_spelling(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n"
           "    uintptr_t [2] stack = [ 0x1400007a000, 0x1400007a800 ]\n"
           "    uintptr_t stackguard0 = 0x1400007a3a0\n"
           "    struct m *m = 0x100c5d2a0\n"
           "    uint32_t stackLock = 0\n"
           "    uint64_t goid = 0x12\n"
           "    int64_t waitsince = 0x5f5e100\n"
           "    uint8_t waitreason = 0x14\n"
           "    uint32_t parkingOnChan = 0x1\n"
           "    uint64_t parentGoid = 0x1\n"
           "    uintptr_t gopc = 0x1000b5c34\n"
           "    uintptr_t startpc = 0x1000b5d10\n"
           "}\n"
           "END: count=1 blocked_count=1\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "14 struct g=140000036c0 goid=18 wait=20 gopc=1000b5c34 startpc=1000b5d10 lo=1400007a000 hi=1400007a800 "
           "waitsince=100000000\n"
           "15 counters count=1 blocked_count=1\n");
    expect_healthy();
}

/* The article prints the struct before the line. g.sched.g, the third of its
 * numbers, points at the goroutine itself: then it does not matter. */
static void a_dump_that_tells_its_own_address_needs_no_event_before_it(void **state)
{
    (void)state;
    expect("newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0\n"
           "newproc1: goroutine=14000003880 parent=1374389543360 count=2 blocked_count=0\n"
           "struct g {\n"
           "    uintptr_t [6] sched = [ 0x1400007a7b0, 0x100c5d2a0, 0x140000036c0, 0, 0, 0x1400007a7a8 ]\n"
           "    uint64_t goid = 0x12\n"
           "}gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n" /* a thread's g0 has no goid, and is no goroutine */
           "    uintptr_t [6] sched = [ 0x1400007a7b0, 0x100c5d2a0, 0x100ad2a40, 0, 0, 0 ]\n"
           "    uint64_t goid = 0\n"
           "}\n",
           "1 create g=140000036c0 by=140000021c0 count=1 blocked_count=0\n"
           "2 create g=14000003880 by=140000021c0 count=2 blocked_count=0\n"
           "6 struct g=140000036c0 goid=18\n"
           "6 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n");
    expect_healthy();
}

static void a_dump_with_the_stack_as_a_struct(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 reason=6 ts=77\n"
           "struct g {\n"
           "    struct stack stack = {\n"
           "        uintptr_t lo = 0x1400007a000\n"
           "        uintptr_t hi = 0x1400007a800\n"
           "    }\n"
           "    struct gobuf sched = {\n"
           "        struct inner deep = {\n"
           "            uint64_t goid = 0x63\n"
           "        }\n"
           "    }\n"
           "    uint64_t goid = 0x12\n"
           "}\n",
           "1 park g=140000036c0 reason=6 ts=77\n"
           "13 struct g=140000036c0 goid=18 ts=77 lo=1400007a000 hi=1400007a800\n");
    expect_healthy();
}

/* As Oracle DTrace has it: ".name = (type)value,", decimal, noughts left out, and
 * 44 columns to the right. */
static void a_dump_in_oracles_spelling(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "7f0012345678 = *\n"
           "                                            (struct g) {\n"
           "                                             .stack = (uintptr_t [2]) [\n"
           "                                              (uintptr_t)1374390034432,\n"
           "                                              (uintptr_t)1374390036480,\n"
           "                                             ],\n"
           "                                             .m = (struct m *)0x100c5d2a0,\n"
           "                                             .goid = (uint64_t)18,\n"
           "                                             .waitsince = (int64_t)100000000,\n"
           "                                             .waitreason = (uint8_t)20,\n"
           "                                             .parentGoid = (uint64_t)1,\n"
           "                                             .gopc = (uintptr_t)4790079,\n"
           "                                             .startpc = (uintptr_t)4790080,\n"
           "                                            }\n"
           "END: count=1 blocked_count=1\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "15 struct g=140000036c0 goid=18 wait=20 gopc=49173f startpc=491740 lo=1400007a000 hi=1400007a800 "
           "waitsince=100000000\n"
           "16 counters count=1 blocked_count=1\n");
    expect_healthy();
}

/* libdtrace ends a print() of illumos and macOS with "}" and no newline: with -q
 * the next event stands right behind it. */
static void an_event_may_stand_behind_a_dumps_end(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n"
           "    uint64_t goid = 0x12\n"
           "}gopark: goroutine=14000003880 blocked=1 reason=6 blocked_count=2\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "4 struct g=140000036c0 goid=18\n"
           "4 park g=14000003880 blocked=1 reason=6 blocked_count=2\n");
    expect_healthy();
}

static void a_programs_output_inside_a_dump_does_not_keep_it_open(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n"
           "{\"msg\": \"started {\"\n"
           "    uint64_t goid = 0x12\n"
           "}\n"
           "gopark: goroutine=14000003880 blocked=1 reason=6 blocked_count=2\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "5 struct g=140000036c0 goid=18\n"
           "6 park g=14000003880 blocked=1 reason=6 blocked_count=2\n");
    assert_int_equal(count(GOLEAK_HEALTH_unknown_lines), 1);
}

static void a_dump_that_does_not_end_swallows_no_events(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n"
           "    uint64_t goid = 0x12\n"
           "gopark: goroutine=14000003880 blocked=1 reason=6 blocked_count=2\n"
           "gopark: goroutine=14000003a40 blocked=1 reason=6 blocked_count=3\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "4 park g=14000003880 blocked=1 reason=6 blocked_count=2\n"
           "5 park g=14000003a40 blocked=1 reason=6 blocked_count=3\n");
    assert_int_equal(count(GOLEAK_HEALTH_damaged_lines), 1);
}

static void a_dump_at_the_inputs_end_is_truncated(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct g {\n"
           "    uint64_t goid = 0x12\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n");
    assert_int_equal(count(GOLEAK_HEALTH_truncated), 1);
}

static void another_structs_dump_is_no_goroutines(void **state)
{
    (void)state;
    expect("gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1\n"
           "struct hchan {\n"
           "    uint64_t qcount = 0x2\n"
           "}\n",
           "1 park g=140000036c0 blocked=1 reason=6 blocked_count=1\n");
    assert_int_equal(count(GOLEAK_HEALTH_unknown_lines), 3);
}

/* ---- what else stands in between ------------------------------------------ */

static void the_recorders_messages_are_read(void **state)
{
    (void)state;
    expect("dtrace: script 'full.d' matched 6 probes\n"
           "newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
           "dtrace: 33 drops on CPU 0\n"
           "dtrace: 2 dynamic variable drops with non-empty dirty list\n"
           "dtrace: 5 aggregation drops on CPU 1\n"
           "dtrace: error on enabled probe ID 3 (ID 4100: pid17:app:runtime.gopark:entry): invalid address (0x0)\n"
           "dtrace: pid 28627 has exited\n",
           "2 create g=c000102000 by=c000002380 count=1 blocked_count=0\n");
    assert_int_equal(count(GOLEAK_HEALTH_lost_events), 40);
    assert_int_equal(book.entries[GOLEAK_HEALTH_lost_events].line, 3);
    assert_string_equal(book.entries[GOLEAK_HEALTH_lost_events].detail, "\"dtrace: 33 drops on CPU 0\"");
    assert_int_equal(count(GOLEAK_HEALTH_recorder_errors), 1);
    assert_int_equal(count(GOLEAK_HEALTH_unknown_lines), 0);
    assert_int_equal(facts.notes, 6);
    assert_int_equal(facts.events, 1);
}

static void the_programs_output_is_counted_with_its_first_place(void **state)
{
    (void)state;
    expect("newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
           "nGoro = 3\n"
           "\x1b[31mred\x1b[0m \xff\n"
           "ready: listening on port 8080\n"
           "END: count=1 blocked_count=0\n",
           "1 create g=c000102000 by=c000002380 count=1 blocked_count=0\n"
           "5 counters count=1 blocked_count=0\n");
    assert_int_equal(count(GOLEAK_HEALTH_unknown_lines), 3);
    assert_int_equal(book.entries[GOLEAK_HEALTH_unknown_lines].line, 2);
    assert_string_equal(book.entries[GOLEAK_HEALTH_unknown_lines].detail, "\"nGoro = 3\"");
    assert_int_equal(count(GOLEAK_HEALTH_damaged_lines), 0);
}

static void an_event_behind_output_without_a_newline_is_read(void **state)
{
    (void)state;
    expect("nGoro = 3gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
           "waiting...godestroy: goroutine=c000102000 count=0 blocked_count=0\n"
           "total: x=1gopark: goroutine=c000102380 blocked=1 reason=6 blocked_count=1\n",
           "1 park g=c000102000 blocked=1 reason=6 blocked_count=1\n"
           "2 end g=c000102000 count=0 blocked_count=0\n"
           "3 park g=c000102380 blocked=1 reason=6 blocked_count=1\n");
    assert_int_equal(count(GOLEAK_HEALTH_unknown_lines), 3); /* their other part */
    assert_int_equal(count(GOLEAK_HEALTH_unknown_events), 0);
}

static void aggregations_are_known_and_told_nothing(void **state)
{
    (void)state;
    expect("gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
           "\n"
           "           value  ------------- Distribution ------------- count    \n"
           "            4096 |                                         0        \n"
           "            8192 |@@@@@@@@@@@@                             113      \n"
           "        33554432 |@@@@@@@                                  17       \n"
           "\n"
           "           value  ------------- Distribution ------------- count    \n"
           "             < 0 |                                         0        \n"
           "              -1 |@@                                       2        \n"
           "           >= 10 |@@                                       2        \n"
           "gopark: goroutine=c000102000 blocked=1 reason=7 blocked_count=1\n",
           "1 park g=c000102000 blocked=1 reason=6 blocked_count=1\n"
           "12 park g=c000102000 blocked=1 reason=7 blocked_count=1\n");
    expect_healthy();
}

static void a_nul_in_an_event_is_damage_and_elsewhere_is_not(void **state)
{
    static const char text[] = "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n"
                               "gopark: goroutine=c000\0002380 blocked=1 reason=6 blocked_count=2\n"
                               "out\0put\n"
                               "gopark: goroutine=c000102380 blocked=1 reason=6 blocked_count=2\n";
    static const size_t steps[] = { 0, 1 };
    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) {
        assert_int_equal(read_pieces(text, sizeof text - 1, steps[i]), GOLEAK_OK);
        assert_string_equal(out.data, "1 park g=c000102000 blocked=1 reason=6 blocked_count=1\n"
                                      "4 park g=c000102380 blocked=1 reason=6 blocked_count=2\n");
        assert_int_equal(count(GOLEAK_HEALTH_damaged_lines), 1);
        assert_int_equal(book.entries[GOLEAK_HEALTH_damaged_lines].line, 2);
        assert_int_equal(book.entries[GOLEAK_HEALTH_damaged_lines].column, 23);
        assert_int_equal(count(GOLEAK_HEALTH_unknown_lines), 1);
    }
}

static void a_damaged_line_is_passed_over_and_told(void **state)
{
    (void)state;
    expect("gopark: goroutine=c000102000 blocked=1 reason=six blocked_count=1\n"
           "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n",
           "2 park g=c000102000 blocked=1 reason=6 blocked_count=1\n");
    assert_int_equal(count(GOLEAK_HEALTH_damaged_lines), 1);
    assert_int_equal(book.entries[GOLEAK_HEALTH_damaged_lines].column, 47);
    assert_string_equal(book.entries[GOLEAK_HEALTH_damaged_lines].detail,
                        "found reason=six, expected a decimal number");
}

static void a_line_that_is_too_long_is_told_with_its_length(void **state)
{
    const size_t bytes = ((size_t)1 << 20) + 7;
    char *text = malloc(bytes + 128);
    (void)state;
    assert_non_null(text);
    memset(text, 'x', bytes);
    strcpy(text + bytes, "\ngopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\n");
    assert_int_equal(read_pieces(text, strlen(text), 65536), GOLEAK_OK);
    assert_string_equal(out.data, "2 park g=c000102000 blocked=1 reason=6 blocked_count=1\n");
    assert_int_equal(count(GOLEAK_HEALTH_damaged_lines), 1);
    assert_string_equal(book.entries[GOLEAK_HEALTH_damaged_lines].detail,
                        "found a line of 1048583 bytes, expected at most 1048576; it was skipped");
    free(text);
}

/* ---- the end -------------------------------------------------------------- */

static void a_last_line_that_lacks_its_end_is_left_out(void **state)
{
    (void)state;
    expect("newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
           "newproc1: goroutine=c000102380 parent=824633",
           "1 create g=c000102000 by=c000002380 count=1 blocked_count=0\n");
    assert_int_equal(count(GOLEAK_HEALTH_truncated), 1);
    assert_int_equal(book.entries[GOLEAK_HEALTH_truncated].line, 2);
    expect("gopark: goroutine=c000102000 reason=6 ts=5\ngopark: goroutine=c000102380 rea",
           "1 park g=c000102000 reason=6 ts=5\n");
    assert_int_equal(count(GOLEAK_HEALTH_truncated), 1);
    assert_int_equal(count(GOLEAK_HEALTH_damaged_lines), 0);
}

static void a_last_line_that_only_lacks_its_newline_is_good(void **state)
{
    (void)state;
    expect("newproc1: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0\n"
           "END: count=1 blocked_count=0",
           "1 create g=c000102000 by=c000002380 count=1 blocked_count=0\n"
           "2 counters count=1 blocked_count=0\n");
    expect_healthy();
}

/* What is cut is decided by the lines before, and those may all have been read at
 * a glance: however the bytes came, the answer is one. */
static void the_cut_is_found_behind_many_fast_lines_too(void **state)
{
    struct goleak_buf text;
    (void)state;
    goleak_buf_init(&text, &alloc);
    for (unsigned i = 1; i <= 50; i++)
        goleak_buf_printf(&text, "newproc1: goroutine=c000%x parent=824633729920 count=%u blocked_count=0\n", i, i);
    for (unsigned i = 1; i <= 50; i++)
        goleak_buf_printf(&text, "gopark: goroutine=c000%x blocked=1 reason=6 blocked_count=%u\n", i, i);
    goleak_buf_text(&text, "newproc1: goroutine=c000fff parent=824633729920 count=51");
    goleak_buf_char(&text, '\0');
    const char *events = events_of(text.data);
    assert_null(strstr(events, "c000fff"));
    assert_int_equal(count(GOLEAK_HEALTH_truncated), 1);
    assert_int_equal(facts.events, 100);
    goleak_buf_release(&text);
}

/* ---- the fast path -------------------------------------------------------- */

/* Among plain lines, which are read at a glance, each of these must come out as if
 * it stood alone. events_of compares one piece with single bytes. */
static void the_fast_path_and_the_general_one_agree(void **state)
{
    static const char *const odd[] = {
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=-3",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=2147483647",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=-2147483648",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=2147483648",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=-",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=0000000000001",
        "gopark: goroutine=c000102000 blocked=2 reason=6 blocked_count=1",
        "gopark: goroutine=c000102000 blocked= reason=6 blocked_count=1",
        "gopark: goroutine=c000102000 blocked=01 reason=6 blocked_count=1",
        "gopark: goroutine=c000102000 blocked=1 reason=255 blocked_count=1",
        "gopark: goroutine=c000102000 blocked=1 reason=256 blocked_count=1",
        "gopark: goroutine=c000102000 blocked=1 reason= blocked_count=1",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1 ts=77",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1 ",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1\r",
        "gopark: goroutine=c000102000  blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=0xc000102000 blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=C000102000 blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=0 blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine= blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=7fffffffffffffff blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=8000000000000000 blocked=1 reason=6 blocked_count=1",
        "gopark: goroutine=0000000000c000102000 blocked=1 reason=6 blocked_count=1",
        "newproc1: goroutine=c000102000 parent=0 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent= count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=-5 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=c000002380 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=0xc000002380 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=9223372036854775807 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=18446744073709551615 count=1 blocked_count=0",
        "newproc1: goroutine=c000102000 parent=824633729920 count=-1 blocked_count=-1",
        "newproc1: goroutine=c000102000 count=1 parent=824633729920 blocked_count=0",
        "newproc1_entry: goroutine=c000102000 parent=824633729920 count=1 blocked_count=0",
        "godestroy: goroutine=c000102000 count=-7 blocked_count=-8",
        "godestroy: goroutine=c000102000 count=1",
        "gdestroy: goroutine=c000102000 count=1 blocked_count=0",
        "goroutine c000102000 created: count=1",
        "nGoro = 3",
        "gopark",
        "g",
        "",
        "        main.f+26",
        "gopark: goroutine=c000102000 blocked=1 reason=6 blocked_count=1nGoro = 3",
    };
    struct goleak_buf text;
    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        goleak_buf_init(&text, &alloc);
        for (int k = 0; k < 12; k++) {
            if (k == 6)
                goleak_buf_printf(&text, "%s\n", odd[i]);
            goleak_buf_printf(&text, "newproc1: goroutine=c0002%02x parent=824633729920 count=%d blocked_count=0\n", k,
                              k);
            goleak_buf_printf(&text, "gopark: goroutine=c0002%02x blocked=%d reason=%d blocked_count=%d\n", k, k % 2,
                              k, k / 2);
        }
        goleak_buf_char(&text, '\0');
        events_of(text.data);
        goleak_buf_release(&text);
    }
}

static void batches_are_handed_on_whole_at_any_length(void **state)
{
    static const unsigned lengths[] = { 255, 256, 257, 511, 512, 513, 1000 };
    struct goleak_buf text;
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        goleak_buf_init(&text, &alloc);
        for (unsigned k = 0; k < lengths[i]; k++)
            goleak_buf_printf(&text, "godestroy: goroutine=c000%x count=%u blocked_count=0\n", k + 1, k);
        goleak_buf_char(&text, '\0');
        const char *last = events_of(text.data);
        unsigned lines = 0;
        for (const char *at = strchr(last, '\n'); at != NULL; at = strchr(at + 1, '\n'))
            lines++;
        assert_int_equal(lines, lengths[i]);
        assert_int_equal(facts.events, lengths[i]);
        goleak_buf_release(&text);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_naive_form),
        TEST(the_full_form),
        TEST(the_extended_form),
        TEST(without_q_a_line_tells_its_cpu_and_probe),
        TEST(without_q_a_probe_without_text_is_a_call),
        TEST(flow_indent_output_tells_calls_and_their_depth),
        TEST(flow_indent_output_may_carry_events),
        TEST(a_stack_belongs_to_the_event_before_it),
        TEST(a_stack_follows_the_articles_lines_too),
        TEST(a_programs_output_between_an_event_and_its_stack_parts_them_not),
        TEST(a_stack_without_an_event_is_nobodys),
        TEST(a_dump_in_macos_spelling),
        TEST(a_dump_that_tells_its_own_address_needs_no_event_before_it),
        TEST(a_dump_with_the_stack_as_a_struct),
        TEST(a_dump_in_oracles_spelling),
        TEST(an_event_may_stand_behind_a_dumps_end),
        TEST(a_programs_output_inside_a_dump_does_not_keep_it_open),
        TEST(a_dump_that_does_not_end_swallows_no_events),
        TEST(a_dump_at_the_inputs_end_is_truncated),
        TEST(another_structs_dump_is_no_goroutines),
        TEST(the_recorders_messages_are_read),
        TEST(the_programs_output_is_counted_with_its_first_place),
        TEST(an_event_behind_output_without_a_newline_is_read),
        TEST(aggregations_are_known_and_told_nothing),
        TEST(a_nul_in_an_event_is_damage_and_elsewhere_is_not),
        TEST(a_damaged_line_is_passed_over_and_told),
        TEST(a_line_that_is_too_long_is_told_with_its_length),
        TEST(a_last_line_that_lacks_its_end_is_left_out),
        TEST(a_last_line_that_only_lacks_its_newline_is_good),
        TEST(the_cut_is_found_behind_many_fast_lines_too),
        TEST(the_fast_path_and_the_general_one_agree),
        TEST(batches_are_handed_on_whole_at_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
