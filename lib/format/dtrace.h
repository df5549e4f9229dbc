/* dtrace - the format of D scripts' output; see dtrace.c. */
#ifndef GOLEAK_FORMAT_DTRACE_H
#define GOLEAK_FORMAT_DTRACE_H

#include "format/format.h"

extern const struct goleak_format goleak_format_dtrace;

#endif
