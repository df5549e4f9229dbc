/*
 * health - what is wrong with a capture, counted, with where it was seen first.
 *
 * Damage never stops a reader: it says goleak_health_note and steps over.
 */
#ifndef GOLEAK_MODEL_HEALTH_H
#define GOLEAK_MODEL_HEALTH_H

#include "base/arena.h"

enum goleak_health_id {
#define X(id, hurts, one, several) GOLEAK_HEALTH_##id,
#include "model/health.def"
#undef X
    GOLEAK_HEALTH_COUNT
};

struct goleak_health_entry {
    uint64_t count;
    const char *input; /* of the first */
    uint64_t line, column, offset;
    char detail[320];
};

/* The input being read. */
struct goleak_health_source {
    const char *input; /* its name; borrowed */
    bool offsets;      /* its events' positions are offsets, not lines */
    uint64_t *lost;    /* where its own losses are counted, too; NULL: nowhere */
    uint64_t *cuts;    /* … and how often it is truncated */
};

/* Moments between which nobody recorded. */
struct goleak_gap {
    int64_t from, until;
    bool called; /* who lives was told behind it: see rollcall.h */
};
#define GOLEAK_GAPS 256
#define GOLEAK_GAP_NS ((int64_t)50000000) /* no recorder is started anew in less */
/* The names of events, no goroutine's, by which a recorder speaks of itself: it recorded until then; it was started anew
 * behind another one's recording, in the same file; it ended as it should, but began in another file; its end is missing. */
#define GOLEAK_RECORDER_ENDS "goleak-recorder-end"
#define GOLEAK_RECORDER_BEGINS "goleak-recorder"
#define GOLEAK_RECORDER_ENDS_LAST "goleak-recorder-end-of-files"
#define GOLEAK_RECORDER_KILLED "goleak-recorder-killed"
/* … and a Go trace: whoever lives has been told of, since it began. */
#define GOLEAK_TRACE_ALL_TOLD "goleak-trace-all-told"
#define GOLEAK_KILLED_TEXT                                                                                             \
    "the recorder's last line (goleak-recorder-end) is missing: it was killed, or the recording is cut"

struct goleak_health_book {
    struct goleak_health_source source; /* set by the trace */
    struct goleak_gap gaps[GOLEAK_GAPS]; /* the first ones, the earliest first */
    size_t gap_count;
    bool killed;             /* so was the last recorder, as far as is known by now */
    uint64_t cuts_elsewhere; /* so often it is truncated, but not where it ends */
    struct goleak_health_entry entries[GOLEAK_HEALTH_COUNT];
};

/* Counts `count` more; the first call keeps the position and the sentence. Of
 * line/column and offset, zero means "does not apply". */
void goleak_health_note(struct goleak_health_book *book, enum goleak_health_id id, uint64_t count, uint64_t line,
                        uint64_t column, uint64_t offset, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 7, 8)))
#endif
    ;

/* The same, at the position of an event of the source, which is a line or an offset. */
void goleak_health_note_at(struct goleak_health_book *book, enum goleak_health_id id, uint64_t count, uint64_t position,
                           const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 5, 6)))
#endif
    ;

/* True until the first note: whoever must make up its sentence asks. */
static inline bool goleak_health_is_first(const struct goleak_health_book *book, enum goleak_health_id id)
{
    return book->entries[id].detail[0] == '\0';
}

/* Nobody recorded for a while before this position. */
void goleak_health_note_gap(struct goleak_health_book *book, struct goleak_gap gap, uint64_t position);

/* What a recorder says beside its recording. */
static inline bool goleak_health_is_recorders(enum goleak_health_id id)
{
    return id == GOLEAK_HEALTH_lost_events || id == GOLEAK_HEALTH_lost_stacks || id == GOLEAK_HEALTH_recorder_errors;
}

/* The id of a name ("lost_events"); false: there is none. `id` may be NULL. */
bool goleak_health_find(const char *name, enum goleak_health_id *id);
const char *goleak_health_name(enum goleak_health_id id);
void goleak_health_get(const struct goleak_health_book *book, enum goleak_health_id id, struct goleak_health *out);
bool goleak_health_complete(const struct goleak_health_book *book);

#endif
