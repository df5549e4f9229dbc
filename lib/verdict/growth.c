/* growth - see growth.h. */
#include "verdict/growth.h"

#include "verdict/statistics.h"

struct goleak_rise goleak_growth_of(const struct goleak_ledger *ledger, uint32_t site)
{
    struct goleak_rise rise = { 0 };
    int64_t alive[GOLEAK_LEDGER_PARTS];
    uint64_t series[GOLEAK_LEDGER_PARTS];
    rise.parts = goleak_ledger_series(ledger, site, alive);
    for (size_t i = 0; i < rise.parts; i++) {
        series[i] = alive[i] > 0 ? (uint64_t)alive[i] : 0;
        rise.rising += series[i] > (i != 0 ? series[i - 1] : 0);
        rise.alive = series[i];
    }
    rise.created = goleak_ledger_told(ledger, site, GOLEAK_T_CREATED);
    rise.ended = goleak_ledger_ended(ledger, site);
    if (rise.created > 1) { /* of many sites nothing more is asked */
        rise.trend = goleak_trend(series, rise.parts);
        rise.slope = rise.trend > 0 ? goleak_slope(series, rise.parts) : 0;
    }
    return rise;
}
