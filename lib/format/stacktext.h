/*
 * stacktext - stacks as tracers print them, one frame a line, leaf first:
 *
 *      DTrace     "              lab126dyn`runtime.newproc+0x3f"    offset in hexadecimal
 *                 "              0x4531a0"                          no symbol
 *      bpftrace   "        runtime.newproc+63"                      offset in decimal
 *
 * A block of such lines belongs to the event before it. Blocks repeat: the text
 * of each distinct one is taken apart once.
 */
#ifndef GOLEAK_FORMAT_STACKTEXT_H
#define GOLEAK_FORMAT_STACKTEXT_H

#include "base/buf.h"
#include "format/format.h"

struct goleak_stacktext {
    struct goleak_symbols *symbols;
    struct goleak_buf block;    /* the lines so far, each with a newline */
    struct goleak_intern blocks; /* text of the distinct ones */
    uint32_t *stacks;           /* stacks[block id - 1] */
    size_t capacity;
    uint32_t *frames;           /* scratch */
    size_t frame_capacity;
};

void goleak_stacktext_init(struct goleak_stacktext *text, struct goleak_symbols *symbols, struct goleak_alloc *alloc);
void goleak_stacktext_release(struct goleak_stacktext *text);

/* Does this line (blanks before it included) look like a frame? */
bool goleak_stacktext_is_frame(const char *at, const char *end);
void goleak_stacktext_add(struct goleak_stacktext *text, const char *at, const char *end);
/* The stack of the lines added since the last call; 0: none were. False: memory. */
bool goleak_stacktext_take(struct goleak_stacktext *text, uint32_t *stack);

#endif
