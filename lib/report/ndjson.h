/* ndjson - the ndjson report; see ndjson.c. */
#ifndef GOLEAK_REPORT_NDJSON_H
#define GOLEAK_REPORT_NDJSON_H

#include "report/report.h"

extern const struct goleak_report goleak_report_ndjson;

#endif
