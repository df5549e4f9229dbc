/*
 * textual - what every reader of text lines does: events go out in batches, stacks
 * that stand below an event become part of it, and lines that are of no use are
 * complained of.
 *
 * For readers of scripts' output also the lines that DTrace and bpftrace scripts
 * print alike (keyed.h), and those of our own recorder scripts around them:
 *
 *      goleak-recorder: version=1 tool=bpftrace go=1.26 arch=amd64 probes=newproc1,gopark,…
 *      …
 *      goleak-recorder-end: events=5120 ts=92033911
 *
 * The last line says how many events the probes saw: what is missing was lost.
 */
#ifndef GOLEAK_FORMAT_TEXTUAL_H
#define GOLEAK_FORMAT_TEXTUAL_H

#include "format/keyed.h"
#include "format/lines.h"
#include "format/stacktext.h"

/* What newproc1's entry tells of the creation to come. */
struct goleak_spawn {
    uint32_t has; /* of the event; 0: none is pending */
    uint32_t tid, stack;
    uint64_t gopc, other_g, other_goid;
    uint64_t position; /* of the event */
};

#define GOLEAK_SPAWNS 256

/* The place of a go statement, by its address: to tell the stacks of two spawners apart. A
 * frame is known by a hash of its text, which is the same to every reader. */
struct goleak_go_place {
    uint64_t gopc, frame;
};

/* A creation whose spawner's entry may stand in the section before. */
struct goleak_unjoined {
    uint32_t batch, event; /* of the section's */
};

/* While one section of a recording is read alone: see section.h. */
struct goleak_section_state {
    bool alone;
    bool unsure;      /* it depends on what the sections before tell */
    uint32_t batches; /* pushed */
    uint64_t events, notes; /* before it */
    uint64_t spawned[GOLEAK_SPAWNS / 64]; /* whose entry of `spawns` it has set */
    uint64_t placed[GOLEAK_SPAWNS / 64];  /* … of `places` */
    uint64_t asked[GOLEAK_SPAWNS / 64];   /* … of `places` it has read and had not set */
    struct goleak_buf unjoined;           /* struct goleak_unjoined, in order */
};

/* Beside the format's own bits: there was an event that tells of goroutines. */
#define GOLEAK_FORM_TELLS (1u << 31)

#define GOLEAK_FRAME_HASHES 256

/* In one place, because it is asked right behind where it is written. */
enum goleak_textual_frames {
    GOLEAK_FRAMES_NOBODYS,
    GOLEAK_FRAMES_AWAITED, /* of the last event of the batch */
    GOLEAK_FRAMES_HAD,     /* … which has had its own: what follows another line is none of these */
    GOLEAK_FRAMES_IGNORED  /* of a line that was not used */
};

struct goleak_textual {
    struct goleak_reader_env env;
    struct goleak_lines lines;
    uint32_t forms; /* the format's own bits, of what its lines look like, and GOLEAK_FORM_TELLS */
    struct goleak_keyed keyed;
    struct goleak_stacktext stack;
    struct goleak_batch *batch;
    uint8_t frames; /* enum goleak_textual_frames: whose those that follow are */
    uint16_t bare_spawns; /* entries of newproc1 without a stack, of the batch's last events; bit 0: the last */
    uint64_t events, notes;
    uint32_t seen;   /* `has` of all keyed events */
    struct goleak_spawn spawns[GOLEAK_SPAWNS];
    struct goleak_go_place places[GOLEAK_SPAWNS];
    struct goleak_frame_hash {
        uint32_t frame; /* 0: none, whose hash is 0 */
        uint64_t hash;
    } frame_hashes[GOLEAK_FRAME_HASHES];
    uint32_t stacked; /* kinds of events that had stacks; in the first section, for the seams of all */
    bool has_first;
    bool has_stacks; /* a section that somebody else has read had some, or what was read before some were forgotten */
    uint32_t learnt; /* goleak_symbols_learnt, when the stacks that are known were named */
    struct goleak_section_state section;
    /* Our own recorder's lines. */
    bool recorder_began, recorder_ended, recorder_idle; /* idle: its last line counts no event */
    uint64_t recorder_events; /* lines of its probes since it began */
    /* What its last line says, and where; line 0: it was not there, or all is done. */
    uint64_t recorder_counted, recorder_end_ns, recorder_line;
    uint64_t lost_told;       /* by the recorder's messages */
    uint64_t restart_line;    /* where a recorder has begun once more, of which no event is here yet; 0: none has */
};

/* False: memory; release it all the same. The lines go to these callbacks, of which `cut` is
 * its own. */
bool goleak_textual_init(struct goleak_textual *text, const struct goleak_reader_env *env,
                         const struct goleak_line_reader *lines);
void goleak_textual_release(struct goleak_textual *text);

enum goleak_status goleak_textual_push(struct goleak_textual *text);
/* A section begins: no event's stack is looked for across that. */
enum goleak_status goleak_textual_begin_section(struct goleak_textual *text);
/* newproc1's entry knows the spawner and the stack, its return the goroutine; both are on one
 * thread. The first is kept, the second gets what the first told. */
void goleak_textual_join(struct goleak_textual *text, struct goleak_event *event);
/* The event before has all of its stack. */
enum goleak_status goleak_textual_close_event(struct goleak_textual *text);
enum goleak_status goleak_textual_add(struct goleak_textual *text, const struct goleak_event *event);
/* So many more stand in the batch behind the others: whole lines of newproc1, gopark and
 * godestroy, all with a time or none. */
void goleak_textual_added(struct goleak_textual *text, size_t count);
/* The last event of the batch may be asked for yet. */
static inline bool goleak_textual_is_open(const struct goleak_textual *text)
{
    return text->frames == GOLEAK_FRAMES_AWAITED || text->frames == GOLEAK_FRAMES_HAD;
}

/* Where the next event may be written, if it turns out to be one: in the batch, or in
 * `over` where that is full. goleak_textual_add takes it from either. */
static inline struct goleak_event *goleak_textual_slot(struct goleak_textual *text, struct goleak_event *over)
{
    return text->batch->count < GOLEAK_BATCH_EVENTS ? &text->batch->events[text->batch->count] : over;
}
/* The last batch goes out; what the recorder promised and did not keep is noted. */
enum goleak_status goleak_textual_finish(struct goleak_textual *text);

void goleak_textual_damaged(struct goleak_textual *text, const struct goleak_line *line, const char *at,
                            const char *sentence);
void goleak_textual_unknown(struct goleak_textual *text, const struct goleak_line *line);
void goleak_textual_cut(struct goleak_textual *text, const struct goleak_line *line);
void goleak_textual_too_long(struct goleak_textual *text, const struct goleak_line *line, uint64_t bytes);
/* A frame (the caller has seen that it is one): of the open event, or of a line that was
 * not used. False: of nothing. */
bool goleak_textual_frame(struct goleak_textual *text, const struct goleak_line *line);
/* Any other line that is not empty: the stack before it is whole. */
enum goleak_status goleak_textual_end_stack(struct goleak_textual *text);
/* A line that is an event's and cannot be used: what stands below it is not of the event
 * before. */
enum goleak_status goleak_textual_skip_event(struct goleak_textual *text);
/* The frames that were read last are nobody's, nor are those that follow. */
enum goleak_status goleak_textual_drop_stack(struct goleak_textual *text);
/* A recorder's message about losses or errors; the line is its own evidence. */
void goleak_textual_lost(struct goleak_textual *text, const struct goleak_line *line, uint64_t count);
/* The last line tells of losses and may be cut: it may lack digits. They are counted as they stand, and it is said. */
void goleak_textual_cut_loss(struct goleak_textual *text, const struct goleak_line *line);
/* The message tells how many in all: records before it may have told some. */
void goleak_textual_lost_in_all(struct goleak_textual *text, const struct goleak_line *line, uint64_t total);
void goleak_textual_lost_stack(struct goleak_textual *text, const struct goleak_line *line);
void goleak_textual_error(struct goleak_textual *text, const struct goleak_line *line);

/* Where a probe stands that makes events of this kind. */
void goleak_textual_tell_probe(struct goleak_textual *text, enum goleak_event_kind kind, uint64_t address);

/* An event that may be the input's last, cut: is it whole, then remember it. */
bool goleak_textual_whole(struct goleak_textual *text, const struct goleak_line *line, const struct goleak_event *event);

/* A keyed event at `at`, which stands within the line. cpu: -1 if not told.
 * *taken: it was one (or a damaged one); *kept: it was added. */
enum goleak_status goleak_textual_event(struct goleak_textual *text, const struct goleak_line *line, const char *at,
                                        int64_t cpu, bool *taken, const struct goleak_event **kept);

/* A line of our recorders, perhaps behind "# ". */
bool goleak_textual_recorder_line(struct goleak_textual *text, const struct goleak_line *line,
                                  enum goleak_status *status);
bool goleak_textual_is_recorder_line(const char *at, const char *end);

/* A goleak_line_reader's `bulk`, for lines that keyed plans and known stacks cover, and no
 * more events than that. */
const char *goleak_textual_bulk(struct goleak_textual *text, const char *at, const char *end, size_t events,
                                uint64_t *number, enum goleak_status *status);

/* Within a `bulk`: the block of frames at *at, if it was seen before. */
bool goleak_textual_take_known_stack(struct goleak_textual *text, const char **at, const char *limit, uint64_t *line);

/* Events, and none of them tells of goroutines. */
static inline bool goleak_textual_is_strange(const struct goleak_textual *text)
{
    return text->events != 0 && (text->forms & GOLEAK_FORM_TELLS) == 0;
}

/* What to say of a recording without events: our recorder was there from its beginning to its end. NULL: it was not. */
const char *goleak_textual_nothing(const struct goleak_textual *text);

static inline bool goleak_textual_has_stacks(const struct goleak_textual *text)
{
    return text->has_stacks || text->stack.blocks.count != 0;
}

static inline bool goleak_begins(const char *at, const char *end, const char *prefix)
{
    size_t size = strlen(prefix);
    return (size_t)(end - at) >= size && memcmp(at, prefix, size) == 0;
}

static inline bool goleak_has_word(const char *at, const char *end, const char *word)
{
    for (; (at = memchr(at, word[0], (size_t)(end - at))) != NULL; at++)
        if (goleak_begins(at, end, word))
            return true;
    return false;
}

static inline const char *goleak_skip_blanks(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at;
}

#endif
