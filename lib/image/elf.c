/*
 * elf - where an ELF executable (64 bits, little-endian) has what we look for.
 *
 * From the ELF specification and the x86-64 and AArch64 supplements; <elf.h> is
 * not everywhere. Offsets within the structures that are read:
 *
 *      file header     16 type  18 machine  32 phoff  40 shoff
 *                      54 phentsize  56 phnum  58 shentsize  60 shnum  62 shstrndx
 *      program header  0 type  4 flags  8 offset  16 vaddr  32 filesz  40 memsz
 *      section header  0 name  4 type  16 addr  24 offset  32 size  40 link
 *      symbol          0 name  8 value
 *      dynamic entry   0 tag  8 value
 */
#include "image/exe.h"

#include "base/error.h"

#define HEADER_BYTES 64
#define PROGRAM_BYTES 56
#define SECTION_BYTES 64
#define SYMBOL_BYTES 24
#define DYNAMIC_BYTES 16
#define DYNAMIC_MAX (512 * DYNAMIC_BYTES) /* linkers write some thirty entries */

enum { ET_EXEC = 2, ET_DYN = 3 };
enum { EM_X86_64 = 62, EM_AARCH64 = 183 };
enum { PT_LOAD = 1, PT_DYNAMIC = 2, PF_X = 1 };
enum { SHT_SYMTAB = 2, SHT_NOBITS = 8 };
enum { DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8 };
enum { R_X86_64_RELATIVE = 8, R_AARCH64_RELATIVE = 1027, R_RISCV_RELATIVE = 3 };

static enum goleak_status check_header(struct goleak_exe *exe, const uint8_t *head, struct goleak_error *error)
{
    if (head[4] != 2)
        return goleak_error_set(error, GOLEAK_E_FORMAT, "an ELF file for 32 bits; expected one for 64 bits");
    if (head[5] != 1)
        return goleak_error_set(error, GOLEAK_E_FORMAT, "a big-endian ELF file; expected a little-endian one");
    unsigned type = goleak_le16(head + 16), machine = goleak_le16(head + 18);
    if (type != ET_EXEC && type != ET_DYN)
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "an ELF file of type %u (an object file is 1, a core dump 4); expected an executable",
                                type);
    exe->movable = type == ET_DYN;
    exe->arch = machine == EM_X86_64    ? GOLEAK_ARCH_AMD64
                : machine == EM_AARCH64 ? GOLEAK_ARCH_ARM64
                                        : GOLEAK_ARCH_OTHER;
    exe->relative_type = machine == EM_X86_64    ? R_X86_64_RELATIVE
                         : machine == EM_AARCH64 ? R_AARCH64_RELATIVE
                                                 : R_RISCV_RELATIVE;
    return GOLEAK_OK;
}

static void read_dynamic(struct goleak_exe *exe, uint64_t offset, uint64_t size)
{
    uint8_t entry[DYNAMIC_BYTES];
    if (size > DYNAMIC_MAX)
        size = DYNAMIC_MAX;
    for (; size >= sizeof entry && goleak_exe_read_file(exe, offset, entry, sizeof entry); size -= sizeof entry) {
        uint64_t tag = goleak_le64(entry), value = goleak_le64(entry + 8);
        if (tag == DT_NULL)
            break;
        if (tag == DT_RELA)
            exe->relocations.address = value;
        if (tag == DT_RELASZ)
            exe->relocations.size = value;
        offset += sizeof entry;
    }
}

static enum goleak_status read_segments(struct goleak_exe *exe, const uint8_t *head, struct goleak_error *error)
{
    enum goleak_status status = GOLEAK_OK;
    uint64_t offset = goleak_le64(head + 32), dynamic_offset = 0, dynamic_size = 0;
    unsigned left = goleak_le16(head + 54) == PROGRAM_BYTES ? goleak_le16(head + 56) : 0;
    for (; left != 0 && status >= 0; left--, offset += PROGRAM_BYTES) {
        uint8_t entry[PROGRAM_BYTES];
        if (!goleak_exe_read_file(exe, offset, entry, sizeof entry))
            break;
        struct goleak_exe_segment segment = {
            .offset = goleak_le64(entry + 8),
            .address = goleak_le64(entry + 16),
            .file_bytes = goleak_le64(entry + 32),
            .memory_bytes = goleak_le64(entry + 40),
            .executable = (goleak_le32(entry + 4) & PF_X) != 0,
        };
        if (goleak_le32(entry) == PT_LOAD)
            status = goleak_exe_add_segment(exe, segment, error);
        if (goleak_le32(entry) == PT_DYNAMIC) {
            dynamic_offset = segment.offset;
            dynamic_size = segment.file_bytes;
        }
    }
    read_dynamic(exe, dynamic_offset, dynamic_size);
    return status;
}

struct section {
    uint32_t name, type, link;
    uint64_t address, offset, size;
};

static bool read_section(const struct goleak_exe *exe, const uint8_t *head, uint32_t index, struct section *out)
{
    uint8_t entry[SECTION_BYTES];
    uint64_t start = goleak_le64(head + 40);
    if (index >= goleak_le16(head + 60) || start > exe->size ||
        !goleak_exe_read_file(exe, start + (uint64_t)index * sizeof entry, entry, sizeof entry))
        return false;
    *out = (struct section){
        .name = goleak_le32(entry),
        .type = goleak_le32(entry + 4),
        .address = goleak_le64(entry + 16),
        .offset = goleak_le64(entry + 24),
        .size = goleak_le64(entry + 32),
        .link = goleak_le32(entry + 40),
    };
    return true;
}

static bool is_section(const struct goleak_exe *exe, const struct section *names, const struct section *section,
                       const char *name)
{
    char found[32];
    size_t need = strlen(name) + 1;
    return section->type != SHT_NOBITS && names->offset <= exe->size && section->name < names->size &&
           need <= sizeof found && goleak_exe_read_file(exe, names->offset + section->name, found, need) &&
           memcmp(found, name, need) == 0;
}

static enum goleak_status read_symbols(struct goleak_exe *exe, const struct section *symbols,
                                       const struct section *names, struct goleak_error *error)
{
    uint8_t *strings;
    enum goleak_status status = goleak_exe_load(exe, names->offset, names->size, &strings, error);
    if (status < 0 || strings == NULL)
        return status;
    uint8_t chunk[512 * SYMBOL_BYTES];
    uint64_t offset = symbols->offset, left = symbols->size;
    while (left >= SYMBOL_BYTES) {
        size_t size = left < sizeof chunk ? (size_t)(left - left % SYMBOL_BYTES) : sizeof chunk;
        if (!goleak_exe_read_file(exe, offset, chunk, size))
            break;
        for (const uint8_t *at = chunk; at < chunk + size; at += SYMBOL_BYTES)
            goleak_exe_see_symbol(exe, strings, (size_t)names->size, goleak_le32(at), goleak_le64(at + 8));
        offset += size;
        left -= size;
    }
    goleak_free(exe->alloc, strings, (size_t)names->size);
    return GOLEAK_OK;
}

static enum goleak_status read_sections(struct goleak_exe *exe, const uint8_t *head, struct goleak_error *error)
{
    struct {
        const char *name;
        struct goleak_exe_range *range;
    } wanted[] = {
        { ".text", &exe->code },
        { ".gopclntab", &exe->pclntab },
        { ".data.rel.ro.gopclntab", &exe->pclntab }, /* position-independent */
        { ".go.buildinfo", &exe->buildinfo },
        { ".go.module", &exe->module }, /* Go 1.26 and later */
    };
    struct section names, section, strings, symbols = { 0 };
    if (goleak_le16(head + 58) != SECTION_BYTES || !read_section(exe, head, goleak_le16(head + 62), &names))
        return GOLEAK_OK;
    for (uint32_t i = 1; read_section(exe, head, i, &section); i++) {
        exe->has_sections = true;
        if (section.type == SHT_SYMTAB)
            symbols = section;
        for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++)
            if (is_section(exe, &names, &section, wanted[k].name))
                *wanted[k].range = (struct goleak_exe_range){ section.address, section.size };
    }
    if (symbols.size == 0 || !read_section(exe, head, symbols.link, &strings))
        return GOLEAK_OK;
    return read_symbols(exe, &symbols, &strings, error);
}

enum goleak_status goleak_elf_open(struct goleak_exe *exe, struct goleak_error *error)
{
    uint8_t head[HEADER_BYTES];
    if (!goleak_exe_read_file(exe, 0, head, sizeof head))
        return goleak_error_set(error, GOLEAK_E_FORMAT, "an ELF file that ends within its header of %d bytes",
                                HEADER_BYTES);
    enum goleak_status status = check_header(exe, head, error);
    if (status >= 0)
        status = read_segments(exe, head, error);
    if (status >= 0)
        status = read_sections(exe, head, error);
    if (status >= 0 && exe->segment_count == 0)
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "an ELF file without a loadable segment; expected an executable");
    return status;
}
