/* text - the text report; see text.c. */
#ifndef GOLEAK_REPORT_TEXT_H
#define GOLEAK_REPORT_TEXT_H

#include "report/report.h"

extern const struct goleak_report goleak_report_text;

#endif
