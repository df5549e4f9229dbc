/* pending - stands in until the reader of executables is here. */
#include "image/image.h"

#include "base/error.h"

enum goleak_status goleak_image_open(struct goleak_image **out, struct goleak_alloc *alloc, const char *path,
                                     struct goleak_error *error)
{
    (void)out, (void)alloc, (void)path;
    return goleak_error_set(error, GOLEAK_E_FORMAT, "executables are not read yet");
}
void goleak_image_close(struct goleak_image *image)
{
    (void)image;
}
void goleak_image_info(const struct goleak_image *image, struct goleak_image_info *out)
{
    (void)image, (void)out;
}
bool goleak_image_named(const struct goleak_image *image, const char *name, size_t size,
                        struct goleak_image_function *out)
{
    (void)image, (void)name, (void)size, (void)out;
    return false;
}
bool goleak_image_offset_of(const struct goleak_image *image, uint64_t address, uint64_t *offset)
{
    (void)image, (void)address, (void)offset;
    return false;
}
size_t goleak_image_code(const struct goleak_image *image, uint64_t address, uint8_t *out, size_t size)
{
    (void)image, (void)address, (void)out, (void)size;
    return 0;
}
