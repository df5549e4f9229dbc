/* hope - see hope.h. */
#include "verdict/hope.h"

#include "base/bits.h"

#include <stdlib.h>
#include <string.h>

void goleak_hope_init(struct goleak_hope *hope, struct goleak_alloc *alloc)
{
    *hope = (struct goleak_hope){ .alloc = alloc };
}

void goleak_hope_release(struct goleak_hope *hope)
{
    if (hope->alloc == NULL)
        return;
    goleak_free(hope->alloc, hope->kinds, hope->count * sizeof *hope->kinds);
    goleak_free(hope->alloc, hope->whom, hope->count * sizeof *hope->whom);
    goleak_hope_init(hope, hope->alloc);
}

static bool lives(const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_SEEN) && record->state != GOLEAK_STATE_ENDED;
}

static bool is_stuck(const struct goleak_record *record)
{
    return lives(record) && (record->flags & GOLEAK_REC_BLOCKED);
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
                       const struct goleak_record *record, int64_t waited)
{
    const struct goleak_habit *habit = goleak_waits_here(waits, record);
    if (habit == NULL || habit->nobody == 0 || !waits->tells_wakers)
        return false;
    /* A select may have another timer each time; a channel has one, which may be stopped. */
    return record->reason == GOLEAK_REASON_SELECT || waited / limits->patience <= habit->longest;
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

/* Sorted, so that all of one key stand together. */
struct link {
    uint64_t key;
    int64_t created;
    uint32_t record;
};

static int by_key(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->created != y->created)
        return x->created < y->created ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

struct links {
    struct link *all;
    size_t count, capacity;
};

static void sort(struct links *links)
{
    if (links->count != 0)
        qsort(links->all, links->count, sizeof *links->all, by_key);
}

/* The first that is not before this key and moment. */
static size_t find(const struct links *links, uint64_t key, int64_t created)
{
    size_t low = 0, high = links->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct link *at = &links->all[middle];
        if (at->key < key || (at->key == key && at->created < created))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Most who are stuck have no one beside them. */
#define FAMILIES 4096

struct search {
    const struct goleak_hope_input *input;
    struct goleak_hope *hope;
    struct kin { /* what its site tells of a goroutine */
        uint32_t function; /* string: that started it; 0: not told */
        bool signals;      /* package os/signal started it for its caller */
        bool coroutine;    /* it runs only while it is asked */
    } *kin;                /* by spawn site */
    struct links acting; /* by spawner and spawning function */
    uint64_t families[FAMILIES / 64]; /* bits: there may be one of them in `acting` */
    struct links woken;  /* those who wait, by who woke them there */
    struct links places; /* those who wait, by what for */
    uint32_t *nodes;     /* records by lineage node */
    uint32_t *queue;     /* hopeful ones whose relations are not looked at yet */
    size_t queued;
    bool failed;
};

static void add(struct search *search, struct links *links, uint64_t key, int64_t created, uint32_t record)
{
    if (!search->failed && goleak_grow(search->hope->alloc, &links->all, &links->capacity, links->count + 1,
                                       sizeof *links->all))
        links->all[links->count++] = (struct link){ key, created, record };
    else
        search->failed = true;
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
    const struct goleak_waiter *waiter = goleak_waits_of(search->input->waits, record);
    return waiter != NULL && waiter->naps >= search->input->limits->chances;
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

static unsigned family_bit(uint64_t family)
{
    return (unsigned)(goleak_hash_u64(family) >> 52);
}

static void give(struct search *search, uint32_t index, enum goleak_hope_kind kind, uint32_t whom)
{
    if (search->hope->kinds[index] != GOLEAK_HOPE_NONE)
        return;
    bool locked = search->input->holders != NULL && goleak_holders_lock(search->input->holders, index) != NULL;
    if (locked && kind != GOLEAK_HOPE_HOLDER && kind != GOLEAK_HOPE_ACTS)
        return;
    search->hope->kinds[index] = (uint8_t)kind;
    search->hope->whom[index] = whom;
    search->queue[search->queued++] = index;
}

static void add_acting(struct search *search, const struct goleak_record *record)
{
    uint64_t family = family_of(search, record);
    if (family == 0)
        return;
    add(search, &search->acting, family, record->created, record->index);
    search->families[family_bit(family) / 64] |= (uint64_t)1 << family_bit(family) % 64;
}

/* Woken before where it waits: who may do so again. */
static void add_woken(struct search *search, const struct goleak_record *record, const struct goleak_habit *habit)
{
    const struct goleak_hope_input *input = search->input;
    if (!goleak_is_habit(habit, input->limits, record, goleak_waited(record, input->last)))
        return;
    for (int which = 0; which < 2; which++) {
        uint32_t waker = goleak_hope_waker(input->store, habit, which);
        if (waker != 0)
            add(search, &search->woken, waker, record->created, record->index);
    }
}

/* One that is stuck, until somebody proves that it is not. */
static void add_stuck(struct search *search, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    const struct goleak_waiter *waiter = goleak_waits_of(input->waits, record);
    if (waiter != NULL && goleak_place_is_object(waiter->place))
        add(search, &search->places, waiter->place, 0, record->index);
    if (waiter != NULL && waiter->habits != 0)
        add_woken(search, record, goleak_waits_here(input->waits, record));
    if (record->flags & GOLEAK_REC_SYSTEM)
        give(search, record->index, GOLEAK_HOPE_ACTS, 0);
    else if (input->holders != NULL && goleak_holders_is_free(input->holders, record->index))
        give(search, record->index, GOLEAK_HOPE_HOLDER, 0);
    else if (waiter != NULL && waiter->habits != 0 &&
             goleak_hope_timer(input->waits, input->limits, record, goleak_waited(record, input->last)))
        give(search, record->index, GOLEAK_HOPE_TIMER, 0);
}

/* More who act than these are not sorted for nothing. */
#define ACTING_MANY 4096

/* Of many who act, those in whose family somebody may be stuck, and hardly any others. */
static void keep_wanted(struct search *search)
{
    const struct goleak_store *store = search->input->store;
    struct links *acting = &search->acting;
    unsigned log2 = goleak_bits((uint64_t)store->count * 8);
    size_t words = ((size_t)1 << log2) / 64, kept = 0;
    if (acting->count < ACTING_MANY)
        return;
    uint64_t *wanted = goleak_alloc_zeroed(search->hope->alloc, words * sizeof *wanted);
    if (wanted == NULL) {
        search->failed = true;
        return;
    }
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if (!is_stuck(record))
            continue;
        uint64_t bit = goleak_hash_u64(family_of(search, record)) >> (64 - log2);
        wanted[bit / 64] |= (uint64_t)1 << bit % 64;
    }
    for (size_t i = 0; i < acting->count; i++) {
        uint64_t bit = goleak_hash_u64(acting->all[i].key) >> (64 - log2);
        acting->all[kept] = acting->all[i];
        kept += wanted[bit / 64] >> bit % 64 & 1;
    }
    acting->count = kept;
    goleak_free(search->hope->alloc, wanted, words * sizeof *wanted);
}

/* Everyone's place in the relations. */
static void collect(struct search *search)
{
    const struct goleak_store *store = search->input->store;
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if (!lives(record))
            continue;
        if (record->flags & GOLEAK_REC_SPAWNED)
            search->nodes[goleak_store_detail(store, record)->node] = i;
        if (kin_of(search, record)->signals || (!is_stuck(record) && may_help(search, record)))
            add_acting(search, record);
        if (is_stuck(record))
            add_stuck(search, record);
        else
            give(search, i, GOLEAK_HOPE_ACTS, 0); /* it needs nobody's help */
    }
    keep_wanted(search);
    sort(&search->acting);
    sort(&search->woken);
    sort(&search->places);
}

/* So many of a family are looked at. */
#define BESIDE_MOST 64

/* One that was started together with it and acts. */
static uint32_t find_beside(const struct search *search, const struct goleak_record *record)
{
    uint64_t family = family_of(search, record);
    bool any = (search->families[family_bit(family) / 64] >> family_bit(family) % 64 & 1) != 0;
    if (family == 0 || !any || record->created == GOLEAK_NO_MOMENT)
        return 0;
    bool group = is_wait_group(search, record);
    int64_t near = (goleak_waited(record, search->input->last)) / search->input->limits->together;
    size_t first = find(&search->acting, family, record->created - near);
    for (size_t at = first; at < search->acting.count && at < first + BESIDE_MOST; at++) {
        const struct link *link = &search->acting.all[at];
        if (link->key != family || link->created - record->created > near)
            return 0;
        const struct goleak_record *other = goleak_store_at(search->input->store, link->record);
        if (other != record && (group || kin_of(search, other)->signals || !had_its_chance(search, other)))
            return link->record;
    }
    return 0;
}

static void look_beside(struct search *search)
{
    const struct goleak_store *store = search->input->store;
    for (uint32_t i = 1; i <= store->count && search->acting.count != 0; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if (search->hope->kinds[i] != GOLEAK_HOPE_NONE || !is_stuck(record))
            continue;
        uint32_t beside = find_beside(search, record);
        if (beside != 0)
            give(search, i, GOLEAK_HOPE_BESIDE, beside);
    }
}

static void give_all(struct search *search, const struct links *links, uint64_t key, enum goleak_hope_kind kind,
                     uint32_t whom)
{
    for (size_t at = find(links, key, INT64_MIN); at < links->count && links->all[at].key == key; at++)
        if (links->all[at].record != whom)
            give(search, links->all[at].record, kind, whom);
}

/* All who wait on one object, once: the first of them is marked. */
static void give_fellows(struct search *search, uint32_t place, uint32_t whom)
{
    size_t first = find(&search->places, place, INT64_MIN);
    if (first == search->places.count || search->places.all[first].key != place ||
        search->places.all[first].created < 0)
        return;
    search->places.all[first].created = -1;
    give_all(search, &search->places, place, GOLEAK_HOPE_PEER, whom);
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
    const struct goleak_record *record = goleak_store_at(search->input->store, index);
    const struct goleak_waiter *waiter = goleak_waits_of(search->input->waits, record);
    give_all(search, &search->woken, index, GOLEAK_HOPE_WAKER, index);
    open_locks(search, index);
    if (search->hope->kinds[index] == GOLEAK_HOPE_WAKER && waiter != NULL && goleak_place_is_object(waiter->place))
        give_fellows(search, waiter->place, index);
}

/* The nearest one that is alive: what was handed on goes through those who have ended. */
static uint32_t find_ancestor(const struct search *search, uint32_t node)
{
    while (node != 0 && search->nodes[node] == 0)
        node = search->input->lineage->nodes[node].parent;
    return node != 0 ? search->nodes[node] : 0;
}

static void spread_up(struct search *search, uint32_t index)
{
    const struct goleak_record *record = goleak_store_at(search->input->store, index);
    uint8_t kind = search->hope->kinds[index];
    bool acts = kind == GOLEAK_HOPE_ACTS || kind == GOLEAK_HOPE_BESIDE || kind == GOLEAK_HOPE_CHILD ||
                kind == GOLEAK_HOPE_HOLDER;
    uint32_t parent = acts ? find_ancestor(search, record->parent) : 0;
    if (parent == 0 || search->hope->kinds[parent] != GOLEAK_HOPE_NONE)
        return;
    const struct goleak_record *above = goleak_store_at(search->input->store, parent);
    if (is_stuck(above) && may_help(search, record) &&
        (!had_its_chance(search, record) || is_wait_group(search, above)))
        give(search, parent, GOLEAK_HOPE_CHILD, index);
}

/* What others were seen to do comes first, what they might do after it. */
static void search_all(struct search *search)
{
    size_t at = 0;
    for (; at < search->queued; at++)
        spread(search, search->queue[at]);
    look_beside(search);
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
    goleak_free(alloc, search->acting.all, search->acting.capacity * sizeof *search->acting.all);
    goleak_free(alloc, search->woken.all, search->woken.capacity * sizeof *search->woken.all);
    goleak_free(alloc, search->places.all, search->places.capacity * sizeof *search->places.all);
    goleak_free(alloc, search->nodes, nodes * sizeof *search->nodes);
    goleak_free(alloc, search->queue, records * sizeof *search->queue);
}

enum goleak_status goleak_hope_find(struct goleak_hope *hope, const struct goleak_hope_input *input)
{
    size_t records = (size_t)input->store->count + 1, nodes = input->lineage->count + 1;
    struct search search = { .input = input, .hope = hope };
    hope->kinds = goleak_alloc_zeroed(hope->alloc, records * sizeof *hope->kinds);
    hope->whom = goleak_alloc_zeroed(hope->alloc, records * sizeof *hope->whom);
    search.nodes = goleak_alloc_zeroed(hope->alloc, nodes * sizeof *search.nodes);
    search.queue = goleak_alloc_zeroed(hope->alloc, records * sizeof *search.queue);
    hope->count = records;
    search.kin = goleak_alloc_array(hope->alloc, goleak_sites_count(input->sites), sizeof *search.kin);
    search.failed = search.kin == NULL || hope->kinds == NULL || hope->whom == NULL || search.nodes == NULL ||
                    search.queue == NULL;
    if (!search.failed) {
        find_kin(&search);
        collect(&search);
    }
    if (!search.failed)
        search_all(&search);
    release(&search, nodes, records);
    return search.failed ? goleak_alloc_failure(hope->alloc) : GOLEAK_OK;
}
