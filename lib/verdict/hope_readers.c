/*
 * hope_readers - which connections' answers are read. See hope.h.
 *
 * What reads an HTTP/1 connection (readLoop) waits until the answer that it has handed over is read to its end, and
 * closed. That one is read shows in the stack of who does so; whose answer it is, in who woke that one last: who asks
 * for several has them one after the other. Of those of whom that is not told as many are read as there are readers.
 */
#include "verdict/hope_search.h"

#include <string.h>

enum { NEITHER, LOOP, READER };

/* Of one process, which are not paired: by whether they are older than the recording. */
struct unpaired {
    uint32_t loops[2], readers[2];
};

struct readers {
    struct goleak_hope_search *search;
    uint8_t *kinds;            /* by stack: who waits there */
    struct unpaired *unpaired; /* by process */
    size_t processes;
};

static uint8_t kind_of(const struct readers *readers, const struct goleak_record *record)
{
    if ((record->flags & GOLEAK_REC_SEEN) == 0 || record->state == GOLEAK_STATE_ENDED)
        return NEITHER;
    const uint8_t kind = readers->kinds[record->block_stack];
    const bool waits = goleak_is_blocked(record);
    return kind == LOOP && waits && record->reason == GOLEAK_REASON_SELECT ? LOOP
           : kind == READER && !waits                                      ? READER
                                                                           : NEITHER;
}

/* Of those who woke it, and wait for an answer's end, the one that has begun last; 0: none is told. */
static uint32_t loop_of(const struct readers *readers, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = readers->search->input;
    const struct goleak_record *last = NULL;
    for (uint32_t at = goleak_first_habit(record); at != 0; at = goleak_habit_at(input->waits, at)->next) {
        const struct goleak_habit *habit = goleak_habit_at(input->waits, at);
        for (int which = 0; which < 2 && !habit->others; which++) {
            const uint32_t waker = goleak_hope_waker(input->store, habit, which);
            const struct goleak_record *loop = waker != 0 ? goleak_store_at(input->store, waker) : NULL;
            if (loop != NULL && kind_of(readers, loop) == LOOP && (last == NULL || loop->since > last->since))
                last = loop;
        }
    }
    return last != NULL ? last->index : 0;
}

static bool is_old(const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_PREEXISTING) != 0;
}

static void pair(struct readers *readers)
{
    struct goleak_hope_search *search = readers->search;
    const struct goleak_store *store = search->input->store;
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        const uint32_t loop = kind_of(readers, record) == READER ? loop_of(readers, record) : 0;
        if (loop == 0 || goleak_has_bit(search->read, loop))
            continue;
        goleak_set_bit(search->read, loop);
        search->hope->whom[loop] = i;
        readers->unpaired[record->process].readers[is_old(record)]--;
        readers->unpaired[record->process].loops[is_old(goleak_store_at(store, loop))]--;
    }
}

/* Who is older may read from one that is older, and never seen. */
static bool are_enough(const struct unpaired *unpaired)
{
    const uint32_t old = unpaired->readers[1] < unpaired->loops[1] ? unpaired->readers[1] : unpaired->loops[1];
    return unpaired->readers[0] + old >= unpaired->loops[0] + unpaired->loops[1];
}

static void count(struct readers *readers)
{
    const struct goleak_store *store = readers->search->input->store;
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        const uint8_t kind = kind_of(readers, record);
        readers->unpaired[record->process].loops[is_old(record)] += kind == LOOP;
        readers->unpaired[record->process].readers[is_old(record)] += kind == READER;
    }
}

static void mark_rest(struct readers *readers)
{
    const struct goleak_store *store = readers->search->input->store;
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if (kind_of(readers, record) == LOOP && are_enough(&readers->unpaired[record->process]))
            goleak_set_bit(readers->search->read, i);
    }
}

/* False: there are no readers. */
static bool look_at_stacks(struct readers *readers, uint32_t loop, uint32_t read)
{
    const struct goleak_symbols *symbols = readers->search->input->symbols;
    bool any = false;
    for (uint32_t stack = 1; stack <= symbols->stacks.count; stack++) {
        const bool reads = goleak_symbols_stands_in(symbols, stack, read);
        readers->kinds[stack] = reads ? READER : goleak_symbols_stands_in(symbols, stack, loop) ? LOOP : NEITHER;
        any |= reads;
    }
    return any;
}

static bool make_room(struct readers *readers)
{
    const struct goleak_hope_input *input = readers->search->input;
    struct goleak_alloc *alloc = readers->search->hope->alloc;
    for (uint32_t i = 1; i <= input->store->count; i++)
        if (goleak_store_at(input->store, i)->process >= readers->processes)
            readers->processes = (size_t)goleak_store_at(input->store, i)->process + 1;
    readers->kinds = goleak_alloc_zeroed(alloc, input->symbols->stacks.count + 1);
    if (readers->kinds != NULL)
        readers->unpaired = goleak_alloc_zeroed(alloc, readers->processes * sizeof *readers->unpaired);
    return readers->unpaired != NULL;
}

void goleak_hope_find_readers(struct goleak_hope_search *search)
{
    static const char loop[] = "net/http.(*persistConn).readLoop", read[] = "net/http.(*bodyEOFSignal).Read";
    const struct goleak_symbols *symbols = search->input->symbols;
    const uint32_t loops = goleak_intern_find(&symbols->strings, loop, sizeof loop - 1);
    const uint32_t reads = goleak_intern_find(&symbols->strings, read, sizeof read - 1);
    struct readers readers = { .search = search };
    if (loops == 0 || reads == 0 || search->input->store->count == 0)
        return;
    search->failed = !make_room(&readers);
    if (!search->failed && look_at_stacks(&readers, loops, reads)) {
        count(&readers);
        pair(&readers);
        mark_rest(&readers);
    }
    goleak_free(search->hope->alloc, readers.kinds, symbols->stacks.count + 1);
    goleak_free(search->hope->alloc, readers.unpaired, readers.processes * sizeof *readers.unpaired);
}
