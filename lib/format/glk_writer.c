/*
 * glk_writer - our own format, written: see glk_layout.h for the bytes, goleak.h for use.
 *
 * Events are kept until a block of them is full. What a block mentions for the first
 * time (an address of g, a string, a stack) is told in that block's tables under the
 * next number; from time to time the tables begin anew, so that a reader who lost some
 * block has lost no more than that stretch.
 */
#include "format/glk_writer.h"

#include "base/error.h"
#include "base/idmap.h"
#include "base/xxh64.h"
#include "format/glk_column.h"
#include "format/glk_layout.h"

#include <stdio.h>
#include <string.h>
#include <zstd.h>

/* Tables of this size end a block early. */
#define TABLES_FULL ((size_t)1 << 20)
/* The tables begin anew after so many events, or so many for each address, if that is more. */
#define FRESH_EVENTS ((uint64_t)1 << 20)
#define FRESH_EVENTS_A_SLOT 16
/* Places in the recording that are remembered, to tell the next one from. */
#define LANES 32
#define NEAR 4096
/* So far back an event refers to another's slot. */
#define REACH 255
/* Where they made too many shapes, the next blocks do not try; then one does. */
#define TRY_AGAIN 16
/* Sections below this are not worth packing; those below the other are packed as tightly as
 * can be, where the caller does not ask for speed: it takes no time. */
#define PACK_LEAST 48
#define PACK_SMALL ((size_t)32 << 10)

struct note {
    size_t at; /* the event before which it comes, in the block */
    uint32_t from, size; /* in note_bytes: the item's, behind the event number */
    uint8_t item;
};

/* Ids of the symbols to numbers of the tables, 0: not told yet. */
struct numbers {
    uint32_t *of;
    size_t capacity;
    uint32_t count; /* told since the tables began, from 1 */
};

struct source {
    const struct goleak_symbols *symbols;
    struct goleak_symbols own;
    char *name, *format, *form;
    uint32_t pid;
    bool messages, format_told;
    bool in_order, relative, partial; /* partial: the last batch was not full */
    struct goleak_event *events; /* GOLEAK_GLK_BLOCK_EVENTS */
    size_t count;
    struct note *notes;
    size_t note_count, note_capacity;
    struct goleak_buf note_bytes;
    /* Since the tables began. */
    bool began;
    unsigned unfolded; /* blocks since places in the recording went into shapes */
    uint64_t since; /* events */
    struct numbers strings, frames, stacks;
    uint32_t frames_told;      /* up to this id, ever */
    struct goleak_idmap slots; /* address to slot + 1 */
    struct known *known;       /* by slot */
    size_t known_capacity;
    size_t mentions, repeated; /* of slots in the last block; within REACH events of another */
    struct goleak_idmap places; /* hashed, see put_place */
    uint8_t *texts; /* by string of the symbols: 0 not looked at, else 1 + goleak_glk_texts */
    size_t text_capacity;
    uint64_t total, facts_events, notes_told, bytes;
    bool has_facts;
    uint32_t candidates; /* of the Go version, as last told; 0: never */
};

struct indexed {
    uint64_t offset, events, span_ns;
    int64_t first_ns;
    uint32_t source;
};

/* An event's first bytes, and what of it needs no column. */
struct shape {
    uint8_t kind, flags, reason, wait, status, depth;
    int8_t count, blocked; /* more than the event before printed */
    uint32_t has, fields;
    uint32_t position;
};

/* What is known of a slot. */
struct known {
    uint64_t goid;
    uint64_t seen; /* the last event of its own, since the tables began, from 1 */
};

/* A slot's goid before it was changed. */
struct undo {
    uint64_t goid;
    uint32_t slot;
};

struct goleak_writer {
    struct goleak_alloc alloc;
    goleak_write_fn *write;
    void *context;
    int level;
    struct source *sources;
    size_t source_count;
    struct goleak_error failure; /* sticks */
    bool began, finished;
    uint64_t offset, number;
    struct indexed *index;
    size_t index_count, index_capacity;
    ZSTD_CCtx *zstd;
    /* For the block being made. */
    struct goleak_buf tables, columns, packed[2], head;
    struct goleak_buf new_strings, new_frames, new_stacks, new_places;
    uint64_t *new_slots;
    size_t new_slot_count, new_slot_capacity;
    struct goleak_intern shapes;
    uint32_t *shape_of; /* by event */
    uint64_t *values[GOLEAK_GLK_FIELDS];
    size_t value_count[GOLEAK_GLK_FIELDS];
    uint64_t *deltas;
    struct undo *undo; /* two an event */
    size_t undo_count;
};

/* ---- failures ---- */

static enum goleak_status copy_failure(const struct goleak_writer *writer, struct goleak_error *error)
{
    if (error != NULL)
        *error = writer->failure;
    return writer->failure.status;
}

static bool fail_memory(struct goleak_writer *writer)
{
    if (writer->failure.status == GOLEAK_OK)
        goleak_error_alloc(&writer->failure, &writer->alloc);
    return false;
}

static enum goleak_status usage(struct goleak_writer *writer, struct goleak_error *error, const char *sentence)
{
    (void)writer;
    return goleak_error_set(error, GOLEAK_E_USAGE, "%s", sentence);
}

/* Of a call for this source: GOLEAK_OK, or why it cannot be. */
static enum goleak_status check(struct goleak_writer *writer, size_t source, struct goleak_error *error)
{
    if (writer->failure.status != GOLEAK_OK)
        return copy_failure(writer, error);
    if (writer->finished)
        return usage(writer, error, "the writer is finished and takes nothing more");
    if (source >= writer->source_count)
        return usage(writer, error, "there is no such source: goleak_writer_new got fewer");
    return GOLEAK_OK;
}

/* ---- bytes out ---- */

static bool write_bytes(struct goleak_writer *writer, const void *bytes, size_t size)
{
    if (size == 0)
        return true;
    if (!writer->write(writer->context, bytes, size)) {
        goleak_error_set(&writer->failure, GOLEAK_E_IO, "the output took no more bytes");
        return false;
    }
    writer->offset += size;
    return true;
}

/* The section as it goes out: packed where that is smaller. */
static bool pack(struct goleak_writer *writer, const struct goleak_buf *plain, struct goleak_buf *packed,
                 const struct goleak_buf **out)
{
    *out = plain;
    if (writer->level == 0 || plain->size < PACK_LEAST)
        return true;
    bool tightly = plain->size < PACK_SMALL && writer->level >= GOLEAK_WRITER_LEVEL;
    packed->size = 0;
    if (!goleak_buf_reserve(packed, ZSTD_compressBound(plain->size)))
        return fail_memory(writer);
    size_t size = ZSTD_compressCCtx(writer->zstd, packed->data, packed->capacity, plain->data, plain->size,
                                    tightly ? GOLEAK_GLK_LEVEL_MAX : writer->level);
    if (ZSTD_isError(size))
        return fail_memory(writer); /* the only thing that it lacks */
    packed->size = size;
    if (size < plain->size)
        *out = packed;
    return true;
}

static bool put_block(struct goleak_writer *writer, struct goleak_glk_head *head)
{
    const struct goleak_buf *tables, *columns;
    if (writer->tables.failed || writer->columns.failed || !pack(writer, &writer->tables, &writer->packed[0], &tables) ||
        !pack(writer, &writer->columns, &writer->packed[1], &columns))
        return fail_memory(writer);
    head->number = writer->number++;
    head->tables_packed = tables->size;
    head->tables_plain = writer->tables.size;
    head->tables_sum = (uint32_t)goleak_xxh64(tables->data, tables->size);
    head->columns_packed = columns->size;
    head->columns_plain = writer->columns.size;
    head->columns_sum = (uint32_t)goleak_xxh64(columns->data, columns->size);
    writer->head.size = 0;
    goleak_glk_head_put(&writer->head, head);
    if (writer->head.failed)
        return fail_memory(writer);
    return write_bytes(writer, writer->head.data, writer->head.size) &&
           write_bytes(writer, tables->data, tables->size) && write_bytes(writer, columns->data, columns->size);
}

static void begin_block(struct goleak_writer *writer)
{
    struct goleak_buf *const bufs[] = { &writer->tables,     &writer->columns,    &writer->new_strings,
                                        &writer->new_frames, &writer->new_stacks, &writer->new_places };
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        bufs[i]->size = 0;
    writer->new_slot_count = 0;
}

/* An item of the tables. */
static void put_item(struct goleak_writer *writer, enum goleak_glk_item id, const void *bytes, size_t size)
{
    goleak_buf_char(&writer->tables, (char)id);
    goleak_glk_put_number(&writer->tables, size);
    goleak_buf_append(&writer->tables, bytes, size);
}

static void put_text(struct goleak_buf *out, const char *text)
{
    size_t size = text != NULL ? strlen(text) : 0;
    goleak_glk_put_number(out, size);
    goleak_buf_append(out, text, size);
}

/* ---- the tables ---- */

static bool has_number(const struct numbers *numbers, uint32_t id)
{
    return id < numbers->capacity && numbers->of[id] != 0;
}

/* The next number for an id. */
static bool give_number(struct goleak_writer *writer, struct numbers *numbers, uint32_t id, uint32_t *out)
{
    size_t before = numbers->capacity;
    if (!goleak_grow(&writer->alloc, &numbers->of, &numbers->capacity, (size_t)id + 1, sizeof *numbers->of))
        return fail_memory(writer);
    memset(numbers->of + before, 0, (numbers->capacity - before) * sizeof *numbers->of);
    *out = numbers->of[id] = ++numbers->count;
    return true;
}

static void forget_numbers(struct numbers *numbers)
{
    if (numbers->of != NULL)
        memset(numbers->of, 0, numbers->capacity * sizeof *numbers->of);
    numbers->count = 0;
}

/* 0 stays 0. An id that the symbols do not have (a caller's mistake) is 0, too. */
static bool string_number(struct goleak_writer *writer, struct source *source, uint32_t id, uint32_t *out)
{
    size_t size;
    *out = 0;
    if (id == 0 || id > source->symbols->strings.count)
        return true;
    if (has_number(&source->strings, id)) {
        *out = source->strings.of[id];
        return true;
    }
    const char *text = goleak_intern_get(&source->symbols->strings, id, &size);
    goleak_glk_put_number(&writer->new_strings, size);
    goleak_buf_append(&writer->new_strings, text, size);
    return give_number(writer, &source->strings, id, out);
}

static bool tell_frame(struct goleak_writer *writer, struct source *source, uint32_t id, uint32_t *out)
{
    size_t size, function_size;
    const char *text = goleak_intern_get(&source->symbols->frames, id, &size);
    uint32_t function = source->symbols->frame_info[id - 1].function, string;
    const char *name = goleak_intern_get(&source->symbols->strings, function, &function_size);
    if (function_size > size || memcmp(text, name, function_size) != 0)
        function = 0, function_size = 0;
    if (!string_number(writer, source, function, &string))
        return false;
    goleak_glk_put_number(&writer->new_frames, string);
    goleak_glk_put_number(&writer->new_frames, size - function_size);
    goleak_buf_append(&writer->new_frames, text + function_size, size - function_size);
    return give_number(writer, &source->frames, id, out);
}

/* Where all else is equal, reports go by what was met first: so frames are told in that
 * order, those too that no event of the block has. */
static bool frame_number(struct goleak_writer *writer, struct source *source, uint32_t id, uint32_t *out)
{
    for (; source->frames_told < id; source->frames_told++)
        if (!has_number(&source->frames, source->frames_told + 1) &&
            !tell_frame(writer, source, source->frames_told + 1, out))
            return false;
    if (!has_number(&source->frames, id))
        return tell_frame(writer, source, id, out);
    *out = source->frames.of[id];
    return true;
}

static bool stack_number(struct goleak_writer *writer, struct source *source, uint32_t id, uint32_t *out)
{
    *out = 0;
    if (id == 0 || id > source->symbols->stacks.count)
        return true;
    if (has_number(&source->stacks, id)) {
        *out = source->stacks.of[id];
        return true;
    }
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(source->symbols, id, &frames);
    goleak_glk_put_number(&writer->new_stacks, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t frame;
        if (!frame_number(writer, source, frames[i], &frame))
            return false;
        goleak_glk_put_number(&writer->new_stacks, frame);
    }
    return give_number(writer, &source->stacks, id, out);
}

static bool slot_of(struct goleak_writer *writer, struct source *source, uint64_t g, uint32_t *slot)
{
    uint32_t known = goleak_idmap_get(&source->slots, g);
    if (known != 0) {
        *slot = known - 1;
        return true;
    }
    *slot = (uint32_t)source->slots.count;
    if (source->slots.count >= UINT32_MAX - 1 || !goleak_idmap_put(&source->slots, g, *slot + 1) ||
        !goleak_grow(&writer->alloc, &source->known, &source->known_capacity, (size_t)*slot + 1, sizeof *source->known) ||
        !goleak_grow(&writer->alloc, &writer->new_slots, &writer->new_slot_capacity, writer->new_slot_count + 1,
                     sizeof *writer->new_slots))
        return fail_memory(writer);
    source->known[*slot] = (struct known){ 0 };
    writer->new_slots[writer->new_slot_count++] = g;
    return true;
}

/* An address that the executable has a name for: told, for a reader without it. */
static bool put_place(struct goleak_writer *writer, struct source *source, uint64_t address, bool after_call)
{
    const struct goleak_resolver *resolver = source->symbols->resolver;
    struct goleak_place place;
    uint64_t key = address << 1 | after_call;
    if (resolver == NULL || address >> 63 != 0 || goleak_idmap_get(&source->places, key) != 0)
        return true;
    if (!goleak_idmap_put(&source->places, key, 1))
        return fail_memory(writer);
    if (!resolver->at(resolver->context, address, after_call, &place))
        return true;
    struct goleak_buf *out = &writer->new_places;
    goleak_glk_put_number(out, address);
    goleak_buf_char(out, after_call);
    put_text(out, place.function);
    put_text(out, place.file);
    goleak_glk_put_number(out, place.line);
    return true;
}

static void begin_tables(struct source *source)
{
    forget_numbers(&source->strings);
    forget_numbers(&source->frames);
    forget_numbers(&source->stacks);
    goleak_idmap_clear(&source->slots);
    goleak_idmap_clear(&source->places);
    source->since = 0;
    source->began = true;
}

/* What the tables had before this block: the number that the block's own begin with. */
struct firsts {
    uint32_t string, frame, stack;
    size_t slot;
};

static void put_list(struct goleak_writer *writer, enum goleak_glk_item id, uint64_t first, const struct goleak_buf *list)
{
    if (list->size == 0)
        return;
    writer->head.size = 0;
    goleak_glk_put_number(&writer->head, first);
    goleak_buf_append(&writer->head, list->data, list->size);
    writer->tables.failed = writer->tables.failed || list->failed || writer->head.failed;
    put_item(writer, id, writer->head.data, writer->head.size);
}

static void put_tables(struct goleak_writer *writer, const struct firsts *firsts)
{
    put_list(writer, GOLEAK_GLK_STRINGS, firsts->string, &writer->new_strings);
    put_list(writer, GOLEAK_GLK_FRAMES, firsts->frame, &writer->new_frames);
    put_list(writer, GOLEAK_GLK_STACKS, firsts->stack, &writer->new_stacks);
    if (writer->new_places.size != 0)
        put_item(writer, GOLEAK_GLK_PLACES, writer->new_places.data, writer->new_places.size);
    if (writer->new_slot_count == 0)
        return;
    struct goleak_buf *out = &writer->new_strings; /* has been used */
    out->size = 0;
    goleak_glk_put_number(out, firsts->slot);
    goleak_glk_column_put(out, writer->new_slots, writer->new_slot_count,
                          GOLEAK_GLK_MAY(GOLEAK_GLK_PLAIN) | GOLEAK_GLK_MAY(GOLEAK_GLK_DELTA), writer->deltas);
    writer->tables.failed = writer->tables.failed || out->failed;
    put_item(writer, GOLEAK_GLK_SLOTS, out->data, out->size);
}

static void put_notes(struct goleak_writer *writer, const struct source *source, size_t from, size_t to, bool all)
{
    for (size_t i = 0; i < source->note_count; i++) {
        const struct note *note = &source->notes[i];
        if (note->at < from || (note->at >= to && !all))
            continue;
        writer->head.size = 0;
        goleak_glk_put_number(&writer->head, note->at - from);
        goleak_buf_append(&writer->head, source->note_bytes.data + note->from, note->size);
        put_item(writer, (enum goleak_glk_item)note->item, writer->head.data, writer->head.size);
    }
}

/* ---- the columns ---- */

/* What goes on from event to event. */
struct going {
    int64_t count, blocked;
    uint64_t position;
    bool fold; /* small steps of the position go into the shapes */
    uint64_t lanes[LANES];
    unsigned lane_count, next_lane;
    uint64_t first, event; /* since the tables began, from 1; first: the one before the block's first */
    bool refer;            /* to slots of events before */
    size_t mentions, repeated;
};

static void add_value(struct goleak_writer *writer, struct shape *shape, enum goleak_glk_field field, uint64_t value)
{
    writer->values[field][writer->value_count[field]++] = value;
    shape->fields |= GOLEAK_GLK_BIT(field);
}

/* A counter that moves by one needs no value of its own. */
static void add_counter(struct goleak_writer *writer, struct shape *shape, enum goleak_glk_field field, int32_t value,
                        int64_t *before, int8_t *step)
{
    int64_t more = value - *before;
    *before = value;
    *step = 0;
    if (more >= -2 && more <= 2)
        *step = (int8_t)more;
    else
        add_value(writer, shape, field, (uint64_t)(int64_t)value);
}

/* The lane whose last place is a little before this one; else the one used for longest. */
static unsigned find_lane(struct going *going, uint64_t position)
{
    for (unsigned i = 0; i < going->lane_count; i++)
        if (position - going->lanes[i] < NEAR)
            return i;
    if (going->lane_count < LANES)
        return going->lane_count++;
    going->next_lane = going->next_lane + 1 < LANES ? going->next_lane + 1 : 1;
    return going->next_lane;
}

static void add_position(struct goleak_writer *writer, struct shape *shape, struct going *going, uint64_t position)
{
    uint64_t more = position - going->lanes[0];
    if (going->fold && more < 256) {
        shape->position = (uint32_t)more;
        going->lanes[0] = position;
        return;
    }
    unsigned lane = going->fold ? 0 : find_lane(going, position);
    add_value(writer, shape, GOLEAK_GLK_LANE, lane);
    add_value(writer, shape, GOLEAK_GLK_POSITION, position - going->lanes[lane]);
    going->lanes[lane] = position;
}

static bool carries_name(uint8_t kind)
{
    switch (kind) {
    case GOLEAK_EVENT_CALL:
    case GOLEAK_EVENT_RETURN:
    case GOLEAK_EVENT_OBJECT:
    case GOLEAK_EVENT_GC:
    case GOLEAK_EVENT_ALLOC:
    case GOLEAK_EVENT_YIELD:
    case GOLEAK_EVENT_RUNTIME:
    case GOLEAK_EVENT_OTHER: return true;
    default: return false;
    }
}

/* Which of a RUNTIME event's arguments are texts. */
static bool texts_of(struct goleak_writer *writer, struct source *source, uint32_t name, unsigned *texts)
{
    size_t before = source->text_capacity;
    if (!goleak_grow(&writer->alloc, &source->texts, &source->text_capacity, (size_t)name + 1, 1))
        return fail_memory(writer);
    memset(source->texts + before, 0, source->text_capacity - before);
    if (source->texts[name] == 0)
        source->texts[name] = (uint8_t)(1 + goleak_glk_texts(goleak_symbols_text(source->symbols, name)));
    *texts = source->texts[name] - 1u;
    return true;
}

static bool add_objects(struct goleak_writer *writer, struct source *source, const struct goleak_event *event,
                        struct shape *shape)
{
    const uint32_t tell[3] = { GOLEAK_HAS_LOCK | GOLEAK_HAS_STACK_BOUNDS, GOLEAK_HAS_CHAN | GOLEAK_HAS_STACK_BOUNDS,
                               GOLEAK_HAS_ELEM | GOLEAK_HAS_WAITSINCE };
    const uint64_t values[3] = { event->lock, event->chan, event->elem };
    unsigned texts = 0;
    if (event->kind == GOLEAK_EVENT_RUNTIME && event->name <= source->symbols->strings.count &&
        !texts_of(writer, source, event->name, &texts))
        return false;
    for (unsigned i = 0; i < 3; i++) {
        uint32_t string = 0;
        if ((event->has & tell[i]) == 0)
            continue;
        bool text = (texts >> i & 1) != 0;
        if (text && values[i] <= UINT32_MAX && !string_number(writer, source, (uint32_t)values[i], &string))
            return false;
        add_value(writer, shape, (enum goleak_glk_field)(GOLEAK_GLK_LOCK + i), text ? string : values[i]);
        shape->fields |= text ? GOLEAK_GLK_TEXT_LOCK << i : 0;
    }
    return true;
}

/* A goid that is the slot's last one is not told again. */
static void add_goid(struct goleak_writer *writer, struct source *source, struct shape *shape, bool other,
                     uint64_t goid, const uint32_t *slot)
{
    enum goleak_glk_field field = other ? GOLEAK_GLK_OTHER_GOID : GOLEAK_GLK_GOID;
    if (slot != NULL && goid != 0 && source->known[*slot].goid == goid) {
        shape->fields |= other ? GOLEAK_GLK_KNOWS_OTHER_GOID : GOLEAK_GLK_KNOWS_GOID;
        return;
    }
    add_value(writer, shape, field, goid);
    if (slot == NULL)
        return;
    writer->undo[writer->undo_count++] = (struct undo){ source->known[*slot].goid, *slot };
    source->known[*slot].goid = goid;
}

/* A slot, or how far back its own last event is. */
static void add_slot(struct goleak_writer *writer, struct source *source, struct shape *shape, struct going *going,
                     bool other, uint32_t slot)
{
    uint64_t seen = source->known[slot].seen;
    bool near = seen > going->first && seen < going->event && going->event - seen <= REACH;
    going->mentions++;
    going->repeated += near;
    if (near && going->refer)
        add_value(writer, shape, other ? GOLEAK_GLK_OTHER_BACK : GOLEAK_GLK_BACK, going->event - seen);
    else
        add_value(writer, shape, other ? GOLEAK_GLK_OTHER_G : GOLEAK_GLK_G, slot);
}

static bool add_goroutines(struct goleak_writer *writer, struct source *source, const struct goleak_event *event,
                           struct shape *shape, struct going *going)
{
    uint32_t slot, other;
    bool has_g = (event->has & GOLEAK_HAS_G) != 0, has_other = (event->has & GOLEAK_HAS_OTHER) != 0;
    if (has_g) {
        if (!slot_of(writer, source, event->g, &slot))
            return false;
        add_slot(writer, source, shape, going, false, slot);
    }
    if (has_other) {
        if (!slot_of(writer, source, event->other_g, &other))
            return false;
        add_slot(writer, source, shape, going, true, other);
    }
    if (has_g)
        source->known[slot].seen = going->event;
    if (event->has & GOLEAK_HAS_GOID)
        add_goid(writer, source, shape, false, event->goid, has_g ? &slot : NULL);
    if (event->has & GOLEAK_HAS_OTHER_GOID)
        add_goid(writer, source, shape, true, event->other_goid, has_other ? &other : NULL);
    return true;
}

static bool add_places(struct goleak_writer *writer, struct source *source, const struct goleak_event *event,
                       struct shape *shape)
{
    uint32_t number;
    if (event->has & GOLEAK_HAS_STACK) {
        if (!stack_number(writer, source, event->stack, &number))
            return false;
        add_value(writer, shape, GOLEAK_GLK_STACK, number);
    }
    if (event->has & GOLEAK_HAS_START || carries_name(event->kind)) {
        if (!string_number(writer, source, event->name, &number))
            return false;
        add_value(writer, shape, GOLEAK_GLK_NAME, number);
    }
    if (event->has & GOLEAK_HAS_GOPC) {
        add_value(writer, shape, GOLEAK_GLK_GOPC, event->gopc);
        if (!put_place(writer, source, event->gopc, true))
            return false;
    }
    if (event->has & GOLEAK_HAS_STARTPC) {
        add_value(writer, shape, GOLEAK_GLK_STARTPC, event->startpc);
        if (!put_place(writer, source, event->startpc, false))
            return false;
    }
    return true;
}

#define KNOWN_HAS ((GOLEAK_HAS_STATUS << 1) - 1)

static bool add_event(struct goleak_writer *writer, struct source *source, const struct goleak_event *event,
                      struct going *going, uint32_t *number)
{
    struct shape shape;
    uint32_t has = event->has & KNOWN_HAS;
    memset(&shape, 0, sizeof shape); /* it is compared as bytes */
    shape.kind = event->kind;
    shape.flags = event->flags;
    shape.reason = has & GOLEAK_HAS_REASON ? event->reason : 0;
    shape.wait = has & GOLEAK_HAS_WAIT ? event->wait_reason : 0;
    shape.status = has & GOLEAK_HAS_STATUS ? event->status : 0;
    shape.depth = event->kind == GOLEAK_EVENT_CALL || event->kind == GOLEAK_EVENT_RETURN ? event->depth : 0;
    shape.has = has;
    if (!add_goroutines(writer, source, event, &shape, going) || !add_places(writer, source, event, &shape) ||
        !add_objects(writer, source, event, &shape))
        return false;
    if (has & GOLEAK_HAS_TIME)
        add_value(writer, &shape, GOLEAK_GLK_TIME, (uint64_t)event->time_ns);
    if (has & GOLEAK_HAS_COUNT || event->kind == GOLEAK_EVENT_LOST)
        add_counter(writer, &shape, GOLEAK_GLK_COUNT, event->count, &going->count, &shape.count);
    if (has & GOLEAK_HAS_BLOCKED_COUNT)
        add_counter(writer, &shape, GOLEAK_GLK_BLOCKED, event->blocked_count, &going->blocked, &shape.blocked);
    add_position(writer, &shape, going, event->position);
    if (has & GOLEAK_HAS_CPU)
        add_value(writer, &shape, GOLEAK_GLK_CPU, event->cpu);
    if (has & GOLEAK_HAS_TID)
        add_value(writer, &shape, GOLEAK_GLK_TID, event->tid);
    if (has & GOLEAK_HAS_PID)
        add_value(writer, &shape, GOLEAK_GLK_PID, event->pid);
    *number = goleak_intern_add(&writer->shapes, &shape, sizeof shape);
    return *number != 0 || fail_memory(writer);
}

static void put_shapes(struct goleak_writer *writer, size_t events)
{
    struct goleak_buf *out = &writer->columns;
    goleak_glk_put_number(out, writer->shapes.count);
    for (uint32_t id = 1; id <= writer->shapes.count; id++) {
        struct shape shape;
        memcpy(&shape, goleak_intern_get(&writer->shapes, id, NULL), sizeof shape);
        const uint8_t bytes[] = { shape.kind, shape.flags, shape.reason, shape.wait, shape.status, shape.depth };
        goleak_buf_append(out, bytes, sizeof bytes);
        goleak_glk_put_number(out, shape.has);
        goleak_glk_put_number(out, shape.fields);
        goleak_glk_put_signed(out, shape.count);
        goleak_glk_put_signed(out, shape.blocked);
        goleak_glk_put_number(out, shape.position);
    }
    for (unsigned shift = 0; shift == 0 || (shift == 8 && writer->shapes.count > 256); shift += 8)
        for (size_t i = 0; i < events; i++)
            goleak_buf_char(out, (char)((writer->shape_of[i] - 1) >> shift));
}

static unsigned codings_of(enum goleak_glk_field field)
{
    const unsigned plain = GOLEAK_GLK_MAY(GOLEAK_GLK_PLAIN), delta = GOLEAK_GLK_MAY(GOLEAK_GLK_DELTA);
    switch (field) {
    case GOLEAK_GLK_TIME: return delta;
    case GOLEAK_GLK_GOID:
    case GOLEAK_GLK_OTHER_GOID: return plain | delta;
    case GOLEAK_GLK_G:
    case GOLEAK_GLK_OTHER_G:
    case GOLEAK_GLK_STACK:
    case GOLEAK_GLK_NAME:
    case GOLEAK_GLK_BACK:
    case GOLEAK_GLK_OTHER_BACK:
    case GOLEAK_GLK_LANE:
    case GOLEAK_GLK_POSITION: return plain;
    default: return plain | GOLEAK_GLK_MAY(GOLEAK_GLK_DICTIONARY);
    }
}

static void put_columns(struct goleak_writer *writer)
{
    for (int field = 0; field < GOLEAK_GLK_FIELDS; field++) {
        if (writer->value_count[field] == 0)
            continue;
        goleak_buf_char(&writer->columns, (char)field);
        goleak_glk_column_put(&writer->columns, writer->values[field], writer->value_count[field],
                              codings_of((enum goleak_glk_field)field), writer->deltas);
    }
}

/* ---- blocks ---- */

static size_t new_bytes(const struct goleak_writer *writer)
{
    return writer->new_strings.size + writer->new_frames.size + writer->new_stacks.size + writer->new_places.size;
}

static int32_t first_count(const struct goleak_event *events, size_t count)
{
    size_t i = 0;
    while (i < count && (events[i].has & GOLEAK_HAS_COUNT) == 0)
        i++;
    return i < count ? events[i].count : 0;
}

static int32_t first_blocked(const struct goleak_event *events, size_t count)
{
    size_t i = 0;
    while (i < count && (events[i].has & GOLEAK_HAS_BLOCKED_COUNT) == 0)
        i++;
    return i < count ? events[i].blocked_count : 0;
}

/* Columns of events [from, ...), as many as the tables have room for; 0: failed. Whether
 * the places in the recording go into the shapes is tried, and taken back where that
 * makes too many of them: then `again` is true, and the tables have what they need. */
static size_t add_events(struct goleak_writer *writer, struct source *source, size_t from, size_t to, bool fold,
                         bool *again)
{
    const struct goleak_event *events = source->events;
    struct going going = { .fold = fold, .lane_count = 1 };
    size_t count = 0;
    uint32_t frames = source->frames.count;
    *again = false;
    memset(writer->value_count, 0, sizeof writer->value_count);
    writer->undo_count = 0;
    goleak_intern_release(&writer->shapes);
    goleak_intern_init(&writer->shapes, &writer->alloc);
    going.lanes[0] = events[from].position;
    going.count = first_count(events + from, to - from);
    going.blocked = first_blocked(events + from, to - from);
    goleak_glk_put_number(&writer->columns, going.lanes[0]);
    goleak_glk_put_signed(&writer->columns, going.count);
    goleak_glk_put_signed(&writer->columns, going.blocked);
    going.first = going.event = source->since;
    going.refer = source->repeated * 2 >= source->mentions; /* else it is not worth the reader's time */
    for (size_t i = from; i < to; i++) {
        going.event++;
        if (!add_event(writer, source, &events[i], &going, &writer->shape_of[count]))
            return 0;
        count++;
        if (fold && writer->shapes.count > 256) {
            *again = true;
            return count;
        }
        if (new_bytes(writer) > TABLES_FULL || source->frames.count - frames > GOLEAK_GLK_NEW_MAX / 2)
            break;
    }
    source->mentions = going.mentions;
    source->repeated = going.repeated;
    return count;
}

static void note_times(const struct goleak_event *events, size_t count, struct goleak_glk_head *head)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if ((events[i].has & GOLEAK_HAS_TIME) == 0)
            continue;
        any = true;
        first = events[i].time_ns < first ? events[i].time_ns : first;
        last = events[i].time_ns > last ? events[i].time_ns : last;
    }
    head->first_ns = any ? first : INT64_MIN;
    head->span_ns = any ? (uint64_t)last - (uint64_t)first : 0;
}

static bool note_index(struct goleak_writer *writer, const struct goleak_glk_head *head, uint64_t offset)
{
    if (!goleak_grow(&writer->alloc, &writer->index, &writer->index_capacity, writer->index_count + 1,
                     sizeof *writer->index))
        return fail_memory(writer);
    writer->index[writer->index_count++] = (struct indexed){
        .offset = offset,
        .events = head->events,
        .span_ns = head->span_ns,
        .first_ns = head->first_ns,
        .source = (uint32_t)head->source,
    };
    return true;
}

/* The goids that a try has left behind would make the next one leave them out. */
static void undo_goids(struct goleak_writer *writer, struct source *source)
{
    while (writer->undo_count != 0) {
        const struct undo *undo = &writer->undo[--writer->undo_count];
        source->known[undo->slot].goid = undo->goid;
    }
}

/* One block of events [*from, ...). */
static bool put_events(struct goleak_writer *writer, struct source *source, size_t *from, bool cut)
{
    const struct firsts firsts = { source->strings.count, source->frames.count, source->stacks.count,
                                   source->slots.count };
    size_t count = 0, to = source->count;
    bool again = false;
    begin_block(writer);
    if (*from < to) {
        bool fold = source->unfolded % TRY_AGAIN == 0;
        count = add_events(writer, source, *from, to, fold, &again);
        source->unfolded = fold && !again ? 0 : source->unfolded + 1;
        if (again) {
            undo_goids(writer, source);
            writer->columns.size = 0;
            count = add_events(writer, source, *from, to, false, &again);
        }
        if (count == 0)
            return false;
        put_shapes(writer, count);
        put_columns(writer);
    }
    bool last = *from + count == to;
    struct goleak_glk_head head = { .kind = GOLEAK_GLK_EVENT_BLOCK, .events = count };
    head.source = (uint64_t)(source - writer->sources);
    head.flags = (uint8_t)((source->in_order ? GOLEAK_GLK_IN_ORDER : 0) | (cut && last ? GOLEAK_GLK_CUT : 0) |
                           (source->relative ? GOLEAK_GLK_RELATIVE : 0) | (source->since == 0 ? GOLEAK_GLK_FRESH : 0));
    put_tables(writer, &firsts);
    put_notes(writer, source, *from, *from + count, last);
    note_times(source->events + *from, count, &head);
    source->since += count + (count == 0); /* the tables are not fresh any more */
    *from += count;
    uint64_t offset = writer->offset;
    return put_block(writer, &head) && (count == 0 || note_index(writer, &head, offset));
}

static void put_source(struct goleak_writer *writer, struct source *source)
{
    struct goleak_buf *out = &writer->new_strings;
    source->format_told = source->format[0] != '\0';
    out->size = 0;
    goleak_glk_put_number(out, source->messages ? GOLEAK_GLK_MESSAGES : 0);
    goleak_glk_put_number(out, source->pid);
    put_text(out, source->name);
    put_text(out, source->format);
    put_item(writer, GOLEAK_GLK_SOURCE, out->data, out->size);
}

/* Before the first block: by then most sources' formats are known. */
static bool put_beginning(struct goleak_writer *writer)
{
    static const char start[GOLEAK_GLK_FILE_HEAD] = GOLEAK_GLK_MAGIC "\x01\0\0";
    struct goleak_glk_head head = { .kind = GOLEAK_GLK_SOURCE_BLOCK, .first_ns = INT64_MIN };
    if (writer->began)
        return true;
    writer->began = true;
    if (!write_bytes(writer, start, sizeof start))
        return false;
    begin_block(writer);
    for (size_t i = 0; i < writer->source_count; i++)
        put_source(writer, &writer->sources[i]);
    return put_block(writer, &head);
}

static bool flush_source(struct goleak_writer *writer, struct source *source, bool cut)
{
    size_t from = 0;
    uint64_t enough = source->slots.count * FRESH_EVENTS_A_SLOT;
    if (source->count == 0 && source->note_count == 0 && !cut)
        return true;
    if (!put_beginning(writer))
        return false;
    if (!source->began || source->since >= (enough > FRESH_EVENTS ? enough : FRESH_EVENTS))
        begin_tables(source);
    do {
        if (!put_events(writer, source, &from, cut))
            return false;
    } while (from < source->count);
    source->total += source->count;
    source->count = source->note_count = 0;
    source->note_bytes.size = 0;
    return true;
}

static void put_facts(struct goleak_writer *writer, size_t index)
{
    struct goleak_buf *out = &writer->new_strings;
    const struct source *source = &writer->sources[index];
    out->size = 0;
    goleak_glk_put_number(out, index);
    goleak_glk_put_number(out, source->has_facts ? source->facts_events : source->total);
    goleak_glk_put_number(out, source->notes_told);
    goleak_glk_put_number(out, source->bytes);
    put_text(out, source->format_told ? "" : source->format);
    put_text(out, source->form);
    put_item(writer, GOLEAK_GLK_FACTS, out->data, out->size);
}

static void put_index(struct goleak_writer *writer)
{
    struct goleak_buf *out = &writer->new_strings;
    uint64_t before = 0;
    out->size = 0;
    for (size_t i = 0; i < writer->index_count && writer->tables.size < GOLEAK_GLK_SECTION_MAX / 2; i++) {
        const struct indexed *indexed = &writer->index[i];
        goleak_glk_put_number(out, indexed->offset - before);
        before = indexed->offset;
        goleak_glk_put_number(out, indexed->source);
        goleak_glk_put_number(out, indexed->events);
        goleak_glk_put_signed(out, indexed->first_ns != INT64_MIN ? indexed->first_ns : 0);
        goleak_glk_put_number(out, indexed->first_ns != INT64_MIN ? indexed->span_ns + 1 : 0);
        if (out->size < GOLEAK_GLK_SECTION_MAX / 4)
            continue;
        put_item(writer, GOLEAK_GLK_INDEX, out->data, out->size);
        out->size = 0;
        before = 0;
    }
    if (out->size != 0)
        put_item(writer, GOLEAK_GLK_INDEX, out->data, out->size);
}

/* Where there is an index, the last bytes of a file are where its block begins. Where one
 * block holds all, it would be the larger part. */
static bool put_end(struct goleak_writer *writer)
{
    bool indexed = writer->index_count > 1;
    struct goleak_glk_head head = { .kind = GOLEAK_GLK_END_BLOCK, .first_ns = INT64_MIN };
    head.flags = indexed ? GOLEAK_GLK_INDEXED : 0;
    if (!put_beginning(writer))
        return false;
    uint64_t offset = writer->offset;
    begin_block(writer);
    for (size_t i = 0; i < writer->source_count; i++)
        put_facts(writer, i);
    if (indexed)
        put_index(writer);
    if (!put_block(writer, &head) || !indexed)
        return writer->failure.status == GOLEAK_OK;
    uint8_t trailer[GOLEAK_GLK_TRAILER];
    for (unsigned i = 0; i < 8; i++)
        trailer[i] = (uint8_t)(offset >> (8 * i));
    memcpy(trailer + 8, GOLEAK_GLK_TRAILER_MAGIC, sizeof trailer - 8);
    return write_bytes(writer, trailer, sizeof trailer);
}

/* ---- a writer ---- */

static char *copy_text(struct goleak_writer *writer, const char *text)
{
    size_t size = strlen(text != NULL ? text : "") + 1;
    char *copy = goleak_realloc(&writer->alloc, NULL, 0, size);
    if (copy != NULL)
        memcpy(copy, text != NULL ? text : "", size);
    return copy;
}

static void free_text(struct goleak_writer *writer, char *text)
{
    if (text != NULL)
        goleak_free(&writer->alloc, text, strlen(text) + 1);
}

static bool init_source(struct goleak_writer *writer, struct source *source, const struct goleak_writer_source *from)
{
    struct goleak_alloc *alloc = &writer->alloc;
    goleak_symbols_init(&source->own, alloc);
    goleak_buf_init(&source->note_bytes, alloc);
    goleak_idmap_init(&source->slots, alloc);
    goleak_idmap_init(&source->places, alloc);
    source->symbols = &source->own;
    source->pid = from->pid;
    source->messages = from->messages;
    source->name = copy_text(writer, from->name);
    source->format = copy_text(writer, from->format);
    source->form = copy_text(writer, "");
    source->events = goleak_alloc_array(alloc, GOLEAK_GLK_BLOCK_EVENTS, sizeof *source->events);
    return source->name != NULL && source->format != NULL && source->form != NULL && source->events != NULL;
}

static void release_numbers(struct goleak_alloc *alloc, struct numbers *numbers)
{
    goleak_free(alloc, numbers->of, numbers->capacity * sizeof *numbers->of);
}

static void release_source(struct goleak_writer *writer, struct source *source)
{
    struct goleak_alloc *alloc = &writer->alloc;
    if (source->symbols == NULL)
        return;
    goleak_symbols_release(&source->own);
    goleak_buf_release(&source->note_bytes);
    goleak_idmap_release(&source->slots);
    goleak_idmap_release(&source->places);
    release_numbers(alloc, &source->strings);
    release_numbers(alloc, &source->frames);
    release_numbers(alloc, &source->stacks);
    free_text(writer, source->name);
    free_text(writer, source->format);
    free_text(writer, source->form);
    goleak_free(alloc, source->events, GOLEAK_GLK_BLOCK_EVENTS * sizeof *source->events);
    goleak_free(alloc, source->notes, source->note_capacity * sizeof *source->notes);
    goleak_free(alloc, source->known, source->known_capacity * sizeof *source->known);
    goleak_free(alloc, source->texts, source->text_capacity);
}

static bool make_parts(struct goleak_writer *writer, const struct goleak_writer_source *sources, size_t source_count)
{
    struct goleak_alloc *alloc = &writer->alloc;
    struct goleak_buf *const bufs[] = { &writer->tables,      &writer->columns,    &writer->packed[0],
                                        &writer->packed[1],   &writer->head,       &writer->new_strings,
                                        &writer->new_frames,  &writer->new_stacks, &writer->new_places };
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        goleak_buf_init(bufs[i], alloc);
    goleak_intern_init(&writer->shapes, alloc);
    writer->sources = goleak_alloc_zeroed(alloc, source_count * sizeof *writer->sources);
    if (writer->sources == NULL)
        return false;
    writer->source_count = source_count;
    for (size_t i = 0; i < source_count; i++)
        if (!init_source(writer, &writer->sources[i], &sources[i]))
            return false;
    for (size_t i = 0; i < GOLEAK_GLK_FIELDS; i++)
        if ((writer->values[i] = goleak_alloc_array(alloc, GOLEAK_GLK_BLOCK_EVENTS, sizeof *writer->values[i])) == NULL)
            return false;
    writer->shape_of = goleak_alloc_array(alloc, GOLEAK_GLK_BLOCK_EVENTS, sizeof *writer->shape_of);
    /* A block's new addresses go through it, too: two an event. */
    writer->deltas = goleak_alloc_array(alloc, 2 * GOLEAK_GLK_BLOCK_EVENTS, sizeof *writer->deltas);
    writer->undo = goleak_alloc_array(alloc, 2 * GOLEAK_GLK_BLOCK_EVENTS, sizeof *writer->undo);
    writer->zstd = writer->level != 0 ? ZSTD_createCCtx() : NULL;
    return writer->shape_of != NULL && writer->deltas != NULL && writer->undo != NULL &&
           (writer->zstd != NULL || writer->level == 0);
}

static enum goleak_status take_options(struct goleak_writer_options *own, const struct goleak_writer_options *options,
                                       size_t source_count, struct goleak_error *error)
{
    const struct goleak_writer_options defaults = GOLEAK_WRITER_OPTIONS_INIT;
    *own = defaults;
    if (options != NULL) {
        if (options->size < offsetof(struct goleak_writer_options, allocator) || options->size > 4096)
            return goleak_error_set(error, GOLEAK_E_USAGE,
                                    "options.size is %zu: begin with GOLEAK_WRITER_OPTIONS_INIT", options->size);
        memcpy(own, options, options->size < sizeof *own ? options->size : sizeof *own);
    }
    if (own->level < 0 || own->level > GOLEAK_GLK_LEVEL_MAX)
        return goleak_error_set(error, GOLEAK_E_USAGE, "found level %d, expected one from 0 to %d", own->level,
                                GOLEAK_GLK_LEVEL_MAX);
    if (source_count == 0 || source_count > GOLEAK_GLK_SOURCES)
        return goleak_error_set(error, GOLEAK_E_USAGE, "found %zu sources, expected 1 to %d", source_count,
                                GOLEAK_GLK_SOURCES);
    return GOLEAK_OK;
}

enum goleak_status goleak_writer_new(struct goleak_writer **out, const struct goleak_writer_source *sources,
                                     size_t source_count, const struct goleak_writer_options *options,
                                     goleak_write_fn *write, void *context, struct goleak_error *error)
{
    struct goleak_alloc alloc;
    struct goleak_writer_options own;
    *out = NULL;
    enum goleak_status status = take_options(&own, options, source_count, error);
    if (status != GOLEAK_OK)
        return status;
    goleak_alloc_init(&alloc, own.allocator, own.max_memory_bytes);
    struct goleak_writer *writer = goleak_alloc_zeroed(&alloc, sizeof *writer);
    if (writer == NULL)
        return goleak_error_alloc(error, &alloc);
    writer->alloc = alloc;
    writer->write = write;
    writer->context = context;
    writer->level = own.level;
    if (!make_parts(writer, sources, source_count))
        fail_memory(writer);
    if (writer->failure.status != GOLEAK_OK) {
        status = copy_failure(writer, error);
        goleak_writer_free(writer);
        return status;
    }
    *out = writer;
    return GOLEAK_OK;
}

void goleak_writer_free(struct goleak_writer *writer)
{
    if (writer == NULL)
        return;
    struct goleak_alloc *alloc = &writer->alloc;
    for (size_t i = 0; i < writer->source_count; i++)
        release_source(writer, &writer->sources[i]);
    goleak_free(alloc, writer->sources, writer->source_count * sizeof *writer->sources);
    for (size_t i = 0; i < GOLEAK_GLK_FIELDS; i++)
        goleak_free(alloc, writer->values[i], GOLEAK_GLK_BLOCK_EVENTS * sizeof *writer->values[i]);
    goleak_free(alloc, writer->shape_of, GOLEAK_GLK_BLOCK_EVENTS * sizeof *writer->shape_of);
    goleak_free(alloc, writer->deltas, 2 * GOLEAK_GLK_BLOCK_EVENTS * sizeof *writer->deltas);
    goleak_free(alloc, writer->undo, 2 * GOLEAK_GLK_BLOCK_EVENTS * sizeof *writer->undo);
    goleak_free(alloc, writer->new_slots, writer->new_slot_capacity * sizeof *writer->new_slots);
    goleak_free(alloc, writer->index, writer->index_capacity * sizeof *writer->index);
    goleak_buf_release(&writer->tables);
    goleak_buf_release(&writer->columns);
    goleak_buf_release(&writer->packed[0]);
    goleak_buf_release(&writer->packed[1]);
    goleak_buf_release(&writer->head);
    goleak_buf_release(&writer->new_strings);
    goleak_buf_release(&writer->new_frames);
    goleak_buf_release(&writer->new_stacks);
    goleak_buf_release(&writer->new_places);
    goleak_intern_release(&writer->shapes);
    ZSTD_freeCCtx(writer->zstd);
    struct goleak_alloc last = *alloc;
    goleak_free(&last, writer, sizeof *writer);
}

/* ---- names and stacks of a tool ---- */

uint32_t goleak_writer_name(struct goleak_writer *writer, size_t source, const char *text)
{
    if (source >= writer->source_count)
        return 0;
    return goleak_symbols_string(&writer->sources[source].own, text, strlen(text));
}

uint32_t goleak_writer_stack(struct goleak_writer *writer, size_t source, const struct goleak_writer_frame *frames,
                             size_t count)
{
    if (source >= writer->source_count || count == 0)
        return 0;
    struct goleak_symbols *own = &writer->sources[source].own;
    uint32_t *ids = goleak_alloc_array(&writer->alloc, count, sizeof *ids);
    if (ids == NULL)
        return 0;
    bool good = true;
    for (size_t i = 0; i < count && good; i++) {
        const struct goleak_writer_frame *frame = &frames[i];
        size_t size = frame->function != NULL ? strlen(frame->function) : 0;
        ids[i] = size == 0             ? goleak_symbols_address(own, frame->offset, i != 0)
                 : frame->file != NULL ? goleak_symbols_frame_line(own, frame->function, size, frame->file,
                                                                   strlen(frame->file), frame->line)
                                       : goleak_symbols_frame(own, frame->function, size, frame->offset, i != 0);
        good = ids[i] != 0;
    }
    uint32_t stack = good ? goleak_symbols_stack(own, ids, count) : 0;
    goleak_free(&writer->alloc, ids, count * sizeof *ids);
    return stack;
}

/* ---- events ---- */

void goleak_writer_borrow(struct goleak_writer *writer, size_t source, const struct goleak_symbols *symbols)
{
    writer->sources[source].symbols = symbols;
}

static bool take_events(struct goleak_writer *writer, struct source *source, const struct goleak_event *events,
                        size_t count)
{
    while (count != 0) {
        size_t part = GOLEAK_GLK_BLOCK_EVENTS - source->count;
        part = part < count ? part : count;
        memcpy(source->events + source->count, events, part * sizeof *events);
        source->count += part;
        events += part;
        count -= part;
        if (source->count == GOLEAK_GLK_BLOCK_EVENTS && !flush_source(writer, source, false))
            return false;
    }
    return true;
}

enum goleak_status goleak_writer_event(struct goleak_writer *writer, size_t source, const struct goleak_event *event,
                                       struct goleak_error *error)
{
    enum goleak_status status = check(writer, source, error);
    if (status != GOLEAK_OK)
        return status;
    if (event->kind >= GOLEAK_EVENT_KIND_COUNT)
        return usage(writer, error, "the event's kind is none of enum goleak_event_kind");
    return take_events(writer, &writer->sources[source], event, 1) ? GOLEAK_OK : copy_failure(writer, error);
}

enum goleak_status goleak_writer_batch(struct goleak_writer *writer, size_t index, const struct goleak_event *events,
                                       size_t count, bool in_order, bool relative, struct goleak_error *error)
{
    enum goleak_status status = check(writer, index, error);
    if (status != GOLEAK_OK)
        return status;
    struct source *source = &writer->sources[index];
    bool differs = source->in_order != in_order || source->relative != relative;
    if ((source->partial || (differs && source->count != 0)) && !flush_source(writer, source, source->partial))
        return copy_failure(writer, error);
    source->in_order = in_order;
    source->relative = relative;
    source->partial = count % GOLEAK_GLK_BATCH != 0;
    return take_events(writer, source, events, count) ? GOLEAK_OK : copy_failure(writer, error);
}

/* ---- what goes with them ---- */

static enum goleak_status add_note(struct goleak_writer *writer, struct source *source, enum goleak_glk_item item,
                                   size_t from, struct goleak_error *error)
{
    if (source->note_bytes.failed ||
        !goleak_grow(&writer->alloc, &source->notes, &source->note_capacity, source->note_count + 1,
                     sizeof *source->notes)) {
        fail_memory(writer);
        return copy_failure(writer, error);
    }
    source->notes[source->note_count++] = (struct note){
        .at = source->count,
        .from = (uint32_t)from,
        .size = (uint32_t)(source->note_bytes.size - from),
        .item = (uint8_t)item,
    };
    /* They are few; a tool that complains without end fills a block with it. */
    if (source->note_bytes.size > TABLES_FULL && !flush_source(writer, source, false))
        return copy_failure(writer, error);
    return GOLEAK_OK;
}

enum goleak_status goleak_writer_note(struct goleak_writer *writer, size_t index, const char *name, uint64_t count,
                                      const struct goleak_health_entry *entry, struct goleak_error *error)
{
    enum goleak_status status = check(writer, index, error);
    if (status != GOLEAK_OK)
        return status;
    struct goleak_buf *out = &writer->sources[index].note_bytes;
    size_t from = out->size;
    goleak_glk_put_number(out, count);
    goleak_glk_put_number(out, entry->line);
    goleak_glk_put_number(out, entry->column);
    goleak_glk_put_number(out, entry->offset);
    put_text(out, name);
    put_text(out, entry->detail);
    return add_note(writer, &writer->sources[index], GOLEAK_GLK_NOTE, from, error);
}

enum goleak_status goleak_writer_complain(struct goleak_writer *writer, size_t source, const char *name,
                                          uint64_t count, const char *sentence, struct goleak_error *error)
{
    struct goleak_health_entry entry = { 0 };
    if (!goleak_health_find(name, NULL))
        return usage(writer, error, "the complaint's name is none of docs/JSON.md's");
    snprintf(entry.detail, sizeof entry.detail, "%s", sentence);
    return goleak_writer_note(writer, source, name, count, &entry, error);
}

enum goleak_status goleak_writer_go(struct goleak_writer *writer, size_t index, const struct goleak_reasons *reasons,
                                    struct goleak_error *error)
{
    enum goleak_status status = check(writer, index, error);
    if (status != GOLEAK_OK)
        return status;
    struct source *source = &writer->sources[index];
    if (reasons->from == NULL || source->candidates == reasons->candidates)
        return GOLEAK_OK;
    source->candidates = reasons->candidates;
    unsigned low = 0, high = 31;
    while ((reasons->candidates >> low & 1) == 0)
        low++;
    while ((reasons->candidates >> high & 1) == 0)
        high--;
    struct goleak_buf *out = &source->note_bytes;
    size_t from = out->size;
    goleak_glk_put_number(out, GOLEAK_GO_OLDEST + low);
    goleak_glk_put_number(out, GOLEAK_GO_OLDEST + high);
    put_text(out, reasons->from);
    put_text(out, reasons->text);
    return add_note(writer, source, GOLEAK_GLK_GO, from, error);
}

enum goleak_status goleak_writer_go_version(struct goleak_writer *writer, size_t source, const char *version,
                                            struct goleak_error *error)
{
    struct goleak_reasons reasons;
    goleak_reasons_init(&reasons);
    if (!goleak_reasons_set_version(&reasons, version, "header"))
        return usage(writer, error, "the Go version is none: expected one such as 1.26");
    return goleak_writer_go(writer, source, &reasons, error);
}

static void set_text(struct goleak_writer *writer, char **text, const char *to)
{
    char *copy = copy_text(writer, to);
    if (copy == NULL) {
        fail_memory(writer);
        return;
    }
    free_text(writer, *text);
    *text = copy;
}

void goleak_writer_format(struct goleak_writer *writer, size_t index, const char *format)
{
    if (strcmp(writer->sources[index].format, format) != 0)
        set_text(writer, &writer->sources[index].format, format);
}

void goleak_writer_facts(struct goleak_writer *writer, size_t index, uint64_t events, uint64_t notes, uint64_t bytes,
                         const char *form)
{
    struct source *source = &writer->sources[index];
    source->has_facts = true;
    source->facts_events = events;
    source->notes_told = notes;
    source->bytes = bytes;
    set_text(writer, &source->form, form);
}

enum goleak_status goleak_writer_flush(struct goleak_writer *writer, struct goleak_error *error)
{
    enum goleak_status status = check(writer, 0, error);
    for (size_t i = 0; i < writer->source_count && status == GOLEAK_OK; i++)
        if (!flush_source(writer, &writer->sources[i], false))
            status = copy_failure(writer, error);
    return status;
}

enum goleak_status goleak_writer_finish(struct goleak_writer *writer, struct goleak_error *error)
{
    enum goleak_status status = goleak_writer_flush(writer, error);
    if (status == GOLEAK_OK && !put_end(writer))
        status = copy_failure(writer, error);
    writer->finished = status == GOLEAK_OK;
    return status;
}
