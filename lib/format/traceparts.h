/*
 * traceparts - what readers of Go execution traces share: the goroutines that live, in
 * slots that are used again, and the stacks and strings of a trace in our numbers.
 */
#ifndef GOLEAK_FORMAT_TRACEPARTS_H
#define GOLEAK_FORMAT_TRACEPARTS_H

#include "base/idmap.h"
#include "format/format.h"

/* "go 1.NN trace" and three zero bytes. */
#define GOLEAK_TRACE_HEADER 16

/* What is said of a header behind a trace: goids mean others there. */
#define GOLEAK_TRACE_ANOTHER                                                                                           \
    "found the header of another trace, expected the end of this one; it was left out: give it as a file of its own"
/* NN; 0: it is no such header, or not whole. */
unsigned goleak_trace_version(const char *bytes, size_t size);

/* Where a batch is that is read again (see goleak_reader_env); empty: none was. */
struct goleak_trace_window {
    uint8_t *bytes;
    size_t size;
};

#define GOLEAK_TRACE_BATCH_MAX 65536 /* bytes of a batch, as the runtimes write them */
/* One that is small is sooner kept than read again, and a trace may claim to have a thread, or a P, for each of them. */
#define GOLEAK_TRACE_SMALL_BATCH 256
/* Where one is in what is kept of a trace, that is to be read again. */
#define GOLEAK_NOT_KEPT SIZE_MAX
/* Behind the bytes so many are readable: numbers are read ahead. */
#define GOLEAK_TRACE_PADDING 64

/* Bytes of the trace, from an offset on, of which *got are there still, with padding behind. NULL: memory. */
const uint8_t *goleak_trace_read_again(struct goleak_trace_window *window, const struct goleak_reader_env *env,
                                       uint64_t offset, size_t size, size_t *got);
void goleak_trace_window_close(struct goleak_trace_window *window, struct goleak_alloc *alloc);
#define GOLEAK_TRACE_CHANGED                                                                                           \
    "found fewer bytes of a batch than were there before, expected all of them: the file has changed, or could not "   \
    "be read, since"

/* Says where the clock begins to stand still (see goleak_tickclock_far), if it does so in this batch. True: it does, and
 * will not be asked about again. */
bool goleak_trace_note_late(struct goleak_health_book *health, const struct goleak_batch *batch);

/* States as traces number them. */
enum goleak_trace_status {
    GOLEAK_TRACE_NONE,
    GOLEAK_TRACE_RUNNABLE,
    GOLEAK_TRACE_RUNNING,
    GOLEAK_TRACE_SYSCALL,
    GOLEAK_TRACE_WAITING
};

struct goleak_trace_g {
    uint64_t goid;
    uint32_t seq;      /* the last sequence number (of a free slot: the next free one; 0: none) */
    uint16_t gen;      /* the reader's own mark: for which generation that is */
    uint8_t status;    /* enum goleak_trace_status */
    bool started_told : 1; /* its start function has gone out */
    bool unplaced : 1;     /* it began to wait with an event that tells no stack: a later status may */
    bool lives : 1;        /* of a free slot: false */
    bool listed : 1;       /* the table has it */
    bool quiet : 1;        /* it has run before, and that it does so again is not told */
    bool untold : 1;       /* so its state has not been */
};

/* A state of a goroutine that is untold: since when it has it, and where that stands in the trace. */
struct goleak_trace_since {
    int64_t ns;
    uint64_t place; /* its position, and in the lowest bits its status: there is one for each goroutine */
};

#define GOLEAK_TRACE_STATUS_BITS 3

static inline void goleak_trace_since_set(struct goleak_trace_since *since, int64_t ns, uint64_t position,
                                          enum goleak_trace_status status)
{
    *since = (struct goleak_trace_since) { ns, position << GOLEAK_TRACE_STATUS_BITS | (uint64_t)status };
}

static inline uint64_t goleak_trace_since_position(const struct goleak_trace_since *since)
{
    return since->place >> GOLEAK_TRACE_STATUS_BITS;
}

/* enum goleak_trace_status */
static inline uint8_t goleak_trace_since_status(const struct goleak_trace_since *since)
{
    return (uint8_t)(since->place & ((1u << GOLEAK_TRACE_STATUS_BITS) - 1));
}

/* gs[slot]; slot 0 is none, and always there. They are found by goid through a table of
 * slots alone, for whoever asks looks at the goroutine next; the bits that no slot has tell
 * most of the others apart before that:
 *
 *      [ tag | slot ]    as many bits for the slot as for a place in the table
 *
 * Who ends leaves its entry behind, which leads to a slot that is not its own any more.
 * Such entries go when the table is full.
 */
struct goleak_trace_gs {
    struct goleak_alloc *alloc;
    struct goleak_trace_since *since; /* by slot: of those that are untold and could run; else of long ago */
    size_t since_capacity;
    uint32_t *table;
    uint32_t mask;
    uint32_t used, living; /* entries, and those that there must be room for; goroutines */
    struct goleak_trace_g *gs;
    size_t count, capacity;
    uint32_t free_list;
    uint64_t secret; /* in the hashes; 0: none */
};

/* False: memory. */
bool goleak_trace_gs_init(struct goleak_trace_gs *gs, struct goleak_alloc *alloc);
void goleak_trace_gs_release(struct goleak_trace_gs *gs);

/* Goids are counted up, and asked for in much the same order: two of them stay neighbours in
 * a line of the cache. More would, where lines are full, move on together. */
static inline uint32_t goleak_trace_gs_home(const struct goleak_trace_gs *gs, uint64_t goid)
{
    return ((uint32_t)(goleak_hash_u64(goid >> 1 ^ gs->secret) >> 32) << 1 | (uint32_t)(goid & 1)) & gs->mask;
}

static inline uint32_t goleak_trace_gs_tag(const struct goleak_trace_gs *gs, uint64_t goid)
{
    return (uint32_t)goid * 0x9e3779b1u & ~gs->mask;
}

/* Slot of the goroutine; 0: it is not there. */
static inline uint32_t goleak_trace_gs_find(const struct goleak_trace_gs *gs, uint64_t goid)
{
    uint32_t tag = goleak_trace_gs_tag(gs, goid), mask = gs->mask;
    for (uint32_t at = goleak_trace_gs_home(gs, goid);; at = (at + 1) & mask) {
        uint32_t entry = gs->table[at];
        if (entry == 0)
            return 0;
        if ((entry & ~mask) != tag)
            continue;
        const struct goleak_trace_g *g = &gs->gs[entry & mask];
        if (g->goid == goid && g->lives)
            return entry & mask;
    }
}
/* A goroutine that is not there yet; 0: memory. */
uint32_t goleak_trace_gs_add(struct goleak_trace_gs *gs, uint64_t goid);
void goleak_trace_gs_remove(struct goleak_trace_gs *gs, uint32_t slot);

/* Of nobody anything is left untold any more. */
void goleak_trace_gs_speak(struct goleak_trace_gs *gs);

/* The state of one that is untold and could run; NULL: it is none of these. */
static inline const struct goleak_trace_since *goleak_trace_gs_untold(const struct goleak_trace_gs *gs, uint32_t slot)
{
    bool remembered = slot < gs->since_capacity && gs->gs[slot].untold;
    return remembered && gs->gs[slot].status == goleak_trace_since_status(&gs->since[slot]) ? &gs->since[slot] : NULL;
}

/* Room in `since` for all that there are; false: memory. */
bool goleak_trace_gs_remember(struct goleak_trace_gs *gs);

/* In two steps, for readers that find some in a shorter way, and most only there: a slot
 * first, an entry in the table if it is needed. */
uint32_t goleak_trace_gs_take(struct goleak_trace_gs *gs, uint64_t goid);
void goleak_trace_gs_list(struct goleak_trace_gs *gs, uint32_t slot);

/* Who did it; slot 0: nobody. */
static inline void goleak_trace_by(struct goleak_event *event, const struct goleak_trace_gs *gs, uint32_t slot)
{
    event->other_g = slot != 0 ? GOLEAK_G_SLOT | slot : 0;
    event->other_goid = slot != 0 ? gs->gs[slot].goid : 0;
    if (slot != 0)
        event->has |= event->other_goid <= INT64_MAX ? GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID : GOLEAK_HAS_OTHER;
}

/* Frames of a trace, by the strings of function and file and the line; those whose names were lost
 * by their address. */
struct goleak_trace_frames {
    struct goleak_symbols *symbols;
    struct goleak_intern keys;
    uint32_t *frames;
    size_t capacity;
    uint8_t *reasons;       /* by stack: enum goleak_reason of who waits there; 254: not looked at */
    size_t reason_capacity;
};

void goleak_trace_frames_init(struct goleak_trace_frames *frames, struct goleak_symbols *symbols,
                              struct goleak_alloc *alloc);
void goleak_trace_frames_release(struct goleak_trace_frames *frames);
/* What Go's runtime writes in place of the frames of a stack of which it knows none: an empty one. */
static inline bool goleak_trace_is_no_frame(uint64_t pc, uint64_t function)
{
    return pc == 0 && function == 0;
}
/* function, file: strings of symbols, 0: lost. 0: memory. */
uint32_t goleak_trace_frame(struct goleak_trace_frames *frames, uint64_t pc, uint32_t function, uint32_t file,
                            uint64_t line);
/* What a goroutine with this stack waits for, as far as its functions tell; NONE: they do
 * not. False: memory. */
bool goleak_trace_infer_reason(struct goleak_trace_frames *frames, uint32_t stack, uint8_t *reason);
/* String: the function at the bottom of a stack, its goroutine's start function; goroutine
 * 1's is runtime.main, whose own frame traces cut off. 0: not told. */
uint32_t goleak_trace_start_of(const struct goleak_trace_frames *frames, uint32_t stack);

/* Go's word for why a goroutine waits ("chan send"); UNKNOWN for one that is none. */
enum goleak_reason goleak_trace_reason(const char *at, size_t size);

#endif
