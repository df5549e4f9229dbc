/*
 * scheduler - one generation of a Go trace in an order in which it can have happened.
 *
 * Threads wrote their events each for itself, with times that are advice only. What binds
 * them is Go's scheduler: a goroutine that starts must be runnable, a P that is taken must
 * be idle, and numbers count the steps of each. So the event with the smallest time goes
 * first, unless its goroutine or P is not ready for it: then another thread's must come
 * before. (internal/trace/order.go of Go has the same rules; so has the fact sheet that
 * they were read from.)
 *
 *      ready?  --yes--> the states change, the event goes out
 *         \--not yet--> try the thread with the next smallest time (within an effort that
 *                        a trace made to take forever uses up)
 *         \--never----> it is said, and the event is taken as it comes
 */
#ifndef GOLEAK_FORMAT_SCHEDULER_H
#define GOLEAK_FORMAT_SCHEDULER_H

#include "format/generation.h"

#define GOLEAK_TRACE_ARGUMENTS 5

/* Event types (internal/trace/tracev2/events.go). */
#define GOLEAK_TRACE_EVENTS(X)                                                                               \
    X(9, 2, ProcsChange) X(10, 2, ProcStart) X(11, 0, ProcStop) X(12, 3, ProcSteal) X(13, 2, ProcStatus)     \
    X(14, 3, GoCreate) X(15, 1, GoCreateSyscall) X(16, 2, GoStart) X(17, 0, GoDestroy)                       \
    X(18, 0, GoDestroySyscall) X(19, 2, GoStop) X(20, 2, GoBlock) X(21, 3, GoUnblock) X(22, 2, GoSyscallBegin) \
    X(23, 0, GoSyscallEnd) X(24, 0, GoSyscallEndBlocked) X(25, 3, GoStatus) X(26, 2, STWBegin) X(27, 0, STWEnd) \
    X(28, 1, GCActive) X(29, 2, GCBegin) X(30, 1, GCEnd) X(31, 1, GCSweepActive) X(32, 1, GCSweepBegin)      \
    X(33, 2, GCSweepEnd) X(34, 1, GCMarkAssistActive) X(35, 1, GCMarkAssistBegin) X(36, 0, GCMarkAssistEnd)  \
    X(37, 1, HeapAlloc) X(38, 1, HeapGoal) X(39, 1, GoLabel) X(40, 4, UserTaskBegin) X(41, 2, UserTaskEnd)   \
    X(42, 3, UserRegionBegin) X(43, 3, UserRegionEnd) X(44, 4, UserLog) X(45, 2, GoSwitch)                   \
    X(46, 2, GoSwitchDestroy) X(47, 3, GoCreateBlocked) X(48, 4, GoStatusStack) X(128, 3, Span)              \
    X(129, 3, SpanAlloc) X(130, 1, SpanFree) X(131, 2, HeapObject) X(132, 2, HeapObjectAlloc)                \
    X(133, 1, HeapObjectFree) X(134, 2, GoroutineStack) X(135, 2, GoroutineStackAlloc) X(136, 1, GoroutineStackFree)

enum {
#define X(id, arguments, name) GOLEAK_TRACE_##name = id,
    GOLEAK_TRACE_EVENTS(X)
#undef X
};

const char *goleak_trace_event_name(uint8_t type);
/* The payload of a batch may begin with this byte. */
bool goleak_trace_begins_payload(uint8_t first);

/* An event of a thread, with the slots of its goroutines. */
struct goleak_trace_event {
    uint8_t type;
    uint64_t time;                            /* ticks */
    uint64_t argument[GOLEAK_TRACE_ARGUMENTS]; /* without the time */
    size_t at;                                /* in the generation's bytes */
    uint32_t current;                         /* slot of the thread's goroutine, before; 0: none */
    uint32_t subject;                         /* slot of the goroutine that it names; 0: none */
    bool fresh;                               /* the subject is seen for the first time */
};

/* Takes events in order. An ended goroutine's slot is freed after the call. */
typedef enum goleak_status goleak_trace_event_fn(void *context, const struct goleak_trace_event *event);

struct goleak_trace_proc {
    uint64_t seq, gen;
    uint8_t status; /* 0 none, 1 running, 2 idle, 3 in a system call, 4 abandoned in one */
};

struct goleak_trace_thread {
    uint64_t id;
    uint32_t g;         /* slot; 0: none */
    uint32_t p;         /* index + 1; 0: none */
    uint32_t first, last; /* its batches of this generation, + 1; 0: none left */
    const uint8_t *next, *end; /* in the batch being read */
    uint64_t batch_time;
    struct goleak_trace_event event; /* the next one */
};

struct goleak_scheduler {
    struct goleak_generation *generation;
    struct goleak_trace_gs gs;
    struct goleak_idmap proc_index, thread_index;
    struct goleak_trace_proc *procs;
    size_t proc_count, proc_capacity;
    struct goleak_trace_thread *threads;
    size_t thread_count, thread_capacity;
    uint32_t *heap; /* threads that have an event, by its time */
    size_t heap_count, heap_capacity;
    uint32_t *places; /* of the heap, while somebody is looked for */
    size_t place_capacity;
    uint64_t effort; /* threads that may still be asked in vain */
    bool first_generation;
    goleak_trace_event_fn *take;
    void *context;
};

void goleak_scheduler_init(struct goleak_scheduler *scheduler, struct goleak_generation *generation,
                           goleak_trace_event_fn *take, void *context);
void goleak_scheduler_release(struct goleak_scheduler *scheduler);
/* The generation is loaded: its events, in order. */
enum goleak_status goleak_scheduler_run(struct goleak_scheduler *scheduler);

#endif
