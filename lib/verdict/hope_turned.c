/*
 * hope_turned - who waits at a channel whose waker has turned to another one. See hope.h.
 *
 * A pool that is replaced (a reload, a swapped channel) leaves those behind who wait at the old one: they were served
 * together, until others were started, which wait in the same function, and which whoever served the old ones has served
 * ever since. Of those whom one goroutine wakes, in one function, the ones who were started last are served in turn, and
 * nobody else has been since. Pools that live beside each other were there when the other one was served, or are served
 * by turns.
 */
#include "verdict/hope_search.h"

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

/* A moment: soon after those who were born then, and were served up to the last one, had begun. What was on its way to
 * others may still have come until then. */
static int64_t soon_after(const struct goleak_hope_search *search, int64_t born, int64_t last)
{
    return born + goleak_between(born, last) / search->input->limits->together;
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
        if (may_turn(record))
            all[count++] = record;
    }
    while (count >= 4) {
        const size_t taken = take_alike(search, all, &count, alike), replaced = count_replaced(search, alike, taken);
        for (size_t i = 0; i < replaced; i++)
            search->failed = search->failed || !mark(search, alike[i]->index);
    }
}

void goleak_hope_find_turned(struct goleak_hope_search *search)
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
