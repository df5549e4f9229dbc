/* bpftrace - see bpftrace.c. */
#ifndef GOLEAK_FORMAT_BPFTRACE_H
#define GOLEAK_FORMAT_BPFTRACE_H

#include "format/format.h"

extern const struct goleak_format goleak_format_bpftrace;

#endif
