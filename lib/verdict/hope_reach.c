/* hope_reach - who was let through where one is stuck, and what is within reach. See hope.h. */
#include "verdict/hope_search.h"

#include "base/hash.h"
#include "base/number.h"

#include <string.h>

/* ---- who has passed there ---- */

/* At a place in a function: who was created first of those who stand there. */
struct passed {
    uint64_t place;
    uint32_t callee; /* string: of a line, the function that was called there; 0: not told */
    uint32_t record;
    uint32_t next; /* + 1, another place in the function; 0: none */
};

struct passing {
    struct goleak_intern functions; /* bytes: spawn site, function, of those who act */
    uint32_t *first;                /* by id - 1: place + 1; 0: none */
    struct passed *all;
    size_t count, capacity, function_capacity;
};

struct place_key {
    uint32_t site, function;
    uint32_t by_line; /* lines are not compared with offsets */
};

/* Behind the last ':' or '+' of a frame's text; NULL: it has none. */
static const char *number_in(const char *text)
{
    const char *at = text + strlen(text);
    while (at > text && at[-1] != ':' && at[-1] != '+')
        at--;
    return at > text ? at : NULL;
}

static struct place_key key_of(const struct goleak_hope_search *search, const struct goleak_record *record,
                               uint32_t frame)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    const char *number = number_in(goleak_symbols_frame_text(symbols, frame));
    bool by_line = number != NULL && number[-1] == ':';
    return (struct place_key){ record->site, symbols->frame_info[frame - 1].function, by_line };
}

/* Where in its function a frame stands: a line, or an offset; 0: not told. */
static uint64_t place_of(const struct goleak_symbols *symbols, uint32_t frame)
{
    const char *text = goleak_symbols_frame_text(symbols, frame), *number = number_in(text);
    uint64_t place;
    if (number == NULL || (size_t)(number - text) <= strlen(goleak_symbols_frame_function(symbols, frame)))
        return 0;
    const char *end = number + strlen(number);
    return goleak_parse_any(number, end, &place) == end ? place : 0;
}

/* The function that this frame, of a line, has called; 0: none, or not told. */
static uint32_t callee_of(const struct goleak_symbols *symbols, const struct place_key *key, const uint32_t *frames,
                          size_t at)
{
    return key->by_line && at != 0 ? symbols->frame_info[frames[at - 1] - 1].function : 0;
}

/* Of many who wait alike, or act alike, one is asked for. */
#define LASTS 256

struct last {
    uint32_t site, stack; /* stack 0: nobody was asked for */
    uint8_t reason, wait;
    uint32_t who;
    uint32_t held;   /* who may have it and keep it, by where the function was called that waits; 0: nobody */
    int64_t created; /* of those who act, the first one */
};

/* The last one of its place; *fresh: it is another one's, and becomes this one's. */
static struct last *last_of(struct last lasts[LASTS], const struct goleak_record *record, bool *fresh)
{
    uint64_t both = (uint64_t)record->site << 32 | record->block_stack;
    struct last *last = &lasts[goleak_hash_u64(both ^ (uint64_t)record->wait << 20) % LASTS];
    *fresh = last->site != record->site || last->stack != record->block_stack || last->reason != record->reason ||
             last->wait != record->wait;
    if (*fresh)
        *last = (struct last) { record->site, record->block_stack, record->reason, record->wait, 0, 0, 0 };
    return last;
}

/* Another one of its place has passed somewhere. */
static bool may_follow(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return record->block_stack != 0 && goleak_has_bit(search->passed_sites, record->site) &&
           goleak_hope_may_have(search, record->index, GOLEAK_HOPE_PASSED);
}

/* A lock, or a channel that counts: what one has got there another one gets after it. */
static bool may_queue(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return record->reason == GOLEAK_REASON_CHAN_SEND || record->reason == GOLEAK_REASON_CHAN_RECV ||
           (record->reason == GOLEAK_REASON_SYNC && !goleak_hope_in_group(search, record));
}

/* The frames from the one outside the runtime in which it waits to the first of the program's own:
 * the others have called these. Returns how many. */
static size_t waiting_frames(const struct goleak_hope_search *search, uint32_t stack, const uint32_t **frames)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    size_t count = goleak_symbols_stack_frames(symbols, stack, frames), size = 0;
    while (count != 0 && goleak_text_begins(goleak_symbols_frame_function(symbols, **frames), "runtime.")) {
        ++*frames;
        count--;
    }
    while (size < count && goleak_hope_is_standard(search, (*frames)[size]))
        size++;
    return size < count ? size + 1 : 0;
}

/* Of one function; each is looked at, and nobody writes so many. */
#define PLACES 64

/* Of two of a place the one that was created first. */
static void note_place(struct goleak_hope_search *search, struct passing *passing, uint32_t function, uint64_t place,
                       uint32_t callee, const struct goleak_record *record)
{
    unsigned looked = 0;
    for (uint32_t at = passing->first[function]; at != 0; at = passing->all[at - 1].next, looked++) {
        struct passed *passed = &passing->all[at - 1];
        if (passed->place != place || passed->callee != callee)
            continue;
        if (record->created < goleak_store_at(search->input->store, passed->record)->created)
            passed->record = record->index;
        return;
    }
    if (looked == PLACES)
        return;
    passing->all[passing->count++] = (struct passed) { place, callee, record->index, passing->first[function] };
    passing->first[function] = (uint32_t)passing->count;
}

/* False: memory. */
static bool note_passed(struct goleak_hope_search *search, struct passing *passing, const struct goleak_record *record)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    struct goleak_alloc *alloc = search->hope->alloc;
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(symbols, record->block_stack, &frames);
    goleak_set_bit(search->passed_sites, record->site);
    for (size_t i = 0; i < count; i++) {
        struct place_key key = key_of(search, record, frames[i]);
        size_t before = passing->functions.count;
        uint32_t id = goleak_intern_add(&passing->functions, &key, sizeof key);
        if (id == 0 || !goleak_grow(alloc, &passing->first, &passing->function_capacity, id, sizeof *passing->first) ||
            !goleak_grow(alloc, &passing->all, &passing->capacity, passing->count + 1, sizeof *passing->all))
            return false;
        if (id > before)
            passing->first[id - 1] = 0;
        note_place(search, passing, id - 1, place_of(symbols, frames[i]), callee_of(symbols, &key, frames, i), record);
    }
    return true;
}

/* Others of its spawn site are stuck. */
static bool may_have_passed(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return goleak_has_bit(search->stuck_sites, record->site) &&
           goleak_hope_patience_of(search, record) == GOLEAK_PATIENCE_ALL;
}

/* False: memory. */
static bool note_all_passed(struct goleak_hope_search *search, struct passing *passing)
{
    const struct goleak_store *store = search->input->store;
    struct last lasts[LASTS] = { { 0 } };
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++)
        for (uint64_t left = search->resting[word]; left != 0; left &= left - 1) {
            const struct goleak_record *record = goleak_store_at(store, word * GOLEAK_WORD + goleak_low_zeros(left));
            bool fresh;
            if (!may_have_passed(search, record))
                continue;
            struct last *last = last_of(lasts, record, &fresh);
            if (!fresh && record->created >= last->created)
                continue;
            last->created = record->created;
            if (!note_passed(search, passing, record))
                return false;
        }
    return true;
}

/* Further on; or in another function than `callee`, which takes the lock on the same line. */
static bool is_further(const struct passed *passed, uint64_t place, uint32_t callee)
{
    const bool same_line = passed->place == place && callee != 0 && passed->callee != 0;
    return passed->place > place || (same_line && passed->callee != callee);
}

/* Of two goroutines the one that was created first; 0: there is none. */
static uint32_t earlier_of(const struct goleak_store *store, uint32_t one, uint32_t other)
{
    return one == 0 || (other != 0 && goleak_store_at(store, other)->created < goleak_store_at(store, one)->created)
               ? other
               : one;
}

/* In the function of this frame, of those who stand further on the one that was created first; 0: nobody does.
 * at_lock: see is_further(); else one on the same line is not further on. */
static uint32_t who_stands_further(const struct goleak_hope_search *search, const struct passing *passing,
                                   const struct goleak_record *record, const uint32_t *frames, size_t i, bool at_lock)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    const struct place_key key = key_of(search, record, frames[i]);
    const uint32_t id = goleak_intern_find(&passing->functions, &key, sizeof key);
    const uint64_t place = id != 0 ? place_of(symbols, frames[i]) : 0;
    const uint32_t callee = at_lock ? callee_of(symbols, &key, frames, i) : 0;
    uint32_t who = 0;
    for (uint32_t at = place != 0 ? passing->first[id - 1] : 0; at != 0; at = passing->all[at - 1].next)
        if (is_further(&passing->all[at - 1], place, callee))
            who = earlier_of(search->input->store, who, passing->all[at - 1].record);
    return who;
}

/* Where it waits. */
static uint32_t who_passed(const struct goleak_hope_search *search, const struct passing *passing,
                           const struct goleak_record *record)
{
    const uint32_t *frames;
    size_t count = waiting_frames(search, record->block_stack, &frames);
    const bool at_lock = record->reason == GOLEAK_REASON_SYNC; /* what is sent may be made there first */
    uint32_t who = 0;
    for (size_t i = 0; i < count; i++)
        who = earlier_of(search->input->store, who, who_stands_further(search, passing, record, frames, i, at_lock));
    return who;
}

/* Where the function was called that waits (pool.get, semaphore.Acquire), or, in a select, there as well. */
static uint32_t who_holds(const struct goleak_hope_search *search, const struct passing *passing,
                          const struct goleak_record *record)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    const uint32_t *frames, *all;
    const size_t count = waiting_frames(search, record->block_stack, &frames);
    const size_t left = goleak_symbols_stack_frames(symbols, record->block_stack, &all) - (size_t)(frames - all);
    const size_t first = record->reason == GOLEAK_REASON_SELECT ? 0 : count;
    uint32_t who = 0;
    for (size_t i = first; count != 0 && i <= count && i < left; i++)
        who = earlier_of(search->input->store, who, who_stands_further(search, passing, record, frames, i, false));
    return who;
}

/* It rests there since before this one came. */
static bool has_kept_out(const struct goleak_hope_search *search, const struct goleak_record *holder,
                         const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    if (!input->has_time || record->since == GOLEAK_NO_MOMENT)
        return false;
    const int64_t arrival = goleak_waits_arrival(input->waits, holder);
    const int64_t begun = goleak_between(input->first, record->since), waited = goleak_waited(record, input->last);
    return arrival <= begun || (arrival != INT64_MAX && arrival - begun <= waited / input->limits->at_once);
}

/* Locks and channels are handed on in turn: one that came when this one waited already, and did not wait behind it, has
 * taken another one. Receivers may have each its own channel, and idle. */
static bool came_before(const struct goleak_hope_search *search, const struct goleak_record *passed,
                        const struct goleak_record *record)
{
    if (record->reason == GOLEAK_REASON_CHAN_RECV || passed->created == GOLEAK_NO_MOMENT ||
        record->since == GOLEAK_NO_MOMENT || passed->created <= record->since)
        return true;
    int64_t waited = goleak_waited(record, search->input->last);
    return (uint64_t)passed->created - (uint64_t)record->since <=
           (uint64_t)(waited / search->input->limits->at_once); /* a Mutex may be taken from under who just came */
}

static void follow(struct goleak_hope_search *search, const struct passing *passing, struct last lasts[LASTS],
                   const struct goleak_record *record)
{
    bool fresh;
    if (!may_follow(search, record))
        return;
    struct last *last = last_of(lasts, record, &fresh);
    if (fresh) {
        const bool queues = may_queue(search, record);
        last->who = queues ? who_passed(search, passing, record) : 0;
        last->held = queues || record->reason == GOLEAK_REASON_SELECT ? who_holds(search, passing, record) : 0;
    }
    if (last->who != 0 && came_before(search, goleak_store_at(search->input->store, last->who), record))
        goleak_hope_give(search, record->index, GOLEAK_HOPE_PASSED, last->who);
    else if (last->held != 0 && has_kept_out(search, goleak_store_at(search->input->store, last->held), record))
        goleak_hope_give(search, record->index, GOLEAK_HOPE_PASSED, last->held);
}

void goleak_hope_look_who_passed(struct goleak_hope_search *search)
{
    struct goleak_alloc *alloc = search->hope->alloc;
    struct passing passing = { .all = NULL };
    struct last lasts[LASTS] = { { 0 } };
    uint32_t records[GOLEAK_WORD];
    goleak_intern_init(&passing.functions, alloc);
    search->failed = search->failed || !note_all_passed(search, &passing);
    const uint32_t words =
        passing.functions.count != 0 && !search->failed ? (uint32_t)goleak_words_of(search->hope->count) : 0;
    for (uint32_t word = 0; word < words; word++) {
        size_t count = goleak_fetch_word(search, search->hopeless[word], word, records);
        for (size_t i = 0; i < count; i++)
            follow(search, &passing, lasts, goleak_store_at(search->input->store, records[i]));
    }
    goleak_free(alloc, passing.all, passing.capacity * sizeof *passing.all);
    goleak_free(alloc, passing.first, passing.function_capacity * sizeof *passing.first);
    goleak_intern_release(&passing.functions);
}

/* ---- who leads ---- */

/* Who was woken last where others still wait for a Cond, as ever by one of its own place: what they hand on it has. It may
 * sleep as often as it likes. */
static bool leads(const struct goleak_hope_search *search, const struct goleak_record *record,
                  const struct goleak_habit *habit)
{
    const struct goleak_store *store = search->input->store;
    const struct goleak_wait_site *site = &search->input->waits->sites[habit->site];
    if (site->reason != GOLEAK_REASON_COND_WAIT || habit->site_ended != (uint32_t)site->ended || habit->others ||
        habit->nobody != 0 || habit->wakers[0] == 0)
        return false;
    for (int which = 0; which < 2 && habit->wakers[which] != 0; which++) {
        const uint32_t waker = goleak_hope_waker(store, habit, which);
        if (waker == 0 || goleak_store_at(store, waker)->site != record->site)
            return false;
    }
    return true;
}

/* leaders: by wait site; 0: nobody. */
static void note_leader(const struct goleak_hope_search *search, uint32_t *leaders, const struct goleak_record *record)
{
    const struct goleak_waits *waits = search->input->waits;
    for (uint32_t at = goleak_first_habit(record); at != 0; at = goleak_habit_at(waits, at)->next)
        if (leads(search, record, goleak_habit_at(waits, at)))
            leaders[goleak_habit_at(waits, at)->site] = record->index;
}

/* A Cond wakes the first one first: who began before the last one that was woken waits for another. */
static void follow_leader(struct goleak_hope_search *search, const uint32_t *leaders,
                          const struct goleak_record *record)
{
    const struct goleak_wait_site *site = goleak_waits_site(search->input->waits, record);
    const uint32_t leader = site != NULL ? leaders[site - search->input->waits->sites] : 0;
    if (leader != 0 && record->since >= site->last_begun)
        goleak_hope_give(search, record->index, GOLEAK_HOPE_PASSED, leader);
}

static bool is_any_cond_told(const struct goleak_waits *waits)
{
    for (size_t i = 1; i < waits->site_count; i++)
        if (waits->sites[i].reason == GOLEAK_REASON_COND_WAIT)
            return true;
    return false;
}

void goleak_hope_look_who_leads(struct goleak_hope_search *search)
{
    const struct goleak_store *store = search->input->store;
    const size_t size = search->input->waits->site_count * sizeof(uint32_t);
    const uint32_t words = (uint32_t)goleak_words_of(search->hope->count);
    uint32_t records[GOLEAK_WORD];
    if (search->failed || !is_any_cond_told(search->input->waits))
        return;
    uint32_t *leaders = goleak_alloc_zeroed(search->hope->alloc, size);
    search->failed = leaders == NULL;
    for (uint32_t word = 0; word < words && !search->failed; word++)
        for (uint64_t left = search->resting[word] | goleak_hope_given(search, word); left != 0; left &= left - 1) {
            const uint32_t i = word * GOLEAK_WORD + goleak_low_zeros(left);
            if (goleak_has_bit(search->resting, i) || search->hope->kinds[i] == GOLEAK_HOPE_TIMER)
                note_leader(search, leaders, goleak_store_at(store, i));
        }
    for (uint32_t word = 0; word < words && !search->failed; word++) {
        const size_t count = goleak_fetch_word(search, search->hopeless[word], word, records);
        for (size_t i = 0; i < count; i++)
            if (goleak_store_at(store, records[i])->reason == GOLEAK_REASON_COND_WAIT)
                follow_leader(search, leaders, goleak_store_at(store, records[i]));
    }
    goleak_free(search->hope->alloc, leaders, size);
}

/* ---- within reach ---- */

const struct goleak_record *goleak_node_record(const struct goleak_store *store, const struct goleak_node *node)
{
    uint64_t key = node->g != 0 ? node->g : node->goid | GOLEAK_KEY_GOID;
    uint32_t index = goleak_store_get(store, key, node->process);
    const struct goleak_record *record = index != 0 ? goleak_store_at(store, index) : NULL;
    return record != NULL && (record->goid == node->goid || node->goid == 0) ? record : NULL;
}

const struct goleak_record *goleak_hope_spawner(const struct goleak_hope_search *search, uint32_t node)
{
    return goleak_node_record(search->input->store, goleak_lineage_at(search->input->lineage, node));
}

bool goleak_hope_is_spawner_stuck(const struct goleak_hope_search *search, uint32_t node)
{
    if (!goleak_has_bit(search->blocked, node))
        return false;
    uint32_t spawner = search->nodes[node];
    return search->hope->kinds[spawner] == GOLEAK_HOPE_NONE &&
           (goleak_store_at(search->input->store, spawner)->flags & GOLEAK_REC_MAIN) == 0;
}

/* It has not left the call in which it started one. */
static bool has_run_since(const struct goleak_hope_search *search, const struct goleak_record *spawner, int64_t created)
{
    return spawner != NULL && spawner->state == GOLEAK_STATE_RUNNING && spawner->since <= created &&
           goleak_waited(spawner, search->input->last) < search->input->limits->run_ns;
}

/* The function that started this one has not returned, as far as that is known: a goroutine's own start
 * function has not while it lives, others stand on its stack; of one that is awake at the moment, on the last one.
 * spawner: the record; NULL: it is another one's by now. */
static bool is_function_alive(const struct goleak_hope_search *search, const struct goleak_record *record,
                              const struct goleak_record *spawner, uint32_t function)
{
    const struct goleak_hope_input *input = search->input;
    const uint32_t start = search->kin[goleak_lineage_at(input->lineage, record->parent)->site].start;
    const uint32_t created_stack = goleak_store_detail(input->store, record)->created_stack;
    if (goleak_is_start(input->symbols, start, function, created_stack) ||
        (start != 0 && start == search->runtime_main && function == search->main_main))
        return true;
    if (has_run_since(search, spawner, record->created))
        return true;
    return spawner != NULL && spawner->block_stack != 0 &&
           goleak_symbols_stands_in(search->input->symbols, spawner->block_stack, function);
}

/* It was never woken here, or not by one who is stuck or gone. */
bool goleak_hope_may_come_again(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_habit *habit = goleak_waits_here(search->input->waits, record);
    if (habit == NULL)
        return true;
    uint32_t waker = goleak_hope_waker(search->input->store, habit, 0);
    return habit->nobody != 0 || (waker != 0 && search->hope->kinds[waker] != GOLEAK_HOPE_NONE);
}

/* Its spawner has started another one since, and there another one was started, as far as is known
 * by the same. */
static bool has_turned_to_others(const struct goleak_hope_search *search, const struct goleak_record *record,
                                 int64_t waited)
{
    int64_t there = goleak_sites_at(search->input->sites, record->site)->last;
    int64_t by_it = goleak_lineage_at(search->input->lineage, record->parent)->last;
    int64_t last = there < by_it ? there : by_it;
    return last > record->created &&
           (uint64_t)last - (uint64_t)record->created > (uint64_t)waited / (uint64_t)search->input->limits->together;
}

/* Nobody else did, of those who are known. */
static bool is_by(const struct goleak_habit *habit, const struct goleak_record *waker)
{
    return waker != NULL && habit->wakers[0] == waker->index && habit->serials[0] == waker->serial &&
           habit->wakers[1] == 0 && habit->nobody == 0;
}

/* Wherever that was, and not by its spawner: then what it waits on now may be its own. */
static bool was_woken_often(const struct goleak_hope_search *search, const struct goleak_record *record,
                            const struct goleak_record *spawner)
{
    const struct goleak_waits *waits = search->input->waits;
    uint32_t count = 0;
    for (uint32_t at = goleak_first_habit(record); at != 0; at = goleak_habit_at(waits, at)->next) {
        const struct goleak_habit *habit = goleak_habit_at(waits, at);
        count += is_by(habit, spawner) ? 0 : habit->ended;
    }
    return count >= search->input->limits->habit_waits;
}

/* The import path in a function's name: so many bytes. */
static size_t package_size(const char *function)
{
    size_t size = 0;
    for (size_t i = 0; i < strcspn(function, "(["); i++)
        if (function[i] == '/')
            size = i;
    return size + strcspn(function + size, ".");
}

static bool is_of_package(const struct goleak_hope_search *search, uint32_t frame, const char *function)
{
    const char *other = goleak_symbols_frame_function(search->input->symbols, frame);
    const size_t size = package_size(function);
    return size == package_size(other) && strncmp(function, other, size) == 0;
}

/* A library has started it, and its spawner waits in that one again, called from a function that had called it then, and
 * is neither all that the spawner does nor Go's: what was started is part of a call that goes on. */
static bool is_library_busy(const struct goleak_hope_search *search, const struct goleak_record *record,
                            const struct goleak_record *spawner, uint32_t function)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    const char *library = goleak_symbols_text(symbols, function);
    const uint32_t *frames, stack = goleak_store_detail(search->input->store, record)->created_stack;
    if (spawner == NULL || (spawner->flags & GOLEAK_REC_MAIN))
        return false;
    const size_t count = goleak_symbols_stack_frames(symbols, spawner->block_stack, &frames);
    const uint32_t start = goleak_kin_of(search, spawner)->start;
    bool within = false;
    for (size_t i = 0; i + 1 < count; i++) { /* where its start is not told it is the last one, as in Go traces */
        const uint32_t here = symbols->frame_info[frames[i] - 1].function;
        if (is_of_package(search, frames[i], library))
            within = true;
        else if (within && here != 0 && here != search->lost &&
                 !goleak_is_start(symbols, start, here, spawner->block_stack) &&
                 !goleak_hope_is_standard(search, frames[i]) && goleak_symbols_stands_in(symbols, stack, here))
            return true;
    }
    return false;
}

/* It is stuck, and of no idle pool. */
static bool is_spawner_hopeless(const struct goleak_hope_search *search, uint32_t node)
{
    return goleak_hope_is_spawner_stuck(search, node) && !goleak_has_bit(search->pooled, search->nodes[node]);
}

/* Its place starts what ends, and waits as it does now are short: this one was never woken, and has waited for many times
 * the longest of them. Whom it waits for need not be gone for that it is in vain. Not asked where its spawner waits for what
 * another program sends: that is late for both. */
static bool outlasts_its_kind(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    const struct goleak_wait_site *site = goleak_waits_site(input->waits, record);
    const uint64_t ended = goleak_ledger_ended(input->ledger, goleak_sites_at(input->sites, record->site)->place),
                   least = input->limits->endless_created;
    return site != NULL && site->ended >= least && ended >= least && goleak_waits_here(input->waits, record) == NULL &&
           goleak_waited(record, input->last) / input->limits->together > site->longest;
}

/* Its spawner goes on, and is still in the function that started it, or in that of which this is a closure: its
 * variables live. Or it is in the library that did: *whom. Not where it has turned to others since. */
bool goleak_hope_is_in_scope(const struct goleak_hope_search *search, uint32_t stuck, uint32_t *whom)
{
    const uint32_t node = search->parents[stuck];
    if (node == 0 || !goleak_has_bit(search->alive, node))
        return false;
    const struct goleak_record *record = goleak_store_at(search->input->store, stuck);
    const uint32_t function = goleak_kin_of(search, record)->function, outer = goleak_kin_of(search, record)->outer;
    const bool unnamed = goleak_kin_of(search, record)->unnamed;
    if ((function == 0 && !unnamed) || record->created == GOLEAK_NO_MOMENT ||
        has_turned_to_others(search, record, goleak_waited(record, search->input->last)))
        return false;
    const struct goleak_record *spawner = goleak_hope_spawner(search, node);
    const bool is_outside = search->outside != NULL && goleak_hope_is_outside(search, node, NULL);
    if (was_woken_often(search, record, spawner) || (!is_outside && outlasts_its_kind(search, record)))
        return false;
    if (is_spawner_hopeless(search, node) || !goleak_hope_may_come_again(search, record))
        return false;
    if (unnamed)
        return has_run_since(search, spawner, record->created) ||
               goleak_hope_is_call_alive(search, record, spawner, whom);
    if (is_function_alive(search, record, spawner, function) ||
        (outer != 0 && is_function_alive(search, record, spawner, outer)))
        return true;
    const bool busy = is_library_busy(search, record, spawner, function);
    *whom = busy ? spawner->index : 0;
    return busy;
}
