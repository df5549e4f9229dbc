/* hope - see hope.h. */
#include "verdict/hope_search.h"

#include <string.h>

void goleak_hope_init(struct goleak_hope *hope, struct goleak_alloc *alloc)
{
    *hope = (struct goleak_hope){ .alloc = alloc };
    goleak_relation_init(&hope->crowds, alloc);
    goleak_relation_init(&hope->woken, alloc);
}

/* Of `whom`, and of `kinds` behind it. */
static size_t bytes_of(size_t records)
{
    return records * (sizeof(uint32_t) + sizeof(uint8_t));
}

void goleak_hope_release(struct goleak_hope *hope)
{
    if (hope->alloc == NULL)
        return;
    goleak_free(hope->alloc, hope->whom, bytes_of(hope->count));
    if (hope->unread != NULL)
        goleak_free(hope->alloc, hope->unread, goleak_words_of(hope->count) * sizeof *hope->unread);
    if (hope->turned != NULL)
        goleak_free(hope->alloc, hope->turned, goleak_words_of(hope->count) * sizeof *hope->turned);
    if (hope->partnered_sites != NULL)
        goleak_free(hope->alloc, hope->partnered_sites, goleak_words_of(hope->site_count) * sizeof *hope->partnered_sites);
    goleak_relation_release(&hope->crowds);
    goleak_relation_release(&hope->woken);
    goleak_hope_init(hope, hope->alloc);
}

const struct goleak_record *goleak_hope_waker_record(const struct goleak_store *store, const struct goleak_habit *habit,
                                                     int which)
{
    uint32_t index = habit->wakers[which];
    if (index == 0)
        return NULL;
    const struct goleak_record *waker = goleak_store_at(store, index);
    if (waker->flags & GOLEAK_REC_MOVED)
        waker = goleak_store_at(store, waker->block_stack);
    return waker->serial == habit->serials[which] ? waker : NULL;
}

uint32_t goleak_hope_waker(const struct goleak_store *store, const struct goleak_habit *habit, int which)
{
    const struct goleak_record *waker = goleak_hope_waker_record(store, habit, which);
    return waker != NULL && waker->state != GOLEAK_STATE_ENDED ? waker->index : 0;
}

bool goleak_hope_serves_another(const struct goleak_hope_input *input, const struct goleak_hope *hope, uint32_t waker,
                                const struct goleak_record *record, int64_t later)
{
    struct goleak_run served = goleak_relation_of(&hope->woken, waker);
    for (size_t i = 0; i < served.count && served.count <= GOLEAK_SERVED_ASKED; i++) {
        const struct goleak_record *other = goleak_store_at(input->store, served.all[i].record);
        if (other != record && other->site == record->site && goleak_between(record->since, other->since) > later)
            return true;
    }
    return served.count > GOLEAK_SERVED_ASKED;
}

bool goleak_hope_timer(const struct goleak_waits *waits, const struct goleak_limits *limits,
                       const struct goleak_habit *here, int64_t waited)
{
    if (here == NULL || here->nobody == 0 || !waits->tells_wakers)
        return false;
    return waited / limits->patience <= here->longest; /* a timer may be stopped, or another one each time */
}

bool goleak_hope_timer_alike(const struct goleak_waits *waits, const struct goleak_limits *limits,
                             const struct goleak_record *record, int64_t waited)
{
    const bool may_time = record->reason == GOLEAK_REASON_CHAN_RECV || record->reason == GOLEAK_REASON_SELECT;
    if (!may_time || record->block_stack == 0 || !waits->tells_wakers)
        return false;
    const struct goleak_wait_site *site = goleak_waits_site(waits, record);
    return site != NULL && site->ended >= limits->timer_least && site->nobody == site->ended &&
           waited / limits->patience <= site->longest;
}

bool goleak_hope_unlocks(const struct goleak_hope *hope, const struct goleak_waits *waits,
                         const struct goleak_store *store, const struct goleak_limits *limits,
                         const struct goleak_holder *holder)
{
    if (holder->record == 0 || goleak_hope_of(hope, holder->record) == GOLEAK_HOPE_NONE)
        return false;
    return goleak_hope_chances(waits, goleak_store_at(store, holder->record), holder) < limits->chances;
}

uint32_t goleak_hope_chances(const struct goleak_waits *waits, const struct goleak_record *record,
                             const struct goleak_holder *holder)
{
    uint32_t count = goleak_waits_count(waits, record);
    return count > holder->waits ? count - holder->waits : 0; /* what is known of it may have been forgotten */
}

/* ---- who is connected with whom ---- */

bool goleak_waits_in(const struct goleak_symbols *symbols, const struct goleak_reasons *reasons,
                     const struct goleak_record *record, const char *part)
{
    const char *told = record->wait != GOLEAK_NO_WAIT ? goleak_reasons_wait_text(reasons, record->wait) : NULL;
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(symbols, record->block_stack, &frames);
    if (told != NULL && strstr(told, part) != NULL)
        return true;
    for (size_t i = 0; i < count; i++)
        if (strstr(goleak_symbols_frame_function(symbols, frames[i]), part) != NULL)
            return true;
    return false;
}

const char *goleak_runtime_waiter(const struct goleak_symbols *symbols, const struct goleak_record *record)
{
    const uint32_t *frames;
    if (record->reason != GOLEAK_REASON_SYNC)
        return NULL;
    size_t count = goleak_symbols_stack_frames(symbols, record->block_stack, &frames);
    for (size_t i = 0; i < count; i++) {
        const char *function = goleak_symbols_frame_function(symbols, frames[i]);
        if (strncmp(function, "runtime.", 8) != 0 || strstr(function, "_Semacquire") != NULL) /* called by sync */
            return NULL;
        if (strncmp(function + 8, "gopark", 6) != 0 && strncmp(function + 8, "semacquire", 10) != 0)
            return function;
    }
    return NULL;
}

/* What its stack tells of a wait in package sync, remembered. */
static const struct goleak_sync_memo *sync_memo(const struct goleak_hope_search *search,
                                                const struct goleak_record *record)
{
    const uint32_t stack = record->block_stack;
    struct goleak_sync_memo *memo = &search->sync_memos[stack % GOLEAK_SYNC_MEMOS];
    if (stack == 0 || memo->stack != stack || memo->wait != record->wait)
        *memo =
            (struct goleak_sync_memo) { stack, record->wait,
                                        goleak_is_in_wait_group(search->input->symbols, search->input->reasons, record),
                                        goleak_runtime_waiter(search->input->symbols, record) != NULL };
    return memo;
}

bool goleak_hope_in_runtime(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return record->reason == GOLEAK_REASON_SYNC && sync_memo(search, record)->in_runtime;
}

bool goleak_hope_in_group(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return record->reason == GOLEAK_REASON_SYNC && sync_memo(search, record)->in_group;
}

bool goleak_is_start(const struct goleak_symbols *symbols, uint32_t start, uint32_t function, uint32_t created_stack)
{
    if (start == 0 || start == function)
        return start != 0;
    if (!goleak_symbols_is_wrapper(goleak_symbols_text(symbols, start)))
        return false;
    const uint32_t *frames;
    const size_t count = goleak_symbols_stack_frames(symbols, created_stack, &frames);
    for (size_t i = 1; i < count; i++)
        if (symbols->frame_info[frames[i] - 1].function == start)
            return symbols->frame_info[frames[i - 1] - 1].function == function;
    return false;
}

/* It waits for nearly as long as this one, or longer. */
static bool rests_since(const struct goleak_limits *limits, const struct goleak_record *waker,
                        const struct goleak_record *record, int64_t waited)
{
    return waker->state == GOLEAK_STATE_WAITING &&
           (waker->since <= record->since ||
            (uint64_t)waker->since - (uint64_t)record->since <= (uint64_t)(waited / limits->together));
}

#define STAGES 16 /* of a pipeline that is asked for */

/* One who woke it here has slept, or waited for the network, for nearly as long as it waits: it had no chance to come
 * again. Or it sends itself, to one of whom the same holds: a pipeline is as slow as its last stage. */
static bool has_busy_waker(const struct goleak_waits *waits, const struct goleak_habit *habit,
                           const struct goleak_limits *limits, const struct goleak_record *record, int64_t waited)
{
    for (unsigned stage = 0; stage < STAGES; stage++) {
        const struct goleak_record *sender = NULL;
        for (int which = 0; which < 2; which++) {
            uint32_t index = goleak_hope_waker(waits->store, habit, which);
            const struct goleak_record *waker = index != 0 ? goleak_store_at(waits->store, index) : NULL;
            if (waker == NULL || !rests_since(limits, waker, record, waited))
                continue;
            if ((waker->flags & GOLEAK_REC_BLOCKED) == 0)
                return true;
            if (waker->reason == GOLEAK_REASON_CHAN_SEND)
                sender = waker;
        }
        habit = sender != NULL ? goleak_waits_here(waits, sender) : NULL;
        if (habit == NULL || habit->ended < limits->habit_waits)
            return false;
        waited = goleak_waited(sender, (int64_t)((uint64_t)record->since + (uint64_t)waited)); /* to the same end */
        record = sender;
    }
    return false;
}

bool goleak_is_habit(const struct goleak_waits *waits, const struct goleak_habit *habit,
                     const struct goleak_limits *limits, const struct goleak_record *record, int64_t waited)
{
    if (habit == NULL || habit->ended < limits->habit_waits)
        return false;
    return record->reason != GOLEAK_REASON_CHAN_SEND || waited / limits->patience <= habit->longest ||
           has_busy_waker(waits, habit, limits, record, waited);
}

bool goleak_hope_may_have(const struct goleak_hope_search *search, uint32_t index, enum goleak_hope_kind kind)
{
    const struct goleak_holders *holders = search->input->holders;
    return kind == GOLEAK_HOPE_HOLDER || kind == GOLEAK_HOPE_ACTS || holders == NULL || holders->handed_on ||
           goleak_holders_lock(holders, index) == NULL;
}

void goleak_hope_give(struct goleak_hope_search *search, uint32_t index, enum goleak_hope_kind kind, uint32_t whom)
{
    if (search->hope->kinds[index] != GOLEAK_HOPE_NONE || !goleak_hope_may_have(search, index, kind))
        return;
    search->hope->kinds[index] = (uint8_t)kind;
    search->hope->whom[index] = whom;
    goleak_clear_bit(search->hopeless, index);
    search->queue[search->queued++] = index;
}

/* All whom it has woken. */
static void give_woken(struct goleak_hope_search *search, uint32_t index, enum goleak_hope_kind kind)
{
    if (!goleak_has_bit(search->wakers, index))
        return;
    struct goleak_run woken = goleak_relation_of(&search->hope->woken, index);
    for (size_t i = 0; i < woken.count; i++)
        if (woken.all[i].record != index)
            goleak_hope_give(search, woken.all[i].record, kind, index);
}

/* All who wait for one object, once. */
static void give_fellows(struct goleak_hope_search *search, uint32_t place, uint32_t whom, enum goleak_hope_kind kind)
{
    struct goleak_run crowd = goleak_relation_of(&search->hope->crowds, place);
    if (crowd.count == 0 || crowd.all[0].visited)
        return;
    crowd.all[0].visited = true;
    for (size_t i = 0; i < crowd.count; i++)
        if (crowd.all[i].record != whom)
            goleak_hope_give(search, crowd.all[i].record, kind, whom);
}

/* It may unlock what it holds: where it was the last one that was missing, the waiters hope. */
static void open_lock(struct goleak_hope_search *search, const struct goleak_holder *holder)
{
    const struct goleak_hope_input *input = search->input;
    struct goleak_holders *all = input->holders;
    struct goleak_lock *lock = goleak_holders_at(all, holder->process, holder->lock);
    if (lock == NULL || lock->open == 0 ||
        !goleak_hope_unlocks(search->hope, input->waits, input->store, input->limits, holder) || --lock->open != 0)
        return;
    for (uint32_t i = lock->first_waiter; i < lock->first_waiter + lock->waiters; i++)
        if (goleak_holders_lock(all, all->waiters[i].record) == lock)
            goleak_hope_give(search, all->waiters[i].record, GOLEAK_HOPE_HOLDER, holder->record);
}

static void open_locks(struct goleak_hope_search *search, uint32_t index)
{
    const struct goleak_holders *all = search->input->holders;
    for (uint32_t at = all != NULL ? goleak_holders_of(all, index) : 0; at != 0; at = all->holders[at - 1].next)
        open_lock(search, &all->holders[at - 1]);
}

/* Its fellows at the same object, and those whom it has woken. */
static void spread(struct goleak_hope_search *search, uint32_t index)
{
    give_woken(search, index, GOLEAK_HOPE_WAKER);
    open_locks(search, index);
    enum goleak_hope_kind kind = search->hope->kinds[index];
    const struct goleak_record *record = goleak_store_at(search->input->store, index);
    bool at_lock = kind != GOLEAK_HOPE_ACTS && record->reason == GOLEAK_REASON_SYNC; /* it is given back for all */
    bool for_all = kind == GOLEAK_HOPE_CHILD && record->reason == GOLEAK_REASON_CHAN_RECV; /* which it may close */
    if (kind != GOLEAK_HOPE_WAKER && kind != GOLEAK_HOPE_MANY && !at_lock && !for_all)
        return;
    uint32_t place = goleak_waits_place(search->input->waits, record);
    if (goleak_place_is_object(place))
        give_fellows(search, place, index, for_all ? GOLEAK_HOPE_FELLOW : GOLEAK_HOPE_PEER);
}

/* The nearest one that is alive, if it is blocked: what was handed on goes through those who
 * have ended. 0: it is not. */
static uint32_t find_blocked(const struct goleak_hope_search *search, uint32_t node)
{
    node = goleak_nearest_alive(search, node);
    return node != 0 && goleak_has_bit(search->blocked, node) ? search->nodes[node] : 0;
}

bool goleak_hope_waits_for_child(const struct goleak_hope_search *search, const struct goleak_record *record,
                                 const struct goleak_record *child)
{
    int64_t waited = goleak_waited(record, search->input->last);
    return child->created <= record->since && (uint64_t)record->since - (uint64_t)child->created <=
                                                  (uint64_t)(waited / search->input->limits->at_once);
}

/* By those who woke it, or its fellows, before; they may have turned to others since. */
static bool has_been_served(const struct goleak_hope_search *search, uint32_t index)
{
    uint8_t kind = search->hope->kinds[index];
    return kind == GOLEAK_HOPE_WAKER || kind == GOLEAK_HOPE_MANY || kind == GOLEAK_HOPE_PEER;
}

/* What its child does now counts for more. True: it had been let off before, and those above it are to be asked anew. */
static bool give_child(struct goleak_hope_search *search, uint32_t index, uint32_t child)
{
    if (search->hope->kinds[index] == GOLEAK_HOPE_NONE) {
        goleak_hope_give(search, index, GOLEAK_HOPE_CHILD, child);
        return false;
    }
    if (!goleak_hope_may_have(search, index, GOLEAK_HOPE_CHILD))
        return false;
    search->hope->kinds[index] = GOLEAK_HOPE_CHILD;
    search->hope->whom[index] = child;
    return true;
}

/* To its spawner; returns whose spawner is next, 0: nobody's. */
static uint32_t spread_to_spawner(struct goleak_hope_search *search, uint32_t index)
{
    uint8_t kind = search->hope->kinds[index];
    bool acts = kind == GOLEAK_HOPE_ACTS || kind == GOLEAK_HOPE_BESIDE || kind == GOLEAK_HOPE_CHILD ||
                kind == GOLEAK_HOPE_HOLDER || kind == GOLEAK_HOPE_TIMER; /* a timer is as good as sleep */
    uint32_t parent = find_blocked(search, search->parents[index]);
    if (parent == 0 || (search->hope->kinds[parent] != GOLEAK_HOPE_NONE && !has_been_served(search, parent)))
        return 0;
    const struct goleak_record *record = goleak_store_at(search->input->store, index);
    const struct goleak_record *above = goleak_store_at(search->input->store, parent);
    bool helps = goleak_hope_may_help(search, record->index) &&
                 ((acts && (goleak_hope_patience_of(search, record) >= goleak_hope_patience_with(above) ||
                            goleak_hope_waits_for_child(search, above, record))) ||
                  goleak_hope_in_group(search, above));
    return helps && give_child(search, parent, index) ? parent : 0;
}

static void spread_up(struct goleak_hope_search *search, uint32_t index)
{
    while (index != 0)
        index = spread_to_spawner(search, index);
}

/* Nobody has told the goroutine of this node yet that its children act; or perhaps one above it, where it has ended, or
 * was never seen. */
static bool is_open(const struct goleak_hope_search *search, uint32_t node)
{
    const uint32_t index = search->nodes[node];
    if (goleak_has_bit(search->blocked, node))
        return search->hope->kinds[index] == GOLEAK_HOPE_NONE || has_been_served(search, index);
    return !goleak_has_bit(search->alive, node) && goleak_lineage_at(search->input->lineage, node)->parent != 0;
}

static void find_open(struct goleak_hope_search *search)
{
    for (uint32_t node = 1; node < search->input->lineage->count; node++)
        if (is_open(search, node))
            goleak_set_bit(search->open, node);
}

/* Of a word those whose spawner's node is open, without a branch: many have the same one, and the first of them tells
 * it. Returns how many. */
static size_t fetch_children(const struct goleak_hope_search *search, uint32_t word, uint32_t records[GOLEAK_WORD])
{
    size_t count = 0;
    for (uint64_t left = search->first[word]; left != 0; left &= left - 1) {
        const uint32_t index = word * GOLEAK_WORD + goleak_low_zeros(left), parent = search->parents[index];
        records[count] = index;
        count += goleak_has_bit(search->open, parent);
    }
    for (size_t i = 0; i < count; i++) /* where their spawner has ended, what was handed on goes through it */
        GOLEAK_PREFETCH(goleak_lineage_at(search->input->lineage, search->parents[records[i]]));
    return count;
}

/* From those who are hopeful from the start, in their order, to those who have started them. */
static void spread_up_first(struct goleak_hope_search *search)
{
    uint32_t records[GOLEAK_WORD] = { 0 };
    find_open(search);
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++) {
        const size_t count = fetch_children(search, word, records);
        for (size_t i = 0; i < count; i++) {
            const uint32_t parent = search->parents[records[i]];
            spread_up(search, records[i]);
            if (!is_open(search, parent))
                goleak_clear_bit(search->open, parent);
        }
    }
}

/* … to others: from all of them, or those who have woken others. */
static void spread_first(struct goleak_hope_search *search, bool all)
{
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++)
        for (uint64_t left = search->first[word] & (all ? UINT64_MAX : search->wakers[word]); left != 0;
             left &= left - 1)
            spread(search, word * GOLEAK_WORD + goleak_low_zeros(left));
}

#define AHEAD 16

/* The next one of the queue, of those who join it meanwhile, too. */
static inline uint32_t take_queued(const struct goleak_hope_search *search, size_t at)
{
    if (at + AHEAD < search->queued)
        GOLEAK_PREFETCH(goleak_store_at(search->input->store, search->queue[at + AHEAD]));
    return search->queue[at];
}

/* From this one of the queue on. */
static void spread_on(struct goleak_hope_search *search, size_t at)
{
    for (; at < search->queued; at++) {
        uint32_t index = take_queued(search, at);
        spread(search, index);
        spread_up(search, index);
    }
}

/* All of a set who are hopeless, and have this hope by what was known before: their order does not matter. */
static void look_once(struct goleak_hope_search *search, const uint64_t *set, enum goleak_hope_kind kind,
                      goleak_hope_test *has)
{
    size_t first = search->queued;
    uint32_t records[GOLEAK_WORD];
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++) {
        size_t count = goleak_fetch_word(search, search->hopeless[word] & set[word], word, records);
        for (size_t i = 0; i < count; i++) {
            uint32_t whom = 0;
            if (!goleak_hope_may_have(search, records[i], kind) || !has(search, records[i], &whom))
                continue;
            search->hope->whom[records[i]] = whom;
            search->queue[search->queued++] = records[i]; /* there is room for all */
        }
    }
    for (size_t i = first; i < search->queued; i++) {
        search->hope->kinds[search->queue[i]] = (uint8_t)kind;
        goleak_clear_bit(search->hopeless, search->queue[i]);
    }
}

/* Whose waits other programs end, which nothing else told. */
static void look_outside(struct goleak_hope_search *search)
{
    size_t up = search->queued;
    if (search->outside != NULL)
        look_once(search, search->idle, GOLEAK_HOPE_ACTS, goleak_hope_is_outside);
    for (; up < search->queued; up++)
        spread_up(search, search->queue[up]);
}

#define ROUNDS 16 /* so deep are those who start each other */

/* What lies within reach, in rounds, because it rests on the spawner's own hope. */
static void look_farther(struct goleak_hope_search *search)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t up = search->queued;
        look_once(search, search->taken, GOLEAK_HOPE_READER, goleak_hope_is_taken);
        look_once(search, search->idle, GOLEAK_HOPE_SCOPE, goleak_hope_is_in_scope);
        if (up == search->queued) { /* less is known of these */
            goleak_hope_look_who_asked(search);
            if (goleak_hope_look_who_is_left(search))
                look_once(search, search->kept, GOLEAK_HOPE_STARTUP, goleak_hope_is_of_startup);
        }
        if (up == search->queued)
            return;
        for (; up < search->queued; up++) {
            if (search->hope->kinds[search->queue[up]] == GOLEAK_HOPE_STARTUP) /* as well or as badly as it is known */
                give_woken(search, search->queue[up], GOLEAK_HOPE_STARTUP);
            spread_up(search, search->queue[up]);
        }
    }
}

/* Who collects from those whom it has started is not forgotten by one that is not stuck, or that began to wait after it
 * did: others serve that one. */
static void look_at_children(struct goleak_hope_search *search)
{
    const struct goleak_store *store = search->input->store;
    if (!search->any_collector)
        return;
    for (uint32_t index = 1; index < search->hope->count; index++) {
        const uint32_t node = search->parents[index];
        if (node == 0 || !goleak_has_bit(search->blocked, node) ||
            !goleak_has_bit(search->collectors, search->nodes[node]))
            continue;
        const struct goleak_record *child = goleak_store_at(store, index);
        if (search->hope->kinds[index] != GOLEAK_HOPE_NONE ||
            child->since > goleak_store_at(store, search->nodes[node])->since)
            goleak_hope_give(search, search->nodes[node], GOLEAK_HOPE_CHILD, index);
    }
}

/* So many at most send to a channel that others empty now and then. */
#define SENDERS_MOST 16

/* Those who send where it has received again and again. It came after they had begun, so that they were not started for
 * it; and it rests since before they had to wait, so that it has had no chance to come. */
static void give_senders(struct goleak_hope_search *search, const struct goleak_record *taker, uint32_t place)
{
    const struct goleak_run crowd = goleak_relation_of(&search->hope->crowds, place);
    for (size_t i = 0; i < crowd.count && crowd.count <= SENDERS_MOST; i++) {
        const struct goleak_record *sender = goleak_store_at(search->input->store, crowd.all[i].record);
        if (sender->reason == GOLEAK_REASON_CHAN_SEND && goleak_has_bit(search->hopeless, sender->index) &&
            taker->created != GOLEAK_NO_MOMENT && sender->created < taker->created && taker->since <= sender->since)
            goleak_hope_give(search, sender->index, GOLEAK_HOPE_TAKER, taker->index);
    }
}

/* A token bucket is full, and nobody asks for tokens at the moment. */
static void look_at_takers(struct goleak_hope_search *search)
{
    const struct goleak_hope *hope = search->hope;
    const struct goleak_waits *waits = search->input->waits;
    uint32_t index = 0;
    for (const uint8_t *at; search->any_sender && index < hope->count &&
                            (at = memchr(hope->kinds + index, GOLEAK_HOPE_ACTS, hope->count - index)) != NULL;
         index++) {
        index = (uint32_t)(at - hope->kinds);
        const struct goleak_record *record = goleak_store_at(search->input->store, index);
        if (record->state != GOLEAK_STATE_WAITING || !goleak_hope_may_help(search, index))
            continue;
        for (uint32_t of = goleak_first_habit(record); of != 0; of = goleak_habit_at(waits, of)->next) {
            const struct goleak_habit *habit = goleak_habit_at(waits, of);
            if (goleak_place_is_object(habit->place) && waits->sites[habit->site].reason == GOLEAK_REASON_CHAN_RECV &&
                habit->ended - habit->nobody >= search->input->limits->habit_waits)
                give_senders(search, record,
                             goleak_place_for(habit->place, GOLEAK_REASON_CHAN_RECV, GOLEAK_REASON_CHAN_SEND));
        }
    }
}

/* The next one, from this one on, that waits for those whom it has started, which act, and whose spawner has ended;
 * `count`: there is none. */
static uint32_t next_leader(const struct goleak_hope_search *search, uint32_t index)
{
    const struct goleak_hope *hope = search->hope;
    for (const uint8_t *at; (at = memchr(hope->kinds + index, GOLEAK_HOPE_CHILD, hope->count - index)) != NULL;
         index++) {
        index = (uint32_t)(at - hope->kinds);
        const uint32_t parent = search->parents[index];
        if (parent != 0 && !goleak_has_bit(search->alive, parent) && goleak_hope_may_help(search, index))
            return index;
    }
    return (uint32_t)hope->count;
}

/* Others are asked from now on. */
static void forget_helpers(struct goleak_hope_search *search)
{
    memset(search->helpers, 0, goleak_words_of(search->hope->count) * sizeof *search->helpers);
    memset(search->helped, 0, goleak_words_of(search->input->lineage->count + 1) * sizeof *search->helped);
}

/* Who leads those who act helps them beside it whose spawner is gone, as those would: theirs is one session. */
static void look_beside_leaders(struct goleak_hope_search *search)
{
    const size_t up = search->queued;
    uint32_t index = next_leader(search, 1);
    if (index == search->hope->count || search->failed)
        return;
    forget_helpers(search);
    for (; index < search->hope->count; index = next_leader(search, index + 1))
        goleak_hope_add_helper(search, index);
    goleak_hope_look_beside(search);
    spread_on(search, up);
}

/* Of one that waits: the program's own function that it does so in; 0: not told. */
static uint32_t waiting_function(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const uint32_t frame = goleak_hope_own_frame(search, record->block_stack);
    return frame != 0 ? goleak_hope_function(search, frame) : 0;
}

/* Whoever waits in the function in which it has started several that are stuck waits for those, and not for those beside
 * itself. One may be there for something else. */
static void leave_out_parents(struct goleak_hope_search *search)
{
    const struct goleak_store *store = search->input->store;
    const size_t size = goleak_words_of(search->hope->count) * sizeof(uint64_t);
    uint64_t *ones = goleak_alloc_zeroed(search->hope->alloc, size); /* who have one such child */
    search->failed = ones == NULL;
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count) && !search->failed; word++)
        for (uint64_t left = search->hopeless[word]; left != 0; left &= left - 1) {
            const uint32_t child = word * GOLEAK_WORD + goleak_low_zeros(left), node = search->parents[child];
            if (node == 0 || !goleak_has_bit(search->blocked, node) ||
                !goleak_has_bit(search->groups, search->nodes[node]))
                continue;
            const uint32_t parent = search->nodes[node];
            const uint32_t function = goleak_kin_of(search, goleak_store_at(store, child))->function;
            if (function == 0 || function != waiting_function(search, goleak_store_at(store, parent)))
                continue;
            if (goleak_has_bit(ones, parent))
                goleak_clear_bit(search->groups, parent);
            goleak_set_bit(ones, parent);
        }
    goleak_free(search->hope->alloc, ones, size);
}

/* Those who are stuck in a WaitGroup. False: there are none. */
static bool find_groups(struct goleak_hope_search *search)
{
    const struct goleak_store *store = search->input->store;
    uint32_t records[GOLEAK_WORD];
    bool any = false;
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++) {
        const size_t count = goleak_fetch_word(search, search->hopeless[word] & search->in_sync[word], word, records);
        for (size_t i = 0; i < count; i++) {
            const struct goleak_record *record = goleak_store_at(store, records[i]);
            if (record->parent == 0 || record->block_stack == 0 || !goleak_hope_in_group(search, record))
                continue;
            goleak_set_bit(search->groups, record->index);
            any = true;
        }
    }
    if (any)
        leave_out_parents(search);
    return any && !search->failed;
}

/* Whoever waits in a WaitGroup waits for those to end who were started beside it, however quiet they are; but not whose
 * waker has turned to others. That one is kept since the start says little, and what is within reach of its spawner, that
 * this one has as well. */
static void look_beside_groups(struct goleak_hope_search *search)
{
    const size_t up = search->queued;
    if (search->failed || !find_groups(search))
        return;
    goleak_hope_find_turned(search);
    forget_helpers(search);
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++)
        for (uint64_t left = goleak_hope_given(search, word) & search->may_help[word]; left != 0; left &= left - 1) {
            const uint32_t index = word * GOLEAK_WORD + goleak_low_zeros(left);
            const enum goleak_hope_kind kind = search->hope->kinds[index];
            if (kind == GOLEAK_HOPE_ACTS || kind == GOLEAK_HOPE_STARTUP || kind == GOLEAK_HOPE_SCOPE ||
                search->parents[index] == 0 || goleak_hope_is_replaced(search->hope, index))
                continue;
            goleak_hope_add_helper(search, index);
        }
    search->askers = search->groups;
    goleak_hope_look_beside(search);
    search->askers = search->hopeless;
    spread_on(search, up);
}

/* Somebody who may have a lock: one of the program's own, but main, which woke none of them as far as is known. */
static void note_lively(const struct goleak_hope_search *search, uint64_t *lively)
{
    const struct goleak_store *store = search->input->store;
    for (uint32_t index = 1; index < search->hope->count; index++) {
        if (search->hope->kinds[index] == GOLEAK_HOPE_NONE || !goleak_hope_may_help(search, index))
            continue;
        goleak_set_bit(lively, goleak_store_at(store, index)->process);
        if (!search->input->several)
            return;
    }
}

/* Many gave them their locks before: so may others, where anybody is left who is not stuck, and no one that is seems to
 * have the lock. */
static void look_at_locks(struct goleak_hope_search *search)
{
    if (!search->any_at_lock || search->failed)
        return;
    goleak_hope_look_locked_in(search);
    uint64_t lively[(UINT16_MAX + 1) / GOLEAK_WORD] = { 0 }; /* by process */
    note_lively(search, lively);
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++)
        for (uint64_t left = search->at_locks[word] & search->hopeless[word]; left != 0; left &= left - 1) {
            const uint32_t index = word * GOLEAK_WORD + goleak_low_zeros(left);
            if (search->hope->whom[index] == 0 &&
                goleak_has_bit(lively, goleak_store_at(search->input->store, index)->process))
                goleak_hope_give(search, index, GOLEAK_HOPE_MANY, 0);
        }
}

static bool is_in_circle(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    return goleak_has_bit(search->stuck, record->index) &&
           goleak_is_in_circle(record, goleak_waits_site(input->waits, record), input->limits,
                               goleak_waited(record, input->last));
}

/* Those who wake each other, and nobody else does (whoever has a token of a pool, and gives it back): as long as one of
 * them is somewhere else, and not stuck, any may be woken. */
static void look_at_circles(struct goleak_hope_search *search)
{
    if (!search->any_circled || search->failed)
        return;
    for (uint32_t index = 1; index < search->hope->count; index++) {
        const struct goleak_record *record = goleak_store_at(search->input->store, index);
        if (search->hope->kinds[index] != GOLEAK_HOPE_NONE && !is_in_circle(search, record))
            goleak_set_bit(search->lively_sites, record->site);
    }
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++)
        for (uint64_t left = search->circled[word] & search->hopeless[word]; left != 0; left &= left - 1) {
            const uint32_t index = word * GOLEAK_WORD + goleak_low_zeros(left);
            if (goleak_has_bit(search->lively_sites, goleak_store_at(search->input->store, index)->site))
                goleak_hope_give(search, index, GOLEAK_HOPE_MANY, 0);
        }
}

/* One of those that a waker serves: alone, and of its place nobody else, or it has none of its own. */
static void count_own(const struct goleak_hope_search *search, const struct goleak_related *served, size_t count,
                      uint32_t *own)
{
    const struct goleak_record *record = goleak_store_at(search->input->store, served->record);
    const struct goleak_habit *here = goleak_waits_here(search->input->waits, record);
    if (count > 1 && goleak_hope_serves_another(search->input, search->hope, served->key, record, -1))
        own[record->site] = UINT32_MAX;
    else if (own[record->site] != UINT32_MAX && here != NULL && here->wakers[1] == 0 && !here->others)
        own[record->site]++;
}

/* Where many are served, each by one of its own: a connection's writer by its reader. */
static void find_partnered_sites(struct goleak_hope_search *search)
{
    struct goleak_hope *hope = search->hope;
    const size_t sites = goleak_sites_count(search->input->sites);
    const struct goleak_relation *woken = &hope->woken;
    if (search->failed || woken->count == 0)
        return;
    uint32_t *own = goleak_alloc_zeroed(hope->alloc, sites * sizeof *own);
    hope->partnered_sites =
        own != NULL ? goleak_alloc_zeroed(hope->alloc, goleak_words_of(sites) * sizeof *hope->partnered_sites) : NULL;
    hope->site_count = sites;
    search->failed = hope->partnered_sites == NULL;
    for (size_t i = 0, end = 0, count = 0; i < woken->count && !search->failed; i++) {
        if (i + AHEAD < woken->count)
            GOLEAK_PREFETCH(goleak_store_at(search->input->store, woken->all[i + AHEAD].record));
        if (i == end) /* where another waker's begin */
            end += count = goleak_relation_of(woken, woken->all[i].key).count;
        count_own(search, &woken->all[i], count, own);
    }
    for (uint32_t site = 1; site < sites && !search->failed; site++)
        if (own[site] != UINT32_MAX && own[site] >= search->input->limits->partners_least)
            goleak_set_bit(hope->partnered_sites, site);
    goleak_free(hope->alloc, own, sites * sizeof *own);
}

static void look_around(struct goleak_hope_search *search)
{
    const size_t up = search->queued;
    goleak_hope_look_who_passed(search);
    goleak_hope_look_who_leads(search);
    goleak_hope_look_inside(search);
    look_at_children(search);
    spread_on(search, up);
}

/* What others were seen to do comes first, what they might do after it. */
static void search_all(struct goleak_hope_search *search)
{
    size_t at = 0, up = 0;
    find_partnered_sites(search);
    spread_first(search, search->input->holders != NULL);
    look_at_locks(search);
    look_at_circles(search);
    for (; at < search->queued; at++)
        spread(search, take_queued(search, at));
    goleak_hope_look_beside(search);
    if (search->any_blocked)
        spread_up_first(search);
    for (; up < at; up++)
        spread_up(search, search->queue[up]);
    spread_on(search, up);
    look_around(search);
    look_outside(search);
    look_beside_groups(search);
    up = search->queued;
    look_at_takers(search);
    spread_on(search, up);
    goleak_hope_count_living(search);
    look_farther(search);
    if (goleak_hope_find_pools(search))
        look_farther(search);
    up = search->queued;
    look_at_children(search);
    spread_on(search, up);
    up = search->queued;
    look_at_locks(search);
    look_at_circles(search);
    if (up != search->queued) {
        spread_on(search, up);
        look_around(search);
        look_farther(search);
    }
    look_beside_leaders(search);
    look_beside_groups(search);
    goleak_hope_find_turned(search);
}

/* Beside those who act: who is blocked, and has been given hope. */
static void count_loose(struct goleak_hope_search *search)
{
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++)
        for (uint64_t left = goleak_hope_given(search, word); left != 0; left &= left - 1) {
            const uint32_t index = word * GOLEAK_WORD + goleak_low_zeros(left);
            search->hope->loose +=
                goleak_hope_may_help(search, index) ||
                (goleak_store_at(search->input->store, index)->flags & GOLEAK_REC_SYSTEM) == 0; /* main */
        }
}

static void release(struct goleak_hope_search *search, size_t nodes)
{
    struct goleak_alloc *alloc = search->hope->alloc;
    goleak_hope_release_outside(search);
    goleak_free(alloc, search->call_memos, GOLEAK_CALL_MEMOS * sizeof *search->call_memos);
    goleak_free(alloc, search->kin, goleak_sites_count(search->input->sites) * sizeof *search->kin);
    if (search->living_waits != NULL)
        goleak_free(alloc, search->living_waits, search->input->waits->site_count * sizeof *search->living_waits);
    goleak_free(alloc, search->bits, search->block_bytes);
    goleak_free(alloc, search->left, goleak_sites_count(search->input->sites) * sizeof *search->left);
    goleak_free(alloc, search->standard, search->strings * sizeof *search->standard);
    goleak_free(alloc, search->sync_memos, GOLEAK_SYNC_MEMOS * sizeof *search->sync_memos);
    goleak_free(alloc, search->nodes, nodes * sizeof *search->nodes);
}

/* All sets of bits, and behind them what each record has, lie in one block. */
static bool make_sets(struct goleak_hope_search *search, size_t nodes, size_t records)
{
    uint64_t **by_record[] = { &search->wakers,  &search->first,      &search->hopeless, &search->idle,
                               &search->kept,    &search->read,       &search->pooled,   &search->helpers,
                               &search->resting, &search->collectors, &search->at_locks, &search->groups,
                               &search->taken,   &search->stuck,      &search->in_sync,  &search->may_help,
                               &search->circled };
    uint64_t **by_node[] = { &search->alive,       &search->blocked, &search->helped, &search->wanted,
                             &search->wanted_more, &search->named,   &search->open };
    uint64_t **by_site[] = { &search->stuck_sites, &search->passed_sites, &search->quiet_sites,
                             &search->pool_sites,  &search->paired_sites, &search->lively_sites };
    const struct {
        uint64_t ***sets;
        size_t count, words;
    } all[] = { { by_record, sizeof by_record / sizeof *by_record, goleak_words_of(records) },
                { by_node, sizeof by_node / sizeof *by_node, goleak_words_of(nodes) },
                { by_site, sizeof by_site / sizeof *by_site,
                  goleak_words_of(goleak_sites_count(search->input->sites)) } };
    const size_t kinds = sizeof all / sizeof *all;
    uint64_t *next;
    const size_t behind = records * (sizeof *search->parents + sizeof *search->queue);
    search->block_bytes = behind;
    for (size_t i = 0; i < kinds; i++)
        search->block_bytes += all[i].count * all[i].words * sizeof *next;
    next = search->bits = goleak_alloc_array(search->hope->alloc, 1, search->block_bytes);
    if (next == NULL)
        return false;
    memset(next, 0, search->block_bytes - behind);
    for (size_t i = 0; i < kinds; i++)
        for (size_t k = 0; k < all[i].count; k++, next += all[i].words)
            *all[i].sets[k] = next;
    /* All but the first parent are written before they are read, as is the queue. */
    search->parents = (uint32_t *)next;
    search->queue = search->parents + records;
    search->parents[0] = 0;
    search->askers = search->hopeless;
    return true;
}

/* The first failure ends it: the account tells why of the last one only. */
static bool make_room(struct goleak_hope_search *search, size_t nodes, size_t records)
{
    struct goleak_hope *hope = search->hope;
    struct goleak_alloc *alloc = hope->alloc;
    size_t sites = goleak_sites_count(search->input->sites);
    hope->count = records;
    search->strings = search->input->symbols->strings.count + 1;
    hope->whom = goleak_alloc_table(alloc, 1, bytes_of(records));
    hope->kinds = hope->whom != NULL ? (uint8_t *)(hope->whom + records) : NULL;
    return hope->whom != NULL && (search->nodes = goleak_alloc_zeroed(alloc, nodes * sizeof *search->nodes)) != NULL &&
           (search->standard = goleak_alloc_zeroed(alloc, search->strings * sizeof *search->standard)) != NULL &&
           (search->sync_memos = goleak_alloc_zeroed(alloc, GOLEAK_SYNC_MEMOS * sizeof *search->sync_memos)) != NULL &&
           (search->kin = goleak_alloc_array(alloc, sites, sizeof *search->kin)) != NULL &&
           make_sets(search, nodes, records);
}

/* What is known before any goroutine is looked at. */
static void prepare(struct goleak_hope_search *search)
{
    const struct goleak_intern *strings = &search->input->symbols->strings;
    search->lost = goleak_intern_find(strings, GOLEAK_NAME_LOST, strlen(GOLEAK_NAME_LOST));
    search->runtime_main = goleak_intern_find(strings, "runtime.main", 12);
    search->main_main = goleak_intern_find(strings, "main.main", 9);
    search->accept = goleak_intern_find(strings, "internal/poll.(*FD).Accept", 26);
    search->pipe_writes[0] = goleak_intern_find(strings, "io.(*pipe).write", 16);
    search->pipe_writes[1] = goleak_intern_find(strings, "net.(*pipe).write", 17);
    search->do_init = goleak_intern_find(strings, "runtime.doInit1", 15); /* from Go 1.21 on */
    if (search->do_init == 0)
        search->do_init = goleak_intern_find(strings, "runtime.doInit", 14);
    goleak_hope_find_kin(search);
    goleak_hope_find_pairs(search);
    goleak_hope_find_quiet(search);
    if (!search->failed)
        goleak_hope_find_readers(search);
    if (!search->failed)
        goleak_hope_find_outside(search);
}

enum goleak_status goleak_hope_find(struct goleak_hope *hope, const struct goleak_hope_input *input)
{
    size_t records = (size_t)input->store->count + 1, nodes = input->lineage->count + 1;
    struct goleak_hope_search search = { .input = input, .hope = hope };
    search.failed = !make_room(&search, nodes, records);
    if (!search.failed)
        prepare(&search);
    if (!search.failed)
        goleak_hope_collect(&search);
    if (!search.failed)
        search_all(&search);
    if (!search.failed)
        count_loose(&search);
    release(&search, nodes);
    return search.failed ? goleak_alloc_failure(hope->alloc) : GOLEAK_OK;
}
