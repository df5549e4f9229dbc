/*
 * goleak.h - read a recording of a Go process, say which goroutines leaked.
 *
 * Push bytes in, pull records out:
 *
 *      struct goleak_trace *trace;
 *      struct goleak_error error;
 *      if (goleak_trace_load(&trace, "trace.zst", NULL, &error) < 0)
 *              die(error.message);
 *      struct goleak_summary sum;
 *      goleak_trace_summary(trace, &sum);
 *      printf("%" PRIu64 " leaks\n", sum.leaks);
 *      goleak_trace_free(trace);
 *
 * Units.    Every *_ns is int64_t nanoseconds in the recording's own clock;
 *           GOLEAK_NONE where the recording does not tell. A recording without
 *           any time counts events instead: see goleak_capture.clock.
 * Owner.    A handle belongs to whoever made it. A string or array that a call
 *           hands out is borrowed and lives until goleak_trace_free. Options, and the
 *           strings and the allocator in them, are copied; what their contexts point to
 *           is not.
 * NULL.     Allowed for options (defaults), for the one `error` of a call, for a context,
 *           and for what a *_free is given; elsewhere where it says so. An array of errors
 *           is needed.
 * Memory.   Through the caller's allocator, where there is one; but zstd takes its own
 *           with malloc: for reading it counts under max_memory_bytes, for writing not.
 * Errors.   Status is three-way: 0 done, positive a normal stop, negative a
 *           failure with its sentence in the caller's struct goleak_error.
 *           A failure of feed or finish sticks: later calls repeat it.
 *           Damage in a recording is no failure: it is stepped over and counted.
 * Threads.  No global state. One trace is used by one thread at a time until
 *           goleak_trace_finish; a finished trace is read-only and may be read
 *           by many threads. Only goleak_trace_load* and goleak_convert start threads of
 *           their own (see jobs), which are gone when they return; hooks and allocators of
 *           the caller's are called on his thread.
 */
#ifndef GOLEAK_H
#define GOLEAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GOLEAK_VERSION "0.1.0"
#define GOLEAK_SCHEMA "goleak-report/1"

#if defined(__GNUC__) || defined(__clang__)
#define GOLEAK_API __attribute__((visibility("default")))
#else
#define GOLEAK_API
#endif

/* A time, duration or count that the recording cannot tell. */
#define GOLEAK_NONE INT64_MIN

enum goleak_status {
    GOLEAK_OK = 0,
    GOLEAK_END = 1,        /* an iterator has nothing more                  */
    GOLEAK_E_MEMORY = -1,  /* the allocator refused                         */
    GOLEAK_E_LIMIT = -2,   /* a limit of struct goleak_options was reached  */
    GOLEAK_E_USAGE = -3,   /* the call or an option makes no sense          */
    GOLEAK_E_IO = -4,      /* open, read or write failed                    */
    GOLEAK_E_EMPTY = -5,   /* the input has no bytes                        */
    GOLEAK_E_FORMAT = -6,  /* no format recognises the input                */
    GOLEAK_E_NOEVENTS = -7 /* recognised, but without one known event       */
};

/* The caller's; every call that fails fills it. Zero means "does not apply". */
struct goleak_error {
    enum goleak_status status;
    char path[512];     /* the input, as it was named; not in the message    */
    uint64_t line;      /* from 1, in text inputs                            */
    uint64_t column;    /* from 1, in bytes                                  */
    uint64_t offset;    /* in decompressed bytes, in binary inputs           */
    bool has_offset;
    char message[512];  /* what was found, then what was expected            */
    char excerpt[256];  /* the line from its first byte; what is not printable
                           ASCII as \xNN; may be cut                         */
};

/* Resize-style: size 0 frees and returns NULL; NULL pointer allocates. */
typedef void *goleak_realloc_fn(void *context, void *pointer, size_t old_size, size_t new_size);

struct goleak_allocator {
    goleak_realloc_fn *realloc;
    void *context;
};

/* Consumes bytes; returns false to stop (a full disk, a closed pipe). */
typedef bool goleak_write_fn(void *context, const void *data, size_t size);

struct goleak_trace;
struct goleak_goroutine;

/* Called for each goroutine as it ends, one at a time on the calling thread; the
 * record is valid during the call. The trace is not finished then: it may be given to
 * goleak_report_write_ended, goleak_stack_frame and goleak_goroutine_ancestors.
 * Returns false to stop: the feeding call then fails with GOLEAK_E_IO. */
typedef bool goleak_ended_fn(void *context, const struct goleak_trace *trace,
                             const struct goleak_goroutine *goroutine);

/* Progress: bytes of the input consumed so far, of total (0: unknown); starts
 * again at each input. Called on the calling thread; of a small input perhaps never. */
typedef void goleak_progress_fn(void *context, uint64_t done_bytes, uint64_t total_bytes);

/* Start from GOLEAK_OPTIONS_INIT; `size` lets later versions append fields. */
struct goleak_options {
    size_t size;
    const struct goleak_allocator *allocator; /* NULL: malloc               */
    uint64_t max_memory_bytes;  /* of all that the traces of one call hold; 0: none */
    const char *go_version;     /* "1.22", from 1.11; NULL: header, or inferred */
    const char *input_format;   /* a name of goleak_format_name; NULL: sniff */
    unsigned jobs;              /* goleak_trace_load*, goleak_convert: threads in
                                   all; 1: none beside the caller; 0: as many as
                                   help                                      */
    bool include_system;        /* count and show system goroutines          */
    int64_t min_age_ns;         /* younger waits are no leaks, but for those that
                                   nothing can wake at all; 0: none          */
    bool retain_ended;          /* keep ended goroutines for iteration       */
    goleak_ended_fn *ended;     /* drains goroutines as they end; may be NULL */
    void *ended_context;
    goleak_progress_fn *progress; /* goleak_trace_load*; may be NULL         */
    void *progress_context;
    const char *exe;             /* the recorded program's executable: names and source
                                    lines for addresses, its Go version; or NULL */
    uint64_t explain_goid;      /* keep the events of this goroutine; 0: of none */
    uint32_t explain_pid;       /* … of this process; 0: of the first that has one */
    uint64_t explain_g;         /* … or of the one whose struct g lies there, in all its lives: of a
                                   recording that tells no goid; 0: of none */
};
#define GOLEAK_OPTIONS_INIT                                                                                            \
    {                                                                                                                  \
        sizeof(struct goleak_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                                  \
    }

/* ---- making a trace --------------------------------------------------- */

struct goleak_input;

GOLEAK_API enum goleak_status goleak_trace_new(struct goleak_trace **out, const struct goleak_options *options,
                                               struct goleak_error *error);

/* The one-input short form of goleak_input_*. Plain, zstd or gzip bytes. The input's name
 * is "-". */
GOLEAK_API enum goleak_status goleak_trace_feed(struct goleak_trace *trace, const void *data, size_t size,
                                                struct goleak_error *error);

/* Several inputs of one process. Parts of one recording, one after the other: each
 * opened, fed, finished. Recordings of the same time: open all of them before the
 * first is fed; their events are merged by time, and what two of them have seen
 * counts once. Feed them evenly then: what one is ahead of another is kept. No more
 * than 256 can be open together.
 * `name` is what reports and errors call it (a path, "-"). An input is the trace's, and
 * goes with it: there is nothing to free. */
GOLEAK_API enum goleak_status goleak_input_open(struct goleak_input **out, struct goleak_trace *trace,
                                                const char *name, struct goleak_error *error);
GOLEAK_API enum goleak_status goleak_input_feed(struct goleak_input *input, const void *data, size_t size,
                                                struct goleak_error *error);
GOLEAK_API enum goleak_status goleak_input_finish(struct goleak_input *input, struct goleak_error *error);

/* Ends the recording and computes every result; the trace is frozen then. */
GOLEAK_API enum goleak_status goleak_trace_finish(struct goleak_trace *trace, struct goleak_error *error);

/* Opens, reads (with threads where they help) and finishes. */
GOLEAK_API enum goleak_status goleak_trace_load(struct goleak_trace **out, const char *path,
                                                const struct goleak_options *options, struct goleak_error *error);

/* Loads several paths ("-" is standard input). A recorder's message file (what
 * dtrace, bpftrace or perf wrote on standard error) joins the recording that it
 * stands beside. Files that are recordings of one process become one trace (up to
 * 256: the same pid, or the same goroutines created at the same times; pipes never
 * do): it has one input each, and they fail together where memory ends. Every
 * other input becomes a trace of its own. `traces` has room for path_count handles,
 * of which *trace_count are set, in the order of the paths, of joined ones the
 * first; errors[i] (path_count of them) tells what became of paths[i]. Each file is to be
 * given once: one that stands there twice is read twice.
 * After every input has been tried it returns GOLEAK_OK, where every path is in some trace,
 * else the failure of the last path that is in none; traces of others are there all the same. */
GOLEAK_API enum goleak_status goleak_trace_load_all(struct goleak_trace **traces, size_t *trace_count,
                                                    const char *const *paths, size_t path_count,
                                                    const struct goleak_options *options,
                                                    struct goleak_error *errors);

GOLEAK_API void goleak_trace_free(struct goleak_trace *trace);

/* ---- what a finished trace tells --------------------------------------
 *
 * Before goleak_trace_finish, or when that or a feeding call has failed, there are no
 * results: goroutines, leaks and unknowns are GOLEAK_END at once, and a report is
 * GOLEAK_E_USAGE. Capture, summary, pids, inputs and health tell then what has been
 * counted so far, without verdicts: that no leak is among them says nothing. */

enum goleak_clock {
    GOLEAK_CLOCK_NONE,      /* moments are event numbers, from 1             */
    GOLEAK_CLOCK_MONOTONIC, /* ns since boot or an arbitrary point           */
    GOLEAK_CLOCK_RELATIVE,  /* ns since the recording's start                */
    GOLEAK_CLOCK_WALL       /* ns since 1970                                 */
};

enum goleak_verdict {
    GOLEAK_VERDICT_CERTAIN,
    GOLEAK_VERDICT_LIKELY,
    GOLEAK_VERDICT_SUSPECT,
    GOLEAK_VERDICT_WAITING,
    GOLEAK_VERDICT_RUNNING,
    GOLEAK_VERDICT_UNKNOWN,
    GOLEAK_VERDICT_ENDED,
    GOLEAK_VERDICT_COUNT
};

enum goleak_state {
    GOLEAK_STATE_UNKNOWN, /* nothing tells: who lives where only creations and ends do */
    GOLEAK_STATE_RUNNABLE,
    GOLEAK_STATE_RUNNING,
    GOLEAK_STATE_SYSCALL,
    GOLEAK_STATE_WAITING,
    GOLEAK_STATE_ENDED
};

/* The runtime's traceBlockReason in the numbering of Go 1.22 and later
 * (runtime/traceruntime.go); older numbers are mapped to it. */
enum goleak_reason {
    GOLEAK_REASON_GENERIC,
    GOLEAK_REASON_FOREVER,
    GOLEAK_REASON_NET,
    GOLEAK_REASON_SELECT,
    GOLEAK_REASON_COND_WAIT,
    GOLEAK_REASON_SYNC,
    GOLEAK_REASON_CHAN_SEND,
    GOLEAK_REASON_CHAN_RECV,
    GOLEAK_REASON_GC_MARK_ASSIST,
    GOLEAK_REASON_GC_SWEEP,
    GOLEAK_REASON_SYSTEM_GOROUTINE,
    GOLEAK_REASON_PREEMPTED,
    GOLEAK_REASON_DEBUG_CALL,
    GOLEAK_REASON_UNTIL_GC_ENDS,
    GOLEAK_REASON_SLEEP,
    GOLEAK_REASON_GC_WEAK_TO_STRONG,
    GOLEAK_REASON_SYNCTEST,
    GOLEAK_REASON_COUNT,
    GOLEAK_REASON_UNKNOWN = 254, /* a number that no table has               */
    GOLEAK_REASON_NONE = 255     /* not parked, or not told                  */
};

GOLEAK_API const char *goleak_verdict_name(enum goleak_verdict verdict);
GOLEAK_API const char *goleak_state_name(enum goleak_state state);
/* The runtime's own word ("chan send"); NULL for UNKNOWN and NONE. */
GOLEAK_API const char *goleak_reason_name(enum goleak_reason reason);
/* The article's leak-capable set: forever, select, cond wait, sync, send, receive. */
GOLEAK_API bool goleak_reason_can_leak(enum goleak_reason reason);

struct goleak_input_info {
    const char *path;
    const char *format;          /* "dtrace", …                              */
    const char *format_title;    /* the same for people                      */
    const char *form;            /* the format's variety: "naive", …; or NULL */
    uint64_t bytes;              /* as read, before decompression            */
    uint64_t events;
    const char *go_version;      /* "1.26", "1.22-1.25", or NULL             */
    const char *go_version_from; /* "header", "option", "inferred", or NULL  */
    int64_t pid;                 /* GOLEAK_NONE where not told               */
    const char *source_format;   /* of a .glk, the format that it was made of; or NULL;
                                    `form` is that format's then             */
};

struct goleak_capture {
    enum goleak_clock clock;
    int64_t first_ns, last_ns, duration_ns; /* GOLEAK_NONE without a clock   */
    uint64_t events;             /* in the order in which they were replayed */
    bool complete;               /* nothing lost, nothing cut                */
    bool has_stacks, has_wakeups, has_blocking; /* what the stream prints    */
    /* It began when the program ran already: who had blocked by then, and was not woken in it, is missing. */
    bool misses_older;
    bool has_goroutines;         /* … false: neither goroutines nor how many come and go */
    uint64_t ticks;              /* one-second ticks seen, on all CPUs        */
    unsigned tick_cpus;          /* CPUs that they are known to come from; 0: not told */
    /* The script's counters on the last line that printed them, and what they
     * should have been there (system goroutines included, as the script counts).
     * GOLEAK_NONE: not printed. */
    uint64_t counters_line;
    int64_t printed_count, recomputed_count, printed_blocked_count, recomputed_blocked_count;
};

struct goleak_summary {
    uint64_t preexisting;  /* older than the recording                       */
    uint64_t created, ended, live_at_end, blocked_at_end; /* also where a recording only counts
                              goroutines, and no iterator shows one; without has_goroutines
                              no number here tells anything                   */
    uint64_t peak_live, peak_blocked;
    int64_t peak_live_at, peak_blocked_at; /* moments: ns, or event numbers  */
    uint64_t verdicts[GOLEAK_VERDICT_COUNT];
    uint64_t leaks;        /* certain + likely                               */
    uint64_t too_young;    /* blocked for less than min_age_ns, and so `waiting` whatever speaks for a leak */
    uint64_t system_hidden; /* system goroutines left out of all the above   */
};

/* One of the complaints about a recording (lib/model/health.def). */
struct goleak_health {
    const char *name;      /* "damaged_lines"                                */
    uint64_t count;
    const char *input;     /* where it was seen first; NULL: nowhere         */
    uint64_t line;         /* 0: no line                                     */
    uint64_t column;
    uint64_t offset;
    const char *detail;    /* a sentence about the first, or NULL            */
    const char *meaning;   /* a sentence about all of them                   */
    bool hurts;            /* it can change a verdict                        */
};

struct goleak_value {
    const char *name;
    int64_t number;        /* when text is NULL                              */
    const char *text;
};

#define GOLEAK_EVIDENCE_VALUES 4
struct goleak_evidence {
    const char *rule;      /* id, see docs/VERDICTS.md                       */
    char text[224];        /* one sentence                                   */
    struct goleak_value values[GOLEAK_EVIDENCE_VALUES];
    size_t value_count;
    bool against; /* it speaks against a leak, or lowers the verdict */
};

#define GOLEAK_EVIDENCE_MAX 4

/* A goroutine's life. Strings are borrowed; NULL is "not told". */
struct goleak_goroutine {
    const char *input;
    int64_t pid, goid;          /* GOLEAK_NONE                               */
    uint64_t g;                 /* struct g's address; 0: not told           */
    bool reason_inferred;       /* read off the stack: the park itself was not recorded */
    uint32_t incarnation;       /* from 1: how often g was (re)used          */
    bool preexisting;           /* older than the recording                  */
    int system;                 /* 1 proven, 0 proven not, -1 nothing tells  */
    int64_t parent_goid;        /* GOLEAK_NONE                               */
    uint64_t parent_g;          /* 0                                         */
    bool blocked_before;        /* its wait began before the recording: blocked_since_ns, which is the
                                   recording's first moment, says when at the latest  */
    int64_t created_ns, started_ns, ended_ns, blocked_since_ns;
    uint64_t created_event, ended_event, blocked_since_event; /* without a clock; 0 */
    enum goleak_state state;
    enum goleak_reason reason;
    const char *wait_reason;    /* the runtime's waitReason text             */
    enum goleak_verdict verdict;
    uint32_t site;              /* where and as what it was created: a number for each place of the
                                   recording, the same before and after it has a name; 0: not told */
    const char *created_at, *start_function, *blocked_at;
    uint32_t created_stack, stack; /* for goleak_stack_frame; 0: none        */
    struct goleak_evidence evidence[GOLEAK_EVIDENCE_MAX];
    size_t evidence_count;
    uint64_t serial;            /* order of creation, or of first sight      */
    uint32_t lineage;           /* for goleak_goroutine_ancestors            */
};

GOLEAK_API void goleak_trace_capture(const struct goleak_trace *trace, struct goleak_capture *out);
/* Processes that the recording tells apart, in the order in which they were met: the pid of
 * each; GOLEAK_NONE past the last. Goids are unique within a process only. */
GOLEAK_API int64_t goleak_trace_pid(const struct goleak_trace *trace, size_t index);
GOLEAK_API void goleak_trace_summary(const struct goleak_trace *trace, struct goleak_summary *out);
/* GOLEAK_END past the last one. */
GOLEAK_API enum goleak_status goleak_trace_input(const struct goleak_trace *trace, size_t index,
                                                 struct goleak_input_info *out);
GOLEAK_API enum goleak_status goleak_trace_health(const struct goleak_trace *trace, size_t index,
                                                  struct goleak_health *out);

/* The living (with retain_ended: all), in no particular order: sort by `serial`
 * for the order of creation. A plain struct, nothing to free:
 *
 *      struct goleak_goroutine_iter it = { 0 };
 *      while (goleak_goroutine_next(trace, &it, &g) == GOLEAK_OK) ...
 */
struct goleak_goroutine_iter {
    uint64_t position;
};
GOLEAK_API enum goleak_status goleak_goroutine_next(const struct goleak_trace *trace,
                                                    struct goleak_goroutine_iter *iter,
                                                    struct goleak_goroutine *out);

/* One goroutine of the parent tree. */
struct goleak_ancestor {
    int64_t goid;               /* GOLEAK_NONE                               */
    uint64_t g;
    uint32_t incarnation;       /* 0: only named, never seen itself          */
    bool alive;
    const char *start_function, *created_at;
    bool cut;                   /* it had ancestors that were not kept       */
    enum goleak_verdict verdict; /* after goleak_trace_finish, of one that is alive and that reports do not
                                    leave out; else GOLEAK_VERDICT_UNKNOWN, which may be a verdict as well */
    size_t leak;                 /* goleak_trace_leak(trace, leak - 1) is its group; 0: it is in none */
};
/* Fills up to `room` ancestors, the parent first; returns how many there are: 0 where none
 * was told, and for a `lineage` that is none of this trace's. */
GOLEAK_API size_t goleak_goroutine_ancestors(const struct goleak_trace *trace, const struct goleak_goroutine *of,
                                             struct goleak_ancestor *out, size_t room);

#define GOLEAK_LEAK_EXAMPLES 10
/* Goroutines of one verdict, reason, creation site and block site. */
struct goleak_leak {
    enum goleak_verdict verdict;
    enum goleak_reason reason;
    const char *wait_reason;
    const char *created_at, *start_function, *blocked_at; /* NULL: not told   */
    uint64_t count;
    int64_t oldest_wait_ns, youngest_wait_ns;     /* GOLEAK_NONE without a clock */
    int64_t oldest_wait_events, youngest_wait_events; /* GOLEAK_NONE with one */
    bool oldest_wait_before;                          /* it began before the recording, and so has lasted longer */
    uint64_t site_created, site_ended;            /* of the creation site     */
    uint64_t alike;                               /* others of that site, blocked there for that reason, in no group */
    struct goleak_evidence evidence[GOLEAK_EVIDENCE_MAX];
    size_t evidence_count;
    struct goleak_goroutine examples[GOLEAK_LEAK_EXAMPLES]; /* the oldest; first the one whose evidence it is */
    size_t example_count;
};
/* Most severe first; GOLEAK_END past the last one. */
GOLEAK_API enum goleak_status goleak_trace_leak(const struct goleak_trace *trace, size_t index,
                                                struct goleak_leak *out);

/* Goroutines whose verdict is unknown because the same is missing. */
struct goleak_unknown {
    uint64_t count;
    struct goleak_goroutine example; /* evidence[0] is the rule that says what */
};
/* Most first; GOLEAK_END past the last one. Where goroutines are only counted, there are
 * none, though all of them are unknown. */
GOLEAK_API enum goleak_status goleak_trace_unknown(const struct goleak_trace *trace, size_t index,
                                                   struct goleak_unknown *out);

/* Frame `index` of a stack, leaf first, as "FUNC FILE:LINE", "FUNC+0xOFF" or
 * "0xADDR"; NULL past the last. */
GOLEAK_API const char *goleak_stack_frame(const struct goleak_trace *trace, uint32_t stack, size_t index);

/* ---- reports ----------------------------------------------------------- */

struct goleak_report_options {
    size_t size;
    bool color;
    unsigned width;             /* columns of the terminal; 0: there is none: 80,
                                   and the verdict's line is one, however long */
    unsigned top;               /* groups and sites shown in text; 0: 10     */
    enum goleak_verdict fail_on; /* named in the verdict line                */
    uint64_t explain_goid;       /* text: tell of this goroutine alone, event by event,
                                   with every rule that was weighed; the same that
                                   goleak_options had; 0: of none            */
    uint64_t explain_g;          /* … or of the one at this address          */
};
#define GOLEAK_REPORT_OPTIONS_INIT                                                                                     \
    {                                                                                                                  \
        sizeof(struct goleak_report_options), 0, 0, 0, GOLEAK_VERDICT_LIKELY, 0, 0                                     \
    }

/* Writes one report on finished traces in a format of goleak_report_format. GOLEAK_E_USAGE, and
 * nothing is written, where none of them has the goroutine that is to be explained. */
GOLEAK_API enum goleak_status goleak_report_write(const struct goleak_trace *const *traces, size_t trace_count,
                                                  const char *format, const struct goleak_report_options *options,
                                                  goleak_write_fn *write, void *context, struct goleak_error *error);

/* One ndjson line, for an `ended` callback that streams. */
GOLEAK_API enum goleak_status goleak_report_write_ended(const struct goleak_trace *trace,
                                                        const struct goleak_goroutine *goroutine,
                                                        goleak_write_fn *write, void *context);

/* Names of the formats built in, for help texts; NULL past the last. */
GOLEAK_API const char *goleak_format_name(size_t index);
GOLEAK_API const char *goleak_report_format(size_t index);
GOLEAK_API const char *goleak_version(void);

/* ---- scripts that record ----------------------------------------------- */

/* Start from GOLEAK_RECORDER_OPTIONS_INIT. */
struct goleak_recorder_options {
    size_t size;
    const struct goleak_allocator *allocator; /* NULL: malloc               */
    const char *exe;        /* the Go program to be recorded: tells version and
                               architecture, and where its functions are; or NULL */
    const char *go_version; /* "1.26"; needed where exe does not tell       */
    const char *arch;       /* "amd64", "arm64"; NULL: exe's, else this machine's */
    bool objects;           /* channel and lock operations too              */
    bool minimal;           /* what the verdict needs, at the least cost; not with objects */
    bool locks;             /* every call of Lock, Unlock and so on; needs an exe in which none
                               is inlined */
};
#define GOLEAK_RECORDER_OPTIONS_INIT { sizeof(struct goleak_recorder_options), 0, 0, 0, 0, 0, 0, 0 }

/* Writes a script for `tool`, one of goleak_recorder_name, that records what this
 * library can use best. How to run it stands in its first lines. */
GOLEAK_API enum goleak_status goleak_recorder_write(const char *tool, const struct goleak_recorder_options *options,
                                                    goleak_write_fn *write, void *context,
                                                    struct goleak_error *error);

/* Names of the recorders built in, for help texts; NULL past the last. */
GOLEAK_API const char *goleak_recorder_name(size_t index);

/* ---- events without replay --------------------------------------------- */

/* What can happen to a goroutine, in every format's terms. X(name, word) */
#define GOLEAK_EVENT_KINDS(X)                                                                       \
    X(CREATE, "create")       /* newproc1 returned: `g` is new, `other_g` its spawner             */ \
    X(END, "end")             /* gdestroy, goexit0                                                */ \
    X(PARK, "park")           /* gopark: `g` stops for `reason`                                   */ \
    X(READY, "ready")         /* `g` may run again, woken by `other_g`                            */ \
    X(RUN, "run")             /* execute: `g` gets a thread                                       */ \
    X(MAIN, "main")           /* main.main begins, on `g`                                         */ \
    X(STRUCT, "struct")       /* what a dump of struct g tells of `g`                             */ \
    X(COUNTERS, "counters")   /* a line that prints the script's counters and nothing else        */ \
    X(TICK, "tick")           /* the script's one-second timer on `cpu`, with its counters        */ \
    X(CALL, "call")           /* a traced function was entered, no goroutine told: `name`         */ \
    X(RETURN, "return")       /* … and left                                                       */ \
    X(LOST, "lost")           /* the recorder lost `count` records                                */ \
    X(SPAWN, "spawn")         /* newproc1 was entered: `other_g` is about to spawn, at `gopc`     */ \
    X(OBJECT, "object")       /* a channel or lock operation `name` of `g`, on `chan` or `lock`   */ \
    X(GC, "gc")               /* a step of the garbage collector: `name`                          */ \
    X(ALLOC, "alloc")         /* a step of the memory allocator: `name`                           */ \
    X(STATUS, "status")       /* `g` is in `status`: 1 runnable, 2 running, 3 syscall, 4 waiting  */ \
    X(YIELD, "yield")         /* `g` stops running and stays runnable: `name` says why            */ \
    X(SYSCALL, "syscall")     /* `g` enters a system call                                         */ \
    X(SYSRETURN, "sysreturn") /* … and leaves it: `status` 2 running, 1 runnable                  */ \
    X(RUNTIME, "runtime")     /* the runtime's event `name`, with arguments in lock, chan, elem   */ \
    X(OTHER, "other")         /* an event of a kind that this version does not know: `name`       */

enum goleak_event_kind {
#define X(name, word) GOLEAK_EVENT_##name,
    GOLEAK_EVENT_KINDS(X)
#undef X
        GOLEAK_EVENT_KIND_COUNT
};

/* Bits of goleak_event.has: which fields this event tells. */
#define GOLEAK_HAS_TIME (1u << 0)
#define GOLEAK_HAS_GOID (1u << 1)
#define GOLEAK_HAS_OTHER (1u << 2) /* other_g: spawner or waker              */
#define GOLEAK_HAS_OTHER_GOID (1u << 3)
#define GOLEAK_HAS_REASON (1u << 4)
#define GOLEAK_HAS_WAIT (1u << 5)
#define GOLEAK_HAS_COUNT (1u << 6)
#define GOLEAK_HAS_BLOCKED_COUNT (1u << 7)
#define GOLEAK_HAS_CPU (1u << 8)
#define GOLEAK_HAS_TID (1u << 9)
#define GOLEAK_HAS_PID (1u << 10)
#define GOLEAK_HAS_LOCK (1u << 11)
#define GOLEAK_HAS_CHAN (1u << 12)
#define GOLEAK_HAS_ELEM (1u << 13)
#define GOLEAK_HAS_GOPC (1u << 14)
#define GOLEAK_HAS_STARTPC (1u << 15)
#define GOLEAK_HAS_START (1u << 16) /* name: the start function's symbol     */
#define GOLEAK_HAS_STACK (1u << 17)
#define GOLEAK_HAS_BLOCKED (1u << 18) /* the script's own `blocked` is in `flags` */
#define GOLEAK_HAS_STACK_BOUNDS (1u << 19) /* struct dumps: lock, chan are stack.lo, stack.hi */
#define GOLEAK_HAS_WAITSINCE (1u << 20) /* struct dumps: elem is waitsince   */
#define GOLEAK_HAS_G (1u << 21)
#define GOLEAK_HAS_STATUS (1u << 22)
#define GOLEAK_HAS_UNTIL (1u << 23) /* of PARK alone, which then has no OTHER_GOID */

#define GOLEAK_FLAG_BLOCKED 1u /* the script printed blocked=1               */
#define GOLEAK_FLAG_NAIVE 2u   /* a line of the article's naive script       */
#define GOLEAK_FLAG_REASON 4u  /* `reason` is an enum goleak_reason          */
#define GOLEAK_FLAG_INFERRED 8u /* … that was read off the stack             */

/* A wait_reason without a number: a trace tells coroutines' waits by kinds of events. */
#define GOLEAK_WAIT_COROUTINE 254

/* In inputs that tell goids alone, `g` is a number that stands for the goroutine
 * while it lives, and has this bit. */
#define GOLEAK_G_SLOT ((uint64_t)1 << 62)

/* A field whose bit is not in `has` is undefined; but `name` and `stack` are 0 where there
 * is none, and `position` always told. `name` has no bit of its own: it is told with
 * GOLEAK_HAS_START, and in CALL, RETURN, OBJECT, GC, ALLOC, YIELD, RUNTIME, OTHER.
 * What most events tell is in the first 64 bytes. */
struct goleak_event {
    uint8_t kind;        /* enum goleak_event_kind                           */
    uint8_t flags;
    uint8_t reason;      /* as recorded: gopark's 4th argument               */
    uint8_t wait_reason; /* as recorded: g.waitreason                        */
    uint32_t has;
    uint64_t g;          /* address of struct g                              */
    uint64_t goid;
    int64_t time_ns;     /* from 0 on                                        */
    uint64_t other_g;    /* spawner or waker                                 */
    int32_t count, blocked_count; /* the script's counters as printed; LOST: records lost */
    uint32_t stack;      /* for goleak_decoder_frame                         */
    uint32_t name;       /* for goleak_decoder_name: start function, called function, event */
    uint64_t position;   /* line number, or offset in a binary input         */

    union {
        uint64_t other_goid;
        int64_t until_ns; /* when, by the clock of time_ns, a timer is to send on a channel that
                             the goroutine waits for: the first of them; 0: none is         */
    };
    uint64_t lock, chan, elem, gopc, startpc;
    uint32_t cpu, tid, pid;
    uint8_t status;      /* g.atomicstatus as recorded                       */
    uint8_t depth;       /* of CALL and RETURN: indentation of -F, in levels */
};

/* Hands out events as the recording has them, in its own order. */
struct goleak_decoder;
GOLEAK_API enum goleak_status goleak_decoder_new(struct goleak_decoder **out, const struct goleak_options *options,
                                                 struct goleak_error *error);
GOLEAK_API enum goleak_status goleak_decoder_feed(struct goleak_decoder *decoder, const void *data, size_t size,
                                                  struct goleak_error *error);
GOLEAK_API enum goleak_status goleak_decoder_finish(struct goleak_decoder *decoder, struct goleak_error *error);
/* The next event decoded so far; GOLEAK_END when more must be fed. The event is
 * valid until the next call on the decoder. */
GOLEAK_API enum goleak_status goleak_decoder_next(struct goleak_decoder *decoder, const struct goleak_event **out);
/* The text of goleak_event.name; "" for 0. Borrowed until goleak_decoder_free. */
GOLEAK_API const char *goleak_decoder_name(const struct goleak_decoder *decoder, uint32_t name);
/* Frame `index` of goleak_event.stack, leaf first; NULL past the last. */
GOLEAK_API const char *goleak_decoder_frame(const struct goleak_decoder *decoder, uint32_t stack, size_t index);
GOLEAK_API const char *goleak_event_kind_name(enum goleak_event_kind kind);
GOLEAK_API void goleak_decoder_free(struct goleak_decoder *decoder);

/* ---- recording into the compact binary format (docs/FORMAT-GLK.md) ------ */

/* Where events come from: a recording that is converted, or the tool that records. */
struct goleak_writer_source {
    const char *name;       /* what reports call it: the path of a recording, a tool */
    const char *format;     /* "dtrace", …, or a tool's own word; either of 4 KiB at most */
    uint32_t pid;           /* of events that do not tell theirs; 0: not known  */
    bool messages;          /* what a recorder said beside: complaints, no events */
};

/* Start from GOLEAK_WRITER_OPTIONS_INIT. */
struct goleak_writer_options {
    size_t size;
    const struct goleak_allocator *allocator; /* NULL: malloc               */
    uint64_t max_memory_bytes; /* 0: no limit                                   */
    int level;              /* of zstd, 1 to 19; 0: nothing is packed           */
};
#define GOLEAK_WRITER_LEVEL 12
#define GOLEAK_WRITER_OPTIONS_INIT { sizeof(struct goleak_writer_options), 0, 0, GOLEAK_WRITER_LEVEL }

/* Writes a .glk of events as they happen. A sketch of a tool that records into it:
 *
 *      struct goleak_writer_source source = { .name = "mytool", .format = "mytool" };
 *      goleak_writer_new(&writer, &source, 1, NULL, write_to_file, file, &error);
 *      event = (struct goleak_event){ .kind = GOLEAK_EVENT_PARK, .has = GOLEAK_HAS_G | GOLEAK_HAS_TIME, … };
 *      goleak_writer_event(writer, 0, &event, &error);
 *      goleak_writer_finish(writer, &error);
 *      goleak_writer_free(writer);
 *
 * Several sources are recordings of one process side by side: a reader merges them.
 * Owner.    Names and options are copied. `write` gets whole blocks, in their order.
 * Errors.   What fails sticks, so that asking goleak_writer_finish is enough: GOLEAK_E_IO
 *           where `write` refused, GOLEAK_E_MEMORY, GOLEAK_E_LIMIT, GOLEAK_E_USAGE. A name
 *           or stack that failed is 0, and the next call tells why. What was written
 *           before it can be read.
 * Limits.   256 sources. A name has 65,536 bytes at most; a stack 16,384 frames, whose
 *           functions and files have 524,288 bytes in all. More is GOLEAK_E_USAGE.
 * Memory.   5.5 MiB with one source, 2 MiB for each further one; what their goroutines'
 *           addresses, names and stacks take; and zstd's, unless level is 0.
 * Threads.  One thread at a time uses a writer. */
struct goleak_writer;
GOLEAK_API enum goleak_status goleak_writer_new(struct goleak_writer **out, const struct goleak_writer_source *sources,
                                                size_t source_count, const struct goleak_writer_options *options,
                                                goleak_write_fn *write, void *context, struct goleak_error *error);

/* The number of a text, for goleak_event.name of this source; 0: failed. */
GOLEAK_API uint32_t goleak_writer_name(struct goleak_writer *writer, size_t source, const char *text);

/* One frame of a stack: a function and a place in a file; or, where file is NULL, a
 * function and an offset in it; or, where function is NULL too, an address. */
struct goleak_writer_frame {
    const char *function, *file;
    uint64_t line;   /* of the file */
    uint64_t offset; /* in the function, or the address */
};
/* The number of a stack, leaf first, for goleak_event.stack of this source; 0 for no
 * frames, and where it failed. */
GOLEAK_API uint32_t goleak_writer_stack(struct goleak_writer *writer, size_t source,
                                        const struct goleak_writer_frame *frames, size_t count);

/* The event as it was seen; readers put events in order by time. Fields whose bit is
 * not in `has` are not looked at; `position` is. Name and stack are 0 or numbers that this
 * writer gave for this source. GOLEAK_E_USAGE for a time before 0, and for what was not given. */
GOLEAK_API enum goleak_status goleak_writer_event(struct goleak_writer *writer, size_t source,
                                                  const struct goleak_event *event, struct goleak_error *error);

/* The recorded program's Go version, "1.26"; best before its first event: what was printed before
 * it is known is read by any version that may have printed it. */
GOLEAK_API enum goleak_status goleak_writer_go_version(struct goleak_writer *writer, size_t source, const char *version,
                                                       struct goleak_error *error);

/* Something is wrong with what is recorded: `name` as in goleak_health ("lost_events"),
 * how often, and a sentence about it. */
GOLEAK_API enum goleak_status goleak_writer_complain(struct goleak_writer *writer, size_t source, const char *name,
                                                     uint64_t count, const char *sentence, struct goleak_error *error);

/* Writes out what there is: a reader of the file gets as far, whatever happens next.
 * Small blocks pack badly: once a second is often enough. */
GOLEAK_API enum goleak_status goleak_writer_flush(struct goleak_writer *writer, struct goleak_error *error);
/* Flushes, and writes the end: without it a reader calls the recording incomplete. Once
 * it has succeeded, again is GOLEAK_OK, too, unless something else was asked for meanwhile, which is GOLEAK_E_USAGE
 * and sticks. */
GOLEAK_API enum goleak_status goleak_writer_finish(struct goleak_writer *writer, struct goleak_error *error);
GOLEAK_API void goleak_writer_free(struct goleak_writer *writer); /* NULL is allowed */

/* Reads the recordings at `paths`, in any format, as goleak_trace_load_all does, and
 * writes them as one .glk: a report on it is the report on them. Several must be
 * recordings of one process, or messages beside one; what a .glk among them was made of
 * stays apart. Of the options those count that
 * say how to read (allocator, max_memory_bytes, go_version, input_format, jobs, exe,
 * progress). errors[i] (path_count of them) tells what is wrong with paths[i]; then, and
 * where `write` refuses, what has been written is no whole recording. With GOLEAK_OK it tells
 * of a recording that is cut, damaged or lost events, which the .glk tells, too; the message
 * of one that is whole is empty. Returns the first failure. */
GOLEAK_API enum goleak_status goleak_convert(const char *const *paths, size_t path_count,
                                             const struct goleak_options *options, int level, goleak_write_fn *write,
                                             void *context, struct goleak_error *errors);

#ifdef __cplusplus
}
#endif
#endif
