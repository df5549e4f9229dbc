/* stacktext - see stacktext.h. */
#include "format/stacktext.h"

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

struct frame_text {
    const char *function;
    size_t size;
    uint64_t offset; /* or the address, where there is no function */
};

/* Takes "module`symbol+0xOFF", "symbol+DEC" or "0xADDR" apart. The offset is
 * behind the last '+': symbols may hold one. */
static bool split_frame(const char *at, const char *end, struct frame_text *out)
{
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
    if (goleak_parse_hex(at, end, &out->offset) == end && (end - at > 2) && at[0] == '0' && at[1] == 'x') {
        out->size = 0;
        return true;
    }
    const char *plus = end - 1;
    while (plus > at && *plus != '+')
        plus--;
    out->function = at;
    if (plus <= at || plus + 1 >= end) {
        out->size = (size_t)(end - at);
        out->offset = 0;
        return has_module; /* DTrace prints a bare symbol for offset 0 */
    }
    out->size = (size_t)(plus - at);
    return goleak_parse_any(plus + 1, end, &out->offset) == end;
}

bool goleak_stacktext_is_frame(const char *at, const char *end)
{
    struct frame_text frame;
    return at < end && (*at == ' ' || *at == '\t') && split_frame(at, end, &frame);
}

void goleak_stacktext_add(struct goleak_stacktext *text, const char *at, const char *end)
{
    if (text->block.size > BLOCK_BYTES)
        return; /* no stack is so deep: tracers stop at 128 frames or so */
    goleak_buf_append(&text->block, at, (size_t)(end - at));
    goleak_buf_char(&text->block, '\n');
}

static bool parse_block(struct goleak_stacktext *text, uint32_t *stack)
{
    size_t count = 0;
    const char *at = text->block.data, *end = at + text->block.size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct frame_text parts;
        if (newline == NULL)
            newline = end;
        if (split_frame(at, newline, &parts)) {
            if (!goleak_grow(text->block.alloc, &text->frames, &text->frame_capacity, count + 1, sizeof *text->frames))
                return false;
            uint32_t frame = goleak_symbols_frame(text->symbols, parts.function, parts.size, parts.offset);
            if (frame == 0)
                return false;
            text->frames[count++] = frame;
        }
        at = newline + 1;
    }
    *stack = goleak_symbols_stack(text->symbols, text->frames, count);
    return count == 0 || *stack != 0;
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
        text->stacks[block - 1] = 0;
        if (!parse_block(text, &text->stacks[block - 1]))
            return false;
    }
    *stack = text->stacks[block - 1];
    text->block.size = 0;
    return true;
}
