/*
 * test_gotrace_v1 - hand-made Go execution traces v1 become the right events.
 *
 * Traces are written by the small writer below; what the reader pushes is written down
 * one line an event, without its offset:
 *
 *      "create #3 goid=7 by=1 ts=120 fn=main.f [main.main /m.go:9]\n"
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
#include "format/gotrace_v1.h"
#include "format/gotrace_v1_order.h"
#include "support/fail_alloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NO_P UINT64_MAX

/* ---- a reader, and what comes out of it ---------------------------------------------- */

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_symbols symbols;
static struct goleak_reasons reasons;
static struct goleak_health_book book;
static struct goleak_reader_facts facts;
static struct goleak_buf out, trace;
static char version[16];
static const struct goleak_buf *file; /* that can be read again, whatever it is by then; NULL: none can */

static bool waits_only; /* all readings to come */

static int set_up(void **state)
{
    (void)state;
    file = NULL;
    waits_only = false;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_buf_init(&out, &alloc);
    goleak_buf_init(&trace, &alloc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_buf_release(&out);
    goleak_buf_release(&trace);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static const char *name_of(const struct goleak_event *event)
{
    return goleak_symbols_text(&symbols, event->name);
}

static void show_values(const struct goleak_event *event)
{
    static const char *const with_texts[] = { "STWBegin",        "GoLabel",       "UserTaskBegin",
                                              "UserRegionBegin", "UserRegionEnd", "UserLog" };
    static const unsigned texts[] = { 1, 1, 4, 2, 2, 6 };
    const uint64_t values[] = { event->lock, event->chan, event->elem };
    unsigned which = 0;
    for (size_t i = 0; i < COUNT(with_texts); i++)
        which = strcmp(name_of(event), with_texts[i]) == 0 ? texts[i] : which;
    for (unsigned i = 0; i < 3; i++) {
        if ((event->has & GOLEAK_HAS_LOCK << i) == 0)
            continue;
        if (which >> i & 1)
            goleak_buf_printf(&out, " \"%s\"", goleak_symbols_text(&symbols, (uint32_t)values[i]));
        else
            goleak_buf_printf(&out, " %" PRId64, (int64_t)values[i]);
    }
}

static void show_stack(const struct goleak_event *event)
{
    const uint32_t *frames;
    if ((event->has & GOLEAK_HAS_STACK) == 0)
        return;
    size_t count = goleak_symbols_stack_frames(&symbols, event->stack, &frames);
    for (size_t i = 0; i < count; i++)
        goleak_buf_printf(&out, "%s%s", i == 0 ? " [" : ", ", goleak_symbols_frame_text(&symbols, frames[i]));
    goleak_buf_char(&out, ']');
}

static void show(const struct goleak_event *event)
{
    goleak_buf_text(&out, goleak_event_kind_name((enum goleak_event_kind)event->kind));
    if (event->kind == GOLEAK_EVENT_RUNTIME)
        goleak_buf_printf(&out, " %s", name_of(event));
    if (event->has & GOLEAK_HAS_G) {
        assert_true(event->g & GOLEAK_G_SLOT);
        goleak_buf_printf(&out, " #%" PRIu64, event->g & ~GOLEAK_G_SLOT);
    }
    if (event->has & GOLEAK_HAS_GOID)
        goleak_buf_printf(&out, " goid=%" PRIu64, event->goid);
    assert_int_equal((event->has & GOLEAK_HAS_OTHER) != 0, (event->has & GOLEAK_HAS_OTHER_GOID) != 0);
    if (event->has & GOLEAK_HAS_OTHER_GOID)
        goleak_buf_printf(&out, " by=%" PRIu64, event->other_goid);
    if (event->has & GOLEAK_HAS_TIME)
        goleak_buf_printf(&out, " ts=%" PRId64, event->time_ns);
    if (event->has & GOLEAK_HAS_STATUS)
        goleak_buf_printf(&out, " status=%u", event->status);
    if (event->has & GOLEAK_HAS_UNTIL)
        goleak_buf_printf(&out, " until=%" PRId64, event->until_ns);
    if (event->has & GOLEAK_HAS_REASON) {
        assert_int_equal(event->flags, GOLEAK_FLAG_REASON);
        goleak_buf_printf(&out, " %s", goleak_reason_name((enum goleak_reason)event->reason));
    }
    if (event->kind == GOLEAK_EVENT_YIELD)
        goleak_buf_printf(&out, " %s", name_of(event));
    if (event->has & GOLEAK_HAS_START)
        goleak_buf_printf(&out, " fn=%s", name_of(event));
    if (event->kind == GOLEAK_EVENT_RUNTIME)
        show_values(event);
    show_stack(event);
    goleak_buf_char(&out, '\n');
}

static int64_t last_ns, untold;
static uint64_t last_position;

static enum goleak_status take(void *context, struct goleak_batch **batch)
{
    (void)context;
    assert_true((*batch)->count != 0 && (*batch)->count <= GOLEAK_BATCH_EVENTS);
    for (size_t i = 0; i < (*batch)->count; i++) {
        const struct goleak_event *event = &(*batch)->events[i];
        show(event);
        if (event->has & GOLEAK_HAS_TIME)
            assert_true(event->time_ns >= last_ns);
        last_ns = event->has & GOLEAK_HAS_TIME ? event->time_ns : last_ns;
        last_position = event->position;
    }
    untold += (*batch)->untold;
    (*batch)->untold = 0;
    (*batch)->count = 0;
    return GOLEAK_OK;
}

static size_t read_again(void *context, uint64_t offset, void *buffer, size_t size)
{
    const struct goleak_buf *from = context;
    if (offset >= from->size)
        return 0;
    if (size > from->size - offset)
        size = (size_t)(from->size - offset);
    memcpy(buffer, from->data + offset, size);
    return size;
}

static struct goleak_reader_env make_env(void)
{
    return (struct goleak_reader_env) { .alloc = &alloc,
                                        .symbols = &symbols,
                                        .health = &book,
                                        .reasons = &reasons,
                                        .sink = { take, NULL },
                                        .read_again = file != NULL ? read_again : NULL,
                                        .again_context = (void *)(uintptr_t)file,
                                        .waits_only = waits_only };
}

/* Reads the first `size` bytes in pieces of `step`, each a block of its own; 0: all in one. */
static enum goleak_status read_pieces(size_t size, size_t step)
{
    out.size = 0;
    last_ns = untold = 0;
    memset(&book, 0, sizeof book);
    goleak_reasons_init(&reasons);
    goleak_symbols_init(&symbols, &alloc);
    const struct goleak_reader_env env = make_env();
    struct goleak_reader *reader = goleak_format_gotrace_v1.open(&env);
    enum goleak_status status = reader != NULL ? GOLEAK_OK : GOLEAK_E_MEMORY;
    for (size_t at = 0; at < size && status == GOLEAK_OK;) {
        size_t part = step == 0 || step > size - at ? size - at : step;
        char *piece = malloc(part);
        assert_non_null(piece);
        memcpy(piece, trace.data + at, part);
        status = goleak_format_gotrace_v1.feed(reader, piece, part);
        free(piece);
        at += part;
    }
    if (status == GOLEAK_OK)
        status = goleak_format_gotrace_v1.finish(reader);
    if (reader != NULL) {
        goleak_format_gotrace_v1.facts(reader, &facts);
        goleak_format_gotrace_v1.close(reader);
    }
    strcpy(version, reasons.text);
    goleak_symbols_release(&symbols);
    goleak_buf_char(&out, '\0');
    return status;
}

/* What was read last is read otherwise, with the same result. */
static void expect_same(const struct goleak_buf *from, size_t step)
{
    char *before = strdup(out.data);
    struct goleak_health_book counted = book;
    file = from;
    assert_int_equal(read_pieces(trace.size, step), GOLEAK_OK);
    if (strcmp(out.data, before) != 0)
        fail_msg("in pieces of %zu%s:\n%sbefore:\n%s", step, from != NULL ? " of a file" : "", out.data, before);
    for (int i = 0; i < GOLEAK_HEALTH_COUNT; i++) {
        assert_int_equal(book.entries[i].count, counted.entries[i].count);
        assert_int_equal(book.entries[i].offset, counted.entries[i].offset);
        assert_string_equal(book.entries[i].detail, counted.entries[i].detail);
    }
    free(before);
    file = NULL;
}

/* In one piece and, the same, byte by byte; kept, and from a file that is read again. */
static void expect(const char *events)
{
    assert_int_equal(read_pieces(trace.size, 0), GOLEAK_OK);
    expect_same(NULL, 1);
    expect_same(&trace, 0);
    expect_same(&trace, 1);
    if (strcmp(out.data, events) != 0)
        fail_msg("found:\n%sexpected:\n%s", out.data, events);
}

static void expect_healthy(void)
{
    for (int i = 0; i < GOLEAK_HEALTH_COUNT; i++)
        if (book.entries[i].count != 0)
            fail_msg("at %" PRIu64 ": %s", book.entries[i].offset, book.entries[i].detail);
}

static void expect_damage(enum goleak_health_id id, uint64_t offset, const char *detail)
{
    if (book.entries[id].count != 1 || book.entries[id].offset != offset ||
        strcmp(book.entries[id].detail, detail) != 0)
        fail_msg("found %" PRIu64 " at %" PRIu64 ": %s\nexpected 1 at %" PRIu64 ": %s", book.entries[id].count,
                 book.entries[id].offset, book.entries[id].detail, offset, detail);
}

/* ---- the writer ------------------------------------------------------------------------- */

static void put(uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        goleak_buf_char(&trace, (char)(value | 0x80));
    goleak_buf_char(&trace, (char)value);
}

static void put_length(size_t size) /* as the runtime does it */
{
    for (int i = 0; i < 9; i++, size >>= 7)
        goleak_buf_char(&trace, (char)(size | 0x80));
    goleak_buf_char(&trace, 0);
}

static void header(int minor)
{
    trace.size = 0;
    goleak_buf_printf(&trace, "go 1.%d trace", minor);
    goleak_buf_append(&trace, "\0\0\0", 3);
}

static void batch(uint64_t p, uint64_t ticks)
{
    put(GOLEAK_V1_Batch | 1 << 6);
    put(p);
    put(ticks);
}

/* The time first. */
static void numbers(unsigned type, int count, const uint64_t *values)
{
    goleak_buf_char(&trace, (char)(type | (unsigned)(count < 4 ? count - 1 : 3) << 6));
    size_t at = trace.size;
    if (count >= 4)
        goleak_buf_char(&trace, 0);
    for (int i = 0; i < count; i++)
        put(values[i]);
    if (count >= 4)
        trace.data[at] = (char)(trace.size - at - 1);
}

static void event(unsigned type, int count, ...)
{
    uint64_t values[8];
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++)
        values[i] = (uint64_t)va_arg(list, int);
    va_end(list);
    numbers(type, count, values);
}

#define EVENT(type, ...) event(GOLEAK_V1_##type, (int)(sizeof((int[]) { __VA_ARGS__ }) / sizeof(int)), __VA_ARGS__)

static void string(uint64_t id, const char *text)
{
    put(GOLEAK_V1_String);
    put(id);
    put(strlen(text));
    goleak_buf_text(&trace, text);
}

/* Frames as "function,line" of string ids, all in file 90; without a function they are empty. */
static void stack(uint64_t id, size_t count, const int *frames)
{
    size_t at = trace.size, size;
    goleak_buf_char(&trace, (char)(GOLEAK_V1_Stack | 3 << 6));
    put_length(0);
    put(id);
    put(count);
    for (size_t i = 0; i < count; i++) {
        put(frames[2 * i] != 0 ? 0x450000 + i : 0);
        put((uint64_t)frames[2 * i]);
        put(frames[2 * i] != 0 ? 90 : 0);
        put((uint64_t)frames[2 * i + 1]);
    }
    size = trace.size - at - 11;
    for (size_t i = 1; i < 10; i++, size >>= 7)
        trace.data[at + i] = (char)(size | 0x80);
}

static void frequency(uint64_t ticks)
{
    put(GOLEAK_V1_Frequency);
    put(ticks);
}

/* What all traces below have at their end: stacks 1 main.main, 2 main.f, 3 main.f called by
 * main.main, 4 runtime.main. */
static void footer(void)
{
    frequency(1000000000);
    stack(1, 1, (const int[]) { 1, 10 });
    stack(2, 1, (const int[]) { 2, 20 });
    stack(3, 2, (const int[]) { 2, 21, 1, 11 });
    stack(4, 1, (const int[]) { 4, 250 });
    string(1, "main.main");
    string(2, "main.f");
    string(4, "runtime.main");
    string(90, "/m.go");
}

/* A trace of P 0 in which goroutine 1 runs, 1000 ticks after the beginning of the clock. */
static void begin(int minor)
{
    header(minor);
    batch(0, 1000);
    EVENT(GoCreate, 0, 1, 4, 0);
    EVENT(GoStart, 0, 1, 1);
    EVENT(Gomaxprocs, 10, 4, 0);
}

#define BEGUN                                                                                                          \
    "status #1 goid=1 ts=0 status=1 fn=runtime.main\n"                                                                 \
    "run #1 goid=1 ts=0\n"                                                                                             \
    "runtime ProcsChange by=1 ts=10 4\n"

/* ---- lives ------------------------------------------------------------------------------- */

static void goroutines_older_than_the_trace_have_states(void **state)
{
    (void)state;
    header(21);
    batch(3, 1000);
    EVENT(GoCreate, 0, 1, 4, 0);
    EVENT(GoCreate, 0, 5, 2, 0);
    EVENT(GoWaiting, 0, 5);
    EVENT(GoCreate, 0, 6, 2, 0);
    EVENT(GoInSyscall, 0, 6);
    EVENT(GoCreate, 0, 7, 2, 0);
    EVENT(GoStart, 0, 1, 1);
    EVENT(Gomaxprocs, 5, 4, 1);
    EVENT(GoCreate, 5, 20, 2, 1);
    footer();
    expect("status #1 goid=1 ts=0 status=1 fn=runtime.main\n"
           "status #2 goid=5 ts=0 status=4 fn=main.f\n"
           "status #3 goid=6 ts=0 status=3 fn=main.f\n"
           "status #4 goid=7 ts=0 status=1 fn=main.f\n"
           "run #1 goid=1 ts=0\n"
           "runtime ProcsChange by=1 ts=5 4 [main.main /m.go:10]\n"
           "create #5 goid=20 by=1 ts=10 fn=main.f [main.main /m.go:10]\n");
    expect_healthy();
    assert_string_equal(version, "1.21");
    assert_int_equal(facts.events, 7);
    assert_true(facts.relative_time);
}

static void a_life_from_creation_to_end(void **state)
{
    (void)state;
    begin(21);
    EVENT(GoCreate, 10, 7, 2, 1);
    EVENT(GoBlockSync, 10, 1);
    EVENT(GoStartLocal, 10, 7);
    EVENT(GoSched, 10, 3);
    EVENT(GoStartLocal, 10, 7);
    EVENT(GoPreempt, 10, 3);
    EVENT(GoStartLocal, 10, 7);
    EVENT(GoUnblockLocal, 10, 1, 3);
    EVENT(GoEnd, 10);
    EVENT(GoStartLocal, 10, 1);
    EVENT(GoCreate, 10, 8, 2, 0); /* in the slot of 7 */
    footer();
    expect(BEGUN "create #2 goid=7 by=1 ts=20 fn=main.f [main.main /m.go:10]\n"
                 "park #1 goid=1 ts=30 sync [main.main /m.go:10]\n"
                 "run #2 goid=7 ts=40\n"
                 "yield #2 goid=7 ts=50 runtime.Gosched [main.f /m.go:21, main.main /m.go:11]\n"
                 "run #2 goid=7 ts=60\n"
                 "yield #2 goid=7 ts=70 preempted [main.f /m.go:21, main.main /m.go:11]\n"
                 "run #2 goid=7 ts=80\n"
                 "ready #1 goid=1 by=7 ts=90 [main.f /m.go:21, main.main /m.go:11]\n"
                 "end #2 goid=7 ts=100\n"
                 "run #1 goid=1 ts=110\n"
                 "create #2 goid=8 by=1 ts=120 fn=main.f\n");
    expect_healthy();
}

/* Where nobody asks for it: that a goroutine runs again, and what the runtime does. The end is as it would be. */
static void what_is_left_untold_is_told_at_the_end(void **state)
{
    (void)state;
    waits_only = true;
    begin(21);
    EVENT(GoCreate, 10, 7, 2, 1);
    EVENT(HeapAlloc, 10, 1);
    EVENT(GoBlockSync, 10, 1);
    EVENT(GoStartLocal, 10, 7);
    EVENT(GoSched, 10, 3);
    EVENT(GoStartLocal, 10, 7); /* again */
    EVENT(GoPreempt, 10, 3);
    EVENT(GoStartLocal, 10, 7); /* again, to the end */
    EVENT(GoUnblockLocal, 10, 1, 3);
    EVENT(GoSysCall, 10, 1);
    EVENT(GoSysCall, 10, 1);
    EVENT(HeapAlloc, 10, 2);
    footer();
    expect(BEGUN "create #2 goid=7 by=1 ts=20 fn=main.f [main.main /m.go:10]\n"
                 "runtime HeapAlloc by=1 ts=30 1\n"
                 "park #1 goid=1 ts=40 sync [main.main /m.go:10]\n"
                 "run #2 goid=7 ts=50\n"
                 "yield #2 goid=7 ts=60 runtime.Gosched [main.f /m.go:21, main.main /m.go:11]\n" /* a stack is new */
                 "ready #1 goid=1 by=7 ts=100 [main.f /m.go:21, main.main /m.go:11]\n"
                 "runtime GoSysCall by=7 ts=110 [main.main /m.go:10]\n"
                 "status #2 goid=7 ts=130 status=2 until=90\n"
                 "other ts=130\n");
    assert_int_equal(untold, 3);
    expect_healthy();
    begin(21);
    EVENT(GoSched, 10, 1);
    EVENT(GoStartLocal, 10, 1);
    EVENT(GoSched, 10, 1); /* for good, if it is not told that it ran again */
    EVENT(HeapAlloc, 10, 1);
    EVENT(HeapAlloc, 10, 1);
    footer();
    expect(BEGUN "yield #1 goid=1 ts=20 runtime.Gosched [main.main /m.go:10]\n"
                 "runtime HeapAlloc ts=50 1\n"
                 "status #1 goid=1 ts=60 status=1 until=40\n"
                 "other ts=60\n");
    assert_int_equal(untold, 1);
    expect_healthy();
}

/* What cannot be may be of a goroutine whose state is untold: it is told before, and from there on all is. */
static void behind_what_is_forced_nothing_is_left_untold(void **state)
{
    (void)state;
    waits_only = true;
    begin(21);
    EVENT(GoSched, 10, 1);
    EVENT(GoStartLocal, 10, 1); /* untold */
    EVENT(GoStartLocal, 10, 1); /* it runs already */
    EVENT(GoSched, 10, 1);
    EVENT(GoStartLocal, 10, 1);
    footer();
    expect(BEGUN "yield #1 goid=1 ts=20 runtime.Gosched [main.main /m.go:10]\n"
                 "status #1 goid=1 ts=30 status=2 until=30\n"
                 "run #1 goid=1 ts=40\n"
                 "yield #1 goid=1 ts=50 runtime.Gosched [main.main /m.go:10]\n"
                 "run #1 goid=1 ts=60\n");
    assert_int_equal(untold, 0);
}

/* Found by the lowest bits of their ids they are one and the same. */
static void goroutines_whose_ids_end_alike_are_told_apart(void **state)
{
    (void)state;
    begin(21);
    EVENT(GoCreate, 10, 5, 2, 0);
    EVENT(GoCreate, 10, 5 + GOLEAK_V1_NEAR, 2, 0);
    EVENT(GoBlockSync, 10, 0);
    EVENT(GoStartLocal, 10, 5);
    EVENT(GoBlock, 10, 0);
    EVENT(GoStartLocal, 10, 5 + GOLEAK_V1_NEAR);
    EVENT(GoCreate, 10, 5 + 2 * GOLEAK_V1_NEAR, 2, 0);
    EVENT(GoUnblockLocal, 10, 5, 0);
    EVENT(GoEnd, 10); /* while 5 is the near one */
    EVENT(GoStartLocal, 10, 5 + 2 * GOLEAK_V1_NEAR);
    EVENT(GoEnd, 10); /* … which it is no more */
    EVENT(GoStartLocal, 10, 5);
    EVENT(GoCreate, 10, 5 + GOLEAK_V1_NEAR, 2, 0); /* an id again, as no trace has it */
    EVENT(GoEnd, 10);
    EVENT(GoStartLocal, 10, 5 + GOLEAK_V1_NEAR);
    footer();
    expect(BEGUN "create #2 goid=5 by=1 ts=20 fn=main.f\n"
                 "create #3 goid=4101 by=1 ts=30 fn=main.f\n"
                 "park #1 goid=1 ts=40 sync\n"
                 "run #2 goid=5 ts=50\n"
                 "park #2 goid=5 ts=60 unspecified\n"
                 "run #3 goid=4101 ts=70\n"
                 "create #4 goid=8197 by=4101 ts=80 fn=main.f\n"
                 "ready #2 goid=5 by=4101 ts=90\n"
                 "end #3 goid=4101 ts=100\n"
                 "run #4 goid=8197 ts=110\n"
                 "end #4 goid=8197 ts=120\n"
                 "run #2 goid=5 ts=130\n"
                 "create #4 goid=4101 by=5 ts=140 fn=main.f\n"
                 "end #2 goid=5 ts=150\n"
                 "run #4 goid=4101 ts=160\n");
    expect_healthy();
}

/* One with an id that events cannot tell; and after it the usual ones, in the same trace. */
static void an_id_that_is_too_large_is_not_told(void **state)
{
    (void)state;
    begin(21);
    numbers(GOLEAK_V1_GoCreate, 4, (const uint64_t[]) { 10, UINT64_MAX, 2, 0 });
    EVENT(GoCreate, 10, 7, 2, 0);
    EVENT(GoBlockSync, 10, 0);
    numbers(GOLEAK_V1_GoStartLocal, 2, (const uint64_t[]) { 10, UINT64_MAX });
    EVENT(GoBlockSend, 10, 3);
    EVENT(GoStartLocal, 10, 7);
    EVENT(GoSched, 10, 0);
    footer();
    expect(BEGUN "create #2 by=1 ts=20 fn=main.f\n"
                 "create #3 goid=7 by=1 ts=30 fn=main.f\n"
                 "park #1 goid=1 ts=40 sync\n"
                 "run #2 ts=50\n"
                 "park #2 ts=60 chan send [main.f /m.go:21, main.main /m.go:11]\n"
                 "run #3 goid=7 ts=70\n"
                 "yield #3 goid=7 ts=80 runtime.Gosched\n");
    expect_healthy();
}

static void every_way_to_block_has_its_reason(void **state)
{
    static const struct {
        unsigned type;
        const char *reason;
    } ways[] = {
        { GOLEAK_V1_GoBlock, "unspecified" },
        { GOLEAK_V1_GoStop, "forever" },
        { GOLEAK_V1_GoSleep, "sleep" },
        { GOLEAK_V1_GoBlockSend, "chan send" },
        { GOLEAK_V1_GoBlockRecv, "chan receive" },
        { GOLEAK_V1_GoBlockSelect, "select" },
        { GOLEAK_V1_GoBlockSync, "sync" },
        { GOLEAK_V1_GoBlockCond, "sync.(*Cond).Wait" },
        { GOLEAK_V1_GoBlockNet, "network" },
        { GOLEAK_V1_GoBlockGC, "GC mark assist wait for work" },
    };
    char events[512];
    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        begin(11);
        event(ways[i].type, 2, 7, 3);
        footer();
        snprintf(events, sizeof events, BEGUN "park #1 goid=1 ts=17 %s [main.f /m.go:21, main.main /m.go:11]\n",
                 ways[i].reason);
        expect(events);
        expect_healthy();
        assert_string_equal(version, "1.11-1.18");
    }
}

static void a_system_call_that_does_not_block_is_no_state(void **state)
{
    (void)state;
    begin(19);
    EVENT(GoSysCall, 10, 1);
    EVENT(GoSysCall, 10, 1);
    EVENT(GoCreate, 10, 7, 2, 0);
    footer();
    expect(BEGUN "runtime GoSysCall by=1 ts=20 [main.main /m.go:10]\n"
                 "runtime GoSysCall by=1 ts=30 [main.main /m.go:10]\n"
                 "create #2 goid=7 by=1 ts=40 fn=main.f\n");
    expect_healthy();
    assert_string_equal(version, "1.19-1.20");
}

static void a_return_from_a_system_call_has_its_real_time(void **state)
{
    (void)state;
    begin(21);
    EVENT(GoSysCall, 10, 1);
    EVENT(GoSysBlock, 5);
    EVENT(ProcStop, 0);
    batch(1, 1020);
    EVENT(HeapAlloc, 20, 77);          /* 1040 */
    EVENT(HeapAlloc, 20, 78);          /* 1060 */
    EVENT(GoSysExit, 100, 1, 2, 1050); /* 1160 */
    EVENT(GoStartLocal, 0, 1);
    EVENT(GoSysCall, 10, 1); /* 1170 */
    EVENT(GoSysBlock, 0);
    EVENT(GoSysExitLocal, 30, 1, 0); /* its time is not told */
    EVENT(GoStartLocal, 0, 1);
    EVENT(GoSysCall, 10, 1); /* 1210 */
    EVENT(GoSysBlock, 5);
    EVENT(GoSysExitLocal, 30, 1, 1200); /* before it began: the clocks disagree */
    footer();
    expect(BEGUN "syscall #1 goid=1 ts=20 [main.main /m.go:10]\n"
                 "runtime ProcStop ts=25 0\n"
                 "runtime HeapAlloc ts=40 77\n"
                 "sysreturn #1 goid=1 ts=50 status=1\n"
                 "runtime HeapAlloc ts=60 78\n"
                 "run #1 goid=1 ts=160\n"
                 "syscall #1 goid=1 ts=170 [main.main /m.go:10]\n"
                 "sysreturn #1 goid=1 ts=200 status=1\n"
                 "run #1 goid=1 ts=200\n"
                 "syscall #1 goid=1 ts=210 [main.main /m.go:10]\n"
                 "sysreturn #1 goid=1 ts=245 status=1\n");
    expect_healthy();
}

static void a_block_in_a_system_call_may_stand_in_the_next_batch(void **state)
{
    (void)state;
    begin(21);
    EVENT(GoSysCall, 10, 1);
    batch(1, 1005);
    EVENT(HeapAlloc, 0, 5);
    batch(0, 1025);
    string(91, "between");
    EVENT(GoSysBlock, 5);
    footer();
    expect("status #1 goid=1 ts=0 status=1 fn=runtime.main\n"
           "run #1 goid=1 ts=0\n"
           "runtime HeapAlloc ts=5 5\n"
           "runtime ProcsChange by=1 ts=10 4\n"
           "syscall #1 goid=1 ts=20 [main.main /m.go:10]\n");
    expect_healthy();
}

static void who_is_in_a_system_call_from_the_beginning_returns(void **state)
{
    (void)state;
    header(21);
    batch(0, 1000);
    EVENT(GoCreate, 0, 9, 2, 0);
    EVENT(GoInSyscall, 0, 9);
    EVENT(Gomaxprocs, 0, 1, 0);
    EVENT(GoSysExit, 50, 9, 2, 1020);
    EVENT(GoStart, 0, 9, 3);
    footer();
    expect("status #1 goid=9 ts=0 status=3 fn=main.f\n"
           "runtime ProcsChange ts=0 1\n"
           "sysreturn #1 goid=9 ts=20 status=1\n"
           "run #1 goid=9 ts=50\n");
    expect_healthy();
}

/* ---- order --------------------------------------------------------------------------------- */

static void what_a_goroutine_can_do_goes_before_time(void **state)
{
    (void)state;
    begin(21);
    EVENT(GoCreate, 100, 7, 2, 0); /* 1110 */
    EVENT(GoBlockRecv, 10, 1);     /* 1120 */
    batch(1, 1050);                /* a clock that is behind */
    size_t at = trace.size;
    EVENT(GoStart, 10, 7, 1);      /* 1060 */
    EVENT(GoUnblock, 20, 1, 2, 2); /* 1080 */
    EVENT(GoEnd, 5);               /* 1085 */
    batch(2, 1070);
    EVENT(GoStart, 15, 1, 3); /* 1085 */
    EVENT(GoEnd, 200);
    footer();
    expect(BEGUN "create #2 goid=7 by=1 ts=110 fn=main.f\n"
                 "run #2 goid=7 ts=110\n"
                 "park #1 goid=1 ts=120 chan receive [main.main /m.go:10]\n"
                 "ready #1 goid=1 by=7 ts=120 [main.f /m.go:20]\n"
                 "end #2 goid=7 ts=120\n"
                 "run #1 goid=1 ts=120\n"
                 "end #1 goid=1 ts=285\n");
    assert_int_equal(book.entries[GOLEAK_HEALTH_clock_jumps].count, 0);
    assert_int_equal(book.entries[GOLEAK_HEALTH_reordered].count, 3); /* … and who waits for 1 to wait */
    assert_int_equal(book.entries[GOLEAK_HEALTH_reordered].offset, at);
    assert_string_equal(book.entries[GOLEAK_HEALTH_reordered].detail,
                        "found GoStart of goroutine 7, 50 ticks before what makes it possible, expected a later time; "
                        "it is told as of then");
}

static void collections_are_in_the_order_of_their_numbers(void **state)
{
    (void)state;
    begin(21);
    EVENT(GCStart, 50, 0, 1); /* 1060 */
    batch(1, 1030);
    size_t at = trace.size;
    EVENT(GCStart, 10, 1, 0); /* 1040 */
    footer();
    expect(BEGUN "runtime GCBegin by=1 ts=60 0 [main.main /m.go:10]\n"
                 "runtime GCBegin ts=60 1\n");
    expect_damage(
        GOLEAK_HEALTH_reordered, at,
        "found GCStart, 20 ticks before what makes it possible, expected a later time; it is told as of then");
}

static void an_order_that_cannot_be_is_taken_as_it_comes(void **state)
{
    (void)state;
    begin(21);
    EVENT(GoBlockRecv, 10, 1); /* 1020 */
    batch(1, 1050);
    size_t at = trace.size;
    EVENT(GoStart, 10, 1, 5); /* nobody woke it */
    EVENT(GoUnblock, 10, 99, 3, 0);
    EVENT(GoEnd, 10);
    footer();
    expect(BEGUN "park #1 goid=1 ts=20 chan receive [main.main /m.go:10]\n"
                 "run #1 goid=1 ts=60\n"
                 "ready #2 goid=99 by=1 ts=70\n"
                 "end #1 goid=1 ts=80\n");
    assert_int_equal(book.entries[GOLEAK_HEALTH_broken_order].count, 2);
    assert_int_equal(book.entries[GOLEAK_HEALTH_broken_order].offset, at);
    assert_string_equal(book.entries[GOLEAK_HEALTH_broken_order].detail,
                        "found GoStart of goroutine 1, expected an event before it that makes it possible");
}

/* Made on purpose: all Ps wait for what never comes. */
static void an_order_that_is_hopeless_is_by_time(void **state)
{
    (void)state;
    header(21);
    for (int p = 0; p < 8000; p++) {
        batch((uint64_t)p, 9000 - (uint64_t)p);
        EVENT(GoStart, 0, 7, 3);
        EVENT(GoStart, 9000, 7, 3);
    }
    footer();
    assert_int_equal(read_pieces(trace.size, 0), GOLEAK_OK); /* in which take() looks at the times */
    assert_int_equal(facts.events, 16000);
    assert_int_equal(last_ns, 16999);
    assert_int_not_equal(book.entries[GOLEAK_HEALTH_broken_order].count, 0);
}

/* Goroutine p + 1 runs on P p and creates the next one; by their clocks all of them do before
 * the first one is created, the last one first. So all Ps wait, each for another. */
static void many_ps_wait_for_each_other(void **state)
{
    enum { PS = 300 };
    char line[64];
    (void)state;
    begin(21);
    for (int p = PS; p > 0; p--) {
        batch((uint64_t)p, 2000 - (uint64_t)p);
        EVENT(GoStart, 0, p + 1, 1);
        if (p < PS)
            EVENT(GoCreate, 0, p + 2, 2, 0);
        EVENT(GoEnd, 0);
    }
    batch(0, 5000);
    EVENT(GoCreate, 0, 2, 2, 0);
    footer();
    assert_int_equal(read_pieces(trace.size, 0), GOLEAK_OK);
    assert_int_equal(book.entries[GOLEAK_HEALTH_reordered].count, PS); /* once each, however often it is looked at */
    assert_int_equal(book.entries[GOLEAK_HEALTH_broken_order].count, 0);
    assert_int_equal(facts.events, 3 + 3 * PS);
    const char *at = out.data;
    for (int p = 1; p <= PS; p++) {
        snprintf(line, sizeof line, " goid=%d by=%d ts=4000", p + 1, p);
        at = strstr(at, line);
        assert_non_null(at);
    }
}

/* P 0's last event lets an earlier one of P 1 go; P 2 waits for P 3, which is last. */
static void a_p_without_events_has_no_turn(void **state)
{
    (void)state;
    begin(21);
    EVENT(GoCreate, 990, 7, 2, 0); /* 2000 */
    batch(1, 1500);
    size_t at = trace.size;
    EVENT(GoStart, 0, 7, 1);
    batch(2, 1600);
    EVENT(GoStart, 0, 8, 1);
    batch(3, 3000);
    EVENT(GoCreate, 0, 8, 2, 0);
    footer();
    expect(BEGUN "create #2 goid=7 by=1 ts=1000 fn=main.f\n"
                 "run #2 goid=7 ts=1000\n"
                 "create #3 goid=8 ts=2000 fn=main.f\n"
                 "run #3 goid=8 ts=2000\n");
    assert_int_equal(book.entries[GOLEAK_HEALTH_reordered].count, 2);
    assert_int_equal(book.entries[GOLEAK_HEALTH_reordered].offset, at);
}

static void many_ps_are_merged(void **state)
{
    struct goleak_buf events;
    (void)state;
    goleak_buf_init(&events, &alloc);
    begin(21);
    goleak_buf_text(&events, BEGUN);
    for (int p = 1; p < 300; p++) {
        batch((uint64_t)p, 2000);
        EVENT(HeapAlloc, 299 - p, 1);
        EVENT(HeapAlloc, 1000, 2);
    }
    for (int turn = 1; turn <= 2; turn++)
        for (int p = 299; p > 0; p--)
            goleak_buf_printf(&events, "runtime HeapAlloc ts=%d %d\n", 1000 * turn + 299 - p, turn);
    footer();
    goleak_buf_char(&events, '\0');
    expect(events.data);
    expect_healthy();
    goleak_buf_release(&events);
}

/* Of every length that a number can have, at every place in the words that are read at once. */
static void numbers_have_any_length(void **state)
{
    struct goleak_buf events;
    uint64_t ns = 10;
    (void)state;
    goleak_buf_init(&events, &alloc);
    begin(21);
    goleak_buf_text(&events, BEGUN);
    for (unsigned i = 0; i < 1024; i++) {
        uint64_t goid = i % 11 == 0 ? i + 2 : ((uint64_t)1024 << i % 52) + i;
        uint64_t delta = i % 7 == 0 ? (uint64_t)1 << i % 41 : i % 200;
        ns += delta;
        numbers(GOLEAK_V1_GoCreate, 4, (const uint64_t[]) { delta, goid, 2, 1 });
        goleak_buf_printf(&events, "create #%u goid=%" PRIu64 " by=1 ts=%" PRIu64 " fn=main.f [main.main /m.go:10]\n",
                          i + 2, goid, ns);
        EVENT(GoBlockRecv, i % 3 == 0, 3);
        goleak_buf_printf(&events,
                          "park #1 goid=1 ts=%" PRIu64 " chan receive [main.f /m.go:21, main.main /m.go:11]\n",
                          ns += i % 3 == 0);
        numbers(GOLEAK_V1_GoStartLocal, 2, (const uint64_t[]) { 0, goid });
        EVENT(GoUnblockLocal, 0, 1, 1);
        EVENT(GoSched, 0, 0);
        EVENT(GoStartLocal, 0, 1);
        goleak_buf_printf(&events,
                          "run #%u goid=%" PRIu64 " ts=%" PRIu64 "\n"
                          "ready #1 goid=1 by=%" PRIu64 " ts=%" PRIu64 " [main.main /m.go:10]\n"
                          "yield #%u goid=%" PRIu64 " ts=%" PRIu64 " runtime.Gosched\n"
                          "run #1 goid=1 ts=%" PRIu64 "\n",
                          i + 2, goid, ns, goid, ns, i + 2, goid, ns, ns);
    }
    footer();
    goleak_buf_char(&events, '\0');
    expect(events.data);
    expect_healthy();
    goleak_buf_release(&events);
}

/* ---- time ----------------------------------------------------------------------------------- */

static void ticks_become_nanoseconds_exactly(void **state)
{
    static const struct {
        uint64_t frequency;
        int64_t ns[5]; /* after 1, 2, 3, 1000 and 2000000 ticks more */
    } clocks[] = {
        { 1, { 1000000000, 3000000000, 6000000000, 1006000000000, 2001006000000000 } },
        { 3, { 333333333, 1000000000, 2000000000, 335333333333, 667002000000000 } },
        { 15625000, { 64, 192, 384, 64384, 128064384 } },
        { 46874999, { 21, 64, 128, 21461, 42688128 } },
        { 3000000000u, { 0, 1, 2, 335, 667002 } },
        { 10000000000u, { 0, 0, 0, 100, 200100 } },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(clocks); i++) {
        const int64_t *ns = clocks[i].ns;
        char events[512];
        header(21);
        batch(0, 123456789012345);
        EVENT(ProcStart, 0, 1);
        EVENT(ProcStart, 1, 1);
        EVENT(ProcStart, 2, 1);
        EVENT(ProcStart, 3, 1);
        EVENT(ProcStart, 1000, 1);
        EVENT(ProcStart, 2000000, 1);
        frequency(clocks[i].frequency);
        snprintf(events, sizeof events,
                 "runtime ProcStart ts=0 0 1\nruntime ProcStart ts=%" PRId64 " 0 1\nruntime ProcStart ts=%" PRId64
                 " 0 1\nruntime ProcStart ts=%" PRId64 " 0 1\nruntime ProcStart ts=%" PRId64
                 " 0 1\nruntime ProcStart ts=%" PRId64 " 0 1\n",
                 ns[0], ns[1], ns[2], ns[3], ns[4]);
        expect(events);
        expect_healthy();
    }
}

#define LATE                                                                                                           \
    "found a time 285 years or more after the trace's clock began, expected less; what is told from here on has the "  \
    "latest time there is"

static void long_silence_and_far_clocks_do_not_overflow(void **state)
{
    (void)state;
    header(21);
    batch(0, 0);
    EVENT(ProcStart, 0, 1);
    batch(0, UINT64_MAX - 5);
    EVENT(ProcStart, 0, 1);
    frequency(1);
    expect("runtime ProcStart ts=0 0 1\n"
           "runtime ProcStart ts=9223372036854775807 0 1\n");
    expect_damage(GOLEAK_HEALTH_clock_jumps, 34, LATE);
    header(21);
    batch(0, 0);
    EVENT(ProcStart, 0, 1);
    batch(0, (uint64_t)1 << 40);
    EVENT(ProcStart, 0, 1);
    batch(0, ((uint64_t)1 << 40) + 1);
    EVENT(ProcStart, 0, 1);
    frequency(7);
    expect("runtime ProcStart ts=0 0 1\n"
           "runtime ProcStart ts=9223372036854775807 0 1\n"
           "runtime ProcStart ts=9223372036854775807 0 1\n");
    expect_damage(GOLEAK_HEALTH_clock_jumps, 30, LATE);
}

static void without_the_frequency_there_is_no_time(void **state)
{
    (void)state;
    begin(21);
    EVENT(GoEnd, 10);
    expect("status #1 goid=1 status=1\n"
           "run #1 goid=1\n"
           "runtime ProcsChange by=1 4\n"
           "end #1 goid=1\n");
    assert_int_equal(book.entries[GOLEAK_HEALTH_truncated].count, 2); /* and stack 4 is missing */
    assert_string_equal(book.entries[GOLEAK_HEALTH_truncated].detail,
                        "the trace ends without its frequency, which comes last: it is cut, and no times are told");
    frequency(10000000001);
    expect("status #1 goid=1 status=1\n"
           "run #1 goid=1\n"
           "runtime ProcsChange by=1 4\n"
           "end #1 goid=1\n");
    assert_string_equal(
        book.entries[GOLEAK_HEALTH_damaged_records].detail,
        "found a frequency of 10000000001 ticks a second, expected 1 to 10000000000: times are not told");
}

/* ---- the runtime's own events ------------------------------------------------------------------ */

static void the_runtimes_events_have_newer_traces_names(void **state)
{
    (void)state;
    begin(19);
    EVENT(ProcStart, 0, 1234);
    EVENT(STWStart, 0, 1);
    EVENT(STWDone, 0);
    EVENT(GCSweepStart, 0, 1);
    EVENT(GCSweepDone, 0, 8192, 4096);
    EVENT(GCMarkAssistStart, 0, 1);
    EVENT(GCMarkAssistDone, 0);
    EVENT(GCDone, 0);
    EVENT(HeapAlloc, 0, 100);
    EVENT(HeapGoal, 0, 4194304);
    EVENT(FutileWakeup, 0);
    put(GOLEAK_V1_TimerGoroutine);
    put(3);
    footer();
    expect(BEGUN "runtime ProcStart by=1 ts=10 0 1234\n"
                 "runtime STWBegin by=1 ts=10 \"GC sweep termination\"\n"
                 "runtime STWEnd by=1 ts=10\n"
                 "runtime GCSweepBegin by=1 ts=10 [main.main /m.go:10]\n"
                 "runtime GCSweepEnd by=1 ts=10 8192 4096\n"
                 "runtime GCMarkAssistBegin by=1 ts=10 [main.main /m.go:10]\n"
                 "runtime GCMarkAssistEnd by=1 ts=10\n"
                 "runtime GCEnd by=1 ts=10\n"
                 "runtime HeapAlloc by=1 ts=10 100\n"
                 "runtime HeapGoal by=1 ts=10 4194304\n"
                 "runtime FutileWakeup by=1 ts=10\n");
    expect_healthy();
}

static void why_the_world_stops_depends_on_the_version(void **state)
{
    static const struct {
        int minor, kind;
        const char *text;
    } cases[] = {
        { 11, 0, "GC mark termination" },   { 19, 1, "GC sweep termination" }, { 19, 2, "unknown" },
        { 21, 1, "GC mark termination" },   { 21, 11, "stop trace" },          { 21, 17, "unknown" },
        { 21, 16, "ResetDebugLog (test)" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char events[256];
        begin(cases[i].minor);
        EVENT(STWStart, 0, cases[i].kind);
        footer();
        snprintf(events, sizeof events, BEGUN "runtime STWBegin by=1 ts=10 \"%s\"\n", cases[i].text);
        expect(events);
        expect_healthy();
    }
}

static void tasks_regions_logs_and_labels_have_their_texts(void **state)
{
    (void)state;
    begin(21);
    string(50, "task");
    string(51, "region");
    string(52, "key");
    string(53, "GC (idle)");
    EVENT(UserTaskCreate, 10, 7, 3, 50, 1);
    EVENT(UserRegion, 10, 7, 0, 51, 1);
    EVENT(UserLog, 10, 7, 52, 1);
    put(5);
    goleak_buf_text(&trace, "value");
    EVENT(UserRegion, 10, 7, 1, 51, 1);
    EVENT(UserTaskEnd, 10, 7, 1);
    EVENT(GoBlock, 10, 0);
    EVENT(GoUnblockLocal, 10, 1, 0);
    EVENT(GoStartLabel, 10, 1, 3, 53);
    footer();
    expect(BEGUN "runtime UserTaskBegin by=1 ts=20 7 3 \"task\" [main.main /m.go:10]\n"
                 "runtime UserRegionBegin by=1 ts=30 7 \"region\" [main.main /m.go:10]\n"
                 "runtime UserLog by=1 ts=40 7 \"key\" \"value\" [main.main /m.go:10]\n"
                 "runtime UserRegionEnd by=1 ts=50 7 \"region\" [main.main /m.go:10]\n"
                 "runtime UserTaskEnd by=1 ts=60 7 [main.main /m.go:10]\n"
                 "park #1 goid=1 ts=70 unspecified\n"
                 "ready #1 goid=1 ts=80\n"
                 "run #1 goid=1 ts=90\n"
                 "runtime GoLabel ts=90 \"GC (idle)\"\n");
    expect_healthy();
}

static void samples_come_out_by_their_own_time(void **state)
{
    (void)state;
    begin(19);
    EVENT(HeapAlloc, 100, 1); /* 1110 */
    batch(NO_P, 1200);
    EVENT(CPUSample, 0, 1060, 0, 1, 3);
    EVENT(CPUSample, 0, 1050, 0, 1, 1);
    EVENT(HeapAlloc, 1, 2);
    EVENT(CPUSample, 0, 1300, 0, 0, 0);
    numbers(GOLEAK_V1_CPUSample, 5, (const uint64_t[]) { 0, UINT64_MAX, 0, 1, 0 });
    footer();
    expect(BEGUN "runtime CPUSample ts=50 1 0 [main.main /m.go:10]\n"
                 "runtime CPUSample ts=60 1 0 [main.f /m.go:21, main.main /m.go:11]\n"
                 "runtime HeapAlloc by=1 ts=110 1\n"
                 "runtime HeapAlloc ts=201 2\n"
                 "runtime CPUSample ts=300 0 0\n"
                 "runtime CPUSample ts=9223372036854775807 1 0\n");
    expect_damage(GOLEAK_HEALTH_clock_jumps, 77, LATE);
}

/* ---- damage --------------------------------------------------------------------------------------- */

/* A run of events that proves a batch, on a P of its own. */
static void proof(void)
{
    batch(9, 2000);
    for (int i = 0; i < 30; i++)
        EVENT(ProcStop, 0);
}

static void expect_proof(const char *before)
{
    static const char line[] = "runtime ProcStop ts=1000 9\n";
    char events[2048];
    strcpy(events, before);
    for (int i = 0; i < 30; i++)
        strcat(events, line);
    expect(events);
}

static void damage_hides_what_is_behind_it_until_the_next_batch(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *detail;
    } cases[] = {
        { "\x00\x01", 2, "found event type 0, expected one of 1 to 49" },
        { "\x3f\x01", 2, "found event type 63, expected one of 1 to 49" },
        { "\x32\x01", 2, "found event type 50, expected one of 1 to 49" },
        { "\x4f\x01\x01", 3, "GoEnd: found 2 of its numbers announced, expected another number of them" },
        { "\x0e\x01", 2, "GoStart: found 1 of its numbers announced, expected another number of them" },
        { "\x01\x01", 2, "Batch: found 1 of its numbers announced, expected another number of them" },
        { "\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11,
          "GoEnd: found a number of more than 64 bits in its 1 numbers" },
        { "\x0f\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12,
          "GoEnd: found a number of more than 64 bits in its 1 numbers" },
        { "\x41\x80\x80\x04\x05", 5, "Batch: found P 65536, expected at most 65535" },
        { "\xcd\x81\x80\x04\x00", 5, "GoCreate: found 65537 bytes of numbers, expected at most 65536" },
        { "\xcd\x03\x01\x01\x01\x01", 6, "GoCreate: found 3 bytes of numbers, expected as many as its numbers fill" },
        { "\xcd\x05\x01\x01\x01\x01\x01", 7,
          "GoCreate: found 5 bytes of numbers, expected as many as its numbers fill" },
        { "\xcd\x04\x01\x01\x01\x81", 6, "GoCreate: found 4 bytes of numbers, expected as many as its numbers fill" },
        { "\xc3\x02\x01\x01", 4, "Stack: found 2 bytes of numbers, expected as many as its numbers fill" },
        { "\xc3\x01\x01", 3, "Stack: found 1 bytes, expected an id and a number of frames" },
        { "\xc3\x03\x01\xe9\x07", 5, "Stack: found 1001 frames, expected at most 1000" },
        { "\x25\x00\x01z", 4, "String: found the id 0, expected another" },
        { "\x25\x07\xc1\x84\x3d", 5, "String: found a text of 1000001 bytes, expected at most 1000000" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char detail[256];
        begin(21);
        EVENT(HeapAlloc, 10, 1);
        size_t at = trace.size;
        goleak_buf_append(&trace, cases[i].bytes, cases[i].size);
        EVENT(HeapAlloc, 10, 2); /* lost */
        proof();
        footer();
        expect_proof(BEGUN "runtime HeapAlloc by=1 ts=20 1\n");
        snprintf(detail, sizeof detail, "%s; what stands behind it is used from the next batch on", cases[i].detail);
        expect_damage(GOLEAK_HEALTH_damaged_records, at, detail);
    }
}

static void samples_are_newer_than_go_1_18(void **state)
{
    (void)state;
    begin(11);
    size_t at = trace.size;
    EVENT(CPUSample, 0, 1060, 0, 1, 3);
    proof();
    footer();
    expect_proof(BEGUN);
    expect_damage(
        GOLEAK_HEALTH_damaged_records, at,
        "CPUSample: found event type 49, expected one of 1 to 48; what stands behind it is used from the next "
        "batch on");
}

static void what_only_looks_like_a_batch_is_none(void **state)
{
    (void)state;
    begin(21);
    size_t at = trace.size;
    goleak_buf_char(&trace, 0);
    batch(2, 1); /* before the trace began */
    for (int i = 0; i < 30; i++)
        EVENT(ProcStop, 0);
    goleak_buf_append(&trace, "A\x02\xd8\x0f\x0f\x01\x7f", 7); /* a batch of no good events */
    proof();
    footer();
    expect_proof(BEGUN);
    expect_damage(
        GOLEAK_HEALTH_damaged_records, at,
        "found event type 0, expected one of 1 to 49; what stands behind it is used from the next batch on");
}

static void events_need_a_batch(void **state)
{
    (void)state;
    header(21);
    string(1, "before");
    frequency(1000000000);
    size_t at = trace.size;
    EVENT(HeapAlloc, 0, 1);
    proof();
    static const char line[] = "runtime ProcStop ts=0 9\n";
    char events[2048] = "";
    for (int i = 0; i < 30; i++)
        strcat(events, line);
    expect(events);
    expect_damage(GOLEAK_HEALTH_damaged_records, at,
                  "HeapAlloc: found before the first batch, expected a batch; what stands behind it is used from the "
                  "next batch on");
}

static void of_two_with_one_id_the_first_is_used(void **state)
{
    (void)state;
    begin(21);
    EVENT(GoBlockSend, 10, 1);
    footer();
    size_t at = trace.size;
    stack(1, 1, (const int[]) { 2, 99 });
    expect(BEGUN "park #1 goid=1 ts=20 chan send [main.main /m.go:10]\n");
    expect_damage(GOLEAK_HEALTH_damaged_records, at,
                  "found a second Stack 1, expected another id; the first one is used");
}

static void ids_that_are_missing_are_counted(void **state)
{
    (void)state;
    begin(21);
    EVENT(GoBlockSend, 10, 77);
    EVENT(GoUnblockLocal, 10, 1, 5);
    footer();
    stack(5, 1, (const int[]) { 66, 99 }); /* a function without a name */
    expect(BEGUN "park #1 goid=1 ts=20 chan send\n"
                 "ready #1 goid=1 ts=30 [0x450000]\n");
    assert_int_equal(book.entries[GOLEAK_HEALTH_damaged_records].count, 0);
    assert_int_equal(book.entries[GOLEAK_HEALTH_truncated].count, 1);
    assert_string_equal(book.entries[GOLEAK_HEALTH_truncated].detail,
                        "found 2 mentions of strings and stacks that the trace does not have: it was cut between "
                        "two of them");
}

/* Of a stack without a function that it knows the runtime writes one empty frame. */
static void an_empty_frame_is_none(void **state)
{
    (void)state;
    begin(19);
    EVENT(GoUnblockLocal, 10, 1, 5);
    EVENT(GoBlockSend, 10, 6);
    footer();
    stack(5, 1, (const int[]) { 0, 0 });
    stack(6, 2, (const int[]) { 2, 20, 0, 0 });
    expect(BEGUN "ready #1 goid=1 by=1 ts=20\n"
                 "park #1 goid=1 ts=30 chan send [main.f /m.go:20]\n");
    assert_int_equal(book.entries[GOLEAK_HEALTH_truncated].count, 0);
}

static void a_whole_trace(void)
{
    begin(21);
    EVENT(GoCreate, 10, 7, 2, 1);
    EVENT(GoSysCall, 10, 1);
    EVENT(GoSysBlock, 5);
    string(52, "key");
    batch(1, 1020);
    EVENT(GoStart, 5, 7, 1);
    EVENT(UserLog, 10, 7, 52, 1);
    put(5);
    goleak_buf_text(&trace, "value");
    EVENT(GoBlockSend, 5, 3);
    EVENT(GoSysExit, 100, 1, 2, 1050);
    EVENT(GoStartLocal, 0, 1);
    EVENT(CPUSample, 0, 1060, 0, 1, 3);
    EVENT(GoEnd, 0);
    footer();
}

static void every_cut_keeps_what_is_before_it(void **state)
{
    (void)state;
    a_whole_trace();
    size_t whole = trace.size;
    uint64_t before = 0;
    assert_int_equal(read_pieces(whole, 0), GOLEAK_OK);
    expect_healthy();
    for (size_t size = 0; size < whole; size++) {
        assert_int_equal(read_pieces(size, 0), GOLEAK_OK);
        assert_true(facts.events + 1 >= before); /* a return may still come by its own time */
        before = facts.events;
        /* The string table's end can miss unseen. */
        if (size != 16 && book.entries[GOLEAK_HEALTH_truncated].count == 0 &&
            book.entries[GOLEAK_HEALTH_damaged_records].count == 0 && strstr(out.data, " ts=") == NULL)
            fail_msg("cut at %zu of %zu and not told:\n%s", size, whole, out.data);
        assert_int_equal(book.entries[GOLEAK_HEALTH_broken_order].count, 0);
    }
    assert_int_equal(read_pieces(5, 0), GOLEAK_OK);
    expect_damage(GOLEAK_HEALTH_truncated, 5, "the trace ends inside its header of 16 bytes");
    a_whole_trace();
    assert_int_equal(read_pieces(26, 0), GOLEAK_OK);
    assert_int_equal(book.entries[GOLEAK_HEALTH_truncated].offset, 26);
    assert_string_equal(book.entries[GOLEAK_HEALTH_truncated].detail,
                        "the trace ends without its frequency, which comes last: it is cut, and no times are told");
    assert_int_equal(facts.events, 1);
    assert_int_equal(read_pieces(28, 0), GOLEAK_OK);
    assert_int_equal(book.entries[GOLEAK_HEALTH_truncated].offset, 26);
    assert_string_equal(
        book.entries[GOLEAK_HEALTH_truncated].detail,
        "the trace ends inside GoStart, expected the rest of it; with its end it lost the frequency, so "
        "no times are told");
}

static void any_byte_may_be_any_other(void **state)
{
    (void)state;
    a_whole_trace();
    size_t whole = trace.size;
    for (size_t at = 16; at < whole; at++) {
        char byte = trace.data[at];
        for (int value = 0; value < 256; value += at % 3 == 0 ? 1 : 5) {
            trace.data[at] = (char)value;
            assert_int_equal(read_pieces(whole, 0), GOLEAK_OK);
        }
        trace.data[at] = byte;
    }
}

static void a_trace_without_events_is_said_to_be_one(void **state)
{
    (void)state;
    header(21);
    expect("");
    expect_healthy();
    assert_int_equal(facts.events, 0);
    assert_non_null(facts.guess);
    trace.size = 0;
    goleak_buf_append(&trace, "go 1.22 trace\0\0\0\x01\x02\x03", 19);
    expect("");
    expect_damage(GOLEAK_HEALTH_damaged_records, 0, "found no header of a trace of Go 1.11 to 1.21, expected one");
    assert_non_null(strstr(facts.advice, "\"go 1.21 trace\""));
}

static void fail_each(void)
{
    for (size_t n = 1;; n++) {
        struct fail_alloc small;
        struct goleak_alloc outer = alloc;
        char *copy = malloc(trace.size);
        assert_non_null(copy);
        memcpy(copy, trace.data, trace.size);
        struct goleak_buf kept = out;
        fail_alloc_init(&small, n, false);
        goleak_alloc_init(&alloc, &small.allocator, 0);
        memset(&book, 0, sizeof book);
        goleak_reasons_init(&reasons);
        goleak_symbols_init(&symbols, &alloc);
        goleak_buf_init(&out, &outer);
        const struct goleak_reader_env env = make_env();
        struct goleak_reader *reader = goleak_format_gotrace_v1.open(&env);
        enum goleak_status status = reader != NULL ? GOLEAK_OK : GOLEAK_E_MEMORY;
        last_ns = 0;
        if (status == GOLEAK_OK)
            status = goleak_format_gotrace_v1.feed(reader, copy, trace.size);
        if (status == GOLEAK_OK)
            status = goleak_format_gotrace_v1.finish(reader);
        if (reader != NULL)
            goleak_format_gotrace_v1.close(reader);
        goleak_symbols_release(&symbols);
        goleak_buf_release(&out);
        bool failed = small.failed, clean = fail_alloc_is_clean(&small);
        alloc = outer;
        out = kept;
        free(copy);
        assert_true(clean);
        assert_int_equal(status, failed ? GOLEAK_E_MEMORY : GOLEAK_OK);
        if (!failed)
            break;
    }
}

static void when_memory_ends_nothing_is_lost_of_it(void **state)
{
    (void)state;
    a_whole_trace();
    fail_each();
    file = &trace;
    fail_each();
}

/* ---- from a file that can be read again -------------------------------------------------------------- */

/* One batch of P 0, longer than any runtime's, with everything in it that is asked for later. */
static void a_long_batch(unsigned events)
{
    begin(21);
    string(51, "request");
    EVENT(GoCreate, 5, 7, 2, 3);
    for (unsigned i = 0; i < events; i++) {
        EVENT(HeapAlloc, 3, (int)i);
        if (i % 1000 == 7) {
            string(1000 + i, "a name of its own");
            EVENT(UserLog, 1, 7, 1000 + (int)i, 1);
            put(900);
            for (unsigned k = 0; k < 900; k++)
                goleak_buf_char(&trace, (char)('a' + k % 26));
        }
        if (i % 700 == 3) {
            EVENT(GoSysCall, 1, 1);
            EVENT(GoSysBlock, 1);
            EVENT(GoSysExit, 9, 1, 2 + 2 * (int)(i / 700), 0);
            EVENT(GoStart, 1, 1, 3 + 2 * (int)(i / 700));
        }
        if (i % 900 == 8)
            EVENT(CPUSample, 0, 1000 + 3 * (int)i, 0, 1, 3);
    }
    footer();
}

static void a_batch_of_any_length_is_read_again(void **state)
{
    (void)state;
    static const size_t steps[] = { 1000, 65536, 262144 };
    for (unsigned events = 19000; events < 60000; events += 9003) {
        a_long_batch(events);
        assert_true(trace.size > 65536);
        assert_int_equal(read_pieces(trace.size, 0), GOLEAK_OK);
        expect_healthy();
        assert_true(facts.events > events);
        for (size_t i = 0; i < COUNT(steps); i++)
            expect_same(&trace, steps[i]);
    }
}

static void what_is_read_again_is_not_kept(void **state)
{
    (void)state;
    a_long_batch(200000);
    struct goleak_alloc outer = alloc, limited;
    assert_int_equal(read_pieces(trace.size, 4096), GOLEAK_OK); /* out has its room */
    goleak_alloc_init(&limited, &heap.allocator, trace.size);
    alloc = limited;
    assert_int_equal(read_pieces(trace.size, 4096), GOLEAK_E_LIMIT);
    file = &trace;
    assert_int_equal(read_pieces(trace.size, 4096), GOLEAK_OK);
    alloc = outer;
}

static void what_is_not_there_any_more_is_told(void **state)
{
    (void)state;
    struct goleak_buf shorter;
    a_whole_trace();
    for (shorter = trace; shorter.size != 0; shorter.size--) {
        file = &shorter;
        assert_int_equal(read_pieces(trace.size, 1), GOLEAK_OK);
        const struct goleak_health_entry *entry = &book.entries[GOLEAK_HEALTH_damaged_records];
        if (entry->count != 0)
            assert_non_null(strstr(entry->detail, "the file has changed, or could not be read, since"));
        if (shorter.size < 100)
            assert_true(entry->count != 0);
    }
}

/* Somebody writes to it meanwhile: what stands there now is read with as much care. */
static void what_has_changed_meanwhile_is_any_input(void **state)
{
    (void)state;
    a_whole_trace();
    struct goleak_buf other;
    goleak_buf_init(&other, &alloc);
    goleak_buf_append(&other, trace.data, trace.size);
    file = &other;
    for (size_t at = 16; at < other.size; at++) {
        for (int value = 0; value < 256; value += 3) {
            other.data[at] = (char)value;
            assert_int_equal(read_pieces(trace.size, 100), GOLEAK_OK);
        }
        other.data[at] = trace.data[at];
    }
    memset(other.data, 0x80, other.size);
    assert_int_equal(read_pieces(trace.size, 1), GOLEAK_OK);
    assert_true(book.entries[GOLEAK_HEALTH_damaged_records].count > 1);
    goleak_buf_release(&other);
}

/* ---- who it is ------------------------------------------------------------------------------------- */

static void a_trace_is_known_by_its_header(void **state)
{
    (void)state;
    assert_int_equal(goleak_format_gotrace_v1.sniff("go 1.11 trace\0\0\0", 16, false), GOLEAK_SNIFF_YES);
    assert_int_equal(goleak_format_gotrace_v1.sniff("go 1.19 trace\0\0\0", 16, true), GOLEAK_SNIFF_YES);
    assert_int_equal(goleak_format_gotrace_v1.sniff("go 1.21 trace\0\0\0A", 17, false), GOLEAK_SNIFF_YES);
    assert_int_equal(goleak_format_gotrace_v1.sniff("go 1.22 trace\0\0\0", 16, false), GOLEAK_SNIFF_NO);
    assert_int_equal(goleak_format_gotrace_v1.sniff("go 1.10 trace\0\0\0", 16, false), GOLEAK_SNIFF_NO);
    assert_int_equal(goleak_format_gotrace_v1.sniff("go 1.5 trace\0\0\0\0", 16, false), GOLEAK_SNIFF_NO);
    assert_int_equal(goleak_format_gotrace_v1.sniff("go 1.21 trace\0\0A", 16, false), GOLEAK_SNIFF_NO);
    assert_int_equal(goleak_format_gotrace_v1.sniff("go 1.2", 6, false), GOLEAK_SNIFF_MAYBE);
    assert_int_equal(goleak_format_gotrace_v1.sniff("go 1.2", 6, true), GOLEAK_SNIFF_NO);
    assert_int_equal(goleak_format_gotrace_v1.sniff("gopark", 6, false), GOLEAK_SNIFF_NO);
    assert_int_equal(goleak_format_gotrace_v1.sniff("go", 2, false), GOLEAK_SNIFF_MAYBE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(goroutines_older_than_the_trace_have_states),
        TEST(a_life_from_creation_to_end),
        TEST(what_is_left_untold_is_told_at_the_end),
        TEST(behind_what_is_forced_nothing_is_left_untold),
        TEST(goroutines_whose_ids_end_alike_are_told_apart),
        TEST(an_id_that_is_too_large_is_not_told),
        TEST(every_way_to_block_has_its_reason),
        TEST(a_system_call_that_does_not_block_is_no_state),
        TEST(a_return_from_a_system_call_has_its_real_time),
        TEST(a_block_in_a_system_call_may_stand_in_the_next_batch),
        TEST(who_is_in_a_system_call_from_the_beginning_returns),
        TEST(what_a_goroutine_can_do_goes_before_time),
        TEST(collections_are_in_the_order_of_their_numbers),
        TEST(an_order_that_cannot_be_is_taken_as_it_comes),
        TEST(an_order_that_is_hopeless_is_by_time),
        TEST(many_ps_wait_for_each_other),
        TEST(a_p_without_events_has_no_turn),
        TEST(many_ps_are_merged),
        TEST(numbers_have_any_length),
        TEST(ticks_become_nanoseconds_exactly),
        TEST(long_silence_and_far_clocks_do_not_overflow),
        TEST(without_the_frequency_there_is_no_time),
        TEST(the_runtimes_events_have_newer_traces_names),
        TEST(why_the_world_stops_depends_on_the_version),
        TEST(tasks_regions_logs_and_labels_have_their_texts),
        TEST(samples_come_out_by_their_own_time),
        TEST(damage_hides_what_is_behind_it_until_the_next_batch),
        TEST(samples_are_newer_than_go_1_18),
        TEST(what_only_looks_like_a_batch_is_none),
        TEST(events_need_a_batch),
        TEST(of_two_with_one_id_the_first_is_used),
        TEST(ids_that_are_missing_are_counted),
        TEST(an_empty_frame_is_none),
        TEST(every_cut_keeps_what_is_before_it),
        TEST(any_byte_may_be_any_other),
        TEST(a_trace_without_events_is_said_to_be_one),
        TEST(when_memory_ends_nothing_is_lost_of_it),
        TEST(a_batch_of_any_length_is_read_again),
        TEST(what_is_read_again_is_not_kept),
        TEST(what_is_not_there_any_more_is_told),
        TEST(what_has_changed_meanwhile_is_any_input),
        TEST(a_trace_is_known_by_its_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
