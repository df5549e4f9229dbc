/* glk - our own compact binary format, see glk.c and docs/FORMAT-GLK.md. */
#ifndef GOLEAK_FORMAT_GLK_H
#define GOLEAK_FORMAT_GLK_H

#include "format/format.h"

extern const struct goleak_format goleak_format_glk;

#endif
