/* test_stacktext - tracers' frames, in the one spelling of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "format/stacktext.h"
#include "support/fail_alloc.h"

#include <stdio.h>

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_symbols symbols;
static struct goleak_stacktext stacktext;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_symbols_init(&symbols, &alloc);
    goleak_stacktext_init(&stacktext, &symbols, &alloc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_stacktext_release(&stacktext);
    goleak_symbols_release(&symbols);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static void add(const char *line)
{
    goleak_stacktext_add(&stacktext, line, line + strlen(line));
}

static uint32_t take(void)
{
    uint32_t stack = 12345;
    assert_true(goleak_stacktext_take(&stacktext, &stack));
    return stack;
}

/* The frames of a stack, leaf first, with ';' between. */
static const char *frames_of(uint32_t stack)
{
    static char text[1024];
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(&symbols, stack, &frames);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        strcat(strcat(text, i != 0 ? ";" : ""), goleak_symbols_frame_text(&symbols, frames[i]));
    return text;
}

static bool is_frame(const char *line)
{
    return goleak_stacktext_is_frame(line, line + strlen(line));
}

static void dtrace_prints_modules_and_hexadecimal_offsets(void **state)
{
    (void)state;
    add("              lab126dyn`runtime.newproc.func1+0x25");
    add("              lab126dyn`main.Gather+0x9e");
    add("              lab126dyn`runtime.rt0_go.abi0");  /* offset 0 */
    add("              0x4531a0");                       /* no symbol */
    add("              lab126dyn`0x4531b0");             /* no symbol, but its module */
    assert_string_equal(frames_of(take()),
                        "runtime.newproc.func1+0x25;main.Gather+0x9e;runtime.rt0_go.abi0+0x0;0x4531a0;0x4531b0");
}

static void expect_ends(uint64_t leaf, uint64_t root)
{
    uint64_t at[2] = { 1, 1 };
    goleak_stacktext_ends(&stacktext, &at[0], &at[1]);
    assert_int_equal(at[0], leaf);
    assert_int_equal(at[1], root);
    take();
}

static void the_ends_of_a_stack_are_addresses_or_nothing(void **state)
{
    (void)state;
    expect_ends(0, 0);
    add("        0x55c0b1a9a5ae");
    expect_ends(0x55c0b1a9a5ae, 0); /* it is the leaf */
    add("        0x55c0b1a9a5ae");
    add("        main.f+1");
    add("        0x55c0b1aa2481");
    expect_ends(0x55c0b1a9a5ae, 0x55c0b1aa2481);
    add("        runtime.gopark+206");
    add("        app`0x55c0b1aa2481");
    expect_ends(0, 0x55c0b1aa2481);
    add("\t          8275ae [unknown] (/srv/app)"); /* places in a file */
    add("\t          82f481 [unknown] (/srv/app)");
    expect_ends(0, 0);
}

/* Whatever the path holds. */
static void a_files_name_may_have_brackets(void **state)
{
    static const char *const names[] = { "(/srv/lab (copy))", "(/srv/x (1)/lab)", "(/srv/)lab)", "(/srv/+0x1 (a)" };
    struct goleak_frame_text frame;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char line[128];
        snprintf(line, sizeof line, "\t          86ae0 main.Gather+0x45 %s", names[i]);
        assert_true(goleak_stacktext_split(line, line + strlen(line), &frame));
        assert_int_equal(frame.size, strlen("main.Gather"));
        assert_int_equal(frame.offset, 0x45);
        assert_int_equal(frame.object_size, strlen(names[i]) - 2);
        assert_memory_equal(frame.object, names[i] + 1, frame.object_size);
        snprintf(line, sizeof line, "\t          86ae0 [unknown] %s", names[i]);
        assert_true(goleak_stacktext_split(line, line + strlen(line), &frame));
        assert_int_equal(frame.size, 0);
        assert_memory_equal(frame.object, names[i] + 1, frame.object_size);
    }
}

static void what_is_forgotten_is_read_again(void **state)
{
    const char block[] = "        0x55c0b1a9a5ae\n        0x55c0b1aa2481\n"
                         "next: line that is longer than all of what is looked at, and longer than that, too";
    const char *end = block + sizeof block - 1;
    uint32_t stack;
    size_t lines;
    (void)state;
    add("        0x55c0b1a9a5ae");
    add("        0x55c0b1aa2481");
    uint32_t first = take();
    assert_non_null(goleak_stacktext_known(&stacktext, block, end, 0, &stack, &lines));
    assert_int_equal(stack, first);
    goleak_stacktext_forget(&stacktext);
    assert_null(goleak_stacktext_known(&stacktext, block, end, 0, &stack, &lines));
    add("        0x55c0b1a9a5ae");
    add("        0x55c0b1aa2481");
    assert_int_equal(take(), first);
    assert_non_null(goleak_stacktext_known(&stacktext, block, end, 0, &stack, &lines));
}

static void bpftrace_prints_decimal_offsets(void **state)
{
    (void)state;
    add("        runtime.newproc+63");
    add("        runtime.systemstack.abi0+74");
    add("        0x7f0012");
    assert_string_equal(frames_of(take()), "runtime.newproc+0x3f;runtime.systemstack.abi0+0x4a;0x7f0012");
}

static void both_spellings_make_one_stack(void **state)
{
    (void)state;
    add("              app`runtime.newproc+0x3f");
    add("              app`main.main+0x45");
    uint32_t first = take();
    add("        runtime.newproc+63");
    add("        main.main+69");
    assert_int_equal(take(), first);
    assert_int_not_equal(first, 0);
}

static void symbols_may_hold_blanks_and_pluses(void **state)
{
    (void)state;
    add("              app`main.f[go.shape.struct { X string }].func1+0x10");
    add("              app`main.operator+x+0x7");
    add("        main.g[go.shape.[2]int,go.shape.struct { X string; Y string }]+11");
    assert_string_equal(frames_of(take()),
                        "main.f[go.shape.struct { X string }].func1+0x10;main.operator+x+0x7;"
                        "main.g[go.shape.[2]int,go.shape.struct { X string; Y string }]+0xb");
}

static void taking_ends_a_stack(void **state)
{
    (void)state;
    assert_int_equal(take(), 0); /* none was added */
    add("        main.f+1");
    uint32_t first = take();
    assert_int_equal(take(), 0);
    add("        main.g+1");
    uint32_t second = take();
    assert_int_not_equal(first, second);
    assert_string_equal(frames_of(second), "main.g+0x1");
}

/* The text of a block is taken apart once: a second one costs no new memory. */
static void a_repeated_block_is_not_parsed_again(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        add("              app`main.deep+0x1");
    uint32_t stack = take();
    size_t requests = heap.requests;
    for (int k = 0; k < 100; k++) {
        for (int i = 0; i < 10; i++)
            add("              app`main.deep+0x1");
        assert_int_equal(take(), stack);
    }
    assert_int_equal(heap.requests, requests);
}

static void frames_are_told_from_other_lines(void **state)
{
    (void)state;
    assert_true(is_frame("              app`runtime.newproc+0x3f"));
    assert_true(is_frame("        runtime.newproc+63"));
    assert_true(is_frame("\t0x4531a0"));
    assert_true(is_frame("              app`runtime.gopark"));
    assert_false(is_frame("app`runtime.newproc+0x3f")); /* stands at the margin */
    assert_false(is_frame("runtime.newproc+63"));
    assert_false(is_frame("  some output of the program"));
    assert_false(is_frame("  total 12"));
    assert_false(is_frame("  a+b"));
    assert_false(is_frame("  main.f+0xzz"));
    assert_false(is_frame("  main.f+"));
    assert_false(is_frame("   "));
    assert_false(is_frame(""));
}

static void a_deep_stack_is_whole(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++)
        add(i % 2 != 0 ? "  app`main.even+0x2" : "  app`main.odd+0x1");
    const uint32_t *frames;
    uint32_t stack = take();
    assert_int_equal(goleak_symbols_stack_frames(&symbols, stack, &frames), 500);
    assert_string_equal(goleak_symbols_frame_text(&symbols, frames[499]), "main.even+0x2");
}

static void memory_that_ends_is_told(void **state)
{
    uint32_t stack;
    (void)state;
    heap.fail_at = 1;
    add("  app`main.f+0x1"); /* dropped, and remembered */
    assert_false(goleak_stacktext_take(&stacktext, &stack));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dtrace_prints_modules_and_hexadecimal_offsets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_ends_of_a_stack_are_addresses_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_files_name_may_have_brackets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bpftrace_prints_decimal_offsets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_spellings_make_one_stack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(symbols_may_hold_blanks_and_pluses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(taking_ends_a_stack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_repeated_block_is_not_parsed_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_are_told_from_other_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deep_stack_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_ends_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
