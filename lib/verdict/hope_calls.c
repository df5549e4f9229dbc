/*
 * hope_calls - which calls go on, where a recording tells addresses alone. See hope.h.
 *
 * Two stacks of one goroutine that end in the same return addresses are of the same calls, as far as they do, and what
 * was called there is the same function in both:
 *
 *      when it started another one       where it waits now
 *        8aa34a  the go statement          43c998
 *        83d3fa                            83c100
 *        83dba5                            83db20
 *        8aa062 -------------------------- 8aa062
 *        8a99f4 -------------------------- 8a99f4
 *        46ddc1  goexit                    46ddc1
 *
 * Names are not told, but how far apart functions lie is: a package's are together. What is started far from those
 * that called it, and near one that had called these, is started by a callback of that one (8aa34a by one of 8aa062).
 */
#include "verdict/hope_search.h"

#include "base/hash.h"

/* Frames by level: 0 is the last one, goexit. */
struct stack {
    const uint32_t *frames;
    size_t count;
};

/* How a goroutine came to a go statement, and where it is now. */
struct calls {
    const struct goleak_hope_search *search;
    struct stack then, now;
    size_t depth;   /* level of the go statement, then */
    size_t same;    /* so many levels are the same */
    uint64_t place; /* address of the go statement */
};

static uint32_t frame_at(const struct stack *stack, size_t level)
{
    return stack->frames[stack->count - 1 - level];
}

static struct stack stack_of(const struct goleak_hope_search *search, uint32_t id)
{
    struct stack stack;
    stack.count = goleak_symbols_stack_frames(search->input->symbols, id, &stack.frames);
    return stack;
}

static uint32_t created_stack(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    return goleak_store_detail(search->input->store, record)->created_stack;
}

/* Level of the go statement in a creation stack without names; 0: it is not told, or has a name. */
static size_t depth_of(const struct goleak_hope_search *search, uint32_t id, const struct stack *stack)
{
    const uint32_t frame = goleak_symbols_created_at(search->input->symbols, id);
    uint64_t address;
    if (frame == 0 || !goleak_symbols_frame_address(search->input->symbols, frame, &address))
        return 0;
    for (size_t i = 1; i < stack->count; i++) /* the first is newproc's: where that is all, it is not told */
        if (stack->frames[i] == frame)
            return stack->count - 1 - i;
    return 0;
}

uint32_t goleak_hope_call_of(const struct goleak_hope_search *search, const struct goleak_record *record)
{
    const uint32_t id = created_stack(search, record);
    const struct stack stack = stack_of(search, id);
    const size_t depth = depth_of(search, id, &stack);
    uint64_t hash = depth;
    for (size_t level = 0; level < depth; level++)
        hash = goleak_hash_u64(hash ^ frame_at(&stack, level));
    return depth != 0 ? (uint32_t)(hash >> 33) | 1u << 31 : 0;
}

/* How far a frame is from the go statement; of one with a name: as far as can be. */
static uint64_t distance(const struct calls *calls, const struct stack *stack, size_t level)
{
    uint64_t address;
    if (!goleak_symbols_frame_address(calls->search->input->symbols, frame_at(stack, level), &address))
        return UINT64_MAX;
    return address > calls->place ? address - calls->place : calls->place - address;
}

static bool is_nearer(const struct calls *calls, uint64_t near, uint64_t far)
{
    const struct goleak_limits *limits = calls->search->input->limits;
    return far >= limits->code_apart && near < far / (uint64_t)limits->together;
}

/* Those calls that went on from this level to the go statement all lie elsewhere. */
static bool is_called_back(const struct calls *calls, size_t level)
{
    const uint64_t near = distance(calls, &calls->then, level);
    for (size_t between = level + 1; between < calls->depth; between++)
        if (!is_nearer(calls, near, distance(calls, &calls->then, between)))
            return false;
    return level + 1 < calls->depth;
}

/* What it has called since, from this level on, lies where the go statement does, and this level elsewhere. */
static bool is_library_busy(const struct calls *calls, size_t level)
{
    const uint64_t then = distance(calls, &calls->then, level), now = distance(calls, &calls->now, level);
    const uint64_t far = then < now ? then : now;
    for (size_t at = level + 1; at < calls->now.count; at++)
        if (is_nearer(calls, distance(calls, &calls->now, at), far))
            return true;
    return false;
}

static bool find_calls(struct calls *calls, uint32_t then, uint32_t now)
{
    calls->then = stack_of(calls->search, then);
    calls->now = stack_of(calls->search, now);
    calls->depth = depth_of(calls->search, then, &calls->then);
    if (calls->depth == 0 || calls->now.count == 0 ||
        !goleak_symbols_frame_address(calls->search->input->symbols, frame_at(&calls->then, calls->depth),
                                      &calls->place))
        return false;
    while (calls->same < calls->depth && calls->same < calls->now.count &&
           frame_at(&calls->then, calls->same) == frame_at(&calls->now, calls->same))
        calls->same++;
    return calls->same != 0 && calls->same < calls->now.count;
}

enum { UNASKED, LEFT, ALIVE, BUSY };

static uint8_t answer(struct calls *calls, uint32_t then, uint32_t now)
{
    if (!find_calls(calls, then, now))
        return LEFT;
    if (calls->same == calls->depth) /* the same function, called by the same */
        return ALIVE;
    for (size_t level = 1; level <= calls->same; level++)
        if (is_called_back(calls, level))
            return ALIVE;
    for (size_t level = 2; level <= calls->same; level++) /* the first one is all that it does */
        if (is_library_busy(calls, level))
            return BUSY;
    return LEFT;
}

bool goleak_hope_is_call_alive(const struct goleak_hope_search *search, const struct goleak_record *record,
                               const struct goleak_record *spawner, uint32_t *whom)
{
    if (spawner == NULL)
        return false;
    struct calls calls = { .search = search };
    const uint32_t then = created_stack(search, record), now = spawner->block_stack;
    struct goleak_call_memo *memo =
        &search->call_memos[goleak_hash_u64((uint64_t)then << 32 | now) >> 32 & (GOLEAK_CALL_MEMOS - 1)];
    if (memo->answer == UNASKED || memo->then != then || memo->now != now)
        *memo = (struct goleak_call_memo) { then, now, answer(&calls, then, now) };
    const bool busy = memo->answer == BUSY && (spawner->flags & GOLEAK_REC_MAIN) == 0;
    *whom = busy ? spawner->index : 0;
    return busy || memo->answer == ALIVE;
}
