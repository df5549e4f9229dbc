/* test_gotrace_v2 - damage between the batches of a Go trace v2, and the way behind it. */
#include "support/reading.h"

#include <stdio.h>

#include "format/gotrace_v2.h"
#include "support/trace_text.h"

static struct bytes trace, want;
static struct goleak_health_book want_book;

static int tear_down(void **state)
{
    bytes_free(&trace);
    bytes_free(&want);
    return reading_tear_down(state);
}

static void add(const char *text)
{
    char why[TRACE_TEXT_WHY];
    struct bytes more = { 0 };
    if (!trace_text(text, &more, why))
        fail_msg("%s", why);
    bool header = trace.size == 0;
    bytes_add(&trace, more.data + (header ? 0 : 16), more.size - (header ? 0 : 16));
    bytes_free(&more);
}

static void add_front(void)
{
    add("Trace Go1.26\nEventBatch 3 -1 0\nSync\nFrequency 15625000\nClockSnapshot 0 0 0 0\n"
        "EventBatch 3 1 0\nProcStatus 0 0 1\nGoStatus 0 1 1 2\n");
}

static void add_back(void)
{
    add("Trace Go1.26\nEventBatch 3 1 10\nGoDestroy 1\nEventBatch 3 -1 0\nStrings\nString 1 data=\"x\"\n"
        "EndOfGeneration\n");
}

/* What begins no batch, or one that is not followed by another. */
static void add_noise(size_t size)
{
    for (; size >= 16; size -= 16)
        bytes_add(&trace, "\x77\x01\x03\x01\x05\x80\x34\x01\x03\x02\x00\x02\x09\x00\x34\x34", 16);
    bytes_add(&trace, "\x77\x01\x03\x01\x05\x80\x34\x01\x03\x02\x00\x02\x09\x00\x34", size);
}

static void read_damaged(uint64_t events, const char *detail)
{
    static const size_t steps[] = { 1, 7, 4096, 0 };
    for (size_t i = 0; i < 2 * sizeof steps / sizeof *steps; i++) {
        reading_file = i >= sizeof steps / sizeof *steps ? &trace : NULL;
        if ((steps[i % 4] == 1 && trace.size > 10000) || (steps[i % 4] == 7 && trace.size > 4000000))
            continue;
        reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, steps[i % 4]);
        assert_int_equal(reading.status, GOLEAK_OK);
        assert_int_equal(reading.facts.events, events);
        assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_records), 1);
        assert_non_null(strstr(reading.book.entries[GOLEAK_HEALTH_damaged_records].detail, detail));
    }
}

static void behind_damage_the_next_batch_is_found(void **state)
{
    (void)state;
    add_front();
    add_noise(1000);
    add_back();
    read_damaged(3, "found the byte 0x77, expected a batch; 1000 bytes were left out");
}

static void what_is_far_is_not_looked_for(void **state)
{
    (void)state;
    add_front();
    add_noise((1 << 24) - 16);
    add_back();
    read_damaged(3, "; 16777200 bytes were left out");
    bytes_free(&trace);
    add_front();
    add_noise((1 << 24) + 16);
    add_back();
    read_damaged(2, "found the byte 0x77, expected a batch; what follows cannot be read");
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
}

/* Events whose bytes look like batches, one behind the other: "GoStatus of …" is no time of this trace. */
static void what_looks_like_batches_is_not_the_way(void **state)
{
    (void)state;
    add("Trace Go1.26\nEventBatch 3 -1 35960345161\nSync\nFrequency 15625000\nClockSnapshot 0 0 0 0\n"
        "EventBatch 3 1 35960345170\nProcStatus 1 0 1\nGoStatus 1 1 1 2\n");
    size_t size = trace.size;
    bytes_add(&trace, "\x77", 1);
    for (unsigned i = 0; i < 50; i++)
        bytes_add(&trace, "\x01\x03\x14\x13\x03\x14\x01\x09\x01\x03\x1a\x13\x02\x15\x01", 15);
    size = trace.size - size;
    add("Trace Go1.26\nEventBatch 3 1 35960345180\nGoDestroy 1\nEventBatch 3 -1 35960345161\nStrings\n"
        "String 1 data=\"x\"\nEndOfGeneration\n");
    char detail[80];
    snprintf(detail, sizeof detail, "found the byte 0x77, expected a batch; %zu bytes were left out", size);
    read_damaged(3, detail);
}

static void another_generation_is_not_the_way(void **state)
{
    (void)state;
    add_front();
    add_noise(1);
    add("Trace Go1.26\nEventBatch 9 1 10\nGoDestroy 1\nEventBatch 9 1 10\nGoDestroy 1\n");
    read_damaged(2, "what follows cannot be read");
}

/* A batch of another generation seems to be cut, but others begin within it: what is wrong with those is told. */
static void a_cut_that_is_damage_hides_none(void **state)
{
    (void)state;
    add("Trace Go1.26\nEventBatch 4 1 1000\nProcStatus 1 0 2\nEventBatch 4 -1 1000\nFrequency 15625000\n");
    add("Trace Go1.26\nEventBatch 6 1 1000 size=65000\n");
    for (unsigned i = 0; i < 5; i++) {
        char text[100];
        snprintf(text, sizeof text, "Trace Go1.26\nEventBatch 6 %u %u\nProcStatus 1 %u 2\nRaw 200 1\n", 10 + i,
                 1000 + i, i + 1);
        add(text);
    }
    reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 0);
    assert_int_equal(reading.status, GOLEAK_OK);
    /* A generation is left out, two have no clock, the batch itself, and five events of no type. */
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_records), 9);
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
}

/* Of the clock, once, and not of each event that it cannot tell any more. */
static void a_time_that_is_too_late_is_told(void **state)
{
    (void)state;
    add("Trace Go1.26\nEventBatch 3 -1 0\nSync\nFrequency 1000\nClockSnapshot 0 0 0 0\n"
        "EventBatch 3 1 0\nProcStatus 1 0 1\nGoStatus 1 1 1 2\nGoCreate 4611686018427387904 7 0 0\nGoDestroy 1\n"
        "EventBatch 3 -1 0\nStrings\nString 1 data=\"x\"\nEndOfGeneration\n");
    for (int i = 0; i < 2; i++) {
        reading_file = i == 0 ? NULL : &trace;
        reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 0);
        assert_int_equal(reading_count(GOLEAK_HEALTH_clock_jumps), 1);
        assert_non_null(strstr(reading.book.entries[GOLEAK_HEALTH_clock_jumps].detail, "285 years"));
        assert_non_null(strstr(reading.events.data, "ts=9223372036854775807"));
    }
    reading_file = NULL;
}

/* What analyses read of the runtime's own events is the same as in v1: values, texts, stacks. */
static void the_runtimes_events_have_their_values(void **state)
{
    (void)state;
    add("Trace Go1.26\nEventBatch 3 -1 0\nSync\nFrequency 15625000\nClockSnapshot 0 0 0 0\n"
        "EventBatch 3 77 0\nProcStatus 1 5 2\nProcStart 1 5 1\nGoStatus 1 1 77 2\nProcsChange 1 4 1\nGCBegin 1 9 1\n"
        "STWBegin 1 2 1\nGCSweepBegin 1 1\nGCSweepEnd 1 8192 4096\nUserTaskBegin 1 6 3 2 1\nUserTaskEnd 1 6 1\n"
        "UserRegionBegin 1 6 2 1\nUserLog 1 6 2 2 1\nGoLabel 1 2\nSpanAlloc 1 1 2 3\nHeapAlloc 1 4096\n"
        "GoStop 1 2 1\nGoStart 1 1 1\nGoSyscallBegin 1 2 1\n"
        "EventBatch 3 78 20\nProcSteal 1 5 3 77\nProcStart 1 5 4\nProcStop 1\n"
        "EventBatch 3 -1 9\nStacks\nStack 1\npc=1 func=3 file=4 line=5\nEventBatch 3 -1 0\nStrings\n"
        "String 2 data=\"text\"\nString 3 data=\"main.f\"\nString 4 data=\"/f.go\"\nEndOfGeneration\n");
    reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 0);
    /* 9 is the number of "text". */
    assert_string_equal(reading.events.data,
                        "64 runtime ts=64 lock=5 chan=2 elem=4d\n"
                        "68 runtime ts=128 lock=5 chan=4d\n"
                        "72 status g=4000000000000001 goid=1 ts=192 status=2 fn=runtime.main\n"
                        "77 runtime by=4000000000000001 bygoid=1 ts=256 lock=4 [main.f /f.go:5]\n"
                        "81 runtime by=4000000000000001 bygoid=1 ts=320 lock=9 [main.f /f.go:5]\n"
                        "85 runtime by=4000000000000001 bygoid=1 ts=384 lock=9 [main.f /f.go:5]\n"
                        "89 runtime by=4000000000000001 bygoid=1 ts=448 [main.f /f.go:5]\n"
                        "92 runtime by=4000000000000001 bygoid=1 ts=512 lock=2000 chan=1000\n"
                        "98 runtime by=4000000000000001 bygoid=1 ts=576 lock=6 chan=3 elem=9 [main.f /f.go:5]\n"
                        "104 runtime by=4000000000000001 bygoid=1 ts=640 lock=6 [main.f /f.go:5]\n"
                        "108 runtime by=4000000000000001 bygoid=1 ts=704 lock=6 chan=9 [main.f /f.go:5]\n"
                        "113 runtime by=4000000000000001 bygoid=1 ts=768 lock=6 chan=9 elem=9 [main.f /f.go:5]\n"
                        "119 runtime by=4000000000000001 bygoid=1 ts=832 lock=9\n"
                        "122 runtime by=4000000000000001 bygoid=1 ts=896 lock=1 chan=2 elem=3\n"
                        "127 runtime by=4000000000000001 bygoid=1 ts=960 lock=1000\n"
                        "131 yield g=4000000000000001 goid=1 ts=1024 [main.f /f.go:5]\n"
                        "135 run g=4000000000000001 goid=1 ts=1088\n"
                        "139 syscall g=4000000000000001 goid=1 ts=1152 [main.f /f.go:5]\n"
                        "157 runtime ts=1344 lock=5 chan=4d elem=4e\n"
                        "162 runtime ts=1408 lock=5 chan=4e\n"
                        "166 runtime ts=1472 lock=5 chan=4e\n");
    reading_expect_healthy();
}

/* ---- from a file that can be read again ---- */

/* In pieces of this size it says the same as when all of it is kept. */
static void read_both_ways(size_t step)
{
    reading_file = NULL;
    reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, step);
    bytes_clear(&want);
    bytes_add(&want, reading.events.data, reading.events.size);
    want_book = reading.book;
    reading_file = &trace;
    reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, step);
    assert_int_equal(reading.status, GOLEAK_OK);
    assert_string_equal(reading.events.data, want.data);
    for (int id = 0; id < GOLEAK_HEALTH_COUNT; id++) {
        const struct goleak_health_entry *got = &reading.book.entries[id], *wanted = &want_book.entries[id];
        assert_int_equal(got->count, wanted->count);
        assert_int_equal(got->offset, wanted->offset);
        assert_string_equal(got->detail, wanted->detail);
    }
}

#define EVENTS (2 * (7 + 4 * 70) + 5)

/* So many that a batch of them is large enough to be read again. */
static void add_allocations(struct bytes *text)
{
    for (unsigned i = 0; i < 70; i++)
        bytes_format(text, "HeapAlloc 1 %u\n", 4096 + i);
}

/* Two generations of two threads in batches that alternate, tables between and behind them. */
static void add_two_generations(void)
{
    add("Trace Go1.26\n");
    for (unsigned gen = 3; gen <= 4; gen++) {
        struct bytes text = { 0 };
        bytes_format(&text, "Trace Go1.26\nEventBatch %u 1 0\nProcStatus 0 0 1\nGoStatus 0 1 1 2\nGoCreate 1 %u 1 1\n",
                     gen, gen * 5);
        add_allocations(&text);
        bytes_format(&text, "EventBatch %u -1 0\nStacks\nStack 1\npc=1 func=1 file=1 line=1\n", gen);
        bytes_format(&text, "EventBatch %u 2 200\nProcStatus 0 1 1\nGoStart 1 %u 1\nGoBlock 1 11 1\n", gen, gen * 5);
        add_allocations(&text);
        bytes_format(&text, "EventBatch %u -1 0\nSync\nFrequency 15625000\nClockSnapshot 0 0 0 0\n", gen);
        bytes_format(&text, "EventBatch %u 1 400\nGoUnblock 1 %u 2 1\nGoCreate 1 %u 1 1\n", gen, gen * 5, gen * 5 + 1);
        add_allocations(&text);
        bytes_format(&text, "EventBatch %u 2 600\nGoStart 1 %u 3\nGoDestroy 1\n", gen, gen * 5);
        add_allocations(&text);
        bytes_format(&text, "EventBatch %u -1 0\nStrings\nString 1 data=\"main.f\"\nString 11 data=\"select\"\n"
                            "EndOfGeneration\n", gen);
        add(text.data);
        bytes_free(&text);
    }
}

static void a_file_is_read_again_in_place_of_being_kept(void **state)
{
    (void)state;
    add_two_generations();
    for (size_t step = 1; step < 1500; step += 1 + step / 4)
        read_both_ways(step);
    reading_expect_healthy();
    assert_int_equal(reading.facts.events, EVENTS);
    size_t size = trace.size;
    for (trace.size = 17; trace.size < size; trace.size += 11) /* one that was cut before */
        read_both_ways(64);
    trace.size = size;
}

static void what_is_not_there_any_more_is_told(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    uint64_t least = EVENTS;
    add_two_generations();
    bytes_add(&file, trace.data, trace.size);
    for (; file.size != 0; file.size -= file.size > 5 ? 5 : file.size) {
        reading_file = &file;
        reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 1);
        assert_int_equal(reading.status, GOLEAK_OK);
        assert_true(reading.facts.events <= least);
        least = reading.facts.events;
        const struct goleak_health_entry *entry = &reading.book.entries[GOLEAK_HEALTH_damaged_records];
        if (entry->count == 0)
            continue;
        assert_non_null(strstr(entry->detail, "found fewer bytes of a batch than were there before"));
        assert_true(entry->offset >= file.size);
    }
    assert_int_equal(least, 0);
    bytes_free(&file);
}

/* Somebody writes to it meanwhile: what stands there now is read with as much care. */
static void what_has_changed_meanwhile_is_any_input(void **state)
{
    (void)state;
    struct bytes file = { 0 };
    add_two_generations();
    bytes_add(&file, trace.data, trace.size);
    reading_file = &file;
    for (size_t at = 16; at < file.size; at += at % 200 < 40 ? 1 : 7)
        for (int value = 0; value < 256; value += 51) {
            file.data[at] = (char)value;
            reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 100);
            assert_int_equal(reading.status, GOLEAK_OK);
            file.data[at] = trace.data[at];
        }
    memset(file.data, 0x80, file.size);
    reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 1);
    assert_int_equal(reading.status, GOLEAK_OK);
    assert_int_equal(reading.facts.events, 0);
    bytes_free(&file);
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    add_two_generations();
    reading_file = &trace;
    reading_fail_each_of(&goleak_format_gotrace_v2, trace.data, trace.size, 100);
    assert_int_equal(reading.facts.events, EVENTS);
}

/* Whatever a flipped bit makes of it: it is read to its end. */
static void any_byte_may_be_any_other(void **state)
{
    (void)state;
    add_front();
    add("Trace Go1.26\nEventBatch 3 1 5\nGoCreate 1 5 1 1\nGoCreateBlocked 1 6 1 1\nGoSwitch 1 6 1\n"
        "GoSyscallBegin 1 1 1\nGoSyscallEnd 1\nGoBlock 1 11 1\nGoStart 1 5 1\nGoUnblock 1 6 2 1\nHeapAlloc 1 9\n"
        "EventBatch 3 -1 9\nGoStatusStack 1 7 -1 4 1\nEventBatch 3 -1 0\nStacks\nStack 1\npc=1 func=1 file=1 line=1\n");
    add_back();
    for (size_t at = 16; at < trace.size; at++) {
        char byte = trace.data[at];
        for (int value = 0; value < 256; value += at % 3 == 0 ? 1 : 5) {
            trace.data[at] = (char)value;
            reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 0);
            assert_int_equal(reading.status, GOLEAK_OK);
        }
        trace.data[at] = byte;
    }
}

/* Nobody has goid 0, but a slot that is free: 256 falls on one place with it, and has ended. What is damaged names it, and
 * how often it was started, which is no slot. */
static void nobody_is_found_by_a_goid_of_none(void **state)
{
    (void)state;
    add("Trace Go1.26\nEventBatch 3 -1 0\nSync\nFrequency 15625000\nClockSnapshot 0 0 0 0\n"
        "EventBatch 3 1 0\nProcStatus 0 0 1\nGoStatus 0 256 1 2\nGoDestroy 1\n"
        "GoUnblock 1 0 1000000000 0\nGoCreate 1 300 0 0\nGoCreate 1 301 0 0\nGoCreate 1 302 0 0\n"
        "EventBatch 3 -1 0\nStrings\nString 1 data=\"x\"\nEndOfGeneration\n");
    reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, 0);
    assert_int_equal(reading.status, GOLEAK_OK);
    assert_int_equal(reading.facts.events, 6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, reading_set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(behind_damage_the_next_batch_is_found),
        TEST(what_is_far_is_not_looked_for),
        TEST(what_looks_like_batches_is_not_the_way),
        TEST(another_generation_is_not_the_way),
        TEST(a_cut_that_is_damage_hides_none),
        TEST(a_time_that_is_too_late_is_told),
        TEST(the_runtimes_events_have_their_values),
        TEST(a_file_is_read_again_in_place_of_being_kept),
        TEST(what_is_not_there_any_more_is_told),
        TEST(what_has_changed_meanwhile_is_any_input),
        TEST(memory_may_end_anywhere),
        TEST(any_byte_may_be_any_other),
        TEST(nobody_is_found_by_a_goid_of_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
