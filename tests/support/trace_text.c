/* trace_text - see trace_text.h. */
#include "support/trace_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- events: number, name, the names of the arguments ----------------------------------- */

struct spec {
    unsigned id;
    const char *name, *args;
};

static const struct spec specs_v2[] = {
    { 1, "EventBatch", "gen m time size" },
    { 2, "Stacks", "" },
    { 3, "Stack", "id nframes" },
    { 4, "Strings", "" },
    { 5, "String", "id" },
    { 6, "CPUSamples", "" },
    { 7, "CPUSample", "time m p g stack" },
    { 8, "Frequency", "freq" },
    { 9, "ProcsChange", "dt procs_value stack" },
    { 10, "ProcStart", "dt p p_seq" },
    { 11, "ProcStop", "dt" },
    { 12, "ProcSteal", "dt p p_seq m" },
    { 13, "ProcStatus", "dt p pstatus" },
    { 14, "GoCreate", "dt new_g new_stack stack" },
    { 15, "GoCreateSyscall", "dt new_g" },
    { 16, "GoStart", "dt g g_seq" },
    { 17, "GoDestroy", "dt" },
    { 18, "GoDestroySyscall", "dt" },
    { 19, "GoStop", "dt reason_string stack" },
    { 20, "GoBlock", "dt reason_string stack" },
    { 21, "GoUnblock", "dt g g_seq stack" },
    { 22, "GoSyscallBegin", "dt p_seq stack" },
    { 23, "GoSyscallEnd", "dt" },
    { 24, "GoSyscallEndBlocked", "dt" },
    { 25, "GoStatus", "dt g m gstatus" },
    { 26, "STWBegin", "dt kind_string stack" },
    { 27, "STWEnd", "dt" },
    { 28, "GCActive", "dt gc_seq" },
    { 29, "GCBegin", "dt gc_seq stack" },
    { 30, "GCEnd", "dt gc_seq" },
    { 31, "GCSweepActive", "dt p" },
    { 32, "GCSweepBegin", "dt stack" },
    { 33, "GCSweepEnd", "dt swept_value reclaimed_value" },
    { 34, "GCMarkAssistActive", "dt g" },
    { 35, "GCMarkAssistBegin", "dt stack" },
    { 36, "GCMarkAssistEnd", "dt" },
    { 37, "HeapAlloc", "dt heapalloc_value" },
    { 38, "HeapGoal", "dt heapgoal_value" },
    { 39, "GoLabel", "dt label_string" },
    { 40, "UserTaskBegin", "dt task parent_task name_string stack" },
    { 41, "UserTaskEnd", "dt task stack" },
    { 42, "UserRegionBegin", "dt task name_string stack" },
    { 43, "UserRegionEnd", "dt task name_string stack" },
    { 44, "UserLog", "dt task key_string value_string stack" },
    { 45, "GoSwitch", "dt g g_seq" },
    { 46, "GoSwitchDestroy", "dt g g_seq" },
    { 47, "GoCreateBlocked", "dt new_g new_stack stack" },
    { 48, "GoStatusStack", "dt g m gstatus stack" },
    { 49, "ExperimentalBatch", "exp gen m time" },
    { 50, "Sync", "" },
    { 51, "ClockSnapshot", "dt mono sec nsec" },
    { 52, "EndOfGeneration", "" },
    { 128, "Span", "dt id npages_value kindclass" },
    { 129, "SpanAlloc", "dt id npages_value kindclass" },
    { 130, "SpanFree", "dt id" },
    { 131, "HeapObject", "dt id type" },
    { 132, "HeapObjectAlloc", "dt id type" },
    { 133, "HeapObjectFree", "dt id" },
    { 134, "GoroutineStack", "dt id order" },
    { 135, "GoroutineStackAlloc", "dt id order" },
    { 136, "GoroutineStackFree", "dt id" },
};

static const struct spec specs_v1[] = {
    { 1, "Batch", "p ticks" },
    { 2, "Frequency", "freq" },
    { 3, "Stack", "id nframes" },
    { 4, "Gomaxprocs", "dt n stack" },
    { 5, "ProcStart", "dt thread" },
    { 6, "ProcStop", "dt" },
    { 7, "GCStart", "dt seq stack" },
    { 8, "GCDone", "dt" },
    { 9, "STWStart", "dt kind" },
    { 10, "STWDone", "dt" },
    { 11, "GCSweepStart", "dt stack" },
    { 12, "GCSweepDone", "dt swept reclaimed" },
    { 13, "GoCreate", "dt g nstk stack" },
    { 14, "GoStart", "dt g seq" },
    { 15, "GoEnd", "dt" },
    { 16, "GoStop", "dt stack" },
    { 17, "GoSched", "dt stack" },
    { 18, "GoPreempt", "dt stack" },
    { 19, "GoSleep", "dt stack" },
    { 20, "GoBlock", "dt stack" },
    { 21, "GoUnblock", "dt g seq stack" },
    { 22, "GoBlockSend", "dt stack" },
    { 23, "GoBlockRecv", "dt stack" },
    { 24, "GoBlockSelect", "dt stack" },
    { 25, "GoBlockSync", "dt stack" },
    { 26, "GoBlockCond", "dt stack" },
    { 27, "GoBlockNet", "dt stack" },
    { 28, "GoSysCall", "dt stack" },
    { 29, "GoSysExit", "dt g seq ts" },
    { 30, "GoSysBlock", "dt" },
    { 31, "GoWaiting", "dt g" },
    { 32, "GoInSyscall", "dt g" },
    { 33, "HeapAlloc", "dt mem" },
    { 34, "HeapGoal", "dt mem" },
    { 35, "TimerGoroutine", "g" },
    { 36, "FutileWakeup", "dt" },
    { 37, "String", "id" },
    { 38, "GoStartLocal", "dt g" },
    { 39, "GoUnblockLocal", "dt g stack" },
    { 40, "GoSysExitLocal", "dt g ts" },
    { 41, "GoStartLabel", "dt g seq label" },
    { 42, "GoBlockGC", "dt stack" },
    { 43, "GCMarkAssistStart", "dt stack" },
    { 44, "GCMarkAssistDone", "dt" },
    { 45, "UserTaskCreate", "dt task parent name stack" },
    { 46, "UserTaskEnd", "dt task stack" },
    { 47, "UserRegion", "dt task mode name stack" },
    { 48, "UserLog", "dt task key stack" },
    { 49, "CPUSample", "dt ts p g stack" },
};

/* ---- numbers and quotes -------------------------------------------------------------------- */

void trace_text_varint(struct bytes *out, unsigned long long value, unsigned size)
{
    for (unsigned i = 1; value >= 0x80 || i < size; i++) {
        char byte = (char)(0x80 | (value & 0x7f));
        bytes_add(out, &byte, 1);
        value >>= 7;
    }
    bytes_add(out, (char[]) { (char)value }, 1);
}

static void add_byte(struct bytes *out, unsigned byte)
{
    bytes_add(out, (unsigned char[]) { (unsigned char)byte }, 1);
}

static void add_utf8(struct bytes *out, unsigned long c)
{
    if (c < 0x80) {
        add_byte(out, (unsigned)c);
        return;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned first[] = { 0, 0xc0, 0xe0, 0xf0 };
    add_byte(out, first[more] | (unsigned)(c >> (6 * more)));
    while (more-- != 0)
        add_byte(out, 0x80 | (unsigned)((c >> (6 * more)) & 0x3f));
}

static const char *read_digits(const char *at, size_t count, unsigned base, unsigned long *value)
{
    *value = 0;
    for (size_t i = 0; i < count; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = at[i] != '\0' ? strchr(digits, at[i] >= 'A' && at[i] <= 'F' ? at[i] + 32 : at[i]) : NULL;
        if (digit == NULL || (unsigned)(digit - digits) >= base)
            return NULL;
        *value = *value * base + (unsigned long)(digit - digits);
    }
    return at + count;
}

const char *trace_text_unquote(const char *text, struct bytes *out)
{
    static const char simple[] = "a\ab\bf\fn\nr\rt\tv\v\\\\\"\"''";
    if (*text != '"')
        return NULL;
    for (const char *at = text + 1; *at != '\0';) {
        unsigned long value;
        if (*at == '"')
            return at + 1;
        if (*at != '\\') {
            bytes_add(out, at++, 1);
            continue;
        }
        char c = *++at;
        size_t i = 0;
        while (i + 1 < sizeof simple && simple[i] != c)
            i += 2;
        if (c == '\0') {
            return NULL;
        } else if (i + 1 < sizeof simple) {
            add_byte(out, (unsigned char)simple[i + 1]);
            at++;
        } else if (c == 'x' || c == 'u' || c == 'U') {
            at = read_digits(at + 1, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, &value);
            if (at == NULL)
                return NULL;
            if (c == 'x')
                add_byte(out, (unsigned)value);
            else
                add_utf8(out, value);
        } else {
            at = read_digits(at, 3, 8, &value);
            if (at == NULL || value > 255)
                return NULL;
            add_byte(out, (unsigned)value);
        }
    }
    return NULL;
}

/* ---- lines ---------------------------------------------------------------------------------- */

struct value {
    unsigned long long number;
    unsigned size; /* at least that many bytes */
};

#define VALUES 64

struct compiler {
    const char *at; /* the next line */
    unsigned line;
    struct bytes *out, batch;
    bool in_batch; /* whose size is not known yet */
    bool v1;
    char *why;
};

static bool wrong(struct compiler *c, const char *what, ...)
{
    char text[150];
    va_list args;
    va_start(args, what);
    vsnprintf(text, sizeof text, what, args);
    va_end(args);
    snprintf(c->why, TRACE_TEXT_WHY, "line %u: %s", c->line, text);
    return false;
}

/* Where events go. */
static struct bytes *sink(struct compiler *c)
{
    return c->in_batch ? &c->batch : c->out;
}

static void end_batch(struct compiler *c)
{
    if (!c->in_batch)
        return;
    trace_text_varint(c->out, c->batch.size, 10);
    bytes_add(c->out, c->batch.data, c->batch.size);
    bytes_clear(&c->batch);
    c->in_batch = false;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r");
}

/* At a word, or at NUL: the line has no more. */
static const char *next_word(const char *at)
{
    at = skip_blanks(at);
    return *at == '#' || *at == '\n' ? "" : at;
}

static size_t word_size(const char *at)
{
    return strcspn(at, " \t\r\n#");
}

/* The next line that is not blank, in `line`; false: there is none. */
static bool next_line(struct compiler *c, const char **line)
{
    while (*c->at != '\0') {
        const char *here = c->at;
        size_t size = strcspn(here, "\n");
        c->at += size + (here[size] == '\n');
        c->line++;
        *line = next_word(here);
        if (**line != '\0')
            return true;
    }
    return false;
}

static bool read_value(struct compiler *c, const char *at, size_t size, struct value *value)
{
    char text[40], *end;
    if (size == 0 || size >= sizeof text)
        return wrong(c, "a number of %zu digits", size);
    memcpy(text, at, size);
    text[size] = '\0';
    errno = 0;
    *value = (struct value) { .size = 1 };
    if (text[0] == '-') {
        value->number = (unsigned long long)strtoll(text, &end, 10);
    } else {
        value->number = strtoull(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
    }
    if (end != text && *end == '/')
        value->size = (unsigned)strtoul(end + 1, &end, 10);
    return (errno == 0 && end != text && *end == '\0') || wrong(c, "no number: %s", text);
}

/* NAME=VALUE or VALUE, of the arguments whose names are `names`; stops at data=. */
static bool read_values(struct compiler *c, const char **line, const char *names, struct value *values, size_t *count)
{
    const char *at = *line;
    *count = 0;
    for (; *(at = next_word(at)) != '\0' && strncmp(at, "data=", 5) != 0; at += word_size(at)) {
        size_t size = word_size(at), name = strcspn(names, " "), equals = strcspn(at, "= \t\r\n#");
        if (*count == VALUES)
            return wrong(c, "more than %d arguments", VALUES);
        if (equals < size) {
            if (name != 0 && (equals != name || memcmp(at, names, name) != 0))
                return wrong(c, "%.*s, expected %.*s=", (int)size, at, (int)name, names);
            at += equals + 1;
            size -= equals + 1;
        }
        if (!read_value(c, at, size, &values[(*count)++]))
            return false;
        names += name + (names[name] == ' ');
    }
    *line = at;
    return true;
}

static size_t count_words(const char *text)
{
    size_t count = *text != '\0';
    for (; *text != '\0'; text++)
        count += *text == ' ';
    return count;
}

static void add_values(struct bytes *out, const struct value *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        trace_text_varint(out, values[i].number, values[i].size);
}

/* data="...", on this line or the next. */
static bool read_data(struct compiler *c, const char *line, struct bytes *data)
{
    if (*line == '\0' && !next_line(c, &line))
        return wrong(c, "expected data=");
    if (strncmp(line, "data=", 5) != 0)
        return wrong(c, "%.20s, expected data=", line);
    const char *end = trace_text_unquote(line + 5, data);
    return (end != NULL && *next_word(end) == '\0') || wrong(c, "no string: %.40s", line + 5);
}

/* The lines pc= func= file= line= of a stack. */
static bool read_frames(struct compiler *c, struct value *nframes, bool counted, struct bytes *frames)
{
    unsigned long long count = 0;
    for (;; count++) {
        struct compiler before = *c;
        const char *line;
        struct value values[VALUES];
        size_t value_count;
        if (counted && count == nframes->number)
            break;
        if (!next_line(c, &line) || strncmp(line, "pc=", 3) != 0) {
            c->at = before.at;
            c->line = before.line;
            break;
        }
        if (!read_values(c, &line, "pc func file line", values, &value_count))
            return false;
        if (value_count != 4)
            return wrong(c, "a frame of %zu numbers", value_count);
        add_values(frames, values, 4);
    }
    if (!counted)
        *nframes = (struct value) { .number = count, .size = 1 };
    return true;
}

static bool add_hex(struct compiler *c, const char *line)
{
    while (*(line = next_word(line)) != '\0') {
        unsigned long byte;
        line = read_digits(line, 2, 16, &byte);
        if (line == NULL)
            return wrong(c, "no hexadecimal byte");
        add_byte(sink(c), (unsigned)byte);
    }
    return true;
}

static bool add_raw(struct compiler *c, const char *line)
{
    struct value values[VALUES];
    size_t count;
    if (!read_values(c, &line, "id", values, &count))
        return false;
    if (count == 0)
        return wrong(c, "no id");
    add_byte(sink(c), (unsigned)values[0].number);
    add_values(sink(c), values + 1, count - 1);
    return true;
}

static bool add_stack(struct compiler *c, const struct spec *spec, struct value *values, size_t count)
{
    struct bytes frames = { 0 }, head = { 0 };
    if (count == 0 || count > 2)
        return wrong(c, "a stack of %zu numbers", count);
    bool good = read_frames(c, &values[1], count == 2, &frames);
    if (good) {
        add_values(&head, values, 2);
        add_byte(sink(c), c->v1 ? spec->id | 3u << 6 : spec->id);
        if (c->v1)
            trace_text_varint(sink(c), head.size + frames.size, 10);
        bytes_add(sink(c), head.data, head.size);
        if (frames.size != 0)
            bytes_add(sink(c), frames.data, frames.size);
    }
    bytes_free(&frames);
    bytes_free(&head);
    return good;
}

static bool add_data(struct compiler *c, const char *line)
{
    struct bytes data = { 0 };
    bool good = read_data(c, line, &data);
    if (good) {
        trace_text_varint(sink(c), data.size, 1);
        if (data.size != 0)
            bytes_add(sink(c), data.data, data.size);
    }
    bytes_free(&data);
    return good;
}

static bool add_v2(struct compiler *c, const struct spec *spec, const char *line, struct value *values, size_t count)
{
    size_t wanted = count_words(spec->args);
    bool batch = spec->id == 1 || spec->id == 49, open = spec->id == 1 && count == 3;
    if (batch || spec->id == 52)
        end_batch(c);
    if (spec->id == 3)
        return add_stack(c, spec, values, count);
    if (count != wanted && !open)
        return wrong(c, "%s has %zu arguments, expected %zu", spec->name, count, wanted);
    add_byte(sink(c), spec->id);
    add_values(sink(c), values, count);
    c->in_batch = c->in_batch || open;
    return (spec->id != 5 && spec->id != 49) || add_data(c, line);
}

static bool add_v1(struct compiler *c, const struct spec *spec, const char *line, struct value *values, size_t count)
{
    size_t wanted = count_words(spec->args);
    if (spec->id == 3)
        return add_stack(c, spec, values, count);
    if (count != wanted)
        return wrong(c, "%s has %zu arguments, expected %zu", spec->name, count, wanted);
    if (spec->id == 37) {
        add_byte(c->out, spec->id);
        add_values(c->out, values, count);
        return add_data(c, line);
    }
    if (count <= 3) {
        add_byte(c->out, spec->id | (unsigned)(count - 1) << 6);
        add_values(c->out, values, count);
    } else {
        struct bytes rest = { 0 };
        add_values(&rest, values, count);
        add_byte(c->out, spec->id | 3u << 6);
        trace_text_varint(c->out, rest.size, 1);
        bytes_add(c->out, rest.data, rest.size);
        bytes_free(&rest);
    }
    return spec->id != 48 || add_data(c, line);
}

static bool add_header(struct compiler *c, const char *line)
{
    static const char start[] = "Trace Go1.";
    char header[17] = "";
    if (strncmp(line, start, sizeof start - 1) != 0)
        return wrong(c, "%.20s, expected Trace Go1.NN", line);
    unsigned long version = strtoul(line + sizeof start - 1, NULL, 10);
    snprintf(header, sizeof header, "go 1.%lu trace", version % 1000);
    bytes_add(c->out, header, 16);
    c->v1 = version < 22;
    return true;
}

static bool add_event(struct compiler *c, const char *line)
{
    const struct spec *specs = c->v1 ? specs_v1 : specs_v2;
    size_t spec_count = c->v1 ? sizeof specs_v1 / sizeof *specs_v1 : sizeof specs_v2 / sizeof *specs_v2;
    size_t size = word_size(line), count;
    struct value values[VALUES];
    if (size == 5 && memcmp(line, "Bytes", 5) == 0)
        return add_hex(c, line + size);
    if (size == 3 && memcmp(line, "Raw", 3) == 0)
        return add_raw(c, line + size);
    for (size_t i = 0; i < spec_count; i++) {
        if (strlen(specs[i].name) != size || memcmp(specs[i].name, line, size) != 0)
            continue;
        line += size;
        return read_values(c, &line, specs[i].args, values, &count) &&
               (c->v1 ? add_v1 : add_v2)(c, &specs[i], line, values, count);
    }
    return wrong(c, "unknown event %.*s", (int)(size < 40 ? size : 40), line);
}

bool trace_text(const char *text, struct bytes *out, char why[TRACE_TEXT_WHY])
{
    struct compiler c = { .at = text, .out = out, .why = why };
    const char *line;
    why[0] = '\0';
    bool good = next_line(&c, &line) ? add_header(&c, line) : wrong(&c, "expected Trace Go1.NN");
    while (good && next_line(&c, &line))
        good = add_event(&c, line);
    end_batch(&c);
    bytes_free(&c.batch);
    return good;
}
