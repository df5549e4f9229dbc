/* gotrace_v1_tables - strings and stacks of a trace v1 become ours when they are first asked
 * for: most traces have many that no event of a goroutine names. */
#include "format/gotrace_v1_out.h"

/* Ids of stacks are mostly counted up; more places than that would not stay in the cache. */
#define RECENT_MAX ((size_t)1 << 14)

bool goleak_v1_text(struct goleak_v1_file *file, const uint8_t *at, uint32_t *string)
{
    uint64_t size;
    at = goleak_v1_number(at, &size);
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
    uint64_t same;
    *string = entry != NULL ? entry->ours : 0;
    if (entry == NULL || entry->at == 0)
        return true;
    const uint8_t *at = goleak_v1_number((const uint8_t *)file->bytes.data + entry->at + 1, &same);
    entry->at = 0;
    return goleak_v1_text(file, at, &entry->ours) && (*string = entry->ours) != 0;
}

static bool load_stack(struct goleak_v1_file *file, struct goleak_v1_entry *entry)
{
    uint64_t value, count, pc, function, name, line;
    const uint8_t *at = (const uint8_t *)file->bytes.data + entry->at + 1;
    at = goleak_v1_number(at, &value); /* its length */
    at = goleak_v1_number(at, &value);
    at = goleak_v1_number(at, &count); /* not more than FRAMES_MAX */
    if (!goleak_grow(file->env.alloc, &file->scratch, &file->scratch_capacity, (size_t)count, sizeof *file->scratch))
        return false;
    size_t kept = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t function_string, file_string;
        at = goleak_v1_number(at, &pc);
        at = goleak_v1_number(at, &function);
        at = goleak_v1_number(at, &name);
        at = goleak_v1_number(at, &line);
        if (!goleak_v1_string(file, function, &function_string) || !goleak_v1_string(file, name, &file_string))
            return false;
        if (goleak_trace_is_no_frame(pc, function))
            continue;
        file->scratch[kept] = goleak_trace_frame(&file->frames, pc, function_string, file_string, line);
        if (file->scratch[kept++] == 0)
            return false;
    }
    entry->at = 0;
    entry->ours = goleak_symbols_stack(file->env.symbols, file->scratch, kept);
    return kept == 0 || entry->ours != 0;
}

static bool find_stack(struct goleak_v1_file *file, uint64_t id, uint32_t *stack)
{
    struct goleak_v1_entry *entry = find(file, &file->stacks, id);
    bool good = entry == NULL || entry->at == 0 || load_stack(file, entry);
    *stack = good && entry != NULL ? entry->ours : 0;
    return good;
}

/* ---- those that are asked for again and again ---- */

bool goleak_v1_out_init(struct goleak_v1_out *out)
{
    size_t count = 64;
    while (count < RECENT_MAX && count < 2 * out->file->stacks.count)
        count *= 2;
    out->recent = goleak_alloc_zeroed(out->file->env.alloc, count * sizeof *out->recent);
    out->recent_mask = count - 1;
    out->has_time = out->file->frequency != 0 ? GOLEAK_HAS_TIME : 0;
    if (out->recent != NULL)
        out->recent[0].has = out->has_time; /* id 0: none */
    return out->recent != NULL;
}

void goleak_v1_out_release(struct goleak_v1_out *out)
{
    goleak_free(out->file->env.alloc, out->recent, (out->recent_mask + 1) * sizeof *out->recent);
}

const struct goleak_v1_recent *goleak_v1_find_stack(struct goleak_v1_out *out, uint64_t id)
{
    struct goleak_v1_recent *recent = &out->recent[id & out->recent_mask];
    uint32_t stack;
    if (recent->id == id)
        return recent;
    if (!find_stack(out->file, id, &stack))
        return NULL;
    if (stack == 0 || id > UINT32_MAX)
        recent = &out->odd;
    *recent = (struct goleak_v1_recent) { (uint32_t)id, out->has_time, stack, 0 };
    if (stack != 0) {
        recent->has |= GOLEAK_HAS_STACK;
        recent->start = goleak_trace_start_of(&out->file->frames, stack);
    }
    return recent;
}
