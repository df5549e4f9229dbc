/* gotrace_v1_tables - strings and stacks of a trace v1 become ours when they are first asked
 * for: most traces have many that no event of a goroutine names. */
#include "format/gotrace_v1_read.h"

#include "format/varint.h"

static const uint8_t *take(const struct goleak_v1_file *file, const uint8_t *at, uint64_t *value)
{
    *value = 0;
    const uint8_t *next = goleak_varint(at, (const uint8_t *)file->bytes.data + file->bytes.size, value);
    return next != NULL ? next : at; /* it was measured before: there is one */
}

bool goleak_v1_text(struct goleak_v1_file *file, const uint8_t *at, uint32_t *string)
{
    uint64_t size = 0;
    at = take(file, at, &size);
    *string = goleak_symbols_string(file->env.symbols, at, (size_t)size);
    return *string != 0;
}

static struct goleak_v1_entry *find(struct goleak_v1_file *file, struct goleak_v1_table *table, uint64_t id)
{
    uint32_t entry = goleak_idmap_get(&table->ids, id);
    file->unknown_ids += entry == 0 && id != 0;
    return entry != 0 ? &table->entries[entry - 1] : NULL;
}

bool goleak_v1_string(struct goleak_v1_file *file, uint64_t id, uint32_t *string)
{
    struct goleak_v1_entry *entry = find(file, &file->strings, id);
    *string = entry != NULL ? entry->ours : 0;
    if (entry == NULL || entry->known)
        return true;
    uint64_t same;
    const uint8_t *at = take(file, (const uint8_t *)file->bytes.data + entry->at + 1, &same);
    entry->known = goleak_v1_text(file, at, &entry->ours);
    *string = entry->ours;
    return entry->known;
}

static bool load_stack(struct goleak_v1_file *file, struct goleak_v1_entry *entry)
{
    uint64_t value, count, function, name, line;
    const uint8_t *at = (const uint8_t *)file->bytes.data + entry->at + 1;
    at = take(file, at, &value); /* its length */
    at = take(file, at, &value);
    at = take(file, at, &count); /* not more than FRAMES_MAX */
    if (!goleak_grow(file->env.alloc, &file->scratch, &file->scratch_capacity, (size_t)count, sizeof *file->scratch))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t function_string, file_string;
        at = take(file, at, &value);
        at = take(file, at, &function);
        at = take(file, at, &name);
        at = take(file, at, &line);
        if (!goleak_v1_string(file, function, &function_string) || !goleak_v1_string(file, name, &file_string))
            return false;
        file->scratch[i] = goleak_trace_frame(&file->frames, function_string, file_string, line);
        if (file->scratch[i] == 0)
            return false;
    }
    entry->known = true;
    if (count == 0)
        return true;
    entry->ours = goleak_symbols_stack(file->env.symbols, file->scratch, (size_t)count);
    entry->start = goleak_trace_start_of(&file->frames, entry->ours);
    return entry->ours != 0;
}

bool goleak_v1_stack(struct goleak_v1_file *file, uint64_t id, uint32_t *stack, uint32_t *start)
{
    struct goleak_v1_entry *entry = find(file, &file->stacks, id);
    *stack = *start = 0;
    if (entry == NULL)
        return true;
    if (!entry->known && !load_stack(file, entry))
        return false;
    *stack = entry->ours;
    *start = entry->start;
    return true;
}
