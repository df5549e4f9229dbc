/*
 * image - a Go executable: which Go built it, where its functions are, and which
 * source line an address belongs to.
 *
 * Everything comes from what every Go binary carries, stripped ones included: the
 * build info (Go's version) and Go's own pc-line table (.gopclntab). ELF and Mach-O,
 * 64 bits, little-endian, Go 1.16 and later. Nothing in the file is believed: an
 * offset that leads out of it ends the search, not the program.
 *
 * An image is read-only once it is open and may be shared between threads. Strings
 * that it hands out are borrowed and live until goleak_image_close.
 *
 * Addresses are those in the file (as linked). A position-independent executable
 * is loaded elsewhere: the caller subtracts the difference.
 */
#ifndef GOLEAK_IMAGE_IMAGE_H
#define GOLEAK_IMAGE_IMAGE_H

#include "base/alloc.h"

struct goleak_image;

enum goleak_arch { GOLEAK_ARCH_OTHER, GOLEAK_ARCH_AMD64, GOLEAK_ARCH_ARM64 };

struct goleak_image_info {
    enum goleak_arch arch;
    bool movable;           /* position-independent: loaded at an address of the kernel's choice */
    bool has_symbols;       /* a symbol table with Go's functions: tracers can use names */
    const char *go_version; /* as the build info has it, "go1.26.1"; NULL: not found */
    uint64_t text, text_end; /* addresses of the executable segment that holds Go's functions */
};

/* A function's machine code, [entry, end). */
struct goleak_image_function {
    const char *name; /* "main.(*Pool).run.func1" */
    uint64_t entry, end;
};

/* Fails with a sentence: no such file, no executable, a program that is not Go's,
 * a pc-line table of an unknown version. error->path is set. */
enum goleak_status goleak_image_open(struct goleak_image **out, struct goleak_alloc *alloc, const char *path,
                                     struct goleak_error *error);
/* The same from memory, which must outlive the image; error->path stays empty. */
enum goleak_status goleak_image_open_bytes(struct goleak_image **out, struct goleak_alloc *alloc, const void *bytes,
                                           size_t size, struct goleak_error *error);
void goleak_image_close(struct goleak_image *image); /* NULL is allowed */

void goleak_image_info(const struct goleak_image *image, struct goleak_image_info *out);

/* The function that holds this address; false: none does. */
bool goleak_image_at(const struct goleak_image *image, uint64_t address, struct goleak_image_function *out);
/* The function of this name. Where several share one, the first by address, but
 * none of the linker's wrappers: asking for runtime.gopark means the code of it. */
bool goleak_image_named(const struct goleak_image *image, const char *name, size_t size,
                        struct goleak_image_function *out);
/* The source line of the instruction at `address`. For a return address ask for
 * the byte before it. False: not known. */
bool goleak_image_line(const struct goleak_image *image, uint64_t address, const char **file, uint32_t *line);

/* The frames that the source has at the instruction at `address`, innermost first:
 * the calls that the compiler inlined there, and last the function of
 * goleak_image_at. goleak_image_line tells the innermost one's line, so the two
 * together would name a line of sync.(*Mutex).Lock in main.worker.
 *
 * Returns how many there are, at most `room`; 0: no function holds the address, or
 * it is not known what was inlined (goleak_image_at and _line still answer). */
struct goleak_image_frame {
    const char *function, *file; /* NULL: not known */
    uint32_t line;
};
size_t goleak_image_frames(const struct goleak_image *image, uint64_t address, struct goleak_image_frame *out,
                           size_t room);

/* Whether the compiler put the code of one of these functions into another one's, where a
 * probe at its entry does not see the call. *where is the first that has it, or, if it is
 * not known, the one that does not tell. */
enum goleak_image_inlined { GOLEAK_INLINED_NOWHERE, GOLEAK_INLINED_SOMEWHERE, GOLEAK_INLINED_UNKNOWN };
enum goleak_image_inlined goleak_image_inlined(const struct goleak_image *image, const char *const *names, size_t count,
                                               struct goleak_image_function *where);

/* All functions, by rising address. False past the last, and for one without a
 * name (a damaged table). */
size_t goleak_image_count(const struct goleak_image *image);
bool goleak_image_nth(const struct goleak_image *image, size_t index, struct goleak_image_function *out);

/* Between offsets in the file, which perf prints and uprobes take, and addresses,
 * by the loadable segments. False: no segment has it. */
bool goleak_image_address_of(const struct goleak_image *image, uint64_t offset, uint64_t *address);
bool goleak_image_offset_of(const struct goleak_image *image, uint64_t address, uint64_t *offset);

/* The bytes at `address`; returns how many there are, at most `size`. For looking
 * at a prologue. */
size_t goleak_image_code(const struct goleak_image *image, uint64_t address, uint8_t *out, size_t size);

#endif
