/*
 * number - parsing the numbers that recordings print.
 *
 * Every parser takes the bounds of the text, stops at the first byte that is no
 * digit, and returns where it stopped; NULL means no digit, or a value that
 * does not fit. Nothing goes through a double.
 */
#ifndef GOLEAK_BASE_NUMBER_H
#define GOLEAK_BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

const char *goleak_parse_u64(const char *at, const char *end, uint64_t *out);
/* The same; of a value that does not fit it makes the greatest that does. */
const char *goleak_parse_most(const char *at, const char *end, uint64_t *out);
const char *goleak_parse_i64(const char *at, const char *end, int64_t *out); /* with sign */
/* Hexadecimal, either case, with or without "0x". */
const char *goleak_parse_hex(const char *at, const char *end, uint64_t *out);
/* Decimal, or hexadecimal behind "0x". */
const char *goleak_parse_any(const char *at, const char *end, uint64_t *out);

static inline uint64_t goleak_add_most(uint64_t a, uint64_t b)
{
    return a < UINT64_MAX - b ? a + b : UINT64_MAX;
}

/* 0-15 for a hexadecimal digit, else 255. */
extern const uint8_t goleak_hex_digit[256];

#endif
