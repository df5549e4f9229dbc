/* article - see article.h. */
#include "format/article.h"

#include "base/compiler.h"

#if defined(__SSE2__) && defined(__x86_64__)
#define SSE2 1
#else
#define SSE2 0
#endif

/* Lines have from `shortest` to `longest` bytes before the newline. */
struct sizes {
    size_t shortest, longest;
};
static const struct sizes sizes[2] = { { 48, 95 }, { 56, GOLEAK_ARTICLE_BYTES - 1 } };

/* By the third byte, that tells the names apart: 'p', 'd', 'w'. `more`: than the shortest. */
ALWAYS_INLINE size_t place_of(const char *at, size_t more)
{
    return (size_t)((unsigned char)at[2] & 6) * 32 + more;
}

void goleak_article_init(struct goleak_article *article)
{
    memset(article, 0, sizeof *article);
    for (size_t i = 0; i < 8; i++) {
        article->tens[i] = 10 * 256 + 1;
        article->sixteens[i] = 16 * 256 + 1;
    }
    struct goleak_article_shape *none = &article->shapes[0];
    memset(none->low, 0xff, sizeof none->low);
    none->g_end = none->other_end = none->count_end = none->blocked_end = none->time_end = 16;
    for (size_t i = 0; i < 256; i++)
        article->places[0][i] = article->places[1][i] = none;
}

/* ---- learning a shape ---- */

/* What must stand at *at. */
static bool learn_text(struct goleak_article_shape *shape, const char **at, const char *text)
{
    size_t size = strlen(text);
    if (memcmp(*at, text, size) != 0 || shape->size + size > GOLEAK_ARTICLE_BYTES)
        return false;
    memcpy(shape->low + shape->size, text, size);
    memset(shape->span + shape->size, 0, size);
    shape->size = (uint8_t)(shape->size + size);
    *at += size;
    return true;
}

/* A number of up to `most` digits; `digits` is where they end. */
static bool learn_number(struct goleak_article_shape *shape, const char **at, bool hex, size_t most, uint8_t *digits,
                         uint8_t *end)
{
    size_t size = 0;
    for (const char *c = *at; (*c >= '0' && *c <= '9') || (hex && *c >= 'a' && *c <= 'f'); c++)
        if (++size > most)
            return false;
    if (size == 0 || shape->size + size > GOLEAK_ARTICLE_BYTES)
        return false;
    memset(shape->low + shape->size, '0', size);
    memset(shape->span + shape->size, hex ? 'f' - '0' : 9, size);
    memset(digits - size, 0xff, size);
    *end = shape->size = (uint8_t)(shape->size + size);
    *at += size;
    return true;
}

static bool learn_count(struct goleak_article_shape *shape, const char **at, const char *text, size_t most)
{
    return learn_text(shape, at, text) &&
           learn_number(shape, at, false, most, shape->counts_digits + 8, &shape->count_end);
}

static bool learn_other(struct goleak_article_shape *shape, const char **at, const char *text, size_t most)
{
    return learn_text(shape, at, text) &&
           learn_number(shape, at, false, most, shape->other_digits + 16, &shape->other_end);
}

/* A name, the goroutine, and what is not the same for each kind. */
static bool learn_front(struct goleak_article_shape *shape, const char **at)
{
    const uint32_t counters = GOLEAK_HAS_G | GOLEAK_HAS_COUNT | GOLEAK_HAS_BLOCKED_COUNT;
    bool parks = learn_text(shape, at, "gopark: goroutine=");
    bool creates = !parks && learn_text(shape, at, "newproc1: goroutine=");
    if ((!parks && !creates && !learn_text(shape, at, "godestroy: goroutine=")) ||
        !learn_number(shape, at, true, 15, shape->g_digits + 16, &shape->g_end))
        return false;
    shape->begin.kind = parks ? GOLEAK_EVENT_PARK : creates ? GOLEAK_EVENT_CREATE : GOLEAK_EVENT_END;
    shape->begin.has = counters | (creates ? GOLEAK_HAS_OTHER : 0);
    shape->any_other = !creates;
    shape->other_end = shape->g_end;
    shape->step = creates ? 1 : parks ? 0 : -1;
    shape->tells_count = parks ? 0 : -1;
    if (creates)
        return learn_other(shape, at, " parent=", 15) && learn_count(shape, at, " count=", 7);
    if (!parks)
        return learn_count(shape, at, " count=", 7);
    shape->begin.has = GOLEAK_HAS_G | GOLEAK_HAS_BLOCKED | GOLEAK_HAS_REASON | GOLEAK_HAS_BLOCKED_COUNT;
    shape->blocked = GOLEAK_FLAG_BLOCKED;
    if (!learn_other(shape, at, " blocked=", 1))
        return false;
    shape->span[shape->size - 1] = 1;
    return learn_count(shape, at, " reason=", 2);
}

/* Learns the shape of the line at `at`. False: it is none of the article's. */
static bool learn(struct goleak_article *article, const char *at)
{
    const char *start = at;
    struct goleak_article_shape shape = { .time_end = 16 };
    memset(shape.span, 0xff, sizeof shape.span);
    if (!learn_front(&shape, &at) || !learn_text(&shape, &at, " blocked_count=") ||
        !learn_number(&shape, &at, false, 7, shape.counts_digits + 16, &shape.blocked_end))
        return false;
    bool timed = *at == ' ';
    if (timed && (!learn_text(&shape, &at, " ts=") ||
                  !learn_number(&shape, &at, false, 15, shape.time_digits + 16, &shape.time_end)))
        return false;
    size_t before = shape.size;
    if (!learn_text(&shape, &at, "\n") || before < sizes[timed].shortest || before > sizes[timed].longest)
        return false;
    shape.begin.has |= timed ? GOLEAK_HAS_TIME : 0;
    shape.place = &article->places[timed][place_of(start, before - sizes[timed].shortest)];
    if (*shape.place == &article->shapes[0]) {
        article->learnt = (uint8_t)(article->learnt % (GOLEAK_ARTICLE_SHAPES - 1) + 1);
        struct goleak_article_shape *old = &article->shapes[article->learnt];
        if (old->place != NULL)
            *old->place = &article->shapes[0];
        *shape.place = old;
    }
    **shape.place = shape;
    article->timed = timed;
    return true;
}

/* ---- reading by a shape ---- */

/* Where the first newline is, behind the shortest line; behind the longest if there is
 * none so far. */
ALWAYS_INLINE size_t plain_newline(const char *at, bool timed)
{
    size_t most = sizes[timed].longest + 1 - sizes[timed].shortest;
    const char *newline = memchr(at + sizes[timed].shortest, '\n', most);
    return newline != NULL ? (size_t)(newline - at) - sizes[timed].shortest : most;
}

/* The eight bytes before `end`; '0' for those that are no digits of the number. */
ALWAYS_INLINE uint64_t plain_eight(const char *end, const uint8_t *digits)
{
    const uint64_t zeros = 0x30 * GOLEAK_EACH_BYTE;
    uint64_t keep;
    memcpy(&keep, digits, sizeof keep);
    return ((goleak_load64(end - 8) ^ zeros) & keep) ^ zeros;
}

/* The shape has seen that these are digits. */
ALWAYS_INLINE uint64_t plain_decimal(const char *end, const uint8_t *digits)
{
    uint64_t word = plain_eight(end, digits), number = 0;
    if (GOLEAK_EIGHT)
        return goleak_eight_decimal(word ^ 0x30 * GOLEAK_EACH_BYTE);
    char text[8];
    memcpy(text, &word, sizeof text);
    goleak_plain_more(text, text + 8, &number);
    return number;
}

/* … and that these lie between '0' and 'f'. */
ALWAYS_INLINE uint64_t plain_hex(const char *end, const uint8_t *digits, bool *fits)
{
    uint64_t word = plain_eight(end, digits), number = 0;
    bool capital = (word >> 6 & ~(word >> 5) & GOLEAK_EACH_BYTE) != 0;
    if (GOLEAK_EIGHT) {
        *fits = *fits && !capital && goleak_not_hex(word) == 0;
        return goleak_eight_hex(word);
    }
    char text[8];
    memcpy(text, &word, sizeof text);
    for (size_t i = 0; i < 8; i++) {
        uint8_t digit = goleak_hex_digit[(unsigned char)text[i]];
        *fits = *fits && !capital && digit < 16;
        number = number << 4 | (digit & 15);
    }
    return number;
}

/* Takes the values of a line. False: it does not fit the shape. */
ALWAYS_INLINE bool plain_values(const struct goleak_article_shape *shape, const char *at, bool timed,
                                struct goleak_event *event)
{
    const uint64_t eight = 100000000;
    unsigned char wrong = 0;
    for (size_t i = 0; i < (timed ? GOLEAK_ARTICLE_BYTES : 96); i++)
        wrong |= (uint8_t)((unsigned char)at[i] - shape->low[i]) > shape->span[i];
    bool fits = wrong == 0;
    const char *g = at + shape->g_end, *other = at + shape->other_end, *time = at + shape->time_end;
    event->g = plain_hex(g - 8, shape->g_digits, &fits) << 32 | plain_hex(g, shape->g_digits + 8, &fits);
    event->other_g =
        plain_decimal(other - 8, shape->other_digits) * eight + plain_decimal(other, shape->other_digits + 8);
    event->count = (int32_t)plain_decimal(at + shape->count_end, shape->counts_digits);
    event->blocked_count = (int32_t)plain_decimal(at + shape->blocked_end, shape->counts_digits + 8);
    if (timed)
        event->time_ns = (int64_t)(plain_decimal(time - 8, shape->time_digits) * eight +
                                   plain_decimal(time, shape->time_digits + 8));
    return fits;
}

#if SSE2

ALWAYS_INLINE __m128i load(const void *at)
{
    return _mm_loadu_si128(at);
}

/* Of a shape: they lie at 16 bytes. */
ALWAYS_INLINE __m128i part(const void *at)
{
    return _mm_load_si128(at);
}

/* Two times eight bytes. */
ALWAYS_INLINE __m128i load_halves(const char *low, const char *high)
{
    return _mm_unpacklo_epi64(_mm_loadl_epi64((const void *)low), _mm_loadl_epi64((const void *)high));
}

ALWAYS_INLINE size_t sse2_newline(const char *at, bool timed)
{
    const __m128i newline = _mm_set1_epi8('\n');
    const char *from = at + sizes[timed].shortest;
    uint64_t found = (uint64_t)1 << (sizes[timed].longest + 1 - sizes[timed].shortest);
    for (size_t i = 0; i < (timed ? 4 : 3); i++)
        found |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(load(from + 16 * i), newline)) << 16 * i;
    return goleak_low_zeros(found);
}

ALWAYS_INLINE bool sse2_values(const struct goleak_article *article, const struct goleak_article_shape *shape,
                               const char *at, bool timed, struct goleak_event *event)
{
    const __m128i zeros = _mm_set1_epi8('0'), nine = _mm_set1_epi8(9), hundreds = _mm_set1_epi32(1 << 16 | 100);
    const __m128i ten = part(article->tens); /* from memory: of constants compilers make shifts and sums */
    __m128i wrong = _mm_setzero_si128();
    for (size_t i = 0; i < (timed ? GOLEAK_ARTICLE_BYTES : 96); i += 16)
        wrong =
            _mm_or_si128(wrong, _mm_subs_epu8(_mm_sub_epi8(load(at + i), part(shape->low + i)), part(shape->span + i)));

    /* Digits are 0 to 9, letters 0x51 to 0x56, and 4 to 9 from there. */
    __m128i g = _mm_and_si128(_mm_xor_si128(load(at + shape->g_end - 16), zeros), part(shape->g_digits));
    __m128i letter = _mm_cmpgt_epi8(g, _mm_set1_epi8(0x50));
    g = _mm_sub_epi8(g, _mm_and_si128(letter, _mm_set1_epi8(0x4d)));
    wrong = _mm_or_si128(wrong, _mm_subs_epu8(g, nine));
    g = _mm_add_epi8(g, _mm_and_si128(letter, _mm_set1_epi8(6)));
    g = _mm_srli_epi16(_mm_mullo_epi16(g, part(article->sixteens)), 8);
    event->g = __builtin_bswap64((uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(g, g)));

    /* Pairs of digits, fours, eights. */
    __m128i other = _mm_and_si128(_mm_xor_si128(load(at + shape->other_end - 16), zeros), part(shape->other_digits));
    __m128i counts = load_halves(at + shape->count_end - 8, at + shape->blocked_end - 8);
    counts = _mm_and_si128(_mm_xor_si128(counts, zeros), part(shape->counts_digits));
    other = _mm_madd_epi16(_mm_srli_epi16(_mm_mullo_epi16(other, ten), 8), hundreds);
    counts = _mm_madd_epi16(_mm_srli_epi16(_mm_mullo_epi16(counts, ten), 8), hundreds);
    other = _mm_madd_epi16(_mm_packs_epi32(other, counts), _mm_set1_epi32(1 << 16 | 10000));
    uint64_t high = (uint64_t)_mm_cvtsi128_si64(other);
    uint64_t both = (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(other, other));
    event->other_g = (high & 0xffffffff) * 100000000 + (high >> 32);
    memcpy(&event->count, &both, sizeof both); /* and blocked_count */
    if (timed) {
        __m128i time = _mm_and_si128(_mm_xor_si128(load(at + shape->time_end - 16), zeros), part(shape->time_digits));
        time = _mm_madd_epi16(_mm_srli_epi16(_mm_mullo_epi16(time, ten), 8), hundreds);
        time = _mm_madd_epi16(_mm_packs_epi32(time, time), _mm_set1_epi32(1 << 16 | 10000));
        high = (uint64_t)_mm_cvtsi128_si64(time);
        event->time_ns = (int64_t)((high & 0xffffffff) * 100000000 + (high >> 32));
    }
    return _mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) == 0xffff;
}

#endif

/* The counters, and whether they go on as they must: see counters.c of the replay. */
struct ledger {
    int64_t count, blocked;
    int64_t wrong; /* not 0: one is not what the line before gives */
    int64_t above; /* negative: more are blocked than can be */
};

ALWAYS_INLINE void enter(struct ledger *ledger, const struct goleak_article_shape *shape,
                         const struct goleak_event *event)
{
    ledger->count += shape->step;
    ledger->wrong |= (event->count - ledger->count) & shape->tells_count;
    ledger->above |= ledger->blocked + event->flags - event->blocked_count; /* the flag is 1 */
    ledger->blocked = event->blocked_count;
}

/* Keeps what the last lines, of these, told. */
static void close_ledger(struct goleak_article *article, const struct ledger *ledger, const struct goleak_event *first,
                         const struct goleak_event *behind)
{
    article->counters = (struct goleak_counters) { (int32_t)ledger->count, (int32_t)ledger->blocked };
    if (ledger->wrong == 0 && ledger->above >= 0)
        return;
    article->goes_on = false;
    while (behind > first && (behind[-1].has & GOLEAK_HAS_COUNT) == 0)
        behind--;
    if (behind > first)
        article->counters.count = behind[-1].count;
}

/* Behind the line at `at`, which becomes the event; NULL: it has no shape that is known,
 * or is none of the article's. */
ALWAYS_INLINE const char *read_line(const struct goleak_article *article, const char *at, bool timed, bool plain,
                                    struct goleak_event *event, struct ledger *ledger)
{
#if SSE2
    size_t more = plain ? plain_newline(at, timed) : sse2_newline(at, timed);
    const struct goleak_article_shape *shape = article->places[timed][place_of(at, more)];
    memcpy(event, &shape->begin, sizeof shape->begin);
    bool fits = plain ? plain_values(shape, at, timed, event) : sse2_values(article, shape, at, timed, event);
#else
    size_t more = plain_newline(at, timed);
    const struct goleak_article_shape *shape = article->places[timed][place_of(at, more)];
    memcpy(event, &shape->begin, sizeof shape->begin);
    bool fits = plain_values(shape, at, timed, event);
    (void)plain;
#endif
    event->flags = (uint8_t)(event->other_g & shape->blocked);
    event->reason = (uint8_t)(event->count & ~shape->tells_count); /* which is the reason of a park */
    if (!fits || event->g == 0 || (event->other_g | shape->any_other) == 0)
        return NULL;
    if (!timed)
        enter(ledger, shape, event);
    return at + sizes[timed].shortest + more + 1; /* which is known before the shape */
}

ALWAYS_INLINE const char *read_all(struct goleak_article *article, const char *at, const char *end, bool timed,
                                   bool plain, struct goleak_event *events, size_t room, uint64_t *line)
{
    struct ledger ledger = { article->counters.count, article->counters.blocked, 0, 0 };
    struct goleak_event *event = events;
    for (uint64_t position = *line; event < events + room && at < end; event++) {
        const char *next = read_line(article, at, timed, plain, event, &ledger);
        if (next == NULL)
            break;
        event->position = ++position;
        at = next;
    }
    *line += (uint64_t)(event - events);
    if (timed)
        article->goes_on = false;
    else
        close_ledger(article, &ledger, events, event);
    return at;
}

ALWAYS_INLINE const char *read_any(struct goleak_article *article, const char *at, const char *end, bool plain,
                                   struct goleak_event *events, size_t room, uint64_t *line)
{
    const uint64_t first = *line;
    const char *learnt = NULL; /* the line at which a shape was learnt last, in vain if it is not read then */
    while (at < end && *line - first < room) {
        struct goleak_event *next = events + (*line - first);
        size_t left = room - (size_t)(*line - first);
        at = article->timed ? read_all(article, at, end, true, plain, next, left, line)
                            : read_all(article, at, end, false, plain, next, left, line);
        bool timed = article->timed;
        if (at == end || *line - first == room || at == learnt || !learn(article, learnt = at))
            break;
        if (article->timed != timed && *line != first)
            break;
    }
    return at;
}

const char *goleak_article_read(struct goleak_article *article, const char *at, const char *end,
                                struct goleak_event *events, size_t room, uint64_t *line)
{
    return read_any(article, at, end, !SSE2, events, room, line);
}

const char *goleak_article_read_plain(struct goleak_article *article, const char *at, const char *end,
                                      struct goleak_event *events, size_t room, uint64_t *line)
{
    return read_any(article, at, end, true, events, room, line);
}
