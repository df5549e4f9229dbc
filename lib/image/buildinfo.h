/* buildinfo - the version of Go that built a program, from what its linker left. */
#ifndef GOLEAK_IMAGE_BUILDINFO_H
#define GOLEAK_IMAGE_BUILDINFO_H

#include "image/exe.h"

#define GOLEAK_BUILDINFO_VERSION_MAX 255

/* "go1.26.1", NUL-terminated; false, and "", where there is none: a build may leave
 * it out. */
bool goleak_buildinfo_version(const struct goleak_exe *exe, char out[GOLEAK_BUILDINFO_VERSION_MAX + 1]);

#endif
