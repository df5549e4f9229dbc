/*
 * format - what every reader of a format looks like.
 *
 * A reader takes bytes as they come (any split), makes events of them, and
 * pushes them in batches; it knows nothing of goroutines' lives. Damage is
 * counted in health and stepped over. A reader keeps what it needs of the bytes
 * that it has been fed; of a plain file it may read them again instead.
 *
 * A new format is one file with a `const struct goleak_format` and one line in
 * formats.c.
 */
#ifndef GOLEAK_FORMAT_FORMAT_H
#define GOLEAK_FORMAT_FORMAT_H

#include "model/event.h"
#include "model/health.h"
#include "model/reasons.h"
#include "model/symbols.h"

#define GOLEAK_MARKED 16

/* What tells of which process a Go trace is: see roll.h. */
struct goleak_trace_marks {
    uint64_t threads[GOLEAK_MARKED]; /* the lowest ids of those that were seen, in order */
    size_t thread_count;
    struct goleak_marked_generation {
        uint64_t number, ticks;   /* of its first batch */
    } generations[GOLEAK_MARKED]; /* the first ones, of which all has been told */
    size_t generation_count;
    bool all_told;   /* of all that lived at some time it has been told by now */
    int64_t boot_ns; /* the wall clock when the monotonic one was 0, if that is told */
    bool has_boot;
};

/* What a reader knows of its input at any time. */
struct goleak_reader_facts {
    uint64_t events;       /* pushed, of kinds that this version knows */
    uint64_t notes;        /* messages of a recorder about itself */
    const char *form;      /* variety of the format, or NULL */
    const char *source;    /* of a recording that was another format's: that format; or NULL */
    uint64_t source_bytes; /* … and its size; 0: not known */
    bool relative_time;    /* times count from the recording's start */
    struct goleak_trace_marks marks; /* of a Go trace */
    bool strange;          /* there are events, and none that tells of goroutines: goleak_event_tells */
    const char *advice;    /* why there is no event, and what to do; NULL: not known */
    const char *nothing;   /* the same, where nothing in it was damaged either; NULL: not known */
    const char *guess;     /* the same, where nothing is told to be damaged */
};

/* One of the recordings that an input holds. */
struct goleak_part {
    const char *name, *format; /* borrowed, as the symbols have them; the format may be "" */
    uint32_t pid;              /* of events that do not tell theirs; 0: not known */
    bool messages;             /* what a recorder said beside: it has no events */
    bool beside_others;        /* others in the input have events, too: they are of one process */
    bool joined;               /* as below, of this one; whoever is asked sets it */
    /* Where goes what it tells; the reader's own, but whoever is asked may set others. */
    struct goleak_event_sink sink;
    struct goleak_health_book *health;
    struct goleak_reasons *reasons;
    struct goleak_reader_facts *facts; /* kept up to date; NULL: nobody wants to know */
    uint64_t *cuts;                    /* how often it is truncated; NULL: nobody counts */
};

/* Asked for each part, before its first event. */
typedef enum goleak_status goleak_part_fn(void *context, struct goleak_part *part);

/* What a reader is given; all borrowed, all outlive it. */
struct goleak_reader_env {
    struct goleak_alloc *alloc;
    struct goleak_symbols *symbols;
    struct goleak_health_book *health;
    struct goleak_reasons *reasons; /* for a version in a header */
    struct goleak_event_sink sink;
    goleak_part_fn *open_part; /* of a format that holds several recordings; NULL: they are one */
    void *part_context;
    /* Bytes of the file, from an offset on, that were fed before or are to be: copies them, and returns how many there
     * are. The file may change meanwhile: they are claims each time. NULL: they cannot be had. */
    size_t (*read_again)(void *context, uint64_t offset, void *buffer, size_t size);
    /* So many of the bytes behind those that were fed are of no use: others are fed next. NULL: all are fed. */
    void (*skip)(void *context, uint64_t bytes);
    void *again_context;
    /* Nobody asks for more than what changes lives and waits. Of the others that formats may leave out: that a goroutine
     * runs again, or is in a system call. At the end a STATUS tells in which state it is, and since when (HAS_UNTIL). */
    bool waits_only;
    bool joined; /* there are other recordings of the process: a Go trace tells when all that live have been told of */
};

/* How sure a sniffer is. */
enum goleak_sniff {
    GOLEAK_SNIFF_NO,
    GOLEAK_SNIFF_MAYBE, /* it could be; more bytes may tell */
    GOLEAK_SNIFF_YES
};

struct goleak_reader; /* each format's own */
struct goleak_textual;

/* The kind of the event that begins with this line, whatever was before it; GOLEAK_EVENT_OTHER:
 * none surely does. */
typedef enum goleak_event_kind goleak_begins_fn(const char *at, const char *end);

/* Of a format of lines, whose recordings fall into sections that several readers can take:
 * see section.h. */
struct goleak_sections {
    goleak_begins_fn *begins;
    /* The lines to come mean what they would mean to a reader that has read the first section. */
    bool (*is_calm)(const struct goleak_reader *reader);
    /* From here on they do, to a reader of sections: what was before is another's. NULL: once
     * they do, they always do. */
    void (*settle)(struct goleak_reader *reader);
    struct goleak_textual *(*text)(struct goleak_reader *reader);
};

struct goleak_format {
    const char *name;  /* for --input-format and inputs[].format */
    const char *title; /* for people */
    /* Its reader tells more than events, strings, frames, stacks, complaints of the one input
     * and a version of Go in a header: lib/reading.c leaves it to the caller's thread. */
    bool alone;
    bool offsets;                           /* where its events stand is told in bytes, not in lines */
    const struct goleak_sections *sections; /* NULL: it has none */
    /* `whole`: there are no more bytes than these. */
    enum goleak_sniff (*sniff)(const char *bytes, size_t size, bool whole);
    struct goleak_reader *(*open)(const struct goleak_reader_env *env); /* NULL: memory */
    enum goleak_status (*feed)(struct goleak_reader *reader, const char *bytes, size_t size);
    enum goleak_status (*finish)(struct goleak_reader *reader);
    void (*facts)(const struct goleak_reader *reader, struct goleak_reader_facts *out);
    void (*close)(struct goleak_reader *reader);
};

/* formats.c: the one table, in the order in which the formats are asked. */
extern const struct goleak_format *const goleak_formats[];
extern const size_t goleak_format_count;

/* Bytes that a sniffer may ask for before it must decide. */
#define GOLEAK_SNIFF_BYTES ((size_t)256 * 1024)

const struct goleak_format *goleak_format_find(const char *name);
/* Whether its events' positions are offsets; no, of one that is not known. */
bool goleak_format_has_offsets(const char *name);
/* The format of these first bytes. NULL and *more: more bytes are needed. NULL
 * without: none; then `advice` says what the bytes are, or "". */
const struct goleak_format *goleak_format_sniff(const char *bytes, size_t size, bool whole, bool *more,
                                                char advice[256]);

#endif
