/*
 * glk_writer_parts - the inside of a goleak_writer, for its own files:
 *
 *      glk_writer.c    the calls of goleak.h and glk_writer.h: events are kept
 *      glk_blocks.c    a full block: its head, its sections, the file around it
 *      glk_pack.c      it is packed, and goes out
 *      glk_gather.c    events into columns
 *      glk_numbers.c   what they mention gets numbers, and goes into the tables
 */
#ifndef GOLEAK_FORMAT_GLK_WRITER_PARTS_H
#define GOLEAK_FORMAT_GLK_WRITER_PARTS_H

#include "format/glk_writer.h"

#include "base/idmap.h"
#include "format/glk_column.h"
#include "format/glk_layout.h"
#include "model/event.h"

/* Tables of this size end a block early. */
#define GOLEAK_GLK_TABLES_FULL ((size_t)1 << 20)

struct goleak_glk_note {
    size_t at;           /* the event before which it comes, in the block */
    uint32_t from, size; /* in note_bytes: the item's, behind the event number */
    uint8_t item;
};

/* Ids of the symbols to numbers of the tables, 0: not told yet. */
struct goleak_glk_numbers {
    uint32_t *of;
    size_t capacity;
    uint32_t count; /* told since the tables began, from 1 */
};

struct goleak_glk_source {
    const struct goleak_symbols *symbols;
    struct goleak_symbols own;
    char *name, *format, *form;
    uint32_t pid;
    bool messages, format_told;
    bool in_order, relative;
    struct goleak_event *events; /* GOLEAK_GLK_BLOCK_EVENTS */
    size_t count;
    struct goleak_glk_note *notes;
    size_t note_count, note_capacity;
    struct goleak_buf note_bytes;
    /* Since the tables began. */
    bool began;
    unsigned unfolded; /* blocks since places in the recording went into shapes */
    uint64_t since;    /* events */
    uint64_t began_at; /* the block's number */
    struct goleak_glk_numbers strings, frames, stacks;
    uint32_t own_frames_told;
    uint32_t *frames_told;          /* up to this id, ever, by any source of these symbols */
    struct goleak_idmap slots;      /* address to slot + 1 */
    struct goleak_glk_known *known; /* by slot */
    size_t known_capacity;
    size_t mentions, repeated;  /* of slots in the last block; within REACH events of another */
    struct goleak_counters counters; /* as the last block has left them, if any has some */
    bool counted;
    struct goleak_idmap places; /* hashed, see put_place */
    uint8_t *texts;             /* by string of the symbols: 0 not looked at, else 1 + goleak_glk_texts */
    size_t text_capacity;
    uint64_t total, facts_events, notes_told, bytes;
    bool has_facts;
    uint32_t candidates; /* of the Go version, as last told; 0: never */
    size_t generations;  /* that were told */
    bool all_told;
};

struct goleak_glk_indexed {
    uint64_t offset, events, span_ns;
    int64_t first_ns;
    uint32_t source;
};

/* What is known of a slot. */
struct goleak_glk_known {
    uint64_t goid;
    uint64_t seen; /* the last event of its own, since the tables began, from 1 */
};

/* A slot's goid before it was changed. */
struct goleak_glk_undo {
    uint64_t goid;
    uint32_t slot;
};

struct goleak_writer {
    struct goleak_alloc alloc;
    goleak_write_fn *write;
    void *context;
    int level;
    struct goleak_glk_source *sources;
    size_t source_count;
    struct goleak_error failure; /* sticks */
    bool began, finished;
    uint64_t offset, number;
    struct goleak_glk_indexed *index;
    size_t index_count, index_capacity;
    struct goleak_glk_packing *packing; /* blocks that are made, and not written yet */
    /* For the block being made. */
    struct goleak_buf tables, columns, head;
    struct goleak_buf new_strings, new_frames, new_stacks, new_places;
    uint32_t old_strings, old_frames; /* numbers that were given before */
    uint64_t *new_slots;
    size_t new_slot_count, new_slot_capacity;
    struct goleak_intern shapes;
    uint32_t *shape_of; /* by event */
    uint64_t *values[GOLEAK_GLK_FIELDS];
    size_t value_count[GOLEAK_GLK_FIELDS];
    uint64_t *deltas;
    struct goleak_glk_undo *undo; /* two an event */
    size_t undo_count;
};

/* False, for those who return it; the first failure sticks. */
bool goleak_writer_fail_memory(struct goleak_writer *writer);

/* ---- glk_numbers.c ------------------------------------------------------- */

/* All false: memory. 0 stays 0, and so does an id that the symbols do not have (a caller's
 * mistake). */
bool goleak_glk_string_number(struct goleak_writer *writer, struct goleak_glk_source *source, uint32_t id,
                              uint32_t *out);
bool goleak_glk_stack_number(struct goleak_writer *writer, struct goleak_glk_source *source, uint32_t id,
                             uint32_t *out);
bool goleak_glk_slot_of(struct goleak_writer *writer, struct goleak_glk_source *source, uint64_t g, uint32_t *slot);
/* An address that the symbols have a name for: told, for a reader without the executable. */
bool goleak_glk_put_place(struct goleak_writer *writer, struct goleak_glk_source *source, uint64_t address,
                          bool after_call);
void goleak_glk_begin_tables(struct goleak_glk_source *source);
void goleak_glk_put_text(struct goleak_buf *out, const char *text);
/* No more goes into the block's tables, but what the event at hand needs. */
bool goleak_glk_is_full(const struct goleak_writer *writer, const struct goleak_glk_source *source);

/* ---- glk_gather.c -------------------------------------------------------- */

/* Columns of events [from, ...), as many as the tables have room for; 0: failed. Whether
 * the places in the recording go into the shapes is tried, and taken back where that
 * makes too many of them: then *again is true, the tables have what they need, and the
 * goids are to be undone. */
size_t goleak_glk_gather(struct goleak_writer *writer, struct goleak_glk_source *source, size_t from, size_t to,
                         bool fold, bool *again);
void goleak_glk_undo_goids(struct goleak_writer *writer, struct goleak_glk_source *source);
void goleak_glk_put_shapes(struct goleak_writer *writer, size_t events);
void goleak_glk_put_columns(struct goleak_writer *writer);

/* ---- glk_blocks.c -------------------------------------------------------- */

/* What is kept of a source goes out; `cut`: a batch ends there. */
bool goleak_writer_flush_source(struct goleak_writer *writer, struct goleak_glk_source *source, bool cut);
bool goleak_writer_put_end(struct goleak_writer *writer);

/* ---- glk_pack.c ---------------------------------------------------------- */

/* All false: the failure is the writer's. */
bool goleak_glk_packing_new(struct goleak_writer *writer);
void goleak_glk_packing_free(struct goleak_writer *writer);
/* The block in `tables` and `columns`, which are another one's then. */
bool goleak_glk_put_block(struct goleak_writer *writer, struct goleak_glk_head *head);
/* All blocks. */
bool goleak_glk_write_all(struct goleak_writer *writer);
bool goleak_glk_write_bytes(struct goleak_writer *writer, const void *bytes, size_t size);

#endif
