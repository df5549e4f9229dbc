/*
 * alloc - every byte that a trace holds comes through here.
 *
 * One resize-style hook (the caller's, or malloc), a running total, and a
 * limit. Callers get NULL for both "refused" and "over the limit";
 * goleak_alloc_failure tells which, so that a sentence can name the option.
 */
#ifndef GOLEAK_BASE_ALLOC_H
#define GOLEAK_BASE_ALLOC_H

#include <goleak.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct goleak_block_pool;

struct goleak_alloc {
    struct goleak_allocator hook;
    struct goleak_block_pool *pool; /* of batches of events, which several threads may share; NULL: none */
    uint64_t used_bytes;
    uint64_t limit_bytes; /* 0: none */
    int64_t page_ns;      /* until a page is there; 0: not known */
    bool over_limit;      /* the last NULL was ours, whatever succeeded since */
};

/* `hook` may be NULL: malloc. */
void goleak_alloc_init(struct goleak_alloc *alloc, const struct goleak_allocator *hook, uint64_t limit_bytes);

/* size 0 frees; contents up to the smaller size are kept; NULL on failure, when
 * the old block stays valid. Zero-sized requests that are no free: size 1. */
void *goleak_realloc(struct goleak_alloc *alloc, void *pointer, size_t old_size, size_t new_size);

/* Blocks that stay as they are. Of millions of goroutines in pages of 4 KiB, the processor
 * spends much of its time on finding where a page is: Linux is asked for huge pages for large
 * ones; elsewhere the system decides. From 64 KiB on they begin with a page: some processors (AMD
 * Zen 3) take five times as long to copy a page to an address that lies 1 to 31 bytes behind the
 * beginning of one, as malloc's large blocks do, and read(2) is hardly anything else. NULL also
 * when count * size overflows; not zeroed. */
void *goleak_alloc_array(struct goleak_alloc *alloc, size_t count, size_t size);
/* The same, zeroed: for what is read in no order. */
void *goleak_alloc_table(struct goleak_alloc *alloc, size_t count, size_t size);
/* The same for parts of one large whole. */
void *goleak_alloc_pages(struct goleak_alloc *alloc, size_t size);
/* Until a page of 4 KiB is there it takes 0.4 us in one virtual machine, 2.5 in another, and 15 in a third: in the latter
 * two more is on huge pages than tables. A huge one takes 0.3 ms, as long as 120 small ones at 2.5 us; but a host to
 * which free memory was given back has to give all of it again, and where small ones take 1 us or less they are the
 * better choice. It is measured when it is first asked; never so where memory is limited, or the caller's. */
bool goleak_are_pages_slow(struct goleak_alloc *alloc);
#define GOLEAK_HUGE_PAGE ((size_t)2 << 20)
/* Zeroed, and the system gives no page before something is written to it. size is not 0. */
void *goleak_alloc_zeroed(struct goleak_alloc *alloc, size_t size);
void goleak_free(struct goleak_alloc *alloc, void *pointer, size_t size);

/* Grows *pointer (of *capacity items) to at least `need` items, by half as
 * much again; false leaves it as it was. */
bool goleak_grow(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need, size_t item_size);

/* The same for what is read in no order: on huge pages, and copied as it grows. */
bool goleak_grow_table(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need,
                       size_t item_size);

/* The same for what nobody writes to before it is in use (no clearing of what was added): where pages are slow it takes
 * many more than are needed, as addresses, and is hardly copied: from this many bytes on. Each has a huge page half in
 * vain. */
bool goleak_grow_ahead(struct goleak_alloc *alloc, void *pointer_address, size_t *capacity, size_t need,
                       size_t item_size, size_t from);
#define GOLEAK_AHEAD_FROM ((size_t)128 << 10)

#define GOLEAK_LINE 64 /* of the cache */

/* Where in a block that has a line to spare something begins, of which the byte at `offset` lies
 * on a line of the cache. */
static inline void *goleak_on_line(char *block, size_t offset)
{
    return block + (GOLEAK_LINE - ((uintptr_t)block + offset) % GOLEAK_LINE) % GOLEAK_LINE;
}

/* GOLEAK_E_LIMIT or GOLEAK_E_MEMORY, for the failure that just happened. */
enum goleak_status goleak_alloc_failure(const struct goleak_alloc *alloc);

#endif
