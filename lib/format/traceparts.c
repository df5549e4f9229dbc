/* traceparts - see traceparts.h. */
#include "format/traceparts.h"

#include "base/compiler.h"
#include "base/number.h"

#include <string.h>

unsigned goleak_trace_version(const char *bytes, size_t size)
{
    static const char front[] = "go 1.", back[] = " trace\0\0\0";
    if (size < GOLEAK_TRACE_HEADER || memcmp(bytes, front, 5) != 0 || memcmp(bytes + 7, back, 9) != 0 ||
        bytes[5] < '0' || bytes[5] > '9' || bytes[6] < '0' || bytes[6] > '9')
        return 0;
    return (unsigned)(bytes[5] - '0') * 10 + (unsigned)(bytes[6] - '0');
}

/* ---- batches that are read again ---- */

#define PAGE ((size_t)4096)
#define LARGE (GOLEAK_TRACE_BATCH_MAX / 2)

void goleak_trace_window_close(struct goleak_trace_window *window, struct goleak_alloc *alloc)
{
    goleak_free(alloc, window->bytes, window->size);
    *window = (struct goleak_trace_window) { 0 };
}

/* As large as the runtime's batches, which are nearly full, or as a small one needs. */
static bool open_window(struct goleak_trace_window *window, struct goleak_alloc *alloc, size_t size)
{
    const size_t full = PAGE + GOLEAK_TRACE_BATCH_MAX + GOLEAK_TRACE_PADDING;
    if (size <= window->size)
        return true;
    goleak_trace_window_close(window, alloc);
    if (size > LARGE && size < full)
        size = full;
    window->bytes = goleak_alloc_array(alloc, 1, size);
    window->size = window->bytes != NULL ? size : 0;
    return window->bytes != NULL;
}

/* Of large ones, pages of the file go to pages of the window: they are copied fast as a whole. */
const uint8_t *goleak_trace_read_again(struct goleak_trace_window *window, const struct goleak_reader_env *env,
                                       uint64_t offset, size_t size, size_t *got)
{
    size_t before = size > LARGE ? (size_t)(offset % PAGE) : 0, wanted = before + size;
    if (!open_window(window, env->alloc, wanted + GOLEAK_TRACE_PADDING))
        return NULL;
    size_t read = env->read_again(env->again_context, offset - before, window->bytes, wanted);
    *got = read > before ? read - before : 0;
    memset(window->bytes + before + *got, 0, GOLEAK_TRACE_PADDING);
    return window->bytes + before;
}

/* ---- the clock ---- */

bool goleak_trace_note_late(struct goleak_health_book *health, const struct goleak_batch *batch)
{
    size_t at = batch->count;
    while (at != 0 && batch->events[at - 1].time_ns == INT64_MAX)
        at--;
    if (at == batch->count)
        return false;
    goleak_health_note(health, GOLEAK_HEALTH_clock_jumps, 1, 0, 0, batch->events[at].position,
                       "found a time 285 years or more after the trace's clock began, expected less; what is told "
                       "from here on has the latest time there is");
    return true;
}

/* ---- goroutines ---- */

#define TABLE_AT_FIRST 64
#define SMALL_TABLE ((uint32_t)1 << 16)
#define TABLE_AT_MOST ((uint32_t)1 << 31)

bool goleak_trace_gs_init(struct goleak_trace_gs *gs, struct goleak_alloc *alloc)
{
    *gs = (struct goleak_trace_gs){ .alloc = alloc, .count = 1, .mask = TABLE_AT_FIRST - 1 };
    gs->table = goleak_alloc_zeroed(alloc, TABLE_AT_FIRST * sizeof *gs->table);
    if (gs->table == NULL || !goleak_grow(alloc, &gs->gs, &gs->capacity, 1, sizeof *gs->gs))
        return false;
    gs->gs[0] = (struct goleak_trace_g){ 0 };
    return true;
}

void goleak_trace_gs_release(struct goleak_trace_gs *gs)
{
    goleak_free(gs->alloc, gs->table, ((size_t)gs->mask + 1) * sizeof *gs->table);
    goleak_free(gs->alloc, gs->gs, gs->capacity * sizeof *gs->gs);
    goleak_free(gs->alloc, gs->since, gs->since_capacity * sizeof *gs->since);
    gs->table = NULL;
    gs->gs = NULL;
    gs->since = NULL;
    gs->capacity = gs->since_capacity = 0;
}

/* Returns how far from home. */
static uint32_t put(struct goleak_trace_gs *gs, uint32_t slot)
{
    uint64_t goid = gs->gs[slot].goid;
    uint32_t home = goleak_trace_gs_home(gs, goid), at = home;
    while (gs->table[at] != 0)
        at = (at + 1) & gs->mask;
    gs->table[at] = slot | goleak_trace_gs_tag(gs, goid);
    return (at - home) & gs->mask;
}

#define AHEAD 8

static inline void fetch_home(const struct goleak_trace_gs *gs, uint64_t goid)
{
    GOLEAK_PREFETCH(&gs->table[goleak_trace_gs_home(gs, goid)]);
}

/* Those that live, into a table that is free. */
static void put_all(struct goleak_trace_gs *gs)
{
    gs->used = gs->living;
    for (uint32_t slot = 1; slot < gs->count; slot++) {
        if (slot + AHEAD < gs->count)
            fetch_home(gs, gs->gs[slot + AHEAD].goid);
        if (gs->gs[slot].listed)
            put(gs, slot);
    }
}

void goleak_trace_gs_list(struct goleak_trace_gs *gs, uint32_t slot)
{
    gs->gs[slot].listed = true;
    fetch_home(gs, gs->gs[slot].goid + AHEAD); /* goids are counted up: it comes soon */
    if (LIKELY(put(gs, slot) < GOLEAK_HASH_FAR) || gs->secret != 0)
        return;
    gs->secret = goleak_hash_secret(gs->table);
    memset(gs->table, 0, ((size_t)gs->mask + 1) * sizeof *gs->table);
    put_all(gs);
}

/* A table of this size, with those that live. */
static bool rebuild(struct goleak_trace_gs *gs, size_t size)
{
    uint32_t *table = goleak_alloc_table(gs->alloc, size, sizeof *table);
    if (table == NULL)
        return false;
    goleak_free(gs->alloc, gs->table, ((size_t)gs->mask + 1) * sizeof *gs->table);
    gs->table = table;
    gs->mask = (uint32_t)(size - 1);
    put_all(gs);
    return true;
}

/* Small tables are half full at most, which is faster; large ones four fifths. So slots are
 * below their size. */
static bool make_room(struct goleak_trace_gs *gs)
{
    uint32_t most = gs->mask < SMALL_TABLE ? gs->mask / 2 : gs->mask - gs->mask / 5;
    size_t size = (size_t)gs->mask + 1;
    if (gs->used < most)
        return true;
    if (gs->used - gs->living >= most / 4)
        return rebuild(gs, size);
    return size < TABLE_AT_MOST && rebuild(gs, 2 * size);
}

uint32_t goleak_trace_gs_take(struct goleak_trace_gs *gs, uint64_t goid)
{
    uint32_t slot = gs->free_list;
    if (!make_room(gs))
        return 0;
    if (slot != 0) {
        gs->free_list = gs->gs[slot].seq;
    } else {
        if (!goleak_grow_ahead(gs->alloc, &gs->gs, &gs->capacity, gs->count + 1, sizeof *gs->gs, GOLEAK_AHEAD_FROM))
            return 0;
        slot = (uint32_t)gs->count++;
    }
    gs->gs[slot] = (struct goleak_trace_g){ .goid = goid, .lives = true };
    gs->living++;
    gs->used++;
    return slot;
}

uint32_t goleak_trace_gs_add(struct goleak_trace_gs *gs, uint64_t goid)
{
    uint32_t slot = goleak_trace_gs_take(gs, goid);
    if (slot != 0)
        goleak_trace_gs_list(gs, slot);
    return slot;
}

void goleak_trace_gs_remove(struct goleak_trace_gs *gs, uint32_t slot)
{
    if (!gs->gs[slot].lives)
        return;
    gs->living--;
    gs->used -= !gs->gs[slot].listed;
    gs->gs[slot] = (struct goleak_trace_g){ .seq = gs->free_list };
    gs->free_list = slot;
}

/* Zero, and not in memory before it is written to. */
bool goleak_trace_gs_remember(struct goleak_trace_gs *gs)
{
    const size_t room = gs->count + gs->count / 2, before = gs->since_capacity;
    struct goleak_trace_since *since = goleak_alloc_zeroed(gs->alloc, room * sizeof *since);
    if (since == NULL)
        return false;
    if (before != 0)
        memcpy(since, gs->since, before * sizeof *since);
    goleak_free(gs->alloc, gs->since, before * sizeof *since);
    gs->since = since;
    gs->since_capacity = room;
    return true;
}

void goleak_trace_gs_speak(struct goleak_trace_gs *gs)
{
    for (size_t slot = 1; slot < gs->count; slot++)
        gs->gs[slot].quiet = false;
}

/* ---- frames ---- */

#define NOT_LOOKED_AT 254

void goleak_trace_frames_init(struct goleak_trace_frames *frames, struct goleak_symbols *symbols,
                              struct goleak_alloc *alloc)
{
    *frames = (struct goleak_trace_frames){ .symbols = symbols };
    goleak_intern_init(&frames->keys, alloc);
}

void goleak_trace_frames_release(struct goleak_trace_frames *frames)
{
    struct goleak_alloc *alloc = frames->keys.alloc;
    if (alloc == NULL)
        return;
    goleak_free(alloc, frames->frames, frames->capacity * sizeof *frames->frames);
    goleak_free(alloc, frames->reasons, frames->reason_capacity);
    goleak_intern_release(&frames->keys);
    frames->frames = NULL;
    frames->reasons = NULL;
    frames->capacity = frames->reason_capacity = 0;
}

uint32_t goleak_trace_frame(struct goleak_trace_frames *frames, uint64_t pc, uint32_t function, uint32_t file,
                            uint64_t line)
{
    const uint64_t key[2] = { function != 0 ? (uint64_t)function << 32 | file : 0, function != 0 ? line : pc };
    size_t before = frames->keys.count, function_size, file_size;
    if (!goleak_grow(frames->keys.alloc, &frames->frames, &frames->capacity, before + 1, sizeof *frames->frames))
        return 0;
    uint32_t id = goleak_intern_add(&frames->keys, key, sizeof key);
    if (id == 0)
        return 0;
    if (id > before) {
        const struct goleak_intern *strings = &frames->symbols->strings;
        const char *function_text = goleak_intern_get(strings, function, &function_size);
        const char *file_text = goleak_intern_get(strings, file, &file_size);
        frames->frames[id - 1] = function == 0 ? goleak_symbols_lost(frames->symbols, pc)
                                 : file == 0   ? goleak_symbols_function(frames->symbols, function_text, function_size)
                                             : goleak_symbols_frame_line(frames->symbols, function_text, function_size,
                                                                         file_text, file_size, line);
    }
    return frames->frames[id - 1];
}

uint32_t goleak_trace_start_of(const struct goleak_trace_frames *frames, uint32_t stack)
{
    const uint32_t *list;
    size_t count = goleak_symbols_stack_frames(frames->symbols, stack, &list);
    return count != 0 ? frames->symbols->frame_info[list[count - 1] - 1].function : 0;
}

/* ---- reasons ---- */

enum goleak_reason goleak_trace_reason(const char *at, size_t size)
{
    for (int reason = 0; reason < GOLEAK_REASON_COUNT; reason++) {
        const char *name = goleak_reason_name((enum goleak_reason)reason);
        if (strlen(name) == size && memcmp(name, at, size) == 0)
            return (enum goleak_reason)reason;
    }
    return GOLEAK_REASON_UNKNOWN;
}

/* The functions through which goroutines park (the runtime's sources; a name that ends in
 * '*' stands for all that begin so). */
static const struct {
    const char *function;
    uint8_t reason;
} parks[] = {
    { "runtime.chansend*", GOLEAK_REASON_CHAN_SEND },
    { "runtime.chanrecv*", GOLEAK_REASON_CHAN_RECV },
    { "runtime.selectgo", GOLEAK_REASON_SELECT },
    { "runtime.block", GOLEAK_REASON_FOREVER },
    { "runtime.semacquire*", GOLEAK_REASON_SYNC },
    { "sync.runtime_Semacquire*", GOLEAK_REASON_SYNC },
    { "internal/sync.runtime_Semacquire*", GOLEAK_REASON_SYNC },
    { "sync.runtime_notifyListWait", GOLEAK_REASON_COND_WAIT },
    { "time.Sleep", GOLEAK_REASON_SLEEP },
    { "runtime.timeSleep", GOLEAK_REASON_SLEEP },
    { "runtime.netpollblock", GOLEAK_REASON_NET },
    { "internal/poll.runtime_pollWait", GOLEAK_REASON_NET },
    { "runtime.coroswitch*", GOLEAK_REASON_GENERIC },
    { "runtime.corostart", GOLEAK_REASON_GENERIC },
    { "runtime.bgsweep", GOLEAK_REASON_GC_SWEEP },
    { "runtime.gcBgMarkWorker*", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.bgscavenge", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.(*scavengerState).park", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.(*scavengerState).sleep", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.forcegchelper", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.runfinq", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.runFinalizers", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.runCleanups", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.(*cleanupQueue).*", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.ReadTrace*", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.readTrace*", GOLEAK_REASON_SYSTEM_GOROUTINE },
    { "runtime.gcWaitOnMark", GOLEAK_REASON_UNTIL_GC_ENDS },
    { "runtime.gcParkAssist", GOLEAK_REASON_GC_MARK_ASSIST },
};

static uint8_t reason_of(const char *function)
{
    for (size_t i = 0; i < sizeof parks / sizeof *parks; i++) {
        size_t size = strlen(parks[i].function);
        bool all = parks[i].function[size - 1] == '*';
        if (all ? strncmp(function, parks[i].function, size - 1) == 0 : strcmp(function, parks[i].function) == 0)
            return parks[i].reason;
    }
    return GOLEAK_REASON_NONE;
}

/* In its file; 0: not told. */
static uint64_t line_of(const struct goleak_symbols *symbols, uint32_t frame)
{
    const char *text = goleak_symbols_frame_text(symbols, frame), *colon = strrchr(text, ':');
    uint64_t line = 0;
    return colon != NULL && goleak_parse_most(colon + 1, colon + strlen(colon), &line) != NULL ? line : 0;
}

/* runtime/chan.go, Go 1.9 to 1.26: that the channel is nil is asked for first, 20 to 30 lines behind those who call for the
 * program, and all others park 100 and more behind. */
#define NIL_LINES 60

/* Whoever parks in chansend, or chanrecv, does so on a nil channel. */
static bool is_on_nil(const struct goleak_symbols *symbols, uint32_t inner, uint32_t outer)
{
    const char *function = goleak_symbols_frame_function(symbols, inner);
    const char *caller = goleak_symbols_frame_function(symbols, outer);
    if ((strcmp(function, "runtime.chansend") != 0 && strcmp(function, "runtime.chanrecv") != 0) ||
        strncmp(caller, function, strlen(function)) != 0)
        return false;
    const uint64_t from = line_of(symbols, outer), line = line_of(symbols, inner);
    return from != 0 && line > from && line - from < NIL_LINES;
}

static uint8_t infer_reason(const struct goleak_symbols *symbols, uint32_t stack)
{
    const uint32_t *list;
    size_t count = goleak_symbols_stack_frames(symbols, stack, &list);
    for (size_t i = 0; i < count && i < 6; i++) {
        const uint8_t reason = reason_of(goleak_symbols_frame_function(symbols, list[i]));
        if (reason != GOLEAK_REASON_NONE)
            return i + 1 < count && is_on_nil(symbols, list[i], list[i + 1]) ? GOLEAK_REASON_FOREVER : reason;
    }
    return GOLEAK_REASON_NONE;
}

bool goleak_trace_infer_reason(struct goleak_trace_frames *frames, uint32_t stack, uint8_t *reason)
{
    size_t before = frames->reason_capacity;
    *reason = GOLEAK_REASON_NONE;
    if (stack == 0)
        return true;
    if (!goleak_grow(frames->keys.alloc, &frames->reasons, &frames->reason_capacity, (size_t)stack + 1, 1))
        return false;
    if (frames->reason_capacity > before)
        memset(frames->reasons + before, NOT_LOOKED_AT, frames->reason_capacity - before);
    if (frames->reasons[stack] == NOT_LOOKED_AT)
        frames->reasons[stack] = infer_reason(frames->symbols, stack);
    *reason = frames->reasons[stack];
    return true;
}
