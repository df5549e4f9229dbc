/*
 * image - see image.h. What the files of this folder make together:
 *
 *      exe        the file: its segments, bytes by address   elf, macho fill it
 *      pclntab    functions and lines, in a copy of the table
 *      textbase   what the table's addresses count from
 *      inline     what a line's function really is
 *      buildinfo  the version of Go
 */
#include "image/image.h"

#include "base/error.h"
#include "image/buildinfo.h"
#include "image/exe.h"
#include "image/inline.h"
#include "image/pclntab.h"
#include "image/textbase.h"

#include <stdio.h>

struct goleak_image {
    struct goleak_alloc *alloc;
    struct goleak_exe exe;
    struct goleak_pclntab table;
    uint8_t *data; /* the table's bytes, relocated */
    size_t data_bytes;
    uint64_t text, text_end;
    uint64_t trees; /* of inlined calls */
    char version[GOLEAK_BUILDINFO_VERSION_MAX + 1];
};

/* ---- finding the table -------------------------------------------------------- */

/* Each try goes through the program's data. */
#define TRIES_MAX 16

struct table_search {
    struct goleak_image *image;
    uint64_t address, size;
    unsigned tries;
};

static bool visit_magic(void *context, uint64_t address)
{
    struct table_search *search = context;
    const struct goleak_exe_segment *segment = goleak_exe_segment_at(&search->image->exe, address);
    uint64_t size = segment->file_bytes - (address - segment->address);
    uint8_t head[GOLEAK_PCLNTAB_HEADER_BYTES];
    if (goleak_exe_read(&search->image->exe, address, head, sizeof head) != sizeof head ||
        goleak_pclntab_header(&search->image->table, head, size, NULL) < 0)
        return false;
    if (search->tries++ >= TRIES_MAX)
        return true;
    if (!goleak_textbase_points_to(&search->image->exe, &search->image->table, address))
        return false;
    search->address = address;
    search->size = size;
    return true;
}

/* By its section; or by its first bytes, where there are no sections, or where a C
 * linker has put it into another (.data.rel.ro, when position-independent). */
static bool find_table(struct table_search *search)
{
    static const char magics[][9] = { "\xf1\xff\xff\xff\0\0\x01\x08", "\xf1\xff\xff\xff\0\0\x04\x08",
                                      "\xf0\xff\xff\xff\0\0\x01\x08", "\xf0\xff\xff\xff\0\0\x04\x08",
                                      "\xfa\xff\xff\xff\0\0\x01\x08", "\xfa\xff\xff\xff\0\0\x04\x08" };
    const struct goleak_exe *exe = &search->image->exe;
    search->address = exe->pclntab.address;
    search->size = exe->pclntab.size;
    if (search->size != 0)
        return true;
    for (size_t i = 0; search->size == 0 && i < sizeof magics / sizeof *magics; i++)
        goleak_exe_find_bytes(exe, magics[i], 8, visit_magic, search);
    return search->size != 0;
}

static enum goleak_status refuse(const struct goleak_image *image, struct goleak_error *error)
{
    if (image->version[0] != '\0')
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "built by %s, but its pc-line table was not found; expected a section .gopclntab or "
                                "__gopclntab, or a table that runtime.firstmoduledata points to",
                                image->version);
    return goleak_error_set(error, GOLEAK_E_FORMAT,
                            "this is no Go program: it has no pc-line table (.gopclntab); expected an executable that "
                            "go build made");
}

/* ---- open and close -------------------------------------------------------------- */

static enum goleak_status load_table(struct goleak_image *image, struct table_search *search,
                                     struct goleak_error *error)
{
    const struct goleak_exe *exe = &image->exe;
    uint8_t head[GOLEAK_PCLNTAB_HEADER_BYTES];
    const struct goleak_exe_segment *segment = goleak_exe_segment_at(exe, search->address);
    if (segment == NULL || search->size > segment->file_bytes - (search->address - segment->address) ||
        search->size < sizeof head || goleak_exe_read(exe, search->address, head, sizeof head) != sizeof head)
        return goleak_error_set(error, GOLEAK_E_FORMAT,
                                "its pc-line table lies outside of the file; was the file cut off?");
    /* The header before the table: what is no table is not worth the memory. */
    enum goleak_status status = goleak_pclntab_header(&image->table, head, search->size, error);
    if (status < 0)
        return status;
    status = goleak_exe_load(exe, segment->offset + (search->address - segment->address), search->size, &image->data,
                             error);
    if (status < 0)
        return status;
    if (image->data == NULL)
        return goleak_error_set(error, GOLEAK_E_IO, "its pc-line table cannot be read");
    image->data_bytes = (size_t)search->size;
    goleak_exe_relocate(exe, search->address, image->data, image->data_bytes);
    return goleak_pclntab_header(&image->table, image->data, search->size, error);
}

static enum goleak_status open_image(struct goleak_image *image, struct goleak_error *error)
{
    struct table_search search = { .image = image };
    goleak_buildinfo_version(&image->exe, image->version);
    if (!find_table(&search))
        return refuse(image, error);
    enum goleak_status status = load_table(image, &search, error);
    if (status >= 0)
        status = goleak_pclntab_open(&image->table, image->alloc, image->data, error);
    if (status >= 0)
        status = goleak_textbase_find(&image->table, &image->exe, search.address, error);
    if (status < 0)
        return status;
    const struct goleak_exe_segment *code = goleak_exe_segment_at(&image->exe, goleak_pclntab_entry(&image->table, 0));
    image->text = code->address;
    image->text_end = code->address + code->memory_bytes;
    image->trees = goleak_inline_find(&image->exe, &image->table, search.address);
    return GOLEAK_OK;
}

static enum goleak_status open_either(struct goleak_image **out, struct goleak_alloc *alloc, const char *path,
                                      const void *bytes, size_t size, struct goleak_error *error)
{
    *out = NULL;
    struct goleak_image *image = goleak_alloc_zeroed(alloc, sizeof *image);
    if (image == NULL)
        return goleak_error_alloc(error, alloc);
    image->alloc = alloc;
    enum goleak_status status = path != NULL ? goleak_exe_open(&image->exe, alloc, path, error)
                                             : goleak_exe_open_bytes(&image->exe, alloc, bytes, size, error);
    if (status >= 0)
        status = open_image(image, error);
    if (status >= 0)
        *out = image;
    else
        goleak_image_close(image);
    return status;
}

enum goleak_status goleak_image_open(struct goleak_image **out, struct goleak_alloc *alloc, const char *path,
                                     struct goleak_error *error)
{
    enum goleak_status status = open_either(out, alloc, path, NULL, 0, error);
    /* goleak_error_set clears the path, so the path goes in behind it. */
    if (status < 0 && error != NULL)
        snprintf(error->path, sizeof error->path, "%s", path);
    return status;
}

enum goleak_status goleak_image_open_bytes(struct goleak_image **out, struct goleak_alloc *alloc, const void *bytes,
                                           size_t size, struct goleak_error *error)
{
    return open_either(out, alloc, NULL, bytes, size, error);
}

void goleak_image_close(struct goleak_image *image)
{
    if (image == NULL)
        return;
    goleak_pclntab_close(&image->table);
    goleak_free(image->alloc, image->data, image->data_bytes);
    goleak_exe_close(&image->exe);
    goleak_free(image->alloc, image, sizeof *image);
}

/* ---- asking ------------------------------------------------------------------------- */

void goleak_image_info(const struct goleak_image *image, struct goleak_image_info *out)
{
    *out = (struct goleak_image_info){
        .arch = image->exe.arch,
        .movable = image->exe.movable,
        .has_symbols = image->exe.has_symbols,
        .go_version = image->version[0] != '\0' ? image->version : NULL,
        .text = image->text,
        .text_end = image->text_end,
    };
}

size_t goleak_image_count(const struct goleak_image *image)
{
    return image->table.count;
}

bool goleak_image_nth(const struct goleak_image *image, size_t index, struct goleak_image_function *out)
{
    if (index >= image->table.count)
        return false;
    out->name = goleak_pclntab_name(&image->table, (uint32_t)index);
    out->entry = goleak_pclntab_entry(&image->table, (uint32_t)index);
    out->end = goleak_pclntab_entry(&image->table, (uint32_t)index + 1);
    return out->name != NULL;
}

bool goleak_image_at(const struct goleak_image *image, uint64_t address, struct goleak_image_function *out)
{
    uint32_t index;
    return goleak_pclntab_at(&image->table, address, &index) && goleak_image_nth(image, index, out);
}

bool goleak_image_named(const struct goleak_image *image, const char *name, size_t size,
                        struct goleak_image_function *out)
{
    uint32_t index;
    return goleak_pclntab_named(&image->table, name, size, &index) && goleak_image_nth(image, index, out);
}

bool goleak_image_line(const struct goleak_image *image, uint64_t address, const char **file, uint32_t *line)
{
    return goleak_pclntab_line(&image->table, address, file, line);
}

size_t goleak_image_frames(const struct goleak_image *image, uint64_t address, struct goleak_image_frame *out,
                           size_t room)
{
    const struct goleak_pclntab *table = &image->table;
    uint32_t index;
    size_t count = 0;
    if (!goleak_pclntab_at(table, address, &index))
        return 0;
    for (bool inlined = true; inlined && count < room; count++) {
        struct goleak_image_frame *frame = &out[count];
        uint64_t caller;
        *frame = (struct goleak_image_frame){ .function = NULL };
        if (!goleak_pclntab_line(table, address, &frame->file, &frame->line))
            frame->file = NULL;
        inlined = goleak_inline_call(&image->exe, table, image->trees, index, address, &frame->function, &caller);
        if (!inlined)
            frame->function = goleak_pclntab_name(table, index);
        else if (frame->function == NULL)
            return 0;
        else
            address = caller;
    }
    return count;
}

enum goleak_image_inlined goleak_image_inlined(const struct goleak_image *image, const char *const *names, size_t count,
                                               struct goleak_image_function *where)
{
    for (uint32_t i = 0; i < image->table.count; i++) {
        bool known;
        bool has = goleak_inline_has(&image->exe, &image->table, image->trees, i, names, count, &known);
        if (!has && known)
            continue;
        if (!goleak_image_nth(image, i, where))
            where->name = "";
        return has ? GOLEAK_INLINED_SOMEWHERE : GOLEAK_INLINED_UNKNOWN;
    }
    return GOLEAK_INLINED_NOWHERE;
}

bool goleak_image_address_of(const struct goleak_image *image, uint64_t offset, uint64_t *address)
{
    const struct goleak_exe_segment *segment = goleak_exe_segment_of(&image->exe, offset);
    if (segment == NULL)
        return false;
    *address = segment->address + (offset - segment->offset);
    return true;
}

bool goleak_image_offset_of(const struct goleak_image *image, uint64_t address, uint64_t *offset)
{
    const struct goleak_exe_segment *segment = goleak_exe_segment_at(&image->exe, address);
    if (segment == NULL)
        return false;
    *offset = segment->offset + (address - segment->address);
    return true;
}

size_t goleak_image_code(const struct goleak_image *image, uint64_t address, uint8_t *out, size_t size)
{
    return goleak_exe_read(&image->exe, address, out, size);
}
