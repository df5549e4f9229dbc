/* hope_beside - who was started together with one that is stuck, and acts. See hope.h. */
#include "verdict/hope_search.h"

#include "base/idmap.h"

#include <stdlib.h>
#include <string.h>

/* ---- what a spawn site tells ---- */

uint32_t goleak_hope_outer(const struct goleak_symbols *symbols, uint32_t function)
{
    const char *name = goleak_symbols_text(symbols, function);
    const size_t outer = goleak_symbols_outer_size(name);
    return outer != 0 && name[outer] != '\0' ? goleak_intern_find(&symbols->strings, name, outer) : 0;
}

uint32_t goleak_hope_function(const struct goleak_hope_search *search, uint32_t frame)
{
    uint32_t function = search->input->symbols->frame_info[frame - 1].function;
    return function != search->lost ? function : 0;
}

void goleak_hope_find_kin(struct goleak_hope_search *search)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    bool unnamed = false;
    for (uint32_t site = 0; site < goleak_sites_count(search->input->sites); site++) {
        const struct goleak_site *at = goleak_sites_at(search->input->sites, site);
        const char *start = goleak_symbols_text(symbols, at->start);
        uint64_t address;
        search->kin[site] = (struct goleak_kin) {
            .start = at->start,
            .function = at->created_at != 0 ? goleak_hope_function(search, at->created_at) : 0,
            .signals = goleak_text_begins(start, "os/signal."),
            .for_caller = goleak_text_begins(start, "os/signal.") ||
                          goleak_is_standard(goleak_symbols_frame_function(symbols, at->created_at)),
            .coroutine = at->coroutines,
            .unnamed = at->created_at != 0 && goleak_symbols_frame_address(symbols, at->created_at, &address),
        };
        search->kin[site].outer = goleak_hope_outer(symbols, search->kin[site].function);
        unnamed |= search->kin[site].unnamed;
        if (search->kin[site].signals)
            goleak_set_bit(search->takes_signals, goleak_sites_process(search->input->sites, site));
    }
    const size_t size = GOLEAK_CALL_MEMOS * sizeof *search->call_memos;
    search->failed = unnamed && (search->call_memos = goleak_alloc_zeroed(search->hope->alloc, size)) == NULL;
}

bool goleak_hope_is_standard(const struct goleak_hope_search *search, uint32_t frame)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    uint32_t function = symbols->frame_info[frame - 1].function;
    uint8_t *known = &search->standard[function];
    if (*known == 0)
        *known = (uint8_t)(1 + goleak_is_standard(goleak_symbols_text(symbols, function)));
    return *known == 2;
}

uint32_t goleak_hope_own_frame(const struct goleak_hope_search *search, uint32_t stack)
{
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(search->input->symbols, stack, &frames);
    for (size_t i = 0; i < count; i++)
        if (!goleak_hope_is_standard(search, frames[i]))
            return frames[i];
    return 0;
}

/* Of a goroutine that the standard library started, its caller's function. */
NOINLINE static uint32_t callers_function(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const uint32_t frame =
        goleak_hope_own_frame(search, goleak_store_detail(search->input->store, record)->created_stack);
    return frame != 0 ? goleak_hope_function(search, frame) : goleak_kin_of(search, record)->function;
}

/* Who was started by the same goroutine, in the same function, or wherever, if that one has ended: what its children
 * share was its own; 0: not told. */
ALWAYS_INLINE uint64_t family_of(const struct goleak_hope_search *search, uint32_t index)
{
    const uint32_t parent = search->parents[index]; /* at hand, where the record is still being fetched */
    if (parent == 0)
        return 0;
    if (!goleak_has_bit(search->alive, parent) && !goleak_has_bit(search->named, parent))
        return (uint64_t)parent << 32 | UINT32_MAX;
    const struct goleak_record *record = goleak_store_at(search->input->store, index);
    const struct goleak_kin *kin = goleak_kin_of(search, record);
    uint32_t function = kin->unnamed      ? goleak_hope_call_of(search, record)
                        : kin->for_caller ? callers_function(search, record)
                                          : kin->function;
    return function != 0 ? (uint64_t)parent << 32 | function : 0;
}

/* It waits for connections: it holds no lock meanwhile, and receives nothing. Whom it starts then may send. */
static bool listens(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const uint32_t stack = goleak_waiting_stack(record);
    return search->accept != 0 && stack != 0 && goleak_symbols_stands_in(search->input->symbols, stack, search->accept);
}

enum goleak_patience goleak_hope_patience_of(const struct goleak_hope_search *search,
                                             const struct goleak_record *record)
{
    const struct goleak_limits *limits = search->input->limits;
    bool by_timer = search->hope->kinds[record->index] == GOLEAK_HOPE_TIMER;
    const struct goleak_habit *here = by_timer ? goleak_waits_here(search->input->waits, record) : NULL;
    uint32_t naps = goleak_waits_naps(search->input->waits, record) + (here != NULL ? here->nobody : 0);
    bool first = by_timer && here == NULL; /* its timer has not fired yet: nobody at work waits for that */
    return naps >= limits->chances                                               ? GOLEAK_PATIENCE_NONE
           : first || naps >= limits->chances_at_work || listens(search, record) ? GOLEAK_PATIENCE_SOME
                                                                                 : GOLEAK_PATIENCE_ALL;
}

enum goleak_patience goleak_hope_patience_with(const struct goleak_record *record)
{
    bool at_work = record->reason == GOLEAK_REASON_SYNC || record->reason == GOLEAK_REASON_CHAN_SEND;
    return at_work ? GOLEAK_PATIENCE_ALL : GOLEAK_PATIENCE_SOME;
}

/* ---- those who ask, and those who act ---- */

/* The hopeless of a word one of whose spawner's children helps: else they need not be asked whose family they are of.
 * Returns how many. */
static size_t fetch_stuck(const struct goleak_hope_search *search, uint32_t word, uint32_t records[GOLEAK_WORD])
{
    uint64_t helped = search->askers[word] & search->hopeless[word];
    for (uint64_t left = helped; left != 0; left &= left - 1)
        if (!goleak_has_bit(search->helped, search->parents[word * GOLEAK_WORD + goleak_low_zeros(left)]))
            helped &= ~(left & (~left + 1));
    return goleak_fetch_word(search, helped, word, records);
}

/* It was woken again and again where it waits, by few, and by whom is told: those are kept of it. */
static void note_wakers(const struct goleak_hope_input *input, const struct goleak_record *record,
                        struct goleak_asker *asker)
{
    const struct goleak_habit *here = goleak_has_habits(record) ? goleak_waits_here(input->waits, record) : NULL;
    asker->served =
        here != NULL && here->ended >= input->limits->habit_waits && !here->others && input->waits->tells_wakers;
    for (int which = 0; asker->served && which < 2; which++)
        asker->wakers[which] = goleak_hope_waker(input->store, here, which);
}

/* So many of its place have a spawner like its own; 0: not told. */
static uint64_t count_spawners(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    const struct goleak_node *spawner = goleak_lineage_at(input->lineage, record->parent);
    const uint32_t place = goleak_sites_at(input->sites, spawner->site)->place;
    return spawner->site != 0
               ? goleak_ledger_told(input->ledger, place, GOLEAK_T_CREATED) + goleak_ledger_older(input->ledger, place)
               : spawner->goid == 1;
}

/* Two that were started together lie less than this apart. Where a loop starts one in each turn, and its turns take
 * longer, those of other turns are others' however long it has waited; but of a loop that was over soon all are of one start. */
static int64_t most_apart(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    const struct goleak_limits *limits = input->limits;
    const struct goleak_site *site = goleak_sites_at(input->sites, record->site);
    const int64_t near = goleak_waited(record, input->last) / limits->together;
    if (near <= limits->turn_ns || site->last <= site->first || goleak_between(site->first, site->last) <= near)
        return near;
    const uint64_t born = goleak_ledger_told(input->ledger, site->place, GOLEAK_T_CREATED);
    const uint64_t spawners = count_spawners(search, record);
    const bool looped = spawners != 0 && born / limits->partners_least >= spawners;
    const uint64_t turn = born > 1 ? (uint64_t)goleak_between(site->first, site->last) / (born - 1) : 0;
    return looped && turn > (uint64_t)limits->turn_ns ? limits->turn_ns : near;
}

/* For those who were started together with it. */
static void ask(struct goleak_hope_search *search, const struct goleak_record *record)
{
    uint64_t family = family_of(search, record->index);
    if (family == 0 || record->created == GOLEAK_NO_MOMENT)
        return;
    const int64_t near = most_apart(search, record);
    int64_t since = record->created >= INT64_MIN + near ? record->created - near : INT64_MIN;
    int64_t until = record->created <= INT64_MAX - near ? record->created + near : INT64_MAX;
    size_t before = search->families.count;
    enum goleak_patience needs =
        record->reason == GOLEAK_REASON_SYNC ? GOLEAK_PATIENCE_UNASKED : goleak_hope_patience_with(record);
    struct goleak_asker asker = {
        .since = since, .until = until, .record = record->index, .mark = needs, .site = record->site
    };
    note_wakers(search->input, record, &asker);
    search->failed = !goleak_families_ask(&search->families, family, &asker);
    if (goleak_has_bit(search->wanted, record->parent) && search->families.count != before)
        goleak_set_bit(search->wanted_more, record->parent);
    goleak_set_bit(search->wanted, record->parent);
}

/* ---- pairs ----
 *
 * A connection's reader and its writer are started one after the other, as often as each other. Who waits has to do with
 * the one that was started with it, and so between those of its own place that were started before it and behind it, and
 * wait as well; what others of that place do says nothing of it. */

static uint64_t pair_key(const struct goleak_hope_search *search, uint32_t site)
{
    const struct goleak_kin *kin = &search->kin[site];
    const uint32_t place = goleak_sites_at(search->input->sites, site)->place;
    const uint64_t born = goleak_ledger_told(search->input->ledger, place, GOLEAK_T_CREATED);
    const bool may_be = place == site && kin->function != 0 && !kin->for_caller && !kin->unnamed &&
                        born >= search->input->limits->partners_least && born <= UINT32_MAX;
    return may_be ? (uint64_t)kin->function << 32 | born : 0;
}

struct births {
    int64_t first, last; /* 0: of none */
};

/* Not one loop behind the other. */
static bool are_mixed(const struct births *one, const struct births *other)
{
    return one->first < other->last && other->first < one->last;
}

/* Of each place, whoever called for them. */
static void find_births(const struct goleak_hope_search *search, struct births *births)
{
    const struct goleak_sites *sites = search->input->sites;
    for (uint32_t i = 1; i < goleak_sites_count(sites); i++) {
        const struct goleak_site *site = goleak_sites_at(sites, i);
        struct births *place = &births[site->place];
        if (site->last == 0)
            continue;
        place->first = place->first == 0 || site->first < place->first ? site->first : place->first;
        place->last = site->last > place->last ? site->last : place->last;
    }
}

static void mark_pairs(struct goleak_hope_search *search, const struct births *births, struct goleak_idmap *firsts)
{
    const size_t sites = goleak_sites_count(search->input->sites);
    for (uint32_t site = 1; site < sites && !search->failed; site++) {
        const uint64_t key = pair_key(search, site);
        const uint32_t first = key != 0 ? goleak_idmap_get(firsts, key) : 0;
        if (key != 0 && first == 0)
            search->failed = !goleak_idmap_put(firsts, key, site);
        if (first == 0 || !are_mixed(&births[first], &births[site]))
            continue;
        goleak_set_bit(search->paired_sites, first);
        goleak_set_bit(search->paired_sites, site);
    }
    for (uint32_t site = 1; site < sites; site++) /* of other callers, and processes */
        if (goleak_has_bit(search->paired_sites, goleak_sites_at(search->input->sites, site)->place))
            goleak_set_bit(search->paired_sites, site);
}

void goleak_hope_find_pairs(struct goleak_hope_search *search)
{
    const size_t bytes = goleak_sites_count(search->input->sites) * sizeof(struct births);
    struct births *births = search->failed ? NULL : goleak_alloc_zeroed(search->hope->alloc, bytes);
    struct goleak_idmap firsts;
    search->failed = births == NULL;
    if (search->failed)
        return;
    goleak_idmap_init(&firsts, search->hope->alloc);
    find_births(search, births);
    mark_pairs(search, births, &firsts);
    goleak_idmap_release(&firsts);
    goleak_free(search->hope->alloc, births, bytes);
}

struct paired {
    uint32_t parent, site, record;
    int64_t created;
    struct goleak_asker *asker;
};

static int by_birth(const void *one, const void *other)
{
    const struct paired *a = one, *b = other;
    return a->parent != b->parent     ? (a->parent < b->parent ? -1 : 1)
           : a->site != b->site       ? (a->site < b->site ? -1 : 1)
           : a->created != b->created ? (a->created < b->created ? -1 : 1)
           : a->record != b->record   ? (a->record < b->record ? -1 : 1)
                                      : 0;
}

static bool is_alike(const struct paired *one, const struct paired *other)
{
    return one->parent == other->parent && one->site == other->site;
}

/* Those of pairs who ask do so for less time. False: memory. */
static bool narrow_pairs(struct goleak_hope_search *search)
{
    const struct goleak_store *store = search->input->store;
    struct paired *all = NULL;
    size_t count = 0, capacity = 0;
    bool good = true;
    for (size_t i = 1; i <= search->families.asker_count && good; i++) {
        struct goleak_asker *asker = &search->families.askers[i];
        const struct goleak_record *record = goleak_store_at(store, asker->record);
        if (!goleak_has_bit(search->paired_sites, record->site) || record->reason == GOLEAK_REASON_SYNC)
            continue;
        good = goleak_grow(search->hope->alloc, &all, &capacity, count + 1, sizeof *all);
        if (good)
            all[count++] = (struct paired) { record->parent, record->site, record->index, record->created, asker };
    }
    if (good && count > 1)
        qsort(all, count, sizeof *all, by_birth);
    for (size_t i = 0, before = 0; i < count && good; i++) { /* `before`: the last one that is alike, and elder */
        if (i > 0 && (!is_alike(&all[i - 1], &all[i]) || all[i - 1].created < all[i].created))
            before = i - 1;
        if (i > 0 && is_alike(&all[before], &all[i]) && all[before].created < all[i].created &&
            all[i].asker->since <= all[before].created)
            all[i].asker->since = all[before].created + 1;
    }
    for (size_t i = count, behind = count; i-- > 0 && good;) {
        if (i + 1 < count && (!is_alike(&all[i + 1], &all[i]) || all[i + 1].created > all[i].created))
            behind = i + 1;
        if (behind < count && is_alike(&all[behind], &all[i]) && all[behind].created > all[i].created &&
            all[i].asker->until >= all[behind].created)
            all[i].asker->until = all[behind].created - 1;
    }
    goleak_free(search->hope->alloc, all, capacity * sizeof *all);
    return good;
}

/* The helpers of a word whose spawner some are looked for of, without a branch: who is cannot be foreseen. */
static size_t fetch_helpers(const struct goleak_hope_search *search, uint32_t word, uint32_t records[GOLEAK_WORD])
{
    size_t count = 0;
    for (uint64_t left = search->helpers[word]; left != 0; left &= left - 1) {
        uint32_t index = word * GOLEAK_WORD + goleak_low_zeros(left);
        records[count] = index;
        count += goleak_has_bit(search->wanted, search->parents[index]);
    }
    for (size_t i = 0; i < count; i++)
        GOLEAK_PREFETCH(goleak_store_at(search->input->store, records[i]));
    return count;
}

struct helper {
    const struct goleak_record *record;
    enum goleak_patience patience; /* of most it is never asked */
};

static bool has_patience_with(const struct goleak_hope_search *search, struct helper *helper,
                              struct goleak_asker *asker)
{
    if (helper->patience == GOLEAK_PATIENCE_UNASKED) {
        bool signals = goleak_kin_of(search, helper->record)->signals;
        helper->patience = signals ? GOLEAK_PATIENCE_ALL : goleak_hope_patience_of(search, helper->record);
    }
    if (helper->patience == GOLEAK_PATIENCE_ALL)
        return true;
    if (asker->mark == GOLEAK_PATIENCE_UNASKED) /* with whoever waits in a WaitGroup anybody has it */
        asker->mark = goleak_hope_in_group(search, goleak_store_at(search->input->store, asker->record))
                          ? GOLEAK_PATIENCE_NONE
                          : GOLEAK_PATIENCE_ALL;
    return helper->patience >= asker->mark;
}

/* Who asks is woken by others, and the helper, which never did so, is of its place itself, or has others of that place to
 * wake: each has its own. Or those of its place wake each other, and nobody else ever did. */
static bool is_anothers(const struct goleak_hope_search *search, const struct goleak_record *helper,
                        const struct goleak_asker *asker)
{
    const struct goleak_hope_input *input = search->input;
    if (search->any_circled && goleak_has_bit(search->circled, asker->record))
        return helper->site != asker->site;
    if (!asker->served || asker->wakers[0] == helper->index || asker->wakers[1] == helper->index)
        return false;
    return helper->site == asker->site || goleak_hope_serves_another(input, search->hope, helper->index,
                                                                     goleak_store_at(input->store, asker->record), -1);
}

/* So many of a family are told of one in vain, or, where that has been so too often, 64 times for each that asks,
 * so few. */
#define VAIN_MOST 1024
#define VAIN_FEW 8
#define VAIN_FOR_EACH 64

/* Gives hope to those who were started together with one that acts. */
static void help(struct goleak_hope_search *search, const struct goleak_record *record, uint64_t number)
{
    struct goleak_families *families = &search->families;
    struct goleak_family *family = goleak_families_find(families, number);
    struct helper helper = { record, GOLEAK_PATIENCE_UNASKED };
    if (family->number == 0 || record->created < family->from)
        return;
    uint32_t place = goleak_families_nearest(families, family, record->created);
    const unsigned most = search->vain < families->asker_count * VAIN_FOR_EACH ? VAIN_MOST : VAIN_FEW;
    unsigned vain = 0;
    while (vain < most && place > family->first) {
        struct goleak_asker *asker = &families->askers[place];
        if (asker->reach < record->created)
            break;
        if (asker->until >= record->created && asker->record != record->index && !is_anothers(search, record, asker) &&
            has_patience_with(search, &helper, asker)) {
            goleak_hope_give(search, asker->record, GOLEAK_HOPE_BESIDE, record->index);
            goleak_families_answer(families, family, place);
        } else {
            vain++;
        }
        place = goleak_families_unanswered(families, family, place - 1);
    }
    search->vain += vain;
    if (family->answered == family->count && !goleak_has_bit(search->wanted_more, record->parent))
        goleak_clear_bit(search->wanted, record->parent);
}

static void help_some(struct goleak_hope_search *search, const uint32_t records[GOLEAK_WORD], size_t count)
{
    uint64_t families[GOLEAK_WORD];
    for (size_t i = 0; i < count; i++) {
        families[i] = family_of(search, records[i]);
        goleak_families_prefetch(&search->families, families[i]);
    }
    for (size_t i = 0; i < count; i++)
        if (families[i] != 0)
            help(search, goleak_store_at(search->input->store, records[i]), families[i]);
}

/* Those of the next word are fetched before those of this one help: they are asked for all the same where these have
 * answered whom they would help. */
static void help_all(struct goleak_hope_search *search, uint32_t words)
{
    uint32_t records[2][GOLEAK_WORD] = { { 0 } };
    size_t count = fetch_helpers(search, 0, records[0]);
    for (uint32_t word = 0; word < words && !search->failed; word++) {
        const size_t next = word + 1 < words ? fetch_helpers(search, word + 1, records[(word + 1) % 2]) : 0;
        help_some(search, records[word % 2], count);
        count = next;
    }
}

/* So many ask at a time, or little more: what is kept of each is as large as its record. */
#define ASKERS_MOST 32768

/* From this word of the hopeless on; returns where the next ones begin. */
static uint32_t ask_some(struct goleak_hope_search *search, uint32_t word)
{
    const uint32_t words = (uint32_t)goleak_words_of(search->hope->count);
    uint32_t records[GOLEAK_WORD];
    for (; word < words && search->families.asker_count < ASKERS_MOST; word++) {
        size_t count = fetch_stuck(search, word, records);
        for (size_t i = 0; i < count; i++)
            goleak_waits_prefetch(search->input->waits, goleak_store_at(search->input->store, records[i]));
        for (size_t i = 0; i < count && !search->failed; i++)
            ask(search, goleak_store_at(search->input->store, records[i]));
    }
    search->failed = search->failed || !narrow_pairs(search) || !goleak_families_sort(&search->families);
    return word;
}

void goleak_hope_look_beside(struct goleak_hope_search *search)
{
    const uint32_t words = (uint32_t)goleak_words_of(search->hope->count);
    const size_t nodes = goleak_words_of(search->input->lineage->count + 1) * sizeof *search->wanted;
    for (uint32_t next = 0; next < words && !search->failed;) {
        goleak_families_init(&search->families, search->hope->alloc);
        search->vain = 0;
        next = ask_some(search, next);
        if (search->families.count != 0)
            help_all(search, words);
        goleak_families_release(&search->families);
        memset(search->wanted, 0, nodes);
        memset(search->wanted_more, 0, nodes);
    }
}
