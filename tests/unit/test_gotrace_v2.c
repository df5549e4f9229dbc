/* test_gotrace_v2 - damage between the batches of a Go trace v2, and the way behind it. */
#include "support/reading.h"

#include "format/gotrace_v2.h"
#include "support/trace_text.h"

static struct bytes trace;

static int tear_down(void **state)
{
    bytes_free(&trace);
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
    for (size_t i = 0; i < size; i++)
        bytes_add(&trace, &"\x77\x01\x03\x01\x05\x80\x34\x01\x03\x02\x00\x02\x09\x00\x34\x34"[i % 16], 1);
}

static void read_damaged(uint64_t events, const char *detail)
{
    static const size_t steps[] = { 1, 7, 4096, 0 };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i] == 1 && trace.size > 10000)
            continue;
        reading_pieces(&goleak_format_gotrace_v2, trace.data, trace.size, steps[i]);
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
    add_noise((1 << 20) - 16);
    add_back();
    read_damaged(3, "; 1048560 bytes were left out");
    bytes_free(&trace);
    add_front();
    add_noise((1 << 20) + 16);
    add_back();
    read_damaged(2, "found the byte 0x77, expected a batch; what follows cannot be read");
    assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 1);
}

static void another_generation_is_not_the_way(void **state)
{
    (void)state;
    add_front();
    add_noise(1);
    add("Trace Go1.26\nEventBatch 9 1 10\nGoDestroy 1\nEventBatch 9 1 10\nGoDestroy 1\n");
    read_damaged(2, "what follows cannot be read");
}

/* Whatever a flipped bit makes of it: it is read to its end, and time does not go back. */
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, reading_set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(behind_damage_the_next_batch_is_found),
        TEST(what_is_far_is_not_looked_for),
        TEST(another_generation_is_not_the_way),
        TEST(any_byte_may_be_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
