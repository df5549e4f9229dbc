/* ties - see ties.h. */
#include "verdict/ties.h"

#include "base/bits.h"
#include "verdict/cohort.h"

#include <stdlib.h>

void goleak_ties_init(struct goleak_ties *ties, struct goleak_alloc *alloc)
{
    *ties = (struct goleak_ties) { .alloc = alloc };
}

void goleak_ties_release(struct goleak_ties *ties)
{
    if (ties->alloc == NULL)
        return;
    goleak_free(ties->alloc, ties->acting.all, ties->acting.capacity * sizeof *ties->acting.all);
    goleak_free(ties->alloc, ties->mates.all, ties->mates.capacity * sizeof *ties->mates.all);
    goleak_free(ties->alloc, ties->waiting.all, ties->waiting.capacity * sizeof *ties->waiting.all);
    goleak_ties_init(ties, ties->alloc);
}

static uint32_t ended_of(const struct goleak_site *site)
{
    return site->tied + site->untied;
}

/* So many of those who have ended make it a rule. */
static bool is_rule(const struct goleak_limits *limits, uint32_t tied, uint32_t ended)
{
    return tied >= limits->tied_least && ended <= tied + tied / limits->tied_part;
}

static bool has_spawner_tie(const struct goleak_limits *limits, const struct goleak_site *site)
{
    return is_rule(limits, site->tied, ended_of(site));
}

static bool has_twin_tie(const struct goleak_limits *limits, const struct goleak_site *site)
{
    return is_rule(limits, site->twins, ended_of(site));
}

static bool goes_on(const struct goleak_hope *hope, const struct goleak_record *record)
{
    return !goleak_is_blocked(record) || goleak_hope_of(hope, record->index) != GOLEAK_HOPE_NONE;
}

static uint64_t twin_key(uint32_t node, uint32_t site)
{
    return (uint64_t)node << 32 | site;
}

static bool add_to(struct goleak_ties *ties, struct goleak_twins *twins, const struct goleak_record *record,
                   uint64_t key)
{
    if (!goleak_grow(ties->alloc, &twins->all, &twins->capacity, twins->count + 1, sizeof *twins->all))
        return false;
    twins->all[twins->count++] = (struct goleak_twin) { key, record->created, record->index };
    return true;
}

static bool add_twin(struct goleak_ties *ties, const struct goleak_record *record)
{
    struct goleak_twins *twins = goleak_is_blocked(record) ? &ties->waiting : &ties->acting;
    return add_to(ties, twins, record, twin_key(record->parent, record->site));
}

static int by_creation(const void *a, const void *b)
{
    const struct goleak_twin *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->created != y->created)
        return x->created < y->created ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

static void sort_twins(struct goleak_twins *twins)
{
    if (twins->count > 1)
        qsort(twins->all, twins->count, sizeof *twins->all, by_creation);
}

/* That it is kept since the start says little; and whose waker has turned to others is stuck. */
static bool twin_goes_on(const struct goleak_hope *hope, const struct goleak_record *record)
{
    return goes_on(hope, record) && !goleak_hope_is_replaced(hope, record->index) &&
           !(goleak_is_blocked(record) && goleak_hope_of(hope, record->index) == GOLEAK_HOPE_STARTUP);
}

/* False: memory. */
static bool find_twins(struct goleak_ties *ties, const uint64_t *wanted)
{
    const struct goleak_store *store = ties->known.store;
    for (uint32_t i = 1; i <= store->count; i++) {
        const struct goleak_record *record = goleak_store_at(store, i);
        if (record->parent != 0 && goleak_has_bit(wanted, record->site) && (record->flags & GOLEAK_REC_SEEN) != 0 &&
            record->state != GOLEAK_STATE_ENDED && twin_goes_on(ties->hope, record) && !add_twin(ties, record))
            return false;
    }
    sort_twins(&ties->acting);
    sort_twins(&ties->waiting);
    return true;
}

/* The first that was started within a part of the goroutine's age from it; 0: none was. */
static uint32_t find_twin(const struct goleak_twins *twins, const struct goleak_record *record, uint64_t key,
                          int64_t near)
{
    const struct goleak_twin from = { .key = key,
                                      .created =
                                          record->created >= INT64_MIN + near ? record->created - near : INT64_MIN };
    size_t low = 0, high = twins->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_creation(&twins->all[middle], &from) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == twins->count || twins->all[low].key != key)
        return 0;
    return goleak_between(record->created, twins->all[low].created) <= near ? twins->all[low].record : 0;
}

/* Of either place; 0: there is none. */
static uint32_t find_any(const struct goleak_twins *twins, const struct goleak_record *record,
                         const struct goleak_site *site, int64_t near)
{
    uint32_t twin = find_twin(twins, record, twin_key(record->parent, site->twin[0]), near);
    return twin != 0 ? twin : find_twin(twins, record, twin_key(record->parent, site->twin[1]), near);
}

/* One that acts; or, for who waits in a WaitGroup, for that one's end, one that waits itself and is not stuck. */
static uint32_t twin_of(const struct goleak_ties *ties, const struct goleak_record *record,
                        const struct goleak_site *site)
{
    if (record->created == GOLEAK_NO_MOMENT)
        return 0;
    int64_t near = goleak_between(record->created, ties->known.last) / ties->known.limits->together;
    uint32_t twin = find_any(&ties->acting, record, site, near);
    bool waits = twin == 0 && goleak_is_in_wait_group(ties->known.symbols, ties->known.reasons, record);
    return waits ? find_any(&ties->waiting, record, site, near) : twin;
}

/* ---- beside idlers ---- */

/* String: that has started those of this place; 0: not told. */
static uint32_t function_of(const struct goleak_hope_input *known, uint32_t site)
{
    const uint32_t frame = goleak_sites_at(known->sites, site)->created_at;
    return frame != 0 ? known->symbols->frame_info[frame - 1].function : 0;
}

/* Those of the standard library that start idlers who were woken, or whose mates nobody reads. False: there are none. */
static bool mark_functions(const struct goleak_ties *ties, uint64_t *functions)
{
    const struct goleak_hope_input *known = &ties->known;
    const size_t words = ties->hope->unread != NULL ? goleak_words_of(ties->hope->count) : 0;
    bool any = false;
    for (size_t word = 0; word < words; word++)
        for (uint64_t left = ties->hope->unread[word]; left != 0; left &= left - 1) {
            const uint32_t index = (uint32_t)word * 64 + goleak_low_zeros(left);
            goleak_set_bit(functions, function_of(known, goleak_store_at(known->store, index)->site));
            any = true;
        }
    for (size_t i = 1; i < known->waits->site_count; i++) {
        const struct goleak_wait_site *at = &known->waits->sites[i];
        const bool idles = goleak_idler_of(known->symbols, at->stack, at->reason) != 0;
        const uint32_t function = idles ? function_of(known, at->site) : 0;
        if (function == 0 || !goleak_is_standard(goleak_symbols_text(known->symbols, function)))
            continue;
        goleak_set_bit(functions, function);
        any = true;
    }
    return any;
}

/* All of these functions' who are blocked and no idlers. False: memory. */
static bool add_mates(struct goleak_ties *ties, const uint64_t *functions, uint64_t *places)
{
    const struct goleak_hope_input *known = &ties->known;
    for (uint32_t i = 1; i < goleak_sites_count(known->sites); i++) {
        const uint32_t function = function_of(known, i);
        if (function != 0 && goleak_has_bit(functions, function))
            goleak_set_bit(places, i);
    }
    for (uint32_t i = 1; i <= known->store->count; i++) {
        const struct goleak_record *record = goleak_store_at(known->store, i);
        if (goleak_has_bit(places, record->site) && record->parent != 0 && goleak_is_blocked(record) &&
            goleak_idler_of(known->symbols, record->block_stack, record->reason) == 0 &&
            goleak_hope_of(ties->hope, i) != GOLEAK_HOPE_READER &&
            !add_to(ties, &ties->mates, record, twin_key(record->parent, function_of(known, record->site))))
            return false;
    }
    sort_twins(&ties->mates);
    return true;
}

/* False: memory. */
static bool find_mates(struct goleak_ties *ties)
{
    const size_t functions = goleak_words_of(ties->known.symbols->strings.count + 1),
                 words = functions + goleak_words_of(goleak_sites_count(ties->known.sites));
    uint64_t *marks = goleak_alloc_zeroed(ties->alloc, words * sizeof *marks);
    const bool good = marks != NULL && (!mark_functions(ties, marks) || add_mates(ties, marks, marks + functions));
    goleak_free(ties->alloc, marks, words * sizeof *marks);
    return good;
}

/* 0: it has none. */
static uint32_t blocked_mate_of(const struct goleak_ties *ties, const struct goleak_record *record)
{
    if (ties->mates.count == 0 || record->parent == 0 || record->created == GOLEAK_NO_MOMENT)
        return 0;
    const int64_t near = goleak_between(record->created, ties->known.last) / ties->known.limits->at_once;
    return find_twin(&ties->mates, record, twin_key(record->parent, function_of(&ties->known, record->site)), near);
}

bool goleak_has_blocked_mate(const struct goleak_ties *ties, const struct goleak_record *record)
{
    return blocked_mate_of(ties, record) != 0;
}

bool goleak_is_unread(const struct goleak_ties *ties, const struct goleak_record *record)
{
    if (ties->hope == NULL || ties->hope->unread == NULL || !goleak_is_blocked(record))
        return false;
    return goleak_hope_is_unread(ties->hope, record->index) ||
           (goleak_idler_of(ties->known.symbols, record->block_stack, record->reason) != 0 &&
            goleak_hope_is_unread(ties->hope, blocked_mate_of(ties, record)));
}

enum goleak_status goleak_ties_find(struct goleak_ties *ties, const struct goleak_hope_input *input,
                                    const struct goleak_hope *hope)
{
    const size_t sites = goleak_sites_count(input->sites), bytes = goleak_words_of(sites) * sizeof(uint64_t);
    uint64_t *wanted = NULL;
    bool good = true;
    ties->known = *input;
    ties->hope = hope;
    for (uint32_t i = 1; i < sites && good; i++) {
        const struct goleak_site *site = goleak_sites_at(input->sites, i);
        bool twins = has_twin_tie(input->limits, site);
        ties->any = ties->any || twins || has_spawner_tie(input->limits, site);
        if (twins && wanted == NULL)
            good = (wanted = goleak_alloc_zeroed(ties->alloc, bytes)) != NULL;
        for (int k = 0; k < 2 && twins && good; k++)
            goleak_set_bit(wanted, site->twin[k]);
    }
    good = good && (wanted == NULL || find_twins(ties, wanted)) && find_mates(ties);
    goleak_free(ties->alloc, wanted, bytes);
    return good ? GOLEAK_OK : goleak_alloc_failure(ties->alloc);
}

/* NULL: it has ended, or is not known. */
static const struct goleak_record *living_spawner(const struct goleak_ties *ties, const struct goleak_record *record)
{
    const struct goleak_node *node = goleak_lineage_at(ties->known.lineage, record->parent);
    return record->parent != 0 && node->alive ? goleak_node_record(ties->known.store, node) : NULL;
}

/* How long it has outlived its spawner; 0: it has not, or not for long: of its life, and of what was right after for the
 * others of its place. */
static int64_t orphaned_for(const struct goleak_ties *ties, const struct goleak_record *record,
                            const struct goleak_site *site)
{
    const struct goleak_hope_input *known = &ties->known;
    const struct goleak_node *node = goleak_lineage_at(known->lineage, record->parent);
    const uint64_t together = (uint64_t)known->limits->together;
    if (record->parent == 0 || node->alive || record->created == GOLEAK_NO_MOMENT || node->last < record->created)
        return 0;
    const int64_t since = goleak_between(node->last, known->last), age = goleak_between(record->created, known->last);
    const uint64_t least = known->has_time ? known->limits->orphan_ns : known->limits->orphan_events;
    return since >= age / known->limits->together && (uint64_t)since / together >= site->tied_after &&
                   (uint64_t)since >= least
               ? since
               : 0;
}

struct goleak_tie goleak_tie_of(const struct goleak_ties *ties, const struct goleak_record *record)
{
    if (!ties->any)
        return (struct goleak_tie) { 0 };
    const struct goleak_limits *limits = ties->known.limits;
    const struct goleak_site *site = goleak_sites_at(ties->known.sites, record->site);
    const struct goleak_record *spawner = has_spawner_tie(limits, site) ? living_spawner(ties, record) : NULL;
    if (spawner != NULL && goes_on(ties->hope, spawner))
        return (struct goleak_tie) { spawner->index, false, true, site->tied, ended_of(site), 0 };
    bool twins = has_twin_tie(limits, site);
    uint32_t twin = twins ? twin_of(ties, record, site) : 0;
    const int64_t orphaned = twin == 0 && has_spawner_tie(limits, site) ? orphaned_for(ties, record, site) : 0;
    if (orphaned != 0)
        return (struct goleak_tie) { 0, false, true, site->tied, ended_of(site), orphaned };
    return (struct goleak_tie) { twin, true, twins || has_spawner_tie(limits, site), site->twins, ended_of(site), 0 };
}
