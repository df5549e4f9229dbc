/* text_words - see text_words.h. */
#include "report/text_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

struct goleak_word goleak_words_count(uint64_t count)
{
    struct goleak_word out;
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t to = 0;
    for (int i = 0; i < size; i++) {
        if (i != 0 && (size - i) % 3 == 0)
            out.text[to++] = ',';
        out.text[to++] = digits[i];
    }
    out.text[to] = '\0';
    return out;
}

struct goleak_word goleak_words_counted(uint64_t count, const char *noun)
{
    struct goleak_word out;
    snprintf(out.text, sizeof out.text, "%.32s %.40s%s", goleak_words_count(count).text, noun, count == 1 ? "" : "s");
    return out;
}

/* The step to round to that leaves three digits, at most two of them behind the
 * point. */
static uint64_t step_of(uint64_t value, uint64_t unit)
{
    return value >= 100 * unit ? unit : value >= 10 * unit ? unit / 10 : unit / 100;
}

/* "3.2 ms": the value in units, its hundredths as far as they are not zero. */
static struct goleak_word decimal(uint64_t value, uint64_t unit, const char *name)
{
    struct goleak_word out;
    uint64_t hundredths = value % unit / (unit / 100);
    if (hundredths == 0)
        snprintf(out.text, sizeof out.text, "%" PRIu64 " %s", value / unit, name);
    else if (hundredths % 10 == 0)
        snprintf(out.text, sizeof out.text, "%" PRIu64 ".%" PRIu64 " %s", value / unit, hundredths / 10, name);
    else
        snprintf(out.text, sizeof out.text, "%" PRIu64 ".%02" PRIu64 " %s", value / unit, hundredths, name);
    return out;
}

/* Two units of time, the small one rounded and left out where it is zero. */
static struct goleak_word two_units(uint64_t ns, uint64_t large_ns, char large, uint64_t small_ns, char small)
{
    struct goleak_word out;
    uint64_t smalls = ns / small_ns + (ns % small_ns >= small_ns / 2), ratio = large_ns / small_ns;
    if (smalls % ratio == 0)
        snprintf(out.text, sizeof out.text, "%" PRIu64 "%c", smalls / ratio, large);
    else
        snprintf(out.text, sizeof out.text, "%" PRIu64 "%c %" PRIu64 "%c", smalls / ratio, large, smalls % ratio,
                 small);
    return out;
}

static struct goleak_word long_duration(uint64_t ns)
{
    const uint64_t minute = 60 * SECOND_NS, hour = 60 * minute, day = 24 * hour;
    /* What rounds up to the next unit belongs there. */
    if (ns < hour - SECOND_NS / 2)
        return two_units(ns, minute, 'm', SECOND_NS, 's');
    if (ns < day - minute / 2)
        return two_units(ns, hour, 'h', minute, 'm');
    return two_units(ns, day, 'd', hour, 'h');
}

static struct goleak_word positive_duration(uint64_t ns)
{
    static const struct {
        uint64_t unit, below;
        const char *name;
    } units[] = {
        { 1000, 1000000, "us" },
        { 1000000, SECOND_NS, "ms" },
        { SECOND_NS, 60 * SECOND_NS, "s" },
    };
    struct goleak_word out;
    if (ns < 1000) {
        snprintf(out.text, sizeof out.text, "%" PRIu64 " ns", ns);
        return out;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        uint64_t step = step_of(ns, units[i].unit), rounded = (ns + step / 2) / step * step;
        if (rounded < units[i].below) /* else it rounds up to the next unit */
            return decimal(rounded, units[i].unit, units[i].name);
    }
    return long_duration(ns);
}

struct goleak_word goleak_words_duration(int64_t ns)
{
    if (ns >= 0)
        return positive_duration((uint64_t)ns);
    struct goleak_word out;
    snprintf(out.text, sizeof out.text, "-%.60s", positive_duration(0 - (uint64_t)ns).text);
    return out;
}

struct goleak_word goleak_words_bytes(uint64_t bytes)
{
    static const char *const names[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    struct goleak_word out;
    unsigned power = 0;
    while (power < 6 && bytes >> (10 * power) >= 1024)
        power++;
    if (power == 0) {
        snprintf(out.text, sizeof out.text, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
        return out;
    }
    /* In thousandths of the unit, from its 1024ths: exact enough for two digits. */
    uint64_t parts = bytes >> (10 * (power - 1)), thousandths = parts / 1024 * 1000 + parts % 1024 * 1000 / 1024;
    uint64_t step = step_of(thousandths, 1000);
    return decimal((thousandths + step / 2) / step * step, 1000, names[power]);
}

static const char *words_of(enum goleak_reason reason)
{
    switch (reason) {
    case GOLEAK_REASON_FOREVER:
        return "blocked forever";
    case GOLEAK_REASON_NET:
        return "waiting for the network";
    case GOLEAK_REASON_SELECT:
        return "blocked in a select";
    case GOLEAK_REASON_COND_WAIT:
        return "blocked on a condition variable";
    case GOLEAK_REASON_SYNC:
        return "blocked on a lock or wait group";
    case GOLEAK_REASON_CHAN_SEND:
        return "blocked sending to a channel";
    case GOLEAK_REASON_CHAN_RECV:
        return "blocked receiving from a channel";
    case GOLEAK_REASON_SLEEP:
        return "sleeping";
    case GOLEAK_REASON_UNKNOWN:
        return "parked for an unknown reason";
    case GOLEAK_REASON_NONE: return "alive at the end";
    default:
        return "parked";
    }
}

struct goleak_word goleak_words_wait(enum goleak_reason reason, const char *wait_reason)
{
    struct goleak_word out;
    const char *name = wait_reason != NULL ? wait_reason : goleak_reason_name(reason);
    if (name != NULL && strncmp(name, "sync.", 5) == 0)
        snprintf(out.text, sizeof out.text, "blocked in %.60s", name);
    else
        snprintf(out.text, sizeof out.text, "%s", words_of(reason));
    return out;
}
