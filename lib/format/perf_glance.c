/* perf_glance - see perf_glance.h. */
#include "format/perf_glance.h"

#include "base/hash.h"
#include "format/textual.h"

void goleak_perf_glance_note(struct goleak_perf_glance *glance, const struct goleak_perf_head *head)
{
    glance->columns = head->has;
    glance->has_period = head->has_period;
    glance->comm_size = (size_t)(head->comm_end - head->comm);
    if (glance->comm_size > glance->front_size) /* what is kept begins with a shorter name */
        glance->front_size = 0;
    if (glance->comm_size <= sizeof glance->comm)
        memcpy(glance->comm, head->comm, glance->comm_size);
    if (!goleak_word_set(&glance->comm_word, head->comm, glance->comm_size))
        glance->comm_word.size = 0;
}

static bool is_comm(const struct goleak_perf_glance *glance, const char *at)
{
    size_t size = glance->comm_size;
    if (size == 0 || size > sizeof glance->comm || at[size] != ' ')
        return false;
    return glance->comm_word.size != 0 ? goleak_word_at(&glance->comm_word, at) : memcmp(at, glance->comm, size) == 0;
}

/* Of at least 8 bytes. */
static bool is_same(const char *a, const char *b, size_t size)
{
    uint64_t differ = goleak_load64(a + size - 8) ^ goleak_load64(b + size - 8);
    for (size_t i = 0; i + 8 < size; i += 8)
        differ |= goleak_load64(a + i) ^ goleak_load64(b + i);
    return differ == 0;
}

static struct goleak_perf_front *front_at(struct goleak_perf_glance *glance, const char *at, size_t size)
{
    uint64_t hash = goleak_load64(at + size - 8) ^ goleak_load64(at + size - 16) * 0x9e3779b97f4a7c15u ^
                    goleak_load64(at + glance->comm_size) * 0xc2b2ae3d27d4eb4fu;
    return &glance->fronts[goleak_hash_u64(hash) % GOLEAK_PERF_FRONTS];
}

/* What the line begins with, if another began so. */
static const struct goleak_perf_front *find_front(struct goleak_perf_glance *glance, const char *at)
{
    size_t size = glance->front_size;
    if (size == 0)
        return NULL;
    const struct goleak_perf_front *front = front_at(glance, at, size);
    return front->size == size && is_same(front->text, at, size) ? front : NULL;
}

static void keep_front(struct goleak_perf_glance *glance, const char *at, size_t size,
                       const struct goleak_perf_front *front)
{
    if (size < 16 || size > GOLEAK_PERF_FRONT_BYTES)
        return;
    struct goleak_perf_front *kept = front_at(glance, at, size);
    *kept = *front;
    memcpy(kept->text, at, size);
    kept->size = glance->front_size = (uint8_t)size;
}

/* Reads the columns, up to behind the point of the seconds if there are any; NULL: they differ. */
static const char *read_front(struct goleak_perf_glance *glance, const char *at, const char *limit,
                              struct goleak_perf_front *front)
{
    uint64_t number;
    const char *before, *start = at;
    *front = (struct goleak_perf_front) { .comm_size = (uint8_t)glance->comm_size, .has = glance->columns };
    if (!is_comm(glance, at) || (at = goleak_fast_blanks(at + glance->comm_size, limit)) >= limit)
        return NULL;
    if (glance->columns & GOLEAK_HAS_TID) {
        before = at;
        at = goleak_fast_u64(at, &number);
        if (at == before || number > UINT32_MAX)
            return NULL;
        front->tid = (uint32_t)number;
        if (glance->columns & GOLEAK_HAS_PID) {
            front->pid = front->tid;
            if (*at != '/')
                return NULL;
            before = ++at;
            at = goleak_fast_u64(at, &number);
            if (at == before || number > UINT32_MAX)
                return NULL;
            front->tid = (uint32_t)number;
        }
        if (*at != ' ' || (at = goleak_fast_blanks(at, limit)) >= limit)
            return NULL;
    }
    if (glance->columns & GOLEAK_HAS_CPU) {
        if (*at != '[')
            return NULL;
        before = ++at;
        at = goleak_fast_u64(at, &number);
        if (at == before || number > UINT32_MAX || *at != ']' || at[1] != ' ')
            return NULL;
        front->cpu = (uint32_t)number;
        if ((at = goleak_fast_blanks(at + 1, limit)) >= limit)
            return NULL;
    }
    if (glance->columns & GOLEAK_HAS_TIME) {
        before = at;
        at = goleak_fast_u64(at, &front->seconds);
        if (at++ == before || at[-1] != '.' || front->seconds >= 9000000000u)
            return NULL;
        keep_front(glance, start, (size_t)(at - start), front);
    }
    return at;
}

/* What a line was read by. */
struct read_by {
    uint32_t columns;
    uint8_t comm_size;
    const struct goleak_perf_probe *probe;
    const struct goleak_key_plan *plan;
    const char *arguments;
};

/* An event like the ones before, with its columns; returns its newline, NULL: it differs. */
static const char *read_event(struct goleak_perf_glance *glance, struct goleak_keyed *keyed, const char *at,
                              const char *limit, struct goleak_event *event, struct read_by *by)
{
    uint64_t number, fraction, address;
    int64_t time_ns = 0;
    const char *before;
    struct goleak_perf_front read;
    const struct goleak_perf_front *front = find_front(glance, at);
    if (front != NULL) {
        at += front->size;
    } else if ((at = read_front(glance, at, limit, &read)) != NULL) {
        front = &read;
    } else {
        return NULL;
    }
    if (front->has & GOLEAK_HAS_TIME) {
        before = at;
        at = goleak_fast_u64(at, &fraction);
        if (at - before == 6)
            fraction *= 1000;
        else if (at - before != 9)
            return NULL;
        if (at[0] != ':' || at[1] != ' ')
            return NULL;
        time_ns = (int64_t)(front->seconds * 1000000000 + fraction);
        if ((at = goleak_fast_blanks(at + 1, limit)) >= limit)
            return NULL;
    }
    if (glance->has_period) {
        before = at;
        at = goleak_fast_u64(at, &number);
        if (at == before || *at != ' ')
            return NULL;
        if ((at = goleak_fast_blanks(at, limit)) >= limit)
            return NULL;
    }
    if (limit - at < 128)
        return NULL;
    const char *stop = goleak_find_blank(at, at + sizeof glance->probes[0].name);
    if (stop >= at + sizeof glance->probes[0].name || *stop != ' ' || stop[-1] != ':' || stop - at < 9 ||
        stop > limit - 128)
        return NULL;
    struct goleak_perf_probe *probe = &glance->probes[goleak_perf_probe_slot(stop - 1)];
    if (probe->size != (size_t)(stop - 1 - at) || !is_same(probe->name, at, probe->size) || !probe->known ||
        stop[1] != '(')
        return NULL;
    at = goleak_fast_hex(stop + 2, &address);
    bool returns = at[0] == ' ' && at[1] == '<' && at[2] == '-' && at[3] == ' ';
    if (returns)
        at = goleak_fast_hex(at + 4, &address);
    if (at[0] != ')' || at[1] != ' ')
        return NULL;
    const struct goleak_key_plan *plan = returns ? &probe->leave : &probe->entry;
    if (plan->count == 0 || (probe->returns_by_name && !returns) || at[2] == ' ')
        return NULL;
    *by = (struct read_by) { front->has, front->comm_size, probe, plan, at + 2 };
    at = goleak_keyed_plan_run(keyed, plan, at + 2, limit, event);
    if (at == NULL || *at != '\n' || !goleak_perf_is_told(event))
        return NULL;
    const struct goleak_perf_head head = {
        .has = front->has, .pid = front->pid, .tid = front->tid, .cpu = front->cpu, .time_ns = time_ns
    };
    goleak_perf_put_columns(event, &head);
    if (plan->kind == GOLEAK_EVENT_OTHER) {
        event->has &= ~GOLEAK_HAS_START;
        event->name = probe->event_name;
    }
    return at;
}

/* The number at *at, which moves behind it. */
static void learn_number(struct goleak_shape_draft *draft, const char **at, enum goleak_shape_field field, uint32_t has)
{
    size_t digits = 0;
    while ((*at)[digits] >= '0' && (*at)[digits] <= '9')
        digits++;
    goleak_shape_number(draft, field, false, *at, digits, has);
    *at += digits;
}

/* The shape of a line that read_event has read. */
static void learn_shape(const struct goleak_perf_glance *glance, struct goleak_keyed *keyed, const char *at,
                        const char *newline, const struct read_by *by)
{
    struct goleak_shape_draft draft;
    goleak_shape_begin(&draft, at, newline, by->plan->kind);
    at = goleak_skip_blanks(at + by->comm_size, newline);
    if (by->columns & GOLEAK_HAS_PID) {
        learn_number(&draft, &at, GOLEAK_SHAPE_PID, GOLEAK_HAS_PID);
        at++;
    }
    if (by->columns & GOLEAK_HAS_TID) {
        learn_number(&draft, &at, GOLEAK_SHAPE_TID, GOLEAK_HAS_TID);
        at = goleak_skip_blanks(at, newline);
    }
    if (by->columns & GOLEAK_HAS_CPU) {
        at++;
        learn_number(&draft, &at, GOLEAK_SHAPE_CPU, GOLEAK_HAS_CPU);
        at = goleak_skip_blanks(at + 1, newline);
    }
    if (by->columns & GOLEAK_HAS_TIME) {
        learn_number(&draft, &at, GOLEAK_SHAPE_SECONDS, 0);
        at++;
        learn_number(&draft, &at, GOLEAK_SHAPE_FRACTION, GOLEAK_HAS_TIME);
        at = goleak_skip_blanks(at + 1, newline);
    }
    if (glance->has_period)
        learn_number(&draft, &at, GOLEAK_SHAPE_NOTHING, 0);
    goleak_keyed_shape(by->plan, by->arguments, &draft);
    if (by->plan->kind == GOLEAK_EVENT_SPAWN)
        draft.shape.needs = GOLEAK_PERF_SPAWNER;
    if (by->plan->kind == GOLEAK_EVENT_OTHER) {
        draft.shape.name = by->probe->event_name;
        draft.failed = draft.failed || draft.shape.text_size != 0;
    }
    goleak_shapes_keep(&keyed->shapes, &draft);
}

const char *goleak_perf_glance_event(struct goleak_perf_glance *glance, struct goleak_keyed *keyed, const char *at,
                                     const char *limit, struct goleak_event *event)
{
    struct read_by by;
    const char *newline = read_event(glance, keyed, at, limit, event, &by);
    if (newline != NULL)
        learn_shape(glance, keyed, at, newline, &by);
    return newline;
}
