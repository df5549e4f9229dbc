/* gotrace_v2 - see gotrace_v2.c. */
#ifndef GOLEAK_FORMAT_GOTRACE_V2_H
#define GOLEAK_FORMAT_GOTRACE_V2_H

#include "format/format.h"

extern const struct goleak_format goleak_format_gotrace_v2;

#endif
