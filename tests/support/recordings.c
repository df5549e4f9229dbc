/* recordings - see recordings.h. */
#include "support/recordings.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const files[] = {
    "article-full-leaky.txt",     "article-full-not-leaky.txt", "article-naive-leaky.txt",
    "article-naive-not-leaky.txt", "own_leaky.txt",             "own_leaky.noquiet.txt",
    "own_leaky.flow.txt",         "own_not_leaky.txt",          "own_nilchan.txt",
    "profile_1s.txt",             "aggregations.txt",           "own_leaky.events.txt",
    "own_not_leaky.ustack.txt",   "own_names.ustack.txt",       "drops_bufsize4k.txt",
    "own_http_leak.txt.zst",
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

void recording_rich(struct bytes *out)
{
    bytes_add(out, rich, sizeof rich - 1);
}

const char *recording_get(size_t index, struct bytes *out)
{
    char path[256];
    if (index == 0) {
        recording_rich(out);
        return "the rich one";
    }
    if (index > FILE_COUNT)
        return NULL;
    snprintf(path, sizeof path, "testdata/dtrace/%s", files[index - 1]);
    if (!bytes_read(out, path)) {
        fprintf(stderr, "%s cannot be read: tests run in the project's folder\n", path);
        abort();
    }
    return files[index - 1];
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
