/*
 * replay - events in order become goroutines.
 *
 * Steps every event through the state machine of its goroutine, keeps the
 * records, and tells the analyses of each change. It takes the order as given:
 * repairing it is order.c's part. The only thing it says about order is "not
 * yet": with GOLEAK_REPLAY_ASK an event that the goroutine's life forbids (a
 * park before the creation, a creation of one that lives) is handed back.
 */
#ifndef GOLEAK_REPLAY_REPLAY_H
#define GOLEAK_REPLAY_REPLAY_H

#include "model/event.h"
#include "model/health.h"
#include "model/lineage.h"
#include "model/locks.h"
#include "model/reasons.h"
#include "model/sites.h"
#include "model/story.h"
#include "model/ticks.h"
#include "model/transition.h"
#include "model/waits.h"

/* What the stream prints; decided as it goes. */
struct goleak_stream {
    bool has_time, has_goids, has_wakeups, has_stacks, has_objects, has_timers;
    bool has_sites;      /* tells where some were started, or as what */
    bool tells_blocking; /* prints parks, or a counter of the blocked */
    bool tells_reasons, lacks_reasons; /* of some parks it tells why, of some it does not */
    bool counted;  /* prints the script's counters */
};

typedef enum goleak_status goleak_transitions_fn(void *context, const struct goleak_transitions *batch);
/* The goroutine ends at `moment`; its record is about to be reused. */
typedef enum goleak_status goleak_replay_ended_fn(void *context, const struct goleak_record *record, int64_t moment);

#define GOLEAK_FLOW_CPUS 256
#define GOLEAK_FLOW_DEPTHS 256

/* -F output and other calls without a goroutine. */
struct goleak_call_count {
    uint64_t entered, left;
};

struct goleak_process {
    uint32_t pid;
    bool has_main;     /* goid 1 was created */
    uint64_t main_g;   /* of goroutine 1, which lives as long as it; 0: not met */
    uint32_t main_tid; /* on this thread, whose id is the process's; 0: not told */
    bool created_any; /* a creation was seen: what comes later is not main */
};

/* Which process a thread is of, in streams that tell threads and no processes. */
struct goleak_thread {
    uint32_t tid; /* 0: free */
    uint16_t process;
};
#define GOLEAK_THREADS 1024

/* What the events of one sort do, worked out once: see replay.c. */
struct goleak_plan {
    uint64_t sort; /* 0: none is */
    struct goleak_act {
        uint8_t way;
        uint8_t state;
        uint8_t reason, raw_reason, wait; /* of parks */
        bool blocks;
        int8_t tells_live, tells_blocked; /* all bits, or none: the counters that it tells */
    } act;
};

_Static_assert(sizeof(struct goleak_act) == 8, "it is copied for each event");
#define GOLEAK_PLANS_LOG2 8

struct goleak_replay {
    struct goleak_alloc *alloc;
    struct goleak_symbols *symbols;    /* borrowed */
    struct goleak_reasons *reasons;    /* borrowed */
    struct goleak_health_book *health; /* borrowed */
    struct goleak_store store;
    struct goleak_lineage lineage;
    struct goleak_sites sites;
    struct goleak_waits waits;
    struct goleak_locks locks;
    struct goleak_story story; /* of the one goroutine that somebody asked about */
    struct goleak_process *processes;
    bool pid_claimed; /* the first one has the pid of the recording, which no event has told */
    size_t process_count, process_capacity;
    uint16_t process; /* of the last event */
    struct goleak_thread threads[GOLEAK_THREADS]; /* by tid; the last one of its place */

    struct goleak_plan plans[1 << GOLEAK_PLANS_LOG2]; /* by sort; the last one of its place */
    uint64_t plan_factor; /* of their hash: one that gives no place to two sorts that come */
    uint32_t plan_factors; /* so many have been tried */
    uint32_t planned_for; /* candidates of the Go version */
    uint32_t candidates; /* of the Go version, as the reasons of the records were read */
    struct goleak_stream stream;
    bool include_system;
    bool failed; /* memory ended where nobody could be told */
    int64_t first_ns, last_ns;
    int64_t found_ns; /* who is found has been so since then; GOLEAK_NONE: since first_ns */
    int64_t
        before_ns; /* last_ns before the event that is stepped, unless that is a usual one; GOLEAK_NONE: it is the first */
    uint64_t event_count;
    uint64_t serial;
    uint64_t system_count; /* proven, at any time of the recording */

    /* The script's counters as they should be: all that it tracks, system ones too. */
    int64_t script_live, script_blocked;
    /* … and on the last line that printed them. */
    struct goleak_printed {
        uint64_t position;
        int64_t count, blocked;           /* GOLEAK_NONE: never printed */
        int64_t should_count, should_blocked;
    } printed;

    struct goleak_call_count *calls; /* by string id of the function */
    size_t call_capacity;
    uint32_t *call_stack; /* -F: function entered at [cpu][depth] */
    uint64_t flow_created, flow_ended, flow_peak, flow_peak_event;

    struct goleak_ticks ticks;

    struct goleak_transitions transitions; /* not yet handed over */
    goleak_transitions_fn *on_transitions;
    goleak_replay_ended_fn *on_ended; /* may be NULL */
    void *context;
};

bool goleak_replay_init(struct goleak_replay *replay, struct goleak_alloc *alloc, struct goleak_symbols *symbols,
                        struct goleak_reasons *reasons, struct goleak_health_book *health);
void goleak_replay_release(struct goleak_replay *replay);

enum goleak_replay_mode { GOLEAK_REPLAY_ASK, GOLEAK_REPLAY_FORCE };

/* Steps events[0..count); *done of them were taken. GOLEAK_END: with ASK, the
 * event at *done cannot be yet. Negative: memory, or an `ended` hook's refusal. */
enum goleak_status goleak_replay_run(struct goleak_replay *replay, const struct goleak_event *events, size_t count,
                                     enum goleak_replay_mode mode, size_t *done);

/* Of an event that is kept back: names its spawner or waker now, at the place where
 * it was printed. With the flag, stepping it later does not do so again. */
enum goleak_status goleak_replay_name(struct goleak_replay *replay, const struct goleak_event *event);
#define GOLEAK_FLAG_NAMED 128u

/* Would GOLEAK_REPLAY_ASK take this event? */
bool goleak_replay_allows(const struct goleak_replay *replay, const struct goleak_event *event);

/* No more events come: start functions get the names that were learnt meanwhile. */
enum goleak_status goleak_replay_rename(struct goleak_replay *replay);

/* Hands the last transitions over. */
enum goleak_status goleak_replay_flush(struct goleak_replay *replay);

#endif
