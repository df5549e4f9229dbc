/*
 * buildinfo - see buildinfo.h. After Go's debug/buildinfo:
 *
 *      0   "\xff Go buildinf:"
 *      14  size of a pointer     15  flags: 1 big-endian, 2 the texts follow
 *      16  since Go 1.18 nothing; before it a pointer to the version, which is a
 *          Go string: a pointer to the bytes, and their number
 *      32  since Go 1.18 the version: its length as a varint, and its bytes
 *
 * It is aligned to 16 bytes, has a section of its own, and stands near the start
 * of the program's data.
 */
#include "image/buildinfo.h"

#define MAGIC "\xff Go buildinf:"
#define MAGIC_BYTES 14
#define HEADER_BYTES 32

struct search {
    const struct goleak_exe *exe;
    char *out;
};

/* A version is one line of plain text: nothing else is shown to anybody. */
static bool take(const struct search *search, uint64_t address, uint64_t size)
{
    char *out = search->out;
    bool good = size != 0 && size <= GOLEAK_BUILDINFO_VERSION_MAX &&
                goleak_exe_read(search->exe, address, out, (size_t)size) == size;
    for (size_t i = 0; good && i < size; i++)
        good = out[i] >= 0x20 && out[i] < 0x7f;
    out[good ? size : 0] = '\0';
    return good;
}

static bool read_pointers(const struct goleak_exe *exe, uint64_t address, uint64_t *out, size_t count)
{
    uint8_t bytes[16];
    if (goleak_exe_read(exe, address, bytes, 8 * count) != 8 * count)
        return false;
    goleak_exe_relocate(exe, address, bytes, 8 * count);
    for (size_t i = 0; i < count; i++)
        out[i] = goleak_le64(bytes + 8 * i);
    out[0] = goleak_exe_pointer(exe, out[0]);
    return true;
}

static bool visit(void *context, uint64_t address)
{
    const struct search *search = context;
    uint8_t head[HEADER_BYTES + 2];
    size_t got = goleak_exe_read(search->exe, address, head, sizeof head);
    if (address % 16 != 0 || got < HEADER_BYTES || memcmp(head, MAGIC, MAGIC_BYTES) != 0)
        return false;
    if (head[15] & 2) {
        if (got < sizeof head)
            return false;
        uint64_t size = head[32] & 0x7f;
        bool wide = head[32] >= 0x80; /* more than 127 bytes; a third byte would be far too many */
        if (wide)
            size |= head[33] < 0x80 ? (uint64_t)head[33] << 7 : UINT64_MAX;
        return take(search, address + HEADER_BYTES + (wide ? 2 : 1), size);
    }
    uint64_t string[2];
    return head[14] == 8 && (head[15] & 1) == 0 && read_pointers(search->exe, address + 16, string, 1) &&
           read_pointers(search->exe, string[0], string, 2) && take(search, string[0], string[1]);
}

bool goleak_buildinfo_version(const struct goleak_exe *exe, char out[GOLEAK_BUILDINFO_VERSION_MAX + 1])
{
    struct search search = { exe, out };
    out[0] = '\0';
    if (exe->buildinfo.size != 0 && visit(&search, exe->buildinfo.address))
        return true;
    return !exe->has_sections && goleak_exe_find_bytes(exe, MAGIC, MAGIC_BYTES, visit, &search);
}
