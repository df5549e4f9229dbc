/*
 * scheduler - one generation of a Go trace in an order in which it can have happened.
 *
 * Threads wrote their events each for itself, with times that are advice only. What binds
 * them is Go's scheduler: a goroutine that starts must be runnable, a P that is taken must
 * be idle, and numbers count the steps of each. So the event with the smallest time goes
 * first, unless its goroutine or P is not ready for it: then another thread's must come
 * before. (internal/trace/order.go of Go has the same rules; so has the fact sheet that
 * they were read from. They are in gotrace_v2_rules.h.)
 *
 *      ready?  --yes--> the states change, the event goes out
 *         \--not yet--> try the thread with the next smallest time (within an effort that
 *                        a trace made to take forever uses up)
 *         \--never----> it is said, and the event is taken as it comes
 *
 * Threads stand in a heap by the times of their next events. Who is the earliest stays it
 * for 2.4 events on average, so the heap is touched only where the next one's time is
 * reached.
 */
#ifndef GOLEAK_FORMAT_SCHEDULER_H
#define GOLEAK_FORMAT_SCHEDULER_H

#include "format/gotrace_v2_out.h"

/* The payload of a batch may begin with this byte. */
bool goleak_trace_begins_payload(uint8_t first);

struct goleak_trace_proc {
    uint64_t id, seq;
    uint16_t gen;
    uint8_t status; /* 0 none, 1 running, 2 idle, 3 in a system call, 4 abandoned in one */
};

struct goleak_trace_thread {
    uint64_t id;
    const uint8_t *event; /* the next one; its type and time are whole */
    const uint8_t *end;   /* of the batch */
    uint64_t time;        /* of the event, in ticks */
    uint32_t g;           /* slot; 0: none */
    struct goleak_trace_since since; /* of its goroutine, if that is untold */
    uint32_t p;           /* index + 1; 0: none */
    uint32_t first, last; /* its batches of this generation, + 1; 0: none left */
    uint64_t position_of_0; /* in the trace, of address 0: positions of its events are offsets from there */
    struct goleak_trace_window window;
};

/* Where an event of its batch stands in the trace. */
static inline uint64_t goleak_trace_position(const struct goleak_trace_thread *thread, const uint8_t *event)
{
    return thread->position_of_0 + (uint64_t)(uintptr_t)event;
}

struct goleak_scheduler {
    struct goleak_generation *generation;
    struct goleak_trace_gs gs;
    struct goleak_v2_out out;
    struct goleak_idmap proc_index, thread_index;
    struct goleak_trace_proc *procs;
    size_t proc_count, proc_capacity;
    struct goleak_trace_thread *threads;
    size_t thread_count, thread_capacity;
    uint32_t *heap;       /* threads that have an event, */
    uint64_t *heap_times; /* and its time; apart, for what is written by halves is slow to read whole */
    size_t heap_count, heap_capacity, time_capacity;
    uint32_t *places; /* of the heap, while somebody is looked for */
    size_t place_capacity;
    uint64_t calm_end; /* ticks: before that, time needs no care (see is_calm); 0: it does */
    uint64_t effort; /* threads that may still be asked in vain */
    uint16_t gen;    /* counts generations, round and round; 0 is none */
    uint32_t next_status;  /* a guess: slots are told in the order in which they were given */
    uint32_t recent[256];  /* slots, by goid: of who was named lately */
    bool first_generation;
    bool misfits; /* in this generation: some were taken as they came, other than what tells who is there */
    uint64_t may_walk; /* so many goroutines may be looked through, by the bytes that were read */
};

/* False: memory; release it all the same. */
bool goleak_scheduler_init(struct goleak_scheduler *scheduler, struct goleak_generation *generation);
void goleak_scheduler_release(struct goleak_scheduler *scheduler);
/* The generation is loaded, with this frequency, and has so many bytes: its events, in order, to its sink. */
enum goleak_status goleak_scheduler_run(struct goleak_scheduler *scheduler, uint64_t frequency, uint64_t size);
/* The generation that was run is whole, and what was before it is not: whom it does not mention has ended, for it tells
 * of each that lives. *done: unless something in it is doubtful, or that has been asked too often. */
enum goleak_status goleak_scheduler_end_missing(struct goleak_scheduler *scheduler, bool *done);
/* There are no more: what is untold of those who run, or are in a system call, goes out. */
enum goleak_status goleak_scheduler_finish(struct goleak_scheduler *scheduler);

#endif
