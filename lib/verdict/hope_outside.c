/*
 * hope_outside - who waits in the standard library for what another program sends. See hope.h.
 *
 * It is blocked, for the goroutine that reads from the network hands on what it has read; but what ends its wait
 * comes from outside, as it does for one that reads itself. So it is none of those who wait for each other.
 */
#include "verdict/cohort.h"
#include "verdict/hope_search.h"

/* Strings: names of such functions that the recording knows. Returns how many. */
static size_t find_functions(const struct goleak_symbols *symbols, uint32_t functions[GOLEAK_IDLERS])
{
    size_t count = 0;
    for (size_t i = 1; i < GOLEAK_IDLERS; i++) {
        const char *name = goleak_idlers[i].function;
        const uint32_t function =
            goleak_idlers[i].outside ? goleak_intern_find(&symbols->strings, name, strlen(name)) : 0;
        functions[count] = function;
        count += function != 0;
    }
    return count;
}

void goleak_hope_find_outside(struct goleak_hope_search *search)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    const uint32_t stacks = (uint32_t)symbols->stacks.count;
    uint32_t functions[GOLEAK_IDLERS];
    const size_t count = find_functions(symbols, functions);
    if (count == 0)
        return;
    search->outside = goleak_alloc_zeroed(search->hope->alloc, goleak_words_of(stacks + 1) * sizeof *search->outside);
    search->failed = search->outside == NULL;
    for (uint32_t stack = 1; stack <= stacks && !search->failed; stack++)
        for (size_t i = 0; i < count; i++)
            if (goleak_symbols_stands_in(symbols, stack, functions[i]))
                goleak_set_bit(search->outside, stack);
}

bool goleak_hope_is_outside(const struct goleak_hope_search *search, uint32_t stuck, uint32_t *whom)
{
    const struct goleak_record *record = goleak_store_at(search->input->store, stuck);
    (void)whom;
    return record->reason == GOLEAK_REASON_SELECT && record->block_stack != 0 &&
           goleak_has_bit(search->outside, record->block_stack);
}

void goleak_hope_release_outside(struct goleak_hope_search *search)
{
    goleak_free(search->hope->alloc, search->outside,
                goleak_words_of(search->input->symbols->stacks.count + 1) * sizeof *search->outside);
}
