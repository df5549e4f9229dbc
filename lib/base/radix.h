/*
 * radix - sorting by one digit of a number after the other, the lowest first.
 *
 * Each pass keeps in order what has the same digit, and takes no branch that depends on the
 * numbers; comparing takes one that cannot be foreseen for each.
 */
#ifndef GOLEAK_BASE_RADIX_H
#define GOLEAK_BASE_RADIX_H

#include <stddef.h>
#include <stdint.h>

#define GOLEAK_DIGIT_BITS 11
#define GOLEAK_DIGIT_VALUES (1u << GOLEAK_DIGIT_BITS)

static inline size_t goleak_digit(uint64_t number, unsigned shift)
{
    return (size_t)(number >> shift & (GOLEAK_DIGIT_VALUES - 1));
}

/* name(from, to, count, least, shift): one pass. NUMBER(item) is what items are sorted by; least
 * is taken from it. */
#define GOLEAK_DEFINE_SORT_BY_DIGIT(name, type, NUMBER)                                                                \
    static void name(const type *from, type *to, size_t count, uint64_t least, unsigned shift)                         \
    {                                                                                                                  \
        size_t starts[GOLEAK_DIGIT_VALUES] = { 0 }, sum = 0;                                                           \
        for (size_t i = 0; i < count; i++)                                                                             \
            starts[goleak_digit(NUMBER(&from[i]) - least, shift)]++;                                                   \
        for (size_t value = 0; value < GOLEAK_DIGIT_VALUES; value++) {                                                 \
            size_t those = starts[value];                                                                              \
            starts[value] = sum;                                                                                       \
            sum += those;                                                                                              \
        }                                                                                                              \
        for (size_t i = 0; i < count; i++)                                                                             \
            to[starts[goleak_digit(NUMBER(&from[i]) - least, shift)]++] = from[i];                                     \
    }

#endif
