/* hope_beside - who was started together with one that is stuck, and acts. See hope.h. */
#include "verdict/hope_search.h"

#include <string.h>

/* ---- what a spawn site tells ---- */

void goleak_hope_find_kin(struct goleak_hope_search *search)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    for (uint32_t site = 0; site < goleak_sites_count(search->input->sites); site++) {
        const struct goleak_site *at = goleak_sites_at(search->input->sites, site);
        const char *start = goleak_symbols_text(symbols, at->start);
        search->kin[site] = (struct goleak_kin) {
            .start = at->start,
            .function = at->created_at != 0 ? symbols->frame_info[at->created_at - 1].function : 0,
            .signals = goleak_text_begins(start, "os/signal."),
            .for_caller = goleak_text_begins(start, "os/signal.") ||
                          goleak_is_standard(goleak_symbols_frame_function(symbols, at->created_at)),
            .coroutine = strcmp(start, "runtime.corostart") == 0,
        };
        search->any_signals = search->any_signals || search->kin[site].signals;
    }
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

/* Of a goroutine that the standard library started, its caller's function. */
static uint32_t callers_function(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_symbols *symbols = search->input->symbols;
    const uint32_t *frames;
    uint32_t stack = goleak_store_detail(search->input->store, record)->created_stack;
    size_t count = goleak_symbols_stack_frames(symbols, stack, &frames);
    for (size_t i = 0; i < count; i++)
        if (!goleak_hope_is_standard(search, frames[i]))
            return symbols->frame_info[frames[i] - 1].function;
    return goleak_kin_of(search, record)->function;
}

/* Who was started by the same goroutine, in the same function, or wherever, if that one has ended: what its children
 * share was its own; 0: not told. */
static uint64_t family_of(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    if (record->parent != 0 && !goleak_lineage_at(search->input->lineage, record->parent)->alive)
        return (uint64_t)record->parent << 32 | UINT32_MAX;
    const struct goleak_kin *kin = goleak_kin_of(search, record);
    uint32_t function = kin->for_caller ? callers_function(search, record) : kin->function;
    return record->parent != 0 && function != 0 ? (uint64_t)record->parent << 32 | function : 0;
}

enum goleak_patience goleak_hope_patience_of(const struct goleak_hope_search *search,
                                             const struct goleak_record *record)
{
    const struct goleak_past *past = goleak_waits_past(search->input->waits, record);
    const struct goleak_limits *limits = search->input->limits;
    uint32_t naps = past != NULL ? past->naps : 0;
    return naps >= limits->chances           ? GOLEAK_PATIENCE_NONE
           : naps >= limits->chances_at_work ? GOLEAK_PATIENCE_SOME
                                             : GOLEAK_PATIENCE_ALL;
}

enum goleak_patience goleak_hope_patience_with(const struct goleak_record *record)
{
    bool at_work = record->reason == GOLEAK_REASON_SYNC || record->reason == GOLEAK_REASON_CHAN_SEND;
    return at_work ? GOLEAK_PATIENCE_ALL : GOLEAK_PATIENCE_SOME;
}

bool goleak_hope_may_help(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return (record->flags & (GOLEAK_REC_SYSTEM | GOLEAK_REC_MAIN)) == 0 && !goleak_kin_of(search, record)->coroutine;
}

bool goleak_hope_in_wait_group(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return record->reason == GOLEAK_REASON_SYNC && goleak_waits_in(search->input, record, "WaitGroup");
}

/* ---- those who act ---- */

/* Those who act and may be beside one that is still stuck. */
static void collect_acting(struct goleak_hope_search *search)
{
    const struct goleak_store *store = search->input->store;
    for (size_t i = 0; i < search->stuck_count && !search->failed; i++) {
        const struct goleak_record *record = goleak_stuck_at(search, i);
        uint64_t family = search->hope->kinds[record->index] == GOLEAK_HOPE_NONE ? family_of(search, record) : 0;
        if (family == 0)
            continue;
        goleak_set_bit(search->wanted, record->parent);
        search->any_wanted = true;
        search->failed = !goleak_families_want(&search->acting, family);
    }
    for (uint32_t i = 1; i <= store->count && search->any_wanted && !search->failed; i++) {
        if (i + GOLEAK_HOPE_AHEAD <= store->count &&
            goleak_has_bit(search->wanted, search->parents[i + GOLEAK_HOPE_AHEAD]))
            goleak_waits_prefetch(search->input->waits, goleak_store_at(store, i + GOLEAK_HOPE_AHEAD));
        if (!goleak_has_bit(search->wanted, search->parents[i]) ||
            (!search->any_signals && !goleak_has_bit(search->first, i))) /* it does not act */
            continue;
        const struct goleak_record *record = goleak_store_at(store, i);
        if (!goleak_kin_of(search, record)->signals &&
            (goleak_is_blocked(record) || !goleak_hope_may_help(search, record)))
            continue;
        uint64_t family = family_of(search, record);
        enum goleak_patience patience =
            goleak_kin_of(search, record)->signals ? GOLEAK_PATIENCE_ALL : goleak_hope_patience_of(search, record);
        search->failed = family != 0 && !goleak_families_add(&search->acting, family, record->created, i, patience);
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
static uint32_t find_beside(struct goleak_hope_search *search, const struct goleak_record *record)
{
    uint64_t family = family_of(search, record);
    if (family == 0 || record->created == GOLEAK_NO_MOMENT)
        return 0;
    int64_t near = goleak_waited(record, search->input->last) / search->input->limits->together;
    int64_t first = record->created >= INT64_MIN + near ? record->created - near : INT64_MIN;
    size_t count;
    const struct goleak_member *members = goleak_families_since(&search->acting, family, first, &count);
    bool group = count != 0 && goleak_hope_in_wait_group(search, record);
    for (size_t i = 0; i < count && i < BESIDE_MOST && is_near(&members[i], record, near); i++)
        if (members[i].record != record->index && (group || members[i].mark >= goleak_hope_patience_with(record)))
            return members[i].record;
    return 0;
}

void goleak_hope_look_beside(struct goleak_hope_search *search)
{
    collect_acting(search);
    for (size_t i = 0; i < search->stuck_count && search->acting.count != 0 && !search->failed; i++) {
        const struct goleak_record *record = goleak_stuck_at(search, i);
        if (search->hope->kinds[record->index] != GOLEAK_HOPE_NONE)
            continue;
        uint32_t beside = find_beside(search, record);
        if (beside != 0)
            goleak_hope_give(search, record->index, GOLEAK_HOPE_BESIDE, beside);
    }
}
