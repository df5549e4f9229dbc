/* hope - see hope.h. */
#include "verdict/hope.h"

#include "verdict/family.h"

#include <string.h>

void goleak_hope_init(struct goleak_hope *hope, struct goleak_alloc *alloc)
{
    *hope = (struct goleak_hope){ .alloc = alloc };
    goleak_relation_init(&hope->crowds, alloc);
}

void goleak_hope_release(struct goleak_hope *hope)
{
    if (hope->alloc == NULL)
        return;
    goleak_free(hope->alloc, hope->kinds, hope->count * sizeof *hope->kinds);
    goleak_free(hope->alloc, hope->whom, hope->count * sizeof *hope->whom);
    goleak_relation_release(&hope->crowds);
    goleak_hope_init(hope, hope->alloc);
}

static bool lives(const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_SEEN) && record->state != GOLEAK_STATE_ENDED;
}

uint32_t goleak_hope_waker(const struct goleak_store *store, const struct goleak_habit *habit, int which)
{
    uint32_t index = habit->wakers[which];
    if (index == 0)
        return 0;
    const struct goleak_record *waker = goleak_store_at(store, index);
    return (uint32_t)waker->serial == habit->serials[which] && waker->state != GOLEAK_STATE_ENDED ? index : 0;
}

bool goleak_hope_timer(const struct goleak_waits *waits, const struct goleak_limits *limits,
                       const struct goleak_habit *here, int64_t waited)
{
    if (here == NULL || here->nobody == 0 || !waits->tells_wakers)
        return false;
    return waited / limits->patience <= here->longest; /* a timer may be stopped, or another one each time */
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

struct search {
    const struct goleak_hope_input *input;
    struct goleak_hope *hope;
    struct kin { /* what its site tells of a goroutine */
        uint32_t function; /* string: that started it; 0: not told */
        bool signals;      /* package os/signal started it for its caller */
        bool coroutine;    /* it runs only while it is asked */
    } *kin;                /* by spawn site */
    struct goleak_families acting;  /* by spawner and spawning function */
    struct goleak_relation woken;   /* those who are blocked, by who woke them there */
    uint64_t *wakers;               /* bits by record: it has woken some of these */
    uint64_t *first;                /* bits by record: hopeful from the start; most only act */
    uint32_t *parents;              /* by record: lineage node of its spawner; 0: none, or it does not live */
    uint32_t *stuck;                /* records: those who are blocked */
    size_t stuck_count, stuck_capacity;
    /* By lineage node: bits are at hand, where numbers would have to be fetched. */
    uint64_t *alive, *blocked, *wanted; /* wanted: those of its children who act, beside one who is stuck */
    uint32_t *nodes;                /* the record, of those who are blocked */
    bool any_blocked, any_wanted;   /* nodes */
    uint32_t *queue;                /* those who became hopeful, whose relations are not looked at yet */
    size_t queued;
    bool failed;
};

static inline bool has_bit(const uint64_t *bits, uint32_t at)
{
    return (bits[at / 64] >> at % 64 & 1) != 0;
}

static inline void set_bit(uint64_t *bits, uint32_t at)
{
    bits[at / 64] |= (uint64_t)1 << at % 64;
}

static size_t words_of(size_t bits)
{
    return (bits + 63) / 64;
}

bool goleak_waits_in(const struct goleak_hope_input *input, const struct goleak_record *record, const char *part)
{
    const char *told = record->wait != GOLEAK_NO_WAIT ? goleak_reasons_wait_text(input->reasons, record->wait) : NULL;
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(input->symbols, record->block_stack, &frames);
    if (told != NULL && strstr(told, part) != NULL)
        return true;
    for (size_t i = 0; i < count; i++)
        if (strstr(goleak_symbols_frame_function(input->symbols, frames[i]), part) != NULL)
            return true;
    return false;
}

bool goleak_is_habit(const struct goleak_habit *habit, const struct goleak_limits *limits,
                     const struct goleak_record *record, int64_t waited)
{
    if (habit == NULL || habit->ended < limits->habit_waits)
        return false;
    return record->reason != GOLEAK_REASON_CHAN_SEND || waited / limits->patience <= habit->longest;
}

static struct kin *kin_of(const struct search *search, const struct goleak_record *record)
{
    return &search->kin[record->site];
}

static void find_kin(struct search *search)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    for (uint32_t site = 0; site < goleak_sites_count(search->input->sites); site++) {
        const struct goleak_site *at = goleak_sites_at(search->input->sites, site);
        const char *start = goleak_symbols_text(symbols, at->start);
        search->kin[site] = (struct kin){
            .function = at->created_at != 0 ? symbols->frame_info[at->created_at - 1].function : 0,
            .signals = goleak_text_begins(start, "os/signal."),
            .coroutine = strcmp(start, "runtime.corostart") == 0,
        };
    }
}

/* Of a goroutine that os/signal started, the caller's function. */
static uint32_t signals_function(const struct search *search, const struct goleak_record *record)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    const uint32_t *frames;
    uint32_t stack = goleak_store_detail(search->input->store, record)->created_stack;
    size_t count = goleak_symbols_stack_frames(symbols, stack, &frames);
    for (size_t i = 0; i < count; i++) {
        const char *function = goleak_symbols_frame_function(symbols, frames[i]);
        if (!goleak_text_begins(function, "os/signal.") && !goleak_text_begins(function, "sync.") &&
            !goleak_text_begins(function, "runtime."))
            return symbols->frame_info[frames[i] - 1].function;
    }
    return 0;
}

/* Who was started by the same goroutine, in the same function; 0: not told. */
static uint64_t family_of(const struct search *search, const struct goleak_record *record)
{
    const struct kin *kin = kin_of(search, record);
    uint32_t function = kin->signals ? signals_function(search, record) : kin->function;
    return record->parent != 0 && function != 0 ? (uint64_t)record->parent << 32 | function : 0;
}

/* It slept again and again, and woke nobody of these. */
static bool had_its_chance(const struct search *search, const struct goleak_record *record)
{
    const struct goleak_past *past = goleak_waits_past(search->input->waits, record);
    return past != NULL && past->naps >= search->input->limits->chances;
}

/* May wake others that it has to do with. */
static bool may_help(const struct search *search, const struct goleak_record *record)
{
    return (record->flags & (GOLEAK_REC_SYSTEM | GOLEAK_REC_MAIN)) == 0 && !kin_of(search, record)->coroutine;
}

static bool is_wait_group(const struct search *search, const struct goleak_record *record)
{
    return record->reason == GOLEAK_REASON_SYNC && goleak_waits_in(search->input, record, "WaitGroup");
}

static bool may_have(const struct search *search, uint32_t index, enum goleak_hope_kind kind)
{
    const struct goleak_holders *holders = search->input->holders;
    return kind == GOLEAK_HOPE_HOLDER || kind == GOLEAK_HOPE_ACTS || holders == NULL ||
           goleak_holders_lock(holders, index) == NULL;
}

/* Before anybody is asked for others. */
static void give_first(struct search *search, uint32_t index, enum goleak_hope_kind kind)
{
    if (!may_have(search, index, kind))
        return;
    search->hope->kinds[index] = (uint8_t)kind;
    set_bit(search->first, index);
}

static void give(struct search *search, uint32_t index, enum goleak_hope_kind kind, uint32_t whom)
{
    if (search->hope->kinds[index] != GOLEAK_HOPE_NONE || !may_have(search, index, kind))
        return;
    search->hope->kinds[index] = (uint8_t)kind;
    search->hope->whom[index] = whom;
    search->queue[search->queued++] = index;
}

/* Woken before where it waits: who may do so again. */
static void add_woken(struct search *search, const struct goleak_record *record, const struct goleak_habit *habit)
{
    const struct goleak_hope_input *input = search->input;
    if (!goleak_is_habit(habit, input->limits, record, goleak_waited(record, input->last)))
        return;
    for (int which = 0; which < 2 && !search->failed; which++) {
        uint32_t waker = goleak_hope_waker(input->store, habit, which);
        if (waker == 0)
            continue;
        set_bit(search->wakers, waker);
        search->failed = !goleak_relation_add(&search->woken, waker, record->index, false);
    }
}

/* One that is stuck, until somebody proves that it is not. */
static void add_stuck(struct search *search, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    const struct goleak_waiter *waiter = goleak_waits_of(input->waits, record);
    const struct goleak_habit *here = goleak_waits_here(input->waits, record);
    search->failed = !goleak_grow(search->hope->alloc, &search->stuck, &search->stuck_capacity,
                                  search->stuck_count + 1, sizeof *search->stuck);
    if (search->failed)
        return;
    search->stuck[search->stuck_count++] = record->index;
    if (waiter != NULL && goleak_place_is_object(waiter->place))
        search->failed = !goleak_relation_add(&search->hope->crowds, waiter->place, record->index, here != NULL);
    if (here != NULL)
        add_woken(search, record, here);
    if (record->flags & GOLEAK_REC_SYSTEM)
        give_first(search, record->index, GOLEAK_HOPE_ACTS);
    else if (input->holders != NULL && goleak_holders_is_free(input->holders, record->index))
        give_first(search, record->index, GOLEAK_HOPE_HOLDER);
    else if (goleak_hope_timer(input->waits, input->limits, here, goleak_waited(record, input->last)))
        give_first(search, record->index, GOLEAK_HOPE_TIMER);
}

/* blocked: the record; 0: it is not. */
static void add_node(struct search *search, uint32_t node, uint32_t blocked)
{
    set_bit(search->alive, node);
    if (blocked == 0)
        return;
    set_bit(search->blocked, node);
    search->nodes[node] = blocked;
    search->any_blocked = true;
}

#define AHEAD 16

/* Everyone's place in the relations. */
static void collect(struct search *search)
{
    const struct goleak_store *store = search->input->store;
    for (uint32_t i = 1; i <= store->count && !search->failed; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        goleak_waits_prefetch_habit(search->input->waits, i + AHEAD);
        if (!lives(record))
            continue;
        bool blocked = goleak_is_blocked(record);
        search->parents[i] = record->parent;
        if (record->flags & GOLEAK_REC_SPAWNED)
            add_node(search, goleak_store_detail(store, record)->node, blocked ? i : 0);
        if (blocked)
            add_stuck(search, record);
        else
            give_first(search, i, GOLEAK_HOPE_ACTS); /* it needs nobody's help */
    }
    search->failed = search->failed || !goleak_relation_sort(&search->woken) ||
                     !goleak_relation_sort(&search->hope->crowds);
}

/* They lie apart, where few are blocked. */
static const struct goleak_record *stuck_at(const struct search *search, size_t i)
{
    size_t ahead = i + AHEAD < search->stuck_count ? i + AHEAD : i;
    GOLEAK_PREFETCH(goleak_store_at(search->input->store, search->stuck[ahead]));
    return goleak_store_at(search->input->store, search->stuck[i]);
}

/* Those who act and may be beside one that is still stuck. */
static void collect_acting(struct search *search)
{
    const struct goleak_store *store = search->input->store;
    for (size_t i = 0; i < search->stuck_count && !search->failed; i++) {
        const struct goleak_record *record = stuck_at(search, i);
        uint64_t family = search->hope->kinds[record->index] == GOLEAK_HOPE_NONE ? family_of(search, record) : 0;
        if (family == 0)
            continue;
        set_bit(search->wanted, record->parent);
        search->any_wanted = true;
        search->failed = !goleak_families_want(&search->acting, family);
    }
    for (uint32_t i = 1; i <= store->count && search->any_wanted && !search->failed; i++) {
        if (i + AHEAD <= store->count && has_bit(search->wanted, search->parents[i + AHEAD]))
            goleak_waits_prefetch_habit(search->input->waits, i + AHEAD);
        if (!has_bit(search->wanted, search->parents[i]))
            continue;
        const struct goleak_record *record = goleak_store_at(store, i);
        if (!kin_of(search, record)->signals && (goleak_is_blocked(record) || !may_help(search, record)))
            continue;
        uint64_t family = family_of(search, record);
        bool helps = kin_of(search, record)->signals || !had_its_chance(search, record);
        search->failed = family != 0 && !goleak_families_add(&search->acting, family, record->created, i, helps);
    }
    search->failed = search->failed || !goleak_families_sort(&search->acting);
}

/* So many of a family are looked at. */
#define BESIDE_MOST 64

/* Not created more than `near` behind it, whatever the recording claims for times. */
static bool is_near(const struct goleak_member *member, const struct goleak_record *record, int64_t near)
{
    return member->created <= record->created ||
           (uint64_t)member->created - (uint64_t)record->created <= (uint64_t)near;
}

/* One that was started together with it and acts. */
static uint32_t find_beside(struct search *search, const struct goleak_record *record)
{
    uint64_t family = family_of(search, record);
    if (family == 0 || record->created == GOLEAK_NO_MOMENT)
        return 0;
    int64_t near = goleak_waited(record, search->input->last) / search->input->limits->together;
    int64_t first = record->created >= INT64_MIN + near ? record->created - near : INT64_MIN;
    size_t count;
    const struct goleak_member *members = goleak_families_since(&search->acting, family, first, &count);
    bool group = count != 0 && is_wait_group(search, record);
    for (size_t i = 0; i < count && i < BESIDE_MOST && is_near(&members[i], record, near); i++)
        if (members[i].record != record->index && (group || members[i].marked))
            return members[i].record;
    return 0;
}

static void look_beside(struct search *search)
{
    collect_acting(search);
    for (size_t i = 0; i < search->stuck_count && search->acting.count != 0 && !search->failed; i++) {
        const struct goleak_record *record = stuck_at(search, i);
        if (search->hope->kinds[record->index] != GOLEAK_HOPE_NONE)
            continue;
        uint32_t beside = find_beside(search, record);
        if (beside != 0)
            give(search, record->index, GOLEAK_HOPE_BESIDE, beside);
    }
}

/* All whom it has woken. */
static void give_woken(struct search *search, uint32_t index)
{
    if (!has_bit(search->wakers, index))
        return;
    struct goleak_run woken = goleak_relation_of(&search->woken, index);
    for (size_t i = 0; i < woken.count; i++)
        if (woken.all[i].record != index)
            give(search, woken.all[i].record, GOLEAK_HOPE_WAKER, index);
}

/* All who wait for one object, once. */
static void give_fellows(struct search *search, uint32_t place, uint32_t whom)
{
    struct goleak_run crowd = goleak_relation_of(&search->hope->crowds, place);
    if (crowd.count == 0 || crowd.all[0].visited)
        return;
    crowd.all[0].visited = true;
    for (size_t i = 0; i < crowd.count; i++)
        if (crowd.all[i].record != whom)
            give(search, crowd.all[i].record, GOLEAK_HOPE_PEER, whom);
}

/* It may unlock what it holds: where it was the last one that was missing, the waiters hope. */
static void open_lock(struct search *search, const struct goleak_holder *holder)
{
    const struct goleak_hope_input *input = search->input;
    struct goleak_holders *all = input->holders;
    struct goleak_lock *lock = goleak_holders_at(all, holder->process, holder->lock);
    if (lock == NULL || lock->open == 0 ||
        !goleak_hope_unlocks(search->hope, input->waits, input->store, input->limits, holder) || --lock->open != 0)
        return;
    for (uint32_t i = lock->first_waiter; i < lock->first_waiter + lock->waiters; i++)
        if (goleak_holders_lock(all, all->waiters[i].record) == lock)
            give(search, all->waiters[i].record, GOLEAK_HOPE_HOLDER, holder->record);
}

static void open_locks(struct search *search, uint32_t index)
{
    const struct goleak_holders *all = search->input->holders;
    for (uint32_t at = all != NULL ? goleak_holders_of(all, index) : 0; at != 0; at = all->holders[at - 1].next)
        open_lock(search, &all->holders[at - 1]);
}

/* Its fellows at the same object, and those whom it has woken. */
static void spread(struct search *search, uint32_t index)
{
    give_woken(search, index);
    open_locks(search, index);
    if (search->hope->kinds[index] != GOLEAK_HOPE_WAKER)
        return;
    const struct goleak_record *record = goleak_store_at(search->input->store, index);
    const struct goleak_waiter *waiter = goleak_waits_of(search->input->waits, record);
    if (waiter != NULL && goleak_place_is_object(waiter->place))
        give_fellows(search, waiter->place, index);
}

/* The nearest one that is alive, if it is blocked: what was handed on goes through those who
 * have ended. 0: it is not. */
static uint32_t find_blocked(const struct search *search, uint32_t node)
{
    while (node != 0 && !has_bit(search->alive, node))
        node = search->input->lineage->nodes[node].parent;
    return node != 0 && has_bit(search->blocked, node) ? search->nodes[node] : 0;
}

static void spread_up(struct search *search, uint32_t index)
{
    uint8_t kind = search->hope->kinds[index];
    bool acts = kind == GOLEAK_HOPE_ACTS || kind == GOLEAK_HOPE_BESIDE || kind == GOLEAK_HOPE_CHILD ||
                kind == GOLEAK_HOPE_HOLDER;
    uint32_t parent = acts ? find_blocked(search, search->parents[index]) : 0;
    if (parent == 0 || search->hope->kinds[parent] != GOLEAK_HOPE_NONE)
        return;
    const struct goleak_record *record = goleak_store_at(search->input->store, index);
    const struct goleak_record *above = goleak_store_at(search->input->store, parent);
    if (may_help(search, record) && (!had_its_chance(search, record) || is_wait_group(search, above)))
        give(search, parent, GOLEAK_HOPE_CHILD, index);
}

/* Those who are hopeful from the start, in their order: all of them, or those who have woken others. */
static void spread_first(struct search *search, bool all, void (*way)(struct search *search, uint32_t index))
{
    for (uint32_t word = 0; word < words_of(search->hope->count); word++)
        for (uint64_t left = search->first[word] & (all ? UINT64_MAX : search->wakers[word]); left != 0; left &= left - 1)
            way(search, word * 64 + goleak_low_zeros(left));
}

/* What others were seen to do comes first, what they might do after it. */
static void search_all(struct search *search)
{
    size_t at = 0;
    spread_first(search, search->input->holders != NULL, spread);
    for (; at < search->queued; at++)
        spread(search, search->queue[at]);
    look_beside(search);
    if (search->any_blocked)
        spread_first(search, true, spread_up);
    for (size_t up = 0; up < search->queued; up++) {
        if (up >= at)
            spread(search, search->queue[up]);
        spread_up(search, search->queue[up]);
    }
}

static void release(struct search *search, size_t nodes, size_t records)
{
    struct goleak_alloc *alloc = search->hope->alloc;
    goleak_free(alloc, search->kin, goleak_sites_count(search->input->sites) * sizeof *search->kin);
    goleak_families_release(&search->acting);
    goleak_relation_release(&search->woken);
    goleak_free(alloc, search->wakers, words_of(records) * sizeof *search->wakers);
    goleak_free(alloc, search->first, words_of(records) * sizeof *search->first);
    goleak_free(alloc, search->alive, words_of(nodes) * sizeof *search->alive);
    goleak_free(alloc, search->blocked, words_of(nodes) * sizeof *search->blocked);
    goleak_free(alloc, search->wanted, words_of(nodes) * sizeof *search->wanted);
    goleak_free(alloc, search->parents, records * sizeof *search->parents);
    goleak_free(alloc, search->stuck, search->stuck_capacity * sizeof *search->stuck);
    goleak_free(alloc, search->nodes, nodes * sizeof *search->nodes);
    goleak_free(alloc, search->queue, records * sizeof *search->queue);
}

/* The first failure ends it: the account tells why of the last one only. */
static bool make_room(struct search *search, size_t nodes, size_t records)
{
    struct goleak_hope *hope = search->hope;
    struct goleak_alloc *alloc = hope->alloc;
    size_t sites = goleak_sites_count(search->input->sites);
    hope->count = records;
    return (hope->kinds = goleak_alloc_zeroed(alloc, records * sizeof *hope->kinds)) != NULL &&
           (hope->whom = goleak_alloc_zeroed(alloc, records * sizeof *hope->whom)) != NULL &&
           (search->nodes = goleak_alloc_zeroed(alloc, nodes * sizeof *search->nodes)) != NULL &&
           (search->parents = goleak_alloc_zeroed(alloc, records * sizeof *search->parents)) != NULL &&
           (search->queue = goleak_alloc_zeroed(alloc, records * sizeof *search->queue)) != NULL &&
           (search->wakers = goleak_alloc_zeroed(alloc, words_of(records) * sizeof *search->wakers)) != NULL &&
           (search->first = goleak_alloc_zeroed(alloc, words_of(records) * sizeof *search->first)) != NULL &&
           (search->alive = goleak_alloc_zeroed(alloc, words_of(nodes) * sizeof *search->alive)) != NULL &&
           (search->blocked = goleak_alloc_zeroed(alloc, words_of(nodes) * sizeof *search->blocked)) != NULL &&
           (search->wanted = goleak_alloc_zeroed(alloc, words_of(nodes) * sizeof *search->wanted)) != NULL &&
           (search->kin = goleak_alloc_array(alloc, sites, sizeof *search->kin)) != NULL;
}

enum goleak_status goleak_hope_find(struct goleak_hope *hope, const struct goleak_hope_input *input)
{
    size_t records = (size_t)input->store->count + 1, nodes = input->lineage->count + 1;
    struct search search = { .input = input, .hope = hope };
    goleak_families_init(&search.acting, hope->alloc);
    goleak_relation_init(&search.woken, hope->alloc);
    search.failed = !make_room(&search, nodes, records);
    if (!search.failed) {
        find_kin(&search);
        collect(&search);
    }
    if (!search.failed)
        search_all(&search);
    release(&search, nodes, records);
    return search.failed ? goleak_alloc_failure(hope->alloc) : GOLEAK_OK;
}
