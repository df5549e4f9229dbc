/*
 * pclntab - Go's own table of functions and lines (.gopclntab), Go 1.16 and later.
 *
 * The table describes itself but for one thing: since Go 1.18 its functions count
 * from where runtime.text is, and that is for the caller to find (see textbase.h).
 * Until then addresses are offsets from it: text is 0.
 *
 * Opening checks the parts that are walked (the header, the order of the functions)
 * and builds an index of names; what a function's entry points to is checked when
 * it is asked for. A table is read-only after goleak_pclntab_open.
 */
#ifndef GOLEAK_IMAGE_PCLNTAB_H
#define GOLEAK_IMAGE_PCLNTAB_H

#include "image/image.h"

enum goleak_pclntab_layout {
    GOLEAK_PCLNTAB_116, /* addresses are pointers */
    GOLEAK_PCLNTAB_118, /* offsets of 32 bits from runtime.text */
    GOLEAK_PCLNTAB_120  /* as 1.18; a function's entry grew behind what we read */
};

struct goleak_pclntab {
    struct goleak_alloc *alloc;
    const uint8_t *data;
    size_t size;

    enum goleak_pclntab_layout layout;
    uint32_t count;      /* functions */
    uint32_t quantum;    /* addresses are multiples of it: 1, 2 or 4 */
    uint64_t text_claim; /* where the header says that runtime.text is; 0: it does not */
    uint64_t text;       /* added to every offset; the caller's to set */
    /* Offsets in data, each at most size. */
    size_t names, units, files, lines, functions;

    uint32_t *slots; /* function + 1 by the hash of its name, a power of two of them */
    size_t slot_count;
};

#define GOLEAK_PCLNTAB_HEADER_BYTES 72

/* Is this the start of a table that we know, with parts that lie within `size`
 * bytes? Otherwise the error says what is wrong. `head` has
 * GOLEAK_PCLNTAB_HEADER_BYTES. Fills all but data and the index. */
enum goleak_status goleak_pclntab_header(struct goleak_pclntab *table, const uint8_t *head, uint64_t size,
                                         struct goleak_error *error);

/* `data` has the `size` bytes that goleak_pclntab_header was told of, relocated,
 * and outlives the table. */
enum goleak_status goleak_pclntab_open(struct goleak_pclntab *table, struct goleak_alloc *alloc, const uint8_t *data,
                                       struct goleak_error *error);
void goleak_pclntab_close(struct goleak_pclntab *table);

/* A function's first address; for index == count the end of the last. */
uint64_t goleak_pclntab_entry(const struct goleak_pclntab *table, uint32_t index);
/* NULL where the entry is damaged. */
const char *goleak_pclntab_name(const struct goleak_pclntab *table, uint32_t index);

bool goleak_pclntab_at(const struct goleak_pclntab *table, uint64_t address, uint32_t *index);
bool goleak_pclntab_named(const struct goleak_pclntab *table, const char *name, size_t size, uint32_t *index);
/* The call that was inlined here, as an index into the function's tree of them;
 * false: this is the function's own code. */
bool goleak_pclntab_inlined(const struct goleak_pclntab *table, uint32_t index, uint64_t address, uint32_t *call);
/* One more than the highest number of a call that was inlined into the function: its tree
 * has so many nodes. UINT32_MAX: more than the function has bytes, so it is damaged. */
uint32_t goleak_pclntab_calls(const struct goleak_pclntab *table, uint32_t index);
/* Where the tree is: by Go 1.16 and 1.17 its address, a pointer as it is in the file,
 * later an offset from go:func.*. False: the function has none. */
bool goleak_pclntab_tree(const struct goleak_pclntab *table, uint32_t index, uint64_t *place);
/* The name at an offset in the table of names, where one begins; else NULL. */
const char *goleak_pclntab_name_at(const struct goleak_pclntab *table, uint32_t offset);
bool goleak_pclntab_line(const struct goleak_pclntab *table, uint64_t address, const char **file, uint32_t *line);

#endif
