/*
 * record_bpftrace - a script for bpftrace, run with 0.17 (Debian 12) and 0.27.
 *
 *      goleak-recorder: version=1 tool=bpftrace go=1.26 arch=amd64 probes=newproc1,…
 *      newproc1: goroutine=c000006680 goid=2 parent=c0000061a0 … ts=1297328782552 cpu=0 pid=179 tid=180
 *              runtime.newproc.func1+37
 *              …
 *      goleak-recorder-end: events=4711 ts=1297330782552
 *
 * What the two versions leave open:
 *
 *   - 0.17 as Debian builds it refuses "function+offset" ("compiled without … probe
 *     offset support"). Both take a bare number, which they look up as an address; where
 *     no symbol has it they warn, and with --unsafe use it as an offset in the file. So a
 *     probe behind a prologue, and every probe of a stripped program, is an offset in the
 *     file, unless some code stands at that address, too (`ambiguous`).
 *   - A return probe may not have an offset; newproc1's is at its entry.
 *   - 0.17 can neither print nor cast count(): events are counted in a map by CPU, where
 *     no two programs write one key, and added up in a loop at the end. 0.27 warns of
 *     the loop, on standard error.
 *   - An attach point cannot name every path; both take a positional parameter there.
 *   - Probes are attached one after the other, the last of the script first, within some
 *     milliseconds, and taken away in the same order, within half a second, while the
 *     program runs on (-p). What an event leads to has to stand before it: the end first,
 *     the creation last. Then nothing is created whose end is not seen while they go. While
 *     they come, ends are seen by a second probe behind that of creations, which falls
 *     silent when the first one fires.
 *
 * A line and its stack are one printf, so that no other CPU's line comes between.
 */
#include "recorder/recorder.h"

#include "base/error.h"

#include <string.h>

/* What is being written. */
struct script {
    const struct goleak_recorder_target *target;
    struct goleak_buf *out;
    struct goleak_recorder_word words[GOLEAK_RECORDER_WORDS + 9];
};

static void put(const struct script *script, const char *text)
{
    goleak_recorder_fill(script->out, text, script->words, sizeof script->words / sizeof *script->words);
}

static bool is_wanted(const struct script *script, enum goleak_recorder_place place)
{
    return script->target->probes[place].wanted;
}

/* Counting comes first: a line that is lost was counted. */
#define COUNT "@events[(int64)cpu]++;\n"
#define WHERE " ts=%llu cpu=%d pid=%d tid=%d"
#define WHERE_VALUES "nsecs, cpu, pid, tid"

/* ---- attach points ------------------------------------------------------------ */

static bool is_numeric(const struct goleak_recorder_target *target, const struct goleak_recorder_probe *probe)
{
    bool is_pattern = strchr(probe->symbol, '*') != NULL; /* sync.(*Mutex).Lock would be RWMutex's, too */
    return probe->located && (target->by_address || is_pattern || (probe->skip > 0 && !probe->ambiguous));
}

/* Whether bpftrace has to be told that a bare number is meant. */
static bool needs_unsafe(const struct goleak_recorder_target *target)
{
    for (size_t i = 0; i < GOLEAK_PLACE_COUNT; i++)
        if (target->probes[i].wanted && is_numeric(target, &target->probes[i]))
            return true;
    return false;
}

static void write_place(const struct script *script, enum goleak_recorder_place place)
{
    const struct goleak_recorder_target *target = script->target;
    const struct goleak_recorder_probe *probe = &target->probes[place];
    put(script, place == GOLEAK_PLACE_NEWPROC1 ? "\nuretprobe:" : "\nuprobe:");
    put(script, target->exe != NULL ? "\"<exe>\":" : "$1:");
    if (is_numeric(target, probe))
        goleak_buf_printf(script->out, "0x%llx // %s+%u\n", (unsigned long long)probe->offset + probe->skip,
                          probe->symbol, probe->skip);
    else if (probe->skip > 0)
        goleak_buf_printf(script->out, "\"%s\"+%u\n", probe->symbol, probe->skip);
    else
        goleak_buf_printf(script->out, "\"%s\"\n", probe->symbol);
}

/* ---- the five of every script ---------------------------------------------------- */

/* At the return the current g is the system stack's, whose m still runs the spawner: no
 * entry probe is needed to learn who that is. A timer's goroutine has none. */
static void write_newproc1(const struct script *script)
{
    write_place(script, GOLEAK_PLACE_NEWPROC1);
    put(script, "{\n"
                "\t" COUNT
                "\t$g = (uint64)retval;\n"
                "\t$m = *(uint64*)(reg(\"<g>\") + <g_m>);\n"
                "\t$parent = *(uint64*)($m + <m_curg>);\n"
                "\t$parentgoid = (int64)0;\n"
                "\tif ($parent != 0) {\n"
                "\t\t$parentgoid = *(int64*)($parent + <g_goid>);\n"
                "\t}\n"
                "\t$startpc = *(uint64*)($g + <g_startpc>);\n");
    put(script, "\tprintf(\"newproc1: goroutine=%llx goid=%lld parent=%llx parentgoid=%lld gopc=%llx startpc=%llx");
    put(script, script->target->by_address ? "" : " fn=%s");
    put(script, script->target->minimal ? WHERE "\\n\"," : WHERE "%s\\n\",");
    put(script, "\n\t    $g, *(int64*)($g + <g_goid>), $parent, $parentgoid, *(uint64*)($g + <g_gopc>), $startpc,");
    put(script, script->target->by_address ? "" : " usym($startpc),");
    put(script, "\n\t    " WHERE_VALUES);
    put(script, script->target->minimal ? ");\n}\n" : ", ustack());\n}\n");
}

/* When the first timer fires that it selects (3) or receives (7) from. */
static void write_until(const struct script *script)
{
    put(script, "\t$until = (uint64)0;\n"
                "\t$reason = (uint8)reg(\"<a3>\");\n"
                "\tif ($reason == 3 || $reason == 7) {\n"
                "\t\t$sudog = $waiting;\n"
                "\t\tunroll (8) {\n"
                "\t\t\tif ($sudog != 0) {\n"
                "\t\t\t\t$timer = *(uint64*)(*(uint64*)($sudog + <sudog_chan>) + <hchan_timer>);\n"
                "\t\t\t\tif ($timer != 0) {\n"
                "\t\t\t\t\t$when = *(uint64*)($timer + <timer_when>);\n"
                "\t\t\t\t\tif ($when != 0 && ($until == 0 || $when < $until)) {\n"
                "\t\t\t\t\t\t$until = $when;\n"
                "\t\t\t\t\t}\n"
                "\t\t\t\t}\n"
                "\t\t\t\t$sudog = *(uint64*)($sudog + <sudog_next>);\n"
                "\t\t\t}\n"
                "\t\t}\n"
                "\t}\n");
}

/* The channel is that of the first sudog that the goroutine waits with. */
static void write_gopark(const struct script *script)
{
    const bool tells_timers = script->target->layout->hchan_timer != 0;
    write_place(script, GOLEAK_PLACE_GOPARK);
    put(script, "{\n"
                "\t" COUNT
                "\t$g = reg(\"<g>\");\n");
    if (script->target->minimal) {
        put(script, "\tprintf(\"gopark: goroutine=%llx goid=%lld reason=%d wait=%d" WHERE "\\n\",\n"
                    "\t    $g, *(int64*)($g + <g_goid>), (uint8)reg(\"<a3>\"), (uint8)reg(\"<a2>\"),\n"
                    "\t    " WHERE_VALUES ");\n}\n");
        return;
    }
    put(script, "\t$chan = (uint64)0;\n"
                "\t$elem = (uint64)0;\n"
                "\t$waiting = *(uint64*)($g + <g_waiting>);\n"
                "\tif ($waiting != 0) {\n"
                "\t\t$chan = *(uint64*)($waiting + <sudog_chan>);\n"
                "\t\t$elem = *(uint64*)($waiting + <sudog_elem>);\n"
                "\t}\n");
    if (tells_timers)
        write_until(script);
    put(script, "\tprintf(\"gopark: goroutine=%llx goid=%lld reason=%d wait=%d lock=%llx chan=%llx elem=%llx");
    put(script, tells_timers ? " until=%llu" : "");
    put(script, WHERE "%s\\n\",\n"
                      "\t    $g, *(int64*)($g + <g_goid>), (uint8)reg(\"<a3>\"), (uint8)reg(\"<a2>\"),\n"
                      "\t    reg(\"<a1>\"), $chan, $elem,");
    put(script, tells_timers ? " $until," : "");
    put(script, "\n\t    " WHERE_VALUES ", ustack());\n}\n");
}

/* The waker is the goroutine whose thread this is; a timer or the scheduler is none. */
static void write_ready(const struct script *script)
{
    write_place(script, GOLEAK_PLACE_READY);
    put(script, "{\n"
                "\t" COUNT
                "\t$g = reg(\"<a0>\");\n"
                "\t$m = *(uint64*)(reg(\"<g>\") + <g_m>);\n"
                "\t$by = *(uint64*)($m + <m_curg>);\n"
                "\t$bygoid = (int64)0;\n"
                "\tif ($by != 0) {\n"
                "\t\t$bygoid = *(int64*)($by + <g_goid>);\n"
                "\t}\n"
                "\tprintf(\"ready: goroutine=%llx goid=%lld status=%d by=%llx bygoid=%lld" WHERE "\\n\",\n"
                "\t    $g, *(int64*)($g + <g_goid>), *(uint32*)($g + <g_status>), $by, $bygoid,\n"
                "\t    " WHERE_VALUES ");\n}\n");
}

static void write_execute(const struct script *script)
{
    write_place(script, GOLEAK_PLACE_EXECUTE);
    put(script, "{\n"
                "\t" COUNT
                "\t$g = reg(\"<a0>\");\n"
                "\tprintf(\"execute: goroutine=%llx goid=%lld" WHERE "\\n\",\n"
                "\t    $g, *(int64*)($g + <g_goid>), " WHERE_VALUES ");\n}\n");
}

#define END_LINE "\t\t" COUNT \
                 "\t\tprintf(\"<end>: goroutine=%llx goid=%lld" WHERE "\\n\",\n" \
                 "\t\t    $g, $goid, " WHERE_VALUES ");\n"

/* Unless the other one has printed this very end, on its way through this thread. */
static void write_goroutine_end(const struct script *script)
{
    write_place(script, GOLEAK_PLACE_END);
    put(script, "{\n"
                "\t@attached = 1;\n"
                "\t$g = reg(\"<a0>\");\n"
                "\t$goid = *(int64*)($g + <g_goid>);\n"
                "\tif (@early[tid] != $goid) {\n" END_LINE "\t}\n"
                "}\n");
}

static void write_early_end(const struct script *script)
{
    put(script, "\n// Probes are attached from the last to the first: until the first is there, this one sees ends.");
    write_place(script, GOLEAK_PLACE_END);
    put(script, "{\n"
                "\tif (@attached == 0) {\n"
                "\t\t$g = reg(\"<a0>\");\n"
                "\t\t$goid = *(int64*)($g + <g_goid>);\n"
                "\t\t@early[tid] = $goid;\n" END_LINE "\t}\n"
                "}\n");
}

/* ---- operations on objects ------------------------------------------------------- */

/* The runtime itself, on a system stack, is no goroutine: goid 0 is left out. */
static void write_object(const struct script *script, enum goleak_recorder_place place, const char *keys,
                         const char *values)
{
    if (!is_wanted(script, place))
        return;
    write_place(script, place);
    put(script, "{\n"
                "\t$g = reg(\"<g>\");\n"
                "\t$goid = *(int64*)($g + <g_goid>);\n"
                "\tif ($goid != 0) {\n"
                "\t\t" COUNT
                "\t\tprintf(\"");
    put(script, script->target->probes[place].event);
    put(script, ": goroutine=%llx goid=%lld ");
    put(script, keys);
    put(script, WHERE "\\n\", $g, $goid, ");
    put(script, values);
    put(script, ",\n\t\t    " WHERE_VALUES ");\n\t}\n}\n");
}

static void write_objects(const struct script *script)
{
    write_object(script, GOLEAK_PLACE_CHANSEND, "chan=%llx", "reg(\"<a0>\")");
    write_object(script, GOLEAK_PLACE_CHANRECV, "chan=%llx", "reg(\"<a0>\")");
    write_object(script, GOLEAK_PLACE_CLOSECHAN, "chan=%llx", "reg(\"<a0>\")");
    write_object(script, GOLEAK_PLACE_SELECTGO, "cases=%lld", "(int64)(reg(\"<a3>\") + reg(\"<a4>\"))");
    write_object(script, GOLEAK_PLACE_SEMACQUIRE1, "lock=%llx", "reg(\"<a0>\")");
    write_object(script, GOLEAK_PLACE_SEMRELEASE1, "lock=%llx", "reg(\"<a0>\")");
}

/* ---- locks ------------------------------------------------------------------------ */

#define LOCK_LINE(tabs) \
    tabs "printf(\"<word>: goroutine=%llx goid=%lld lock=%llx" WHERE "\\n\",\n" \
    tabs "    reg(\"<g>\"), *(int64*)(reg(\"<g>\") + <g_goid>), $lock, " WHERE_VALUES ");\n"

static void put_lock(const struct script *script, enum goleak_recorder_place place, const char *text)
{
    const struct goleak_recorder_word word = { "word", script->target->probes[place].event, 0 };
    struct goleak_buf line;
    goleak_buf_init(&line, script->out->alloc);
    goleak_recorder_fill(&line, text, &word, 1);
    goleak_buf_char(&line, '\0');
    if (line.failed)
        script->out->failed = true;
    else
        put(script, line.data);
    goleak_buf_release(&line);
}

static bool is_release(enum goleak_recorder_place place)
{
    return place == GOLEAK_PLACE_UNLOCK || place == GOLEAK_PLACE_RUNLOCK || place == GOLEAK_PLACE_WUNLOCK;
}

static void write_locks(const struct script *script, bool releases)
{
    for (enum goleak_recorder_place place = GOLEAK_PLACE_FIRST_LOCK; place < GOLEAK_PLACE_COUNT; place++) {
        if (!is_wanted(script, place) || is_release(place) != releases)
            continue;
        write_place(script, place);
        put_lock(script, place,
                 releases ? "{\n"
                            "\t@<word>_attached = 1;\n"
                            "\t$lock = reg(\"<a0>\");\n"
                            "\tif (@<word>_early[tid] != $lock) {\n"
                            "\t\t" COUNT LOCK_LINE("\t\t") "\t}\n"
                            "\t@<word>_early[tid] = (uint64)0;\n"
                            "}\n"
                          : "{\n"
                            "\t" COUNT
                            "\t$lock = reg(\"<a0>\");\n" LOCK_LINE("\t") "}\n");
    }
}

/* As early ends: a lock whose release is not seen looks held. */
static void write_early_releases(const struct script *script)
{
    for (enum goleak_recorder_place place = GOLEAK_PLACE_FIRST_LOCK; place < GOLEAK_PLACE_COUNT; place++) {
        if (!is_wanted(script, place) || !is_release(place))
            continue;
        write_place(script, place);
        put_lock(script, place, "{\n"
                                "\tif (@<word>_attached == 0) {\n"
                                "\t\t$lock = reg(\"<a0>\");\n"
                                "\t\t@<word>_early[tid] = $lock;\n"
                                "\t\t" COUNT LOCK_LINE("\t\t") "\t}\n"
                                "}\n");
    }
}

static void write_lock_clears(const struct script *script)
{
    for (enum goleak_recorder_place place = GOLEAK_PLACE_FIRST_LOCK; place < GOLEAK_PLACE_COUNT; place++)
        if (is_wanted(script, place) && is_release(place))
            put_lock(script, place, "\tclear(@<word>_attached);\n\tclear(@<word>_early);\n");
}

/* ---- head and ends ---------------------------------------------------------------- */

static void write_commands(const struct script *script)
{
    put(script, "// Records the goroutines of a Go <version> program on <arch> for goleak-report.\n"
                "//\n"
                "// As root. Ctrl-C ends it, and the recorded program goes on:\n"
                "//\n"
                "//   export BPFTRACE_PERF_RB_PAGES=4096 BPFTRACE_CACHE_USER_SYMBOLS=1\n"
                "//   bpftrace <unsafe>-o trace.txt -p PID THIS.bt<path> 2> trace.err\n"
                "//   bpftrace <unsafe>-o trace.txt -c './app ARGUMENT' THIS.bt<path> 2> trace.err   # to its end\n"
                "//   bpftrace <unsafe>-o trace.txt THIS.bt<path> 2> trace.err    # every process that runs it\n"
                "//   goleak-report <with>trace.txt trace.err\n"
                "//\n"
                "// The first line is memory for lines not yet written: 16 MiB for each CPU with bpftrace 0.17, for\n"
                "// all of them with newer ones; more where events are lost. And it lets bpftrace 0.17 remember the\n"
                "// names of functions: with -p it prints some 75 events a second without it, and loses the rest.\n"
                "// The last line of the recording tells how many events there were; bpftrace's own complaints go\n"
                "// to standard error: keep trace.err.\n"
                "// bpftrace 0.17 ends with \"filesystem error: read_symlink\" when it is to name the functions of a\n"
                "// process that is gone: export BPFTRACE_NO_USER_SYMBOLS=1 lets it print addresses.\n");
    if (needs_unsafe(script->target))
        put(script, "// --unsafe: places inside functions, or in a program without symbols, are offsets in the file.\n"
                    "// bpftrace cannot check that an instruction begins there, and warns: \"Misaligned probes can lead\n"
                    "// to tracee crashes!\" goleak-report did check, in this very program: use the script with no other\n"
                    "// build of it.\n");
}

static void write_limits(const struct script *script)
{
    const struct goleak_recorder_target *target = script->target;
    const struct goleak_recorder_probe *gopark = &target->probes[GOLEAK_PLACE_GOPARK];
    if (target->exe == NULL)
        put(script, "// The program needs its symbol table; without one, print the script with --exe.\n");
    if (gopark->skip == 0 && !target->minimal)
        put(script, "// gopark's probe is at its entry: the function that called it is missing in the stack, and a\n"
                    "// stack that grows prints a line twice. With --exe it is behind the prologue.\n");
    if (gopark->skip > 0 && !is_numeric(target, gopark))
        put(script, "// Where bpftrace was \"compiled without (k|u)probe offset support\", delete the +N behind\n"
                    "// names: the function that called gopark is then missing in the stack.\n");
    if (!target->layout->run || target->arch != GOLEAK_ARCH_AMD64)
        put(script, "// NOT RUN: Go <version> on <arch> is known from its source and its ABI's description only.\n");
}

/* The path is part of a format. */
static void write_path(struct goleak_buf *out, const char *path)
{
    for (; *path != '\0'; path++)
        goleak_buf_text(out, *path == '%' ? "%%" : (char[]){ *path, '\0' });
}

static void write_begin(const struct script *script)
{
    put(script, "\nBEGIN\n{\n"
                "\tprintf(\"goleak-recorder: version=1 tool=bpftrace go=<version> arch=<arch> probes=<probes>");
    if (script->target->locks)
        put(script, " locks=every");
    if (script->target->exe != NULL) {
        put(script, " exe=");
        write_path(script->out, script->target->exe);
    }
    put(script, "\\n\");\n}\n");
}

/* See the top of this file. */
static void write_order(const struct script *script)
{
    put(script, "\n// The order matters: at Ctrl-C bpftrace takes the probes away from the last to the first, within\n"
                "// half a second and more, and the program runs on. A goroutine whose end is not seen looks like a\n"
                "// leak: so creations stand last here, and ends first.");
}

static void write_end(const struct script *script)
{
    put(script, "\nEND\n{\n"
                "\t$sum = 0;\n"
                "\t$cpu = 0;\n"
                "\twhile ($cpu < 1024) {\n"
                "\t\t$sum += @events[$cpu];\n"
                "\t\t$cpu++;\n"
                "\t}\n"
                "\tprintf(\"goleak-recorder-end: events=%lld ts=%llu\\n\", $sum, nsecs);\n"
                "\tclear(@events);\n"
                "\tclear(@early);\n"
                "\tclear(@attached);\n");
    write_lock_clears(script);
    put(script, "}\n");
}

static enum goleak_status check_path(const char *path, struct goleak_error *error)
{
    const char *bad = path != NULL ? strpbrk(path, ":\"\\*?[]{}$<>") : NULL;
    if (bad == NULL)
        return GOLEAK_OK;
    return goleak_error_set(error, GOLEAK_E_USAGE,
                            "found '%c' in the program's path, which bpftrace cannot name: "
                            "give the program another name, by a hard link for instance",
                            *bad);
}

/* By name they cannot be told apart: the * in it is a pattern's. */
static enum goleak_status check_locks(const struct goleak_recorder_target *target, struct goleak_error *error)
{
    for (size_t i = GOLEAK_PLACE_FIRST_LOCK; i < GOLEAK_PLACE_COUNT; i++)
        if (target->probes[i].wanted && target->probes[i].ambiguous)
            return goleak_error_set(error, GOLEAK_E_USAGE,
                                    "bpftrace would take the offset of %s for an address that has other code: "
                                    "the script for perf can record its locks", target->probes[i].symbol);
    return GOLEAK_OK;
}

static void fill_words(struct script *script)
{
    const struct goleak_recorder_target *target = script->target;
    const struct goleak_recorder_word amd64[] = {
        { "g", "r14", 0 }, { "a0", "ax", 0 }, { "a1", "bx", 0 },
        { "a2", "cx", 0 }, { "a3", "di", 0 }, { "a4", "si", 0 },
    };
    const struct goleak_recorder_word arm64[] = {
        { "g", "r28", 0 }, { "a0", "r0", 0 }, { "a1", "r1", 0 },
        { "a2", "r2", 0 }, { "a3", "r3", 0 }, { "a4", "r4", 0 },
    };
    struct goleak_recorder_word *own = script->words + GOLEAK_RECORDER_WORDS;
    goleak_recorder_words(target, script->words);
    memcpy(own, target->arch == GOLEAK_ARCH_ARM64 ? arm64 : amd64, sizeof amd64);
    own[6] = (struct goleak_recorder_word){ "unsafe", needs_unsafe(target) ? "--unsafe " : "", 0 };
    own[7] = (struct goleak_recorder_word){ "path", target->exe != NULL ? "" : " /path/to/app", 0 };
    own[8] = (struct goleak_recorder_word){ "with", target->exe != NULL ? "--exe=THE-PROGRAM " : "", 0 };
}

static enum goleak_status write_bpftrace(const struct goleak_recorder_target *target, struct goleak_buf *out,
                                         struct goleak_error *error)
{
    struct script script = { .target = target, .out = out };
    enum goleak_status status = check_path(target->exe, error);
    if (status == GOLEAK_OK)
        status = check_locks(target, error);
    if (status != GOLEAK_OK)
        return status;
    fill_words(&script);
    write_commands(&script);
    write_limits(&script);
    put(&script, "//\n");
    goleak_recorder_cost(out, target, "// ");
    write_begin(&script);
    write_order(&script);
    write_goroutine_end(&script);
    if (is_wanted(&script, GOLEAK_PLACE_EXECUTE))
        write_execute(&script);
    write_ready(&script);
    write_objects(&script);
    write_locks(&script, true);
    write_gopark(&script);
    write_locks(&script, false);
    write_newproc1(&script);
    write_early_releases(&script);
    write_early_end(&script);
    write_end(&script);
    return GOLEAK_OK;
}

const struct goleak_recorder goleak_recorder_bpftrace = { .name = "bpftrace", .write = write_bpftrace };
