/*
 * lives - order by the lives of goroutines.
 *
 * The article's scripts print only goroutines whose creation they have printed:
 * so a park or an end of one that does not live, or a creation of one that does,
 * was printed before a line that it follows in time. Such a line opens a queue
 * for its goroutine. The queue is kept until its first line is possible, and a
 * little longer, for the lines of the other CPU that come with the missing one:
 *
 *      printed on CPU 0    … destroy g, create g, park g …
 *      printed on CPU 1    … create g, park g …            happened before
 *
 * Here CPU 0's destroy waits for a create. It takes the first that comes, which may
 * be its own CPU's: of an address that is used again at once, and without the CPU
 * column, nothing tells the two apart, and only the number of lives is sure then,
 * not which park was the last. What never becomes possible goes when the queues
 * are full or the recording ends, as it was printed.
 */
#include "replay/order.h"

#include "base/bits.h"

#include <inttypes.h>
#include <string.h>

#define NONE UINT32_MAX
#define WAITING_LIMIT ((size_t)32768) /* lines: as many as recorders' buffers hold */
#define COMPANY_LINES 64 /* lines that may belong with the one that opened a queue */

static uint16_t *first_of(struct goleak_lives *lives, uint64_t g)
{
    return &lives->first[goleak_hash_u64(g) >> 51];
}

static struct goleak_life *find_life(struct goleak_lives *lives, uint64_t g)
{
    for (uint16_t at = *first_of(lives, g); at != 0; at = lives->lives[at - 1].next)
        if (lives->lives[at - 1].g == g)
            return &lives->lives[at - 1];
    return NULL;
}

/* There is a free place: keep() sees to it. */
static struct goleak_life *open_life(struct goleak_order *order, uint64_t g)
{
    struct goleak_lives *lives = &order->lives;
    if (lives->lives == NULL &&
        (lives->lives = goleak_alloc_array(order->alloc, GOLEAK_LIVES, sizeof *lives->lives)) == NULL)
        return NULL;
    size_t word = 0;
    while (lives->used[word] == UINT64_MAX)
        word++;
    unsigned bit = goleak_low_zeros(~lives->used[word]);
    lives->used[word] |= (uint64_t)1 << bit;
    struct goleak_life *life = &lives->lives[word * 64 + bit];
    *life = (struct goleak_life) { g, NONE, NONE, 0, 0, *first_of(lives, g) };
    *first_of(lives, g) = (uint16_t)(word * 64 + bit + 1);
    lives->living++;
    return life;
}

static void close_queue(struct goleak_lives *lives, struct goleak_life *life)
{
    size_t place = (size_t)(life - lives->lives);
    goleak_clear_bit(lives->open, place);
    life->opened = 0;
}

static void close_life(struct goleak_lives *lives, struct goleak_life *life)
{
    size_t place = (size_t)(life - lives->lives);
    uint16_t *at = first_of(lives, life->g);
    while (*at != place + 1)
        at = &lives->lives[*at - 1].next;
    *at = life->next;
    goleak_clear_bit(lives->used, place);
    close_queue(lives, life);
    lives->living--;
}

/* The first place at or behind `from` whose bit is set; GOLEAK_LIVES: there is none. */
static size_t next_life(const uint64_t *places, size_t from)
{
    for (size_t word = from / 64; word < GOLEAK_LIVES / 64; word++, from = word * 64) {
        uint64_t bits = places[word] >> from % 64 << from % 64;
        if (bits != 0)
            return word * 64 + goleak_low_zeros(bits);
    }
    return GOLEAK_LIVES;
}

/* Who spawned it is named now: its own lines do not wait. */
static enum goleak_status append(struct goleak_order *order, struct goleak_life *life, const struct goleak_event *event)
{
    struct goleak_lives *lives = &order->lives;
    uint32_t at = lives->free_lines;
    if (at != NONE) {
        lives->free_lines = lives->lines[at].next;
    } else {
        if (!goleak_grow(order->alloc, &lives->lines, &lives->line_capacity, lives->line_count + 1,
                         sizeof *lives->lines))
            return goleak_alloc_failure(order->alloc);
        at = (uint32_t)lives->line_count++;
    }
    lives->lines[at] = (struct goleak_life_line){ *event, NONE };
    lives->lines[at].event.flags |= GOLEAK_FLAG_NAMED;
    if (life->head == NONE)
        life->head = at;
    else
        lives->lines[life->tail].next = at;
    life->tail = at;
    lives->waiting++;
    return event->kind == GOLEAK_EVENT_CREATE ? goleak_replay_name(order->replay, event) : GOLEAK_OK;
}

static enum goleak_status replay_one(struct goleak_order *order, const struct goleak_event *event,
                                     enum goleak_replay_mode mode)
{
    size_t done;
    return goleak_replay_run(order->replay, event, 1, mode, &done);
}

static void note(struct goleak_order *order, const struct goleak_event *event, bool forced)
{
    /* A creation that nothing came before is not late: an end is missing, and the
     * replay says so. */
    if (forced && event->kind == GOLEAK_EVENT_CREATE)
        return;
    enum goleak_health_id id = forced ? GOLEAK_HEALTH_late_events : GOLEAK_HEALTH_reordered;
    char who[GOLEAK_GOROUTINE_TEXT];
    goleak_health_note_at(order->health, id, 1, event->position, "the %s of %s %s",
                          goleak_event_kind_name((enum goleak_event_kind)event->kind),
                          goleak_event_who(order->health, id, event, who),
                          forced ? "fits nowhere in the life that was recorded of it"
                                 : "is printed before what must have happened before it");
}

/* Does this line, now possible, wait for others that may come yet? Behind a creation
 * that another CPU's buffer held back stand the first lines of that life: they come
 * before an end, and before a park, unless it was only printed some lines early. */
static bool wants_company(const struct goleak_event *event, uint64_t position)
{
    return event->kind == GOLEAK_EVENT_END ||
           (event->kind == GOLEAK_EVENT_PARK && position - event->position > GOLEAK_GATE_LINES);
}

enum extent { WITH_COMPANY, AS_ALLOWED, ALL };

/* A park was replayed where nothing was left to wait for: has it started another goroutine since it was printed? */
static enum goleak_status wake_spawner(struct goleak_order *order, const struct goleak_life *life,
                                       const struct goleak_event *park)
{
    if (park->kind != GOLEAK_EVENT_PARK || life->named <= park->position)
        return GOLEAK_OK;
    struct goleak_event named = *park;
    named.has = (named.has & (GOLEAK_HAS_PID | GOLEAK_HAS_TID)) | GOLEAK_HAS_OTHER;
    named.other_g = park->g;
    named.flags = 0;
    return goleak_replay_name(order->replay, &named);
}

/* Replays the queue as far as the goroutine's life allows, also without company; or
 * all of it. */
static enum goleak_status run_queue(struct goleak_order *order, struct goleak_life *life, enum extent extent,
                                    uint64_t position)
{
    struct goleak_lives *lives = &order->lives;
    bool as_printed = false; /* nothing overtook what is left */
    while (life->head != NONE) {
        struct goleak_life_line *line = &lives->lines[life->head];
        if (extent == WITH_COMPANY && wants_company(&line->event, position))
            break;
        enum goleak_status status = replay_one(order, &line->event, GOLEAK_REPLAY_ASK);
        bool forced = status == GOLEAK_END;
        if (forced && extent != ALL)
            break;
        if (forced)
            status = replay_one(order, &line->event, GOLEAK_REPLAY_FORCE);
        if (forced && status == GOLEAK_OK)
            status = wake_spawner(order, life, &line->event);
        if (status != GOLEAK_OK)
            return status;
        as_printed = as_printed || forced;
        if (forced || !as_printed)
            note(order, &line->event, forced);
        uint32_t next = line->next;
        line->next = lives->free_lines;
        lives->free_lines = life->head;
        life->head = next;
        lives->waiting--;
    }
    if (life->head == NONE)
        close_life(lives, life);
    else
        close_queue(lives, life);
    return GOLEAK_OK;
}

static enum goleak_status keep(struct goleak_order *order, struct goleak_life *life, const struct goleak_event *event)
{
    if (life == NULL)
        life = open_life(order, event->g);
    if (life == NULL)
        return goleak_alloc_failure(order->alloc);
    enum goleak_status status = append(order, life, event);
    if (status != GOLEAK_OK)
        return status;
    if (order->lives.waiting < WAITING_LIMIT && order->lives.living < GOLEAK_LIVES)
        return GOLEAK_OK;
    return goleak_lives_flush(order); /* all at once: each by itself would cost a search */
}

/* Positions are the input's own: of a hostile one they may be any numbers. */
static bool is_due(const struct goleak_lives *lives, uint64_t position)
{
    return position >= lives->due && lives->due != UINT64_MAX;
}

static void expect_company(struct goleak_lives *lives, uint64_t opened)
{
    uint64_t due = opened < UINT64_MAX - COMPANY_LINES ? opened + COMPANY_LINES : UINT64_MAX;
    if (due < lives->due)
        lives->due = due;
}

/* The queue may go, and goes when its company has had time to come. */
static void open_queue(struct goleak_lives *lives, struct goleak_life *life, uint64_t position)
{
    if (life->opened != 0)
        return;
    size_t place = (size_t)(life - lives->lives);
    goleak_set_bit(lives->open, place);
    life->opened = position;
    expect_company(lives, position);
}

/* Runs the queues whose company has had its time. */
static enum goleak_status run_due(struct goleak_order *order, uint64_t position)
{
    struct goleak_lives *lives = &order->lives;
    lives->due = UINT64_MAX;
    for (size_t i = next_life(lives->open, 0); i < GOLEAK_LIVES; i = next_life(lives->open, i + 1)) {
        struct goleak_life *life = &lives->lives[i];
        if (position - life->opened < COMPANY_LINES) {
            expect_company(lives, life->opened);
            continue;
        }
        enum goleak_status status = run_queue(order, life, AS_ALLOWED, 0);
        if (status != GOLEAK_OK)
            return status;
    }
    return GOLEAK_OK;
}

/* The end that a waiting creation waited for. Parks that wait behind the creation
 * are of its life, but for those that were printed nearer to this end: they came
 * with it from another CPU, and are of the life that ends. */
static enum goleak_status end_before(struct goleak_order *order, struct goleak_life *life,
                                     const struct goleak_event *end)
{
    struct goleak_lives *lives = &order->lives;
    uint64_t created = lives->lines[life->head].event.position;
    for (uint32_t before = life->head, at; (at = lives->lines[before].next) != NONE;) {
        struct goleak_life_line *line = &lives->lines[at];
        bool of_this = line->event.kind == GOLEAK_EVENT_PARK &&
                       end->position - line->event.position < line->event.position - created;
        if (!of_this) {
            before = at;
            continue;
        }
        enum goleak_status status = replay_one(order, &line->event, GOLEAK_REPLAY_ASK);
        if (status < 0)
            return status;
        lives->lines[before].next = line->next;
        if (life->tail == at)
            life->tail = before;
        line->next = lives->free_lines;
        lives->free_lines = at;
        lives->waiting--;
    }
    return replay_one(order, end, GOLEAK_REPLAY_ASK);
}

/* Something waits: the spawner of this one, perhaps, which runs then. */
static void note_spawner(struct goleak_lives *lives, const struct goleak_event *event)
{
    if (event->kind != GOLEAK_EVENT_CREATE || (event->has & GOLEAK_HAS_OTHER) == 0)
        return;
    struct goleak_life *spawner = find_life(lives, event->other_g);
    if (spawner != NULL)
        spawner->named = event->position;
}

/* An event of a goroutine that has a queue. */
static enum goleak_status meet(struct goleak_order *order, struct goleak_life *life, const struct goleak_event *event)
{
    struct goleak_lives *lives = &order->lives;
    const struct goleak_event *first = &lives->lines[life->head].event;
    bool open = goleak_replay_allows(order->replay, first);
    if (open)
        open_queue(lives, life, event->position); /* by something of another CPU, just now */
    bool company = open && event->kind == GOLEAK_EVENT_PARK && event->position - life->opened < COMPANY_LINES;
    if (open && !company) {
        enum goleak_status status = run_queue(order, life, AS_ALLOWED, 0);
        if (status != GOLEAK_OK)
            return status;
        /* A park behind a creation that still waits is of that life; an end may well
         * be what the creation waits for. */
        if (life->head != NONE && event->kind == GOLEAK_EVENT_PARK)
            return keep(order, life, event);
    }
    bool behind_creation = life->head != NONE && !open && first->kind == GOLEAK_EVENT_CREATE;
    if (behind_creation && event->kind == GOLEAK_EVENT_PARK)
        return keep(order, life, event);
    enum goleak_status status = behind_creation && event->kind == GOLEAK_EVENT_END
                                    ? end_before(order, life, event)
                                    : replay_one(order, event, GOLEAK_REPLAY_ASK);
    if (status == GOLEAK_END)
        return keep(order, life->head != NONE ? life : NULL, event);
    if (status == GOLEAK_OK && life->head != NONE)
        status = run_queue(order, life, WITH_COMPANY, event->position);
    if (status == GOLEAK_OK && life->head != NONE &&
        goleak_replay_allows(order->replay, &lives->lines[life->head].event))
        open_queue(lives, life, event->position);
    return status;
}

enum goleak_status goleak_lives_push(struct goleak_order *order, const struct goleak_event *events, size_t count)
{
    struct goleak_lives *lives = &order->lives;
    for (size_t i = 0; i < count;) {
        struct goleak_life *life = NULL;
        size_t end = i;
        if (is_due(lives, events[i].position)) {
            enum goleak_status status = run_due(order, events[i].position);
            if (status != GOLEAK_OK)
                return status;
        }
        /* As many as there are without a queue. */
        if (lives->waiting == 0 && !is_due(lives, events[count - 1].position))
            end = count;
        for (; end < count && !is_due(lives, events[end].position); end++) {
            if (lives->waiting == 0)
                continue;
            note_spawner(lives, &events[end]);
            if ((life = find_life(lives, events[end].g)) != NULL)
                break;
        }
        size_t done = 0;
        enum goleak_status status =
            goleak_replay_run(order->replay, events + i, end - i, GOLEAK_REPLAY_ASK, &done);
        i += done;
        if (status == GOLEAK_END)
            status = keep(order, NULL, &events[i++]);
        else if (status == GOLEAK_OK && life != NULL)
            status = meet(order, life, &events[i++]);
        if (status != GOLEAK_OK)
            return status;
    }
    return GOLEAK_OK;
}

enum goleak_status goleak_lives_flush(struct goleak_order *order)
{
    struct goleak_lives *lives = &order->lives;
    for (size_t i = next_life(lives->used, 0); i < GOLEAK_LIVES; i = next_life(lives->used, i + 1)) {
        enum goleak_status status = run_queue(order, &lives->lives[i], ALL, 0);
        if (status != GOLEAK_OK)
            return status;
    }
    return GOLEAK_OK;
}
