/*
 * inline - see inline.h. A node of a tree (inlinedCall in Go's runtime/symtabinl.go,
 * until Go 1.19 in runtime/symtab.go), in words of 32 bits:
 *
 *      until Go 1.19   parent and kind, file, line, name, caller's address
 *      since Go 1.20   kind, name, caller's address, first line
 *
 * The address counts from the function's entry.
 *
 * Where go:func.* is, moduledata says; but the word's place in it has changed in
 * Go 1.20, 1.26 and 1.27. What the word points to has not: trees whose names begin
 * in the table of names, and whose addresses lie in their functions. So each word
 * is tried on some functions, and the right one is right for all of them.
 */
#include "image/inline.h"

#include "image/textbase.h"

#include <string.h>

#define SAMPLES 16

struct node {
    uint32_t name, caller;
};

static bool read_node(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t tree, uint32_t call,
                      struct node *out)
{
    uint8_t bytes[20];
    bool old = table->layout != GOLEAK_PCLNTAB_120;
    size_t size = old ? 20 : 16, name = old ? 12 : 4;
    uint64_t skip = (uint64_t)call * size;
    if (skip > UINT64_MAX - tree || goleak_exe_read(exe, tree + skip, bytes, size) != size)
        return false;
    *out = (struct node){ goleak_le32(bytes + name), goleak_le32(bytes + name + 4) };
    return true;
}

/* Go 1.16 and 1.17 have pointers, and need no start. */
static bool find_tree(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t trees, uint32_t index,
                      uint64_t *tree)
{
    uint64_t place;
    if (!goleak_pclntab_tree(table, index, &place))
        return false;
    bool pointers = table->layout == GOLEAK_PCLNTAB_116;
    *tree = pointers ? goleak_exe_pointer(exe, place) : trees + place;
    return pointers || (trees != 0 && place <= UINT64_MAX - trees);
}

static bool is_good(const struct goleak_pclntab *table, uint32_t index, const struct node *node)
{
    return node->caller < goleak_pclntab_entry(table, index + 1) - goleak_pclntab_entry(table, index) &&
           goleak_pclntab_name_at(table, node->name) != NULL;
}

/* Functions that have a tree; its first node is what is looked at. */
static size_t pick_samples(const struct goleak_pclntab *table, uint32_t out[SAMPLES])
{
    size_t count = 0;
    uint64_t place;
    for (uint32_t i = 0; i < table->count && count < SAMPLES; i++)
        if (goleak_pclntab_tree(table, i, &place))
            out[count++] = i;
    return count;
}

uint64_t goleak_inline_find(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t address)
{
    uint64_t words[GOLEAK_TEXTBASE_WORDS], tree;
    uint32_t samples[SAMPLES];
    size_t sample_count = table->layout != GOLEAK_PCLNTAB_116 ? pick_samples(table, samples) : 0;
    size_t count = sample_count != 0 ? goleak_textbase_module(exe, table, address, words) : 0;
    for (size_t i = 0; i < count; i++) {
        size_t good = 0;
        bool is_blank = true; /* zeros would be the first name, called at the entry */
        struct node node;
        while (good < sample_count && words[i] != 0 && find_tree(exe, table, words[i], samples[good], &tree) &&
               read_node(exe, table, tree, 0, &node) && is_good(table, samples[good], &node)) {
            is_blank = is_blank && node.name == 0;
            good++;
        }
        if (good == sample_count && !is_blank)
            return words[i];
    }
    return 0;
}

bool goleak_inline_call(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t trees,
                        uint32_t index, uint64_t address, const char **name, uint64_t *caller)
{
    uint32_t call;
    uint64_t tree;
    struct node node;
    if (!goleak_pclntab_inlined(table, index, address, &call))
        return false;
    *name = NULL;
    if (find_tree(exe, table, trees, index, &tree) && read_node(exe, table, tree, call, &node) &&
        is_good(table, index, &node)) {
        *name = goleak_pclntab_name_at(table, node.name);
        *caller = goleak_pclntab_entry(table, index) + node.caller;
    }
    return true;
}

bool goleak_inline_has(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t trees,
                       uint32_t index, const char *const *names, size_t count, bool *known)
{
    uint64_t tree = 0;
    uint32_t calls = goleak_pclntab_calls(table, index);
    *known = calls == 0 || (calls != UINT32_MAX && find_tree(exe, table, trees, index, &tree));
    for (uint32_t call = 0; *known && call < calls; call++) {
        struct node node;
        const char *name = NULL;
        if (read_node(exe, table, tree, call, &node) && is_good(table, index, &node))
            name = goleak_pclntab_name_at(table, node.name);
        *known = name != NULL;
        for (size_t i = 0; *known && i < count; i++)
            if (strcmp(name, names[i]) == 0)
                return true;
    }
    return false;
}
