/* locks - see locks.h. */
#include "model/locks.h"

#include <string.h>

#define SLOTS_FIRST 64
/* Who holds it, in the key of a reader that has ended: one of so many, for thousands may be of one lock. */
#define LEGACY (UINT32_MAX - LEGACY_PARTS)
#define LEGACY_PARTS 16

void goleak_locks_init(struct goleak_locks *locks, struct goleak_alloc *alloc)
{
    *locks = (struct goleak_locks){ .alloc = alloc, .hold_count = 1 };
}

void goleak_locks_release(struct goleak_locks *locks)
{
    struct goleak_alloc *alloc = locks->alloc;
    if (alloc == NULL)
        return;
    goleak_free(alloc, locks->lockers, locks->locker_capacity * sizeof *locks->lockers);
    goleak_free(alloc, locks->holds, locks->hold_capacity * sizeof *locks->holds);
    goleak_free(alloc, locks->slots, locks->slots != NULL ? (locks->slot_mask + 1) * sizeof *locks->slots : 0);
    goleak_locks_init(locks, alloc);
}

/* ---- names ---- */

static const char *const words[] = {
    NULL,
#define X(name, word) word,
    GOLEAK_LOCK_OPS(X)
#undef X
};

enum goleak_lock_op goleak_locks_op(struct goleak_locks *locks, const struct goleak_symbols *symbols, uint32_t name)
{
    size_t at = name % (sizeof locks->names / sizeof *locks->names);
    if (locks->names[at].name == name)
        return (enum goleak_lock_op)locks->names[at].op;
    const char *text = goleak_symbols_text(symbols, name);
    unsigned op = GOLEAK_LOCK_OP_COUNT;
    while (--op != GOLEAK_LOCK_NONE && strcmp(text, words[op]) != 0)
        continue;
    locks->names[at].name = name;
    locks->names[at].op = (uint8_t)op;
    return (enum goleak_lock_op)op;
}

/* ---- the table: holds by lock, and of readers by who reads ---- */

static uint32_t reader_of(const struct goleak_locks *locks, uint32_t index)
{
    const struct goleak_hold *hold = &locks->holds[index];
    return !hold->shared ? 0 : hold->holder != 0 ? hold->holder : LEGACY + index % LEGACY_PARTS;
}

/* Where its place begins. */
static size_t home_of(const struct goleak_locks *locks, uint64_t lock, uint16_t process, uint32_t reader)
{
    const uint64_t key = lock ^ (uint64_t)process << 48 ^ (uint64_t)reader << 20 ^ locks->secret;
    return (size_t)(goleak_hash_u64(key) >> 20) & locks->slot_mask;
}

static size_t place_of(const struct goleak_locks *locks, uint32_t index)
{
    const struct goleak_hold *hold = &locks->holds[index];
    return home_of(locks, hold->lock, hold->process, reader_of(locks, index));
}

static uint32_t find(const struct goleak_locks *locks, uint64_t lock, uint16_t process, uint32_t reader)
{
    if (locks->used == 0)
        return 0;
    for (size_t at = home_of(locks, lock, process, reader);; at = (at + 1) & locks->slot_mask) {
        const struct goleak_hold *hold = &locks->holds[locks->slots[at]];
        if (locks->slots[at] == 0 ||
            (hold->lock == lock && hold->process == process && reader_of(locks, locks->slots[at]) == reader))
            return locks->slots[at];
    }
}

bool goleak_locks_taken(const struct goleak_locks *locks, uint64_t lock, uint16_t process)
{
    return find(locks, lock, process, 0) != 0;
}

static bool resize_slots(struct goleak_locks *locks, size_t count)
{
    uint32_t *slots = goleak_alloc_zeroed(locks->alloc, count * sizeof *slots), *old = locks->slots;
    size_t old_count = old != NULL ? locks->slot_mask + 1 : 0;
    if (slots == NULL)
        return false;
    locks->slots = slots;
    locks->slot_mask = count - 1;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i] == 0)
            continue;
        size_t at = place_of(locks, old[i]);
        while (slots[at] != 0)
            at = (at + 1) & locks->slot_mask;
        slots[at] = old[i];
    }
    goleak_free(locks->alloc, old, old_count * sizeof *old);
    return true;
}

static bool grow_slots(struct goleak_locks *locks)
{
    return resize_slots(locks, locks->slots != NULL ? (locks->slot_mask + 1) * 2 : SLOTS_FIRST);
}

/* Those that fall on each other, by a secret. */
static bool part(struct goleak_locks *locks)
{
    locks->secret = goleak_hash_secret(locks->slots);
    bool good = resize_slots(locks, locks->slot_mask + 1);
    locks->secret = good ? locks->secret : 0;
    return good;
}

static bool enter(struct goleak_locks *locks, uint32_t index)
{
    if ((locks->slots == NULL || (locks->used + 1) * 2 > locks->slot_mask) && !grow_slots(locks))
        return false;
    size_t home = place_of(locks, index), at = home;
    while (locks->slots[at] != 0)
        at = (at + 1) & locks->slot_mask;
    locks->slots[at] = index;
    locks->used++;
    return ((at - home) & locks->slot_mask) < GOLEAK_HASH_FAR || locks->secret != 0 || part(locks);
}

/* Those behind it move up, so that none is cut off from its place. */
static void strike(struct goleak_locks *locks, uint32_t index)
{
    size_t mask = locks->slot_mask, at = place_of(locks, index);
    while (locks->slots[at] != index)
        at = (at + 1) & mask;
    for (size_t next = (at + 1) & mask; locks->slots[next] != 0; next = (next + 1) & mask) {
        size_t home = place_of(locks, locks->slots[next]);
        if (((next - home) & mask) < ((next - at) & mask))
            continue;
        locks->slots[at] = locks->slots[next];
        at = next;
    }
    locks->slots[at] = 0;
    locks->used--;
}

/* ---- lists ---- */

static uint32_t *head_of(struct goleak_locks *locks, const struct goleak_hold *hold)
{
    return hold->holder != 0 ? &locks->lockers[hold->holder].holds : &locks->legacies;
}

static void link_first(struct goleak_locks *locks, uint32_t index)
{
    struct goleak_hold *hold = &locks->holds[index];
    uint32_t *head = head_of(locks, hold);
    hold->before = 0;
    hold->next = *head;
    if (*head != 0)
        locks->holds[*head].before = index;
    *head = index;
    if (hold->holder != 0) {
        locks->lockers[hold->holder].count++;
    } else {
        locks->last_legacy = hold->next == 0 ? index : locks->last_legacy;
        locks->legacy_count++;
        locks->legacy_readers += hold->shared;
    }
}

static void unlink_hold(struct goleak_locks *locks, uint32_t index)
{
    struct goleak_hold *hold = &locks->holds[index];
    if (hold->before != 0)
        locks->holds[hold->before].next = hold->next;
    else
        *head_of(locks, hold) = hold->next;
    if (hold->next != 0)
        locks->holds[hold->next].before = hold->before;
    if (hold->holder != 0) {
        locks->lockers[hold->holder].count--;
        return;
    }
    locks->last_legacy = locks->last_legacy == index ? hold->before : locks->last_legacy;
    locks->legacy_count--;
    locks->legacy_readers -= hold->shared;
}

static void drop(struct goleak_locks *locks, uint32_t index)
{
    strike(locks, index);
    unlink_hold(locks, index);
    locks->holds[index] = (struct goleak_hold){ .next = locks->free_holds };
    locks->free_holds = index;
}

static uint32_t take_block(struct goleak_locks *locks)
{
    uint32_t index = locks->free_holds;
    if (index != 0) {
        locks->free_holds = locks->holds[index].next;
        return index;
    }
    if (locks->hold_count >= UINT32_MAX ||
        !goleak_grow(locks->alloc, &locks->holds, &locks->hold_capacity, locks->hold_count + 1, sizeof *locks->holds))
        return 0;
    if (locks->hold_count == 1)
        locks->holds[0] = (struct goleak_hold){ 0 };
    return (uint32_t)locks->hold_count++;
}

/* ---- a lock is taken, and given back ---- */

/* Whoever has it for himself; what the ended ones had read, too, when a writer comes. */
static void clear_way(struct goleak_locks *locks, uint64_t lock, uint16_t process, bool shared)
{
    uint32_t index = find(locks, lock, process, 0);
    if (index != 0) {
        locks->gaps += !locks->holds[index].maybe; /* a Try that failed is none */
        drop(locks, index);
    }
    for (uint32_t i = 0; i < LEGACY_PARTS && !shared && locks->legacy_readers != 0; i++)
        while ((index = find(locks, lock, process, LEGACY + i)) != 0) {
            locks->gaps++;
            drop(locks, index);
        }
}

static void take(struct goleak_locks *locks, const struct goleak_record *record, const struct goleak_locker *from,
                 bool shared, bool maybe)
{
    uint32_t reader = shared ? record->index : 0, index = find(locks, from->lock, record->process, reader);
    if (shared && index != 0 && maybe)
        return; /* it reads anyway */
    if (shared && index != 0 && !locks->holds[index].maybe) {
        locks->holds[index].count++;
        locks->taken++;
        return;
    }
    if (shared && index != 0)
        drop(locks, index); /* its Try had failed */
    uint32_t owner = maybe ? find(locks, from->lock, record->process, 0) : 0;
    if (owner != 0 && !locks->holds[owner].maybe)
        return; /* another one has it: a Try fails */
    if (!maybe || !shared) /* two Tries may both have it, as far as is known */
        clear_way(locks, from->lock, record->process, shared);
    if (from->count >= GOLEAK_HOLDS_MOST) {
        uint32_t oldest = from->holds;
        while (locks->holds[oldest].next != 0)
            oldest = locks->holds[oldest].next;
        locks->gaps++;
        drop(locks, oldest);
    }
    index = take_block(locks);
    if (index == 0) {
        locks->failed = true;
        return;
    }
    locks->holds[index] = (struct goleak_hold){
        .lock = from->lock,
        .since = from->since,
        .ended = GOLEAK_NO_MOMENT,
        .holder = record->index,
        .waits = from->waits,
        .count = 1,
        .process = record->process,
        .shared = shared,
        .maybe = maybe,
    };
    link_first(locks, index);
    if (!enter(locks, index)) {
        unlink_hold(locks, index);
        locks->failed = true;
        return;
    }
    locks->taken++;
}

static void give_back(struct goleak_locks *locks, const struct goleak_record *record, uint64_t lock, bool shared)
{
    uint32_t index = find(locks, lock, record->process, shared ? record->index : 0);
    if (index == 0) {
        /* One that is older than the recording may have taken it before that. */
        locks->gaps += (record->flags & GOLEAK_REC_PREEXISTING) == 0;
        return;
    }
    /* Where another one's Try may have failed, it has: this one had it. */
    locks->handed_on += locks->holds[index].holder != record->index && !locks->holds[index].maybe;
    if (--locks->holds[index].count == 0)
        drop(locks, index);
}

/* What it wanted last it has got: it goes on. */
static void settle(struct goleak_locks *locks, const struct goleak_record *record, struct goleak_locker *locker)
{
    enum goleak_lock_op op = (enum goleak_lock_op)locker->op;
    locker->op = GOLEAK_LOCK_NONE;
    if (op != GOLEAK_LOCK_NONE && !locks->failed)
        take(locks, record, locker, goleak_lock_op_shares(op), goleak_lock_op_tries(op));
}

/* ---- calls ---- */

/* An RWMutex begins with a Mutex, so its methods' calls of that one's are at the same place. */
static bool is_inner(struct goleak_locker *locker, enum goleak_lock_op op, uint64_t lock)
{
    uint64_t inner = locker->inner;
    locker->inner = 0;
    if (op == GOLEAK_LOCK_UNLOCK && locker->op == GOLEAK_LOCK_TRYWLOCK && locker->lock == lock) {
        locker->op = GOLEAK_LOCK_NONE; /* there are readers: it failed */
        return true;
    }
    return (op == GOLEAK_LOCK_UNLOCK && inner == lock) ||
           (op == GOLEAK_LOCK_LOCK && locker->op == GOLEAK_LOCK_WLOCK && locker->lock == lock) ||
           (op == GOLEAK_LOCK_TRYLOCK && locker->op == GOLEAK_LOCK_TRYWLOCK && locker->lock == lock);
}

static bool make_room(struct goleak_locks *locks, uint32_t index)
{
    size_t before = locks->locker_count;
    if (index < before)
        return true;
    if (!goleak_grow(locks->alloc, &locks->lockers, &locks->locker_capacity, (size_t)index + 1, sizeof *locks->lockers))
        return false;
    locks->locker_count = (size_t)index + 1;
    memset(locks->lockers + before, 0, (locks->locker_count - before) * sizeof *locks->lockers);
    return true;
}

void goleak_locks_note(struct goleak_locks *locks, const struct goleak_record *record, enum goleak_lock_op op,
                       uint64_t lock, int64_t moment, uint32_t waits)
{
    if (lock == 0 || locks->failed)
        return;
    if (!make_room(locks, record->index)) {
        locks->failed = true;
        return;
    }
    struct goleak_locker *locker = &locks->lockers[record->index];
    bool told = locker->called == op && locker->called_for == lock && locker->called_at == moment;
    locker->called = (uint8_t)op;
    locker->called_for = lock;
    locker->called_at = moment;
    locks->gaps += told;
    if (told || is_inner(locker, op, lock))
        return;
    bool got = op == GOLEAK_LOCK_LOCKED || op == GOLEAK_LOCK_RLOCKED;
    if (got && locker->op != GOLEAK_LOCK_NONE && locker->lock == lock) {
        locker->op = (uint8_t)op; /* … this very one, no matter how it was asked for */
        settle(locks, record, locker);
        return;
    }
    /* Where the probe stands before the check of the stack, one call may hit it twice. */
    if (!locks->every && !got && locker->op == op && locker->lock == lock && !goleak_lock_op_tries(op))
        return;
    settle(locks, record, locker);
    switch (op) {
    case GOLEAK_LOCK_WUNLOCK: locker->inner = lock; /* fall through */
    case GOLEAK_LOCK_UNLOCK:
    case GOLEAK_LOCK_RUNLOCK: give_back(locks, record, lock, op == GOLEAK_LOCK_RUNLOCK); return;
    default: break;
    }
    locker->lock = lock;
    locker->since = moment;
    locker->waits = waits;
    locker->op = (uint8_t)op;
    if (got)
        settle(locks, record, locker);
}

void goleak_locks_woken(struct goleak_locks *locks, const struct goleak_record *record, int64_t moment, uint32_t waits)
{
    struct goleak_locker *locker = &locks->lockers[record->index];
    if (locker->op == GOLEAK_LOCK_NONE)
        return;
    locker->since = moment;
    locker->waits = waits;
}

/* ---- ends ---- */

static void bequeath(struct goleak_locks *locks, uint32_t index, uint64_t goid, int64_t moment)
{
    struct goleak_hold *hold = &locks->holds[index];
    if (hold->shared)
        strike(locks, index);
    unlink_hold(locks, index);
    hold->holder = 0;
    hold->goid = goid;
    hold->ended = moment;
    link_first(locks, index);
    if (hold->shared && !enter(locks, index))
        locks->failed = true; /* there is room: one was struck out */
}

void goleak_locks_leave(struct goleak_locks *locks, const struct goleak_record *record, int64_t moment)
{
    struct goleak_locker *locker = &locks->lockers[record->index];
    settle(locks, record, locker);
    while (locker->holds != 0 && !locks->failed) {
        if (locks->holds[locker->holds].maybe) {
            drop(locks, locker->holds);
            continue;
        }
        if (locks->legacy_count >= GOLEAK_LEGACIES_MOST)
            drop(locks, locks->last_legacy);
        bequeath(locks, locker->holds, record->goid, moment);
    }
    *locker = (struct goleak_locker){ 0 };
}

void goleak_locks_move(struct goleak_locks *locks, uint32_t from, uint32_t to)
{
    if (from >= locks->locker_count)
        return;
    if (!make_room(locks, to)) {
        locks->failed = true;
        return;
    }
    struct goleak_locker *locker = &locks->lockers[from];
    locks->lockers[to] = *locker;
    *locker = (struct goleak_locker){ 0 };
    for (uint32_t at = locks->lockers[to].holds; at != 0 && !locks->failed; at = locks->holds[at].next) {
        if (locks->holds[at].shared)
            strike(locks, at);
        locks->holds[at].holder = to;
        if (locks->holds[at].shared && !enter(locks, at))
            locks->failed = true;
    }
}
