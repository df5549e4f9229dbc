/*
 * textbase - where a program has runtime.text, from which its functions count.
 *
 * Four answers, by how much they are to be trusted; each must place every function
 * of the table within code that the file has.
 *
 *   1. the table's own header. Go 1.18 to 1.25 write it; in a position-independent
 *      file the value may stand in a relocation.
 *   2. runtime.firstmoduledata, which the program itself goes by. Its first words
 *      point into the table, so it can be found without a symbol, and the first
 *      and the last address of the code are beside the one that we are after.
 *   3. the symbol runtime.text, where there are symbols.
 *   4. the start of the section .text, as Go's own tools do. Wrong when a C linker
 *      put its start-up code in front.
 */
#ifndef GOLEAK_IMAGE_TEXTBASE_H
#define GOLEAK_IMAGE_TEXTBASE_H

#include "image/exe.h"
#include "image/pclntab.h"

/* Sets table->text; `address` is where the table is. Its data must be relocated.
 * A table of Go 1.16 or 1.17 has full addresses: they are checked. */
enum goleak_status goleak_textbase_find(struct goleak_pclntab *table, const struct goleak_exe *exe, uint64_t address,
                                        struct goleak_error *error);

/* Does the program's moduledata point to this table? A program may carry others,
 * in executables that are embedded in it. Only the header has been read. */
bool goleak_textbase_points_to(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t address);

/* The words of moduledata; 0: not found. */
#define GOLEAK_TEXTBASE_WORDS 64
size_t goleak_textbase_module(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t address,
                              uint64_t words[GOLEAK_TEXTBASE_WORDS]);

#endif
