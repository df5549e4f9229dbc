/*
 * gotrace_v1_runtime - what no goroutine's life consists of goes out as RUNTIME events, under
 * the names and with the arguments that newer traces have for the same, so that one reading
 * serves both; who did it is in `other`. Texts are string ids.
 *
 *      ProcsChange procs           ProcStart p, thread      ProcStop p
 *      GCBegin seq    GCEnd        STWBegin kind    STWEnd  GCSweepBegin
 *      GCSweepEnd swept, reclaimed GCMarkAssistBegin, End   HeapAlloc, HeapGoal bytes
 *      UserTaskBegin task, parent, name                     UserTaskEnd task
 *      UserRegionBegin, End task, name                      UserLog task, key, value
 *      GoLabel label               FutileWakeup             GoSysCall
 *      CPUSample g, p
 */
#include "format/gotrace_v1_out.h"

#include <string.h>

/* Where an argument comes from. */
enum from { NOTHING, FIRST, SECOND, THIRD, P, STRING_FIRST, STRING_SECOND, STRING_THIRD, STW_KIND, TEXT };

struct runtime {
    const char *name;
    uint8_t values[3]; /* enum from */
    uint8_t stack;     /* 0: none; else its argument, from 1 */
};

static const struct runtime runtimes[GOLEAK_V1_TYPES] = {
    [GOLEAK_V1_Gomaxprocs] = { "ProcsChange", { FIRST }, 2 },
    [GOLEAK_V1_ProcStart] = { "ProcStart", { P, FIRST }, 0 },
    [GOLEAK_V1_ProcStop] = { "ProcStop", { P }, 0 },
    [GOLEAK_V1_GCStart] = { "GCBegin", { FIRST }, 2 },
    [GOLEAK_V1_GCDone] = { "GCEnd", { NOTHING }, 0 },
    [GOLEAK_V1_STWStart] = { "STWBegin", { STW_KIND }, 0 },
    [GOLEAK_V1_STWDone] = { "STWEnd", { NOTHING }, 0 },
    [GOLEAK_V1_GCSweepStart] = { "GCSweepBegin", { NOTHING }, 1 },
    [GOLEAK_V1_GCSweepDone] = { "GCSweepEnd", { FIRST, SECOND }, 0 },
    [GOLEAK_V1_GoSysCall] = { "GoSysCall", { NOTHING }, 1 },
    [GOLEAK_V1_HeapAlloc] = { "HeapAlloc", { FIRST }, 0 },
    [GOLEAK_V1_HeapGoal] = { "HeapGoal", { FIRST }, 0 },
    [GOLEAK_V1_FutileWakeup] = { "FutileWakeup", { NOTHING }, 0 },
    [GOLEAK_V1_GoStartLabel] = { "GoLabel", { STRING_THIRD }, 0 },
    [GOLEAK_V1_GCMarkAssistStart] = { "GCMarkAssistBegin", { NOTHING }, 1 },
    [GOLEAK_V1_GCMarkAssistDone] = { "GCMarkAssistEnd", { NOTHING }, 0 },
    [GOLEAK_V1_UserTaskCreate] = { "UserTaskBegin", { FIRST, SECOND, STRING_THIRD }, 4 },
    [GOLEAK_V1_UserTaskEnd] = { "UserTaskEnd", { FIRST }, 2 },
    [GOLEAK_V1_UserRegion] = { "UserRegionBegin", { FIRST, STRING_THIRD }, 4 },
    [GOLEAK_V1_UserLog] = { "UserLog", { FIRST, STRING_SECOND, TEXT }, 3 },
    [GOLEAK_V1_CPUSample] = { "CPUSample", { THIRD, SECOND }, 4 },
};

/* Why the world stops, by the numbers of Go 1.21; before, there were two (0: mark, 1: sweep). */
static bool stw_kind(struct goleak_v1_out *out, uint64_t kind, uint64_t *string)
{
    static const char *const texts[] = {
        "unknown",
        "GC mark termination",
        "GC sweep termination",
        "write heap dump",
        "goroutine profile",
        "goroutine profile cleanup",
        "all goroutines stack trace",
        "read mem stats",
        "AllThreadsSyscall",
        "GOMAXPROCS",
        "start trace",
        "stop trace",
        "CountPagesInUse (test)",
        "ReadMetricsSlow (test)",
        "ReadMemStatsSlow (test)",
        "PageCachePagesLeaked (test)",
        "ResetDebugLog (test)",
    };
    if (out->file->version < 21)
        kind = kind < 2 ? kind + 1 : 0;
    if (kind >= sizeof texts / sizeof *texts)
        kind = 0;
    uint32_t *own = &out->stw[kind];
    if (*own == 0)
        *own = goleak_symbols_string(out->file->env.symbols, texts[kind], strlen(texts[kind]));
    *string = *own;
    return *own != 0;
}

static bool value_of(struct goleak_v1_out *out, const struct goleak_v1_event *from, enum from source, uint64_t *value)
{
    uint32_t string = 0;
    bool good = true;
    switch (source) {
    case NOTHING: *value = 0; return true;
    case FIRST:
    case SECOND:
    case THIRD: *value = from->from->arguments[source - FIRST]; return true;
    case P: *value = from->from->p; return true;
    case STRING_FIRST:
    case STRING_SECOND:
    case STRING_THIRD: good = goleak_v1_string(out->file, from->from->arguments[source - STRING_FIRST], &string); break;
    case STW_KIND: return stw_kind(out, from->from->arguments[0], value);
    case TEXT: good = goleak_v1_text(out->file, from->from->text, &string); break;
    }
    *value = string;
    return good;
}

/* It mentions no text that is to be looked for, and may be missing. */
static bool tells_numbers(const struct runtime *runtime)
{
    bool texts = false;
    for (size_t i = 0; i < sizeof runtime->values; i++)
        texts = texts || runtime->values[i] >= STRING_FIRST;
    return !texts;
}

enum goleak_status goleak_v1_runtime(struct goleak_v1_out *out, const struct goleak_v1_event *from)
{
    uint8_t type = from->from->type;
    const struct runtime *runtime = &runtimes[type];
    bool end = type == GOLEAK_V1_UserRegion && from->from->arguments[1] != 0;
    const char *text = end ? "UserRegionEnd" : runtime->name;
    uint32_t *name = &out->names[type + (end ? GOLEAK_V1_TYPES : 0)];
    if (out->waits_only && *name != 0 && tells_numbers(runtime)) {
        bool good = runtime->stack == 0 || goleak_v1_find_stack(out, from->from->arguments[runtime->stack - 1]) != NULL;
        goleak_tickclock_ns(&out->clock, from->from->ticks);
        out->untold++;
        out->full--;
        return good ? GOLEAK_OK : goleak_v1_failure(out);
    }
    enum goleak_status status = goleak_v1_is_full(out) ? goleak_v1_push(out) : GOLEAK_OK;
    if (status != GOLEAK_OK)
        return status;
    if (*name == 0 && (*name = goleak_symbols_string(out->file->env.symbols, text, strlen(text))) == 0)
        return goleak_v1_failure(out);
    out->simple[type].name = *name;
    struct goleak_event *event = goleak_v1_add(out, from->from, GOLEAK_EVENT_RUNTIME, 0, 0, 0);
    event->name = *name;
    uint64_t *const values[3] = { &event->lock, &event->chan, &event->elem };
    for (int i = 0; i < 3; i++) {
        if (!value_of(out, from, (enum from)runtime->values[i], values[i]))
            return goleak_v1_failure(out);
        event->has |= runtime->values[i] != NOTHING ? GOLEAK_HAS_LOCK << i : 0;
    }
    goleak_v1_by(event, from->current, from->current_goid);
    if (runtime->stack != 0 && !goleak_v1_put_stack(out, event, from->from->arguments[runtime->stack - 1]))
        return goleak_v1_failure(out);
    return GOLEAK_OK;
}
