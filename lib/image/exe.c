/* exe - see exe.h. */
#include "image/exe.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the file ------------------------------------------------------------ */

bool goleak_exe_read_file(const struct goleak_exe *exe, uint64_t offset, void *out, size_t size)
{
    if (offset > exe->size || size > exe->size - offset)
        return false;
    if (exe->memory != NULL) {
        if (size != 0)
            memcpy(out, exe->memory + offset, size);
        return true;
    }
    /* pread, not a mapping: a file that is cut while it is mapped kills its reader.
     * It moves no file position, so threads need no lock. */
    for (size_t at = 0; at < size;) {
        size_t want = size - at < (size_t)1 << 30 ? size - at : (size_t)1 << 30;
        ssize_t got = pread(exe->fd, (uint8_t *)out + at, want, (off_t)(offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

enum goleak_status goleak_exe_load(const struct goleak_exe *exe, uint64_t offset, uint64_t size, uint8_t **out,
                                   struct goleak_error *error)
{
    *out = NULL;
    if (size == 0 || offset > exe->size || size > exe->size - offset || size > SIZE_MAX)
        return GOLEAK_OK;
    uint8_t *bytes = goleak_alloc_array(exe->alloc, (size_t)size, 1);
    if (bytes == NULL)
        return goleak_error_alloc(error, exe->alloc);
    if (goleak_exe_read_file(exe, offset, bytes, (size_t)size))
        *out = bytes;
    else
        goleak_free(exe->alloc, bytes, (size_t)size);
    return GOLEAK_OK;
}

/* ---- which format --------------------------------------------------------- */

#define EXPECTED "expected an ELF or Mach-O executable for 64 bits, little-endian"

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The slices of a universal file, by lipo's names: which one runs is not for us
 * to guess. A Java class file has the same magic, and its version (45 and up)
 * where the count is. */
static enum goleak_status refuse_universal(const struct goleak_exe *exe, const uint8_t *head,
                                           struct goleak_error *error)
{
    uint32_t count = be32(head + 4);
    size_t entry_bytes = head[3] == 0xbf ? 32 : 20, at = 0;
    char names[120] = "";
    const char *pick = NULL;
    if (count == 0 || count > 30)
        return goleak_error_set(error, GOLEAK_E_FORMAT, "a Java class file or no program at all; " EXPECTED);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t entry[8];
        if (!goleak_exe_read_file(exe, 8 + i * entry_bytes, entry, sizeof entry))
            break;
        uint32_t cpu = be32(entry);
        const char *name = cpu == 0x01000007 ? "x86_64" : cpu == 0x0100000c ? "arm64" : "other";
        if (pick == NULL || cpu == 0x0100000c)
            pick = name;
        int more = snprintf(names + at, sizeof names - at, "%s%s", at != 0 ? ", " : "", name);
        if (more < 0 || (size_t)more >= sizeof names - at)
            break;
        at += (size_t)more;
    }
    return goleak_error_set(error, GOLEAK_E_FORMAT,
                            "a universal Mach-O file (%s); expected a single program, so take the one that ran out of "
                            "it, for example with lipo -thin %s -output NEW OLD",
                            names, pick != NULL ? pick : "arm64");
}

static enum goleak_status recognise(struct goleak_exe *exe, struct goleak_error *error)
{
    uint8_t head[8] = { 0 };
    if (exe->size == 0)
        return goleak_error_set(error, GOLEAK_E_EMPTY, "the file is empty; " EXPECTED);
    goleak_exe_read_file(exe, 0, head, exe->size < sizeof head ? (size_t)exe->size : sizeof head);
    if (memcmp(head, "\x7f" "ELF", 4) == 0)
        return goleak_elf_open(exe, error);
    switch (be32(head)) {
    case 0xcffaedfe: return goleak_macho_open(exe, error);
    case 0xcefaedfe: return goleak_error_set(error, GOLEAK_E_FORMAT, "a Mach-O file for 32 bits; " EXPECTED);
    case 0xfeedface:
    case 0xfeedfacf: return goleak_error_set(error, GOLEAK_E_FORMAT, "a big-endian Mach-O file; " EXPECTED);
    case 0xcafebabe:
    case 0xcafebabf: return refuse_universal(exe, head, error);
    default: break;
    }
    const char *what = memcmp(head, "MZ", 2) == 0     ? "a Windows program"
                       : memcmp(head, "#!", 2) == 0   ? "a script"
                       : memcmp(head, "!<ar", 4) == 0 ? "an archive of object files"
                                                      : "no executable";
    return goleak_error_set(error, GOLEAK_E_FORMAT, "this is %s; " EXPECTED, what);
}

/* ---- open and close -------------------------------------------------------- */

static enum goleak_status fail_open(int number, struct goleak_error *error)
{
    char reason[128];
    switch (number) {
    case ENOENT: return goleak_error_set(error, GOLEAK_E_IO, "there is no such file; expected a Go executable");
    case EACCES:
    case EPERM:
        return goleak_error_set(error, GOLEAK_E_IO,
                                "permission to read it is denied; expected a readable Go executable");
    default:
        if (strerror_r(number, reason, sizeof reason) != 0)
            snprintf(reason, sizeof reason, "error %d", number);
        return goleak_error_set(error, GOLEAK_E_IO, "it cannot be opened (%s); expected a Go executable", reason);
    }
}

static enum goleak_status open_fd(struct goleak_exe *exe, const char *path, struct goleak_error *error)
{
    /* Without O_NONBLOCK a FIFO would wait for its writer; a regular file does not care. */
    do
        exe->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (exe->fd < 0 && errno == EINTR);
    if (exe->fd < 0)
        return fail_open(errno, error);
    struct stat info;
    if (fstat(exe->fd, &info) != 0)
        return fail_open(errno, error);
    if (S_ISDIR(info.st_mode))
        return goleak_error_set(error, GOLEAK_E_IO, "this is a directory; expected a Go executable");
    if (!S_ISREG(info.st_mode))
        return goleak_error_set(error, GOLEAK_E_IO, "this is no regular file; expected a Go executable");
    exe->size = (uint64_t)info.st_size;
    return recognise(exe, error);
}

enum goleak_status goleak_exe_open(struct goleak_exe *exe, struct goleak_alloc *alloc, const char *path,
                                   struct goleak_error *error)
{
    *exe = (struct goleak_exe){ .alloc = alloc, .fd = -1 };
    enum goleak_status status = open_fd(exe, path, error);
    if (status < 0)
        goleak_exe_close(exe);
    return status;
}

enum goleak_status goleak_exe_open_bytes(struct goleak_exe *exe, struct goleak_alloc *alloc, const void *bytes,
                                         size_t size, struct goleak_error *error)
{
    *exe = (struct goleak_exe){ .alloc = alloc, .fd = -1, .memory = bytes, .size = size };
    enum goleak_status status = recognise(exe, error);
    if (status < 0)
        goleak_exe_close(exe);
    return status;
}

void goleak_exe_close(struct goleak_exe *exe)
{
    if (exe->fd >= 0)
        close(exe->fd);
    goleak_free(exe->alloc, exe->segments, exe->segment_capacity * sizeof *exe->segments);
    *exe = (struct goleak_exe){ .alloc = exe->alloc, .fd = -1 };
}

/* ---- segments -------------------------------------------------------------- */

enum goleak_status goleak_exe_add_segment(struct goleak_exe *exe, struct goleak_exe_segment segment,
                                          struct goleak_error *error)
{
    if (segment.memory_bytes > UINT64_MAX - segment.address || segment.offset >= exe->size)
        return GOLEAK_OK;
    if (segment.file_bytes > exe->size - segment.offset)
        segment.file_bytes = exe->size - segment.offset;
    if (segment.file_bytes > segment.memory_bytes)
        segment.file_bytes = segment.memory_bytes;
    /* Searches go through every segment: one file must not become a thousand. */
    if (segment.file_bytes == 0 || segment.file_bytes > 2 * exe->size - exe->segment_bytes)
        return GOLEAK_OK;
    if (!goleak_grow(exe->alloc, &exe->segments, &exe->segment_capacity, exe->segment_count + 1, sizeof *exe->segments))
        return goleak_error_alloc(error, exe->alloc);
    exe->segments[exe->segment_count++] = segment;
    exe->segment_bytes += segment.file_bytes;
    return GOLEAK_OK;
}

const struct goleak_exe_segment *goleak_exe_segment_at(const struct goleak_exe *exe, uint64_t address)
{
    for (size_t i = 0; i < exe->segment_count; i++) {
        const struct goleak_exe_segment *segment = &exe->segments[i];
        if (address >= segment->address && address - segment->address < segment->file_bytes)
            return segment;
    }
    return NULL;
}

const struct goleak_exe_segment *goleak_exe_segment_of(const struct goleak_exe *exe, uint64_t offset)
{
    const struct goleak_exe_segment *found = NULL;
    for (size_t i = 0; i < exe->segment_count; i++) {
        const struct goleak_exe_segment *segment = &exe->segments[i];
        if (offset < segment->offset || offset - segment->offset >= segment->file_bytes)
            continue;
        /* Should two share bytes: who asks for an offset asks for code. */
        if (found == NULL || (segment->executable && !found->executable))
            found = segment;
    }
    return found;
}

size_t goleak_exe_read(const struct goleak_exe *exe, uint64_t address, void *out, size_t size)
{
    const struct goleak_exe_segment *segment = goleak_exe_segment_at(exe, address);
    if (segment == NULL)
        return 0;
    uint64_t skip = address - segment->address;
    if (size > segment->file_bytes - skip)
        size = (size_t)(segment->file_bytes - skip);
    return goleak_exe_read_file(exe, segment->offset + skip, out, size) ? size : 0;
}

bool goleak_exe_is_code(const struct goleak_exe *exe, uint64_t address, uint64_t end)
{
    const struct goleak_exe_segment *segment = goleak_exe_segment_at(exe, address);
    return segment != NULL && segment->executable && address < end && end - segment->address <= segment->file_bytes;
}

/* ---- pointers --------------------------------------------------------------- */

#define RELA_BYTES 24

/* Calls `visit` with the place and the value of each relative relocation. */
typedef bool relocation_fn(void *context, uint64_t place, uint64_t value);

static bool each_relocation(const struct goleak_exe *exe, relocation_fn *visit, void *context)
{
    uint8_t chunk[512 * RELA_BYTES];
    uint64_t address = exe->relocations.address, left = exe->relocations.size;
    while (left >= RELA_BYTES) {
        size_t got = goleak_exe_read(exe, address, chunk, left < sizeof chunk ? (size_t)left : sizeof chunk);
        got -= got % RELA_BYTES;
        if (got == 0)
            return false;
        for (const uint8_t *at = chunk; at < chunk + got; at += RELA_BYTES)
            if (goleak_le64(at + 8) == exe->relative_type && visit(context, goleak_le64(at), goleak_le64(at + 16)))
                return true;
        address += got;
        left -= got;
    }
    return false;
}

struct window {
    uint64_t address;
    uint8_t *bytes;
    size_t size;
};

static bool relocate_one(void *context, uint64_t place, uint64_t value)
{
    const struct window *window = context;
    if (place >= window->address && window->size >= 8 && place - window->address <= window->size - 8)
        goleak_put_le64(window->bytes + (place - window->address), value);
    return false;
}

void goleak_exe_relocate(const struct goleak_exe *exe, uint64_t address, uint8_t *bytes, size_t size)
{
    struct window window = { address, bytes, size };
    each_relocation(exe, relocate_one, &window);
}

/* A link of dyld's chained fixups (LC_DYLD_CHAINED_FIXUPS, the 64-bit formats of
 * mach-o/fixup-chains.h):
 *
 *      63     62..51   50..44  43..36   35..0
 *      bind   next     0       high 8   target
 *
 * The target is an address, or counts from the image's header; which of both is
 * said elsewhere, but nothing of an image lies below its header. */
uint64_t goleak_exe_pointer(const struct goleak_exe *exe, uint64_t stored)
{
    if (!exe->chained)
        return stored;
    uint64_t target = stored & UINT64_C(0xfffffffff);
    if (stored >> 63 != 0 || target == 0)
        return 0;
    return target < exe->base ? exe->base + target : target;
}

struct pointer_search {
    uint64_t value;
    goleak_exe_visit_fn *visit;
    void *context;
};

static bool visit_relocation(void *context, uint64_t place, uint64_t value)
{
    const struct pointer_search *search = context;
    return value == search->value && place % 8 == 0 && search->visit(search->context, place);
}

/* ---- searching --------------------------------------------------------------- */

#define CHUNK_BYTES 16384
#define NEEDLE_MAX 16

/* Looks at each multiple of eight of a segment: either for the bytes of `needle`,
 * or, without one, for the pointer. Chunks overlap by a needle. */
static bool search_segment(const struct goleak_exe *exe, const struct goleak_exe_segment *segment,
                           const struct pointer_search *search, const void *needle, size_t size)
{
    uint8_t chunk[CHUNK_BYTES + NEEDLE_MAX] = { 0 };
    uint64_t skip = (8 - segment->address % 8) % 8;
    while (skip < segment->file_bytes && segment->file_bytes - skip >= size) {
        uint64_t left = segment->file_bytes - skip;
        size_t got = left < sizeof chunk ? (size_t)left : sizeof chunk;
        if (!goleak_exe_read_file(exe, segment->offset + skip, chunk, got))
            return false;
        for (size_t at = 0; at < CHUNK_BYTES && at + size <= got; at += 8) {
            bool same = needle != NULL ? memcmp(chunk + at, needle, size) == 0
                                       : goleak_exe_pointer(exe, goleak_le64(chunk + at)) == search->value;
            if (same && search->visit(search->context, segment->address + skip + at))
                return true;
        }
        skip += CHUNK_BYTES;
    }
    return false;
}

bool goleak_exe_find_pointer(const struct goleak_exe *exe, uint64_t value, goleak_exe_visit_fn *visit, void *context)
{
    struct pointer_search search = { value, visit, context };
    if (each_relocation(exe, visit_relocation, &search))
        return true;
    for (size_t i = 0; i < exe->segment_count; i++)
        if (!exe->segments[i].executable && search_segment(exe, &exe->segments[i], &search, NULL, 8))
            return true;
    return false;
}

bool goleak_exe_find_bytes(const struct goleak_exe *exe, const void *bytes, size_t size, goleak_exe_visit_fn *visit,
                           void *context)
{
    struct pointer_search search = { 0, visit, context };
    for (size_t i = 0; size <= NEEDLE_MAX && i < exe->segment_count; i++)
        if (search_segment(exe, &exe->segments[i], &search, bytes, size))
            return true;
    return false;
}

/* ---- symbols ------------------------------------------------------------------ */

static bool is_named(const uint8_t *strings, size_t size, uint32_t at, const char *name)
{
    size_t need = strlen(name) + 1;
    if (at < size && strings[at] == '_' && name[0] != '_')
        at++; /* Mach-O's linker puts one in front, Go's own does not */
    return at < size && need <= size - at && memcmp(strings + at, name, need) == 0;
}

void goleak_exe_see_symbol(struct goleak_exe *exe, const uint8_t *strings, size_t strings_size, uint32_t name,
                           uint64_t value)
{
    if (value == 0)
        return;
    if (is_named(strings, strings_size, name, "runtime.gopark"))
        exe->has_symbols = true;
    if (is_named(strings, strings_size, name, "runtime.text"))
        exe->text_symbol = value;
}
