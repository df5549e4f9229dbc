/* glk_bytes - see glk_bytes.h. */
#include "support/glk_bytes.h"

#include <string.h>

#include "base/xxh64.h"
#include "format/glk_layout.h"
#include "format/varint.h"

bool glk_bytes_write(void *context, const void *data, size_t size)
{
    bytes_add(context, data, size);
    return true;
}

enum goleak_status glk_bytes_convert(struct bytes *out, const char *path, int level)
{
    struct goleak_error error;
    return goleak_convert(&path, 1, NULL, level, glk_bytes_write, out, &error);
}

static void put_sum(uint8_t *at, uint32_t sum)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(sum >> (8 * i));
}

/* Where a section's sum stands in the head; NULL: it has none. Moves on behind it. */
static uint8_t *find_sum(const uint8_t **at, const uint8_t *end, uint64_t *packed)
{
    uint64_t plain;
    *at = *at != NULL ? goleak_varint(*at, end, packed) : NULL;
    if (*at == NULL || *packed == 0)
        return NULL;
    *at = goleak_varint(*at, end, &plain);
    if (*at == NULL || end - *at < 4)
        return NULL;
    uint8_t *sum = (uint8_t *)(uintptr_t)*at;
    *at += 4;
    return sum;
}

static void mend_block(uint8_t *block, size_t left)
{
    uint64_t number, source, packed[2] = { 0 };
    const uint8_t *at = block + GOLEAK_GLK_MARK_BYTES + 3;
    const uint8_t *end = block + GOLEAK_GLK_MARK_BYTES + 1 + block[GOLEAK_GLK_MARK_BYTES];
    if (end + 4 > block + left || at > end)
        return;
    at = goleak_varint(at, end, &number);
    at = at != NULL ? goleak_varint(at, end, &source) : NULL;
    uint8_t *sums[2];
    for (int i = 0; i < 2; i++)
        sums[i] = find_sum(&at, end, &packed[i]);
    const uint8_t *section = end + 4;
    for (int i = 0; i < 2; i++) {
        if (packed[i] > (size_t)(block + left - section))
            break;
        if (sums[i] != NULL)
            put_sum(sums[i], (uint32_t)goleak_xxh64(section, (size_t)packed[i]));
        section += packed[i];
    }
    put_sum((uint8_t *)(uintptr_t)end, (uint32_t)goleak_xxh64(block, (size_t)(end - block)));
}

void glk_bytes_mend(struct bytes *glk)
{
    uint8_t *data = (uint8_t *)glk->data;
    for (size_t at = 0; at + GOLEAK_GLK_MARK_BYTES + 4 < glk->size; at++)
        if (memcmp(data + at, GOLEAK_GLK_MARK, GOLEAK_GLK_MARK_BYTES) == 0)
            mend_block(data + at, glk->size - at);
}
