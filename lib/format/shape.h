/*
 * shape - lines that are laid out alike, read in one go.
 *
 * A recording has few kinds of lines, and of each kind few lengths of its numbers: lines
 * whose blanks stand in the same places are nearly always of one shape. A shape is learnt
 * from a line that was read another way: which bytes are the same in all of its lines,
 * which are digits, and which number they are of.
 *
 *      ready: goroutine=26c386070780 goid=21 by=26c386070b40 ts=2374368505712
 *      ===================hhhhhhhhhhhh======dd====hhhhhhhhhhhh====ddddddddddddd
 *
 * Which shape a line may have its blanks tell, 16 bytes at a time; whether it has it, all of
 * its bytes. So where a number ends is known before any is read, decimal ones are read four
 * at a time, and nothing branches on what stands where. Where the processor has no such
 * instructions no line has a shape, and the results are the same.
 */
#ifndef GOLEAK_FORMAT_SHAPE_H
#define GOLEAK_FORMAT_SHAPE_H

#include "base/digits.h"
#include "model/event.h"

#if defined(__SSE2__) && defined(__x86_64__)
#define GOLEAK_HAS_SHAPES 1
#else
#define GOLEAK_HAS_SHAPES 0
#endif

#define GOLEAK_SHAPE_BYTES 192 /* no longer line has one; a multiple of 64 */
#define GOLEAK_SHAPE_HEX 7     /* addresses of a line */
#define GOLEAK_SHAPE_LANES 16  /* eights of decimal digits; a longer number has two */
#define GOLEAK_SHAPE_SETS 128  /* of two shapes each */

/* What a number is: a field of the event. */
enum goleak_shape_field {
    GOLEAK_SHAPE_NOTHING, /* it has to be a number, and that is all */
    GOLEAK_SHAPE_G, GOLEAK_SHAPE_OTHER_G, GOLEAK_SHAPE_LOCK, GOLEAK_SHAPE_CHAN, GOLEAK_SHAPE_ELEM,
    GOLEAK_SHAPE_GOPC, GOLEAK_SHAPE_STARTPC, /* hexadecimal, up to 15 digits */
    GOLEAK_SHAPE_REASON, GOLEAK_SHAPE_WAIT, GOLEAK_SHAPE_STATUS, /* decimal: up to two, */
    GOLEAK_SHAPE_CPU, GOLEAK_SHAPE_TID, GOLEAK_SHAPE_PID, /* … eight, */
    GOLEAK_SHAPE_GOID, GOLEAK_SHAPE_OTHER_GOID, GOLEAK_SHAPE_TIME, /* … sixteen digits */
    GOLEAK_SHAPE_SECONDS, GOLEAK_SHAPE_FRACTION, /* of the time; six or nine behind the point */
    GOLEAK_SHAPE_FIELDS
};

/* Where the digits of a decimal number are: its last eight, and those before. */
struct goleak_shape_lanes {
    uint8_t low, high;
};

struct goleak_shape {
    /* Of each byte, the least that it may be, and how much more. */
    _Alignas(16) uint8_t low[GOLEAK_SHAPE_BYTES], span[GOLEAK_SHAPE_BYTES];
    /* Of the 16 bytes that end where an address does: which are its digits; and of eight
     * that end where a lane does. */
    uint8_t hex_digits[GOLEAK_SHAPE_HEX][16], lane_digits[GOLEAK_SHAPE_LANES][8];
    uint8_t hex_ends[GOLEAK_SHAPE_HEX], lane_ends[GOLEAK_SHAPE_LANES];
    uint8_t size; /* with the newline; 0: none is kept here */
    uint8_t kind;
    uint8_t hex_count, lane_count;
    /* Which address, or which lanes, a field is; behind the last: none, 0. */
    uint8_t addresses[GOLEAK_SHAPE_STARTPC + 1];
    struct goleak_shape_lanes decimals[GOLEAK_SHAPE_FIELDS];
    uint32_t fraction_ns;       /* a unit of the fraction; 1 where there is none */
    uint32_t has;               /* if g, goid and other_g are not 0 */
    uint8_t text_at, text_size; /* a function's name stands here, for the caller; size 0: none does */
    uint32_t name;              /* of events that have their own; 0: none */
    uint32_t needs;             /* `has` must have one of these; 0: or none */
};

struct goleak_shapes {
    _Alignas(16) uint16_t tens[8], sixteens[8]; /* 10 and 1, 16 and 1: two digits are one number */
    bool off; /* for tests: no line has a shape */
    uint8_t patience[GOLEAK_SHAPE_SETS];
    struct goleak_shape all[GOLEAK_SHAPE_SETS][2];
};

/* Of zeros. */
void goleak_shapes_init(struct goleak_shapes *shapes);

/* Reads the line at `at`; *end is then its newline. NULL: it has no shape that was learnt.
 * GOLEAK_LINES_PAD bytes can be read. */
const struct goleak_shape *goleak_shapes_read(const struct goleak_shapes *shapes, const char *at,
                                              struct goleak_event *event, const char **end);

/* ---- learning ---- */

/* One that is being learnt from the line at `line`. */
struct goleak_shape_draft {
    struct goleak_shape shape;
    const char *line;
    bool failed; /* the line has none */
};

/* The line up to its newline, all of its bytes the same in each line; then parts of it are
 * said to be otherwise. */
void goleak_shape_begin(struct goleak_shape_draft *draft, const char *line, const char *newline, uint8_t kind);
/* A number of so many digits; `has`: the bits that it sets. */
void goleak_shape_number(struct goleak_shape_draft *draft, enum goleak_shape_field field, bool hex, const char *at,
                         size_t digits, uint32_t has);
/* A function's name, or any other text without a blank. */
void goleak_shape_text(struct goleak_shape_draft *draft, const char *at, size_t size, bool is_function);
/* It is whole. */
void goleak_shapes_keep(struct goleak_shapes *shapes, const struct goleak_shape_draft *draft);

#endif
