/* reading - see reading.h. */
#include "support/reading.h"

#include "format/glk_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct reading reading;
uint64_t reading_limit_bytes;
bool reading_all;
bool reading_waits_only;
const struct bytes *reading_file;
static size_t reading_fail_at; /* the request that fails; 0: none */
const char *reading_padding;

static struct goleak_alloc alloc;
static struct goleak_symbols symbols;

/* ---- around a test -------------------------------------------------------- */

int reading_set_up(void **state)
{
    (void)state;
    reading_limit_bytes = 0;
    reading_all = reading_waits_only = false;
    reading_file = NULL;
    reading_fail_at = 0;
    return 0;
}

int reading_tear_down(void **state)
{
    (void)state;
    reading_end();
    return 0;
}

/* ---- what an event says --------------------------------------------------- */

static void show_hex(const struct goleak_event *event, uint32_t bit, const char *key, uint64_t value)
{
    if (event->has & bit)
        bytes_format(&reading.events, " %s=%" PRIx64, key, value);
}

static void show_dec(const struct goleak_event *event, uint32_t bit, const char *key, int64_t value)
{
    if (event->has & bit)
        bytes_format(&reading.events, " %s=%" PRId64, key, value);
}

static bool is_named(const struct goleak_event *event)
{
    const uint32_t kinds = 1u << GOLEAK_EVENT_CALL | 1u << GOLEAK_EVENT_RETURN | 1u << GOLEAK_EVENT_OTHER |
                           1u << GOLEAK_EVENT_OBJECT | 1u << GOLEAK_EVENT_GC | 1u << GOLEAK_EVENT_ALLOC;
    return (kinds >> event->kind & 1) != 0;
}

static void show_stack(const struct goleak_event *event)
{
    const uint32_t *frames;
    if ((event->has & GOLEAK_HAS_STACK) == 0)
        return;
    size_t count = goleak_symbols_stack_frames(&symbols, event->stack, &frames);
    bytes_text(&reading.events, " [");
    for (size_t i = 0; i < count; i++)
        bytes_format(&reading.events, "%s%s", i != 0 ? " " : "", goleak_symbols_frame_text(&symbols, frames[i]));
    bytes_text(&reading.events, "]");
}

/* Other kinds have a lock, a channel and an element in the same places. */
static void show_dump(const struct goleak_event *event)
{
    if (event->has & GOLEAK_HAS_STACK_BOUNDS)
        bytes_format(&reading.events, " lo=%" PRIx64 " hi=%" PRIx64, event->lock, event->chan);
    if (event->has & GOLEAK_HAS_WAITSINCE)
        bytes_format(&reading.events, " waitsince=%" PRIu64, event->elem);
}

/* All that other tests do not ask for: arguments that are texts, flags. */
static void show_rest(const struct goleak_event *event)
{
    const uint64_t values[] = { event->lock, event->chan, event->elem };
    bool named = event->kind == GOLEAK_EVENT_RUNTIME || event->kind == GOLEAK_EVENT_YIELD;
    const char *name = named ? goleak_symbols_text(&symbols, event->name) : "";
    unsigned texts = event->kind == GOLEAK_EVENT_RUNTIME ? goleak_glk_texts(name) : 0;
    bytes_format(&reading.events, " %s flags=%x", name, event->flags);
    for (unsigned i = 0; i < 3; i++)
        if (texts >> i & 1)
            bytes_format(&reading.events, " \"%s\"", goleak_symbols_text(&symbols, (uint32_t)values[i]));
        else if (event->has & GOLEAK_HAS_LOCK << i)
            bytes_format(&reading.events, " %" PRIx64, values[i]);
}

static void show(const struct goleak_event *event)
{
    bytes_format(&reading.events, "%" PRIu64 " %s", event->position,
                 goleak_event_kind_name((enum goleak_event_kind)event->kind));
    if (is_named(event) && goleak_symbols_text(&symbols, event->name)[0] != '\0')
        bytes_format(&reading.events, " %s", goleak_symbols_text(&symbols, event->name));
    if (event->kind == GOLEAK_EVENT_CALL || event->kind == GOLEAK_EVENT_RETURN)
        bytes_format(&reading.events, " depth=%u", event->depth);
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
    show_dec(event, GOLEAK_HAS_PID, "pid", event->pid);
    show_dec(event, GOLEAK_HAS_TID, "tid", event->tid);
    if (reading_all) {
        show_rest(event);
    } else {
        show_hex(event, GOLEAK_HAS_LOCK, "lock", event->lock);
        show_hex(event, GOLEAK_HAS_CHAN, "chan", event->chan);
        show_hex(event, GOLEAK_HAS_ELEM, "elem", event->elem);
    }
    show_hex(event, GOLEAK_HAS_GOPC, "gopc", event->gopc);
    show_hex(event, GOLEAK_HAS_STARTPC, "startpc", event->startpc);
    show_dec(event, GOLEAK_HAS_STATUS, "status", event->status);
    show_dec(event, GOLEAK_HAS_UNTIL, "until", event->until_ns);
    if (event->has & GOLEAK_HAS_START)
        bytes_format(&reading.events, " fn=%s", goleak_symbols_text(&symbols, event->name));
    if (event->kind == GOLEAK_EVENT_STRUCT)
        show_dump(event);
    if (event->flags & GOLEAK_FLAG_NAIVE)
        bytes_text(&reading.events, " naive");
    show_stack(event);
    bytes_text(&reading.events, "\n");
}

/* What a batch claims of its printed counters holds for each of its events. */
static void check_counters(const struct goleak_batch *batch)
{
    struct goleak_counters now = batch->before;
    for (size_t i = 0; i < batch->count; i++) {
        const struct goleak_event *event = &batch->events[i];
        assert_int_equal(event->has & GOLEAK_HAS_TIME, 0);
        if (!goleak_event_is_counted(event))
            continue;
        if (event->has & GOLEAK_HAS_COUNT) {
            assert_int_equal(event->count, now.count + goleak_event_count_step(event));
            now.count = event->count;
        }
        if (event->has & GOLEAK_HAS_BLOCKED_COUNT) {
            assert_true(event->blocked_count <= now.blocked + goleak_event_raises_blocked(event));
            now.blocked = event->blocked_count;
        }
    }
    assert_int_equal(now.count, batch->after.count);
    assert_int_equal(now.blocked, batch->after.blocked);
    reading.counted++;
}

static enum goleak_status take(void *context, struct goleak_batch **batch)
{
    (void)context;
    if ((*batch)->counted)
        check_counters(*batch);
    assert_true((*batch)->count != 0 && (*batch)->count <= GOLEAK_BATCH_EVENTS);
    for (size_t i = 0; i < (*batch)->count; i++)
        show(&(*batch)->events[i]);
    if (reading_all)
        bytes_format(&reading.events, "# %zu%s\n", (*batch)->count, (*batch)->in_order ? ", in order" : "");
    reading.untold += (*batch)->untold;
    (*batch)->count = 0;
    (*batch)->in_order = false;
    (*batch)->untold = 0;
    return GOLEAK_OK;
}

/* ---- reading -------------------------------------------------------------- */

static size_t read_again(void *context, uint64_t offset, void *buffer, size_t size)
{
    const struct bytes *file = context;
    if (offset >= file->size)
        return 0;
    if (size > file->size - offset)
        size = (size_t)(file->size - offset);
    memcpy(buffer, file->data + offset, size);
    return size;
}

static uint64_t skipped;

static void skip_bytes(void *context, uint64_t bytes)
{
    (void)context;
    skipped += bytes;
}

void reading_end(void)
{
    bytes_free(&reading.events);
    memset(&reading, 0, sizeof reading);
}

void reading_pieces(const struct goleak_format *format, const void *bytes, size_t size, size_t step)
{
    reading_end();
    fail_alloc_init(&reading.heap, reading_fail_at, false);
    goleak_alloc_init(&alloc, &reading.heap.allocator, reading_limit_bytes);
    goleak_reasons_init(&reading.reasons);
    goleak_symbols_init(&symbols, &alloc);
    bytes_text(&reading.events, "");
    const struct goleak_reader_env env = { .alloc = &alloc,
                                           .symbols = &symbols,
                                           .health = &reading.book,
                                           .reasons = &reading.reasons,
                                           .sink = { take, NULL },
                                           .read_again = reading_file != NULL ? read_again : NULL,
                                           .skip = reading_file != NULL ? skip_bytes : NULL,
                                           .again_context = (void *)(uintptr_t)reading_file,
                                           .waits_only = reading_waits_only };
    struct goleak_reader *reader = format->open(&env);
    reading.status = reader != NULL ? GOLEAK_OK : goleak_alloc_failure(&alloc);
    skipped = 0;
    for (size_t at = 0; at < size && reading.status == GOLEAK_OK;) {
        if (skipped != 0) { /* of bytes that there are */
            at = skipped < size - at ? at + (size_t)skipped : size;
            skipped = 0;
            continue;
        }
        size_t part = step == 0 || step > size - at ? size - at : step;
        char *piece = malloc(part);
        assert_non_null(piece);
        memcpy(piece, (const char *)bytes + at, part);
        reading.status = format->feed(reader, piece, part);
        free(piece);
        at += part;
    }
    if (reading.status == GOLEAK_OK)
        reading.status = format->finish(reader);
    if (reader != NULL) {
        format->facts(reader, &reading.facts);
        format->close(reader);
    }
    goleak_symbols_release(&symbols);
    assert_true(fail_alloc_is_clean(&reading.heap));
}

static void expect_events(const char *how, const char *events)
{
    assert_int_equal(reading.status, GOLEAK_OK);
    if (strcmp(reading.events.data, events) != 0)
        fail_msg("%s, found:\n%sexpected:\n%s", how, reading.events.data, events);
}

static void expect_book(const char *how, const struct goleak_health_book *book)
{
    for (int i = 0; i < GOLEAK_HEALTH_COUNT; i++) {
        const struct goleak_health_entry *found = &reading.book.entries[i], *expected = &book->entries[i];
        if (found->count != expected->count || found->line != expected->line || found->column != expected->column ||
            strcmp(found->detail, expected->detail) != 0)
            fail_msg("%s, found %" PRIu64 ", %" PRIu64 ":%" PRIu64 ": %s\nexpected %" PRIu64 ", %" PRIu64 ":%" PRIu64
                     ": %s",
                     how, found->count, found->line, found->column, found->detail, expected->count, expected->line,
                     expected->column, expected->detail);
    }
}

/* Against the events that are expected, or (NULL) those of the text in one piece. */
static void read_each_way(const struct goleak_format *format, const char *text, const char *expected)
{
    size_t size = strlen(text);
    struct bytes events = { 0 };
    reading_pieces(format, text, size, 0);
    bytes_text(&events, expected != NULL ? expected : reading.events.data);
    expect_events("in one piece", events.data);
    struct goleak_health_book book = reading.book;
    reading_pieces(format, text, size, 1);
    expect_events("byte by byte", events.data);
    expect_book("byte by byte", &book);
    reading_pieces(format, text, size, 64);
    expect_events("in pieces of 64 bytes", events.data);
    expect_book("in pieces of 64 bytes", &book);
    if (size != 0 && text[size - 1] == '\n') {
        struct bytes padded = { 0 };
        bytes_text(&padded, text);
        while (padded.size < size + 1024)
            bytes_text(&padded, reading_padding != NULL ? reading_padding : "\n");
        reading_pieces(format, padded.data, padded.size, 0);
        bytes_free(&padded);
        expect_events("at a glance", events.data);
        expect_book("at a glance", &book);
    }
    reading_pieces(format, text, size, 0);
    bytes_free(&events);
}

void reading_expect(const struct goleak_format *format, const char *text, const char *events)
{
    read_each_way(format, text, events);
}

void reading_agree(const struct goleak_format *format, const char *text)
{
    read_each_way(format, text, NULL);
}

/* ---- complaints ----------------------------------------------------------- */

uint64_t reading_count(enum goleak_health_id id)
{
    return reading.book.entries[id].count;
}

void reading_expect_complaint(enum goleak_health_id id, uint64_t count, uint64_t line, uint64_t column,
                              const char *detail)
{
    const struct goleak_health_entry *entry = &reading.book.entries[id];
    if (entry->count != count || entry->line != line || entry->column != column || strcmp(entry->detail, detail) != 0)
        fail_msg("found %" PRIu64 ", %" PRIu64 ":%" PRIu64 ": %s\nexpected %" PRIu64 ", %" PRIu64 ":%" PRIu64 ": %s",
                 entry->count, entry->line, entry->column, entry->detail, count, line, column, detail);
}

void reading_expect_healthy(void)
{
    for (int i = 0; i < GOLEAK_HEALTH_COUNT; i++)
        if (reading.book.entries[i].count != 0)
            fail_msg("%" PRIu64 ":%" PRIu64 ": %s", reading.book.entries[i].line, reading.book.entries[i].column,
                     reading.book.entries[i].detail);
}

/* ---- memory --------------------------------------------------------------- */

void reading_fail_each_of(const struct goleak_format *format, const void *bytes, size_t size, size_t step)
{
    for (reading_fail_at = 1;; reading_fail_at++) {
        reading_pieces(format, bytes, size, step);
        if (!reading.heap.failed)
            break;
        if (reading.status != GOLEAK_E_MEMORY)
            fail_msg("request %zu fails: status %d", reading_fail_at, (int)reading.status);
        assert_true(reading_fail_at < 100000);
    }
    reading_fail_at = 0;
    assert_int_equal(reading.status, GOLEAK_OK);
}

void reading_fail_each(const struct goleak_format *format, const char *text)
{
    reading_fail_each_of(format, text, strlen(text), 0);
}
