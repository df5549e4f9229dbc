/* holders - see holders.h. */
#include "verdict/holders.h"

#include <stdlib.h>
#include <string.h>

void goleak_holders_init(struct goleak_holders *holders, struct goleak_alloc *alloc)
{
    *holders = (struct goleak_holders){ .alloc = alloc };
}

void goleak_holders_release(struct goleak_holders *holders)
{
    struct goleak_alloc *alloc = holders->alloc;
    if (alloc == NULL)
        return;
    goleak_free(alloc, holders->locks, holders->lock_capacity * sizeof *holders->locks);
    goleak_free(alloc, holders->holders, holders->holder_capacity * sizeof *holders->holders);
    goleak_free(alloc, holders->waiters, holders->waiter_capacity * sizeof *holders->waiters);
    goleak_free(alloc, holders->waits_for, holders->record_count * sizeof *holders->waits_for);
    goleak_free(alloc, holders->holds, holders->record_count * sizeof *holders->holds);
    goleak_holders_init(holders, alloc);
}

/* ---- who ---- */

struct search {
    const struct goleak_holders_input *input;
    struct goleak_holders *to;
    uint64_t unseen; /* goroutines that wait for a lock, but were not seen to ask for it */
    bool older;      /* some goroutine is older than the recording: it may hold anything */
    bool failed;
};

static bool lives(const struct goleak_record *record)
{
    return (record->flags & GOLEAK_REC_SEEN) && record->state != GOLEAK_STATE_ENDED;
}

enum at_lock { AT_LOCK, NOT_AT_LOCK, UNTOLD };

/* Whether a goroutine that is parked for "sync" is so in Lock or RLock: others wait in a
 * WaitGroup, or for a file. Up to Go 1.20 the reason is the same for all. */
static enum at_lock waits_at_lock(const struct goleak_holders_input *input, const struct goleak_record *record)
{
    if (record->reason != GOLEAK_REASON_SYNC)
        return NOT_AT_LOCK;
    const char *told = record->wait != GOLEAK_NO_WAIT ? goleak_reasons_wait_text(input->reasons, record->wait) : NULL;
    if (told != NULL && strcmp(told, "semacquire") != 0)
        return strstr(told, "Mutex") != NULL ? AT_LOCK : NOT_AT_LOCK;
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(input->symbols, record->block_stack, &frames);
    for (size_t i = 0; i < count; i++) {
        const char *function = goleak_symbols_frame_function(input->symbols, frames[i]);
        if (strstr(function, "sync.(*Mutex).") != NULL || strstr(function, "sync.(*RWMutex).") != NULL)
            return AT_LOCK;
    }
    return count != 0 ? NOT_AT_LOCK : UNTOLD;
}

static void add_holder(struct search *search, struct goleak_holder holder)
{
    struct goleak_holders *to = search->to;
    if (!search->failed && goleak_grow(to->alloc, &to->holders, &to->holder_capacity, to->holder_count + 1,
                                       sizeof *to->holders))
        to->holders[to->holder_count++] = holder;
    else
        search->failed = true;
}

static void add_waiter(struct search *search, const struct goleak_record *record, const struct goleak_locker *locker)
{
    struct goleak_holders *to = search->to;
    if (!search->failed && goleak_grow(to->alloc, &to->waiters, &to->waiter_capacity, to->waiter_count + 1,
                                       sizeof *to->waiters))
        to->waiters[to->waiter_count++] = (struct goleak_lock_waiter){
            .record = record->index,
            .address = locker->lock,
            .process = record->process,
            .shared = goleak_lock_op_shares((enum goleak_lock_op)locker->op),
        };
    else
        search->failed = true;
}

static void add_hold(struct search *search, const struct goleak_hold *hold)
{
    add_holder(search, (struct goleak_holder){
                           .lock = hold->lock,
                           .goid = hold->goid,
                           .since = hold->since,
                           .ended = hold->ended,
                           .record = hold->holder,
                           .waits = hold->waits,
                           .process = hold->process,
                           .shared = hold->shared,
                           .tried = hold->maybe,
                       });
}

/* What it asked for last, it waits for; or it has it, or is about to find out. */
static void add_last(struct search *search, const struct goleak_record *record, const struct goleak_locker *locker)
{
    enum goleak_lock_op op = (enum goleak_lock_op)locker->op;
    bool parked = record->state == GOLEAK_STATE_WAITING, tries = goleak_lock_op_tries(op);
    bool may_wait = parked && !tries && record->since >= locker->since;
    enum at_lock at = may_wait ? waits_at_lock(search->input, record) : NOT_AT_LOCK;
    if (at == UNTOLD) {
        search->unseen++;
        at = goleak_locks_taken(search->input->locks, locker->lock, record->process) ? AT_LOCK : NOT_AT_LOCK;
    }
    if (at == AT_LOCK) {
        add_waiter(search, record, locker);
        return;
    }
    add_holder(search, (struct goleak_holder){
                           .lock = locker->lock,
                           .since = locker->since,
                           .ended = GOLEAK_NO_MOMENT,
                           .record = record->index,
                           .waits = locker->waits,
                           .process = record->process,
                           .shared = goleak_lock_op_shares(op),
                           .maybe = !parked,
                           .tried = tries,
                       });
}

static void collect(struct search *search)
{
    const struct goleak_locks *locks = search->input->locks;
    for (uint32_t i = 1; i <= search->input->store->count; i++) {
        const struct goleak_record *record = goleak_store_at(search->input->store, i);
        const struct goleak_locker *locker = goleak_locks_of(locks, i);
        search->older = search->older || (record->flags & GOLEAK_REC_PREEXISTING);
        if (!lives(record))
            continue;
        if (locker != NULL && locker->op != GOLEAK_LOCK_NONE)
            add_last(search, record, locker);
        else if (record->state == GOLEAK_STATE_WAITING && (record->flags & GOLEAK_REC_PREEXISTING) == 0 &&
                 waits_at_lock(search->input, record) == AT_LOCK)
            search->unseen++;
        for (uint32_t at = locker != NULL ? locker->holds : 0; at != 0; at = locks->holds[at].next)
            add_hold(search, &locks->holds[at]);
    }
    for (uint32_t at = locks->legacies; at != 0; at = locks->holds[at].next)
        add_hold(search, &locks->holds[at]);
}

/* ---- by lock ---- */

static int compare(uint64_t lock_a, uint16_t process_a, uint64_t lock_b, uint16_t process_b)
{
    if (process_a != process_b)
        return process_a < process_b ? -1 : 1;
    return lock_a != lock_b ? (lock_a < lock_b ? -1 : 1) : 0;
}

static int sureness(const struct goleak_holder *holder)
{
    return holder->tried ? 2 : holder->maybe;
}

/* Those that surely have it first, then by age. */
static int by_lock(const void *a, const void *b)
{
    const struct goleak_holder *x = a, *y = b;
    int order = compare(x->lock, x->process, y->lock, y->process);
    if (order != 0)
        return order;
    if (sureness(x) != sureness(y))
        return sureness(x) < sureness(y) ? -1 : 1;
    if (x->since != y->since)
        return x->since < y->since ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

static int by_lock_of_waiter(const void *a, const void *b)
{
    const struct goleak_lock_waiter *x = a, *y = b;
    int order = compare(x->address, x->process, y->address, y->process);
    return order != 0 ? order : x->record < y->record ? -1 : x->record > y->record;
}

struct goleak_lock *goleak_holders_at(const struct goleak_holders *holders, uint16_t process, uint64_t address)
{
    size_t low = 0, high = holders->lock_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct goleak_lock *at = &holders->locks[middle];
        int order = compare(at->lock, at->process, address, process);
        if (order == 0)
            return at;
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

/* Who surely has it, and whether they can have it together. Who may have it has not, if
 * another one surely does; and of a Try nothing is known. */
static void look_at(struct goleak_holders *to, struct goleak_lock *lock, uint32_t end)
{
    uint32_t owners = 0, readers = 0, running = 0;
    for (uint32_t i = lock->first; i < end; i++) {
        const struct goleak_holder *holder = &to->holders[i];
        owners += sureness(holder) == 0 && !holder->shared;
        readers += sureness(holder) == 0 && holder->shared;
        running += sureness(holder) == 1;
    }
    lock->unsure = owners > 1 || (owners != 0 && readers != 0);
    lock->count = owners + readers != 0 ? owners + readers : running;
}

static bool sort_out(struct search *search)
{
    struct goleak_holders *to = search->to;
    if (to->holder_count != 0)
        qsort(to->holders, to->holder_count, sizeof *to->holders, by_lock);
    if (to->waiter_count != 0)
        qsort(to->waiters, to->waiter_count, sizeof *to->waiters, by_lock_of_waiter);
    size_t waiter = 0;
    for (size_t i = 0; i < to->holder_count;) {
        const struct goleak_holder *first = &to->holders[i];
        size_t end = i + 1;
        while (end < to->holder_count &&
               compare(first->lock, first->process, to->holders[end].lock, to->holders[end].process) == 0)
            end++;
        if (!goleak_grow(to->alloc, &to->locks, &to->lock_capacity, to->lock_count + 1, sizeof *to->locks))
            return false;
        struct goleak_lock *lock = &to->locks[to->lock_count];
        *lock = (struct goleak_lock){ .lock = first->lock, .process = first->process, .first = (uint32_t)i };
        look_at(to, lock, (uint32_t)end);
        while (waiter < to->waiter_count &&
               compare(to->waiters[waiter].address, to->waiters[waiter].process, lock->lock, lock->process) < 0)
            waiter++;
        lock->first_waiter = (uint32_t)waiter;
        for (; waiter < to->waiter_count && to->waiters[waiter].address == lock->lock &&
               to->waiters[waiter].process == lock->process; waiter++) {
            to->waiters[waiter].lock = (uint32_t)to->lock_count;
            lock->writers += !to->waiters[waiter].shared;
        }
        lock->waiters = (uint32_t)waiter - lock->first_waiter;
        to->lock_count++;
        i = end;
    }
    return true;
}

/* A reader does not wait for readers, unless a writer waits between. */
static bool is_in_the_way(const struct goleak_holders *to, const struct goleak_lock *lock, bool reads)
{
    return !reads || lock->writers != 0 || !to->holders[lock->first].shared;
}

static void name_waits(struct goleak_holders *to, bool all_known)
{
    for (size_t i = 0; i < to->waiter_count && all_known; i++)
        to->waits_for[to->waiters[i].record] = GOLEAK_LOCK_FREE;
    for (size_t l = 0; l < to->lock_count; l++) {
        const struct goleak_lock *lock = &to->locks[l];
        for (uint32_t i = lock->first_waiter; i < lock->first_waiter + lock->waiters; i++)
            if (lock->unsure || lock->count == 0)
                to->waits_for[to->waiters[i].record] = 0;
            else if (is_in_the_way(to, lock, to->waiters[i].shared))
                to->waits_for[to->waiters[i].record] = (uint32_t)l + 1;
    }
}

/* ---- deadlocks ---- */

/* Each holder's locks, as a list; and how many holders each lock has that may be stuck. */
static void link_holders(struct goleak_holders *to)
{
    for (size_t l = 0; l < to->lock_count; l++) {
        struct goleak_lock *lock = &to->locks[l];
        for (uint32_t i = lock->first; i < lock->first + lock->count; i++) {
            struct goleak_holder *holder = &to->holders[i];
            if (holder->record == 0)
                continue;
            holder->next = to->holds[holder->record];
            to->holds[holder->record] = i + 1;
        }
    }
}

/* It goes on, so what it holds is one step nearer to be given back. */
static void let_go(struct goleak_holders *to, uint32_t record, uint32_t *queue, size_t *queued)
{
    for (uint32_t at = goleak_holders_of(to, record); at != 0; at = to->holders[at - 1].next) {
        const struct goleak_holder *holder = &to->holders[at - 1];
        struct goleak_lock *lock = goleak_holders_at(to, holder->process, holder->lock);
        if (holder->maybe || lock == NULL || --lock->open != 0)
            continue;
        lock->dead = false;
        queue[(*queued)++] = (uint32_t)(lock - to->locks);
    }
}

/* Locks whose holders all go on are taken away, then those who waited for these, and so on:
 * what remains leads to a circle. Holders that only may have it go on. */
static bool find_dead(struct goleak_holders *to)
{
    uint32_t *queue = goleak_alloc_array(to->alloc, to->lock_count + 1, sizeof *queue);
    size_t queued = 0;
    if (queue == NULL)
        return false;
    for (size_t l = 0; l < to->lock_count; l++) {
        struct goleak_lock *lock = &to->locks[l];
        for (uint32_t i = lock->first; i < lock->first + lock->count; i++)
            lock->open += !to->holders[i].maybe && goleak_holders_lock(to, to->holders[i].record) != NULL;
        lock->dead = lock->open != 0;
        if (!lock->dead)
            queue[queued++] = (uint32_t)l;
    }
    for (size_t at = 0; at < queued; at++) {
        const struct goleak_lock *gone = &to->locks[queue[at]];
        for (uint32_t i = gone->first_waiter; i < gone->first_waiter + gone->waiters; i++)
            if (goleak_holders_lock(to, to->waiters[i].record) == gone)
                let_go(to, to->waiters[i].record, queue, &queued);
    }
    for (size_t l = 0; l < to->lock_count; l++)
        to->locks[l].open = to->locks[l].count;
    goleak_free(to->alloc, queue, (to->lock_count + 1) * sizeof *queue);
    return true;
}

enum goleak_status goleak_holders_find(struct goleak_holders *holders, const struct goleak_holders_input *input)
{
    struct search search = { .input = input, .to = holders };
    const struct goleak_locks *locks = input->locks;
    if (locks->locker_count == 0)
        return GOLEAK_OK;
    size_t records = (size_t)input->store->count + 1;
    holders->record_count = records;
    holders->waits_for = goleak_alloc_zeroed(holders->alloc, records * sizeof *holders->waits_for);
    holders->holds = goleak_alloc_zeroed(holders->alloc, records * sizeof *holders->holds);
    if (holders->waits_for == NULL || holders->holds == NULL)
        return goleak_alloc_failure(holders->alloc);
    collect(&search);
    if (search.failed || !sort_out(&search))
        return goleak_alloc_failure(holders->alloc);
    uint64_t wrong = locks->gaps + search.unseen;
    for (size_t l = 0; l < holders->lock_count; l++)
        wrong += holders->locks[l].unsure;
    holders->handed_on = locks->handed_on != 0;
    holders->trusted = wrong <= locks->taken / input->limits->lock_gaps;
    holders->complete = locks->every && input->whole && wrong == 0 && locks->handed_on == 0;
    if (!holders->trusted)
        return GOLEAK_OK;
    name_waits(holders, holders->complete && !search.older);
    link_holders(holders);
    return find_dead(holders) ? GOLEAK_OK : goleak_alloc_failure(holders->alloc);
}
