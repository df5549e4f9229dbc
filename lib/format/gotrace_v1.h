/* gotrace_v1 - see gotrace_v1.c. */
#ifndef GOLEAK_FORMAT_GOTRACE_V1_H
#define GOLEAK_FORMAT_GOTRACE_V1_H

#include "format/format.h"

extern const struct goleak_format goleak_format_gotrace_v1;

#endif
