/* keyed_plan - lines that are like lines before them: by a plan, and by a shape. See keyed.h. */
#include "format/keyed_keys.h"

/* Where a text ends: before the next key, or at the line's end. NULL: at a key that
 * is not the planned one, or what the general way reads otherwise. */
static const char *plan_text(const struct goleak_key_step *next, const char *at, const char *limit)
{
    for (const char *from = at; (at = goleak_find_blank(at, limit)) < limit; at++) {
        if (*at == '\n')
            return at > from && at[-1] != ' ' && at[-1] != '\r' ? at : NULL;
        if (*at == '\0')
            return NULL;
        if (*at != ' ')
            continue;
        if (next != NULL && goleak_word_at(&next->word, at))
            return at;
        if (goleak_key_end(at + 1, limit) != NULL)
            return NULL;
    }
    return NULL;
}

/* What the general way would not take for an event of this name. */
static bool lacks_goroutine(const struct goleak_key_plan *plan, const struct goleak_event *event)
{
    const uint32_t nobodys = 1u << GOLEAK_EVENT_SPAWN | 1u << GOLEAK_EVENT_COUNTERS | 1u << GOLEAK_EVENT_TICK;
    if (plan->event_name != 0)
        return !goleak_keyed_names_goroutine(event);
    return (nobodys >> plan->kind & 1) == 0 && (event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) == 0;
}

const char *goleak_keyed_plan_run(struct goleak_keyed *keyed, const struct goleak_key_plan *plan, const char *at,
                                  const char *limit, struct goleak_event *event)
{
    goleak_event_begin(event, plan->kind);
    for (const struct goleak_key_step *step = plan->steps, *stop = step + plan->count; step < stop; step++) {
        uint64_t number;
        int32_t integer;
        char *place = (char *)event + step->offset;
        if (at >= limit || !goleak_word_at(&step->word, at))
            return NULL;
        const char *value = at + step->word.size;
        switch ((enum goleak_key_run)step->run) {
        case GOLEAK_RUN_HEX_8:
            at = goleak_fast_hex(value, &number);
            memcpy(place, &number, 8);
            event->has |= number != 0 ? step->has : step->has_zero;
            break;
        case GOLEAK_RUN_DEC_8:
            at = goleak_fast_u64(value, &number); /* 18 digits are below 2^63 */
            memcpy(place, &number, 8);
            event->has |= number != 0 ? step->has : step->has_zero;
            break;
        case GOLEAK_RUN_DEC_4: {
            at = goleak_fast_u64(value, &number);
            uint32_t half = (uint32_t)number;
            memcpy(place, &half, 4);
            event->has |= step->has;
            if (number > UINT32_MAX)
                return NULL;
            break;
        }
        case GOLEAK_RUN_DEC_1:
            at = goleak_fast_u64(value, &number);
            *(uint8_t *)place = (uint8_t)number;
            event->has |= step->has;
            if (number > UINT8_MAX)
                return NULL;
            break;
        case GOLEAK_RUN_OTHER_NUMBER:
            if (step->how == GOLEAK_HOW_ANY && value[0] == '0' && value[1] == 'x')
                at = goleak_fast_hex(value += 2, &number);
            else
                at = step->how == GOLEAK_HOW_HEX ? goleak_fast_hex(value, &number) : goleak_fast_u64(value, &number);
            if (!goleak_key_put_number(event, step->place, number))
                return NULL;
            break;
        case GOLEAK_RUN_SIGNED:
            at = goleak_fast_i32(value, &integer);
            if (!goleak_key_put_signed(event, step->place, integer))
                return NULL;
            break;
        case GOLEAK_RUN_TEXT:
            at = plan_text(step + 1 < stop ? step + 1 : NULL, value, limit);
            if (at == NULL || (step->how == GOLEAK_HOW_FUNCTION && !goleak_key_put_function(keyed, event, value, at)))
                return NULL;
            continue;
        }
        if (at == value)
            return NULL;
    }
    if (lacks_goroutine(plan, event))
        return NULL;
    if (plan->event_name != 0) {
        event->name = plan->event_name;
        event->has &= ~GOLEAK_HAS_START;
    }
    return at;
}

const char *goleak_keyed_shape_run(struct goleak_keyed *keyed, const char *at, struct goleak_event *event)
{
    const char *end, *text;
    const struct goleak_shape *shape = goleak_shapes_read(&keyed->shapes, at, event, &end);
    if (shape == NULL)
        return NULL;
    text = at + shape->text_at;
    if (shape->text_size != 0 && !goleak_key_put_function(keyed, event, text, text + shape->text_size))
        return NULL;
    return end;
}

/* What a step's number is to a shape; GOLEAK_SHAPE_FIELDS: it is for the plan alone. */
static enum goleak_shape_field field_of(const struct goleak_key_plan *plan, const struct goleak_key_step *step,
                                        uint32_t *has)
{
    static const uint8_t fields[] = {
        [GOLEAK_PLACE_G] = GOLEAK_SHAPE_G,
        [GOLEAK_PLACE_GOID] = GOLEAK_SHAPE_GOID,
        [GOLEAK_PLACE_PARENT] = GOLEAK_SHAPE_OTHER_G,
        [GOLEAK_PLACE_PARENT_GOID] = GOLEAK_SHAPE_OTHER_GOID,
        [GOLEAK_PLACE_BY] = GOLEAK_SHAPE_OTHER_G,
        [GOLEAK_PLACE_BY_GOID] = GOLEAK_SHAPE_OTHER_GOID,
        [GOLEAK_PLACE_REASON] = GOLEAK_SHAPE_REASON,
        [GOLEAK_PLACE_WAIT] = GOLEAK_SHAPE_WAIT,
        [GOLEAK_PLACE_BLOCKED] = GOLEAK_SHAPE_FIELDS,
        [GOLEAK_PLACE_COUNT] = GOLEAK_SHAPE_FIELDS,
        [GOLEAK_PLACE_BLOCKED_COUNT] = GOLEAK_SHAPE_FIELDS,
        [GOLEAK_PLACE_TIME] = GOLEAK_SHAPE_TIME,
        [GOLEAK_PLACE_CPU] = GOLEAK_SHAPE_CPU,
        [GOLEAK_PLACE_TID] = GOLEAK_SHAPE_TID,
        [GOLEAK_PLACE_PID] = GOLEAK_SHAPE_PID,
        [GOLEAK_PLACE_LOCK] = GOLEAK_SHAPE_LOCK,
        [GOLEAK_PLACE_CHAN] = GOLEAK_SHAPE_CHAN,
        [GOLEAK_PLACE_ELEM] = GOLEAK_SHAPE_ELEM,
        [GOLEAK_PLACE_GOPC] = GOLEAK_SHAPE_GOPC,
        [GOLEAK_PLACE_STARTPC] = GOLEAK_SHAPE_STARTPC,
        [GOLEAK_PLACE_STATUS] = GOLEAK_SHAPE_STATUS,
        [GOLEAK_PLACE_FUNCTION] = GOLEAK_SHAPE_FIELDS,
        [GOLEAK_PLACE_UNTIL] = GOLEAK_SHAPE_OTHER_GOID, /* one field of the event */
        [GOLEAK_PLACE_CALLER] = GOLEAK_SHAPE_NOTHING,
        [GOLEAK_PLACE_NOTHING] = GOLEAK_SHAPE_NOTHING,
    };
    *has = step->has;
    if (step->place != GOLEAK_PLACE_CALLER || plan->kind != GOLEAK_EVENT_SPAWN)
        return (enum goleak_shape_field)fields[step->place];
    *has = GOLEAK_HAS_GOPC; /* as put_number does */
    return GOLEAK_SHAPE_GOPC;
}

/* A step's value in a shape: up to the next blank. */
static void shape_value(const struct goleak_key_plan *plan, const struct goleak_key_step *step, const char *at,
                        size_t size, struct goleak_shape_draft *draft)
{
    uint32_t has;
    enum goleak_shape_field field = field_of(plan, step, &has);
    if (step->run == GOLEAK_RUN_TEXT)
        goleak_shape_text(draft, at, size, step->how == GOLEAK_HOW_FUNCTION);
    else if (field == GOLEAK_SHAPE_FIELDS ||
             (step->how != GOLEAK_HOW_HEX && step->how != GOLEAK_HOW_DEC && step->how != GOLEAK_HOW_GOID))
        draft->failed = true;
    else
        goleak_shape_number(draft, field, step->how == GOLEAK_HOW_HEX, at, size, has);
}

void goleak_keyed_shape(const struct goleak_key_plan *plan, const char *at, struct goleak_shape_draft *draft)
{
    const uint32_t nobodys = 1u << GOLEAK_EVENT_SPAWN | 1u << GOLEAK_EVENT_COUNTERS | 1u << GOLEAK_EVENT_TICK;
    draft->failed = draft->failed || plan->event_name != 0; /* these need more than a number for their goroutine */
    for (const struct goleak_key_step *step = plan->steps, *stop = step + plan->count; step < stop; step++) {
        const char *value = at + step->word.size;
        for (at = value; (unsigned char)*at > ' ';)
            at++;
        bool ends = step + 1 == stop ? *at == '\n' : goleak_word_at(&step[1].word, at);
        draft->failed = draft->failed || !ends;
        if (draft->failed)
            return;
        shape_value(plan, step, value, (size_t)(at - value), draft);
    }
    if ((nobodys >> plan->kind & 1) == 0)
        draft->shape.needs = GOLEAK_HAS_G | GOLEAK_HAS_GOID;
}
