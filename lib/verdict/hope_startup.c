/* hope_startup - who was started when the program did, and is kept since. See hope.h. */
#include "verdict/hope_search.h"

#include "base/idmap.h"

#include <string.h>

/* All of its place were started within a tenth of the time that has gone by since. */
static bool is_quiet_since(const struct goleak_hope_search *search, const struct goleak_site *site)
{
    if (site->created_at == 0 || site->last > search->input->last)
        return false;
    uint64_t took = (uint64_t)site->last - (uint64_t)site->first;
    uint64_t since = (uint64_t)search->input->last - (uint64_t)site->last;
    return took <= since / (uint64_t)search->input->limits->together;
}

void goleak_hope_find_quiet(struct goleak_hope_search *search)
{
    for (uint32_t site = 0; site < goleak_sites_count(search->input->sites); site++)
        if (is_quiet_since(search, goleak_sites_at(search->input->sites, site)))
            goleak_set_bit(search->quiet_sites, site);
}

static bool is_of_init(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    uint32_t stack = goleak_store_detail(search->input->store, record)->created_stack;
    return search->do_init != 0 && goleak_symbols_stands_in(search->input->symbols, stack, search->do_init);
}

/* One of the program's own goroutines ended one of these waits, as far as is known still. */
static bool was_woken_by_own(const struct goleak_hope_search *search, const struct goleak_habit *habit)
{
    for (int which = 0; which < 2; which++) {
        const struct goleak_record *waker = goleak_hope_waker_record(search->input->store, habit, which);
        if (waker != NULL && !goleak_kin_of(search, waker)->signals)
            return true;
    }
    return habit->others;
}

/* Of main, in a program that takes signals: it received, or selected, from when this one began to wait, or before, until
 * just now. Then a signal has told it to end the program. */
static bool has_rested(const struct goleak_hope_search *search, const struct goleak_record *spawner,
                       const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    const int64_t waited = goleak_waited(record, input->last), near = waited / input->limits->together;
    if (!goleak_has_bit(search->takes_signals, spawner->process))
        return false;
    for (uint32_t at = goleak_first_habit(spawner); at != 0; at = goleak_habit_at(input->waits, at)->next) {
        const struct goleak_habit *habit = goleak_habit_at(input->waits, at);
        const struct goleak_wait_site *site = &input->waits->sites[habit->site];
        if ((site->reason == GOLEAK_REASON_CHAN_RECV || site->reason == GOLEAK_REASON_SELECT) &&
            goleak_between(site->last_ended, input->last) <= near && habit->longest >= waited - 2 * near &&
            !was_woken_by_own(search, habit))
            return true;
    }
    return false;
}

/* Of main: it has slept, or waited for the network, again and again, and is parked, or was so a moment ago. */
static bool goes_round(const struct goleak_hope_search *search, const struct goleak_record *spawner,
                       const struct goleak_record *record)
{
    const struct goleak_hope_input *input = search->input;
    const int64_t near = goleak_waited(record, input->last) / input->limits->together;
    return goleak_waits_naps(input->waits, spawner) >= input->limits->chances &&
           (spawner->state == GOLEAK_STATE_WAITING || goleak_waited(spawner, input->last) <= near);
}

/* Waits for what others do. Who sleeps has not come to rest, but main that goes round; who has just been woken was
 * at rest, and will be, but for main, which ends the program. */
static bool is_kept(const struct goleak_hope_search *search, const struct goleak_record *spawner,
                    const struct goleak_record *record)
{
    if ((spawner->flags & GOLEAK_REC_MAIN) != 0 &&
        (has_rested(search, spawner, record) || goes_round(search, spawner, record)))
        return true;
    if (spawner->state == GOLEAK_STATE_WAITING)
        return (spawner->flags & GOLEAK_REC_BLOCKED) || spawner->reason == GOLEAK_REASON_NET;
    int64_t awake = goleak_waited(spawner, search->input->last);
    return (spawner->flags & GOLEAK_REC_MAIN) == 0 && spawner->block_stack != 0 &&
           awake <= goleak_waited(record, search->input->last) / search->input->limits->together &&
           !goleak_waits_in(search->input->symbols, search->input->reasons, spawner, "time.Sleep");
}

/* It has waited since soon after it was started: what woke it before belongs to the start. */
static bool has_settled(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    int64_t waited = goleak_waited(record, search->input->last);
    return (uint64_t)record->since - (uint64_t)record->created <=
           (uint64_t)waited / (uint64_t)search->input->limits->together;
}

/* None of its place has, in its process, and of its caller's. */
static bool has_none_ended(const struct goleak_hope_input *input, const struct goleak_record *record)
{
    const struct goleak_site *site = goleak_sites_at(input->sites, record->site);
    bool sums = input->several || input->sites->parted;
    return goleak_ledger_ended(input->ledger, site->place) == 0 || (sums && site->tied + site->untied == 0);
}

/* How many waits of each wait site were those of the living. False: memory. */
static bool count_living(struct goleak_hope_search *search)
{
    const struct goleak_waits *waits = search->input->waits;
    search->living_waits = goleak_alloc_zeroed(search->hope->alloc, waits->site_count * sizeof *search->living_waits);
    for (uint32_t i = 1; i < search->hope->count && search->living_waits != NULL; i++) {
        const struct goleak_record *record = goleak_store_at(search->input->store, i);
        if ((record->flags & GOLEAK_REC_SEEN) == 0 || record->state == GOLEAK_STATE_ENDED)
            continue;
        for (uint32_t at = goleak_first_habit(record); at != 0; at = goleak_habit_at(waits, at)->next)
            search->living_waits[goleak_habit_at(waits, at)->site] += goleak_habit_at(waits, at)->ended;
    }
    return search->living_waits != NULL;
}

/* None of those who were ever woken there has: whatever else its place starts ends. */
static bool has_none_ended_alike(const struct goleak_hope_search *search, const struct goleak_wait_site *site)
{
    return search->living_waits != NULL && search->living_waits[site - search->input->waits->sites] == site->ended;
}

void goleak_hope_count_living(struct goleak_hope_search *search)
{
    const struct goleak_waits *waits = search->input->waits;
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++)
        for (uint64_t left = search->kept[word] & search->hopeless[word]; left != 0; left &= left - 1) {
            const struct goleak_record *record =
                goleak_store_at(search->input->store, word * GOLEAK_WORD + goleak_low_zeros(left));
            if (goleak_waits_here(waits, record) != NULL || goleak_waits_site(waits, record) == NULL ||
                has_none_ended(search->input, record))
                continue;
            search->failed = search->failed || !count_living(search);
            return;
        }
}

/* ---- who is left of those that it may have been started for ---- */

/* Its own function, or the one around a closure; 0: not told, or the standard library's. */
static uint32_t source_of(const struct goleak_kin *kin)
{
    return kin->for_caller ? 0 : kin->outer != 0 ? kin->outer : kin->function;
}

/* Of all callers. */
static uint32_t whole_of(const struct goleak_hope_search *search, uint32_t site)
{
    return goleak_sites_at(search->input->sites, site)->whole;
}

/* One that is there, and whether any other one is. */
static void note(struct goleak_some *some, uint32_t place)
{
    some->more = some->more || (some->first != 0 && some->first != place);
    some->first = some->first != 0 ? some->first : place;
}

static bool is_any_but(const struct goleak_some *some, uint32_t own)
{
    return some->more || (some->first != 0 && some->first != own);
}

/* What functions have started, of each in each process; and who has started those who are kept. False: memory. */
static bool find_beginnings(struct goleak_hope_search *search)
{
    const struct goleak_sites *sites = search->input->sites;
    const size_t count = goleak_sites_count(sites);
    struct goleak_idmap firsts;
    bool good = (search->left = goleak_alloc_zeroed(search->hope->alloc, count * sizeof *search->left)) != NULL;
    goleak_idmap_init(&firsts, search->hope->alloc);
    for (uint32_t site = 1; site < count && good; site++) {
        const uint32_t source = source_of(&search->kin[site]);
        const uint64_t key = (uint64_t)goleak_sites_process(sites, site) << 32 | source;
        if (source == 0)
            continue;
        const uint32_t known = goleak_idmap_get(&firsts, key), first = known != 0 ? known : site;
        good = known != 0 || goleak_idmap_put(&firsts, key, site);
        search->left[site].source = first;
        if (goleak_sites_at(sites, site)->last == 0)
            continue;
        note(&search->left[first].born, whole_of(search, site));
        if (!goleak_has_bit(search->quiet_sites, site))
            note(&search->left[first].busy, whole_of(search, site));
    }
    goleak_idmap_release(&firsts);
    for (uint32_t i = 1; i < search->hope->count && good; i++)
        if (goleak_has_bit(search->kept, i) && search->parents[i] != 0)
            note(&search->left[whole_of(search, goleak_store_at(search->input->store, i)->site)].spawners,
                 search->parents[i]);
    return good;
}

static bool is_any_kept(const struct goleak_hope_search *search)
{
    for (size_t word = 0; word < goleak_words_of(search->hope->count); word++)
        if ((search->kept[word] & search->hopeless[word]) != 0)
            return true;
    return false;
}

bool goleak_hope_look_who_is_left(struct goleak_hope_search *search)
{
    if (search->failed || !is_any_kept(search))
        return false;
    if (search->left == NULL && !find_beginnings(search)) {
        search->failed = true;
        return false;
    }
    for (uint32_t site = 0; site < goleak_sites_count(search->input->sites); site++)
        search->left[site].hopeful = (struct goleak_some) { 0, false };
    for (uint32_t i = 1; i < search->hope->count; i++) {
        const bool kept = goleak_has_bit(search->kept, i) && goleak_has_bit(search->hopeless, i);
        if (!kept && search->hope->kinds[i] == GOLEAK_HOPE_NONE)
            continue;
        const uint32_t site = goleak_store_at(search->input->store, i)->site;
        if (search->left[site].source != 0)
            note(&search->left[search->left[site].source].hopeful, whole_of(search, site));
    }
    return true;
}

/* All that the same function has started beside it, which was when the program did as well, have ended, or are stuck, and
 * it has started none itself. */
static bool is_alone_left(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const uint32_t own = whole_of(search, record->site), source = search->left[record->site].source;
    const struct goleak_beginning *left = &search->left[source];
    return source != 0 && (record->flags & GOLEAK_REC_SPAWNED) == 0 && is_any_but(&left->born, own) &&
           !is_any_but(&left->busy, own) && !is_any_but(&left->hopeful, own);
}

/* Others of its place have other spawners: these are sessions, which end one by one. */
static bool is_of_a_session(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return search->left[whole_of(search, record->site)].spawners.more;
}

/* It was never woken where it waits, or once, as workers are that were not needed yet. Nor was any other of its kind;
 * or they are, but none has ended: they work for as long as it waits. */
static bool is_unused(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_waits *waits = search->input->waits;
    const struct goleak_habit *here = goleak_waits_here(waits, record);
    if (here == NULL) {
        const struct goleak_wait_site *site = goleak_waits_site(waits, record);
        return site == NULL || has_none_ended(search->input, record) || has_none_ended_alike(search, site);
    }
    return has_settled(search, record) || (here->ended < search->input->limits->habit_waits &&
                                           goleak_hope_may_come_again(search, record));
}

/* It has ended, or is stuck. */
static bool is_gone(const struct goleak_hope_search *search, uint32_t waker)
{
    return waker == 0 || (search->hope->kinds[waker] == GOLEAK_HOPE_NONE && !goleak_has_bit(search->kept, waker) &&
                          (goleak_store_at(search->input->store, waker)->flags & GOLEAK_REC_MAIN) == 0);
}

/* It was woken here again and again, by one or two, which are gone. */
static bool are_wakers_gone(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_store *store = search->input->store;
    const struct goleak_habit *here = goleak_waits_here(search->input->waits, record);
    return here != NULL && here->ended >= search->input->limits->habit_waits && here->wakers[0] != 0 && !here->others &&
           here->nobody == 0 && is_gone(search, goleak_hope_waker(store, here, 0)) &&
           is_gone(search, goleak_hope_waker(store, here, 1));
}

/* Nobody is left of those it had to do with. Who was never woken may wait for the end of all, as receivers do. */
static bool is_left_behind(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const bool orphan = record->parent != 0 && !goleak_has_bit(search->alive, record->parent);
    if (goleak_hope_is_unread(search->hope, record->index) || (orphan && is_of_a_session(search, record)))
        return true;
    if (are_wakers_gone(search, record)) {
        const bool had_one = goleak_waits_here(search->input->waits, record)->wakers[1] == 0;
        return (had_one && (orphan || goleak_hope_each_has_own(search->hope, record))) || is_alone_left(search, record);
    }
    return (record->reason == GOLEAK_REASON_COND_WAIT || record->reason == GOLEAK_REASON_SYNC) &&
           is_alone_left(search, record);
}

/* Each time it waits there it does so for something else, that it has asked for: so far it got that soon, and by another
 * one. Not where others wait for the same. */
static bool asks_each_time(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const struct goleak_waits *waits = search->input->waits;
    const uint32_t place = goleak_waits_place(waits, record);
    const int64_t waited = goleak_waited(record, search->input->last);
    uint32_t count = 0;
    if (!goleak_place_is_object(place) || goleak_relation_of(&search->hope->crowds, place).count > 1)
        return false;
    for (uint32_t at = goleak_first_habit(record); at != 0; at = goleak_habit_at(waits, at)->next) {
        const struct goleak_habit *habit = goleak_habit_at(waits, at);
        const struct goleak_wait_site *site = &waits->sites[habit->site];
        if (habit->site == 0 || site->stack != record->block_stack || site->reason != record->reason)
            continue;
        if (habit->place == place || habit->nobody != 0 || waited / search->input->limits->patience <= habit->longest)
            return false;
        count += habit->ended;
    }
    return count >= search->input->limits->habit_waits;
}

/* It was started when the program was, or the recording. */
static bool is_from_first(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    uint64_t before = (uint64_t)record->created - (uint64_t)search->input->first;
    int64_t waited = goleak_waited(record, search->input->last);
    return before <= (uint64_t)waited / (uint64_t)search->input->limits->together;
}

/* At a semaphore, and neither its wait reason nor a name in its stack tells of what: it may be a WaitGroup's. */
static bool is_semaphore_untold(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const char *told =
        record->wait != GOLEAK_NO_WAIT ? goleak_reasons_wait_text(search->input->reasons, record->wait) : NULL;
    const uint32_t blocked = goleak_symbols_blocked_at(search->input->symbols, record->block_stack);
    uint64_t address;
    return record->reason == GOLEAK_REASON_SYNC && (told == NULL || strcmp(told, "semacquire") == 0) && blocked != 0 &&
           goleak_symbols_frame_address(search->input->symbols, blocked, &address);
}

/* At a lock, or sends: nobody idles there. */
static bool is_at_work(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return record->reason == GOLEAK_REASON_CHAN_SEND ||
           (record->reason == GOLEAK_REASON_SYNC && record->block_stack != 0 && !goleak_hope_in_group(search, record) &&
            !is_semaphore_untold(search, record));
}

/* It waits in a WaitGroup for those that it has started a while ago, of which this one is none that is kept itself. */
static bool waits_for_group(const struct goleak_hope_search *search, const struct goleak_record *record,
                            const struct goleak_record *child)
{
    const int64_t most = goleak_waited(record, search->input->last) / search->input->limits->together;
    return !goleak_has_bit(search->kept, child->index) && child->created <= record->since &&
           (uint64_t)record->since - (uint64_t)child->created <= (uint64_t)most && goleak_hope_in_group(search, record);
}

void goleak_hope_look_who_asked(struct goleak_hope_search *search)
{
    const struct goleak_store *store = search->input->store;
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++)
        for (uint64_t left = search->hopeless[word]; left != 0; left &= left - 1) {
            const uint32_t index = word * GOLEAK_WORD + goleak_low_zeros(left), node = search->parents[index];
            const uint32_t asker = node != 0 && goleak_has_bit(search->blocked, node) ? search->nodes[node] : 0;
            if (asker == 0 || !goleak_has_bit(search->kept, asker))
                continue;
            const struct goleak_record *record = goleak_store_at(store, asker), *child = goleak_store_at(store, index);
            if (child->created != GOLEAK_NO_MOMENT &&
                (waits_for_group(search, record, child) ||
                 (goleak_hope_waits_for_child(search, record, child) && is_at_work(search, child))))
                goleak_clear_bit(search->kept, asker);
        }
}

/* It is older than the recording, and was never seen to wake up from a wait for the same: what that is is not known, and
 * so not that it waits in vain. */
static bool is_of_before(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_PREEXISTING) != 0 && goleak_has_bit(search->idle, record->index) &&
           goleak_waits_here(search->input->waits, record) == NULL;
}

/* *whom: its spawner; 0: it was a package's init, or is not told. */
bool goleak_hope_is_of_startup(const struct goleak_hope_search *search, uint32_t stuck, uint32_t *whom)
{
    uint32_t node = search->parents[stuck];
    const struct goleak_record *record = goleak_store_at(search->input->store, stuck);
    *whom = 0;
    if (record->created == GOLEAK_NO_MOMENT)
        return is_of_before(search, record);
    if (is_of_init(search, record))
        return true;
    if (is_from_first(search, record)) /* who starts a program's workers may end when all are started */
        node = goleak_nearest_alive(search, node);
    const bool in_group = goleak_hope_in_group(search, record);
    bool idle = goleak_has_bit(search->idle, stuck) || in_group || is_semaphore_untold(search, record);
    if (!idle || is_left_behind(search, record) || !is_unused(search, record) || asks_each_time(search, record) ||
        node == 0 || !goleak_has_bit(search->alive, node))
        return false;
    const struct goleak_record *spawner = goleak_hope_spawner(search, node);
    if (spawner == NULL)
        return false;
    *whom = spawner->index;
    return is_kept(search, spawner, record) &&
           ((spawner->flags & GOLEAK_REC_PREEXISTING) || !goleak_hope_is_spawner_stuck(search, node));
}
