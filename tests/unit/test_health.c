/* test_health - complaints are counted, and the first keeps its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/health.h"

static struct goleak_health_book book;

static int set_up(void **state)
{
    (void)state;
    memset(&book, 0, sizeof book);
    return 0;
}

static void the_first_keeps_its_place_and_all_are_counted(void **state)
{
    struct goleak_health health;
    (void)state;
    book.source.input = "a.txt";
    assert_true(goleak_health_is_first(&book, GOLEAK_HEALTH_damaged_lines));
    goleak_health_note(&book, GOLEAK_HEALTH_damaged_lines, 1, 7, 14, 0, "found goid=%s", "x");
    assert_false(goleak_health_is_first(&book, GOLEAK_HEALTH_damaged_lines));
    book.source.input = "b.txt";
    goleak_health_note(&book, GOLEAK_HEALTH_damaged_lines, 5, 99, 1, 0, "something else");
    goleak_health_get(&book, GOLEAK_HEALTH_damaged_lines, &health);
    assert_int_equal(health.count, 6);
    assert_string_equal(health.input, "a.txt");
    assert_int_equal(health.line, 7);
    assert_int_equal(health.column, 14);
    assert_string_equal(health.detail, "found goid=x");
    assert_true(health.hurts);
    assert_string_equal(health.name, "damaged_lines");
}

static void what_was_never_noted_has_no_place(void **state)
{
    struct goleak_health health;
    (void)state;
    goleak_health_note(&book, GOLEAK_HEALTH_truncated, 1, 0, 0, 512, "cut");
    goleak_health_get(&book, GOLEAK_HEALTH_truncated, &health);
    assert_int_equal(health.offset, 512);
    goleak_health_get(&book, GOLEAK_HEALTH_lost_events, &health);
    assert_int_equal(health.count, 0);
    assert_null(health.detail);
    assert_null(health.input);
}

static void an_event_stands_in_a_line_or_at_an_offset(void **state)
{
    struct goleak_health health;
    (void)state;
    goleak_health_note_at(&book, GOLEAK_HEALTH_double_parks, 2, 77, "%s", "twice");
    goleak_health_get(&book, GOLEAK_HEALTH_double_parks, &health);
    assert_int_equal(health.count, 2);
    assert_int_equal(health.line, 77);
    assert_int_equal(health.offset, 0);
    assert_string_equal(health.detail, "twice");
    book.source.offsets = true;
    goleak_health_note_at(&book, GOLEAK_HEALTH_seen_twice, 1, 77, "again");
    goleak_health_get(&book, GOLEAK_HEALTH_seen_twice, &health);
    assert_int_equal(health.line, 0);
    assert_int_equal(health.offset, 77);
}

static void every_complaint_has_a_name_of_its_own_and_a_meaning(void **state)
{
    struct goleak_health one, other;
    (void)state;
    for (int i = 0; i < GOLEAK_HEALTH_COUNT; i++) {
        goleak_health_get(&book, (enum goleak_health_id)i, &one);
        assert_true(strlen(one.name) > 3 && strlen(one.meaning) > 20);
        for (int k = 0; k < i; k++) {
            goleak_health_get(&book, (enum goleak_health_id)k, &other);
            assert_string_not_equal(one.name, other.name);
        }
    }
}

static void a_long_sentence_is_cut_and_still_the_first(void **state)
{
    char text[1000];
    struct goleak_health health;
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    goleak_health_note(&book, GOLEAK_HEALTH_unknown_lines, 1, 1, 1, 0, "%s", text);
    goleak_health_note(&book, GOLEAK_HEALTH_unknown_lines, 1, 2, 1, 0, "short");
    goleak_health_get(&book, GOLEAK_HEALTH_unknown_lines, &health);
    assert_int_equal(health.line, 1);
    assert_int_equal(strlen(health.detail), sizeof book.entries[0].detail - 1);
}

static void what_is_lost_or_cut_makes_a_capture_incomplete(void **state)
{
    static const enum goleak_health_id incomplete[] = { GOLEAK_HEALTH_lost_events, GOLEAK_HEALTH_truncated,
                                                        GOLEAK_HEALTH_damaged_lines, GOLEAK_HEALTH_damaged_frames,
                                                        GOLEAK_HEALTH_recorder_errors };
    (void)state;
    goleak_health_note(&book, GOLEAK_HEALTH_unknown_lines, 1, 1, 1, 0, "nGoro = 3");
    goleak_health_note(&book, GOLEAK_HEALTH_reordered, 1, 1, 1, 0, "late");
    goleak_health_note(&book, GOLEAK_HEALTH_counter_mismatch, 1, 1, 1, 0, "drift");
    assert_true(goleak_health_complete(&book));
    for (size_t i = 0; i < sizeof incomplete / sizeof *incomplete; i++) {
        set_up(state);
        goleak_health_note(&book, incomplete[i], 1, 1, 1, 0, "it");
        assert_false(goleak_health_complete(&book));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_keeps_its_place_and_all_are_counted, set_up),
        cmocka_unit_test_setup(what_was_never_noted_has_no_place, set_up),
        cmocka_unit_test_setup(an_event_stands_in_a_line_or_at_an_offset, set_up),
        cmocka_unit_test_setup(every_complaint_has_a_name_of_its_own_and_a_meaning, set_up),
        cmocka_unit_test_setup(a_long_sentence_is_cut_and_still_the_first, set_up),
        cmocka_unit_test_setup(what_is_lost_or_cut_makes_a_capture_incomplete, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
