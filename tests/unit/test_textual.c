/*
 * test_textual - the readers' way at a glance and their general way say the same.
 *
 * Lines like the ones before them are read by a plan, straight from the chunk; that
 * needs room behind a line, so pieces of less than GOLEAK_LINES_PAD bytes are read
 * line by line in the general way. Recordings made at random are read both ways, and
 * every event and every complaint must be the same. A difference is cut down to the
 * lines that it needs before it is shown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/bpftrace.h"
#include "format/dtrace.h"
#include "format/perf.h"
#include "support/reading.h"

/* ---- chance ---------------------------------------------------------------- */

static uint32_t seed;

static uint32_t pick(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

static bool once_in(uint32_t times)
{
    return pick(times) == 0;
}

#define ONE_OF(array) ((array)[pick(COUNT(array))])

/* ---- comparing ------------------------------------------------------------- */

#define LINES 160

struct recording {
    struct bytes lines[LINES];
    size_t count;
    const char *padding;
};

static void join(struct bytes *out, const struct recording *recording)
{
    bytes_clear(out);
    for (size_t i = 0; i < recording->count; i++)
        bytes_add(out, recording->lines[i].data, recording->lines[i].size);
    for (size_t i = 0; i < 12; i++)
        bytes_text(out, recording->padding);
}

/* Everything that a reading says. */
static void say(struct bytes *out)
{
    bytes_clear(out);
    bytes_format(out, "status %d, %" PRIu64 " events, %" PRIu64 " notes, %s, %s\n", (int)reading.status,
                 reading.facts.events, reading.facts.notes, reading.facts.form != NULL ? reading.facts.form : "-",
                 reading.facts.relative_time ? "relative" : "absolute");
    for (int i = 0; i < GOLEAK_HEALTH_COUNT; i++) {
        const struct goleak_health_entry *entry = &reading.book.entries[i];
        if (entry->count != 0)
            bytes_format(out, "%" PRIu64 " at %" PRIu64 ":%" PRIu64 ": %s\n", entry->count, entry->line, entry->column,
                         entry->detail);
    }
    bytes_add(out, reading.events.data, reading.events.size);
}

/* Whole, or in pieces of a kilobyte or so, against pieces in which no line is read at a
 * glance. What is said at last is in `general` and `fast`. */
static bool differs(const struct goleak_format *format, const struct recording *recording, struct bytes *general,
                    struct bytes *fast)
{
    static const size_t steps[] = { 0, 257, 700, 1500 };
    struct bytes text = { 0 };
    join(&text, recording);
    reading_pieces(format, text.data, text.size, 200);
    say(general);
    bool found = false;
    for (size_t i = 0; i < COUNT(steps) && !found; i++) {
        reading_pieces(format, text.data, text.size, steps[i]);
        say(fast);
        found = !bytes_equal(general, fast);
    }
    bytes_free(&text);
    return found;
}

/* Leaves out what the difference does not need. */
static void reduce(const struct goleak_format *format, struct recording *recording, struct bytes *general,
                   struct bytes *fast)
{
    for (size_t i = recording->count; i-- > 0;) {
        struct recording less = *recording;
        memmove(less.lines + i, less.lines + i + 1, (less.count - i - 1) * sizeof *less.lines);
        less.count--;
        if (!differs(format, &less, general, fast))
            continue;
        bytes_free(&recording->lines[i]);
        *recording = less;
    }
    differs(format, recording, general, fast);
}

static void show_line(const struct bytes *line)
{
    for (size_t i = 0; i < line->size; i++) {
        char c = line->data[i];
        if (c == '\n')
            fputs("\\n\n", stderr);
        else if (c >= ' ' && c <= '~')
            fputc(c, stderr);
        else
            fprintf(stderr, "\\x%02x", (unsigned char)c);
    }
}

/* A recording of one seed, both ways. */
static void compare(const struct goleak_format *format, struct recording *recording, uint32_t from, uint64_t *events)
{
    struct bytes general = { 0 }, fast = { 0 };
    bool found = differs(format, recording, &general, &fast);
    *events += reading.facts.events;
    if (found) {
        reduce(format, recording, &general, &fast);
        for (size_t i = 0; i < recording->count; i++)
            show_line(&recording->lines[i]);
    }
    for (size_t i = 0; i < recording->count; i++)
        bytes_free(&recording->lines[i]);
    if (found)
        fail_msg("%s, seed %" PRIu32 "\nin the general way:\n%s\nat a glance:\n%s", format->name, from, general.data,
                 fast.data);
    bytes_free(&general);
    bytes_free(&fast);
    recording->count = 0;
}

/* ---- values ---------------------------------------------------------------- */

/* What else may stand where a number should. */
static const char *const odd[] = {
    "",    "0",     "00",       "0x",       "0x0",         "0X1f",        "-1",     "-0",      "-",
    "+1",  "x",     "1x",       "12ab",     "0x12g",       "255",         "256",    "65536",   "4294967295",
    "4294967296",   "2147483647",           "-2147483648", "2147483648",  "999999999",         "1000000000",
    "9223372036854775807",      "9223372036854775808",     "18446744073709551615",
    "18446744073709551616",     "fffffffffffffff",         "7fffffffffffffff",      "ffffffffffffffff",
    "123456789012345678",       "1234567890123456789",     "000000000000000000001", "1.5",     "\"\"",
};

static void add_address(struct bytes *line, bool prefixed)
{
    static const uint64_t bases[] = { 0xc000002380, 0xc000102000, 0x14000000, 0x8, 0 };
    bytes_format(line, "%s%" PRIx64, prefixed ? "0x" : "", ONE_OF(bases) + 8 * (uint64_t)pick(6));
}

static void add_function(struct bytes *line, const char *quote)
{
    static const char *const names[] = {
        "main.worker", "main.(*Pool).run.func1", "main.f[go.shape.struct { X int }]", "45a6a0", "0x45a6a0",
        "main.run a=", "main.a  b", "a", "main.G[main.K=", "runtime.bgsweep", "deadbeef",
    };
    bytes_format(line, "%s%s%s", quote, ONE_OF(names), quote);
}

/* How the values of a key are made. */
enum values { ADDRESS, SMALL, TIME, ID, COUNTER, FUNCTION, WORDS };

static const struct {
    const char *key;
    enum values values;
} keys[] = {
    { "goroutine", ADDRESS }, { "goid", ID },         { "parent", ADDRESS },    { "parentgoid", ID },
    { "reason", SMALL },      { "wait", SMALL },      { "blocked", SMALL },     { "count", COUNTER },
    { "blocked_count", COUNTER }, { "ts", TIME },     { "cpu", SMALL },         { "tid", ID },
    { "pid", ID },            { "lock", ADDRESS },    { "chan", ADDRESS },      { "elem", ADDRESS },
    { "by", ADDRESS },        { "bygoid", ID },       { "gopc", ADDRESS },      { "startpc", ADDRESS },
    { "fn", FUNCTION },       { "status", SMALL },    { "g", ADDRESS },         { "callergp", ADDRESS },
    { "callerpc", ADDRESS },  { "pc", ADDRESS },      { "comm", WORDS },        { "cases", SMALL },
    { "wait_reason", SMALL }, { "mood", WORDS },
};

static const size_t unknown_key = COUNT(keys) - 1;

static int64_t now_ns;
static bool odd_line; /* it may not be taken for an event */

static void add_value(struct bytes *line, enum values values, bool perf)
{
    static const char *const words[] = { "app", "my app", "a=b", "x  y", "k/0:1", "\xc3\xa9", "" };
    if (once_in(60)) {
        bytes_text(line, ONE_OF(odd));
        odd_line = true;
        return;
    }
    switch (values) {
    case ADDRESS:
        add_address(line, perf ? !once_in(8) : once_in(40));
        break;
    case SMALL:
        bytes_format(line, perf && once_in(4) ? "0x%x" : "%u", pick(22));
        break;
    case TIME:
        now_ns += pick(100000);
        bytes_format(line, "%" PRId64, now_ns);
        break;
    case ID:
        bytes_format(line, once_in(12) ? "-%u" : "%u", pick(40));
        break;
    case COUNTER:
        bytes_format(line, "%d", (int)pick(1000) - 200);
        break;
    case FUNCTION:
        add_function(line, perf && !once_in(4) ? "\"" : "");
        break;
    case WORDS:
        bytes_text(line, ONE_OF(words));
        break;
    }
}

/* ---- lines that scripts print ---------------------------------------------- */

static const char *const script_names[] = {
    "newproc1", "gopark", "godestroy", "gdestroy", "goexit0", "ready", "execute", "main.main", "newproc1_entry",
    "END", "profile-1s", "tick-1s", "chansend1", "runtime.chanrecv1", "selectgo", "gcStart", "runtime.gcMarkDone",
    "mallocgc", "runtime.persistentalloc", "casgstatus",
};

#define SHAPE_KEYS 24

/* A script prints lines of one name with the same keys in the same order. */
struct shape {
    const char *name;
    bool own; /* of the names that are events with any address */
    size_t keys[SHAPE_KEYS];
    size_t count;
};

/* parent=, by=, callergp= go to one place, and no script prints two of them. */
static bool tells_other(size_t key)
{
    return strcmp(keys[key].key, "parent") == 0 || strcmp(keys[key].key, "by") == 0 ||
           strcmp(keys[key].key, "callergp") == 0;
}

static void make_shape(struct shape *shape, const char *const *names, size_t name_count)
{
    shape->name = names[pick((uint32_t)name_count)];
    shape->own = false;
    for (size_t i = 0; i < 9; i++)
        shape->own = shape->own || shape->name == script_names[i];
    shape->count = 0;
    size_t wanted = once_in(10) ? 18 + pick(SHAPE_KEYS - 18) : 1 + pick(9);
    if (!once_in(8))
        shape->keys[shape->count++] = once_in(3) ? 22 : 0; /* g=, goroutine= */
    while (shape->count < wanted) {
        size_t key = pick((uint32_t)COUNT(keys));
        bool again = key == unknown_key && !once_in(4);
        for (size_t i = 0; i < shape->count; i++)
            again = again || shape->keys[i] == key || (tells_other(key) && tells_other(shape->keys[i]));
        if (!again)
            shape->keys[shape->count++] = key;
    }
}

static void add_keys(struct bytes *line, const struct shape *shape, bool perf)
{
    struct shape own = *shape;
    if (once_in(30)) /* another order */
        for (size_t i = 0; i < own.count; i++) {
            size_t k = pick((uint32_t)own.count), key = own.keys[i];
            own.keys[i] = own.keys[k];
            own.keys[k] = key;
        }
    for (size_t i = 0; i < own.count; i++) {
        if (once_in(80)) { /* one is missing */
            odd_line = true;
            continue;
        }
        if (i != 0)
            bytes_text(line, once_in(90) ? "  " : once_in(200) ? "\t" : " ");
        bytes_format(line, "%s=", once_in(120) ? "else" : keys[own.keys[i]].key);
        add_value(line, keys[own.keys[i]].values, perf);
    }
}

static void end_line(struct bytes *line)
{
    if (once_in(80))
        bytes_text(line, " rest");
    if (once_in(60))
        bytes_text(line, "  ");
    if (once_in(60))
        bytes_text(line, "\r");
    if (once_in(200)) {
        bytes_add(line, "\0", 1);
        odd_line = true;
    }
    bytes_text(line, "\n");
}

/* Now and then something that is damaged anywhere. */
static void damage(struct bytes *line)
{
    static const char other[] = "\0 =:-09afxg\r\t\"(";
    if (!once_in(60) || line->size < 2)
        return;
    size_t at = pick((uint32_t)line->size - 1);
    odd_line = true;
    if (once_in(2))
        line->data[at] = other[pick(sizeof other - 1)];
    else
        bytes_text(line, ""), line->size = at, bytes_text(line, "\n");
}

/* Blocks of frames, which repeat. */
static void add_stack(struct recording *recording, const char *const *frames, size_t frame_count, const char *before,
                      const char *behind)
{
    size_t from = pick((uint32_t)frame_count), size = 1 + pick(3);
    struct bytes *block = &recording->lines[recording->count++];
    bytes_text(block, before);
    for (size_t i = 0; i < size; i++)
        bytes_format(block, "%s%s\n", frames[(from + i) % frame_count], once_in(100) ? "\r" : "");
    if (!once_in(10))
        bytes_text(block, behind);
}

static void add_text(struct recording *recording, const char *text)
{
    bytes_text(&recording->lines[recording->count++], text);
}

static const char *const script_frames[] = {
    "        runtime.newproc1+0",     "        runtime.newproc+63", "        main.main+26",
    "              app`main.f+0x5a",  "        runtime.gopark+14",  "        main.worker+120",
    "              0x45a6a5",         "        runtime.goexit.abi0+1",
};

static const char *const script_words[] = {
    "served 30000 leaks 19\n", "\n", "Lost 12 events\n", "Attaching 8 probes...\n",
    "done gopark: goroutine=c000102000\n",
    "x\r\n", "# comment\n", "goleak-recorder: version=1 tool=bpftrace go=1.26\n",
    "goleak-recorder-end: events=70 ts=1000400000\n",
    "        not a frame of it\n", "key: value=1\n", "@n: 5\n", "ready: listening on port 8080\n",
};

static void make_script(struct recording *recording)
{
    struct shape shapes[6];
    size_t shape_count = 1 + pick(6), lines = 20 + pick(100);
    bool stacks = once_in(2);
    now_ns = once_in(4) ? 0 : 1000000000;
    for (size_t i = 0; i < shape_count; i++)
        make_shape(&shapes[i], script_names, COUNT(script_names));
    while (recording->count < lines) {
        if (once_in(25)) {
            add_text(recording, ONE_OF(script_words));
            continue;
        }
        const struct shape *shape = &shapes[pick((uint32_t)shape_count)];
        struct bytes *line = &recording->lines[recording->count++];
        odd_line = false;
        bytes_format(line, "%s:%s", shape->name, once_in(60) ? "  " : " ");
        add_keys(line, shape, false);
        end_line(line);
        damage(line);
        if (stacks && !odd_line && shape->own && once_in(2))
            add_stack(recording, script_frames, COUNT(script_frames), once_in(2) ? "\n" : "", once_in(2) ? "\n" : "");
    }
    recording->padding = "Attaching 8 probes to the program whose recording this is, for the sake of room...\n";
}

/* ---- lines that perf prints ------------------------------------------------- */

static const char *const perf_names[] = {
    "probe_app:newproc1__return", "probe_app:newproc1", "uprobes:r_newproc1_0x5a700", "probe_app:gopark",
    "probe_app:gopark__return",   "probe_app:ready",    "probe_app:gdestroy",         "probe_app:goexit0",
    "probe_app:execute",          "go:main_main",       "probe_app:chansend1",        "probe:gcStart",
    "probe_app:mallocgc__return", "sched:sched_switch", "p:goready_1",                "probe_app:newproc1_entry",
};

static const char *const perf_frames[] = {
    "\t           5a6a5 runtime.newproc.func1+0x25 (/srv/app)", "\t           5a63f runtime.newproc+0x3f (/srv/app)",
    "\t           b8a1a main.f+0x5a (/srv/app)",                "\t           86ae0 runtime.gopark+0x0 (/srv/app)",
    "\t          2663bd [unknown] (/srv/app)",                  "\t          45a700 runtime.newproc1",
    "\t           b8a1b main.g+0x5b (/srv/my app)",             "\t               0 [unknown]",
};

static const char *const perf_words[] = {
    "app  6502 [001]  2454.722522: PERF_RECORD_LOST lost 159\n", "Warning:\n", "# captured on    : Fri\n", "\n",
    "Processed 47185 samples and lost 6.10%!\n", "x\r\n", "hello\n", "  main.go:12\n",
    "\t    not a frame\n", "app 8152 [001] 1.5: PERF_RECORD_COMM: app:8152\n",
};

static const char *const comms[] = {
    "app", "my app", ":-1", "1 [000] 2.5: x", "kworker/0:1-eve", "a:b: c", "swapper", "7", "a 7", "",
};

struct columns {
    bool comm, pid, tid, cpu, time, period, nano;
};

static uint64_t clock_us;

static void add_columns(struct bytes *line, const struct columns *columns, const char *comm)
{
    if (columns->comm)
        bytes_format(line, "%*s ", (int)pick(2) * 16, comm);
    unsigned tid = once_in(40) ? 4294967295u - pick(2) : 100 + pick(4);
    if (columns->pid && columns->tid)
        bytes_format(line, "%s%u/%u ", once_in(60) ? "-" : "", 100 + pick(2), tid);
    else if (columns->tid)
        bytes_format(line, "%5u ", tid);
    if (columns->cpu)
        bytes_format(line, "[%03u] ", pick(4));
    clock_us += pick(50);
    if (columns->time && columns->nano)
        bytes_format(line, "%5" PRIu64 ".%06" PRIu64 "%03u: ", clock_us / 1000000, clock_us % 1000000, pick(1000));
    else if (columns->time)
        bytes_format(line, "%5" PRIu64 ".%06" PRIu64 ": ", clock_us / 1000000, clock_us % 1000000);
    if (columns->period)
        bytes_format(line, "%10u ", 1 + pick(3));
}

static void add_addresses(struct bytes *line, const char *name)
{
    bool returns = strstr(name, "return") != NULL || strstr(name, ":r_") != NULL;
    if (once_in(30))
        returns = !returns;
    if (returns)
        bytes_text(line, "(45a700 <- 45a6a5) ");
    else
        bytes_text(line, once_in(40) ? "(ffffffff81234567) " : once_in(40) ? "(45a700+0x10) " : "(45a700) ");
    if (once_in(60))
        bytes_text(line, " ");
}

static void make_perf(struct recording *recording)
{
    struct shape shapes[6];
    struct columns columns = { !once_in(8), once_in(2), !once_in(6), !once_in(4), !once_in(5), once_in(5), once_in(3) };
    size_t shape_count = 1 + pick(6), lines = 20 + pick(100);
    bool stacks = once_in(2);
    const char *comm = ONE_OF(comms);
    clock_us = once_in(4) ? 0 : 2550000000 + pick(10000000);
    for (size_t i = 0; i < shape_count; i++)
        make_shape(&shapes[i], perf_names, COUNT(perf_names));
    while (recording->count < lines) {
        if (once_in(25)) {
            add_text(recording, ONE_OF(perf_words));
            continue;
        }
        const struct shape *shape = &shapes[pick((uint32_t)shape_count)];
        struct bytes *line = &recording->lines[recording->count++];
        odd_line = false;
        if (once_in(30))
            comm = ONE_OF(comms);
        if (once_in(40))
            columns.period = !columns.period;
        add_columns(line, &columns, comm);
        bytes_format(line, "%*s: ", (int)pick(3) * 10, shape->name);
        add_addresses(line, shape->name);
        add_keys(line, shape, true);
        end_line(line);
        damage(line);
        if (stacks && !odd_line && once_in(2))
            add_stack(recording, perf_frames, COUNT(perf_frames), "", "\n");
    }
    recording->padding = "# nothing to see here, just some more room behind the lines before it, for the fast way\n";
}

/* ---- the tests -------------------------------------------------------------- */

/* GOLEAK_TEST_SEEDS=N: more than usual. */
static uint32_t seed_count(uint32_t usual)
{
    const char *text = getenv("GOLEAK_TEST_SEEDS");
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : usual;
}

static void check(const struct goleak_format *format, void (*make)(struct recording *))
{
    struct recording recording = { .count = 0 };
    uint64_t events = 0;
    uint32_t seeds = seed_count(300);
    for (uint32_t i = 1; i <= seeds; i++) {
        seed = i * 2654435761u;
        make(&recording);
        compare(format, &recording, i, &events);
    }
    assert_true(events > (uint64_t)seeds * 20); /* or there was nothing to compare */
}

static void bpftrace_lines_are_read_the_same_both_ways(void **state)
{
    (void)state;
    check(&goleak_format_bpftrace, make_script);
}

static void dtrace_lines_are_read_the_same_both_ways(void **state)
{
    (void)state;
    check(&goleak_format_dtrace, make_script);
}

static void perf_lines_are_read_the_same_both_ways(void **state)
{
    (void)state;
    check(&goleak_format_perf, make_perf);
}

/* Found by chance once, kept for good. */
static void what_once_differed_does_not(void **state)
{
    static const struct {
        const struct goleak_format *format;
        const char *lines[5];
    } cases[] = {
        /* a signed argument where a number is expected, and a number there in the next line */
        { &goleak_format_perf,
          { "app 7 [000] 1.000001: probe:gopark: (45a700) g=0xc000102000 goid=-1 cases=-1\n",
            "app 7 [000] 1.000002: probe:gopark: (45a700) g=0xc000102000 goid=9 cases=3\n" } },
        /* a return that is no event of its own, and tells a function */
        { &goleak_format_perf,
          { "app 7 1.000001: probe:ready: (45a700 <- 45a6a5) g=0xc000102000 fn=main.f\n",
            "app 7 1.000002: probe:ready: (45a700 <- 45a6a5) g=0xc000102000 fn=main.f\n" } },
        /* whose event it is was told once, and then not */
        { &goleak_format_perf,
          { "app 7 1.000001: probe:chansend1: (45a700) g=0xc000102000 by=0xc000002380\n",
            "app 7 1.000002: probe:chansend1: (45a700) g=0x0 by=0xc000002380\n" } },
        { &goleak_format_perf,
          { "app 7 1.000001: probe:newproc1: (45a700) callergp=0xc000002380\n",
            "app 7 1.000002: probe:newproc1: (45a700) callergp=0x0\n" } },
        /* two entries without the go statement's address, one stack */
        { &goleak_format_perf,
          { "app 7 1.000001: probe:newproc1: (45a700) goid=1 parentgoid=3\n",
            "app 7 1.000002: probe:newproc1: (45a700) goid=2 parentgoid=4\n",
            "app 7 1.000003: probe:newproc1: (45a700) goid=3 parentgoid=4\n",
            "\t          45a700 runtime.newproc1\n\t           b8a1b main.g+0x5b (/srv/app)\n\n" } },
        /* a block of frames without a single one */
        { &goleak_format_perf,
          { "app 7 1.000001: probe:gopark: (45a700) g=0xc000102000\n", "\t               0 [unknown]\n\n",
            "app 7 1.000002: probe:gopark: (45a700) g=0xc000102000\n", "\t               0 [unknown]\n\n" } },
        /* a decimal parent= behind one that is marked as hexadecimal */
        { &goleak_format_bpftrace,
          { "newproc1: goroutine=c000102000 parent=0xc000002380 count=1\n",
            "newproc1: goroutine=c000102380 parent=824633729920 count=2\n" } },
    };
    struct bytes general = { 0 }, fast = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct recording recording = { .padding = "Attaching 8 probes...                                   \n" };
        for (size_t k = 0; k < COUNT(cases[i].lines) && cases[i].lines[k] != NULL; k++)
            add_text(&recording, cases[i].lines[k]);
        bool found = differs(cases[i].format, &recording, &general, &fast);
        for (size_t k = 0; k < recording.count; k++)
            bytes_free(&recording.lines[k]);
        if (found)
            fail_msg("case %zu\nin the general way:\n%s\nat a glance:\n%s", i, general.data, fast.data);
    }
    bytes_free(&general);
    bytes_free(&fast);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_once_differed_does_not),
        cmocka_unit_test(bpftrace_lines_are_read_the_same_both_ways),
        cmocka_unit_test(dtrace_lines_are_read_the_same_both_ways),
        cmocka_unit_test(perf_lines_are_read_the_same_both_ways),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    reading_end();
    return failed;
}
