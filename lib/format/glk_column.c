/* glk_column - see glk_column.h. */
#include "format/glk_column.h"

#include "base/hash.h"
#include "format/varint.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH_BITS 0x0fu
#define CODING_SHIFT 4
#define CODING_BITS 3u
#define PATCHED 0x40u

/* ---- writing ---- */

void goleak_glk_put_number(struct goleak_buf *out, uint64_t value)
{
    char bytes[10];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (char)(value | 0x80);
    bytes[size++] = (char)value;
    goleak_buf_append(out, bytes, size);
}

void goleak_glk_put_signed(struct goleak_buf *out, int64_t value)
{
    goleak_glk_put_number(out, goleak_zigzag(value));
}

/* How a column may be written, and what that takes. */
struct plan {
    uint64_t base, step;
    unsigned width;
    size_t patches, cost;
};

#define SAMPLES 64
#define PATCH_BYTES 6 /* about what one takes */

static int by_value(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static unsigned bytes_of(uint64_t value)
{
    unsigned bytes = 0;
    for (; value != 0; value >>= 8)
        bytes++;
    return bytes;
}

/* The best width over this base: the values below it, and those beyond, are patched. */
static void try_base(const uint64_t *values, size_t count, uint64_t base, uint64_t step, struct plan *best)
{
    size_t needs[10] = { 0 }, outside = count;
    for (size_t i = 0; i < count; i++) {
        uint64_t k = values[i] - base;
        bool below = (int64_t)values[i] < (int64_t)base;
        needs[below ? 9 : bytes_of(step == 1 ? k : k / step)]++;
    }
    for (unsigned width = 0; width <= 8; width++) {
        outside -= needs[width];
        size_t cost = width * count + outside * PATCH_BYTES;
        if (cost < best->cost)
            *best = (struct plan) { .base = base, .step = step, .width = width, .patches = outside, .cost = cost };
    }
}

/* The least value, but for those that lie far from nearly all. */
static uint64_t least_near(const uint64_t *values, size_t count, int64_t low, int64_t high)
{
    uint64_t width = (uint64_t)high - (uint64_t)low, room = (uint64_t)low - (uint64_t)INT64_MIN;
    int64_t bound = width < room ? (int64_t)((uint64_t)low - width) : INT64_MIN, least = low;
    for (size_t i = 0; i < count; i++)
        if ((int64_t)values[i] >= bound && (int64_t)values[i] < least)
            least = (int64_t)values[i];
    return (uint64_t)least;
}

static struct plan plan_of(const uint64_t *values, size_t count)
{
    struct plan best = { .step = 1, .cost = SIZE_MAX };
    uint64_t least = count != 0 ? values[0] : 0, step = 0, samples[SAMPLES] = { 0 };
    size_t sampled = count < SAMPLES ? count : SAMPLES;
    for (size_t i = 0; i < count; i++) {
        if ((int64_t)values[i] < (int64_t)least)
            least = values[i];
        bool more = (int64_t)values[i] > (int64_t)values[0];
        if (step != 1 && values[i] != values[0])
            step = common_divisor(more ? values[i] - values[0] : values[0] - values[i], step);
    }
    step = step == 0 ? 1 : step;
    try_base(values, count, least, step, &best);
    if (best.cost == 0 || count == 0)
        return best;
    for (size_t i = 0; i < sampled; i++)
        samples[i] = values[i * count / sampled];
    qsort(samples, sampled, sizeof *samples, by_value);
    size_t edge = sampled / 32;
    uint64_t near = least_near(values, count, (int64_t)samples[edge], (int64_t)samples[sampled - 1 - edge]);
    try_base(values, count, near, step, &best);
    try_base(values, count, samples[sampled / 2], step, &best);
    return best;
}

static bool is_inside(uint64_t value, const struct plan *plan)
{
    uint64_t k = (value - plan->base) / plan->step;
    return (int64_t)value >= (int64_t)plan->base && (plan->width == 8 || k >> (8 * plan->width) == 0);
}

static void put_planes(struct goleak_buf *out, const uint64_t *values, size_t count, const struct plan *plan)
{
    if (!goleak_buf_reserve(out, plan->width * count))
        return;
    for (unsigned plane = 0; plane < plan->width; plane++) {
        uint8_t *to = (uint8_t *)out->data + out->size;
        for (size_t i = 0; i < count; i++) {
            uint64_t k = is_inside(values[i], plan) ? (values[i] - plan->base) / plan->step : 0;
            to[i] = (uint8_t)(k >> (8 * plane));
        }
        out->size += count;
    }
}

/* What a patch is more than the base, as a number that is small on both sides of it. */
static uint64_t patch_of(uint64_t value, const struct plan *plan)
{
    return goleak_zigzag((int64_t)(value - plan->base));
}

static void put_patches(struct goleak_buf *out, const uint64_t *values, size_t count, const struct plan *plan)
{
    size_t before = 0;
    unsigned width = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_inside(values[i], plan) && bytes_of(patch_of(values[i], plan)) > width)
            width = bytes_of(patch_of(values[i], plan));
    goleak_glk_put_number(out, plan->patches);
    goleak_buf_char(out, (char)width);
    for (size_t i = 0; i < count; i++) {
        if (is_inside(values[i], plan))
            continue;
        uint64_t patch = patch_of(values[i], plan);
        goleak_glk_put_number(out, i - before);
        for (unsigned byte = 0; byte < width; byte++)
            goleak_buf_char(out, (char)(patch >> (8 * byte)));
        before = i;
    }
}

#define DICTIONARY_SLOTS 1024

struct dictionary {
    uint64_t values[GOLEAK_GLK_DICTIONARY_MAX];
    size_t count, bytes; /* that it takes, at most */
    uint16_t slots[DICTIONARY_SLOTS];
};

/* Indexes of the values; false: there are too many distinct ones. */
static bool make_dictionary(struct dictionary *dictionary, const uint64_t *values, size_t count, uint64_t *indexes)
{
    memset(dictionary, 0, sizeof *dictionary);
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)(goleak_hash_u64(values[i]) >> 54);
        while (dictionary->slots[at] != 0 && dictionary->values[dictionary->slots[at] - 1] != values[i])
            at = (at + 1) % DICTIONARY_SLOTS;
        if (dictionary->slots[at] == 0) {
            if (dictionary->count == GOLEAK_GLK_DICTIONARY_MAX)
                return false;
            dictionary->bytes += bytes_of(values[i]) + 1;
            dictionary->values[dictionary->count++] = values[i];
            dictionary->slots[at] = (uint16_t)dictionary->count;
        }
        indexes[i] = dictionary->slots[at] - 1u;
    }
    return true;
}

static void put_dictionary(struct goleak_buf *out, const struct dictionary *dictionary)
{
    uint64_t before = 0;
    goleak_glk_put_number(out, dictionary->count);
    for (size_t i = 0; i < dictionary->count; i++) {
        goleak_glk_put_signed(out, (int64_t)(dictionary->values[i] - before));
        before = dictionary->values[i];
    }
}

static void put(struct goleak_buf *out, enum goleak_glk_coding coding, const uint64_t *values, size_t count,
                const struct plan *plan, uint64_t start, const struct dictionary *dictionary)
{
    struct goleak_buf body;
    goleak_buf_init(&body, out->alloc);
    goleak_glk_put_number(&body, count);
    goleak_glk_put_signed(&body, (int64_t)plan->base);
    goleak_glk_put_number(&body, plan->step);
    if (coding == GOLEAK_GLK_DELTA)
        goleak_glk_put_signed(&body, (int64_t)start);
    if (dictionary != NULL)
        put_dictionary(&body, dictionary);
    put_planes(&body, values, count, plan);
    if (plan->patches != 0)
        put_patches(&body, values, count, plan);
    goleak_buf_char(out, (char)(plan->width | (unsigned)coding << CODING_SHIFT | (plan->patches != 0 ? PATCHED : 0)));
    goleak_glk_put_number(out, body.size);
    goleak_buf_append(out, body.data, body.size);
    out->failed = out->failed || body.failed;
    goleak_buf_release(&body);
}

void goleak_glk_column_put(struct goleak_buf *out, const uint64_t *values, size_t count, unsigned codings,
                           uint64_t *deltas)
{
    struct dictionary dictionary;
    struct plan plain = { .cost = SIZE_MAX }, delta = { .cost = SIZE_MAX };
    if (codings & GOLEAK_GLK_MAY(GOLEAK_GLK_PLAIN))
        plain = plan_of(values, count);
    /* A dictionary is worth its while where each value takes more than an index. */
    if ((codings & GOLEAK_GLK_MAY(GOLEAK_GLK_DICTIONARY)) && plain.cost > count + GOLEAK_GLK_DICTIONARY_MAX / 8 &&
        make_dictionary(&dictionary, values, count, deltas) && count + dictionary.bytes < plain.cost) {
        struct plan indexes = plan_of(deltas, count);
        put(out, GOLEAK_GLK_DICTIONARY, deltas, count, &indexes, 0, &dictionary);
        return;
    }
    if (codings & GOLEAK_GLK_MAY(GOLEAK_GLK_DELTA)) {
        for (size_t i = 0; i < count; i++)
            deltas[i] = i != 0 ? values[i] - values[i - 1] : 0;
        delta = plan_of(deltas, count);
    }
    if (delta.cost < plain.cost)
        put(out, GOLEAK_GLK_DELTA, deltas, count, &delta, count != 0 ? values[0] : 0, NULL);
    else
        put(out, GOLEAK_GLK_PLAIN, values, count, &plain, 0, NULL);
}

/* ---- reading ---- */

static bool get_signed(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    if (!goleak_varint_take(at, end, out))
        return false;
    *out = (uint64_t)goleak_unzigzag(*out);
    return true;
}

static uint64_t load64(const uint8_t *at)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

/* The next patch, or none: then its place is behind all values. */
static void next_patch(struct goleak_glk_column *column)
{
    uint64_t gap = 0;
    bool more = column->patches_left != 0;
    const uint8_t *at = more ? goleak_varint(column->patches, column->end, &gap) : NULL;
    bool good = at != NULL && gap < column->count && column->patch_at + gap < column->count &&
                (size_t)(column->end - at) >= column->patch_width;
    if (!good) {
        column->broken = column->broken || more;
        column->patches_left = 0;
        column->patch_at = UINT64_MAX;
        return;
    }
    column->patches_left--;
    column->patch_at += gap;
    /* What is behind the column's end can be read, too: GOLEAK_GLK_PAD. */
    uint64_t patch = load64(at) & (UINT64_MAX >> (64 - 8 * column->patch_width));
    column->patch = column->base + (uint64_t)goleak_unzigzag(patch);
    column->patches = at + column->patch_width;
}

static bool open_patches(struct goleak_glk_column *column)
{
    const uint8_t *end = column->end;
    if (!goleak_varint_take(&column->patches, end, &column->patches_left) || column->patches == end)
        return false;
    column->patch_width = *column->patches++;
    return column->patch_width >= 1 && column->patch_width <= 8;
}

static bool get_dictionary(struct goleak_glk_column *column, const uint8_t **at, const uint8_t *end, uint64_t *values,
                           size_t *value_count)
{
    uint64_t count, before = 0;
    if (!goleak_varint_take(at, end, &count) || count == 0 || count > GOLEAK_GLK_DICTIONARY_MAX)
        return false;
    column->dictionary = values + *value_count;
    column->dictionary_count = (size_t)count;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t step;
        if (!get_signed(at, end, &step))
            return false;
        before += step;
        values[(*value_count)++] = before;
    }
    return true;
}

const uint8_t *goleak_glk_column_open(struct goleak_glk_column *column, const uint8_t *at, const uint8_t *end,
                                      uint64_t *values, size_t *value_count, const char **problem)
{
    uint64_t size, count;
    *column = (struct goleak_glk_column) { .planes = at };
    *problem = "found a column that ends before its head does";
    if (at == end)
        return NULL;
    unsigned coding = *at++;
    column->width = coding & WIDTH_BITS;
    column->coding = coding >> CODING_SHIFT & CODING_BITS;
    if (!goleak_varint_take(&at, end, &size))
        return NULL;
    *problem = "found a column that is longer than its section";
    if (size > (uint64_t)(end - at))
        return NULL;
    const uint8_t *next = at + size;
    *problem = "found a column in a coding that is not known";
    if (column->width > 8 || column->coding >= GOLEAK_GLK_CODINGS || coding & 0x80u)
        return NULL;
    *problem = "found a column that ends before its head does";
    if (!goleak_varint_take(&at, next, &count) || !get_signed(&at, next, &column->base) ||
        !goleak_varint_take(&at, next, &column->step) ||
        (column->coding == GOLEAK_GLK_DELTA && !get_signed(&at, next, &column->before)))
        return NULL;
    *problem = "found a column whose dictionary cannot be read";
    if (column->coding == GOLEAK_GLK_DICTIONARY && !get_dictionary(column, &at, next, values, value_count))
        return NULL;
    *problem = "found a column with more values than a block has events, or than it has bytes";
    if (count > GOLEAK_GLK_VALUES_MAX || (column->width != 0 && (uint64_t)(next - at) / column->width < count))
        return NULL;
    column->count = (size_t)count;
    column->planes = at;
    at += column->width * count;
    column->patches = at;
    column->end = next;
    *problem = "found a column whose patches cannot be read";
    if (coding & PATCHED && !open_patches(column))
        return NULL;
    next_patch(column);
    return column->broken ? NULL : next;
}

const uint8_t *goleak_glk_column_skip(const uint8_t *at, const uint8_t *end, const char **problem)
{
    uint64_t size;
    *problem = "found a column that is longer than its section";
    if (at == end)
        return NULL;
    at++;
    return goleak_varint_take(&at, end, &size) && size <= (uint64_t)(end - at) ? at + size : NULL;
}

/* k of `count` values, times step, over base: one loop for each width, without a branch. */
static void expand(const struct goleak_glk_column *column, uint64_t *restrict out, size_t count)
{
    const uint64_t base = column->base, step = column->step;
    const uint8_t *restrict p0 = column->planes + column->at, *restrict p1 = p0 + column->count;
    const uint8_t *restrict p2 = p1 + column->count;
    switch (column->width) {
    case 0:
        for (size_t i = 0; i < count; i++)
            out[i] = base;
        return;
    case 1:
        for (size_t i = 0; i < count; i++)
            out[i] = p0[i];
        break;
    case 2:
        for (size_t i = 0; i < count; i++)
            out[i] = (uint32_t)p0[i] | (uint32_t)p1[i] << 8;
        break;
    case 3:
        for (size_t i = 0; i < count; i++)
            out[i] = (uint32_t)p0[i] | (uint32_t)p1[i] << 8 | (uint32_t)p2[i] << 16;
        break;
    default:
        for (size_t i = 0; i < count; i++)
            out[i] = (uint32_t)p0[i] | (uint32_t)p1[i] << 8 | (uint32_t)p2[i] << 16;
        for (unsigned plane = 3; plane < column->width; plane++)
            for (size_t i = 0; i < count; i++)
                out[i] |= (uint64_t)p0[plane * column->count + i] << (8 * plane);
        break;
    }
    if (step != 1)
        for (size_t i = 0; i < count; i++)
            out[i] = base + step * out[i];
    else if (base != 0)
        for (size_t i = 0; i < count; i++)
            out[i] += base;
}

void goleak_glk_column_next(struct goleak_glk_column *column, uint64_t *out, size_t count)
{
    expand(column, out, count);
    while (column->patch_at < column->at + count) {
        out[column->patch_at - column->at] = column->patch;
        next_patch(column);
    }
    if (column->coding == GOLEAK_GLK_DELTA) {
        uint64_t value = column->before;
        for (size_t i = 0; i < count; i++)
            out[i] = value += out[i];
        column->before = value;
    } else if (column->coding == GOLEAK_GLK_DICTIONARY) {
        bool outside = false;
        for (size_t i = 0; i < count; i++) {
            outside |= out[i] >= column->dictionary_count;
            out[i] = out[i] < column->dictionary_count ? column->dictionary[out[i]] : 0;
        }
        column->broken = column->broken || outside;
    }
    column->at += count;
}
