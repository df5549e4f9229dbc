/* test_pack - events come out as they went in, whatever is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "replay/pack.h"
#include "support/generate.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void expect_equal(const struct goleak_event *a, const struct goleak_event *b)
{
    assert_memory_equal(a, b, offsetof(struct goleak_event, depth) + 1);
}

/* Into a block that ends where the bytes do. */
static size_t round_trip(const struct goleak_event *events, size_t count)
{
    unsigned char *room = malloc(GOLEAK_PACK_ROOM(count));
    struct goleak_event *out = malloc((count + 1) * sizeof *out);
    assert_non_null(room);
    assert_non_null(out);
    memset(out, 0x5a, (count + 1) * sizeof *out);
    size_t size = goleak_pack(events, count, room);
    unsigned char *packed = malloc(size + GOLEAK_PACK_BEHIND);
    assert_non_null(packed);
    memcpy(packed, room, size + GOLEAK_PACK_BEHIND);
    goleak_unpack(packed, count, out);
    for (size_t i = 0; i < count; i++)
        expect_equal(&events[i], &out[i]);
    for (size_t i = 0; i < sizeof *out; i++)
        assert_int_equal(((unsigned char *)&out[count])[i], 0x5a);
    free(packed);
    free(out);
    free(room);
    return size;
}

static void none_take_nothing(void **state)
{
    (void)state;
    assert_int_equal(round_trip(NULL, 0), 0);
}

static void every_member_comes_back(void **state)
{
    struct goleak_event events[2 * sizeof(struct goleak_event)];
    (void)state;
    memset(events, 0, sizeof events);
    for (size_t i = 0; i <= offsetof(struct goleak_event, depth); i++) {
        memset((char *)&events[2 * i] + i, 0xff, 1);
        memset((char *)&events[2 * i + 1] + i, 0x80, 1);
    }
    round_trip(events, COUNT(events));
}

static void the_largest_numbers_fit(void **state)
{
    struct goleak_event events[4];
    (void)state;
    memset(events, 0, sizeof events);
    memset(&events[0], 0xff, sizeof events[0]);
    memset(&events[2], 0xff, sizeof events[2]);
    assert_true(round_trip(events, COUNT(events)) <= GOLEAK_PACK_ROOM(COUNT(events)) - GOLEAK_PACK_BEHIND);
}

static void any_bytes_come_back(void **state)
{
    struct goleak_event events[GOLEAK_BATCH_EVENTS];
    uint64_t seed = 20261128;
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof events; i++)
            ((unsigned char *)events)[i] = generate_random(&seed) % 3 == 0 ? (unsigned char)generate_random(&seed) : 0;
        round_trip(events, generate_below(&seed, GOLEAK_BATCH_EVENTS + 1));
    }
}

/* What it is for: parks of a few goroutines, one after the other. */
static void usual_events_take_a_fifth(void **state)
{
    struct goleak_event events[GOLEAK_BATCH_EVENTS];
    (void)state;
    for (size_t i = 0; i < COUNT(events); i++)
        events[i] = (struct goleak_event) { .kind = GOLEAK_EVENT_PARK,
                                            .reason = 7,
                                            .has = GOLEAK_HAS_TIME | GOLEAK_HAS_G | GOLEAK_HAS_GOID,
                                            .g = 0xc000000000 + i * 7919 % 1000 * 896,
                                            .goid = i * 7919 % 1000,
                                            .time_ns = 1000000000000 + (int64_t)i * 10000,
                                            .position = 1000 + 12 * i,
                                            .tid = 1234,
                                            .pid = 1230 };
    assert_true(round_trip(events, COUNT(events)) * 5 < sizeof events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_take_nothing),         cmocka_unit_test(every_member_comes_back),
        cmocka_unit_test(the_largest_numbers_fit),   cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(usual_events_take_a_fifth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
