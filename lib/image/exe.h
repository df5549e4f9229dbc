/*
 * exe - an executable file behind one face: bytes by address, whoever wrote it.
 *
 * elf.c and macho.c fill struct goleak_exe from their headers; nobody else knows
 * either format. The file stays open and is read where it is needed: a Go program
 * may be larger than all that is wanted from it by a hundred times.
 *
 * What the file says of itself is checked here, once: every segment's bytes lie in
 * the file and its addresses do not wrap. Ranges (of sections) are claims still:
 * goleak_exe_read answers for what of them exists.
 */
#ifndef GOLEAK_IMAGE_EXE_H
#define GOLEAK_IMAGE_EXE_H

#include "image/image.h"

#include <string.h>

/* A part of the file that is loaded. */
struct goleak_exe_segment {
    uint64_t address, memory_bytes; /* their sum does not wrap */
    uint64_t offset, file_bytes;    /* within the file; file_bytes <= memory_bytes */
    bool executable;
};

/* Addresses that a section header names; size 0: there is none. */
struct goleak_exe_range {
    uint64_t address, size;
};

struct goleak_exe {
    struct goleak_alloc *alloc;
    int fd; /* or -1: */
    const uint8_t *memory;
    uint64_t size;

    enum goleak_arch arch;
    bool movable, has_symbols;
    bool has_sections; /* something says where things are */
    struct goleak_exe_segment *segments;
    size_t segment_count, segment_capacity;
    uint64_t segment_bytes; /* of all of them, at most twice the file */
    struct goleak_exe_range code, pclntab, buildinfo, module;
    uint64_t text_symbol; /* the address of runtime.text; 0: not known */

    /* How the loader changes pointers in the file, see goleak_exe_relocate. */
    struct goleak_exe_range relocations; /* ELF: its RELA entries */
    uint32_t relative_type;
    bool chained;  /* Mach-O: pointers are links of a chain */
    uint64_t base; /* Mach-O: the address of its header */
};

static inline uint16_t goleak_le16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t goleak_le32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t goleak_le64(const uint8_t *at)
{
    return goleak_le32(at) | (uint64_t)goleak_le32(at + 4) << 32;
}

static inline void goleak_put_le64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* From a file, or from memory that outlives it; recognises the format. The path
 * in the error is the caller's to set. */
enum goleak_status goleak_exe_open(struct goleak_exe *exe, struct goleak_alloc *alloc, const char *path,
                                   struct goleak_error *error);
enum goleak_status goleak_exe_open_bytes(struct goleak_exe *exe, struct goleak_alloc *alloc, const void *bytes,
                                         size_t size, struct goleak_error *error);
void goleak_exe_close(struct goleak_exe *exe);

/* Bytes of the file; false if it has not that many there. */
bool goleak_exe_read_file(const struct goleak_exe *exe, uint64_t offset, void *out, size_t size);

/* Bytes by address, as many as its segment has in the file, at most `size`. */
size_t goleak_exe_read(const struct goleak_exe *exe, uint64_t address, void *out, size_t size);

/* Which segment holds this address, this offset; NULL: none has it. */
const struct goleak_exe_segment *goleak_exe_segment_at(const struct goleak_exe *exe, uint64_t address);
const struct goleak_exe_segment *goleak_exe_segment_of(const struct goleak_exe *exe, uint64_t offset);

/* Is all of [address, end) code that the file has? */
bool goleak_exe_is_code(const struct goleak_exe *exe, uint64_t address, uint64_t end);

/* In a position-independent ELF file a pointer may be zero: its value stands in a
 * relocation. This puts the values into bytes that were read from `address`, as if
 * the file were loaded where it is linked. Every call reads all relocations. */
void goleak_exe_relocate(const struct goleak_exe *exe, uint64_t address, uint8_t *bytes, size_t size);

/* The address that a pointer in a Mach-O file means; elsewhere the pointer itself. */
uint64_t goleak_exe_pointer(const struct goleak_exe *exe, uint64_t stored);

/* Calls `visit` for each place that holds the pointer `value`, at a multiple of
 * eight, until it returns true; says whether it did. */
typedef bool goleak_exe_visit_fn(void *context, uint64_t address);
bool goleak_exe_find_pointer(const struct goleak_exe *exe, uint64_t value, goleak_exe_visit_fn *visit, void *context);

/* Calls `visit` for each place, at a multiple of eight, where these bytes stand. */
bool goleak_exe_find_bytes(const struct goleak_exe *exe, const void *bytes, size_t size, goleak_exe_visit_fn *visit,
                           void *context);

/* For elf.c and macho.c: they are given the first bytes, and fill the rest. */
enum goleak_status goleak_elf_open(struct goleak_exe *exe, struct goleak_error *error);
enum goleak_status goleak_macho_open(struct goleak_exe *exe, struct goleak_error *error);
/* Cuts the segment to what exists; one that wraps, or is empty, is left out, and
 * so is one that repeats what others have. */
enum goleak_status goleak_exe_add_segment(struct goleak_exe *exe, struct goleak_exe_segment segment,
                                          struct goleak_error *error);
/* A symbol of a table, by its name's place in the string table; sets has_symbols
 * and text_symbol. */
void goleak_exe_see_symbol(struct goleak_exe *exe, const uint8_t *strings, size_t strings_size, uint32_t name,
                           uint64_t value);
/* A whole part of the file in memory; NULL with *size 0 if the file has it not. */
enum goleak_status goleak_exe_load(const struct goleak_exe *exe, uint64_t offset, uint64_t size, uint8_t **out,
                                   struct goleak_error *error);

#endif
