/* glk_layout - see glk_layout.h. */
#include "format/glk_layout.h"

#include "base/xxh64.h"
#include "format/glk_column.h"
#include "format/varint.h"

#include <string.h>

static void put_sum(struct goleak_buf *out, uint32_t sum)
{
    const uint8_t bytes[4] = { (uint8_t)sum, (uint8_t)(sum >> 8), (uint8_t)(sum >> 16), (uint8_t)(sum >> 24) };
    goleak_buf_append(out, bytes, sizeof bytes);
}

static uint32_t get_sum(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put_section(struct goleak_buf *out, uint64_t packed, uint64_t plain, uint32_t sum)
{
    goleak_glk_put_number(out, packed);
    if (packed == 0)
        return;
    goleak_glk_put_number(out, plain);
    put_sum(out, sum);
}

void goleak_glk_head_put(struct goleak_buf *out, const struct goleak_glk_head *head)
{
    size_t from = out->size;
    goleak_buf_append(out, GOLEAK_GLK_MARK "\0", GOLEAK_GLK_MARK_BYTES + 1);
    goleak_buf_char(out, (char)head->kind);
    goleak_buf_char(out, (char)head->flags);
    goleak_glk_put_number(out, head->number);
    goleak_glk_put_number(out, head->source);
    put_section(out, head->tables_packed, head->tables_plain, head->tables_sum);
    put_section(out, head->columns_packed, head->columns_plain, head->columns_sum);
    goleak_glk_put_number(out, head->events);
    bool timed = head->first_ns != INT64_MIN;
    if (timed || head->has_since) { /* they go by their order: nothing before the last is left out */
        goleak_glk_put_signed(out, timed ? head->first_ns : 0);
        goleak_glk_put_number(out, timed ? head->span_ns : 0);
    }
    if (head->has_since)
        goleak_glk_put_number(out, head->since);
    if (out->failed)
        return;
    out->data[from + GOLEAK_GLK_MARK_BYTES] = (char)(out->size - from - GOLEAK_GLK_MARK_BYTES - 1);
    put_sum(out, (uint32_t)goleak_xxh64(out->data + from, out->size - from));
}

static const uint8_t *get_section(const uint8_t *at, const uint8_t *end, uint64_t *packed, uint64_t *plain,
                                  uint32_t *sum)
{
    *plain = 0;
    *sum = 0;
    at = goleak_varint(at, end, packed);
    if (at == NULL || *packed == 0)
        return at;
    at = goleak_varint(at, end, plain);
    if (at == NULL || end - at < 4)
        return NULL;
    *sum = get_sum(at);
    return at + 4;
}

/* What may be left out. Bytes that are nothing of it are a newer version's business: the
 * checksum is right. */
static void get_rest(struct goleak_glk_head *head, const uint8_t *at, const uint8_t *end)
{
    uint64_t zigzag;
    at = goleak_varint(at, end, &zigzag);
    at = at != NULL ? goleak_varint(at, end, &head->span_ns) : NULL;
    if (at == NULL)
        return;
    head->first_ns = goleak_unzigzag(zigzag);
    at = goleak_varint(at, end, &head->since);
    head->has_since = at != NULL && head->since <= head->number;
}

enum goleak_glk_found goleak_glk_head_get(struct goleak_glk_head *head, const uint8_t *at, size_t size)
{
    const uint8_t *start = at;
    size_t known = size < GOLEAK_GLK_MARK_BYTES ? size : GOLEAK_GLK_MARK_BYTES;
    if (memcmp(at, GOLEAK_GLK_MARK, known) != 0)
        return GOLEAK_GLK_BROKEN;
    if (size < GOLEAK_GLK_MARK_BYTES + 1 || size < GOLEAK_GLK_MARK_BYTES + 1 + (size_t)at[GOLEAK_GLK_MARK_BYTES] + 4)
        return GOLEAK_GLK_MORE;
    const uint8_t *end = at + GOLEAK_GLK_MARK_BYTES + 1 + at[GOLEAK_GLK_MARK_BYTES];
    if (end - start < GOLEAK_GLK_MARK_BYTES + 3 || get_sum(end) != (uint32_t)goleak_xxh64(start, (size_t)(end - start)))
        return GOLEAK_GLK_BROKEN;
    at += GOLEAK_GLK_MARK_BYTES + 1;
    *head = (struct goleak_glk_head) { .kind = at[0], .flags = at[1], .bytes = (size_t)(end - start) + 4 };
    head->first_ns = INT64_MIN;
    at = goleak_varint(at + 2, end, &head->number);
    at = at != NULL ? goleak_varint(at, end, &head->source) : NULL;
    at = at != NULL ? get_section(at, end, &head->tables_packed, &head->tables_plain, &head->tables_sum) : NULL;
    at = at != NULL ? get_section(at, end, &head->columns_packed, &head->columns_plain, &head->columns_sum) : NULL;
    at = at != NULL ? goleak_varint(at, end, &head->events) : NULL;
    if (at == NULL)
        return GOLEAK_GLK_BROKEN;
    get_rest(head, at, end);
    return GOLEAK_GLK_WHOLE;
}

/* As traces of Go 1.22 and later call them; those of older ones get the same names. */
unsigned goleak_glk_texts(const char *name)
{
    static const struct {
        const char *name;
        unsigned texts;
    } kinds[] = {
        { "STWBegin", 1 },        { "GoLabel", 1 },       { "UserTaskBegin", 4 },
        { "UserRegionBegin", 2 }, { "UserRegionEnd", 2 }, { "UserLog", 6 },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(name, kinds[i].name) == 0)
            return kinds[i].texts;
    return 0;
}
