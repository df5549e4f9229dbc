/*
 * glk_gather - events into columns: see glk_writer_parts.h.
 *
 * What many events have in common is their shape; the rest of each goes into the columns of
 * its fields, one behind the other.
 */
#include "format/glk_writer_parts.h"

#include <string.h>

/* Places in the recording that are remembered, to tell the next one from. */
#define LANES 32
#define NEAR 4096
/* So far back an event refers to another's slot. */
#define REACH 255

/* An event's first bytes, and what of it needs no column. */
struct shape {
    uint8_t kind, flags, reason, wait, status, depth;
    int8_t count, blocked; /* more than the event before printed */
    uint32_t has, fields;
    uint32_t position;
};

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

/* Which of a RUNTIME event's arguments are texts. */
static bool texts_of(struct goleak_writer *writer, struct goleak_glk_source *source, uint32_t name, unsigned *texts)
{
    size_t before = source->text_capacity;
    if (!goleak_grow(&writer->alloc, &source->texts, &source->text_capacity, (size_t)name + 1, 1))
        return goleak_writer_fail_memory(writer);
    memset(source->texts + before, 0, source->text_capacity - before);
    if (source->texts[name] == 0)
        source->texts[name] = (uint8_t)(1 + goleak_glk_texts(goleak_symbols_text(source->symbols, name)));
    *texts = source->texts[name] - 1u;
    return true;
}

static bool add_objects(struct goleak_writer *writer, struct goleak_glk_source *source,
                        const struct goleak_event *event, struct shape *shape)
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
        if (text && values[i] <= UINT32_MAX && !goleak_glk_string_number(writer, source, (uint32_t)values[i], &string))
            return false;
        add_value(writer, shape, (enum goleak_glk_field)(GOLEAK_GLK_LOCK + i), text ? string : values[i]);
        shape->fields |= text ? GOLEAK_GLK_TEXT_LOCK << i : 0;
    }
    return true;
}

/* A goid that is the slot's last one is not told again. */
static void add_goid(struct goleak_writer *writer, struct goleak_glk_source *source, struct shape *shape, bool other,
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
    writer->undo[writer->undo_count++] = (struct goleak_glk_undo) { source->known[*slot].goid, *slot };
    source->known[*slot].goid = goid;
}

/* A slot, or how far back its own last event is. */
static void add_slot(struct goleak_writer *writer, struct goleak_glk_source *source, struct shape *shape,
                     struct going *going, bool other, uint32_t slot)
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

static bool add_goroutines(struct goleak_writer *writer, struct goleak_glk_source *source,
                           const struct goleak_event *event, struct shape *shape, struct going *going)
{
    uint32_t slot, other;
    bool has_g = (event->has & GOLEAK_HAS_G) != 0, has_other = (event->has & GOLEAK_HAS_OTHER) != 0;
    if (has_g) {
        if (!goleak_glk_slot_of(writer, source, event->g, &slot))
            return false;
        add_slot(writer, source, shape, going, false, slot);
    }
    if (has_other) {
        if (!goleak_glk_slot_of(writer, source, event->other_g, &other))
            return false;
        add_slot(writer, source, shape, going, true, other);
    }
    if (has_g)
        source->known[slot].seen = going->event;
    if (event->has & GOLEAK_HAS_GOID)
        add_goid(writer, source, shape, false, event->goid, has_g ? &slot : NULL);
    if (goleak_glk_told(event->kind, event->has) & GOLEAK_HAS_OTHER_GOID)
        add_goid(writer, source, shape, true, event->other_goid, has_other ? &other : NULL);
    return true;
}

static bool add_places(struct goleak_writer *writer, struct goleak_glk_source *source, const struct goleak_event *event,
                       struct shape *shape)
{
    uint32_t number;
    if (event->has & GOLEAK_HAS_STACK) {
        if (!goleak_glk_stack_number(writer, source, event->stack, &number))
            return false;
        add_value(writer, shape, GOLEAK_GLK_STACK, number);
    }
    if (goleak_event_tells_name(event)) {
        if (!goleak_glk_string_number(writer, source, event->name, &number))
            return false;
        add_value(writer, shape, GOLEAK_GLK_NAME, number);
    }
    if (event->has & GOLEAK_HAS_GOPC) {
        add_value(writer, shape, GOLEAK_GLK_GOPC, event->gopc);
        if (!goleak_glk_put_place(writer, source, event->gopc, true))
            return false;
    }
    if (event->has & GOLEAK_HAS_STARTPC) {
        add_value(writer, shape, GOLEAK_GLK_STARTPC, event->startpc);
        if (!goleak_glk_put_place(writer, source, event->startpc, false))
            return false;
    }
    return true;
}

static bool add_event(struct goleak_writer *writer, struct goleak_glk_source *source, const struct goleak_event *event,
                      struct going *going, uint32_t *number)
{
    struct shape shape;
    uint32_t has = goleak_glk_told(event->kind, event->has);
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
    if (has & GOLEAK_HAS_UNTIL)
        add_value(writer, &shape, GOLEAK_GLK_UNTIL, (uint64_t)event->until_ns);
    *number = goleak_intern_add(&writer->shapes, &shape, sizeof shape);
    return *number != 0 || goleak_writer_fail_memory(writer);
}

void goleak_glk_put_shapes(struct goleak_writer *writer, size_t events)
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
    case GOLEAK_GLK_OTHER_GOID:
    case GOLEAK_GLK_UNTIL: return plain | delta;
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

void goleak_glk_put_columns(struct goleak_writer *writer)
{
    for (int field = 0; field < GOLEAK_GLK_FIELDS; field++) {
        if (writer->value_count[field] == 0)
            continue;
        goleak_buf_char(&writer->columns, (char)field);
        goleak_glk_column_put(&writer->columns, writer->values[field], writer->value_count[field],
                              codings_of((enum goleak_glk_field)field), writer->deltas);
    }
}

static const struct goleak_event *first_with(const struct goleak_event *events, size_t count, uint32_t bit)
{
    size_t i = 0;
    while (i < count && (events[i].has & bit) == 0)
        i++;
    return i < count ? &events[i] : NULL;
}

/* Printed counters begin where the block before has left them, so that a reader sees that they go on; in
 * the first one with counters, as if they did. */
static void begin_counters(struct goleak_glk_source *source, const struct goleak_event *events, size_t count)
{
    if (source->counted)
        return;
    const struct goleak_event *live = first_with(events, count, GOLEAK_HAS_COUNT),
                              *blocked = first_with(events, count, GOLEAK_HAS_BLOCKED_COUNT);
    if (live != NULL)
        source->counters.count = (int32_t)((uint32_t)live->count - (uint32_t)goleak_event_count_step(live));
    if (blocked != NULL)
        source->counters.blocked = (int32_t)((uint32_t)blocked->blocked_count - goleak_event_raises_blocked(blocked));
    source->counted = live != NULL || blocked != NULL;
}

#define FEW 4096 /* goroutines: what is known of them stays in the cache */
#define AHEAD 8

/* What its goroutines' slots are looked up by, and then what is known of its own slot. */
static void fetch_ahead(const struct goleak_glk_source *source, const struct goleak_event *events, size_t count)
{
    if (source->slots.count <= FEW)
        return;
    if (2 * AHEAD < count && (events[2 * AHEAD].has & GOLEAK_HAS_G))
        goleak_idmap_prefetch(&source->slots, events[2 * AHEAD].g);
    if (2 * AHEAD < count && (events[2 * AHEAD].has & GOLEAK_HAS_OTHER))
        goleak_idmap_prefetch(&source->slots, events[2 * AHEAD].other_g);
    if (AHEAD >= count || (events[AHEAD].has & GOLEAK_HAS_G) == 0)
        return;
    const uint32_t slot = goleak_idmap_get(&source->slots, events[AHEAD].g);
    if (slot != 0)
        GOLEAK_PREFETCH(&source->known[slot - 1]);
}

/* Columns of events [from, ...), as many as the tables have room for; 0: failed. Whether
 * the places in the recording go into the shapes is tried, and taken back where that
 * makes too many of them: then `again` is true, and the tables have what they need. */
size_t goleak_glk_gather(struct goleak_writer *writer, struct goleak_glk_source *source, size_t from, size_t to,
                         bool fold, bool *again)
{
    const struct goleak_event *events = source->events;
    struct going going = { .fold = fold, .lane_count = 1 };
    size_t count = 0;
    *again = false;
    memset(writer->value_count, 0, sizeof writer->value_count);
    writer->undo_count = 0;
    goleak_intern_release(&writer->shapes);
    goleak_intern_init(&writer->shapes, &writer->alloc);
    going.lanes[0] = events[from].position;
    begin_counters(source, events + from, to - from);
    going.count = source->counters.count;
    going.blocked = source->counters.blocked;
    goleak_glk_put_number(&writer->columns, going.lanes[0]);
    goleak_glk_put_signed(&writer->columns, going.count);
    goleak_glk_put_signed(&writer->columns, going.blocked);
    going.first = going.event = source->since;
    going.refer = source->repeated * 2 >= source->mentions; /* else it is not worth the reader's time */
    for (size_t i = from; i < to; i++) {
        going.event++;
        fetch_ahead(source, &events[i], to - i);
        if (!add_event(writer, source, &events[i], &going, &writer->shape_of[count]))
            return 0;
        count++;
        if (fold && writer->shapes.count > 256) {
            *again = true;
            return count;
        }
        if (goleak_glk_is_full(writer, source))
            break;
    }
    source->counters = (struct goleak_counters) { (int32_t)going.count, (int32_t)going.blocked };
    source->mentions = going.mentions;
    source->repeated = going.repeated;
    return count;
}

/* The goids that a try has left behind would make the next one leave them out. */
void goleak_glk_undo_goids(struct goleak_writer *writer, struct goleak_glk_source *source)
{
    while (writer->undo_count != 0) {
        const struct goleak_glk_undo *undo = &writer->undo[--writer->undo_count];
        source->known[undo->slot].goid = undo->goid;
    }
}
