/*
 * textbase - see textbase.h.
 *
 * moduledata (Go's runtime/symtab.go) changes with every few versions, but always
 * begins so, in words of eight bytes:
 *
 *      0      -> the table
 *      1..18  six slices; the first -> the table's names
 *      ..     minpc, maxpc: where the first function begins and the last one ends
 *
 * The table knows how far minpc and maxpc are apart, so the two are looked for
 * rather than counted to.
 */
#include "image/textbase.h"

#include "base/error.h"

/* Each try reads all relocations; there is one moduledata, or a few in plugins. */
#define TRIES_MAX 16

struct search {
    const struct goleak_exe *exe;
    uint64_t address, names; /* of the table, of its names */
    unsigned tries;
    uint64_t word[GOLEAK_TEXTBASE_WORDS]; /* of the moduledata that was found */
    size_t words;
};

static bool try_module(void *context, uint64_t address)
{
    struct search *search = context;
    uint8_t bytes[GOLEAK_TEXTBASE_WORDS * 8];
    search->words = 0;
    if (search->tries++ >= TRIES_MAX)
        return true;
    size_t words = goleak_exe_read(search->exe, address, bytes, sizeof bytes) / 8;
    goleak_exe_relocate(search->exe, address, bytes, words * 8);
    for (size_t i = 0; i < words; i++)
        search->word[i] = goleak_exe_pointer(search->exe, goleak_le64(bytes + i * 8));
    if (words < 2 || search->word[0] != search->address || search->word[1] != search->names)
        return false;
    search->words = words;
    return true;
}

static bool find_module(struct search *search, const struct goleak_exe *exe, const struct goleak_pclntab *table,
                        uint64_t address)
{
    *search = (struct search){ .exe = exe, .address = address, .names = address + table->names };
    if (exe->module.size == 0 || !try_module(search, exe->module.address))
        goleak_exe_find_pointer(exe, address, try_module, search);
    return search->words != 0;
}

bool goleak_textbase_points_to(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t address)
{
    struct search search;
    return find_module(&search, exe, table, address);
}

size_t goleak_textbase_module(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t address,
                              uint64_t words[GOLEAK_TEXTBASE_WORDS])
{
    struct search search;
    if (!find_module(&search, exe, table, address))
        return 0;
    memcpy(words, search.word, sizeof search.word);
    return search.words;
}

/* With this text: do the functions lie in code? */
static bool fits(struct goleak_pclntab *table, const struct goleak_exe *exe, uint64_t text)
{
    table->text = text;
    if (goleak_exe_is_code(exe, goleak_pclntab_entry(table, 0), goleak_pclntab_entry(table, table->count)))
        return true;
    table->text = 0;
    return false;
}

/* 0 is no answer, even where code may lie there. */
static bool accept(struct goleak_pclntab *table, const struct goleak_exe *exe, uint64_t text)
{
    return text != 0 && fits(table, exe, text);
}

static bool ask_module(struct goleak_pclntab *table, const struct goleak_exe *exe, uint64_t address)
{
    struct search search;
    if (!find_module(&search, exe, table, address))
        return false;
    uint64_t first = goleak_pclntab_entry(table, 0);
    uint64_t span = goleak_pclntab_entry(table, table->count) - first;
    for (size_t i = 2; i + 1 < search.words; i++)
        if (search.word[i + 1] - search.word[i] == span && search.word[i] >= first &&
            accept(table, exe, search.word[i] - first))
            return true;
    return false;
}

enum goleak_status goleak_textbase_find(struct goleak_pclntab *table, const struct goleak_exe *exe, uint64_t address,
                                        struct goleak_error *error)
{
    table->text = 0;
    if (table->layout == GOLEAK_PCLNTAB_116) {
        if (fits(table, exe, 0))
            return GOLEAK_OK;
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "its pc-line table is damaged: its functions lie outside of the program's code");
    }
    if (accept(table, exe, goleak_exe_pointer(exe, table->text_claim)) || ask_module(table, exe, address) ||
        accept(table, exe, exe->text_symbol) || accept(table, exe, exe->code.address))
        return GOLEAK_OK;
    return goleak_error_set(error, GOLEAK_E_FORMAT,
                            "where its functions begin (runtime.text) was not found; expected it in the header of the "
                            "pc-line table, in runtime.firstmoduledata or among the symbols");
}
