/* perf_columns - see perf_columns.h. */
#include "format/perf_columns.h"

#include "base/number.h"
#include "format/textual.h"

#define NAME_LONGEST 256 /* of a group and a probe */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '.' || c == '-' ||
           c == '/' || c == '@' || c == '%';
}

const char *goleak_perf_seconds(const char *at, const char *end, int64_t *out)
{
    static const uint32_t scale[10] = { 0, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };
    uint64_t seconds, fraction;
    const char *dot = goleak_parse_u64(at, end, &seconds);
    if (dot == NULL || dot == end || *dot != '.' || seconds > (uint64_t)INT64_MAX / 1000000000 - 1)
        return NULL;
    const char *stop = goleak_parse_u64(dot + 1, end, &fraction);
    if (stop == NULL || stop - dot - 1 > 9)
        return NULL;
    *out = (int64_t)(seconds * 1000000000 + fraction * scale[stop - dot - 1]);
    return stop;
}

/* The token that ends at *end, which moves to its start. Empty: none. */
static const char *token_before(const char *from, const char **end)
{
    const char *stop = *end;
    while (stop > from && stop[-1] == ' ')
        stop--;
    *end = stop;
    while (stop > from && stop[-1] != ' ')
        stop--;
    return stop;
}

static bool parse_ids(const char *at, const char *end, struct goleak_perf_head *head)
{
    uint64_t first, second;
    if (at < end && *at == '-') /* "-1/0": a record that perf made up */
        at++;
    const char *rest = goleak_parse_u64(at, end, &first);
    if (rest == NULL || first > UINT32_MAX)
        return false;
    if (rest == end) {
        head->tid = (uint32_t)first;
        head->has |= GOLEAK_HAS_TID;
        return true;
    }
    if (*rest != '/' || goleak_parse_u64(rest + 1, end, &second) != end || second > UINT32_MAX)
        return false;
    head->pid = (uint32_t)first;
    head->tid = (uint32_t)second;
    head->has |= GOLEAK_HAS_PID | GOLEAK_HAS_TID;
    return true;
}

void goleak_perf_columns(const char *from, const char *end, struct goleak_perf_head *head)
{
    const char *stop = end, *at = token_before(from, &stop);
    uint64_t number;
    if (at < stop && goleak_parse_u64(at, stop, &number) == stop) { /* a period, if a time is before it */
        const char *before = at, *time = token_before(from, &before);
        if (before > time && before[-1] == ':' && goleak_perf_seconds(time, before, &head->time_ns) == before - 1) {
            head->has_period = true;
            at = time;
            stop = before;
        }
    }
    if (stop > at && stop[-1] == ':' && goleak_perf_seconds(at, stop, &head->time_ns) == stop - 1) {
        head->has |= GOLEAK_HAS_TIME;
        stop = at;
        at = token_before(from, &stop);
    }
    bool misc = stop > at && stop - at <= 5;
    for (const char *c = at; c < stop && misc; c++)
        misc = *c >= 'A' && *c <= 'Z';
    if (misc && at > from) {
        const char *before = at, *cpu = token_before(from, &before);
        if (before > cpu && (*cpu == '[' || is_digit(*cpu))) {
            at = cpu;
            stop = before;
        }
    }
    if (stop - at > 2 && *at == '[' && stop[-1] == ']' && goleak_parse_u64(at + 1, stop, &number) == stop - 1 &&
        number <= UINT32_MAX) {
        head->cpu = (uint32_t)number;
        head->has |= GOLEAK_HAS_CPU;
        stop = at;
        at = token_before(from, &stop);
    }
    if (at < stop && parse_ids(at, stop, head)) {
        stop = at;
        token_before(from, &stop);
    }
    head->comm = from;
    head->comm_end = stop;
}

bool goleak_perf_head_find(const char *at, const char *end, struct goleak_perf_head *out)
{
    const char *best = NULL, *best_end = NULL;
    for (const char *colon = at; (colon = memchr(colon, ':', (size_t)(end - colon))) != NULL;) {
        const char *from = colon, *stop = colon + 1;
        while (from > at && is_name(from[-1]))
            from--;
        while (stop < end && (is_name(*stop) || *stop == ':'))
            stop++;
        bool named = from < colon && stop - from <= NAME_LONGEST && stop > colon + 2 && stop[-1] == ':' &&
                     (stop == end || *stop == ' ') && !is_digit(*from);
        if (named) {
            const char *trace = goleak_skip_blanks(stop, end);
            if (best == NULL || (trace < end && *trace == '(')) {
                best = from;
                best_end = stop;
            }
            if (trace < end && *trace == '(')
                break;
        }
        colon = stop;
    }
    *out = (struct goleak_perf_head) { 0 };
    if (best == NULL)
        return false;
    out->event = best;
    out->event_end = best_end - 1;
    out->trace = best_end;
    goleak_perf_columns(at, best, out);
    return true;
}

const char *goleak_perf_addresses(const char *at, const char *end, bool *returns, uint64_t *probe)
{
    uint64_t address;
    *probe = 0;
    if (at == end || *at != '(')
        return NULL;
    const char *close = memchr(at, ')', (size_t)(end - at));
    const char *rest = close != NULL ? goleak_parse_hex(at + 1, close, &address) : NULL;
    *returns = rest != NULL && goleak_begins(rest, close, " <- ");
    if (rest != NULL && (*returns || rest == close))
        *probe = address;
    if (*returns)
        rest = goleak_parse_hex(rest + 4, close, &address);
    else if (rest != NULL && goleak_begins(rest, close, "+")) /* a relative address */
        rest = close;
    return rest == NULL ? NULL : goleak_skip_blanks(close + 1, end);
}

const char *goleak_perf_columns_end(const char *at, const char *end)
{
    for (const char *colon = at; (colon = memchr(colon, ':', (size_t)(end - colon))) != NULL; colon++) {
        const char *from = colon;
        int64_t time_ns;
        while (from > at && (is_digit(from[-1]) || from[-1] == '.'))
            from--;
        /* Who stands alone is asked further: else each of "1.1:1.1:…" would be looked through to the start. */
        if (from == colon || (from > at && from[-1] != ' ') || goleak_perf_seconds(from, colon, &time_ns) != colon)
            continue;
        struct goleak_perf_head head = { 0 };
        goleak_perf_columns(at, colon + 1, &head);
        if (head.has & GOLEAK_HAS_TID)
            return colon + 1;
    }
    return NULL;
}

bool goleak_perf_is_trace_alone(const char *at, const char *end)
{
    bool returns;
    uint64_t probe;
    const char *columns = goleak_perf_columns_end(at, end);
    at = goleak_skip_blanks(columns != NULL ? columns : at, end);
    const char *rest = goleak_perf_addresses(at, end, &returns, &probe);
    if (rest == NULL)
        return false;
    const char *equals = memchr(rest, '=', (size_t)(end - rest));
    return equals != NULL && equals > rest && memchr(rest, ' ', (size_t)(equals - rest)) == NULL;
}

bool goleak_perf_is_columns_alone(const char *at, const char *end)
{
    const char *rest = goleak_perf_columns_end(at, end);
    return rest != NULL && goleak_skip_blanks(rest, end) == end;
}

bool goleak_perf_is_source_line(const char *at, const char *end)
{
    uint64_t number;
    const char *from = end;
    const char *start = at;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (from > start && is_digit(from[-1]))
        from--;
    return start > at && from > start + 1 && from[-1] == ':' && goleak_parse_u64(from, end, &number) == end &&
           memchr(start, ' ', (size_t)(end - start)) == NULL;
}
