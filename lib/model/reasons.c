/*
 * reasons - see reasons.h.
 *
 * Source of the tables: waitReasonStrings in runtime/runtime2.go and
 * traceBlockReason in runtime/traceruntime.go (1.22: trace2runtime.go) of each
 * version; up to 1.21 the block reason is a trace event byte (runtime/trace.go):
 *
 *      1.19, 1.21   16 forever  19 sleep  20 generic, GC sweep, system, …
 *                   22 send  23 receive  24 select  25 sync  26 cond  27 net
 *                   42 GC mark assist
 *      1.22-1.27    0-14 as in enum goleak_reason; 15 from 1.23, 16 from 1.24
 *
 * Only 16 means something in both. 1.20 was not recorded: it is taken to number
 * block reasons as 1.19 does, and only the wait reasons that 1.19 and 1.21 share
 * are read in it.
 */
#include "model/reasons.h"

#include "base/number.h"

#include <stdio.h>
#include <string.h>

/* X(id, the runtime's text, the block reason that it comes with; NONE: any,
 * UNKNOWN: none, gopark never gets it) */
#define WAITS(X) \
    X(NONE, "", GOLEAK_REASON_NONE) \
    X(GC_ASSIST_MARKING, "GC assist marking", GOLEAK_REASON_NONE) \
    X(IO_WAIT, "IO wait", GOLEAK_REASON_NET) \
    X(CHAN_RECEIVE_NIL_CHAN, "chan receive (nil chan)", GOLEAK_REASON_FOREVER) \
    X(CHAN_SEND_NIL_CHAN, "chan send (nil chan)", GOLEAK_REASON_FOREVER) \
    X(DUMPING_HEAP, "dumping heap", GOLEAK_REASON_UNKNOWN) \
    X(GARBAGE_COLLECTION, "garbage collection", GOLEAK_REASON_UNKNOWN) \
    X(GARBAGE_COLLECTION_SCAN, "garbage collection scan", GOLEAK_REASON_UNKNOWN) \
    X(PANICWAIT, "panicwait", GOLEAK_REASON_FOREVER) \
    X(SELECT, "select", GOLEAK_REASON_SELECT) \
    X(SELECT_NO_CASES, "select (no cases)", GOLEAK_REASON_FOREVER) \
    X(GC_ASSIST_WAIT, "GC assist wait", GOLEAK_REASON_GC_MARK_ASSIST) \
    X(GC_SWEEP_WAIT, "GC sweep wait", GOLEAK_REASON_GC_SWEEP) \
    X(GC_SCAVENGE_WAIT, "GC scavenge wait", GOLEAK_REASON_SYSTEM_GOROUTINE) \
    X(CHAN_RECEIVE, "chan receive", GOLEAK_REASON_CHAN_RECV) \
    X(CHAN_SEND, "chan send", GOLEAK_REASON_CHAN_SEND) \
    X(FINALIZER_WAIT, "finalizer wait", GOLEAK_REASON_SYSTEM_GOROUTINE) \
    X(FORCE_GC_IDLE, "force gc (idle)", GOLEAK_REASON_SYSTEM_GOROUTINE) \
    X(SEMACQUIRE, "semacquire", GOLEAK_REASON_SYNC) \
    X(SLEEP, "sleep", GOLEAK_REASON_SLEEP) \
    X(SYNC_COND_WAIT, "sync.Cond.Wait", GOLEAK_REASON_COND_WAIT) \
    X(TIMER_GOROUTINE_IDLE, "timer goroutine (idle)", GOLEAK_REASON_SYSTEM_GOROUTINE) \
    X(TRACE_READER_BLOCKED, "trace reader (blocked)", GOLEAK_REASON_SYSTEM_GOROUTINE) \
    X(WAIT_FOR_GC_CYCLE, "wait for GC cycle", GOLEAK_REASON_UNTIL_GC_ENDS) \
    X(GC_WORKER_IDLE, "GC worker (idle)", GOLEAK_REASON_SYSTEM_GOROUTINE) \
    X(PREEMPTED, "preempted", GOLEAK_REASON_PREEMPTED) \
    X(DEBUG_CALL, "debug call", GOLEAK_REASON_DEBUG_CALL) \
    X(SYNC_MUTEX_LOCK, "sync.Mutex.Lock", GOLEAK_REASON_SYNC) \
    X(SYNC_RWMUTEX_RLOCK, "sync.RWMutex.RLock", GOLEAK_REASON_SYNC) \
    X(SYNC_RWMUTEX_LOCK, "sync.RWMutex.Lock", GOLEAK_REASON_SYNC) \
    X(GC_WORKER_ACTIVE, "GC worker (active)", GOLEAK_REASON_NONE) \
    X(GC_MARK_TERMINATION, "GC mark termination", GOLEAK_REASON_NONE) \
    X(STOPPING_THE_WORLD, "stopping the world", GOLEAK_REASON_NONE) \
    X(FLUSHING_PROC_CACHES, "flushing proc caches", GOLEAK_REASON_NONE) \
    X(TRACE_GOROUTINE_STATUS, "trace goroutine status", GOLEAK_REASON_NONE) \
    X(TRACE_PROC_STATUS, "trace proc status", GOLEAK_REASON_NONE) \
    X(PAGE_TRACE_FLUSH, "page trace flush", GOLEAK_REASON_NONE) \
    X(COROUTINE, "coroutine", GOLEAK_REASON_NONE) \
    X(GC_WEAK_TO_STRONG_WAIT, "GC weak to strong wait", GOLEAK_REASON_GC_WEAK_TO_STRONG) \
    X(SYNC_WAITGROUP_WAIT, "sync.WaitGroup.Wait", GOLEAK_REASON_SYNC) \
    X(SYNCTEST_RUN, "synctest.Run", GOLEAK_REASON_SYNCTEST) \
    X(SYNCTEST_WAIT, "synctest.Wait", GOLEAK_REASON_SYNCTEST) \
    X(CHAN_RECEIVE_SYNCTEST, "chan receive (synctest)", GOLEAK_REASON_CHAN_RECV) \
    X(CHAN_SEND_SYNCTEST, "chan send (synctest)", GOLEAK_REASON_CHAN_SEND) \
    X(SELECT_SYNCTEST, "select (synctest)", GOLEAK_REASON_SELECT) \
    X(GOMAXPROCS_UPDATER_IDLE, "GOMAXPROCS updater (idle)", GOLEAK_REASON_SYSTEM_GOROUTINE) \
    X(CHAN_RECEIVE_DURABLE, "chan receive (durable)", GOLEAK_REASON_CHAN_RECV) \
    X(CHAN_SEND_DURABLE, "chan send (durable)", GOLEAK_REASON_CHAN_SEND) \
    X(SELECT_DURABLE, "select (durable)", GOLEAK_REASON_SELECT) \
    X(SYNC_WAITGROUP_WAIT_DURABLE, "sync.WaitGroup.Wait (durable)", GOLEAK_REASON_SYNC) \
    X(CLEANUP_WAIT, "cleanup wait", GOLEAK_REASON_SYSTEM_GOROUTINE)

enum wait_id {
#define X(id, text, reason) W_##id,
    WAITS(X)
#undef X
        W_COUNT
};

static const struct {
    const char *text;
    uint8_t reason; /* GOLEAK_REASON_NONE: any */
} waits[W_COUNT] = {
#define X(id, text, reason) { text, reason },
    WAITS(X)
#undef X
};

static const uint8_t waits_1_19[] = {
    W_NONE, W_GC_ASSIST_MARKING, W_IO_WAIT, W_CHAN_RECEIVE_NIL_CHAN, W_CHAN_SEND_NIL_CHAN, W_DUMPING_HEAP, W_GARBAGE_COLLECTION, W_GARBAGE_COLLECTION_SCAN, W_PANICWAIT, W_SELECT, W_SELECT_NO_CASES, W_GC_ASSIST_WAIT, W_GC_SWEEP_WAIT, W_GC_SCAVENGE_WAIT, W_CHAN_RECEIVE, W_CHAN_SEND, W_FINALIZER_WAIT, W_FORCE_GC_IDLE, W_SEMACQUIRE, W_SLEEP, W_SYNC_COND_WAIT, W_TIMER_GOROUTINE_IDLE, W_TRACE_READER_BLOCKED, W_WAIT_FOR_GC_CYCLE, W_GC_WORKER_IDLE, W_PREEMPTED, W_DEBUG_CALL,
};
static const uint8_t waits_1_21[] = {
    W_NONE, W_GC_ASSIST_MARKING, W_IO_WAIT, W_CHAN_RECEIVE_NIL_CHAN, W_CHAN_SEND_NIL_CHAN, W_DUMPING_HEAP, W_GARBAGE_COLLECTION, W_GARBAGE_COLLECTION_SCAN, W_PANICWAIT, W_SELECT, W_SELECT_NO_CASES, W_GC_ASSIST_WAIT, W_GC_SWEEP_WAIT, W_GC_SCAVENGE_WAIT, W_CHAN_RECEIVE, W_CHAN_SEND, W_FINALIZER_WAIT, W_FORCE_GC_IDLE, W_SEMACQUIRE, W_SLEEP, W_SYNC_COND_WAIT, W_SYNC_MUTEX_LOCK, W_SYNC_RWMUTEX_RLOCK, W_SYNC_RWMUTEX_LOCK, W_TRACE_READER_BLOCKED, W_WAIT_FOR_GC_CYCLE, W_GC_WORKER_IDLE, W_GC_WORKER_ACTIVE, W_PREEMPTED, W_DEBUG_CALL, W_GC_MARK_TERMINATION, W_STOPPING_THE_WORLD,
};
static const uint8_t waits_1_22[] = {
    W_NONE, W_GC_ASSIST_MARKING, W_IO_WAIT, W_CHAN_RECEIVE_NIL_CHAN, W_CHAN_SEND_NIL_CHAN, W_DUMPING_HEAP, W_GARBAGE_COLLECTION, W_GARBAGE_COLLECTION_SCAN, W_PANICWAIT, W_SELECT, W_SELECT_NO_CASES, W_GC_ASSIST_WAIT, W_GC_SWEEP_WAIT, W_GC_SCAVENGE_WAIT, W_CHAN_RECEIVE, W_CHAN_SEND, W_FINALIZER_WAIT, W_FORCE_GC_IDLE, W_SEMACQUIRE, W_SLEEP, W_SYNC_COND_WAIT, W_SYNC_MUTEX_LOCK, W_SYNC_RWMUTEX_RLOCK, W_SYNC_RWMUTEX_LOCK, W_TRACE_READER_BLOCKED, W_WAIT_FOR_GC_CYCLE, W_GC_WORKER_IDLE, W_GC_WORKER_ACTIVE, W_PREEMPTED, W_DEBUG_CALL, W_GC_MARK_TERMINATION, W_STOPPING_THE_WORLD, W_FLUSHING_PROC_CACHES, W_TRACE_GOROUTINE_STATUS, W_TRACE_PROC_STATUS, W_PAGE_TRACE_FLUSH, W_COROUTINE,
};
static const uint8_t waits_1_23[] = {
    W_NONE, W_GC_ASSIST_MARKING, W_IO_WAIT, W_CHAN_RECEIVE_NIL_CHAN, W_CHAN_SEND_NIL_CHAN, W_DUMPING_HEAP, W_GARBAGE_COLLECTION, W_GARBAGE_COLLECTION_SCAN, W_PANICWAIT, W_SELECT, W_SELECT_NO_CASES, W_GC_ASSIST_WAIT, W_GC_SWEEP_WAIT, W_GC_SCAVENGE_WAIT, W_CHAN_RECEIVE, W_CHAN_SEND, W_FINALIZER_WAIT, W_FORCE_GC_IDLE, W_SEMACQUIRE, W_SLEEP, W_SYNC_COND_WAIT, W_SYNC_MUTEX_LOCK, W_SYNC_RWMUTEX_RLOCK, W_SYNC_RWMUTEX_LOCK, W_TRACE_READER_BLOCKED, W_WAIT_FOR_GC_CYCLE, W_GC_WORKER_IDLE, W_GC_WORKER_ACTIVE, W_PREEMPTED, W_DEBUG_CALL, W_GC_MARK_TERMINATION, W_STOPPING_THE_WORLD, W_FLUSHING_PROC_CACHES, W_TRACE_GOROUTINE_STATUS, W_TRACE_PROC_STATUS, W_PAGE_TRACE_FLUSH, W_COROUTINE, W_GC_WEAK_TO_STRONG_WAIT,
};
static const uint8_t waits_1_24[] = {
    W_NONE, W_GC_ASSIST_MARKING, W_IO_WAIT, W_CHAN_RECEIVE_NIL_CHAN, W_CHAN_SEND_NIL_CHAN, W_DUMPING_HEAP, W_GARBAGE_COLLECTION, W_GARBAGE_COLLECTION_SCAN, W_PANICWAIT, W_SELECT, W_SELECT_NO_CASES, W_GC_ASSIST_WAIT, W_GC_SWEEP_WAIT, W_GC_SCAVENGE_WAIT, W_CHAN_RECEIVE, W_CHAN_SEND, W_FINALIZER_WAIT, W_FORCE_GC_IDLE, W_SEMACQUIRE, W_SLEEP, W_SYNC_COND_WAIT, W_SYNC_MUTEX_LOCK, W_SYNC_RWMUTEX_RLOCK, W_SYNC_RWMUTEX_LOCK, W_SYNC_WAITGROUP_WAIT, W_TRACE_READER_BLOCKED, W_WAIT_FOR_GC_CYCLE, W_GC_WORKER_IDLE, W_GC_WORKER_ACTIVE, W_PREEMPTED, W_DEBUG_CALL, W_GC_MARK_TERMINATION, W_STOPPING_THE_WORLD, W_FLUSHING_PROC_CACHES, W_TRACE_GOROUTINE_STATUS, W_TRACE_PROC_STATUS, W_PAGE_TRACE_FLUSH, W_COROUTINE, W_GC_WEAK_TO_STRONG_WAIT, W_SYNCTEST_RUN, W_SYNCTEST_WAIT, W_CHAN_RECEIVE_SYNCTEST, W_CHAN_SEND_SYNCTEST, W_SELECT_SYNCTEST,
};
static const uint8_t waits_1_25[] = {
    W_NONE, W_GC_ASSIST_MARKING, W_IO_WAIT, W_CHAN_RECEIVE_NIL_CHAN, W_CHAN_SEND_NIL_CHAN, W_DUMPING_HEAP, W_GARBAGE_COLLECTION, W_GARBAGE_COLLECTION_SCAN, W_PANICWAIT, W_SELECT, W_SELECT_NO_CASES, W_GC_ASSIST_WAIT, W_GC_SWEEP_WAIT, W_GC_SCAVENGE_WAIT, W_CHAN_RECEIVE, W_CHAN_SEND, W_FINALIZER_WAIT, W_FORCE_GC_IDLE, W_GOMAXPROCS_UPDATER_IDLE, W_SEMACQUIRE, W_SLEEP, W_SYNC_COND_WAIT, W_SYNC_MUTEX_LOCK, W_SYNC_RWMUTEX_RLOCK, W_SYNC_RWMUTEX_LOCK, W_SYNC_WAITGROUP_WAIT, W_TRACE_READER_BLOCKED, W_WAIT_FOR_GC_CYCLE, W_GC_WORKER_IDLE, W_GC_WORKER_ACTIVE, W_PREEMPTED, W_DEBUG_CALL, W_GC_MARK_TERMINATION, W_STOPPING_THE_WORLD, W_FLUSHING_PROC_CACHES, W_TRACE_GOROUTINE_STATUS, W_TRACE_PROC_STATUS, W_PAGE_TRACE_FLUSH, W_COROUTINE, W_GC_WEAK_TO_STRONG_WAIT, W_SYNCTEST_RUN, W_SYNCTEST_WAIT, W_CHAN_RECEIVE_DURABLE, W_CHAN_SEND_DURABLE, W_SELECT_DURABLE, W_SYNC_WAITGROUP_WAIT_DURABLE, W_CLEANUP_WAIT,
};
static const uint8_t waits_1_26[] = {
    W_NONE, W_GC_ASSIST_MARKING, W_IO_WAIT, W_DUMPING_HEAP, W_GARBAGE_COLLECTION, W_GARBAGE_COLLECTION_SCAN, W_PANICWAIT, W_GC_ASSIST_WAIT, W_GC_SWEEP_WAIT, W_GC_SCAVENGE_WAIT, W_FINALIZER_WAIT, W_FORCE_GC_IDLE, W_GOMAXPROCS_UPDATER_IDLE, W_SEMACQUIRE, W_SLEEP, W_CHAN_RECEIVE_NIL_CHAN, W_CHAN_SEND_NIL_CHAN, W_SELECT_NO_CASES, W_SELECT, W_CHAN_RECEIVE, W_CHAN_SEND, W_SYNC_COND_WAIT, W_SYNC_MUTEX_LOCK, W_SYNC_RWMUTEX_RLOCK, W_SYNC_RWMUTEX_LOCK, W_SYNC_WAITGROUP_WAIT, W_TRACE_READER_BLOCKED, W_WAIT_FOR_GC_CYCLE, W_GC_WORKER_IDLE, W_GC_WORKER_ACTIVE, W_PREEMPTED, W_DEBUG_CALL, W_GC_MARK_TERMINATION, W_STOPPING_THE_WORLD, W_FLUSHING_PROC_CACHES, W_TRACE_GOROUTINE_STATUS, W_TRACE_PROC_STATUS, W_PAGE_TRACE_FLUSH, W_COROUTINE, W_GC_WEAK_TO_STRONG_WAIT, W_SYNCTEST_RUN, W_SYNCTEST_WAIT, W_CHAN_RECEIVE_DURABLE, W_CHAN_SEND_DURABLE, W_SELECT_DURABLE, W_SYNC_WAITGROUP_WAIT_DURABLE, W_CLEANUP_WAIT,
};

static const struct {
    const uint8_t *waits;
    uint8_t wait_count;
    uint8_t block_reasons; /* 0: trace event bytes; else how many are numbered */
} versions[GOLEAK_GO_VERSIONS] = {
#define V(table) table, sizeof table
    { V(waits_1_19), 0 },
    { waits_1_19, 21 /* 0-20 are the same in 1.19 and 1.21 */, 0 },
    { V(waits_1_21), 0 },
    { V(waits_1_22), 15 },
    { V(waits_1_23), 16 },
    { V(waits_1_24), 17 },
    { V(waits_1_25), 17 },
    { V(waits_1_26), 17 },
    { V(waits_1_26), 17 },
#undef V
};

/* Up to Go 1.21. */
static enum goleak_reason from_event_byte(uint8_t reason, uint8_t wait_reason)
{
    switch (reason) {
    case 16:
        return GOLEAK_REASON_FOREVER;
    case 19:
        return GOLEAK_REASON_SLEEP;
    case 20: /* one byte for all that has no event of its own: the wait reason tells more */
        switch (wait_reason) {
        case GOLEAK_REASON_GC_SWEEP:
        case GOLEAK_REASON_SYSTEM_GOROUTINE:
        case GOLEAK_REASON_PREEMPTED:
        case GOLEAK_REASON_DEBUG_CALL:
        case GOLEAK_REASON_UNTIL_GC_ENDS:
            return (enum goleak_reason)wait_reason;
        default:
            return GOLEAK_REASON_GENERIC;
        }
    case 22:
        return GOLEAK_REASON_CHAN_SEND;
    case 23:
        return GOLEAK_REASON_CHAN_RECV;
    case 24:
        return GOLEAK_REASON_SELECT;
    case 25:
        return GOLEAK_REASON_SYNC;
    case 26:
        return GOLEAK_REASON_COND_WAIT;
    case 27:
        return GOLEAK_REASON_NET;
    case 42:
        return GOLEAK_REASON_GC_MARK_ASSIST;
    case 0: /* traceEvNone: no event is written for this park */
        return GOLEAK_REASON_GENERIC;
    default:
        return GOLEAK_REASON_UNKNOWN;
    }
}

static const char *wait_name(unsigned version, int wait, uint8_t *reason)
{
    *reason = GOLEAK_REASON_NONE;
    if (wait < 0 || wait >= versions[version].wait_count)
        return NULL;
    unsigned id = versions[version].waits[wait];
    *reason = waits[id].reason;
    return waits[id].text;
}

static enum goleak_reason decode_in(unsigned version, uint8_t reason, int wait)
{
    uint8_t wait_reason;
    if (versions[version].block_reasons == 0) {
        wait_name(version, wait, &wait_reason);
        return from_event_byte(reason, wait_reason);
    }
    return reason < versions[version].block_reasons ? (enum goleak_reason)reason : GOLEAK_REASON_UNKNOWN;
}

/* Can this version have printed this pair? */
static bool possible_in(unsigned version, uint8_t reason, int wait)
{
    enum goleak_reason decoded = decode_in(version, reason, wait);
    if (decoded == GOLEAK_REASON_UNKNOWN)
        return false;
    if (wait < 0)
        return true;
    uint8_t wait_reason;
    if (wait_name(version, wait, &wait_reason) == NULL)
        /* Its table is known in part; it has no more than the next one's. */
        return version == 20 - GOLEAK_GO_OLDEST && wait < versions[version + 1].wait_count;
    return wait_reason == GOLEAK_REASON_NONE || wait_reason == decoded;
}

static unsigned lowest(uint32_t bits)
{
    unsigned at = 0;
    while ((bits >> at & 1) == 0)
        at++;
    return at;
}

static unsigned highest(uint32_t bits)
{
    unsigned at = 0;
    while (bits >> at > 1)
        at++;
    return at;
}

static void fill_table(struct goleak_reasons *reasons)
{
    for (unsigned reason = 0; reason < 256; reason++)
        reasons->table[reason] = (uint8_t)goleak_reasons_decode_with_wait(reasons, (uint8_t)reason, -1);
}

void goleak_reasons_init(struct goleak_reasons *reasons)
{
    *reasons = (struct goleak_reasons){ .candidates = GOLEAK_GO_ALL };
    fill_table(reasons);
}

static void describe_range(unsigned low, unsigned high, char text[16])
{
    if (low == high)
        snprintf(text, 16, "1.%u", low);
    else
        snprintf(text, 16, "1.%u-1.%u", low, high);
}

static void describe(uint32_t versions_left, char text[16])
{
    describe_range(lowest(versions_left) + GOLEAK_GO_OLDEST, highest(versions_left) + GOLEAK_GO_OLDEST, text);
}

static void learn(struct goleak_reasons *reasons, uint32_t candidates, const char *from, const char *text)
{
    reasons->candidates = candidates;
    reasons->from = from;
    snprintf(reasons->text, sizeof reasons->text, "%s", text);
    fill_table(reasons);
}

/* As far as there are tables. */
static uint32_t versions_between(unsigned low, unsigned high)
{
    uint32_t set = 0;
    for (unsigned minor = GOLEAK_GO_OLDEST; minor <= GOLEAK_GO_NEWEST; minor++)
        if (minor >= low && minor <= high)
            set |= GOLEAK_GO_BIT(minor);
    return set;
}

const char *goleak_reasons_minor(const char *version, uint64_t *minor)
{
    return strncmp(version, "1.", 2) == 0 ? goleak_parse_u64(version + 2, version + strlen(version), minor) : NULL;
}

bool goleak_reasons_set_version(struct goleak_reasons *reasons, const char *version, const char *from)
{
    uint64_t minor;
    if (strncmp(version, "go", 2) == 0)
        version += 2;
    const char *rest = goleak_reasons_minor(version, &minor);
    if (rest == NULL || minor > 999 || (*rest != '\0' && strchr(".-+ rb", *rest) == NULL))
        return false;
    uint64_t table = minor < GOLEAK_GO_OLDEST ? GOLEAK_GO_OLDEST : minor;
    if (table > GOLEAK_GO_NEWEST)
        table = GOLEAK_GO_NEWEST;
    char text[16];
    describe_range((unsigned)minor, (unsigned)minor, text);
    learn(reasons, GOLEAK_GO_BIT(table), from, text);
    return true;
}

/* Who gives a version that the trace is not of is wrong. */
static bool is_overruled(const struct goleak_reasons *reasons, uint32_t set)
{
    return !goleak_reasons_is_given(reasons) || (set != 0 && (reasons->candidates & set) == 0);
}

void goleak_reasons_set_range(struct goleak_reasons *reasons, unsigned low, unsigned high)
{
    uint32_t set = versions_between(low, high);
    char text[16];
    if (!is_overruled(reasons, set))
        return;
    describe_range(low, high, text);
    learn(reasons, set != 0 ? set : GOLEAK_GO_BIT(GOLEAK_GO_OLDEST), "header", text);
}

void goleak_reasons_set_as(struct goleak_reasons *reasons, const struct goleak_reasons *told)
{
    bool overruled = goleak_reasons_is_given(reasons) && goleak_reasons_is_given(told) &&
                     strcmp(reasons->from, "option") == 0 && strcmp(told->from, "header") == 0;
    if (goleak_reasons_is_given(reasons) && !overruled)
        return;
    learn(reasons, told->candidates, told->from, told->text);
}

void goleak_reasons_restore(struct goleak_reasons *reasons, unsigned low, unsigned high, const char *from,
                            const char *text)
{
    static const char *const words[] = { "header", "option", GOLEAK_FROM_EXE };
    uint32_t set = versions_between(low, high);
    if (strcmp(from, "inferred") == 0)
        goleak_reasons_restrict(reasons, set);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(from, words[i]) == 0 && set != 0 &&
            (!goleak_reasons_is_given(reasons) || (i == 0 && is_overruled(reasons, set))))
            learn(reasons, set, words[i], text);
}

bool goleak_reasons_is_given(const struct goleak_reasons *reasons)
{
    return reasons->from != NULL && strcmp(reasons->from, "inferred") != 0;
}

void goleak_reasons_restrict(struct goleak_reasons *reasons, uint32_t wanted)
{
    uint32_t left = reasons->candidates & wanted;
    if (goleak_reasons_is_given(reasons) || left == 0 || left == reasons->candidates)
        return;
    char text[16];
    describe(left, text);
    learn(reasons, left, "inferred", text);
}

static uint32_t able_to(uint8_t reason, int wait)
{
    uint32_t able = 0;
    for (unsigned version = 0; version < GOLEAK_GO_VERSIONS; version++)
        if (possible_in(version, reason, wait))
            able |= 1u << version;
    return able;
}

/* The versions in which it would be a debugger's call: nobody records that, and it has
 * the number of an idle worker of the collector in other versions. */
static uint32_t debugged(uint8_t reason, int wait)
{
    uint32_t versions_so = 0;
    for (unsigned version = 0; version < GOLEAK_GO_VERSIONS && wait >= 0; version++)
        if (decode_in(version, reason, wait) == GOLEAK_REASON_DEBUG_CALL)
            versions_so |= 1u << version;
    return versions_so;
}

void goleak_reasons_able(uint8_t reason, int wait, char text[16])
{
    uint32_t able = able_to(reason, wait);
    text[0] = '\0';
    if (able != 0)
        describe(able, text);
}

bool goleak_reasons_learn_new(struct goleak_reasons *reasons, uint8_t reason, int wait)
{
    uint32_t able = able_to(reason, wait), likely = able & ~debugged(reason, wait);
    if (likely & reasons->candidates)
        able = likely;
    /* What is impossible is not remembered: every such event is to be counted. */
    if ((able & reasons->candidates) == 0)
        return false;
    if (wait < 0)
        reasons->seen_alone[reason >> 6] |= (uint64_t)1 << (reason & 63);
    else if (wait < 64 && reason < 64)
        reasons->seen[reason] |= (uint64_t)1 << wait;
    goleak_reasons_restrict(reasons, able);
    return true;
}

enum goleak_reason goleak_reasons_decode_with_wait(const struct goleak_reasons *reasons, uint8_t reason, int wait)
{
    /* The oldest and the newest candidate stand for all: between them numbers
     * were only appended, but for 16, which the oldest decides (a park forever
     * is far more common than a synctest bubble). */
    enum goleak_reason decoded = decode_in(lowest(reasons->candidates), reason, wait);
    if (decoded == GOLEAK_REASON_UNKNOWN)
        decoded = decode_in(highest(reasons->candidates), reason, wait);
    return decoded;
}

bool goleak_reasons_is_open(const struct goleak_reasons *reasons, uint8_t reason, int wait)
{
    enum goleak_reason oldest = decode_in(lowest(reasons->candidates), reason, wait);
    enum goleak_reason newest = decode_in(highest(reasons->candidates), reason, wait);
    return oldest != newest && oldest != GOLEAK_REASON_UNKNOWN && newest != GOLEAK_REASON_UNKNOWN;
}

const char *goleak_reasons_wait_text(const struct goleak_reasons *reasons, int wait)
{
    const char *text = NULL;
    if (wait == GOLEAK_WAIT_COROUTINE)
        return waits[W_COROUTINE].text;
    for (unsigned version = 0; version < GOLEAK_GO_VERSIONS; version++) {
        uint8_t reason;
        if ((reasons->candidates >> version & 1) == 0)
            continue;
        const char *here = wait_name(version, wait, &reason);
        if (here == NULL || (text != NULL && strcmp(text, here) != 0))
            return NULL;
        text = here;
    }
    return text != NULL && text[0] != '\0' ? text : NULL;
}

bool goleak_reasons_is_panic(const struct goleak_reasons *reasons, int wait)
{
    for (unsigned version = 0; version < GOLEAK_GO_VERSIONS; version++) {
        uint8_t reason;
        if ((reasons->candidates >> version & 1) == 0)
            continue;
        const char *text = wait_name(version, wait, &reason);
        if (text != NULL && strcmp(text, "panicwait") == 0)
            return true;
    }
    return false;
}

static const char *const reason_names[GOLEAK_REASON_COUNT] = {
    "unspecified",
    "forever",
    "network",
    "select",
    "sync.(*Cond).Wait",
    "sync",
    "chan send",
    "chan receive",
    "GC mark assist wait for work",
    "GC background sweeper wait",
    "system goroutine wait",
    "preempted",
    "wait for debug call",
    "wait until GC ends",
    "sleep",
    "GC weak to strong wait",
    "synctest",
};

const char *goleak_reason_name(enum goleak_reason reason)
{
    return (unsigned)reason < GOLEAK_REASON_COUNT ? reason_names[reason] : NULL;
}

bool goleak_reason_can_leak(enum goleak_reason reason)
{
    return goleak_reason_blocks(reason);
}
