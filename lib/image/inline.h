/*
 * inline - which calls the compiler inlined at an address.
 *
 * A frame of a stack is one function of the machine code, but may be several of
 * the source: the line that the table knows is the innermost one's. Each function
 * with inlined calls has a tree of them, which the runtime reads for its own
 * tracebacks; the trees are outside of the pc-line table, at go:func.*.
 */
#ifndef GOLEAK_IMAGE_INLINE_H
#define GOLEAK_IMAGE_INLINE_H

#include "image/exe.h"
#include "image/pclntab.h"

/* Where go:func.* is, for goleak_inline_call; 0: not found, or not needed. `address`
 * is where the table is. */
uint64_t goleak_inline_find(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t address);

/* The call that was inlined into function `index` at `address`: the name of what
 * was called, and an address of the caller's whose line is that of the call. The
 * name is NULL where it cannot be told. False: nothing was inlined. */
bool goleak_inline_call(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t trees,
                        uint32_t index, uint64_t address, const char **name, uint64_t *caller);

/* Whether one of these functions was inlined into function `index`. False, too, where
 * that cannot be told; *known says so. */
bool goleak_inline_has(const struct goleak_exe *exe, const struct goleak_pclntab *table, uint64_t trees,
                       uint32_t index, const char *const *names, size_t count, bool *known);

#endif
