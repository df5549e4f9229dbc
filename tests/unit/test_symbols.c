/* test_symbols - the one spelling of a frame, and what a stack says at a glance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/symbols.h"
#include "support/fail_alloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_symbols symbols;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_symbols_init(&symbols, &alloc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_symbols_release(&symbols);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

static uint32_t frame(const char *function)
{
    return goleak_symbols_frame(&symbols, function, strlen(function), 0x10, false);
}

/* A stack of these functions, leaf first; "" is a frame without a symbol. */
static uint32_t stack_of(const char *const *functions, size_t count)
{
    uint32_t frames[16];
    assert_true(count <= COUNT(frames));
    for (size_t i = 0; i < count; i++)
        frames[i] = functions[i][0] != '\0' ? frame(functions[i]) : goleak_symbols_address(&symbols, 0x4531a0, false);
    return goleak_symbols_stack(&symbols, frames, count);
}

static const char *created_at(const char *const *functions, size_t count)
{
    uint32_t stack = stack_of(functions, count);
    return goleak_symbols_frame_text(&symbols, goleak_symbols_created_at(&symbols, stack));
}

static const char *created_for(const char *const *functions, size_t count)
{
    uint32_t stack = stack_of(functions, count);
    return goleak_symbols_frame_text(&symbols, goleak_symbols_created_for(&symbols, stack));
}

static const char *blocked_at(const char *const *functions, size_t count)
{
    uint32_t stack = stack_of(functions, count);
    return goleak_symbols_frame_text(&symbols, goleak_symbols_blocked_at(&symbols, stack));
}

/* A creation stack of addresses alone, of a file's (perf) or not. */
static void a_gopc_finds_the_go_statement_without_names(void **state)
{
    (void)state;
    static const uint64_t offsets[] = { 0x44d65, 0x6bc09, 0x4aa34a, 0x43d3fa, 0x4aa062, 0x6ddc1 };
    uint32_t frames[COUNT(offsets)];
    for (size_t i = 0; i < COUNT(offsets); i++)
        frames[i] = goleak_symbols_address(&symbols, offsets[i], true);
    for (size_t most = 4; most <= COUNT(offsets); most += 2) {
        uint32_t kept[COUNT(offsets)];
        memcpy(kept, frames, sizeof kept);
        kept[most - 1] = frames[COUNT(offsets) - 1]; /* goexit, which is no caller */
        const uint32_t stack = goleak_symbols_stack(&symbols, kept, most);
        assert_int_equal(goleak_symbols_created_at(&symbols, stack), frames[0]);
        goleak_symbols_tell_gopc(&symbols, stack, 0x8aa34a);
        assert_int_equal(goleak_symbols_created_at(&symbols, stack), frames[2]);
        assert_int_equal(goleak_symbols_created_for(&symbols, stack), most == 4 ? 0 : frames[3]);
    }
    const uint32_t stack = goleak_symbols_stack(&symbols, frames, COUNT(offsets));
    goleak_symbols_tell_gopc(&symbols, stack, 0x123456);
    assert_int_equal(goleak_symbols_created_at(&symbols, stack), frames[2]);
}

static void a_gopc_changes_nothing_where_names_are_told(void **state)
{
    (void)state;
    static const char *const functions[] = { "runtime.newproc", "main.serve", "main.main" };
    const uint32_t stack = stack_of(functions, COUNT(functions));
    const uint32_t created = goleak_symbols_created_at(&symbols, stack);
    goleak_symbols_tell_gopc(&symbols, stack, 0x10);
    assert_int_equal(goleak_symbols_created_at(&symbols, stack), created);
}

static void frames_have_one_spelling(void **state)
{
    (void)state;
    uint32_t with_offset = goleak_symbols_frame(&symbols, "main.Gather", 11, 0x9e, false);
    uint32_t with_line = goleak_symbols_frame_line(&symbols, "main.Gather", 11, "/src/main.go", 12, 15);
    uint32_t bare = goleak_symbols_function(&symbols, "main.Gather", 11);
    uint32_t address = goleak_symbols_address(&symbols, 0x4531a0, false);
    assert_string_equal(goleak_symbols_frame_text(&symbols, with_offset), "main.Gather+0x9e");
    assert_string_equal(goleak_symbols_frame_text(&symbols, with_line), "main.Gather /src/main.go:15");
    assert_string_equal(goleak_symbols_frame_text(&symbols, bare), "main.Gather");
    assert_string_equal(goleak_symbols_frame_text(&symbols, address), "0x4531a0");
    assert_string_equal(goleak_symbols_frame_function(&symbols, with_offset), "main.Gather");
    assert_string_equal(goleak_symbols_frame_function(&symbols, with_line), "main.Gather");
    assert_string_equal(goleak_symbols_frame_function(&symbols, bare), "main.Gather");
    assert_string_equal(goleak_symbols_frame_function(&symbols, address), "");
    assert_int_equal(goleak_symbols_frame(&symbols, "", 0, 0x4531a0, false), address);
    assert_int_equal(goleak_symbols_frame(&symbols, "main.Gather", 11, 0x9e, false), with_offset);
    assert_int_not_equal(goleak_symbols_frame(&symbols, "main.Gather", 11, 0x9f, false), with_offset);
}

static void no_frame_has_no_text(void **state)
{
    (void)state;
    assert_string_equal(goleak_symbols_frame_text(&symbols, 0), "");
    assert_string_equal(goleak_symbols_frame_function(&symbols, 0), "");
    assert_string_equal(goleak_symbols_frame_function(&symbols, 77), "");
    const uint32_t *frames;
    assert_int_equal(goleak_symbols_stack_frames(&symbols, 0, &frames), 0);
    assert_int_equal(goleak_symbols_stack(&symbols, NULL, 0), 0);
    assert_int_equal(goleak_symbols_created_at(&symbols, 0), 0);
    assert_int_equal(goleak_symbols_blocked_at(&symbols, 5), 0);
}

static void a_very_long_name_is_cut(void **state)
{
    char name[5000];
    (void)state;
    memset(name, 'n', sizeof name);
    uint32_t with_offset = goleak_symbols_frame(&symbols, name, sizeof name, 1, false);
    uint32_t with_line = goleak_symbols_frame_line(&symbols, name, sizeof name, name, sizeof name, 1);
    assert_true(strlen(goleak_symbols_frame_text(&symbols, with_offset)) < 2100);
    assert_true(strlen(goleak_symbols_frame_text(&symbols, with_line)) < 4200);
    assert_string_equal(goleak_symbols_frame_text(&symbols, with_offset) + 2048, "+0x1");
}

static void equal_stacks_are_one(void **state)
{
    static const char *const deep[] = { "main.f", "main.main" }, *const shallow[] = { "main.f" };
    const uint32_t *frames;
    (void)state;
    uint32_t stack = stack_of(deep, 2);
    assert_int_equal(stack_of(deep, 2), stack);
    assert_int_not_equal(stack_of(shallow, 1), stack);
    assert_int_equal(goleak_symbols_stack_frames(&symbols, stack, &frames), 2);
    assert_string_equal(goleak_symbols_frame_text(&symbols, frames[0]), "main.f+0x10");
    assert_string_equal(goleak_symbols_frame_text(&symbols, frames[1]), "main.main+0x10");
}

static void the_creation_site_is_behind_the_spawning_machinery(void **state)
{
    static const char *const by_user[] = { "runtime.newproc.func1", "runtime.systemstack.abi0", "runtime.newproc",
                                           "main.Gather", "main.main", "runtime.main" };
    static const char *const by_runtime[] = { "runtime.newproc.func1", "runtime.newproc", "runtime.gcenable",
                                              "runtime.main" };
    static const char *const without_names[] = { "", "", "main.f" };
    static const char *const machinery_only[] = { "runtime.newproc.func1", "runtime.newproc" };
    (void)state;
    assert_string_equal(created_at(by_user, COUNT(by_user)), "main.Gather+0x10");
    assert_string_equal(created_at(by_runtime, COUNT(by_runtime)), "runtime.gcenable+0x10");
    assert_string_equal(created_at(without_names, COUNT(without_names)), "main.f+0x10");
    assert_string_equal(created_at(machinery_only, COUNT(machinery_only)), "");
    assert_string_equal(created_at(without_names, 2), "0x4531a0");
}

static void the_caller_is_behind_the_creation_site(void **state)
{
    static const char *const called[] = { "runtime.newproc.func1", "runtime.newproc", "lib.Go", "main.main",
                                          "runtime.main" };
    static const char *const own[] = { "runtime.newproc", "main.work", "runtime.goexit" };
    static const char *const cut[] = { "runtime.newproc", "main.work" };
    static const char *const unnamed[] = { "runtime.newproc", "main.work", "" };
    static const char *const nothing[] = { "", "" };
    (void)state;
    assert_string_equal(created_for(called, COUNT(called)), "main.main+0x10");
    assert_string_equal(created_for(own, COUNT(own)), "");
    assert_string_equal(created_for(cut, COUNT(cut)), "");
    assert_string_equal(created_for(unnamed, COUNT(unnamed)), "");
    assert_string_equal(created_for(nothing, COUNT(nothing)), "");
    assert_int_equal(goleak_symbols_created_for(&symbols, 0), 0);
    assert_int_equal(goleak_symbols_created_for(&symbols, 99), 0);
}

static void the_block_site_is_behind_the_runtime_and_sync(void **state)
{
    static const char *const mutex[] = { "runtime.gopark", "runtime.semacquire1", "sync.runtime_SemacquireMutex",
                                         "internal/sync.(*Mutex).lockSlow", "sync.(*Mutex).Lock", "main.worker" };
    static const char *const poll[] = { "runtime.gopark", "internal/poll.(*pollDesc).wait", "net.(*conn).Read" };
    static const char *const sleep[] = { "time.Sleep", "main.main" };
    static const char *const likeness[] = { "runtime.gopark", "runtimex.f", "main.main" };
    static const char *const runtime_only[] = { "runtime.gopark", "runtime.bgsweep" };
    (void)state;
    assert_string_equal(blocked_at(mutex, COUNT(mutex)), "main.worker+0x10");
    assert_string_equal(blocked_at(poll, COUNT(poll)), "net.(*conn).Read+0x10");
    assert_string_equal(blocked_at(sleep, COUNT(sleep)), "main.main+0x10");
    assert_string_equal(blocked_at(likeness, COUNT(likeness)), "runtimex.f+0x10");
    assert_string_equal(blocked_at(runtime_only, COUNT(runtime_only)), "runtime.gopark+0x10");
}

/* The sites are kept in arrays beside the tables: all three must grow together. */
/* By file and line, as an executable or a Go trace tells them. */
static uint32_t stack_of_places(const char *const *functions, size_t count)
{
    uint32_t frames[8];
    assert_true(count <= COUNT(frames));
    for (size_t i = 0; i < count; i++) {
        const char *file = strcmp(functions[i], "main.T.Read") == 0 ? "<autogenerated>" : "main/main.go";
        frames[i] = goleak_symbols_frame_line(&symbols, functions[i], strlen(functions[i]), file, strlen(file), 1);
    }
    return goleak_symbols_stack(&symbols, frames, count);
}

static void one_stack_may_be_written_in_two_ways(void **state)
{
    static const char *const probe[] = { "runtime.gopark", "internal/poll.runtime_pollWait",
                                         "main.read",      "main.T.Read",
                                         "main.work",      "main.main.gowrap1",
                                         "runtime.goexit" };
    static const char *const trace[] = { "internal/poll.(*FD).Read", "main.read", "main.inlined", "main.work" };
    static const char *const outer[] = { "main.work" };
    static const char *const other[] = { "main.read", "main.other" };
    static const char *const turned[] = { "main.work", "main.read" };
    static const char *const runtime_only[] = { "runtime.gopark", "runtime.goexit" };
    static const char *const other_runtime_only[] = { "runtime.goparkunlock", "runtime.bgsweep" };
    (void)state;
    uint32_t stack = stack_of_places(probe, COUNT(probe));
    assert_true(goleak_symbols_are_one_stack(&symbols, stack, stack));
    assert_true(goleak_symbols_are_one_stack(&symbols, stack, stack_of_places(trace, COUNT(trace))));
    assert_true(goleak_symbols_are_one_stack(&symbols, stack_of_places(trace, COUNT(trace)), stack));
    assert_true(goleak_symbols_are_one_stack(&symbols, stack, stack_of_places(outer, COUNT(outer))));
    assert_false(goleak_symbols_are_one_stack(&symbols, stack, stack_of_places(other, COUNT(other))));
    assert_false(goleak_symbols_are_one_stack(&symbols, stack, stack_of_places(turned, COUNT(turned))));
    assert_false(goleak_symbols_are_one_stack(&symbols, stack, stack_of_places(runtime_only, 2)));
    assert_false(goleak_symbols_are_one_stack(&symbols, stack, 0));
    assert_true(goleak_symbols_are_one_stack(&symbols, stack_of_places(runtime_only, 2),
                                             stack_of_places(other_runtime_only, 2)));
}

/* perf tells "main.read+0x10", a Go trace "main.read /srv/main.go:1". */
static void one_stack_may_be_told_with_lines_and_without(void **state)
{
    static const char *const wrapper[] = { "runtime.gopark", "runtime.chanrecv1", "main.main.gowrap1",
                                           "runtime.goexit" };
    static const char *const wrapped[] = { "main.other", "main.main.gowrap1" };
    static const char *const probe[] = { "runtime.gopark", "main.Map[go.shape.[]int,go.shape.string].All", "main.work",
                                         "runtime.goexit" };
    static const char *const trace[] = { "main.Map[...].All", "main.inlined", "main.work" };
    static const char *const other[] = { "main.Map[...].One", "main.work" };
    static const char *const longer[] = { "main.Map[...].All", "main.worker" };
    static const char *const offsets[] = { "main.Map[...].All", "main.work" };
    (void)state;
    uint32_t stack = stack_of(probe, COUNT(probe));
    assert_true(goleak_symbols_are_one_stack(&symbols, stack, stack_of_places(trace, COUNT(trace))));
    assert_true(goleak_symbols_are_one_stack(&symbols, stack_of_places(trace, COUNT(trace)), stack));
    /* What a wrapper calls may be inlined in it; where its line is told, so are those. */
    const uint32_t inlined = stack_of_places(trace, COUNT(trace));
    assert_true(goleak_symbols_are_one_stack(&symbols, inlined, stack_of(wrapper, COUNT(wrapper))));
    assert_true(goleak_symbols_are_one_stack(&symbols, stack_of(wrapper, COUNT(wrapper)), inlined));
    assert_false(goleak_symbols_are_one_stack(&symbols, inlined, stack_of_places(wrapper, COUNT(wrapper))));
    assert_false(goleak_symbols_are_one_stack(&symbols, inlined, stack_of(wrapped, COUNT(wrapped))));
    assert_false(goleak_symbols_are_one_stack(&symbols, stack, stack_of_places(other, COUNT(other))));
    assert_false(goleak_symbols_are_one_stack(&symbols, stack, stack_of_places(longer, COUNT(longer))));
    /* Where both tell offsets, they are those of one executable. */
    assert_false(goleak_symbols_are_one_stack(&symbols, stack, stack_of(offsets, COUNT(offsets))));
}

/* Without lines a wrapper of an embedded field's method is told by its name only; with them a trace leaves it out, but
 * tells what was inlined. */
static void one_stack_may_lack_a_wrapped_method(void **state)
{
    static const char *const probe[] = { "runtime.gopark",  "net.(*TCPListener).Accept", "net/http.(*once).Accept",
                                         "main.(*s).Serve", "main.main",                 "runtime.goexit" };
    static const char *const trace[] = { "net.(*TCPListener).Accept", "main.(*s).Serve", "main.inlined", "main.main" };
    static const char *const other[] = { "net.(*TCPListener).Read", "main.(*s).Serve", "main.inlined", "main.main" };
    static const char *const closures[] = { "main.f.func1", "main.g.func1", "main.main" };
    static const char *const one_closure[] = { "main.f.func1", "main.inlined", "main.main" };
    (void)state;
    uint32_t stack = stack_of(probe, COUNT(probe));
    assert_true(goleak_symbols_are_one_stack(&symbols, stack, stack_of_places(trace, COUNT(trace))));
    assert_true(goleak_symbols_are_one_stack(&symbols, stack_of_places(trace, COUNT(trace)), stack));
    assert_false(goleak_symbols_are_one_stack(&symbols, stack, stack_of_places(other, COUNT(other))));
    assert_false(goleak_symbols_are_one_stack(&symbols, stack_of(closures, COUNT(closures)),
                                              stack_of_places(one_closure, COUNT(one_closure))));
}

static void a_refusal_leaves_nothing_half_done(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        char name[32];
        strcpy(name, "main.f");
        name[6] = (char)('a' + i % 26);
        name[7] = (char)('a' + i / 26);
        name[8] = '\0';
        const char *const functions[] = { "runtime.gopark", name };
        uint32_t frames[2] = { frame(functions[0]), 0 };
        heap.fail_at = heap.requests + 1;
        frames[1] = frame(name);
        heap.fail_at = heap.requests + 1;
        uint32_t stack = frames[1] != 0 ? goleak_symbols_stack(&symbols, frames, 2) : 0;
        heap.fail_at = 0;
        uint32_t again = stack_of(functions, 2);
        assert_true(again != 0 && (stack == 0 || stack == again));
        const char *site = goleak_symbols_frame_text(&symbols, goleak_symbols_blocked_at(&symbols, again));
        assert_memory_equal(site, name, 8);
    }
}

static size_t knows_one(void *context, const char *function, size_t size, uint64_t address, bool after_call,
                        struct goleak_place out[GOLEAK_INLINED])
{
    (void)context;
    (void)function;
    out[0] = (struct goleak_place) { "main.worker", "/a/main.go", 6 };
    return size == 0 && address == 0x480008 && !after_call;
}

static void a_lost_name_leaves_the_address(void **state)
{
    (void)state;
    uint32_t first = goleak_symbols_lost(&symbols, 0x480008), other = goleak_symbols_lost(&symbols, 0x480064);
    assert_string_equal(goleak_symbols_frame_text(&symbols, first), "0x480008");
    assert_true(goleak_name_is_lost(goleak_symbols_frame_function(&symbols, first)));
    assert_int_not_equal(first, other);
    assert_int_equal(goleak_symbols_lost(&symbols, 0x480008), first);

    /* What is not known is not passed over: the place may be there. */
    const uint32_t frames[] = { frame("runtime.chansend1"), first, frame("main.main") };
    uint32_t stack = goleak_symbols_stack(&symbols, frames, COUNT(frames));
    assert_int_equal(goleak_symbols_blocked_at(&symbols, stack), first);

    /* As a .glk tells it again. */
    uint32_t lost = goleak_symbols_string(&symbols, GOLEAK_NAME_LOST, 1);
    assert_int_equal(goleak_symbols_frame_told(&symbols, lost, "0x480008", 8), first);

    const struct goleak_resolver resolver = { .frames = knows_one };
    symbols.resolver = &resolver;
    uint32_t named = goleak_symbols_lost(&symbols, 0x480008);
    assert_string_equal(goleak_symbols_frame_text(&symbols, named), "main.worker /a/main.go:6");
    assert_int_equal(goleak_symbols_lost(&symbols, 0x480064), other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_have_one_spelling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_frame_has_no_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_very_long_name_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_stacks_are_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_creation_site_is_behind_the_spawning_machinery, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_caller_is_behind_the_creation_site, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_block_site_is_behind_the_runtime_and_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_stack_may_be_written_in_two_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_stack_may_be_told_with_lines_and_without, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_stack_may_lack_a_wrapped_method, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gopc_finds_the_go_statement_without_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gopc_changes_nothing_where_names_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_name_leaves_the_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_leaves_nothing_half_done, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
