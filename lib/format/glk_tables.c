/* glk_tables - see glk_tables.h. */
#include "format/glk_tables.h"

#include "format/glk_column.h"
#include "format/varint.h"

#include <string.h>

/* Behind the last slot. */
#define UNKNOWN_G (GOLEAK_GLK_LOST_G | INT32_MAX)

void goleak_glk_tables_init(struct goleak_glk_tables *tables, struct goleak_alloc *alloc,
                            struct goleak_symbols *symbols, uint32_t *unknown_gs)
{
    *tables = (struct goleak_glk_tables) { .alloc = alloc, .symbols = symbols, .unknown_gs = unknown_gs };
}

static void release_ids(struct goleak_alloc *alloc, struct goleak_glk_ids *ids)
{
    goleak_free(alloc, ids->of, ids->capacity * sizeof *ids->of);
}

void goleak_glk_tables_release(struct goleak_glk_tables *tables)
{
    struct goleak_alloc *alloc = tables->alloc;
    if (alloc == NULL)
        return;
    release_ids(alloc, &tables->strings);
    release_ids(alloc, &tables->frames);
    release_ids(alloc, &tables->stacks);
    goleak_free(alloc, tables->slots, tables->slot_capacity * sizeof *tables->slots);
    goleak_free(alloc, tables->goids, tables->goid_capacity * sizeof *tables->goids);
    goleak_free(alloc, tables->list, tables->list_capacity * sizeof *tables->list);
    goleak_free(alloc, tables->scratch, (GOLEAK_GLK_STEP + GOLEAK_GLK_DICTIONARY_MAX) * sizeof *tables->scratch);
    tables->alloc = NULL;
}

void goleak_glk_tables_clear(struct goleak_glk_tables *tables)
{
    tables->strings.count = tables->frames.count = tables->stacks.count = 0;
    tables->slot_count = tables->slots_told = tables->goid_count = 0;
    tables->has_unknown_gs = false;
    if (tables->slots != NULL)
        tables->slots[0] = UNKNOWN_G;
}

void goleak_glk_tables_doubt(struct goleak_glk_tables *tables)
{
    tables->goid_count = 0;
}

bool goleak_glk_tables_goids(struct goleak_glk_tables *tables)
{
    size_t want = tables->slot_count + 1;
    if (tables->goid_count >= want)
        return true;
    if (!goleak_grow_table(tables->alloc, &tables->goids, &tables->goid_capacity, want, sizeof *tables->goids))
        return false;
    memset(tables->goids + tables->goid_count, 0, (want - tables->goid_count) * sizeof *tables->goids);
    tables->goid_count = want;
    return true;
}

static bool grow_slots(struct goleak_glk_tables *tables, size_t count)
{
    return goleak_grow_table(tables->alloc, &tables->slots, &tables->slot_capacity, count + 1, sizeof *tables->slots);
}

/* Up to `count`, and what stands behind them. */
static void lose_slots(struct goleak_glk_tables *tables, size_t count)
{
    for (; tables->slot_count < count; tables->has_unknown_gs = true)
        tables->slots[tables->slot_count++] = GOLEAK_GLK_LOST_G | ((*tables->unknown_gs)++ & INT32_MAX);
    tables->slots[tables->slot_count] = UNKNOWN_G;
}

bool goleak_glk_tables_ready(struct goleak_glk_tables *tables)
{
    if (tables->slots == NULL && !grow_slots(tables, 0))
        return false;
    tables->slots[tables->slot_count] = UNKNOWN_G;
    return true;
}

bool goleak_glk_tables_reach(struct goleak_glk_tables *tables, uint64_t slot)
{
    tables->has_unknown_gs = true;
    if (slot >= tables->slots_told + tables->slots_beyond)
        return true;
    size_t count = slot < tables->slot_count ? tables->slot_count : (size_t)slot + 1;
    if (!grow_slots(tables, count))
        return false;
    lose_slots(tables, count);
    return tables->goids == NULL || goleak_glk_tables_goids(tables);
}

/* ---- reading ---- */

static bool get_text(const uint8_t **at, const uint8_t *end, const char **text, size_t *size)
{
    uint64_t bytes;
    if (!goleak_varint_take(at, end, &bytes) || bytes > (uint64_t)(end - *at))
        return false;
    *text = (const char *)*at;
    *size = (size_t)bytes;
    *at += bytes;
    return true;
}

/* Up to `first`: what stood between is lost. */
static bool skip_to(struct goleak_glk_tables *tables, struct goleak_glk_ids *ids, uint64_t first)
{
    if (!goleak_grow(tables->alloc, &ids->of, &ids->capacity, (size_t)first + 1, sizeof *ids->of))
        return false;
    while (ids->count <= first)
        ids->of[ids->count++] = 0;
    return true;
}

static bool add_id(struct goleak_glk_tables *tables, struct goleak_glk_ids *ids, uint32_t id)
{
    if (!goleak_grow(tables->alloc, &ids->of, &ids->capacity, ids->count + 1, sizeof *ids->of))
        return false;
    ids->of[ids->count++] = id;
    return true;
}

/* What an item says of where it begins; `known` numbers were told. */
static bool get_first(const uint8_t **at, const uint8_t *end, size_t known, uint64_t gap_max, uint64_t *first,
                      const char **problem)
{
    *problem = "found a table that ends before its first number does";
    if (!goleak_varint_take(at, end, first))
        return false;
    *problem = "found a table that begins with a number that was told already";
    if (*first < known)
        return false;
    *problem = "found a table that begins behind numbers that nothing has told";
    return *first - known <= gap_max;
}

static size_t told(const struct goleak_glk_ids *ids)
{
    return ids->count != 0 ? ids->count - 1 : 0;
}

/* An entry may mention what stands before it alone; where blocks are lost that is not known. */
static uint32_t mention(struct goleak_glk_tables *tables, const struct goleak_glk_ids *ids, uint64_t number)
{
    tables->mentions_later = tables->mentions_later || number > told(ids);
    return goleak_glk_id(ids, number);
}

static enum goleak_status take_string(struct goleak_glk_tables *tables, const uint8_t **at, const uint8_t *end,
                                      bool *good)
{
    const char *text;
    size_t size;
    *good = get_text(at, end, &text, &size);
    if (!*good)
        return GOLEAK_OK;
    uint32_t id = goleak_symbols_string(tables->symbols, text, size);
    return id != 0 && add_id(tables, &tables->strings, id) ? GOLEAK_OK : goleak_alloc_failure(tables->alloc);
}

static enum goleak_status take_frame(struct goleak_glk_tables *tables, const uint8_t **at, const uint8_t *end,
                                     bool *good)
{
    const char *text;
    size_t size;
    uint64_t function;
    *good = goleak_varint_take(at, end, &function) && get_text(at, end, &text, &size);
    if (!*good)
        return GOLEAK_OK;
    uint32_t id = goleak_symbols_frame_told(tables->symbols, mention(tables, &tables->strings, function), text, size);
    return id != 0 && add_id(tables, &tables->frames, id) ? GOLEAK_OK : goleak_alloc_failure(tables->alloc);
}

static enum goleak_status take_stack(struct goleak_glk_tables *tables, const uint8_t **at, const uint8_t *end,
                                     bool *good)
{
    uint64_t count, frame;
    uint32_t id = 0;
    bool whole = true;
    *good = goleak_varint_take(at, end, &count) && count <= (uint64_t)(end - *at);
    if (!*good)
        return GOLEAK_OK;
    if (!goleak_grow(tables->alloc, &tables->list, &tables->list_capacity, (size_t)count, sizeof *tables->list))
        return goleak_alloc_failure(tables->alloc);
    for (uint64_t i = 0; i < count; i++) {
        *good = goleak_varint_take(at, end, &frame);
        if (!*good)
            return GOLEAK_OK;
        tables->list[i] = mention(tables, &tables->frames, frame);
        whole = whole && tables->list[i] != 0;
    }
    /* One with a hole is a hole: what is left of it would tell another place. */
    if (whole && count != 0 && (id = goleak_symbols_stack(tables->symbols, tables->list, (size_t)count)) == 0)
        return goleak_alloc_failure(tables->alloc);
    return add_id(tables, &tables->stacks, id) ? GOLEAK_OK : goleak_alloc_failure(tables->alloc);
}

/* Takes one entry. */
typedef enum goleak_status take_fn(struct goleak_glk_tables *tables, const uint8_t **at, const uint8_t *end,
                                   bool *good);

static enum goleak_status take_list(struct goleak_glk_tables *tables, struct goleak_glk_ids *ids, take_fn *take,
                                    const uint8_t *at, const uint8_t *end, uint64_t gap_max, const char **problem)
{
    uint64_t first;
    if (!get_first(&at, end, told(ids), gap_max, &first, problem))
        return GOLEAK_OK;
    if (!skip_to(tables, ids, first))
        return goleak_alloc_failure(tables->alloc);
    *problem = NULL;
    tables->mentions_later = false;
    for (size_t taken = 0; at < end; taken++) {
        bool good = taken < GOLEAK_GLK_NEW_MAX;
        enum goleak_status status = good ? take(tables, &at, end, &good) : GOLEAK_OK;
        if (!good)
            *problem = "found a table with an entry that cannot be read";
        if (status != GOLEAK_OK || !good)
            return status;
    }
    if (tables->mentions_later && gap_max == 0)
        *problem = "found a table with an entry that mentions what nothing before it has told";
    return GOLEAK_OK;
}

static enum goleak_status take_slots(struct goleak_glk_tables *tables, const uint8_t *at, const uint8_t *end,
                                     uint64_t gap_max, const char **problem)
{
    uint64_t first;
    struct goleak_glk_column column;
    size_t dictionary = 0;
    if (tables->scratch == NULL)
        tables->scratch =
            goleak_alloc_array(tables->alloc, GOLEAK_GLK_STEP + GOLEAK_GLK_DICTIONARY_MAX, sizeof *tables->scratch);
    if (tables->scratch == NULL)
        return goleak_alloc_failure(tables->alloc);
    if (!get_first(&at, end, tables->slots_told, gap_max, &first, problem) ||
        goleak_glk_column_open(&column, at, end, tables->scratch + GOLEAK_GLK_STEP, &dictionary, problem) == NULL)
        return GOLEAK_OK;
    *problem = NULL;
    size_t count = (size_t)first + column.count;
    count = count < tables->slot_count ? tables->slot_count : count;
    if (!grow_slots(tables, count))
        return goleak_alloc_failure(tables->alloc);
    if (tables->slot_count < first)
        lose_slots(tables, (size_t)first);
    tables->slots_told = (size_t)first;
    for (size_t left = column.count, part; left != 0; left -= part) {
        part = left < GOLEAK_GLK_STEP ? left : GOLEAK_GLK_STEP;
        goleak_glk_column_next(&column, tables->scratch, part);
        memcpy(tables->slots + tables->slots_told, tables->scratch, part * sizeof *tables->slots);
        tables->slots_told += part;
    }
    if (tables->slot_count < tables->slots_told)
        tables->slot_count = tables->slots_told;
    tables->slots[tables->slot_count] = UNKNOWN_G;
    *problem = column.broken ? "found a column of addresses that cannot be read" : NULL;
    return GOLEAK_OK;
}

/* The names of addresses, for who has no executable that tells them. */
static enum goleak_status take_places(struct goleak_glk_tables *tables, const uint8_t *at, const uint8_t *end,
                                      const char **problem)
{
    while (at < end) {
        uint64_t address, line, after_call;
        const char *function, *file;
        size_t function_size, file_size;
        *problem = "found the place of an address that cannot be read";
        if (!goleak_varint_take(&at, end, &address) || !goleak_varint_take(&at, end, &after_call) || after_call > 1 ||
            !get_text(&at, end, &function, &function_size) || !get_text(&at, end, &file, &file_size) ||
            !goleak_varint_take(&at, end, &line))
            return GOLEAK_OK;
        *problem = NULL;
        if (!goleak_symbols_add_place(tables->symbols, address, after_call != 0, function, function_size, file,
                                      file_size, line <= UINT32_MAX ? (uint32_t)line : 0))
            return goleak_alloc_failure(tables->alloc);
    }
    return GOLEAK_OK;
}

static enum goleak_status take_kind(struct goleak_glk_tables *tables, const uint8_t *at, const uint8_t *end,
                                    const char **problem)
{
    *problem = "found an event kind without a number";
    if (at == end)
        return GOLEAK_OK;
    *problem = NULL;
    uint32_t word = goleak_symbols_string(tables->symbols, at + 1, (size_t)(end - at - 1));
    tables->words[*at] = word;
    return word != 0 ? GOLEAK_OK : goleak_alloc_failure(tables->alloc);
}

enum goleak_status goleak_glk_tables_take(struct goleak_glk_tables *tables, enum goleak_glk_item item,
                                          const uint8_t *at, const uint8_t *end, uint64_t gap_max, const char **problem)
{
    *problem = NULL;
    switch (item) {
    case GOLEAK_GLK_STRINGS: return take_list(tables, &tables->strings, take_string, at, end, gap_max, problem);
    case GOLEAK_GLK_FRAMES: return take_list(tables, &tables->frames, take_frame, at, end, gap_max, problem);
    case GOLEAK_GLK_STACKS: return take_list(tables, &tables->stacks, take_stack, at, end, gap_max, problem);
    case GOLEAK_GLK_SLOTS: return take_slots(tables, at, end, gap_max, problem);
    case GOLEAK_GLK_PLACES: return take_places(tables, at, end, problem);
    case GOLEAK_GLK_KIND: return take_kind(tables, at, end, problem);
    default: return GOLEAK_OK;
    }
}
