/*
 * section - a part of a recording in lines that a reader takes by itself.
 *
 * Where sections begin the recording alone decides (lines.h), and no stack is looked for
 * across that. What else goes from one section to the next is little: so each may be read
 * by any reader that has read the first one. What it tells is entered into the reader that
 * reads the recording from its start, as if that one had read it.
 *
 *      the first   ─> every reader: how lines look, what the header says
 *      any other   ─> one reader  ─> events, and a goleak_section
 *      the last, and one whose meaning depends on those before ─> the reader of the whole
 */
#ifndef GOLEAK_FORMAT_SECTION_H
#define GOLEAK_FORMAT_SECTION_H

#include "format/textual.h"

struct goleak_section {
    uint64_t bytes, lines;
    uint64_t events, notes, lost, recorder_events;
    uint32_t seen, forms;
    bool has_stacks;
    int64_t last_ns;
    int32_t last_count, last_blocked_count; /* INT32_MIN: none */
    uint32_t last_keys[GOLEAK_EVENT_KIND_COUNT];
    struct goleak_spawn spawns[GOLEAK_SPAWNS]; /* of threads in `spawned`; stacks by its reader's numbers */
    uint64_t spawned[GOLEAK_SPAWNS / 64];
    /* What is known of places of go statements is a guess before the section is at hand: it was
     * right if what was asked for is what is known then. */
    struct goleak_go_place guessed[GOLEAK_SPAWNS], places[GOLEAK_SPAWNS];
    uint64_t asked[GOLEAK_SPAWNS / 64], placed[GOLEAK_SPAWNS / 64];
    struct goleak_buf unjoined; /* struct goleak_unjoined; whose this is has initialised it */
};

/* Can another reader take the section that begins behind what this one was fed? */
bool goleak_section_may_begin(const struct goleak_format *format, struct goleak_reader *reader);
/* What the reader is fed next is a section; `out` has its guess. */
enum goleak_status goleak_section_begin(const struct goleak_format *format, struct goleak_reader *reader,
                                        const struct goleak_section *out);
/* That was all of it. *sure: it means the same whatever was before it. */
enum goleak_status goleak_section_end(const struct goleak_format *format, struct goleak_reader *reader,
                                      struct goleak_section *out, bool *sure);

/* What a reader knows, for a guess: GOLEAK_SPAWNS of them, its own. */
const struct goleak_go_place *goleak_section_places(const struct goleak_format *format, struct goleak_reader *reader);
/* Does the reader of the whole know what the section was read with? */
bool goleak_section_fits(const struct goleak_format *format, struct goleak_reader *reader,
                         const struct goleak_section *section);

/* The reader of the whole stands where a section begins that another one has read: its last
 * events go out. Then each batch of the section is joined with what is before it, and goes out
 * itself; *at, 0 at first, counts on. At last the reader is told of the section. Stacks have
 * this reader's numbers by then. */
enum goleak_status goleak_section_skip(const struct goleak_format *format, struct goleak_reader *reader);
void goleak_section_join(const struct goleak_format *format, struct goleak_reader *reader,
                         const struct goleak_section *section, size_t index, struct goleak_batch *batch, size_t *at);
void goleak_section_told(const struct goleak_format *format, struct goleak_reader *reader,
                         const struct goleak_section *section);
/* Lines so far. */
uint64_t goleak_section_lines(const struct goleak_format *format, struct goleak_reader *reader);

/* The kinds of events that had stacks in the first section, for a search. */
uint32_t goleak_section_awaits(const struct goleak_format *format, struct goleak_reader *reader);

struct goleak_section_search {
    struct goleak_seam seam;
    size_t at; /* so far; 0: not begun */
};

/* Where the first section behind the one that begins at `offset` does, in these bytes from
 * `offset` on. 0: not in them, and the search goes on when there are more. */
size_t goleak_section_find(struct goleak_section_search *search, const struct goleak_format *format, const char *bytes,
                           size_t size, uint64_t offset);

#endif
