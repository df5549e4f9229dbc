/*
 * order - events in the order in which they happened, before they are replayed.
 *
 * Recorders keep a buffer for each CPU and print one after the other, so lines
 * of several CPUs come shuffled. Three kinds of evidence undo that:
 *
 *  - timestamps: sorted batches wait in a window that is bounded in events, and
 *    late ones are merged in (time.c);
 *  - without them, the counters that the script prints: a line whose counters
 *    cannot follow from those before it waits for the one that is missing, over
 *    a few lines (counters.c);
 *  - and a goroutine's own life: nothing happens to it before its creation, and
 *    it is not created twice. Its lines wait for the missing one over as many
 *    lines as a recorder's buffers hold (lives.c).
 *
 * What none of them proves is replayed where it stands and counted.
 */
#ifndef GOLEAK_REPLAY_ORDER_H
#define GOLEAK_REPLAY_ORDER_H

#include "replay/replay.h"

#define GOLEAK_CPU_CLOCKS 256

/* A sorted batch that waits, packed where many newer ones do. */
struct goleak_waiting {
    struct goleak_batch *batch; /* NULL: packed */
    unsigned char *packed;
    bool pooled; /* … in a block of the window's pool */
    uint32_t packed_bytes, packed_count;
    int64_t first_ns, last_ns; /* of a packed one */
};

struct goleak_time_window {
    struct goleak_waiting *batches; /* all of them in a row */
    size_t count, capacity;
    size_t open;             /* so many are not packed … */
    size_t packed;           /* … and none of these, the first ones */
    unsigned char *room;     /* to pack in */
    struct goleak_block_pool *pool; /* of what is packed; NULL: none yet, or none may be */
    size_t events, limit;    /* held, and how many may be */
    size_t pushed;           /* events since the limit was last looked at */
    size_t untold;           /* of them since the CPUs were: events that told none */
    size_t stable;           /* events since it was always the same CPUs that told any */
    size_t farthest;         /* how many events a late one had to jump, since then */
    bool was_late;           /* one ever had to */
    int64_t newest_ns, emitted_ns;
    int64_t clock_ns;        /* of the last event, before the clock's jumps are taken out */
    int64_t shift_ns;        /* … which takes this */
    int64_t unsure_ns;       /* the clock before a batch's last event, if that went far ahead; INT64_MIN: it did not */
    /* Of the last event of each CPU; where there was none, of the first one of all. */
    int64_t cpu_clock_ns[GOLEAK_CPU_CLOCKS];
    uint32_t cpu_spoke[GOLEAK_CPU_CLOCKS]; /* with which batch, from 1; 0: never */
    uint32_t batch;                        /* the present one's number */
    uint32_t last_cpu;
    uint64_t turns; /* from one CPU to another */
    struct goleak_batch *spare;
};

#define GOLEAK_GATE_LINES 16

struct goleak_counter_gate {
    struct goleak_counters now; /* as the last line that went printed them */
    int trust;                  /* spent: the counters decide nothing any more */
    struct goleak_event held[GOLEAK_GATE_LINES]; /* in the order of printing */
    size_t held_count;
};

/* A line that waits for its goroutine's life to come to it. */
struct goleak_life_line {
    struct goleak_event event;
    uint32_t next; /* of the same goroutine; UINT32_MAX: none */
};

struct goleak_life {
    uint64_t g;
    uint32_t head, tail;  /* head UINT32_MAX: free */
    uint64_t opened;      /* line at which it became possible; 0: not yet */
    uint64_t named;       /* line that named it as a spawner last, while it waited; 0: none did */
    uint16_t next;        /* place + 1 of another one with its hash; 0: none */
};

#define GOLEAK_LIVES 1024 /* more do not wait at a time */
#define GOLEAK_LIFE_HASHES 8192

struct goleak_lives {
    struct goleak_life_line *lines;
    size_t line_count, line_capacity;
    uint32_t free_lines;
    struct goleak_life *lives;        /* GOLEAK_LIVES of them; NULL: none was needed yet */
    uint64_t used[GOLEAK_LIVES / 64]; /* bits of the places that are not free */
    uint64_t open[GOLEAK_LIVES / 64]; /* of those that wait for company only */
    size_t living;                    /* how many are not free */
    size_t waiting;                   /* lines */
    uint64_t due; /* line at which a queue has waited for company long enough; UINT64_MAX: none */
    uint16_t first[GOLEAK_LIFE_HASHES]; /* by hash of g: place + 1; 0: none */
};

/* Takes a sorted batch; the batch stays the order's. */
typedef enum goleak_status goleak_emit_fn(void *context, struct goleak_batch *batch);

struct goleak_order {
    struct goleak_alloc *alloc;
    goleak_emit_fn *emit; /* where events that tell time go; NULL: to the replay */
    void *emit_context;
    struct goleak_replay *replay;
    struct goleak_health_book *health;
    struct goleak_time_window window;
    struct goleak_counter_gate gate;
    struct goleak_lives lives;
};

void goleak_order_init(struct goleak_order *order, struct goleak_alloc *alloc, struct goleak_replay *replay,
                       struct goleak_health_book *health);
void goleak_order_release(struct goleak_order *order);

/* A goleak_batch_fn; context is the struct goleak_order. */
enum goleak_status goleak_order_push(void *context, struct goleak_batch **batch);
/* No event before this time comes any more: lets all of them out, for an order that
 * emits. One that comes nevertheless is told as late. */
enum goleak_status goleak_order_drain(struct goleak_order *order, int64_t until_ns);
/* No more events come. */
enum goleak_status goleak_order_finish(struct goleak_order *order);

/* time.c */
enum goleak_status goleak_window_push(struct goleak_order *order, struct goleak_batch **batch);
/* A batch that its reader has put in order need not wait, unless others do. False: it must. */
bool goleak_window_pass(struct goleak_order *order, struct goleak_batch *batch, enum goleak_status *status);
enum goleak_status goleak_window_flush(struct goleak_order *order);
void goleak_window_release(struct goleak_order *order);
/* counters.c */
/* A batch whose counters go on from those of the lines before it. False: look at each line. */
bool goleak_gate_pass(struct goleak_order *order, const struct goleak_batch *batch);
enum goleak_status goleak_gate_push(struct goleak_order *order, const struct goleak_event *events, size_t count);
enum goleak_status goleak_gate_flush(struct goleak_order *order);
/* lives.c: replays events whose goroutines' lives allow it, keeps the others */
enum goleak_status goleak_lives_push(struct goleak_order *order, const struct goleak_event *events, size_t count);
enum goleak_status goleak_lives_flush(struct goleak_order *order);

/* Whose an event is, for the one complaint of each kind that is kept; "" for the others. */
static inline const char *goleak_event_who(const struct goleak_health_book *health, enum goleak_health_id id,
                                           const struct goleak_event *event, char out[GOLEAK_GOROUTINE_TEXT])
{
    if (!goleak_health_is_first(health, id))
        return "";
    return goleak_goroutine_text(out, event->has & GOLEAK_HAS_GOID ? event->goid : 0,
                                 event->has & GOLEAK_HAS_G ? event->g : 0);
}

#endif
