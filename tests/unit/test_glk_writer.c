/* test_glk_writer - a tool that records into a .glk: what it gets back, and what it is told. */
#include "support/load.h"

#include <stdio.h>
#include <stdlib.h>

#include "format/glk.h"
#include "format/glk_layout.h"
#include "format/glk_writer.h"
#include "support/fail_alloc.h"
#include "support/glk_bytes.h"
#include "support/reading.h"

static struct goleak_error error;

static struct goleak_writer *open_writer(struct bytes *out, size_t sources, int level)
{
    static const struct goleak_writer_source all[] = { { .name = "one", .format = "tool", .pid = 42 },
                                                       { .name = "two", .format = "other", .pid = 42 } };
    struct goleak_writer_options options = GOLEAK_WRITER_OPTIONS_INIT;
    struct goleak_writer *writer;
    options.level = level;
    assert_int_equal(goleak_writer_new(&writer, all, sources, &options, glk_bytes_write, out, &error), GOLEAK_OK);
    return writer;
}

static void add(struct goleak_writer *writer, size_t source, const struct goleak_event *event)
{
    if (goleak_writer_event(writer, source, event, &error) != GOLEAK_OK)
        fail_msg("%s", error.message);
}

static void close_writer(struct goleak_writer *writer)
{
    assert_int_equal(goleak_writer_finish(writer, &error), GOLEAK_OK);
    goleak_writer_free(writer);
}

static void read_back(const struct bytes *glk)
{
    reading_all = true;
    reading_pieces(&goleak_format_glk, glk->data, glk->size, 0);
    assert_int_equal(reading.status, GOLEAK_OK);
}

/* ---- events ---------------------------------------------------------------------- */

/* Every field that there is, with values that no other field has. */
static struct goleak_event full_event(uint64_t n)
{
    return (struct goleak_event) {
        .kind = (uint8_t)(n % GOLEAK_EVENT_KIND_COUNT),
        .flags = (uint8_t)(n % 16),
        .reason = (uint8_t)(n % 20),
        .wait_reason = (uint8_t)(n % 30),
        .g = 0xc000000000 + n % 5 * 0x1c0,
        .goid = 7 + n / 3,
        .time_ns = 5000 + (int64_t)(n * 1001) - (n % 7 == 0 ? 5000 : 0),
        .other_g = 0xc000000000 + n % 3 * 0x1c0,
        .other_goid = n % 4,
        .count = (int32_t)(n * n) - 7,
        .blocked_count = (int32_t)(n % 3) - 1,
        .position = n * n * 100 % 7919,
        .lock = n << 50,
        .chan = 0xc0000a0000 + n,
        .elem = ~n,
        .gopc = 0x400000 + n % 4,
        .startpc = 0x500000 + n % 4,
        .cpu = (uint32_t)(n % 4),
        .tid = (uint32_t)(1000 + n % 6),
        .pid = 77,
        .status = (uint8_t)(n % 5),
        .depth = (uint8_t)n,
    };
}

static uint32_t has_of(uint64_t n)
{
    uint32_t all = (GOLEAK_HAS_UNTIL << 1) - 1;
    return n % 11 == 0 ? all : (uint32_t)(n * UINT64_C(2654435761)) & all;
}

/* A park that tells of a timer tells no other goroutine; no other event tells of one. */
static uint32_t told_by(const struct goleak_event *event)
{
    bool timed = event->kind == GOLEAK_EVENT_PARK && (event->has & GOLEAK_HAS_UNTIL) != 0;
    return event->has & ~(timed ? GOLEAK_HAS_OTHER_GOID : GOLEAK_HAS_UNTIL);
}

/* Without the library's own writer: the same line for an event as `reading` makes of it. */
static void all_fields_come_back(void **state)
{
    (void)state;
    struct bytes glk = { 0 };
    struct goleak_writer *writer = open_writer(&glk, 1, 3);
    enum { EVENTS = 40000 };
    struct goleak_event *events = calloc(EVENTS, sizeof *events);
    assert_non_null(events);
    const struct goleak_writer_frame frames[] = { { .function = "main.f", .file = "/a/main.go", .line = 7 },
                                                  { .function = "main.main", .offset = 0x45 },
                                                  { .offset = 0x4b0000 } };
    for (uint64_t n = 0; n < EVENTS; n++) {
        char name[32];
        struct goleak_event *event = &events[n];
        *event = full_event(n);
        event->has = has_of(n);
        snprintf(name, sizeof name, "main.f%u", (unsigned)(n % 100));
        event->name = goleak_writer_name(writer, 0, name);
        event->stack = goleak_writer_stack(writer, 0, frames, (size_t)(n % 3 + 1));
        add(writer, 0, event);
    }
    close_writer(writer);

    struct goleak_decoder *decoder;
    const struct goleak_event *got;
    assert_int_equal(goleak_decoder_new(&decoder, NULL, &error), GOLEAK_OK);
    assert_int_equal(goleak_decoder_feed(decoder, glk.data, glk.size, &error), GOLEAK_OK);
    assert_int_equal(goleak_decoder_finish(decoder, &error), GOLEAK_OK);
    for (uint64_t n = 0; n < EVENTS; n++) {
        const struct goleak_event *want = &events[n];
        char name[32];
        assert_int_equal(goleak_decoder_next(decoder, &got), GOLEAK_OK);
        assert_int_equal(got->kind, want->kind);
        assert_int_equal(got->flags, want->flags);
        const uint32_t told = told_by(want);
        assert_int_equal(got->has, told);
        assert_int_equal(got->position, want->position);
#define SAME(bit, field)                                                                                               \
    if ((told & (bit)) && got->field != want->field)                                                                   \
    fail_msg("event %u: " #field " is %llx, expected %llx", (unsigned)n, (unsigned long long)got->field,               \
             (unsigned long long)want->field)
        SAME(GOLEAK_HAS_G, g);
        SAME(GOLEAK_HAS_GOID, goid);
        SAME(GOLEAK_HAS_TIME, time_ns);
        SAME(GOLEAK_HAS_OTHER, other_g);
        SAME(GOLEAK_HAS_OTHER_GOID, other_goid);
        SAME(GOLEAK_HAS_REASON, reason);
        SAME(GOLEAK_HAS_WAIT, wait_reason);
        SAME(GOLEAK_HAS_COUNT, count);
        SAME(GOLEAK_HAS_BLOCKED_COUNT, blocked_count);
        SAME(GOLEAK_HAS_CPU, cpu);
        SAME(GOLEAK_HAS_TID, tid);
        SAME(GOLEAK_HAS_PID, pid);
        SAME(GOLEAK_HAS_LOCK | GOLEAK_HAS_STACK_BOUNDS, lock);
        SAME(GOLEAK_HAS_CHAN | GOLEAK_HAS_STACK_BOUNDS, chan);
        SAME(GOLEAK_HAS_ELEM | GOLEAK_HAS_WAITSINCE, elem);
        SAME(GOLEAK_HAS_GOPC, gopc);
        SAME(GOLEAK_HAS_STARTPC, startpc);
        SAME(GOLEAK_HAS_STATUS, status);
        SAME(GOLEAK_HAS_UNTIL, until_ns);
        if (want->kind == GOLEAK_EVENT_CALL || want->kind == GOLEAK_EVENT_RETURN)
            assert_int_equal(got->depth, want->depth);
        if (want->kind == GOLEAK_EVENT_LOST)
            assert_int_equal(got->count, want->count);
        snprintf(name, sizeof name, "main.f%u", (unsigned)(n % 100));
        if (want->has & GOLEAK_HAS_START || want->kind == GOLEAK_EVENT_CALL || want->kind == GOLEAK_EVENT_OTHER)
            assert_string_equal(goleak_decoder_name(decoder, got->name), name);
        if (want->has & GOLEAK_HAS_STACK) {
            static const char *const texts[] = { "main.f /a/main.go:7", "main.main+0x45", "0x4b0000" };
            for (size_t i = 0; i <= n % 3; i++)
                assert_string_equal(goleak_decoder_frame(decoder, got->stack, i), texts[i]);
            assert_null(goleak_decoder_frame(decoder, got->stack, (size_t)(n % 3 + 1)));
        }
    }
    assert_int_equal(goleak_decoder_next(decoder, &got), GOLEAK_END);
    goleak_decoder_free(decoder);
    free(events);
    bytes_free(&glk);
}

static struct goleak_event park(uint64_t g, int64_t time_ns)
{
    return (struct goleak_event) { .kind = GOLEAK_EVENT_PARK,
                                   .flags = GOLEAK_FLAG_REASON,
                                   .reason = GOLEAK_REASON_CHAN_SEND,
                                   .has = GOLEAK_HAS_G | GOLEAK_HAS_TIME | GOLEAK_HAS_REASON,
                                   .g = g,
                                   .time_ns = time_ns };
}

static void flushed_events_can_be_read(void **state)
{
    (void)state;
    struct bytes glk = { 0 };
    struct goleak_writer *writer = open_writer(&glk, 1, 9);
    struct goleak_event event = park(0xc000102000, 5);
    add(writer, 0, &event);
    assert_int_equal(goleak_writer_flush(writer, &error), GOLEAK_OK);
    size_t size = glk.size;
    add(writer, 0, &event);
    assert_int_equal(glk.size, size); /* not yet */
    reading_pieces(&goleak_format_glk, glk.data, glk.size, 0);
    assert_string_equal(reading.events.data, "0 park g=c000102000 reason=6 ts=5\n");
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_records), 0);
    close_writer(writer);
    reading_pieces(&goleak_format_glk, glk.data, glk.size, 0);
    assert_string_equal(reading.events.data, "0 park g=c000102000 reason=6 ts=5\n0 park g=c000102000 reason=6 ts=5\n");
    reading_expect_healthy();
    bytes_free(&glk);
}

static void sources_are_merged(void **state)
{
    (void)state;
    struct bytes glk = { 0 };
    struct goleak_writer *writer = open_writer(&glk, 2, 9);
    for (int64_t n = 0; n < 1000; n++) {
        struct goleak_event event = park(0xc000102000 + (uint64_t)n % 3 * 0x1c0, 1000000 + n * 1000000);
        add(writer, 0, &event);
        event.time_ns += 300;
        if (n % 2 == 0)
            add(writer, 1, &event);
    }
    close_writer(writer);
    struct goleak_trace *trace = load_pieces(NULL, glk.data, glk.size, 0);
    assert_int_equal(load_count(trace, "seen_twice"), 500);
    assert_int_equal(load_input(trace).events, 1500);
    assert_string_equal(load_input(trace).source_format, "tool, other");
    assert_int_equal(load_goroutine_count(trace), 3);
    goleak_trace_free(trace);
    bytes_free(&glk);
}

/* Of events that do not tell theirs, also where no other source is beside it. */
static void a_sources_pid_arrives(void **state)
{
    (void)state;
    for (size_t sources = 1; sources <= 2; sources++) {
        struct bytes glk = { 0 };
        struct goleak_writer *writer = open_writer(&glk, sources, 9);
        struct goleak_event event = park(0xc000102000, 5);
        add(writer, 0, &event);
        close_writer(writer);
        struct goleak_trace *trace = load_pieces(NULL, glk.data, glk.size, 0);
        assert_int_equal(goleak_trace_pid(trace, 0), 42);
        goleak_trace_free(trace);
        bytes_free(&glk);
    }
}

static void complaints_and_the_version_arrive(void **state)
{
    (void)state;
    struct bytes glk = { 0 };
    struct goleak_writer *writer = open_writer(&glk, 1, 9);
    struct goleak_event event = park(0xc000102000, 5);
    assert_int_equal(goleak_writer_go_version(writer, 0, "1.26.1", &error), GOLEAK_OK);
    add(writer, 0, &event);
    assert_int_equal(goleak_writer_complain(writer, 0, "lost_events", 3, "a buffer was full", &error), GOLEAK_OK);
    assert_int_equal(goleak_writer_complain(writer, 0, "lost_events", 4, "again", &error), GOLEAK_OK);
    close_writer(writer);
    struct goleak_trace *trace = load_pieces(NULL, glk.data, glk.size, 1);
    struct goleak_health health = load_health(trace, "lost_events");
    assert_int_equal(health.count, 7);
    assert_string_equal(health.detail, "a buffer was full");
    assert_string_equal(health.input, "one");
    assert_string_equal(load_input(trace).go_version, "1.26");
    assert_string_equal(load_input(trace).go_version_from, "header");
    assert_false(load_capture(trace).complete);
    goleak_trace_free(trace);
    bytes_free(&glk);
}

/* The block with which the tables begin anew is lost: what follows lacks what it told, and
 * has nothing that was told before. */
static void without_its_beginning(struct bytes *glk)
{
    struct goleak_glk_head head;
    struct goleak_decoder *decoder;
    const struct goleak_event *got;
    size_t at = GOLEAK_GLK_FILE_HEAD;
    uint64_t events = 0, lost = 0;
    do {
        assert_int_equal(goleak_glk_head_get(&head, (const uint8_t *)glk->data + at, glk->size - at), GOLEAK_GLK_WHOLE);
        at += head.bytes + (size_t)head.tables_packed + (size_t)head.columns_packed;
        if (head.kind == GOLEAK_GLK_EVENT_BLOCK)
            assert_true(head.has_since);
    } while ((head.flags & GOLEAK_GLK_FRESH) == 0 || head.number == 1);
    glk->data[at - head.tables_packed - head.columns_packed - 1] ^= 1;
    assert_int_equal(goleak_decoder_new(&decoder, NULL, &error), GOLEAK_OK);
    assert_int_equal(goleak_decoder_feed(decoder, glk->data, glk->size, &error), GOLEAK_OK);
    assert_int_equal(goleak_decoder_finish(decoder, &error), GOLEAK_OK);
    for (; goleak_decoder_next(decoder, &got) == GOLEAK_OK; events++) {
        uint64_t n = got->position - 1;
        bool nameless = (got->g & GOLEAK_G_SLOT) != 0;
        lost += nameless;
        if ((!nameless && got->g != 0xc000000000 + n % 1000 * 0x1c0) ||
            (got->has & GOLEAK_HAS_GOID && got->goid != n % 1000 + 7))
            fail_msg("event %llu came back wrong", (unsigned long long)n);
    }
    assert_true(events > 1200000 && lost > 200000);
    goleak_decoder_free(decoder);
}

/* Addresses come and go by the million: tables begin anew, and what was told before them is
 * told again. */
static void tables_begin_anew(void **state)
{
    (void)state;
    struct bytes glk = { 0 };
    struct goleak_writer *writer = open_writer(&glk, 1, 1);
    enum { EVENTS = 1300000 };
    for (uint64_t n = 0; n < EVENTS; n++) {
        struct goleak_event event = { .kind = GOLEAK_EVENT_CREATE, .position = n + 1 };
        event.has = GOLEAK_HAS_G | GOLEAK_HAS_GOID | GOLEAK_HAS_START;
        event.g = 0xc000000000 + n % 1000 * 0x1c0;
        event.goid = n % 1000 + 7;
        event.name = goleak_writer_name(writer, 0, n % 2 != 0 ? "main.odd" : "main.even");
        add(writer, 0, &event);
    }
    close_writer(writer);
    struct goleak_decoder *decoder;
    const struct goleak_event *got;
    uint64_t n = 0;
    assert_int_equal(goleak_decoder_new(&decoder, NULL, &error), GOLEAK_OK);
    for (size_t at = 0; at < glk.size; at += 65536) {
        size_t left = glk.size - at;
        assert_int_equal(goleak_decoder_feed(decoder, glk.data + at, left < 65536 ? left : 65536, &error), GOLEAK_OK);
        while (goleak_decoder_next(decoder, &got) == GOLEAK_OK) {
            if (got->g != 0xc000000000 + n % 1000 * 0x1c0 || got->goid != n % 1000 + 7 || got->position != n + 1 ||
                strcmp(goleak_decoder_name(decoder, got->name), n % 2 != 0 ? "main.odd" : "main.even") != 0)
                fail_msg("event %llu came back wrong", (unsigned long long)n);
            n++;
        }
    }
    assert_int_equal(goleak_decoder_finish(decoder, &error), GOLEAK_OK);
    while (goleak_decoder_next(decoder, &got) == GOLEAK_OK)
        n++;
    assert_int_equal(n, EVENTS);
    goleak_decoder_free(decoder);
    without_its_beginning(&glk);
    bytes_free(&glk);
}

/* ---- packing ------------------------------------------------------------------------- */

/* So many blocks that each thread has some, in the making and in the ring. */
static enum goleak_status write_many(struct goleak_writer *writer, unsigned threads)
{
    enum goleak_status status = GOLEAK_OK;
    assert_true(goleak_writer_pack_aside(writer, threads));
    for (uint64_t n = 0; n < 120000 && status == GOLEAK_OK; n++) {
        struct goleak_event event = full_event(n);
        event.has = has_of(n) & ~(GOLEAK_HAS_STACK | GOLEAK_HAS_START);
        event.name = 0;
        status = goleak_writer_event(writer, 0, &event, &error);
        if (n == 70000 && status == GOLEAK_OK)
            status = goleak_writer_flush(writer, &error);
    }
    return status == GOLEAK_OK ? goleak_writer_finish(writer, &error) : status;
}

static void threads_write_the_same_bytes(void **state)
{
    (void)state;
    struct bytes one = { 0 };
    for (unsigned threads = 0; threads < 5; threads += threads == 0 ? 1 : 3) { /* 0, 1, 4 */
        struct bytes glk = { 0 };
        struct goleak_writer *writer = open_writer(&glk, 1, 3);
        assert_int_equal(write_many(writer, threads), GOLEAK_OK);
        goleak_writer_free(writer);
        if (threads == 0)
            one = glk;
        else if (!bytes_equal(&glk, &one))
            fail_msg("%u threads write other bytes", threads);
        if (threads != 0)
            bytes_free(&glk);
    }
    bytes_free(&one);
}

/* Takes so many calls, and then none. */
static bool take_some(void *context, const void *data, size_t size)
{
    (void)data;
    (void)size;
    unsigned *left = context;
    return *left != 0 && (*left)--;
}

static void what_is_refused_ends_the_threads(void **state)
{
    (void)state;
    const struct goleak_writer_source source = { .name = "one" };
    for (unsigned takes = 0; takes < 24; takes += 3) {
        struct goleak_writer *writer;
        unsigned left = takes;
        assert_int_equal(goleak_writer_new(&writer, &source, 1, NULL, take_some, &left, &error), GOLEAK_OK);
        assert_int_equal(write_many(writer, 3), GOLEAK_E_IO);
        assert_int_equal(left, 0);
        goleak_writer_free(writer);
    }
}

static void memory_that_ends_ends_the_threads(void **state)
{
    (void)state;
    const struct goleak_writer_source source = { .name = "one" };
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        struct bytes glk = { 0 };
        struct fail_alloc heap;
        struct goleak_writer *writer;
        struct goleak_writer_options options = GOLEAK_WRITER_OPTIONS_INIT;
        fail_alloc_init(&heap, n, false);
        options.allocator = &heap.allocator;
        options.level = 1;
        enum goleak_status status = goleak_writer_new(&writer, &source, 1, &options, glk_bytes_write, &glk, &error);
        bool aside = status == GOLEAK_OK && goleak_writer_pack_aside(writer, 2);
        for (uint64_t i = 0; i < 100000 && status == GOLEAK_OK; i++) {
            struct goleak_event event = park(i % 1000 + 1, (int64_t)i);
            status = goleak_writer_event(writer, 0, &event, &error);
            assert_true(aside || status == GOLEAK_E_MEMORY);
        }
        failed = heap.failed;
        if (n % 2 == 0) /* or it is given up in the middle */
            status = status == GOLEAK_OK ? goleak_writer_finish(writer, &error) : status;
        assert_true(!heap.failed || n % 2 != 0 || status == GOLEAK_E_MEMORY);
        goleak_writer_free(writer);
        assert_true(fail_alloc_is_clean(&heap));
        bytes_free(&glk);
    }
}

/* ---- what it refuses ---------------------------------------------------------------- */

static bool refuse(void *context, const void *data, size_t size)
{
    (void)data;
    (void)size;
    return ++*(int *)context < 2;
}

static void failures_stick(void **state)
{
    (void)state;
    int writes = 0;
    const struct goleak_writer_source source = { .name = "x" };
    struct goleak_writer *writer;
    struct goleak_event event = park(1, 1);
    assert_int_equal(goleak_writer_new(&writer, &source, 1, NULL, refuse, &writes, &error), GOLEAK_OK);
    add(writer, 0, &event);
    assert_int_equal(goleak_writer_flush(writer, &error), GOLEAK_E_IO);
    assert_int_equal(goleak_writer_event(writer, 0, &event, &error), GOLEAK_E_IO);
    assert_int_equal(goleak_writer_finish(writer, &error), GOLEAK_E_IO);
    assert_string_equal(error.message, "the output took no more bytes");
    assert_int_equal(writes, 2);
    goleak_writer_free(writer);
    goleak_writer_free(NULL);
}

static void misuse_is_told(void **state)
{
    (void)state;
    struct bytes glk = { 0 };
    const struct goleak_writer_source source = { .name = "x" };
    struct goleak_writer_options options = GOLEAK_WRITER_OPTIONS_INIT;
    struct goleak_writer *writer;
    const struct goleak_event event = park(1, 1);
    assert_int_equal(goleak_writer_new(&writer, &source, 0, NULL, glk_bytes_write, &glk, &error), GOLEAK_E_USAGE);
    options.level = 20;
    assert_int_equal(goleak_writer_new(&writer, &source, 1, &options, glk_bytes_write, &glk, &error), GOLEAK_E_USAGE);
    assert_null(writer);
    options.level = 3;
    options.size = 1;
    assert_int_equal(goleak_writer_new(&writer, &source, 1, &options, glk_bytes_write, &glk, &error), GOLEAK_E_USAGE);
    writer = open_writer(&glk, 1, 3);
    assert_int_equal(goleak_writer_stack(writer, 0, NULL, 0), 0); /* no mistake */
    assert_int_equal(goleak_writer_finish(writer, &error), GOLEAK_OK);
    assert_int_equal(goleak_writer_finish(writer, &error), GOLEAK_OK);
    assert_int_equal(goleak_writer_event(writer, 0, &event, &error), GOLEAK_E_USAGE);
    assert_int_equal(goleak_writer_finish(writer, &error), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "the writer is finished and takes nothing more");
    goleak_writer_free(writer);
    writer = open_writer(&glk, 1, 3);
    const struct goleak_event early = park(1, -1);
    assert_int_equal(goleak_writer_event(writer, 0, &early, &error), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "the event's time is before 0");
    goleak_writer_free(writer);
    bytes_free(&glk);
}

static char *letters(size_t size, unsigned first)
{
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'a', size);
    text[size] = '\0';
    for (size_t i = 0; i < size && first != 0; i++, first /= 26)
        text[i] = (char)('a' + first % 26);
    return text;
}

static uint32_t name_of(struct goleak_writer *writer, size_t size)
{
    char *text = letters(size, 0);
    uint32_t name = goleak_writer_name(writer, 0, text);
    free(text);
    return name;
}

/* Of frames that no other stack has. */
static uint32_t stack_of(struct goleak_writer *writer, size_t count, size_t name_size)
{
    static unsigned frame;
    struct goleak_writer_frame *frames = calloc(count, sizeof *frames);
    assert_non_null(frames);
    for (size_t i = 0; i < count; i++) {
        frame++;
        frames[i] = (struct goleak_writer_frame) { .function = letters(name_size, frame), .offset = frame };
    }
    uint32_t stack = goleak_writer_stack(writer, 0, frames, count);
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)frames[i].function);
    free(frames);
    return stack;
}

static enum goleak_status misuse(struct goleak_writer *writer, unsigned how)
{
    struct goleak_event event = park(1, 1);
    switch (how) {
    case 0: return goleak_writer_event(writer, 1, &event, &error);
    case 1: event.kind = GOLEAK_EVENT_KIND_COUNT; return goleak_writer_event(writer, 0, &event, &error);
    case 2: return goleak_writer_complain(writer, 0, "no_such_thing", 1, "", &error);
    case 3: return goleak_writer_complain(writer, 9, "lost_events", 1, "", &error);
    case 4: return goleak_writer_go_version(writer, 0, "two", &error);
    case 7: event.kind = GOLEAK_EVENT_OTHER, event.name = 1; return goleak_writer_event(writer, 0, &event, &error);
    case 8: event.has |= GOLEAK_HAS_START, event.name = 4711; return goleak_writer_event(writer, 0, &event, &error);
    case 9: event.has |= GOLEAK_HAS_STACK, event.stack = 1; return goleak_writer_event(writer, 0, &event, &error);
    case 10:
        event.kind = GOLEAK_EVENT_RUNTIME;
        event.has |= GOLEAK_HAS_LOCK;
        event.name = goleak_writer_name(writer, 0, "GoLabel");
        event.lock = 4711;
        return goleak_writer_event(writer, 0, &event, &error);
    case 11: assert_int_equal(name_of(writer, 65537), 0); break;
    case 12: assert_int_equal(stack_of(writer, 16385, 1), 0); break;
    case 13: assert_int_equal(stack_of(writer, 9, 60000), 0); break;
    case 14: assert_int_equal(stack_of(writer, 1, 65537), 0); break;
    case 5: assert_int_equal(goleak_writer_name(writer, 9, "x"), 0); break;
    case 6: assert_int_equal(goleak_writer_stack(writer, 9, NULL, 0), 0); break;
    default: return GOLEAK_OK;
    }
    return goleak_writer_flush(writer, &error);
}

/* Who looks at the end alone is told, too. */
static void misuse_sticks(void **state)
{
    struct goleak_event event = park(1, 1);
    enum goleak_status status;
    (void)state;
    for (unsigned how = 0;; how++) {
        struct bytes glk = { 0 };
        struct goleak_writer *writer = open_writer(&glk, 1, 3);
        add(writer, 0, &event);
        status = misuse(writer, how);
        if (status != GOLEAK_OK) {
            struct goleak_error first = error;
            assert_int_equal(status, GOLEAK_E_USAGE);
            assert_string_not_equal(error.message, "");
            assert_int_equal(goleak_writer_event(writer, 0, &event, &error), GOLEAK_E_USAGE);
            assert_int_equal(goleak_writer_name(writer, 0, "x"), 0);
            assert_int_equal(goleak_writer_finish(writer, &error), GOLEAK_E_USAGE);
            assert_string_equal(error.message, first.message);
        }
        goleak_writer_free(writer);
        bytes_free(&glk);
        if (status == GOLEAK_OK) {
            assert_int_equal(how, 15);
            return;
        }
    }
}

/* Whatever the limits allow can be read, and what a block would have no room for waits for the
 * next: here each stack is as large as can be, and was made long before its event. */
static void what_is_allowed_can_be_read(void **state)
{
    enum { STACKS = 40 };
    struct bytes glk = { 0 };
    struct goleak_writer *writer = open_writer(&glk, 1, 1);
    struct goleak_event events[STACKS];
    struct goleak_decoder *decoder;
    const struct goleak_event *got;
    (void)state;
    for (unsigned i = 0; i < STACKS; i++) {
        events[i] = park(0xc000102000, i);
        events[i].kind = GOLEAK_EVENT_OTHER;
        events[i].has |= GOLEAK_HAS_STACK;
        char *text = letters(65536, i + 1);
        events[i].name = goleak_writer_name(writer, 0, text);
        events[i].stack = stack_of(writer, 16384, 32);
        assert_true(events[i].name != 0 && events[i].stack != 0);
        free(text);
    }
    for (unsigned i = STACKS; i-- > 0;) /* the last one's first: all others' frames were met before */
        add(writer, 0, &events[i]);
    close_writer(writer);
    assert_int_equal(goleak_decoder_new(&decoder, NULL, &error), GOLEAK_OK);
    assert_int_equal(goleak_decoder_feed(decoder, glk.data, glk.size, &error), GOLEAK_OK);
    assert_int_equal(goleak_decoder_finish(decoder, &error), GOLEAK_OK);
    for (unsigned i = 0; i < STACKS; i++) {
        assert_int_equal(goleak_decoder_next(decoder, &got), GOLEAK_OK);
        assert_int_equal(strlen(goleak_decoder_name(decoder, got->name)), 65536);
        assert_non_null(goleak_decoder_frame(decoder, got->stack, 16383));
    }
    assert_int_equal(goleak_decoder_next(decoder, &got), GOLEAK_END);
    goleak_decoder_free(decoder);
    bytes_free(&glk);
}

static void a_writer_needs_somebody_who_writes(void **state)
{
    struct goleak_writer_source sources[2] = { { .name = "x" }, { .format = "tool" } };
    struct goleak_writer *writer = (void *)&error;
    struct bytes glk = { 0 };
    (void)state;
    assert_int_equal(goleak_writer_new(&writer, sources, 1, NULL, NULL, NULL, &error), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "there is nobody who takes the bytes: write is NULL");
    assert_int_equal(goleak_writer_new(&writer, sources, 2, NULL, glk_bytes_write, &glk, &error), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "source 1 has no name: reports would not know it");
    char *text = letters(4097, 0);
    sources[1].name = text;
    assert_int_equal(goleak_writer_new(&writer, sources, 2, NULL, glk_bytes_write, &glk, &error), GOLEAK_E_USAGE);
    assert_null(writer);
    free(text);
}

static void messages_have_no_events(void **state)
{
    const struct goleak_writer_source source = { .name = "x", .messages = true };
    const struct goleak_event event = park(1, 1);
    struct goleak_writer *writer;
    struct bytes glk = { 0 };
    (void)state;
    assert_int_equal(goleak_writer_new(&writer, &source, 1, NULL, glk_bytes_write, &glk, &error), GOLEAK_OK);
    assert_int_equal(goleak_writer_complain(writer, 0, "lost_events", 1, "", &error), GOLEAK_OK);
    assert_int_equal(goleak_writer_event(writer, 0, &event, &error), GOLEAK_E_USAGE);
    assert_string_equal(error.message, "the source is one of messages, which has no events");
    goleak_writer_free(writer);
    bytes_free(&glk);
}

/* A name that was lost is not left out in silence. */
static void memory_that_ends_with_a_name_sticks(void **state)
{
    const struct goleak_writer_source source = { .name = "x" };
    const struct goleak_writer_frame frame = { .function = "main.f", .offset = 5 };
    (void)state;
    for (unsigned stack = 0; stack < 2; stack++)
        for (size_t n = 1;; n++) {
            struct bytes glk = { 0 };
            struct fail_alloc heap;
            struct goleak_writer *writer;
            struct goleak_writer_options options = GOLEAK_WRITER_OPTIONS_INIT;
            struct goleak_event event = park(1, 1);
            fail_alloc_init(&heap, 0, false);
            options.allocator = &heap.allocator;
            assert_int_equal(goleak_writer_new(&writer, &source, 1, &options, glk_bytes_write, &glk, &error),
                             GOLEAK_OK);
            heap.fail_at = heap.requests + n;
            uint32_t number =
                stack != 0 ? goleak_writer_stack(writer, 0, &frame, 1) : goleak_writer_name(writer, 0, "main.f");
            bool failed = heap.failed;
            heap.fail_at = 0;
            assert_int_equal(number == 0, failed);
            enum goleak_status expected = failed ? GOLEAK_E_MEMORY : GOLEAK_OK;
            assert_int_equal(goleak_writer_event(writer, 0, &event, &error), expected);
            assert_int_equal(goleak_writer_finish(writer, &error), expected);
            goleak_writer_free(writer);
            assert_true(fail_alloc_is_clean(&heap));
            bytes_free(&glk);
            if (!failed) {
                assert_true(n > 1);
                break;
            }
        }
}

static void a_limit_is_told(void **state)
{
    (void)state;
    struct bytes glk = { 0 };
    const struct goleak_writer_source source = { .name = "x" };
    struct goleak_writer_options options = GOLEAK_WRITER_OPTIONS_INIT;
    struct goleak_writer *writer;
    options.max_memory_bytes = 1 << 20;
    assert_int_equal(goleak_writer_new(&writer, &source, 1, &options, glk_bytes_write, &glk, &error), GOLEAK_E_LIMIT);
    bytes_free(&glk);
}

/* ---- room to grow -------------------------------------------------------------------- */

/* A byte of the first block of events, which is not packed, and all checksums right. */
static void change(struct bytes *glk, const char *from, size_t size, const char *to)
{
    for (size_t at = 0; at + size <= glk->size; at++)
        if (memcmp(glk->data + at, from, size) == 0) {
            memcpy(glk->data + at, to, size);
            glk_bytes_mend(glk);
            return;
        }
    fail_msg("the bytes are not there");
}

/* The article's counters, of goroutines that each park, wake in silence and end; `missing` is not written. */
static void write_counted(struct bytes *glk, size_t missing, bool timed)
{
    struct goleak_writer *writer = open_writer(glk, 1, 0);
    int32_t live = 0, blocked = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        const unsigned kind = (unsigned)(i % 4);
        struct goleak_event event = { .g = 0xc000000000 + i / 4 % 700 * 0x1c0, .position = i + 1 };
        event.kind = kind == 0 ? GOLEAK_EVENT_CREATE : kind == 3 ? GOLEAK_EVENT_END : GOLEAK_EVENT_PARK;
        event.flags = kind == 1 ? GOLEAK_FLAG_BLOCKED : 0;
        event.reason = kind == 1 ? 3 : 2;
        event.has = GOLEAK_HAS_G | GOLEAK_HAS_BLOCKED_COUNT |
                    (kind == 1 || kind == 2 ? GOLEAK_HAS_REASON | GOLEAK_HAS_BLOCKED : GOLEAK_HAS_COUNT);
        live += goleak_event_count_step(&event);
        blocked = kind == 1 ? blocked + 1 : i % 400 == 3 ? 0 : blocked; /* a hundred fall at once */
        event.count = live;
        event.blocked_count = blocked;
        if (timed) {
            event.has |= GOLEAK_HAS_TIME;
            event.time_ns = (int64_t)i;
        }
        if (i != missing)
            add(writer, 0, &event);
    }
    close_writer(writer);
}

/* A reader that sees in the shapes that the counters go on says so of its batches, from block to block. */
static void counters_that_go_on(void **state)
{
    struct bytes glk = { 0 };
    const size_t batches = (20000 + GOLEAK_BATCH_EVENTS - 1) / GOLEAK_BATCH_EVENTS;
    (void)state;
    write_counted(&glk, SIZE_MAX, false);
    read_back(&glk);
    assert_int_equal(reading.counted, batches);
    bytes_clear(&glk);
    write_counted(&glk, 400, false); /* a creation in the first of two blocks */
    read_back(&glk);
    assert_true(reading.counted > 0 && reading.counted < batches / 2);
    bytes_clear(&glk);
    write_counted(&glk, SIZE_MAX, true);
    read_back(&glk);
    assert_int_equal(reading.counted, 0);
    bytes_free(&glk);
}

static void unknown_kinds_are_counted(void **state)
{
    (void)state;
    struct bytes glk = { 0 };
    struct goleak_writer *writer = open_writer(&glk, 1, 0);
    struct goleak_event event = park(0xc000102000, 5);
    add(writer, 0, &event);
    event.kind = GOLEAK_EVENT_YIELD;
    event.flags = 0x55; /* to be found by */
    event.has = GOLEAK_HAS_G;
    event.name = 0;
    add(writer, 0, &event);
    close_writer(writer);
    change(&glk, "\x11\x55", 2, "\x63\x55");
    read_back(&glk);
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_events), 1);
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_records), 0);
    assert_int_equal(reading.facts.events, 1);
    assert_non_null(strstr(reading.events.data, " other "));
    bytes_free(&glk);
}

static void unknown_columns_blocks_and_items_are_skipped(void **state)
{
    (void)state;
    struct bytes glk = { 0 }, more = { 0 };
    struct goleak_buf block;
    struct goleak_alloc alloc;
    struct goleak_writer *writer = open_writer(&glk, 1, 0);
    struct goleak_event event = park(0xc000102000, 5);
    event.has |= GOLEAK_HAS_CPU;
    event.cpu = 0x31;
    add(writer, 0, &event);
    close_writer(writer);
    /* The column of CPUs, field 16, becomes that of field 99; its bit in the shape goes. */
    change(&glk, "\x10\x00\x03\x01", 4, "\x63\x00\x03\x01");
    reading_pieces(&goleak_format_glk, glk.data, glk.size, 0);
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_records), 1); /* the shape says that it is there */
    /* A block of an unknown kind, between the first and the others. */
    goleak_alloc_init(&alloc, NULL, 0);
    goleak_buf_init(&block, &alloc);
    struct goleak_glk_head head = { .kind = 77, .number = 0, .first_ns = INT64_MIN };
    goleak_glk_head_put(&block, &head);
    bytes_add(&more, GOLEAK_GLK_MAGIC "\x01\0\0", GOLEAK_GLK_FILE_HEAD);
    bytes_add(&more, block.data, block.size);
    reading_pieces(&goleak_format_glk, more.data, more.size, 0);
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_records), 0);
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
    goleak_buf_release(&block);
    bytes_free(&glk);
    bytes_free(&more);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, reading_set_up, reading_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_fields_come_back),
        TEST(flushed_events_can_be_read),
        TEST(sources_are_merged),
        TEST(a_sources_pid_arrives),
        TEST(complaints_and_the_version_arrive),
        TEST(tables_begin_anew),
        TEST(threads_write_the_same_bytes),
        TEST(what_is_refused_ends_the_threads),
        TEST(memory_that_ends_ends_the_threads),
        TEST(failures_stick),
        TEST(misuse_is_told),
        TEST(misuse_sticks),
        TEST(what_is_allowed_can_be_read),
        TEST(a_writer_needs_somebody_who_writes),
        TEST(messages_have_no_events),
        TEST(memory_that_ends_with_a_name_sticks),
        TEST(a_limit_is_told),
        TEST(counters_that_go_on),
        TEST(unknown_kinds_are_counted),
        TEST(unknown_columns_blocks_and_items_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
