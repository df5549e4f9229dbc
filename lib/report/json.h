/* json - the json report; see json.c. */
#ifndef GOLEAK_REPORT_JSON_H
#define GOLEAK_REPORT_JSON_H

#include "report/report.h"

extern const struct goleak_report goleak_report_json;

#endif
