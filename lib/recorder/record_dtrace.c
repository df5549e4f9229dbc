/*
 * record_dtrace - a D script for DTrace on macOS, FreeBSD, illumos and (Oracle's) Linux.
 *
 *      goleak-recorder: version=1 tool=dtrace go=1.26 arch=amd64 probes=newproc1,gopark,…
 *      newproc1: goroutine=42bacfbd680 goid=3 parent=42bacfbc1e0 parentgoid=1 gopc=4a52a5 …
 *                    app`runtime.newproc.func1+0x25
 *                    …
 *      goleak-recorder-end: ts=92033911 events=36
 *
 * One script serves them all. It keeps to what all of them compile, and mean alike:
 *
 *   - Arguments on amd64 are uregs[R_RAX] and so on. argN are registers too, but those of C's
 *     calling convention; on arm64 the two conventions agree.
 *   - A return probe's arg1 is the value returned.
 *   - Oracle's D has no if, and no pattern matches a local symbol, which Go's all are.
 *   - Events are counted by an aggregation, which no two CPUs can tear. BEGIN adds 0, so that
 *     END has something to print where nothing fired.
 *   - Options are those that all of them know (temporal is not one).
 *
 * What differs by system, and not by version, is m.curg: it stands 8 bytes later where Go's
 * sigset has 16 bytes (FreeBSD, illumos). Neither D nor our target tells these systems apart,
 * so the script says it beside the number.
 *
 * A line and its stack are one record of one clause: no other CPU's line comes between.
 */
#include "recorder/recorder.h"

#include "base/error.h"

#include <assert.h>
#include <string.h>

#define OWN_WORDS 14

/* What is being written. */
struct script {
    const struct goleak_recorder_target *target;
    struct goleak_buf *out;
    struct goleak_recorder_word words[GOLEAK_RECORDER_WORDS + OWN_WORDS];
};

/* Go versions whose programs were recorded with this script: Oracle DTrace 2.0.7, Linux, amd64. */
static const unsigned char run_with[] = { 19, 21, 22, 23, 24, 25, 26, 27 };

static void put(const struct script *script, const char *text)
{
    goleak_recorder_fill(script->out, text, script->words, sizeof script->words / sizeof *script->words);
}

/* ---- clauses ------------------------------------------------------------------ */

static bool is_behind_prologue(const struct goleak_recorder_target *target, enum goleak_recorder_place place)
{
    /* On arm64 nobody is known to have run such a probe, and the article's is at the entry. */
    return target->arch == GOLEAK_ARCH_AMD64 && target->probes[place].skip != 0;
}

static void write_place(const struct script *script, enum goleak_recorder_place place, const char *predicate)
{
    const struct goleak_recorder_probe *probe = &script->target->probes[place];
    goleak_buf_printf(script->out, "\npid$target::%s:", probe->symbol);
    if (place == GOLEAK_PLACE_NEWPROC1)
        goleak_buf_text(script->out, "return");
    else if (is_behind_prologue(script->target, place))
        goleak_buf_hex(script->out, probe->skip);
    else
        goleak_buf_text(script->out, "entry");
    put(script, "\n");
    put(script, predicate);
    put(script, "{\n");
}

/* newproc1 runs on the system stack, the only place where a return probe does no harm to a
 * Go program. Its argument is the spawner, or the g0 of a thread on which a timer spawned:
 * that is no goroutine. */
static void write_newproc1(const struct script *script)
{
    put(script, "\npid$target::runtime.newproc1:entry\n"
                "{\n"
                "\tself->parent = ARG1;\n"
                "}\n");
    write_place(script, GOLEAK_PLACE_NEWPROC1, "/self->parent != 0/\n");
    put(script, "<count>"
                "\tthis->parentgoid = <[>self->parent + GOID<]>;\n"
                "\tprintf(\"newproc1: goroutine=%p goid=%d parent=%p parentgoid=%d gopc=%p startpc=%p<where>"
                "\t    arg1, <[>arg1 + GOID<]>, this->parentgoid != 0 ? self->parent : 0, this->parentgoid,\n"
                "\t    <[>arg1 + GOPC<]>, <[>arg1 + STARTPC<]>,<values>"
                "\tustack(<frames>);\n"
                "}\n");
    /* In a clause of its own: a fault in the other must not leave it set. */
    write_place(script, GOLEAK_PLACE_NEWPROC1, "");
    put(script, "\tself->parent = 0;\n"
                "}\n");
}

static void write_newproc1_minimal(const struct script *script)
{
    bool has_parent = script->target->layout->g_parent_goid != 0;
    write_place(script, GOLEAK_PLACE_NEWPROC1, "");
    put(script, "<count>"
                "\tprintf(\"newproc1: goroutine=%p goid=%d");
    put(script, has_parent ? " parentgoid=%d" : "");
    put(script, " gopc=%p startpc=%p<where>"
                "\t    arg1, <[>arg1 + GOID<]>,");
    put(script, has_parent ? " <[>arg1 + PARENTGOID<]>," : "");
    put(script, "\n"
                "\t    <[>arg1 + GOPC<]>, <[>arg1 + STARTPC<]>,<values>"
                "}\n");
}

/* D has no loops: so many cases of a select are looked at. */
#define CASES 6

/* When the first timer fires that it selects (3) or receives (7) from. */
static void write_until(const struct script *script)
{
    put(script, "\tthis->until = (uint64_t)0;\n"
                "\tthis->arm = (ARG3 & 0xff) == 3 || (ARG3 & 0xff) == 7 ? this->sudog : 0;\n");
    for (int i = 0; i < CASES; i++)
        put(script, "\tthis->timer = this->arm != 0 ? <[><[>this->arm + CHAN<]> + TIMER<]> : 0;\n"
                    "\tthis->when = this->timer != 0 ? <[>this->timer + WHEN<]> : 0;\n"
                    "\tthis->until = this->when != 0 && (this->until == 0 || this->when < this->until) ? this->when :\n"
                    "\t    this->until;\n"
                    "\tthis->arm = this->arm != 0 ? <[>this->arm + NEXT<]> : 0;\n");
}

/* The channel is that of the first case, where the goroutine waits for several. */
static void write_gopark(const struct script *script)
{
    const bool tells_timers = script->target->layout->hchan_timer != 0;
    write_place(script, GOLEAK_PLACE_GOPARK, "");
    if (script->target->minimal) {
        put(script, "<count>"
                    "\tprintf(\"gopark: goroutine=%p goid=%d reason=%d wait=%d<where>"
                    "\t    CURRENT, <[>CURRENT + GOID<]>, ARG3 & 0xff, ARG2 & 0xff,<values>"
                    "}\n");
        return;
    }
    put(script, "<count>"
                "\tthis->sudog = <[>CURRENT + WAITING<]>;\n"
                "\tthis->chan = this->sudog != 0 ? <[>this->sudog + CHAN<]> : 0;\n");
    if (tells_timers)
        write_until(script);
    put(script, "\tprintf(\"gopark: goroutine=%p goid=%d reason=%d wait=%d lock=%p chan=%p");
    put(script, tells_timers ? " until=%d<where>" : "<where>");
    put(script, "\t    CURRENT, <[>CURRENT + GOID<]>, ARG3 & 0xff, ARG2 & 0xff, ARG1, this->chan,");
    put(script, tells_timers ? " this->until,<values>" : "<values>");
    put(script, "\tustack(<frames>);\n"
                "}\n");
}

/* It runs on a thread's g0: who wakes is the goroutine that this thread serves; none, if a
 * timer or the scheduler does. */
static void write_ready(const struct script *script)
{
    write_place(script, GOLEAK_PLACE_READY, "");
    if (script->target->minimal) {
        put(script, "<count>"
                    "\tprintf(\"ready: goroutine=%p goid=%d<where>"
                    "\t    ARG0, <[>ARG0 + GOID<]>,<values>"
                    "}\n");
        return;
    }
    put(script, "<count>"
                "\tthis->m = <[>CURRENT + M<]>;\n"
                "\tthis->by = <[>this->m + CURG<]>;\n"
                "\tthis->bygoid = this->by != 0 ? <[>this->by + GOID<]> : 0;\n"
                "\tprintf(\"ready: goroutine=%p goid=%d by=%p bygoid=%d<where>"
                "\t    ARG0, <[>ARG0 + GOID<]>, this->by, this->bygoid,<values>"
                "}\n");
}

/* execute, and the goroutine's end. */
static void write_argument(const struct script *script, enum goleak_recorder_place place)
{
    const struct goleak_recorder_probe *probe = &script->target->probes[place];
    if (!probe->wanted)
        return;
    write_place(script, place, "");
    put(script, "<count>"
                "\tprintf(\"");
    put(script, probe->event);
    put(script, ": goroutine=%p goid=%d<where>"
                "\t    ARG0, <[>ARG0 + GOID<]>,<values>"
                "}\n");
}

/* What the current goroutine does. The runtime itself, on a system stack, is no goroutine:
 * goid 0 is left out. (The 0 comes first, for a slash and a star begin a comment.) */
static void write_object(const struct script *script, enum goleak_recorder_place place, const char *key,
                         const char *value)
{
    const struct goleak_recorder_probe *probe = &script->target->probes[place];
    if (!probe->wanted)
        return;
    if (place == GOLEAK_PLACE_SELECTGO && !probe->located)
        put(script, "\n/* Delete this one, if it \"does not match any probes\": the program has no select. */");
    write_place(script, place, "/0 != <[>CURRENT + GOID<]>/\n");
    put(script, "<count>"
                "\tprintf(\"");
    put(script, probe->event);
    put(script, ": goroutine=%p goid=%d ");
    put(script, key);
    put(script, "<where>"
                "\t    CURRENT, <[>CURRENT + GOID<]>, ");
    put(script, value);
    put(script, ",<values>"
                "}\n");
}

static void write_objects(const struct script *script)
{
    write_object(script, GOLEAK_PLACE_CHANSEND, "chan=%p", "ARG0");
    write_object(script, GOLEAK_PLACE_CHANRECV, "chan=%p", "ARG0");
    write_object(script, GOLEAK_PLACE_CLOSECHAN, "chan=%p", "ARG0");
    write_object(script, GOLEAK_PLACE_SELECTGO, "cases=%d", "ARG3 + ARG4");
    write_object(script, GOLEAK_PLACE_SEMACQUIRE1, "lock=%p", "ARG0");
    write_object(script, GOLEAK_PLACE_SEMRELEASE1, "lock=%p", "ARG0");
}

/* ---- what depends on machine and version ------------------------------------- */

/* FreeBSD's pid provider has no return probes on arm64, and illumos does not run there. */
static bool has_other_systems(const struct goleak_recorder_target *target)
{
    return target->arch == GOLEAK_ARCH_AMD64;
}

static void write_names(const struct script *script)
{
    put(script, "\n/* The current g, and the arguments, by Go's calling convention. */\n"
                "inline uint64_t CURRENT = <g>;\n"
                "inline uint64_t ARG0 = <a0>;\n"
                "inline uint64_t ARG1 = <a1>;\n"
                "inline uint64_t ARG2 = <a2>;\n"
                "inline uint64_t ARG3 = <a3>;\n");
    if (script->target->objects)
        put(script, "inline uint64_t ARG4 = <a4>;\n");
    put(script, "\n/* Where fields stand in Go <version>: g.goid, g.gopc, g.startpc and so on. */\n"
                "inline int GOID = <g_goid>;\n"
                "inline int GOPC = <g_gopc>;\n"
                "inline int STARTPC = <g_startpc>;\n");
    if (!script->target->minimal) {
        put(script, "inline int WAITING = <g_waiting>;\n"
                    "inline int CHAN = <sudog_chan>; /* of the sudog */\n");
        if (script->target->layout->hchan_timer != 0)
            put(script, "inline int NEXT = <sudog_next>;\n"
                        "inline int TIMER = <hchan_timer>; /* of the channel */\n"
                        "inline int WHEN = <timer_when>; /* of the timer */\n");
        put(script, "inline int M = <g_m>;\n"
                    "inline int CURG = <m_curg>; /* of m");
        put(script, has_other_systems(script->target) ? ". FreeBSD, illumos: <m_curg_other> */\n" : " */\n");
    }
    if (script->target->minimal && script->target->layout->g_parent_goid != 0)
        put(script, "inline int PARENTGOID = <g_parent_goid>;\n");
}

/* ---- what the user reads ------------------------------------------------------- */

static void write_commands(const struct script *script)
{
    put(script, "/*\n"
                " * Records the goroutines of a Go <version> program on <arch> for goleak-report.\n"
                " *\n"
                " * As root. Ctrl-C ends it, and the recorded program goes on:\n"
                " *\n"
                " *   dtrace -s THIS.d -p PID > trace.txt 2> trace.err\n"
                " *   dtrace -s THIS.d -c <app> > trace.txt 2> trace.err    # to its end\n"
                " *   goleak-report trace.txt trace.err\n"
                " *\n"
                " * In the background (&) a shell may have SIGINT ignored: kill -TERM ends it as well.\n"
                " *\n"
                " * DTrace tells its losses (\"33 drops on CPU 0\") on standard error: keep trace.err, and\n"
                " * raise bufsize where events are lost. The program needs its symbol table.\n"
                " *\n");
}

static void write_systems(const struct script *script)
{
    put(script, " * macOS: no more than that.\n");
    if (has_other_systems(script->target))
        put(script, script->target->minimal ? " * FreeBSD, illumos: no more than that.\n"
                                            : " * FreeBSD, illumos: set CURG to <m_curg_other>, below.\n");
    put(script, " * Linux: with Oracle's DTrace 2. The program must be dynamically linked, and debugfs mounted:\n"
                " *\n"
                " *   CGO_ENABLED=1 go build -ldflags=-linkmode=external\n"
                " *   mount -t debugfs nodev /sys/kernel/debug\n"
                " *\n"
                " * Where it \"failed to resolve vmlinux`major_names\", give it a copy of its library folder\n"
                " * (/usr/lib64/dtrace, on Debian /usr/lib/x86_64-linux-gnu/dtrace) that has no io.d:\n"
                " *\n"
                " *   cp -r /usr/lib64/dtrace dlib && find dlib -name io.d -delete\n"
                " *   dtrace -x syslibdir=dlib -s THIS.d ...\n"
                " *\n");
}

static void write_limits(const struct script *script)
{
    const struct goleak_recorder_target *target = script->target;
    if (!target->minimal && !is_behind_prologue(target, GOLEAK_PLACE_GOPARK)) {
        put(script, " * gopark's probe is at its entry: on Linux the function that called it is missing in the\n"
                    " * stack, and everywhere a stack that grows prints a line twice.");
        put(script, target->arch == GOLEAK_ARCH_AMD64 ? " With --exe it is behind the\n * prologue.\n" : "\n");
    }
    if (target->arch == GOLEAK_ARCH_AMD64 && memchr(run_with, (int)target->layout->minor, sizeof run_with) != NULL)
        put(script, " * Run on Linux. NOT RUN on the other systems.\n");
    else
        put(script, " * NOT RUN: Go <version> on <arch> is known from its source and its ABI's description only.\n");
}

/* ---- the script ------------------------------------------------------------------ */

/* The path, if neither the shell, dtrace -c nor a comment of D makes anything of its bytes. */
static const char *plain_path(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%";
    return path != NULL && path[strspn(path, plain)] == '\0' ? path : "/path/to/app";
}

static void fill_words(struct script *script)
{
    const struct goleak_recorder_target *target = script->target;
    const struct goleak_recorder_word amd64[] = {
        { "g", "uregs[R_R14]", 0 },  { "a0", "uregs[R_RAX]", 0 }, { "a1", "uregs[R_RBX]", 0 },
        { "a2", "uregs[R_RCX]", 0 }, { "a3", "uregs[R_RDI]", 0 }, { "a4", "uregs[R_RSI]", 0 },
    };
    const struct goleak_recorder_word arm64[] = {
        { "g", "uregs[R_X28]", 0 }, { "a0", "arg0", 0 }, { "a1", "arg1", 0 },
        { "a2", "arg2", 0 },        { "a3", "arg3", 0 }, { "a4", "arg4", 0 },
    };
    const struct goleak_recorder_word others[] = {
        { "app", plain_path(target->exe), 0 },
        { "m_curg_other", NULL, target->layout->m_curg + 8U },
        /* The sites lie close to the runtime's frames; each record takes room for all. */
        { "frames", NULL, 48 },
        /* Comes first in a clause: a line that is dropped, or that a fault cuts off, was counted. */
        { "count", "\t@events = sum(1);\n", 0 },
        /* Every line ends in these keys. */
        { "where", " ts=%d cpu=%d pid=%d tid=%d\\n\",\n", 0 },
        { "values", "\n\t    timestamp, cpu, pid, tid);\n", 0 },
        /* The word in the program's memory at an address: <[>address<]>. */
        { "[", "*(uint64_t *)copyin(", 0 },
        { "]", ", 8)", 0 },
    };
    struct goleak_recorder_word *own = script->words + GOLEAK_RECORDER_WORDS;
    static_assert((sizeof amd64 + sizeof others) / sizeof *others == OWN_WORDS, "the words have their room");
    goleak_recorder_words(target, script->words);
    memcpy(own, target->arch == GOLEAK_ARCH_ARM64 ? arm64 : amd64, sizeof amd64);
    memcpy(own + sizeof amd64 / sizeof *amd64, others, sizeof others);
}

static enum goleak_status write_dtrace(const struct goleak_recorder_target *target, struct goleak_buf *out,
                                       struct goleak_error *error)
{
    struct script script = { .target = target, .out = out };
    if (target->by_address)
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "the program has no symbols, and DTrace finds functions by name: expected a program "
                                "linked without -s (the scripts for bpftrace and perf take addresses)");
    fill_words(&script);
    write_commands(&script);
    write_systems(&script);
    write_limits(&script);
    put(&script, " *\n");
    goleak_recorder_cost(out, target, " * ");
    put(&script, " */\n");
    put(&script, "#pragma D option quiet\n"
                 "#pragma D option bufsize=16m\n"
                 "#pragma D option switchrate=100hz\n");
    write_names(&script);
    put(&script, "\nBEGIN\n"
                 "{\n"
                 "\t@events = sum(0);\n"
                 "\tprintf(\"goleak-recorder: version=1 tool=dtrace go=<version> arch=<arch> probes=<probes>\\n\");\n"
                 "}\n");
    if (target->minimal)
        write_newproc1_minimal(&script);
    else
        write_newproc1(&script);
    write_gopark(&script);
    write_ready(&script);
    write_argument(&script, GOLEAK_PLACE_EXECUTE);
    write_argument(&script, GOLEAK_PLACE_END);
    write_objects(&script);
    put(&script, "\nEND\n"
                 "{\n"
                 "\tprintf(\"goleak-recorder-end: ts=%d\", timestamp);\n"
                 "\tprinta(\" events=%@d\\n\", @events);\n"
                 "}\n");
    return GOLEAK_OK;
}

const struct goleak_recorder goleak_recorder_dtrace = {
    .name = "dtrace",
    .no_locks =
        "DTrace takes the * in a name such as sync.(*Mutex).Lock for a pattern: locks are recorded by the scripts "
        "for bpftrace and perf",
    .write = write_dtrace,
};
