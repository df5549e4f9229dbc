/* number - see number.h. */
#include "base/number.h"

#define H16 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255
#define HAF 255, 10, 11, 12, 13, 14, 15, 255, 255, 255, 255, 255, 255, 255, 255, 255

const uint8_t goleak_hex_digit[256] = {
    H16, H16, H16, /* 0x30 */ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 255, 255, 255, 255, 255,
    HAF, H16, HAF, H16, H16, H16, H16, H16, H16, H16, H16, H16,
};

const char *goleak_parse_u64(const char *at, const char *end, uint64_t *out)
{
    const char *start = at;
    uint64_t value = 0;
    for (; at < end && (unsigned char)(*at - '0') <= 9; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return NULL;
        value = value * 10 + digit;
    }
    *out = value;
    return at != start ? at : NULL;
}

const char *goleak_parse_most(const char *at, const char *end, uint64_t *out)
{
    const char *rest = goleak_parse_u64(at, end, out);
    if (rest != NULL || at == end || (unsigned char)(*at - '0') > 9)
        return rest;
    while (at < end && (unsigned char)(*at - '0') <= 9)
        at++;
    *out = UINT64_MAX;
    return at;
}

const char *goleak_parse_i64(const char *at, const char *end, int64_t *out)
{
    uint64_t value;
    int negative = at < end && *at == '-';
    at = goleak_parse_u64(at + negative, end, &value);
    if (at == NULL || value > (uint64_t)INT64_MAX)
        return NULL;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return at;
}

const char *goleak_parse_hex(const char *at, const char *end, uint64_t *out)
{
    if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x')
        at += 2;
    const char *start = at;
    uint64_t value = 0;
    for (; at < end; at++) {
        uint8_t digit = goleak_hex_digit[(unsigned char)*at];
        if (digit > 15)
            break;
        if (value >> 60 != 0)
            return NULL;
        value = value << 4 | digit;
    }
    *out = value;
    return at != start ? at : NULL;
}

const char *goleak_parse_any(const char *at, const char *end, uint64_t *out)
{
    if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x')
        return goleak_parse_hex(at, end, out);
    return goleak_parse_u64(at, end, out);
}
