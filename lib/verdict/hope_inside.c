/*
 * hope_inside - who may hold the lock that others wait for. See hope.h.
 *
 * A lock is mostly a member of what a method is called on, and held within methods of the same
 * type. One that acts (sleeps, reads, waits for a timer) within such a method, and came there
 * just before the first of those who wait, is likely to have it; within the function that a
 * sync.Once runs for the same caller as well. One that came much earlier did not keep them out
 * then, and one that came later did not have to wait. Where a method is its start function, which it is in for all of its
 * life, it has to have begun that right before. Who waits in a WaitGroup waits likewise for
 * one that is in what the same function calls, and does what all would do (singleflight).
 */
#include "verdict/hope_search.h"

#include "base/hash.h"

#include <string.h>

/* Of one process: those who wait for a lock within methods of a type. */
struct locked {
    int64_t oldest;  /* moment at which the first of them began to wait */
    uint32_t count;  /* of them */
    uint32_t others; /* who rest within methods of the type, too */
    uint32_t whom;   /* record of the one who may hold it; 0: nobody may */
    uint32_t stuck;  /* … and of one that is stuck itself */
    uint32_t starters, starter; /* who were started just before that in such a method, and rest there; one of them */
};

/* Many stand at few stacks. */
#define MEMOS 256

struct memo {
    uint32_t stack; /* 0: of none */
    uint16_t process;
    uint32_t id;           /* of who waits: of its key; 0: it has none */
    uint32_t first, count; /* of who may hold: in `ids`, of its keys that somebody waits with */
    uint32_t start;        /* … and of that of its start function, 0: nobody does */
};

struct inside {
    struct goleak_hope_search *search;
    struct memo waiters[MEMOS], holders[MEMOS];
    struct goleak_intern keys; /* bytes: process, and a type, or the caller of a sync.Once */
    struct locked *all;        /* by id - 1 */
    size_t capacity;
    uint32_t *ids; /* of memos */
    size_t id_count, id_capacity;
    uint32_t do_slow; /* string; 0: nobody is in one */
    bool any_group;   /* somebody waits in a WaitGroup */
    bool stuck;       /* who may hold it, and is asked now, is */
    bool awake_known; /* it has been looked for: */
    int64_t awake;    /* the moment since which one is awake that has been for longest */
};

#define KEY_MAX 512

struct key {
    char bytes[KEY_MAX];
    size_t size; /* 0: none */
};

static struct key make_key(const struct goleak_record *record, char what, const char *text, size_t size)
{
    struct key key = { .size = 0 };
    if (size + sizeof record->process + 1 > KEY_MAX)
        return key;
    memcpy(key.bytes, &record->process, sizeof record->process);
    key.bytes[sizeof record->process] = what;
    memcpy(key.bytes + sizeof record->process + 1, text, size);
    key.size = sizeof record->process + 1 + size;
    return key;
}

/* "main.(*T)" of "main.(*T).method" */
static struct key type_key(const struct goleak_record *record, const char *function)
{
    const char *open = strstr(function, "(*"), *close = open != NULL ? strchr(open, ')') : NULL;
    return close != NULL ? make_key(record, 'T', function, (size_t)(close + 1 - function)) : (struct key) { .size = 0 };
}

static const char *function_of(const struct inside *inside, uint32_t frame)
{
    return goleak_symbols_frame_function(inside->search->input->symbols, frame);
}

/* A wrapper calls the start function. Where no line is told, that one may be inlined in it, and is not there. */
static bool is_below_start(const struct goleak_symbols *symbols, uint32_t frame, const char *function)
{
    return goleak_text_begins(function, "runtime.goexit") ||
           (goleak_symbols_is_wrapper(function) && goleak_symbols_tells_line(symbols, frame));
}

/* The frames of a stack down to the start function; traces show nothing below, nor wrappers. Returns how many. */
static size_t frames_of(const struct inside *inside, uint32_t stack, const uint32_t **frames)
{
    size_t count = goleak_symbols_stack_frames(inside->search->input->symbols, stack, frames);
    while (count != 0) {
        const char *function = function_of(inside, (*frames)[count - 1]);
        if (function[0] != '\0' && !is_below_start(inside->search->input->symbols, (*frames)[count - 1], function))
            break;
        count--;
    }
    return count;
}

/* From this frame on the first that is none of the standard library's; `count`: all are. */
static size_t find_own(const struct inside *inside, const uint32_t *frames, size_t count, size_t at)
{
    while (at < count && goleak_hope_is_standard(inside->search, frames[at]))
        at++;
    return at;
}

/* Where a sync.Once runs, or waits for who does, its caller; no key: in none. */
static struct key once_key(const struct inside *inside, const struct goleak_record *record, const uint32_t *frames,
                           size_t count)
{
    const struct goleak_symbols *symbols = inside->search->input->symbols;
    for (size_t i = 0; inside->do_slow != 0 && i < count; i++)
        if (symbols->frame_info[frames[i] - 1].function == inside->do_slow) {
            const size_t own = find_own(inside, frames, count, i);
            const char *caller = own < count ? function_of(inside, frames[own]) : "";
            return own < count ? make_key(record, 'O', caller, strlen(caller)) : (struct key) { .size = 0 };
        }
    return (struct key) { .size = 0 };
}

/* The function in which one waits in a WaitGroup, or another one does what it waits for. */
static struct key group_key(const struct goleak_record *record, const char *function)
{
    const bool is_told = function[0] != '\0' && !goleak_name_is_lost(function);
    return is_told ? make_key(record, 'W', function, strlen(function)) : (struct key) { .size = 0 };
}

/* By whom it is locked out, if that can be told. */
static struct key key_of_waiter(struct inside *inside, const struct goleak_record *record)
{
    const uint32_t *frames;
    size_t count = frames_of(inside, record->block_stack, &frames);
    const size_t own = find_own(inside, frames, count, 0);
    if (goleak_hope_in_group(inside->search, record)) {
        inside->any_group = true;
        return own + 1 < count ? group_key(record, function_of(inside, frames[own])) : (struct key) { .size = 0 };
    }
    const struct key once = once_key(inside, record, frames, count);
    if (once.size != 0)
        return once;
    return own < count ? type_key(record, function_of(inside, frames[own])) : (struct key) { .size = 0 };
}

/* The memo of its stack; *fresh: it was another one's. */
static struct memo *memo_of(struct memo memos[MEMOS], const struct goleak_record *record, bool *fresh)
{
    struct memo *memo = &memos[goleak_hash_u64(record->block_stack) >> 32 & (MEMOS - 1)];
    *fresh = memo->stack != record->block_stack || memo->process != record->process;
    if (*fresh)
        *memo = (struct memo) { .stack = record->block_stack, .process = record->process };
    return memo;
}

/* The id of a waiter's key; 0: it has none, or there is no memory. */
static uint32_t id_of_waiter(struct inside *inside, const struct goleak_record *record)
{
    bool fresh;
    struct memo *memo = memo_of(inside->waiters, record, &fresh);
    if (!fresh)
        return memo->id;
    const struct key key = key_of_waiter(inside, record);
    if (key.size == 0)
        return 0;
    memo->id = goleak_intern_add(&inside->keys, key.bytes, key.size);
    inside->search->failed = inside->search->failed || memo->id == 0;
    return memo->id;
}

static void note_waiter(struct inside *inside, const struct goleak_record *record)
{
    struct goleak_hope_search *search = inside->search;
    const size_t before = inside->capacity;
    const uint32_t id = id_of_waiter(inside, record);
    if (id == 0 || search->failed)
        return;
    search->failed = !goleak_grow(search->hope->alloc, &inside->all, &inside->capacity, id, sizeof *inside->all);
    for (size_t i = before; i < inside->capacity && !search->failed; i++)
        inside->all[i] = (struct locked) { .oldest = INT64_MAX };
    if (search->failed)
        return;
    inside->all[id - 1].count++;
    if (record->since < inside->all[id - 1].oldest)
        inside->all[id - 1].oldest = record->since;
}

static void give_hope(struct inside *inside, const struct goleak_record *record)
{
    const uint32_t id = id_of_waiter(inside, record);
    const struct locked *locked = id != 0 ? &inside->all[id - 1] : NULL;
    const uint32_t starter = locked != NULL && locked->starters == 1 ? locked->starter : 0;
    const uint32_t whom = locked != NULL && locked->whom != 0 ? locked->whom : starter;
    if (whom != 0 && locked->others <= inside->search->input->limits->inside_most)
        goleak_hope_give(inside->search, record->index, GOLEAK_HOPE_INSIDE, whom);
}

/* Each who waits for a lock, and has no hope. */
static void take_waiters(struct inside *inside, void (*take)(struct inside *inside, const struct goleak_record *record))
{
    struct goleak_hope_search *search = inside->search;
    uint32_t records[GOLEAK_WORD];
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count) && !search->failed; word++) {
        size_t count = goleak_fetch_word(search, search->hopeless[word] & search->in_sync[word], word, records);
        for (size_t i = 0; i < count && !search->failed; i++) {
            const struct goleak_record *record = goleak_store_at(search->input->store, records[i]);
            if (record->block_stack != 0 && record->since != GOLEAK_NO_MOMENT &&
                goleak_hope_may_have(search, record->index, GOLEAK_HOPE_INSIDE))
                take(inside, record);
        }
    }
}

/* How long after the first moment it came where it is; INT64_MAX: not told. */
static int64_t arrival_of(const struct goleak_hope_input *input, const struct goleak_record *record)
{
    if ((record->flags & GOLEAK_REC_BLOCKED) == 0)
        return goleak_waits_arrival(input->waits, record);
    return record->since != GOLEAK_NO_MOMENT ? goleak_between(input->first, record->since) : INT64_MAX;
}

/* Just before the first of those who wait, as far as moments tell. Where many do, one of them comes after each part of
 * their time: it was not there for many of these while nobody came. */
static bool came_before(const struct goleak_hope_input *input, const struct locked *locked, int64_t arrival)
{
    const int64_t begun = goleak_between(input->first, locked->oldest);
    const int64_t waited = goleak_between(locked->oldest, input->last), part = input->limits->inside_part;
    const int64_t most = locked->count > part * part ? waited / locked->count * part : waited / part;
    return arrival <= begun ? begun - arrival <= most : arrival - begun <= waited / input->limits->at_once;
}

/* It may hold the lock of those who wait with this key. */
static void note_holder_of(struct inside *inside, uint32_t id, const struct goleak_record *record, int64_t arrival)
{
    struct locked *locked = &inside->all[id - 1];
    if (inside->stuck) {
        if (locked->stuck == 0 && came_before(inside->search->input, locked, arrival))
            locked->stuck = record->index;
        return;
    }
    locked->others++;
    if (locked->whom == 0 && came_before(inside->search->input, locked, arrival))
        locked->whom = record->index;
}

/* Returns the key's id; 0: nobody waits with that key. before: the one of the frame above. */
static uint32_t look_for(struct inside *inside, const struct key *key, uint32_t before, struct memo *memo)
{
    struct goleak_hope_search *search = inside->search;
    uint32_t id = key->size != 0 ? goleak_intern_find(&inside->keys, key->bytes, key->size) : 0;
    if (id == 0 || id == before || search->failed)
        return id;
    search->failed = !goleak_grow(search->hope->alloc, &inside->ids, &inside->id_capacity, inside->id_count + 1,
                                  sizeof *inside->ids);
    if (search->failed)
        return 0;
    inside->ids[inside->id_count++] = id;
    memo->count++;
    return id;
}

/* One that began its start function right before the first of them came. */
static void note_starter(struct inside *inside, uint32_t id, const struct goleak_record *record)
{
    const struct goleak_hope_input *input = inside->search->input;
    if (id == 0 || inside->stuck || record->created == GOLEAK_NO_MOMENT || record->created > inside->all[id - 1].oldest)
        return;
    struct locked *locked = &inside->all[id - 1];
    const int64_t waited = goleak_between(locked->oldest, input->last);
    if (goleak_between(record->created, locked->oldest) > waited / input->limits->at_once)
        return;
    locked->starters++;
    locked->starter = record->index;
}

/* With whose keys those wait whom one may lock out that rests at this stack. */
static void find_keys(struct inside *inside, const struct goleak_record *record, struct memo *memo)
{
    const uint32_t *frames;
    const size_t count = frames_of(inside, record->block_stack, &frames);
    memo->first = (uint32_t)inside->id_count;
    if (count == 0)
        return;
    const size_t own = find_own(inside, frames, count, 0); /* this one was called to do something */
    const struct key once = once_key(inside, record, frames, count);
    uint32_t before = look_for(inside, &once, 0, memo);
    for (size_t i = 0; i + 1 < count; i++) {
        const char *function = function_of(inside, frames[i]);
        const struct key key = type_key(record, function);
        before = look_for(inside, &key, before, memo);
        if (inside->any_group && i > own) {
            const struct key group = group_key(record, function);
            look_for(inside, &group, 0, memo);
        }
    }
    const struct key start = type_key(record, function_of(inside, frames[count - 1]));
    memo->start = start.size != 0 ? goleak_intern_find(&inside->keys, start.bytes, start.size) : 0;
}

/* One that acts. */
static void note_holder(struct inside *inside, const struct goleak_record *record)
{
    const int64_t arrival = arrival_of(inside->search->input, record);
    bool fresh;
    if (arrival == INT64_MAX)
        return;
    struct memo *memo = memo_of(inside->holders, record, &fresh);
    if (fresh)
        find_keys(inside, record, memo);
    for (uint32_t i = 0; i < memo->count; i++)
        note_holder_of(inside, inside->ids[memo->first + i], record, arrival);
    note_starter(inside, memo->start, record);
}

/* It acts, or is let off by a timer; or waits in a WaitGroup, which is no lock, for those who do its work. */
static bool may_hold(const struct goleak_hope_search *search, uint32_t index)
{
    if (goleak_has_bit(search->resting, index) || search->hope->kinds[index] == GOLEAK_HOPE_TIMER)
        return true;
    if (search->hope->kinds[index] == GOLEAK_HOPE_NONE || search->hope->kinds[index] == GOLEAK_HOPE_ACTS)
        return false;
    const struct goleak_record *record = goleak_store_at(search->input->store, index);
    return record->block_stack != 0 && goleak_hope_in_group(search, record);
}

static void note_holders(struct inside *inside)
{
    const struct goleak_hope_search *search = inside->search;
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++)
        for (uint64_t left = search->resting[word] | goleak_hope_given(search, word); left != 0; left &= left - 1) {
            const uint32_t index = word * GOLEAK_WORD + goleak_low_zeros(left);
            if (may_hold(search, index))
                note_holder(inside, goleak_store_at(search->input->store, index));
        }
}

/* Waits, but neither for a lock, nor for a Cond, which gives its lock back. */
static bool may_keep(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return record->reason != GOLEAK_REASON_COND_WAIT &&
           (record->reason != GOLEAK_REASON_SYNC || goleak_hope_in_group(search, record));
}

/* Of who is awake no stack tells what it holds. Package os/signal's loop is in a system call for all of its life. */
static bool may_hold_awake(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    if (record->state == GOLEAK_STATE_WAITING)
        return false;
    const struct goleak_kin *kin = goleak_kin_of(search, record);
    return !kin->signals &&
           !goleak_text_begins(goleak_symbols_text(search->input->symbols, kin->function), "os/signal.");
}

/* The first moment from which such a one is awake; INT64_MAX: there is none. All are looked at, so only if it matters. */
static int64_t awake_since(struct inside *inside)
{
    const struct goleak_hope_search *search = inside->search;
    uint32_t records[GOLEAK_WORD];
    if (inside->awake_known)
        return inside->awake;
    inside->awake_known = true;
    inside->awake = INT64_MAX;
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++) {
        const uint64_t acts = search->first[word] & ~search->stuck[word];
        const size_t count =
            goleak_fetch_word(search, acts & search->may_help[word] & ~search->resting[word], word, records);
        for (size_t i = 0; i < count; i++) {
            const struct goleak_record *record = goleak_store_at(search->input->store, records[i]);
            if (record->since < inside->awake && may_hold_awake(search, record))
                inside->awake = record->since;
        }
    }
    return inside->awake;
}

static void note_all(struct inside *inside)
{
    const struct goleak_hope_search *search = inside->search;
    uint32_t records[GOLEAK_WORD];
    for (uint32_t word = 0; word < goleak_words_of(search->hope->count); word++) {
        const size_t count = goleak_fetch_word(search, search->resting[word] | search->stuck[word], word, records);
        for (size_t i = 0; i < count; i++) {
            const struct goleak_record *record = goleak_store_at(search->input->store, records[i]);
            inside->stuck = goleak_has_bit(search->hopeless, records[i]);
            if (record->block_stack != 0 && (!inside->stuck || may_keep(search, record)))
                note_holder(inside, record);
        }
    }
}

static void note_locked_in(struct inside *inside, const struct goleak_record *record)
{
    const uint32_t id = goleak_has_bit(inside->search->at_locks, record->index) ? id_of_waiter(inside, record) : 0;
    const struct locked *locked = id != 0 ? &inside->all[id - 1] : NULL;
    const bool is_alone = locked != NULL && locked->stuck != 0 && locked->others == 0;
    inside->search->hope->whom[record->index] = is_alone && locked->oldest < awake_since(inside) ? locked->stuck : 0;
}

/* Notes what may help those who wait, and takes each of them. */
static void look(struct goleak_hope_search *search, void (*note)(struct inside *inside),
                 void (*take)(struct inside *inside, const struct goleak_record *record))
{
    static const char do_slow[] = "sync.(*Once).doSlow";
    struct goleak_alloc *alloc = search->hope->alloc;
    struct inside inside = { .search = search };
    if (search->failed)
        return;
    inside.do_slow = goleak_intern_find(&search->input->symbols->strings, do_slow, sizeof do_slow - 1);
    goleak_intern_init(&inside.keys, alloc);
    take_waiters(&inside, note_waiter);
    if (!search->failed && inside.keys.count != 0) {
        note(&inside);
        take_waiters(&inside, take);
    }
    goleak_free(alloc, inside.all, inside.capacity * sizeof *inside.all);
    goleak_free(alloc, inside.ids, inside.id_capacity * sizeof *inside.ids);
    goleak_intern_release(&inside.keys);
}

void goleak_hope_look_locked_in(struct goleak_hope_search *search)
{
    look(search, note_all, note_locked_in);
}

void goleak_hope_look_inside(struct goleak_hope_search *search)
{
    look(search, note_holders, give_hope);
}
