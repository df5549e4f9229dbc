/* hope_collect - who there is, who of them is stuck until somebody proves that it is not, and whom they know. See hope.h. */
#include "verdict/hope_search.h"

/* Before anybody is asked for others. */
static void give_first(struct goleak_hope_search *search, const struct goleak_record *record,
                       enum goleak_hope_kind kind)
{
    if (!goleak_hope_may_have(search, record->index, kind))
        return;
    search->hope->kinds[record->index] = (uint8_t)kind;
    goleak_set_bit(search->first, record->index);
    if (kind != GOLEAK_HOPE_ACTS)
        goleak_set_bit(search->wakers, record->index); /* it has fellows to be asked for */
    else if (record->state == GOLEAK_STATE_WAITING && record->block_stack != 0)
        goleak_set_bit(search->resting, record->index);
}

/* Woken before where it waits: who may do so again. */
static void add_woken(struct goleak_hope_search *search, const struct goleak_record *record,
                      const struct goleak_habit *habit)
{
    const struct goleak_hope_input *input = search->input;
    for (int which = 0; which < 2 && !search->failed; which++) {
        uint32_t waker = goleak_hope_waker(input->store, habit, which);
        if (waker == 0)
            continue;
        goleak_set_bit(search->wakers, waker);
        search->failed = !goleak_relation_add(&search->hope->woken, waker, record->index, false);
    }
}

/* Main waits for a signal, or for the end of the program: what it did before it may do again. */
static bool waits_in_main(const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_MAIN) &&
           (record->reason == GOLEAK_REASON_CHAN_RECV || record->reason == GOLEAK_REASON_SELECT);
}

static bool writes_to_pipe(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    for (int i = 0; i < 2; i++)
        if (search->pipe_writes[i] != 0 &&
            goleak_symbols_stands_in(search->input->symbols, record->block_stack, search->pipe_writes[i]))
            return true;
    return false;
}

static inline void note_hopeless(struct goleak_hope_search *search, const struct goleak_record *record)
{
    goleak_set_bit(search->hopeless, record->index);
    goleak_set_bit(search->stuck_sites, record->site);
    bool idle = record->reason == GOLEAK_REASON_CHAN_RECV || record->reason == GOLEAK_REASON_SELECT ||
                record->reason == GOLEAK_REASON_COND_WAIT;
    if (idle && (search->pipe_writes[0] | search->pipe_writes[1]) != 0)
        idle = !writes_to_pipe(search, record);
    if (idle)
        goleak_set_bit(search->idle, record->index);
    bool leads = record->reason == GOLEAK_REASON_SYNC; /* in a WaitGroup, perhaps */
    if ((idle || leads || search->do_init != 0) &&
        (goleak_has_bit(search->quiet_sites, record->site) || (record->flags & GOLEAK_REC_PREEXISTING) != 0))
        goleak_set_bit(search->kept, record->index);
}

static void mark_collector(struct goleak_hope_search *search, const struct goleak_record *record)
{
    goleak_set_bit(search->collectors, record->index);
    search->any_collector = true;
}

/* Who gives back a lock has it, and lives: nobody else can come. */
static void mark_at_lock(struct goleak_hope_search *search, const struct goleak_record *record)
{
    goleak_set_bit(search->at_locks, record->index);
    search->any_at_lock = true;
}

/* What somebody else did to it before, where it waits. */
static void give_by_habit(struct goleak_hope_search *search, const struct goleak_record *record,
                          const struct goleak_habit *here)
{
    const struct goleak_hope_input *input = search->input;
    int64_t waited = goleak_waited(record, input->last);
    bool often = goleak_is_habit(input->waits, here, input->limits, record, waited);
    if (often)
        add_woken(search, record, here);
    if (search->hope->kinds[record->index] != GOLEAK_HOPE_NONE)
        return;
    if (goleak_hope_timer(input->waits, input->limits, here, waited))
        give_first(search, record, GOLEAK_HOPE_TIMER);
    else if (often && here->others && goleak_is_collector(here, goleak_waits_site(input->waits, record)))
        mark_collector(search, record);
    else if (often && here->others && record->reason == GOLEAK_REASON_SYNC)
        mark_at_lock(search, record);
    else if (often && here->others &&
             goleak_is_in_circle(record, goleak_waits_site(input->waits, record), input->limits, waited)) {
        goleak_set_bit(search->circled, record->index);
        search->any_circled = true;
    } else if (often && here->others)
        give_first(search, record, GOLEAK_HOPE_MANY);
}

/* One that is stuck, until somebody proves that it is not. */
static inline void add_stuck(struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    uint32_t place = goleak_waits_place(input->waits, record);
    const struct goleak_habit *here = goleak_has_habits(record) ? goleak_waits_here(input->waits, record) : NULL;
    search->any_sender |= goleak_place_is_object(place) && record->reason == GOLEAK_REASON_CHAN_SEND;
    if (goleak_place_is_object(place))
        search->failed = !goleak_relation_add(&search->hope->crowds, place, record->index, here != NULL);
    if (goleak_has_bit(search->read, record->index))
        give_first(search, record, GOLEAK_HOPE_READER);
    else if ((record->flags & GOLEAK_REC_SYSTEM) || waits_in_main(record) || goleak_hope_in_runtime(search, record))
        give_first(search, record, GOLEAK_HOPE_ACTS);
    else if (input->holders != NULL && goleak_holders_is_free(input->holders, record->index))
        give_first(search, record, GOLEAK_HOPE_HOLDER);
    else if (goleak_hope_is_timed(input->store, input->limits, record, input->last))
        give_first(search, record, GOLEAK_HOPE_TIMER);
    else if (here == NULL && !input->timers_told &&
             goleak_hope_timer_alike(input->waits, input->limits, record, goleak_waited(record, input->last)))
        give_first(search, record, GOLEAK_HOPE_TIMER);
    if (here != NULL && !search->failed)
        give_by_habit(search, record, here);
    if (search->hope->kinds[record->index] == GOLEAK_HOPE_NONE)
        note_hopeless(search, record);
}

/* What is told of it is told of all who wait like it. Each timer is its own. */
static bool speaks_for_others(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    return (record->flags & GOLEAK_REC_TIMED) == 0 && search->hope->kinds[record->index] == GOLEAK_HOPE_NONE &&
           !goleak_has_habits(record) && !goleak_place_is_object(record->waits) && input->holders == NULL &&
           (input->timers_told || !goleak_hope_timer_alike(input->waits, input->limits, record, 0));
}

static inline bool waits_like(const struct goleak_record *record, const struct goleak_record *other)
{
    return record->site == other->site && record->block_stack == other->block_stack && record->waits == other->waits &&
           record->reason == other->reason && record->flags == other->flags;
}

/* Those of a word, if any, who are stuck as this one is: many that wait alike follow each other. */
static void add_alike(struct goleak_hope_search *search, const struct goleak_record *record, uint32_t word,
                      uint64_t alike)
{
    if (alike == 0)
        return;
    search->hopeless[word] |= alike;
    search->idle[word] |= goleak_has_bit(search->idle, record->index) ? alike : 0;
    search->kept[word] |= goleak_has_bit(search->kept, record->index) ? alike : 0;
}

/* blocked: the record; 0: it is not. */
static void add_node(struct goleak_hope_search *search, uint32_t node, uint32_t blocked)
{
    goleak_set_bit(search->alive, node);
    if (blocked == 0)
        return;
    goleak_set_bit(search->blocked, node);
    search->nodes[node] = blocked;
    search->any_blocked = true;
}

/* The records of a word, by what they are: bits. */
struct sorts {
    uint64_t acts, stuck; /* who live */
    uint64_t resting;     /* of those who act */
    uint64_t helpers;     /* they may wake others, or hand on signals */
    uint64_t spawned;     /* they have nodes, and have not ended */
    uint64_t in_sync;     /* of those who are stuck */
    uint64_t may_help;
};

/* Without a branch: what is next cannot be foreseen. */
static struct sorts sort_word(struct goleak_hope_search *search, uint32_t word)
{
    const struct goleak_store *store = search->input->store;
    const uint32_t first = word * GOLEAK_WORD, left = store->count + 1 - first;
    const uint32_t count = left < GOLEAK_WORD ? left : GOLEAK_WORD;
    const struct goleak_record *records = goleak_store_at(store, first); /* they lie in one chunk */
    struct sorts sorts = { 0, 0, 0, 0, 0, 0, 0 };
    unsigned others = 0, loose = 0;
    for (uint32_t i = word == 0; i < count; i++) {
        const struct goleak_record *record = &records[i];
        const struct goleak_kin *kin = goleak_kin_of(search, record);
        const unsigned flags = record->flags, own = (flags & (GOLEAK_REC_SYSTEM | GOLEAK_REC_MAIN)) == 0;
        const unsigned there = record->state != GOLEAK_STATE_ENDED, waits = record->state == GOLEAK_STATE_WAITING;
        const unsigned lives = there & flags / GOLEAK_REC_SEEN, stuck = lives & waits & flags / GOLEAK_REC_BLOCKED;
        const unsigned acts = lives & ~stuck, born = record->parent != 0, rests = record->block_stack != 0;
        const unsigned may_help = own & !kin->coroutine, helps = kin->signals | (acts & may_help);
        const unsigned in_sync = stuck & (record->reason == GOLEAK_REASON_SYNC);
        sorts.acts |= (uint64_t)acts << i;
        sorts.stuck |= (uint64_t)stuck << i;
        sorts.resting |= (uint64_t)(acts & waits & rests) << i;
        sorts.helpers |= (uint64_t)(lives & born & helps) << i;
        sorts.spawned |= (uint64_t)(there & flags / GOLEAK_REC_SPAWNED & 1) << i;
        sorts.in_sync |= (uint64_t)in_sync << i;
        sorts.may_help |= (uint64_t)may_help << i;
        others |= lives & ~in_sync & ~(flags / GOLEAK_REC_SYSTEM);
        loose += acts & ~(flags / GOLEAK_REC_SYSTEM);
        search->parents[first + i] = record->parent & -lives;
        search->hope->kinds[first + i] = (uint8_t)(GOLEAK_HOPE_ACTS * acts); /* it needs nobody's help */
    }
    search->hope->others = search->hope->others || (others & 1) != 0;
    search->hope->loose += loose;
    return sorts;
}

/* What is asked of them soon. */
GOLEAK_PREFETCHER void fetch_sorted(const struct goleak_hope_search *search, const struct sorts *sorts, uint32_t word)
{
    const struct goleak_store *store = search->input->store;
    for (uint64_t left = sorts->spawned; left != 0; left &= left - 1)
        GOLEAK_PREFETCH(goleak_store_detail_at(store, word * GOLEAK_WORD + goleak_low_zeros(left)));
    for (uint64_t left = sorts->stuck; left != 0; left &= left - 1)
        goleak_waits_prefetch(search->input->waits,
                              goleak_store_at(store, word * GOLEAK_WORD + goleak_low_zeros(left)));
}

/* *like: the last one who speaks for others, in this word or one before; NULL: none. */
static void collect_stuck(struct goleak_hope_search *search, uint64_t stuck, uint32_t word,
                          const struct goleak_record **like)
{
    uint64_t alike = 0;
    for (; stuck != 0 && !search->failed; stuck &= stuck - 1) {
        const struct goleak_record *record =
            goleak_store_at(search->input->store, word * GOLEAK_WORD + goleak_low_zeros(stuck));
        const uint64_t bit = stuck & (~stuck + 1);
        if (*like != NULL && waits_like(record, *like) && (search->read[word] & bit) == 0) {
            alike |= bit;
            continue;
        }
        add_alike(search, *like, word, alike);
        alike = 0;
        add_stuck(search, record);
        *like = speaks_for_others(search, record) ? record : NULL;
        const uint8_t kind = search->hope->kinds[record->index];
        if ((kind == GOLEAK_HOPE_TIMER || kind == GOLEAK_HOPE_READER) && record->parent != 0 &&
            goleak_hope_may_help(search, record->index))
            goleak_hope_add_helper(search, record->index);
    }
    add_alike(search, *like, word, alike);
}

static void collect_word(struct goleak_hope_search *search, const struct sorts *sorts, uint32_t word,
                         const struct goleak_record **like)
{
    const struct goleak_store *store = search->input->store;
    const uint32_t first = word * GOLEAK_WORD;
    search->first[word] = sorts->acts;
    search->resting[word] = sorts->resting;
    search->stuck[word] = sorts->stuck;
    search->in_sync[word] = sorts->in_sync;
    search->may_help[word] = sorts->may_help;
    for (uint64_t left = sorts->spawned; left != 0; left &= left - 1) {
        const uint32_t i = goleak_low_zeros(left), node = goleak_store_detail_at(store, first + i)->node;
        if ((sorts->acts | sorts->stuck) >> i & 1)
            add_node(search, node, sorts->stuck >> i & 1 ? first + i : 0);
        else
            goleak_set_bit(search->named, node);
    }
    for (uint64_t left = sorts->helpers; left != 0; left &= left - 1)
        goleak_hope_add_helper(search, first + goleak_low_zeros(left));
    collect_stuck(search, sorts->stuck, word, like);
}

void goleak_hope_collect(struct goleak_hope_search *search)
{
    const uint32_t words = (uint32_t)goleak_words_of(search->hope->count);
    const struct goleak_record *like = NULL;
    struct sorts next = sort_word(search, 0);
    for (uint32_t word = 0; word < words && !search->failed; word++) {
        const struct sorts sorts = next;
        if (word + 1 < words) {
            next = sort_word(search, word + 1);
            fetch_sorted(search, &next, word + 1);
        }
        collect_word(search, &sorts, word, &like);
    }
    search->failed =
        search->failed || !goleak_relation_sort(&search->hope->woken) || !goleak_relation_sort(&search->hope->crowds);
}
