/*
 * macho - where a Mach-O executable (64 bits, little-endian) has what we look for.
 *
 * From Apple's <mach-o/loader.h> and <mach-o/nlist.h>. Offsets within the
 * structures that are read:
 *
 *      header        4 cputype  12 filetype  16 ncmds  20 sizeofcmds  24 flags
 *      load command  0 cmd  4 cmdsize
 *      LC_SEGMENT_64 24 vmaddr  32 vmsize  40 fileoff  48 filesize  60 initprot  64 nsects
 *      section       0 sectname[16]  32 addr  40 size
 *      LC_SYMTAB     8 symoff  12 nsyms  16 stroff  20 strsize
 *      nlist         0 name  4 type  8 value
 */
#include "image/exe.h"

#include "base/error.h"

#define HEADER_BYTES 32
#define SEGMENT_BYTES 72
#define SECTION_BYTES 80
#define SYMTAB_BYTES 24
#define NLIST_BYTES 16

enum { CPU_X86_64 = 0x01000007, CPU_ARM64 = 0x0100000c };
enum { MH_EXECUTE = 2, MH_PIE = 0x200000, VM_PROT_EXECUTE = 4, N_STAB = 0xe0 };
#define LC_SYMTAB 0x2u
#define LC_SEGMENT_64 0x19u
#define LC_DYLD_CHAINED_FIXUPS 0x80000034u

static void read_section(struct goleak_exe *exe, const uint8_t *at)
{
    struct {
        const char *name;
        struct goleak_exe_range *range;
    } wanted[] = {
        { "__text", &exe->code },
        { "__gopclntab", &exe->pclntab },
        { "__go_buildinfo", &exe->buildinfo },
        { "__go_module", &exe->module }, /* Go 1.26 and later */
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (strncmp((const char *)at, wanted[i].name, 16) == 0)
            *wanted[i].range = (struct goleak_exe_range){ goleak_le64(at + 32), goleak_le64(at + 40) };
}

static enum goleak_status read_segment(struct goleak_exe *exe, const uint8_t *command, size_t size,
                                       struct goleak_error *error)
{
    if (size < SEGMENT_BYTES)
        return GOLEAK_OK;
    struct goleak_exe_segment segment = {
        .address = goleak_le64(command + 24),
        .memory_bytes = goleak_le64(command + 32),
        .offset = goleak_le64(command + 40),
        .file_bytes = goleak_le64(command + 48),
        .executable = (goleak_le32(command + 60) & VM_PROT_EXECUTE) != 0,
    };
    if (segment.offset == 0 && segment.file_bytes != 0)
        exe->base = segment.address;
    size_t fit = (size - SEGMENT_BYTES) / SECTION_BYTES, count = goleak_le32(command + 64);
    for (size_t i = 0; i < count && i < fit; i++)
        read_section(exe, command + SEGMENT_BYTES + i * SECTION_BYTES);
    exe->has_sections |= count != 0;
    return goleak_exe_add_segment(exe, segment, error);
}

static enum goleak_status read_symbols(struct goleak_exe *exe, const uint8_t *command, struct goleak_error *error)
{
    uint64_t offset = goleak_le32(command + 8), left = (uint64_t)goleak_le32(command + 12) * NLIST_BYTES;
    uint32_t strings_size = goleak_le32(command + 20);
    uint8_t *strings;
    enum goleak_status status = goleak_exe_load(exe, goleak_le32(command + 16), strings_size, &strings, error);
    if (status < 0 || strings == NULL)
        return status;
    uint8_t chunk[512 * NLIST_BYTES];
    while (left != 0) {
        size_t want = left < sizeof chunk ? (size_t)left : sizeof chunk;
        if (!goleak_exe_read_file(exe, offset, chunk, want))
            break;
        for (const uint8_t *at = chunk; at < chunk + want; at += NLIST_BYTES)
            if ((at[4] & N_STAB) == 0) /* no debugger's entry */
                goleak_exe_see_symbol(exe, strings, strings_size, goleak_le32(at), goleak_le64(at + 8));
        offset += want;
        left -= want;
    }
    goleak_free(exe->alloc, strings, strings_size);
    return GOLEAK_OK;
}

static enum goleak_status read_commands(struct goleak_exe *exe, const uint8_t *commands, size_t size, uint32_t count,
                                        struct goleak_error *error)
{
    enum goleak_status status = GOLEAK_OK;
    const uint8_t *symbols = NULL;
    for (; count != 0 && size >= 8 && status >= 0; count--) {
        uint32_t step = goleak_le32(commands + 4);
        if (step < 8 || step > size)
            break;
        switch (goleak_le32(commands)) {
        case LC_SEGMENT_64: status = read_segment(exe, commands, step, error); break;
        case LC_SYMTAB: symbols = step >= SYMTAB_BYTES ? commands : symbols; break;
        case LC_DYLD_CHAINED_FIXUPS: exe->chained = true; break;
        default: break;
        }
        commands += step;
        size -= step;
    }
    return status >= 0 && symbols != NULL ? read_symbols(exe, symbols, error) : status;
}

enum goleak_status goleak_macho_open(struct goleak_exe *exe, struct goleak_error *error)
{
    uint8_t head[HEADER_BYTES], *commands;
    if (!goleak_exe_read_file(exe, 0, head, sizeof head))
        return goleak_error_set(error, GOLEAK_E_FORMAT, "a Mach-O file that ends within its header of %d bytes",
                                HEADER_BYTES);
    uint32_t cpu = goleak_le32(head + 4), type = goleak_le32(head + 12), size = goleak_le32(head + 20);
    exe->arch = cpu == CPU_X86_64 ? GOLEAK_ARCH_AMD64 : cpu == CPU_ARM64 ? GOLEAK_ARCH_ARM64 : GOLEAK_ARCH_OTHER;
    exe->movable = (goleak_le32(head + 24) & MH_PIE) != 0;
    if (type != MH_EXECUTE)
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "a Mach-O file of type %u (an object file is 1, a library 6); expected an executable "
                                "(type 2)",
                                (unsigned)type);
    enum goleak_status status = goleak_exe_load(exe, HEADER_BYTES, size, &commands, error);
    if (status < 0)
        return status;
    if (commands != NULL) {
        status = read_commands(exe, commands, size, goleak_le32(head + 16), error);
        goleak_free(exe->alloc, commands, size);
    }
    if (status >= 0 && exe->segment_count == 0)
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "a Mach-O file without a segment of its own bytes; expected an executable");
    return status;
}
