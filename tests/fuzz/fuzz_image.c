/*
 * fuzz_image - any bytes as an executable, and every question that it can be asked.
 *
 * An ELF or Mach-O file is the input itself. Everything else changes a small file
 * that is whole, because few mutations get behind the headers otherwise: a byte
 * says what kind of file (see pick), and then come changes, each a place (two
 * bytes), a length (one) and that many bytes.
 */
#include "image/image.h"
#include "support/go_exe.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_LIMIT ((uint64_t)64 << 20)
#define POINTS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So that the compiler keeps the reading. */
static volatile size_t touched;

static void ask_address(const struct goleak_image *image, uint64_t address)
{
    struct goleak_image_function function;
    const char *file;
    uint32_t line;
    uint64_t other;
    uint8_t code[32];
    if (goleak_image_at(image, address, &function)) {
        touched += strlen(function.name);
        goleak_image_named(image, function.name, strlen(function.name), &function);
    }
    if (goleak_image_line(image, address, &file, &line))
        touched += strlen(file);
    struct goleak_image_frame frames[8];
    size_t count = goleak_image_frames(image, address, frames, 8);
    for (size_t i = 0; i < count; i++)
        touched += frames[i].function != NULL ? strlen(frames[i].function) : 0;
    if (goleak_image_offset_of(image, address, &other))
        goleak_image_address_of(image, other, &other);
    touched += goleak_image_code(image, address, code, sizeof code);
}

static void ask(const struct goleak_image *image)
{
    struct goleak_image_info info;
    struct goleak_image_function function;
    goleak_image_info(image, &info);
    touched += info.go_version != NULL ? strlen(info.go_version) : 0;
    size_t count = goleak_image_count(image);
    for (size_t i = 0; i < count && i < POINTS; i++) {
        if (goleak_image_nth(image, i, &function))
            touched += strlen(function.name);
        ask_address(image, function.entry);
        ask_address(image, function.end - 1);
        ask_address(image, function.entry + (function.end - function.entry) / 2);
    }
    ask_address(image, info.text);
    ask_address(image, info.text_end);
}

static void open_and_ask(const void *data, size_t size)
{
    struct goleak_alloc alloc;
    struct goleak_error error;
    struct goleak_image *image;
    goleak_alloc_init(&alloc, NULL, MEMORY_LIMIT);
    if (goleak_image_open_bytes(&image, &alloc, data, size, &error) >= 0)
        ask(image);
    goleak_image_close(image);
    if (alloc.used_bytes != 0)
        abort();
}

static struct go_exe pick(unsigned byte)
{
    static const unsigned minors[] = { 16, 18, 20, 26 };
    return (struct go_exe){
        .minor = minors[byte & 3],
        .macho = (byte & 4) != 0,
        .movable = (byte & 8) != 0,
        .no_symbols = (byte & 16) != 0,
        .no_sections = (byte & 32) != 0,
        .no_module_section = (byte & 64) != 0,
    };
}

static void change(struct bytes *file, const uint8_t *data, size_t size)
{
    for (size_t at = 0; size - at > 3;) {
        size_t place = data[at] + 256u * data[at + 1], length = data[at + 2] % 16u;
        at += 3;
        for (; length != 0 && at < size; length--, place++, at++)
            if (place < file->size)
                file->data[place] = (char)data[at];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || data[0] == 0x7f || data[0] >= 0xca) {
        open_and_ask(data, size);
        return 0;
    }
    struct bytes file = { 0 };
    struct go_exe exe = pick(data[0]);
    go_exe_write(&file, &exe, NULL);
    change(&file, data + 1, size - 1);
    /* A block of exactly this size, so that reading past its end is noticed. */
    char *exact = malloc(file.size);
    if (exact == NULL)
        abort();
    memcpy(exact, file.data, file.size);
    open_and_ask(exact, file.size);
    free(exact);
    bytes_free(&file);
    return 0;
}
