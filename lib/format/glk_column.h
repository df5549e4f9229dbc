/*
 * glk_column - one field of many events, as our own format has it.
 *
 *      coding u8 · size · count · base · step · [start] · [dictionary] · planes · [patches]
 *
 * Each value is base + step * k, where k has `width` bytes; these lie in planes, all
 * lowest bytes first. So a reader has no branch for a value, and the packing behind it
 * finds like bytes beside each other. What is in the way of a small width stands in
 * the patches. Numbers in the head are base-128, signed ones zigzag.
 *
 *      plain       the value
 *      delta       the value less the one before; `start` is before the first
 *      dictionary  an index into the values of the dictionary
 *
 * docs/FORMAT-GLK.md has the bytes.
 */
#ifndef GOLEAK_FORMAT_GLK_COLUMN_H
#define GOLEAK_FORMAT_GLK_COLUMN_H

#include "base/buf.h"

/* Readable bytes behind a section of columns: a reader loads one value too many. */
#define GOLEAK_GLK_PAD 16
/* Values that are decoded at a time. */
#define GOLEAK_GLK_STEP ((size_t)256)
#define GOLEAK_GLK_VALUES_MAX ((size_t)1 << 17)

enum goleak_glk_coding { GOLEAK_GLK_PLAIN, GOLEAK_GLK_DELTA, GOLEAK_GLK_DICTIONARY, GOLEAK_GLK_CODINGS };

/* Bits of `codings`: which of them may be chosen. */
#define GOLEAK_GLK_MAY(coding) (1u << (coding))

/* ---- writing ------------------------------------------------------------ */

static inline uint64_t goleak_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t goleak_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

void goleak_glk_put_number(struct goleak_buf *out, uint64_t value);
void goleak_glk_put_signed(struct goleak_buf *out, int64_t value);

/* Puts a column behind `out`; the smallest of the codings that may be chosen.
 * `deltas` is room for `count` values. */
void goleak_glk_column_put(struct goleak_buf *out, const uint64_t *values, size_t count, unsigned codings,
                           uint64_t *deltas);

/* ---- reading ------------------------------------------------------------ */

struct goleak_glk_column {
    const uint8_t *planes; /* NULL: the block has no such column */
    size_t count, at;      /* values in all, and decoded */
    uint64_t base, step, before;
    unsigned width, coding;
    const uint64_t *dictionary; /* borrowed from `values` of goleak_glk_column_open */
    size_t dictionary_count;
    const uint8_t *patches, *end;
    uint64_t patch_at, patch, patches_left;
    unsigned patch_width;
    bool broken; /* its patches cannot be read to their end, or a value is none of its dictionary: some are wrong */
};

/* Opens the column at `at`; returns where it ends, NULL: damage, with
 * its sentence. A dictionary is appended to `values`, which must stay where it is as
 * long as the column is read: room for GOLEAK_GLK_DICTIONARY_MAX more. */
#define GOLEAK_GLK_DICTIONARY_MAX 256
const uint8_t *goleak_glk_column_open(struct goleak_glk_column *column, const uint8_t *at, const uint8_t *end,
                                      uint64_t *values, size_t *value_count, const char **problem);

/* Where a column of an unknown field ends. */
const uint8_t *goleak_glk_column_skip(const uint8_t *at, const uint8_t *end, const char **problem);

/* The next `count` values, no more than are left, and at most GOLEAK_GLK_STEP. */
void goleak_glk_column_next(struct goleak_glk_column *column, uint64_t *out, size_t count);

#endif
