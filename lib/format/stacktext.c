/* stacktext - see stacktext.h. */
#include "format/stacktext.h"

#include "base/digits.h"
#include "base/hash.h"
#include "base/number.h"

#include <string.h>

#define BLOCK_BYTES ((size_t)256 * 1024)

void goleak_stacktext_init(struct goleak_stacktext *text, struct goleak_symbols *symbols, struct goleak_alloc *alloc)
{
    *text = (struct goleak_stacktext){ .symbols = symbols };
    goleak_buf_init(&text->block, alloc);
    goleak_intern_init(&text->blocks, alloc);
}

void goleak_stacktext_release(struct goleak_stacktext *text)
{
    struct goleak_alloc *alloc = text->block.alloc;
    goleak_buf_release(&text->block);
    goleak_intern_release(&text->blocks);
    goleak_free(alloc, text->stacks, text->capacity * sizeof *text->stacks);
    goleak_free(alloc, text->frames, text->frame_capacity * sizeof *text->frames);
}

/* Behind the last '+', for symbols may hold one. False: no number stands there. */
static bool split_symbol(const char *at, const char *end, struct goleak_frame_text *out)
{
    const char *plus = end - 1;
    while (plus > at && *plus != '+')
        plus--;
    out->function = at;
    out->size = (size_t)((plus > at ? plus : end) - at);
    out->offset = 0;
    return plus > at && plus + 1 < end && goleak_parse_any(plus + 1, end, &out->offset) == end;
}

/* Where "(/srv/app (copy))" begins, behind a symbol: any name may stand in it. */
static const char *find_object(const char *at, const char *end)
{
    static const char unknown[] = "[unknown] (";
    uint64_t offset;
    if ((size_t)(end - at) >= sizeof unknown - 1 && memcmp(at, unknown, sizeof unknown - 1) == 0)
        return at + sizeof unknown - 2;
    for (const char *plus = at; (plus = memchr(plus, '+', (size_t)(end - plus))) != NULL; plus++) {
        const char *rest =
            end - plus > 3 && plus[1] == '0' && plus[2] == 'x' ? goleak_parse_hex(plus + 1, end, &offset) : NULL;
        if (rest != NULL && end - rest > 2 && rest[0] == ' ' && rest[1] == '(')
            return rest + 1;
    }
    const char *open = end - 1; /* without symoff */
    while (open > at && !(*open == '(' && (open == at || open[-1] == ' ')))
        open--;
    return open;
}

/* perf's "86ae0 runtime.gopark+0x0 (./app)": all but the address may be missing. */
static bool split_perf(const char *at, const char *end, bool behind_tab, struct goleak_frame_text *out)
{
    const char *rest = goleak_parse_hex(at, end, &out->file_offset);
    if (rest == NULL || (rest - at < 2 && !behind_tab) || (rest < end && *rest != ' '))
        return false;
    out->has_file_offset = true;
    while (rest < end && *rest == ' ')
        rest++;
    if (end > rest && end[-1] == ')') {
        static const char deleted[] = " (deleted))"; /* since it was started */
        const size_t size = sizeof deleted - 1;
        if ((size_t)(end - rest) > size && memcmp(end - size, deleted, size) == 0)
            end -= size - 1;
        const char *open = find_object(rest, end);
        if (*open == '(') {
            out->object = open + 1;
            out->object_size = (size_t)(end - 1 - out->object);
            end = open;
        }
    }
    while (end > rest && end[-1] == ' ')
        end--;
    static const char unknown[] = "[unknown]";
    size_t size = (size_t)(end - rest);
    if (size == 0 || (size == sizeof unknown - 1 && memcmp(rest, unknown, size) == 0)) {
        out->offset = out->file_offset;
        return size != 0 || out->object != NULL || rest == end;
    }
    if (!split_symbol(rest, end, out)) /* -F ip,sym without symoff */
        out->size = size, out->offset = UINT64_MAX;
    return true;
}

bool goleak_stacktext_split(const char *at, const char *end, struct goleak_frame_text *out)
{
    *out = (struct goleak_frame_text){ 0 };
    bool behind_tab = at < end && *at == '\t';
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && end[-1] == ' ')
        end--;
    if (at == end)
        return false;
    const char *tick = memchr(at, '`', (size_t)(end - at));
    bool has_module = tick != NULL;
    if (has_module)
        at = tick + 1;
    if (end - at > 2 && at[0] == '0' && at[1] == 'x' && goleak_parse_hex(at, end, &out->offset) == end)
        return true;
    if (end - at == 1 && *at == '0') /* one that could not be read */
        return true;
    if (!has_module && split_perf(at, end, behind_tab, out))
        return true;
    return split_symbol(at, end, out) || has_module; /* DTrace prints a bare symbol for offset 0 */
}

bool goleak_stacktext_is_frame(const char *at, const char *end)
{
    struct goleak_frame_text frame;
    return at < end && (*at == ' ' || *at == '\t') && goleak_stacktext_split(at, end, &frame);
}

/* A block is guessed by its bytes, so that what was seen before is not searched for ends
 * of lines. Its second frame (the first is the probed function's in each) tells how long
 * the shortest of its like is, and its words up to there which of them it is. */
#define GUESS_FROM 48
#define GUESS_BYTES 64

static uint32_t *shortest_of(struct goleak_stacktext *text, const char *at, uint64_t *hash)
{
    *hash = goleak_hash_bytes(at + GUESS_FROM, GUESS_BYTES);
    return &text->shortest[*hash % GOLEAK_STACK_LIKES];
}

static uint32_t *guess_of(struct goleak_stacktext *text, const char *at, size_t size, uint64_t hash)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t lanes[4] = { hash, 0, 0, 0 }; /* which wait for none beside them */
    size_t from = GUESS_FROM + GUESS_BYTES;
    for (; from + 32 <= size; from += 32)
        for (size_t i = 0; i < 4; i++)
            lanes[i] = lanes[i] * odd + goleak_load64(at + from + 8 * i);
    for (; from + 8 <= size; from += 8)
        lanes[0] = lanes[0] * odd + goleak_load64(at + from);
    hash = lanes[0] ^ goleak_hash_u64(lanes[1]) ^ goleak_hash_u64(lanes[2] + odd) ^ goleak_hash_u64(lanes[3] - odd);
    return &text->guesses[goleak_hash_u64(hash) >> (64 - GOLEAK_STACK_GUESS_BITS)];
}

static void remember_guess(struct goleak_stacktext *text, const char *at, size_t size, uint32_t block)
{
    uint64_t hash;
    uint32_t *shortest = shortest_of(text, at, &hash);
    if (*shortest == 0 || size < *shortest)
        *shortest = (uint32_t)size;
    *guess_of(text, at, *shortest, hash) = block;
}

#define LINES_MOST 256 /* tracers walk no deeper; more is somebody's text */

/* Behind the block of lines at `at`; NULL: it does not end before the limit. */
static const char *block_end(const char *at, const char *limit)
{
    int lines = 0;
    while (at < limit && (*at == ' ' || *at == '\t')) {
        const char *newline = memchr(at, '\n', (size_t)(limit - at));
        if (newline == NULL || ++lines > LINES_MOST)
            return NULL;
        at = newline + 1;
    }
    return at;
}

/* Whether this block stands at `at`, and nothing more of the kind. */
static bool is_block(const struct goleak_stacktext *text, uint32_t block, const char *at, size_t left, size_t *size)
{
    const char *known = goleak_intern_get(&text->blocks, block, size);
    return block != 0 && *size < left && memcmp(known, at, *size) == 0 && at[*size] != ' ' && at[*size] != '\t';
}

/* The block that stands at `at`, as far as a guess goes; 0: none. */
static uint32_t guess(struct goleak_stacktext *text, const char *at, size_t left, size_t *size)
{
    uint64_t hash;
    uint32_t *shortest = shortest_of(text, at, &hash);
    if (*shortest == 0 || *shortest > left)
        return 0;
    uint32_t block = *guess_of(text, at, *shortest, hash);
    return is_block(text, block, at, left, size) ? block : 0;
}

/* What goroutines do they do again and again, in turns: four of five blocks are known by the
 * block before. */
static uint32_t *follower_of(struct goleak_stacktext *text, uint8_t kind)
{
    return &text->follows[goleak_hash_u64((uint64_t)text->last << 8 | kind) % GOLEAK_STACK_FOLLOWS];
}

const char *goleak_stacktext_known(struct goleak_stacktext *text, const char *at, const char *limit, uint8_t kind,
                                   uint32_t *stack, size_t *lines)
{
    size_t size = 0, left = (size_t)(limit - at);
    uint32_t *follower = follower_of(text, kind), block = *follower;
    if (!is_block(text, block, at, left, &size)) {
        bool guessable = left > GUESS_FROM + GUESS_BYTES;
        block = guessable ? guess(text, at, left, &size) : 0;
        if (block == 0) {
            const char *end = block_end(at, limit);
            size = end != NULL ? (size_t)(end - at) : 0;
            block = size != 0 ? goleak_intern_find(&text->blocks, at, size) : 0;
            if (block == 0)
                return NULL;
            if (guessable)
                remember_guess(text, at, size, block);
        }
        *follower = block;
    }
    text->last = block;
    at += size;
    /* What follows may belong to it. */
    const char *next = at;
    while (next < limit && *next == '\n')
        next++;
    if (next == limit || *next == ' ' || *next == '\t')
        return NULL;
    *stack = text->stacks[block - 1].stack;
    *lines = text->stacks[block - 1].lines;
    return at;
}

bool goleak_stacktext_add(struct goleak_stacktext *text, const char *at, const char *end)
{
    if (text->block.size > BLOCK_BYTES)
        return false; /* no stack is so deep: tracers stop at 128 frames or so */
    goleak_buf_append(&text->block, at, (size_t)(end - at));
    goleak_buf_char(&text->block, '\n');
    return true;
}

/* perf script has looked for what was inlined itself, in lines before that of the function that holds it. */
static bool is_inlined(const struct goleak_frame_text *parts)
{
    static const char word[] = "inlined";
    return parts->size != 0 && parts->object_size == sizeof word - 1 &&
           memcmp(parts->object, word, sizeof word - 1) == 0;
}

/* Returns how many; 0 when memory ends. */
static size_t frames_of(struct goleak_stacktext *text, const struct goleak_frame_text *parts, bool after_call,
                        uint32_t out[GOLEAK_INLINED])
{
    uint64_t address = parts->offset;
    if (parts->size != 0 && (parts->offset == UINT64_MAX || (is_inlined(parts) && text->symbols->resolver != NULL))) {
        out[0] = goleak_symbols_function(text->symbols, parts->function, parts->size);
        return out[0] != 0;
    }
    if (parts->size == 0 && parts->has_file_offset)
        goleak_symbols_address_of(text->symbols, parts->object, parts->object_size, parts->file_offset, !after_call,
                                  &address);
    return goleak_symbols_frames(text->symbols, parts->function, parts->size, address, after_call, out);
}

static bool parse_block(struct goleak_stacktext *text, struct goleak_stack_block *out)
{
    size_t count = 0, told = 0; /* so many of the last frames were inlined, as perf script tells it */
    const char *at = text->block.data, *end = at + text->block.size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct goleak_frame_text parts;
        if (newline == NULL)
            newline = end;
        if (goleak_stacktext_split(at, newline, &parts) && (parts.size != 0 || parts.offset != 0)) {
            uint32_t frames[GOLEAK_INLINED];
            size_t more = frames_of(text, &parts, count != 0, frames);
            count -= more > 1 ? told : 0; /* the executable tells them, too, with their lines */
            told = more > 1 ? 0 : is_inlined(&parts) ? told + 1 : 0;
            if (more == 0 || !goleak_grow(text->block.alloc, &text->frames, &text->frame_capacity, count + more,
                                          sizeof *text->frames))
                return false;
            memcpy(text->frames + count, frames, more * sizeof *frames);
            count += more;
        }
        at = newline + 1;
        out->lines++;
    }
    out->stack = goleak_symbols_stack(text->symbols, text->frames, count);
    return count == 0 || out->stack != 0;
}

bool goleak_stacktext_take(struct goleak_stacktext *text, uint32_t *stack)
{
    *stack = 0;
    if (text->block.failed)
        return false;
    if (text->block.size == 0)
        return true;
    size_t before = text->blocks.count;
    if (!goleak_grow(text->block.alloc, &text->stacks, &text->capacity, before + 1, sizeof *text->stacks))
        return false;
    uint32_t block = goleak_intern_add(&text->blocks, text->block.data, text->block.size);
    if (block == 0)
        return false;
    if (block > before) {
        text->stacks[block - 1] = (struct goleak_stack_block){ 0 };
        if (!parse_block(text, &text->stacks[block - 1]))
            return false;
    }
    *stack = text->stacks[block - 1].stack;
    text->block.size = 0;
    return true;
}

/* 0: the line tells none. */
static uint64_t address_in(const char *at, const char *end)
{
    struct goleak_frame_text parts;
    bool bare = goleak_stacktext_split(at, end, &parts) && parts.size == 0 && !parts.has_file_offset;
    return bare ? parts.offset : 0;
}

void goleak_stacktext_ends(const struct goleak_stacktext *text, uint64_t *leaf, uint64_t *root)
{
    const char *at = text->block.data, *end = at + text->block.size;
    *leaf = *root = 0;
    if (text->block.size == 0 || text->block.failed)
        return;
    const char *newline = memchr(at, '\n', text->block.size), *last = --end;
    while (last > at && last[-1] != '\n')
        last--;
    *leaf = address_in(at, newline);
    *root = last > at ? address_in(last, end) : 0;
}

void goleak_stacktext_forget(struct goleak_stacktext *text)
{
    struct goleak_alloc *alloc = text->block.alloc;
    goleak_intern_release(&text->blocks);
    goleak_intern_init(&text->blocks, alloc);
    memset(text->shortest, 0, sizeof text->shortest);
    memset(text->guesses, 0, sizeof text->guesses);
    memset(text->follows, 0, sizeof text->follows);
    text->last = 0;
}
