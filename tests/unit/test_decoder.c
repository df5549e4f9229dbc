/* test_decoder - events without replay: in the recording's own order, as it feeds. */
#include <stdio.h>
#include <stdlib.h>

#include "support/fail_alloc.h"
#include "support/load.h"
#include "support/recordings.h"

static struct goleak_decoder *decoder;
static struct goleak_error error;

static int set_up(void **state)
{
    (void)state;
    memset(&error, 0, sizeof error);
    return goleak_decoder_new(&decoder, NULL, &error) == GOLEAK_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_decoder_free(decoder);
    return 0;
}

static void feed(const char *text)
{
    size_t size = strlen(text);
    char *copy = malloc(size); /* gone before the events are asked for */
    assert_non_null(copy);
    memcpy(copy, text, size);
    assert_int_equal(goleak_decoder_feed(decoder, copy, size, &error), GOLEAK_OK);
    free(copy);
}

static const struct goleak_event *next(void)
{
    const struct goleak_event *event;
    return goleak_decoder_next(decoder, &event) == GOLEAK_OK ? event : NULL;
}

static void events_come_as_the_recording_has_them(void **state)
{
    const struct goleak_event *event;
    (void)state;
    feed("gopark: goroutine=c000102000 goid=7 reason=6 ts=2000\n"
         "newproc1: goroutine=c000102000 goid=7 parent=c000002380 fn=main.f[go.shape.struct { X string }] ts=1000\n"
         "        runtime.newproc+63\n"
         "        main.main+16\n"
         "casgstatus: goroutine=c000102000 goid=7 ts=3000\n");
    assert_int_equal(goleak_decoder_finish(decoder, &error), GOLEAK_OK);
    event = next();
    assert_non_null(event);
    assert_int_equal(event->kind, GOLEAK_EVENT_PARK); /* nothing is put in order */
    assert_int_equal(event->position, 1);
    assert_int_equal(event->time_ns, 2000);
    assert_int_equal(event->reason, 6);
    event = next();
    assert_int_equal(event->kind, GOLEAK_EVENT_CREATE);
    assert_int_equal(event->g, 0xc000102000);
    assert_int_equal(event->other_g, 0xc000002380);
    assert_string_equal(goleak_decoder_name(decoder, event->name), "main.f[go.shape.struct { X string }]");
    assert_string_equal(goleak_decoder_frame(decoder, event->stack, 0), "runtime.newproc+0x3f");
    assert_string_equal(goleak_decoder_frame(decoder, event->stack, 1), "main.main+0x10");
    assert_null(goleak_decoder_frame(decoder, event->stack, 2));
    event = next();
    assert_int_equal(event->kind, GOLEAK_EVENT_OTHER);
    assert_string_equal(goleak_decoder_name(decoder, event->name), "casgstatus");
    assert_null(next());
    assert_null(next()); /* and again */
}

/* Feeding and taking alternate; what was not taken is kept. */
static void events_may_be_taken_between_feeds(void **state)
{
    char line[128];
    uint64_t fed = 0, taken = 0;
    (void)state;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 37; i++) {
            snprintf(line, sizeof line, "execute: goroutine=c%09llx ts=%llu\n",
                     (unsigned long long)(fed + 1), (unsigned long long)(fed + 1));
            fed++;
            feed(line);
        }
        for (int i = 0; i < 20; i++) {
            const struct goleak_event *event = next();
            if (event == NULL)
                break;
            assert_int_equal(event->g, 0xc000000000 + ++taken);
            assert_int_equal(event->time_ns, taken);
            assert_int_equal(event->position, taken);
        }
    }
    assert_int_equal(goleak_decoder_finish(decoder, &error), GOLEAK_OK);
    for (const struct goleak_event *event; (event = next()) != NULL;)
        assert_int_equal(event->g, 0xc000000000 + ++taken);
    assert_int_equal(taken, fed);
}

static void an_empty_input_is_told(void **state)
{
    (void)state;
    assert_int_equal(goleak_decoder_finish(decoder, &error), GOLEAK_E_EMPTY);
    assert_int_equal(error.status, GOLEAK_E_EMPTY);
    assert_null(next());
}

static void what_is_no_recording_is_told(void **state)
{
    (void)state;
    feed("PERFILE2 and more\n");
    assert_int_equal(goleak_decoder_finish(decoder, &error), GOLEAK_E_FORMAT);
    assert_non_null(strstr(error.message, "perf script"));
    assert_int_equal(goleak_decoder_feed(decoder, "x", 1, &error), GOLEAK_E_FORMAT); /* it sticks */
}

static void feeding_behind_the_end_is_misuse(void **state)
{
    (void)state;
    feed("END: count=0 blocked_count=0\n");
    assert_int_equal(goleak_decoder_finish(decoder, &error), GOLEAK_OK);
    assert_int_equal(goleak_decoder_feed(decoder, "x", 1, &error), GOLEAK_E_USAGE);
    assert_int_equal(next()->kind, GOLEAK_EVENT_COUNTERS); /* no harm done */
}

static void no_name_is_an_empty_text(void **state)
{
    (void)state;
    assert_string_equal(goleak_decoder_name(decoder, 0), "");
    assert_null(goleak_decoder_frame(decoder, 0, 0));
}

/* A line for each event that is there. */
static void take_events(struct goleak_decoder *from, struct bytes *out)
{
    const struct goleak_event *event;
    while (goleak_decoder_next(from, &event) == GOLEAK_OK) {
        const char *frame = goleak_decoder_frame(from, event->stack, 0);
        if ((event->has & GOLEAK_HAS_STACK) == 0)
            assert_int_equal(event->stack, 0);
        if (event->kind == GOLEAK_EVENT_RUN || event->kind == GOLEAK_EVENT_READY || event->kind == GOLEAK_EVENT_END)
            assert_int_equal(event->name, 0);
        bytes_format(out, "%s %x %llu %s %s %llx\n", goleak_event_kind_name(event->kind), event->has,
                     (unsigned long long)event->position, goleak_decoder_name(from, event->name),
                     frame != NULL ? frame : "-", (unsigned long long)(event->has & GOLEAK_HAS_G ? event->g : 0));
    }
}

static void decode(const struct bytes *recording, size_t step, struct bytes *out)
{
    struct goleak_decoder *own;
    assert_int_equal(goleak_decoder_new(&own, NULL, &error), GOLEAK_OK);
    for (size_t at = 0; at < recording->size; at += step) {
        size_t left = recording->size - at;
        assert_int_equal(goleak_decoder_feed(own, recording->data + at, left < step ? left : step, &error), GOLEAK_OK);
        take_events(own, out);
    }
    enum goleak_status status = goleak_decoder_finish(own, &error); /* one has messages alone */
    assert_true(status == GOLEAK_OK || status == GOLEAK_E_NOEVENTS);
    take_events(own, out);
    goleak_decoder_free(own);
}

/* Some readers have a short way for what is usual, and which events take it depends on the pieces. */
static void pieces_change_no_event(void **state)
{
    struct bytes recording = { 0 };
    (void)state;
    for (size_t i = 0; recording_get(i, &recording) != NULL; i++) {
        struct bytes whole = { 0 }, pieces = { 0 };
        decode(&recording, recording.size, &whole);
        decode(&recording, 777, &pieces);
        assert_int_equal(pieces.size, whole.size);
        assert_memory_equal(pieces.data, whole.data, whole.size);
        bytes_free(&whole);
        bytes_free(&pieces);
        bytes_clear(&recording);
    }
    bytes_free(&recording);
}

static void options_are_checked_before_they_are_used(void **state)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_decoder *refused;
    (void)state;
    options.input_format = "dtraec";
    assert_int_equal(goleak_decoder_new(&refused, &options, &error), GOLEAK_E_USAGE);
    assert_null(refused);
    options.input_format = NULL;
    options.size = 0;
    assert_int_equal(goleak_decoder_new(&refused, &options, &error), GOLEAK_E_USAGE);
    assert_null(refused);
}

/* Events that nobody takes count for the limit too. */
static void the_memory_limit_holds(void **state)
{
    struct fail_alloc heap;
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_decoder *small;
    enum goleak_status status = GOLEAK_OK;
    (void)state;
    fail_alloc_init(&heap, 0, false);
    options.allocator = &heap.allocator;
    options.max_memory_bytes = (uint64_t)4 << 20;
    assert_int_equal(goleak_decoder_new(&small, &options, &error), GOLEAK_OK);
    for (unsigned i = 0; i < 200000 && status == GOLEAK_OK; i++)
        status = goleak_decoder_feed(small, "execute: goroutine=c000102000 ts=5\n", 35, &error);
    assert_int_equal(status, GOLEAK_E_LIMIT);
    assert_non_null(strstr(error.message, "--max-memory"));
    assert_true(heap.peak_bytes <= (size_t)4 << 20);
    goleak_decoder_free(small);
    assert_true(fail_alloc_is_clean(&heap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_come_as_the_recording_has_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(events_may_be_taken_between_feeds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_input_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_recording_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(feeding_behind_the_end_is_misuse, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_name_is_an_empty_text, set_up, tear_down),
        cmocka_unit_test(pieces_change_no_event),
        cmocka_unit_test(options_are_checked_before_they_are_used),
        cmocka_unit_test(the_memory_limit_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
