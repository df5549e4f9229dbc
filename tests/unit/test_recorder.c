/* test_recorder - which script is printed for which program: versions, layouts, prologues,
 * templates, and what is refused. Whether the scripts record is for tests/live to tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/recorder.h"
#include "support/fail_alloc.h"
#include "support/go_exe.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- versions -------------------------------------------------------------- */

static void versions_are_read_as_they_are_written(void **state)
{
    static const struct {
        const char *text;
        unsigned minor;
    } good[] = {
        { "1.26", 26 },
        { "go1.26.1", 26 },
        { "1.19.8", 19 },
        { "go1.27rc1", 27 },
        { "go1.21-20230801", 21 },
        { "devel go1.27-0a1b2c", 27 },
        { "go1.26.1 X:goroutineleakprofile", 26 },
    };
    static const char *const bad[] = { "", "1", "1.", "2.1", "go", "1.x", "v1.22", "1.22x", "devel" };
    unsigned minor;
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(goleak_go_minor(good[i].text, &minor));
        assert_int_equal(minor, good[i].minor);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (goleak_go_minor(bad[i], &minor))
            fail_msg("'%s' was taken for a version", bad[i]);
}

static void every_version_between_oldest_and_newest_has_a_layout(void **state)
{
    unsigned oldest, newest;
    (void)state;
    assert_true(goleak_go_minor(GOLEAK_RECORDER_OLDEST, &oldest));
    assert_true(goleak_go_minor(GOLEAK_RECORDER_NEWEST, &newest));
    assert_null(goleak_go_layout(oldest - 1));
    assert_null(goleak_go_layout(newest + 1));
    for (unsigned minor = oldest; minor <= newest; minor++) {
        const struct goleak_go_layout *layout = goleak_go_layout(minor);
        assert_non_null(layout);
        assert_int_equal(layout->minor, minor);
        /* What moved, and when. */
        assert_int_equal(layout->g_goid, minor == 23 || minor == 24 ? 160 : 152);
        assert_int_equal(layout->g_status, layout->g_goid - 8);
        assert_int_equal(layout->m_curg, minor >= 25 ? 184 : 192);
        assert_int_equal(layout->g_startpc, layout->g_gopc + 16);
        assert_int_equal(layout->g_waiting, layout->g_startpc + 16);
        assert_int_equal(layout->g_parent_goid, minor >= 21 ? layout->g_gopc - 8 : 0);
        assert_int_equal(layout->reasons_are_trace_events, minor <= 21);
        assert_string_equal(layout->end_event, minor >= 22 ? "gdestroy" : "goexit0");
    }
}

/* ---- prologues --------------------------------------------------------------- */

static unsigned prologue(enum goleak_arch arch, const char *hex)
{
    uint8_t code[64];
    size_t size = 0;
    for (; *hex != '\0'; hex += hex[2] == ' ' ? 3 : 2)
        code[size++] = (uint8_t)strtoul((char[]) { hex[0], hex[1], '\0' }, NULL, 16);
    uint8_t *exact = malloc(size > 0 ? size : 1); /* for AddressSanitizer */
    assert_non_null(exact);
    memcpy(exact, code, size);
    unsigned skip = goleak_recorder_prologue(arch, exact, size);
    free(exact);
    return skip;
}

static void a_frame_is_complete_behind_the_prologue(void **state)
{
    (void)state;
    /* gopark of Go 1.27: cmp, jbe, push, mov; then sub. */
    assert_int_equal(prologue(GOLEAK_ARCH_AMD64, "49 3b 66 10 0f 86 dc 00 00 00 55 48 89 e5 48 83 ec 10"), 14);
    /* gopark of Go 1.19: cmp, jbe, sub, mov, lea. */
    assert_int_equal(prologue(GOLEAK_ARCH_AMD64,
                              "49 3b 66 10 0f 86 f9 00 00 00 48 83 ec 28 48 89 6c 24 20 48 8d 6c 24 20 49 8b 56 30"),
                     24);
    /* A frame of more than 128 bytes, with a short jump. */
    assert_int_equal(prologue(GOLEAK_ARCH_AMD64, "4c 8d 64 24 e0 4d 3b 66 10 76 20 55 48 89 e5 90"), 15);
    assert_int_equal(prologue(GOLEAK_ARCH_ARM64, "90 0b 40 f9 ff 63 30 eb a9 08 00 54 fe 0f 1b f8 "
                                                 "fd 83 1f f8 fd 23 00 d1 00 00 00 00"),
                     24);
}

static void what_is_no_prologue_is_not_walked_over(void **state)
{
    (void)state;
    assert_int_equal(prologue(GOLEAK_ARCH_AMD64, ""), 0);
    assert_int_equal(prologue(GOLEAK_ARCH_AMD64, "49 3b 66 10 0f 86 dc 00 00 00 55 48 89"), 0); /* cut */
    assert_int_equal(prologue(GOLEAK_ARCH_AMD64, "49 3b 66 10 90 55 48 89 e5"), 0);
    assert_int_equal(prologue(GOLEAK_ARCH_AMD64, "cc 3b 66 10"), 0); /* a breakpoint of someone else's */
    assert_int_equal(prologue(GOLEAK_ARCH_ARM64, "fd 23 00"), 0);
    assert_int_equal(prologue(GOLEAK_ARCH_ARM64, "00 fd 23 00 d1 00 00 00"), 0); /* not at a word's start */
}

/* ---- templates ---------------------------------------------------------------- */

static void names_are_replaced_and_nothing_else(void **state)
{
    const struct goleak_recorder_word words[] = { { "goid", NULL, 152 }, { "g", "%r14", 0 } };
    struct goleak_alloc alloc;
    struct goleak_buf out;
    (void)state;
    goleak_alloc_init(&alloc, NULL, 0);
    goleak_buf_init(&out, &alloc);
    goleak_recorder_fill(&out, "+<goid>(<g>) 1 < 2 << <gone> <g", words, COUNT(words));
    goleak_buf_char(&out, '\0');
    assert_string_equal(out.data, "+152(%r14) 1 < 2 << <gone> <g");
    goleak_buf_release(&out);
    assert_int_equal(alloc.used_bytes, 0);
}

/* ---- scripts ------------------------------------------------------------------- */

struct text {
    char bytes[32768];
    size_t size;
};

static bool collect(void *context, const void *data, size_t size)
{
    struct text *text = context;
    assert_true(text->size + size < sizeof text->bytes);
    memcpy(text->bytes + text->size, data, size);
    text->size += size;
    text->bytes[text->size] = '\0';
    return true;
}

static bool refuse(void *context, const void *data, size_t size)
{
    (void)context, (void)data, (void)size;
    return false;
}

static const char *script(const char *tool, const struct goleak_recorder_options *options)
{
    static struct text text;
    struct goleak_error error;
    text.size = 0;
    if (goleak_recorder_write(tool, options, collect, &text, &error) != GOLEAK_OK)
        fail_msg("%s: %s", tool, error.message);
    return text.bytes;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("'%s' is in:\n%s", part, text);
}

/* No word of a template is left over: none has a name that is spelled otherwise. */
static void every_script_of_every_version_is_whole(void **state)
{
    static const char *const left_over[] = {
        "<g_", "<m_", "<sudog_", "<a0>", "<g>", "<arch", "<version", "<end", "<exe"
    };
    (void)state;
    for (size_t tool = 0; goleak_recorder_name(tool) != NULL; tool++) {
        for (unsigned minor = 19; minor <= 27; minor++) {
            for (unsigned form = 0; form < 6; form++) {
                struct goleak_recorder_options options = GOLEAK_RECORDER_OPTIONS_INIT;
                char version[16], header[64];
                snprintf(version, sizeof version, "1.%u", minor);
                options.go_version = version;
                options.arch = form & 1 ? "arm64" : "amd64";
                options.objects = form / 2 == 1;
                options.minimal = form / 2 == 2;
                const char *text = script(goleak_recorder_name(tool), &options);
                for (size_t i = 0; i < COUNT(left_over); i++)
                    assert_lacks(text, left_over[i]);
                snprintf(header, sizeof header,
                         "goleak-recorder: version=1 tool=%s go=1.%u arch=%s probes=", goleak_recorder_name(tool),
                         minor, options.arch);
                assert_has(text, header);
                assert_has(text, minor >= 22 ? "gdestroy" : "goexit0");
            }
        }
    }
}

static void options_choose_the_probes(void **state)
{
    struct goleak_recorder_options options = GOLEAK_RECORDER_OPTIONS_INIT;
    (void)state;
    options.go_version = "1.26";
    options.arch = "amd64";
    const char *text = script("bpftrace", &options);
    assert_has(text, "uretprobe:$1:\"runtime.newproc1\"");
    assert_has(text, "uprobe:$1:\"runtime.execute\"");
    assert_has(text, "ustack()");
    assert_lacks(text, "runtime.chansend");
    assert_lacks(text, "NOT RUN");
    options.objects = true;
    text = script("bpftrace", &options);
    assert_has(text, "uprobe:$1:\"runtime.chansend\"");
    assert_has(text, "(int64)(reg(\"di\") + reg(\"si\"))");
    options.objects = false;
    options.minimal = true;
    text = script("bpftrace", &options);
    assert_lacks(text, "ustack()");
    assert_lacks(text, "runtime.execute");
    assert_has(text, "runtime.ready");
    options.arch = "arm64";
    text = script("perf", &options);
    assert_has(text, "g=%x28:x64 goid=+152(%x28):s64 reason=%x3:u8 wait=%x2:u8");
    assert_has(text, "NOT RUN");
}

/* Every tool, and every probe that is not at a function's very start. */
static void return_probes_are_newproc1s_alone(void **state)
{
    struct goleak_recorder_options options = GOLEAK_RECORDER_OPTIONS_INIT;
    (void)state;
    options.go_version = "1.23";
    options.arch = "amd64";
    options.objects = true;
    const char *text = script("bpftrace", &options);
    const char *first = strstr(text, "uretprobe:");
    assert_non_null(first);
    assert_null(strstr(first + 1, "uretprobe:"));
    text = script("perf", &options);
    first = strstr(text, "probe r ");
    assert_non_null(first);
    assert_memory_equal(first, "probe r newproc1 ", 17);
    assert_null(strstr(first + 1, "probe r "));
}

/* bpftrace takes probes away from the last to the first, and attaches them so, too. */
static void bpftrace_sees_the_end_of_what_it_saw_created(void **state)
{
    static const char *const order[] = {
        "uprobe:$1:\"runtime.gdestroy\"", "uprobe:$1:\"runtime.execute\"",  "uprobe:$1:\"runtime.ready\"",
        "uprobe:$1:\"runtime.chansend\"", "uprobe:$1:\"runtime.gopark\"",   "uretprobe:$1:\"runtime.newproc1\"",
        "uprobe:$1:\"runtime.gdestroy\"", "\nEND\n",
    };
    struct goleak_recorder_options options = GOLEAK_RECORDER_OPTIONS_INIT;
    (void)state;
    options.go_version = "1.26";
    options.arch = "amd64";
    options.objects = true;
    const char *text = script("bpftrace", &options);
    assert_has(text, "export BPFTRACE_PERF_RB_PAGES=4096 BPFTRACE_CACHE_USER_SYMBOLS=1");
    for (size_t i = 0; i < COUNT(order); i++) {
        text = strstr(text, order[i]);
        if (text == NULL)
            fail_msg("'%s' is not behind '%s'", order[i], i > 0 ? order[i - 1] : "");
        text++;
    }
}

static void assert_refused(const char *tool, const struct goleak_recorder_options *options, enum goleak_status status,
                           const char *part)
{
    struct goleak_error error;
    static struct text text;
    text.size = 0;
    assert_int_equal(goleak_recorder_write(tool, options, collect, &text, &error), status);
    assert_int_equal(error.status, status);
    assert_int_equal(text.size, 0);
    assert_has(error.message, part);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct goleak_recorder_options options = GOLEAK_RECORDER_OPTIONS_INIT;
    struct goleak_error error;
    (void)state;
    assert_refused("strace", &options, GOLEAK_E_USAGE, "found \"strace\"");
    assert_refused("perf", NULL, GOLEAK_E_USAGE, "neither a program nor a Go version");
    struct goleak_recorder_options unset = { 0 };
    assert_refused("perf", &unset, GOLEAK_E_USAGE, "options.size is 0: begin with GOLEAK_RECORDER_OPTIONS_INIT");
    options.go_version = "1.18";
    assert_refused("perf", &options, GOLEAK_E_USAGE, "found Go 1.18, expected 1.19 to 1.27");
    options.go_version = "tip";
    assert_refused("perf", &options, GOLEAK_E_USAGE, "found \"tip\"");
    options.go_version = "1.26";
    options.arch = "mips";
    assert_refused("perf", &options, GOLEAK_E_USAGE, "found the architecture \"mips\"");
    options.arch = NULL;
    options.objects = options.minimal = true;
    assert_refused("perf", &options, GOLEAK_E_USAGE, "objects and minimal");
    options.objects = options.minimal = false;
    options.exe = "/nowhere/at/all";
    assert_refused("perf", &options, GOLEAK_E_IO, "no such program");
    options.exe = NULL;
    assert_int_equal(goleak_recorder_write("perf", &options, refuse, NULL, &error), GOLEAK_E_IO);
    /* Fields that a caller of another version does not know are not looked at. */
    options.size = offsetof(struct goleak_recorder_options, objects);
    options.objects = options.minimal = true;
    assert_lacks(script("perf", &options), "chansend");
}

/* ---- locks ---------------------------------------------------------------------- */

/* As target.c makes it of a program that has these functions. */
static struct goleak_recorder_target lock_target(const char *version)
{
    struct goleak_recorder_options options = GOLEAK_RECORDER_OPTIONS_INIT;
    struct goleak_recorder_target target;
    struct goleak_alloc alloc;
    struct goleak_error error;
    char path[GOLEAK_RECORDER_PATH];
    goleak_alloc_init(&alloc, NULL, 0);
    options.go_version = version;
    options.arch = "amd64";
    assert_int_equal(goleak_recorder_target_init(&target, path, &alloc, &options, &error), GOLEAK_OK);
    target.exe = "/srv/app";
    target.locks = true;
    for (size_t i = GOLEAK_PLACE_FIRST_LOCK; i < GOLEAK_PLACE_COUNT; i++) {
        target.probes[i].wanted = target.probes[i].located = true;
        target.probes[i].offset = 0x90000 + 0x100 * i;
        target.probes[i].skip = 10;
    }
    return target;
}

static const char *script_of(const struct goleak_recorder *recorder, const struct goleak_recorder_target *target)
{
    static struct text text;
    struct goleak_alloc alloc;
    struct goleak_buf buf;
    struct goleak_error error;
    text.size = 0;
    goleak_alloc_init(&alloc, NULL, 0);
    goleak_buf_init(&buf, &alloc);
    assert_int_equal(recorder->write(target, &buf, &error), GOLEAK_OK);
    assert_false(buf.failed);
    collect(&text, buf.data, buf.size);
    goleak_buf_release(&buf);
    return text.bytes;
}

/* Releases are seen before a lock is, and for longer. */
static void bpftrace_sees_the_release_of_what_it_saw_taken(void **state)
{
    static const char *const order[] = {
        "locks=every exe=/srv/app", "// internal/sync.(*Mutex).Unlock+10", "if (@unlock_early[tid] != $lock)",
        "// sync.(*RWMutex).Unlock+10", "runtime.gopark", "// internal/sync.(*Mutex).Lock+10",
        "printf(\"lock: goroutine=%llx goid=%lld lock=%llx", "printf(\"trywlock: ", "uretprobe:",
        "// internal/sync.(*Mutex).Unlock+10", "if (@unlock_attached == 0)", "\nEND\n", "clear(@unlock_early);",
    };
    struct goleak_recorder_target target = lock_target("1.26");
    (void)state;
    const char *text = script_of(&goleak_recorder_bpftrace, &target);
    assert_lacks(text, "\"sync.(*"); /* a pattern, which RWMutex's would match, too */
    assert_has(text, "bpftrace --unsafe ");
    for (size_t i = 0; i < COUNT(order); i++) {
        text = strstr(text, order[i]);
        if (text == NULL)
            fail_msg("'%s' is not behind '%s'", order[i], i > 0 ? order[i - 1] : "");
        text++;
    }
    target = lock_target("1.23");
    text = script_of(&goleak_recorder_bpftrace, &target);
    assert_has(text, "// sync.(*Mutex).Lock+10");
    assert_lacks(text, "internal/sync");
}

static void perf_says_that_it_saw_every_call_if_it_did(void **state)
{
    struct goleak_recorder_target target = lock_target("1.26");
    (void)state;
    const char *text = script_of(&goleak_recorder_perf, &target);
    assert_has(text, "probe p unlock 0x");
    assert_has(text, "'g=%r14:x64 goid=+152(%r14):s64 lock=%ax:x64'");
    assert_has(text, "[ -n \"$pid\" ] || [ -n \"$interrupted\" ] || locks=' locks=every'");
    assert_has(text, "probes=%s%s exe=%s");
    target.locks = false;
    assert_lacks(script_of(&goleak_recorder_perf, &target), "locks");
}

static void locks_are_refused_where_calls_would_be_missed(void **state)
{
    struct goleak_recorder_target target = lock_target("1.26");
    struct goleak_recorder_options options = GOLEAK_RECORDER_OPTIONS_INIT;
    struct goleak_alloc alloc;
    struct goleak_buf buf;
    struct goleak_error error;
    (void)state;
    options.go_version = "1.26";
    options.locks = true;
    assert_refused("perf", &options, GOLEAK_E_USAGE, "locks need --exe=PATH");
    assert_refused("dtrace", &options, GOLEAK_E_USAGE, "for a pattern");
    goleak_alloc_init(&alloc, NULL, 0);
    goleak_buf_init(&buf, &alloc);
    target.probes[GOLEAK_PLACE_RLOCK].ambiguous = true;
    assert_int_equal(goleak_recorder_bpftrace.write(&target, &buf, &error), GOLEAK_E_USAGE);
    assert_has(error.message, "sync.(*RWMutex).RLock");
    assert_int_equal(buf.size, 0);
    goleak_buf_release(&buf);
}

static void a_check_of_the_stack_is_known(void **state)
{
    static const uint8_t small[] = { 0x49, 0x3b, 0x66, 0x10, 0x76 }, big[] = { 0x4c, 0x8d, 0x64, 0x24, 0x80 },
                         none[] = { 0x8b, 0x08, 0xa9, 0x05 }, arm[] = { 0x90, 0x0b, 0x40, 0xf9 };
    (void)state;
    assert_true(goleak_recorder_checks_stack(GOLEAK_ARCH_AMD64, small, sizeof small));
    assert_true(goleak_recorder_checks_stack(GOLEAK_ARCH_AMD64, big, sizeof big));
    assert_false(goleak_recorder_checks_stack(GOLEAK_ARCH_AMD64, none, sizeof none));
    assert_false(goleak_recorder_checks_stack(GOLEAK_ARCH_AMD64, small, 3));
    assert_true(goleak_recorder_checks_stack(GOLEAK_ARCH_ARM64, arm, sizeof arm));
    assert_false(goleak_recorder_checks_stack(GOLEAK_ARCH_ARM64, small, sizeof small));
}

static void every_allocation_may_fail(void **state)
{
    bool done = false;
    (void)state;
    for (size_t n = 1; !done; n++) {
        struct goleak_recorder_options options = GOLEAK_RECORDER_OPTIONS_INIT;
        struct fail_alloc heap;
        struct goleak_error error;
        static struct text text;
        fail_alloc_init(&heap, n, true);
        text.size = 0;
        options.allocator = &heap.allocator;
        options.go_version = "1.26";
        options.objects = true;
        done = goleak_recorder_write("bpftrace", &options, collect, &text, &error) == GOLEAK_OK;
        assert_int_equal(done, !heap.failed);
        assert_true(done || (error.status == GOLEAK_E_MEMORY && text.size == 0));
        assert_true(fail_alloc_is_clean(&heap));
        assert_true(n < 100);
    }
}

/* ---- programs ------------------------------------------------------------------- */

static const char *write_exe(const struct go_exe *exe)
{
    static char path[512];
    struct bytes file = { 0 };
    const char *folder = getenv("TEST_TMP");
    snprintf(path, sizeof path, "%s/recorder.exe", folder != NULL ? folder : ".");
    go_exe_write(&file, exe, NULL);
    assert_true(bytes_write(&file, path));
    bytes_free(&file);
    return path;
}

static void a_program_is_asked_before_it_is_believed(void **state)
{
    static const struct go_exe go18 = { .minor = 18 }, go26 = { .minor = 26 },
                               unknown = { .minor = 26, .no_buildinfo = true };
    struct goleak_recorder_options options = GOLEAK_RECORDER_OPTIONS_INIT;
    (void)state;
    options.exe = write_exe(&go18);
    assert_refused("perf", &options, GOLEAK_E_USAGE, "found Go 1.18");
    remove(options.exe);
    /* It has runtime.gopark and little else. */
    options.exe = write_exe(&go26);
    assert_refused("perf", &options, GOLEAK_E_FORMAT, "no function runtime.newproc1");
    options.go_version = "1.25";
    assert_refused("perf", &options, GOLEAK_E_USAGE, "given as 1.25, but the program says");
    options.go_version = NULL;
    options.arch = "arm64";
    assert_refused("perf", &options, GOLEAK_E_USAGE, "given as arm64, but the program is for amd64");
    remove(options.exe);
    options.arch = NULL;
    options.exe = write_exe(&unknown);
    assert_refused("perf", &options, GOLEAK_E_USAGE, "does not say which Go built it");
    remove(options.exe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_read_as_they_are_written),
        cmocka_unit_test(every_version_between_oldest_and_newest_has_a_layout),
        cmocka_unit_test(a_frame_is_complete_behind_the_prologue),
        cmocka_unit_test(what_is_no_prologue_is_not_walked_over),
        cmocka_unit_test(names_are_replaced_and_nothing_else),
        cmocka_unit_test(every_script_of_every_version_is_whole),
        cmocka_unit_test(options_choose_the_probes),
        cmocka_unit_test(return_probes_are_newproc1s_alone),
        cmocka_unit_test(bpftrace_sees_the_end_of_what_it_saw_created),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(bpftrace_sees_the_release_of_what_it_saw_taken),
        cmocka_unit_test(perf_says_that_it_saw_every_call_if_it_did),
        cmocka_unit_test(locks_are_refused_where_calls_would_be_missed),
        cmocka_unit_test(a_check_of_the_stack_is_known),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_program_is_asked_before_it_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
