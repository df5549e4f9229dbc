/* trace - the inside of a handle, for the files in lib/ itself: trace.c (making
 * and feeding), results.c (what it tells), and those that read: load.c, join.c,
 * reading.c, aside.c, convert.c, decoder.c. */
#ifndef GOLEAK_TRACE_H
#define GOLEAK_TRACE_H

#include "analysis/analysis.h"
#include "format/format.h"
#include "input/source.h"
#include "input/unpack.h"
#include "names.h"
#include "replay/merge.h"
#include "verdict/verdict.h"

struct goleak_input {
    struct goleak_trace *trace;
    char *path;
    struct goleak_unpack *unpack;
    bool aside;                  /* of a reading thread, which opens no reader of a format that is `alone` */
    bool waits;                  /* … nor yet one of a format that has sections */
    bool elsewhere;              /* a thread has read all of it: format and facts are here */
    struct goleak_buf head;      /* until the format is known */
    bool head_full;
    const struct goleak_format *format;
    struct goleak_reader *reader;
    struct goleak_lane *lane;    /* its events are merged with other inputs'; NULL: not so */
    size_t parts, first_part;    /* recordings in it, the first in `lane`; of merge.lanes, the second's */
    struct goleak_reader_facts facts;
    struct goleak_source *again;       /* has its plain bytes, while it is read; NULL: nobody has */
    uint64_t skip;                     /* its reader wants so many of the next plain bytes not */
    uint64_t bytes;
    uint64_t lost;               /* events, by what it says itself */
    bool finished;
};

/* An ended goroutine that the caller wants to keep. */
struct goleak_ended {
    struct goleak_record record;
    struct goleak_detail detail;
    uint64_t serial;
    int64_t started, moment; /* of its first run, of its end */
    uint64_t parent_g, parent_goid;
};

struct goleak_trace {
    struct goleak_alloc alloc;
    struct goleak_block_pool *pool; /* its own, of batches; NULL: none */
    struct goleak_options options;
    char go_version[32], input_format[32];
    char *exe;                     /* options.exe */
    struct goleak_symbols symbols;
    struct goleak_names names;     /* of options.exe */
    struct goleak_reasons reasons;
    struct goleak_health_book health;
    struct goleak_replay replay;
    struct goleak_order order;
    struct goleak_merge merge;     /* of inputs that are open together; alloc NULL: none are */
    struct goleak_event_sink sink; /* where readers push: the order, or a decoder's queue */
    bool joined;                   /* its input is read beside others of the process, by other traces */
    bool waits_only;               /* … or another trace's, which asks for no more (aside.h) */
    goleak_part_fn *open_part;     /* of a converter; NULL: a lane for each */
    void *part_context;
    struct goleak_model model;
    void *analyses[GOLEAK_ANALYSIS_MAX];
    struct goleak_ledger ledger;
    struct goleak_groups groups;
    struct goleak_verdict_input judge;
    const struct goleak_limits *limits; /* of its rules */
    struct goleak_input **inputs;
    size_t input_count, input_capacity;
    struct goleak_input *fed;    /* by goleak_trace_feed */
    struct goleak_ended *ended;
    size_t ended_count, ended_capacity;
    bool told_ended;             /* the caller's hook was called: its lines are out */
    bool relative_time;          /* some input's times count from its start */
    bool hands_out;              /* a decoder's: events of unknown kinds are of use, too */
    int64_t ending_moment;       /* of the goroutine that an `ended` hook is shown */
    bool finished;
    struct goleak_error failure; /* sticks */
};

/* The defaults, and over them the caller's own, which may be NULL. */
enum goleak_status goleak_trace_options(struct goleak_options *out, const struct goleak_options *options,
                                        struct goleak_error *error);

/* Verdicts, by what is known of the recording by now. */
enum goleak_status goleak_trace_judge(struct goleak_trace *trace);

/* For the loader: bytes that are unpacked already. */
enum goleak_status goleak_input_feed_plain(struct goleak_input *input, const void *data, size_t size,
                                           struct goleak_error *error);
/* No more of them come: the reader's last events go out, and its facts are taken. */
enum goleak_status goleak_input_end(struct goleak_input *input, struct goleak_error *error);
/* Complaints are of this input from here on. */
void goleak_input_begin(struct goleak_input *input);
/* Where its events stand is told in bytes, from now on. */
void goleak_input_tells_offsets(struct goleak_input *input);
/* Where its events go. */
struct goleak_event_sink goleak_input_sink(const struct goleak_input *input);
/* They are asked for nothing but what changes lives and waits: see goleak_reader_env. */
bool goleak_input_waits_only(const struct goleak_input *input);
/* Keeps a status from below that came without a sentence, with one. */
enum goleak_status goleak_trace_fail(struct goleak_trace *trace, enum goleak_status status,
                                     struct goleak_error *error);
void goleak_input_damage(void *context, bool truncated, uint64_t offset, const char *sentence);

/* Does the merge wait for this input, and no other more? */
bool goleak_input_is_wanted(const struct goleak_input *input);

/* An input is a Go execution trace, or a .glk of one: those list all who live at first, and tell who wakes whom. */
bool goleak_trace_is_of_go(const struct goleak_trace *trace);
/* What an ended goroutine was, for the caller's hook. */
void goleak_trace_fill(const struct goleak_trace *trace, const struct goleak_record *record,
                       struct goleak_goroutine *out);

#endif
