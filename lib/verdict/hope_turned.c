/*
 * hope_turned - who waits at a channel whose waker has turned to another one. See hope.h.
 *
 * A pool that is replaced (a reload, a swapped channel) leaves those behind who wait at the old one: they were served
 * together, until others were started, which wait in the same function at another channel, together, and which whoever
 * served the old ones has served ever since. Pools that live beside each other were there when the other one was served,
 * or are served by turns.
 */
#include "verdict/hope_search.h"

/* Who wait for one object in one function. */
struct crowd {
    uint32_t function; /* 0: not told, or not all of them do, or they do not receive */
    uint16_t process;
    uint32_t count, first; /* … and the first one's record */
    uint64_t ended;        /* waits there */
    int64_t born, since;   /* the first one was; the last one came back */
};

struct turned {
    struct goleak_intern index; /* bytes: a key */
    struct crowd *newest;       /* by id - 1: of those whom the waker serves who were started last */
    size_t capacity;
};

struct key {
    uint32_t function, process, waker;
};

/* In which it waits; of a go statement's wrapper, whose number tells that it is another one, that around it. */
static uint32_t function_of(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    const uint32_t frame = goleak_symbols_blocked_at(symbols, record->block_stack);
    const uint32_t function = frame != 0 ? goleak_hope_function(search, frame) : 0;
    const bool wrapper = goleak_symbols_is_wrapper(goleak_symbols_text(symbols, function));
    return wrapper ? goleak_hope_outer(symbols, function) : function;
}

/* Receivers alone idle. */
static bool may_turn(const struct goleak_record *record)
{
    return record->reason == GOLEAK_REASON_CHAN_RECV && record->created != GOLEAK_NO_MOMENT;
}

static struct crowd crowd_of(const struct goleak_hope_search *search, const struct goleak_run *run)
{
    const struct goleak_hope_input *input = search->input;
    const struct goleak_record *one = goleak_store_at(input->store, run->all[0].record);
    struct crowd crowd = { .function = function_of(search, one),
                           .process = one->process,
                           .count = (uint32_t)run->count,
                           .first = one->index,
                           .born = INT64_MAX,
                           .since = INT64_MIN };
    for (size_t i = 0; i < run->count && crowd.function != 0; i++) {
        const struct goleak_record *record = goleak_store_at(input->store, run->all[i].record);
        const struct goleak_habit *here = goleak_waits_here(input->waits, record);
        if (!may_turn(record) || record->process != crowd.process || function_of(search, record) != crowd.function)
            crowd.function = 0;
        crowd.first = record->index < crowd.first ? record->index : crowd.first;
        crowd.born = record->created < crowd.born ? record->created : crowd.born;
        crowd.since = record->since > crowd.since ? record->since : crowd.since;
        crowd.ended += here != NULL ? here->ended : 0;
    }
    return crowd;
}

/* A moment: soon after those who were born then, and were served up to the last one, had begun. What was on its way to
 * others may still have come until then. */
static int64_t soon_after(const struct goleak_hope_search *search, int64_t born, int64_t last)
{
    return born + goleak_between(born, last) / search->input->limits->together;
}

/* Whoever wakes these wakes others, who took their place. */
static bool has_turned(const struct goleak_hope_search *search, const struct crowd *crowd, const struct crowd *newest)
{
    return crowd->born < newest->born && crowd->since <= soon_after(search, newest->born, newest->since);
}

/* With one of them, of two that each may have; waker 0: it is none that lives and is not stuck. */
static struct key key_of(const struct goleak_hope_search *search, const struct crowd *crowd, const struct goleak_run *run,
                         size_t i)
{
    const struct goleak_hope_input *input = search->input;
    const struct goleak_record *record = goleak_store_at(input->store, run->all[i / 2].record);
    const struct goleak_habit *here = goleak_waits_here(input->waits, record);
    const uint32_t waker = here != NULL ? goleak_hope_waker(input->store, here, i % 2) : 0;
    const bool hopeful = search->hope->kinds[waker] != GOLEAK_HOPE_NONE;
    return (struct key){ crowd->function, crowd->process, hopeful ? waker : 0 };
}

/* For each of their wakers. False: memory. */
static bool note_newest(struct goleak_hope_search *search, struct turned *turned, const struct crowd *crowd,
                        const struct goleak_run *run)
{
    for (size_t i = 0; i < 2 * run->count; i++) {
        const struct key key = key_of(search, crowd, run, i);
        const size_t before = turned->index.count;
        const uint32_t id = key.waker != 0 ? goleak_intern_add(&turned->index, &key, sizeof key) : 0;
        if (key.waker == 0)
            continue;
        if (id == 0 || !goleak_grow(search->hope->alloc, &turned->newest, &turned->capacity, id, sizeof *turned->newest))
            return false;
        struct crowd *newest = &turned->newest[id - 1];
        const bool later = crowd->born > newest->born || (crowd->born == newest->born && crowd->first > newest->first);
        if (id > before || later)
            *newest = *crowd;
    }
    return true;
}

/* Any of their wakers. */
static bool has_any_turned(const struct goleak_hope_search *search, const struct turned *turned,
                           const struct crowd *crowd, const struct goleak_run *run)
{
    for (size_t i = 0; i < 2 * run->count; i++) {
        const struct key key = key_of(search, crowd, run, i);
        const uint32_t id = key.waker != 0 ? goleak_intern_find(&turned->index, &key, sizeof key) : 0;
        if (id != 0 && has_turned(search, crowd, &turned->newest[id - 1]))
            return true;
    }
    return false;
}

/* False: memory. */
static bool mark(struct goleak_hope_search *search, uint32_t record)
{
    struct goleak_hope *hope = search->hope;
    if (hope->turned == NULL)
        hope->turned = goleak_alloc_zeroed(hope->alloc, goleak_words_of(hope->count) * sizeof *hope->turned);
    if (hope->turned != NULL)
        goleak_set_bit(hope->turned, record);
    return hope->turned != NULL;
}

static bool mark_all(struct goleak_hope_search *search, const struct goleak_run *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (!mark(search, run->all[i].record))
            return false;
    return true;
}

/* So often that half of them were at least. */
static bool is_served(const struct goleak_hope_search *search, const struct crowd *crowd)
{
    return crowd->ended >= search->input->limits->turned_least && crowd->ended >= crowd->count / 2;
}

/* The next ones of whom some were woken, from this place on, which moves behind them. False: there are none. */
static bool next_crowd(const struct goleak_hope_search *search, size_t *at, struct goleak_run *run, struct crowd *crowd)
{
    const struct goleak_relation *crowds = &search->hope->crowds;
    while (*at < crowds->count) {
        *run = goleak_relation_of(crowds, crowds->all[*at].key);
        *at += run->count;
        if (run->count < 2 || !run->all[0].marked)
            continue;
        *crowd = crowd_of(search, run);
        if (crowd->function != 0)
            return true;
    }
    return false;
}

static void look_by_object(struct goleak_hope_search *search)
{
    struct turned turned = { .newest = NULL };
    struct goleak_run run;
    struct crowd crowd;
    goleak_intern_init(&turned.index, search->hope->alloc);
    for (size_t at = 0; !search->failed && next_crowd(search, &at, &run, &crowd);)
        search->failed = is_served(search, &crowd) && !note_newest(search, &turned, &crowd, &run);
    for (size_t at = 0; !search->failed && turned.index.count != 0 && next_crowd(search, &at, &run, &crowd);)
        search->failed = has_any_turned(search, &turned, &crowd, &run) && !mark_all(search, &run);
    goleak_free(search->hope->alloc, turned.newest, turned.capacity * sizeof *turned.newest);
    goleak_intern_release(&turned.index);
}

/* ---- where objects are not told ----
 *
 * Of those whom one goroutine wakes, in one function, the ones who were started last are served in turn, and nobody else
 * has been since. */

/* Those of its function that wait as it does, by their births; they leave the list. Returns how many. */
static size_t take_alike(const struct goleak_hope_search *search, const struct goleak_record **all, size_t *count,
                         const struct goleak_record **alike)
{
    const uint32_t function = function_of(search, all[0]);
    size_t taken = 0, left = 0;
    for (size_t i = 0; i < *count; i++) {
        const struct goleak_record *record = all[i];
        size_t at = taken;
        if (function_of(search, record) != function) {
            all[left++] = record;
            continue;
        }
        for (; at > 0 && alike[at - 1]->created > record->created; at--)
            alike[at] = alike[at - 1];
        alike[at] = record;
        taken++;
    }
    *count = left;
    return function != 0 ? taken : 0;
}

static bool are_served_in_turn(const struct goleak_hope_search *search, const struct goleak_record *const *all,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct goleak_habit *here = goleak_waits_here(search->input->waits, all[i]);
        if (here == NULL || here->ended < search->input->limits->turned_rounds || here->gap > 2 * count)
            return false;
    }
    return true;
}

/* When the last one of them came back. */
static int64_t last_since(const struct goleak_record *const *all, size_t count)
{
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < count; i++)
        last = all[i]->since > last ? all[i]->since : last;
    return last;
}

/* How many of them, from the first one on, are not served any more: more than one, as are the others. */
static size_t count_replaced(const struct goleak_hope_search *search, const struct goleak_record *const *all,
                             size_t count)
{
    for (size_t first = count - 2; count >= 4 && first >= 2; first--)
        if (all[first - 1]->created < all[first]->created &&
            last_since(all, first) <= soon_after(search, all[first]->created, last_since(all + first, count - first)) &&
            are_served_in_turn(search, all + first, count - first))
            return first;
    return 0;
}

static void look_at_served(struct goleak_hope_search *search, const struct goleak_run *run)
{
    const struct goleak_record *all[GOLEAK_SERVED_ASKED], *alike[GOLEAK_SERVED_ASKED];
    size_t count = 0;
    for (size_t i = 0; i < run->count; i++) {
        const struct goleak_record *record = goleak_store_at(search->input->store, run->all[i].record);
        if (may_turn(record) && !goleak_place_is_object(goleak_waits_place(search->input->waits, record)))
            all[count++] = record;
    }
    while (count >= 4) {
        const size_t taken = take_alike(search, all, &count, alike), replaced = count_replaced(search, alike, taken);
        for (size_t i = 0; i < replaced; i++)
            search->failed = search->failed || !mark(search, alike[i]->index);
    }
}

static void look_by_waker(struct goleak_hope_search *search)
{
    const struct goleak_relation *woken = &search->hope->woken;
    for (size_t i = 0; i < woken->count && !search->failed;) {
        const struct goleak_run run = goleak_relation_of(woken, woken->all[i].key);
        i += run.count;
        if (run.count >= 4 && run.count <= GOLEAK_SERVED_ASKED &&
            search->hope->kinds[run.all[0].key] != GOLEAK_HOPE_NONE)
            look_at_served(search, &run);
    }
}

void goleak_hope_find_turned(struct goleak_hope_search *search)
{
    look_by_object(search);
    look_by_waker(search);
}
