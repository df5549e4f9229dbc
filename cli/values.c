/* values - see values.h. */
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(const char *text)
{
    size_t count = 0;
    while (is_digit(text[count]))
        count++;
    return count;
}

/* *value = *value * factor + more, unless that passes UINT64_MAX. */
static bool multiply_add(uint64_t *value, uint64_t factor, uint64_t more)
{
    if (factor != 0 && *value > (UINT64_MAX - more) / factor)
        return false;
    *value = *value * factor + more;
    return true;
}

static bool parse_whole(const char *digits, size_t count, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (!multiply_add(&value, 10, (uint64_t)(digits[i] - '0')))
            return false;
    }
    *out = value;
    return true;
}

/* "12.5", not yet multiplied by its unit, which stands behind it. */
struct decimal {
    const char *whole, *fraction;
    size_t whole_digits, fraction_digits;
};

/* Returns where the number ends, NULL when there is none. As in Go, one side
 * of the point may be empty. */
static const char *scan_decimal(const char *text, struct decimal *out)
{
    out->whole = text;
    out->whole_digits = count_digits(text);
    text += out->whole_digits;
    out->fraction = text;
    out->fraction_digits = 0;
    if (*text == '.') {
        out->fraction = ++text;
        out->fraction_digits = count_digits(text);
        text += out->fraction_digits;
    }
    return out->whole_digits + out->fraction_digits > 0 ? text : NULL;
}

/* The number times its unit, rounded down. The fraction is taken from its last
 * digit to its first: so the value stays below one unit and every step is exact
 * (a floor of floors is the floor of the whole). Units are far below 2^60. */
static bool scale_decimal(const struct decimal *number, uint64_t unit, uint64_t *out)
{
    uint64_t below = 0;
    for (size_t i = number->fraction_digits; i-- > 0;)
        below = (below + (uint64_t)(number->fraction[i] - '0') * unit) / 10;
    uint64_t value;
    if (!parse_whole(number->whole, number->whole_digits, &value) || !multiply_add(&value, unit, below))
        return false;
    *out = value;
    return true;
}

bool cli_value_count(const char *text, unsigned most, unsigned *out)
{
    uint64_t value;
    size_t digits = count_digits(text);
    if (digits == 0 || text[digits] != '\0' || !parse_whole(text, digits, &value) || value == 0 || value > most)
        return false;
    *out = (unsigned)value;
    return true;
}

/* Recorders and reports print addresses without 0x: then it is one by its letters and its length, and what has digits
 * alone is a number. No address of a process has its top bits. */
static bool parse_address(const char *text, uint64_t *out)
{
    const bool is_marked = strncmp(text, "0x", 2) == 0;
    const char *digits = is_marked ? text + 2 : text;
    const size_t size = strlen(digits);
    if (size > 16 || strspn(digits, "0123456789abcdefABCDEF") != size ||
        (!is_marked && (size < 8 || count_digits(digits) == size)))
        return false;
    *out = strtoull(digits, NULL, 16);
    return *out != 0 && *out >> 56 == 0;
}

bool cli_value_goroutine(const char *text, uint32_t *pid, uint64_t *goid, uint64_t *g)
{
    uint64_t process = 0, goroutine = 0, address = 0;
    size_t digits = count_digits(text);
    if (text[digits] == '/') {
        if (!parse_whole(text, digits, &process) || process == 0 || process > UINT32_MAX)
            return false;
        text += digits + 1;
        digits = count_digits(text);
    }
    if (!parse_address(text, &address) &&
        (text[digits] != '\0' || !parse_whole(text, digits, &goroutine) || goroutine == 0))
        return false;
    *pid = (uint32_t)process;
    *goid = goroutine;
    *g = address;
    return true;
}

static const struct {
    const char *name;
    uint64_t ns;
} duration_units[] = {
    { "ns", 1 },           { "us", 1000 },      { "\xc2\xb5s", 1000 }, /* micro sign */
    { "\xce\xbcs", 1000 },                                             /* Greek mu */
    { "ms", 1000000 },     { "s", 1000000000 }, { "m", 60000000000 },  { "h", 3600000000000 },
};

/* A unit reaches to the next digit or point; returns its ns, 0 when unknown. */
static uint64_t scan_duration_unit(const char **text)
{
    size_t size = strcspn(*text, ".0123456789");
    for (size_t i = 0; i < sizeof duration_units / sizeof duration_units[0]; i++) {
        const char *name = duration_units[i].name;
        if (strlen(name) == size && memcmp(name, *text, size) == 0) {
            *text += size;
            return duration_units[i].ns;
        }
    }
    return 0;
}

bool cli_value_duration(const char *text, int64_t *out_ns)
{
    uint64_t total = 0;
    bool bare_zero = strcmp(text, "0") == 0;
    if (*text == '\0')
        return false;
    while (*text != '\0' && !bare_zero) {
        struct decimal number;
        uint64_t part;
        text = scan_decimal(text, &number);
        if (text == NULL)
            return false;
        uint64_t unit = scan_duration_unit(&text);
        if (unit == 0 || !scale_decimal(&number, unit, &part) || !multiply_add(&total, 1, part))
            return false;
    }
    if (total > INT64_MAX)
        return false;
    *out_ns = (int64_t)total;
    return true;
}

bool cli_value_size(const char *text, uint64_t *out_bytes)
{
    static const char suffixes[] = "KkMmGg";
    struct decimal number;
    uint64_t unit = 1;
    text = scan_decimal(text, &number);
    if (text == NULL)
        return false;
    const char *suffix = *text != '\0' ? strchr(suffixes, *text) : NULL;
    if (suffix != NULL) {
        unit <<= 10 * ((size_t)(suffix - suffixes) / 2 + 1);
        text++;
    }
    /* "1.5" of what? A fraction of a byte is a forgotten suffix. */
    if (*text != '\0' || (suffix == NULL && number.fraction != number.whole + number.whole_digits))
        return false;
    return scale_decimal(&number, unit, out_bytes);
}

/* The first one that the library knows is 1.11, the last one that it takes 1.999; so a misuse is told of the option, not
 * of each FILE. */
bool cli_value_go_version(const char *text, const char **out)
{
    const char *version = strncmp(text, "go", 2) == 0 ? text + 2 : text, *number = version + 2;
    if (strncmp(version, "1.", 2) != 0)
        return false;
    size_t digits = count_digits(number);
    bool none = digits < 2 || digits > 3 || *number == '0' || (digits == 2 && strncmp(number, "10", 2) == 0);
    const char *rest = number + digits;
    /* A patch level, a pre-release or a vendor's suffix may follow. */
    if (none || (*rest != '\0' && strchr(".rb-", *rest) == NULL))
        return false;
    *out = version;
    return true;
}

/* ---- words --------------------------------------------------------------- */

#define WORD_MAX 63

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the usual table: the swap looks two rows back. */
size_t cli_word_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > WORD_MAX || b_size > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        const size_t *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t change = up[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(change, 1 + least(up[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], up2[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

/* Slips that are still recognisable, by length: in a word of three letters one
 * slip is much already. */
static size_t allowed_slips(size_t size)
{
    return size < 2 ? 0 : size < 4 ? 1 : size < 9 ? 2 : 3;
}

const char *cli_word_nearest(const char *text, cli_words_fn *words)
{
    const char *nearest = NULL;
    size_t size = strlen(text);
    size_t best = allowed_slips(size) + 1;
    for (size_t i = 0; words(i) != NULL; i++) {
        size_t distance = cli_word_distance(text, words(i));
        if (size >= 2 && strncmp(text, words(i), size) == 0)
            distance = least(distance, 1);
        if (distance < best) {
            best = distance;
            nearest = words(i);
        }
    }
    return nearest;
}

size_t cli_word_index(const char *text, size_t size, cli_words_fn *words)
{
    for (size_t i = 0; words(i) != NULL; i++) {
        if (strlen(words(i)) == size && memcmp(words(i), text, size) == 0)
            return i;
    }
    return SIZE_MAX;
}

const char *cli_words_list(char *out, size_t room, cli_words_fn *words)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; words(i) != NULL && at < room; i++) {
        const char *join = i == 0 ? "" : words(i + 1) == NULL ? " or " : ", ";
        int wrote = snprintf(out + at, room - at, "%s%s", join, words(i));
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    return out;
}
