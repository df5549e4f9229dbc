/* perf - see perf.c. */
#ifndef GOLEAK_FORMAT_PERF_H
#define GOLEAK_FORMAT_PERF_H

#include "format/format.h"

extern const struct goleak_format goleak_format_perf;

#endif
