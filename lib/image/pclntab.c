/*
 * pclntab - see pclntab.h. After Go's runtime/symtab.go (pcHeader, _func), and
 * debug/gosym/pclntab.go, which reads all versions.
 *
 * The header, in words of eight bytes; offsets count from its first byte:
 *
 *            Go 1.16, 1.17            Go 1.18 and later
 *      0     magic, 0, 0, quantum, pointer size (a byte each behind the magic)
 *      1     functions
 *      2     files
 *      3     offset of the names      runtime.text, since Go 1.26 always 0
 *      4     .. units                 offset of the names
 *      5     .. files                 .. units
 *      6     .. lines                 .. files
 *      7     .. functions             .. lines
 *      8                              .. functions
 *
 * "functions" begins with the function table: pairs of an address and the offset
 * (in "functions") of the function's entry, by rising address, and the end of the
 * last. An address is a pointer, or 32 bits from runtime.text. An entry (_func):
 *
 *      address, and in 32 bits each: name, args, deferreturn, pcsp, pcfile, pcln,
 *      npcdata, unit, since Go 1.20 the first line;
 *      in a byte each: kind, flags, nothing, nfuncdata;
 *      npcdata offsets of value tables (2: the inlined call);
 *      nfuncdata places of other data (3: the tree of inlined calls), aligned
 *      pointers, or since Go 1.18 32 bits from go:func.*, all ones for none
 *
 * pcfile and pcln are offsets of value tables in "lines". A value table is pairs of
 * varints: what the value changes by (zigzag; it begins at -1), and how many quanta
 * of code have it; a change of 0 behind the first pair ends it. A file's number is
 * turned into the offset of its name, in "files", by the word `unit` + number of
 * "units".
 */
#include "image/pclntab.h"

#include "base/error.h"
#include "base/hash.h"
#include "image/exe.h"

enum { FIELD_NAME = 1, FIELD_FILE = 5, FIELD_LINE = 6, FIELD_VALUES = 7, FIELD_UNIT = 8 };
enum { VALUES_INLINED = 2, DATA_TREE = 3 };

/* ---- the header ------------------------------------------------------------ */

static bool read_layout(struct goleak_pclntab *table, uint32_t magic)
{
    switch (magic) {
    case 0xfffffffa: table->layout = GOLEAK_PCLNTAB_116; return true;
    case 0xfffffff0: table->layout = GOLEAK_PCLNTAB_118; return true;
    case 0xfffffff1: table->layout = GOLEAK_PCLNTAB_120; return true;
    default: return false;
    }
}

/* Of one address in the function table. */
static size_t address_bytes(const struct goleak_pclntab *table)
{
    return table->layout == GOLEAK_PCLNTAB_116 ? 8 : 4;
}

static bool read_offset(const uint8_t *head, size_t word, uint64_t size, size_t *out)
{
    uint64_t offset = goleak_le64(head + 8 * word);
    *out = (size_t)offset;
    return offset >= 8 * word && offset <= size;
}

enum goleak_status goleak_pclntab_header(struct goleak_pclntab *table, const uint8_t *head, uint64_t size,
                                         struct goleak_error *error)
{
    *table = (struct goleak_pclntab){ 0 };
    uint32_t magic = goleak_le32(head);
    if (magic == 0xfffffffb)
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "its pc-line table is that of Go 1.15 or older; Go 1.16 or later is expected");
    if (!read_layout(table, magic))
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "its pc-line table is of an unknown version (magic 0x%08x); expected that of Go 1.16 "
                                "to 1.27 (0xfffffffa, 0xfffffff0, 0xfffffff1)",
                                (unsigned)magic);
    if (head[4] != 0 || head[5] != 0 || (head[6] != 1 && head[6] != 2 && head[6] != 4) || head[7] != 8)
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "its pc-line table begins with bytes that no Go for 64 bits writes (%02x %02x %02x "
                                "%02x); expected 00 00, an instruction's 1, 2 or 4, and 08",
                                head[4], head[5], head[6], head[7]);
    table->size = (size_t)size;
    table->quantum = head[6];
    bool offsets = table->layout != GOLEAK_PCLNTAB_116;
    table->text_claim = offsets ? goleak_le64(head + 24) : 0;
    size_t word = offsets ? 4 : 3;
    if (size > SIZE_MAX || !read_offset(head, word, size, &table->names) ||
        !read_offset(head, word + 1, size, &table->units) || !read_offset(head, word + 2, size, &table->files) ||
        !read_offset(head, word + 3, size, &table->lines) || !read_offset(head, word + 4, size, &table->functions))
        return goleak_error_set(error, GOLEAK_E_FORMAT, "its pc-line table is damaged: a part lies outside of it");
    uint64_t count = goleak_le64(head + 8);
    size_t room = (table->size - table->functions) / address_bytes(table);
    if (count == 0 || room == 0 || count > (room - 1) / 2 || count > UINT32_MAX / 2)
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "its pc-line table is damaged: it has no room for the functions that it announces");
    table->count = (uint32_t)count;
    return GOLEAK_OK;
}

/* ---- one function ------------------------------------------------------------ */

uint64_t goleak_pclntab_entry(const struct goleak_pclntab *table, uint32_t index)
{
    const uint8_t *at = table->data + table->functions + 2 * address_bytes(table) * index;
    return table->layout == GOLEAK_PCLNTAB_116 ? goleak_le64(at) : table->text + goleak_le32(at);
}

/* `size` bytes of the function's entry; NULL where they lie outside of the table. */
static const uint8_t *entry_bytes(const struct goleak_pclntab *table, uint32_t index, uint64_t skip, size_t size)
{
    size_t wide = address_bytes(table), room = table->size - table->functions;
    const uint8_t *at = table->data + table->functions + (2 * (size_t)index + 1) * wide;
    uint64_t entry = wide == 8 ? goleak_le64(at) : goleak_le32(at);
    if (entry > room || skip > room - entry || size > room - entry - skip)
        return NULL;
    return table->data + table->functions + entry + skip;
}

/* A field of 32 bits of the function's entry. */
static bool read_field(const struct goleak_pclntab *table, uint32_t index, size_t field, uint32_t *out)
{
    const uint8_t *at = entry_bytes(table, index, address_bytes(table) + (field - 1) * 4, 4);
    if (at != NULL)
        *out = goleak_le32(at);
    return at != NULL;
}

/* Of the part with a fixed size. */
static size_t fixed_bytes(const struct goleak_pclntab *table)
{
    return table->layout == GOLEAK_PCLNTAB_118 ? 40 : 44;
}

/* The NUL-terminated text at data[start + offset]. */
static const char *text_at(const struct goleak_pclntab *table, size_t start, uint32_t offset)
{
    if (offset >= table->size - start)
        return NULL;
    const uint8_t *at = table->data + start + offset;
    return memchr(at, 0, table->size - start - offset) != NULL ? (const char *)at : NULL;
}

const char *goleak_pclntab_name(const struct goleak_pclntab *table, uint32_t index)
{
    uint32_t offset;
    return read_field(table, index, FIELD_NAME, &offset) ? text_at(table, table->names, offset) : NULL;
}

/* ---- values by address --------------------------------------------------------- */

static bool read_varint(const uint8_t **at, const uint8_t *end, uint32_t *out)
{
    uint32_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 35; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* A walk over a function's values. */
struct values {
    const uint8_t *at, *end;
    uint64_t covered; /* bytes of the function that have been walked over */
    uint32_t value;   /* of those that were walked over last */
    bool first;
};

static bool open_values(const struct goleak_pclntab *table, uint32_t offset, struct values *out)
{
    *out = (struct values){ .end = table->data + table->size, .value = UINT32_MAX, .first = true };
    /* No table is at 0: a function without values says so with that. */
    if (offset == 0 || offset >= table->size - table->lines)
        return false;
    out->at = table->data + table->lines + offset;
    return true;
}

/* Each pair but a first has some code, so this ends where the function does. */
static bool next_value(const struct goleak_pclntab *table, struct values *values)
{
    uint32_t change, span;
    if (!read_varint(&values->at, values->end, &change) || (change == 0 && !values->first) ||
        !read_varint(&values->at, values->end, &span) || span == 0)
        return false;
    values->first = false;
    values->value += change & 1 ? ~(change >> 1) : change >> 1;
    values->covered += (uint64_t)span * table->quantum;
    return true;
}

/* The value that the instruction `distance` bytes behind the function's entry has. */
static bool value_at(const struct goleak_pclntab *table, uint32_t offset, uint64_t distance, uint32_t *out)
{
    struct values values;
    bool found = open_values(table, offset, &values);
    while (found && (found = next_value(table, &values)) && distance >= values.covered)
        continue;
    *out = values.value;
    return found && values.value <= INT32_MAX;
}

static const char *file_at(const struct goleak_pclntab *table, uint32_t index, uint64_t distance)
{
    uint32_t offset, unit, number;
    if (!read_field(table, index, FIELD_FILE, &offset) || !read_field(table, index, FIELD_UNIT, &unit) ||
        !value_at(table, offset, distance, &number))
        return NULL;
    uint64_t word = (uint64_t)unit + number;
    size_t room = (table->size - table->units) / 4;
    if (unit == UINT32_MAX || word >= room)
        return NULL;
    return text_at(table, table->files, goleak_le32(table->data + table->units + 4 * (size_t)word));
}

/* ---- what was inlined ----------------------------------------------------------- */

/* Where the table is of the calls that were inlined; 0: there is none. */
static uint32_t inlined_offset(const struct goleak_pclntab *table, uint32_t index)
{
    uint32_t count;
    const uint8_t *at = entry_bytes(table, index, fixed_bytes(table) + 4 * VALUES_INLINED, 4);
    bool has = read_field(table, index, FIELD_VALUES, &count) && count > VALUES_INLINED && at != NULL;
    return has ? goleak_le32(at) : 0;
}

bool goleak_pclntab_inlined(const struct goleak_pclntab *table, uint32_t index, uint64_t address, uint32_t *call)
{
    return value_at(table, inlined_offset(table, index), address - goleak_pclntab_entry(table, index), call);
}

uint32_t goleak_pclntab_calls(const struct goleak_pclntab *table, uint32_t index)
{
    struct values values;
    uint32_t calls = 0;
    uint64_t size = goleak_pclntab_entry(table, index + 1) - goleak_pclntab_entry(table, index);
    bool more = open_values(table, inlined_offset(table, index), &values);
    while (more && next_value(table, &values) && values.covered <= size)
        if (values.value <= INT32_MAX && values.value >= calls)
            calls = values.value + 1;
    return calls <= size ? calls : UINT32_MAX;
}

bool goleak_pclntab_tree(const struct goleak_pclntab *table, uint32_t index, uint64_t *place)
{
    uint32_t count;
    size_t fixed = fixed_bytes(table), wide = address_bytes(table);
    const uint8_t *data_count = entry_bytes(table, index, fixed - 1, 1);
    if (data_count == NULL || *data_count <= DATA_TREE || !read_field(table, index, FIELD_VALUES, &count))
        return false;
    /* Pointers are aligned, and so is an entry. */
    uint64_t skip = (fixed + 4 * (uint64_t)count + wide - 1) / wide * wide + wide * DATA_TREE;
    const uint8_t *at = entry_bytes(table, index, skip, wide);
    if (at == NULL)
        return false;
    *place = wide == 8 ? goleak_le64(at) : goleak_le32(at);
    return wide == 8 ? *place != 0 : *place != UINT32_MAX;
}

const char *goleak_pclntab_name_at(const struct goleak_pclntab *table, uint32_t offset)
{
    const char *name = text_at(table, table->names, offset);
    return name != NULL && name[0] != '\0' && (offset == 0 || name[-1] == '\0') ? name : NULL;
}

/* ---- names ------------------------------------------------------------------------ */

/* The linker puts a wrapper of the same name beside a function that is called both
 * from Go and from assembly. The wrapper has no source, and is not what is meant. */
static bool is_wrapper(const struct goleak_pclntab *table, uint32_t index)
{
    const char *file = file_at(table, index, 0);
    return file != NULL && strcmp(file, "<autogenerated>") == 0;
}

/* Each function has a name of its own in the table, so a real index is built with
 * about as much reading as the table is long. This ends damage that repeats one
 * long name a million times, or names that all fall on one slot. */
static bool spend(uint64_t *budget, uint64_t bytes)
{
    if (bytes > *budget)
        return false;
    *budget -= bytes;
    return true;
}

static bool add_name(struct goleak_pclntab *table, uint32_t index, uint64_t *budget)
{
    const char *name = goleak_pclntab_name(table, index);
    if (name == NULL)
        return true; /* found by its address, at least */
    size_t size = strlen(name);
    if (!spend(budget, size + 1))
        return false;
    size_t mask = table->slot_count - 1, slot = (size_t)goleak_hash_bytes(name, size) & mask;
    for (; table->slots[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t other = table->slots[slot] - 1;
        if (!spend(budget, size + 1))
            return false;
        if (strcmp(goleak_pclntab_name(table, other), name) == 0) {
            if (is_wrapper(table, other))
                break;
            return true;
        }
    }
    table->slots[slot] = index + 1;
    return true;
}

enum goleak_status goleak_pclntab_open(struct goleak_pclntab *table, struct goleak_alloc *alloc, const uint8_t *data,
                                       struct goleak_error *error)
{
    table->alloc = alloc;
    table->data = data;
    for (uint32_t i = 0; i < table->count; i++)
        if (goleak_pclntab_entry(table, i) > goleak_pclntab_entry(table, i + 1))
            return goleak_error_set(error, GOLEAK_E_FORMAT,
                                    "its pc-line table is damaged: its functions are not sorted by address");
    size_t slots = 16;
    while (slots / 2 < table->count)
        slots *= 2;
    table->slots = goleak_alloc_array(alloc, slots, sizeof *table->slots);
    if (table->slots == NULL)
        return goleak_error_alloc(error, alloc);
    table->slot_count = slots;
    memset(table->slots, 0, slots * sizeof *table->slots);
    uint64_t budget = 8 * (uint64_t)table->size;
    for (uint32_t i = 0; i < table->count; i++)
        if (!add_name(table, i, &budget))
            return goleak_error_set(error, GOLEAK_E_FORMAT,
                                    "its pc-line table is damaged: the names of its functions overlap");
    return GOLEAK_OK;
}

void goleak_pclntab_close(struct goleak_pclntab *table)
{
    goleak_free(table->alloc, table->slots, table->slot_count * sizeof *table->slots);
    table->slots = NULL;
    table->slot_count = 0;
}

/* ---- asking --------------------------------------------------------------------------- */

bool goleak_pclntab_at(const struct goleak_pclntab *table, uint64_t address, uint32_t *index)
{
    if (address < goleak_pclntab_entry(table, 0) || address >= goleak_pclntab_entry(table, table->count))
        return false;
    uint32_t low = 0, high = table->count; /* entry(low) <= address < entry(high) */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (goleak_pclntab_entry(table, middle) <= address)
            low = middle;
        else
            high = middle;
    }
    *index = low;
    return true;
}

bool goleak_pclntab_named(const struct goleak_pclntab *table, const char *name, size_t size, uint32_t *index)
{
    size_t mask = table->slot_count - 1;
    for (size_t slot = (size_t)goleak_hash_bytes(name, size) & mask; table->slots[slot] != 0;
         slot = (slot + 1) & mask) {
        const char *found = goleak_pclntab_name(table, table->slots[slot] - 1);
        if (strlen(found) == size && memcmp(found, name, size) == 0) {
            *index = table->slots[slot] - 1;
            return true;
        }
    }
    return false;
}

bool goleak_pclntab_line(const struct goleak_pclntab *table, uint64_t address, const char **file, uint32_t *line)
{
    uint32_t index, offset;
    if (!goleak_pclntab_at(table, address, &index) || !read_field(table, index, FIELD_LINE, &offset))
        return false;
    uint64_t distance = address - goleak_pclntab_entry(table, index);
    *file = file_at(table, index, distance);
    return *file != NULL && value_at(table, offset, distance, line);
}
