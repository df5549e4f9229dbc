/* statistics - see statistics.h. */
#include "verdict/statistics.h"

#include <math.h>
#include <stdlib.h>

double goleak_survival(const uint64_t *ended, const uint64_t *going_on, size_t buckets, size_t upto)
{
    double at_risk = 0, survival = 1;
    for (size_t b = 0; b < buckets; b++)
        at_risk += (double)ended[b] + (double)going_on[b];
    for (size_t b = 0; b < buckets && b <= upto && at_risk > 0; b++) {
        survival *= 1 - (double)ended[b] / at_risk;
        at_risk -= (double)ended[b] + (double)going_on[b];
    }
    return survival;
}

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

double goleak_trend(const uint64_t *series, size_t count)
{
    double sum = 0, n = (double)count, variance = n * (n - 1) * (2 * n + 5);
    for (size_t i = 0; i < count; i++) {
        size_t equal = 0, before = 0;
        for (size_t j = 0; j < count; j++) {
            equal += series[j] == series[i];
            before += j < i && series[j] == series[i];
            sum += j > i ? compare(series[j], series[i]) : 0;
        }
        double ties = (double)equal;
        if (before == 0) /* each group of equals once */
            variance -= ties * (ties - 1) * (2 * ties + 5);
    }
    if (variance <= 0 || sum == 0)
        return 0;
    return (sum > 0 ? sum - 1 : sum + 1) / sqrt(variance / 18);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

#define SERIES_MOST 32

double goleak_slope(const uint64_t *series, size_t count)
{
    double slopes[SERIES_MOST * (SERIES_MOST - 1) / 2];
    size_t found = 0;
    for (size_t i = 0; i < count && count <= SERIES_MOST; i++)
        for (size_t j = i + 1; j < count; j++)
            slopes[found++] = ((double)series[j] - (double)series[i]) / (double)(j - i);
    if (found == 0)
        return 0;
    qsort(slopes, found, sizeof *slopes, by_value);
    return found % 2 != 0 ? slopes[found / 2] : (slopes[found / 2 - 1] + slopes[found / 2]) / 2;
}

double goleak_at_least(double expected, uint64_t least)
{
    if (least == 0)
        return 1;
    if (expected <= 0)
        return 0;
    if (expected > 700) { /* where exp() ends a normal distribution is as good */
        double deviations = ((double)least - 0.5 - expected) / sqrt(expected);
        return 0.5 * erfc(deviations / sqrt(2.0));
    }
    double term = exp(-expected), sum = term;
    for (uint64_t k = 1; k < least && k < 4096; k++) {
        term *= expected / (double)k;
        sum += term;
    }
    return sum < 1 ? 1 - sum : 0;
}
