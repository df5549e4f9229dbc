/* shape - see shape.h. */
#include "format/shape.h"

#include "base/compiler.h"

void goleak_shapes_init(struct goleak_shapes *shapes)
{
    for (size_t i = 0; i < 8; i++) { /* of constants compilers would make shifts and sums */
        shapes->tens[i] = 10 * 256 + 1;
        shapes->sixteens[i] = 16 * 256 + 1;
    }
}

#if GOLEAK_HAS_SHAPES

ALWAYS_INLINE __m128i load(const void *at)
{
    return _mm_loadu_si128(at);
}

/* Of a shape: they lie at 16 bytes. */
ALWAYS_INLINE __m128i part(const void *at)
{
    return _mm_load_si128(at);
}

/* A bit for each byte that is all ones. */
ALWAYS_INLINE uint64_t bits_of(const __m128i *parts)
{
    uint64_t found = 0;
    for (int i = 0; i < 4; i++)
        found |= (uint64_t)(unsigned)_mm_movemask_epi8(parts[i]) << 16 * i;
    return found;
}

/* The set in which the shape of the line may be; GOLEAK_SHAPE_SETS: the line is too long. */
ALWAYS_INLINE size_t set_of(const char *at)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t hash = goleak_load64(at); /* the name */
    for (size_t from = 0; from < GOLEAK_SHAPE_BYTES; from += 64) {
        __m128i newlines[4], blanks[4];
        for (size_t i = 0; i < 4; i++) {
            __m128i text = load(at + from + 16 * i);
            newlines[i] = _mm_cmpeq_epi8(text, _mm_set1_epi8('\n'));
            blanks[i] = _mm_cmpgt_epi8(_mm_set1_epi8(' ' + 1), text); /* and what is no ASCII: a line has it or not */
        }
        uint64_t found = bits_of(blanks);
        __m128i any = _mm_or_si128(_mm_or_si128(newlines[0], newlines[1]), _mm_or_si128(newlines[2], newlines[3]));
        if (_mm_movemask_epi8(any) != 0) {
            uint64_t newline = bits_of(newlines);
            hash = (hash ^ (found & (newline ^ (newline - 1)))) * odd;
            return (size_t)((hash ^ hash >> 32) * odd >> 57);
        }
        hash = (hash ^ found) * odd;
        hash ^= hash >> 32;
    }
    return GOLEAK_SHAPE_SETS;
}

_Static_assert(GOLEAK_SHAPE_SETS == 1 << (64 - 57), "a set is found by so many bits of a hash");

/* Bytes behind the line may be anything. */
ALWAYS_INLINE bool fits(const struct goleak_shape *shape, const char *at)
{
    __m128i wrong = _mm_setzero_si128();
    for (size_t i = 0; i < shape->size; i += 32)
        for (size_t k = i; k < i + 32; k += 16)
            wrong = _mm_or_si128(
                wrong, _mm_subs_epu8(_mm_sub_epi8(load(at + k), part(shape->low + k)), part(shape->span + k)));
    return shape->size != 0 && _mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) == 0xffff;
}

/* Digits lie between '0' and 'f'; *wrong is not zero where one of them is none. */
ALWAYS_INLINE uint64_t take_address(const char *end, const uint8_t *digits, __m128i sixteen, __m128i *wrong)
{
    /* 0 to 9, and 0x51 to 0x56 for letters, which then are 4 to 9. */
    __m128i text = _mm_and_si128(_mm_xor_si128(load(end - 16), _mm_set1_epi8('0')), part(digits));
    __m128i letter = _mm_cmpgt_epi8(text, _mm_set1_epi8(0x50));
    text = _mm_sub_epi8(text, _mm_and_si128(letter, _mm_set1_epi8(0x4d)));
    *wrong = _mm_or_si128(*wrong, _mm_subs_epu8(text, _mm_set1_epi8(9)));
    text = _mm_add_epi8(text, _mm_and_si128(letter, _mm_set1_epi8(6)));
    text = _mm_srli_epi16(_mm_mullo_epi16(text, sixteen), 8);
    return __builtin_bswap64((uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(text, text)));
}

/* Two lanes, as pairs of digits and then as fours. */
ALWAYS_INLINE __m128i take_two(const char *line, const uint8_t *ends, const uint8_t *digits, __m128i ten)
{
    __m128i text = _mm_unpacklo_epi64(_mm_loadl_epi64((const void *)(line + ends[0] - 8)),
                                      _mm_loadl_epi64((const void *)(line + ends[1] - 8)));
    text = _mm_and_si128(_mm_xor_si128(text, _mm_set1_epi8('0')), part(digits));
    text = _mm_srli_epi16(_mm_mullo_epi16(text, ten), 8);
    return _mm_madd_epi16(text, _mm_set1_epi32(1 << 16 | 100));
}

ALWAYS_INLINE uint64_t decimal(const uint32_t *lanes, const struct goleak_shape *shape, enum goleak_shape_field field)
{
    struct goleak_shape_lanes which = shape->decimals[field];
    return (uint64_t)lanes[which.high] * 100000000 + lanes[which.low];
}

ALWAYS_INLINE uint32_t few(const uint32_t *lanes, const struct goleak_shape *shape, enum goleak_shape_field field)
{
    return lanes[shape->decimals[field].low];
}

/* False: it is not the line's shape after all. */
ALWAYS_INLINE bool take_values(const struct goleak_shapes *shapes, const struct goleak_shape *shape, const char *line,
                               struct goleak_event *event)
{
    const __m128i ten = part(shapes->tens), sixteen = part(shapes->sixteens);
    uint64_t addresses[GOLEAK_SHAPE_HEX + 1];
    uint32_t lanes[GOLEAK_SHAPE_LANES + 1];
    __m128i wrong = _mm_setzero_si128();
    for (size_t i = 0; i < shape->hex_count; i++)
        addresses[i] = take_address(line + shape->hex_ends[i], shape->hex_digits[i], sixteen, &wrong);
    addresses[GOLEAK_SHAPE_HEX] = 0;
    for (size_t i = 0; i < shape->lane_count; i += 4) {
        __m128i two = take_two(line, shape->lane_ends + i, shape->lane_digits[i], ten);
        __m128i more = take_two(line, shape->lane_ends + i + 2, shape->lane_digits[i + 2], ten);
        two = _mm_madd_epi16(_mm_packs_epi32(two, more), _mm_set1_epi32(1 << 16 | 10000));
        _mm_storeu_si128((void *)(lanes + i), two);
    }
    lanes[GOLEAK_SHAPE_LANES] = 0;

    event->kind = shape->kind;
    event->flags = 0;
    event->reason = (uint8_t)few(lanes, shape, GOLEAK_SHAPE_REASON);
    event->wait_reason = (uint8_t)few(lanes, shape, GOLEAK_SHAPE_WAIT);
    event->g = addresses[shape->addresses[GOLEAK_SHAPE_G]];
    event->goid = decimal(lanes, shape, GOLEAK_SHAPE_GOID);
    event->other_g = addresses[shape->addresses[GOLEAK_SHAPE_OTHER_G]];
    event->has = shape->has & ~((event->g == 0 ? GOLEAK_HAS_G : 0u) | (event->goid == 0 ? GOLEAK_HAS_GOID : 0u) |
                                (event->other_g == 0 ? GOLEAK_HAS_OTHER : 0u));
    uint64_t seconds = decimal(lanes, shape, GOLEAK_SHAPE_SECONDS);
    event->time_ns = (int64_t)(seconds * 1000000000 + decimal(lanes, shape, GOLEAK_SHAPE_FRACTION) * shape->fraction_ns);
    event->stack = 0;
    event->name = shape->name;
    event->other_goid = decimal(lanes, shape, GOLEAK_SHAPE_OTHER_GOID);
    event->lock = addresses[shape->addresses[GOLEAK_SHAPE_LOCK]];
    event->chan = addresses[shape->addresses[GOLEAK_SHAPE_CHAN]];
    event->elem = addresses[shape->addresses[GOLEAK_SHAPE_ELEM]];
    event->gopc = addresses[shape->addresses[GOLEAK_SHAPE_GOPC]];
    event->startpc = addresses[shape->addresses[GOLEAK_SHAPE_STARTPC]];
    event->cpu = few(lanes, shape, GOLEAK_SHAPE_CPU);
    event->tid = few(lanes, shape, GOLEAK_SHAPE_TID);
    event->pid = few(lanes, shape, GOLEAK_SHAPE_PID);
    event->status = (uint8_t)few(lanes, shape, GOLEAK_SHAPE_STATUS);
    return seconds < 9000000000 && _mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) == 0xffff &&
           (shape->needs == 0 || (event->has & shape->needs) != 0);
}

const struct goleak_shape *goleak_shapes_read(const struct goleak_shapes *shapes, const char *at,
                                              struct goleak_event *event, const char **end)
{
    size_t set = set_of(at);
    if (set == GOLEAK_SHAPE_SETS)
        return NULL;
    const struct goleak_shape *shape = shapes->all[set];
    if ((!fits(shape, at) && !fits(++shape, at)) || !take_values(shapes, shape, at, event))
        return NULL;
    *end = at + shape->size - 1;
    return shape;
}

#define PATIENCE 16

void goleak_shapes_keep(struct goleak_shapes *shapes, const struct goleak_shape_draft *draft)
{
    size_t set = draft->failed ? GOLEAK_SHAPE_SETS : set_of(draft->line);
    if (set == GOLEAK_SHAPE_SETS || shapes->off)
        return;
    struct goleak_shape *two = shapes->all[set];
    if (two[0].size != 0 && two[1].size != 0) { /* three that want one set would learn in vain all the time */
        if (++shapes->patience[set] % PATIENCE != 0)
            return;
        two[1] = two[0];
    } else if (two[0].size != 0) {
        two++;
    }
    *two = draft->shape;
}

#else

const struct goleak_shape *goleak_shapes_read(const struct goleak_shapes *shapes, const char *at,
                                              struct goleak_event *event, const char **end)
{
    (void)shapes, (void)at, (void)event, (void)end;
    return NULL;
}

void goleak_shapes_keep(struct goleak_shapes *shapes, const struct goleak_shape_draft *draft)
{
    (void)shapes, (void)draft;
}

#endif

/* ---- learning ---- */

void goleak_shape_begin(struct goleak_shape_draft *draft, const char *line, const char *newline, uint8_t kind)
{
    struct goleak_shape *shape = &draft->shape;
    size_t size = (size_t)(newline - line) + 1;
    draft->line = line;
    draft->failed = !GOLEAK_HAS_SHAPES || size > GOLEAK_SHAPE_BYTES;
    if (draft->failed)
        return;
    *shape = (struct goleak_shape){ .size = (uint8_t)size, .kind = kind, .fraction_ns = 1 };
    memcpy(shape->low, line, size);
    memset(shape->span + size, 0xff, GOLEAK_SHAPE_BYTES - size);
    memset(shape->lane_ends, 8, sizeof shape->lane_ends);
    memset(shape->addresses, GOLEAK_SHAPE_HEX, sizeof shape->addresses);
    memset(shape->decimals, GOLEAK_SHAPE_LANES, sizeof shape->decimals);
}

/* Which bytes may stand there; returns where they end. */
static size_t allow(struct goleak_shape_draft *draft, const char *at, size_t size, uint8_t low, uint8_t high)
{
    size_t from = (size_t)(at - draft->line);
    memset(draft->shape.low + from, low, size);
    memset(draft->shape.span + from, high - low, size);
    return from + size;
}

static void add_address(struct goleak_shape_draft *draft, enum goleak_shape_field field, size_t end, size_t digits)
{
    struct goleak_shape *shape = &draft->shape;
    uint8_t index = shape->hex_count;
    if (index == GOLEAK_SHAPE_HEX || end < 16 || digits > 15 || field > GOLEAK_SHAPE_STARTPC) {
        draft->failed = true;
        return;
    }
    shape->hex_ends[index] = (uint8_t)end;
    memset(shape->hex_digits[index] + 16 - digits, 0xff, digits);
    shape->addresses[field] = index;
    shape->hex_count++;
}

/* Eight digits at most; returns the lane. */
static uint8_t add_lane(struct goleak_shape_draft *draft, size_t end, size_t digits)
{
    struct goleak_shape *shape = &draft->shape;
    uint8_t lane = shape->lane_count;
    if (lane == GOLEAK_SHAPE_LANES || end < 8) {
        draft->failed = true;
        return GOLEAK_SHAPE_LANES;
    }
    shape->lane_ends[lane] = (uint8_t)end;
    memset(shape->lane_digits[lane] + 8 - digits, 0xff, digits);
    shape->lane_count++;
    return lane;
}

static void add_decimal(struct goleak_shape_draft *draft, enum goleak_shape_field field, size_t end, size_t digits)
{
    size_t most = field < GOLEAK_SHAPE_REASON || field >= GOLEAK_SHAPE_GOID ? 16 : field < GOLEAK_SHAPE_CPU ? 2 : 8;
    struct goleak_shape_lanes *lanes = &draft->shape.decimals[field];
    if (digits > most || (field > GOLEAK_SHAPE_NOTHING && field < GOLEAK_SHAPE_REASON)) {
        draft->failed = true;
        return;
    }
    lanes->low = add_lane(draft, end, digits < 8 ? digits : 8);
    if (digits > 8)
        lanes->high = add_lane(draft, end - 8, digits - 8);
}

void goleak_shape_number(struct goleak_shape_draft *draft, enum goleak_shape_field field, bool hex, const char *at,
                         size_t digits, uint32_t has)
{
    struct goleak_shape *shape = &draft->shape;
    draft->failed = draft->failed || digits == 0 || (shape->has & has) != 0; /* the last of two would count */
    if (draft->failed)
        return;
    size_t end = allow(draft, at, digits, '0', hex ? 'f' : '9');
    shape->has |= has;
    if (hex)
        add_address(draft, field, end, digits);
    else if (field != GOLEAK_SHAPE_NOTHING)
        add_decimal(draft, field == GOLEAK_SHAPE_TIME ? GOLEAK_SHAPE_FRACTION : field, end, digits);
    if (field == GOLEAK_SHAPE_FRACTION) {
        shape->fraction_ns = digits == 6 ? 1000 : 1;
        draft->failed = draft->failed || (digits != 6 && digits != 9);
    }
}

void goleak_shape_text(struct goleak_shape_draft *draft, const char *at, size_t size, bool is_function)
{
    struct goleak_shape *shape = &draft->shape;
    draft->failed = draft->failed || size == 0 || memchr(at, ' ', size) != NULL || (is_function && shape->text_size != 0);
    if (draft->failed)
        return;
    size_t end = allow(draft, at, size, '!', 0xff);
    if (is_function) {
        shape->text_at = (uint8_t)(end - size);
        shape->text_size = (uint8_t)size;
    }
}
