/* glk_events - see glk_events.h. */
#include "format/glk_events.h"

#include "base/compiler.h"
#include "format/varint.h"

#include <assert.h>
#include <string.h>

/* A shape in the file: six bytes and five numbers. */
#define SHAPE_LEAST 11
/* In the history: an event without a g, or one that has not been. */
#define NO_SLOT UINT32_MAX

void goleak_glk_events_init(struct goleak_glk_events *events)
{
    memset(events, 0, sizeof *events);
}

void goleak_glk_events_release(struct goleak_glk_events *events, struct goleak_alloc *alloc)
{
    goleak_free(alloc, events->shapes, events->shape_capacity * sizeof *events->shapes);
    goleak_free(alloc, events->history, events->history_capacity * sizeof *events->history);
    events->shapes = NULL;
    events->history = NULL;
}

/* ---- the head of a block ---- */

static uint64_t head_of(uint8_t kind, const uint8_t *bytes, uint32_t has)
{
    struct goleak_event event = { .kind = kind, .flags = bytes[1], .reason = bytes[2], .wait_reason = bytes[3] };
    uint64_t head;
    event.has = has;
    static_assert(offsetof(struct goleak_event, has) == 4 && offsetof(struct goleak_event, g) == 8, "the first eight");
    memcpy(&head, &event, sizeof head);
    return head;
}

static bool get_shape(struct goleak_glk_shape *shape, const uint8_t **at, const uint8_t *end)
{
    uint64_t has, fields, count, blocked, position;
    const uint8_t *bytes = *at;
    if (end - *at < SHAPE_LEAST)
        return false;
    *at += 6;
    if (!goleak_varint_take(at, end, &has) || !goleak_varint_take(at, end, &fields) ||
        !goleak_varint_take(at, end, &count) || !goleak_varint_take(at, end, &blocked) ||
        !goleak_varint_take(at, end, &position))
        return false;
    bool known = bytes[0] < GOLEAK_EVENT_KIND_COUNT;
    *shape = (struct goleak_glk_shape) {
        .head = head_of(known ? bytes[0] : GOLEAK_EVENT_OTHER, bytes, goleak_glk_told(bytes[0], has)),
        .fields = (uint32_t)fields,
        .count = (int32_t)goleak_unzigzag(count),
        .blocked = (int32_t)goleak_unzigzag(blocked),
        .position = (uint32_t)position,
        .status = bytes[4],
        .depth = bytes[5],
        .unknown = known ? 0 : bytes[0],
        .more = (has & GOLEAK_HAS_STATUS) != 0 || bytes[0] == GOLEAK_EVENT_CALL || bytes[0] == GOLEAK_EVENT_RETURN,
    };
    return true;
}

/* An event has a field where `has` says so, whatever its shape's other bits claim: what it
 * tells must be there. */
static bool is_consistent(const struct goleak_glk_shape *shape)
{
    static const struct {
        uint32_t has, fields;
    } pairs[] = {
        { GOLEAK_HAS_G, GOLEAK_GLK_TELLS_G },
        { GOLEAK_HAS_OTHER, GOLEAK_GLK_TELLS_OTHER },
        { GOLEAK_HAS_TIME, GOLEAK_GLK_BIT(GOLEAK_GLK_TIME) },
        { GOLEAK_HAS_GOID, GOLEAK_GLK_BIT(GOLEAK_GLK_GOID) | GOLEAK_GLK_KNOWS_GOID },
        { GOLEAK_HAS_OTHER_GOID, GOLEAK_GLK_BIT(GOLEAK_GLK_OTHER_GOID) | GOLEAK_GLK_KNOWS_OTHER_GOID },
        { GOLEAK_HAS_STACK, GOLEAK_GLK_BIT(GOLEAK_GLK_STACK) },
        { GOLEAK_HAS_START, GOLEAK_GLK_BIT(GOLEAK_GLK_NAME) },
        { GOLEAK_HAS_LOCK | GOLEAK_HAS_STACK_BOUNDS, GOLEAK_GLK_BIT(GOLEAK_GLK_LOCK) },
        { GOLEAK_HAS_CHAN | GOLEAK_HAS_STACK_BOUNDS, GOLEAK_GLK_BIT(GOLEAK_GLK_CHAN) },
        { GOLEAK_HAS_ELEM | GOLEAK_HAS_WAITSINCE, GOLEAK_GLK_BIT(GOLEAK_GLK_ELEM) },
        { GOLEAK_HAS_GOPC, GOLEAK_GLK_BIT(GOLEAK_GLK_GOPC) },
        { GOLEAK_HAS_STARTPC, GOLEAK_GLK_BIT(GOLEAK_GLK_STARTPC) },
        { GOLEAK_HAS_CPU, GOLEAK_GLK_BIT(GOLEAK_GLK_CPU) },
        { GOLEAK_HAS_TID, GOLEAK_GLK_BIT(GOLEAK_GLK_TID) },
        { GOLEAK_HAS_PID, GOLEAK_GLK_BIT(GOLEAK_GLK_PID) },
        { GOLEAK_HAS_UNTIL, GOLEAK_GLK_BIT(GOLEAK_GLK_UNTIL) },
    };
    struct goleak_event event;
    memcpy(&event, &shape->head, sizeof shape->head);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if ((event.has & pairs[i].has) != 0 && (shape->fields & pairs[i].fields) == 0)
            return false;
    return true;
}

/* The counters that its events tell go on, as they do where nothing is missing. How many are blocked may
 * have a column, for those that fall by many: that one is looked at as it is read. */
static bool goes_on(const struct goleak_glk_shape *shape)
{
    struct goleak_event event;
    memcpy(&event, &shape->head, sizeof shape->head);
    if (shape->fields & GOLEAK_GLK_BIT(GOLEAK_GLK_COUNT) || event.has & GOLEAK_HAS_TIME)
        return false;
    const bool counted = goleak_event_is_counted(&event), tells_live = counted && event.has & GOLEAK_HAS_COUNT,
               tells_blocked = counted && event.has & GOLEAK_HAS_BLOCKED_COUNT;
    return shape->count == (tells_live ? goleak_event_count_step(&event) : 0) &&
           (tells_blocked ? shape->blocked <= goleak_event_raises_blocked(&event) : shape->blocked == 0);
}

static enum goleak_status get_shapes(struct goleak_glk_events *events, const uint8_t **at, const uint8_t *end,
                                     const char **problem)
{
    uint64_t count;
    struct goleak_alloc *alloc = events->tables->alloc;
    *problem = "found shapes of events that cannot be read";
    if (!goleak_varint_take(at, end, &count) || count > (uint64_t)(end - *at) / SHAPE_LEAST || count > 65536)
        return GOLEAK_OK;
    size_t room = count < 256 ? 256 : (size_t)count;
    if (!goleak_grow(alloc, &events->shapes, &events->shape_capacity, room, sizeof *events->shapes))
        return goleak_alloc_failure(alloc);
    memset(events->shapes, 0, room * sizeof *events->shapes); /* any byte is a number of one */
    events->any = 0;
    events->all = UINT32_MAX;
    events->goes_on = true;
    events->has_unknown = false;
    events->shape_count = (size_t)count;
    for (size_t i = 0; i < events->shape_count; i++) {
        struct goleak_glk_shape *shape = &events->shapes[i];
        if (!get_shape(shape, at, end))
            return GOLEAK_OK;
        *problem = "found a shape of events that tell what no column has";
        if (!is_consistent(shape))
            return GOLEAK_OK;
        *problem = "found shapes of events that cannot be read";
        events->any |= shape->fields;
        events->all &= shape->fields;
        events->goes_on = events->goes_on && goes_on(shape);
        events->has_unknown = events->has_unknown || shape->unknown != 0;
    }
    events->all &= events->any; /* there may be no shapes at all */
    *problem = NULL;
    return GOLEAK_OK;
}

static void get_columns(struct goleak_glk_events *events, const uint8_t *at, const uint8_t *end, const char **problem)
{
    size_t dictionaries = 0;
    for (size_t field = 0; field < GOLEAK_GLK_FIELDS; field++)
        events->columns[field].planes = NULL;
    while (at < end) {
        uint8_t field = *at++;
        struct goleak_glk_column unknown = { 0 };
        struct goleak_glk_column *column = field < GOLEAK_GLK_FIELDS ? &events->columns[field] : &unknown;
        *problem = "found a column twice";
        if (column != &unknown && column->planes != NULL)
            return;
        at = column != &unknown ? goleak_glk_column_open(column, at, end, events->dictionaries, &dictionaries, problem)
                                : goleak_glk_column_skip(at, end, problem);
        if (at == NULL)
            return;
    }
    *problem = NULL;
    for (unsigned field = 0; field < GOLEAK_GLK_FIELDS; field++)
        if ((events->any >> field & 1) != 0 && events->columns[field].planes == NULL)
            *problem = "found events that tell what no column has";
}

enum goleak_status goleak_glk_events_open(struct goleak_glk_events *events, struct goleak_glk_tables *tables,
                                          const uint8_t *at, size_t size, size_t count, const char **problem)
{
    const uint8_t *end = at + size;
    uint64_t position, first, blocked;
    events->tables = tables;
    events->count = count;
    events->at = 0;
    events->unlisted = events->failed = false;
    events->problem = NULL;
    if (!goleak_glk_tables_ready(tables))
        return goleak_alloc_failure(tables->alloc);
    events->lost_names = events->lost_stacks = events->lost_gs = events->lost_goids = events->unknown = 0;
    *problem = "found columns that end before their first numbers do";
    if (!goleak_varint_take(&at, end, &position) || !goleak_varint_take(&at, end, &first) ||
        !goleak_varint_take(&at, end, &blocked))
        return GOLEAK_OK;
    memset(events->lanes, 0, sizeof events->lanes);
    events->lanes[0] = position;
    events->last_count = (int32_t)goleak_unzigzag(first);
    events->last_blocked = (int32_t)goleak_unzigzag(blocked);
    enum goleak_status status = get_shapes(events, &at, end, problem);
    if (status != GOLEAK_OK || *problem != NULL)
        return status;
    events->wide = events->shape_count > 256;
    *problem = "found fewer shapes' numbers than the block has events";
    if ((uint64_t)(end - at) < (uint64_t)count << events->wide)
        return GOLEAK_OK;
    events->numbers = at;
    get_columns(events, at + (count << events->wide), end, problem);
    if (*problem == NULL && events->any & (GOLEAK_GLK_BIT(GOLEAK_GLK_BACK) | GOLEAK_GLK_BIT(GOLEAK_GLK_OTHER_BACK))) {
        if (!goleak_grow(tables->alloc, &events->history, &events->history_capacity, count, sizeof *events->history))
            return goleak_alloc_failure(tables->alloc);
        memset(events->history, 0xff, count * sizeof *events->history); /* NO_SLOT */
    }
    if (*problem == NULL &&
        events->any & (GOLEAK_GLK_KNOWS_GOID | GOLEAK_GLK_KNOWS_OTHER_GOID | GOLEAK_GLK_BIT(GOLEAK_GLK_GOID) |
                       GOLEAK_GLK_BIT(GOLEAK_GLK_OTHER_GOID)) &&
        !goleak_glk_tables_goids(tables))
        return goleak_alloc_failure(tables->alloc);
    return GOLEAK_OK;
}

/* ---- events ---- */

#define HAS(field) (events->any >> (field)&1)
#define HAS_PLACES (HAS(GOLEAK_GLK_POSITION) || HAS(GOLEAK_GLK_LANE))

#define FEW 4096 /* slots, that stay in the cache */

/* What a slot stands for: `values` has the slots. It may be out of the cache. */
static inline void fetch_slot(const struct goleak_glk_events *events, size_t i)
{
    const uint64_t slot = events->values[i], unknown = events->tables->slot_count;
    GOLEAK_PREFETCH(&events->tables->slots[slot < unknown ? slot : unknown]);
}

/* What needs no column: the counters and the place go on from event to event. */
static inline void put_shapes_of(struct goleak_glk_events *events, struct goleak_event *out, size_t count, bool wide)
{
    const struct goleak_glk_shape *shapes = events->shapes;
    const uint8_t *low = events->numbers + events->at, *high = low + events->count;
    uint32_t last_count = (uint32_t)events->last_count, last_blocked = (uint32_t)events->last_blocked;
    uint64_t position = events->lanes[0];
    for (size_t i = 0; i < count; i++) {
        if (events->ahead)
            fetch_slot(events, i);
        size_t number = wide ? low[i] | (size_t)high[i] << 8 : low[i];
        const struct goleak_glk_shape *shape = &shapes[wide && number >= events->shape_count ? 0 : number];
        struct goleak_event *event = &out[i];
        memcpy(event, &shape->head, sizeof shape->head);
        events->fields[i] = shape->fields;
        event->count = (int32_t)(last_count += (uint32_t)shape->count);
        event->blocked_count = (int32_t)(last_blocked += (uint32_t)shape->blocked);
        event->position = position += shape->position;
        if (shape->more) {
            event->status = shape->status;
            event->depth = shape->depth;
        }
    }
    events->last_count = (int32_t)last_count;
    events->last_blocked = (int32_t)last_blocked;
    if (!HAS_PLACES)
        events->lanes[0] = position;
}

static void put_shapes(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    const uint8_t *low = events->numbers + events->at, *high = low + events->count;
    size_t last = 0;
    uint8_t last_low = 0;
    if (events->wide) {
        for (size_t i = 0; i < count; i++)
            last = last > (low[i] | (size_t)high[i] << 8) ? last : low[i] | (size_t)high[i] << 8;
        put_shapes_of(events, out, count, true);
    } else {
        for (size_t i = 0; i < count; i++)
            last_low = last_low > low[i] ? last_low : low[i];
        last = last_low;
        put_shapes_of(events, out, count, false);
    }
    events->unlisted = events->unlisted || last >= events->shape_count;
}

/* Which events have a field: their places among those at hand, and how many. */
static size_t list_those_with(struct goleak_glk_events *events, enum goleak_glk_field field, size_t count)
{
    const uint32_t *fields = events->fields;
    uint8_t *list = events->list;
    size_t listed = 0;
    for (size_t i = 0; i < count; i++) {
        list[listed] = (uint8_t)i;
        listed += fields[i] >> field & 1;
    }
    return listed;
}

/* The next values of a column; false: it has fewer. */
static bool next_values(struct goleak_glk_events *events, enum goleak_glk_field field, uint64_t *values, size_t count)
{
    struct goleak_glk_column *column = &events->columns[field];
    if (count > column->count - column->at)
        return false;
    goleak_glk_column_next(column, values, count);
    return !column->broken;
}

/* The same, one for each event that has the field. */
static bool next_of_those(struct goleak_glk_events *events, enum goleak_glk_field field, uint64_t *values, size_t count)
{
    uint32_t sum = 0;
    if (events->all >> field & 1)
        return next_values(events, field, values, count);
    for (size_t i = 0; i < count; i++)
        sum += events->fields[i] >> field & 1;
    return next_values(events, field, values, sum);
}

/* For each event `i` that has the field: `value` is its own. */
#define SPREAD(field, statement)                                                                                       \
    do {                                                                                                               \
        const uint64_t *const values = events->values;                                                                 \
        if (!HAS(field))                                                                                               \
            break;                                                                                                     \
        if (events->all >> (field)&1) {                                                                                \
            if (!next_values(events, field, events->values, count))                                                    \
                return false;                                                                                          \
            for (size_t i = 0; i < count; i++) {                                                                       \
                const uint64_t value = values[i];                                                                      \
                statement;                                                                                             \
            }                                                                                                          \
        } else {                                                                                                       \
            const uint8_t *const list = events->list;                                                                  \
            size_t listed = list_those_with(events, field, count);                                                     \
            if (!next_values(events, field, events->values, listed))                                                   \
                return false;                                                                                          \
            for (size_t k = 0; k < listed; k++) {                                                                      \
                const size_t i = list[k];                                                                              \
                const uint64_t value = values[k];                                                                      \
                statement;                                                                                             \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

#define NO_REFERENCE "found an event whose goroutine is that of an event which is not there, or has none"

static void count_lost(struct goleak_glk_events *events, const struct goleak_event *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        events->lost_gs += (out[i].has & GOLEAK_HAS_G && goleak_glk_is_lost(out[i].g)) ||
                           (out[i].has & GOLEAK_HAS_OTHER && goleak_glk_is_lost(out[i].other_g));
}

/* A slot that nothing has told is a goroutine, too. False: memory. */
static bool reach(struct goleak_glk_events *events, const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count && !events->failed; i++)
        if (values[i] >= events->tables->slot_count)
            events->failed = !goleak_glk_tables_reach(events->tables, values[i]);
    return !events->failed;
}

/* What the slots of a column stand for, which events->values has. False: some stand for nothing. */
static inline bool put_slots_of(struct goleak_glk_events *events, struct goleak_event *out, enum goleak_glk_field field,
                                size_t count)
{
    const bool other = field == GOLEAK_GLK_OTHER_G;
    const uint64_t *slots = events->tables->slots, *values = events->values;
    const uint64_t unknown = events->tables->slot_count;
    const uint8_t *list = events->list;
    uint32_t *own = other ? events->others : events->slots;
    bool lost = false;
    if (events->all >> field & 1) {
        for (size_t i = 0; i < count; i++) {
            uint64_t slot = values[i] < unknown ? values[i] : unknown;
            *(other ? &out[i].other_g : &out[i].g) = slots[slot];
            own[i] = (uint32_t)slot;
            lost |= slot == unknown;
        }
    } else {
        for (size_t k = 0; k < count; k++) {
            const size_t i = list[k];
            uint64_t slot = values[k] < unknown ? values[k] : unknown;
            *(other ? &out[i].other_g : &out[i].g) = slots[slot];
            own[i] = (uint32_t)slot;
            lost |= slot == unknown;
        }
    }
    return !lost;
}

static inline bool put_slots(struct goleak_glk_events *events, struct goleak_event *out, enum goleak_glk_field field,
                             size_t count)
{
    if (!HAS(field))
        return true;
    size_t listed = events->all >> field & 1 ? count : list_those_with(events, field, count);
    const bool ahead = field == GOLEAK_GLK_G && events->ahead;
    if (!ahead && !next_values(events, field, events->values, listed))
        return false;
    if (!ahead && events->tables->slot_count > FEW)
        for (size_t i = 0; i < listed; i++)
            fetch_slot(events, i);
    if (put_slots_of(events, out, field, listed))
        return true;
    if (!reach(events, events->values, listed))
        return false;
    put_slots_of(events, out, field, listed);
    return true;
}

/* The slots of g where some are those of events before: one after the other, for each
 * may be what the next one refers to. False: some stand for nothing. */
static bool put_near_of(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    const uint64_t *values = events->values, *back = events->more_values, *slots = events->tables->slots;
    const size_t unknown = events->tables->slot_count;
    uint32_t *history = events->history, *own = events->slots;
    size_t here = events->at;
    bool lost = false;
    for (size_t i = 0; i < count; i++, here++) {
        uint32_t fields = events->fields[i];
        size_t near = fields >> GOLEAK_GLK_BACK & 1, there = *back <= here ? here - (size_t)*back : here;
        uint64_t slot = near != 0 ? history[there] : *values;
        values += fields >> GOLEAK_GLK_G & 1;
        back += near;
        slot = slot < unknown ? slot : unknown;
        own[i] = (uint32_t)slot;
        history[here] = fields & GOLEAK_GLK_TELLS_G ? (uint32_t)slot : NO_SLOT;
        out[i].g = slots[slot];
        lost |= slot == unknown;
    }
    return !lost;
}

/* What is referred to has a g: an event before this one, of this block. */
static bool check_near(struct goleak_glk_events *events, size_t count)
{
    const uint64_t *back = events->more_values;
    const uint32_t *history = events->history;
    size_t here = events->at;
    for (size_t i = 0; i < count; i++, here++) {
        if ((events->fields[i] >> GOLEAK_GLK_BACK & 1) == 0)
            continue;
        if (*back > here || *back == 0 || history[here - (size_t)*back] == NO_SLOT)
            events->problem = NO_REFERENCE;
        back++;
    }
    return events->problem == NULL;
}

static bool put_near_gs(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    size_t told = 0;
    for (size_t i = 0; i < count; i++)
        told += events->fields[i] >> GOLEAK_GLK_G & 1;
    if ((HAS(GOLEAK_GLK_G) && !next_values(events, GOLEAK_GLK_G, events->values, told)) ||
        !next_of_those(events, GOLEAK_GLK_BACK, events->more_values, count))
        return false;
    if (put_near_of(events, out, count))
        return true;
    if (!check_near(events, count) || !reach(events, events->values, told))
        return false;
    memset(events->history + events->at, 0xff, count * sizeof *events->history); /* as it was */
    put_near_of(events, out, count);
    return true;
}

/* Of a field of other_g that refers to an event's own. */
static bool put_near_others(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    const uint32_t *history = events->history;
    const uint64_t *slots = events->tables->slots;
    const uint64_t unknown = events->tables->slot_count;
    uint32_t *others = events->others;
    bool nothing = false;
    SPREAD(GOLEAK_GLK_OTHER_BACK, {
        size_t here = events->at + i;
        uint64_t slot = value <= here ? history[here - value] : NO_SLOT;
        nothing |= slot == NO_SLOT;
        slot = slot < unknown ? slot : unknown;
        out[i].other_g = slots[slot];
        others[i] = (uint32_t)slot;
    });
    events->problem = nothing ? NO_REFERENCE : events->problem;
    return !nothing;
}

/* Addresses; of a slot that nobody has told, one that stands for its goroutine. */
static bool put_gs(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    bool remember = HAS(GOLEAK_GLK_OTHER_BACK) && !HAS(GOLEAK_GLK_BACK);
    if (remember) /* of those without a g: NO_SLOT */
        memset(events->slots, 0xff, count * sizeof *events->slots);
    if (HAS(GOLEAK_GLK_BACK) ? !put_near_gs(events, out, count) : !put_slots(events, out, GOLEAK_GLK_G, count))
        return false;
    if (remember)
        memcpy(events->history + events->at, events->slots, count * sizeof *events->slots);
    if (!put_slots(events, out, GOLEAK_GLK_OTHER_G, count) || !put_near_others(events, out, count))
        return false;
    if (events->tables->has_unknown_gs)
        count_lost(events, out, count);
    return true;
}

/* In the order of the events: each may change what the next one's slot is known to be. */
static bool put_goids(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    const uint32_t own = GOLEAK_GLK_BIT(GOLEAK_GLK_GOID), other = GOLEAK_GLK_BIT(GOLEAK_GLK_OTHER_GOID);
    const uint64_t *values = events->values, *other_values = events->more_values;
    uint64_t *goids = events->tables->goids, lost = 0;
    const size_t nobody = events->tables->slot_count; /* of events without a g */
    if ((events->any & (own | other | GOLEAK_GLK_KNOWS_GOID | GOLEAK_GLK_KNOWS_OTHER_GOID)) == 0)
        return true;
    if ((HAS(GOLEAK_GLK_GOID) && !next_of_those(events, GOLEAK_GLK_GOID, events->values, count)) ||
        (HAS(GOLEAK_GLK_OTHER_GOID) && !next_of_those(events, GOLEAK_GLK_OTHER_GOID, events->more_values, count)))
        return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t fields = events->fields[i];
        if (fields & (own | GOLEAK_GLK_KNOWS_GOID)) {
            size_t slot = fields & GOLEAK_GLK_TELLS_G ? events->slots[i] : nobody;
            uint64_t goid = fields & own ? *values++ : goids[slot];
            goids[slot] = goid;
            out[i].goid = goid;
            if (goid == 0 && (fields & own) == 0)
                out[i].has &= ~GOLEAK_HAS_GOID, lost++;
        }
        if (fields & (other | GOLEAK_GLK_KNOWS_OTHER_GOID)) {
            size_t slot = fields & GOLEAK_GLK_TELLS_OTHER ? events->others[i] : nobody;
            uint64_t goid = fields & other ? *other_values++ : goids[slot];
            goids[slot] = goid;
            out[i].other_goid = goid;
            if (goid == 0 && (fields & other) == 0)
                out[i].has &= ~GOLEAK_HAS_OTHER_GOID, lost++;
        }
    }
    goids[nobody] = 0;
    events->lost_goids += lost;
    return true;
}

static bool put_positions(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    const uint64_t *values = events->values, *lanes = events->more_values;
    uint64_t folded = events->lanes[0], before = folded, highest = 0;
    if (!HAS_PLACES)
        return true;
    if ((HAS(GOLEAK_GLK_POSITION) && !next_of_those(events, GOLEAK_GLK_POSITION, events->values, count)) ||
        (HAS(GOLEAK_GLK_LANE) && !next_of_those(events, GOLEAK_GLK_LANE, events->more_values, count)))
        return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t step = out[i].position - before; /* what its shape adds */
        before = out[i].position;
        uint32_t fields = events->fields[i];
        size_t own = fields >> GOLEAK_GLK_POSITION & 1, lane = fields >> GOLEAK_GLK_LANE & 1;
        size_t at = lane != 0 ? *lanes & (GOLEAK_GLK_LANES - 1) : 0;
        highest |= lane != 0 ? *lanes : 0;
        events->lanes[at] += step + (own != 0 ? *values : 0);
        out[i].position = events->lanes[at];
        values += own;
        lanes += lane;
    }
    if (highest >= GOLEAK_GLK_LANES)
        events->problem = "found the lane of a position that is above 255";
    return highest < GOLEAK_GLK_LANES;
}

/* A value of its own goes on from there. */
static bool put_counts(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    uint32_t more = 0;
    if (HAS(GOLEAK_GLK_COUNT)) {
        const uint64_t *values = events->values;
        if (!next_of_those(events, GOLEAK_GLK_COUNT, events->values, count))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (events->fields[i] >> GOLEAK_GLK_COUNT & 1)
                more = (uint32_t)*values++ - (uint32_t)out[i].count;
            out[i].count = (int32_t)((uint32_t)out[i].count + more);
        }
        events->last_count = (int32_t)((uint32_t)events->last_count + more);
    }
    more = 0;
    if (HAS(GOLEAK_GLK_BLOCKED)) {
        const uint64_t *values = events->values;
        if (!next_of_those(events, GOLEAK_GLK_BLOCKED, events->values, count))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (events->fields[i] >> GOLEAK_GLK_BLOCKED & 1) {
                const uint32_t before = more;
                more = (uint32_t)*values++ - (uint32_t)out[i].blocked_count;
                events->goes_on = events->goes_on && (int32_t)(more - before) <= 0;
            }
            out[i].blocked_count = (int32_t)((uint32_t)out[i].blocked_count + more);
        }
        events->last_blocked = (int32_t)((uint32_t)events->last_blocked + more);
    }
    return true;
}

static uint64_t text_of(const struct goleak_glk_events *events, uint64_t number)
{
    return goleak_glk_id(&events->tables->strings, number);
}

/* Arguments that are texts become ids of ours. */
static void put_texts(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    if ((events->any & (GOLEAK_GLK_TEXT_LOCK | GOLEAK_GLK_TEXT_CHAN | GOLEAK_GLK_TEXT_ELEM)) == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        uint32_t fields = events->fields[i];
        if (fields & GOLEAK_GLK_TEXT_LOCK)
            out[i].lock = text_of(events, out[i].lock);
        if (fields & GOLEAK_GLK_TEXT_CHAN)
            out[i].chan = text_of(events, out[i].chan);
        if (fields & GOLEAK_GLK_TEXT_ELEM)
            out[i].elem = text_of(events, out[i].elem);
    }
}

/* What is in a hole of the tables is not told, and neither is number 0, which is none: that
 * alone is as it should be. Of the events that have the field, by the values at hand. */
static void drop_untold(struct goleak_glk_events *events, struct goleak_event *out, size_t count,
                        enum goleak_glk_field field)
{
    const uint64_t *values = events->values;
    const bool stack = field == GOLEAK_GLK_STACK;
    const uint32_t bit = stack ? GOLEAK_HAS_STACK : GOLEAK_HAS_START;
    for (size_t i = 0; i < count; i++) {
        if ((events->fields[i] >> field & 1) == 0)
            continue;
        bool none = *values++ == 0;
        if ((out[i].has & bit) == 0 || (stack ? out[i].stack : out[i].name) != 0)
            continue;
        out[i].has &= ~bit;
        *(stack ? &events->lost_stacks : &events->lost_names) += !none;
    }
}

static bool put_names(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    const struct goleak_glk_ids *strings = &events->tables->strings, *stacks = &events->tables->stacks;
    uint32_t untold = 0;
    SPREAD(GOLEAK_GLK_NAME, {
        out[i].name = goleak_glk_id(strings, value);
        untold |= out[i].name == 0;
    });
    if (untold != 0)
        drop_untold(events, out, count, GOLEAK_GLK_NAME);
    untold = 0;
    SPREAD(GOLEAK_GLK_STACK, {
        out[i].stack = goleak_glk_id(stacks, value);
        untold |= out[i].stack == 0;
    });
    if (untold != 0)
        drop_untold(events, out, count, GOLEAK_GLK_STACK);
    return true;
}

static bool put_values(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    SPREAD(GOLEAK_GLK_TIME, out[i].time_ns = (int64_t)value);
    SPREAD(GOLEAK_GLK_LOCK, out[i].lock = value);
    SPREAD(GOLEAK_GLK_CHAN, out[i].chan = value);
    SPREAD(GOLEAK_GLK_ELEM, out[i].elem = value);
    SPREAD(GOLEAK_GLK_GOPC, out[i].gopc = value);
    SPREAD(GOLEAK_GLK_STARTPC, out[i].startpc = value);
    SPREAD(GOLEAK_GLK_CPU, out[i].cpu = (uint32_t)value);
    SPREAD(GOLEAK_GLK_TID, out[i].tid = (uint32_t)value);
    SPREAD(GOLEAK_GLK_PID, out[i].pid = (uint32_t)value);
    SPREAD(GOLEAK_GLK_UNTIL, {
        if (out[i].has & GOLEAK_HAS_UNTIL) /* else it is a goid's place */
            out[i].until_ns = (int64_t)value;
    });
    return true;
}

/* Behind the last event, no column has more. */
static bool check_columns(struct goleak_glk_events *events)
{
    for (size_t field = 0; field < GOLEAK_GLK_FIELDS; field++) {
        const struct goleak_glk_column *column = &events->columns[field];
        if (column->planes != NULL && column->at != column->count)
            events->problem = "found a column with more values than its events have";
    }
    return events->problem == NULL;
}

/* Kinds that this version does not know go by their word. */
static void put_unknown(struct goleak_glk_events *events, struct goleak_event *out, size_t count)
{
    for (size_t i = 0; events->has_unknown && i < count; i++) {
        size_t number = events->numbers[events->at + i];
        if (events->wide)
            number |= (size_t)events->numbers[events->count + events->at + i] << 8;
        uint8_t kind = number < events->shape_count ? events->shapes[number].unknown : 0;
        if (kind == 0)
            continue;
        out[i].name = events->tables->words[kind];
        out[i].has &= ~GOLEAK_HAS_START; /* the word is no function */
        events->unknown++;
    }
}

/* The slots of g before their turn, where each event has one of its own. */
static bool decode_ahead(struct goleak_glk_events *events, size_t count)
{
    return events->tables->slot_count > FEW && (events->all >> GOLEAK_GLK_G & 1) && !HAS(GOLEAK_GLK_BACK) &&
           next_values(events, GOLEAK_GLK_G, events->values, count);
}

enum goleak_status goleak_glk_events_next(struct goleak_glk_events *events, struct goleak_batch *batch, size_t count,
                                          const char **problem)
{
    struct goleak_event *out = batch->events + batch->count;
    *problem = NULL;
    events->ahead = decode_ahead(events, count);
    put_shapes(events, out, count);
    if (!put_gs(events, out, count) || !put_goids(events, out, count) || !put_counts(events, out, count) ||
        !put_positions(events, out, count) || !put_names(events, out, count) || !put_values(events, out, count) ||
        (events->at + count == events->count && !check_columns(events)))
        *problem = events->problem != NULL
                       ? events->problem
                       : "found a column with fewer values than its events have, or with such as cannot be read";
    else if (events->unlisted)
        *problem = "found an event of a shape that is not in the list";
    if (events->failed)
        return goleak_alloc_failure(events->tables->alloc);
    if (*problem != NULL)
        return GOLEAK_OK;
    put_texts(events, out, count);
    put_unknown(events, out, count);
    batch->count += count;
    events->at += count;
    return GOLEAK_OK;
}
