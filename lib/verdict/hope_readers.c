/*
 * hope_readers - which connections' answers are read. See hope.h.
 *
 * What reads an HTTP/1 connection (readLoop) waits until the answer that it has handed over is read to its end, and
 * closed. That one is read shows in the stack of who does so; whose answer it is, in who woke that one last: who asks
 * for several has them one after the other. Of those of whom that is not told as many are read as there are readers.
 *
 * Who has got an answer need not be reading it at the moment: it may be handing on what it has read. Where it got none
 * since, and is still where it asked, it may read on. But where far more connections wait for that than there are
 * goroutines that ever asked for anything, nobody is left to read most of these answers, or to close them.
 */
#include "verdict/hope_search.h"

#include <string.h>

enum { NEITHER, LOOP, READER, ASKER };

/* Of one process, which are not paired: by whether they are older than the recording. */
struct unpaired {
    uint32_t loops[2], readers[2];
    uint32_t askers; /* who has asked before, or may have */
};

struct readers {
    struct goleak_hope_search *search;
    uint8_t *kinds;            /* by stack: who waits there */
    struct unpaired *unpaired; /* by process */
    size_t processes;
    bool any; /* somebody reads */
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
        readers->any = readers->any || kind == READER;
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

/* ---- who may read on ---- */

/* It is still in what asked there, the first function outside the standard library, or in what had called that, but for
 * its start: what it got is at hand. */
static bool is_still_there(const struct readers *readers, const struct goleak_record *record, uint32_t asked)
{
    const struct goleak_hope_search *search = readers->search;
    const struct goleak_symbols *symbols = search->input->symbols;
    const uint32_t *frames, start = goleak_kin_of(search, record)->start;
    const size_t count = goleak_symbols_stack_frames(symbols, asked, &frames);
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        const uint32_t function = symbols->frame_info[frames[i] - 1].function;
        if (function == 0 || function == search->lost || goleak_hope_is_standard(search, frames[i]))
            continue;
        if ((first || (function != search->main_main && !goleak_is_start(symbols, start, function, asked))) &&
            goleak_symbols_stands_in(symbols, record->block_stack, function))
            return true;
        first = false;
    }
    return false;
}

/* Only one connection woke it where it asked, which waits for its answer's end: by its reader, and its writer, which the
 * same goroutine had started. The reader; 0: there is none. */
static uint32_t only_loop_of(const struct readers *readers, const struct goleak_habit *habit)
{
    const struct goleak_store *store = readers->search->input->store;
    uint32_t loop = 0, parents[2] = { 0, 0 };
    for (int which = 0; which < 2 && habit->wakers[which] != 0; which++) {
        const uint32_t waker = goleak_hope_waker(store, habit, which);
        if (waker == 0)
            return 0;
        const struct goleak_record *record = goleak_store_at(store, waker);
        parents[which] = record->parent;
        loop = kind_of(readers, record) == LOOP ? waker : loop;
    }
    return habit->wakers[1] == 0 || parents[0] == parents[1] ? loop : 0;
}

/* The connection of which it got an answer, and none since, and may read that; 0: none is told. */
static uint32_t taken_by(const struct readers *readers, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = readers->search->input;
    const struct goleak_habit *asked = NULL;
    for (uint32_t at = goleak_first_habit(record); at != 0; at = goleak_habit_at(input->waits, at)->next) {
        const struct goleak_habit *habit = goleak_habit_at(input->waits, at);
        if (habit->site == 0 || readers->kinds[input->waits->sites[habit->site].stack] != ASKER)
            continue;
        if (asked != NULL || habit->others)
            return 0;
        asked = habit;
    }
    const uint32_t loop = asked != NULL ? only_loop_of(readers, asked) : 0;
    return loop != 0 && is_still_there(readers, record, input->waits->sites[asked->site].stack) ? loop : 0;
}

static void find_takers(struct readers *readers)
{
    struct goleak_hope_search *search = readers->search;
    const struct goleak_store *store = search->input->store;
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if ((record->flags & GOLEAK_REC_SEEN) == 0 || record->state == GOLEAK_STATE_ENDED || record->block_stack == 0)
            continue;
        const uint32_t loop = taken_by(readers, record);
        if (loop == 0 || goleak_has_bit(search->read, loop))
            continue;
        goleak_set_bit(search->taken, loop);
        search->hope->whom[loop] = i;
    }
}

bool goleak_hope_is_taken(const struct goleak_hope_search *search, uint32_t stuck, uint32_t *whom)
{
    *whom = search->hope->whom[stuck];
    return *whom != 0 && search->hope->kinds[*whom] != GOLEAK_HOPE_NONE;
}

/* ---- whose answers nobody reads ---- */

/* It may have got an answer: it has asked, or what it did before is not known. */
static bool may_have_asked(const struct readers *readers, const struct goleak_record *record)
{
    const struct goleak_waits *waits = readers->search->input->waits;
    if (is_old(record) || goleak_waits_forgot(waits, record))
        return true;
    for (uint32_t at = goleak_first_habit(record); at != 0; at = goleak_habit_at(waits, at)->next) {
        const struct goleak_habit *habit = goleak_habit_at(waits, at);
        if (habit->site != 0 && readers->kinds[waits->sites[habit->site].stack] == ASKER)
            return true;
    }
    return false;
}

static void count_askers(struct readers *readers)
{
    const struct goleak_store *store = readers->search->input->store;
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        const bool lives = (record->flags & GOLEAK_REC_SEEN) != 0 && record->state != GOLEAK_STATE_ENDED;
        if (lives && (record->flags & GOLEAK_REC_SYSTEM) == 0 && readers->kinds[record->block_stack] != LOOP &&
            may_have_asked(readers, record))
            readers->unpaired[record->process].askers++;
    }
}

static bool are_too_many(const struct unpaired *unpaired, const struct goleak_limits *limits)
{
    const uint32_t readers = unpaired->readers[0] + unpaired->readers[1];
    return unpaired->loops[0] > readers && unpaired->loops[0] - readers > limits->answers_most * unpaired->askers;
}

/* False: memory. */
static bool mark_unread(struct readers *readers)
{
    struct goleak_hope *hope = readers->search->hope;
    const struct goleak_store *store = readers->search->input->store;
    count_askers(readers);
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if (kind_of(readers, record) != LOOP || is_old(record) || goleak_has_bit(readers->search->read, i) ||
            !are_too_many(&readers->unpaired[record->process], readers->search->input->limits))
            continue;
        if (hope->unread == NULL && (hope->unread = goleak_alloc_zeroed(hope->alloc, goleak_words_of(hope->count) *
                                                                                         sizeof *hope->unread)) == NULL)
            return false;
        goleak_set_bit(hope->unread, i);
    }
    return true;
}

/* ---- all of it ---- */

static void look_at_stacks(struct readers *readers, uint32_t loop, uint32_t read, uint32_t ask)
{
    const struct goleak_symbols *symbols = readers->search->input->symbols;
    for (uint32_t stack = 1; stack <= symbols->stacks.count; stack++)
        readers->kinds[stack] = read != 0 && goleak_symbols_stands_in(symbols, stack, read) ? READER
                                : goleak_symbols_stands_in(symbols, stack, loop)            ? LOOP
                                : ask != 0 && goleak_symbols_stands_in(symbols, stack, ask) ? ASKER
                                                                                            : NEITHER;
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

/* String; 0: the recording does not know it. */
static uint32_t find(const struct goleak_symbols *symbols, const char *function)
{
    return goleak_intern_find(&symbols->strings, function, strlen(function));
}

void goleak_hope_find_readers(struct goleak_hope_search *search)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    const uint32_t loop = find(symbols, "net/http.(*persistConn).readLoop");
    struct readers readers = { .search = search };
    if (loop == 0 || search->input->store->count == 0)
        return;
    search->failed = !make_room(&readers);
    if (!search->failed) {
        look_at_stacks(&readers, loop, find(symbols, "net/http.(*bodyEOFSignal).Read"),
                       find(symbols, "net/http.(*persistConn).roundTrip"));
        count(&readers);
        if (readers.any) {
            pair(&readers);
            mark_rest(&readers);
        }
        find_takers(&readers);
        search->failed = !mark_unread(&readers);
    }
    goleak_free(search->hope->alloc, readers.kinds, symbols->stacks.count + 1);
    goleak_free(search->hope->alloc, readers.unpaired, readers.processes * sizeof *readers.unpaired);
}
