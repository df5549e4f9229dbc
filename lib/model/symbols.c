/* symbols - see symbols.h. Sites are decided when a stack is first seen, because
 * a recording has few distinct stacks and many events. */
#include "model/symbols.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void goleak_symbols_init(struct goleak_symbols *symbols, struct goleak_alloc *alloc)
{
    *symbols = (struct goleak_symbols){ .alloc = alloc };
    goleak_intern_init(&symbols->strings, alloc);
    goleak_intern_init(&symbols->frames, alloc);
    goleak_intern_init(&symbols->stacks, alloc);
}

void goleak_symbols_release(struct goleak_symbols *symbols)
{
    goleak_intern_release(&symbols->strings);
    goleak_intern_release(&symbols->frames);
    goleak_intern_release(&symbols->stacks);
    goleak_free(symbols->alloc, symbols->frame_info, symbols->frame_capacity * sizeof *symbols->frame_info);
    goleak_free(symbols->alloc, symbols->stack_sites, symbols->stack_capacity * sizeof *symbols->stack_sites);
    symbols->frame_info = NULL;
    symbols->stack_sites = NULL;
    symbols->frame_capacity = symbols->stack_capacity = 0;
}

uint32_t goleak_symbols_string(struct goleak_symbols *symbols, const void *bytes, size_t size)
{
    return goleak_intern_add(&symbols->strings, bytes, size);
}

const char *goleak_symbols_text(const struct goleak_symbols *symbols, uint32_t string)
{
    return goleak_intern_get(&symbols->strings, string, NULL);
}

static uint32_t add_frame(struct goleak_symbols *symbols, const char *text, size_t size, const char *function,
                          size_t function_size)
{
    size_t before = symbols->frames.count;
    if (!goleak_grow(symbols->alloc, &symbols->frame_info, &symbols->frame_capacity, before + 1,
                     sizeof *symbols->frame_info))
        return 0;
    uint32_t name = 0;
    if (function_size != 0 && (name = goleak_symbols_string(symbols, function, function_size)) == 0)
        return 0;
    uint32_t frame = goleak_intern_add(&symbols->frames, text, size);
    if (frame > before)
        symbols->frame_info[frame - 1].function = name;
    return frame;
}

/* Longer names than this are cut in a frame's text; Go's own limit on a symbol
 * in a trace is 1024 bytes. */
#define NAME_MAX_BYTES 2048

uint32_t goleak_symbols_frame(struct goleak_symbols *symbols, const char *function, size_t size, uint64_t offset)
{
    char text[NAME_MAX_BYTES + 32];
    if (size == 0)
        return goleak_symbols_address(symbols, offset);
    if (size > NAME_MAX_BYTES)
        size = NAME_MAX_BYTES;
    memcpy(text, function, size);
    int more = snprintf(text + size, sizeof text - size, "+0x%" PRIx64, offset);
    return add_frame(symbols, text, size + (size_t)more, function, size);
}

uint32_t goleak_symbols_frame_line(struct goleak_symbols *symbols, const char *function, size_t size,
                                   const char *file, size_t file_size, uint64_t line)
{
    char text[2 * NAME_MAX_BYTES + 32];
    if (size > NAME_MAX_BYTES)
        size = NAME_MAX_BYTES;
    if (file_size > NAME_MAX_BYTES)
        file_size = NAME_MAX_BYTES;
    memcpy(text, function, size);
    text[size] = ' ';
    memcpy(text + size + 1, file, file_size);
    size_t end = size + 1 + file_size;
    end += (size_t)snprintf(text + end, sizeof text - end, ":%" PRIu64, line);
    return add_frame(symbols, text, end, function, size);
}

uint32_t goleak_symbols_function(struct goleak_symbols *symbols, const char *function, size_t size)
{
    return add_frame(symbols, function, size, function, size);
}

uint32_t goleak_symbols_address(struct goleak_symbols *symbols, uint64_t address)
{
    char text[24];
    int size = snprintf(text, sizeof text, "0x%" PRIx64, address);
    return add_frame(symbols, text, (size_t)size, NULL, 0);
}

const char *goleak_symbols_frame_text(const struct goleak_symbols *symbols, uint32_t frame)
{
    return goleak_intern_get(&symbols->frames, frame, NULL);
}

const char *goleak_symbols_frame_function(const struct goleak_symbols *symbols, uint32_t frame)
{
    if (frame == 0 || frame > symbols->frames.count)
        return "";
    return goleak_symbols_text(symbols, symbols->frame_info[frame - 1].function);
}

/* Frames between newproc1 and the go statement: runtime.newproc(.func1, .abi0),
 * runtime.systemstack and its assembly helpers (runtime/proc.go, newproc). */
static bool is_spawn_plumbing(const char *function)
{
    return goleak_text_begins(function, "runtime.newproc") || goleak_text_begins(function, "runtime.systemstack") ||
           goleak_text_begins(function, "runtime.mcall") || goleak_text_begins(function, "runtime.asmcgocall");
}

/* Frames between gopark and the statement that blocks. */
static bool is_park_plumbing(const char *function)
{
    return goleak_text_begins(function, "runtime.") || goleak_text_begins(function, "sync.") || goleak_text_begins(function, "internal/sync.") ||
           goleak_text_begins(function, "internal/poll.") || goleak_text_begins(function, "internal/runtime/") ||
           goleak_text_begins(function, "time.Sleep");
}

static uint32_t first_outside(const struct goleak_symbols *symbols, const uint32_t *frames, size_t count,
                              bool (*is_plumbing)(const char *function))
{
    for (size_t i = 0; i < count; i++) {
        const char *function = goleak_symbols_frame_function(symbols, frames[i]);
        if (function[0] != '\0' && !is_plumbing(function))
            return frames[i];
    }
    return count != 0 ? frames[0] : 0;
}

uint32_t goleak_symbols_stack(struct goleak_symbols *symbols, const uint32_t *frames, size_t count)
{
    if (count == 0)
        return 0;
    size_t before = symbols->stacks.count;
    if (!goleak_grow(symbols->alloc, &symbols->stack_sites, &symbols->stack_capacity, before + 1,
                     sizeof *symbols->stack_sites))
        return 0;
    uint32_t stack = goleak_intern_add(&symbols->stacks, frames, count * sizeof *frames);
    if (stack > before)
        symbols->stack_sites[stack - 1] = (struct goleak_stack_sites){
            .created = first_outside(symbols, frames, count, is_spawn_plumbing),
            .blocked = first_outside(symbols, frames, count, is_park_plumbing),
        };
    return stack;
}

size_t goleak_symbols_stack_frames(const struct goleak_symbols *symbols, uint32_t stack, const uint32_t **frames)
{
    size_t size;
    /* Arena blocks are aligned for any type. */
    *frames = (const uint32_t *)(const void *)goleak_intern_get(&symbols->stacks, stack, &size);
    return size / sizeof **frames;
}

uint32_t goleak_symbols_created_at(const struct goleak_symbols *symbols, uint32_t stack)
{
    return stack != 0 && stack <= symbols->stacks.count ? symbols->stack_sites[stack - 1].created : 0;
}

uint32_t goleak_symbols_blocked_at(const struct goleak_symbols *symbols, uint32_t stack)
{
    return stack != 0 && stack <= symbols->stacks.count ? symbols->stack_sites[stack - 1].blocked : 0;
}
