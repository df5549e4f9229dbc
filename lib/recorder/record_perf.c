/*
 * record_perf - a shell script around perf, run with perf 6.1 (Debian 12) and 7.2.
 *
 *      # goleak-recorder: version=1 tool=perf go=1.26 arch=amd64 probes=newproc1,…
 *      app 17591/17593 [001]  1233.913773012: goleak_17580:gopark: (486ae0) g=0xfd13b3a1e0 goid=1 reason=7 …
 *                 86aee runtime.gopark+0xe (/srv/app)
 *                 …
 *      # goleak-recorder-end: events=52 lost=0 ts=1251913820977
 *
 * perf probe refuses an event that exists in any group, and moves probes where it finds
 * debug information: the script writes tracefs' uprobe_events itself. The kernel counts
 * what every probe hit (uprobe_profile): when the program ran under perf from its start to
 * its end, what is missing in the recording was lost.
 * The program is named there through a link of the script's own: its path may hold
 * blanks, which uprobe_events cannot, and nobody else's counts stand under that name.
 *
 * A pointer that is NULL cannot be followed, and some kernels then leave in the field
 * what the event before it put there: awk writes 0 where the pointer says so, and looks
 * no further from timer to timer. perf
 * prints the address of an event without a call chain in the same line: awk drops it.
 */
#include "recorder/recorder.h"

#include <string.h>

struct script {
    const struct goleak_recorder_target *target;
    struct goleak_buf *out;
    struct goleak_recorder_word words[GOLEAK_RECORDER_WORDS + 10];
};

static void put(const struct script *script, const char *text)
{
    goleak_recorder_fill(script->out, text, script->words, sizeof script->words / sizeof *script->words);
}

/* What each probe fetches. A kind that returns is newproc1's alone. */
struct fetch {
    const char *kind, *arguments;
};

/* The waker is the goroutine whose thread this is; so is the spawner, for at newproc1's
 * return the current g is the system stack's. */
static const struct fetch fetches[GOLEAK_PLACE_FIRST_LOCK] = {
    [GOLEAK_PLACE_NEWPROC1] = { "r", "g=$retval:x64 goid=+<g_goid>($retval):s64 parent=+<m_curg>(+<g_m>(<g>)):x64 "
                                     "parentgoid=+<g_goid>(+<m_curg>(+<g_m>(<g>))):s64 gopc=+<g_gopc>($retval):x64 "
                                     "startpc=+<g_startpc>($retval):x64" },
    [GOLEAK_PLACE_GOPARK] = { "p", "g=<g>:x64 goid=+<g_goid>(<g>):s64 reason=<a3>:u8 wait=<a2>:u8 lock=<a1>:x64 "
                                   "waiting=+<g_waiting>(<g>):x64 chan=+<sudog_chan>(+<g_waiting>(<g>)):x64 "
                                   "elem=+<sudog_elem>(+<g_waiting>(<g>)):x64" },
    [GOLEAK_PLACE_READY] = { "p", "g=<a0>:x64 goid=+<g_goid>(<a0>):s64 status=+<g_status>(<a0>):u32 "
                                  "by=+<m_curg>(+<g_m>(<g>)):x64 bygoid=+<g_goid>(+<m_curg>(+<g_m>(<g>))):s64" },
    [GOLEAK_PLACE_EXECUTE] = { "p", "g=<a0>:x64 goid=+<g_goid>(<a0>):s64" },
    [GOLEAK_PLACE_END] = { "p", "g=<a0>:x64 goid=+<g_goid>(<a0>):s64" },
    [GOLEAK_PLACE_CHANSEND] = { "p", "g=<g>:x64 goid=+<g_goid>(<g>):s64 chan=<a0>:x64" },
    [GOLEAK_PLACE_CHANRECV] = { "p", "g=<g>:x64 goid=+<g_goid>(<g>):s64 chan=<a0>:x64" },
    [GOLEAK_PLACE_CLOSECHAN] = { "p", "g=<g>:x64 goid=+<g_goid>(<g>):s64 chan=<a0>:x64" },
    [GOLEAK_PLACE_SELECTGO] = { "p", "g=<g>:x64 goid=+<g_goid>(<g>):s64 sends=<a3>:s64 receives=<a4>:s64" },
    [GOLEAK_PLACE_SEMACQUIRE1] = { "p", "g=<g>:x64 goid=+<g_goid>(<g>):s64 lock=<a0>:x64" },
    [GOLEAK_PLACE_SEMRELEASE1] = { "p", "g=<g>:x64 goid=+<g_goid>(<g>):s64 lock=<a0>:x64" },
};

/* Each of those of a lock. */
static const struct fetch lock_fetch = { "p", "g=<g>:x64 goid=+<g_goid>(<g>):s64 lock=<a0>:x64" };

static bool tells_timers(const struct goleak_recorder_target *target)
{
    return target->layout->hchan_timer != 0 && !target->minimal;
}

static const char minimal_gopark[] = "g=<g>:x64 goid=+<g_goid>(<g>):s64 reason=<a3>:u8 wait=<a2>:u8";

/* The sudog of a case of a select. */
static void put_case(const struct script *script, unsigned number)
{
    for (unsigned i = 0; i < number; i++)
        put(script, "+<sudog_next>(");
    put(script, "+<g_waiting>(<g>)");
    for (unsigned i = 0; i < number; i++)
        put(script, ")");
}

/* Of the first cases of a select: each is three words of a sample, needed or not. */
#define CASES 4

/* Of each case its channel's timer, and when that fires: awk knows which of it is good. */
static void put_cases(const struct script *script)
{
    for (unsigned i = 0; i < CASES; i++) {
        goleak_buf_printf(script->out, " case%u=", i);
        put_case(script, i);
        goleak_buf_printf(script->out, ":x64 timer%u=", i);
        put(script, "+<hchan_timer>(+<sudog_chan>(");
        put_case(script, i);
        goleak_buf_printf(script->out, ")):x64 when%u=", i);
        put(script, "+<timer_when>(+<hchan_timer>(+<sudog_chan>(");
        put_case(script, i);
        put(script, "))):u64");
    }
}

/* ---- head ----------------------------------------------------------------------- */

static void write_usage(const struct script *script)
{
    const struct goleak_recorder_target *target = script->target;
    put(script, "#!/bin/sh\n"
                "# Records the goroutines of a Go <version> program on <arch> for goleak-report, with perf.\n"
                "#\n"
                "#   sh THIS.sh <-x>-p PID                until Ctrl-C, or SIGTERM; the program goes on\n"
                "#   sh THIS.sh <-x>-p PID -t 10          for ten seconds\n"
                "#   sh THIS.sh <-x>-- ./app ARGUMENT...  from the program's start to its end\n"
                "#   goleak-report <with>trace.txt\n"
                "#\n"
                "#   -o FILE    where the recording goes (trace.txt; FILE.data beside it for a while)\n"
                "#   -m SIZE    memory of each CPU for what is not written yet (8M); more where events are lost\n");
    put(script, target->exe != NULL ? "#   -x PATH    the program, if it is not <exe> any more: the same build\n"
                                    : "#   -x PATH    the program, with its symbol table, which readelf reads\n");
    put(script, "#\n"
                "# As root. It adds probes to the kernel's uprobe_events and removes them at the end.\n");
    if (target->exe == NULL)
        put(script, "# A program without symbols needs a script that was printed with --exe.\n");
    if (target->exe == NULL && !target->minimal)
        put(script, "# gopark's probe is at its entry: the function that called it is missing in the stack, and a\n"
                    "# stack that grows prints a line twice. With --exe it is behind the prologue.\n");
    if (!target->layout->run || target->arch != GOLEAK_ARCH_AMD64)
        put(script, "# NOT RUN: Go <version> on <arch> is known from its source and its ABI's description only.\n");
    goleak_recorder_cost(script->out, target, "# ");
}

/* In single quotes, for the shell. */
static void write_quoted(struct goleak_buf *out, const char *text)
{
    goleak_buf_char(out, '\'');
    for (; *text != '\0'; text++)
        goleak_buf_text(out, *text == '\'' ? "'\\''" : (char[]){ *text, '\0' });
    goleak_buf_char(out, '\'');
}

static void write_options(const struct script *script)
{
    put(script, "set -u\n"
                "LC_ALL=C\n"
                "export LC_ALL\n"
                "program=");
    write_quoted(script->out, script->target->exe != NULL ? script->target->exe : "");
    put(script, " output=trace.txt memory=8M pid='' seconds=''\n"
                "\n"
                "die() {\n"
                "    echo \"$0: $*\" >&2\n"
                "    exit 2\n"
                "}\n"
                "\n"
                "while getopts o:m:x:p:t: option; do\n"
                "    case $option in\n"
                "    o) output=$OPTARG ;;\n"
                "    m) memory=$OPTARG ;;\n"
                "    x) program=$OPTARG ;;\n"
                "    p) pid=$OPTARG ;;\n"
                "    t) seconds=$OPTARG ;;\n"
                "    *) die 'usage: [-x PATH] [-o FILE] [-m SIZE] -p PID [-t SECONDS] | -- COMMAND ARGUMENT...' ;;\n"
                "    esac\n"
                "done\n"
                "shift $((OPTIND - 1))\n"
                "[ -n \"$program\" ] || die 'which program? -x PATH'\n"
                "[ -f \"$program\" ] || die \"there is no program $program\"\n"
                "[ -n \"$pid\" ] || [ $# -gt 0 ] || die 'what to record? -p PID, or -- COMMAND ARGUMENT...'\n"
                "[ -z \"$pid\" ] || [ $# = 0 ] || die 'found -p and a command, expected one of them'\n"
                "[ -z \"$pid\" ] || [ -d \"/proc/$pid\" ] || die \"there is no process $pid\"\n"
                "[ -z \"$seconds\" ] || [ -n \"$pid\" ] || die '-t goes with -p'\n"
                "case $program in /*) ;; *) program=$PWD/$program ;; esac\n"
                "\n");
}

/* ---- probes ---------------------------------------------------------------------- */

static void write_setup(const struct script *script)
{
    put(script, "[ \"$(id -u)\" = 0 ] || die 'root is needed: probes are the kernel'\\''s'\n"
                "command -v perf >/dev/null || die 'perf is not here (Debian: linux-perf)'\n"
                "tracing=/sys/kernel/tracing\n"
                "[ -e $tracing/uprobe_events ] || tracing=/sys/kernel/debug/tracing\n"
                "if [ ! -e $tracing/uprobe_events ]; then\n"
                "    tracing=/sys/kernel/tracing\n"
                "    mount -t tracefs nodev $tracing || die 'tracefs is not mounted, and cannot be'\n"
                "fi\n"
                "[ -w $tracing/uprobe_events ] || die \"$tracing/uprobe_events cannot be written\"\n"
                "\n"
                "work=$(mktemp -d) || exit 2\n"
                "group=goleak_$$ events='' interrupted=''\n"
                "\n"
                "cleanup() {\n"
                "    trap '' INT TERM HUP\n"
                "    for event in $events; do\n"
                "        echo \"-:$group/$event\" >>$tracing/uprobe_events\n"
                "    done\n"
                "    rm -rf \"$work\"\n"
                "}\n"
                "trap cleanup EXIT\n"
                "trap 'exit 130' INT TERM HUP\n"
                "ln -s \"$program\" \"$work/app\" || exit 2\n"
                "\n"
                "# probe KIND EVENT OFFSET ARGUMENT...\n"
                "probe() {\n"
                "    kind=$1 event=$2 offset=$3\n"
                "    shift 3\n"
                "    echo \"$kind:$group/$event $work/app:$offset $*\" >>$tracing/uprobe_events ||\n"
                "        die \"the kernel refuses the probe of $event\"\n"
                "    events=\"$events $event\"\n"
                "}\n"
                "\n");
}

/* A probe inside an instruction would destroy the program: another build is refused. */
static void write_place_known(const struct script *script)
{
    put(script, "# at OFFSET SIZE BYTES - refuses a program that does not have these bytes there\n"
                "at() {\n"
                "    found=$(od -An -v -tx1 -j $(($1)) -N \"$2\" \"$program\" | tr -d ' \\n')\n"
                "    [ \"$found\" = \"$3\" ] || die \"$program is another build than this script was made for\"\n"
                "}\n");
    for (size_t i = 0; i < GOLEAK_PLACE_COUNT; i++) {
        const struct goleak_recorder_probe *probe = &script->target->probes[i];
        if (!probe->wanted)
            continue;
        goleak_buf_printf(script->out, "at 0x%llx %u ", (unsigned long long)probe->offset + probe->skip,
                          (unsigned)probe->code_size);
        for (size_t k = 0; k < probe->code_size; k++)
            goleak_buf_printf(script->out, "%02x", probe->code[k]);
        goleak_buf_char(script->out, '\n');
    }
    put(script, "\n");
}

static void write_place_asked(const struct script *script)
{
    put(script, "command -v readelf >/dev/null || die 'readelf is not here (Debian: binutils)'\n"
                "readelf -sW \"$program\" 2>/dev/null | awk '$4 == \"FUNC\" { print $8, $2 }' >\"$work/symbols\"\n"
                "readelf -lW \"$program\" 2>/dev/null | awk '$1 == \"LOAD\" { print $2, $3, $5 }' >\"$work/segments\"\n"
                "\n"
                "# offset FUNCTION - in the file; nothing if there is no such function\n"
                "offset() {\n"
                "    address=$(awk -v name=\"$1\" '$1 == name { print \"0x\" $2; exit }' \"$work/symbols\")\n"
                "    [ -n \"$address\" ] || return 0\n"
                "    while read -r begin base size; do\n"
                "        if [ $((address)) -ge $((base)) ] && [ $((address)) -lt $((base + size)) ]; then\n"
                "            echo $((address - base + begin))\n"
                "            return\n"
                "        fi\n"
                "    done <\"$work/segments\"\n"
                "}\n"
                "\n");
}

static void write_probe(const struct script *script, size_t place)
{
    const struct goleak_recorder_target *target = script->target;
    const struct goleak_recorder_probe *probe = &target->probes[place];
    const struct fetch *fetch = place < GOLEAK_PLACE_FIRST_LOCK ? &fetches[place] : &lock_fetch;
    const char *arguments = fetch->arguments;
    const char *indent = "";
    if (place == GOLEAK_PLACE_GOPARK && target->minimal)
        arguments = minimal_gopark;
    if (!probe->located) {
        goleak_buf_printf(script->out, "place=$(offset %s)\n", probe->symbol);
        if (place < GOLEAK_PLACE_FIRST_OBJECT)
            goleak_buf_printf(script->out, "[ -n \"$place\" ] || die \"$program has no %s: is it stripped?\"\n",
                              probe->symbol);
        else
            goleak_buf_printf(script->out, "if [ -n \"$place\" ]; then\n");
        indent = place < GOLEAK_PLACE_FIRST_OBJECT ? "" : "    ";
        goleak_buf_printf(script->out, "%sprobe %s %s \"$place\" '", indent, fetch->kind, probe->event);
    } else {
        goleak_buf_printf(script->out, "probe %s %s 0x%llx '", fetch->kind, probe->event,
                          (unsigned long long)probe->offset + probe->skip);
    }
    put(script, arguments);
    if (place == GOLEAK_PLACE_GOPARK && tells_timers(target))
        put_cases(script);
    put(script, "'\n");
    if (indent[0] != '\0')
        put(script, "fi\n");
}

static void write_probes(const struct script *script)
{
    if (script->target->exe != NULL)
        write_place_known(script);
    else
        write_place_asked(script);
    for (size_t i = 0; i < GOLEAK_PLACE_COUNT; i++)
        if (script->target->probes[i].wanted)
            write_probe(script, i);
    put(script, "\n");
}

/* ---- recording and printing --------------------------------------------------------- */

/* In the background, with the standard input of before, so that a signal to the script
 * alone ends the recording too, and not the script before it has printed. */
static void write_record(const struct script *script)
{
    put(script, "# What is worth a walk over the stack: where goroutines are created, and where they park.\n"
                "choose() {\n"
                "    for event in $events; do\n"
                "        case $event in\n");
    if (!script->target->minimal)
        put(script, "        newproc1 | gopark) printf ' -e %s:%s/call-graph=fp/' $group \"$event\" ;;\n");
    put(script, "        *) printf ' -e %s:%s' $group \"$event\" ;;\n"
                "        esac\n"
                "    done\n"
                "}\n"
                "if [ -n \"$pid\" ]; then\n"
                "    # perf -p takes the threads one after the other, and never sees one that starts meanwhile:\n"
                "    # all CPUs, as long as the process lives; what others did is not printed.\n"
                "    set -- sh -c 'exec 2>/dev/null 4>&-\n"
                "        while grep -q \"^State:.[^ZX]\" /proc/$0/status; do sleep 1; done' \"$pid\"\n"
                "    [ -z \"$seconds\" ] || set -- timeout \"$seconds\" \"$@\"\n"
                "    set -- -a -- \"$@\"\n"
                "else\n"
                "    command -v \"$1\" >/dev/null || die \"there is no command $1\"\n"
                "    set -- -- sh -c 'exec \"$@\" 2>&4 4>&-' sh \"$@\"\n"
                "fi\n"
                "# Those who wait at the end have done so until perf stops, which it tells; to remove its probes takes it a second\n"
                "# and more. By its clock:\n"
                "now() {\n"
                "    awk '/^now at / { print $3; exit }' /proc/timer_list 2>/dev/null\n"
                "}\n"
                "exec 3<&0 4>&2\n"
                "mkfifo \"$work/said\" || exit 2\n"
                "(\n"
                "    trap '' INT TERM HUP\n"
                "    while IFS= read -r line; do\n"
                "        case $line in '[ perf record: Woken up '*) now >\"$work/ended\" ;; esac\n"
                "        printf '%s\\n' \"$line\" >&2\n"
                "    done <\"$work/said\"\n"
                ") &\n"
                "listener=$!\n"
                "# shellcheck disable=SC2046\n"
                "perf record -N -k CLOCK_MONOTONIC -m \"$memory\" -o \"$output.data\" $(choose) \"$@\" <&3 2>\"$work/said\" &\n"
                "recorder=$!\n"
                "trap 'interrupted=1; kill -INT $recorder 2>/dev/null' INT TERM HUP\n"
                "while kill -0 $recorder 2>/dev/null; do\n"
                "    wait $recorder\n"
                "done\n"
                "wait $listener\n"
                "trap 'exit 130' INT TERM HUP\n"
                "ended=$(cat \"$work/ended\" 2>/dev/null)\n"
                "[ -n \"$ended\" ] || ended=$(now)\n"
                "[ -s \"$output.data\" ] || die 'perf recorded nothing'\n"
                "hits=0\n"
                "if [ -z \"$pid\" ] && [ -z \"$interrupted\" ]; then\n"
                "    # A program that lives on goes on hitting the probes while perf starts and ends.\n"
                "    hits=$(awk -v app=\"$work/app\" '$1 == app { n += $3 }\n"
                "        END { print n + 0 }' $tracing/uprobe_profile)\n"
                "fi\n"
                "\n");
}

static void write_print(const struct script *script)
{
    if (script->target->locks)
        put(script, "# Attached to one that runs, the probes begin and end one after the other: not every call is seen.\n"
                    "locks=''\n"
                    "[ -n \"$pid\" ] || [ -n \"$interrupted\" ] || locks=' locks=every'\n");
    put(script, "{\n"
                "    printf '# goleak-recorder: version=1 tool=perf go=<version> arch=<arch> probes=%s<locks> exe=%s\\n' \\\n"
                "        \"$(echo $events | tr ' ' ,)\"<$locks> \"$program\"\n"
                "    perf script -i \"$output.data\" --ns --show-lost-events --no-inline \\\n"
                "        -F trace:comm,pid,tid,cpu,time,event,trace,ip,sym,symoff,dso |\n"
                "        awk -v group=\"$group\" -v hits=\"$hits\" -v pid=\"$pid\" -v ended=\"$ended\" '\n"
                "            # Losses are told by whoever comes next: those of other processes count, too.\n"
                "            index($0, \" \" group \":\") { other = pid != \"\" && $0 !~ (\" \" pid \"/[0-9]+ \") }\n"
                "            other && !/ PERF_RECORD_LOST/ { next }\n"
                "            index($0, \" \" group \":\") {\n"
                "                n++\n"
                "                sub(/ +[0-9a-f]+ [^ ]+ \\([^()]*\\)$/, \"\")\n");
    if (script->target->objects)
        put(script, "                # The runtime itself, on a system stack, is no goroutine.\n"
                    "                if ($0 ~ /:(chan|close|select|sem)[a-z0-9]*: .* goid=0 /) next\n"
                    "                if (match($0, / sends=[0-9]+ receives=[0-9]+/)) {\n"
                    "                    split(substr($0, RSTART, RLENGTH), part, /[ =]/)\n"
                    "                    $0 = substr($0, 1, RSTART - 1) \" cases=\" part[3] + part[5]\n"
                    "                }\n");
    if (tells_timers(script->target))
        put(script,
            "                # When the first timer fires that it selects (3) or receives (7) from.\n"
            "                if (match($0, / case0=.*/)) {\n"
            "                    split(substr($0, RSTART + 1), part, /[ =]/)\n"
            "                    $0 = substr($0, 1, RSTART - 1)\n"
            "                    until = 0\n"
            "                    for (i = 1; / reason=[37] / && (i in part) && part[i + 1] != \"0x0\"; i += 6)\n"
            "                        if (part[i + 3] != \"0x0\" && part[i + 5] > 0 &&\n"
            "                            (until == 0 || part[i + 5] < until))\n"
            "                            until = part[i + 5]\n"
            "                    $0 = $0 \" until=\" until\n"
            "                }\n");
    put(script, "                if (!sub(/ waiting=0x0 chan=0x[0-9a-f]+ elem=0x[0-9a-f]+/, \" chan=0x0 elem=0x0\"))\n"
                "                    sub(/ waiting=0x[0-9a-f]+/, \"\")\n"
                "                sub(/ by=0x0 bygoid=-?[0-9]+/, \" by=0x0 bygoid=0\")\n"
                "                sub(/ parent=0x0 parentgoid=-?[0-9]+/, \" parent=0x0 parentgoid=0\")\n"
                "            }\n"
                "            index($0, \" \" group \":\") { printed++ }\n"
                "            / PERF_RECORD_LOST lost / { lost += $NF }\n"
                "            / PERF_RECORD_LOST_SAMPLES lost / { samples += $NF }\n"
                "            { print }\n"
                "            END {\n"
                "                # Three who count the same losses: whoever knows of most.\n"
                "                if (samples > lost) lost = samples\n"
                "                if (hits - n > lost) lost = hits - n\n"
                "                end = \"# goleak-recorder-end: events=\" printed + 0 \" lost=\" lost + 0\n"
                "                print ended == \"\" ? end : end \" ts=\" ended\n"
                "            }'\n"
                "} >\"$output\" || die \"$output cannot be written\"\n"
                "rm -f \"$output.data\"\n");
}

static void fill_words(struct script *script)
{
    const struct goleak_recorder_word amd64[] = {
        { "g", "%r14", 0 }, { "a0", "%ax", 0 }, { "a1", "%bx", 0 },
        { "a2", "%cx", 0 }, { "a3", "%di", 0 }, { "a4", "%si", 0 },
    };
    const struct goleak_recorder_word arm64[] = {
        { "g", "%x28", 0 }, { "a0", "%x0", 0 }, { "a1", "%x1", 0 },
        { "a2", "%x2", 0 }, { "a3", "%x3", 0 }, { "a4", "%x4", 0 },
    };
    goleak_recorder_words(script->target, script->words);
    memcpy(script->words + GOLEAK_RECORDER_WORDS, script->target->arch == GOLEAK_ARCH_ARM64 ? arm64 : amd64,
           sizeof amd64);
    script->words[GOLEAK_RECORDER_WORDS + 6] =
        (struct goleak_recorder_word){ "-x", script->target->exe != NULL ? "" : "-x /path/to/app ", 0 };
    script->words[GOLEAK_RECORDER_WORDS + 7] =
        (struct goleak_recorder_word){ "with", script->target->exe != NULL ? "--exe=THE-PROGRAM " : "", 0 };
    script->words[GOLEAK_RECORDER_WORDS + 8] =
        (struct goleak_recorder_word){ "locks", script->target->locks ? "%s" : "", 0 };
    script->words[GOLEAK_RECORDER_WORDS + 9] =
        (struct goleak_recorder_word){ "$locks", script->target->locks ? " \"$locks\"" : "", 0 };
}

static enum goleak_status write_perf(const struct goleak_recorder_target *target, struct goleak_buf *out,
                                     struct goleak_error *error)
{
    struct script script = { .target = target, .out = out };
    (void)error;
    fill_words(&script);
    write_usage(&script);
    write_options(&script);
    write_setup(&script);
    write_probes(&script);
    write_record(&script);
    write_print(&script);
    return GOLEAK_OK;
}

const struct goleak_recorder goleak_recorder_perf = { .name = "perf", .write = write_perf };
