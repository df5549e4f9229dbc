/*
 * dtrace - a D script for DTrace on macOS, FreeBSD, illumos and (Oracle's) Linux.
 *
 * One script serves them all. It keeps to what all of them compile and mean alike:
 *
 *      uregs[R_RAX], not arg0    on amd64 argN are the registers of C's calling convention, not of
 *                                Go's; on arm64 the two agree
 *      arg1 of a return probe    the value returned
 *      ?: and predicates         Oracle's D has no if, and no pattern matches a local symbol
 *      sum(), one aggregation    a counter that two CPUs cannot tear; BEGIN adds 0, so that END has
 *                                something to print where nothing fired
 *      bufsize, switchrate, …    options that all of them know (temporal is not one)
 *
 * What it prints is format/dtrace.c's extended form, between a first and a last line:
 *
 *      goleak-recorder: version=1 tool=dtrace go=1.26 arch=amd64 probes=newproc1,gopark,…
 *      newproc1: goroutine=42bacfbd680 goid=3 parent=42bacfbc1e0 parentgoid=1 gopc=4a52a5 …
 *      goleak-recorder-end: events=36
 *
 * The count is of probes that fired: it is taken before anything else in a clause, so a
 * line that was dropped, or that a fault cut off, is missing from the lines and not from it.
 *
 * Two things differ by system and not by version. m.curg stands 8 bytes later where Go's
 * sigset has 16 bytes (FreeBSD, illumos); nothing in D tells these systems apart, so the
 * script says it beside the number. And probes behind a prologue are known to work on amd64
 * only: on arm64 gopark is probed at its entry, as the article does on macOS.
 */
#include "recorder/recorder.h"

#include "base/error.h"

#include <string.h>

/* Creation and block sites lie within a few frames of the runtime's own. Every record
 * takes room for as many as may be. */
#define STACK_FRAMES 48

/* Versions that a script of this file was run with: Oracle DTrace 2.0.7, Linux, amd64. */
static const unsigned char run_with[] = { 19, 21, 22, 23, 24, 26, 27 };

static bool was_run(const struct goleak_recorder_target *target)
{
    return target->arch == GOLEAK_ARCH_AMD64 && memchr(run_with, (int)target->layout->minor, sizeof run_with) != NULL;
}

/* ---- what the user reads ----------------------------------------------------- */

/* Neither the shell, dtrace -c nor a D comment makes anything of these bytes. */
static const char *program(const struct goleak_recorder_target *target)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%";
    return target->exe != NULL && target->exe[strspn(target->exe, plain)] == '\0' ? target->exe : "PROGRAM";
}

static void write_usage(const struct goleak_recorder_target *target, struct goleak_buf *out)
{
    const char *exe = program(target);
    goleak_buf_printf(out, "/*\n"
                           " * Records the goroutines of a Go %s program on %s, for goleak-report. Save it as\n"
                           " * goroutines.d and, as root:\n"
                           " *\n"
                           " *     dtrace -s goroutines.d -p PID > trace.txt 2> trace.err\n"
                           " *     dtrace -s goroutines.d -c %s > trace.txt 2> trace.err\n"
                           " *     goleak-report trace.txt trace.err\n"
                           " *\n",
                      target->version, target->arch_name, exe);
    goleak_buf_text(out, " * The first records a process that runs, until Ctrl-C, and leaves it running; the\n"
                         " * second a program from its start to its end. Keep trace.err: what DTrace loses\n"
                         " * (\"33 drops on CPU 0\") it says there and nowhere else. Raise bufsize if it does.\n"
                         " * Functions are found by name: a program linked with -ldflags=-s cannot be recorded.\n"
                         " *\n");
}

static void write_systems(const struct goleak_recorder_target *target, struct goleak_buf *out)
{
    goleak_buf_text(out, " * macOS     as above.\n");
    if (target->arch == GOLEAK_ARCH_AMD64)
        goleak_buf_printf(out, " * FreeBSD   kldload dtraceall first.%s\n"
                               " * illumos   as above.%s\n",
                          target->minimal ? "" : " Set CURG, below, as it says there.",
                          target->minimal ? "" : " Set CURG, below, as it says there.");
    goleak_buf_text(out, " * Linux     with Oracle's DTrace 2. The program must be dynamically linked:\n"
                         " *               CGO_ENABLED=1 go build -ldflags=-linkmode=external\n"
                         " *           It needs debugfs:\n"
                         " *               mount -t debugfs nodev /sys/kernel/debug\n"
                         " *           and, where it \"failed to resolve vmlinux`major_names\", a copy of its\n"
                         " *           libraries (in /usr/lib64/dtrace, or /usr/lib/x86_64-linux-gnu/dtrace)\n"
                         " *           without io.d:\n"
                         " *               cp -r /usr/lib64/dtrace dlib && find dlib -name io.d -delete\n"
                         " *               dtrace -x syslibdir=dlib -s goroutines.d ...\n"
                         " *\n");
}

static void write_head(const struct goleak_recorder_target *target, struct goleak_buf *out)
{
    write_usage(target, out);
    write_systems(target, out);
    goleak_buf_printf(out, " * %s with Go %s programs on %s%s.\n"
                           " */\n",
                      was_run(target) ? "It was run" : "It was not run yet", target->version, target->arch_name,
                      was_run(target) ? ", on Linux; not yet on the other systems" : "");
}

/* ---- what depends on machine and version ------------------------------------- */

static void write_registers(const struct goleak_recorder_target *target, struct goleak_buf *out)
{
    static const char *const registers[] = { "RAX", "RBX", "RCX", "RDI", "RSI" };
    bool amd64 = target->arch == GOLEAK_ARCH_AMD64;
    int count = target->objects ? 5 : 4; /* selectgo has most */
    goleak_buf_printf(out, "\n/* The current g, and arguments, by Go's own calling convention on %s. */\n"
                           "inline uint64_t CURRENT = uregs[%s];\n",
                      target->arch_name, amd64 ? "R_R14" : "R_X28");
    for (int i = 0; i < count; i++) {
        if (amd64)
            goleak_buf_printf(out, "inline uint64_t ARG%d = uregs[R_%s];\n", i, registers[i]);
        else
            goleak_buf_printf(out, "inline uint64_t ARG%d = arg%d;\n", i, i);
    }
}

static void write_offset(struct goleak_buf *out, const char *name, unsigned offset, const char *field)
{
    goleak_buf_printf(out, "inline int %s = %u; /* %s */\n", name, offset, field);
}

static void write_offsets(const struct goleak_recorder_target *target, struct goleak_buf *out)
{
    const struct goleak_go_layout *layout = target->layout;
    goleak_buf_printf(out, "\n/* Where fields stand, in Go %s. */\n", target->version);
    write_offset(out, "GOID", layout->g_goid, "g.goid");
    write_offset(out, "GOPC", layout->g_gopc, "g.gopc");
    write_offset(out, "STARTPC", layout->g_startpc, "g.startpc");
    if (target->minimal) {
        if (layout->g_parent_goid != 0)
            write_offset(out, "PARENTGOID", layout->g_parent_goid, "g.parentGoid");
        return;
    }
    write_offset(out, "WAITING", layout->g_waiting, "g.waiting");
    write_offset(out, "CHAN", layout->sudog_chan, "sudog.c");
    write_offset(out, "M", layout->g_m, "g.m");
    goleak_buf_printf(out, "inline int CURG = %u; /* m.curg; on FreeBSD and illumos %u */\n", layout->m_curg,
                      layout->m_curg + 8U);
}

/* ---- clauses ------------------------------------------------------------------ */

/* The goid of the g at this address, an expression of D. */
#define GOID_OF(g) "*(uint64_t *)copyin(" g " + GOID, 8)"

static void begin_clause(const struct goleak_recorder_target *target, struct goleak_buf *out,
                         enum goleak_recorder_place place, const char *predicate)
{
    const struct goleak_recorder_probe *probe = &target->probes[place];
    goleak_buf_printf(out, "\npid$target::%s:", probe->symbol);
    if (place == GOLEAK_PLACE_NEWPROC1)
        goleak_buf_text(out, "return");
    else if (target->arch == GOLEAK_ARCH_AMD64 && probe->skip != 0)
        goleak_buf_hex(out, probe->skip);
    else
        goleak_buf_text(out, "entry");
    goleak_buf_printf(out, "\n%s{\n\t@events = sum(1);\n", predicate);
}

/* The line: keys and their formats, then the values; all end in the same way. */
static void write_line(const struct goleak_recorder_target *target, struct goleak_buf *out,
                       enum goleak_recorder_place place, const char *keys, const char *values)
{
    goleak_buf_printf(out, "\tprintf(\"%s: %s ts=%%d cpu=%%d pid=%%d tid=%%d\\n\",\n"
                           "\t    %s,\n"
                           "\t    timestamp, cpu, pid, tid);\n",
                      target->probes[place].event, keys, values);
}

static void end_clause(const struct goleak_recorder_target *target, struct goleak_buf *out, bool stack)
{
    if (stack && !target->minimal)
        goleak_buf_printf(out, "\tustack(%d);\n", STACK_FRAMES);
    goleak_buf_text(out, "}\n");
}

/* callergp is an argument, the new g is returned. newproc1 runs on the system stack, the
 * only place where a return probe does no harm to a Go program. */
static void write_newproc1(const struct goleak_recorder_target *target, struct goleak_buf *out)
{
    const char *symbol = target->probes[GOLEAK_PLACE_NEWPROC1].symbol;
    if (target->minimal) {
        bool parent = target->layout->g_parent_goid != 0;
        begin_clause(target, out, GOLEAK_PLACE_NEWPROC1, "");
        write_line(target, out, GOLEAK_PLACE_NEWPROC1,
                   parent ? "goroutine=%p goid=%d parentgoid=%d gopc=%p startpc=%p"
                          : "goroutine=%p goid=%d gopc=%p startpc=%p",
                   parent ? "arg1, " GOID_OF("arg1") ", *(uint64_t *)copyin(arg1 + PARENTGOID, 8),\n"
                            "\t    *(uint64_t *)copyin(arg1 + GOPC, 8), *(uint64_t *)copyin(arg1 + STARTPC, 8)"
                          : "arg1, " GOID_OF("arg1") ",\n"
                            "\t    *(uint64_t *)copyin(arg1 + GOPC, 8), *(uint64_t *)copyin(arg1 + STARTPC, 8)");
        end_clause(target, out, false);
        return;
    }
    goleak_buf_printf(out, "\npid$target::%s:entry\n"
                           "{\n"
                           "\tself->parent = ARG1;\n"
                           "}\n",
                      symbol);
    begin_clause(target, out, GOLEAK_PLACE_NEWPROC1, "/self->parent != 0/\n");
    write_line(target, out, GOLEAK_PLACE_NEWPROC1,
               "goroutine=%p goid=%d parent=%p parentgoid=%d gopc=%p startpc=%p",
               "arg1, " GOID_OF("arg1") ", self->parent, " GOID_OF("self->parent") ",\n"
               "\t    *(uint64_t *)copyin(arg1 + GOPC, 8), *(uint64_t *)copyin(arg1 + STARTPC, 8)");
    end_clause(target, out, true);
    /* In a clause of its own: a fault in the other must not leave it set. */
    goleak_buf_printf(out, "\npid$target::%s:return\n"
                           "{\n"
                           "\tself->parent = 0;\n"
                           "}\n",
                      symbol);
}

/* The channel is that of the first case, where the goroutine waits on several. */
static void write_gopark(const struct goleak_recorder_target *target, struct goleak_buf *out)
{
    begin_clause(target, out, GOLEAK_PLACE_GOPARK, "");
    if (target->minimal) {
        write_line(target, out, GOLEAK_PLACE_GOPARK, "goroutine=%p goid=%d reason=%d wait=%d",
                   "CURRENT, " GOID_OF("CURRENT") ", ARG3 & 0xff, ARG2 & 0xff");
    } else {
        goleak_buf_text(out, "\tthis->sudog = *(uint64_t *)copyin(CURRENT + WAITING, 8);\n"
                             "\tthis->chan = this->sudog != 0 ? *(uint64_t *)copyin(this->sudog + CHAN, 8) : 0;\n");
        write_line(target, out, GOLEAK_PLACE_GOPARK, "goroutine=%p goid=%d reason=%d wait=%d lock=%p chan=%p",
                   "CURRENT, " GOID_OF("CURRENT") ", ARG3 & 0xff, ARG2 & 0xff, ARG1, this->chan");
    }
    end_clause(target, out, true);
}

/* It runs on a thread's g0: who wakes is the goroutine that this thread serves; none, if a
 * timer or the scheduler does. */
static void write_ready(const struct goleak_recorder_target *target, struct goleak_buf *out)
{
    begin_clause(target, out, GOLEAK_PLACE_READY, "");
    if (target->minimal) {
        write_line(target, out, GOLEAK_PLACE_READY, "goroutine=%p goid=%d", "ARG0, " GOID_OF("ARG0"));
    } else {
        goleak_buf_text(out, "\tthis->m = *(uint64_t *)copyin(CURRENT + M, 8);\n"
                             "\tthis->by = *(uint64_t *)copyin(this->m + CURG, 8);\n"
                             "\tthis->bygoid = this->by != 0 ? " GOID_OF("this->by") " : 0;\n");
        write_line(target, out, GOLEAK_PLACE_READY, "goroutine=%p goid=%d by=%p bygoid=%d",
                   "ARG0, " GOID_OF("ARG0") ", this->by, this->bygoid");
    }
    end_clause(target, out, false);
}

static void write_argument(const struct goleak_recorder_target *target, struct goleak_buf *out,
                           enum goleak_recorder_place place)
{
    begin_clause(target, out, place, "");
    write_line(target, out, place, "goroutine=%p goid=%d", "ARG0, " GOID_OF("ARG0"));
    end_clause(target, out, false);
}

/* What the current goroutine does. Timers send on a thread's g0, which has goid 0 and is
 * no goroutine. */
static void write_object(const struct goleak_recorder_target *target, struct goleak_buf *out,
                         enum goleak_recorder_place place)
{
    const char *keys = "goroutine=%p goid=%d chan=%p", *values = "CURRENT, " GOID_OF("CURRENT") ", ARG0";
    if (place == GOLEAK_PLACE_SELECTGO) {
        keys = "goroutine=%p goid=%d cases=%d";
        values = "CURRENT, " GOID_OF("CURRENT") ", ARG3 + ARG4";
    } else if (place == GOLEAK_PLACE_SEMACQUIRE1 || place == GOLEAK_PLACE_SEMRELEASE1) {
        keys = "goroutine=%p goid=%d lock=%p";
    }
    begin_clause(target, out, place, "/0 != " GOID_OF("CURRENT") "/\n"); /* "/""*" would begin a comment */
    write_line(target, out, place, keys, values);
    end_clause(target, out, false);
}

/* ---- the script ---------------------------------------------------------------- */

static enum goleak_status write_dtrace(const struct goleak_recorder_target *target, struct goleak_buf *out,
                                       struct goleak_error *error)
{
    if (target->by_address)
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "the program has no symbols, and DTrace finds functions by name: expected a program "
                                "linked without -s (the scripts for bpftrace and perf take addresses)");
    write_head(target, out);
    goleak_buf_text(out, "#pragma D option quiet\n"
                         "#pragma D option bufsize=16m\n"
                         "#pragma D option switchrate=100hz\n");
    write_registers(target, out);
    write_offsets(target, out);
    goleak_buf_printf(out, "\nBEGIN\n"
                           "{\n"
                           "\t@events = sum(0);\n"
                           "\tprintf(\"goleak-recorder: version=1 tool=dtrace go=%s arch=%s probes=%s\\n\");\n"
                           "}\n",
                      target->version, target->arch_name, target->probe_names);
    write_newproc1(target, out);
    write_gopark(target, out);
    write_ready(target, out);
    write_argument(target, out, GOLEAK_PLACE_EXECUTE);
    write_argument(target, out, GOLEAK_PLACE_END);
    for (int place = GOLEAK_PLACE_FIRST_OBJECT; target->objects && place < GOLEAK_PLACE_COUNT; place++)
        write_object(target, out, (enum goleak_recorder_place)place);
    goleak_buf_text(out, "\nEND\n"
                         "{\n"
                         "\tprinta(\"goleak-recorder-end: events=%@d\\n\", @events);\n"
                         "}\n");
    return GOLEAK_OK;
}

const struct goleak_recorder goleak_recorder_dtrace = { "dtrace", write_dtrace };
