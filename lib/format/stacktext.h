/*
 * stacktext - stacks as tracers print them, one frame a line, leaf first:
 *
 *      DTrace     "              lab126dyn`runtime.newproc+0x3f"    offset in hexadecimal
 *                 "              0x4531a0"                          no symbol
 *      bpftrace   "        runtime.newproc+63"                      offset in decimal
 *      perf       "\t           5a63f runtime.newproc+0x3f (./app)" address in the file before it
 *                 "\t          2663bd [unknown] (./app)"
 *
 * A block of such lines belongs to the event before it. Blocks repeat: the text
 * of each distinct one is taken apart once.
 */
#ifndef GOLEAK_FORMAT_STACKTEXT_H
#define GOLEAK_FORMAT_STACKTEXT_H

#include "base/buf.h"
#include "format/format.h"

#define GOLEAK_STACK_LIKES 1024
#define GOLEAK_STACK_GUESS_BITS 12
#define GOLEAK_STACK_FOLLOWS 1024

struct goleak_stacktext {
    struct goleak_symbols *symbols;
    uint32_t shortest[GOLEAK_STACK_LIKES];  /* size of the shortest block, by its second frame; 0: none */
    uint32_t guesses[1 << GOLEAK_STACK_GUESS_BITS]; /* blocks, by bytes of as many */
    uint32_t last, follows[GOLEAK_STACK_FOLLOWS];   /* the last block; and what followed one, by both's events */
    struct goleak_buf block;    /* the lines so far, each with a newline */
    struct goleak_intern blocks; /* text of the distinct ones */
    struct goleak_stack_block {
        uint32_t stack, lines;
    } *stacks;                  /* stacks[block id - 1] */
    size_t capacity;
    uint32_t *frames;           /* scratch */
    size_t frame_capacity;
};

void goleak_stacktext_init(struct goleak_stacktext *text, struct goleak_symbols *symbols, struct goleak_alloc *alloc);
void goleak_stacktext_release(struct goleak_stacktext *text);

/* One frame, taken apart. */
struct goleak_frame_text {
    const char *function;   /* NULL: not known */
    size_t size;
    uint64_t offset;        /* in the function; without one, the address */
    bool has_file_offset;   /* perf: file_offset and object are told */
    uint64_t file_offset;
    const char *object;     /* the file that it lies in; NULL: not told */
    size_t object_size;
};
bool goleak_stacktext_split(const char *at, const char *end, struct goleak_frame_text *out);

/* The stack of the block of lines at `at` that was seen before, and how many lines it
 * has; NULL: a new one, or more than it may follow. Returns where it ends. `kind`: of the
 * event that it stands below. */
const char *goleak_stacktext_known(struct goleak_stacktext *text, const char *at, const char *limit, uint8_t kind,
                                   uint32_t *stack, size_t *lines);

/* Does this line (blanks before it included) look like a frame? */
bool goleak_stacktext_is_frame(const char *at, const char *end);
/* False: the stack is too long, and this line is none of it. */
bool goleak_stacktext_add(struct goleak_stacktext *text, const char *at, const char *end);
/* The addresses of the ends of those lines; 0 where a name stands, or a place in a file. */
void goleak_stacktext_ends(const struct goleak_stacktext *text, uint64_t *leaf, uint64_t *root);
/* What was seen before was named as well as was known then: it is read again. */
void goleak_stacktext_forget(struct goleak_stacktext *text);
/* The stack of the lines added since the last call; 0: none were. False: memory. */
bool goleak_stacktext_take(struct goleak_stacktext *text, uint32_t *stack);

#endif
