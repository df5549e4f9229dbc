/* recordings - see recordings.h. */
#include "support/recordings.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/trace_text.h"

static const char *const files[] = {
    "dtrace/article-full-leaky.txt",
    "dtrace/article-full-not-leaky.txt",
    "dtrace/article-naive-leaky.txt",
    "dtrace/article-naive-not-leaky.txt",
    "dtrace/own_leaky.txt",
    "dtrace/own_leaky.noquiet.txt",
    "dtrace/own_leaky.flow.txt",
    "dtrace/own_not_leaky.txt",
    "dtrace/own_nilchan.txt",
    "dtrace/profile_1s.txt",
    "dtrace/aggregations.txt",
    "dtrace/own_leaky.events.txt",
    "dtrace/own_not_leaky.ustack.txt",
    "dtrace/own_names.ustack.txt",
    "dtrace/drops_bufsize4k.txt",
    "dtrace/own_http_leak.txt.zst",
    "bpftrace/own_leaky.stacks.txt",
    "bpftrace/own_leaky.json",
    "perf/nocallchain.txt",
    "perf/spacecomm.txt.zst",
    "perf/calls.json",
    "gotrace/rich.text",
    "gotrace/own_leaky.go1.26.trace.zst",
    "gotrace/own_leaky.go1.23.trace.zst",
    "gotrace-v1/rich.text",
    "gotrace-v1/own_leaky.go1.21.trace.zst",
};
#define FILE_COUNT (sizeof files / sizeof *files)

/* Made pieces of real lines. NUL, CR, tabs, bytes that are no UTF-8 and a last
 * line without a newline are meant. */
static const char rich[] =
    "dtrace: script 'goroutines.d' matched 6 probes\n"
    "nGoro = 3\n"
    "main.main: goroutine=c000002380 goid=1 ts=900 cpu=0\n"
    "newproc1: goroutine=c000102000 goid=7 parent=c000002380 parentgoid=1 gopc=42b666 "
    "fn=main.f[go.shape.struct { X string; Y map[string]int }].func1 ts=1000 cpu=0 tid=12\n"
    "\n"
    "              app`runtime.newproc.func1+0x25\n"
    "              app`runtime.newproc+0x3f\n"
    "              app`main.Gather[go.shape.struct { X string; Y string }]+0xab\n"
    "              app`main.main+0x45\n"
    "              0x4531a0\n"
    "\n"
    "gopark: goroutine=c000102000 goid=7 reason=6 wait=20 lock=c0000a0058 chan=c0000a0000 elem=0 ts=2000 cpu=1 tid=13\n"
    "        runtime.gopark+0\n"
    "        runtime.chansend+1020\n"
    "        main.Gather.func1+55\n"
    "ready: goroutine=c000102000 goid=7 by=c000002380 bygoid=1 status=4 ts=2500 cpu=0\r\n"
    "execute: goroutine=c000102000 goid=7 ts=2600 cpu=1\n"
    "newproc1: goroutine=c000102380 goid=8 parent=c000102000 parentgoid=7 fn=0x4531a0 ts=3000 cpu=1\n"
    "gopark: goroutine=c000102380 goid=8 reason=3 wait=18 ts=2990 cpu=1 mood=7\n"
    "struct g {\n"
    "    uintptr_t [2] stack = [ 0xc00009a000, 0xc00009a800 ]\n"
    "    uint64_t goid = 0x8\n"
    "    int64_t waitsince = 0\n"
    "    uint8_t waitreason = 0x12\n"
    "    uint64_t parentGoid = 0x7\n"
    "    uintptr_t gopc = 0x42b666\n"
    "    uintptr_t startpc = 0x4531a0\n"
    "}\n"
    "GODEBUG says\tgopark: goroutine=c000102380 goid=8 reason=7 ts=3050 cpu=1\n"
    "godestroy: goroutine=c000102000 goid=7 ts=3500 cpu=0\n"
    "godestroy: goroutine=c000102000 goid=7 ts=3600 cpu=0\n"
    "gopark: goroutine=zzz reason=6 ts=3700\n"
    "gopark: goroutine=c000102380 reason=999 ts=3800\n"
    "gopark: goro\0utine=c000102380 reason=6 ts=3900\n"
    "mapaccess: goroutine=c000102380 size=12 ts=3950\n"
    "\x1b[31mred\x1b[0m \xff\xfe caf\xc3\xa9\n"
    "dtrace: 3 drops on CPU 0\n"
    "newproc1: goroutine=c000102000 goid=9 parent=c000102380 parentgoid=8 fn=runtime.bgsweep ts=4000 cpu=0\n"
    "gopark: goroutine=c000102000 goid=9 reason=10 wait=9 ts=4100 cpu=0\n"
    "newproc1: goroutine=c000102700 goid=10 parent=c000102380 parentgoid=8 fn=main.\xc3\xa9\x1b[1m ts=4200 cpu=0\n"
    "gopark: goroutine=c000102700 goid=10 reason=1 wait=16 ts=4300 cpu=0\n"
    "profile-1s: count=3 blocked_count=1\n"
    "END: count=2 blocked_count=-1\n"
    "gopark: goroutine=c000102700 goid=10 reason=1 wai";

/* perf: fields that come and go, names of all kinds, records, damage, a cut chain. */
static const char rich_perf[] =
    "# ========\n"
    "# cmdline : /usr/bin/perf record -e probe_app:* -g -- ./app \n"
    "# ========\n"
    "#\n"
    "app  100 [000]  2301.456223: PERF_RECORD_COMM exec: app:100/100\n"
    "app  100 [000]  2301.457777:         probe_app:newproc1: (45a700) parent=0xc000002380 parentgoid=1 fn=0x4bfa00 pc=0x4b8a1a\n"
    "\t           5a700 runtime.newproc1+0x0 (/srv/app)\n"
    "\n"
    "app  100 [000]  2301.457999: probe_app:newproc1__return: (45a700 <- 45a6a5) g=0xc000102000 goid=7 parentgoid=1 gopc=0x4b8a1a startpc=0x4bfa00\n"
    "\t           5a6a5 runtime.newproc.func1+0x25 (/srv/app)\n"
    "\t           5a63f runtime.newproc+0x3f (/srv/app)\n"
    "\t           b8a1a main.Gather[go.shape.struct { X string }]+0x5a (/srv/my app)\n"
    "\t48c35d20c48348c0 [unknown] ([unknown])\n"
    "\n"
    "my leaky:app 101/102 [001]  2301.458100123:          1 uprobes:p_execute_0x56020: (456020) g=0xc000102000 goid=7\n"
    "   2301.458200: probe_app:newproc1_ret: (45a700 <- 45a6a5) g=824634778496 goid=8 parentgoid=7\r\n"
    "app  100 [000]  2301.458300:             probe_app:gopark: (486ae0) g=0xc000102000 goid=7 reason=6 wait=20 lock=0x0 mood=7\n"
    "\t           86ae0 runtime.gopark+0x0 (/srv/app)\n"
    "\t           bfa37 main.Gather.func1+0x37 (/srv/app)\n"
    "\n"
    "app  100 [000]  2301.458310: PERF_RECORD_LOST lost 3\n"
    "app  100 [000]  2301.458320:             probe_app:gopark: (486ae0) g=0xc000102380 goid=(fault) reason=3 wait=18\n"
    "app  100 [000]  2301.4583app  101 [001]  2301.458330: probe_app:ready: (452300) g=0xc000102000 goid=7 status=4 by=0xc000002380\n"
    "app  100 [000]  2301.458340:             probe_app:gopark: (486ae0)\n"
    "app  100 [000]  2301.458350:           probe_app:mapassign: (486ae0) g=0xc000102000 size=12\n"
    "\x1b[31mred\x1b[0m \xff\xfe caf\xc3\xa9\n"
    "app  100 [000]  2296.000000:           probe_app:gdestroy: (457000) g=0xc000102380 goid=8\n"
    "app  100 [000]  2301.458400:          probe_app:main_main: (4b9000) g=0xc0\00000002380 goid=1\n"
    "app  100 [000]  2301.458500: probe_app:newproc1__return: (45a700 <- 45a6a5) g=0xc000102380 goid=9 parentgoid=1\n"
    "\t           5a6a5 runtime.newproc.func1+0x2";

/* bpftrace: stacks in three styles, one of them apart from its line; words, maps. */
static const char rich_bpftrace[] =
    "Attaching 8 probes...\n"
    "newproc1_entry: parent=c000002380 parentgoid=1 fn=4bfa00 pc=4b8a1a ts=1000000 cpu=0 tid=100\n"
    "gopark: goroutine=c000007340 goid=11 reason=2 wait=2 lock=7f291eccce70 chan=0 elem=0 ts=1000500 cpu=1 tid=101\n"
    "\n"
    "        runtime.newproc1+0\n"
    "        runtime.newproc+63\n"
    "        main.Gather[go.shape.struct { X string }]+90\n"
    "        0\n"
    "\n"
    "newproc1: goroutine=c000102000 goid=7 parent=c000002380 parentgoid=1 gopc=4b8a1a startpc=4bfa00 "
    "fn=main.Gather[go.shape.struct { X string }].func1 ts=1001000 cpu=0 tid=100\n"
    "execute: goroutine=c000102000 goid=7 ts=1002000 cpu=1 pid=100 tid=101\n"
    "Lost 31 events\n"
    "gopark: goroutine=c000102000 goid=7 reason=6 wait=20 ts=1003000 cpu=1 tid=101\n"
    "\n"
    "\t486ae0 runtime.gopark+0 (/srv/app)\n"
    "\t4bfa37 main.Gather.func1+55 (/srv/my app)\n"
    "\n"
    "ready: goroutine=c000102000 goid=7 status=4 by=c000002380 ts=1002500 cpu=0 tid=100\n"
    "gopark: goroutine=c0001newproc1: goroutine=c000102380 goid=8 parent=c000002380 ts=1004000 cpu=0 tid=100\n"
    "served 30 \x1b[1mrequests\x1b[0m\n"
    "gdestroy: goroutine=c000102380 goid=8 ts=1005000 cpu=0 pid=200 tid=100\n"
    "main.main: g=c000002380 goid=1 ts=1006000 cpu=0 tid=100\r\n"
    "@n: 5\n"
    "@x[1, 2]: 3\n"
    "@stacks[\n"
    "    runtime.gopark+0\n"
    "]: 12\n"
    "WARNING: Total lost event count: 31\n"
    "gopark: goroutine=c000002380 goid=1 reason=14 wait=14 ts=10";

/* bpftrace -f json: all escapes, an event in two texts, two in one, damage. */
static const char rich_json[] =
    "{\"type\": \"attached_probes\", \"count\": 8, \"data\": {\"probes\": 8}}\n"
    "{\"type\": \"printf\", \"data\": \"newproc1_entry: parent=c000002380 parentgoid=1 fn=4bfa00 pc=4b8a1a ts=1000000 cpu=0 tid=100\\n\"}\n"
    "{\"type\": \"printf\", \"data\": \"\\n        runtime.newproc1+0\\n        runtime.newproc+63\\n        main.\\\"f\\\"+90\\n\\n\"}\n"
    "{\"type\": \"printf\", \"data\": \"newproc1: goroutine=c000102000 goid=7 parent=c000002380 parentgoid=1 "
    "fn=main.caf\\u00e9\\/\\ud83d\\ude00\\u001b[1m ts=1001000 cpu=0 tid=100\\n\"}\n"
    "{\"type\":\"printf\",\"data\":\"gopark: goroutine=c000102000 goid=7 reason=6 wait=20 \"}\n"
    "{\"type\": \"printf\", \"data\": \"ts=1003000 cpu=1\\ttid=101\\nready: goroutine=c000102000 goid=7 by=0 ts=1004000 cpu=1\\u000a\"}\n"
    "{\"type\": \"lost_events\", \"data\": {\"events\": 7}}\n"
    "{\"type\": \"printf\", \"data\": 7}\n"
    "{\"type\": \"printf\", \"data\": \"gopark: goro{\"type\": \"printf\", \"data\": \"execute: goroutine=c000002380 goid=1 ts=1500000\\n\"}\n"
    "listening on :8080\n"
    "{\"type\": \"printf\", \"data\": \"gopark: goroutine=c000002380 goid=1 reason=\\ud800 ts=1600000\\n\"}\n"
    "{\"type\": \"map\", \"data\": {\"@x\": {\"1,2\": 3}}}\n"
    "{\"type\": \"printf\", \"data\": \"gdestroy: goroutine=c000102000 goid=7 ts=17";

static const struct {
    const char *name, *text;
    size_t size;
} made[] = {
    { "the rich one", rich, sizeof rich - 1 },
    { "perf's rich one", rich_perf, sizeof rich_perf - 1 },
    { "bpftrace's rich one", rich_bpftrace, sizeof rich_bpftrace - 1 },
    { "bpftrace's rich one in JSON", rich_json, sizeof rich_json - 1 },
};
#define MADE_COUNT (sizeof made / sizeof *made)

const char *recording_get(size_t index, struct bytes *out)
{
    char path[256];
    if (index < MADE_COUNT) {
        bytes_add(out, made[index].text, made[index].size);
        return made[index].name;
    }
    index -= MADE_COUNT;
    if (index >= FILE_COUNT)
        return NULL;
    snprintf(path, sizeof path, "testdata/%s", files[index]);
    bool written = strstr(path, ".text") != NULL;
    struct bytes text = { 0 };
    char why[TRACE_TEXT_WHY] = "";
    if (!bytes_read(written ? &text : out, path) || (written && !trace_text(text.data, out, why))) {
        fprintf(stderr, "%s cannot be read (%s): tests run in the project's folder\n", path, why);
        abort();
    }
    bytes_free(&text);
    return files[index];
}

void recording_long(struct bytes *out)
{
    const unsigned rounds = 1500;
    const uint64_t main_g = UINT64_C(1374389543360), first = UINT64_C(0x14000000000);
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t g = first + 0x1c0 * (uint64_t)(i % 97);
        bytes_format(out, "newproc1: goroutine=%" PRIx64 " parent=%" PRIu64 " count=1 blocked_count=0\n", g, main_g);
        if (i % 5 == 0)
            bytes_format(out, "              app`runtime.newproc+0x3f\n              app`main.spawn%u+0x1\n\n", i % 11);
        bytes_format(out, "gopark: goroutine=%" PRIx64 " blocked=1 reason=%u blocked_count=1\n", g, i % 3 + 5);
        if (i % 7 == 0)
            bytes_format(out, "              app`runtime.gopark+0x0\n              app`main.wait%u+0x2\n", i % 13);
        if (i % 50 == 49)
            bytes_text(out, "gone with the wind\n");
        bytes_format(out, "godestroy: goroutine=%" PRIx64 " count=0 blocked_count=0\n", g);
    }
    bytes_text(out, "END: count=0 blocked_count=0\n");
}
